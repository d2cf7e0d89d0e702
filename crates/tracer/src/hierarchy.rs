//! A binary hierarchy of boxes around triangles, built by the surface area heuristic over bins: Wald, On fast Construction of
//! SAH-based Bounding Volume Hierarchies, 2007. The same input gives the same tree.
//!
//! The crate obvhs makes better trees (PLOC with reinsertion), but brings a radix sort with it whose dependencies change the
//! features of what every picture is decoded with.

use glam::Vec3A;

/// Bins along an axis.
const BINS: usize = 16;
/// Triangles that a leaf may hold, if splitting it gains nothing.
const LARGEST_LEAF: usize = 8;
/// From this depth on, nodes are halved by number, so that no model makes a tree that is too deep.
const BALANCED_FROM: u32 = 40;
/// The deepest that a tree can be: 40 levels, and 32 halvings.
const DEEPEST: usize = 80;

/// A box.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub low: Vec3A,
    pub high: Vec3A,
}

impl Bounds {
    const EMPTY: Self = Self { low: Vec3A::INFINITY, high: Vec3A::NEG_INFINITY };

    /// Around points.
    pub fn of(points: &[Vec3A]) -> Self {
        points.iter().fold(Self::EMPTY, |own, &point| Self { low: own.low.min(point), high: own.high.max(point) })
    }

    fn with(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Half the surface.
    fn area(self) -> f32 {
        let size = (self.high - self.low).max(Vec3A::ZERO);
        size.x * size.y + size.y * size.z + size.z * size.x
    }

    fn middle(self) -> Vec3A {
        (self.low + self.high) * 0.5
    }
}

/// A box with two children, one after the other from `first`, or with `count` primitives.
#[derive(Debug, Clone, Copy)]
struct Node {
    low: [f32; 3],
    first: u32,
    high: [f32; 3],
    count: u32,
}

impl Node {
    fn leaf(bounds: Bounds, first: usize, count: usize) -> Self {
        Self { low: bounds.low.to_array(), first: first as u32, high: bounds.high.to_array(), count: count as u32 }
    }

    /// Where a ray enters the box; infinite where it misses.
    #[inline]
    fn entry(&self, origin: Vec3A, inverse: Vec3A, most: f32) -> f32 {
        let to_low = (Vec3A::from_array(self.low) - origin) * inverse;
        let to_high = (Vec3A::from_array(self.high) - origin) * inverse;
        let enter = to_low.min(to_high).max_element().max(0.0);
        // A box of no thickness must not be missed for a rounding error.
        let leave = to_low.max(to_high).min_element() * 1.000_001;
        if enter <= leave && enter <= most { enter } else { f32::INFINITY }
    }
}

/// The hierarchy. Leaves hold ranges of [`Hierarchy::order`].
#[derive(Debug)]
pub struct Hierarchy {
    nodes: Vec<Node>,
    /// The numbers of the primitives in the order of the leaves.
    pub order: Vec<u32>,
}

/// A part of the primitives that becomes a node.
struct Open {
    node: usize,
    from: usize,
    to: usize,
    depth: u32,
}

impl Hierarchy {
    /// Around primitives with these boxes.
    pub fn new(boxes: &[Bounds]) -> Self {
        let mut order: Vec<u32> = (0..boxes.len() as u32).collect();
        let mut nodes = Vec::with_capacity(boxes.len() / 2 + 1);
        nodes.push(Node::leaf(Bounds::EMPTY, 0, 0));
        let mut open = vec![Open { node: 0, from: 0, to: boxes.len(), depth: 0 }];
        while let Some(Open { node, from, to, depth }) = open.pop() {
            let part = &mut order[from..to];
            let bounds = part.iter().fold(Bounds::EMPTY, |all, &at| all.with(boxes[at as usize]));
            nodes[node] = Node::leaf(bounds, from, to - from);
            let Some(left) = split(part, boxes, bounds, depth) else { continue };
            let first = nodes.len();
            nodes[node].first = first as u32;
            nodes[node].count = 0;
            nodes.extend([nodes[node]; 2]);
            open.push(Open { node: first + 1, from: from + left, to, depth: depth + 1 });
            open.push(Open { node: first, from, to: from + left, depth: depth + 1 });
        }
        if boxes.is_empty() {
            nodes.clear();
        }
        Self { nodes, order }
    }

    /// Calls `meet` with places in [`Hierarchy::order`] whose boxes the ray crosses before `most`, nearer boxes first. It says
    /// how far to look from then on; a negative number ends the search.
    #[inline]
    pub fn traverse(&self, origin: Vec3A, direction: Vec3A, most: f32, mut meet: impl FnMut(usize, f32) -> f32) {
        let Some(root) = self.nodes.first() else { return };
        // Never zero by zero: a direction along an axis is almost along it.
        let safe = Vec3A::select(direction.abs().cmplt(Vec3A::splat(1e-20)), Vec3A::splat(1e-20), direction);
        let inverse = safe.recip();
        let mut most = most;
        if root.entry(origin, inverse, most).is_infinite() {
            return;
        }
        let mut stack = [(0_u32, 0.0_f32); DEEPEST];
        let mut height = 0;
        let mut current = 0_usize;
        loop {
            let node = &self.nodes[current];
            if node.count > 0 {
                let first = node.first as usize;
                for at in first..first + node.count as usize {
                    most = meet(at, most);
                    if most < 0.0 {
                        return;
                    }
                }
            } else {
                let first = node.first as usize;
                let (left, right) = (
                    self.nodes[first].entry(origin, inverse, most),
                    self.nodes[first + 1].entry(origin, inverse, most),
                );
                let (near, far, near_entry, far_entry) =
                    if left <= right { (first, first + 1, left, right) } else { (first + 1, first, right, left) };
                if near_entry.is_finite() {
                    if far_entry.is_finite() && height < DEEPEST {
                        stack[height] = (far as u32, far_entry);
                        height += 1;
                    }
                    current = near;
                    continue;
                }
            }
            loop {
                if height == 0 {
                    return;
                }
                height -= 1;
                let (next, entry) = stack[height];
                if entry <= most {
                    current = next as usize;
                    break;
                }
            }
        }
    }
}

/// Parts the primitives in two and says how many are in the first; none where a leaf is better.
fn split(part: &mut [u32], boxes: &[Bounds], bounds: Bounds, depth: u32) -> Option<usize> {
    let count = part.len();
    if count <= 2 {
        return None;
    }
    let middles = part.iter().map(|&at| boxes[at as usize].middle());
    let around = middles.fold(Bounds::EMPTY, |all, middle| all.with(Bounds { low: middle, high: middle }));
    let size = around.high - around.low;
    let halves = |part: &mut [u32]| {
        let axis = if size.x >= size.y && size.x >= size.z { 0 } else { 1 + usize::from(size.z > size.y) };
        let key = |at: &u32| boxes[*at as usize].middle()[axis];
        part.select_nth_unstable_by(count / 2, |a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
        Some(count / 2)
    };
    if size.max_element() <= 0.0 || depth >= BALANCED_FROM {
        return if count <= LARGEST_LEAF { None } else { halves(part) };
    }
    let scale = Vec3A::select(size.cmpgt(Vec3A::ZERO), Vec3A::splat(BINS as f32 * 0.9999) / size, Vec3A::ZERO);
    let bin = |at: u32| (boxes[at as usize].middle() - around.low) * scale;
    let mut bins = [[(Bounds::EMPTY, 0_u32); BINS]; 3];
    for &at in part.iter() {
        let place = bin(at);
        for axis in 0..3 {
            let own = &mut bins[axis][(place[axis] as usize).min(BINS - 1)];
            own.0 = own.0.with(boxes[at as usize]);
            own.1 += 1;
        }
    }
    let mut best = (f32::INFINITY, 0, 0);
    for (axis, bins) in bins.iter().enumerate() {
        let mut right = [(0.0_f32, 0_u32); BINS];
        let (mut all, mut number) = (Bounds::EMPTY, 0);
        for at in (1..BINS).rev() {
            all = all.with(bins[at].0);
            number += bins[at].1;
            right[at] = (all.area(), number);
        }
        let (mut all, mut number) = (Bounds::EMPTY, 0);
        for at in 1..BINS {
            all = all.with(bins[at - 1].0);
            number += bins[at - 1].1;
            if number > 0 && right[at].1 > 0 {
                let cost = all.area() * number as f32 + right[at].0 * right[at].1 as f32;
                if cost < best.0 {
                    best = (cost, axis, at);
                }
            }
        }
    }
    let (cost, axis, edge) = best;
    if cost.is_infinite() {
        return if count <= LARGEST_LEAF { None } else { halves(part) };
    }
    // A step down costs about as much as a triangle.
    if count <= LARGEST_LEAF && cost + bounds.area() >= bounds.area() * count as f32 {
        return None;
    }
    let is_left = |at: u32| (bin(at)[axis] as usize).min(BINS - 1) < edge;
    let mut left = 0;
    for at in 0..count {
        if is_left(part[at]) {
            part.swap(left, at);
            left += 1;
        }
    }
    if left == 0 || left == count { halves(part) } else { Some(left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Sampler;

    fn cloud(count: u32, size: f32) -> Vec<Bounds> {
        (0..count)
            .map(|at| {
                let mut sampler = Sampler::new(at, 0);
                let ([x, y], z) = (sampler.pair(), sampler.single());
                let low = Vec3A::new(x, y, z);
                Bounds { low, high: low + Vec3A::splat(size) }
            })
            .collect()
    }

    #[test]
    fn a_ray_meets_every_box_that_it_crosses_and_each_primitive_is_in_one_leaf() {
        for boxes in [cloud(1, 0.1), cloud(7, 0.2), cloud(3000, 0.02), vec![cloud(1, 0.5)[0]; 100]] {
            let tree = Hierarchy::new(&boxes);
            let mut order = tree.order.clone();
            order.sort_unstable();
            assert!(order.iter().copied().eq(0..boxes.len() as u32));
            for ray in 0..200 {
                let mut sampler = Sampler::new(ray, 1);
                let ([a, b], [c, d]) = (sampler.pair(), sampler.pair());
                let origin = Vec3A::new(a, b, -1.0);
                let direction = (Vec3A::new(c, d, 2.0) - origin).normalize();
                let mut met = vec![false; boxes.len()];
                tree.traverse(origin, direction, f32::INFINITY, |at, most| {
                    met[tree.order[at] as usize] = true;
                    most
                });
                for (bounds, met) in boxes.iter().zip(&met) {
                    let node = Node::leaf(*bounds, 0, 1);
                    if node.entry(origin, direction.recip(), f32::INFINITY).is_finite() {
                        assert!(met, "ray {ray} misses a box");
                    }
                }
            }
        }
        Hierarchy::new(&[]).traverse(Vec3A::ZERO, Vec3A::X, 1.0, |_, _| unreachable!());
    }

    #[test]
    fn ever_smaller_boxes_do_not_make_a_tree_that_is_too_deep() {
        let boxes: Vec<Bounds> = (0..120)
            .map(|at| Bounds { low: Vec3A::splat(0.5_f32.powi(at)), high: Vec3A::splat(0.5_f32.powi(at)) })
            .collect();
        let tree = Hierarchy::new(&boxes);
        let mut met = 0;
        tree.traverse(Vec3A::splat(-1.0), Vec3A::ONE.normalize(), f32::INFINITY, |_, most| {
            met += 1;
            most
        });
        assert!(met > 100, "{met}");
    }
}

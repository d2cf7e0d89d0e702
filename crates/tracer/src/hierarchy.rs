//! A hierarchy of boxes around triangles, with up to four children a node, built by the surface area heuristic over bins: Wald, On
//! fast Construction of SAH-based Bounding Volume Hierarchies, 2007; Wald, Benthin and Boulos, Getting Rid of Packets, 2008. The
//! same input gives the same tree on any number of threads.
//!
//! A ray is tested against the boxes of four children at once, one in each lane of a register: of two children, half a register
//! is idle, and the tree takes half as much memory again.
//!
//! The crate obvhs makes better trees (PLOC with reinsertion), but brings a radix sort with it whose dependencies change the
//! features of what every picture is decoded with.

use glam::{Vec3A, Vec4};

/// Children of a node, at most.
const CHILDREN: usize = 4;
/// Bins along an axis.
const BINS: usize = 16;
/// Primitives that a leaf may hold, if splitting it gains nothing.
const LARGEST_LEAF: usize = 8;
/// From this many splits on, primitives are halved by number, so that no model makes a tree that is too deep.
const BALANCED_FROM: u32 = 40;
/// The most nodes that can be left for later on the way to a leaf: one for each of 40 splits, and for 32 halvings.
const MOST_WAITING: usize = 80;
/// Parts with more primitives than this are built by several threads.
const LARGEST_ALONE: usize = 1 << 15;

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

/// Something with a box.
pub trait Primitive: Copy + Send {
    fn bounds(&self) -> Bounds;
}

/// Where a child is: a node's number, or primitives. Leaves have the number of their primitives in the upper bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Child(u32);

impl Child {
    /// Bits of a node's number, or of that of a leaf's first primitive: more than can be drawn.
    const BITS: u32 = 28;

    fn node(number: usize) -> Self {
        debug_assert!(number < 1 << Self::BITS);
        Self(number as u32)
    }

    fn leaf(first: usize, count: usize) -> Self {
        debug_assert!(first < 1 << Self::BITS && (1..=LARGEST_LEAF).contains(&count));
        Self((count as u32) << Self::BITS | first as u32)
    }

    fn number(self) -> usize {
        (self.0 & ((1 << Self::BITS) - 1)) as usize
    }

    /// Primitives of a leaf; 0 for a node.
    fn count(self) -> usize {
        (self.0 >> Self::BITS) as usize
    }

    fn moved(self, nodes: usize) -> Self {
        if self.count() == 0 { Self::node(self.number() + nodes) } else { self }
    }
}

/// The boxes of four children, by side (low, high), axis and child. Boxes of children that are missing hold nothing.
#[derive(Debug, Clone, Copy)]
struct Node {
    sides: [[Vec4; 3]; 2],
    children: [Child; CHILDREN],
}

impl Node {
    const EMPTY: Self = Self { sides: [[Vec4::INFINITY; 3], [Vec4::NEG_INFINITY; 3]], children: [Child(0); CHILDREN] };

    fn set(&mut self, at: usize, bounds: Bounds, child: Child) {
        for axis in 0..3 {
            self.sides[0][axis][at] = bounds.low[axis];
            self.sides[1][axis][at] = bounds.high[axis];
        }
        self.children[at] = child;
    }
}

/// A ray with what its tests against boxes share.
struct Ray {
    origin: [Vec4; 3],
    inverse: [Vec4; 3],
    /// The side of boxes on which the ray enters, on each axis.
    near: [usize; 3],
}

impl Ray {
    fn new(origin: Vec3A, direction: Vec3A) -> Self {
        // Never zero by zero: a direction along an axis is almost along it.
        let safe = Vec3A::select(direction.abs().cmplt(Vec3A::splat(1e-20)), Vec3A::splat(1e-20), direction);
        let inverse = safe.recip();
        Self {
            origin: [Vec4::splat(origin.x), Vec4::splat(origin.y), Vec4::splat(origin.z)],
            inverse: [Vec4::splat(inverse.x), Vec4::splat(inverse.y), Vec4::splat(inverse.z)],
            near: [usize::from(safe.x < 0.0), usize::from(safe.y < 0.0), usize::from(safe.z < 0.0)],
        }
    }

    /// Where the ray enters the children's boxes, and a bit for each that it crosses before `most`.
    #[inline]
    fn cross(&self, node: &Node, most: f32) -> (Vec4, u32) {
        let to = |side: usize, axis: usize| {
            (node.sides[(side ^ self.near[axis]) & 1][axis] - self.origin[axis]) * self.inverse[axis]
        };
        let enter = to(0, 0).max(to(0, 1)).max(to(0, 2).max(Vec4::ZERO));
        // A box of no thickness must not be missed for a rounding error.
        let leave = to(1, 0).min(to(1, 1)).min(to(1, 2)) * 1.000_001;
        (enter, enter.cmple(leave.min(Vec4::splat(most))).bitmask())
    }
}

/// The hierarchy over primitives, which it has put in order. Leaves are ranges of them.
#[derive(Debug)]
pub struct Hierarchy {
    nodes: Vec<Node>,
}

/// Primitives that become a child.
struct Part<'a, P> {
    primitives: &'a mut [P],
    /// The number of the first.
    first: usize,
    bounds: Bounds,
    splits: u32,
}

impl Hierarchy {
    /// Around primitives, which it orders.
    pub fn new<P: Primitive>(primitives: &mut [P], threads: usize) -> Self {
        if primitives.is_empty() {
            return Self { nodes: Vec::new() };
        }
        let bounds = around(primitives);
        let mut nodes = grow(Part { primitives, first: 0, bounds, splits: 0 }, threads);
        nodes.shrink_to_fit();
        Self { nodes }
    }

    /// Calls `meet` with the numbers of primitives whose leaves' boxes the ray crosses before `most`, nearer boxes first. It says
    /// how far to look from then on; a negative number ends the search.
    #[inline]
    pub fn traverse(&self, origin: Vec3A, direction: Vec3A, most: f32, mut meet: impl FnMut(usize, f32) -> f32) {
        if self.nodes.is_empty() {
            return;
        }
        let ray = Ray::new(origin, direction);
        let mut most = most;
        let mut waiting = [(Child(0), 0.0_f32); MOST_WAITING];
        let mut height = 0;
        let mut current = Child::node(0);
        loop {
            if current.count() == 0 {
                let node = &self.nodes[current.number()];
                let (enter, mut crossed) = ray.cross(node, most);
                let bottom = height;
                while crossed != 0 {
                    let at = crossed.trailing_zeros() as usize;
                    crossed &= crossed - 1;
                    let mut place = height;
                    // The furthest is lowest.
                    while place > bottom && waiting[place - 1].1 < enter[at] {
                        waiting[place] = waiting[place - 1];
                        place -= 1;
                    }
                    waiting[place] = (node.children[at], enter[at]);
                    height += 1;
                }
            } else {
                let first = current.number();
                for at in first..first + current.count() {
                    most = meet(at, most);
                    if most < 0.0 {
                        return;
                    }
                }
            }
            loop {
                if height == 0 {
                    return;
                }
                height -= 1;
                let (next, enter) = waiting[height];
                if enter <= most {
                    current = next;
                    break;
                }
            }
        }
    }
}

fn around<P: Primitive>(primitives: &[P]) -> Bounds {
    primitives.iter().fold(Bounds::EMPTY, |all, own| all.with(own.bounds()))
}

/// The nodes below a part, itself the first of them.
fn grow<P: Primitive>(part: Part<'_, P>, threads: usize) -> Vec<Node> {
    let count = part.primitives.len();
    let (own, inner) = divide(part);
    if threads > 1 && count > LARGEST_ALONE {
        let each = (threads / CHILDREN).max(1);
        let grown: Vec<Vec<Node>> = std::thread::scope(|scope| {
            let started: Vec<_> = inner.into_iter().map(|(_, part)| scope.spawn(move || grow(part, each))).collect();
            started.into_iter().map(join).collect()
        });
        return joined(own, grown);
    }
    let mut nodes = Vec::with_capacity(count / 6 + 1);
    nodes.push(own);
    let mut open: Vec<(usize, usize, Part<'_, P>)> = inner.into_iter().map(|(at, part)| (0, at, part)).collect();
    while let Some((parent, at, part)) = open.pop() {
        let number = nodes.len();
        nodes[parent].children[at] = Child::node(number);
        let (own, inner) = divide(part);
        nodes.push(own);
        open.extend(inner.into_iter().map(|(at, part)| (number, at, part)));
    }
    nodes
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A node above trees of its own, whose numbers go on from each other's. The trees are those of its inner children in
/// their order.
fn joined(mut own: Node, trees: Vec<Vec<Node>>) -> Vec<Node> {
    let mut starts = Vec::with_capacity(trees.len());
    let mut count = 1;
    for tree in &trees {
        starts.push(count);
        count += tree.len();
    }
    let inner = own.children.iter_mut().filter(|child| **child == INNER);
    for (child, &start) in inner.zip(&starts) {
        *child = Child::node(start);
    }
    let mut nodes = Vec::with_capacity(count);
    nodes.push(own);
    for (tree, start) in trees.into_iter().zip(starts) {
        nodes.extend(tree.into_iter().map(|node| Node { children: node.children.map(|own| own.moved(start)), ..node }));
    }
    nodes
}

/// What stands for an inner child until its node has a number.
const INNER: Child = Child(u32::MAX >> (32 - Child::BITS));

/// A node for a part, and which of its children are nodes of their own.
fn divide<P: Primitive>(part: Part<'_, P>) -> (Node, Vec<(usize, Part<'_, P>)>) {
    let mut parts = vec![part];
    let mut is_leaf = [false; CHILDREN];
    while parts.len() < CHILDREN {
        // The largest box is the one that most rays meet.
        let largest = (0..parts.len())
            .filter(|&at| !is_leaf[at])
            .max_by(|&a, &b| parts[a].bounds.area().total_cmp(&parts[b].bounds.area()).then(b.cmp(&a)));
        let Some(at) = largest else { break };
        let part = &mut parts[at];
        let Some((count, left, right)) = split(part.primitives, part.bounds, part.splits) else {
            is_leaf[at] = true;
            continue;
        };
        let Part { primitives, first, splits, .. } = parts.swap_remove(at);
        // What took the removed part's place takes its mark along.
        is_leaf[at] = is_leaf[parts.len()];
        is_leaf[parts.len()] = false;
        is_leaf[parts.len() + 1] = false;
        let (before, after) = primitives.split_at_mut(count);
        parts.push(Part { primitives: before, first, bounds: left, splits: splits + 1 });
        parts.push(Part { primitives: after, first: first + count, bounds: right, splits: splits + 1 });
    }
    let mut node = Node::EMPTY;
    let mut inner = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        let count = part.primitives.len();
        if is_leaf[at] || count <= 2 {
            node.set(at, part.bounds, Child::leaf(part.first, count));
        } else {
            node.set(at, part.bounds, INNER);
            inner.push((at, part));
        }
    }
    (node, inner)
}

/// Parts the primitives in two, and says how many are in the first and what is around each; none where a leaf is better.
fn split<P: Primitive>(part: &mut [P], bounds: Bounds, splits: u32) -> Option<(usize, Bounds, Bounds)> {
    let count = part.len();
    if count <= 2 {
        return None;
    }
    let around_middles = part.iter().map(|own| own.bounds().middle());
    let around_middles =
        around_middles.fold(Bounds::EMPTY, |all, middle| all.with(Bounds { low: middle, high: middle }));
    let size = around_middles.high - around_middles.low;
    let halves = |part: &mut [P]| {
        let axis = if size.x >= size.y && size.x >= size.z { 0 } else { 1 + usize::from(size.z > size.y) };
        part.select_nth_unstable_by(count / 2, |a, b| a.bounds().middle()[axis].total_cmp(&b.bounds().middle()[axis]));
        Some((count / 2, around(&part[..count / 2]), around(&part[count / 2..])))
    };
    if size.max_element() <= 0.0 || splits >= BALANCED_FROM {
        return if count <= LARGEST_LEAF { None } else { halves(part) };
    }
    let scale = Vec3A::select(size.cmpgt(Vec3A::ZERO), Vec3A::splat(BINS as f32 * 0.9999) / size, Vec3A::ZERO);
    let bin = |own: Bounds| (own.middle() - around_middles.low) * scale;
    let mut bins = [[(Bounds::EMPTY, 0_u32); BINS]; 3];
    for own in part.iter().map(Primitive::bounds) {
        let place = bin(own);
        for axis in 0..3 {
            let bin = &mut bins[axis][(place[axis] as usize).min(BINS - 1)];
            bin.0 = bin.0.with(own);
            bin.1 += 1;
        }
    }
    let mut best = (f32::INFINITY, 0, 0, bounds, bounds);
    for (axis, bins) in bins.iter().enumerate() {
        let mut right = [(Bounds::EMPTY, 0_u32); BINS];
        let (mut all, mut number) = (Bounds::EMPTY, 0);
        for at in (1..BINS).rev() {
            all = all.with(bins[at].0);
            number += bins[at].1;
            right[at] = (all, number);
        }
        let (mut all, mut number) = (Bounds::EMPTY, 0);
        for at in 1..BINS {
            all = all.with(bins[at - 1].0);
            number += bins[at - 1].1;
            if number > 0 && right[at].1 > 0 {
                let cost = all.area() * number as f32 + right[at].0.area() * right[at].1 as f32;
                if cost < best.0 {
                    best = (cost, axis, at, all, right[at].0);
                }
            }
        }
    }
    let (cost, axis, edge, left_bounds, right_bounds) = best;
    if cost.is_infinite() {
        return if count <= LARGEST_LEAF { None } else { halves(part) };
    }
    // A step down costs about as much as a triangle.
    if count <= LARGEST_LEAF && cost + bounds.area() >= bounds.area() * count as f32 {
        return None;
    }
    let mut left = 0;
    for at in 0..count {
        if (bin(part[at].bounds())[axis] as usize).min(BINS - 1) < edge {
            part.swap(left, at);
            left += 1;
        }
    }
    if left == 0 || left == count { halves(part) } else { Some((left, left_bounds, right_bounds)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Sampler;

    #[derive(Clone, Copy, Debug)]
    struct Numbered(Bounds, u32);

    impl Primitive for Numbered {
        fn bounds(&self) -> Bounds {
            self.0
        }
    }

    fn cloud(count: u32, size: f32) -> Vec<Numbered> {
        (0..count)
            .map(|at| {
                let mut sampler = Sampler::new(at, 0);
                let ([x, y], z) = (sampler.pair(), sampler.single());
                let low = Vec3A::new(x, y, z);
                Numbered(Bounds { low, high: low + Vec3A::splat(size) }, at)
            })
            .collect()
    }

    fn crosses(bounds: Bounds, origin: Vec3A, direction: Vec3A) -> bool {
        let (to_low, to_high) = ((bounds.low - origin) / direction, (bounds.high - origin) / direction);
        to_low.min(to_high).max_element().max(0.0) <= to_low.max(to_high).min_element()
    }

    #[test]
    fn a_ray_meets_every_box_that_it_crosses_and_each_primitive_is_in_one_leaf() {
        for boxes in [cloud(1, 0.1), cloud(7, 0.2), cloud(3000, 0.02), vec![cloud(1, 0.5)[0]; 100]] {
            let mut ordered = boxes.clone();
            let tree = Hierarchy::new(&mut ordered, 1);
            let mut numbers: Vec<u32> = ordered.iter().map(|own| own.1).collect();
            let mut expected: Vec<u32> = boxes.iter().map(|own| own.1).collect();
            numbers.sort_unstable();
            expected.sort_unstable();
            assert_eq!(numbers, expected);
            for ray in 0..200 {
                let mut sampler = Sampler::new(ray, 1);
                let ([a, b], [c, d]) = (sampler.pair(), sampler.pair());
                let origin = Vec3A::new(a, b, -1.0);
                let direction = (Vec3A::new(c, d, 2.0) - origin).normalize();
                let mut met = vec![0; boxes.len()];
                tree.traverse(origin, direction, f32::INFINITY, |at, most| {
                    met[at] += 1;
                    most
                });
                for (own, met) in ordered.iter().zip(&met) {
                    assert!(*met <= 1, "ray {ray} meets a box {met} times");
                    assert!(*met == 1 || !crosses(own.0, origin, direction), "ray {ray} misses a box");
                }
            }
        }
        Hierarchy::new(&mut Vec::<Numbered>::new(), 1).traverse(Vec3A::ZERO, Vec3A::X, 1.0, |_, _| unreachable!());
    }

    #[test]
    fn any_number_of_threads_makes_the_same_tree() {
        let boxes = cloud(2 * LARGEST_ALONE as u32, 0.01);
        let order = |threads| {
            let mut own = boxes.clone();
            let tree = Hierarchy::new(&mut own, threads);
            let mut met = Vec::new();
            tree.traverse(Vec3A::splat(-1.0), Vec3A::new(1.0, 0.9, 1.1).normalize(), f32::INFINITY, |at, most| {
                met.push(own[at].1);
                most
            });
            (own.iter().map(|own| own.1).collect::<Vec<u32>>(), met, tree.nodes.len())
        };
        let one = order(1);
        assert!(one.1.len() > 10, "{}", one.1.len());
        assert!(one == order(2) && one == order(9));
    }

    #[test]
    fn ever_smaller_boxes_do_not_make_a_tree_that_is_too_deep() {
        let mut boxes: Vec<Numbered> = (0..120)
            .map(|at| Numbered(Bounds { low: Vec3A::splat(0.5_f32.powi(at)), high: Vec3A::splat(0.5_f32.powi(at)) }, 0))
            .collect();
        let tree = Hierarchy::new(&mut boxes, 1);
        let mut met = 0;
        tree.traverse(Vec3A::splat(-1.0), Vec3A::ONE.normalize(), f32::INFINITY, |_, most| {
            met += 1;
            most
        });
        assert!(met > 100, "{met}");
    }
}

//! Parts of a surface that are held or loaded, as points with a share of the area each.

use solid::Mesh;
use solid::vector::{Vector, add, dot, doubled_area, norm, scale, sub, unit};

use super::lattice::Lattice;

/// Points of a surface.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// The points.
    pub points: Vec<PatchPoint>,
}

/// A point with its share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatchPoint {
    /// Where.
    pub point: Vector,
    /// Outwards.
    pub normal: Vector,
    /// m².
    pub area: f64,
}

/// The most points along an edge of a triangle.
const MOST_STEPS: f64 = 1500.0;

/// Points of these triangles, at most `step` apart.
pub fn patch(mesh: &Mesh, triangles: impl IntoIterator<Item = usize>, step: f64) -> Patch {
    let mut patch = Patch::default();
    for triangle in triangles {
        let [a, b, c] = mesh.corners(triangle);
        let doubled = doubled_area(a, b, c);
        let longest = norm(sub(b, a)).max(norm(sub(c, b))).max(norm(sub(a, c)));
        let steps = (longest / step).ceil().clamp(1.0, MOST_STEPS) as usize;
        let (normal, area) = (unit(doubled), norm(doubled) / 2.0 / (steps * steps) as f64);
        let point = |u: f64, v: f64| {
            let (u, v) = (u / steps as f64, v / steps as f64);
            add(scale(a, 1.0 - u - v), add(scale(b, u), scale(c, v)))
        };
        for row in 0..steps {
            for column in 0..steps - row {
                let (u, v) = (column as f64, row as f64);
                patch.points.push(PatchPoint { point: point(u + 1.0 / 3.0, v + 1.0 / 3.0), normal, area });
                if column + row + 1 < steps {
                    patch.points.push(PatchPoint { point: point(u + 2.0 / 3.0, v + 2.0 / 3.0), normal, area });
                }
            }
        }
    }
    patch
}

impl Patch {
    /// m².
    pub fn area(&self) -> f64 {
        self.points.iter().map(|own| own.area).sum()
    }

    /// Holds nodes within half a cell of the surface in these directions. Gives how many nodes it holds.
    pub fn hold(&self, lattice: &Lattice, axes: [bool; 3], fixed: &mut [bool]) -> usize {
        let mut held = vec![false; lattice.node_count()];
        for own in &self.points {
            let Some(cell) = lattice.cell_under(own) else { continue };
            let reach = 0.5 * lattice.width(own.normal) * (1.0 + 1e-6);
            for &node in &lattice.nodes[cell] {
                let away = dot(own.normal, sub(lattice.position(node as usize), own.point));
                if away.abs() <= reach {
                    held[node as usize] = true;
                }
            }
        }
        for (node, _) in held.iter().enumerate().filter(|(_, held)| **held) {
            for axis in (0..3).filter(|axis| axes[*axis]) {
                fixed[3 * node + axis] = true;
            }
        }
        held.iter().filter(|held| **held).count()
    }

    /// Spreads forces over the nodes: at each point `traction` times its area. Gives the sum of what found a node.
    pub fn load(&self, lattice: &Lattice, traction: impl Fn(&PatchPoint) -> Vector, forces: &mut [f64]) -> Vector {
        let mut total = [0.0; 3];
        for own in &self.points {
            let Some(cell) = lattice.cell_under(own) else { continue };
            let force = scale(traction(own), own.area);
            total = add(total, force);
            for (node, weight) in lattice.nodes[cell].into_iter().zip(lattice.weights(cell, own.point)) {
                for axis in 0..3 {
                    forces[3 * node as usize + axis] += weight * force[axis];
                }
            }
        }
        total
    }
}

impl Lattice {
    /// How wide a cell is in a direction.
    pub fn width(&self, direction: Vector) -> f64 {
        (0..3).map(|axis| direction[axis].abs() * self.size[axis]).sum()
    }

    /// The cell that a point lies in, if it takes part.
    pub fn cell_at(&self, point: Vector) -> Option<usize> {
        let mut place = [0; 3];
        for axis in 0..3 {
            let at = (point[axis] - self.low[axis]) / self.size[axis];
            // The last side belongs to the last cell.
            let last = self.count[axis] as f64;
            if at < -1e-6 || at > last + 1e-6 {
                return None;
            }
            place[axis] = (at.floor().max(0.0) as usize).min(self.count[axis] - 1);
        }
        self.find((place[2] * self.count[1] + place[1]) * self.count[0] + place[0])
    }

    /// The cell just under a point of the surface.
    fn cell_under(&self, own: &PatchPoint) -> Option<usize> {
        let width = self.width(own.normal);
        [1e-3, 0.25, 0.5, 0.75, 1.0]
            .into_iter()
            .find_map(|depth| self.cell_at(sub(own.point, scale(own.normal, depth * width))))
    }

    /// The displacement at a point of the solid or of its surface, from the cell that it lies in or the nearest around it.
    pub fn interpolate(&self, point: Vector, displacements: &[f64]) -> Option<Vector> {
        let mut best: Option<(f64, usize)> = None;
        for z in -1..=1_i32 {
            for y in -1..=1_i32 {
                for x in -1..=1_i32 {
                    let offset: Vector =
                        std::array::from_fn(|axis| f64::from([x, y, z][axis]) * self.size[axis] * 0.999);
                    let Some(cell) = self.cell_at(add(point, offset)) else { continue };
                    let away = norm(offset);
                    if best.is_none_or(|(nearest, _)| away < nearest) {
                        best = Some((away, cell));
                    }
                }
            }
        }
        let (_, cell) = best?;
        let weights = self.weights(cell, point);
        Some(std::array::from_fn(|axis| {
            self.nodes[cell]
                .iter()
                .zip(weights)
                .map(|(node, weight)| weight * displacements[3 * *node as usize + axis])
                .sum()
        }))
    }

    /// Weights of a cell's nodes at a point, which is moved into the cell.
    pub(crate) fn weights(&self, cell: usize, point: Vector) -> [f64; 8] {
        let corner = self.position(self.nodes[cell][0] as usize);
        let at: Vector = std::array::from_fn(|axis| ((point[axis] - corner[axis]) / self.size[axis]).clamp(0.0, 1.0));
        std::array::from_fn(|node| {
            (0..3).map(|axis| if node >> axis & 1 == 1 { at[axis] } else { 1.0 - at[axis] }).product()
        })
    }
}

//! A triangle mesh, and welding: triangles whose corners lie at the same place share points.

use std::collections::{HashMap, HashSet};

use crate::vector::{Vector, bounds, doubled_area, norm, sub};

/// Points and triangles that refer to them by number, counter-clockwise as seen from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mesh {
    /// Points.
    pub points: Vec<Vector>,
    /// Three numbers of points each.
    pub triangles: Vec<[u32; 3]>,
}

/// A welded mesh, and where its triangles come from.
#[derive(Debug, Clone, Default)]
pub struct Welded {
    /// Without degenerate and duplicate triangles.
    pub mesh: Mesh,
    /// For each triangle the number that it had before.
    pub source: Vec<u32>,
    /// Triangles without area that were left out.
    pub degenerate: usize,
    /// Triangles of the same three points as another that were left out.
    pub duplicate: usize,
}

impl Mesh {
    /// The corners of a triangle.
    pub fn corners(&self, triangle: usize) -> [Vector; 3] {
        self.triangles[triangle].map(|point| self.points[point as usize])
    }

    /// The smallest and the largest coordinates.
    pub fn bounds(&self) -> (Vector, Vector) {
        bounds(self.points.iter().copied())
    }

    /// The longest side of the box.
    pub fn extent(&self) -> f64 {
        let (low, high) = self.bounds();
        (0..3).map(|axis| high[axis] - low[axis]).fold(0.0, f64::max)
    }

    /// The area of all triangles.
    pub fn area(&self) -> f64 {
        (0..self.triangles.len()).map(|at| self.corners(at)).map(|[a, b, c]| norm(doubled_area(a, b, c)) / 2.0).sum()
    }

    /// The same surface with every length multiplied.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        self.points.iter_mut().flatten().for_each(|value| *value *= factor);
        self
    }

    /// Joins points that are within `tolerance` of each other, drops triangles without area and triangles of the same three
    /// points. Two triangles of the same points that face opposite ways are both dropped only if nothing else is left of
    /// them: they are a sheet with two sides, and enclose nothing.
    pub fn weld(&self, tolerance: f64) -> Welded {
        let representative = self.representatives(tolerance);
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut welded = Welded::default();
        let mut seen: HashSet<[u32; 3]> = HashSet::with_capacity(self.triangles.len());
        for (at, triangle) in self.triangles.iter().enumerate() {
            let [a, b, c] = triangle.map(|point| representative[point as usize]);
            let [p, q, r] = [a, b, c].map(|point| self.points[point as usize]);
            let longest = norm(sub(q, p)).max(norm(sub(r, q))).max(norm(sub(p, r)));
            // A height below a millionth of the tolerance is rounding.
            if a == b || b == c || a == c || norm(doubled_area(p, q, r)) <= longest * tolerance * 1e-6 {
                welded.degenerate += 1;
                continue;
            }
            // The same three points in the same sense: the smallest first.
            let key = if a < b && a < c {
                [a, b, c]
            } else if b < c {
                [b, c, a]
            } else {
                [c, a, b]
            };
            if !seen.insert(key) {
                welded.duplicate += 1;
                continue;
            }
            let mut number = |point: u32| {
                *numbers.entry(point).or_insert_with(|| {
                    welded.mesh.points.push(self.points[point as usize]);
                    welded.mesh.points.len() as u32 - 1
                })
            };
            let triangle = [number(a), number(b), number(c)];
            welded.mesh.triangles.push(triangle);
            welded.source.push(at as u32);
        }
        welded
    }

    /// For each point the first one that lies within `tolerance` of it (of the chain that leads there).
    fn representatives(&self, tolerance: f64) -> Vec<u32> {
        let (low, _) = self.bounds();
        let size = if tolerance > 0.0 { 2.0 * tolerance } else { f64::MIN_POSITIVE };
        let mut cells: HashMap<[i64; 3], Vec<u32>> = HashMap::new();
        let mut representative = Vec::with_capacity(self.points.len());
        let mut exact: HashMap<[u64; 3], u32> = HashMap::with_capacity(self.points.len());
        for (at, point) in self.points.iter().enumerate() {
            // Adding 0 makes -0 the same as 0.
            let bits = point.map(|value| (value + 0.0).to_bits());
            if let Some(&same) = exact.get(&bits) {
                representative.push(same);
                continue;
            }
            let place: [f64; 3] = std::array::from_fn(|axis| (point[axis] - low[axis]) / size);
            let cell = place.map(|value| value.floor() as i64);
            let mut found = None;
            if tolerance > 0.0 {
                // The cells that a ball of half a cell reaches: the own one and the nearer neighbours.
                let side: [i64; 3] =
                    std::array::from_fn(|axis| if place[axis] - place[axis].floor() < 0.5 { -1 } else { 1 });
                'cells: for corner in 0..8_usize {
                    let near: [i64; 3] =
                        std::array::from_fn(|axis| cell[axis] + if corner >> axis & 1 == 1 { side[axis] } else { 0 });
                    for &other in cells.get(&near).into_iter().flatten() {
                        if norm(sub(self.points[other as usize], *point)) <= tolerance {
                            found = Some(other);
                            break 'cells;
                        }
                    }
                }
            }
            let own = found.unwrap_or_else(|| {
                if tolerance > 0.0 {
                    cells.entry(cell).or_default().push(at as u32);
                }
                at as u32
            });
            exact.insert(bits, own);
            representative.push(own);
        }
        representative
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes;

    #[test]
    fn a_soup_of_triangles_becomes_the_mesh_that_it_was() {
        let sphere = shapes::sphere(1.0, 24);
        let mut soup = Mesh::default();
        for (at, corners) in (0..sphere.triangles.len()).map(|at| sphere.corners(at)).enumerate() {
            let noise = 1e-9 * (at % 7) as f64;
            soup.points.extend(corners.map(|corner| corner.map(|value| value + noise)));
            let first = 3 * at as u32;
            soup.triangles.push([first, first + 1, first + 2]);
        }
        let welded = soup.weld(1e-6);
        assert_eq!(welded.mesh.points.len(), sphere.points.len());
        assert_eq!(welded.mesh.triangles.len(), sphere.triangles.len());
        assert_eq!((welded.degenerate, welded.duplicate), (0, 0));
    }

    #[test]
    fn triangles_without_area_and_copies_are_counted_and_left_out() {
        let mut mesh = shapes::cuboid([1.0, 2.0, 3.0]);
        let [a, b, c] = mesh.triangles[0];
        mesh.triangles.extend([[a, a, b], [b, c, a]]);
        let welded = mesh.weld(1e-6);
        assert_eq!((welded.degenerate, welded.duplicate), (1, 1));
        assert_eq!(welded.mesh.triangles.len(), 12);
    }
}

//! Volume, centre and inertia of what a closed mesh encloses, by exact integrals over its triangles.
//!
//! Method: the divergence theorem as signed tetrahedra from one point (F. Tonon, *Explicit exact formulas for the 3-D
//! tetrahedron inertia tensor in terms of its vertex coordinates*, 2004; B. Mirtich 1996 gives the same integrals).

use crate::mesh::Mesh;
use crate::vector::{Matrix, Vector, add, cross, dot, scale, sub, unit};

/// Of a body of density 1: with lengths in metres multiply volume, inertia and moments by kg/m³.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MassProperties {
    /// Volume; negative if the surface is inside out.
    pub volume: f64,
    /// The centre of mass.
    pub centre: Vector,
    /// The inertia tensor about the centre of mass, in the axes of the points.
    pub inertia: Matrix,
    /// The principal moments, the smallest first.
    pub moments: Vector,
    /// The principal axes, one a row, right-handed.
    pub axes: Matrix,
}

/// Volume integrals of 1, x and x xᵀ about the origin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Integrals {
    /// ∫ 1
    pub volume: f64,
    /// ∫ x
    pub first: Vector,
    /// ∫ x xᵀ
    pub second: Matrix,
}

impl Integrals {
    /// The sum of two.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            volume: self.volume + other.volume,
            first: add(self.first, other.first),
            second: std::array::from_fn(|row| add(self.second[row], other.second[row])),
        }
    }

    /// Mass properties; `origin` is what the integrals are about.
    pub fn properties(&self, origin: Vector) -> MassProperties {
        let inverse = if self.volume == 0.0 { 0.0 } else { 1.0 / self.volume };
        let centre = scale(self.first, inverse);
        let covariance: Matrix = std::array::from_fn(|row| {
            std::array::from_fn(|column| self.second[row][column] - self.volume * centre[row] * centre[column])
        });
        let trace = covariance[0][0] + covariance[1][1] + covariance[2][2];
        let inertia: Matrix = std::array::from_fn(|row| {
            std::array::from_fn(|column| if row == column { trace } else { 0.0 } - covariance[row][column])
        });
        let (moments, axes) = eigen(inertia);
        MassProperties { volume: self.volume, centre: add(centre, origin), inertia, moments, axes }
    }
}

impl MassProperties {
    /// Of a closed, oriented mesh. Of another one the numbers depend on where it lies.
    pub fn of_closed(mesh: &Mesh) -> Self {
        let (low, high) = mesh.bounds();
        let origin = scale(add(low, high), 0.5);
        let mut sum = Integrals::default();
        for at in 0..mesh.triangles.len() {
            let [a, b, c] = mesh.corners(at).map(|corner| sub(corner, origin));
            let determinant = dot(a, cross(b, c));
            let total = add(a, add(b, c));
            sum.volume += determinant / 6.0;
            sum.first = add(sum.first, scale(total, determinant / 24.0));
            for row in 0..3 {
                for column in 0..3 {
                    let products = a[row] * a[column] + b[row] * b[column] + c[row] * c[column];
                    sum.second[row][column] += determinant / 120.0 * (products + total[row] * total[column]);
                }
            }
        }
        sum.properties(origin)
    }
}

impl MassProperties {
    /// Of a thin sheet: its triangles, each of this thickness, as if they had no extent across.
    pub fn of_sheet(mesh: &Mesh, thickness: f64) -> Self {
        let (low, high) = mesh.bounds();
        let origin = scale(add(low, high), 0.5);
        let mut sum = Integrals::default();
        for at in 0..mesh.triangles.len() {
            let [a, b, c] = mesh.corners(at).map(|corner| sub(corner, origin));
            let volume = thickness * crate::vector::norm(crate::vector::doubled_area(a, b, c)) / 2.0;
            let total = add(a, add(b, c));
            sum.volume += volume;
            sum.first = add(sum.first, scale(total, volume / 3.0));
            for row in 0..3 {
                for column in 0..3 {
                    let products = a[row] * a[column] + b[row] * b[column] + c[row] * c[column];
                    sum.second[row][column] += volume / 12.0 * (products + total[row] * total[column]);
                }
            }
        }
        sum.properties(origin)
    }
}

/// The signed volume of a closed mesh's triangles, about a point.
pub fn signed_volume(mesh: &Mesh, triangles: &[u32], origin: Vector) -> f64 {
    let one = |&at: &u32| {
        let [a, b, c] = mesh.corners(at as usize).map(|corner| sub(corner, origin));
        dot(a, cross(b, c)) / 6.0
    };
    triangles.iter().map(one).sum()
}

/// Eigenvalues, the smallest first, and eigenvectors (rows, right-handed) of a symmetric matrix, by Jacobi's rotations.
pub fn eigen(matrix: Matrix) -> (Vector, Matrix) {
    let mut a = matrix;
    let mut v: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let size: f64 = matrix.iter().flatten().map(|value| value.abs()).sum();
    for _ in 0..60 {
        if a[0][1].abs() + a[0][2].abs() + a[1][2].abs() <= size * 1e-17 {
            break;
        }
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if a[p][q] == 0.0 {
                continue;
            }
            let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
            let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let t = if theta == 0.0 { 1.0 } else { t };
            let c = 1.0 / (t * t + 1.0).sqrt();
            let s = t * c;
            for k in 0..3 {
                let (kp, kq) = (a[k][p], a[k][q]);
                a[k][p] = c * kp - s * kq;
                a[k][q] = s * kp + c * kq;
            }
            for k in 0..3 {
                let (pk, qk) = (a[p][k], a[q][k]);
                a[p][k] = c * pk - s * qk;
                a[q][k] = s * pk + c * qk;
            }
            for row in &mut v {
                let (kp, kq) = (row[p], row[q]);
                row[p] = c * kp - s * kq;
                row[q] = s * kp + c * kq;
            }
        }
    }
    let mut order = [0, 1, 2];
    order.sort_by(|&i, &j| a[i][i].total_cmp(&a[j][j]));
    let column = |at: usize| [v[0][at], v[1][at], v[2][at]];
    let (first, second) = (unit(column(order[0])), unit(column(order[1])));
    (order.map(|at| a[at][at]), [first, second, cross(first, second)])
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::shapes;
    use crate::vector::{norm, transform};

    fn close(value: f64, expected: f64, relative: f64) {
        assert!((value - expected).abs() <= relative * expected.abs().max(1e-30), "{value} is not {expected}");
    }

    #[test]
    fn a_box_far_from_the_origin_has_its_textbook_inertia() {
        let mesh = shapes::moved(shapes::cuboid([1.0, 2.0, 3.0]), [50.0, -20.0, 7.0]);
        let own = MassProperties::of_closed(&mesh);
        close(own.volume, 6.0, 1e-12);
        assert!(norm(sub(own.centre, [50.0, -20.0, 7.0])) < 1e-12);
        for (moment, expected) in own.moments.iter().zip([6.0 / 12.0 * 5.0, 6.0 / 12.0 * 10.0, 6.0 / 12.0 * 13.0]) {
            close(*moment, expected, 1e-12);
        }
    }

    #[test]
    fn a_tetrahedron_has_a_sixth_of_the_cubes_volume_and_its_centre_at_a_quarter() {
        let mesh = Mesh {
            points: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            triangles: vec![[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
        };
        let own = MassProperties::of_closed(&mesh);
        close(own.volume, 1.0 / 6.0, 1e-14);
        assert!(norm(sub(own.centre, [0.25; 3])) < 1e-14);
        // ∫ x² = 1/60 and ∫ x y = 1/120, about the corner.
        close(own.inertia[0][0], 2.0 * (1.0 / 60.0 - 1.0 / 96.0), 1e-12);
        close(own.inertia[0][1], -(1.0 / 120.0 - 1.0 / 96.0), 1e-12);
    }

    #[test]
    fn bodies_of_revolution_converge_to_the_formulas_with_the_square_of_the_facets() {
        type Shape = fn(usize) -> Mesh;
        let formulas: [(&str, Shape, f64, f64); 4] = [
            ("sphere", |n| shapes::sphere(1.0, n), 4.0 / 3.0 * PI, 8.0 / 15.0 * PI),
            ("cylinder", |n| shapes::cylinder(0.5, 2.0, n), 0.5 * PI, 0.5 * PI * 0.125),
            ("cone", |n| shapes::cone(1.0, 2.0, n), 2.0 / 3.0 * PI, 0.3 * 2.0 / 3.0 * PI),
            (
                "torus",
                |n| shapes::torus(2.0, 0.5, n, n),
                2.0 * PI * PI * 2.0 * 0.25,
                2.0 * PI * PI * 2.0 * 0.25 * (4.0 + 0.75 * 0.25),
            ),
        ];
        for (name, mesh, volume, about_z) in formulas {
            let error = |n: usize| {
                let own = MassProperties::of_closed(&mesh(n));
                ((own.volume / volume - 1.0).abs(), (own.inertia[2][2] / about_z - 1.0).abs())
            };
            let (coarse, fine) = (error(64), error(256));
            assert!(fine.0 < 1e-3 && fine.1 < 2e-3, "{name}: {fine:?}");
            assert!((coarse.0 / fine.0 - 16.0).abs() < 1.0, "{name}: {coarse:?} {fine:?}");
        }
    }

    #[test]
    fn principal_axes_diagonalise_the_tensor() {
        let matrix = [[4.0, 1.0, 0.3], [1.0, 3.0, -0.7], [0.3, -0.7, 5.0]];
        let (values, axes) = eigen(matrix);
        for (value, axis) in values.iter().zip(axes) {
            assert!(norm(sub(transform(&matrix, axis), scale(axis, *value))) < 1e-13);
        }
        assert!(dot(cross(axes[0], axes[1]), axes[2]) > 0.999_999);
    }
}

//! Meshes of simple bodies around the origin, for tests and measurements.

use std::f64::consts::PI;

use crate::mesh::Mesh;
use crate::vector::{Vector, add};

/// A box of these side lengths.
pub fn cuboid(size: Vector) -> Mesh {
    let points =
        (0..8).map(|corner| std::array::from_fn(|axis| (f64::from(corner >> axis & 1) - 0.5) * size[axis])).collect();
    let faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
    let triangles = faces.iter().flat_map(|&[a, b, c, d]| [[a, b, c], [a, c, d]]).collect();
    Mesh { points, triangles }
}

/// A body of revolution about z: the outline runs from the lower end of the axis to the upper one, both with radius 0, as
/// (radius, z).
pub fn revolved(outline: &[(f64, f64)], around: usize) -> Mesh {
    let mut mesh = Mesh::default();
    let mut rings: Vec<Vec<u32>> = Vec::new();
    for &(radius, z) in outline {
        let count = if radius == 0.0 { 1 } else { around };
        let first = mesh.points.len() as u32;
        for at in 0..count {
            let angle = 2.0 * PI * at as f64 / around as f64;
            mesh.points.push([radius * libm::cos(angle), radius * libm::sin(angle), z]);
        }
        rings.push((0..around).map(|at| first + (at % count) as u32).collect());
    }
    for pair in rings.windows(2) {
        for at in 0..around {
            let next = (at + 1) % around;
            let (a, b, c, d) = (pair[0][at], pair[0][next], pair[1][next], pair[1][at]);
            if a != b {
                mesh.triangles.push([a, b, c]);
            }
            if c != d {
                mesh.triangles.push([a, c, d]);
            }
        }
    }
    mesh
}

/// A sphere of `around` meridians.
pub fn sphere(radius: f64, around: usize) -> Mesh {
    let rows = around / 2;
    let outline: Vec<(f64, f64)> = (0..=rows)
        .map(|row| {
            let angle = PI * row as f64 / rows as f64;
            let ring = if row == 0 || row == rows { 0.0 } else { radius * libm::sin(angle) };
            (ring, -radius * libm::cos(angle))
        })
        .collect();
    revolved(&outline, around)
}

/// A cylinder about z.
pub fn cylinder(radius: f64, height: f64, around: usize) -> Mesh {
    let half = height / 2.0;
    revolved(&[(0.0, -half), (radius, -half), (radius, half), (0.0, half)], around)
}

/// A cone about z with its base at z = 0.
pub fn cone(radius: f64, height: f64, around: usize) -> Mesh {
    revolved(&[(0.0, 0.0), (radius, 0.0), (0.0, height)], around)
}

/// A torus about z.
pub fn torus(ring: f64, tube: f64, around: usize, across: usize) -> Mesh {
    let mut mesh = Mesh::default();
    for at in 0..around {
        let angle = 2.0 * PI * at as f64 / around as f64;
        for own in 0..across {
            let turn = 2.0 * PI * own as f64 / across as f64;
            let radius = ring + tube * libm::cos(turn);
            mesh.points.push([radius * libm::cos(angle), radius * libm::sin(angle), tube * libm::sin(turn)]);
        }
    }
    let number = |at: usize, own: usize| ((at % around) * across + own % across) as u32;
    for at in 0..around {
        for own in 0..across {
            let (a, b) = (number(at, own), number(at + 1, own));
            let (c, d) = (number(at + 1, own + 1), number(at, own + 1));
            mesh.triangles.extend([[a, b, c], [a, c, d]]);
        }
    }
    mesh
}

/// Several meshes as one.
pub fn together(meshes: impl IntoIterator<Item = Mesh>) -> Mesh {
    let mut all = Mesh::default();
    for mesh in meshes {
        let first = all.points.len() as u32;
        all.points.extend(mesh.points);
        all.triangles.extend(mesh.triangles.into_iter().map(|triangle| triangle.map(|point| point + first)));
    }
    all
}

/// The mesh moved.
pub fn moved(mut mesh: Mesh, by: Vector) -> Mesh {
    mesh.points.iter_mut().for_each(|point| *point = add(*point, by));
    mesh
}

/// The mesh inside out.
pub fn turned_over(mut mesh: Mesh) -> Mesh {
    mesh.triangles.iter_mut().for_each(|triangle| triangle.swap(1, 2));
    mesh
}

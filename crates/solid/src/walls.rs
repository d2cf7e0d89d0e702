//! How thick the walls of a solid are: from points spread evenly over the surface, the way straight inwards to the surface
//! opposite (the "ray method" of inspection software).

use crate::bvh::Bvh;
use crate::mesh::Mesh;
use crate::parallel;
use crate::vector::{Vector, add, dot, doubled_area, norm, scale, unit};

/// The cosine of the angle between a wall's two sides above which they are its two sides, and not an edge: 37°.
const OPPOSITE: f64 = 0.8;

/// A place on the surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The point.
    pub point: Vector,
    /// The outer normal.
    pub normal: Vector,
    /// The triangle that it lies on.
    pub triangle: u32,
}

/// A place on the surface with the thickness of the wall there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wall {
    /// Where.
    pub sample: Sample,
    /// From there straight inwards to the surface opposite.
    pub thickness: f64,
}

/// `count` points spread over the surface by area: at equal steps of the summed area, low-discrepancy within triangles.
pub fn samples(mesh: &Mesh, count: usize) -> Vec<Sample> {
    let areas: Vec<f64> =
        (0..mesh.triangles.len()).map(|at| mesh.corners(at)).map(|[a, b, c]| norm(doubled_area(a, b, c))).collect();
    let total: f64 = areas.iter().sum();
    let mut samples = Vec::with_capacity(count);
    let (mut triangle, mut before) = (0, 0.0);
    for at in 0..count {
        let target = (at as f64 + 0.5) / count as f64 * total;
        while triangle + 1 < areas.len() && before + areas[triangle] < target {
            before += areas[triangle];
            triangle += 1;
        }
        // The R2 sequence (M. Roberts, 2018), folded into the triangle.
        let fraction = |factor: f64| (0.5 + factor * at as f64).fract();
        let (mut u, mut v) = (fraction(0.754_877_666_246_692_7), fraction(0.569_840_290_998_053_2));
        if u + v > 1.0 {
            (u, v) = (1.0 - u, 1.0 - v);
        }
        let [a, b, c] = mesh.corners(triangle);
        let point = add(scale(a, 1.0 - u - v), add(scale(b, u), scale(c, v)));
        samples.push(Sample { point, normal: unit(doubled_area(a, b, c)), triangle: triangle as u32 });
    }
    samples
}

/// The wall at each sample that has one: places without a surface opposite, and edges, have none.
pub fn walls(mesh: &Mesh, tree: &Bvh, samples: &[Sample], threads: usize) -> Vec<Wall> {
    let least = mesh.extent() * 1e-9;
    let found = parallel::map(samples.len().div_ceil(256), threads, |chunk| {
        let own = &samples[chunk * 256..((chunk + 1) * 256).min(samples.len())];
        own.iter().filter_map(|sample| wall(mesh, tree, *sample, least)).collect::<Vec<_>>()
    });
    found.into_iter().flatten().collect()
}

fn wall(mesh: &Mesh, tree: &Bvh, sample: Sample, least: f64) -> Option<Wall> {
    let direction = scale(sample.normal, -1.0);
    let hit = tree.nearest(sample.point, direction, least, |hit| hit.triangle != sample.triangle)?;
    let [a, b, c] = mesh.corners(hit.triangle as usize);
    let leaves = dot(unit(doubled_area(a, b, c)), direction);
    (leaves > OPPOSITE).then_some(Wall { sample, thickness: hit.distance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes;

    fn thicknesses(mesh: &Mesh) -> Vec<f64> {
        let mut all: Vec<f64> =
            walls(mesh, &Bvh::new(mesh), &samples(mesh, 2000), 2).iter().map(|wall| wall.thickness).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn a_plate_is_as_thick_as_it_is_and_a_hollow_ball_as_its_wall() {
        let plate = thicknesses(&shapes::cuboid([10.0, 10.0, 0.5]));
        assert!((plate[0] - 0.5).abs() < 1e-12 && (plate[plate.len() / 2] - 0.5).abs() < 1e-12);
        let ball = shapes::together([shapes::sphere(1.0, 64), shapes::turned_over(shapes::sphere(0.9, 64))]);
        let ball = thicknesses(&ball);
        assert!((ball[0] - 0.1).abs() < 0.003, "{}", ball[0]);
    }

    #[test]
    fn the_edge_of_a_wedge_is_not_a_thin_wall() {
        let ball = thicknesses(&shapes::cone(1.0, 1.0, 64));
        assert!(ball.is_empty() || ball[0] > 0.05, "{:?}", &ball[..3.min(ball.len())]);
    }

    #[test]
    fn samples_are_spread_by_area() {
        let mesh = shapes::cuboid([4.0, 1.0, 1.0]);
        let samples = samples(&mesh, 1800);
        let ends = samples.iter().filter(|sample| sample.normal[0].abs() > 0.5).count();
        assert!((ends as i64 - 200).abs() <= 2, "{ends}");
    }
}

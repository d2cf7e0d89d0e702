//! Convex hull. Quickhull (Barber, Dobkin, Huhdanpaa 1996) with exact predicates, so that it holds for coplanar and nearly
//! coplanar points as well. parry's hull was not taken: it is not exact, and gives up on some inputs.

use crate::health::side;
use crate::mesh::Mesh;
use crate::vector::{Vector, add, bounds, cross, dot, doubled_area, norm, scale, sub, unit};

/// A convex polyhedron: points and triangles, counter-clockwise as seen from outside.
pub type Hull = Mesh;

struct Face {
    corners: [u32; 3],
    /// The faces over the edges from corner 0 to 1, 1 to 2, 2 to 0.
    neighbours: [u32; 3],
    /// Points that see the face from outside.
    outside: Vec<u32>,
    is_gone: bool,
}

/// The convex hull of points; nothing if they all lie in one plane.
pub fn convex_hull(points: &[Vector]) -> Option<Hull> {
    let first = first_tetrahedron(points)?;
    let mut faces = tetrahedron(first);
    let mut all: Vec<u32> = (0..points.len() as u32).collect();
    all.retain(|point| !first.contains(point));
    assign(points, &mut faces, 0..4, all);
    let mut waiting: Vec<u32> = (0..4).collect();
    while let Some(at) = waiting.pop() {
        if faces[at as usize].is_gone {
            continue;
        }
        let Some(top) = farthest(points, &faces[at as usize]) else { continue };
        add_point(points, &mut faces, at, top, &mut waiting);
    }
    Some(compact(points, &faces))
}

/// At most `most` points of a hull, those farthest in evenly spread directions, and how far the rest of the hull sticks
/// out of theirs.
pub fn reduced(hull: &Hull, most: usize) -> (Hull, f64) {
    if hull.points.len() <= most {
        return (hull.clone(), 0.0);
    }
    // Fibonacci's lattice on the sphere.
    let golden = std::f64::consts::PI * (3.0 - 5.0_f64.sqrt());
    let mut chosen: Vec<u32> = (0..most)
        .map(|at| {
            let z = 1.0 - (2.0 * at as f64 + 1.0) / most as f64;
            let radius = (1.0 - z * z).sqrt();
            let angle = golden * at as f64;
            let direction = [radius * libm::cos(angle), radius * libm::sin(angle), z];
            let best = (0..hull.points.len()).max_by(|&i, &j| {
                dot(hull.points[i], direction).total_cmp(&dot(hull.points[j], direction)).then(j.cmp(&i))
            });
            best.unwrap_or(0) as u32
        })
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    let points: Vec<Vector> = chosen.iter().map(|&at| hull.points[at as usize]).collect();
    let Some(small) = convex_hull(&points) else { return (hull.clone(), 0.0) };
    let planes: Vec<(Vector, f64)> = (0..small.triangles.len())
        .map(|at| {
            let [a, b, c] = small.corners(at);
            let normal = unit(doubled_area(a, b, c));
            (normal, dot(normal, a))
        })
        .collect();
    let beyond = |point: &Vector| planes.iter().map(|(normal, at)| dot(*normal, *point) - at).fold(0.0, f64::max);
    let error = hull.points.iter().map(beyond).fold(0.0, f64::max);
    (small, error)
}

fn first_tetrahedron(points: &[Vector]) -> Option<[u32; 4]> {
    let (low, high) = bounds(points.iter().copied());
    let axis = (0..3).max_by(|&i, &j| (high[i] - low[i]).total_cmp(&(high[j] - low[j])))?;
    let numbers = 0..points.len();
    let a = numbers.clone().min_by(|&i, &j| points[i][axis].total_cmp(&points[j][axis]))?;
    let b = numbers.clone().max_by(|&i, &j| points[i][axis].total_cmp(&points[j][axis]))?;
    let line = sub(points[b], points[a]);
    let off_line = |at: usize| norm(cross(line, sub(points[at], points[a])));
    let c = numbers.clone().max_by(|&i, &j| off_line(i).total_cmp(&off_line(j)))?;
    let normal = cross(line, sub(points[c], points[a]));
    let off_plane = |at: usize| dot(normal, sub(points[at], points[a])).abs();
    let mut d = numbers.clone().max_by(|&i, &j| off_plane(i).total_cmp(&off_plane(j)))?;
    let volume = |d: usize| side(points[a], points[b], points[c], points[d]);
    if volume(d) == 0.0 {
        // Rounding may have hidden the one point off the plane.
        d = numbers.into_iter().find(|&at| volume(at) != 0.0)?;
    }
    let (b, c) = if volume(d) > 0.0 { (b, c) } else { (c, b) };
    Some([a, b, c, d].map(|at| at as u32))
}

/// Four faces; the last point lies below the first three.
fn tetrahedron([a, b, c, d]: [u32; 4]) -> Vec<Face> {
    let face = |corners, neighbours| Face { corners, neighbours, outside: Vec::new(), is_gone: false };
    vec![face([a, b, c], [1, 2, 3]), face([b, a, d], [0, 3, 2]), face([c, b, d], [0, 1, 3]), face([a, c, d], [0, 2, 1])]
}

fn sees(points: &[Vector], face: &Face, point: u32) -> bool {
    let [a, b, c] = face.corners.map(|corner| points[corner as usize]);
    side(a, b, c, points[point as usize]) < 0.0
}

/// Gives each point to the first of the faces that it sees; those that see none are inside.
fn assign(points: &[Vector], faces: &mut [Face], range: std::ops::Range<usize>, waiting: Vec<u32>) {
    for point in waiting {
        if let Some(at) = range.clone().find(|&at| sees(points, &faces[at], point)) {
            faces[at].outside.push(point);
        }
    }
}

fn farthest(points: &[Vector], face: &Face) -> Option<u32> {
    let [a, b, c] = face.corners.map(|corner| points[corner as usize]);
    let normal = doubled_area(a, b, c);
    let height = |point: u32| dot(normal, sub(points[point as usize], a));
    face.outside.iter().copied().max_by(|&i, &j| height(i).total_cmp(&height(j)).then(j.cmp(&i)))
}

/// Replaces the faces that a point sees by a fan from their border to the point.
fn add_point(points: &[Vector], faces: &mut Vec<Face>, start: u32, top: u32, waiting: &mut Vec<u32>) {
    let mut seen = vec![start];
    faces[start as usize].is_gone = true;
    let mut border: Vec<(u32, u32, u32)> = Vec::new();
    let mut at = 0;
    while at < seen.len() {
        let (corners, neighbours) = {
            let face = &faces[seen[at] as usize];
            (face.corners, face.neighbours)
        };
        for edge in 0..3 {
            let other = neighbours[edge];
            if faces[other as usize].is_gone {
                continue;
            }
            if sees(points, &faces[other as usize], top) {
                faces[other as usize].is_gone = true;
                seen.push(other);
            } else {
                border.push((corners[edge], corners[(edge + 1) % 3], other));
            }
        }
        at += 1;
    }
    // A face that was entered later may have been put on the border of one before it.
    border.retain(|&(_, _, other)| !faces[other as usize].is_gone);
    border.sort_unstable();
    let first = faces.len() as u32;
    let starting_at = |corner: u32, border: &[(u32, u32, u32)]| {
        border.binary_search_by_key(&corner, |edge| edge.0).map_or(u32::MAX, |at| first + at as u32)
    };
    for (number, &(from, to, other)) in border.iter().enumerate() {
        let next = starting_at(to, &border);
        let corners = [from, to, top];
        faces.push(Face { corners, neighbours: [other, next, u32::MAX], outside: Vec::new(), is_gone: false });
        let back = faces[other as usize].corners.iter().position(|&corner| corner == to).unwrap_or(0);
        faces[other as usize].neighbours[back] = first + number as u32;
        waiting.push(first + number as u32);
    }
    for number in first..faces.len() as u32 {
        let next = faces[number as usize].neighbours[1];
        faces[next as usize].neighbours[2] = number;
    }
    let mut orphans = Vec::new();
    for at in seen {
        orphans.append(&mut faces[at as usize].outside);
    }
    orphans.retain(|&point| point != top);
    let range = first as usize..faces.len();
    assign(points, faces, range, orphans);
}

fn compact(points: &[Vector], faces: &[Face]) -> Hull {
    let mut numbers = vec![u32::MAX; points.len()];
    let mut hull = Hull::default();
    for face in faces.iter().filter(|face| !face.is_gone) {
        let triangle = face.corners.map(|corner| {
            let number = &mut numbers[corner as usize];
            if *number == u32::MAX {
                *number = hull.points.len() as u32;
                hull.points.push(points[corner as usize]);
            }
            *number
        });
        hull.triangles.push(triangle);
    }
    hull
}

/// The convex outline of points in a plane, counter-clockwise, without points in the middle of its edges (Andrew's chains).
pub fn convex_outline(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let turn = |a: [f64; 2], b: [f64; 2], c: [f64; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let chain = |points: &mut dyn Iterator<Item = [f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::new();
        for point in points {
            while chain.len() >= 2 && turn(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0 {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut outline = chain(&mut sorted.iter().copied());
    outline.extend(chain(&mut sorted.iter().rev().copied()));
    outline
}

/// The same points on both sides of the plane that they lie in, `thickness` apart: a hull for a flat sheet.
pub fn thickened(points: &[Vector], thickness: f64) -> Option<Hull> {
    let (low, high) = bounds(points.iter().copied());
    let diagonal = norm(sub(high, low));
    let a = *points.first()?;
    let b = *points.iter().max_by(|p, q| norm(sub(**p, a)).total_cmp(&norm(sub(**q, a))))?;
    let line = sub(b, a);
    let c = *points.iter().max_by(|p, q| norm(cross(line, sub(**p, a))).total_cmp(&norm(cross(line, sub(**q, a)))))?;
    let normal = cross(line, sub(c, a));
    if norm(normal) <= diagonal * diagonal * 1e-12 {
        return None;
    }
    let half = scale(unit(normal), thickness / 2.0);
    let both: Vec<Vector> = points.iter().flat_map(|point| [add(*point, half), sub(*point, half)]).collect();
    convex_hull(&both)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::Health;
    use crate::mass::MassProperties;
    use crate::shapes;

    fn check(points: &[Vector]) -> Hull {
        let hull = convex_hull(points).unwrap();
        let health = Health::of(&hull);
        assert!(health.is_closed() && health.is_oriented() && health.is_manifold());
        assert_eq!(hull.points.len() + hull.triangles.len(), 3 * hull.triangles.len() / 2 + 2, "Euler");
        for at in 0..hull.triangles.len() {
            let [a, b, c] = hull.corners(at);
            assert!(points.iter().all(|point| side(a, b, c, *point) >= 0.0), "a point is outside");
        }
        hull
    }

    #[test]
    fn a_grid_of_points_with_all_its_coplanar_ones_has_the_cube_as_its_hull() {
        let points: Vec<Vector> = (0..216)
            .map(|at| [f64::from(at % 6) / 5.0, f64::from(at / 6 % 6) * 0.2, f64::from(at / 36) / 5.0])
            .collect();
        let hull = check(&points);
        assert!((MassProperties::of_closed(&hull).volume - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_torus_has_the_hull_of_its_outer_side() {
        let torus = shapes::torus(2.0, 0.5, 64, 32);
        let hull = check(&torus.points);
        assert!(hull.points.iter().all(|p| (p[0] * p[0] + p[1] * p[1]).sqrt() > 1.99));
        let (small, error) = reduced(&hull, 200);
        assert!(small.points.len() <= 200 && error > 0.0 && error < 0.05, "{} {error}", small.points.len());
    }

    #[test]
    fn points_in_a_plane_have_no_hull_until_they_are_given_a_thickness() {
        let flat: Vec<Vector> =
            (0..25).map(|at| [f64::from(at % 5), f64::from(at / 5), f64::from(at % 5) * 0.5]).collect();
        assert!(convex_hull(&flat).is_none());
        let sheet = thickened(&flat, 0.1).unwrap();
        let expected = 4.0 * (16.0_f64 + 4.0).sqrt() * 0.1;
        assert!((MassProperties::of_closed(&sheet).volume / expected - 1.0).abs() < 1e-9);
        assert!(thickened(&[[0.0; 3], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], 0.1).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_point_is_in_the_hull(points in proptest::collection::vec(
            proptest::array::uniform3((-4_i32..5).prop_map(|v| f64::from(v) * 0.1)), 4..60)) {
            if convex_hull(&points).is_some() {
                check(&points);
            }
        }
    }
}

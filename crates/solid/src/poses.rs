//! How a body can rest on a floor: the faces of its hull over which its centre of mass lies.
//!
//! The probability of a pose is that of a body that is let go of in a random orientation and rolls over edges without
//! bouncing (K. Goldberg et al., *Part pose statistics*, 1999): the solid angle of each face as seen from the centre of mass,
//! added up along the way that the body rolls.

use std::collections::HashMap;
use std::f64::consts::PI;

use crate::bvh::solid_angle;
use crate::hull::{Hull, convex_outline};
use crate::vector::{Vector, basis, cross, dot, doubled_area, norm, sub, unit};

/// One way to rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Pose {
    /// How likely, 0 to 1.
    pub probability: f64,
    /// What points up when it rests so.
    pub up: Vector,
    /// The height of the centre of mass over the floor.
    pub height: f64,
    /// How far the floor can be tilted before the body tips, in the direction that it tips first; radians.
    pub tip_angle: f64,
    /// The horizontal direction in which it tips first.
    pub tip_direction: Vector,
    /// The corners of the area that it rests on.
    pub support: Vec<Vector>,
    /// The area within them.
    pub support_area: f64,
}

/// A flat part of the hull.
struct Facet {
    normal: Vector,
    /// Along the normal.
    plane: f64,
    solid_angle: f64,
    points: Vec<u32>,
}

/// The poses in which a hull can rest, the likeliest first. Corners within `tolerance` of a plane rest on it.
pub fn stable_poses(hull: &Hull, centre: Vector, tolerance: f64) -> Vec<Pose> {
    let (facets, facet_of) = facets(hull, centre, tolerance);
    let mut poses: Vec<Option<Pose>> = facets.iter().map(|facet| pose(hull, facet, centre)).collect();
    let next = next_facets(hull, &facets, &facet_of, centre);
    for (at, facet) in facets.iter().enumerate() {
        let mut end = at;
        // Rolling lowers the centre of mass, so that it ends; the count guards against rounding.
        for _ in 0..facets.len() {
            if poses[end].is_some() {
                break;
            }
            let Some(following) = next[end] else { break };
            end = following;
        }
        if let Some(pose) = &mut poses[end] {
            pose.probability += facet.solid_angle / (4.0 * PI);
        }
    }
    let mut stable: Vec<Pose> = poses.into_iter().flatten().collect();
    let total: f64 = stable.iter().map(|pose| pose.probability).sum();
    for pose in &mut stable {
        pose.probability /= total.max(f64::MIN_POSITIVE);
    }
    stable.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    stable
}

fn facets(hull: &Hull, centre: Vector, tolerance: f64) -> (Vec<Facet>, Vec<usize>) {
    let count = hull.triangles.len();
    let vectors: Vec<Vector> = (0..count).map(|at| hull.corners(at)).map(|[a, b, c]| doubled_area(a, b, c)).collect();
    let mut neighbours: HashMap<(u32, u32), usize> = HashMap::with_capacity(3 * count);
    for (at, &[a, b, c]) in hull.triangles.iter().enumerate() {
        neighbours.extend([((a, b), at), ((b, c), at), ((c, a), at)]);
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&i, &j| norm(vectors[j]).total_cmp(&norm(vectors[i])).then(i.cmp(&j)));
    let mut facet_of = vec![usize::MAX; count];
    let mut facets = Vec::new();
    for seed in order {
        if facet_of[seed] != usize::MAX {
            continue;
        }
        let normal = unit(vectors[seed]);
        let plane = dot(normal, hull.corners(seed)[0]);
        let number = facets.len();
        facet_of[seed] = number;
        let mut own = vec![seed];
        let mut at = 0;
        while at < own.len() {
            let [a, b, c] = hull.triangles[own[at]];
            for edge in [(b, a), (c, b), (a, c)] {
                let Some(&other) = neighbours.get(&edge) else { continue };
                let is_near = |corner: Vector| plane - dot(normal, corner) <= tolerance;
                if facet_of[other] == usize::MAX && hull.corners(other).into_iter().all(is_near) {
                    facet_of[other] = number;
                    own.push(other);
                }
            }
            at += 1;
        }
        let angle = own.iter().map(|&at| solid_angle(&hull.corners(at), centre)).sum();
        let mut points: Vec<u32> = own.iter().flat_map(|&at| hull.triangles[at]).collect();
        points.sort_unstable();
        points.dedup();
        facets.push(Facet { normal, plane, solid_angle: angle, points });
    }
    (facets, facet_of)
}

/// The pose on a facet, if the centre of mass lies over it.
fn pose(hull: &Hull, facet: &Facet, centre: Vector) -> Option<Pose> {
    let (right, forward) = basis(facet.normal);
    let flat = |point: Vector| [dot(right, point), dot(forward, point)];
    let outline = convex_outline(&facet.points.iter().map(|&at| flat(hull.points[at as usize])).collect::<Vec<_>>());
    if outline.len() < 3 {
        return None;
    }
    let height = facet.plane - dot(facet.normal, centre);
    let below = flat(centre);
    let mut nearest = (f64::INFINITY, [0.0, 0.0]);
    let mut doubled = 0.0;
    for at in 0..outline.len() {
        let (a, b) = (outline[at], outline[(at + 1) % outline.len()]);
        doubled += a[0] * b[1] - b[0] * a[1];
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length = (dx * dx + dy * dy).sqrt();
        let inside = (dx * (below[1] - a[1]) - dy * (below[0] - a[0])) / length;
        if inside < nearest.0 {
            nearest = (inside, [dy / length, -dx / length]);
        }
    }
    if nearest.0 <= 0.0 {
        return None;
    }
    let lift = |point: [f64; 2], along: f64| -> Vector {
        std::array::from_fn(|axis| right[axis] * point[0] + forward[axis] * point[1] + facet.normal[axis] * along)
    };
    Some(Pose {
        probability: 0.0,
        up: facet.normal.map(|value| -value),
        height,
        tip_angle: libm::atan2(nearest.0, height),
        tip_direction: lift(nearest.1, 0.0),
        support: outline.iter().map(|&point| lift(point, facet.plane)).collect(),
        support_area: doubled / 2.0,
    })
}

/// For each facet the one that the body rolls to: over the edge that the centre of mass is farthest beyond.
fn next_facets(hull: &Hull, facets: &[Facet], facet_of: &[usize], centre: Vector) -> Vec<Option<usize>> {
    let mut over: HashMap<(u32, u32), usize> = HashMap::new();
    for (at, &[a, b, c]) in hull.triangles.iter().enumerate() {
        over.extend([(a, b), (b, c), (c, a)].map(|edge| (edge, facet_of[at])));
    }
    let mut best: Vec<(f64, Option<usize>)> = vec![(0.0, None); facets.len()];
    for (at, &[a, b, c]) in hull.triangles.iter().enumerate() {
        let own = facet_of[at];
        for (from, to) in [(a, b), (b, c), (c, a)] {
            let Some(&other) = over.get(&(to, from)).filter(|&&other| other != own) else { continue };
            let (p, q) = (hull.points[from as usize], hull.points[to as usize]);
            let outward = unit(cross(sub(q, p), facets[own].normal));
            let beyond = dot(outward, sub(centre, p));
            if beyond >= best[own].0 {
                best[own] = (beyond, Some(other));
            }
        }
    }
    best.into_iter().map(|(_, next)| next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hull::convex_hull;
    use crate::shapes;

    #[test]
    fn a_box_rests_on_six_faces_with_the_shares_of_their_solid_angles() {
        let (x, y, z) = (0.1_f64, 0.2_f64, 0.3_f64);
        let hull = convex_hull(&shapes::cuboid([x, y, z]).points).unwrap();
        let poses = stable_poses(&hull, [0.0; 3], 1e-9);
        assert_eq!(poses.len(), 6);
        // The solid angle of a rectangle a × b at distance d: 4 atan(ab / (2d sqrt(4d² + a² + b²))).
        let share = |a: f64, b: f64, d: f64| {
            4.0 * (a * b / (2.0 * d * (4.0 * d * d + a * a + b * b).sqrt())).atan() / (4.0 * PI)
        };
        assert!((poses[0].probability - share(y, z, x / 2.0)).abs() < 1e-12);
        assert!((poses[5].probability - share(x, y, z / 2.0)).abs() < 1e-12);
        assert!((poses[5].tip_angle - (x / z).atan()).abs() < 1e-12);
        assert!((poses[5].height - z / 2.0).abs() < 1e-12);
        assert!((poses[5].support_area - x * y).abs() < 1e-12);
        assert!(poses[5].tip_direction[0].abs() > 0.999);
        assert!((poses.iter().map(|pose| pose.probability).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_leaning_prism_does_not_rest_on_the_face_that_its_centre_hangs_over() {
        let mut mesh = shapes::cuboid([1.0, 1.0, 3.0]);
        mesh.points.iter_mut().for_each(|point| point[0] += 0.8 * point[2]);
        let hull = convex_hull(&mesh.points).unwrap();
        let poses = stable_poses(&hull, [0.0; 3], 1e-9);
        assert!(poses.iter().all(|pose| pose.up[2].abs() < 0.9), "{poses:?}");
        assert!((poses.iter().map(|pose| pose.probability).sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

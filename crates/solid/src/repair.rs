//! Turns triangles so that neighbours agree and shells enclose something, and tells whether exact integrals hold.
//!
//! Half of the models that people upload are not closed, or have shells inside out or in each other. What a shell encloses
//! is made positive, but for cavities: an inverted shell within another. Shells that lie in each other are left as they
//! are; winding numbers count them once.

use crate::bvh::Bvh;
use crate::health::{Health, edges, self_intersections};
use crate::mass::signed_volume;
use crate::mesh::Mesh;
use crate::vector::{Vector, add, doubled_area, norm, scale, sub, unit};

/// A mesh whose triangles are turned the right way, and what was found.
pub struct Repaired {
    /// The mesh.
    pub mesh: Mesh,
    /// Its tree.
    pub tree: Bvh,
    /// What was found.
    pub report: Repair,
    /// The health of the mesh as it came.
    pub before: Health,
}

/// What was found and turned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// Triangles that faced another way than their neighbours.
    pub turned_triangles: usize,
    /// Shells that were inside out.
    pub turned_shells: usize,
    /// Shells that lie within others and are not cavities: their volume counts once.
    pub nested_shells: usize,
    /// Shells that are cavities of others.
    pub cavities: usize,
    /// See [`self_intersections`].
    pub self_intersections: Option<usize>,
    /// Whether the surface has no border: winding numbers are whole, and inside is exact.
    pub is_closed: bool,
    /// Whether integrals over the triangles are the solid's: closed, nothing overlaps.
    pub is_exact: bool,
}

/// Repairs a welded mesh.
pub fn repair(mut mesh: Mesh) -> Repaired {
    let before = Health::of(&mesh);
    let mut report = Repair::default();
    if !before.is_oriented() {
        report.turned_triangles = agree(&mut mesh);
    }
    let after = if report.turned_triangles > 0 { Health::of(&mesh) } else { before.clone() };
    report.is_closed = after.is_balanced;
    turn_shells(&mut mesh, &after, &mut report);
    let tree = Bvh::new(&mesh);
    report.self_intersections = self_intersections(&mesh, &tree);
    if after.shells > 1 && after.is_balanced {
        count_nested(&mesh, &tree, &after, &mut report);
    }
    report.is_exact = report.is_closed && report.self_intersections == Some(0) && report.nested_shells == 0;
    Repaired { mesh, tree, report, before }
}

/// Turns triangles so that neighbours over edges of two triangles agree; gives how many it turned. Of each such patch the
/// smaller part is turned. Surfaces that have only one side stay in disagreement somewhere.
fn agree(mesh: &mut Mesh) -> usize {
    let mut neighbours: Vec<Vec<(u32, bool)>> = vec![Vec::new(); mesh.triangles.len()];
    for same in edges(mesh).chunk_by(|a, b| a.ends == b.ends) {
        if let [a, b] = same {
            let disagree = a.forward == b.forward;
            neighbours[a.triangle as usize].push((b.triangle, disagree));
            neighbours[b.triangle as usize].push((a.triangle, disagree));
        }
    }
    let mut turned: Vec<Option<bool>> = vec![None; mesh.triangles.len()];
    let mut total = 0;
    for start in 0..mesh.triangles.len() {
        if turned[start].is_some() {
            continue;
        }
        turned[start] = Some(false);
        let mut patch = vec![start as u32];
        let mut at = 0;
        while at < patch.len() {
            let own = patch[at];
            let is_turned = turned[own as usize] == Some(true);
            for &(other, disagree) in &neighbours[own as usize] {
                if turned[other as usize].is_none() {
                    turned[other as usize] = Some(is_turned != disagree);
                    patch.push(other);
                }
            }
            at += 1;
        }
        let count = patch.iter().filter(|&&own| turned[own as usize] == Some(true)).count();
        let turn_the_others = 2 * count > patch.len();
        for &own in &patch {
            if (turned[own as usize] == Some(true)) != turn_the_others {
                mesh.triangles[own as usize].swap(1, 2);
            }
        }
        total += count.min(patch.len() - count);
    }
    total
}

fn triangles_of_shells(health: &Health) -> Vec<Vec<u32>> {
    let mut shells: Vec<Vec<u32>> = vec![Vec::new(); health.shells];
    for (triangle, &shell) in health.shell_of.iter().enumerate() {
        shells[shell as usize].push(triangle as u32);
    }
    shells
}

/// How many triangles of a shell are looked at to tell a cavity from an overlap.
const CAVITY_SAMPLES: usize = 64;

/// Turns shells with a negative volume, unless they are cavities.
fn turn_shells(mesh: &mut Mesh, health: &Health, report: &mut Repair) {
    let shells = triangles_of_shells(health);
    let volumes: Vec<f64> = shells.iter().map(|shell| signed_volume(mesh, shell, middle(mesh, shell))).collect();
    let negative: Vec<usize> = (0..shells.len()).filter(|&shell| volumes[shell] < 0.0).collect();
    if negative.is_empty() {
        return;
    }
    let turn = |mesh: &mut Mesh, shell: usize| {
        for &triangle in &shells[shell] {
            mesh.triangles[triangle as usize].swap(1, 2);
        }
    };
    for &shell in &negative {
        turn(mesh, shell);
    }
    let tree = (shells.len() > 1 && health.is_balanced).then(|| Bvh::new(mesh));
    // All shells are positive now: those around a point count 1 each. A cavity is within another shell with all its triangles,
    // of which some are looked at; a shell that is partly within overlaps the other.
    let is_within = |mesh: &Mesh, shell: usize| {
        let all = &shells[shell];
        let mut some = all.iter().step_by(all.len().div_ceil(CAVITY_SAMPLES));
        tree.as_ref().is_some_and(|tree| some.all(|&triangle| tree.winding(just_off(mesh, triangle, 1.0)) > 0.5))
    };
    let cavities: Vec<usize> = negative.iter().copied().filter(|&shell| is_within(mesh, shell)).collect();
    for &shell in &cavities {
        turn(mesh, shell);
    }
    report.cavities = cavities.len();
    report.turned_shells = negative.len() - cavities.len();
}

/// Shells on whose inner side the surface winds more than once, or on whose outer side it does not wind 0 times.
fn count_nested(mesh: &Mesh, tree: &Bvh, health: &Health, report: &mut Repair) {
    for shell in triangles_of_shells(health) {
        let near = [1.0, -1.0].map(|side| tree.winding(just_off(mesh, shell[0], side)).round());
        report.nested_shells += usize::from(near != [0.0, 1.0]);
    }
}

/// A point a little off the middle of a triangle, on its outer (1) or inner (-1) side.
fn just_off(mesh: &Mesh, triangle: u32, side: f64) -> Vector {
    let corners = mesh.corners(triangle as usize);
    let [a, b, c] = corners;
    let size = norm(sub(b, a)).max(norm(sub(c, a)));
    let centre = scale(add(a, add(b, c)), 1.0 / 3.0);
    add(centre, scale(unit(doubled_area(a, b, c)), side * 1e-3 * size))
}

/// The mean of the corners.
fn middle(mesh: &Mesh, triangles: &[u32]) -> Vector {
    let sum = triangles.iter().fold([0.0; 3], |sum, &at| {
        let [a, b, c] = mesh.corners(at as usize);
        add(sum, add(a, add(b, c)))
    });
    scale(sum, 1.0 / (3.0 * triangles.len().max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mass::MassProperties;
    use crate::shapes;

    fn volume(repaired: &Repaired) -> f64 {
        MassProperties::of_closed(&repaired.mesh).volume
    }

    #[test]
    fn triangles_that_face_the_wrong_way_are_turned_back() {
        let mut mesh = shapes::torus(2.0, 0.5, 24, 12);
        let expected = MassProperties::of_closed(&mesh).volume;
        mesh.triangles.iter_mut().step_by(10).for_each(|triangle| triangle.swap(1, 2));
        let repaired = repair(mesh);
        assert_eq!(repaired.report.turned_triangles, 58);
        assert!(repaired.report.is_exact);
        assert!((volume(&repaired) / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_body_that_is_inside_out_is_turned_and_a_cavity_stays() {
        let inverted = repair(shapes::turned_over(shapes::cuboid([1.0; 3])));
        assert_eq!((inverted.report.turned_shells, inverted.report.is_exact), (1, true));
        assert!((volume(&inverted) - 1.0).abs() < 1e-12);

        let hollow = shapes::together([shapes::cuboid([1.0; 3]), shapes::turned_over(shapes::cuboid([0.5; 3]))]);
        let hollow = repair(hollow);
        assert_eq!((hollow.report.cavities, hollow.report.turned_shells, hollow.report.is_exact), (1, 0, true));
        assert!((volume(&hollow) - 0.875).abs() < 1e-12);

        let moved = shapes::turned_over(shapes::moved(shapes::cuboid([1.0; 3]), [0.5, 0.03, 0.02]));
        let overlapping = repair(shapes::together([shapes::cuboid([1.0; 3]), moved]));
        assert_eq!((overlapping.report.cavities, overlapping.report.turned_shells), (0, 1));
    }

    #[test]
    fn a_body_within_another_and_bodies_that_overlap_are_not_exact() {
        let nested = repair(shapes::together([shapes::cuboid([1.0; 3]), shapes::cuboid([0.5; 3])]));
        assert_eq!((nested.report.nested_shells, nested.report.is_exact), (1, false));
        let overlapping = shapes::moved(shapes::cuboid([1.0; 3]), [0.5, 0.3, 0.2]);
        let overlapping = repair(shapes::together([shapes::cuboid([1.0; 3]), overlapping]));
        assert!(overlapping.report.self_intersections.unwrap() > 0 && !overlapping.report.is_exact);
    }
}

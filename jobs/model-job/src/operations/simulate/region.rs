//! Parts of the surface in words.

use catalog::operations::{Side, Where};
use contract::Failure;
use mechanics::elastic::{Patch, patch};
use solid::vector::{Vector, cross, dot};

use super::subject::Subject;

/// The surface within this fraction of the extent of the outermost point is that side.
const SIDE: f64 = 0.01;
/// A side's surface faces it: the cosine of 60°.
const FACES: f64 = 0.5;

/// Points, at most `step` apart, of the part of the surface that is meant. Fails if nothing is there, and says what is.
pub fn region(subject: &Subject, place: &Where, step: f64) -> Result<Patch, Failure> {
    let mesh = &subject.solid.mesh;
    let found = match place {
        Where::Side(side) => on_side(subject, direction(*side, subject.up), step),
        Where::Material(name) => named(subject, name, step, |piece| piece.material.as_deref()),
        Where::Node(name) => named(subject, name, step, |piece| piece.node.as_deref()),
        Where::Box([x0, y0, z0, x1, y1, z1]) => {
            let (low, high) = ([*x0, *y0, *z0], [*x1, *y1, *z1]);
            let all = (0..mesh.triangles.len()).filter(|&at| {
                let corners = mesh.corners(at);
                (0..3).all(|axis| {
                    let values = corners.map(|corner| corner[axis]);
                    let (least, most) =
                        (values[0].min(values[1]).min(values[2]), values[0].max(values[1]).max(values[2]));
                    most >= low[axis] && least <= high[axis]
                })
            });
            let mut found = patch(mesh, all, step);
            found.points.retain(|own| (0..3).all(|axis| (low[axis]..=high[axis]).contains(&own.point[axis])));
            found
        }
    };
    if found.points.is_empty() {
        return Err(Failure::invalid_request(format!(
            "{place} is not found on the model: {}",
            what_is_there(subject, place)
        )));
    }
    Ok(found)
}

/// The direction of a side, in the axes of the file.
pub fn direction(side: Side, up: Vector) -> Vector {
    let right = if up[0].abs() > 0.5 { [0.0, 1.0, 0.0] } else { [1.0, 0.0, 0.0] };
    let front = cross(right, up);
    let back = |vector: Vector| vector.map(|value| -value);
    match side {
        Side::Top => up,
        Side::Bottom => back(up),
        Side::Right => right,
        Side::Left => back(right),
        Side::Front => front,
        Side::Back => back(front),
    }
}

fn on_side(subject: &Subject, direction: Vector, step: f64) -> Patch {
    let mesh = &subject.solid.mesh;
    let outermost = mesh.points.iter().map(|point| dot(*point, direction)).fold(f64::NEG_INFINITY, f64::max);
    let limit = outermost - SIDE * subject.extent();
    let near = (0..mesh.triangles.len())
        .filter(|&at| mesh.corners(at).into_iter().any(|corner| dot(corner, direction) >= limit));
    let mut found = patch(mesh, near, step);
    found.points.retain(|own| dot(own.point, direction) >= limit);
    if found.points.is_empty() {
        // A point of a large triangle alone reaches there.
        let lower = limit - step;
        let near = (0..mesh.triangles.len())
            .filter(|&at| mesh.corners(at).into_iter().any(|corner| dot(corner, direction) >= limit));
        found = patch(mesh, near, step);
        found.points.retain(|own| dot(own.point, direction) >= lower);
    }
    let facing: Vec<_> = found.points.iter().filter(|own| dot(own.normal, direction) > FACES).copied().collect();
    if facing.is_empty() { found } else { Patch { points: facing } }
}

fn named(subject: &Subject, name: &str, step: f64, of: impl Fn(&super::subject::PieceNames) -> Option<&str>) -> Patch {
    let is_meant: Vec<bool> =
        subject.pieces.iter().map(|piece| of(piece).is_some_and(|own| own.eq_ignore_ascii_case(name))).collect();
    let triangles = (0..subject.solid.mesh.triangles.len()).filter(|&at| is_meant[subject.piece_of[at] as usize]);
    patch(&subject.solid.mesh, triangles, step)
}

fn what_is_there(subject: &Subject, place: &Where) -> String {
    let names = |of: fn(&super::subject::PieceNames) -> Option<&String>| {
        let mut names: Vec<&str> = subject.pieces.iter().filter_map(|piece| of(piece).map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(20);
        names
    };
    match place {
        Where::Material(_) => {
            list("its materials are", "it has no material with a name", &names(|p| p.material.as_ref()))
        }
        Where::Node(_) => list("its nodes are", "it has no node with a name", &names(|p| p.node.as_ref())),
        Where::Box(_) | Where::Side(_) => {
            let (low, high) = subject.solid.mesh.bounds();
            format!(
                "it reaches from {:.4}/{:.4}/{:.4} to {:.4}/{:.4}/{:.4} m",
                low[0], low[1], low[2], high[0], high[1], high[2]
            )
        }
    }
}

fn list(prefix: &str, none: &str, names: &[&str]) -> String {
    if names.is_empty() { none.to_owned() } else { format!("{prefix} {}", names.join(", ")) }
}

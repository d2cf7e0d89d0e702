//! Gives lines and points a body, so that rays meet them: thin prisms and small tetrahedra, in the size of the model.

use glam::{Vec3A, vec3a};
use scene::evaluate::{Piece, Scene};

use crate::bsdf::Frame;

/// The radius of a line by the diagonal of the scene, and by a pixel, at least.
const LINE: (f32, f32) = (0.0012, 0.8);
/// The radius of a point by the diagonal and by a pixel, the larger of them at most.
const POINT: (f32, f32) = (0.004, 1.0);
/// The radius of a point by a pixel, at least.
const SMALLEST_POINT: f32 = 0.4;

/// Replaces lines and points of the scene by triangles, for a picture of so many pixels across: thinner than a pixel they would
/// fade away.
pub fn give_bodies(scene: &mut Scene, pixels: f32) {
    let Some((low, high)) = scene.bounds() else { return };
    let diagonal = (Vec3A::from_array(high) - Vec3A::from_array(low)).length();
    let points: usize = scene.pieces.iter().map(|piece| piece.points.len()).sum();
    // Points of a surface that was scanned are as far apart as they are many.
    let apart = diagonal / (points.max(1) as f32).sqrt();
    let pixel = diagonal / pixels;
    let point = (apart * 0.5).min((diagonal * POINT.0).max(pixel * POINT.1)).max(pixel * SMALLEST_POINT);
    let line = (diagonal * LINE.0).max(pixel * LINE.1);
    for piece in &mut scene.pieces {
        if piece.lines.is_empty() && piece.points.is_empty() {
            continue;
        }
        let mut bodies = Bodies { from: std::mem::take(piece), to: Piece::default() };
        bodies.draw(line, point);
        *piece = bodies.to;
    }
}

/// A tetrahedron's.
const CORNERS: [[f32; 3]; 4] = [[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]];

struct Bodies {
    from: Piece,
    to: Piece,
}

impl Bodies {
    fn draw(&mut self, line: f32, point: f32) {
        self.to = Piece {
            node: self.from.node,
            name: self.from.name.clone(),
            material: self.from.material,
            ..Piece::default()
        };
        for [a, b] in std::mem::take(&mut self.from.lines) {
            let (from, to) = (self.position(a), self.position(b));
            let Some(along) = (to - from).try_normalize() else { continue };
            let frame = Frame::around(along);
            let around = [0.0_f32, 1.0, 2.0].map(|third| {
                let (sin, cos) = (third * std::f32::consts::TAU / 3.0).sin_cos();
                (frame.x * cos + frame.y * sin) * line
            });
            let first = self.to.positions.len() as u32;
            for (vertex, end) in [(a, from), (b, to)] {
                for aside in around {
                    self.add(vertex, end + aside);
                }
            }
            for side in 0..3 {
                let next = (side + 1) % 3;
                let [a, b, c, d] = [side, next, side + 3, next + 3].map(|corner| first + corner);
                self.to.triangles.extend([[a, b, d], [a, d, c]]);
            }
            self.to.triangles.extend([[first, first + 2, first + 1], [first + 3, first + 4, first + 5]]);
        }
        for vertex in std::mem::take(&mut self.from.points) {
            let middle = self.position(vertex);
            let first = self.to.positions.len() as u32;
            for [x, y, z] in CORNERS {
                self.add(vertex, middle + vec3a(x, y, z) * (point * 0.577));
            }
            self.to.triangles.extend([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]].map(|own| own.map(|at| first + at)));
        }
    }

    fn position(&self, vertex: u32) -> Vec3A {
        Vec3A::from_array(self.from.positions[vertex as usize])
    }

    /// A corner with what its vertex has beside a place and a normal.
    fn add(&mut self, vertex: u32, position: Vec3A) {
        let vertex = vertex as usize;
        self.to.positions.push(position.to_array());
        self.to.colours.extend(self.from.colours.get(vertex));
        for set in 0..2 {
            self.to.coordinates[set].extend(self.from.coordinates[set].get(vertex));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_points_get_closed_bodies_with_their_colours() {
        let piece = Piece {
            positions: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 5.0, 0.0]],
            colours: vec![[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]],
            lines: vec![[0, 1]],
            points: vec![2],
            ..Piece::default()
        };
        let mut scene = Scene { pieces: vec![piece], ..Scene::default() };
        give_bodies(&mut scene, 1024.0);
        let piece = &scene.pieces[0];
        assert_eq!((piece.triangles.len(), piece.positions.len(), piece.colours.len()), (8 + 4, 6 + 4, 10));
        // Closed, and turned outwards: the volume by its faces is that of a thin prism and a small tetrahedron.
        let volume: f32 = piece
            .triangles
            .iter()
            .map(|triangle| {
                let [a, b, c] = triangle.map(|vertex| Vec3A::from_array(piece.positions[vertex as usize]));
                a.dot(b.cross(c)) / 6.0
            })
            .sum();
        assert!(volume > 0.0, "{volume}");
        let low = scene.bounds().unwrap().0;
        assert!(low[1] > -0.02 && low[1] < 0.0, "{low:?}");
    }
}

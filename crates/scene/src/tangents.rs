//! Tangents for pieces that have none, as every program that bakes normal maps has them: Mikkelsen's tangent space (`MikkTSpace`),
//! which glTF names for this. A triangle's own tangent differs from it wherever texture coordinates are not even, and shows the
//! triangles in what is mirrored.

use std::collections::HashMap;

use bevy_mikktspace::{Geometry, TangentSpace, generate_tangents};

use crate::evaluate::{Piece, Scene};
use crate::material::Material;

/// Gives tangents to the pieces whose materials need them. Pieces without normals are flat: their triangles' own tangents are
/// right for them.
pub fn give_tangents(scene: &mut Scene, materials: &[&Material]) {
    for piece in &mut scene.pieces {
        let material = piece.material.and_then(|at| materials.get(at)).copied();
        let Some(set) = material.and_then(Material::tangent_set) else { continue };
        let has_all = !piece.normals.is_empty() && !piece.coordinates[set].is_empty() && !piece.triangles.is_empty();
        if piece.tangents.is_empty() && has_all {
            give(piece, set);
        }
    }
}

/// Vertices whose triangles do not agree are split.
fn give(piece: &mut Piece, set: usize) {
    let mut corners = Corners { piece, set, tangents: vec![[[0.0; 4]; 3]; piece.triangles.len()] };
    // Without a result every tangent is zero, as where texture coordinates have no area.
    if generate_tangents(&mut corners).is_err() {
        return;
    }
    let tangents = corners.tangents;
    let count = piece.positions.len();
    let mut own: Vec<Option<[f32; 4]>> = vec![None; count];
    let mut others: HashMap<(u32, [u32; 4]), u32> = HashMap::new();
    let mut copies: Vec<(u32, [f32; 4])> = Vec::new();
    for (triangle, tangents) in piece.triangles.iter_mut().zip(tangents) {
        for (vertex, tangent) in triangle.iter_mut().zip(tangents) {
            let first = own[*vertex as usize].get_or_insert(tangent);
            if *first == tangent {
                continue;
            }
            *vertex = *others.entry((*vertex, tangent.map(f32::to_bits))).or_insert_with(|| {
                copies.push((*vertex, tangent));
                (count + copies.len() - 1) as u32
            });
        }
    }
    piece.tangents = own.into_iter().map(Option::unwrap_or_default).collect();
    for (vertex, tangent) in copies {
        let vertex = vertex as usize;
        piece.positions.push(piece.positions[vertex]);
        piece.normals.push(piece.normals[vertex]);
        piece.tangents.push(tangent);
        piece.colours.extend(piece.colours.get(vertex).copied());
        for coordinates in &mut piece.coordinates {
            coordinates.extend(coordinates.get(vertex).copied());
        }
    }
}

struct Corners<'a> {
    piece: &'a Piece,
    set: usize,
    tangents: Vec<[[f32; 4]; 3]>,
}

impl Corners<'_> {
    fn vertex(&self, face: usize, corner: usize) -> usize {
        self.piece.triangles[face][corner] as usize
    }
}

impl Geometry for Corners<'_> {
    fn num_faces(&self) -> usize {
        self.piece.triangles.len()
    }

    fn num_vertices_of_face(&self, _face: usize) -> usize {
        3
    }

    fn position(&self, face: usize, vert: usize) -> [f32; 3] {
        self.piece.positions[self.vertex(face, vert)]
    }

    fn normal(&self, face: usize, vert: usize) -> [f32; 3] {
        self.piece.normals[self.vertex(face, vert)]
    }

    /// The second coordinate of glTF goes down, that of a tangent space up.
    fn tex_coord(&self, face: usize, vert: usize) -> [f32; 2] {
        let [u, v] = self.piece.coordinates[self.set][self.vertex(face, vert)];
        if u.is_finite() && v.is_finite() { [u, 1.0 - v] } else { [0.0; 2] }
    }

    fn set_tangent(&mut self, tangent_space: Option<TangentSpace>, face: usize, vert: usize) {
        if let Some(found) = tangent_space {
            self.tangents[face][vert] = found.tangent_encoded();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::TextureUse;

    fn bumpy() -> Vec<Material> {
        let reference = TextureUse { texture: 0, set: 0, transform: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] };
        vec![Material { normal_texture: Some(reference), ..Material::default() }, Material::default()]
    }

    /// Two squares beside each other that share an edge; the second has the picture of the first mirrored.
    fn mirrored() -> Piece {
        Piece {
            material: Some(0),
            positions: (0..6).map(|at| [(at % 3) as f32, (at / 3) as f32, 0.0]).collect(),
            normals: vec![[0.0, 0.0, 1.0]; 6],
            coordinates: [(0..6).map(|at| [[0.0, 1.0, 0.0][at % 3], 1.0 - (at / 3) as f32]).collect(), Vec::new()],
            colours: vec![[0.5; 4]; 6],
            triangles: vec![[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]],
            ..Piece::default()
        }
    }

    #[test]
    fn tangents_point_along_the_picture_and_vertices_where_it_is_mirrored_are_split() {
        let mut scene = Scene { pieces: vec![mirrored()], ..Scene::default() };
        give_tangents(&mut scene, &bumpy().iter().collect::<Vec<_>>());
        let piece = &scene.pieces[0];
        assert_eq!((piece.positions.len(), piece.tangents.len(), piece.colours.len()), (8, 8, 8));
        assert_eq!((piece.normals.len(), piece.coordinates[0].len(), piece.coordinates[1].len()), (8, 8, 0));
        for (at, triangle) in piece.triangles.iter().enumerate() {
            let side = if at < 2 { 1.0 } else { -1.0 };
            for &vertex in triangle {
                let [x, y, z, handed] = piece.tangents[vertex as usize];
                // Up in the picture is up in the scene: z × x = y, and mirrored z × -x = -y.
                assert!(
                    (x - side).abs() < 1e-5 && y.abs() < 1e-5 && z.abs() < 1e-5 && handed == side,
                    "{at}: {x} {handed}"
                );
            }
        }
    }

    #[test]
    fn pieces_that_need_no_tangents_or_have_them_are_left_alone() {
        let with = |change: &dyn Fn(&mut Piece)| {
            let mut piece = mirrored();
            change(&mut piece);
            let mut scene = Scene { pieces: vec![piece], ..Scene::default() };
            give_tangents(&mut scene, &bumpy().iter().collect::<Vec<_>>());
            scene.pieces.remove(0)
        };
        assert!(with(&|piece| piece.material = Some(1)).tangents.is_empty());
        assert!(with(&|piece| piece.material = None).tangents.is_empty());
        assert!(with(&|piece| piece.normals.clear()).tangents.is_empty());
        assert!(with(&|piece| piece.coordinates[0].clear()).tangents.is_empty());
        let own = with(&|piece| piece.tangents = vec![[0.0, 1.0, 0.0, 1.0]; 6]);
        assert_eq!(own.tangents, vec![[0.0, 1.0, 0.0, 1.0]; 6]);
        // Coordinates without an area have no direction.
        let flat = with(&|piece| piece.coordinates[0].fill([0.5; 2]));
        assert!(flat.positions.len() >= 6 && flat.tangents.len() == flat.positions.len());
        assert!(flat.tangents.iter().flatten().all(|value| value.is_finite()));
    }
}

//! The surface with colours, for models that show a number at each place.

use std::collections::HashMap;
use std::sync::Arc;

use scene::accessor::{Accessor, Shape};
use scene::document::{Channel, Document, Interpolation, Mode, Node, Primitive, Scene};
use scene::json::Object;
use scene::transform::{Parts, Transform};
use serde_json::{Value, json};
use solid::Mesh;
use solid::vector::{Vector, add, norm, scale, sub};

use super::build::{add_animation, add_material, add_mesh};

/// The most triangles of a coloured surface.
const MOST_TRIANGLES: usize = 300_000;

/// A surface whose triangles have no edge longer than `step`, or as short ones as the most triangles allow. Edges are
/// halved, so that neighbours stay joined. Each triangle comes with the one that it is a part of.
pub fn refined(mesh: &Mesh, step: f64) -> (Mesh, Vec<u32>) {
    let mut refined = mesh.clone();
    let mut source: Vec<u32> = (0..mesh.triangles.len() as u32).collect();
    let mut step = step;
    loop {
        let is_long = |a: u32, b: u32| norm(sub(refined.points[a as usize], refined.points[b as usize])) > step;
        let long: usize = refined
            .triangles
            .iter()
            .map(|&[a, b, c]| usize::from(is_long(a, b)) + usize::from(is_long(b, c)) + usize::from(is_long(c, a)))
            .sum();
        if long == 0 {
            return (refined, source);
        }
        if refined.triangles.len() + long > MOST_TRIANGLES {
            if refined.triangles.len() * 2 > MOST_TRIANGLES {
                return (refined, source);
            }
            step *= 1.5;
            continue;
        }
        let mut halves: HashMap<(u32, u32), u32> = HashMap::new();
        let mut points = refined.points.clone();
        let mut half = |a: u32, b: u32| {
            is_long(a, b).then(|| {
                *halves.entry((a.min(b), a.max(b))).or_insert_with(|| {
                    points.push(scale(add(points[a as usize], points[b as usize]), 0.5));
                    points.len() as u32 - 1
                })
            })
        };
        let (mut triangles, mut next) = (Vec::new(), Vec::new());
        for (&[a, b, c], &from) in refined.triangles.iter().zip(&source) {
            let parts: Vec<[u32; 3]> = match (half(a, b), half(b, c), half(c, a)) {
                (None, None, None) => vec![[a, b, c]],
                (Some(p), None, None) => vec![[a, p, c], [p, b, c]],
                (None, Some(p), None) => vec![[b, p, a], [p, c, a]],
                (None, None, Some(p)) => vec![[c, p, b], [p, a, b]],
                (Some(p), Some(q), None) => vec![[p, b, q], [a, p, q], [a, q, c]],
                (None, Some(q), Some(r)) => vec![[q, c, r], [b, q, r], [b, r, a]],
                (Some(p), None, Some(r)) => vec![[r, a, p], [c, r, p], [c, p, b]],
                (Some(p), Some(q), Some(r)) => vec![[a, p, r], [p, b, q], [r, q, c], [p, q, r]],
            };
            next.extend(std::iter::repeat_n(from, parts.len()));
            triangles.extend(parts);
        }
        refined = Mesh { points, triangles };
        source = next;
    }
}

/// A colour for a number from 0 to 1, linear light: Google's Turbo (A. Mikhailov 2019, Apache-2.0) by its polynomials.
pub fn turbo(value: f64) -> [f32; 3] {
    let x = value.clamp(0.0, 1.0);
    let polynomial = |c: [f64; 6]| c.iter().rev().fold(0.0, |sum, factor| sum * x + factor).clamp(0.0, 1.0);
    let encoded = [
        polynomial([0.135_721_38, 4.615_392_60, -42.660_322_58, 132.131_082_34, -152.942_393_96, 59.286_379_43]),
        polynomial([0.091_402_61, 2.194_188_39, 4.842_966_58, -14.185_033_33, 4.277_298_57, 2.829_566_04]),
        polynomial([0.106_673_30, 12.641_946_08, -60.582_048_36, 110.362_767_71, -89.903_109_12, 27.348_249_73]),
    ];
    encoded.map(linear)
}

/// sRGB to linear light. Tables of libm's power, the same everywhere.
pub fn linear(value: f64) -> f32 {
    let light = if value <= 0.040_45 { value / 12.92 } else { mechanics::power((value + 0.055) / 1.055, 2.4) };
    light as f32
}

/// The moment of the animation that [`coloured`] adds at which the deformation is whole.
pub const SHOWN_AT: f64 = 1.75;

/// A document that shows the surface in colours, `rotation` (a quaternion) turning it so that y is up.
pub fn coloured(
    name: &str,
    mesh: &Mesh,
    colours: &[[f32; 3]],
    displacements: Option<&[Vector]>,
    rotation: [f64; 4],
    extras: Value,
) -> Document {
    let mut document = Document::default();
    document.asset.insert("version".to_owned(), json!("2.0"));
    document.extensions_used.insert("KHR_materials_unlit".to_owned());
    let material = add_material(
        &mut document,
        &json!({
            "name": name,
            "doubleSided": true,
            "pbrMetallicRoughness": { "metallicFactor": 0, "roughnessFactor": 1 },
            "extensions": { "KHR_materials_unlit": {} },
        }),
    );
    let floats = |values: &mut dyn Iterator<Item = Vector>| -> Vec<f32> {
        values.flat_map(|value| value.map(|number| number as f32)).collect()
    };
    let positions = floats(&mut mesh.points.iter().copied());
    let colours: Vec<f32> = colours.iter().flatten().copied().collect();
    let primitive = Primitive {
        mode: Mode::Triangles,
        attributes: vec![
            ("COLOR_0".to_owned(), Arc::new(Accessor::of_floats(Shape::Vec3, &colours))),
            ("POSITION".to_owned(), Arc::new(Accessor::of_floats(Shape::Vec3, &positions))),
        ],
        indices: Some(Arc::new(mesh.triangles.iter().flatten().copied().collect())),
        targets: displacements
            .map(|all| {
                let offsets = floats(&mut all.iter().copied());
                vec![vec![("POSITION".to_owned(), Arc::new(Accessor::of_floats(Shape::Vec3, &offsets)))]]
            })
            .unwrap_or_default(),
        material: Some(material),
        ..Primitive::default()
    };
    let number = add_mesh(&mut document, name, primitive);
    if displacements.is_some() {
        let rest = &mut document.meshes[number].rest;
        rest.insert("weights".to_owned(), json!([0.0]));
        rest.insert("extras".to_owned(), json!({ "targetNames": ["deformation"] }));
    }
    let parts = Parts { translation: [0.0; 3], rotation, scale: [1.0; 3] };
    let mut node = Node { mesh: Some(number), transform: Transform::Parts(parts), ..Node::default() };
    node.rest.insert("name".to_owned(), json!(name));
    node.rest.insert("extras".to_owned(), extras);
    document.nodes.push(node);
    document.scenes.push(Scene { nodes: vec![0], rest: Object::new() });
    document.scene = Some(0);
    if displacements.is_some() {
        let channel = Channel {
            node: Some(0),
            path: "weights".to_owned(),
            times: Arc::new(Accessor::of_floats(Shape::Scalar, &[0.0, 1.5, 2.0, 3.5])),
            values: Arc::new(Accessor::of_floats(Shape::Scalar, &[0.0, 1.0, 1.0, 0.0])),
            interpolation: Interpolation::Linear,
            rest: Object::new(),
            target_rest: Object::new(),
            sampler_rest: Object::new(),
        };
        add_animation(&mut document, "deformation", vec![channel]);
    }
    document
}

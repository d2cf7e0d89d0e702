//! Puts together documents from formats that know corners of faces, not vertices.

use std::sync::Arc;

use contract::Failure;
use serde_json::{Value, json};

use super::gltf::check_primitive;
use crate::accessor::{Accessor, Component, Filter, Shape};
use crate::document::{Document, Mesh, Mode, Node, Primitive, Scene};
use crate::json::Object;

/// Vertices under construction: flat arrays, each empty or as long as the vertices are many.
#[derive(Default)]
pub struct Vertices {
    /// Three floats.
    pub positions: Vec<f32>,
    /// Three floats.
    pub normals: Vec<f32>,
    /// Two floats, the origin at the upper left as in glTF.
    pub coordinates: Vec<f32>,
    /// Four bytes, sRGB-encoded as these formats have them; stored linear.
    pub colours: Vec<[u8; 4]>,
}

impl Vertices {
    /// A primitive of these vertices.
    pub fn primitive(
        self,
        mode: Mode,
        indices: Option<Vec<u32>>,
        material: Option<usize>,
    ) -> Result<Primitive, Failure> {
        let mut attributes = Vec::new();
        if !self.colours.is_empty() {
            let bytes = self.colours.iter().flat_map(|&[r, g, b, a]| [linear(r), linear(g), linear(b), a]).collect();
            let colours = Accessor {
                component: Component::U8,
                normalised: true,
                shape: Shape::Vec4,
                count: self.colours.len(),
                stride: 4,
                bytes,
                filter: Filter::None,
                rest: None,
            };
            attributes.push(("COLOR_0".to_owned(), Arc::new(colours)));
        }
        let mut add = |name: &str, shape, floats: &[f32]| {
            if !floats.is_empty() {
                attributes.push((name.to_owned(), Arc::new(Accessor::of_floats(shape, floats))));
            }
        };
        add("NORMAL", Shape::Vec3, &self.normals);
        add("POSITION", Shape::Vec3, &self.positions);
        add("TEXCOORD_0", Shape::Vec2, &self.coordinates);
        let indices = indices.map(Arc::new);
        let primitive = Primitive { mode, attributes, indices, material, ..Primitive::default() };
        check_primitive(&primitive)?;
        Ok(primitive)
    }
}

/// sRGB to linear light, as glTF wants vertex colours.
fn linear(byte: u8) -> u8 {
    let value = f32::from(byte) / 255.0;
    let light = if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    (light * 255.0).round() as u8
}

/// A document that shows these meshes, each under its name.
pub fn document(meshes: Vec<(Option<String>, Vec<Primitive>)>, materials: Vec<Object>) -> Document {
    let mut document = Document { materials, ..Document::default() };
    for (name, primitives) in meshes.into_iter().filter(|(_, primitives)| !primitives.is_empty()) {
        let mut node = Node { mesh: Some(document.meshes.len()), ..Node::default() };
        if let Some(name) = name {
            node.rest.insert("name".to_owned(), Value::String(name));
        }
        document.meshes.push(Mesh { primitives, rest: Object::new() });
        document.nodes.push(node);
    }
    document.scenes.push(Scene { nodes: (0..document.nodes.len()).collect(), rest: Object::new() });
    document.scene = Some(0);
    document.asset.insert("version".to_owned(), json!("2.0"));
    document
}

//! Puts together documents from formats that know corners of faces, not vertices.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::Failure;
use serde_json::{Value, json};

use super::gltf::check_primitive;
use crate::accessor::{Accessor, Component, Filter, Shape};
use crate::document::{Document, Image, Mesh, Mode, Node, Primitive, Scene};
use crate::json::Object;

/// Vertices under construction: flat arrays, each empty or as long as the vertices are many.
#[derive(Default, Clone)]
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

/// Textures under construction.
#[derive(Default)]
pub struct Textures {
    images: Vec<Image>,
    list: Vec<Object>,
    samplers: Vec<Object>,
    /// Extensions that they and the references to them use.
    pub extensions: BTreeSet<String>,
}

const WEBP: &str = "EXT_texture_webp";
/// `CLAMP_TO_EDGE`.
const CLAMP_TO_EDGE: u32 = 33071;

impl Textures {
    /// Adds a texture of that image, which repeats or is clamped, and says its number.
    pub fn add(&mut self, image: Image, is_clamped: bool) -> usize {
        let source = self.images.len();
        let texture = if image.mime_type == "image/webp" {
            self.extensions.insert(WEBP.to_owned());
            json!({ "extensions": { WEBP: { "source": source } } })
        } else {
            json!({ "source": source })
        };
        let mut texture = texture.as_object().cloned().unwrap_or_default();
        self.images.push(image);
        if is_clamped {
            if self.samplers.is_empty() {
                let sampler = json!({ "wrapS": CLAMP_TO_EDGE, "wrapT": CLAMP_TO_EDGE });
                self.samplers.extend(sampler.as_object().cloned());
            }
            texture.insert("sampler".to_owned(), json!(0));
        }
        self.list.push(texture);
        self.list.len() - 1
    }
}

/// White, rough and not a metal.
pub fn plain_material() -> Object {
    let mut material = Object::new();
    material.insert("pbrMetallicRoughness".to_owned(), json!({ "metallicFactor": 0 }));
    material
}

/// sRGB to linear light, as glTF wants vertex colours.
fn linear(byte: u8) -> u8 {
    let value = f32::from(byte) / 255.0;
    let light = if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    (light * 255.0).round() as u8
}

/// A document that shows these meshes, each under its name. What has no material gets a plain one: glTF's own default is a
/// metal, which is black in every viewer without surroundings to mirror.
pub fn document(
    mut meshes: Vec<(Option<String>, Vec<Primitive>)>,
    mut materials: Vec<Object>,
    textures: Textures,
) -> Document {
    let plain = materials.len();
    for primitive in meshes.iter_mut().flat_map(|(_, primitives)| primitives).filter(|own| own.material.is_none()) {
        primitive.material = Some(plain);
        if materials.len() == plain {
            materials.push(plain_material());
        }
    }
    let Textures { images, list: textures, samplers, extensions } = textures;
    let mut document = Document { materials, textures, samplers, images, ..Document::default() };
    if extensions.contains(WEBP) {
        document.extensions_required.insert(WEBP.to_owned());
    }
    document.extensions_used = extensions;
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

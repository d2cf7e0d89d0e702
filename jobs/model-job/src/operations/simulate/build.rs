//! Models that show what was found.

use std::sync::Arc;

use scene::accessor::{Accessor, Shape};
use scene::document::{Animation, Channel, Document, Interpolation, Mesh as DrawnMesh, Mode, Node, Primitive, Scene};
use scene::json::Object;
use scene::transform::{Parts, Transform};
use serde_json::{Value, json};

/// Positions of a node over time.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// Seconds.
    pub times: Vec<f32>,
    /// Three numbers for each.
    pub translations: Vec<f32>,
    /// Four numbers for each.
    pub rotations: Vec<f32>,
}

impl Track {
    /// Adds a moment. A rotation's sign is chosen so that it is on the near side of the one before.
    pub fn push(&mut self, time: f64, translation: [f64; 3], rotation: [f64; 4]) {
        let rotation = rotation.map(|value| value as f32);
        let turned_over = self
            .rotations
            .rchunks_exact(4)
            .next()
            .is_some_and(|before| before.iter().zip(&rotation).map(|(a, b)| a * b).sum::<f32>() < 0.0);
        self.times.push(time as f32);
        self.translations.extend(translation.map(|value| value as f32));
        self.rotations.extend(rotation.map(|value| if turned_over { -value } else { value }));
    }
}

/// Puts everything that the scene shows below one new node, and says its number.
pub fn wrap(document: &mut Document, name: &str, parts: Parts) -> usize {
    let shown = document.scene.unwrap_or(0);
    if document.scenes.is_empty() {
        let parents = document.parents();
        let roots = (0..document.nodes.len()).filter(|&node| parents[node].is_none()).collect();
        document.scenes.push(Scene { nodes: roots, rest: Object::new() });
        document.scene = Some(0);
    }
    let children = std::mem::take(&mut document.scenes[shown].nodes);
    let mut node = Node { children, transform: Transform::Parts(parts), ..Node::default() };
    node.rest.insert("name".to_owned(), json!(name));
    document.nodes.push(node);
    let number = document.nodes.len() - 1;
    document.scenes[shown].nodes = vec![number];
    number
}

/// Adds a node at the top of the scene.
pub fn add_node(document: &mut Document, name: &str, mesh: usize) -> usize {
    let mut node = Node { mesh: Some(mesh), ..Node::default() };
    node.rest.insert("name".to_owned(), json!(name));
    document.nodes.push(node);
    let number = document.nodes.len() - 1;
    let shown = document.scene.unwrap_or(0);
    document.scenes[shown].nodes.push(number);
    number
}

/// Adds a mesh of one primitive.
pub fn add_mesh(document: &mut Document, name: &str, primitive: Primitive) -> usize {
    let mut rest = Object::new();
    rest.insert("name".to_owned(), json!(name));
    document.meshes.push(DrawnMesh { primitives: vec![primitive], rest });
    document.meshes.len() - 1
}

/// Adds a material.
pub fn add_material(document: &mut Document, material: &Value) -> usize {
    document.materials.push(material.as_object().cloned().unwrap_or_default());
    document.materials.len() - 1
}

/// A square floor around the origin, y up.
pub fn add_floor(document: &mut Document, half: f64) -> usize {
    let material = json!({
        "name": "floor",
        "doubleSided": true,
        "pbrMetallicRoughness": { "baseColorFactor": [0.8, 0.8, 0.8, 1.0], "metallicFactor": 0, "roughnessFactor": 1 },
    });
    let material = add_material(document, &material);
    let half = half as f32;
    let positions = [-half, 0.0, half, half, 0.0, half, half, 0.0, -half, -half, 0.0, -half];
    let normals = [0.0, 1.0, 0.0].repeat(4);
    let primitive = Primitive {
        mode: Mode::Triangles,
        attributes: vec![
            ("NORMAL".to_owned(), Arc::new(Accessor::of_floats(Shape::Vec3, &normals))),
            ("POSITION".to_owned(), Arc::new(Accessor::of_floats(Shape::Vec3, &positions))),
        ],
        indices: Some(Arc::new(vec![0, 1, 2, 0, 2, 3])),
        material: Some(material),
        ..Primitive::default()
    };
    let mesh = add_mesh(document, "floor", primitive);
    add_node(document, "floor", mesh)
}

/// The channels that move a node along a track.
pub fn channels(node: usize, track: &Track) -> Vec<Channel> {
    let times = Arc::new(Accessor::of_floats(Shape::Scalar, &track.times));
    let channel = |path: &str, shape: Shape, values: &[f32]| Channel {
        node: Some(node),
        path: path.to_owned(),
        times: Arc::clone(&times),
        values: Arc::new(Accessor::of_floats(shape, values)),
        interpolation: Interpolation::Linear,
        rest: Object::new(),
        target_rest: Object::new(),
        sampler_rest: Object::new(),
    };
    vec![channel("translation", Shape::Vec3, &track.translations), channel("rotation", Shape::Vec4, &track.rotations)]
}

/// Adds an animation in front of the others, so that players that play one play it.
pub fn add_animation(document: &mut Document, name: &str, channels: Vec<Channel>) {
    let mut rest = Object::new();
    rest.insert("name".to_owned(), json!(name));
    document.animations.insert(0, Animation { channels, rest });
}

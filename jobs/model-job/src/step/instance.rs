//! Many nodes of the same mesh become one with `EXT_mesh_gpu_instancing`: one draw call.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use super::renumber::note_names;
use super::rigid::{Anchor, attach, places, remove_emptied};
use scene::accessor::{Accessor, Shape};
use scene::document::{Document, Node};
use scene::transform::{Parts, decompose};

/// Fewer are left to be joined, or as they are: the extension's own JSON is worth a few nodes.
const FEWEST: usize = 5;

/// Instances what never moves against each other. Meshes with skins or morph targets and translucent ones are left:
/// they are drawn one by one.
pub fn instance(document: &mut Document, context: &Context<'_>) {
    if document.frozen_by.is_some() {
        return;
    }
    let places = places(document, context.options.keep_named_nodes);
    let mut groups: BTreeMap<(Anchor, usize), Vec<(usize, Parts)>> = BTreeMap::new();
    for (at, node) in document.nodes.iter().enumerate() {
        let (Some(mesh), Some(place)) = (node.mesh, &places[at]) else { continue };
        let is_simple = node.skin.is_none() && node.instances.is_empty() && node.has_only_name();
        if !is_simple || place.anchor == Anchor::Node(at) || !can_be_drawn_together(document, mesh) {
            continue;
        }
        if let Some(parts) = decompose(&place.matrix) {
            groups.entry((place.anchor, mesh)).or_default().push((at, parts));
        }
    }
    groups.retain(|_, nodes| nodes.len() >= FEWEST);
    let emptied: Vec<Vec<usize>> = groups.values().map(|nodes| nodes.iter().map(|&(at, _)| at).collect()).collect();
    for &at in emptied.iter().flatten() {
        document.nodes[at].mesh = None;
    }
    let names = remove_emptied(document, &emptied);
    for (((anchor, mesh), nodes), names) in groups.into_iter().zip(names) {
        let mut instanced = Node { mesh: Some(mesh), instances: instances(&nodes), ..Node::default() };
        note_names(&mut instanced.rest, names);
        document.nodes.push(instanced);
        attach(document, anchor, document.nodes.len() - 1);
        for list in [&mut document.extensions_used, &mut document.extensions_required] {
            list.insert("EXT_mesh_gpu_instancing".to_owned());
        }
    }
}

fn can_be_drawn_together(document: &Document, mesh: usize) -> bool {
    document.meshes[mesh].primitives.iter().all(|primitive| {
        let blends = primitive.material.is_some_and(|material| super::join::blends(&document.materials[material]));
        primitive.targets.is_empty() && !blends
    })
}

/// The attributes of the extension; what is the same as without is left out.
pub fn instances(nodes: &[(usize, Parts)]) -> Vec<(String, Arc<Accessor>)> {
    let all = |of: &dyn Fn(&Parts) -> Vec<f64>| -> Vec<f32> {
        nodes.iter().flat_map(|(_, parts)| of(parts)).map(|value| value as f32).collect()
    };
    let mut attributes = Vec::new();
    if nodes.iter().any(|(_, parts)| parts.rotation != Parts::IDENTITY.rotation) {
        let rotations = Accessor::of_floats(Shape::Vec4, &all(&|parts| parts.rotation.to_vec()));
        attributes.push(("ROTATION".to_owned(), Arc::new(rotations)));
    }
    if nodes.iter().any(|(_, parts)| parts.scale != Parts::IDENTITY.scale) {
        let scales = Accessor::of_floats(Shape::Vec3, &all(&|parts| parts.scale.to_vec()));
        attributes.push(("SCALE".to_owned(), Arc::new(scales)));
    }
    let translations = Accessor::of_floats(Shape::Vec3, &all(&|parts| parts.translation.to_vec()));
    attributes.push(("TRANSLATION".to_owned(), Arc::new(translations)));
    attributes
}

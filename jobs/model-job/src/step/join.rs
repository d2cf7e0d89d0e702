//! Meshes of the same material that never move against each other become one: one draw call.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Context;
use super::renumber::note_names;
use super::rigid::{Anchor, Place, attach, places, remove_emptied};
use crate::accessor::{Accessor, Component, Shape};
use crate::document::{Document, Mesh, Mode, Node, Primitive};
use crate::json::Object;
use crate::transform::{Matrix, apply, apply_linear, cofactors, determinant};

/// How many vertices a mesh that is shown several times may become, all copies together.
const MOST_COPIED_VERTICES: usize = 16_384;

/// What has to be the same for primitives to be drawn together: anchor, material, mode, names and types of attributes.
type Key = (Anchor, Option<usize>, Mode, Vec<(String, Shape, Option<(Component, bool)>)>);

/// Joins meshes without skins and morph targets. Translucent ones are left, because they are drawn in the order of
/// their distance; so are those with extras or extensions, which mean something on their own.
pub fn join(document: &mut Document, context: &Context<'_>) {
    if document.frozen_by.is_some() {
        return;
    }
    let places = places(document, context.options.keep_named_nodes);
    let mut uses = vec![0; document.meshes.len()];
    document.nodes.iter().filter_map(|node| node.mesh).for_each(|mesh| uses[mesh] += 1);

    let mut groups: BTreeMap<Key, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, node) in document.nodes.iter().enumerate() {
        let (Some(mesh), Some(place)) = (node.mesh, &places[at]) else { continue };
        let vertices: usize = document.meshes[mesh].primitives.iter().map(Primitive::vertex_count).sum();
        let is_simple = node.skin.is_none() && node.instances.is_empty() && node.has_only_name();
        let is_copied_too_much = uses[mesh] > 1 && uses[mesh] * vertices > MOST_COPIED_VERTICES;
        if !is_simple
            || is_copied_too_much
            || place.anchor == Anchor::Node(at)
            || document.meshes[mesh].rest.keys().any(|key| key != "name")
        {
            continue;
        }
        for (number, primitive) in document.meshes[mesh].primitives.iter().enumerate() {
            if let Some(key) = key(document, primitive, place) {
                groups.entry(key).or_default().push((at, number));
            }
        }
    }
    // What is alone in its group stays where it is.
    groups.retain(|_, entries| entries.len() > 1);

    let mut joined: BTreeMap<Anchor, Vec<Primitive>> = BTreeMap::new();
    let mut taken: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for ((anchor, ..), entries) in &groups {
        let parts: Vec<(&Primitive, &Matrix)> = entries
            .iter()
            .filter_map(|&(node, number)| {
                let mesh = document.nodes[node].mesh?;
                let place = places[node].as_ref()?;
                Some((&document.meshes[mesh].primitives[number], &place.matrix))
            })
            .collect();
        joined.entry(*anchor).or_default().push(joined_primitive(&parts));
        for &(node, number) in entries {
            taken.entry(node).or_default().push(number);
        }
    }
    let mut emptied: BTreeMap<Anchor, Vec<usize>> = BTreeMap::new();
    for (node, numbers) in taken {
        let (Some(mesh), Some(place)) = (document.nodes[node].mesh, &places[node]) else { continue };
        emptied.entry(place.anchor).or_default().push(node);
        document.nodes[node].mesh = leave_rest(document, mesh, &numbers);
    }
    for (anchor, primitives) in joined {
        let mut node = Node { mesh: Some(document.meshes.len()), ..Node::default() };
        let names = remove_emptied(document, emptied.get(&anchor).map_or(&[], Vec::as_slice));
        note_names(&mut node.rest, names);
        document.meshes.push(Mesh { primitives, rest: Object::new() });
        document.nodes.push(node);
        attach(document, anchor, document.nodes.len() - 1);
    }
}

/// Whether a material lets through what is behind it, so that the order of drawing matters.
pub fn blends(material: &Object) -> bool {
    material.get("alphaMode").and_then(Value::as_str) == Some("BLEND")
        || material.get("extensions").and_then(|all| all.get("KHR_materials_transmission")).is_some()
}

fn key(document: &Document, primitive: &Primitive, place: &Place) -> Option<Key> {
    let blends = primitive.material.is_some_and(|material| blends(&document.materials[material]));
    if blends
        || !primitive.targets.is_empty()
        || !primitive.rest.is_empty()
        || primitive.attribute("POSITION").is_none()
    {
        return None;
    }
    let attributes = primitive.attributes.iter().map(|(name, accessor)| {
        // These become floats; others have to be stored alike.
        let kind = match name.as_str() {
            "POSITION" | "NORMAL" | "TANGENT" => None,
            _ if name.starts_with("TEXCOORD_") || name.starts_with("COLOR_") => None,
            _ => Some((accessor.component, accessor.normalised)),
        };
        (name.clone(), accessor.shape, kind)
    });
    Some((place.anchor, primitive.material, primitive.mode, attributes.collect()))
}

/// What is left of a mesh at one node; `None` where nothing is.
fn leave_rest(document: &mut Document, mesh: usize, taken: &[usize]) -> Option<usize> {
    let primitives: Vec<Primitive> = document.meshes[mesh]
        .primitives
        .iter()
        .enumerate()
        .filter(|(number, _)| !taken.contains(number))
        .map(|(_, primitive)| primitive.clone())
        .collect();
    if primitives.is_empty() {
        return None;
    }
    let rest = Mesh { primitives, rest: document.meshes[mesh].rest.clone() };
    let same = document.meshes.iter().position(|own| *own == rest);
    Some(same.unwrap_or_else(|| {
        document.meshes.push(rest);
        document.meshes.len() - 1
    }))
}

fn joined_primitive(parts: &[(&Primitive, &Matrix)]) -> Primitive {
    let (first, _) = parts[0];
    let mut attributes = Vec::new();
    for (name, like) in &first.attributes {
        let accessors =
            || parts.iter().filter_map(|(part, matrix)| part.attribute(name).map(|accessor| (accessor, *matrix)));
        let joined = match name.as_str() {
            "POSITION" => floats(like, accessors(), |matrix, element| transform(element, |v| apply(matrix, v))),
            "NORMAL" => floats(like, accessors(), |matrix, element| {
                let cofactors = cofactors(matrix);
                let mirror = determinant(matrix).signum();
                transform(element, |v| unit(apply_linear(&cofactors, v).map(|value| value * mirror)));
            }),
            "TANGENT" => floats(like, accessors(), |matrix, element| {
                transform(element, |v| unit(apply_linear(matrix, v)));
                if let Some(handedness) = element.get_mut(3) {
                    *handedness *= determinant(matrix).signum() as f32;
                }
            }),
            _ if name.starts_with("TEXCOORD_") || name.starts_with("COLOR_") => floats(like, accessors(), |_, _| {}),
            _ => Accessor {
                count: accessors().map(|(accessor, _)| accessor.count).sum(),
                bytes: accessors().flat_map(|(accessor, _)| accessor.bytes.iter().copied()).collect(),
                ..like.as_ref().clone()
            },
        };
        attributes.push((name.clone(), Arc::new(joined)));
    }
    let corners = match first.mode {
        Mode::Triangles => 3,
        Mode::Lines => 2,
        _ => 1,
    };
    let mut indices = Vec::new();
    let mut base = 0;
    for (part, matrix) in parts {
        let own: Vec<u32> = match &part.indices {
            Some(indices) => indices.iter().map(|index| base + index).collect(),
            None => (base..base + part.vertex_count() as u32).collect(),
        };
        if corners == 3 && determinant(matrix) < 0.0 {
            // A mirrored triangle turns its back.
            indices.extend(own.as_chunks::<3>().0.iter().flat_map(|&[a, b, c]| [b, a, c]));
        } else {
            indices.extend(own);
        }
        base += part.vertex_count() as u32;
    }
    let indices =
        (first.mode != Mode::Points || parts.iter().any(|(part, _)| part.indices.is_some())).then(|| Arc::new(indices));
    Primitive { mode: first.mode, attributes, indices, material: first.material, ..Primitive::default() }
}

fn floats<'a>(
    like: &Accessor,
    accessors: impl Iterator<Item = (&'a Arc<Accessor>, &'a Matrix)>,
    change: impl Fn(&Matrix, &mut [f32]),
) -> Accessor {
    let mut all = Vec::new();
    for (accessor, matrix) in accessors {
        let start = all.len();
        all.extend(accessor.floats());
        for element in all[start..].chunks_exact_mut(accessor.shape.width()) {
            change(matrix, element);
        }
    }
    Accessor::of_floats(like.shape, &all)
}

fn transform(element: &mut [f32], through: impl Fn([f64; 3]) -> [f64; 3]) {
    let moved = through([f64::from(element[0]), f64::from(element[1]), f64::from(element[2])]);
    for (slot, value) in element.iter_mut().zip(moved) {
        *slot = value as f32;
    }
}

fn unit(vector: [f64; 3]) -> [f64; 3] {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 { vector.map(|value| value / length) } else { vector }
}

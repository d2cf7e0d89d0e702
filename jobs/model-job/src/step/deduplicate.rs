//! Stores what is equal once, by content.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use serde_json::Value;

use super::renumber::{Renumbering, note_names};
use scene::accessor::Accessor;
use scene::document::{Document, Primitive};
use scene::json::Object;

/// Merges equal accessors; and, unless something unknown may refer to them by number, equal images, samplers, textures,
/// materials and meshes. Names do not keep things apart; those of what is merged are noted on what stays.
pub fn deduplicate(document: &mut Document) {
    accessors(document);
    if document.frozen_by.is_some() {
        return;
    }
    let keys: Vec<_> = document
        .images
        .iter()
        .map(|image| (image.mime_type.clone(), Arc::clone(&image.bytes), nameless(&image.rest)))
        .collect();
    let into = first_of_equals(&keys);
    Renumbering::merge(&mut document.images, &into).images(document);

    let keys: Vec<_> = document.samplers.iter().map(nameless).collect();
    let into = first_of_equals(&keys);
    Renumbering::merge(&mut document.samplers, &into).samplers(document);

    let keys: Vec<_> = document.textures.iter().map(nameless).collect();
    let into = first_of_equals(&keys);
    Renumbering::merge(&mut document.textures, &into).textures(document);

    let keys: Vec<_> = document.materials.iter().map(nameless).collect();
    let into = first_of_equals(&keys);
    note_merged(&mut document.materials, &into, |material| material);
    Renumbering::merge(&mut document.materials, &into).materials(document);

    let keys: Vec<_> = document
        .meshes
        .iter()
        .map(|mesh| (mesh.primitives.iter().map(primitive_key).collect::<Vec<_>>(), nameless(&mesh.rest)))
        .collect();
    let into = first_of_equals(&keys);
    note_merged(&mut document.meshes, &into, |mesh| &mut mesh.rest);
    Renumbering::merge(&mut document.meshes, &into).meshes(document);
}

/// Equal accessors and indices become the same.
fn accessors(document: &mut Document) {
    let mut known = HashSet::new();
    let mut known_indices = HashSet::new();
    for primitive in document.meshes.iter_mut().flat_map(|mesh| &mut mesh.primitives) {
        for (_, accessor) in primitive.accessors_mut() {
            intern(&mut known, accessor);
        }
        if let Some(indices) = &mut primitive.indices {
            intern(&mut known_indices, indices);
        }
    }
    for (_, accessor) in document.nodes.iter_mut().flat_map(|node| &mut node.instances) {
        intern(&mut known, accessor);
    }
    for channel in document.animations.iter_mut().flat_map(|animation| &mut animation.channels) {
        intern(&mut known, &mut channel.times);
        intern(&mut known, &mut channel.values);
    }
}

fn intern<T: Eq + Hash>(known: &mut HashSet<Arc<T>>, value: &mut Arc<T>) {
    if let Some(same) = known.get(value) {
        *value = Arc::clone(same);
    } else {
        known.insert(Arc::clone(value));
    }
}

fn first_of_equals<K: Eq + Hash>(keys: &[K]) -> Vec<Option<usize>> {
    let mut first = HashMap::new();
    keys.iter().enumerate().map(|(at, key)| Some(*first.entry(key).or_insert(at))).collect()
}

/// JSON without its name, in an order of keys of its own.
fn nameless(rest: &Object) -> String {
    let mut sorted: Vec<(&String, &Value)> = rest.iter().filter(|(key, _)| *key != "name").collect();
    sorted.sort_by_key(|(key, _)| *key);
    sorted.into_iter().map(|(key, value)| [key, ":", &value.to_string(), ";"].concat()).collect()
}

fn note_merged<T>(elements: &mut [T], into: &[Option<usize>], rest: impl Fn(&mut T) -> &mut Object) {
    for at in 0..elements.len() {
        let Some(target) = into[at].filter(|&target| target != at) else { continue };
        let name = |rest: &Object| rest.get("name").and_then(Value::as_str).map(ToOwned::to_owned);
        let gone = name(rest(&mut elements[at]));
        let kept = rest(&mut elements[target]);
        if let Some(gone) = gone.filter(|gone| Some(gone) != name(kept).as_ref()) {
            note_names(kept, [gone]);
        }
    }
}

/// What makes a primitive, its accessors by address: equal ones are the same by now.
fn primitive_key(primitive: &Primitive) -> impl Eq + Hash + use<> {
    let address = |(name, accessor): &(String, Arc<Accessor>)| (name.clone(), Arc::as_ptr(accessor) as usize);
    let targets: Vec<Vec<(String, usize)>> =
        primitive.targets.iter().map(|target| target.iter().map(address).collect()).collect();
    (
        primitive.mode,
        primitive.material,
        primitive.attributes.iter().map(address).collect::<Vec<_>>(),
        primitive.indices.as_ref().map(|indices| Arc::as_ptr(indices) as usize),
        targets,
        Value::Object(primitive.rest.clone()).to_string(),
    )
}

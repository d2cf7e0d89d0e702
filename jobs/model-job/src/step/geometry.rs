//! Primitives that share their vertices and indices, such as the same shape in several materials.

use std::collections::HashMap;
use std::sync::Arc;

use scene::document::{Attribute, Document, Mode, Primitive};

/// Attributes, morph targets and indices by address.
type Key = (Mode, Addresses, Vec<Addresses>, Option<usize>);
type Addresses = Vec<(String, usize)>;

/// Changes vertices and indices of every primitive, those that are shared once: they stay shared, and however often a
/// file names them, they cost their size.
pub fn each_geometry(document: &mut Document, mut change: impl FnMut(&mut Primitive)) {
    let mut uses: HashMap<Key, usize> = HashMap::new();
    for primitive in document.meshes.iter().flat_map(|mesh| &mesh.primitives) {
        *uses.entry(key(primitive)).or_default() += 1;
    }
    // The originals live as long as their addresses count.
    let mut changed: HashMap<Key, (Primitive, Primitive)> = HashMap::new();
    for primitive in document.meshes.iter_mut().flat_map(|mesh| &mut mesh.primitives) {
        let key = key(primitive);
        if uses.get(&key) == Some(&1) {
            change(primitive);
        } else if let Some((_, changed)) = changed.get(&key) {
            let Primitive { material, rest, .. } = std::mem::take(primitive);
            *primitive = Primitive { material, rest, ..changed.clone() };
        } else {
            let original = primitive.clone();
            change(primitive);
            changed.insert(key, (original, primitive.clone()));
        }
    }
}

fn key(primitive: &Primitive) -> Key {
    let address = |(name, accessor): &Attribute| (name.clone(), Arc::as_ptr(accessor) as usize);
    let addresses = |attributes: &[Attribute]| attributes.iter().map(address).collect();
    let indices = primitive.indices.as_ref().map(|indices| Arc::as_ptr(indices) as usize);
    let targets = primitive.targets.iter().map(|target| addresses(target)).collect();
    (primitive.mode, addresses(&primitive.attributes), targets, indices)
}

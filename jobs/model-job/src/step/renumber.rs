//! Changes of numbers after elements were removed or merged.

use serde_json::Value;

use scene::document::{Document, Primitive};
use scene::json::{Object, size};
use scene::texture_info;

/// For every old number the new one; `None` where the element is gone.
pub struct Renumbering(Vec<Option<usize>>);

impl Renumbering {
    /// Removes the elements that are not to be kept.
    pub fn retain<T>(elements: &mut Vec<T>, keep: &[bool]) -> Self {
        let merge: Vec<Option<usize>> = keep.iter().enumerate().map(|(at, &keep)| keep.then_some(at)).collect();
        Self::merge(elements, &merge)
    }

    /// Keeps elements that stand for themselves (`into[at] == Some(at)`), removes others, to be replaced by the one
    /// given, if any.
    pub fn merge<T>(elements: &mut Vec<T>, into: &[Option<usize>]) -> Self {
        let mut new = vec![None; elements.len()];
        let mut next = 0;
        for (at, into) in into.iter().enumerate() {
            if *into == Some(at) {
                new[at] = Some(next);
                next += 1;
            }
        }
        let numbers = into.iter().map(|into| into.and_then(|at| new[at])).collect();
        let mut at = 0;
        elements.retain(|_| {
            at += 1;
            new[at - 1].is_some()
        });
        Self(numbers)
    }

    fn of(&self, old: usize) -> Option<usize> {
        self.0.get(old).copied().flatten()
    }

    fn apply(&self, number: &mut Option<usize>) {
        *number = number.and_then(|old| self.of(old));
    }

    fn apply_list(&self, numbers: &mut Vec<usize>) {
        *numbers = numbers.iter().filter_map(|&old| self.of(old)).collect();
    }

    fn apply_json(&self, object: &mut Object, key: &str) {
        if let Some(old) = object.get(key).and_then(size) {
            match self.of(old) {
                Some(new) => object.insert(key.to_owned(), Value::from(new)),
                None => object.remove(key),
            };
        }
    }

    /// Nodes have new numbers.
    pub fn nodes(&self, document: &mut Document) {
        for node in &mut document.nodes {
            self.apply_list(&mut node.children);
        }
        for scene in &mut document.scenes {
            self.apply_list(&mut scene.nodes);
        }
        for skin in &mut document.skins {
            self.apply_list(&mut skin.joints);
            self.apply(&mut skin.skeleton);
        }
        for channel in document.animations.iter_mut().flat_map(|animation| &mut animation.channels) {
            self.apply(&mut channel.node);
        }
    }

    /// Meshes have new numbers.
    pub fn meshes(&self, document: &mut Document) {
        document.nodes.iter_mut().for_each(|node| self.apply(&mut node.mesh));
    }

    /// Skins have new numbers.
    pub fn skins(&self, document: &mut Document) {
        document.nodes.iter_mut().for_each(|node| self.apply(&mut node.skin));
    }

    /// Cameras have new numbers.
    pub fn cameras(&self, document: &mut Document) {
        document.nodes.iter_mut().for_each(|node| self.apply(&mut node.camera));
    }

    /// Materials have new numbers.
    pub fn materials(&self, document: &mut Document) {
        for primitive in document.meshes.iter_mut().flat_map(|mesh| &mut mesh.primitives) {
            self.apply(&mut primitive.material);
            for mapping in variant_mappings_mut(&mut primitive.rest) {
                self.apply_json(mapping, "material");
            }
        }
    }

    /// Textures have new numbers.
    pub fn textures(&self, document: &mut Document) {
        for material in &mut document.materials {
            texture_info::visit_mut(material, &mut |_, info| self.apply_json(info, "index"));
        }
    }

    /// Samplers have new numbers.
    pub fn samplers(&self, document: &mut Document) {
        document.textures.iter_mut().for_each(|texture| self.apply_json(texture, "sampler"));
    }

    /// Images have new numbers.
    pub fn images(&self, document: &mut Document) {
        for texture in &mut document.textures {
            self.apply_json(texture, "source");
            for extension in texture.get_mut("extensions").and_then(Value::as_object_mut).into_iter().flatten() {
                if let Some(extension) = extension.1.as_object_mut() {
                    self.apply_json(extension, "source");
                }
            }
        }
    }
}

/// Materials that a primitive may be shown with.
pub fn materials_of(primitive: &Primitive) -> Vec<usize> {
    let variants = primitive.rest.get("extensions").and_then(|all| all.get("KHR_materials_variants"));
    let mappings = variants.and_then(|variants| variants.get("mappings")).and_then(Value::as_array);
    let mapped = mappings.into_iter().flatten().filter_map(|mapping| mapping.get("material").and_then(size));
    primitive.material.into_iter().chain(mapped).collect()
}

/// Lets a primitive be shown with other materials.
pub fn change_materials(primitive: &mut Primitive, change: impl Fn(usize) -> usize) {
    primitive.material = primitive.material.map(&change);
    for mapping in variant_mappings_mut(&mut primitive.rest) {
        if let Some(material) = mapping.get("material").and_then(size) {
            mapping.insert("material".to_owned(), Value::from(change(material)));
        }
    }
}

/// Notes the names of what is gone on what stands for it.
pub fn note_names(rest: &mut Object, names: impl IntoIterator<Item = String>) {
    let names: Vec<Value> = names.into_iter().map(Value::String).collect();
    if names.is_empty() {
        return;
    }
    let extras = rest.entry("extras").or_insert_with(|| Value::Object(Object::new()));
    if let Value::Object(extras) = extras
        && let Value::Array(noted) = extras.entry("mergedNames").or_insert_with(|| Value::Array(Vec::new()))
    {
        noted.extend(names);
    }
}

fn variant_mappings_mut(rest: &mut Object) -> impl Iterator<Item = &mut Object> {
    rest.get_mut("extensions")
        .and_then(|all| all.get_mut("KHR_materials_variants"))
        .and_then(|variants| variants.get_mut("mappings"))
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

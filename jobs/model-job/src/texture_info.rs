//! Where materials refer to textures.

use serde_json::Value;

use crate::json::{Object, size};

/// Calls `see` for every reference to a texture in a material, with its key (`baseColorTexture`, …): the objects that
/// have an `index`, whatever extension they stand in. JSON of this program is at most 128 levels deep.
pub fn visit(material: &Object, see: &mut impl FnMut(&str, &Object)) {
    for (key, value) in material.iter().filter(|(key, _)| *key != "extras") {
        if let Value::Object(inner) = value {
            if is_reference(key, inner) {
                see(key, inner);
            } else {
                visit(inner, see);
            }
        }
    }
}

/// Like [`visit`], to change them.
pub fn visit_mut(material: &mut Object, see: &mut impl FnMut(&str, &mut Object)) {
    for (key, value) in material.iter_mut().filter(|(key, _)| *key != "extras") {
        if let Value::Object(inner) = value {
            if is_reference(key, inner) {
                see(key, inner);
            } else {
                visit_mut(inner, see);
            }
        }
    }
}

/// The set of texture coordinates that a reference uses.
pub fn coordinates(info: &Object) -> usize {
    let transform = info.get("extensions").and_then(|all| all.get("KHR_texture_transform"));
    let overriding = transform.and_then(|transform| transform.get("texCoord")).and_then(size);
    overriding.or_else(|| info.get("texCoord").and_then(size)).unwrap_or(0)
}

fn is_reference(key: &str, value: &Object) -> bool {
    key.ends_with("Texture") && value.get("index").is_some_and(|index| size(index).is_some())
}

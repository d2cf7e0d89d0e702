//! Where materials refer to textures.

use serde_json::Value;

use crate::json::{Object, size};

/// Images that a texture may be shown with.
pub fn images_of(texture: &Object) -> Vec<usize> {
    let extensions = texture.get("extensions").and_then(Value::as_object);
    let extended = extensions.into_iter().flat_map(|all| all.values()).filter_map(|value| value.get("source"));
    texture.get("source").into_iter().chain(extended).filter_map(size).collect()
}

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

/// Removes the references that are said to be gone.
pub fn remove(material: &mut Object, is_gone: &impl Fn(&Object) -> bool) {
    material.retain(|key, value| {
        key == "extras" || !value.as_object().is_some_and(|own| is_reference(key, own) && is_gone(own))
    });
    for (_, value) in material.iter_mut().filter(|(key, _)| *key != "extras") {
        if let Value::Object(inner) = value {
            remove(inner, is_gone);
        }
    }
}

/// The set of texture coordinates that a reference uses.
pub fn coordinates(info: &Object) -> usize {
    let transform = info.get("extensions").and_then(|all| all.get("KHR_texture_transform"));
    let overriding = transform.and_then(|transform| transform.get("texCoord")).and_then(size);
    overriding.or_else(|| info.get("texCoord").and_then(size)).unwrap_or(0)
}

/// Lets a reference use another set of texture coordinates.
pub fn set_coordinates(info: &mut Object, set: usize) {
    if let Some(Value::Object(transform)) =
        info.get_mut("extensions").and_then(|all| all.get_mut("KHR_texture_transform"))
    {
        transform.remove("texCoord");
    }
    if set == 0 {
        info.remove("texCoord");
    } else {
        info.insert("texCoord".to_owned(), Value::from(set));
    }
}

fn is_reference(key: &str, value: &Object) -> bool {
    key.ends_with("Texture") && value.get("index").is_some_and(|index| size(index).is_some())
}

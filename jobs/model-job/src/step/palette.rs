//! Materials that differ in plain colours alone become one with a small texture of these colours, so that what they are
//! on can be joined.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use contract::Failure;
use image::{ImageFormat, RgbImage};
use serde_json::{Value, json};

use super::Context;
use super::join::{Candidate, Key, candidates, candidates_of_mesh};
use super::renumber::note_names;
use super::rigid::places;
use scene::accessor::{Accessor, Shape};
use scene::document::{Document, Image};
use scene::json::{Object, single, singles};
use scene::texture_info;

/// The extension's JSON and the image cost as much as a few draw calls.
const FEWEST_DRAW_CALLS_SAVED: usize = 4;
/// The most colours of a palette.
const MOST_ENTRIES: usize = 1024;
/// Colours are squares of that many pixels, in case that a viewer filters in spite of the sampler.
const SQUARE: u32 = 4;
const COLUMNS: usize = 32;
/// `NEAREST` and `CLAMP_TO_EDGE`.
const NEAREST: u32 = 9728;
const CLAMP: u32 = 33071;

/// What may differ: base colour without alpha, emissive, metallic, roughness, each as a byte of the texture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Colours {
    base: [u8; 3],
    emissive: [u8; 3],
    /// Roughness and metallic are the second and third number of their texture.
    surface: [u8; 3],
}

/// Puts the colours of materials that are alike otherwise into a texture, where that saves draw calls.
pub fn palette(document: &mut Document, context: &Context<'_>) -> Result<(), Failure> {
    if document.frozen_by.is_some() || !context.options.join {
        return Ok(());
    }
    let colours: Vec<Option<(Colours, String)>> = document.materials.iter().map(colours).collect();
    // What could be joined if the material were the same, by what the materials have in common.
    let mut classes: BTreeMap<&str, BTreeMap<(Option<usize>, Key), Vec<Part>>> = BTreeMap::new();
    for (alone, part, key) in parts(document, context) {
        let Some((_, class)) = colours[part.material].as_ref() else { continue };
        classes.entry(class).or_default().entry((alone, key.with_any_material())).or_default().push(part);
    }
    let mut palettes = Vec::new();
    for groups in classes.into_values() {
        let distinct = |group: &Vec<Part>| -> usize {
            let mut materials: Vec<_> = group.iter().map(|part| part.material).collect();
            materials.sort_unstable();
            materials.dedup();
            materials.len()
        };
        let saved: usize = groups.values().map(|group| distinct(group) - 1).sum();
        if saved >= FEWEST_DRAW_CALLS_SAVED {
            palettes.push(groups.into_values().flatten().collect::<Vec<_>>());
        }
    }
    for parts in palettes {
        apply(document, parts, &colours)?;
    }
    Ok(())
}

/// A part of a mesh.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    mesh: usize,
    primitive: usize,
    material: usize,
}

/// Parts with what they have to have in common to be joined: those at nodes that do not move against each other, and
/// those of any one mesh (whose number is given).
fn parts(document: &Document, context: &Context<'_>) -> Vec<(Option<usize>, Part, Key)> {
    let places = places(document, context.options.keep_named_nodes);
    let mut parts = Vec::new();
    let mut is_in = vec![false; document.meshes.len()];
    for Candidate { node, primitive, key } in candidates(document, &places) {
        if let (Some(mesh), Some(material)) = (document.nodes[node].mesh, key.material) {
            is_in[mesh] = true;
            parts.push((None, Part { mesh, primitive, material }, key));
        }
    }
    for (mesh, _) in is_in.into_iter().enumerate().filter(|(_, is_in)| !is_in) {
        for (primitive, key) in candidates_of_mesh(document, mesh) {
            if let Some(material) = key.material {
                parts.push((Some(mesh), Part { mesh, primitive, material }, key));
            }
        }
    }
    parts
}

fn apply(document: &mut Document, mut parts: Vec<Part>, colours: &[Option<(Colours, String)>]) -> Result<(), Failure> {
    let mut materials: Vec<usize> = parts.iter().map(|part| part.material).collect();
    materials.sort_unstable();
    materials.dedup();
    let of = |material: usize| colours[material].as_ref().map(|(colours, _)| *colours);
    let mut entries: Vec<Colours> = materials.iter().filter_map(|&material| of(material)).collect();
    entries.sort_unstable();
    entries.dedup();
    if entries.len() > MOST_ENTRIES {
        return Ok(());
    }
    let columns = entries.len().min(COLUMNS);
    let rows = entries.len().div_ceil(columns);
    let place = |colours: Colours| -> [f32; 2] {
        let at = entries.binary_search(&colours).unwrap_or(0);
        let middle = |at: usize, of: usize| (at as f32 + 0.5) / of as f32;
        [middle(at % columns, columns), middle(at / columns, rows)]
    };

    let new = document.materials.len();
    let material = merged_material(document, &materials, &entries, (columns, rows))?;
    document.materials.push(material);

    parts.sort_unstable();
    parts.dedup();
    for Part { mesh, primitive, material } in parts {
        let primitive = &mut document.meshes[mesh].primitives[primitive];
        let Some(colours) = of(material) else { continue };
        let count = primitive.vertex_count();
        let coordinates = Accessor::of_floats(Shape::Vec2, &place(colours).repeat(count));
        // Nothing else reads texture coordinates: the materials had no texture.
        primitive.attributes.retain(|(name, _)| !name.starts_with("TEXCOORD_"));
        primitive.attributes.push(("TEXCOORD_0".to_owned(), Arc::new(coordinates)));
        primitive.attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
        primitive.material = Some(new);
    }
    Ok(())
}

/// A material's colours, and its JSON without them; `None` where it has a texture or means something to somebody else.
fn colours(material: &Object) -> Option<(Colours, String)> {
    let mut has_texture = false;
    texture_info::visit(material, &mut |_, _| has_texture = true);
    if has_texture || material.contains_key("extras") {
        return None;
    }
    let mut rest = material.clone();
    rest.remove("name");
    let emissive = take_colour(&mut rest, "emissiveFactor", [0.0; 3])?;
    let mut surface = rest.remove("pbrMetallicRoughness").map_or(Some(Object::new()), |pbr| match pbr {
        Value::Object(pbr) => Some(pbr),
        _ => None,
    })?;
    let alpha = surface.get("baseColorFactor").and_then(|factor| factor.get(3)).and_then(Value::as_f64).unwrap_or(1.0);
    let base = take_colour(&mut surface, "baseColorFactor", [1.0; 3])?;
    let mut byte = |key: &str| -> Option<u8> {
        let value = surface.remove(key).map_or(Some(1.0), |value| value.as_f64())?;
        (0.0..=1.0).contains(&value).then(|| (value * 255.0).round() as u8)
    };
    let (metallic, roughness) = (byte("metallicFactor")?, byte("roughnessFactor")?);
    let colours = Colours { base: srgb(base)?, emissive: srgb(emissive)?, surface: [0, roughness, metallic] };
    let mut others: Vec<String> = rest.iter().chain(&surface).map(|(key, value)| format!("{key}:{value}")).collect();
    others.sort_unstable();
    others.push(format!("alpha:{alpha}"));
    Some((colours, others.join(";")))
}

fn take_colour(object: &mut Object, key: &str, otherwise: [f64; 3]) -> Option<[f64; 3]> {
    let Some(value) = object.remove(key) else { return Some(otherwise) };
    let numbers: Vec<f64> = value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    numbers.get(..3)?.try_into().ok()
}

/// Linear light as sRGB bytes; `None` outside of 0 to 1.
fn srgb(linear: [f64; 3]) -> Option<[u8; 3]> {
    let byte = |value: f64| {
        let encoded = if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (encoded * 255.0).round() as u8
    };
    linear.iter().all(|value| (0.0..=1.0).contains(value)).then(|| linear.map(byte))
}

/// The first of the materials with textures in the place of the colours that differ.
fn merged_material(
    document: &mut Document,
    materials: &[usize],
    entries: &[Colours],
    size: (usize, usize),
) -> Result<Object, Failure> {
    let mut merged = document.materials[materials[0]].clone();
    merged.remove("name");
    let names = materials.iter().filter_map(|&at| document.materials[at].get("name")?.as_str().map(ToOwned::to_owned));
    note_names(&mut merged, names.collect::<Vec<_>>());
    let mut pbr = merged.remove("pbrMetallicRoughness").and_then(|pbr| pbr.as_object().cloned()).unwrap_or_default();
    let differs = |of: fn(&Colours) -> [u8; 3]| entries.iter().any(|entry| of(entry) != of(&entries[0]));

    if differs(|entry| entry.base) {
        let alpha = pbr.get("baseColorFactor").and_then(|factor| factor.get(3)).and_then(Value::as_f64).unwrap_or(1.0);
        pbr.insert("baseColorFactor".to_owned(), singles([1.0, 1.0, 1.0, alpha]));
        pbr.insert("baseColorTexture".to_owned(), texture(document, entries, size, |entry| entry.base)?);
    }
    if differs(|entry| entry.surface) {
        pbr.insert("metallicFactor".to_owned(), single(1.0));
        pbr.insert("roughnessFactor".to_owned(), single(1.0));
        pbr.insert("metallicRoughnessTexture".to_owned(), texture(document, entries, size, |entry| entry.surface)?);
    }
    if !pbr.is_empty() {
        merged.insert("pbrMetallicRoughness".to_owned(), Value::Object(pbr));
    }
    if differs(|entry| entry.emissive) {
        merged.insert("emissiveFactor".to_owned(), singles([1.0; 3]));
        merged.insert("emissiveTexture".to_owned(), texture(document, entries, size, |entry| entry.emissive)?);
    }
    Ok(merged)
}

/// Adds a texture of one kind of the colours, and says how a material refers to it.
fn texture(
    document: &mut Document,
    entries: &[Colours],
    (columns, rows): (usize, usize),
    of: fn(&Colours) -> [u8; 3],
) -> Result<Value, Failure> {
    let pixels = RgbImage::from_fn(columns as u32 * SQUARE, rows as u32 * SQUARE, |x, y| {
        let at = (y / SQUARE) as usize * columns + (x / SQUARE) as usize;
        image::Rgb(entries.get(at).map_or([0; 3], of))
    });
    let mut png = Cursor::new(Vec::new());
    pixels
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|error| Failure::internal("the palette cannot be written").because(error))?;
    let image = Image { mime_type: "image/png".to_owned(), bytes: Arc::new(png.into_inner()), rest: Object::new() };
    document.images.push(image);
    let sampler = json!({ "magFilter": NEAREST, "minFilter": NEAREST, "wrapS": CLAMP, "wrapT": CLAMP });
    let sampler = sampler.as_object().cloned().unwrap_or_default();
    let number = document.samplers.iter().position(|own| *own == sampler).unwrap_or_else(|| {
        document.samplers.push(sampler);
        document.samplers.len() - 1
    });
    let texture = json!({ "sampler": number, "source": document.images.len() - 1 });
    document.textures.extend(texture.as_object().cloned());
    Ok(json!({ "index": document.textures.len() - 1 }))
}

//! glTF 2.0, as a GLB or as JSON with its buffers and images beside it.

use std::collections::HashSet;
use std::sync::Arc;

use contract::{Failure, FailureKind};
use operation::Input;
use serde_json::Value;

use super::Budget;
use super::buffers::{BufferBytes, Buffers};
use super::{data_uri, draco, schema, text};
use crate::accessor::{Accessor, Component, Shape};
use crate::document::{
    Animation, Attribute, Channel, Document, Image, Interpolation, Mesh, Mode, Node, Primitive, Scene, Skin, Unclaimed,
};
use crate::json::{
    Object, size, take_index, take_indices, take_numbers, take_object, take_objects, take_size, take_text,
};
use crate::picture;
use crate::transform::{Parts, Transform};

/// Extensions whose references to other objects this program knows (or that have none). Any other may refer to
/// anything by number.
pub const KNOWN_EXTENSIONS: &[&str] = &[
    "EXT_mesh_gpu_instancing",
    "EXT_meshopt_compression",
    "EXT_texture_avif",
    "EXT_texture_webp",
    "KHR_draco_mesh_compression",
    "KHR_lights_punctual",
    "KHR_materials_anisotropy",
    "KHR_materials_clearcoat",
    "KHR_materials_diffuse_transmission",
    "KHR_materials_dispersion",
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_iridescence",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_sheen",
    "KHR_materials_specular",
    "KHR_materials_transmission",
    "KHR_materials_unlit",
    "KHR_materials_variants",
    "KHR_materials_volume",
    "KHR_mesh_quantization",
    "KHR_meshopt_compression",
    "KHR_node_visibility",
    "KHR_texture_basisu",
    "KHR_texture_transform",
    "KHR_xmp_json_ld",
];

/// `JSON`.
const JSON_CHUNK: u32 = 0x4E4F_534A;
/// `BIN`.
const BINARY_CHUNK: u32 = 0x004E_4942;

/// Reads a GLB.
pub fn load_glb(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    let word = |at: usize| -> Option<u32> {
        bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes)
    };
    if !bytes.starts_with(b"glTF") {
        return Err(Failure::invalid_input("the file does not begin like a GLB"));
    }
    match word(4) {
        Some(2) => {}
        Some(version) => {
            return Err(Failure::invalid_input(format!(
                "this is glTF {version}.0; only glTF 2.0 is read: convert it with a tool that reads both"
            )));
        }
        None => return Err(truncated(bytes.len(), 12)),
    }
    let declared = word(8).ok_or_else(|| truncated(bytes.len(), 12))? as usize;
    if declared > bytes.len() {
        return Err(truncated(bytes.len(), declared));
    }
    let (mut json, mut binary) = (None, None);
    let mut at = 12;
    while at + 8 <= declared {
        let (Some(length), Some(kind)) = (word(at), word(at + 4)) else { break };
        let start = at + 8;
        let end = start.saturating_add(length as usize);
        let chunk = bytes.get(start..end).ok_or_else(|| truncated(bytes.len(), end))?;
        match kind {
            JSON_CHUNK if json.is_none() => json = Some(chunk),
            BINARY_CHUNK if binary.is_none() => binary = Some(chunk),
            _ => {}
        }
        // Chunks begin at multiples of four bytes, but some writers leave the padding out.
        let aligned = end.next_multiple_of(4);
        let is_chunk = |at: usize| word(at + 4).is_some_and(|kind| kind == JSON_CHUNK || kind == BINARY_CHUNK);
        at = if aligned != end && !is_chunk(aligned) && is_chunk(end) { end } else { aligned };
    }
    let json = json.ok_or_else(|| Failure::invalid_input("the GLB holds no JSON"))?;
    load_json(json, binary, input)
}

/// Reads a `.gltf`.
pub fn load_gltf(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    load_json(bytes, None, input)
}

fn truncated(has: usize, wants: usize) -> Failure {
    Failure::invalid_input(format!("the GLB is cut off: it has {has} bytes and should have {wants}"))
}

fn load_json(json: &[u8], binary: Option<&[u8]>, input: &Input) -> Result<Document, Failure> {
    let json = &*text::utf8(json);
    let end = json.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
    let json = &json[..end];
    let root: Value = serde_json::from_slice(json)
        .map_err(|error| Failure::invalid_input("the glTF's JSON cannot be read").because(error))?;
    let Value::Object(mut root) = root else {
        return Err(Failure::invalid_input("the glTF's JSON is not an object"));
    };
    let asset = take_object(&mut root, "asset")?.unwrap_or_default();
    let version = asset.get("version").and_then(Value::as_str).unwrap_or("").to_owned();
    if !version.starts_with("2.") {
        return Err(Failure::invalid_input(format!(
            "this is glTF {version:?}; only glTF 2.0 is read: convert it with a tool that reads both"
        )));
    }
    if let Some(minimum) = asset.get("minVersion").and_then(Value::as_str)
        && minimum != "2.0"
    {
        return Err(Failure::invalid_input(format!(
            "the file asks for a reader of glTF {minimum}; this one reads 2.0"
        )));
    }
    let mut document = Document { asset, ..Document::default() };
    document.extensions_used = take_names(&mut root, "extensionsUsed");
    document.extensions_required = take_names(&mut root, "extensionsRequired");
    document.extensions_used.extend(document.extensions_required.iter().cloned());
    document.frozen_by =
        document.extensions_used.iter().find(|name| !KNOWN_EXTENSIONS.contains(&name.as_str())).cloned();

    let mut budget = Budget::of(input.size());
    let buffers = read_buffers(&mut root, binary, input, &mut budget)?;
    let mut buffers = Buffers::new(&mut root, buffers, budget)?;

    let images = take_objects(&mut root, "images")?;
    let (images, missing) =
        read_images(images, &mut buffers, input, document.frozen_by.is_some(), &mut document.warnings)?;
    document.images = images;
    document.samplers = take_objects(&mut root, "samplers")?;
    document.textures = take_objects(&mut root, "textures")?;
    document.materials = take_objects(&mut root, "materials")?;
    document.cameras = take_objects(&mut root, "cameras")?;
    check_textures(&document)?;
    picture::leave_out(&mut document, &missing);

    let materials = document.materials.len();
    for (at, mut mesh) in take_objects(&mut root, "meshes")?.into_iter().enumerate() {
        let mesh = read_mesh(&mut mesh, &mut buffers, materials).map_err(|e| e.context(format!("mesh {at}")))?;
        document.meshes.push(mesh);
    }
    read_nodes(&mut root, &mut document, &mut buffers)?;
    for (at, mut skin) in take_objects(&mut root, "skins")?.into_iter().enumerate() {
        let skin = read_skin(&mut skin, &mut buffers, document.nodes.len());
        document.skins.push(skin.map_err(|error| error.context(format!("skin {at}")))?);
    }
    for (at, node) in document.nodes.iter().enumerate() {
        if node.skin.is_some_and(|skin| skin >= document.skins.len()) {
            return Err(Failure::invalid_input(format!("node {at} has a skin that is not in the file")));
        }
    }
    for (at, mut animation) in take_objects(&mut root, "animations")?.into_iter().enumerate() {
        let nodes = document.nodes.len();
        let animation = read_animation(&mut animation, &mut buffers, nodes, at, &mut document.warnings);
        document.animations.push(animation.map_err(|error| error.context(format!("animation {at}")))?);
    }
    for mut scene in take_objects(&mut root, "scenes")? {
        let nodes = take_indices(&mut scene, "nodes", document.nodes.len(), "nodes")?;
        document.scenes.push(Scene { nodes, rest: scene });
    }
    document.scene = take_index(&mut root, "scene", document.scenes.len(), "scenes")?;
    document.unclaimed = if document.frozen_by.is_some() { buffers.unclaimed()? } else { Unclaimed::default() };
    document.rest = root;
    document.warnings.extend(schema::warnings(json));
    Ok(document)
}

fn take_names(root: &mut Object, key: &str) -> std::collections::BTreeSet<String> {
    match root.remove(key) {
        Some(Value::Array(names)) => {
            names.into_iter().filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect()
        }
        _ => std::collections::BTreeSet::new(),
    }
}

fn read_buffers<'a>(
    root: &mut Object,
    binary: Option<&'a [u8]>,
    input: &Input,
    budget: &mut Budget,
) -> Result<Vec<BufferBytes<'a>>, Failure> {
    let mut read = Vec::new();
    for (at, mut buffer) in take_objects(root, "buffers")?.into_iter().enumerate() {
        let length = take_size(&mut buffer, "byteLength")?.unwrap_or(0);
        let bytes = match (take_text(&mut buffer, "uri")?, binary) {
            (Some(uri), _) => {
                let bytes = data_uri::read(&uri, &format!("buffer {at}"), input)?;
                if bytes.as_slice().len() < length {
                    return Err(Failure::invalid_input(format!(
                        "buffer {at} should have {length} bytes and has {}",
                        bytes.as_slice().len()
                    )));
                }
                budget.grow(bytes.as_slice().len() as u64);
                BufferBytes::Uri(bytes)
            }
            (None, Some(chunk)) if at == 0 => {
                if chunk.len() < length {
                    return Err(Failure::invalid_input(format!(
                        "buffer 0 should have {length} bytes, but the GLB's binary chunk has {}",
                        chunk.len()
                    )));
                }
                BufferBytes::Chunk(chunk)
            }
            // A placeholder for viewers without meshopt, or a lie that the first read of it finds out.
            (None, _) => BufferBytes::Fallback,
        };
        read.push(bytes);
    }
    Ok(read)
}

/// The images, and the numbers of those that cannot be had: a model without a texture is more than none. A placeholder
/// keeps their numbers.
fn read_images(
    images: Vec<Object>,
    buffers: &mut Buffers<'_>,
    input: &Input,
    is_frozen: bool,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Image>, Vec<usize>), Failure> {
    let (mut read, mut missing) = (Vec::with_capacity(images.len()), Vec::new());
    for (at, image) in images.into_iter().enumerate() {
        match read_image(at, image, buffers, input, is_frozen) {
            Ok(image) => read.push(image),
            Err(failure) if failure.kind() == FailureKind::InvalidInput => {
                warnings.push(format!("image {at} is left out, and materials are shown without it: {failure}"));
                read.push(picture::placeholder());
                missing.push(at);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok((read, missing))
}

/// Where something unknown may refer to images, those of unknown formats stay as they are.
fn read_image(
    at: usize,
    mut image: Object,
    buffers: &mut Buffers<'_>,
    input: &Input,
    is_frozen: bool,
) -> Result<Image, Failure> {
    let what = format!("image {at}");
    let named = take_text(&mut image, "mimeType")?;
    let uri = take_text(&mut image, "uri")?;
    let view = take_index(&mut image, "bufferView", buffers.view_count(), "buffer views")?;
    let (bytes, from_uri) = match (&uri, view) {
        (Some(uri), _) => match data_uri::read(uri, &what, input)? {
            data_uri::UriBytes::Inline(bytes, media_type) => (bytes, media_type),
            other => (other.as_slice().to_vec(), None),
        },
        (None, Some(view)) => (buffers.view(view).map_err(|error| error.context(&what))?.to_vec(), None),
        (None, None) => return Err(Failure::invalid_input(format!("{what} has neither a URI nor a buffer view"))),
    };
    let media_type = named.or(from_uri);
    if is_frozen && picture::media_type(&bytes).is_none() {
        return Ok(Image { mime_type: media_type.unwrap_or_default(), bytes: Arc::new(bytes), rest: image });
    }
    // The name of a file, or the media type in the place of one: `image/x-tga`.
    let subtype = media_type.as_deref().map(|own| own.rsplit(['/', '-', '.']).next().unwrap_or_default());
    let name = match (&uri, subtype) {
        (Some(uri), _) if !uri.starts_with("data:") => uri.clone(),
        (_, subtype) => format!("image.{}", subtype.unwrap_or_default()),
    };
    Ok(Image { rest: image, ..picture::image(&bytes, &name)? })
}

fn check_textures(document: &Document) -> Result<(), Failure> {
    let outside = |at: usize, what: &str| Failure::invalid_input(format!("texture {at} refers to {what} out of range"));
    for (at, texture) in document.textures.iter().enumerate() {
        if texture.get("sampler").is_some_and(|sampler| size(sampler).is_none_or(|s| s >= document.samplers.len())) {
            return Err(outside(at, "a sampler"));
        }
        let extensions = texture.get("extensions").and_then(Value::as_object);
        let sources = extensions.into_iter().flat_map(|all| all.values()).filter_map(|value| value.get("source"));
        if texture.get("source").into_iter().chain(sources).any(|s| size(s).is_none_or(|s| s >= document.images.len()))
        {
            return Err(outside(at, "an image"));
        }
    }
    for (at, material) in document.materials.iter().enumerate() {
        let mut textures = Vec::new();
        crate::texture_info::visit(material, &mut |_, info| textures.extend(info.get("index").and_then(size)));
        if textures.iter().any(|&texture| texture >= document.textures.len()) {
            return Err(Failure::invalid_input(format!("material {at} refers to a texture out of range")));
        }
    }
    Ok(())
}

fn read_mesh(mesh: &mut Object, buffers: &mut Buffers<'_>, materials: usize) -> Result<Mesh, Failure> {
    let mut primitives = Vec::new();
    for (at, mut primitive) in take_objects(mesh, "primitives")?.into_iter().enumerate() {
        let primitive = read_primitive(&mut primitive, buffers, materials);
        primitives.push(primitive.map_err(|error| error.context(format!("primitive {at}")))?);
    }
    Ok(Mesh { primitives, rest: std::mem::take(mesh) })
}

fn read_primitive(json: &mut Object, buffers: &mut Buffers<'_>, materials: usize) -> Result<Primitive, Failure> {
    let code = take_size(json, "mode")?.unwrap_or(4);
    let mode =
        Mode::from_code(code).ok_or_else(|| Failure::invalid_input(format!("mode {code} does not exist in glTF")))?;
    let material = take_index(json, "material", materials, "materials")?;
    let indices = take_index(json, "indices", buffers.accessor_count(), "accessors")?;
    let mut named = take_object(json, "attributes")?.unwrap_or_default();
    let mut extensions = take_object(json, "extensions")?.unwrap_or_default();

    let (attributes, indices) = if let Some(compressed) = take_object(&mut extensions, "KHR_draco_mesh_compression")? {
        draco::decode(compressed, &mut named, indices, buffers)?
    } else {
        let attributes = read_attributes(&mut named, buffers)?;
        let indices = match indices {
            None => None,
            Some(accessor) => {
                let accessor = buffers.accessor(accessor)?;
                if accessor.shape != Shape::Scalar {
                    return Err(Failure::invalid_input("its indices are not single numbers"));
                }
                let not_whole = || Failure::invalid_input("its indices are not unsigned integers");
                Some(Arc::new(accessor.unsigned().ok_or_else(not_whole)?))
            }
        };
        (attributes, indices)
    };
    let mut targets = Vec::new();
    for mut target in take_objects(json, "targets")? {
        targets.push(read_attributes(&mut target, buffers)?);
    }
    check_variants(&extensions, materials)?;
    if !extensions.is_empty() {
        json.insert("extensions".to_owned(), Value::Object(extensions));
    }
    let rest = std::mem::take(json);
    let primitive = Primitive { mode, attributes, indices, targets, material, smallest_part: None, rest };
    check_primitive(&primitive)?;
    Ok(primitive)
}

/// Attributes in the order of their names, so that equal primitives are equal.
fn read_attributes(named: &mut Object, buffers: &mut Buffers<'_>) -> Result<Vec<Attribute>, Failure> {
    let mut attributes = Vec::with_capacity(named.len());
    for (name, value) in std::mem::take(named) {
        let index = size(&value).filter(|&index| index < buffers.accessor_count()).ok_or_else(|| {
            Failure::invalid_input(format!("{name} is accessor {value}; the file has {}", buffers.accessor_count()))
        })?;
        let accessor = buffers.accessor(index).map_err(|error| error.context(&name))?;
        attributes.push((name, accessor));
    }
    attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(attributes)
}

/// Every vertex has all attributes, every index a vertex, and positions are numbers.
pub fn check_primitive(primitive: &Primitive) -> Result<(), Failure> {
    let count = primitive.vertex_count();
    for (name, accessor) in primitive.attributes.iter().chain(primitive.targets.iter().flatten()) {
        if accessor.count != count {
            return Err(Failure::invalid_input(format!("{name} has {} elements for {count} vertices", accessor.count)));
        }
        let shape = match name.as_str() {
            "POSITION" | "NORMAL" => accessor.shape == Shape::Vec3,
            "TANGENT" => matches!(accessor.shape, Shape::Vec3 | Shape::Vec4),
            _ if name.starts_with("TEXCOORD_") => accessor.shape == Shape::Vec2,
            _ if name.starts_with("COLOR_") => matches!(accessor.shape, Shape::Vec3 | Shape::Vec4),
            _ if name.starts_with("JOINTS_") || name.starts_with("WEIGHTS_") => accessor.shape == Shape::Vec4,
            _ => true,
        };
        if !shape {
            return Err(Failure::invalid_input(format!("{name} cannot be of type {}", accessor.shape.name())));
        }
        if name.starts_with("JOINTS_") && !matches!(accessor.component, Component::U8 | Component::U16) {
            return Err(Failure::invalid_input(format!("{name} are not unsigned integers")));
        }
    }
    if let Some(indices) = &primitive.indices
        && let Some(index) = indices.iter().copied().max().filter(|&index| index as usize >= count)
    {
        return Err(Failure::invalid_input(format!("it uses vertex {index}, but has {count}")));
    }
    let positions = primitive.attributes.iter().chain(primitive.targets.iter().flatten());
    for (_, positions) in positions.filter(|(name, _)| name == "POSITION") {
        if positions.component == Component::F32 && !all_finite(positions) {
            return Err(Failure::invalid_input("its positions are not all finite numbers"));
        }
    }
    Ok(())
}

fn all_finite(accessor: &Accessor) -> bool {
    accessor.bytes.as_chunks::<4>().0.iter().all(|chunk| f32::from_le_bytes(*chunk).is_finite())
}

fn check_variants(extensions: &Object, materials: usize) -> Result<(), Failure> {
    let mappings = extensions.get("KHR_materials_variants").and_then(|value| value.get("mappings"));
    for mapping in mappings.and_then(Value::as_array).into_iter().flatten() {
        if mapping.get("material").and_then(size).is_none_or(|material| material >= materials) {
            return Err(Failure::invalid_input("KHR_materials_variants refers to a material out of range"));
        }
    }
    Ok(())
}

fn read_nodes(root: &mut Object, document: &mut Document, buffers: &mut Buffers<'_>) -> Result<(), Failure> {
    let nodes = take_objects(root, "nodes")?;
    let count = nodes.len();
    for (at, mut node) in nodes.into_iter().enumerate() {
        let node = read_node(&mut node, count, document, buffers);
        document.nodes.push(node.map_err(|error| error.context(format!("node {at}")))?);
    }
    let mut has_parent = vec![false; count];
    for (at, node) in document.nodes.iter().enumerate() {
        for &child in &node.children {
            if std::mem::replace(&mut has_parent[child], true) {
                return Err(Failure::invalid_input(format!(
                    "node {child} is listed twice as a child, the second time of node {at}: nodes are not a tree"
                )));
            }
        }
    }
    // With one parent each, what no root leads to are cycles.
    let reached = document.parents_first().len();
    if reached != count {
        return Err(Failure::invalid_input(format!("{} nodes are their own ancestors", count - reached)));
    }
    Ok(())
}

fn read_node(json: &mut Object, nodes: usize, document: &Document, buffers: &mut Buffers<'_>) -> Result<Node, Failure> {
    let parts = Parts {
        translation: take_numbers(json, "translation")?.unwrap_or(Parts::IDENTITY.translation),
        rotation: take_numbers(json, "rotation")?.unwrap_or(Parts::IDENTITY.rotation),
        scale: take_numbers(json, "scale")?.unwrap_or(Parts::IDENTITY.scale),
    };
    let transform = take_numbers(json, "matrix")?.map_or(Transform::Parts(parts), Transform::Matrix);
    if transform.matrix().iter().any(|value| !value.is_finite()) {
        return Err(Failure::invalid_input("its transformation is not made of finite numbers"));
    }
    let mut node = Node {
        children: take_indices(json, "children", nodes, "nodes")?,
        mesh: take_index(json, "mesh", document.meshes.len(), "meshes")?,
        // Skins are read after the nodes they refer to; the number is checked then.
        skin: take_size(json, "skin")?,
        camera: take_index(json, "camera", document.cameras.len(), "cameras")?,
        transform,
        instances: Vec::new(),
        rest: Object::new(),
    };
    if let Some(mut extensions) = take_object(json, "extensions")? {
        if let Some(mut instancing) = take_object(&mut extensions, "EXT_mesh_gpu_instancing")? {
            let mut named = take_object(&mut instancing, "attributes")?.unwrap_or_default();
            node.instances = read_attributes(&mut named, buffers)?;
            let counts: HashSet<usize> = node.instances.iter().map(|(_, accessor)| accessor.count).collect();
            let shapes = node.instances.iter().all(|(name, accessor)| match name.as_str() {
                "TRANSLATION" | "SCALE" => accessor.shape == Shape::Vec3,
                "ROTATION" => accessor.shape == Shape::Vec4,
                _ => true,
            });
            if counts.len() > 1 || !shapes {
                return Err(Failure::invalid_input("the attributes of its instances do not go together"));
            }
        }
        if !extensions.is_empty() {
            json.insert("extensions".to_owned(), Value::Object(extensions));
        }
    }
    node.rest = std::mem::take(json);
    Ok(node)
}

fn read_skin(json: &mut Object, buffers: &mut Buffers<'_>, nodes: usize) -> Result<Skin, Failure> {
    let joints = take_indices(json, "joints", nodes, "nodes")?;
    let skeleton = take_index(json, "skeleton", nodes, "nodes")?;
    let inverse_bind = match take_index(json, "inverseBindMatrices", buffers.accessor_count(), "accessors")? {
        None => None,
        Some(accessor) => {
            let accessor = buffers.accessor(accessor)?;
            if accessor.shape != Shape::Mat4 || accessor.component != Component::F32 || accessor.count < joints.len() {
                return Err(Failure::invalid_input("its inverse bind matrices are not one 4 × 4 matrix a joint"));
            }
            let floats = accessor.floats();
            let matrices = floats.as_chunks::<16>().0.iter().take(joints.len());
            Some(matrices.map(|matrix| matrix.map(f64::from)).collect())
        }
    };
    Ok(Skin { joints, skeleton, inverse_bind, rest: std::mem::take(json) })
}

fn read_animation(
    json: &mut Object,
    buffers: &mut Buffers<'_>,
    nodes: usize,
    at: usize,
    warnings: &mut Vec<String>,
) -> Result<Animation, Failure> {
    let mut samplers = Vec::new();
    for mut sampler in take_objects(json, "samplers")? {
        let missing = || Failure::invalid_input("a sampler lacks its input or output");
        let accessors = buffers.accessor_count();
        let times = take_index(&mut sampler, "input", accessors, "accessors")?.ok_or_else(missing)?;
        let values = take_index(&mut sampler, "output", accessors, "accessors")?.ok_or_else(missing)?;
        let interpolation = match sampler.remove("interpolation") {
            None => Interpolation::Linear,
            Some(Value::String(name)) if name == "LINEAR" => Interpolation::Linear,
            Some(Value::String(name)) if name == "STEP" => Interpolation::Step,
            Some(Value::String(name)) if name == "CUBICSPLINE" => Interpolation::CubicSpline,
            // Some writers put a number of their own there.
            Some(other) => {
                warnings.push(format!(
                    "animation {at} has the interpolation {other}, which glTF does not; it is read as LINEAR"
                ));
                Interpolation::Linear
            }
        };
        let (times, values) = (buffers.accessor(times)?, buffers.accessor(values)?);
        if times.shape != Shape::Scalar || times.component != Component::F32 {
            return Err(Failure::invalid_input("its times are not floats"));
        }
        let frames = times.count * if interpolation == Interpolation::CubicSpline { 3 } else { 1 };
        if values.count % frames != 0 {
            return Err(Failure::invalid_input(format!("{} values do not go with {frames} keyframes", values.count)));
        }
        samplers.push((times, values, interpolation, sampler));
    }
    let mut channels = Vec::new();
    for mut channel in take_objects(json, "channels")? {
        let sampler = take_index(&mut channel, "sampler", samplers.len(), "samplers")?
            .ok_or_else(|| Failure::invalid_input("a channel has no sampler"))?;
        let mut target = take_object(&mut channel, "target")?.unwrap_or_default();
        let node = take_index(&mut target, "node", nodes, "nodes")?;
        let path = take_text(&mut target, "path")?.unwrap_or_default();
        let (times, values, interpolation, sampler_rest) = samplers[sampler].clone();
        let shape = match path.as_str() {
            "translation" | "scale" => values.shape == Shape::Vec3,
            "rotation" => values.shape == Shape::Vec4,
            "weights" => values.shape == Shape::Scalar,
            _ => true,
        };
        if !shape {
            return Err(Failure::invalid_input(format!("{path} cannot be driven by {}", values.shape.name())));
        }
        channels.push(Channel {
            node,
            path,
            times,
            values,
            interpolation,
            rest: channel,
            target_rest: target,
            sampler_rest,
        });
    }
    Ok(Animation { channels, rest: std::mem::take(json) })
}

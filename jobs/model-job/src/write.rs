//! Writes a [`Document`] as a GLB.
//!
//! Accessors that are stored alike (same use, stride and filter) share one buffer view: each costs two hundred bytes of
//! JSON, and codecs do better on long data. A view is compressed only where that is smaller, its own JSON included.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::operations::Compress;
use contract::Failure;
use serde_json::{Value, json};

use crate::codec;
use scene::accessor::{Accessor, Component, Filter, Shape};
use scene::document::{Attribute, Channel, Document, Interpolation, Mode, Primitive};
use scene::json::{Object, singles};
use scene::transform::{IDENTITY, Parts, Transform};

/// Triangle lists of at least as many vertices get a view of their own: the codec expects the next new vertex, which
/// in the middle of a shared view it has to be told.
const FEWEST_VERTICES_OF_OWN_VIEW: usize = 192;

/// What the JSON of a compressed view costs more than that of a plain one.
const COMPRESSION_JSON: usize = 110;

/// A written model.
pub struct Glb {
    /// The file.
    pub bytes: Vec<u8>,
    /// Bytes of it that are JSON.
    pub json: usize,
    /// Bytes of it that are images.
    pub images: usize,
}

/// Writes the model.
pub fn write(document: &Document, compress: Compress) -> Result<Glb, Failure> {
    let mut writer = Writer::new(compress, document);

    let meshes: Vec<Value> = document
        .meshes
        .iter()
        .map(|mesh| {
            let primitives: Vec<Value> = mesh.primitives.iter().map(|own| writer.primitive(own)).collect();
            let mut json = json!({ "primitives": primitives });
            extend(&mut json, &mesh.rest);
            json
        })
        .collect();
    let nodes: Vec<Value> = document.nodes.iter().map(|node| writer.node(node)).collect();
    let skins: Vec<Value> = document
        .skins
        .iter()
        .map(|skin| {
            let mut json = json!({ "joints": skin.joints });
            if let Some(skeleton) = skin.skeleton {
                json["skeleton"] = json!(skeleton);
            }
            if let Some(matrices) = &skin.inverse_bind {
                let floats: Vec<f32> = matrices.iter().flatten().map(|&value| value as f32).collect();
                let accessor = Arc::new(Accessor::of_floats(Shape::Mat4, &floats));
                json["inverseBindMatrices"] = writer.accessor(&accessor, Use::Matrices, None);
            }
            extend(&mut json, &skin.rest);
            json
        })
        .collect();
    let animations: Vec<Value> = document
        .animations
        .iter()
        .map(|animation| {
            let mut json = writer.animation(&animation.channels);
            extend(&mut json, &animation.rest);
            json
        })
        .collect();
    let scenes: Vec<Value> = document
        .scenes
        .iter()
        .map(|scene| {
            let mut json = json!({});
            if !scene.nodes.is_empty() {
                json["nodes"] = json!(scene.nodes);
            }
            extend(&mut json, &scene.rest);
            json
        })
        .collect();

    let stored = writer.store(document);
    let mut extensions_used = document.extensions_used.clone();
    let mut extensions_required = document.extensions_required.clone();
    for gone in ["EXT_meshopt_compression", "KHR_meshopt_compression", "KHR_draco_mesh_compression"] {
        extensions_used.remove(gone);
        extensions_required.remove(gone);
    }
    if stored.fallback_length > 0 {
        extensions_used.insert("EXT_meshopt_compression".to_owned());
        extensions_required.insert("EXT_meshopt_compression".to_owned());
    }

    let mut root = Object::new();
    let mut asset = document.asset.clone();
    asset.insert("version".to_owned(), json!("2.0"));
    asset.entry("generator").or_insert_with(|| json!("data-pipeline model-job"));
    root.insert("asset".to_owned(), Value::Object(asset));
    let mut put = |key: &str, value: Value| {
        if value.as_array().is_none_or(|array| !array.is_empty()) {
            root.insert(key.to_owned(), value);
        }
    };
    put("extensionsUsed", json!(extensions_used));
    put("extensionsRequired", json!(extensions_required));
    if let Some(scene) = document.scene {
        put("scene", json!(scene));
    }
    put("scenes", Value::Array(scenes));
    put("nodes", Value::Array(nodes));
    put("meshes", Value::Array(meshes));
    put("skins", Value::Array(skins));
    put("animations", Value::Array(animations));
    put("cameras", json!(document.cameras));
    put("materials", json!(document.materials));
    put("textures", json!(document.textures));
    put("samplers", json!(document.samplers));
    put("images", Value::Array(stored.images));
    put("accessors", Value::Array(stored.accessors));
    put("bufferViews", Value::Array(stored.views));
    let mut buffers = Vec::new();
    if !stored.binary.is_empty() {
        buffers.push(json!({ "byteLength": stored.binary.len() }));
    }
    if stored.fallback_length > 0 {
        buffers.push(json!({
            "byteLength": stored.fallback_length,
            "extensions": { "EXT_meshopt_compression": { "fallback": true } },
        }));
    }
    put("buffers", Value::Array(buffers));
    for (key, value) in &document.rest {
        root.insert(key.clone(), value.clone());
    }
    let json = serde_json::to_vec(&Value::Object(root))
        .map_err(|error| Failure::internal("the model's JSON cannot be written").because(error))?;
    let json_length = json.len();
    Ok(Glb { bytes: container(json, stored.binary)?, json: json_length, images: stored.image_bytes })
}

fn container(mut json: Vec<u8>, mut binary: Vec<u8>) -> Result<Vec<u8>, Failure> {
    json.resize(json.len().next_multiple_of(4), b' ');
    binary.resize(binary.len().next_multiple_of(4), 0);
    let chunk = |length: usize| if length > 0 { 8 + length } else { 0 };
    let total = 12 + chunk(json.len()) + chunk(binary.len());
    let length = |value: usize| {
        u32::try_from(value).map_err(|_| Failure::invalid_input("the model is larger than a GLB can be (4 GiB)"))
    };
    let mut bytes = Vec::with_capacity(total);
    bytes.extend_from_slice(b"glTF");
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend(length(total)?.to_le_bytes());
    bytes.extend(length(json.len())?.to_le_bytes());
    bytes.extend_from_slice(b"JSON");
    bytes.extend(json);
    if !binary.is_empty() {
        bytes.extend(length(binary.len())?.to_le_bytes());
        bytes.extend_from_slice(b"BIN\0");
        bytes.extend(binary);
    }
    Ok(bytes)
}

fn extend(json: &mut Value, rest: &Object) {
    if let Some(object) = json.as_object_mut() {
        for (key, value) in rest {
            object.insert(key.clone(), value.clone());
        }
    }
}

/// What a buffer view is for. glTF allows one use a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Use {
    Vertices,
    Triangles,
    /// Triangles of a mesh with a view of its own.
    OwnTriangles(usize),
    Indices,
    Matrices,
    Times,
    Values,
    Instances,
    /// For something unknown.
    Reserved,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct ViewKey {
    usage: Use,
    stride: usize,
    filter: Filter,
}

struct Pending {
    number: usize,
    json: Object,
    /// For the order within a view: attributes of a kind lie together.
    place: (ViewKey, String),
    content: Content,
}

enum Content {
    Accessor(Arc<Accessor>),
    Indices(Arc<Vec<u32>>, usize),
}

struct Writer {
    compress: Compress,
    pending: Vec<Pending>,
    /// Numbers by address, use and whether bounds are told. What is pending keeps the addresses valid.
    known: HashMap<(usize, u8), usize>,
    known_indices: HashMap<usize, usize>,
    /// Accessors that something unknown may refer to by these numbers.
    reserved: BTreeMap<usize, Arc<Accessor>>,
    next_number: usize,
    own_views: usize,
}

struct Stored {
    binary: Vec<u8>,
    fallback_length: usize,
    views: Vec<Value>,
    accessors: Vec<Value>,
    images: Vec<Value>,
    image_bytes: usize,
    /// Views that something unknown may refer to by these numbers.
    reserved: BTreeMap<usize, (Vec<u8>, Object)>,
}

impl Writer {
    fn new(compress: Compress, document: &Document) -> Self {
        Self {
            compress,
            pending: Vec::new(),
            known: HashMap::new(),
            known_indices: HashMap::new(),
            reserved: document.unclaimed.accessors.iter().map(|(at, own)| (*at, Arc::clone(own))).collect(),
            next_number: 0,
            own_views: 0,
        }
    }

    /// The next number that is not reserved.
    fn number(&mut self) -> usize {
        while self.reserved.contains_key(&self.next_number) {
            self.next_number += 1;
        }
        self.next_number += 1;
        self.next_number - 1
    }

    fn primitive(&mut self, primitive: &Primitive) -> Value {
        let mut json = Object::new();
        json.insert("attributes".to_owned(), self.attributes(&primitive.attributes, Use::Vertices));
        if let Some(indices) = &primitive.indices {
            json.insert("indices".to_owned(), self.indices(indices, primitive));
        }
        if primitive.mode != Mode::Triangles {
            json.insert("mode".to_owned(), json!(primitive.mode as u8));
        }
        if let Some(material) = primitive.material {
            json.insert("material".to_owned(), json!(material));
        }
        if !primitive.targets.is_empty() {
            let targets: Vec<Value> =
                primitive.targets.iter().map(|target| self.attributes(target, Use::Vertices)).collect();
            json.insert("targets".to_owned(), Value::Array(targets));
        }
        let mut json = Value::Object(json);
        extend(&mut json, &primitive.rest);
        json
    }

    fn attributes(&mut self, attributes: &[Attribute], usage: Use) -> Value {
        let json = attributes.iter().map(|(name, accessor)| (name.clone(), self.accessor(accessor, usage, Some(name))));
        Value::Object(json.collect())
    }

    fn node(&mut self, node: &scene::document::Node) -> Value {
        let mut json = Object::new();
        if let Some(mesh) = node.mesh {
            json.insert("mesh".to_owned(), json!(mesh));
        }
        if let Some(skin) = node.skin {
            json.insert("skin".to_owned(), json!(skin));
        }
        if let Some(camera) = node.camera {
            json.insert("camera".to_owned(), json!(camera));
        }
        match &node.transform {
            Transform::Matrix(matrix) if *matrix != IDENTITY => {
                json.insert("matrix".to_owned(), singles(*matrix));
            }
            Transform::Matrix(_) => {}
            Transform::Parts(parts) => {
                let mut put = |key: &str, is_default: bool, values: &[f64]| {
                    if !is_default {
                        json.insert(key.to_owned(), singles(values.iter().copied()));
                    }
                };
                put("translation", parts.translation == Parts::IDENTITY.translation, &parts.translation);
                put("rotation", parts.rotation == Parts::IDENTITY.rotation, &parts.rotation);
                put("scale", parts.scale == Parts::IDENTITY.scale, &parts.scale);
            }
        }
        if !node.children.is_empty() {
            json.insert("children".to_owned(), json!(node.children));
        }
        let mut json = Value::Object(json);
        extend(&mut json, &node.rest);
        if !node.instances.is_empty() {
            let attributes = self.attributes(&node.instances, Use::Instances);
            if json.get("extensions").is_none() {
                json["extensions"] = json!({});
            }
            json["extensions"]["EXT_mesh_gpu_instancing"] = json!({ "attributes": attributes });
        }
        json
    }

    fn animation(&mut self, channels: &[Channel]) -> Value {
        let mut samplers: Vec<Value> = Vec::new();
        let channels: Vec<Value> = channels
            .iter()
            .map(|channel| {
                let mut sampler = json!({
                    "input": self.accessor(&channel.times, Use::Times, None),
                    "output": self.accessor(&channel.values, Use::Values, None),
                });
                match channel.interpolation {
                    Interpolation::Linear => {}
                    Interpolation::Step => sampler["interpolation"] = json!("STEP"),
                    Interpolation::CubicSpline => sampler["interpolation"] = json!("CUBICSPLINE"),
                }
                extend(&mut sampler, &channel.sampler_rest);
                let number = samplers.iter().position(|own| *own == sampler).unwrap_or_else(|| {
                    samplers.push(sampler);
                    samplers.len() - 1
                });
                let mut target = json!({ "path": channel.path });
                if let Some(node) = channel.node {
                    target["node"] = json!(node);
                }
                extend(&mut target, &channel.target_rest);
                let mut json = json!({ "sampler": number, "target": target });
                extend(&mut json, &channel.rest);
                json
            })
            .collect();
        json!({ "samplers": samplers, "channels": channels })
    }

    /// Notes an accessor to be stored and says its number.
    fn accessor(&mut self, accessor: &Arc<Accessor>, usage: Use, name: Option<&str>) -> Value {
        let needs_bounds = usage == Use::Times || name == Some("POSITION");
        let key = (Arc::as_ptr(accessor) as usize, usage_code(usage) * 2 + u8::from(needs_bounds));
        if let Some(number) = self.known.get(&key) {
            return json!(number);
        }
        let json = Self::description(accessor, needs_bounds);
        let filter = if self.compress == Compress::Meshopt { accessor.filter } else { Filter::None };
        let stride = if usage == Use::Vertices { accessor.stride.next_multiple_of(4) } else { accessor.stride };
        let kind = name.unwrap_or("").to_owned();
        let number = self.number();
        let place = (ViewKey { usage, stride, filter }, kind);
        self.pending.push(Pending { number, json, place, content: Content::Accessor(Arc::clone(accessor)) });
        self.known.insert(key, number);
        json!(number)
    }

    fn indices(&mut self, indices: &Arc<Vec<u32>>, primitive: &Primitive) -> Value {
        let key = Arc::as_ptr(indices) as usize;
        if let Some(number) = self.known_indices.get(&key) {
            return json!(number);
        }
        let vertices = primitive.vertex_count();
        // The largest 16-bit index means a restart to some graphics interfaces.
        let component = if vertices <= 65_535 { Component::U16 } else { Component::U32 };
        let usage = match primitive.mode {
            Mode::Triangles if vertices >= FEWEST_VERTICES_OF_OWN_VIEW => {
                self.own_views += 1;
                Use::OwnTriangles(self.own_views)
            }
            Mode::Triangles => Use::Triangles,
            _ => Use::Indices,
        };
        let json = json!({ "componentType": component.code(), "count": indices.len(), "type": "SCALAR" });
        let number = self.number();
        let place = (ViewKey { usage, stride: component.size(), filter: Filter::None }, String::new());
        let content = Content::Indices(Arc::clone(indices), vertices);
        self.pending.push(Pending { number, json: json.as_object().cloned().unwrap_or_default(), place, content });
        self.known_indices.insert(key, number);
        json!(number)
    }

    /// Lays out all bytes.
    fn store(mut self, document: &Document) -> Stored {
        for (number, accessor) in std::mem::take(&mut self.reserved) {
            let json = Self::description(&accessor, false);
            let key = ViewKey { usage: Use::Reserved, stride: accessor.stride, filter: Filter::None };
            let content = Content::Accessor(accessor);
            self.pending.push(Pending { number, json, place: (key, String::new()), content });
        }
        self.pending.sort_by(|left, right| (&left.place, left.number).cmp(&(&right.place, right.number)));
        let mut stored = Stored {
            binary: Vec::new(),
            fallback_length: 0,
            views: Vec::new(),
            accessors: Vec::new(),
            images: Vec::new(),
            image_bytes: 0,
            reserved: document
                .unclaimed
                .views
                .iter()
                .map(|(at, bytes, rest)| (*at, (bytes.clone(), rest.clone())))
                .collect(),
        };
        let count = self.pending.iter().map(|pending| pending.number + 1).max().unwrap_or(0);
        // A number between reserved ones that nothing took is filled with something valid.
        let filler = json!({ "componentType": 5126, "count": 1, "type": "SCALAR" });
        let mut accessors: Vec<Value> = vec![filler; count];
        for group in self.pending.chunk_by(|left, right| left.place.0 == right.place.0) {
            let key = group[0].place.0;
            let mut bytes = Vec::new();
            let mut indices = Vec::new();
            let mut vertices = 0;
            let offsets: Vec<usize> = group
                .iter()
                .map(|pending| match &pending.content {
                    Content::Accessor(accessor) => {
                        bytes.resize(bytes.len().next_multiple_of(4), 0);
                        let offset = bytes.len();
                        append(&mut bytes, accessor, key);
                        offset
                    }
                    Content::Indices(own, count) => {
                        let offset = indices.len() * key.stride;
                        indices.extend_from_slice(own);
                        vertices = vertices.max(*count);
                        offset
                    }
                })
                .collect();
            let view = stored.view(key, &bytes, &indices, vertices, self.compress);
            for (pending, offset) in group.iter().zip(offsets) {
                let mut json = Object::new();
                json.insert("bufferView".to_owned(), json!(view));
                if offset > 0 {
                    json.insert("byteOffset".to_owned(), json!(offset));
                }
                json.extend(pending.json.clone());
                accessors[pending.number] = Value::Object(json);
            }
        }
        stored.accessors = accessors;
        for image in &document.images {
            let view = stored.plain_view(&image.bytes, None);
            stored.image_bytes += image.bytes.len();
            let mut json = json!({ "bufferView": view, "mimeType": image.mime_type });
            extend(&mut json, &image.rest);
            stored.images.push(json);
        }
        stored.place_reserved();
        stored
    }

    fn description(accessor: &Accessor, needs_bounds: bool) -> Object {
        let mut json = Object::new();
        json.insert("componentType".to_owned(), json!(accessor.component.code()));
        json.insert("count".to_owned(), json!(accessor.count));
        json.insert("type".to_owned(), json!(accessor.shape.name()));
        if accessor.normalised {
            json.insert("normalized".to_owned(), json!(true));
        }
        if needs_bounds {
            let (least, most) = accessor.bounds();
            json.insert("min".to_owned(), singles(least));
            json.insert("max".to_owned(), singles(most));
        }
        if let Some(rest) = accessor.rest.as_deref().and_then(|rest| serde_json::from_str::<Object>(rest).ok()) {
            json.extend(rest);
        }
        json
    }
}

fn usage_code(usage: Use) -> u8 {
    match usage {
        Use::Vertices => 0,
        Use::Triangles | Use::OwnTriangles(_) | Use::Indices => 1,
        Use::Matrices => 2,
        Use::Times => 3,
        Use::Values => 4,
        Use::Instances => 5,
        Use::Reserved => 6,
    }
}

/// Appends an accessor's elements in the view's stride.
fn append(bytes: &mut Vec<u8>, accessor: &Accessor, key: ViewKey) {
    let own = if key.filter == accessor.filter { (&accessor.bytes[..]).into() } else { accessor.unfiltered() };
    if key.stride == accessor.stride {
        bytes.extend_from_slice(&own);
        return;
    }
    for element in own.chunks_exact(accessor.stride) {
        bytes.extend_from_slice(element);
        bytes.resize(bytes.len() + key.stride - accessor.stride, 0);
    }
}

impl Stored {
    fn view(&mut self, key: ViewKey, bytes: &[u8], indices: &[u32], vertices: usize, compress: Compress) -> usize {
        let is_indices = matches!(key.usage, Use::Triangles | Use::OwnTriangles(_) | Use::Indices);
        let stride = (key.usage == Use::Vertices).then_some(key.stride);
        let raw = || -> Cow<'_, [u8]> {
            match key.stride {
                _ if !is_indices => Cow::Borrowed(bytes),
                2 => indices.iter().flat_map(|&index| (index as u16).to_le_bytes()).collect(),
                _ => indices.iter().flat_map(|index| index.to_le_bytes()).collect(),
            }
        };
        let raw_length = if is_indices { indices.len() * key.stride } else { bytes.len() };
        let can_compress = compress == Compress::Meshopt
            && key.usage != Use::Reserved
            && (is_indices || (key.stride.is_multiple_of(4) && key.stride <= 256));
        if !can_compress {
            return self.plain_view(&raw(), stride);
        }
        let (mode, encoded) = match key.usage {
            Use::Triangles | Use::OwnTriangles(_) => ("TRIANGLES", codec::encode_triangles(indices, vertices)),
            Use::Indices => ("INDICES", codec::encode_indices(indices, vertices)),
            _ => ("ATTRIBUTES", codec::encode_vertices(bytes, key.stride)),
        };
        if key.filter == Filter::None && encoded.len() + COMPRESSION_JSON >= raw_length {
            return self.plain_view(&raw(), stride);
        }
        self.binary.resize(self.binary.len().next_multiple_of(4), 0);
        let mut extension = Object::new();
        extension.insert("buffer".to_owned(), json!(0));
        if !self.binary.is_empty() {
            extension.insert("byteOffset".to_owned(), json!(self.binary.len()));
        }
        extension.insert("byteLength".to_owned(), json!(encoded.len()));
        extension.insert("byteStride".to_owned(), json!(key.stride));
        extension.insert("count".to_owned(), json!(raw_length / key.stride));
        extension.insert("mode".to_owned(), json!(mode));
        if let Some(filter) = key.filter.name() {
            extension.insert("filter".to_owned(), json!(filter));
        }
        let mut json = Object::new();
        json.insert("buffer".to_owned(), json!(1));
        if self.fallback_length > 0 {
            json.insert("byteOffset".to_owned(), json!(self.fallback_length));
        }
        json.insert("byteLength".to_owned(), json!(raw_length));
        if let Some(stride) = stride {
            json.insert("byteStride".to_owned(), json!(stride));
        }
        json.insert("extensions".to_owned(), json!({ "EXT_meshopt_compression": extension }));
        self.binary.extend(encoded);
        self.fallback_length = (self.fallback_length + raw_length).next_multiple_of(4);
        self.push_view(json)
    }

    fn plain_view(&mut self, bytes: &[u8], stride: Option<usize>) -> usize {
        self.binary.resize(self.binary.len().next_multiple_of(4), 0);
        let mut json = Object::new();
        json.insert("buffer".to_owned(), json!(0));
        if !self.binary.is_empty() {
            json.insert("byteOffset".to_owned(), json!(self.binary.len()));
        }
        json.insert("byteLength".to_owned(), json!(bytes.len()));
        if let Some(stride) = stride {
            json.insert("byteStride".to_owned(), json!(stride));
        }
        self.binary.extend_from_slice(bytes);
        self.push_view(json)
    }

    /// Adds a view at the next number that is not reserved.
    fn push_view(&mut self, json: Object) -> usize {
        while self.reserved.contains_key(&self.views.len()) {
            self.views.push(Value::Null);
        }
        self.views.push(Value::Object(json));
        self.views.len() - 1
    }

    /// Puts reserved views where they belong, and something valid where numbers are left between them.
    fn place_reserved(&mut self) {
        for (at, (bytes, rest)) in std::mem::take(&mut self.reserved) {
            while self.views.len() <= at {
                self.views.push(json!({ "buffer": 0, "byteLength": 1 }));
            }
            let number = self.plain_view(&bytes, None);
            let mut json = self.views.swap_remove(number);
            extend(&mut json, &rest);
            self.views[at] = json;
        }
    }
}

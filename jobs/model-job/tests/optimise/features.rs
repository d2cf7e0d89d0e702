//! What the format can say beside plain meshes, on models made here: each keeps its meaning.

use base64::Engine as _;
use scene::document::{Document, Mode};
use scene::transform::apply;
use serde_json::{Value, json};

use crate::check;
use crate::support::{load, optimise};

/// A glTF under construction: one buffer, a view and an accessor for each array.
#[derive(Default)]
pub struct Builder {
    bytes: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
}

impl Builder {
    pub fn view(&mut self, bytes: &[u8], stride: Option<usize>) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let mut view = json!({ "buffer": 0, "byteOffset": self.bytes.len(), "byteLength": bytes.len() });
        if let Some(stride) = stride {
            view["byteStride"] = json!(stride);
        }
        self.bytes.extend_from_slice(bytes);
        self.views.push(view);
        self.views.len() - 1
    }

    pub fn accessor(&mut self, description: Value) -> usize {
        self.accessors.push(description);
        self.accessors.len() - 1
    }

    pub fn floats(&mut self, kind: &str, width: usize, floats: &[f32]) -> usize {
        let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        let view = self.view(&bytes, None);
        let mut accessor =
            json!({ "bufferView": view, "componentType": 5126, "count": floats.len() / width, "type": kind });
        if width == 3 || width == 1 {
            let of = |pick: fn(f32, f32) -> f32| -> Vec<f32> {
                (0..width).map(|at| floats.iter().skip(at).step_by(width).copied().reduce(pick).unwrap()).collect()
            };
            accessor["min"] = json!(of(f32::min));
            accessor["max"] = json!(of(f32::max));
        }
        self.accessor(accessor)
    }

    pub fn indices(&mut self, component: u32, indices: &[u32]) -> usize {
        let size = match component {
            5121 => 1,
            5123 => 2,
            _ => 4,
        };
        let bytes: Vec<u8> = indices.iter().flat_map(|index| index.to_le_bytes().into_iter().take(size)).collect();
        let view = self.view(&bytes, None);
        let count = indices.len();
        self.accessor(json!({ "bufferView": view, "componentType": component, "count": count, "type": "SCALAR" }))
    }

    pub fn finish(self, mut json: Value) -> Vec<u8> {
        let text = base64::engine::general_purpose::STANDARD.encode(&self.bytes);
        json["asset"] = json!({ "version": "2.0", "generator": "a test", "copyright": "nobody" });
        json["buffers"] = json!([{
            "byteLength": self.bytes.len(), "uri": format!("data:application/octet-stream;base64,{text}"),
        }]);
        json["bufferViews"] = Value::Array(self.views);
        json["accessors"] = Value::Array(self.accessors);
        serde_json::to_vec(&json).unwrap()
    }
}

/// A ribbon of `2 * (steps + 1)` vertices along x, and its triangles.
pub fn ribbon(steps: u32) -> (Vec<f32>, Vec<u32>) {
    let point = |at: u32| [at as f32 / steps as f32, 0.1 * (at as f32).sin(), 0.0];
    let positions = (0..=steps).flat_map(|at| {
        let [x, y, z] = point(at);
        [x, y, z, x, y + 0.5, z + 0.2]
    });
    let triangles = (0..steps).flat_map(|at| {
        let a = at * 2;
        [a, a + 2, a + 1, a + 1, a + 2, a + 3]
    });
    (positions.collect(), triangles.collect())
}

/// A skin of many joints, morph targets, of which one is sparse, and animations of every kind.
pub fn bent() -> Vec<u8> {
    let (positions, triangles) = ribbon(20);
    let count = positions.len() / 3;
    let mut builder = Builder::default();
    let position = builder.floats("VEC3", 3, &positions);
    let normal = builder.floats("VEC3", 3, &[0.0, 0.0, 1.0].repeat(count));
    let index = builder.indices(5125, &triangles);
    // Three hundred joints, so that 16 bits are needed; the last three do something.
    let joints: Vec<u8> = (0..count).flat_map(|_| [297_u16, 298, 299, 7]).flat_map(u16::to_le_bytes).collect();
    let view = builder.view(&joints, None);
    let joint = builder.accessor(json!({ "bufferView": view, "componentType": 5123, "count": count, "type": "VEC4" }));
    let weights: Vec<u8> = (0..count)
        .flat_map(|at| {
            let part = (at * 200 / count) as u8;
            [200 - part, part, 55, 0]
        })
        .collect();
    let view = builder.view(&weights, None);
    let weight = builder.accessor(
        json!({ "bufferView": view, "componentType": 5121, "normalized": true, "count": count, "type": "VEC4" }),
    );
    // A morph target of which four vertices are told.
    let which: Vec<u8> = [3_u16, 8, 21, 40].into_iter().flat_map(u16::to_le_bytes).collect();
    let moved: Vec<u8> = [0.0_f32, 0.3, 0.1].repeat(4).into_iter().flat_map(f32::to_le_bytes).collect();
    let (which, moved) = (builder.view(&which, None), builder.view(&moved, None));
    let target = builder.accessor(json!({
        "componentType": 5126, "count": count, "type": "VEC3", "min": [0, 0, 0], "max": [0, 0.3, 0.1],
        "sparse": {
            "count": 4,
            "indices": { "bufferView": which, "componentType": 5123 },
            "values": { "bufferView": moved },
        },
    }));
    let dense = builder.floats("VEC3", 3, &[-0.1, 0.05, 0.2].repeat(count));
    let bind: Vec<f32> = (0..300)
        .flat_map(|at| {
            let mut matrix = [1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1.];
            matrix[12] = -(at % 3) as f32 * 0.2;
            matrix
        })
        .collect();
    let bind = builder.floats("MAT4", 16, &bind);
    let times = builder.floats("SCALAR", 1, &[0.0, 0.5, 1.0, 2.0]);
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let turns = builder.floats("VEC4", 4, &[0., 0., 0., 1., 0., half, 0., half, 0., 0.6, 0., 0.8, 0., 0., 0., 1.]);
    let amounts = builder.floats("SCALAR", 1, &[0.0, 0.0, 1.0, 0.25, 0.5, 1.0, 0.0, 0.0]);
    // A spline: in-tangent, value, out-tangent for each time.
    let spline: Vec<f32> = (0..4).flat_map(|at| [0., 0.1, 0., at as f32 * 0.2, 0., 0., 0., 0.3, 0.]).collect();
    let spline = builder.floats("VEC3", 3, &spline);
    let mut nodes: Vec<Value> = (0..300).map(|at| json!({ "translation": [f64::from(at % 3) * 0.2, 0, 0] })).collect();
    nodes.push(json!({ "name": "skeleton", "children": (0..300).collect::<Vec<_>>(), "scale": [2, 2, 2] }));
    nodes.push(json!({ "name": "body", "mesh": 0, "skin": 0, "weights": [0.5, 0.1] }));
    builder.finish(json!({
        "scene": 0,
        "scenes": [{ "name": "only", "nodes": [300, 301] }],
        "nodes": nodes,
        "skins": [{ "name": "bones", "joints": (0..300).collect::<Vec<_>>(), "skeleton": 300, "inverseBindMatrices": bind }],
        "meshes": [{
            "name": "ribbon", "weights": [0.25, 0.5], "extras": { "targetNames": ["bump", "shift"] },
            "primitives": [{
                "attributes": { "POSITION": position, "NORMAL": normal, "JOINTS_0": joint, "WEIGHTS_0": weight },
                "indices": index, "targets": [{ "POSITION": target }, { "POSITION": dense }],
            }],
        }],
        "animations": [{
            "name": "bend",
            "samplers": [
                { "input": times, "output": turns },
                { "input": times, "output": amounts },
                { "input": times, "output": spline, "interpolation": "CUBICSPLINE" },
                { "input": times, "output": turns, "interpolation": "STEP" },
            ],
            "channels": [
                { "sampler": 0, "target": { "node": 298, "path": "rotation" } },
                { "sampler": 1, "target": { "node": 301, "path": "weights" } },
                { "sampler": 2, "target": { "node": 299, "path": "translation" } },
                { "sampler": 3, "target": { "node": 297, "path": "rotation" } },
            ],
        }],
    }))
}

#[test]
fn skins_morph_targets_and_sparse_accessors_move_as_before() {
    let bytes = bent();
    for text in ["optimise", "optimise?compress=none", "optimise?quantise=false"] {
        check("bend.gltf", &bytes, text, 0.01);
        let document = optimise("bend.gltf", &bytes, text).unwrap().document;
        assert_eq!(document.animations[0].channels.len(), 4);
        assert_eq!(document.meshes[0].rest["extras"]["targetNames"], json!(["bump", "shift"]));
        assert_eq!(document.skins[0].rest["name"], "bones");
    }
}

/// Attributes side by side in one view, most of them integers, and indices of a byte.
pub fn interleaved() -> Vec<u8> {
    let (positions, triangles) = ribbon(12);
    let mut builder = Builder::default();
    let mut bytes = Vec::new();
    for (at, position) in positions.chunks_exact(3).enumerate() {
        bytes.extend(position.iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend([0, 100_i8.cast_unsigned(), 78, 0]); // a normal
        bytes.extend([(at * 5000 % 65536) as u16, (at * 2500 % 65536) as u16].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend([at as f32 * 0.5, 1.0 - at as f32].into_iter().flat_map(f32::to_le_bytes));
        bytes.extend([(at * 9) as u8, 20, 200, 255]);
    }
    let view = builder.view(&bytes, Some(32));
    let count = positions.len() / 3;
    let mut part = |offset: usize, component: u32, kind: &str, is_normalised: bool| {
        let mut accessor = json!({
            "bufferView": view, "byteOffset": offset, "componentType": component, "count": count, "type": kind,
        });
        if is_normalised {
            accessor["normalized"] = json!(true);
        }
        if offset == 0 {
            accessor["min"] = json!([0, -0.1, 0]);
            accessor["max"] = json!([1, 0.6, 0.2]);
        }
        builder.accessor(accessor)
    };
    let attributes = json!({
        "POSITION": part(0, 5126, "VEC3", false),
        "NORMAL": part(12, 5120, "VEC3", true),
        "TEXCOORD_0": part(16, 5123, "VEC2", true),
        "TEXCOORD_1": part(20, 5126, "VEC2", false),
        "COLOR_0": part(28, 5121, "VEC4", true),
    });
    let index = builder.indices(5121, &triangles);
    builder.finish(json!({
        "scene": 0,
        "extensionsUsed": ["KHR_mesh_quantization", "KHR_texture_transform"],
        "extensionsRequired": ["KHR_mesh_quantization"],
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0, "matrix": [0, 2, 0, 0, -3, 0, 0, 0, 0, 0, 1, 0, 5, 6, 7, 1] }],
        "meshes": [{ "primitives": [{ "attributes": attributes, "indices": index, "material": 0 }] }],
        "materials": [{
            "pbrMetallicRoughness": { "baseColorTexture": {
                "index": 0, "texCoord": 1,
                "extensions": { "KHR_texture_transform": { "offset": [0.25, 0.5], "rotation": 0.7, "scale": [2, 0.5] } },
            } },
            "emissiveTexture": { "index": 0 },
        }],
        "textures": [{ "source": 0 }],
        "images": [{ "uri": format!("data:image/png;base64,{PIXEL}") }],
    }))
}

#[test]
fn interleaved_and_integer_attributes_and_short_indices_read_the_same() {
    let bytes = interleaved();
    check("interleaved.gltf", &bytes, "optimise?textures=keep", 0.01);
    check("interleaved.gltf", &bytes, "optimise?textures=keep&compress=none", 0.01);
}

/// A PNG of one pixel.
pub const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Lines and points as they are shown, in fiftieths of the scene's unit, each with its ends in an order of its own.
fn strokes(document: &Document) -> Vec<Vec<[i64; 3]>> {
    let world = document.world_matrices();
    let mut all = Vec::new();
    for (at, node) in document.nodes.iter().enumerate() {
        for primitive in node.mesh.iter().flat_map(|&mesh| &document.meshes[mesh].primitives) {
            let floats = primitive.attribute("POSITION").unwrap().floats();
            let point = |index: u32| {
                let at_index = |axis: usize| f64::from(floats[index as usize * 3 + axis]);
                apply(&world[at], [at_index(0), at_index(1), at_index(2)]).map(|value| (value * 50.0).round() as i64)
            };
            let order: Vec<[i64; 3]> = match &primitive.indices {
                Some(indices) => indices.iter().map(|&index| point(index)).collect(),
                None => (0..floats.len() as u32 / 3).map(point).collect(),
            };
            match primitive.mode {
                Mode::Points => all.extend(order.iter().map(|&point| vec![point])),
                Mode::Lines => all.extend(order.chunks_exact(2).map(<[_]>::to_vec)),
                Mode::LineStrip => all.extend(order.windows(2).map(<[_]>::to_vec)),
                Mode::LineLoop => {
                    all.extend(order.windows(2).map(<[_]>::to_vec));
                    all.push(vec![*order.last().unwrap(), order[0]]);
                }
                _ => {}
            }
        }
    }
    for stroke in &mut all {
        stroke.sort_unstable();
    }
    all
}

/// Every mode, with and without indices.
pub fn stroked() -> Vec<u8> {
    let mut builder = Builder::default();
    let around: Vec<f32> =
        (0..9).flat_map(|at| [(at as f32).cos() * 2.0, (at as f32).sin() * 2.0, at as f32]).collect();
    let position = builder.floats("VEC3", 3, &around);
    let order = builder.indices(5123, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let part = |mode: u32, has_indices: bool| {
        let mut part = json!({ "attributes": { "POSITION": position }, "mode": mode });
        if has_indices {
            part["indices"] = json!(order);
        }
        json!({ "primitives": [part] })
    };
    let meshes: Vec<Value> = (0..7).flat_map(|mode| [part(mode, false), part(mode, true)]).collect();
    let nodes: Vec<Value> = (0..14).map(|at| json!({ "mesh": at, "translation": [at * 6, 0, 0] })).collect();
    builder.finish(json!({
        "scene": 0,
        "scenes": [{ "nodes": (0..14).collect::<Vec<_>>() }],
        "nodes": nodes,
        "meshes": meshes,
    }))
}

#[test]
fn strips_fans_lines_and_points_are_drawn_as_before() {
    let bytes = stroked();
    for text in ["optimise", "optimise?join=false&compress=none"] {
        check("strokes.gltf", &bytes, text, 0.01);
        let after = optimise("strokes.gltf", &bytes, text).unwrap().document;
        let (before, after) = (strokes(&load("strokes.gltf", &bytes).unwrap()), strokes(&after));
        let same = |a: &Vec<[i64; 3]>, b: &Vec<[i64; 3]>| {
            a.as_flattened().iter().zip(b.as_flattened()).all(|(a, b)| a.abs_diff(*b) <= 1)
        };
        assert_eq!(before.len(), after.len(), "{text}");
        for stroke in &before {
            assert!(after.iter().any(|other| same(stroke, other)), "{text}: {stroke:?}");
        }
    }
    // Points, lines and triangles.
    assert_eq!(optimise("strokes.gltf", &bytes, "optimise").unwrap().document.draw_calls(), 3);
}

#[test]
fn scenes_cameras_lights_names_and_variants_are_kept() {
    let (positions, triangles) = ribbon(4);
    let mut builder = Builder::default();
    let position = builder.floats("VEC3", 3, &positions);
    let index = builder.indices(5125, &triangles);
    let cameras = json!([
        { "name": "near", "type": "perspective", "perspective": { "yfov": 0.7, "znear": 0.1 }, "extras": [1] },
        { "type": "orthographic", "orthographic": { "xmag": 1.0, "ymag": 2.0, "zfar": 9.0, "znear": 0.5 } },
    ]);
    let lights =
        json!({ "lights": [{ "type": "point", "intensity": 5.0 }, { "type": "spot", "spot": {}, "name": "lamp" }] });
    let mapped = json!({ "mappings": [
        { "material": 1, "variants": [0] }, { "material": 2, "variants": [1], "name": "night" },
    ] });
    let bytes = builder.finish(json!({
        "scene": 1,
        "extensionsUsed": ["KHR_lights_punctual", "KHR_materials_variants", "KHR_xmp_json_ld"],
        "scenes": [{ "name": "empty" }, { "name": "day", "nodes": [0, 3], "extras": { "sky": "blue" } }, { "nodes": [3] }],
        "nodes": [
            { "name": "root", "children": [1, 2], "rotation": [0, 0, 0.6, 0.8] },
            { "name": "eye", "camera": 0, "translation": [0, 0, 9] },
            { "extensions": { "KHR_lights_punctual": { "light": 1 } }, "translation": [4, 4, 4] },
            { "name": "shown twice", "mesh": 0, "children": [4] },
            { "camera": 1, "extras": { "kept": true } },
        ],
        "meshes": [{ "name": "sign", "primitives": [{
            "attributes": { "POSITION": position }, "indices": index, "material": 0,
            "extensions": { "KHR_materials_variants": mapped },
        }] }],
        "materials": [{ "name": "plain" }, { "name": "red", "doubleSided": true }, { "name": "dark", "alphaCutoff": 0.5 }],
        "cameras": cameras.clone(),
        "extensions": {
            "KHR_lights_punctual": lights.clone(),
            "KHR_materials_variants": { "variants": [{ "name": "day" }, { "name": "night" }] },
            "KHR_xmp_json_ld": { "packets": [{ "dc:title": "sign" }] },
        },
    }));
    check("sign.gltf", &bytes, "optimise", 0.01);
    let after = optimise("sign.gltf", &bytes, "optimise").unwrap().document;
    assert_eq!(after.scenes.len(), 3);
    assert_eq!(after.scene, Some(1));
    assert_eq!(after.scenes[1].rest["extras"]["sky"], "blue");
    assert_eq!(after.scenes[0].rest["name"], "empty");
    assert_eq!(Value::from(after.cameras.iter().cloned().map(Value::Object).collect::<Vec<_>>()), cameras);
    assert_eq!(after.rest["extensions"]["KHR_lights_punctual"], lights);
    assert_eq!(after.rest["extensions"]["KHR_xmp_json_ld"]["packets"][0]["dc:title"], "sign");
    assert_eq!(after.asset["copyright"], "nobody");
    let world = after.world_matrices();
    let at = |found: &dyn Fn(&scene::document::Node) -> bool| {
        let node = after.nodes.iter().position(found).unwrap();
        apply(&world[node], [0.0; 3]).map(|value| (value * 100.0).round() / 100.0)
    };
    assert!((at(&|node| node.rest.get("extensions").is_some())[2] - 4.0).abs() < 1e-9);
    assert!((at(&|node| node.camera == Some(0))[2] - 9.0).abs() < 1e-9);
    assert!(after.nodes.iter().any(|node| node.camera == Some(1) && node.rest["extras"]["kept"] == true));
    let primitive = &after.meshes[0].primitives[0];
    let name = |material: usize| after.materials[material]["name"].as_str().unwrap().to_owned();
    let mappings = &primitive.rest["extensions"]["KHR_materials_variants"]["mappings"];
    assert_eq!(name(primitive.material.unwrap()), "plain");
    assert_eq!(name(mappings[0]["material"].as_u64().unwrap() as usize), "red");
    assert_eq!(name(mappings[1]["material"].as_u64().unwrap() as usize), "dark");
    assert_eq!(mappings[1]["name"], "night");
}

#[test]
fn materials_keep_every_extension_and_number() {
    let (positions, triangles) = ribbon(4);
    let mut builder = Builder::default();
    let position = builder.floats("VEC3", 3, &positions);
    let coordinate = builder.floats("VEC2", 2, &[0.3, 0.6].repeat(positions.len() / 3));
    let index = builder.indices(5123, &triangles);
    let extensions = json!({
        "KHR_materials_anisotropy": { "anisotropyStrength": 0.5, "anisotropyTexture": { "index": 0 } },
        "KHR_materials_clearcoat": { "clearcoatFactor": 0.25, "clearcoatNormalTexture": { "index": 1, "scale": 2.0 } },
        "KHR_materials_diffuse_transmission": { "diffuseTransmissionFactor": 0.25 },
        "KHR_materials_dispersion": { "dispersion": 0.5 },
        "KHR_materials_emissive_strength": { "emissiveStrength": 5.0 },
        "KHR_materials_ior": { "ior": 1.25 },
        "KHR_materials_iridescence": { "iridescenceFactor": 1.0, "iridescenceThicknessMaximum": 300.0 },
        "KHR_materials_sheen": { "sheenColorFactor": [0.25, 0.5, 1.0], "sheenRoughnessTexture": { "index": 0 } },
        "KHR_materials_specular": { "specularFactor": 0.5, "specularColorFactor": [1.0, 0.5, 0.25] },
        "KHR_materials_volume": { "attenuationColor": [0.5, 1.0, 1.0], "attenuationDistance": 2.5 },
    });
    let names: Vec<&String> = extensions.as_object().unwrap().keys().collect();
    let material = json!({
        "name": "all of it", "alphaMode": "MASK", "alphaCutoff": 0.75, "doubleSided": true,
        "emissiveFactor": [0.5, 0.25, 1.0], "extras": { "id": 12 },
        "pbrMetallicRoughness": { "baseColorFactor": [0.5, 0.25, 0.125, 0.75], "metallicFactor": 0.5 },
        "occlusionTexture": { "index": 1, "strength": 0.5, "texCoord": 0 },
        "extensions": extensions,
    });
    let bytes = builder.finish(json!({
        "scene": 0,
        "extensionsUsed": names,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "meshes": [{ "primitives": [{
            "attributes": { "POSITION": position, "TEXCOORD_0": coordinate }, "indices": index, "material": 0,
        }] }],
        "materials": [material.clone()],
        "samplers": [{ "wrapS": 33071, "wrapT": 33648, "minFilter": 9987 }],
        "textures": [{ "source": 0, "sampler": 0 }, { "source": 0, "name": "second" }],
        "images": [{ "uri": format!("data:image/png;base64,{PIXEL}"), "name": "picture" }],
    }));
    check("material.gltf", &bytes, "optimise", 0.01);
    let after = optimise("material.gltf", &bytes, "optimise").unwrap().document;
    let mut kept = Value::Object(after.materials[0].clone());
    without_transforms(&mut kept);
    assert_eq!(kept, material);
    assert_eq!(after.samplers[0]["wrapT"], 33648);
    assert_eq!(after.images[0].rest["name"], "picture");
}

/// The way back from the grid of texture coordinates stands in `KHR_texture_transform`, and is checked elsewhere.
fn without_transforms(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        if object.contains_key("index") {
            object.remove("extensions");
        }
        object.values_mut().for_each(without_transforms);
    }
}

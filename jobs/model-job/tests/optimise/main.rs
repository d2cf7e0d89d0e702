//! What `optimise` makes is what went in, but for the bounds it states.
#![expect(clippy::float_cmp, reason = "what is stored exactly is compared exactly")]

mod draw_calls;
mod features;
mod hostile;
mod lenient;
mod mesh_units;
mod mutations;
mod render;
mod rotations;
mod support;
mod textures;

use operation_testing::corpus_files;
use serde_json::{Value, json};
use support::{Tolerance, assert_shows_the_same, extent, load, optimise, triangles};

/// Moments of every animation to look at, and the one without.
fn moments(document: &scene::document::Document) -> Vec<Option<(usize, f64)>> {
    let mut moments = vec![None];
    for (at, animation) in document.animations.iter().enumerate() {
        let end = animation.channels.iter().filter_map(|channel| channel.times.floats().last().copied());
        let end = f64::from(end.fold(0.0, f32::max));
        moments.extend([0.0, 0.31, 0.77].map(|part| Some((at, part * end))));
    }
    moments
}

fn check(name: &str, bytes: &[u8], text: &str, rotations_are_exact: f64) {
    let before = load(name, bytes).unwrap();
    let optimised = optimise(name, bytes, text).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    for moment in moments(&before) {
        let (first, second) = (triangles(&before, moment), triangles(&optimised.document, moment));
        let size = extent(&first);
        let steps = if moment.is_some() { rotations_are_exact } else { 0.0005 };
        let tolerance = Tolerance { position: size * steps, normal: 0.98, coordinate: 0.0008, colour: 0.003 };
        assert_shows_the_same(&format!("{name} {text} {moment:?}"), &first, &second, &tolerance);
    }
    let left_out = optimised.report["foldedAnimationChannels"].as_u64().unwrap() as usize;
    let channels = |document: &scene::document::Document| -> usize {
        document.animations.iter().map(|animation| animation.channels.len()).sum()
    };
    assert_eq!(channels(&before), channels(&optimised.document) + left_out, "{name}: channels");
    assert_eq!(before.animations.len(), optimised.document.animations.len(), "{name}: animations");
    if before.warnings.is_empty() {
        // The loader tells what is not valid.
        assert_eq!(optimised.document.warnings, Vec::<String>::new(), "{name} {text}");
    }
    assert_eq!(before.cameras.len(), optimised.document.cameras.len(), "{name}: cameras");
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn real_models_show_the_same_triangles_at_rest_and_in_motion() {
    for path in corpus_files("models") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "Cesium_Air.glb" {
            continue; // glTF 1.0, see hostile.rs
        }
        let bytes = fs_err::read(&path).unwrap();
        check(&name, &bytes, "optimise?textures=keep", 0.01);
    }
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn without_compression_the_same_is_shown() {
    for path in corpus_files("models") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if ["CesiumMan.glb", "MorphStressTest.glb", "PalmTree.glb", "mode5.glb", "Fox.glb"].contains(&name.as_str()) {
            let bytes = fs_err::read(&path).unwrap();
            check(&name, &bytes, "optimise?textures=keep&compress=none", 0.01);
            check(&name, &bytes, "optimise?textures=keep&quantise=false&join=false&order=speed", 0.01);
        }
    }
}

/// A glTF with its buffer inside, from JSON without buffers.
fn gltf(mut json: Value, floats: &[f32], indices: &[u16]) -> Vec<u8> {
    use base64::Engine as _;
    let mut bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    let split = bytes.len();
    bytes.extend(indices.iter().flat_map(|index| index.to_le_bytes()));
    json["asset"] = json!({ "version": "2.0" });
    json["bufferViews"] = json!([
        { "buffer": 0, "byteLength": split },
        { "buffer": 0, "byteOffset": split, "byteLength": bytes.len() - split },
    ]);
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    json["buffers"] =
        json!([{ "byteLength": bytes.len(), "uri": format!("data:application/octet-stream;base64,{text}") }]);
    serde_json::to_vec(&json).unwrap()
}

/// A tetrahedron at accessors 0 (positions) and 1 (indices).
fn tetrahedron(extra: &Value) -> Vec<u8> {
    let mut json = json!({
        "scene": 0,
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1] },
            { "bufferView": 1, "componentType": 5123, "count": 12, "type": "SCALAR" },
        ],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1 }] }],
    });
    for (key, value) in extra.as_object().unwrap() {
        json[key] = value.clone();
    }
    let corners = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    gltf(json, &corners, &[0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3])
}

/// A square in a material of one texture, at accessors 0 (positions), 1 (indices) and 2 (coordinates).
fn textured(picture: &[u8], material: &Value, extra: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(picture);
    let float = |offset: usize, kind: &str| json!({ "bufferView": 0, "byteOffset": offset, "componentType": 5126, "count": 4, "type": kind });
    let mut positions = float(0, "VEC3");
    positions["min"] = json!([0, 0, 0]);
    positions["max"] = json!([1, 1, 0]);
    let mut json = json!({
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "accessors": [
            positions,
            { "bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR" },
            float(48, "VEC2"),
        ],
        "meshes": [{
            "primitives": [{ "attributes": { "POSITION": 0, "TEXCOORD_0": 2 }, "indices": 1, "material": 0 }],
        }],
        "materials": [material],
        "textures": [{ "source": 0 }],
        "images": [{ "uri": format!("data:image/png;base64,{text}") }],
    });
    if let Some(extensions) = material.get("extensions").and_then(Value::as_object) {
        json["extensionsUsed"] = extensions.keys().cloned().collect();
    }
    for (key, value) in extra.as_object().unwrap() {
        json[key] = value.clone();
    }
    let corners = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
    let coordinates = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    gltf(json, &[&corners[..], &coordinates].concat(), &[0, 1, 2, 0, 2, 3])
}

#[test]
fn nodes_of_one_mesh_become_one_draw_call_and_keep_their_names_and_places() {
    let nodes: Vec<Value> = (0..40)
        .map(|at| {
            let turn = f64::from(at) * 0.1;
            json!({
                "mesh": 0,
                "name": format!("part {at}"),
                "translation": [at * 3, at % 7, -at],
                "rotation": [0.0, turn.sin(), 0.0, turn.cos()],
                "scale": [1.0, 1.0 + f64::from(at) * 0.05, 1.0],
            })
        })
        .collect();
    let roots: Vec<usize> = (0..40).collect();
    let bytes = tetrahedron(&json!({ "nodes": nodes, "scenes": [{ "nodes": roots }] }));
    check("instances.gltf", &bytes, "optimise", 0.01);
    let optimised = optimise("instances.gltf", &bytes, "optimise").unwrap();
    assert_eq!(optimised.document.draw_calls(), 1);
    assert!(optimised.document.extensions_required.contains("EXT_mesh_gpu_instancing"));
    let names = &optimised.document.nodes[0].rest["extras"]["mergedNames"];
    assert_eq!(names.as_array().unwrap().len(), 40);

    let kept = optimise("instances.gltf", &bytes, "optimise?keep-named-nodes=true").unwrap();
    assert_eq!(kept.document.draw_calls(), 40);
    assert!(kept.document.nodes.iter().all(|node| node.name().is_some()));
}

#[test]
fn mirrored_meshes_are_joined_with_their_faces_outside() {
    let bytes = tetrahedron(&json!({
        "nodes": [
            { "mesh": 0, "children": [1] },
            { "mesh": 0, "translation": [4, 0, 0], "scale": [-1, 2, 1] },
        ],
        "scenes": [{ "nodes": [0] }],
    }));
    check("mirrored.gltf", &bytes, "optimise", 0.01);
    assert_eq!(optimise("mirrored.gltf", &bytes, "optimise").unwrap().document.draw_calls(), 1);
}

#[test]
fn what_is_unknown_is_kept_with_its_numbers() {
    let bytes = tetrahedron(&json!({
        "extensionsUsed": ["VENDOR_unknown"],
        "nodes": [
            { "name": "unused" },
            { "mesh": 0, "extensions": { "VENDOR_unknown": { "node": 0, "accessor": 2 } }, "extras": { "a": [1, 2] } },
        ],
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1] },
            { "bufferView": 1, "componentType": 5123, "count": 12, "type": "SCALAR" },
            { "bufferView": 0, "componentType": 5126, "count": 12, "type": "SCALAR" },
        ],
        "scenes": [{ "nodes": [1] }],
        "extensions": { "VENDOR_unknown": { "top": true } },
        "extras": "kept",
    }));
    let optimised = optimise("unknown.gltf", &bytes, "optimise").unwrap();
    let node = &optimised.document.nodes[1];
    assert_eq!(node.rest["extensions"]["VENDOR_unknown"], json!({ "node": 0, "accessor": 2 }));
    assert_eq!(node.rest["extras"], json!({ "a": [1, 2] }));
    assert_eq!(optimised.document.nodes[0].name(), Some("unused"));
    assert_eq!(optimised.document.rest["extensions"]["VENDOR_unknown"], json!({ "top": true }));
    assert_eq!(optimised.document.rest["extras"], json!("kept"));
    let (number, accessor) = &optimised.document.unclaimed.accessors[0];
    assert_eq!((*number, accessor.count), (2, 12));
    assert_eq!(accessor.floats()[3], 1.0);
    assert!(optimised.report["warnings"][0].as_str().unwrap().contains("VENDOR_unknown"));
}

#[test]
fn levels_of_detail_are_files_of_fewer_triangles_within_the_error() {
    let bytes = sphere(64);
    let optimised = optimise("sphere.stl", &bytes, "optimise?lods=0.5,0.1&simplify-error=0.05").unwrap();
    let all = optimised.report["after"]["triangles"].as_u64().unwrap();
    for (level, fraction) in [(0, 0.5), (1, 0.1)] {
        let report = &optimised.report["levelsOfDetail"][level]["report"];
        let triangles = report["after"]["triangles"].as_u64().unwrap();
        assert!((triangles as f64) < all as f64 * (fraction + 0.05), "level {level}: {triangles} of {all}");
        assert!(report["errors"]["simplification"].as_f64().unwrap() <= 0.05);
        let document = load("lod.glb", optimised.finished.bytes(&format!("model-lod{}.glb", level + 1))).unwrap();
        assert_eq!(document.meshes[0].primitives[0].triangle_count() as u64, triangles);
    }
}

#[test]
fn an_stl_is_welded_and_a_fraction_of_its_size() {
    let bytes = sphere(64);
    check("sphere.stl", &bytes, "optimise", 0.01);
    let optimised = optimise("sphere.stl", &bytes, "optimise").unwrap();
    assert!(optimised.bytes.len() * 15 < bytes.len(), "{} of {}", optimised.bytes.len(), bytes.len());
}

#[test]
fn an_obj_with_negative_numbers_and_polygons_is_read() {
    let text =
        b"# a square and a triangle\no first\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n\
        usemtl red\nf 1/1 2/2 3/3 4/4\no second\nv 0 0 1\nusemtl blue\nf -1 -5 \\\n-4\n";
    let document = load("square.obj", text).unwrap();
    assert_eq!(triangles(&document, None).len(), 3);
    assert_eq!(document.materials[1]["name"], "blue");
    check("square.obj", text, "optimise?keep-attributes=true", 0.01);
}

#[test]
fn a_ply_in_either_byte_order_and_as_text_is_the_same() {
    let header = |format: &str| {
        format!(
            "ply\nformat {format} 1.0\ncomment made\nelement vertex 4\nproperty float x\nproperty float y\n\
             property float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nelement face 2\n\
             property list uchar int vertex_indices\nend_header\n"
        )
    };
    let corners: [[f32; 3]; 4] = [[0., 0., 0.], [1., 0., 0.], [1., 1., 0.], [0., 1., 5.]];
    let faces: [[i32; 3]; 2] = [[0, 1, 2], [0, 2, 3]];
    let mut text = header("ascii").into_bytes();
    let mut little = header("binary_little_endian").into_bytes();
    let mut big = header("binary_big_endian").into_bytes();
    for [x, y, z] in corners {
        text.extend(format!("{x} {y} {z} 255 0 128\n").bytes());
        for value in [x, y, z] {
            little.extend(value.to_le_bytes());
            big.extend(value.to_be_bytes());
        }
        little.extend([255, 0, 128]);
        big.extend([255, 0, 128]);
    }
    for face in faces {
        text.extend(format!("3 {} {} {}\n", face[0], face[1], face[2]).bytes());
        little.push(3);
        big.push(3);
        for index in face {
            little.extend(index.to_le_bytes());
            big.extend(index.to_be_bytes());
        }
    }
    let shown = |bytes: &[u8]| format!("{:?}", triangles(&load("a.ply", bytes).unwrap(), None));
    assert_eq!(shown(&text), shown(&little));
    assert_eq!(shown(&text), shown(&big));
    assert!(shown(&text).contains("colour: Some([1.0, 0.0, 0.2"));
}

/// A binary STL of a sphere.
fn sphere(rings: u32) -> Vec<u8> {
    let point = |ring: u32, at: u32| {
        let (up, around) = (
            std::f32::consts::PI * ring as f32 / rings as f32,
            2.0 * std::f32::consts::PI * (at % (2 * rings)) as f32 / (2 * rings) as f32,
        );
        [up.sin() * around.cos(), up.sin() * around.sin(), up.cos()]
    };
    let mut facets = Vec::new();
    for ring in 0..rings {
        for at in 0..2 * rings {
            let [a, b] = [point(ring, at), point(ring, at + 1)];
            let [c, d] = [point(ring + 1, at), point(ring + 1, at + 1)];
            facets.push([a, c, d]);
            facets.push([a, d, b]);
        }
    }
    let mut bytes = vec![0; 80];
    bytes.extend((facets.len() as u32).to_le_bytes());
    for facet in facets {
        bytes.extend([0; 12]);
        bytes.extend(facet.iter().flatten().flat_map(|value| value.to_le_bytes()));
        bytes.extend([0; 2]);
    }
    bytes
}

//! Fewer draw calls that show the same.

use serde_json::{Value, json};

use crate::support::{decode, load, optimise};
use crate::{check, gltf, tetrahedron};

/// Sixty tetrahedra in twenty plain colours.
fn colourful(extra: &Value) -> Vec<u8> {
    let materials: Vec<Value> = (0..20)
        .map(|at| {
            let part = f64::from(at) / 20.0;
            json!({
                "name": format!("colour {at}"),
                "pbrMetallicRoughness": {
                    "baseColorFactor": [part, 1.0 - part, 0.3, 1.0],
                    "metallicFactor": if at % 2 == 0 { 0.0 } else { 1.0 },
                    "roughnessFactor": 0.5,
                },
                "emissiveFactor": if at == 7 { [1.0, 0.0, 0.0] } else { [0.0, 0.0, 0.0] },
            })
        })
        .collect();
    let meshes: Vec<Value> = (0..20)
        .map(|at| json!({ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1, "material": at }] }))
        .collect();
    let nodes: Vec<Value> =
        (0..60).map(|at| json!({ "mesh": at % 20, "translation": [at % 8 * 2, at / 8 * 2, at % 3] })).collect();
    let roots: Vec<usize> = (0..60).collect();
    let mut json = json!({ "materials": materials, "meshes": meshes, "nodes": nodes, "scenes": [{ "nodes": roots }] });
    for (key, value) in extra.as_object().unwrap() {
        json[key] = value.clone();
    }
    tetrahedron(&json)
}

#[test]
fn plain_colours_become_a_palette_and_one_draw_call() {
    let bytes = colourful(&json!({}));
    check("colourful.gltf", &bytes, "optimise", 0.01);
    check("colourful.gltf", &bytes, "optimise?textures=keep&compress=none", 0.01);
    let optimised = optimise("colourful.gltf", &bytes, "optimise").unwrap();
    assert_eq!(optimised.document.draw_calls(), 1);
    assert_eq!(optimised.document.materials.len(), 1);
    let names = optimised.document.materials[0]["extras"]["mergedNames"].as_array().unwrap();
    assert_eq!(names.len(), 20);
    // Without loss: the same pixels as in the PNG.
    let kept = optimise("colourful.gltf", &bytes, "optimise?textures=keep").unwrap();
    let pixels = |document: &scene::document::Document| -> Vec<Vec<u8>> {
        document.images.iter().map(|image| decode(&image.mime_type, &image.bytes).into_raw()).collect()
    };
    assert_eq!(pixels(&optimised.document).len(), 3, "base colour, emissive, metallic and roughness");
    assert_eq!(pixels(&optimised.document), pixels(&kept.document));

    let separate = optimise("colourful.gltf", &bytes, "optimise?palette=false").unwrap();
    assert_eq!(separate.document.draw_calls(), 20);
    assert!(separate.document.images.is_empty());
}

#[test]
fn what_a_palette_cannot_show_keeps_its_material() {
    let mut json: Value = serde_json::from_slice(&colourful(&json!({}))).unwrap();
    json["materials"][3]["pbrMetallicRoughness"]["baseColorFactor"] = json!([1, 1, 1, 0.5]);
    json["materials"][3]["alphaMode"] = json!("BLEND");
    json["materials"][4]["extras"] = json!({ "price": 4 });
    json["materials"][5]["doubleSided"] = json!(true);
    json["materials"][6]["emissiveFactor"] = json!([2.0, 0.0, 0.0]);
    let bytes = serde_json::to_vec(&json).unwrap();
    check("mixed.gltf", &bytes, "optimise", 0.01);
    let optimised = optimise("mixed.gltf", &bytes, "optimise").unwrap();
    let materials = &optimised.document.materials;
    assert_eq!(materials.len(), 5);
    assert_eq!(materials[1]["extras"]["price"], 4);
    assert_eq!(materials[2]["doubleSided"], true);
    assert_eq!(materials[3]["emissiveFactor"], json!([2.0, 0.0, 0.0]));
    // Three tetrahedra that let the light through are drawn in the order of their distance.
    assert_eq!(optimised.document.draw_calls(), 4 + 3);
}

#[test]
fn parts_of_an_animated_mesh_are_joined() {
    let corners = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let target = [0.5; 12];
    let times = [0.0, 1.0, 2.0];
    let places = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0];
    let weights = [0.0, 1.0, 0.25];
    let floats: Vec<f32> = [&corners[..], &target, &times, &places, &weights].concat();
    let positions = |offset: usize| json!({ "bufferView": 0, "byteOffset": offset, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1] });
    let numbers = |offset: usize, kind: &str| json!({ "bufferView": 0, "byteOffset": offset, "componentType": 5126, "count": 3, "type": kind });
    let faces = |offset: usize| json!({ "bufferView": 1, "byteOffset": offset, "componentType": 5123, "count": 3, "type": "SCALAR" });
    let part = |indices: usize, material: usize| json!({ "attributes": { "POSITION": 0 }, "targets": [{ "POSITION": 1 }], "indices": indices, "material": material });
    let json = json!({
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "accessors": [
            positions(0), positions(48), numbers(96, "SCALAR"), numbers(108, "VEC3"), numbers(144, "SCALAR"),
            faces(0), faces(6), faces(12), faces(18),
        ],
        "materials": [{ "name": "a" }, { "alphaMode": "BLEND" }, { "alphaMode": "BLEND", "doubleSided": true }],
        "meshes": [{ "primitives": [part(5, 0), part(6, 1), part(7, 0), part(8, 1), part(5, 2), part(6, 1)] }],
        "animations": [{
            "samplers": [{ "input": 2, "output": 3 }, { "input": 2, "output": 4 }],
            "channels": [
                { "sampler": 0, "target": { "node": 0, "path": "translation" } },
                { "sampler": 1, "target": { "node": 0, "path": "weights" } },
            ],
        }],
    });
    let bytes = gltf(json, &floats, &[0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3]);
    check("parts.gltf", &bytes, "optimise", 0.01);
    let optimised = optimise("parts.gltf", &bytes, "optimise").unwrap();
    let materials: Vec<Option<usize>> =
        optimised.document.meshes[0].primitives.iter().map(|primitive| primitive.material).collect();
    // The last translucent part stays behind the one of another material that it is drawn over.
    assert_eq!(materials, [Some(0), Some(1), Some(2), Some(1)]);
}

#[test]
fn the_same_shape_in_several_materials_is_stored_once() {
    let meshes: Vec<Value> = (0..50)
        .map(|at| json!({ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1, "material": at }] }))
        .collect();
    let materials: Vec<Value> = (0..50).map(|at| json!({ "extras": at })).collect();
    let nodes: Vec<Value> = (0..50).map(|at| json!({ "mesh": at, "translation": [at * 2, 0, 0] })).collect();
    let roots: Vec<usize> = (0..50).collect();
    let bytes = tetrahedron(
        &json!({ "materials": materials, "meshes": meshes, "nodes": nodes, "scenes": [{ "nodes": roots }] }),
    );
    for text in ["optimise", "optimise?simplify=0.9", "optimise?compress=none"] {
        let written = optimise("shared.gltf", &bytes, text).unwrap().bytes;
        let length = u32::from_le_bytes(written[12..16].try_into().unwrap()) as usize;
        let json: Value = serde_json::from_slice(&written[20..20 + length]).unwrap();
        assert_eq!(json["accessors"].as_array().unwrap().len(), 2, "{text}");
        assert_eq!(load("model.glb", &written).unwrap().meshes.len(), 50);
    }
}

#[test]
fn triangles_in_any_order_are_as_small_as_in_a_good_one() {
    // More than are ordered at once.
    let side = 750_u32;
    let point = |x: u32, y: u32| [x as f32, (x as f32 * 0.05).sin() * 3.0, y as f32];
    let facet = |at: u32| {
        let (x, y, half) = (at / 2 % side, at / 2 / side, at % 2);
        match half {
            0 => [point(x, y), point(x, y + 1), point(x + 1, y)],
            _ => [point(x + 1, y), point(x, y + 1), point(x + 1, y + 1)],
        }
    };
    let count = side * side * 2;
    let stl = |order: &dyn Fn(u32) -> u32| {
        let mut bytes = vec![0; 80];
        bytes.extend(count.to_le_bytes());
        for at in 0..count {
            bytes.extend([0; 12]);
            bytes.extend(facet(order(at)).as_flattened().iter().flat_map(|value| value.to_le_bytes()));
            bytes.extend([0; 2]);
        }
        bytes
    };
    let tidy = optimise("tidy.stl", &stl(&|at| at), "optimise").unwrap();
    // A step that has no divisor in common with the count visits every triangle.
    let anyhow =
        optimise("any.stl", &stl(&|at| (u64::from(at) * 611_953 % u64::from(count)) as u32), "optimise").unwrap();
    for optimised in [&tidy, &anyhow] {
        assert_eq!(optimised.document.meshes[0].primitives[0].triangle_count() as u32, count);
    }
    let ratio = anyhow.bytes.len() as f64 / tidy.bytes.len() as f64;
    assert!(ratio < 1.3, "{ratio}");
}

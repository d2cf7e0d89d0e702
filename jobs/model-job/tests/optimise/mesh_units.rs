//! What is measured in the units of a mesh is as large in the scene as before, however its positions are stored.

use scene::document::Document;
use scene::transform::largest_scale;
use serde_json::{Value, json};

use crate::features::{Builder, ribbon};
use crate::support::{Tolerance, assert_shows_the_same, load, optimise, triangles};

/// For every node by its name how thick its mesh is in the scene.
fn thicknesses(document: &Document) -> Vec<(String, f64)> {
    let parents = document.parents();
    let mut all = Vec::new();
    for (at, (node, matrix)) in document.nodes.iter().zip(document.world_matrices()).enumerate() {
        let Some(mesh) = node.mesh else { continue };
        let mut named = Some(at);
        while let Some(own) = named.filter(|&own| document.nodes[own].name().is_none()) {
            named = parents[own];
        }
        let name = named.and_then(|own| document.nodes[own].name()).unwrap_or_default().to_owned();
        for primitive in &document.meshes[mesh].primitives {
            let material = &document.materials[primitive.material.unwrap()];
            let Some(volume) = material.get("extensions").and_then(|all| all.get("KHR_materials_volume")) else {
                continue;
            };
            // The thickness of a skinned mesh is in the units of its node, which is not moved.
            all.push((name.clone(), volume["thicknessFactor"].as_f64().unwrap() * largest_scale(&matrix)));
            assert_eq!(volume["attenuationDistance"], 0.5, "a distance in the scene");
        }
    }
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all
}

/// Three meshes of different sizes in the same glass, at nodes of several scales; one mesh of another glass.
fn glasses(more: &Value) -> Vec<u8> {
    let mut builder = Builder::default();
    let (positions, triangles) = ribbon(8);
    let index = builder.indices(5123, &triangles);
    let meshes: Vec<Value> = [(1.0, 0), (30.0, 0), (0.002, 0), (5.0, 1)]
        .into_iter()
        .map(|(size, material)| {
            let positions: Vec<f32> = positions.iter().map(|value| value * size).collect();
            let position = builder.floats("VEC3", 3, &positions);
            json!({ "primitives": [{ "attributes": { "POSITION": position }, "indices": index, "material": material }] })
        })
        .collect();
    let glass = |thickness: f64| {
        json!({ "extensions": {
            "KHR_materials_transmission": { "transmissionFactor": 1.0 },
            "KHR_materials_volume": { "thicknessFactor": thickness, "attenuationDistance": 0.5 },
        } })
    };
    let mut json = json!({
        "scene": 0,
        "extensionsUsed": ["KHR_materials_transmission", "KHR_materials_volume"],
        "scenes": [{ "nodes": [0, 1, 2, 3, 4] }],
        "nodes": [
            { "mesh": 0, "name": "a" },
            { "mesh": 1, "name": "b", "scale": [0.1, 0.1, 0.1] },
            { "mesh": 2, "name": "c", "translation": [4, 0, 0] },
            { "mesh": 0, "name": "d", "scale": [7, 7, 7] },
            { "mesh": 3, "name": "e" },
        ],
        "meshes": meshes,
        "materials": [glass(0.25), glass(3.0)],
    });
    for (key, value) in more.as_object().unwrap() {
        json[key] = value.clone();
    }
    builder.finish(json)
}

#[test]
fn glass_is_as_thick_as_before() {
    let moving = json!({ "nodes": [
        { "mesh": 0, "name": "a", "children": [5] },
        { "mesh": 1, "name": "b", "camera": 0 },
        { "mesh": 2, "name": "c", "translation": [4, 0, 0] },
        { "mesh": 0, "name": "d", "scale": [7, 7, 7] },
        { "mesh": 3, "name": "e" },
        { "mesh": 3, "name": "f", "scale": [2, 2, 2] },
    ], "cameras": [{ "type": "perspective", "perspective": { "yfov": 0.7, "znear": 0.1 } }] });
    let unknown = json!({ "extensionsUsed": ["KHR_materials_volume", "VENDOR_unknown"] });
    for more in [json!({}), moving, unknown] {
        let bytes = glasses(&more);
        let before = thicknesses(&load("glass.gltf", &bytes).unwrap());
        for text in ["optimise", "optimise?compress=none", "optimise?quantise=false", "optimise?position-bits=8"] {
            let after = thicknesses(&optimise("glass.gltf", &bytes, text).unwrap().document);
            assert_eq!(before.len(), after.len());
            for ((name, before), (same, after)) in before.iter().zip(&after) {
                assert_eq!(name, same, "{text}");
                assert!((after / before - 1.0).abs() < 1e-4, "{name}, {text}: {before} became {after}");
            }
        }
    }
}

/// A ball of that diameter around a point: 200 triangles.
fn ball(size: f64, [x, y, z]: [f64; 3]) -> (Vec<f32>, Vec<u32>) {
    let (rings, around) = (10_u32, 10_u32);
    let positions = (0..=rings).flat_map(|ring| {
        (0..=around).flat_map(move |at| {
            let (up, turn) = (
                std::f64::consts::PI * f64::from(ring) / f64::from(rings),
                std::f64::consts::TAU * f64::from(at % around) / f64::from(around),
            );
            let point = [up.sin() * turn.cos(), up.cos(), up.sin() * turn.sin()];
            [point[0] * size / 2.0 + x, point[1] * size / 2.0 + y, point[2] * size / 2.0 + z].map(|value| value as f32)
        })
    });
    let triangles = (0..rings).flat_map(|ring| {
        (0..around).flat_map(move |at| {
            let (a, c) = (ring * (around + 1) + at, (ring + 1) * (around + 1) + at);
            [a, a + 1, c, a + 1, c + 1, c]
        })
    });
    (positions.collect(), triangles.collect())
}

/// Balls of that many sizes side by side, as nodes with meshes, as parts of one mesh or as meshes of one skin.
fn balls(sizes: &[f64], kind: &str) -> Vec<u8> {
    let mut builder = Builder::default();
    let part = |builder: &mut Builder, at: usize, place: [f64; 3]| {
        let (positions, triangles) = ball(sizes[at], place);
        let mut attributes = json!({ "POSITION": builder.floats("VEC3", 3, &positions) });
        if kind == "skin" {
            let count = positions.len() / 3;
            let view = builder.view(&vec![0; count * 4], None);
            attributes["JOINTS_0"] = json!(
                builder.accessor(json!({ "bufferView": view, "componentType": 5121, "count": count, "type": "VEC4" }))
            );
            attributes["WEIGHTS_0"] = json!(builder.floats("VEC4", 4, &[1.0, 0.0, 0.0, 0.0].repeat(count)));
        }
        // Parts of one mesh have materials of their own, or they would be joined beforehand.
        let material = if kind == "parts" { at } else { 0 };
        json!({ "attributes": attributes, "indices": builder.indices(5125, &triangles), "material": material })
    };
    let places: Vec<[f64; 3]> = (0..sizes.len()).map(|at| [at as f64 * 100.0, 0.0, 0.0]).collect();
    let materials: Vec<Value> = (0..sizes.len()).map(|at| json!({ "alphaCutoff": at, "alphaMode": "MASK" })).collect();
    let mut json = json!({ "scene": 0, "materials": materials });
    if kind == "parts" {
        let parts: Vec<Value> = (0..sizes.len()).map(|at| part(&mut builder, at, places[at])).collect();
        json["meshes"] = json!([{ "primitives": parts }]);
        json["nodes"] = json!([{ "mesh": 0 }]);
    } else {
        let own = |at: usize| if kind == "skin" { places[at] } else { [0.0; 3] };
        let parts: Vec<Value> = (0..sizes.len()).map(|at| part(&mut builder, at, own(at))).collect();
        json["meshes"] = parts.iter().map(|part| json!({ "primitives": [part] })).collect();
        let node = |at: usize| {
            let mut node = json!({ "mesh": at });
            if kind == "skin" {
                node["skin"] = json!(0);
            } else {
                node["translation"] = json!(places[at]);
            }
            node
        };
        json["nodes"] = (0..sizes.len()).map(node).collect();
    }
    let mut roots: Vec<usize> = (0..json["nodes"].as_array().unwrap().len()).collect();
    if kind == "skin" {
        roots.push(roots.len());
        json["nodes"].as_array_mut().unwrap().push(json!({ "name": "bone" }));
        json["skins"] = json!([{ "joints": [roots.len() - 1] }]);
    }
    json["scenes"] = json!([{ "nodes": roots }]);
    builder.finish(json)
}

#[test]
fn small_parts_keep_their_shapes_beside_large_ones() {
    for kind in ["nodes", "parts", "skin"] {
        // Where they are not at nodes of their own, the floats of the source keep no smaller ones.
        let sizes = if kind == "nodes" { &[90.0, 20.0, 1.0, 0.1, 0.04, 0.01][..] } else { &[90.0, 20.0, 1.0, 0.1] };
        let bytes = balls(sizes, kind);
        let before = triangles(&load("balls.gltf", &bytes).unwrap(), None);
        for text in ["optimise", "optimise?compress=none", "optimise?quantise=false"] {
            let after = triangles(&optimise("balls.gltf", &bytes, text).unwrap().document, None);
            for (at, size) in sizes.iter().enumerate() {
                let own = |all: &[[crate::support::Corner; 3]]| -> Vec<[crate::support::Corner; 3]> {
                    let is_near =
                        |corner: &crate::support::Corner| (corner.position[0] - at as f64 * 100.0).abs() < 50.0;
                    all.iter().filter(|triangle| is_near(&triangle[0])).cloned().collect()
                };
                let tolerance = Tolerance { position: size / 1000.0, normal: 0.98, coordinate: 0.001, colour: 0.003 };
                let (first, second) = (own(&before), own(&after));
                assert_shows_the_same(&format!("{size} of {kind}, {text}"), &first, &second, &tolerance);
                // At the poles, twenty of two hundred triangles have no area.
                assert!(second.len() >= 180, "{size} of {kind}, {text}: {}", second.len());
            }
        }
    }
}

#[test]
fn what_is_small_is_still_drawn_together_with_what_is_large() {
    let calls =
        |sizes: &[f64]| optimise("balls.gltf", &balls(sizes, "nodes"), "optimise").unwrap().document.draw_calls();
    assert_eq!(calls(&[90.0, 20.0, 1.0]), 1);
    assert_eq!(calls(&[90.0, 20.0, 0.1]), 1);
    // Floats of 24 bits would not keep its shape.
    assert_eq!(calls(&[90.0, 20.0, 0.001]), 2);
}

#[test]
fn texture_coordinates_are_numbered_from_0_on_whichever_are_used() {
    for base in 0..3 {
        for emissive in 0..3 {
            let (positions, triangles) = ribbon(6);
            let mut builder = Builder::default();
            let position = builder.floats("VEC3", 3, &positions);
            let count = positions.len() / 3;
            let sets: Vec<usize> = (0..3)
                .map(|set| {
                    let floats = (0..count).flat_map(|at| [at as f32 / 20.0 + set as f32, 0.5 - at as f32 / 30.0]);
                    builder.floats("VEC2", 2, &floats.collect::<Vec<_>>())
                })
                .collect();
            let index = builder.indices(5123, &triangles);
            let bytes = builder.finish(json!({
                "scene": 0,
                "extensionsUsed": ["KHR_texture_transform"],
                "scenes": [{ "nodes": [0] }],
                "nodes": [{ "mesh": 0 }],
                "meshes": [{ "primitives": [{ "indices": index, "material": 0, "attributes": {
                    "POSITION": position, "TEXCOORD_0": sets[0], "TEXCOORD_1": sets[1], "TEXCOORD_2": sets[2],
                } }] }],
                "materials": [{
                    "pbrMetallicRoughness": { "baseColorTexture": { "index": 0, "texCoord": base } },
                    "emissiveTexture": {
                        "index": 0, "texCoord": 0,
                        "extensions": { "KHR_texture_transform": { "texCoord": emissive, "scale": [2, 2] } },
                    },
                }],
                "textures": [{ "source": 0 }],
                "images": [{ "uri": format!("data:image/png;base64,{}", crate::features::PIXEL) }],
            }));
            for text in ["optimise", "optimise?quantise=false"] {
                crate::check("sets.gltf", &bytes, text, 0.01);
                let document = optimise("sets.gltf", &bytes, text).unwrap().document;
                let primitive = &document.meshes[0].primitives[0];
                let names: Vec<&str> = primitive.attributes.iter().map(|(name, _)| name.as_str()).collect();
                let expected: &[&str] = if base == emissive {
                    &["POSITION", "TEXCOORD_0"]
                } else {
                    &["POSITION", "TEXCOORD_0", "TEXCOORD_1"]
                };
                assert_eq!(names, expected, "{base} and {emissive}, {text}");
                let info = &document.materials[0]["emissiveTexture"];
                let overriding = info["extensions"]["KHR_texture_transform"].get("texCoord").and_then(Value::as_u64);
                let set = overriding.or_else(|| info["texCoord"].as_u64()).unwrap_or(0);
                assert_eq!(set, u64::from(emissive > base), "{base} and {emissive}, {text}");
            }
        }
    }
}

//! Bad files are refused in words, and change nothing.

use std::time::{Duration, Instant};

use contract::FailureKind;
use operation_testing::corpus_files;
use serde_json::{Value, json};

use crate::support::{optimise, triangles};
use crate::{check, tetrahedron};

#[track_caller]
fn refused(name: &str, bytes: &[u8], because: &str) {
    let start = Instant::now();
    match optimise(name, bytes, "optimise") {
        Ok(_) => panic!("{name} was taken"),
        Err(failure) => {
            assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name}: {failure}");
            assert!(failure.to_string().contains(because), "{name}: {failure}");
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{name} took {:?}", start.elapsed());
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn crafted_files_are_refused_or_harmless() {
    let reasons = [
        ("abs.gltf", "an absolute path"),
        ("bv_off_huge.glb", "wants 36 bytes at"),
        ("count_huge.glb", "a count in it is wrong"),
        ("fileuri.gltf", "a URL"),
        ("index_oob.glb", "uses vertex 60000"),
        ("nobv_huge.glb", "a count in it is wrong"),
        ("stride0.glb", "its stride is 0"),
        ("trunc.glb", "cut off"),
    ];
    for path in corpus_files("hostile/models") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs_err::read(&path).unwrap();
        match reasons.iter().find(|(own, _)| *own == name) {
            Some((_, because)) => refused(&name, &bytes, because),
            None => {
                optimise(&name, &bytes, "optimise").unwrap_or_else(|failure| panic!("{name}: {failure}"));
            }
        }
    }
    for path in corpus_files("models").into_iter().filter(|path| path.ends_with("Cesium_Air.glb")) {
        refused("Cesium_Air.glb", &fs_err::read(path).unwrap(), "only glTF 2.0 is read");
    }
}

fn gltf(json: &Value) -> Vec<u8> {
    let mut json = json.clone();
    json["asset"] = json!({ "version": "2.0" });
    serde_json::to_vec(&json).unwrap()
}

#[test]
fn nodes_that_are_no_tree_are_refused() {
    refused("cycle.gltf", &gltf(&json!({ "nodes": [{ "children": [1] }, { "children": [0] }] })), "own ancestors");
    refused("self.gltf", &gltf(&json!({ "nodes": [{ "children": [0] }] })), "own ancestors");
    let twice = json!({ "nodes": [{ "children": [2] }, { "children": [2] }, {}] });
    refused("twice.gltf", &gltf(&twice), "not a tree");
    refused("missing.gltf", &gltf(&json!({ "nodes": [{ "children": [7] }] })), "has 1 nodes");
}

#[test]
fn a_tree_of_200_000_levels_is_walked() {
    let nodes: Vec<Value> =
        (0..200_000).map(|at| if at < 199_999 { json!({ "children": [at + 1] }) } else { json!({}) }).collect();
    optimise("deep.gltf", &gltf(&json!({ "nodes": nodes, "scenes": [{ "nodes": [0] }] })), "optimise").unwrap();
}

#[test]
fn deep_json_is_refused() {
    let text = format!("{{\"asset\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    refused("deep.gltf", text.as_bytes(), "cannot be read");
}

#[test]
fn uris_out_of_the_folder_are_refused() {
    for (uri, because) in [
        ("../secret.bin", "out of its folder"),
        ("a/../../secret.bin", "out of its folder"),
        ("%2e%2e/secret.bin", "out of its folder"),
        ("/etc/passwd", "an absolute path"),
        ("file:///etc/passwd", "a URL"),
        ("http://169.254.169.254/latest", "a URL"),
        ("..\\secret.bin", "out of its folder"),
        ("C:\\secret.bin", "an absolute path"),
        ("data:application/octet-stream;base64,????", "not base64"),
        ("missing.bin", "not found next to it"),
    ] {
        let buffers = json!({ "buffers": [{ "byteLength": 4, "uri": uri }] });
        refused("uri.gltf", &gltf(&buffers), because);
        // A model without a texture is more than none.
        let optimised = optimise("uri.gltf", &gltf(&json!({ "images": [{ "uri": uri }] })), "optimise").unwrap();
        let warnings = optimised.report["warnings"].to_string();
        assert!(warnings.contains("image 0 is left out") && warnings.contains(because), "{uri}: {warnings}");
    }
}

#[test]
fn a_texture_of_too_many_pixels_is_left_out_by_its_header() {
    // A PNG's header of 60000 × 60000 pixels, and nothing else.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(60_000_u32.to_be_bytes());
    png.extend(60_000_u32.to_be_bytes());
    png.extend([8, 6, 0, 0, 0]);
    let header = &png[12..29];
    let mut crc = !0_u32;
    for &byte in header {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    png.extend((!crc).to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\0\0\0\0");
    let hex = png.iter().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
    let model = json!({
        "images": [{ "uri": format!("data:image/png,{hex}") }],
        "textures": [{ "source": 0 }],
    });
    for prune in [true, false] {
        let optimised = optimise("bomb.gltf", &gltf(&model), &format!("optimise?prune={prune}")).unwrap();
        let warnings = optimised.report["warnings"].to_string();
        assert!(warnings.contains("60000 × 60000"), "{warnings}");
        assert!(optimised.document.images.iter().all(|image| image.bytes.len() < 100), "a placeholder");
    }
}

#[test]
fn sparse_accessors_and_compressed_views_that_lie_are_refused() {
    use base64::Engine as _;
    let buffer = |bytes: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        json!([{ "byteLength": bytes.len(), "uri": format!("data:;base64,{text}") }])
    };
    let mesh = json!([{ "primitives": [{ "attributes": { "POSITION": 0 } }] }]);
    let sparse = json!({
        "buffers": buffer(&[9; 64]),
        "bufferViews": [{ "buffer": 0, "byteLength": 64 }],
        "accessors": [{
            "componentType": 5126, "count": 3, "type": "VEC3",
            "sparse": {
                "count": 1,
                "indices": { "bufferView": 0, "componentType": 5121 },
                "values": { "bufferView": 0 },
            },
        }],
        "meshes": mesh,
    });
    refused("sparse.gltf", &gltf(&sparse), "replaces element 9 of 3");
    for (count, because) in [(3, "damaged"), (4_000_000_000_u64, "a count in it is wrong")] {
        let compressed = json!({
            "buffers": buffer(&[0xA0; 64]),
            "bufferViews": [{
                "buffer": 0, "byteLength": 36,
                "extensions": { "EXT_meshopt_compression": {
                    "buffer": 0, "byteLength": 64, "byteStride": 12, "count": count, "mode": "ATTRIBUTES",
                } },
            }],
            "accessors": [{ "bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3" }],
            "meshes": mesh,
        });
        refused("meshopt.gltf", &gltf(&compressed), because);
    }
    let draco = json!({
        "buffers": buffer(b"DRACO\x02\x02\x01\x01\0\0\xff\xff\xff\xff\xff\xff\xff"),
        "bufferViews": [{ "buffer": 0, "byteLength": 18 }],
        "accessors": [{ "componentType": 5126, "count": 3, "type": "VEC3" }],
        "meshes": [{ "primitives": [{
            "attributes": { "POSITION": 0 },
            "extensions": { "KHR_draco_mesh_compression": { "bufferView": 0, "attributes": { "POSITION": 0 } } },
        }] }],
    });
    refused("draco.gltf", &gltf(&draco), "Draco data");
}

#[test]
fn too_few_vertices_for_a_triangle_or_a_line_draw_nothing() {
    for mode in 0..7 {
        for count in 1..4 {
            for has_indices in [false, true] {
                let mut part = json!({ "attributes": { "POSITION": 0 }, "mode": mode });
                if has_indices {
                    part["indices"] = json!(1);
                }
                let vertices = if has_indices { 4 } else { count };
                let bytes = tetrahedron(&json!({
                    "accessors": [
                        {
                            "bufferView": 0, "componentType": 5126, "count": vertices, "type": "VEC3",
                            "min": [0, 0, 0], "max": [1, 1, 1],
                        },
                        { "bufferView": 1, "componentType": 5123, "count": count, "type": "SCALAR" },
                    ],
                    "meshes": [{ "primitives": [part] }],
                    "nodes": [{ "mesh": 0 }],
                    "scenes": [{ "nodes": [0] }],
                }));
                for text in ["optimise", "optimise?simplify=0.5&order=speed", "optimise?weld=false&prune=false"] {
                    if count == 3 {
                        check("few.gltf", &bytes, text, 0.01);
                        continue;
                    }
                    let after = optimise("few.gltf", &bytes, text).unwrap().document;
                    for [a, b, c] in triangles(&after, None) {
                        assert!(a.position == b.position || b.position == c.position, "{mode} {count} {text}");
                    }
                }
            }
        }
    }
}

#[test]
fn other_formats_that_lie_are_refused() {
    refused("empty.stl", b"", "empty");
    let mut stl = vec![0; 80];
    stl.extend(u32::MAX.to_le_bytes());
    refused("huge.stl", &stl, "cut off");
    refused("text.stl", b"solid x\nfacet\nvertex 1 2\n", "line 3");
    refused("range.obj", b"v 0 0 0\nf 1 2 3\n", "vertex 2 of 1");
    refused("words.obj", b"v a b c\n", "not a number");
    refused("nothing.obj", b"# nothing\n", "holds no faces");
    let ply = |count: &str, body: &str| {
        format!("ply\nformat ascii 1.0\nelement vertex {count}\nproperty float x\nproperty float y\nproperty float z\n{body}")
            .into_bytes()
    };
    refused("count.ply", &ply("4000000000", "end_header\n1 2 3\n"), "4000000000 of element vertex");
    refused("short.ply", &ply("2", "end_header\n1111111 2 3 4\n"), "in the middle");
    refused("header.ply", &ply("2", "propertyfloat\n"), "not understood");
    let list = "element face 1\nproperty list uchar int vertex_indices\nend_header\n1 2 3\n3 0 1 9\n";
    refused("index.ply", &ply("1", list), "vertex 9");
}

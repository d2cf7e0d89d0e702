//! What a document shows at a moment.

use base64::Engine as _;
use catalog::Format;
use contract::{Failure, FailureKind};
use operation::Input;
use scene::document::Document;
use scene::evaluate::{LightKind, Moment, Projection, Scene, evaluate, variants};
use scene::material::{AlphaMode, Material, materials};
use scene::texture::{Wrap, textures};
use serde_json::{Value, json};

fn load(name: &str, bytes: &[u8]) -> Result<Document, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    scene::load::load(&Input::from_file(name, Format::from_name(name).unwrap(), file).unwrap())
}

/// A glTF whose accessors are these lists of floats (shape, numbers), in one buffer.
fn gltf(accessors: &[(&str, &[f32])], mut rest: Value) -> Document {
    let width = |shape: &str| match shape {
        "SCALAR" => 1,
        "VEC2" => 2,
        "VEC3" => 3,
        "VEC4" => 4,
        _ => 16,
    };
    let mut bytes = Vec::new();
    let (mut views, mut descriptions) = (Vec::new(), Vec::new());
    for (shape, floats) in accessors {
        views.push(json!({ "buffer": 0, "byteOffset": bytes.len(), "byteLength": floats.len() * 4 }));
        descriptions.push(json!({
            "bufferView": views.len() - 1, "componentType": 5126, "type": shape, "count": floats.len() / width(shape)
        }));
        bytes.extend(floats.iter().flat_map(|float| float.to_le_bytes()));
    }
    let data = base64::engine::general_purpose::STANDARD.encode(&bytes);
    rest["asset"] = json!({ "version": "2.0" });
    rest["buffers"] =
        json!([{ "byteLength": bytes.len(), "uri": format!("data:application/octet-stream;base64,{data}") }]);
    rest["bufferViews"] = json!(views);
    rest["accessors"] = json!(descriptions);
    load("test.gltf", rest.to_string().as_bytes()).unwrap()
}

const TRIANGLE: &[f32] = &[0., 0., 0., 1., 0., 0., 0., 1., 0.];
const UP: &[f32] = &[0., 0., 1., 0., 0., 1., 0., 0., 1.];

/// An image of one grey.
fn png(side: u32, grey: u8) -> Value {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(side, side, image::Rgb([grey; 3]));
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let data = base64::engine::general_purpose::STANDARD.encode(bytes.into_inner());
    json!({ "uri": format!("data:image/png;base64,{data}") })
}

fn at_rest(document: &Document) -> Scene {
    evaluate(document, &Moment::default()).unwrap()
}

fn close(left: [f32; 3], right: [f32; 3]) -> bool {
    left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-5)
}

/// The normal by the order of the corners.
fn winding(scene: &Scene) -> [f32; 3] {
    let piece = &scene.pieces[0];
    let [a, b, c] = piece.triangles[0].map(|vertex| piece.positions[vertex as usize]);
    let (u, v): ([f32; 3], [f32; 3]) =
        (std::array::from_fn(|at| b[at] - a[at]), std::array::from_fn(|at| c[at] - a[at]));
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

#[test]
fn nodes_move_what_is_below_them_and_a_mirrored_triangle_still_faces_outwards() {
    let document = gltf(
        &[("VEC3", TRIANGLE), ("VEC3", UP)],
        json!({
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0, "NORMAL": 1 } }] }],
            "nodes": [
                { "translation": [10, 0, 0], "children": [1] },
                { "mesh": 0, "scale": [-2, 1, 1], "name": "wing" },
                { "mesh": 0, "name": "not in the scene" }
            ],
            "scenes": [{ "nodes": [0] }],
        }),
    );
    let scene = at_rest(&document);
    assert_eq!(scene.pieces.len(), 1);
    let piece = &scene.pieces[0];
    assert_eq!(piece.name.as_deref(), Some("wing"));
    assert!(close(piece.positions[1], [8., 0., 0.]), "{:?}", piece.positions);
    assert!(close(piece.normals[0], [0., 0., 1.]), "a mirrored normal points where it did: {:?}", piece.normals);
    assert!(winding(&scene)[2] > 0.0);
    assert_eq!(scene.bounds(), Some(([8., 0., 0.], [10., 1., 0.])));
}

#[test]
fn instances_are_pieces_of_their_own() {
    let document = gltf(
        &[("VEC3", TRIANGLE), ("VEC3", &[1., 0., 0., 2., 0., 0.]), ("VEC3", &[1., 1., 1., 3., 3., 3.])],
        json!({
            "extensionsUsed": ["EXT_mesh_gpu_instancing"],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
            "nodes": [{ "mesh": 0, "extensions": { "EXT_mesh_gpu_instancing": {
                "attributes": { "TRANSLATION": 1, "SCALE": 2 } } } }],
        }),
    );
    let scene = at_rest(&document);
    assert_eq!(scene.triangle_count(), 2);
    assert!(close(scene.pieces[1].positions[1], [5., 0., 0.]));
}

#[test]
fn an_animation_moves_nodes_and_morph_targets_between_its_keyframes() {
    let document = gltf(
        &[
            ("VEC3", TRIANGLE),
            ("VEC3", &[0., 0., 1., 0., 0., 1., 0., 0., 1.]),
            ("SCALAR", &[1., 3.]),
            ("VEC3", &[0., 0., 0., 4., 0., 0.]),
            ("SCALAR", &[0., 1.]),
            ("VEC4", &[0., 0., 0., 1., 0., 0., 1., 0.]),
            // Cubic: tangent, value, tangent for each keyframe.
            ("VEC3", &[0., 0., 0., 1., 1., 1., 0., 0., 0., 0., 0., 0., 3., 1., 1., 0., 0., 0.]),
        ],
        json!({
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "targets": [{ "POSITION": 1 }] }] }],
            "nodes": [{ "mesh": 0 }],
            "animations": [{
                "samplers": [
                    { "input": 2, "output": 3 }, { "input": 2, "output": 4 },
                    { "input": 2, "output": 5 }, { "input": 2, "output": 6, "interpolation": "CUBICSPLINE" },
                ],
                "channels": [
                    { "sampler": 0, "target": { "node": 0, "path": "translation" } },
                    { "sampler": 1, "target": { "node": 0, "path": "weights" } },
                    { "sampler": 2, "target": { "node": 0, "path": "rotation" } },
                    { "sampler": 3, "target": { "node": 0, "path": "scale" } },
                ],
            }],
        }),
    );
    let at = |time| evaluate(&document, &Moment { animation: Some(0), time, ..Moment::default() }).unwrap();
    assert!(close(at(0.0).pieces[0].positions[0], [0., 0., 0.]), "before the first keyframe");
    assert!(close(at(9.0).pieces[0].positions[0], [4., 0., 1.]), "after the last");
    // Half way: moved by 2, morphed by 0.5, turned by 90°, and x scaled by 2, half way between 1 and 3.
    let middle = &at(2.0).pieces[0].positions;
    assert!(close(middle[0], [2., 0., 0.5]), "{middle:?}");
    assert!(close(middle[1], [2., 2., 0.5]), "{middle:?}");
    assert!(close(at_rest(&document).pieces[0].positions[1], [1., 0., 0.]));
    let missing = evaluate(&document, &Moment { animation: Some(1), ..Moment::default() }).unwrap_err();
    assert_eq!(missing.kind(), FailureKind::InvalidRequest);
}

#[test]
fn a_skinned_mesh_is_where_its_joints_are_whatever_its_own_node_says() {
    let identity: Vec<f32> = (0..16).map(|at| if at % 5 == 0 { 1.0 } else { 0.0 }).collect();
    let mut moved = identity.clone();
    moved[12] = -1.0;
    let both = [identity, moved].concat();
    let mut document = gltf(
        &[("VEC3", TRIANGLE), ("VEC4", &[1., 0., 0., 0., 0.5, 0.5, 0., 0., 0., 3., 0., 0.]), ("MAT4", &both)],
        json!({
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0, "WEIGHTS_0": 1 } }] }],
            "nodes": [
                { "mesh": 0, "skin": 0, "translation": [100, 100, 100] },
                { "translation": [0, 0, 5] },
                { "translation": [1, 0, 7] },
            ],
            "skins": [{ "joints": [1, 2], "inverseBindMatrices": 2 }],
        }),
    );
    // Joints are unsigned bytes, which the list of floats above cannot say.
    let joints = scene::accessor::Accessor {
        component: scene::accessor::Component::U8,
        normalised: false,
        shape: scene::accessor::Shape::Vec4,
        count: 3,
        stride: 4,
        bytes: [0, 1, 0, 0].repeat(3),
        filter: scene::accessor::Filter::None,
        rest: None,
    };
    document.meshes[0].primitives[0].attributes.push(("JOINTS_0".to_owned(), std::sync::Arc::new(joints)));
    let positions = &at_rest(&document).pieces[0].positions;
    assert!(close(positions[0], [0., 0., 5.]), "{positions:?}");
    assert!(close(positions[1], [1., 0., 6.]), "{positions:?}");
    assert!(close(positions[2], [0., 1., 7.]), "weights are of their sum: {positions:?}");
}

#[test]
fn strips_fans_lines_and_points_are_connected_by_their_modes() {
    let square: &[f32] = &[0., 0., 0., 1., 0., 0., 0., 1., 0., 1., 1., 0.];
    for (mode, triangles, lines, points) in
        [(0, 0, 0, 4), (1, 0, 2, 0), (2, 0, 4, 0), (3, 0, 3, 0), (4, 1, 0, 0), (5, 2, 0, 0), (6, 2, 0, 0)]
    {
        let document = gltf(
            &[("VEC3", square)],
            json!({
                "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "mode": mode }] }],
                "nodes": [{ "mesh": 0 }],
            }),
        );
        let scene = at_rest(&document);
        let piece = &scene.pieces[0];
        assert_eq!(
            (piece.triangles.len(), piece.lines.len(), piece.points.len()),
            (triangles, lines, points),
            "{mode}"
        );
        if mode == 5 {
            let up = |[a, b, c]: [u32; 3]| {
                let [a, b, c] = [a, b, c].map(|vertex| piece.positions[vertex as usize]);
                (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            };
            assert!(piece.triangles.iter().all(|&triangle| up(triangle) > 0.0), "a strip faces one way");
        }
    }
}

#[test]
fn variants_lights_and_cameras_are_found() {
    let document = gltf(
        &[("VEC3", TRIANGLE)],
        json!({
            "extensionsUsed": ["KHR_materials_variants", "KHR_lights_punctual"],
            "extensions": {
                "KHR_materials_variants": { "variants": [{ "name": "red" }, { "name": "blue" }] },
                "KHR_lights_punctual": { "lights": [
                    { "type": "spot", "color": [1, 0.5, 0], "intensity": 10, "spot": { "outerConeAngle": 0.6 } }
                ] },
            },
            "materials": [{}, {}],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "material": 0, "extensions": {
                "KHR_materials_variants": { "mappings": [{ "material": 1, "variants": [1] }] } } }] }],
            "cameras": [{ "type": "perspective", "perspective": { "yfov": 0.5, "znear": 0.1 } }],
            "nodes": [
                { "mesh": 0 },
                { "rotation": [0, 1, 0, 0], "translation": [0, 3, 0],
                  "extensions": { "KHR_lights_punctual": { "light": 0 } } },
                { "camera": 0, "name": "eye" },
            ],
        }),
    );
    assert_eq!(variants(&document), ["red", "blue"]);
    let of = |variant| evaluate(&document, &Moment { variant, ..Moment::default() }).unwrap();
    assert_eq!([None, Some(0), Some(1)].map(|variant| of(variant).pieces[0].material), [Some(0), Some(0), Some(1)]);
    let scene = of(None);
    let light = &scene.lights[0];
    assert_eq!(light.kind, LightKind::Spot { inner: 0.0, outer: 0.6 });
    assert_eq!((light.position, light.intensity), ([0., 3., 0.], [10., 5., 0.]));
    assert!(close(light.direction, [0., 0., 1.]));
    assert_eq!(scene.cameras[0].name.as_deref(), Some("eye"));
    assert_eq!(scene.cameras[0].projection, Projection::Perspective { vertical: 0.5, aspect: None });
}

#[test]
fn materials_have_the_values_of_their_extensions() {
    let document = gltf(
        &[],
        json!({
            "images": [png(1, 255)],
            "samplers": [{ "wrapS": 33071, "wrapT": 33648, "magFilter": 9728 }],
            "textures": [{ "source": 0, "sampler": 0 }, { "source": 0 }],
            "materials": [
                {},
                { "pbrMetallicRoughness": { "baseColorFactor": [2, 0.5, 0, 1], "roughnessFactor": 0.25,
                    "baseColorTexture": { "index": 0, "texCoord": 1, "extensions": { "KHR_texture_transform": {
                        "offset": [0.5, 0.25], "scale": [2, 3], "rotation": std::f64::consts::FRAC_PI_2 } } } },
                  "alphaMode": "MASK", "emissiveFactor": [1, 1, 0],
                  "extensions": {
                    "KHR_materials_emissive_strength": { "emissiveStrength": 4 },
                    "KHR_materials_volume": { "thicknessFactor": 0.1, "attenuationDistance": 2 },
                    "KHR_materials_anisotropy": { "anisotropyStrength": 0.5 },
                } },
                { "extensions": { "KHR_materials_pbrSpecularGlossiness": {
                    "diffuseFactor": [0.1, 0.2, 0.3, 1], "specularFactor": [0.5, 0.4, 0.3], "glossinessFactor": 0.75 } } },
            ],
        }),
    );
    let mut materials = materials(&document);
    assert_eq!(materials[0], Material::default());
    let own = &materials[1];
    assert_eq!((own.base_colour, own.roughness, own.metallic), ([1.0, 0.5, 0.0, 1.0], 0.25, 1.0));
    assert_eq!((own.alpha_mode, own.emissive, own.thickness), (AlphaMode::Mask(0.5), [4.0, 4.0, 0.0], 0.1));
    assert_eq!((own.attenuation_distance, own.anisotropy), (2.0, 0.5));
    let reference = own.base_colour_texture.unwrap();
    assert_eq!(reference.set, 1);
    // A quarter turn: u from v, v from minus u.
    let [u, v] = reference.apply([1.0, 1.0]);
    assert!((u - 3.5).abs() < 1e-5 && (v + 1.75).abs() < 1e-5, "{u} {v}");
    let glossy = &materials[2];
    assert_eq!((glossy.metallic, glossy.ior, glossy.roughness), (0.0, 0.0, 0.25));
    assert_eq!((glossy.specular_colour, glossy.base_colour), ([0.5, 0.4, 0.3], [0.1, 0.2, 0.3, 1.0]));

    let mut warnings = Vec::new();
    let textures = textures(&document, &mut materials, u64::MAX, &mut warnings);
    assert_eq!(warnings, [""; 0]);
    let texture = textures[0].as_ref().unwrap();
    assert_eq!((texture.wrap, texture.nearest), ([Wrap::Clamp, Wrap::Mirror], true));
    assert_eq!(texture.picture.get_pixel(0, 0).0, [255; 4]);
    assert!(textures[1].is_none(), "nothing refers to it");
}

#[test]
fn a_texture_that_cannot_be_decoded_is_left_out_with_a_warning() {
    let document = gltf(
        &[],
        json!({
            "images": [{ "uri": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptV" }],
            "textures": [{ "source": 0 }],
            "materials": [{ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } }],
        }),
    );
    let mut materials = materials(&document);
    let mut warnings = Vec::new();
    let textures = textures(&document, &mut materials, u64::MAX, &mut warnings);
    assert!(textures[0].is_none() && materials[0].base_colour_texture.is_none());
    assert!(warnings[0].starts_with("image 0 is left out"), "{warnings:?}");
}

#[test]
fn textures_share_a_bound_on_their_pixels() {
    let reference = |at: usize| json!({ "pbrMetallicRoughness": { "baseColorTexture": { "index": at } } });
    let document = gltf(
        &[],
        json!({
            "images": [png(64, 7), png(8, 7)], "textures": [{ "source": 0 }, { "source": 1 }],
            "materials": [reference(0), reference(1)],
        }),
    );
    let mut warnings = Vec::new();
    let textures = textures(&document, &mut materials(&document), 1200, &mut warnings);
    let sides: Vec<u32> = textures.iter().flatten().map(|texture| texture.picture.width()).collect();
    assert_eq!(sides, [32, 8]);
    assert_eq!(warnings.len(), 1);
    assert_eq!(textures[0].as_ref().unwrap().picture.get_pixel(3, 3).0, [7, 7, 7, 255]);
}

#[test]
fn numbers_that_leave_the_floats_and_scenes_beyond_the_limit_are_refused() {
    let scene = |scale: f64| {
        gltf(
            &[("VEC3", TRIANGLE)],
            json!({
                "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
                "nodes": [{ "scale": [scale, scale, scale], "children": [1] }, { "mesh": 0, "scale": [scale, 1, 1] }],
            }),
        )
    };
    assert!(evaluate(&scene(1e10), &Moment::default()).is_ok());
    let failure = evaluate(&scene(1e30), &Moment::default()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);

    let translations = vec![0.0; 3 * 60_000];
    let many: Vec<f32> = TRIANGLE.repeat(900);
    let document = gltf(
        &[("VEC3", &many), ("VEC3", &translations)],
        json!({
            "extensionsUsed": ["EXT_mesh_gpu_instancing"],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
            "nodes": [{ "mesh": 0, "extensions": { "EXT_mesh_gpu_instancing": {
                "attributes": { "TRANSLATION": 1 } } } }],
        }),
    );
    let failure = evaluate(&document, &Moment::default()).unwrap_err();
    assert!(failure.to_string().contains("54000000 triangles"), "{failure}");
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn the_corpus_can_be_seen() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/models");
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let document = match load(name, &fs_err::read(&path).unwrap()) {
            Ok(document) => document,
            Err(failure) => {
                assert!(failure.to_string().contains("only glTF 2.0 is read"), "{name}: {failure}");
                continue;
            }
        };
        let scene = at_rest(&document);
        let bounds = scene.bounds().unwrap_or_else(|| panic!("{name} shows something"));
        assert!((0..3).any(|axis| bounds.0[axis] < bounds.1[axis]), "{name}");
        let mut warnings = Vec::new();
        let mut materials = materials(&document);
        let textures = textures(&document, &mut materials, scene::texture::MOST_PIXELS_IN_ALL, &mut warnings);
        // AVIF and pictures that are not there are left out by the loader already.
        assert!(warnings.is_empty(), "{name}: {warnings:?}");
        if name == "agi_ktx2_tile.glb" {
            assert!(textures.iter().flatten().count() > 0, "KTX2 is decoded");
        }
    }
}

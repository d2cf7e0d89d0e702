//! Files that stray from their formats in ways that other readers take: what they hold is read, and what is left out is
//! named in a warning.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbaImage};
use scene::document::Mode;
use serde_json::{Value, json};

use crate::support::{Optimised, decode_rgba, load, optimise, optimise_beside, triangles};
use crate::tetrahedron;

fn warnings(optimised: &Optimised) -> String {
    optimised.report["warnings"].to_string()
}

/// Warnings of a file that is taken, and how many triangles are shown.
#[track_caller]
fn taken(name: &str, bytes: &[u8]) -> (String, usize) {
    let optimised = optimise(name, bytes, "optimise").unwrap_or_else(|failure| panic!("{name}: {failure}"));
    (warnings(&optimised), triangles(&optimised.document, None).len())
}

const NO_WARNING: &str = "[]";

#[test]
fn objs_with_comments_marks_and_words_of_others_are_read() {
    let square = "v 0 0 0 # a\nv 1 0 0\nv 1 1 0\nv 0 1 0#b\n";
    let plain = square.replace("#b", "");
    assert_eq!(taken("a.obj", format!("{plain}f 1 2 3 # face\nf 1 3 4\n").as_bytes()), (NO_WARNING.to_owned(), 2));
    assert_eq!(taken("a.obj", format!("\u{feff}{plain}f 1 2 3\n").as_bytes()), (NO_WARNING.to_owned(), 1));
    let old = format!("{plain}f 1 2 3\n# C:\\models\\\nf 1 3 4\n").replace('\n', "\r");
    assert_eq!(taken("a.obj", old.as_bytes()), (NO_WARNING.to_owned(), 2));
    let wide: Vec<u8> = format!("\u{feff}{plain}f 1 2 3 4\n").encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(taken("a.obj", &wide), (NO_WARNING.to_owned(), 2));
    let (warned, count) = taken("a.obj", format!("vw 1\nt 3\n{plain}f 1 2 3\n").as_bytes());
    assert_eq!(count, 1);
    assert!(warned.contains("t, vw"), "{warned}");
}

#[test]
fn faces_keep_what_they_have_where_others_lack_it() {
    let text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3\nf 1/9 3/3/7 4\n";
    let document = load("a.obj", text.as_bytes()).unwrap();
    assert_eq!(triangles(&document, None).len(), 2);
    let has: Vec<bool> =
        document.meshes[0].primitives.iter().map(|own| own.attribute("TEXCOORD_0").is_some()).collect();
    assert_eq!(has, [true, false]);
    let warned = document.warnings.join("; ");
    assert!(warned.contains("1 corners of faces name texture coordinates"), "{warned}");
    assert!(warned.contains("1 corners of faces name normals"), "{warned}");
}

#[test]
fn an_obj_of_vertices_is_a_point_cloud_in_its_colours() {
    for scale in [1, 255] {
        let lines = (0..20).map(|at| format!("v {at} {} 0 {scale} 0 0\n", at * at % 7));
        let optimised = optimise("points.obj", lines.collect::<String>().as_bytes(), "optimise").unwrap();
        let primitive = &optimised.document.meshes[0].primitives[0];
        assert_eq!((primitive.mode, primitive.vertex_count()), (Mode::Points, 20));
        assert_eq!(primitive.attribute("COLOR_0").unwrap().floats()[..4], [1.0, 0.0, 0.0, 1.0]);
    }
}

#[test]
fn what_has_no_material_is_not_a_metal() {
    let stl = b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid\n";
    let ply = b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n\
                element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n";
    let obj = b"mtllib missing.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nusemtl red\nf 3 2 1\n";
    for (name, bytes) in [("a.stl", &stl[..]), ("a.ply", ply), ("a.obj", obj)] {
        let document = optimise(name, bytes, "optimise").unwrap().document;
        for primitive in document.meshes.iter().flat_map(|mesh| &mesh.primitives) {
            let material = &document.materials[primitive.material.unwrap()];
            assert_eq!(material["pbrMetallicRoughness"]["metallicFactor"], 0, "{name}");
        }
    }
}

#[test]
fn stls_in_capitals_and_with_wrong_counts_are_read() {
    let facet = "FACET NORMAL 0 0 1\r\n OUTER LOOP\r\n VERTEX 0 0 0\r\n VERTEX 1 0 0\r\n VERTEX 0 1 0\r\n ENDLOOP\r\nENDFACET\r\n";
    for text in [
        format!("SOLID A\r\n{facet}ENDSOLID A\r\n"),
        format!("solid {}\r\n{facet}endsolid\r\n", "a long name ".repeat(500)),
        format!("; exported by hand\r\nsolid\r\n{}", facet.replace("NORMAL 0 0 1", "")),
    ] {
        assert_eq!(taken("a.stl", text.as_bytes()), (NO_WARNING.to_owned(), 1));
    }
    let binary = |count: u32, facets: u32, rest: usize| {
        let mut bytes = b"solid by name alone".to_vec();
        bytes.resize(80, 0);
        bytes.extend(count.to_le_bytes());
        for facet in 0..facets {
            let corners = [[0.0, 0.0, facet as f32], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
            bytes.extend([0; 12]);
            bytes.extend(corners.as_flattened().iter().flat_map(|value| value.to_le_bytes()));
            bytes.extend([0; 2]);
        }
        bytes.extend(vec![1; rest]);
        bytes
    };
    assert_eq!(taken("a.stl", &binary(3, 3, 0)), (NO_WARNING.to_owned(), 3));
    assert_eq!(taken("a.stl", &binary(2, 2, 7)), (NO_WARNING.to_owned(), 2));
    for (count, facets) in [(0, 3), (2, 3), (9, 3)] {
        let (warned, shown) = taken("a.stl", &binary(count, facets, 0));
        assert_eq!(shown, 3, "{count}");
        assert!(warned.contains(&format!("holds {count} triangles")), "{warned}");
    }
    let failure = optimise("a.stl", &binary(9, 3, 20), "optimise").map(|_| ()).unwrap_err();
    assert!(failure.to_string().contains("cut off"), "{failure}");
}

fn ply(elements: &str, body: &str) -> Vec<u8> {
    format!("ply\nformat ascii 1.0\n{elements}end_header\n{body}").into_bytes()
}

const XYZ: &str = "property float x\nproperty float y\nproperty float z\n";
const CORNERS: &str = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 2 0\n";

#[test]
fn a_ply_in_strips_has_its_triangles_all_facing_one_way() {
    let header = format!("element vertex 5\n{XYZ}element tristrips 1\nproperty list int int vertex_indices\n");
    for (numbers, count) in [("5 0 1 2 3 4", 3), ("6 0 1 2 -1 1 3", 1), ("8 0 1 2 3 -1 1 3 4", 3)] {
        let bytes = ply(&header, &format!("{CORNERS}{numbers}\n"));
        let shown = triangles(&optimise("strips.ply", &bytes, "optimise").unwrap().document, None);
        assert_eq!(shown.len(), count, "{numbers}");
        for [a, b, c] in shown {
            let [a, b, c] = [a, b, c].map(|corner| corner.position);
            assert!((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0.0, "{numbers} faces away");
        }
    }
}

#[test]
fn a_ply_keeps_edges_and_what_faces_say_and_names_what_it_leaves_out() {
    let header = format!(
        "element vertex 5\n{XYZ}property float quality\nelement edge 2\nproperty int vertex1\nproperty int vertex2\n\
         element camera 1\nproperty float view_px\n"
    );
    let corners = CORNERS.replace('\n', " 0.5\n");
    let optimised = optimise("edges.ply", &ply(&header, &format!("{corners}0 1\n1 3\n7\n")), "optimise").unwrap();
    let primitive = &optimised.document.meshes[0].primitives[0];
    assert_eq!((primitive.mode, primitive.indices.as_ref().unwrap().len()), (Mode::Lines, 4));
    let warned = warnings(&optimised);
    assert!(warned.contains("quality") && warned.contains("camera"), "{warned}");

    // Two triangles of a square whose corners have coordinates and colours of their own in each.
    let header = format!(
        "element vertex 5\n{XYZ}element face 2\nproperty list uchar int vertex_indices\n\
         property list uchar float texcoord\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
    );
    let body = format!("{CORNERS}3 0 1 2 6 0 0 1 0 0 1 255 0 0\n3 1 3 2 6 .5 .5 .75 .5 .5 .75 0 255 0\n");
    let document = load("wedges.ply", &ply(&header, &body)).unwrap();
    let primitive = &document.meshes[0].primitives[0];
    assert_eq!(primitive.vertex_count(), 6);
    let indices = primitive.indices.as_ref().unwrap();
    let coordinates = primitive.attribute("TEXCOORD_0").unwrap().floats();
    let colours = primitive.attribute("COLOR_0").unwrap().floats();
    let of = |corner: usize| {
        let at = indices[corner] as usize;
        ([coordinates[at * 2], coordinates[at * 2 + 1]], [colours[at * 4], colours[at * 4 + 1]])
    };
    assert_eq!(of(1), ([1.0, 1.0], [1.0, 0.0]));
    assert_eq!(of(3), ([0.5, 0.5], [0.0, 1.0]));
    assert_eq!(of(5), ([0.5, 0.25], [0.0, 1.0]));
}

#[test]
fn gaussian_splats_become_points_in_their_colours_with_a_word() {
    let names =
        ["f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"];
    let properties = format!("property float {}\n", names.join("\nproperty float "));
    let bytes = ply(&format!("element vertex 1\n{XYZ}{properties}"), "1 2 3 9 -9 0 0 1 1 1 1 0 0 0\n");
    let optimised = optimise("splats.ply", &bytes, "optimise").unwrap();
    let primitive = &optimised.document.meshes[0].primitives[0];
    assert_eq!(primitive.mode, Mode::Points);
    let colour = primitive.attribute("COLOR_0").unwrap().floats();
    // Full red, no green, and grey's linear light.
    assert_eq!(colour[..2], [1.0, 0.0]);
    assert!((colour[2] - 0.215).abs() < 0.01, "{colour:?}");
    assert!(warnings(&optimised).contains("1 Gaussian splats"), "{}", warnings(&optimised));
}

/// Red above, blue below; clear on the left where that is asked for.
fn picture(is_clear: bool) -> RgbaImage {
    RgbaImage::from_fn(16, 16, |x, y| {
        let alpha = if is_clear && x < 8 { 0 } else { 255 };
        if y < 8 { image::Rgba([250, 10, 10, alpha]) } else { image::Rgba([10, 10, 250, alpha]) }
    })
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

const TEXTURED: &str =
    "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3 4/4\n";

#[test]
fn textures_in_formats_that_gltf_does_not_have_are_shown_all_the_same() {
    let opaque = DynamicImage::from(picture(false)).into_rgb8().into();
    for (name, format) in [
        ("t.bmp", ImageFormat::Bmp),
        ("t.gif", ImageFormat::Gif),
        ("t.jpg", ImageFormat::Jpeg),
        ("t.png", ImageFormat::Png),
        ("t.ppm", ImageFormat::Pnm),
        ("t.tga", ImageFormat::Tga),
        ("t.tif", ImageFormat::Tiff),
    ] {
        let file = written(&opaque, format);
        let library = format!("newmtl m\nKd 1 1 1\nmap_Kd {name}\n");
        for text in ["optimise", "optimise?textures=keep"] {
            let beside = [("a.mtl", library.as_bytes()), (name, &file)];
            let optimised = optimise_beside("a.obj", TEXTURED.as_bytes(), &beside, text).unwrap();
            assert_eq!(warnings(&optimised), NO_WARNING, "{name}");
            let image = &optimised.document.images[0];
            let is_known = matches!(image.mime_type.as_str(), "image/png" | "image/jpeg" | "image/webp");
            assert!(is_known, "{name}: {}", image.mime_type);
            let shown = decode_rgba(&image.mime_type, &image.bytes);
            assert_eq!(shown.dimensions(), (16, 16), "{name}");
            let (above, below) = (shown.get_pixel(4, 4), shown.get_pixel(12, 12));
            assert!(above[0] > 200 && above[2] < 60 && below[2] > 200 && below[0] < 60, "{name}: {above:?} {below:?}");
        }
    }
    let beside = [("a.mtl", &b"newmtl m\nmap_Kd t.psd\n"[..]), ("t.psd", b"8BPS, and so on")];
    let optimised = optimise_beside("a.obj", TEXTURED.as_bytes(), &beside, "optimise").unwrap();
    assert!(optimised.document.images.is_empty());
    assert!(warnings(&optimised).contains("t.psd"), "{}", warnings(&optimised));
}

#[test]
fn leaves_are_seen_through_where_their_textures_say_so() {
    let colour = written(&DynamicImage::from(picture(false)), ImageFormat::Png);
    let with_alpha = written(&picture(true).into(), ImageFormat::Png);
    let grey =
        RgbaImage::from_fn(32, 32, |x, _| if x < 16 { image::Rgba([0, 0, 0, 255]) } else { image::Rgba([255; 4]) });
    let grey = written(&DynamicImage::from(grey).into_luma8().into(), ImageFormat::Png);
    let soft = RgbaImage::from_fn(16, 16, |x, _| image::Rgba([(x * 16) as u8, (x * 16) as u8, (x * 16) as u8, 255]));
    let soft = written(&soft.into(), ImageFormat::Png);
    for (library, mode) in [
        ("map_Kd alpha.png\nmap_d alpha.png\n", Some("MASK")),
        ("map_Kd colour.png\nmap_d grey.png\n", Some("MASK")),
        ("map_Kd colour.png\nmap_d soft.png\n", Some("BLEND")),
        ("map_d grey.png\nKd 1 0 0\n", Some("MASK")),
        ("map_Kd alpha.png\n", Some("MASK")),
        ("map_Kd colour.png\n", None),
        ("map_Kd colour.png\nmap_d colour.png\nd 0.5\n", Some("BLEND")),
        ("map_Kd colour.png\nd 1.0 # opaque\n", None),
    ] {
        let text = format!("newmtl m\n{library}");
        let beside: [(&str, &[u8]); 5] = [
            ("a.mtl", text.as_bytes()),
            ("colour.png", &colour),
            ("alpha.png", &with_alpha),
            ("grey.png", &grey),
            ("soft.png", &soft),
        ];
        let optimised = optimise_beside("a.obj", TEXTURED.as_bytes(), &beside, "optimise").unwrap();
        let document = &optimised.document;
        assert_eq!(document.materials[0].get("alphaMode").and_then(Value::as_str), mode, "{library}");
        assert_eq!(warnings(&optimised), NO_WARNING, "{library}");
        if mode == Some("MASK") {
            let image = &document.images[0];
            let shown = decode_rgba(&image.mime_type, &image.bytes);
            let (width, height) = shown.dimensions();
            assert!(shown.get_pixel(width / 8, height / 8)[3] < 16, "{library}");
            let there = shown.get_pixel(width - 2, height / 8);
            assert!(there[3] > 240 && there[0] > 200, "{library}: {there:?}");
        }
    }
}

#[test]
fn textures_are_found_beside_the_model_by_paths_of_other_systems() {
    let file = written(&picture(false).into(), ImageFormat::Png);
    for (path, place) in [
        ("C:\\Users\\me\\Desktop\\textures\\Wood.PNG", "Wood.PNG"),
        ("C:\\Users\\me\\Desktop\\textures\\Wood.PNG", "textures/Wood.PNG"),
        ("C:/work/Wood.PNG", "wood.png"),
        ("\"my wood.png\"", "my wood.png"),
        ("..\\..\\maps\\wood.png", "maps/wood.png"),
        ("/home/me/wood.png", "wood.png"),
        ("Wood.png", "Wood.PNG"),
        ("holz%20hell.png", "holz hell.png"),
        ("100%.png", "100%.png"),
        ("-clamp on -s 2 2 1 -o 0.25 0 0 wood 1.png", "wood 1.png"),
    ] {
        let library = format!("newmtl m\nmap_Kd {path}\n");
        let beside = [("a.mtl", library.as_bytes()), (place, &file)];
        let optimised = optimise_beside("a.obj", TEXTURED.as_bytes(), &beside, "optimise?quantise=false").unwrap();
        assert_eq!((optimised.document.images.len(), warnings(&optimised).as_str()), (1, NO_WARNING), "{path}");
        if path.starts_with('-') {
            let transform = &optimised.document.materials[0]["pbrMetallicRoughness"]["baseColorTexture"]["extensions"];
            assert_eq!(transform["KHR_texture_transform"], json!({ "offset": [0.25, -1], "scale": [2, 2] }));
            assert_eq!(optimised.document.samplers[0]["wrapS"], 33071);
        }
    }
    // German letters of Windows' code page in both files.
    let beside = [("a.mtl", &b"newmtl \xE4\nmap_Kd gr\xFCn.png\n"[..]), ("grün.png", &file[..])];
    let (head, tail) = TEXTURED.split_once("usemtl m").unwrap();
    let object = [head.as_bytes(), b"usemtl \xE4", tail.as_bytes()].concat();
    let optimised = optimise_beside("a.obj", &object, &beside, "optimise").unwrap();
    assert_eq!((optimised.document.images.len(), warnings(&optimised).as_str()), (1, NO_WARNING));
    assert_eq!(optimised.document.materials[0]["name"], "ä");
}

#[test]
fn materials_in_the_obj_itself_or_beside_it_unnamed_are_used() {
    let inline = "newmtl red\nKd 1 0 0\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl red\nf 1 2 3\n";
    let document = optimise("a.obj", inline.as_bytes(), "optimise").unwrap().document;
    assert_eq!(document.materials[0]["pbrMetallicRoughness"]["baseColorFactor"], json!([1, 0, 0, 1]));
    let unnamed = "v 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl red\nf 1 2 3\n";
    let beside = [("a.mtl", &b"newmtl red\r\nKd 0 1 0 # green\r\nbump b.png\r\n"[..])];
    let optimised = optimise_beside("a.obj", unnamed.as_bytes(), &beside, "optimise").unwrap();
    assert_eq!(optimised.document.materials[0]["pbrMetallicRoughness"]["baseColorFactor"], json!([0, 1, 0, 1]));
    assert!(warnings(&optimised).contains("bump"), "{}", warnings(&optimised));
    let two = [("x.mtl", &b"newmtl red\nKd 0 0 1\n"[..]), ("y.mtl", b"newmtl blue\n")];
    let several = format!("mtllib x.mtl y.mtl\n{unnamed}");
    let optimised = optimise_beside("a.obj", several.as_bytes(), &two, "optimise").unwrap();
    assert_eq!(optimised.document.materials[0]["pbrMetallicRoughness"]["baseColorFactor"], json!([0, 0, 1, 1]));
}

#[test]
fn a_ply_is_shown_with_the_texture_that_its_comment_names() {
    let header = format!(
        "comment made by hand\ncomment TextureFile my wood.png\nelement vertex 3\n{XYZ}property float s\nproperty float t\n\
         element face 1\nproperty list uchar int vertex_indices\n"
    );
    let bytes = ply(&header, "0 0 0 0 0\n1 0 0 1 0\n0 1 0 0 1\n3 0 1 2\n");
    let file = written(&picture(false).into(), ImageFormat::Png);
    let optimised = optimise_beside("a.ply", &bytes, &[("my wood.png", &file)], "optimise").unwrap();
    assert_eq!(warnings(&optimised), NO_WARNING);
    assert_eq!(optimised.document.images.len(), 1);
    assert!(optimised.document.meshes[0].primitives[0].attribute("TEXCOORD_0").is_some());
    let (warned, shown) = taken("a.ply", &bytes);
    assert_eq!(shown, 1);
    assert!(warned.contains("my wood.png"), "{warned}");
}

#[test]
fn a_glb_whose_chunks_are_not_padded_is_read() {
    use base64::Engine as _;
    let text = tetrahedron(&json!({ "nodes": [{ "mesh": 0 }], "scenes": [{ "nodes": [0] }] }));
    let mut json: Value = serde_json::from_slice(&text).unwrap();
    let uri = json["buffers"][0]["uri"].as_str().unwrap().split_once(',').unwrap().1.to_owned();
    json["buffers"][0].as_object_mut().unwrap().remove("uri");
    let mut binary = base64::engine::general_purpose::STANDARD.decode(uri).unwrap();
    binary.push(0);
    for padding in 0..4 {
        for is_padded in [false, true] {
            json["asset"]["generator"] = json!("x".repeat(padding));
            let mut chunk = serde_json::to_vec(&json).unwrap();
            let length = chunk.len() as u32;
            if is_padded {
                chunk.resize(chunk.len().next_multiple_of(4), b' ');
            }
            let mut glb = b"glTF\x02\0\0\0\0\0\0\0".to_vec();
            glb.extend(if is_padded { chunk.len() as u32 } else { length }.to_le_bytes());
            glb.extend(b"JSON");
            glb.extend(&chunk);
            glb.extend((binary.len() as u32).to_le_bytes());
            glb.extend(b"BIN\0");
            glb.extend(&binary);
            let total = glb.len() as u32;
            glb[8..12].copy_from_slice(&total.to_le_bytes());
            assert_eq!(taken("a.glb", &glb), (NO_WARNING.to_owned(), 4), "{length}, {is_padded}");
        }
    }
}

#[test]
fn a_gltf_without_one_of_its_textures_is_shown_without_it() {
    let model = |uri: &str, extra: &Value| {
        let mut json = json!({
            "nodes": [{ "mesh": 0 }], "scenes": [{ "nodes": [0] }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1, "material": 0 }] }],
            "materials": [{
                "pbrMetallicRoughness": { "baseColorFactor": [1, 0, 0, 1], "baseColorTexture": { "index": 0 } },
                "normalTexture": { "index": 1 },
            }],
            "textures": [{ "source": 0 }, { "source": 1 }],
            "images": [{ "uri": uri }, { "uri": "there.tga" }],
        });
        for (key, value) in extra.as_object().unwrap() {
            json[key] = value.clone();
        }
        tetrahedron(&json)
    };
    let there = written(&picture(false).into(), ImageFormat::Tga);
    for uri in ["missing.png", "../../secret.png", "http://example.com/a.png", "data:image/png;base64,AAAA"] {
        for text in ["optimise", "optimise?prune=false", "optimise?textures=keep"] {
            for extra in [json!({}), json!({ "extensionsUsed": ["VENDOR_unknown"] })] {
                let is_frozen = extra != json!({});
                if is_frozen && uri.starts_with("data:") {
                    continue; // A format that the unknown extension may know.
                }
                let beside = [("there.tga", &there[..])];
                let bytes = model(uri, &extra);
                let optimised = optimise_beside("a.gltf", &bytes, &beside, text).unwrap();
                assert!(warnings(&optimised).contains("image 0 is left out"), "{uri}: {}", warnings(&optimised));
                let material = &optimised.document.materials[0];
                assert!(material["pbrMetallicRoughness"].get("baseColorTexture").is_none(), "{uri}");
                assert_eq!(material["pbrMetallicRoughness"]["baseColorFactor"], json!([1, 0, 0, 1]));
                let kept = if text.contains("prune") || is_frozen { 2 } else { 1 };
                assert_eq!(optimised.document.images.len(), kept, "{uri} {text}");
                if !is_frozen {
                    let image = &optimised.document.images[kept - 1];
                    assert_eq!(decode_rgba(&image.mime_type, &image.bytes).dimensions(), (16, 16), "{uri} {text}");
                }
            }
        }
    }
}

#[test]
fn a_gltf_in_utf_16_is_read() {
    let text = tetrahedron(&json!({ "nodes": [{ "mesh": 0 }], "scenes": [{ "nodes": [0] }] }));
    let text = format!("\u{feff}{}", String::from_utf8(text).unwrap());
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(taken("a.gltf", &wide).1, 4);
}

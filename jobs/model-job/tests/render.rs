//! Pictures of models: decoded and looked at.

use std::path::Path;

use base64::Engine as _;
use catalog::operations::Render;
use catalog::{Format, MediaKind, Operations};
use contract::{Failure, FailureKind, Properties};
use openh264::formats::YUVSource as _;
use operation::{Input, Outputs, Progress, Task};
use serde_json::{Value, json};

struct Rendered {
    folder: tempfile::TempDir,
    properties: Properties,
    warnings: Vec<String>,
}

impl Rendered {
    fn picture(&self, name: &str) -> image::RgbaImage {
        image::open(self.path(name)).unwrap().into_rgba8()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs_err::read(self.path(name)).unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs_err::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn render(name: &str, bytes: &[u8], text: &str) -> Result<Rendered, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let input = Input::from_file(name, Format::from_name(name).unwrap(), file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let task = Task::new(input, Outputs::in_folder(folder.path()), Progress::silent());
    let operations = Operations::parse_for(MediaKind::Model, text).unwrap();
    let properties = model_job::render(operations.first().options::<Render>().unwrap(), &task)?;
    let warned = task.outputs.with_warnings(Properties::new());
    let warnings = warned.get("warnings").and_then(Value::as_array).cloned().unwrap_or_default();
    let warnings = warnings.iter().filter_map(|text| text.as_str().map(ToOwned::to_owned)).collect();
    Ok(Rendered { folder, properties, warnings })
}

/// A red box of 2 × 1 × 1 metres, without normals, with whatever else the document has.
fn red_box(mut rest: Value) -> Vec<u8> {
    let corners: Vec<f32> = (0..8)
        .flat_map(|at| [if at & 1 == 0 { -1.0 } else { 1.0 }, (at >> 1 & 1) as f32, (at >> 2) as f32 - 0.5])
        .collect();
    let indices: [u16; 36] =
        [0, 2, 3, 0, 3, 1, 4, 5, 7, 4, 7, 6, 0, 1, 5, 0, 5, 4, 2, 6, 7, 2, 7, 3, 0, 4, 6, 0, 6, 2, 1, 3, 7, 1, 7, 5];
    let mut bytes: Vec<u8> = corners.iter().flat_map(|value| value.to_le_bytes()).collect();
    bytes.extend(indices.iter().flat_map(|value| value.to_le_bytes()));
    let times: [f32; 8] = [0.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0];
    bytes.extend(times.iter().flat_map(|value| value.to_le_bytes()));
    let data = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let own = json!({
        "asset": { "version": "2.0" },
        "buffers": [{ "byteLength": bytes.len(), "uri": format!("data:application/octet-stream;base64,{data}") }],
        "bufferViews": [
            { "buffer": 0, "byteLength": 96 }, { "buffer": 0, "byteOffset": 96, "byteLength": 72 },
            { "buffer": 0, "byteOffset": 168, "byteLength": 8 }, { "buffer": 0, "byteOffset": 176, "byteLength": 24 },
        ],
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 8,
              "min": [-1, 0, -0.5], "max": [1, 1, 0.5] },
            { "bufferView": 1, "componentType": 5123, "type": "SCALAR", "count": 36 },
            { "bufferView": 2, "componentType": 5126, "type": "SCALAR", "count": 2, "min": [0], "max": [1] },
            { "bufferView": 3, "componentType": 5126, "type": "VEC3", "count": 2 },
        ],
        "materials": [{ "pbrMetallicRoughness": { "baseColorFactor": [0.8, 0.05, 0.05, 1], "metallicFactor": 0 } }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1, "material": 0 }] }],
        "nodes": [{ "mesh": 0 }],
        "scenes": [{ "nodes": [0] }],
    });
    for (key, value) in own.as_object().unwrap() {
        if rest.get(key).is_none() {
            rest[key] = value.clone();
        }
    }
    rest.to_string().into_bytes()
}

fn plain() -> Vec<u8> {
    red_box(json!({}))
}

/// The columns and rows of what is not transparent: first and last.
fn covered(picture: &image::RgbaImage) -> [u32; 4] {
    covered_above(picture, 127)
}

fn covered_above(picture: &image::RgbaImage, opacity: u8) -> [u32; 4] {
    let mut found = [u32::MAX, 0, u32::MAX, 0];
    for (x, y, _) in picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[3] > opacity) {
        found = [found[0].min(x), found[1].max(x), found[2].min(y), found[3].max(y)];
    }
    found
}

#[test]
fn a_still_shows_the_model_in_its_colour_framed_on_transparency() {
    let rendered = render("box.gltf", &plain(), "render?width=100&height=60&views=front&effort=draft").unwrap();
    assert_eq!(rendered.names(), ["render.png", "report.json"]);
    let picture = rendered.picture("render.png");
    assert_eq!(picture.dimensions(), (100, 60));
    // 2 × 1 metres in 100 × 60 pixels: the width binds, but for 6 % on each side.
    let [left, right, top, bottom] = covered(&picture);
    assert!(left.abs_diff(6) <= 1 && right.abs_diff(93) <= 1, "{left} {right}");
    assert!(top.abs_diff(60 - 1 - bottom) <= 2, "{top} {bottom}");
    let [r, g, b, a] = picture.get_pixel(50, 30).0;
    assert!(a == 255 && r > 100 && r > 2 * g && r > 2 * b, "{:?}", [r, g, b, a]);
    assert_eq!(picture.get_pixel(1, 1).0[3], 0);
    assert_eq!(
        (rendered.properties["width"].as_u64(), rendered.properties["triangles"].as_u64()),
        (Some(100), Some(12))
    );
    let report = rendered.json("report.json");
    assert_eq!(report["bounds"]["max"], json!([1.0, 1.0, 0.5]));
    assert_eq!(report["pictures"][0]["view"], "front");
    assert!(report["pictures"][0]["samplesPerPixel"].as_f64().unwrap() >= 1.0);
    assert!(rendered.warnings.is_empty(), "{:?}", rendered.warnings);
}

#[test]
fn every_view_is_a_picture_and_the_sheet_has_them_all_in_every_format() {
    for (format, magic) in
        [("png", &b"\x89PNG"[..]), ("webp", b"RIFF"), ("jpeg", &[0xFF, 0xD8, 0xFF]), ("avif", &[0, 0, 0])]
    {
        let text = format!("render?width=32&views=three-quarter,top,iso&sheet&format={format}&samples=2");
        let rendered = render("box.gltf", &plain(), &text).unwrap();
        let extension = if format == "jpeg" { "jpg" } else { format };
        for name in ["render-three-quarter", "render-top", "render-iso", "sheet"] {
            let bytes = fs_err::read(rendered.path(&format!("{name}.{extension}"))).unwrap();
            assert!(bytes.starts_with(magic), "{name}.{extension}");
        }
        if format == "png" {
            let sheet = rendered.picture("sheet.png");
            assert_eq!(sheet.dimensions(), (64, 64));
            let top = rendered.picture("render-top.png");
            assert_eq!(sheet.get_pixel(32 + 16, 16), top.get_pixel(16, 16));
            assert_eq!(sheet.get_pixel(48, 48).0[3], 0, "three pictures leave a quarter empty");
        }
        if format == "jpeg" {
            let corner = rendered.picture("render-top.jpg").get_pixel(0, 0).0;
            assert!(corner[..3].iter().all(|&value| value > 245), "JPEG has white for transparency: {corner:?}");
        }
    }
}

#[test]
fn a_background_has_its_colour_and_catches_a_shadow() {
    let text = "render?width=64&views=three-quarter&background=f0f0f0&elevation=35&padding=0.2&effort=draft";
    let rendered = render("box.gltf", &plain(), text).unwrap();
    let picture = rendered.picture("render.png");
    let corner = picture.get_pixel(1, 1).0;
    assert!(corner[..3].iter().all(|&value| value.abs_diff(0xF0) <= 6) && corner[3] == 255, "{corner:?}");
    let greys = picture.pixels().filter(|pixel| {
        let [r, g, b, _] = pixel.0;
        r.abs_diff(g) < 4 && g.abs_diff(b) < 4
    });
    let darkest = greys.map(|pixel| pixel.0[0]).min().unwrap();
    assert!(darkest < 210, "a shadow is darker than the floor: {darkest}");
    let sky =
        render("box.gltf", &plain(), "render?width=64&samples=4&environment=sky&background=environment&views=front");
    let sky = sky.unwrap().picture("render.png");
    assert!(sky.pixels().all(|pixel| pixel.0[3] == 255));
    let [r, _, b, _] = sky.get_pixel(32, 2).0;
    assert!(b > r + 20, "a sky is blue: {r} {b}");
    let bare = render("box.gltf", &plain(), &format!("{text}&ground=none")).unwrap().picture("render.png");
    let lightest = bare.pixels().filter(|pixel| pixel.0[0] == pixel.0[2]).map(|pixel| pixel.0[0]).min().unwrap();
    assert!(lightest >= 0xE8, "{lightest}");
}

#[test]
fn a_turntable_and_an_animation_are_clips_of_so_many_pictures() {
    let animated = red_box(json!({ "animations": [{ "name": "slide", "samplers": [{ "input": 2, "output": 3 }],
        "channels": [{ "sampler": 0, "target": { "node": 0, "path": "translation" } }] }] }));
    let text = "render?width=32&views=front&samples=2&turntable=5&play&fps=4&duration=1";
    let rendered = render("box.gltf", &animated, text).unwrap();
    for (name, frames) in [("turntable.webp", 5), ("animation.webp", 4)] {
        let bytes = fs_err::read(rendered.path(name)).unwrap();
        let count = bytes.windows(4).filter(|window| window == b"ANMF").count();
        assert_eq!(count, frames, "{name}");
    }
    let rendered = render("box.gltf", &animated, &format!("{text}&clip=frames")).unwrap();
    let listing = rendered.json("animation.json");
    assert_eq!(listing["frames"].as_array().unwrap().len(), 4);
    let middle = |name: &str| {
        let [left, right, ..] = covered(&rendered.picture(name));
        f64::from(left + right) / 2.0
    };
    assert!(middle("animation-0002.png") > middle("animation-0000.png") + 4.0, "the box slides to the right");
    assert_eq!(rendered.json("turntable.json")["frames"][1]["azimuth"], 102.0);
}

/// What is in the box of an MP4 at a path of names.
fn find_box<'a>(mut bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    for name in path {
        loop {
            let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            let (own, after) = bytes.split_at(length);
            if own[4..8] == **name {
                bytes = &own[8..];
                break;
            }
            bytes = after;
        }
    }
    bytes
}

#[test]
fn an_mp4_has_every_picture_in_its_colours_over_white_and_odd_sides_are_rounded_up() {
    let text = "render?width=63&height=47&views=front&samples=4&turntable=6&clip=mp4&duration=3&quality=95";
    let rendered = render("box.gltf", &plain(), text).unwrap();
    assert!(rendered.names().contains(&"turntable.mp4".to_owned()), "{:?}", rendered.names());
    let bytes = fs_err::read(rendered.path("turntable.mp4")).unwrap();
    let stbl = find_box(&bytes, &[b"moov", b"trak", b"mdia", b"minf", b"stbl"]);
    let words = |name: &[u8; 4]| -> Vec<u32> {
        let own = find_box(stbl, &[name]);
        own[4..].as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect()
    };
    assert_eq!(words(b"stts"), [1, 6, 500], "six pictures of half a second");
    let sizes = words(b"stsz")[2..].to_vec();
    assert_eq!(sizes.len(), 6);
    assert_eq!(words(b"stss")[1], 1, "the first picture needs no other");
    let avc1 = &find_box(stbl, &[b"stsd"])[8 + 8..];
    assert_eq!((&avc1[24..26], &avc1[26..28]), (&[0, 64][..], &[0, 48][..]));
    let avcc = find_box(&avc1[78..], &[b"avcC"]);
    let sequence = u16::from_be_bytes([avcc[6], avcc[7]]) as usize;
    let picture = u16::from_be_bytes([avcc[9 + sequence], avcc[10 + sequence]]) as usize;
    let start = [0, 0, 0, 1];
    let parameters =
        [&start[..], &avcc[8..8 + sequence], &start, &avcc[11 + sequence..11 + sequence + picture]].concat();
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    decoder.decode(&parameters).unwrap();
    let mut at = words(b"stco")[1] as usize;
    for (number, size) in sizes.iter().enumerate() {
        let sample = &bytes[at..at + *size as usize];
        at += *size as usize;
        // One unit after its length.
        assert_eq!(u32::from_be_bytes(sample[..4].try_into().unwrap()) as usize, sample.len() - 4);
        let decoded = decoder.decode(&[&start[..], &sample[4..]].concat()).unwrap();
        let decoded = decoded.unwrap_or_else(|| panic!("picture {number} is not decoded"));
        assert_eq!(decoded.dimensions(), (64, 48));
        let (strides, middle) =
            (decoded.strides(), |plane: &[u8], stride: usize, half: usize| plane[(24 / half) * stride + 32 / half]);
        let colours =
            [middle(decoded.y(), strides.0, 1), middle(decoded.u(), strides.1, 2), middle(decoded.v(), strides.2, 2)];
        assert!(colours[0] < 140 && colours[1] < 125 && colours[2] > 170, "red: {colours:?}");
        assert!(decoded.y()[0] > 230 && decoded.u()[0].abs_diff(128) < 3, "white around it");
    }
    assert_eq!(at, bytes.len());
}

#[test]
fn an_mp4_that_is_too_large_for_h_264_is_refused_before_anything_is_drawn() {
    let parse = |text| Operations::parse_for(MediaKind::Model, text).map(|_| ()).map_err(|error| error.to_string());
    let refused = parse("render?width=4096&height=2160&turntable=4&clip=mp4").unwrap_err();
    assert!(refused.contains("3840 × 2160") && refused.contains("clip=webp"), "{refused}");
    assert!(parse("render?width=2160&height=3840&turntable=4&clip=mp4").is_ok());
    assert!(parse("render?width=4096&height=2160&clip=mp4").is_ok(), "a still is no MP4");
}

#[test]
fn passes_say_how_far_away_things_are_and_which_way_they_face() {
    let text = "render?width=40&views=front&samples=4&passes=depth,normal,albedo,mask,position";
    let rendered = render("box.gltf", &plain(), text).unwrap();
    let sixteen = |name: &str| {
        let picture = image::open(rendered.path(name)).unwrap();
        assert_eq!(picture.color(), image::ColorType::Rgba16, "{name}");
        picture.into_rgba16()
    };
    let normal = sixteen("render-normal.png").get_pixel(20, 20).0;
    assert!(normal[0].abs_diff(32768) < 40 && normal[1].abs_diff(32768) < 40 && normal[2] > 65500, "{normal:?}");
    assert_eq!(sixteen("render-mask.png").get_pixel(0, 0).0[..3], [0, 0, 0]);
    assert_eq!(sixteen("render-mask.png").get_pixel(20, 20).0[..3], [65535; 3]);
    let position = sixteen("render-position.png").get_pixel(20, 20).0;
    assert!(position[2] > 65500 && position[0].abs_diff(32768) < 2000, "the front is at the largest z: {position:?}");
    let report = rendered.json("report.json");
    let eye = report["pictures"][0]["camera"]["position"][2].as_f64().unwrap();
    let bytes = fs_err::read(rendered.path("render-depth.exr")).unwrap();
    assert!(bytes.starts_with(&[0x76, 0x2F, 0x31, 0x01]));
    // The lines are at the end, each with its number and length before its floats.
    let lines = &bytes[bytes.len() - 40 * (8 + 40 * 4)..];
    let metres: Vec<f32> = lines
        .chunks_exact(8 + 40 * 4)
        .flat_map(|line| line[8..].as_chunks::<4>().0.iter().map(|float| f32::from_le_bytes(*float)))
        .collect();
    assert!((f64::from(metres[20 * 40 + 20]) - (eye - 0.5)).abs() < 0.02, "{} {eye}", metres[20 * 40 + 20]);
    assert!(metres[0].is_infinite());
}

#[test]
fn looks_other_than_its_own_show_shapes_edges_normals_and_coordinates() {
    let look = |name: &str| {
        let text = format!("render?width=64&views=front&effort=draft&material={name}");
        render("box.gltf", &plain(), &text).unwrap().picture("render.png")
    };
    let clay = look("clay").get_pixel(30, 36).0;
    assert!(clay[0].abs_diff(clay[2]) < 20, "clay is grey: {clay:?}");
    let normals = look("normals").get_pixel(30, 36).0;
    assert!(normals[0].abs_diff(128) < 3 && normals[1].abs_diff(128) < 3 && normals[2] > 252, "{normals:?}");
    let wire = look("wireframe");
    let dark = wire.pixels().filter(|pixel| pixel.0[3] > 200 && pixel.0[0] < 100).count();
    assert!((20..600).contains(&dark), "edges are lines: {dark}");
}

#[test]
fn what_is_asked_for_and_not_there_is_answered_with_what_is() {
    let named = red_box(json!({ "animations": [{ "name": "slide", "samplers": [{ "input": 2, "output": 3 }],
        "channels": [{ "sampler": 0, "target": { "node": 0, "path": "translation" } }] }] }));
    for (text, expected) in [
        ("render?width=16&animation=walk", "animation \"walk\" not found; the model has \"slide\""),
        ("render?width=16&variant=red", "variant \"red\" not found; the model has no variants"),
        ("render?width=16&camera=eye", "camera \"eye\" not found; the model has no cameras"),
        ("render?width=16&environment=lights", "environment=lights, but the model has no lights"),
        ("render?width=16&animation=none&play", "the model has no animation"),
    ] {
        let failure = render("box.gltf", &named, text).err().unwrap();
        assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{text}");
        assert!(failure.to_string().contains(expected), "{text}: {failure}");
    }
}

#[test]
fn models_that_show_nothing_and_extensions_that_they_cannot_be_shown_without_are_refused() {
    let empty = br#"{"asset":{"version":"2.0"},"nodes":[{}],"scenes":[{"nodes":[0]}]}"#;
    let required = red_box(json!({ "extensionsRequired": ["EXT_splats"], "extensionsUsed": ["EXT_splats"] }));
    let flat = b"v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n";
    for (name, bytes, expected) in [
        ("empty.gltf", &empty[..], "nothing to see"),
        ("splats.gltf", &required, "EXT_splats"),
        ("flat.obj", flat, "nothing to see"),
    ] {
        let failure = render(name, bytes, "render?width=16").err().unwrap();
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name}");
        assert!(failure.to_string().contains(expected), "{name}: {failure}");
    }
    let optional = red_box(json!({ "extensionsUsed": ["EXT_splats"] }));
    let rendered = render("box.gltf", &optional, "render?width=16&samples=1").unwrap();
    assert!(rendered.warnings.iter().any(|text| text.contains("EXT_splats is not drawn")), "{:?}", rendered.warnings);
}

#[test]
fn points_lines_and_an_stl_that_stands_on_z_are_drawn() {
    let points = (0..200).map(|at| format!("v {} {} {}\n", at % 10, at / 10 % 10, at / 100));
    let cloud = points.collect::<Vec<_>>().concat();
    let seen = |name: &str, bytes: &[u8], text: &str| {
        let picture = render(name, bytes, text).unwrap().picture("render.png");
        picture.pixels().filter(|pixel| pixel.0[3] > 60).count()
    };
    let points = seen("cloud.obj", cloud.as_bytes(), "render?width=64&samples=8");
    assert!((60..3000).contains(&points), "{points}");
    let lines =
        seen("lines.obj", b"v 0 0 0\nv 1 0 0\nv 1 1 0\nl 1 2\nl 2 3\n", "render?width=64&views=front&samples=8");
    assert!((30..1200).contains(&lines), "{lines}");
    // One triangle that stands: from the front it is seen from its side of y.
    let stl = b"solid\nfacet normal 0 -1 0\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 0 4\nendloop\nendfacet\nendsolid\n";
    let rendered = render("fin.stl", stl, "render?width=64&views=front&samples=8").unwrap();
    let [left, right, top, bottom] = covered(&rendered.picture("render.png"));
    assert!(bottom - top > 3 * (right - left), "z is up: {left} {right} {top} {bottom}");
    assert_eq!(rendered.json("report.json")["up"], "z");
}

/// A binary STL of these triangles.
fn stl(triangles: &[[[f32; 3]; 3]]) -> Vec<u8> {
    let mut bytes = vec![0; 80];
    bytes.extend((triangles.len() as u32).to_le_bytes());
    for triangle in triangles {
        bytes.extend([0; 12]);
        bytes.extend(triangle.iter().flatten().flat_map(|value| value.to_le_bytes()));
        bytes.extend([0; 2]);
    }
    bytes
}

#[test]
fn models_that_cannot_be_drawn_are_refused_in_words_and_leave_no_picture() {
    let good = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let nowhere = [[0.0, 0.0, 0.0], [f32::NAN, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let endless = [[0.0, 0.0, 0.0], [f32::INFINITY, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let far = [[0.0, 0.0, 0.0], [1e20, 0.0, 0.0], [0.0, 0.0, 1e20]];
    let cycle = red_box(json!({ "nodes": [{ "mesh": 0, "children": [1] }, { "children": [0] }] }));
    for (name, bytes, expected) in [
        ("nan.stl", stl(&[good, nowhere]), "finite"),
        ("infinite.stl", stl(&[good, endless]), "finite"),
        ("far.stl", stl(&[good, far]), "nothing to see"),
        ("cycle.gltf", cycle, "own ancestors"),
        ("empty.stl", stl(&[]), ""),
        ("words.obj", b"# nothing but words\n".to_vec(), ""),
    ] {
        let failure = render(name, &bytes, "render?width=16&samples=1").err().unwrap_or_else(|| panic!("{name}"));
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name}: {failure}");
        assert!(failure.to_string().contains(expected), "{name}: {failure}");
    }
    // What has no area is left out of a model that is drawn.
    let thin = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]];
    let rendered = render("thin.stl", &stl(&[good, thin]), "render?width=32&samples=4&views=front").unwrap();
    assert!(rendered.picture("render.png").pixels().any(|pixel| pixel.0[3] > 200));
}

#[test]
fn a_camera_inside_of_the_model_sees_its_inner_side() {
    let camera = json!({
        "cameras": [{ "type": "perspective", "perspective": { "yfov": 0.8, "znear": 0.01 } }],
        "nodes": [{ "mesh": 0 }, { "name": "eye", "camera": 0, "translation": [0, 0.5, 0] }],
        "scenes": [{ "nodes": [0, 1] }],
    });
    let rendered = render("box.gltf", &red_box(camera), "render?width=32&samples=4&camera=eye").unwrap();
    assert!(rendered.picture("render.png").pixels().all(|pixel| pixel.0[3] == 255));
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn crafted_files_are_refused_or_drawn() {
    for path in operation_testing::corpus_files("hostile/models") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Err(failure) = render(&name, &fs_err::read(&path).unwrap(), "render?width=16&samples=1") {
            assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name}: {failure}");
        }
    }
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn every_model_of_the_corpus_gives_a_picture_that_is_framed_and_not_black() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/models");
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let rendered = match render(&name, &fs_err::read(&path).unwrap(), "render?width=64&effort=draft") {
            Ok(rendered) => rendered,
            Err(failure) => {
                assert!(failure.to_string().contains("only glTF 2.0 is read"), "{name}: {failure}");
                continue;
            }
        };
        let picture = rendered.picture("render.png");
        // Glows fade out towards the edges of what they are on.
        let [left, right, top, bottom] = covered_above(&picture, 10);
        assert!(left <= right, "{name} is empty");
        let margin = left.min(63 - right).min(top.min(63 - bottom));
        assert!((1..=8).contains(&margin), "{name}: {:?}", [left, right, top, bottom]);
        let seen = picture.pixels().filter(|pixel| pixel.0[3] > 127);
        let (sum, count) = seen.fold((0_u64, 0_u64), |(sum, count), pixel| (sum + u64::from(pixel.0[1]), count + 1));
        assert!(sum / count > 8, "{name} is black");
    }
}

//! `recognise` on real pictures and bad ones, in this process and in the sandbox. `scripts/weights` brings the networks.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use catalog::{MediaKind, ProcessingOption, WeightsFile};
use common::{Image, process, process_with};
use contract::{FailureKind, JobRequest, Recognition, Source};
use operation::Weights;
use operation_testing::Finished;

const CAT: &[u8] = include_bytes!("fixtures/recognise/cat.jpg");
const COFFEE: &[u8] = include_bytes!("fixtures/recognise/coffee.jpg");
const ASTRONAUT: &[u8] = include_bytes!("fixtures/recognise/astronaut.jpg");

/// Where `scripts/test` has put the weights.
fn folder() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/weights");
    std::env::var_os("WEIGHTS_FOLDER").map_or_else(usual, PathBuf::from)
}

fn weights() -> Weights {
    let names = catalog::Declaration::named("recognise").expect("it is declared").profile.weights;
    Weights::open(&folder(), names.iter().map(|name| WeightsFile::named(name).expect("a test checks it")))
}

fn recognise(option: &str, name: &str, bytes: &[u8]) -> Finished {
    process_with(option, name, bytes, weights()).unwrap_or_else(|failure| panic!("{option} of {name}: {failure}"))
}

fn recognition(processed: &Finished) -> Recognition {
    serde_json::from_slice(processed.bytes("recognition.json")).expect("it follows the schema")
}

/// Every number is finite and in its bounds.
fn check(found: &Recognition) {
    let is_share = |share: f32| (0.0..=1.0).contains(&share);
    let is_inside = |[left, top, right, bottom]: [f32; 4]| {
        0.0 <= left
            && left <= right
            && right <= found.width as f32
            && 0.0 <= top
            && top <= bottom
            && bottom <= found.height as f32
    };
    for label in found.labels.iter().flatten() {
        assert!(is_share(label.confidence), "{label:?}");
        assert!(
            label.instances.iter().all(|instance| is_share(instance.confidence) && is_inside(instance.bounds)),
            "{label:?}"
        );
    }
    let names: Vec<&str> = found.labels.iter().flatten().map(|label| label.name.as_str()).collect();
    assert!(found.labels.iter().flatten().is_sorted_by(|one, other| one.confidence >= other.confidence), "{names:?}");
    for face in found.faces.iter().flatten() {
        assert!(is_share(face.confidence) && is_inside(face.bounds) && face.landmarks.len() == 5, "{face:?}");
    }
    if let Some(quality) = &found.quality {
        let all = [quality.brightness, quality.sharpness, quality.contrast, quality.underexposed, quality.overexposed];
        assert!(all.into_iter().all(is_share), "{quality:?}");
    }
    if let Some(embedding) = &found.embedding {
        let length: f32 = embedding.values.iter().map(|value| value * value).sum();
        assert!(embedding.values.len() == 1280 && (length - 1.0).abs() < 0.01, "{length}");
    }
}

/// The area that two boxes share, over that of both together.
fn overlap(one: [f32; 4], other: [f32; 4]) -> f32 {
    let area = |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let both = area([one[0].max(other[0]), one[1].max(other[1]), one[2].min(other[2]), one[3].min(other[3])]);
    both / (area(one) + area(other) - both)
}

#[test]
fn a_cat_is_a_cat_with_a_place_and_its_kinds() {
    let processed = recognise("recognise", "cat.jpg", CAT);
    let found = recognition(&processed);
    check(&found);
    assert_eq!((found.width, found.height, found.schema_version), (400, 266, 1));
    let labels = found.labels.as_ref().expect("they were looked for");
    let cat = labels.iter().find(|label| label.name == "cat").expect("a cat");
    assert!(cat.confidence > 0.5 && cat.parents.iter().any(|parent| parent == "animal"), "{cat:?}");
    // The head and shoulders fill the picture from about a fifth on.
    assert!(cat.instances.len() == 1 && overlap(cat.instances[0].bounds, [20.0, 0.0, 390.0, 266.0]) > 0.6, "{cat:?}");
    assert!(labels.iter().any(|label| label.name == "domestic cat"), "{labels:?}");
    assert!(!labels.iter().any(|label| label.name == "dog" || label.name == "vehicle"), "{labels:?}");
    assert_eq!(found.content_types.as_ref().expect("quality was looked for")[0].name, "photo");
    assert!(found.faces.is_none() && found.embedding.is_none() && found.moderation.is_none());
    assert_eq!(processed.properties["contentType"], "photo");
    assert!(processed.properties["labels"].as_array().unwrap().contains(&"cat".into()));
}

#[test]
fn a_face_has_a_box_and_points_in_their_order() {
    let processed = recognise("recognise?features=objects,faces&annotated", "astronaut.jpg", ASTRONAUT);
    let found = recognition(&processed);
    check(&found);
    let faces = found.faces.as_ref().expect("they were looked for");
    // Measured by hand in the picture.
    assert!(faces.len() == 1 && overlap(faces[0].bounds, [140.0, 45.0, 212.0, 140.0]) > 0.5, "{faces:?}");
    let points = &faces[0].landmarks;
    assert!(points["eyeLeft"][0] < points["eyeRight"][0] && points["mouthLeft"][0] < points["mouthRight"][0]);
    assert!(points["eyeLeft"][1] < points["nose"][1] && points["nose"][1] < points["mouthLeft"][1]);
    let labels = found.labels.as_ref().expect("objects are labels");
    assert!(labels.iter().any(|label| label.name == "person" && !label.instances.is_empty()), "{labels:?}");
    assert_eq!(processed.names(), ["annotated.jpg", "recognition.json"]);
    let annotated = image::load_from_memory(processed.bytes("annotated.jpg")).unwrap().to_rgb8();
    assert_eq!(annotated.dimensions(), (960, 960));
    // The face's box is drawn in white, at its left edge.
    let (x, y) = ((faces[0].bounds[0] * 2.4) as u32, ((faces[0].bounds[1] + faces[0].bounds[3]) * 1.2) as u32);
    let is_white = |x: u32| annotated.get_pixel(x, y).0.iter().all(|sample| *sample > 200);
    assert!((x - 3..x + 4).any(is_white));
}

#[test]
fn pictures_that_look_alike_have_embeddings_that_are_alike() {
    let embedding = |name: &str, bytes: &[u8]| {
        let found = recognition(&recognise("recognise?features=similar", name, bytes));
        check(&found);
        assert!(found.labels.is_none() && found.quality.is_none());
        found.embedding.expect("it was asked for").values
    };
    let cosine = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
    let small = |bytes: &[u8]| {
        let picture =
            image::load_from_memory(bytes).unwrap().fliph().resize(250, 250, image::imageops::FilterType::Triangle);
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        png.into_inner()
    };
    let (cat, coffee) = (embedding("cat.jpg", CAT), embedding("coffee.jpg", COFFEE));
    let same = cosine(&cat, &embedding("cat.png", &small(CAT)));
    let other = cosine(&cat, &coffee);
    assert!(same > 0.9 && other < 0.6, "mirrored and smaller {same}, another picture {other}");
}

#[test]
fn what_is_drawn_upright_is_found_where_it_is_seen() {
    // The same pixels, turned, with a tag that turns them back: 6 is a quarter turn to the right.
    let turned = image::load_from_memory(CAT).unwrap().rotate270();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    turned.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let exif = b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut bytes = jpeg.into_inner();
    bytes.splice(2..2, exif.iter().copied());
    let found = recognition(&recognise("recognise?features=objects", "turned.jpg", &bytes));
    assert_eq!((found.width, found.height), (400, 266));
    let labels = found.labels.unwrap();
    let cat = labels.iter().find(|label| label.name == "cat").expect("a cat");
    assert!(overlap(cat.instances[0].bounds, [20.0, 0.0, 390.0, 266.0]) > 0.6, "{cat:?}");
}

#[test]
fn a_long_picture_is_looked_at_in_parts() {
    // Cat, white, coffee, white, cat: the whole, squeezed into a square, would show little.
    let (cat, coffee) =
        (image::load_from_memory(CAT).unwrap().to_rgb8(), image::load_from_memory(COFFEE).unwrap().to_rgb8());
    let mut long = image::RgbImage::from_pixel(2400, 266, image::Rgb([255; 3]));
    for (picture, x) in [(&cat, 0), (&coffee, 1000), (&cat, 2000)] {
        image::imageops::overlay(&mut long, picture, x, 0);
    }
    let mut png = std::io::Cursor::new(Vec::new());
    long.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let found = recognition(&recognise("recognise?min-confidence=0.2", "long.png", png.get_ref()));
    check(&found);
    let labels = found.labels.unwrap();
    let cat = labels.iter().find(|label| label.name == "cat").expect("a cat");
    let places: BTreeSet<bool> = cat.instances.iter().map(|instance| instance.bounds[0] > 1200.0).collect();
    assert_eq!(places, BTreeSet::from([false, true]), "one at each end: {cat:?}");
}

#[test]
fn options_bound_what_is_listed() {
    let found = recognition(&recognise("recognise?min-confidence=0&max=3", "cat.jpg", CAT));
    check(&found);
    assert_eq!(found.labels.as_ref().map(Vec::len), Some(3));
    let sure = recognition(&recognise("recognise?min-confidence=1", "cat.jpg", CAT));
    assert!(sure.labels.unwrap().iter().all(|label| label.confidence >= 1.0));
    let quality = recognition(
        &process("recognise?features=quality", "cat.jpg", CAT).map_err(|failure| failure.to_string()).unwrap(),
    );
    check(&quality);
    assert!(quality.labels.is_none() && quality.quality.is_some(), "quality needs no weights");
}

#[test]
fn the_frame_of_an_animation_is_chosen_and_one_that_is_missing_is_named() {
    let (cat, coffee) = (image::load_from_memory(CAT).unwrap(), image::load_from_memory(COFFEE).unwrap());
    let mut gif = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(&mut gif, 10);
        for picture in [coffee, cat] {
            encoder
                .encode_frame(image::Frame::new(
                    picture.resize_exact(200, 133, image::imageops::FilterType::Triangle).to_rgba8(),
                ))
                .unwrap();
        }
    }
    let has_cat = |option: &str| {
        let found = recognition(&recognise(option, "two.gif", &gif));
        found.labels.unwrap().iter().any(|label| label.name == "cat")
    };
    assert!(!has_cat("recognise"));
    assert!(has_cat("recognise?frame=2"));
    let failure = process_with("recognise?frame=3", "two.gif", &gif, weights()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("frame=3 not found: the picture has 2 frames"), "{failure}");
}

#[test]
fn pictures_that_show_nothing_are_no_error_and_give_no_wrong_numbers() {
    let point = Image::from_fn(1, 1, |_, _| [9, 9, 9, 255]).png();
    let line = Image::from_fn(30_000, 1, |x, _| [(x % 256) as u8, 0, 0, 255]).png();
    let black = Image::from_fn(300, 200, |_, _| [0, 0, 0, 255]).png();
    let clear = Image::from_fn(300, 200, |_, _| [0, 0, 0, 0]).png();
    let pole = Image::from_fn(3, 5000, |_, y| [0, (y % 256) as u8, 0, 255]).png();
    for (name, bytes) in
        [("point.png", point), ("line.png", line), ("black.png", black), ("clear.png", clear), ("pole.png", pole)]
    {
        let found = recognition(&recognise(
            "recognise?features=labels,objects,faces,similar,quality&min-confidence=0&annotated",
            name,
            &bytes,
        ));
        check(&found);
        assert_eq!(found.content_types.unwrap().len(), 4, "{name}");
    }
}

#[test]
fn colours_of_any_kind_are_seen_as_they_are_shown() {
    let sixteen = {
        let picture = image::load_from_memory(CAT).unwrap().to_rgb16();
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        png.into_inner()
    };
    let found = recognition(&recognise("recognise?features=objects", "sixteen.png", &sixteen));
    assert!(found.labels.unwrap().iter().any(|label| label.name == "cat"));
    let ink = include_bytes!("fixtures/cyan_magenta_yellow_black_ink.jpg");
    check(&recognition(&recognise("recognise", "ink.jpg", ink)));
    let damaged = process_with("recognise", "cat.jpg", &CAT[..2000], weights()).unwrap_err();
    assert_eq!(damaged.kind(), FailureKind::InvalidInput);
}

/// The program on a folder of inputs: `recognise` in the sandbox.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_image-job"));
    command.env("WEIGHTS_FOLDER", folder).args(arguments).args(["--output-format", "json"]);
    command.envs(environment.iter().copied()).output().expect("the program runs")
}

#[test]
fn in_the_sandbox_the_result_is_the_same_for_any_number_of_threads_and_the_manifest_names_the_networks() {
    let scratch = tempfile::tempdir().unwrap();
    let input = scratch.path().join("astronaut.jpg");
    fs_err::write(&input, ASTRONAUT).unwrap();
    let option = "recognise?features=labels,objects,faces,similar,quality";
    let expected = recognise(option, "astronaut.jpg", ASTRONAUT).bytes("recognition.json").to_vec();
    for processors in ["1", "2"] {
        let out = scratch.path().join(processors);
        let output = run(
            &[
                "run",
                "--input",
                input.to_str().unwrap(),
                "--processing-option",
                option,
                "--output",
                out.to_str().unwrap(),
            ],
            &[("JOB_PROCESSORS", processors)],
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let made = files(&out, "recognition.json");
        assert_eq!(made.len(), 1);
        assert!(fs_err::read(&made[0]).unwrap() == expected, "{processors} processors");
        let manifest = fs_err::read_to_string(&files(&out, "manifest.json")[0]).unwrap();
        for name in ["onnxruntime", "image-labels", "image-objects", "image-small-objects", "image-faces-landmarks"] {
            let sha256 = WeightsFile::named(name).unwrap().sha256;
            assert!(manifest.contains(&format!("\"weights {name}\": \"sha256:{sha256}\"")), "{name}: {manifest}");
        }
        assert!(!manifest.contains("image-moderation"), "only what was used: {manifest}");
    }
}

#[test]
fn a_list_of_pictures_is_recognised_with_networks_that_are_loaded_once() {
    let scratch = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for (name, bytes) in [("cat.jpg", CAT), ("coffee.jpg", COFFEE), ("astronaut.jpg", ASTRONAUT)] {
        let path = scratch.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        list += &request(&path, "recognise");
        list.push('\n');
    }
    let manifest = scratch.path().join("list.jsonl");
    fs_err::write(&manifest, list).unwrap();
    let out = scratch.path().join("out");
    let output = run(&["run", "--manifest", manifest.to_str().unwrap(), "--output", out.to_str().unwrap()], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = files(&out, "recognition.json");
    assert_eq!(made.len(), 3);
    for (name, bytes) in [("cat.jpg", CAT), ("coffee.jpg", COFFEE), ("astronaut.jpg", ASTRONAUT)] {
        let path = made.iter().find(|path| path.to_string_lossy().contains(name)).expect("each has its folder");
        assert!(fs_err::read(path).unwrap() == recognise("recognise", name, bytes).bytes("recognition.json"), "{name}");
    }
}

#[test]
fn weights_that_are_missing_or_damaged_are_an_error_with_the_command_and_nobody_else_s() {
    let scratch = tempfile::tempdir().unwrap();
    let input = scratch.path().join("cat.jpg");
    fs_err::write(&input, CAT).unwrap();
    let (input, out) = (input.to_str().unwrap().to_owned(), scratch.path().join("out"));
    let out = out.to_str().unwrap();
    let none = scratch.path().join("none");
    let none = none.to_str().unwrap();
    let missing = run(&["recognise", &input, out], &[("WEIGHTS_FOLDER", none)]);
    assert_eq!(missing.status.code(), Some(64));
    let text = String::from_utf8_lossy(&missing.stdout).into_owned() + &String::from_utf8_lossy(&missing.stderr);
    assert!(text.contains("run scripts/weights onnxruntime"), "{text}");
    for without in [&["resize", "--width", "20", &input, out][..], &["recognise", "--features", "quality", &input, out]]
    {
        let output = run(without, &[("WEIGHTS_FOLDER", none)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    let damaged = scratch.path().join("damaged");
    fs_err::create_dir(&damaged).unwrap();
    for name in ["onnxruntime", "image-objects", "image-small-objects"] {
        let file = WeightsFile::named(name).unwrap();
        let installed = std::path::absolute(folder().join(file.sha256)).unwrap();
        std::os::unix::fs::symlink(installed, damaged.join(file.sha256)).unwrap();
    }
    let labels = WeightsFile::named("image-labels").unwrap();
    fs_err::write(damaged.join(labels.sha256), vec![0x5a; labels.bytes as usize]).unwrap();
    let path = Path::new(&input);
    let list = [request(path, "recognise"), request(path, "recognise?features=objects")].join("\n");
    let manifest = scratch.path().join("list.jsonl");
    fs_err::write(&manifest, list).unwrap();
    let environment = [("WEIGHTS_FOLDER", damaged.to_str().unwrap())];
    let both = run(&["run", "--manifest", manifest.to_str().unwrap(), "--output", out], &environment);
    let text = String::from_utf8_lossy(&both.stdout).into_owned() + &String::from_utf8_lossy(&both.stderr);
    assert!(text.contains("run scripts/weights image-labels") && text.contains("\"FAILED\""), "{text}");
    assert!(text.contains("\"SUCCEEDED\""), "what needs other networks is not held up: {text}");
}

#[test]
fn a_list_in_the_folder_puts_another_network_in_the_place_of_ours() {
    // The same network as a user's own: under another digest's name, which the manifest then has.
    let scratch = tempfile::tempdir().unwrap();
    let own = scratch.path().join("weights");
    fs_err::create_dir(&own).unwrap();
    let library = WeightsFile::named("onnxruntime").unwrap();
    std::os::unix::fs::symlink(std::path::absolute(folder().join(library.sha256)).unwrap(), own.join(library.sha256))
        .unwrap();
    let mut network = fs_err::read(folder().join(WeightsFile::named("image-labels").unwrap().sha256)).unwrap();
    // Field 7 of a model in ONNX is not used: an unknown field of one byte changes the digest and nothing else.
    network.extend([0xf8, 0x07, 0x01]);
    let digest = sha256(&network);
    fs_err::write(own.join(&digest), &network).unwrap();
    fs_err::write(own.join("own.tsv"), format!("image-labels\t{digest}\t{}\n", network.len())).unwrap();
    let input = scratch.path().join("cat.jpg");
    fs_err::write(&input, CAT).unwrap();
    let out = scratch.path().join("out");
    let arguments = ["recognise", "--features", "labels", input.to_str().unwrap(), out.to_str().unwrap()];
    let output = run(&arguments, &[("WEIGHTS_FOLDER", own.to_str().unwrap())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let manifest = fs_err::read_to_string(&files(&out, "manifest.json")[0]).unwrap();
    assert!(manifest.contains(&digest), "{manifest}");
}

fn sha256(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs_err::write(&path, bytes).unwrap();
    let output = Command::new("sha256sum").arg(path).output().expect("coreutils");
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// A line of a list.
fn request(path: &Path, option: &str) -> String {
    let size = fs_err::metadata(path).unwrap().len();
    let request = JobRequest {
        schema_version: contract::SCHEMA_VERSION,
        job_id: format!("{}-{option}", path.file_name().unwrap().to_string_lossy()),
        source: Source { bucket: None, key: path.to_str().unwrap().to_owned(), version_id: None, etag: None, size },
        processing_option: ProcessingOption::new(MediaKind::Image, option),
        uploaded_at: None,
    };
    serde_json::to_string(&request).unwrap()
}

/// All files of a name below a folder.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, name));
        } else if path.file_name().is_some_and(|found| found == name) {
            found.push(path);
        }
    }
    found.sort();
    found
}

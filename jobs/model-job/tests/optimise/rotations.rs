//! Rotations turn the way they turned, and nodes are where they were, at every moment.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

use catalog::Format;
use operation_testing::{corpus_files, input_with_companions};
use scene::document::Document;
use scene::transform::{Parts, Transform};
use serde_json::{Value, json};

use crate::features::Builder;
use crate::support::{load, optimise, optimise_beside, posed};

/// Degrees that resampling (0.0005 of a half turn) and twelve bits may be off together.
const BOUND: f64 = 0.2;
const MOMENTS: usize = 200;

/// How far poses are apart.
#[derive(Debug, Default, Clone, Copy)]
struct Distance {
    /// Degrees between the rotations of nodes.
    degrees: f64,
    /// Of translations and of scales, as a part of the widest range that the animation has any of a node's go through.
    part: f64,
}

/// The farthest that any node is turned away, in degrees, from where the other document has the node of its name.
fn farthest(before: &Document, after: &Document, animation: usize) -> f64 {
    distance(before, after, animation).degrees
}

/// The farthest that any node is away at any moment from where the other document has the node of its name.
fn distance(before: &Document, after: &Document, animation: usize) -> Distance {
    let channels = before.animations[animation].channels.iter();
    let end = channels.filter_map(|channel| channel.times.floats().last().copied()).fold(0.0, f32::max);
    let moments: Vec<_> = (0..=MOMENTS)
        .map(|moment| f64::from(end) * moment as f64 / MOMENTS as f64)
        .map(|time| (posed(before, animation, time), posed(after, animation, time)))
        .collect();
    let mut farthest = Distance::default();
    for (at, node) in before.nodes.iter().enumerate() {
        let Some(name) = node.name() else { continue };
        let Some(same) = after.nodes.iter().position(|own| own.name() == Some(name)) else { continue };
        let parts: Vec<_> = moments
            .iter()
            .filter_map(|(left, right)| match (left[at], right[same]) {
                (Transform::Parts(left), Transform::Parts(right)) => Some((left, right)),
                _ => None,
            })
            .collect();
        for (left, right) in &parts {
            // The chord, which keeps its precision where the cosine loses it.
            let chord = |sign: f64| {
                let pairs = left.rotation.iter().zip(right.rotation);
                pairs.map(|(a, b)| (a - sign * b).powi(2)).sum::<f64>().sqrt()
            };
            let half = (chord(1.0).min(chord(-1.0)) / 2.0).min(1.0).asin();
            farthest.degrees = farthest.degrees.max(4.0 * half.to_degrees());
        }
        if after.nodes[same].mesh.is_some() {
            // Its place and size hold what quantisation took from its vertices.
            continue;
        }
        let [translation, scale]: [fn(&Parts) -> [f64; 3]; 2] = [|parts| parts.translation, |parts| parts.scale];
        for of in [translation, scale] {
            let all: Vec<f64> = parts.iter().flat_map(|(left, _)| of(left)).collect();
            let size = all.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            for (left, right) in &parts {
                let off = of(left).iter().zip(of(right)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                if off > 0.0 {
                    farthest.part = farthest.part.max(off / size.max(f64::MIN_POSITIVE));
                }
            }
        }
    }
    farthest
}

/// A node that is turned through these rotations, one each tenth of a second.
fn turning(rotations: &[[f64; 4]]) -> Vec<u8> {
    let mut builder = Builder::default();
    let position = builder.floats("VEC3", 3, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let times: Vec<f32> = (0..rotations.len()).map(|at| at as f32 / 10.0).collect();
    let values: Vec<f32> = rotations.iter().flatten().map(|&value| value as f32).collect();
    let (input, output) = (builder.floats("SCALAR", 1, &times), builder.floats("VEC4", 4, &values));
    builder.finish(json!({
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0, "name": "wheel" }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": position } }] }],
        "animations": [{
            "samplers": [{ "input": input, "output": output }],
            "channels": [{ "sampler": 0, "target": { "node": 0, "path": "rotation" } }],
        }],
    }))
}

/// A turn by that many radians round an axis.
fn turn(axis: [f64; 3], angle: f64) -> [f64; 4] {
    let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
    let [x, y, z] = axis.map(|value| value / length * (angle / 2.0).sin());
    [x, y, z, (angle / 2.0).cos()]
}

#[test]
fn wheels_swings_and_half_turns_go_the_way_they_went() {
    let degrees = |angles: &[f64]| -> Vec<[f64; 4]> {
        angles.iter().map(|angle| turn([0.0, 0.0, 1.0], angle.to_radians())).collect()
    };
    let steps = |from: f64, to: f64, count: i32| -> Vec<f64> {
        (0..=count).map(|at| from + (to - from) * f64::from(at) / f64::from(count)).collect()
    };
    let tumbling = (0..=300).map(|at| {
        let time = f64::from(at) / 300.0;
        turn([(time * 3.0).sin(), 1.0, (time * 5.0).cos()], time * 4.0 * TAU)
    });
    // The same turns with their signs as exporters leave them: any.
    let flipped = |rotations: Vec<[f64; 4]>| -> Vec<[f64; 4]> {
        let flip =
            |(at, rotation): (usize, [f64; 4])| if at % 3 == 1 { rotation.map(|value| -value) } else { rotation };
        rotations.into_iter().enumerate().map(flip).collect()
    };
    let cases = [
        ("a wheel", degrees(&steps(0.0, 360.0, 40))),
        ("a wheel backwards", degrees(&steps(0.0, -720.0, 80))),
        ("a swing", degrees(&[steps(90.0, -90.0, 20), steps(-90.0, 90.0, 20)].concat())),
        ("a swing of three keys", degrees(&[90.0, 0.0, -90.0, 0.0, 90.0])),
        ("half turns", degrees(&[0.0, 180.0, 360.0, 180.0, 0.0])),
        ("hardly less than half turns", degrees(&[0.0, 179.9, 0.0, -179.9, 0.0])),
        ("thirds", degrees(&[0.0, 120.0, 240.0, 360.0])),
        ("a tumble", tumbling.collect()),
        ("flipped signs", flipped(degrees(&steps(0.0, 720.0, 60)))),
        ("flipped half turns", flipped(degrees(&[10.0, 170.0, 330.0, 490.0, 650.0]))),
    ];
    for (what, rotations) in cases {
        let bytes = turning(&rotations);
        let before = load("turning.gltf", &bytes).unwrap();
        for text in ["optimise", "optimise?resample=false", "optimise?compress=none", "optimise?quantise=false"] {
            let after = optimise("turning.gltf", &bytes, text).unwrap().document;
            let farthest = farthest(&before, &after, 0);
            assert!(farthest < BOUND, "{what}, {text}: {farthest} degrees off");
        }
    }
}

#[test]
fn a_steady_wheel_needs_few_keys_and_no_two_of_them_are_far_apart() {
    let bytes = turning(&(0..=40).map(|at| turn([0.0, 1.0, 0.0], TAU * f64::from(at) / 40.0)).collect::<Vec<_>>());
    let after = optimise("turning.gltf", &bytes, "optimise").unwrap().document;
    let values = after.animations[0].channels[0].values.floats();
    let keys: Vec<&[f32]> = values.chunks_exact(4).collect();
    assert!(keys.len() <= 6, "{} keys", keys.len());
    for pair in keys.windows(2) {
        let dot: f32 = pair[0].iter().zip(pair[1]).map(|(a, b)| a * b).sum();
        assert!(dot.abs() > 0.7, "{pair:?}");
    }
}

/// What resampling (0.0005 of the range of a channel) and mantissas of 16 bits may be off together.
const PART: f64 = 0.001;

/// Every animated model of a folder, at 200 moments of each of its animations. Names what is off.
fn poses_of(paths: impl IntoIterator<Item = PathBuf>) -> (usize, Vec<String>) {
    let (mut animated, mut off) = (0, Vec::new());
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !path.extension().is_some_and(|extension| extension == "glb" || extension == "gltf") {
            continue;
        }
        // Nodes are found again by their names.
        let Some(bytes) = with_own_names(&fs_err::read(&path).unwrap()) else { continue };
        let companions = companions_of(&path);
        let beside: Vec<(&str, &[u8])> = companions.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        let input = || input_with_companions(Format::from_name(&name).unwrap(), &name, &bytes, &beside);
        let Ok(mut before) = scene::load::load(&input()) else { continue };
        if before.animations.is_empty() {
            continue;
        }
        animated += 1;
        before.nodes.iter_mut().for_each(|node| node.mesh = None);
        let after = optimise_beside(&name, &bytes, &beside, "optimise?textures=keep").unwrap().document;
        for animation in 0..before.animations.len() {
            let found = distance(&before, &after, animation);
            if found.degrees > BOUND || found.part > PART {
                off.push(format!("{}, animation {animation}: {found:?}", path.display()));
            }
        }
    }
    (animated, off)
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn every_model_of_the_corpus_is_posed_as_before() {
    let paths = corpus_files("models").into_iter().chain(corpus_files("cases/model"));
    let (animated, off) = poses_of(paths);
    assert!(animated >= 7 && off.is_empty(), "{animated} animated, off: {off:#?}");
}

mod by_hand {
    use super::*;

    #[test]
    #[ignore = "measures the folder that POSES names: glTF sample models, for example"]
    fn poses_of_a_folder() {
        let mut folders = vec![PathBuf::from(std::env::var("POSES").expect("POSES names a folder"))];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs_err::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        let (animated, off) = poses_of(files);
        assert!(animated > 0 && off.is_empty(), "{} of {animated} animated models are off: {off:#?}", off.len());
    }
}

/// The files that may belong to a `.gltf`: those in its folder.
fn companions_of(path: &Path) -> Vec<(String, Vec<u8>)> {
    if path.extension().is_none_or(|extension| extension != "gltf") {
        return Vec::new();
    }
    let folder = path.parent().unwrap();
    let files = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let small = files.filter(|file| file.is_file() && file != path && fs_err::metadata(file).unwrap().len() < 64 << 20);
    small.map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), fs_err::read(file).unwrap())).collect()
}

/// The same file with a name for each node that no other has; none of what is not glTF 2.0.
fn with_own_names(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_binary = bytes.starts_with(b"glTF");
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let text = if is_binary { bytes.get(20..20 + number(12)?)? } else { bytes };
    let mut json: Value = serde_json::from_slice(text).ok()?;
    for (at, node) in json.get_mut("nodes")?.as_array_mut()?.iter_mut().enumerate() {
        node["name"] = json!(format!("node {at}"));
    }
    let mut changed = serde_json::to_vec(&json).ok()?;
    if !is_binary {
        return Some(changed);
    }
    changed.resize(changed.len().next_multiple_of(4), b' ');
    let rest = bytes.get(20 + number(12)?..)?;
    let mut whole = b"glTF\x02\0\0\0".to_vec();
    for length in [20 + changed.len() + rest.len(), changed.len()] {
        whole.extend((length as u32).to_le_bytes());
    }
    whole.extend(b"JSON");
    Some([whole, changed, rest.to_vec()].concat())
}

#[test]
fn an_interpolation_that_gltf_does_not_have_is_read_as_linear() {
    let text = String::from_utf8(turning(&[turn([1.0, 0.0, 0.0], 0.0), turn([1.0, 0.0, 0.0], 1.0)])).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    json["animations"][0]["samplers"][0]["interpolation"] = json!(0);
    let optimised = optimise("turning.gltf", json.to_string().as_bytes(), "optimise").unwrap();
    assert!(farthest(&load("turning.gltf", text.as_bytes()).unwrap(), &optimised.document, 0) < BOUND);
    assert!(optimised.report["warnings"].to_string().contains("read as LINEAR"), "{}", optimised.report["warnings"]);
}

//! Rotations turn the way they turned, at every moment.

use std::f64::consts::TAU;

use operation_testing::corpus_files;
use scene::document::Document;
use scene::transform::Transform;
use serde_json::{Value, json};

use crate::features::Builder;
use crate::support::{load, optimise, posed};

/// Degrees that resampling (0.0005 of a half turn) and twelve bits may be off together.
const BOUND: f64 = 0.2;
const MOMENTS: usize = 200;

/// The farthest that any node is turned away, in degrees, from where the other document has the node of its name.
fn farthest(before: &Document, after: &Document, animation: usize) -> f64 {
    let channels = before.animations[animation].channels.iter();
    let end = channels.filter_map(|channel| channel.times.floats().last().copied()).fold(0.0, f32::max);
    let mut farthest = 0.0_f64;
    for moment in 0..=MOMENTS {
        let time = f64::from(end) * moment as f64 / MOMENTS as f64;
        let (left, right) = (posed(before, animation, time), posed(after, animation, time));
        for (at, node) in before.nodes.iter().enumerate() {
            let Some(name) = node.name() else { continue };
            let Some(same) = after.nodes.iter().position(|own| own.name() == Some(name)) else { continue };
            let (Transform::Parts(left), Transform::Parts(right)) = (left[at], right[same]) else { continue };
            let dot: f64 = left.rotation.iter().zip(right.rotation).map(|(a, b)| a * b).sum();
            farthest = farthest.max(2.0 * dot.abs().min(1.0).acos().to_degrees());
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

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn every_model_of_the_corpus_turns_as_before() {
    for path in corpus_files("models").into_iter().chain(corpus_files("cases/model")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !path.extension().is_some_and(|extension| extension == "glb" || extension == "gltf") {
            continue;
        }
        let bytes = fs_err::read(&path).unwrap();
        let Ok(mut before) = load(&name, &bytes) else { continue };
        // Nodes are found again by their names.
        if before.animations.is_empty() || !has_own_names(&before) {
            continue;
        }
        before.nodes.iter_mut().for_each(|node| node.mesh = None);
        let after = optimise(&name, &bytes, "optimise?textures=keep").unwrap().document;
        for animation in 0..before.animations.len() {
            let farthest = farthest(&before, &after, animation);
            assert!(farthest < BOUND, "{name}, animation {animation}: {farthest} degrees off");
        }
    }
}

fn has_own_names(document: &Document) -> bool {
    let names: Vec<Option<&str>> = document.nodes.iter().map(|node| node.name()).collect();
    names.iter().enumerate().all(|(at, name)| name.is_some() && !names[..at].contains(name))
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

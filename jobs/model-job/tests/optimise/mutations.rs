//! Damaged models: words or a model, never a panic. `MUTATIONS=100000 cargo test -p model-job mutations` goes on for
//! longer; the fuzz targets find more.

use std::panic::catch_unwind;

use contract::FailureKind;
use operation_testing::{Random, corpus_files};
use serde_json::json;

use crate::features::{bent, interleaved, stroked};
use crate::support::{load, optimise};
use crate::{sphere, tetrahedron};

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let length = bytes.len().max(1);
        // Structure is at the front: half of the damage is there.
        let at = if random.below(2) == 0 { random.below(length.min(3000)) } else { random.below(length) };
        let end = (at + 1 + random.below(40)).min(bytes.len());
        if at >= end {
            return;
        }
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 127, 128, 255][random.below(5)],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => bytes.truncate(at),
            5 => bytes[at..end].fill(0xFF),
            // Another number in the place of the next one.
            _ => {
                let Some(from) = bytes[at..].iter().position(u8::is_ascii_digit).map(|from| at + from) else {
                    continue;
                };
                let digits = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let number = ["0", "1", "2", "3", "7", "65535", "4294967295", "9007199254740993", "-1", "0.5", "1e39"];
                bytes.splice(from..from + digits, number[random.below(number.len())].bytes());
            }
        }
    }
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let nodes = json!({
        "nodes": (0..6).map(|at| json!({ "mesh": 0, "translation": [at, 0, 0] })).collect::<Vec<_>>(),
        "scenes": [{ "nodes": [0, 1, 2, 3, 4, 5] }],
    });
    let mut seeds = vec![
        ("bent.gltf".to_owned(), bent()),
        ("interleaved.gltf".to_owned(), interleaved()),
        ("stroked.gltf".to_owned(), stroked()),
        ("instances.gltf".to_owned(), tetrahedron(&nodes)),
        ("sphere.stl".to_owned(), sphere(4)),
        (
            "square.obj".to_owned(),
            b"v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nvn 0 0 1\nf 1/1/1 2//1 -1/1\nl 1 2\np 3\n".to_vec(),
        ),
        (
            "points.ply".to_owned(),
            b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n\
              element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
                .to_vec(),
        ),
    ];
    // What was written: compressed views, filters, quantised attributes.
    for at in 0..5 {
        let (name, bytes) = &seeds[at];
        let written = optimise(name, bytes, "optimise").unwrap().bytes;
        seeds.push((format!("{at}.glb"), written));
    }
    seeds
}

/// Small models of the corpus.
fn corpus_seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for path in corpus_files("models").into_iter().chain(corpus_files("hostile/models")) {
        let bytes = fs_err::read(&path).unwrap();
        if bytes.len() < 90_000 {
            seeds.push((path.file_name().unwrap().to_str().unwrap().to_owned(), bytes));
        }
    }
    seeds
}

#[test]
fn damaged_models_are_refused_in_words_or_optimised() {
    try_damaged(&seeds());
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn damaged_models_of_the_corpus_are_refused_in_words_or_optimised() {
    try_damaged(&corpus_seeds());
}

fn try_damaged(seeds: &[(String, Vec<u8>)]) {
    let count: u64 = std::env::var("MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(600);
    let first: u64 = std::env::var("MUTATION").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    for number in first..first + count {
        let mut random = Random::numbered(number);
        let (name, bytes) = &seeds[random.below(seeds.len())];
        let mut bytes = bytes.clone();
        damage(&mut bytes, &mut random);
        let text = ["optimise", "optimise?simplify=0.5&textures=keep&compress=none", "optimise?prune=false&join=false"]
            [random.below(3)];
        let result = catch_unwind(|| match optimise(name, &bytes, text) {
            Ok(optimised) => drop(load("model.glb", &optimised.bytes).expect("what was written can be read")),
            Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}"),
        });
        assert!(result.is_ok(), "MUTATION={number} MUTATIONS=1 ({name}, {text}) panics");
    }
}

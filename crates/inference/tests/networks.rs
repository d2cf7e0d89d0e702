//! A network of two operators, run by the real library. `scripts/weights onnxruntime` brings it.

use std::path::{Path, PathBuf};

use catalog::WeightsFile;
use contract::FailureKind;
use inference::{LIBRARY, Network, Value, network, prepare};
use operation::Weights;

const SHA256: &str = "f675ef8942f78c79d67ef557840100282cf0f8d0b0cb2558c85e28557a654433";

static SUMS: WeightsFile = WeightsFile { name: "sums", sha256: SHA256, bytes: 206, ..NONE };
static BROKEN: WeightsFile = WeightsFile { name: "broken", sha256: "00", bytes: 100, ..NONE };
const NONE: WeightsFile = WeightsFile {
    name: "",
    machine: "any",
    registry: "pypi",
    package: "none",
    version: "1",
    package_sha256: "11",
    converter: "-",
    file: "sums.onnx",
    sha256: "",
    bytes: 0,
    licence: "CC0-1.0",
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The network, a damaged one, and the library as it is installed for the tests.
fn weights(folder: &Path) -> Weights {
    let library = WeightsFile::named(LIBRARY).expect("it is listed for this machine");
    let installed = std::env::var_os("WEIGHTS_FOLDER").map_or_else(|| root().join("target/weights"), PathBuf::from);
    let installed = std::path::absolute(installed.join(library.sha256)).unwrap();
    assert!(installed.is_file(), "{} not found; run scripts/weights {LIBRARY}", installed.display());
    std::os::unix::fs::symlink(installed, folder.join(library.sha256)).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sums_and_twice.onnx");
    fs_err::copy(fixture, folder.join(SHA256)).unwrap();
    fs_err::write(folder.join("00"), [7; 100]).unwrap();
    Weights::open(folder, [library, &SUMS, &BROKEN])
}

#[test]
fn a_network_gives_the_outputs_that_are_asked_for_in_that_order() {
    let folder = tempfile::tempdir().unwrap();
    let weights = weights(folder.path());
    prepare(&weights, &["sums"]).unwrap();
    let network = network(&weights, "sums").unwrap();
    assert_eq!(network.input_shape("input").unwrap(), [-1, 3]);
    let input = Value::new(&[2, 3], vec![0.0_f32, 0.5, 1.0, -1.0, -2.0, -3.0]).unwrap();
    let outputs = network.run(&[("input", &input)], &["twice", "sums"]).unwrap();
    assert_eq!(outputs[0].numbers::<f32>().unwrap(), [0.0, 1.0, 2.0, -2.0, -4.0, -6.0]);
    assert_eq!(outputs[1].numbers::<f32>().unwrap(), [1.0, 2.5, 4.0, 0.0, 0.0, 0.0]);
    assert_eq!(outputs[1].shape(), [2, 3]);
    // An output as the next input.
    let again = network.run(&[("input", &outputs[1])], &["sums"]).unwrap();
    assert_eq!(again[0].numbers::<f32>().unwrap(), [2.0, 4.5, 7.0, 1.0, 2.0, 3.0]);
}

#[test]
fn several_threads_give_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let weights = weights(folder.path());
    let input = Value::new(&[1, 3], vec![1.0_f32, 2.0, 3.0]).unwrap();
    for threads in [1, 2, 4] {
        let network = Network::with_threads(&weights, "sums", threads).unwrap();
        let outputs = network.run(&[("input", &input)], &["sums"]).unwrap();
        assert_eq!(outputs[0].numbers::<f32>().unwrap(), [2.0, 4.0, 6.0]);
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    let weights = weights(folder.path());
    let network = network(&weights, "sums").unwrap();
    assert!(Value::new(&[2, 2], vec![1.0_f32]).is_err());
    let wide = Value::new(&[1, 4], vec![0.0_f32; 4]).unwrap();
    let whole = Value::new(&[1, 3], vec![0_i64; 3]).unwrap();
    let right = Value::new(&[1, 3], vec![0.0_f32; 3]).unwrap();
    for (inputs, outputs) in [
        (vec![("input", &wide)], ["sums"]),
        (vec![("input", &whole)], ["sums"]),
        (vec![("other", &right)], ["sums"]),
        (vec![("input", &right)], ["other"]),
    ] {
        let failure = network.run(&inputs, &outputs).map(drop).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Internal);
        assert!(failure.to_string().contains("the network sums"), "{failure}");
    }
    let made = network.run(&[("input", &right)], &["sums"]).unwrap();
    assert!(made[0].numbers::<i64>().unwrap_err().to_string().contains("another type of numbers"));
}

#[test]
fn damaged_weights_are_named_with_the_command_that_brings_them() {
    let folder = tempfile::tempdir().unwrap();
    let failure = network(&weights(folder.path()), "broken").map(drop).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Internal);
    assert!(failure.to_string().contains("run scripts/weights broken"), "{failure}");
}

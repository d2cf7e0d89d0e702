//! What ARCHITECTURE.md says of the crates, asked of Cargo: which may know AWS or the sandbox, and that no dependency is
//! compiled twice for different features.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of `cargo tree`, each a package and its features: `serde v1.0.229|derive,std`.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}|{f}"]);
    let output = command.args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "cargo tree {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).filter(|line| line.contains('|')).collect()
}

/// Names of all packages that a package is linked with.
fn dependencies(package: &str) -> BTreeSet<String> {
    let lines = tree(&["--edges", "normal", "--package", package]);
    lines.iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn members(folder: &str) -> Vec<String> {
    let entries = fs_err::read_dir(root().join(folder)).expect("a folder of crates");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Crates that may know AWS's SDKs: the store, what runs over it, the managed engines, and the control plane's AWS side.
const KNOW_AWS: [&str; 6] = ["control-aws", "control-local", "managed", "runner", "store", "web-console"];

#[test]
fn only_the_crates_that_say_so_know_aws() {
    for library in members("crates") {
        let found: Vec<_> = dependencies(&library).into_iter().filter(|name| name.starts_with("aws-")).collect();
        if !KNOW_AWS.contains(&library.as_str()) {
            assert!(found.is_empty(), "{library} knows AWS through {found:?}");
        }
    }
}

#[test]
fn a_laptop_s_pipeline_is_built_without_aws() {
    let lines = tree(&["--edges", "normal", "--package", "pipeline", "--no-default-features"]);
    let foreign: Vec<_> = lines.iter().filter(|line| line.starts_with("aws-") || line.starts_with("rustls ")).collect();
    assert!(foreign.is_empty(), "`make demo` compiles {foreign:?}");
}

#[test]
fn the_lambdas_of_the_control_plane_are_linked_with_neither_the_sandbox_nor_a_terminal() {
    for program in members("jobs").iter().filter(|name| name.ends_with("-lambda")) {
        let dependencies = dependencies(program);
        for foreign in ["seccompiler", "landlock", "indicatif", "clap_complete", "sandbox", "runner"] {
            assert!(!dependencies.contains(foreign), "{program} is linked with {foreign}");
        }
    }
}

#[test]
fn an_operation_is_linked_with_no_network() {
    for library in [
        "catalog",
        "contract",
        "inference",
        "mechanics",
        "ocr",
        "operation",
        "pixels",
        "scene",
        "semantics",
        "solid",
        "tracer",
    ] {
        let dependencies = dependencies(library);
        for foreign in ["tokio", "hyper", "rustls", "seccompiler"] {
            assert!(!dependencies.contains(foreign), "{library} is linked with {foreign}");
        }
    }
}

#[test]
fn only_programs_with_networks_are_linked_with_their_runtime_and_none_links_its_library() {
    let know: BTreeSet<_> = members("crates").into_iter().filter(|name| dependencies(name).contains("ort")).collect();
    assert_eq!(know, BTreeSet::from(["inference".to_owned(), "ocr".to_owned()]));
    for program in members("jobs").iter().filter(|name| name.ends_with("-lambda")) {
        assert!(!dependencies(program).contains("inference"), "{program} is linked with inference");
    }
    // Opened when an operation needs it: a library that is linked would be loaded by every start.
    let features = tree(&["--edges", "normal", "--package", "inference"]);
    let ort = features.iter().find(|line| line.starts_with("ort ")).expect("inference is linked with ort");
    let features = ort.rsplit_once('|').expect("a package and its features").1;
    assert!(features.contains("load-dynamic") && !features.contains("download-binaries"), "{features}");
}

#[test]
fn building_one_program_after_the_workspace_compiles_no_dependency_again() {
    let by_package = |lines: BTreeSet<String>| {
        let mut features: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in lines {
            let (package, set) = line.rsplit_once('|').expect("a package and its features");
            features.entry(package.to_owned()).or_default().insert(set.to_owned());
        }
        features
    };
    let workspace = by_package(tree(&["--edges", "normal,build", "--workspace"]));
    let mut missing = BTreeSet::new();
    for package in members("jobs").into_iter().chain(["benches".into(), "e2e".into()]) {
        for (dependency, sets) in by_package(tree(&["--edges", "normal,build", "--package", &package])) {
            for set in sets.difference(&workspace[&dependency]) {
                missing.insert(format!("{package}: {dependency} {set:?}, workspace {:?}", workspace[&dependency]));
            }
        }
    }
    assert!(missing.is_empty(), "name the missing features in crates/unified-features/Cargo.toml: {missing:#?}");
}

/// Rust files of the programs and libraries.
fn sources() -> Vec<PathBuf> {
    let mut pending: Vec<PathBuf> = ["crates", "jobs"].map(|folder| root().join(folder)).into();
    let mut sources = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("tests") && !path.ends_with("target") {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    sources
}

/// A library's panic that is caught in another way is taken by the worker for the cause of a later one.
#[test]
fn panics_are_caught_by_the_rule_of_the_sandbox() {
    let rule = ["crates/operation/src/panic.rs", "crates/sandbox/src/serve.rs"];
    for path in sources() {
        let text = fs_err::read_to_string(&path).expect("a source");
        // Errors that go through C's frames are thrown and caught by `resume_unwind`, which asks no hook.
        let is_known = rule.iter().any(|known| path.ends_with(known)) || text.contains("resume_unwind");
        assert!(is_known || !text.contains("catch_unwind"), "{}: use operation::tolerate_panics", path.display());
    }
}

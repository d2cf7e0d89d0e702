//! Runs operations on bytes in the process of a test, without a worker, a store or a runner, and finds the corpus of real
//! and hostile files. For tests: what is wrong with a test's own input panics.

mod damage;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::{Detection, Format, Operations, detect};
use contract::{Failure, Properties};
use operation::{Input, InputSource, Job, OutputDescription, Outputs, Progress, Task, Weights};
use serde_json::Value;
use tempfile::TempDir;

pub use damage::{Random, no_damage_is_an_internal_failure};

/// What an operation has made.
#[derive(Debug)]
pub struct Finished {
    /// The facts about the whole result, `warnings` among them, as in the manifest.
    pub properties: Properties,
    outputs: BTreeMap<String, (Vec<u8>, Properties)>,
    folder: TempDir,
}

impl Finished {
    /// The names of all outputs, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.outputs.keys().map(String::as_str).collect()
    }

    /// An output's bytes.
    pub fn bytes(&self, name: &str) -> &[u8] {
        &self.output(name).0
    }

    /// An output's text.
    pub fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// An output's JSON.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The facts about one output.
    pub fn properties_of(&self, name: &str) -> &Properties {
        &self.output(name).1
    }

    /// The folder that holds the outputs until this value is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn output(&self, name: &str) -> &(Vec<u8>, Properties) {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output {name} among {:?}", self.names()))
    }
}

/// Runs the one operation of a processing-option on an input.
pub fn run(job: &Job, processing_option: &str, input: Input) -> Result<Finished, Failure> {
    run_with(job, processing_option, input, Weights::default())
}

/// The same, of an operation that needs weights.
pub fn run_with(job: &Job, processing_option: &str, input: Input, weights: Weights) -> Result<Finished, Failure> {
    let operations = Operations::parse_for(job.kind, processing_option).expect("the test's processing-option is right");
    assert_eq!(operations.iter().count(), 1, "{processing_option} has one operation");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let outputs = Outputs::in_folder(folder.path());
    let task = Task { weights, ..Task::new(input, outputs, Progress::silent()) };
    let properties = task.outputs.with_warnings(job.process(operations.first(), &task)?);
    let outputs = task.outputs.finished().into_iter().map(|OutputDescription { name, properties, .. }| {
        let bytes = fs_err::read(folder.path().join(&name)).expect("an output is in the folder");
        (name, (bytes, properties))
    });
    Ok(Finished { properties, outputs: outputs.collect(), folder })
}

/// An input of that name and content, whose format is found out as classify does.
pub fn input(name: &str, bytes: &[u8]) -> Result<Input, Failure> {
    match detect(bytes, bytes.len() as u64, name, None) {
        Detection::Known(format) => Ok(input_as(format, name, bytes)),
        Detection::Unsupported(reason) => Err(Failure::invalid_input(reason)),
    }
}

/// An input of that name and content, read as a format.
pub fn input_as(format: Format, name: &str, bytes: &[u8]) -> Input {
    Input::from_file(name, format, file_of(bytes)).expect("an input of a file")
}

/// The same with companion files, each a name and its content.
pub fn input_with_companions(format: Format, name: &str, bytes: &[u8], companions: &[(&str, &[u8])]) -> Input {
    let companions = companions.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    let source = Companions { file: file_of(bytes), companions };
    Input::new(name, format, bytes.len() as u64, Arc::new(source))
}

/// A folder or a file of the corpus, for tests that are ignored without it.
pub fn corpus(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus").join(path);
    assert!(path.exists(), "{} not found", path.display());
    path
}

/// The files of a folder of the corpus, by name.
pub fn corpus_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(corpus(folder)).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("a temporary file can be written");
    file
}

struct Companions {
    file: File,
    companions: BTreeMap<String, Vec<u8>>,
}

impl InputSource for Companions {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn companion(&self, relative: &str) -> Result<File, Failure> {
        let bytes = self.companions.get(relative);
        bytes.map(|bytes| file_of(bytes)).ok_or_else(|| Failure::invalid_input(format!("{relative:?} not found")))
    }
}

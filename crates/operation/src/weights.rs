//! Weights of neural networks, as operations see them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::WeightsFile;
use contract::Failure;
use memmap2::Mmap;

use crate::Job;

/// The folder of weights, if it is not beside the program: each file is named by its SHA-256.
pub const FOLDER_VARIABLE: &str = "WEIGHTS_FOLDER";

/// Weights, mapped read-only. The parent process opens them before it forks the first worker, so that all workers share
/// one copy in memory, and so that a worker that can open no file has them.
#[derive(Clone, Default)]
pub struct Weights(Arc<BTreeMap<&'static str, Entry>>);

struct Entry {
    file: &'static WeightsFile,
    /// The mapped file, or why it cannot be used.
    content: Result<Mmap, String>,
}

impl Weights {
    /// Opens the given files in a folder. A file that is not there, or has another length, is an error for the operation
    /// that asks for it and for nobody else.
    pub fn open(folder: &Path, files: impl IntoIterator<Item = &'static WeightsFile>) -> Self {
        let entry =
            |file: &'static WeightsFile| (file.name, Entry { file, content: map(&folder.join(file.sha256), file) });
        Self(Arc::new(files.into_iter().map(entry).collect()))
    }

    /// The files that the operations of these jobs name, each once.
    pub fn files_of(jobs: &[Job]) -> Vec<&'static WeightsFile> {
        let processors = jobs.iter().flat_map(|job| job.processors);
        let names: BTreeSet<&str> =
            processors.flat_map(|processor| processor.declaration().profile.weights.iter().copied()).collect();
        names.into_iter().filter_map(WeightsFile::named).collect()
    }

    /// The weights that the operations of these jobs name, from the installation's folder. Nothing is opened if they name
    /// none.
    pub fn of_jobs(jobs: &[Job]) -> Self {
        let files = Self::files_of(jobs);
        if files.is_empty() { Self::default() } else { Self::open(&folder(), files) }
    }

    /// The bytes of weights by name. Weights that are not there are an invalid request: the program lacks a part that
    /// `scripts/weights` brings.
    pub fn get(&self, name: &str) -> Result<&[u8], Failure> {
        let entry = self.0.get(name).ok_or_else(|| {
            Failure::internal(format!("the operation asked for the weights {name}, which its profile does not name"))
        })?;
        entry.content.as_deref().map_err(|reason| {
            Failure::invalid_request(format!(
                "the weights {name} cannot be used: {reason}; scripts/weights fetches them"
            ))
        })
    }

    /// Address space that the maps take, bytes: it is no memory of a worker's own.
    pub fn mapped_bytes(&self) -> u64 {
        self.0.values().filter_map(|entry| entry.content.as_ref().ok()).map(|map| map.len() as u64).sum()
    }

    /// Name and SHA-256 of each of these weights that is there, for the manifest.
    pub fn versions(&self, names: &[&str]) -> Vec<(String, String)> {
        let usable = names.iter().filter_map(|name| self.0.get(name)).filter(|entry| entry.content.is_ok());
        let version = |entry: &Entry| (format!("weights {}", entry.file.name), format!("sha256:{}", entry.file.sha256));
        usable.map(version).collect()
    }
}

/// Where weights are looked for: [`FOLDER_VARIABLE`], else `../share/data-pipeline/weights` beside the program's folder (as
/// in the images), else `../weights` (as in `target/`).
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
        return folder.into();
    }
    let program = std::env::current_exe().unwrap_or_default();
    let beside = |relative: &str| program.parent().unwrap_or(Path::new("")).join(relative);
    let installed = beside("../share/data-pipeline/weights");
    if installed.is_dir() { installed } else { beside("../weights") }
}

fn map(path: &Path, file: &WeightsFile) -> Result<Mmap, String> {
    let open = || -> std::io::Result<Mmap> {
        let opened = fs_err::File::open(path)?;
        // SAFETY: the folder of weights belongs to the installation; a file in it is named by its digest and never changed.
        unsafe { Mmap::map(&opened) }
    };
    let map = open().map_err(|error| format!("failed to open {}: {error}", path.display()))?;
    if map.len() as u64 != file.bytes {
        return Err(format!("{} has {} bytes instead of {}", path.display(), map.len(), file.bytes));
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    static FILE: WeightsFile = WeightsFile {
        name: "numbers",
        registry: "pypi",
        package: "numbers",
        version: "1",
        file: "numbers.bin",
        sha256: "00ff",
        bytes: 3,
        licence: "MIT",
    };

    #[test]
    fn weights_are_found_by_their_digest_and_named_with_it() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("00ff"), [1, 2, 3]).unwrap();
        let weights = Weights::open(folder.path(), [&FILE]);
        assert_eq!(weights.get("numbers").unwrap(), [1, 2, 3]);
        assert_eq!(weights.mapped_bytes(), 3);
        assert_eq!(weights.versions(&["numbers"]), [("weights numbers".to_owned(), "sha256:00ff".to_owned())]);
    }

    #[test]
    fn weights_that_are_missing_or_cut_fail_only_who_asks_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Weights::open(folder.path(), [&FILE]).get("numbers").unwrap_err().to_string();
        assert!(missing.contains("00ff") && missing.ends_with("scripts/weights fetches them"), "{missing}");
        fs_err::write(folder.path().join("00ff"), [1, 2]).unwrap();
        let weights = Weights::open(folder.path(), [&FILE]);
        assert!(weights.get("numbers").unwrap_err().to_string().contains("has 2 bytes instead of 3"));
        assert_eq!((weights.mapped_bytes(), weights.versions(&["numbers"])), (0, Vec::new()));
        assert_eq!(weights.get("others").unwrap_err().kind(), contract::FailureKind::Internal);
    }
}

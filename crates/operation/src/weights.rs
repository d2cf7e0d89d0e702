//! Weights of neural networks, as operations see them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::WeightsFile;
use contract::Failure;
use memmap2::Mmap;
use sha2::{Digest, Sha256};

use crate::Job;

/// The folder of weights, if it is not beside the program: each file is named by its SHA-256.
pub const FOLDER_VARIABLE: &str = "WEIGHTS_FOLDER";

/// A list in the folder of weights that names other files for names of the catalog's list: `name`, SHA-256 and bytes, a line
/// each, tab-separated. A file of a user's own has to fit the operation as the one in its place does. Behind an `@` a name has
/// that of weights which are used only if an operation's options name them: `speech-encoder@small`.
pub const OWN_LIST: &str = "own.tsv";

/// Weights, mapped read-only. The parent process opens them before it forks the first worker, so that all workers share
/// one copy in memory, and so that a worker that can open no file has them.
#[derive(Clone, Default)]
pub struct Weights(Arc<BTreeMap<String, Entry>>);

struct Entry {
    sha256: String,
    path: PathBuf,
    /// The mapped file, or why it cannot be used.
    content: Result<Mmap, Unusable>,
}

enum Unusable {
    Missing(String),
    Damaged(String),
}

impl Weights {
    /// Opens the given files in a folder. A file that is not there, or has another length, is an error for the operation
    /// that asks for it and for nobody else.
    pub fn open(folder: &Path, files: impl IntoIterator<Item = &'static WeightsFile>) -> Self {
        // Absolute: a worker's folder is another one.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let own = fs_err::read_to_string(folder.join(OWN_LIST)).unwrap_or_default();
        let entry = |(sha256, bytes): (&str, Option<u64>)| {
            let path = folder.join(sha256);
            Entry { sha256: sha256.to_owned(), content: map(&path, bytes), path }
        };
        let mut entries = BTreeMap::new();
        for file in files {
            let listed = replaced(&own, file.name).unwrap_or((file.sha256, Some(file.bytes)));
            entries.insert(file.name.to_owned(), entry(listed));
            let is_own = |name: &str| name.split_once('@').is_some_and(|(of, own)| of == file.name && !own.is_empty());
            for (name, listed) in own_lines(&own).filter(|(name, _)| is_own(name)) {
                entries.entry(name.to_owned()).or_insert_with(|| entry(listed));
            }
        }
        Self(Arc::new(entries))
    }

    /// Which weights stand for these names if options ask for weights of a user's own: `NAME@OWN` if the list has it, else
    /// `NAME`.
    pub fn chosen(&self, names: &[&str], own: Option<&str>) -> Vec<String> {
        let chosen = |name: &&str| {
            let own = own.map(|own| format!("{name}@{own}")).filter(|own| self.0.contains_key(own));
            own.unwrap_or_else(|| (*name).to_owned())
        };
        names.iter().map(chosen).collect()
    }

    /// Fails if the list of a user's own weights has none of that name for `name`.
    pub fn require_own(&self, name: &str, own: &str) -> Result<(), Failure> {
        let wanted = format!("{name}@{own}");
        if self.0.contains_key(&wanted) {
            return Ok(());
        }
        let all = self.0.keys().filter_map(|key| key.split_once('@'));
        let known: Vec<&str> = all.filter(|(of, _)| *of == name).map(|(_, own)| own).collect();
        let known =
            if known.is_empty() { "it lists none".to_owned() } else { format!("it lists {}", known.join(", ")) };
        Err(Failure::invalid_request(format!(
            "the weights {own} are not installed: {OWN_LIST} in the folder of weights has no line {wanted}; {known}"
        )))
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
    /// `scripts/weights` brings. Damaged ones are an internal error.
    pub fn get(&self, name: &str) -> Result<&[u8], Failure> {
        Ok(self.entry(name)?.1)
    }

    /// Gives the memory of weights back that a library has read into its own: the next [`Weights::get`] reads the file anew.
    pub fn release(&self, name: &str) {
        if let Some(Ok(map)) = self.0.get(name).map(|entry| &entry.content) {
            // SAFETY: the map is of a file and read-only, so that its pages come back with the same bytes.
            let released = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            // Without it the process is larger, and does the same.
            drop(released);
        }
    }

    /// Whether weights are there, for an operation that can do without them: not if they are not installed, or if whoever runs it
    /// opened none. Damaged ones are an error.
    pub fn is_installed(&self, name: &str) -> Result<bool, Failure> {
        match self.0.get(name).map(|entry| &entry.content) {
            None | Some(Err(Unusable::Missing(_))) => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(Unusable::Damaged(_))) => self.get(name).map(|_| true),
        }
    }

    /// The absolute path of weights by name, for a library that is loaded before the sandbox closes.
    pub fn path(&self, name: &str) -> Result<&Path, Failure> {
        Ok(&self.entry(name)?.0.path)
    }

    /// SHA-256 of weights by name, in lower-case hexadecimal: what tells two files apart.
    pub fn sha256(&self, name: &str) -> Result<&str, Failure> {
        Ok(&self.entry(name)?.0.sha256)
    }

    /// Whether the file still has its digest. The kernel's cache being warm, a second for some 2 GB.
    pub fn is_intact(&self, name: &str) -> bool {
        let is_equal = |(entry, content): (&Entry, &[u8])| {
            contract::hexadecimal(&Sha256::digest(content)).eq_ignore_ascii_case(&entry.sha256)
        };
        self.entry(name).is_ok_and(is_equal)
    }

    fn entry(&self, name: &str) -> Result<(&Entry, &[u8]), Failure> {
        let entry = self.0.get(name).ok_or_else(|| {
            Failure::internal(format!("the operation asked for the weights {name}, which its profile does not name"))
        })?;
        match &entry.content {
            Ok(map) => Ok((entry, map)),
            Err(Unusable::Missing(reason)) => Err(Failure::invalid_request(format!(
                "the weights {name} are not installed: {reason}; run scripts/weights {name}"
            ))),
            Err(Unusable::Damaged(reason)) => Err(Failure::internal(format!(
                "the weights {name} are damaged: {reason}; remove the file and run scripts/weights {name}"
            ))),
        }
    }

    /// Address space that the maps take, bytes: it is no memory of a worker's own.
    pub fn mapped_bytes(&self) -> u64 {
        self.0.values().filter_map(|entry| entry.content.as_ref().ok()).map(|map| map.len() as u64).sum()
    }

    /// Name and SHA-256 of each of these weights that is there, for the manifest.
    pub fn versions<S: AsRef<str>>(&self, names: &[S]) -> Vec<(String, String)> {
        let usable = names
            .iter()
            .filter_map(|name| self.0.get_key_value(name.as_ref()))
            .filter(|(_, entry)| entry.content.is_ok());
        usable.map(|(name, entry)| (format!("weights {name}"), format!("sha256:{}", entry.sha256))).collect()
    }
}

/// What a user's own list names in the place of the catalog's file: SHA-256, and bytes if they are said.
fn replaced<'a>(own: &'a str, name: &str) -> Option<(&'a str, Option<u64>)> {
    own_lines(own).find(|(listed, _)| *listed == name).map(|(_, file)| file)
}

/// The names of a user's own list, each with its SHA-256, and bytes if they are said.
fn own_lines(own: &str) -> impl Iterator<Item = (&str, (&str, Option<u64>))> {
    own.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        let (name, sha256) = fields.next().zip(fields.next())?;
        let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then(|| (name, (sha256, fields.next().and_then(|bytes| bytes.trim().parse().ok()))))
    })
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

fn map(path: &Path, bytes: Option<u64>) -> Result<Mmap, Unusable> {
    let open = || -> std::io::Result<Mmap> {
        let opened = fs_err::File::open(path)?;
        // SAFETY: the folder of weights belongs to the installation; a file in it is named by its digest and never changed.
        unsafe { Mmap::map(&opened) }
    };
    let map = open().map_err(|error| {
        let reason = error.to_string();
        if error.kind() == std::io::ErrorKind::NotFound { Unusable::Missing(reason) } else { Unusable::Damaged(reason) }
    })?;
    match bytes {
        Some(bytes) if map.len() as u64 != bytes => {
            Err(Unusable::Damaged(format!("{} has {} bytes instead of {bytes}", path.display(), map.len())))
        }
        _ => Ok(map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

    static FILE: WeightsFile = WeightsFile {
        name: "numbers",
        machine: "any",
        registry: "pypi",
        package: "numbers",
        version: "1",
        package_sha256: "11",
        converter: "-",
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
        assert!(weights.path("numbers").unwrap().is_absolute());
        assert_eq!(weights.mapped_bytes(), 3);
        assert_eq!(weights.versions(&["numbers"]), [("weights numbers".to_owned(), "sha256:00ff".to_owned())]);
    }

    #[test]
    fn a_list_in_the_folder_names_a_file_of_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join(OWN), [4, 5]).unwrap();
        fs_err::write(folder.path().join(OWN_LIST), format!("# mine\nother\t00\nnumbers\t{OWN}\t2\n")).unwrap();
        let weights = Weights::open(folder.path(), [&FILE]);
        assert_eq!(weights.get("numbers").unwrap(), [4, 5]);
        assert_eq!(weights.versions(&["numbers"]), [("weights numbers".to_owned(), format!("sha256:{OWN}"))]);
    }

    #[test]
    fn weights_of_a_users_own_have_names_and_are_taken_if_they_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("00ff"), [1, 2, 3]).unwrap();
        fs_err::write(folder.path().join(OWN), [4, 5]).unwrap();
        fs_err::write(folder.path().join(OWN_LIST), format!("numbers@large\t{OWN}\nother@large\t{OWN}\n")).unwrap();
        let weights = Weights::open(folder.path(), [&FILE]);
        assert_eq!(weights.chosen(&["numbers", "letters"], Some("large")), ["numbers@large", "letters"]);
        assert_eq!(weights.chosen(&["numbers"], None), ["numbers"]);
        assert_eq!(weights.get("numbers@large").unwrap(), [4, 5]);
        assert_eq!(weights.get("numbers").unwrap(), [1, 2, 3]);
        assert!(weights.get("other@large").is_err(), "nobody names it");
        assert!(weights.require_own("numbers", "large").is_ok());
        let missing = weights.require_own("numbers", "huge").unwrap_err();
        assert_eq!(missing.kind(), contract::FailureKind::InvalidRequest);
        assert!(missing.to_string().ends_with("has no line numbers@huge; it lists large"), "{missing}");
    }

    #[test]
    fn weights_that_are_missing_or_cut_fail_only_who_asks_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Weights::open(folder.path(), [&FILE]).get("numbers").unwrap_err();
        assert_eq!(missing.kind(), contract::FailureKind::InvalidRequest);
        let text = missing.to_string();
        assert!(text.contains("00ff") && text.ends_with("run scripts/weights numbers"), "{text}");
        fs_err::write(folder.path().join("00ff"), [1, 2]).unwrap();
        let weights = Weights::open(folder.path(), [&FILE]);
        let damaged = weights.get("numbers").unwrap_err();
        assert_eq!(damaged.kind(), contract::FailureKind::Internal);
        assert!(damaged.to_string().contains("has 2 bytes instead of 3"), "{damaged}");
        assert_eq!((weights.mapped_bytes(), weights.versions(&["numbers"])), (0, Vec::new()));
        assert!(weights.is_installed("numbers").is_err() && !weights.is_installed("others").unwrap());
        assert_eq!(weights.get("others").unwrap_err().kind(), contract::FailureKind::Internal);
    }
}

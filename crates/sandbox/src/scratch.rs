//! The files that a worker has the parent make for its outputs.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use contract::Failure;
use operation::{OutputDescription, is_output_name};

use super::protocol::MAX_OUTPUTS;

/// Removes everything it made when dropped, but for what was kept.
pub(super) struct Scratch<'a> {
    folder: &'a Path,
    files: HashMap<String, PathBuf>,
    /// Sizes of complete files, which may be gone by now: stored elsewhere.
    finished: HashMap<String, u64>,
    folders: BTreeSet<PathBuf>,
}

impl<'a> Scratch<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder, files: HashMap::new(), finished: HashMap::new(), folders: BTreeSet::new() }
    }

    /// A new file below the folder.
    pub(super) fn create(&mut self, name: &str) -> Result<File, Failure> {
        if !is_output_name(name) || name.chars().any(char::is_control) {
            let shown: String = name.chars().take(100).collect();
            return Err(Failure::internal(format!("{shown:?} is not a valid output name")));
        }
        if self.files.len() >= MAX_OUTPUTS {
            return Err(Failure::internal(format!("the operation makes more than {MAX_OUTPUTS} files")));
        }
        let path = self.folder.join(name);
        let mut missing = Vec::new();
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.folder) {
            if !folder.exists() {
                missing.push(folder.to_owned());
            }
        }
        let failed =
            |error: std::io::Error| Failure::from(error).context(format!("failed to create the output {name:?}"));
        if !missing.is_empty() {
            fs_err::create_dir_all(path.parent().unwrap_or(self.folder)).map_err(failed)?;
        }
        self.folders.extend(missing);
        let mut options = fs_err::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path).map_err(failed)?;
        self.files.insert(name.to_owned(), path);
        Ok(file.into_parts().0)
    }

    /// The worker says that an output is complete.
    pub(super) fn finished(&mut self, output: &OutputDescription) -> Result<(), Failure> {
        check_description(output)?;
        let size = self.files.get(&output.name).map(|path| size_of(path));
        match size {
            Some(size) if self.finished.insert(output.name.clone(), size).is_none() => Ok(()),
            _ => Err(not_made(output)),
        }
    }

    /// Bytes of all files together, those that were complete and are gone included.
    pub(super) fn size(&self) -> u64 {
        let sizes =
            self.files.iter().map(|(name, path)| size_of(path).max(self.finished.get(name).copied().unwrap_or(0)));
        sizes.fold(0, u64::saturating_add)
    }

    /// Leaves the finished outputs, and nothing else, where they are.
    pub(super) fn keep(mut self, outputs: &[OutputDescription]) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        for output in outputs {
            check_description(output)?;
            if !names.insert(&output.name) || !self.files.contains_key(&output.name) {
                return Err(not_made(output));
            }
        }
        for output in outputs {
            self.files.remove(&output.name);
        }
        Ok(())
    }
}

fn size_of(path: &Path) -> u64 {
    fs_err::symlink_metadata(path).map_or(0, |file| file.len())
}

fn not_made(output: &OutputDescription) -> Failure {
    let shown: String = output.name.chars().take(100).collect();
    Failure::internal(format!("the worker reported an output {shown:?} that it did not make"))
}

/// The worker's words about an output stand in the manifest beside the parent's own, and as a header in the store.
fn check_description(output: &OutputDescription) -> Result<(), Failure> {
    let bad = |what: &str| {
        let shown: String = output.name.chars().take(100).collect();
        Err(Failure::internal(format!("the worker gave its output {shown:?} {what}")))
    };
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let essence = output.content_type.split(';').next().unwrap_or_default();
    let is_media_type = essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let is_header = output.content_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !is_media_type || !is_header || output.content_type.len() > 255 {
        return bad("no media type");
    }
    // The properties stand flat beside these (see `Output`); of a name that is there twice, a reader may take either.
    match output.properties.keys().find(|name| ["key", "size", "sha256", "contentType"].contains(&name.as_str())) {
        Some(name) => bad(&format!("a property {name:?}, which is not its to say")),
        None => Ok(()),
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        for path in self.files.values() {
            if let Err(error) = fs_err::remove_file(path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!("a file of no use stays in the scratch folder: {error}");
            }
        }
        for folder in self.folders.iter().rev() {
            // A folder with kept outputs is not empty and stays.
            let _ = fs_err::remove_dir(folder);
        }
    }
}

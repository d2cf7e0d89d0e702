//! The folder of the results, and what is beside them: `.pipeline` with the records, and `events.jsonl`.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use catalog::Operations;
use contract::{Failure, JobEvent, MANIFEST_NAME};
use rustix::fs::{FlockOperation, flock};

use crate::objects::WORK;

/// The folder in the outbox that holds what is not a result.
const PRIVATE_FOLDER: &str = ".pipeline";

/// The file of the events.
pub const EVENTS: &str = "events.jsonl";

/// The records of an outbox.
pub fn records_of(outbox: &Path) -> PathBuf {
    private_folder(outbox).join("records.sqlite")
}

/// What is not a result.
pub(crate) fn private_folder(outbox: &Path) -> PathBuf {
    outbox.join(PRIVATE_FOLDER)
}

/// A folder of results that this process alone writes to.
#[derive(Debug)]
pub struct Outbox {
    root: PathBuf,
    private: PathBuf,
    _lock: File,
}

impl Outbox {
    /// Makes the outbox, takes its lock and clears what a killed run left.
    pub fn open(inbox: &Path, root: &Path) -> Result<Self, Failure> {
        if !inbox.is_dir() {
            return Err(Failure::input_not_found(format!("the inbox {} is not a folder", inbox.display())));
        }
        let private = private_folder(root);
        fs_err::create_dir_all(&private)?;
        if fs_err::canonicalize(inbox)? == fs_err::canonicalize(root)? {
            return Err(Failure::invalid_request(
                "the inbox and the outbox are the same folder; results need one of their own",
            ));
        }
        // Requests in it may have passwords in them.
        fs_err::set_permissions(&private, PermissionsExt::from_mode(0o700))?;
        let lock = fs_err::File::create(private.join("lock"))?.into_parts().0;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Failure::temporary(format!("another pipeline is at work on {}; let it finish or stop it", root.display()))
        })?;
        let outbox = Self { root: root.to_owned(), private, _lock: lock };
        if outbox.scratch().exists() {
            fs_err::remove_dir_all(outbox.scratch())?;
        }
        fs_err::create_dir(outbox.scratch())?;
        fs_err::create_dir_all(outbox.work())?;
        Ok(outbox)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for inputs and outputs in transit.
    pub fn scratch(&self) -> PathBuf {
        self.private.join("scratch")
    }

    /// The folder of the lists of packed jobs and of the parts of long work.
    pub fn work(&self) -> PathBuf {
        self.private.join(WORK)
    }

    /// Removes what a killed run stored of an operation without coming to its commit.
    pub(crate) fn clear_leftovers(&self, key: &str, operations: &Operations) -> Result<(), Failure> {
        for operation in operations {
            let folder = self.root.join(key).join(operation.folder());
            if folder.is_dir() && !folder.join(MANIFEST_NAME).is_file() {
                fs_err::remove_dir_all(folder)?;
            }
        }
        Ok(())
    }

    /// Removes files of an earlier version's result that are not part of the new one. Returns their keys.
    pub(crate) fn clear_replaced(&self, event: &JobEvent) -> Result<Vec<String>, Failure> {
        let mut removed = Vec::new();
        let is_whole = event.output_count == event.outputs.len() as u64;
        let Some(manifest) = event.manifest_key.as_ref().filter(|_| is_whole) else { return Ok(removed) };
        let manifest = self.root.join(manifest);
        let mut kept: Vec<PathBuf> = event.outputs.iter().map(|output| self.root.join(&output.key)).collect();
        let folder = manifest.parent().map(Path::to_owned).unwrap_or_default();
        kept.push(manifest);
        kept.sort_unstable();
        for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
            let path = entry.path();
            if entry.file_type().is_file() && kept.binary_search_by(|kept| kept.as_path().cmp(path)).is_err() {
                fs_err::remove_file(path)?;
                removed.extend(path.strip_prefix(&self.root).ok().map(|key| key.to_string_lossy().into_owned()));
            }
        }
        Ok(removed)
    }
}

//! The folder that is the bucket of uploads: a file is an object, the file beside it with the ending `.processing-option` is
//! its metadata, and a look at the folder makes the events that S3 would.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use catalog::{MediaKind, Rules};
use contract::{Failure, Location};
use walkdir::{DirEntry, WalkDir};

/// The ending of the file beside an upload that says what is done with it.
/// The ending of the file beside an upload that says what is done with it.
pub const SIDECAR_ENDING: &str = ".processing-option";

/// A longer text than this is not a processing-option.
const MAX_SIDECAR_BYTES: u64 = 64 * 1024;

/// The folder of the uploads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    root: PathBuf,
    /// Left out of the uploads, if it is below the inbox.
    outbox: PathBuf,
    /// Paths that their keys do not spell: names that are not UTF-8.
    paths: Arc<Mutex<HashMap<String, PathBuf>>>,
}

/// A file of the inbox when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxFile {
    /// Its path below the inbox, with `/`.
    pub key: String,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

impl Inbox {
    /// The inbox of an outbox; both are folders.
    pub fn new(root: &Path, outbox: &Path) -> Result<Self, Failure> {
        Ok(Self { root: root.to_owned(), outbox: fs_err::canonicalize(outbox)?, paths: Arc::default() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every file of the inbox, by key. Hidden files, sidecars and the outbox are left out; links to files are followed,
    /// links to folders are not.
    pub fn scan(&self) -> Result<Vec<InboxFile>, Failure> {
        let is_wanted = |entry: &DirEntry| {
            let is_hidden = entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
            let is_outbox =
                entry.file_type().is_dir() && fs_err::canonicalize(entry.path()).is_ok_and(|path| path == self.outbox);
            !is_hidden && !is_outbox
        };
        let mut files = Vec::new();
        let mut paths = HashMap::new();
        for entry in WalkDir::new(&self.root).sort_by_file_name().into_iter().filter_entry(is_wanted) {
            let entry =
                entry.map_err(|error| Failure::invalid_request(format!("failed to read the inbox: {error}")))?;
            // A file may be gone since the folder was read; a link may lead nowhere.
            let Ok(metadata) = fs_err::metadata(entry.path()) else { continue };
            let relative = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            let key = parts.join("/");
            if metadata.is_file() && !key.ends_with(SIDECAR_ENDING) {
                if relative.to_str().is_none() {
                    paths.insert(key.clone(), entry.path().to_owned());
                }
                let modified = metadata.modified()?;
                files.push(InboxFile { key, path: entry.path().to_owned(), size: metadata.len(), modified });
            }
        }
        *self.paths.lock().unwrap_or_else(PoisonError::into_inner) = paths;
        Ok(files)
    }

    /// The file of a key. A key that would lead out of the inbox is refused.
    pub fn path_of(&self, key: &str) -> Result<PathBuf, Failure> {
        if let Some(path) = self.paths.lock().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(path.clone());
        }
        let is_below = !key.is_empty() && Path::new(key).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_below {
            return Err(Failure::invalid_request(format!(
                "{key:?} is not a file of the inbox; give its path below {}",
                self.root.display()
            )));
        }
        Ok(self.root.join(key))
    }

    /// Where the file of a key is, for whoever reads it.
    pub fn location_of(&self, key: &str) -> Result<Location, Failure> {
        self.path_of(key).map(Location::Local)
    }

    /// What a file is, and what is asked for it: a different text is a different version, and the work is done again.
    pub fn version_of(&self, key: &str, etag: &str, rules: &Rules) -> Result<String, Failure> {
        let mut version = etag.to_owned();
        match self.processing_option(key)? {
            Some(option) => {
                let _ = write!(version, " asked {}", contract::job_id(key, &option));
            }
            None => {
                for (kind, operations) in rules.matching(key) {
                    let kind = kind.map_or("any", MediaKind::name);
                    let _ = write!(version, " {kind} {}", contract::job_id(key, &operations.unredacted()));
                }
            }
        }
        Ok(version)
    }

    /// The text beside a file, if there is one.
    pub fn processing_option(&self, key: &str) -> Result<Option<String>, Failure> {
        let mut name = self.path_of(key)?.into_os_string();
        name.push(SIDECAR_ENDING);
        let sidecar = PathBuf::from(name);
        if !sidecar.is_file() {
            return Ok(None);
        }
        let mut text = Vec::new();
        fs_err::File::open(&sidecar)?.take(MAX_SIDECAR_BYTES).read_to_end(&mut text)?;
        Ok(Some(String::from_utf8_lossy(&text).trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(folder: &Path) -> Inbox {
        for name in ["b.jpg", "a/é x.png", ".hidden", "b.jpg.processing-option", "out/b.jpg/resize/b.jpg"] {
            let path = folder.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "x").unwrap();
        }
        Inbox::new(folder, &folder.join("out")).unwrap()
    }

    #[test]
    fn sidecars_hidden_files_and_the_outbox_are_not_uploads() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = inbox(folder.path()).scan().unwrap().into_iter().map(|file| file.key).collect();
        assert_eq!(keys, ["a/é x.png", "b.jpg"]);
    }

    #[test]
    fn a_key_does_not_lead_out_of_the_inbox() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = inbox(folder.path());
        assert_eq!(inbox.path_of("a/é x.png").unwrap(), folder.path().join("a/é x.png"));
        for key in ["../x", "/etc/passwd", "a/../../x", "", "a/./x/.."] {
            assert!(inbox.path_of(key).is_err(), "{key}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf_8_leads_to_its_file() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt"));
        fs_err::write(&path, "x").unwrap();
        fs_err::create_dir(folder.path().join("out")).unwrap();
        let inbox = Inbox::new(folder.path(), &folder.path().join("out")).unwrap();
        let files = inbox.scan().unwrap();
        assert_eq!(inbox.path_of(&files[0].key).unwrap(), path);
    }

    #[test]
    fn a_version_is_the_file_and_what_is_asked_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = inbox(folder.path());
        let version = |key: &str, etag: &str, rules: &Rules| inbox.version_of(key, etag, rules).unwrap();
        let none = Rules::default();
        let mut rules = Rules::default();
        rules.add("**", Some(MediaKind::Image), "resize?width=9").unwrap();
        assert_ne!(version("a/é x.png", "1", &none), version("a/é x.png", "2", &none));
        assert_ne!(version("a/é x.png", "1", &none), version("a/é x.png", "1", &rules));
        assert_eq!(version("b.jpg", "1", &none), version("b.jpg", "1", &rules), "its sidecar goes before rules");
        let before = version("b.jpg", "1", &none);
        fs_err::write(folder.path().join("b.jpg.processing-option"), "resize?width=8").unwrap();
        assert_ne!(version("b.jpg", "1", &none), before);
    }
}

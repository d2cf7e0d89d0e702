//! The files of the inbox, and what was asked for beside them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use catalog::{Classification, HEAD_BYTES, Rules, Upload, classify};
use contract::Failure;
use walkdir::{DirEntry, WalkDir};

/// The ending of the file beside an upload that says what is done with it.
const SIDECAR_ENDING: &str = ".processing-option";

/// A longer text than this is no processing-option.
const MAX_SIDECAR_BYTES: u64 = 64 * 1024;

/// A file of the inbox as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InboxFile {
    /// Its path below the inbox, with `/`.
    pub(crate) key: String,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

/// Every file of the inbox, by key. Hidden files, sidecars and the outbox are left out; links to files are followed, links
/// to folders are not.
pub(crate) fn scan(inbox: &Path, outbox: &Path) -> Result<Vec<InboxFile>, Failure> {
    let outbox = fs_err::canonicalize(outbox)?;
    let is_wanted = |entry: &DirEntry| {
        let is_hidden = entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
        let is_outbox =
            entry.file_type().is_dir() && fs_err::canonicalize(entry.path()).is_ok_and(|path| path == outbox);
        !is_hidden && !is_outbox
    };
    let mut files = Vec::new();
    for entry in WalkDir::new(inbox).sort_by_file_name().into_iter().filter_entry(is_wanted) {
        let entry = entry.map_err(|error| Failure::invalid_request(format!("the inbox cannot be read: {error}")))?;
        // A file that went away since is not there any more; a link may lead nowhere.
        let Ok(metadata) = fs_err::metadata(entry.path()) else { continue };
        let relative = entry.path().strip_prefix(inbox).unwrap_or(entry.path());
        let key = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        if metadata.is_file() && !key.ends_with(SIDECAR_ENDING) {
            let modified = metadata.modified()?;
            files.push(InboxFile { key, path: entry.path().to_owned(), size: metadata.len(), modified });
        }
    }
    Ok(files)
}

/// Decides what a file is and what is done with it, as LAMBDA_CLASSIFY does.
pub(crate) fn classify_file(file: &InboxFile, rules: &Rules) -> Result<Classification, Failure> {
    let mut head = Vec::new();
    let mut opened = fs_err::File::open(&file.path)?.take(HEAD_BYTES as u64);
    opened.read_to_end(&mut head)?;
    let sidecar = read_sidecar(&file.path)?;
    let upload = Upload {
        key: &file.key,
        size: file.size,
        head: &head,
        metadata_option: sidecar.as_deref(),
        ..Upload::default()
    };
    Ok(classify(&upload, rules))
}

/// The text beside a file, if there is one.
fn read_sidecar(path: &Path) -> Result<Option<String>, Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(SIDECAR_ENDING);
    let sidecar = PathBuf::from(name);
    if !sidecar.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    fs_err::File::open(&sidecar)?.take(MAX_SIDECAR_BYTES).read_to_end(&mut text)?;
    Ok(Some(String::from_utf8_lossy(&text).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_hidden_files_and_the_outbox_are_not_uploads() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path();
        for name in ["b.jpg", "a/é x.png", ".hidden", "b.jpg.processing-option", "out/b.jpg/resize/b.jpg"] {
            let path = inbox.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "x").unwrap();
        }
        let keys: Vec<_> = scan(inbox, &inbox.join("out")).unwrap().into_iter().map(|file| file.key).collect();
        assert_eq!(keys, ["a/é x.png", "b.jpg"]);
    }
}

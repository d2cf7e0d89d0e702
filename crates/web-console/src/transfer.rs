//! Uploads that can be interrupted: bytes are gathered in a hidden file of the inbox, at an offset that both sides know, and
//! become the upload by a rename once all are there.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use axum::body::{Body, BodyDataStream};
use catalog::Operations;
use contract::Failure;
use control_local::SIDECAR_ENDING;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::folder::is_plain;

/// The longest key, as of S3.
const MAX_KEY: usize = 1024;

/// What is to be uploaded.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Announcement {
    /// Its path below the inbox.
    pub(crate) key: String,
    /// Bytes.
    pub(crate) size: u64,
    /// What to do with it; the kind's default without.
    pub(crate) processing_option: Option<String>,
    /// Tells one file from another of the same name: its date, say. An interrupted upload of the same continues.
    #[serde(default)]
    pub(crate) fingerprint: String,
}

/// How far an upload is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transfer {
    /// Names it.
    pub(crate) id: String,
    /// Bytes that are there.
    pub(crate) offset: u64,
    /// Bytes in all.
    pub(crate) size: u64,
    /// Whether it is an upload now.
    pub(crate) is_complete: bool,
}

/// What is gathered, beside its bytes.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    key: String,
    size: u64,
    processing_option: Option<String>,
}

/// The uploads of an inbox.
#[derive(Debug, Clone)]
pub(crate) struct Transfers {
    inbox: PathBuf,
}

impl Transfers {
    pub(crate) fn new(inbox: &Path) -> Self {
        Self { inbox: inbox.to_owned() }
    }

    fn folder(&self) -> PathBuf {
        self.inbox.join(".uploading")
    }

    /// Begins an upload, or continues an interrupted one.
    pub(crate) fn begin(&self, announcement: &Announcement) -> Result<Transfer, Failure> {
        let Announcement { key, size, processing_option, fingerprint } = announcement;
        check_key(key)?;
        if let Some(option) = processing_option {
            option.parse::<Operations>().map_err(|rejection| Failure::invalid_request(rejection.to_string()))?;
        }
        let option = processing_option.as_deref().unwrap_or_default();
        let id = contract::job_id(key, &format!("{size} {fingerprint} {option}"));
        fs_err::create_dir_all(self.folder())?;
        let bytes = self.folder().join(&id);
        let note = Note { key: key.clone(), size: *size, processing_option: processing_option.clone() };
        let note = serde_json::to_vec(&note).map_err(|error| Failure::internal("a note").because(error))?;
        fs_err::write(bytes.with_extension("note"), note)?;
        let file = OpenOptions::new().create(true).append(true).open(&bytes)?;
        let mut offset = file.metadata()?.len();
        if offset > *size {
            file.set_len(0)?;
            offset = 0;
        }
        let is_complete = if offset == *size { self.complete(&id)? } else { false };
        Ok(Transfer { id, offset, size: *size, is_complete })
    }

    /// Adds bytes at an offset, which has to be where the last ones ended.
    pub(crate) async fn append(&self, id: &str, offset: u64, body: Body) -> Result<Transfer, Failure> {
        let note = self.note(id)?;
        let path = self.folder().join(id);
        let mut file = OpenOptions::new().write(true).open(&path)?;
        let present = file.metadata()?.len();
        if present != offset {
            return Err(Failure::invalid_request(format!(
                "the upload has {present} bytes, not {offset}: continue there"
            )));
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut at = offset;
        let mut pieces: BodyDataStream = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            // What came before the connection ended stays.
            let piece = piece.map_err(|error| Failure::temporary("the upload was interrupted").because(error))?;
            if at + piece.len() as u64 > note.size {
                return Err(Failure::invalid_request(format!(
                    "more bytes came than the {} that were announced",
                    note.size
                )));
            }
            at += piece.len() as u64;
            file = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file))
                .await
                .map_err(|error| Failure::internal("a write ended early").because(error))??;
        }
        drop(file);
        let is_complete = if at == note.size { self.complete(id)? } else { false };
        Ok(Transfer { id: id.to_owned(), offset: at, size: note.size, is_complete })
    }

    fn note(&self, id: &str) -> Result<Note, Failure> {
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let path = self.folder().join(id).with_extension("note");
        if !is_id || !path.is_file() {
            return Err(Failure::input_not_found(format!("no upload {id:?} is under way")));
        }
        serde_json::from_slice(&fs_err::read(path)?)
            .map_err(|error| Failure::internal("the note of an upload is damaged").because(error))
    }

    /// Makes the bytes the upload. What is to be done is there before the file is: the inbox may be watched.
    fn complete(&self, id: &str) -> Result<bool, Failure> {
        let note = self.note(id)?;
        let target = self.inbox.join(&note.key);
        if let Some(folder) = target.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let mut sidecar = target.clone().into_os_string();
        sidecar.push(SIDECAR_ENDING);
        let sidecar = PathBuf::from(sidecar);
        match &note.processing_option {
            Some(option) => fs_err::write(&sidecar, option)?,
            // That of an earlier upload of the same name says nothing about this one.
            None if sidecar.is_file() => fs_err::remove_file(&sidecar)?,
            None => {}
        }
        fs_err::rename(self.folder().join(id), &target)?;
        fs_err::remove_file(self.folder().join(id).with_extension("note"))?;
        Ok(true)
    }
}

fn check_key(key: &str) -> Result<(), Failure> {
    let is_good = is_plain(key)
        && key.len() <= MAX_KEY
        && !key.contains('\\')
        && !key.ends_with(['/', ' '])
        && !key.ends_with(SIDECAR_ENDING);
    if is_good {
        return Ok(());
    }
    Err(Failure::invalid_request(format!(
        "{key:?} cannot be the name of an upload: write folders and a name, none of which begins with a dot"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(key: &str, size: u64, option: Option<&str>) -> Announcement {
        Announcement {
            key: key.to_owned(),
            size,
            processing_option: option.map(str::to_owned),
            fingerprint: "2026".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_interrupted_upload_continues_where_it_was_and_appears_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let transfers = Transfers::new(folder.path());
        let wanted = announcement("a/b c.jpg", 10, Some("resize?width=9"));
        let begun = transfers.begin(&wanted).unwrap();
        assert_eq!((begun.offset, begun.is_complete), (0, false));
        assert_eq!(transfers.append(&begun.id, 0, Body::from("01234")).await.unwrap().offset, 5);
        assert!(!folder.path().join("a/b c.jpg").exists());
        assert!(transfers.append(&begun.id, 0, Body::from("01234")).await.is_err(), "the same bytes twice");
        assert!(transfers.append(&begun.id, 5, Body::from("567890")).await.is_err(), "too many");
        let again = transfers.begin(&wanted).unwrap();
        assert_eq!((again.id.as_str(), again.offset), (begun.id.as_str(), 5));
        assert!(transfers.append(&begun.id, 5, Body::from("56789")).await.unwrap().is_complete);
        assert_eq!(fs_err::read(folder.path().join("a/b c.jpg")).unwrap(), b"0123456789");
        let sidecar = folder.path().join("a/b c.jpg.processing-option");
        assert_eq!(fs_err::read_to_string(&sidecar).unwrap(), "resize?width=9");
        assert!(transfers.append(&begun.id, 10, Body::empty()).await.is_err(), "it is no more under way");

        let empty = transfers.begin(&announcement("a/b c.jpg", 0, None)).unwrap();
        assert!(empty.is_complete && !sidecar.exists());
    }

    #[test]
    fn names_that_lead_elsewhere_and_options_that_cannot_be_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let transfers = Transfers::new(folder.path());
        for key in ["", "../x", "/etc/x", ".hidden", "a/.b/c", "a/../b", "a.jpg.processing-option", "a/", "a\\b", "a\0"]
        {
            assert!(transfers.begin(&announcement(key, 1, None)).is_err(), "{key:?}");
        }
        let refused = transfers.begin(&announcement("a.jpg", 1, Some("resize?width=0"))).unwrap_err().to_string();
        assert!(refused.contains("width"), "{refused}");
        assert!(fs_err::read_dir(folder.path()).unwrap().next().is_none());
    }
}

//! Folders as buckets: the inbox, the outbox, and the folder of the lists of packed jobs.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use contract::{Failure, FailureKind, Location, Source, timestamp};
use control::ports::{Found, Head, Listed, Listing, Objects, Version, Whole};
use store::Store;

use crate::inbox::{Inbox, InboxFile};

/// The name by which the handlers know the folder of lists.
pub const WORK: &str = "work";

/// A list of requests or a manifest that is larger than this was not written by the pipeline.
const MAX_BYTES: u64 = 256 << 20;

/// Objects in folders. Cheap to clone.
#[derive(Clone)]
pub struct FolderObjects {
    inbox: Inbox,
    outbox: PathBuf,
    work: PathBuf,
    store: Store,
}

impl FolderObjects {
    /// Objects of an inbox, of its outbox (the bucket without a name) and of a folder of lists ([`WORK`]).
    pub fn new(inbox: Inbox, outbox: PathBuf, work: PathBuf) -> Self {
        Self { inbox, outbox, work, store: Store::from_environment() }
    }

    fn location(&self, bucket: &str, key: &str) -> Location {
        Location::Local(if bucket == WORK { self.work.clone() } else { self.outbox.clone() }).join(key)
    }
}

impl Objects for FolderObjects {
    async fn head(&self, source: &Source, bytes: usize) -> Result<Found<Head>, Failure> {
        let gone = |reason: &str| Ok(Found::Gone(format!("{} was {reason} before it was looked at", source.key)));
        let version = match self.store.head(&self.inbox.location_of(&source.key)?).await {
            Ok(version) => version,
            Err(failure) if failure.kind() == FailureKind::InputNotFound => return gone("deleted"),
            Err(failure) => return Err(failure),
        };
        if source.etag.is_some() && version.etag != source.etag {
            return gone("overwritten");
        }
        match self.store.read_at(&version, 0, bytes).await {
            Ok(head) => Ok(Found::Here(Head {
                bytes: head.to_vec(),
                processing_option: self.inbox.processing_option(&source.key)?,
                ..Head::default()
            })),
            Err(failure) if failure.kind() == FailureKind::InputNotFound => gone("overwritten"),
            Err(failure) => Err(failure),
        }
    }

    /// Files have no tags.
    async fn tag(&self, _: &Source) -> Result<Found<Option<String>>, Failure> {
        Ok(Found::Here(None))
    }

    async fn read_whole(&self, bucket: &str, key: &str) -> Result<Option<Whole>, Failure> {
        let found = self.store.get_small(&self.location(bucket, key), MAX_BYTES).await?;
        Ok(found.map(|bytes| Whole { bytes: bytes.to_vec(), version: Version::default() }))
    }

    /// The files of the inbox, all on one page.
    async fn list(&self, _: &str, prefix: &str, after: Option<&str>) -> Result<Listing, Failure> {
        let mut files = self.inbox.scan()?;
        files.retain(|file| file.key.starts_with(prefix) && after.is_none_or(|after| file.key.as_str() > after));
        files.sort_by(|a, b| a.key.cmp(&b.key));
        let listed = |file: InboxFile| Listed {
            key: file.key,
            size: file.size,
            etag: None,
            modified: timestamp::text(file.modified.into()),
        };
        Ok(Listing { objects: files.into_iter().map(listed).collect(), next: None })
    }

    /// Files have no entity tags and versions of S3.
    async fn delete(&self, bucket: &str, key: &str, _: &Version) -> Result<(), Failure> {
        let Location::Local(path) = self.location(bucket, key) else { return Err(Failure::internal("not a folder")) };
        match fs_err::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The whole file or nothing. Only the owner may read it: a request may have a password in it.
    async fn write(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let Location::Local(path) = self.location(bucket, key) else { return Err(Failure::internal("not a folder")) };
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let mut temporary = path.clone().into_os_string();
        temporary.push(".part");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let failed = |error: std::io::Error| Failure::from(error).context(path.display());
        let mut file = options.open(&temporary).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        fs_err::rename(&temporary, &path)?;
        Ok(())
    }
}

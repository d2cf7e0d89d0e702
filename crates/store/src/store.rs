//! Objects in S3 or on the local disk, read and written in one way.
//!
//! What is read is pinned: [`Store::head`] says which version is there, and every read of that [`ObjectVersion`] is of that
//! version or fails. What is written becomes visible as a whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use contract::{Failure, Location};
use operation::Progress;
use rustix::fs::MemfdFlags;

use crate::aws::Aws;
use crate::multipart::Multipart;
use crate::upload::{Stored, Upload};
use crate::window::{Window, WindowOptions};
use crate::{local, s3};

/// Up to so many bytes an input is kept in memory: to make a file on a disk and to delete it costs more than to read it.
const IN_MEMORY: u64 = 4 << 20;

/// How large objects are moved.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// Bytes asked for in one request of a fetch.
    pub fetch_part: u64,
    /// Requests of one fetch under way at a time.
    pub fetch_concurrency: usize,
    /// Bytes of a part of a multipart upload; smaller objects are put at once. At least 5 MiB, which S3 demands.
    pub upload_part: usize,
    /// Parts of one upload under way at a time, each in memory.
    pub upload_concurrency: usize,
    /// Times that the rest of a broken answer is asked for. Requests themselves are retried by the SDK.
    pub body_attempts: u32,
    /// Bring local files to the disk before they get their names: whoever records that they are there needs it, should the
    /// machine lose its power.
    pub flush: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            fetch_part: 8 * 1024 * 1024,
            fetch_concurrency: 8,
            upload_part: 8 * 1024 * 1024,
            upload_concurrency: 4,
            body_attempts: 4,
            flush: true,
        }
    }
}

/// S3 and the local disk. Cheap to clone; AWS is configured when the first object in S3 is asked for.
#[derive(Clone, Default)]
pub struct Store {
    pub(crate) aws: Aws,
    options: StoreOptions,
}

/// An object as it was when it was first seen. Reads of it are of this version or fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Where it is.
    pub location: Location,
    /// Bytes.
    pub size: u64,
    /// The entity tag, without quotes; for a local file its modification time and size.
    pub etag: Option<String>,
    /// The version in a versioned bucket.
    pub version_id: Option<String>,
    /// The media type that it was stored with.
    pub content_type: Option<String>,
    /// The user's metadata: lower-case names without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// When it was last written.
    pub last_modified: Option<SystemTime>,
}

/// What a read cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchReport {
    /// Bytes read.
    pub bytes: u64,
    /// Requests made.
    pub requests: u64,
}

/// The job's own copy of an object.
pub struct LocalCopy {
    /// Open for reading only, and without a name: nobody else can change it, and it goes when it is closed.
    pub file: File,
    /// Bytes read of the object.
    pub bytes: u64,
    /// Requests made.
    pub requests: u64,
}

impl LocalCopy {
    /// At most so many bytes from the beginning.
    pub fn head(&self, length: usize) -> Result<Vec<u8>, Failure> {
        let mut head = vec![0; length.min(usize::try_from(self.bytes).unwrap_or(length))];
        self.file.read_exact_at(&mut head, 0)?;
        Ok(head)
    }
}

impl Store {
    /// A store with its clients from the environment.
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// A store over these clients that moves objects as told.
    pub fn new(aws: Aws, options: StoreOptions) -> Self {
        Self { aws, options }
    }

    /// The clients of AWS that it uses.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// What is there now.
    pub async fn head(&self, location: &Location) -> Result<ObjectVersion, Failure> {
        match location {
            Location::S3(object) => s3::head(self.aws.s3().await?, object).await,
            Location::Local(path) => local::head(path),
        }
    }

    /// Writes the whole object into an empty file: concurrent ranged GETs, each written at its offset.
    pub async fn fetch(
        &self,
        version: &ObjectVersion,
        into: &File,
        progress: &Progress,
    ) -> Result<FetchReport, Failure> {
        match &version.location {
            Location::S3(object) => {
                let into = into.try_clone()?;
                s3::fetch(self.aws.s3().await?, object, version, into, self.options, progress).await
            }
            Location::Local(path) => {
                let (path, version, into) = (path.clone(), version.clone(), into.try_clone()?);
                let report = blocking(move || local::fetch(&path, &version, into)).await?;
                progress.report(1.0);
                Ok(report)
            }
        }
    }

    /// Copies the whole object into a nameless file in a folder, or in memory where it is small.
    pub async fn fetch_whole(
        &self,
        version: &ObjectVersion,
        folder: &Path,
        progress: &Progress,
    ) -> Result<LocalCopy, Failure> {
        let copy = if version.size <= IN_MEMORY {
            File::from(rustix::fs::memfd_create("input", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?)
        } else {
            tempfile::tempfile_in(folder)?
        };
        let FetchReport { bytes, requests } = self.fetch(version, &copy, progress).await?;
        let file = fs_err::File::open(format!("/proc/self/fd/{}", copy.as_raw_fd()))?.into_parts().0;
        Ok(LocalCopy { file, bytes, requests })
    }

    /// The bytes at `offset`: as many as `length`, or as there are up to the end. One request, unless its answer breaks.
    pub async fn read_at(&self, version: &ObjectVersion, offset: u64, length: usize) -> Result<Bytes, Failure> {
        let length = (length as u64).min(version.size.saturating_sub(offset));
        if length == 0 {
            return Ok(Bytes::new());
        }
        match &version.location {
            Location::S3(object) => {
                s3::read_at(self.aws.s3().await?, object, version, offset, length, self.options).await
            }
            Location::Local(path) => {
                let (path, version) = (path.clone(), version.clone());
                blocking(move || local::read_at(&path, &version, offset, length as usize)).await
            }
        }
    }

    /// Reads at any position, from outside the async runtime, through a cache that reads ahead.
    pub fn window(&self, version: ObjectVersion, runtime: tokio::runtime::Handle) -> Window {
        Window::new(self.clone(), version, runtime, WindowOptions::default())
    }

    /// The whole of a small object, or `None` where there is none.
    pub async fn get_small(&self, location: &Location, max: u64) -> Result<Option<Bytes>, Failure> {
        Ok(self.get_small_version(location, max).await?.map(|(_, bytes)| bytes))
    }

    /// The whole of a small object with its version, or `None` where there is none.
    pub async fn get_small_version(
        &self,
        location: &Location,
        max: u64,
    ) -> Result<Option<(ObjectVersion, Bytes)>, Failure> {
        let version = match self.head(location).await {
            Ok(version) => version,
            Err(failure) if failure.kind() == contract::FailureKind::InputNotFound => return Ok(None),
            Err(failure) => return Err(failure),
        };
        if version.size > max {
            return Err(Failure::invalid_input(format!("{location} has {} bytes; the limit is {max}", version.size)));
        }
        let bytes = self.read_at(&version, 0, version.size as usize).await?;
        Ok(Some((version, bytes)))
    }

    /// Stores a file that is not needed any more: on the same local disk it only gets another name.
    pub async fn take_file(&self, to: &Location, file: PathBuf, content_type: &str) -> Result<Stored, Failure> {
        let Location::Local(path) = to else { return self.put_file(to, &file, content_type).await };
        let (path, flush) = (path.clone(), self.options.flush);
        blocking(move || local::take(&path, &file, flush)).await
    }

    /// Stores a file: in parts, several at a time, where it is large.
    pub async fn put_file(&self, to: &Location, file: &Path, content_type: &str) -> Result<Stored, Failure> {
        if let Location::Local(path) = to {
            let (source, path, flush) = (fs_err::File::open(file)?.into_parts().0, path.clone(), self.options.flush);
            return blocking(move || local::put(&path, source, flush)).await;
        }
        self.write_file(to, file, content_type).await?.complete().await
    }

    /// Sends all bytes of a file. Nothing is visible before [`Upload::complete`].
    pub async fn send_file(&self, to: &Location, file: &Path, content_type: &str) -> Result<Upload, Failure> {
        let mut upload = self.write_file(to, file, content_type).await?;
        match upload.send_all().await {
            Ok(()) => Ok(upload),
            Err(failure) => {
                upload.abort().await;
                Err(failure)
            }
        }
    }

    async fn write_file(&self, to: &Location, file: &Path, content_type: &str) -> Result<Upload, Failure> {
        let source = fs_err::File::open(file)?.into_parts().0;
        let size = source.metadata()?.len();
        let mut upload = self.begin_upload_of(to, content_type, &BTreeMap::new(), Some(size)).await?;
        match upload.write_file(source, size).await {
            Ok(()) => Ok(upload),
            Err(failure) => {
                upload.abort().await;
                Err(failure)
            }
        }
    }

    /// Stores bytes at once.
    pub async fn put_bytes(&self, to: &Location, bytes: Bytes, content_type: &str) -> Result<Stored, Failure> {
        if let Location::Local(path) = to {
            let (path, flush) = (path.clone(), self.options.flush);
            return blocking(move || local::put(&path, &bytes[..], flush)).await;
        }
        let mut upload = self.begin_upload_of(to, content_type, &BTreeMap::new(), Some(bytes.len() as u64)).await?;
        upload.write(bytes).await?;
        upload.complete().await
    }

    /// Begins an object whose bytes come bit by bit. Nothing is visible before [`Upload::complete`].
    pub async fn begin_upload(
        &self,
        to: &Location,
        content_type: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Upload, Failure> {
        self.begin_upload_of(to, content_type, metadata, None).await
    }

    async fn begin_upload_of(
        &self,
        to: &Location,
        content_type: &str,
        metadata: &BTreeMap<String, String>,
        size: Option<u64>,
    ) -> Result<Upload, Failure> {
        match to {
            Location::S3(object) => {
                object.require_object()?;
                let s3 = self.aws.s3().await?.clone();
                let multipart = Multipart::new(s3, object.clone(), content_type, metadata, size, self.options);
                Ok(Upload::to_s3(multipart))
            }
            Location::Local(path) => Upload::to_file(path, self.options.flush),
        }
    }
}

/// Runs file operations where they hold nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::internal("a thread ended").because(error))?
}

/// The object is no longer the one that was seen first.
pub(crate) fn overwritten(subject: &str) -> Failure {
    Failure::input_not_found(format!("{subject} was overwritten while being read; send the request again"))
}

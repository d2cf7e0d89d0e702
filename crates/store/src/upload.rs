//! Writing objects bit by bit: uploads to S3, files that get their name when they are complete on the local disk.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use contract::{Failure, hexadecimal};
use sha2::{Digest, Sha256};

use crate::blocking;
use crate::local::Unnamed;
use crate::multipart::Multipart;

/// Bytes copied at a time into a local file.
const COPY_BYTES: usize = 1024 * 1024;

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// The entity tag in S3, without quotes.
    pub etag: Option<String>,
    /// The version in S3, in a bucket with versions.
    pub version_id: Option<String>,
}

/// What S3 answered when an object was complete.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
}

/// An object that is being written. Nothing of it is visible before [`Upload::complete`]; dropping it gives it up.
pub struct Upload {
    target: Target,
    sha256: Sha256,
    size: u64,
}

enum Target {
    S3(Box<Multipart>),
    File(Option<Unnamed>, Flush),
}

/// Whether a local file is on the disk before it gets its name.
type Flush = bool;

impl Upload {
    pub(crate) fn to_s3(multipart: Multipart) -> Self {
        Self { target: Target::S3(Box::new(multipart)), sha256: Sha256::new(), size: 0 }
    }

    pub(crate) fn to_file(path: &Path, flush: Flush) -> Result<Self, Failure> {
        Ok(Self { target: Target::File(Some(Unnamed::beside(path)?), flush), sha256: Sha256::new(), size: 0 })
    }

    /// Appends bytes. Waits while as many parts are under way as may be.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.sha256.update(&bytes);
        self.append(bytes).await
    }

    /// Appends a whole file, read and hashed beside the async runtime.
    pub(crate) async fn write_file(&mut self, mut source: File, size: u64) -> Result<(), Failure> {
        let step = match &self.target {
            Target::S3(multipart) => multipart.part_bytes(),
            Target::File(..) => COPY_BYTES,
        };
        let mut left = size;
        while left > 0 {
            let length = left.min(step as u64) as usize;
            let mut sha256 = std::mem::take(&mut self.sha256);
            let (bytes, returned, sha256) = blocking(move || {
                let mut buffer = vec![0; length];
                source.read_exact(&mut buffer)?;
                sha256.update(&buffer);
                Ok((Bytes::from(buffer), source, sha256))
            })
            .await?;
            source = returned;
            self.sha256 = sha256;
            self.append(bytes).await?;
            left -= length as u64;
        }
        Ok(())
    }

    async fn append(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.size += bytes.len() as u64;
        match &mut self.target {
            Target::S3(multipart) => multipart.write(bytes).await,
            Target::File(file, _) => {
                let Some(mut unnamed) = file.take() else {
                    return Err(Failure::internal("an upload went on after it had failed"));
                };
                *file = Some(blocking(move || unnamed.write(&bytes).map(|()| unnamed)).await?);
                Ok(())
            }
        }
    }

    /// Sends what was written, also where it could have waited for [`Upload::complete`].
    pub(crate) async fn send_all(&mut self) -> Result<(), Failure> {
        match &mut self.target {
            Target::S3(multipart) => multipart.send_all().await,
            Target::File(..) => Ok(()),
        }
    }

    /// Makes the object visible, all of it at once, in the place of one that was there before.
    pub async fn complete(mut self) -> Result<Stored, Failure> {
        let digest = std::mem::take(&mut self.sha256).finalize();
        let Answer { etag, version_id } = match &mut self.target {
            Target::S3(multipart) => match multipart.complete(&digest).await {
                Ok(answer) => answer,
                Err(failure) => {
                    multipart.abort().await;
                    return Err(failure);
                }
            },
            Target::File(file, flush) => {
                let flush = *flush;
                let Some(unnamed) = file.take() else {
                    return Err(Failure::internal("an upload was completed after it had failed"));
                };
                blocking(move || unnamed.name(flush)).await?;
                Answer::default()
            }
        };
        Ok(Stored { size: self.size, sha256: hexadecimal(&digest), etag, version_id })
    }

    /// Gives the object up and frees what was stored of it. Dropping does the same, later.
    pub async fn abort(mut self) {
        if let Target::S3(multipart) = &mut self.target {
            multipart.abort().await;
        }
    }
}

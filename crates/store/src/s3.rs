//! Reading objects in S3. Every read is pinned by the version or the entity tag first seen, and its answer is checked: an
//! answer of another length or range is an error, never a gap of zeros.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::{Bytes, BytesMut};
use contract::S3Location;
use contract::{Failure, Location};
use operation::Progress;
use tokio::task::JoinSet;

use super::failures::{Purpose, failure_of};
use super::store::overwritten;
use super::{FetchReport, ObjectVersion, StoreOptions};

/// The pause before the rest of a broken answer is asked for; doubled each time.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn head(s3: &Client, object: &S3Location) -> Result<ObjectVersion, Failure> {
    object.require_object()?;
    let head = s3
        .head_object()
        .bucket(object.bucket().as_str())
        .key(object.key())
        .set_version_id(object.version_id().map(str::to_owned))
        .send()
        .await
        .map_err(|error| failure_of(error, Purpose::Read, &object.to_string(), "s3:GetObject"))?;
    let size = head.content_length().and_then(|length| u64::try_from(length).ok());
    Ok(ObjectVersion {
        location: Location::S3(object.clone()),
        size: size.ok_or_else(|| Failure::temporary(format!("{object}: S3 did not say how large it is")))?,
        etag: head.e_tag().map(|etag| etag.trim_matches('"').to_owned()),
        version_id: head.version_id().filter(|version| *version != "null").map(str::to_owned),
        content_type: head.content_type().map(str::to_owned),
        last_modified: head.last_modified().and_then(|&time| SystemTime::try_from(time).ok()),
        metadata: head.metadata.map(BTreeMap::from_iter).unwrap_or_default(),
    })
}

/// Fetches parts, several at a time; each goes to the file as it arrives.
pub(crate) async fn fetch(
    s3: &Client,
    object: &S3Location,
    version: &ObjectVersion,
    into: File,
    options: StoreOptions,
    progress: &Progress,
) -> Result<FetchReport, Failure> {
    let shared = Arc::new(Fetch {
        read: Read { s3: s3.clone(), object: object.clone(), pin: Pin::of(version), options },
        into,
        progress: progress.clone(),
        size: version.size,
        bytes: AtomicU64::new(0),
    });
    let part = options.fetch_part.max(1);
    let mut offsets = (0..version.size.div_ceil(part)).map(|index| index * part);
    let mut parts = JoinSet::new();
    let mut requests = 0;
    loop {
        while parts.len() < options.fetch_concurrency.max(1)
            && let Some(offset) = offsets.next()
        {
            let shared = Arc::clone(&shared);
            parts.spawn(async move { shared.part(offset, part.min(shared.size - offset)).await });
        }
        match parts.join_next().await {
            Some(Ok(part)) => requests += part?,
            Some(Err(error)) => return Err(Failure::internal("a task of the fetch ended").because(error)),
            None => break,
        }
    }
    Ok(FetchReport { bytes: shared.bytes.load(Ordering::Relaxed), requests })
}

/// Exactly `length` bytes at `offset`, which are within the version's size.
pub(crate) async fn read_at(
    s3: &Client,
    object: &S3Location,
    version: &ObjectVersion,
    offset: u64,
    length: u64,
    options: StoreOptions,
) -> Result<Bytes, Failure> {
    let read = Read { s3: s3.clone(), object: object.clone(), pin: Pin::of(version), options };
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    read.range(offset, length, |_, chunk| {
        // Most answers of a few kilobytes come in one chunk, which is passed on as it is.
        if chunk.len() as u64 == length {
            first = chunk;
        } else {
            all.reserve((length as usize).saturating_sub(all.len()));
            all.extend_from_slice(&chunk);
        }
        Ok(())
    })
    .await?;
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// One object being read.
struct Read {
    s3: Client,
    object: S3Location,
    pin: Pin,
    options: StoreOptions,
}

/// What keeps reads to one version.
struct Pin {
    version_id: Option<String>,
    etag: Option<String>,
    size: u64,
}

struct Fetch {
    read: Read,
    into: File,
    progress: Progress,
    size: u64,
    bytes: AtomicU64,
}

impl Pin {
    fn of(version: &ObjectVersion) -> Self {
        let etag = version.etag.as_ref().map(|etag| format!("\"{etag}\""));
        Self { version_id: version.version_id.clone(), etag, size: version.size }
    }
}

impl Fetch {
    async fn part(&self, offset: u64, length: u64) -> Result<u64, Failure> {
        self.read
            .range(offset, length, |at, chunk| {
                self.into.write_all_at(&chunk, at)?;
                let bytes = self.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64;
                self.progress.report(bytes as f64 / self.size as f64);
                Ok(())
            })
            .await
    }
}

impl Read {
    /// Hands out exactly `length` bytes from `offset` on, in order. The number of requests that it took.
    async fn range(
        &self,
        offset: u64,
        length: u64,
        mut take: impl FnMut(u64, Bytes) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        let (mut at, end) = (offset, offset + length);
        let mut pause = PAUSE;
        for requests in 1.. {
            let mut answer = self.request(at, end).await?;
            let broken = loop {
                match answer.body.next().await {
                    Some(Ok(chunk)) if chunk.len() as u64 <= end - at => {
                        let start = at;
                        at += chunk.len() as u64;
                        take(start, chunk)?;
                    }
                    Some(Ok(_)) => return Err(self.wrong_answer("more bytes than were asked for")),
                    Some(Err(error)) => break Some(error),
                    None => break None,
                }
            };
            if at == end {
                return match broken {
                    None => Ok(requests),
                    // Every byte came, and then the checksum did not fit: nothing of it can be trusted.
                    Some(error) => {
                        let message = format!("{}: the answer was damaged on its way", self.object);
                        Err(Failure::temporary(message).because(error))
                    }
                };
            }
            if requests >= u64::from(self.options.body_attempts) {
                let failure = Failure::temporary(format!(
                    "{}: the connection broke {requests} times while reading, last at byte {at}",
                    self.object
                ));
                return Err(match broken {
                    Some(error) => failure.because(error),
                    None => failure,
                });
            }
            tracing::warn!(object = %self.object, at, "the connection broke while reading; asking for the rest");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the attempts are bounded")
    }

    /// Asks for the bytes from `start` up to `end`.
    async fn request(&self, start: u64, end: u64) -> Result<GetObjectOutput, Failure> {
        let is_whole = start == 0 && end == self.pin.size;
        let answer = self
            .s3
            .get_object()
            .bucket(self.object.bucket().as_str())
            .key(self.object.key())
            .set_version_id(self.pin.version_id.clone().or_else(|| self.object.version_id().map(str::to_owned)))
            .set_if_match(self.pin.etag.clone())
            .range(format!("bytes={start}-{}", end - 1))
            .send()
            .await
            .map_err(|error| failure_of(error, Purpose::Read, &self.object.to_string(), "s3:GetObject"))?;
        let etag = answer.e_tag().map(|etag| etag.trim_matches('"'));
        if let (Some(seen), Some(now)) = (self.pin.etag.as_deref(), etag)
            && seen.trim_matches('"') != now
        {
            return Err(overwritten(&self.object.to_string()));
        }
        let expected = format!("bytes {start}-{}/{}", end - 1, self.pin.size);
        match answer.content_range() {
            Some(range) if range == expected => Ok(answer),
            None if is_whole && answer.content_length() == i64::try_from(end).ok() => Ok(answer),
            Some(range) => Err(self.wrong_answer(&format!("{range:?} when asked for {expected:?}"))),
            None => Err(self.wrong_answer(&format!("no range when asked for {expected:?}"))),
        }
    }

    fn wrong_answer(&self, what: &str) -> Failure {
        Failure::temporary(format!("{}: S3 answered with {what}", self.object))
    }
}

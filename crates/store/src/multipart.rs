//! Writing an object in S3 in parts, or in one request where all of it fits into a part.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use contract::{Failure, S3Location};
use tokio::task::JoinSet;

use crate::StoreOptions;
use crate::aws::S3;
use crate::failures::{Purpose, failure_of};
use crate::upload::Answer;

/// S3's limit on the parts of an upload.
const MAX_PARTS: u64 = 10_000;

/// S3's limit on the size of every part but the last.
const MIN_PART_BYTES: usize = 5 * 1024 * 1024;

/// An upload in parts, or in one request where all of it fits into a part.
pub(crate) struct Multipart {
    destination: Destination,
    options: StoreOptions,
    part_bytes: usize,
    may_grow: bool,
    pending: BytesMut,
    upload_id: Option<String>,
    next_number: i32,
    under_way: JoinSet<Result<Part, Failure>>,
    done: Vec<Part>,
}

#[derive(Clone)]
struct Destination {
    s3: S3,
    object: S3Location,
    content_type: String,
    metadata: BTreeMap<String, String>,
}

struct Part {
    number: i32,
    etag: Option<String>,
    crc32c: u32,
    size: usize,
}

impl Multipart {
    /// `size` is what is known of it beforehand.
    pub(crate) fn new(
        s3: S3,
        object: S3Location,
        content_type: &str,
        metadata: &BTreeMap<String, String>,
        size: Option<u64>,
        options: StoreOptions,
    ) -> Self {
        let least = size.unwrap_or(0).div_ceil(MAX_PARTS) as usize;
        let content_type = content_type.to_owned();
        Self {
            destination: Destination { s3, object, content_type, metadata: metadata.clone() },
            options,
            part_bytes: options.upload_part.max(MIN_PART_BYTES).max(least),
            may_grow: size.is_none(),
            pending: BytesMut::new(),
            upload_id: None,
            next_number: 1,
            under_way: JoinSet::new(),
            done: Vec::new(),
        }
    }

    /// Bytes of the next part.
    pub(crate) fn part_bytes(&self) -> usize {
        self.part_bytes
    }

    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<(), Failure> {
        while !bytes.is_empty() {
            // A full part goes only when more comes: an object of exactly one part is put in one request.
            if self.pending.len() == self.part_bytes {
                self.send_part().await?;
            }
            if self.pending.is_empty() {
                // Taken over without copying, where nobody else holds them.
                let first = bytes.split_to(bytes.len().min(self.part_bytes));
                self.pending = first.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                continue;
            }
            let length = bytes.len().min(self.part_bytes - self.pending.len());
            self.pending.extend_from_slice(&bytes.split_to(length));
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), Failure> {
        if self.under_way.len() >= self.options.upload_concurrency.max(1) {
            self.join_part().await?;
        }
        let upload_id = match &self.upload_id {
            Some(id) => id.clone(),
            None => self.upload_id.insert(self.destination.create().await?).clone(),
        };
        let (number, bytes) = (self.next_number, std::mem::take(&mut self.pending).freeze());
        if u64::from(number.unsigned_abs()) > MAX_PARTS {
            return Err(Failure::invalid_request(format!("{} is too large for S3", self.destination.object)));
        }
        let destination = self.destination.clone();
        self.under_way.spawn(async move { destination.send_part(&upload_id, number, bytes).await });
        self.next_number += 1;
        if self.may_grow && number % 2000 == 0 {
            // So that the limit on parts is no limit on an object whose size is not known beforehand.
            self.part_bytes *= 2;
        }
        Ok(())
    }

    async fn join_part(&mut self) -> Result<(), Failure> {
        match self.under_way.join_next().await {
            Some(Ok(part)) => self.done.push(part?),
            Some(Err(error)) => return Err(Failure::internal("a task of the upload ended").because(error)),
            None => {}
        }
        Ok(())
    }

    pub(crate) async fn complete(&mut self, sha256: &[u8]) -> Result<Answer, Failure> {
        if self.upload_id.is_none() {
            let bytes = std::mem::take(&mut self.pending).freeze();
            return self.destination.put_at_once(bytes, sha256).await;
        }
        self.send_all().await?;
        self.done.sort_by_key(|part| part.number);
        let answer = self.destination.complete(self.upload_id.as_deref().unwrap_or_default(), &self.done).await?;
        self.upload_id = None;
        Ok(answer)
    }

    pub(crate) async fn send_all(&mut self) -> Result<(), Failure> {
        if !self.pending.is_empty() {
            self.send_part().await?;
        }
        while !self.under_way.is_empty() {
            self.join_part().await?;
        }
        Ok(())
    }

    pub(crate) async fn abort(&mut self) {
        // Parts that arrive after the abort would stay and be paid for.
        self.under_way.shutdown().await;
        if let Some(upload_id) = self.upload_id.take() {
            self.destination.abort(&upload_id).await;
        }
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        let Some(upload_id) = self.upload_id.take() else { return };
        let (destination, mut under_way) = (self.destination.clone(), std::mem::take(&mut self.under_way));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                under_way.shutdown().await;
                destination.abort(&upload_id).await;
            });
        }
    }
}

impl Destination {
    async fn put_at_once(&self, bytes: Bytes, sha256: &[u8]) -> Result<Answer, Failure> {
        let checksum = BASE64_STANDARD.encode(sha256);
        let stored = self
            .s3
            .put_object()
            .bucket(self.object.bucket().as_str())
            .key(self.object.key())
            .content_type(&self.content_type)
            .set_metadata(Some(self.metadata.clone().into_iter().collect()))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_sha256(&checksum)
            .body(bytes.into())
            // The checksum is signed with the other headers and covers the bytes; signing would hash them again.
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| self.failure(error))?;
        self.compare(&checksum, stored.checksum_sha256())?;
        Ok(answer(stored.e_tag(), stored.version_id()))
    }

    async fn create(&self) -> Result<String, Failure> {
        let created = self
            .s3
            .create_multipart_upload()
            .bucket(self.object.bucket().as_str())
            .key(self.object.key())
            .content_type(&self.content_type)
            .set_metadata(Some(self.metadata.clone().into_iter().collect()))
            .checksum_algorithm(ChecksumAlgorithm::Crc32C)
            .send()
            .await
            .map_err(|error| self.failure(error))?;
        created.upload_id.ok_or_else(|| Failure::temporary(format!("{}: S3 began no upload", self.object)))
    }

    async fn send_part(&self, upload_id: &str, number: i32, bytes: Bytes) -> Result<Part, Failure> {
        let size = bytes.len();
        let crc32c = crc32c::crc32c(&bytes);
        let checksum = BASE64_STANDARD.encode(crc32c.to_be_bytes());
        let stored = self
            .s3
            .upload_part()
            .bucket(self.object.bucket().as_str())
            .key(self.object.key())
            .upload_id(upload_id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32C)
            .checksum_crc32_c(&checksum)
            .body(bytes.into())
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| self.failure(error))?;
        self.compare(&checksum, stored.checksum_crc32_c())?;
        Ok(Part { number, etag: stored.e_tag, crc32c, size })
    }

    async fn complete(&self, upload_id: &str, parts: &[Part]) -> Result<Answer, Failure> {
        let list = parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number)
                .set_e_tag(part.etag.clone())
                .checksum_crc32_c(BASE64_STANDARD.encode(part.crc32c.to_be_bytes()))
                .build()
        });
        let stored = self
            .s3
            .complete_multipart_upload()
            .bucket(self.object.bucket().as_str())
            .key(self.object.key())
            .upload_id(upload_id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(list.collect())).build())
            .send()
            .await
            .map_err(|error| self.failure(error))?;
        let expected = match stored.checksum_crc32_c() {
            Some(said) if said.contains('-') => checksum_of_parts(parts),
            _ => checksum_of_whole(parts),
        };
        self.compare(&expected, stored.checksum_crc32_c())?;
        Ok(answer(stored.e_tag(), stored.version_id()))
    }

    async fn abort(&self, upload_id: &str) {
        let aborted = self
            .s3
            .abort_multipart_upload()
            .bucket(self.object.bucket().as_str())
            .key(self.object.key())
            .upload_id(upload_id)
            .send()
            .await;
        if let Err(error) = aborted {
            // The bucket's lifecycle rule for incomplete uploads frees what this could not.
            let failure = failure_of(error, Purpose::Write, &self.object.to_string(), "s3:AbortMultipartUpload");
            tracing::warn!("an upload could not be aborted: {failure}");
        }
    }

    fn compare(&self, sent: &str, stored: Option<&str>) -> Result<(), Failure> {
        match stored {
            Some(stored) if stored != sent => Err(Failure::temporary(format!(
                "{}: S3 stored other bytes than were sent (checksum {stored}, expected {sent})",
                self.object
            ))),
            _ => Ok(()),
        }
    }

    fn failure<E>(
        &self,
        error: aws_sdk_s3::error::SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    ) -> Failure
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        failure_of(error, Purpose::Write, &self.object.to_string(), "s3:PutObject")
    }
}

fn answer(etag: Option<&str>, version_id: Option<&str>) -> Answer {
    let version_id = version_id.filter(|version| *version != "null").map(str::to_owned);
    Answer { etag: etag.map(|etag| etag.trim_matches('"').to_owned()), version_id }
}

/// S3's composite checksum: that of the parts' checksums, and how many they are.
fn checksum_of_parts(parts: &[Part]) -> String {
    let all: Vec<u8> = parts.iter().flat_map(|part| part.crc32c.to_be_bytes()).collect();
    format!("{}-{}", BASE64_STANDARD.encode(crc32c::crc32c(&all).to_be_bytes()), parts.len())
}

fn checksum_of_whole(parts: &[Part]) -> String {
    let whole = parts.iter().fold(0, |crc, part| crc32c::crc32c_combine(crc, part.crc32c, part.size));
    BASE64_STANDARD.encode(whole.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_the_whole_follows_from_those_of_the_parts() {
        let bytes: Vec<u8> = (0..100_000u32).map(|number| (number * 7 % 251) as u8).collect();
        let parts: Vec<Part> = bytes
            .chunks(30_000)
            .map(|chunk| Part { number: 1, etag: None, crc32c: crc32c::crc32c(chunk), size: chunk.len() })
            .collect();
        assert_eq!(checksum_of_whole(&parts), BASE64_STANDARD.encode(crc32c::crc32c(&bytes).to_be_bytes()));
    }
}

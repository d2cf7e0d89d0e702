//! Objects in S3.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use contract::{Failure, Source, timestamp};
use control::ports::{Found, Head, Listed, Listing, Objects, Version, Whole};
use store::{Purpose, failure_of};

/// The user metadata and the tag in which an upload says what it wants.
pub const PROCESSING_OPTION: &str = "processing-option";

/// Objects in S3.
#[derive(Debug, Clone)]
pub struct S3Objects(pub aws_sdk_s3::Client);

impl Objects for S3Objects {
    async fn head(&self, source: &Source, bytes: usize) -> Result<Found<Head>, Failure> {
        let request = self
            .0
            .get_object()
            .bucket(source.bucket.as_deref().unwrap_or_default())
            .key(&source.key)
            .set_version_id(source.version_id.clone())
            .set_if_match(source.etag.as_ref().map(|etag| format!("\"{etag}\"")))
            .range(format!("bytes=0-{}", bytes.saturating_sub(1)));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match gone(source, &error) {
                    Some(reason) => Ok(Found::Gone(reason)),
                    None => Err(failure_of(error, Purpose::Read, &describe(source), "s3:GetObjectVersion")),
                };
            }
        };
        let content_type = answer.content_type().map(str::to_owned);
        let metadata = |name: &str| answer.metadata().and_then(|metadata| metadata.get(name)).cloned();
        let (processing_option, share, priority) =
            (metadata(PROCESSING_OPTION), metadata("share"), metadata("priority"));
        let tags = answer.tag_count().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        let body = answer.body.collect().await.map_err(|error| {
            Failure::temporary(format!("reading the first bytes of {}", describe(source))).because(error)
        })?;
        Ok(Found::Here(Head { bytes: body.to_vec(), content_type, processing_option, share, priority, tags }))
    }

    async fn tag(&self, source: &Source) -> Result<Found<Option<String>>, Failure> {
        let request = self
            .0
            .get_object_tagging()
            .bucket(source.bucket.as_deref().unwrap_or_default())
            .key(&source.key)
            .set_version_id(source.version_id.clone());
        match request.send().await {
            Ok(answer) => {
                let tag = answer.tag_set.into_iter().find(|tag| tag.key == PROCESSING_OPTION);
                Ok(Found::Here(tag.map(|tag| tag.value)))
            }
            Err(error) => match gone(source, &error) {
                Some(reason) => Ok(Found::Gone(reason)),
                None => Err(failure_of(error, Purpose::Read, &describe(source), "s3:GetObjectVersionTagging")),
            },
        }
    }

    async fn read_whole(&self, bucket: &str, key: &str) -> Result<Option<Whole>, Failure> {
        let answer = match self.0.get_object().bucket(bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => {
                return Err(failure_of(error, Purpose::Read, &format!("s3://{bucket}/{key}"), "s3:GetObject"));
            }
        };
        let version = version(answer.e_tag(), answer.version_id());
        let body = answer.body.collect().await;
        let body = body.map_err(|error| Failure::temporary(format!("reading s3://{bucket}/{key}")).because(error))?;
        Ok(Some(Whole { bytes: body.to_vec(), version }))
    }

    async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Listing, Failure> {
        let request = self.0.list_objects_v2().bucket(bucket).set_start_after(after.map(str::to_owned));
        let request = request.set_prefix(Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()));
        let subject = || format!("s3://{bucket}/{prefix}");
        let answer = request.send().await;
        let answer = answer.map_err(|error| failure_of(error, Purpose::Read, &subject(), "s3:ListBucket"))?;
        let is_truncated = answer.is_truncated().unwrap_or_default();
        let listed = |object: aws_sdk_s3::types::Object| {
            let modified = object.last_modified.and_then(|at| at.to_millis().ok());
            Some(Listed {
                key: object.key?,
                size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                etag: object.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
                modified: modified.and_then(timestamp::text_of_milliseconds)?,
            })
        };
        let objects: Vec<Listed> = answer.contents.unwrap_or_default().into_iter().filter_map(listed).collect();
        let next = objects.last().filter(|_| is_truncated).map(|listed| listed.key.clone());
        Ok(Listing { objects, next })
    }

    /// S3 compares entity tags only, which are the same for the same bytes; what stands for the version is looked at before.
    async fn delete(&self, bucket: &str, key: &str, meant: &Version) -> Result<(), Failure> {
        if meant.version_id.is_some() {
            match self.0.head_object().bucket(bucket).key(key).send().await {
                Ok(current) if version(current.e_tag(), current.version_id()).version_id == meant.version_id => {}
                Ok(_) => return Ok(()),
                Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => {
                    return Ok(());
                }
                Err(error) => {
                    return Err(failure_of(error, Purpose::Read, &format!("s3://{bucket}/{key}"), "s3:GetObject"));
                }
            }
        }
        let if_match = meant.etag.as_ref().map(|etag| format!("\"{etag}\""));
        match self.0.delete_object().bucket(bucket).key(key).set_if_match(if_match).send().await {
            Ok(_) => Ok(()),
            // Overwritten, or gone already.
            Err(error) if error.raw_response().is_some_and(|answer| matches!(answer.status().as_u16(), 404 | 412)) => {
                Ok(())
            }
            Err(error) => Err(failure_of(error, Purpose::Write, &format!("s3://{bucket}/{key}"), "s3:DeleteObject")),
        }
    }

    async fn write(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let request = self.0.put_object().bucket(bucket).key(key).body(bytes.into()).content_type("application/jsonl");
        let written = request.send().await;
        written.map_err(|error| failure_of(error, Purpose::Write, &format!("s3://{bucket}/{key}"), "s3:PutObject"))?;
        Ok(())
    }
}

/// The version that S3 names in an answer.
fn version(etag: Option<&str>, version_id: Option<&str>) -> Version {
    Version {
        etag: etag.map(|etag| etag.trim_matches('"').to_owned()),
        version_id: version_id.filter(|version| *version != "null").map(str::to_owned),
    }
}

/// In words, why the version that was asked for is not there; `None` for any other failure.
fn gone<E: ProvideErrorMetadata>(source: &Source, error: &SdkError<E>) -> Option<String> {
    let code = error.code().unwrap_or_default();
    match error.raw_response()?.status().as_u16() {
        404 if code != "NoSuchBucket" => Some(format!("{} was deleted before it was looked at", describe(source))),
        405 => Some(format!("{} was deleted before it was looked at", describe(source))),
        412 => Some(format!(
            "{} was overwritten before it was looked at; its later version has a record of its own",
            describe(source)
        )),
        _ => None,
    }
}

fn describe(source: &Source) -> String {
    control::input_record::object_of(source)
}

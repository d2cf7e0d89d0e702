//! The manifest is the commit: written last, and the only thing that says that an operation's outputs count.

use catalog::Operation;
use contract::{Failure, Location, MANIFEST_NAME, Manifest, Output, Properties, SCHEMA_VERSION, Source, timestamp};
use sha2::{Digest, Sha256};
use store::{Store, Stored};
use time::OffsetDateTime;

/// A larger manifest than this was not written by a job.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// The media type of a manifest.
const MEDIA_TYPE: &str = "application/json";

/// A manifest that is stored.
pub(crate) struct Committed {
    /// What it says.
    pub manifest: Manifest,
    /// The manifest as a file.
    pub file: Output,
}

/// Writes the manifest, after everything that it names.
pub(crate) async fn commit(
    store: &Store,
    output: &Location,
    folder: &str,
    manifest: Manifest,
) -> Result<Committed, Failure> {
    let text =
        serde_json::to_vec_pretty(&manifest).map_err(|error| Failure::internal("the manifest").because(error))?;
    let name = format!("{folder}/{MANIFEST_NAME}");
    let stored = store.put_bytes(&output.join(&name), text.into(), MEDIA_TYPE).await?;
    Ok(Committed { manifest, file: file(output, &name, stored, MEDIA_TYPE.to_owned(), Properties::new()) })
}

/// A file of a result that has just been stored. Nobody tells of it beside the job: S3's events of new results would cost more
/// than everything else that they bring about.
pub(crate) fn file(
    output: &Location,
    name: &str,
    stored: Stored,
    content_type: String,
    properties: Properties,
) -> Output {
    let Stored { size, sha256, etag, version_id } = stored;
    let stored_at = etag.is_some().then(|| timestamp::text(OffsetDateTime::now_utc()));
    Output { key: output.key_of(name), size, sha256, content_type, etag, version_id, stored_at, properties }
}

/// What is committed in an operation's folder.
pub(crate) enum Present {
    /// Nothing, or what will be written again.
    Other,
    /// The result of the same version of the object.
    Same(Box<Committed>),
    /// The result of a later version of the object.
    Later,
}

/// Looks at what is committed where a job's result would be. The ids of uploads' jobs are in the order of the object's versions.
pub(crate) async fn present(
    store: &Store,
    output: &Location,
    folder: &str,
    source: &Source,
    operation: &Operation,
    job_id: &str,
) -> Result<Present, Failure> {
    let Some(committed) = read(store, output, folder).await? else { return Ok(Present::Other) };
    let manifest = &committed.manifest;
    if is_of(manifest, source, operation) {
        return Ok(Present::Same(Box::new(committed)));
    }
    let of_object = manifest.source.bucket == source.bucket && manifest.source.key == source.key;
    let later = manifest.job_id.as_deref().map(contract::sequence).unwrap_or_default();
    let is_later = of_object && contract::is_of_upload(job_id) && *later > *contract::sequence(job_id);
    Ok(if is_later { Present::Later } else { Present::Other })
}

/// The manifest of an earlier run for the same version of the source and the same operation, if there is one.
pub async fn committed(
    store: &Store,
    output: &Location,
    folder: &str,
    source: &Source,
    operation: &Operation,
) -> Result<Option<Manifest>, Failure> {
    let manifest = read(store, output, folder).await?.map(|committed| committed.manifest);
    Ok(manifest.filter(|manifest| is_of(manifest, source, operation)))
}

async fn read(store: &Store, output: &Location, folder: &str) -> Result<Option<Committed>, Failure> {
    let name = format!("{folder}/{MANIFEST_NAME}");
    let found = store.get_small_version(&output.join(&name), MAX_MANIFEST_BYTES).await?;
    let Some((version, text)) = found else { return Ok(None) };
    // One that cannot be read is one that will be written again.
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else { return Ok(None) };
    let is_in_s3 = output.bucket().is_some();
    let modified = version.last_modified.map(|at| timestamp::text(at.into()));
    let file = Output {
        key: output.key_of(&name),
        size: version.size,
        sha256: contract::hexadecimal(&Sha256::digest(&text)),
        content_type: MEDIA_TYPE.to_owned(),
        etag: version.etag.filter(|_| is_in_s3),
        version_id: version.version_id,
        stored_at: modified.filter(|_| is_in_s3),
        properties: Properties::new(),
    };
    Ok(Some(Committed { manifest, file }))
}

fn is_of(manifest: &Manifest, source: &Source, operation: &Operation) -> bool {
    manifest.schema_version == SCHEMA_VERSION
        && manifest.source.etag == source.etag
        && manifest.source.version_id == source.version_id
        && manifest.source.size == source.size
        && manifest.processing_option == operation.to_string()
}

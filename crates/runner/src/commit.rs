//! The manifest is the commit: written last, and the only thing that says that an operation's outputs count.

use catalog::Operation;
use contract::{Failure, Location, MANIFEST_NAME, Manifest, SCHEMA_VERSION, Source};
use store::Store;

/// A larger manifest than this was not written by a job.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// Writes the manifest, after everything that it names.
pub(crate) async fn commit(store: &Store, output: &Location, folder: &str, manifest: &Manifest) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| Failure::internal("the manifest").because(error))?;
    store.put_bytes(&output.join(&format!("{folder}/{MANIFEST_NAME}")), text.into(), "application/json").await?;
    Ok(())
}

/// What is committed in an operation's folder.
pub(crate) enum Present {
    /// Nothing, or what will be written again.
    Other,
    /// The result of the same version of the object.
    Same(Box<Manifest>),
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
    let Some(manifest) = read(store, output, folder).await? else { return Ok(Present::Other) };
    if is_of(&manifest, source, operation) {
        return Ok(Present::Same(Box::new(manifest)));
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
    let manifest = read(store, output, folder).await?;
    Ok(manifest.filter(|manifest| is_of(manifest, source, operation)))
}

async fn read(store: &Store, output: &Location, folder: &str) -> Result<Option<Manifest>, Failure> {
    let location = output.join(&format!("{folder}/{MANIFEST_NAME}"));
    let text = store.get_small(&location, MAX_MANIFEST_BYTES).await?;
    // One that cannot be read is one that will be written again.
    Ok(text.and_then(|text| serde_json::from_slice::<Manifest>(&text).ok()))
}

fn is_of(manifest: &Manifest, source: &Source, operation: &Operation) -> bool {
    manifest.schema_version == SCHEMA_VERSION
        && manifest.source.etag == source.etag
        && manifest.source.version_id == source.version_id
        && manifest.source.size == source.size
        && manifest.processing_option == operation.to_string()
}

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

/// The manifest of an earlier run for the same version of the source and the same operation, if there is one.
pub async fn committed(
    store: &Store,
    output: &Location,
    folder: &str,
    source: &Source,
    operation: &Operation,
) -> Result<Option<Manifest>, Failure> {
    let location = output.join(&format!("{folder}/{MANIFEST_NAME}"));
    let Some(text) = store.get_small(&location, MAX_MANIFEST_BYTES).await? else { return Ok(None) };
    // One that cannot be read is one that will be written again.
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else { return Ok(None) };
    let is_same = manifest.schema_version == SCHEMA_VERSION
        && manifest.source.etag == source.etag
        && manifest.source.version_id == source.version_id
        && manifest.source.size == source.size
        && manifest.processing_option == operation.to_string();
    Ok(is_same.then_some(manifest))
}

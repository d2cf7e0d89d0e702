//! Outputs that are sent to S3 while their worker still works. They become visible with all the others, once the work has
//! succeeded: until then each is an upload in parts that is not completed, and after a failure it is aborted.

use std::collections::HashMap;
use std::path::Path;
use std::pin::pin;

use contract::{Failure, Location};
use futures::{StreamExt, stream};
use operation::OutputDescription;
use store::{Store, Upload};
use tokio::sync::mpsc::UnboundedReceiver;

/// How many outputs are sent at a time.
const CONCURRENT: usize = 4;

/// Smaller outputs are stored at the end, in one request each; one in parts takes three.
const LEAST_BYTES: u64 = 1 << 20;

/// Uploads by the outputs' names, with all bytes sent.
pub(crate) type EarlyUploads = HashMap<String, Upload>;

/// Sends outputs as they are announced, until nobody announces any more or one cannot be sent. What is sent is removed from
/// the scratch folder.
pub(crate) async fn send_early(
    store: &Store,
    folder: &Location,
    scratch: &Path,
    announced: UnboundedReceiver<OutputDescription>,
) -> Result<EarlyUploads, Failure> {
    let mut sending = pin!(
        stream::unfold(announced, async |mut announced| announced.recv().await.map(|output| (output, announced)))
            .map(|output| send(store, folder, scratch, output))
            .buffer_unordered(CONCURRENT)
    );
    let mut uploads = EarlyUploads::new();
    while let Some(sent) = sending.next().await {
        match sent {
            Ok(sent) => uploads.extend(sent),
            Err(failure) => {
                abort(uploads).await;
                return Err(failure);
            }
        }
    }
    Ok(uploads)
}

/// Nothing for an output that is small, or is no more: a worker that fails takes its outputs along, and its failure is the
/// job's.
async fn send(
    store: &Store,
    folder: &Location,
    scratch: &Path,
    output: OutputDescription,
) -> Result<Option<(String, Upload)>, Failure> {
    let path = scratch.join(&output.name);
    if fs_err::metadata(&path).is_ok_and(|file| file.len() < LEAST_BYTES) {
        return Ok(None);
    }
    match store.send_file(&folder.join(&output.name), &path, &output.content_type).await {
        Ok(upload) => {
            // The scratch folder goes in the end; until then it is smaller without what is sent.
            let _ = fs_err::remove_file(&path);
            Ok(Some((output.name, upload)))
        }
        Err(_) if !path.exists() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Gives up what was sent.
pub(crate) async fn abort(uploads: EarlyUploads) {
    stream::iter(uploads.into_values()).for_each_concurrent(CONCURRENT, Upload::abort).await;
}

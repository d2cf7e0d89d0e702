//! Outputs that are sent to S3 while their worker still works. They become visible with all the others, once the work has
//! succeeded: until then each is an upload in parts that is not completed, and after a failure it is aborted.

use std::collections::HashMap;
use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{Failure, Location, OutputDescription, Store, Upload};

/// How many outputs are sent at a time.
const CONCURRENT: usize = 4;

/// Smaller outputs are stored at the end, in one request each; one in parts takes three.
const LEAST_BYTES: u64 = 1 << 20;

/// Uploads by the outputs' names, with all bytes sent.
pub(crate) type EarlyUploads = HashMap<String, Upload>;

/// Sends outputs as they are announced, until nobody announces any more. What is sent is removed from the scratch folder.
pub(crate) async fn send_early(
    store: &Store,
    folder: &Location,
    scratch: &Path,
    announced: UnboundedReceiver<OutputDescription>,
) -> Result<EarlyUploads, Failure> {
    stream::unfold(announced, async |mut announced| announced.recv().await.map(|output| (output, announced)))
        .map(|output| async move {
            let path = scratch.join(&output.name);
            if fs_err::metadata(&path)?.len() < LEAST_BYTES {
                return Ok(None);
            }
            let upload = store.send_file(&folder.join(&output.name), &path, &output.content_type).await?;
            fs_err::remove_file(&path)?;
            Ok(Some((output.name, upload)))
        })
        .buffer_unordered(CONCURRENT)
        .try_filter_map(async |sent| Ok(sent))
        .try_collect()
        .await
}

/// Gives up what was sent.
pub(crate) async fn abort(uploads: EarlyUploads) {
    stream::iter(uploads.into_values()).for_each_concurrent(CONCURRENT, Upload::abort).await;
}

//! Many objects in one process: a list of requests, one JSON object a line, of which an array child takes its slice.
//!
//! Fetching ahead and storing behind go on while the processors work: more objects are under way than workers may run at a
//! time. Each object succeeds or fails on its own, and what an earlier run committed is left as it is.

use contract::{Failure, FailureKind, JobEvent, Location, read_list, slice_of};
use futures::{StreamExt, stream};
use operation::Progress;
use tracing::{info, warn};

use crate::run::{Runner, Work};

/// A longer list than this is a mistake: SubmitJob's arrays have at most 10,000 children.
const MAX_LIST_BYTES: u64 = 256 * 1024 * 1024;

/// For each worker: one object being fetched, one being worked on, one being stored.
const OBJECTS_PER_WORKER: usize = 3;

/// Works through a slice of a list. The exit code is 75 if a retry could mend something, else 64 if this program cannot
/// read what a line asks for (it is older or newer than whoever wrote the list), and 0 otherwise: how each object ended is
/// in its event. A line that was not understood has no event, and Batch's own word for the failed job tells of its object.
pub(crate) async fn run_list(
    runner: &mut Runner,
    list: &Location,
    slice: Option<(usize, usize)>,
    report: &(dyn Fn(&JobEvent) + Sync),
) -> Result<u8, Failure> {
    let text = runner
        .store
        .get_small(list, MAX_LIST_BYTES)
        .await?
        .ok_or_else(|| Failure::input_not_found(format!("list {list} not found")))?;
    let requests = read_list(&text, &list.to_string())?;
    let range = match slice {
        Some((index, size)) => slice_of(requests.len(), index, size)?,
        None => 0..requests.len(),
    };
    info!(objects = range.len(), "working through {list}");
    runner.share(range.len());
    let runner = &*runner;
    let under_way = runner.workers.available_permits() * OBJECTS_PER_WORKER;
    let ended: Vec<Result<u8, Failure>> = stream::iter(&requests[range])
        .map(|request| async move {
            let work =
                Work::from_request(request).inspect_err(|failure| warn!(key = request.source.key, "{failure}"))?;
            let ended = runner.run(&work, &Progress::silent()).await;
            ended.events.iter().for_each(report);
            Ok(ended.exit_code())
        })
        .buffer_unordered(under_way.max(1))
        .collect()
        .await;
    Ok(exit_code(&ended))
}

/// The exit code of a list whose objects ended so: with their own codes, or without having been understood.
fn exit_code(ended: &[Result<u8, Failure>]) -> u8 {
    let temporary = FailureKind::Temporary.exit_code();
    if ended.iter().any(|end| matches!(end, Ok(code) if *code == temporary)) {
        return temporary;
    }
    ended.iter().find_map(|end| end.as_ref().err()).map_or(0, |failure| failure.kind().exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_goes_before_a_line_that_was_not_understood_and_that_before_success() {
        let not_understood = || Err(Failure::invalid_request("unknown operation"));
        assert_eq!(exit_code(&[Ok(0), not_understood(), Ok(75)]), 75);
        assert_eq!(exit_code(&[Ok(65), not_understood()]), 64);
        assert_eq!(exit_code(&[Ok(0), Ok(65)]), 0);
    }
}

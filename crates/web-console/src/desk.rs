//! What the page can ask and do.

use catalog::MediaKind;
use contract::Failure;
use control::{InputRecord, OutputRecord, State};
use operator::Explanation;
use serde::{Deserialize, Serialize};

/// How many uploads a listing has at most.
pub const MAX_LISTED: usize = 1000;

/// Which uploads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// In this state; any without.
    pub state: Option<State>,
    /// Of this kind; any without.
    pub kind: Option<MediaKind>,
    /// Which came into their state on this day, UTC, such as `2026-11-22`; any without.
    pub day: Option<String>,
    /// Whose key contains this text; any without.
    pub text: Option<String>,
    /// Those that come after this place in the list: [`Listing::next`] of the page before.
    pub after: Option<String>,
    /// At most so many, 1 to [`MAX_LISTED`]; 100 without.
    pub limit: Option<usize>,
}

/// A page of uploads, those that changed last first.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// The uploads.
    pub uploads: Vec<Listed>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<String>,
}

/// An upload in a list.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// The upload.
    #[serde(flatten)]
    pub record: InputRecord,
    /// Why it has not succeeded: each reason once, without the object's name.
    pub causes: Vec<String>,
}

/// How many uploads came into a state on a day.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The state.
    pub state: State,
    /// The day on which they came into it, UTC.
    pub day: String,
    /// How many.
    pub count: u64,
}

/// One upload with all that is known of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The upload.
    pub record: InputRecord,
    /// What was made from it and is there still, by key.
    pub outputs: Vec<OutputRecord>,
    /// Where it is, why, and what to do.
    pub explanation: Explanation,
    /// Whether the file that was uploaded is there still, to be looked at beside the results.
    pub has_source: bool,
}

/// What the page can ask and do, wherever the pipeline runs.
pub trait Desk: Send + Sync + 'static {
    /// A page of uploads.
    fn uploads(&self, filter: Filter) -> impl Future<Output = Result<Listing, Failure>> + Send;

    /// How many uploads there are by state and day.
    fn counts(&self) -> impl Future<Output = Result<Vec<Count>, Failure>> + Send;

    /// Every upload of an object, the last first.
    fn upload(&self, key: String) -> impl Future<Output = Result<Vec<Detail>, Failure>> + Send;

    /// Has an object worked on; its job's id.
    fn submit(&self, key: String, processing_option: String) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Ends the uploads of an object that have not ended; how many.
    fn cancel(&self, key: String) -> impl Future<Output = Result<usize, Failure>> + Send;

    /// Sends the failed uploads of an object on their way again; how many.
    fn redrive(&self, key: String) -> impl Future<Output = Result<usize, Failure>> + Send;

    /// Deletes an object with everything that was made of it; how many uploads of it there were. The records stay for a week, and are
    /// listed no more.
    fn delete(&self, key: String) -> impl Future<Output = Result<usize, Failure>> + Send;
}

//! The topic: a line of `events.jsonl` for each event, and a word to whoever watches the run.

use std::sync::Arc;

use contract::{Failure, JobEvent, UploadEnded};
use control::ports::Notices;
use store::Publisher;

use crate::observer::Observer;

/// Notices in a file. Cheap to clone.
#[derive(Clone)]
pub struct FileNotices {
    publisher: Publisher,
    observer: Arc<dyn Observer>,
}

impl FileNotices {
    /// Notices to a file of which the jobs' publisher is one as well.
    pub fn new(publisher: Publisher, observer: Arc<dyn Observer>) -> Self {
        Self { publisher, observer }
    }
}

impl Notices for FileNotices {
    async fn publish(&self, event: &JobEvent) -> Result<(), Failure> {
        self.publisher.publish(event).await?;
        self.observer.told(event);
        Ok(())
    }

    /// One machine has no bus, and its output is told not to use one.
    async fn upload_ended(&self, _: &UploadEnded) -> Result<(), Failure> {
        Err(Failure::internal("one machine has no event bus"))
    }
}

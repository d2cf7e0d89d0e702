//! Who watches a run: the command line's display.

use contract::JobEvent;
use control::InputRecord;
use operation::Progress;

/// Is told what happens. Calls are short and come from any thread.
pub trait Observer: Send + Sync {
    /// So many more files are going to end.
    fn expected(&self, files: usize);

    /// A job begins to work on a file. What the operation reports goes to the progress.
    fn started(&self, key: &str) -> Progress;

    /// A job's work on a file is over.
    fn stopped(&self, key: &str);

    /// An event was published.
    fn told(&self, event: &JobEvent);

    /// A file has ended, in this run or an earlier one.
    fn ended(&self, record: &InputRecord);
}

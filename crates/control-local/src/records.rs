//! The records of an outbox, for a look at them or a message to whoever works on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::{MediaKind, Rules};
use contract::{Failure, JobEvent, Source};
use control::InputRecord;
use control::classify::handler::Classifier;
use control::output::handler::Recorder;
use operation::Progress;
use store::{Publisher, Store};

use crate::clock::SystemClock;
use crate::database::Database;
use crate::inbox::Inbox;
use crate::notices::FileNotices;
use crate::objects::{FolderObjects, WORK};
use crate::observer::Observer;
use crate::outbox::{EVENTS, private_folder, records_of};
use crate::pool::WorkerPool;
use crate::queues::SqliteQueues;
use crate::system::{Local, classify_settings, output_settings};
use crate::table::{INPUTS, OUTPUTS, SqliteTable};

/// The records of an outbox. A run may be at work on it at the same time.
pub struct Records {
    /// DYNAMODB_INPUT.
    pub inputs: SqliteTable,
    /// DYNAMODB_OUTPUT.
    pub outputs: SqliteTable,
    /// The kinds' queues and their dead-letter queues.
    pub queues: SqliteQueues,
    /// The jobs.
    pub pool: WorkerPool,
    database: Database,
    outbox: PathBuf,
}

impl Records {
    /// Opens the records of an outbox, which a run has made.
    pub fn open(outbox: &Path) -> Result<Self, Failure> {
        let path = records_of(outbox);
        if !path.is_file() {
            let outbox = outbox.display();
            return Err(Failure::input_not_found(format!(
                "{outbox} holds no records; `pipeline run INBOX {outbox}` makes them"
            )));
        }
        let database = Database::open(&path)?;
        Ok(Self {
            inputs: SqliteTable::new(&database, INPUTS),
            outputs: SqliteTable::new(&database, OUTPUTS),
            queues: SqliteQueues::new(&database),
            pool: WorkerPool::new(&database),
            database,
            outbox: outbox.to_owned(),
        })
    }

    /// Every day on which an upload came into its state.
    pub fn days(&self) -> Result<Vec<String>, Failure> {
        let partitions = self.inputs.values("stateDay")?;
        let mut days: Vec<String> =
            partitions.iter().filter_map(|partition| partition.split('#').nth(1)).map(str::to_owned).collect();
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    /// The newest of some uploads, those that changed last first.
    pub fn newest(&self, wanted: &NewestUploads) -> Result<Vec<InputRecord>, Failure> {
        self.inputs.newest(wanted)?.into_iter().map(control::table::from_item).collect()
    }

    /// A number that is another one after any process has written to the records.
    pub fn changes(&self) -> Result<i64, Failure> {
        self.database.changes()
    }

    /// A file of the inbox as it is now.
    pub async fn source(&self, key: &str) -> Result<Source, Failure> {
        let version = Store::from_environment().head(&self.inbox()?.location_of(key)?).await?;
        Ok(Source { bucket: None, key: key.to_owned(), version_id: None, etag: version.etag, size: version.size })
    }

    /// Classify over the inbox of the last run, for an operator who names what is to be done.
    pub fn classifier(&self) -> Result<Classifier<Local>, Failure> {
        let work = private_folder(&self.outbox).join(WORK);
        let publisher = Publisher::to_file(&self.outbox.join(EVENTS))?;
        Ok(Classifier {
            objects: FolderObjects::new(self.inbox()?, self.outbox.clone(), work),
            records: self.inputs.clone(),
            queues: self.queues.clone(),
            notices: FileNotices::new(publisher, Arc::new(Nobody)),
            clock: SystemClock,
            settings: classify_settings(Rules::default()),
        })
    }

    /// Output over these records, for an operator who cancels uploads.
    pub fn recorder(&self) -> Result<Recorder<Local>, Failure> {
        let Classifier { objects, records, queues, notices, clock, .. } = self.classifier()?;
        let (outputs, executor) = (self.outputs.clone(), self.pool.clone());
        let settings = output_settings();
        Ok(Recorder { objects, inputs: records, outputs, queues, notices, executor, clock, settings })
    }

    /// The folder that the files of the last run came from.
    pub fn inbox(&self) -> Result<Inbox, Failure> {
        Inbox::new(&self.database.inbox()?, &self.outbox)
    }
}

/// Which uploads a page of a list has.
#[derive(Debug, Clone, Default)]
pub struct NewestUploads {
    /// In these partitions of the index by state: see [`control::by_state`].
    pub partitions: Vec<String>,
    /// Of this kind; any without.
    pub kind: Option<MediaKind>,
    /// Whose object contains this text; any without.
    pub text: Option<String>,
    /// Those that come after this one in the list: when it came into its state, its object, its job.
    pub after: Option<[String; 3]>,
    /// At most so many.
    pub limit: usize,
}

/// Watches nothing.
struct Nobody;

impl Observer for Nobody {
    fn expected(&self, _: usize) {}

    fn started(&self, _: &str) -> Progress {
        Progress::silent()
    }

    fn stopped(&self, _: &str) {}

    fn told(&self, _: &JobEvent) {}

    fn ended(&self, _: &InputRecord) {}
}

//! The operator's commands over the system in AWS. Names of tables and queues come from the variables that the Lambdas
//! have, too; `terraform output -raw environment` prints them.

use catalog::{MediaKind, PerKind};
use clap::{Args, ValueEnum};
use contract::{Failure, Location, Source, timestamp};
use control::classify::handler::{Arrival, Classifier, Decision};
use control::environment::{Environment, Variable};
use control::operator::{explain, redrive};
use control::ports::{Executor, Receipt};
use control::table::{Query, query_all};
use control::{
    InputRecord, OutputRecord, State, by_state, classify::settings::Settings, identity, input_record, table,
};
use control_aws::{AwsPorts, Clients, SystemClock};
use store::Store;
use time::OffsetDateTime;

use crate::table::print;

const INPUT: &str = "DYNAMODB_INPUT";
const OUTPUT: &str = "DYNAMODB_OUTPUT";

/// Which object.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The upload, `s3://bucket/key`
    object: String,
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    /// The object, `s3://bucket/key`
    object: String,
    /// What to do with it, for example resize?width=800&format=webp
    #[arg(long, value_name = "OPERATIONS")]
    processing_option: String,
}

/// Arguments of `redrive`.
#[derive(Debug, Args)]
pub(crate) struct RedriveArguments {
    /// What is sent on its way again
    #[arg(long, value_enum, default_value = "failed")]
    state: Redriven,
    /// Only uploads of this kind
    #[arg(long, value_enum)]
    kind: Option<MediaKind>,
    /// Of which day, UTC, such as 2026-11-22 [default: today]
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
    /// Only those whose reason contains this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Only list them
    #[arg(long)]
    dry_run: bool,
}

/// What can be redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Redriven {
    /// Uploads that failed
    Failed,
    /// Uploads whose request waits: it is sent again
    Queued,
    /// Messages of the dead-letter queues: they are moved back to their queues
    DeadLetters,
}

/// `pipeline explain`: where an upload is, and why it is not further.
pub(crate) fn explain_upload(arguments: &ExplainArguments) -> Result<(), Failure> {
    block_on(async {
        let environment = Environment::read(&[required(INPUT)])?;
        let clients = Clients::load().await?;
        let object = source_of(&arguments.object)?;
        let records = versions(&clients, &environment, &object).await?;
        if records.is_empty() {
            return Err(Failure::input_not_found(format!(
                "{} has no record. Either the object was never uploaded (aws s3 ls), or its event has not reached \
                 classify: look at the bucket's EventBridge setting, the event rule and classify's log",
                arguments.object
            )));
        }
        for record in &records {
            let status = match &record.batch_job_id {
                Some(id) if record.state == State::Submitted => clients.executor().report(&[Receipt(id.clone())]).await?.pop().flatten(),
                _ => None,
            };
            print(&(explain(record, status.as_ref(), OffsetDateTime::now_utc()).join("\n") + "\n"));
        }
        Ok(())
    })
}

/// `pipeline status --aws`: an object's versions with its outputs, or every upload of a state and a day.
pub(crate) fn status(object: Option<&str>, state: Option<&str>, day: Option<&str>) -> Result<(), Failure> {
    block_on(async {
        let environment = Environment::read(&[required(INPUT), required(OUTPUT)])?;
        let clients = Clients::load().await?;
        let mut rows = crate::table::table(&["object", "state", "since", "kind", "operations", "reason"]);
        let records = match object {
            Some(object) => versions(&clients, &environment, &source_of(object)?).await?,
            None => of_day(&clients, &environment, state_named(state.unwrap_or("failed"))?, day).await?,
        };
        for record in &records {
            rows.add_row(vec![
                record.object.clone(),
                record.state.name().to_owned(),
                record.state_at.clone(),
                record.kind.map_or("", MediaKind::name).to_owned(),
                record.processing_option.clone().unwrap_or_default(),
                record.reason.clone().unwrap_or_default(),
            ]);
        }
        print(&rows.to_string());
        let Some(object) = object else { return Ok(()) };
        let outputs = OutputRecord::of_source(&clients.table(environment.get(OUTPUT)), object).await?;
        let mut rows = crate::table::table(&["output", "size", "type", "url"]);
        for output in outputs {
            let made = output.made.as_ref();
            rows.add_row(vec![
                output.key.clone(),
                output.stored.as_ref().map(|stored| runner::human::bytes(stored.size)).unwrap_or_default(),
                made.map(|made| made.content_type.clone()).unwrap_or_default(),
                output.url.clone().unwrap_or_default(),
            ]);
        }
        print(&rows.to_string());
        Ok(())
    })
}

/// `pipeline submit`: the same path as an upload, with what the operator asks for.
pub(crate) fn submit(arguments: &SubmitArguments) -> Result<(), Failure> {
    block_on(async {
        let object = source_of(&arguments.object)?;
        // Classify takes objects of its own bucket; an operator names the bucket with the object.
        let bucket = object.bucket.clone().unwrap_or_default();
        let environment = Environment::from_lookup(control::classify::environment::VARIABLES, |name| {
            if name == "S3_INPUT" { Some(bucket.clone()) } else { std::env::var(name).ok() }
        })?;
        let clients = Clients::load().await?;
        let location: Location = arguments.object.parse()?;
        let version = Store::default().head(&location).await?;
        let source = Source { version_id: version.version_id, etag: version.etag, size: version.size, ..object };
        let now = timestamp::text(OffsetDateTime::now_utc());
        let arrival = Arrival {
            job_id: identity::submitted_job_id(&source, &catalog::redact(&arguments.processing_option), &now),
            source,
            uploaded_at: now,
            operator_option: Some(arguments.processing_option.clone()),
        };
        let classifier = Classifier::<AwsPorts> {
            objects: clients.objects().await?,
            records: clients.table(environment.get(INPUT)),
            queues: clients.queues(),
            notices: clients.notices(environment.get("SNS_NOTIF")).await?,
            clock: SystemClock,
            settings: Settings::read(&environment)?,
        };
        match classifier.classify(&arrival).await? {
            Decision::Queued(kind) => {
                print(&format!(
                    "queued as job {} of kind {kind}; pipeline explain {} follows it",
                    arrival.job_id, arguments.object
                ));
                Ok(())
            }
            Decision::Refused(state) | Decision::Known(state) => Err(Failure::invalid_request(format!(
                "{} was not queued: {}; pipeline explain {0} says why",
                arguments.object,
                state.name()
            ))),
        }
    })
}

/// `pipeline redrive`: sends on its way again what has stopped.
pub(crate) fn redrive_uploads(arguments: &RedriveArguments) -> Result<(), Failure> {
    block_on(async {
        let clients = Clients::load().await?;
        let kinds = MediaKind::ALL.into_iter().filter(|kind| arguments.kind.is_none_or(|only| only == *kind));
        let queues = MediaKind::ALL.map(|kind| required(kind.queue_variable()));
        if arguments.state == Redriven::DeadLetters {
            let dead = MediaKind::ALL.map(|kind| required(kind.dead_letter_queue_variable()));
            let environment = Environment::read(&[queues, dead].concat())?;
            for kind in kinds {
                let queue = kind.queue_variable();
                let (from, to) = (environment.get(kind.dead_letter_queue_variable()), environment.get(queue));
                let moved = clients.queues().move_messages(from, to).await?;
                print(&format!("{moved} messages moved back to {queue}"));
            }
            return Ok(());
        }
        let environment = Environment::read(&[&queues[..], &[required(INPUT)]].concat())?;
        let state = if arguments.state == Redriven::Failed { State::Failed } else { State::Queued };
        let mut records = of_day(&clients, &environment, state, arguments.day.as_deref()).await?;
        records.retain(|record| {
            record.refusal.is_none()
                && arguments.kind.is_none_or(|kind| record.kind == Some(kind))
                && record.reason.as_deref().unwrap_or_default().contains(&arguments.reason)
        });
        for record in &records {
            print(&format!("{}  {}", record.object, record.reason.as_deref().unwrap_or_default()));
        }
        if arguments.dry_run {
            print(&format!("{} uploads would be sent on their way again", records.len()));
            return Ok(());
        }
        let urls = PerKind::from_fn(|kind| environment.get(kind.queue_variable()).to_owned());
        let records_table = clients.table(environment.get(INPUT));
        let sent = redrive(&records_table, &clients.queues(), &SystemClock, &urls, &records).await?;
        print(&format!("{sent} uploads are on their way again"));
        Ok(())
    })
}

async fn versions(clients: &Clients, environment: &Environment, source: &Source) -> Result<Vec<InputRecord>, Failure> {
    let object = input_record::object_of(source);
    let items = query_all(&clients.table(environment.get(INPUT)), Query::of(None, "object", object)).await?;
    let records = items.into_iter().filter(|item| item.get("jobId").is_some_and(|id| id != input_record::LATEST));
    records.map(table::from_item).collect()
}

async fn of_day(
    clients: &Clients,
    environment: &Environment,
    state: State,
    day: Option<&str>,
) -> Result<Vec<InputRecord>, Failure> {
    let today = timestamp::text(OffsetDateTime::now_utc());
    let day = day.unwrap_or_else(|| today.get(..10).unwrap_or_default());
    by_state::records(&clients.table(environment.get(INPUT)), state, day).await
}

fn state_named(word: &str) -> Result<State, Failure> {
    let found = State::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(word));
    let names = || State::ALL.map(|state| state.name().to_lowercase()).join(", ");
    found.ok_or_else(|| Failure::invalid_request(format!("{word:?} is no state; the states are {}", names())))
}

fn source_of(object: &str) -> Result<Source, Failure> {
    let parts = object.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).filter(|(_, key)| !key.is_empty());
    let (bucket, key) =
        parts.ok_or_else(|| Failure::invalid_request(format!("{object:?} is no object; write s3://bucket/key")))?;
    Ok(Source { bucket: Some(bucket.to_owned()), key: key.to_owned(), version_id: None, etag: None, size: 0 })
}

const fn required(name: &'static str) -> Variable {
    Variable::required(name, "of this system; `terraform output -raw environment` prints it")
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::from)?;
    runtime.block_on(work)
}

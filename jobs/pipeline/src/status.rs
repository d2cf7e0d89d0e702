//! `pipeline status` and `pipeline explain`: what became of the uploads.

use contract::{Failure, Source};
use control::State;
use control::output::budget::Pause;
use control::ports::{Clock as _, Executor, Receipt, Table};
use control_local::{Records, SystemClock};
use operator::{Place, Selection};
use runner::OutputFormat;

use crate::cli::{ExplainArguments, StatusArguments};
use crate::place::{self, Target};
use crate::render;
use crate::table::print;

/// Prints uploads as a table, or one with its outputs.
pub(crate) fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    place::block_on(async {
        if arguments.aws {
            return aws::status(arguments).await;
        }
        let records = Records::open(&arguments.outbox)?;
        if let Some(key) = &arguments.file {
            let mut uploads = operator::upload(&records.inputs, &records.outputs, &place::file(key)).await?;
            // The versions that were overwritten have lost their outputs to the last.
            uploads.truncate(1);
            if uploads.is_empty() {
                let outbox = arguments.outbox.display();
                return Err(Failure::input_not_found(format!("no file {key:?} has come through {outbox}")));
            }
            print(&render::upload(&uploads, Place::Here, arguments.output_format));
            return Ok(());
        }
        let days = match &arguments.day {
            Some(day) => vec![day.clone()],
            None => records.days()?,
        };
        let every = Selection { states: State::ALL.to_vec(), days, limit: usize::MAX };
        let mut found = operator::latest(operator::uploads(&records.inputs, &every).await?);
        found.retain(|record| arguments.states.is_empty() || arguments.states.contains(&record.state));
        found.truncate(arguments.limit);
        list(&found, Place::Here, arguments.output_format);
        Ok(())
    })
}

fn list(found: &[control::InputRecord], place: Place, format: OutputFormat) {
    let text = render::uploads(found, place, format);
    // No upload is no line of JSON, and a table with a head alone.
    if !text.is_empty() {
        print(&text);
    }
}

/// `pipeline explain`: where an upload is, and why it is not further.
pub(crate) fn explain(arguments: &ExplainArguments) -> Result<(), Failure> {
    place::block_on(async {
        match arguments.target.parse()? {
            Target::Object(source) => aws::explain(arguments, &source).await,
            Target::File(outbox, key) => {
                let records = Records::open(&outbox)?;
                let mut told = explained(&records.inputs, &records.pool, &place::file(&key), Place::Here).await?;
                // Each run that tries a file again is an upload anew: the last tells.
                told.truncate(1);
                show(&told, arguments, || {
                    Failure::input_not_found(format!("no file {key:?} has come through {}", outbox.display()))
                })
            }
        }
    })
}

fn show(
    told: &[operator::Explanation],
    arguments: &ExplainArguments,
    not_found: impl FnOnce() -> Failure,
) -> Result<(), Failure> {
    if told.is_empty() {
        return Err(not_found());
    }
    print(&render::explanations(told, arguments.output_format));
    Ok(())
}

/// Of each version of an object, the last first.
async fn explained(
    inputs: &impl Table,
    executor: &impl Executor,
    source: &Source,
    place: Place,
) -> Result<Vec<operator::Explanation>, Failure> {
    let mut told = Vec::new();
    for record in operator::versions(inputs, source).await? {
        let report = match &record.batch_job_id {
            Some(id) if record.state == State::Submitted => {
                executor.report(&[Receipt(id.clone())]).await?.pop().flatten()
            }
            _ => None,
        };
        told.push(operator::explain(&record, report.as_ref(), place, SystemClock.now()));
    }
    if let Some(pause) = Pause::read(inputs).await? {
        for explanation in told.iter_mut().filter(|explanation| explanation.state == State::Queued) {
            let (since, reason) = (&pause.since, &pause.reason);
            explanation.advice = format!(
                "Dispatch is paused since {since}: {reason}. pipeline resume lets it run; nothing is lost meanwhile."
            );
        }
    }
    Ok(told)
}

/// The same of the system in AWS.
#[cfg(feature = "aws")]
mod aws {
    use contract::{Failure, Source, timestamp};
    use control::State;
    use operator::{Place, Selection};
    use time::OffsetDateTime;

    use super::{explained, list, show};
    use crate::cli::{ExplainArguments, StatusArguments};
    use crate::place;
    use crate::render;
    use crate::table::print;

    pub(super) async fn status(arguments: &StatusArguments) -> Result<(), Failure> {
        let aws = place::Aws::load().await?;
        let (inputs, outputs) = (aws.inputs()?, aws.outputs()?);
        if let Some(object) = arguments.outbox.to_str().filter(|object| *object != ".") {
            let uploads = operator::upload(&inputs, &outputs, &place::object(object)?).await?;
            if uploads.is_empty() {
                return Err(no_record(object));
            }
            print(&render::upload(&uploads, Place::Aws, arguments.output_format));
            return Ok(());
        }
        let today = timestamp::text(OffsetDateTime::now_utc())[..10].to_owned();
        let states = if arguments.states.is_empty() { vec![State::Failed] } else { arguments.states.clone() };
        let days = vec![arguments.day.clone().unwrap_or(today)];
        let found = operator::uploads(&inputs, &Selection { states, days, limit: arguments.limit }).await?;
        list(&found, Place::Aws, arguments.output_format);
        Ok(())
    }

    pub(super) async fn explain(arguments: &ExplainArguments, source: &Source) -> Result<(), Failure> {
        let aws = place::Aws::load().await?;
        let told = explained(&aws.inputs()?, &aws.executor(), source, Place::Aws).await?;
        show(&told, arguments, || no_record(&arguments.target.name()))
    }

    /// The failure of a query for an object that no event has told of.
    fn no_record(object: &str) -> Failure {
        Failure::input_not_found(format!(
            "{object} has no record. Either the object was never uploaded (aws s3 ls), or its event has not reached \
             classify: look at the bucket's EventBridge setting, the event rule and classify's log"
        ))
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as with AWS")]
mod aws {
    use contract::{Failure, Source};

    use crate::cli::{ExplainArguments, StatusArguments};
    use crate::place::without_aws;

    pub(super) async fn status(_: &StatusArguments) -> Result<(), Failure> {
        Err(without_aws())
    }

    pub(super) async fn explain(_: &ExplainArguments, _: &Source) -> Result<(), Failure> {
        Err(without_aws())
    }
}

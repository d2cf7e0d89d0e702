//! `pipeline submit` and `pipeline redrive`: has an object worked on, and sends again what has stopped.

use catalog::PerKind;
use contract::Failure;
use control::classify::handler::Decision;
use control::ports::{Queues, Table};
use control::{InputRecord, State};
use control_local::{Records, SystemClock, dead_letter_queue_names, queue_names};
use operator::Selection;

use crate::cli::{RedriveArguments, Redriven, SubmitArguments};
use crate::place::{self, Target};
use crate::table::print;

/// `pipeline submit`: the same path as an upload, with what the operator asks for.
pub(crate) fn submit(arguments: &SubmitArguments) -> Result<(), Failure> {
    place::block_on(async {
        let option = &arguments.processing_option;
        let (job_id, decision) = match arguments.target.parse()? {
            Target::Object(object) => Box::pin(aws::submit(object, option)).await?,
            Target::File(outbox, key) => {
                let records = Records::open(&outbox)?;
                operator::submit(&records.classifier()?, records.source(&key).await?, option).await?
            }
        };
        let name = arguments.target.name();
        match decision {
            Decision::Queued(kind) => {
                print(&format!("queued as job {job_id} of kind {kind}; pipeline explain {name} follows it"));
                Ok(())
            }
            Decision::Refused(state) | Decision::Known(state) => Err(Failure::invalid_request(format!(
                "{name} was not queued: {}; pipeline explain {name} says why",
                state.name()
            ))),
        }
    })
}

/// `pipeline redrive`: sends again what has stopped.
pub(crate) fn redrive(arguments: &RedriveArguments) -> Result<(), Failure> {
    place::block_on(async {
        match &arguments.outbox {
            Some(outbox) => {
                let records = Records::open(outbox)?;
                if arguments.state == Redriven::DeadLetters {
                    let (dead, alive) = (dead_letter_queue_names(), queue_names());
                    for kind in place::each_kind(arguments.kind) {
                        let moved = records.queues.move_messages(&dead[kind], &alive[kind])?;
                        print(&format!("{moved} messages moved back to {}", kind.queue_variable()));
                    }
                    return Ok(());
                }
                let days = arguments.day.clone().map_or_else(|| records.days(), |day| Ok(vec![day]))?;
                let chosen = choose(&records.inputs, arguments, days).await?;
                again(&records.inputs, &records.queues, &queue_names(), arguments, &chosen).await
            }
            None => aws::redrive(arguments).await,
        }
    })
}

/// The uploads that the arguments are about.
async fn choose(
    inputs: &impl Table,
    arguments: &RedriveArguments,
    days: Vec<String>,
) -> Result<Vec<InputRecord>, Failure> {
    let state = if arguments.state == Redriven::Failed { State::Failed } else { State::Queued };
    let mut records = operator::uploads(inputs, &Selection { states: vec![state], days, limit: usize::MAX }).await?;
    records.retain(|record| {
        record.refusal.is_none()
            && arguments.kind.is_none_or(|kind| record.kind == Some(kind))
            && record.reason.as_deref().unwrap_or_default().contains(&arguments.reason)
    });
    Ok(records)
}

async fn again(
    inputs: &impl Table,
    queues: &impl Queues,
    queue_urls: &PerKind<String>,
    arguments: &RedriveArguments,
    chosen: &[InputRecord],
) -> Result<(), Failure> {
    for record in chosen {
        print(&format!("{}  {}", record.object, operator::causes(record).join("; ")));
    }
    if arguments.dry_run {
        print(&format!("{} uploads would be sent on their way again", chosen.len()));
        return Ok(());
    }
    let sent = operator::redrive(inputs, queues, &SystemClock, queue_urls, chosen).await?;
    print(&format!("{sent} uploads are on their way again"));
    Ok(())
}

/// The same of the system in AWS.
#[cfg(feature = "aws")]
mod aws {
    use contract::{Failure, Source, timestamp};
    use control::classify::handler::Decision;
    use time::OffsetDateTime;

    use super::{again, choose};
    use crate::cli::{RedriveArguments, Redriven};
    use crate::place;
    use crate::table::print;

    pub(super) async fn submit(object: Source, option: &str) -> Result<(String, Decision), Failure> {
        let aws = place::Aws::load().await?;
        let classifier = aws.classifier(object.bucket.as_deref().unwrap_or_default()).await?;
        operator::submit(&classifier, aws.source(object).await?, option).await
    }

    pub(super) async fn redrive(arguments: &RedriveArguments) -> Result<(), Failure> {
        let aws = place::Aws::load().await?;
        let urls = place::Aws::queue_urls()?;
        if arguments.state == Redriven::DeadLetters {
            let dead = place::Aws::dead_letter_urls()?;
            for kind in place::each_kind(arguments.kind) {
                let moved = aws.queues().move_messages(&dead[kind], &urls[kind]).await?;
                print(&format!("{moved} messages moved back to {}", kind.queue_variable()));
            }
            return Ok(());
        }
        let inputs = aws.inputs()?;
        let today = || timestamp::text(OffsetDateTime::now_utc())[..10].to_owned();
        let chosen = choose(&inputs, arguments, vec![arguments.day.clone().unwrap_or_else(today)]).await?;
        again(&inputs, &aws.queues(), &urls, arguments, &chosen).await
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as with AWS")]
mod aws {
    use contract::{Failure, Source};
    use control::classify::handler::Decision;

    use crate::cli::RedriveArguments;
    use crate::place::without_aws;

    pub(super) async fn submit(_: Source, _: &str) -> Result<(String, Decision), Failure> {
        Err(without_aws())
    }

    pub(super) async fn redrive(_: &RedriveArguments) -> Result<(), Failure> {
        Err(without_aws())
    }
}

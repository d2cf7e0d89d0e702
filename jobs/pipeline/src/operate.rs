//! `pipeline submit`, `redrive`, `cancel` and `backfill`: has an object worked on, sends again what has stopped, ends what should
//! not be done, and takes up what nobody told of.

use catalog::PerKind;
use contract::Failure;
use control::classify::handler::Decision;
use control::output::cancel::JobOfCancelled;
use control::ports::{Queues, Table};
use control::{InputRecord, State};
use control_local::{Records, SystemClock, dead_letter_queue_names, queue_names};
use operator::Selection;

use crate::cli::{BackfillArguments, CancelArguments, PauseArguments, RedriveArguments, Redriven, SubmitArguments};
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
                if arguments.state == Redriven::Undelivered {
                    return Err(Failure::invalid_request(
                        "--state undelivered is for AWS; on one machine nothing is delivered by others",
                    ));
                }
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

/// `pipeline cancel`: ends an upload, or the uploads of an object, that has not ended.
pub(crate) fn cancel(arguments: &CancelArguments) -> Result<(), Failure> {
    place::block_on(async {
        let (name, reason) = (arguments.target.name(), &arguments.reason);
        let ended = match arguments.target.parse()? {
            Target::Object(object) => Box::pin(aws::cancel(&object, reason)).await?,
            Target::File(outbox, key) => {
                let records = Records::open(&outbox)?;
                Box::pin(operator::cancel(&records.recorder()?, &place::file(&key), reason)).await?
            }
        };
        if ended.is_empty() {
            return Err(Failure::invalid_request(format!(
                "{name} has no upload that could be cancelled; pipeline explain {name} shows what became of it"
            )));
        }
        for (record, job) in ended {
            let of_job = match job {
                JobOfCancelled::None => "it had no job yet".to_owned(),
                JobOfCancelled::Ended(job) => format!("its job {} was ended", job.0),
                JobOfCancelled::Shared(job, others) => format!(
                    "its job {} works on {others} other uploads, too, and continues; what it makes of this one stays",
                    job.0
                ),
            };
            print(&format!("cancelled {} ({}); {of_job}", record.object, record.job_id));
        }
        Ok(())
    })
}

/// `pipeline pause`: stops dispatch.
pub(crate) fn pause(arguments: &PauseArguments) -> Result<(), Failure> {
    place::block_on(Box::pin(aws::pause(&arguments.reason)))?;
    print("dispatch is paused: requests wait in their queues; jobs that were submitted continue");
    Ok(())
}

/// `pipeline resume`: lets dispatch run again.
pub(crate) fn resume() -> Result<(), Failure> {
    let was = place::block_on(Box::pin(aws::resume()))?;
    print(&was.map_or_else(
        || "dispatch runs; it was not paused".to_owned(),
        |pause| format!("dispatch runs; it was paused since {}: {}", pause.since, pause.reason),
    ));
    Ok(())
}

/// `pipeline backfill`: takes up objects that nobody told of.
pub(crate) fn backfill(arguments: &BackfillArguments) -> Result<(), Failure> {
    place::block_on(Box::pin(aws::backfill(arguments)))
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
    use control::InputRecord;
    use control::classify::handler::Decision;
    use control::classify::sweep::{Window, YOUNGEST};
    use control::output::budget::{Pause, PausedBy};
    use control::output::cancel::JobOfCancelled;
    use operator::{Backfill, Backfilled};
    use time::OffsetDateTime;

    use super::{again, choose};
    use crate::cli::{BackfillArguments, RedriveArguments, Redriven};
    use crate::place;
    use crate::table::print;

    pub(super) async fn submit(object: Source, option: &str) -> Result<(String, Decision), Failure> {
        let aws = place::Aws::load().await?;
        let classifier = aws.classifier(object.bucket.as_deref().unwrap_or_default()).await?;
        operator::submit(&classifier, aws.source(object).await?, option).await
    }

    pub(super) async fn redrive(arguments: &RedriveArguments) -> Result<(), Failure> {
        let aws = place::Aws::load().await?;
        if arguments.state == Redriven::Undelivered {
            return undelivered(&aws, arguments.dry_run).await;
        }
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

    /// Processes the events that could not be delivered or processed, by the same handlers. What fails stays in its queue.
    async fn undelivered(aws: &place::Aws, dry_run: bool) -> Result<(), Failure> {
        let [uploads, results] = place::Aws::undelivered_urls()?;
        let queues = aws.queues();
        if dry_run {
            for url in [&uploads, &results] {
                print(&format!("about {} messages in {url}", queues.depth(url).await?));
            }
            return Ok(());
        }
        let bucket = std::env::var("S3_INPUT").unwrap_or_default();
        let (classifier, recorder) = (aws.classifier(&bucket).await?, aws.recorder().await?);
        let of_uploads = queues.take(&uploads, async |body| {
            Box::pin(operator::process_undelivered(body, |event| classifier.handle(event))).await
        });
        let of_uploads = of_uploads.await?;
        let of_results = queues.take(&results, async |body| {
            Box::pin(operator::process_undelivered(body, |event| recorder.handle(event))).await
        });
        let of_results = of_results.await?;
        print(&format!("{} events of uploads and {} of results were processed", of_uploads.done, of_results.done));
        let failed: Vec<_> = of_uploads.failed.into_iter().chain(of_results.failed).collect();
        let count = failed.len();
        for (id, failure) in &failed {
            print(&format!("message {id} stays in its queue: {failure}"));
        }
        let first = failed.into_iter().next();
        first.map_or(Ok(()), |(_, failure)| Err(failure.context(format!("{count} events failed again, the first"))))
    }

    pub(super) async fn cancel(object: &Source, reason: &str) -> Result<Vec<(InputRecord, JobOfCancelled)>, Failure> {
        operator::cancel(&place::Aws::load().await?.recorder().await?, object, reason).await
    }

    pub(super) async fn pause(reason: &str) -> Result<(), Failure> {
        place::Aws::load().await?.recorder().await?.pause(PausedBy::Operator, reason).await
    }

    pub(super) async fn resume() -> Result<Option<Pause>, Failure> {
        let aws = place::Aws::load().await?;
        let was = Pause::read(&aws.inputs()?).await?;
        aws.recorder().await?.resume().await?;
        Ok(was)
    }

    pub(super) async fn backfill(arguments: &BackfillArguments) -> Result<(), Failure> {
        let (bucket, prefix) = place::prefix(&arguments.prefix)?;
        let since = arguments.since.as_ref().map(|day| {
            timestamp::parse(&format!("{day}T00:00:00Z"))
                .ok_or_else(|| Failure::invalid_request(format!("--since {day:?} is not a day such as 2026-11-22")))
        });
        let window = Window { from: since.transpose()?, until: OffsetDateTime::now_utc() - YOUNGEST };
        let (limit, dry_run) = (arguments.limit, arguments.dry_run);
        let classifier = place::Aws::load().await?.classifier(&bucket).await?;
        let asked = Backfill { bucket, prefix, window, limit, dry_run };
        // A line for each 100 pages: a large bucket takes a while.
        let mut pages = 0;
        let told = |so_far: &Backfilled| {
            pages += 1;
            if pages % 100 == 0 {
                print(&format!("{} of {} objects so far have no record", so_far.unknown, so_far.listed));
            }
        };
        let done = operator::backfill(&classifier, &asked, told).await?;
        let Backfilled { listed, unknown, bytes, queued, refused } = done;
        print(&format!("{unknown} of {listed} objects have no record: {}", runner::human::bytes(bytes)));
        if !dry_run {
            print(&format!("{queued} were queued; with {refused} there is nothing to do, their records say why"));
        }
        Ok(())
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as with AWS")]
mod aws {
    use contract::{Failure, Source};
    use control::InputRecord;
    use control::classify::handler::Decision;
    use control::output::budget::Pause;
    use control::output::cancel::JobOfCancelled;

    use crate::cli::{BackfillArguments, RedriveArguments};
    use crate::place::without_aws;

    pub(super) async fn submit(_: Source, _: &str) -> Result<(String, Decision), Failure> {
        Err(without_aws())
    }

    pub(super) async fn redrive(_: &RedriveArguments) -> Result<(), Failure> {
        Err(without_aws())
    }

    pub(super) async fn cancel(_: &Source, _: &str) -> Result<Vec<(InputRecord, JobOfCancelled)>, Failure> {
        Err(without_aws())
    }

    pub(super) async fn pause(_: &str) -> Result<(), Failure> {
        Err(without_aws())
    }

    pub(super) async fn resume() -> Result<Option<Pause>, Failure> {
        Err(without_aws())
    }

    pub(super) async fn backfill(_: &BackfillArguments) -> Result<(), Failure> {
        Err(without_aws())
    }
}

//! The subcommands of the fast path: as a Lambda function, as a service, and to find out what holds.

use clap::{Arg, Args, Command};
use contract::{Compute, Failure, Jail, JobEvent, Location};
use operation::Job;

use super::isolation::Isolation;
use super::{Metrics, Running, report, runner};
use crate::serve::Server;
use crate::serve::lambda::{self, Invocations};
use crate::serve::queue::{OrdinaryQueue, Queue};

/// Options of the fast path's two subcommands.
#[derive(Debug, Clone, Args)]
pub(super) struct Serve {
    /// Output: a bucket or `s3://bucket/prefix`
    #[arg(long, value_name = "LOCATION", env = "S3_OUTPUT")]
    output: String,
    /// URL of the kind's ordinary queue, for what is not done here [default: the variable of the kind's queue]
    #[arg(long, value_name = "URL")]
    ordinary_queue: Option<String>,
}

pub(super) const SERVE: &str = "serve";
pub(super) const SERVE_LAMBDA: &str = "serve-lambda";
pub(super) const ISOLATION: &str = "isolation";

/// The subcommands of the fast path.
pub(super) fn subcommands(name: &str) -> [Command; 3] {
    let serve = |id: &'static str| Running::augment_args(Serve::augment_args(Command::new(id)));
    let queue = Arg::new("queue").long("queue").value_name("URL").required(true).env("FAST_QUEUE");
    let serve_queue = serve(SERVE)
        .arg(queue.help("URL of the kind's fast queue"))
        .about("Take requests of a fast queue, one after the other, with warm workers")
        .after_help(format!(
            "Example:\n  {name} serve --queue https://sqs.eu-west-1.amazonaws.com/111122223333/media-fast"
        ));
    let serve_lambda = serve(SERVE_LAMBDA).about("Take requests of a fast queue as a Lambda function").after_help(
        "The function's image has it for its command. Without a jail that holds, requests are left to AWS Batch.",
    );
    let isolation = Command::new(ISOLATION)
        .about("Try to leave both jails, and tell which one holds in this place, as JSON")
        .after_help(format!("Example:\n  {name} isolation    # exit code 0 if a jail holds, 70 if none does"));
    [serve_queue, serve_lambda, isolation]
}

/// Takes requests of the fast path, from the queue or, without one, as a Lambda function.
pub(super) async fn serve_requests(
    jobs: &'static [Job],
    running: Running,
    serve: Serve,
    queue: Option<&str>,
    isolation: Isolation,
) -> Result<u8, Failure> {
    let runtime_api = std::env::var(lambda::RUNTIME_API).ok().filter(|_| queue.is_none());
    match Box::pin(try_serve(jobs, running, serve, queue, runtime_api.as_deref(), &isolation)).await {
        Ok(()) => Ok(0),
        Err(failure) => {
            if let Some(address) = &runtime_api {
                lambda::report_init_error(address, &failure).await;
            }
            Err(failure)
        }
    }
}

async fn try_serve(
    jobs: &'static [Job],
    mut running: Running,
    serve: Serve,
    queue: Option<&str>,
    runtime_api: Option<&str>,
    isolation: &Isolation,
) -> Result<(), Failure> {
    let kind = jobs.first().expect("a program has a job").kind;
    if running.limits.processors.is_none() && isolation.jail() == Some(Jail::Limits) {
        // It starts no threads.
        running.limits.processors = Some(1);
    }
    let mut runner = runner(jobs, &running, Location::of_output(&serve.output)?, true).await?;
    runner.skip_committed = true;
    runner.compute = if queue.is_some() { Compute::Service } else { Compute::Lambda };
    let ordinary = serve.ordinary_queue.or_else(|| std::env::var(kind.queue_variable()).ok());
    let ordinary = ordinary.filter(|url| !url.is_empty()).ok_or_else(|| {
        let variable = kind.queue_variable();
        Failure::invalid_request(format!("no ordinary queue is known; set {variable} or --ordinary-queue"))
    })?;
    let aws = runner.store.aws().clone();
    let print = |event: &JobEvent| report(&running, event);
    let metrics = (running.metrics == Metrics::Emf).then(|| running.metrics_namespace.clone());
    let forward = OrdinaryQueue::new(&aws, &ordinary);
    let jail = isolation.jail();
    if let Some(jail) = jail {
        runner.jail = jail;
        tracing::info!(?jail, "{}", isolation.verdicts());
    } else {
        tracing::error!("requests are left to AWS Batch: {}", isolation.verdicts());
    }
    let server = |runner| Server { runner, kind, forward, report: &print, metrics };
    match (queue, runtime_api) {
        (Some(url), _) if jail.is_some() => server(Some(&runner)).serve(&mut Queue::new(&aws, url).await?).await,
        // Whoever starts a service has to hear of it; the queue's redrive policy does the rest.
        (Some(_), _) => {
            Err(Failure::internal(format!("operations would not be isolated here: {}", isolation.verdicts())))
        }
        (None, Some(address)) => {
            let runner = jail.map(|_| &runner);
            server(runner).serve(&mut Invocations::new(address, isolation.report())).await
        }
        (None, None) => Err(Failure::invalid_request(format!(
            "{} is not set; serve-lambda is for Lambda functions, serve --queue for any other place",
            lambda::RUNTIME_API
        ))),
    }
}

//! `pipeline run`: every file of the inbox to its end, by the system of `control-local`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::Rules;
use contract::{Failure, FailureKind};
use control_local::{Configuration, Outbox, System};
use operation::Job;
use runner::OutputFormat;

use crate::cli::RunArguments;
use crate::progress::Display;
use crate::rules::read_rules;
use crate::summary::summary as summary_of;
use crate::table::print;

/// Runs until every file of the inbox has ended, or until stopped.
pub(crate) fn run(jobs: &'static [Job], arguments: &RunArguments) -> Result<u8, Failure> {
    jobs.iter().try_for_each(Job::check)?;
    let start = Instant::now();
    let rules = arguments.rules.as_deref().map_or(Ok(Rules::default()), read_rules)?;
    let outbox = Outbox::open(&arguments.inbox, &arguments.outbox)?;
    let display = Arc::new(Display::new(arguments));
    let configuration = Configuration {
        jobs,
        rules,
        limits: arguments.limits.clone(),
        workers: arguments.jobs.map_or_else(|| arguments.limits.processors(), usize::from),
        watch: arguments.watch.then(|| Duration::from_secs(arguments.interval)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(async {
        let system = System::open(&arguments.inbox, &outbox, configuration, Arc::clone(&display) as _)?;
        tokio::select! {
            ended = system.run() => ended,
            _ = tokio::signal::ctrl_c() => Err(Failure::temporary("stopped; run it again to continue")),
        }
    });
    display.finish();
    ended?;
    let summary = display.summary();
    if arguments.output_format == OutputFormat::Human {
        print(&summary_of(&summary, start.elapsed(), &arguments.outbox));
    }
    Ok(if summary.has_bad() { FailureKind::InvalidInput.exit_code() } else { 0 })
}

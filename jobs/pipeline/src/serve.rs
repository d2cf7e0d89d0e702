//! `pipeline serve`: a page in the browser over an inbox and an outbox, and the pipeline that works on them.

use std::sync::Arc;
use std::time::Duration;

use catalog::Rules;
use contract::{Failure, FailureKind};
use control_local::{Configuration, Outbox, System};
use operation::Job;
use tracing_subscriber::EnvFilter;
use web_console::{FolderDesk, Server, Watch};

use crate::cli::ServeArguments;
use crate::rules::read_rules;
use crate::table::print;

/// How long an upload must not have changed before it is taken. Those of the page appear as a whole.
const INTERVAL: Duration = Duration::from_millis(500);

/// Serves until stopped.
pub(crate) fn serve(jobs: &'static [Job], arguments: &ServeArguments) -> Result<(), Failure> {
    jobs.iter().try_for_each(Job::check)?;
    let filter = EnvFilter::try_new(&arguments.log).unwrap_or_else(|_| EnvFilter::new("error"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second call in one process changes nothing.
    let _ = logs.try_init();
    let rules = arguments.rules.as_deref().map_or(Ok(Rules::default()), read_rules)?;
    fs_err::create_dir_all(&arguments.inbox)?;
    // While another pipeline works on the outbox, there is nothing to do but to show it.
    let outbox = match Outbox::open(&arguments.inbox, &arguments.outbox) {
        Ok(outbox) => Some(outbox),
        Err(failure) if failure.kind() == FailureKind::Temporary => None,
        Err(failure) => return Err(failure),
    };
    let watch = Watch::default();
    let configuration = Configuration {
        jobs,
        rules,
        limits: arguments.limits.clone(),
        workers: arguments.jobs.map_or_else(|| arguments.limits.processors(), usize::from),
        watch: Some(INTERVAL),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let system = match &outbox {
            Some(outbox) => Some(System::open(&arguments.inbox, outbox, configuration, Arc::new(watch.clone()) as _)?),
            None => None,
        };
        let desk = FolderDesk::open(&arguments.outbox)?;
        let server = Server::listen(arguments.port).await?;
        print(&format!("Open {}\nStop with Ctrl-C", server.url()));
        if system.is_none() {
            print("Another pipeline works on this outbox; the page shows what it does.");
        }
        let work = async {
            match &system {
                Some(system) => system.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = work => ended,
            ended = web_console::serve(server, desk, watch.clone(), system.is_some()) => ended,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

//! The fast path: a program that stays and takes one request after the other, where AWS Batch would start a container for each.
//!
//! Requests come from a kind's fast queue, either handed over by Lambda ([`lambda`]) or received by the program itself
//! ([`queue`]). Each goes through the same steps as in a job: pin, fetch, work, store, commit, publish. What ends there is done with:
//! a result, a damaged input, an object that is gone. Everything else (a crash, a limit, no time left, trouble with the store, no
//! jail that holds) is sent on to the kind's ordinary queue, and AWS Batch does it as if nobody had tried. If even that fails the
//! message comes again, and the fast queue's redrive policy moves it to the ordinary queue in the end.
//!
//! A request that comes twice finds its own manifest and tells of it once more. One of an older version finds a manifest of a
//! later one and changes nothing.
//!
//! Requests are worked on one after the other: beside a worker in the jail of limits nothing else may be under way, because it
//! can reach names in the scratch folder (`sandbox::scratch`).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use catalog::MediaKind;
use contract::{Failure, Jail, JobEvent, JobRequest, metrics};
use operation::Progress;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use tracing::{error, info, warn};

use crate::run::{Run, Runner, Work};

pub(crate) mod lambda;
#[cfg_attr(not(feature = "aws"), path = "serve/no_queue.rs")]
pub(crate) mod queue;

/// Time that is kept for what follows the work: storing, committing, publishing, sending on.
const RESERVE: Duration = Duration::from_secs(3);

/// Time of the reserve that is kept for sending on.
const SENDING: Duration = Duration::from_secs(1);

/// Where requests come from.
pub(crate) trait Requests {
    /// The next message; `None` if there are no more.
    async fn next(&mut self) -> Result<Option<Message>, Failure>;

    /// Nothing is left to do with a message.
    async fn done(&mut self, message: Message) -> Result<(), Failure>;

    /// A message has to come again.
    async fn failed(&mut self, message: Message) -> Result<(), Failure>;
}

/// A message with a request.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its id in the queue.
    pub(crate) id: String,
    /// What the queue wants to hear when the message is done with.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "there is no queue"))]
    pub(crate) receipt: String,
    /// The request, as JSON.
    pub(crate) body: String,
    /// What tells the run from others.
    pub(crate) run_id: String,
    /// When it must be done with.
    pub(crate) deadline: Instant,
}

/// Where requests go that are not done here.
pub(crate) trait Forward {
    /// Sends a message to the kind's ordinary queue.
    async fn forward(&self, body: &str) -> Result<(), Failure>;
}

/// What takes requests.
pub(crate) struct Server<'a, F> {
    /// What does the work; none if no jail holds, and every request is sent on.
    pub(crate) runner: Option<&'a Runner>,
    pub(crate) kind: MediaKind,
    pub(crate) forward: F,
    /// Told of each event.
    pub(crate) report: &'a (dyn Fn(&JobEvent) + Sync),
    /// The namespace of metrics, if somebody wants them.
    pub(crate) metrics: Option<String>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Again,
}

impl<F: Forward> Server<'_, F> {
    /// Takes requests until there are no more.
    pub(crate) async fn serve(&self, requests: &mut impl Requests) -> Result<(), Failure> {
        let sweeper =
            self.runner.filter(|runner| runner.jail == Jail::Limits).map(|runner| Sweeper::of(&runner.scratch));
        while let Some(message) = requests.next().await? {
            let fate = self.take(&message).await;
            if let Some(sweeper) = &sweeper {
                sweeper.sweep();
            }
            match fate {
                Fate::Done => requests.done(message).await?,
                Fate::Again => requests.failed(message).await?,
            }
        }
        Ok(())
    }

    async fn take(&self, message: &Message) -> Fate {
        let Some(runner) = self.runner else {
            return self.send_on(message, "fastRefused", "no jail holds here").await;
        };
        let work = serde_json::from_str::<JobRequest>(&message.body)
            .map_err(|error| Failure::invalid_request("the message is not a valid request").because(error))
            .and_then(|request| Work::from_request(&request));
        let work = match work {
            Ok(work) if work.operations.kind() == self.kind => work,
            // AWS Batch's way has words for whatever is wrong with it.
            Ok(work) => {
                let reason = format!("a request of kind {}", work.operations.kind());
                return self.send_on(message, "fastForwarded", &reason).await;
            }
            Err(failure) => return self.send_on(message, "fastForwarded", &failure.to_string()).await,
        };
        let until = message.deadline.checked_sub(RESERVE).unwrap_or_else(Instant::now);
        let work = Work { run: Some(Run { id: message.run_id.clone(), until }), ..work };
        let stop = message.deadline.checked_sub(SENDING).unwrap_or_else(Instant::now);
        let ended = tokio::time::timeout_at(stop.into(), runner.run(&work, &Progress::silent())).await;
        let Ok(ended) = ended else {
            return self.send_on(message, "fastForwarded", "no time is left").await;
        };
        ended.events.iter().for_each(self.report);
        if let Some(left) = ended.left {
            return self.send_on(message, "fastForwarded", &left.message).await;
        }
        // It is done and committed: when the message comes again, the same is told once more.
        if ended.unpublished.is_some() { Fate::Again } else { Fate::Done }
    }

    /// Leaves a request to AWS Batch.
    async fn send_on(&self, message: &Message, metric: &str, reason: &str) -> Fate {
        self.print_metric(metric);
        match self.forward.forward(&message.body).await {
            Ok(()) => {
                info!(message = message.id, reason, "left to AWS Batch");
                Fate::Done
            }
            Err(failure) => {
                error!(message = message.id, reason, "failed to leave it to AWS Batch: {failure}");
                Fate::Again
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "standard output is where Lambda takes logs and metrics from")]
    fn print_metric(&self, metric: &str) {
        let Some(namespace) = &self.metrics else { return };
        let members = [("kind", json!(self.kind)), (metric, json!(1))];
        let members: Map<String, Value> = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        println!("{}", metrics::FAST.line(namespace, OffsetDateTime::now_utc(), members));
    }
}

/// Removes what a worker in the jail of limits left in the scratch folder: it can make folders, links and pipes there.
struct Sweeper {
    folder: PathBuf,
    present: BTreeSet<OsString>,
}

impl Sweeper {
    fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), present: names_in(folder) }
    }

    fn sweep(&self) {
        for name in names_in(&self.folder).difference(&self.present) {
            let path = self.folder.join(name);
            let is_folder = fs_err::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            // Links are removed, and not followed.
            let removed = if is_folder { fs_err::remove_dir_all(&path) } else { fs_err::remove_file(&path) };
            match removed {
                Ok(()) => warn!(path = %path.display(), "a worker left this in the scratch folder"),
                Err(failure) => error!("what a worker left stays in the scratch folder: {failure}"),
            }
        }
    }
}

fn names_in(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs_err::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.file_name()).collect());
    entries.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    struct Listed {
        waiting: VecDeque<Message>,
        done: Vec<String>,
        failed: Vec<String>,
    }

    impl Requests for Listed {
        async fn next(&mut self) -> Result<Option<Message>, Failure> {
            Ok(self.waiting.pop_front())
        }

        async fn done(&mut self, message: Message) -> Result<(), Failure> {
            self.done.push(message.id);
            Ok(())
        }

        async fn failed(&mut self, message: Message) -> Result<(), Failure> {
            self.failed.push(message.id);
            Ok(())
        }
    }

    struct Ordinary {
        sent: Mutex<Vec<String>>,
        is_up: bool,
    }

    impl Forward for Ordinary {
        async fn forward(&self, body: &str) -> Result<(), Failure> {
            if !self.is_up {
                return Err(Failure::temporary("SQS is down"));
            }
            self.sent.lock().unwrap().push(body.to_owned());
            Ok(())
        }
    }

    fn served(is_up: bool) -> (Listed, Vec<String>) {
        let message = |id: &str| Message {
            id: id.to_owned(),
            receipt: String::new(),
            body: format!("request {id}"),
            run_id: "run".to_owned(),
            deadline: Instant::now() + Duration::from_mins(1),
        };
        let mut requests = Listed { waiting: ["a", "b"].map(message).into(), done: Vec::new(), failed: Vec::new() };
        let forward = Ordinary { sent: Mutex::default(), is_up };
        let server = Server { runner: None, kind: MediaKind::Image, forward, report: &|_| {}, metrics: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server.serve(&mut requests)).unwrap();
        (requests, server.forward.sent.into_inner().unwrap())
    }

    #[test]
    fn without_a_jail_every_request_is_left_to_batch() {
        let (requests, sent) = served(true);
        assert_eq!(sent, ["request a", "request b"]);
        assert_eq!((requests.done.len(), requests.failed.len()), (2, 0));
    }

    #[test]
    fn what_cannot_even_be_sent_on_comes_again() {
        let (requests, sent) = served(false);
        assert!(sent.is_empty());
        assert_eq!((requests.done.len(), requests.failed), (0, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn what_a_worker_leaves_is_removed_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs_err::write(elsewhere.path().join("kept"), "kept").unwrap();
        fs_err::write(folder.path().join("before"), "before").unwrap();
        let sweeper = Sweeper::of(folder.path());
        fs_err::create_dir_all(folder.path().join("left/deep")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("left/deep/link")).unwrap();
        sweeper.sweep();
        assert_eq!(names_in(folder.path()), BTreeSet::from([OsString::from("before")]));
        assert!(elsewhere.path().join("kept").exists());
    }
}

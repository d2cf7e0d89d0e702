//! Who does the work of an operation: one trait, a member for each way.
//!
//! An engine is given one object and one operation and leaves finished outputs in the scratch folder; pinning, storing, the
//! manifest and the event are the runner's, whoever does the work. The options of an operation choose the engine
//! ([`Operation::engine`]) among those that its profile names.
//!
//! [`NativeWorker`] forks a process inside a jail. [`AskingWorker`] does the same and answers what that process asks of one
//! managed service: decoding stays in the jail, and the call is made by the parent process, which alone has credentials.
//! [`MediaConvert`] has no worker: the service reads the object and writes the results itself.

use std::path::PathBuf;
use std::sync::Arc;

use catalog::{Engine as EngineName, Format, Operation};
use contract::{Failure, Jail};
use futures::FutureExt;
use futures::future::BoxFuture;
use managed::Asked;
use operation::{Answers, CompanionSource, OutputDescription, Progress, Share};
use sandbox::{Limits, WorkerInput, WorkerReport, WorkerTask, run_in_worker};
use store::{Aws, ObjectVersion, Store};
use tokio::sync::mpsc::UnboundedSender;

use crate::media_convert::MediaConvert;

/// One operation on one object.
pub struct EngineTask {
    /// What to do.
    pub operation: Operation,
    /// What of it, if several processes share the work.
    pub share: Option<Share>,
    /// The file name of the object, without folders.
    pub name: String,
    /// The format by content.
    pub format: Format,
    /// Bytes of the input.
    pub size: u64,
    /// Its bytes.
    pub input: WorkerInput,
    /// Its companion files.
    pub companions: Arc<dyn CompanionSource>,
    /// Who answers what it asks of managed services, if its engine asks.
    pub services: Option<Arc<dyn Answers>>,
    /// The folder for the outputs, which exists.
    pub scratch: PathBuf,
    /// What a process that does the work may use.
    pub limits: Limits,
    /// What holds that process.
    pub jail: Jail,
    /// Where progress is reported.
    pub progress: Progress,
    /// Whether the program does nothing after this task.
    pub is_last: bool,
    /// Is sent each output as soon as it is complete, if somebody stores outputs early.
    pub finished: Option<UnboundedSender<OutputDescription>>,
    /// What an engine that reads the object itself needs; none for native work.
    pub hand_over: Option<HandOver>,
}

/// An object that a service reads itself.
pub struct HandOver {
    /// Its calls and their bill.
    pub asked: Arc<Asked>,
    /// Clients of S3.
    pub aws: Aws,
    /// Where its results are taken from.
    pub store: Store,
    /// The object.
    pub source: ObjectVersion,
    /// The same for every try of the same work, and for no other work: 32 hexadecimal digits.
    pub claim: String,
}

/// Does the work of operations.
pub trait Engine: Send + Sync {
    /// The name by which profiles ask for it.
    fn name(&self) -> EngineName;

    /// Does the work. The report of a failed task says why; its scratch folder is empty.
    fn carry_out(&self, task: EngineTask) -> BoxFuture<'static, WorkerReport>;
}

/// This project's own code, in a worker process.
pub struct NativeWorker;

impl Engine for NativeWorker {
    fn name(&self) -> EngineName {
        EngineName::Native
    }

    fn carry_out(&self, task: EngineTask) -> BoxFuture<'static, WorkerReport> {
        in_worker(EngineTask { services: None, ..task })
    }
}

/// This project's own code, in a worker process that asks a managed service.
pub struct AskingWorker(EngineName);

impl Engine for AskingWorker {
    fn name(&self) -> EngineName {
        self.0
    }

    fn carry_out(&self, task: EngineTask) -> BoxFuture<'static, WorkerReport> {
        in_worker(task)
    }
}

fn in_worker(task: EngineTask) -> BoxFuture<'static, WorkerReport> {
    let supervised = tokio::task::spawn_blocking(move || {
        let EngineTask {
            operation,
            share,
            name,
            format,
            size,
            input,
            companions,
            services,
            scratch,
            limits,
            jail,
            progress,
            is_last,
            finished,
            hand_over: _,
        } = task;
        run_in_worker(WorkerTask {
            operation: &operation,
            share,
            name,
            format,
            size,
            input,
            companions,
            services,
            scratch: &scratch,
            limits: &limits,
            jail,
            progress,
            is_last,
            finished: &|output| match &finished {
                Some(finished) => {
                    finished.send(output.clone()).map_err(|_| Failure::internal("storing an earlier output failed"))
                }
                None => Ok(()),
            },
        })
    });
    let report = supervised.map(|report| {
        report.unwrap_or_else(|error| {
            WorkerReport::failed(Failure::internal("the thread that supervises the worker ended").because(error))
        })
    });
    Box::pin(report)
}

/// The engines of a program, one for each name.
pub static ENGINES: &[&dyn Engine] = &[
    &NativeWorker,
    &AskingWorker(EngineName::Rekognition),
    &AskingWorker(EngineName::Textract),
    &AskingWorker(EngineName::Comprehend),
    &MediaConvert,
];

/// The engine that does an operation: the one that its options choose.
pub fn engine_of(operation: &Operation) -> Result<&'static dyn Engine, Failure> {
    let wanted = operation.engine();
    let found = ENGINES.iter().find(|engine| engine.name() == wanted && operation.profile().engines.contains(&wanted));
    found.copied().ok_or_else(|| Failure::internal(format!("this program has no engine for {operation}")))
}

#[cfg(test)]
mod tests {
    use catalog::{OPERATIONS, Operations};

    use super::*;

    #[test]
    fn options_choose_the_engine() {
        for (text, engine) in [
            ("recognise", EngineName::Native),
            ("recognise?engine=rekognition", EngineName::Rekognition),
            ("text?ocr=textract", EngineName::Textract),
            ("text?engine=auto", EngineName::Textract),
            ("analyse?engine=comprehend", EngineName::Comprehend),
            ("transcode?engine=mediaconvert", EngineName::MediaConvert),
            ("resize?width=3", EngineName::Native),
        ] {
            let operations: Operations = text.parse().unwrap();
            assert_eq!(engine_of(operations.first()).unwrap().name(), engine, "{text}");
        }
    }

    #[test]
    fn every_engine_that_a_profile_names_is_there_once() {
        for declaration in OPERATIONS {
            for name in declaration.profile.engines {
                assert_eq!(ENGINES.iter().filter(|engine| engine.name() == *name).count(), 1, "{}", declaration.name);
            }
        }
    }
}

//! From requests in a queue to Batch jobs, each submitted once.
//!
//! An upload is claimed before its job is submitted and the job's id is recorded after. A crash before the claim leaves
//! nothing behind but a list that nobody reads. A crash between the claim and the record leaves a claim without a job:
//! once the claim is void, the next delivery looks for the job by the claim's name and either records it or begins
//! anew. A message is acknowledged only when its job is recorded, or when there is nothing more to do for it.
//!
//! A long video is encoded by an array job, whose children do a part each, and a second job that depends on it and joins the
//! parts. Both belong to one claim: the array is submitted first, under a name made from the claim's, and a delivery that
//! finds it without the second job submits that one.
//!
//! Requests to AWS for a delivery of up to 100 messages that become one job: two reads, one list, one transaction for the
//! claims, one SubmitJob, one read and one transaction to record it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use catalog::Resources;
use contract::{Failure, FailureKind, JobRequest, list, timestamp};
use futures::StreamExt;
use serde_json::Value;

use crate::dispatch::packing::{Pack, needs_of_parts, pack, parts};
use crate::dispatch::resources::memory_limit;
use crate::dispatch::settings::Settings;
use crate::event::{QueueMessage, Trigger};
use crate::input_record::{Claim, GivenUp, Latest, Refusal};
use crate::ports::{Batch, Clock, Notices, Objects, Queues, Submission, SubmitFailure, Table};
use crate::table::{self, BATCH, Conflict, Key};
use crate::{InputRecord, State, identity, notice, reply};

/// How many jobs one delivery submits at a time.
const CONCURRENT_JOBS: usize = 4;

/// How often a throttled submission is tried again: about ten seconds in all.
const SUBMIT_TRIES: u32 = 7;

/// What dispatch needs of the world.
pub struct Dispatcher<O, T, Q, N, B, C> {
    /// `S3_WORK`.
    pub objects: O,
    /// DYNAMODB_INPUT.
    pub records: T,
    /// The dead-letter queues.
    pub queues: Q,
    /// SNS_NOTIF.
    pub notices: N,
    /// Batch.
    pub batch: B,
    /// The clock.
    pub clock: C,
    /// What is configured.
    pub settings: Settings,
}

/// A request with the messages that it came in.
#[derive(Debug, Clone)]
struct Incoming {
    request: JobRequest,
    messages: Vec<QueueMessage>,
}

/// Why a request is not done with.
#[derive(Debug, Clone)]
struct Later {
    reason: String,
    /// Whether it may be given up when it has come often enough: not while its job may have been submitted.
    may_give_up: bool,
}

/// Why a job is not known to have been submitted.
enum NotSubmitted {
    /// It was not.
    Refused(String),
    /// It may have been.
    Unknown(Failure),
}

/// A request whose parts a job does already, while the job that joins them is missing.
struct Begun {
    claim: Claim,
    /// The id of the job that does the parts.
    array: String,
}

/// The jobs of a pack.
struct Submissions {
    /// The array whose children do the parts of the work, where it has some.
    parts: Option<Submission>,
    /// What does the work, or joins the parts.
    work: Submission,
}

/// Requests that are not done with, by job id.
type Leftover = HashMap<String, Later>;

impl<O: Objects, T: Table, Q: Queues, N: Notices, B: Batch, C: Clock> Dispatcher<O, T, Q, N, B, C> {
    /// Handles a delivery of a queue and answers the messages that must come again.
    pub async fn handle(&self, payload: Value) -> Result<Value, Failure> {
        let Trigger::Queue(messages) = Trigger::read(payload)? else {
            return Err(Failure::invalid_request("dispatch takes messages of a queue only"));
        };
        let mut failed: Vec<String> = Vec::new();
        let mut incoming: BTreeMap<String, Incoming> = BTreeMap::new();
        for message in messages {
            match serde_json::from_str::<JobRequest>(&message.body) {
                Ok(request) => {
                    let entry = incoming.entry(request.job_id.clone());
                    entry.or_insert_with(|| Incoming { request, messages: Vec::new() }).messages.push(message);
                }
                Err(error) => {
                    let reason = format!("the message is no request: {error}");
                    if let Err(failure) = self.bury(&message, &reason).await {
                        tracing::error!(message = message.message_id, "{reason}; {failure}");
                        failed.push(message.message_id);
                    }
                }
            }
        }
        let leftover = match self.dispatch(&incoming).await {
            Ok(leftover) => leftover,
            Err(failure) => {
                let later = Later { reason: failure.to_string(), may_give_up: true };
                incoming.keys().map(|id| (id.clone(), later.clone())).collect()
            }
        };
        for (job_id, later) in leftover {
            let Some(incoming) = incoming.get(&job_id) else { continue };
            let receives = incoming.messages.iter().map(QueueMessage::receive_count).max().unwrap_or_default();
            tracing::warn!(job = job_id, receives, "not dispatched: {}", later.reason);
            if later.may_give_up && receives >= self.settings.give_up_receives {
                match self.give_up(incoming, &later.reason).await {
                    Ok(()) => continue,
                    Err(failure) => tracing::error!(job = job_id, "cannot even give up: {failure}"),
                }
            }
            failed.extend(incoming.messages.iter().map(|message| message.message_id.clone()));
        }
        Ok(reply::failed_messages(failed.iter().map(String::as_str)))
    }

    /// Submits what is to be submitted, and answers what is not done with.
    async fn dispatch(&self, incoming: &BTreeMap<String, Incoming>) -> Result<Leftover, Failure> {
        let mut leftover = Leftover::new();
        let mut available: HashMap<String, InputRecord> = HashMap::new();
        let mut found: HashMap<String, Option<String>> = HashMap::new();
        let mut begun: HashMap<String, Begun> = HashMap::new();
        let known = self.read(incoming).await?;
        let now = self.clock.now().unix_timestamp();
        for (job_id, Incoming { request, messages }) in incoming {
            let (record, latest) = known.get(job_id).cloned().unwrap_or_default();
            let mut record = record.unwrap_or_else(|| InputRecord::of_request(request));
            // What was given up is taken up again when its message comes again: somebody moved it back to the queue.
            let ended = record.state.is_terminal() && record.given_up.is_none();
            if ended || record.batch_job_id.is_some() {
                continue;
            }
            if let Some(claim) = record.claim.clone() {
                if now < claim.at + self.settings.claim_seconds {
                    let reason = format!("being submitted as {} since {} s", claim.job_name, now - claim.at);
                    leftover.insert(job_id.clone(), Later { reason, may_give_up: false });
                    continue;
                }
                let batch_job_id = match found.get(&claim.job_name) {
                    Some(id) => id.clone(),
                    None => self.batch.find(&claim.job_queue, &claim.job_name).await?,
                };
                found.insert(claim.job_name.clone(), batch_job_id.clone());
                if let Some(id) = batch_job_id {
                    self.record_job(&[InputRecord::key(&request.source, job_id)], &claim.job_name, &id).await?;
                    continue;
                }
                if parts(request).is_some()
                    && let Some(array) = self.batch.find(&claim.job_queue, &claim.parts_name()).await?
                {
                    begun.insert(job_id.clone(), Begun { claim, array });
                }
            }
            // Only now is it certain that no job has it. What an operator asked for has no place among the versions.
            let is_older =
                |latest: Latest| identity::is_of_upload(job_id) && *latest.sequence > *identity::sequence(job_id);
            if record.results.is_empty() && latest.is_some_and(is_older) {
                self.supersede(record).await?;
                continue;
            }
            if let Err(failure) = request.operations() {
                self.refuse(record, &failure).await?;
                continue;
            }
            record.timeline.queued_at =
                messages.iter().filter_map(QueueMessage::sent_at).min().and_then(timestamp::text_of_milliseconds);
            available.insert(job_id.clone(), record);
        }
        let requests = incoming.values().map(|incoming| incoming.request.clone());
        let requests = requests.filter(|request| available.contains_key(&request.job_id)).collect();
        let packs = pack(requests, &self.settings.packing);
        let submissions = packs.into_iter().map(|pack| self.submit(pack, &available, &begun));
        let results: Vec<Leftover> =
            futures::stream::iter(submissions).buffer_unordered(CONCURRENT_JOBS).collect().await;
        leftover.extend(results.into_iter().flatten());
        Ok(leftover)
    }

    /// The records of requests, and the latest versions of their objects.
    async fn read(
        &self,
        incoming: &BTreeMap<String, Incoming>,
    ) -> Result<HashMap<String, (Option<InputRecord>, Option<Latest>)>, Failure> {
        let requests: Vec<&JobRequest> = incoming.values().map(|incoming| &incoming.request).collect();
        let mut known: HashMap<String, (Option<InputRecord>, Option<Latest>)> = HashMap::new();
        for requests in requests.chunks(BATCH / 2) {
            let mut keys: Vec<Key> = requests
                .iter()
                .flat_map(|r| [InputRecord::key(&r.source, &r.job_id), Latest::key(&r.source)])
                .collect();
            keys.sort();
            keys.dedup();
            let items = self.records.get(&keys).await?;
            let items: HashMap<&Key, _> = keys.iter().zip(items).collect();
            for request in requests {
                let item = |key: &Key| items.get(key).cloned().flatten();
                let record =
                    item(&InputRecord::key(&request.source, &request.job_id)).map(table::from_item).transpose()?;
                let latest = item(&Latest::key(&request.source)).map(table::from_item).transpose()?;
                known.insert(request.job_id.clone(), (record, latest));
            }
        }
        Ok(known)
    }

    /// Submits a pack, and answers what of it is not done with. `begun` has the requests whose parts are being done already.
    async fn submit(
        &self,
        mut pack: Pack,
        records: &HashMap<String, InputRecord>,
        begun: &HashMap<String, Begun>,
    ) -> Leftover {
        let mut leftover = Leftover::new();
        loop {
            let begun = pack.requests.first().and_then(|request| begun.get(&request.job_id));
            let claim = match begun {
                Some(Begun { claim, .. }) => Claim { at: self.clock.now().unix_timestamp(), ..claim.clone() },
                None => self.new_claim(&pack),
            };
            match self.claim(&pack, &claim, records).await {
                Ok(Ok(())) => {
                    let submissions = self.prepare(&pack, &claim);
                    let array = begun.map(|begun| begun.array.clone());
                    leftover.extend(self.submit_claimed(&pack, submissions, array).await);
                    return leftover;
                }
                // Somebody else is at these: they come again, the others go on without them.
                Ok(Err(Conflict(positions))) => {
                    let others = pack.requests.iter().enumerate();
                    let (theirs, ours): (Vec<_>, Vec<_>) =
                        others.partition(|(position, _)| positions.contains(position));
                    for (_, request) in theirs {
                        let reason = "changed by another at the same time".to_owned();
                        leftover.insert(request.job_id.clone(), Later { reason, may_give_up: false });
                    }
                    let ours = ours.into_iter().map(|(_, request)| request.clone()).collect();
                    let Some(rest) = crate::dispatch::packing::pack(ours, &self.settings.packing).pop() else {
                        return leftover;
                    };
                    pack = rest;
                }
                Err(failure) => {
                    leftover.extend(later(&pack, &failure.to_string(), true));
                    return leftover;
                }
            }
        }
    }

    /// A claim for a pack.
    fn new_claim(&self, pack: &Pack) -> Claim {
        let now = self.clock.now();
        let operation = operation_of(&pack.requests);
        let ids: Vec<&str> = pack.requests.iter().map(|request| request.job_id.as_str()).collect();
        let at = now.unix_timestamp_nanos().to_string();
        let job_name = format!("{}-{operation}-{}", pack.kind, identity::short_hash(&[&ids.join(","), &at]));
        let work_list = format!("lists/{}/{}/{job_name}.jsonl", pack.kind, &timestamp::text(now)[..10]);
        let job_queue = self.settings.job_queues[pack.kind].clone();
        Claim { job_name, job_queue, work_list, at: now.unix_timestamp() }
    }

    /// What is submitted under a claim.
    fn prepare(&self, pack: &Pack, claim: &Claim) -> Submissions {
        let (Some(count), [request]) = (pack.parts, pack.requests.as_slice()) else {
            return Submissions { parts: None, work: self.submission(pack, claim, pack.resources, &[]) };
        };
        let (part, join) = needs_of_parts(request, count, &self.settings.packing);
        let location = format!("s3://{}/parts/{}", self.settings.work_bucket, claim.job_name);
        let parts = Submission {
            name: claim.parts_name(),
            array_size: Some(count),
            ..self.submission(pack, claim, part, &["--parts", &location])
        };
        let join = self.submission(pack, claim, join, &["--parts", &location, "--join", &count.to_string()]);
        Submissions { parts: Some(parts), work: join }
    }

    /// The job of a pack with that part of a machine, and what its command says beside the list.
    fn submission(&self, pack: &Pack, claim: &Claim, resources: Resources, more: &[&str]) -> Submission {
        let operation = operation_of(&pack.requests);
        let list_url = format!("s3://{}/{}", self.settings.work_bucket, claim.work_list);
        let source = match pack.requests.as_slice() {
            [one] => crate::input_record::object_of(&one.source),
            many => format!("{} objects", many.len()),
        };
        let mut parameters = vec![
            ("manifest".to_owned(), list_url.clone()),
            ("list".to_owned(), claim.work_list.clone()),
            ("children".to_owned(), pack.children.to_string()),
        ];
        if let [one] = pack.requests.as_slice() {
            parameters.push(("input".to_owned(), source.clone()));
            parameters.push(("processingOption".to_owned(), one.processing_option.to_string()));
        }
        let tags = [("kind", pack.kind.name()), ("operation", operation.as_str()), ("source", source.as_str())];
        let limit = memory_limit(resources);
        let command = [&["run", "--manifest", &list_url], more, &["--memory-limit", &limit]].concat();
        Submission {
            name: claim.job_name.clone(),
            queue: claim.job_queue.clone(),
            definition: self.settings.job_definitions[pack.kind].clone(),
            command: command.into_iter().map(str::to_owned).collect(),
            parameters,
            array_size: (pack.children > 1).then_some(pack.children as u32),
            depends_on: None,
            vcpus: resources.vcpus,
            memory: resources.memory,
            pod_container: self.settings.on_kubernetes.then(|| pack.kind.job_name().to_owned()),
            tags: tags.map(|(name, value)| (name.to_owned(), tag_value(value))).into(),
        }
    }

    /// Writes the list, then claims every upload of the pack or none.
    async fn claim(
        &self,
        pack: &Pack,
        claim: &Claim,
        records: &HashMap<String, InputRecord>,
    ) -> Result<Result<(), Conflict>, Failure> {
        self.objects.write(&self.settings.work_bucket, &claim.work_list, list::write(&pack.requests)).await?;
        let puts = pack.requests.iter().map(|request| {
            let mut record = records[&request.job_id].clone();
            record.claim = Some(claim.clone());
            if record.given_up.take().is_some() {
                record.timeline.recorded_at = None;
                record.expires_at = None;
            }
            table::put(&record)
        });
        self.records.put(&puts.collect::<Vec<_>>()).await
    }

    /// Submits what was claimed; `array` does the parts already, where there is one.
    async fn submit_claimed(&self, pack: &Pack, submissions: Submissions, array: Option<String>) -> Leftover {
        let Submissions { parts, mut work } = submissions;
        let keys: Vec<Key> =
            pack.requests.iter().map(|request| InputRecord::key(&request.source, &request.job_id)).collect();
        if let Some(parts) = parts {
            work.depends_on = match array {
                Some(id) => Some(id),
                None => match self.submit_once(&parts).await {
                    Ok(id) => Some(id),
                    Err(NotSubmitted::Refused(reason)) => return self.release(pack, &keys, &work, &reason).await,
                    Err(NotSubmitted::Unknown(failure)) => return later(pack, &failure.to_string(), false).collect(),
                },
            };
        }
        let id = match self.submit_once(&work).await {
            Ok(id) => id,
            // The parts are under way: the claim stays, by whose name they are found when it is void.
            Err(NotSubmitted::Refused(reason)) if work.depends_on.is_some() => {
                return later(pack, &reason, true).collect();
            }
            Err(NotSubmitted::Refused(reason)) => return self.release(pack, &keys, &work, &reason).await,
            Err(NotSubmitted::Unknown(failure)) => return later(pack, &failure.to_string(), false).collect(),
        };
        match self.record_job(&keys, &work.name, &id).await {
            Ok(()) => Leftover::new(),
            Err(failure) => later(pack, &failure.to_string(), false).collect(),
        }
    }

    /// Submits a job, again only where it is certain that it was not, and answers its id.
    async fn submit_once(&self, submission: &Submission) -> Result<String, NotSubmitted> {
        for attempt in 0..SUBMIT_TRIES {
            match self.batch.submit(submission).await {
                Ok(id) => return Ok(id),
                Err(SubmitFailure::Throttled) => self.clock.sleep(self.backoff(attempt, &submission.name)).await,
                Err(SubmitFailure::Refused(failure)) => return Err(NotSubmitted::Refused(failure.to_string())),
                // It may have been submitted all the same: then it can be found, now or once the claim is void.
                Err(SubmitFailure::Unknown(failure)) => {
                    return match self.batch.find(&submission.queue, &submission.name).await {
                        Ok(Some(id)) => Ok(id),
                        _ => Err(NotSubmitted::Unknown(failure)),
                    };
                }
            }
        }
        Err(NotSubmitted::Refused("Batch is throttling submissions".to_owned()))
    }

    /// Between half and the whole of an exponential step, at most six seconds, so that many dispatchers do not come
    /// again at the same time.
    fn backoff(&self, attempt: u32, name: &str) -> Duration {
        let step = 100_u64 << attempt.min(6);
        let spread = identity::short_hash(&[name, &attempt.to_string(), &self.clock.now().nanosecond().to_string()]);
        let spread = u64::from_str_radix(&spread[..4], 16).unwrap_or_default() % (step / 2);
        Duration::from_millis((step / 2 + spread).min(6000))
    }

    /// Takes a claim back: nothing was submitted under it.
    async fn release(&self, pack: &Pack, keys: &[Key], submission: &Submission, reason: &str) -> Leftover {
        let unclaim = |_: &Key, record: Option<InputRecord>| {
            let mut record = record?;
            record.claim.take_if(|claim| claim.job_name == submission.name);
            Some(record)
        };
        if let Err(failure) = table::update(&self.records, &self.clock, keys, unclaim).await {
            // The claim is void after a while by itself.
            tracing::warn!(name = submission.name, "a claim could not be taken back: {failure}");
        }
        later(pack, reason, true).collect()
    }

    /// Records the job of uploads that were claimed under its name.
    async fn record_job(&self, keys: &[Key], job_name: &str, batch_job_id: &str) -> Result<(), Failure> {
        let submitted_at = timestamp::text(self.clock.now());
        let merge = |_: &Key, record: Option<InputRecord>| {
            let mut record = record?;
            if record.claim.as_ref().is_some_and(|claim| claim.job_name == job_name) && record.batch_job_id.is_none() {
                record.batch_job_id = Some(batch_job_id.to_owned());
                record.timeline.submitted_at = Some(submitted_at.clone());
            }
            Some(record)
        };
        table::update(&self.records, &self.clock, keys, merge).await?;
        tracing::info!(name = job_name, batch_job_id, objects = keys.len(), "submitted");
        Ok(())
    }

    /// A later version of the object was classified: working on this one could only overwrite newer outputs.
    async fn supersede(&self, mut record: InputRecord) -> Result<(), Failure> {
        record.refusal = Some(Refusal {
            state: State::Failed,
            kind: FailureKind::InputNotFound,
            message: format!("{} was overwritten by a later version, which has a record of its own", record.object),
        });
        self.end(record).await
    }

    /// Nobody can read what the request asks for: it is from a record, which has no secrets, or of another release.
    async fn refuse(&self, mut record: InputRecord, failure: &Failure) -> Result<(), Failure> {
        let message = format!("{}: {failure}", record.object);
        record.refusal = Some(Refusal { state: State::Failed, kind: failure.kind(), message });
        self.end(record).await
    }

    /// Tells everybody that nothing more is done, and records it.
    async fn end(&self, mut record: InputRecord) -> Result<(), Failure> {
        record.conclude(self.clock.now(), self.settings.record_days);
        self.notices.publish(&notice::of(&record, &self.clock)).await?;
        match self.records.put(&[table::put(&record)]).await? {
            Ok(()) => Ok(()),
            Err(Conflict(_)) => Err(Failure::temporary(format!("the record of {} is being changed", record.object))),
        }
    }

    /// Moves a request to the dead-letter queue with its reason, and records that.
    async fn give_up(&self, incoming: &Incoming, reason: &str) -> Result<(), Failure> {
        let Incoming { request, messages } = incoming;
        let key = InputRecord::key(&request.source, &request.job_id);
        let present: Vec<Option<InputRecord>> = table::read(&self.records, &[key]).await?;
        let mut record = present.into_iter().flatten().next().unwrap_or_else(|| InputRecord::of_request(request));
        let receives = messages.iter().map(QueueMessage::receive_count).max().unwrap_or_default();
        let message = format!("not submitted to Batch after {receives} tries: {reason}");
        if let Some(first) = messages.first() {
            let queue = &self.settings.dead_letter_queues[request.kind()];
            self.queues.send(queue, &first.body, &[("reason", &message)]).await?;
        }
        let at = timestamp::text(self.clock.now());
        record.given_up = Some(GivenUp { at, message, redriven: record.redriven });
        self.end(record).await
    }

    /// Moves a message that nobody can read to the dead-letter queue with its reason.
    async fn bury(&self, message: &QueueMessage, reason: &str) -> Result<(), Failure> {
        let queue = self.settings.dead_letter_queue_of(&message.queue_arn).ok_or_else(|| {
            Failure::invalid_request(format!("{} is none of the configured queues", message.queue_arn))
        })?;
        tracing::error!(message = message.message_id, queue, "{reason}");
        self.queues.send(queue, &message.body, &[("reason", reason)]).await
    }
}

fn later<'a>(pack: &'a Pack, reason: &'a str, may_give_up: bool) -> impl Iterator<Item = (String, Later)> + 'a {
    let later = Later { reason: reason.to_owned(), may_give_up };
    pack.requests.iter().map(move |request| (request.job_id.clone(), later.clone()))
}

/// The word of the operation that all requests ask for, or `several`.
fn operation_of(requests: &[JobRequest]) -> String {
    let mut names: Vec<String> = Vec::new();
    for request in requests {
        names.extend(request.operations().into_iter().flatten().map(|operation| operation.name().to_owned()));
        names.sort_unstable();
        names.dedup();
    }
    match names.as_slice() {
        [one] => one.clone(),
        _ => "several".to_owned(),
    }
}

/// As much of a text as a tag's value may hold, without the characters that it may not.
fn tag_value(text: &str) -> String {
    let allowed = |c: char| if c.is_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '_' };
    text.chars().take(256).map(allowed).collect()
}

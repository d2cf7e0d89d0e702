//! From requests in a queue to submitted work, each submitted once.
//!
//! The lease protocol: an upload is leased under a name that is used once, then the list of what was leased is written, then
//! the work is submitted under that name, then its receipt is recorded. Each lease is a conditional write of its own record;
//! those that somebody else was faster with are left out of the list. A crash before the receipt is recorded leaves a lease
//! without one: once the lease has expired, the next delivery asks the executor for work of that name. If there is some and
//! its list names the upload, the receipt is recorded; otherwise the upload is leased again, under another name. A message is
//! deleted only when its receipt is recorded, or when there is nothing more to do for it.
//!
//! A long video is encoded by an array job, whose children do a part each, and a second job that depends on it and joins the
//! parts. Both belong to one lease: the array is submitted first, under a name made from the lease's, and a delivery that
//! finds it without the second job submits that one.
//!
//! Requests to AWS for a delivery of up to 100 messages that become one job: two reads, a write for each lease, one list, one
//! SubmitJob, one read and a write for each receipt.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use catalog::Resources;
use contract::{BatchParameters, Failure, FailureKind, JobRequest, list, timestamp};
use futures::StreamExt;
use serde_json::Value;

use crate::dispatch::packing::{Pack, Waiting, needs_of_parts, pack, parts};
use crate::dispatch::resources::{Compute, memory_limit};
use crate::dispatch::settings::Settings;
use crate::event::{QueueMessage, Trigger};
use crate::input_record::{GivenUp, Latest, Lease, Refusal};
use crate::output::budget::Pause;
use crate::ports::{Clock, Executor, Notices, Objects, Ports, Queues, Receipt, Submission, SubmitFailure, Table};
use crate::share::DEFAULT_SHARE;
use crate::table::{self, Key, MAX_ITEMS, PutOutcome};
use crate::{InputRecord, State, identity, notice, redelivery, reply};

/// How many jobs one delivery submits at a time.
const CONCURRENT_JOBS: usize = 4;

/// How often a throttled submission is tried again: about ten seconds in all.
const SUBMIT_TRIES: u32 = 7;

/// How long a request that comes while dispatch is paused stays away.
const PAUSED: Duration = Duration::from_mins(10);

/// What dispatch needs of the world.
pub struct Dispatcher<P: Ports> {
    /// `S3_WORK`.
    pub objects: P::Objects,
    /// DYNAMODB_INPUT.
    pub records: P::Table,
    /// The kinds' queues and the dead-letter queues.
    pub queues: P::Queues,
    /// SNS_NOTIF.
    pub notices: P::Notices,
    /// What runs the jobs.
    pub executor: P::Executor,
    /// The clock.
    pub clock: P::Clock,
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
    /// It need not come again before.
    not_before: Duration,
}

impl Later {
    /// It comes again soon, and is given up if it has come often enough.
    fn or_never(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_give_up: true, not_before: Duration::ZERO }
    }

    /// It comes again until it is done with.
    fn surely(reason: impl Into<String>, not_before: Duration) -> Self {
        Self { reason: reason.into(), may_give_up: false, not_before }
    }
}

/// Why a job is not known to have been submitted.
enum NotSubmitted {
    /// It was not.
    Refused(String),
    /// It may have been.
    Unknown(Failure),
}

/// Work that was found by its lease.
struct Submitted {
    receipt: Receipt,
    job_ids: BTreeSet<String>,
}

/// A request whose parts a job does already, while the job that joins them is missing.
struct Begun {
    lease: Lease,
    /// The job that does the parts.
    array: Receipt,
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

impl<P: Ports> Dispatcher<P> {
    /// Handles a delivery of a queue and answers the messages that must come again.
    pub async fn handle(&self, payload: Value) -> Result<Value, Failure> {
        let Trigger::Queue(messages) = Trigger::read(payload)? else {
            return Err(Failure::invalid_request("dispatch takes messages of a queue only"));
        };
        let mut failed: Vec<(QueueMessage, Duration)> = Vec::new();
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
                        failed.push((message, Duration::ZERO));
                    }
                }
            }
        }
        let leftover = match self.dispatch(&incoming).await {
            Ok(leftover) => leftover,
            Err(failure) => {
                let later = Later::or_never(failure.to_string());
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
            failed.extend(incoming.messages.iter().map(|message| (message.clone(), later.not_before)));
        }
        let postponed: Vec<_> = failed.iter().map(|(message, not_before)| (message, *not_before)).collect();
        redelivery::postpone(&self.queues, &self.clock, &postponed).await;
        Ok(reply::failed_messages(failed.iter().map(|(message, _)| message.message_id.as_str())))
    }

    /// Submits what is to be submitted, and answers what is not done with.
    async fn dispatch(&self, incoming: &BTreeMap<String, Incoming>) -> Result<Leftover, Failure> {
        let mut leftover = Leftover::new();
        let mut available: HashMap<String, InputRecord> = HashMap::new();
        let mut found: HashMap<String, Option<Submitted>> = HashMap::new();
        let mut begun: HashMap<String, Begun> = HashMap::new();
        if let Some(pause) = Pause::read(&self.records).await? {
            // Deliveries are being stopped; what is on its way already goes back to its queue.
            let later = Later::surely(format!("dispatch is paused: {}", pause.reason), PAUSED);
            return Ok(incoming.keys().map(|id| (id.clone(), later.clone())).collect());
        }
        let known = self.read(incoming).await?;
        let now = self.clock.now().unix_timestamp();
        for (job_id, Incoming { request, messages }) in incoming {
            let (record, latest) = known.get(job_id).cloned().unwrap_or_default();
            let mut record = record.unwrap_or_else(|| InputRecord::of_request(request));
            // What was given up is taken up again when its message comes again: somebody moved it back to the queue.
            let ended = record.state.is_terminal() && (record.given_up.is_none() || record.state == State::Cancelled);
            if ended || record.batch_job_id.is_some() {
                continue;
            }
            if let Some(lease) = record.lease.clone() {
                let remaining = lease.remaining(now, self.settings.lease_seconds);
                if remaining > 0 {
                    let reason = format!("being submitted as {} since {} s", lease.name, now - lease.at);
                    leftover.insert(job_id.clone(), Later::surely(reason, Duration::from_secs(remaining)));
                    continue;
                }
                if !found.contains_key(&lease.name) {
                    match self.find(&lease).await {
                        Ok(submitted) => drop(found.insert(lease.name.clone(), submitted)),
                        Err(failure) => {
                            let may_give_up = failure.kind() != FailureKind::Temporary;
                            let later = Later { may_give_up, ..Later::or_never(failure.to_string()) };
                            leftover.insert(job_id.clone(), later);
                            continue;
                        }
                    }
                }
                let submitted = found.get(&lease.name).and_then(Option::as_ref);
                if let Some(submitted) = submitted.filter(|submitted| submitted.job_ids.contains(job_id)) {
                    let key = InputRecord::key(&request.source, job_id);
                    self.record_job(&[key], &lease.name, &submitted.receipt).await?;
                    continue;
                }
                if parts(request).is_some()
                    && let Some(array) = self.executor.find(&lease.queue, &lease.parts_name()).await?
                {
                    begun.insert(job_id.clone(), Begun { lease, array });
                }
            }
            // Only now is it certain that no job has it. What an operator asked for has no place among the versions.
            let is_later =
                |latest: &Latest| identity::is_of_upload(job_id) && *latest.sequence > *identity::sequence(job_id);
            if let Some(later) = latest.filter(is_later)
                && record.results.is_empty()
            {
                later.refuse(&mut record);
                self.end(record).await?;
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
        let requests = requests.filter(|request| available.contains_key(&request.job_id));
        // Only what waits in one place, for one share, with one priority may have a job together.
        let mut together: BTreeMap<Waiting, Vec<JobRequest>> = BTreeMap::new();
        for request in requests {
            let record = &available[&request.job_id];
            let share = || record.share.clone().unwrap_or_else(|| DEFAULT_SHARE.to_owned());
            let share = self.settings.has_shares.then(|| (share(), record.priority));
            together.entry(Waiting { on_demand: record.on_demand, share }).or_default().push(request);
        }
        let packs = together.into_iter().flat_map(|(waiting, requests)| {
            let packs = pack(requests, &self.settings.packing).into_iter();
            packs.map(move |pack| Pack { waiting: waiting.clone(), ..pack })
        });
        let submissions = packs.map(|pack| self.submit(pack, &available, &begun));
        let results: Vec<Leftover> =
            futures::stream::iter(submissions).buffer_unordered(CONCURRENT_JOBS).collect().await;
        leftover.extend(results.into_iter().flatten());
        Ok(leftover)
    }

    /// The work that was submitted under a lease, with the uploads in its list: a lease that was not known to have been taken
    /// is not in it.
    async fn find(&self, lease: &Lease) -> Result<Option<Submitted>, Failure> {
        let Some(receipt) = self.executor.find(&lease.queue, &lease.name).await? else { return Ok(None) };
        let bucket = &self.settings.work_bucket;
        let Some(text) = self.objects.read(bucket, &lease.work_list).await? else {
            return Err(Failure::internal(format!(
                "list s3://{bucket}/{} of job {} not found: it is not known which uploads the job was for",
                lease.work_list, receipt.0
            )));
        };
        let requests = contract::read_list(&text, &format!("s3://{bucket}/{}", lease.work_list))?;
        Ok(Some(Submitted { receipt, job_ids: requests.into_iter().map(|request| request.job_id).collect() }))
    }

    /// The records of requests, and the latest versions of their objects.
    async fn read(
        &self,
        incoming: &BTreeMap<String, Incoming>,
    ) -> Result<HashMap<String, (Option<InputRecord>, Option<Latest>)>, Failure> {
        let requests: Vec<&JobRequest> = incoming.values().map(|incoming| &incoming.request).collect();
        let mut known: HashMap<String, (Option<InputRecord>, Option<Latest>)> = HashMap::new();
        for requests in requests.chunks(MAX_ITEMS / 2) {
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
        pack: Pack,
        records: &HashMap<String, InputRecord>,
        begun: &HashMap<String, Begun>,
    ) -> Leftover {
        let begun = pack.requests.first().and_then(|request| begun.get(&request.job_id));
        let lease = match begun {
            Some(Begun { lease, .. }) => Lease { at: self.clock.now().unix_timestamp(), ..lease.clone() },
            None => self.new_lease(&pack),
        };
        let (leased, mut leftover) = self.lease(pack, &lease, records).await;
        let Some(pack) = leased else { return leftover };
        // What is begun has its list.
        if begun.is_none() {
            let (bucket, list) = (&self.settings.work_bucket, list::write(&pack.requests));
            if let Err(failure) = self.objects.write(bucket, &lease.work_list, list).await {
                leftover.extend(self.release(&pack, &lease, &failure.to_string()).await);
                return leftover;
            }
        }
        let submissions = self.prepare(&pack, &lease);
        let array = begun.map(|begun| begun.array.clone());
        leftover.extend(self.submit_leased(&pack, &lease, submissions, array).await);
        leftover
    }

    /// A lease for a pack.
    fn new_lease(&self, pack: &Pack) -> Lease {
        let now = self.clock.now();
        let operation = operation_of(&pack.requests);
        let ids: Vec<&str> = pack.requests.iter().map(|request| request.job_id.as_str()).collect();
        let at = now.unix_timestamp_nanos().to_string();
        let name = format!("{}-{operation}-{}", pack.kind, identity::short_hash(&[&ids.join(","), &at]));
        let work_list = format!("lists/{}/{}/{name}.jsonl", pack.kind, &timestamp::text(now)[..10]);
        let (usual, on_demand) = (&self.settings.job_queues[pack.kind], &self.settings.on_demand_queues[pack.kind]);
        let queue = on_demand.as_ref().filter(|_| pack.waiting.on_demand).unwrap_or(usual).clone();
        Lease { name, queue, work_list, at: now.unix_timestamp() }
    }

    /// What is submitted under a lease.
    fn prepare(&self, pack: &Pack, lease: &Lease) -> Submissions {
        let (Some(count), [request]) = (pack.parts, pack.requests.as_slice()) else {
            return Submissions { parts: None, work: self.submission(pack, lease, pack.resources, &[]) };
        };
        let (part, join) = needs_of_parts(request, count, &self.settings.packing);
        let location = format!("s3://{}/parts/{}", self.settings.work_bucket, lease.name);
        let parts = Submission {
            name: lease.parts_name(),
            array_size: Some(count),
            ..self.submission(pack, lease, part, &["--parts", &location])
        };
        let join = self.submission(pack, lease, join, &["--parts", &location, "--join", &count.to_string()]);
        Submissions { parts: Some(parts), work: join }
    }

    /// The job of a pack with that part of a machine, and what its command says beside the list.
    fn submission(&self, pack: &Pack, lease: &Lease, resources: Resources, more: &[&str]) -> Submission {
        let operation = operation_of(&pack.requests);
        let list_url = format!("s3://{}/{}", self.settings.work_bucket, lease.work_list);
        let source = match pack.requests.as_slice() {
            [one] => crate::input_record::object_of(&one.source),
            many => format!("{} objects", many.len()),
        };
        let one = if let [one] = pack.requests.as_slice() { Some(one) } else { None };
        let parameters = BatchParameters {
            manifest: list_url.clone(),
            list: lease.work_list.clone(),
            children: pack.children,
            input: one.map(|_| source.clone()),
            processing_option: one.map(|one| one.processing_option.to_string()),
        };
        let small_disk = self.settings.small_disk_definitions[pack.kind].as_ref().filter(|_| pack.small_disk);
        let definition = small_disk.unwrap_or(&self.settings.job_definitions[pack.kind]);
        let tags = [("kind", pack.kind.name()), ("operation", operation.as_str()), ("source", source.as_str())];
        let memory = self.settings.compute.memory(resources);
        let limit = memory_limit(memory);
        let command = [&["run", "--manifest", &list_url], more, &["--memory-limit", &limit]].concat();
        Submission {
            name: lease.name.clone(),
            queue: lease.queue.clone(),
            definition: definition.clone(),
            command: command.into_iter().map(str::to_owned).collect(),
            parameters,
            array_size: (pack.children > 1).then_some(pack.children as u32),
            depends_on: None,
            vcpus: resources.vcpus,
            memory,
            pod_container: (self.settings.compute == Compute::Eks).then(|| pack.kind.job_name().to_owned()),
            share: pack.waiting.share.clone(),
            tags: tags.map(|(name, value)| (name.to_owned(), tag_value(value))).into(),
        }
    }

    /// Leases what can be leased of a pack: that, if there is any, and what comes again.
    async fn lease(
        &self,
        pack: Pack,
        lease: &Lease,
        records: &HashMap<String, InputRecord>,
    ) -> (Option<Pack>, Leftover) {
        let puts = pack.requests.iter().map(|request| {
            let mut record = records[&request.job_id].clone();
            record.lease = Some(lease.clone());
            if record.given_up.take().is_some() {
                record.timeline.recorded_at = None;
                record.expires_at = None;
            }
            table::put(&record)
        });
        let outcomes = self.records.put(&puts.collect::<Vec<_>>()).await;
        let mut leftover = Leftover::new();
        let mut leased = Vec::new();
        let all = pack.requests.len();
        for (request, outcome) in pack.requests.iter().zip(outcomes) {
            let later = match outcome {
                PutOutcome::Written => {
                    leased.push(request.clone());
                    continue;
                }
                PutOutcome::Conflict => Later::surely("changed by another request at the same time", Duration::ZERO),
                PutOutcome::Failed(failure) => Later::or_never(failure.to_string()),
            };
            leftover.insert(request.job_id.clone(), later);
        }
        let pack = if leased.len() == all {
            Some(pack)
        } else {
            crate::dispatch::packing::pack(leased, &self.settings.packing).pop()
        };
        (pack, leftover)
    }

    /// Submits what was leased; `array` does the parts already, if there is one.
    async fn submit_leased(
        &self,
        pack: &Pack,
        lease: &Lease,
        submissions: Submissions,
        array: Option<Receipt>,
    ) -> Leftover {
        let Submissions { parts, mut work } = submissions;
        // What may have been submitted can be found once the lease has expired.
        let expiry = Duration::from_secs(self.settings.lease_seconds.unsigned_abs());
        let unknown = |failure: Failure| later(pack, &Later::surely(failure.to_string(), expiry));
        if let Some(parts) = parts {
            work.depends_on = match array {
                Some(receipt) => Some(receipt),
                None => match self.submit_once(&parts).await {
                    Ok(receipt) => Some(receipt),
                    Err(NotSubmitted::Refused(reason)) => return self.release(pack, lease, &reason).await,
                    Err(NotSubmitted::Unknown(failure)) => return unknown(failure),
                },
            };
        }
        let receipt = match self.submit_once(&work).await {
            Ok(receipt) => receipt,
            // The parts are under way: the lease stays, by whose name they are found when it has expired.
            Err(NotSubmitted::Refused(reason)) if work.depends_on.is_some() => {
                return later(pack, &Later { not_before: expiry, ..Later::or_never(reason) });
            }
            Err(NotSubmitted::Refused(reason)) => return self.release(pack, lease, &reason).await,
            Err(NotSubmitted::Unknown(failure)) => return unknown(failure),
        };
        match self.record_job(&keys_of(pack), &lease.name, &receipt).await {
            Ok(()) => Leftover::new(),
            Err(failure) => unknown(failure),
        }
    }

    /// Submits work, again only if it is certain that it was not, and returns its receipt.
    async fn submit_once(&self, submission: &Submission) -> Result<Receipt, NotSubmitted> {
        for attempt in 0..SUBMIT_TRIES {
            match self.executor.submit(submission).await {
                Ok(receipt) => return Ok(receipt),
                Err(SubmitFailure::Throttled) => self.clock.sleep(self.backoff(attempt, &submission.name)).await,
                Err(SubmitFailure::Refused(failure)) => return Err(NotSubmitted::Refused(failure.to_string())),
                // It may have been submitted all the same: then it can be found, now or once the lease has expired.
                Err(SubmitFailure::Unknown(failure)) => {
                    return match self.executor.find(&submission.queue, &submission.name).await {
                        Ok(Some(receipt)) => Ok(receipt),
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

    /// Gives a lease back: nothing was submitted under it.
    async fn release(&self, pack: &Pack, lease: &Lease, reason: &str) -> Leftover {
        let give_back = |_: &Key, record: Option<InputRecord>| {
            let mut record = record?;
            record.lease.take_if(|present| present.name == lease.name);
            Some(record)
        };
        if let Err(failure) = table::update(&self.records, &self.clock, &keys_of(pack), give_back).await {
            tracing::warn!(name = lease.name, "failed to give a lease back, which expires after a while: {failure}");
        }
        later(pack, &Later::or_never(reason))
    }

    /// Records the work of uploads that were leased under its name.
    async fn record_job(&self, keys: &[Key], name: &str, receipt: &Receipt) -> Result<(), Failure> {
        let submitted_at = timestamp::text(self.clock.now());
        let merge = |_: &Key, record: Option<InputRecord>| {
            let mut record = record?;
            if record.lease.as_ref().is_some_and(|lease| lease.name == name) && record.batch_job_id.is_none() {
                record.batch_job_id = Some(receipt.0.clone());
                record.timeline.submitted_at = Some(submitted_at.clone());
            }
            Some(record)
        };
        let written = table::update(&self.records, &self.clock, keys, merge).await?;
        tracing::info!(name, batch_job_id = receipt.0, objects = keys.len(), "submitted");
        let is_cancelled = |record: &InputRecord| record.state == State::Cancelled;
        if written.len() == keys.len() && written.iter().all(is_cancelled) {
            // An operator ended all of them while their job was being submitted.
            self.executor.cancel(receipt, "its uploads were cancelled").await?;
        }
        Ok(())
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
        match table::put_one(&self.records, table::put(&record)).await {
            PutOutcome::Written => Ok(()),
            PutOutcome::Conflict => {
                Err(Failure::temporary(format!("the record of {} is being changed", record.object)))
            }
            PutOutcome::Failed(failure) => Err(failure),
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

fn keys_of(pack: &Pack) -> Vec<Key> {
    pack.requests.iter().map(|request| InputRecord::key(&request.source, &request.job_id)).collect()
}

fn later(pack: &Pack, later: &Later) -> Leftover {
    pack.requests.iter().map(|request| (request.job_id.clone(), later.clone())).collect()
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

/// As much of a text as a tag's value may hold. AWS takes letters, digits and ` _.:/=+-@` in tags, but not the marks (vowel signs
/// of Devanagari, Thai, Tamil) that Rust counts as alphanumeric, so what is not ASCII is left out: the list has the names.
fn tag_value(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '_' };
    text.chars().take(256).map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_only_characters_that_every_service_of_aws_takes() {
        assert_eq!(tag_value("s3://in/नमस्ते ü.jpg"), "s3://in/______ _.jpg");
        assert_eq!(tag_value(&"ก".repeat(300)).len(), 256);
    }
}

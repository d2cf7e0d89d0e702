//! From an upload to its record and its request.
//!
//! The record comes first and decides, the message follows. A crash between the two is mended by the next delivery: the
//! record is there and was not dispatched, so the message is sent (again; dispatch takes an upload once). A later
//! duplicate finds the upload dispatched and does nothing. Where there is nothing to do, the notice comes before the
//! record, so that what is recorded has been told.
//!
//! Requests to AWS per upload: one ranged GET (metadata and first bytes in one), `GetObjectTagging` only for an object
//! that has tags and no metadata, two puts, one message.

use std::time::Duration;

use catalog::{Classification, HEAD_BYTES, MediaKind, OptionSource, Upload, classify};
use contract::{Failure, FailureKind, Source, timestamp};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::classify::settings::Settings;
use crate::event::{BusEvent, ObjectDetail, Trigger, read_as};
use crate::input_record::{Latest, Refusal};
use crate::ports::{Clock, Found, Head, Notices, Objects, Ports, Queues, Table};
use crate::table::{self, Condition, Put, PutOutcome};
use crate::{InputRecord, State, identity, notice, reply};

/// How often a write is tried that another request on the same item has kept away.
const TRIES: u32 = 6;

/// What classify needs of the world.
pub struct Classifier<P: Ports> {
    /// Uploads.
    pub objects: P::Objects,
    /// DYNAMODB_INPUT.
    pub records: P::Table,
    /// The kinds' queues.
    pub queues: P::Queues,
    /// SNS_NOTIF.
    pub notices: P::Notices,
    /// The clock.
    pub clock: P::Clock,
    /// What is configured.
    pub settings: Settings,
}

/// One upload, as told by an event or by an operator.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The object in its version.
    pub source: Source,
    /// See [`identity`].
    pub job_id: String,
    /// When S3 had it, RFC 3339.
    pub uploaded_at: String,
    /// What an operator wants done with it, in place of what the uploader asked for.
    pub operator_option: Option<String>,
}

impl Arrival {
    /// What an event of S3 says.
    pub fn of(event: BusEvent<ObjectDetail>) -> Self {
        let object = event.detail.object;
        let source = Source {
            bucket: Some(event.detail.bucket.name),
            key: object.key,
            version_id: object.version_id,
            etag: object.etag,
            size: object.size,
        };
        let job_id = identity::job_id(&source, object.sequencer.as_deref());
        Self { source, job_id, uploaded_at: timestamp::normal(&event.time), operator_option: None }
    }
}

/// What became of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Its request is in the queue.
    Queued(MediaKind),
    /// There is nothing to do with it, and everybody was told why.
    Refused(State),
    /// It was known already and is on its way or at its end.
    Known(State),
}

impl<P: Ports> Classifier<P> {
    /// Handles an invocation: an event of EventBridge, messages of a queue that hold such events, or the schedule of the sweep.
    pub async fn handle(&self, payload: Value) -> Result<Value, Failure> {
        match Trigger::read(payload)? {
            Trigger::Schedule => Box::pin(self.sweep()).await,
            Trigger::Bus(event) => {
                self.event(&event).await?;
                Ok(json!({}))
            }
            Trigger::Queue(messages) => {
                let each = async |body: String| {
                    let event = serde_json::from_str(&body);
                    self.event(&event.map_err(|error| Failure::invalid_request("a message is no JSON").because(error))?)
                        .await
                };
                Ok(reply::each_message(&self.queues, &self.clock, &messages, each).await)
            }
            Trigger::Topic(_) => Err(Failure::invalid_request("classify takes no messages of a topic")),
            Trigger::Bucket(_) => Err(Failure::invalid_request(
                "classify takes the events of a bucket that EventBridge delivers, not the bucket's own notifications",
            )),
        }
    }

    async fn event(&self, event: &Value) -> Result<(), Failure> {
        let event: BusEvent<ObjectDetail> = read_as(event)?;
        let bucket = &event.detail.bucket.name;
        if event.detail_type != "Object Created" || *bucket != self.settings.bucket {
            let (what, expected) = (&event.detail_type, &self.settings.bucket);
            return Err(Failure::invalid_request(format!(
                "{what:?} of bucket {bucket} is not for classify, which takes \"Object Created\" of {expected}; check the event rule"
            )));
        }
        let arrival = Arrival::of(event);
        let decision = self.classify(&arrival).await?;
        tracing::info!(object = %crate::input_record::object_of(&arrival.source), job = arrival.job_id, ?decision);
        Ok(())
    }

    /// Decides what becomes of an upload, records it and asks for its work.
    pub async fn classify(&self, arrival: &Arrival) -> Result<Decision, Failure> {
        let received_at = timestamp::text(self.clock.now());
        let mut record = self.decide(arrival).await?;
        record.timeline.uploaded_at = Some(arrival.uploaded_at.clone());
        record.timeline.received_at = Some(received_at);
        let now = self.clock.now();
        record.timeline.classified_at = Some(timestamp::text(now));
        record.conclude(now, self.settings.record_days);
        if record.refusal.is_some() {
            return self.refuse(record).await;
        }
        if identity::is_of_upload(&arrival.job_id)
            && let Some(later) = self.later_than(arrival, now).await?
        {
            later.refuse(&mut record);
            record.conclude(now, self.settings.record_days);
            return self.refuse(record).await;
        }
        for attempt in 0..TRIES {
            match table::put_one(&self.records, table::put(&record)).await {
                PutOutcome::Written => return self.send(&record).await,
                PutOutcome::Failed(failure) => return Err(failure),
                PutOutcome::Conflict => {
                    if let Some(decision) = self.known(&record).await? {
                        return Ok(decision);
                    }
                    // Another request was at the item and wrote nothing.
                    self.clock.sleep(Duration::from_millis(20 << attempt)).await;
                }
            }
        }
        Err(Failure::temporary(format!("failed to record {}: other requests keep being at its record", record.object)))
    }

    /// Notes an upload as the latest version of its object; returns the later one if there is one. It comes before the record: a version
    /// without a record gets one by the next delivery of its event, and until then older ones are refused already.
    async fn later_than(&self, arrival: &Arrival, now: OffsetDateTime) -> Result<Option<Latest>, Failure> {
        let expires_at = now.unix_timestamp() + self.settings.record_days as i64 * 86_400;
        for attempt in 0..TRIES {
            let put = Latest::put(&arrival.source, &arrival.job_id, &arrival.uploaded_at, expires_at);
            match table::put_one(&self.records, put).await {
                PutOutcome::Written => return Ok(None),
                PutOutcome::Failed(failure) => return Err(failure),
                PutOutcome::Conflict => {
                    let latest = self.records.get(&[Latest::key(&arrival.source)]).await?.into_iter().flatten().next();
                    let latest: Option<Latest> = latest.map(table::from_item).transpose()?;
                    let later = latest.filter(|latest| *latest.sequence > *identity::sequence(&arrival.job_id));
                    if later.is_some() {
                        return Ok(later);
                    }
                    self.clock.sleep(Duration::from_millis(20 << attempt)).await;
                }
            }
        }
        let object = crate::input_record::object_of(&arrival.source);
        Err(Failure::temporary(format!(
            "failed to note the latest version of {object}: other requests keep being at it"
        )))
    }

    /// Looks at the object and decides.
    pub(super) async fn decide(&self, arrival: &Arrival) -> Result<InputRecord, Failure> {
        let source = &arrival.source;
        let mut record = InputRecord::new(&arrival.job_id, source);
        let gone = |mut record: InputRecord, message| {
            record.refusal = Some(Refusal { state: State::Failed, kind: FailureKind::InputNotFound, message });
            Ok(record)
        };
        // An empty object has no first bytes to ask for.
        let head = if source.size == 0 {
            Head::default()
        } else {
            match self.objects.head(source, HEAD_BYTES).await? {
                Found::Here(head) => head,
                Found::Gone(reason) => return gone(record, reason),
            }
        };
        record.share = self.settings.shares.share(&source.key, head.share.as_deref());
        record.priority = self.settings.shares.priority(head.priority.as_deref());
        let mut tag = None;
        if head.processing_option.is_none() && head.tags > 0 && arrival.operator_option.is_none() {
            match self.objects.tag(source).await? {
                Found::Here(found) => tag = found,
                Found::Gone(reason) => return gone(record, reason),
            }
        }
        let upload = Upload {
            key: &source.key,
            size: source.size,
            content_type: head.content_type.as_deref(),
            head: &head.bytes,
            metadata_option: arrival.operator_option.as_deref().or(head.processing_option.as_deref()),
            tag_option: tag.as_deref(),
        };
        let unsupported = |message| Refusal { state: State::Unsupported, kind: FailureKind::InvalidInput, message };
        match classify(&upload, &self.settings.rules) {
            Classification::Accepted { format, operations, source, may_be_fast } => {
                record.kind = Some(operations.kind());
                record.format = Some(format);
                record.operations = operations.iter().map(ToString::to_string).collect();
                record.processing_option = Some(operations.to_string());
                record.secret_option =
                    Some(operations.unredacted()).filter(|text| record.processing_option.as_ref() != Some(text));
                let by_operator = arrival.operator_option.is_some();
                // What an operator asks for goes to Batch, which does everything.
                record.fast = may_be_fast
                    && !by_operator
                    && self.settings.fast_queues[operations.kind()].is_some()
                    && catalog::fast_path(&operations, format, upload.size, self.settings.fast_most).is_ok();
                record.option_source = Some(if by_operator { "operator" } else { name(source) }.to_owned());
            }
            Classification::Rejected { kind, reason } => {
                record.kind = Some(kind);
                record.processing_option = upload.metadata_option.or(upload.tag_option).map(catalog::redact);
                record.refusal = Some(Refusal {
                    state: State::Rejected,
                    kind: FailureKind::InvalidRequest,
                    message: format!("{}: {reason}", record.object),
                });
            }
            Classification::Unsupported { reason } => {
                record.refusal = Some(unsupported(format!("{}: {reason}", record.object)));
            }
            Classification::FolderMarker => {
                record.refusal = Some(unsupported(format!("{} is a folder marker: nothing to do", record.object)));
            }
        }
        Ok(record)
    }

    /// Asks for the work.
    pub(super) async fn send(&self, record: &InputRecord) -> Result<Decision, Failure> {
        let incomplete = || Failure::internal(format!("the record of {} has no request", record.object));
        let request = record.request().ok_or_else(incomplete)?;
        let text = serde_json::to_string(&request).map_err(|error| incomplete().because(error))?;
        let fast_queue = self.settings.fast_queues[request.kind()].as_ref().filter(|_| record.fast);
        let queue = fast_queue.unwrap_or(&self.settings.queues[request.kind()]);
        self.queues.send(queue, &text, &[]).await?;
        Ok(Decision::Queued(request.kind()))
    }

    /// What becomes of an upload that has a record; `None` if it has none. If nobody has taken its request yet, the message may
    /// never have been sent.
    async fn known(&self, record: &InputRecord) -> Result<Option<Decision>, Failure> {
        let key = InputRecord::key(&record.source, &record.job_id);
        let present: Vec<Option<InputRecord>> = table::read(&self.records, &[key]).await?;
        let Some(present) = present.into_iter().flatten().next() else { return Ok(None) };
        if present.state == State::Queued && present.lease.is_none() {
            let secret_option = record.secret_option.clone();
            return self.send(&InputRecord { secret_option, ..present }).await.map(Some);
        }
        Ok(Some(Decision::Known(present.state)))
    }

    /// Tells everybody why there is nothing to do, and records it. An upload that an earlier delivery has recorded as accepted
    /// stays so: the job will say what has become of it since.
    async fn refuse(&self, record: InputRecord) -> Result<Decision, Failure> {
        if let Some(decision) = self.known(&record).await? {
            return Ok(decision);
        }
        self.notices.publish(&notice::of(&record, &self.clock)).await?;
        let put = Put { condition: Condition::Absent, ..table::put(&record) };
        match table::put_one(&self.records, put).await {
            PutOutcome::Written => Ok(Decision::Refused(record.state)),
            PutOutcome::Failed(failure) => Err(failure),
            PutOutcome::Conflict => match self.known(&record).await? {
                Some(decision) => Ok(decision),
                None => Err(Failure::temporary(format!("another request is at the record of {}", record.object))),
            },
        }
    }
}

const fn name(source: OptionSource) -> &'static str {
    match source {
        OptionSource::Metadata => "metadata",
        OptionSource::Tag => "tag",
        OptionSource::Rule => "rule",
        OptionSource::Default => "default",
    }
}

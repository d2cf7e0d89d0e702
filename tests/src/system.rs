//! The whole pipeline on one machine: the real Lambda programs under Lambda's Runtime API, the real job containers, and
//! between them what AWS carries and its emulator does not.
//!
//! moto delivers events of the bus and messages of a topic to queues, not to Lambdas, and its events of S3 differ from
//! AWS's in names and in a constant sequencer. So queues stand where Lambdas are the targets of Terraform's rules and
//! subscriptions, and what arrives in them is handed over in AWS's shapes, once or as often as a test asks for.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use aws_sdk_s3::types::{Event, NotificationConfiguration, QueueConfiguration};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use catalog::MediaKind;
use serde_json::{Value, json};

use crate::aws::{ACCOUNT, Aws, REGION};
use crate::batch::{self, CarriedOut, Kill};
use crate::containers::Engine;
use crate::infrastructure::{Infrastructure, Variables, queue_arn};
use crate::lambda::{Lambda, Place};

/// How often an asynchronous invocation is tried in all.
const INVOCATIONS: u32 = 3;

/// How many messages one invocation of dispatch gets at most; a batch window fills it in AWS.
const MAX_MESSAGES: usize = 100;

/// How long functions of the fast path are told that they have.
const FAST_TIMEOUT: Duration = Duration::from_secs(30);

/// A running pipeline.
pub struct System<'a> {
    /// The AWS API.
    pub aws: &'a Aws,
    /// What it runs on.
    pub infrastructure: Infrastructure,
    /// How often each event is delivered.
    pub copies: usize,
    /// What befalls the next containers.
    pub kills: VecDeque<Kill>,
    /// Every container that was run.
    pub carried_out: Vec<CarriedOut>,
    /// Asynchronous invocations that failed as often as they are tried, with the last error.
    pub undelivered: Vec<(Value, Value)>,
    engine: &'a Engine,
    classify: Lambda,
    dispatch: Lambda,
    output: Lambda,
    /// The functions of the fast path, by kind.
    pub fast: BTreeMap<MediaKind, Lambda>,
    /// After how long they are ended.
    pub fast_timeout: Duration,
    /// Invocations of theirs that failed as a whole, with the error.
    pub fast_errors: Vec<Value>,
    uploads: String,
    results: String,
    notices: String,
    /// The targets that the rules had before, the notifications of the bucket of results, and the subscription to the topic: what
    /// [`Self::stop`] undoes.
    targets: [(String, Value); 2],
    bucket_notifications: NotificationConfiguration,
    subscription: String,
    again: VecDeque<(Target, Value, u32)>,
    jobs: BTreeSet<String>,
    sequencers: HashMap<(String, String), usize>,
}

/// A Lambda that is invoked with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Classify,
    Output,
}

impl<'a> System<'a> {
    /// Starts the programs on an installation, the functions of fast paths in a box like Lambda's.
    pub async fn start(aws: &'a Aws, engine: &'a Engine, infrastructure: Infrastructure) -> Self {
        Self::start_with(aws, engine, infrastructure, Place::Boxed).await
    }

    /// Starts the programs on an installation, the functions of fast paths in such a place.
    pub async fn start_with(aws: &'a Aws, engine: &'a Engine, infrastructure: Infrastructure, place: Place) -> Self {
        aws.without_containers();
        let start = |name: &str, variables: &Variables| {
            let variables = variables.iter().map(|(name, value)| (name.clone(), value.clone()));
            let program = name.strip_suffix("-lambda").unwrap_or(name);
            Lambda::start(name, variables.chain(aws.environment_of(program)))
        };
        let environments = &infrastructure.environments;
        let classify = start("classify-lambda", &environments.classify);
        let dispatch = start("dispatch-lambda", &environments.dispatch);
        let output = start("output-lambda", &environments.output);
        let fast = infrastructure.fast_queues.keys().map(|kind| {
            let variables = environments.fast.iter().filter(|(name, _)| *name != "TMPDIR");
            let variables = variables.map(|(name, value)| (name.clone(), value.clone()));
            let ordinary = (kind.queue_variable().to_owned(), infrastructure.queues[kind].clone());
            (*kind, Lambda::of_job(kind.job_name(), place, variables.chain([ordinary]).chain(aws.environment())))
        });
        let fast = fast.collect();
        let (uploads, results) = (aws.queue().await, aws.queue().await);
        let notices = aws.queue().await;
        let rules = &infrastructure.rules;
        let couriers = [(&rules.uploads, &uploads), (&rules.job_states, &results)];
        let bucket_notifications = notify(aws, &infrastructure.buckets.output, &results).await;
        let targets = couriers.map(|(rule, queue)| (rule.clone(), target(aws, rule, queue)));
        let subscription = subscribe(aws, &infrastructure.topics.jobs, &notices).await;
        Self {
            aws,
            infrastructure,
            copies: 1,
            kills: VecDeque::new(),
            carried_out: Vec::new(),
            undelivered: Vec::new(),
            engine,
            classify,
            dispatch,
            output,
            fast,
            fast_timeout: FAST_TIMEOUT,
            fast_errors: Vec::new(),
            uploads,
            results,
            notices,
            targets,
            bucket_notifications,
            subscription,
            again: VecDeque::new(),
            jobs: BTreeSet::new(),
            sequencers: HashMap::new(),
        }
    }

    /// Ends the programs, and leaves the installation's rules and topic as they were found.
    pub async fn stop(self) {
        for (rule, targets) in &self.targets {
            remove_targets(self.aws, rule, &json!([{"Id": COURIER}]));
            if targets.as_array().is_some_and(|targets| !targets.is_empty()) {
                self.aws.call("events", "AWSEvents.PutTargets", &json!({"Rule": rule, "Targets": targets}));
            }
        }
        set_notifications(self.aws, &self.infrastructure.buckets.output, self.bucket_notifications).await;
        let end = self.aws.sns().unsubscribe().subscription_arn(&self.subscription);
        end.send().await.expect("a subscription ends");
    }

    /// Carries events and runs jobs until there is nothing left to carry and to run.
    pub async fn settle(&mut self) {
        loop {
            let mut moved = self.invoke_again();
            moved += self.carry_events().await;
            moved += self.carry_fast_requests().await;
            moved += self.carry_requests().await;
            moved += self.run_jobs().await;
            moved += self.carry_notices().await;
            if moved == 0 {
                return;
            }
        }
    }

    /// The schedules come: classify and output look for what nobody told of.
    ///
    /// # Panics
    ///
    /// If one of the two fails.
    pub fn schedule(&self) {
        let now = contract::timestamp::text(time::OffsetDateTime::now_utc());
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "time": now, "detail": {}});
        for lambda in [&self.classify, &self.output] {
            lambda.invoke(&event).unwrap_or_else(|error| panic!("the schedule failed: {error}"));
        }
    }

    /// The lines that output has printed so far: logs and metrics.
    pub fn output_lines(&self) -> Vec<String> {
        self.output.printed()
    }

    fn invoke_again(&mut self) -> usize {
        let waiting = std::mem::take(&mut self.again);
        let count = waiting.len();
        for (target, event, invocations) in waiting {
            self.invoke(target, event, invocations);
        }
        count
    }

    /// Invokes a Lambda as an event does: what fails is tried again later.
    fn invoke(&mut self, target: Target, event: Value, invocations: u32) {
        let lambda = match target {
            Target::Classify => &self.classify,
            Target::Output => &self.output,
        };
        match lambda.invoke(&event) {
            Ok(_) => {}
            Err(_) if invocations + 1 < INVOCATIONS => self.again.push_back((target, event, invocations + 1)),
            Err(error) => self.undelivered.push((event, error)),
        }
    }

    fn deliver(&mut self, target: Target, event: &Value) {
        for _ in 0..self.copies {
            self.invoke(target, event.clone(), 0);
        }
    }

    /// Events of the bus to their Lambdas.
    async fn carry_events(&mut self) -> usize {
        let mut count = 0;
        for (queue, target) in [(self.uploads.clone(), Target::Classify), (self.results.clone(), Target::Output)] {
            for message in take(self.aws, &queue).await {
                let mut event = json_of(&message);
                if event["source"] == "aws.s3" {
                    self.complete(&mut event);
                }
                let is_removal = event["Records"][0]["eventSource"] == "aws:s3";
                if is_removal {
                    self.complete_notification(&mut event);
                }
                // What a bucket tells a queue, its first message included, reaches the function as a message of that queue.
                if is_removal || event["Event"] == "s3:TestEvent" {
                    let mut record = queue_record(&message, &queue);
                    record["body"] = json!(event.to_string());
                    event = json!({"Records": [record]});
                }
                self.deliver(target, &event);
                count += 1;
            }
        }
        count
    }

    /// Makes an event of moto's S3 what AWS documents: the entity tag's name, no version where there is none, and a
    /// sequencer that orders the versions of a key.
    fn complete(&mut self, event: &mut Value) {
        let object = event["detail"]["object"].as_object_mut().expect("an event of S3 has an object");
        if let Some(tag) = object.remove("eTag") {
            object.insert("etag".to_owned(), tag);
        }
        object.retain(|_, value| !value.is_null());
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let version = (text("key"), text("version-id") + &text("etag"));
        let next = self.sequencers.len();
        let sequencer = *self.sequencers.entry(version).or_insert(next);
        object.insert("sequencer".to_owned(), json!(format!("{:018X}", 0x0061_7F08_2993_29D1_u64 + sequencer as u64)));
    }

    /// Makes a notification of moto's S3 what AWS documents: a time with its zone, and a sequencer. moto tells only of objects that
    /// are gone with all of their versions, and does not say which.
    fn complete_notification(&mut self, event: &mut Value) {
        let record = &mut event["Records"][0];
        let time = record["eventTime"].as_str().unwrap_or_default().trim_end_matches('Z').to_owned();
        record["eventTime"] = json!(format!("{time}Z"));
        let next = self.sequencers.len();
        self.sequencers.insert((time, next.to_string()), next);
        record["s3"]["object"]["sequencer"] = json!(format!("{:018X}", 0x0061_7F08_2993_29D1_u64 + next as u64));
    }

    /// Messages of the fast queues to their functions, one at a time; those that a function does not name as failed are deleted. What
    /// is received once too often moves to the ordinary queue, which is SQS's work.
    async fn carry_fast_requests(&mut self) -> usize {
        let mut count = 0;
        for (kind, queue) in self.infrastructure.fast_queues.clone() {
            for message in receive(self.aws, &queue).await {
                count += 1;
                let event = json!({"Records": [queue_record(&message, &queue)]});
                let mut is_done = true;
                for _ in 0..self.copies {
                    is_done = match self.fast[&kind].invoke_and_end(&event, FAST_TIMEOUT, self.fast_timeout) {
                        Ok(answer) => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
                        Err(error) => {
                            self.fast_errors.push(error);
                            self.start_fast_again(kind);
                            false
                        }
                    };
                }
                if is_done {
                    delete(self.aws, &queue, &message).await;
                } else {
                    put_back(self.aws, &queue, &message).await;
                }
            }
        }
        count
    }

    /// As Lambda does with a function whose program ended.
    fn start_fast_again(&mut self, kind: MediaKind) {
        if self.fast[&kind].ended().is_some() {
            self.fast.get_mut(&kind).expect("it was there").start_again();
        }
    }

    /// Messages of the kinds' queues to dispatch; those that it does not name as failed are deleted.
    async fn carry_requests(&mut self) -> usize {
        let mut count = 0;
        for kind in MediaKind::ALL {
            let queue = self.infrastructure.queues[&kind].clone();
            let mut messages = Vec::new();
            while messages.len() < MAX_MESSAGES {
                match receive(self.aws, &queue).await {
                    received if received.is_empty() => break,
                    received => messages.extend(received),
                }
            }
            if messages.is_empty() {
                continue;
            }
            count += messages.len();
            let records: Vec<Value> = messages.iter().map(|message| queue_record(message, &queue)).collect();
            let mut failed = BTreeSet::new();
            for _ in 0..self.copies {
                let answer = self.dispatch.invoke(&json!({"Records": records}));
                let answer = answer.unwrap_or_else(|error| panic!("dispatch failed: {error}"));
                let named = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
                failed = named.iter().filter_map(|item| item["itemIdentifier"].as_str().map(str::to_owned)).collect();
            }
            for message in messages {
                if failed.contains(message.message_id().unwrap_or_default()) {
                    put_back(self.aws, &queue, &message).await;
                } else {
                    delete(self.aws, &queue, &message).await;
                }
            }
        }
        count
    }

    /// Jobs that were submitted since, to Docker.
    async fn run_jobs(&mut self) -> usize {
        let mut count = 0;
        for queue in self.infrastructure.job_queues.clone().into_values() {
            let listed = self.aws.batch().list_jobs().job_queue(&queue).send().await.expect("jobs can be listed");
            for job in listed.job_summary_list.unwrap_or_default() {
                let id = job.job_id.unwrap_or_default();
                if id.contains(':') || !self.jobs.insert(id.clone()) {
                    continue;
                }
                let aws = self.aws;
                let tell = |detail: Value| {
                    let entry = json!({"Source": "aws.batch", "DetailType": "Batch Job State Change", "Detail": detail.to_string()});
                    let answer = aws.call("events", "AWSEvents.PutEvents", &json!({"Entries": [entry]}));
                    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
                };
                self.carried_out.extend(batch::carry_out(aws, self.engine, &id, &mut self.kills, tell).await);
                count += 1;
            }
        }
        count
    }

    /// Messages of the topic to output, as SNS invokes a Lambda.
    async fn carry_notices(&mut self) -> usize {
        let messages = take(self.aws, &self.notices.clone()).await;
        let count = messages.len();
        for message in messages {
            let envelope = json_of(&message);
            let event = json!({"Records": [{
                "EventVersion": "1.0", "EventSource": "aws:sns", "Sns": envelope,
                "EventSubscriptionArn": format!("{}:21be56ed-a058-49f5-8c98-aedd2564c486", self.infrastructure.topics.jobs),
            }]});
            self.deliver(Target::Output, &event);
        }
        count
    }
}

/// What the target is called that stands for a Lambda.
const COURIER: &str = "courier";

/// Makes a queue the target of a rule, in the place of the Lambda that it may have, at which moto would stop; the targets
/// that the rule had.
fn target(aws: &Aws, rule: &str, queue: &str) -> Value {
    let present = aws.call("events", "AWSEvents.ListTargetsByRule", &json!({"Rule": rule}));
    let present = present["Targets"].clone();
    remove_targets(aws, rule, &present);
    let target = json!({"Id": COURIER, "Arn": queue_arn(queue)});
    aws.call("events", "AWSEvents.PutTargets", &json!({"Rule": rule, "Targets": [target]}));
    present
}

fn remove_targets(aws: &Aws, rule: &str, targets: &Value) {
    let ids: Vec<&Value> = targets.as_array().into_iter().flatten().map(|target| &target["Id"]).collect();
    if !ids.is_empty() {
        aws.call("events", "AWSEvents.RemoveTargets", &json!({"Rule": rule, "Ids": ids}));
    }
}

/// Has a bucket tell a queue of what is removed from it, in the place of the queue that Terraform has told it; the notifications that it
/// had.
async fn notify(aws: &Aws, bucket: &str, queue: &str) -> NotificationConfiguration {
    let present = aws.s3().get_bucket_notification_configuration().bucket(bucket).send().await;
    let present = present.expect("a bucket says what it tells of");
    let present = NotificationConfiguration::builder()
        .set_queue_configurations(present.queue_configurations)
        .set_event_bridge_configuration(present.event_bridge_configuration)
        .build();
    let removals = QueueConfiguration::builder().id(COURIER).queue_arn(queue_arn(queue));
    let removals = removals.events(Event::S3ObjectRemoved).build().expect("a queue and its events");
    set_notifications(aws, bucket, NotificationConfiguration::builder().queue_configurations(removals).build()).await;
    present
}

async fn set_notifications(aws: &Aws, bucket: &str, notifications: NotificationConfiguration) {
    let set = aws.s3().put_bucket_notification_configuration().bucket(bucket).notification_configuration(notifications);
    set.send().await.expect("a bucket is told what to tell of");
}

/// Subscribes a queue to a topic, beside the Lambda that may be subscribed; the subscription's ARN.
async fn subscribe(aws: &Aws, topic: &str, queue: &str) -> String {
    let subscribe = aws.sns().subscribe().topic_arn(topic).protocol("sqs").endpoint(queue_arn(queue));
    let subscription = subscribe.send().await.expect("a queue is subscribed");
    subscription.subscription_arn.expect("a subscription has an ARN")
}

/// Every message of a queue, deleted from it.
async fn take(aws: &Aws, queue: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        let received = receive(aws, queue).await;
        if received.is_empty() {
            return messages;
        }
        for message in received {
            delete(aws, queue, &message).await;
            messages.push(message);
        }
    }
}

async fn receive(aws: &Aws, queue: &str) -> Vec<Message> {
    let received = aws
        .sqs()
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .wait_time_seconds(0)
        .send()
        .await;
    received.expect("a queue can be read").messages.unwrap_or_default()
}

/// Has a message come again at once instead of after the queue's visibility timeout.
async fn put_back(aws: &Aws, queue: &str, message: &Message) {
    let receipt = message.receipt_handle().unwrap_or_default();
    let visible = aws.sqs().change_message_visibility().queue_url(queue).receipt_handle(receipt);
    visible.visibility_timeout(0).send().await.expect("a message is put back");
}

async fn delete(aws: &Aws, queue: &str, message: &Message) {
    let receipt = message.receipt_handle().unwrap_or_default();
    let delete = aws.sqs().delete_message().queue_url(queue).receipt_handle(receipt);
    delete.send().await.expect("a message is deleted");
}

fn json_of(message: &Message) -> Value {
    serde_json::from_str(message.body().unwrap_or_default()).expect("a message is JSON")
}

/// A message as SQS hands it to a Lambda.
fn queue_record(message: &Message, queue: &str) -> Value {
    let attributes: serde_json::Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), Value::from(value.as_str())))
        .collect();
    json!({
        "messageId": message.message_id(), "receiptHandle": message.receipt_handle(), "body": message.body(),
        "attributes": attributes, "messageAttributes": {}, "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs", "eventSourceARN": queue_arn(queue), "awsRegion": REGION, "account": ACCOUNT,
    })
}

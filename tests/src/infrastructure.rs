//! One installation of the pipeline on an AWS API: every name of it, whoever made it. [`Infrastructure::create`] makes one
//! by SDK calls; Terraform's output `installation` reads as another:
//!
//! ```no_run
//! # fn example(printed: &str) -> serde_json::Result<()> {
//! // terraform output -json installation
//! let infrastructure: e2e::Infrastructure = serde_json::from_str(printed)?;
//! # Ok(()) }
//! ```

use std::collections::BTreeMap;

use aws_sdk_batch::types as batch;
use aws_sdk_dynamodb::types as dynamodb;
use aws_sdk_s3::types as s3;
use aws_sdk_sqs::types::QueueAttributeName;
use catalog::MediaKind;
use serde::Deserialize;
use serde_json::json;

use crate::aws::{ACCOUNT, Aws, REGION, unique};

/// Names and values of a program's environment.
pub type Variables = BTreeMap<String, String>;

/// Every name of an installation. Fields are called as in Terraform's output `installation`, which has more.
#[derive(Debug, Clone, Deserialize)]
pub struct Infrastructure {
    /// What the names begin with.
    pub name: String,
    /// Names of the buckets.
    pub buckets: Buckets,
    /// Names of the tables.
    pub tables: Tables,
    /// URL of each kind's queue.
    pub queues: BTreeMap<MediaKind, String>,
    /// URL of each kind's fast queue, where the fast path is on; its dead-letter queue is the kind's ordinary queue.
    #[serde(default)]
    pub fast_queues: BTreeMap<MediaKind, String>,
    /// URL of the dead-letter queue behind it.
    pub dead_letters: BTreeMap<MediaKind, String>,
    /// URLs of the queues of events that could not be delivered or processed: `undelivered-uploads`, `undelivered-results`.
    pub undelivered: BTreeMap<String, String>,
    /// ARNs of the topics.
    pub topics: Topics,
    /// Name of each kind's job queue.
    pub job_queues: BTreeMap<MediaKind, String>,
    /// Name of each kind's job definition.
    pub job_definitions: BTreeMap<MediaKind, String>,
    /// Names of the rules of the default event bus.
    pub rules: Rules,
    /// What each program finds in its environment, apart from where AWS is.
    pub environments: Environments,
}

/// Names of the buckets.
#[derive(Debug, Clone, Deserialize)]
pub struct Buckets {
    /// S3_INPUT.
    pub input: String,
    /// S3_OUTPUT.
    pub output: String,
    /// `S3_WORK`.
    pub work: String,
}

/// Names of the tables.
#[derive(Debug, Clone, Deserialize)]
pub struct Tables {
    /// DYNAMODB_INPUT.
    pub input: String,
    /// DYNAMODB_OUTPUT.
    pub output: String,
}

/// ARNs of the topics.
#[derive(Debug, Clone, Deserialize)]
pub struct Topics {
    /// SNS_NOTIF.
    pub jobs: String,
}

/// Names of the rules of the default event bus.
#[derive(Debug, Clone, Deserialize)]
pub struct Rules {
    /// Every object created in S3_INPUT, to classify.
    pub uploads: String,
    /// State changes of the jobs, to output.
    pub job_states: String,
}

/// What each program finds in its environment.
#[derive(Debug, Clone, Deserialize)]
pub struct Environments {
    /// `LAMBDA_CLASSIFY`.
    pub classify: Variables,
    /// The dispatch Lambda.
    pub dispatch: Variables,
    /// `LAMBDA_OUTPUT`.
    pub output: Variables,
    /// The containers.
    pub job: Variables,
    /// The functions of the fast path, apart from the queues.
    #[serde(default)]
    pub fast: Variables,
}

impl Infrastructure {
    /// Makes an installation with nothing in it that production's has not: what Terraform's modules make, as far as an
    /// emulator looks at it.
    pub async fn create(aws: &Aws) -> Self {
        let name = unique("pipeline");
        let buckets = Buckets {
            input: bucket(aws, &format!("{name}-input"), true, true).await,
            output: bucket(aws, &format!("{name}-output"), true, false).await,
            work: bucket(aws, &format!("{name}-work"), false, false).await,
        };
        let tables = Tables {
            input: table(aws, &format!("{name}-input"), ["object", "jobId"], &[("by-state", ["stateDay", "stateAt"])])
                .await,
            output: table(aws, &format!("{name}-output"), ["object", ""], &[("by-source", ["sourceObject", "jobId"])])
                .await,
        };
        let (mut queues, mut dead_letters) = (BTreeMap::new(), BTreeMap::new());
        for kind in MediaKind::ALL {
            let (queue, dead_letter) = queue_pair(aws, &format!("{name}-{kind}")).await;
            queues.insert(kind, queue);
            dead_letters.insert(kind, dead_letter);
        }
        let mut undelivered = BTreeMap::new();
        for of in ["undelivered-uploads", "undelivered-results"] {
            let queue = aws.sqs().create_queue().queue_name(format!("{name}-{of}")).send().await;
            let url = queue.expect("a queue is made").queue_url.expect("a queue has a URL");
            undelivered.insert(of.to_owned(), url);
        }
        let topic = aws.sns().create_topic().name(format!("{name}-jobs")).send().await.expect("a topic is made");
        let topics = Topics { jobs: topic.topic_arn.expect("a topic has an ARN") };
        let job = variables(&[
            ("S3_OUTPUT", format!("s3://{}", buckets.output)),
            ("SNS_NOTIF", topics.jobs.clone()),
            ("METRICS", "emf".to_owned()),
            ("METRICS_NAMESPACE", format!("DataPipeline/{name}")),
            ("TMPDIR", "/tmp".to_owned()),
        ]);
        let (job_queues, job_definitions) = compute(aws, &name, &buckets.input, &job).await;
        let rules = rules(aws, &name, &buckets, &job_queues);
        let environments = environments(&buckets, &tables, &topics, &queues, &dead_letters, job, &name);
        Self {
            name,
            buckets,
            tables,
            queues,
            fast_queues: BTreeMap::new(),
            dead_letters,
            undelivered,
            topics,
            job_queues,
            job_definitions,
            rules,
            environments,
        }
    }
}

impl Infrastructure {
    /// The same with the fast path of a kind: its queue, which hands what is not done to the kind's ordinary one.
    pub async fn with_fast_path(mut self, aws: &Aws, kind: MediaKind) -> Self {
        let ordinary = &self.queues[&kind];
        let redrive = json!({"deadLetterTargetArn": queue_arn(ordinary), "maxReceiveCount": FAST_RECEIVES}).to_string();
        let queue = aws
            .sqs()
            .create_queue()
            .queue_name(format!("{}-{kind}-fast", self.name))
            .attributes(QueueAttributeName::RedrivePolicy, redrive)
            .attributes(QueueAttributeName::VisibilityTimeout, "180")
            .send()
            .await;
        let queue = queue.expect("a queue is made").queue_url.expect("a queue has a URL");
        let classify = &mut self.environments.classify;
        classify.insert(format!("FAST_{}", kind.name().to_ascii_uppercase()), queue.clone());
        self.fast_queues.insert(kind, queue);
        self
    }
}

/// Receives of a fast queue before a message moves to the ordinary one.
pub(crate) const FAST_RECEIVES: u32 = 2;

fn variables(values: &[(&str, String)]) -> Variables {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// A bucket, with versions where uploads or results go, and events on the bus where uploads go. The courier hears what the bucket of
/// results tells (see [`crate::system`]).
async fn bucket(aws: &Aws, name: &str, has_versions: bool, has_events: bool) -> String {
    aws.s3().create_bucket().bucket(name).send().await.expect("a bucket is made");
    if has_versions {
        let versioning = s3::VersioningConfiguration::builder().status(s3::BucketVersioningStatus::Enabled).build();
        let versioning = aws.s3().put_bucket_versioning().bucket(name).versioning_configuration(versioning);
        versioning.send().await.expect("a bucket keeps versions");
    }
    if has_events {
        let events = s3::NotificationConfiguration::builder()
            .event_bridge_configuration(s3::EventBridgeConfiguration::builder().build())
            .build();
        let events = aws.s3().put_bucket_notification_configuration().bucket(name).notification_configuration(events);
        events.send().await.expect("a bucket tells its events");
    }
    name.to_owned()
}

/// A table with its indexes, each by a partition key and (unless empty) a sort key, all of them texts.
async fn table(aws: &Aws, name: &str, keys: [&str; 2], indexes: &[(&str, [&str; 2])]) -> String {
    let schema = |keys: &[&str; 2]| -> Vec<dynamodb::KeySchemaElement> {
        let roles = [dynamodb::KeyType::Hash, dynamodb::KeyType::Range];
        let named = keys.iter().zip(roles).filter(|(key, _)| !key.is_empty());
        let element = |(key, role): (&&str, _)| {
            dynamodb::KeySchemaElement::builder().attribute_name(*key).key_type(role).build().expect("a complete key")
        };
        named.map(element).collect()
    };
    let mut attributes: Vec<&str> =
        indexes.iter().flat_map(|(_, keys)| keys).chain(&keys).copied().filter(|key| !key.is_empty()).collect();
    attributes.sort_unstable();
    attributes.dedup();
    let mut create = aws
        .dynamodb()
        .create_table()
        .table_name(name)
        .billing_mode(dynamodb::BillingMode::PayPerRequest)
        .set_key_schema(Some(schema(&keys)));
    for attribute in attributes {
        let attribute = dynamodb::AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(dynamodb::ScalarAttributeType::S);
        create = create.attribute_definitions(attribute.build().expect("a complete attribute"));
    }
    for (index, keys) in indexes {
        let keys_only = dynamodb::Projection::builder().projection_type(dynamodb::ProjectionType::KeysOnly).build();
        let index = dynamodb::GlobalSecondaryIndex::builder().index_name(*index).set_key_schema(Some(schema(keys)));
        create = create.global_secondary_indexes(index.projection(keys_only).build().expect("a complete index"));
    }
    create.send().await.expect("a table is made");
    name.to_owned()
}

/// A queue with the dead-letter queue behind it; their URLs.
async fn queue_pair(aws: &Aws, name: &str) -> (String, String) {
    let dead_letters = aws.sqs().create_queue().queue_name(format!("{name}-dead-letters")).send().await;
    let dead_letters = dead_letters.expect("a queue is made").queue_url.expect("a queue has a URL");
    let redrive = json!({"deadLetterTargetArn": queue_arn(&dead_letters), "maxReceiveCount": 8}).to_string();
    let queue = aws
        .sqs()
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::RedrivePolicy, redrive)
        .attributes(QueueAttributeName::VisibilityTimeout, "720")
        .send()
        .await;
    (queue.expect("a queue is made").queue_url.expect("a queue has a URL"), dead_letters)
}

/// The ARN of a queue by its URL: both end in its name.
pub(crate) fn queue_arn(url: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", url.rsplit('/').next().unwrap_or_default())
}

/// Names by kind.
type Names = BTreeMap<MediaKind, String>;

/// A job queue and a job definition for each kind, the definition as terraform/modules/compute/definitions.tf has it.
async fn compute(aws: &Aws, name: &str, input: &str, variables: &Variables) -> (Names, Names) {
    let role = aws.batch_role();
    let environment = aws
        .batch()
        .create_compute_environment()
        .compute_environment_name(name)
        .r#type(batch::CeType::Unmanaged)
        .service_role(&role)
        .send()
        .await;
    environment.expect("a compute environment is made");
    let (mut queues, mut definitions) = (Names::new(), Names::new());
    for kind in MediaKind::ALL {
        let order = batch::ComputeEnvironmentOrder::builder().order(1).compute_environment(name).build();
        let queue = aws
            .batch()
            .create_job_queue()
            .job_queue_name(format!("{name}-{kind}"))
            .state(batch::JqState::Enabled)
            .priority(1)
            .compute_environment_order(order);
        queue.send().await.expect("a job queue is made");
        queues.insert(kind, format!("{name}-{kind}"));

        let requirement = |kind, value: &str| batch::ResourceRequirement::builder().r#type(kind).value(value).build();
        let pair = |(name, value): (&String, &String)| batch::KeyValuePair::builder().name(name).value(value).build();
        let command = ["run", "--input", "Ref::input", "--processing-option", "Ref::processingOption"];
        let limit = ["--memory-limit", "3584MiB"];
        let scratch = batch::MountPoint::builder().source_volume("scratch").container_path("/tmp").read_only(false);
        let container = batch::ContainerProperties::builder()
            .image(format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}/{}:latest", kind.job_name()))
            .set_command(Some(command.into_iter().chain(limit).map(str::to_owned).collect()))
            .user("65532:65532")
            .set_environment(Some(variables.iter().map(pair).collect()))
            .resource_requirements(requirement(batch::ResourceType::Vcpu, "2"))
            .resource_requirements(requirement(batch::ResourceType::Memory, "4096"))
            .readonly_root_filesystem(true)
            .volumes(batch::Volume::builder().name("scratch").build())
            .mount_points(scratch.build());
        let definition = aws
            .batch()
            .register_job_definition()
            .job_definition_name(format!("{name}-{kind}"))
            .r#type(batch::JobDefinitionType::Container)
            .container_properties(container.build())
            .parameters("input", format!("s3://{input}/"))
            .parameters("processingOption", "")
            .retry_strategy(retry_strategy());
        definition.send().await.expect("a job definition is made");
        definitions.insert(kind, format!("{name}-{kind}"));
    }
    (queues, definitions)
}

/// As terraform/modules/compute/definitions.tf has it for Fargate.
fn retry_strategy() -> batch::RetryStrategy {
    use batch::RetryAction::{Exit, Retry};
    let rule = |action| batch::EvaluateOnExit::builder().action(action);
    let rules = [
        rule(Retry).on_exit_code("75"),
        rule(Retry).on_status_reason("Your Spot Task was interrupted*"),
        rule(Retry).on_status_reason("Task failed to start*"),
        rule(Retry).on_status_reason("Timeout waiting for network interface provisioning*"),
        rule(Exit).on_reason("*"),
    ];
    let rules = rules.map(batch::builders::EvaluateOnExitBuilder::build);
    batch::RetryStrategy::builder().attempts(5).set_evaluate_on_exit(Some(rules.into())).build()
}

/// The rules of the default bus. Their targets are the courier's (see [`crate::system`]).
fn rules(aws: &Aws, name: &str, buckets: &Buckets, job_queues: &Names) -> Rules {
    let rule = |role: &str, pattern: serde_json::Value| {
        let rule = format!("{name}-{role}");
        let body = json!({"Name": rule, "EventPattern": pattern.to_string(), "State": "ENABLED"});
        aws.call("events", "AWSEvents.PutRule", &body);
        rule
    };
    let uploads = json!({"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [buckets.input]}}});
    let queues: Vec<String> =
        job_queues.values().map(|queue| format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/{queue}")).collect();
    Rules {
        uploads: rule("uploads", uploads),
        job_states: rule(
            "job-states",
            json!({"source": ["aws.batch"], "detail-type": ["Batch Job State Change"], "detail": {"jobQueue": queues, "status": ["RUNNING", "FAILED"]}}),
        ),
    }
}

/// What terraform/modules/pipeline/main.tf gives each program.
fn environments(
    buckets: &Buckets,
    tables: &Tables,
    topics: &Topics,
    queues: &Names,
    dead_letters: &Names,
    job: Variables,
    name: &str,
) -> Environments {
    let of_kinds =
        |variables: &mut Variables, prefix: &dyn Fn(MediaKind) -> String, value: &dyn Fn(MediaKind) -> String| {
            variables.extend(MediaKind::ALL.map(|kind| (prefix(kind), value(kind))));
        };
    let upper = |kind: MediaKind| kind.name().to_ascii_uppercase();
    let mut classify = variables(&[
        ("S3_INPUT", buckets.input.clone()),
        ("DYNAMODB_INPUT", tables.input.clone()),
        ("SNS_NOTIF", topics.jobs.clone()),
    ]);
    of_kinds(&mut classify, &|kind| kind.queue_variable().to_owned(), &|kind| queues[&kind].clone());
    let mut dispatch = variables(&[
        ("DYNAMODB_INPUT", tables.input.clone()),
        ("SNS_NOTIF", topics.jobs.clone()),
        ("S3_WORK", buckets.work.clone()),
        // Few enough for an array job of a few small objects.
        ("PACK_COUNT", "4".to_owned()),
    ]);
    of_kinds(&mut dispatch, &|kind| kind.queue_variable().to_owned(), &|kind| queues[&kind].clone());
    of_kinds(&mut dispatch, &|kind| format!("{}_DLQ", kind.queue_variable()), &|kind| dead_letters[&kind].clone());
    of_kinds(&mut dispatch, &|kind| format!("BATCH_QUEUE_{}", upper(kind)), &|kind| format!("{name}-{kind}"));
    of_kinds(&mut dispatch, &|kind| format!("BATCH_DEFINITION_{}", upper(kind)), &|kind| format!("{name}-{kind}"));
    let output = variables(&[
        ("S3_OUTPUT", buckets.output.clone()),
        ("S3_WORK", buckets.work.clone()),
        ("DYNAMODB_INPUT", tables.input.clone()),
        ("DYNAMODB_OUTPUT", tables.output.clone()),
        ("SNS_NOTIF", topics.jobs.clone()),
        ("CLOUDFRONT_DOMAIN", "d111111abcdef8.cloudfront.net".to_owned()),
    ]);
    let fast = job.clone();
    Environments { classify, dispatch, output, job, fast }
}

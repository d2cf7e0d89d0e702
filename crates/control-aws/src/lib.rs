//! The control plane's ports over AWS, and the frame of its Lambdas. The configuration, the clients of S3 and SNS, the publisher
//! and the meaning of every error are those of the crate `store`, which the jobs use, too.
//!
//! Items become DynamoDB's attributes by 40 lines of our own, and events of SQS, SNS and EventBridge are read by the few
//! properties that count (`control::event`): `serde_dynamo` and `aws_lambda_events` would add dependencies (chrono, http) to
//! every Lambda for about as many lines, and would not keep the order of an item's attributes.

mod bus;
mod executor;
pub mod lambda;
mod objects;
mod queues;
mod table;

use std::time::Duration;

use contract::{Failure, JobEvent, UploadEnded};
use control::environment::Environment;
use control::ports::{Clock, Notices, Ports};
use store::Publisher;
use time::OffsetDateTime;

pub use bus::EventBus;
pub use executor::AwsBatch;
pub use objects::{PROCESSING_OPTION, S3Objects};
pub use queues::{SqsQueues, Taken};
pub use table::{DynamoTable, from_attributes, to_attributes};

/// AWS.
#[derive(Debug, Clone, Copy)]
pub struct AwsPorts;

impl Ports for AwsPorts {
    type Objects = S3Objects;
    type Table = DynamoTable;
    type Queues = SqsQueues;
    type Notices = SnsNotices;
    type Executor = AwsBatch;
    type Clock = SystemClock;
}

/// The clients of one process, as ports.
pub struct Clients {
    aws: store::Aws,
    configuration: aws_config::SdkConfig,
}

impl Clients {
    /// Reads the configuration from where the SDKs look for it.
    pub async fn load() -> Result<Self, Failure> {
        let aws = store::Aws::default();
        let configuration = aws.configuration().await?.clone();
        Ok(Self { aws, configuration })
    }

    /// The configuration, for clients of other services.
    pub fn configuration(&self) -> &aws_config::SdkConfig {
        &self.configuration
    }

    /// Buckets.
    pub async fn objects(&self) -> Result<S3Objects, Failure> {
        Ok(S3Objects(self.aws.s3().await?.clone()))
    }

    /// A table.
    pub fn table(&self, name: &str) -> DynamoTable {
        DynamoTable { client: aws_sdk_dynamodb::Client::new(&self.configuration), name: name.to_owned() }
    }

    /// Queues.
    pub fn queues(&self) -> SqsQueues {
        SqsQueues::new(aws_sdk_sqs::Client::new(&self.configuration))
    }

    /// Queues whose deliveries to dispatch the environment names.
    pub fn queues_and_deliveries(&self, environment: &Environment) -> SqsQueues {
        let ids = environment.get("DISPATCH_MAPPINGS").split(',').map(str::trim).filter(|id| !id.is_empty());
        self.queues().with_mappings(aws_sdk_lambda::Client::new(&self.configuration), ids.map(str::to_owned).collect())
    }

    /// The topic of that ARN.
    pub async fn notices(&self, topic_arn: &str) -> Result<SnsNotices, Failure> {
        Ok(SnsNotices { topic: Publisher::to_topic(&self.aws, topic_arn).await?, bus: None })
    }

    /// The topic of that ARN, and the bus for ends of uploads, if there is one.
    pub async fn notices_and_ends(&self, environment: &Environment) -> Result<SnsNotices, Failure> {
        let client = || aws_sdk_eventbridge::Client::new(&self.configuration);
        let source = environment.get("EVENT_SOURCE");
        let bus = environment.get_optional("EVENT_BUS").map(|name| EventBus {
            client: client(),
            name: name.to_owned(),
            source: source.to_owned(),
        });
        Ok(SnsNotices { bus, ..self.notices(environment.get("SNS_NOTIF")).await? })
    }

    /// Batch.
    pub fn executor(&self) -> AwsBatch {
        AwsBatch(aws_sdk_batch::Client::new(&self.configuration))
    }
}

/// A topic of SNS, and the bus for ends of uploads.
#[derive(Clone)]
pub struct SnsNotices {
    topic: Publisher,
    bus: Option<EventBus>,
}

impl Notices for SnsNotices {
    async fn publish(&self, event: &JobEvent) -> Result<(), Failure> {
        self.topic.publish(event).await
    }

    async fn upload_ended(&self, ended: &UploadEnded) -> Result<(), Failure> {
        match &self.bus {
            Some(bus) => bus.put(ended).await,
            None => Err(Failure::internal("EVENT_BUS is not set")),
        }
    }
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

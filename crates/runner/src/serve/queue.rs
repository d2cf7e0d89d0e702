//! A queue of SQS that this program receives from itself: workers that are always warm, with the full jail.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use contract::Failure;
use store::{Aws, Purpose, failure_of};
use tracing::warn;

use super::{Forward, Message, Requests};

/// Seconds that a message is kept from others, within which it is done with or sent on.
const VISIBILITY: Duration = Duration::from_mins(3);

/// Seconds after which a message comes again that failed.
const AGAIN: i32 = 10;

/// Seconds that one request waits for messages, the most that SQS allows.
const WAIT: i32 = 20;

/// Messages of a queue.
pub(crate) struct Queue {
    client: Client,
    url: String,
    waiting: VecDeque<Message>,
}

impl Queue {
    pub(crate) async fn new(aws: &Aws, url: &str) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(aws.configuration().await?), url: url.to_owned(), waiting: VecDeque::new() })
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        // One at a time: another worker takes the next one sooner.
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(1)
            .wait_time_seconds(WAIT)
            .visibility_timeout(VISIBILITY.as_secs() as i32);
        let asked = Instant::now();
        let received = receive.send().await;
        let received = received
            .map_err(|error| failure_of(error, Purpose::Call, &format!("queue {}", self.url), "sqs:ReceiveMessage"))?;
        // From when it was asked for, which is at most that much before it was received.
        let earliest = Instant::now().checked_sub(Duration::from_secs(WAIT as u64));
        let deadline = earliest.map_or(asked, |earliest| asked.max(earliest)) + VISIBILITY;
        for message in received.messages.unwrap_or_default() {
            let id = message.message_id.unwrap_or_default();
            self.waiting.push_back(Message {
                run_id: id.clone(),
                id,
                receipt: message.receipt_handle.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                deadline,
            });
        }
        Ok(())
    }
}

impl Requests for Queue {
    async fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(Some(message));
            }
            if let Err(failure) = self.receive().await {
                if failure.kind() != contract::FailureKind::Temporary {
                    return Err(failure);
                }
                warn!("{failure}");
                tokio::time::sleep(Duration::from_secs(AGAIN as u64)).await;
            }
        }
    }

    async fn done(&mut self, message: Message) -> Result<(), Failure> {
        let deleted = self.client.delete_message().queue_url(&self.url).receipt_handle(message.receipt).send().await;
        if let Err(error) = deleted {
            let failure = failure_of(error, Purpose::Call, &format!("queue {}", self.url), "sqs:DeleteMessage");
            warn!(message = message.id, "it will come again, and change nothing: {failure}");
        }
        Ok(())
    }

    async fn failed(&mut self, message: Message) -> Result<(), Failure> {
        let visible = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(message.receipt);
        if let Err(error) = visible.visibility_timeout(AGAIN).send().await {
            let purpose = format!("queue {}", self.url);
            let failure = failure_of(error, Purpose::Call, &purpose, "sqs:ChangeMessageVisibility");
            warn!(message = message.id, "it comes again after the visibility timeout: {failure}");
        }
        Ok(())
    }
}

/// The kind's ordinary queue.
pub(crate) struct OrdinaryQueue {
    aws: Aws,
    url: String,
}

impl OrdinaryQueue {
    pub(crate) fn new(aws: &Aws, url: &str) -> Self {
        Self { aws: aws.clone(), url: url.to_owned() }
    }
}

impl Forward for OrdinaryQueue {
    async fn forward(&self, body: &str) -> Result<(), Failure> {
        // Made when first needed: most functions never do.
        let client = Client::new(self.aws.configuration().await?);
        let sent = client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map_err(|error| failure_of(error, Purpose::Call, &format!("queue {}", self.url), "sqs:SendMessage"))?;
        Ok(())
    }
}

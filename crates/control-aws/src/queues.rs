//! Queues of SQS.

use std::collections::{BTreeMap, HashSet};

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message, QueueAttributeName};
use contract::Failure;
use control::ports::{Postponed, Queues};
use store::{Purpose, failure_of};

/// Queues of SQS.
#[derive(Debug, Clone)]
pub struct SqsQueues {
    client: aws_sdk_sqs::Client,
    mappings: Option<Mappings>,
}

/// What delivers the queues' messages to dispatch.
#[derive(Debug, Clone)]
struct Mappings {
    client: aws_sdk_lambda::Client,
    ids: Vec<String>,
}

/// What became of the messages of a queue.
#[derive(Debug, Default)]
pub struct Taken {
    /// Messages that were dealt with and deleted.
    pub done: usize,
    /// Messages that stay in the queue, each with its id and why.
    pub failed: Vec<(String, Failure)>,
}

impl SqsQueues {
    /// Queues of which somebody else decides whether they are delivered.
    pub fn new(client: aws_sdk_sqs::Client) -> Self {
        Self { client, mappings: None }
    }

    /// Queues whose deliveries to dispatch may be stopped, by the ids of the event source mappings.
    #[must_use]
    pub fn with_mappings(self, client: aws_sdk_lambda::Client, ids: Vec<String>) -> Self {
        Self { mappings: Some(Mappings { client, ids }), ..self }
    }

    /// Moves every message of a queue that is visible to another queue. Answers how many.
    pub async fn move_messages(&self, from_url: &str, to_url: &str) -> Result<usize, Failure> {
        // Sent before it is deleted: at worst it is there twice, which dispatch does not mind.
        let mut moved = self.take(from_url, async |body| self.send(to_url, body, &[]).await).await?;
        match moved.failed.pop() {
            Some((_, failure)) => Err(failure),
            None => Ok(moved.done),
        }
    }

    /// About how many messages of a queue are visible.
    pub async fn depth(&self, queue_url: &str) -> Result<u64, Failure> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self.client.get_queue_attributes().queue_url(queue_url).attribute_names(name.clone()).send().await;
        let answer = answer.map_err(|error| failure(error, queue_url, "GetQueueAttributes"))?;
        let depth = answer.attributes.and_then(|attributes| attributes.get(&name)?.parse().ok());
        Ok(depth.unwrap_or_default())
    }

    /// Deals with every message of a queue that is visible, one after the other, and deletes those for which that went well.
    pub async fn take(
        &self,
        queue_url: &str,
        deal_with: impl AsyncFn(&str) -> Result<(), Failure>,
    ) -> Result<Taken, Failure> {
        let mut taken = Taken::default();
        let mut seen = HashSet::new();
        loop {
            let request =
                self.client.receive_message().queue_url(queue_url).max_number_of_messages(10).wait_time_seconds(1);
            let answer = request.send().await;
            let answer = answer.map_err(|error| failure(error, queue_url, "ReceiveMessage"))?;
            let messages = answer.messages.unwrap_or_default();
            // Those that stay come again: then every other one has come.
            let is_new = |message: &Message| seen.insert(message.message_id.clone().unwrap_or_default());
            let messages: Vec<Message> = messages.into_iter().filter(is_new).collect();
            if messages.is_empty() {
                return Ok(taken);
            }
            for message in messages {
                if let Err(failure) = deal_with(message.body().unwrap_or_default()).await {
                    taken.failed.push((message.message_id.unwrap_or_default(), failure));
                    continue;
                }
                let receipt = message.receipt_handle.unwrap_or_default();
                let deleted = self.client.delete_message().queue_url(queue_url).receipt_handle(receipt).send().await;
                deleted.map_err(|error| failure(error, queue_url, "DeleteMessage"))?;
                taken.done += 1;
            }
        }
    }
}

impl Queues for SqsQueues {
    async fn send(&self, queue_url: &str, body: &str, attributes: &[(&str, &str)]) -> Result<(), Failure> {
        let mut request = self.client.send_message().queue_url(queue_url).message_body(body);
        for (name, value) in attributes {
            let value = aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String").string_value(*value);
            let value = value.build().map_err(|error| Failure::internal("a message attribute").because(error))?;
            request = request.message_attributes(*name, value);
        }
        request.send().await.map_err(|error| failure(error, queue_url, "SendMessage"))?;
        Ok(())
    }

    async fn deliver(&self, on: bool) -> Result<(), Failure> {
        let mappings = self.mappings.as_ref().filter(|mappings| !mappings.ids.is_empty());
        let mappings = mappings.ok_or_else(|| Failure::invalid_request("DISPATCH_MAPPINGS is not set"))?;
        for id in &mappings.ids {
            let answer = mappings.client.update_event_source_mapping().uuid(id).enabled(on).send().await;
            match answer {
                Ok(_) => {}
                Err(error) => {
                    let subject = format!("the event source mapping {id}");
                    return Err(failure_of(error, Purpose::Call, &subject, "lambda:UpdateEventSourceMapping"));
                }
            }
        }
        Ok(())
    }

    async fn postpone(&self, messages: &[Postponed]) -> Result<(), Failure> {
        let mut by_queue: BTreeMap<&str, Vec<&Postponed>> = BTreeMap::new();
        for message in messages {
            by_queue.entry(&message.queue_arn).or_default().push(message);
        }
        for (arn, messages) in by_queue {
            let url = url_of(arn)?;
            for messages in messages.chunks(MAX_ENTRIES) {
                let entries = messages.iter().enumerate().map(|(position, message)| {
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(position.to_string())
                        .receipt_handle(&message.receipt_handle)
                        .visibility_timeout(
                            i32::try_from(message.delay.as_secs()).unwrap_or(MAX_VISIBILITY).min(MAX_VISIBILITY),
                        )
                        .build()
                });
                let entries: Result<Vec<_>, _> = entries.collect();
                let entries = entries.map_err(|error| Failure::internal("a message's visibility").because(error))?;
                let request = self.client.change_message_visibility_batch().queue_url(&url).set_entries(Some(entries));
                let answer = request.send().await.map_err(|error| failure(error, &url, "ChangeMessageVisibility"))?;
                if let Some(refused) = answer.failed().first() {
                    let reason = refused.message().unwrap_or(refused.code());
                    return Err(Failure::temporary(format!("queue {url}: {reason}")));
                }
            }
        }
        Ok(())
    }
}

/// Entries of one batch request of SQS, at most.
const MAX_ENTRIES: usize = 10;

/// The longest visibility timeout of SQS, seconds.
const MAX_VISIBILITY: i32 = 43_200;

/// The URL of a queue by its ARN. A trigger's event names the queue by its ARN only.
fn url_of(arn: &str) -> Result<String, Failure> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [_, partition, "sqs", region, account, name] = parts.as_slice() else {
        return Err(Failure::invalid_request(format!("{arn:?} is not the ARN of a queue")));
    };
    let domain = if *partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://sqs.{region}.{domain}/{account}/{name}"))
}

fn failure<E>(error: SdkError<E>, queue_url: &str, action: &str) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    failure_of(error, Purpose::Call, &format!("queue {queue_url}"), &format!("sqs:{action}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_by_its_arn() {
        let url = |arn| url_of(arn).map_err(|failure| failure.to_string());
        let expected = "https://sqs.eu-west-1.amazonaws.com/111122223333/media-image";
        assert_eq!(url("arn:aws:sqs:eu-west-1:111122223333:media-image").as_deref(), Ok(expected));
        assert!(url("arn:aws-cn:sqs:cn-north-1:111122223333:q").unwrap().contains("amazonaws.com.cn"));
        assert!(url("arn:aws:sns:eu-west-1:111122223333:topic").unwrap_err().contains("not the ARN of a queue"));
    }
}

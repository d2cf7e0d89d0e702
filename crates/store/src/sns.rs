//! Publishing to a topic of SNS.

use aws_sdk_sns::types::MessageAttributeValue;
use contract::Failure;

use crate::aws::Aws;
use crate::failures::{Purpose, failure_of};

pub(crate) async fn publish(
    aws: &Aws,
    topic: &str,
    message: String,
    attributes: &[(&'static str, String)],
) -> Result<(), Failure> {
    let mut publish = aws.sns().await?.publish().topic_arn(topic).message(message);
    for (name, value) in attributes {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
        let value = value.map_err(|error| Failure::internal("a message attribute").because(error))?;
        publish = publish.message_attributes(*name, value);
    }
    publish.send().await.map_err(|error| failure_of(error, Purpose::Publish, topic, "sns:Publish"))?;
    Ok(())
}

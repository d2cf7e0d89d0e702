//! Events reach the topic's subscribers with the attributes that filter policies need, or the job hears why not.

use contract::{FailureKind, JobEvent};
use e2e::{Aws, Fault, Proxy, Rule, unique};
use serde_json::json;
use store::{Publisher, Store, StoreOptions};

fn event() -> JobEvent {
    serde_json::from_value(json!({
        "schemaVersion": 1,
        "jobId": "1",
        "source": { "bucket": "in", "key": "ä photo.jpg", "size": 3 },
        "kind": "image",
        "operation": "resize",
        "outcome": "SUCCEEDED",
        "outputs": [{ "key": "a", "size": 1, "sha256": "0", "contentType": "image/webp", "width": 800 }],
        "outputCount": 1,
        "programVersion": "1",
    }))
    .unwrap()
}

fn store(configuration: aws_config::SdkConfig) -> Store {
    Store::new(store::Aws::with_configuration(configuration), StoreOptions::default())
}

#[tokio::test]
async fn an_event_arrives_with_its_attributes() {
    let aws = Aws::shared();
    let topic = aws.topic_with_queue().await;
    let publisher = Publisher::from_topic(&store(aws.configuration()), Some(&topic.topic_arn)).await.unwrap();
    publisher.publish(&event()).await.unwrap();
    let received = topic.receive(1).await;
    let (message, attributes) = &received[0];
    assert_eq!(serde_json::from_value::<JobEvent>(message.clone()).unwrap(), event());
    let expected = [("kind", "image"), ("operation", "resize"), ("outcome", "SUCCEEDED")];
    assert_eq!(*attributes, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn without_a_topic_nothing_is_published_and_no_aws_is_needed() {
    for topic in [None, Some("")] {
        let publisher = Publisher::from_topic(&Store::from_environment(), topic).await.unwrap();
        publisher.publish(&event()).await.unwrap();
    }
}

#[tokio::test]
async fn a_topic_that_is_none_or_not_there_is_an_invalid_request() {
    let store = store(Aws::shared().configuration());
    for topic in ["notifications", "arn:aws:sqs:us-east-1:123456789012:queue"] {
        let failure = Publisher::from_topic(&store, Some(topic)).await.err().unwrap();
        assert_eq!(failure.kind(), FailureKind::InvalidRequest);
        assert!(failure.to_string().contains("SNS_NOTIF"), "{failure}");
    }
    let missing = format!("arn:aws:sns:us-east-1:123456789012:{}", unique("missing"));
    let publisher = Publisher::from_topic(&store, Some(&missing)).await.unwrap();
    let failure = publisher.publish(&event()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{failure}");
    assert!(failure.to_string().contains(&missing), "{failure}");
}

#[tokio::test]
async fn a_topic_that_cannot_answer_is_temporary_and_a_refusal_names_the_permission() {
    let aws = Aws::shared();
    let topic = aws.topic_with_queue().await;
    for (status, code, kind, word) in [
        (503, "ServiceUnavailable", FailureKind::Temporary, "later"),
        (400, "Throttling", FailureKind::Temporary, "later"),
        (403, "AuthorizationError", FailureKind::InvalidRequest, "sns:Publish"),
    ] {
        let proxy = Proxy::before(&aws.endpoint());
        proxy.rule(Rule::new("POST", "/", Fault::Error { status, code }));
        let publisher = Publisher::from_topic(&store(proxy.configuration()), Some(&topic.topic_arn)).await.unwrap();
        let failure = publisher.publish(&event()).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure}");
        assert!(failure.to_string().contains(word), "{failure}");
    }
}

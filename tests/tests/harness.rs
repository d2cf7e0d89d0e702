//! The harness itself: the server answers the real SDK, what is published arrives, and faults are made as ordered.

use e2e::{Aws, Fault, Proxy, Rule};

#[tokio::test]
async fn objects_and_messages_come_back_from_the_server() {
    let aws = Aws::shared();
    let bucket = aws.bucket().await;
    aws.put(&bucket, "a folder/ü.txt", "text").await;
    assert_eq!(aws.get(&bucket, "a folder/ü.txt").await.as_deref(), Some(&b"text"[..]));
    assert_eq!(aws.get(&bucket, "nothing").await, None);
    assert_eq!(aws.keys(&bucket).await, ["a folder/ü.txt"]);

    let topic = aws.topic_with_queue().await;
    let publish = aws.sns().publish().topic_arn(&topic.topic_arn).message(r#"{"outcome":"SUCCEEDED"}"#);
    publish.send().await.unwrap();
    assert_eq!(topic.receive(1).await[0].0["outcome"], "SUCCEEDED");
}

#[tokio::test]
async fn the_proxy_makes_a_fault_as_often_as_told_and_counts_requests() {
    let aws = Aws::shared();
    let bucket = aws.bucket().await;
    aws.put(&bucket, "key", vec![7; 100_000]).await;
    let proxy = Proxy::before(&aws.endpoint());
    proxy.rule(Rule::new("GET", "/key", Fault::Error { status: 503, code: "SlowDown" }).after(1).times(1));
    let configuration = aws_sdk_s3::config::Builder::from(&proxy.configuration()).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(configuration);
    for _ in 0..2 {
        let object = s3.get_object().bucket(&bucket).key("key").send().await.unwrap();
        assert_eq!(object.body.collect().await.unwrap().to_vec(), vec![7; 100_000]);
    }
    let requests = proxy.requests();
    assert_eq!(requests.len(), 3, "one, one that was refused, one again");
    assert!(requests[0].answered > 100_000);

    proxy.rule(Rule::new("GET", "/key", Fault::Truncate(1000)).times(1));
    proxy.rule(Rule::new("GET", "/key", Fault::Reset(1000)).times(1));
    for _ in 0..2 {
        let object = s3.get_object().bucket(&bucket).key("key").send().await.unwrap();
        assert!(object.body.collect().await.is_err());
    }
}

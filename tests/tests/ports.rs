//! One conformance suite for both sides of the control plane's ports: each test runs over AWS's APIs (DynamoDB, S3, SQS) and
//! over one machine (SQLite, folders).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types as dynamodb;
use aws_sdk_s3::types as s3;
use contract::Source;
use control::ports::{Found, Listing, Objects, Postponed, Queues, Table, Version};
use control::table::{Condition, Item, Key, Page, Put, PutOutcome, Query, Sort, put_one, query_all};
use control_aws::{DynamoTable, S3Objects, SqsQueues};
use control_local::{Database, FolderObjects, INPUTS, Inbox, SqliteQueues, SqliteTable, WORK};
use e2e::{Aws, unique};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

const KEYS: &[&str] = &["object", "jobId"];

/// Runs a test over both tables.
macro_rules! over_tables {
    ($($(#[$doc:meta])* async fn $name:ident($table:ident: &impl Table) $body:block)+) => {
        $(mod $name {
            use super::*;

            async fn conforms($table: &impl Table) $body

            #[tokio::test]
            async fn over_dynamodb() {
                conforms(&dynamodb_table().await).await;
            }

            #[tokio::test]
            async fn over_sqlite() {
                let folder = tempfile::tempdir().unwrap();
                conforms(&SqliteTable::new(&database(&folder), INPUTS)).await;
            }
        })+
    };
}

fn database(folder: &TempDir) -> Database {
    Database::open(&folder.path().join("records.sqlite")).unwrap()
}

/// DYNAMODB_INPUT as Terraform makes it, but for the index's projection.
async fn dynamodb_table() -> DynamoTable {
    let aws = Aws::shared();
    let key = |name: &str, role: dynamodb::KeyType| {
        dynamodb::KeySchemaElement::builder().attribute_name(name).key_type(role).build().unwrap()
    };
    let attribute = |name: &str| {
        let attribute = dynamodb::AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(dynamodb::ScalarAttributeType::S).build().unwrap()
    };
    let index = dynamodb::GlobalSecondaryIndex::builder()
        .index_name("by-state")
        .key_schema(key("stateDay", dynamodb::KeyType::Hash))
        .key_schema(key("stateAt", dynamodb::KeyType::Range))
        .projection(dynamodb::Projection::builder().projection_type(dynamodb::ProjectionType::All).build());
    let name = unique("ports");
    aws.dynamodb()
        .create_table()
        .table_name(&name)
        .billing_mode(dynamodb::BillingMode::PayPerRequest)
        .key_schema(key("object", dynamodb::KeyType::Hash))
        .key_schema(key("jobId", dynamodb::KeyType::Range))
        .set_attribute_definitions(Some(["object", "jobId", "stateDay", "stateAt"].map(attribute).into()))
        .global_secondary_indexes(index.build().unwrap())
        .send()
        .await
        .unwrap();
    DynamoTable { client: aws.dynamodb(), name }
}

fn key(object: &str, job: &str) -> Key {
    Key(vec![("object", object.to_owned()), ("jobId", job.to_owned())])
}

fn item(object: &str, job: &str, more: Value) -> Item {
    let Value::Object(mut item) = json!({"object": object, "jobId": job}) else { unreachable!() };
    let Value::Object(more) = more else { panic!("attributes are an object") };
    item.extend(more);
    item
}

fn put(item: Item, condition: Condition) -> Put {
    Put { key_names: KEYS, item, condition }
}

/// `W`ritten, `C`onflict or `F`ailed, one letter for each put.
fn letters(outcomes: &[PutOutcome]) -> String {
    let letter = |outcome: &PutOutcome| match outcome {
        PutOutcome::Written => 'W',
        PutOutcome::Conflict => 'C',
        PutOutcome::Failed(_) => 'F',
    };
    outcomes.iter().map(letter).collect()
}

async fn write(table: &impl Table, item: Item, condition: Condition) -> String {
    letters(&[put_one(table, put(item, condition)).await])
}

fn jobs(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item["jobId"].as_str().unwrap()).collect()
}

over_tables! {
    async fn an_item_comes_back_as_it_was(table: &impl Table) {
        let facts = json!({
            "text": "é\u{1F30D} \"quoted\"", "empty": "", "number": 9_007_199_254_740_991_u64, "negative": -12, "fraction": 0.125,
            "truth": false, "nothing": null, "list": ["a", 1, {"b": []}], "map": {"c": {"d": null}}, "revision": 1
        });
        let written = item("s3://in/é b.jpg", "1", facts);
        assert_eq!(write(table, written.clone(), Condition::Absent).await, "W");
        let found = table.get(&[key("s3://in/é b.jpg", "1")]).await.unwrap();
        assert_eq!(Value::Object(found[0].clone().unwrap()), Value::Object(written));
    }

    async fn reads_answer_in_the_order_of_the_keys(table: &impl Table) {
        for job in ["1", "2", "3"] {
            write(table, item("a", job, json!({})), Condition::Absent).await;
        }
        let found = table.get(&[key("a", "3"), key("a", "9"), key("a", "1"), key("b", "1")]).await.unwrap();
        let found: Vec<_> = found.iter().map(|item| item.as_ref().map(|item| item["jobId"].as_str().unwrap())).collect();
        assert_eq!(found, [Some("3"), None, Some("1"), None]);
        assert_eq!(table.get(&[key("a", "9")]).await.unwrap(), [None]);
    }

    async fn an_absent_item_is_written_once(table: &impl Table) {
        assert_eq!(write(table, item("a", "1", json!({"by": "first"})), Condition::Absent).await, "W");
        assert_eq!(write(table, item("a", "1", json!({"by": "second"})), Condition::Absent).await, "C");
        let found = table.get(&[key("a", "1")]).await.unwrap();
        assert_eq!(found[0].as_ref().unwrap()["by"], "first");
    }

    async fn a_revision_must_be_the_one_that_is_there(table: &impl Table) {
        let of = |revision: u64| item("a", "1", json!({"revision": revision}));
        assert_eq!(write(table, of(2), Condition::Revision(1)).await, "C", "there is no item");
        assert_eq!(write(table, of(1), Condition::Absent).await, "W");
        assert_eq!(write(table, of(2), Condition::Revision(1)).await, "W");
        assert_eq!(write(table, of(3), Condition::Revision(1)).await, "C", "somebody else has written");
        assert_eq!(table.get(&[key("a", "1")]).await.unwrap()[0].as_ref().unwrap()["revision"], 2);
    }

    async fn a_text_must_not_come_after(table: &impl Table) {
        let of = |text: &str| item("a", "latest", json!({"sequence": text}));
        let not_after = |text: &str| Condition::NotAfter("sequence", text.to_owned());
        assert_eq!(write(table, of("05"), not_after("05")).await, "W", "there is no item");
        assert_eq!(write(table, of("05"), not_after("05")).await, "W", "the same");
        assert_eq!(write(table, of("10"), not_after("10")).await, "W");
        assert_eq!(write(table, of("09"), not_after("09")).await, "C");
        assert_eq!(table.get(&[key("a", "latest")]).await.unwrap()[0].as_ref().unwrap()["sequence"], "10");
    }

    async fn each_of_many_puts_has_its_own_condition(table: &impl Table) {
        for number in (0..100).step_by(3) {
            write(table, item("a", &format!("{number:03}"), json!({"by": "first"})), Condition::Absent).await;
        }
        let puts: Vec<Put> =
            (0..100).map(|number| put(item("a", &format!("{number:03}"), json!({"by": "second"})), Condition::Absent)).collect();
        let outcomes = letters(&table.put(&puts).await);
        let expected: String = (0..100).map(|number| if number % 3 == 0 { 'C' } else { 'W' }).collect();
        assert_eq!(outcomes, expected);
        let keys: Vec<Key> = puts.iter().map(Put::key).collect();
        let found = table.get(&keys).await.unwrap();
        let by_second = found.iter().flatten().filter(|item| item["by"] == "second").count();
        assert_eq!((found.iter().flatten().count(), by_second), (100, 66));
    }

    async fn of_writers_at_the_same_time_one_wins(table: &impl Table) {
        let writers = (0..8).map(|number| put_one(table, put(item("a", "1", json!({"by": number})), Condition::Absent)));
        let outcomes = futures::future::join_all(writers).await;
        assert_eq!(letters(&outcomes).matches('W').count(), 1, "{outcomes:?}");
        assert_eq!(letters(&outcomes).matches('F').count(), 0, "{outcomes:?}");
    }

    async fn a_partition_is_read_in_the_order_of_the_sort_key(table: &impl Table) {
        for job in ["2", "10", "1"] {
            write(table, item("a", job, json!({})), Condition::Absent).await;
        }
        write(table, item("b", "1", json!({})), Condition::Absent).await;
        let of = |object: &str| Query::of(None, "object", object);
        assert_eq!(jobs(&query_all(table, of("a")).await.unwrap()), ["2", "10", "1"]);
        assert_eq!(jobs(&query_all(table, Query { descending: false, ..of("a") }).await.unwrap()), ["1", "10", "2"]);
        let up_to = Query { sort: Some(("jobId", Sort::UpTo("10".to_owned()))), ..of("a") };
        assert_eq!(jobs(&query_all(table, up_to).await.unwrap()), ["10", "1"]);
        let is = Query { sort: Some(("jobId", Sort::Is("1".to_owned()))), ..of("a") };
        assert_eq!(jobs(&query_all(table, is).await.unwrap()), ["1"]);
        assert!(query_all(table, of("c")).await.unwrap().is_empty());
    }

    async fn an_index_follows_the_item(table: &impl Table) {
        let at = |state: &str, at: &str, revision: u64| json!({"stateDay": state, "stateAt": at, "revision": revision});
        write(table, item("a", "1", at("QUEUED#1", "2026-01-01", 1)), Condition::Absent).await;
        write(table, item("b", "1", at("QUEUED#1", "2026-01-02", 1)), Condition::Absent).await;
        write(table, item("c", "1", json!({})), Condition::Absent).await;
        let queued = || Query::of(Some("by-state"), "stateDay", "QUEUED#1");
        let objects = |items: Vec<Item>| -> Vec<String> {
            items.iter().map(|item| item["object"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(objects(query_all(table, queued()).await.unwrap()), ["b", "a"]);
        let up_to = Query { sort: Some(("stateAt", Sort::UpTo("2026-01-01".to_owned()))), ..queued() };
        assert_eq!(objects(query_all(table, up_to).await.unwrap()), ["a"]);
        write(table, item("b", "1", at("FAILED#1", "2026-01-03", 2)), Condition::Revision(1)).await;
        assert_eq!(objects(query_all(table, queued()).await.unwrap()), ["a"]);
        assert_eq!(objects(query_all(table, Query::of(Some("by-state"), "stateDay", "FAILED#1")).await.unwrap()), ["b"]);
    }

    /// DynamoDB ends a page at a megabyte, SQLite's side after a thousand items.
    async fn pages_are_the_whole(table: &impl Table) {
        let filler = "x".repeat(2000);
        let puts: Vec<Put> = (0..2100)
            .map(|number| {
                let facts = json!({"stateDay": "QUEUED#1", "stateAt": format!("{:02}", number % 7), "filler": filler});
                put(item("a", &format!("{number:05}"), facts), Condition::Absent)
            })
            .collect();
        for puts in puts.chunks(control::table::MAX_ITEMS) {
            assert!(letters(&table.put(puts).await).bytes().all(|letter| letter == b'W'));
        }
        for query in [Query::of(None, "object", "a"), Query::of(Some("by-state"), "stateDay", "QUEUED#1")] {
            let Page { items, next } = table.query(&query).await.unwrap();
            assert!(items.len() < 2100 && next.is_some(), "one page of {}", items.len());
            let all = query_all(table, query).await.unwrap();
            let each: BTreeSet<_> = jobs(&all).into_iter().collect();
            assert_eq!((all.len(), each.len()), (2100, 2100));
            let sort = |item: &Item, name: &str| item[name].as_str().unwrap().to_owned();
            let is_descending =
                |name: &str| all.windows(2).all(|pair| sort(&pair[0], name) >= sort(&pair[1], name));
            assert!(is_descending("jobId") || is_descending("stateAt"));
        }
    }
}

/// A bucket of uploads, with what a test does to it.
trait Uploads {
    async fn upload(&self, key: &str, bytes: &[u8], option: Option<&str>) -> Source;
    async fn delete(&self, key: &str);
}

struct Bucket(String);

impl Uploads for Bucket {
    async fn upload(&self, key: &str, bytes: &[u8], option: Option<&str>) -> Source {
        let put = Aws::shared().s3().put_object().bucket(&self.0).key(key).body(bytes.to_vec().into());
        let put = put.set_metadata(option.map(|option| [("processing-option".to_owned(), option.to_owned())].into()));
        let etag = put.send().await.unwrap().e_tag.map(|etag| etag.trim_matches('"').to_owned());
        Source { bucket: Some(self.0.clone()), key: key.to_owned(), version_id: None, etag, size: bytes.len() as u64 }
    }

    async fn delete(&self, key: &str) {
        Aws::shared().s3().delete_object().bucket(&self.0).key(key).send().await.unwrap();
    }
}

struct Folder(TempDir);

impl Uploads for Folder {
    async fn upload(&self, key: &str, bytes: &[u8], option: Option<&str>) -> Source {
        let path = self.0.path().join("in").join(key);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
        if let Some(option) = option {
            fs_err::write(format!("{}.processing-option", path.display()), option).unwrap();
        }
        let version = store::Store::from_environment().head(&contract::Location::Local(path)).await.unwrap();
        Source { bucket: None, key: key.to_owned(), version_id: None, etag: version.etag, size: version.size }
    }

    async fn delete(&self, key: &str) {
        fs_err::remove_file(self.0.path().join("in").join(key)).unwrap();
    }
}

async fn s3() -> (S3Objects, Bucket, String) {
    let bucket = Aws::shared().bucket().await;
    (S3Objects(Aws::shared().s3()), Bucket(bucket.clone()), bucket)
}

fn folders() -> (FolderObjects, Folder, String) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["in", "out", "work"] {
        fs_err::create_dir(folder.path().join(name)).unwrap();
    }
    let of = |name: &str| folder.path().join(name);
    let inbox = Inbox::new(&of("in"), &of("out")).unwrap();
    (FolderObjects::new(inbox, of("out"), of("work")), Folder(folder), WORK.to_owned())
}

/// The same bytes again have the same entity tag: only the version tells that somebody has written over an object.
#[tokio::test]
async fn only_the_version_that_is_meant_is_deleted_from_a_bucket_with_versions() {
    let (objects, bucket) = (S3Objects(Aws::shared().s3()), Aws::shared().bucket().await);
    let versions = s3::VersioningConfiguration::builder().status(s3::BucketVersioningStatus::Enabled).build();
    let enable = Aws::shared().s3().put_bucket_versioning().bucket(&bucket).versioning_configuration(versions);
    enable.send().await.unwrap();
    let mut versions = Vec::new();
    for _ in 0..2 {
        objects.write(&bucket, "a.webp", b"the same".to_vec()).await.unwrap();
        versions.push(objects.read_whole(&bucket, "a.webp").await.unwrap().unwrap().version);
    }
    let [first, second] = versions.as_slice() else { panic!("{versions:?}") };
    assert!(first.etag == second.etag && first.version_id != second.version_id, "{versions:?}");
    objects.delete(&bucket, "a.webp", first).await.unwrap();
    assert!(objects.read(&bucket, "a.webp").await.unwrap().is_some(), "it was written over");
    for _ in 0..2 {
        objects.delete(&bucket, "a.webp", second).await.unwrap();
        assert_eq!(objects.read(&bucket, "a.webp").await.unwrap(), None);
    }
}

async fn objects_conform((objects, uploads, work): (impl Objects, impl Uploads, String)) {
    // Small objects are written and read whole.
    assert_eq!(objects.read(&work, "lists/a.jsonl").await.unwrap(), None);
    for text in ["first", "second and longer", ""] {
        objects.write(&work, "lists/a.jsonl", text.into()).await.unwrap();
        assert_eq!(objects.read(&work, "lists/a.jsonl").await.unwrap().as_deref(), Some(text.as_bytes()));
    }

    // What is deleted is gone, however often.
    objects.write(&work, "lists/b.jsonl", "gone soon".into()).await.unwrap();
    for _ in 0..2 {
        objects.delete(&work, "lists/b.jsonl", &Version::default()).await.unwrap();
        assert_eq!(objects.read(&work, "lists/b.jsonl").await.unwrap(), None);
    }
    assert!(objects.read(&work, "lists/a.jsonl").await.unwrap().is_some());

    // The first bytes of an upload come with what its uploader asked for.
    let source = uploads.upload("photos/é b.jpg", b"0123456789", Some("resize?width=80")).await;
    let Found::Here(head) = objects.head(&source, 4).await.unwrap() else { panic!("it is there") };
    assert_eq!(
        (head.bytes.as_slice(), head.processing_option.as_deref()),
        (b"0123".as_slice(), Some("resize?width=80"))
    );
    let Found::Here(head) = objects.head(&source, 4096).await.unwrap() else { panic!("it is there") };
    assert_eq!(head.bytes, b"0123456789");
    let Found::Here(tag) = objects.tag(&source).await.unwrap() else { panic!("it is there") };
    assert_eq!(tag, None);
    let plain = uploads.upload("plain.jpg", b"x", None).await;
    let Found::Here(head) = objects.head(&plain, 4).await.unwrap() else { panic!("it is there") };
    assert_eq!(head.processing_option, None);

    // A listing has what is there, in the order of the keys, from any key on.
    for key in ["list/b.jpg", "list/c é.jpg", "list/a.jpg", "other.jpg"] {
        uploads.upload(key, b"12345", None).await;
    }
    let bucket = source.bucket.clone().unwrap_or_default();
    let keys = |listing: &Listing| listing.objects.iter().map(|listed| listed.key.clone()).collect::<Vec<_>>();
    let listing = objects.list(&bucket, "list/", None).await.unwrap();
    assert_eq!(
        (keys(&listing), listing.next.clone()),
        (["list/a.jpg", "list/b.jpg", "list/c é.jpg"].map(str::to_owned).into(), None)
    );
    let age = OffsetDateTime::now_utc() - contract::timestamp::parse(&listing.objects[0].modified).expect("a time");
    assert!(listing.objects[0].size == 5 && age.abs() < time::Duration::HOUR, "{listing:?}");
    let rest = objects.list(&bucket, "list/", Some("list/a.jpg")).await.unwrap();
    assert_eq!(keys(&rest), ["list/b.jpg", "list/c é.jpg"]);
    assert_eq!(objects.list(&bucket, "nothing/", None).await.unwrap(), Listing::default());

    // Only the version that is asked for counts.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let later = uploads.upload("plain.jpg", b"another", None).await;
    let Found::Gone(reason) = objects.head(&plain, 4).await.unwrap() else { panic!("it was overwritten") };
    assert!(reason.contains("plain.jpg") && reason.contains("overwritten"), "{reason}");
    assert!(matches!(objects.head(&later, 4).await.unwrap(), Found::Here(_)));
    uploads.delete("plain.jpg").await;
    let Found::Gone(reason) = objects.head(&later, 4).await.unwrap() else { panic!("it was deleted") };
    assert!(reason.contains("plain.jpg") && reason.contains("deleted"), "{reason}");
}

#[tokio::test]
async fn objects_conform_in_s3() {
    objects_conform(s3().await).await;
}

/// A tag is set by S3's rules and read as it was set: in the spelling of tags, which means the same as the usual one.
#[tokio::test]
async fn an_object_tag_takes_the_spelling_of_tags_alone() {
    let (objects, uploads, bucket) = s3().await;
    let source = uploads.upload("a.jpg", b"x", None).await;
    let usual = "resize?widths=320,640&format=webp,convert?format=avif";
    let spelt = usual.parse::<catalog::Operations>().unwrap().to_tag();
    for (text, is_taken) in [(usual, false), (spelt.as_str(), true)] {
        let tag = aws_sdk_s3::types::Tag::builder().key("processing-option").value(text).build().unwrap();
        let tagging = aws_sdk_s3::types::Tagging::builder().tag_set(tag).build().unwrap();
        let set = Aws::shared().s3().put_object_tagging().bucket(&bucket).key("a.jpg").tagging(tagging).send().await;
        assert_eq!((set.is_ok(), catalog::is_tag_value(text)), (is_taken, is_taken), "{text}: {set:?}");
    }
    let Found::Here(tag) = objects.tag(&source).await.unwrap() else { panic!("it is there") };
    let read: catalog::Operations = tag.expect("a tag").parse().unwrap();
    assert_eq!(read, usual.parse().unwrap());
}

#[tokio::test]
async fn objects_conform_in_folders() {
    objects_conform(folders()).await;
}

/// A queue as its consumer has it: body, receipt and how often it was received, of each visible message.
trait Consumer {
    async fn receive(&self) -> Vec<(String, String, u64)>;
    async fn delete(&self, receipt: &str);
}

struct SqsConsumer(String);

impl Consumer for SqsConsumer {
    async fn receive(&self) -> Vec<(String, String, u64)> {
        use aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount;
        let sqs = Aws::shared().sqs();
        let request = sqs.receive_message().queue_url(&self.0).max_number_of_messages(10);
        let answer = request.message_system_attribute_names(ApproximateReceiveCount).send().await.unwrap();
        let messages = answer.messages.unwrap_or_default().into_iter();
        let count = |message: &aws_sdk_sqs::types::Message| {
            message.attributes.as_ref().and_then(|all| all.get(&ApproximateReceiveCount)?.parse().ok()).unwrap_or(0)
        };
        messages
            .map(|message| (message.body.clone().unwrap(), message.receipt_handle.clone().unwrap(), count(&message)))
            .collect()
    }

    async fn delete(&self, receipt: &str) {
        Aws::shared().sqs().delete_message().queue_url(&self.0).receipt_handle(receipt).send().await.unwrap();
    }
}

struct SqliteConsumer(SqliteQueues, String);

impl Consumer for SqliteConsumer {
    async fn receive(&self) -> Vec<(String, String, u64)> {
        let messages = self.0.receive(&self.1, 10).unwrap().into_iter();
        messages
            .map(|message| (message.body.clone(), message.receipt_handle.clone(), message.receive_count()))
            .collect()
    }

    async fn delete(&self, receipt: &str) {
        self.0.delete([receipt]).unwrap();
    }
}

async fn queues_conform(queues: impl Queues, consumer: impl Consumer, url: &str, arn: &str) {
    queues.send(url, "first", &[("reason", "é")]).await.unwrap();
    queues.send(url, "second", &[]).await.unwrap();
    let received = consumer.receive().await;
    assert_eq!(received.iter().map(|(body, ..)| body.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    assert!(received.iter().all(|(_, _, count)| *count == 1));
    assert!(consumer.receive().await.is_empty(), "what was received is invisible");

    // One is deleted, the other comes again when it is asked to.
    consumer.delete(&received[0].1).await;
    let delay = Duration::from_secs(2);
    let postponed = Postponed { queue_arn: arn.to_owned(), receipt_handle: received[1].1.clone(), delay };
    let start = Instant::now();
    queues.postpone(&[postponed]).await.unwrap();
    assert!(consumer.receive().await.is_empty() || start.elapsed() >= delay, "not before its time");
    let again = loop {
        let messages = consumer.receive().await;
        if let Some(message) = messages.first() {
            break message.clone();
        }
        assert!(start.elapsed() < Duration::from_secs(30), "the message does not come again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((again.0.as_str(), again.2), ("second", 2));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn queues_conform_in_sqs() {
    let sqs = Aws::shared().sqs();
    let name = unique("ports");
    let url = sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    let arn = sqs.get_queue_attributes().queue_url(&url);
    let arn = arn.attribute_names(aws_sdk_sqs::types::QueueAttributeName::QueueArn).send().await.unwrap();
    let arn = arn.attributes.unwrap()[&aws_sdk_sqs::types::QueueAttributeName::QueueArn].clone();
    queues_conform(SqsQueues::new(Aws::shared().sqs()), SqsConsumer(url.clone()), &url, &arn).await;
}

#[tokio::test]
async fn queues_conform_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let queues = SqliteQueues::new(&database(&folder));
    queues_conform(queues.clone(), SqliteConsumer(queues, "SQS_PICTURE".to_owned()), "SQS_PICTURE", "SQS_PICTURE")
        .await;
}

//! One conformance suite for every store: each test runs over a folder and over a bucket. What only S3 can show (faults
//! of the network, versions, permissions) follows below.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bytes::Bytes;
use contract::{FailureKind, Location};
use e2e::{Aws, Fault, Proxy, Rule, unique};
use operation::Progress;
use store::{Store, StoreOptions};

const MIB: usize = 1024 * 1024;

/// Small parts, so that tests see many of them.
const OPTIONS: StoreOptions = StoreOptions {
    fetch_part: 1_000_000,
    fetch_concurrency: 4,
    upload_part: 5 * MIB,
    upload_concurrency: 3,
    body_attempts: 3,
    flush: true,
};

/// A folder or a bucket.
struct Place {
    store: Store,
    root: Location,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    /// Every kind of place.
    async fn all() -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        let root = Location::Local(folder.path().into());
        let local = Self { store: Store::from_environment(), root, _folder: Some(folder) };
        let bucket = Aws::shared().bucket().await;
        let root = format!("s3://{bucket}/a prefix/").parse().unwrap();
        [local, Self { store: store(Aws::shared().configuration()), root, _folder: None }]
    }

    async fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Location {
        let location = self.root.join(name);
        self.store.put_bytes(&location, bytes.into(), "text/plain").await.unwrap();
        location
    }

    async fn get(&self, location: &Location) -> Option<Bytes> {
        self.store.get_small(location, u64::MAX).await.unwrap()
    }

    /// Fetches the whole object.
    async fn fetch(&self, location: &Location) -> Vec<u8> {
        fetch(&self.store, location).await.unwrap()
    }
}

fn store(configuration: aws_config::SdkConfig) -> Store {
    Store::new(store::Aws::with_configuration(configuration), OPTIONS)
}

async fn fetch(store: &Store, location: &Location) -> Result<Vec<u8>, contract::Failure> {
    let scratch = tempfile::tempdir().unwrap();
    let version = store.head(location).await?;
    let mut copy = store.fetch_whole(&version, scratch.path(), &Progress::silent()).await?;
    assert_eq!(copy.bytes, version.size);
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "the copy has no name");
    let mut bytes = Vec::new();
    copy.file.read_to_end(&mut bytes).unwrap();
    Ok(bytes)
}

fn content(size: usize) -> Vec<u8> {
    (0..size as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

#[tokio::test]
async fn what_was_put_is_found_and_read_back() {
    for place in Place::all().await {
        let location = place.root.join("folder/file.txt");
        let stored = place.store.put_bytes(&location, Bytes::from_static(b"text"), "text/plain").await.unwrap();
        assert_eq!(stored.size, 4);
        assert_eq!(stored.sha256, "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1");
        let version = place.store.head(&location).await.unwrap();
        assert_eq!((version.size, &version.location), (4, &location));
        if let Location::S3(_) = location {
            assert_eq!((version.etag, version.content_type.as_deref()), (stored.etag, Some("text/plain")));
        }
        assert_eq!(place.get(&location).await.unwrap(), "text");
        assert_eq!(place.fetch(&location).await, b"text");
        let failure = place.store.get_small(&location, 3).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_put_replaces_what_was_there() {
    for place in Place::all().await {
        place.put("file", "longer").await;
        let location = place.put("file", "new").await;
        assert_eq!(place.get(&location).await.unwrap(), "new");
    }
}

#[tokio::test]
async fn names_are_taken_as_they_are() {
    for place in Place::all().await {
        let names = [
            "a b.txt",
            "ä/ö ü.txt",
            "50%.txt",
            "%20",
            "a#b?c=d&e+f",
            "a:b",
            "日本/語.jpg",
            "x?versionId=1",
            "😀",
            "..x",
        ];
        for name in names {
            let location = place.put(name, name).await;
            assert_eq!(place.get(&location).await.unwrap(), name);
            let written: Location = location.to_string().parse().unwrap();
            assert_eq!(place.fetch(&written).await, name.as_bytes());
        }
        if let Some(bucket) = place.root.bucket() {
            let mut keys = names.map(|name| format!("a prefix/{name}")).to_vec();
            keys.sort();
            assert_eq!(Aws::shared().keys(bucket).await, keys);
        }
    }
}

#[tokio::test]
async fn empty_objects_are_objects() {
    for place in Place::all().await {
        let location = place.put("empty", "").await;
        assert_eq!(place.store.head(&location).await.unwrap().size, 0);
        assert_eq!(place.get(&location).await.unwrap(), "");
        assert_eq!(place.fetch(&location).await, b"");
    }
}

#[tokio::test]
async fn ranges_end_where_the_object_does() {
    for place in Place::all().await {
        let bytes = content(5000);
        let version = place.store.head(&place.put("file", bytes.clone()).await).await.unwrap();
        for (offset, length, expected) in [
            (0, 5000, 0..5000),
            (0, 1, 0..1),
            (17, 100, 17..117),
            (4999, 1, 4999..5000),
            (4990, 100, 4990..5000),
            (5000, 1, 5000..5000),
            (u64::MAX, usize::MAX, 5000..5000),
            (1, usize::MAX, 1..5000),
            (7, 0, 7..7),
        ] {
            let read = place.store.read_at(&version, offset, length).await.unwrap();
            assert_eq!(read, bytes[expected], "{length} at {offset}");
        }
    }
}

#[tokio::test]
async fn large_files_go_in_parts_both_ways() {
    let bytes = content(12 * MIB + 345);
    for place in Place::all().await {
        let source = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut source.as_file(), &bytes).unwrap();
        let location = place.root.join("large.bin");
        let stored = place.store.put_file(&location, source.path(), "video/mp4").await.unwrap();
        assert_eq!(stored.size, bytes.len() as u64);
        if let Some(etag) = &stored.etag {
            assert!(etag.ends_with("-3"), "three parts: {etag}");
        }
        let scratch = tempfile::tempdir().unwrap();
        let version = place.store.head(&location).await.unwrap();
        let copy = place.store.fetch_whole(&version, scratch.path(), &Progress::silent()).await.unwrap();
        assert_eq!(copy.requests, if location.bucket().is_some() { 13 } else { 1 });
        assert!(place.fetch(&location).await == bytes, "the bytes come back");
        assert_eq!(copy.head(1000).unwrap(), bytes[..1000]);
    }
}

#[tokio::test]
async fn a_file_that_is_taken_replaces_what_was_there() {
    let bytes = content(300_000);
    for place in Place::all().await {
        let folder = tempfile::tempdir().unwrap();
        // Memory is another file system.
        let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
        let location = place.root.join("folder/taken.bin");
        for (folder, bytes) in
            [(&folder, &bytes[..]), (&elsewhere, b""), (&elsewhere, &bytes[..200_000]), (&folder, b"a")]
        {
            let source = folder.path().join("made");
            fs_err::write(&source, bytes).unwrap();
            let stored = place.store.take_file(&location, source, "text/plain").await.unwrap();
            let put = place.store.put_bytes(&place.root.join("put"), Bytes::copy_from_slice(bytes), "text/plain").await;
            assert_eq!((stored.size, stored.sha256), (bytes.len() as u64, put.unwrap().sha256));
            assert!(place.fetch(&location).await == bytes, "the bytes come back");
        }
    }
}

#[tokio::test]
async fn an_upload_is_invisible_until_it_is_complete_and_leaves_nothing_when_given_up() {
    let metadata = BTreeMap::from([("processing-option".to_owned(), "resize?width=800".to_owned())]);
    let bytes = content(11 * MIB);
    for place in Place::all().await {
        let location = place.root.join("streamed");
        for gives_up in [true, false] {
            let mut upload = place.store.begin_upload(&location, "video/mp4", &metadata).await.unwrap();
            for chunk in bytes.chunks(700_001) {
                upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            assert_eq!(place.get(&location).await, None);
            if gives_up {
                upload.abort().await;
                assert_eq!(place.get(&location).await, None);
                assert_eq!(left(&place).await, 0);
            } else {
                assert_eq!(upload.complete().await.unwrap().size, bytes.len() as u64);
            }
        }
        assert!(place.fetch(&location).await == bytes);
        if location.bucket().is_some() {
            let version = place.store.head(&location).await.unwrap();
            assert_eq!(version.metadata, metadata);
            assert_eq!(version.content_type.as_deref(), Some("video/mp4"));
        }
    }
}

/// Half objects in the folder, or uploads whose parts the bucket's owner pays for.
async fn left(place: &Place) -> usize {
    match &place.root {
        Location::Local(folder) => std::fs::read_dir(folder).unwrap().count(),
        Location::S3(object) => {
            let bucket = object.bucket().as_str();
            let uploads = Aws::shared().s3().list_multipart_uploads().bucket(bucket).send().await.unwrap();
            uploads.uploads().len()
        }
    }
}

#[tokio::test]
async fn a_dropped_upload_is_given_up() {
    for place in Place::all().await {
        let mut upload = place.store.begin_upload(&place.root.join("x"), "text/plain", &BTreeMap::new()).await.unwrap();
        upload.write(content(11 * MIB).into()).await.unwrap();
        drop(upload);
        for _ in 0..100 {
            if left(&place).await > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        assert_eq!(left(&place).await, 0);
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_with_its_name() {
    for place in Place::all().await {
        let location = place.root.join("nothing here.jpg");
        let failure = place.store.head(&location).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InputNotFound);
        assert!(failure.to_string().contains(&location.to_string()), "{failure}");
        assert_eq!(place.get(&location).await, None);
    }
}

#[tokio::test]
async fn reads_of_an_overwritten_object_are_errors_and_never_a_mix() {
    for place in Place::all().await {
        let location = place.put("file", content(3_000_000)).await;
        let version = place.store.head(&location).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        place.put("file", vec![0; 3_000_000]).await;
        let scratch = tempfile::tempdir().unwrap();
        let fetched = place.store.fetch_whole(&version, scratch.path(), &Progress::silent()).await.map(drop);
        let read = place.store.read_at(&version, 10, 10).await.map(drop);
        for failure in [fetched.unwrap_err(), read.unwrap_err()] {
            assert_eq!(failure.kind(), FailureKind::InputNotFound);
            assert!(failure.to_string().contains("overwritten"), "{failure}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_reads_the_objects_bytes_in_few_requests() {
    let bytes = Arc::new(content(3_000_000));
    for place in Place::all().await {
        let version = place.store.head(&place.put("file", bytes.to_vec()).await).await.unwrap();
        let (store, bytes) = (place.store.clone(), Arc::clone(&bytes));
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let window = store.window(version, runtime);
            for at in [2_999_000, 0, 1_500_000] {
                assert_eq!(window.read_at(at as u64, 1000).unwrap(), bytes[at..at + 1000]);
            }
            assert_eq!(window.report().requests, 3);
            assert!(window.report().bytes < 400_000, "{:?}", window.report());
            for (index, chunk) in bytes.chunks(50_000).enumerate() {
                assert_eq!(window.read_at(index as u64 * 50_000, 50_000).unwrap(), chunk);
            }
            assert_eq!(window.report().bytes, 3_000_000, "every byte is fetched once");
            assert!(window.report().requests < 15, "{:?}", window.report());
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_folder_is_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::from_environment();
    let location = Location::Local(folder.path().into());
    assert_eq!(store.head(&location).await.unwrap_err().kind(), FailureKind::InvalidRequest);
    let bucket: Location = "s3://bucket".parse().unwrap();
    let store = self::store(Aws::shared().configuration());
    assert_eq!(store.head(&bucket).await.unwrap_err().kind(), FailureKind::InvalidRequest);
    // A file where a folder should be, and a folder where the file should be.
    let file = location.join("file");
    store.put_bytes(&file, Bytes::new(), "text/plain").await.unwrap();
    for wrong in [file.join("below"), location] {
        let failure = store.put_bytes(&wrong, Bytes::new(), "text/plain").await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{failure}");
    }
}

#[tokio::test]
async fn a_local_file_is_readable_by_all_whom_the_umask_lets() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = Location::Local(folder.path().into());
    // The second time it replaces the first.
    for _ in 0..2 {
        let store = Store::from_environment();
        store.put_bytes(&root.join("file"), Bytes::from_static(b"x"), "text/plain").await.unwrap();
        let mode = std::fs::metadata(folder.path().join("file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o400, 0o400);
        let plain = folder.path().join("plain");
        fs_err::write(&plain, "").unwrap();
        assert_eq!(mode, std::fs::metadata(&plain).unwrap().permissions().mode());
        fs_err::remove_file(&plain).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

// From here on, what only S3 can show.

/// A bucket with one object, behind a proxy.
async fn behind_proxy(size: usize) -> (Proxy, Store, Location, Vec<u8>) {
    let aws = Aws::shared();
    let (bucket, bytes) = (aws.bucket().await, content(size));
    aws.put(&bucket, "file", bytes.clone()).await;
    let proxy = Proxy::before(&aws.endpoint());
    let store = store(proxy.configuration());
    (proxy, store, format!("s3://{bucket}/file").parse().unwrap(), bytes)
}

#[tokio::test]
async fn throttling_is_waited_for_and_ends_as_temporary() {
    let (proxy, store, location, bytes) = behind_proxy(2_500_000).await;
    proxy.rule(Rule::new("GET", "/file", Fault::Error { status: 503, code: "SlowDown" }).times(2));
    assert!(fetch(&store, &location).await.unwrap() == bytes);
    assert_eq!(proxy.requests().iter().filter(|request| request.method == "GET").count(), 5);

    proxy.rule(Rule::new("GET", "/file", Fault::Error { status: 503, code: "SlowDown" }));
    let failure = fetch(&store, &location).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Temporary);
    assert!(failure.to_string().contains("SlowDown") && failure.to_string().contains("/file"), "{failure}");
}

#[tokio::test]
async fn broken_answers_are_continued_where_they_broke() {
    let (proxy, store, location, bytes) = behind_proxy(2_500_000).await;
    for fault in [Fault::Reset(300_000), Fault::Truncate(400_000), Fault::Reset(0)] {
        proxy.rule(Rule::new("GET", "/file", fault).times(1));
    }
    assert!(fetch(&store, &location).await.unwrap() == bytes);

    proxy.rule(Rule::new("GET", "/file", Fault::Truncate(1000)));
    let failure = fetch(&store, &location).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Temporary, "{failure}");
    let version = store.head(&location).await.unwrap();
    assert_eq!(store.read_at(&version, 0, 100_000).await.unwrap_err().kind(), FailureKind::Temporary);
}

#[tokio::test]
async fn slow_answers_change_nothing() {
    let (proxy, store, location, bytes) = behind_proxy(2_500_000).await;
    proxy.rule(Rule::new("GET", "/file", Fault::Delay(Duration::from_millis(300))).times(2));
    assert!(fetch(&store, &location).await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwrite_in_the_middle_of_a_fetch_is_an_error() {
    let (proxy, store, location, bytes) = behind_proxy(9_000_000).await;
    let (key, runtime) = (location.clone(), tokio::runtime::Handle::current());
    let overwrite = move || {
        let bucket = key.bucket().unwrap().to_owned();
        runtime.block_on(Aws::shared().put(&bucket, "file", vec![0; 9_000_000]));
    };
    proxy.rule(Rule::new("GET", "/file", Fault::Before(Box::new(overwrite))).after(3).times(1));
    let failure = fetch(&store, &location).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InputNotFound);
    assert!(failure.to_string().contains("overwritten"), "{failure}");
    assert!(fetch(&store, &location).await.unwrap() != bytes, "the next attempt reads the new object");
}

#[tokio::test]
async fn a_version_stays_readable_after_an_overwrite() {
    let aws = Aws::shared();
    let bucket = aws.bucket().await;
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    aws.s3().put_bucket_versioning().bucket(&bucket).versioning_configuration(versioning).send().await.unwrap();
    aws.put(&bucket, "file", "first").await;
    let store = store(aws.configuration());
    let location: Location = format!("s3://{bucket}/file").parse().unwrap();
    let first = store.head(&location).await.unwrap();
    aws.put(&bucket, "file", "second").await;
    assert_eq!(store.read_at(&first, 0, 10).await.unwrap(), "first");
    let named: Location = format!("{location}?versionId={}", first.version_id.unwrap()).parse().unwrap();
    assert_eq!(fetch(&store, &named).await.unwrap(), b"first");
    assert_eq!(fetch(&store, &location).await.unwrap(), b"second");
}

#[tokio::test]
async fn missing_permissions_are_named() {
    let (proxy, store, location, _) = behind_proxy(10).await;
    for method in ["HEAD", "GET", "PUT", "POST"] {
        proxy.rule(Rule::new(method, "/", Fault::Error { status: 403, code: "AccessDenied" }));
    }
    let head = store.head(&location).await.unwrap_err();
    let open = self::store(Aws::shared().configuration()).head(&location).await.unwrap();
    let read = store.read_at(&open, 0, 1).await.unwrap_err();
    let put = store.put_bytes(&location, Bytes::new(), "text/plain").await.unwrap_err();
    for (failure, permission) in [(head, "s3:GetObject"), (read, "s3:GetObject"), (put, "s3:PutObject")] {
        assert_eq!(failure.kind(), FailureKind::InvalidRequest);
        let text = failure.to_string();
        assert!(text.contains(permission) && text.contains(&location.to_string()), "{text}");
    }
}

#[tokio::test]
async fn a_missing_bucket_is_said_with_what_to_do() {
    let store = store(Aws::shared().configuration());
    let location: Location = format!("s3://{}/file", unique("missing")).parse().unwrap();
    assert_eq!(store.head(&location).await.unwrap_err().kind(), FailureKind::InputNotFound);
    for size in [10, 6 * MIB] {
        let failure = store.put_bytes(&location, content(size).into(), "text/plain").await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{failure}");
        assert!(failure.to_string().contains("create it"), "{failure}");
    }
}

#[tokio::test]
async fn a_failed_part_aborts_the_upload() {
    let aws = Aws::shared();
    let bucket = aws.bucket().await;
    let proxy = Proxy::before(&aws.endpoint());
    proxy.rule(Rule::new("PUT", "partNumber=2", Fault::Error { status: 503, code: "SlowDown" }));
    let store = store(proxy.configuration());
    let location: Location = format!("s3://{bucket}/large").parse().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file.as_file(), &content(17 * MIB)).unwrap();
    let failure = store.put_file(&location, file.path(), "video/mp4").await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Temporary);
    assert_eq!(aws.keys(&bucket).await, [""; 0]);
    assert_eq!(aws.s3().list_multipart_uploads().bucket(&bucket).send().await.unwrap().uploads().len(), 0);
    assert!(proxy.requests().iter().any(|request| request.method == "DELETE"));
}

#[tokio::test]
async fn checksums_travel_with_the_bytes() {
    let aws = Aws::shared();
    let bucket = aws.bucket().await;
    let proxy = Proxy::before(&aws.endpoint());
    let store = store(proxy.configuration());
    let root: Location = format!("s3://{bucket}").parse().unwrap();
    store.put_bytes(&root.join("small"), Bytes::from_static(b"text"), "text/plain").await.unwrap();
    store.put_bytes(&root.join("large"), content(6 * MIB).into(), "text/plain").await.unwrap();
    for request in proxy.requests().iter().filter(|request| request.method == "PUT") {
        let name = if request.path.contains("/small") { "x-amz-checksum-sha256" } else { "x-amz-checksum-crc32c" };
        assert!(request.header(name).is_some(), "{request:?}");
        assert_eq!(request.header("content-encoding"), None, "sent as it is, not wrapped: {request:?}");
    }
}

#[tokio::test]
async fn an_unreachable_endpoint_is_temporary() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let proxy = Proxy::before(&endpoint);
    let location: Location = "s3://bucket/key".parse().unwrap();
    let failure = store(proxy.configuration()).head(&location).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Temporary, "{failure}");
}

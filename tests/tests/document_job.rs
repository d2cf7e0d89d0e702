//! document-job, the real program, against a real API: what it makes of a document in S3 is what it makes of the same file
//! on the disk.

use std::path::{Path, PathBuf};

use catalog::{MediaKind, ProcessingOption};
use contract::{JobEvent, JobRequest, Outcome, SCHEMA_VERSION, Source};
use e2e::{Aws, command};

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/document-job/tests/fixtures/pages").join(name)
}

#[tokio::test]
async fn a_document_in_s3_becomes_what_the_same_file_becomes() {
    let aws = Aws::shared();
    let (input, output) = (aws.bucket().await, aws.bucket().await);
    let folder = tempfile::tempdir().unwrap();
    for name in ["two_articles.pdf", "vertical_japanese.pdf", "form.pdf"] {
        aws.put(&input, name, fs_err::read(page(name)).unwrap()).await;
        let location = format!("s3://{input}/{name}");
        let arguments = ["run", "--input", &location, "--processing-option", "text"];
        let done = command("document-job").envs(aws.environment()).env("S3_OUTPUT", &output).args(arguments).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stdout));
        let local = command("document-job").arg("text").arg(page(name)).arg(folder.path()).output().unwrap();
        assert!(local.status.success(), "{name}: {}", String::from_utf8_lossy(&local.stdout));
        for file in ["text.txt", "text.json", "text.md"] {
            let key = format!("{name}/text/{file}");
            let stored = aws.get(&output, &key).await.unwrap_or_else(|| panic!("{key} is not there"));
            assert!(!stored.is_empty(), "{key}");
            assert!(stored == fs_err::read(folder.path().join(&key)).unwrap(), "{key} differs");
        }
    }
}

#[tokio::test]
async fn of_a_list_every_document_has_its_own_end() {
    let aws = Aws::shared();
    let (input, output) = (aws.bucket().await, aws.bucket().await);
    aws.put(&input, "good.pdf", fs_err::read(page("two_articles.pdf")).unwrap()).await;
    aws.put(&input, "broken.pdf", b"%PDF-1.7 and nothing that is one".to_vec()).await;
    let request = |key: &str| JobRequest {
        schema_version: SCHEMA_VERSION,
        job_id: format!("job-{key}"),
        source: Source { bucket: Some(input.clone()), key: key.to_owned(), version_id: None, etag: None, size: 1 },
        processing_option: ProcessingOption::new(MediaKind::Document, "text?password=hunter2"),
        uploaded_at: None,
    };
    let lines = ["good.pdf", "broken.pdf", "gone.pdf"].map(|key| serde_json::to_string(&request(key)).unwrap());
    aws.put(&input, "list.jsonl", lines.join("\n").into_bytes()).await;
    let list = format!("s3://{input}/list.jsonl");
    let done = command("document-job")
        .envs(aws.environment())
        .env("S3_OUTPUT", &output)
        .args(["run", "--manifest", &list])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(!said.contains("hunter2"), "{said}");
    let events: Vec<JobEvent> = said.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let outcome = |key: &str| {
        let event = events.iter().find(|event| event.source.key == key).unwrap_or_else(|| panic!("{key}: {said}"));
        (event.outcome, event.error.as_ref().map(|error| error.message.clone()).unwrap_or_default())
    };
    assert_eq!(outcome("good.pdf").0, Outcome::Succeeded);
    for (key, reason) in [("broken.pdf", "damaged beyond repair"), ("gone.pdf", "not found")] {
        let (outcome, message) = outcome(key);
        assert!(outcome == Outcome::Failed && message.contains(reason), "{key}: {message}");
    }
}

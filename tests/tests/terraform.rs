//! The Terraform configuration against an emulator of AWS: it applies, makes what it says, changes nothing the second
//! time, and goes away without a trace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::Aws;
use serde_json::Value;

/// What the emulator answers differently from what it was told, so that a second plan wants to change it again. Resource
/// type, attributes, and what the emulator does.
const DRIFT: &[(&str, &[&str], &str)] = &[
    ("aws_batch_job_queue", &["job_state_time_limit_action"], "forgets the actions"),
    (
        "aws_cloudfront_distribution",
        &["default_cache_behavior", "origin", "viewer_certificate"],
        "adds the old forwarded values, forgets the origin access control, makes up an SSL support method",
    ),
    ("aws_lambda_function", &["logging_config"], "forgets the log group"),
    ("aws_s3_bucket_notification", &["eventbridge"], "sends the events but does not say so"),
    ("aws_sqs_queue", &["redrive_policy"], "writes the JSON with spaces"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_system_is_made_used_and_taken_away() {
    let aws = Aws::start();
    let terraform = Terraform::beside(&aws);
    terraform.run(&["init", "-input=false"]);
    terraform.run(&["apply", "-auto-approve", "-parallelism=64"]);

    let installation = terraform.output("installation");
    programs_get_the_variables_that_they_read(&installation);
    what_it_says_is_there(&aws, &installation).await;

    terraform.run(&["plan", "-out=second.plan", "-parallelism=64"]);
    let plan = terraform.run(&["show", "-json", "second.plan"]);
    let plan = serde_json::from_slice(&plan.stdout).expect("a plan is JSON");
    assert_eq!(drift(&plan), expected_drift(&plan));

    terraform.run(&["destroy", "-auto-approve", "-parallelism=64"]);
    nothing_is_left(&aws).await;
}

/// Jobs take theirs from the command line's declarations; those that AWS Batch sets itself are not Terraform's.
fn programs_get_the_variables_that_they_read(installation: &Value) {
    let read = |path: &str| fs_err::read_to_string(workspace().join(path)).expect("a source file");
    let declared: Vec<String> = read("jobs/job/src/cli.rs")
        .split("env = \"")
        .skip(1)
        .map(|rest| rest[..rest.find('"').expect("a name")].to_owned())
        .collect();
    for (name, _) in installation["environments"]["job"].as_object().expect("a map") {
        assert!(declared.contains(name), "no job reads {name}; they read {declared:?}");
    }
}

async fn what_it_says_is_there(aws: &Aws, installation: &Value) {
    let text =
        |pointer: &str| installation.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}"));
    for bucket in ["input", "output", "work"] {
        let name = text(&format!("/buckets/{bucket}"));
        let lifecycle = aws.s3().get_bucket_lifecycle_configuration().bucket(name).send().await.expect("a lifecycle");
        assert!(lifecycle.rules().iter().any(|rule| rule.abort_incomplete_multipart_upload().is_some()), "{name}");
        let policy = aws.s3().get_bucket_policy().bucket(name).send().await.expect("a policy");
        assert!(policy.policy().is_some_and(|policy| policy.contains("aws:SecureTransport")), "{name}");
    }
    for kind in ["document", "image", "model", "video"] {
        let attributes = aws
            .sqs()
            .get_queue_attributes()
            .queue_url(text(&format!("/queues/{kind}")))
            .attribute_names(aws_sdk_sqs::types::QueueAttributeName::All)
            .send()
            .await
            .expect("a queue");
        let redrive = attributes
            .attributes()
            .and_then(|attributes| attributes.get(&aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy))
            .expect("a queue of requests has one for dead letters");
        assert!(redrive.contains(&format!("{kind}-dead-letters")), "{redrive}");
    }
    for table in ["input", "output"] {
        let described = aws.dynamodb().describe_table().table_name(text(&format!("/tables/{table}"))).send().await;
        let described = described.expect("a table").table.expect("a table");
        assert!(!described.global_secondary_indexes().is_empty(), "{table} has indexes");
    }
}

async fn nothing_is_left(aws: &Aws) {
    assert!(aws.s3().list_buckets().send().await.expect("an answer").buckets().is_empty());
    assert!(aws.sqs().list_queues().send().await.expect("an answer").queue_urls().is_empty());
    assert!(aws.sns().list_topics().send().await.expect("an answer").topics().is_empty());
    assert!(aws.dynamodb().list_tables().send().await.expect("an answer").table_names().is_empty());
}

/// What a plan would change, by the resource's type: the attributes.
fn drift(plan: &Value) -> BTreeMap<String, Vec<String>> {
    let mut drift: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in plan["resource_changes"].as_array().expect("a plan has changes") {
        let change = &resource["change"];
        if change["actions"] == serde_json::json!(["no-op"]) || change["actions"] == serde_json::json!(["read"]) {
            continue;
        }
        let address = resource["address"].as_str().unwrap_or_default();
        assert_eq!(change["actions"], serde_json::json!(["update"]), "{address}: nothing is made anew");
        let attributes = change["after"].as_object().expect("an update has an outcome");
        let changed = attributes.iter().filter(|(name, after)| change["before"][name.as_str()] != **after);
        let known = drift.entry(resource["type"].as_str().unwrap_or_default().to_owned()).or_default();
        known.extend(changed.map(|(name, _)| name.clone()));
        known.sort();
        known.dedup();
    }
    drift
}

/// The written list, less what the emulator has learned to keep: that is no fault.
fn expected_drift(plan: &Value) -> BTreeMap<String, Vec<String>> {
    let found = drift(plan);
    let expected = DRIFT.iter().filter(|(kind, _, _)| found.contains_key(*kind));
    expected
        .map(|(kind, attributes, _)| {
            let still = attributes.iter().filter(|name| found[*kind].iter().any(|found| found == *name));
            ((*kind).to_owned(), still.map(|name| (*name).to_owned()).collect())
        })
        .collect()
}

/// The configuration in a folder of its own, with what tests/emulator adds to it.
struct Terraform {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Terraform {
    fn beside(aws: &Aws) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = workspace().join("terraform");
        copy(&source, folder.path());
        copy(&source.join("modules"), &folder.path().join("modules"));
        copy(&source.join("tests/emulator/root"), folder.path());
        copy(&source.join("tests/emulator/queues"), &folder.path().join("modules/queues"));
        // The emulator keeps the functions' zips without looking at what is in them.
        for function in ["classify", "dispatch", "output"] {
            let mut empty_zip = vec![0; 22];
            empty_zip[..4].copy_from_slice(b"PK\x05\x06");
            fs_err::write(folder.path().join(format!("{function}-lambda.zip")), empty_zip).expect("a zip");
        }
        let provider = Command::new(workspace().join("scripts/terraform-provider")).output().expect("a script");
        assert!(provider.status.success(), "{}", String::from_utf8_lossy(&provider.stderr));
        let mut environment = aws.environment();
        let configuration = String::from_utf8_lossy(&provider.stdout).trim().to_owned();
        environment.push(("TF_CLI_CONFIG_FILE".to_owned(), configuration));
        for (name, value) in [
            ("CHECKPOINT_DISABLE", "1"),
            ("TF_IN_AUTOMATION", "1"),
            ("TF_VAR_name", "media"),
            ("TF_VAR_region", "us-east-1"),
            ("TF_VAR_force_destroy", "true"),
            ("TF_VAR_lambda_zips_folder", "."),
        ] {
            environment.push((name.to_owned(), value.to_owned()));
        }
        Self { folder, environment }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new("terraform")
            .args(arguments)
            .args((arguments[0] != "show" && arguments[0] != "output").then_some("-no-color"))
            .current_dir(self.folder.path())
            .envs(self.environment.iter().cloned())
            .output()
            .expect("terraform starts");
        assert!(
            output.status.success(),
            "terraform {arguments:?}: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout).lines().rev().take(30).collect::<Vec<_>>().join("\n"),
        );
        output
    }

    fn output(&self, name: &str) -> Value {
        serde_json::from_slice(&self.run(&["output", "-json", name]).stdout).expect("an output is JSON")
    }
}

/// Copies the files of a folder, and of those in it unless they are the configuration's top.
fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).expect("a folder");
    for entry in fs_err::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if path.is_dir() && from.ends_with("modules") {
            copy(&path, &to.join(name));
        } else if path.extension().is_some_and(|extension| extension == "tf") {
            fs_err::copy(&path, to.join(name)).expect("a copy");
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

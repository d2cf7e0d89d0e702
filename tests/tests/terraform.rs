//! One `terraform apply` makes the system, on which the pipeline runs and the lines that Terraform prints for people
//! work; a second one has nothing to do; `terraform destroy` leaves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use catalog::MediaKind;
use control::{State, environment::Variable};
use e2e::containers::Engine;
use e2e::policy::Rights;
use e2e::terraform::{Changes, Terraform};
use e2e::{Aws, Infrastructure, Inventory, System, emulator, flow};
use serde::Deserialize;
use serde_json::Value;

#[tokio::test]
async fn one_apply_makes_the_system_and_one_destroy_takes_it_away() {
    let engine = Engine::start();
    engine.build("image-job");
    let aws = Aws::start();
    aws.without_containers();
    let before = aws.inventory();
    let terraform = Terraform::initialise(&aws, "media", "us-east-1");

    terraform.apply();
    let made = difference(&aws.inventory(), &before);
    for (things, names) in &made {
        assert!(!names.is_empty(), "nothing of {things} was made, so that destroying it shows nothing");
    }
    let infrastructure: Infrastructure =
        serde_json::from_value(terraform.output("installation")).expect("the output has every name");
    programs_get_what_they_declare(&infrastructure);

    let policies = emulator::without_policies(&aws, &infrastructure).await;
    emulator::queues_are_read(&aws, false);
    let mut system = System::start(&aws, &engine, infrastructure).await;
    flow::everything(&mut system).await;
    what_is_printed_for_people_works(&mut system, &terraform).await;
    system.stop().await;
    programs_have_the_rights_that_they_use(&aws, &terraform);
    emulator::queues_are_read(&aws, true);
    emulator::put_back(&aws, &policies).await;
    let used = aws.inventory();

    assert_eq!(terraform.changes(), drift_of_the_emulator());

    terraform.destroy();
    assert_eq!(terraform.state(), [""; 0]);
    // Queues of the tests themselves are not Terraform's to take away.
    let left = difference(&aws.inventory(), &before);
    let left: Inventory = left
        .into_iter()
        .map(|(things, names)| {
            let ours = &names - &difference(&used, &made)[&things];
            (things, ours)
        })
        .collect();
    assert!(left.values().all(BTreeSet::is_empty), "{left:#?}");
}

#[tokio::test]
async fn the_state_is_kept_in_the_bucket_that_bootstrap_makes() {
    let aws = Aws::start();
    let bootstrap = Terraform::bootstrap(&aws, "us-east-1");
    bootstrap.apply();
    let bucket =
        aws.s3().list_buckets().send().await.expect("buckets are listed").buckets.unwrap_or_default().remove(0);
    let bucket = bucket.name.expect("a bucket has a name");
    // As in `emulator::without_policies`.
    aws.s3().delete_bucket_policy().bucket(&bucket).send().await.expect("a policy is deleted");

    let backend = bootstrap.output("backend");
    let terraform = Terraform::with_backend(&aws, backend.as_str().expect("lines for a file"));
    terraform.apply();
    terraform.apply();
    let keys = aws.keys(&bucket).await;
    assert_eq!(keys, ["data-pipeline/media.tfstate"]);
    let state = aws.get(&bucket, &keys[0]).await.expect("the state is there");
    let state: Value = serde_json::from_slice(&state).expect("the state is JSON");
    assert_eq!(state["outputs"]["kept"]["value"], "in the bucket");
}

/// Every program's environment has what the program cannot do without, and nothing that it does not read.
fn programs_get_what_they_declare(infrastructure: &Infrastructure) {
    let environments = &infrastructure.environments;
    for (given, declared) in [
        (&environments.classify, control::classify::environment::variables()),
        (&environments.dispatch, control::dispatch::environment::variables()),
        (&environments.output, control::output::environment::variables()),
    ] {
        let given: BTreeSet<&str> = given.keys().map(String::as_str).collect();
        let names = |wanted: &dyn Fn(&Variable) -> bool| -> BTreeSet<&str> {
            declared.iter().filter(|variable| wanted(variable)).map(|variable| variable.name.as_ref()).collect()
        };
        assert!(names(&|variable| variable.default.is_none()).is_subset(&given), "{given:?}");
        assert!(given.is_subset(&names(&|_| true)), "{given:?}");
    }
    let help = e2e::command("image-job").args(["run", "--help"]).output().expect("a job tells of itself");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    // The region is the SDK's to read.
    for name in environments.job.keys().filter(|name| *name != "AWS_REGION") {
        assert!(help.contains(&format!("[env: {name}")), "no job reads {name}: {help}");
    }
}

/// What the programs asked AWS for is allowed by the policies of their roles, and what these allow beyond that has a reason.
#[expect(clippy::print_stdout, reason = "the list is what whoever reviews the policies wants to see")]
fn programs_have_the_rights_that_they_use(aws: &Aws, terraform: &Terraform) {
    let operator = terraform.output("operator_policy");
    let compared = Rights::of(aws, "media", operator.as_str().expect("a policy is text")).compare(aws);
    assert!(compared.asked > 30, "the requests of the programs were not noted: {compared:#?}");
    assert!(compared.missing.is_empty(), "programs lack rights: {:#?}", compared.missing);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/tests/emulator/unused.json");
    let reasons: BTreeMap<String, String> =
        serde_json::from_str(&fs_err::read_to_string(path).expect("the list is there")).expect("the list is JSON");
    let unused: BTreeSet<String> =
        compared.unused.iter().map(|(program, statement, action)| format!("{program} {statement} {action}")).collect();
    for right in &unused {
        println!(
            "allowed and not used here: {right}: {}",
            reasons.get(right).map_or("no reason is given", String::as_str)
        );
    }
    assert_eq!(reasons.keys().cloned().collect::<BTreeSet<_>>(), unused, "terraform/tests/emulator/unused.json");
}

/// Pastes every line that Terraform prints into a shell, as a person does.
async fn what_is_printed_for_people_works(system: &mut System<'_>, terraform: &Terraform) {
    let folder = tempfile::tempdir().expect("a folder is made");
    let aws = system.aws;
    let paste = |line: &Value| {
        let line = line.as_str().unwrap_or_else(|| panic!("{line} is no line"));
        let mut shell = aws.shell();
        let output = shell.arg(line).current_dir(folder.path()).output().expect("bash starts");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let input = system.infrastructure.buckets.input.clone();
    let options = [
        ("report.pdf", "text"),
        ("photo.jpg", "resize?width=800&format=webp"),
        ("chair.glb", "optimise"),
        ("clip.mp4", "keyframes"),
    ];
    for (name, _) in options {
        fs_err::write(folder.path().join(name), flow::jpeg(1000, 750)).expect("a file is written");
    }

    let uploads = terraform.output("upload");
    paste(&uploads["image"]);
    system.settle().await;
    let record = flow::only_record_of(system, "photo.jpg").await;
    assert_eq!(record.state, State::Succeeded, "{record:#?}");
    let listed = paste(&terraform.output("list_results"));
    assert!(listed.contains(" photo.jpg/resize") && listed.contains("/manifest.json"), "{listed}");
    let records: Value = serde_json::from_str(&paste(&terraform.output("query_records"))).expect("the answer is JSON");
    let states: Vec<&Value> =
        records["Items"].as_array().into_iter().flatten().map(|item| &item["state"]["S"]).collect();
    assert!(states.contains(&&Value::from("SUCCEEDED")), "{records}");

    let exports = terraform.output("environment");
    let exports = exports.as_str().expect("lines for a shell");
    let pipeline = |arguments: &str| {
        paste(&Value::from(format!("{exports}\n'{}' {arguments}", e2e::binary("pipeline").display())))
    };
    let failed = pipeline("status --aws");
    assert!(failed.contains("overwritten/photo.jpg") && failed.contains("FAILED"), "{failed}");
    let uploaded = pipeline(&format!("status --aws s3://{input}/photo.jpg"));
    assert!(uploaded.contains("SUCCEEDED") && uploaded.contains("manifest.json"), "{uploaded}");

    // Nothing carries the events of what is uploaded from here on.
    let submissions = terraform.output("submit_job");
    for (kind, (name, option)) in MediaKind::ALL.iter().zip(options) {
        paste(&uploads[kind.name()]);
        let head = aws.s3().head_object().bucket(&input).key(name).send().await.expect("the upload is there");
        assert_eq!(
            head.metadata().and_then(|metadata| metadata.get("processing-option")).map(String::as_str),
            Some(option)
        );

        let answer: Value = serde_json::from_str(&paste(&submissions[kind.name()])).expect("the answer is JSON");
        let job = aws.batch().describe_jobs().jobs(answer["jobId"].as_str().unwrap_or_default()).send().await;
        let job = job.expect("a job can be described").jobs.unwrap_or_default().remove(0);
        let parameters = job.parameters().expect("a job has parameters");
        assert_eq!(parameters.get("input"), Some(&format!("s3://{input}/{name}")));
        assert_eq!(parameters.get("processingOption").map(String::as_str), Some(option));
    }

    let line = terraform.output("presigned_upload");
    let url = paste(&line);
    let then = line.as_str().and_then(|line| line.split_once("# then: ")).expect("the line says what to do then").1;
    paste(&Value::from(then.replace("URL", url.trim())));
    let head = aws.s3().head_object().bucket(&input).key("photo.jpg").send().await.expect("the upload is there");
    assert_eq!(
        head.metadata().and_then(|metadata| metadata.get("processing-option")).map(String::as_str),
        Some("resize?width=800")
    );

    // The registry of the emulator takes no images.
    let push = terraform.output("push_images");
    let log_in = push.as_str().and_then(|lines| lines.split_once(" | docker login")).expect("the first line logs in").0;
    assert!(!paste(&Value::from(log_in)).trim().is_empty());
}

/// What the one has and the other has not.
fn difference(one: &Inventory, other: &Inventory) -> Inventory {
    one.iter().map(|(things, names)| (things.clone(), names - &other[things])).collect()
}

/// What a second plan would change because the emulator is not AWS: terraform/tests/emulator/drift.json, with the reasons.
fn drift_of_the_emulator() -> Changes {
    #[derive(Deserialize)]
    struct Drift {
        attributes: BTreeSet<String>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/tests/emulator/drift.json");
    let written: BTreeMap<String, Drift> =
        serde_json::from_str(&fs_err::read_to_string(path).expect("the list is there")).expect("the list is JSON");
    written.into_iter().map(|(resource, drift)| (resource, drift.attributes)).collect()
}

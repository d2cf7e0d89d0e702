//! The real program over real folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use contract::{JobEvent, Manifest, Outcome};
use serde_json::Value;
use tempfile::TempDir;
use walkdir::WalkDir;

struct Folders {
    root: TempDir,
}

impl Folders {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn with_samples() -> Self {
        let folders = Self::new();
        assert!(pipeline(&["samples", folders.inbox().to_str().unwrap()]).status.success());
        folders
    }

    fn inbox(&self) -> PathBuf {
        self.root.path().join("inbox")
    }

    fn outbox(&self) -> PathBuf {
        self.root.path().join("outbox")
    }

    fn run(&self, more: &[&str]) -> Output {
        let (inbox, outbox) = (self.inbox(), self.outbox());
        let mut arguments = vec!["run", inbox.to_str().unwrap(), outbox.to_str().unwrap()];
        arguments.extend(more);
        pipeline(&arguments)
    }

    fn start(&self, more: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.arg("run").arg(self.inbox()).arg(self.outbox()).args(more);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// State and reason of every file.
    fn states(&self) -> BTreeMap<String, (String, String)> {
        let output = pipeline(&["status", self.outbox().to_str().unwrap(), "--output-format", "json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let text_of = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|record| (text_of(&record, "key"), (text_of(&record, "state"), text_of(&record, "reason"))))
            .collect()
    }

    /// Every manifest with the text it had.
    fn manifests(&self) -> BTreeMap<PathBuf, String> {
        files_below(&self.outbox())
            .into_iter()
            .filter(|path| path.ends_with("manifest.json"))
            .map(|path| (path.clone(), fs_err::read_to_string(&path).unwrap()))
            .collect()
    }

    /// What must hold whenever no run is going on and the last one ended: every file is named by a manifest and is what
    /// the manifest says.
    fn assert_nothing_half_done(&self) {
        let mut expected = BTreeSet::new();
        for (path, text) in self.manifests() {
            let manifest: Manifest = serde_json::from_str(&text).unwrap();
            for output in &manifest.outputs {
                let file = self.outbox().join(&output.key);
                assert_eq!(fs_err::metadata(&file).unwrap().len(), output.size, "{}", file.display());
                expected.insert(file);
            }
            expected.insert(path);
        }
        let found: BTreeSet<PathBuf> = files_below(&self.outbox()).into_iter().collect();
        assert_eq!(found, expected);
    }
}

/// Files that are results: neither records nor the event log.
fn files_below(outbox: &Path) -> Vec<PathBuf> {
    // A run that was killed at once has not made it yet.
    if !outbox.exists() {
        return Vec::new();
    }
    WalkDir::new(outbox)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| !path.starts_with(outbox.join(".pipeline")) && *path != outbox.join("events.jsonl"))
        .collect()
}

fn pipeline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pipeline")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_sample_ends_in_the_state_it_should_and_a_second_run_does_nothing_again() {
    let folders = Folders::with_samples();
    let output = folders.run(&[]);
    assert_eq!(output.status.code(), Some(65), "{}{}", text(&output.stdout), text(&output.stderr));
    let states = folders.states();
    let state = |key: &str| states[key].0.as_str();
    assert_eq!(state("landscape.jpg"), "SUCCEEDED");
    assert_eq!(state("photos/ladder.jpg"), "SUCCEEDED");
    assert_eq!(state("badge.png"), "SUCCEEDED");
    assert_eq!(state("truncated.jpg"), "FAILED");
    assert_eq!(state("typo.png"), "REJECTED");
    assert_eq!(state("unknown.bin"), "UNSUPPORTED");
    assert_eq!(state("day.avi"), "SUCCEEDED");
    assert_eq!(state("report.pdf"), "SUCCEEDED");
    assert_eq!(state("island.glb"), "SUCCEEDED");
    assert!(states["typo.png"].1.contains("\"resise\""), "{:?}", states["typo.png"]);
    let summary = text(&output.stdout);
    assert!(summary.contains("image") && summary.contains("resise"), "{summary}");
    for name in ["typo.png", "truncated.jpg", "unknown.bin"] {
        let said = summary.matches(name).count() + text(&output.stderr).matches(name).count();
        assert_eq!(said, 1, "{name} is named once: {summary}{}", text(&output.stderr));
    }
    for kind in ["document", "image", "model", "video"] {
        let look = summary.lines().find(|line| line.trim_start().starts_with(kind) && line.contains(" file"));
        let folder =
            look.and_then(|line| line.split_whitespace().nth(1)).unwrap_or_else(|| panic!("{kind}: {summary}"));
        assert!(Path::new(folder).join("manifest.json").is_file(), "{folder}");
    }
    folders.assert_nothing_half_done();

    let ladder = folders.outbox().join("photos/ladder.jpg");
    let pictures = files_below(&ladder).into_iter().filter(|path| !path.ends_with("manifest.json")).count();
    assert_eq!(pictures, 6, "three widths in two formats");

    let events = fs_err::read_to_string(folders.outbox().join("events.jsonl")).unwrap();
    let events: Vec<JobEvent> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|event| event.source.key == "truncated.jpg" && event.error.is_some()));
    let mut worked = events.iter().filter(|event| event.operation.is_some());
    assert!(worked.all(|event| event.sandbox.seccomp), "every worker was held by seccomp");
    let refused: Vec<_> = events.iter().filter(|event| event.operation.is_none()).collect();
    assert!(refused.iter().any(|event| event.source.key == "typo.png" && event.outcome == Outcome::Rejected));
    assert!(refused.iter().any(|event| event.source.key == "unknown.bin" && event.outcome == Outcome::Unsupported));

    let before = folders.manifests();
    folders.run(&[]);
    assert_eq!(folders.manifests(), before, "what is committed is not done again");
}

#[test]
fn a_changed_file_and_changed_options_are_worked_on_again() {
    let folders = Folders::with_samples();
    folders.run(&[]);
    let before = folders.manifests();
    fs_err::copy(folders.inbox().join("badge.png"), folders.inbox().join("landscape.jpg")).unwrap();
    fs_err::write(folders.inbox().join("typo.png.processing-option"), "resize?width=100").unwrap();
    folders.run(&[]);
    let changed: Vec<_> =
        folders.manifests().into_iter().filter(|(path, text)| before.get(path) != Some(text)).collect();
    let keys: BTreeSet<String> =
        changed.iter().map(|(_, text)| serde_json::from_str::<Manifest>(text).unwrap().source.key).collect();
    assert_eq!(keys, BTreeSet::from(["landscape.jpg".to_owned(), "typo.png".to_owned()]));
    folders.assert_nothing_half_done();
}

#[test]
fn killed_at_any_moment_and_run_again_it_finishes_without_redoing_committed_work() {
    let folders = Folders::with_samples();
    for copy in 0..20 {
        fs_err::copy(folders.inbox().join("landscape.jpg"), folders.inbox().join(format!("copy {copy}.jpg"))).unwrap();
    }
    let mut committed: BTreeMap<PathBuf, String> = BTreeMap::new();
    for round in 0..8 {
        let mut child = folders.start(&["--jobs", "2"]);
        std::thread::sleep(Duration::from_millis(60 + 90 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = folders.manifests();
        for (path, text) in &committed {
            assert_eq!(now.get(path), Some(text), "{} was done again", path.display());
        }
        for text in now.values() {
            serde_json::from_str::<Manifest>(text).expect("a manifest is whole or not there");
        }
        committed = now;
    }
    let output = folders.run(&[]);
    assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
    let now = folders.manifests();
    assert!(committed.iter().all(|(path, text)| now.get(path) == Some(text)));
    assert_eq!(folders.states().values().filter(|(state, _)| state == "QUEUED").count(), 0);
    assert!((0..20).all(|copy| folders.states()[&format!("copy {copy}.jpg")].0 == "SUCCEEDED"));
    folders.assert_nothing_half_done();
}

#[test]
fn watching_takes_new_files_and_rules_apply() {
    let folders = Folders::with_samples();
    let rules = folders.root.path().join("rules.toml");
    fs_err::write(&rules, "[[rule]]\nmatch = 'late/**'\nprocessing-option = 'resize?width=50&format=png'\n").unwrap();
    let mut child = folders.start(&["--watch", "--interval", "1", "--rules", rules.to_str().unwrap()]);
    let wait_for = |key: &str| {
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(3) {
            if folders.outbox().join(".pipeline/records.sqlite").exists()
                && folders.states().get(key).is_some_and(|(state, _)| state == "SUCCEEDED")
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("{key} did not come through");
    };
    wait_for("landscape.jpg");
    fs_err::create_dir(folders.inbox().join("late")).unwrap();
    fs_err::copy(folders.inbox().join("landscape.jpg"), folders.inbox().join("late/x.jpg")).unwrap();
    wait_for("late/x.jpg");
    child.kill().unwrap();
    child.wait().unwrap();
    let status = pipeline(&["status", folders.outbox().to_str().unwrap(), "late/x.jpg", "--output-format", "json"]);
    let record: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(record["processingOption"], "resize?width=50&format=png");
    assert_eq!(record["outputs"][0]["contentType"], "image/png");
}

#[test]
fn requests_that_cannot_be_carried_out_say_why() {
    let folders = Folders::with_samples();
    let inbox = folders.inbox();
    let inbox = inbox.to_str().unwrap();
    let same = pipeline(&["run", inbox, inbox]);
    assert_eq!(same.status.code(), Some(64));
    assert!(text(&same.stderr).contains("same folder"));
    let missing = pipeline(&["run", "/no/such/folder", folders.outbox().to_str().unwrap()]);
    assert_eq!(missing.status.code(), Some(66));
    assert!(text(&missing.stderr).contains("/no/such/folder"));
    let nothing = pipeline(&["status", inbox]);
    assert_eq!(nothing.status.code(), Some(66));
    assert!(text(&nothing.stderr).contains("pipeline run"));
    let rules = folders.root.path().join("rules.toml");
    fs_err::write(&rules, "[[rule]]\nmatch = '**'\nprocessing-option = 'resize?widht=5'").unwrap();
    let rules = folders.run(&["--rules", rules.to_str().unwrap()]);
    assert_eq!(rules.status.code(), Some(64));
    assert!(text(&rules.stderr).contains("widht"));
}

#[test]
fn two_runs_on_one_outbox_do_not_meet() {
    let folders = Folders::with_samples();
    let mut first = folders.start(&["--watch"]);
    let lock = folders.outbox().join(".pipeline/scratch");
    let start = Instant::now();
    while !lock.exists() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = folders.run(&[]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", text(&second.stderr));
    assert!(text(&second.stderr).contains("another pipeline"));
}

#[test]
fn samples_show_what_the_operations_are_for() {
    let folders = Folders::with_samples();
    folders.run(&[]);
    let text_of = fs_err::read_to_string(folders.outbox().join("report.pdf/text/text.md")).unwrap();
    assert!(text_of.contains("| February |") && text_of.contains("| 13,902 |"), "the table is a table: {text_of}");
    let manifests = folders.manifests();
    let (_, manifest) = manifests.iter().find(|(path, _)| path.starts_with(folders.outbox().join("day.avi"))).unwrap();
    let manifest: Manifest = serde_json::from_str(manifest).unwrap();
    let frames = manifest.outputs.iter().filter(|output| output.key.contains("/frames/")).count();
    assert_eq!(frames, 3, "one for each view of the day: {manifest:?}");
    let model = pipeline(&["status", folders.outbox().to_str().unwrap(), "island.glb"]);
    for found in ["model/gltf-binary", "image/png"] {
        assert!(text(&model.stdout).contains(found), "{}", text(&model.stdout));
    }
    folders.assert_nothing_half_done();
}

#[test]
fn a_deleted_file_and_a_replaced_one_are_told_apart_from_those_that_stay() {
    let folders = Folders::new();
    let (inbox, outbox) = (folders.inbox(), folders.outbox());
    fs_err::create_dir(&inbox).unwrap();
    for name in ["stays.md", "goes.md", "changes.md"] {
        fs_err::write(inbox.join(name), format!("# {name}\n\nwords\n")).unwrap();
    }
    assert_eq!(folders.run(&[]).status.code(), Some(0));
    fs_err::remove_file(inbox.join("goes.md")).unwrap();
    fs_err::write(inbox.join("changes.md"), "# changes.md\n\nother words\n").unwrap();
    let lines = || fs_err::read_to_string(outbox.join("events.jsonl")).unwrap().lines().count();
    let before = lines();
    let second = folders.run(&[]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    assert!(text(&second.stdout).contains("2 files in"), "{}", text(&second.stdout));
    assert_eq!(lines(), before + 1, "one file was worked on");
    let changed = fs_err::read_to_string(outbox.join("changes.md/text/text.txt")).unwrap();
    assert!(changed.contains("other words"), "{changed}");
}

#[test]
fn an_operator_asks_for_more_and_sends_again_on_one_machine() {
    let folders = Folders::with_samples();
    folders.run(&[]);
    let outbox = folders.outbox();
    let outbox = outbox.to_str().unwrap();
    let explained = pipeline(&["explain", outbox, "truncated.jpg"]);
    assert!(explained.status.success(), "{}", text(&explained.stderr));
    let words = text(&explained.stdout);
    assert!(words.contains("FAILED since") && words.contains("file itself is at fault"), "{words}");
    let json = pipeline(&["explain", outbox, "typo.png", "--output-format", "json"]);
    let explanation: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(explanation["state"], "REJECTED");
    assert!(explanation["cause"][0].as_str().unwrap().contains("resise"), "{explanation}");
    assert_eq!(pipeline(&["explain", outbox, "never.jpg"]).status.code(), Some(66));

    let submitted = pipeline(&["submit", outbox, "landscape.jpg", "--processing-option", "resize?width=33&format=png"]);
    assert!(text(&submitted.stdout).contains("queued as job submitted-"), "{}", text(&submitted.stderr));
    let queued = pipeline(&["status", outbox, "--state", "queued,running", "--output-format", "json"]);
    let queued: Value = serde_json::from_slice(&queued.stdout).unwrap();
    assert_eq!((&queued["key"], &queued["optionSource"]), (&Value::from("landscape.jpg"), &Value::from("operator")));
    let refused = pipeline(&["submit", outbox, "landscape.jpg", "--processing-option", "resise"]);
    assert_eq!(refused.status.code(), Some(64), "{}", text(&refused.stderr));
    assert_eq!(
        pipeline(&["submit", outbox, "../x.jpg", "--processing-option", "resize?width=3"]).status.code(),
        Some(64)
    );
    let again = pipeline(&["redrive", outbox, "--kind", "image"]);
    assert!(
        text(&again.stdout).contains("truncated.jpg") && text(&again.stdout).contains("1 uploads are on their way")
    );

    folders.run(&[]);
    let of_operator = files_below(&folders.outbox().join("landscape.jpg"));
    let small = of_operator.iter().find(|path| path.extension().is_some_and(|ending| ending == "png"));
    let small = small.unwrap_or_else(|| panic!("{of_operator:?}"));
    assert_eq!(image::image_dimensions(small).unwrap().0, 33);
    let left = pipeline(&["status", outbox, "--state", "queued,submitted,running", "--output-format", "json"]);
    assert_eq!(text(&left.stdout), "", "nothing is left under way");
    folders.assert_nothing_half_done();
}

#[test]
fn every_state_can_be_asked_for() {
    let folders = Folders::with_samples();
    folders.run(&[]);
    let outbox = folders.outbox();
    let of = |state: &str| {
        let output = pipeline(&["status", outbox.to_str().unwrap(), "--state", state, "--output-format", "json"]);
        assert!(output.status.success(), "{state}: {}", text(&output.stderr));
        text(&output.stdout).lines().count()
    };
    for state in ["queued", "submitted", "RUNNING"] {
        assert_eq!(of(state), 0);
    }
    assert_eq!([of("failed"), of("Rejected"), of("unsupported")], [1, 1, 1]);
    assert_eq!(of("succeeded"), folders.states().len() - 3);
    assert_eq!(of("failed,rejected"), 2);
    let unknown = pipeline(&["status", outbox.to_str().unwrap(), "--state", "lost"]);
    assert!(text(&unknown.stderr).contains("submitted"), "the states are named: {}", text(&unknown.stderr));
}

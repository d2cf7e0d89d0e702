//! The script that proves an installation in an account runs here, against the emulator, from apply to destroy.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use e2e::containers::{Engine, in_project};
use e2e::terraform::Terraform;
use e2e::{Aws, Infrastructure, System, emulator};

/// How long a part of it may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(10);

/// `scripts/test` leaves out what is in a module of this name.
mod by_hand {
    use super::*;

    #[tokio::test]
    #[ignore = "takes up to 20 minutes: cargo test -p e2e --test prove -- --ignored"]
    async fn the_proof_runs_from_apply_to_destroy() {
        let aws = Aws::start();
        let engine = Engine::without_containers();
        let terraform = Terraform::initialise(&aws, "proof", "us-east-1");
        let folder = tempfile::tempdir().expect("a folder is made");
        let (log, applied, ready) =
            (folder.path().join("log"), folder.path().join("applied"), folder.path().join("ready"));
        let after_apply = format!("touch {}; until [ -e {} ]; do sleep 0.2; done", applied.display(), ready.display());

        let mut script = aws.shell();
        script.arg("exec scripts/prove-on-aws run proof us-east-1").current_dir(in_project("."));
        script.envs(terraform.environment().iter().filter(|(name, _)| name != "PATH").cloned());
        script.env("PROVE_CONFIGURATION", terraform.folder()).env("PROVE_AFTER_APPLY", after_apply);
        script.envs([("PROVE_UPLOADS", "40"), ("PROVE_PAUSE", "2"), ("PROVE_PATIENCE", "600")]);
        let out = fs_err::File::create(&log).expect("a file is made");
        script.stdout(out.file().try_clone().expect("a file is open twice")).stderr(Stdio::from(out.into_file()));
        let mut script = script.spawn().expect("bash starts");

        wait_until(&mut script, &log, || applied.exists()).await;
        let installation = in_project("target/prove/proof/installation.json");
        let installation = fs_err::read_to_string(installation).expect("the script wrote it");
        let infrastructure: Infrastructure = serde_json::from_str(&installation).expect("it has every name");
        emulator::without_policies(&aws, &infrastructure).await;
        emulator::queues_are_read(&aws, false);
        let mut system = System::start(&aws, &engine, infrastructure).await;
        fs_err::write(&ready, "").expect("a file is written");

        let start = Instant::now();
        while !printed(&log).contains("== Check") && script.try_wait().expect("a process can be asked").is_none() {
            assert!(start.elapsed() < PATIENCE, "{}", printed(&log));
            system.settle().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        system.stop().await;

        wait_until(&mut script, &log, || printed(&log).contains("== Result")).await;
        let status = script.wait().expect("a process ends");
        let printed = printed(&log);
        assert!(status.success() && printed.contains("Everything as it should be."), "{printed}");
        // What it did not do is said.
        assert!(printed.contains("not run a second plan"), "{printed}");
    }
}

async fn wait_until(script: &mut Child, log: &Path, happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        let ended = script.try_wait().expect("a process can be asked");
        assert!(ended.is_none() || happened(), "{}", printed(log));
        assert!(start.elapsed() < PATIENCE, "{}", printed(log));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn printed(log: &Path) -> String {
    fs_err::read_to_string(log).unwrap_or_default()
}

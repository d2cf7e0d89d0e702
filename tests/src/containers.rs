//! The images of the jobs, built from the Dockerfile that users build from, and a Docker engine to run them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Debian's client; the first one on a developer's PATH may be another without `BuildKit`.
const DOCKER: &str = "/usr/bin/docker";

/// The tag of the images that tests build.
pub const TAG: &str = "under-test";

/// A Docker engine for one test at a time: the machine's own where one runs, else one that is started here and ended with
/// the test.
pub struct Engine {
    own: Option<Child>,
    runs_processes: bool,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl Engine {
    /// Waits for the other tests of this process, and starts an engine if none runs.
    pub fn start() -> Self {
        let one_at_a_time = alone();
        if is_up() {
            return Self { own: None, runs_processes: false, _one_at_a_time: one_at_a_time };
        }
        let own = Command::new("/usr/sbin/dockerd")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("no Docker engine runs and dockerd is not installed; `scripts/setup test` installs it");
        let start = Instant::now();
        while !is_up() {
            assert!(start.elapsed() < Duration::from_mins(1), "dockerd did not come up within a minute; is this root?");
            std::thread::sleep(Duration::from_millis(200));
        }
        Self { own: Some(own), runs_processes: false, _one_at_a_time: one_at_a_time }
    }

    /// None at all: jobs run as mere processes of their programs, for what is not about containers.
    pub fn without_containers() -> Self {
        Self { own: None, runs_processes: true, _one_at_a_time: alone() }
    }

    /// Whether jobs run as mere processes.
    pub fn runs_processes(&self) -> bool {
        self.runs_processes
    }

    /// Builds a job's image under [`TAG`] and answers what the build printed. What was built before is not built again.
    /// `IMAGES=present` takes those that are there, for whoever works on the tests.
    pub fn build(&self, job: &str) -> String {
        if std::env::var("IMAGES").is_ok_and(|images| images == "present") {
            return succeed(&mut self.docker(&["image", "inspect", "--format", "{{.Id}}", &format!("{job}:{TAG}")]));
        }
        // Where no registry of images can be reached, the public bases are made from this machine's own packages.
        succeed(Command::new(in_project("tests/container/bases")).env("DOCKER", DOCKER));
        succeed(
            Command::new(in_project("docker/build"))
                .args([TAG, job])
                .env("DOCKER", DOCKER)
                .env("DOCKER_BUILD_ARGUMENTS", "--network=host"),
        )
    }

    /// A command of the engine's client.
    pub fn docker(&self, arguments: &[&str]) -> Command {
        let mut docker = Command::new(DOCKER);
        docker.args(arguments);
        docker
    }
}

fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut own) = self.own.take() {
            // SIGTERM, so that it ends its containers and leaves no lock behind.
            let _ = Command::new("kill").arg(own.id().to_string()).status();
            let _ = own.wait();
        }
    }
}

fn is_up() -> bool {
    let info = Command::new(DOCKER).arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
    info.is_ok_and(|status| status.success())
}

/// A path of the project.
pub fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs a command that has to succeed, and answers what it printed.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Whoever shows a long output cuts it, and why a build fails stands at its end.
    let end = |bytes: &[u8]| text(&bytes[bytes.len().saturating_sub(4096)..]);
    assert!(output.status.success(), "{command:?}: … {}\n… {}", end(&output.stdout), end(&output.stderr));
    text(&output.stdout)
}

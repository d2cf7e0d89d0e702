//! The console of `pipeline serve`, as a person uses it: in headless Chromium, and as docs/api.yaml describes it to programs.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use e2e::{Browser, binary, python, target_folder};

/// Tries an API against its description.
const SCHEMATHESIS: &str = "4.32.5";

/// A console over two folders. It ends with the test.
struct Served {
    folder: tempfile::TempDir,
    process: Child,
    /// With the token.
    url: String,
}

impl Served {
    fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs_err::write(folder.path().join("rules.toml"), RULES).expect("a file");
        let mut command = Command::new(binary("pipeline"));
        command.arg("serve").args([folder.path().join("inbox"), folder.path().join("outbox")]);
        command.arg("--rules").arg(folder.path().join("rules.toml"));
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("pipeline starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("the URL is printed");
        let url = line.trim().strip_prefix("Open ").unwrap_or_else(|| panic!("{line:?} has no URL")).to_owned();
        Self { folder, process, url }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is dropped: a file of each kind, with instructions that make something for each viewer, and names and contents that would
/// run if they were taken for markup.
fn files(folder: &Path) {
    let samples = tempfile::tempdir().expect("a folder");
    let made = Command::new(binary("pipeline")).arg("samples").arg(samples.path()).status();
    assert!(made.expect("pipeline starts").success());
    fs_err::create_dir_all(folder).expect("a folder");
    for (sample, name) in [
        ("landscape.jpg", "photo.jpg"),
        ("truncated.jpg", "broken.jpg"),
        ("island.glb", "island.glb"),
        ("cube.obj", "cube.obj"),
        ("report.pdf", "report.pdf"),
        ("notes.md", "notes.md"),
        ("day.avi", "day.avi"),
    ] {
        fs_err::copy(samples.path().join(sample), folder.join(name)).expect("a sample");
    }
    for (name, text) in [
        (
            "drawing.svg",
            "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='hacked=1'><script>hacked=1</script><rect width='9' height='9'/></svg>",
        ),
        ("page.html", "<h1>A page</h1><script>hacked=1</script><img src=x onerror='hacked=1'>"),
        ("<img src=x onerror=hacked=1>.md", "# <img src=x onerror=hacked=1>"),
        ("\"'><script>hacked=1<-script>.txt", "<script>hacked=1</script>"),
    ] {
        fs_err::write(folder.join(name), text).expect("a file");
    }
}

/// Rules: what is asked for is said once, for names, as a folder of a customer's has it.
const RULES: &str = r#"
[[rule]]
match = "day.avi"
processing-option = "keyframes?select=scene,transcode?container=hls&preset=ultrafast&heights=240,120"

[[rule]]
match = "cube.obj"
processing-option = "optimise,simulate?pictures=false"

[[rule]]
match = "island.glb"
processing-option = "optimise"
"#;

#[test]
fn the_console_works_in_a_browser() {
    drive(&[]);
}

fn drive(environment: &[(&str, &str)]) {
    let browser = Browser::find().expect("a browser");
    let served = Served::begin();
    files(&served.path("files"));
    let screenshots = target_folder().join("console");
    let mut script = Command::new("node");
    script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/browser/console.mjs")).arg(&served.url);
    script.args([served.path("inbox"), served.path("files"), screenshots, browser.chromium, browser.modules]);
    script.env("CONSOLE_PROCESS", served.process.id().to_string()).envs(environment.iter().copied());
    let status = script.stdin(Stdio::null()).status().expect("node runs; Debian has it in nodejs");
    assert!(status.success(), "the browser test ended with {status}; target/console/failed.png shows what it saw");
}

/// Requests that fit the description and requests that do not, by hundreds: none may end in a 500, and each answer has to be one that
/// is described.
#[test]
fn the_api_is_what_its_description_says() {
    let packages = [format!("schemathesis=={SCHEMATHESIS}")];
    let python =
        python::environment(&format!("schemathesis-{SCHEMATHESIS}"), &packages).expect("schemathesis is installed");
    let served = Served::begin();
    let (origin, token) = served.url.split_once("/#token=").expect("a URL with a token");
    // An object to be found under the key of the description's examples.
    fs_err::write(served.path("inbox/notes.md"), "# Notes").expect("a file");
    for begun in 0.. {
        if served.path("outbox/notes.md/text/manifest.json").exists() {
            break;
        }
        assert!(begun < 300, "notes.md was not worked on within 30 s");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    // What is deleted is tried last.
    for chosen in [["--exclude-method", "DELETE"], ["--include-method", "DELETE"]] {
        let mut command = Command::new(python.with_file_name("schemathesis"));
        command
            .current_dir(served.folder.path())
            .args(["run", concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.yaml")]);
        command.args(["--url", origin, "-H", &format!("Authorization: Bearer {token}")]).args(chosen);
        command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--generation-deterministic"]);
        command.args(["--no-color", "--warnings", "off"]);
        // Events never end. Whether text is a processing option is told by its grammar, which no JSON Schema has.
        command.args(["--exclude-path", "/api/changes", "--exclude-checks", "positive_data_acceptance"]);
        let output = command.stdin(Stdio::null()).output().expect("schemathesis runs");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("Tested:"), "nothing was tried: {told}");
    }
}

/// Measures that take minutes; docs/benchmarks.md has what was found.
mod by_hand {
    #[test]
    #[ignore = "uploads 5 GB"]
    fn five_gigabytes_are_uploaded_in_spite_of_a_cut() {
        super::drive(&[("CONSOLE_UPLOAD_MEGABYTES", "5000")]);
    }
}

//! Installs and starts moto's server.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{programs_folder, target_folder};

/// Earlier versions break the SDK's `CompleteMultipartUpload`.
const VERSION: &str = "5.2.5";

/// The `aws` of the lines that Terraform prints for people.
const COMMAND_LINE_VERSION: &str = "1.46.3";

/// A running server. It ends when its standard input is closed, which the operating system does when this process ends,
/// a crash included.
pub(crate) struct Moto {
    pub(crate) port: u16,
    /// A Python that has AWS's SDK and command line beside it.
    pub(crate) python: PathBuf,
    _child: Child,
}

/// Starts a server of its own on a free port.
pub(crate) fn start() -> Result<Moto> {
    let python = install().context("moto's server, the AWS API of these tests, could not be installed")?;
    let mut child = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/moto_server.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ENGINES_PROGRAMS", programs_folder())
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", python.display()))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("standard output is a pipe")).read_line(&mut line)?;
    let port = line.trim().parse().with_context(|| format!("moto's server did not start; it said {line:?}"))?;
    Ok(Moto { port, python, _child: child })
}

/// Makes a virtual environment with moto and the AWS CLI in the target folder, once for all test processes. The Python in it.
fn install() -> Result<PathBuf> {
    let folder = target_folder().join(format!("moto-{VERSION}-awscli-{COMMAND_LINE_VERSION}"));
    let python = folder.join("bin/python");
    fs_err::create_dir_all(target_folder())?;
    let lock = fs_err::File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    let complete = folder.join("complete");
    if !complete.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), &folder)?;
        run(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg(format!("moto[server]=={VERSION}"))
                .arg(format!("awscli=={COMMAND_LINE_VERSION}")),
            &folder,
        )?;
        fs_err::write(&complete, "")?;
    }
    Ok(python)
}

fn run(command: &mut Command, folder: &Path) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}; Debian has it in python3 and python3-venv"))?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {} (into {}; it needs python3-venv and a reachable package index): {}",
            output.status,
            folder.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

//! Starts moto's server.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::{programs_folder, python};

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
    let packages = [format!("moto[server]=={VERSION}"), format!("awscli=={COMMAND_LINE_VERSION}")];
    let python = python::environment(&format!("moto-{VERSION}-awscli-{COMMAND_LINE_VERSION}"), &packages)
        .context("moto's server, the AWS API of these tests, could not be installed")?;
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

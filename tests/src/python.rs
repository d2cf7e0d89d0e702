//! Python packages of tests, in environments of their own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::tools;

/// Makes a virtual environment with packages (`name==version`) in the target folder, once for all test processes. The Python in it.
pub fn environment(name: &str, packages: &[String]) -> Result<PathBuf> {
    let folder = tools::installed(name, |folder| {
        tools::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder), "python3 and python3-venv")?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
        tools::run(&mut pip, "python3-venv, and a package index has to be reachable")
    })?;
    Ok(folder.join("bin/python"))
}

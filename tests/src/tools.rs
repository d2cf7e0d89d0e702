//! Programs of others that tests run, installed in the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::target_folder;

/// Has a folder of the target folder filled, once for all test processes. An installation that was interrupted is begun again.
pub(crate) fn installed(name: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = target_folder().join(name);
    fs_err::create_dir_all(target_folder())?;
    let lock = fs_err::File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    let complete = folder.join("complete");
    if !complete.exists() {
        install(&folder)?;
        fs_err::write(&complete, "")?;
    }
    Ok(folder)
}

/// Runs a command of an installation. `packages` names what Debian has it in.
pub(crate) fn run(command: &mut Command, packages: &str) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}; Debian has it in {packages}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {} (it needs {packages}): {told}", output.status);
    }
    Ok(())
}

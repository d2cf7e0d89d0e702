//! The workspace's own binaries, in the profile that the tests are built in.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// A command of a workspace binary with an empty environment. Add [`crate::Aws::environment`] where it needs AWS.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_clear().stdin(Stdio::null());
    command
}

/// The path of a workspace binary, built when first asked for.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    built.entry(name.to_owned()).or_insert_with(|| build(name)).clone()
}

/// The target folder of the running test.
pub fn target_folder() -> PathBuf {
    profile_folder().parent().expect("profiles are in the target folder").to_path_buf()
}

fn build(name: &str) -> PathBuf {
    let folder = profile_folder();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--bin", name, "--profile", profile]);
    cargo.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    cargo.arg("--target-dir").arg(target_folder());
    let output = cargo.output().expect("cargo starts");
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
    folder.join(name)
}

/// Where the workspace's binaries are, built or not.
pub(crate) fn programs_folder() -> PathBuf {
    profile_folder()
}

/// Test binaries are in `<target>/<profile>/deps`.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().expect("a process has an executable");
    let folder = test.parent().expect("an executable is in a folder");
    if folder.ends_with("deps") { folder.parent().expect("deps is in a folder").to_path_buf() } else { folder.into() }
}

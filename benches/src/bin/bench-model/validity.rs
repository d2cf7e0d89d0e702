//! Khronos' gltf-validator over inputs and outputs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const SCRIPT: &str = "
const { validateBytes } = require('gltf-validator');
const { readFileSync } = require('fs');
(async () => {
  for (const path of process.argv.slice(1)) {
    let errors;
    try {
      const report = await validateBytes(new Uint8Array(readFileSync(path)), { maxIssues: 0, ignoredIssues: [] });
      errors = report.issues.numErrors;
    } catch (error) { errors = -1; }
    console.log(errors);
  }
})();";

/// Of pairs of an input and an output the outputs that have errors although their input has none. Inputs of other
/// formats have none.
pub fn newly_invalid(files: &[(PathBuf, PathBuf)]) -> Result<Vec<String>> {
    let paths: Vec<&Path> = files.iter().flat_map(|(input, output)| [input.as_path(), output.as_path()]).collect();
    let output = Command::new("node")
        .args(["-e", SCRIPT, "--"])
        .args(&paths)
        .env("NODE_PATH", std::path::absolute("target/peers/node_modules")?)
        .output()
        .context("node cannot be started")?;
    let text = String::from_utf8(output.stdout)?;
    let errors: Vec<i64> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
    if errors.len() != paths.len() {
        bail!("gltf-validator ended early: {}", String::from_utf8_lossy(&output.stderr));
    }
    let pairs = errors.as_chunks::<2>().0.iter().zip(files);
    let is_gltf = |path: &Path| path.extension().is_some_and(|extension| extension == "glb" || extension == "gltf");
    let invalid = pairs.filter(|([before, after], (input, _))| *after != 0 && (*before == 0 || !is_gltf(input)));
    Ok(invalid.map(|([_, errors], (_, path))| format!("{}: {errors}", path.display())).collect())
}

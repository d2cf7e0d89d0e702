//! A browser for tests: Debian's Chromium, driven by Playwright.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::tools;

/// Apache-2.0; drives a browser that is there, and downloads none.
const PLAYWRIGHT: &str = "1.65.1";

/// MPL-2.0; rules of accessibility.
const AXE: &str = "4.14.1";

/// A browser and what drives it.
pub struct Browser {
    /// Chromium's program.
    pub chromium: PathBuf,
    /// The folder with the npm packages.
    pub modules: PathBuf,
}

impl Browser {
    /// Finds the browser and installs the packages, once for all test processes.
    pub fn find() -> Result<Self> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let chromium = std::env::split_paths(&paths).map(|folder| folder.join("chromium")).find(|path| path.is_file());
        let chromium = chromium.context("chromium not found; scripts/setup test installs it")?;
        let modules = tools::installed(&format!("browser-{PLAYWRIGHT}-{AXE}"), |folder| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix"]).arg(folder);
            npm.arg(format!("playwright-core@{PLAYWRIGHT}")).arg(format!("axe-core@{AXE}"));
            fs_err::create_dir_all(folder)?;
            fs_err::write(folder.join("package.json"), "{}")?;
            tools::run(&mut npm, "npm, and a registry has to be reachable")
        })?;
        Ok(Self { chromium, modules })
    }
}

use clap::Args;
use serde::Serialize;

use crate::operation::Options;

/// Makes a 3D model small and quick to draw.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Optimise {}

impl Options for Optimise {
    const NAME: &'static str = "optimise";
    const ABOUT: &'static str = "Make a 3D model small and quick to draw";
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("optimise", "everything that changes nothing visible")];
}

//! `model-job optimise` beside gltfpack and gltf-transform: bytes (images and the rest apart), draw calls, triangles,
//! what the textures look like, validity, CPU time and memory of whole processes, the worker included.
//!
//! `cargo run --release --bin bench-model [PROGRAM [RUNS]]`; models from ../shared/corpus/models, peers from
//! target/peers (`scripts/setup bench`). PROGRAM is target/release/model-job unless given, RUNS 3.

mod glb;
mod grid;
mod similarity;
mod validity;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use benches::{Subject, Usage, median, print, run};
use glb::Parts;

/// What is measured, and where.
struct Bench {
    program: String,
    models: Vec<PathBuf>,
    scratch: tempfile::TempDir,
    runs: usize,
}

fn main() -> Result<()> {
    let program = std::env::args().nth(1).unwrap_or_else(|| "target/release/model-job".to_owned());
    let runs = std::env::args().nth(2).map_or(Ok(3), |runs| runs.parse())?;
    let models = fs_err::read_dir("../shared/corpus/models").context("the corpus is not beside the project")?;
    let mut models: Vec<PathBuf> = models.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    models.sort();
    let bench = Bench { program, models, scratch: tempfile::tempdir()?, runs };
    bench.validity()?;
    bench.against_gltfpack()?;
    bench.simplified_against_gltfpack()?;
    bench.against_gltf_transform()?;
    bench.textures_at_the_same_similarity()?;
    bench.large_grids()
}

/// One program's results over the models that all of a comparison could process.
#[derive(Default)]
struct Sums {
    ours: Vec<Parts>,
    theirs: Vec<Parts>,
    our_cpu: f64,
    their_cpu: f64,
}

impl Sums {
    fn text(&self, bytes: impl Fn(&Parts) -> usize) -> Result<String> {
        let total = |all: &[Parts]| all.iter().map(|parts| bytes(parts) as f64).sum::<f64>();
        let draws = |all: &[Parts]| all.iter().map(|parts| parts.draw_calls).sum::<usize>();
        let ratios = self.ours.iter().zip(&self.theirs).map(|(own, other)| bytes(own) as f64 / bytes(other) as f64);
        let logs: f64 = ratios.map(f64::ln).sum();
        let mut text = String::new();
        writeln!(
            text,
            "\n{} models: bytes in all {:.3} \u{d7}, geometric mean {:.3} \u{d7}; draw calls {} to {}; CPU {:.2} s to \
             {:.2} s, {:.3} \u{d7}",
            self.ours.len(),
            total(&self.ours) / total(&self.theirs),
            (logs / self.ours.len() as f64).exp(),
            draws(&self.ours),
            draws(&self.theirs),
            self.our_cpu,
            self.their_cpu,
            self.our_cpu / self.their_cpu,
        )?;
        Ok(text)
    }
}

impl Bench {
    fn ours(&self, model: &Path, output: &Path, options: &[&str]) -> Subject {
        let (model, output) = (model.to_string_lossy(), output.to_string_lossy());
        Subject::of(&self.program, &self.program, &[&["optimise", &model, &output], options].concat())
    }

    fn gltfpack(model: &Path, output: &Path, options: &[&str]) -> Subject {
        let (model, output) = (model.to_string_lossy(), output.to_string_lossy());
        Subject::of("gltfpack", &peer("gltfpack"), &[&["-cc", "-i", &model, "-o", &output], options].concat())
    }

    fn gltf_transform(model: &Path, output: &Path) -> Subject {
        let (model, output) = (model.to_string_lossy(), output.to_string_lossy());
        let options = ["--texture-compress", "webp", "--compress", "meshopt"];
        Subject::of("gltf-transform", &peer("gltf-transform"), &[&["optimize", &model, &output], &options[..]].concat())
    }

    /// Our output of a model; `None` where it is refused.
    fn optimised(&self, model: &Path, options: &[&str]) -> Result<Option<(PathBuf, Usage)>> {
        let output = self.scratch.path().join("ours");
        if output.exists() {
            fs_err::remove_dir_all(&output)?;
        }
        let Ok(usage) = run(&self.ours(model, &output, options)) else { return Ok(None) };
        Ok(Some((glb::find(&output)?, usage)))
    }

    /// Runs both in turn on every model. Models that one of them refuses are named and left out.
    fn compare(
        &self,
        title: &str,
        options: &[&str],
        peer: impl Fn(&Path, &Path) -> Subject,
        bytes: impl Fn(&Parts) -> usize,
    ) -> Result<()> {
        let mut text = format!("\n### {title}\n\nMedians of {} runs in turn.\n\n", self.runs);
        text.push_str("| model | ours | theirs | \u{d7} | draw calls |\n| --- | ---: | ---: | ---: | ---: |\n");
        let mut sums = Sums::default();
        for model in &self.models {
            let name = name(model);
            let theirs = self.scratch.path().join("theirs.glb");
            let (mut our_usage, mut their_usage) = (Vec::new(), Vec::new());
            let mut measured = None;
            for _ in 0..self.runs {
                let Some((ours, usage)) = self.optimised(model, options)? else { break };
                let Ok(their_run) = run(&peer(model, &theirs)) else { break };
                our_usage.push(usage);
                their_usage.push(their_run);
                measured = Some((glb::read(&ours)?.parts(), glb::read(&theirs)?.parts()));
            }
            let Some((ours, theirs)) = measured.filter(|_| our_usage.len() == self.runs) else {
                writeln!(text, "| {name} | | | refused by one of them | |")?;
                continue;
            };
            let (left, right) = (bytes(&ours), bytes(&theirs));
            let ratio = left as f64 / right as f64;
            writeln!(text, "| {name} | {left} | {right} | {ratio:.3} | {} / {} |", ours.draw_calls, theirs.draw_calls)?;
            let seconds = |usages: &[Usage]| median(usages).cpu.as_secs_f64();
            sums.our_cpu += seconds(&our_usage);
            sums.their_cpu += seconds(&their_usage);
            sums.ours.push(ours);
            sums.theirs.push(theirs);
        }
        text.push_str(&sums.text(bytes)?);
        print(&text);
        Ok(())
    }

    fn against_gltfpack(&self) -> Result<()> {
        let title = "gltfpack -cc, textures as they are, bytes without images";
        let peer = |model: &Path, output: &Path| Self::gltfpack(model, output, &[]);
        self.compare(title, &["--textures", "keep"], peer, Parts::without_images)
    }

    fn against_gltf_transform(&self) -> Result<()> {
        let title = "gltf-transform optimize, WebP, qualities as they are by default";
        self.compare(title, &[], Self::gltf_transform, |parts| parts.total)
    }

    /// The same number of triangles: gltfpack stops where it stops, and we are asked for as many.
    fn simplified_against_gltfpack(&self) -> Result<()> {
        let mut text = String::from(
            "\n### gltfpack -cc -si 0.5, bytes without images at the same number of triangles\n\n\
             | model | triangles | ours | theirs | \u{d7} |\n| --- | ---: | ---: | ---: | ---: |\n",
        );
        let mut sums = Sums::default();
        for model in &self.models {
            let name = name(model);
            let theirs = self.scratch.path().join("theirs.glb");
            let Some((all, _)) = self.optimised(model, &["--textures", "keep"])? else { continue };
            let all = glb::read(&all)?.parts().triangles;
            let Ok(usage) = run(&Self::gltfpack(model, &theirs, &["-si", "0.5"])) else { continue };
            let theirs = glb::read(&theirs)?.parts();
            let fraction = format!("{:.6}", (theirs.triangles as f64 / all as f64).clamp(0.000_001, 1.0));
            let options = ["--textures", "keep", "--simplify", &fraction, "--simplify-error", "1"];
            let Some((ours, our_usage)) = self.optimised(model, &options)? else { continue };
            let ours = glb::read(&ours)?.parts();
            let off = ours.triangles as f64 / theirs.triangles as f64 - 1.0;
            if off.abs() > 0.01 {
                let (ours, theirs) = (ours.triangles, theirs.triangles);
                writeln!(text, "| {name} | {ours} to {theirs} | | not the same number | |")?;
                continue;
            }
            let (left, right) = (ours.without_images(), theirs.without_images());
            let ratio = left as f64 / right as f64;
            writeln!(text, "| {name} | {} | {left} | {right} | {ratio:.3} |", ours.triangles)?;
            sums.our_cpu += our_usage.cpu.as_secs_f64();
            sums.their_cpu += usage.cpu.as_secs_f64();
            sums.ours.push(ours);
            sums.theirs.push(theirs);
        }
        text.push_str(&sums.text(Parts::without_images)?);
        print(&text);
        Ok(())
    }

    /// For every textured model the lowest quality at which our textures are at least as similar to the source as
    /// gltf-transform's.
    fn textures_at_the_same_similarity(&self) -> Result<()> {
        let mut text = String::from(
            "\n### gltf-transform optimize, WebP, textures at least as similar to the source (SSIM)\n\n\
             | model | quality | SSIM | images | bytes | \u{d7} |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        let mut sums = Sums::default();
        for model in &self.models {
            let name = name(model);
            let output = self.scratch.path().join("theirs.glb");
            let Some((ours, mut usage)) = self.optimised(model, &[])? else { continue };
            let Ok(their_usage) = run(&Self::gltf_transform(model, &output)) else { continue };
            let theirs = glb::read(&output)?;
            let mut ours = glb::read(&ours)?;
            let sources = similarity::decoded(&glb::read_any(model)?.images)?;
            let wanted = similarity::mean(&sources, &theirs.images)?;
            if let (false, Some(wanted)) = (sources.is_empty(), wanted) {
                let (mut low, mut high) = (1, 100);
                while low < high {
                    let quality = u8::midpoint(low, high);
                    let Some((path, own)) = self.optimised(model, &["--texture-quality", &quality.to_string()])? else {
                        break;
                    };
                    let tried = glb::read(&path)?;
                    if similarity::mean(&sources, &tried.images)?.is_some_and(|own| own >= wanted) {
                        high = quality;
                        (ours, usage) = (tried, own);
                    } else {
                        low = quality + 1;
                    }
                }
                let reached = similarity::mean(&sources, &ours.images)?.unwrap_or(0.0);
                let (own, other) = (ours.parts(), theirs.parts());
                writeln!(
                    text,
                    "| {name} | {high} | {reached:.4} to {wanted:.4} | {} / {} | {} / {} | {:.3} |",
                    own.images,
                    other.images,
                    own.total,
                    other.total,
                    own.total as f64 / other.total as f64
                )?;
            }
            sums.our_cpu += usage.cpu.as_secs_f64();
            sums.their_cpu += their_usage.cpu.as_secs_f64();
            sums.ours.push(ours.parts());
            sums.theirs.push(theirs.parts());
        }
        text.push_str(&sums.text(|parts| parts.total)?);
        text.push_str("Models without textures count in the sums.\n");
        print(&text);
        Ok(())
    }

    /// Every output of ours by Khronos' validator, and the channels of animations.
    fn validity(&self) -> Result<()> {
        let mut text = String::from("\n### Validity by gltf-validator, animation channels, error of positions\n\n");
        let mut files = Vec::new();
        let mut processed = 0;
        let mut worst = 0.0_f64;
        let mut lost = Vec::new();
        for model in &self.models {
            let Some((path, _)) = self.optimised(model, &[])? else {
                writeln!(text, "- refused: {}", name(model))?;
                continue;
            };
            processed += 1;
            let report: serde_json::Value = serde_json::from_slice(&fs_err::read(path.with_file_name("report.json"))?)?;
            worst = worst.max(report["errors"]["relativePosition"].as_f64().unwrap_or(0.0));
            let channels = |of: &str| report[of]["animationChannels"].as_u64().unwrap_or(0);
            if channels("before") != channels("after") + report["foldedAnimationChannels"].as_u64().unwrap_or(0) {
                lost.push(name(model));
            }
            for (options, kept) in [(&[][..], "compressed"), (&["--compress", "none"][..], "plain")] {
                if let Some((path, _)) = self.optimised(model, options)? {
                    let copy = self.scratch.path().join(format!("{kept}-{}.glb", name(model)));
                    fs_err::copy(&path, &copy)?;
                    files.push((model.clone(), copy));
                }
            }
        }
        let invalid = validity::newly_invalid(&files)?;
        writeln!(text, "- {processed} of {} models processed", self.models.len())?;
        writeln!(text, "- {} outputs, with errors where the input had none: {invalid:?}", files.len())?;
        writeln!(text, "- models that lost animation channels: {lost:?}")?;
        writeln!(text, "- largest error of a position: {worst:.6} of the mesh's longest side")?;
        print(&text);
        Ok(())
    }

    /// Time and memory of a mesh four times as large.
    fn large_grids(&self) -> Result<()> {
        let mut text = String::from(
            "\n### Grids\n\n| triangles | geometry MB | CPU s | peak MB | memory \u{d7} geometry |\n\
             | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for side in [1118, 2236] {
            let path = self.scratch.path().join("grid.glb");
            let geometry = grid::write(&path, side)?;
            let mut usages = Vec::new();
            for _ in 0..self.runs {
                usages.extend(self.optimised(&path, &[])?.map(|(_, usage)| usage));
            }
            let usage = median(&usages);
            writeln!(
                text,
                "| {} | {:.0} | {:.2} | {:.0} | {:.2} |",
                2 * side * side,
                geometry as f64 / 1e6,
                usage.cpu.as_secs_f64(),
                usage.peak_memory as f64 / 1e6,
                usage.peak_memory as f64 / geometry as f64
            )?;
        }
        print(&text);
        Ok(())
    }
}

fn peer(name: &str) -> String {
    format!("target/peers/node_modules/.bin/{name}")
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

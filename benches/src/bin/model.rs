//! `model-job optimise` beside gltfpack and gltf-transform: bytes (images and the rest apart), draw calls, CPU time.
//!
//! `cargo run --release -p benches --bin model [PROGRAM [RUNS]]`; models from ../shared/corpus/models, peers from target/peers
//! (`scripts/setup bench`). PROGRAM is target/release/model-job unless given, RUNS 3.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use benches::{Subject, Usage, median, print, run};
use serde_json::Value;

/// What a written model is made of.
#[derive(Clone, Copy)]
struct Parts {
    total: usize,
    images: usize,
    draw_calls: usize,
}

/// One program's results over the models that all of a comparison could process.
#[derive(Default)]
struct Sums {
    ours: Vec<Parts>,
    theirs: Vec<Parts>,
    our_cpu: f64,
    their_cpu: f64,
}

fn main() -> Result<()> {
    let program = std::env::args().nth(1).unwrap_or_else(|| "target/release/model-job".to_owned());
    let runs: usize = std::env::args().nth(2).map_or(Ok(3), |runs| runs.parse())?;
    let models = fs_err::read_dir("../shared/corpus/models").context("the corpus is not beside the project")?;
    let mut models: Vec<PathBuf> = models.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    models.sort();
    let scratch = tempfile::tempdir()?;
    let peer = |name: &str| format!("target/peers/node_modules/.bin/{name}");
    compare(
        "gltfpack -cc, textures as they are, bytes without images",
        &models,
        scratch.path(),
        runs,
        |model, output| {
            (
                subject(&program, &["optimise", model, output, "--textures", "keep"]),
                subject(&peer("gltfpack"), &["-cc", "-i", model, "-o", &format!("{output}.glb")]),
            )
        },
    )?;
    compare("gltf-transform optimize, WebP", &models, scratch.path(), runs, |model, output| {
        let theirs = format!("{output}.glb");
        let arguments = ["optimize", model, &theirs, "--texture-compress", "webp", "--compress", "meshopt"];
        (subject(&program, &["optimise", model, output]), subject(&peer("gltf-transform"), &arguments))
    })
}

fn subject(program: &str, arguments: &[&str]) -> Subject {
    Subject::of(program, program, arguments)
}

/// Runs both in turn on every model. Models that one of them refuses are named and left out.
fn compare(
    title: &str,
    models: &[PathBuf],
    scratch: &Path,
    runs: usize,
    subjects: impl Fn(&str, &str) -> (Subject, Subject),
) -> Result<()> {
    let mut text = format!(
        "\n### {title}\n\n| model | ours | theirs | \u{d7} | draw calls |\n| --- | ---: | ---: | ---: | ---: |\n"
    );
    let mut sums = Sums::default();
    let without_images = title.contains("without images");
    for model in models {
        let name = model.file_name().and_then(|name| name.to_str()).context("a model's name is not text")?;
        let (mut our_usage, mut their_usage) = (Vec::new(), Vec::new());
        let mut measured = None;
        for round in 0..runs {
            let output = scratch.join(format!("{round}-{}-{name}", title.len()));
            let (ours, theirs) = subjects(&model.to_string_lossy(), output.to_str().context("a path is not text")?);
            fs_err::create_dir_all(&output)?;
            let (Ok(our_run), Ok(their_run)) = (run(&ours), run(&theirs)) else { break };
            our_usage.push(our_run);
            their_usage.push(their_run);
            let mut glb = output.clone().into_os_string();
            glb.push(".glb");
            measured = Some((parts(&find(&output)?)?, parts(Path::new(&glb))?));
            fs_err::remove_dir_all(&output)?;
        }
        let Some((ours, theirs)) = measured.filter(|_| our_usage.len() == runs) else {
            writeln!(text, "| {name} | | | refused by one of them | |")?;
            continue;
        };
        let bytes = |parts: &Parts| if without_images { parts.total - parts.images } else { parts.total };
        let (left, right) = (bytes(&ours), bytes(&theirs));
        let ratio = left as f64 / right as f64;
        let calls = [ours.draw_calls, theirs.draw_calls];
        writeln!(text, "| {name} | {left} | {right} | {ratio:.3} | {} / {} |", calls[0], calls[1])?;
        let seconds = |usages: &[Usage]| median(usages).cpu.as_secs_f64();
        sums.our_cpu += seconds(&our_usage);
        sums.their_cpu += seconds(&their_usage);
        sums.ours.push(ours);
        sums.theirs.push(theirs);
    }
    let bytes = |parts: &Parts| if without_images { parts.total - parts.images } else { parts.total } as f64;
    let total = |all: &[Parts]| all.iter().map(bytes).sum::<f64>();
    let draws = |all: &[Parts]| all.iter().map(|parts| parts.draw_calls).sum::<usize>();
    let logs: f64 = sums.ours.iter().zip(&sums.theirs).map(|(ours, theirs)| (bytes(ours) / bytes(theirs)).ln()).sum();
    writeln!(
        text,
        "\n{} models: bytes in all {:.3} \u{d7}, geometric mean {:.3} \u{d7}; draw calls {} against {}; CPU {:.2} s against {:.2} s, {:.3} \u{d7}",
        sums.ours.len(),
        total(&sums.ours) / total(&sums.theirs),
        (logs / sums.ours.len() as f64).exp(),
        draws(&sums.ours),
        draws(&sums.theirs),
        sums.our_cpu,
        sums.their_cpu,
        sums.our_cpu / sums.their_cpu,
    )?;
    print(&text);
    Ok(())
}

/// The `model.glb` somewhere below a folder.
fn find(folder: &Path) -> Result<PathBuf> {
    let output = Command::new("find").arg(folder).args(["-name", "model.glb"]).output()?;
    let path = String::from_utf8(output.stdout)?.lines().next().map(PathBuf::from);
    path.with_context(|| format!("no model.glb below {}", folder.display()))
}

fn parts(path: &Path) -> Result<Parts> {
    let bytes = fs_err::read(path)?;
    let Some(length) = bytes.get(12..16).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes) else {
        bail!("{} is no GLB", path.display());
    };
    let json: Value = serde_json::from_slice(&bytes[20..20 + length as usize])?;
    let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
    let views = list("bufferViews");
    let size = |view: &Value| views.get(view.as_u64()? as usize)?["byteLength"].as_u64();
    let images = list("images").iter().filter_map(|image| size(&image["bufferView"])).sum::<u64>() as usize;
    let meshes = list("meshes");
    let calls = |node: &Value| meshes.get(node["mesh"].as_u64()? as usize)?["primitives"].as_array().map(Vec::len);
    let draw_calls = list("nodes").iter().filter_map(calls).sum();
    Ok(Parts { total: bytes.len(), images, draw_calls })
}

//! `image-job` beside vipsthumbnail and vips (Debian), sharp (npm) and Pillow (PyPI): whole processes, worker included.
//!
//!     cargo run --release --bin bench-image -- [--program PROGRAM] [--runs RUNS] [--photos PHOTOS] [PART…]
//!
//! Pictures are made from those of ../shared/corpus/images, peers are in target/peers (`scripts/setup bench`). PROGRAM is
//! target/release/image-job unless given, RUNS 7, PHOTOS (of the part `photos`) 1000. The parts are those of [`PARTS`]; all
//! are run where none is named.

mod colour;
mod inputs;
mod quality;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use benches::{Subject, compare};
use catalog::{MediaKind, ProcessingOption};
use contract::{JobRequest, Source};

/// Where things are.
struct Bench {
    program: String,
    runs: usize,
    /// Inputs, kept from run to run of this program, because making them takes minutes.
    inputs: inputs::Inputs,
    scratch: tempfile::TempDir,
}

/// What sharp is asked to do, as one script for all rows: input, width (0 for its own), format, quality, output.
const SHARP: &str = "
const [input, width, format, quality, output] = process.argv.slice(1);
const sharp = require('./target/peers/node_modules/sharp');
let image = sharp(input).autoOrient();
if (+width) image = image.resize(+width);
image.toFormat(format, { quality: +quality }).toFile(output).catch(error => { console.error(error); process.exit(1); });
";

/// The same for Pillow, with `draft()` for the cheap scaling while decoding.
const PILLOW: &str = "
import sys
from PIL import Image, ImageOps
source, width, kind, quality, output = sys.argv[1:]
image = Image.open(source)
if int(width):
    size = (int(width), round(int(width) * image.height / image.width))
    image.draft('RGB', (size[0] * 2, size[1] * 2))
    image = ImageOps.exif_transpose(image).convert('RGB').resize(size, Image.Resampling.LANCZOS)
else:
    image = ImageOps.exif_transpose(image).convert('RGB')
image.save(output, kind, quality=int(quality))
";

type Part = fn(&Bench) -> Result<()>;

/// Names of the parts and what each measures.
const PARTS: [(&str, Part); 11] = [
    ("jpeg-24", |bench| bench.thumbnail("24 MP JPEG to 800 JPEG q80", &bench.inputs.jpeg_24, "jpeg")),
    ("jpeg-101", |bench| bench.thumbnail("101 MP JPEG to 800 JPEG q80", &bench.inputs.jpeg_101, "jpeg")),
    ("progressive", |bench| {
        bench.thumbnail("24 MP progressive JPEG to 800 JPEG q80", &bench.inputs.progressive_24, "jpeg")
    }),
    ("webp", |bench| bench.thumbnail("24 MP JPEG to 800 WebP q80", &bench.inputs.jpeg_24, "webp")),
    ("png-full", |bench| bench.full_size("12 MP PNG to JPEG q80, full size", &bench.inputs.png_12)),
    ("jpeg-full", |bench| bench.full_size("24 MP JPEG to JPEG q80, full size", &bench.inputs.jpeg_24)),
    ("avif", Bench::avif),
    ("ladder", Bench::ladder),
    ("photos", Bench::many),
    ("quality", quality::table),
    ("colour", colour::table),
];

fn main() -> Result<()> {
    let mut program = "target/release/image-job".to_owned();
    let (mut runs, mut photos) = (7, 1000);
    let mut parts = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--program" => program = value()?,
            "--runs" => runs = value()?.parse()?,
            "--photos" => photos = value()?.parse()?,
            name => {
                let part = PARTS.iter().find(|part| part.0 == name);
                parts.push(part.with_context(|| format!("no part {name}; there are {:?}", PARTS.map(|part| part.0)))?);
            }
        }
    }
    if parts.is_empty() {
        parts.extend(&PARTS);
    }
    let inputs = inputs::Inputs::make(photos).context("the inputs cannot be made")?;
    let bench = Bench { program, runs, inputs, scratch: tempfile::tempdir()? };
    parts.into_iter().try_for_each(|(_, measure)| measure(&bench))
}

impl Bench {
    fn thumbnail(&self, title: &str, input: &str, format: &str) -> Result<()> {
        let extension = if format == "jpeg" { "jpg" } else { format };
        let vips = self.scratch.path().join(format!("vips.{extension}[Q=80]"));
        let subjects = [
            Subject::of("vipsthumbnail", "vipsthumbnail", &[input, "-s", "800x", "-o", &vips.to_string_lossy()]),
            self.ours(&["resize", "--width", "800", "--format", format, "--quality", "80", input]),
            self.sharp(input, 800, format, 80),
            self.pillow(input, 800, format, 80),
        ];
        compare(title, &subjects, self.runs).map(drop)
    }

    fn full_size(&self, title: &str, input: &str) -> Result<()> {
        let vips = self.scratch.path().join("full.jpg[Q=80]");
        let subjects = [
            Subject::of("vips copy", "vips", &["copy", input, &vips.to_string_lossy()]),
            self.ours(&["convert", "--format", "jpeg", "--quality", "80", input]),
            self.sharp(input, 0, "jpeg", 80),
            self.pillow(input, 0, "jpeg", 80),
        ];
        compare(title, &subjects, self.runs).map(drop)
    }

    /// At sharp's default quality (50) and effort, and at the quality of ours that looks as good.
    fn avif(&self) -> Result<()> {
        let input = &self.inputs.jpeg_24;
        let equal = quality::equal_avif(self, input, 800, 50)?;
        let title = format!("24 MP JPEG to 800 AVIF, sharp q50 and ours q{}: {}", equal.ours, equal.words);
        let subjects = [
            self.sharp(input, 800, "avif", 50),
            self.ours(&["resize", "--width", "800", "--format", "avif", "--quality", &equal.ours.to_string(), input]),
        ];
        compare(&title, &subjects, self.runs).map(drop)
    }

    fn ladder(&self) -> Result<()> {
        let input = self.inputs.jpeg_24.clone();
        let folder = self.scratch.path().display().to_string();
        let script = "for format in jpg webp; do for width in 320 640 960 1280; do \
                      vipsthumbnail \"$0\" -s ${width}x -o \"$1/ladder-$width.$format[Q=80]\" || exit 1; done; done";
        let subjects = [
            Subject::of("8 times vipsthumbnail", "sh", &["-c", script, &input, &folder]),
            self.ours(&["resize", "--widths", "320,640,960,1280", "--formats", "jpeg,webp", "--quality", "80", &input]),
        ];
        compare("Ladder of 4 widths in JPEG and WebP from one 24 MP JPEG", &subjects, self.runs).map(drop)
    }

    /// The photos are those of the inputs, all of them in one process.
    fn many(&self) -> Result<()> {
        let photos = self.inputs.photo_count;
        let output = self.scratch.path().join("many");
        let mut lines = String::new();
        for number in 0..photos {
            let path = self.inputs.photos.join(format!("{number}.jpg"));
            let size = fs_err::metadata(&path)?.len();
            let key = path.to_str().context("a path is not text")?.to_owned();
            let request = JobRequest {
                schema_version: contract::SCHEMA_VERSION,
                job_id: format!("photo-{number}"),
                source: Source { bucket: None, key, version_id: None, etag: None, size },
                processing_option: ProcessingOption::new(MediaKind::Image, "resize?width=800&quality=80"),
                uploaded_at: None,
            };
            lines += &serde_json::to_string(&request)?;
            lines.push('\n');
        }
        let manifest = self.scratch.path().join("list.jsonl");
        fs_err::write(&manifest, lines)?;
        let (program, manifest) = (self.program.clone(), manifest.display().to_string());
        let folder = self.inputs.photos.display().to_string();
        let script = "exec vipsthumbnail \"$0\"/*.jpg -s 800x -o \"$1/%s.jpg[Q=80]\"";
        let vips = self.scratch.path().join("many-vips");
        fs_err::create_dir_all(&vips)?;
        let vips = vips.display().to_string();
        let subjects = [
            Subject::of("vipsthumbnail *.jpg", "sh", &["-c", script, &folder, &vips]),
            Subject::new("run --manifest", move || {
                // What is committed would not be done again.
                let _ = fs_err::remove_dir_all(&output);
                let mut command = Command::new(&program);
                command.args(["run", "--manifest", &manifest, "--output"]).arg(&output);
                command
            }),
        ];
        compare(&format!("{photos} photos of 12 MP to 800 JPEG in one process"), &subjects, self.runs).map(drop)
    }

    /// Our program, which gets a new folder for each run: what is committed would not be done again.
    fn ours(&self, arguments: &[&str]) -> Subject {
        let (program, scratch) = (self.program.clone(), self.scratch.path().to_owned());
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Subject::new("image-job", move || {
            let output = scratch.join("ours");
            let _ = fs_err::remove_dir_all(&output);
            let mut command = Command::new(&program);
            command.args(&arguments).arg(output);
            command
        })
    }

    fn sharp(&self, input: &str, width: u32, format: &str, quality: u8) -> Subject {
        let output = self.scratch.path().join(format!("sharp.{format}")).display().to_string();
        Subject::of("sharp", "node", &["-e", SHARP, input, &width.to_string(), format, &quality.to_string(), &output])
    }

    fn pillow(&self, input: &str, width: u32, format: &str, quality: u8) -> Subject {
        let output = self.scratch.path().join(format!("pillow.{format}")).display().to_string();
        let arguments = ["-c", PILLOW, input, &width.to_string(), format, &quality.to_string(), &output];
        Subject::of("Pillow", "target/peers/python/bin/python", &arguments)
    }
}

/// Runs a program to its end; what it prints goes nowhere.
fn call(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("{program} is missing"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "{program} {arguments:?} ended with {}: {text}", output.status);
    Ok(())
}

/// The only file of that extension somewhere below a folder.
fn find(folder: &Path, extension: &str) -> Result<std::path::PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no .{extension} below {}", folder.display())
}

//! How good results look at the same size: SSIMULACRA2 (100 is the same, above 90 nobody sees a difference) against a
//! reference that was decoded in full and resampled with Lanczos3 in floating point.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use benches::print;
use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};

use crate::{Bench, SHARP, call, find};

/// A quality of ours whose results look as good as a peer's.
pub struct Equal {
    pub ours: u8,
    /// Scores and bytes of both.
    pub words: String,
}

/// Finds it for AVIF by halving.
pub fn equal_avif(bench: &Bench, input: &str, width: u32, theirs: u8) -> Result<Equal> {
    let reference = reference(bench, input, width)?;
    let their_file = bench.scratch.path().join("equal.avif");
    let their_path = their_file.to_string_lossy();
    call("node", &["-e", SHARP, input, &width.to_string(), "avif", &theirs.to_string(), &their_path])?;
    let (their_bytes, their_score) = (fs_err::metadata(&their_file)?.len(), score(bench, &reference, &their_file)?);
    let (mut low, mut high) = (20_u8, 95_u8);
    let mut best = None;
    while low <= high {
        let middle = low.midpoint(high);
        let file = ours(bench, input, width, "avif", middle)?;
        let (bytes, found) = (fs_err::metadata(&file)?.len(), score(bench, &reference, &file)?);
        if found >= their_score {
            best = Some((middle, bytes, found));
            high = middle - 1;
        } else {
            low = middle + 1;
        }
    }
    let (ours, bytes, found) = best.context("no quality of ours reaches theirs")?;
    let words = format!("SSIMULACRA2 {their_score:.1} in {their_bytes} bytes and {found:.1} in {bytes}");
    Ok(Equal { ours, words })
}

/// Ours at quality 80 against vipsthumbnail's at the quality whose file is the smallest that is not smaller than ours. Only
/// sizes that divide exactly: elsewhere programs differ in where the edge lies, which shifts the picture by parts of a pixel
/// and says nothing about quality.
pub fn table(bench: &Bench) -> Result<()> {
    let mut text = "\n### Quality at the same bytes, SSIMULACRA2\n\n\
                    | picture | format | our bytes | their bytes | ours | theirs |\n| --- | --- | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let (mut sums, mut count) = ([0.0; 2], 0);
    for input in bench.inputs.pictures.iter().chain([&bench.inputs.jpeg_24]) {
        let full = (image_field(input, "width")?, image_field(input, "height")?);
        let divisor = if full.0 > 4000 { 8 } else { 4 };
        if full.0 % divisor != 0 || full.1 % divisor != 0 {
            continue;
        }
        let width = full.0 / divisor;
        let reference = reference(bench, input, width)?;
        for (format, extension) in [("jpeg", "jpg"), ("webp", "webp")] {
            let our_file = ours(bench, input, width, format, 80)?;
            let our_bytes = fs_err::metadata(&our_file)?.len();
            let (their_file, their_bytes) = theirs(bench, input, width, extension, our_bytes)?;
            let scores = [score(bench, &reference, &our_file)?, score(bench, &reference, &their_file)?];
            let name = Path::new(input).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            writeln!(
                text,
                "| {name} | {format} | {our_bytes} | {their_bytes} | {:.2} | {:.2} |",
                scores[0], scores[1]
            )?;
            sums = [sums[0] + scores[0], sums[1] + scores[1]];
            count += 1;
        }
    }
    writeln!(text, "\nMeans: {:.2} and {:.2}.", sums[0] / f64::from(count), sums[1] / f64::from(count))?;
    print(&text);
    Ok(())
}

fn theirs(bench: &Bench, input: &str, width: u32, extension: &str, least: u64) -> Result<(PathBuf, u64)> {
    let make = |quality: u8| {
        let file = bench.scratch.path().join(format!("theirs.{extension}"));
        let target = format!("{}[Q={quality}]", file.display());
        call("vipsthumbnail", &[input, "-s", &format!("{width}x"), "-o", &target])?;
        let bytes = fs_err::metadata(&file)?.len();
        Ok::<_, anyhow::Error>((file, bytes))
    };
    let (mut low, mut high) = (40_u8, 98_u8);
    while low < high {
        let middle = low.midpoint(high);
        if make(middle)?.1 >= least { high = middle } else { low = middle + 1 }
    }
    make(low)
}

fn ours(bench: &Bench, input: &str, width: u32, format: &str, quality: u8) -> Result<PathBuf> {
    let folder = bench.scratch.path().join("quality");
    let _ = fs_err::remove_dir_all(&folder);
    let (width, quality, output) = (width.to_string(), quality.to_string(), folder.display().to_string());
    call(&bench.program, &["resize", "--width", &width, "--format", format, "--quality", &quality, input, &output])?;
    find(&folder, if format == "jpeg" { "jpg" } else { format })
}

fn reference(bench: &Bench, input: &str, width: u32) -> Result<Rgb> {
    let path = |name: &str| bench.scratch.path().join(name).display().to_string();
    let (float, small, result) = (path("float.v"), path("small.v"), path("reference.png"));
    let full = image_field(input, "width")?;
    call("vips", &["cast", input, &float, "float"])?;
    let scale = format!("{}", f64::from(width) / f64::from(full));
    call("vips", &["resize", &float, &small, &scale, "--kernel", "lanczos3", "--gap", "0"])?;
    call("vips", &["cast", &small, &result, "uchar"])?;
    load(Path::new(&result))
}

fn image_field(input: &str, field: &str) -> Result<u32> {
    let output = std::process::Command::new("vipsheader").args(["-f", field, input]).output()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("vipsheader prints a number")
}

fn score(bench: &Bench, reference: &Rgb, file: &Path) -> Result<f64> {
    let folder = bench.scratch.path().join("score");
    let _ = fs_err::remove_dir_all(&folder);
    let (file, output) = (file.display().to_string(), folder.display().to_string());
    call(&bench.program, &["convert", "--format", "png", "--effort", "1", &file, &output])?;
    Ok(compute_frame_ssimulacra2(reference.clone(), load(&find(&folder, "png")?)?)?)
}

fn load(path: &Path) -> Result<Rgb> {
    let Pixels { size, pixels } = pixels(path)?;
    let pixels = pixels.into_iter().map(|pixel| pixel.map(|sample| f32::from(sample) / 255.0)).collect();
    Rgb::new(pixels, size.0, size.1, TransferCharacteristic::SRGB, ColorPrimaries::BT709)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

/// A picture's pixels, row by row.
pub struct Pixels {
    pub size: (usize, usize),
    pub pixels: Vec<[u8; 3]>,
}

/// A PNG's pixels.
pub fn pixels(path: &Path) -> Result<Pixels> {
    let mut decoder = png::Decoder::new(std::io::BufReader::new(fs_err::File::open(path)?));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let mut data = vec![0; reader.output_buffer_size().context("the picture is too large")?];
    let info = reader.next_frame(&mut data)?;
    let pixels = data
        .chunks_exact(info.color_type.samples())
        .map(|pixel| if pixel.len() < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] })
        .collect();
    Ok(Pixels { size: (info.width as usize, info.height as usize), pixels })
}

//! `pipeline samples`: files to try the pipeline with, good and bad, made rather than shipped.

use std::io::Cursor;
use std::path::Path;

use contract::Failure;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

mod document;
mod model;
mod video;

/// Writes the samples into a folder; files that are there already stay as they are.
pub(crate) fn write_samples(folder: &Path) -> Result<(), Failure> {
    fs_err::create_dir_all(folder.join("photos"))?;
    let landscape = encode(&DynamicImage::ImageRgb8(landscape(1600, 1000)), ImageFormat::Jpeg)?;
    let samples: Vec<(&str, Vec<u8>)> = vec![
        ("landscape.jpg", landscape.clone()),
        ("photos/ladder.jpg", encode(&DynamicImage::ImageRgb8(landscape_at(1400, 900, 0.6)), ImageFormat::Jpeg)?),
        ("photos/ladder.jpg.processing-option", b"resize?widths=320,640,1280&formats=webp,jpeg\n".to_vec()),
        ("badge.png", encode(&DynamicImage::ImageRgba8(badge(400)), ImageFormat::Png)?),
        ("badge.png.processing-option", b"resize?width=128&height=128,convert?format=webp\n".to_vec()),
        ("spinner.gif", spinner()?),
        ("logo.svg", LOGO.as_bytes().to_vec()),
        ("truncated.jpg", landscape[..landscape.len() / 3].to_vec()),
        ("typo.png", encode(&DynamicImage::ImageRgba8(badge(64)), ImageFormat::Png)?),
        ("typo.png.processing-option", b"resise?width=100\n".to_vec()),
        ("unknown.bin", vec![0, 1, 2, 3, 4, 5, 6, 7]),
        ("cube.obj", CUBE.as_bytes().to_vec()),
        ("cube.obj.processing-option", b"optimise\n".to_vec()),
        ("island.glb", model::island()?),
        ("island.glb.processing-option", b"optimise,render?width=256&effort=draft\n".to_vec()),
        ("report.pdf", document::report()),
        ("day.avi", video::day()?),
        ("day.avi.processing-option", b"keyframes?select=scene\n".to_vec()),
        ("notes.md", NOTES.as_bytes().to_vec()),
    ];
    for (name, bytes) in samples {
        let path = folder.join(name);
        if !path.exists() {
            fs_err::write(path, bytes)?;
        }
    }
    Ok(())
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Result<Vec<u8>, Failure> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .map_err(|error| Failure::internal("a sample cannot be made").because(error))?;
    Ok(bytes.into_inner())
}

fn landscape(width: u32, height: u32) -> RgbImage {
    landscape_at(width, height, 0.25)
}

/// Hills under a sky, with a sun whose height tells the time of the day, and some grain.
fn landscape_at(width: u32, height: u32, day: f32) -> RgbImage {
    let mut grain = 0x2545_f491_u32;
    RgbImage::from_fn(width, height, |column, row| {
        let (x, y) = (column as f32 / width as f32, row as f32 / height as f32);
        let hill = |at: f32, size: f32, steepness: f32| {
            at + size * (x * steepness).sin() + size * 0.4 * (x * steepness * 2.7).cos()
        };
        let sun = ((x - 0.7).powi(2) * 2.5 + (y - day).powi(2)).sqrt();
        let colour = if y > hill(0.82, 0.05, 5.0) {
            [40.0 + 30.0 * y, 92.0, 38.0]
        } else if y > hill(0.68, 0.06, 8.0) {
            [66.0, 112.0 + 20.0 * x, 84.0]
        } else if y > hill(0.55, 0.08, 4.0) {
            [104.0, 128.0, 148.0]
        } else if sun < 0.07 {
            [255.0, 236.0, 170.0]
        } else {
            let glow = (1.0 - sun).max(0.0).powi(3) * 90.0;
            [110.0 + 90.0 * y + glow, 160.0 + 50.0 * y + glow * 0.6, 225.0 - 30.0 * y]
        };
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (grain >> 24) as f32 / 32.0 - 4.0;
        Rgb(colour.map(|value| (value + noise).clamp(0.0, 255.0) as u8))
    })
}

/// A ring with soft edges on transparency.
fn badge(size: u32) -> RgbaImage {
    RgbaImage::from_fn(size, size, |column, row| {
        let scale = size as f32 / 2.0;
        let (x, y) = (column as f32 / scale - 1.0, row as f32 / scale - 1.0);
        let distance = (x * x + y * y).sqrt();
        let edge = ((0.95 - distance) * scale).clamp(0.0, 1.0) * ((distance - 0.35) * scale).clamp(0.0, 1.0);
        Rgba([220, (90.0 + 80.0 * y) as u8, (60.0 + 50.0 * x) as u8, (edge * 255.0) as u8])
    })
}

/// Eight frames of a dot on its way round.
fn spinner() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let failed = |error| Failure::internal("a sample cannot be made").because(error);
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
    for step in 0..8 {
        let angle = std::f32::consts::TAU * step as f32 / 8.0;
        let (at_x, at_y) = (48.0 + 30.0 * angle.cos(), 48.0 + 30.0 * angle.sin());
        let frame = RgbaImage::from_fn(96, 96, |x, y| {
            let is_dot = (x as f32 - at_x).hypot(y as f32 - at_y) < 12.0;
            if is_dot { Rgba([30, 110, 200, 255]) } else { Rgba([245, 245, 245, 255]) }
        });
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(100, 1))).map_err(failed)?;
    }
    drop(encoder);
    Ok(bytes)
}

const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120" width="120" height="120">
  <rect width="120" height="120" rx="24" fill="#1f4e79"/>
  <path d="M20 84 L48 40 L66 66 L82 48 L100 84 Z" fill="#9ecae1"/>
  <circle cx="88" cy="30" r="10" fill="#ffd966"/>
</svg>
"##;

const CUBE: &str = "# A cube of edge length 2
o cube
v -1 -1 -1\nv 1 -1 -1\nv 1 1 -1\nv -1 1 -1\nv -1 -1 1\nv 1 -1 1\nv 1 1 1\nv -1 1 1
f 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8
";

const NOTES: &str = "# Notes\n\nA Markdown file is a document, too.\n\n- one\n- two\n";

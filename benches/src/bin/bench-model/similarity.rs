//! How alike textures are: SSIM (Wang et al. 2004) of the luma, over windows of 8 × 8 pixels, 4 apart.

use anyhow::{Context, Result};
use image::{GrayImage, RgbaImage, imageops};

const WINDOW: u32 = 8;
const APART: u32 = 4;

/// Images that can be decoded, over grey where they are transparent.
pub fn decoded(files: &[Vec<u8>]) -> Result<Vec<GrayImage>> {
    files.iter().filter(|bytes| !bytes.starts_with(b"\xABKTX")).map(|bytes| decode(bytes)).collect()
}

/// The mean over all images of how alike each is to its source; `None` where there is no image.
pub fn mean(sources: &[GrayImage], files: &[Vec<u8>]) -> Result<Option<f64>> {
    let images = decoded(files)?;
    if sources.is_empty() || images.is_empty() {
        return Ok(None);
    }
    // A source that nothing uses is in no output: each output counts, by the source that it is made of, which small
    // pictures of both tell.
    let small = |image: &GrayImage| imageops::thumbnail(image, 64, 64);
    let small_sources: Vec<GrayImage> = sources.iter().map(small).collect();
    let best = images.iter().filter_map(|image| {
        let own = small(image);
        let alike = small_sources.iter().map(|source| ssim(source, &own)).zip(sources);
        let (_, source) = alike.max_by(|(left, _), (right, _)| left.total_cmp(right))?;
        let (width, height) = source.dimensions();
        Some(if image.dimensions() == (width, height) {
            ssim(source, image)
        } else {
            ssim(source, &imageops::resize(image, width, height, imageops::FilterType::Triangle))
        })
    });
    let all: Vec<f64> = best.collect();
    Ok(Some(all.iter().sum::<f64>() / all.len() as f64))
}

fn decode(bytes: &[u8]) -> Result<GrayImage> {
    let picture = if bytes.starts_with(b"RIFF") {
        webp(bytes).context("a WebP that cannot be read")?
    } else {
        image::load_from_memory(bytes).context("an image that cannot be read")?.into_rgba8()
    };
    Ok(GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, a] = picture.get_pixel(x, y).0.map(f64::from);
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        image::Luma([(128.0 + (luma - 128.0) * a / 255.0).round() as u8])
    }))
}

fn webp(bytes: &[u8]) -> Option<RgbaImage> {
    let (mut width, mut height) = (0, 0);
    // SAFETY: libwebp reads as many bytes as it is told, and gives back four for each pixel, which are copied.
    unsafe {
        let pixels = libwebp_sys::WebPDecodeRGBA(bytes.as_ptr(), bytes.len(), &raw mut width, &raw mut height);
        if pixels.is_null() {
            return None;
        }
        let copy = std::slice::from_raw_parts(pixels, width as usize * height as usize * 4).to_vec();
        libwebp_sys::WebPFree(pixels.cast());
        RgbaImage::from_raw(width as u32, height as u32, copy)
    }
}

fn ssim(left: &GrayImage, right: &GrayImage) -> f64 {
    let (width, height) = left.dimensions();
    let window = WINDOW.min(width).min(height);
    let (mut sum, mut windows) = (0.0, 0.0);
    for top in (0..=height - window).step_by(APART as usize) {
        for from in (0..=width - window).step_by(APART as usize) {
            sum += window_ssim(left, right, (from, top), window);
            windows += 1.0;
        }
    }
    sum / windows
}

fn window_ssim(left: &GrayImage, right: &GrayImage, (from, top): (u32, u32), side: u32) -> f64 {
    let (mut a, mut b, mut aa, mut bb, mut ab) = (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    for y in top..top + side {
        for x in from..from + side {
            let (own, other) = (u32::from(left.get_pixel(x, y)[0]), u32::from(right.get_pixel(x, y)[0]));
            a += own;
            b += other;
            aa += own * own;
            bb += other * other;
            ab += own * other;
        }
    }
    let count = f64::from(side * side);
    let (a, b) = (f64::from(a) / count, f64::from(b) / count);
    let (aa, bb, ab) = (f64::from(aa) / count - a * a, f64::from(bb) / count - b * b, f64::from(ab) / count - a * b);
    let (c1, c2) = ((0.01_f64 * 255.0).powi(2), (0.03_f64 * 255.0).powi(2));
    (2.0 * a * b + c1) * (2.0 * ab + c2) / ((a * a + b * b + c1) * (aa + bb + c2))
}

//! Textures decoded to pixels, within a bound on their memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::Failure;
use image::{ImageFormat, RgbaImage};
use operation::tolerate_panics;
use serde_json::Value;

use crate::document::{Document, Image};
use crate::json::{Object, size};
use crate::material::Material;
use crate::picture::{self, LONGEST_SIDE, MOST_PIXELS};

/// The most pixels that all textures of a model may have when they are decoded: 1 GiB.
pub const MOST_PIXELS_IN_ALL: u64 = 1 << 28;

/// A texture that can be looked into.
#[derive(Debug, Clone)]
pub struct Texture {
    /// Pixels, which textures share.
    pub picture: Arc<RgbaImage>,
    /// Across, and down.
    pub wrap: [Wrap; 2],
    /// Shown pixel by pixel where it is enlarged.
    pub nearest: bool,
}

/// What lies outside of 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// The pixel at the edge.
    Clamp,
    /// The same again.
    Repeat,
    /// The same, mirrored every second time.
    Mirror,
}

/// The textures that materials refer to, by their numbers in the document; references to those that cannot be had are
/// removed, each with a warning.
pub fn textures(
    document: &Document,
    materials: &mut [Material],
    max_pixels: u64,
    warnings: &mut Vec<String>,
) -> Vec<Option<Texture>> {
    let mut used = vec![false; document.textures.len()];
    for reference in materials.iter_mut().flat_map(Material::textures_mut).flatten() {
        used[reference.texture] = true;
    }
    let sources: Vec<Option<usize>> =
        document.textures.iter().zip(&used).map(|(texture, &used)| used.then(|| source(document, texture))?).collect();
    let mut pictures: BTreeMap<usize, Option<Arc<RgbaImage>>> = BTreeMap::new();
    let shares = Shares::of(document, &sources, max_pixels);
    if shares.most < u64::MAX {
        warnings.push(format!(
            "the textures have more than {max_pixels} pixels in all: those above {} pixels are drawn smaller",
            shares.most
        ));
    }
    for &image in sources.iter().flatten() {
        if pictures.contains_key(&image) {
            continue;
        }
        let picture = match decode(&document.images[image]) {
            Ok(picture) => Some(Arc::new(within(picture, shares.most))),
            Err(failure) => {
                warnings.push(format!("image {image} is left out, and materials are shown without it: {failure}"));
                None
            }
        };
        pictures.insert(image, picture);
    }
    let textures: Vec<Option<Texture>> = document
        .textures
        .iter()
        .zip(&sources)
        .map(|(texture, source)| {
            let picture = pictures.get(source.as_ref()?)?.clone()?;
            let sampler = texture.get("sampler").and_then(size).and_then(|at| document.samplers.get(at));
            let code = |key: &str| sampler.and_then(|own| own.get(key)).and_then(Value::as_u64);
            let wrap = |key: &str| match code(key) {
                Some(33071) => Wrap::Clamp,
                Some(33648) => Wrap::Mirror,
                _ => Wrap::Repeat,
            };
            Some(Texture { picture, wrap: [wrap("wrapS"), wrap("wrapT")], nearest: code("magFilter") == Some(9728) })
        })
        .collect();
    for reference in materials.iter_mut().flat_map(Material::textures_mut) {
        if reference.is_some_and(|own| textures[own.texture].is_none()) {
            *reference = None;
        }
    }
    textures
}

/// The image of a texture: the first of its alternatives that is decoded here.
fn source(document: &Document, texture: &Object) -> Option<usize> {
    let extensions = texture.get("extensions");
    let of = |name: &str| extensions?.get(name)?.get("source").and_then(size);
    let plain = texture.get("source").and_then(size);
    let alternatives = [of("KHR_texture_basisu"), of("EXT_texture_webp"), plain, of("EXT_texture_avif")];
    let mut all = alternatives.into_iter().flatten().filter(|&image| image < document.images.len());
    let first = all.clone().next();
    all.find(|&image| document.images[image].mime_type != "image/avif").or(first)
}

/// How large textures may be so that all of them together keep within the bound.
struct Shares {
    /// Pixels of a picture; as many as there are numbers where nothing has to shrink.
    most: u64,
}

impl Shares {
    fn of(document: &Document, sources: &[Option<usize>], max_pixels: u64) -> Self {
        let mut images: Vec<usize> = sources.iter().flatten().copied().collect();
        images.sort_unstable();
        images.dedup();
        let sizes: Vec<u64> = images.iter().map(|&image| pixels(&document.images[image]).unwrap_or(0)).collect();
        let total = |most: u64| sizes.iter().map(|&own| shrunk(own, most)).sum::<u64>();
        let mut most = u64::MAX;
        if total(most) > max_pixels {
            most = sizes.iter().copied().max().unwrap_or(1);
            while most > 1 && total(most) > max_pixels {
                most /= 4;
            }
        }
        Self { most }
    }
}

/// Pixels that are left of a picture when it is halved until it has at most so many.
fn shrunk(mut pixels: u64, most: u64) -> u64 {
    while pixels > most {
        pixels /= 4;
    }
    pixels
}

fn within(mut picture: RgbaImage, most: u64) -> RgbaImage {
    while u64::from(picture.width()) * u64::from(picture.height()) > most {
        let (width, height) = ((picture.width() / 2).max(1), (picture.height() / 2).max(1));
        picture = image::imageops::thumbnail(&picture, width, height);
    }
    picture
}

/// Pixels by the header alone.
fn pixels(image: &Image) -> Option<u64> {
    let (width, height) = match image.mime_type.as_str() {
        "image/png" => picture::dimensions(&image.bytes, ImageFormat::Png).ok()?,
        "image/jpeg" => picture::dimensions(&image.bytes, ImageFormat::Jpeg).ok()?,
        "image/webp" => webp_dimensions(&image.bytes)?,
        "image/ktx2" => basis_dimensions(&image.bytes)?,
        _ => return None,
    };
    Some(u64::from(width) * u64::from(height))
}

/// Decodes an image of a model to 8 bits a channel.
pub fn decode(image: &Image) -> Result<RgbaImage, Failure> {
    match image.mime_type.as_str() {
        "image/png" => Ok(picture::decode(&image.bytes, ImageFormat::Png)?.into_rgba8()),
        "image/jpeg" => Ok(picture::decode(&image.bytes, ImageFormat::Jpeg)?.into_rgba8()),
        "image/webp" => decode_webp(&image.bytes),
        "image/ktx2" => decode_basis(&image.bytes),
        other => Err(Failure::invalid_input(format!("it is of the type {other:?}, which is not decoded here"))),
    }
}

fn check_dimensions(width: u32, height: u32) -> Result<(), Failure> {
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > LONGEST_SIDE || pixels > MOST_PIXELS || pixels == 0 {
        return Err(Failure::invalid_input(format!(
            "it has {width} × {height} pixels; textures may have {LONGEST_SIDE} pixels a side and {MOST_PIXELS} in all"
        )));
    }
    Ok(())
}

fn webp_dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let (mut width, mut height) = (0, 0);
    // SAFETY: the function reads at most as many bytes as it is told, and writes two numbers.
    let ok = unsafe { libwebp_sys::WebPGetInfo(bytes.as_ptr(), bytes.len(), &raw mut width, &raw mut height) } != 0;
    (ok && width > 0 && height > 0).then_some((width as u32, height as u32))
}

fn decode_webp(bytes: &[u8]) -> Result<RgbaImage, Failure> {
    let damaged = || Failure::invalid_input("the WebP is damaged");
    let (width, height) = webp_dimensions(bytes).ok_or_else(damaged)?;
    check_dimensions(width, height)?;
    let mut pixels = vec![0; width as usize * height as usize * 4];
    // SAFETY: the destination is as long as the function is told, with rows of `width` times four bytes.
    let decoded = unsafe {
        libwebp_sys::WebPDecodeRGBAInto(
            bytes.as_ptr(),
            bytes.len(),
            pixels.as_mut_ptr(),
            pixels.len(),
            width as i32 * 4,
        )
    };
    if decoded.is_null() {
        return Err(damaged());
    }
    RgbaImage::from_raw(width, height, pixels).ok_or_else(damaged)
}

/// From the fixed header of a KTX2.
fn basis_dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some((word(20)?, word(24)?.max(1)))
}

fn decode_basis(bytes: &[u8]) -> Result<RgbaImage, Failure> {
    let damaged = || Failure::invalid_input("its KTX2 header is damaged");
    let (width, height) = basis_dimensions(bytes).ok_or_else(damaged)?;
    check_dimensions(width, height)?;
    // The transcoder's errors are values; a panic in it would be a fault that a damaged file has found.
    let decoded = tolerate_panics(|| {
        let texture = basisu::Transcoder::new(bytes)?;
        texture.transcode(0, basisu::TargetFormat::Rgba32, basisu::DecodeFlags::NONE)
    });
    let pixels = match decoded {
        Some(Ok(pixels)) => pixels,
        Some(Err(error)) => {
            return Err(
                Failure::invalid_input("its Basis Universal data cannot be decoded").because(format!("{error:?}"))
            );
        }
        None => return Err(Failure::invalid_input("its Basis Universal data is damaged")),
    };
    RgbaImage::from_raw(width, height, pixels).ok_or_else(damaged)
}

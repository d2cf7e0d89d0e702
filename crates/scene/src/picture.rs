//! Pictures of textures: which of them glTF can hold, and the others as PNGs.

use std::io::Cursor;
use std::sync::Arc;

use contract::Failure;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use serde_json::Value;

use crate::document::{Document, Image};
use crate::json::{Object, size};
use crate::texture_info::{self, images_of};

/// The longest side that a texture may have: the largest that GPUs take.
pub const LONGEST_SIDE: u32 = 16_384;
/// The most pixels that a texture may have.
pub const MOST_PIXELS: u64 = 1 << 26;

/// A white pixel, which stands where an image cannot be had and its number has to stay.
const WHITE_PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\n\
    IDAT\x18\xd3c\xf8\x0f\0\x01\x01\x01\0a\xf4>\xb2\0\0\0\0IEND\xaeB`\x82";

/// The media type by content, of the formats that glTF and its extensions allow. Files that say one thing and are another
/// are common.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [0xAB, b'K', b'T', b'X', b' ', b'2', b'0', ..] => "image/ktx2",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f', ..] => "image/avif",
        _ => return None,
    })
}

/// The file as glTF can hold it: as it is, or decoded and written as a PNG. `name` tells what its content cannot: a TGA
/// begins with nothing of its own.
pub fn image(bytes: &[u8], name: &str) -> Result<Image, Failure> {
    let rest = Object::new();
    if let Some(media_type) = media_type(bytes) {
        check_size(bytes, media_type)?;
        return Ok(Image { mime_type: media_type.to_owned(), bytes: Arc::new(bytes.to_vec()), rest });
    }
    let format = foreign_format(bytes, name).ok_or_else(|| {
        Failure::invalid_input("the image is not a PNG, JPEG, WebP, KTX2, AVIF, BMP, DDS, GIF, PNM, TGA or TIFF")
    })?;
    Ok(Image { mime_type: "image/png".to_owned(), bytes: Arc::new(png(&decode(bytes, format)?)?), rest })
}

/// A format that glTF does not have, but other model formats use.
fn foreign_format(bytes: &[u8], name: &str) -> Option<ImageFormat> {
    let is_read = |format: &ImageFormat| {
        use ImageFormat::{Bmp, Dds, Gif, Pnm, Tga, Tiff};
        matches!(format, Bmp | Dds | Gif | Pnm | Tga | Tiff)
    };
    let by_name = || ImageFormat::from_extension(name.rsplit_once('.')?.1.to_ascii_lowercase());
    image::guess_format(bytes).ok().filter(is_read).or_else(|| by_name().filter(is_read))
}

/// Any picture that is decoded here, by its content or its name.
pub fn decode_any(bytes: &[u8], name: &str) -> Result<DynamicImage, Failure> {
    let format = match media_type(bytes) {
        Some("image/png") => Some(ImageFormat::Png),
        Some("image/jpeg") => Some(ImageFormat::Jpeg),
        Some(_) => None,
        None => foreign_format(bytes, name),
    };
    decode(bytes, format.ok_or_else(|| Failure::invalid_input("the image is of a format that is not decoded here"))?)
}

/// Decodes a picture within the bounds on its size.
pub fn decode(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage, Failure> {
    check_dimensions(bytes, format)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_PIXELS * 10);
    reader.limits(limits);
    reader.decode().map_err(|error| Failure::invalid_input("the image is damaged").because(error))
}

/// Refuses, by their headers, PNGs and JPEGs that no GPU could hold. What has no readable header is left to the viewers.
fn check_size(bytes: &[u8], media_type: &str) -> Result<(), Failure> {
    let format = match media_type {
        "image/png" => ImageFormat::Png,
        "image/jpeg" => ImageFormat::Jpeg,
        _ => return Ok(()),
    };
    if dimensions(bytes, format).is_ok() { check_dimensions(bytes, format) } else { Ok(()) }
}

fn check_dimensions(bytes: &[u8], format: ImageFormat) -> Result<(), Failure> {
    let (width, height) =
        dimensions(bytes, format).map_err(|error| Failure::invalid_input("the image is damaged").because(error))?;
    if width.max(height) > LONGEST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Failure::invalid_input(format!(
            "it has {width} × {height} pixels; textures may have {LONGEST_SIDE} pixels a side and {MOST_PIXELS} in all"
        )));
    }
    Ok(())
}

/// From the header alone.
pub(crate) fn dimensions(bytes: &[u8], format: ImageFormat) -> Result<(u32, u32), image::ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.no_limits();
    reader.into_dimensions()
}

/// A PNG of 8 bits a channel.
pub fn png(picture: &DynamicImage) -> Result<Vec<u8>, Failure> {
    let mut written = Cursor::new(Vec::new());
    let picture: DynamicImage =
        if picture.color().has_alpha() { picture.to_rgba8().into() } else { picture.to_rgb8().into() };
    picture
        .write_to(&mut written, ImageFormat::Png)
        .map_err(|error| Failure::internal("the texture cannot be written as a PNG").because(error))?;
    Ok(written.into_inner())
}

/// An image that keeps the number of one that cannot be had.
pub fn placeholder() -> Image {
    Image { mime_type: "image/png".to_owned(), bytes: Arc::new(WHITE_PIXEL.to_vec()), rest: Object::new() }
}

/// Removes every reference to these images, so that materials show what they show without a texture.
pub fn leave_out(document: &mut Document, images: &[usize]) {
    let is_gone = |source: Option<&Value>| source.and_then(size).is_some_and(|source| images.contains(&source));
    let mut gone = Vec::new();
    for (at, texture) in document.textures.iter_mut().enumerate() {
        let had = images_of(texture).len();
        if is_gone(texture.get("source")) {
            texture.remove("source");
        }
        if let Some(extensions) = texture.get_mut("extensions").and_then(Value::as_object_mut) {
            extensions.retain(|_, extension| !is_gone(extension.get("source")));
            if extensions.is_empty() {
                texture.remove("extensions");
            }
        }
        if had > 0 && images_of(texture).is_empty() {
            gone.push(at);
        }
    }
    for material in &mut document.materials {
        texture_info::remove(material, &|info| info.get("index").and_then(size).is_some_and(|at| gone.contains(&at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholder_is_one_white_pixel() {
        let pixel = decode(&placeholder().bytes, ImageFormat::Png).unwrap().to_rgb8();
        assert_eq!((pixel.dimensions(), pixel.get_pixel(0, 0).0), ((1, 1), [255; 3]));
    }
}

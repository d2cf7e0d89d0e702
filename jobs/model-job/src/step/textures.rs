//! Textures as WebP, no larger than asked for.

use std::borrow::Cow;
use std::io::Cursor;
use std::sync::Arc;

use catalog::operations::Textures;
use contract::Failure;
use image::{DynamicImage, ImageFormat};
use operation::Progress;
use serde_json::{Value, json};

use super::Context;
use scene::document::Document;
use scene::json::size;
use scene::picture;
use scene::texture_info::{self, images_of};

/// The most pixels of a texture that lossless coding is tried on.
const MOST_LOSSLESS_PIXELS: u64 = 1 << 16;
/// Normal maps and other data tell of every bit of noise in the shading.
const DATA_QUALITY: f32 = 8.0;

/// The version of libwebp, such as `1.5.0`.
pub fn encoder_version() -> String {
    // SAFETY: a pure function.
    let version = unsafe { libwebp_sys::WebPGetEncoderVersion() };
    format!("{}.{}.{}", version >> 16 & 255, version >> 8 & 255, version & 255)
}

/// What a texture holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Colour,
    /// Normals, roughness, occlusion: numbers rather than colours.
    Data,
    /// Shown pixel by pixel, such as palettes and pixel art: no pixel may take on its neighbours' colours.
    Pixels,
}

/// `magFilter` of textures that are shown pixel by pixel.
const NEAREST: u64 = 9728;

/// What the fourth number of a pixel is read as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alpha {
    /// Nothing: colours are shown where it is 0, too.
    Ignored,
    /// How much of the surface is there: colours where it is 0 are not shown.
    Coverage,
    /// A number beside three others.
    Number,
}

/// How an image is used by all textures of it.
#[derive(Clone, Copy)]
struct Use {
    role: Role,
    alpha: Alpha,
}

/// Writes PNG and JPEG textures as WebP where that is smaller. Images that cannot be decoded stay, with a warning.
pub fn textures(document: &mut Document, context: &Context<'_>, progress: &Progress) {
    let uses = uses(document);
    let refused = document.textures.iter().filter(|texture| images_of(texture).len() > 1).flat_map(images_of);
    let has_alternatives: Vec<usize> = refused.collect();
    let mut webp = Vec::new();
    for (at, used) in uses.into_iter().enumerate() {
        progress.report(0.5 + 0.5 * at as f64 / document.images.len() as f64);
        let image = &document.images[at];
        let format = match image.mime_type.as_str() {
            "image/png" => ImageFormat::Png,
            "image/jpeg" => ImageFormat::Jpeg,
            _ => continue,
        };
        let name = format!("image {at}");
        // Of an image that a format is chosen for by the viewer, the viewers without WebP would have nothing left.
        let Some(used) = used.filter(|_| !has_alternatives.contains(&at)) else { continue };
        if context.options.textures == Textures::Keep && context.options.texture_size.is_none() {
            continue;
        }
        match convert(&image.bytes, format, used, context) {
            Ok(Some((bytes, is_webp))) => {
                let image = &mut document.images[at];
                image.bytes = Arc::new(bytes);
                if is_webp {
                    "image/webp".clone_into(&mut image.mime_type);
                    webp.push(at);
                }
            }
            Ok(None) => {}
            Err(error) => {
                document.warnings.push(format!("{name} is kept as it is, because it cannot be decoded: {error}"));
            }
        }
    }
    if !webp.is_empty() {
        refer(document, &webp);
    }
}

/// Textures of these images get `EXT_texture_webp`.
fn refer(document: &mut Document, webp: &[usize]) {
    for texture in &mut document.textures {
        let Some(source) = texture.get("source").and_then(size).filter(|source| webp.contains(source)) else {
            continue;
        };
        texture.remove("source");
        let extensions = texture.entry("extensions").or_insert_with(|| json!({}));
        if let Some(extensions) = extensions.as_object_mut() {
            extensions.insert("EXT_texture_webp".to_owned(), json!({ "source": source }));
        }
    }
    for list in [&mut document.extensions_used, &mut document.extensions_required] {
        list.insert("EXT_texture_webp".to_owned());
    }
}

/// For every image what materials use it for; `None` where none does.
fn uses(document: &Document) -> Vec<Option<Use>> {
    let mut uses: Vec<Option<Use>> = vec![None; document.images.len()];
    // Something unknown may show a texture as well.
    if document.frozen_by.is_some() {
        return uses;
    }
    for material in &document.materials {
        let is_opaque = matches!(material.get("alphaMode").and_then(Value::as_str), None | Some("OPAQUE"));
        texture_info::visit(material, &mut |key, info| {
            let texture = info.get("index").and_then(size).and_then(|index| document.textures.get(index));
            let sampler = texture.and_then(|texture| texture.get("sampler")).and_then(size);
            let filter = sampler.and_then(|sampler| document.samplers[sampler].get("magFilter")?.as_u64());
            let own = Use {
                role: if filter == Some(NEAREST) { Role::Pixels } else { role(key) },
                alpha: alpha(key, is_opaque),
            };
            for image in texture.into_iter().flat_map(images_of) {
                let all = uses[image].get_or_insert(own);
                *all = Use { role: all.role.max(own.role), alpha: all.alpha.max(own.alpha) };
            }
        });
    }
    uses
}

/// What a texture under that key of a material holds.
fn role(key: &str) -> Role {
    let key = key.to_ascii_lowercase();
    let data = ["normal", "roughness", "occlusion", "thickness", "transmission", "iridescence", "anisotropy"];
    if data.iter().any(|word| key.contains(word)) { Role::Data } else { Role::Colour }
}

fn alpha(key: &str, is_opaque: bool) -> Alpha {
    match key {
        "baseColorTexture" | "diffuseTexture" if is_opaque => Alpha::Ignored,
        "baseColorTexture" | "diffuseTexture" => Alpha::Coverage,
        "normalTexture"
        | "occlusionTexture"
        | "emissiveTexture"
        | "metallicRoughnessTexture"
        | "anisotropyTexture"
        | "clearcoatTexture"
        | "clearcoatNormalTexture"
        | "clearcoatRoughnessTexture"
        | "diffuseTransmissionColorTexture"
        | "iridescenceTexture"
        | "iridescenceThicknessTexture"
        | "sheenColorTexture"
        | "specularColorTexture"
        | "thicknessTexture"
        | "transmissionTexture" => Alpha::Ignored,
        // `specularTexture`, `sheenRoughnessTexture` and others, or one that is not known.
        _ => Alpha::Number,
    }
}

/// The image smaller and as WebP; `None` where it is good as it is.
fn convert(
    bytes: &[u8],
    format: ImageFormat,
    used: Use,
    context: &Context<'_>,
) -> Result<Option<(Vec<u8>, bool)>, Failure> {
    let decoded = picture::decode(bytes, format)?;
    let longest = decoded.width().max(decoded.height());
    let too_large = context.options.texture_size.is_some_and(|most| longest > most);
    let decoded = match context.options.texture_size {
        Some(most) if too_large => decoded.resize(most, most, image::imageops::FilterType::Lanczos3),
        _ => decoded,
    };
    if context.options.textures == Textures::Keep {
        let mut written = Cursor::new(Vec::new());
        decoded
            .write_to(&mut written, format)
            .map_err(|error| Failure::internal("the texture cannot be written").because(error))?;
        return Ok(too_large.then(|| (written.into_inner(), false)));
    }
    let quality = f32::from(context.options.texture_quality);
    let quality = if used.role == Role::Data { (quality + DATA_QUALITY).min(100.0) } else { quality };
    // Small PNGs are often icons and ramps, of few colours: lossless is smaller and exact. Large ones are seldom, and
    // finding out costs more than everything else.
    let pixels = u64::from(decoded.width()) * u64::from(decoded.height());
    let encode = |encoding| encode(&decoded, encoding, used.alpha, context.options.texture_effort);
    let lossless = (format == ImageFormat::Png && pixels <= MOST_LOSSLESS_PIXELS)
        .then(|| encode(Encoding::Lossless))
        .transpose()?;
    let encoded = match lossless {
        Some(lossless) if used.role == Role::Pixels => lossless,
        Some(lossless) => {
            let lossy = encode(Encoding::Lossy(quality))?;
            if lossless.len() < lossy.len() { lossless } else { lossy }
        }
        None => encode(Encoding::Lossy(quality))?,
    };
    Ok((too_large || encoded.len() < bytes.len()).then_some((encoded, true)))
}

#[derive(Clone, Copy)]
enum Encoding {
    Lossy(f32),
    Lossless,
}

fn encode(image: &DynamicImage, encoding: Encoding, alpha: Alpha, effort: u8) -> Result<Vec<u8>, Failure> {
    use libwebp_sys as webp;
    let (pixels, channels): (Cow<'_, [u8]>, _) = match image {
        DynamicImage::ImageRgb8(pixels) => (pixels.as_raw().into(), 3),
        DynamicImage::ImageRgba8(pixels) => (pixels.as_raw().into(), 4),
        other if other.color().has_alpha() => (other.to_rgba8().into_raw().into(), 4),
        other => (other.to_rgb8().into_raw().into(), 3),
    };
    let has_alpha = channels == 4
        && alpha != Alpha::Ignored
        && pixels.as_chunks::<4>().0.iter().any(|&[_, _, _, alpha]| alpha != 255);
    let (width, height) = (image.width() as i32, image.height() as i32);
    let failed = || Failure::internal("libwebp cannot encode the texture");
    let mut config = webp::WebPConfig::new().map_err(|()| failed())?;
    config.method = i32::from(effort);
    config.exact = i32::from(alpha == Alpha::Number);
    match encoding {
        Encoding::Lossy(quality) => config.quality = quality,
        Encoding::Lossless => {
            config.lossless = 1;
            config.quality = 60.0;
        }
    }
    let mut picture = webp::WebPPicture::new().map_err(|()| failed())?;
    picture.width = width;
    picture.height = height;
    picture.use_argb = config.lossless;
    // SAFETY: the picture was initialised, the pixels are as many as its sides say, the writer lives until the picture
    // and the writer are freed below, on every path.
    unsafe {
        let mut writer: webp::WebPMemoryWriter = std::mem::zeroed();
        webp::WebPMemoryWriterInit(&raw mut writer);
        picture.writer = Some(webp::WebPMemoryWrite);
        picture.custom_ptr = (&raw mut writer).cast();
        let import = match (channels, has_alpha) {
            (4, true) => webp::WebPPictureImportRGBA,
            (4, false) => webp::WebPPictureImportRGBX,
            _ => webp::WebPPictureImportRGB,
        };
        let imported = import(&raw mut picture, pixels.as_ptr(), width * channels);
        let done = imported != 0 && webp::WebPEncode(&raw const config, &raw mut picture) != 0;
        let bytes = if done && !writer.mem.is_null() {
            std::slice::from_raw_parts(writer.mem, writer.size).to_vec()
        } else {
            Vec::new()
        };
        webp::WebPPictureFree(&raw mut picture);
        webp::WebPMemoryWriterClear(&raw mut writer);
        if bytes.is_empty() { Err(failed()) } else { Ok(bytes) }
    }
}

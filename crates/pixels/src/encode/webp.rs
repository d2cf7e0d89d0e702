//! WebP by libwebp: stills and animations.

use std::ffi::{CStr, c_char, c_int};
use std::io::Write;
use std::mem::MaybeUninit;
use std::ptr;

use catalog::operations::image_encoding::ImageEncoding;
use contract::Failure;
use libwebp_sys as webp;
use webp::{WebPAnimEncoder, WebPConfig, WebPData, WebPMuxError, WebPPicture};

use crate::decode::Frame;
use crate::encode::{Attachments, FrameSink, Output};
use crate::raster::{Model, Raster};

const DEFAULT_QUALITY: u8 = 80;
/// What the container has numbers for: plays of an animation,
const MOST_LOOPS: u32 = 65_535;
/// and milliseconds that a frame is shown.
pub const LONGEST_FRAME: u32 = (1 << 24) - 1;

/// Writes one picture.
pub fn still(
    mut output: Output,
    raster: &Raster,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<(), Failure> {
    check_size((raster.width, raster.height))?;
    let config = config(encoding)?;
    let mut picture = Picture::import(raster, encoding.lossless)?;
    let mut memory = MaybeUninit::<webp::WebPMemoryWriter>::uninit();
    // SAFETY: it fills the structure.
    let mut memory = unsafe {
        webp::WebPMemoryWriterInit(memory.as_mut_ptr());
        memory.assume_init()
    };
    picture.0.writer = Some(webp::WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut memory).cast();
    // SAFETY: both structures are complete; the writer outlives the call.
    let encoded = unsafe { webp::WebPEncode(&raw const config, &raw mut picture.0) } != 0;
    let result = if encoded {
        // SAFETY: the writer holds `size` bytes at `mem`.
        let bytes = unsafe { std::slice::from_raw_parts(memory.mem, memory.size) };
        write_with_attachments(&mut output, bytes, attachments)
    } else {
        Err(Failure::internal(format!("libwebp cannot encode: {:?}", picture.0.error_code)))
    };
    // SAFETY: the writer's memory is freed once.
    unsafe { webp::WebPMemoryWriterClear(&raw mut memory) };
    result
}

/// Starts an animation.
pub fn animation(
    output: Output,
    size: (u32, u32),
    loops: u32,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<Box<dyn FrameSink>, Failure> {
    check_size(size)?;
    let mut options = MaybeUninit::<webp::WebPAnimEncoderOptions>::uninit();
    let version = webp::WebPGetMuxABIVersion();
    // SAFETY: it fills the structure where it succeeds.
    let mut options = unsafe {
        if webp::WebPAnimEncoderOptionsInitInternal(options.as_mut_ptr(), version) == 0 {
            return Err(Failure::internal("libwebp is of another version"));
        }
        options.assume_init()
    };
    // More than the format has a number for is as good as endless.
    options.anim_params.loop_count = if loops > MOST_LOOPS { 0 } else { loops as c_int };
    // SAFETY: the options are complete.
    let encoder =
        unsafe { webp::WebPAnimEncoderNewInternal(size.0 as c_int, size.1 as c_int, &raw const options, version) };
    if encoder.is_null() {
        return Err(Failure::internal("no memory for a WebP animation"));
    }
    let (config, attachments) = (config(encoding), attachments.clone());
    let animation = Animation { encoder, output, config: config?, lossless: encoding.lossless, attachments, time: 0 };
    Ok(Box::new(animation))
}

fn check_size((width, height): (u32, u32)) -> Result<(), Failure> {
    if width > 16_383 || height > 16_383 {
        return Err(Failure::invalid_request(format!(
            "a WebP has at most 16383 × 16383 pixels, not {width} × {height}; resize it or choose another format"
        )));
    }
    Ok(())
}

fn config(encoding: &ImageEncoding) -> Result<WebPConfig, Failure> {
    let mut config = WebPConfig::new().map_err(|()| Failure::internal("libwebp is of another version"))?;
    config.quality = f32::from(encoding.quality.unwrap_or(DEFAULT_QUALITY));
    config.method = c_int::from(encoding.effort.min(6));
    if encoding.lossless {
        config.lossless = 1;
        // Here quality is the effort of the search.
        config.quality = f32::from(encoding.effort) * 100.0 / 9.0;
        config.exact = 0;
    }
    Ok(config)
}

/// libwebp's picture, freed in the end.
struct Picture(WebPPicture);

impl Picture {
    fn import(raster: &Raster, lossless: bool) -> Result<Self, Failure> {
        if raster.model != Model::Rgb {
            return Err(Failure::internal("a WebP is made of RGB"));
        }
        let picture = WebPPicture::new().map_err(|()| Failure::internal("libwebp is of another version"))?;
        let mut picture = Self(picture);
        picture.0.use_argb = c_int::from(lossless);
        picture.0.width = raster.width as c_int;
        picture.0.height = raster.height as c_int;
        let import = if raster.alpha { webp::WebPPictureImportRGBA } else { webp::WebPPictureImportRGB };
        // SAFETY: the raster has height rows of that length; the samples are copied.
        let imported = unsafe { import(&raw mut picture.0, raster.eight().as_ptr(), raster.row_length() as c_int) };
        if imported == 0 { Err(Failure::internal("no memory for a WebP")) } else { Ok(picture) }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: initialised by WebPPicture::new.
        unsafe { webp::WebPPictureFree(&raw mut self.0) };
    }
}

struct Animation {
    encoder: *mut WebPAnimEncoder,
    output: Output,
    config: WebPConfig,
    lossless: bool,
    attachments: Attachments,
    /// Milliseconds before the next frame.
    time: u32,
}

// SAFETY: the encoder has no ties to a thread, and is used by one at a time because every call takes it mutably.
unsafe impl Send for Animation {}

impl Animation {
    fn failure(&self) -> Failure {
        // SAFETY: the encoder lives; its message is a C string or null.
        let text = unsafe {
            let text = webp::WebPAnimEncoderGetError(self.encoder);
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        Failure::internal(format!("libwebp cannot encode the animation: {text}"))
    }
}

impl FrameSink for Animation {
    fn write(&mut self, frame: &Frame) -> Result<(), Failure> {
        let mut picture = Picture::import(&frame.raster, self.lossless)?;
        // SAFETY: encoder, picture and configuration are complete.
        let added = unsafe {
            webp::WebPAnimEncoderAdd(self.encoder, &raw mut picture.0, self.time as c_int, &raw const self.config)
        };
        // The library counts on beyond the largest number.
        self.time = self.time.wrapping_add(frame.milliseconds.min(LONGEST_FRAME));
        if added == 0 { Err(self.failure()) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        let mut data = WebPData::default();
        // SAFETY: a null frame tells when the last one ends; the data is freed below.
        let assembled = unsafe {
            webp::WebPAnimEncoderAdd(self.encoder, ptr::null_mut(), self.time as c_int, ptr::null()) != 0
                && webp::WebPAnimEncoderAssemble(self.encoder, &raw mut data) != 0
        };
        if !assembled {
            return Err(self.failure());
        }
        // SAFETY: assembled data of that size.
        let bytes = unsafe { std::slice::from_raw_parts(data.bytes, data.size) };
        let attachments = std::mem::take(&mut self.attachments);
        let result = write_with_attachments(&mut self.output, bytes, &attachments);
        // SAFETY: libwebp's own memory, freed once.
        unsafe { webp::WebPFree(data.bytes.cast_mut().cast()) };
        result
    }
}

impl Drop for Animation {
    fn drop(&mut self) {
        // SAFETY: made by this module and deleted once.
        unsafe { webp::WebPAnimEncoderDelete(self.encoder) };
    }
}

/// Writes a WebP with its profile and metadata, which stand in chunks around the pixels.
fn write_with_attachments(output: &mut Output, bytes: &[u8], attachments: &Attachments) -> Result<(), Failure> {
    let chunks: [(&CStr, Option<&[u8]>); 3] = [
        (c"ICCP", attachments.icc.as_deref()),
        (c"EXIF", attachments.metadata.exif.as_deref()),
        (c"XMP ", attachments.metadata.xmp.as_deref()),
    ];
    if chunks.iter().all(|(_, content)| content.is_none()) {
        output.write_all(bytes)?;
        return Ok(());
    }
    let image = WebPData { bytes: bytes.as_ptr(), size: bytes.len() };
    let mut assembled = WebPData::default();
    // SAFETY: the contents outlive the mux, which does not copy them, and which is deleted here.
    let good = unsafe {
        let mux = webp::WebPMuxCreateInternal(&raw const image, 0, webp::WebPGetMuxABIVersion());
        if mux.is_null() {
            return Err(Failure::internal("libwebp does not read what it wrote"));
        }
        let mut good = true;
        for (name, content) in &chunks {
            if let Some(content) = content {
                let content = WebPData { bytes: content.as_ptr(), size: content.len() };
                let name: *const c_char = name.as_ptr();
                good &= webp::WebPMuxSetChunk(mux, name, &raw const content, 0) == WebPMuxError::WEBP_MUX_OK;
            }
        }
        good = good && webp::WebPMuxAssemble(mux, &raw mut assembled) == WebPMuxError::WEBP_MUX_OK;
        webp::WebPMuxDelete(mux);
        good
    };
    if !good {
        return Err(Failure::internal("the WebP's profile and metadata cannot be added"));
    }
    // SAFETY: assembled data of that size.
    let result = output.write_all(unsafe { std::slice::from_raw_parts(assembled.bytes, assembled.size) });
    // SAFETY: libwebp's own memory, freed once.
    unsafe { webp::WebPFree(assembled.bytes.cast_mut().cast()) };
    result.map_err(Failure::from)
}

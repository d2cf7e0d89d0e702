//! WebP by libwebp: stills, and animations with every frame composed.

use std::mem::MaybeUninit;
use std::ptr;

use contract::Failure;
use libwebp_sys as webp;
use operation::Input;
use webp::{VP8StatusCode, WEBP_CSP_MODE};

use crate::decode::{
    Content, Frame, FrameSource, MOST_METADATA_BYTES, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions,
};
use crate::exif;
use crate::raster::{Depth, Model, PixelFormat, Raster, RasterRows, RowMut, RowSource, Samples};

/// Opens a WebP: its header and metadata are read, its pixels are not.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let file = input.map()?;
    let mut features = MaybeUninit::<webp::WebPBitstreamFeatures>::uninit();
    // SAFETY: the file is mapped with that length, and the function fills the structure where it succeeds.
    let status = unsafe { webp::WebPGetFeatures(file.as_ptr(), file.len(), features.as_mut_ptr()) };
    check(status)?;
    // SAFETY: it has succeeded.
    let features = unsafe { features.assume_init() };
    let size = (features.width as u32, features.height as u32);
    options.check_size(size.0, size.1, 1)?;
    let mut metadata = Metadata::default();
    let mut profile = Profile::Srgb;
    for (name, content) in chunks(&file) {
        match &name {
            b"EXIF" if content.len() <= MOST_METADATA_BYTES => {
                metadata.exif = Some(content.strip_prefix(b"Exif\0\0").unwrap_or(content).to_vec());
            }
            b"XMP " if content.len() <= MOST_METADATA_BYTES => metadata.xmp = Some(content.to_vec()),
            b"ICCP" if content.len() <= MOST_PROFILE_BYTES => profile = Profile::Icc(content.to_vec()),
            _ => {}
        }
    }
    let orientation = metadata.exif.as_deref().map(exif::orientation).unwrap_or_default();
    if features.has_animation != 0 {
        let mut animation = Animation::new(file, size)?;
        let frames = animation.info.frame_count;
        if options.first_frame || frames <= 1 {
            let first = animation.next()?.ok_or_else(|| Failure::invalid_input("the WebP animation has no frames"))?;
            let content = Content::Still(Box::new(RasterRows::new(first.raster)));
            return Ok(Picture {
                size,
                format: PixelFormat::RGBA8,
                profile,
                orientation,
                metadata,
                frames: 1,
                sequence: false,
                content,
            });
        }
        options.check_size(size.0, size.1, frames)?;
        let loops = animation.info.loop_count;
        let content = Content::Animation { frames: Box::new(animation), loops };
        return Ok(Picture {
            size,
            format: PixelFormat::RGBA8,
            profile,
            orientation,
            metadata,
            frames,
            sequence: false,
            content,
        });
    }
    let format = PixelFormat { model: Model::Rgb, alpha: features.has_alpha != 0, depth: Depth::Eight };
    let still = Still { file, size, format, allow_truncated: options.allow_truncated, truncated: false, rows: None };
    Ok(Picture {
        size,
        format,
        profile,
        orientation,
        metadata,
        frames: 1,
        sequence: false,
        content: Content::Still(Box::new(still)),
    })
}

/// The chunks of the RIFF container, as far as they are whole.
fn chunks(file: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = if file.starts_with(b"RIFF") { file.get(12..).unwrap_or_default() } else { &[] };
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length)?;
        rest = after.get(length + length % 2..).unwrap_or_default();
        Some((*name, content))
    })
}

fn check(status: VP8StatusCode) -> Result<(), Failure> {
    let what = match status {
        VP8StatusCode::VP8_STATUS_OK => return Ok(()),
        VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => return Err(Failure::internal("no memory to decode the WebP")),
        VP8StatusCode::VP8_STATUS_SUSPENDED | VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA => {
            "the WebP is truncated; allow-truncated takes what is there"
        }
        VP8StatusCode::VP8_STATUS_UNSUPPORTED_FEATURE => "the WebP uses a feature that libwebp does not know",
        _ => "the WebP is damaged",
    };
    Err(Failure::invalid_input(what))
}

struct Still {
    file: memmap2::Mmap,
    size: (u32, u32),
    format: PixelFormat,
    allow_truncated: bool,
    truncated: bool,
    rows: Option<RasterRows>,
}

impl Still {
    fn decode(&mut self) -> Result<Raster, Failure> {
        let mut raster = Raster::new(self.size.0, self.size.1, self.format)?;
        let stride = raster.row_length() as i32;
        let Samples::Eight(samples) = &mut raster.samples else { unreachable!("eight bits were asked for") };
        let mut config =
            webp::WebPDecoderConfig::new().map_err(|()| Failure::internal("libwebp is of another version"))?;
        config.output.colorspace = if self.format.alpha { WEBP_CSP_MODE::MODE_RGBA } else { WEBP_CSP_MODE::MODE_RGB };
        config.output.is_external_memory = 1;
        config.output.u.RGBA = webp::WebPRGBABuffer { rgba: samples.as_mut_ptr(), stride, size: samples.len() };
        // SAFETY: the output buffer has the size of the picture and outlives the decoder, which is deleted below; the
        // file is mapped with that length.
        let status = unsafe {
            let decoder = webp::WebPINewDecoder(&raw mut config.output);
            if decoder.is_null() {
                return Err(Failure::internal("no memory to decode the WebP"));
            }
            let status = webp::WebPIUpdate(decoder, self.file.as_ptr(), self.file.len());
            webp::WebPIDelete(decoder);
            status
        };
        match status {
            VP8StatusCode::VP8_STATUS_SUSPENDED | VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA if self.allow_truncated => {
                self.truncated = true;
            }
            status => check(status)?,
        }
        Ok(raster)
    }
}

impl RowSource for Still {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if self.rows.is_none() {
            self.rows = Some(RasterRows::new(self.decode()?));
        }
        self.rows.as_mut().map_or(Ok(()), |rows| rows.read(row))
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// libwebp's animation decoder, which composes frames.
struct Animation {
    decoder: *mut webp::WebPAnimDecoder,
    info: webp::WebPAnimInfo,
    size: (u32, u32),
    shown_until: i32,
    /// The decoder reads from it as long as it lives.
    _file: memmap2::Mmap,
}

// SAFETY: the decoder has no ties to a thread, and is used by one at a time because every call takes it mutably.
unsafe impl Send for Animation {}

impl Animation {
    fn new(file: memmap2::Mmap, size: (u32, u32)) -> Result<Self, Failure> {
        let data = webp::WebPData { bytes: file.as_ptr(), size: file.len() };
        let mut options = MaybeUninit::<webp::WebPAnimDecoderOptions>::uninit();
        let mut info = MaybeUninit::<webp::WebPAnimInfo>::uninit();
        // SAFETY: the structures are filled by the functions before they are read; the data outlives the decoder.
        unsafe {
            let version = webp::WebPGetDemuxABIVersion();
            if webp::WebPAnimDecoderOptionsInitInternal(options.as_mut_ptr(), version) == 0 {
                return Err(Failure::internal("libwebp is of another version"));
            }
            (*options.as_mut_ptr()).color_mode = WEBP_CSP_MODE::MODE_RGBA;
            let decoder = webp::WebPAnimDecoderNewInternal(&raw const data, options.as_ptr(), version);
            if decoder.is_null() {
                return Err(Failure::invalid_input("the WebP animation is damaged or truncated"));
            }
            webp::WebPAnimDecoderGetInfo(decoder, info.as_mut_ptr());
            let info = info.assume_init();
            let animation = Self { decoder, info, size, shown_until: 0, _file: file };
            if (info.canvas_width, info.canvas_height) != size {
                return Err(Failure::invalid_input("the WebP animation says two sizes"));
            }
            Ok(animation)
        }
    }
}

impl FrameSource for Animation {
    fn next(&mut self) -> Result<Option<Frame>, Failure> {
        // SAFETY: the decoder lives until this value is dropped.
        if unsafe { webp::WebPAnimDecoderHasMoreFrames(self.decoder) } == 0 {
            return Ok(None);
        }
        let mut pixels = ptr::null_mut();
        let mut until = 0;
        // SAFETY: as above; the pixels stay the decoder's and are copied before the next call.
        if unsafe { webp::WebPAnimDecoderGetNext(self.decoder, &raw mut pixels, &raw mut until) } == 0 {
            return Err(Failure::invalid_input("a frame of the WebP animation is damaged"));
        }
        let mut raster = Raster::new(self.size.0, self.size.1, PixelFormat::RGBA8)?;
        if let Samples::Eight(samples) = &mut raster.samples {
            // SAFETY: libwebp's canvas is width × height × 4 bytes.
            let pixels = unsafe { std::slice::from_raw_parts(pixels, samples.len()) };
            samples.copy_from_slice(pixels);
        }
        let milliseconds = until.saturating_sub(self.shown_until).max(0) as u32;
        self.shown_until = until;
        Ok(Some(Frame { raster, milliseconds }))
    }
}

impl Drop for Animation {
    fn drop(&mut self) {
        // SAFETY: made by this type and deleted once.
        unsafe { webp::WebPAnimDecoderDelete(self.decoder) };
    }
}

/// The version of libwebp.
pub fn version() -> String {
    // SAFETY: it returns a number.
    let version = unsafe { webp::WebPGetDecoderVersion() };
    format!("{}.{}.{}", version >> 16, version >> 8 & 0xff, version & 0xff)
}

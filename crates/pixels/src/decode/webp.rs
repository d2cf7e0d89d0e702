//! WebP by libwebp: stills, and animations with every frame composed.

use std::ffi::c_int;
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
    let features = features(&file)?;
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
    let known = |format, content| Picture { profile, orientation, metadata, ..Picture::new(size, format, content) };
    if features.has_animation != 0 {
        let is_cut = is_cut(&file);
        if is_cut && !options.allow_truncated && !options.first_frame {
            return Err(truncated());
        }
        let mut more_frames = false;
        let bytes = if is_cut || options.first_frame {
            let (bytes, frames) = whole_frames(&file, if options.first_frame { 1 } else { u32::MAX });
            if frames == 0 {
                return Err(truncated());
            }
            more_frames = options.first_frame && chunks(&file).filter(|(name, _)| name == b"ANMF").count() > 1;
            Bytes::Owned(bytes)
        } else {
            Bytes::Mapped(file)
        };
        let mut animation = Animation::new(bytes, size)?;
        animation.truncated = is_cut && !options.first_frame;
        let frames = animation.info.frame_count;
        options.check_size(size.0, size.1, frames)?;
        let loops = animation.info.loop_count;
        let content = if frames > 1 {
            Content::Animation { frames: Box::new(animation), loops }
        } else {
            let first = animation.next()?.ok_or_else(|| Failure::invalid_input("the WebP animation has no frames"))?;
            Content::Still(Box::new(RasterRows::new(first.raster)))
        };
        return Ok(Picture { frames, more_frames, ..known(PixelFormat::RGBA8, content) });
    }
    let format = PixelFormat { model: Model::Rgb, alpha: features.has_alpha != 0, depth: Depth::Eight };
    let still = Still { file, size, format, allow_truncated: options.allow_truncated, truncated: false, rows: None };
    Ok(known(format, Content::Still(Box::new(still))))
}

/// The size of the canvas.
pub fn size(file: &[u8]) -> Option<(u32, u32)> {
    features(file).ok().map(|features| (features.width as u32, features.height as u32))
}

fn features(file: &[u8]) -> Result<webp::WebPBitstreamFeatures, Failure> {
    let mut features = MaybeUninit::<webp::WebPBitstreamFeatures>::uninit();
    // SAFETY: the pointer has that many bytes, and the function fills the structure where it succeeds.
    let status = unsafe { webp::WebPGetFeatures(file.as_ptr(), file.len(), features.as_mut_ptr()) };
    check(status)?;
    // SAFETY: it has succeeded.
    Ok(unsafe { features.assume_init() })
}

fn truncated() -> Failure {
    Failure::invalid_input("the WebP is truncated; allow-truncated takes what is there")
}

/// Whether the file ends before its container does.
fn is_cut(file: &[u8]) -> bool {
    let said = file.get(4..8).map_or(0, |size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    (file.len() as u64) < u64::from(said) + 8
}

/// A container with the first frames of an animation that are whole, and how many these are.
fn whole_frames(file: &[u8], most: u32) -> (Vec<u8>, u32) {
    let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
    let mut frames = 0;
    for (name, content) in chunks(file) {
        let is_frame = &name == b"ANMF" && frames < most;
        frames += u32::from(is_frame);
        if is_frame || matches!(&name, b"VP8X" | b"ANIM") {
            let start = bytes.len();
            bytes.extend(name);
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
            if &name == b"VP8X" {
                // There are no profile and metadata beside the frames.
                bytes[start + 8] &= 0b1_0010;
            }
        }
    }
    let size = bytes.len() as u32 - 8;
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    (bytes, frames)
}

/// A file, or a changed copy of it.
enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    fn as_data(&self) -> webp::WebPData {
        let bytes: &[u8] = match self {
            Self::Mapped(file) => file,
            Self::Owned(bytes) => bytes,
        };
        webp::WebPData { bytes: bytes.as_ptr(), size: bytes.len() }
    }
}

/// The pixels of a WebP that is a part of another file: red, green, blue and, with four samples, opacity.
pub fn whole(bytes: &[u8], (width, height): (u32, u32), samples: usize) -> Result<Vec<u8>, String> {
    let (mut found_width, mut found_height) = (0, 0);
    // SAFETY: the bytes have that length, and the numbers are written where it succeeds.
    let found = unsafe { webp::WebPGetInfo(bytes.as_ptr(), bytes.len(), &raw mut found_width, &raw mut found_height) };
    if found == 0 || found_width as u32 != width || found_height as u32 > height || !matches!(samples, 3 | 4) {
        return Err("its WebP data is damaged, or has another size".to_owned());
    }
    let stride = width as usize * samples;
    let mut pixels = vec![0; stride * found_height as usize];
    let decode = if samples == 4 { webp::WebPDecodeRGBAInto } else { webp::WebPDecodeRGBInto };
    // SAFETY: the buffer has as many rows of that stride.
    let decoded = unsafe { decode(bytes.as_ptr(), bytes.len(), pixels.as_mut_ptr(), pixels.len(), stride as c_int) };
    if decoded.is_null() { Err("its WebP data is damaged".to_owned()) } else { Ok(pixels) }
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
            return Err(truncated());
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
    truncated: bool,
    /// The decoder reads from it as long as it lives.
    _file: Bytes,
}

// SAFETY: the decoder has no ties to a thread, and is used by one at a time because every call takes it mutably.
unsafe impl Send for Animation {}

impl Animation {
    fn new(file: Bytes, size: (u32, u32)) -> Result<Self, Failure> {
        let data = file.as_data();
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
                return Err(Failure::invalid_input("the WebP animation is damaged"));
            }
            webp::WebPAnimDecoderGetInfo(decoder, info.as_mut_ptr());
            let info = info.assume_init();
            let animation = Self { decoder, info, size, shown_until: 0, truncated: false, _file: file };
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

    fn truncated(&self) -> bool {
        self.truncated
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

//! Opens inputs: what an image is, before its pixels are decoded, and where its pixels come from.

mod gif;
mod heif;
mod jpeg;
mod jxl;
mod png;
mod still;
mod svg;
pub(crate) mod tiff;
mod webp;

use catalog::Format;
use catalog::operations::image_encoding::{ImageEncoding, ImageFormat};
use contract::Failure;
use operation::Input;

use crate::encode::abilities;
use crate::native;
use crate::orientation::Orientation;
use crate::raster::{PixelFormat, Raster, RowSource};

pub(crate) use jpeg::{error_exit, library_error};

/// The largest ICC profile taken; those of printers are about two megabytes.
pub const MOST_PROFILE_BYTES: usize = 8 << 20;
/// The largest EXIF or XMP taken.
pub const MOST_METADATA_BYTES: usize = 8 << 20;

/// An opened image.
pub struct Picture {
    /// Width and height as stored, before its orientation is applied.
    pub size: (u32, u32),
    /// The layout of its pixels.
    pub format: PixelFormat,
    /// What its colours mean.
    pub profile: Profile,
    /// How it has to be turned.
    pub orientation: Orientation,
    /// What it says about itself.
    pub metadata: Metadata,
    /// Frames of an animation, 1 for a still.
    pub frames: u32,
    /// Whether it is the first frame of an animation, whose others are left out because one is enough.
    pub more_frames: bool,
    /// Whether it is a still picture that stands beside an image sequence, which is left out.
    pub sequence: bool,
    /// Pages to choose from, of which this is one.
    pub pages: u32,
    /// What is left out of it or was changed, in words.
    pub warnings: Vec<String>,
    /// Its pixels.
    pub content: Content,
}

impl Picture {
    /// An upright picture in sRGB, of which nothing else is known.
    pub fn new(size: (u32, u32), format: PixelFormat, content: Content) -> Self {
        Self {
            size,
            format,
            profile: Profile::Srgb,
            orientation: Orientation::default(),
            metadata: Metadata::default(),
            frames: 1,
            more_frames: false,
            sequence: false,
            pages: 1,
            warnings: Vec::new(),
            content,
        }
    }
}

/// What the colours of an image mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Profile {
    /// sRGB, said or assumed.
    Srgb,
    /// An ICC profile.
    Icc(Vec<u8>),
    /// Code points of ITU-T H.273: primaries and transfer function.
    CodePoints {
        /// Colour primaries.
        primaries: u8,
        /// Transfer characteristics.
        transfer: u8,
    },
    /// A PNG's own numbers: the exponent of its encoding and, in units of 1/100000, white, red, green and blue.
    Gamma {
        /// Encoding exponent times 100000.
        gamma: u32,
        /// x and y of white, red, green and blue; BT.709's where absent.
        chromaticities: Option<[u32; 8]>,
    },
}

/// What an image says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// EXIF, from its TIFF header on.
    pub exif: Option<Vec<u8>>,
    /// XMP, as XML text.
    pub xmp: Option<Vec<u8>>,
    /// The data sets of IPTC-IIM.
    pub iptc: Option<Vec<u8>>,
    /// How large it is to be printed; where only EXIF says it, it is there alone.
    pub density: Option<Density>,
}

/// Pixels per inch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Density {
    /// Pixels of a row.
    pub across: f64,
    /// Rows.
    pub down: f64,
}

impl Density {
    /// None for numbers that mean nothing.
    pub fn new(across: f64, down: f64) -> Option<Self> {
        let is_possible = |density: f64| (1.0..=100_000.0).contains(&density);
        (is_possible(across) && is_possible(down)).then_some(Self { across, down })
    }
}

/// Where pixels come from.
pub enum Content {
    /// One picture.
    Still(Box<dyn RowSource>),
    /// Several, each shown for a time.
    Animation {
        /// The frames in order, each the whole canvas.
        frames: Box<dyn FrameSource>,
        /// How often it is shown; 0 is without end.
        loops: u32,
    },
}

/// Frames of an animation, composed, as eight-bit RGB with opacity.
pub trait FrameSource: Send {
    /// The next frame; `None` after the last.
    fn next(&mut self) -> Result<Option<Frame>, Failure>;

    /// Whether frames are missing because the input ends early. Known after the last frame.
    fn truncated(&self) -> bool {
        false
    }

    /// What is not as the input says, in words. Known after the last frame.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One frame of an animation.
pub struct Frame {
    /// The whole canvas.
    pub raster: Raster,
    /// How long it is shown.
    pub milliseconds: u32,
}

/// How inputs are read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// Only the first frame of an animation: nothing else is read of it, and nothing else counts.
    pub first_frame: bool,
    /// Take what is there of a file that ends early.
    pub allow_truncated: bool,
    /// The page that was asked for, counted from 1.
    pub page: Option<u32>,
    /// Pixels of all frames together.
    pub max_pixels: u64,
}

impl ReadOptions {
    /// The part of an operation's options that says how to read. Of an animation one frame is enough where none of the
    /// formats that are wanted (none for the input's own) holds more.
    pub fn new(encoding: &ImageEncoding, formats: &[ImageFormat]) -> Self {
        let only_stills = !formats.is_empty() && !formats.iter().any(|format| abilities(*format).animation);
        Self {
            first_frame: encoding.first_frame || only_stills,
            allow_truncated: encoding.allow_truncated,
            page: encoding.page,
            max_pixels: u64::from(encoding.max_megapixels) * 1_000_000,
        }
    }

    /// Refuses what has no pixels or more than allowed. To be asked before memory for pixels is.
    pub fn check_size(&self, width: u32, height: u32, frames: u32) -> Result<(), Failure> {
        if width == 0 || height == 0 {
            return Err(Failure::invalid_input(format!("the image has no pixels ({width} × {height})")));
        }
        let pixels = u128::from(width) * u128::from(height) * u128::from(frames.max(1));
        if pixels > u128::from(self.max_pixels) {
            let of_frames = if frames > 1 { format!(" × {frames} frames") } else { String::new() };
            return Err(Failure::invalid_input(format!(
                "the image has {width} × {height}{of_frames} = {} megapixels, more than the {} allowed; \
                 max-megapixels changes the limit",
                pixels.div_ceil(1_000_000),
                self.max_pixels / 1_000_000
            )));
        }
        Ok(())
    }
}

/// Opens an image of any format that the job takes.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    match input.format() {
        Format::Avif | Format::Heic => heif::open(input, options),
        Format::Bmp => still::bmp(input, options),
        Format::Gif => gif::open(input, options),
        Format::Jpeg => jpeg::open(input, options),
        Format::Jxl => jxl::open(input, options),
        Format::Png => png::open(input, options),
        Format::Svg => svg::open(input, options),
        Format::Tiff => tiff::open(input, options),
        Format::Webp => webp::open(input, options),
        other => Err(Failure::invalid_input(format!("{} is not an image format that this job reads", other.name()))),
    }
}

/// Opens a GIF or a WebP. A program that calls this and not [`open`] has no other decoders in it.
pub fn open_animation(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    match input.format() {
        Format::Gif => gif::open(input, options),
        Format::Webp => webp::open(input, options),
        other => Err(Failure::invalid_input(format!("{} is not a format of animations", other.name()))),
    }
}

/// The width and height of a GIF or a WebP as stored, before memory for it is asked for; none of what is not one.
pub fn animation_size(file: &[u8], format: Format) -> Option<(u32, u32)> {
    match format {
        Format::Gif => gif::size(file),
        Format::Webp => webp::size(file),
        _ => None,
    }
}

/// Opens an image that is in memory.
pub fn open_in_memory(bytes: Vec<u8>, format: Format, options: &ReadOptions) -> Result<Picture, Failure> {
    open(&Input::from_bytes("image", format, bytes), options)
}

/// Versions of the native libraries, for manifests.
pub fn library_versions() -> Vec<(&'static str, String)> {
    let mut versions = vec![("libwebp", webp::version())];
    versions.extend(native::versions());
    versions
}

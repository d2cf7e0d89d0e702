use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use super::image_encoding::{self, ImageEncoding, ImageFormat, Rgba};
use crate::FastPath;
use crate::operation::Options;
use crate::profile::Profile;

/// Resizes an image, to one size or to several, in one format or in several, from one decode.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Resize {
    /// Width of the result in pixels; without a height it follows the aspect ratio
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=65535))]
    pub width: Option<u32>,
    /// Height of the result in pixels; without a width it follows the aspect ratio
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=65535))]
    pub height: Option<u32>,
    /// Several widths at once: a responsive ladder, with a srcset in the manifest
    #[arg(long, value_name = "PIXELS,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=65535))]
    pub widths: Vec<u32>,
    /// How to fit the input into width and height if their aspect ratio differs from the input's
    #[arg(long, value_enum, default_value_t = Fit::Inside)]
    pub fit: Fit,
    /// Which part to keep when `fit=cover` crops, and where to place the image when `fit=contain` pads
    #[arg(long, value_enum, default_value_t = Position::Centre)]
    pub position: Position,
    /// Colour of padding, and of transparent pixels if the format has no transparency
    #[arg(long, value_name = "RRGGBB[AA]", default_value = "white")]
    pub background: Rgba,
    /// Do not enlarge inputs that are smaller than the requested size
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub without_enlargement: bool,
    /// Resampling filter
    #[arg(long, value_enum, default_value_t = Filter::Lanczos3)]
    pub filter: Filter,
    /// Format of the result. Default: the input's format if it can be written, otherwise JPEG, or PNG for transparency
    #[arg(long, value_enum)]
    pub format: Option<ImageFormat>,
    /// Several formats at once
    #[arg(long, value_enum, value_name = "FORMAT,…", value_delimiter = ',')]
    pub formats: Vec<ImageFormat>,
    /// How input is read and results are written.
    #[command(flatten)]
    #[serde(flatten)]
    pub encoding: ImageEncoding,
}

/// How a picture fills a box of another aspect ratio; the words of CSS object-fit and of sharp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Fill the box, cut what does not fit
    Cover,
    /// Fit into the box, pad with the background
    Contain,
    /// Fill the box, distort
    Fill,
    /// As large as fits into the box
    Inside,
    /// As small as covers the box, nothing cut
    Outside,
}

/// One of nine anchors, or found from the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// The middle
    #[value(alias = "center")]
    Centre,
    /// The middle of the upper edge
    Top,
    /// The upper right corner
    #[value(alias = "top-right")]
    RightTop,
    /// The middle of the right edge
    Right,
    /// The lower right corner
    #[value(alias = "bottom-right")]
    RightBottom,
    /// The middle of the lower edge
    Bottom,
    /// The lower left corner
    #[value(alias = "bottom-left")]
    LeftBottom,
    /// The middle of the left edge
    Left,
    /// The upper left corner
    #[value(alias = "top-left")]
    LeftTop,
    /// The part with the most detail (Shannon entropy)
    Entropy,
    /// The part that draws the eye: detail, saturation, skin tones
    Attention,
}

/// Resampling kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Windowed sinc with three lobes: sharpest
    Lanczos3,
    /// Mitchell–Netravali (B = C = 1/3): no ringing
    Mitchell,
    /// Triangle
    Bilinear,
    /// Nearest neighbour: pixel art
    Nearest,
}

impl Options for Resize {
    const NAME: &'static str = "resize";
    const ABOUT: &'static str = "Resize an image, to one size or a ladder of sizes and formats from one decode";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("resize?width=800&format=webp", "800 pixels wide, WebP"),
        ("resize?width=400&height=400&fit=cover&position=attention", "a square around what draws the eye"),
        ("resize?widths=320,640,1280&formats=webp,jpeg", "a responsive ladder: six files from one decode"),
    ];
    const PROFILE: Profile = image_encoding::PROFILE;

    /// One decode, and each result's own encoding, of which those of AVIF take long.
    fn fast_path(&self) -> Option<FastPath> {
        let formats: Vec<ImageFormat> = self.format.iter().chain(&self.formats).copied().collect();
        let is_slow = self.encoding.effort > 6 || formats.contains(&ImageFormat::Avif);
        let results = (self.widths.len().max(1) * self.formats.len().max(1)) as u64;
        let each = if is_slow { 700 } else { 120 };
        let of_one = Self::PROFILE.fast_path?;
        Some(FastPath {
            milliseconds: of_one.milliseconds + (results - 1) * each + if is_slow { each } else { 0 },
            ..of_one
        })
    }

    fn validate(&self) -> Result<(), String> {
        if self.width.is_none() && self.height.is_none() && self.widths.is_empty() {
            return Err("needs a width, a height or widths, for example width=800".to_owned());
        }
        if self.width.is_some() && !self.widths.is_empty() {
            return Err("takes width or widths, not both".to_owned());
        }
        if self.format.is_some() && !self.formats.is_empty() {
            return Err("takes format or formats, not both".to_owned());
        }
        let results = self.widths.len().max(1) * self.formats.len().max(1);
        if results > 64 {
            return Err(format!("asks for {results} files; at most 64 from one upload"));
        }
        if has_repeats(&self.widths) || has_repeats(&self.formats) {
            return Err("widths and formats may name each value once only".to_owned());
        }
        Ok(())
    }
}

fn has_repeats<T: PartialEq>(values: &[T]) -> bool {
    values.iter().enumerate().any(|(at, value)| values[..at].contains(value))
}

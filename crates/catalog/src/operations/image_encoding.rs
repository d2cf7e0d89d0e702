//! Options that every operation with images as its result has.

use std::fmt;
use std::str::FromStr;

use clap::{ArgAction, Args, ValueEnum};
use serde::{Serialize, Serializer};

use crate::profile::Profile;
use crate::{FastPath, Format, MediaKind};

/// The profile of an operation that reads an image and writes images.
pub(crate) const PROFILE: Profile = Profile {
    fast_path: Some(FastPath::of(20, 250, 90)),
    ..Profile::of(Format::of_kind(MediaKind::Image), ImageFormat::CONTENT_TYPES, [(2, 4), (4, 16), (4, 30), (8, 60)])
};

/// How input is read and results are written.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct ImageEncoding {
    /// Quality of lossy formats, 1 (smallest) to 100 (best); each format has its own scale. Default: 80 for JPEG and
    /// WebP, 60 for AVIF
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// Encode WebP losslessly; PNG and TIFF are always lossless, JPEG, AVIF and GIF (256 colours) never
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub lossless: bool,
    /// Encoder effort, 0 (fastest) to 9 (smallest)
    #[arg(long, value_name = "0-9", default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=9))]
    pub effort: u8,
    /// Write progressive JPEG
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub progressive: bool,
    /// Whether to keep EXIF, XMP, IPTC and comments. Orientation is always applied to the pixels, and its tag is reset
    #[arg(long, value_enum, default_value_t = Metadata::OrientationAndIcc)]
    pub metadata: Metadata,
    /// Convert colours to sRGB, or keep the input's ICC profile and embed it
    #[arg(long, alias = "color", value_enum, default_value_t = Colour::Srgb)]
    pub colour: Colour,
    /// Use only the first frame of an animation. Of AVIF and HEIC sequences, only the still image is ever used
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub first_frame: bool,
    /// Page of a TIFF, counted from 1. Default: the first
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub page: Option<u32>,
    /// Decode as much of a truncated file as possible instead of failing; the manifest then has `truncated`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub allow_truncated: bool,
    /// Refuse inputs with more megapixels (all frames together), whatever their file size
    #[arg(long, value_name = "MEGAPIXELS", default_value_t = 268, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_megapixels: u32,
}

impl ImageEncoding {
    /// How an image that is written in its own size takes the fast path: AVIF and much effort take long for large ones.
    pub(crate) fn fast_path(&self, format: ImageFormat) -> Option<FastPath> {
        let is_slow = format == ImageFormat::Avif || self.effort > 6;
        if is_slow { Some(FastPath::of(4, 400, 1800)) } else { PROFILE.fast_path }
    }
}

/// Formats that images are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// JPEG: photographs, no transparency
    #[value(alias = "jpg")]
    Jpeg,
    /// PNG: lossless, 8 or 16 bits, transparency
    Png,
    /// WebP: lossy or lossless, transparency, animation
    Webp,
    /// AVIF: smallest lossy files, slow to encode
    Avif,
    /// GIF: 256 colours, animation
    Gif,
    /// TIFF: lossless, 8 or 16 bits
    #[value(alias = "tif")]
    Tiff,
}

impl ImageFormat {
    /// The media types of every format.
    pub const CONTENT_TYPES: &'static [&'static str] = &[
        Self::Jpeg.content_type(),
        Self::Png.content_type(),
        Self::Webp.content_type(),
        Self::Avif.content_type(),
        Self::Gif.content_type(),
        Self::Tiff.content_type(),
    ];

    /// The usual file name extension.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Gif => "gif",
            Self::Tiff => "tiff",
        }
    }

    /// The registered media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
        }
    }
}

/// What becomes of metadata that is not needed to show the image right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Metadata {
    /// Keep EXIF and XMP (orientation and size as in the result, no thumbnail), IPTC, pixels per inch and ICC; what a format
    /// does not hold is a warning
    Keep,
    /// Remove all, the ICC profile of converted colours included
    Strip,
    /// Keep what is needed to show the image right; private data such as the place it was taken at goes
    OrientationAndIcc,
}

/// The colour space of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// Convert to sRGB; high dynamic range (PQ, HLG) is tone-mapped, with diffuse white at 203 cd/m²
    Srgb,
    /// Keep the input's colour space and embed its profile
    Keep,
}

/// A colour as in CSS: `#rrggbb`, `#rrggbbaa`, `#rgb` or `#rgba` (the `#` may be left out), `transparent` or one of the
/// sixteen names of HTML 4.01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgba(pub [u8; 4]);

/// HTML 4.01, 6.5, and the other spelling of gray.
const NAMES: [(&str, [u8; 3]); 17] = [
    ("aqua", [0, 255, 255]),
    ("black", [0, 0, 0]),
    ("blue", [0, 0, 255]),
    ("fuchsia", [255, 0, 255]),
    ("gray", [128, 128, 128]),
    ("green", [0, 128, 0]),
    ("grey", [128, 128, 128]),
    ("lime", [0, 255, 0]),
    ("maroon", [128, 0, 0]),
    ("navy", [0, 0, 128]),
    ("olive", [128, 128, 0]),
    ("purple", [128, 0, 128]),
    ("red", [255, 0, 0]),
    ("silver", [192, 192, 192]),
    ("teal", [0, 128, 128]),
    ("white", [255, 255, 255]),
    ("yellow", [255, 255, 0]),
];

impl fmt::Display for Rgba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue, alpha] = self.0;
        write!(f, "{red:02x}{green:02x}{blue:02x}")?;
        if alpha == 255 { Ok(()) } else { write!(f, "{alpha:02x}") }
    }
}

impl FromStr for Rgba {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        if name == "transparent" {
            return Ok(Self([0; 4]));
        }
        if let Some((_, [red, green, blue])) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(Self([*red, *green, *blue, 255]));
        }
        let digits = text.strip_prefix('#').unwrap_or(text);
        // A digit of the short form stands for two of its own.
        let doubled: String = digits.chars().flat_map(|digit| [digit; 2]).collect();
        let digits = if matches!(digits.len(), 3 | 4) { &doubled } else { digits };
        let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (digits.len(), byte(0), byte(2), byte(4), byte(6)) {
            (6, Some(red), Some(green), Some(blue), None) if is_hex => Ok(Self([red, green, blue, 255])),
            (8, Some(red), Some(green), Some(blue), Some(alpha)) if is_hex => Ok(Self([red, green, blue, alpha])),
            _ => {
                Err("a colour is rrggbb, rrggbbaa, rgb, rgba, transparent or a name such as white, black or red"
                    .to_owned())
            }
        }
    }
}

impl Serialize for Rgba {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_taken_in_the_ways_of_css() {
        for (text, colour) in [
            ("#fff", [255, 255, 255, 255]),
            ("f80", [255, 136, 0, 255]),
            ("#f808", [255, 136, 0, 136]),
            ("Red", [255, 0, 0, 255]),
            ("#00804000", [0, 128, 64, 0]),
            ("transparent", [0, 0, 0, 0]),
        ] {
            assert_eq!(text.parse(), Ok(Rgba(colour)), "{text}");
            assert_eq!(Rgba(colour).to_string().parse(), Ok(Rgba(colour)), "what is written is read");
        }
        for text in ["", "#", "ff", "#ggg", "fffff", "#é", "ééé", "crimson"] {
            assert!(text.parse::<Rgba>().is_err(), "{text}");
        }
    }
}

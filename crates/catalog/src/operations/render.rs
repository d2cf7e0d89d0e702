use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use super::image_encoding::{ImageFormat, Rgba};
use super::simulate::Up;
use crate::operation::Options;
use crate::profile::{ExecutorClass, Profile};
use crate::{Format, MediaKind};

/// Makes pictures of a 3D model: stills, views on one sheet, a turntable, its animation. Light is traced from the eye, so that
/// glass, shadows and reflections are what they are.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Render {
    /// Width of a picture
    #[arg(long, value_name = "PIXELS", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub width: u32,
    /// Height of a picture [default: the width]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub height: Option<u32>,
    /// Format of stills
    #[arg(long, value_enum, default_value_t = StillFormat::Png)]
    pub format: StillFormat,
    /// Quality of JPEG, WebP and AVIF, 1 (smallest) to 100 (best)
    #[arg(long, value_name = "1-100", default_value_t = 90, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,
    /// From where: one picture each (`render.png`, or `render-front.png` and so on if there are several)
    #[arg(long, value_enum, value_name = "VIEW,…", value_delimiter = ',', default_value = "three-quarter")]
    pub views: Vec<View>,
    /// Write all views in one picture as well (`sheet.png`)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub sheet: bool,
    /// A camera of the file, by name or number from 0, in the place of views
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
    /// Degrees by which the three-quarter view is turned about the vertical axis from the front, counter-clockwise seen from
    /// above
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, default_value_t = 30.0, value_parser = degrees)]
    pub azimuth: f64,
    /// Degrees of the three-quarter view and of turntables above the horizon
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, default_value_t = 15.0, value_parser = elevation)]
    pub elevation: f64,
    /// Vertical angle of view
    #[arg(long, value_name = "DEGREES", default_value_t = 30.0, value_parser = field_of_view)]
    pub field_of_view: f64,
    /// Space around the model on each side, as a share of the picture
    #[arg(long, value_name = "FRACTION", default_value_t = 0.06, value_parser = padding)]
    pub padding: f64,
    /// Pictures of a turn about the vertical axis, as a clip (`turntable.webp` or `.mp4`)
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(2..=360))]
    pub turntable: Option<u32>,
    /// Write a clip of the model's animation (`animation.webp` or `.mp4`)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub play: bool,
    /// Which of the model's animations moves it, by name or number from 0; `none` for the pose at rest [default: the first]
    #[arg(long, value_name = "NAME")]
    pub animation: Option<String>,
    /// The moment of the animation that stills show, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub time: f64,
    /// Form of clips
    #[arg(long, value_enum, default_value_t = Clip::Webp)]
    pub clip: Clip,
    /// How long a clip lasts in seconds [default: 4 for a turntable, as long as the animation, up to 20, otherwise]
    #[arg(long, value_name = "SECONDS", value_parser = duration)]
    pub duration: Option<f64>,
    /// Pictures a second of a clip of an animation
    #[arg(long, value_name = "1-60", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub fps: u32,
    /// The light: soft boxes in a room, a clear sky with the sun, only the lamps of the file, or an equirectangular picture beside
    /// the model (`.hdr`, or any picture) by its name
    #[arg(long, value_name = "studio|sky|lights|FILE", default_value = "studio")]
    pub environment: String,
    /// Degrees by which the light is turned about the vertical axis
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, default_value_t = 0.0, value_parser = degrees)]
    pub rotation: f64,
    /// Brighter (or darker) by so many stops
    #[arg(long, value_name = "STOPS", allow_negative_numbers = true, default_value_t = 0.0, value_parser = stops)]
    pub exposure: f64,
    /// What is behind the model: a colour, `transparent`, or `environment`. JPEG has white in the place of transparency
    #[arg(long, value_name = "COLOUR|transparent|environment", default_value = "transparent")]
    pub background: Background,
    /// What is below the model: a shadow, or nothing [default: shadow where the background is a colour]
    #[arg(long, value_enum)]
    pub ground: Option<Ground>,
    /// How light becomes the colours of a screen
    #[arg(long, value_enum, default_value_t = ToneMapping::Neutral)]
    pub tone_mapping: ToneMapping,
    /// How much noise is left: `draft` for previews, `high` for print
    #[arg(long, value_enum, default_value_t = Effort::Standard)]
    pub effort: Effort,
    /// Exactly so many samples for each pixel and no filter, in the place of `effort`
    #[arg(long, value_name = "1-65536", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub samples: Option<u32>,
    /// Further pictures of each view: 16-bit PNGs, and the distance in metres as an EXR (`render-depth.exr`)
    #[arg(long, value_enum, value_name = "PASS,…", value_delimiter = ',')]
    pub passes: Vec<Pass>,
    /// What surfaces are made of
    #[arg(long, value_enum, default_value_t = Look::Own)]
    pub material: Look,
    /// The variant of the model (`KHR_materials_variants`), by name or number from 0
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Which axis of the file points up [default: y; z in STL, and in PLY and OBJ if the model is flat along z or stands on it]
    #[arg(long, value_enum)]
    pub up: Option<Up>,
}

/// Formats of stills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum StillFormat {
    /// Lossless, with transparency
    Png,
    /// Small, with transparency
    Webp,
    /// Without transparency
    Jpeg,
    /// The smallest, with transparency
    Avif,
}

impl StillFormat {
    /// As images know it.
    pub fn image_format(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Webp => ImageFormat::Webp,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Avif => ImageFormat::Avif,
        }
    }
}

/// From where a model is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// From `azimuth` and `elevation`
    ThreeQuarter,
    /// Towards -z
    Front,
    /// Towards +z
    Back,
    /// The model's right side, from -x
    Left,
    /// From +x
    Right,
    /// From above
    Top,
    /// From below
    Bottom,
    /// From the front, right and above, all three alike, in parallel
    Iso,
}

impl View {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::ThreeQuarter => "three-quarter",
            Self::Front => "front",
            Self::Back => "back",
            Self::Left => "left",
            Self::Right => "right",
            Self::Top => "top",
            Self::Bottom => "bottom",
            Self::Iso => "iso",
        }
    }
}

/// Form of clips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Clip {
    /// One animated WebP, with transparency
    Webp,
    /// One H.264 in an MP4 of at most 3840 × 2160, which everything plays; white in the place of transparency
    Mp4,
    /// Numbered pictures, and `turntable.json` or `animation.json` for viewers that turn them
    Frames,
}

/// What is below the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// Nothing
    None,
    /// A floor that shows nothing but the model's shadow
    Shadow,
}

/// How light becomes the colours of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ToneMapping {
    /// Khronos PBR Neutral: colours stay what they are, highlights fade to white
    Neutral,
    /// `AgX`: as film has it
    Agx,
    /// sRGB, cut off at white
    None,
}

/// How much noise is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// For previews and clips
    Draft,
    /// For product pictures
    Standard,
    /// For print
    High,
}

/// A further picture of what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// Distance along the line of sight: metres in the EXR, from the nearest (white) to the furthest in the PNG
    Depth,
    /// Normals in the scene's space, -1 to 1 as 0 to 65535
    Normal,
    /// Base colours
    Albedo,
    /// What is covered, white
    Mask,
    /// Positions in the box around the scene, 0 to 65535 on each axis
    Position,
}

impl Pass {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Normal => "normal",
            Self::Albedo => "albedo",
            Self::Mask => "mask",
            Self::Position => "position",
        }
    }
}

/// What surfaces are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// Their own materials
    Own,
    /// Grey clay, which shows shapes
    Clay,
    /// Clay with the edges of triangles
    Wireframe,
    /// Normals as colours
    Normals,
    /// A checked pattern over texture coordinates
    Uv,
}

/// What is behind the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// A colour, which may be transparent.
    Colour(Rgba),
    /// The light.
    Environment,
}

impl std::fmt::Display for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::Colour(Rgba([_, _, _, 0])) => f.write_str("transparent"),
            Self::Colour(colour) => colour.fmt(f),
        }
    }
}

impl std::str::FromStr for Background {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "environment" {
            return Ok(Self::Environment);
        }
        text.parse().map(Self::Colour).map_err(|error: String| format!("{error}, or environment"))
    }
}

impl Serialize for Background {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Render {
    /// The height of a picture.
    pub fn height(&self) -> u32 {
        self.height.unwrap_or(self.width)
    }
}

impl Options for Render {
    const NAME: &'static str = "render";
    const ALIASES: &'static [&'static str] = &["rendering"];
    const ABOUT: &'static str = "Make pictures of a 3D model: stills, sheets of views, turntables, its animation";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("render", "a still of 1024 × 1024 pixels with a transparent background"),
        ("render?width=1600&height=900&background=f4f4f4&format=webp", "a product picture with a shadow"),
        ("render?views=front,right,top,three-quarter&sheet&material=clay", "shapes from four sides, on one sheet"),
        ("render?width=512&turntable=36&effort=draft", "a turn in 36 pictures, as a WebP that plays"),
        ("render?play&width=512", "the model's animation as a WebP that plays"),
        ("render?width=1080&turntable=72&clip=mp4&background=ffffff", "a turn for shops and slides, as an MP4"),
        ("render?passes=depth,normal,mask", "what machines learn from"),
    ];
    const PROFILE: Profile = Profile {
        disk_gib: 50,
        executor: ExecutorClass::LargeDisk,
        relative_cost: 20,
        ..Profile::of(
            Format::of_kind(MediaKind::Model),
            &["image/png", "image/webp", "image/jpeg", "image/avif", "image/x-exr", "video/mp4", "application/json"],
            [(2, 4), (4, 8), (4, 24), (8, 60)],
        )
    };

    fn validate(&self) -> Result<(), String> {
        let pixels = u64::from(self.width) * u64::from(self.height());
        if pixels > MOST_PIXELS {
            return Err(format!(
                "a picture of {} × {} has {pixels} pixels; the most is {MOST_PIXELS}",
                self.width,
                self.height()
            ));
        }
        let mut views = self.views.clone();
        views.dedup();
        if views.is_empty() || (1..self.views.len()).any(|at| self.views[..at].contains(&self.views[at])) {
            return Err("views must name at least one view, and each once, for example views=front,top".to_owned());
        }
        if self.camera.is_some() && (self.sheet || self.views.len() > 1 || self.turntable.is_some() || self.play) {
            return Err("camera gives one picture; leave out views, sheet, turntable and play".to_owned());
        }
        let (longer, shorter) = (self.width.max(self.height()), self.width.min(self.height()));
        let is_clip = self.play || self.turntable.is_some();
        if is_clip && self.clip == Clip::Mp4 && (longer > LARGEST_MOVIE.0 || shorter > LARGEST_MOVIE.1) {
            return Err(format!(
                "an MP4 of {longer} × {shorter} pixels is too large; the most is {} × {}: ask for a smaller width, or for clip=webp",
                LARGEST_MOVIE.0, LARGEST_MOVIE.1
            ));
        }
        let frames = self.duration.unwrap_or(20.0) * f64::from(self.fps);
        if self.play && frames > 1200.0 {
            return Err(format!(
                "a clip of {frames} pictures is too long; the most is 1200: ask for less of duration or fps"
            ));
        }
        Ok(())
    }
}

/// The most pixels of a picture.
pub const MOST_PIXELS: u64 = 16 << 20;

/// The longer and the shorter side of an MP4, at most: what H.264's level 5.2 holds of them, and its encoder.
pub const LARGEST_MOVIE: (u32, u32) = (3840, 2160);

fn within(text: &str, range: std::ops::RangeInclusive<f64>, example: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!("must be a number from {} to {}, for example {example}", range.start(), range.end())),
    }
}

fn degrees(text: &str) -> Result<f64, String> {
    within(text, -360.0..=360.0, "45")
}

fn elevation(text: &str) -> Result<f64, String> {
    within(text, -90.0..=90.0, "20")
}

fn field_of_view(text: &str) -> Result<f64, String> {
    within(text, 1.0..=120.0, "30")
}

fn padding(text: &str) -> Result<f64, String> {
    within(text, 0.0..=0.4, "0.1")
}

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.0..=86_400.0, "1.5")
}

fn duration(text: &str) -> Result<f64, String> {
    within(text, 0.1..=60.0, "4")
}

fn stops(text: &str) -> Result<f64, String> {
    within(text, -10.0..=10.0, "0.5")
}

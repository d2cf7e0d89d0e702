use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use crate::operation::Options;
use crate::profile::{ExecutorClass, Profile};
use crate::{FastPath, Format, MediaKind};

/// Makes a 3D model small and quick to draw. Every step is an option; what is on by default changes nothing visible.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Optimise {
    /// Remove what nothing refers to: nodes outside every scene, meshes, materials, textures, vertex attributes
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub prune: bool,
    /// Keep vertex attributes that no material of the model uses, such as texture coordinates without a texture
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub keep_attributes: bool,
    /// Store equal accessors, images, textures, materials and meshes once
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub deduplicate: bool,
    /// Draw five or more nodes of the same mesh at once (`EXT_mesh_gpu_instancing`)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub instance: bool,
    /// Replace materials that differ only in plain colours by one with a small texture of these colours, if that lets
    /// meshes be joined
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub palette: bool,
    /// Join meshes of the same material that never move against each other; parts too small to keep their shapes stay
    /// apart
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub join: bool,
    /// Neither join nor instance nodes that have a name; otherwise `mergedNames` in the extras lists their names
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub keep_named_nodes: bool,
    /// Merge equal vertices
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub weld: bool,
    /// Fraction of the triangles to keep [default: all]
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub simplify: Option<f64>,
    /// How far simplification may move the surface before it stops, as a fraction of the mesh's extent
    #[arg(long, value_name = "FRACTION", value_parser = fraction, default_value = "0.01")]
    pub simplify_error: f64,
    /// Keep open borders unchanged when simplifying, so that neighbouring meshes still meet
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub lock_borders: bool,
    /// Levels of detail to write as separate files (model-lod1.glb, …): the fraction of the triangles of each
    #[arg(long, value_name = "FRACTION,…", value_delimiter = ',', value_parser = fraction)]
    pub lods: Vec<f64>,
    /// Purpose for which triangles and vertices are ordered
    #[arg(long, value_enum, default_value_t = Order::Size)]
    pub order: Order,
    /// Store positions, normals, tangents, texture coordinates, colours and weights in fewer bits
    #[arg(long, alias = "quantize", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub quantise: bool,
    /// Bits of a position along the longest side of the largest mesh; meshes with small parts get more, so that these
    /// keep
    /// their shapes
    #[arg(long, value_name = "BITS", default_value_t = 14, value_parser = clap::value_parser!(u8).range(8..=16))]
    pub position_bits: u8,
    /// Bits of each of the two numbers of a normal or tangent
    #[arg(long, value_name = "BITS", default_value_t = 8, value_parser = clap::value_parser!(u8).range(4..=16))]
    pub normal_bits: u8,
    /// Bits of a texture coordinate across one texture
    #[arg(long, value_name = "BITS", default_value_t = 12, value_parser = clap::value_parser!(u8).range(8..=16))]
    pub texture_coordinate_bits: u8,
    /// How geometry and keyframes are compressed
    #[arg(long, value_enum, default_value_t = Compress::Meshopt)]
    pub compress: Compress,
    /// Remove keyframes that interpolation reproduces within `animation-error`, and channels that repeat the rest pose
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub resample: bool,
    /// How far resampling may move a value, as a fraction of the channel's range (rotations: of a half turn)
    #[arg(long, value_name = "FRACTION", value_parser = fraction, default_value = "0.0005")]
    pub animation_error: f64,
    /// Format of textures; KTX2 textures are kept; formats that glTF does not have are converted to PNG first
    #[arg(long, value_enum, default_value_t = Textures::Webp)]
    pub textures: Textures,
    /// Quality of lossy textures; normal maps get a higher quality
    #[arg(long, value_name = "1-100", default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub texture_quality: u8,
    /// Effort to make textures small, 0 (fastest) to 6; 4 makes them 4 % smaller than 2 and takes twice the time
    #[arg(long, value_name = "0-6", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=6))]
    pub texture_effort: u8,
    /// Longest side of a texture in pixels; larger textures are downscaled
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=16384))]
    pub texture_size: Option<u32>,
}

/// Purpose for which triangles and vertices are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The smallest file; still good for the vertex cache
    Size,
    /// The vertex cache, then little overdraw
    Speed,
}

/// How geometry and keyframes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Compress {
    /// `EXT_meshopt_compression`, which viewers have to support
    Meshopt,
    /// No compression
    None,
}

/// Format of textures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Textures {
    /// WebP (`EXT_texture_webp`) where that is smaller
    Webp,
    /// As they are
    Keep,
}

impl Options for Optimise {
    const NAME: &'static str = "optimise";
    const ALIASES: &'static [&'static str] = &["optimize"];
    const ABOUT: &'static str = "Make a 3D model small and quick to draw";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("optimise", "everything that changes nothing visible"),
        ("optimise?simplify=0.5&texture-size=1024", "half the triangles, textures of at most 1024 pixels"),
        ("optimise?compress=none&textures=keep", "for viewers without meshopt and WebP"),
        ("optimise?lods=0.5,0.25,0.1", "three levels of detail beside the model"),
    ];
    const PROFILE: Profile = Profile {
        disk_gib: 50,
        executor: ExecutorClass::LargeDisk,
        relative_cost: 5,
        fast_path: Some(FastPath::of(16, 300, 198)),
        ..Profile::of(
            Format::of_kind(MediaKind::Model),
            &["model/gltf-binary", "application/json"],
            [(2, 4), (2, 8), (4, 24), (8, 60)],
        )
    };

    fn validate(&self) -> Result<(), String> {
        if self.lods.len() > 8 {
            return Err(format!("asks for {} levels of detail; the most is 8", self.lods.len()));
        }
        if self.lods.iter().any(|&lod| lod <= 0.0) || self.simplify.is_some_and(|simplify| simplify <= 0.0) {
            return Err("simplify and lods must be fractions above 0, for example lods=0.5,0.25".to_owned());
        }
        Ok(())
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("must be a fraction from 0 to 1, for example 0.5".to_owned()),
    }
}

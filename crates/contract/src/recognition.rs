//! What is recognised in a picture: recognition.json. Its schema is docs/recognition.schema.json.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that was recognised in one picture. What was not looked for is absent. Boxes and points are in pixels of the upright
/// picture at its own size, from its upper left corner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recognition {
    /// The version of this schema: 1.
    pub schema_version: u32,
    /// Width of the upright picture, pixels.
    pub width: u32,
    /// Height of the upright picture, pixels.
    pub height: u32,
    /// Who recognised it.
    pub engine: RecognitionEngine,
    /// Whether rows had to be made up because the input ends early.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What the picture shows, the most confident first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<Label>>,
    /// Faces, the most confident first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faces: Option<Vec<Face>>,
    /// What is written in the picture: lines, or parts of lines that stand apart, from the top of the text to its bottom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<TextLine>>,
    /// What may be unfit to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moderation: Option<Vec<ModerationLabel>>,
    /// What kind of picture it is, the most likely first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_types: Option<Vec<ContentType>>,
    /// Dominant colours, those of the largest shares first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colours: Option<Vec<ColourShare>>,
    /// How the picture was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Numbers that are alike for pictures that look alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Embedding>,
}

/// Who recognised a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecognitionEngine {
    /// `native`, or the name of a service.
    pub name: String,
    /// Its version, if it has one; networks are in the manifest with their SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Something that a picture shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Label {
    /// Its name, in English.
    pub name: String,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// The more general kinds that it is of, the nearest first.
    pub parents: Vec<String>,
    /// Where it is, if that is known: each thing of the kind, the most confident first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
}

/// One thing in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    /// Left, upper, right and lower edge, pixels.
    pub bounds: [f32; 4],
    /// How sure that is, 0 to 1.
    pub confidence: f32,
}

/// A face. Nobody is recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Face {
    /// Left, upper, right and lower edge, pixels.
    pub bounds: [f32; 4],
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// Points by name, pixels: `eyeLeft`, `eyeRight`, `nose`, `mouthLeft`, `mouthRight`, as seen by who looks at the picture.
    pub landmarks: BTreeMap<String, [f32; 2]>,
}

/// Words beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextLine {
    /// The words with spaces between them.
    pub text: String,
    /// The mean of the words' confidence, 0 to 1.
    pub confidence: f32,
    /// Left, upper, right and lower edge, pixels.
    pub bounds: [f32; 4],
    /// Upper left, upper right, lower right and lower left corner, as the line is read, pixels.
    pub corners: [[f32; 2]; 4],
    /// From the first to the last.
    pub words: Vec<TextWord>,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextWord {
    /// Its signs.
    pub text: String,
    /// How sure they are, 0 to 1.
    pub confidence: f32,
    /// Left, upper, right and lower edge, pixels.
    pub bounds: [f32; 4],
    /// Upper left, upper right, lower right and lower left corner, as the word is read, pixels.
    pub corners: [[f32; 2]; 4],
}

/// Something that may be unfit to be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModerationLabel {
    /// Its name.
    pub name: String,
    /// The more general kind, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How far down the tree of kinds it is, from 1.
    pub level: u8,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
}

/// A kind of picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentType {
    /// `photo`, `drawing`, `screenshot` or `document`.
    pub name: String,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
}

/// A colour and how much of a picture has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColourShare {
    /// `#rrggbb`, sRGB.
    pub rgb: String,
    /// The share of what can be seen of the picture, 0 to 1.
    pub share: f32,
}

/// How a picture was taken, each 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// The mean of the lightness.
    pub brightness: f32,
    /// How abruptly lightness changes at the sharpest edges of the picture at 640 pixels: 1 from one pixel to the next, about 1 / n
    /// over n pixels.
    pub sharpness: f32,
    /// The standard deviation of the lightness, twice: 1 for half black, half white.
    pub contrast: f32,
    /// The share of pixels that are as dark as can be.
    pub underexposed: f32,
    /// The share of pixels that are as light as can be.
    pub overexposed: f32,
}

/// Numbers that are alike for pictures that look alike: their scalar product with those of another picture is the cosine of the
/// angle between the two. Numbers of different networks cannot be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Embedding {
    /// SHA-256 of the network.
    pub network: String,
    /// A vector of length 1.
    pub values: Vec<f32>,
}

//! Text in pictures: lines of words with places and confidence.
//!
//! The steps are those of PP-OCR, whose networks these are (`PaddleOCR`, Apache-2.0). The picture is turned so that its text is
//! upright ([`direction`]); a network gives each pixel's probability of being text, of which [`detection`] makes rectangles, one a
//! line or a part of one; each is cut out level and 48 pixels high ([`strip`]), a network gives the probability of each sign in each
//! column, and [`recognition`] reads them and parts them into words.
//!
//! Work is bounded: a large picture is looked at in tiles of about a megapixel, at most 16 megapixels of it; the number of lines
//! and their length have bounds, too.

mod alphabet;
mod detection;
mod direction;
mod geometry;
mod recognition;
mod strip;

use std::borrow::Cow;

use contract::Failure;
use operation::Weights;
use pixels::canvas::flatten;
use pixels::orientation::Orientation;
use pixels::raster::{Model, Raster};

pub use alphabet::Alphabet;
pub use geometry::Quad;

/// The networks, without the library that runs them.
pub const NETWORKS: [&str; 4] = [detection::NETWORK, recognition::NETWORK, direction::OF_PAGES, direction::OF_LINES];

/// Lines of one picture that are read; a broadsheet has some 2,000.
const MOST_LINES: usize = 8000;

/// How a picture is read.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The signs that are looked for.
    pub alphabet: Alphabet,
    /// Words of less confidence are left out, 0 to 1.
    pub min_confidence: f32,
}

/// What is written in a picture. Places are in pixels of the picture as it was given, y downwards.
#[derive(Debug, Clone, Default)]
pub struct Text {
    /// Clockwise degrees (0, 90, 180 or 270) by which the picture has to be turned for its text to be upright.
    pub turned: u16,
    /// Clockwise degrees by which the lines of the turned picture rise or fall: positive where they fall.
    pub skew: f32,
    /// Lines, or parts of lines that stand apart, from the top of the turned picture to its bottom.
    pub lines: Vec<Line>,
    /// There are more lines than are read.
    pub is_partial: bool,
}

/// Words beside each other.
#[derive(Debug, Clone)]
pub struct Line {
    /// From the first word to the last.
    pub words: Vec<Word>,
    /// The mean of the words' confidence.
    pub confidence: f32,
    /// Upper left, upper right, lower right, lower left corner, as the line is read.
    pub corners: Quad,
}

/// A word: signs without a space between them.
#[derive(Debug, Clone)]
pub struct Word {
    /// Its signs.
    pub text: String,
    /// How sure the network is of them, 0 to 1.
    pub confidence: f32,
    /// Upper left, upper right, lower right, lower left corner, as the word is read.
    pub corners: Quad,
}

impl Line {
    /// The words with spaces between them.
    pub fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Loads the networks; to be called where [`inference::prepare`] is.
pub fn prepare(weights: &Weights) -> Result<(), Failure> {
    inference::prepare(weights, &NETWORKS)
}

/// Reads a grey or RGB picture of eight bits. What is transparent is white.
pub fn read(picture: &Raster, settings: &Settings, weights: &Weights) -> Result<Text, Failure> {
    let opaque;
    let picture = if picture.alpha {
        opaque = flatten(picture, catalog::operations::image_encoding::Rgba([255; 4]));
        &opaque
    } else {
        picture
    };
    if !matches!(picture.model, Model::Grey | Model::Rgb) || picture.samples.depth() != pixels::raster::Depth::Eight {
        return Err(Failure::internal("text is read in grey and RGB pictures of eight bits"));
    }
    let mut turned = direction::of_page(picture, weights)?;
    let mut upright =
        if turned == 0 { Cow::Borrowed(picture) } else { Cow::Owned(orientation(turned).apply(picture.clone())) };
    let mut found = detection::find(&upright, weights)?;
    if direction::is_page_upside_down(&upright, &found, weights)? {
        turned = (turned + 180) % 360;
        let (width, height) = (upright.width as f32, upright.height as f32);
        upright = Cow::Owned(orientation(180).apply(upright.into_owned()));
        // Rectangles are read the other way round in a picture that is turned: both together leave their direction.
        for line in &mut found {
            line.middle = [width - line.middle[0], height - line.middle[1]];
        }
        detection::sort(&mut found);
    }
    let looked_at = &*upright;
    let is_partial = found.len() > MOST_LINES;
    found.truncate(MOST_LINES);
    direction::turn_lines(looked_at, &mut found, weights)?;
    let skew = geometry::skew(&found);
    let mut lines = recognition::read(looked_at, &found, *settings, weights)?;
    let back = |[x, y]: [f32; 2]| {
        let (width, height) = (picture.width as f32, picture.height as f32);
        let [x, y] = match turned {
            90 => [y, height - x],
            180 => [width - x, height - y],
            270 => [width - y, x],
            _ => [x, y],
        };
        [x.clamp(0.0, width), y.clamp(0.0, height)]
    };
    for line in &mut lines {
        line.corners = line.corners.map(back);
        line.words.iter_mut().for_each(|word| word.corners = word.corners.map(back));
    }
    Ok(Text { turned, skew, lines, is_partial })
}

/// Turns by so many clockwise degrees.
fn orientation(turned: u16) -> Orientation {
    Orientation::from_exif(match turned {
        90 => 6,
        180 => 3,
        270 => 8,
        _ => 1,
    })
}

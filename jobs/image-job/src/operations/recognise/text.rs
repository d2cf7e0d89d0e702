//! What is written in the picture.

use catalog::operations::Recognise;
use contract::Failure;
use contract::recognition::{TextLine, TextWord};
use ocr::{Alphabet, Quad, Settings};
use operation::{Task, Weights};
use pixels::small_copy::small_copy;

use super::rounded;

/// Words of less confidence are seldom right.
const LEAST_CONFIDENCE: f32 = 0.5;
/// Pixels of the copy that is read: letters have to be legible in it.
const MOST_PIXELS: f64 = 16e6;

pub fn look_for(options: &Recognise, task: &Task, weights: &Weights) -> Result<Vec<TextLine>, Failure> {
    let picture = super::open(options, task)?;
    let size = picture.orientation.turn_size(picture.size);
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    let longest = width.max(height) * (MOST_PIXELS / (width * height)).sqrt().min(1.0);
    let copy = small_copy(picture, longest.ceil().max(1.0) as u32)?.raster;
    let min_confidence = options.min_confidence.share().max(LEAST_CONFIDENCE);
    let text = ocr::read(&copy, &Settings { alphabet: Alphabet::ALL, min_confidence }, weights)?;
    let scale = [size.0 as f32 / copy.width as f32, size.1 as f32 / copy.height as f32];
    let places = |corners: Quad| {
        let corners = corners.map(|[x, y]| [tenths(x * scale[0], size.0), tenths(y * scale[1], size.1)]);
        let edge = |axis: usize, choose: fn(f32, f32) -> f32| {
            corners.iter().map(|corner| corner[axis]).reduce(choose).unwrap_or_default()
        };
        ([edge(0, f32::min), edge(1, f32::min), edge(0, f32::max), edge(1, f32::max)], corners)
    };
    let word = |word: &ocr::Word| {
        let (bounds, corners) = places(word.corners);
        TextWord { text: word.text.clone(), confidence: rounded(word.confidence), bounds, corners }
    };
    let line = |line: &ocr::Line| {
        let (bounds, corners) = places(line.corners);
        let words = line.words.iter().map(word).collect();
        TextLine { text: line.text(), confidence: rounded(line.confidence), bounds, corners, words }
    };
    Ok(text.lines.iter().map(line).collect())
}

/// With one decimal, within the picture.
fn tenths(place: f32, length: u32) -> f32 {
    (place * 10.0).round().clamp(0.0, length as f32 * 10.0) / 10.0
}

//! Text that is read in pictures (OCR), as pages of blocks, lines and words like those of a PDF.

use catalog::operations::{Ocr, Text};
use contract::Failure;
use ocr::{Alphabet, Settings};
use operation::{Task, Weights};
use pixels::raster::Raster;

use crate::page_text::{Bounds, Method, PageText, union};
use crate::pdf::placed_text::{self, Placed};

/// Reads pictures as the options say.
pub(crate) struct Reader<'a> {
    settings: Settings,
    weights: &'a Weights,
}

/// Whether text in pictures is read, and if not, why.
pub(crate) enum Reading<'a> {
    By(Reader<'a>),
    /// Nobody asked for it.
    NotAsked,
    /// The weights are not installed; the words say what brings them.
    NotInstalled(String),
}

/// Gets ready to read: the library has to be opened before the sandbox closes. The networks are loaded once there is something to
/// read with them.
pub(crate) fn prepare(options: &Text, weights: &Weights) -> Result<(), Failure> {
    match (options.ocr, missing(weights)?) {
        (Ocr::Never, _) | (Ocr::Auto, Some(_)) => Ok(()),
        (Ocr::Always, Some(failure)) => Err(failure),
        (_, None) => inference::open_library(weights),
    }
}

/// What says that weights are not installed. Damaged ones are a failure of everybody who may need them.
fn missing(weights: &Weights) -> Result<Option<Failure>, Failure> {
    let mut names = Vec::new();
    for name in std::iter::once(inference::LIBRARY).chain(ocr::NETWORKS) {
        if !weights.is_installed(name)? {
            names.push(name);
        }
    }
    let names = names.join(" ");
    let message = format!("the weights that it needs are not installed; run scripts/weights {names}");
    Ok((!names.is_empty()).then(|| Failure::invalid_request(message)))
}

impl<'a> Reading<'a> {
    /// As the options and what is installed allow it.
    pub(crate) fn of(options: &Text, task: &'a Task) -> Result<Self, Failure> {
        if options.ocr == Ocr::Never {
            return Ok(Self::NotAsked);
        }
        match missing(&task.weights)? {
            None => {}
            Some(failure) if options.ocr == Ocr::Auto => return Ok(Self::NotInstalled(failure.to_string())),
            Some(failure) => return Err(failure),
        }
        let codes = || options.languages.iter().map(|language| language.code());
        let alphabet = Alphabet {
            ideographs: options.languages.is_empty() || codes().any(|code| code.starts_with("zh") || code == "ja"),
            kana: options.languages.is_empty() || codes().any(|code| code == "ja"),
        };
        let settings = Settings { alphabet, min_confidence: options.min_confidence.share() };
        Ok(Self::By(Reader { settings, weights: &task.weights }))
    }
}

impl Reader<'_> {
    /// Reads a picture that fills a page of that size in points.
    pub(crate) fn page(
        &self,
        picture: &Raster,
        number: usize,
        (width, height): (f32, f32),
    ) -> Result<PageText, Failure> {
        let text = ocr::read(picture, &self.settings, self.weights)?;
        let scale = [width / picture.width as f32, height / picture.height as f32];
        let level = Level::new(&text, (width, height));
        let mut words = Vec::new();
        for (line, index) in text.lines.iter().zip(0..) {
            for word in &line.words {
                let corners = word.corners.map(|[x, y]| [x * scale[0], y * scale[1]]);
                let bounds = around(corners.map(|corner| level.to_level(corner)));
                words.push(Placed { text: word.text.clone(), bounds, line: index, confidence: word.confidence });
            }
        }
        let confidence = text.lines.iter().map(|line| line.confidence).sum::<f32>() / text.lines.len().max(1) as f32;
        let mut blocks = placed_text::arrange(words);
        for block in &mut blocks {
            block.bounds = level.bounds_back(block.bounds);
            for line in &mut block.lines {
                line.bounds = level.bounds_back(line.bounds);
                line.words.iter_mut().for_each(|word| word.bounds = level.bounds_back(word.bounds));
            }
        }
        Ok(PageText {
            number,
            width,
            height,
            rotation: 0,
            method: if blocks.is_empty() { Method::Empty } else { Method::Ocr },
            confidence,
            is_partial: text.is_partial,
            blocks,
            notes: Vec::new(),
        })
    }
}

/// Between a page as it is and the same page turned so that its lines are level: layout reads level pages only.
struct Level {
    turned: u16,
    sin: f32,
    cos: f32,
    size: (f32, f32),
}

impl Level {
    fn new(text: &ocr::Text, size: (f32, f32)) -> Self {
        let (sin, cos) = text.skew.to_radians().sin_cos();
        Self { turned: text.turned, sin, cos, size }
    }

    fn to_level(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (width, height) = self.size;
        let [x, y] = match self.turned {
            90 => [height - y, x],
            180 => [width - x, height - y],
            270 => [y, width - x],
            _ => [x, y],
        };
        [x * self.cos + y * self.sin, y * self.cos - x * self.sin]
    }

    fn back(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [x, y] = [x * self.cos - y * self.sin, y * self.cos + x * self.sin];
        let (width, height) = self.size;
        match self.turned {
            90 => [y, height - x],
            180 => [width - x, height - y],
            270 => [width - y, x],
            _ => [x, y],
        }
    }

    fn bounds_back(&self, [left, top, right, bottom]: Bounds) -> Bounds {
        around([[left, top], [right, top], [right, bottom], [left, bottom]].map(|corner| self.back(corner)))
    }
}

fn around(corners: [[f32; 2]; 4]) -> Bounds {
    let [[x, y], rest @ ..] = corners;
    rest.into_iter().fold([x, y, x, y], |bounds, [x, y]| union(bounds, [x, y, x, y]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_on_a_turned_and_skewed_page_comes_back() {
        for turned in [0, 90, 180, 270] {
            let text = ocr::Text { turned, skew: 3.0, ..ocr::Text::default() };
            let level = Level::new(&text, (600.0, 800.0));
            let [x, y] = level.back(level.to_level([123.0, 456.0]));
            assert!((x - 123.0).abs() < 0.01 && (y - 456.0).abs() < 0.01, "{turned}: {x} {y}");
        }
    }

    #[test]
    fn a_line_that_falls_is_level() {
        let text = ocr::Text { skew: 10.0, ..ocr::Text::default() };
        let level = Level::new(&text, (600.0, 800.0));
        let slope = 10_f32.to_radians().tan();
        let [from, to] = [[100.0, 100.0], [300.0, 100.0 + 200.0 * slope]].map(|point| level.to_level(point));
        assert!((from[1] - to[1]).abs() < 0.01, "{from:?} {to:?}");
    }
}

//! Text that is read in pictures (OCR), as pages of blocks, lines and words like those of a PDF. Whoever reads the words, networks or
//! Amazon Textract, the layout is this project's own.

use std::cell::Cell;

use catalog::operations::{Ocr, Text, TextEngine};
use catalog::{Format, MediaKind};
use contract::{Failure, FailureKind};
use ocr::{Alphabet, Settings};
use operation::{Input, Outputs, Services, Task, Weights};
use pixels::raster::Raster;

use crate::page_text::{Bounds, Method, PageText, union};
use crate::pdf::placed_text::{self, Placed};
use crate::textract;

/// Reads pictures as the options say.
pub(crate) struct Reader<'a> {
    engine: TextEngine,
    settings: Settings,
    weights: &'a Weights,
    services: &'a Services,
    outputs: &'a Outputs,
    /// Why the networks cannot help where Textract fails, if they cannot.
    no_networks: Option<String>,
    /// Textract does not answer, and is asked no more.
    gave_up: Cell<bool>,
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
    if options.ocr == Ocr::Never || options.reader() == TextEngine::Textract {
        return Ok(());
    }
    match (needs_networks(options), missing(weights)?) {
        (false, Some(_)) => Ok(()),
        (true, Some(failure)) => Err(failure),
        (_, None) => inference::open_library(weights),
    }
}

/// Whether an input may hold pictures with text in them. Pages of a PDF that are pictures are image `XObjects`, whose dictionaries no
/// other stream can hold: without one, nothing is read by networks, and the library is not opened, which takes longer than the
/// text of a page.
pub(crate) fn may_hold_pictures(input: &Input) -> bool {
    match input.format() {
        Format::Pdf => input.map().map_or(true, |bytes| names_an_image(&bytes)),
        format => format.kind() == MediaKind::Image,
    }
}

/// Whether the bytes have the name `/Image`, and not only names that begin so (`/ImageB`, `/ImageMask`), or one with an escape that
/// may be it.
fn names_an_image(bytes: &[u8]) -> bool {
    let goes_on = |after: Option<&u8>| after.is_some_and(u8::is_ascii_alphanumeric);
    memchr::memmem::find_iter(bytes, b"/Image").any(|at| !goes_on(bytes.get(at + 6)))
        || ["/#49", "/I#", "/Im#", "/Ima#", "/Imag#"]
            .iter()
            .any(|name| memchr::memmem::find(bytes, name.as_bytes()).is_some())
}

/// Whether nobody else could do what is asked for.
fn needs_networks(options: &Text) -> bool {
    options.ocr == Ocr::Always && options.reader() == TextEngine::Native
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
        let engine = options.reader();
        let no_networks = if engine == TextEngine::Textract { None } else { missing(&task.weights)? };
        let no_networks = match no_networks {
            Some(failure) if needs_networks(options) => return Err(failure),
            Some(failure) if engine == TextEngine::Native => return Ok(Self::NotInstalled(failure.to_string())),
            failure => failure.map(|failure| failure.to_string()),
        };
        let codes = || options.languages.iter().map(|language| language.code());
        let alphabet = Alphabet {
            ideographs: options.languages.is_empty() || codes().any(|code| code.starts_with("zh") || code == "ja"),
            kana: options.languages.is_empty() || codes().any(|code| code == "ja"),
        };
        let settings = Settings { alphabet, min_confidence: options.min_confidence.share() };
        Ok(Self::By(Reader {
            engine,
            settings,
            weights: &task.weights,
            services: &task.services,
            outputs: &task.outputs,
            no_networks,
            gave_up: Cell::new(false),
        }))
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
        let Some(text) = self.read(picture, number)? else {
            return Ok(PageText { number, width, height, method: Method::OcrNeeded, ..PageText::default() });
        };
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

impl Reader<'_> {
    /// The words of a picture; nothing if nobody could read it and the result is to be had all the same.
    fn read(&self, picture: &Raster, number: usize) -> Result<Option<ocr::Text>, Failure> {
        let by_networks = || ocr::read(picture, &self.settings, self.weights).map(Some);
        if self.engine == TextEngine::Native {
            return by_networks();
        }
        let failure = if self.gave_up.get() {
            None
        } else {
            match textract::read(picture, self.settings.min_confidence, self.services) {
                Ok(text) => return Ok(Some(text)),
                Err(failure) if self.engine == TextEngine::Textract => return Err(failure),
                Err(failure) => Some(failure),
            }
        };
        if let Some(failure) = failure {
            // What is wrong with one page need not be with the next.
            self.gave_up.set(failure.kind() != FailureKind::InvalidInput);
            let from = if self.gave_up.get() { format!("from page {number} on") } else { format!("for page {number}") };
            self.outputs.warn(match &self.no_networks {
                None => format!("Textract was not to be had {from}, and the networks read instead: {failure}"),
                Some(reason) => {
                    format!("Textract was not to be had {from}: {failure}; nor were the networks: {reason}")
                }
            });
        }
        if self.no_networks.is_some() { Ok(None) } else { by_networks() }
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
    fn the_name_of_an_image_is_found_and_names_that_begin_like_it_are_not() {
        for bytes in ["<< /Subtype /Image /Width 3 >>", "<</Subtype/Image/Width 3>>", "/Image", "/Im#61ge", "/#49mage"]
        {
            assert!(names_an_image(bytes.as_bytes()), "{bytes}");
        }
        for bytes in ["", "Image", "/ProcSet [/PDF /Text /ImageB /ImageC /ImageI]", "/ImageMask true", "/Im1 Do"] {
            assert!(!names_an_image(bytes.as_bytes()), "{bytes}");
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

//! SVG by resvg, rendered at the size that is wanted. Nothing outside the file is ever opened: text is set in [`fonts`]
//! that are part of the program, and linked files and images by URL are left out and named. Images inside, as `data:`, are
//! decoded as any input is ([`embedded`]).

mod embedded;
mod fonts;
mod style_size;
mod text;

use std::io::Read as _;
use std::sync::Arc;

use contract::Failure;
use operation::Input;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::roxmltree::{Document, ParsingOptions};
use resvg::usvg::{ImageHrefResolver, Options, Tree};

use crate::decode::{Content, Picture, ReadOptions};
use crate::raster::{PixelFormat, Raster, RasterRows, RowMut, RowSource, Samples};
use embedded::Embedded;

/// The largest file taken: the tree takes many times its size.
const MOST_BYTES: u64 = 32 << 20;
/// What setting all texts may take, see [`text_work`]: some seconds.
const MOST_TEXT_WORK: u64 = 4_000_000_000;
/// Elements, attributes and text parts.
const MOST_NODES: u32 = 1_000_000;

/// Opens an SVG: it is parsed, and painted when its rows are read. Its pixels are limited when it is painted, at the size
/// that is wanted then.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let bytes = unpacked(&input.map()?)?;
    let embedded = Embedded::new(options);
    let tree = tree(&bytes, &embedded, 0)?;
    let pixels = |length: f32| length.ceil().clamp(1.0, 1e9) as u32;
    let size = (pixels(tree.size().width()), pixels(tree.size().height()));
    let rows = Rows { tree, size, options: *options, decoded: None };
    let warnings = embedded.left_out();
    Ok(Picture { warnings, ..Picture::new(size, PixelFormat::RGBA8, Content::Still(Box::new(rows))) })
}

/// The text, which may be compressed by gzip.
fn unpacked(file: &[u8]) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::invalid_input(format!("the SVG has more than {} megabytes", MOST_BYTES >> 20));
    let mut bytes = Vec::new();
    if file.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = flate2::read::MultiGzDecoder::new(file).take(MOST_BYTES + 1);
        let read = decoder.read_to_end(&mut bytes);
        read.map_err(|error| Failure::invalid_input("the SVG's gzip compression is damaged").because(error))?;
    } else if file.len() as u64 <= MOST_BYTES {
        bytes.extend_from_slice(file);
    } else {
        return Err(too_large());
    }
    if bytes.len() as u64 > MOST_BYTES { Err(too_large()) } else { Ok(bytes) }
}

/// The drawing in a file, and in what is embedded in it.
fn tree(bytes: &[u8], embedded: &Arc<Embedded>, depth: u32) -> Result<Tree, Failure> {
    let text = text::decode(bytes)?;
    text::check_entities(&text)?;
    let parsing = || ParsingOptions { allow_dtd: true, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let unreadable = |error| Failure::invalid_input("the SVG is not well-formed XML").because(error);
    let document = Document::parse_with_options(&text, parsing()).map_err(unreadable)?;
    let resized = style_size::with_attributes(&text, &document);
    let document = match &resized {
        Some(text) => Document::parse_with_options(text, parsing()).map_err(unreadable)?,
        None => document,
    };
    let text_work = text_work(&document);
    if text_work > MOST_TEXT_WORK {
        return Err(Failure::invalid_input("the SVG has too long texts, or too many spans in them, to be set"));
    }
    let (data, other) = (embedded.clone(), embedded.clone());
    let settings = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(move |_, bytes, _| data.draw(&bytes, depth)),
            resolve_string: Box::new(move |name, _| other.leave_out(&name.chars().take(80).collect::<String>())),
        },
        font_family: fonts::DEFAULT_FAMILY.to_owned(),
        font_resolver: fonts::resolver(),
        fontdb: if text_work > 0 { fonts::database() } else { Arc::default() },
        ..Options::default()
    };
    Tree::from_xmltree(&document, &settings)
        .map_err(|error| Failure::invalid_input("the SVG cannot be read").because(error))
}

/// usvg looks at all characters of a text for each of them, and 200 times as long for each span. Measured: 1.6 billion of
/// these take a second.
fn text_work(document: &Document<'_>) -> u64 {
    let texts = document.descendants().filter(|node| node.tag_name().name() == "text");
    let work = texts.map(|text| {
        let (mut characters, mut spans) = (1_u64, 0_u64);
        for node in text.descendants() {
            characters += node.text().filter(|_| node.is_text()).map_or(0, |text| text.chars().count() as u64);
            spans += u64::from(node.is_element());
        }
        characters.saturating_mul(characters.saturating_add(200 * spans))
    });
    work.fold(0, u64::saturating_add)
}

struct Rows {
    tree: Tree,
    size: (u32, u32),
    options: ReadOptions,
    decoded: Option<RasterRows>,
}

impl Rows {
    fn paint(&self) -> Result<Raster, Failure> {
        self.options.check_size(self.size.0, self.size.1, 1)?;
        let mut pixmap = Pixmap::new(self.size.0, self.size.1)
            .ok_or_else(|| Failure::invalid_input("the SVG is too large to be painted"))?;
        let scale = (self.size.0 as f32 / self.tree.size().width(), self.size.1 as f32 / self.tree.size().height());
        resvg::render(&self.tree, Transform::from_scale(scale.0, scale.1), &mut pixmap.as_mut());
        let samples = pixmap.pixels().iter().flat_map(|pixel| {
            let colour = pixel.demultiply();
            [colour.red(), colour.green(), colour.blue(), colour.alpha()]
        });
        let samples = Samples::Eight(samples.collect());
        Ok(Raster { width: self.size.0, height: self.size.1, model: PixelFormat::RGBA8.model, alpha: true, samples })
    }
}

impl RowSource for Rows {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn format(&self) -> PixelFormat {
        PixelFormat::RGBA8
    }

    fn vector_size(&mut self, size: (u32, u32)) {
        self.size = size;
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if self.decoded.is_none() {
            self.decoded = Some(RasterRows::new(self.paint()?));
        }
        self.decoded.as_mut().map_or(Ok(()), |rows| rows.read(row))
    }
}

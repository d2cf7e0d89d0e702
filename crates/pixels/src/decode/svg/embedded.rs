//! Images inside of a drawing. They are opened and limited as inputs are, and handed to resvg as PNGs; nothing is left out
//! in silence.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use catalog::{Detection, Format};
use contract::Failure;
use operation::Input;
use resvg::usvg::ImageKind;

use crate::colour::ColourConversion;
use crate::decode::{self, Content, Picture, ReadOptions};
use crate::raster::{PixelFormat, Raster, RasterBuilder, Samples};

/// How deep drawings may lie in each other.
const MOST_DEPTH: u32 = 4;
/// Drawings inside of a drawing.
const MOST_DRAWINGS: u64 = 100;

/// What all images of a drawing share.
pub struct Embedded {
    options: ReadOptions,
    /// Pixels that may still be decoded.
    pixels: AtomicU64,
    drawings: AtomicU64,
    left_out: Mutex<Vec<String>>,
}

impl Embedded {
    /// None yet.
    pub fn new(options: &ReadOptions) -> Arc<Self> {
        let options = ReadOptions { first_frame: true, page: None, ..*options };
        let pixels = AtomicU64::new(options.max_pixels);
        Arc::new(Self { options, pixels, drawings: AtomicU64::new(MOST_DRAWINGS), left_out: Mutex::default() })
    }

    /// What was left out, in words.
    pub fn left_out(&self) -> Vec<String> {
        self.left_out.lock().map(|texts| texts.clone()).unwrap_or_default()
    }

    /// An image that is not inside.
    pub fn leave_out(&self, what: &str) -> Option<ImageKind> {
        if let Ok(mut texts) = self.left_out.lock() {
            texts.push(format!("an image of the SVG is left out: {what} is not inside of the file"));
        }
        None
    }

    /// An image inside, at a depth of drawings.
    pub fn draw(self: &Arc<Self>, bytes: &[u8], depth: u32) -> Option<ImageKind> {
        let image = match catalog::detect(bytes, bytes.len() as u64, "", None) {
            Detection::Known(Format::Svg) => self.drawing(bytes, depth),
            Detection::Known(format) => self.image(bytes, format),
            Detection::Unsupported(what) => Err(Failure::invalid_input(what)),
        };
        image
            .map_err(|failure| {
                if let Ok(mut texts) = self.left_out.lock() {
                    texts.push(format!("an image inside of the SVG is left out: {failure}"));
                }
            })
            .ok()
    }

    fn drawing(self: &Arc<Self>, bytes: &[u8], depth: u32) -> Result<ImageKind, Failure> {
        let left = self.drawings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if depth >= MOST_DEPTH || left.is_err() {
            return Err(Failure::invalid_input("too many drawings lie in each other"));
        }
        super::tree(bytes, self, depth + 1).map(ImageKind::SVG)
    }

    fn image(&self, bytes: &[u8], format: Format) -> Result<ImageKind, Failure> {
        let options = ReadOptions { max_pixels: self.pixels.load(Ordering::Relaxed), ..self.options };
        let input = Input::from_bytes("image", format, bytes.to_vec());
        let picture = decode::open(&input, &options)?;
        let pixels = u64::from(picture.size.0) * u64::from(picture.size.1);
        self.pixels.fetch_sub(pixels.min(options.max_pixels), Ordering::Relaxed);
        let raster = upright_srgb(picture)?;
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, raster.width, raster.height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_compression(png::Compression::Fastest);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(raster.eight()));
        written.map_err(|error| Failure::internal("an image cannot be handed on").because(error))?;
        Ok(ImageKind::PNG(Arc::new(png)))
    }
}

/// The pixels of a picture as eight-bit RGB with opacity.
fn upright_srgb(picture: Picture) -> Result<Raster, Failure> {
    let conversion = ColourConversion::new(
        picture.format.model,
        &picture.profile,
        catalog::operations::image_encoding::Colour::Srgb,
    );
    let Content::Still(mut rows) = picture.content else {
        return Err(Failure::internal("one frame was asked for"));
    };
    let format = rows.format();
    let mut gathered = RasterBuilder::new(rows.size(), format)?;
    let mut row = Samples::zeroed(format.depth, rows.size().0 as usize * format.channels())?;
    for _ in 0..rows.size().1 {
        rows.read(row.as_row_mut())?;
        gathered.push(row.as_row())?;
    }
    let raster = conversion.apply(gathered.finish())?.into_eight();
    let raster = picture.orientation.apply(raster);
    let channels = raster.format().channels();
    let pixels = raster.eight().chunks_exact(channels).flat_map(|pixel| match *pixel {
        [grey] => [grey, grey, grey, 255],
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue] => [red, green, blue, 255],
        [red, green, blue, alpha, ..] => [red, green, blue, alpha],
        [] => [0; 4],
    });
    let samples = Samples::Eight(pixels.collect());
    Ok(Raster { model: PixelFormat::RGBA8.model, alpha: true, samples, ..raster })
}

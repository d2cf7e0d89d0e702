//! BMP by the `image` crate: decoded as a whole, which their structure asks for.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contract::Failure;
use image::codecs::bmp::BmpDecoder;
use image::error::ImageError;
use image::{ColorType, ImageDecoder, Limits};
use operation::{Input, InputReader};

use crate::decode::{Content, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions};
use crate::orientation::Orientation;
use crate::raster::{Depth, Model, PixelFormat, Raster, RasterRows, RowMut, RowSource, Samples};

/// Opens a BMP.
pub fn bmp(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let is_cut = Arc::new(AtomicBool::new(false));
    let reader = Padded { reader: input.reader(), left: options.allow_truncated.then_some(PADDING), is_cut };
    let is_cut = reader.is_cut.clone();
    let reader = BufReader::with_capacity(1 << 16, reader);
    open(BmpDecoder::new(reader).map_err(|error| failure("BMP", error))?, "BMP", is_cut, options)
}

fn open(
    mut decoder: impl ImageDecoder + Send + 'static,
    name: &'static str,
    is_cut: Arc<AtomicBool>,
    options: &ReadOptions,
) -> Result<Picture, Failure> {
    let size = decoder.dimensions();
    options.check_size(size.0, size.1, 1)?;
    let mut limits = Limits::no_limits();
    // Sixteen bytes a pixel is the most that any layout takes; the pixels themselves are limited above.
    limits.max_alloc = Some(u64::from(size.0) * u64::from(size.1) * 16 * 2 + (64 << 20));
    decoder.set_limits(limits).map_err(|error| failure(name, error))?;
    let colour = decoder.color_type();
    let (model, alpha, depth) = match colour {
        ColorType::L8 => (Model::Grey, false, Depth::Eight),
        ColorType::La8 => (Model::Grey, true, Depth::Eight),
        ColorType::Rgb8 => (Model::Rgb, false, Depth::Eight),
        ColorType::Rgba8 => (Model::Rgb, true, Depth::Eight),
        ColorType::L16 => (Model::Grey, false, Depth::Sixteen),
        ColorType::La16 => (Model::Grey, true, Depth::Sixteen),
        ColorType::Rgb16 | ColorType::Rgb32F => (Model::Rgb, false, Depth::Sixteen),
        ColorType::Rgba16 | ColorType::Rgba32F => (Model::Rgb, true, Depth::Sixteen),
        other => return Err(Failure::invalid_input(format!("the {name} has pixels of an unknown layout ({other:?})"))),
    };
    let format = PixelFormat { model, alpha, depth };
    let icc = decoder.icc_profile().ok().flatten().filter(|icc| icc.len() <= MOST_PROFILE_BYTES);
    let profile = icc.map_or(Profile::Srgb, Profile::Icc);
    let orientation = decoder.orientation().map_or(1, |orientation| u16::from(orientation.to_exif()));
    let rows = Rows { decoder: Some(decoder), name, size, format, is_cut, decoded: None };
    Ok(Picture {
        size,
        format,
        profile,
        orientation: Orientation::from_exif(orientation),
        metadata: Metadata::default(),
        frames: 1,
        sequence: false,
        pages: 1,
        more_frames: false,
        warnings: Vec::new(),
        content: Content::Still(Box::new(rows)),
    })
}

fn failure(name: &str, error: ImageError) -> Failure {
    match error {
        ImageError::Limits(_) => Failure::invalid_input(format!("the {name} needs too much memory")).because(error),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Failure::invalid_input(format!("the {name} is truncated; allow-truncated takes what is there"))
        }
        error => Failure::invalid_input(format!("the {name} cannot be decoded")).because(error),
    }
}

/// Zeros that follow the end of a file at most: rows that are missing, however many.
const PADDING: u64 = 1 << 34;

/// A file that goes on as zeros behind its end, where it may be truncated.
struct Padded {
    reader: InputReader,
    /// How many zeros are left; none where an end is an end.
    left: Option<u64>,
    /// Whether zeros were read.
    is_cut: Arc<AtomicBool>,
}

impl Read for Padded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let Some(left) = &mut self.left else { return Ok(count) };
        if count > 0 || *left == 0 {
            return Ok(count);
        }
        self.is_cut.store(true, Ordering::Relaxed);
        *left = left.saturating_sub(buffer.len() as u64);
        buffer.fill(0);
        Ok(buffer.len())
    }
}

impl Seek for Padded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

struct Rows<D> {
    decoder: Option<D>,
    name: &'static str,
    size: (u32, u32),
    format: PixelFormat,
    is_cut: Arc<AtomicBool>,
    decoded: Option<RasterRows>,
}

impl<D: ImageDecoder + Send> Rows<D> {
    fn decode(&self, decoder: D) -> Result<Raster, Failure> {
        let colour = decoder.color_type();
        let mut raster = Raster::new(self.size.0, self.size.1, self.format)?;
        let read = |decoder: D, bytes: &mut [u8]| decoder.read_image(bytes).map_err(|error| failure(self.name, error));
        match &mut raster.samples {
            Samples::Eight(samples) => read(decoder, samples)?,
            Samples::Sixteen(samples) => {
                let float = matches!(colour, ColorType::Rgb32F | ColorType::Rgba32F);
                let mut bytes = vec![0; samples.len() * if float { 4 } else { 2 }];
                read(decoder, &mut bytes)?;
                if float {
                    for (sample, bytes) in samples.iter_mut().zip(bytes.chunks_exact(4)) {
                        let value = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                        *sample = (value.clamp(0.0, 1.0) * 65535.0 + 0.5) as u16;
                    }
                } else {
                    for (sample, bytes) in samples.iter_mut().zip(bytes.chunks_exact(2)) {
                        *sample = u16::from_ne_bytes([bytes[0], bytes[1]]);
                    }
                }
            }
        }
        Ok(raster)
    }
}

impl<D: ImageDecoder + Send> RowSource for Rows<D> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if let Some(decoder) = self.decoder.take() {
            self.decoded = Some(RasterRows::new(self.decode(decoder)?));
        }
        match &mut self.decoded {
            Some(rows) => rows.read(row),
            None => Err(Failure::internal("decoding has failed before")),
        }
    }

    fn truncated(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }
}

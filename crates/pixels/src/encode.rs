//! Writes pictures in the formats that are offered.

mod avif;
mod bounded;
mod gif;
mod jpeg;
mod png;
mod tiff;
mod webp;

use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard};

pub use bounded::bounded_jpeg;

use catalog::operations::image_encoding::{ImageEncoding, ImageFormat};
use contract::{Failure, Properties};
use operation::{OutputFile, Outputs};

use crate::decode::{Frame, Metadata};
use crate::planes::PlaneSizes;
use crate::raster::{PixelFormat, Raster, Row};

/// An output that an encoder and the operation hold together: the one writes, the other finishes it.
#[derive(Clone)]
pub struct Output(Arc<Mutex<Place>>);

/// Where the bytes go.
enum Place {
    File(BufWriter<OutputFile>),
    Memory(Cursor<Vec<u8>>),
}

impl Output {
    /// Begins an output.
    pub fn create(outputs: &Outputs, name: &str) -> Result<Self, Failure> {
        let file = BufWriter::with_capacity(1 << 16, outputs.create(name)?);
        Ok(Self(Arc::new(Mutex::new(Place::File(file)))))
    }

    /// Begins a picture that is no output: one to be handed on.
    fn in_memory() -> Self {
        Self(Arc::new(Mutex::new(Place::Memory(Cursor::default()))))
    }

    /// The output is complete and its encoder is gone.
    pub fn finish(self, content_type: &str, properties: Properties) -> Result<(), Failure> {
        match self.into_place()? {
            Place::File(writer) => {
                writer.into_inner().map_err(io::IntoInnerError::into_error)?.finish(content_type, properties);
                Ok(())
            }
            Place::Memory(_) => Err(Failure::internal("a picture in memory is not an output")),
        }
    }

    /// The bytes of a picture in memory.
    fn into_bytes(self) -> Result<Vec<u8>, Failure> {
        match self.into_place()? {
            Place::Memory(bytes) => Ok(bytes.into_inner()),
            Place::File(_) => Err(Failure::internal("an output is not a picture in memory")),
        }
    }

    fn into_place(self) -> Result<Place, Failure> {
        let place = Arc::into_inner(self.0).ok_or_else(|| Failure::internal("an encoder has not finished"))?;
        place.into_inner().map_err(|_| Failure::internal("an encoder has panicked"))
    }

    fn lock(&self) -> io::Result<MutexGuard<'_, Place>> {
        self.0.lock().map_err(|_| io::Error::other("an encoder has panicked"))
    }
}

impl Seek for Output {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        match &mut *self.lock()? {
            Place::File(file) => file.seek(from),
            Place::Memory(bytes) => bytes.seek(from),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.lock()? {
            Place::File(file) => file.write(bytes),
            Place::Memory(memory) => memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.lock()? {
            Place::File(file) => file.flush(),
            Place::Memory(_) => Ok(()),
        }
    }
}

/// What is written beside pixels.
#[derive(Debug, Clone, Default)]
pub struct Attachments {
    /// The ICC profile of the pixels; none for sRGB.
    pub icc: Option<Vec<u8>>,
    /// What to keep of the input's.
    pub metadata: Metadata,
}

/// Takes the rows of a picture, top to bottom, and writes them as they come.
pub trait RowSink: Send {
    /// Takes the next row.
    fn write(&mut self, row: Row<'_>) -> Result<(), Failure>;

    /// The sizes of luma and chroma, of a format that stores chroma with half as many columns and rows. Either planes of
    /// these sizes are written or rows.
    fn plane_sizes(&self) -> Option<PlaneSizes> {
        None
    }

    /// Takes the next row of a plane.
    fn write_plane(&mut self, plane: usize, row: &[u8]) -> Result<(), Failure> {
        let _ = (plane, row);
        Err(Failure::internal("the format has no planes"))
    }

    /// After the last row.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

/// What a format can hold.
pub struct Abilities {
    /// Opacity.
    pub alpha: bool,
    /// Sixteen bits a sample.
    pub sixteen: bool,
    /// Several frames.
    pub animation: bool,
    /// Grey as one sample.
    pub grey: bool,
    /// Luma and chroma as JPEG has them.
    pub luma_and_chroma: bool,
    /// An ICC profile.
    pub profile: bool,
}

/// What a format can hold.
pub fn abilities(format: ImageFormat) -> Abilities {
    let (alpha, sixteen, animation, grey) = match format {
        ImageFormat::Jpeg => (false, false, false, true),
        ImageFormat::Png => (true, true, true, true),
        ImageFormat::Avif => (true, false, false, true),
        ImageFormat::Gif | ImageFormat::Webp => (true, false, true, false),
        ImageFormat::Tiff => (true, true, false, true),
    };
    let luma_and_chroma = matches!(format, ImageFormat::Jpeg | ImageFormat::Avif);
    Abilities { alpha, sixteen, animation, grey, luma_and_chroma, profile: format != ImageFormat::Gif }
}

/// The milliseconds that a frame is shown at most, in a format that holds several.
pub fn longest_frame(format: ImageFormat) -> Option<u32> {
    match format {
        ImageFormat::Gif => Some(gif::LONGEST_FRAME),
        ImageFormat::Png => Some(png::LONGEST_FRAME),
        ImageFormat::Webp => Some(webp::LONGEST_FRAME),
        ImageFormat::Avif | ImageFormat::Jpeg | ImageFormat::Tiff => None,
    }
}

/// Whether [`rows`] writes the format.
pub fn is_written_by_rows(format: ImageFormat) -> bool {
    matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Tiff)
}

/// What of the metadata a format does not hold, in words.
pub fn left_out(format: ImageFormat, metadata: &Metadata) -> Vec<&'static str> {
    let parts = [
        (metadata.exif.is_some(), "EXIF"),
        (metadata.xmp.is_some(), "XMP"),
        (metadata.iptc.is_some(), "IPTC"),
        (metadata.density.is_some(), "its pixels per inch"),
    ];
    let held: &[&str] = match format {
        ImageFormat::Gif => &[],
        ImageFormat::Jpeg => return jpeg::left_out(metadata),
        ImageFormat::Tiff => return Vec::new(),
        // WebP and AVIF have a density by way of EXIF.
        ImageFormat::Png | ImageFormat::Webp | ImageFormat::Avif => &["EXIF", "XMP", "its pixels per inch"],
    };
    parts.into_iter().filter(|(is_there, part)| *is_there && !held.contains(part)).map(|(_, part)| part).collect()
}

/// Writes one picture, which must be within the format's abilities.
pub fn still(
    output: Output,
    raster: &Raster,
    format: ImageFormat,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<(), Failure> {
    match format {
        ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Tiff => {
            let size = (raster.width, raster.height);
            let mut sink = rows(output, size, raster.format(), format, encoding, attachments)?;
            (0..raster.height).try_for_each(|y| sink.write(raster.row(y)))?;
            sink.finish()
        }
        ImageFormat::Gif => gif::still(output, raster, encoding),
        ImageFormat::Webp => webp::still(output, raster, encoding, attachments),
        ImageFormat::Avif => avif::still(output, raster, encoding, attachments),
    }
}

/// Starts a picture of a format that is written row by row: JPEG, PNG and TIFF.
pub fn rows(
    output: Output,
    size: (u32, u32),
    pixels: PixelFormat,
    format: ImageFormat,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<Box<dyn RowSink>, Failure> {
    match format {
        ImageFormat::Jpeg => jpeg::rows(output, size, pixels.model, encoding, attachments),
        ImageFormat::Png => png::rows(output, size, pixels, encoding, attachments),
        ImageFormat::Tiff => tiff::rows(output, size, pixels, attachments),
        other => Err(Failure::internal(format!("{} is not written row by row", other.extension()))),
    }
}

/// An animation being written.
pub trait FrameSink: Send {
    /// Takes the next frame.
    fn write(&mut self, frame: &Frame) -> Result<(), Failure>;

    /// After the last frame.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

/// Starts an animation of eight-bit RGB frames with opacity.
pub fn animation(
    output: Output,
    size: (u32, u32),
    (frames, loops): (u32, u32),
    format: ImageFormat,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<Box<dyn FrameSink>, Failure> {
    match format {
        ImageFormat::Gif => gif::animation(output, size, loops, encoding),
        ImageFormat::Png => png::animation(output, size, (frames, loops), encoding, attachments),
        ImageFormat::Webp => webp::animation(output, size, loops, encoding, attachments),
        other => Err(Failure::internal(format!("{} holds no animation", other.extension()))),
    }
}

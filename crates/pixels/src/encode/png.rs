//! PNG and APNG by the `png` crate.

use std::borrow::Cow;
use std::io::Write;

use catalog::operations::image_encoding::ImageEncoding;
use contract::Failure;
use png::{
    BitDepth, BlendOp, ColorType, Compression, DisposeOp, Encoder, EncodingError, Info, PixelDimensions, StreamWriter,
    Unit, Writer,
};

use crate::decode::Frame;
use crate::encode::{Attachments, FrameSink, Output, RowSink};
use crate::raster::{Depth, Model, PixelFormat, Row};

/// Starts a PNG.
pub fn rows(
    output: Output,
    size: (u32, u32),
    pixels: PixelFormat,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<Box<dyn RowSink>, Failure> {
    let encoder = encoder(output, size, pixels, encoding, attachments)?;
    let writer = encoder.write_header().and_then(|writer| writer.into_stream_writer_with_size(1 << 16));
    Ok(Box::new(Rows { writer: writer.map_err(failure)?, bytes: Vec::new() }))
}

/// Starts an APNG of eight-bit RGB frames with opacity.
pub fn animation(
    output: Output,
    size: (u32, u32),
    (frames, loops): (u32, u32),
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<Box<dyn FrameSink>, Failure> {
    let mut encoder = encoder(output, size, PixelFormat::RGBA8, encoding, attachments)?;
    encoder.set_animated(frames, loops).map_err(failure)?;
    encoder.set_blend_op(BlendOp::Source).map_err(failure)?;
    encoder.set_dispose_op(DisposeOp::None).map_err(failure)?;
    Ok(Box::new(Frames { writer: encoder.write_header().map_err(failure)? }))
}

fn encoder(
    output: Output,
    (width, height): (u32, u32),
    pixels: PixelFormat,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<Encoder<'static, Output>, Failure> {
    let mut info = Info::with_size(width, height);
    info.icc_profile = attachments.icc.clone().map(Cow::Owned);
    info.pixel_dims = attachments.metadata.density.map(|density| {
        let per_metre = |density: f64| (density / 0.0254).round() as u32;
        PixelDimensions { xppu: per_metre(density.across), yppu: per_metre(density.down), unit: Unit::Meter }
    });
    info.exif_metadata = attachments.metadata.exif.clone().map(Cow::Owned);
    let mut encoder = Encoder::with_info(output, info).map_err(failure)?;
    encoder.set_color(match (pixels.model, pixels.alpha) {
        (Model::Grey, false) => ColorType::Grayscale,
        (Model::Grey, true) => ColorType::GrayscaleAlpha,
        (Model::Rgb, false) => ColorType::Rgb,
        (Model::Rgb, true) => ColorType::Rgba,
        (Model::YCbCr | Model::Cmyk, _) => return Err(Failure::internal("a PNG is grey or RGB")),
    });
    encoder.set_depth(if pixels.depth == Depth::Sixteen { BitDepth::Sixteen } else { BitDepth::Eight });
    encoder.set_compression(match encoding.effort {
        0 => Compression::Fastest,
        1..=3 => Compression::Fast,
        4..=6 => Compression::Balanced,
        _ => Compression::High,
    });
    if let Some(xmp) = attachments.metadata.xmp.as_deref().and_then(|xmp| std::str::from_utf8(xmp).ok()) {
        encoder.add_itxt_chunk("XML:com.adobe.xmp".to_owned(), xmp.to_owned()).map_err(failure)?;
    }
    Ok(encoder)
}

fn failure(error: EncodingError) -> Failure {
    match error {
        EncodingError::IoError(error) => error.into(),
        other => Failure::internal("the PNG cannot be written").because(other),
    }
}

struct Rows {
    writer: StreamWriter<'static, Output>,
    bytes: Vec<u8>,
}

impl RowSink for Rows {
    fn write(&mut self, row: Row<'_>) -> Result<(), Failure> {
        match row {
            Row::Eight(row) => self.writer.write_all(row)?,
            Row::Sixteen(row) => {
                self.bytes.clear();
                self.bytes.extend(row.iter().flat_map(|sample| sample.to_be_bytes()));
                self.writer.write_all(&self.bytes)?;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        self.writer.finish().map_err(failure)
    }
}

/// The milliseconds that a frame is shown at most.
pub const LONGEST_FRAME: u32 = 65_535 * 1000;

/// A time as a fraction of a second of two short numbers, as exact as these are.
fn delay(milliseconds: u32) -> (u16, u16) {
    let fraction = [1, 10, 100, 1000].into_iter().find_map(|unit| {
        let numerator = u16::try_from(milliseconds.saturating_add(unit / 2) / unit).ok()?;
        Some((numerator, (1000 / unit) as u16))
    });
    fraction.unwrap_or((u16::MAX, 1))
}

struct Frames {
    writer: Writer<Output>,
}

impl FrameSink for Frames {
    fn write(&mut self, frame: &Frame) -> Result<(), Failure> {
        let (numerator, denominator) = delay(frame.milliseconds);
        self.writer.set_frame_delay(numerator, denominator).map_err(failure)?;
        self.writer.write_image_data(frame.raster.eight()).map_err(failure)
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        self.writer.finish().map_err(failure)
    }
}

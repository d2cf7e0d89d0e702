//! GIF by the `gif` crate. Every frame gets its own palette of 256 colours (`NeuQuant`).

use catalog::operations::image_encoding::ImageEncoding;
use contract::Failure;
use gif::{DisposalMethod, Encoder, EncodingError, Repeat};

use crate::decode::Frame;
use crate::encode::{FrameSink, Output};
use crate::raster::{Model, Raster, Samples};

/// The milliseconds that a frame is shown at most.
pub const LONGEST_FRAME: u32 = 65_535 * 10;

/// Writes one picture of RGB with or without opacity.
pub fn still(output: Output, raster: &Raster, encoding: &ImageEncoding) -> Result<(), Failure> {
    let mut sink = Frames { encoder: encoder(output, (raster.width, raster.height))?, speed: speed(encoding) };
    sink.add(raster, 0)?;
    Box::new(sink).finish()
}

/// Starts an animation of RGB frames with opacity.
pub fn animation(
    output: Output,
    size: (u32, u32),
    loops: u32,
    encoding: &ImageEncoding,
) -> Result<Box<dyn FrameSink>, Failure> {
    let mut encoder = encoder(output, size)?;
    // GIF counts repetitions after the first time; 1 is written as no repetition at all.
    match loops {
        0 => encoder.set_repeat(Repeat::Infinite).map_err(failure)?,
        1 => {}
        loops => {
            let repetitions = u16::try_from(loops - 1).unwrap_or(u16::MAX);
            encoder.set_repeat(Repeat::Finite(repetitions)).map_err(failure)?;
        }
    }
    Ok(Box::new(Frames { encoder, speed: speed(encoding) }))
}

fn encoder(output: Output, (width, height): (u32, u32)) -> Result<Encoder<Output>, Failure> {
    let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(Failure::invalid_request(format!(
            "a GIF has at most 65535 × 65535 pixels, not {width} × {height}"
        )));
    };
    Encoder::new(output, width, height, &[]).map_err(failure)
}

/// `NeuQuant` looks at one pixel of that many.
fn speed(encoding: &ImageEncoding) -> i32 {
    30 - 3 * i32::from(encoding.effort)
}

fn failure(error: EncodingError) -> Failure {
    match error {
        EncodingError::Io(error) => error.into(),
        other => Failure::internal("the GIF cannot be written").because(other),
    }
}

struct Frames {
    encoder: Encoder<Output>,
    speed: i32,
}

impl Frames {
    fn add(&mut self, raster: &Raster, milliseconds: u32) -> Result<(), Failure> {
        let (Model::Rgb, Samples::Eight(samples)) = (raster.model, &raster.samples) else {
            return Err(Failure::internal("a GIF is made of eight-bit RGB"));
        };
        let (width, height) = (raster.width as u16, raster.height as u16);
        let mut frame = if raster.alpha {
            // GIF knows only seen and not seen.
            let mut pixels = samples.clone();
            for pixel in pixels.chunks_exact_mut(4) {
                if pixel[3] < 128 {
                    pixel.fill(0);
                } else {
                    pixel[3] = 255;
                }
            }
            gif::Frame::from_rgba_speed(width, height, &mut pixels, self.speed)
        } else {
            gif::Frame::from_rgb_speed(width, height, samples, self.speed)
        };
        frame.delay = u16::try_from((milliseconds + 5) / 10).unwrap_or(u16::MAX);
        // Every frame is the whole canvas.
        frame.dispose = DisposalMethod::Background;
        self.encoder.write_frame(&frame).map_err(failure)
    }
}

impl FrameSink for Frames {
    fn write(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.add(&frame.raster, frame.milliseconds)
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        // Dropping the encoder would write the end too, but not say when that fails.
        self.encoder.into_inner().map(drop).map_err(failure)
    }
}

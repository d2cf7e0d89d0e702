//! GIF by the `gif` crate: stills and animations, every frame composed onto the canvas.

use std::io::BufReader;

use contract::Failure;
use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit, Repeat};
use operation::{Input, InputReader};

use crate::decode::{Content, Frame, FrameSource, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions};
use crate::orientation::Orientation;
use crate::raster::{PixelFormat, Raster, RasterRows, Samples};

type Reader = Decoder<BufReader<InputReader>>;

/// Opens a GIF. Its frames are counted without decoding them, because all of them together are limited.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let mut counter = reader(input, options, true)?;
    let size = (u32::from(counter.width()), u32::from(counter.height()));
    options.check_size(size.0, size.1, 1)?;
    let mut frames = 0_u32;
    let mut ended_early = false;
    loop {
        match counter.next_frame_info() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => break,
            Err(error) if options.allow_truncated && ends_early(&error) => {
                ended_early = true;
                break;
            }
            Err(error) => return Err(failure(error)),
        }
        if options.first_frame {
            break;
        }
        options.check_size(size.0, size.1, frames)?;
    }
    if frames == 0 {
        return Err(Failure::invalid_input("the GIF has no frames"));
    }
    let profile = match counter.icc_profile() {
        Some(icc) if icc.len() <= MOST_PROFILE_BYTES => Profile::Icc(icc.to_vec()),
        _ => Profile::Srgb,
    };
    let loops = match counter.repeat() {
        Repeat::Infinite => 0,
        // GIF counts repetitions, everybody else how often it is shown.
        Repeat::Finite(count) => u32::from(count) + 1,
    };
    let mut animation = Animation {
        reader: reader(input, options, false)?,
        canvas: Raster::new(size.0, size.1, PixelFormat::RGBA8)?,
        before: Vec::new(),
        dispose: None,
        left: frames,
        allow_truncated: options.allow_truncated,
        truncated: ended_early,
    };
    let content = if frames > 1 {
        Content::Animation { frames: Box::new(animation), loops }
    } else {
        let first = animation.next()?.ok_or_else(|| Failure::invalid_input("the GIF has no whole frame"))?;
        Content::Still(Box::new(RasterRows::new(first.raster)))
    };
    Ok(Picture {
        size,
        format: PixelFormat::RGBA8,
        profile,
        orientation: Orientation::default(),
        metadata: Metadata::default(),
        frames,
        sequence: false,
        content,
    })
}

fn reader(input: &Input, options: &ReadOptions, skip: bool) -> Result<Reader, Failure> {
    let mut settings = DecodeOptions::new();
    settings.set_color_output(ColorOutput::RGBA);
    settings.skip_frame_decoding(skip);
    let most = std::num::NonZeroU64::new(options.most_pixels.saturating_mul(4));
    settings.set_memory_limit(most.map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    settings.read_info(BufReader::with_capacity(1 << 16, input.reader())).map_err(failure)
}

fn failure(error: DecodingError) -> Failure {
    if ends_early(&error) {
        return Failure::invalid_input("the GIF is truncated; allow-truncated takes what is there");
    }
    Failure::invalid_input("the GIF cannot be decoded").because(error)
}

fn ends_early(error: &DecodingError) -> bool {
    match error {
        DecodingError::Io(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
        _ => error.to_string().contains("nexpected end"),
    }
}

struct Animation {
    reader: Reader,
    canvas: Raster,
    /// The canvas before the last frame, where that frame is to be undone.
    before: Vec<u8>,
    dispose: Option<(DisposalMethod, Area)>,
    left: u32,
    allow_truncated: bool,
    truncated: bool,
}

/// Where a frame lies on the canvas, in pixels; the part outside is cut off.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Animation {
    fn decode(&mut self) -> Result<Option<Frame>, DecodingError> {
        let Some(frame) = self.reader.read_next_frame()? else { return Ok(None) };
        let canvas_size = (self.canvas.width as usize, self.canvas.height as usize);
        let (left, top) = (usize::from(frame.left).min(canvas_size.0), usize::from(frame.top).min(canvas_size.1));
        let area = Area {
            left,
            top,
            width: usize::from(frame.width).min(canvas_size.0 - left),
            height: usize::from(frame.height).min(canvas_size.1 - top),
        };
        let Samples::Eight(canvas) = &mut self.canvas.samples else { return Ok(None) };
        undo(canvas, canvas_size.0, self.dispose, &self.before);
        self.before.clear();
        if frame.dispose == DisposalMethod::Previous {
            self.before.extend_from_slice(canvas);
        }
        self.dispose = Some((frame.dispose, area));
        for row in 0..area.height {
            let from = &frame.buffer[row * usize::from(frame.width) * 4..];
            let to = &mut canvas[((area.top + row) * canvas_size.0 + area.left) * 4..];
            for (to, from) in to.chunks_exact_mut(4).zip(from.chunks_exact(4)).take(area.width) {
                if from[3] > 0 {
                    to.copy_from_slice(from);
                }
            }
        }
        Ok(Some(Frame { milliseconds: u32::from(frame.delay) * 10, raster: self.canvas.clone() }))
    }
}

fn undo(canvas: &mut [u8], width: usize, dispose: Option<(DisposalMethod, Area)>, before: &[u8]) {
    match dispose {
        Some((DisposalMethod::Background, area)) => {
            for row in area.top..area.top + area.height {
                let start = (row * width + area.left) * 4;
                canvas[start..start + area.width * 4].fill(0);
            }
        }
        Some((DisposalMethod::Previous, _)) if before.len() == canvas.len() => canvas.copy_from_slice(before),
        _ => {}
    }
}

impl FrameSource for Animation {
    fn next(&mut self) -> Result<Option<Frame>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match self.decode() {
            Err(error) if self.allow_truncated && ends_early(&error) => {
                self.truncated = true;
                self.left = 0;
                Ok(None)
            }
            result => result.map_err(failure),
        }
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

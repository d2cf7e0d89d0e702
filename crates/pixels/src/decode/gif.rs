//! GIF by the `gif` crate: stills and animations, every frame composed onto the canvas. What browsers show of files that
//! stray from the specification is shown here too: those without the mark of their end, with junk behind the last frame,
//! without tables of colours, with a first frame larger than the canvas.

mod structure;

use std::io::{Chain, Cursor, Read as _};

use contract::Failure;
use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};
use operation::{Input, InputReader};

use crate::decode::{Content, Frame, FrameSource, Metadata, Picture, Profile, ReadOptions};
use crate::raster::{PixelFormat, Raster, RasterRows, Samples};
use structure::{End, Structure};

/// The head of the file, which may be a changed one, and the rest.
type Reader = Decoder<Chain<Cursor<Vec<u8>>, InputReader>>;

/// Bytes before the table of colours.
const HEAD: usize = 13;

/// Opens a GIF. Its frames are counted without decoding them, because all of them together are limited.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let file = input.map()?;
    let most = if options.first_frame { 1 } else { u32::MAX };
    let structure = Structure::of(&file, most).ok_or_else(truncated)?;
    let more_frames = options.first_frame && Structure::of(&file, 2).is_some_and(|structure| structure.frames > 1);
    if structure.frames == 0 {
        return Err(match structure.end {
            End::Cut | End::Unmarked => truncated(),
            End::Marked | End::Junk => Failure::invalid_input("the GIF has no frames"),
        });
    }
    if structure.end == End::Cut && !options.allow_truncated {
        return Err(truncated());
    }
    let (size, is_larger) = canvas_size(&structure);
    options.check_size(size.0, size.1, structure.frames)?;
    let mut animation = Animation {
        reader: reader(input, options, structure.has_table)?,
        canvas: Raster::new(size.0, size.1, PixelFormat::RGBA8)?,
        before: Vec::new(),
        dispose: None,
        left: structure.frames,
        is_first: true,
        first_fills_canvas: is_larger,
        allow_truncated: options.allow_truncated,
        truncated: structure.end == End::Cut,
        warnings: Vec::new(),
    };
    let mut warnings = Vec::new();
    match structure.end {
        End::Junk => {
            warnings.push("what follows the last frame of the GIF is not a part of it, and was left out".to_owned());
        }
        End::Unmarked => warnings.push("the GIF lacks the mark of its end; frames may be missing".to_owned()),
        End::Marked | End::Cut => {}
    }
    let content = if structure.frames > 1 {
        // GIF counts repetitions, everybody else how often it is shown.
        let loops = match structure.repetitions {
            Some(0) => 0,
            Some(repetitions) => repetitions + 1,
            None => 1,
        };
        Content::Animation { frames: Box::new(animation), loops }
    } else {
        let first = animation.next()?.ok_or_else(truncated)?;
        warnings.append(&mut animation.warnings);
        Content::Still(Box::new(RasterRows::of_truncated(first.raster, animation.truncated)))
    };
    Ok(Picture {
        profile: structure.icc.map_or(Profile::Srgb, Profile::Icc),
        metadata: Metadata { xmp: structure.xmp, ..Metadata::default() },
        frames: structure.frames,
        more_frames,
        warnings,
        ..Picture::new(size, PixelFormat::RGBA8, content)
    })
}

/// The size of the canvas.
pub fn size(file: &[u8]) -> Option<(u32, u32)> {
    Structure::of(file, 1).map(|structure| canvas_size(&structure).0)
}

/// The canvas, which is as large as the first frame where that is larger or nothing is said, as in browsers.
fn canvas_size(structure: &Structure) -> ((u32, u32), bool) {
    let Some([_, _, width, height]) = structure.first else { return (structure.size, false) };
    let is_larger = width > structure.size.0 || height > structure.size.1;
    if is_larger { ((width, height), true) } else { (structure.size, false) }
}

fn truncated() -> Failure {
    Failure::invalid_input("the GIF is truncated; allow-truncated takes what is there")
}

fn reader(input: &Input, options: &ReadOptions, has_table: bool) -> Result<Reader, Failure> {
    let mut settings = DecodeOptions::new();
    settings.set_color_output(ColorOutput::RGBA);
    settings.allow_unknown_blocks(true);
    let most = std::num::NonZeroU64::new(options.max_pixels.saturating_mul(4));
    settings.set_memory_limit(most.map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut rest = input.reader();
    let mut head = vec![0; HEAD];
    rest.read_exact(&mut head)?;
    if !has_table {
        // Frames that have no table of their own get greys.
        head[10] |= 0x87;
        head.extend((0..=255).flat_map(|level| [level; 3]));
    }
    settings.read_info(Cursor::new(head).chain(rest)).map_err(failure)
}

fn failure(error: DecodingError) -> Failure {
    match error {
        DecodingError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => error.into(),
        DecodingError::OutOfMemory => Failure::internal("no memory to decode the GIF"),
        DecodingError::MemoryLimit => Failure::invalid_input("a frame of the GIF is too large"),
        DecodingError::UnexpectedEof | DecodingError::Io(_) => truncated(),
        error => Failure::invalid_input("the GIF cannot be decoded").because(error),
    }
}

struct Animation {
    reader: Reader,
    canvas: Raster,
    /// The canvas before the last frame, where that frame is to be undone.
    before: Vec<u8>,
    dispose: Option<(DisposalMethod, Area)>,
    left: u32,
    is_first: bool,
    /// The first frame is the canvas, wherever it says to lie.
    first_fills_canvas: bool,
    allow_truncated: bool,
    truncated: bool,
    warnings: Vec<String>,
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
    fn decode(&mut self) -> Result<Option<Frame>, Failure> {
        let Some(frame) = self.reader.next_frame_info().map_err(failure)? else { return Ok(None) };
        let (dispose, delay, is_interlaced) = (frame.dispose, frame.delay, frame.interlaced);
        let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
        let is_canvas = std::mem::take(&mut self.is_first) && self.first_fills_canvas;
        let (left, top) = if is_canvas { (0, 0) } else { (usize::from(frame.left), usize::from(frame.top)) };
        let canvas_size = (self.canvas.width as usize, self.canvas.height as usize);
        let (left, top) = (left.min(canvas_size.0), top.min(canvas_size.1));
        let area = Area {
            left,
            top,
            width: frame_width.min(canvas_size.0 - left),
            height: frame_height.min(canvas_size.1 - top),
        };
        let Samples::Eight(canvas) = &mut self.canvas.samples else { return Ok(None) };
        undo(canvas, canvas_size.0, self.dispose, &self.before);
        self.before.clear();
        if dispose == DisposalMethod::Previous {
            self.before.extend_from_slice(canvas);
        }
        self.dispose = Some((dispose, area));
        let mut line = vec![0; frame_width * 4];
        let stored_rows = if frame_width > 0 { frame_height } else { 0 };
        for row in rows_as_stored(stored_rows, is_interlaced) {
            match self.reader.fill_buffer(&mut line) {
                Ok(true) => {}
                // The data of the frame are whole but too few: browsers show what there is.
                Ok(false) => {
                    if !self.truncated {
                        self.warnings.push("a frame of the GIF has fewer pixels than its size".to_owned());
                    }
                    break;
                }
                Err(error) if self.allow_truncated && is_damage(&error) => {
                    (self.truncated, self.left) = (true, 0);
                    break;
                }
                Err(error) => return Err(failure(error)),
            }
            if row >= area.height {
                continue;
            }
            let to = &mut canvas[((area.top + row) * canvas_size.0 + area.left) * 4..];
            for (to, from) in to.chunks_exact_mut(4).zip(line.chunks_exact(4)).take(area.width) {
                if from[3] > 0 {
                    to.copy_from_slice(from);
                }
            }
        }
        Ok(Some(Frame { milliseconds: u32::from(delay) * 10, raster: self.canvas.clone() }))
    }
}

/// Whether what was decoded before serves where the file may be truncated.
fn is_damage(error: &DecodingError) -> bool {
    match error {
        DecodingError::OutOfMemory | DecodingError::MemoryLimit => false,
        DecodingError::Io(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
        _ => true,
    }
}

/// The rows of a frame in the order in which they are stored (`GIF89a`, appendix E).
fn rows_as_stored(height: usize, is_interlaced: bool) -> impl Iterator<Item = usize> {
    let passes: &[(usize, usize)] = if is_interlaced { &[(0, 8), (4, 8), (2, 4), (1, 2)] } else { &[(0, 1)] };
    passes.iter().flat_map(move |(first, step)| (*first..height).step_by(*step))
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
        self.decode()
    }

    fn truncated(&self) -> bool {
        self.truncated
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
}

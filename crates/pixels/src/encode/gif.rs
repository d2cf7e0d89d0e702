//! GIF by the `gif` crate. Of each frame only what changes is written, in the colours of the first frame as long as they do.

mod palette;

use catalog::operations::image_encoding::ImageEncoding;
use contract::Failure;
use gif::{DisposalMethod, Encoder, EncodingError, Repeat};

use crate::decode::Frame;
use crate::encode::{FrameSink, Output};
use crate::raster::{Model, Raster, Samples};
use palette::{Colour, Palette};

/// The milliseconds that a frame is shown at most.
pub const LONGEST_FRAME: u32 = 65_535 * 10;
/// The mean difference up to which a frame is drawn in the colours of the first one; libvips' default as well.
const REUSED_ERROR: f64 = 3.0;
/// A difference of a part of a colour that is hardly seen.
const UNSEEN_ERROR: i32 = 6;
/// A place in a frame that stays as it is.
const KEPT: Pixel = None;

/// A pixel; none where it is not seen. GIF knows only seen and not seen.
type Pixel = Option<Colour>;

/// Writes one picture of RGB with or without opacity.
pub fn still(output: Output, raster: &Raster, encoding: &ImageEncoding) -> Result<(), Failure> {
    let mut sink = Frames::new(output, (raster.width, raster.height), None, encoding)?;
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
    // GIF counts repetitions after the first time; 1 is written as no repetition at all.
    let repeat = match loops {
        0 => Some(Repeat::Infinite),
        1 => None,
        loops => Some(Repeat::Finite(u16::try_from(loops - 1).unwrap_or(u16::MAX))),
    };
    let mut frames = Frames::new(output, size, repeat, encoding)?;
    frames.is_animation = true;
    Ok(Box::new(frames))
}

fn failure(error: EncodingError) -> Failure {
    match error {
        EncodingError::Io(error) => error.into(),
        other => Failure::internal("the GIF cannot be written").because(other),
    }
}

struct Frames {
    /// Until the first frame is written, whose colours come before it.
    output: Option<Output>,
    encoder: Option<Encoder<Output>>,
    size: (u16, u16),
    repeat: Option<Repeat>,
    is_animation: bool,
    rounds: u32,
    /// The colours of the first frame, which stand for all.
    palette: Option<Palette>,
    /// What is seen before the frame that waits.
    canvas: Vec<Pixel>,
    /// The last frame with its time, which waits for the next one: that decides what has to be cleared.
    waiting: Option<(Vec<Pixel>, u32)>,
}

/// A part of the canvas.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Frames {
    fn new(
        output: Output,
        (width, height): (u32, u32),
        repeat: Option<Repeat>,
        encoding: &ImageEncoding,
    ) -> Result<Self, Failure> {
        let (Ok(w), Ok(h)) = (u16::try_from(width), u16::try_from(height)) else {
            return Err(Failure::invalid_request(format!(
                "a GIF has at most 65535 × 65535 pixels, not {width} × {height}; resize it or choose another format"
            )));
        };
        Ok(Self {
            output: Some(output),
            encoder: None,
            size: (w, h),
            repeat,
            is_animation: false,
            rounds: u32::from(encoding.effort) / 2,
            palette: None,
            canvas: vec![None; usize::from(w) * usize::from(h)],
            waiting: None,
        })
    }

    fn add(&mut self, raster: &Raster, milliseconds: u32) -> Result<(), Failure> {
        let (Model::Rgb, Samples::Eight(samples)) = (raster.model, &raster.samples) else {
            return Err(Failure::internal("a GIF is made of eight-bit RGB"));
        };
        let pixels: Vec<Pixel> = if raster.alpha {
            let pixels = samples.as_chunks::<4>().0.iter();
            pixels.map(|&[red, green, blue, alpha]| (alpha >= 128).then_some([red, green, blue])).collect()
        } else {
            samples.as_chunks::<3>().0.iter().copied().map(Some).collect()
        };
        if let Some((before, time)) = self.waiting.take() {
            let is_cleared = before.iter().zip(&pixels).any(|(before, pixel)| before.is_some() && pixel.is_none());
            self.write_frame(before, time, is_cleared)?;
        }
        self.waiting = Some((pixels, milliseconds));
        Ok(())
    }

    /// Writes what a frame changes on the canvas, which is empty afterwards where it has to be cleared.
    fn write_frame(&mut self, pixels: Vec<Pixel>, milliseconds: u32, is_cleared: bool) -> Result<(), Failure> {
        let area = self.area(&pixels, is_cleared);
        let width = usize::from(self.size.0);
        let rows = || (area.top..area.bottom).map(move |row| row * width + area.left..row * width + area.right);
        let changed: Vec<Pixel> = rows()
            .flatten()
            .map(|at| if self.encoder.is_some() && self.canvas[at] == pixels[at] { KEPT } else { pixels[at] })
            .collect();
        let is_first = self.encoder.is_none();
        let colours = changed.iter().flatten().copied();
        // An animation keeps a colour for what is not seen or stays.
        let most = if self.is_animation || changed.contains(&KEPT) { 255 } else { 256 };
        let mut own = None;
        if is_first {
            let palette = Palette::of(colours, most, self.rounds);
            self.start(&palette)?;
            self.palette = Some(palette);
        } else if let Some(palette) = &mut self.palette
            && palette.error(colours.clone()) > REUSED_ERROR
        {
            own = Some(Palette::of(colours, most, self.rounds));
        }
        let Some(palette) = own.as_mut().or(self.palette.as_mut()) else {
            return Err(Failure::internal("a GIF has no colours"));
        };
        // The number behind those of the colours; the table is filled up to a power of two. Frames that need none have it as
        // well: readers clear a frame to the background's colour where it knows nothing that is not seen.
        let transparent = u8::try_from(palette.colours.len()).ok();
        let transparent = transparent.filter(|_| self.is_animation || changed.contains(&KEPT));
        let indices = dithered(&changed, area.right - area.left, palette, transparent.unwrap_or(0));
        let mut frame = gif::Frame {
            left: area.left as u16,
            top: area.top as u16,
            width: (area.right - area.left) as u16,
            height: (area.bottom - area.top) as u16,
            delay: u16::try_from((milliseconds.saturating_add(5)) / 10).unwrap_or(u16::MAX),
            dispose: if is_cleared { DisposalMethod::Background } else { DisposalMethod::Keep },
            transparent,
            buffer: indices.into(),
            ..gif::Frame::default()
        };
        if let Some(own) = &own {
            frame.palette = Some(table(own));
        }
        if let Some(encoder) = &mut self.encoder {
            encoder.write_frame(&frame).map_err(failure)?;
        }
        if is_cleared {
            self.canvas.fill(None);
        } else {
            self.canvas = pixels;
        }
        Ok(())
    }

    fn start(&mut self, palette: &Palette) -> Result<(), Failure> {
        let output = self.output.take().ok_or_else(|| Failure::internal("a GIF begins once"))?;
        let mut encoder = Encoder::new(output, self.size.0, self.size.1, &table(palette)).map_err(failure)?;
        if let Some(repeat) = self.repeat {
            encoder.set_repeat(repeat).map_err(failure)?;
        }
        self.encoder = Some(encoder);
        Ok(())
    }

    /// What has to be written of a frame: where it differs, and everything that is seen where that is cleared afterwards. The
    /// first one is the whole canvas.
    fn area(&self, pixels: &[Pixel], is_cleared: bool) -> Area {
        let (width, height) = (usize::from(self.size.0), usize::from(self.size.1));
        let whole = Area { left: 0, top: 0, right: width, bottom: height };
        if self.encoder.is_none() {
            return whole;
        }
        let mut area = Area { left: width, top: height, right: 0, bottom: 0 };
        for (row, (pixels, canvas)) in pixels.chunks(width).zip(self.canvas.chunks(width)).enumerate() {
            let matters = |(pixel, canvas): (&Pixel, &Pixel)| pixel != canvas || (is_cleared && pixel.is_some());
            let mut pairs = pixels.iter().zip(canvas);
            let Some(first) = pairs.clone().position(matters) else { continue };
            let last = width - 1 - pairs.rposition(matters).map_or(0, |last| width - 1 - last);
            area.left = area.left.min(first);
            area.right = area.right.max(last + 1);
            area.top = area.top.min(row);
            area.bottom = row + 1;
        }
        // A frame that changes nothing still takes its time.
        if area.right == 0 { Area { left: 0, top: 0, right: 1, bottom: 1 } } else { area }
    }
}

/// The colours, filled up to a power of two with one more for what is not seen.
fn table(palette: &Palette) -> Vec<u8> {
    let mut table = palette.colours.as_flattened().to_vec();
    let count = (palette.colours.len() + 1).min(256).next_power_of_two().max(2);
    table.resize(count * 3, 0);
    table
}

/// The numbers of the nearest colours, with what they are off by spread over the neighbours that follow (Floyd and Steinberg),
/// in rows that go to and fro.
fn dithered(pixels: &[Pixel], width: usize, palette: &mut Palette, transparent: u8) -> Vec<u8> {
    let mut indices = vec![transparent; pixels.len()];
    let mut spread = [vec![[0_i32; 3]; width + 2], vec![[0_i32; 3]; width + 2]];
    for (row, line) in pixels.chunks(width).enumerate() {
        let [current, below] = &mut spread;
        below.fill([0; 3]);
        let backwards = row % 2 == 1;
        for step in 0..width {
            let x = if backwards { width - 1 - step } else { step };
            let Some(pixel) = line[x] else { continue };
            // Sixteenths of a level.
            let off = current[x + 1].map(|error| error / 16);
            let wanted: Colour = std::array::from_fn(|part| (i32::from(pixel[part]) + off[part]).clamp(0, 255) as u8);
            let index = palette.find(wanted);
            indices[row * width + x] = index;
            let found = palette.colours[usize::from(index)];
            let (ahead, behind) = if backwards { (x, x + 2) } else { (x + 2, x) };
            let errors: [i32; 3] = std::array::from_fn(|part| i32::from(wanted[part]) - i32::from(found[part]));
            // What is hardly seen is not spread: edges and plain areas stay as they are, and the file small.
            if errors.iter().all(|error| error.abs() <= UNSEEN_ERROR) {
                continue;
            }
            for part in 0..3 {
                let error = errors[part];
                current[ahead][part] += error * 7;
                below[behind][part] += error * 3;
                below[x + 1][part] += error * 5;
                below[ahead][part] += error;
            }
        }
        spread.swap(0, 1);
    }
    indices
}

impl FrameSink for Frames {
    fn write(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.add(&frame.raster, frame.milliseconds)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        if let Some((pixels, time)) = self.waiting.take() {
            self.write_frame(pixels, time, false)?;
        }
        // Dropping the encoder would write the end too, but not say when that fails.
        self.encoder.map_or(Ok(()), |encoder| encoder.into_inner().map(drop).map_err(failure))
    }
}

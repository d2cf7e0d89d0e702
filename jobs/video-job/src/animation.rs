//! Animated pictures as videos: GIF and WebP, by the decoders of the crate `pixels`, so that they look as they do in image-job.
//! FFmpeg has no decoder of animated WebP, and shows some GIFs otherwise than browsers.
//!
//! What libavformat is given is a Matroska file that is nowhere: each of its clusters is one frame, uncompressed, all of the same
//! length, so that the place of every frame is known and a frame is decoded when it is read. An intermediate file was the other
//! way; it would be a hundred times as large as its source.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::Format;
use catalog::operations::image_encoding::{Colour, Rgba};
use contract::Failure;
use operation::{Input, InputSource, Task};
use pixels::canvas::{flatten, grey_to_rgb};
use pixels::colour::ColourConversion;
use pixels::decode::{self, Content, Frame, Picture, ReadOptions};
use pixels::orientation::Orientation;
use pixels::raster::{Model, Raster, RasterBuilder, Samples};

use crate::avio::failure_of;
use crate::open::MAX_PIXELS;

/// Bytes of an animation, at most: it is in memory while its frames are decoded.
const MOST_BYTES: u64 = 256 << 20;
/// What browsers make of a shorter time, in milliseconds: a frame of no time was never meant to be seen in that.
const SHORTEST: u32 = 11;
const INSTEAD: u32 = 100;
/// What shows through where a picture is transparent: pages are white.
const GROUND: Rgba = Rgba([255; 4]);

/// Whether a format is read in this way.
pub(crate) fn is_animation(format: Format) -> bool {
    Format::ANIMATIONS.contains(&format)
}

/// The same task with a video as its input, if its input is an animation. What is not as it was is a warning.
pub(crate) fn as_video(task: &Task, allow_truncated: bool) -> Result<Option<Task>, Failure> {
    let input = &task.input;
    if !is_animation(input.format()) {
        return Ok(None);
    }
    if input.size() > MOST_BYTES {
        return Err(Failure::invalid_input(format!(
            "the animation has {} bytes; as a video at most {MOST_BYTES} are read",
            input.size()
        )));
    }
    let bytes = input.read_range(0..input.size()).map_err(failure_of)?;
    // The canvas is bounded, and not the sum of all frames, which follow each other.
    if let Some((width, height)) = decode::animation_size(&bytes, input.format())
        && u64::from(width).saturating_mul(u64::from(height)) > MAX_PIXELS.unsigned_abs()
    {
        return Err(Failure::invalid_input(format!(
            "the animation has {width}×{height} pixels; the limit of a video is {MAX_PIXELS}"
        )));
    }
    let whole = Input::from_bytes(input.name(), input.format(), bytes);
    let animation = Animation::new(whole, allow_truncated)?;
    if animation.is_transparent {
        task.outputs.warn("the transparency of the picture was left out: it is shown on white");
    }
    animation.warnings.iter().for_each(|warning| task.outputs.warn(warning.clone()));
    let video = Input::new(input.name(), input.format(), animation.size(), Arc::new(animation));
    Ok(Some(Task::new(video, task.outputs.clone(), task.progress.clone())))
}

/// All of an animation, to be read as a Matroska file.
struct Animation {
    input: Input,
    options: ReadOptions,
    /// Width and height as shown.
    size: (u32, u32),
    /// How long each frame is shown, in milliseconds.
    times: Vec<u32>,
    is_transparent: bool,
    warnings: Vec<String>,
    header: Vec<u8>,
    /// The frame that was decoded last.
    at: Mutex<Option<Reading>>,
}

/// The frames behind one, and that one's cluster.
struct Reading {
    frames: Frames,
    number: usize,
    cluster: Vec<u8>,
}

impl Animation {
    /// Decodes all of it once: how long frames are shown, and whether they can be decoded, is not known before.
    fn new(input: Input, allow_truncated: bool) -> Result<Self, Failure> {
        let options = ReadOptions { first_frame: false, allow_truncated, page: None, max_pixels: u64::MAX };
        let mut frames = Frames::open(&input, &options)?;
        let (mut times, mut is_transparent, mut size) = (Vec::new(), false, (0, 0));
        while let Some((raster, milliseconds)) = frames.next()? {
            size = (raster.width, raster.height);
            is_transparent |= is_seen_through(&raster);
            times.push(if milliseconds < SHORTEST { INSTEAD } else { milliseconds });
        }
        let mut warnings = frames.warnings();
        if times.is_empty() {
            return Err(Failure::invalid_input("no frame of the animation can be decoded"));
        }
        if frames.is_truncated() {
            warnings.push("the animation is truncated".to_owned());
        }
        let header = header(size, times.iter().map(|time| u64::from(*time)).sum());
        Ok(Self { input, options, size, times, is_transparent, warnings, header, at: Mutex::new(None) })
    }

    fn size(&self) -> u64 {
        self.header.len() as u64 + self.times.len() as u64 * self.cluster_length()
    }

    fn cluster_length(&self) -> u64 {
        (CLUSTER_HEAD + self.frame_length() + BLOCK_TAIL) as u64
    }

    fn frame_length(&self) -> usize {
        self.size.0 as usize * self.size.1 as usize * 3
    }

    /// The cluster of a frame.
    fn with_cluster(&self, number: usize, read: impl FnOnce(&[u8]) -> usize) -> Result<usize, Failure> {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if at.as_ref().is_none_or(|reading| reading.number > number) {
            let mut frames = Frames::open(&self.input, &self.options)?;
            *at = Some(Reading { cluster: self.next_cluster(&mut frames, 0)?, frames, number: 0 });
        }
        let reading = at.as_mut().expect("it was just made");
        while reading.number < number {
            reading.number += 1;
            reading.cluster = self.next_cluster(&mut reading.frames, reading.number)?;
        }
        Ok(read(&reading.cluster))
    }

    fn next_cluster(&self, frames: &mut Frames, number: usize) -> Result<Vec<u8>, Failure> {
        let (raster, _) = frames
            .next()?
            .ok_or_else(|| Failure::internal("an animation has fewer frames than when it was read before"))?;
        let mut cluster = Vec::with_capacity(CLUSTER_HEAD + self.frame_length() + BLOCK_TAIL);
        let start: u64 = self.times[..number].iter().map(|time| u64::from(*time)).sum();
        begin_cluster(&mut cluster, start, self.frame_length());
        let picture = if raster.alpha { flatten(&raster, GROUND) } else { raster };
        push_planes(&mut cluster, picture.eight());
        end_cluster(&mut cluster, self.times[number]);
        Ok(cluster)
    }
}

impl InputSource for Animation {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let copy = |from: &[u8], at: u64, buffer: &mut [u8]| {
            let from = &from[at as usize..];
            let count = from.len().min(buffer.len());
            buffer[..count].copy_from_slice(&from[..count]);
            count
        };
        let Some(behind) = offset.checked_sub(self.header.len() as u64) else {
            return Ok(copy(&self.header, offset, buffer));
        };
        let number = (behind / self.cluster_length()) as usize;
        if number >= self.times.len() {
            return Ok(0);
        }
        let within = behind % self.cluster_length();
        self.with_cluster(number, |cluster| copy(cluster, within, buffer)).map_err(io::Error::other)
    }

    fn file(&self) -> Option<&File> {
        None
    }

    fn companion(&self, _: &str) -> Result<File, Failure> {
        Err(Failure::invalid_input("an animation has no companion files"))
    }
}

/// The frames of an animation as they are shown: upright, in sRGB, at eight bits, with what can be seen through them.
struct Frames {
    content: Option<Content>,
    orientation: Orientation,
    conversion: ColourConversion,
    is_truncated: bool,
    warnings: Vec<String>,
}

impl Frames {
    fn open(input: &Input, options: &ReadOptions) -> Result<Self, Failure> {
        let picture = decode::open_animation(input, options)?;
        let Picture { format, profile, orientation, content, warnings, .. } = picture;
        let conversion = ColourConversion::new(format.model, &profile, Colour::Srgb);
        Ok(Self { content: Some(content), orientation, conversion, is_truncated: false, warnings })
    }

    /// The next frame, and for how many milliseconds it is shown.
    fn next(&mut self) -> Result<Option<(Raster, u32)>, Failure> {
        let frame = match &mut self.content {
            None => None,
            Some(Content::Animation { frames, .. }) => {
                let frame = frames.next()?;
                if frame.is_none() {
                    self.end();
                }
                frame
            }
            // A picture that does not move is one frame.
            Some(Content::Still(rows)) => {
                let (size, format) = (rows.size(), rows.format());
                let mut picture = RasterBuilder::new(size, format)?;
                let mut row = Samples::zeroed(format.depth, size.0 as usize * format.channels())?;
                for _ in 0..size.1 {
                    rows.read(row.as_row_mut())?;
                    picture.push(row.as_row())?;
                }
                self.is_truncated = rows.truncated();
                self.end();
                Some(Frame { raster: picture.finish(), milliseconds: INSTEAD })
            }
        };
        let Some(Frame { raster, milliseconds }) = frame else { return Ok(None) };
        let shown = self.orientation.apply(self.conversion.apply(raster)?).into_eight();
        Ok(Some((if shown.model == Model::Grey { grey_to_rgb(&shown) } else { shown }, milliseconds)))
    }

    /// What is known only after the last frame.
    fn end(&mut self) {
        if let Some(Content::Animation { frames, .. }) = self.content.take() {
            self.is_truncated |= frames.truncated();
            self.warnings.extend(frames.warnings());
        }
    }

    fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
}

fn is_seen_through(raster: &Raster) -> bool {
    raster.alpha && raster.eight().chunks_exact(raster.format().channels()).any(|pixel| pixel.last() != Some(&255))
}

/// Luma and chroma of full resolution (ITU-R BT.709, limited range), which is what encoders are given: no filter has to guess
/// how they were meant.
fn push_planes(target: &mut Vec<u8>, pixels: &[u8]) {
    let rows: [[f32; 4]; 3] = [
        [0.182_586, 0.614_231, 0.062_007, 16.5],
        [-0.100_644, -0.338_572, 0.439_216, 128.5],
        [0.439_216, -0.398_942, -0.040_274, 128.5],
    ];
    for [red, green, blue, offset] in rows {
        target.extend(pixels.as_chunks::<3>().0.iter().map(|pixel| {
            let [r, g, b] = pixel.map(f32::from);
            // The cast saturates.
            (red * r + green * g + blue * b + offset) as u8
        }));
    }
}

// --- Matroska (RFC 9559), as little of it as there has to be ---

/// An element of a length of eight bytes, so that lengths do not depend on what they are.
fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend((content.len() as u64 | 1 << 56).to_be_bytes());
    bytes.extend(content);
    bytes
}

fn number(id: &[u8], value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// Everything before the first frame. Times are milliseconds.
fn header((width, height): (u32, u32), duration: u64) -> Vec<u8> {
    let colour = [
        // BT.709's matrix, limited range, BT.709's transfer function (as which sRGB's is shown) and primaries.
        number(&[0x55, 0xB1], 1),
        number(&[0x55, 0xB9], 1),
        number(&[0x55, 0xBA], 1),
        number(&[0x55, 0xBB], 1),
    ]
    .concat();
    let video = [
        number(&[0xB0], u64::from(width)),
        number(&[0xBA], u64::from(height)),
        element(&[0x2E, 0xB5, 0x24], b"444P"),
        element(&[0x55, 0xB0], &colour),
    ]
    .concat();
    let track = [
        number(&[0xD7], 1),
        number(&[0x73, 0xC5], 1),
        number(&[0x83], 1),
        number(&[0x9C], 0),
        element(&[0x86], b"V_UNCOMPRESSED"),
        element(&[0xE0], &video),
    ]
    .concat();
    let info =
        [number(&[0x2A, 0xD7, 0xB1], 1_000_000), element(&[0x44, 0x89], &(duration as f64).to_be_bytes())].concat();
    let ebml = [
        number(&[0x42, 0x86], 1),
        number(&[0x42, 0xF7], 1),
        number(&[0x42, 0xF2], 4),
        number(&[0x42, 0xF3], 8),
        element(&[0x42, 0x82], b"matroska"),
        number(&[0x42, 0x87], 4),
        number(&[0x42, 0x85], 2),
    ]
    .concat();
    let mut bytes = element(&[0x1A, 0x45, 0xDF, 0xA3], &ebml);
    // A segment of an unknown length.
    bytes.extend([0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    bytes.extend(element(&[0x15, 0x49, 0xA9, 0x66], &info));
    bytes.extend(element(&[0x16, 0x54, 0xAE, 0x6B], &element(&[0xAE], &track)));
    bytes
}

/// Bytes of an element's identity and length.
const fn head(id: usize) -> usize {
    id + 8
}

/// Track, time within the cluster, flags.
const BLOCK_HEAD: usize = 4;
const BLOCK_TAIL: usize = head(1) + 8;
const CLUSTER_HEAD: usize = head(4) + head(1) + 8 + head(1) + head(1) + BLOCK_HEAD;

fn begin_cluster(bytes: &mut Vec<u8>, time: u64, frame: usize) {
    let length = |bytes: &mut Vec<u8>, length: usize| bytes.extend((length as u64 | 1 << 56).to_be_bytes());
    bytes.extend([0x1F, 0x43, 0xB6, 0x75]);
    length(bytes, CLUSTER_HEAD - head(4) + frame + BLOCK_TAIL);
    bytes.extend(number(&[0xE7], time));
    bytes.push(0xA0);
    length(bytes, head(1) + BLOCK_HEAD + frame + BLOCK_TAIL);
    bytes.push(0xA1);
    length(bytes, BLOCK_HEAD + frame);
    bytes.extend([0x81, 0, 0, 0]);
}

fn end_cluster(bytes: &mut Vec<u8>, duration: u32) {
    bytes.extend(number(&[0x9B], u64::from(duration)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_have_the_length_that_is_reckoned_with() {
        let mut bytes = Vec::new();
        begin_cluster(&mut bytes, 7, 30);
        assert_eq!(bytes.len(), CLUSTER_HEAD);
        bytes.extend([0; 30]);
        end_cluster(&mut bytes, 40);
        assert_eq!(bytes.len(), CLUSTER_HEAD + 30 + BLOCK_TAIL);
        let said = u64::from_be_bytes(bytes[4..12].try_into().unwrap()) & !(1 << 56);
        assert_eq!(said as usize, bytes.len() - 12);
    }

    #[test]
    fn black_and_white_are_the_ends_of_the_limited_range() {
        let mut planes = Vec::new();
        push_planes(&mut planes, &[0, 0, 0, 255, 255, 255, 255, 0, 0]);
        assert_eq!(planes, [16, 235, 63, 128, 128, 102, 128, 128, 240]);
    }
}

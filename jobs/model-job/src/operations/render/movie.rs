//! Clips as H.264 in MP4, which everything that shows pictures plays.
//!
//! `OpenH264` encodes, which is BSD-licensed and a tenth of the size of x264 or FFmpeg. The file is written here: one track whose
//! samples follow each other in one chunk, its index before them so that a player can start at once (ISO/IEC 14496-12 and -15).

use contract::Failure;
use openh264::OpenH264API;
use openh264::encoder::{
    Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode, VuiConfig,
};
use openh264::formats::YUVSlices;

/// Ticks a second of the file's clock.
const TICKS: u32 = 1000;
/// A place to start playing from at least this often, in seconds.
const SECONDS_BETWEEN_KEYS: f64 = 1.0;

/// A clip under construction.
pub struct Movie {
    encoder: Encoder,
    width: usize,
    height: usize,
    milliseconds: u32,
    planes: [Vec<u8>; 3],
    /// The sequence's and the picture's parameters, as the encoder gives them before the first key frame.
    parameters: [Vec<u8>; 2],
    samples: Vec<u8>,
    sizes: Vec<u32>,
    /// Numbers of the frames that need no others, from 1.
    keys: Vec<u32>,
}

impl Movie {
    /// Of frames of this size that are shown for so long. H.264 halves the resolution of colours, so sides are rounded up to even
    /// numbers. `quality` is from 1 to 100.
    pub fn new(width: u32, height: u32, milliseconds: u32, quality: u8) -> Result<Self, Failure> {
        let (width, height) = (width.next_multiple_of(2) as usize, height.next_multiple_of(2) as usize);
        let rate = 1000.0 / f64::from(milliseconds);
        let quantiser = quantiser(quality);
        // The quantiser alone decides: no frame is left out or blurred for a rate.
        let config = EncoderConfig::new()
            .rate_control_mode(RateControlMode::Quality)
            .qp(QpRange::new(quantiser, quantiser))
            .skip_frames(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .scene_change_detect(false)
            .complexity(Complexity::High)
            .max_frame_rate(FrameRate::from_hz(rate as f32))
            .intra_frame_period(IntraFramePeriod::from_num_frames((rate * SECONDS_BETWEEN_KEYS).ceil() as u32))
            .num_threads(1)
            .vui(VuiConfig::bt709());
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(failed)?;
        let planes = [width * height, width * height / 4, width * height / 4].map(|length| vec![0; length]);
        Ok(Self {
            encoder,
            width,
            height,
            milliseconds,
            planes,
            parameters: Default::default(),
            samples: Vec::new(),
            sizes: Vec::new(),
            keys: Vec::new(),
        })
    }

    /// Width and height of the file's frames.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Adds a frame of red, green, blue and opacity, which is not looked at; `width` is the picture's own.
    pub fn write(&mut self, pixels: &[u8], width: u32) -> Result<(), Failure> {
        fill_planes(&mut self.planes, (self.width, self.height), pixels, width as usize);
        let [y, u, v] = &self.planes;
        let half = self.width / 2;
        let source = YUVSlices::new((y, u, v), (self.width, self.height), (self.width, half, half));
        let encoded = self.encoder.encode(&source).map_err(failed)?;
        let is_key = match encoded.frame_type() {
            FrameType::IDR => true,
            FrameType::I | FrameType::P => false,
            other => return Err(Failure::internal(format!("the H.264 encoder gave a frame of the type {other:?}"))),
        };
        let start = self.samples.len();
        for layer in (0..encoded.num_layers()).filter_map(|at| encoded.layer(at)) {
            for unit in (0..layer.nal_count()).filter_map(|at| layer.nal_unit(at)) {
                let unit = without_start_code(unit);
                match unit.first().map_or(0, |header| header & 0x1F) {
                    7 => self.parameters[0] = unit.to_vec(),
                    8 => self.parameters[1] = unit.to_vec(),
                    _ => {
                        self.samples.extend((unit.len() as u32).to_be_bytes());
                        self.samples.extend_from_slice(unit);
                    }
                }
            }
        }
        self.sizes.push((self.samples.len() - start) as u32);
        if is_key {
            self.keys.push(self.sizes.len() as u32);
        }
        Ok(())
    }

    /// The file.
    pub fn finish(self) -> Result<Vec<u8>, Failure> {
        let [sequence, picture] = &self.parameters;
        if sequence.len() < 4 || picture.is_empty() || self.sizes.is_empty() {
            return Err(Failure::internal("the H.264 encoder gave no parameters"));
        }
        if self.samples.len() > u32::MAX as usize - (1 << 20) {
            return Err(Failure::invalid_request(
                "the clip is larger than 4 GiB; ask for less of width, duration or quality, or for clip=frames",
            ));
        }
        let ftyp = named(*b"ftyp", &[b"isom", &word(512), b"isomiso2avc1mp41"]);
        let before = |offset| self.moov(offset).len();
        // Its length does not depend on the offset that is in it.
        let offset = ftyp.len() + before(0) + 8;
        let mdat = (self.samples.len() as u32 + 8).to_be_bytes();
        Ok([&ftyp[..], &self.moov(offset as u32), &mdat, b"mdat", &self.samples].concat())
    }

    fn moov(&self, offset: u32) -> Vec<u8> {
        let count = self.sizes.len() as u32;
        let duration = word(count * self.milliseconds);
        let matrix = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30].map(word).concat();
        let [width, height] = [self.width, self.height].map(|side| word((side as u32) << 16));
        let mvhd = full(
            *b"mvhd",
            0,
            &[
                &[0; 8],
                &word(TICKS),
                &duration,
                &word(1 << 16),
                &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                &matrix,
                &[0; 24],
                &word(2),
            ],
        );
        let tkhd = full(*b"tkhd", 3, &[&[0; 8], &word(1), &[0; 4], &duration, &[0; 16], &matrix, &width, &height]);
        // 0x55C4 is "und": no language.
        let mdhd = full(*b"mdhd", 0, &[&[0; 8], &word(TICKS), &duration, &[0x55, 0xC4, 0, 0]]);
        let hdlr = full(*b"hdlr", 0, &[&[0; 4], b"vide", &[0; 12], b"render\0"]);
        let url = full(*b"url ", 1, &[]);
        let dinf = named(*b"dinf", &[&full(*b"dref", 0, &[&word(1), &url])]);
        let vmhd = full(*b"vmhd", 1, &[&[0; 8]]);
        let minf = named(*b"minf", &[&vmhd, &dinf, &self.stbl(offset)]);
        let mdia = named(*b"mdia", &[&mdhd, &hdlr, &minf]);
        named(*b"moov", &[&mvhd, &named(*b"trak", &[&tkhd, &mdia])])
    }

    /// The index of the samples.
    fn stbl(&self, offset: u32) -> Vec<u8> {
        let count = self.sizes.len() as u32;
        let words = |values: &[u32]| values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
        let [sequence, picture] = &self.parameters;
        let short = |length: usize| (length as u16).to_be_bytes();
        let avcc = named(
            *b"avcC",
            &[
                &[1, sequence[1], sequence[2], sequence[3], 0xFF, 0xE1],
                &short(sequence.len()),
                sequence,
                &[1],
                &short(picture.len()),
                picture,
            ],
        );
        // BT.709 in all three respects, 16 to 235.
        let colr = named(*b"colr", &[b"nclx", &[0, 1, 0, 1, 0, 1, 0]]);
        let avc1 = named(
            *b"avc1",
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 16],
                &short(self.width),
                &short(self.height),
                &word(0x48_0000),
                &word(0x48_0000),
                &[0; 4],
                &[0, 1],
                &[0; 32],
                &[0, 24, 0xFF, 0xFF],
                &avcc,
                &colr,
            ],
        );
        let stsd = full(*b"stsd", 0, &[&word(1), &avc1]);
        let stts = full(*b"stts", 0, &[&words(&[1, count, self.milliseconds])]);
        let stss = full(*b"stss", 0, &[&word(self.keys.len() as u32), &words(&self.keys)]);
        let stsc = full(*b"stsc", 0, &[&words(&[1, 1, count, 1])]);
        let stsz = full(*b"stsz", 0, &[&words(&[0, count]), &words(&self.sizes)]);
        let stco = full(*b"stco", 0, &[&words(&[1, offset])]);
        named(*b"stbl", &[&stsd, &stts, &stss, &stsc, &stsz, &stco])
    }
}

/// The step of quantisation for a quality from 1 to 100. At 18 a difference is hard to see; each six more double the step.
fn quantiser(quality: u8) -> u8 {
    let quality = f32::from(quality.clamp(1, 100));
    (46.0 - quality * 0.31).round().clamp(12.0, 46.0) as u8
}

#[expect(clippy::needless_pass_by_value, reason = "map_err passes it on")]
fn failed(error: openh264::Error) -> Failure {
    Failure::internal("the clip cannot be encoded as H.264").because(error.to_string())
}

fn without_start_code(unit: &[u8]) -> &[u8] {
    let zeros = unit.iter().take_while(|byte| **byte == 0).count();
    unit.get(zeros + 1..).unwrap_or_default()
}

fn word(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn named(name: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    [&word(length as u32)[..], &name, &parts.concat()].concat()
}

/// A box with a version of 0 and flags.
fn full(name: [u8; 4], flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    named(name, &[&[&word(flags)[..]][..], parts].concat())
}

/// Brightness of every pixel, and the colours of squares of four: BT.709, 16 to 235 and 16 to 240. What is beyond the picture
/// repeats its last column and row.
fn fill_planes(planes: &mut [Vec<u8>; 3], (width, height): (usize, usize), pixels: &[u8], own_width: usize) {
    let own_height = pixels.len() / 4 / own_width;
    let pixel = |x: usize, y: usize| {
        let at = (y.min(own_height - 1) * own_width + x.min(own_width - 1)) * 4;
        [f32::from(pixels[at]), f32::from(pixels[at + 1]), f32::from(pixels[at + 2])]
    };
    let light = |[r, g, b]: [f32; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let [luma, blue, red] = planes;
    for y in (0..height).step_by(2) {
        for x in (0..width).step_by(2) {
            let mut sum = [0.0; 3];
            for (column, row) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
                let own = pixel(column, row);
                luma[row * width + column] = (16.5 + light(own) * (219.0 / 255.0)) as u8;
                (0..3).for_each(|at| sum[at] += own[at] * 0.25);
            }
            let at = y / 2 * (width / 2) + x / 2;
            blue[at] = (128.5 + (sum[2] - light(sum)) * (224.0 / 255.0 / 1.8556)) as u8;
            red[at] = (128.5 + (sum[0] - light(sum)) * (224.0 / 255.0 / 1.5748)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_black_and_colours_are_within_the_range_of_bt_709() {
        let mut planes = [vec![0; 4], vec![0; 1], vec![0; 1]];
        for (pixel, expected) in [
            ([255, 255, 255], [235, 128, 128]),
            ([0, 0, 0], [16, 128, 128]),
            ([255, 0, 0], [63, 102, 240]),
            ([0, 0, 255], [32, 240, 118]),
        ] {
            let [r, g, b] = pixel;
            fill_planes(&mut planes, (2, 2), &[r, g, b, 255], 1);
            for (plane, expected) in planes.iter().zip(expected) {
                assert!(plane.iter().all(|value| value.abs_diff(expected) <= 1), "{pixel:?}: {planes:?}");
            }
        }
    }

    #[test]
    fn better_quality_has_a_smaller_step() {
        assert!(quantiser(100) < quantiser(90) && quantiser(90) < quantiser(10));
        assert_eq!((quantiser(90), quantiser(0)), (18, 46));
    }
}

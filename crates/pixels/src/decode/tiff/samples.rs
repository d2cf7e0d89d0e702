//! From the bytes of a row to its samples, and from samples to pixels: every depth from 1 to 64 bits, whole numbers and
//! floating point, and what the samples stand for.

use super::directory::Layout;
use crate::raster::{Depth, PixelFormat, RowMut, Sample};

/// How numbers are stored (the tag `SampleFormat`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Numbers {
    /// Whole, from 0 on.
    Unsigned,
    /// Whole, with a sign: the least is black.
    Signed,
    /// Floating point.
    Float,
}

/// How a row is stored.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Byte order.
    pub layout: Layout,
    /// Bits of each sample of a pixel.
    pub bits: Vec<u32>,
    /// What they are.
    pub numbers: Numbers,
    /// The numbers that are black and white, where they are not the least and the most that the bits hold.
    pub range: Option<(f64, f64)>,
    /// Differences instead of samples: 1 is none, 2 of whole numbers, 3 of the bytes of floating point.
    pub predictor: u64,
}

impl Storage {
    /// The bits that samples have once they are unpacked: what is longer is cut to 16, floating point becomes 16.
    pub fn unpacked_bits(&self) -> u32 {
        match self.numbers {
            Numbers::Float => 16,
            Numbers::Unsigned | Numbers::Signed => self.bits.iter().copied().max().unwrap_or(8).min(16),
        }
    }

    /// Whether numbers may be far from the least and the most that they could be, as those of measurements are.
    pub fn has_open_range(&self) -> bool {
        match self.numbers {
            Numbers::Float => true,
            Numbers::Signed => self.bits[0] > 8 && self.is_of_whole_bytes(),
            Numbers::Unsigned => self.bits[0] > 16 && self.is_of_whole_bytes(),
        }
    }

    fn is_of_whole_bytes(&self) -> bool {
        self.bits.iter().all(|bits| *bits == self.bits[0]) && matches!(self.bits[0], 8 | 16 | 24 | 32 | 64)
    }

    fn value(&self, number: u64, bits: u32) -> f64 {
        match self.numbers {
            Numbers::Unsigned => number as f64,
            Numbers::Signed => (number << (64 - bits)) as i64 as f64 / 2_f64.powi(64 - bits as i32),
            Numbers::Float => float(number, bits),
        }
    }

    /// The bytes of a row of pixels.
    pub fn row_bytes(&self, width: u32) -> usize {
        let bits: u64 = self.bits.iter().map(|bits| u64::from(*bits)).sum();
        (u64::from(width) * bits).div_ceil(8) as usize
    }

    /// Unpacks a row of pixels, whose bytes are changed by that. The samples of a pixel go to those after each other of
    /// every `step` ones.
    pub fn unpack(&self, row: &mut [u8], to: &mut [u16], step: usize) {
        let stride = self.bits.len();
        let same = self.bits.iter().all(|bits| *bits == self.bits[0]);
        let bits = if same { self.bits[0] } else { 0 };
        self.undo_prediction(row, stride, bits);
        let big_endian = self.layout.big_endian && self.predictor != 3;
        match (bits, self.numbers) {
            (8, Numbers::Unsigned) if stride == step => {
                to.iter_mut().zip(row.iter()).for_each(|(to, from)| *to = u16::from(*from));
            }
            (8 | 16 | 24 | 32 | 64, _) => {
                let size = bits as usize / 8;
                for (pixel, to) in row.chunks_exact(size * stride).zip(to.chunks_mut(step)) {
                    for (bytes, to) in pixel.chunks_exact(size).zip(to) {
                        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
                        let number =
                            if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
                        *to = self.sixteen(number, bits);
                    }
                }
            }
            _ => {
                let mut at = 0;
                let mut last = vec![0; stride];
                for to in to.chunks_mut(step) {
                    for ((bits, to), last) in self.bits.iter().zip(to).zip(&mut last) {
                        let mut number = read_bits(row, at, *bits);
                        at += *bits as usize;
                        if self.predictor == 2 {
                            number = (number + *last) & (u64::MAX >> (64 - bits));
                            *last = number;
                        }
                        let sample = self.sixteen(number, *bits);
                        // Samples of fewer bits than the others are scaled up to theirs.
                        let scale = |bits: u32| (1_u32 << bits.min(16)) - 1;
                        let most = self.unpacked_bits();
                        *to = match self.numbers {
                            Numbers::Unsigned if *bits < most => {
                                (u32::from(sample) * scale(most) / scale(*bits)) as u16
                            }
                            _ => sample,
                        };
                    }
                }
            }
        }
    }

    /// A sample of at most sixteen bits.
    fn sixteen(&self, number: u64, bits: u32) -> u16 {
        if let Some((black, white)) = self.range {
            let most = f64::from((1_u32 << self.unpacked_bits()) - 1);
            let value = (self.value(number, bits) - black) / (white - black);
            // Not a number becomes 0.
            return (value.clamp(0.0, 1.0) * most + 0.5) as u16;
        }
        match self.numbers {
            Numbers::Unsigned if bits <= 16 => number as u16,
            Numbers::Unsigned => (number >> (bits - 16)) as u16,
            Numbers::Signed => {
                let shifted = number ^ 1 << (bits - 1);
                (if bits <= 16 { shifted } else { shifted >> (bits - 16) }) as u16
            }
            Numbers::Float => (float(number, bits).clamp(0.0, 1.0) * 65535.0 + 0.5) as u16,
        }
    }

    /// Calls `see` with every number of a row, which are of whole bytes.
    pub fn each_number(&self, row: &mut [u8], mut see: impl FnMut(f64)) {
        let (stride, bits) = (self.bits.len(), self.bits[0]);
        self.undo_prediction(row, stride, bits);
        let big_endian = self.layout.big_endian && self.predictor != 3;
        for bytes in row.chunks_exact(bits as usize / 8) {
            let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
            let number = if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
            see(self.value(number, bits));
        }
    }

    fn undo_prediction(&self, row: &mut [u8], stride: usize, bits: u32) {
        match (self.predictor, bits) {
            (2, 8) => {
                for at in stride..row.len() {
                    row[at] = row[at].wrapping_add(row[at - stride]);
                }
            }
            (2, 16 | 32 | 64) => {
                let size = bits as usize / 8;
                for at in (stride * size..row.len() + 1 - size.min(row.len())).step_by(size) {
                    let before = self.layout.number(&row[at - stride * size..at - stride * size + size]);
                    let sum = self.layout.number(&row[at..at + size]).wrapping_add(before);
                    let bytes = sum.to_le_bytes();
                    for byte in 0..size {
                        row[at + if self.layout.big_endian { size - 1 - byte } else { byte }] = bytes[byte];
                    }
                }
            }
            (3, 16 | 24 | 32 | 64) => {
                // Adobe Photoshop TIFF Technical Note 3: the bytes of one significance after each other, the most
                // significant first, as differences.
                for at in stride..row.len() {
                    row[at] = row[at].wrapping_add(row[at - stride]);
                }
                let size = bits as usize / 8;
                let count = row.len() / size;
                let planes = row.to_vec();
                for (at, bytes) in row.chunks_exact_mut(size).enumerate() {
                    for (byte, to) in bytes.iter_mut().enumerate() {
                        *to = planes[(size - 1 - byte) * count + at];
                    }
                }
            }
            _ => {}
        }
    }
}

/// Bits from the most significant on.
fn read_bits(bytes: &[u8], at: usize, bits: u32) -> u64 {
    let mut number = 0;
    for bit in at..at + bits as usize {
        let byte = bytes.get(bit / 8).copied().unwrap_or(0);
        number = number << 1 | u64::from(byte >> (7 - bit % 8) & 1);
    }
    number
}

/// A number of floating point of 16, 24, 32 or 64 bits.
fn float(number: u64, bits: u32) -> f64 {
    let small = |exponent_bits: u32, fraction_bits: u32| {
        let sign = if number >> (exponent_bits + fraction_bits) & 1 == 1 { -1.0 } else { 1.0 };
        let exponent = (number >> fraction_bits & ((1 << exponent_bits) - 1)) as i32;
        let fraction = (number & ((1 << fraction_bits) - 1)) as f64 / f64::from(1 << fraction_bits);
        let bias = (1 << (exponent_bits - 1)) - 1;
        match exponent {
            0 => sign * fraction * 2_f64.powi(1 - bias),
            exponent if exponent == (1 << exponent_bits) - 1 => {
                if fraction == 0.0 {
                    sign * f64::INFINITY
                } else {
                    f64::NAN
                }
            }
            exponent => sign * (1.0 + fraction) * 2_f64.powi(exponent - bias),
        }
    };
    match bits {
        16 => small(5, 10),
        24 => small(7, 16),
        32 => f64::from(f32::from_bits(number as u32)),
        _ => f64::from_bits(number),
    }
}

/// What samples stand for.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// Lightness, red, green and blue, or ink: samples as they are, or the other way around.
    Plain {
        /// The largest is black.
        inverted: bool,
    },
    /// Numbers of colours, each red, green and blue of sixteen bits.
    Palette(Vec<[u16; 3]>),
    /// Luma and chroma.
    LumaAndChroma {
        /// The parts of red, green and blue in luma.
        weights: [f32; 3],
        /// Black and white of luma, and of each chroma its zero and its most.
        levels: [f32; 6],
    },
    /// CIE L*a*b* with the white of D50.
    Lab {
        /// Whether a* and b* have a sign.
        signed: bool,
    },
}

/// Makes pixels of samples.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// What they stand for.
    pub meaning: Meaning,
    /// Samples of a pixel as stored.
    pub stored: usize,
    /// Bits of each.
    pub bits: u32,
    /// The layout of pixels.
    pub format: PixelFormat,
    /// Which sample is opacity.
    pub alpha: Option<usize>,
    /// Whether colours are stored multiplied by it.
    pub premultiplied: bool,
    /// What plain samples become, at the depth of the pixels; see [`Pixels::with_table`].
    pub table: Vec<u16>,
}

impl Pixels {
    /// Works out what plain samples become.
    pub fn with_table(mut self) -> Self {
        if let Meaning::Plain { inverted } = self.meaning {
            let most = (1_u32 << self.bits) - 1;
            let full = if self.format.depth == Depth::Eight { 255 } else { 65_535 };
            let value = |sample: u32| if inverted { most - sample } else { sample };
            self.table = (0..=most).map(|sample| ((value(sample) * full + most / 2) / most) as u16).collect();
        }
        self
    }

    /// Fills a row of pixels.
    pub fn fill(&self, samples: &[u16], row: RowMut<'_>) {
        match row {
            RowMut::Eight(row) => self.fill_with(samples, row),
            RowMut::Sixteen(row) => self.fill_with(samples, row),
        }
    }

    fn fill_with<T: Sample>(&self, samples: &[u16], row: &mut [T]) {
        let most = ((1_u32 << self.bits) - 1) as f32;
        let of_part = |part: f32| T::from_f32(part * T::MAX);
        let channels = self.format.channels();
        let colours = self.format.model.channels();
        let pixels = samples.chunks_exact(self.stored).zip(row.chunks_exact_mut(channels));
        match &self.meaning {
            Meaning::Plain { .. } => {
                let sample =
                    |value: u16| T::from_f32(f32::from(self.table.get(usize::from(value)).copied().unwrap_or(0)));
                for (from, to) in pixels {
                    to.iter_mut().zip(&from[..colours]).for_each(|(to, from)| *to = sample(*from));
                }
            }
            Meaning::Palette(colours) => {
                for (from, to) in pixels {
                    let colour = colours.get(usize::from(from[0])).copied().unwrap_or_default();
                    to.iter_mut().zip(colour).for_each(|(to, part)| *to = of_part(f32::from(part) / 65535.0));
                }
            }
            Meaning::LumaAndChroma { weights: [red, green, blue], levels } => {
                let [black, white, blue_zero, blue_most, red_zero, red_most] = levels.map(|level| level / 255.0 * most);
                for (from, to) in pixels {
                    let y = (f32::from(from[0]) - black) / (white - black);
                    let cb = (f32::from(from[1]) - blue_zero) / (blue_most - blue_zero) * 0.5;
                    let cr = (f32::from(from[2]) - red_zero) / (red_most - red_zero) * 0.5;
                    let (r, b) = (y + cr * (2.0 - 2.0 * red), y + cb * (2.0 - 2.0 * blue));
                    let g = (y - blue * b - red * r) / green;
                    to.iter_mut().zip([r, g, b]).for_each(|(to, part)| *to = of_part(part));
                }
            }
            Meaning::Lab { signed } => {
                for (from, to) in pixels {
                    let step = 256.0 / (most + 1.0);
                    let axis = |value: u16| {
                        let value = f32::from(value) * step;
                        if !signed {
                            value - 128.0
                        } else if value >= 128.0 {
                            value - 256.0
                        } else {
                            value
                        }
                    };
                    let colour = lab_to_srgb([f32::from(from[0]) / most * 100.0, axis(from[1]), axis(from[2])]);
                    to.iter_mut().zip(colour).for_each(|(to, part)| *to = of_part(part));
                }
            }
        }
        let Some(alpha) = self.alpha else { return };
        for (from, to) in samples.chunks_exact(self.stored).zip(row.chunks_exact_mut(channels)) {
            let opacity = f32::from(from[alpha]) / most;
            to[colours] = of_part(opacity);
            if self.premultiplied && opacity > 0.0 {
                to[..colours].iter_mut().for_each(|to| *to = of_part((to.to_f32() / T::MAX / opacity).min(1.0)));
            }
        }
    }
}

/// Red, green and blue of sRGB, 0 to 1, of CIE L*a*b* with the white of D50.
fn lab_to_srgb([lightness, a, b]: [f32; 3]) -> [f32; 3] {
    const WHITE: [f32; 3] = [0.964_22, 1.0, 0.825_21];
    // From D50 to linear sRGB, adapted by Bradford's method.
    const TO_SRGB: [[f32; 3]; 3] = [
        [3.133_856, -1.616_866_7, -0.490_614_6],
        [-0.978_768_4, 1.916_141_5, 0.033_454],
        [0.071_945_3, -0.228_991_4, 1.405_242_7],
    ];
    let middle = (lightness + 16.0) / 116.0;
    let light = [middle + a / 500.0, middle, middle - b / 200.0].map(|value| {
        if value > 6.0 / 29.0 { value.powi(3) } else { 3.0 * (6.0_f32 / 29.0).powi(2) * (value - 4.0 / 29.0) }
    });
    TO_SRGB.map(|row| {
        let linear: f32 = (0..3).map(|axis| row[axis] * light[axis] * WHITE[axis]).sum();
        let linear = linear.clamp(0.0, 1.0);
        if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
    })
}

//! Pictures that are coded by perception (XYB): what they hold is light, and the file says which codes it was made from.
//!
//! Asked for those codes, jxl-oxide 0.12 first brings the light into the triangle of sRGB (its `GamutMap`) and below the light of
//! white, so that Display P3, PQ and HLG lose their colours. Asked for light of sRGB's primaries it changes nothing: colours
//! outside of the triangle have negative parts. The codes are then made here.

use std::sync::Arc;

use contract::Failure;
use jxl_oxide::color::{ColourEncoding, ColourSpace, Primaries, TransferFunction, WhitePoint};
use jxl_oxide::{EnumColourEncoding, FrameHeader, HdrType, JxlImage, RenderingIntent};
use moxcms::Transform16BitExecutor;

use crate::colour::{self, BT709, DISPLAY_P3, HLG, PQ, SAME, hlg_code, pq_code, pq_light, srgb_code};
use crate::decode::Profile;

/// Up to this light of white, in cd/m², the library maps no tones.
const USUAL_WHITE: f32 = 255.0;

/// Code points of ITU-T H.273.
const BT2020: u8 = 9;
const DCI_P3: u8 = 11;
const SRGB: u8 = 13;

/// From sRGB's primaries, calculated from the chromaticities of ITU-R BT.709, ITU-R BT.2020 and SMPTE EG 432-1.
const TO_BT2020: [[f32; 3]; 3] =
    [[0.627_404, 0.329_283, 0.043_313], [0.069_097, 0.919_54, 0.011_362], [0.016_391, 0.088_013, 0.895_595]];
const TO_DISPLAY_P3: [[f32; 3]; 3] =
    [[0.822_462, 0.177_538, 0.0], [0.033_194, 0.966_806, 0.0], [0.017_083, 0.072_397, 0.910_52]];

/// The codes that a file names.
enum Named {
    /// By a profile, which the library does not apply.
    ByProfile,
    /// They are those that are made here.
    Same,
    /// Others, with their profile.
    Others(Vec<u8>),
}

/// How the light of a picture becomes codes.
pub struct Light {
    is_grey: bool,
    /// Whether light is asked for as PQ.
    is_bright: bool,
    /// The light of white in cd/m².
    white: f32,
    primaries: u8,
    transfer: u8,
    matrix: [[f32; 3]; 3],
    /// The luminance of each of the primaries.
    luminance: [f32; 3],
    named: Named,
    /// Light of PQ's codes or codes of sRGB's light, by 65,536ths.
    from_pq: Option<Curve>,
    to_srgb: Curve,
}

impl Light {
    /// How the light of that picture becomes codes; `None` if the library's codes are right as they are.
    pub fn of(image: &JxlImage) -> Option<Self> {
        let metadata = &image.image_header().metadata;
        if !metadata.xyb_encoded {
            return None;
        }
        let white = metadata.tone_mapping.intensity_target;
        let transfer = match image.hdr_type() {
            Some(HdrType::Pq) => PQ,
            Some(HdrType::Hlg) => HLG,
            None => SRGB,
        };
        let is_bright = white > USUAL_WHITE;
        let is_grey = metadata.colour_encoding.colour_space() == ColourSpace::Grey;
        let encoding = match &metadata.colour_encoding {
            ColourEncoding::Enum(encoding) => Some(encoding),
            ColourEncoding::IccProfile(_) => None,
        };
        let primaries = match encoding {
            _ if is_grey => BT709,
            Some(encoding) if encoding.white_point == WhitePoint::D65 => match encoding.primaries {
                Primaries::Srgb => BT709,
                Primaries::P3 => DISPLAY_P3,
                Primaries::Bt2100 | Primaries::Custom { .. } => BT2020,
            },
            // A profile of a file that is coded by perception says what it was made from, and holds no colours beyond BT.2020
            // but for those that cannot be seen.
            _ => BT2020,
        };
        if primaries == BT709 && encoding.is_some() && transfer == SRGB && !is_bright {
            return None;
        }
        let named = match encoding {
            None => Named::ByProfile,
            // Exponents of grey other than sRGB's are too near to it to be told apart in a frame of that rare kind.
            Some(_) if is_grey => Named::Same,
            Some(encoding) => {
                // The library's number for P3 is that of cinemas.
                let of_primaries = if primaries == DISPLAY_P3 { DCI_P3 } else { primaries };
                match encoding.cicp() {
                    Some([primaries, curve, ..]) if (primaries, curve) == (of_primaries, transfer) => Named::Same,
                    _ => Named::Others(image.rendered_icc()),
                }
            }
        };
        let (matrix, luminance) = match primaries {
            BT709 => (SAME, [0.212_639, 0.715_169, 0.072_192]),
            DISPLAY_P3 => (TO_DISPLAY_P3, [0.228_975, 0.691_739, 0.079_287]),
            _ => (TO_BT2020, [0.262_7, 0.677_998, 0.059_302]),
        };
        Some(Self {
            is_grey,
            is_bright,
            white,
            primaries,
            transfer,
            matrix,
            luminance,
            named,
            from_pq: is_bright.then(|| Curve::new(pq_light)),
            to_srgb: Curve::new(srgb_code),
        })
    }

    /// What the library is to be asked for.
    pub fn request(&self) -> EnumColourEncoding {
        let linear = EnumColourEncoding::srgb_linear(RenderingIntent::Relative);
        EnumColourEncoding { tf: if self.is_bright { TransferFunction::Pq } else { linear.tf }, ..linear }
    }

    /// What the codes mean that are made.
    pub fn profile(&self) -> Profile {
        Profile::CodePoints { primaries: self.primaries, transfer: self.transfer }
    }

    /// Whether a pixel of the result is one sample of lightness.
    pub fn is_grey(&self) -> bool {
        self.is_grey
    }

    /// How the pixels of a frame become codes. If others are laid upon a frame, the library has given it the codes that the
    /// file names, whatever it was asked for.
    pub fn coding(&self, frame: &FrameHeader) -> Result<Coding<'_>, Failure> {
        let is_coded = !(frame.save_before_ct || frame.is_last && frame.resets_canvas);
        match &self.named {
            Named::Same if is_coded => Ok(Coding::Same),
            Named::Others(profile) if is_coded => colour::between(profile, &self.profile()).map(Coding::Other),
            Named::ByProfile | Named::Same | Named::Others(_) => Ok(Coding::Light(self)),
        }
    }

    /// The codes of a pixel, from 0 to 1.
    fn code(&self, pixel: [f32; 3]) -> [f32; 3] {
        // As parts of white's light.
        let pixel = match &self.from_pq {
            Some(curve) => pixel.map(|code| curve.of(code.abs()).copysign(code) / self.white),
            None => pixel,
        };
        let mut light = self.matrix.map(|row| (row[0] * pixel[0] + row[1] * pixel[1] + row[2] * pixel[2]).max(0.0));
        match self.transfer {
            PQ => light.map(|light| pq_code(light * self.white)),
            HLG => {
                // The display's part is taken out, for a display of the brightness that the file was made on (BT.2100, table 5,
                // note 5f, and its extension to darker displays in BT.2390).
                let gamma = 1.2 * 1.111_f32.powf((self.white / 1000.0).log2());
                let luminance = light.iter().zip(self.luminance).map(|(light, part)| light * part).sum::<f32>();
                if luminance > 0.0 {
                    let factor = luminance.powf((1.0 - gamma) / gamma);
                    light = light.map(|light| light * factor);
                }
                light.map(hlg_code)
            }
            _ => light.map(|light| self.to_srgb.of(light)),
        }
    }
}

/// How the pixels of a frame become codes.
pub enum Coding<'a> {
    /// They are light.
    Light(&'a Light),
    /// They are the codes.
    Same,
    /// They are codes of another kind.
    Other(Arc<Transform16BitExecutor>),
}

impl Coding<'_> {
    /// The codes of a row of pixels of so many channels, the last of which is opacity if `alpha` says so. Samples of the result
    /// are from 0 to 1.
    pub fn apply(&self, row: &[f32], channels: usize, alpha: bool, is_grey: bool) -> Result<Vec<f32>, Failure> {
        let colours = channels - usize::from(alpha);
        let mut result = Vec::with_capacity(row.len());
        for pixel in row.chunks_exact(channels) {
            let of_three = if colours < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
            let codes = match self {
                Coding::Light(light) => light.code(of_three),
                Coding::Same => of_three,
                Coding::Other(transform) => {
                    let from = of_three.map(|code| (code.clamp(0.0, 1.0) * 65_535.0 + 0.5) as u16);
                    let mut to = [0; 3];
                    transform.transform(&from, &mut to).map_err(|error| {
                        Failure::invalid_input("the JPEG XL's colours cannot be converted").because(error.to_string())
                    })?;
                    to.map(|code| f32::from(code) / 65_535.0)
                }
            };
            // Of grey the three are equal but for rounding.
            result.extend_from_slice(if is_grey { &codes[1..2] } else { &codes });
            result.extend_from_slice(&pixel[colours..]);
        }
        Ok(result)
    }
}

/// A function from 0 to 1, straight between 65,536 points.
struct Curve(Vec<f32>);

impl Curve {
    fn new(function: impl Fn(f32) -> f32) -> Self {
        Self((0..=u16::MAX).map(|point| function(f32::from(point) / 65_535.0)).collect())
    }

    fn of(&self, value: f32) -> f32 {
        let at = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) } * 65_535.0;
        let point = (at as usize).min(self.0.len() - 2);
        let (left, right) = (self.0[point], self.0[point + 1]);
        left + (right - left) * (at - point as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_white_in_all_primaries() {
        for matrix in [TO_BT2020, TO_DISPLAY_P3] {
            assert!(matrix.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5), "{matrix:?}");
        }
    }

    #[test]
    fn a_curve_is_near_its_function() {
        let curve = Curve::new(srgb_code);
        for step in 0..1000_u16 {
            let light = f32::from(step) / 999.0;
            assert!((curve.of(light) - srgb_code(light)).abs() < 1e-5, "{light}");
        }
        assert!((curve.of(1.5) - 1.0).abs() < 1e-5 && curve.of(f32::NAN).abs() < 1e-5);
    }
}

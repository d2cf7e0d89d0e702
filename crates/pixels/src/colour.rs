//! Colour: what an image's samples mean, turned into sRGB by its profile (moxcms); pictures of high dynamic range by
//! [`high_dynamic_range`].

mod high_dynamic_range;

use std::sync::Arc;

use catalog::operations::image_encoding::Colour;
use contract::Failure;
use high_dynamic_range::ToneMapping;
pub(crate) use high_dynamic_range::{BT709, DISPLAY_P3, HLG, PQ, SAME, hlg_code, pq_code, pq_light, srgb_code};
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, CmsError, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, Transform16BitExecutor, TransformOptions, XyY,
};

use crate::decode::Profile;
use crate::raster::{Depth, Model, PixelFormat, Raster, RasterBuilder, Sample, Samples};

/// Turns pictures of one source into what is written: grey or RGB, in sRGB or in the source's own colour space.
pub struct ColourConversion {
    transform: Option<Transform>,
    /// The profile to embed in results.
    pub embedded: Option<Vec<u8>>,
    /// Whether that is a profile of grey pixels.
    pub is_grey: bool,
    /// What is wrong with the input's profile, in words.
    pub warning: Option<String>,
}

impl ColourConversion {
    /// What has to be done with pixels of that model and profile. A profile that is damaged, is for other pixels or cannot be
    /// applied counts as none, as in browsers.
    pub fn new(model: Model, profile: &Profile, wanted: Colour) -> Self {
        let none = Self { transform: None, embedded: None, is_grey: false, warning: None };
        // Damage may lead the library into a panic, which is the profile's fault as well.
        let made = operation::tolerate_panics(|| {
            let parsed = parse(profile).ok_or("is damaged")?;
            if !fits(model, &parsed) {
                return Err("is for pixels of another kind");
            }
            // Tried even where colours are kept: nobody else could show them either.
            let transform = if is_srgb(&parsed) { Ok(None) } else { Transform::new(model, &parsed).map(Some) };
            Ok((parsed, transform.map_err(|_| "cannot be applied")?))
        });
        let (parsed, transform) = match made.unwrap_or(Err("is damaged")) {
            Ok((parsed, transform)) => (Some(parsed), transform),
            Err(what) if matches!(profile, Profile::Icc(_)) => {
                let warning = format!("the colour profile {what}: it was left out, and colours count as sRGB");
                return Self { warning: Some(warning), ..none };
            }
            Err(_) => (None, None),
        };
        // Ink has no place in most formats, so CMYK is always converted.
        if wanted == Colour::Keep && model != Model::Cmyk {
            let embedded = match profile {
                Profile::Icc(icc) if parsed.is_some() => Some(icc.clone()),
                Profile::Srgb => None,
                _ => parsed.as_ref().and_then(|parsed| parsed.encode().ok()),
            };
            let is_grey = parsed.is_some_and(|parsed| parsed.color_space == DataColorSpace::Gray);
            return Self { embedded, is_grey, ..none };
        }
        if let Profile::CodePoints { primaries, transfer } = *profile
            && high_dynamic_range::is_high(transfer)
        {
            return Self { transform: Some(Transform::of_tones(model, primaries, transfer)), ..none };
        }
        Self { transform, ..none }
    }

    /// Whether samples stay as they are.
    pub fn is_none(&self) -> bool {
        self.transform.is_none()
    }

    /// Converts a picture (or a row of one) to grey or RGB. The depth stays; opacity too.
    pub fn apply(&self, raster: Raster) -> Result<Raster, Failure> {
        let raster = if raster.model == Model::YCbCr { ycbcr_to_rgb(raster) } else { raster };
        let Some(transform) = &self.transform else {
            return Ok(if raster.model == Model::Cmyk { ink_to_rgb(&raster) } else { raster });
        };
        // Row by row, so that what the profile is asked and answers never lies beside the picture as a whole.
        let format = raster.format();
        let model = if raster.model == Model::Grey { Model::Grey } else { Model::Rgb };
        let mut result = RasterBuilder::new((raster.width, raster.height), PixelFormat { model, ..format })?;
        for y in 0..raster.height {
            let row = transform.apply(&raster.row(y).to_raster(format).into_sixteen())?;
            let row = if format.depth == Depth::Eight { row.into_eight() } else { row };
            result.push(row.row(0))?;
        }
        Ok(result.finish())
    }
}

/// From red, green and blue of one profile to those of another, at sixteen bits.
pub(crate) fn between(from: &[u8], to: &Profile) -> Result<Arc<Transform16BitExecutor>, Failure> {
    let from = ColorProfile::new_from_slice(from).map_err(|error| unusable(&error))?;
    let to = parse(to).unwrap_or_else(ColorProfile::new_srgb);
    from.create_transform_16bit(Layout::Rgb, &to, Layout::Rgb, TransformOptions::default())
        .map_err(|error| unusable(&error))
}

fn parse(profile: &Profile) -> Option<ColorProfile> {
    match profile {
        Profile::Srgb => None,
        Profile::Icc(icc) => ColorProfile::new_from_slice(icc).ok(),
        Profile::CodePoints { primaries, transfer } => {
            let color_primaries = CicpColorPrimaries::try_from(*primaries).ok()?;
            let transfer_characteristics = TransferCharacteristics::try_from(*transfer).ok()?;
            let points = CicpProfile {
                color_primaries,
                transfer_characteristics,
                matrix_coefficients: MatrixCoefficients::Identity,
                full_range: true,
            };
            // What the library answers is no sign of success: its curves are, which it sets last.
            let made_of = |points| {
                let mut profile = ColorProfile::new_srgb();
                (profile.red_trc, profile.green_trc, profile.blue_trc) = (None, None, None);
                profile.update_rgb_colorimetry_from_cicp(points);
                profile.red_trc.is_some().then_some(profile)
            };
            // BT.709's camera curve is shown as sRGB's by convention, and "unspecified" means sRGB.
            if matches!(*transfer, 1 | 2 | 6) {
                let points = CicpProfile { transfer_characteristics: TransferCharacteristics::Srgb, ..points };
                return if *primaries == 2 { None } else { made_of(points) };
            }
            made_of(points)
        }
        Profile::Gamma { gamma, chromaticities } => {
            let exponent = 100_000.0 / *gamma as f32;
            let mut profile = ColorProfile::new_srgb();
            profile.cicp = None;
            if let Some(points) = chromaticities {
                let [white_x, white_y, red_x, red_y, green_x, green_y, blue_x, blue_y] =
                    points.map(|point| point as f32 / 100_000.0);
                if [white_y, red_y, green_y, blue_y].iter().any(|&y| y <= 0.0) {
                    return None;
                }
                let white = XyY { x: f64::from(white_x), y: f64::from(white_y), yb: 1.0 };
                let primaries = ColorPrimaries {
                    red: Chromaticity { x: red_x, y: red_y },
                    green: Chromaticity { x: green_x, y: green_y },
                    blue: Chromaticity { x: blue_x, y: blue_y },
                };
                profile.update_rgb_colorimetry(white, primaries);
            }
            let curve = ToneReprCurve::Parametric(vec![exponent]);
            profile.red_trc = Some(curve.clone());
            profile.green_trc = Some(curve.clone());
            profile.blue_trc = Some(curve);
            Some(profile)
        }
    }
}

/// Whether a profile is for pixels of that model. RGB profiles made from code points or gamma serve grey pixels too.
fn fits(model: Model, profile: &ColorProfile) -> bool {
    match model {
        Model::Grey => matches!(profile.color_space, DataColorSpace::Gray | DataColorSpace::Rgb),
        Model::Rgb | Model::YCbCr => profile.color_space == DataColorSpace::Rgb,
        Model::Cmyk => profile.color_space == DataColorSpace::Cmyk,
    }
}

/// Whether an RGB matrix profile is sRGB in all but name: colorants and curve within what eight bits can show.
fn is_srgb(profile: &ColorProfile) -> bool {
    if profile.color_space != DataColorSpace::Rgb || profile.lut_a_to_b_perceptual.is_some() {
        return false;
    }
    let srgb = ColorProfile::new_srgb();
    let near = |left: moxcms::Xyzd, right: moxcms::Xyzd| {
        (left.x - right.x).abs() < 0.002 && (left.y - right.y).abs() < 0.002 && (left.z - right.z).abs() < 0.002
    };
    if !near(profile.red_colorant, srgb.red_colorant)
        || !near(profile.green_colorant, srgb.green_colorant)
        || !near(profile.blue_colorant, srgb.blue_colorant)
    {
        return false;
    }
    // The curves are compared by what they do to a ramp of greys and primaries.
    let ramp: Vec<u8> =
        (0..=255_u8).flat_map(|value| [[value; 3], [value, 128, 64], [20, value, 200]]).flatten().collect();
    let mut result = vec![0; ramp.len()];
    let transform = profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, TransformOptions::default());
    transform.is_ok_and(|transform| transform.transform(&ramp, &mut result).is_ok())
        && ramp.iter().zip(&result).all(|(from, to)| from.abs_diff(*to) <= 1)
}

/// From a profile to sRGB, at sixteen bits.
struct Transform {
    executor: Arc<Transform16BitExecutor>,
    /// The samples of a pixel that the profile is asked about.
    chosen: &'static [usize],
    /// What becomes of a result's red, green and blue so that the darkest colour of the source is black.
    darkening: Option<[Vec<u16>; 3]>,
}

impl Transform {
    fn new(model: Model, profile: &ColorProfile) -> Result<Self, Failure> {
        // Profiles know nothing of opacity next to ink, and RGB profiles nothing of grey: those samples are taken apart.
        let (chosen, layout): (&[usize], _) = match (model, profile.color_space) {
            (Model::Grey, DataColorSpace::Gray) => (&[0], Layout::Gray),
            (Model::Grey, _) => (&[0, 0, 0], Layout::Rgb),
            (Model::Cmyk, _) => (&[0, 1, 2, 3], Layout::Rgba),
            _ => (&[0, 1, 2], Layout::Rgb),
        };
        let srgb = ColorProfile::new_srgb();
        let executor = profile
            .create_transform_16bit(layout, &srgb, Layout::Rgb, TransformOptions::default())
            .map_err(|error| unusable(&error))?;
        let darkest = if model == Model::Cmyk { [u16::MAX; 4] } else { [0; 4] };
        let mut black = [0; 3];
        executor.transform(&darkest[..chosen.len()], &mut black).map_err(|error| unusable(&error))?;
        Ok(Self { executor, chosen, darkening: black_point_compensation(black) })
    }

    /// From high dynamic range.
    fn of_tones(model: Model, primaries: u8, transfer: u8) -> Self {
        let chosen: &[usize] = if model == Model::Grey { &[0, 0, 0] } else { &[0, 1, 2] };
        Self { executor: Arc::new(ToneMapping::new(primaries, transfer)), chosen, darkening: None }
    }

    fn apply(&self, raster: &Raster) -> Result<Raster, Failure> {
        let Samples::Sixteen(samples) = &raster.samples else {
            return Err(Failure::internal("colours are converted at sixteen bits"));
        };
        let channels = raster.format().channels();
        let from = pick(samples, channels, self.chosen);
        let mut to = vec![0_u16; samples.len() / channels * 3];
        self.executor.transform(&from, &mut to).map_err(|error| unusable(&error))?;
        if let Some(curves) = &self.darkening {
            for pixel in to.chunks_exact_mut(3) {
                pixel.iter_mut().zip(curves).for_each(|(sample, curve)| *sample = curve[usize::from(*sample)]);
            }
        }
        // Greyscale stays greyscale: the three are equal but for rounding.
        let (model, kept): (_, &[usize]) =
            if raster.model == Model::Grey { (Model::Grey, &[1]) } else { (Model::Rgb, &[0, 1, 2]) };
        let mut result = Vec::with_capacity(to.len() / 3 * (kept.len() + usize::from(raster.alpha)));
        for (pixel, old) in to.chunks_exact(3).zip(samples.chunks_exact(channels)) {
            result.extend(kept.iter().map(|&channel| pixel[channel]));
            if raster.alpha {
                result.push(old[channels - 1]);
            }
        }
        Ok(Raster { model, samples: Samples::Sixteen(result), ..*raster })
    }
}

/// Black point compensation, as `LittleCMS` and Photoshop do it: light is scaled so that the darkest colour of the source
/// becomes black and white stays. `LittleCMS` scales X, Y and Z; red, green and blue, which can be done by a curve of each,
/// come out within a hundredth of a CIELAB unit of that. None for a source that has black.
fn black_point_compensation(darkest: [u16; 3]) -> Option<[Vec<u16>; 3]> {
    let linear = |sample: u16| {
        let value = f64::from(sample) / 65535.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let encoded = |value: f64| {
        if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
    };
    let black = darkest.map(linear);
    // What is lighter than L* = 50 is no black: such a profile means something else.
    if black.iter().all(|&light| light < 1e-4) || black.iter().any(|&light| light > 0.184) {
        return None;
    }
    let curve = |black: f64| {
        let line = |sample: u16| ((linear(sample) - black) / (1.0 - black)).clamp(0.0, 1.0);
        (0..=u16::MAX).map(|sample| (encoded(line(sample)) * 65535.0).round() as u16).collect()
    };
    Some(black.map(curve))
}

fn unusable(error: &CmsError) -> Failure {
    Failure::invalid_input("the colour profile cannot be applied").because(error.to_string())
}

fn pick(samples: &[u16], channels: usize, chosen: &[usize]) -> Vec<u16> {
    samples.chunks_exact(channels).flat_map(|pixel| chosen.iter().map(|&channel| pixel[channel])).collect()
}

/// Ink without a profile: what light is left of each colour, darkened by black.
fn ink_to_rgb(raster: &Raster) -> Raster {
    fn convert<T: Sample>(samples: &[T], channels: usize) -> Vec<T> {
        let mut result = Vec::with_capacity(samples.len() / channels * (channels - 1));
        for pixel in samples.chunks_exact(channels) {
            let black = T::MAX - pixel[3].to_f32();
            result.extend(pixel[..3].iter().map(|ink| T::from_f32((T::MAX - ink.to_f32()) * black / T::MAX)));
            result.extend(&pixel[4..]);
        }
        result
    }
    let channels = raster.format().channels();
    let samples = match &raster.samples {
        Samples::Eight(samples) => Samples::Eight(convert(samples, channels)),
        Samples::Sixteen(samples) => Samples::Sixteen(convert(samples, channels)),
    };
    Raster { model: Model::Rgb, samples, ..*raster }
}

/// JPEG's luma and chroma (JFIF: BT.601, full range) as red, green and blue.
fn ycbcr_to_rgb(mut raster: Raster) -> Raster {
    if let Samples::Eight(samples) = &mut raster.samples {
        ycbcr_row_to_rgb(samples);
    }
    Raster { model: Model::Rgb, ..raster }
}

/// The same for interleaved samples in place. Fixed point, 16 bits of fraction.
pub fn ycbcr_row_to_rgb(samples: &mut [u8]) {
    const HALF: i32 = 1 << 15;
    for pixel in samples.chunks_exact_mut(3) {
        let luma = (i32::from(pixel[0]) << 16) + HALF;
        let (blue, red) = (i32::from(pixel[1]) - 128, i32::from(pixel[2]) - 128);
        let clamp = |value: i32| (value >> 16).clamp(0, 255) as u8;
        pixel[0] = clamp(luma + 91_881 * red);
        pixel[1] = clamp(luma - 22_554 * blue - 46_802 * red);
        pixel[2] = clamp(luma + 116_130 * blue);
    }
}

/// Red, green and blue as JPEG's luma and chroma, interleaved, in place.
pub fn rgb_row_to_ycbcr(samples: &mut [u8]) {
    const HALF: i32 = 1 << 15;
    for pixel in samples.chunks_exact_mut(3) {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(i32::from);
        let clamp = |value: i32| (value >> 16).clamp(0, 255) as u8;
        pixel[0] = clamp(19_595 * red + 38_470 * green + 7_471 * blue + HALF);
        pixel[1] = clamp(-11_059 * red - 21_709 * green + 32_768 * blue + (128 << 16) + HALF);
        pixel[2] = clamp(32_768 * red - 27_439 * green - 5_329 * blue + (128 << 16) + HALF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_darkest_colour_becomes_black_and_white_stays() {
        assert!(black_point_compensation([0; 3]).is_none());
        assert!(black_point_compensation([60_000; 3]).is_none());
        let curves = black_point_compensation([8000, 8000, 11_000]).unwrap();
        for (curve, black) in curves.iter().zip([8000, 8000, 11_000]) {
            assert_eq!((curve[0], curve[black], curve[65_535]), (0, 0, 65_535));
            assert!(curve.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }
}

//! Pictures of high dynamic range (PQ and HLG, ITU-R BT.2100) as sRGB: diffuse white, at 203 cd/m² (ITU-R BT.2408), and
//! what is darker stay much as they are, and highlights up to 1,000 cd/m² are rolled off.

use moxcms::{CmsError, TransformExecutor};

/// Code points of ITU-T H.273.
pub const PQ: u8 = 16;
pub const HLG: u8 = 18;
pub const BT709: u8 = 1;
pub const DISPLAY_P3: u8 = 12;

/// Light of diffuse white and of the brightest highlight, in cd/m².
const WHITE: f32 = 203.0;
const BRIGHTEST: f32 = 1000.0;

/// From primaries to those of sRGB, both with the white of D65; rows are red, green, blue. Calculated from the
/// chromaticities of ITU-R BT.2020, SMPTE EG 432-1 and ITU-R BT.709.
const FROM_BT2020: [[f32; 3]; 3] =
    [[1.660_491, -0.587_641, -0.072_85], [-0.124_55, 1.132_9, -0.008_349], [-0.018_151, -0.100_579, 1.118_73]];
const FROM_DISPLAY_P3: [[f32; 3]; 3] =
    [[1.224_94, -0.224_94, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]];
pub const SAME: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// Whether samples coded so have high dynamic range.
pub fn is_high(transfer: u8) -> bool {
    [PQ, HLG].contains(&transfer)
}

/// Red, green and blue of sixteen bits to those of sRGB.
pub struct ToneMapping {
    /// Light of each sample in cd/m²; of HLG before the display's part.
    light: Vec<f32>,
    is_hlg: bool,
    to_srgb: [[f32; 3]; 3],
    roll_off: RollOff,
}

impl ToneMapping {
    /// For samples of such primaries and transfer. Primaries that are not told are BT.2020's.
    pub fn new(primaries: u8, transfer: u8) -> Self {
        let is_hlg = transfer == HLG;
        let light = (0..=u16::MAX).map(|sample| {
            let sample = f32::from(sample) / 65535.0;
            if is_hlg { hlg_scene(sample) } else { pq_light(sample) }
        });
        let to_srgb = match primaries {
            BT709 => SAME,
            DISPLAY_P3 => FROM_DISPLAY_P3,
            _ => FROM_BT2020,
        };
        Self { light: light.collect(), is_hlg, to_srgb, roll_off: RollOff::new() }
    }

    fn map(&self, pixel: [u16; 3]) -> [u16; 3] {
        let mut light = pixel.map(|sample| self.light[usize::from(sample)]);
        if self.is_hlg {
            // The display's part: its brightness depends on the scene's luminance (BT.2100, table 5; gamma 1.2).
            let luminance = 0.2627 * light[0] + 0.6780 * light[1] + 0.0593 * light[2];
            let gain = BRIGHTEST * luminance.powf(0.2);
            light = light.map(|scene| scene * gain);
        }
        // By the brightest of the three, so that hues stay.
        let most = light[0].max(light[1]).max(light[2]);
        if most <= 0.0 {
            return [0; 3];
        }
        let factor = self.roll_off.of(most) / most / WHITE;
        let light = light.map(|light| light * factor);
        self.to_srgb.map(|row| {
            let linear = row[0] * light[0] + row[1] * light[1] + row[2] * light[2];
            (srgb_code(linear.clamp(0.0, 1.0)) * 65535.0 + 0.5) as u16
        })
    }
}

impl TransformExecutor<u16> for ToneMapping {
    fn transform(&self, source: &[u16], target: &mut [u16]) -> Result<(), CmsError> {
        for (from, to) in source.as_chunks::<3>().0.iter().zip(target.as_chunks_mut::<3>().0) {
            *to = self.map(*from);
        }
        Ok(())
    }
}

/// Light in cd/m² of a code of PQ (SMPTE ST 2084).
pub fn pq_light(code: f32) -> f32 {
    let power = code.powf(1.0 / M2);
    10_000.0 * ((power - C1).max(0.0) / (C2 - C3 * power)).powf(1.0 / M1)
}

/// The code of light in cd/m².
pub fn pq_code(light: f32) -> f32 {
    let power = (light / 10_000.0).powf(M1);
    ((C1 + C2 * power) / (1.0 + C3 * power)).powf(M2)
}

const M1: f32 = 2610.0 / 16384.0;
const M2: f32 = 2523.0 / 4096.0 * 128.0;
const C1: f32 = 3424.0 / 4096.0;
const C2: f32 = 2413.0 / 4096.0 * 32.0;
const C3: f32 = 2392.0 / 4096.0 * 32.0;

/// Light of a scene, 0 to 1, of a code of HLG (BT.2100, table 5).
fn hlg_scene(code: f32) -> f32 {
    if code <= 0.5 { code * code / 3.0 } else { (((code - HLG_C) / HLG_A).exp() + HLG_B) / 12.0 }
}

/// The code of HLG of a scene's light, 0 to 1.
pub fn hlg_code(light: f32) -> f32 {
    if light <= 1.0 / 12.0 { (3.0 * light).sqrt() } else { HLG_A * (12.0 * light - HLG_B).ln() + HLG_C }
}

const HLG_A: f32 = 0.178_832_77;
const HLG_B: f32 = 0.284_668_92;
const HLG_C: f32 = 0.559_910_7;

/// The electrical-electrical transfer function of ITU-R BT.2390, 5.4.1, for a display whose brightest is diffuse white:
/// straight up to a knee, then a Hermite spline. Its points are codes of PQ, the last two as parts of the first.
struct RollOff {
    brightest: f32,
    most: f32,
    knee: f32,
}

impl RollOff {
    fn new() -> Self {
        let brightest = pq_code(BRIGHTEST);
        let most = pq_code(WHITE) / brightest;
        Self { brightest, most, knee: 1.5 * most - 0.5 }
    }

    /// What becomes of light, both in cd/m².
    fn of(&self, light: f32) -> f32 {
        let &Self { brightest, most, knee } = self;
        let code = (pq_code(light) / brightest).min(1.0);
        if code < knee {
            return light;
        }
        let t = (code - knee) / (1.0 - knee);
        let (t2, t3) = (t * t, t * t * t);
        let rolled =
            (2.0 * t3 - 3.0 * t2 + 1.0) * knee + (t3 - 2.0 * t2 + t) * (1.0 - knee) + (3.0 * t2 - 2.0 * t3) * most;
        pq_light(rolled * brightest)
    }
}

/// The code of sRGB of linear light, both from 0 to 1.
pub fn srgb_code(linear: f32) -> f32 {
    if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(light: f32) -> u16 {
        let code = (pq_code(light) * 65535.0).round() as u16;
        let [red, green, blue] = ToneMapping::new(9, PQ).map([code; 3]);
        // The rows of the matrix add up to one.
        assert!(red.abs_diff(green) < 40 && green.abs_diff(blue) < 40, "{red} {green} {blue}");
        green
    }

    #[test]
    fn codes_of_pq_are_those_of_the_standard() {
        // BT.2408, table 1: diffuse white at 58 %, 1,000 cd/m² at 75 %.
        assert!((pq_code(203.0) - 0.58).abs() < 0.005 && (pq_code(1000.0) - 0.75).abs() < 0.005);
        for light in [0.1, 1.0, 203.0, 4000.0] {
            assert!((pq_light(pq_code(light)) / light - 1.0).abs() < 0.01, "{light}");
        }
    }

    #[test]
    fn shadows_stay_white_is_light_and_highlights_end_at_the_brightest() {
        let srgb = |light: f32| srgb_code(light / WHITE) * 65535.0;
        for light in [0.0, 1.0, 20.0, 80.0] {
            assert!((f32::from(grey(light)) - srgb(light)).abs() < 200.0, "{light}");
        }
        let levels: Vec<u16> = [80.0, 150.0, 203.0, 400.0, 700.0, 1000.0].map(grey).to_vec();
        assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{levels:?}");
        assert!(levels[2] > 52_000, "diffuse white is {}", levels[2]);
        assert!(levels[5] > 65_400 && grey(4000.0) > 65_400, "{levels:?}");
    }

    #[test]
    fn hlg_at_three_quarters_is_diffuse_white() {
        let hlg = ToneMapping::new(9, HLG);
        let white = hlg.map([(0.75 * 65535.0) as u16; 3])[1];
        assert!(white.abs_diff(grey(203.0)) < 600, "{white}");
        assert_eq!(hlg.map([0; 3]), [0; 3]);
        assert!(
            (0..=100_u8)
                .map(|step| f32::from(step) / 100.0)
                .all(|code| (hlg_code(hlg_scene(code)) - code).abs() < 1e-4)
        );
        assert!(hlg.map([u16::MAX; 3])[1] > 65_400);
    }

    #[test]
    fn primaries_of_their_own_become_those_of_srgb() {
        let code = (pq_code(50.0) * 65535.0) as u16;
        // A red that sRGB does not have loses its negative parts and stays red.
        let [red, green, blue] = ToneMapping::new(9, PQ).map([code, 0, 0]);
        assert!(red > 30_000 && green == 0 && blue == 0, "{red} {green} {blue}");
        assert_eq!(ToneMapping::new(1, PQ).map([code, 0, 0])[1..], [0, 0]);
    }
}

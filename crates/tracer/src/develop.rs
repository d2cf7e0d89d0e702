//! From light to the colours of a screen.

use glam::{Vec3A, vec3a};

use crate::film::Film;

/// How light becomes the colours of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Khronos PBR Neutral (2024): what is not very bright keeps its colour, the rest fades to white.
    Neutral,
    /// `AgX` by Sobotka, in Wrensch's fit of its curve.
    Agx,
    /// Cut off at white.
    Plain,
}

/// Red, green, blue and opacity of every pixel in sRGB, 8 bits each, not multiplied. Light is `exposure` times as bright;
/// `background`, linear, is behind it.
pub fn develop(film: &Film, tone: Tone, exposure: f32, background: [f32; 4]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(film.colour.len() * 4);
    let behind = Vec3A::from_array([background[0], background[1], background[2]]);
    for (colour, &shadow) in film.colour.iter().zip(&film.shadow) {
        // A background is behind whatever is not covered.
        let covered = if film.has_background { 1.0 } else { colour[3] };
        let own = vec3a(colour[0], colour[1], colour[2]);
        let light = if covered > 0.0 { own / covered } else { own };
        let shown = tone.apply(light * exposure);
        let alpha = (covered + shadow * (1.0 - covered)).clamp(0.0, 1.0);
        let mixed = shown * covered + behind * (background[3] * (1.0 - alpha));
        let alpha = alpha + background[3] * (1.0 - alpha);
        let straight = if alpha > 0.0 { mixed / alpha } else { Vec3A::ZERO };
        pixels.extend(straight.to_array().map(encoded));
        pixels.push((alpha * 255.0 + 0.5) as u8);
    }
    pixels
}

/// A linear value from 0 to 1 in sRGB.
pub fn encoded(value: f32) -> u8 {
    let value = value.clamp(0.0, 1.0);
    let curved = if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
    (curved * 255.0 + 0.5) as u8
}

/// sRGB's 8 bits as a linear value.
pub fn decoded(byte: u8) -> f32 {
    let value = f32::from(byte) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

impl Tone {
    fn apply(self, light: Vec3A) -> Vec3A {
        match self {
            Self::Plain => light.clamp(Vec3A::ZERO, Vec3A::ONE),
            Self::Neutral => neutral(light.max(Vec3A::ZERO)),
            Self::Agx => agx(light.max(Vec3A::ZERO)),
        }
    }
}

/// Khronos PBR Neutral Tone Mapper, as its specification has it.
fn neutral(light: Vec3A) -> Vec3A {
    const START: f32 = 0.8 - 0.04;
    const DESATURATION: f32 = 0.15;
    let least = light.min_element();
    let offset = if least < 0.08 { least - 6.25 * least * least } else { 0.04 };
    let light = light - Vec3A::splat(offset);
    let peak = light.max_element();
    if peak < START {
        return light;
    }
    let rest = 1.0 - START;
    let new_peak = 1.0 - rest * rest / (peak + rest - START);
    let share = 1.0 - 1.0 / (DESATURATION * (peak - new_peak) + 1.0);
    (light * (new_peak / peak)).lerp(Vec3A::splat(new_peak), share)
}

fn agx(light: Vec3A) -> Vec3A {
    const LEAST: f32 = -12.473_93;
    const MOST: f32 = 4.026_069;
    let columns = |m: [[f32; 3]; 3], v: Vec3A| {
        Vec3A::from_array(m[0]) * v.x + Vec3A::from_array(m[1]) * v.y + Vec3A::from_array(m[2]) * v.z
    };
    let inset = columns(
        [
            [0.842_479_06, 0.042_328_24, 0.042_375_65],
            [0.078_433_6, 0.878_468_64, 0.078_433_6],
            [0.079_223_745, 0.079_166_13, 0.879_143],
        ],
        light,
    );
    let curve = |value: f32| {
        let x = ((value.max(1e-10).log2() - LEAST) / (MOST - LEAST)).clamp(0.0, 1.0);
        let (x2, x4) = (x * x, x * x * x * x);
        15.5 * x4 * x2 - 40.14 * x4 * x + 31.96 * x4 - 6.868 * x2 * x + 0.4298 * x2 + 0.1191 * x - 0.00232
    };
    let curved = vec3a(curve(inset.x), curve(inset.y), curve(inset.z));
    let outset = columns(
        [
            [1.196_879, -0.052_896_85, -0.052_971_635],
            [-0.098_020_88, 1.151_903_1, -0.098_043_45],
            [-0.099_029_74, -0.098_961_18, 1.151_073_7],
        ],
        curved,
    );
    // The curve's values are those of a screen: linear again, for what follows.
    outset.clamp(Vec3A::ZERO, Vec3A::ONE).powf(2.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutral_keeps_colours_that_are_not_bright_and_never_leaves_the_screen() {
        // As the specification says: a base colour under white light of 1 reflects it with 4 % more.
        let colour = vec3a(0.5, 0.3, 0.1);
        assert!((neutral(colour + Vec3A::splat(0.04)) - colour).abs().max_element() < 1e-6);
        for bright in [1.0, 10.0, 1e4, 1e9] {
            let shown = neutral(vec3a(bright, bright * 0.5, 0.0));
            assert!(shown.max_element() <= 1.0 && shown.min_element() >= 0.0, "{shown}");
        }
        assert!(neutral(vec3a(1e6, 1e5, 0.0)).min_element() > 0.9, "fades to white");
    }

    #[test]
    fn agx_is_grey_for_grey_and_rises() {
        let values: Vec<Vec3A> = [0.001, 0.05, 0.18, 1.0, 8.0].map(|grey| agx(Vec3A::splat(grey))).to_vec();
        for value in &values {
            assert!((value.max_element() - value.min_element()) < 0.01, "{value}");
        }
        assert!(values.windows(2).all(|pair| pair[0].x < pair[1].x));
    }

    #[test]
    fn every_byte_of_srgb_survives() {
        assert!((0..=255).all(|byte| encoded(decoded(byte)) == byte));
    }
}

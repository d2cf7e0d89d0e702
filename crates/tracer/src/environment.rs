//! Light from all around: an equirectangular map, or one that is drawn when the program starts. Directions are glTF's: y is
//! up; the middle of the map is at the positive x axis, as Blender has it once its z is y.

use std::f32::consts::{PI, TAU};

use glam::{Vec3A, vec3a};

/// An environment that is looked up and sampled by its light.
#[derive(Debug, Clone)]
pub struct Environment {
    width: usize,
    height: usize,
    pixels: Vec<Vec3A>,
    /// The probability of a row up to it; one more than rows.
    rows: Vec<f32>,
    row_guide: Vec<u16>,
    /// For each row the probability of a column up to it; one more than columns.
    columns: Vec<f32>,
    column_guide: Vec<u16>,
    /// Of every pixel: the chance of it times the number of pixels.
    density: Vec<f32>,
    rotation: f32,
    strength: f32,
}

/// A light's direction, radiance and density of probability (per steradian).
#[derive(Debug, Clone, Copy)]
pub struct LightSample {
    /// Towards the light.
    pub direction: Vec3A,
    /// Its radiance.
    pub radiance: Vec3A,
    /// Per steradian.
    pub density: f32,
}

pub fn luminance(colour: Vec3A) -> f32 {
    colour.dot(vec3a(0.2126, 0.7152, 0.0722))
}

impl Environment {
    /// Of an equirectangular map: rows from the zenith down, `width * height` linear colours. Values that are not finite
    /// or negative are dark.
    pub fn new(width: usize, height: usize, pixels: Vec<[f32; 3]>) -> Self {
        assert!(width > 0 && height > 0 && pixels.len() == width * height);
        let clean = |value: f32| if value.is_finite() { value.clamp(0.0, 1e6) } else { 0.0 };
        let pixels: Vec<Vec3A> = pixels.into_iter().map(|own| Vec3A::from_array(own.map(clean))).collect();
        // Lookups are interpolated, so a pixel next to a bright one is bright as well.
        let brightness = |x: usize, y: usize| {
            let mut sum = 0.0;
            for dy in [y.saturating_sub(1), y, (y + 1).min(height - 1)] {
                for dx in [(x + width - 1) % width, x, (x + 1) % width] {
                    sum += luminance(pixels[dy * width + dx]);
                }
            }
            sum / 9.0
        };
        let mut weights = vec![0.0; width * height];
        let mut total = 0.0_f64;
        for y in 0..height {
            let area = ((y as f32 + 0.5) / height as f32 * PI).sin();
            for x in 0..width {
                weights[y * width + x] = brightness(x, y) * area;
                total += f64::from(weights[y * width + x]);
            }
        }
        if total <= 0.0 {
            // Dark: every direction is as good as any other.
            for y in 0..height {
                let area = ((y as f32 + 0.5) / height as f32 * PI).sin();
                weights[y * width..(y + 1) * width].fill(area);
            }
            total = weights.iter().map(|&weight| f64::from(weight)).sum();
        }
        let mut rows = vec![0.0];
        let mut columns = Vec::with_capacity((width + 1) * height);
        let mut up_to = 0.0_f64;
        for row in weights.chunks_exact(width) {
            let sum: f64 = row.iter().map(|&weight| f64::from(weight)).sum();
            let mut within = 0.0_f64;
            columns.push(0.0);
            for &weight in row {
                within += f64::from(weight);
                columns.push(if sum > 0.0 { (within / sum) as f32 } else { 1.0 });
            }
            up_to += sum;
            rows.push((up_to / total) as f32);
        }
        let density = weights.iter().map(|&own| (f64::from(own) / total * (width * height) as f64) as f32).collect();
        let row_guide = guide(&rows);
        let column_guide = columns.chunks_exact(width + 1).flat_map(guide).collect();
        let (rotation, strength) = (0.0, 1.0);
        Self { width, height, pixels, rows, row_guide, columns, column_guide, density, rotation, strength }
    }

    /// The same light from everywhere.
    pub fn uniform(radiance: [f32; 3]) -> Self {
        Self::new(4, 2, vec![radiance; 8])
    }

    /// Turned about the vertical axis by these radians, and this many times as bright.
    #[must_use]
    pub fn adjusted(mut self, rotation: f32, strength: f32) -> Self {
        self.rotation = rotation;
        self.strength = strength;
        self
    }

    /// A photographer's room: grey walls, a bright floor and soft boxes, with a mean radiance of 1. Large lights make
    /// little noise; a key that is much brighter than the room, a rim and a low fill model shapes, also those of white things.
    pub fn studio() -> Self {
        // Azimuth and elevation of the middle in degrees, half the width and height, radiance.
        const BOXES: &[([f32; 2], [f32; 2], f32)] = &[
            ([35.0, 42.0], [26.0, 18.0], 12.0),
            ([-52.0, 30.0], [22.0, 24.0], 2.6),
            ([155.0, 38.0], [20.0, 20.0], 6.0),
            ([-135.0, 20.0], [14.0, 30.0], 5.0),
            ([95.0, 12.0], [9.0, 30.0], 3.4),
            ([0.0, 86.0], [180.0, 14.0], 2.4),
            ([-5.0, 8.0], [16.0, 6.0], 1.6),
        ];
        Self::drawn(512, 256, |direction| {
            let elevation = direction.y.clamp(-1.0, 1.0).asin().to_degrees();
            // From the front (+z) to the right (+x).
            let azimuth = direction.x.atan2(direction.z).to_degrees();
            let mut light =
                if elevation < 0.0 { 0.22 + 0.1 * (-elevation / 90.0) } else { 0.16 + 0.14 * (elevation / 90.0) };
            for &([own_azimuth, own_elevation], [half_width, half_height], radiance) in BOXES {
                let turned = (azimuth - own_azimuth + 540.0).rem_euclid(360.0) - 180.0;
                let across = turned * if half_width < 180.0 { elevation.to_radians().cos() } else { 0.0 };
                let inside = |distance: f32, half: f32| ((half - distance.abs()) / 3.0 + 0.5).clamp(0.0, 1.0);
                light += radiance * inside(across, half_width) * inside(elevation - own_elevation, half_height);
            }
            Vec3A::splat(light)
        })
    }

    /// A clear sky at a sun of 40° elevation over a grey ground: Preetham's model at a turbidity of 3 (Preetham, Shirley and
    /// Smits, A Practical Analytic Model for Daylight, 1999), scaled to a mean radiance of 1.
    pub fn sky() -> Self {
        const TURBIDITY: f32 = 3.0;
        let (sun_azimuth, sun_elevation) = (40.0_f32.to_radians(), 40.0_f32.to_radians());
        let sun = vec3a(
            sun_elevation.cos() * sun_azimuth.sin(),
            sun_elevation.sin(),
            sun_elevation.cos() * sun_azimuth.cos(),
        );
        let sun_zenith = PI / 2.0 - sun_elevation;
        let t = TURBIDITY;
        let perez = |c: [f32; 5], cos_zenith: f32, gamma: f32| {
            (1.0 + c[0] * (c[1] / cos_zenith.max(0.01)).exp())
                * (1.0 + c[2] * (c[3] * gamma).exp() + c[4] * gamma.cos().powi(2))
        };
        let luminances = [
            0.1787 * t - 1.4630,
            -0.3554 * t + 0.4275,
            -0.0227 * t + 5.3251,
            0.1206 * t - 2.5771,
            -0.0670 * t + 0.3703,
        ];
        let xs = [
            -0.0193 * t - 0.2592,
            -0.0665 * t + 0.0008,
            -0.0004 * t + 0.2125,
            -0.0641 * t - 0.8989,
            -0.0033 * t + 0.0452,
        ];
        let ys = [
            -0.0167 * t - 0.2608,
            -0.0950 * t + 0.0092,
            -0.0079 * t + 0.2102,
            -0.0441 * t - 1.6537,
            -0.0109 * t + 0.0529,
        ];
        let chi = (4.0 / 9.0 - t / 120.0) * (PI - 2.0 * sun_zenith);
        let zenith_luminance = (4.0453 * t - 4.9710) * chi.tan() - 0.2155 * t + 2.4192;
        let chroma = |m: [[f32; 4]; 3]| {
            let theta = [sun_zenith.powi(3), sun_zenith.powi(2), sun_zenith, 1.0];
            let row = |row: [f32; 4]| row.iter().zip(theta).map(|(a, b)| a * b).sum::<f32>();
            t * t * row(m[0]) + t * row(m[1]) + row(m[2])
        };
        let zenith_x = chroma([
            [0.00166, -0.00375, 0.00209, 0.0],
            [-0.02903, 0.06377, -0.03202, 0.00394],
            [0.11693, -0.21196, 0.06052, 0.25886],
        ]);
        let zenith_y = chroma([
            [0.00275, -0.00610, 0.00317, 0.0],
            [-0.04214, 0.08970, -0.04153, 0.00516],
            [0.15346, -0.26756, 0.06670, 0.26688],
        ]);
        Self::drawn(1024, 512, |direction| {
            if direction.y <= 0.0 {
                return Vec3A::splat(0.32);
            }
            let gamma = direction.dot(sun).clamp(-1.0, 1.0).acos();
            let part = |c: [f32; 5]| perez(c, direction.y, gamma) / perez(c, 1.0, sun_zenith);
            let luminance = zenith_luminance * part(luminances);
            let (x, y) = (zenith_x * part(xs), zenith_y * part(ys));
            let (big_x, big_z) = (luminance * x / y, luminance * (1.0 - x - y) / y);
            // From XYZ to linear sRGB.
            let colour = vec3a(
                3.2406 * big_x - 1.5372 * luminance - 0.4986 * big_z,
                -0.9689 * big_x + 1.8758 * luminance + 0.0415 * big_z,
                0.0557 * big_x - 0.2040 * luminance + 1.0570 * big_z,
            );
            // The sun as a disc six times as wide as it is: soft enough to sample, sharp enough to cast a shadow.
            let disc = if gamma < 1.6_f32.to_radians() { vec3a(1.0, 0.93, 0.82) * 700.0 } else { Vec3A::ZERO };
            colour.max(Vec3A::ZERO) * 0.075 + disc
        })
    }

    fn drawn(width: usize, height: usize, radiance: impl Fn(Vec3A) -> Vec3A) -> Self {
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let direction = direction_of((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
                pixels.push(radiance(direction));
            }
        }
        // Exposed so that a white surface is just below white on the whole.
        let (mut light, mut areas) = (0.0, 0.0);
        for (y, row) in pixels.chunks_exact(width).enumerate() {
            let area = ((y as f32 + 0.5) / height as f32 * PI).sin();
            light += area * row.iter().map(|&pixel| luminance(pixel)).sum::<f32>();
            areas += area * width as f32;
        }
        let scale = areas / light;
        Self::new(width, height, pixels.into_iter().map(|pixel| (pixel * scale).to_array()).collect())
    }

    fn turned(&self, direction: Vec3A, angle: f32) -> Vec3A {
        if self.rotation == 0.0 {
            return direction;
        }
        let (sin, cos) = angle.sin_cos();
        vec3a(direction.x * cos + direction.z * sin, direction.y, direction.z * cos - direction.x * sin)
    }

    /// Across and down, from 0 to 1.
    fn coordinates(direction: Vec3A) -> (f32, f32) {
        let u = 0.5 + direction.z.atan2(direction.x) / TAU;
        (u, direction.y.clamp(-1.0, 1.0).acos() / PI)
    }

    /// The radiance from a unit direction, interpolated, and with what density [`Self::sample`] finds it, per steradian.
    pub fn seen(&self, direction: Vec3A) -> (Vec3A, f32) {
        let (u, v) = Self::coordinates(self.turned(direction, -self.rotation));
        let (x, y) = (u * self.width as f32, v * self.height as f32);
        (self.interpolated(x, y), self.density_at(x, y, (v * PI).sin()))
    }

    /// Of a place on the map, in pixels from its corner.
    fn interpolated(&self, x: f32, y: f32) -> Vec3A {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (x - left, y - top);
        // From half a pixel before the first column to the middle of the last.
        let left = if left < 0.0 { self.width - 1 } else { (left as usize).min(self.width - 1) };
        let right = if left + 1 == self.width { 0 } else { left + 1 };
        let [top, bottom] = [top, top + 1.0].map(|row| (row.max(0.0) as usize).min(self.height - 1) * self.width);
        let upper = self.pixels[top + left].lerp(self.pixels[top + right], across);
        let lower = self.pixels[bottom + left].lerp(self.pixels[bottom + right], across);
        upper.lerp(lower, down) * self.strength
    }

    fn density_at(&self, x: f32, y: f32, sin: f32) -> f32 {
        let (x, y) = ((x as usize).min(self.width - 1), (y as usize).min(self.height - 1));
        self.density[y * self.width + x] / (2.0 * PI * PI * sin.max(1e-6))
    }

    /// A direction, by its light.
    pub fn sample(&self, [first, second]: [f32; 2]) -> LightSample {
        let (y, row) = find(&self.rows, &self.row_guide, first);
        let columns = &self.columns[row * (self.width + 1)..(row + 1) * (self.width + 1)];
        let (x, _) = find(columns, &self.column_guide[row * self.width..(row + 1) * self.width], second);
        let direction = direction_of(x / self.width as f32, y / self.height as f32);
        let sin = (1.0 - direction.y * direction.y).max(0.0).sqrt();
        LightSample {
            direction: self.turned(direction, self.rotation),
            radiance: self.interpolated(x, y),
            density: self.density_at(x, y, sin),
        }
    }
}

/// Where to begin to look for each of as many equal parts of a probability as there are entries: at the first entry above it. Those of
/// a map that is wider than a `u16` begin before it.
fn guide(cumulated: &[f32]) -> Vec<u16> {
    let parts = cumulated.len() - 1;
    let mut at = 0;
    (0..parts)
        .map(|part| {
            while at < parts && cumulated[at] <= part as f32 / parts as f32 {
                at += 1;
            }
            u16::try_from(at).unwrap_or(u16::MAX)
        })
        .collect()
}

/// Where a probability is reached, within which entry (Chen and Asau, *On generating random variates from an empirical
/// distribution*, 1974).
fn find(cumulated: &[f32], guide: &[u16], at: f32) -> (f32, usize) {
    let parts = guide.len();
    let mut found = usize::from(guide[((at * parts as f32) as usize).min(parts - 1)]);
    while found < parts && cumulated[found] <= at {
        found += 1;
    }
    let found = found.max(1) - 1;
    let (low, high) = (cumulated[found], cumulated[found + 1]);
    (found as f32 + if high > low { ((at - low) / (high - low)).clamp(0.0, 0.999_99) } else { 0.5 }, found)
}

fn direction_of(u: f32, v: f32) -> Vec3A {
    let (sin, cos) = (v * PI).sin_cos();
    let angle = (u - 0.5) * TAU;
    vec3a(sin * angle.cos(), cos, sin * angle.sin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Sampler;

    fn spotted() -> Environment {
        let mut pixels = vec![[0.2, 0.3, 0.4]; 64 * 32];
        pixels[10 * 64 + 20] = [500.0, 400.0, 300.0];
        pixels[3 * 64 + 60] = [f32::NAN, -1.0, 2.0];
        Environment::new(64, 32, pixels)
    }

    #[test]
    fn the_density_of_directions_is_one_in_all_and_samples_give_the_light_that_there_is() {
        for environment in [spotted(), spotted().adjusted(1.0, 2.0), Environment::studio()] {
            let (mut density, mut light) = (0.0_f64, 0.0_f64);
            let (columns, rows) = (1024, 512);
            for y in 0..rows {
                for x in 0..columns {
                    let v = (y as f32 + 0.5) / rows as f32;
                    let direction = direction_of((x as f32 + 0.5) / columns as f32, v);
                    let area =
                        f64::from((v * PI).sin()) * 2.0 * std::f64::consts::PI.powi(2) / f64::from(rows * columns);
                    let (radiance, own) = environment.seen(direction);
                    density += f64::from(own) * area;
                    light += f64::from(luminance(radiance)) * area;
                }
            }
            assert!((density - 1.0).abs() < 0.005, "{density}");
            let count = 16_384;
            let sampled: f64 = (0..count)
                .map(|at| {
                    let sample = environment.sample(Sampler::new(5, at).pair());
                    f64::from(luminance(sample.radiance) / sample.density)
                })
                .sum::<f64>()
                / f64::from(count);
            assert!((sampled / light - 1.0).abs() < 0.01, "{sampled} {light}");
        }
    }

    #[test]
    fn a_sample_is_what_is_seen_in_its_direction() {
        for environment in [spotted(), spotted().adjusted(1.0, 2.0), Environment::sky(), Environment::uniform([1.0; 3])]
        {
            let mut off = 0;
            for at in 0..1000 {
                let sample = environment.sample(Sampler::new(9, at).pair());
                let (radiance, density) = environment.seen(sample.direction);
                let near = 0.02 * (1.0 + sample.radiance.max_element());
                let is_same = (density / sample.density - 1.0).abs() < 0.02;
                off += i32::from(!is_same || !radiance.abs_diff_eq(sample.radiance, near));
            }
            // Next to an edge of a pixel rounding decides on which side a direction is.
            assert!(off <= 5, "{off} of 1000");
        }
    }

    #[test]
    fn studio_and_sky_have_a_mean_radiance_of_one() {
        for environment in [Environment::studio(), Environment::sky()] {
            let count = 4096;
            let mean: f32 = (0..count)
                .map(|at| {
                    let sample = environment.sample(Sampler::new(1, at).pair());
                    luminance(sample.radiance) / sample.density
                })
                .sum::<f32>()
                / count as f32
                / (4.0 * PI);
            assert!((mean - 1.0).abs() < 0.01, "{mean}");
        }
    }
}

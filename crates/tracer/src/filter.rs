//! Takes noise off a picture: means over neighbours that show the same, by their normals, distances and albedos, weighted by how
//! far their light is apart for the noise that it has. Light is divided by the albedo first, so that textures stay sharp.
//!
//! An à-trous wavelet filter with variances: Dammertz et al., Edge-Avoiding À-Trous Wavelet Transform, 2010; Schied et al.,
//! Spatiotemporal Variance-Guided Filtering, 2017, without its history. Not OIDN's network: better by some decibels, but its
//! weights are five times as large as the whole container.

use glam::{Vec3A, vec3a};

use crate::environment::luminance;
use crate::film::Film;

/// The kernel along an axis.
const KERNEL: [f32; 3] = [3.0 / 8.0, 1.0 / 4.0, 1.0 / 16.0];
/// How many standard deviations apart light may be to be the same.
const TOLERANCE: f32 = 3.0;

/// Filters in `levels` steps, each over neighbours twice as far apart.
pub fn filter(film: &mut Film, levels: u32, threads: usize) {
    let (width, height) = (film.width, film.height);
    let guides: Vec<Guide> = (0..width * height).map(|at| Guide::of(film, at)).collect();
    let mut light: Vec<Vec3A> = film
        .colour
        .iter()
        .zip(&guides)
        .map(|(colour, guide)| vec3a(colour[0], colour[1], colour[2]) / guide.divisor)
        .collect();
    let mut variance: Vec<f32> =
        film.variance.iter().zip(&guides).map(|(own, guide)| own / luminance(guide.divisor).powi(2)).collect();
    let mut shadow = film.shadow.clone();
    for level in 0..levels {
        let step = 1_usize << level;
        // The variance of a few samples is noisy itself.
        let smooth = smoothed(&variance, width, height);
        let mut next = vec![(Vec3A::ZERO, 0.0_f32, 0.0_f32); width * height];
        let rows = height.div_ceil(threads.max(1));
        std::thread::scope(|scope| {
            for (part, chunk) in next.chunks_mut(rows * width).enumerate() {
                let (light, variance, smooth, shadow, guides) = (&light, &variance, &smooth, &shadow, &guides);
                scope.spawn(move || {
                    for (offset, out) in chunk.iter_mut().enumerate() {
                        let at = part * rows * width + offset;
                        let (x, y) = (at % width, at / width);
                        let own = &guides[at];
                        let tolerance = TOLERANCE * smooth[at].sqrt() + 1e-4;
                        let brightness = luminance(light[at]);
                        let (mut sum, mut weights, mut variances, mut shadows) = (Vec3A::ZERO, 0.0, 0.0, 0.0);
                        let mut shadow_weights = 0.0;
                        for dy in -2_i64..=2 {
                            for dx in -2_i64..=2 {
                                let column = x as i64 + dx * step as i64;
                                let row = y as i64 + dy * step as i64;
                                if column < 0 || row < 0 || column >= width as i64 || row >= height as i64 {
                                    continue;
                                }
                                let other = row as usize * width + column as usize;
                                let kernel = KERNEL[dx.unsigned_abs() as usize] * KERNEL[dy.unsigned_abs() as usize];
                                let apart = (luminance(light[other]) - brightness).abs() / tolerance;
                                let weight = kernel * own.likeness(&guides[other], step as f32) * (-apart).exp();
                                sum += light[other] * weight;
                                variances += variance[other] * weight * weight;
                                weights += weight;
                                if guides[other].covered == 0.0 && own.covered < 1.0 {
                                    let likely = kernel * (-(shadow[other] - shadow[at]).abs() * 6.0).exp();
                                    shadows += shadow[other] * likely;
                                    shadow_weights += likely;
                                }
                            }
                        }
                        *out = if weights > 0.0 {
                            (sum / weights, variances / (weights * weights), 0.0)
                        } else {
                            (light[at], variance[at], 0.0)
                        };
                        out.2 = if shadow_weights > 0.0 && own.covered == 0.0 {
                            shadows / shadow_weights
                        } else {
                            shadow[at]
                        };
                    }
                });
            }
        });
        for (at, (own, spread, dark)) in next.into_iter().enumerate() {
            light[at] = own;
            variance[at] = spread;
            shadow[at] = dark;
        }
    }
    for (at, guide) in guides.iter().enumerate() {
        let [r, g, b] = (light[at] * guide.divisor).to_array();
        film.colour[at] = [r, g, b, film.colour[at][3]];
    }
    film.shadow = shadow;
}

fn smoothed(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut smooth = Vec::with_capacity(values.len());
    for y in 0..height {
        for x in 0..width {
            let (mut sum, mut count) = (0.0, 0.0);
            for row in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for column in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    sum += values[row * width + column];
                    count += 1.0;
                }
            }
            smooth.push(sum / count);
        }
    }
    smooth
}

/// What tells whether neighbours show the same.
struct Guide {
    normal: Vec3A,
    albedo: Vec3A,
    depth: f32,
    covered: f32,
    /// What light is divided by.
    divisor: Vec3A,
}

impl Guide {
    fn of(film: &Film, at: usize) -> Self {
        let covered = film.colour[at][3];
        let albedo = Vec3A::from_array(film.albedo[at]);
        Self {
            normal: Vec3A::from_array(film.normal[at]),
            albedo,
            depth: film.depth[at],
            covered,
            divisor: if covered > 0.0 { albedo.max(Vec3A::splat(0.02)) } else { Vec3A::ONE },
        }
    }

    /// From 0 to 1.
    fn likeness(&self, other: &Self, step: f32) -> f32 {
        if self.covered == 0.0 && other.covered == 0.0 {
            return 1.0;
        }
        if self.covered == 0.0 || other.covered == 0.0 {
            return 0.0;
        }
        let covered = (self.covered - other.covered).abs() * 8.0;
        let normal = (self.normal - other.normal).length_squared() * 12.0;
        let albedo = (self.albedo - other.albedo).length_squared() * 60.0;
        let depth = (self.depth - other.depth).abs() / (self.depth.max(1e-6) * 0.01 * step);
        (-(covered + normal + albedo + depth)).exp()
    }
}

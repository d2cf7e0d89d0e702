//! Takes noise off a picture: means over neighbours that show the same, by their normals, distances and albedos, weighted by how
//! far their light is apart for the noise that it has. Light is divided by the albedo first, so that textures stay sharp.
//!
//! An à-trous wavelet filter with variances: Dammertz et al., Edge-Avoiding À-Trous Wavelet Transform, 2010; Schied et al.,
//! Spatiotemporal Variance-Guided Filtering, 2017, without its history. Not OIDN's network: better by some decibels, but its
//! weights are five times as large as the whole container.

use std::sync::{Mutex, PoisonError};

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
    let has_shadows = shadow.iter().any(|&own| own > 0.0);
    for level in 0..levels {
        let step = 1_usize << level;
        let brightness: Vec<f32> = light.iter().map(|&light| luminance(light)).collect();
        // The variance of a few samples is noisy itself.
        let tolerance: Vec<f32> =
            smoothed(&variance, width, height).into_iter().map(|own| 1.0 / (TOLERANCE * own.sqrt() + 1e-4)).collect();
        let source = Level {
            width,
            height,
            step,
            guides: &guides,
            light: &light,
            brightness: &brightness,
            variance: &variance,
            tolerance: &tolerance,
            shadow: &shadow,
        };
        let mut next = vec![(Vec3A::ZERO, 0.0_f32, 0.0_f32); width * height];
        // Rows differ in what there is to do.
        let rows = Mutex::new(next.chunks_mut(width).enumerate());
        let work = || {
            loop {
                let taken = rows.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((y, row)) = taken else { return };
                for (x, out) in row.iter_mut().enumerate() {
                    let at = y * width + x;
                    let covered = guides[at].covered;
                    // What is seen beside everything has no noise, and what covers a pixel has no shadow on the ground.
                    let (light, variance) =
                        if covered > 0.0 { source.light(x, y) } else { (source.light[at], source.variance[at]) };
                    let shadow = if covered == 0.0 && has_shadows { source.shadow(x, y) } else { source.shadow[at] };
                    *out = (light, variance, shadow);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.max(1) {
                scope.spawn(work);
            }
            work();
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

/// What a step reads.
struct Level<'a> {
    width: usize,
    height: usize,
    /// From a neighbour to the next, in pixels.
    step: usize,
    guides: &'a [Guide],
    light: &'a [Vec3A],
    brightness: &'a [f32],
    variance: &'a [f32],
    /// How far apart light may be, the inverse.
    tolerance: &'a [f32],
    shadow: &'a [f32],
}

impl Level<'_> {
    /// The neighbours of a pixel, itself included, each with its share of the kernel.
    fn neighbours(&self, x: usize, y: usize) -> impl Iterator<Item = (usize, f32)> {
        let (width, height, step) = (self.width, self.height, self.step);
        let along = move |at: usize, length: usize| {
            (0..5_usize).filter_map(move |tap| {
                let place = (at + tap * step).checked_sub(2 * step).filter(|&place| place < length)?;
                Some((place, KERNEL[tap.abs_diff(2)]))
            })
        };
        along(y, height).flat_map(move |(row, down)| {
            along(x, width).map(move |(column, across)| (row * width + column, down * across))
        })
    }

    /// The mean light of a pixel's neighbours that show the same, and its variance.
    fn light(&self, x: usize, y: usize) -> (Vec3A, f32) {
        let at = y * self.width + x;
        let own = &self.guides[at];
        let depth = 1.0 / (own.depth.max(1e-6) * 0.01 * self.step as f32);
        let (brightness, tolerance) = (self.brightness[at], self.tolerance[at]);
        let (mut sum, mut weights, mut variances) = (Vec3A::ZERO, 0.0, 0.0);
        for (other, kernel) in self.neighbours(x, y) {
            let unlike =
                own.unlikeness(&self.guides[other], depth) + (self.brightness[other] - brightness).abs() * tolerance;
            // Beyond it a weight is less than a hundred thousandth.
            if unlike < 12.0 {
                let weight = kernel * (-unlike).exp();
                sum += self.light[other] * weight;
                variances += self.variance[other] * weight * weight;
                weights += weight;
            }
        }
        if weights > 0.0 {
            (sum / weights, variances / (weights * weights))
        } else {
            (self.light[at], self.variance[at])
        }
    }

    /// The mean shadow on the ground of a pixel's neighbours where nothing covers it.
    fn shadow(&self, x: usize, y: usize) -> f32 {
        let own = self.shadow[y * self.width + x];
        let (mut sum, mut weights) = (0.0, 0.0);
        for (other, kernel) in self.neighbours(x, y) {
            if self.guides[other].covered == 0.0 {
                let apart = (self.shadow[other] - own).abs() * 6.0;
                let weight = if apart == 0.0 { kernel } else { kernel * (-apart).exp() };
                sum += self.shadow[other] * weight;
                weights += weight;
            }
        }
        if weights > 0.0 { sum / weights } else { own }
    }
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

    /// From 0, the same, up; `depth` is how far apart distances may be, the inverse.
    fn unlikeness(&self, other: &Self, depth: f32) -> f32 {
        if other.covered == 0.0 {
            return f32::INFINITY;
        }
        let covered = (self.covered - other.covered).abs() * 8.0;
        let normal = (self.normal - other.normal).length_squared() * 12.0;
        let albedo = (self.albedo - other.albedo).length_squared() * 60.0;
        covered + normal + albedo + (self.depth - other.depth).abs() * depth
    }
}

//! Draws a picture: tiles are taken from a counter by threads, and its pixels get samples until their noise is low enough. What a
//! sample is depends on the pixel alone, and how many there are depends on the tile alone, so that the picture is the same
//! on any number of threads.

use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use glam::{Vec3A, vec3a};

use crate::camera::Camera;
use crate::environment::luminance;
use crate::path::{First, Guide, Stage};
use crate::sampler::{Sampler, hash};

/// The side of a tile in pixels.
const TILE: usize = 16;
/// The width of the pixel filter, a Blackman-Harris window, in pixels: what Cycles has for the 1.5 of its settings.
const FILTER_WIDTH: f32 = 3.0;

/// How many samples pixels get.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Samples {
    /// At least.
    pub least: u32,
    /// At most; the same as `least` for an exact number.
    pub most: u32,
    /// A pixel is done when its standard error and its neighbours' are this at most, as a share of white on a scale that the eye
    /// finds even (a square root).
    pub noise: f32,
}

/// A picture's size and samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub width: usize,
    pub height: usize,
    pub samples: Samples,
    /// A plane at that height catches shadows.
    pub ground: Option<f32>,
    /// What is behind the model is seen.
    pub background: bool,
    pub threads: usize,
}

/// A picture in linear light.
#[derive(Debug, Clone, PartialEq)]
pub struct Film {
    pub width: usize,
    pub height: usize,
    /// Red, green, blue and the share that is covered; colours are multiplied with it.
    pub colour: Vec<[f32; 4]>,
    /// The variance of the pixel's luminance.
    pub variance: Vec<f32>,
    /// Means over what is seen ([`Guide`]): multiplied with the covered share, as colours.
    pub albedo: Vec<[f32; 3]>,
    /// See `albedo`.
    pub normal: Vec<[f32; 3]>,
    /// The mean distance of what is covered; infinite where nothing is.
    pub depth: Vec<f32>,
    /// The share of light that does not reach the ground there; 0 where no ground is seen.
    pub shadow: Vec<f32>,
    /// Samples of all pixels.
    pub samples: u64,
    /// Where nothing is covered, the light of the environment is seen.
    pub has_background: bool,
}

impl Film {
    fn new(width: usize, height: usize, has_background: bool) -> Self {
        let count = width * height;
        Self {
            width,
            height,
            colour: vec![[0.0; 4]; count],
            variance: vec![0.0; count],
            albedo: vec![[0.0; 3]; count],
            normal: vec![[0.0; 3]; count],
            depth: vec![f32::INFINITY; count],
            shadow: vec![0.0; count],
            samples: 0,
            has_background,
        }
    }

    /// The mean standard error over what is covered, on the scale of [`Samples::noise`].
    pub fn noise(&self) -> f32 {
        let (mut sum, mut count) = (0.0_f64, 0_u64);
        for (colour, variance) in self.colour.iter().zip(&self.variance) {
            if colour[3] > 0.0 {
                sum += f64::from(error(*variance, brightness(colour)));
                count += 1;
            }
        }
        if count == 0 { 0.0 } else { (sum / count as f64).sqrt() as f32 }
    }
}

/// What a pixel gathers.
#[derive(Clone, Default)]
struct Pixel {
    colour: Vec3A,
    covered: f32,
    squares: f32,
    albedo: Vec3A,
    normal: Vec3A,
    depth: f32,
    open: f32,
    lit: f32,
    samples: u32,
}

fn brightness(colour: &[f32; 4]) -> f32 {
    luminance(vec3a(colour[0], colour[1], colour[2]))
}

/// The squared error on the scale of the square root, whose slope is a half by the root; what is brighter than white is as
/// white.
fn error(variance: f32, brightness: f32) -> f32 {
    let slope = 0.5 / brightness.clamp(0.02, 1e6).sqrt();
    variance * slope * slope / (1.0 + brightness * brightness)
}

/// Draws. `progress` is told how much is done, from any thread.
pub fn draw(stage: &Stage<'_>, camera: &Camera, settings: &Settings, progress: &(dyn Fn(f64) + Sync)) -> Film {
    let (columns, rows) = (settings.width.div_ceil(TILE), settings.height.div_ceil(TILE));
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let film = Mutex::new(Film::new(settings.width, settings.height, settings.background));
    let work = || {
        loop {
            let tile = next.fetch_add(1, Ordering::Relaxed);
            if tile >= columns * rows {
                return;
            }
            let (left, top) = (tile % columns * TILE, tile / columns * TILE);
            let drawn = draw_tile(stage, camera, settings, left, top);
            let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
            let mut film = film.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            drawn.put(&mut film, left, top);
            if finished % columns.max(8) == 0 {
                progress(finished as f64 / (columns * rows) as f64);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..settings.threads.max(1) {
            scope.spawn(work);
        }
        work();
    });
    progress(1.0);
    film.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Tile {
    width: usize,
    pixels: Vec<Pixel>,
}

impl Tile {
    fn put(&self, film: &mut Film, left: usize, top: usize) {
        for (at, pixel) in self.pixels.iter().enumerate() {
            let to = (top + at / self.width) * film.width + left + at % self.width;
            let share = 1.0 / pixel.samples.max(1) as f32;
            let [r, g, b] = (pixel.colour * share).to_array();
            film.colour[to] = [r, g, b, pixel.covered * share];
            film.variance[to] = pixel.variance();
            film.albedo[to] = (pixel.albedo * share).to_array();
            film.normal[to] = (pixel.normal * share).to_array();
            film.depth[to] = if pixel.covered > 0.0 { pixel.depth / pixel.covered } else { f32::INFINITY };
            film.shadow[to] = if pixel.open > 0.0 {
                (1.0 - pixel.lit / pixel.open).clamp(0.0, 1.0) * (1.0 - pixel.covered * share)
            } else {
                0.0
            };
            film.samples += u64::from(pixel.samples);
        }
    }

    /// Which pixels need more samples: those whose error, in the mean with their neighbours', is above a bound. A pixel alone may
    /// have seen by chance only one side of an edge.
    fn noisy(&self, noise: f32) -> Vec<bool> {
        let errors: Vec<f32> = self.pixels.iter().map(Pixel::error).collect();
        let height = self.pixels.len() / self.width;
        let mean = |x: usize, y: usize| {
            let (mut sum, mut count) = (0.0, 0.0);
            for row in y.saturating_sub(1)..(y + 2).min(height) {
                for column in x.saturating_sub(1)..(x + 2).min(self.width) {
                    sum += errors[row * self.width + column];
                    count += 1.0;
                }
            }
            sum / count
        };
        (0..self.pixels.len()).map(|at| mean(at % self.width, at / self.width) > noise * noise).collect()
    }

    fn is_empty(&self) -> bool {
        self.pixels.iter().all(|pixel| pixel.covered == 0.0 && pixel.open == 0.0 && pixel.squares == 0.0)
    }
}

impl Pixel {
    /// The squared error of what is shown: of the light, of the edge that covers a background nobody knows, and of the shadow on
    /// the ground.
    fn error(&self) -> f32 {
        let share = 1.0 / self.samples.max(1) as f32;
        let covered = self.covered * share;
        let edge = 0.5 * covered * (1.0 - covered) * share;
        let ground = if self.open > 0.0 { 0.02 * share } else { 0.0 };
        error(self.variance(), luminance(self.colour) * share) + edge + ground
    }

    /// Of the mean of its samples' luminance.
    fn variance(&self) -> f32 {
        if self.samples < 2 {
            return 0.0;
        }
        let count = self.samples as f32;
        let mean = luminance(self.colour) / count;
        ((self.squares / count - mean * mean) / (count - 1.0)).max(0.0)
    }
}

fn draw_tile(stage: &Stage<'_>, camera: &Camera, settings: &Settings, left: usize, top: usize) -> Tile {
    let width = TILE.min(settings.width - left);
    let height = TILE.min(settings.height - top);
    let mut tile = Tile { width, pixels: vec![Pixel::default(); width * height] };
    let Samples { least, most, noise } = settings.samples;
    let mut taken = 0;
    let mut target = least.max(1);
    let mut is_open = vec![true; width * height];
    loop {
        for at in (0..width * height).filter(|&at| is_open[at]) {
            let (x, y) = (left + at % width, top + at / width);
            for sample in tile.pixels[at].samples..target {
                draw_sample(stage, camera, settings, (x, y), sample, &mut tile.pixels[at]);
            }
        }
        taken = target.max(taken);
        // Where nothing was met, nothing will be.
        if taken >= most || (taken >= 4 && tile.is_empty()) {
            return tile;
        }
        is_open = tile.noisy(noise);
        if !is_open.contains(&true) {
            return tile;
        }
        target = (taken + (taken / 2).max(4)).min(most);
    }
}

fn draw_sample(
    stage: &Stage<'_>,
    camera: &Camera,
    settings: &Settings,
    (x, y): (usize, usize),
    sample: u32,
    pixel: &mut Pixel,
) {
    let number = (y * settings.width + x) as u32;
    let mut sampler = Sampler::new(number, sample);
    let [across, down] = sampler.pair().map(filtered);
    let place = |at: usize, offset: f32, size: usize| 2.0 * (at as f32 + 0.5 + offset) / size as f32 - 1.0;
    let (origin, direction) = camera.ray(place(x, across, settings.width), -place(y, down, settings.height));
    let seed = hash(number.wrapping_mul(0x0100_0193) ^ hash(sample));
    let seen = stage.follow(origin, direction, &mut sampler, seed);
    let mut radiance = seen.radiance;
    pixel.samples += 1;
    if seen.is_covered {
        pixel.covered += 1.0;
    } else if settings.background
        && let Some(environment) = stage.environment
    {
        radiance += environment.seen(direction).0;
    }
    let brightness = luminance(radiance);
    pixel.colour += radiance;
    pixel.squares += brightness * brightness;
    if let Some(Guide { distance, normal, albedo }) = seen.guide {
        pixel.albedo += albedo;
        pixel.normal += normal;
        pixel.depth += distance;
    } else if let Some(height) = settings.ground {
        let distance = (height - origin.y) / direction.y;
        if distance > 0.0 && distance.is_finite() && direction.y < 0.0 {
            let (open, lit) = stage.light_on_ground(origin + direction * distance, &mut sampler, seed);
            pixel.open += open;
            pixel.lit += lit;
        }
    }
}

/// A place within the pixel filter, for a number from 0 to 1.
fn filtered(number: f32) -> f32 {
    const STEPS: usize = 256;
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let window = |x: f64| {
            let turn = std::f64::consts::TAU * x;
            0.35875 - 0.48829 * turn.cos() + 0.14128 * (2.0 * turn).cos() - 0.01168 * (3.0 * turn).cos()
        };
        let fine = 8192;
        let total: f64 = (0..fine).map(|at| window((f64::from(at) + 0.5) / f64::from(fine))).sum();
        let (mut sum, mut table) = (0.0, vec![0.0]);
        for at in 0..fine {
            sum += window((f64::from(at) + 0.5) / f64::from(fine)) / total;
            while table.len() <= STEPS && sum >= table.len() as f64 / STEPS as f64 - 1e-12 {
                table.push((f64::from(at + 1) / f64::from(fine)) as f32);
            }
        }
        table.resize(STEPS + 1, 1.0);
        table
    });
    let scaled = number * STEPS as f32;
    let at = (scaled as usize).min(STEPS - 1);
    let place = table[at] + (table[at + 1] - table[at]) * (scaled - at as f32);
    (place - 0.5) * FILTER_WIDTH
}

/// The first surface in the middle of each pixel, for passes: not blended with its neighbours'.
pub fn first_surfaces(stage: &Stage<'_>, camera: &Camera, width: usize, height: usize) -> Vec<Option<First>> {
    let middle = |at: usize, size: usize| 2.0 * (at as f32 + 0.5) / size as f32 - 1.0;
    let mut found = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let (origin, direction) = camera.ray(middle(x, width), -middle(y, height));
            let hit = stage.world.trace(stage.look, origin, direction, hash((y * width + x) as u32));
            found.push(hit.map(|hit| {
                let found = stage.world.found(stage.look, &hit, direction);
                First {
                    distance: hit.distance,
                    position: found.position,
                    normal: found.normal,
                    albedo: found.surface.base_colour,
                    material: found.material,
                    node: found.node,
                    coordinates: found.coordinates,
                }
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pixel_filter_is_even_and_narrow() {
        let places: Vec<f32> = (0..1000).map(|at| filtered((at as f32 + 0.5) / 1000.0)).collect();
        let mean = places.iter().sum::<f32>() / 1000.0;
        let deviation = (places.iter().map(|place| place * place).sum::<f32>() / 1000.0).sqrt();
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((0.3..0.5).contains(&deviation), "{deviation}");
        assert!(places.iter().all(|place| place.abs() <= 1.5));
    }
}

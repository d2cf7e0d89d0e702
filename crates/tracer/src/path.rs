//! Follows light from the eye back to where it comes from: surfaces are met, light is sampled from the environment and from
//! lamps at each, and the way goes on where the surface scatters it. What the environment sends is found both by sampling it
//! and by scattering, weighted by Veach's balance heuristic.

use std::f32::consts::TAU;

use glam::{Vec3A, vec3a};
use scene::evaluate::{Light, LightKind};

use crate::bsdf::Bsdf;
use crate::environment::{Environment, luminance};
use crate::sampler::{Sampler, hashed};
use crate::world::{Look, World};

/// Light that is darker, with white at 1, is not looked for each time.
const LEAST_LIGHT: f32 = 0.01;

/// How far light is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Depth {
    /// Surfaces that a way may meet.
    pub bounces: u32,
    /// Light that has been scattered counts at most as much: none for the truth.
    pub clamp: Option<f32>,
    /// Mirrors and glass that are lit or seen by way of something rough are rough themselves. What they focus is seldom found by
    /// chance, and is a bright dot where it is; rough, it is a soft spot of the same light. Kaplanyan and Dachsbacher, Path Space
    /// Regularization for Holistic and Robust Light Transport, 2013; the widths are those of Cycles' `filter_glossy` of 1, with
    /// which Blender draws unless told otherwise.
    pub blurs_caustics: bool,
}

impl Depth {
    /// The least width of slopes after a way whose most blurred direction had this density.
    fn least_alpha(self, density: f32) -> f32 {
        if self.blurs_caustics && density < 1.0 { 0.5 * (1.0 - density).sqrt() } else { 0.0 }
    }
}

/// What a ray of the eye has seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Light.
    pub radiance: Vec3A,
    /// Something was met.
    pub is_covered: bool,
    /// What is seen there, for the filter: the first surface that is not clear glass or a mirror.
    pub guide: Option<Guide>,
}

/// What tells the filter whether pixels show the same.
#[derive(Debug, Clone, Copy)]
pub struct Guide {
    /// The way of the light in metres.
    pub distance: f32,
    /// The surface's.
    pub normal: Vec3A,
    /// The surface's, tinted by what it is seen through.
    pub albedo: Vec3A,
}

/// The first surface that a ray meets, for passes.
#[derive(Debug, Clone, Copy)]
pub struct First {
    pub distance: f32,
    pub position: Vec3A,
    pub normal: Vec3A,
    pub albedo: Vec3A,
    pub material: usize,
    pub node: usize,
    pub coordinates: [f32; 2],
}

/// Everything that light depends on.
pub struct Stage<'a> {
    pub world: &'a World,
    pub look: &'a Look,
    pub environment: Option<&'a Environment>,
    pub depth: Depth,
}

impl Stage<'_> {
    /// Follows a ray of the eye.
    pub fn follow(&self, origin: Vec3A, direction: Vec3A, sampler: &mut Sampler, seed: u32) -> Seen {
        let mut seen = Seen::default();
        let (mut origin, mut direction) = (origin, direction);
        let mut throughput = Vec3A::ONE;
        // Of the direction, where the light of the environment could have been sampled instead.
        let mut density = f32::INFINITY;
        // Of the least certain direction so far.
        let mut least_density = f32::INFINITY;
        let mut inside: Option<usize> = None;
        // Which of red, green and blue is followed, once a dispersive surface has parted them.
        let mut colour: Option<usize> = None;
        // What has been looked through so far, if nothing has blurred it, and how far.
        let mut clear = Some(Vec3A::ONE);
        let mut way = 0.0;
        for bounce in 0..=self.depth.bounces {
            let seed = seed.wrapping_add(bounce.wrapping_mul(0x9E37_79B9));
            let Some(hit) = self.world.trace(self.look, origin, direction, seed) else {
                if bounce > 0
                    && let Some(environment) = self.environment
                {
                    let (light, found) = environment.seen(direction);
                    let weight = if density.is_finite() { density / (density + found) } else { 1.0 };
                    let light = throughput * light * weight;
                    seen.radiance += self.bounded(light, bounce);
                }
                // The environment has no colour of its own; the last surface tells the place.
                if let (Some(tint), Some(guide)) = (clear, &mut seen.guide) {
                    guide.albedo = tint;
                }
                return seen;
            };
            let found = self.world.found(self.look, &hit, direction);
            if let Some(material) = inside {
                throughput *= self.look.attenuation(material, hit.distance);
            }
            if bounce == 0 {
                seen.is_covered = true;
            }
            let dispersion = if found.surface.transmission > 0.0 { self.look.dispersion(found.material) } else { 0.0 };
            let eta_scale = if dispersion > 0.0 {
                let channel = *colour.get_or_insert_with(|| {
                    let channel = ((sampler.single() * 3.0) as usize).min(2);
                    throughput *=
                        vec3a(f32::from(channel == 0), f32::from(channel == 1), f32::from(channel == 2)) * 3.0;
                    channel
                });
                dispersed(found.surface.ior, dispersion, channel)
            } else {
                1.0
            };
            let bsdf = Bsdf::new(&found.surface, eta_scale, self.depth.least_alpha(least_density));
            way += hit.distance;
            if let Some(tint) = clear {
                let albedo = if found.unlit { found.surface.base_colour } else { bsdf.albedo() + found.emission };
                seen.guide = Some(Guide { distance: way, normal: found.normal, albedo: albedo * tint });
            }
            if found.unlit {
                seen.radiance += self.bounded(throughput * found.surface.base_colour, bounce);
                return seen;
            }
            if found.emission != Vec3A::ZERO {
                seen.radiance += self.bounded(throughput * found.emission * bsdf.below_layers(), bounce);
            }
            if bounce == self.depth.bounces {
                return seen;
            }
            let offset = self.world.offset(found.position);
            let beside = |direction: Vec3A| {
                let side = if found.outward.dot(direction) > 0.0 { offset } else { -offset };
                found.position + found.outward * side
            };
            if let Some(environment) = self.environment {
                let light = environment.sample(sampler.pair());
                let (value, own) = bsdf.evaluate(light.direction);
                if value.max_element() > 0.0 && light.density > 0.0 {
                    let lit = throughput * value * light.radiance / (light.density + own);
                    // Light that would hardly be seen is looked for in proportion.
                    let chance = (lit.max_element() / LEAST_LIGHT).min(1.0);
                    if hashed(seed, 0x6C69_6768) < chance {
                        let from = beside(light.direction);
                        let seed = seed ^ 0x5555_5555;
                        let share = self.world.passing(self.look, from, light.direction, f32::INFINITY, seed);
                        seen.radiance += self.bounded(lit * share / chance, bounce + 1);
                    }
                }
            }
            if !self.world.lights().is_empty() {
                let count = self.world.lights().len();
                let chosen = ((sampler.single() * count as f32) as usize).min(count - 1);
                if let Some((to, distance, light)) = shine(&self.world.lights()[chosen], found.position) {
                    let (value, _) = bsdf.evaluate(to);
                    if value.max_element() > 0.0 {
                        let from = beside(to);
                        let share = self.world.passing(self.look, from, to, distance * 0.9999, seed ^ 0x3333_3333);
                        let light = throughput * value * light * share * count as f32;
                        seen.radiance += self.bounded(light, bounce + 1);
                    }
                }
            }
            let (choice, pair) = (sampler.single(), sampler.pair());
            let Some(next) = bsdf.sample(choice, pair) else { return seen };
            throughput *= next.weight;
            clear = clear.filter(|_| next.is_sharp).map(|tint| tint * next.weight.min(Vec3A::ONE));
            if next.passes && found.surface.transmission > 0.0 && self.look.has_inside(found.material) {
                let goes_in = found.outward.dot(next.direction) < 0.0;
                inside = goes_in.then_some(found.material);
            }
            if bounce >= 2 {
                let stays = throughput.max_element().clamp(0.0, 0.95);
                if sampler.single() >= stays {
                    return seen;
                }
                throughput /= stays;
            }
            origin = beside(next.direction);
            direction = next.direction;
            if !next.is_straight {
                density = next.density;
                least_density = least_density.min(density);
            }
        }
        seen
    }

    /// How much light a plane through `position` facing up gets from above, and how much of it comes past what is there.
    pub fn light_on_ground(&self, position: Vec3A, sampler: &mut Sampler, seed: u32) -> (f32, f32) {
        let (mut open, mut there) = (0.0, 0.0);
        let offset = self.world.offset(position);
        let from = position + vec3a(0.0, offset, 0.0);
        if let Some(environment) = self.environment {
            // Half of the samples by light, half by the cosine, so that neither small lights nor dark ones are noisy.
            let light = environment.sample(sampler.pair());
            let [first, second] = sampler.pair();
            let (sin, cos) = (TAU * second).sin_cos();
            let scattered = vec3a(first.sqrt() * cos, (1.0 - first).max(1e-6).sqrt(), first.sqrt() * sin);
            for (direction, which) in [(light.direction, 0_u32), (scattered, 1)] {
                if direction.y <= 0.0 {
                    continue;
                }
                let (light, density) = environment.seen(direction);
                let value = luminance(light) * direction.y / (density + direction.y / std::f32::consts::PI);
                open += value;
                there += value * luminance(self.world.passing(self.look, from, direction, f32::INFINITY, seed ^ which));
            }
        }
        for (at, light) in self.world.lights().iter().enumerate() {
            if let Some((to, distance, light)) = shine(light, position).filter(|(to, ..)| to.y > 0.0) {
                let value = luminance(light) * to.y;
                open += value;
                there +=
                    value * luminance(self.world.passing(self.look, from, to, distance * 0.9999, seed ^ at as u32));
            }
        }
        (open, there)
    }

    fn bounded(&self, light: Vec3A, bounce: u32) -> Vec3A {
        if !light.is_finite() {
            return Vec3A::ZERO;
        }
        match self.depth.clamp.filter(|_| bounce > 1) {
            Some(most) => {
                let brightness = light.max_element();
                if brightness > most { light * (most / brightness) } else { light }
            }
            None => light,
        }
    }
}

/// The index for red, green or blue by the mean one. `KHR_materials_dispersion`: the indices at Fraunhofer's lines C and F differ by
/// `(ior - 1) * dispersion / 20`; half of it is on either side.
fn dispersed(ior: f32, dispersion: f32, channel: usize) -> f32 {
    let spread = (ior - 1.0) * 0.025 * dispersion;
    let own = match channel {
        0 => ior - spread,
        1 => ior,
        _ => ior + spread,
    };
    (own / ior).max(0.1)
}

/// The direction to a lamp, its distance, and what it shines with at that place: `KHR_lights_punctual`.
fn shine(light: &Light, position: Vec3A) -> Option<(Vec3A, f32, Vec3A)> {
    let intensity = Vec3A::from_array(light.intensity);
    let axis = Vec3A::from_array(light.direction);
    if light.kind == LightKind::Directional {
        return Some((-axis, f32::INFINITY, intensity));
    }
    let way = Vec3A::from_array(light.position) - position;
    let distance = way.length();
    if distance <= 0.0 || !distance.is_finite() {
        return None;
    }
    let to = way / distance;
    let mut strength = 1.0 / (distance * distance);
    if let Some(range) = light.range {
        strength *= (1.0 - (distance / range).powi(4)).clamp(0.0, 1.0);
    }
    if let LightKind::Spot { inner, outer } = light.kind {
        let (cos_inner, cos_outer) = (inner.cos(), outer.cos());
        let part = ((-to).dot(axis) - cos_outer) / (cos_inner - cos_outer).max(1e-3);
        strength *= part.clamp(0.0, 1.0).powi(2);
    }
    (strength > 0.0).then_some((to, distance, intensity * strength))
}

//! How a point of a surface scatters light: glTF's layers. From the outside in: clear coat, sheen, then a mixture by `metallic`
//! of a metal and of a dielectric, whose light that is not reflected is scattered (diffusely, back or through) or let through.
//! A layer takes from what is below it what it throws back itself, by its albedo seen from the viewer's side, so that no
//! light is won or lost: a white surface in a white room cannot be seen, whatever its roughness.
//!
//! glTF 2.0, appendix B, and the texts of `KHR_materials_*`; scaling by albedo instead of `1 - F` is what Cycles and `OpenPBR`
//! do with layers.

use std::f32::consts::{FRAC_1_PI, PI, TAU};

use glam::{Vec2, Vec3A, vec3a};

use crate::environment::luminance;
use crate::microfacet::{
    Albedo, Dielectric, SMALLEST_ALPHA, distribution, fresnel, lambda, refract, sample_visible, sheen, towards_grazing,
};

/// Three unit vectors at right angles.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub x: Vec3A,
    pub y: Vec3A,
    pub z: Vec3A,
}

impl Frame {
    /// Around a normal: Duff et al., Building an Orthonormal Basis, Revisited, JCGT 2017.
    pub fn around(z: Vec3A) -> Self {
        let sign = 1.0_f32.copysign(z.z);
        let a = -1.0 / (sign + z.z);
        let b = z.x * z.y * a;
        Self { x: vec3a(1.0 + sign * z.x * z.x * a, sign * b, -sign * z.x), y: vec3a(b, sign + z.y * z.y * a, -z.y), z }
    }

    /// With x as close to `tangent` as it can be.
    pub fn along(z: Vec3A, tangent: Vec3A) -> Self {
        let x = (tangent - z * z.dot(tangent)).normalize_or_zero();
        if x == Vec3A::ZERO { Self::around(z) } else { Self { x, y: z.cross(x), z } }
    }

    fn local(&self, v: Vec3A) -> Vec3A {
        vec3a(self.x.dot(v), self.y.dot(v), self.z.dot(v))
    }

    fn world(&self, v: Vec3A) -> Vec3A {
        self.x * v.x + self.y * v.y + self.z * v.z
    }
}

/// A point's values, textures looked up.
#[derive(Debug, Clone)]
pub struct Surface<'a> {
    /// z is the shading normal, on the viewer's side; x the direction of anisotropy.
    pub frame: Frame,
    /// The triangle's normal, on the viewer's side.
    pub geometric: Vec3A,
    /// The normal with its bumps, as diffuse light has it: turned to the viewer as little as it is. That of `frame` is turned so far
    /// that mirrors show what is outside.
    pub bent: Vec3A,
    /// The normal that vertices give the surface, before bumps bend it, on the viewer's side.
    pub smooth: Vec3A,
    /// Towards the viewer.
    pub out: Vec3A,
    /// The viewer is on the inner side.
    pub from_inside: bool,
    pub base_colour: Vec3A,
    pub metallic: f32,
    pub roughness: f32,
    pub ior: f32,
    pub specular: f32,
    pub specular_colour: Vec3A,
    pub transmission: f32,
    /// The surface has no inside: light goes straight through.
    pub thin: bool,
    pub diffuse_transmission: f32,
    pub diffuse_transmission_colour: Vec3A,
    pub clearcoat: f32,
    pub clearcoat_roughness: f32,
    pub clearcoat_normal: Vec3A,
    pub sheen_colour: Vec3A,
    pub sheen_roughness: f32,
    pub anisotropy: f32,
    pub iridescence: f32,
    pub iridescence_ior: f32,
    pub iridescence_thickness: f32,
    /// Tables of the index.
    pub dielectric: &'a Dielectric,
    /// Tables of the coat's index.
    pub coat: &'a Dielectric,
}

/// The index of refraction of clear coats.
pub const COAT_IOR: f32 = 1.5;
const COAT_REFLECTANCE: f32 = 0.04;

/// Slopes up to this wide are taken for none by light that goes straight through.
pub const CLEAR: f32 = 2e-3;

/// Slopes up to this wide leave sharp what is seen through them or in them.
const SHARP: f32 = 0.02;

/// Ways in which a direction is chosen.
const COAT: usize = 0;
const REFLECTION: usize = 1;
const GLASS: usize = 2;
const DIFFUSE: usize = 3;
const THROUGH: usize = 4;

/// The scattering at a point.
#[derive(Debug, Clone)]
pub struct Bsdf<'a> {
    surface: &'a Surface<'a>,
    out: Vec3A,
    alpha: Vec2,
    metal: f32,
    metal_scale: Vec3A,
    dielectric: f32,
    at_normal: Vec3A,
    at_grazing: f32,
    dielectric_scale: Vec3A,
    film: Option<[Vec3A; 2]>,
    glass: f32,
    glass_scale: f32,
    glass_tint: Vec3A,
    eta: f32,
    diffuse: Vec3A,
    through: Vec3A,
    sheen_alpha: f32,
    below_coat: f32,
    below_sheen: f32,
    coat_frame: Frame,
    coat_out: Vec3A,
    coat_alpha: Vec2,
    coat_scale: f32,
    passes_straight: bool,
    chances: [f32; 5],
}

/// A direction that was chosen.
#[derive(Debug, Clone, Copy)]
pub struct Scattered {
    pub direction: Vec3A,
    /// What light from there counts: the value times the cosine by the density.
    pub weight: Vec3A,
    /// Per steradian.
    pub density: f32,
    /// To the other side of the surface.
    pub passes: bool,
    /// What lies there is seen as sharply as without the surface: clear glass, a mirror of metal.
    pub is_sharp: bool,
    /// As if there were no surface: [`Bsdf::straight`].
    pub is_straight: bool,
}

impl<'a> Bsdf<'a> {
    /// Of a point. `eta_scale` is the index of this ray's colour by the mean one; slopes are at least as wide as `least_alpha`.
    pub fn new(surface: &'a Surface<'a>, eta_scale: f32, least_alpha: f32) -> Self {
        let own = surface;
        let albedo = Albedo::get();
        let out = own.frame.local(own.out);
        let out = vec3a(out.x, out.y, out.z.max(1e-4)).normalize();
        let mut alpha = alphas(own.roughness, own.anisotropy).max(Vec2::splat(least_alpha));
        if own.transmission >= 1.0 && (own.ior - 1.0).abs() < 1e-3 {
            // Facets of something that is as thin as air bend no light, however rough they are.
            alpha = Vec2::splat(SMALLEST_ALPHA);
        }
        // What is lost between microfacets depends on the steeper slopes more than on the others.
        let mean_alpha = (alpha.length_squared() * 0.5).sqrt();
        let eta_outside = if own.ior == 0.0 { 1e3 } else { own.ior * eta_scale };
        let eta = if own.from_inside && !own.thin { 1.0 / eta_outside } else { eta_outside };

        let reflectance = if own.ior == 0.0 { 1.0 } else { crate::microfacet::normal_reflectance(own.ior) };
        let at_normal = (own.specular_colour * reflectance).min(Vec3A::ONE) * own.specular;
        let at_grazing = own.specular;
        let film = (own.iridescence > 0.0 && own.iridescence_thickness > 0.0).then(|| {
            [at_normal, own.base_colour]
                .map(|base| iridescence(out.z, own.iridescence_ior, own.iridescence_thickness, base))
        });
        let dielectric_mean = at_normal + (Vec3A::splat(at_grazing) - at_normal) * (1.0 / 21.0);
        let dielectric_scale = albedo.compensation(out.z, mean_alpha, dielectric_mean);
        let mut reflected = own.dielectric.reflected(out.z, mean_alpha, at_normal, at_grazing) * dielectric_scale;
        if let Some([film, _]) = film {
            reflected = reflected.lerp(film, own.iridescence);
        }
        let reflected = reflected.max_element().clamp(0.0, 1.0);
        let metal_mean = own.base_colour + (Vec3A::ONE - own.base_colour) * (1.0 / 21.0);
        let metal_scale = albedo.compensation(out.z, mean_alpha, metal_mean);

        let metal = own.metallic;
        let opaque = (1.0 - metal) * (1.0 - own.transmission);
        let glass = (1.0 - metal) * own.transmission;
        let below = opaque * (1.0 - reflected);
        let diffuse = own.base_colour * (below * (1.0 - own.diffuse_transmission));
        let through = own.diffuse_transmission_colour * (below * own.diffuse_transmission);

        let sheen_alpha = (own.sheen_roughness * own.sheen_roughness).max(sheen::SMALLEST_ALPHA);
        let sheen_colour = own.sheen_colour.max_element();
        let sheen_albedo = if sheen_colour > 0.0 { sheen::albedo(out.z, sheen_alpha) } else { 0.0 };
        let below_sheen = 1.0 - sheen_colour * sheen_albedo;

        let coat_frame = Frame::around(own.clearcoat_normal);
        let coat_out = coat_frame.local(own.out);
        let coat_out = vec3a(coat_out.x, coat_out.y, coat_out.z.max(1e-4)).normalize();
        let coat_alpha = alphas(own.clearcoat_roughness, 0.0).max(Vec2::splat(least_alpha));
        let (mut coat_scale, mut coat_albedo) = (1.0, 0.0);
        if own.clearcoat > 0.0 {
            let mean = Vec3A::splat(COAT_REFLECTANCE + (1.0 - COAT_REFLECTANCE) / 21.0);
            coat_scale = albedo.compensation(coat_out.z, coat_alpha.x, mean).x;
            let reflectance = Vec3A::splat(COAT_REFLECTANCE);
            let single = own.coat.reflected(coat_out.z, coat_alpha.x, reflectance, 1.0).x;
            coat_albedo = own.clearcoat * single * coat_scale;
        }
        let below_coat = 1.0 - coat_albedo;

        let metal_albedo = luminance(own.base_colour).max(0.04) * metal;
        let layers = below_coat * below_sheen;
        let mut chances = [
            coat_albedo,
            layers * (metal_albedo + opaque * reflected),
            layers * glass,
            layers * luminance(diffuse) + luminance(own.sheen_colour) * sheen_albedo * below_coat,
            layers * luminance(through),
        ];
        // What seldom happens in a direction may still be bright there.
        if chances[REFLECTION] > 0.0 {
            chances[REFLECTION] = chances[REFLECTION].max(0.08 * chances.iter().sum::<f32>());
        }
        let total: f32 = chances.iter().sum();
        if total > 0.0 {
            chances = chances.map(|chance| chance / total);
        }
        let is_plain = own.thin || (eta - 1.0).abs() < 1e-3;
        let passes_straight = glass > 0.0 && is_plain && alphas(own.roughness, 0.0).x.min(alpha.x) <= CLEAR;
        // Light crosses two surfaces of a body, so each takes the root of its colour; a thin wall is one surface.
        let glass_tint = if own.thin { own.base_colour } else { own.base_colour.powf(0.5) };
        let glass_scale = if glass > 0.0 {
            if own.thin {
                1.0 / albedo.at(out.z, mean_alpha)
            } else {
                1.0 / own.dielectric.kept(out.z, mean_alpha, own.from_inside)
            }
        } else {
            1.0
        };
        Self {
            surface,
            out,
            alpha,
            metal,
            metal_scale,
            dielectric: opaque,
            at_normal,
            at_grazing,
            dielectric_scale,
            film,
            glass,
            glass_scale,
            glass_tint,
            eta,
            diffuse,
            through,
            sheen_alpha,
            below_coat,
            below_sheen,
            coat_frame,
            coat_out,
            coat_alpha,
            coat_scale,
            passes_straight,
            chances,
        }
    }

    /// What is left of light that comes from the surface itself or from below its layers.
    pub fn below_layers(&self) -> f32 {
        self.below_coat * self.below_sheen
    }

    /// An estimate of what it throws back in all.
    pub fn albedo(&self) -> Vec3A {
        let own = self.surface;
        let mirrored = self.at_normal * self.dielectric + own.base_colour * self.metal;
        (self.diffuse + self.through + mirrored + self.glass_tint * self.glass) * self.below_layers()
            + Vec3A::splat(1.0 - self.below_coat)
    }

    /// The value times the cosine for light from `to`, and the density with which [`Self::sample`] finds it.
    pub fn evaluate(&self, to: Vec3A) -> (Vec3A, f32) {
        let outside = self.surface.geometric.dot(to);
        let local = self.surface.frame.local(to);
        let cos = self.surface.bent.dot(to);
        if outside > 0.0 {
            let (mut value, mut density) = self.evaluate_diffuse(to, local, cos.max(0.0));
            if local.z > 0.0 {
                let (below, own) = self.evaluate_reflection(local);
                value = (value + below) * self.below_coat;
                density += own;
            } else {
                value *= self.below_coat;
            }
            if self.surface.clearcoat > 0.0 {
                let (coat, coat_density) = self.evaluate_coat(self.coat_frame.local(to));
                value += Vec3A::splat(coat);
                density += self.chances[COAT] * coat_density;
            }
            (value, density)
        } else if outside < 0.0 {
            let mut value = self.through * ((-cos).max(0.0) * FRAC_1_PI);
            let mut density = self.chances[THROUGH] * (-cos).max(0.0) * FRAC_1_PI;
            if local.z < 0.0 && !self.passes_straight {
                let (glass, own) = self.evaluate_transmission(local);
                value += glass;
                density += own;
            }
            (value * self.below_layers(), density)
        } else {
            (Vec3A::ZERO, 0.0)
        }
    }

    /// What goes on in its direction through clear glass that bends no light, if any does: a share of the light from behind.
    pub fn straight(&self) -> Vec3A {
        if !self.passes_straight {
            return Vec3A::ZERO;
        }
        self.glass_tint * (Vec3A::ONE - self.glass_colour(self.out.z)) * (self.glass * self.below_layers())
    }

    /// How much of diffuse light from there a bump gets past the surface that it is on. Else bumps that face light from behind
    /// the surface would be lit until it sets, and dark beyond a hard line: Chiang, Li and Burley, Taming the Shadow Terminator,
    /// 2019. Cycles does the same.
    fn shadow_of_bump(&self, to: Vec3A, cos: f32) -> f32 {
        let (bent, smooth) = (self.surface.bent, self.surface.smooth);
        if bent == smooth {
            return 1.0;
        }
        let share = smooth.dot(to) / (cos * bent.dot(smooth)).max(1e-6);
        if share >= 1.0 { 1.0 } else { (share + share * share - share * share * share).max(0.0) }
    }

    fn evaluate_diffuse(&self, to: Vec3A, local: Vec3A, cos: f32) -> (Vec3A, f32) {
        let own = self.surface;
        if cos <= 0.0 {
            return (Vec3A::ZERO, 0.0);
        }
        let shadow = self.shadow_of_bump(to, cos);
        let mut value = self.diffuse * (cos * FRAC_1_PI * self.below_sheen * shadow);
        if own.sheen_colour != Vec3A::ZERO && local.z > 0.0 {
            value += own.sheen_colour * (sheen::value(self.out, local, self.sheen_alpha) * local.z * shadow);
        }
        (value, self.chances[DIFFUSE] * cos * FRAC_1_PI)
    }

    fn evaluate_reflection(&self, to: Vec3A) -> (Vec3A, f32) {
        let own = self.surface;
        let (mut value, mut density) = (Vec3A::ZERO, 0.0);
        if self.chances[REFLECTION] + self.chances[GLASS] > 0.0 {
            let half = (self.out + to).normalize();
            let cos = self.out.dot(half);
            let (of_out, of_in) = (lambda(self.out, self.alpha), lambda(to, self.alpha));
            let common = distribution(half, self.alpha) / (4.0 * self.out.z);
            let lobe = common / (1.0 + of_out + of_in);
            let found = common / (1.0 + of_out);
            let mut mirrored = Vec3A::ZERO;
            if self.metal > 0.0 {
                let (mut reflectance, schlick) = (own.base_colour, (1.0 - cos).max(0.0).powi(5));
                reflectance += (Vec3A::ONE - reflectance) * schlick;
                if let Some([_, film]) = self.film {
                    reflectance = reflectance.lerp(film, own.iridescence);
                }
                mirrored += self.metal_scale * reflectance * self.metal;
            }
            if self.dielectric > 0.0 {
                let grazing = towards_grazing(cos, if own.ior == 0.0 { 1e3 } else { own.ior });
                let mut reflectance = self.at_normal + (Vec3A::splat(self.at_grazing) - self.at_normal) * grazing;
                if let Some([film, _]) = self.film {
                    reflectance = reflectance.lerp(film, own.iridescence);
                }
                mirrored += self.dielectric_scale * reflectance * self.dielectric;
            }
            density += self.chances[REFLECTION] * found;
            if self.glass > 0.0 {
                mirrored += self.glass_colour(cos) * (self.glass * self.glass_scale);
                // Straight light does not know of facets.
                let cos = if self.passes_straight { self.out.z } else { cos };
                density += self.chances[GLASS] * self.glass_reflectance(cos) * found;
            }
            value += mirrored * (lobe * self.below_sheen);
        }
        (value, density)
    }

    /// The colour of a reflection on glass: as the film has it, unless all light is reflected from inside.
    fn glass_colour(&self, cos: f32) -> Vec3A {
        let plain = fresnel(cos, self.eta);
        match self.film {
            Some([film, _]) if plain < 1.0 => Vec3A::splat(plain).lerp(film, self.surface.iridescence),
            _ => Vec3A::splat(plain),
        }
    }

    /// The chance of a reflection on glass: dark glass lets little through that would be worth following. A film mirrors also where
    /// the glass below it does not (an index of 1).
    fn glass_reflectance(&self, cos: f32) -> f32 {
        let mirrored = self.glass_colour(cos).element_sum() * (1.0 / 3.0);
        let passing = (1.0 - mirrored) * self.glass_tint.max_element().max(1e-3);
        mirrored / (mirrored + passing)
    }

    /// Light that is let through keeps its direction, but for the roughness.
    fn goes_straight(&self) -> bool {
        self.surface.thin || (self.eta - 1.0).abs() < 1e-3
    }

    fn evaluate_coat(&self, to: Vec3A) -> (f32, f32) {
        if to.z <= 0.0 {
            return (0.0, 0.0);
        }
        let half = (self.coat_out + to).normalize();
        let grazing = towards_grazing(self.coat_out.dot(half), COAT_IOR);
        let reflectance = COAT_REFLECTANCE + (1.0 - COAT_REFLECTANCE) * grazing;
        let (of_out, of_in) = (lambda(self.coat_out, self.coat_alpha), lambda(to, self.coat_alpha));
        let common = distribution(half, self.coat_alpha) / (4.0 * self.coat_out.z);
        let value = reflectance * self.coat_scale * self.surface.clearcoat * common / (1.0 + of_out + of_in);
        (value, common / (1.0 + of_out))
    }

    fn evaluate_transmission(&self, to: Vec3A) -> (Vec3A, f32) {
        let (mut value, mut density) = (Vec3A::ZERO, 0.0);
        if self.glass > 0.0 {
            let scale = self.glass_tint * (self.glass * self.glass_scale);
            let mirrored = vec3a(to.x, to.y, -to.z);
            let (of_out, of_in) = (lambda(self.out, self.alpha), lambda(mirrored, self.alpha));
            if self.goes_straight() {
                let half = (self.out + mirrored).normalize();
                let cos = self.out.dot(half);
                let common = distribution(half, self.alpha) / (4.0 * self.out.z);
                value += scale * (Vec3A::ONE - self.glass_colour(cos)) * (common / (1.0 + of_out + of_in));
                density += self.chances[GLASS] * (1.0 - self.glass_reflectance(cos)) * common / (1.0 + of_out);
            } else {
                let mut half = -(self.out + to * self.eta).normalize_or_zero();
                if half.z < 0.0 {
                    half = -half;
                }
                let (cos_out, cos_in) = (self.out.dot(half), to.dot(half));
                if cos_out > 0.0 && cos_in < 0.0 {
                    let denominator = cos_out + self.eta * cos_in;
                    let jacobian = self.eta * self.eta * -cos_in / (denominator * denominator).max(1e-9);
                    let common = distribution(half, self.alpha) * cos_out / self.out.z * jacobian;
                    value += scale * (Vec3A::ONE - self.glass_colour(cos_out)) * (common / (1.0 + of_out + of_in));
                    density += self.chances[GLASS] * (1.0 - self.glass_reflectance(cos_out)) * common / (1.0 + of_out);
                }
            }
        }
        (value, density)
    }

    /// A direction, and what light from it counts; `None` where the light ends. `choice` chooses the lobe.
    pub fn sample(&self, choice: f32, pair: [f32; 2]) -> Option<Scattered> {
        let mut rest = choice;
        let mut lobe = 0;
        while lobe < THROUGH && rest >= self.chances[lobe] {
            rest -= self.chances[lobe];
            lobe += 1;
        }
        let mut passes = lobe == THROUGH;
        let local = match lobe {
            COAT => {
                let half = sample_visible(self.coat_out, self.coat_alpha, pair);
                let to = half * (2.0 * self.coat_out.dot(half)) - self.coat_out;
                return self.scattered(self.coat_frame.world(to), false, false);
            }
            REFLECTION => {
                let half = sample_visible(self.out, self.alpha, pair);
                half * (2.0 * self.out.dot(half)) - self.out
            }
            GLASS => {
                let half = sample_visible(self.out, self.alpha, pair);
                let facet = self.out.dot(half);
                let cos = if self.passes_straight { self.out.z } else { facet };
                let mirrored = half * (2.0 * facet) - self.out;
                // What is left of the choice is as random as it was.
                if rest < self.chances[GLASS] * self.glass_reflectance(cos) {
                    mirrored
                } else {
                    passes = true;
                    if self.passes_straight {
                        let share = self.chances[GLASS] * (1.0 - self.glass_reflectance(self.out.z));
                        let weight = self.straight() / share.max(1e-9);
                        let direction = -self.surface.out;
                        return (weight.max_element() > 0.0 && weight.is_finite()).then_some(Scattered {
                            direction,
                            weight,
                            density: f32::INFINITY,
                            passes,
                            is_sharp: true,
                            is_straight: true,
                        });
                    }
                    let straight = vec3a(mirrored.x, mirrored.y, -mirrored.z);
                    if self.goes_straight() { straight } else { refract(self.out, half, self.eta)? }
                }
            }
            _ => {
                let radius = pair[0].sqrt();
                let (sin, cos) = (TAU * pair[1]).sin_cos();
                let up = (1.0 - pair[0]).max(0.0).sqrt();
                let local = vec3a(radius * cos, radius * sin, if lobe == THROUGH { -up } else { up });
                return self.scattered(Frame::around(self.surface.bent).world(local), passes, false);
            }
        };
        let is_clear = lobe == GLASS && passes || lobe == REFLECTION && self.metal > 0.99;
        self.scattered(self.surface.frame.world(local), passes, is_clear && self.alpha.max_element() <= SHARP)
    }

    /// None where the facet sends light to the wrong side: it would be met by another facet, which the compensation stands for.
    fn scattered(&self, direction: Vec3A, passes: bool, is_sharp: bool) -> Option<Scattered> {
        if passes != (self.surface.geometric.dot(direction) < 0.0) {
            return None;
        }
        let (value, density) = self.evaluate(direction);
        if density.is_nan() || density <= 1e-12 || value.max_element() <= 0.0 || !value.is_finite() {
            return None;
        }
        Some(Scattered { direction, weight: value / density, density, passes, is_sharp, is_straight: false })
    }
}

/// The widths of the slopes along and across the direction of anisotropy, as `KHR_materials_anisotropy` has them.
fn alphas(roughness: f32, anisotropy: f32) -> Vec2 {
    let alpha = (roughness * roughness).clamp(SMALLEST_ALPHA, 1.0);
    let along = alpha + (1.0 - alpha) * anisotropy * anisotropy;
    Vec2::new(along.clamp(SMALLEST_ALPHA, 1.0), alpha)
}

/// The reflectance of a thin film over a surface: Belcour and Barla, A Practical Extension to Microfacet Theory for the Modeling
/// of Varying Iridescence, 2017, as `KHR_materials_iridescence` has it. `thickness` in nanometres.
pub fn iridescence(cos: f32, film_ior: f32, thickness: f32, base: Vec3A) -> Vec3A {
    let schlick = |at_normal: f32, cos: f32| at_normal + (1.0 - at_normal) * (1.0 - cos).max(0.0).powi(5);
    let smooth = (thickness / 0.03).clamp(0.0, 1.0);
    let film_ior = 1.0 + (film_ior - 1.0) * smooth * smooth * (3.0 - 2.0 * smooth);
    let cos_squared = 1.0 - (1.0 - cos * cos) / (film_ior * film_ior);
    if cos_squared < 0.0 {
        return Vec3A::ONE;
    }
    let cos_within = cos_squared.sqrt();
    let first = schlick(crate::microfacet::normal_reflectance(film_ior), cos);
    let passing = 1.0 - first;
    let path = 2.0 * film_ior * thickness * cos_within;
    let base = base.clamp(Vec3A::ZERO, Vec3A::splat(0.9999)) + Vec3A::splat(0.0001);
    let mut phases = [PI; 3];
    let second = vec3a_from(|at| {
        let root = base[at].min(0.9999).sqrt();
        let base_ior = (1.0 + root) / (1.0 - root);
        if base_ior < film_ior {
            phases[at] += PI;
        }
        schlick(crate::microfacet::normal_reflectance(base_ior / film_ior), cos_within)
    });
    let product = (second * first).clamp(Vec3A::splat(1e-5), Vec3A::splat(0.9999));
    let amplitude = product.powf(0.5);
    let many = second * (passing * passing) / (Vec3A::ONE - product);
    let mut sum = many + Vec3A::splat(first);
    let mut order = many - Vec3A::splat(passing);
    for m in 1..=2 {
        let m = m as f32;
        order *= amplitude;
        sum += order * (sensitivity(m * path, phases.map(|phase| m * phase)) * 2.0);
    }
    sum.clamp(Vec3A::ZERO, Vec3A::ONE)
}

fn vec3a_from(mut value: impl FnMut(usize) -> f32) -> Vec3A {
    vec3a(value(0), value(1), value(2))
}

/// The eye's sensitivity to a difference of paths, as the fit of the paper's code has it, in linear sRGB.
fn sensitivity(path: f32, shifts: [f32; 3]) -> Vec3A {
    const VALUES: [f32; 3] = [5.4856e-13, 4.4201e-13, 5.2481e-13];
    const POSITIONS: [f32; 3] = [1.6810e6, 1.7953e6, 2.2084e6];
    const VARIANCES: [f32; 3] = [4.3278e9, 9.3046e9, 6.6121e9];
    let phase = TAU * path * 1e-9;
    let wave = |value: f32, position: f32, variance: f32, shift: f32| {
        value * (TAU * variance).sqrt() * (position * phase + shift).cos() * (-variance * phase * phase).exp()
    };
    let mut xyz = vec3a_from(|at| wave(VALUES[at], POSITIONS[at], VARIANCES[at], shifts[at]));
    xyz.x += wave(9.7470e-14, 2.2399e6, 4.5282e9, shifts[0]);
    xyz /= 1.0685e-7;
    vec3a(
        3.240_454_2 * xyz.x - 1.537_138_5 * xyz.y - 0.498_531_4 * xyz.z,
        -0.969_266 * xyz.x + 1.876_010_8 * xyz.y + 0.041_556 * xyz.z,
        0.055_643_4 * xyz.x - 0.204_025_9 * xyz.y + 1.057_225_2 * xyz.z,
    )
}

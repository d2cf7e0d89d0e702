//! The GGX distribution of microfacets with Smith's shadowing, anisotropic, in a frame whose z is the normal; and the tables
//! of how much light its layers throw back, from which what a single bounce loses is given back.

use std::f32::consts::{PI, TAU};
use std::sync::OnceLock;

use glam::{Vec2, Vec3A, vec3a};

/// Narrower distributions than this are taken for it: a mirror to the eye, and still within single precision.
pub const SMALLEST_ALPHA: f32 = 1.5e-3;

/// The density of microfacets' normals.
pub fn distribution(half: Vec3A, alpha: Vec2) -> f32 {
    let (x, y) = (half.x / alpha.x, half.y / alpha.y);
    let d = x * x + y * y + half.z * half.z;
    1.0 / (PI * alpha.x * alpha.y * d * d)
}

/// Smith's lambda.
pub fn lambda(direction: Vec3A, alpha: Vec2) -> f32 {
    let z2 = (direction.z * direction.z).max(1e-12);
    let (x, y) = (alpha.x * direction.x, alpha.y * direction.y);
    ((1.0 + (x * x + y * y) / z2).sqrt() - 1.0) * 0.5
}

/// Of a visible microfacet's normal from above: Heitz, Sampling the GGX Distribution of Visible Normals, JCGT 2018.
pub fn sample_visible(out: Vec3A, alpha: Vec2, [first, second]: [f32; 2]) -> Vec3A {
    let stretched = vec3a(alpha.x * out.x, alpha.y * out.y, out.z).normalize();
    let length = stretched.x * stretched.x + stretched.y * stretched.y;
    let across =
        if length > 0.0 { vec3a(-stretched.y, stretched.x, 0.0) / length.sqrt() } else { vec3a(1.0, 0.0, 0.0) };
    let up = stretched.cross(across);
    let radius = first.sqrt();
    let (sin, cos) = (TAU * second).sin_cos();
    let (x, mut y) = (radius * cos, radius * sin);
    let share = 0.5 * (1.0 + stretched.z);
    y = (1.0 - share) * (1.0 - x * x).max(0.0).sqrt() + share * y;
    let normal = across * x + up * y + stretched * (1.0 - x * x - y * y).max(0.0).sqrt();
    vec3a(alpha.x * normal.x, alpha.y * normal.y, normal.z.max(1e-6)).normalize()
}

/// Fresnel's equations for a dielectric: `eta` is the index beyond by the index before the surface.
pub fn fresnel(cos: f32, eta: f32) -> f32 {
    let cos = cos.clamp(0.0, 1.0);
    let g = eta * eta - 1.0 + cos * cos;
    if g <= 0.0 {
        return 1.0;
    }
    let g = g.sqrt();
    let a = (g - cos) / (g + cos);
    let b = ((g + cos) * cos - 1.0) / ((g - cos) * cos + 1.0);
    0.5 * a * a * (1.0 + b * b)
}

/// Reflectance at a right angle.
pub fn normal_reflectance(eta: f32) -> f32 {
    let root = (eta - 1.0) / (eta + 1.0);
    root * root
}

/// How far from the reflectance at a right angle (0) to that at a grazing one (1) a dielectric is: Fresnel's equations
/// rather than Schlick's fit where the index is more than 1.
pub fn towards_grazing(cos: f32, eta: f32) -> f32 {
    let at_normal = normal_reflectance(eta);
    if !(1.001..20.0).contains(&eta) {
        return (1.0 - cos.clamp(0.0, 1.0)).powi(5);
    }
    ((fresnel(cos, eta) - at_normal) / (1.0 - at_normal)).clamp(0.0, 1.0)
}

/// Steps of the tables along the cosine and the roughness.
const STEPS: usize = 32;
/// Samples for an entry of a table, a square.
const SAMPLES: usize = 24;

/// Values over the cosine with the normal and the roughness (the root of alpha), interpolated.
#[derive(Debug, Clone)]
pub struct Table<const N: usize> {
    values: Vec<[f32; N]>,
}

impl<const N: usize> Table<N> {
    fn new(mut value: impl FnMut(f32, f32) -> [f32; N]) -> Self {
        let mut values = Vec::with_capacity(STEPS * STEPS);
        for row in 0..STEPS {
            let roughness = row as f32 / (STEPS - 1) as f32;
            for column in 0..STEPS {
                // Denser where the surface is seen at a grazing angle.
                let position = column as f32 / (STEPS - 1) as f32;
                values.push(value((position * position).max(1e-3), (roughness * roughness).max(SMALLEST_ALPHA)));
            }
        }
        Self { values }
    }

    /// The values for a cosine and an alpha.
    pub fn get(&self, cos: f32, alpha: f32) -> [f32; N] {
        let scaled = |value: f32| value.clamp(0.0, 1.0).sqrt() * (STEPS - 1) as f32;
        let (x, y) = (scaled(cos), scaled(alpha));
        let (column, row) = ((x as usize).min(STEPS - 2), (y as usize).min(STEPS - 2));
        let (across, down) = (x - column as f32, y - row as f32);
        let at = |row: usize, column: usize| &self.values[row * STEPS + column];
        let (a, b) = (at(row, column), at(row, column + 1));
        let (c, d) = (at(row + 1, column), at(row + 1, column + 1));
        std::array::from_fn(|n| {
            let upper = a[n] + (b[n] - a[n]) * across;
            let lower = c[n] + (d[n] - c[n]) * across;
            upper + (lower - upper) * down
        })
    }
}

/// Calls `see` with the directions that a lobe's light comes from, and their weights, for one that is seen at a cosine.
fn each_reflection(cos: f32, alpha: f32, mut see: impl FnMut(Vec3A, Vec3A, Vec3A)) {
    let out = vec3a((1.0 - cos * cos).max(0.0).sqrt(), 0.0, cos);
    let alpha = Vec2::splat(alpha);
    for row in 0..SAMPLES {
        for column in 0..SAMPLES {
            // Rotated rows, so that rows and columns of the square hide no structure.
            let first = (row as f32 + 0.5) / SAMPLES as f32;
            let second = ((column as f32 + 0.5) / SAMPLES as f32 + row as f32 * 0.618_034 / SAMPLES as f32).fract();
            let half = sample_visible(out, alpha, [first, second]);
            see(out, half, half * (2.0 * out.dot(half)) - out);
        }
    }
}

/// The share of the light that the visible normals' sampling leaves of a reflection.
fn masking(out: Vec3A, to: Vec3A, alpha: Vec2) -> f32 {
    let (of_out, of_in) = (lambda(out, alpha), lambda(to, alpha));
    (1.0 + of_out) / (1.0 + of_out + of_in)
}

/// What a surface that mirrors all light throws back in one bounce; and the mean of it over the cosines, weighted by them.
pub struct Albedo {
    table: Table<1>,
    means: Vec<f32>,
}

impl Albedo {
    /// For all surfaces.
    pub fn get() -> &'static Self {
        static ALBEDO: OnceLock<Albedo> = OnceLock::new();
        ALBEDO.get_or_init(|| {
            let table = Table::new(|cos, alpha| {
                let mut sum = 0.0;
                each_reflection(cos, alpha, |out, _, to| {
                    if to.z > 0.0 {
                        sum += masking(out, to, Vec2::splat(alpha));
                    }
                });
                [sum / (SAMPLES * SAMPLES) as f32]
            });
            let means = (0..STEPS)
                .map(|row| {
                    let alpha = (row as f32 / (STEPS - 1) as f32).powi(2);
                    let count = 64;
                    let cosines = (0..count).map(|at| (at as f32 + 0.5) / count as f32);
                    cosines.map(|cos| 2.0 * cos * table.get(cos, alpha)[0]).sum::<f32>() / count as f32
                })
                .collect();
            Self { table, means }
        })
    }

    /// At that cosine.
    pub fn at(&self, cos: f32, alpha: f32) -> f32 {
        self.table.get(cos, alpha)[0].clamp(0.05, 1.0)
    }

    /// Over all cosines.
    pub fn mean(&self, alpha: f32) -> f32 {
        let x = alpha.clamp(0.0, 1.0).sqrt() * (STEPS - 1) as f32;
        let at = (x as usize).min(STEPS - 2);
        self.means[at] + (self.means[at + 1] - self.means[at]) * (x - at as f32)
    }

    /// By how much a lobe has to be brighter to give back what further bounces between its microfacets would: Turquin,
    /// Practical Multiple Scattering Compensation for Microfacet Models, 2019, with the mean reflectance of Kulla and Conty.
    pub fn compensation(&self, cos: f32, alpha: f32, mean_reflectance: Vec3A) -> Vec3A {
        let single = self.at(cos, alpha);
        let mean = self.mean(alpha);
        let further = mean_reflectance * mean / (Vec3A::ONE - mean_reflectance * (1.0 - mean));
        Vec3A::ONE + further * ((1.0 - single) / single)
    }
}

/// What a dielectric of one index reflects, and lets through.
#[derive(Debug, Clone)]
pub struct Dielectric {
    /// Of the light that one bounce reflects, the part at the reflectance of a right angle and that at a grazing one.
    reflection: Table<2>,
    /// What one bounce reflects and lets through, coming from outside and from inside; only where light passes.
    transmission: Option<Box<[Table<1>; 2]>>,
}

impl Dielectric {
    /// Of that index of refraction.
    pub fn new(ior: f32, passes: bool) -> Self {
        let reflection = Table::new(|cos, alpha| {
            let mut sums = [0.0; 2];
            each_reflection(cos, alpha, |out, half, to| {
                if to.z > 0.0 {
                    let weight = masking(out, to, Vec2::splat(alpha));
                    let grazing = towards_grazing(out.dot(half), ior);
                    sums[0] += weight * (1.0 - grazing);
                    sums[1] += weight * grazing;
                }
            });
            sums.map(|sum| sum / (SAMPLES * SAMPLES) as f32)
        });
        let transmission = passes.then(|| {
            let through = |eta: f32| {
                Table::new(|cos, alpha| {
                    let mut sum = 0.0;
                    each_reflection(cos, alpha, |out, half, to| {
                        let reflectance = fresnel(out.dot(half), eta);
                        if to.z > 0.0 {
                            sum += reflectance * masking(out, to, Vec2::splat(alpha));
                        }
                        if let Some(beyond) = refract(out, half, eta)
                            && beyond.z < 0.0
                        {
                            let mirrored = vec3a(beyond.x, beyond.y, -beyond.z);
                            sum += (1.0 - reflectance) * masking(out, mirrored, Vec2::splat(alpha));
                        }
                    });
                    [(sum / (SAMPLES * SAMPLES) as f32).clamp(0.05, 1.0)]
                })
            };
            Box::new([through(ior), through(1.0 / ior.max(1e-3))])
        });
        Self { reflection, transmission }
    }

    /// The reflected share for reflectances at a right and at a grazing angle, before compensation.
    pub fn reflected(&self, cos: f32, alpha: f32, at_normal: Vec3A, at_grazing: f32) -> Vec3A {
        let [normal, grazing] = self.reflection.get(cos, alpha);
        at_normal * normal + Vec3A::splat(at_grazing * grazing)
    }

    /// What one bounce leaves of the light, reflected or let through.
    pub fn kept(&self, cos: f32, alpha: f32, from_inside: bool) -> f32 {
        self.transmission.as_ref().map_or(1.0, |tables| tables[usize::from(from_inside)].get(cos, alpha)[0])
    }
}

/// Through a facet whose normal is on the side of `out`; `None` where all light is reflected.
pub fn refract(out: Vec3A, half: Vec3A, eta: f32) -> Option<Vec3A> {
    let cos = out.dot(half);
    let squared = 1.0 - (1.0 - cos * cos) / (eta * eta);
    if squared <= 0.0 {
        return None;
    }
    Some((half * (cos / eta - squared.sqrt()) - out / eta).normalize())
}

/// The sheen of fibres: Estevez and Kulla, Production Friendly Microfacet Sheen BRDF, 2017, as `KHR_materials_sheen` has it.
pub mod sheen {
    use super::{OnceLock, PI, TAU, Table, Vec3A, vec3a};

    /// The lobe, without the cosine.
    pub fn value(out: Vec3A, to: Vec3A, alpha: f32) -> f32 {
        let half = (out + to).normalize_or_zero();
        let sin = (1.0 - half.z * half.z).max(0.0).sqrt();
        let inverse = 1.0 / alpha;
        let distribution = (2.0 + inverse) * sin.powf(inverse) / TAU;
        let visibility = 1.0 / ((1.0 + lambda(out.z, alpha) + lambda(to.z, alpha)) * 4.0 * out.z * to.z).max(1e-6);
        distribution * visibility.clamp(0.0, 1e4)
    }

    fn lambda(cos: f32, alpha: f32) -> f32 {
        let fit = |x: f32| {
            let mix = (1.0 - alpha) * (1.0 - alpha);
            let between = |rough: f32, smooth: f32| rough + (smooth - rough) * mix;
            let (a, b, c) = (between(21.5473, 25.3245), between(3.82987, 3.32435), between(0.19823, 0.16801));
            let (d, e) = (between(-1.97760, -1.27393), between(-4.32054, -4.85967));
            a / (1.0 + b * x.powf(c)) + d * x + e
        };
        if cos.abs() < 0.5 { fit(cos.abs()).exp() } else { (2.0 * fit(0.5) - fit(1.0 - cos.abs())).exp() }
    }

    /// The share of the light that it throws back.
    pub fn albedo(cos: f32, alpha: f32) -> f32 {
        static TABLE: OnceLock<Table<1>> = OnceLock::new();
        let table = TABLE.get_or_init(|| {
            Table::new(|cos, alpha| {
                let alpha = alpha.max(SMALLEST_ALPHA);
                let out = vec3a((1.0 - cos * cos).max(0.0).sqrt(), 0.0, cos);
                let (rows, columns) = (24, 24);
                let mut sum = 0.0;
                for row in 0..rows {
                    let z = (row as f32 + 0.5) / rows as f32;
                    for column in 0..columns {
                        let (sin, cos) = ((column as f32 + 0.5) / columns as f32 * PI).sin_cos();
                        let radius = (1.0 - z * z).sqrt();
                        sum += value(out, vec3a(radius * cos, radius * sin, z), alpha) * z;
                    }
                }
                [(sum * TAU / (rows * columns) as f32).min(1.0)]
            })
        });
        table.get(cos, alpha)[0]
    }

    /// The narrowest that is drawn.
    pub const SMALLEST_ALPHA: f32 = 0.01;
}

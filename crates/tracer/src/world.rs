//! An evaluated scene made ready to be traced: triangles in a hierarchy of boxes, materials with their tables, textures.

use std::collections::HashMap;
use std::sync::Arc;

use glam::{Vec3A, Vec4, vec3a};
use scene::evaluate::{Light, Scene};
use scene::material::{AlphaMode, Material, TextureUse};
use scene::texture::{Texture, Wrap};

use crate::bsdf::{Bsdf, CLEAR, COAT_IOR, Frame, Surface};
use crate::hierarchy::{Bounds, Hierarchy, Primitive};
use crate::microfacet::Dielectric;
use crate::sampler::hashed;

/// What materials and textures say, which does not change from one moment of an animation to another.
pub struct Look {
    materials: Vec<Finish>,
    textures: Vec<Option<Texture>>,
    coat: Dielectric,
    linear: [f32; 256],
    /// What surfaces are made of.
    pub style: Style,
}

/// What surfaces are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Style {
    /// Their own materials.
    Own,
    /// Grey clay.
    Clay,
    /// Clay with the edges of triangles, which are so wide, in radians seen from the eye.
    Wireframe(f32),
    /// Normals as colours.
    Normals,
    /// A checked pattern over the first texture coordinates.
    Coordinates,
}

/// A material with the tables of its index of refraction.
struct Finish {
    material: Material,
    dielectric: Arc<Dielectric>,
}

impl Look {
    /// Of the materials of a document and its textures. Primitives without a material get glTF's default, which comes last.
    pub fn new(materials: Vec<Material>, textures: Vec<Option<Texture>>) -> Self {
        let mut tables: HashMap<(u32, bool), Arc<Dielectric>> = HashMap::new();
        let finishes = materials.into_iter().chain([Material::default()]).map(|material| {
            let passes = material.transmission > 0.0 && material.thickness > 0.0;
            let ior = if material.ior == 0.0 { 1.0 } else { material.ior };
            let dielectric =
                tables.entry((ior.to_bits(), passes)).or_insert_with(|| Arc::new(Dielectric::new(ior, passes)));
            Finish { dielectric: Arc::clone(dielectric), material }
        });
        let materials = finishes.collect();
        let linear = std::array::from_fn(|byte| {
            let value = byte as f32 / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        Self { materials, textures, coat: Dielectric::new(COAT_IOR, false), linear, style: Style::Own }
    }

    /// The materials in the document's order, then glTF's default.
    pub fn materials(&self) -> Vec<&Material> {
        self.materials.iter().map(|finish| &finish.material).collect()
    }

    /// The materials; glTF's default is the last.
    pub fn materials_mut(&mut self) -> impl Iterator<Item = &mut Material> {
        self.materials.iter_mut().map(|finish| &mut finish.material)
    }

    /// A texture's four numbers from 0 to 1; colours linear, if `is_colour`.
    fn sample(&self, reference: &TextureUse, coordinates: [[f32; 2]; 2], is_colour: bool) -> [f32; 4] {
        let Some(texture) = &self.textures[reference.texture] else { return [1.0; 4] };
        let [u, v] = reference.apply(coordinates[reference.set]);
        let (width, height) = texture.picture.dimensions();
        let pixels = texture.picture.as_raw();
        let fetch = |x: i64, y: i64| -> [f32; 4] {
            let column = wrapped(x, i64::from(width), texture.wrap[0]);
            let row = wrapped(y, i64::from(height), texture.wrap[1]);
            let at = (row * width as usize + column) * 4;
            let [r, g, b, a] = [pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]];
            let plain = |byte: u8| f32::from(byte) * (1.0 / 255.0);
            let light = |byte: u8| if is_colour { self.linear[usize::from(byte)] } else { plain(byte) };
            [light(r), light(g), light(b), plain(a)]
        };
        let bounded = |value: f32| if value.is_finite() { value.clamp(-1e6, 1e6) } else { 0.0 };
        let (x, y) = (bounded(u) * width as f32, bounded(v) * height as f32);
        if texture.nearest {
            return fetch(x.floor() as i64, y.floor() as i64);
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (x - left, y - top);
        let (left, top) = (left as i64, top as i64);
        let corners = [fetch(left, top), fetch(left + 1, top), fetch(left, top + 1), fetch(left + 1, top + 1)];
        std::array::from_fn(|at| {
            let upper = corners[0][at] + (corners[1][at] - corners[0][at]) * across;
            let lower = corners[2][at] + (corners[3][at] - corners[2][at]) * across;
            upper + (lower - upper) * down
        })
    }
}

fn wrapped(at: i64, size: i64, wrap: Wrap) -> usize {
    let within = match wrap {
        Wrap::Clamp => at.clamp(0, size - 1),
        Wrap::Repeat => at.rem_euclid(size),
        Wrap::Mirror => {
            let twice = at.rem_euclid(2 * size);
            if twice < size { twice } else { 2 * size - 1 - twice }
        }
    };
    within as usize
}

/// A triangle of the hierarchy: a corner, the edges from it, and the triangle's number over all pieces as the bits of the last.
/// Ten million of them are held, so they are as small as they can be; what is loaded beyond three numbers does not count.
#[derive(Clone, Copy)]
struct Facet([f32; 10]);

impl Facet {
    /// Makes the bits of any number those of a float of the usual size: arithmetic with others, even where the result is not
    /// looked at, is slow.
    const NORMAL: u32 = 0x4000_0000;

    fn new([a, b, c]: [Vec3A; 3], triangle: u32) -> Self {
        let ([ax, ay, az], [bx, by, bz], [cx, cy, cz]) = (a.to_array(), (b - a).to_array(), (c - a).to_array());
        Self([ax, ay, az, bx, by, bz, cx, cy, cz, f32::from_bits(triangle | Self::NORMAL)])
    }

    fn triangle(&self) -> u32 {
        self.0[9].to_bits() & (Self::NORMAL - 1)
    }

    #[inline]
    fn vector<const AT: usize>(&self) -> Vec3A {
        Vec3A::from_vec4(Vec4::from_slice(&self.0[AT..AT + 4]))
    }
}

impl Primitive for Facet {
    fn bounds(&self) -> Bounds {
        let corner = self.vector::<0>();
        Bounds::of(&[corner, corner + self.vector::<3>(), corner + self.vector::<6>()])
    }
}

/// The geometry of one moment.
pub struct World {
    scene: Scene,
    /// For each piece the number of its first triangle, and that of the end.
    starts: Vec<u32>,
    facets: Vec<Facet>,
    hierarchy: Hierarchy,
    /// The largest distance from the origin, which tells how far apart floats are.
    extent: f32,
    bounds: (Vec3A, Vec3A),
    /// For each piece whether rays may pass its triangles.
    fades: Vec<bool>,
    any_fades: bool,
    /// For each piece whether light may go straight through its triangles.
    clear: Vec<bool>,
    any_clear: bool,
}

/// Where a ray meets a surface.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// Along the ray.
    pub distance: f32,
    piece: u32,
    triangle: u32,
    weights: [f32; 3],
}

/// A hit with all that its material says.
pub struct Found<'a> {
    pub position: Vec3A,
    /// The triangle's normal, on the outer side.
    pub outward: Vec3A,
    pub surface: Surface<'a>,
    /// Light of its own.
    pub emission: Vec3A,
    pub unlit: bool,
    /// The number of the material.
    pub material: usize,
    /// The node of the document.
    pub node: usize,
    pub coordinates: [f32; 2],
    /// The shading normal without the viewer's side.
    pub normal: Vec3A,
}

impl World {
    /// Makes the scene ready. Lines and points have to be given bodies first.
    pub fn new(scene: Scene, look: &Look, threads: usize) -> Self {
        let mut starts = vec![0_u32];
        let mut facets = Vec::with_capacity(scene.triangle_count());
        let mut extent = 0.0_f32;
        for piece in &scene.pieces {
            for triangle in &piece.triangles {
                let corners = triangle.map(|vertex| Vec3A::from_array(piece.positions[vertex as usize]));
                let furthest = corners.map(Vec3A::abs).into_iter().fold(Vec3A::ZERO, Vec3A::max);
                extent = extent.max(furthest.max_element());
                facets.push(Facet::new(corners, facets.len() as u32));
            }
            starts.push(facets.len() as u32);
        }
        let hierarchy = Hierarchy::new(&mut facets, threads);
        let fades = scene
            .pieces
            .iter()
            .map(|piece| {
                let material = &look.finish(piece.material).material;
                let opaque_colours = piece.colours.iter().all(|colour| colour[3] >= 1.0);
                match material.alpha_mode {
                    AlphaMode::Opaque => false,
                    _ => material.base_colour_texture.is_some() || material.base_colour[3] < 1.0 || !opaque_colours,
                }
            })
            .collect::<Vec<bool>>();
        let bounds = scene.bounds().unwrap_or(([0.0; 3], [0.0; 3]));
        let bounds = (Vec3A::from_array(bounds.0), Vec3A::from_array(bounds.1));
        let any_fades = fades.contains(&true);
        let clear: Vec<bool> =
            scene.pieces.iter().map(|piece| is_clear(&look.finish(piece.material).material)).collect();
        let any_clear = clear.contains(&true);
        Self { scene, starts, facets, hierarchy, extent, bounds, fades, any_fades, clear, any_clear }
    }

    /// The scene that it was made of.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// The corners of the box around everything.
    pub fn bounds(&self) -> (Vec3A, Vec3A) {
        self.bounds
    }

    /// Its punctual lights.
    pub fn lights(&self) -> &[Light] {
        &self.scene.lights
    }

    /// How far a ray has to begin from a surface at that place so as not to meet it again.
    pub fn offset(&self, position: Vec3A) -> f32 {
        (position.abs().max_element() + self.extent * 0.02).max(1e-12) * 2e-6
    }

    /// Where a ray first meets a surface that is there. `seed` decides where surfaces are half there.
    pub fn trace(&self, look: &Look, origin: Vec3A, direction: Vec3A, seed: u32) -> Option<Hit> {
        let mut found: Option<(f32, usize, [f32; 3])> = None;
        self.hierarchy.traverse(origin, direction, f32::INFINITY, |at, most| {
            let facet = &self.facets[at];
            match facet.intersect(origin, direction, most) {
                Some((distance, weights)) if self.is_there(look, facet, weights, seed) => {
                    found = Some((distance, at, weights));
                    distance
                }
                _ => most,
            }
        });
        let (distance, at, weights) = found?;
        let facet = &self.facets[at];
        let piece = self.piece_of(facet.triangle());
        Some(Hit { distance, piece, triangle: facet.triangle() - self.starts[piece as usize], weights })
    }

    /// The share of the light that comes from `distance` along the direction to the origin: past everything, or through clear glass
    /// that bends none of it.
    pub fn passing(&self, look: &Look, origin: Vec3A, direction: Vec3A, distance: f32, seed: u32) -> Vec3A {
        let mut share = Vec3A::ONE;
        // What is lost within bodies: ways out of them count, ways into them are taken off, in any order.
        let mut exponent = Vec3A::ZERO;
        self.hierarchy.traverse(origin, direction, distance, |at, most| {
            let facet = &self.facets[at];
            let Some((distance, weights)) = facet.intersect(origin, direction, most) else { return most };
            if !self.is_there(look, facet, weights, seed) {
                return most;
            }
            let piece = if self.any_clear { self.piece_of(facet.triangle()) } else { 0 };
            if !self.any_clear || !self.clear[piece as usize] {
                share = Vec3A::ZERO;
                return -1.0;
            }
            let hit = Hit { distance, piece, triangle: facet.triangle() - self.starts[piece as usize], weights };
            let found = self.found(look, &hit, direction);
            share *= Bsdf::new(&found.surface, 1.0, 0.0).straight();
            if share.max_element() < 1e-4 {
                share = Vec3A::ZERO;
                return -1.0;
            }
            let goes_out = found.outward.dot(direction) > 0.0;
            exponent += look.extinction(found.material) * if goes_out { distance } else { -distance };
            most
        });
        if exponent == Vec3A::ZERO { share } else { share * (-exponent.max(Vec3A::ZERO)).exp() }
    }

    fn piece_of(&self, triangle: u32) -> u32 {
        (self.starts.partition_point(|&start| start <= triangle) - 1) as u32
    }

    fn is_there(&self, look: &Look, facet: &Facet, weights: [f32; 3], seed: u32) -> bool {
        if !self.any_fades {
            return true;
        }
        let piece = self.piece_of(facet.triangle());
        if !self.fades[piece as usize] {
            return true;
        }
        let own = &self.scene.pieces[piece as usize];
        let material = &look.finish(own.material).material;
        let corners = own.triangles[(facet.triangle() - self.starts[piece as usize]) as usize];
        let alpha = alpha(look, material, &Corners { piece: own, vertices: corners, weights });
        match material.alpha_mode {
            AlphaMode::Opaque => true,
            AlphaMode::Mask(cutoff) => alpha >= cutoff,
            AlphaMode::Blend => alpha >= 1.0 || hashed(seed, facet.triangle()) < alpha,
        }
    }

    /// What there is at a hit.
    pub fn found<'a>(&'a self, look: &'a Look, hit: &Hit, direction: Vec3A) -> Found<'a> {
        let piece = &self.scene.pieces[hit.piece as usize];
        let finish = look.finish(piece.material);
        let material = &finish.material;
        let corners = piece.triangles[hit.triangle as usize];
        let at = Corners { piece, vertices: corners, weights: hit.weights };
        let [a, b, c] = corners.map(|vertex| Vec3A::from_array(piece.positions[vertex as usize]));
        let outward = (b - a).cross(c - a).normalize_or(vec3a(0.0, 1.0, 0.0));
        let from_inside = outward.dot(direction) > 0.0;
        let geometric = if from_inside { -outward } else { outward };
        let smooth = at.vector(&piece.normals).filter(|_| !piece.normals.is_empty()).unwrap_or(outward);
        // Normals of single-sided models that point inwards are of no use for the side; the triangle's tells it.
        let side = if smooth.dot(geometric) < 0.0 { -1.0 } else { 1.0 };
        let smooth = smooth * side;
        let coordinates = at.coordinates();
        let look_up = |reference: &Option<TextureUse>, is_colour: bool| {
            reference.as_ref().map_or([1.0; 4], |own| look.sample(own, coordinates, is_colour))
        };

        let tangents = material.tangent_set().map(|set| at.tangents(smooth, side, set));
        let bent = |reference: &Option<TextureUse>, scale: f32| match (reference, &tangents) {
            (Some(reference), Some((tangent, bitangent))) => {
                let [x, y, z, _] = look.sample(reference, coordinates, false);
                let (x, y, z) = ((x * 2.0 - 1.0) * scale, (y * 2.0 - 1.0) * scale, z * 2.0 - 1.0);
                (*tangent * x + *bitangent * y + smooth * z).normalize_or(smooth)
            }
            _ => smooth,
        };
        let out = -direction;
        let normal = bent(&material.normal_texture, material.normal_scale);
        let shading = towards(normal, out, geometric);
        let clearcoat_normal = if material.clearcoat > 0.0 {
            towards(bent(&material.clearcoat_normal_texture, material.clearcoat_normal_scale), out, geometric)
        } else {
            shading
        };

        let vertex = at.colour().unwrap_or([1.0; 4]);
        let base = look_up(&material.base_colour_texture, true);
        let base_colour = vec3a_from(|n| base[n] * vertex[n] * material.base_colour[n]).max(Vec3A::ZERO);
        let rough_metal = look_up(&material.metallic_roughness_texture, false);
        let mut roughness = material.roughness * rough_metal[1];
        if material.glossiness_texture.is_some() {
            roughness = 1.0 - (1.0 - material.roughness) * look_up(&material.glossiness_texture, false)[3];
        }
        let mut anisotropy = material.anisotropy;
        let mut frame = Frame::around(shading);
        if let (true, Some((tangent, bitangent))) = (material.anisotropy > 0.0, &tangents) {
            let (mut x, mut y) = (1.0, 0.0);
            if let Some(reference) = &material.anisotropy_texture {
                let own = look.sample(reference, coordinates, false);
                (x, y) = (own[0] * 2.0 - 1.0, own[1] * 2.0 - 1.0);
                anisotropy *= own[2];
            }
            let (sin, cos) = material.anisotropy_rotation.sin_cos();
            frame = Frame::along(shading, *tangent * (x * cos - y * sin) + *bitangent * (x * sin + y * cos));
        }
        let [film_from, film_to] = material.iridescence_thickness;
        let film = look_up(&material.iridescence_thickness_texture, false)[1];
        let specular_colour = look_up(&material.specular_colour_texture, true);
        let sheen_colour = look_up(&material.sheen_colour_texture, true);
        let through_colour = look_up(&material.diffuse_transmission_colour_texture, true);
        let emissive = look_up(&material.emissive_texture, true);
        let mut found = Found {
            position: a * hit.weights[0] + b * hit.weights[1] + c * hit.weights[2],
            outward,
            emission: vec3a_from(|n| material.emissive[n] * emissive[n]),
            unlit: material.unlit,
            material: piece.material.unwrap_or(look.materials.len() - 1),
            node: piece.node,
            coordinates: coordinates[0],
            normal: if from_inside { -normal } else { normal },
            surface: Surface {
                frame,
                geometric,
                smooth,
                bent: normal,
                out,
                from_inside,
                base_colour: base_colour.min(Vec3A::ONE),
                metallic: (material.metallic * rough_metal[2]).clamp(0.0, 1.0),
                roughness: roughness.clamp(0.0, 1.0),
                ior: material.ior,
                specular: material.specular * look_up(&material.specular_texture, false)[3],
                specular_colour: vec3a_from(|n| material.specular_colour[n] * specular_colour[n]),
                transmission: material.transmission * look_up(&material.transmission_texture, false)[0],
                thin: material.thickness <= 0.0,
                diffuse_transmission: material.diffuse_transmission
                    * look_up(&material.diffuse_transmission_texture, false)[3],
                diffuse_transmission_colour: vec3a_from(|n| {
                    material.diffuse_transmission_colour[n] * through_colour[n]
                }),
                clearcoat: material.clearcoat * look_up(&material.clearcoat_texture, false)[0],
                clearcoat_roughness: material.clearcoat_roughness
                    * look_up(&material.clearcoat_roughness_texture, false)[1],
                clearcoat_normal,
                sheen_colour: vec3a_from(|n| material.sheen_colour[n] * sheen_colour[n]),
                sheen_roughness: material.sheen_roughness * look_up(&material.sheen_roughness_texture, false)[3],
                anisotropy,
                iridescence: material.iridescence * look_up(&material.iridescence_texture, false)[0],
                iridescence_ior: material.iridescence_ior,
                iridescence_thickness: film_from + (film_to - film_from) * film,
                dielectric: &finish.dielectric,
                coat: &look.coat,
            },
        };
        look.restyle(&mut found, [a, b, c], smooth, hit);
        found
    }
}

impl Look {
    fn finish(&self, material: Option<usize>) -> &Finish {
        &self.materials[material.unwrap_or(self.materials.len() - 1)]
    }

    /// Gives a surface another look than its own.
    fn restyle<'a>(&'a self, found: &mut Found<'a>, corners: [Vec3A; 3], smooth: Vec3A, hit: &Hit) {
        if self.style == Style::Own {
            return;
        }
        let mut colour = Vec3A::splat(0.58);
        match self.style {
            Style::Own | Style::Clay => {}
            Style::Wireframe(width) => {
                let [a, b, c] = corners;
                let to_edge = |from: Vec3A, to: Vec3A| {
                    let along = (to - from).normalize_or_zero();
                    (found.position - from).cross(along).length()
                };
                let nearest = to_edge(a, b).min(to_edge(b, c)).min(to_edge(c, a));
                if nearest < width * hit.distance {
                    colour = vec3a(0.02, 0.03, 0.05);
                }
            }
            Style::Normals => {
                colour = (found.normal * 0.5 + Vec3A::splat(0.5)).clamp(Vec3A::ZERO, Vec3A::ONE);
                // Numbers rather than light: the tone curve must not bend them.
                colour = vec3a_from(|n| self.linear[(colour[n] * 255.0 + 0.5) as usize]);
            }
            Style::Coordinates => {
                let [u, v] = found.coordinates;
                let even = ((u * 16.0).floor() + (v * 16.0).floor()).rem_euclid(2.0) == 0.0;
                let tint = vec3a(u.rem_euclid(1.0), v.rem_euclid(1.0), 0.35);
                colour = tint * if even { 0.75 } else { 0.35 } + Vec3A::splat(0.04);
            }
        }
        found.unlit = self.style == Style::Normals;
        found.emission = Vec3A::ZERO;
        let own = &mut found.surface;
        if self.style != Style::Normals {
            own.frame = Frame::around(towards(smooth, own.out, own.geometric));
            own.bent = smooth;
        }
        own.base_colour = colour;
        own.metallic = 0.0;
        own.roughness = 0.75;
        own.transmission = 0.0;
        own.diffuse_transmission = 0.0;
        own.clearcoat = 0.0;
        own.sheen_colour = Vec3A::ZERO;
        own.iridescence = 0.0;
        own.ior = COAT_IOR;
        own.specular = 0.5;
        own.specular_colour = Vec3A::ONE;
        own.anisotropy = 0.0;
        own.dielectric = &self.coat;
    }

    /// The share of light that is left, by colour, after so many metres through a material's inside.
    pub fn attenuation(&self, material: usize, distance: f32) -> Vec3A {
        let own = &self.materials[material].material;
        if own.attenuation_distance.is_infinite() || own.thickness <= 0.0 {
            return Vec3A::ONE;
        }
        let exponent = distance / own.attenuation_distance;
        vec3a_from(|n| own.attenuation_colour[n].max(1e-6).powf(exponent))
    }

    /// The coefficient of what a metre through a material's inside takes of light, by colour.
    fn extinction(&self, material: usize) -> Vec3A {
        let own = &self.materials[material].material;
        if own.attenuation_distance.is_infinite() || own.thickness <= 0.0 {
            return Vec3A::ZERO;
        }
        vec3a_from(|n| -own.attenuation_colour[n].max(1e-6).ln() / own.attenuation_distance)
    }

    /// `KHR_materials_dispersion`: 20 by the Abbe number.
    pub fn dispersion(&self, material: usize) -> f32 {
        self.materials[material].material.dispersion
    }

    /// Metres of the surface's own way through matter; 0 for walls without an inside.
    pub fn has_inside(&self, material: usize) -> bool {
        self.materials[material].material.thickness > 0.0
    }
}

/// A shading normal in which the viewer mirrors what is above the surface: turned towards the triangle's as far as it has to
/// be. Else bumps that are seen at a slant would mirror the inside of the surface, which is black.
///
/// Cycles does the same (`ensure_valid_specular_reflection`). With the triangle's normal as z and the shading normal in the plane
/// of x and z, the mirrored direction has the height `2 z (out.x x + out.z z) - out.z`; that it is `least` is a quadratic
/// equation in the square of z.
fn towards(normal: Vec3A, out: Vec3A, geometric: Vec3A) -> Vec3A {
    let height = out.dot(geometric);
    let least = (0.9 * height).min(0.01);
    let mirrored = normal * (2.0 * normal.dot(out)) - out;
    if mirrored.dot(geometric) >= least {
        return normal;
    }
    let Some(x) = (normal - geometric * normal.dot(geometric)).try_normalize() else { return geometric };
    let across = out.dot(x);
    let a = across * across + height * height;
    let b = 2.0 * (a + height * least);
    let c = (least + height) * (least + height);
    let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
    let squared = (0.25 * (if across < 0.0 { b + root } else { b - root }) / a).clamp(0.0, 1.0);
    (x * (1.0 - squared).sqrt() + geometric * squared.sqrt()).normalize_or(geometric)
}

/// Whether light may go straight through a material: clear, and thin or as thin as air.
fn is_clear(material: &Material) -> bool {
    let bends = material.thickness > 0.0 && (material.ior - 1.0).abs() >= 1e-3;
    let is_rough = material.roughness * material.roughness > CLEAR
        && (material.transmission < 1.0 || (material.ior - 1.0).abs() >= 1e-3);
    material.transmission > 0.0 && !bends && !is_rough && !material.unlit
}

fn vec3a_from(mut value: impl FnMut(usize) -> f32) -> Vec3A {
    vec3a(value(0), value(1), value(2))
}

fn alpha(look: &Look, material: &Material, at: &Corners<'_>) -> f32 {
    let texture = material.base_colour_texture.as_ref().map_or(1.0, |own| look.sample(own, at.coordinates(), false)[3]);
    texture * material.base_colour[3] * at.colour().map_or(1.0, |colour| colour[3])
}

/// A place in a triangle.
struct Corners<'a> {
    piece: &'a scene::evaluate::Piece,
    vertices: [u32; 3],
    weights: [f32; 3],
}

impl Corners<'_> {
    fn mix<const N: usize>(&self, values: &[[f32; N]]) -> Option<[f32; N]> {
        if values.is_empty() {
            return None;
        }
        let [a, b, c] = self.vertices.map(|vertex| &values[vertex as usize]);
        let [u, v, w] = self.weights;
        Some(std::array::from_fn(|at| a[at] * u + b[at] * v + c[at] * w))
    }

    fn vector(&self, values: &[[f32; 3]]) -> Option<Vec3A> {
        self.mix(values).and_then(|own| Vec3A::from_array(own).try_normalize())
    }

    fn coordinates(&self) -> [[f32; 2]; 2] {
        let [first, second] = &self.piece.coordinates;
        [self.mix(first).unwrap_or_default(), self.mix(second).unwrap_or_default()]
    }

    fn colour(&self) -> Option<[f32; 4]> {
        self.mix(&self.piece.colours)
    }

    /// Along the texture's first coordinate, and along the second as normal maps mean it (up in the picture): the file's
    /// own, or the triangle's.
    fn tangents(&self, normal: Vec3A, side: f32, set: usize) -> (Vec3A, Vec3A) {
        let mut found = None;
        if let Some([x, y, z, handed]) = self.mix(&self.piece.tangents) {
            found = vec3a(x, y, z).try_normalize().map(|tangent| (tangent, handed.signum()));
        }
        let (tangent, handed) = found.unwrap_or_else(|| {
            let coordinates = &self.piece.coordinates[set];
            if coordinates.is_empty() {
                return (Frame::around(normal).x, 1.0);
            }
            let [a, b, c] = self.vertices.map(|vertex| Vec3A::from_array(self.piece.positions[vertex as usize]));
            let [ta, tb, tc] = self.vertices.map(|vertex| coordinates[vertex as usize]);
            let (u, v) = ([tb[0] - ta[0], tb[1] - ta[1]], [tc[0] - ta[0], tc[1] - ta[1]]);
            let determinant = u[0] * v[1] - v[0] * u[1];
            let tangent = ((b - a) * v[1] - (c - a) * u[1]) * determinant.signum();
            // Seen from outside, the picture is mirrored where the determinant is negative; its second coordinate goes down.
            (tangent, -determinant.signum())
        });
        let tangent =
            (tangent - normal * normal.dot(tangent)).try_normalize().unwrap_or_else(|| Frame::around(normal).x);
        // Seen from behind, the bent normal is that of the front, reversed.
        (tangent * side, normal.cross(tangent) * handed)
    }
}

impl Facet {
    /// The distance, and the weights of the corners: Möller and Trumbore, Fast, Minimum Storage Ray-Triangle Intersection, 1997.
    #[inline]
    fn intersect(&self, origin: Vec3A, direction: Vec3A, most: f32) -> Option<(f32, [f32; 3])> {
        let (edge1, edge2) = (self.vector::<3>(), self.vector::<6>());
        let across = direction.cross(edge2);
        let determinant = edge1.dot(across);
        // Most triangles are missed: the division waits until one is not.
        let (whole, sign) = (determinant.abs(), 1.0_f32.copysign(determinant));
        let from = origin - self.vector::<0>();
        let u = from.dot(across) * sign;
        if !(0.0..=whole).contains(&u) {
            return None;
        }
        let up = from.cross(edge1);
        let v = direction.dot(up) * sign;
        if v < 0.0 || u + v > whole || whole == 0.0 {
            return None;
        }
        let inverse = 1.0 / whole;
        let distance = edge2.dot(up) * sign * inverse;
        let (u, v) = (u * inverse, v * inverse);
        (distance > 0.0 && distance < most).then_some((distance, [1.0 - u - v, u, v]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shading_normal_never_mirrors_the_inside_of_the_surface_and_is_kept_where_it_does_not() {
        let geometric = vec3a(0.0, 0.0, 1.0);
        let mut turned = 0;
        for tilt in 0..18 {
            for view in 0..18 {
                let (sin, cos) = (tilt as f32 * 5.0).to_radians().sin_cos();
                let normal = vec3a(sin * 0.6, sin * 0.8, cos);
                let (sin, cos) = (view as f32 * 10.0 - 85.0).to_radians().sin_cos();
                let out = vec3a(sin, 0.0, cos);
                let found = towards(normal, out, geometric);
                let mirrored = |normal: Vec3A| (normal * (2.0 * normal.dot(out)) - out).z;
                assert!((found.length() - 1.0).abs() < 1e-4 && found.z > 0.0, "{normal} {out}: {found}");
                assert!(mirrored(found) >= 0.01_f32.min(0.9 * out.z) - 2e-3, "{normal} {out}: {}", mirrored(found));
                if mirrored(normal) >= 0.01 {
                    assert_eq!(found, normal);
                } else {
                    turned += 1;
                    assert!(found.z >= normal.z - 1e-4, "towards the triangle's normal: {normal} {found}");
                }
            }
        }
        assert!(turned > 20, "{turned}");
    }
}

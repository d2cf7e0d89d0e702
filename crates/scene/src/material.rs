//! Materials with their values and textures in types: glTF 2.0's metallic-roughness, the ratified `KHR_materials_*`, and
//! `KHR_materials_pbrSpecularGlossiness` converted.

use serde_json::Value;

use crate::document::Document;
use crate::evaluate::extension;
use crate::json::{Object, size};
use crate::texture_info::coordinates;

/// A material. Defaults are glTF's own; `default()` is what is drawn where a primitive has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Material {
    /// Its name.
    pub name: Option<String>,
    /// Linear red, green, blue and alpha.
    pub base_colour: [f32; 4],
    /// sRGB, with alpha.
    pub base_colour_texture: Option<TextureUse>,
    /// 0 to 1.
    pub metallic: f32,
    /// 0 to 1; the square is the width of the microfacets' slopes.
    pub roughness: f32,
    /// Roughness in green, metallic in blue.
    pub metallic_roughness_texture: Option<TextureUse>,
    /// `KHR_materials_pbrSpecularGlossiness`: what is taken from 1 for the roughness, in alpha.
    pub glossiness_texture: Option<TextureUse>,
    /// In tangent space.
    pub normal_texture: Option<TextureUse>,
    /// Of the normal's x and y.
    pub normal_scale: f32,
    /// Occlusion in red.
    pub occlusion_texture: Option<TextureUse>,
    /// Linear, `KHR_materials_emissive_strength` multiplied in.
    pub emissive: [f32; 3],
    /// sRGB.
    pub emissive_texture: Option<TextureUse>,
    /// What alpha means.
    pub alpha_mode: AlphaMode,
    /// Back faces are drawn as well.
    pub double_sided: bool,
    /// `KHR_materials_unlit`: the base colour as it is.
    pub unlit: bool,
    /// `KHR_materials_ior`; 0 stands for infinitely many.
    pub ior: f32,
    /// `KHR_materials_specular`.
    pub specular: f32,
    /// In alpha.
    pub specular_texture: Option<TextureUse>,
    /// Linear; may be above 1.
    pub specular_colour: [f32; 3],
    /// sRGB.
    pub specular_colour_texture: Option<TextureUse>,
    /// `KHR_materials_clearcoat`.
    pub clearcoat: f32,
    /// In red.
    pub clearcoat_texture: Option<TextureUse>,
    /// 0 to 1.
    pub clearcoat_roughness: f32,
    /// In green.
    pub clearcoat_roughness_texture: Option<TextureUse>,
    /// In tangent space.
    pub clearcoat_normal_texture: Option<TextureUse>,
    /// Of its x and y.
    pub clearcoat_normal_scale: f32,
    /// `KHR_materials_sheen`, linear.
    pub sheen_colour: [f32; 3],
    /// sRGB.
    pub sheen_colour_texture: Option<TextureUse>,
    /// 0 to 1.
    pub sheen_roughness: f32,
    /// In alpha.
    pub sheen_roughness_texture: Option<TextureUse>,
    /// `KHR_materials_transmission`.
    pub transmission: f32,
    /// In red.
    pub transmission_texture: Option<TextureUse>,
    /// `KHR_materials_diffuse_transmission`.
    pub diffuse_transmission: f32,
    /// In alpha.
    pub diffuse_transmission_texture: Option<TextureUse>,
    /// Linear.
    pub diffuse_transmission_colour: [f32; 3],
    /// sRGB.
    pub diffuse_transmission_colour_texture: Option<TextureUse>,
    /// `KHR_materials_volume`: metres of the mesh's own space; 0 is a surface without an inside.
    pub thickness: f32,
    /// Metres after which the attenuation colour is left; infinite without.
    pub attenuation_distance: f32,
    /// Linear.
    pub attenuation_colour: [f32; 3],
    /// `KHR_materials_dispersion`: 20 by the Abbe number.
    pub dispersion: f32,
    /// `KHR_materials_iridescence`.
    pub iridescence: f32,
    /// In red.
    pub iridescence_texture: Option<TextureUse>,
    /// Of the thin film.
    pub iridescence_ior: f32,
    /// Nanometres at texture value 0 and 1.
    pub iridescence_thickness: [f32; 2],
    /// In green.
    pub iridescence_thickness_texture: Option<TextureUse>,
    /// `KHR_materials_anisotropy`.
    pub anisotropy: f32,
    /// Radians from the tangent, counter-clockwise.
    pub anisotropy_rotation: f32,
    /// Direction in red and green, strength in blue.
    pub anisotropy_texture: Option<TextureUse>,
}

/// What alpha means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlphaMode {
    /// Nothing.
    Opaque,
    /// The surface is there from that value on.
    Mask(f32),
    /// How much of what is behind is covered.
    Blend,
}

/// A reference to a texture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextureUse {
    /// Its number in the document.
    pub texture: usize,
    /// `TEXCOORD_0` or `TEXCOORD_1`.
    pub set: usize,
    /// `KHR_texture_transform`: `u' = t[0] u + t[1] v + t[2]`, `v' = t[3] u + t[4] v + t[5]`.
    pub transform: [f32; 6],
}

impl TextureUse {
    /// The texture's coordinates.
    pub fn apply(&self, [u, v]: [f32; 2]) -> [f32; 2] {
        let t = &self.transform;
        [t[0] * u + t[1] * v + t[2], t[3] * u + t[4] * v + t[5]]
    }
}

impl Default for Material {
    fn default() -> Self {
        Self {
            name: None,
            base_colour: [1.0; 4],
            base_colour_texture: None,
            metallic: 1.0,
            roughness: 1.0,
            metallic_roughness_texture: None,
            glossiness_texture: None,
            normal_texture: None,
            normal_scale: 1.0,
            occlusion_texture: None,
            emissive: [0.0; 3],
            emissive_texture: None,
            alpha_mode: AlphaMode::Opaque,
            double_sided: false,
            unlit: false,
            ior: 1.5,
            specular: 1.0,
            specular_texture: None,
            specular_colour: [1.0; 3],
            specular_colour_texture: None,
            clearcoat: 0.0,
            clearcoat_texture: None,
            clearcoat_roughness: 0.0,
            clearcoat_roughness_texture: None,
            clearcoat_normal_texture: None,
            clearcoat_normal_scale: 1.0,
            sheen_colour: [0.0; 3],
            sheen_colour_texture: None,
            sheen_roughness: 0.0,
            sheen_roughness_texture: None,
            transmission: 0.0,
            transmission_texture: None,
            diffuse_transmission: 0.0,
            diffuse_transmission_texture: None,
            diffuse_transmission_colour: [1.0; 3],
            diffuse_transmission_colour_texture: None,
            thickness: 0.0,
            attenuation_distance: f32::INFINITY,
            attenuation_colour: [1.0; 3],
            dispersion: 0.0,
            iridescence: 0.0,
            iridescence_texture: None,
            iridescence_ior: 1.3,
            iridescence_thickness: [100.0, 400.0],
            iridescence_thickness_texture: None,
            anisotropy: 0.0,
            anisotropy_rotation: 0.0,
            anisotropy_texture: None,
        }
    }
}

/// All materials of the document.
pub fn materials(document: &Document) -> Vec<Material> {
    document.materials.iter().map(material).collect()
}

/// Values out of the range that glTF allows are moved into it: viewers do the same.
fn material(json: &Object) -> Material {
    let usual = Material::default();
    let own = Reader(Some(json));
    let base = own.object("pbrMetallicRoughness");
    let of = |name: &str| Reader(extension(json, &format!("KHR_materials_{name}")));
    let mut material = Material {
        name: json.get("name").and_then(Value::as_str).map(ToOwned::to_owned),
        base_colour: base.numbers("baseColorFactor", usual.base_colour).map(unit),
        base_colour_texture: base.texture("baseColorTexture"),
        metallic: unit(base.number("metallicFactor", 1.0)),
        roughness: unit(base.number("roughnessFactor", 1.0)),
        metallic_roughness_texture: base.texture("metallicRoughnessTexture"),
        normal_texture: own.texture("normalTexture"),
        normal_scale: own.object("normalTexture").number("scale", 1.0),
        occlusion_texture: own.texture("occlusionTexture"),
        emissive: own.numbers("emissiveFactor", [0.0; 3]).map(unit),
        emissive_texture: own.texture("emissiveTexture"),
        alpha_mode: match json.get("alphaMode").and_then(Value::as_str) {
            Some("MASK") => AlphaMode::Mask(own.number("alphaCutoff", 0.5)),
            Some("BLEND") => AlphaMode::Blend,
            _ => AlphaMode::Opaque,
        },
        double_sided: json.get("doubleSided").and_then(Value::as_bool).unwrap_or(false),
        unlit: of("unlit").0.is_some(),
        ..usual
    };
    let strength = of("emissive_strength").number("emissiveStrength", 1.0).max(0.0);
    material.emissive = material.emissive.map(|value| value * strength);
    let part = of("ior");
    material.ior = part.number("ior", 1.5);
    if material.ior != 0.0 {
        material.ior = material.ior.max(1.0);
    }
    let part = of("specular");
    material.specular = unit(part.number("specularFactor", 1.0));
    material.specular_texture = part.texture("specularTexture");
    material.specular_colour = part.numbers("specularColorFactor", [1.0; 3]).map(|value| value.max(0.0));
    material.specular_colour_texture = part.texture("specularColorTexture");
    let part = of("clearcoat");
    material.clearcoat = unit(part.number("clearcoatFactor", 0.0));
    material.clearcoat_texture = part.texture("clearcoatTexture");
    material.clearcoat_roughness = unit(part.number("clearcoatRoughnessFactor", 0.0));
    material.clearcoat_roughness_texture = part.texture("clearcoatRoughnessTexture");
    material.clearcoat_normal_texture = part.texture("clearcoatNormalTexture");
    material.clearcoat_normal_scale = part.object("clearcoatNormalTexture").number("scale", 1.0);
    let part = of("sheen");
    material.sheen_colour = part.numbers("sheenColorFactor", [0.0; 3]).map(unit);
    material.sheen_colour_texture = part.texture("sheenColorTexture");
    material.sheen_roughness = unit(part.number("sheenRoughnessFactor", 0.0));
    material.sheen_roughness_texture = part.texture("sheenRoughnessTexture");
    let part = of("transmission");
    material.transmission = unit(part.number("transmissionFactor", 0.0));
    material.transmission_texture = part.texture("transmissionTexture");
    let part = of("diffuse_transmission");
    material.diffuse_transmission = unit(part.number("diffuseTransmissionFactor", 0.0));
    material.diffuse_transmission_texture = part.texture("diffuseTransmissionTexture");
    material.diffuse_transmission_colour = part.numbers("diffuseTransmissionColorFactor", [1.0; 3]).map(unit);
    material.diffuse_transmission_colour_texture = part.texture("diffuseTransmissionColorTexture");
    let part = of("volume");
    material.thickness = part.number("thicknessFactor", 0.0).max(0.0);
    let distance = part.number("attenuationDistance", f32::INFINITY);
    material.attenuation_distance = if distance > 0.0 { distance } else { f32::INFINITY };
    material.attenuation_colour = part.numbers("attenuationColor", [1.0; 3]).map(unit);
    material.dispersion = of("dispersion").number("dispersion", 0.0).max(0.0);
    let part = of("iridescence");
    material.iridescence = unit(part.number("iridescenceFactor", 0.0));
    material.iridescence_texture = part.texture("iridescenceTexture");
    material.iridescence_ior = part.number("iridescenceIor", 1.3).max(1.0);
    material.iridescence_thickness =
        [part.number("iridescenceThicknessMinimum", 100.0), part.number("iridescenceThicknessMaximum", 400.0)]
            .map(|value| value.max(0.0));
    material.iridescence_thickness_texture = part.texture("iridescenceThicknessTexture");
    let part = of("anisotropy");
    material.anisotropy = unit(part.number("anisotropyStrength", 0.0));
    material.anisotropy_rotation = part.number("anisotropyRotation", 0.0);
    material.anisotropy_texture = part.texture("anisotropyTexture");
    specular_glossiness(of("pbrSpecularGlossiness"), &mut material);
    material
}

/// As `KHR_materials_ior` says of converting: reflectance is the specular colour with an index of 0.
fn specular_glossiness(part: Reader<'_>, material: &mut Material) {
    if part.0.is_none() {
        return;
    }
    material.base_colour = part.numbers("diffuseFactor", [1.0; 4]).map(unit);
    material.base_colour_texture = part.texture("diffuseTexture");
    material.metallic = 0.0;
    material.metallic_roughness_texture = None;
    material.ior = 0.0;
    material.specular_colour = part.numbers("specularFactor", [1.0; 3]).map(unit);
    material.specular_colour_texture = part.texture("specularGlossinessTexture");
    material.glossiness_texture = material.specular_colour_texture;
    material.roughness = 1.0 - unit(part.number("glossinessFactor", 1.0));
}

fn unit(value: f32) -> f32 {
    value.clamp(0.0, 1.0)
}

/// Values of an object that may be missing.
#[derive(Clone, Copy)]
struct Reader<'a>(Option<&'a Object>);

impl<'a> Reader<'a> {
    fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key)
    }

    fn object(self, key: &str) -> Reader<'a> {
        Reader(self.get(key).and_then(Value::as_object))
    }

    fn number(self, key: &str, usual: f32) -> f32 {
        self.get(key)
            .and_then(Value::as_f64)
            .map(|value| value as f32)
            .filter(|value| value.is_finite())
            .unwrap_or(usual)
    }

    fn numbers<const N: usize>(self, key: &str, usual: [f32; N]) -> [f32; N] {
        let Some(values) = self.get(key).and_then(Value::as_array).filter(|values| values.len() >= N) else {
            return usual;
        };
        std::array::from_fn(|at| {
            let value = values[at].as_f64().map(|value| value as f32);
            value.filter(|value| value.is_finite()).unwrap_or(usual[at])
        })
    }

    fn texture(self, key: &str) -> Option<TextureUse> {
        let info = self.get(key)?.as_object()?;
        let texture = info.get("index").and_then(size)?;
        let set = coordinates(info);
        // Sets above the second are not read; the first is closer to the truth than nothing.
        let set = if set > 1 { 0 } else { set };
        let part = Reader(extension(info, "KHR_texture_transform"));
        let ([x, y], [scale_x, scale_y]) = (part.numbers("offset", [0.0; 2]), part.numbers("scale", [1.0; 2]));
        let (sin, cos) = part.number("rotation", 0.0).sin_cos();
        let transform = [cos * scale_x, sin * scale_y, x, -sin * scale_x, cos * scale_y, y];
        Some(TextureUse { texture, set, transform })
    }
}

impl Material {
    /// The set of texture coordinates along which its normals are bent, or its microfacets are longer; none where it needs no
    /// tangents.
    pub fn tangent_set(&self) -> Option<usize> {
        let bends = self.normal_texture.or(self.clearcoat_normal_texture.filter(|_| self.clearcoat > 0.0));
        let stretches = self.anisotropy_texture.map_or(0, |own| own.set);
        bends.map(|own| own.set).or((self.anisotropy > 0.0).then_some(stretches))
    }

    /// Every reference to a texture, to be changed or removed.
    pub fn textures_mut(&mut self) -> impl Iterator<Item = &mut Option<TextureUse>> {
        [
            &mut self.base_colour_texture,
            &mut self.metallic_roughness_texture,
            &mut self.glossiness_texture,
            &mut self.normal_texture,
            &mut self.occlusion_texture,
            &mut self.emissive_texture,
            &mut self.specular_texture,
            &mut self.specular_colour_texture,
            &mut self.clearcoat_texture,
            &mut self.clearcoat_roughness_texture,
            &mut self.clearcoat_normal_texture,
            &mut self.sheen_colour_texture,
            &mut self.sheen_roughness_texture,
            &mut self.transmission_texture,
            &mut self.diffuse_transmission_texture,
            &mut self.diffuse_transmission_colour_texture,
            &mut self.iridescence_texture,
            &mut self.iridescence_thickness_texture,
            &mut self.anisotropy_texture,
        ]
        .into_iter()
    }
}

//! What a viewer would show of a document: triangles in the scene's space, with their attributes, at a moment of an
//! animation. Written apart from the steps, so that it can find their faults.

use std::collections::HashMap;

use catalog::Format;
use contract::Failure;
use operation::Input;
use operation_testing::{Finished, input_as, input_with_companions, run};
use scene::document::{Document, Interpolation, Mode, Primitive};
use scene::transform::{IDENTITY, Matrix, Parts, Transform, apply, apply_linear, cofactors, determinant, multiply};
use serde_json::Value;

/// A corner of a triangle as it is shown.
#[derive(Clone, Debug)]
pub struct Corner {
    pub position: [f64; 3],
    pub normal: Option<[f64; 3]>,
    /// Coordinates of the base colour texture, its transformation applied.
    pub coordinate: Option<[f64; 2]>,
    pub colour: Option<Vec<f32>>,
    pub surface: Surface,
}

/// What a material says of a point in plain numbers, those of a palette included: base colour, emissive, metallic and
/// roughness, in linear light.
pub type Surface = [f64; 8];

pub struct Optimised {
    pub document: Document,
    pub report: Value,
    pub bytes: Vec<u8>,
    pub finished: Finished,
}

pub fn input_of(name: &str, bytes: &[u8]) -> Input {
    input_as(Format::from_name(name).unwrap(), name, bytes)
}

/// Optimises a file with companion files.
pub fn optimise_beside(name: &str, bytes: &[u8], beside: &[(&str, &[u8])], text: &str) -> Result<Optimised, Failure> {
    optimise_input(input_with_companions(Format::from_name(name).unwrap(), name, bytes, beside), text)
}

pub fn load(name: &str, bytes: &[u8]) -> Result<Document, Failure> {
    scene::load::load(&input_of(name, bytes))
}

pub fn optimise(name: &str, bytes: &[u8], text: &str) -> Result<Optimised, Failure> {
    optimise_input(input_of(name, bytes), text)
}

fn optimise_input(input: Input, text: &str) -> Result<Optimised, Failure> {
    let finished = run(&model_job::JOB, text, input)?;
    let bytes = finished.bytes("model.glb").to_owned();
    Ok(Optimised { document: load("model.glb", &bytes)?, report: finished.json("report.json"), bytes, finished })
}

/// Every triangle that the scenes show, at a time of one of the animations.
pub fn triangles(document: &Document, moment: Option<(usize, f64)>) -> Vec<[Corner; 3]> {
    let mut posed: Vec<Transform> = document.nodes.iter().map(|node| node.transform).collect();
    let mut weights: Vec<Option<Vec<f64>>> = vec![None; posed.len()];
    if let Some((animation, time)) = moment {
        pose(document, animation, time, &mut posed, &mut weights);
    }
    let mut world: Vec<Matrix> = posed.iter().map(Transform::matrix).collect();
    for at in document.parents_first() {
        for &child in &document.nodes[at].children {
            world[child] = multiply(&world[at], &world[child]);
        }
    }
    let mut shown = vec![document.scenes.is_empty(); posed.len()];
    let mut waiting: Vec<usize> = document.scenes.iter().flat_map(|scene| scene.nodes.clone()).collect();
    while let Some(at) = waiting.pop() {
        shown[at] = true;
        waiting.extend(&document.nodes[at].children);
    }
    let mut all = Vec::new();
    for (at, node) in document.nodes.iter().enumerate().filter(|(at, _)| shown[*at]) {
        let Some(mesh) = node.mesh.map(|mesh| &document.meshes[mesh]) else { continue };
        let rest = |rest: &serde_json::Map<String, Value>| -> Option<Vec<f64>> {
            rest.get("weights")?.as_array().map(|all| all.iter().filter_map(Value::as_f64).collect())
        };
        let weights = weights[at].clone().or_else(|| rest(&node.rest)).or_else(|| rest(&mesh.rest));
        let joints: Option<Vec<Matrix>> = node.skin.map(|skin| {
            let skin = &document.skins[skin];
            let bind = |at: usize| skin.inverse_bind.as_ref().map_or(IDENTITY, |all| all[at]);
            skin.joints.iter().enumerate().map(|(at, &joint)| multiply(&world[joint], &bind(at))).collect()
        });
        for instance in instances(node) {
            let matrix = multiply(&world[at], &instance);
            for primitive in &mesh.primitives {
                shown_triangles(document, primitive, &matrix, joints.as_deref(), weights.as_deref(), &mut all);
            }
        }
    }
    all
}

fn instances(node: &scene::document::Node) -> Vec<Matrix> {
    let Some((_, first)) = node.instances.first() else { return vec![IDENTITY] };
    let read = |name: &str| node.instances.iter().find(|(own, _)| own == name).map(|(_, own)| own.floats());
    let (translations, rotations, scales) = (read("TRANSLATION"), read("ROTATION"), read("SCALE"));
    let three = |all: &Option<Vec<f32>>, at: usize, otherwise: [f64; 3]| {
        all.as_ref().map_or(otherwise, |all| std::array::from_fn(|axis| f64::from(all[at * 3 + axis])))
    };
    (0..first.count)
        .map(|at| {
            let rotation = rotations
                .as_ref()
                .map_or(Parts::IDENTITY.rotation, |all| std::array::from_fn(|axis| f64::from(all[at * 4 + axis])));
            let (translation, scale) = (three(&translations, at, [0.0; 3]), three(&scales, at, [1.0; 3]));
            Parts { translation, rotation, scale }.matrix()
        })
        .collect()
}

fn pose(document: &Document, animation: usize, time: f64, posed: &mut [Transform], weights: &mut [Option<Vec<f64>>]) {
    for channel in &document.animations[animation].channels {
        let Some(node) = channel.node else { continue };
        let times: Vec<f64> = channel.times.floats().into_iter().map(f64::from).collect();
        let values = channel.values.floats();
        let parts = if channel.interpolation == Interpolation::CubicSpline { 3 } else { 1 };
        let width = values.len() / times.len() / parts;
        let key = |at: usize, part: usize| -> Vec<f64> {
            values[(at * parts + part) * width..][..width].iter().map(|&value| f64::from(value)).collect()
        };
        let middle = usize::from(parts == 3);
        let after = times.iter().position(|&own| own > time).unwrap_or(times.len());
        let value: Vec<f64> = if after == 0 {
            key(0, middle)
        } else if after == times.len() || channel.interpolation == Interpolation::Step {
            key(after - 1, middle)
        } else {
            let (from, to) = (after - 1, after);
            let span = times[to] - times[from];
            let part = (time - times[from]) / span;
            if parts == 3 {
                let (p, m, q, n) = (key(from, 1), key(from, 2), key(to, 1), key(to, 0));
                let (t2, t3) = (part * part, part * part * part);
                (0..width)
                    .map(|k| {
                        (2.0 * t3 - 3.0 * t2 + 1.0) * p[k]
                            + (t3 - 2.0 * t2 + part) * span * m[k]
                            + (3.0 * t2 - 2.0 * t3) * q[k]
                            + (t3 - t2) * span * n[k]
                    })
                    .collect()
            } else {
                let (p, q) = (key(from, 0), key(to, 0));
                if channel.path == "rotation" {
                    slerp(p.try_into().unwrap(), q.try_into().unwrap(), part).to_vec()
                } else {
                    p.iter().zip(&q).map(|(a, b)| a * (1.0 - part) + b * part).collect()
                }
            }
        };
        if channel.path == "weights" {
            weights[node] = Some(value);
            continue;
        }
        let Transform::Parts(parts) = &mut posed[node] else { continue };
        match channel.path.as_str() {
            "translation" => parts.translation = value.try_into().unwrap(),
            "scale" => parts.scale = value.try_into().unwrap(),
            "rotation" => {
                let length = value.iter().map(|v| v * v).sum::<f64>().sqrt();
                parts.rotation = value.iter().map(|v| v / length).collect::<Vec<_>>().try_into().unwrap();
            }
            _ => {}
        }
    }
}

/// The shorter way round, as viewers turn.
fn slerp(from: [f64; 4], to: [f64; 4], part: f64) -> [f64; 4] {
    let dot: f64 = from.iter().zip(&to).map(|(a, b)| a * b).sum();
    let angle = dot.abs().min(1.0).acos();
    let (near, far) = if angle < 1e-6 {
        (1.0 - part, part)
    } else {
        ((angle * (1.0 - part)).sin() / angle.sin(), (angle * part).sin() / angle.sin())
    };
    std::array::from_fn(|at| from[at] * near + to[at] * far * dot.signum())
}

/// Where every node is at a time of an animation.
pub fn posed(document: &Document, animation: usize, time: f64) -> Vec<Transform> {
    let mut posed: Vec<Transform> = document.nodes.iter().map(|node| node.transform).collect();
    pose(document, animation, time, &mut posed, &mut vec![None; document.nodes.len()]);
    posed
}

fn shown_triangles(
    document: &Document,
    primitive: &Primitive,
    matrix: &Matrix,
    joints: Option<&[Matrix]>,
    weights: Option<&[f64]>,
    all: &mut Vec<[Corner; 3]>,
) {
    let Some(positions) = primitive.attribute("POSITION") else { return };
    let morphed = |name: &str| -> Option<Vec<f64>> {
        let mut values: Vec<f64> = primitive.attribute(name)?.floats().into_iter().map(f64::from).collect();
        for (target, weight) in primitive.targets.iter().zip(weights.unwrap_or(&[])) {
            let Some((_, offsets)) = target.iter().find(|(own, _)| own == name) else { continue };
            for (value, offset) in values.iter_mut().zip(offsets.floats()) {
                *value += weight * f64::from(offset);
            }
        }
        Some(values)
    };
    let (points, normals) = (morphed("POSITION").unwrap(), morphed("NORMAL"));
    let colours = primitive.attribute("COLOR_0").map(|own| (own.shape.width(), own.floats()));
    let coordinates = base_coordinates(document, primitive);
    let surface = Surfaces::of(document, primitive);
    let (bones, influence) = (primitive.attribute("JOINTS_0"), primitive.attribute("WEIGHTS_0"));
    let bones = bones.map(|own| own.floats());
    let influence = influence.map(|own| own.floats());
    let vertex = |at: usize| -> Corner {
        let matrix = match (joints, &bones, &influence) {
            (Some(joints), Some(bones), Some(influence)) => {
                let sum: f64 = influence[at * 4..at * 4 + 4].iter().map(|&weight| f64::from(weight)).sum();
                let mut blended = [0.0; 16];
                for k in 0..4 {
                    let share = f64::from(influence[at * 4 + k]) / sum;
                    for (slot, value) in blended.iter_mut().zip(&joints[bones[at * 4 + k] as usize]) {
                        *slot += share * value;
                    }
                }
                blended
            }
            _ => *matrix,
        };
        let three = |values: &[f64]| [values[at * 3], values[at * 3 + 1], values[at * 3 + 2]];
        let linear = cofactors(&matrix);
        Corner {
            position: apply(&matrix, three(&points)),
            normal: normals.as_ref().map(|normals| {
                let mirror = determinant(&matrix).signum();
                unit(apply_linear(&linear, three(normals)).map(|value| value * mirror))
            }),
            coordinate: coordinates.as_ref().map(|all| all[at]),
            colour: colours.as_ref().map(|(len, all)| all[at * len..(at + 1) * len].to_vec()),
            surface: surface.at(at),
        }
    };
    let indices: Vec<u32> = match &primitive.indices {
        Some(indices) => indices.to_vec(),
        None => (0..positions.count as u32).collect(),
    };
    let corner = |at: usize| vertex(indices[at] as usize);
    // A mirroring node turns triangles over, and viewers turn them back.
    let first = all.len();
    let is_mirrored = joints.is_none() && determinant(matrix) < 0.0;
    match primitive.mode {
        Mode::Triangles => {
            all.extend((0..indices.len() / 3).map(|at| [corner(at * 3), corner(at * 3 + 1), corner(at * 3 + 2)]));
        }
        Mode::TriangleStrip => all.extend((2..indices.len()).map(|at| {
            if at % 2 == 0 {
                [corner(at - 2), corner(at - 1), corner(at)]
            } else {
                [corner(at - 1), corner(at - 2), corner(at)]
            }
        })),
        Mode::TriangleFan => {
            all.extend((2..indices.len()).map(|at| [corner(0), corner(at - 1), corner(at)]));
        }
        _ => {}
    }
    if is_mirrored {
        all[first..].iter_mut().for_each(|triangle| triangle.swap(0, 1));
    }
}

/// Texture coordinates as a texture's own transformation leaves them.
fn coordinates(primitive: &Primitive, info: &Value) -> Option<Vec<[f64; 2]>> {
    let set = info.get("texCoord").and_then(Value::as_u64).unwrap_or(0);
    let values = primitive.attribute(&format!("TEXCOORD_{set}"))?.floats();
    let transform = info.get("extensions").and_then(|all| all.get("KHR_texture_transform"));
    let pair = |key: &str, otherwise: f64| -> [f64; 2] {
        let at = |k: usize| transform.and_then(|t| t.get(key)?.get(k)?.as_f64()).unwrap_or(otherwise);
        [at(0), at(1)]
    };
    let (offset, scale) = (pair("offset", 0.0), pair("scale", 1.0));
    let (sin, cos) = transform.and_then(|t| t.get("rotation")?.as_f64()).unwrap_or(0.0).sin_cos();
    Some(
        values
            .chunks_exact(2)
            .map(|uv| {
                let [u, v] = [f64::from(uv[0]) * scale[0], f64::from(uv[1]) * scale[1]];
                [offset[0] + cos * u + sin * v, offset[1] - sin * u + cos * v]
            })
            .collect(),
    )
}

fn base_coordinates(document: &Document, primitive: &Primitive) -> Option<Vec<[f64; 2]>> {
    let info = document.materials[primitive.material?].get("pbrMetallicRoughness")?.get("baseColorTexture")?;
    if is_palette(document, info) { None } else { coordinates(primitive, info) }
}

/// Palettes are shown pixel by pixel and do not repeat.
fn is_palette(document: &Document, info: &Value) -> bool {
    let sampler = document.textures[info["index"].as_u64().unwrap() as usize].get("sampler").and_then(Value::as_u64);
    sampler.is_some_and(|sampler| {
        let sampler = &document.samplers[sampler as usize];
        ["magFilter", "minFilter"].iter().all(|key| sampler.get(*key) == Some(&9728.into()))
            && ["wrapS", "wrapT"].iter().all(|key| sampler.get(*key) == Some(&33071.into()))
    })
}

/// A colour by a palette.
struct Palette {
    pixels: image::RgbImage,
    coordinates: Vec<[f64; 2]>,
}

impl Palette {
    fn of(document: &Document, primitive: &Primitive, info: Option<&Value>) -> Option<Self> {
        let info = info.filter(|info| is_palette(document, info))?;
        let texture = &document.textures[info["index"].as_u64()? as usize];
        let source =
            texture.get("source").or_else(|| texture.get("extensions")?.get("EXT_texture_webp")?.get("source"));
        let image = &document.images[source?.as_u64()? as usize];
        Some(Self { pixels: decode(&image.mime_type, &image.bytes), coordinates: coordinates(primitive, info)? })
    }

    fn at(&self, vertex: usize) -> [f64; 3] {
        let [u, v] = self.coordinates[vertex];
        let (x, y) = (u * f64::from(self.pixels.width()), v * f64::from(self.pixels.height()));
        self.pixels.get_pixel(x as u32, y as u32).0.map(|byte| f64::from(byte) / 255.0)
    }
}

/// A PNG or a WebP, without its alpha.
pub fn decode(mime_type: &str, bytes: &[u8]) -> image::RgbImage {
    image::DynamicImage::ImageRgba8(decode_rgba(mime_type, bytes)).into_rgb8()
}

/// A PNG or a WebP.
pub fn decode_rgba(mime_type: &str, bytes: &[u8]) -> image::RgbaImage {
    if mime_type != "image/webp" {
        return image::load_from_memory(bytes).unwrap().into_rgba8();
    }
    let (mut width, mut height) = (0, 0);
    // SAFETY: libwebp reads as many bytes as it is told, and gives back four for each pixel, which are copied.
    unsafe {
        let pixels = libwebp_sys::WebPDecodeRGBA(bytes.as_ptr(), bytes.len(), &raw mut width, &raw mut height);
        assert!(!pixels.is_null(), "a WebP that cannot be read");
        let copy = std::slice::from_raw_parts(pixels, (width * height * 4) as usize).to_vec();
        libwebp_sys::WebPFree(pixels.cast());
        image::RgbaImage::from_raw(width as u32, height as u32, copy).unwrap()
    }
}

/// [`Surface`] of every vertex.
struct Surfaces {
    factors: Surface,
    base: Option<Palette>,
    emissive: Option<Palette>,
    surface: Option<Palette>,
}

impl Surfaces {
    fn of(document: &Document, primitive: &Primitive) -> Self {
        let none = serde_json::Map::new();
        let material = primitive.material.map_or(&none, |material| &document.materials[material]);
        let pbr = material.get("pbrMetallicRoughness").and_then(Value::as_object).unwrap_or(&none);
        let three = |of: &serde_json::Map<String, Value>, key: &str, otherwise: f64| -> [f64; 3] {
            std::array::from_fn(|at| of.get(key).and_then(|all| all.get(at)?.as_f64()).unwrap_or(otherwise))
        };
        let one = |key: &str| pbr.get(key).and_then(Value::as_f64).unwrap_or(1.0);
        let [r, g, b] = three(pbr, "baseColorFactor", 1.0);
        let [er, eg, eb] = three(material, "emissiveFactor", 0.0);
        let palette = |info: Option<&Value>| Palette::of(document, primitive, info);
        Self {
            factors: [r, g, b, er, eg, eb, one("metallicFactor"), one("roughnessFactor")],
            base: palette(pbr.get("baseColorTexture")),
            emissive: palette(material.get("emissiveTexture")),
            surface: palette(pbr.get("metallicRoughnessTexture")),
        }
    }

    fn at(&self, vertex: usize) -> Surface {
        let linear = |encoded: f64| {
            if encoded <= 0.04045 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
        };
        let mut surface = self.factors;
        if let Some(palette) = &self.base {
            palette.at(vertex).iter().enumerate().for_each(|(at, &value)| surface[at] *= linear(value));
        }
        if let Some(palette) = &self.emissive {
            palette.at(vertex).iter().enumerate().for_each(|(at, &value)| surface[3 + at] *= linear(value));
        }
        if let Some(palette) = &self.surface {
            let [_, roughness, metallic] = palette.at(vertex);
            surface[6] *= metallic;
            surface[7] *= roughness;
        }
        surface
    }
}

fn unit(vector: [f64; 3]) -> [f64; 3] {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 { vector.map(|value| value / length) } else { vector }
}

/// How far two documents may show different things.
pub struct Tolerance {
    pub position: f64,
    /// Cosine of the angle between normals.
    pub normal: f64,
    pub coordinate: f64,
    pub colour: f32,
}

/// Every triangle of `before` that has an area worth the name is there in `after`, and no more than those.
pub fn assert_shows_the_same(name: &str, before: &[[Corner; 3]], after: &[[Corner; 3]], tolerance: &Tolerance) {
    let cell = tolerance.position * 4.0;
    let middle = |triangle: &[Corner; 3]| -> [f64; 3] {
        std::array::from_fn(|axis| triangle.iter().map(|corner| corner.position[axis]).sum::<f64>() / 3.0)
    };
    let key = |point: [f64; 3]| point.map(|value| (value / cell).floor() as i64);
    let mut cells: HashMap<[i64; 3], Vec<usize>> = HashMap::new();
    for (at, triangle) in after.iter().enumerate() {
        cells.entry(key(middle(triangle))).or_default().push(at);
    }
    let near = |a: f64, b: f64, by: f64| (a - b).abs() <= by;
    let same_corner = |a: &Corner, b: &Corner| {
        (0..3).all(|axis| near(a.position[axis], b.position[axis], tolerance.position))
            && match (&a.normal, &b.normal) {
                (Some(a), Some(b)) => {
                    a.iter().all(|v| *v == 0.0) || a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() >= tolerance.normal
                }
                _ => true,
            }
            && match (&a.coordinate, &b.coordinate) {
                (Some(a), Some(b)) => (0..2).all(|axis| near(a[axis], b[axis], tolerance.coordinate)),
                (a, b) => a.is_some() == b.is_some(),
            }
            && match (&a.colour, &b.colour) {
                (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance.colour),
                (a, b) => a.is_some() == b.is_some(),
            }
            // Half a step of an sRGB byte, where the steps are widest.
            && a.surface.iter().zip(b.surface).all(|(a, b)| near(*a, b, 0.006))
    };
    let same =
        |a: &[Corner; 3], b: &[Corner; 3]| (0..3).any(|turn| (0..3).all(|at| same_corner(&a[at], &b[(at + turn) % 3])));
    let mut missing = 0;
    let mut counted = 0;
    let mut first_missing = None;
    for triangle in before {
        let [a, b, c] = [0, 1, 2].map(|at: usize| triangle[at].position);
        let side = |a: [f64; 3], b: [f64; 3]| (0..3).map(|axis| (a[axis] - b[axis]).abs()).fold(0.0, f64::max);
        // Corners that fall onto the same point of the grid leave nothing to see.
        if side(a, b).min(side(b, c)).min(side(c, a)) <= tolerance.position * 2.0 {
            continue;
        }
        counted += 1;
        let base = key(middle(triangle));
        let found = (-1..=1).any(|x| {
            (-1..=1).any(|y| {
                (-1..=1).any(|z| {
                    let cell = [base[0] + x, base[1] + y, base[2] + z];
                    cells.get(&cell).is_some_and(|all| all.iter().any(|&at| same(triangle, &after[at])))
                })
            })
        });
        if !found {
            missing += 1;
            first_missing.get_or_insert_with(|| triangle.clone());
        }
    }
    assert_eq!(missing, 0, "{name}: {missing} of {counted} triangles are not shown any more, {first_missing:?}");
    assert!(after.len() <= before.len(), "{name}: {} triangles became {}", before.len(), after.len());
}

/// The longest side of what is shown.
pub fn extent(triangles: &[[Corner; 3]]) -> f64 {
    (0..3)
        .map(|axis| {
            let values = || triangles.iter().flatten().map(|corner| corner.position[axis]);
            values().fold(f64::NEG_INFINITY, f64::max) - values().fold(f64::INFINITY, f64::min)
        })
        .fold(0.0, f64::max)
}

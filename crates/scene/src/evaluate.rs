//! What a document shows at a moment: meshes in the scene's space with skins, morph targets, instances and animations
//! applied, lights and cameras. glTF 2.0's rules, in metres, y up.

use std::sync::Arc;

use contract::Failure;
use serde_json::Value;

use crate::accessor::Accessor;
use crate::document::{Document, Mode, Node, Primitive};
use crate::json::{Object, size};
use crate::pose::{Pose, pose};
use crate::transform::{IDENTITY, Matrix, Parts, apply, apply_linear, cofactors, determinant, multiply};

/// The most triangles, lines and points that are shown at once, instances included.
pub const MOST_PRIMITIVES: usize = 50_000_000;

/// When, and as which of its variants, a model is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    /// The animation that moves it; at rest without.
    pub animation: Option<usize>,
    /// Seconds from the animation's start.
    pub time: f64,
    /// The variant of `KHR_materials_variants`.
    pub variant: Option<usize>,
}

/// Everything that is seen at a moment.
#[derive(Debug, Default)]
pub struct Scene {
    /// What is drawn.
    pub pieces: Vec<Piece>,
    /// `KHR_lights_punctual`.
    pub lights: Vec<Light>,
    /// Cameras at nodes of the scene.
    pub cameras: Vec<Camera>,
    /// What could not be shown as the file means it.
    pub warnings: Vec<String>,
}

/// One primitive of a mesh at a node (and of an instance there), in the scene's space. The lists of attributes are empty
/// or as long as the positions.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    /// The node's number in the document.
    pub node: usize,
    /// Its name, or the mesh's.
    pub name: Option<String>,
    /// The material's number in the document, of the variant; glTF's default material without.
    pub material: Option<usize>,
    /// Metres.
    pub positions: Vec<[f32; 3]>,
    /// Unit vectors; flat shading without.
    pub normals: Vec<[f32; 3]>,
    /// Unit vectors along the first texture coordinate, and the side (-1 or 1) of the second.
    pub tangents: Vec<[f32; 4]>,
    /// `TEXCOORD_0` and `TEXCOORD_1`.
    pub coordinates: [Vec<[f32; 2]>; 2],
    /// Linear red, green, blue and alpha.
    pub colours: Vec<[f32; 4]>,
    /// Numbers of vertices: counter-clockwise seen from outside, also where the node mirrors.
    pub triangles: Vec<[u32; 3]>,
    /// Numbers of the vertices at the ends of lines.
    pub lines: Vec<[u32; 2]>,
    /// Numbers of vertices shown as points.
    pub points: Vec<u32>,
}

/// A punctual light.
#[derive(Debug, Clone, PartialEq)]
pub struct Light {
    /// How it shines.
    pub kind: LightKind,
    /// Where it is, in metres.
    pub position: [f32; 3],
    /// The unit vector in which it shines.
    pub direction: [f32; 3],
    /// Linear colour times intensity: candela; lux for directional lights.
    pub intensity: [f32; 3],
    /// Metres after which it is dark; none for ever.
    pub range: Option<f32>,
}

/// How a light shines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LightKind {
    /// From infinitely far.
    Directional,
    /// From a point, all around.
    Point,
    /// From a point, within a cone: half its angle in radians where it begins to fade, and where it is dark.
    Spot {
        /// Full light within.
        inner: f32,
        /// Dark outside.
        outer: f32,
    },
}

/// A camera at a node. It looks along its negative z axis, y is up.
#[derive(Debug, Clone)]
pub struct Camera {
    /// The node's name, or the camera's.
    pub name: Option<String>,
    /// From its space into the scene's.
    pub matrix: Matrix,
    /// How it projects.
    pub projection: Projection,
}

/// How a camera projects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Projection {
    /// As the eye does.
    Perspective {
        /// The vertical angle of view in radians.
        vertical: f64,
        /// Width by height; the picture's without.
        aspect: Option<f64>,
    },
    /// In parallel: half the width and height in metres.
    Orthographic {
        /// Half the width.
        half_width: f64,
        /// Half the height.
        half_height: f64,
    },
}

impl Scene {
    /// Triangles of all pieces.
    pub fn triangle_count(&self) -> usize {
        self.pieces.iter().map(|piece| piece.triangles.len()).sum()
    }

    /// The box around all vertices that are shown, `None` where there are none.
    pub fn bounds(&self) -> Option<([f32; 3], [f32; 3])> {
        let mut bounds = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for piece in &self.pieces {
            let mut add = |vertex: u32| {
                for (axis, &value) in piece.positions[vertex as usize].iter().enumerate() {
                    bounds.0[axis] = bounds.0[axis].min(value);
                    bounds.1[axis] = bounds.1[axis].max(value);
                }
            };
            piece.triangles.iter().flatten().for_each(|&vertex| add(vertex));
            piece.lines.iter().flatten().for_each(|&vertex| add(vertex));
            piece.points.iter().for_each(|&vertex| add(vertex));
        }
        bounds.0[0].is_finite().then_some(bounds)
    }
}

/// The names of the variants, in their order.
pub fn variants(document: &Document) -> Vec<String> {
    let list = extension(&document.rest, "KHR_materials_variants").and_then(|own| own.get("variants"));
    let names = list.and_then(Value::as_array).into_iter().flatten();
    names.map(|variant| variant.get("name").and_then(Value::as_str).unwrap_or("").to_owned()).collect()
}

/// What the document shows at that moment. Fails if it is more than [`MOST_PRIMITIVES`], or if anything of it is at no
/// finite place.
pub fn evaluate(document: &Document, moment: &Moment) -> Result<Scene, Failure> {
    let Pose { matrices, weights, warnings } = pose(document, moment.animation, moment.time)?;
    let mut scene = Scene { warnings, ..Scene::default() };
    let shown = shown_nodes(document);
    check_count(document, &shown)?;
    for &at in &shown {
        let node = &document.nodes[at];
        if let Some(mesh) = node.mesh {
            let joints = joint_matrices(document, node, &matrices);
            let instances = instance_matrices(node);
            for primitive in &document.meshes[mesh].primitives {
                let own = Shown { document, node: at, primitive, weights: &weights[at], moment };
                let piece = own.piece(&mut scene.warnings);
                if let Some(joints) = &joints {
                    scene.pieces.push(skinned(primitive, piece, joints));
                } else if instances.is_empty() {
                    scene.pieces.push(placed(piece, &matrices[at]));
                } else {
                    for instance in &instances {
                        scene.pieces.push(placed(piece.clone(), &multiply(&matrices[at], instance)));
                    }
                }
            }
        }
        scene.lights.extend(light(document, node, &matrices[at]));
        scene.cameras.extend(camera(document, node, &matrices[at]));
    }
    for piece in &scene.pieces {
        if piece.positions.iter().flatten().any(|value| !value.is_finite()) {
            let name = piece.name.as_deref().unwrap_or("without a name");
            return Err(Failure::invalid_input(format!(
                "node {} ({name}) has vertices at places that are not finite numbers",
                piece.node
            )));
        }
    }
    scene.warnings.sort();
    scene.warnings.dedup();
    Ok(scene)
}

/// An extension of an object.
pub(crate) fn extension<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    object.get("extensions")?.get(name)?.as_object()
}

/// Nodes of the scene that is shown first, parents first, without those that `KHR_node_visibility` hides.
fn shown_nodes(document: &Document) -> Vec<usize> {
    let roots = if let Some(scene) = document.scene.map(|at| &document.scenes[at]).or(document.scenes.first()) {
        scene.nodes.clone()
    } else {
        let parents = document.parents();
        (0..document.nodes.len()).filter(|&at| parents[at].is_none()).collect()
    };
    // A node that is listed twice, or below another root, is shown once.
    let mut seen = vec![false; document.nodes.len()];
    let mut shown = Vec::new();
    let mut open: Vec<usize> = roots.into_iter().rev().collect();
    while let Some(at) = open.pop() {
        let node = &document.nodes[at];
        let visible = extension(&node.rest, "KHR_node_visibility").and_then(|own| own.get("visible"));
        if visible.and_then(Value::as_bool) == Some(false) || std::mem::replace(&mut seen[at], true) {
            continue;
        }
        shown.push(at);
        open.extend(node.children.iter().rev());
    }
    shown
}

/// Refuses more than can be shown before any of it takes memory.
fn check_count(document: &Document, shown: &[usize]) -> Result<(), Failure> {
    let mut count = 0_usize;
    let mut vertices = 0_usize;
    for node in shown.iter().map(|&at| &document.nodes[at]) {
        let Some(mesh) = node.mesh else { continue };
        let instances = node.instances.first().map_or(1, |(_, accessor)| accessor.count);
        for primitive in &document.meshes[mesh].primitives {
            let corners = primitive.indices.as_ref().map_or_else(|| primitive.vertex_count(), |own| own.len());
            let drawn = if primitive.mode == Mode::Triangles { corners / 3 } else { corners };
            count = count.saturating_add(drawn.saturating_mul(instances));
            vertices = vertices.saturating_add(primitive.vertex_count().saturating_mul(instances));
        }
    }
    if count.max(vertices / 3) > MOST_PRIMITIVES {
        return Err(Failure::invalid_input(format!(
            "the scene shows {count} triangles of {vertices} vertices, instances included; at most {MOST_PRIMITIVES} are \
             drawn: simplify it first"
        )));
    }
    Ok(())
}

/// A primitive as a node shows it.
struct Shown<'a> {
    document: &'a Document,
    node: usize,
    primitive: &'a Primitive,
    weights: &'a [f64],
    moment: &'a Moment,
}

impl Shown<'_> {
    /// The piece in the mesh's own space, morphed.
    fn piece(&self, warnings: &mut Vec<String>) -> Piece {
        let Self { document, primitive, .. } = self;
        let node = &document.nodes[self.node];
        let mesh = node.mesh.and_then(|mesh| document.meshes[mesh].rest.get("name")?.as_str());
        let vertices = |name: &str| primitive.attribute(name);
        let mut piece = Piece {
            node: self.node,
            name: node.name().or(mesh).map(ToOwned::to_owned),
            material: self.material(),
            positions: vertices("POSITION").map(vectors).unwrap_or_default(),
            normals: vertices("NORMAL").map(vectors).unwrap_or_default(),
            tangents: vertices("TANGENT").map(|own| fours(own, 1.0)).unwrap_or_default(),
            coordinates: ["TEXCOORD_0", "TEXCOORD_1"].map(|name| vertices(name).map(vectors).unwrap_or_default()),
            colours: vertices("COLOR_0").map(|own| colours(own)).unwrap_or_default(),
            ..Piece::default()
        };
        for (target, &weight) in primitive.targets.iter().zip(self.weights) {
            if weight == 0.0 {
                continue;
            }
            for (name, accessor) in target {
                let weight = weight as f32;
                let floats = accessor.floats();
                match name.as_str() {
                    "POSITION" => add(&mut piece.positions, &floats, weight),
                    "NORMAL" => add(&mut piece.normals, &floats, weight),
                    "TANGENT" => add_three(&mut piece.tangents, &floats, accessor.shape.width(), weight),
                    "TEXCOORD_0" => add(&mut piece.coordinates[0], &floats, weight),
                    "TEXCOORD_1" => add(&mut piece.coordinates[1], &floats, weight),
                    "COLOR_0" if accessor.shape.width() == 4 => add(&mut piece.colours, &floats, weight),
                    "COLOR_0" => add_three(&mut piece.colours, &floats, accessor.shape.width(), weight),
                    other => warnings.push(format!("morph targets of {other} are not shown")),
                }
            }
        }
        if !piece.positions.is_empty() {
            connect(primitive, &mut piece);
        }
        piece
    }

    fn material(&self) -> Option<usize> {
        let chosen = || {
            let mappings = extension(&self.primitive.rest, "KHR_materials_variants")?.get("mappings")?.as_array()?;
            let variant = self.moment.variant?;
            let has = |mapping: &&Value| {
                let variants = mapping.get("variants").and_then(Value::as_array);
                variants.is_some_and(|all| all.iter().any(|own| size(own) == Some(variant)))
            };
            mappings.iter().find(has)?.get("material").and_then(size)
        };
        chosen().or(self.primitive.material)
    }
}

/// Triangles, lines and points of the primitive's mode. What names the same vertex twice encloses nothing.
fn connect(primitive: &Primitive, piece: &mut Piece) {
    let own: Vec<u32>;
    let corners: &[u32] = if let Some(indices) = &primitive.indices {
        indices
    } else {
        own = (0..piece.positions.len() as u32).collect();
        &own
    };
    match primitive.mode {
        Mode::Triangles => piece.triangles = corners.as_chunks::<3>().0.to_vec(),
        Mode::TriangleStrip => {
            piece.triangles = corners
                .windows(3)
                .enumerate()
                .map(|(at, own)| if at % 2 == 0 { [own[0], own[1], own[2]] } else { [own[1], own[0], own[2]] })
                .collect();
        }
        Mode::TriangleFan => {
            piece.triangles = corners.windows(2).skip(1).map(|own| [corners[0], own[0], own[1]]).collect();
        }
        Mode::Lines => piece.lines = corners.as_chunks::<2>().0.to_vec(),
        Mode::LineStrip => piece.lines = corners.windows(2).map(|own| [own[0], own[1]]).collect(),
        Mode::LineLoop => {
            piece.lines = corners.windows(2).map(|own| [own[0], own[1]]).collect();
            if let (Some(&first), Some(&last)) = (corners.first(), corners.last()) {
                piece.lines.push([last, first]);
            }
        }
        Mode::Points => piece.points = corners.to_vec(),
    }
    piece.triangles.retain(|[a, b, c]| a != b && b != c && a != c);
    piece.lines.retain(|[a, b]| a != b);
}

fn vectors<const N: usize>(accessor: &Arc<Accessor>) -> Vec<[f32; N]> {
    accessor.floats().chunks_exact(accessor.shape.width()).map(|own| std::array::from_fn(|at| own[at])).collect()
}

/// Four numbers, the last of which may be missing.
fn fours(accessor: &Accessor, last: f32) -> Vec<[f32; 4]> {
    let floats = accessor.floats();
    floats
        .chunks_exact(accessor.shape.width())
        .map(|own| [own[0], own[1], own[2], own.get(3).copied().unwrap_or(last)])
        .collect()
}

/// Integers are always fractions of colours, also in files that forget to say so.
fn colours(accessor: &Accessor) -> Vec<[f32; 4]> {
    if accessor.normalised || accessor.component == crate::accessor::Component::F32 {
        return fours(accessor, 1.0);
    }
    fours(&Accessor { normalised: true, ..accessor.clone() }, 1.0)
}

fn add<const N: usize>(values: &mut [[f32; N]], deltas: &[f32], weight: f32) {
    for (value, delta) in values.iter_mut().zip(deltas.as_chunks::<N>().0) {
        for at in 0..N {
            value[at] += weight * delta[at];
        }
    }
}

/// Adds to the first three of four numbers.
fn add_three(values: &mut [[f32; 4]], deltas: &[f32], width: usize, weight: f32) {
    for (value, delta) in values.iter_mut().zip(deltas.chunks_exact(width)) {
        for at in 0..width.min(3) {
            value[at] += weight * delta[at];
        }
    }
}

/// The piece moved into the scene.
fn placed(mut piece: Piece, matrix: &Matrix) -> Piece {
    let mirrors = determinant(matrix) < 0.0;
    // Normals go through the inverse transpose, up to a factor whose sign matters.
    let normals = cofactors(matrix);
    let sign = if mirrors { -1.0 } else { 1.0 };
    for position in &mut piece.positions {
        *position = apply(matrix, position.map(f64::from)).map(|value| value as f32);
    }
    for normal in &mut piece.normals {
        *normal = unit(apply_linear(&normals, normal.map(f64::from)).map(|value| value * sign));
    }
    for tangent in &mut piece.tangents {
        let [x, y, z] = unit(apply_linear(matrix, [tangent[0], tangent[1], tangent[2]].map(f64::from)));
        *tangent = [x, y, z, tangent[3] * sign as f32];
    }
    if mirrors {
        piece.triangles.iter_mut().for_each(|triangle| triangle.swap(1, 2));
    }
    piece
}

/// The piece bent by its joints. A skinned mesh is where its joints are, wherever its node is.
fn skinned(primitive: &Primitive, mut piece: Piece, joints: &[Matrix]) -> Piece {
    let mut influences: Vec<Vec<(usize, f64)>> = vec![Vec::new(); piece.positions.len()];
    for set in 0.. {
        let named = |word: &str| primitive.attribute(&format!("{word}_{set}"));
        let (Some(numbers), Some(weights)) = (named("JOINTS"), named("WEIGHTS")) else { break };
        let (numbers, weights) = (numbers.unsigned().unwrap_or_default(), weights.floats());
        for (own, (numbers, weights)) in influences.iter_mut().zip(numbers.chunks_exact(4).zip(weights.chunks_exact(4)))
        {
            let pairs = numbers
                .iter()
                .zip(weights)
                .filter(|&(&joint, &weight)| weight > 0.0 && weight.is_finite() && (joint as usize) < joints.len());
            own.extend(pairs.map(|(&joint, &weight)| (joint as usize, f64::from(weight))));
        }
    }
    for (at, influences) in influences.iter().enumerate() {
        let total: f64 = influences.iter().map(|(_, weight)| weight).sum();
        let matrix = if total > 0.0 {
            let mut sum = [0.0; 16];
            for (joint, weight) in influences {
                for (sum, value) in sum.iter_mut().zip(&joints[*joint]) {
                    *sum += value * weight / total;
                }
            }
            sum
        } else {
            joints.first().copied().unwrap_or(IDENTITY)
        };
        piece.positions[at] = apply(&matrix, piece.positions[at].map(f64::from)).map(|value| value as f32);
        let sign = if determinant(&matrix) < 0.0 { -1.0 } else { 1.0 };
        if let Some(normal) = piece.normals.get_mut(at) {
            let turned = apply_linear(&cofactors(&matrix), normal.map(f64::from));
            *normal = unit(turned.map(|value| value * sign));
        }
        if let Some(tangent) = piece.tangents.get_mut(at) {
            let [x, y, z] = unit(apply_linear(&matrix, [tangent[0], tangent[1], tangent[2]].map(f64::from)));
            *tangent = [x, y, z, tangent[3] * sign as f32];
        }
    }
    // The first joint tells for all: a skeleton is mirrored as a whole.
    if joints.first().is_some_and(|matrix| determinant(matrix) < 0.0) {
        piece.triangles.iter_mut().for_each(|triangle| triangle.swap(1, 2));
    }
    piece
}

fn unit(vector: [f64; 3]) -> [f32; 3] {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() { vector.map(|value| (value / length) as f32) } else { [0.0, 0.0, 0.0] }
}

fn joint_matrices(document: &Document, node: &Node, matrices: &[Matrix]) -> Option<Vec<Matrix>> {
    let skin = &document.skins[node.skin?];
    let of = |(at, &joint): (usize, &usize)| match &skin.inverse_bind {
        Some(inverse) => multiply(&matrices[joint], &inverse[at]),
        None => matrices[joint],
    };
    Some(skin.joints.iter().enumerate().map(of).collect())
}

/// Of `EXT_mesh_gpu_instancing`, relative to the node.
fn instance_matrices(node: &Node) -> Vec<Matrix> {
    let Some(count) = node.instances.first().map(|(_, accessor)| accessor.count) else { return Vec::new() };
    let floats = |name: &str| {
        node.instances.iter().find(|(own, _)| own == name).map(|(_, accessor)| accessor.floats()).unwrap_or_default()
    };
    let (translations, rotations, scales) = (floats("TRANSLATION"), floats("ROTATION"), floats("SCALE"));
    let three = |values: &[f32], at: usize| -> Option<[f64; 3]> {
        let own = values.get(at * 3..at * 3 + 3)?;
        Some([own[0], own[1], own[2]].map(f64::from))
    };
    (0..count)
        .map(|at| {
            let rotation = rotations.get(at * 4..at * 4 + 4).map(|own| {
                let own = [own[0], own[1], own[2], own[3]].map(f64::from);
                let length = own.iter().map(|value| value * value).sum::<f64>().sqrt();
                if length > 0.0 { own.map(|value| value / length) } else { Parts::IDENTITY.rotation }
            });
            Parts {
                translation: three(&translations, at).unwrap_or(Parts::IDENTITY.translation),
                rotation: rotation.unwrap_or(Parts::IDENTITY.rotation),
                scale: three(&scales, at).unwrap_or(Parts::IDENTITY.scale),
            }
            .matrix()
        })
        .collect()
}

fn light(document: &Document, node: &Node, matrix: &Matrix) -> Option<Light> {
    let at = extension(&node.rest, "KHR_lights_punctual")?.get("light").and_then(size)?;
    let light = extension(&document.rest, "KHR_lights_punctual")?.get("lights")?.as_array()?.get(at)?;
    let number = |value: Option<&Value>, usual: f64| value.and_then(Value::as_f64).unwrap_or(usual) as f32;
    let spot = light.get("spot");
    let kind = match light.get("type")?.as_str()? {
        "directional" => LightKind::Directional,
        "point" => LightKind::Point,
        "spot" => LightKind::Spot {
            inner: number(spot.and_then(|own| own.get("innerConeAngle")), 0.0),
            outer: number(spot.and_then(|own| own.get("outerConeAngle")), std::f64::consts::FRAC_PI_4),
        },
        _ => return None,
    };
    let colour = light.get("color").and_then(Value::as_array);
    let intensity = number(light.get("intensity"), 1.0);
    let channel = |at: usize| number(colour.and_then(|own| own.get(at)), 1.0).max(0.0) * intensity.max(0.0);
    let intensity = [channel(0), channel(1), channel(2)];
    let position = [matrix[12], matrix[13], matrix[14]].map(|value| value as f32);
    let direction = unit(apply_linear(matrix, [0.0, 0.0, -1.0]));
    let range = light.get("range").and_then(Value::as_f64).map(|range| range as f32).filter(|range| *range > 0.0);
    let finite = intensity.iter().chain(&position).all(|value| value.is_finite());
    finite.then_some(Light { kind, position, direction, intensity, range })
}

fn camera(document: &Document, node: &Node, matrix: &Matrix) -> Option<Camera> {
    let camera = &document.cameras[node.camera?];
    let part = |kind: &str, key: &str| camera.get(kind)?.get(key)?.as_f64().filter(|value| *value > 0.0);
    let projection = match camera.get("type")?.as_str()? {
        "perspective" => Projection::Perspective {
            vertical: part("perspective", "yfov").filter(|angle| *angle < std::f64::consts::PI)?,
            aspect: part("perspective", "aspectRatio"),
        },
        "orthographic" => Projection::Orthographic {
            half_width: part("orthographic", "xmag")?,
            half_height: part("orthographic", "ymag")?,
        },
        _ => return None,
    };
    let name = node.name().or_else(|| camera.get("name")?.as_str()).map(ToOwned::to_owned);
    Some(Camera { name, matrix: *matrix, projection })
}

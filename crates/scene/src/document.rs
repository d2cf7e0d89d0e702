//! The model in memory: glTF's structure with every reference to binary data resolved. What the program does not know
//! stays as JSON beside what it does (`rest`), and is written again.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::accessor::Accessor;
use crate::json::Object;
use crate::transform::{Matrix, Transform};

/// A whole model. References between its lists are numbers of their elements.
#[derive(Debug, Default)]
pub struct Document {
    /// `asset`.
    pub asset: Object,
    /// The scene shown first.
    pub scene: Option<usize>,
    /// Scenes, each with its root nodes.
    pub scenes: Vec<Scene>,
    /// Nodes: trees, checked when loaded.
    pub nodes: Vec<Node>,
    /// Meshes.
    pub meshes: Vec<Mesh>,
    /// Materials, as JSON.
    pub materials: Vec<Object>,
    /// Textures, as JSON; `source` and `sampler` are numbers.
    pub textures: Vec<Object>,
    /// Samplers, as JSON.
    pub samplers: Vec<Object>,
    /// Images.
    pub images: Vec<Image>,
    /// Skins.
    pub skins: Vec<Skin>,
    /// Animations.
    pub animations: Vec<Animation>,
    /// Cameras, as JSON.
    pub cameras: Vec<Object>,
    /// `extensionsUsed`.
    pub extensions_used: BTreeSet<String>,
    /// `extensionsRequired`.
    pub extensions_required: BTreeSet<String>,
    /// Everything else at the top: `extensions`, `extras` and what later versions may bring.
    pub rest: Object,
    /// An extension that this program does not know may refer to anything by number, so nothing may be renumbered; its
    /// name.
    pub frozen_by: Option<String>,
    /// Accessors and buffer views that only such an extension can refer to, with the numbers they had.
    pub unclaimed: Unclaimed,
    /// What should be told to whoever asked.
    pub warnings: Vec<String>,
}

/// See [`Document::unclaimed`].
#[derive(Debug, Default)]
pub struct Unclaimed {
    /// Accessors.
    pub accessors: Vec<(usize, Arc<Accessor>)>,
    /// Buffer views: their bytes and their JSON.
    pub views: Vec<(usize, Vec<u8>, Object)>,
}

/// A scene.
#[derive(Debug, Default)]
pub struct Scene {
    /// Root nodes.
    pub nodes: Vec<usize>,
    /// `name`, `extensions`, `extras`.
    pub rest: Object,
}

/// A node.
#[derive(Debug, Default, Clone)]
pub struct Node {
    /// Nodes below it.
    pub children: Vec<usize>,
    /// What is drawn at it.
    pub mesh: Option<usize>,
    /// The skin that bends the mesh.
    pub skin: Option<usize>,
    /// The camera at it.
    pub camera: Option<usize>,
    /// Its place relative to its parent.
    pub transform: Transform,
    /// `EXT_mesh_gpu_instancing`: attributes of many copies of the mesh.
    pub instances: Vec<Attribute>,
    /// `name`, `weights`, `extensions`, `extras`.
    pub rest: Object,
}

/// A mesh.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct Mesh {
    /// Its parts, one material each.
    pub primitives: Vec<Primitive>,
    /// `name`, `weights`, `extensions`, `extras`.
    pub rest: Object,
}

/// An accessor under its name: `POSITION`, `TEXCOORD_0`, …
pub type Attribute = (String, Arc<Accessor>);

/// A part of a mesh: one draw call.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct Primitive {
    /// How vertices make up points, lines or triangles.
    pub mode: Mode,
    /// What is known of each vertex.
    pub attributes: Vec<Attribute>,
    /// The order of the vertices; every index is below the vertex count.
    pub indices: Option<Arc<Vec<u32>>>,
    /// Morph targets: what is added to attributes.
    pub targets: Vec<Vec<Attribute>>,
    /// The material.
    pub material: Option<usize>,
    /// The longest side of the smallest of the parts that were joined into this one.
    pub smallest_part: Option<Length>,
    /// `extensions`, `extras`.
    pub rest: Object,
}

/// A length in the units of a mesh, by its bits, so that what holds one can be compared and hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Length(u64);

impl Length {
    /// Of that many units.
    pub fn of(units: f64) -> Self {
        Self(units.to_bits())
    }

    /// In units.
    pub fn units(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// glTF's `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Mode {
    /// Every vertex a point.
    Points = 0,
    /// Every two vertices a line.
    Lines = 1,
    /// A closed line through all.
    LineLoop = 2,
    /// A line through all.
    LineStrip = 3,
    /// Every three vertices a triangle.
    #[default]
    Triangles = 4,
    /// A triangle of every vertex with the two before it.
    TriangleStrip = 5,
    /// A triangle of every vertex with the one before it and the first.
    TriangleFan = 6,
}

impl Mode {
    /// From glTF's `mode`.
    pub fn from_code(code: usize) -> Option<Self> {
        use Mode::{LineLoop, LineStrip, Lines, Points, TriangleFan, TriangleStrip, Triangles};
        [Points, Lines, LineLoop, LineStrip, Triangles, TriangleStrip, TriangleFan].get(code).copied()
    }
}

/// An image: its file, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Image {
    /// PNG, JPEG, WebP, KTX2, …
    pub mime_type: String,
    /// The file.
    pub bytes: Arc<Vec<u8>>,
    /// `name`, `extensions`, `extras`.
    pub rest: Object,
}

/// A skin.
#[derive(Debug, Default)]
pub struct Skin {
    /// Nodes that are its bones.
    pub joints: Vec<usize>,
    /// Their common root.
    pub skeleton: Option<usize>,
    /// One matrix for each joint.
    pub inverse_bind: Option<Vec<Matrix>>,
    /// `name`, `extensions`, `extras`.
    pub rest: Object,
}

/// An animation.
#[derive(Debug, Default)]
pub struct Animation {
    /// What is driven by what.
    pub channels: Vec<Channel>,
    /// `name`, `extensions`, `extras`.
    pub rest: Object,
}

/// A channel with its sampler.
#[derive(Debug, Clone)]
pub struct Channel {
    /// The node that is driven; none where an extension says what is.
    pub node: Option<usize>,
    /// `translation`, `rotation`, `scale`, `weights` or an extension's word.
    pub path: String,
    /// Seconds.
    pub times: Arc<Accessor>,
    /// Values: one for each time, three for cubic splines.
    pub values: Arc<Accessor>,
    /// Between the times.
    pub interpolation: Interpolation,
    /// `extensions` and `extras` of the channel.
    pub rest: Object,
    /// Those of its target.
    pub target_rest: Object,
    /// Those of its sampler.
    pub sampler_rest: Object,
}

/// Values between two keyframes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// In a straight line; along the sphere for rotations.
    Linear,
    /// The earlier one.
    Step,
    /// A cubic Hermite spline with tangents.
    CubicSpline,
}

impl Primitive {
    /// Vertices.
    pub fn vertex_count(&self) -> usize {
        self.attributes.first().map_or(0, |(_, accessor)| accessor.count)
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Arc<Accessor>> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, accessor)| accessor)
    }

    /// Triangles that are drawn.
    pub fn triangle_count(&self) -> usize {
        let corners = self.indices.as_ref().map_or_else(|| self.vertex_count(), |indices| indices.len());
        match self.mode {
            Mode::Triangles => corners / 3,
            Mode::TriangleStrip | Mode::TriangleFan => corners.saturating_sub(2),
            _ => 0,
        }
    }

    /// Every accessor of the vertices, those of the morph targets included.
    pub fn accessors_mut(&mut self) -> impl Iterator<Item = &mut Attribute> {
        self.attributes.iter_mut().chain(self.targets.iter_mut().flatten())
    }
}

impl Node {
    /// Draws, bends, looks or means something by an extension, by extras.
    pub fn is_plain(&self) -> bool {
        self.mesh.is_none() && self.camera.is_none() && self.skin.is_none() && self.has_only_name()
    }

    /// Has a name at most besides what is read here.
    pub fn has_only_name(&self) -> bool {
        self.rest.keys().all(|key| key == "name")
    }

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.rest.get("name")?.as_str()
    }
}

impl Document {
    /// For every node its parent.
    pub fn parents(&self) -> Vec<Option<usize>> {
        let mut parents = vec![None; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            for &child in &node.children {
                parents[child] = Some(at);
            }
        }
        parents
    }

    /// Every node after its parent. Nodes are trees, so none is there twice.
    pub fn parents_first(&self) -> Vec<usize> {
        let parents = self.parents();
        let mut order: Vec<usize> = (0..self.nodes.len()).filter(|&at| parents[at].is_none()).collect();
        let mut at = 0;
        while at < order.len() {
            order.extend_from_slice(&self.nodes[order[at]].children);
            at += 1;
        }
        order
    }

    /// For every node its place in the scene at rest.
    pub fn world_matrices(&self) -> Vec<Matrix> {
        let mut matrices: Vec<Matrix> = self.nodes.iter().map(|node| node.transform.matrix()).collect();
        for at in self.parents_first() {
            for &child in &self.nodes[at].children {
                matrices[child] = crate::transform::multiply(&matrices[at], &matrices[child]);
            }
        }
        matrices
    }

    /// Draw calls of all scenes: a primitive at a node is one, however many instances it has.
    pub fn draw_calls(&self) -> usize {
        self.nodes.iter().filter_map(|node| node.mesh).map(|mesh| self.meshes[mesh].primitives.len()).sum()
    }
}

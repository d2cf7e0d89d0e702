//! What a model is made of, before and after.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::step::Context;
use crate::write::Glb;
use scene::document::Document;
use scene::transform::apply;

/// Figures of a document in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of accessors and indices, each once, as they are stored without compression.
    pub geometry: usize,
    /// Bytes of images.
    pub images: usize,
    /// Triangles of all meshes.
    pub triangles: usize,
    /// Vertices of all meshes.
    pub vertices: usize,
    /// See [`Document::draw_calls`].
    pub draw_calls: usize,
    /// Nodes.
    pub nodes: usize,
    /// Meshes.
    pub meshes: usize,
    /// Materials.
    pub materials: usize,
    /// Textures.
    pub textures: usize,
    /// Channels of all animations.
    pub channels: usize,
}

impl Figures {
    /// Measures.
    pub fn of(document: &Document) -> Self {
        let mut seen = HashSet::new();
        let mut geometry = 0;
        let primitives = || document.meshes.iter().flat_map(|mesh| &mesh.primitives);
        let channels = || document.animations.iter().flat_map(|animation| &animation.channels);
        let attributes = primitives().flat_map(|own| own.attributes.iter().chain(own.targets.iter().flatten()));
        let accessors = attributes
            .chain(document.nodes.iter().flat_map(|node| &node.instances))
            .map(|(_, accessor)| accessor)
            .chain(channels().flat_map(|channel| [&channel.times, &channel.values]));
        for accessor in accessors {
            if seen.insert(Arc::as_ptr(accessor) as usize) {
                geometry += accessor.bytes.len();
            }
        }
        for (indices, vertices) in primitives().filter_map(|own| Some((own.indices.as_ref()?, own.vertex_count()))) {
            if seen.insert(Arc::as_ptr(indices) as usize) {
                geometry += indices.len() * if vertices <= 65_535 { 2 } else { 4 };
            }
        }
        Self {
            geometry,
            images: document.images.iter().map(|image| image.bytes.len()).sum(),
            triangles: primitives().map(scene::document::Primitive::triangle_count).sum(),
            vertices: primitives().map(scene::document::Primitive::vertex_count).sum(),
            draw_calls: document.draw_calls(),
            nodes: document.nodes.len(),
            meshes: document.meshes.len(),
            materials: document.materials.len(),
            textures: document.textures.len(),
            channels: channels().count(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "geometryBytes": self.geometry,
            "imageBytes": self.images,
            "triangles": self.triangles,
            "vertices": self.vertices,
            "drawCalls": self.draw_calls,
            "nodes": self.nodes,
            "meshes": self.meshes,
            "materials": self.materials,
            "textures": self.textures,
            "animationChannels": self.channels,
        })
    }
}

/// What one step did.
pub struct StepReport {
    /// Its word, as in the options.
    pub name: &'static str,
    /// Before it.
    pub before: Figures,
    /// After it.
    pub after: Figures,
}

/// The whole report.
pub fn report(
    input_bytes: u64,
    before: &Figures,
    steps: &[StepReport],
    document: &Document,
    glb: &Glb,
    context: &Context<'_>,
) -> Value {
    let mut after = Figures::of(document).json();
    after["bytes"] = json!(glb.bytes.len());
    after["jsonBytes"] = json!(glb.json);
    after["compressedGeometryBytes"] = json!(glb.bytes.len() - glb.json - glb.images);
    let mut first = before.json();
    first["bytes"] = json!(input_bytes);
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| {
            let mut changes = Map::new();
            let (before, after) = (step.before.json(), step.after.json());
            for (key, value) in before.as_object().into_iter().flatten() {
                if after[key] != *value {
                    changes.insert(key.clone(), json!([value, after[key]]));
                }
            }
            json!({ "step": step.name, "changes": changes })
        })
        .collect();
    json!({
        "before": first,
        "after": after,
        "steps": steps,
        "errors": {
            "position": context.position_error,
            "relativePosition": context.relative_position_error,
            "simplification": context.simplification_error,
        },
        "foldedAnimationChannels": context.folded_channels,
        "bounds": bounds(document),
        "warnings": document.warnings,
    })
}

/// The box around everything that the scenes show at rest, without skins and morph targets; `null` where there is
/// nothing. Measured before quantisation.
pub fn bounds(document: &Document) -> Value {
    let mut least = [f64::INFINITY; 3];
    let mut most = [f64::NEG_INFINITY; 3];
    for (node, matrix) in document.nodes.iter().zip(document.world_matrices()) {
        let Some(mesh) = node.mesh.filter(|_| node.skin.is_none() && node.instances.is_empty()) else { continue };
        for positions in document.meshes[mesh].primitives.iter().filter_map(|own| own.attribute("POSITION")) {
            let (low, high) = positions.bounds();
            for corner in 0..8 {
                let pick = |axis: usize| if corner >> axis & 1 == 0 { low[axis] } else { high[axis] };
                let point = apply(&matrix, [pick(0), pick(1), pick(2)]);
                for axis in 0..3 {
                    least[axis] = least[axis].min(point[axis]);
                    most[axis] = most[axis].max(point[axis]);
                }
            }
        }
    }
    if least.iter().all(|value| value.is_finite()) { json!({ "min": least, "max": most }) } else { Value::Null }
}

//! Fewer triangles.

use std::sync::Arc;

use super::Context;
use super::geometry::each_geometry;
use crate::codec::{self, Simplification};
use scene::document::{Document, Mode, Primitive};

/// How much a unit of a normal, a texture coordinate or a colour weighs against the mesh's extent.
const NORMAL_WEIGHT: f32 = 0.5;
const COORDINATE_WEIGHT: f32 = 0.5;
const COLOUR_WEIGHT: f32 = 0.5;

/// Keeps that fraction of every primitive's triangles, or more where the error bound stops it.
pub fn simplify(document: &mut Document, fraction: f64, context: &mut Context<'_>) {
    let mut most = 0.0_f32;
    each_geometry(document, |primitive| {
        if primitive.mode == Mode::Triangles {
            most = most.max(simplify_primitive(primitive, fraction, context));
        }
    });
    context.simplification_error = context.simplification_error.max(f64::from(most));
}

fn simplify_primitive(primitive: &mut Primitive, fraction: f64, context: &Context<'_>) -> f32 {
    let (Some(indices), Some(positions)) = (&primitive.indices, primitive.attribute("POSITION")) else { return 0.0 };
    let count = positions.count;
    let positions = positions.floats();
    let mut columns: Vec<(Vec<f32>, usize, f32)> = Vec::new();
    for (name, accessor) in &primitive.attributes {
        let weight = match name.as_str() {
            "NORMAL" => NORMAL_WEIGHT,
            "TEXCOORD_0" => COORDINATE_WEIGHT,
            "COLOR_0" => COLOUR_WEIGHT,
            _ => continue,
        };
        columns.push((accessor.floats(), accessor.shape.width(), weight));
    }
    let weights: Vec<f32> = columns.iter().flat_map(|(_, len, weight)| std::iter::repeat_n(*weight, *len)).collect();
    let mut attributes = Vec::with_capacity(count * weights.len());
    for vertex in 0..count {
        for (floats, len, _) in &columns {
            attributes.extend_from_slice(&floats[vertex * len..(vertex + 1) * len]);
        }
    }
    let triangles = indices.len() / 3;
    let asked = Simplification {
        positions: &positions,
        attributes: &attributes,
        weights: &weights,
        target: ((triangles as f64 * fraction).round() as usize).max(1) * 3,
        error: context.options.simplify_error as f32,
        lock_borders: context.options.lock_borders,
    };
    let (kept, reached) = codec::simplify(indices, &asked);
    // Never nothing: a mesh too small for the error bound stays.
    if kept.is_empty() {
        return 0.0;
    }
    primitive.indices = Some(Arc::new(kept));
    reached
}

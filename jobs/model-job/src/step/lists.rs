//! Strips, fans and loops become lists, the only thing that the other steps (and the index codecs) know.

use std::sync::Arc;

use super::geometry::each_geometry;
use scene::document::{Document, Mode, Primitive};

/// Turns every primitive into points, lines or triangles.
pub fn lists(document: &mut Document) {
    each_geometry(document, to_list);
}

fn to_list(primitive: &mut Primitive) {
    let all = || match &primitive.indices {
        Some(indices) => indices.as_ref().clone(),
        None => (0..primitive.vertex_count() as u32).collect(),
    };
    let (mode, indices) = match primitive.mode {
        Mode::Points => return,
        Mode::Lines | Mode::Triangles => {
            // A rest that makes up no whole line or triangle is not drawn.
            let corners = if primitive.mode == Mode::Lines { 2 } else { 3 };
            let length = primitive.indices.as_ref().map_or(primitive.vertex_count(), |indices| indices.len());
            if length.is_multiple_of(corners) {
                return;
            }
            let mut indices = all();
            indices.truncate(length / corners * corners);
            (primitive.mode, indices)
        }
        Mode::LineStrip => (Mode::Lines, pairs(&all())),
        Mode::LineLoop => {
            let mut indices = all();
            indices.extend(indices.first().copied());
            (Mode::Lines, pairs(&indices))
        }
        Mode::TriangleStrip => {
            let strip = all();
            let triangles = strip.windows(3).enumerate().flat_map(|(at, window)| match at % 2 {
                0 => [window[0], window[1], window[2]],
                _ => [window[1], window[0], window[2]],
            });
            (Mode::Triangles, triangles.collect())
        }
        Mode::TriangleFan => {
            let fan = all();
            let triangles = fan.windows(2).skip(1).flat_map(|window| [window[0], window[1], fan[0]]).collect();
            (Mode::Triangles, triangles)
        }
    };
    primitive.indices = Some(Arc::new(if indices.is_empty() { nothing(&all(), mode) } else { indices }));
    primitive.mode = mode;
}

/// A line of no length or a triangle of no area, for too few vertices to make up a whole one: it draws as little.
fn nothing(vertices: &[u32], mode: Mode) -> Vec<u32> {
    let mut indices = vertices.to_vec();
    if let Some(&last) = vertices.last() {
        indices.resize(if mode == Mode::Lines { 2 } else { 3 }, last);
    }
    indices
}

fn pairs(strip: &[u32]) -> Vec<u32> {
    strip.windows(2).flatten().copied().collect()
}

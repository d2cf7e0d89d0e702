//! The order of triangles and vertices: for the GPU's caches, and for the codec that stores what repeats.

use std::sync::Arc;

use catalog::operations::Order;

use super::Context;
use super::geometry::each_geometry;
use super::weld::apply;
use crate::codec;
use scene::document::{Document, Mode, Primitive};

/// Triangles that are ordered at once. Of more, a processor's caches hold too little, and the time would grow faster than
/// their number. Where the pieces meet, a grid of ten pieces loses 1.3 % of its size.
const PIECE: usize = 1 << 20;

/// How many more vertices the pieces may have than the mesh, before they are said not to be pieces of it.
const MOST_SHARED: f64 = 1.25;

/// Orders every primitive.
pub fn reorder(document: &mut Document, context: &Context<'_>) {
    each_geometry(document, |primitive| match primitive.mode {
        Mode::Triangles => triangles(primitive, context.options.order),
        Mode::Lines => fetch_order(primitive),
        Mode::Points => points(primitive),
        _ => {}
    });
}

fn triangles(primitive: &mut Primitive, order: Order) {
    let Some(indices) = &mut primitive.indices else { return };
    let count = primitive.attributes.first().map_or(0, |(_, accessor)| accessor.count);
    let mut ordered = Arc::unwrap_or_clone(std::mem::take(indices));
    match order {
        Order::Size => {
            if ordered.len() / 3 > PIECE
                && !is_in_pieces(&ordered, count)
                && let Some(positions) = primitive.attribute("POSITION")
            {
                ordered = codec::spatial_order_of_triangles(&ordered, &positions.floats());
            }
            order_pieces(&mut ordered, count);
        }
        Order::Speed => {
            codec::order_for_cache(&mut ordered, count);
            if let Some(positions) = primitive.attribute("POSITION") {
                ordered = codec::order_for_overdraw(&ordered, &positions.floats());
            }
        }
    }
    primitive.indices = Some(Arc::new(ordered));
    fetch_order(primitive);
}

/// Whether triangles that follow each other share vertices, rather than lie anywhere.
fn is_in_pieces(indices: &[u32], vertices: usize) -> bool {
    let mut seen_in = vec![0_u32; vertices];
    let mut seen = 0;
    for (number, piece) in indices.chunks(PIECE * 3).enumerate() {
        for &index in piece {
            let piece = &mut seen_in[index as usize];
            if *piece != number as u32 + 1 {
                *piece = number as u32 + 1;
                seen += 1;
            }
        }
    }
    f64::from(seen) <= vertices as f64 * MOST_SHARED
}

/// Orders piece by piece, each with vertex numbers of its own.
fn order_pieces(indices: &mut [u32], vertices: usize) {
    if indices.len() <= PIECE * 3 {
        codec::order_for_size(indices, vertices);
        return;
    }
    let mut local = vec![u32::MAX; vertices];
    let mut used: Vec<u32> = Vec::new();
    for piece in indices.chunks_mut(PIECE * 3) {
        for index in piece.iter_mut() {
            let number = &mut local[*index as usize];
            if *number == u32::MAX {
                *number = used.len() as u32;
                used.push(*index);
            }
            *index = *number;
        }
        codec::order_for_size(piece, used.len());
        for index in piece.iter_mut() {
            *index = used[*index as usize];
        }
        for index in used.drain(..) {
            local[index as usize] = u32::MAX;
        }
    }
}

/// Vertices in the order of their first use; those never used are left out.
pub fn fetch_order(primitive: &mut Primitive) {
    let Some(indices) = &primitive.indices else { return };
    let mut remap = vec![u32::MAX; primitive.vertex_count()];
    let mut next = 0;
    let ordered: Vec<u32> = indices
        .iter()
        .map(|&index| {
            let new = &mut remap[index as usize];
            if *new == u32::MAX {
                *new = next;
                next += 1;
            }
            *new
        })
        .collect();
    if next == 0 {
        return;
    }
    primitive.indices = Some(Arc::new(ordered));
    apply(primitive, &remap, next as usize);
}

fn points(primitive: &mut Primitive) {
    if primitive.indices.is_some() {
        fetch_order(primitive);
        return;
    }
    let Some(positions) = primitive.attribute("POSITION") else { return };
    let remap = codec::spatial_order(&positions.floats());
    let count = remap.len();
    apply(primitive, &remap, count);
}

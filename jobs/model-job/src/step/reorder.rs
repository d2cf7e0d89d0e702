//! The order of triangles and vertices: for the GPU's caches, and for the codec that stores what repeats.

use std::sync::Arc;

use catalog::operations::Order;

use super::Context;
use super::geometry::each_geometry;
use super::weld::apply;
use crate::codec;
use crate::document::{Document, Mode, Primitive};

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
        Order::Size => meshopt::optimize::optimize_vertex_cache_strip_in_place(&mut ordered, count),
        Order::Speed => {
            meshopt::optimize::optimize_vertex_cache_in_place(&mut ordered, count);
            if let Some(positions) = primitive.attribute("POSITION") {
                ordered = codec::order_for_overdraw(&ordered, &positions.floats());
            }
        }
    }
    primitive.indices = Some(Arc::new(ordered));
    fetch_order(primitive);
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

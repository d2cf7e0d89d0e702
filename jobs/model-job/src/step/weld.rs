//! Merges equal vertices and leaves out triangles that have no area, after quantisation: what is stored alike is alike.

use std::collections::HashMap;
use std::sync::Arc;

use super::geometry::each_geometry;
use crate::codec;
use scene::accessor::Accessor;
use scene::document::{Document, Mode, Primitive};

/// The most streams that the index generator takes.
const MOST_STREAMS: usize = 16;

/// Welds every primitive that has indices or could have.
pub fn weld(document: &mut Document) {
    each_geometry(document, |primitive| {
        if matches!(primitive.mode, Mode::Triangles | Mode::Lines) && primitive.vertex_count() > 0 {
            weld_primitive(primitive);
        }
    });
}

fn weld_primitive(primitive: &mut Primitive) {
    let count = primitive.vertex_count();
    let indices = match &primitive.indices {
        Some(indices) => Arc::clone(indices),
        None => Arc::new((0..count as u32).collect()),
    };
    let streams: Vec<(&[u8], usize)> = primitive
        .attributes
        .iter()
        .chain(primitive.targets.iter().flatten())
        .map(|(_, accessor)| (accessor.bytes.as_slice(), accessor.stride))
        .collect();
    let (unique, remap) = if streams.len() <= MOST_STREAMS && streams.iter().all(|(_, stride)| *stride <= 256) {
        codec::weld_remap(&indices, count, &streams)
    } else {
        remap_of_many(&indices, count, &streams)
    };
    let mut welded: Vec<u32> = indices.iter().map(|&index| remap[index as usize]).collect();
    drop(indices);
    apply(primitive, &remap, unique);
    if primitive.mode == Mode::Triangles
        && let Some(positions) = primitive.attribute("POSITION")
    {
        let kept = with_area(&welded, positions);
        // Nothing but empty triangles: left, so that the mesh stays what it was.
        if !kept.is_empty() {
            welded = kept;
        }
    }
    primitive.indices = Some(Arc::new(welded));
}

/// Moves vertices to their new numbers; `u32::MAX` leaves one out.
pub fn apply(primitive: &mut Primitive, remap: &[u32], count: usize) {
    for (_, accessor) in primitive.accessors_mut() {
        let bytes = codec::remap_elements(&accessor.bytes, accessor.stride, remap, count);
        *accessor = Arc::new(Accessor { count, bytes, rest: accessor.rest.clone(), ..describe(accessor) });
    }
}

fn describe(accessor: &Accessor) -> Accessor {
    Accessor { bytes: Vec::new(), rest: None, ..*accessor }
}

fn remap_of_many(indices: &[u32], count: usize, streams: &[(&[u8], usize)]) -> (usize, Vec<u32>) {
    let mut remap = vec![u32::MAX; count];
    let mut known: HashMap<Vec<&[u8]>, u32> = HashMap::new();
    for &index in indices {
        let at = index as usize;
        if remap[at] == u32::MAX {
            let vertex = streams.iter().map(|(bytes, stride)| &bytes[at * stride..(at + 1) * stride]).collect();
            let next = known.len() as u32;
            remap[at] = *known.entry(vertex).or_insert(next);
        }
    }
    (known.len(), remap)
}

/// Triangles whose corners are three different points.
fn with_area(indices: &[u32], positions: &Accessor) -> Vec<u32> {
    let stride = positions.stride;
    let point = |index: u32| &positions.bytes[index as usize * stride..(index as usize + 1) * stride];
    let differ = |a: u32, b: u32| a != b && point(a) != point(b);
    indices
        .as_chunks::<3>()
        .0
        .iter()
        .filter(|&&[a, b, c]| differ(a, b) && differ(b, c) && differ(c, a))
        .flatten()
        .copied()
        .collect()
}

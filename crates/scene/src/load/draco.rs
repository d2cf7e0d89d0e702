//! `KHR_draco_mesh_compression`.

use std::sync::Arc;

use contract::Failure;
use draco_core::{DecodeLimits, DecoderBuffer, Mesh, MeshDecoder};
use operation::tolerate_panics;
use serde_json::Value;

use super::buffers::Buffers;
use crate::accessor::{Accessor, Component, Filter};
use crate::document::Attribute;
use crate::json::{Object, size, take_index, take_object};

/// Decodes a primitive: the attributes that are compressed, those of `named` that are not, and the indices.
pub fn decode(
    mut compressed: Object,
    named: &mut Object,
    indices: Option<usize>,
    buffers: &mut Buffers<'_>,
) -> Result<(Vec<Attribute>, Option<Arc<Vec<u32>>>), Failure> {
    let view = take_index(&mut compressed, "bufferView", buffers.view_count(), "buffer views")?
        .ok_or_else(|| Failure::invalid_input("its Draco data has no buffer view"))?;
    let ids = take_object(&mut compressed, "attributes")?.unwrap_or_default();
    if let Some(indices) = indices {
        // The description counts, not its bytes: these are in the Draco data.
        buffers.description(indices)?;
    }
    let remaining = buffers.budget.0;
    let mesh = decode_mesh(buffers.view(view)?, remaining)?;
    let points = mesh.num_points();
    let mut attributes = Vec::new();
    for (name, value) in std::mem::take(named) {
        let accessor = size(&value)
            .filter(|&accessor| accessor < buffers.accessor_count())
            .ok_or_else(|| Failure::invalid_input(format!("{name} is an accessor that is not in the file")))?;
        let Some(id) = ids.get(&name).and_then(Value::as_u64) else {
            attributes.push((name, buffers.accessor(accessor)?));
            continue;
        };
        let attribute = u32::try_from(id)
            .ok()
            .and_then(|id| mesh.attribute_by_unique_id(id))
            .ok_or_else(|| Failure::invalid_input(format!("its Draco data has no attribute {id} for {name}")))?;
        let (component, normalised, shape, _) = buffers.description(accessor)?;
        buffers.budget.take(points, 4 * shape.width())?;
        let floats = attribute.read_f32s(points, shape.width());
        let bytes = floats.iter().flat_map(|&float| store(float, component)).collect();
        let stride = component.size() * shape.width();
        let accessor =
            Accessor { component, normalised, shape, count: points, stride, bytes, filter: Filter::None, rest: None };
        attributes.push((name, Arc::new(accessor)));
    }
    attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
    let indices = mesh.faces().iter().flatten().map(|corner| corner.0).collect();
    Ok((attributes, Some(Arc::new(indices))))
}

fn decode_mesh(bytes: &[u8], largest: u64) -> Result<Mesh, Failure> {
    let limits = DecodeLimits::default()
        .with_max_decoded_bytes(largest)
        .with_max_faces(largest / 12)
        .with_max_points(largest / 4);
    let mut mesh = Mesh::new();
    // The decoder's errors are values; a panic in it would be a fault that a damaged file has found.
    let decoded =
        tolerate_panics(|| MeshDecoder::new().decode(&mut DecoderBuffer::new(bytes).with_limits(limits), &mut mesh));
    match decoded {
        Some(Ok(())) => Ok(mesh),
        Some(Err(error)) => Err(Failure::invalid_input("its Draco data cannot be decoded").because(error.to_string())),
        None => Err(Failure::invalid_input("its Draco data is damaged")),
    }
}

fn store(value: f32, component: Component) -> impl Iterator<Item = u8> {
    let bytes = match component {
        Component::F32 => value.to_le_bytes(),
        Component::U32 => (value as u32).to_le_bytes(),
        Component::I8 => (i32::from(value as i8)).to_le_bytes(),
        Component::U8 => (u32::from(value as u8)).to_le_bytes(),
        Component::I16 => (i32::from(value as i16)).to_le_bytes(),
        Component::U16 => (u32::from(value as u16)).to_le_bytes(),
    };
    bytes.into_iter().take(component.size())
}

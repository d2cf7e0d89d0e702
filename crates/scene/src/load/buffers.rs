//! Buffers, buffer views and accessors of a glTF, decoded when first asked for.

use std::sync::Arc;

use contract::Failure;
use serde_json::Value;

use super::Budget;
use super::data_uri::UriBytes;
use crate::accessor::{Accessor, Component, Filter, Shape};
use crate::codec;
use crate::json::{Object, take_index, take_object, take_objects, take_size, take_text};

/// The bytes of a buffer.
pub enum BufferBytes<'a> {
    /// The binary chunk of a GLB.
    Chunk(&'a [u8]),
    /// From a URI.
    Uri(UriBytes),
    /// Not there: only compressed views refer to it, and these have their bytes elsewhere.
    Fallback,
}

struct View {
    buffer: usize,
    offset: usize,
    length: usize,
    stride: Option<usize>,
    compressed: Option<Compressed>,
    decoded: Option<Vec<u8>>,
    rest: Object,
    claimed: bool,
}

struct Compressed {
    buffer: usize,
    offset: usize,
    length: usize,
    stride: usize,
    count: usize,
    mode: String,
    filter: String,
}

/// Buffers with their views and accessors.
pub struct Buffers<'a> {
    bytes: Vec<BufferBytes<'a>>,
    views: Vec<View>,
    descriptions: Vec<Object>,
    accessors: Vec<Option<Arc<Accessor>>>,
    pub(super) budget: Budget,
}

impl<'a> Buffers<'a> {
    /// Reads the descriptions out of the document; nothing is decoded yet.
    pub fn new(root: &mut Object, buffers: Vec<BufferBytes<'a>>, budget: Budget) -> Result<Self, Failure> {
        let mut views = Vec::new();
        for (at, mut view) in take_objects(root, "bufferViews")?.into_iter().enumerate() {
            views.push(
                View::read(&mut view, buffers.len()).map_err(|error| error.context(format!("buffer view {at}")))?,
            );
        }
        let descriptions = take_objects(root, "accessors")?;
        let accessors = vec![None; descriptions.len()];
        Ok(Self { bytes: buffers, views, descriptions, accessors, budget })
    }

    /// How many accessors the file describes.
    pub fn accessor_count(&self) -> usize {
        self.descriptions.len()
    }

    /// How many buffer views the file describes.
    pub fn view_count(&self) -> usize {
        self.views.len()
    }

    /// The bytes of a view, decompressed.
    pub fn view(&mut self, at: usize) -> Result<&[u8], Failure> {
        self.decompress(at).map_err(|error| error.context(format!("buffer view {at}")))?;
        self.views[at].claimed = true;
        let view = &self.views[at];
        match &view.decoded {
            Some(decoded) => Ok(decoded),
            None => slice(&self.bytes, view.buffer, view.offset, view.length),
        }
    }

    /// The accessor of that number.
    pub fn accessor(&mut self, at: usize) -> Result<Arc<Accessor>, Failure> {
        if let Some(accessor) = &self.accessors[at] {
            return Ok(Arc::clone(accessor));
        }
        let accessor = Arc::new(self.decode(at).map_err(|error| error.context(format!("accessor {at}")))?);
        self.accessors[at] = Some(Arc::clone(&accessor));
        Ok(accessor)
    }

    /// Puts decompressed values in the place of an accessor, whose description tells their type.
    pub fn description(&self, at: usize) -> Result<(Component, bool, Shape, usize), Failure> {
        let mut description = self.descriptions[at].clone();
        let (component, shape, count) = read_type(&mut description)?;
        let normalised = description.get("normalized").and_then(Value::as_bool).unwrap_or(false);
        Ok((component, normalised, shape, count))
    }

    /// Accessors and views that nothing asked for, with their numbers.
    pub fn unclaimed(&mut self) -> Result<crate::document::Unclaimed, Failure> {
        let mut unclaimed = crate::document::Unclaimed::default();
        let unread: Vec<usize> = (0..self.accessors.len()).filter(|&at| self.accessors[at].is_none()).collect();
        for at in unread {
            let accessor = self.accessor(at)?;
            unclaimed.accessors.push((at, accessor));
        }
        for at in 0..self.views.len() {
            if !self.views[at].claimed {
                let bytes = self.view(at)?.to_vec();
                unclaimed.views.push((at, bytes, self.views[at].rest.clone()));
            }
        }
        Ok(unclaimed)
    }

    fn decompress(&mut self, at: usize) -> Result<(), Failure> {
        let view = &self.views[at];
        let Some(compressed) = view.compressed.as_ref().filter(|_| view.decoded.is_none()) else { return Ok(()) };
        self.budget.take(compressed.count, compressed.stride)?;
        let bytes = slice(&self.bytes, compressed.buffer, compressed.offset, compressed.length)?;
        let damaged = || Failure::invalid_input("its meshopt data is damaged");
        let (count, stride) = (compressed.count, compressed.stride);
        let mut decoded = match compressed.mode.as_str() {
            "ATTRIBUTES" => codec::decode_vertices(bytes, count, stride),
            "TRIANGLES" => codec::decode_triangles(bytes, count, stride),
            "INDICES" => codec::decode_indices(bytes, count, stride),
            other => return Err(Failure::invalid_input(format!("unknown meshopt mode {other:?}"))),
        }
        .ok_or_else(damaged)?;
        let valid = match compressed.filter.as_str() {
            "NONE" => true,
            _ if compressed.mode != "ATTRIBUTES" => false,
            "OCTAHEDRAL" | "COLOR" => stride == 4 || stride == 8,
            "QUATERNION" => stride == 8,
            "EXPONENTIAL" => true,
            _ => false,
        };
        if !valid {
            return Err(Failure::invalid_input(format!(
                "meshopt filter {:?} does not go with elements of {stride} bytes in mode {}",
                compressed.filter, compressed.mode
            )));
        }
        match compressed.filter.as_str() {
            "OCTAHEDRAL" => codec::undo_filter(Filter::Octahedral, &mut decoded, stride),
            "QUATERNION" => codec::undo_filter(Filter::Quaternion, &mut decoded, stride),
            "EXPONENTIAL" => codec::undo_filter(Filter::Exponential, &mut decoded, stride),
            "COLOR" => codec::undo_colour_filter(&mut decoded, stride),
            _ => {}
        }
        if decoded.len() < self.views[at].length {
            return Err(Failure::invalid_input(format!(
                "it says {} bytes, but {} are compressed in it",
                self.views[at].length,
                decoded.len()
            )));
        }
        self.views[at].decoded = Some(decoded);
        Ok(())
    }

    fn decode(&mut self, at: usize) -> Result<Accessor, Failure> {
        let mut description = self.descriptions[at].clone();
        let (component, shape, count) = read_type(&mut description)?;
        let normalised = description.get("normalized").and_then(Value::as_bool).unwrap_or(false)
            && !matches!(component, Component::F32 | Component::U32);
        let view = take_index(&mut description, "bufferView", self.views.len(), "buffer views")?;
        let offset = take_size(&mut description, "byteOffset")?.unwrap_or(0);
        let sparse = take_object(&mut description, "sparse")?;
        let tight = component.size() * shape.width();
        let length = self.budget.take(count, tight)?;

        let mut bytes = match view {
            None => vec![0; length],
            Some(view) => {
                let stride = self.views[view].stride;
                let source = self.view(view)?;
                gather(source, offset, stride, component, shape, count)?
            }
        };
        if let Some(mut sparse) = sparse {
            self.apply_sparse(&mut sparse, &mut bytes, (component, shape, count)).map_err(|e| e.context("sparse"))?;
        }
        let mut rest = Object::new();
        for key in ["extras", "extensions"] {
            if let Some(value) = description.remove(key) {
                rest.insert(key.to_owned(), value);
            }
        }
        let rest = (!rest.is_empty()).then(|| Value::Object(rest).to_string().into_boxed_str());
        Ok(Accessor { component, normalised, shape, count, stride: tight, bytes, filter: Filter::None, rest })
    }

    fn apply_sparse(
        &mut self,
        sparse: &mut Object,
        bytes: &mut [u8],
        (component, shape, count): (Component, Shape, usize),
    ) -> Result<(), Failure> {
        let replaced = take_size(sparse, "count")?.unwrap_or(0);
        if replaced > count {
            return Err(Failure::invalid_input(format!("replaces {replaced} of {count} elements")));
        }
        let missing = |what: &str| Failure::invalid_input(format!("has no {what}"));
        let mut indices = take_object(sparse, "indices")?.ok_or_else(|| missing("indices"))?;
        let mut values = take_object(sparse, "values")?.ok_or_else(|| missing("values"))?;
        let index_component = take_size(&mut indices, "componentType")?
            .and_then(|code| Component::from_code(code as u64))
            .filter(|component| matches!(component, Component::U8 | Component::U16 | Component::U32))
            .ok_or_else(|| Failure::invalid_input("its indices are not unsigned integers"))?;
        let mut part = |object: &mut Object, component, shape| -> Result<Vec<u8>, Failure> {
            let view = take_index(object, "bufferView", self.views.len(), "buffer views")?
                .ok_or_else(|| missing("buffer view"))?;
            let offset = take_size(object, "byteOffset")?.unwrap_or(0);
            let source = self.view(view)?;
            gather(source, offset, None, component, shape, replaced)
        };
        let indices = part(&mut indices, index_component, Shape::Scalar)?;
        let values = part(&mut values, component, shape)?;
        let size = component.size() * shape.width();
        for (index, value) in indices.chunks_exact(index_component.size()).zip(values.chunks_exact(size)) {
            let mut wide = [0; 4];
            wide[..index.len()].copy_from_slice(index);
            let index = u32::from_le_bytes(wide) as usize;
            if index >= count {
                return Err(Failure::invalid_input(format!("replaces element {index} of {count}")));
            }
            bytes[index * size..(index + 1) * size].copy_from_slice(value);
        }
        Ok(())
    }
}

impl View {
    fn read(view: &mut Object, buffers: usize) -> Result<Self, Failure> {
        let no_buffer = || Failure::invalid_input("it names no buffer");
        let buffer = take_index(view, "buffer", buffers, "buffers")?.ok_or_else(no_buffer)?;
        let offset = take_size(view, "byteOffset")?.unwrap_or(0);
        let length =
            take_size(view, "byteLength")?.ok_or_else(|| Failure::invalid_input("it does not say how long it is"))?;
        let stride = take_size(view, "byteStride")?;
        view.remove("target");
        if let Some(stride) = stride
            && !(4..=252).contains(&stride)
        {
            return Err(Failure::invalid_input(format!("its stride is {stride} bytes; 4 to 252 are allowed")));
        }
        let mut compressed = None;
        if let Some(mut extensions) = take_object(view, "extensions")? {
            for name in ["EXT_meshopt_compression", "KHR_meshopt_compression"] {
                let Some(mut extension) = take_object(&mut extensions, name)? else { continue };
                let missing = |what: &str| Failure::invalid_input(format!("its meshopt data has no {what}"));
                compressed = Some(Compressed {
                    buffer: take_index(&mut extension, "buffer", buffers, "buffers")?
                        .ok_or_else(|| missing("buffer"))?,
                    offset: take_size(&mut extension, "byteOffset")?.unwrap_or(0),
                    length: take_size(&mut extension, "byteLength")?.ok_or_else(|| missing("length"))?,
                    stride: take_size(&mut extension, "byteStride")?.ok_or_else(|| missing("stride"))?,
                    count: take_size(&mut extension, "count")?.ok_or_else(|| missing("count"))?,
                    mode: take_text(&mut extension, "mode")?.ok_or_else(|| missing("mode"))?,
                    filter: take_text(&mut extension, "filter")?.unwrap_or_else(|| "NONE".to_owned()),
                });
            }
            if !extensions.is_empty() {
                view.insert("extensions".to_owned(), Value::Object(extensions));
            }
        }
        Ok(Self {
            buffer,
            offset,
            length,
            stride,
            compressed,
            decoded: None,
            rest: std::mem::take(view),
            claimed: false,
        })
    }
}

fn read_type(description: &mut Object) -> Result<(Component, Shape, usize), Failure> {
    let code = take_size(description, "componentType")?.unwrap_or(0);
    let component = Component::from_code(code as u64)
        .ok_or_else(|| Failure::invalid_input(format!("component type {code} does not exist in glTF")))?;
    let name = take_text(description, "type")?.unwrap_or_default();
    let shape = Shape::from_name(&name)
        .ok_or_else(|| Failure::invalid_input(format!("type {name:?} does not exist in glTF")))?;
    let count = take_size(description, "count")?.ok_or_else(|| Failure::invalid_input("it has no count"))?;
    if count == 0 {
        return Err(Failure::invalid_input("its count is 0"));
    }
    Ok((component, shape, count))
}

fn slice<'a>(buffers: &'a [BufferBytes<'_>], buffer: usize, offset: usize, length: usize) -> Result<&'a [u8], Failure> {
    let bytes = match &buffers[buffer] {
        BufferBytes::Chunk(bytes) => bytes,
        BufferBytes::Uri(uri) => uri.as_slice(),
        BufferBytes::Fallback => {
            return Err(Failure::invalid_input(format!("buffer {buffer} has no bytes in this file")));
        }
    };
    offset.checked_add(length).and_then(|end| bytes.get(offset..end)).ok_or_else(|| {
        Failure::invalid_input(format!(
            "it wants {length} bytes at {offset}, but buffer {buffer} has {} bytes",
            bytes.len()
        ))
    })
}

/// Copies `count` elements out of a view into a tight row, without the padding of matrix columns.
fn gather(
    source: &[u8],
    offset: usize,
    stride: Option<usize>,
    component: Component,
    shape: Shape,
    count: usize,
) -> Result<Vec<u8>, Failure> {
    let tight = component.size() * shape.width();
    let column = shape.column().map(|rows| rows * component.size()).filter(|bytes| bytes % 4 != 0);
    let padded = column.map_or(tight, |bytes| bytes.next_multiple_of(4) * (tight / bytes));
    let stride = stride.unwrap_or(padded);
    if stride < padded {
        return Err(Failure::invalid_input(format!("elements of {padded} bytes lie {stride} bytes apart")));
    }
    let end = (count - usize::from(count > 0))
        .checked_mul(stride)
        .and_then(|bytes| bytes.checked_add(offset))
        .and_then(|bytes| bytes.checked_add(if count > 0 { padded } else { 0 }))
        .filter(|&end| end <= source.len());
    let Some(end) = end else {
        return Err(Failure::invalid_input(format!(
            "{count} elements of {padded} bytes, {stride} apart from {offset} on, do not fit into a buffer view of {} \
             bytes",
            source.len()
        )));
    };
    let source = &source[offset..end.max(offset)];
    if stride == tight && column.is_none() {
        return Ok(source.to_vec());
    }
    let mut bytes = Vec::with_capacity(count * tight);
    for element in source.chunks(stride).take(count) {
        match column {
            None => bytes.extend_from_slice(&element[..tight]),
            Some(column) => {
                for part in element[..padded].chunks_exact(column.next_multiple_of(4)) {
                    bytes.extend_from_slice(&part[..column]);
                }
            }
        }
    }
    Ok(bytes)
}

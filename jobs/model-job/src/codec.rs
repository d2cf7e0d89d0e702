//! meshoptimizer's encoders and index functions over plain slices. The crate's own functions want the vertex as a type;
//! here its size is known only when the program runs. The decoders are scene's.

use std::ffi::c_void;

use meshopt::ffi;

/// Compresses vertex data for `EXT_meshopt_compression`: version 0 of the codec, the one that extension means.
/// `stride` is a multiple of 4 and at most 256.
pub fn encode_vertices(bytes: &[u8], stride: usize) -> Vec<u8> {
    assert!(stride > 0 && stride.is_multiple_of(4) && stride <= 256 && bytes.len().is_multiple_of(stride));
    let count = bytes.len() / stride;
    // SAFETY: a pure function of two numbers.
    let mut encoded = vec![0; unsafe { ffi::meshopt_encodeVertexBufferBound(count, stride) }];
    // SAFETY: `bytes` holds `count` vertices of `stride` bytes, `encoded` is as long as the function is told.
    let length = unsafe {
        ffi::meshopt_encodeVertexBufferLevel(
            encoded.as_mut_ptr(),
            encoded.len(),
            bytes.as_ptr().cast::<c_void>(),
            count,
            stride,
            2,
            0,
        )
    };
    encoded.truncate(length);
    encoded
}

/// What meshoptimizer trusts: whole triangles of vertices that there are. It would read beyond its memory otherwise.
fn check_triangles(indices: &[u32], vertex_count: usize) {
    assert!(indices.len().is_multiple_of(3) && indices.iter().all(|&index| (index as usize) < vertex_count));
}

/// Compresses a triangle list. May rotate the corners of a triangle.
pub fn encode_triangles(indices: &[u32], vertex_count: usize) -> Vec<u8> {
    check_triangles(indices, vertex_count);
    // SAFETY: a pure function of two numbers.
    let mut encoded = vec![0; unsafe { ffi::meshopt_encodeIndexBufferBound(indices.len(), vertex_count) }];
    // SAFETY: both buffers are as long as the function is told.
    let length =
        unsafe { ffi::meshopt_encodeIndexBuffer(encoded.as_mut_ptr(), encoded.len(), indices.as_ptr(), indices.len()) };
    encoded.truncate(length);
    encoded
}

/// Compresses any list of indices.
pub fn encode_indices(indices: &[u32], vertex_count: usize) -> Vec<u8> {
    // SAFETY: a pure function of two numbers.
    let mut encoded = vec![0; unsafe { ffi::meshopt_encodeIndexSequenceBound(indices.len(), vertex_count) }];
    // SAFETY: both buffers are as long as the function is told.
    let length = unsafe {
        ffi::meshopt_encodeIndexSequence(encoded.as_mut_ptr(), encoded.len(), indices.as_ptr(), indices.len())
    };
    encoded.truncate(length);
    encoded
}

/// Unit vectors (and a fourth number from -1 to 1) on an octahedron, 8 bits (stride 4) or up to 16 bits (stride 8).
pub fn octahedral(vectors: &[[f32; 4]], bits: u8) -> Vec<u8> {
    if bits <= 8 {
        meshopt::encoding::encode_filter_oct::<i8>(vectors, i32::from(bits))
            .into_iter()
            .flatten()
            .map(i8::cast_unsigned)
            .collect()
    } else {
        meshopt::encoding::encode_filter_oct::<i16>(vectors, i32::from(bits))
            .into_iter()
            .flatten()
            .flat_map(i16::to_le_bytes)
            .collect()
    }
}

/// Unit quaternions without their largest component.
pub fn quaternions(quaternions: &[[f32; 4]], bits: u8) -> Vec<u8> {
    meshopt::encoding::encode_filter_quat(quaternions, i32::from(bits))
        .into_iter()
        .flatten()
        .flat_map(i16::to_le_bytes)
        .collect()
}

/// Which numbers have an exponent in common.
#[derive(Clone, Copy)]
pub enum Exponents {
    /// Those of an element.
    OfElements,
    /// The first ones of all elements, the second ones, and so on.
    OfColumns,
}

/// Floats of elements of `len` numbers as mantissas of that many bits and exponents.
pub fn exponential(floats: &[f32], len: usize, bits: u8, exponents: Exponents) -> Vec<u8> {
    assert!(len > 0 && len <= 64 && floats.len().is_multiple_of(len));
    let mut encoded = vec![0_u32; floats.len()];
    // SAFETY: both hold as many elements of `len` four-byte numbers as the function is told.
    unsafe {
        ffi::meshopt_encodeFilterExp(
            encoded.as_mut_ptr().cast(),
            floats.len() / len,
            len * 4,
            i32::from(bits),
            floats.as_ptr(),
            match exponents {
                Exponents::OfElements => ffi::meshopt_EncodeExpMode_meshopt_EncodeExpSharedVector,
                Exponents::OfColumns => ffi::meshopt_EncodeExpMode_meshopt_EncodeExpSharedComponent,
            },
        );
    }
    encoded.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// For every vertex, the number of the first that is equal in all streams; and how many different ones there are.
/// Each stream holds whole elements of its stride.
pub fn weld_remap(indices: &[u32], vertex_count: usize, streams: &[(&[u8], usize)]) -> (usize, Vec<u32>) {
    assert!(indices.iter().all(|&index| (index as usize) < vertex_count));
    assert!(!streams.is_empty() && streams.len() <= 16);
    let described: Vec<ffi::meshopt_Stream> = streams
        .iter()
        .map(|(bytes, stride)| {
            assert!(bytes.len() >= vertex_count * stride && *stride > 0 && *stride <= 256);
            ffi::meshopt_Stream { data: bytes.as_ptr().cast(), size: *stride, stride: *stride }
        })
        .collect();
    let mut remap = vec![0; vertex_count];
    // SAFETY: indices are below the vertex count and every stream has that many elements, both checked above.
    let unique = unsafe {
        ffi::meshopt_generateVertexRemapMulti(
            remap.as_mut_ptr(),
            indices.as_ptr(),
            indices.len(),
            vertex_count,
            described.as_ptr(),
            described.len(),
        )
    };
    (unique, remap)
}

/// Moves elements of `stride` bytes to where `remap` says; `u32::MAX` drops one.
pub fn remap_elements(bytes: &[u8], stride: usize, remap: &[u32], count: usize) -> Vec<u8> {
    let mut moved = vec![0; count * stride];
    for (element, &to) in bytes.chunks_exact(stride).zip(remap) {
        if to != u32::MAX {
            let to = to as usize * stride;
            moved[to..to + stride].copy_from_slice(element);
        }
    }
    moved
}

/// The order along a curve through space that keeps neighbours together: for every point its new number.
pub fn spatial_order(positions: &[f32]) -> Vec<u32> {
    let count = positions.len() / 3;
    let mut remap = vec![0; count];
    // SAFETY: `positions` holds `count` elements of 12 bytes and `remap` `count` numbers.
    unsafe { ffi::meshopt_spatialSortRemap(remap.as_mut_ptr(), positions.as_ptr(), count, 12) };
    remap
}

/// Reorders triangles in place for the index codec, and for the vertex cache almost as well.
pub fn order_for_size(indices: &mut [u32], vertex_count: usize) {
    check_triangles(indices, vertex_count);
    meshopt::optimize::optimize_vertex_cache_strip_in_place(indices, vertex_count);
}

/// Reorders triangles in place for the vertex cache.
pub fn order_for_cache(indices: &mut [u32], vertex_count: usize) {
    check_triangles(indices, vertex_count);
    meshopt::optimize::optimize_vertex_cache_in_place(indices, vertex_count);
}

/// Triangles along a curve through space that keeps neighbours together. `positions` are three floats a vertex; every
/// index is below their number.
pub fn spatial_order_of_triangles(indices: &[u32], positions: &[f32]) -> Vec<u32> {
    let vertex_count = positions.len() / 3;
    check_triangles(indices, vertex_count);
    let mut ordered = vec![0; indices.len()];
    // SAFETY: lengths as told, indices checked above.
    unsafe {
        ffi::meshopt_spatialSortTriangles(
            ordered.as_mut_ptr(),
            indices.as_ptr(),
            indices.len(),
            positions.as_ptr(),
            vertex_count,
            12,
        );
    }
    ordered
}

/// Reorders triangles so that overdraw falls, at most 5 % worse for the vertex cache. `positions` are three floats a
/// vertex; every index is below their number.
pub fn order_for_overdraw(indices: &[u32], positions: &[f32]) -> Vec<u32> {
    let vertex_count = positions.len() / 3;
    check_triangles(indices, vertex_count);
    let mut ordered = vec![0; indices.len()];
    // SAFETY: lengths as told, indices checked above.
    unsafe {
        ffi::meshopt_optimizeOverdraw(
            ordered.as_mut_ptr(),
            indices.as_ptr(),
            indices.len(),
            positions.as_ptr(),
            vertex_count,
            12,
            1.05,
        );
    }
    ordered
}

/// What [`simplify`] is to do.
pub struct Simplification<'a> {
    /// Three floats a vertex.
    pub positions: &'a [f32],
    /// Other attributes that matter, `weights.len()` floats a vertex.
    pub attributes: &'a [f32],
    /// How much each of them matters.
    pub weights: &'a [f32],
    /// Triangle corners to reach.
    pub target: usize,
    /// The largest error, relative to the mesh's extent.
    pub error: f32,
    /// Keep vertices on borders where they are.
    pub lock_borders: bool,
}

/// Fewer triangles over the same vertices, and the error reached, relative to the mesh's extent.
pub fn simplify(indices: &[u32], asked: &Simplification<'_>) -> (Vec<u32>, f32) {
    let vertex_count = asked.positions.len() / 3;
    check_triangles(indices, vertex_count);
    assert!(asked.attributes.len() == vertex_count * asked.weights.len());
    let options =
        if asked.lock_borders { meshopt::SimplifyOptions::LockBorder } else { meshopt::SimplifyOptions::None };
    let mut kept = vec![0; indices.len()];
    let mut reached = 0.0;
    // SAFETY: indices and attribute lengths are checked above; no lock table is passed.
    let count = unsafe {
        ffi::meshopt_simplifyWithAttributes(
            kept.as_mut_ptr(),
            indices.as_ptr(),
            indices.len(),
            asked.positions.as_ptr(),
            vertex_count,
            12,
            asked.attributes.as_ptr(),
            asked.weights.len() * 4,
            asked.weights.as_ptr(),
            asked.weights.len(),
            std::ptr::null(),
            asked.target,
            asked.error,
            options.bits(),
            &raw mut reached,
        )
    };
    kept.truncate(count);
    (kept, reached)
}

//! meshoptimizer's decoders over plain slices: the size of an element is known only when the program runs.

use std::ffi::c_void;

use meshopt::ffi;

use crate::accessor::Filter;

/// Decompresses vertex data; `None` where it is damaged. `count` elements of `stride` bytes.
pub fn decode_vertices(encoded: &[u8], count: usize, stride: usize) -> Option<Vec<u8>> {
    if stride == 0 || !stride.is_multiple_of(4) || stride > 256 {
        return None;
    }
    let mut bytes = vec![0; count.checked_mul(stride)?];
    // SAFETY: the destination holds `count` vertices of `stride` bytes; the decoder checks the encoded bytes.
    let status = unsafe {
        ffi::meshopt_decodeVertexBuffer(
            bytes.as_mut_ptr().cast::<c_void>(),
            count,
            stride,
            encoded.as_ptr(),
            encoded.len(),
        )
    };
    (status == 0).then_some(bytes)
}

/// Decompresses a triangle list into indices of 2 or 4 bytes; `None` where it is damaged.
pub fn decode_triangles(encoded: &[u8], count: usize, size: usize) -> Option<Vec<u8>> {
    if !count.is_multiple_of(3) || (size != 2 && size != 4) {
        return None;
    }
    let mut bytes = vec![0; count.checked_mul(size)?];
    // SAFETY: the destination holds `count` indices of `size` bytes; the decoder checks the encoded bytes.
    let status = unsafe {
        ffi::meshopt_decodeIndexBuffer(bytes.as_mut_ptr().cast(), count, size, encoded.as_ptr(), encoded.len())
    };
    (status == 0).then_some(bytes)
}

/// Decompresses a list of indices of 2 or 4 bytes; `None` where it is damaged.
pub fn decode_indices(encoded: &[u8], count: usize, size: usize) -> Option<Vec<u8>> {
    if size != 2 && size != 4 {
        return None;
    }
    let mut bytes = vec![0; count.checked_mul(size)?];
    // SAFETY: as above.
    let status = unsafe {
        ffi::meshopt_decodeIndexSequence(bytes.as_mut_ptr().cast(), count, size, encoded.as_ptr(), encoded.len())
    };
    (status == 0).then_some(bytes)
}

/// Undoes a filter in place. `bytes` are whole elements of `stride` bytes, a stride that the filter knows.
pub fn undo_filter(filter: Filter, bytes: &mut [u8], stride: usize) {
    let valid = match filter {
        Filter::None => return,
        Filter::Octahedral => stride == 4 || stride == 8,
        Filter::Quaternion => stride == 8,
        Filter::Exponential => stride.is_multiple_of(4) && stride > 0,
    };
    assert!(valid, "{filter:?} over elements of {stride} bytes");
    let count = bytes.len() / stride;
    // The functions look at their data as 2- or 4-byte numbers; a byte vector need not be aligned for these.
    let mut words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_ne_bytes(*chunk)).collect();
    let data = words.as_mut_ptr().cast::<c_void>();
    // SAFETY: `words` holds `count` elements of `stride` bytes, four-byte aligned.
    unsafe {
        match filter {
            Filter::None => {}
            Filter::Octahedral => ffi::meshopt_decodeFilterOct(data, count, stride),
            Filter::Quaternion => ffi::meshopt_decodeFilterQuat(data, count, stride),
            Filter::Exponential => ffi::meshopt_decodeFilterExp(data, count, stride),
        }
    }
    for (chunk, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *chunk = word.to_ne_bytes();
    }
}

/// Undoes the colour filter of `KHR_meshopt_compression` in place; elements of 4 or 8 bytes.
pub fn undo_colour_filter(bytes: &mut [u8], stride: usize) {
    assert!(stride == 4 || stride == 8);
    let mut words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_ne_bytes(*chunk)).collect();
    // SAFETY: `words` holds whole elements of `stride` bytes, four-byte aligned.
    unsafe { ffi::meshopt_decodeFilterColor(words.as_mut_ptr().cast(), bytes.len() / stride, stride) };
    for (chunk, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *chunk = word.to_ne_bytes();
    }
}

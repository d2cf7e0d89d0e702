//! A made mesh: a grid over hills.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

/// Writes a grid of `side` × `side` squares as a GLB and says how many bytes its geometry is.
pub fn write(path: &Path, side: usize) -> Result<usize> {
    let points = side + 1;
    let (position_bytes, index_bytes) = (points * points * 12, side * side * 6 * 4);
    let length = position_bytes + index_bytes;
    let mut json = serde_json::json!({
        "asset": { "version": "2.0" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1 }] }],
        "accessors": [
            {
                "bufferView": 0, "componentType": 5126, "count": points * points, "type": "VEC3",
                "min": [0, -2, 0], "max": [side, 2, side],
            },
            { "bufferView": 1, "componentType": 5125, "count": side * side * 6, "type": "SCALAR" },
        ],
        "bufferViews": [
            { "buffer": 0, "byteLength": position_bytes },
            { "buffer": 0, "byteOffset": position_bytes, "byteLength": index_bytes },
        ],
        "buffers": [{ "byteLength": length }],
    })
    .to_string();
    while !json.len().is_multiple_of(4) {
        json.push(' ');
    }
    let mut file = std::io::BufWriter::new(fs_err::File::create(path)?);
    let word = |number: usize| (number as u32).to_le_bytes();
    file.write_all(b"glTF\x02\0\0\0")?;
    file.write_all(&word(12 + 8 + json.len() + 8 + length))?;
    file.write_all(&word(json.len()))?;
    file.write_all(b"JSON")?;
    file.write_all(json.as_bytes())?;
    file.write_all(&word(length))?;
    file.write_all(b"BIN\0")?;
    for z in 0..points {
        for x in 0..points {
            let height = (x as f32 * 0.05).sin() + (z as f32 * 0.031).cos();
            for value in [x as f32, height, z as f32] {
                file.write_all(&value.to_le_bytes())?;
            }
        }
    }
    for z in 0..side {
        for x in 0..side {
            let corner = z * points + x;
            for index in [corner, corner + points, corner + 1, corner + 1, corner + points, corner + points + 1] {
                file.write_all(&word(index))?;
            }
        }
    }
    file.flush()?;
    Ok(length)
}

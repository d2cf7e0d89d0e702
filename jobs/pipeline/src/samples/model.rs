//! An island in binary glTF: a mesh of hills with a texture of their colours.

use contract::Failure;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::json;

/// Squares along an edge.
const EDGE: u16 = 96;

/// Pixels along an edge of the texture.
const TEXTURE: u32 = 512;

/// The model as a file.
pub(super) fn island() -> Result<Vec<u8>, Failure> {
    let mut positions: Vec<u8> = Vec::new();
    let mut coordinates: Vec<u8> = Vec::new();
    let mut indices: Vec<u8> = Vec::new();
    let mut highest = f32::MIN;
    let mut lowest = f32::MAX;
    for row in 0..=EDGE {
        for column in 0..=EDGE {
            let (u, v) = (f32::from(column) / f32::from(EDGE), f32::from(row) / f32::from(EDGE));
            let height = height(u, v);
            (lowest, highest) = (lowest.min(height), highest.max(height));
            for value in [u * 2.0 - 1.0, height, v * 2.0 - 1.0] {
                positions.extend_from_slice(&value.to_le_bytes());
            }
            for value in [u, v] {
                coordinates.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
    for row in 0..EDGE {
        for column in 0..EDGE {
            let first = row * (EDGE + 1) + column;
            let below = first + EDGE + 1;
            for index in [first, below, first + 1, first + 1, below, below + 1] {
                indices.extend_from_slice(&index.to_le_bytes());
            }
        }
    }
    let texture = super::encode(&DynamicImage::ImageRgb8(texture()), ImageFormat::Png)?;
    let mut binary = Vec::new();
    let mut views = Vec::new();
    for (bytes, target) in
        [(&positions, Some(34_962)), (&coordinates, Some(34_962)), (&indices, Some(34_963)), (&texture, None)]
    {
        let mut view = json!({"buffer": 0, "byteOffset": binary.len(), "byteLength": bytes.len()});
        if let Some(target) = target {
            view["target"] = json!(target);
        }
        views.push(view);
        binary.extend_from_slice(bytes);
        binary.resize(binary.len().next_multiple_of(4), 0);
    }
    let vertices = positions.len() / 12;
    let document = json!({
        "asset": {"version": "2.0", "generator": "pipeline samples"},
        "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"name": "island", "mesh": 0}],
        "meshes": [{"name": "island", "primitives": [
            {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}
        ]}],
        "materials": [{"name": "ground", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}],
        "textures": [{"source": 0, "sampler": 0}], "samplers": [{"magFilter": 9729, "minFilter": 9987}],
        "images": [{"name": "ground", "bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": vertices, "type": "VEC3",
             "min": [-1.0, lowest, -1.0], "max": [1.0, highest, 1.0]},
            {"bufferView": 1, "componentType": 5126, "count": vertices, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": indices.len() / 2, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": binary.len()}],
    });
    Ok(glb(document.to_string().into_bytes(), &binary))
}

/// Height above the sea, by the place on the square.
fn height(u: f32, v: f32) -> f32 {
    let (x, y) = (u * 2.0 - 1.0, v * 2.0 - 1.0);
    let hills = (x * 5.0).sin() * (y * 4.0).cos() * 0.12 + (x * 11.0 + y * 7.0).sin() * 0.03;
    (0.45 * (1.0 - (x * x + y * y) * 1.3) + hills).max(-0.05)
}

fn texture() -> RgbImage {
    RgbImage::from_fn(TEXTURE, TEXTURE, |column, row| {
        let height = height(column as f32 / TEXTURE as f32, row as f32 / TEXTURE as f32);
        let grain = ((column * 7 + row * 13) % 11) as f32;
        let colour = match height {
            height if height < 0.0 => [28.0, 90.0, 150.0],
            height if height < 0.05 => [214.0, 198.0, 140.0],
            height if height < 0.35 => [70.0, 130.0 - height * 80.0, 60.0],
            _ => [150.0, 145.0, 140.0],
        };
        Rgb(colour.map(|value| (value + grain) as u8))
    })
}

/// The container: a header, the JSON and the binary, each padded to four bytes (glTF 2.0, "GLB File Format").
fn glb(mut document: Vec<u8>, binary: &[u8]) -> Vec<u8> {
    document.resize(document.len().next_multiple_of(4), b' ');
    let length = 12 + 8 + document.len() + 8 + binary.len();
    let mut file = b"glTF".to_vec();
    for number in [2, length as u32, document.len() as u32] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(b"JSON");
    file.extend_from_slice(&document);
    file.extend_from_slice(&(binary.len() as u32).to_le_bytes());
    file.extend_from_slice(b"BIN\0");
    file.extend_from_slice(binary);
    file
}

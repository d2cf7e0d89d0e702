//! What a written model is made of.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Figures of a model.
#[derive(Clone, Copy)]
pub struct Parts {
    /// Bytes.
    pub total: usize,
    /// Bytes of them that are images.
    pub images: usize,
    /// Primitives at nodes.
    pub draw_calls: usize,
    /// Triangles of all meshes.
    pub triangles: usize,
}

impl Parts {
    /// Bytes that are not images.
    pub fn without_images(&self) -> usize {
        self.total - self.images
    }
}

/// A model as it is written: its JSON and its images.
pub struct Glb {
    total: usize,
    json: Value,
    /// The files of the images.
    pub images: Vec<Vec<u8>>,
}

/// The `model.glb` somewhere below a folder.
pub fn find(folder: &Path) -> Result<PathBuf> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.ends_with("model.glb") {
                return Ok(path);
            }
        }
    }
    bail!("no model.glb below {}", folder.display())
}

/// Reads a GLB.
pub fn read(path: &Path) -> Result<Glb> {
    let bytes = fs_err::read(path)?;
    let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
    let length = word(12).with_context(|| format!("{} is no GLB", path.display()))? as usize;
    let json: Value = serde_json::from_slice(bytes.get(20..20 + length).context("a GLB that is cut off")?)?;
    let binary = bytes.get(20 + length + 8..).unwrap_or(&[]);
    let mut images = Vec::new();
    for image in json["images"].as_array().into_iter().flatten() {
        let Some(view) = image["bufferView"].as_u64().map(|view| &json["bufferViews"][view as usize]) else { continue };
        let number = |key: &str| view[key].as_u64().unwrap_or(0) as usize;
        let from = number("byteOffset");
        images.push(binary.get(from..from + number("byteLength")).context("an image out of range")?.to_vec());
    }
    Ok(Glb { total: bytes.len(), json, images })
}

/// Reads a model of any format; others than GLB have no images here.
pub fn read_any(path: &Path) -> Result<Glb> {
    if path.extension().is_some_and(|extension| extension == "glb") {
        return read(path);
    }
    Ok(Glb { total: fs_err::metadata(path)?.len() as usize, json: Value::Null, images: Vec::new() })
}

impl Glb {
    /// Figures.
    pub fn parts(&self) -> Parts {
        let list = |key: &str| self.json[key].as_array().map_or(&[][..], Vec::as_slice);
        let meshes = list("meshes");
        let primitives = |mesh: &Value| mesh["primitives"].as_array().cloned().unwrap_or_default();
        let mesh_of = |node: &Value| meshes.get(node["mesh"].as_u64()? as usize);
        let count = |accessor: &Value| {
            accessor.as_u64().and_then(|at| list("accessors")[at as usize]["count"].as_u64()).unwrap_or(0) as usize
        };
        let triangles = |primitive: &Value| match (primitive["mode"].as_u64().unwrap_or(4), &primitive["indices"]) {
            (4, Value::Null) => count(&primitive["attributes"]["POSITION"]) / 3,
            (4, indices) => count(indices) / 3,
            _ => 0,
        };
        Parts {
            total: self.total,
            images: self.images.iter().map(Vec::len).sum(),
            draw_calls: list("nodes").iter().filter_map(mesh_of).map(|mesh| primitives(mesh).len()).sum(),
            triangles: meshes.iter().flat_map(&primitives).map(|primitive| triangles(&primitive)).sum(),
        }
    }
}

//! STL, binary and text. Facet normals are left out: glTF shades faces without normals flat, which is the same.

use contract::Failure;
use operation::Input;

use super::mesh_builder::{Vertices, document};
use crate::document::{Document, Mode};

const HEADER: usize = 84;
const FACET: usize = 50;

/// Reads an STL.
pub fn load(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    let count = bytes.get(80..HEADER).and_then(|count| count.try_into().ok()).map(u32::from_le_bytes);
    let declared = count.map(|count| HEADER as u64 + u64::from(count) * FACET as u64);
    // Binary files, too, may begin with "solid"; their length gives them away.
    let is_text = bytes.trim_ascii_start().starts_with(b"solid") && declared != Some(bytes.len() as u64);
    let positions = if is_text { text(bytes)? } else { binary(bytes, declared)? };
    if positions.is_empty() {
        return Err(Failure::invalid_input("the STL holds no triangles"));
    }
    let vertices = Vertices { positions, ..Vertices::default() };
    let primitive = vertices.primitive(Mode::Triangles, None, None)?;
    Ok(document(vec![(Some(input.stem().to_owned()), vec![primitive])], Vec::new()))
}

fn binary(bytes: &[u8], declared: Option<u64>) -> Result<Vec<f32>, Failure> {
    let declared = declared.ok_or_else(|| Failure::invalid_input("the STL is shorter than its header"))?;
    if declared > bytes.len() as u64 {
        return Err(Failure::invalid_input(format!(
            "the STL is cut off: its triangles need {declared} bytes and it has {}",
            bytes.len()
        )));
    }
    let facets = bytes[HEADER..declared as usize].as_chunks::<FACET>().0;
    let mut positions = Vec::with_capacity(facets.len() * 9);
    for facet in facets {
        // A normal of three floats, then the corners, then two bytes that mean nothing.
        positions.extend(facet[12..48].as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)));
    }
    Ok(positions)
}

fn text(bytes: &[u8]) -> Result<Vec<f32>, Failure> {
    let mut positions = Vec::new();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        match words.next() {
            Some(word) if word.eq_ignore_ascii_case(b"vertex") => {
                for _ in 0..3 {
                    let value = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse::<f32>().ok());
                    positions.push(value.ok_or_else(|| {
                        Failure::invalid_input(format!(
                            "line {} of the STL is not a vertex of three numbers",
                            number + 1
                        ))
                    })?);
                }
            }
            _ => {}
        }
    }
    if positions.len() % 9 != 0 {
        return Err(Failure::invalid_input("the STL ends in the middle of a triangle"));
    }
    Ok(positions)
}

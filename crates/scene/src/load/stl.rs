//! STL, binary and text. Facet normals are left out: glTF shades faces without normals flat, which is the same.

use contract::Failure;
use operation::Input;

use super::mesh_builder::{Textures, Vertices, document};
use super::text;
use crate::document::{Document, Mode};

const HEADER: usize = 84;
const FACET: usize = 50;
/// How far the words of a text are looked for: a name may be long.
const HEAD: usize = 64 << 10;

/// Reads an STL.
pub fn load(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    let mut warnings = Vec::new();
    let positions = if is_text(bytes) { text(&text::utf8(bytes))? } else { binary(bytes, &mut warnings)? };
    if positions.is_empty() {
        return Err(Failure::invalid_input("the STL holds no triangles"));
    }
    let vertices = Vertices { positions, ..Vertices::default() };
    let primitive = vertices.primitive(Mode::Triangles, None, None)?;
    let meshes = vec![(Some(input.stem().to_owned()), vec![primitive])];
    Ok(Document { warnings, ..document(meshes, Vec::new(), Textures::default()) })
}

/// Binary files, too, may begin with `solid`: their length gives them away, or what a text does not have.
fn is_text(bytes: &[u8]) -> bool {
    if declared_facets(bytes).is_some_and(|count| HEADER as u64 + count * FACET as u64 == bytes.len() as u64) {
        return false;
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return true;
    }
    let head = &bytes[..bytes.len().min(HEAD)];
    !head.contains(&0) && head.to_ascii_lowercase().windows(5).any(|window| window == b"facet" || window == b"solid")
}

fn declared_facets(bytes: &[u8]) -> Option<u64> {
    let count = bytes.get(80..HEADER)?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(count)))
}

/// Some writers leave the count at 0, or at what it was before they cut triangles out: whole facets up to the end of the
/// file are what it holds then.
fn binary(bytes: &[u8], warnings: &mut Vec<String>) -> Result<Vec<f32>, Failure> {
    let declared = declared_facets(bytes)
        .ok_or_else(|| Failure::invalid_input("the STL is shorter than its header of 84 bytes"))?;
    let body = &bytes[HEADER..];
    let held = (body.len() / FACET) as u64;
    let is_whole = body.len().is_multiple_of(FACET) && held > 0;
    let facets = if declared == held || (declared > 0 && declared < held && !is_whole) {
        declared
    } else if is_whole || (declared == 0 && held > 0) {
        warnings.push(format!("the STL says that it holds {declared} triangles, and holds {held}: all are read"));
        held
    } else {
        return Err(Failure::invalid_input(format!(
            "the STL is cut off: its {declared} triangles need {} bytes and it has {}",
            HEADER as u64 + declared * FACET as u64,
            bytes.len()
        )));
    };
    let facets = body[..facets as usize * FACET].as_chunks::<FACET>().0;
    let mut positions = Vec::with_capacity(facets.len() * 9);
    for facet in facets {
        // A normal of three floats, then the corners, then two bytes that mean nothing.
        positions.extend(facet[12..48].as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)));
    }
    Ok(positions)
}

fn text(bytes: &[u8]) -> Result<Vec<f32>, Failure> {
    let mut positions = Vec::new();
    for (number, line) in text::lines(bytes).enumerate() {
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

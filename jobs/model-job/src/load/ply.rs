//! PLY, text and binary: vertices with normals, texture coordinates and colours, faces of any size, point clouds.

use contract::Failure;
use operation::Input;

use super::mesh_builder::{Vertices, document};
use crate::document::{Document, Mode};

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Text,
    Little,
    Big,
}

#[derive(Clone, Copy, PartialEq)]
enum Number {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

struct Property {
    name: String,
    number: Number,
    /// How a list says how long it is.
    list: Option<Number>,
}

struct Element {
    name: String,
    count: usize,
    properties: Vec<Property>,
}

/// Reads a PLY.
pub fn load(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    let (encoding, elements, body) = header(bytes)?;
    let mut reader = Reader { bytes: body, encoding };
    let mut vertices = Vertices::default();
    let mut indices: Vec<u32> = Vec::new();
    let mut has_faces = false;
    for element in &elements {
        // A text number is a digit and a space, a list at least its length.
        let least = match encoding {
            Encoding::Text => element.properties.len() * 2,
            _ => element.properties.iter().map(|own| own.list.unwrap_or(own.number).size()).sum(),
        };
        if element.count.saturating_mul(least) > reader.bytes.len().saturating_add(1) {
            return Err(Failure::invalid_input(format!(
                "the PLY says it has {} of element {}, but {} bytes are left in it",
                element.count,
                element.name,
                reader.bytes.len()
            )));
        }
        let read = match element.name.as_str() {
            "vertex" => read_vertices(&mut reader, element, &mut vertices),
            "face" => {
                has_faces |= element.count > 0;
                read_faces(&mut reader, element, &mut indices)
            }
            _ if element.properties.is_empty() => Ok(()),
            _ => (0..element.count).try_for_each(|_| reader.element(element, |_, _, _| {})),
        };
        read.map_err(|error| error.context(format!("element {} of the PLY", element.name)))?;
    }
    if vertices.positions.is_empty() {
        return Err(Failure::invalid_input("the PLY holds no vertices with x, y and z"));
    }
    let (mode, indices) = if has_faces { (Mode::Triangles, Some(indices)) } else { (Mode::Points, None) };
    let primitive = vertices.primitive(mode, indices, None)?;
    Ok(document(vec![(Some(input.stem().to_owned()), vec![primitive])], Vec::new()))
}

fn header(bytes: &[u8]) -> Result<(Encoding, Vec<Element>, &[u8]), Failure> {
    let mut encoding = None;
    let mut elements: Vec<Element> = Vec::new();
    let mut rest = bytes;
    loop {
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or_else(|| Failure::invalid_input("the header of the PLY has no end_header"))?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let wrong = || Failure::invalid_input(format!("the PLY's header has a line that is not understood: {line:?}"));
        match words.as_slice() {
            ["format", "ascii", _] => encoding = Some(Encoding::Text),
            ["format", "binary_little_endian", _] => encoding = Some(Encoding::Little),
            ["format", "binary_big_endian", _] => encoding = Some(Encoding::Big),
            ["element", name, count] => elements.push(Element {
                name: (*name).to_owned(),
                count: count.parse().map_err(|_| wrong())?,
                properties: Vec::new(),
            }),
            ["property", "list", length, number, name] => {
                let list = Some(Number::named(length).ok_or_else(wrong)?);
                let number = Number::named(number).ok_or_else(wrong)?;
                let property = Property { name: (*name).to_owned(), number, list };
                elements.last_mut().ok_or_else(wrong)?.properties.push(property);
            }
            ["property", number, name] => {
                let number = Number::named(number).ok_or_else(wrong)?;
                let property = Property { name: (*name).to_owned(), number, list: None };
                elements.last_mut().ok_or_else(wrong)?.properties.push(property);
            }
            ["end_header"] => break,
            ["ply"] | ["comment" | "obj_info", ..] | [] => {}
            _ => return Err(wrong()),
        }
    }
    let encoding = encoding.ok_or_else(|| Failure::invalid_input("the PLY does not say its format"))?;
    Ok((encoding, elements, rest))
}

fn read_vertices(reader: &mut Reader<'_>, element: &Element, vertices: &mut Vertices) -> Result<(), Failure> {
    let find = |names: &[&str]| {
        element.properties.iter().position(|own| own.list.is_none() && names.contains(&own.name.as_str()))
    };
    let all = |groups: &[&[&str]]| groups.iter().map(|names| find(names)).collect::<Option<Vec<usize>>>();
    let positions = all(&[&["x"], &["y"], &["z"]]).ok_or_else(|| Failure::invalid_input("it has no x, y and z"))?;
    let normals = all(&[&["nx"], &["ny"], &["nz"]]);
    let coordinates = all(&[&["s", "u", "texture_u"], &["t", "v", "texture_v"]]);
    let colours =
        all(&[&["red", "r", "diffuse_red"], &["green", "g", "diffuse_green"], &["blue", "b", "diffuse_blue"]]);
    let alpha = find(&["alpha", "a"]);
    // Whole numbers are 0 to 255, fractions 0 to 1.
    let in_bytes = colours.as_ref().is_some_and(|at| element.properties[at[0]].number == Number::U8);
    let byte = |value: f64| if in_bytes { value as u8 } else { (value * 255.0).round() as u8 };
    let mut values = vec![0.0; element.properties.len()];
    for _ in 0..element.count {
        reader.element(element, |property, place, value| {
            if place == 0 {
                values[property] = value;
            }
        })?;
        vertices.positions.extend(positions.iter().map(|&at| values[at] as f32));
        if let Some(normals) = &normals {
            vertices.normals.extend(normals.iter().map(|&at| values[at] as f32));
        }
        if let Some(at) = &coordinates {
            vertices.coordinates.extend([values[at[0]] as f32, 1.0 - values[at[1]] as f32]);
        }
        if let Some(at) = &colours {
            let alpha = alpha.map_or(255, |alpha| byte(values[alpha]));
            vertices.colours.push([byte(values[at[0]]), byte(values[at[1]]), byte(values[at[2]]), alpha]);
        }
    }
    Ok(())
}

fn read_faces(reader: &mut Reader<'_>, element: &Element, indices: &mut Vec<u32>) -> Result<(), Failure> {
    let list = element
        .properties
        .iter()
        .position(|own| own.list.is_some() && matches!(own.name.as_str(), "vertex_indices" | "vertex_index"))
        .ok_or_else(|| Failure::invalid_input("it has no list vertex_indices"))?;
    let mut corners: Vec<u32> = Vec::new();
    for _ in 0..element.count {
        corners.clear();
        let mut outside = None;
        reader.element(element, |property, _, value| {
            if property == list {
                if value >= 0.0 && value <= f64::from(u32::MAX) {
                    corners.push(value as u32);
                } else {
                    outside = Some(value);
                }
            }
        })?;
        if let Some(value) = outside {
            return Err(Failure::invalid_input(format!("a face has the vertex {value}")));
        }
        for at in 2..corners.len() {
            indices.extend([corners[0], corners[at - 1], corners[at]]);
        }
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl Reader<'_> {
    /// Reads one element; `see` gets the property's number, the place in its list, and the value.
    fn element(&mut self, element: &Element, mut see: impl FnMut(usize, usize, f64)) -> Result<(), Failure> {
        for (at, property) in element.properties.iter().enumerate() {
            let Some(length) = property.list else {
                let value = self.number(property.number)?;
                see(at, 0, value);
                continue;
            };
            let length = self.number(length)?;
            if !(0.0..=1e9).contains(&length) || length as usize > self.bytes.len() {
                return Err(Failure::invalid_input(format!("a list in it is {length} long")));
            }
            for place in 0..length as usize {
                let value = self.number(property.number)?;
                see(at, place, value);
            }
        }
        Ok(())
    }

    fn number(&mut self, number: Number) -> Result<f64, Failure> {
        let ended = || Failure::invalid_input("the file ends in the middle of it");
        if self.encoding == Encoding::Text {
            let start = self.bytes.iter().position(|byte| !byte.is_ascii_whitespace()).ok_or_else(ended)?;
            let rest = &self.bytes[start..];
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            self.bytes = &rest[end..];
            return std::str::from_utf8(&rest[..end])
                .ok()
                .and_then(|word| word.parse().ok())
                .ok_or_else(|| Failure::invalid_input("it has something that is not a number"));
        }
        let (raw, rest) = self.bytes.split_at_checked(number.size()).ok_or_else(ended)?;
        self.bytes = rest;
        let mut bytes = [0; 8];
        bytes[..raw.len()].copy_from_slice(raw);
        if self.encoding == Encoding::Big {
            bytes[..raw.len()].reverse();
        }
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(match number {
            Number::I8 => f64::from(bytes[0].cast_signed()),
            Number::U8 => f64::from(bytes[0]),
            Number::I16 => f64::from((word as u16).cast_signed()),
            Number::U16 => f64::from(word as u16),
            Number::I32 => f64::from(word.cast_signed()),
            Number::U32 => f64::from(word),
            Number::F32 => f64::from(f32::from_bits(word)),
            Number::F64 => f64::from_le_bytes(bytes),
        })
    }
}

impl Number {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "char" | "int8" => Self::I8,
            "uchar" | "uint8" => Self::U8,
            "short" | "int16" => Self::I16,
            "ushort" | "uint16" => Self::U16,
            "int" | "int32" => Self::I32,
            "uint" | "uint32" => Self::U32,
            "float" | "float32" => Self::F32,
            "double" | "float64" => Self::F64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

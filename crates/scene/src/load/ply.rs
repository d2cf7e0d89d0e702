//! PLY, text and binary: vertices with normals, texture coordinates and colours; faces of any size, with texture
//! coordinates and colours of their own; strips, edges, point clouds. What else it holds is named in a warning.

use std::collections::HashMap;

use contract::{Failure, FailureKind};
use operation::Input;
use serde_json::json;

use super::mesh_builder::{Textures, Vertices, document, plain_material};
use super::{data_uri, text};
use crate::document::{Document, Mode};
use crate::picture;

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

/// What stands before the data.
struct Header {
    encoding: Encoding,
    elements: Vec<Element>,
    /// Files that comments name as textures, as `MeshLab` writes them.
    textures: Vec<String>,
}

/// Reads a PLY.
pub fn load(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    let (header, body) = header(bytes)?;
    let mut reader = Reader { bytes: body, encoding: header.encoding };
    let mut model = Model::default();
    for element in &header.elements {
        check_count(element, &reader)?;
        let read = match element.name.as_str() {
            "vertex" => model.read_vertices(&mut reader, element),
            "face" => model.read_faces(&mut reader, element),
            "tristrips" | "tri_strips" => model.read_strips(&mut reader, element),
            "edge" => model.read_edges(&mut reader, element),
            _ => model.skip(&mut reader, element),
        };
        read.map_err(|error| error.context(format!("element {} of the PLY", element.name)))?;
    }
    model.document(&header.textures, input)
}

/// A text number is a digit and a space, a list at least its length.
fn check_count(element: &Element, reader: &Reader<'_>) -> Result<(), Failure> {
    let least = match reader.encoding {
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
    Ok(())
}

fn header(bytes: &[u8]) -> Result<(Header, &[u8]), Failure> {
    let mut encoding = None;
    let mut elements: Vec<Element> = Vec::new();
    let mut textures = Vec::new();
    let mut rest = bytes;
    loop {
        // Lines end in \n, \r\n or, as on old systems, \r.
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n' || byte == b'\r')
            .ok_or_else(|| Failure::invalid_input("the header of the PLY has no end_header"))?;
        let line = text::name(&rest[..end]);
        let is_pair = rest[end] == b'\r' && rest.get(end + 1) == Some(&b'\n');
        rest = &rest[end + if is_pair { 2 } else { 1 }..];
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
            ["comment" | "obj_info", key, _, ..] if key.eq_ignore_ascii_case("texturefile") => {
                let (_, path) = line.split_at(line.find(key).unwrap_or(0) + key.len());
                textures.push(path.trim().to_owned());
            }
            ["ply"] | ["comment" | "obj_info", ..] | [] => {}
            _ => return Err(wrong()),
        }
    }
    let encoding = encoding.ok_or_else(|| Failure::invalid_input("the PLY does not say its format"))?;
    Ok((Header { encoding, elements, textures }, rest))
}

/// A PLY as far as it is read.
#[derive(Default)]
struct Model {
    vertices: Vertices,
    /// Three for each triangle.
    corners: Vec<u32>,
    /// What faces say of their corners: empty, or one for each corner.
    corner_coordinates: Vec<[f32; 2]>,
    corner_colours: Vec<[u8; 4]>,
    /// Two for each line.
    edges: Vec<u32>,
    has_faces: bool,
    warnings: Vec<String>,
}

impl Model {
    fn read_vertices(&mut self, reader: &mut Reader<'_>, element: &Element) -> Result<(), Failure> {
        let mut find = Finder::new(element);
        let Some(positions) = find.all([&["x"], &["y"], &["z"]]) else {
            let is_packed = element.properties.iter().any(|own| own.name == "packed_position");
            return Err(Failure::invalid_input(if is_packed {
                "it holds compressed Gaussian splats, which are not read: export them as a plain PLY"
            } else {
                "it has no x, y and z"
            }));
        };
        let is_splat = ["f_dc_0", "scale_0", "rot_0"].iter().all(|name| find.one(&[name]).is_some());
        let normals = find.all([&["nx"], &["ny"], &["nz"]]).filter(|_| !is_splat);
        let coordinates = find.all([&["s", "u", "texture_u"], &["t", "v", "texture_v"]]);
        let colours = find.colours();
        let splat = if is_splat { find.all([&["f_dc_0"], &["f_dc_1"], &["f_dc_2"]]) } else { None };
        if is_splat {
            self.warnings.push(format!(
                "the PLY holds {} Gaussian splats, which are written as points in their base colours: their sizes, \
                 directions, opacity and what changes with the view are left out",
                element.count
            ));
        } else {
            self.warn_of_unread(&find);
        }
        let mut values = vec![0.0; element.properties.len()];
        let mut read_colours = Vec::new();
        for _ in 0..element.count {
            reader.element(element, |property, place, value| {
                if place == 0 {
                    values[property] = value;
                }
            })?;
            self.vertices.positions.extend(positions.iter().map(|&at| values[at] as f32));
            if let Some(normals) = &normals {
                self.vertices.normals.extend(normals.iter().map(|&at| values[at] as f32));
            }
            if let Some(at) = &coordinates {
                self.vertices.coordinates.extend([values[at[0]] as f32, 1.0 - values[at[1]] as f32]);
            }
            if let Some(at) = &splat {
                // The constant part of spherical harmonics, 1 / (2 √π), around grey.
                let byte = |at: usize| ((0.5 + 0.282_094_8 * values[at]).clamp(0.0, 1.0) * 255.0).round() as u8;
                self.vertices.colours.push([byte(at[0]), byte(at[1]), byte(at[2]), 255]);
            } else if let Some(colours) = &colours {
                read_colours.push(colours.of(&values));
            }
        }
        if let Some(colours) = &colours {
            self.vertices.colours.extend(colours.in_bytes(&read_colours));
        }
        Ok(())
    }

    fn read_faces(&mut self, reader: &mut Reader<'_>, element: &Element) -> Result<(), Failure> {
        let mut find = Finder::new(element);
        let list = find
            .list(&["vertex_indices", "vertex_index"])
            .ok_or_else(|| Failure::invalid_input("it has no list vertex_indices"))?;
        let texture = find.list(&["texcoord"]);
        let colours = find.colours();
        find.one(&["texnumber", "flags"]);
        self.warn_of_unread(&find);
        self.has_faces |= element.count > 0;
        let mut corners: Vec<u32> = Vec::new();
        let mut coordinates: Vec<f32> = Vec::new();
        let mut values = vec![0.0; element.properties.len()];
        let mut read_colours = Vec::new();
        let mut faces = Vec::new();
        for _ in 0..element.count {
            corners.clear();
            coordinates.clear();
            let mut outside = None;
            reader.element(element, |property, place, value| {
                if property == list {
                    if value >= 0.0 && value <= f64::from(u32::MAX) {
                        corners.push(value as u32);
                    } else {
                        outside = Some(value);
                    }
                } else if Some(property) == texture {
                    coordinates.push(value as f32);
                } else if place == 0 {
                    values[property] = value;
                }
            })?;
            if let Some(value) = outside {
                return Err(Failure::invalid_input(format!("a face has the vertex {value}")));
            }
            let coordinate = |at: usize| match coordinates.get(at * 2..at * 2 + 2) {
                Some(uv) => [uv[0], 1.0 - uv[1]],
                None => [0.0; 2],
            };
            for at in 2..corners.len() {
                self.corners.extend([corners[0], corners[at - 1], corners[at]]);
                if texture.is_some() {
                    self.corner_coordinates.extend([coordinate(0), coordinate(at - 1), coordinate(at)]);
                }
            }
            if let Some(colours) = &colours {
                read_colours.push(colours.of(&values));
                faces.push(corners.len().saturating_sub(2) * 3);
            }
        }
        if let Some(colours) = colours {
            let of_faces = colours.in_bytes(&read_colours).zip(faces);
            self.corner_colours.extend(of_faces.flat_map(|(colour, count)| std::iter::repeat_n(colour, count)));
        }
        Ok(())
    }

    /// Strips of triangles, ended by -1, each triangle of the last three vertices and every other one turned round.
    fn read_strips(&mut self, reader: &mut Reader<'_>, element: &Element) -> Result<(), Failure> {
        let mut find = Finder::new(element);
        let list = find
            .list(&["vertex_indices", "vertex_index"])
            .ok_or_else(|| Failure::invalid_input("it has no list vertex_indices"))?;
        self.warn_of_unread(&find);
        let mut numbers: Vec<i64> = Vec::new();
        for _ in 0..element.count {
            numbers.clear();
            reader.element(element, |property, _, value| {
                if property == list {
                    numbers.push(value as i64);
                }
            })?;
            for strip in numbers.split(|&number| number < 0) {
                for (at, window) in strip.windows(3).enumerate() {
                    let [a, b, c] = if at % 2 == 0 { [0, 1, 2] } else { [1, 0, 2] };
                    for at in [a, b, c] {
                        let vertex = u32::try_from(window[at])
                            .map_err(|_| Failure::invalid_input(format!("a strip has the vertex {}", window[at])))?;
                        self.corners.push(vertex);
                    }
                }
                self.has_faces |= strip.len() > 2;
            }
        }
        Ok(())
    }

    fn read_edges(&mut self, reader: &mut Reader<'_>, element: &Element) -> Result<(), Failure> {
        let mut find = Finder::new(element);
        let Some(ends) = find.all([&["vertex1"], &["vertex2"]]) else { return self.skip(reader, element) };
        self.warn_of_unread(&find);
        let mut values = vec![0.0; element.properties.len()];
        for _ in 0..element.count {
            reader.element(element, |property, place, value| {
                if place == 0 {
                    values[property] = value;
                }
            })?;
            for at in ends {
                let value = values[at];
                if !(0.0..=f64::from(u32::MAX)).contains(&value) {
                    return Err(Failure::invalid_input(format!("an edge has the vertex {value}")));
                }
                self.edges.push(value as u32);
            }
        }
        Ok(())
    }

    fn skip(&mut self, reader: &mut Reader<'_>, element: &Element) -> Result<(), Failure> {
        if element.count > 0 {
            self.warnings.push(format!("{} of element {:?} are left out", element.count, element.name));
        }
        if element.properties.is_empty() {
            return Ok(());
        }
        (0..element.count).try_for_each(|_| reader.element(element, |_, _, _| {}))
    }

    fn warn_of_unread(&mut self, find: &Finder<'_>) {
        let unread = find.unread();
        if !unread.is_empty() && find.element.count > 0 {
            self.warnings.push(format!(
                "properties of element {:?} are left out: {}",
                find.element.name,
                unread.join(", ")
            ));
        }
    }

    fn document(mut self, texture_files: &[String], input: &Input) -> Result<Document, Failure> {
        if self.vertices.positions.is_empty() {
            return Err(Failure::invalid_input("the PLY holds no vertices with x, y and z"));
        }
        let has_coordinates = !self.vertices.coordinates.is_empty() || !self.corner_coordinates.is_empty();
        let mut textures = Textures::default();
        let mut materials = Vec::new();
        if let Some(texture) = self.texture(texture_files, has_coordinates, &mut textures, input)? {
            let mut material = plain_material();
            material["pbrMetallicRoughness"]["baseColorTexture"] = json!({ "index": texture });
            materials.push(material);
        }
        let material = (!materials.is_empty()).then_some(0);
        let mut primitives = Vec::new();
        if !self.edges.is_empty() {
            let edges = std::mem::take(&mut self.edges);
            let vertices = if self.has_faces { self.vertices.clone() } else { std::mem::take(&mut self.vertices) };
            primitives.push(vertices.primitive(Mode::Lines, Some(edges), material)?);
        }
        if self.has_faces {
            let (vertices, indices) = self.split();
            primitives.push(vertices.primitive(Mode::Triangles, Some(indices), material)?);
        } else if primitives.is_empty() {
            primitives.push(self.vertices.primitive(Mode::Points, None, material)?);
        }
        let meshes = vec![(Some(input.stem().to_owned()), primitives)];
        Ok(Document { warnings: self.warnings, ..document(meshes, materials, textures) })
    }

    /// The first texture of those that are named. Others would need their faces apart.
    fn texture(
        &mut self,
        files: &[String],
        has_coordinates: bool,
        textures: &mut Textures,
        input: &Input,
    ) -> Result<Option<usize>, Failure> {
        let Some((file, others)) = files.split_first() else { return Ok(None) };
        if !others.is_empty() {
            self.warnings.push(format!("textures are left out: {}", others.join(", ")));
        }
        if !has_coordinates {
            self.warnings.push(format!("the texture {file:?} is left out, because the PLY has no texture coordinates"));
            return Ok(None);
        }
        let image =
            data_uri::read_path(file, "the texture", input).and_then(|bytes| picture::image(bytes.as_slice(), file));
        match image {
            Ok(image) => Ok(Some(textures.add(image, false))),
            Err(failure) if failure.kind() == FailureKind::InvalidInput => {
                self.warnings.push(format!("the texture {file:?} is left out: {failure}"));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Vertices whose corners say different things of them, apart; and the numbers of the corners.
    fn split(&mut self) -> (Vertices, Vec<u32>) {
        let vertices = std::mem::take(&mut self.vertices);
        let corners = std::mem::take(&mut self.corners);
        // Strips beside faces say nothing of their corners.
        let has_coordinates = self.corner_coordinates.len() == corners.len();
        let has_colours = vertices.colours.is_empty() && self.corner_colours.len() == corners.len();
        let count = vertices.positions.len() / 3;
        let is_whole = corners.iter().all(|&corner| (corner as usize) < count);
        if !has_coordinates && !has_colours || !is_whole {
            // A vertex that is not there is refused when the primitive is checked.
            return (vertices, corners);
        }
        let mut split = Vertices::default();
        let mut numbers = HashMap::new();
        let mut indices = Vec::with_capacity(corners.len());
        for (place, &corner) in corners.iter().enumerate() {
            let coordinate = if has_coordinates { self.corner_coordinates[place] } else { [0.0; 2] };
            let colour = if has_colours { self.corner_colours[place] } else { [255; 4] };
            let key = (corner, coordinate.map(f32::to_bits), colour);
            let next = numbers.len() as u32;
            let index = *numbers.entry(key).or_insert(next);
            indices.push(index);
            if index < next {
                continue;
            }
            let at = corner as usize;
            split.positions.extend(&vertices.positions[at * 3..at * 3 + 3]);
            if !vertices.normals.is_empty() {
                split.normals.extend(&vertices.normals[at * 3..at * 3 + 3]);
            }
            if has_coordinates {
                split.coordinates.extend(coordinate);
            } else if !vertices.coordinates.is_empty() {
                split.coordinates.extend(&vertices.coordinates[at * 2..at * 2 + 2]);
            }
            if has_colours {
                split.colours.push(colour);
            } else if !vertices.colours.is_empty() {
                split.colours.push(vertices.colours[at]);
            }
        }
        (split, indices)
    }
}

/// Finds properties by their names, and remembers which nobody asked for.
struct Finder<'a> {
    element: &'a Element,
    is_read: Vec<bool>,
}

impl<'a> Finder<'a> {
    fn new(element: &'a Element) -> Self {
        Self { element, is_read: vec![false; element.properties.len()] }
    }

    fn find(&mut self, names: &[&str], is_list: bool) -> Option<usize> {
        let properties = &self.element.properties;
        let at =
            properties.iter().position(|own| own.list.is_some() == is_list && names.contains(&own.name.as_str()))?;
        self.is_read[at] = true;
        Some(at)
    }

    fn one(&mut self, names: &[&str]) -> Option<usize> {
        self.find(names, false)
    }

    fn list(&mut self, names: &[&str]) -> Option<usize> {
        self.find(names, true)
    }

    fn all<const N: usize>(&mut self, groups: [&[&str]; N]) -> Option<[usize; N]> {
        let found: Vec<usize> = groups.iter().map(|names| self.one(names)).collect::<Option<_>>()?;
        found.try_into().ok()
    }

    fn colours(&mut self) -> Option<Colours> {
        let rgb =
            self.all([&["red", "r", "diffuse_red"], &["green", "g", "diffuse_green"], &["blue", "b", "diffuse_blue"]])?;
        let alpha = self.one(&["alpha", "a", "diffuse_alpha"]);
        Some(Colours { rgb, alpha, number: self.element.properties[rgb[0]].number })
    }

    fn unread(&self) -> Vec<&'a str> {
        let properties = self.element.properties.iter().zip(&self.is_read);
        properties.filter(|(_, is_read)| !**is_read).map(|(own, _)| own.name.as_str()).collect()
    }
}

/// Where colours are, and how they are stored.
struct Colours {
    rgb: [usize; 3],
    alpha: Option<usize>,
    number: Number,
}

impl Colours {
    fn of(&self, values: &[f64]) -> [f32; 4] {
        let [r, g, b] = self.rgb.map(|at| values[at] as f32);
        [r, g, b, self.alpha.map_or(f32::NAN, |at| values[at] as f32)]
    }

    /// Whole numbers are 0 to 255, or to 65535 where they have 16 bits; fractions 0 to 1, or 0 to 255 where one is above 1.
    fn in_bytes(&self, colours: &[[f32; 4]]) -> impl Iterator<Item = [u8; 4]> {
        let is_above_one = || colours.iter().any(|colour| colour[..3].iter().any(|&value| value > 1.0));
        let scale = match self.number {
            Number::U16 => 1.0 / 257.0,
            Number::F32 | Number::F64 if !is_above_one() => 255.0,
            _ => 1.0,
        };
        colours.iter().map(move |colour| {
            colour.map(|value| if value.is_nan() { 255 } else { (value * scale).clamp(0.0, 255.0).round() as u8 })
        })
    }
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

//! Wavefront OBJ with its MTL (see [`materials`]).

mod materials;

use std::collections::{BTreeSet, HashMap};

use contract::Failure;
use operation::Input;
use serde_json::json;

use self::materials::Materials;
use super::mesh_builder::{Vertices, document};
use super::text;
use crate::document::{Document, Mode, Primitive};

/// Reads an OBJ and the materials beside it. A material file that is not there is a warning, not an error: such models
/// are passed around without.
pub fn load(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    let bytes = text::utf8(bytes);
    let mut reader = Reader::default();
    for (number, line) in logical_lines(&bytes).enumerate() {
        reader.line(&line).map_err(|error| error.context(format!("line {} of the OBJ", number + 1)))?;
    }
    reader.end_object();
    if reader.objects.is_empty() {
        reader.take_all_as_points();
    }
    if reader.objects.is_empty() {
        return Err(Failure::invalid_input("the OBJ holds no faces, lines, points or vertices"));
    }
    let mut warnings = reader.warnings();
    let colours = reader.colours();
    let mut meshes = Vec::new();
    for object in &reader.objects {
        let primitives = object.parts.iter().map(|(key, corners)| reader.primitive(key, corners, &colours));
        meshes.push((object.name.clone(), primitives.collect::<Result<Vec<_>, _>>()?));
    }
    let mut loaded = Materials::default();
    loaded.load(&reader.libraries, &reader.inline_materials, !reader.material_names.is_empty(), input)?;
    let materials = reader.material_names.iter().map(|name| loaded.material(name)).collect();
    let mut document = document(meshes, materials, loaded.textures);
    warnings.extend(loaded.warnings);
    document.warnings = warnings;
    if document.nodes.len() == 1 && !document.nodes[0].rest.contains_key("name") {
        document.nodes[0].rest.insert("name".to_owned(), json!(input.stem()));
    }
    Ok(document)
}

/// Lines, those that end in a backslash joined with the next. A comment may end in one by chance, as paths do.
fn logical_lines(bytes: &[u8]) -> impl Iterator<Item = std::borrow::Cow<'_, [u8]>> {
    let mut lines = text::lines(bytes);
    std::iter::from_fn(move || {
        let line = lines.next()?;
        if !line.ends_with(b"\\") || line.starts_with(b"#") {
            return Some(line.into());
        }
        let mut joined = line[..line.len() - 1].to_vec();
        for next in lines.by_ref() {
            joined.push(b' ');
            if let Some(part) = next.strip_suffix(b"\\") {
                joined.extend_from_slice(part);
            } else {
                joined.extend_from_slice(next);
                break;
            }
        }
        Some(joined.into())
    })
}

/// Numbers of a position, of texture coordinates, of a normal.
type Corner = [u32; 3];
const ABSENT: u32 = u32::MAX;

/// What has to be the same for faces to be drawn together.
#[derive(PartialEq, Clone, Copy)]
struct Part {
    material: Option<usize>,
    mode: Mode,
    has_coordinates: bool,
    has_normals: bool,
}

#[derive(Default)]
struct Object {
    name: Option<String>,
    parts: Vec<(Part, Vec<Corner>)>,
}

#[derive(Default)]
struct Reader {
    positions: Vec<[f32; 3]>,
    /// As they are in the file: from 0 to 1, or from 0 to 255.
    colours: Vec<[f32; 3]>,
    coordinates: Vec<[f32; 2]>,
    normals: Vec<[f32; 3]>,
    object: Object,
    objects: Vec<Object>,
    material: Option<usize>,
    material_names: Vec<String>,
    material_numbers: HashMap<String, usize>,
    libraries: Vec<String>,
    /// Lines of materials that stand in the OBJ itself.
    inline_materials: Vec<u8>,
    /// Corners whose texture coordinates or normals are not there.
    dangling_coordinates: usize,
    dangling_normals: usize,
    /// Texture coordinates and normals that are not numbers.
    not_numbers: usize,
    /// Words at the beginnings of lines that say something that is not read.
    unread: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let mut words = words_of(line);
        let Some(keyword) = words.next() else { return Ok(()) };
        let name = || text::name(line[keyword.len()..].trim_ascii());
        match keyword {
            b"v" => {
                let (values, count) = numbers::<7>(words, 3)?;
                self.positions.push([values[0], values[1], values[2]]);
                // Some tools write a colour after the position; four numbers are a weight.
                if count >= 6 && (self.colours.len() + 1 == self.positions.len()) {
                    self.colours.push([values[3], values[4], values[5]]);
                }
            }
            b"vt" => {
                let [u, v] = self.numbers_or_zeros::<2>(words);
                self.coordinates.push([u, 1.0 - v]);
            }
            b"vn" => {
                let normal = self.numbers_or_zeros::<3>(words);
                self.normals.push(normal);
            }
            b"f" => {
                let corners = self.corners(words)?;
                let part = self.part(Mode::Triangles, &corners);
                for at in 2..corners.len() {
                    part.extend([corners[0], corners[at - 1], corners[at]]);
                }
            }
            b"l" => {
                let corners = self.corners(words)?;
                let part = self.part(Mode::Lines, &corners);
                for pair in corners.windows(2) {
                    part.extend([pair[0], pair[1]]);
                }
            }
            b"p" => {
                let corners = self.corners(words)?;
                self.part(Mode::Points, &corners).extend(corners);
            }
            b"o" => {
                self.end_object();
                self.object.name = Some(name()).filter(|name| !name.is_empty());
            }
            b"usemtl" => {
                let name = name();
                let next = self.material_names.len();
                let number = *self.material_numbers.entry(name.clone()).or_insert(next);
                if number == next {
                    self.material_names.push(name);
                }
                self.material = Some(number);
            }
            b"mtllib" => self.libraries.push(name()),
            // How it is smoothed, grouped and displayed; no part of what there is.
            b"g" | b"s" | b"mg" | b"lod" | b"bevel" | b"c_interp" | b"d_interp" | b"shadow_obj" | b"trace_obj" => {}
            _ if materials::is_statement(keyword) => {
                self.inline_materials.extend_from_slice(line);
                self.inline_materials.push(b'\n');
            }
            _ if keyword.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') && self.unread.len() < 16 => {
                self.unread.insert(String::from_utf8_lossy(&keyword[..keyword.len().min(40)]).into_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn part(&mut self, mode: Mode, corners: &[Corner]) -> &mut Vec<Corner> {
        let has = |at: usize| corners.iter().all(|corner| corner[at] != ABSENT);
        let key = Part { material: self.material, mode, has_coordinates: has(1), has_normals: has(2) };
        let parts = &mut self.object.parts;
        let at = parts.iter().rposition(|(own, _)| *own == key).unwrap_or_else(|| {
            parts.push((key, Vec::new()));
            parts.len() - 1
        });
        &mut parts[at].1
    }

    fn corners<'a>(&mut self, words: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Corner>, Failure> {
        words.map(|word| self.corner(word)).collect()
    }

    /// A face without its position is damage; one without its coordinates is a face.
    fn corner(&mut self, word: &[u8]) -> Result<Corner, Failure> {
        let mut corner = [ABSENT; 3];
        let counts = [self.positions.len(), self.coordinates.len(), self.normals.len()];
        for (at, part) in word.split(|&byte| byte == b'/').take(3).enumerate() {
            if part.is_empty() && at > 0 {
                continue;
            }
            let number: i64 = std::str::from_utf8(part).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
                Failure::invalid_input(format!("{:?} is not the vertex of a face", String::from_utf8_lossy(word)))
            })?;
            // From 1 on, or backwards from the last.
            let index = if number < 0 { counts[at] as i64 + number } else { number - 1 };
            if (0..counts[at] as i64).contains(&index) {
                corner[at] = index as u32;
                continue;
            }
            match at {
                0 => return Err(Failure::invalid_input(format!("it uses vertex {number} of {} so far", counts[at]))),
                1 => self.dangling_coordinates += 1,
                _ => self.dangling_normals += 1,
            }
        }
        Ok(corner)
    }

    /// Numbers that only shade: what is not a number there is 0, which a warning says.
    fn numbers_or_zeros<'a, const N: usize>(&mut self, words: impl Iterator<Item = &'a [u8]>) -> [f32; N] {
        let mut values = [0.0; N];
        for (slot, word) in values.iter_mut().zip(words) {
            match number(word).filter(|value| value.is_finite()) {
                Some(value) => *slot = value,
                None => self.not_numbers += 1,
            }
        }
        values
    }

    fn end_object(&mut self) {
        let mut object = std::mem::take(&mut self.object);
        object.parts.retain(|(_, corners)| !corners.is_empty());
        if !object.parts.is_empty() {
            self.objects.push(object);
        }
    }

    /// An OBJ of vertices alone is a point cloud.
    fn take_all_as_points(&mut self) {
        let corners: Vec<Corner> = (0..self.positions.len() as u32).map(|at| [at, ABSENT, ABSENT]).collect();
        self.part(Mode::Points, &[[0, ABSENT, ABSENT]]).extend(corners);
        self.end_object();
    }

    /// A colour for each vertex, or none at all.
    fn colours(&self) -> Vec<[u8; 4]> {
        if self.colours.is_empty() || self.colours.len() != self.positions.len() {
            return Vec::new();
        }
        let is_in_bytes = self.colours.iter().flatten().any(|&value| value > 1.0);
        let scale = if is_in_bytes { 1.0 } else { 255.0 };
        let byte = |value: f32| (value * scale).clamp(0.0, 255.0).round() as u8;
        self.colours.iter().map(|&[r, g, b]| [byte(r), byte(g), byte(b), 255]).collect()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut warn = |count: usize, what: &str| {
            if count > 0 {
                warnings.push(format!("{count} corners of faces name {what}; their faces are shown without"));
            }
        };
        warn(self.dangling_coordinates, "texture coordinates that are not in the OBJ");
        warn(self.dangling_normals, "normals that are not in the OBJ");
        if self.not_numbers > 0 {
            warnings.push(format!(
                "{} texture coordinates and normals are not numbers, and are read as 0",
                self.not_numbers
            ));
        }
        if !self.colours.is_empty() && self.colours.len() != self.positions.len() {
            warnings.push("colours are left out, because not every vertex has one".to_owned());
        }
        if !self.unread.is_empty() {
            let words: Vec<&str> = self.unread.iter().map(String::as_str).collect();
            warnings.push(format!("lines of the OBJ are left out that begin with {}", words.join(", ")));
        }
        warnings
    }

    /// Vertices are the different corners.
    fn primitive(&self, part: &Part, corners: &[Corner], colours: &[[u8; 4]]) -> Result<Primitive, Failure> {
        let mut numbers: HashMap<Corner, u32> = HashMap::new();
        let mut vertices = Vertices::default();
        let mut indices = Vec::with_capacity(corners.len());
        for &[position, coordinate, normal] in corners {
            let key = [
                position,
                if part.has_coordinates { coordinate } else { ABSENT },
                if part.has_normals { normal } else { ABSENT },
            ];
            let next = numbers.len() as u32;
            let index = *numbers.entry(key).or_insert(next);
            indices.push(index);
            if index < next {
                continue;
            }
            vertices.positions.extend(self.positions[position as usize]);
            if !colours.is_empty() {
                vertices.colours.push(colours[position as usize]);
            }
            if part.has_coordinates {
                vertices.coordinates.extend(self.coordinates[coordinate as usize]);
            }
            if part.has_normals {
                vertices.normals.extend(self.normals[normal as usize]);
            }
        }
        vertices.primitive(part.mode, Some(indices), part.material)
    }
}

/// The words of a line up to a comment.
fn words_of(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take_while(|word| !word.starts_with(b"#"))
}

fn number(word: &[u8]) -> Option<f32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Up to `N` numbers, and how many there are.
fn numbers<'a, const N: usize>(
    words: impl Iterator<Item = &'a [u8]>,
    least: usize,
) -> Result<([f32; N], usize), Failure> {
    let mut values = [0.0; N];
    let mut count = 0;
    for (slot, word) in values.iter_mut().zip(words) {
        *slot = number(word)
            .ok_or_else(|| Failure::invalid_input(format!("{:?} is not a number", String::from_utf8_lossy(word))))?;
        count += 1;
    }
    if count < least {
        return Err(Failure::invalid_input(format!("it has {count} numbers and needs {least}")));
    }
    Ok((values, count))
}

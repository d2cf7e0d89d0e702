//! Wavefront OBJ with its MTL.

use std::collections::HashMap;
use std::sync::Arc;

use contract::Failure;
use operation::Input;
use serde_json::{Value, json};

use super::data_uri;
use super::mesh_builder::{Vertices, document};
use crate::document::{Document, Image, Mode, Primitive};
use crate::json::{Object, single, singles};

/// Reads an OBJ and the materials beside it. A material file that is not there is a warning, not an error: such models
/// are passed around without.
pub fn load(bytes: &[u8], input: &Input) -> Result<Document, Failure> {
    let mut reader = Reader::default();
    let mut libraries = Vec::new();
    for (number, line) in logical_lines(bytes).enumerate() {
        reader.line(&line, &mut libraries).map_err(|error| error.context(format!("line {} of the OBJ", number + 1)))?;
    }
    reader.end_object()?;
    if reader.meshes.is_empty() {
        return Err(Failure::invalid_input("the OBJ holds no faces, lines or points"));
    }
    let mut loaded = Materials::default();
    for library in libraries {
        loaded.load(&library, input);
    }
    let materials = reader.material_names.iter().map(|name| loaded.material(name)).collect();
    let mut document = document(reader.meshes, materials);
    document.images = loaded.images;
    document.textures = loaded.textures;
    document.warnings = loaded.warnings;
    if document.nodes.len() == 1 && !document.nodes[0].rest.contains_key("name") {
        document.nodes[0].rest.insert("name".to_owned(), json!(input.stem()));
    }
    Ok(document)
}

/// Lines, those that end in a backslash joined with the next.
fn logical_lines(bytes: &[u8]) -> impl Iterator<Item = std::borrow::Cow<'_, [u8]>> {
    let mut lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    std::iter::from_fn(move || {
        let line = lines.next()?;
        if !line.ends_with(b"\\") {
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

type Corner = [u32; 3];
const ABSENT: u32 = u32::MAX;

#[derive(Default)]
struct Reader {
    positions: Vec<[f32; 3]>,
    colours: Vec<[u8; 4]>,
    coordinates: Vec<[f32; 2]>,
    normals: Vec<[f32; 3]>,
    object: Option<String>,
    /// Corners of the current object, by material and by points, lines, triangles.
    parts: Vec<((Option<usize>, Mode), Vec<Corner>)>,
    material: Option<usize>,
    material_names: Vec<String>,
    material_numbers: HashMap<String, usize>,
    meshes: Vec<(Option<String>, Vec<Primitive>)>,
}

impl Reader {
    fn line(&mut self, line: &[u8], libraries: &mut Vec<String>) -> Result<(), Failure> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(keyword) = words.next() else { return Ok(()) };
        let rest = || String::from_utf8_lossy(line[keyword.len()..].trim_ascii()).into_owned();
        match keyword {
            b"v" => {
                let mut values = [0.0; 7];
                let count = numbers(words, &mut values, 3)?;
                self.positions.push([values[0], values[1], values[2]]);
                // Some tools write a colour after the position; four numbers are a weight.
                if count >= 6 && (self.colours.len() + 1 == self.positions.len()) {
                    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
                    self.colours.push([byte(values[3]), byte(values[4]), byte(values[5]), 255]);
                }
            }
            b"vt" => {
                let mut values = [0.0; 3];
                numbers(words, &mut values, 1)?;
                self.coordinates.push([values[0], 1.0 - values[1]]);
            }
            b"vn" => {
                let mut values = [0.0; 3];
                numbers(words, &mut values, 3)?;
                self.normals.push(values);
            }
            b"f" => {
                let corners = words.map(|word| self.corner(word)).collect::<Result<Vec<_>, _>>()?;
                let part = self.part(Mode::Triangles);
                for at in 2..corners.len() {
                    part.extend([corners[0], corners[at - 1], corners[at]]);
                }
            }
            b"l" => {
                let corners = words.map(|word| self.corner(word)).collect::<Result<Vec<_>, _>>()?;
                let part = self.part(Mode::Lines);
                for pair in corners.windows(2) {
                    part.extend([pair[0], pair[1]]);
                }
            }
            b"p" => {
                let corners = words.map(|word| self.corner(word)).collect::<Result<Vec<_>, _>>()?;
                self.part(Mode::Points).extend(corners);
            }
            b"o" => {
                self.end_object()?;
                self.object = Some(rest()).filter(|name| !name.is_empty());
            }
            b"usemtl" => {
                let name = rest();
                let next = self.material_names.len();
                let number = *self.material_numbers.entry(name.clone()).or_insert(next);
                if number == next {
                    self.material_names.push(name);
                }
                self.material = Some(number);
            }
            b"mtllib" => libraries.push(rest()),
            _ => {}
        }
        Ok(())
    }

    fn part(&mut self, mode: Mode) -> &mut Vec<Corner> {
        let key = (self.material, mode);
        let at = self.parts.iter().rposition(|(own, _)| *own == key).unwrap_or_else(|| {
            self.parts.push((key, Vec::new()));
            self.parts.len() - 1
        });
        &mut self.parts[at].1
    }

    fn corner(&self, word: &[u8]) -> Result<Corner, Failure> {
        let mut corner = [ABSENT; 3];
        let counts = [self.positions.len(), self.coordinates.len(), self.normals.len()];
        for (at, part) in word.split(|&byte| byte == b'/').take(3).enumerate() {
            if part.is_empty() && at > 0 {
                continue;
            }
            let number: i64 = std::str::from_utf8(part).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
                Failure::invalid_input(format!("{:?} is no vertex of a face", String::from_utf8_lossy(word)))
            })?;
            // From 1 on, or backwards from the last.
            let index = if number < 0 { counts[at] as i64 + number } else { number - 1 };
            if index < 0 || index >= counts[at] as i64 {
                return Err(Failure::invalid_input(format!("it uses number {number} of {} so far", counts[at])));
            }
            corner[at] = index as u32;
        }
        Ok(corner)
    }

    fn end_object(&mut self) -> Result<(), Failure> {
        let mut primitives = Vec::new();
        for ((material, mode), corners) in std::mem::take(&mut self.parts) {
            if corners.is_empty() {
                continue;
            }
            primitives.push(self.primitive(material, mode, &corners)?);
        }
        if !primitives.is_empty() {
            self.meshes.push((self.object.take(), primitives));
        }
        Ok(())
    }

    /// Vertices are the different corners. Normals and coordinates count only where every corner has them.
    fn primitive(&self, material: Option<usize>, mode: Mode, corners: &[Corner]) -> Result<Primitive, Failure> {
        let has = |at: usize| corners.iter().all(|corner| corner[at] != ABSENT);
        let (has_coordinates, has_normals) = (has(1), has(2));
        let has_colours = !self.colours.is_empty() && self.colours.len() == self.positions.len();
        let mut numbers: HashMap<Corner, u32> = HashMap::new();
        let mut vertices = Vertices::default();
        let mut indices = Vec::with_capacity(corners.len());
        for &[position, coordinate, normal] in corners {
            let key = [
                position,
                if has_coordinates { coordinate } else { ABSENT },
                if has_normals { normal } else { ABSENT },
            ];
            let next = numbers.len() as u32;
            let index = *numbers.entry(key).or_insert(next);
            indices.push(index);
            if index < next {
                continue;
            }
            vertices.positions.extend(self.positions[position as usize]);
            if has_colours {
                vertices.colours.push(self.colours[position as usize]);
            }
            if has_coordinates {
                vertices.coordinates.extend(self.coordinates[coordinate as usize]);
            }
            if has_normals {
                vertices.normals.extend(self.normals[normal as usize]);
            }
        }
        vertices.primitive(mode, Some(indices), material)
    }
}

fn numbers<'a>(words: impl Iterator<Item = &'a [u8]>, into: &mut [f32], least: usize) -> Result<usize, Failure> {
    let mut count = 0;
    for (slot, word) in into.iter_mut().zip(words) {
        *slot = std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Failure::invalid_input(format!("{:?} is not a number", String::from_utf8_lossy(word))))?;
        count += 1;
    }
    if count < least {
        return Err(Failure::invalid_input(format!("it has {count} numbers and needs {least}")));
    }
    Ok(count)
}

#[derive(Default)]
struct Materials {
    by_name: HashMap<String, Object>,
    images: Vec<Image>,
    textures: Vec<Object>,
    texture_of_path: HashMap<String, Option<usize>>,
    warnings: Vec<String>,
}

impl Materials {
    fn material(&self, name: &str) -> Object {
        let mut material = self.by_name.get(name).cloned().unwrap_or_default();
        material.insert("name".to_owned(), json!(name));
        material
    }

    fn load(&mut self, library: &str, input: &Input) {
        let path = library.replace('\\', "/");
        let bytes = match data_uri::read(&path, "the material library", input) {
            Ok(bytes) => bytes,
            Err(failure) => {
                self.warnings.push(format!("materials are plain: {failure}"));
                return;
            }
        };
        let folder = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        let mut name = None;
        let mut values = HashMap::new();
        for line in logical_lines(bytes.as_slice()) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let Some((keyword, rest)) = line.split_once(|letter: char| letter.is_ascii_whitespace()) else { continue };
            if keyword == "newmtl" {
                self.finish(name.replace(rest.trim().to_owned()), &mut values, &folder, input);
            } else {
                values.insert(keyword.to_ascii_lowercase(), rest.trim().to_owned());
            }
        }
        self.finish(name, &mut values, &folder, input);
    }

    fn finish(&mut self, name: Option<String>, values: &mut HashMap<String, String>, folder: &str, input: &Input) {
        let values = std::mem::take(values);
        let Some(name) = name else { return };
        let colour = |key: &str| -> Option<[f64; 3]> {
            let numbers: Vec<f64> =
                values.get(key)?.split_ascii_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
            match numbers.as_slice() {
                [r, g, b, ..] => Some([r.clamp(0.0, 1.0), g.clamp(0.0, 1.0), b.clamp(0.0, 1.0)]),
                [grey, ..] => Some([grey.clamp(0.0, 1.0); 3]),
                [] => None,
            }
        };
        let number = |key: &str| values.get(key).and_then(|text| text.parse::<f64>().ok());
        let mut pbr = Object::new();
        let mut material = Object::new();
        let alpha = number("d").or_else(|| number("tr").map(|tr| 1.0 - tr)).unwrap_or(1.0).clamp(0.0, 1.0);
        let base = self.texture(values.get("map_kd"), folder, input);
        // With a texture, exporters often leave the colour at some default.
        let diffuse = if base.is_some() { [1.0; 3] } else { colour("kd").unwrap_or([1.0; 3]) };
        if diffuse != [1.0; 3] || alpha < 1.0 {
            pbr.insert("baseColorFactor".to_owned(), singles(diffuse.into_iter().chain([alpha])));
        }
        if alpha < 1.0 {
            material.insert("alphaMode".to_owned(), json!("BLEND"));
        }
        if let Some(texture) = base {
            pbr.insert("baseColorTexture".to_owned(), json!({ "index": texture }));
        }
        // Blinn-Phong's exponent as the roughness of the microfacet lobe of the same width.
        let roughness = number("pr").or_else(|| number("ns").map(|ns| (2.0 / (ns.max(0.0) + 2.0)).sqrt()));
        pbr.insert("roughnessFactor".to_owned(), single(roughness.unwrap_or(1.0).clamp(0.0, 1.0)));
        pbr.insert("metallicFactor".to_owned(), single(number("pm").unwrap_or(0.0).clamp(0.0, 1.0)));
        material.insert("pbrMetallicRoughness".to_owned(), Value::Object(pbr));
        if let Some(emissive) = colour("ke").filter(|emissive| *emissive != [0.0; 3]) {
            material.insert("emissiveFactor".to_owned(), singles(emissive));
        }
        if let Some(texture) = self.texture(values.get("map_ke"), folder, input) {
            material.insert("emissiveTexture".to_owned(), json!({ "index": texture }));
            material.entry("emissiveFactor").or_insert_with(|| singles([1.0; 3]));
        }
        if let Some(texture) = self.texture(values.get("norm"), folder, input) {
            material.insert("normalTexture".to_owned(), json!({ "index": texture }));
        }
        self.by_name.insert(name, material);
    }

    /// The texture of a map statement: its last word that is no option. A file that cannot be read is a warning.
    fn texture(&mut self, statement: Option<&String>, folder: &str, input: &Input) -> Option<usize> {
        let statement = statement?;
        let path = if statement.starts_with('-') { statement.rsplit(' ').next()? } else { statement };
        let path = format!("{folder}{}", path.replace('\\', "/"));
        if let Some(known) = self.texture_of_path.get(&path) {
            return *known;
        }
        let texture = match data_uri::read(&path, "a texture of the material", input) {
            Ok(bytes) => {
                let mime_type = if bytes.as_slice().starts_with(b"\xFF\xD8") { "image/jpeg" } else { "image/png" };
                let bytes = Arc::new(bytes.as_slice().to_vec());
                self.images.push(Image { mime_type: mime_type.to_owned(), bytes, rest: Object::new() });
                let mut texture = Object::new();
                texture.insert("source".to_owned(), json!(self.images.len() - 1));
                self.textures.push(texture);
                Some(self.textures.len() - 1)
            }
            Err(failure) => {
                self.warnings.push(format!("a texture is left out: {failure}"));
                None
            }
        };
        self.texture_of_path.insert(path, texture);
        texture
    }
}

//! MTL, the materials of an OBJ, as glTF's.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use contract::{Failure, FailureKind};
use image::{DynamicImage, ImageFormat, RgbaImage};
use operation::Input;
use serde_json::{Value, json};

use super::logical_lines;
use crate::document::Image;
use crate::json::{Object, single, singles};
use crate::load::data_uri::{self, UriBytes};
use crate::load::mesh_builder::{Textures, plain_material};
use crate::load::text;
use crate::picture;

/// How many pixels, of a thousand, may be neither clear nor opaque in a mask.
const SOFT_PIXELS_OF_A_MASK: usize = 100;

/// Whether a line that begins with this word describes a material.
pub fn is_statement(keyword: &[u8]) -> bool {
    let word = String::from_utf8_lossy(keyword).to_ascii_lowercase();
    let words = [
        "newmtl",
        "ka",
        "kd",
        "ks",
        "ke",
        "ns",
        "ni",
        "tf",
        "d",
        "tr",
        "illum",
        "sharpness",
        "pr",
        "pm",
        "ps",
        "pc",
        "pcr",
        "aniso",
        "anisor",
        "bump",
        "disp",
        "decal",
        "refl",
        "norm",
    ];
    words.contains(&word.as_str()) || word.starts_with("map_")
}

/// Materials by their names, with their textures.
#[derive(Default)]
pub struct Materials {
    by_name: HashMap<String, Object>,
    /// Their textures.
    pub textures: Textures,
    /// What was left out.
    pub warnings: Vec<String>,
    is_library_missing: bool,
    files: HashMap<String, Option<Arc<File>>>,
    texture_of: HashMap<(String, bool), Option<usize>>,
}

/// A picture's file and the name that it was found under.
struct File {
    name: String,
    bytes: UriBytes,
}

/// What a material's statements say, by their words in small letters.
type Statements = HashMap<String, String>;

impl Materials {
    /// The material of that name; a plain one where there is none.
    pub fn material(&mut self, name: &str) -> Object {
        let mut material = self.by_name.get(name).cloned().unwrap_or_else(|| {
            // Of a library that is not there, one warning is enough.
            if !self.is_library_missing {
                self.warnings.push(format!("material {name:?} is plain, because it is in no material library"));
            }
            plain_material()
        });
        material.insert("name".to_owned(), json!(name));
        material
    }

    /// Reads the libraries that an OBJ names, or the one of its own name where it names none but uses materials; and the
    /// statements in the OBJ itself.
    pub fn load(&mut self, libraries: &[String], inline: &[u8], are_used: bool, input: &Input) -> Result<(), Failure> {
        for library in libraries {
            self.load_library(library, input)?;
        }
        if libraries.is_empty() && inline.is_empty() && are_used {
            let beside = data_uri::read_path(&format!("{}.mtl", input.stem()), "the material library", input);
            if let Ok(bytes) = found(beside)? {
                self.read(bytes.as_slice(), "", input)?;
            }
        }
        self.read(inline, "", input)
    }

    /// A line names one library, whose name may have spaces, or several.
    fn load_library(&mut self, library: &str, input: &Input) -> Result<(), Failure> {
        let read = |path: &str| found(data_uri::read_path(path, "the material library", input));
        let failure = match read(library)? {
            Ok(bytes) => return self.read(bytes.as_slice(), &folder_of(library), input),
            Err(failure) => failure,
        };
        let names: Vec<&str> = library.split_ascii_whitespace().collect();
        if names.len() < 2 {
            self.miss_library(&failure);
            return Ok(());
        }
        for name in names {
            match read(name)? {
                Ok(bytes) => self.read(bytes.as_slice(), &folder_of(name), input)?,
                Err(failure) => self.miss_library(&failure),
            }
        }
        Ok(())
    }

    fn miss_library(&mut self, failure: &Failure) {
        self.is_library_missing = true;
        self.warnings.push(format!("materials are plain: {failure}"));
    }

    fn read(&mut self, bytes: &[u8], folder: &str, input: &Input) -> Result<(), Failure> {
        let mut name = None;
        let mut statements = Statements::new();
        for line in logical_lines(&text::utf8(bytes)) {
            let line = text::name(&line);
            let Some((keyword, rest)) = line.split_once(|letter: char| letter.is_ascii_whitespace()) else { continue };
            if keyword.eq_ignore_ascii_case("newmtl") {
                self.finish(name.replace(rest.trim().to_owned()), &mut statements, folder, input)?;
            } else {
                statements.insert(keyword.to_ascii_lowercase(), rest.trim().to_owned());
            }
        }
        self.finish(name, &mut statements, folder, input)
    }

    fn finish(
        &mut self,
        name: Option<String>,
        statements: &mut Statements,
        folder: &str,
        input: &Input,
    ) -> Result<(), Failure> {
        let values = std::mem::take(statements);
        let Some(name) = name else { return Ok(()) };
        let colour = |key: &str| -> Option<[f64; 3]> {
            match numbers(values.get(key)?).as_slice() {
                [r, g, b, ..] => Some([r.clamp(0.0, 1.0), g.clamp(0.0, 1.0), b.clamp(0.0, 1.0)]),
                [grey, ..] => Some([grey.clamp(0.0, 1.0); 3]),
                [] => None,
            }
        };
        // The last one: `d -halo 0.5`.
        let number = |key: &str| values.get(key).and_then(|text| numbers(text).last().copied());
        let mut pbr = Object::new();
        let mut material = Object::new();
        let alpha = number("d").or_else(|| number("tr").map(|tr| 1.0 - tr)).unwrap_or(1.0).clamp(0.0, 1.0);
        let base = self.base_texture(&values, folder, input)?;
        // With a texture, exporters often leave the colour at some default.
        let has_picture = base.is_some() && values.contains_key("map_kd");
        let diffuse = if has_picture { [1.0; 3] } else { colour("kd").unwrap_or([1.0; 3]) };
        if diffuse != [1.0; 3] || alpha < 1.0 {
            pbr.insert("baseColorFactor".to_owned(), singles(diffuse.into_iter().chain([alpha])));
        }
        let transparency = base.as_ref().map_or(Transparency::None, |(_, transparency)| *transparency);
        match transparency {
            _ if alpha < 1.0 => drop(material.insert("alphaMode".to_owned(), json!("BLEND"))),
            Transparency::None => {}
            Transparency::Mask => drop(material.insert("alphaMode".to_owned(), json!("MASK"))),
            Transparency::Soft => drop(material.insert("alphaMode".to_owned(), json!("BLEND"))),
        }
        if let Some((texture, _)) = base {
            pbr.insert("baseColorTexture".to_owned(), texture);
        }
        // Blinn-Phong's exponent as the roughness of the microfacet lobe of the same width.
        let roughness = number("pr").or_else(|| number("ns").map(|ns| (2.0 / (ns.max(0.0) + 2.0)).sqrt()));
        pbr.insert("roughnessFactor".to_owned(), single(roughness.unwrap_or(1.0).clamp(0.0, 1.0)));
        pbr.insert("metallicFactor".to_owned(), single(number("pm").unwrap_or(0.0).clamp(0.0, 1.0)));
        material.insert("pbrMetallicRoughness".to_owned(), Value::Object(pbr));
        if let Some(emissive) = colour("ke").filter(|emissive| *emissive != [0.0; 3]) {
            material.insert("emissiveFactor".to_owned(), singles(emissive));
        }
        if let Some(texture) = self.texture(values.get("map_ke"), folder, input)? {
            material.insert("emissiveTexture".to_owned(), texture);
            material.entry("emissiveFactor").or_insert_with(|| singles([1.0; 3]));
        }
        if let Some(texture) = self.texture(values.get("norm"), folder, input)? {
            material.insert("normalTexture".to_owned(), texture);
        }
        let unread = values.iter().filter(|(key, value)| is_unread_map(key) && !value.is_empty());
        let mut unread: Vec<&str> = unread.map(|(key, _)| key.as_str()).collect();
        unread.sort_unstable();
        if !unread.is_empty() {
            self.warnings.push(format!("textures of material {name:?} are left out: {}", unread.join(", ")));
        }
        self.by_name.insert(name, material);
        Ok(())
    }

    /// The reference to the base colour's texture, with the alpha of `map_d` where there is one, and what its alpha says.
    fn base_texture(
        &mut self,
        values: &Statements,
        folder: &str,
        input: &Input,
    ) -> Result<Option<(Value, Transparency)>, Failure> {
        let base = values.get("map_kd").filter(|statement| !statement.is_empty());
        let Some(map) = values.get("map_d").filter(|statement| !statement.is_empty()) else {
            let Some(reference) = self.texture(base, folder, input)? else { return Ok(None) };
            let path = base.map(|statement| path_of(&Map::of(statement), folder)).unwrap_or_default();
            let file = self.file(&path, input)?;
            let transparency = file.map_or(Transparency::None, |file| transparency_of_file(&file));
            return Ok(Some((reference, transparency)));
        };
        let base_map = base.map(|statement| Map::of(statement));
        let alpha_map = Map::of(map);
        let base_path = base_map.as_ref().map(|map| path_of(map, folder));
        let alpha_file = self.file(&path_of(&alpha_map, folder), input)?;
        let base_file = match &base_path {
            Some(path) => self.file(path, input)?,
            None => None,
        };
        let Some(alpha_file) = alpha_file else {
            let Some(reference) = self.texture(base, folder, input)? else { return Ok(None) };
            return Ok(Some((reference, Transparency::None)));
        };
        let combined = with_alpha(base_file.as_deref(), &alpha_file);
        let (picture, transparency) = match combined {
            Ok(combined) => combined,
            Err(failure) => {
                self.warnings.push(format!("the transparency in {:?} is left out: {failure}", alpha_file.name));
                let reference = self.texture(base, folder, input)?;
                return Ok(reference.map(|reference| (reference, Transparency::None)));
            }
        };
        let placing = base_map.unwrap_or(alpha_map);
        let image = Image { mime_type: "image/png".to_owned(), bytes: Arc::new(picture), rest: Object::new() };
        let texture = self.textures.add(image, placing.is_clamped);
        Ok(Some((self.reference(texture, &placing), transparency)))
    }

    /// The reference of a material to the texture of a map statement. A file that cannot be read is a warning.
    fn texture(&mut self, statement: Option<&String>, folder: &str, input: &Input) -> Result<Option<Value>, Failure> {
        let Some(statement) = statement.filter(|statement| !statement.is_empty()) else { return Ok(None) };
        let map = Map::of(statement);
        let path = path_of(&map, folder);
        let key = (path.clone(), map.is_clamped);
        let texture = if let Some(&known) = self.texture_of.get(&key) {
            known
        } else {
            let file = self.file(&path, input)?;
            let image = file.and_then(|file| match picture::image(file.bytes.as_slice(), &file.name) {
                Ok(image) => Some(image),
                Err(failure) => {
                    self.warnings.push(format!("the texture {:?} is left out: {failure}", file.name));
                    None
                }
            });
            let texture = image.map(|image| self.textures.add(image, map.is_clamped));
            self.texture_of.insert(key, texture);
            texture
        };
        Ok(texture.map(|texture| self.reference(texture, &map)))
    }

    fn reference(&mut self, texture: usize, map: &Map) -> Value {
        let mut reference = json!({ "index": texture });
        if map.scale != [1.0; 2] || map.offset != [0.0; 2] {
            // The statement counts from the lower left, glTF from the upper left.
            let offset = [map.offset[0], 1.0 - map.scale[1] - map.offset[1]];
            reference["extensions"] =
                json!({ "KHR_texture_transform": { "offset": singles(offset), "scale": singles(map.scale) } });
            self.textures.extensions.insert("KHR_texture_transform".to_owned());
        }
        reference
    }

    fn file(&mut self, path: &str, input: &Input) -> Result<Option<Arc<File>>, Failure> {
        if let Some(known) = self.files.get(path) {
            return Ok(known.clone());
        }
        let file = match found(data_uri::read_path(path, "a texture of the material", input))? {
            Ok(bytes) => Some(Arc::new(File { name: path.to_owned(), bytes })),
            Err(failure) => {
                self.warnings.push(format!("a texture is left out: {failure}"));
                None
            }
        };
        self.files.insert(path.to_owned(), file.clone());
        Ok(file)
    }
}

/// A failure that the file itself is to blame for, apart from the others: these end the job.
fn found(read: Result<UriBytes, Failure>) -> Result<Result<UriBytes, Failure>, Failure> {
    match read {
        Err(failure) if failure.kind() != FailureKind::InvalidInput => Err(failure),
        read => Ok(read),
    }
}

fn folder_of(library: &str) -> String {
    let path = library.replace('\\', "/");
    path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default()
}

/// Textures are beside their library, unless a path says from where on.
fn path_of(map: &Map, folder: &str) -> String {
    let path = map.path.replace('\\', "/");
    let is_absolute = path.starts_with('/') || path.split('/').next().is_some_and(|first| first.contains(':'));
    if is_absolute { path } else { format!("{folder}{path}") }
}

fn is_unread_map(key: &str) -> bool {
    let is_map = key.starts_with("map_") || matches!(key, "bump" | "disp" | "decal" | "refl");
    is_map && !matches!(key, "map_kd" | "map_d" | "map_ke" | "map_aat")
}

/// Numbers up to the first word that is none.
fn numbers(text: &str) -> Vec<f64> {
    let words = text.split_ascii_whitespace().skip_while(|word| word.starts_with('-') && word.parse::<f64>().is_err());
    words.map_while(|word| word.parse().ok()).filter(|value: &f64| value.is_finite()).collect()
}

/// A map statement: options, then a path that may have spaces.
struct Map {
    path: String,
    offset: [f64; 2],
    scale: [f64; 2],
    is_clamped: bool,
}

impl Map {
    fn of(statement: &str) -> Self {
        let mut map = Self { path: String::new(), offset: [0.0; 2], scale: [1.0; 2], is_clamped: false };
        let mut rest = statement.trim();
        while let Some((word, behind)) = first_word(rest).filter(|(word, _)| word.starts_with('-')) {
            let (most, is_vector) = match word.to_ascii_lowercase().as_str() {
                "-o" | "-s" | "-t" => (3, true),
                "-mm" => (2, true),
                "-bm" | "-boost" | "-texres" => (1, true),
                "-blendu" | "-blendv" | "-cc" | "-clamp" | "-imfchan" | "-type" => (1, false),
                _ => break,
            };
            rest = behind;
            let mut values = Vec::new();
            for _ in 0..most {
                let Some((value, behind)) = first_word(rest) else { break };
                if is_vector && value.parse::<f64>().is_err() {
                    break;
                }
                values.push(value);
                rest = behind;
            }
            let number = |at: usize, otherwise: f64| values.get(at).and_then(|v| v.parse().ok()).unwrap_or(otherwise);
            match word.to_ascii_lowercase().as_str() {
                "-o" => map.offset = [number(0, 0.0), number(1, 0.0)],
                "-s" => map.scale = [number(0, 1.0), number(1, 1.0)],
                "-clamp" => map.is_clamped = values.first().is_some_and(|value| value.eq_ignore_ascii_case("on")),
                _ => {}
            }
        }
        rest.trim().trim_matches('"').clone_into(&mut map.path);
        map
    }
}

fn first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|letter: char| letter.is_ascii_whitespace()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What the alpha of a texture means.
#[derive(Clone, Copy, PartialEq)]
enum Transparency {
    /// Nothing.
    None,
    /// Each pixel is there or not, as of leaves and fences.
    Mask,
    /// Some pixels are there in part.
    Soft,
}

impl Transparency {
    fn of(picture: &RgbaImage) -> Self {
        let (mut clear, mut soft) = (0_usize, 0_usize);
        let count = (picture.width() as usize) * (picture.height() as usize);
        for pixel in picture.pixels() {
            clear += usize::from(pixel[3] < 16);
            soft += usize::from((16..240).contains(&pixel[3]));
        }
        // A picture that is clear everywhere is one whose alpha was left empty.
        if clear + soft == 0 || clear == count {
            Self::None
        } else if soft * 1000 <= count * SOFT_PIXELS_OF_A_MASK {
            Self::Mask
        } else {
            Self::Soft
        }
    }
}

/// Of a texture that no `map_d` goes with. Only a PNG and what becomes one can have alpha.
fn transparency_of_file(file: &File) -> Transparency {
    let bytes = file.bytes.as_slice();
    // Grey and colour without alpha, by the header (PNG 11.2.1).
    let is_opaque_png = bytes.starts_with(b"\x89PNG") && matches!(bytes.get(25), Some(0 | 2));
    if is_opaque_png || bytes.starts_with(b"\xFF\xD8") {
        return Transparency::None;
    }
    match picture::decode_any(bytes, &file.name) {
        Ok(picture) if picture.color().has_alpha() => Transparency::of(&picture.to_rgba8()),
        _ => Transparency::None,
    }
}

/// The base colour, white where there is none, with the transparency of another picture: its alpha, or its grey where it has
/// none. Both as large as the larger one.
fn with_alpha(base: Option<&File>, alpha: &File) -> Result<(Vec<u8>, Transparency), Failure> {
    let alpha = picture::decode_any(alpha.bytes.as_slice(), &alpha.name)?;
    let base = base.map(|base| picture::decode_any(base.bytes.as_slice(), &base.name)).transpose()?;
    let opaqueness: DynamicImage = if alpha.color().has_alpha() && alpha.to_rgba8().pixels().any(|pixel| pixel[3] < 255)
    {
        let alpha = alpha.to_rgba8();
        image::GrayImage::from_fn(alpha.width(), alpha.height(), |x, y| image::Luma([alpha.get_pixel(x, y)[3]])).into()
    } else {
        alpha.to_luma8().into()
    };
    let side = |of: fn(&DynamicImage) -> u32| base.as_ref().map_or(0, of).max(of(&opaqueness));
    let (width, height) = (side(DynamicImage::width), side(DynamicImage::height));
    let fit = |picture: DynamicImage| {
        if (picture.width(), picture.height()) == (width, height) {
            picture
        } else {
            picture.resize_exact(width, height, image::imageops::FilterType::CatmullRom)
        }
    };
    let opaqueness = fit(opaqueness).into_luma8();
    let mut picture = match base {
        Some(base) => fit(base).into_rgba8(),
        None => RgbaImage::from_pixel(width, height, image::Rgba([255; 4])),
    };
    for (pixel, alpha) in picture.pixels_mut().zip(opaqueness.pixels()) {
        pixel[3] = alpha[0];
    }
    let transparency = Transparency::of(&picture);
    let mut written = Cursor::new(Vec::new());
    picture
        .write_to(&mut written, ImageFormat::Png)
        .map_err(|error| Failure::internal("the texture cannot be written as a PNG").because(error))?;
    Ok((written.into_inner(), transparency))
}

//! Pictures of a PDF as pixels (ISO 32000-2, 8.9): their filters, colour spaces, numbers and masks.

use catalog::Format;
use hayro_ccitt::EncodingMode;
use lopdf::{Dictionary, Object, ObjectId, Stream};
use pixels::decode::{ReadOptions, open_in_memory};
use pixels::orientation::Orientation;
use pixels::raster::{Model, Raster, Samples};
use pixels::small_copy::small_copy;

use super::super::file::File;
use super::MOST_IMAGE_PIXELS;

/// Colour spaces within colour spaces.
const MOST_DEPTH: usize = 4;

/// A decoded picture.
pub(super) struct Picture {
    /// Grey or RGB of eight bits.
    pub(super) colours: Raster,
    /// How much it covers, if not all of it, at a size of its own.
    pub(super) opacity: Option<Raster>,
}

/// Decodes a picture with its mask; in words why not, if it cannot be.
pub(super) fn decode(file: &File, id: ObjectId) -> Result<Picture, &'static str> {
    let object = file.get(id);
    let Object::Stream(stream) = &*object else { return Err("its picture is missing") };
    if is_mask(file, &stream.dict) {
        // A stencil, through which black is painted: the ink of a scan in layers. Another colour would be as dark or darker than
        // what is below it.
        let stencil = inverted(colours(file, stream, Some(Space::Grey))?);
        return Ok(Picture { colours: grey(1, 1, vec![0]), opacity: Some(stencil) });
    }
    let pixels = colours(file, stream, None)?;
    let mask = |key: &[u8]| match file.entry(&stream.dict, key).as_deref() {
        Some(Object::Stream(mask)) => Some(mask.clone()),
        _ => None,
    };
    // A mask that cannot be decoded covers nothing.
    let opacity = if let Some(mask) = mask(b"SMask") {
        colours(file, &mask, Some(Space::Grey)).ok()
    } else if let Some(mask) = mask(b"Mask") {
        colours(file, &mask, Some(Space::Grey)).ok().map(inverted)
    } else {
        None
    };
    Ok(Picture { colours: pixels, opacity })
}

fn is_mask(file: &File, dictionary: &Dictionary) -> bool {
    let entry = file.entry(dictionary, b"ImageMask").or_else(|| file.entry(dictionary, b"IM"));
    matches!(entry.as_deref(), Some(Object::Boolean(true)))
}

fn grey(width: u32, height: u32, samples: Vec<u8>) -> Raster {
    Raster { width, height, model: Model::Grey, alpha: false, samples: Samples::Eight(samples) }
}

fn inverted(mut picture: Raster) -> Raster {
    if let Samples::Eight(samples) = &mut picture.samples {
        for sample in samples {
            *sample = 255 - *sample;
        }
    }
    picture
}

/// What the samples of a pixel mean.
enum Space {
    Grey,
    Rgb,
    Cmyk,
    /// One ink.
    Ink,
    /// Several inks or other coordinates, of which the first is taken for lightness.
    Other(usize),
    /// Places in a table of colours.
    Table(Vec<[u8; 3]>),
}

impl Space {
    fn samples(&self) -> usize {
        match self {
            Self::Grey | Self::Ink | Self::Table(_) => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
            Self::Other(count) => *count,
        }
    }

    fn of(file: &File, object: &Object, depth: usize) -> Option<Self> {
        if depth > MOST_DEPTH {
            return None;
        }
        let object = file.resolve(object);
        let (name, parts) = match &*object {
            Object::Name(name) => (name.clone(), [].as_slice()),
            Object::Array(parts) => (file.resolve(parts.first()?).as_name().ok()?.to_vec(), &parts[1..]),
            _ => return None,
        };
        let part = |at: usize| parts.get(at).map(|part| file.resolve(part));
        Some(match name.as_slice() {
            b"DeviceGray" | b"CalGray" | b"G" => Self::Grey,
            b"DeviceRGB" | b"CalRGB" | b"RGB" => Self::Rgb,
            b"DeviceCMYK" | b"CMYK" => Self::Cmyk,
            b"ICCBased" => match &*part(0)? {
                Object::Stream(profile) => match file.integer_entry(&profile.dict, b"N")? {
                    1 => Self::Grey,
                    3 => Self::Rgb,
                    4 => Self::Cmyk,
                    _ => return None,
                },
                _ => return None,
            },
            b"Indexed" | b"I" => {
                let lookup = part(2)?;
                Self::Table(table(file, &Self::of(file, parts.first()?, depth + 1)?, &lookup)?)
            }
            b"Separation" => Self::Ink,
            b"DeviceN" => match &*part(0)? {
                Object::Array(inks) if inks.len() == 1 => Self::Ink,
                Object::Array(inks) if (2..=32).contains(&inks.len()) => Self::Other(inks.len()),
                _ => return None,
            },
            b"Lab" => Self::Other(3),
            _ => return None,
        })
    }

    /// Samples, each 0 to 255, as red, green and blue.
    fn to_rgb(&self, samples: &[u8]) -> [u8; 3] {
        match (self, samples) {
            (Self::Rgb, [red, green, blue, ..]) => [*red, *green, *blue],
            (Self::Cmyk, [cyan, magenta, yellow, black, ..]) => [cyan, magenta, yellow].map(|ink| {
                let light = u32::from(255 - ink) * u32::from(255 - black);
                ((light + 127) / 255) as u8
            }),
            (Self::Ink, [ink, ..]) => [255 - ink; 3],
            (_, [first, ..]) => [*first; 3],
            (_, []) => [255; 3],
        }
    }

    fn is_grey(&self) -> bool {
        matches!(self, Self::Grey | Self::Ink | Self::Other(_))
    }
}

/// The colours of an indexed space.
fn table(file: &File, base: &Space, lookup: &Object) -> Option<Vec<[u8; 3]>> {
    let bytes = match lookup {
        Object::String(string, _) => string.clone(),
        Object::Stream(stream) => file.decode(stream)?,
        _ => return None,
    };
    Some(bytes.chunks_exact(base.samples()).take(256).map(|samples| base.to_rgb(samples)).collect())
}

/// The colours of a picture without its mask; a mask is read as the space that is given.
fn colours(file: &File, stream: &Stream, space: Option<Space>) -> Result<Raster, &'static str> {
    let dictionary = &stream.dict;
    let length = |keys: [&[u8]; 2]| {
        let length = keys.iter().find_map(|key| file.integer_entry(dictionary, key));
        length.and_then(|length| u32::try_from(length).ok()).filter(|length| *length > 0)
    };
    let (Some(width), Some(height)) = (length([b"Width", b"W"]), length([b"Height", b"H"])) else {
        return Err("its picture has no size");
    };
    if u64::from(width) * u64::from(height) > MOST_IMAGE_PIXELS {
        return Err("its picture has more pixels than can be held");
    }
    let is_mask = is_mask(file, dictionary);
    let named = || {
        let entry = dictionary.get(b"ColorSpace").or_else(|_| dictionary.get(b"CS")).ok()?;
        Space::of(file, entry, 0)
    };
    let bits = length([b"BitsPerComponent", b"BPC"]).unwrap_or(if is_mask { 1 } else { 8 });
    // No picture has more samples than these, each with its filter's byte before a row.
    let most = (u64::from(width) * 8 + 1024) * u64::from(height);
    let (data, filter) =
        file.picture_data(stream, most.min(1 << 30) as usize).ok_or("its picture has an unknown filter")?;
    let decode = numbers(file, dictionary);
    let bits_of = |bytes: Vec<u8>| {
        unpack(&bytes, (width, height), 1, space.as_ref().unwrap_or(&named().unwrap_or(Space::Grey)), &decode)
    };
    match filter.as_ref().map(|(name, parameters)| (name.as_slice(), parameters)) {
        None => {
            let space = space.or_else(named).ok_or("its picture has an unknown colour space")?;
            Ok(unpack(&data, (width, height), bits, &space, &decode))
        }
        Some((b"DCTDecode" | b"DCT", _)) => jpeg(data.into_owned(), &decode),
        Some((b"CCITTFaxDecode" | b"CCF", parameters)) => Ok(bits_of(fax(file, &data, parameters, (width, height)))),
        Some((b"JBIG2Decode", parameters)) => Ok(bits_of(jbig2(file, &data, parameters, (width, height))?)),
        Some((b"JPXDecode", _)) => jpeg_2000(&data, space.or_else(named).as_ref()),
        Some(_) => Err("its picture has an unknown filter"),
    }
}

/// The array `Decode`: what the least and the greatest number of each sample mean.
fn numbers(file: &File, dictionary: &Dictionary) -> Vec<f32> {
    let array =
        file.array_entry(dictionary, b"Decode").or_else(|| file.array_entry(dictionary, b"D")).unwrap_or_default();
    array.iter().take(64).filter_map(|number| file.resolve(number).as_float().ok()).collect()
}

/// Samples of that many bits in rows of whole bytes, as pixels. What is missing is white.
fn unpack(data: &[u8], (width, height): (u32, u32), bits: u32, space: &Space, decode: &[f32]) -> Raster {
    let (bits, count) = (bits.clamp(1, 16) as usize, space.samples());
    let is_table = matches!(space, Space::Table(_));
    let most = (1_usize << bits) - 1;
    // What each number means, 0 to 255, or a place in the table; numbers of sixteen bits by their upper eight.
    let meanings: Vec<Vec<u8>> = (0..count)
        .map(|at| {
            let levels = if bits == 16 { 256 } else { most + 1 };
            let usual = if is_table { [0.0, most as f32] } else { [0.0, 1.0] };
            let [least, greatest] = match decode.get(at * 2..at * 2 + 2) {
                // Coordinates of other spaces than inks and lights run over other numbers.
                Some([least, greatest])
                    if is_table || (0.0..=1.0).contains(least) && (0.0..=1.0).contains(greatest) =>
                {
                    [*least, *greatest]
                }
                _ => usual,
            };
            let scale = if is_table { 1.0 } else { 255.0 };
            let meaning = |level: usize| least + (greatest - least) * level as f32 / (levels - 1) as f32;
            (0..levels).map(|level| (meaning(level) * scale).round().clamp(0.0, 255.0) as u8).collect()
        })
        .collect();
    let row_bytes = (width as usize * count * bits).div_ceil(8);
    let channels = if space.is_grey() { 1 } else { 3 };
    let mut samples = vec![255_u8; width as usize * height as usize * channels];
    let mut pixel = vec![0_u8; count];
    for (row, to) in data.chunks(row_bytes).zip(samples.chunks_exact_mut(width as usize * channels)) {
        for (x, to) in to.chunks_exact_mut(channels).enumerate() {
            for (at, value) in pixel.iter_mut().enumerate() {
                let bit = (x * count + at) * bits;
                let Some(byte) = row.get(bit / 8) else { break };
                let number = match bits {
                    8 | 16 => usize::from(*byte),
                    _ => usize::from(*byte) >> (8 - bits.min(8) - bit % 8).min(7) & most,
                };
                *value = meanings[at].get(number).copied().unwrap_or(255);
            }
            let colour = match space {
                Space::Table(colours) => colours.get(usize::from(pixel[0])).copied().unwrap_or([255; 3]),
                space => space.to_rgb(&pixel),
            };
            to.copy_from_slice(&colour[..channels]);
        }
    }
    let model = if channels == 1 { Model::Grey } else { Model::Rgb };
    Raster { width, height, model, alpha: false, samples: Samples::Eight(samples) }
}

fn jpeg(data: Vec<u8>, decode: &[f32]) -> Result<Raster, &'static str> {
    let options = ReadOptions { first_frame: true, allow_truncated: true, page: None, max_pixels: MOST_IMAGE_PIXELS };
    let unreadable = "its JPEG cannot be decoded";
    let mut picture = open_in_memory(data, Format::Jpeg, &options).map_err(|_| unreadable)?;
    // The page says how it lies.
    picture.orientation = Orientation::default();
    let longest = picture.size.0.max(picture.size.1);
    let raster = small_copy(picture, longest).map_err(|_| unreadable)?.raster;
    // A picture of inks is read as its makers mark it; one of light may be turned around.
    let is_negative =
        decode.len() == 2 * raster.format().channels() && decode.chunks_exact(2).all(|pair| pair[0] > pair[1]);
    Ok(if is_negative { inverted(raster) } else { raster })
}

fn fax(file: &File, data: &[u8], parameters: &Dictionary, (width, height): (u32, u32)) -> Vec<u8> {
    struct Rows {
        row_bytes: usize,
        black: bool,
        bits: Vec<u8>,
        most: usize,
    }
    impl hayro_ccitt::Decoder for Rows {
        fn push_row(&mut self, changes: &[u32]) {
            if self.bits.len() >= self.most {
                return;
            }
            // A row begins white.
            let start = self.bits.len();
            self.bits.resize(start + self.row_bytes, if self.black { 0 } else { 255 });
            let row = &mut self.bits[start..];
            for run in changes.chunks(2) {
                let end = run.get(1).map_or(row.len() * 8, |end| *end as usize);
                for at in run[0] as usize..end.min(row.len() * 8) {
                    row[at / 8] ^= 0x80 >> (at % 8);
                }
            }
        }
    }
    let flag = |key: &[u8], usual: bool| match file.entry(parameters, key).as_deref() {
        Some(Object::Boolean(flag)) => *flag,
        _ => usual,
    };
    let columns = file.integer_entry(parameters, b"Columns").and_then(|columns| u32::try_from(columns).ok());
    let columns = columns.unwrap_or(1728).min(1 << 17);
    let encoding = match file.integer_entry(parameters, b"K").unwrap_or(0) {
        ..0 => EncodingMode::Group4,
        0 => EncodingMode::Group3_1D,
        _ => EncodingMode::Group3_2D,
    };
    let settings = hayro_ccitt::DecodeSettings {
        columns,
        rows: height,
        end_of_block: flag(b"EndOfBlock", true),
        end_of_line: flag(b"EndOfLine", false),
        rows_are_byte_aligned: flag(b"EncodedByteAlign", false),
        encoding,
        strict: false,
    };
    let row_bytes = columns.div_ceil(8) as usize;
    let mut rows =
        Rows { row_bytes, black: flag(b"BlackIs1", false), bits: Vec::new(), most: row_bytes * height as usize };
    // What comes before damage is there.
    let _ = hayro_ccitt::decode(data, &mut rows, &mut hayro_ccitt::DecoderContext::new(settings));
    // Rows of another length than the picture's are cut or filled.
    let wanted = width.div_ceil(8) as usize;
    if wanted == row_bytes {
        return rows.bits;
    }
    let white = if rows.black { 0 } else { 255 };
    let fit = |row: &[u8]| {
        let mut row = row.to_vec();
        row.resize(wanted, white);
        row
    };
    rows.bits.chunks_exact(row_bytes).flat_map(fit).collect()
}

fn jbig2(
    file: &File,
    data: &[u8],
    parameters: &Dictionary,
    (width, height): (u32, u32),
) -> Result<Vec<u8>, &'static str> {
    /// Rows of whole bytes, in which black is 0.
    struct Rows {
        bits: Vec<u8>,
        row_bytes: usize,
        row: usize,
        at: usize,
    }
    impl Rows {
        fn push(&mut self, black: bool) {
            let byte = self.row * self.row_bytes + self.at / 8;
            if self.at < self.row_bytes * 8
                && let Some(byte) = self.bits.get_mut(byte).filter(|_| black)
            {
                *byte &= !(0x80 >> (self.at % 8));
            }
            self.at += 1;
        }
    }
    impl hayro_jbig2::Decoder for Rows {
        fn push_pixel(&mut self, black: bool) {
            self.push(black);
        }

        fn push_pixel_chunk(&mut self, black: bool, chunk_count: u32) {
            (0..u64::from(chunk_count) * 8).for_each(|_| self.push(black));
        }

        fn next_line(&mut self) {
            self.row += 1;
            self.at = 0;
        }
    }
    let unreadable = "its JBIG2 cannot be decoded";
    let settings = hayro_jbig2::DecodeSettings::default();
    let globals = match file.entry(parameters, b"JBIG2Globals").as_deref() {
        Some(Object::Stream(stream)) => file.decode(stream),
        _ => None,
    };
    let globals = globals.and_then(|globals| hayro_jbig2::Globals::new(&globals, &settings).ok());
    let page = hayro_jbig2::Page::new_embedded(data, globals.as_ref(), &settings).map_err(|_| unreadable)?;
    if u64::from(page.width()) * u64::from(page.height()) > MOST_IMAGE_PIXELS {
        return Err("its picture has more pixels than can be held");
    }
    let row_bytes = width.div_ceil(8) as usize;
    let mut rows = Rows { bits: vec![255; row_bytes * height as usize], row_bytes, row: 0, at: 0 };
    page.decode(&mut rows).map_err(|_| unreadable)?;
    Ok(rows.bits)
}

fn jpeg_2000(data: &[u8], space: Option<&Space>) -> Result<Raster, &'static str> {
    let unreadable = "its JPEG 2000 cannot be decoded";
    let is_table = matches!(space, Some(Space::Table(_)));
    let settings = hayro_jpeg2000::DecodeSettings { resolve_palette_indices: !is_table, ..Default::default() };
    let image = hayro_jpeg2000::Image::new(data, &settings).map_err(|_| unreadable)?;
    let (width, height) = (image.width(), image.height());
    if width == 0 || height == 0 || u64::from(width) * u64::from(height) > MOST_IMAGE_PIXELS {
        return Err("its picture has more pixels than can be held");
    }
    let mut context = hayro_jpeg2000::DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|_| unreadable)?;
    let count = decoded.components().len();
    let samples = decoded.data_u8();
    if count == 0 || samples.len() != width as usize * height as usize * count {
        return Err(unreadable);
    }
    let colours = count - usize::from(image.has_alpha() && count > 1);
    let own = match colours {
        1 => Space::Grey,
        3 => Space::Rgb,
        4 => Space::Cmyk,
        other => Space::Other(other),
    };
    let space = space.filter(|space| space.samples() == colours).unwrap_or(&own);
    let channels = if space.is_grey() { 1 } else { 3 };
    let rgb = |pixel: &[u8]| match space {
        Space::Table(table) => table.get(usize::from(pixel[0])).copied().unwrap_or([255; 3]),
        space => space.to_rgb(pixel),
    };
    let samples = samples.chunks_exact(count).flat_map(|pixel| rgb(pixel).into_iter().take(channels)).collect();
    let model = if channels == 1 { Model::Grey } else { Model::Rgb };
    Ok(Raster { width, height, model, alpha: false, samples: Samples::Eight(samples) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_depth_become_pixels() {
        let row = |data: &[u8], width, bits, space: &Space, decode: &[f32]| {
            unpack(data, (width, 1), bits, space, decode).eight().to_vec()
        };
        assert_eq!(row(&[0b1010_0000], 4, 1, &Space::Grey, &[]), [255, 0, 255, 0]);
        assert_eq!(row(&[0b1010_0000], 4, 1, &Space::Grey, &[1.0, 0.0]), [0, 255, 0, 255]);
        assert_eq!(row(&[0b0001_1011], 4, 2, &Space::Grey, &[]), [0, 85, 170, 255]);
        assert_eq!(row(&[0x0F, 0x80], 3, 4, &Space::Ink, &[]), [255, 0, 119]);
        assert_eq!(row(&[0x80, 0x12, 0x40, 0xFF], 2, 16, &Space::Grey, &[]), [0x80, 0x40]);
        assert_eq!(row(&[1, 2, 3], 1, 8, &Space::Rgb, &[]), [1, 2, 3]);
        assert_eq!(row(&[0, 255, 0, 0], 1, 8, &Space::Cmyk, &[]), [255, 0, 255]);
        let table = Space::Table(vec![[9, 8, 7], [1, 1, 1]]);
        assert_eq!(row(&[0b0100_0000], 3, 1, &table, &[]), [9, 8, 7, 1, 1, 1, 9, 8, 7]);
        // What is missing is white.
        assert_eq!(unpack(&[5], (1, 2), 8, &Space::Grey, &[]).eight(), [5, 255]);
    }
}

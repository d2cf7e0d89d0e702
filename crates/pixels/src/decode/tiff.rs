//! TIFF and `BigTIFF`: the layouts that cameras, scanners, maps and print shops write, read as libvips and libtiff read them.
//! The structure and the samples are read here ([`directory`], [`samples`]), compressed data by the codecs' own crates
//! ([`chunk`]); pixels come strip by strip or tile by tile.
//!
//! The `image` crate's decoder knows ten layouts of pixels, and the `tiff` crate's beneath it neither facsimile of Group 3
//! nor the bits' order, premultiplied opacity or a choice among pictures. Debian's libtiff reads as much as this, but brings
//! eight shared libraries along, one of them (JBIG-KIT) under the GPL.

mod chunk;
pub(crate) mod directory;
mod fax;
mod old_jpeg;
mod rows;
mod samples;

use std::sync::Arc;

use contract::Failure;
use memmap2::Mmap;
use operation::Input;

use crate::decode::{Content, MOST_METADATA_BYTES, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions};
use crate::exif;
use crate::exif::directories::Directories;
use crate::orientation::Orientation;
use crate::raster::{Depth, Model, PixelFormat};
use chunk::{Coding, compression};
use directory::{Directory, Layout};
use rows::{Chunks, Rows};
use samples::{Meaning, Numbers, Pixels, Storage};

/// Numbers of tags (TIFF 6.0 and its supplements).
mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_COUNTS: u16 = 279;
    pub const PLANAR: u16 = 284;
    pub const FAX_GROUP_3_OPTIONS: u16 = 292;
    pub const PREDICTOR: u16 = 317;
    pub const COLOUR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_HEIGHT: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_COUNTS: u16 = 325;
    pub const SUB_DIRECTORIES: u16 = 330;
    pub const INK_SET: u16 = 332;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const LEAST_SAMPLE: u16 = 340;
    pub const MOST_SAMPLE: u16 = 341;
    pub const JPEG_TABLES: u16 = 347;
    pub const JPEG_STREAM: u16 = 513;
    pub const JPEG_STREAM_LENGTH: u16 = 514;
    pub const JPEG_RESTART_INTERVAL: u16 = 515;
    pub const JPEG_QUANTISATION: u16 = 519;
    pub const JPEG_DC_TABLES: u16 = 520;
    pub const JPEG_AC_TABLES: u16 = 521;
    pub const LUMA_WEIGHTS: u16 = 529;
    pub const CHROMA_STEP: u16 = 530;
    pub const BLACK_AND_WHITE: u16 = 532;
    pub const XMP: u16 = 700;
    pub const IPTC: u16 = 33_723;
    pub const ICC: u16 = 34_675;
}

/// Numbers of the tag `PhotometricInterpretation`.
mod photometric {
    pub const WHITE_IS_ZERO: u64 = 0;
    pub const BLACK_IS_ZERO: u64 = 1;
    pub const RGB: u64 = 2;
    pub const PALETTE: u64 = 3;
    pub const MASK: u64 = 4;
    pub const INK: u64 = 5;
    pub const LUMA_AND_CHROMA: u64 = 6;
    pub const CIE_LAB: u64 = 8;
    pub const ICC_LAB: u64 = 9;
    pub const COLOUR_FILTERS: u64 = 32_803;
    pub const LINEAR_RAW: u64 = 34_892;
    /// Of the tag `InkSet`.
    pub const NOT_CMYK: u64 = 2;
}

/// Bits of `NewSubfileType`: a smaller copy of another picture, and a mask for one.
const REDUCED_OR_MASK: u64 = 0b101;

/// A file and one of its pictures.
struct Source {
    file: Arc<Mmap>,
    layout: Layout,
    directory: Directory,
}

/// Opens a page of a TIFF, the first unless another is asked for: its tags are read, its pixels are not.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let file = Arc::new(input.map()?);
    let (layout, first) = Layout::of(&file).ok_or_else(|| invalid("its header is damaged"))?;
    let pages = pages(&file, layout, first);
    let count = pages.len() as u32;
    if count == 0 {
        return Err(if (file.len() as u64) < first.saturating_add(2) {
            truncated()
        } else {
            invalid("it holds no picture")
        });
    }
    let page = options.page.unwrap_or(1);
    let directory = pages.into_iter().nth(page as usize - 1).ok_or_else(|| {
        Failure::invalid_request(format!("page {page} was asked for, and the TIFF has {count}; choose 1 to {count}"))
    })?;
    let source = Source { file, layout, directory };
    let mut picture = source.open(options)?;
    picture.pages = count;
    if count > 1 && options.page.is_none() {
        picture.warnings.push(format!("{} further pages of the TIFF are left out; page chooses another", count - 1));
    }
    Ok(picture)
}

fn invalid(what: impl std::fmt::Display) -> Failure {
    Failure::invalid_input(format!("the TIFF cannot be decoded: {what}"))
}

fn truncated() -> Failure {
    Failure::invalid_input("the TIFF is truncated; allow-truncated takes what is there")
}

/// The pictures to choose from: those that follow each other, without masks and smaller copies. Where a smaller copy comes
/// first, as cameras write it, the picture itself lies in a directory below.
fn pages(file: &[u8], layout: Layout, first: u64) -> Vec<Directory> {
    let is_whole = |directory: &Directory| {
        let kind = directory.number(file, layout, tag::NEW_SUBFILE_TYPE).unwrap_or(0);
        kind & REDUCED_OR_MASK == 0 && directory.has(tag::WIDTH)
    };
    let chain = layout.chain(file, first);
    let mut pages = Vec::new();
    for directory in &chain {
        if is_whole(directory) {
            pages.push(directory.clone());
            continue;
        }
        let below = directory.numbers(file, layout, tag::SUB_DIRECTORIES).unwrap_or_default();
        let below = below.into_iter().take(64).filter_map(|at| layout.directory(file, at));
        pages.extend(below.map(|(directory, _)| directory).filter(is_whole));
    }
    if pages.is_empty() {
        // Some writers call all of their pictures copies.
        pages.extend(chain.into_iter().filter(|directory| directory.has(tag::WIDTH)));
    }
    pages
}

/// Samples of a pixel; satellites have hundreds.
const MOST_SAMPLES: u64 = 1024;
/// Bytes of the rows that are held at once.
const MOST_BAND_BYTES: u64 = 1 << 30;

impl Source {
    fn number(&self, tag: u16) -> Option<u64> {
        self.directory.number(&self.file, self.layout, tag)
    }

    fn numbers(&self, tag: u16) -> Option<Vec<u64>> {
        self.directory.numbers(&self.file, self.layout, tag)
    }

    fn floats(&self, tag: u16) -> Option<Vec<f64>> {
        self.directory.floats(&self.file, self.layout, tag)
    }

    fn bytes(&self, tag: u16) -> Option<&[u8]> {
        self.directory.bytes(&self.file, tag)
    }

    fn open(self, options: &ReadOptions) -> Result<Picture, Failure> {
        let length = |tag, name| {
            let length = self.number(tag).and_then(|length| u32::try_from(length).ok());
            length.ok_or_else(|| invalid(format!("it does not say its {name}")))
        };
        let size = (length(tag::WIDTH, "width")?, length(tag::HEIGHT, "height")?);
        options.check_size(size.0, size.1, 1)?;
        let compression = self.number(tag::COMPRESSION).unwrap_or(1) as u16;
        let by_jpeg = matches!(compression, compression::JPEG | compression::OLD_JPEG);
        let photometric = self.photometric(compression);
        let samples = self.samples(photometric)?;
        let planes = if self.number(tag::PLANAR) == Some(2) && samples > 1 { samples } else { 1 };
        let in_chunk = if planes > 1 { 1 } else { samples };
        let bits = self.bits(in_chunk, compression)?;
        let mut warnings = Vec::new();
        let storage = Storage {
            layout: self.layout,
            numbers: self.number_format(&bits)?,
            range: self.said_range(),
            predictor: if by_jpeg { 1 } else { self.number(tag::PREDICTOR).unwrap_or(1) },
            bits,
        };
        let pixels = self.pixels(photometric, samples, by_jpeg, storage.unpacked_bits(), &mut warnings)?;
        let luma_and_chroma = photometric == photometric::LUMA_AND_CHROMA;
        let step = self.chroma_step(luma_and_chroma && !by_jpeg && samples == 3);
        if step != (1, 1) && (planes > 1 || storage.bits != [8; 3]) {
            return Err(invalid("it stores luma and chroma of different sizes in a way that is not known"));
        }
        let mut chunks = self.chunks(size, planes as u32, step)?;
        if compression == compression::OLD_JPEG
            && let Some(stream) = self.old_jpeg(&chunks, size)
        {
            chunks = Chunks::whole(size, stream);
        }
        let band = u64::from(size.0) * u64::from(chunks.band_rows(size)) * samples as u64 * 2;
        if band > MOST_BAND_BYTES {
            return Err(invalid("its tiles are too large"));
        }
        let coding = Coding {
            compression,
            fax_options: self.number(tag::FAX_GROUP_3_OPTIONS).unwrap_or(0),
            tables: self.bytes(tag::JPEG_TABLES).unwrap_or_default().to_vec(),
            luma_and_chroma: in_chunk == 3 && (luma_and_chroma || compression == compression::OLD_JPEG),
            samples: in_chunk,
        };
        let xmp = self.bytes(tag::XMP).filter(|xmp| xmp.len() <= MOST_METADATA_BYTES);
        let iptc = self.bytes(tag::IPTC).filter(|iptc| iptc.len() <= MOST_METADATA_BYTES);
        // What is converted here already is sRGB.
        let is_srgb = matches!(pixels.meaning, Meaning::Lab { .. });
        let icc = self.bytes(tag::ICC).filter(|icc| icc.len() <= MOST_PROFILE_BYTES && !is_srgb);
        let format = pixels.format;
        let reversed = self.number(tag::FILL_ORDER) == Some(2);
        let is_open = storage.range.is_none() && storage.has_open_range();
        let mut rows = Rows::new(self.file.clone(), size, storage, pixels, coding, chunks);
        (rows.step, rows.reversed, rows.allow_truncated) = (step, reversed, options.allow_truncated);
        if is_open {
            warnings.extend(rows.find_range()?);
        }
        Ok(Picture {
            profile: icc.map_or(Profile::Srgb, |icc| Profile::Icc(icc.to_vec())),
            orientation: Orientation::from_exif(self.number(tag::ORIENTATION).unwrap_or(1) as u16),
            metadata: Metadata {
                xmp: xmp.map(<[u8]>::to_vec),
                iptc: iptc.map(<[u8]>::to_vec),
                exif: Some(Directories::of(&self.file, self.layout, &self.directory))
                    .filter(|exif| !exif.is_empty())
                    .map(|exif| exif.write()),
                density: exif::directories::density(&self.file, self.layout, &self.directory),
            },
            warnings,
            ..Picture::new(size, format, Content::Still(Box::new(rows)))
        })
    }

    /// What samples stand for; where the file does not say it, by their number and the compression, as libtiff does.
    fn photometric(&self, compression: u16) -> u64 {
        use self::compression as by;
        let said = self.number(tag::PHOTOMETRIC);
        said.unwrap_or_else(|| match (compression, self.number(tag::SAMPLES).unwrap_or(1)) {
            (by::FAX_RUNS | by::FAX_GROUP_3 | by::FAX_GROUP_4 | by::FAX_RUNS_BY_WORDS, _) => photometric::WHITE_IS_ZERO,
            (by::JPEG | by::OLD_JPEG, 3) => photometric::LUMA_AND_CHROMA,
            (_, 3..) => photometric::RGB,
            _ => photometric::BLACK_IS_ZERO,
        })
    }

    /// Samples of a pixel.
    fn samples(&self, photometric: u64) -> Result<usize, Failure> {
        let usual = match photometric {
            photometric::RGB | photometric::LUMA_AND_CHROMA | photometric::CIE_LAB | photometric::ICC_LAB => 3,
            photometric::INK => 4,
            _ => 1,
        };
        let samples = self.number(tag::SAMPLES).unwrap_or(usual);
        if samples == 0 || samples > MOST_SAMPLES {
            return Err(invalid(format!("it has {samples} samples a pixel; 1 to {MOST_SAMPLES} are read")));
        }
        Ok(samples as usize)
    }

    /// Bits of each sample of a pixel of a chunk.
    fn bits(&self, count: usize, compression: u16) -> Result<Vec<u32>, Failure> {
        use self::compression as by;
        let fixed = match compression {
            by::FAX_RUNS | by::FAX_GROUP_3 | by::FAX_GROUP_4 | by::FAX_RUNS_BY_WORDS => Some(1),
            by::NEXT => Some(2),
            by::THUNDER_SCAN => Some(4),
            by::WEBP | by::OLD_JPEG => Some(8),
            _ => None,
        };
        let said = self.numbers(tag::BITS).unwrap_or_else(|| vec![1]);
        let bits: Vec<u32> =
            (0..count).map(|at| fixed.unwrap_or(said.get(at).or(said.first()).copied().unwrap_or(1) as u32)).collect();
        if bits.iter().any(|bits| !(1..=64).contains(bits)) {
            return Err(invalid(format!("it has samples of {said:?} bits")));
        }
        if compression == by::JPEG && bits[0] != 8 {
            return Err(invalid(format!("its JPEG data has {} bits a sample; 8 are read", bits[0])));
        }
        Ok(bits)
    }

    fn number_format(&self, bits: &[u32]) -> Result<Numbers, Failure> {
        match self.number(tag::SAMPLE_FORMAT).unwrap_or(1) {
            // 4 is "not known".
            1 | 4 => Ok(Numbers::Unsigned),
            2 => Ok(Numbers::Signed),
            3 if bits.iter().all(|size| *size == bits[0]) && matches!(bits[0], 16 | 24 | 32 | 64) => Ok(Numbers::Float),
            3 => Err(invalid(format!("it has numbers of floating point of {} bits", bits[0]))),
            _ => Err(invalid("its samples are complex numbers")),
        }
    }

    /// Black and white, where the file says them.
    fn said_range(&self) -> Option<(f64, f64)> {
        let least = self.floats(tag::LEAST_SAMPLE)?.into_iter().fold(f64::INFINITY, f64::min);
        let most = self.floats(tag::MOST_SAMPLE)?.into_iter().fold(f64::NEG_INFINITY, f64::max);
        (least.is_finite() && most.is_finite() && least < most).then_some((least, most))
    }

    /// What becomes of samples.
    fn pixels(
        &self,
        photometric: u64,
        samples: usize,
        by_jpeg: bool,
        bits: u32,
        warnings: &mut Vec<String>,
    ) -> Result<Pixels, Failure> {
        let plain = |inverted| Meaning::Plain { inverted };
        let (model, meaning) = match photometric {
            photometric::WHITE_IS_ZERO => (Model::Grey, plain(true)),
            photometric::BLACK_IS_ZERO | photometric::MASK => (Model::Grey, plain(false)),
            photometric::PALETTE => (Model::Rgb, Meaning::Palette(self.palette()?)),
            photometric::RGB if samples >= 3 => (Model::Rgb, plain(false)),
            photometric::INK if self.number(tag::INK_SET) == Some(photometric::NOT_CMYK) && samples > 1 => {
                return Err(invalid("it is made of inks other than cyan, magenta, yellow and black"));
            }
            photometric::INK if samples >= 4 => (Model::Cmyk, plain(false)),
            photometric::INK => (if samples == 3 { Model::Rgb } else { Model::Grey }, plain(true)),
            photometric::LUMA_AND_CHROMA if samples >= 3 && by_jpeg => (Model::Rgb, plain(false)),
            photometric::LUMA_AND_CHROMA if samples >= 3 => (Model::Rgb, self.luma_and_chroma()),
            photometric::CIE_LAB if samples >= 3 => (Model::Rgb, Meaning::Lab { signed: true }),
            photometric::ICC_LAB if samples >= 3 => (Model::Rgb, Meaning::Lab { signed: false }),
            photometric::RGB | photometric::LUMA_AND_CHROMA | photometric::CIE_LAB | photometric::ICC_LAB => {
                (Model::Grey, plain(false))
            }
            photometric::COLOUR_FILTERS | photometric::LINEAR_RAW => {
                return Err(invalid("it holds a camera's raw data (DNG or the like), which is to be developed first"));
            }
            other => return Err(invalid(format!("what its samples stand for (photometric {other}) is not known"))),
        };
        let colours = if matches!(meaning, Meaning::Palette(_)) { 1 } else { model.channels() };
        let extra = samples - colours;
        let kinds = self.numbers(tag::EXTRA_SAMPLES).unwrap_or_default();
        // A single sample of which nothing is said is opacity, as in other readers.
        let said = kinds.iter().take(extra).position(|kind| matches!(kind, 1 | 2));
        let alpha = said.or((extra == 1).then_some(0));
        if extra > usize::from(alpha.is_some()) {
            let count = extra - usize::from(alpha.is_some());
            warnings.push(format!("{count} further channels of the TIFF (spot colours or masks) are left out"));
        }
        let depth = match meaning {
            // Tables of colours have sixteen bits, of which eight mean something.
            Meaning::Palette(_) => Depth::Eight,
            _ if bits > 8 => Depth::Sixteen,
            _ => Depth::Eight,
        };
        Ok(Pixels {
            meaning,
            stored: samples,
            bits,
            format: PixelFormat { model, alpha: alpha.is_some(), depth },
            alpha: alpha.map(|at| colours + at),
            premultiplied: said.is_some_and(|at| kinds[at] == 1),
            table: Vec::new(),
        }
        .with_table())
    }

    fn palette(&self) -> Result<Vec<[u16; 3]>, Failure> {
        let map = self.numbers(tag::COLOUR_MAP).ok_or_else(|| invalid("its table of colours is missing"))?;
        let count = map.len() / 3;
        // Old writers put eight bits there.
        let factor = if map.iter().all(|part| *part < 256) { 257 } else { 1 };
        let part = |at: usize| (map[at] * factor).min(65_535) as u16;
        Ok((0..count).map(|at| [part(at), part(count + at), part(2 * count + at)]).collect())
    }

    /// TIFF 6.0, section 21.
    fn luma_and_chroma(&self) -> Meaning {
        let weights = self.floats(tag::LUMA_WEIGHTS).unwrap_or_default();
        let weights = match weights[..] {
            [red, green, blue] if green > 0.0 => [red, green, blue].map(|weight| weight as f32),
            _ => [0.299, 0.587, 0.114],
        };
        let levels = self.floats(tag::BLACK_AND_WHITE).unwrap_or_default();
        let usual = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];
        let levels: [f64; 6] = levels.try_into().unwrap_or(usual);
        let differ = (0..3).all(|at| (levels[2 * at + 1] - levels[2 * at]).abs() > 1.0);
        Meaning::LumaAndChroma { weights, levels: if differ { levels } else { usual }.map(|level| level as f32) }
    }

    /// Columns and rows of luma for each sample of chroma.
    fn chroma_step(&self, has_chroma: bool) -> (u32, u32) {
        let said = self.numbers(tag::CHROMA_STEP).unwrap_or_default();
        match said[..] {
            _ if !has_chroma => (1, 1),
            [across @ (1 | 2 | 4), down @ (1 | 2 | 4), ..] => (across as u32, down as u32),
            _ => (2, 2),
        }
    }

    fn chunks(&self, size: (u32, u32), planes: u32, step: (u32, u32)) -> Result<Chunks, Failure> {
        let length = |tag| self.number(tag).and_then(|length| u32::try_from(length).ok()).filter(|length| *length > 0);
        let tile = length(tag::TILE_WIDTH).zip(length(tag::TILE_HEIGHT));
        let strip = (size.0, length(tag::ROWS_PER_STRIP).unwrap_or(size.1).min(size.1.next_multiple_of(step.1)));
        // Some writers put the places of tiles where those of strips belong.
        let list = |of_tiles, of_strips| match tile {
            Some(_) => self.numbers(of_tiles).or_else(|| self.numbers(of_strips)),
            None => self.numbers(of_strips).or_else(|| self.numbers(of_tiles)),
        };
        let offsets = list(tag::TILE_OFFSETS, tag::STRIP_OFFSETS);
        let is_old_jpeg = self.directory.has(tag::JPEG_STREAM);
        if offsets.is_none() && !is_old_jpeg {
            return Err(invalid("the places of its strips are missing"));
        }
        let chunk = tile.unwrap_or(strip);
        if !chunk.0.is_multiple_of(step.0) && tile.is_some() || !chunk.1.is_multiple_of(step.1) && chunk.1 < size.1 {
            return Err(invalid("its strips divide samples of chroma"));
        }
        if u64::from(chunk.0) > u64::from(size.0) + (1 << 20) {
            return Err(invalid("its tiles are too large"));
        }
        Ok(Chunks {
            size: chunk,
            across: size.0.div_ceil(chunk.0),
            down: size.1.div_ceil(chunk.1),
            is_tiled: tile.is_some(),
            offsets: offsets.unwrap_or_default(),
            counts: list(tag::TILE_COUNTS, tag::STRIP_COUNTS).unwrap_or_default(),
            planes,
            stream: None,
        })
    }
}

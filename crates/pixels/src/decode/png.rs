//! PNG and APNG by the `png` crate: rows as they come, all bit depths as 8 or 16 bits, palettes and transparent colours
//! resolved.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use contract::Failure;
use operation::{Input, InputReader};
use png::{BitDepth, BlendOp, ColorType, Decoder, DisposeOp, Limits, Reader, Transformations};

use crate::decode::{
    Content, Density, Frame, FrameSource, MOST_METADATA_BYTES, MOST_PROFILE_BYTES, Metadata, Picture, Profile,
    ReadOptions,
};
use crate::exif;
use crate::raster::{Depth, Model, PixelFormat, Raster, RasterRows, RowMut, RowSource, Samples};

/// Text chunks and profiles inflate; this bounds all of them together, beside the decoder's own rows.
const MOST_BYTES: usize = 64 << 20;
const XMP_KEYWORD: &str = "XML:com.adobe.xmp";

/// Opens a PNG: its header and metadata are read, its rows are not.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let structure = Structure::of(&input.map()?);
    let damage = Damage { allow_truncated: options.allow_truncated, is_cut: structure.is_cut };
    let source = Source { reader: input.reader(), at: 0, hidden: structure.misfits.clone() };
    let mut decoder = Decoder::new_with_limits(BufReader::with_capacity(1 << 16, source), Limits { bytes: MOST_BYTES });
    // The header comes first, so that the size is checked before rows are made.
    let header = decoder.read_header_info().map_err(|error| failure(damage, error))?;
    options.check_size(header.width, header.height, 1)?;
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info().map_err(|error| failure(damage, error))?;
    let info = reader.info();
    let size = (info.width, info.height);
    let (colour, depth) = reader.output_color_type();
    let (model, alpha) = match colour {
        ColorType::Grayscale => (Model::Grey, false),
        ColorType::GrayscaleAlpha => (Model::Grey, true),
        ColorType::Rgb => (Model::Rgb, false),
        ColorType::Rgba => (Model::Rgb, true),
        ColorType::Indexed => return Err(Failure::internal("a PNG palette was to be resolved")),
    };
    let depth = if depth == BitDepth::Sixteen { Depth::Sixteen } else { Depth::Eight };
    let format = PixelFormat { model, alpha, depth };
    let metadata = Metadata {
        exif: info
            .exif_metadata
            .as_deref()
            .filter(|exif| exif.len() <= MOST_METADATA_BYTES)
            .map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif).to_vec()),
        xmp: info
            .utf8_text
            .iter()
            .find(|text| text.keyword == XMP_KEYWORD)
            .and_then(|text| text.get_text().ok())
            .map(String::into_bytes)
            .filter(|xmp| xmp.len() <= MOST_METADATA_BYTES),
        iptc: None,
        density: info.pixel_dims.filter(|density| density.unit == png::Unit::Meter).and_then(|density| {
            let to_inches = |pixels: u32| f64::from(pixels) * 0.0254;
            // Whole numbers of pixels per metre are no whole numbers of pixels per inch.
            let near = |density: f64| if (density - density.round()).abs() < 0.02 { density.round() } else { density };
            Density::new(near(to_inches(density.xppu)), near(to_inches(density.yppu)))
        }),
    };
    let orientation = metadata.exif.as_deref().map(exif::orientation).unwrap_or_default();
    let profile = profile(info);
    let control = info.animation_control;
    // The image that stands before the frames need not be one of them.
    let has_default = control.is_some() && info.frame_control.is_none();
    let interlaced = info.interlaced;
    let warnings: Vec<String> = (!structure.misfits.is_empty()).then(|| MISFIT.to_owned()).into_iter().collect();
    let picture =
        |format, content| Picture { profile, orientation, metadata, warnings, ..Picture::new(size, format, content) };
    let frames = control.map_or(1, |control| control.num_frames);
    if control.is_some() && structure.frames < frames && !options.first_frame && !options.allow_truncated {
        return Err(Failure::invalid_input(format!(
            "the PNG is truncated: it has {} of the {frames} frames that it promises; allow-truncated takes what is there",
            structure.frames
        )));
    }
    if let Some(control) = control
        && structure.frames > 0
        && (has_default || (frames > 1 && !options.first_frame))
    {
        let there = if options.first_frame { 1 } else { structure.frames.min(frames) };
        options.check_size(size.0, size.1, there)?;
        let mut animation = Animation::new(reader, format, (there, has_default), damage)?;
        animation.truncated = !options.first_frame && there < frames;
        let content = if there > 1 {
            Content::Animation { frames: Box::new(animation), loops: control.num_plays }
        } else {
            let first = animation.next()?.ok_or_else(|| failure_of(damage, "its first frame is missing"))?;
            Content::Still(Box::new(RasterRows::of_truncated(first.raster, animation.truncated)))
        };
        let more_frames = options.first_frame && frames > 1;
        return Ok(Picture { frames: there, more_frames, ..picture(PixelFormat::RGBA8, content) });
    }
    let rows = Rows { reader, size, format, bytes: Vec::new(), truncated: false, damage };
    let source: Box<dyn RowSource> =
        if interlaced { Box::new(Interlaced { rows, decoded: None }) } else { Box::new(rows) };
    Ok(Picture { more_frames: frames > 1, ..picture(format, Content::Still(source)) })
}

const MISFIT: &str = "its animation is left out, because the first frame is not as large as the picture";

/// The chunks of a PNG, as far as they tell what is missing.
struct Structure {
    /// Whether the file ends before its last chunk.
    is_cut: bool,
    /// Frames of an animation.
    frames: u32,
    /// The places of the types of chunks that say that there is an animation, if its first frame is the picture itself and is
    /// said to be of another size, which it must not be (PNG, third edition, 11.3.4.2).
    misfits: Vec<u64>,
}

impl Structure {
    fn of(file: &[u8]) -> Self {
        let mut structure = Self { is_cut: true, frames: 0, misfits: Vec::new() };
        let size = file.get(16..24);
        let (mut animation, mut is_misfit, mut has_picture) = (Vec::new(), false, false);
        let mut rest = file.get(8..).unwrap_or_default();
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, kind @ ..] = *head;
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            structure.frames += u32::from(&kind == b"fcTL");
            // Frames behind the picture may be of any size.
            has_picture |= &kind == b"IDAT";
            if !has_picture && matches!(&kind, b"acTL" | b"fcTL") {
                animation.push((file.len() - rest.len() + 4) as u64);
                is_misfit |= &kind == b"fcTL" && (after.get(4..12) != size || after.get(12..20) != Some(&[0; 8]));
            }
            if &kind == b"IEND" {
                structure.is_cut = false;
                break;
            }
            // A check sum follows.
            let Some(next) = length.checked_add(4).and_then(|length| after.get(length..)) else { break };
            rest = next;
        }
        if is_misfit {
            structure.misfits = animation;
        }
        structure
    }
}

/// The file, in which the types of some chunks are replaced by one that decoders pass over.
struct Source {
    reader: InputReader,
    at: u64,
    hidden: Vec<u64>,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        /// Private, and not needed to show the picture.
        const TYPE: [u8; 4] = *b"leFt";
        let count = self.reader.read(buffer)?;
        for place in &self.hidden {
            for (place, byte) in (*place..).zip(TYPE) {
                if let Some(at) = place.checked_sub(self.at).filter(|at| *at < count as u64) {
                    buffer[at as usize] = byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Source {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.at = self.reader.seek(from)?;
        Ok(self.at)
    }
}

/// What to do about damage.
#[derive(Debug, Clone, Copy)]
struct Damage {
    allow_truncated: bool,
    is_cut: bool,
}

impl Damage {
    /// Whether what was decoded before an error serves.
    fn is_allowed(self, error: &png::DecodingError) -> bool {
        self.allow_truncated
            && match error {
                png::DecodingError::IoError(error) => error.kind() == io::ErrorKind::UnexpectedEof,
                png::DecodingError::Format(_) | png::DecodingError::Parameter(_) => true,
                png::DecodingError::LimitsExceeded => false,
            }
    }
}

/// What the colours mean, by the precedence of the PNG specification (third edition, 4.3).
fn profile(info: &png::Info<'_>) -> Profile {
    if let Some(points) = info.coding_independent_code_points {
        return Profile::CodePoints { primaries: points.color_primaries, transfer: points.transfer_function };
    }
    if let Some(icc) = info.icc_profile.as_deref().filter(|icc| icc.len() <= MOST_PROFILE_BYTES) {
        return Profile::Icc(icc.to_vec());
    }
    if info.srgb.is_some() {
        return Profile::Srgb;
    }
    match info.gama_chunk {
        Some(gamma) if gamma.into_scaled() > 0 => Profile::Gamma {
            gamma: gamma.into_scaled(),
            chromaticities: info.chrm_chunk.map(|chromaticities| {
                let pairs = [chromaticities.white, chromaticities.red, chromaticities.green, chromaticities.blue];
                let [white, red, green, blue] = pairs.map(|(x, y)| [x.into_scaled(), y.into_scaled()]);
                [white[0], white[1], red[0], red[1], green[0], green[1], blue[0], blue[1]]
            }),
        },
        _ => Profile::Srgb,
    }
}

fn failure(damage: Damage, error: png::DecodingError) -> Failure {
    match error {
        png::DecodingError::LimitsExceeded => Failure::invalid_input(format!(
            "the PNG's text, profile or rows need more than {} megabytes of memory",
            MOST_BYTES >> 20
        )),
        png::DecodingError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => error.into(),
        png::DecodingError::IoError(_) => truncated(),
        error => failure_of(damage, error.to_string()),
    }
}

fn failure_of(damage: Damage, what: impl std::fmt::Display) -> Failure {
    if damage.is_cut {
        return truncated();
    }
    Failure::invalid_input(format!("the PNG is damaged: {what}; allow-truncated takes what is there"))
}

fn truncated() -> Failure {
    Failure::invalid_input("the PNG is truncated; allow-truncated takes what is there")
}

/// Samples of sixteen bits are stored most significant byte first.
fn copy_samples(bytes: &[u8], row: RowMut<'_>) {
    match row {
        RowMut::Eight(row) => row.copy_from_slice(bytes),
        RowMut::Sixteen(row) => {
            for (sample, bytes) in row.iter_mut().zip(bytes.chunks_exact(2)) {
                *sample = u16::from_be_bytes([bytes[0], bytes[1]]);
            }
        }
    }
}

struct Rows {
    reader: Reader<BufReader<Source>>,
    size: (u32, u32),
    format: PixelFormat,
    bytes: Vec<u8>,
    truncated: bool,
    damage: Damage,
}

impl RowSource for Rows {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if self.truncated {
            // What is missing stays as the caller's buffer is.
            return Ok(());
        }
        let read = match row {
            RowMut::Eight(row) => self.reader.read_row(row).map(|row| row.is_some()),
            RowMut::Sixteen(row) => {
                self.bytes.resize(row.len() * 2, 0);
                let read = self.reader.read_row(&mut self.bytes).map(|row| row.is_some());
                if matches!(read, Ok(true)) {
                    copy_samples(&self.bytes, RowMut::Sixteen(row));
                }
                read
            }
        };
        match read {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::invalid_input("the PNG has fewer rows than its header says")),
            Err(error) if self.damage.is_allowed(&error) => {
                self.truncated = true;
                Ok(())
            }
            Err(error) => Err(failure(self.damage, error)),
        }
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// The rows of an interlaced PNG are complete only at the end.
struct Interlaced {
    rows: Rows,
    decoded: Option<(Vec<u8>, usize)>,
}

impl RowSource for Interlaced {
    fn size(&self) -> (u32, u32) {
        self.rows.size
    }

    fn format(&self) -> PixelFormat {
        self.rows.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if self.decoded.is_none() {
            let size = self.rows.reader.output_buffer_size();
            let mut bytes = vec![0; size.ok_or_else(|| Failure::internal("no memory for the PNG"))?];
            if let Err(error) = self.rows.reader.next_frame(&mut bytes) {
                if !self.rows.damage.is_allowed(&error) {
                    return Err(failure(self.rows.damage, error));
                }
                self.rows.truncated = true;
            }
            self.decoded = Some((bytes, 0));
        }
        if let Some((bytes, at)) = &mut self.decoded {
            let length = bytes.len() / self.rows.size.1 as usize;
            copy_samples(&bytes[*at..*at + length], row);
            *at += length;
        }
        Ok(())
    }

    fn truncated(&self) -> bool {
        self.rows.truncated
    }
}

/// The frames of an APNG, composed.
struct Animation {
    reader: Reader<BufReader<Source>>,
    format: PixelFormat,
    canvas: Raster,
    /// The canvas before the last frame, for those that are to be disposed of by going back.
    before: Option<Vec<u8>>,
    dispose: Option<(DisposeOp, [u32; 4])>,
    left: u32,
    /// The image that stands before the animation is not part of it.
    skip_first: bool,
    is_first: bool,
    damage: Damage,
    truncated: bool,
}

impl Animation {
    fn new(
        reader: Reader<BufReader<Source>>,
        format: PixelFormat,
        (frames, skip_first): (u32, bool),
        damage: Damage,
    ) -> Result<Self, Failure> {
        let info = reader.info();
        let canvas = Raster::new(info.width, info.height, PixelFormat::RGBA8)?;
        Ok(Self {
            reader,
            format,
            canvas,
            before: None,
            dispose: None,
            left: frames,
            skip_first,
            is_first: true,
            damage,
            truncated: false,
        })
    }

    fn decode(&mut self) -> Result<Option<Frame>, png::DecodingError> {
        let mut bytes = vec![0; self.reader.output_buffer_size().ok_or(png::DecodingError::LimitsExceeded)?];
        if self.skip_first {
            self.reader.next_frame(&mut bytes)?;
            self.skip_first = false;
        }
        let result = self.reader.next_frame(&mut bytes);
        if self.is_first && result.as_ref().is_err_and(|error| self.damage.is_allowed(error)) {
            // The rows before the damage are there; of a later frame, the one before it is shown on.
            self.truncated = true;
            self.left = 0;
        } else {
            result?;
        }
        self.is_first = false;
        let Some(control) = self.reader.info().frame_control else { return Ok(None) };
        let area = [control.x_offset, control.y_offset, control.width, control.height];
        self.dispose_last();
        self.before = Some(self.canvas.eight().to_vec());
        self.dispose = Some((control.dispose_op, area));
        let pixels = rgba(&bytes, self.format);
        let width = self.canvas.width as usize;
        if let Samples::Eight(canvas) = &mut self.canvas.samples {
            let [x, y, w, h] = area.map(|value| value as usize);
            for (row, pixels) in pixels.chunks_exact(w * 4).take(h).enumerate() {
                let start = ((y + row) * width + x) * 4;
                let canvas = &mut canvas[start..start + w * 4];
                if control.blend_op == BlendOp::Source {
                    canvas.copy_from_slice(pixels);
                } else {
                    canvas.chunks_exact_mut(4).zip(pixels.chunks_exact(4)).for_each(|(under, over)| blend(under, over));
                }
            }
        }
        let denominator = if control.delay_den == 0 { 100 } else { u32::from(control.delay_den) };
        let milliseconds = u32::from(control.delay_num) * 1000 / denominator;
        Ok(Some(Frame { raster: self.canvas.clone(), milliseconds }))
    }

    fn dispose_last(&mut self) {
        let (Some((dispose, [x, y, w, h])), Samples::Eight(canvas)) = (self.dispose, &mut self.canvas.samples) else {
            return;
        };
        let width = self.canvas.width;
        match dispose {
            DisposeOp::None => {}
            DisposeOp::Background => {
                for row in y..y + h {
                    let start = (row as usize * width as usize + x as usize) * 4;
                    canvas[start..start + w as usize * 4].fill(0);
                }
            }
            DisposeOp::Previous => {
                if let Some(before) = &self.before {
                    canvas.copy_from_slice(before);
                }
            }
        }
    }
}

impl FrameSource for Animation {
    fn next(&mut self) -> Result<Option<Frame>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match self.decode() {
            Err(error) if self.damage.is_allowed(&error) => {
                self.truncated = true;
                self.left = 0;
                Ok(None)
            }
            result => result.map_err(|error| failure(self.damage, error)),
        }
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// Eight-bit RGB with opacity out of rows of any layout.
fn rgba(bytes: &[u8], format: PixelFormat) -> Vec<u8> {
    let sample_bytes = if format.depth == Depth::Sixteen { 2 } else { 1 };
    let channels = format.channels();
    let mut pixels = Vec::with_capacity(bytes.len() / (channels * sample_bytes) * 4);
    for pixel in bytes.chunks_exact(channels * sample_bytes) {
        let sample = |channel: usize| pixel[channel * sample_bytes];
        let colour = if format.model == Model::Grey { [sample(0); 3] } else { [sample(0), sample(1), sample(2)] };
        let alpha = if format.alpha { sample(channels - 1) } else { 255 };
        pixels.extend([colour[0], colour[1], colour[2], alpha]);
    }
    pixels
}

/// Lays a pixel over another (the PNG specification's OVER).
fn blend(under: &mut [u8], over: &[u8]) {
    let (above, below) = (u32::from(over[3]), u32::from(under[3]));
    if above == 255 || below == 0 {
        under.copy_from_slice(over);
        return;
    }
    let below = below * (255 - above);
    let whole = above * 255 + below;
    for channel in 0..3 {
        let sum = u32::from(over[channel]) * above * 255 + u32::from(under[channel]) * below;
        under[channel] = ((sum + whole / 2) / whole) as u8;
    }
    under[3] = ((whole + 127) / 255) as u8;
}

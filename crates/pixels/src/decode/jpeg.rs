//! JPEG by libjpeg-turbo's code (as mozjpeg carries it): baseline, progressive and arithmetic, scaled down by a power of
//! two while decoding, rows or luma and chroma apart as they come, input through a small window.
//!
//! libjpeg reports errors by a callback that must not return. Here it unwinds: the library is compiled with
//! `-fexceptions` and declared `extern "C-unwind"` for this purpose, and every call into it is caught in [`guarded`].

use std::any::Any;
use std::ffi::{c_char, c_int, c_long};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use catalog::Format;
use contract::Failure;
use mozjpeg_sys::{
    J_COLOR_SPACE, boolean, jpeg_calc_output_dimensions, jpeg_common_struct, jpeg_create_decompress,
    jpeg_decompress_struct, jpeg_destroy_decompress, jpeg_error_mgr, jpeg_has_multiple_scans, jpeg_progress_mgr,
    jpeg_read_header, jpeg_read_raw_data, jpeg_read_scanlines, jpeg_resync_to_restart, jpeg_save_markers,
    jpeg_source_mgr, jpeg_start_decompress, jpeg_std_error,
};
use operation::Input;

use crate::decode::{Content, Density, Metadata, Picture, Profile, ReadOptions};
use crate::exif;
use crate::planes::{PLANES, PlaneSizes, PlaneSource, TakePlaneRow};
use crate::raster::{Depth, Model, PixelFormat, RowMut, RowSource};
use crate::xmp;

/// EXIF and XMP.
const APP1: u8 = 0xe1;
/// How segments begin that have the part of XMP that does not fit into one (XMP specification, part 3).
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const EXTENSION_LEFT_OUT: &str = "the part of its XMP that the JPEG stores apart (extended XMP) is left out";
/// ICC profiles.
const APP2: u8 = 0xe2;
/// Photoshop's resources, IPTC among them.
const APP13: u8 = 0xed;
/// Adobe's mark.
const APP14: u8 = 0xee;
const WINDOW: usize = 1 << 16;
/// Every scan of a progressive file goes over all coefficients again. Encoders write about ten; so many are always taken,
const USUAL_SCANS: u64 = 20;
/// and more only as long as all scans together go over no more pixels than this.
const MOST_SCANNED_PIXELS: u64 = 4_000_000_000;
/// Its number where arithmetic coding is compiled in, which mozjpeg-sys' own list does not have.
const JWRN_ARITH_BAD_CODE: c_int = 126;
/// Warnings (by libjpeg's numbers) that mean pixels are missing or wrong. Others, such as bytes between segments, do not
/// touch the picture.
const DAMAGE: [c_int; 5] = [
    mozjpeg_sys::JWRN_HIT_MARKER,
    mozjpeg_sys::JWRN_HUFF_BAD_CODE,
    JWRN_ARITH_BAD_CODE,
    mozjpeg_sys::JWRN_MUST_RESYNC,
    mozjpeg_sys::JWRN_JPEG_EOF,
];

unsafe extern "C-unwind" {
    /// In `src/native/jpeg_huffman.c`.
    fn image_job_jpeg_is_arithmetic(library: &jpeg_decompress_struct) -> c_int;
    /// As well.
    fn image_job_jpeg_decode_huffman(library: &mut jpeg_decompress_struct);
    /// In `src/native/jpeg_planes.c`.
    fn image_job_jpeg_scale_alike(library: &mut jpeg_decompress_struct);
}

/// Opens a JPEG: its header and metadata are read, its rows are not.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let mut decoder = Decoder::new(input.clone(), options.allow_truncated);
    decoder.read_header()?;
    let (width, height) = decoder.size();
    options.check_size(width, height, 1)?;
    let format = decoder.choose_model();
    let segments = decoder.segments();
    let mut metadata = Metadata::default();
    for (_, segment) in segments.iter().filter(|(code, _)| *code == APP1) {
        if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
            metadata.exif.get_or_insert_with(|| tiff.to_vec());
        } else if let Some(xmp) = segment.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
            metadata.xmp.get_or_insert_with(|| xmp.to_vec());
        }
    }
    let mut resources = segments.iter().filter(|(code, _)| *code == APP13);
    metadata.iptc = resources.find_map(|(_, segment)| iptc(segment.strip_prefix(b"Photoshop 3.0\0")?));
    metadata.density = decoder.density();
    let is_extended = segments.iter().any(|(code, segment)| *code == APP1 && segment.starts_with(EXTENDED_XMP));
    let mut warnings = Vec::new();
    if metadata.xmp.as_mut().is_some_and(xmp::remove_extension) || is_extended {
        warnings.push(EXTENSION_LEFT_OUT.to_owned());
    }
    let profile = icc_profile(&segments).map_or(Profile::Srgb, Profile::Icc);
    let orientation = metadata.exif.as_deref().map(exif::orientation).unwrap_or_default();
    Ok(Picture {
        size: (width, height),
        format,
        profile,
        orientation,
        metadata,
        frames: 1,
        sequence: false,
        pages: 1,
        more_frames: false,
        warnings,
        content: Content::Still(Box::new(decoder)),
    })
}

/// The rows of a JPEG that is a part of another file: its components as they are, or luma and chroma as red, green and blue.
pub struct Rows {
    decoder: Decoder,
    row: Vec<u8>,
}

impl Rows {
    /// Of that many components. Damage is overlooked where `lenient`.
    pub fn new(bytes: Vec<u8>, luma_and_chroma: bool, components: usize, lenient: bool) -> Result<Self, Failure> {
        let input = Input::from_bytes("part.jpg", Format::Jpeg, bytes);
        let mut decoder = Decoder::new(input, lenient);
        decoder.read_header()?;
        if decoder.library.num_components as usize != components {
            return Err(Failure::invalid_input(format!(
                "its JPEG data has {} samples a pixel and not {components}",
                decoder.library.num_components
            )));
        }
        (decoder.library.jpeg_color_space, decoder.library.out_color_space) = if luma_and_chroma {
            (J_COLOR_SPACE::JCS_YCbCr, J_COLOR_SPACE::JCS_RGB)
        } else {
            (J_COLOR_SPACE::JCS_UNKNOWN, J_COLOR_SPACE::JCS_UNKNOWN)
        };
        decoder.format = match components {
            1 => PixelFormat { model: Model::Grey, ..decoder.format },
            2 => PixelFormat { model: Model::Grey, alpha: true, ..decoder.format },
            4 => PixelFormat { model: Model::Cmyk, ..decoder.format },
            _ => decoder.format,
        };
        Ok(Self { decoder, row: Vec::new() })
    }

    /// Fills the next row as far as the picture goes.
    pub fn read(&mut self, row: &mut [u8]) -> Result<(), Failure> {
        self.row.resize(self.decoder.library.image_width as usize * self.decoder.format.channels(), 0);
        self.decoder.read(RowMut::Eight(&mut self.row))?;
        let count = row.len().min(self.row.len());
        row[..count].copy_from_slice(&self.row[..count]);
        Ok(())
    }
}

/// IPTC-IIM among Photoshop's resources: each has a signature, a number, a name of even length, a length and data of even
/// length.
fn iptc(mut resources: &[u8]) -> Option<Vec<u8>> {
    const IPTC: [u8; 2] = [0x04, 0x04];
    while let Some(resource) = resources.strip_prefix(b"8BIM") {
        let (number, rest) = resource.split_first_chunk::<2>()?;
        let name = (usize::from(*rest.first()?) + 2) & !1;
        let (length, rest) = rest.get(name..)?.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let data = rest.get(..length)?;
        if *number == IPTC {
            return Some(data.to_vec());
        }
        resources = rest.get((length + 1) & !1..).unwrap_or_default();
    }
    None
}

/// Joins the parts of an ICC profile, which APP2 segments carry in numbered chunks.
fn icc_profile(segments: &[(u8, &[u8])]) -> Option<Vec<u8>> {
    let mut chunks: Vec<(u8, u8, &[u8])> = segments
        .iter()
        .filter(|(code, _)| *code == APP2)
        .filter_map(|(_, segment)| match segment.strip_prefix(b"ICC_PROFILE\0")? {
            [number, count, data @ ..] => Some((*number, *count, data)),
            _ => None,
        })
        .collect();
    chunks.sort_by_key(|chunk| chunk.0);
    let complete = !chunks.is_empty()
        && chunks
            .iter()
            .enumerate()
            .all(|(at, chunk)| usize::from(chunk.0) == at + 1 && usize::from(chunk.1) == chunks.len());
    complete.then(|| chunks.iter().flat_map(|chunk| chunk.2).copied().collect())
}

struct Decoder {
    /// Boxed, because libjpeg keeps pointers to and between them.
    library: Box<jpeg_decompress_struct>,
    errors: Box<jpeg_error_mgr>,
    source: Box<jpeg_source_mgr>,
    progress: Box<jpeg_progress_mgr>,
    state: Box<State>,
    format: PixelFormat,
    /// CMYK is stored with 255 for paper, as Adobe began it.
    inverted: bool,
    /// The rows that are decoded at once, of each plane, where planes are read.
    bands: [Band; PLANES],
    started: bool,
    failed: bool,
    allow_truncated: bool,
}

/// Samples of a component across and down, for the same part of the picture (T.81, A.1.1).
type Factors = (u32, u32);

/// Rows of a plane.
#[derive(Default)]
struct Band {
    samples: Vec<u8>,
    stride: usize,
    /// Rows of the plane that have been handed on.
    done: u32,
}

/// What the callbacks know.
struct State {
    input: Input,
    position: u64,
    window: Vec<u8>,
    /// The first message that means damage, and whether it is that the file ends early.
    damage: Option<String>,
    is_truncated: bool,
    /// Whether more was asked for than the file has.
    ended_early: bool,
    /// Whether pixels are missing where the file ends early. In a baseline file of one scan they need not be: there the
    /// decoder tells.
    end_matters: bool,
    /// Decode as libjpeg does, which our own decoder is compared to.
    by_libjpeg_alone: bool,
}

impl State {
    /// Pixels are missing because the file ends early.
    fn note_end(&mut self) {
        if self.damage.is_none() {
            self.damage = Some(format!("it ends after {} bytes", self.position));
            self.is_truncated = true;
        }
    }
}

// SAFETY: everything that the pointers point to is owned by the decoder or by libjpeg's memory manager, which has no
// thread-local or global state; the decoder is used by one thread at a time because every call takes it mutably.
unsafe impl Send for Decoder {}

/// Unwinds out of libjpeg.
struct LibraryError(String);

impl Decoder {
    fn new(input: Input, allow_truncated: bool) -> Self {
        // SAFETY: all of these are C structures of numbers, null pointers and absent functions, for which zeros are values.
        let (mut errors, source, mut progress): (Box<jpeg_error_mgr>, Box<jpeg_source_mgr>, Box<jpeg_progress_mgr>) =
            unsafe { (zeroed(), zeroed(), zeroed()) };
        // SAFETY: as above; jpeg_create_decompress sets everything but the error manager.
        let mut library: Box<jpeg_decompress_struct> = unsafe { zeroed() };
        // SAFETY: it fills the structure.
        unsafe { jpeg_std_error(&mut errors) };
        errors.error_exit = Some(error_exit);
        errors.emit_message = Some(emit_message);
        progress.progress_monitor = Some(watch_scans);
        let state = State {
            input,
            position: 0,
            window: vec![0; WINDOW],
            damage: None,
            is_truncated: false,
            ended_early: false,
            end_matters: true,
            by_libjpeg_alone: false,
        };
        library.common.err = &raw mut *errors;
        let format = PixelFormat { model: Model::Rgb, alpha: false, depth: Depth::Eight };
        Self {
            library,
            errors,
            source,
            progress,
            state: Box::new(state),
            format,
            inverted: false,
            bands: Default::default(),
            started: false,
            failed: false,
            allow_truncated,
        }
    }

    fn read_header(&mut self) -> Result<(), Failure> {
        self.guarded(|decoder| {
            // SAFETY: the structure is zeroed and its error manager is set.
            unsafe { jpeg_create_decompress(&raw mut *decoder.library) };
            decoder.library.common.client_data = (&raw mut *decoder.state).cast();
            decoder.library.common.progress = &raw mut *decoder.progress;
            decoder.source.init_source = Some(init_source);
            decoder.source.fill_input_buffer = Some(fill_input_buffer);
            decoder.source.skip_input_data = Some(skip_input_data);
            decoder.source.resync_to_restart = Some(jpeg_resync_to_restart);
            decoder.source.term_source = Some(init_source);
            decoder.library.src = &raw mut *decoder.source;
            // SAFETY: the decompressor is created and has a source.
            unsafe {
                for code in [APP1, APP2, APP13, APP14] {
                    jpeg_save_markers(&mut decoder.library, c_int::from(code), 0xffff);
                }
                jpeg_read_header(&mut decoder.library, 1);
            }
        })?;
        // SAFETY: the header is read.
        self.state.end_matters =
            unsafe { jpeg_has_multiple_scans(&self.library) != 0 || image_job_jpeg_is_arithmetic(&self.library) != 0 };
        if self.library.image_width == 0 || self.library.image_height == 0 {
            return Err(Failure::invalid_input("the JPEG has no pixels"));
        }
        Ok(())
    }

    /// Luma and chroma stay as they are: resampling is linear, so they are turned into RGB afterwards, when there are
    /// fewer of them, or not at all.
    fn choose_model(&mut self) -> PixelFormat {
        let (space, model) = match self.library.jpeg_color_space {
            J_COLOR_SPACE::JCS_GRAYSCALE => (J_COLOR_SPACE::JCS_GRAYSCALE, Model::Grey),
            J_COLOR_SPACE::JCS_YCbCr => (J_COLOR_SPACE::JCS_YCbCr, Model::YCbCr),
            J_COLOR_SPACE::JCS_CMYK | J_COLOR_SPACE::JCS_YCCK => (J_COLOR_SPACE::JCS_CMYK, Model::Cmyk),
            _ => (J_COLOR_SPACE::JCS_RGB, Model::Rgb),
        };
        self.library.out_color_space = space;
        // Whether Adobe's mark says so or not, as all other readers do.
        self.inverted = model == Model::Cmyk;
        self.format.model = model;
        self.format
    }

    /// Pixels per inch, if the file says them: JFIF's unit 1 is the inch, 2 the centimetre, 0 none.
    fn density(&self) -> Option<Density> {
        let inches = match self.library.density_unit {
            1 => 1.0,
            2 => 2.54,
            _ => return None,
        };
        Density::new(f64::from(self.library.X_density) * inches, f64::from(self.library.Y_density) * inches)
    }

    /// The saved segments: marker and content.
    fn segments(&self) -> Vec<(u8, &[u8])> {
        let mut segments = Vec::new();
        let mut next = self.library.marker_list;
        while !next.is_null() {
            // SAFETY: libjpeg's list of saved markers lives as long as the decompressor.
            let marker = unsafe { &*next };
            // SAFETY: its data has that length; a null pointer comes with none.
            let data = unsafe {
                if marker.data.is_null() {
                    &[]
                } else {
                    std::slice::from_raw_parts(marker.data, marker.data_length as usize)
                }
            };
            segments.push((marker.marker, data));
            next = marker.next;
        }
        segments
    }

    fn start(&mut self) -> Result<(), Failure> {
        self.started = true;
        // SAFETY: the header is read; then decompression has started, and of a file of one scan nothing is decoded yet.
        self.guarded(|decoder| unsafe {
            jpeg_start_decompress(&mut decoder.library);
            take_over(&mut decoder.library);
        })?;
        let channels = self.library.output_components as usize;
        if channels != self.format.channels() {
            return Err(Failure::internal(format!("libjpeg makes {channels} samples a pixel of {:?}", self.format)));
        }
        Ok(())
    }

    /// The sampling factors of each component, and the largest.
    fn sampling(&self) -> Option<([Factors; PLANES], Factors)> {
        if self.library.num_components as usize != PLANES {
            return None;
        }
        // SAFETY: after the header libjpeg has as many components as it says.
        let components = unsafe { std::slice::from_raw_parts(self.library.comp_info, PLANES) };
        let factors = |at: usize| (components[at].h_samp_factor as u32, components[at].v_samp_factor as u32);
        let most = (self.library.max_h_samp_factor as u32, self.library.max_v_samp_factor as u32);
        Some((std::array::from_fn(factors), most))
    }

    /// Eighths of the full size.
    fn eighths(&self) -> u32 {
        self.library.scale_num * 8 / self.library.scale_denom
    }

    fn start_planes(&mut self) -> Result<(), Failure> {
        self.library.raw_data_out = 1;
        self.start()?;
        // SAFETY: decompression has started, and nothing is decoded yet.
        self.guarded(|decoder| unsafe { image_job_jpeg_scale_alike(&mut decoder.library) })?;
        let scale = self.eighths() as usize;
        // SAFETY: as in `sampling`.
        let components = unsafe { std::slice::from_raw_parts(self.library.comp_info, PLANES) };
        for (band, component) in self.bands.iter_mut().zip(components) {
            band.stride = component.width_in_blocks as usize * scale;
            band.samples = vec![0; band.stride * component.v_samp_factor as usize * scale];
        }
        Ok(())
    }

    /// Calls into libjpeg; its errors come back as failures. After one, only destruction is allowed.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut Self) -> T) -> Result<T, Failure> {
        if self.failed {
            return Err(Failure::internal("the JPEG decoder has failed before"));
        }
        let result = catch_unwind(AssertUnwindSafe(|| call(self)));
        let result = result.map_err(|panic| {
            self.failed = true;
            as_failure(panic)
        });
        if let Some(damage) = &self.state.damage
            && !self.allow_truncated
        {
            let what = if self.state.is_truncated { "the JPEG is truncated" } else { "the JPEG is damaged" };
            return Err(Failure::invalid_input(format!("{what} ({damage}); allow-truncated takes what is there")));
        }
        result
    }
}

/// Turns what libjpeg's error callback threw into a failure; other panics go on.
fn as_failure(panic: Box<dyn Any + Send>) -> Failure {
    match panic.downcast::<LibraryError>() {
        Ok(error) => Failure::invalid_input(format!("the JPEG cannot be decoded: {}", error.0)),
        Err(panic) => resume_unwind(panic),
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "libjpeg keeps pointers to it")]
unsafe fn zeroed<T>() -> Box<T> {
    // SAFETY: the caller says that zeros are a value.
    Box::new(unsafe { MaybeUninit::zeroed().assume_init() })
}

impl PlaneSource for Decoder {
    fn sizes(&self) -> PlaneSizes {
        let (width, height) = (self.library.image_width, self.library.image_height);
        let scale = self.eighths();
        let length = |length: u32, factor: u32, most: u32| {
            (u64::from(length) * u64::from(factor) * u64::from(scale)).div_ceil(u64::from(most) * 8) as u32
        };
        self.sampling().map_or([(0, 0); PLANES], |(factors, most)| {
            factors.map(|factor| (length(width, factor.0, most.0), length(height, factor.1, most.1)))
        })
    }

    fn chroma_step(&self) -> (u32, u32) {
        self.sampling().map_or((1, 1), |(factors, most)| (most.0 / factors[1].0, most.1 / factors[1].1))
    }

    fn read_band(&mut self, take: &mut TakePlaneRow<'_>) -> Result<bool, Failure> {
        if !self.started {
            self.start_planes()?;
        }
        let sizes = PlaneSource::sizes(self);
        let mut bands = std::mem::take(&mut self.bands);
        let mut rows = bands
            .each_mut()
            .map(|band| band.samples.chunks_exact_mut(band.stride).map(<[u8]>::as_mut_ptr).collect::<Vec<*mut u8>>());
        let mut planes = rows.each_mut().map(Vec::as_mut_ptr);
        // What libjpeg decodes at once: as many rows of a plane as its band has.
        let count = rows[0].len() as u32;
        // SAFETY: decompression has started for raw data, and each band has the rows of one row of MCUs, as wide as the
        // blocks of its component.
        let read =
            self.guarded(|decoder| unsafe { jpeg_read_raw_data(&mut decoder.library, planes.as_mut_ptr(), count) })?;
        if read != count {
            return Err(Failure::internal("libjpeg has no more rows"));
        }
        for (plane, (band, (width, height))) in bands.iter_mut().zip(sizes).enumerate() {
            let left = height - band.done;
            for row in band.samples.chunks_exact(band.stride).take(left as usize) {
                take(plane, &row[..width as usize])?;
                band.done += 1;
            }
        }
        let more = bands[0].done < sizes[0].1;
        self.bands = bands;
        Ok(more)
    }
}

impl RowSource for Decoder {
    fn size(&self) -> (u32, u32) {
        if self.started || self.library.output_width > 0 {
            (self.library.output_width, self.library.output_height)
        } else {
            (self.library.image_width, self.library.image_height)
        }
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn shrink(&mut self, least: (u32, u32)) -> Result<(), Failure> {
        let (width, height) = (self.library.image_width, self.library.image_height);
        // Only powers of two: libjpeg-turbo has vector code for these.
        let divisor = [8, 4, 2, 1]
            .into_iter()
            .find(|divisor| width.div_ceil(*divisor) >= least.0 && height.div_ceil(*divisor) >= least.1)
            .unwrap_or(1);
        self.library.scale_num = 8 / divisor;
        self.library.scale_denom = 8;
        // SAFETY: the header is read and decompression has not started.
        self.guarded(|decoder| unsafe { jpeg_calc_output_dimensions(&mut decoder.library) })
    }

    fn planes(&mut self) -> Option<&mut dyn PlaneSource> {
        let ([luma, blue, red], most) = self.sampling()?;
        let halved = (most.0 / blue.0, most.1 / blue.1);
        let whole = (blue.0 * halved.0, blue.1 * halved.1) == most;
        let usual = self.format.model == Model::YCbCr && luma == most && blue == red && whole;
        (usual && [(1, 1), (2, 1), (1, 2), (2, 2)].contains(&halved)).then_some(self as &mut dyn PlaneSource)
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        let RowMut::Eight(row) = row else { return Err(Failure::internal("a JPEG row has eight bits")) };
        if !self.started {
            self.start()?;
        }
        if row.len() != self.library.output_width as usize * self.format.channels() {
            return Err(Failure::internal("a JPEG row of another length was asked for"));
        }
        let mut rows = [row.as_mut_ptr()];
        // SAFETY: decompression has started, and the row has room for all samples.
        let read =
            self.guarded(|decoder| unsafe { jpeg_read_scanlines(&mut decoder.library, rows.as_mut_ptr(), 1) })?;
        if read != 1 {
            return Err(Failure::internal("libjpeg has no more rows"));
        }
        if self.inverted {
            for sample in row {
                *sample = !*sample;
            }
        }
        Ok(())
    }

    fn truncated(&self) -> bool {
        self.state.damage.is_some()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the structure is created or, had that failed, has a null memory manager, which destruction looks for.
        unsafe { jpeg_destroy_decompress(&mut self.library) };
        self.errors.error_exit = None;
    }
}

type FormatMessage = unsafe extern "C-unwind" fn(*mut jpeg_common_struct, *mut c_char);

/// The text of the message that libjpeg has at hand.
pub unsafe fn message(library: &mut jpeg_common_struct) -> String {
    let mut buffer = [0_u8; 200];
    // SAFETY: the error manager is set for as long as the structure lives.
    let format = unsafe { (*library.err).format_message };
    if let Some(format) = format {
        // SAFETY: in C the function takes a buffer of JMSG_LENGTH_MAX (200) characters to write to; the declaration in
        // mozjpeg-sys has a shared reference in that place.
        let format: FormatMessage = unsafe { std::mem::transmute(format) };
        // SAFETY: as above.
        unsafe { format(&raw mut *library, buffer.as_mut_ptr().cast()) };
    }
    let length = buffer.iter().position(|&byte| byte == 0).unwrap_or(buffer.len());
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

pub(crate) unsafe extern "C-unwind" fn error_exit(library: &mut jpeg_common_struct) {
    // SAFETY: called by libjpeg with its own structure.
    let text = unsafe { message(library) };
    // Not panic!: the panic hook must not print.
    resume_unwind(Box::new(LibraryError(text)));
}

/// Turns a failure of a guarded call on the encoder's side into its text.
pub fn library_error(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<LibraryError>() {
        Ok(error) => error.0,
        Err(panic) => resume_unwind(panic),
    }
}

unsafe extern "C-unwind" fn emit_message(library: &mut jpeg_common_struct, level: c_int) {
    if level >= 0 {
        return;
    }
    // SAFETY: the error manager is set for as long as the structure lives.
    let code = unsafe { (*library.err).msg_code };
    if !DAMAGE.contains(&code) {
        return;
    }
    // SAFETY: called by libjpeg with its own structure.
    let text = unsafe { message(library) };
    // SAFETY: client_data is set before anything is read, to the decoder's state.
    if let Some(state) = unsafe { library.client_data.cast::<State>().as_mut() } {
        if state.ended_early && code == mozjpeg_sys::JWRN_HIT_MARKER {
            state.note_end();
        } else {
            state.damage.get_or_insert(text);
        }
    }
}

/// Decodes what is to come by our own decoder, if it does not do so already.
unsafe fn take_over(library: &mut jpeg_decompress_struct) {
    // SAFETY: client_data is set before anything is read, to the decoder's state.
    let by_libjpeg_alone = unsafe { (*library.common.client_data.cast::<State>()).by_libjpeg_alone };
    if !by_libjpeg_alone {
        // SAFETY: the caller's word is that libjpeg has begun with a scan and decoded nothing of it.
        unsafe { image_job_jpeg_decode_huffman(library) };
    }
}

/// libjpeg calls it before it reads more of a file of several scans, the first time before any.
unsafe extern "C-unwind" fn watch_scans(library: &mut jpeg_common_struct) {
    // SAFETY: this decoder installs the callback in decompressors only.
    let decompressor = unsafe { &mut *(&raw mut *library).cast::<jpeg_decompress_struct>() };
    // SAFETY: the first time nothing is decoded yet.
    unsafe { take_over(decompressor) };
    let pixels = u64::from(decompressor.image_width) * u64::from(decompressor.image_height);
    let most = (MOST_SCANNED_PIXELS / pixels.max(1)).clamp(USUAL_SCANS, 1000);
    if decompressor.input_scan_number as u64 > most {
        resume_unwind(Box::new(LibraryError(format!("it has more than {most} scans"))));
    }
}

unsafe extern "C-unwind" fn init_source(_: &mut jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn fill_input_buffer(library: &mut jpeg_decompress_struct) -> boolean {
    // SAFETY: client_data and src are set before anything is read.
    let (state, source) = unsafe { (&mut *library.common.client_data.cast::<State>(), &mut *library.src) };
    match state.input.read_at(state.position, &mut state.window) {
        Ok(0) => {
            state.ended_early = true;
            if state.end_matters {
                state.note_end();
            }
            // An end of image, so that libjpeg fills up what is missing.
            state.window[..2].copy_from_slice(&[0xff, 0xd9]);
            source.bytes_in_buffer = 2;
        }
        Ok(count) => {
            state.position += count as u64;
            source.bytes_in_buffer = count;
        }
        Err(error) => resume_unwind(Box::new(LibraryError(error.to_string()))),
    }
    source.next_input_byte = state.window.as_ptr();
    1
}

unsafe extern "C-unwind" fn skip_input_data(library: &mut jpeg_decompress_struct, count: c_long) {
    let Ok(count) = usize::try_from(count) else { return };
    // SAFETY: client_data and src are set before anything is read.
    let (state, source) = unsafe { (&mut *library.common.client_data.cast::<State>(), &mut *library.src) };
    if count <= source.bytes_in_buffer {
        source.bytes_in_buffer -= count;
        // SAFETY: not past the end of the bytes in the window.
        source.next_input_byte = unsafe { source.next_input_byte.add(count) };
    } else {
        state.position += (count - source.bytes_in_buffer) as u64;
        source.bytes_in_buffer = 0;
        source.next_input_byte = ptr::null();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The samples, and whether they are damaged.
    fn decode(bytes: &[u8], by_libjpeg_alone: bool) -> Result<(Vec<u8>, bool), String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut decoder = Decoder::new(Input::from_file("a.jpg", Format::Jpeg, file).unwrap(), true);
        decoder.state.by_libjpeg_alone = by_libjpeg_alone;
        let mut read = || {
            decoder.read_header()?;
            let format = decoder.choose_model();
            let (width, height) = decoder.size();
            let mut samples = vec![0; width as usize * height as usize * format.channels()];
            for row in samples.chunks_exact_mut(width as usize * format.channels()) {
                decoder.read(RowMut::Eight(row))?;
            }
            Ok(samples)
        };
        let samples = read().map_err(|failure: Failure| failure.to_string())?;
        Ok((samples, decoder.state.damage.is_some()))
    }

    /// Steele and Vigna's `SplitMix64`.
    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize
    }

    /// The files are so small that libjpeg does not use its fast loop, which overlooks codes that do not exist.
    #[test]
    fn whole_and_damaged_files_are_decoded_as_libjpeg_does() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/jpeg");
        let mut damaged = 0;
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mut state = 1;
            let whole = fs_err::read(&path).unwrap();
            let (pixels, damage) = decode(&whole, false).unwrap();
            assert!(!damage, "{}", path.display());
            assert!(pixels.iter().any(|sample| sample.abs_diff(pixels[0]) > 50), "{}: nothing is seen", path.display());
            let scan = whole.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 14;
            for round in 0..400 {
                let mut bytes = whole.clone();
                let mut place = |end: usize| scan + random(&mut state) % (end - scan);
                // Markers and stuffing are what is met seldom, hence often here.
                for change in 0..round % 4 {
                    let at = place(bytes.len());
                    bytes[at] = [0, 0xff, 0xd0 + (at % 8) as u8, (at * 31 + change) as u8][round / 4 % 4];
                }
                if round % 11 == 0 {
                    let at = place(bytes.len());
                    bytes.drain(at..place(bytes.len()).max(at));
                }
                if round % 7 == 0 {
                    bytes.truncate(place(bytes.len()));
                }
                let ours = decode(&bytes, false);
                damaged += usize::from(!matches!(&ours, Ok((_, false))));
                assert_eq!(ours, decode(&bytes, true), "{}, round {round}", path.display());
            }
        }
        assert!(damaged > 500, "only {damaged} of the damaged files were seen to be damaged");
    }
}

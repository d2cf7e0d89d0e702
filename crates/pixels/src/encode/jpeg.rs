//! JPEG by libjpeg-turbo's code, with mozjpeg's smaller and slower ways from effort 7 on.

use std::ffi::c_int;
use std::io::Write;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use catalog::operations::image_encoding::ImageEncoding;
use contract::Failure;
use mozjpeg_sys::{
    DCTSIZE, J_COLOR_SPACE, JINT_COMPRESS_PROFILE, JINT_COMPRESS_PROFILE_VALUE, boolean, jpeg_c_set_int_param,
    jpeg_compress_struct, jpeg_create_compress, jpeg_destination_mgr, jpeg_destroy_compress, jpeg_error_mgr,
    jpeg_finish_compress, jpeg_set_defaults, jpeg_set_quality, jpeg_simple_progression, jpeg_start_compress,
    jpeg_std_error, jpeg_write_marker, jpeg_write_raw_data, jpeg_write_scanlines,
};

use crate::decode::{Metadata, error_exit, library_error};
use crate::encode::{Attachments, Output, RowSink};
use crate::planes::{PLANES, PlaneSizes};
use crate::raster::{Model, Row};

const WINDOW: usize = 1 << 16;
const DEFAULT_QUALITY: u8 = 80;
/// From here on chroma keeps its resolution: who asks for such quality would see the difference.
const FULL_CHROMA_QUALITY: u8 = 90;
/// Optimal Huffman tables need all coefficients in memory before the first is written. Up to this many pixels that is
/// little, and the file gets a few percent smaller for nothing.
const OPTIMISED_PIXELS: u64 = 4_000_000;
/// What fits into one APP segment.
const SEGMENT: usize = 65_533;

/// Starts a JPEG.
pub fn rows(
    output: Output,
    (width, height): (u32, u32),
    model: Model,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<Box<dyn RowSink>, Failure> {
    if width > 65_500 || height > 65_500 {
        return Err(Failure::invalid_request(format!(
            "a JPEG has at most 65500 × 65500 pixels, not {width} × {height}"
        )));
    }
    let mut encoder = Encoder::new(output, attachments.clone());
    let quality = encoding.quality.unwrap_or(DEFAULT_QUALITY);
    let (space, channels) = match model {
        Model::Grey => (J_COLOR_SPACE::JCS_GRAYSCALE, 1),
        Model::YCbCr => (J_COLOR_SPACE::JCS_YCbCr, 3),
        Model::Rgb => (J_COLOR_SPACE::JCS_RGB, 3),
        Model::Cmyk => return Err(Failure::internal("ink was to be converted before")),
    };
    encoder.row_length = width as usize * channels;
    encoder.guarded(|encoder| {
        let library = &mut *encoder.library;
        // SAFETY: the structure is zeroed and has its error manager; everything is set in the order that libjpeg wants.
        unsafe {
            jpeg_create_compress(&raw mut *library);
            library.common.client_data = (&raw mut *encoder.state).cast();
            encoder.destination.init_destination = Some(init_destination);
            encoder.destination.empty_output_buffer = Some(empty_output_buffer);
            encoder.destination.term_destination = Some(term_destination);
            library.dest = &raw mut *encoder.destination;
            library.image_width = width;
            library.image_height = height;
            library.input_components = channels as c_int;
            library.in_color_space = space;
            let profile = if encoding.effort >= 7 {
                JINT_COMPRESS_PROFILE_VALUE::JCP_MAX_COMPRESSION
            } else {
                JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST
            };
            jpeg_c_set_int_param(library, JINT_COMPRESS_PROFILE, profile as c_int);
            jpeg_set_defaults(library);
            jpeg_set_quality(library, c_int::from(quality), 1);
            let small = u64::from(width) * u64::from(height) <= OPTIMISED_PIXELS;
            library.optimize_coding = boolean::from(encoding.effort >= 5 || (encoding.effort >= 2 && small));
            if encoding.progressive {
                jpeg_simple_progression(library);
            } else {
                library.num_scans = 0;
                library.scan_info = std::ptr::null();
            }
            let density = |density: f64| density.round().clamp(1.0, 65_535.0) as u16;
            if let Some(said) = encoder.attachments.metadata.density {
                // Dots per inch.
                (library.density_unit, library.X_density, library.Y_density) =
                    (1, density(said.across), density(said.down));
            }
            if channels == 3 {
                let sampling = if quality >= FULL_CHROMA_QUALITY { 1 } else { 2 };
                (*library.comp_info).h_samp_factor = sampling;
                (*library.comp_info).v_samp_factor = sampling;
            }
        }
    })?;
    Ok(Box::new(encoder))
}

struct Encoder {
    /// Boxed, because libjpeg keeps pointers to and between them.
    library: Box<jpeg_compress_struct>,
    errors: Box<jpeg_error_mgr>,
    destination: Box<jpeg_destination_mgr>,
    state: Box<State>,
    attachments: Attachments,
    row_length: usize,
    started: bool,
    /// Rows of planes on their way into a row of MCUs.
    bands: [Band; PLANES],
}

/// Rows of a plane.
#[derive(Default)]
struct Band {
    /// As many as a row of MCUs has, and those beyond that came before the other planes had as many.
    samples: Vec<u8>,
    /// Samples of a row, with those that fill up the last block.
    stride: usize,
    /// Rows of a row of MCUs.
    height: usize,
}

/// What the callbacks know.
struct State {
    output: Output,
    window: Vec<u8>,
    error: Option<std::io::Error>,
}

struct WriteError;

impl Band {
    /// Adds a row; its last sample is repeated up to the end of the last block.
    fn push(&mut self, row: &[u8]) {
        self.samples.extend_from_slice(row);
        let last = row.last().copied().unwrap_or_default();
        self.samples.resize(self.samples.len() + self.stride - row.len(), last);
    }

    fn is_complete(&self) -> bool {
        self.samples.len() >= self.height * self.stride
    }

    /// Repeats the last row until there are enough.
    fn fill_up(&mut self) {
        let last = self.samples.len().saturating_sub(self.stride);
        while !self.is_complete() {
            self.samples.extend_from_within(last..last + self.stride);
        }
    }
}

// SAFETY: everything that the pointers point to is owned by the encoder or by libjpeg's memory manager, which has no
// thread-local or global state; the encoder is used by one thread at a time because every call takes it mutably.
unsafe impl Send for Encoder {}

/// What of the metadata a JPEG does not hold, in words.
pub fn left_out(metadata: &Metadata) -> Vec<&'static str> {
    let is_large = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|bytes| bytes.len() > SEGMENT - 64);
    let all = [
        (&metadata.exif, "EXIF of more than 64 kB"),
        (&metadata.xmp, "XMP of more than 64 kB"),
        (&metadata.iptc, "IPTC of more than 64 kB"),
    ];
    all.into_iter().filter(|(bytes, _)| is_large(bytes)).map(|(_, words)| words).collect()
}

impl Encoder {
    fn new(output: Output, attachments: Attachments) -> Self {
        // SAFETY: these are C structures of numbers, null pointers and absent functions, for which zeros are values.
        let (mut library, mut errors, destination): (
            Box<jpeg_compress_struct>,
            Box<jpeg_error_mgr>,
            Box<jpeg_destination_mgr>,
        ) = unsafe { (zeroed(), zeroed(), zeroed()) };
        // SAFETY: it fills the structure.
        unsafe { jpeg_std_error(&mut errors) };
        errors.error_exit = Some(error_exit);
        errors.emit_message = Some(ignore_message);
        library.common.err = &raw mut *errors;
        let state = Box::new(State { output, window: vec![0; WINDOW], error: None });
        let bands = Default::default();
        Self { library, errors, destination, state, attachments, row_length: 0, started: false, bands }
    }

    /// Begins the file, of rows or of planes.
    fn start(&mut self, planes: bool) -> Result<(), Failure> {
        self.started = true;
        self.library.raw_data_in = boolean::from(planes);
        // SAFETY: all parameters are set.
        self.guarded(|encoder| unsafe { jpeg_start_compress(&mut encoder.library, 1) })?;
        let attachments = std::mem::take(&mut self.attachments);
        self.write_attachments(&attachments)
    }

    fn write_attachments(&mut self, attachments: &Attachments) -> Result<(), Failure> {
        let mut segments: Vec<(c_int, Vec<u8>)> = Vec::new();
        if let Some(exif) = &attachments.metadata.exif {
            segments.push((0xe1, [&b"Exif\0\0"[..], exif].concat()));
        }
        if let Some(xmp) = &attachments.metadata.xmp {
            segments.push((0xe1, [&b"http://ns.adobe.com/xap/1.0/\0"[..], xmp].concat()));
        }
        if let Some(iptc) = &attachments.metadata.iptc {
            // Photoshop's resources, of which number 0x0404 is IPTC, without a name.
            let mut segment =
                [&b"Photoshop 3.0\08BIM\x04\x04\0\0"[..], &(iptc.len() as u32).to_be_bytes(), iptc].concat();
            segment.resize(segment.len().next_multiple_of(2), 0);
            segments.push((0xed, segment));
        }
        // What does not fit into a segment cannot be kept in a JPEG; see [`left_out`].
        segments.retain(|(_, segment)| segment.len() <= SEGMENT);
        if let Some(icc) = &attachments.icc {
            let chunks = icc.chunks(SEGMENT - 14);
            let count = chunks.len();
            if count <= 255 {
                for (number, chunk) in chunks.enumerate() {
                    let head = [&b"ICC_PROFILE\0"[..], &[number as u8 + 1, count as u8]].concat();
                    segments.push((0xe2, [&head, chunk].concat()));
                }
            }
        }
        self.guarded(|encoder| {
            for (marker, segment) in &segments {
                // SAFETY: compression has started and no row is written yet.
                unsafe { jpeg_write_marker(&mut encoder.library, *marker, segment.as_ptr(), segment.len() as u32) };
            }
        })
    }

    /// Encodes the first row of MCUs of all planes.
    fn write_bands(&mut self) -> Result<(), Failure> {
        let rows = self
            .bands
            .each_ref()
            .map(|band| band.samples.chunks_exact(band.stride).map(<[u8]>::as_ptr).collect::<Vec<*const u8>>());
        let planes = rows.each_ref().map(Vec::as_ptr);
        let count = self.bands[0].height as u32;
        // SAFETY: compression has started for raw data, and each plane has the rows of one row of MCUs, as wide as the
        // blocks of its component.
        let written =
            self.guarded(|encoder| unsafe { jpeg_write_raw_data(&mut encoder.library, planes.as_ptr(), count) })?;
        for band in &mut self.bands {
            band.samples.drain(..band.height * band.stride);
        }
        if written == count { Ok(()) } else { Err(Failure::internal("libjpeg takes no more rows")) }
    }

    fn guarded<T>(&mut self, call: impl FnOnce(&mut Self) -> T) -> Result<T, Failure> {
        catch_unwind(AssertUnwindSafe(|| call(self))).map_err(|panic| {
            if panic.is::<WriteError>() {
                return self.state.error.take().map_or_else(|| Failure::internal("writing failed"), Failure::from);
            }
            Failure::internal(format!("the JPEG cannot be written: {}", library_error(panic)))
        })
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "libjpeg keeps pointers to it")]
unsafe fn zeroed<T>() -> Box<T> {
    // SAFETY: the caller says that zeros are a value.
    Box::new(unsafe { MaybeUninit::zeroed().assume_init() })
}

impl RowSink for Encoder {
    fn write(&mut self, row: Row<'_>) -> Result<(), Failure> {
        let Row::Eight(row) = row else { return Err(Failure::internal("a JPEG row has eight bits")) };
        if row.len() != self.row_length {
            return Err(Failure::internal("a JPEG row of another length was given"));
        }
        if !self.started {
            self.start(false)?;
        }
        let rows = [row.as_ptr()];
        // SAFETY: compression has started, and the row has all its samples.
        let written =
            self.guarded(|encoder| unsafe { jpeg_write_scanlines(&mut encoder.library, rows.as_ptr(), 1) })?;
        if written == 1 { Ok(()) } else { Err(Failure::internal("libjpeg takes no more rows")) }
    }

    fn plane_sizes(&self) -> Option<PlaneSizes> {
        if self.library.num_components as usize != PLANES {
            return None;
        }
        // SAFETY: after the defaults are set there are as many components as that.
        let halved = unsafe { (*self.library.comp_info).h_samp_factor } == 2;
        let (width, height) = (self.library.image_width, self.library.image_height);
        let half = (width.div_ceil(2), height.div_ceil(2));
        (halved && self.library.in_color_space == J_COLOR_SPACE::JCS_YCbCr).then_some([(width, height), half, half])
    }

    fn write_plane(&mut self, plane: usize, row: &[u8]) -> Result<(), Failure> {
        if !self.started {
            self.start(true)?;
            // SAFETY: there are as many components, see `plane_sizes`.
            let components = unsafe { std::slice::from_raw_parts(self.library.comp_info, PLANES) };
            for (band, component) in self.bands.iter_mut().zip(components) {
                band.stride = component.width_in_blocks as usize * DCTSIZE;
                band.height = component.v_samp_factor as usize * DCTSIZE;
            }
        }
        self.bands[plane].push(row);
        while self.bands.iter().all(Band::is_complete) {
            self.write_bands()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        // The last row of MCUs may reach below the picture.
        if self.bands.iter().any(|band| !band.samples.is_empty()) {
            self.bands.iter_mut().for_each(Band::fill_up);
            self.write_bands()?;
        }
        // SAFETY: all rows are written; libjpeg reports it if not.
        self.guarded(|encoder| unsafe { jpeg_finish_compress(&mut encoder.library) })
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the structure is created or, had that failed, has a null memory manager, which destruction looks for.
        unsafe { jpeg_destroy_compress(&mut self.library) };
        self.errors.error_exit = None;
    }
}

unsafe extern "C-unwind" fn ignore_message(_: &mut mozjpeg_sys::jpeg_common_struct, _: c_int) {}

unsafe extern "C-unwind" fn init_destination(library: &mut jpeg_compress_struct) {
    // SAFETY: client_data and dest are set before anything is written.
    let (state, destination) = unsafe { (&mut *library.common.client_data.cast::<State>(), &mut *library.dest) };
    destination.next_output_byte = state.window.as_mut_ptr();
    destination.free_in_buffer = state.window.len();
}

unsafe extern "C-unwind" fn empty_output_buffer(library: &mut jpeg_compress_struct) -> boolean {
    // SAFETY: as above. The whole buffer counts, whatever the pointers say (libjpeg's documented contract).
    unsafe {
        write_out(library, WINDOW);
        init_destination(library);
    }
    1
}

unsafe extern "C-unwind" fn term_destination(library: &mut jpeg_compress_struct) {
    // SAFETY: as above.
    unsafe {
        let left = (*library.dest).free_in_buffer;
        write_out(library, WINDOW - left);
    }
}

unsafe fn write_out(library: &mut jpeg_compress_struct, count: usize) {
    // SAFETY: client_data is the encoder's state.
    let state = unsafe { &mut *library.common.client_data.cast::<State>() };
    if let Err(error) = state.output.write_all(&state.window[..count]) {
        state.error = Some(error);
        resume_unwind(Box::new(WriteError));
    }
}

//! AV1 (dav1d, libaom) and HEVC (libde265): whole pictures in and out. The C beside this file knows the libraries'
//! structures; what is declared here is declared there.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use contract::Failure;

/// `struct planes` of `native/planes.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawPlanes {
    plane: [*const c_void; 3],
    stride: [isize; 3],
    width: i32,
    height: i32,
    chroma_width: i32,
    chroma_height: i32,
    count: i32,
    depth: i32,
    chroma_depth: i32,
    primaries: i32,
    transfer: i32,
    matrix: i32,
    full_range: i32,
    owner: *mut c_void,
}

impl RawPlanes {
    const NONE: Self = Self {
        plane: [ptr::null(); 3],
        stride: [0; 3],
        width: 0,
        height: 0,
        chroma_width: 0,
        chroma_height: 0,
        count: 0,
        depth: 0,
        chroma_depth: 0,
        primaries: 0,
        transfer: 0,
        matrix: 0,
        full_range: 0,
        owner: ptr::null_mut(),
    };
}

/// `struct image_job_av1_settings` of `native/av1_encode.c`.
#[repr(C)]
struct RawSettings {
    plane: [*mut u8; 3],
    stride: [i32; 3],
    width: i32,
    height: i32,
    count: i32,
    subsampled: i32,
    quantizer: i32,
    speed: i32,
    threads: i32,
    primaries: i32,
    transfer: i32,
    matrix: i32,
}

#[repr(C)]
struct HevcDecoder {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn image_job_av1_decode(bytes: *const u8, size: usize, max_pixels: u32, planes: *mut RawPlanes) -> c_int;
    fn image_job_av1_release(planes: *mut RawPlanes);
    fn image_job_av1_colour(bytes: *const u8, size: usize, planes: *mut RawPlanes) -> c_int;
    fn image_job_av1_decoder_version() -> *const c_char;
    fn image_job_hevc_new(max_pixels: u64, whole: c_int) -> *mut HevcDecoder;
    fn image_job_hevc_push(decoder: *mut HevcDecoder, bytes: *const u8, size: c_int) -> c_int;
    fn image_job_hevc_finish(decoder: *mut HevcDecoder, planes: *mut RawPlanes) -> c_int;
    fn image_job_hevc_free(decoder: *mut HevcDecoder);
    fn image_job_hevc_error_text(error: c_int) -> *const c_char;
    fn image_job_hevc_version() -> *const c_char;
    fn image_job_av1_encode(settings: *const RawSettings, bytes: *mut *mut u8, size: *mut usize) -> c_int;
    fn image_job_av1_encode_error(error: c_int) -> *const c_char;
    fn image_job_av1_encoder_version() -> *const c_char;
}

/// What a coded picture says its samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// Colour primaries (ITU-T H.273).
    pub primaries: u8,
    /// Transfer characteristics.
    pub transfer: u8,
    /// Matrix coefficients.
    pub matrix: u8,
    /// Whether samples use all values, not those of television.
    pub full_range: bool,
}

/// A decoded picture as planes.
pub struct Planes {
    raw: RawPlanes,
    owner: Owner,
}

enum Owner {
    Av1,
    Hevc(*mut HevcDecoder),
}

// SAFETY: the libraries' pictures and decoders have no ties to a thread, and are used by one at a time.
unsafe impl Send for Planes {}

impl Planes {
    /// Width and height of luma.
    pub fn size(&self) -> (u32, u32) {
        (self.raw.width as u32, self.raw.height as u32)
    }

    /// Width and height of chroma.
    pub fn chroma_size(&self) -> (u32, u32) {
        (self.raw.chroma_width as u32, self.raw.chroma_height as u32)
    }

    /// Whether there is no chroma.
    pub fn is_grey(&self) -> bool {
        self.raw.count == 1
    }

    /// Bits of a sample.
    pub fn depth(&self) -> u32 {
        self.raw.depth as u32
    }

    /// What the picture says about its colours.
    pub fn coding(&self) -> Coding {
        coding(&self.raw)
    }

    /// A row of a plane of eight-bit samples.
    pub fn row_of_eight(&self, plane: usize, y: u32) -> &[u8] {
        let width = if plane == 0 { self.raw.width } else { self.raw.chroma_width };
        // SAFETY: `row` has checked plane and row; a plane of eight bits has a byte a sample.
        unsafe { std::slice::from_raw_parts(self.row(plane, y, true), width as usize) }
    }

    /// A row of a plane of deeper samples.
    pub fn row_of_sixteen(&self, plane: usize, y: u32) -> &[u16] {
        let width = if plane == 0 { self.raw.width } else { self.raw.chroma_width };
        let row = self.row(plane, y, false);
        // SAFETY: `row` has checked plane and row; a plane of more than eight bits has two bytes a sample, and the libraries
        // align rows to more than that.
        #[expect(clippy::cast_ptr_alignment, reason = "the libraries align rows to 16 bytes at least")]
        unsafe {
            std::slice::from_raw_parts(row.cast::<u16>(), width as usize)
        }
    }

    fn row(&self, plane: usize, y: u32, eight: bool) -> *const u8 {
        let height = if plane == 0 { self.raw.height } else { self.raw.chroma_height };
        assert!(plane < self.raw.count as usize && y < height as u32, "a row outside of the picture");
        assert_eq!(self.raw.depth == 8, eight, "a row of another depth");
        // SAFETY: the plane has that many rows, `stride` bytes apart.
        unsafe { self.raw.plane[plane].cast::<u8>().offset(y as isize * self.raw.stride[plane]) }
    }

    /// Refuses what the code that reads planes cannot read.
    fn checked(self) -> Result<Self, String> {
        let raw = &self.raw;
        let chroma_fits = raw.count == 1
            || (raw.chroma_depth == raw.depth
                && (raw.chroma_width == raw.width || raw.chroma_width == (raw.width + 1) / 2)
                && (raw.chroma_height == raw.height || raw.chroma_height == (raw.height + 1) / 2));
        if raw.width <= 0 || raw.height <= 0 || !(8..=16).contains(&raw.depth) || !chroma_fits {
            return Err("its planes do not fit each other".to_owned());
        }
        Ok(self)
    }
}

impl Drop for Planes {
    fn drop(&mut self) {
        // SAFETY: each is released once, by the library that made it.
        unsafe {
            match self.owner {
                Owner::Av1 => image_job_av1_release(&raw mut self.raw),
                Owner::Hevc(decoder) => image_job_hevc_free(decoder),
            }
        }
    }
}

fn coding(raw: &RawPlanes) -> Coding {
    let code = |value: i32| u8::try_from(value).unwrap_or(2);
    Coding {
        primaries: code(raw.primaries),
        transfer: code(raw.transfer),
        matrix: code(raw.matrix),
        full_range: raw.full_range != 0,
    }
}

/// Decodes an AV1 picture (a sequence of OBUs) of at most that many pixels. The error says what is wrong in words.
pub fn decode_av1(bytes: &[u8], max_pixels: u64) -> Result<Planes, String> {
    if bytes.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut raw = RawPlanes::NONE;
    let most = u32::try_from(max_pixels).unwrap_or(u32::MAX);
    // SAFETY: the bytes have that length and are copied; the planes are filled where it returns 0.
    let status = unsafe { image_job_av1_decode(bytes.as_ptr(), bytes.len(), most, &raw mut raw) };
    match -status {
        0 => Planes { raw, owner: Owner::Av1 }.checked(),
        libc::ENOMEM => Err("out of memory".to_owned()),
        libc::ERANGE => Err("it is larger than the file says".to_owned()),
        libc::ENODATA => Err("it holds no whole picture".to_owned()),
        _ => Err("its AV1 data is damaged".to_owned()),
    }
}

/// What an AV1 picture says about its colours, and whether it is grey and how many bits its samples have.
pub fn av1_coding(bytes: &[u8]) -> Option<(Coding, bool, u32)> {
    let mut raw = RawPlanes::NONE;
    // SAFETY: the bytes have that length; the planes are filled where it returns 0.
    let status = unsafe { image_job_av1_colour(bytes.as_ptr(), bytes.len(), &raw mut raw) };
    (status == 0 && !bytes.is_empty()).then(|| (coding(&raw), raw.count == 1, raw.depth as u32))
}

/// Decodes an HEVC picture, given as NAL units without start codes (parameter sets first), of at most that many pixels.
/// Damaged ones are taken where not `whole`.
pub fn decode_hevc<'a>(units: impl Iterator<Item = &'a [u8]>, max_pixels: u64, whole: bool) -> Result<Planes, String> {
    let text = |error: c_int| {
        if error < 0 {
            return "it holds no whole picture".to_owned();
        }
        // SAFETY: libde265's texts are static C strings.
        unsafe { CStr::from_ptr(image_job_hevc_error_text(error)) }.to_string_lossy().into_owned()
    };
    // SAFETY: the decoder is freed by the planes that own it, or below; the units have their length and are copied.
    unsafe {
        let decoder = image_job_hevc_new(max_pixels, c_int::from(whole));
        if decoder.is_null() {
            return Err("out of memory".to_owned());
        }
        let mut planes = Planes { raw: RawPlanes::NONE, owner: Owner::Hevc(decoder) };
        for unit in units {
            let Ok(size) = c_int::try_from(unit.len()) else { return Err("a part of it is too large".to_owned()) };
            let error = image_job_hevc_push(decoder, unit.as_ptr(), size);
            if error != 0 {
                return Err(text(error));
            }
        }
        let error = image_job_hevc_finish(decoder, &raw mut planes.raw);
        if error == 0 { planes.checked() } else { Err(text(error)) }
    }
}

/// A picture to be encoded as AV1: eight-bit planes of full range.
pub struct Av1Picture<'a> {
    /// Width and height.
    pub size: (u32, u32),
    /// Luma alone, or luma and chroma, each with as many samples a row as it is wide.
    pub planes: &'a [Vec<u8>],
    /// Whether chroma has half the width and height, rounded up.
    pub subsampled: bool,
    /// 1 (best) to 63.
    pub quantizer: u8,
    /// 0 (slowest) to 9.
    pub speed: u8,
    /// What the samples mean; the range is the full one.
    pub coding: Coding,
}

/// Encodes a picture.
pub fn encode_av1(picture: &Av1Picture<'_>) -> Result<Vec<u8>, Failure> {
    let (width, height) = picture.size;
    let chroma_width = if picture.subsampled { width.div_ceil(2) } else { width };
    let chroma_height = if picture.subsampled { height.div_ceil(2) } else { height };
    let fits = |at: usize, plane: &Vec<u8>| {
        let (width, height) = if at == 0 { (width, height) } else { (chroma_width, chroma_height) };
        plane.len() == width as usize * height as usize
    };
    let count = picture.planes.len();
    if !matches!(count, 1 | 3) || !picture.planes.iter().enumerate().all(|(at, plane)| fits(at, plane)) {
        return Err(Failure::internal("the planes of an AV1 picture do not fit its size"));
    }
    let plane = |at: usize| picture.planes.get(at).map_or(ptr::null_mut(), |plane| plane.as_ptr().cast_mut());
    let threads = operation::processors().min(8);
    let settings = RawSettings {
        plane: [plane(0), plane(1), plane(2)],
        stride: [width as i32, chroma_width as i32, chroma_width as i32],
        width: width as i32,
        height: height as i32,
        count: count as i32,
        subsampled: i32::from(picture.subsampled),
        quantizer: i32::from(picture.quantizer),
        speed: i32::from(picture.speed),
        threads: threads as i32,
        primaries: i32::from(picture.coding.primaries),
        transfer: i32::from(picture.coding.transfer),
        matrix: i32::from(picture.coding.matrix),
    };
    let (mut bytes, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the planes have the sizes that the settings say, and libaom only reads them.
    let error = unsafe { image_job_av1_encode(&raw const settings, &raw mut bytes, &raw mut size) };
    if error != 0 {
        // SAFETY: libaom's texts are static C strings.
        let text = unsafe { CStr::from_ptr(image_job_av1_encode_error(error)) }.to_string_lossy();
        return Err(Failure::internal(format!("the AVIF cannot be encoded: {text}")));
    }
    // SAFETY: that many bytes of the C library's memory, freed once.
    unsafe {
        let encoded = std::slice::from_raw_parts(bytes, size).to_vec();
        libc::free(bytes.cast());
        Ok(encoded)
    }
}

/// Versions of the libraries, for manifests.
pub fn versions() -> [(&'static str, String); 3] {
    // SAFETY: static C strings.
    let text = |version: *const c_char| unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned();
    // SAFETY: they return static C strings.
    let versions =
        unsafe { [image_job_av1_decoder_version(), image_job_av1_encoder_version(), image_job_hevc_version()] };
    let [dav1d, aom, de265] = versions.map(text);
    [("dav1d", dav1d), ("libaom", aom), ("libde265", de265)]
}

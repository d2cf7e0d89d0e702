//! JPEG from planar YCbCr, as it comes from the decoder: by the libjpeg that image-job has, so that a program which holds
//! both jobs links one libjpeg and not two with the same names.

use std::ffi::{c_int, c_ulong};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;

use contract::Failure;
use mozjpeg_sys::{
    J_COLOR_SPACE, JHUFF_TBL, JINT_COMPRESS_PROFILE, JINT_COMPRESS_PROFILE_VALUE, jpeg_c_set_int_param,
    jpeg_common_struct, jpeg_compress_struct, jpeg_create_compress, jpeg_destroy_compress, jpeg_error_mgr,
    jpeg_finish_compress, jpeg_mem_dest, jpeg_set_defaults, jpeg_set_quality, jpeg_start_compress, jpeg_std_error,
    jpeg_write_raw_data,
};

use crate::huffman::{self, Table};
use crate::picture::Picture;

/// Samples along an edge of a block.
const BLOCK: usize = 8;
/// Luma lines of a row of MCUs where chroma has half the resolution in both directions.
const BAND: usize = 2 * BLOCK;

/// Of so many rows of MCUs one is looked at for the Huffman tables.
const SAMPLED: usize = 4;
/// With fewer rows (768 lines), the best tables cost little time, and those of a sample some percent of the bytes.
const MIN_SAMPLED_ROWS: usize = 48;

/// For luma and for chroma, the table of DC and that of AC coefficients.
type Tables = [[Table; 2]; 2];

/// An error of libjpeg's on its way up through its frames.
struct LibraryError(c_int);

/// What libjpeg works with; freed whatever happens.
struct Compression {
    library: Box<jpeg_compress_struct>,
    // Boxed, because the library keeps a pointer to it.
    errors: Box<jpeg_error_mgr>,
    bytes: Box<(*mut u8, c_ulong)>,
}

/// The picture as a JFIF file with chroma at half the resolution (4:2:0); quality 1 to 100. The Huffman tables of a large one
/// are the best for a sample of its rows of MCUs: libjpeg's way to the best for all of them keeps every coefficient in memory
/// and takes half as long again.
pub(crate) fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, Failure> {
    let all: Vec<usize> = (0..picture.height).step_by(BAND).collect();
    let compressed = catch_unwind(AssertUnwindSafe(|| {
        if all.len() < MIN_SAMPLED_ROWS {
            return Compression::new().run(picture, quality, &all, None);
        }
        let mut sample = Compression::new();
        let rows: Vec<usize> = all.iter().copied().skip(SAMPLED / 2).step_by(SAMPLED).collect();
        sample.run(picture, quality, &rows, None);
        Compression::new().run(picture, quality, &all, Some(&sample.tables()))
    }));
    compressed.map_err(|panic| match panic.downcast::<LibraryError>() {
        Ok(error) => Failure::internal(format!("JPEG encoding failed with libjpeg's error {}", error.0)),
        Err(panic) => resume_unwind(panic),
    })
}

impl Compression {
    fn new() -> Self {
        // SAFETY: these are C structures of numbers, null pointers and absent functions, for which zeros are values.
        let (mut library, mut errors): (Box<jpeg_compress_struct>, Box<jpeg_error_mgr>) =
            unsafe { (Box::new(MaybeUninit::zeroed().assume_init()), Box::new(MaybeUninit::zeroed().assume_init())) };
        // SAFETY: it fills the structure.
        unsafe { jpeg_std_error(&mut errors) };
        errors.error_exit = Some(error_exit);
        errors.emit_message = Some(ignore_message);
        library.common.err = &raw mut *errors;
        Self { library, errors, bytes: Box::new((null_mut(), 0)) }
    }

    /// Compresses rows of MCUs, given by their first lines, with these tables or with the best.
    fn run(&mut self, picture: &Picture, quality: u8, rows: &[usize], tables: Option<&Tables>) -> Vec<u8> {
        let library = &mut *self.library;
        // SAFETY: the structure is zeroed and has its error manager; everything is set in the order that libjpeg wants, and
        // the place for the bytes lives as long as the structure.
        unsafe {
            jpeg_create_compress(&raw mut *library);
            jpeg_mem_dest(library, &raw mut self.bytes.0, &raw mut self.bytes.1);
            library.image_width = picture.width as u32;
            library.image_height = (rows.len() * BAND).min(picture.height) as u32;
            library.input_components = 3;
            library.in_color_space = J_COLOR_SPACE::JCS_YCbCr;
            jpeg_c_set_int_param(library, JINT_COMPRESS_PROFILE, JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST as c_int);
            jpeg_set_defaults(library);
            jpeg_set_quality(library, c_int::from(quality), 1);
            library.optimize_coding = i32::from(tables.is_none());
            if let Some(tables) = tables {
                for (at, [dc, ac]) in tables.iter().enumerate() {
                    set_table(&mut *library.dc_huff_tbl_ptrs[at], dc);
                    set_table(&mut *library.ac_huff_tbl_ptrs[at], ac);
                }
            }
            library.num_scans = 0;
            library.scan_info = std::ptr::null();
            library.raw_data_in = 1;
            (*library.comp_info).h_samp_factor = 2;
            (*library.comp_info).v_samp_factor = 2;
            jpeg_start_compress(library, 1);
        }
        let columns = picture.width.div_ceil(BAND);
        let widths = [columns * BAND, columns * BLOCK, columns * BLOCK];
        let mut bands = [vec![0; widths[0] * BAND], vec![0; widths[1] * BLOCK], vec![0; widths[2] * BLOCK]];
        for &top in rows {
            for (plane, band) in bands.iter_mut().enumerate() {
                fill_band(picture, plane, top, widths[plane], band);
            }
            let rows: [Vec<*const u8>; 3] =
                std::array::from_fn(|plane| bands[plane].chunks(widths[plane]).map(<[u8]>::as_ptr).collect());
            let planes = [rows[0].as_ptr(), rows[1].as_ptr(), rows[2].as_ptr()];
            // SAFETY: compression has started for raw data; every plane has the lines of a row of MCUs, each as long as its
            // whole blocks.
            unsafe { jpeg_write_raw_data(library, planes.as_ptr(), BAND as u32) };
        }
        // SAFETY: all rows are written. The library has made the buffer, of that size.
        unsafe {
            jpeg_finish_compress(library);
            std::slice::from_raw_parts(self.bytes.0, self.bytes.1 as usize).to_vec()
        }
    }

    /// The tables that the picture was compressed with, completed.
    fn tables(&self) -> Tables {
        // SAFETY: compression has set these four, and they live as long as the structure.
        let table = |pointer: *mut JHUFF_TBL| unsafe { Table { counts: (*pointer).bits, symbols: (*pointer).huffval } };
        std::array::from_fn(|at| {
            let dc = table(self.library.dc_huff_tbl_ptrs[at]).completed(huffman::dc_symbols());
            [dc, table(self.library.ac_huff_tbl_ptrs[at]).completed(huffman::ac_symbols())]
        })
    }
}

fn set_table(to: &mut JHUFF_TBL, from: &Table) {
    to.bits = from.counts;
    to.huffval = from.symbols;
}

impl Drop for Compression {
    fn drop(&mut self) {
        // SAFETY: the structure is created or, had that failed, has a null memory manager, which destruction looks for. The
        // buffer is malloc's or null.
        unsafe {
            jpeg_destroy_compress(&mut self.library);
            libc::free(self.bytes.0.cast());
        }
        self.errors.error_exit = None;
    }
}

/// The lines of one plane for a row of MCUs, its last column and line repeated to whole blocks.
fn fill_band(picture: &Picture, plane: usize, top: usize, padded: usize, band: &mut [u8]) {
    let share = if plane == 0 { 1 } else { 2 };
    let (width, height) = (picture.width.div_ceil(share), picture.height.div_ceil(share));
    let (stride, samples) = (picture.stride(plane), &picture.planes[plane]);
    for (line, target) in band.chunks_exact_mut(padded).enumerate() {
        let source = (top / share + line).min(height - 1) * stride;
        target[..width].copy_from_slice(&samples[source..source + width]);
        let last = target[width - 1];
        target[width..].fill(last);
    }
}

unsafe extern "C-unwind" fn error_exit(library: &mut jpeg_common_struct) {
    // SAFETY: the error manager is set for as long as the structure lives.
    let code = unsafe { (*library.err).msg_code };
    // Not panic!: the panic hook must not print.
    resume_unwind(Box::new(LibraryError(code)));
}

unsafe extern "C-unwind" fn ignore_message(_: &mut jpeg_common_struct, _: c_int) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flat where rows are looked at for the tables, and noise elsewhere: most symbols of the whole are not in the sample.
    fn deceiving(width: usize, height: usize) -> Picture {
        let mut picture = Picture::new(width, height);
        let mut state = 1_u32;
        for plane in 0..3 {
            let (stride, band) = (picture.stride(plane), if plane == 0 { BAND } else { BLOCK });
            for (at, sample) in picture.planes[plane].iter_mut().enumerate() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let row = at / stride / band;
                *sample = if row % SAMPLED == SAMPLED / 2 { 128 } else { (state >> 24) as u8 };
            }
        }
        picture
    }

    #[test]
    fn tables_of_a_sample_change_no_pixel() {
        for (width, height) in [(333, 911), (64, MIN_SAMPLED_ROWS * BAND), (16, 1000), (50, 40)] {
            let picture = deceiving(width, height);
            let sampled = encode(&picture, 82).unwrap();
            let rows: Vec<usize> = (0..height).step_by(BAND).collect();
            let best = Compression::new().run(&picture, 82, &rows, None);
            let decoded = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_rgb8();
            assert!(decoded(&sampled) == decoded(&best), "{width} × {height}");
            assert_eq!(decoded(&best).dimensions(), (width as u32, height as u32));
        }
    }

    #[test]
    fn tables_of_a_sample_cost_few_bytes() {
        let mut picture = Picture::new(640, 1280);
        let mut state = 1_u32;
        for sample in picture.planes.iter_mut().flatten() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (*sample / 2 + (state >> 27) as u8) ^ ((state >> 31) as u8 * 9);
        }
        let rows: Vec<usize> = (0..picture.height).step_by(BAND).collect();
        let (sampled, best) = (encode(&picture, 82).unwrap(), Compression::new().run(&picture, 82, &rows, None));
        assert!(sampled.len() * 50 <= best.len() * 51, "{} bytes, at best {}", sampled.len(), best.len());
    }
}

//! The rows of a TIFF's picture: one at a time where it is made of strips, a row of tiles where it is made of tiles.

use std::sync::Arc;

use contract::Failure;
use memmap2::Mmap;

use super::chunk::{Bytes, Chunk, Coding, Fault};
use super::samples::{Meaning, Numbers, Pixels, Storage};
use super::{invalid, truncated};
use crate::raster::{PixelFormat, RowMut, RowSource};

/// How chunks lie in a picture: row by row, one plane after the other.
#[derive(Debug, Clone)]
pub struct Chunks {
    /// Width and height of each; strips are as wide as the picture.
    pub size: (u32, u32),
    /// How many lie beside each other,
    pub across: u32,
    /// and below each other.
    pub down: u32,
    /// Whether they are tiles, which reach over the picture's edges.
    pub is_tiled: bool,
    /// Where they lie in the file, as far as it says.
    pub offsets: Vec<u64>,
    /// Their bytes, as far as the file says.
    pub counts: Vec<u64>,
    /// More than one where a chunk holds one sample of each pixel.
    pub planes: u32,
    /// Bytes in the place of the only one.
    pub stream: Option<Arc<Vec<u8>>>,
}

impl Chunks {
    /// One chunk of the whole picture.
    pub fn whole(size: (u32, u32), stream: Vec<u8>) -> Self {
        let (offsets, counts) = (Vec::new(), Vec::new());
        let stream = Some(Arc::new(stream));
        Self { size, across: 1, down: 1, is_tiled: false, offsets, counts, planes: 1, stream }
    }

    /// Rows that are held at once.
    pub fn band_rows(&self, size: (u32, u32)) -> u32 {
        // Four is the most that one row of chroma stands for.
        if self.is_tiled { self.size.1.min(size.1) } else { 4 }
    }

    /// The compressed bytes of a chunk, and whether some of them are missing. None where the writer left it out because it
    /// is empty.
    fn bytes(&self, file: &Arc<Mmap>, index: usize) -> (Option<Bytes>, bool) {
        if let Some(stream) = &self.stream {
            return (Some(Bytes::Owned(stream.to_vec())), false);
        }
        let Some(offset) = self.offsets.get(index).copied() else { return (None, true) };
        let count = self.counts.get(index).copied();
        if offset == 0 && count == Some(0) {
            return (None, false);
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(file.len());
        // Where lengths are not told, or told to be nothing, a chunk goes on to the end.
        let count = count.filter(|count| *count > 0).map_or(usize::MAX, |count| count as usize);
        let there = count.min(file.len() - start);
        // More than there is may be said of what is all there: the codec tells.
        (Some(Bytes::Mapped(file.clone(), start..start + there)), there == 0)
    }
}

/// The rows of a picture.
pub struct Rows {
    file: Arc<Mmap>,
    size: (u32, u32),
    storage: Storage,
    pixels: Pixels,
    coding: Coding,
    chunks: Chunks,
    /// Columns and rows of luma for each sample of chroma.
    pub step: (u32, u32),
    /// Whether bytes have their bits in the other order.
    pub reversed: bool,
    /// Take what is there of a file that ends early.
    pub allow_truncated: bool,
    /// Samples of the rows that are undone at once, from the row `band_start` on.
    band: Vec<u16>,
    band_start: u32,
    held: u32,
    /// The strips that rows come from, one for each plane; none for what is missing.
    open: Vec<Option<Chunk>>,
    next: u32,
    truncated: bool,
    /// The least and the most number, while they are looked for.
    found: Option<(f64, f64)>,
}

impl Rows {
    /// From the first row on.
    pub fn new(
        file: Arc<Mmap>,
        size: (u32, u32),
        storage: Storage,
        pixels: Pixels,
        coding: Coding,
        chunks: Chunks,
    ) -> Self {
        Self {
            file,
            size,
            storage,
            pixels,
            coding,
            chunks,
            step: (1, 1),
            reversed: false,
            allow_truncated: false,
            band: Vec::new(),
            band_start: 0,
            held: 0,
            open: Vec::new(),
            next: 0,
            truncated: false,
            found: None,
        }
    }

    /// Finds what is black and white in numbers that do not say it, which takes going over the picture once: the least and
    /// the most that they could be (of floating point 0 and 1), unless they are far from that. What was chosen then is said.
    pub fn find_range(&mut self) -> Result<Option<String>, Failure> {
        self.found = Some((f64::INFINITY, f64::NEG_INFINITY));
        while self.band_start + self.held < self.size.1 {
            self.load()?;
        }
        let (least, most) = self.found.take().unwrap_or((0.0, 1.0));
        (self.band_start, self.held, self.truncated) = (0, 0, false);
        self.open.clear();
        let bits = self.storage.bits[0];
        let usual = match (self.storage.numbers, least, most) {
            _ if !(least.is_finite() && most.is_finite()) => None,
            // Light above white is common in pictures of high dynamic range, and is cut.
            (Numbers::Float, -1.0.., ..=16.0) | (Numbers::Signed, ..0.0, _) => None,
            (_, 0.0.., ..=255.0) => Some((0.0, 255.0)),
            (_, 0.0.., ..=65_535.0) if bits > 16 => Some((0.0, 65_535.0)),
            (Numbers::Signed, ..) => Some((0.0, 2_f64.powi(bits as i32 - 1) - 1.0)),
            (Numbers::Unsigned, ..) => None,
            (Numbers::Float, least, most) => Some((least, most)),
        };
        self.storage.range = usual;
        let text = |(black, white)| {
            format!("the TIFF does not say which of its numbers are black and white: {black} and {white} were taken")
        };
        Ok(usual.map(text))
    }

    /// Undoes the rows that follow the band.
    fn load(&mut self) -> Result<(), Failure> {
        self.band_start += self.held;
        let left = self.size.1 - self.band_start;
        let rows = if self.chunks.is_tiled { self.chunks.size.1 } else { self.step.1 };
        self.held = rows.min(left);
        let stored = self.pixels.stored;
        self.band.clear();
        self.band.resize(self.size.0 as usize * self.held as usize * stored, 0);
        if let Meaning::LumaAndChroma { levels, .. } = &self.pixels.meaning {
            // What is missing is black.
            let (blue, red) = (levels[2] as u16, levels[4] as u16);
            self.band.chunks_exact_mut(stored).for_each(|pixel| (pixel[1], pixel[2]) = (blue, red));
        }
        if self.chunks.is_tiled {
            let row = self.band_start / self.chunks.size.1;
            for plane in 0..self.chunks.planes {
                for column in 0..self.chunks.across {
                    let mut tile = self.open_chunk(plane, row, column)?;
                    let x = column * self.chunks.size.0;
                    for y in (0..self.held).step_by(self.step.1 as usize) {
                        self.take_row(&mut tile, plane, (x, y))?;
                    }
                }
            }
            return Ok(());
        }
        if self.band_start.is_multiple_of(self.chunks.size.1) {
            self.open.clear();
            for plane in 0..self.chunks.planes {
                let strip = self.open_chunk(plane, self.band_start / self.chunks.size.1, 0)?;
                self.open.push(strip);
            }
        }
        let mut open = std::mem::take(&mut self.open);
        for (plane, strip) in open.iter_mut().enumerate() {
            self.take_row(strip, plane as u32, (0, 0))?;
        }
        self.open = open;
        Ok(())
    }

    fn open_chunk(&mut self, plane: u32, row: u32, column: u32) -> Result<Option<Chunk>, Failure> {
        let index = (u64::from(plane) * u64::from(self.chunks.down) + u64::from(row)) * u64::from(self.chunks.across);
        let (bytes, is_cut) = self.chunks.bytes(&self.file, (index + u64::from(column)) as usize);
        if is_cut {
            self.note(Fault::Ends)?;
        }
        let Some(bytes) = bytes else { return Ok(None) };
        let has_own_order = matches!(self.coding.compression, 6 | 7 | 50_001);
        let bytes = if self.reversed && !has_own_order { bytes.reversed() } else { bytes };
        match Chunk::open(bytes, &self.coding, self.chunks.size) {
            Ok(chunk) => Ok(Some(chunk)),
            Err(fault) => self.note(fault).map(|()| None),
        }
    }

    /// What is missing is left out where that is allowed.
    fn note(&mut self, fault: Fault) -> Result<(), Failure> {
        if self.allow_truncated {
            self.truncated = true;
            return Ok(());
        }
        Err(match fault {
            Fault::Ends => truncated(),
            Fault::Damaged(what) => invalid(format!("{what}; allow-truncated takes what is there")),
            Fault::Failed(failure) => failure,
        })
    }

    /// Takes the next row of a chunk (or the rows that share chroma) to its place in the band.
    fn take_row(&mut self, chunk: &mut Option<Chunk>, plane: u32, (x, y): (u32, u32)) -> Result<(), Failure> {
        let Some(source) = chunk else { return Ok(()) };
        let width = self.chunks.size.0;
        let is_divided = self.step != (1, 1);
        let bytes = if is_divided {
            width.div_ceil(self.step.0) as usize * (self.step.0 * self.step.1 + 2) as usize
        } else {
            self.storage.row_bytes(width)
        };
        let mut row = vec![0; bytes];
        if let Err(fault) = source.read(&mut row) {
            *chunk = None;
            return self.note(fault);
        }
        if let Some((least, most)) = &mut self.found {
            self.storage.each_number(&mut row, |value| {
                if value.is_finite() {
                    (*least, *most) = (least.min(value), most.max(value));
                }
            });
            return Ok(());
        }
        let columns = (self.size.0 - x).min(width) as usize;
        if is_divided {
            self.take_blocks(&row, columns, (x, y));
            return Ok(());
        }
        let count = self.storage.bits.len();
        let stored = self.pixels.stored;
        let start = (y as usize * self.size.0 as usize + x as usize) * stored;
        let to = &mut self.band[start..start + columns * stored];
        if count == stored {
            let mut samples = vec![0; width as usize * count];
            self.storage.unpack(&mut row, &mut samples, count);
            to.copy_from_slice(&samples[..to.len()]);
        } else {
            let mut samples = vec![0; width as usize];
            self.storage.unpack(&mut row, &mut samples, 1);
            to.iter_mut().skip(plane as usize).step_by(stored).zip(samples).for_each(|(to, sample)| *to = sample);
        }
        Ok(())
    }

    /// Luma of a few pixels, then their blue and red chroma (TIFF 6.0, section 21).
    fn take_blocks(&mut self, row: &[u8], columns: usize, (x, y): (u32, u32)) {
        let (across, down) = (self.step.0 as usize, self.step.1 as usize);
        let luma = across * down;
        for (number, block) in row.chunks_exact(luma + 2).enumerate() {
            for (at, sample) in block[..luma].iter().enumerate() {
                let (column, line) = (number * across + at % across, at / across + y as usize);
                if column < columns && line < self.held as usize {
                    let pixel = (line * self.size.0 as usize + x as usize + column) * self.pixels.stored;
                    let samples = [*sample, block[luma], block[luma + 1]].map(u16::from);
                    self.band[pixel..pixel + 3].copy_from_slice(&samples);
                }
            }
        }
    }
}

impl RowSource for Rows {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn format(&self) -> PixelFormat {
        self.pixels.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if self.next >= self.band_start + self.held {
            self.load()?;
        }
        let length = self.size.0 as usize * self.pixels.stored;
        let start = (self.next - self.band_start) as usize * length;
        self.pixels.fill(&self.band[start..start + length], row);
        self.next += 1;
        Ok(())
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

//! The strips and tiles of a TIFF, undone row by row: whatever they are compressed with, no more than a row of pixels and
//! the codec's own state is held. `WebP` alone is decoded as a whole, as its codec does.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use contract::Failure;
use memmap2::Mmap;
use weezl::{BitOrder, LzwStatus};

use super::fax::{Fax, Form};
use crate::decode::jpeg;

/// Numbers of the tag Compression.
pub mod compression {
    pub const FAX_RUNS: u16 = 2;
    pub const FAX_GROUP_3: u16 = 3;
    pub const FAX_GROUP_4: u16 = 4;
    pub const LZW: u16 = 5;
    pub const OLD_JPEG: u16 = 6;
    pub const JPEG: u16 = 7;
    pub const DEFLATE: u16 = 8;
    pub const NEXT: u16 = 32_766;
    pub const FAX_RUNS_BY_WORDS: u16 = 32_771;
    pub const PACK_BITS: u16 = 32_773;
    pub const THUNDER_SCAN: u16 = 32_809;
    pub const OLD_DEFLATE: u16 = 32_946;
    pub const LZMA: u16 = 34_925;
    pub const ZSTD: u16 = 50_000;
    pub const WEBP: u16 = 50_001;
}

/// What became of a row.
#[derive(Debug)]
pub enum Fault {
    /// The file, or the chunk, ends before it.
    Ends,
    /// It is damaged: how.
    Damaged(String),
    /// Something else went wrong.
    Failed(Failure),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => Self::Ends,
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// The compressed bytes of a chunk.
pub enum Bytes {
    /// A part of the file.
    Mapped(Arc<Mmap>, Range<usize>),
    /// A changed copy.
    Owned(Vec<u8>),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Mapped(file, range) => &file[range.clone()],
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Bytes {
    /// With the bits of each byte in the other order.
    pub fn reversed(&self) -> Self {
        Self::Owned(self.as_ref().iter().map(|byte| byte.reverse_bits()).collect())
    }
}

/// How chunks are compressed.
#[derive(Debug, Clone)]
pub struct Coding {
    /// The number of the compression.
    pub compression: u16,
    /// The tag `T4Options`.
    pub fax_options: u64,
    /// JPEG's tables, which chunks share.
    pub tables: Vec<u8>,
    /// Whether JPEG's three components are luma and chroma, which become red, green and blue.
    pub luma_and_chroma: bool,
    /// Samples of a pixel in a chunk.
    pub samples: usize,
}

/// Fills the next row.
type FillRow = dyn FnMut(&mut [u8]) -> Result<(), Fault> + Send;

/// A chunk being undone.
pub enum Chunk {
    /// By a codec of bytes.
    Stream(Box<dyn Read + Send>),
    /// JPEG.
    Jpeg(Box<jpeg::Rows>),
    /// Facsimile.
    Fax(Box<Fax>),
    /// A codec of rows.
    Rows(Box<FillRow>),
}

impl Chunk {
    /// Begins a chunk of that many columns.
    pub fn open(bytes: Bytes, coding: &Coding, (width, height): (u32, u32)) -> Result<Self, Fault> {
        use compression as by;
        let fax = |bytes, form| {
            let two_dimensions = form == Form::Group3 && coding.fax_options & 1 == 1;
            Self::Fax(Box::new(Fax::new(bytes, form, two_dimensions, width)))
        };
        Ok(match coding.compression {
            by::FAX_RUNS => fax(bytes, Form::Unmarked { bytes: 1 }),
            by::FAX_RUNS_BY_WORDS => fax(bytes, Form::Unmarked { bytes: 2 }),
            by::FAX_GROUP_3 => fax(bytes, Form::Group3),
            by::FAX_GROUP_4 => fax(bytes, Form::Group4),
            by::LZW => Self::Stream(Box::new(Lzw::new(bytes))),
            by::DEFLATE | by::OLD_DEFLATE => Self::Stream(Box::new(flate2::read::ZlibDecoder::new(Cursor::new(bytes)))),
            by::PACK_BITS => Self::Stream(Box::new(PackBits { bytes: Cursor::new(bytes), run: Run::None })),
            by::ZSTD => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(Cursor::new(bytes));
                Self::Stream(Box::new(decoder.map_err(|error| Fault::Damaged(error.to_string()))?))
            }
            by::LZMA => Self::Stream(Box::new(lzma_rust2::XzReader::new(Cursor::new(bytes), false))),
            by::WEBP => {
                let pixels = crate::decode::webp::whole(bytes.as_ref(), (width, height), coding.samples);
                Self::Stream(Box::new(io::Cursor::new(pixels.map_err(Fault::Damaged)?)))
            }
            by::JPEG | by::OLD_JPEG => {
                let stream = joined(&coding.tables, bytes.as_ref());
                let rows =
                    jpeg::Rows::new(stream, coding.luma_and_chroma, coding.samples, coding.compression == by::OLD_JPEG);
                let rows = rows.map_err(Fault::Failed)?;
                Self::Jpeg(Box::new(rows))
            }
            by::NEXT => {
                let mut bytes = Cursor::new(bytes);
                Self::Rows(Box::new(move |row| next_row(&mut bytes, row)))
            }
            by::THUNDER_SCAN => {
                let mut bytes = Cursor::new(bytes);
                Self::Rows(Box::new(move |row| thunder_scan_row(&mut bytes, row, width)))
            }
            _ => Self::Stream(Box::new(Cursor::new(bytes))),
        })
    }

    /// Fills the next row. What is missing of it stays as it is.
    pub fn read(&mut self, row: &mut [u8]) -> Result<(), Fault> {
        match self {
            Self::Stream(stream) => Ok(stream.read_exact(row)?),
            Self::Jpeg(rows) => rows.read(row).map_err(Fault::Failed),
            Self::Fax(fax) => fax.next(row),
            Self::Rows(rows) => rows(row),
        }
    }
}

/// Tables and a picture without them, each a JPEG with a start and an end, as one (TIFF Technical Note 2).
fn joined(tables: &[u8], bytes: &[u8]) -> Vec<u8> {
    let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables);
    match bytes.strip_prefix(&[0xff, 0xd8]) {
        Some(rest) if !tables.is_empty() => [tables, rest].concat(),
        _ => [tables, bytes].concat(),
    }
}

/// Bytes from the first on.
struct Cursor {
    bytes: Bytes,
    at: usize,
}

impl Cursor {
    fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes.as_ref()[self.at..]
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.rest().first().copied().ok_or(Fault::Ends)?;
        self.at += 1;
        Ok(byte)
    }

    fn fill(&mut self, row: &mut [u8]) -> Result<(), Fault> {
        Ok(self.read_exact(row)?)
    }
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.rest().len());
        buffer[..count].copy_from_slice(&self.rest()[..count]);
        self.at += count;
        Ok(count)
    }
}

struct Lzw {
    bytes: Cursor,
    decoder: weezl::decode::Decoder,
}

impl Lzw {
    /// Files from before TIFF 5.0 have codes from the least significant bit on, which their first code tells.
    fn new(bytes: Bytes) -> Self {
        let decoder = match bytes.as_ref() {
            [0, second, ..] if second & 1 == 1 => weezl::decode::Decoder::new(BitOrder::Lsb, 8),
            _ => weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
        };
        Self { bytes: Cursor::new(bytes), decoder }
    }
}

impl Read for Lzw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = self.decoder.decode_bytes(self.bytes.rest(), buffer);
            self.bytes.at += result.consumed_in;
            match result.status {
                _ if result.consumed_out > 0 || buffer.is_empty() => return Ok(result.consumed_out),
                Ok(LzwStatus::Ok) if result.consumed_in > 0 => {}
                Ok(LzwStatus::Ok | LzwStatus::NoProgress | LzwStatus::Done) => return Ok(0),
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
            }
        }
    }
}

/// TIFF 6.0, section 9.
struct PackBits {
    bytes: Cursor,
    run: Run,
}

enum Run {
    None,
    Literal(usize),
    Repeat(u8, usize),
}

impl Read for PackBits {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.run {
                Run::Literal(left) if *left > 0 => {
                    let most = buffer.len().min(*left);
                    let count = self.bytes.read(&mut buffer[..most])?;
                    *left -= count;
                    return Ok(count);
                }
                Run::Repeat(byte, left) if *left > 0 => {
                    let count = buffer.len().min(*left);
                    buffer[..count].fill(*byte);
                    *left -= count;
                    return Ok(count);
                }
                Run::None | Run::Literal(_) | Run::Repeat(..) => {}
            }
            let Ok(code) = self.bytes.byte() else { return Ok(0) };
            self.run = match code {
                0..=127 => Run::Literal(usize::from(code) + 1),
                128 => Run::None,
                129..=255 => match self.bytes.byte() {
                    Ok(byte) => Run::Repeat(byte, 257 - usize::from(code)),
                    Err(_) => return Ok(0),
                },
            };
        }
    }
}

/// A row of two-bit grey as `NeXT` coded it: as it is, a part of a white row, or runs.
fn next_row(bytes: &mut Cursor, row: &mut [u8]) -> Result<(), Fault> {
    row.fill(0xff);
    match bytes.byte()? {
        0x00 => bytes.fill(row),
        0x40 => {
            let mut short = || Ok::<_, Fault>(usize::from(bytes.byte()?) << 8 | usize::from(bytes.byte()?));
            let (from, length) = (short()?, short()?);
            let part = row.get_mut(from..from + length);
            bytes.fill(part.ok_or_else(|| Fault::Damaged("a part of a row lies outside of it".to_owned()))?)
        }
        mut code => {
            let pixels = row.len() * 4;
            let mut x = 0;
            loop {
                for _ in 0..code & 0x3f {
                    if x < pixels {
                        let shift = 6 - x % 4 * 2;
                        row[x / 4] = row[x / 4] & !(3 << shift) | (code >> 6) << shift;
                        x += 1;
                    }
                }
                if x >= pixels {
                    return Ok(());
                }
                code = bytes.byte()?;
            }
        }
    }
}

/// A row of four-bit grey as `ThunderScan` coded it: runs, and differences of two or three bits.
fn thunder_scan_row(bytes: &mut Cursor, row: &mut [u8], width: u32) -> Result<(), Fault> {
    const TWO_BITS: [i8; 4] = [0, 1, 0, -1];
    const THREE_BITS: [i8; 8] = [0, 1, 2, 3, 0, -3, -2, -1];
    let (mut x, mut last) = (0, 0_u8);
    while x < width {
        let code = bytes.byte()?;
        let mut put = |value: u8| {
            if let Some(byte) = row.get_mut(x as usize / 2) {
                *byte = if x % 2 == 0 { value << 4 } else { *byte | value };
            }
            x += 1;
        };
        match code >> 6 {
            0 => (0..code & 0x3f).for_each(|_| put(last)),
            1 => {
                for shift in [4, 2, 0] {
                    let difference = code >> shift & 3;
                    if difference != 2 {
                        last = last.wrapping_add_signed(TWO_BITS[usize::from(difference)]) & 15;
                        put(last);
                    }
                }
            }
            2 => {
                for shift in [3, 0] {
                    let difference = code >> shift & 7;
                    if difference != 4 {
                        last = last.wrapping_add_signed(THREE_BITS[usize::from(difference)]) & 15;
                        put(last);
                    }
                }
            }
            _ => {
                last = code & 15;
                put(last);
            }
        }
    }
    Ok(())
}

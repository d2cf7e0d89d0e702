//! TIFF 6.0, written row by row: strips of LZW with a horizontal predictor, which every reader knows, then the directory. A
//! strip is all that is in memory.

use std::io::{Seek, SeekFrom, Write};

use contract::Failure;
use weezl::{BitOrder, encode};

use crate::encode::{Attachments, Output, RowSink};
use crate::exif::directories::{Directories, Entry, block};
use crate::raster::{Depth, Model, PixelFormat, Row};

/// Bytes of a strip before compression; as many rows as fit, at least one. Libtiff's own are of 8 KiB, which compress worse.
const STRIP: usize = 1 << 17;

/// Starts a TIFF, grey or RGB.
pub fn rows(
    output: Output,
    size: (u32, u32),
    pixels: PixelFormat,
    attachments: &Attachments,
) -> Result<Box<dyn RowSink>, Failure> {
    if !matches!(pixels.model, Model::Grey | Model::Rgb) {
        return Err(Failure::internal("a TIFF is written as grey or RGB"));
    }
    let row = size.0 as usize * pixels.channels() * if pixels.depth == Depth::Sixteen { 2 } else { 1 };
    let rows_of_strip = (STRIP / row.max(1)).clamp(1, size.1.max(1) as usize);
    let mut writer = Writer {
        output,
        size,
        pixels,
        attachments: attachments.clone(),
        rows_of_strip: rows_of_strip as u32,
        strip: Vec::with_capacity(row * rows_of_strip),
        rows: 0,
        length: 0,
        offsets: Vec::new(),
        counts: Vec::new(),
    };
    // The place of the directory is known at the end.
    writer.append(b"II*\0\0\0\0\0")?;
    Ok(Box::new(writer))
}

struct Writer {
    output: Output,
    size: (u32, u32),
    pixels: PixelFormat,
    attachments: Attachments,
    rows_of_strip: u32,
    /// Rows on their way into a strip.
    strip: Vec<u8>,
    rows: u32,
    /// Bytes written.
    length: u32,
    offsets: Vec<u32>,
    counts: Vec<u32>,
}

impl Writer {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let length = u32::try_from(bytes.len()).ok().and_then(|length| self.length.checked_add(length));
        self.length = length.ok_or_else(|| Failure::invalid_request("the TIFF would be larger than 4 GiB"))?;
        Ok(self.output.write_all(bytes)?)
    }

    /// Places in a TIFF are even.
    fn align(&mut self) -> Result<(), Failure> {
        if self.length.is_multiple_of(2) { Ok(()) } else { self.append(&[0]) }
    }

    fn write_strip(&mut self) -> Result<(), Failure> {
        let packed = encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8)
            .encode(&self.strip)
            .map_err(|error| Failure::internal("the TIFF cannot be written").because(error))?;
        self.strip.clear();
        self.align()?;
        self.offsets.push(self.length);
        self.counts.push(packed.len() as u32);
        self.append(&packed)
    }

    fn entries(&self) -> Vec<Entry> {
        let channels = self.pixels.channels();
        let bits = if self.pixels.depth == Depth::Sixteen { 16 } else { 8 };
        let (metadata, alpha) = (&self.attachments.metadata, self.pixels.alpha);
        let entries = [
            Some(Entry::longs(256, &[self.size.0])),
            Some(Entry::longs(257, &[self.size.1])),
            Some(Entry::shorts(258, &vec![bits; channels])),
            // LZW, its horizontal predictor, and what grey and RGB are called.
            Some(Entry::short(259, 5)),
            Some(Entry::short(317, 2)),
            Some(Entry::short(262, if self.pixels.model == Model::Grey { 1 } else { 2 })),
            Some(Entry::longs(273, &self.offsets)),
            Some(Entry::short(277, channels as u16)),
            Some(Entry::longs(278, &[self.rows_of_strip])),
            Some(Entry::longs(279, &self.counts)),
            Some(Entry::short(284, 1)),
            // Colours are not multiplied by opacity.
            alpha.then(|| Entry::short(338, 2)),
            metadata.xmp.as_deref().map(|xmp| Entry::bytes(700, xmp)),
            metadata.iptc.as_deref().map(|iptc| Entry::undefined(33_723, iptc)),
            self.attachments.icc.as_deref().map(|icc| Entry::undefined(34_675, icc)),
        ];
        entries.into_iter().flatten().collect()
    }
}

impl RowSink for Writer {
    fn write(&mut self, row: Row<'_>) -> Result<(), Failure> {
        let channels = self.pixels.channels();
        match row {
            Row::Eight(row) => {
                self.strip.extend(&row[..channels]);
                self.strip.extend(row.iter().skip(channels).zip(row).map(|(sample, left)| sample.wrapping_sub(*left)));
            }
            Row::Sixteen(row) => {
                let differences = row.iter().skip(channels).zip(row).map(|(sample, left)| sample.wrapping_sub(*left));
                self.strip.extend(row[..channels].iter().copied().chain(differences).flat_map(u16::to_le_bytes));
            }
        }
        self.rows += 1;
        if self.rows.is_multiple_of(self.rows_of_strip) || self.rows == self.size.1 {
            self.write_strip()
        } else {
            Ok(())
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        let mut entries = self.entries();
        self.align()?;
        if let Some(exif) = self.attachments.metadata.exif.as_deref().and_then(Directories::read) {
            let (below, described) = exif.write_into(self.length);
            self.append(&below)?;
            entries.extend(described);
        }
        let density = self.attachments.metadata.density.filter(|_| !entries.iter().any(|entry| entry.tag == 282));
        entries.extend(density.map(Entry::density).into_iter().flatten());
        self.align()?;
        let place = self.length;
        let directory = block(&mut entries, place, false);
        self.append(&directory)?;
        self.output.seek(SeekFrom::Start(4))?;
        self.output.write_all(&place.to_le_bytes())?;
        self.output.flush()?;
        Ok(())
    }
}

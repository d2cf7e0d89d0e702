//! JPEG as TIFF 6.0 (section 22) had it, before Technical Note 2: a whole stream at a place of its own; the head of a stream
//! whose data are the strips; or tables apart, of which the head is made here. Every strip begins anew, as after a restart.

use super::rows::Chunks;
use super::{Source, tag};

/// Numbers of a table of quantisation.
const QUANTISATION: usize = 64;
/// The start of a picture and of a scan, restart intervals.
const START: u8 = 0xd8;
const SCAN: u8 = 0xda;
const RESTARTS: u8 = 0xdd;
const FIRST_RESTART: u8 = 0xd0;

impl Source {
    /// The picture's JPEG stream; none where each strip is one of its own.
    pub(super) fn old_jpeg(&self, chunks: &Chunks, size: (u32, u32)) -> Option<Vec<u8>> {
        let file = &self.file[..];
        let strip = |(at, offset): (usize, &u64)| {
            let start = (*offset as usize).min(file.len());
            let count = chunks.counts.get(at).map_or(usize::MAX, |count| *count as usize);
            &file[start..start.saturating_add(count).min(file.len())]
        };
        let strips: Vec<&[u8]> = chunks.offsets.iter().enumerate().map(strip).collect();
        if let Some(start) = self.number(tag::JPEG_STREAM).map(|start| start as usize)
            && file.get(start..).is_some_and(|stream| stream.starts_with(&[0xff, START]))
        {
            let length = self.number(tag::JPEG_STREAM_LENGTH).filter(|length| *length > 4);
            let end = length.map_or(file.len(), |length| start.saturating_add(length as usize).min(file.len()));
            let head = Head::of(&file[start..end]);
            let first = chunks.offsets.first().map_or(usize::MAX, |first| *first as usize);
            let is_whole = head.has_scan && (strips.is_empty() || (start..end).contains(&first));
            if is_whole {
                return Some(file[start..end].to_vec());
            }
            if !strips.iter().all(|strip| strip.starts_with(&[0xff, START])) {
                return Some(head.with(&strips, chunks, size));
            }
        }
        if !strips.is_empty() && strips.iter().all(|strip| strip.starts_with(&[0xff, START])) {
            return None;
        }
        let head = self.head_of_tables(size)?;
        Some(Head::of(&head).with(&strips, chunks, size))
    }

    /// Tables and a frame.
    fn head_of_tables(&self, (width, height): (u32, u32)) -> Option<Vec<u8>> {
        let samples = self.number(tag::SAMPLES).unwrap_or(1).min(3) as usize;
        let places = |tag| Some(self.numbers(tag)?.into_iter().take(samples).map(|at| at as usize).collect::<Vec<_>>());
        let part = |at: usize, length: usize| self.file.get(at..at.checked_add(length)?);
        let quantisation = places(tag::JPEG_QUANTISATION)?;
        let huffman = [places(tag::JPEG_DC_TABLES)?, places(tag::JPEG_AC_TABLES)?];
        let mut head = vec![0xff, START];
        for (number, at) in quantisation.iter().enumerate() {
            head.extend([0xff, 0xdb, 0, 67, number as u8]);
            head.extend(part(*at, QUANTISATION)?);
        }
        for (class, places) in huffman.iter().enumerate() {
            for (number, at) in places.iter().enumerate() {
                let codes: usize = part(*at, 16)?.iter().map(|count| usize::from(*count)).sum();
                head.extend([0xff, 0xc4]);
                head.extend((codes as u16 + 19).to_be_bytes());
                head.push((class << 4 | number) as u8);
                head.extend(part(*at, 16 + codes)?);
            }
        }
        let (across, down) = if samples == 3 { self.chroma_step(true) } else { (1, 1) };
        if let Some(interval) = self.number(tag::JPEG_RESTART_INTERVAL).filter(|interval| *interval > 0) {
            head.extend([0xff, RESTARTS, 0, 4]);
            head.extend((interval as u16).to_be_bytes());
        }
        head.extend([0xff, 0xc0, 0, 8 + 3 * samples as u8, 8]);
        head.extend((height as u16).to_be_bytes());
        head.extend((width as u16).to_be_bytes());
        head.push(samples as u8);
        let last = |list: &[usize], number: usize| number.min(list.len().saturating_sub(1)) as u8;
        for number in 0..samples {
            let factors = if number == 0 { (across << 4 | down) as u8 } else { 0x11 };
            head.extend([number as u8 + 1, factors, last(&quantisation, number)]);
        }
        head.extend([0xff, SCAN, 0, 6 + 2 * samples as u8, samples as u8]);
        for number in 0..samples {
            head.extend([number as u8 + 1, last(&huffman[0], number) << 4 | last(&huffman[1], number)]);
        }
        head.extend([0, 63, 0]);
        Some(head)
    }
}

/// What stands before the data of a scan.
struct Head {
    /// The segments, without that of the scan.
    segments: Vec<u8>,
    scan: Vec<u8>,
    has_scan: bool,
    /// Where the frame's segment begins.
    frame: Option<usize>,
}

impl Head {
    fn of(stream: &[u8]) -> Self {
        let mut head = Self { segments: vec![0xff, START], scan: Vec::new(), has_scan: false, frame: None };
        let mut at = 2;
        while let Some(&[0xff, marker, high, low]) = stream.get(at..at + 4) {
            let end = (at + 2 + usize::from(u16::from_be_bytes([high, low]))).min(stream.len());
            let segment = &stream[at..end];
            match marker {
                SCAN => {
                    (head.scan, head.has_scan) = (segment.to_vec(), true);
                    return head;
                }
                0xc0..=0xc2 => {
                    head.frame = Some(head.segments.len());
                    head.segments.extend(segment);
                }
                _ => head.segments.extend(segment),
            }
            at = end;
        }
        head
    }

    /// The whole stream, with the data of strips.
    fn with(mut self, strips: &[&[u8]], chunks: &Chunks, (width, height): (u32, u32)) -> Vec<u8> {
        let mut strips = strips.to_vec();
        if let Some(first) = strips.first_mut()
            && let &[0xff, SCAN, high, low, ..] = *first
        {
            // The scan's segment may stand before the data.
            let (scan, data) = first.split_at((2 + usize::from(u16::from_be_bytes([high, low]))).min(first.len()));
            (self.scan, self.has_scan) = (scan.to_vec(), true);
            *first = data;
        }
        if let Some(frame) = self.frame.and_then(|frame| self.segments.get_mut(frame..)).filter(|frame| frame.len() > 9)
        {
            // Some say the height of a strip there.
            frame[5..7].copy_from_slice(&(height as u16).to_be_bytes());
            let components = usize::from(frame[9]);
            let factors: Vec<u8> = (0..components).filter_map(|number| frame.get(11 + 3 * number).copied()).collect();
            let most =
                |shift: u32| factors.iter().map(|factor| u32::from(factor >> shift & 15)).max().unwrap_or(1).max(1);
            let mcus = width.div_ceil(8 * most(4)) * chunks.size.1.div_ceil(8 * most(0));
            if strips.len() > 1 {
                self.segments.extend([0xff, RESTARTS, 0, 4]);
                self.segments.extend((mcus as u16).to_be_bytes());
            }
            if !self.has_scan {
                self.scan = vec![0xff, SCAN, 0, 6 + 2 * components as u8, components as u8];
                for number in 0..components {
                    let id = self.segments.get(self.frame.unwrap_or(0) + 10 + 3 * number).copied().unwrap_or(0);
                    self.scan.extend([id, if number == 0 { 0 } else { 0x11 }]);
                }
                self.scan.extend([0, 63, 0]);
            }
        }
        let mut stream = [self.segments, self.scan].concat();
        for (number, strip) in strips.iter().enumerate() {
            if number > 0 {
                stream.extend([0xff, FIRST_RESTART + (number - 1) as u8 % 8]);
            }
            stream.extend(*strip);
        }
        stream
    }
}

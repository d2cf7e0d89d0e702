//! How a file is laid out, from the headers of its outermost boxes alone: what is missing of a truncated file, where an
//! MP4's index (`moov`) is, and whether its tracks are encrypted. libav says "invalid data" for all of that.

use std::ops::Range;

/// Boxes looked at, at most. A file whose `moov` stands behind more is not laid out like any that are written.
const MAX_BOXES: usize = 4096;

/// The layout of an MP4 or QuickTime file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Where the index is.
    pub moov: Option<Range<u64>>,
    /// Whether media data stands before the index.
    pub is_index_at_end: bool,
    /// Whether the samples are in fragments (`moof`) with an index each.
    pub is_fragmented: bool,
    /// Whether there is media data at all.
    pub has_media: bool,
    /// The size that the boxes seen add up to, where it is more than there is.
    pub expected_size: Option<u64>,
    /// Whether the movie header says that it does not know the duration.
    pub has_unknown_duration: bool,
}

/// Walks over the outermost boxes (ISO/IEC 14496-12 4.2) up to the first fragment or the end. `read` fills the buffer
/// from an offset.
pub fn mp4_layout<E>(size: u64, mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>) -> Result<Layout, E> {
    let mut layout = Layout::default();
    let mut offset = 0;
    for _ in 0..MAX_BOXES {
        if size - offset < 8 {
            break;
        }
        let mut header = [0; 16];
        let length = if size - offset >= 16 { 16 } else { 8 };
        read(offset, &mut header[..length])?;
        let kind: [u8; 4] = [header[4], header[5], header[6], header[7]];
        let box_size = match u32::from_be_bytes([header[0], header[1], header[2], header[3]]) {
            0 => size - offset,
            1 if length == 16 => u64::from_be_bytes([
                header[8], header[9], header[10], header[11], header[12], header[13], header[14], header[15],
            ]),
            small => u64::from(small),
        };
        let is_plausible = box_size >= 8 && kind.iter().all(|byte| (0x20..0x7F).contains(byte) || *byte == 0xA9);
        if !is_plausible {
            break;
        }
        match &kind {
            b"moov" if layout.moov.is_none() => {
                layout.is_index_at_end = layout.has_media;
                layout.moov = Some(offset..offset.saturating_add(box_size).min(size));
            }
            b"mdat" => layout.has_media = true,
            b"moof" => {
                layout.is_fragmented = true;
                layout.has_media = true;
            }
            _ => {}
        }
        let Some(end) = offset.checked_add(box_size).filter(|end| *end <= size) else {
            layout.expected_size = Some(offset.saturating_add(box_size));
            break;
        };
        offset = end;
        if layout.is_fragmented && layout.moov.is_some() {
            break;
        }
    }
    Ok(layout)
}

/// The four-character codes of the sample entries of an MP4's tracks, from its `moov` box: `avc1`, `mp4a`, and for
/// encrypted tracks `encv`, `enca` (ISO/IEC 23001-7) or `drmi`, `drms` (`FairPlay`).
pub fn sample_entries(moov: &[u8]) -> Vec<[u8; 4]> {
    let mut entries = Vec::new();
    for track in children(content(moov)).filter(|(kind, _)| kind == b"trak") {
        let path: [&[u8; 4]; 4] = [b"mdia", b"minf", b"stbl", b"stsd"];
        let found = path.iter().try_fold(track.1, |inside, name| {
            children(inside).find(|(kind, _)| kind == *name).map(|(_, content)| content)
        });
        // stsd: version and flags, a count, then the entries as boxes.
        if let Some(description) = found.and_then(|description| description.get(8..)) {
            entries.extend(children(description).map(|(kind, _)| kind));
        }
    }
    entries
}

/// Whether the movie header in a `moov` box gives all ones for the duration, which means that it is not known (ISO/IEC
/// 14496-12 8.2.2.3).
pub fn has_unknown_duration(moov: &[u8]) -> bool {
    let header = children(content(moov)).find(|(kind, _)| kind == b"mvhd").map_or(&[][..], |(_, content)| content);
    // Version and flags, creation, modification, time scale; then the duration.
    let duration = match header.first() {
        Some(0) => header.get(16..20),
        Some(1) => header.get(24..32),
        _ => None,
    };
    duration.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0xFF))
}

fn content(one_box: &[u8]) -> &[u8] {
    children(one_box).next().map_or(&[], |(_, content)| content)
}

/// The boxes that follow each other in some bytes, as kind and content.
fn children(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let header: &[u8; 8] = bytes.first_chunk()?;
        let small = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        let (start, size) = match small {
            0 => (8, bytes.len()),
            1 => (16, usize::try_from(u64::from_be_bytes(*bytes.get(8..16)?.first_chunk()?)).ok()?),
            small => (8, small as usize),
        };
        let content = bytes.get(start..size)?;
        let kind = [header[4], header[5], header[6], header[7]];
        bytes = &bytes[size..];
        Some((kind, content))
    })
}

/// The size that a Matroska or WebM file says it has: the EBML header (RFC 8794) and the segment behind it. None where
/// it does not say (live streams).
pub fn matroska_size(head: &[u8]) -> Option<u64> {
    const EBML: [u8; 4] = [0x1A, 0x45, 0xDF, 0xA3];
    const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
    let (length, size) = variable_size(head.strip_prefix(&EBML)?)?;
    let segment = usize::try_from(4 + length as u64 + size?).ok()?;
    let (length, size) = variable_size(head.get(segment..)?.strip_prefix(&SEGMENT)?)?;
    (segment as u64 + 4 + length as u64).checked_add(size?)
}

/// An element's size: its length in bytes, and its value unless it says "unknown".
fn variable_size(bytes: &[u8]) -> Option<(usize, Option<u64>)> {
    // Of eight bytes at most: one that begins with zero is none.
    let first = *bytes.first().filter(|first| **first != 0)?;
    let length = first.leading_zeros() as usize + 1;
    let rest = bytes.get(1..length)?;
    let marker = u64::from(first) & ((1_u64 << (8 - length)) - 1);
    let value = rest.iter().fold(marker, |value, byte| value << 8 | u64::from(*byte));
    let unknown = (1_u64 << (7 * length)) - 1;
    Some((length, (value != unknown).then_some(value)))
}

/// The size that an AVI file says it has (its first RIFF chunk; larger files continue in further ones).
pub fn avi_size(head: &[u8]) -> Option<u64> {
    let size = head.strip_prefix(b"RIFF")?.first_chunk::<4>()?;
    Some(u64::from(u32::from_le_bytes(*size)) + 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout_of(bytes: &[u8]) -> Layout {
        mp4_layout(bytes.len() as u64, |offset, buffer: &mut [u8]| {
            let offset = offset as usize;
            let source = bytes.get(offset..offset + buffer.len()).ok_or("read behind the end")?;
            buffer.copy_from_slice(source);
            Ok::<_, &str>(())
        })
        .unwrap()
    }

    fn make_box(kind: &[u8], content: &[u8]) -> Vec<u8> {
        let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn the_index_is_found_before_and_behind_the_media_and_fragments_are_told() {
        let (start, moov, media) =
            (make_box(b"ftyp", &[0; 8]), make_box(b"moov", &[0; 40]), make_box(b"mdat", &[0; 99]));
        let layout = layout_of(&[start.clone(), moov.clone(), media.clone()].concat());
        assert_eq!((layout.moov, layout.is_index_at_end, layout.expected_size), (Some(16..64), false, None));
        let layout = layout_of(&[start.clone(), media.clone(), moov.clone()].concat());
        assert_eq!((layout.moov, layout.is_index_at_end, layout.expected_size), (Some(123..171), true, None));
        let fragments = [start, moov, make_box(b"moof", &[0; 30]), media].concat();
        assert!(layout_of(&fragments).is_fragmented);
    }

    #[test]
    fn what_is_missing_of_a_truncated_file_is_known() {
        let whole = [make_box(b"ftyp", &[0; 8]), make_box(b"mdat", &[0; 1000]), make_box(b"moov", &[0; 40])].concat();
        let layout = layout_of(&whole[..500]);
        assert_eq!((layout.moov, layout.has_media, layout.expected_size), (None, true, Some(16 + 1008)));
    }

    #[test]
    fn sample_entries_name_the_codecs_of_all_tracks() {
        let track = |entry: &[u8; 4]| {
            let description = [&[0; 8][..], &make_box(entry, &[0; 70])].concat();
            let table = make_box(b"stbl", &make_box(b"stsd", &description));
            make_box(b"trak", &[make_box(b"tkhd", &[0; 20]), make_box(b"mdia", &make_box(b"minf", &table))].concat())
        };
        let moov = make_box(b"moov", &[make_box(b"mvhd", &[0; 9]), track(b"encv"), track(b"mp4a")].concat());
        assert_eq!(sample_entries(&moov), [*b"encv", *b"mp4a"]);
    }

    #[test]
    fn a_duration_of_all_ones_is_none() {
        let header = |version: u8, duration: &[u8]| {
            let before = vec![0; if version == 0 { 12 } else { 20 }];
            make_box(b"moov", &make_box(b"mvhd", &[&[version, 0, 0, 0][..], &before, duration, &[0; 80]].concat()))
        };
        assert!(has_unknown_duration(&header(0, &[0xFF; 4])) && has_unknown_duration(&header(1, &[0xFF; 8])));
        assert!(!has_unknown_duration(&header(0, &[0, 0, 1, 0])) && !has_unknown_duration(&header(1, &[0; 8])));
    }

    #[test]
    fn sizes_of_matroska_and_avi() {
        let mut head = vec![0x1A, 0x45, 0xDF, 0xA3, 0x83, 1, 2, 3, 0x18, 0x53, 0x80, 0x67, 0x41, 0x00];
        assert_eq!(matroska_size(&head), Some(14 + 256));
        head.truncate(12);
        head.extend([0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert_eq!(matroska_size(&head), None);
        assert_eq!(avi_size(b"RIFF\x10\x00\x00\x00AVI LIST"), Some(24));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = layout_of(&bytes);
            let _ = sample_entries(&bytes);
            let _ = has_unknown_duration(&bytes);
            let _ = matroska_size(&bytes);
            let _ = avi_size(&bytes);
        }
    }
}

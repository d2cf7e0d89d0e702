//! What a track's codec is called in playlists (RFC 6381), from the configuration record in its initialisation segment.

use std::fmt::Write as _;

/// Of the one track of an initialisation segment: `avc1.640028`, `hvc1.1.6.L93.B0`, `av01.0.08M.08`, `mp4a.40.2`.
pub(crate) fn of_segment(init: &[u8]) -> Option<String> {
    record(init, *b"avcC").and_then(avc).or_else(|| record(init, *b"hvcC").and_then(hevc)).or_else(|| {
        record(init, *b"av1C").and_then(av1).or_else(|| record(init, *b"esds").map(|_| "mp4a.40.2".to_owned()))
    })
}

/// The content of the first box of that kind, wherever it is: the segment is this program's own.
fn record(bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    let at = bytes.windows(4).position(|window| *window == kind)?;
    bytes.get(at + 4..)
}

/// ISO/IEC 14496-15 5.3.3.1: version, profile, compatibility, level.
fn avc(record: &[u8]) -> Option<String> {
    let [_, profile, compatibility, level] = *record.first_chunk()?;
    Some(format!("avc1.{profile:02x}{compatibility:02x}{level:02x}"))
}

/// ISO/IEC 14496-15 8.3.3.1 and annex E.3.
fn hevc(record: &[u8]) -> Option<String> {
    let head: &[u8; 13] = record.first_chunk()?;
    let space = ["", "A", "B", "C"][usize::from(head[1] >> 6)];
    let tier = if head[1] >> 5 & 1 == 1 { 'H' } else { 'L' };
    let compatibility = u32::from_be_bytes([head[2], head[3], head[4], head[5]]).reverse_bits();
    let mut name = format!("hvc1.{space}{}.{compatibility:X}.{tier}{}", head[1] & 0x1F, head[12]);
    let constraints = &head[6..12];
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        let _ = write!(name, ".{byte:X}");
    }
    Some(name)
}

/// AV1 in ISO BMFF, section 5: marker and version, profile and level, tier and depth.
fn av1(record: &[u8]) -> Option<String> {
    let [_, profile, depth] = *record.first_chunk()?;
    let tier = if depth >> 7 == 1 { 'H' } else { 'M' };
    let bits = if depth >> 6 & 1 == 1 { 10 } else { 8 };
    Some(format!("av01.{}.{:02}{tier}.{bits:02}", profile >> 5, profile & 0x1F))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_players_compare() {
        assert_eq!(of_segment(b"....avcC\x01\x64\x00\x28rest").unwrap(), "avc1.640028");
        let main = b"hvcC\x01\x01\x60\x00\x00\x00\x90\x00\x00\x00\x00\x00\x5d\xf0";
        assert_eq!(of_segment(main).unwrap(), "hvc1.1.6.L93.90");
        assert_eq!(of_segment(b"av1C\x81\x08\x0c\x00").unwrap(), "av01.0.08M.08");
        assert_eq!(of_segment(b"moovesds....").unwrap(), "mp4a.40.2");
        assert_eq!(of_segment(b"nothing"), None);
    }
}

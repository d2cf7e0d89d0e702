//! The little of EXIF that this job needs: the orientation, read from whatever cameras write, and set back to upright.

use crate::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;

/// The orientation that EXIF (from its TIFF header on) asks for; upright where it says nothing that makes sense.
pub fn orientation(tiff: &[u8]) -> Orientation {
    find_orientation(tiff).map(|(_, number)| Orientation::from_exif(number)).unwrap_or_default()
}

/// Sets the orientation to upright, for pixels that have been turned.
pub fn reset_orientation(tiff: &mut [u8]) {
    if let Some((at, _)) = find_orientation(tiff) {
        let upright = if tiff.starts_with(b"MM") { [0, 1] } else { [1, 0] };
        // The value may be the file's last byte where it is written as one.
        let end = tiff.len().min(at + 2);
        tiff[at..end].copy_from_slice(&upright[..end - at]);
    }
}

/// Where the value of the tag stands in the first directory, and the value.
fn find_orientation(tiff: &[u8]) -> Option<(usize, u16)> {
    let big_endian = match tiff.get(..2)? {
        b"MM" => true,
        b"II" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    let count = usize::from(short(directory)?);
    for entry in (0..count).map(|number| directory + 2 + number * 12) {
        if short(entry)? != ORIENTATION {
            continue;
        }
        // A short by the standard; some write a long or a byte.
        let at = match (short(entry + 2)?, big_endian) {
            (3, _) | (4, false) => entry + 8,
            (4, true) => entry + 10,
            (1, _) => return Some((entry + 8, u16::from(*tiff.get(entry + 8)?))),
            _ => return None,
        };
        return Some((at, short(at)?));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(big_endian: bool, kind: u16, number: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        bytes.extend(if big_endian { *b"MM" } else { *b"II" });
        bytes.extend(short(42));
        bytes.extend(long(8));
        bytes.extend(short(1));
        bytes.extend(short(ORIENTATION));
        bytes.extend(short(kind));
        bytes.extend(long(1));
        if kind == 4 {
            bytes.extend(long(number));
        } else {
            bytes.extend(short(number as u16));
            bytes.extend([0, 0]);
        }
        bytes
    }

    #[test]
    fn orientation_is_found_in_both_byte_orders_and_types_and_can_be_reset() {
        for big_endian in [false, true] {
            for kind in [3, 4] {
                let mut bytes = exif(big_endian, kind, 6);
                assert_eq!(orientation(&bytes), Orientation::from_exif(6));
                reset_orientation(&mut bytes);
                assert!(orientation(&bytes).is_upright());
                assert_eq!(find_orientation(&bytes).unwrap().1, 1);
            }
        }
    }

    #[test]
    fn a_value_of_one_byte_at_the_very_end_is_reset_too() {
        for big_endian in [true, false] {
            let mut bytes = exif(big_endian, 1, 0);
            let at = bytes.windows(2).rposition(|tag| tag == [1, 0x12] || tag == [0x12, 1]).unwrap() + 8;
            bytes.truncate(at + 1);
            bytes[at] = 6;
            assert!(!orientation(&bytes).is_upright());
            reset_orientation(&mut bytes);
            assert!(orientation(&bytes).is_upright());
        }
    }

    #[test]
    fn nonsense_means_upright() {
        let whole = exif(true, 3, 6);
        for length in 0..whole.len() {
            let _ = orientation(&whole[..length]);
        }
        for nonsense in [exif(true, 7, 6), exif(false, 3, 77), b"II*\0\xff\xff\xff\xff".to_vec(), b"XX".to_vec()] {
            assert!(orientation(&nonsense).is_upright());
        }
    }
}

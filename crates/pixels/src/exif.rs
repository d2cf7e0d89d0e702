//! EXIF: the orientation, read from whatever cameras write; and what has to change in it for a picture that was turned or
//! resized, in place, so that what makers of cameras keep in there stays where they look for it.

pub mod directories;

use crate::decode::Density;
use crate::decode::tiff::directory::{Directory, Layout};
use crate::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;
const EXIF: u16 = 0x8769;
const WIDTH: u16 = 0xA002;
const HEIGHT: u16 = 0xA003;
const THUMBNAIL: u16 = 0x0201;
const THUMBNAIL_LENGTH: u16 = 0x0202;

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

/// Pixels per inch.
pub fn density(tiff: &[u8]) -> Option<Density> {
    let (layout, directory, _) = first_directory(tiff)?;
    directories::density(tiff, layout, &directory)
}

/// Sets the size that EXIF says, where it says one.
pub fn set_size(tiff: &mut [u8], size: (u32, u32)) {
    let Some((layout, directory, _)) = first_directory(tiff) else { return };
    let Some(at) = directory.number(tiff, layout, EXIF) else { return };
    let Some((photo, _)) = layout.directory(tiff, at) else { return };
    for (tag, length) in [(WIDTH, size.0), (HEIGHT, size.1)] {
        let Some(place) = photo.place(tag).filter(|place| matches!(place.len(), 2 | 4)) else { continue };
        let bytes = if layout.big_endian {
            length.to_be_bytes()[4 - place.len()..].to_vec()
        } else {
            length.to_le_bytes()[..place.len()].to_vec()
        };
        tiff[place].copy_from_slice(&bytes);
    }
}

/// Takes away the thumbnail, which shows the picture as it was.
pub fn remove_thumbnail(tiff: &mut Vec<u8>) {
    let Some((layout, directory, next_at)) = first_directory(tiff) else { return };
    let next = next_at.filter(|place| place.end <= tiff.len());
    let Some(next) = next else { return };
    let thumbnail = layout.directory(tiff, layout.number(&tiff[next.clone()]));
    tiff[next].fill(0);
    let Some((thumbnail, _)) = thumbnail else { return };
    let number = |tag| thumbnail.number(tiff, layout, tag).and_then(|number| usize::try_from(number).ok());
    let Some((start, length)) = number(THUMBNAIL).zip(number(THUMBNAIL_LENGTH)) else { return };
    let end = start.saturating_add(length).min(tiff.len());
    // Damaged files say places within what is kept.
    let is_apart = tiff.get(start..).is_some_and(|bytes| bytes.starts_with(&[0xFF, 0xD8])) && !directory.reaches(start);
    if is_apart && end == tiff.len() {
        tiff.truncate(start);
    } else if is_apart {
        tiff[start..end].fill(0);
    }
}

/// The first directory, and the place of the number that says where the next one is.
fn first_directory(tiff: &[u8]) -> Option<(Layout, Directory, Option<std::ops::Range<usize>>)> {
    let (layout, at) = Layout::of(tiff)?;
    let (directory, _) = layout.directory(tiff, at)?;
    let at = usize::try_from(at).ok()?;
    let count = usize::try_from(layout.number(tiff.get(at..at.checked_add(2)?)?)).ok()?;
    let next = at + 2 + count * 12;
    Some((layout, directory, Some(next..next + 4)))
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
    fn the_size_is_set_and_the_thumbnail_goes() {
        use directories::{Directories, Entry, block};
        let photo_at = 8 + 2 + 2 * 12 + 4;
        let mut photo = [Entry::longs(WIDTH, &[4000]), Entry::short(HEIGHT, 3000)];
        let photo = block(&mut photo, photo_at, false);
        let thumbnail_at = photo_at + photo.len() as u32;
        let mut image = [Entry::short(ORIENTATION, 6), Entry::longs(EXIF, &[photo_at])];
        let mut first = block(&mut image, 8, false);
        let length = first.len();
        first[length - 4..].copy_from_slice(&thumbnail_at.to_le_bytes());
        let data_at = thumbnail_at + 2 + 2 * 12 + 4;
        let mut thumbnail = [Entry::longs(THUMBNAIL, &[data_at]), Entry::longs(THUMBNAIL_LENGTH, &[6])];
        let thumbnail = block(&mut thumbnail, thumbnail_at, false);
        let mut tiff = [b"II*\0\x08\0\0\0", &first[..], &photo, &thumbnail, b"\xff\xd8\xff\x01\x02\x03"].concat();
        let before = Directories::read(&tiff).unwrap();
        remove_thumbnail(&mut tiff);
        assert_eq!(tiff.len(), data_at as usize);
        assert_eq!(Directories::read(&tiff).unwrap(), before);
        assert_eq!(orientation(&tiff), Orientation::from_exif(6));
        set_size(&mut tiff, (640, 480));
        let (layout, directory, _) = first_directory(&tiff).unwrap();
        let photo = layout.directory(&tiff, directory.number(&tiff, layout, EXIF).unwrap()).unwrap().0;
        assert_eq!([WIDTH, HEIGHT].map(|tag| photo.number(&tiff, layout, tag)), [Some(640), Some(480)]);
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

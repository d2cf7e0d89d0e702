//! Three views of a landscape, the second of them by night, as a video: an AVI of JPEG pictures, which needs no video encoder to be made.

use contract::Failure;
use image::{DynamicImage, ImageFormat};

const WIDTH: u32 = 480;
const HEIGHT: u32 = 270;
const RATE: u32 = 12;

/// Frames of each view.
const VIEW: u32 = 4 * RATE;

/// The day at the beginning of each view: the higher, the lower the sun.
const VIEWS: [f32; 3] = [0.62, 0.2, 0.45];

/// The video as a file.
pub(super) fn day() -> Result<Vec<u8>, Failure> {
    let mut frames = Vec::new();
    for (number, day) in (0_u32..).zip(VIEWS) {
        for frame in 0..VIEW {
            let moved = day - 0.1 * frame as f32 / VIEW as f32;
            let mut picture = DynamicImage::ImageRgb8(super::landscape_at(WIDTH, HEIGHT, moved));
            if number == 1 {
                picture = picture.fliph().brighten(-120).huerotate(20);
            }
            frames.push(super::encode(&picture, ImageFormat::Jpeg)?);
        }
    }
    Ok(avi(&frames))
}

/// Pictures as a RIFF file with an index, as in "AVI RIFF File Reference" (Microsoft): `hdrl` says what there is, `movi` has
/// it, `idx1` says where.
fn avi(frames: &[Vec<u8>]) -> Vec<u8> {
    let largest = frames.iter().map(Vec::len).max().unwrap_or_default() as u32;
    let count = frames.len() as u32;
    let main_header =
        numbers(&[1_000_000 / RATE, largest * RATE, 0, 0x10, count, 0, 1, largest, WIDTH, HEIGHT, 0, 0, 0, 0]);
    let mut stream_header = b"vidsMJPG".to_vec();
    stream_header.extend(numbers(&[0, 0, 0, 1, RATE, 0, count, largest, u32::MAX, 0]));
    stream_header
        .extend([[0_u16, 0], [WIDTH as u16, HEIGHT as u16]].concat().iter().flat_map(|side| side.to_le_bytes()));
    let mut format = numbers(&[40, WIDTH, HEIGHT, 1 | 24 << 16]);
    format.extend_from_slice(b"MJPG");
    format.extend(numbers(&[WIDTH * HEIGHT * 3, 0, 0, 0, 0]));
    let stream = list(*b"strl", &[chunk(*b"strh", &stream_header), chunk(*b"strf", &format)].concat());
    let header = list(*b"hdrl", &[chunk(*b"avih", &main_header), stream].concat());
    let mut pictures = Vec::new();
    let mut index = Vec::new();
    for frame in frames {
        index.extend_from_slice(b"00dc");
        // Every picture is a key frame; places count from the word `movi`.
        index.extend(numbers(&[0x10, pictures.len() as u32 + 4, frame.len() as u32]));
        pictures.extend(chunk(*b"00dc", frame));
    }
    let body = [header, list(*b"movi", &pictures), chunk(*b"idx1", &index)].concat();
    chunk(*b"RIFF", &[b"AVI ".as_slice(), &body].concat())
}

fn list(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    chunk(*b"LIST", &[name.as_slice(), content].concat())
}

/// A name, a length and bytes, padded to an even count.
fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend_from_slice(&(content.len() as u32).to_le_bytes());
    chunk.extend_from_slice(content);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

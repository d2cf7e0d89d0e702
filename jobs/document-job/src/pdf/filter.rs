//! Decodes streams (ISO 32000-2, 7.4), within a limit of output, and keeps what was decoded before an error.

use flate2::{Decompress, FlushDecompress, Status};
use lopdf::Dictionary;
use lopdf::filters::png::{FilterType, decode_row};

/// What came out of a decoder.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    /// The limit of output was reached.
    pub(crate) truncated: bool,
}

/// Applies one filter by its name or abbreviation; none for those that make pictures and for unknown ones.
pub(crate) fn apply(name: &[u8], data: &[u8], limit: usize) -> Option<Decoded> {
    Some(match name {
        b"FlateDecode" | b"Fl" => inflate(data, limit),
        b"LZWDecode" | b"LZW" => lzw(data, limit, true),
        b"ASCII85Decode" | b"A85" => whole(ascii85(data)),
        b"ASCIIHexDecode" | b"AHx" => whole(ascii_hex(data)),
        b"RunLengthDecode" | b"RL" => run_length(data, limit),
        b"Crypt" => whole(data.to_vec()),
        _ => return None,
    })
}

/// LZW with the early change as the parameters say.
pub(crate) fn lzw(data: &[u8], limit: usize, early_change: bool) -> Decoded {
    let mut decoder = if early_change {
        weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
    } else {
        weezl::decode::Decoder::new(weezl::BitOrder::Msb, 8)
    };
    let mut decoded = Decoded::default();
    let mut buffer = vec![0; 1 << 14];
    let mut input = data;
    loop {
        let result = decoder.decode_bytes(input, &mut buffer);
        input = &input[result.consumed_in..];
        decoded.bytes.extend_from_slice(&buffer[..result.consumed_out]);
        if decoded.bytes.len() > limit {
            decoded.bytes.truncate(limit);
            decoded.truncated = true;
            break;
        }
        match result.status {
            Ok(weezl::LzwStatus::Ok) if result.consumed_in > 0 || result.consumed_out > 0 => {}
            _ => break,
        }
    }
    decoded
}

/// Undoes the predictor that the parameters name, if any.
pub(crate) fn unpredict(data: Vec<u8>, parameters: &Dictionary) -> Vec<u8> {
    let integer = |key: &[u8], default: i64| {
        parameters.get(key).ok().and_then(|value| value.as_i64().ok()).filter(|value| *value > 0).unwrap_or(default)
    };
    let predictor = integer(b"Predictor", 1);
    if predictor < 2 {
        return data;
    }
    let colours = integer(b"Colors", 1).min(32) as usize;
    let bits = integer(b"BitsPerComponent", 8).min(16) as usize;
    let columns = integer(b"Columns", 1).min(1 << 20) as usize;
    let bytes_per_pixel = (colours * bits).div_ceil(8);
    let row_length = (colours * bits * columns).div_ceil(8);
    if predictor == 2 {
        return untiff(data, row_length, bytes_per_pixel, bits);
    }
    let mut result = Vec::with_capacity(data.len());
    let mut previous = vec![0; row_length];
    for row in data.chunks(row_length + 1) {
        let mut current = row[1..].to_vec();
        current.resize(row_length, 0);
        let filter = FilterType::try_from(row[0]).unwrap_or(FilterType::None);
        decode_row(filter, bytes_per_pixel, &previous, &mut current);
        result.extend_from_slice(&current[..row.len() - 1]);
        previous = current;
    }
    result
}

fn untiff(mut data: Vec<u8>, row_length: usize, bytes_per_pixel: usize, bits: usize) -> Vec<u8> {
    if bits == 8 {
        for row in data.chunks_mut(row_length) {
            for at in bytes_per_pixel..row.len() {
                row[at] = row[at].wrapping_add(row[at - bytes_per_pixel]);
            }
        }
    }
    data
}

fn whole(bytes: Vec<u8>) -> Decoded {
    Decoded { bytes, truncated: false }
}

/// zlib; and where its header is broken, bare deflate.
fn inflate(data: &[u8], limit: usize) -> Decoded {
    // Some producers leave a line end before the data.
    let data = match data {
        [b'\r', b'\n', rest @ ..] | [b'\n' | b'\r', rest @ ..] => rest,
        _ => data,
    };
    let decoded = inflate_with(Decompress::new(true), data, limit);
    if decoded.bytes.is_empty() && data.len() > 2 {
        let bare = inflate_with(Decompress::new(false), &data[2..], limit);
        return if bare.bytes.is_empty() { inflate_with(Decompress::new(false), data, limit) } else { bare };
    }
    decoded
}

fn inflate_with(mut decoder: Decompress, data: &[u8], limit: usize) -> Decoded {
    let mut decoded =
        Decoded { bytes: Vec::with_capacity((data.len() * 4).clamp(256, 1 << 20).min(limit)), truncated: false };
    loop {
        if decoded.bytes.len() == decoded.bytes.capacity() {
            if decoded.bytes.len() >= limit {
                decoded.truncated = true;
                break;
            }
            decoded.bytes.reserve(decoded.bytes.len().min(limit - decoded.bytes.len()).max(1));
        }
        let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
        let input = data.get(before_in as usize..).unwrap_or_default();
        let status = decoder.decompress_vec(input, &mut decoded.bytes, FlushDecompress::None);
        let stuck = decoder.total_in() == before_in && decoder.total_out() == before_out;
        match status {
            Ok(Status::Ok | Status::BufError) if !stuck => {}
            _ => break,
        }
    }
    decoded.bytes.truncate(limit);
    decoded
}

fn ascii85(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() / 5 * 4);
    let mut group = [0_u32; 5];
    let mut count = 0;
    let start = if data.starts_with(b"<~") { 2 } else { 0 };
    for &byte in &data[start..] {
        match byte {
            b'z' if count == 0 => bytes.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                group[count] = u32::from(byte - b'!');
                count += 1;
                if count == 5 {
                    bytes.extend_from_slice(&base85(group).to_be_bytes());
                    count = 0;
                }
            }
            b'~' => break,
            _ => {}
        }
    }
    if count > 1 {
        group[count..].fill(84);
        bytes.extend_from_slice(&base85(group).to_be_bytes()[..count - 1]);
    }
    bytes
}

fn base85(group: [u32; 5]) -> u32 {
    group.iter().fold(0_u32, |value, digit| value.wrapping_mul(85).wrapping_add(*digit))
}

fn ascii_hex(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() / 2);
    let mut pending = None;
    for &byte in data {
        if byte == b'>' {
            break;
        }
        let Some(digit) = (byte as char).to_digit(16) else { continue };
        match pending.take() {
            None => pending = Some(digit),
            Some(high) => bytes.push((high << 4 | digit) as u8),
        }
    }
    if let Some(high) = pending {
        bytes.push((high << 4) as u8);
    }
    bytes
}

fn run_length(data: &[u8], limit: usize) -> Decoded {
    let mut decoded = Decoded::default();
    let mut at = 0;
    while let Some(&length) = data.get(at) {
        match length {
            0..=127 => {
                let end = (at + 2 + usize::from(length)).min(data.len());
                decoded.bytes.extend_from_slice(&data[at + 1..end]);
                at = end;
            }
            128 => break,
            129..=255 => {
                let Some(&byte) = data.get(at + 1) else { break };
                decoded.bytes.resize(decoded.bytes.len() + 257 - usize::from(length), byte);
                at += 2;
            }
        }
        if decoded.bytes.len() > limit {
            decoded.bytes.truncate(limit);
            decoded.truncated = true;
            break;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn deflate(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn deflate_stops_at_the_limit_and_keeps_what_precedes_damage() {
        let data: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let compressed = deflate(&data);
        let decoded = apply(b"FlateDecode", &compressed, 1 << 30).unwrap();
        assert!(decoded.bytes == data && !decoded.truncated);
        let decoded = apply(b"FlateDecode", &compressed, 1000).unwrap();
        assert!(decoded.bytes == data[..1000] && decoded.truncated);
        let decoded = apply(b"FlateDecode", &compressed[..compressed.len() / 2], 1 << 30).unwrap();
        assert!(decoded.bytes.len() > 1000 && data.starts_with(&decoded.bytes));
    }

    #[test]
    fn text_encodings_are_undone() {
        assert_eq!(apply(b"A85", b"<~87cURD]i,\"Ebo80~>", 100).unwrap().bytes, b"Hello World!");
        assert_eq!(apply(b"AHx", b"48 65 6C 6c 6F 2>", 100).unwrap().bytes, b"Hello ");
        assert_eq!(apply(b"RL", &[2, b'a', b'b', b'c', 254, b'x', 128, 9], 100).unwrap().bytes, b"abcxxx");
    }
}

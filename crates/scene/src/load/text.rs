//! Text of formats that do not say how it is encoded.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Bytes without a byte order mark; UTF-16, which needs one, as UTF-8. What has no mark is left as it is: the words of every
/// format read here are ASCII, and [`name`] reads the rest.
pub fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    match Encoding::for_bom(bytes) {
        Some((encoding, length)) if encoding == UTF_8 => Cow::Borrowed(&bytes[length..]),
        Some((encoding, length)) => {
            let (text, _) = encoding.decode_without_bom_handling(&bytes[length..]);
            Cow::Owned(text.into_owned().into_bytes())
        }
        None => Cow::Borrowed(bytes),
    }
}

/// A name in a file: UTF-8, or else Windows' code page for western languages, in which every byte is a letter.
pub fn name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Lines without their ends and the spaces around them, whether they end in `\n`, `\r\n` or, as on old systems, `\r`.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    bytes.split(move |&byte| byte == end).map(<[u8]>::trim_ascii)
}

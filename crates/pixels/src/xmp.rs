//! XMP: what has to change in its text for a picture that was turned or resized. Whoever reads XMP trusts it before EXIF.

use std::borrow::Cow;

/// Facts about how a picture is stored, of which the result has its own.
const WIDTHS: [&str; 2] = ["tiff:ImageWidth", "exif:PixelXDimension"];
const HEIGHTS: [&str; 2] = ["tiff:ImageLength", "exif:PixelYDimension"];

/// A packet for an upright picture of that size.
pub fn set_size(packet: &[u8], (width, height): (u32, u32)) -> Cow<'_, [u8]> {
    // XMP of other encodings is rare and stays as it is.
    let Ok(text) = std::str::from_utf8(packet) else { return Cow::Borrowed(packet) };
    let mut text = Cow::Borrowed(text);
    set(&mut text, "tiff:Orientation", "1");
    for (names, length) in [(WIDTHS, width), (HEIGHTS, height)] {
        for name in names {
            set(&mut text, name, &length.to_string());
        }
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Sets a number wherever it is, as an attribute or as an element.
fn set(text: &mut Cow<'_, str>, name: &str, value: &str) {
    let mut from = 0;
    while let Some(found) = text[from..].find(name) {
        let after = from + found + name.len();
        from = after;
        let rest = text[after..].trim_start();
        let Some(rest) = rest.strip_prefix('=').map(str::trim_start).or(Some(rest)) else { continue };
        let Some(rest) = rest.strip_prefix(['"', '\'', '>']).map(str::trim_start) else { continue };
        let start = text.len() - rest.len();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            text.to_mut().replace_range(start..start + digits, value);
            from = start + value.len();
        }
    }
}

/// Takes away the reference to the part of XMP that a JPEG stores apart, when that part is not carried over. Says whether
/// there was one.
pub fn remove_extension(packet: &mut Vec<u8>) -> bool {
    let Ok(text) = std::str::from_utf8(packet) else { return false };
    let Some(start) = text.find("xmpNote:HasExtendedXMP") else { return false };
    let rest = &text[start..];
    let attribute = rest.split_once('=').and_then(|(name, value)| {
        let quote = value.trim_start().chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let opened = rest.find(quote)? + 1;
        (name.trim_end().len() == "xmpNote:HasExtendedXMP".len()).then_some(())?;
        Some(start..start + opened + rest[opened..].find(quote)? + 1)
    });
    let element = || {
        let begun = text[..start].strip_suffix('<')?.len();
        let end_tag = "</xmpNote:HasExtendedXMP>";
        Some(begun..start + rest.find(end_tag)? + end_tag.len())
    };
    let Some(place) = attribute.or_else(element) else { return false };
    packet.drain(place);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientation_and_size_are_set_in_attributes_and_elements() {
        let packet = r#"<rdf:Description tiff:Orientation="6" tiff:Make = "4"><tiff:ImageWidth>4000</tiff:ImageWidth>
            <exif:PixelYDimension> 3000</exif:PixelYDimension><tiff:Orientation>8</tiff:Orientation></rdf:Description>"#;
        let expected = r#"<rdf:Description tiff:Orientation="1" tiff:Make = "4"><tiff:ImageWidth>640</tiff:ImageWidth>
            <exif:PixelYDimension> 480</exif:PixelYDimension><tiff:Orientation>1</tiff:Orientation></rdf:Description>"#;
        assert_eq!(std::str::from_utf8(&set_size(packet.as_bytes(), (640, 480))), Ok(expected));
        for other in
            [&b"\xff\xfe tiff:Orientation"[..], b"tiff:Orientation", b"tiff:Orientation=", b"tiff:Orientation=\"x\""]
        {
            assert_eq!(set_size(other, (1, 1)), other);
        }
    }

    #[test]
    fn the_reference_to_an_extension_goes() {
        for (packet, rest) in [
            (r#"<a xmpNote:HasExtendedXMP="0123" b="1"/>"#, r#"<a  b="1"/>"#),
            ("<a><xmpNote:HasExtendedXMP>01=\"</xmpNote:HasExtendedXMP></a>", "<a></a>"),
        ] {
            let mut bytes = packet.as_bytes().to_vec();
            assert!(remove_extension(&mut bytes));
            assert_eq!(std::str::from_utf8(&bytes), Ok(rest));
        }
        assert!(!remove_extension(&mut b"<a/>".to_vec()));
    }
}

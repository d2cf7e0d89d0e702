//! EXIF as JSON, by way of the crate `exif` (kamadak-exif).

use exif::{Context, Exif, In, Reader, Tag, Value as ExifValue};
use serde_json::{Map, Value, json};

use super::Fields;

/// Longer lists (thumbnails, tables of strips, makers' notes) are told by their length.
const MOST_VALUES: usize = 64;

/// The fields of EXIF (from its TIFF header on): `image`, `photo`, `gps`, `interoperability` and `thumbnail` by the names of
/// the standard, and from them `takenAt` (ISO 8601), `latitude` and `longitude` (degrees, north and east positive) and
/// `altitude` (metres above the sea).
pub fn exif_fields(tiff: &[u8]) -> Fields {
    let mut unread = Vec::new();
    let read = Reader::new().continue_on_error(true).read_raw(tiff.to_vec());
    let read = read.or_else(|error| {
        error.distill_partial_result(|errors| unread.extend(errors.iter().map(|error| format!("EXIF: {error}"))))
    });
    let exif = match read {
        Ok(exif) => exif,
        Err(error) => return Fields { values: Map::new(), unread: vec![format!("EXIF: {error}")] },
    };
    let mut values = Map::new();
    for field in exif.fields() {
        let section = section(field.tag, field.ifd_num);
        let Value::Object(section) = values.entry(section).or_insert_with(|| json!({})) else { continue };
        section.insert(name(field.tag), value(field.tag, &field.value));
    }
    let derived = [
        ("takenAt", taken_at(&exif).map(Value::from)),
        ("latitude", coordinate(&exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, "S", 90.0)),
        ("longitude", coordinate(&exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, "W", 180.0)),
        ("altitude", altitude(&exif)),
    ];
    values.extend(derived.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Fields { values, unread }
}

fn section(tag: Tag, directory: In) -> &'static str {
    match (directory, tag.context()) {
        (In::PRIMARY, Context::Exif) => "photo",
        (In::PRIMARY, Context::Gps) => "gps",
        (In::PRIMARY, Context::Interop) => "interoperability",
        (In::PRIMARY, _) => "image",
        (In::THUMBNAIL, _) => "thumbnail",
        _ => "others",
    }
}

/// A tag's name in the standard, or its number.
fn name(tag: Tag) -> String {
    if tag.description().is_some() { tag.to_string() } else { format!("0x{:04x}", tag.number()) }
}

fn value(tag: Tag, value: &ExifValue) -> Value {
    match value {
        ExifValue::Ascii(texts) => one_or_list(texts, |text| text_of(text).into()),
        ExifValue::Byte(numbers) => one_or_list(numbers, |number| (*number).into()),
        ExifValue::SByte(numbers) => one_or_list(numbers, |number| (*number).into()),
        ExifValue::Short(numbers) => one_or_list(numbers, |number| (*number).into()),
        ExifValue::SShort(numbers) => one_or_list(numbers, |number| (*number).into()),
        ExifValue::Long(numbers) => one_or_list(numbers, |number| (*number).into()),
        ExifValue::SLong(numbers) => one_or_list(numbers, |number| (*number).into()),
        ExifValue::Rational(numbers) => one_or_list(numbers, |number| finite(number.to_f64())),
        ExifValue::SRational(numbers) => one_or_list(numbers, |number| finite(number.to_f64())),
        ExifValue::Float(numbers) => one_or_list(numbers, |number| finite(f64::from(*number))),
        ExifValue::Double(numbers) => one_or_list(numbers, |number| finite(*number)),
        ExifValue::Undefined(bytes, _) if tag == Tag::UserComment => comment(bytes),
        ExifValue::Undefined(bytes, _) => undefined(bytes),
        ExifValue::Unknown(..) => Value::Null,
    }
}

fn one_or_list<T>(values: &[T], turn: impl Fn(&T) -> Value) -> Value {
    match values {
        [one] => turn(one),
        many if many.len() > MOST_VALUES => json!({ "count": many.len() }),
        many => many.iter().map(turn).collect(),
    }
}

/// A quotient by zero means that the value is not known.
fn finite(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// Cameras fill up with zeros or blanks; some write UTF-8, others whatever they are set to.
fn text_of(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim().to_owned()
}

/// A comment begins with eight bytes that name its character set.
fn comment(bytes: &[u8]) -> Value {
    match bytes.split_at_checked(8) {
        Some((b"ASCII\0\0\0" | b"\0\0\0\0\0\0\0\0", text)) => text_of(text).into(),
        _ => json!({ "bytes": bytes.len() }),
    }
}

/// Versions are four digits; everything else without a type is told by its length.
fn undefined(bytes: &[u8]) -> Value {
    let is_text = !bytes.is_empty() && bytes.len() <= MOST_VALUES && bytes.iter().all(u8::is_ascii_graphic);
    if is_text { text_of(bytes).into() } else { json!({ "bytes": bytes.len() }) }
}

fn text(exif: &Exif, tag: Tag) -> Option<String> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        ExifValue::Ascii(texts) => Some(text_of(texts.first()?)).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// `2026:05:01 12:30:00`, hundredths and the offset, as ISO 8601. A camera whose clock was never set writes zeros or blanks.
fn taken_at(exif: &Exif) -> Option<String> {
    let written = text(exif, Tag::DateTimeOriginal)?;
    let shape = written.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    if !shape.eq(*b"0000:00:00 00:00:00") || written.starts_with("0000") {
        return None;
    }
    let (date, time) = written.split_once(' ')?;
    let digits = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = text(exif, Tag::SubSecTimeOriginal).filter(digits).map(|text| format!(".{text}"));
    let offset = text(exif, Tag::OffsetTimeOriginal).filter(|text| text.len() == 6);
    let (fraction, offset) = (fraction.unwrap_or_default(), offset.unwrap_or_default());
    Some(format!("{}T{time}{fraction}{offset}", date.replace(':', "-")))
}

/// Degrees, minutes and seconds as degrees.
fn coordinate(exif: &Exif, tag: Tag, side: Tag, negative: &str, most: f64) -> Option<Value> {
    let ExifValue::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let [degrees, minutes, seconds] = parts.get(..3)? else { return None };
    let degrees = degrees.to_f64() + minutes.to_f64() / 60.0 + seconds.to_f64() / 3600.0;
    if !(0.0..=most).contains(&degrees) {
        return None;
    }
    let degrees = if text(exif, side)?.eq_ignore_ascii_case(negative) { -degrees } else { degrees };
    // A millionth of a degree is a tenth of a metre.
    Some(finite((degrees * 1e6).round() / 1e6))
}

fn altitude(exif: &Exif) -> Option<Value> {
    let ExifValue::Rational(parts) = &exif.get_field(Tag::GPSAltitude, In::PRIMARY)?.value else { return None };
    let height = parts.first().map(exif::Rational::to_f64).filter(|height| height.is_finite())?;
    let reference = exif.get_field(Tag::GPSAltitudeRef, In::PRIMARY).and_then(|field| field.value.get_uint(0));
    Some(finite(if reference == Some(1) { -height } else { height }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An EXIF of one directory, whose entries are a tag, a type, a count and four bytes of value or offset.
    fn tiff(entries: &[(u16, u16, u32, [u8; 4])], after: &[u8]) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value);
        }
        bytes.extend([0; 4]);
        bytes.extend(after);
        bytes
    }

    #[test]
    fn fields_have_the_names_and_types_of_the_standard() {
        let text_at = (8 + 2 + 3 * 12 + 4_u32).to_le_bytes();
        let bytes =
            tiff(&[(0x010f, 2, 8, text_at), (0x0112, 3, 1, [6, 0, 0, 0]), (0xfde8, 3, 1, [9, 0, 0, 0])], b"Maker  \0");
        let Fields { values, unread } = exif_fields(&bytes);
        assert_eq!(unread, Vec::<String>::new());
        assert_eq!(Value::Object(values), json!({"image": {"Make": "Maker", "Orientation": 6, "0xfde8": 9}}));
    }

    #[test]
    fn what_is_damaged_is_told_and_the_rest_is_kept() {
        let bytes = tiff(&[(0x010f, 2, 80, [0xff, 0xff, 0, 0]), (0x0112, 3, 1, [6, 0, 0, 0])], b"");
        let Fields { values, unread } = exif_fields(&bytes);
        assert_eq!(values["image"]["Orientation"], 6);
        assert!(unread.len() == 1 && unread[0].starts_with("EXIF: "), "{unread:?}");
        for length in 0..bytes.len() {
            let _ = exif_fields(&bytes[..length]);
        }
    }
}

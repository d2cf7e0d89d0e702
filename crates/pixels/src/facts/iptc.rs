//! IPTC-IIM: data sets of a marker, a record, a number, a length and a text. Only record 2, the application record, is for
//! people. Names are those of the standard IIM 4.1, in camelCase.

use serde_json::{Map, Value};

use super::Fields;

/// Begins every data set.
const MARKER: u8 = 0x1c;

/// What the data sets of record 2 are called, and whether each may come several times.
const NAMES: &[(u8, &str, bool)] = &[
    (5, "objectName", false),
    (10, "urgency", false),
    (15, "category", false),
    (20, "supplementalCategories", true),
    (25, "keywords", true),
    (40, "specialInstructions", false),
    (55, "dateCreated", false),
    (60, "timeCreated", false),
    (62, "digitalCreationDate", false),
    (63, "digitalCreationTime", false),
    (65, "originatingProgram", false),
    (70, "programVersion", false),
    (80, "byline", true),
    (85, "bylineTitle", true),
    (90, "city", false),
    (92, "sublocation", false),
    (95, "provinceState", false),
    (100, "countryCode", false),
    (101, "country", false),
    (103, "originalTransmissionReference", false),
    (105, "headline", false),
    (110, "credit", false),
    (115, "source", false),
    (116, "copyrightNotice", false),
    (118, "contact", true),
    (120, "caption", false),
    (122, "captionWriter", true),
];

/// The texts of IPTC-IIM by name; lists where the standard allows several.
pub fn iptc_fields(mut bytes: &[u8]) -> Fields {
    let mut fields = Fields::default();
    let mut is_utf8 = false;
    while let [MARKER, record, number, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        // Lengths from 32768 on would be those of lengths, which nobody writes.
        let Some((data, after)) = rest.split_at_checked(length).filter(|_| length < 0x8000) else {
            fields.unread.push(format!("IPTC: data set {record}:{number} is cut off"));
            break;
        };
        match (record, number) {
            (1, 90) => is_utf8 = data == b"\x1b%G",
            (2, number) => add(&mut fields.values, *number, data, is_utf8),
            _ => {}
        }
        bytes = after;
    }
    fields
}

fn add(values: &mut Map<String, Value>, number: u8, data: &[u8], is_utf8: bool) {
    let Some((_, name, is_list)) = NAMES.iter().find(|(known, ..)| *known == number) else { return };
    let text = Value::from(decode(data, is_utf8));
    if *is_list {
        let list = values.entry(*name).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().expect("lists are made as lists").push(text);
    } else {
        values.insert((*name).to_owned(), text);
    }
}

/// Most programs write UTF-8 without saying so, older ones Latin-1.
fn decode(data: &[u8], is_utf8: bool) -> String {
    let text = match std::str::from_utf8(data) {
        Ok(text) => text.to_owned(),
        Err(_) if is_utf8 => String::from_utf8_lossy(data).into_owned(),
        Err(_) => data.iter().map(|byte| char::from(*byte)).collect(),
    };
    text.trim_end_matches(['\0', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(record: u8, number: u8, data: &[u8]) -> Vec<u8> {
        [&[MARKER, record, number], &(data.len() as u16).to_be_bytes()[..], data].concat()
    }

    #[test]
    fn texts_are_read_in_their_character_set_and_lists_are_lists() {
        let latin = [set(2, 25, b"caf\xe9"), set(2, 25, b"two"), set(2, 120, b"A caption"), set(2, 200, b"?")].concat();
        let expected = json!({"keywords": ["café", "two"], "caption": "A caption"});
        assert_eq!(Value::Object(iptc_fields(&latin).values), expected);
        let utf8 = [set(1, 90, b"\x1b%G"), set(2, 90, "Zürich".as_bytes())].concat();
        assert_eq!(iptc_fields(&utf8).values["city"], "Zürich");
    }

    #[test]
    fn what_is_cut_off_is_told_and_what_came_before_is_kept() {
        let mut bytes = [set(2, 5, b"name"), set(2, 90, b"city")].concat();
        bytes.pop();
        let Fields { values, unread } = iptc_fields(&bytes);
        assert_eq!(Value::Object(values), json!({"objectName": "name"}));
        assert_eq!(unread, ["IPTC: data set 2:90 is cut off"]);
    }
}

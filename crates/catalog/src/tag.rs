//! The processing-option in the alphabet of S3 object tags.
//!
//! A tag's value takes letters, digits, spaces and `+ - = . _ : / @`, at most 256 of them (S3 User Guide, "Categorizing your
//! objects using tags"): none of `? & , %`, without which the usual spelling has no options. So there is a second spelling of
//! the same grammar:
//!
//! | usual | in a tag |
//! | --- | --- |
//! | `resize?width=800&format=webp` | `resize width=800 format=webp` |
//! | `resize?widths=320,640,convert?format=avif` | `resize widths=320+640 + convert format=avif` |
//! | `text?password=a%26b` | `text password=a@26b` |
//!
//! A space comes before each option, `+` takes the place of the comma, and `@` that of `%`. The two cannot be mistaken for
//! each other: the usual spelling has a `?` or a `,`, or is an operation's name alone, which is the same in both.

use std::borrow::Cow;

use crate::grammar::is_operation_name;

/// The longest value of a tag, characters.
pub const MAX_TAG_CHARACTERS: usize = 256;

/// Whether S3 takes a text as the value of a tag.
pub fn is_tag_value(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    text.chars().count() <= MAX_TAG_CHARACTERS && text.chars().all(allowed)
}

/// A text in the usual spelling, whichever it is written in.
pub(crate) fn usual_spelling(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.contains(['?', '&', ',', '%']) || !text.contains([' ', '+', '@']) {
        return Cow::Borrowed(text);
    }
    let mut operations: Vec<String> = Vec::new();
    for segment in text.split('+').map(str::trim) {
        let name = segment.split(' ').next().unwrap_or_default();
        match operations.last_mut() {
            Some(last) if !is_operation_name(name) => last.extend([",", segment]),
            _ => operations.push(segment.to_owned()),
        }
    }
    let usual = operations.iter().map(|operation| {
        let mut words = operation.split_whitespace();
        let name = words.next().unwrap_or_default();
        let options = words.collect::<Vec<_>>().join("&");
        if options.is_empty() { name.to_owned() } else { format!("{name}?{options}") }
    });
    Cow::Owned(with_percent_signs(&usual.collect::<Vec<_>>().join(",")))
}

/// `%` for each `@` that two hexadecimal digits follow.
fn with_percent_signs(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_code = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit));
    text.char_indices().map(|(at, c)| if c == '@' && is_code(at) { '%' } else { c }).collect()
}

/// A text in the usual spelling, as [`crate::Operations`] prints it, in that of tags. It may be longer than a tag takes.
pub(crate) fn tag_spelling(operations: &[String]) -> String {
    let in_tag = operations.iter().map(|operation| {
        let spelt = operation.replace(['?', '&'], " ").replace(',', "+").replace('~', "%7E");
        spelt.replace('%', "@")
    });
    in_tag.collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OPERATIONS, Operation, Operations};

    fn read(text: &str) -> String {
        text.parse::<Operations>().unwrap_or_else(|rejection| panic!("{text}: {rejection}")).to_string()
    }

    #[test]
    fn the_two_spellings_mean_the_same() {
        for (tag, usual) in [
            ("probe", "probe"),
            ("resize width=800 format=webp", "resize?width=800&format=webp"),
            ("resize  width=800   format=webp ", "resize?width=800&format=webp"),
            ("resize widths=320+640 + convert format=avif", "resize?widths=320,640,convert?format=avif"),
            ("resize widths=320+640+convert format=avif", "resize?widths=320,640,convert?format=avif"),
            ("keyframes + probe", "keyframes,probe"),
            ("keyframes+probe", "keyframes,probe"),
        ] {
            assert_eq!(read(tag), read(usual), "{tag}");
        }
    }

    #[test]
    fn every_example_can_be_written_in_a_tag() {
        let examples =
            OPERATIONS.iter().flat_map(|declaration| declaration.examples.iter().map(|(example, _)| *example));
        let mut count = 0;
        for example in examples {
            let operations: Operations = example.parse().unwrap();
            let tag = tag_spelling(&operations.iter().map(Operation::unredacted).collect::<Vec<_>>());
            assert!(is_tag_value(&tag), "{tag}");
            assert_eq!(tag.parse::<Operations>().unwrap(), operations, "{tag}");
            count += 1;
        }
        assert!(count > 10);
    }

    proptest::proptest! {
        #[test]
        fn any_value_survives_the_spelling_of_tags(password in "[ -~ü%@+,&?=]{1,40}") {
            let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
            let operations: Operations = format!("text?password={encoded}").parse().unwrap();
            let tag = tag_spelling(&operations.iter().map(Operation::unredacted).collect::<Vec<_>>());
            proptest::prop_assert!(is_tag_value(&tag), "{}", tag);
            proptest::prop_assert_eq!(tag.parse::<Operations>().unwrap(), operations);
        }
    }

    #[test]
    fn what_is_wrong_in_a_tag_is_told_as_anywhere() {
        let told = |text: &str| text.parse::<Operations>().unwrap_err().to_string();
        assert!(told("resise width=800").contains("unknown operation \"resise\""));
        assert!(told("resize widht=8").contains("unknown option \"widht\""));
        assert!(!is_tag_value("resize?width=800") && !is_tag_value("a,b") && !is_tag_value(&"a".repeat(257)));
    }
}

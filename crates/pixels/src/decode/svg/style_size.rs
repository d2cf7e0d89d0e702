//! The size that an SVG says in the `style` of its root, which comes before its attributes `width` and `height` (SVG 2, 7.2 and
//! 8.2; CSS Cascading, 6.1). usvg knows the attributes only, so they are set.

use std::ops::Range;

use resvg::usvg::roxmltree::Document;

/// Lengths that an attribute takes as well.
const UNITS: [&str; 9] = ["px", "pt", "pc", "mm", "cm", "in", "em", "ex", "%"];

/// The text with the size as attributes, where the style says one.
pub fn with_attributes(text: &str, document: &Document<'_>) -> Option<String> {
    let root = document.root_element();
    let style = root.attribute("style")?;
    let start_tag = root.range().start + 1;
    let name = text.get(start_tag..)?.find(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/'))?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for property in ["width", "height"] {
        let Some(value) = declared(style, property) else { continue };
        let attribute =
            root.attributes().find(|attribute| attribute.namespace().is_none() && attribute.name() == property);
        edits.push(match attribute {
            Some(attribute) => (attribute.range(), format!("{property}=\"{value}\"")),
            None => (start_tag + name..start_tag + name, format!(" {property}=\"{value}\"")),
        });
    }
    // From the end, so that places stay what they are.
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut changed = text.to_owned();
    for (range, attribute) in &edits {
        changed.replace_range(range.clone(), attribute);
    }
    (!edits.is_empty()).then_some(changed)
}

/// The last valid length of a property among declarations.
fn declared<'a>(style: &'a str, property: &str) -> Option<&'a str> {
    let mut values = style.split(';').filter_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        let value = value.trim().trim_end_matches("!important").trim_end();
        (name.trim().eq_ignore_ascii_case(property) && is_length(value)).then_some(value)
    });
    values.next_back()
}

/// A positive number with a unit.
fn is_length(value: &str) -> bool {
    let unit = UNITS.iter().find(|unit| value.len() > unit.len() && value.ends_with(**unit));
    unit.is_some_and(|unit| {
        let number = &value[..value.len() - unit.len()];
        number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && number.parse::<f64>().is_ok_and(|number| number > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> Option<String> {
        with_attributes(text, &Document::parse(text).unwrap())
    }

    #[test]
    fn the_style_comes_before_the_attributes() {
        let text = r#"<?xml version="1.0"?><svg height='7' style="fill:red; WIDTH : 20px;height:1in !important" viewBox="0 0 2 1"><rect width="1"/></svg>"#;
        let expected = r#"<?xml version="1.0"?><svg width="20px" height="1in" style="fill:red; WIDTH : 20px;height:1in !important" viewBox="0 0 2 1"><rect width="1"/></svg>"#;
        assert_eq!(changed(text).as_deref(), Some(expected));
        let with_prefix = r#"<s:svg xmlns:s="http://www.w3.org/2000/svg" style="width:9mm"/>"#;
        assert!(changed(with_prefix).is_some_and(|text| text.starts_with("<s:svg width=\"9mm\" xmlns")));
        for none in [
            "<svg style='fill:red'/>",
            "<svg width='3'/>",
            "<svg style='width:auto;height:calc(1px);max-width:3px;width:0px'/>",
        ] {
            assert_eq!(changed(none), None, "{none}");
        }
    }
}

//! XML as it is found, not as it should be: a scanner that never gives up.
//!
//! XML parsers must end at the first fault (XML 1.0, 1.2), and with them everything behind a stray byte, a bare `&` or a
//! `<` that a program forgot to escape would be lost. Here such a character is text, and the fault is remembered so that
//! the result can say so. Nothing is checked that the text does not depend on, and no entity of a document type expands.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

/// An event of a scanner. An element without content gives a start and an end.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Start(Tag<'a>),
    /// The name without its prefix.
    End(&'a str),
    /// With its references resolved.
    Text(Cow<'a, str>),
}

/// A start tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag<'a> {
    /// With its prefix.
    name: &'a str,
    attributes: &'a str,
}

impl<'a> Tag<'a> {
    /// The name without its prefix.
    pub(crate) fn name(&self) -> &'a str {
        local(self.name)
    }

    pub(crate) fn prefix(&self) -> &'a str {
        self.name.split_once(':').map_or("", |(prefix, _)| prefix)
    }

    /// An attribute by its name without prefix; one without a prefix comes first.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut found = None;
        for (key, value) in self.attributes() {
            if key == name {
                return Some(unescape(value));
            }
            if found.is_none() && local(key) == name && !key.starts_with("xmlns") {
                found = Some(value);
            }
        }
        found.map(unescape)
    }

    /// An attribute with any prefix, such as `r:id` beside `id`.
    pub(crate) fn prefixed(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut attributes = self.attributes();
        let found = attributes
            .find(|(key, _)| key.split_once(':').is_some_and(|(prefix, key)| key == name && prefix != "xmlns"));
        found.map(|(_, value)| unescape(value))
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// The switch that such an element is: on unless it says otherwise.
    pub(crate) fn is_on(&self) -> bool {
        self.attribute("val").is_none_or(|value| !matches!(&*value, "0" | "false" | "off" | "none"))
    }

    fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches(|char: char| char.is_ascii_whitespace() || char == '/');
            let end = rest.find(|char: char| char == '=' || char.is_ascii_whitespace()).unwrap_or(rest.len());
            if end == 0 && rest.is_empty() {
                return None;
            }
            let key = &rest[..end];
            let behind = rest[end..].trim_start();
            let Some(value) = behind.strip_prefix('=') else {
                // No value, or a stray sign.
                rest = &rest[end.max(rest.chars().next().map_or(1, char::len_utf8))..];
                return Some((key, ""));
            };
            let value = value.trim_start();
            let (value, after) = if let Some(quote @ (b'"' | b'\'')) = value.as_bytes().first() {
                let inner = &value[1..];
                let end = memchr(*quote, inner.as_bytes()).unwrap_or(inner.len());
                (&inner[..end], inner.get(end + 1..).unwrap_or_default())
            } else {
                let end = value.find(|char: char| char.is_ascii_whitespace()).unwrap_or(value.len());
                (&value[..end], &value[end..])
            };
            rest = after;
            Some((key, value))
        })
    }
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// A reader of events.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    /// The element whose start has been given, and that has no content.
    empty: Option<&'a str>,
    open: usize,
    is_damaged: bool,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, position: 0, empty: None, open: 0, is_damaged: false }
    }

    /// Whether something had to be guessed so far, or, at the end, whether elements are still open.
    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged || self.open > 0
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// Text up to a place behind the position.
    fn take_text(&mut self, length: usize) -> Event<'a> {
        let text = &self.rest()[..length];
        self.position += length;
        if let Some(at) = memchr(b'&', text.as_bytes()) {
            self.is_damaged |= has_bare_ampersand(&text[at..]);
        }
        Event::Text(unescape(text))
    }

    fn skip_behind(&mut self, end: &str) {
        if let Some(at) = memmem::find(self.rest().as_bytes(), end.as_bytes()) {
            self.position += at + end.len();
        } else {
            self.is_damaged = true;
            self.position = self.text.len();
        }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let Some(name) = self.empty.take() {
            return Some(Event::End(name));
        }
        loop {
            let rest = self.rest();
            let bytes = rest.as_bytes();
            match bytes {
                [] => return None,
                [b'<', b'!', ..] if rest.starts_with("<!--") => self.skip_behind("-->"),
                [b'<', b'!', ..] if rest.starts_with("<![CDATA[") => {
                    let inner = &rest[9..];
                    let end = memmem::find(inner.as_bytes(), b"]]>");
                    self.is_damaged |= end.is_none();
                    let length = end.unwrap_or(inner.len());
                    self.position += 9 + length + if end.is_some() { 3 } else { 0 };
                    return Some(Event::Text(Cow::Borrowed(&inner[..length])));
                }
                [b'<', b'!', ..] => self.skip_document_type(),
                [b'<', b'?', ..] => self.skip_behind("?>"),
                [b'<', b'/', ..] => {
                    let end = memchr2(b'>', b'<', &bytes[2..]).map(|at| at + 2);
                    let name = &rest[2..end.unwrap_or(rest.len())];
                    let is_closed = end.is_some_and(|end| bytes[end] == b'>');
                    self.is_damaged |= !is_closed;
                    self.position += 2 + name.len() + usize::from(is_closed);
                    self.open = self.open.saturating_sub(1);
                    return Some(Event::End(local(name.trim())));
                }
                [b'<', first, ..] if first.is_ascii_alphabetic() || *first == b'_' || *first >= 0x80 => {
                    let Some(tag_end) = tag_end(bytes) else {
                        // A tag that never ends: cut off, or a sign for less.
                        self.is_damaged = true;
                        let end = memchr(b'<', &bytes[1..]).map_or(rest.len(), |at| at + 1);
                        return Some(self.take_text(end));
                    };
                    let inner = &rest[1..tag_end];
                    self.position += tag_end + 1;
                    let is_empty = inner.ends_with('/');
                    let inner = inner.strip_suffix('/').unwrap_or(inner);
                    let name_end = inner.find(|char: char| char.is_ascii_whitespace()).unwrap_or(inner.len());
                    let tag = Tag { name: &inner[..name_end], attributes: &inner[name_end..] };
                    if is_empty {
                        self.empty = Some(tag.name());
                    } else {
                        self.open += 1;
                    }
                    return Some(Event::Start(tag));
                }
                _ => {
                    let from = usize::from(bytes[0] == b'<');
                    self.is_damaged |= from == 1;
                    let length = memchr(b'<', &bytes[from..]).map_or(rest.len(), |at| at + from);
                    return Some(self.take_text(length));
                }
            }
        }
    }
}

impl Scanner<'_> {
    /// Passes `<!DOCTYPE …>`, with an internal subset in brackets.
    fn skip_document_type(&mut self) {
        let mut depth = 0_usize;
        for (at, byte) in self.rest().bytes().enumerate() {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                b'>' if depth == 0 => {
                    self.position += at + 1;
                    return;
                }
                _ => {}
            }
        }
        self.is_damaged = true;
        self.position += 2;
    }
}

/// The place of the `>` that ends the tag at the beginning; none where another tag begins before. Quoted values may hold
/// a `>`.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'>' => return Some(at),
            b'<' => return None,
            quote @ (b'"' | b'\'') => {
                // A quote that is not closed within the tag is none.
                match memchr2(quote, b'<', &bytes[at + 1..]) {
                    Some(end) if bytes[at + 1 + end] == quote => at += end + 2,
                    _ => at += 1,
                }
            }
            _ => at += 1,
        }
    }
    None
}

fn has_bare_ampersand(text: &str) -> bool {
    text.split('&').skip(1).any(|after| reference(after).is_none())
}

/// The character that a reference stands for, and how many bytes behind the `&` it takes.
fn reference(after: &str) -> Option<(char, usize)> {
    let end = after.as_bytes().iter().take(12).position(|byte| *byte == b';')?;
    let name = &after[..end];
    let char = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{A0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((char, end + 1))
}

/// Text with its references resolved. What is no reference stays as it is.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some((char, length)) = reference(after) {
            plain.push(char);
            rest = &after[length..];
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The text of the first element of each name.
pub(crate) fn texts(xml: &str, names: &[&str]) -> std::collections::HashMap<String, String> {
    let mut values: std::collections::HashMap<String, String> = std::collections::HashMap::new();
    let mut current: Option<&str> = None;
    for event in Scanner::new(xml) {
        match event {
            Event::Start(tag) => {
                let name = tag.name();
                current = names.iter().copied().find(|known| *known == name).filter(|name| !values.contains_key(*name));
            }
            Event::Text(text) => {
                if let Some(name) = current {
                    values.entry(name.to_owned()).or_default().push_str(&text);
                }
            }
            Event::End(_) => current = None,
        }
    }
    values.retain(|_, value| !value.trim().is_empty());
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(xml: &str) -> (Vec<String>, bool) {
        let mut scanner = Scanner::new(xml);
        let mut events = Vec::new();
        for event in scanner.by_ref() {
            events.push(match event {
                Event::Start(tag) => format!("<{}", tag.name()),
                Event::End(name) => format!(">{name}"),
                Event::Text(text) => text.into_owned(),
            });
        }
        (events, scanner.is_damaged())
    }

    #[test]
    fn sound_xml_is_read() {
        let (found, is_damaged) = events(
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b '>'>]><w:a x='1>2'><!-- < --><b/>c &amp; &#xE9;<![CDATA[<d>]]></w:a>",
        );
        assert_eq!(found, ["<a", "<b", ">b", "c & é", "<d>", ">a"]);
        assert!(!is_damaged);
    }

    #[test]
    fn faults_are_text_and_remembered() {
        for (xml, expected) in [
            ("<a>Tom & Jerry</a>", "Tom & Jerry"),
            ("<a>1 < 2 <<< 3</a>", "1 < 2 <<< 3"),
            ("<a>cut &am", "cut &am"),
            ("<a>cut <b att", "cut <b att"),
            ("<a>x</a", "x"),
            ("<a>x", "x"),
        ] {
            let (found, is_damaged) = events(xml);
            let text: String =
                found.iter().filter(|event| !event.starts_with("<a") && !event.starts_with('>')).cloned().collect();
            assert_eq!(text, expected, "{xml}");
            assert!(is_damaged, "{xml}");
        }
    }

    #[test]
    fn attributes_are_found_with_and_without_prefix() {
        let mut scanner = Scanner::new("<p:sldId id=\"256\" ns1:id='rId2' w:val = \"a&lt;b\" odd/>");
        let Some(Event::Start(tag)) = scanner.next() else { panic!("a tag") };
        assert_eq!(tag.attribute("id").as_deref(), Some("256"));
        assert_eq!(tag.prefixed("id").as_deref(), Some("rId2"));
        assert_eq!(tag.attribute("val").as_deref(), Some("a<b"));
        assert_eq!(tag.attribute("odd").as_deref(), Some(""));
        assert_eq!(tag.attribute("none"), None);
    }
}

//! ZIP archives of Office files and EPUBs, read within limits: what unpacks to more than any document needs is refused.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use contract::Failure;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::{Section, decode_html, markup};
use crate::document::Metadata;

/// Unpacked bytes of one part, and of all parts together.
const MAX_PART: u64 = 256 << 20;
const MAX_TOTAL: u64 = 1 << 30;
/// Parts of one archive.
const MAX_PARTS: usize = 100_000;

/// An open archive.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    unpacked: u64,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(data: &'a [u8]) -> Result<Self, Failure> {
        let zip = ZipArchive::new(Cursor::new(data))
            .map_err(|error| Failure::invalid_input("the file is no ZIP archive, or a damaged one").because(error))?;
        if zip.len() > MAX_PARTS {
            return Err(Failure::invalid_input(format!(
                "the archive has {} parts; documents have fewer than {MAX_PARTS}",
                zip.len()
            )));
        }
        Ok(Self { zip, unpacked: 0, warnings: Vec::new() })
    }

    /// A part's bytes; none where there is no such part.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Ok(part) = self.zip.by_name(name) else { return Ok(None) };
        let limit = MAX_PART.min(MAX_TOTAL - self.unpacked);
        let mut bytes = Vec::new();
        let read = part.take(limit + 1).read_to_end(&mut bytes);
        self.unpacked = (self.unpacked + bytes.len() as u64).min(MAX_TOTAL);
        if bytes.len() as u64 > limit {
            return Err(Failure::invalid_input(format!(
                "{name} in the archive unpacks to more than {} MB",
                limit >> 20
            )));
        }
        if let Err(error) = read {
            self.warnings.push(format!("{name} in the archive is damaged and was read in part: {error}"));
        }
        Ok(Some(bytes))
    }

    /// Refuses an archive that unpacks to more than it may, for readers that do not count themselves.
    pub(crate) fn check_size(&mut self) -> Result<(), Failure> {
        let mut total = 0;
        for index in 0..self.zip.len() {
            let Ok(part) = self.zip.by_index(index) else { continue };
            let name = part.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
            let read = std::io::copy(&mut part.take(MAX_PART + 1), &mut std::io::sink()).unwrap_or(0);
            total += read;
            if read > MAX_PART || total > MAX_TOTAL {
                return Err(Failure::invalid_input(format!(
                    "{name} in the archive unpacks to more than any document needs"
                )));
            }
        }
        Ok(())
    }

    /// The title, author and dates of an Office file.
    pub(crate) fn core_properties(&mut self) -> Metadata {
        let Ok(Some(xml)) = self.part("docProps/core.xml") else { return Metadata::default() };
        let values = texts(&xml, &["title", "creator", "subject", "keywords", "created", "modified", "language"]);
        let get = |key: &str| values.get(key).cloned();
        Metadata {
            title: get("title"),
            author: get("creator"),
            subject: get("subject"),
            keywords: get("keywords"),
            created: get("created"),
            modified: get("modified"),
            language: get("language"),
            ..Metadata::default()
        }
    }

    /// The chapters of an EPUB in the order of its spine, and its metadata.
    pub(crate) fn book(&mut self) -> Result<(Vec<Section>, Metadata), Failure> {
        let missing = |what: &str| Failure::invalid_input(format!("the EPUB has no {what}"));
        let container = self.part("META-INF/container.xml")?.ok_or_else(|| missing("META-INF/container.xml"))?;
        let mut package_path = None;
        for_each_element(&container, |name, element| {
            if name == "rootfile" && package_path.is_none() {
                package_path = attribute(element, "full-path");
            }
        });
        let package_path = package_path.ok_or_else(|| missing("package document named in META-INF/container.xml"))?;
        let package = self.part(&package_path)?.ok_or_else(|| missing(&package_path))?;
        let mut items = HashMap::new();
        let mut spine = Vec::new();
        for_each_element(&package, |name, element| match name {
            "item" => {
                if let (Some(id), Some(href)) = (attribute(element, "id"), attribute(element, "href")) {
                    items.insert(id, href);
                }
            }
            "itemref" => spine.extend(attribute(element, "idref")),
            _ => {}
        });
        let values = texts(&package, &["title", "creator", "language", "date", "description", "publisher"]);
        let folder = package_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut chapters = Vec::new();
        for id in spine.iter().take(MAX_PARTS) {
            let Some(href) = items.get(id) else { continue };
            let path = resolve(folder, href);
            match self.part(&path)? {
                Some(bytes) => {
                    let page = markup::read(&decode_html(&bytes));
                    chapters.push(Section { title: page.title, flows: page.flows });
                }
                None => self.warnings.push(format!("the chapter {path} is named in the EPUB and missing from it")),
            }
        }
        if chapters.is_empty() {
            return Err(missing("chapters in its spine"));
        }
        let get = |key: &str| values.get(key).cloned();
        let metadata = Metadata {
            title: get("title"),
            author: get("creator"),
            language: get("language"),
            subject: get("description"),
            producer: get("publisher"),
            created: get("date"),
            ..Metadata::default()
        };
        Ok((chapters, metadata))
    }
}

/// A path in the archive, relative to a folder in it. What would leave the archive names nothing.
pub(crate) fn resolve(folder: &str, relative: &str) -> String {
    let relative = relative.split(['#', '?']).next().unwrap_or_default();
    let mut parts: Vec<&str> = if relative.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    percent_decode(&parts.join("/"))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        if let (b'%', Some(byte)) = (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A reader that takes what is there: end tags that do not match are no reason to lose the text.
pub(crate) fn reader(xml: &[u8]) -> Reader<&[u8]> {
    let mut reader = Reader::from_reader(xml);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader
}

/// A name without its prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// An attribute by its name without prefix.
pub(crate) fn attribute(element: &BytesStart, name: &str) -> Option<String> {
    let found =
        element.attributes().with_checks(false).flatten().find(|attribute| local(attribute.key.as_ref()) == name)?;
    let value = found.value.clone().into_owned();
    Some(quick_xml::escape::unescape(&value).map(std::borrow::Cow::into_owned).unwrap_or(value))
}

/// The character that a reference such as `&amp;` or `&#xE9;` stands for.
pub(crate) fn referenced(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

pub(crate) fn for_each_element(xml: &[u8], mut each: impl FnMut(&str, &BytesStart)) {
    let mut reader = reader(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                let name = element.name();
                each(local(name.as_ref()), &element);
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
}

/// The text of the first element of each name.
fn texts(xml: &[u8], names: &[&str]) -> HashMap<String, String> {
    let mut values: HashMap<String, String> = HashMap::new();
    let mut current: Option<String> = None;
    let mut reader = reader(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                let name = element.name();
                let name = local(name.as_ref());
                current = (names.contains(&name) && !values.contains_key(name)).then(|| name.to_owned());
            }
            Ok(Event::Text(text)) => {
                if let Some(name) = &current {
                    values.entry(name.clone()).or_default().push_str(&text);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let (Some(name), Some(char)) = (&current, referenced(&reference)) {
                    values.entry(name.clone()).or_default().push(char);
                }
            }
            Ok(Event::End(_)) => current = None,
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    values.retain(|_, value| !value.trim().is_empty());
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_archive() {
        assert_eq!(resolve("OEBPS", "text/a%20b.xhtml#part"), "OEBPS/text/a b.xhtml");
        assert_eq!(resolve("ppt/slides", "../media/x.png"), "ppt/media/x.png");
        assert_eq!(resolve("a", "../../../etc/passwd"), "etc/passwd");
        assert_eq!(resolve("a", "/word/document.xml"), "word/document.xml");
    }
}

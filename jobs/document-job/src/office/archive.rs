//! ZIP archives of Office files and EPUBs, read within limits: what unpacks to more than any document needs is refused,
//! and what grows to many times the file's size is cut.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use contract::Failure;
use percent_encoding::percent_decode_str;
use zip::ZipArchive;

use super::encoding;
use super::xml::{Event, Scanner, texts};
use crate::document::Metadata;

/// Unpacked bytes of one part, and of all parts together.
const MAX_PART: u64 = 256 << 20;
const MAX_TOTAL: u64 = 1 << 30;
/// Parts of one archive.
const MAX_PARTS: usize = 100_000;
/// Text that comes out of a file, as a multiple of its size, beside an allowance that small files have. A workbook of
/// 157 kB can show one string 100,000 times.
const MAX_GROWTH: usize = 64;
const FREE_GROWTH: usize = 16 << 20;
/// Warnings of one file.
const MAX_WARNINGS: usize = 50;

/// An open archive.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Parts by their names as [`key`] has them.
    names: HashMap<String, usize>,
    unpacked: u64,
    text_left: usize,
    is_cut: bool,
    pub(crate) warnings: Vec<String>,
}

/// A relation of one part to another (ECMA-376, part 2, 9.3).
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) id: String,
    /// The last part of its type, such as `slide`.
    pub(crate) kind: String,
    /// A part's name, or an address where it is external.
    pub(crate) target: String,
    pub(crate) is_external: bool,
}

/// The relations of one part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relations(Vec<Relation>);

impl Relations {
    pub(crate) fn by_id(&self, id: &str) -> Option<&Relation> {
        self.0.iter().find(|relation| relation.id == id)
    }

    pub(crate) fn of_kind<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b Relation> + 'b {
        self.0.iter().filter(move |relation| relation.kind.eq_ignore_ascii_case(kind))
    }

    pub(crate) fn all(&self) -> &[Relation] {
        &self.0
    }
}

/// Names of parts are compared without regard to case, and some producers write back slashes (ECMA-376, part 2, 7.3).
fn key(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_ascii_lowercase()
}

impl<'a> Archive<'a> {
    pub(crate) fn open(data: &'a [u8]) -> Result<Self, Failure> {
        let zip = ZipArchive::new(Cursor::new(data)).map_err(|error| {
            Failure::invalid_input("the file is not a ZIP archive, or it is damaged").because(error)
        })?;
        if zip.len() > MAX_PARTS {
            return Err(Failure::invalid_input(format!(
                "the archive has {} parts; documents have fewer than {MAX_PARTS}",
                zip.len()
            )));
        }
        let mut names = HashMap::with_capacity(zip.len());
        for (index, name) in zip.file_names().enumerate() {
            if let Ok(name) = name {
                names.entry(key(&name)).or_insert(index);
            }
        }
        let text_left = data.len().saturating_mul(MAX_GROWTH).saturating_add(FREE_GROWTH);
        Ok(Self { zip, names, unpacked: 0, text_left, is_cut: false, warnings: Vec::new() })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains_key(&key(name))
    }

    /// The first part, by name, whose name ends so.
    pub(crate) fn find(&self, ending: &str) -> Option<String> {
        self.names.keys().filter(|name| name.ends_with(ending)).min().cloned()
    }

    pub(crate) fn warn(&mut self, warning: String) {
        if self.warnings.len() < MAX_WARNINGS && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Whether so much more text may come out of the file.
    pub(crate) fn take_text(&mut self, bytes: usize) -> bool {
        match self.text_left.checked_sub(bytes) {
            Some(left) if !self.is_cut => {
                self.text_left = left;
                true
            }
            _ => {
                self.is_cut = true;
                self.warn(format!(
                    "the text is more than {MAX_GROWTH} times as large as the file, because it repeats itself; the rest was left out"
                ));
                false
            }
        }
    }

    /// Whether text was left out because it was too much.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// A part's bytes; none where there is no such part.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(index) = self.names.get(&key(name)).copied() else { return Ok(None) };
        let limit = MAX_PART.min(MAX_TOTAL - self.unpacked);
        let mut bytes = Vec::new();
        let read = match self.zip.by_index(index) {
            Ok(part) => part.take(limit + 1).read_to_end(&mut bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.unpacked = (self.unpacked + bytes.len() as u64).min(MAX_TOTAL);
        if bytes.len() as u64 > limit {
            return Err(Failure::invalid_input(format!(
                "{name} in the archive unpacks to more than {} MB",
                limit >> 20
            )));
        }
        if let Err(error) = read {
            self.warn(format!("{name} in the archive is damaged and was read in part: {error}"));
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

    /// A part that is XML, as text. Bytes that are not of its encoding are a warning.
    pub(crate) fn xml(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let Some(bytes) = self.part(name)? else { return Ok(None) };
        let (text, is_damaged) = encoding::xml(bytes);
        if is_damaged {
            self.warn(format!("{name} has bytes that are not of its encoding; they were replaced"));
        }
        Ok(Some(text))
    }

    /// Says that a part's XML has faults, if it has.
    pub(crate) fn check(&mut self, name: &str, scanner: &Scanner) {
        if scanner.is_damaged() {
            self.warn(format!("{name} is not well-formed XML; it was read as far as it could be understood"));
        }
    }

    /// The relations of a part; those of the whole package where the name is empty.
    pub(crate) fn relations(&mut self, part: &str) -> Result<Relations, Failure> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let separator = if folder.is_empty() { "" } else { "/" };
        let Some(xml) = self.xml(&format!("{folder}{separator}_rels/{file}.rels"))? else {
            return Ok(Relations::default());
        };
        let mut relations = Vec::new();
        for event in Scanner::new(&xml) {
            if let Event::Start(tag) = event
                && tag.name() == "Relationship"
                && let (Some(id), Some(target)) = (tag.attribute("Id"), tag.attribute("Target"))
            {
                let is_external = tag.attribute("TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("external"));
                let kind = tag.attribute("Type").unwrap_or_default();
                relations.push(Relation {
                    id: id.into_owned(),
                    kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
                    target: if is_external { target.into_owned() } else { resolve(folder, &target) },
                    is_external,
                });
            }
        }
        Ok(Relations(relations))
    }

    /// The name of the part that is the document, by the package's relations; the usual names where there are none.
    pub(crate) fn main_part(&mut self, usual: &str) -> Result<String, Failure> {
        let relations = self.relations("")?;
        let named =
            relations.of_kind("officeDocument").map(|relation| relation.target.clone()).find(|name| self.has(name));
        let file = usual.rsplit('/').next().unwrap_or(usual);
        named
            .or_else(|| self.has(usual).then(|| usual.to_owned()))
            .or_else(|| self.find(&format!("/{file}")))
            .ok_or_else(|| Failure::invalid_input(format!("the archive has no main document ({usual} was not found)")))
    }

    /// The title, author and dates of an Office file.
    pub(crate) fn core_properties(&mut self) -> Metadata {
        let relations = self.relations("").unwrap_or_default();
        let name = relations.of_kind("core-properties").next().map(|relation| relation.target.clone());
        let Ok(Some(xml)) = self.xml(name.as_deref().unwrap_or("docProps/core.xml")) else {
            return Metadata::default();
        };
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
}

/// A path in the archive, relative to a folder in it. What would leave the archive names nothing.
pub(crate) fn resolve(folder: &str, relative: &str) -> String {
    let relative = relative.split(['#', '?']).next().unwrap_or_default().replace('\\', "/");
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
    percent_decode_str(&parts.join("/")).decode_utf8_lossy().into_owned()
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
        assert_eq!(resolve("word", "media\\x.png"), "word/media/x.png");
    }
}

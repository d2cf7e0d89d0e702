//! EPUB: the chapters along the spine, with the table of contents as the outline.

use std::collections::HashMap;

use contract::Failure;

use super::archive::{Archive, resolve};
use super::xml::{Event, Scanner, texts};
use super::{Section, encoding, markup};
use crate::document::{Metadata, OutlineItem};
use crate::flow::Flow;

/// Chapters of a book.
const MAX_CHAPTERS: usize = 100_000;
/// Entries of its table of contents, and their depth.
const MAX_ENTRIES: usize = 50_000;
const MAX_DEPTH: usize = 32;

/// What a book holds.
pub(crate) struct Book {
    pub(crate) chapters: Vec<Section>,
    pub(crate) metadata: Metadata,
    pub(crate) outline: Vec<OutlineItem>,
}

struct Item {
    path: String,
    media_type: String,
    properties: String,
}

pub(crate) fn read(archive: &mut Archive) -> Result<Book, Failure> {
    let missing = |what: &str| Failure::invalid_input(format!("the EPUB has no {what}"));
    let package_path = match archive.xml("META-INF/container.xml")? {
        Some(container) => Scanner::new(&container).find_map(|event| match event {
            Event::Start(tag) if tag.name() == "rootfile" => tag.attribute("full-path").map(|path| resolve("", &path)),
            _ => None,
        }),
        None => None,
    };
    let package_path = package_path.filter(|path| archive.has(path)).or_else(|| archive.find(".opf"));
    let package_path = package_path.ok_or_else(|| missing("package document (META-INF/container.xml names none)"))?;
    let package = archive.xml(&package_path)?.ok_or_else(|| missing(&package_path))?;
    let folder = package_path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let mut items: HashMap<String, Item> = HashMap::new();
    let mut spine: Vec<String> = Vec::new();
    let mut contents = None;
    let mut scanner = Scanner::new(&package);
    for event in scanner.by_ref() {
        let Event::Start(tag) = event else { continue };
        let text = |name: &str| tag.attribute(name).unwrap_or_default().into_owned();
        match tag.name() {
            "item" => {
                let item = Item {
                    path: resolve(&folder, &text("href")),
                    media_type: text("media-type"),
                    properties: text("properties"),
                };
                items.insert(text("id"), item);
            }
            "itemref" if spine.len() < MAX_CHAPTERS => spine.push(text("idref")),
            "spine" => contents = tag.attribute("toc").map(std::borrow::Cow::into_owned),
            _ => {}
        }
    }
    archive.check(&package_path, &scanner);
    let chapters: Vec<&Item> = spine.iter().filter_map(|id| items.get(id)).collect();
    refuse_encrypted(archive, &chapters)?;

    let mut sections: Vec<Section> = Vec::new();
    // The number of the chapter that a file is.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for chapter in &chapters {
        let Some(bytes) = archive.part(&chapter.path)? else {
            archive.warn(format!("the chapter {} was not found in the EPUB", chapter.path));
            continue;
        };
        if chapter.media_type.starts_with("image/") && !chapter.media_type.contains("svg") {
            archive.warn(format!("the chapter {} is a picture and has no text", chapter.path));
            continue;
        }
        let page = markup::read(&encoding::html(&bytes));
        if !archive.take_text(page.flows.iter().map(Flow::len).sum()) {
            break;
        }
        sections.push(Section { title: page.title, flows: page.flows, is_hidden: false });
        numbers.entry(chapter.path.clone()).or_insert(sections.len());
    }
    if sections.is_empty() {
        return Err(missing("chapters in its spine"));
    }
    let navigation = items.values().find(|item| item.properties.split_whitespace().any(|word| word == "nav"));
    let contents = contents
        .and_then(|id| items.get(&id))
        .or_else(|| items.values().find(|item| item.media_type == "application/x-dtbncx+xml"));
    let mut outline = Vec::new();
    if let Some(item) = navigation
        && let Some(xml) = archive.xml(&item.path)?
    {
        outline = from_navigation(&xml, &item.path, &numbers);
    }
    if outline.is_empty()
        && let Some(item) = contents
        && let Some(xml) = archive.xml(&item.path)?
    {
        outline = from_contents(&xml, &item.path, &numbers);
    }
    let values = texts(&package, &["title", "creator", "language", "date", "description", "publisher", "subject"]);
    let get = |key: &str| values.get(key).map(|value| value.trim().to_owned());
    let metadata = Metadata {
        title: get("title"),
        author: get("creator"),
        language: get("language"),
        subject: get("description"),
        keywords: get("subject"),
        producer: get("publisher"),
        created: get("date"),
        ..Metadata::default()
    };
    Ok(Book { chapters: sections, metadata, outline })
}

/// Chapters that are encrypted are noise; obfuscated fonts are none of our business.
fn refuse_encrypted(archive: &mut Archive, chapters: &[&Item]) -> Result<(), Failure> {
    let Some(xml) = archive.xml("META-INF/encryption.xml")? else { return Ok(()) };
    let encrypted = Scanner::new(&xml).filter_map(|event| match event {
        Event::Start(tag) if tag.name() == "CipherReference" => {
            tag.attribute("URI").map(|path| resolve("", &path).to_ascii_lowercase())
        }
        _ => None,
    });
    let encrypted: std::collections::HashSet<String> = encrypted.collect();
    let count = chapters.iter().filter(|chapter| encrypted.contains(&chapter.path.to_ascii_lowercase())).count();
    if count > 0 {
        return Err(Failure::invalid_input(format!(
            "the EPUB is encrypted (DRM protects {count} of its {} chapters); upload it without protection",
            chapters.len()
        )));
    }
    Ok(())
}

fn item(level: usize, title: &str, target: Option<&str>, from: &str, numbers: &HashMap<String, usize>) -> OutlineItem {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let page = target.and_then(|target| numbers.get(&resolve(folder, target)).copied());
    OutlineItem { level: level.max(1), title: title.split_whitespace().collect::<Vec<_>>().join(" "), page }
}

/// The navigation document of EPUB 3: lists of links in `nav` of the type `toc`.
fn from_navigation(xml: &str, path: &str, numbers: &HashMap<String, usize>) -> Vec<OutlineItem> {
    let mut outline = Vec::new();
    let mut level = 0_usize;
    let mut in_contents = false;
    let mut entry: Option<(Option<String>, String)> = None;
    for event in Scanner::new(xml) {
        match event {
            Event::Start(tag) => match tag.name() {
                "nav" => in_contents = tag.attribute("type").is_none_or(|kind| kind.contains("toc")),
                "ol" if in_contents => level += 1,
                "a" | "span" if in_contents && level > 0 && entry.is_none() => {
                    entry = Some((tag.attribute("href").map(std::borrow::Cow::into_owned), String::new()));
                }
                _ => {}
            },
            Event::Text(text) => {
                if let Some((_, title)) = &mut entry {
                    title.push_str(&text);
                }
            }
            Event::End("a" | "li") => {
                if let Some((target, title)) = entry.take().filter(|(_, title)| !title.trim().is_empty())
                    && outline.len() < MAX_ENTRIES
                {
                    outline.push(item(level.min(MAX_DEPTH), &title, target.as_deref(), path, numbers));
                }
            }
            Event::End("ol") => level = level.saturating_sub(1),
            Event::End("nav") => in_contents = false,
            Event::End(_) => {}
        }
    }
    outline
}

/// The NCX of EPUB 2.
fn from_contents(xml: &str, path: &str, numbers: &HashMap<String, usize>) -> Vec<OutlineItem> {
    let mut outline: Vec<OutlineItem> = Vec::new();
    let mut level = 0_usize;
    let mut in_map = false;
    let mut title: Option<String> = None;
    for event in Scanner::new(xml) {
        match event {
            Event::Start(tag) => match tag.name() {
                "navMap" => in_map = true,
                "navPoint" => level += 1,
                "text" if in_map => title = Some(String::new()),
                "content" if in_map => {
                    if let Some(title) = title.take().filter(|_| outline.len() < MAX_ENTRIES) {
                        let target = tag.attribute("src");
                        outline.push(item(level.min(MAX_DEPTH), &title, target.as_deref(), path, numbers));
                    }
                }
                _ => {}
            },
            Event::Text(text) => {
                if let Some(title) = &mut title {
                    title.push_str(&text);
                }
            }
            Event::End("navPoint") => level = level.saturating_sub(1),
            Event::End("navMap") => in_map = false,
            Event::End(_) => {}
        }
    }
    outline
}

//! The styles and lists of a Word document (ECMA-376, part 1, 17.7 and 17.9).

use std::collections::HashMap;

use super::super::numbering::Numerals;
use super::super::xml::{Event, Scanner, Tag};

/// Styles that are based on each other.
const MAX_BASES: usize = 20;
/// Levels of a list.
const LEVELS: usize = 9;

/// What a style says, as far as text depends on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    name: String,
    based_on: Option<String>,
    /// From 0; 9 is body text.
    outline_level: Option<u8>,
    pub(super) list: Option<String>,
    list_level: Option<u8>,
    pub(super) bold: Option<bool>,
    pub(super) italic: Option<bool>,
    pub(super) is_hidden: Option<bool>,
}

#[derive(Default)]
pub(super) struct Styles(HashMap<String, Style>);

impl Styles {
    pub(super) fn parse(xml: &str) -> Self {
        let mut styles = HashMap::new();
        let mut current: Option<(String, Style)> = None;
        for event in Scanner::new(xml) {
            match event {
                Event::Start(tag) if tag.name() == "style" => {
                    current = tag.attribute("styleId").map(|id| (id.into_owned(), Style::default()));
                }
                Event::Start(tag) => {
                    if let Some((_, style)) = &mut current {
                        style.take(&tag);
                    }
                }
                Event::End("style") => styles.extend(current.take()),
                Event::End(_) | Event::Text(_) => {}
            }
        }
        Self(styles)
    }

    /// The style and those that it is based on, nearest first.
    fn chain<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Style> {
        let mut next = self.0.get(id);
        let mut steps = 0;
        std::iter::from_fn(move || {
            let style = next?;
            steps += 1;
            next = style.based_on.as_ref().filter(|_| steps < MAX_BASES).and_then(|id| self.0.get(id));
            Some(style)
        })
    }

    pub(super) fn find<T>(&self, id: &str, of: impl Fn(&Style) -> Option<T>) -> Option<T> {
        self.chain(id).find_map(of)
    }

    /// The level of the headings that the style makes.
    pub(super) fn heading(&self, id: &str) -> Option<u8> {
        if !self.0.contains_key(id) {
            // A document without a description of the style: its identifier is all there is.
            return heading_by_name(id);
        }
        let level =
            self.find(id, |style| style.outline_level.or_else(|| heading_by_name(&style.name).map(|level| level - 1)))?;
        (level < 9).then(|| (level + 1).min(6))
    }

    /// The list and the level that the style puts its paragraphs into.
    pub(super) fn list(&self, id: &str) -> Option<(String, Option<u8>)> {
        let list = self.find(id, |style| style.list.clone())?;
        Some((list, self.find(id, |style| style.list_level)))
    }

    /// Whether the style is one of Word's own for lists, by its name.
    pub(super) fn is_list_by_name(&self, id: &str) -> bool {
        let is_list = |name: &str| {
            let name = name.to_ascii_lowercase().replace(' ', "");
            name.starts_with("listbullet") || name.starts_with("listnumber")
        };
        if self.0.contains_key(id) { self.chain(id).any(|style| is_list(&style.name)) } else { is_list(id) }
    }
}

impl Style {
    fn take(&mut self, tag: &Tag) {
        let value = || tag.attribute("val").map(std::borrow::Cow::into_owned);
        match tag.name() {
            "name" => self.name = value().unwrap_or_default(),
            "basedOn" => self.based_on = value(),
            "outlineLvl" => self.outline_level = tag.number("val"),
            "numId" => self.list = value(),
            "ilvl" => self.list_level = tag.number("val"),
            "b" => self.bold = Some(tag.is_on()),
            "i" => self.italic = Some(tag.is_on()),
            "vanish" => self.is_hidden = Some(tag.is_on()),
            _ => {}
        }
    }
}

/// The level that a style's name says: Word's own names are English whatever its language, those of other programs are not.
fn heading_by_name(name: &str) -> Option<u8> {
    const WORDS: [&str; 20] = [
        "heading",
        "überschrift",
        "berschrift",
        "titre",
        "título",
        "ttulo",
        "titolo",
        "rubrik",
        "overskrift",
        "otsikko",
        "nagłówek",
        "nagwek",
        "kop",
        "nadpis",
        "заголовок",
        "标题",
        "標題",
        "見出し",
        "제목",
        "başlık",
    ];
    let name = name.trim().to_lowercase();
    if matches!(name.as_str(), "title" | "titel" | "titre" | "título" | "titolo") {
        return Some(1);
    }
    let digits = WORDS.iter().find_map(|word| name.strip_prefix(word))?;
    let level: u8 = digits.trim_start_matches([' ', '_']).parse().ok()?;
    (1..=9).contains(&level).then(|| level.min(6))
}

// --- lists ---

#[derive(Debug, Clone, Default)]
struct Level {
    start: Option<u32>,
    numerals: Numerals,
    /// With `%1` for the number of the first level.
    text: String,
    /// Numbers of the levels above are written as digits.
    is_legal: bool,
    style: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Abstract {
    levels: [Level; LEVELS],
    /// The style whose list counts in place of this one.
    style_link: Option<String>,
    link_of: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Instance {
    abstract_id: String,
    starts: [Option<u32>; LEVELS],
    overrides: HashMap<usize, Level>,
}

/// The lists of a document, with their counters.
#[derive(Default)]
pub(super) struct Lists {
    abstracts: HashMap<String, Abstract>,
    instances: HashMap<String, Instance>,
    counters: HashMap<String, [Option<u32>; LEVELS]>,
    begun: std::collections::HashSet<(String, usize)>,
}

impl Lists {
    pub(super) fn parse(xml: &str) -> Self {
        let mut lists = Self::default();
        let mut abstract_list: Option<(String, Abstract)> = None;
        let mut instance: Option<(String, Instance)> = None;
        let mut level: Option<(usize, Level)> = None;
        let mut overridden = 0_usize;
        for event in Scanner::new(xml) {
            match event {
                Event::Start(tag) => {
                    let value = || tag.attribute("val").map(std::borrow::Cow::into_owned);
                    match tag.name() {
                        "abstractNum" => {
                            abstract_list =
                                tag.attribute("abstractNumId").map(|id| (id.into_owned(), Abstract::default()));
                        }
                        "num" => instance = tag.attribute("numId").map(|id| (id.into_owned(), Instance::default())),
                        "abstractNumId" => {
                            if let (Some((_, instance)), Some(id)) = (&mut instance, value()) {
                                instance.abstract_id = id;
                            }
                        }
                        "lvlOverride" => overridden = tag.number("ilvl").unwrap_or(0),
                        "startOverride" => {
                            if let Some((_, instance)) = &mut instance
                                && let Some(start) = instance.starts.get_mut(overridden)
                            {
                                *start = tag.number("val");
                            }
                        }
                        "lvl" => level = Some((tag.number("ilvl").unwrap_or(0), Level::default())),
                        "numStyleLink" => {
                            if let Some((_, list)) = &mut abstract_list {
                                list.style_link = value();
                            }
                        }
                        "styleLink" => {
                            if let Some((_, list)) = &mut abstract_list {
                                list.link_of = value();
                            }
                        }
                        name => {
                            if let Some((_, level)) = &mut level {
                                match name {
                                    "start" => level.start = tag.number("val"),
                                    "numFmt" => level.numerals = Numerals::of_word(&value().unwrap_or_default()),
                                    "lvlText" => level.text = value().unwrap_or_default(),
                                    "isLgl" => level.is_legal = tag.is_on(),
                                    "pStyle" => level.style = value(),
                                    _ => {}
                                }
                            }
                        }
                    }
                }
                Event::End("lvl") => {
                    let Some((at, level)) = level.take().filter(|(at, _)| *at < LEVELS) else { continue };
                    if let Some((_, instance)) = &mut instance {
                        instance.overrides.insert(at, level);
                    } else if let Some((_, list)) = &mut abstract_list {
                        list.levels[at] = level;
                    }
                }
                Event::End("abstractNum") => lists.abstracts.extend(abstract_list.take()),
                Event::End("num") => lists.instances.extend(instance.take()),
                Event::End(_) | Event::Text(_) => {}
            }
        }
        lists
    }

    /// The level whose paragraphs are those of a style.
    pub(super) fn level_of_style(&self, list: &str, style: &str) -> Option<u8> {
        let (_, levels) = self.levels(list)?;
        levels.levels.iter().position(|level| level.style.as_deref() == Some(style)).map(|at| at as u8)
    }

    fn levels(&self, list: &str) -> Option<(&str, &Abstract)> {
        let (id, found) = self.abstracts.get_key_value(&self.instances.get(list)?.abstract_id)?;
        // A list that leaves its levels to a style.
        if let Some(link) = &found.style_link
            && let Some((id, linked)) = self.abstracts.iter().find(|(_, list)| list.link_of.as_ref() == Some(link))
        {
            return Some((id, linked));
        }
        Some((id, found))
    }

    /// Counts a paragraph of a list, and gives what stands before it: nothing for a bullet.
    pub(super) fn count(&mut self, list: &str, level: u8) -> Option<String> {
        let level = usize::from(level).min(LEVELS - 1);
        let (id, levels) = self.levels(list)?;
        let (id, levels) = (id.to_owned(), levels.clone());
        let instance = self.instances.get(list)?.clone();
        let definition = |at: usize| instance.overrides.get(&at).unwrap_or(&levels.levels[at]);
        let counters = self.counters.entry(id).or_default();
        let is_first = self.begun.insert((list.to_owned(), level));
        if is_first && let Some(start) = instance.starts[level] {
            counters[level] = Some(start);
        } else {
            let start = definition(level).start.unwrap_or(1);
            counters[level] = Some(counters[level].map_or(start, |count| count.saturating_add(1)));
        }
        for below in &mut counters[level + 1..] {
            *below = None;
        }
        let own = definition(level);
        if own.numerals == Numerals::Bullet {
            return None;
        }
        let mut written = String::new();
        let mut chars = own.text.chars().peekable();
        while let Some(char) = chars.next() {
            let digit = chars.peek().and_then(|next| next.to_digit(10)).filter(|_| char == '%');
            let Some(at) = digit.and_then(|digit| (digit as usize).checked_sub(1)).filter(|at| *at < LEVELS) else {
                written.push(char);
                continue;
            };
            chars.next();
            let of_level = definition(at);
            let number = *counters[at].get_or_insert(of_level.start.unwrap_or(1));
            let numerals =
                if own.is_legal && of_level.numerals != Numerals::None { Numerals::Decimal } else { of_level.numerals };
            written.push_str(&numerals.write(number));
        }
        let written = written.trim().to_owned();
        (!written.is_empty()).then_some(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_styles_named_or_based_so() {
        let styles = Styles::parse(
            "<w:styles><w:style w:styleId='1'><w:name w:val='heading 1'/></w:style>\
             <w:style w:styleId='a3'><w:name w:val='Clause'/><w:basedOn w:val='1'/><w:pPr><w:outlineLvl w:val='2'/></w:pPr></w:style>\
             <w:style w:styleId='b'><w:name w:val='Sub'/><w:basedOn w:val='1'/></w:style>\
             <w:style w:styleId='body'><w:name w:val='Text'/><w:basedOn w:val='1'/><w:pPr><w:outlineLvl w:val='9'/></w:pPr></w:style>\
             <w:style w:styleId='TextUnderHeading1'><w:name w:val='TextUnderHeading1'/></w:style></w:styles>",
        );
        let levels = ["1", "a3", "b", "body", "TextUnderHeading1", "Heading4", "berschrift2", "Nothing"];
        assert_eq!(
            levels.map(|id| styles.heading(id)),
            [Some(1), Some(3), Some(1), None, None, Some(4), Some(2), None]
        );
    }

    #[test]
    fn lists_count_by_level_and_start_again_below() {
        let mut lists = Lists::parse(
            "<w:numbering><w:abstractNum w:abstractNumId='0'><w:lvl w:ilvl='0'><w:numFmt w:val='upperRoman'/><w:lvlText w:val='%1.'/></w:lvl>\
             <w:lvl w:ilvl='1'><w:start w:val='3'/><w:isLgl/><w:lvlText w:val='%1.%2'/></w:lvl></w:abstractNum>\
             <w:num w:numId='7'><w:abstractNumId w:val='0'/></w:num>\
             <w:num w:numId='8'><w:abstractNumId w:val='0'/><w:lvlOverride w:ilvl='0'><w:startOverride w:val='1'/></w:lvlOverride></w:num></w:numbering>",
        );
        let counted: Vec<_> = [("7", 0), ("7", 1), ("7", 1), ("7", 0), ("7", 1), ("8", 0)]
            .map(|(list, level)| lists.count(list, level))
            .into();
        let expected = ["I.", "1.3", "1.4", "II.", "2.3", "I."].map(|text| Some(text.to_owned()));
        assert_eq!(counted, expected);
        assert_eq!(lists.count("9", 0), None);
    }
}

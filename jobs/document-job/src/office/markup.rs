//! The text of HTML and XHTML as it flows. Tags are taken as they come, without a tree: depth costs nothing, and what
//! stands behind broken markup is read all the same.

use std::borrow::Cow;
use std::sync::Arc;

use html5gum::{StartTag, State as Reading, Token, Tokenizer};

use super::math::Formula;
use super::numbering::Numerals;
use super::rich_text;
use crate::flow::{AsideKind, Flow, NoteKind};
use crate::grid::Grid;
use crate::rich::{Rich, Script, Style, scripted};

/// Tables within tables; deeper ones are read as the text of their cells.
const MAX_TABLES: usize = 32;
/// Lists within lists, and elements that are hidden within each other.
const MAX_LISTS: usize = 64;
/// Levels of a list that are told apart.
const MAX_LEVEL: usize = 8;

/// A page of markup.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) title: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) flows: Vec<Flow>,
}

/// Reads a page.
pub(crate) fn read(html: &str) -> Page {
    let (page, is_swallowed) = read_once(html, true);
    if is_swallowed {
        // An element that hides its content was never closed: rather too much than nothing.
        let (all, _) = read_once(html, false);
        return Page { title: page.title.or(all.title), ..all };
    }
    page
}

/// Reads with or without heed to what hides content; and whether something was hidden until the end.
fn read_once(html: &str, hides: bool) -> (Page, bool) {
    let mut state = State { hides, ..State::default() };
    let mut tokenizer = Tokenizer::new(html);
    // Text is read from memory, which never fails.
    while let Some(Ok(token)) = tokenizer.next() {
        match token {
            Token::StartTag(tag) => {
                if let Some(reading) = state.tag(&text_of(&tag.name), Some(&tag)) {
                    tokenizer.set_state(reading);
                }
            }
            Token::EndTag(tag) => {
                state.tag(&text_of(&tag.name), None);
            }
            Token::String(text) => state.characters(&text_of(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    let is_swallowed = (state.hidden.is_some() || state.in_title || state.textarea) && state.has_hidden;
    state.finish();
    let root = state.containers.pop().unwrap_or_default();
    let title = state.page.title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
    (Page { title: title.filter(|title| !title.is_empty()), flows: root.flows, ..state.page }, is_swallowed)
}

fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

struct State {
    page: Page,
    hides: bool,
    /// The document, and the cells and notes that are open.
    containers: Vec<Container>,
    tables: Vec<TableState>,
    tables_beyond: usize,
    lists: Vec<List>,
    lists_beyond: usize,
    /// The element whose content is not shown, and how many of its name are open within it.
    hidden: Option<(String, usize)>,
    /// Since it was opened there was text.
    has_hidden: bool,
    in_title: bool,
    textarea: bool,
    raw: bool,
    svg: usize,
    svg_text: usize,
    preformatted: usize,
    strong: usize,
    emphasis: usize,
    strike: usize,
    code: usize,
    scripts: Vec<Script>,
    link: Option<Arc<str>>,
    formula: Option<Formula>,
    ruby: Option<Rich>,
    in_reading: bool,
    in_parenthesis: bool,
    note_label: Option<String>,
    note_divisions: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            page: Page::default(),
            hides: true,
            containers: vec![Container::default()],
            tables: Vec::new(),
            tables_beyond: 0,
            lists: Vec::new(),
            lists_beyond: 0,
            hidden: None,
            has_hidden: false,
            in_title: false,
            textarea: false,
            raw: false,
            svg: 0,
            svg_text: 0,
            preformatted: 0,
            strong: 0,
            emphasis: 0,
            strike: 0,
            code: 0,
            scripts: Vec::new(),
            link: None,
            formula: None,
            ruby: None,
            in_reading: false,
            in_parenthesis: false,
            note_label: None,
            note_divisions: 0,
        }
    }
}

/// What content goes into: the document, a cell, a note.
#[derive(Default)]
struct Container {
    flows: Vec<Flow>,
    text: Rich,
    block: BlockTag,
    /// Lists that are open around it.
    lists: usize,
    note: Option<String>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum BlockTag {
    #[default]
    Paragraph,
    Heading(u8),
    Code,
    Caption,
}

struct List {
    numerals: Option<Numerals>,
    next: u32,
    /// Of the item that is open: its marker, and whether some of it was given.
    item: Option<(Option<String>, bool)>,
    /// Of `dd` below `dt`.
    depth: u8,
}

#[derive(Default)]
struct TableState {
    rows: Vec<Vec<Cell>>,
    in_row: bool,
    in_cell: bool,
    is_layout: bool,
    has_head: bool,
}

struct Cell {
    flows: Vec<Flow>,
    rows: usize,
    columns: usize,
}

impl State {
    fn container(&mut self) -> &mut Container {
        if self.containers.is_empty() {
            self.containers.push(Container::default());
        }
        self.containers.last_mut().expect("there is one")
    }

    /// A start tag or an end tag; gives how what follows is to be read, where not as markup.
    fn tag(&mut self, name: &str, start: Option<&StartTag<()>>) -> Option<Reading> {
        let is_start = start.is_some();
        let is_open = start.is_some_and(|tag| !tag.self_closing);
        let attribute = |name: &str| Some(text_of(start?.attributes.get(name.as_bytes())?).into_owned());
        if let Some((hidden, count)) = &mut self.hidden {
            if hidden == name {
                if is_open {
                    *count += 1;
                } else if !is_start {
                    *count -= 1;
                }
                if *count == 0 {
                    self.hidden = None;
                }
            }
            // What ends without an end tag is ended by what cannot be within it.
            let ends = matches!(
                (hidden_name(self.hidden.as_ref()), name),
                (Some("p" | "li" | "option" | "td" | "tr"), "table" | "body" | "html" | "section" | "article" | "main")
            );
            if ends {
                self.hidden = None;
            } else {
                return match name {
                    "script" if is_open => Some(self.raw(Reading::ScriptData)),
                    "style" if is_open => Some(self.raw(Reading::RawText)),
                    _ => {
                        self.raw = false;
                        None
                    }
                };
            }
        }
        if let Some(formula) = &mut self.formula {
            match (name, is_start) {
                ("math", false) => self.end_formula(),
                // A formula that has lost its end.
                ("p" | "div" | "table" | "body" | "h1" | "h2" | "h3" | "li" | "td", _) => {
                    self.end_formula();
                    return self.tag(name, start);
                }
                (name, true) => {
                    formula.start(name);
                    for (key, value) in ["open", "close"].into_iter().filter_map(|key| Some((key, attribute(key)?))) {
                        formula.property(key, &value);
                    }
                    if !is_open {
                        formula.end();
                    }
                }
                (_, false) => formula.end(),
            }
            return None;
        }
        if is_open && self.hides && is_hidden(name, &attribute) {
            // A void element has no content to hide.
            if !is_void(name) {
                self.end_block_for(name);
                self.hidden = Some((name.to_owned(), 1));
                self.has_hidden = false;
            }
            return None;
        }
        match name {
            "script" if is_open => return Some(self.raw(Reading::ScriptData)),
            "style" if is_open => return Some(self.raw(Reading::RawText)),
            "script" | "style" => self.raw = false,
            "svg" if is_open => self.svg += 1,
            "svg" if !is_start => self.svg = self.svg.saturating_sub(1),
            "text" if self.svg > 0 => {
                self.svg_text = if is_open { self.svg_text + 1 } else { self.svg_text.saturating_sub(1) };
                self.space();
            }
            "title" if self.svg > 0 => {}
            "title" if is_open && self.hides => {
                self.in_title = true;
                self.has_hidden = false;
                return Some(Reading::RcData);
            }
            "title" => self.in_title = false,
            "html" if is_start => self.page.language = self.page.language.take().or_else(|| attribute("lang")),
            "meta" if is_start && attribute("name").is_some_and(|name| name.eq_ignore_ascii_case("author")) => {
                self.page.author = attribute("content");
            }
            "br" => {
                self.trim_space();
                self.container().text.push_plain('\n');
            }
            "img" => {
                if let Some(text) = attribute("alt").filter(|text| !text.trim().is_empty()) {
                    self.characters(&text);
                }
            }
            "math" if is_open => self.formula = Some(Formula::default()),
            "ruby" if is_open => self.ruby = Some(Rich::default()),
            "ruby" => self.end_ruby(),
            "rt" | "rtc" => self.in_reading = is_open && self.ruby.is_some(),
            "rp" => self.in_parenthesis = is_open && self.ruby.is_some(),
            "rb" => (self.in_reading, self.in_parenthesis) = (false, false),
            "b" | "strong" => count(&mut self.strong, is_open, is_start),
            "i" | "em" | "cite" | "dfn" | "var" => count(&mut self.emphasis, is_open, is_start),
            "s" | "del" | "strike" => count(&mut self.strike, is_open, is_start),
            "code" | "kbd" | "samp" | "tt" => count(&mut self.code, is_open, is_start),
            "sup" if attribute("class").as_deref() == Some("footnote-reference") => {
                self.note_label = Some(String::new());
            }
            "sup" if attribute("class").as_deref() == Some("footnote-definition-label") => {
                self.note_label = Some("\0".to_owned());
            }
            "sup" if !is_start && self.note_label.is_some() => self.end_note_label(),
            "sup" | "sub" => {
                if is_open && self.scripts.len() < MAX_LISTS {
                    self.scripts.push(if name == "sup" { Script::Super } else { Script::Sub });
                } else if !is_start {
                    self.scripts.pop();
                }
            }
            "a" => {
                let address = attribute("href").map(|address| address.trim().to_owned());
                let address = address.filter(|address| {
                    !address.is_empty()
                        && !address.starts_with('#')
                        && !address.to_ascii_lowercase().starts_with("javascript:")
                });
                self.link = address.map(Arc::from);
            }
            "input" if is_start => self.input(&attribute),
            "textarea" if is_open => {
                self.end_block();
                self.textarea = true;
                self.has_hidden = false;
                return self.hides.then_some(Reading::RcData);
            }
            "textarea" => {
                self.textarea = false;
                self.end_block();
            }
            "option" => {
                self.end_block();
                if is_start && attribute("selected").is_some() {
                    self.container().text.push("☒ ", &Style::default());
                }
            }
            name @ ("h1" | "h2" | "h3" | "h4" | "h5" | "h6") => {
                self.end_block();
                if is_start {
                    self.container().block = BlockTag::Heading(name.as_bytes()[1] - b'0');
                }
            }
            "pre" | "listing" | "xmp" => {
                self.end_block();
                if is_open {
                    self.preformatted += 1;
                    self.container().block = BlockTag::Code;
                } else {
                    self.preformatted = self.preformatted.saturating_sub(1);
                }
            }
            "ul" | "ol" | "menu" | "dir" | "dl" => self.list(name, is_open, is_start, &attribute),
            "li" | "dt" | "dd" => {
                self.item(name, is_start, attribute("value").and_then(|value| value.trim().parse().ok()));
            }
            "table" => self.table(is_start, &attribute),
            "caption" if !self.tables.is_empty() => {
                self.end_block();
                if is_start {
                    self.container().block = BlockTag::Caption;
                    if let Some(table) = self.tables.last_mut() {
                        table.has_head = true;
                    }
                }
            }
            "tr" if !self.tables.is_empty() && self.tables_beyond == 0 => {
                self.end_cell();
                if let Some(table) = self.tables.last_mut() {
                    table.in_row = is_start;
                    if is_start {
                        table.rows.push(Vec::new());
                    }
                }
            }
            "td" | "th" if !self.tables.is_empty() && self.tables_beyond == 0 => {
                self.end_cell();
                if is_start {
                    self.begin_cell(name, &attribute);
                }
            }
            "div" if attribute("class").as_deref() == Some("footnote-definition") && self.note_divisions == 0 => {
                self.end_block();
                self.note_divisions = 1;
                let lists = self.lists.len();
                self.containers.push(Container { lists, note: Some(String::new()), ..Container::default() });
            }
            "div" if self.note_divisions > 0 => {
                self.end_block();
                self.note_divisions = if is_open { self.note_divisions + 1 } else { self.note_divisions - 1 };
                if self.note_divisions == 0 {
                    self.end_note();
                }
            }
            "p" | "div" | "section" | "article" | "header" | "footer" | "main" | "aside" | "nav" | "blockquote"
            | "figure" | "figcaption" | "hr" | "body" | "head" | "form" | "fieldset" | "legend" | "select"
            | "optgroup" | "address" | "summary" | "details" | "center" | "hgroup" | "search" | "dialog"
            | "noscript" | "iframe" | "td" | "th" | "tr" | "caption" | "thead" | "tbody" | "tfoot" => self.end_block(),
            // Controls stand beside each other without a word's gap being lost.
            "button" | "label" | "output" => self.space(),
            _ => {}
        }
        None
    }

    fn raw(&mut self, reading: Reading) -> Reading {
        self.raw = true;
        reading
    }

    fn end_block_for(&mut self, name: &str) {
        if !matches!(
            name,
            "span" | "a" | "b" | "i" | "em" | "strong" | "small" | "sup" | "sub" | "font" | "label" | "code"
        ) {
            self.end_block();
        }
    }

    // --- text ---

    fn characters(&mut self, text: &str) {
        if self.in_title {
            self.has_hidden |= self.page.title.as_ref().is_some_and(|title| title.len() > 1000);
            self.page.title.get_or_insert_default().push_str(text);
            return;
        }
        if self.raw || (self.svg > 0 && self.svg_text == 0) {
            return;
        }
        if self.hidden.is_some() {
            self.has_hidden |= !text.trim().is_empty();
            return;
        }
        if let Some(formula) = &mut self.formula {
            formula.text(text);
            return;
        }
        if let Some(label) = &mut self.note_label {
            label.push_str(text.trim());
            return;
        }
        if self.in_parenthesis {
            return;
        }
        let style = self.style();
        let script = self.scripts.last().copied().unwrap_or_default();
        let is_preformatted = self.preformatted > 0 || self.textarea;
        if self.textarea {
            self.has_hidden |= text.len() > 100_000;
        }
        let reading = self.in_reading;
        let target = match &mut self.ruby {
            Some(ruby) if reading => ruby,
            _ => &mut self.containers.last_mut().expect("there is one").text,
        };
        if is_preformatted {
            let style = if self.textarea { Style::default() } else { Style { link: style.link, ..Style::default() } };
            target.push(text, &style);
            return;
        }
        let before = target.text().chars().next_back();
        let mut collapsed = String::with_capacity(text.len());
        if text.starts_with(is_white_space) && before.is_some_and(|before| before != ' ' && before != '\n') {
            collapsed.push(' ');
        }
        let mut words = text.split(is_white_space).filter(|word| !word.is_empty()).peekable();
        let has_words = words.peek().is_some();
        while let Some(word) = words.next() {
            collapsed.push_str(word);
            if words.peek().is_some() {
                collapsed.push(' ');
            }
        }
        if has_words && text.ends_with(is_white_space) {
            collapsed.push(' ');
        }
        if script == Script::Normal {
            target.push(&collapsed, &style);
        } else {
            target.push(&scripted(&collapsed, script, before), &style);
        }
    }

    fn style(&self) -> Style {
        Style {
            strong: self.strong > 0,
            emphasis: self.emphasis > 0,
            strike: self.strike > 0,
            code: self.code > 0,
            note: false,
            link: self.link.clone(),
        }
    }

    fn space(&mut self) {
        let text = &mut self.container().text;
        if !text.text().is_empty() && !text.text().ends_with([' ', '\n']) {
            text.push_plain(' ');
        }
    }

    fn trim_space(&mut self) {
        let text = &mut self.container().text;
        if text.text().ends_with(' ') {
            text.pop();
        }
    }

    fn input(&mut self, attribute: &impl Fn(&str) -> Option<String>) {
        let kind = attribute("type").unwrap_or_default().to_ascii_lowercase();
        let text = match kind.as_str() {
            "hidden" | "password" | "file" | "image" | "color" | "range" => return,
            "checkbox" | "radio" => if attribute("checked").is_some() { "☒" } else { "☐" }.to_owned(),
            _ => attribute("value").unwrap_or_default(),
        };
        if text.trim().is_empty() {
            return;
        }
        self.space();
        self.characters(&text);
        self.space();
    }

    fn end_formula(&mut self) {
        let Some(formula) = self.formula.take() else { return };
        let line = formula.finish();
        let style = Style { link: self.link.clone(), ..Style::default() };
        self.container().text.push(&line, &style);
    }

    /// The word stays whole; its reading comes behind it.
    fn end_ruby(&mut self) {
        (self.in_reading, self.in_parenthesis) = (false, false);
        let Some(reading) = self.ruby.take().filter(|reading| !reading.is_blank()) else { return };
        self.trim_space();
        let reading: String = reading.text().split_whitespace().collect();
        self.container().text.push(&format!("({reading})"), &Style::default());
    }

    // --- notes, as the reader of Markdown marks them ---

    fn end_note_label(&mut self) {
        let Some(label) = self.note_label.take() else { return };
        if let Some(label) = label.strip_prefix('\0') {
            if let Some(note) = self.containers.iter_mut().rev().find_map(|container| container.note.as_mut()) {
                label.clone_into(note);
            }
        } else {
            let style = Style { note: true, ..Style::default() };
            self.container().text.push(&format!("[{label}]"), &style);
        }
    }

    fn end_note(&mut self) {
        self.note_divisions = 0;
        if self.containers.len() < 2 {
            return;
        }
        self.end_block();
        let Some(container) = self.containers.pop() else { return };
        self.lists.truncate(container.lists);
        match container.note {
            Some(label) => {
                let text = rich_text(container.flows);
                self.container().flows.push(Flow::Note { kind: NoteKind::Footnote, label, text });
            }
            None => self.container().flows.extend(container.flows),
        }
    }

    // --- blocks ---

    fn end_block(&mut self) {
        self.end_formula();
        if self.ruby.is_some() {
            self.end_ruby();
        }
        let open_lists = self.lists.len();
        let container = self.containers.last_mut().expect("there is one");
        let block = std::mem::take(&mut container.block);
        let text = std::mem::take(&mut container.text);
        if text.is_blank() {
            // A heading whose text is in a paragraph within it.
            if matches!(block, BlockTag::Heading(_)) && self.preformatted == 0 {
                container.block = BlockTag::Paragraph;
            }
            return;
        }
        match block {
            BlockTag::Code => {
                let text = text.text().trim_matches('\n').trim_end().to_owned();
                container.flows.push(Flow::Code { text });
            }
            BlockTag::Heading(level) => container.flows.push(Flow::Heading { level, text: text.trimmed() }),
            BlockTag::Caption => {
                container.flows.push(Flow::Aside { kind: AsideKind::Caption, text: text.trimmed() });
            }
            BlockTag::Paragraph => {
                let text = text.trimmed();
                let is_within = open_lists > container.lists;
                let list = self.lists.last_mut().filter(|_| is_within);
                let level = (open_lists - container.lists.min(open_lists)).saturating_sub(1).min(MAX_LEVEL) as u8;
                let Some((list, Some((marker, is_given)))) = list.map(|list| (list.depth, list.item.as_mut())) else {
                    container.flows.push(Flow::Paragraph { text });
                    return;
                };
                let level = level.saturating_add(list);
                if !std::mem::replace(is_given, true) {
                    container.flows.push(Flow::ListItem { level, marker: marker.take(), text });
                    return;
                }
                // A further paragraph of the item.
                match container.flows.last_mut() {
                    Some(Flow::ListItem { level: last, text: item, .. }) if *last == level => {
                        item.push_plain('\n');
                        item.append(text);
                    }
                    _ => container.flows.push(Flow::Paragraph { text }),
                }
            }
        }
    }

    fn list(&mut self, name: &str, is_open: bool, is_start: bool, attribute: &impl Fn(&str) -> Option<String>) {
        self.end_block();
        if !is_start {
            if self.lists_beyond > 0 {
                self.lists_beyond -= 1;
            } else if self.lists.len() > self.container().lists {
                self.lists.pop();
            }
            return;
        }
        if !is_open {
            return;
        }
        if self.lists.len() >= MAX_LISTS {
            self.lists_beyond += 1;
            return;
        }
        let numerals = match attribute("type").as_deref() {
            _ if name != "ol" => None,
            Some("a") => Some(Numerals::LowerLetter),
            Some("A") => Some(Numerals::UpperLetter),
            Some("i") => Some(Numerals::LowerRoman),
            Some("I") => Some(Numerals::UpperRoman),
            _ => Some(Numerals::Decimal),
        };
        let next = attribute("start").and_then(|start| start.trim().parse().ok()).unwrap_or(1);
        self.lists.push(List { numerals, next, item: None, depth: 0 });
    }

    fn item(&mut self, name: &str, is_start: bool, value: Option<u32>) {
        self.end_block();
        let outside = self.container().lists;
        if self.lists_beyond > 0 {
            return;
        }
        if is_start && self.lists.len() <= outside {
            // An item without a list.
            self.lists.push(List { numerals: None, next: 1, item: None, depth: 0 });
        }
        let Some(list) = self.lists.get_mut(outside..).and_then(<[List]>::last_mut) else { return };
        if !is_start {
            list.item = None;
            return;
        }
        if let Some(value) = value {
            list.next = value;
        }
        let marker = list.numerals.map(|numerals| format!("{}.", numerals.write(list.next)));
        list.next = list.next.saturating_add(1);
        list.depth = u8::from(name == "dd");
        list.item = Some((marker, false));
    }

    // --- tables ---

    fn table(&mut self, is_start: bool, attribute: &impl Fn(&str) -> Option<String>) {
        if !is_start {
            if self.tables_beyond > 0 {
                self.tables_beyond -= 1;
                self.end_block();
            } else {
                self.end_table();
            }
            return;
        }
        // A table within a table, but in none of its cells, ends that one.
        if self.tables_beyond == 0 && self.tables.last().is_some_and(|table| !table.in_cell) {
            self.end_table();
        }
        self.end_block();
        if self.tables.len() >= MAX_TABLES {
            self.tables_beyond += 1;
            return;
        }
        let is_layout = attribute("role").is_some_and(|role| matches!(role.trim(), "presentation" | "none"));
        self.tables.push(TableState { is_layout, ..TableState::default() });
    }

    fn begin_cell(&mut self, name: &str, attribute: &impl Fn(&str) -> Option<String>) {
        self.end_block();
        let number = |name: &str| {
            attribute(name).and_then(|value| value.trim().parse::<usize>().ok()).filter(|value| *value > 0)
        };
        // 0 rows are all that follow.
        let rows = match attribute("rowspan").as_deref().map(str::trim) {
            Some("0") => usize::MAX,
            _ => number("rowspan").unwrap_or(1),
        };
        let columns = number("colspan").unwrap_or(1);
        let lists = self.lists.len();
        let Some(table) = self.tables.last_mut() else { return };
        // A cell outside of a row begins one.
        if !std::mem::replace(&mut table.in_row, true) {
            table.rows.push(Vec::new());
        }
        table.has_head |= name == "th";
        table.in_cell = true;
        if let Some(row) = table.rows.last_mut() {
            row.push(Cell { flows: Vec::new(), rows, columns });
        }
        self.containers.push(Container { lists, ..Container::default() });
    }

    fn end_cell(&mut self) {
        let is_open = self.tables.last().is_some_and(|table| table.in_cell);
        if !is_open {
            self.end_block();
            return;
        }
        while self.containers.last().is_some_and(|container| container.note.is_some()) {
            self.end_note();
        }
        self.end_block();
        if self.containers.len() < 2 {
            return;
        }
        let Some(container) = self.containers.pop() else { return };
        self.lists.truncate(container.lists);
        self.lists_beyond = 0;
        if let Some(table) = self.tables.last_mut() {
            table.in_cell = false;
            if let Some(cell) = table.rows.last_mut().and_then(|row| row.last_mut()) {
                cell.flows = container.flows;
            }
        }
    }

    fn end_table(&mut self) {
        self.end_cell();
        let Some(table) = self.tables.pop() else { return };
        let container = self.containers.last_mut().expect("there is one");
        if table.is_layout() {
            let mut flows: Vec<Flow> = table.rows.into_iter().flatten().flat_map(|cell| cell.flows).collect();
            if container.flows.is_empty() {
                container.flows = flows;
            } else {
                container.flows.append(&mut flows);
            }
            return;
        }
        let mut grid = Grid::default();
        for row in table.rows {
            grid.begin_row();
            for cell in row {
                grid.cell(rich_text(cell.flows), cell.rows, cell.columns);
            }
        }
        container.flows.extend(grid.finish().map(Flow::Table));
    }

    fn finish(&mut self) {
        (self.hidden, self.in_title, self.textarea) = (None, false, false);
        while !self.tables.is_empty() {
            self.tables_beyond = 0;
            self.end_table();
        }
        while self.containers.len() > 1 {
            self.end_note();
        }
        self.end_block();
    }
}

impl TableState {
    /// Whether the table only puts its content beside each other: one column, or cells with headings and tables of their
    /// own, and nothing that heads its columns.
    fn is_layout(&self) -> bool {
        if self.is_layout {
            return true;
        }
        if self.has_head {
            return false;
        }
        let is_column = self.rows.iter().all(|row| row.len() <= 1);
        let is_block = |flow: &Flow| matches!(flow, Flow::Heading { .. } | Flow::Table(_));
        is_column || self.rows.iter().flatten().any(|cell| cell.flows.iter().any(is_block))
    }
}

fn count(counter: &mut usize, is_open: bool, is_start: bool) {
    if is_open {
        *counter += 1;
    } else if !is_start {
        *counter = counter.saturating_sub(1);
    }
}

fn is_white_space(char: char) -> bool {
    matches!(char, ' ' | '\n' | '\t' | '\r' | '\u{C}')
}

fn hidden_name(hidden: Option<&(String, usize)>) -> Option<&str> {
    hidden.map(|(name, _)| name.as_str())
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Whether an element and its content are not shown.
fn is_hidden(name: &str, attribute: &impl Fn(&str) -> Option<String>) -> bool {
    if matches!(name, "html" | "body") {
        return false;
    }
    if name == "template" || (name == "dialog" && attribute("open").is_none()) {
        return true;
    }
    // "until-found" is found by searching, so it is text.
    if attribute("hidden").is_some_and(|value| !value.eq_ignore_ascii_case("until-found")) {
        return true;
    }
    let style = attribute("style").unwrap_or_default().to_ascii_lowercase();
    let style: String = style.chars().filter(|char| !char.is_whitespace()).collect();
    if style.contains("display:none") || style.contains("visibility:hidden") {
        return true;
    }
    // KaTeX draws a formula once more beside its MathML.
    attribute("class").is_some_and(|class| class.split_whitespace().any(|class| class == "katex-html"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{plain, write_markdown};

    fn markdown(html: &str) -> String {
        let mut markdown = String::new();
        write_markdown(&mut markdown, &read(html).flows);
        markdown
    }

    fn text(html: &str) -> String {
        plain(&read(html).flows)
    }

    #[test]
    fn blocks_are_read_and_what_is_not_shown_is_not() {
        let html = "<html lang=en><title>A &amp; B</title><style>p { color: red }</style><h2>Head</h2><p>One <b>two</b>\n three\
             <script>if (a < b) {}</script><ul><li>x<li>y</ul><table><tr><th>k<th>v<tr><td>1<td>2</table>tail";
        let page = read(html);
        assert_eq!(page.title.as_deref(), Some("A & B"));
        assert_eq!(page.language.as_deref(), Some("en"));
        assert_eq!(
            markdown(html),
            "## Head\n\nOne **two** three\n\n- x\n- y\n\n| k | v |\n| --- | --- |\n| 1 | 2 |\n\ntail\n\n"
        );
    }

    #[test]
    fn lists_keep_their_numbers_and_levels() {
        assert_eq!(
            markdown("<ol start=3><li>Third<li>Fourth<ul><li>a<p>b</p></li></ul></li><li value=9>Ninth</ol>"),
            "3. Third\n4. Fourth\n   - a\\\n     b\n9. Ninth\n\n"
        );
        assert_eq!(markdown("<dl><dt>Amp<dd>Unit<dt>Volt<dd>Other</dl>"), "- Amp\n  - Unit\n- Volt\n  - Other\n\n");
    }

    #[test]
    fn broken_tables_lose_nothing() {
        assert_eq!(text("<table>before<tr><td>a</td></tr><td>orphan</td><td>b"), "before\n\na\t\norphan\tb\n");
        let twice = text("<table><tr><td>a<td>b</tr><table><tr><td>c<td>d</table>after</table>tail");
        for word in ["a\tb", "c\td", "after", "tail"] {
            assert!(twice.contains(word), "{word}: {twice}");
        }
    }

    #[test]
    fn layout_tables_are_no_tables() {
        assert_eq!(
            markdown("<table><tr><td><h1>Welcome</h1><p>First.</p></td><td>Side</td></tr></table>After"),
            "# Welcome\n\nFirst.\n\nSide\n\nAfter\n\n"
        );
        assert_eq!(
            markdown("<table><tr><th>k<th>v<tr><td><ul><li>item<li>Second</ul><td><h2>x</h2></table>After"),
            "| k | v |\n| --- | --- |\n| item<br>Second | x |\n\nAfter\n\n"
        );
    }

    #[test]
    fn what_hides_without_an_end_hides_nothing() {
        assert_eq!(text("a<div hidden>b</div>c"), "a\n\nc\n");
        assert_eq!(text("a<div hidden>b<p>c"), "a\n\nb\n\nc\n");
        assert_eq!(text("<p>see <span style='display: none'>x</span>y"), "see y\n");
    }

    #[test]
    fn formulas_ruby_and_raised_text_are_read_once() {
        assert_eq!(
            text(
                "<math><semantics><mrow><mi>π</mi><msup><mi>r</mi><mn>2</mn></msup></mrow><annotation>\\pi r^2</annotation></semantics></math>"
            ),
            "πr²\n"
        );
        assert_eq!(text("<ruby>瞬<rp>(</rp><rt>しゅん</rt><rp>)</rp>間<rt>かん</rt></ruby>に"), "瞬間(しゅんかん)に\n");
        assert_eq!(text("10<sup>6</sup> cells, H<sub>2</sub>O, 1<sup>st</sup>"), "10⁶ cells, H₂O, 1st\n");
    }

    #[test]
    fn depth_costs_nothing() {
        for tag in ["div", "table><tr><td", "ul><li", "b", "span hidden", "sup", "ruby", "math", "svg"] {
            let name = tag.split([' ', '>']).next().unwrap();
            let page =
                read(&format!("{}deep{}", format!("<{tag}>").repeat(100_000), format!("</{name}>").repeat(100_000)));
            assert!(page.flows.len() <= 1, "{tag}");
        }
        let page = read(&format!("{}deep{}", "<div>".repeat(200_000), "</div>".repeat(200_000)));
        assert_eq!(page.flows, [Flow::paragraph("deep")]);
    }
}

//! The text of HTML and XHTML as it flows. Tags are taken as they come, without a tree: depth costs nothing.

use std::borrow::Cow;

use html5gum::{StartTag, State as Reading, Token, Tokenizer};

use crate::flow::Flow;

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
    let mut state = State::default();
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
    state.end_block();
    state.end_table();
    let title = state.page.title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
    Page { title: title.filter(|title| !title.is_empty()), ..state.page }
}

fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[derive(Default)]
struct State {
    page: Page,
    text: String,
    block: BlockTag,
    /// Elements whose text is not shown.
    hidden: usize,
    in_title: bool,
    preformatted: usize,
    rows: Option<Vec<Vec<String>>>,
    tables: usize,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum BlockTag {
    #[default]
    Paragraph,
    Heading(u8),
    ListItem,
    Code,
}

impl State {
    /// A start tag or an end tag; gives how what follows is to be read, where not as markup.
    fn tag(&mut self, name: &str, start: Option<&StartTag<()>>) -> Option<Reading> {
        let is_start = start.is_some();
        let is_open = start.is_some_and(|tag| !tag.self_closing);
        let attribute = |name: &str| Some(text_of(start?.attributes.get(name.as_bytes())?).into_owned());
        match name {
            "script" | "style" if is_open => {
                self.hidden += 1;
                return Some(if name == "script" { Reading::ScriptData } else { Reading::RawText });
            }
            "template" | "svg" if is_open => self.hidden += 1,
            "script" | "style" | "template" | "svg" if !is_start => self.hidden = self.hidden.saturating_sub(1),
            "title" if is_open && self.hidden == 0 => {
                self.in_title = true;
                return Some(Reading::RcData);
            }
            "title" => self.in_title = false,
            "html" if is_start => self.page.language = self.page.language.take().or_else(|| attribute("lang")),
            "meta" if is_start && attribute("name").is_some_and(|name| name.eq_ignore_ascii_case("author")) => {
                self.page.author = attribute("content");
            }
            "br" => self.text.push('\n'),
            "img" => {
                if let Some(text) = attribute("alt").filter(|text| !text.trim().is_empty() && self.hidden == 0) {
                    self.text.push_str(&text);
                }
            }
            name @ ("h1" | "h2" | "h3" | "h4" | "h5" | "h6") => {
                self.end_block();
                if is_start {
                    self.block = BlockTag::Heading(name.as_bytes()[1] - b'0');
                }
            }
            "li" | "dt" | "dd" => {
                self.end_block();
                if is_start {
                    self.block = BlockTag::ListItem;
                }
            }
            "pre" => {
                self.end_block();
                if is_start {
                    self.preformatted += 1;
                    self.block = BlockTag::Code;
                } else {
                    self.preformatted = self.preformatted.saturating_sub(1);
                }
            }
            "table" => {
                if is_start {
                    self.tables += 1;
                    if self.tables == 1 {
                        self.end_block();
                        self.rows = Some(Vec::new());
                    }
                } else {
                    self.tables = self.tables.saturating_sub(1);
                    if self.tables == 0 {
                        self.end_table();
                    }
                }
            }
            "tr" if self.tables == 1 => {
                self.end_cell();
                if is_start && let Some(rows) = &mut self.rows {
                    rows.push(Vec::new());
                }
            }
            "td" | "th" if self.tables == 1 => {
                self.end_cell();
                if is_start && let Some(row) = self.rows.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(String::new());
                }
            }
            "p" | "div" | "section" | "article" | "header" | "footer" | "main" | "aside" | "nav" | "blockquote"
            | "ul" | "ol" | "dl" | "figure" | "figcaption" | "hr" | "body" | "head" | "form" | "fieldset"
            | "option" | "address" | "summary" | "details" | "caption" => {
                // A paragraph within a list item is still the item.
                let keeps = self.block == BlockTag::ListItem && self.text.trim().is_empty() && is_start;
                if self.rows.is_some() {
                    self.text.push('\n');
                } else if !keeps {
                    self.end_block();
                }
            }
            _ => {}
        }
        None
    }

    fn characters(&mut self, text: &str) {
        if self.in_title {
            self.page.title.get_or_insert_default().push_str(text);
            return;
        }
        if self.hidden > 0 {
            return;
        }
        if self.preformatted > 0 {
            self.text.push_str(text);
            return;
        }
        for char in text.chars() {
            if !matches!(char, ' ' | '\n' | '\t' | '\r' | '\u{C}') {
                self.text.push(char);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn end_block(&mut self) {
        if self.rows.is_some() {
            return;
        }
        let block = std::mem::take(&mut self.block);
        let text = std::mem::take(&mut self.text);
        let text = if block == BlockTag::Code { text.trim_matches('\n') } else { text.trim() };
        if text.trim().is_empty() {
            return;
        }
        let text = text.to_owned();
        self.page.flows.push(match block {
            BlockTag::Paragraph => Flow::Paragraph { text },
            BlockTag::Heading(level) => Flow::Heading { level, text },
            BlockTag::ListItem => Flow::ListItem { text },
            BlockTag::Code => Flow::Code { text },
        });
    }

    fn end_cell(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(cell) = self.rows.as_mut().and_then(|rows| rows.last_mut()).and_then(|row| row.last_mut())
            && cell.is_empty()
        {
            *cell = text;
        }
    }

    fn end_table(&mut self) {
        self.end_cell();
        if let Some(mut rows) = self.rows.take() {
            rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
            if !rows.is_empty() {
                self.page.flows.push(Flow::Table { rows });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_and_what_is_not_shown_is_not() {
        let page = read(
            "<html lang=en><title>A &amp; B</title><style>p { color: red }</style><h2>Head</h2><p>One <b>two</b>\n three\
             <script>if (a < b) {}</script><ul><li>x<li>y</ul><table><tr><th>k<th>v<tr><td>1<td>2</table>tail",
        );
        assert_eq!(page.title.as_deref(), Some("A & B"));
        assert_eq!(page.language.as_deref(), Some("en"));
        let text = |text: &str| text.to_owned();
        assert_eq!(
            page.flows,
            [
                Flow::Heading { level: 2, text: text("Head") },
                Flow::Paragraph { text: text("One two three") },
                Flow::ListItem { text: text("x") },
                Flow::ListItem { text: text("y") },
                Flow::Table { rows: vec![vec![text("k"), text("v")], vec![text("1"), text("2")]] },
                Flow::Paragraph { text: text("tail") },
            ]
        );
    }

    #[test]
    fn depth_costs_nothing() {
        let page = read(&format!("{}deep{}", "<div>".repeat(200_000), "</div>".repeat(200_000)));
        assert_eq!(page.flows, [Flow::Paragraph { text: "deep".to_owned() }]);
    }
}

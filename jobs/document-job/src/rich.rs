//! A run of text with what its parts are: emphasised, code, a link, the reference to a note.

use std::sync::Arc;

use serde::Serialize;

/// Text and the parts of it that are more than plain.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rich {
    text: String,
    /// In order, none over another.
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, PartialEq)]
struct Mark {
    start: usize,
    end: usize,
    style: Style,
}

/// What a part of the text is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) strong: bool,
    pub(crate) emphasis: bool,
    pub(crate) strike: bool,
    pub(crate) code: bool,
    /// The reference to a note, whose label stands in brackets.
    pub(crate) note: bool,
    pub(crate) link: Option<Arc<str>>,
}

impl Style {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A part as text.json has it; places are in characters (Unicode code points) of the block's text.
#[derive(Serialize)]
pub(crate) struct JsonSpan<'a> {
    start: usize,
    end: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strong: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    emphasis: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strike: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    code: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    note: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
}

impl From<String> for Rich {
    fn from(text: String) -> Self {
        Self { text, marks: Vec::new() }
    }
}

impl From<&str> for Rich {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Rich {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub(crate) fn push(&mut self, text: &str, style: &Style) {
        let start = self.text.len();
        self.text.push_str(text);
        if text.is_empty() || style.is_plain() {
            return;
        }
        let end = self.text.len();
        match self.marks.last_mut() {
            Some(last) if last.end == start && last.style == *style && !style.note => last.end = end,
            _ => self.marks.push(Mark { start, end, style: style.clone() }),
        }
    }

    /// Appends a character that is part of whatever stands before it.
    pub(crate) fn push_plain(&mut self, char: char) {
        self.text.push(char);
    }

    /// Takes the last character away.
    pub(crate) fn pop(&mut self) {
        self.text.pop();
        let length = self.text.len();
        if let Some(last) = self.marks.last_mut() {
            last.end = last.end.min(length);
            if last.start >= last.end {
                self.marks.pop();
            }
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        let offset = self.text.len();
        if offset == 0 {
            *self = other;
            return;
        }
        self.text.push_str(&other.text);
        self.marks.extend(other.marks.into_iter().map(|mark| Mark {
            start: mark.start + offset,
            end: mark.end + offset,
            ..mark
        }));
    }

    /// The text behind another that comes first.
    pub(crate) fn with_prefix(self, prefix: &str) -> Self {
        let mut whole = Self::from(prefix);
        whole.append(self);
        whole
    }

    /// Without white space at both ends.
    pub(crate) fn trimmed(mut self) -> Self {
        self.text.truncate(self.text.trim_end().len());
        let leading = self.text.len() - self.text.trim_start().len();
        self.text.drain(..leading);
        let length = self.text.len();
        for mark in &mut self.marks {
            mark.start = mark.start.saturating_sub(leading).min(length);
            mark.end = mark.end.saturating_sub(leading).min(length);
        }
        self.marks.retain(|mark| mark.start < mark.end);
        self
    }

    /// Without so many bytes of its beginning.
    pub(crate) fn without_start(mut self, length: usize) -> Self {
        self.text.drain(..length);
        for mark in &mut self.marks {
            mark.start = mark.start.saturating_sub(length);
            mark.end = mark.end.saturating_sub(length);
        }
        self.marks.retain(|mark| mark.start < mark.end);
        self
    }

    /// The text in pieces of one style each.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (&str, Option<&Style>)> {
        let mut at = 0;
        let mut pieces = Vec::with_capacity(self.marks.len() * 2 + 1);
        for mark in &self.marks {
            if at < mark.start {
                pieces.push((&self.text[at..mark.start], None));
            }
            pieces.push((&self.text[mark.start..mark.end], Some(&mark.style)));
            at = mark.end;
        }
        if at < self.text.len() {
            pieces.push((&self.text[at..], None));
        }
        pieces.into_iter()
    }

    /// The addresses that parts lead to.
    pub(crate) fn links(&self) -> impl Iterator<Item = &str> {
        self.marks.iter().filter_map(|mark| mark.style.link.as_deref())
    }

    /// The whole as a link.
    pub(crate) fn linked(mut self, address: &str) -> Self {
        let style = Style { link: Some(address.into()), ..Style::default() };
        self.marks = vec![Mark { start: 0, end: self.text.len(), style }];
        self
    }

    /// The parts that are more than plain, as JSON has them.
    pub(crate) fn json_spans(&self) -> Vec<JsonSpan<'_>> {
        let (mut characters, mut bytes) = (0, 0);
        let mut place = |to: usize| {
            characters += self.text[bytes..to].chars().count();
            bytes = to;
            characters
        };
        self.marks
            .iter()
            .map(|mark| JsonSpan {
                start: place(mark.start),
                end: place(mark.end),
                strong: mark.style.strong,
                emphasis: mark.style.emphasis,
                strike: mark.style.strike,
                code: mark.style.code,
                note: mark.style.note,
                link: mark.style.link.as_deref(),
            })
            .collect()
    }

    /// Without any strong parts: a heading is all strong.
    pub(crate) fn without_strong(mut self) -> Self {
        for mark in &mut self.marks {
            mark.style.strong = false;
        }
        self.marks.retain(|mark| !mark.style.is_plain());
        self
    }
}

/// Where letters stand above or below the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Script {
    #[default]
    Normal,
    Super,
    Sub,
}

/// Raised or lowered text as it can be read in a line: 10⁶ and H₂O, because 106 is another number. Letters alone (1st,
/// `XIe`) stay as they are behind a digit; what Unicode has no raised form for is marked by ^ or _.
pub(crate) fn scripted(text: &str, script: Script, before: Option<char>) -> String {
    if script == Script::Normal || text.trim().is_empty() {
        return text.to_owned();
    }
    let is_superscript = script == Script::Super;
    let mapped: Option<String> = text.chars().map(|char| raised_or_lowered(char, is_superscript)).collect();
    if let Some(mapped) = mapped {
        return mapped;
    }
    let is_word = text
        .trim()
        .chars()
        .all(|char| char.is_alphabetic() || matches!(char, '™' | '®' | '©' | '℠' | '*' | '†' | '‡' | '.'));
    let is_ordinal = before.is_none_or(|before| !before.is_alphabetic())
        || text.trim().chars().all(|char| !char.is_ascii_alphabetic());
    // Of what already is a mark nothing else can be thought.
    if is_word && is_ordinal || text.chars().any(|char| !char.is_ascii() && !char.is_alphanumeric()) {
        return text.to_owned();
    }
    let sign = if is_superscript { '^' } else { '_' };
    if text.chars().count() == 1 { format!("{sign}{text}") } else { format!("{sign}({text})") }
}

fn raised_or_lowered(char: char, is_superscript: bool) -> Option<char> {
    const DIGITS: [[char; 10]; 2] =
        [['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'], ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹']];
    if let Some(digit) = char.to_digit(10) {
        return Some(DIGITS[usize::from(is_superscript)][digit as usize]);
    }
    Some(match (char, is_superscript) {
        ('+', true) => '⁺',
        ('-' | '−' | '–', true) => '⁻',
        ('=', true) => '⁼',
        ('(', true) => '⁽',
        (')', true) => '⁾',
        ('n', true) => 'ⁿ',
        ('+', false) => '₊',
        ('-' | '−' | '–', false) => '₋',
        ('=', false) => '₌',
        ('(', false) => '₍',
        (')', false) => '₎',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_digits_are_no_digits_of_the_line() {
        assert_eq!(scripted("6", Script::Super, Some('0')), "⁶");
        assert_eq!(scripted("-12", Script::Super, Some('0')), "⁻¹²");
        assert_eq!(scripted("2", Script::Sub, Some('H')), "₂");
        assert_eq!(scripted("st", Script::Super, Some('1')), "st");
        assert_eq!(scripted("a+b", Script::Super, Some('x')), "^(a+b)");
        assert_eq!(scripted("k", Script::Sub, Some('x')), "_k");
    }

    #[test]
    fn parts_keep_their_places() {
        let strong = Style { strong: true, ..Style::default() };
        let mut text = Rich::from("  do ");
        text.push("not", &strong);
        text.push(" run ", &Style::default());
        let text = text.trimmed();
        let pieces: Vec<_> = text.pieces().map(|(text, style)| (text, style.is_some())).collect();
        assert_eq!(pieces, [("do ", false), ("not", true), (" run", false)]);
        assert_eq!(text.with_prefix("1. ").json_spans()[0].start, 6);
    }
}

//! Text as it flows, without places: headings, paragraphs, lists, tables; and how Markdown writes it.

use std::fmt::Write as _;

use serde::Serialize;

/// A part of a document, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Flow {
    Heading { level: u8, text: String },
    Paragraph { text: String },
    ListItem { text: String },
    Table { rows: Vec<Vec<String>> },
    Code { text: String },
}

/// Appends a part as Markdown, with an empty line after it.
pub(crate) fn write_markdown(markdown: &mut String, flow: &Flow, next: Option<&Flow>) {
    match flow {
        Flow::Heading { level, text } => {
            let _ = writeln!(markdown, "{} {}\n", "#".repeat(usize::from(*level).clamp(1, 6)), escape(text));
        }
        Flow::Paragraph { text } => {
            let _ = writeln!(markdown, "{}\n", escape_start(&escape(text)));
        }
        Flow::ListItem { text } => {
            let (marker, rest) = list_marker(text);
            let end = if matches!(next, Some(Flow::ListItem { .. })) { "\n" } else { "\n\n" };
            let _ = write!(markdown, "{marker} {}{end}", escape(rest));
        }
        Flow::Code { text } => {
            let fence = if text.contains("```") { "~~~~" } else { "```" };
            let _ = writeln!(markdown, "{fence}\n{text}\n{fence}\n");
        }
        Flow::Table { rows } => {
            let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
            for (at, row) in rows.iter().enumerate() {
                for column in 0..columns {
                    let cell = row.get(column).map(String::as_str).unwrap_or_default();
                    let _ = write!(markdown, "| {} ", escape(cell).replace('|', "\\|").replace('\n', "<br>"));
                }
                markdown.push_str("|\n");
                if at == 0 {
                    markdown.push_str(&"| --- ".repeat(columns));
                    markdown.push_str("|\n");
                }
            }
            markdown.push('\n');
        }
    }
}

/// Bullets that documents use.
pub(crate) fn is_bullet(char: char) -> bool {
    matches!(
        char,
        '•' | '‣'
            | '◦'
            | '▪'
            | '■'
            | '●'
            | '○'
            | '–'
            | '—'
            | '∙'
            | '·'
            | '➢'
            | '➤'
            | '✓'
            | '\u{F0B7}'
            | '\u{F0A7}'
            | '*'
            | '-'
    )
}

/// The marker that begins a list item, in Markdown's form, and the text after it; none where the text is no list item.
pub(crate) fn split_list_item(text: &str) -> Option<(String, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if is_bullet(first) {
        let rest = chars.as_str();
        return rest.starts_with(' ').then(|| ("-".to_owned(), rest.trim_start()));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if (1..=3).contains(&digits)
        && let Some(rest) = text[digits..].strip_prefix(['.', ')'])
        && rest.starts_with(' ')
    {
        return Some((format!("{}.", &text[..digits]), rest.trim_start()));
    }
    None
}

fn list_marker(text: &str) -> (String, &str) {
    split_list_item(text).unwrap_or_else(|| ("-".to_owned(), text))
}

/// Escapes what Markdown would take for markup within a line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '\\' | '`' | '*' | '_' | '[' | ']' | '<') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

/// Escapes what Markdown would take for markup at the beginning of a paragraph.
fn escape_start(text: &str) -> String {
    if text.starts_with(['#', '>', '+', '-', '=', '~']) { format!("\\{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_writes_each_part_in_its_form() {
        let parts = [
            Flow::Heading { level: 2, text: "A *star*".to_owned() },
            Flow::ListItem { text: "• one".to_owned() },
            Flow::ListItem { text: "12) two".to_owned() },
            Flow::Table { rows: vec![vec!["a|b".to_owned(), "c".to_owned()], vec!["1".to_owned()]] },
            Flow::Paragraph { text: "# no heading".to_owned() },
        ];
        let mut markdown = String::new();
        for (at, part) in parts.iter().enumerate() {
            write_markdown(&mut markdown, part, parts.get(at + 1));
        }
        assert_eq!(
            markdown,
            "## A \\*star\\*\n\n- one\n12. two\n\n| a\\|b | c |\n| --- | --- |\n| 1 |  |\n\n\\# no heading\n\n"
        );
    }
}

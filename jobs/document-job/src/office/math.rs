//! Formulas in a line of text: fractions with a slash, powers and indices raised and lowered. Both of Office (ECMA-376,
//! part 1, 22.1) and `MathML`, whose elements mean the same under other names.

use std::fmt::Write as _;

use crate::rich::{Script, scripted};

/// Elements within elements; deeper ones are taken as one.
const MAX_DEPTH: usize = 48;

/// A formula while its elements come.
#[derive(Default)]
pub(crate) struct Formula {
    /// The elements that are open, the outermost first.
    open: Vec<Element>,
    done: Vec<Element>,
    too_deep: usize,
}

#[derive(Default, Debug)]
struct Element {
    name: String,
    /// A character that Office gives in a property: of a sum, of brackets.
    characters: Vec<(String, String)>,
    text: String,
    kids: Vec<Element>,
}

impl Formula {
    pub(crate) fn start(&mut self, name: &str) {
        if self.open.len() >= MAX_DEPTH {
            self.too_deep += 1;
            return;
        }
        self.open.push(Element { name: name.to_owned(), ..Element::default() });
    }

    /// A property of the innermost element, or of the one around a properties element.
    pub(crate) fn property(&mut self, name: &str, value: &str) {
        let owner = self.open.iter_mut().rev().find(|element| !element.name.ends_with("Pr"));
        if let Some(owner) = owner {
            owner.characters.push((name.to_owned(), value.to_owned()));
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        match self.open.last_mut() {
            Some(element) => {
                // Text between elements is an element of its own.
                if element.kids.is_empty() {
                    element.text.push_str(text);
                } else if !text.trim().is_empty() {
                    element.kids.push(Element { text: text.to_owned(), ..Element::default() });
                }
            }
            None => self.done.push(Element { text: text.to_owned(), ..Element::default() }),
        }
    }

    pub(crate) fn end(&mut self) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let Some(element) = self.open.pop() else { return };
        self.open.last_mut().map_or(&mut self.done, |parent| &mut parent.kids).push(element);
    }

    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.too_deep = 0;
            self.end();
        }
        let mut line = String::new();
        for element in &self.done {
            append(&mut line, element);
        }
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn line_of(elements: &[Element]) -> String {
    let mut line = String::new();
    for element in elements {
        append(&mut line, element);
    }
    line
}

fn part(element: &Element, name: &str) -> String {
    element.kids.iter().find(|kid| kid.name == name).map(content).unwrap_or_default()
}

fn content(element: &Element) -> String {
    let mut line = clean(&element.text);
    line.push_str(&line_of(&element.kids));
    line
}

/// Signs that are not shown: function application, invisible times, separator and plus.
fn clean(text: &str) -> String {
    text.chars().filter(|char| !matches!(char, '\u{2061}'..='\u{2064}')).collect()
}

fn kid(element: &Element, at: usize) -> String {
    let kids = element.kids.iter().filter(|kid| !kid.name.is_empty() || !kid.text.trim().is_empty());
    kids.skip(at)
        .map(|kid| {
            let mut line = String::new();
            append(&mut line, kid);
            line
        })
        .next()
        .unwrap_or_default()
}

fn append(line: &mut String, element: &Element) {
    let property = |name: &str| {
        let found = element.characters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    match element.name.as_str() {
        "f" => {
            let (over, under) = (part(element, "num"), part(element, "den"));
            let _ = write!(line, "{}/{}", grouped(&over), grouped(&under));
        }
        "mfrac" => {
            let _ = write!(line, "{}/{}", grouped(&kid(element, 0)), grouped(&kid(element, 1)));
        }
        "sSup" => raised(line, &part(element, "e"), "", &part(element, "sup")),
        "sSub" => raised(line, &part(element, "e"), &part(element, "sub"), ""),
        "sSubSup" => raised(line, &part(element, "e"), &part(element, "sub"), &part(element, "sup")),
        "msup" | "mover" => raised(line, &kid(element, 0), "", &kid(element, 1)),
        "msub" | "munder" => raised(line, &kid(element, 0), &kid(element, 1), ""),
        "msubsup" | "munderover" => raised(line, &kid(element, 0), &kid(element, 1), &kid(element, 2)),
        "limLow" => raised(line, &part(element, "e"), &part(element, "lim"), ""),
        "limUpp" => raised(line, &part(element, "e"), "", &part(element, "lim")),
        "nary" => {
            raised(line, property("chr").unwrap_or("∫"), &part(element, "sub"), &part(element, "sup"));
            line.push(' ');
            line.push_str(&part(element, "e"));
        }
        "rad" => {
            let degree = part(element, "deg");
            line.push_str(&root(&degree, &part(element, "e")));
        }
        "msqrt" => line.push_str(&root("", &content(element))),
        "mroot" => line.push_str(&root(&kid(element, 1), &kid(element, 0))),
        "d" => {
            let inner: Vec<String> = element.kids.iter().filter(|kid| kid.name == "e").map(content).collect();
            let separator = property("sepChr").unwrap_or("|");
            line.push_str(property("begChr").unwrap_or("("));
            line.push_str(&inner.join(separator));
            line.push_str(property("endChr").unwrap_or(")"));
        }
        "mfenced" => {
            let inner: Vec<String> = element.kids.iter().map(content).filter(|kid| !kid.trim().is_empty()).collect();
            line.push_str(property("open").unwrap_or("("));
            line.push_str(&inner.join(", "));
            line.push_str(property("close").unwrap_or(")"));
        }
        "func" => {
            line.push_str(&part(element, "fName"));
            line.push(' ');
            line.push_str(&part(element, "e"));
        }
        "m" | "mtable" | "eqArr" => {
            let is_row = |kid: &&Element| matches!(kid.name.as_str(), "mr" | "mtr" | "mlabeledtr" | "e");
            let rows = element.kids.iter().filter(is_row).map(|row| {
                if row.name == "e" {
                    return content(row);
                }
                let cells = row.kids.iter().map(content).filter(|cell| !cell.trim().is_empty());
                cells.collect::<Vec<_>>().join(", ")
            });
            let _ = write!(line, "[{}]", rows.collect::<Vec<_>>().join("; "));
        }
        // What is given besides the formula itself.
        "annotation" | "annotation-xml" | "mphantom" | "phant" => {}
        "acc" => {
            line.push_str(&part(element, "e"));
            line.push_str(property("chr").unwrap_or("\u{302}"));
        }
        "mo" => {
            let sign = clean(element.text.trim());
            line.push_str(&sign);
        }
        "mi" | "mn" | "mtext" | "ms" => {
            let text = clean(&element.text);
            line.push_str(if element.name == "mtext" { &text } else { text.trim() });
            line.push_str(&line_of(&element.kids));
        }
        "mspace" => line.push(' '),
        // Office's runs keep their spaces; white space between MathML's elements is none.
        "t" => line.push_str(&content(element)),
        _ => {
            if !element.text.trim().is_empty() {
                line.push_str(&clean(&element.text));
            }
            line.push_str(&line_of(&element.kids));
        }
    }
}

fn raised(line: &mut String, base: &str, below: &str, above: &str) {
    line.push_str(base);
    for (text, script) in [(below.trim(), Script::Sub), (above.trim(), Script::Super)] {
        if text.is_empty() {
            continue;
        }
        let written = scripted(text, script, line.chars().next_back());
        // Letters have to be told from the base.
        if written == text && text.chars().any(char::is_alphanumeric) {
            let sign = if script == Script::Super { '^' } else { '_' };
            line.push(sign);
            line.push_str(&grouped(text));
        } else {
            line.push_str(&written);
        }
    }
}

fn root(degree: &str, radicand: &str) -> String {
    let sign = match degree.trim() {
        "" => "√".to_owned(),
        "3" => "∛".to_owned(),
        "4" => "∜".to_owned(),
        other => format!("{}√", scripted(other, Script::Super, None)),
    };
    format!("{sign}{}", grouped(radicand))
}

/// In brackets, unless it is one thing.
fn grouped(text: &str) -> String {
    let text = text.trim();
    let is_one = text.chars().all(|char| char.is_alphanumeric() || matches!(char, '.' | ',' | '\'' | '′'));
    let is_bracketed = text.starts_with('(') && text.ends_with(')') && !text[1..text.len() - 1].contains(['(', ')']);
    if is_one || is_bracketed { text.to_owned() } else { format!("({text})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_can_be_read_in_a_line() {
        let mut formula = Formula::default();
        for (name, text) in [
            ("f", ""),
            ("num", "a+b"),
            ("/", ""),
            ("den", "2c"),
            ("/", ""),
            ("/", ""),
            ("sSup", ""),
            ("e", "mc"),
            ("/", ""),
            ("sup", "2"),
            ("/", ""),
            ("/", ""),
        ] {
            if name == "/" {
                formula.end();
            } else {
                formula.start(name);
                formula.text(text);
            }
        }
        assert_eq!(formula.finish(), "(a+b)/2cmc²");
    }

    #[test]
    fn depth_costs_nothing() {
        let mut formula = Formula::default();
        for _ in 0..100_000 {
            formula.start("msqrt");
        }
        formula.text("x");
        for _ in 0..100_000 {
            formula.end();
        }
        assert!(formula.finish().contains('x'));
    }
}

//! What was said, as files: JSON with words, times and confidences; plain text; Markdown with times.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::language;
use crate::recognition::Segment;
use crate::subtitles::timestamp;

/// A pause that begins a new paragraph, seconds, and the length after which a sentence's end begins one.
const PARAGRAPH_PAUSE: f64 = 2.5;
const PARAGRAPH_LETTERS: usize = 500;

/// A whole transcript, `transcript.json`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transcript {
    /// Of this format: 1.
    pub version: u32,
    /// The code of the spoken language (ISO 639); none if nobody speaks.
    pub language: Option<String>,
    /// How probable the language is, 0 to 1; none if it was asked for.
    pub language_probability: Option<f32>,
    /// The text is English, whatever is spoken.
    pub is_translation: bool,
    /// Seconds of audio.
    pub duration: f64,
    /// What was said, in order.
    pub segments: Vec<Segment>,
}

impl Transcript {
    /// `transcript.json`.
    pub fn json(&self) -> String {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        let mut transcript = self.clone();
        transcript.duration = rounded(transcript.duration);
        for segment in &mut transcript.segments {
            (segment.start, segment.end) = (rounded(segment.start), rounded(segment.end));
            segment.confidence = rounded(f64::from(segment.confidence)) as f32;
            for word in &mut segment.words {
                (word.start, word.end) = (rounded(word.start), rounded(word.end));
                word.confidence = rounded(f64::from(word.confidence)) as f32;
                word.text = word.text.trim().to_owned();
            }
        }
        let mut text = serde_json::to_string_pretty(&transcript).expect("numbers and words");
        text.push('\n');
        text
    }

    /// `transcript.txt`: paragraphs.
    pub fn text(&self) -> String {
        self.paragraphs().iter().map(|paragraph| paragraph.text() + "\n").collect::<Vec<_>>().join("\n")
    }

    /// `transcript.md`: paragraphs with their times.
    pub fn markdown(&self, title: &str) -> String {
        let mut text = format!("# {}\n", escape(title));
        let name = self.language.as_deref().map_or("no speech found", |code| language::name(code).unwrap_or(code));
        let kind = if self.is_translation { "English translation of " } else { "" };
        let _ = write!(text, "\n{kind}{name}, {}\n", &timestamp(self.duration, '.')[..8]);
        for paragraph in self.paragraphs() {
            let _ =
                write!(text, "\n**{}** {}\n", &timestamp(paragraph.0[0].start, '.')[..8], escape(&paragraph.text()));
        }
        text
    }

    fn paragraphs(&self) -> Vec<Paragraph<'_>> {
        let mut paragraphs: Vec<Paragraph<'_>> = Vec::new();
        let mut letters = 0;
        for segment in &self.segments {
            let ends = |last: &Segment| {
                let is_sentence = last.text.ends_with(['.', '?', '!', '。', '？', '！']);
                segment.start - last.end >= PARAGRAPH_PAUSE || letters >= PARAGRAPH_LETTERS && is_sentence
            };
            match paragraphs.last_mut() {
                Some(paragraph) if !paragraph.0.last().is_some_and(|last| ends(last)) => paragraph.0.push(segment),
                _ => {
                    letters = 0;
                    paragraphs.push(Paragraph(vec![segment]));
                }
            }
            letters += segment.text.chars().count();
        }
        paragraphs
    }
}

struct Paragraph<'a>(Vec<&'a Segment>);

impl Paragraph<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        for segment in &self.0 {
            if !text.is_empty() && !language::is_written_without_spaces(&segment.language) {
                text.push(' ');
            }
            text.push_str(&segment.text);
        }
        text
    }
}

/// Text that Markdown does not take for markup.
fn escape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&') {
            result.push('\\');
        }
        result.push(letter);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognition::Word;

    fn transcript() -> Transcript {
        let segment = |start: f64, text: &str| Segment {
            start,
            end: start + 1.0,
            text: text.into(),
            language: "en".into(),
            confidence: 0.876_54,
            words: vec![Word { start, end: start + 1.000_04, text: format!(" {text}"), confidence: 0.5 }],
        };
        Transcript {
            version: 1,
            language: Some("en".into()),
            language_probability: Some(0.98),
            is_translation: false,
            duration: 3725.5,
            segments: vec![segment(0.0, "One."), segment(1.2, "Two [2] *."), segment(3700.0, "Three.")],
        }
    }

    #[test]
    fn json_has_rounded_times_and_trimmed_words() {
        let json: serde_json::Value = serde_json::from_str(&transcript().json()).unwrap();
        assert_eq!(json["segments"][0]["words"][0]["text"], "One.");
        assert_eq!(json["segments"][0]["words"][0]["end"], 1.0);
        assert_eq!(json["segments"][0]["confidence"], 0.877);
        assert_eq!(
            (json["languageProbability"].as_f64().map(|value| value > 0.9), json["version"].as_u64()),
            (Some(true), Some(1))
        );
    }

    #[test]
    fn text_and_markdown_have_paragraphs_at_pauses() {
        assert_eq!(transcript().text(), "One. Two [2] *.\n\nThree.\n");
        let expected = "# a\\_b\n\nEnglish, 01:02:05\n\n**00:00:00** One. Two \\[2\\] \\*.\n\n**01:01:40** Three.\n";
        assert_eq!(transcript().markdown("a_b"), expected);
        let silent = Transcript { segments: Vec::new(), language: None, ..transcript() };
        assert_eq!((silent.text(), silent.markdown("x")), (String::new(), "# x\n\nno speech found, 01:02:05\n".into()));
    }
}

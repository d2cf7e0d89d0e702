use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::operation::{Options, REDACTED};
use crate::operations::Confidence;
use crate::profile::{Engine, Profile};
use crate::{Allowance, FastPath, Format, MediaKind, ReadingLanguage, Service};

/// Extracts the text of a document or a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Text {
    /// Files to write: text.txt, text.json (blocks, words with boxes and font sizes, metadata), text.md
    #[arg(long, value_enum, value_name = "FORMAT,…", value_delimiter = ',', default_values_t = TextFormat::ALL)]
    pub formats: Vec<TextFormat>,
    /// Pages to read, such as 1-5,8,12-; sheets, slides or chapters of documents without pages
    #[arg(long, value_name = "RANGES")]
    pub pages: Option<PageRanges>,
    /// Maximum number of pages to read; the result reports if there are more
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_pages: u32,
    /// Level of detail of text.json
    #[arg(long, value_enum, default_value_t = Detail::Words)]
    pub detail: Detail,
    /// Whether text is read in pictures (OCR): in images, and on pages that hold no text of their own (auto), also on pages that a
    /// picture covers most of (always), or nowhere (never). Only pictures are read, no drawings. Where the weights are not
    /// installed, auto leaves the pages as they are and says so
    #[arg(long, value_enum, default_value_t = Ocr::Auto)]
    pub ocr: Ocr,
    /// Who reads text in pictures: this project's networks (native), Amazon Textract, which is paid for each page that it reads
    /// (docs/engines.md), or Textract and, where it cannot be had, the networks (auto). Text that a document holds is never sent
    #[arg(long, value_enum, default_value_t = TextEngine::Native)]
    pub engine: TextEngine,
    /// Languages of the text in pictures, as codes (en, de, zh, zh-hant, ja, …) or English names; without any, each sign of all is
    /// looked for. None with other scripts than Latin, Chinese and Japanese
    #[arg(long, value_name = "LANGUAGE,…", value_delimiter = ',')]
    pub languages: Vec<ReadingLanguage>,
    /// Leave out words in pictures of less confidence, 0 to 1
    #[arg(long, value_name = "0-1", default_value_t = Confidence::HALF)]
    pub min_confidence: Confidence,
    /// Password of an encrypted PDF; the empty one is always tried. It is never published
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<Password>,
}

/// A form of the extracted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TextFormat {
    /// Plain text in reading order, with a form feed after each page
    Text,
    /// Pages with blocks, lines and words and their places; links and notes of readers; metadata, outline, form fields
    Json,
    /// Headings, lists, tables, links and notes as Markdown, without running heads
    Markdown,
}

impl TextFormat {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Text, Self::Json, Self::Markdown];
}

/// When text in pictures is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Ocr {
    /// Where there is no text otherwise
    Auto,
    /// Also where a picture covers most of the page, in the place of the text over it
    Always,
    /// Nowhere: pages without text are named in the result
    Never,
    /// As auto, by Amazon Textract: the same as engine=textract
    Textract,
}

/// Who reads text in pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TextEngine {
    /// This project's networks
    Native,
    /// Amazon Textract
    Textract,
    /// Amazon Textract, and the networks where it fails; the result says so
    Auto,
}

impl Text {
    /// Who reads text in pictures, in either way of asking for it.
    pub fn reader(&self) -> TextEngine {
        if self.ocr == Ocr::Textract { TextEngine::Textract } else { self.engine }
    }
}

/// The languages that Textract reads.
const TEXTRACT_LANGUAGES: [&str; 6] = ["en", "de", "es", "fr", "it", "pt"];

/// The smallest parts of text that have their own box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Blocks, lines and words
    Words,
    /// Blocks and lines
    Lines,
    /// Blocks
    Blocks,
}

/// A password, which shows itself only to who asks for it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Password(String);

impl Password {
    /// The password itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Ranges of page numbers from 1, in ascending order; the last may be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRanges(Vec<(u32, Option<u32>)>);

impl PageRanges {
    /// Whether the page of that number is meant.
    pub fn contains(&self, page: u32) -> bool {
        self.0.iter().any(|(first, last)| *first <= page && last.is_none_or(|last| page <= last))
    }
}

impl FromStr for PageRanges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("{text:?} is not a valid page number; pages count from 1"))
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let range = match part.split_once('-') {
                Some((first, "")) => (number(first)?, None),
                Some((first, last)) => (number(first)?, Some(number(last)?)),
                None => {
                    let page = number(part)?;
                    (page, Some(page))
                }
            };
            let follows =
                ranges.last().is_none_or(|(_, last): &(u32, Option<u32>)| last.is_some_and(|last| last < range.0));
            if range.1.is_some_and(|last| last < range.0) || !follows {
                return Err(format!("{part:?} is out of order; page ranges ascend, as in 1-5,8,12-"));
            }
            ranges.push(range);
        }
        Ok(Self(ranges))
    }
}

impl fmt::Display for PageRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match last {
                Some(last) if last == first => write!(f, "{comma}{first}")?,
                Some(last) => write!(f, "{comma}{first}-{last}")?,
                None => write!(f, "{comma}{first}-")?,
            }
        }
        Ok(())
    }
}

impl Serialize for PageRanges {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Options for Text {
    const NAME: &'static str = "text";
    const ABOUT: &'static str = "Extract the text of a document or a picture, in reading order";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("text", "plain text, words with boxes, and Markdown"),
        ("text?formats=markdown&pages=1-10", "the first ten pages as Markdown"),
        ("text?ocr=always&languages=de,en", "scans read again, whatever text they hold, as German and English"),
        ("text?engine=textract&languages=en", "pages that are pictures are read by Amazon Textract, 0.0015 USD each"),
        ("text?formats=json&detail=lines&password=secret", "lines with boxes of an encrypted PDF"),
    ];
    const SECRETS: &'static [&'static str] = &["password"];
    const PROFILE: Profile = Profile {
        relative_cost: 2,
        fast_path: Some(FastPath::of(32, 200, 67)),
        engines: &[Engine::Native, Engine::Textract],
        weights: READING_WEIGHTS,
        ..Profile::of(
            WITH_TEXT,
            &["text/plain", "application/json", "text/markdown"],
            [(1, 2), (2, 4), (2, 16), (4, 30)],
        )
    };

    fn validate(&self) -> Result<(), String> {
        if self.formats.is_empty() {
            return Err("formats needs at least one of text, json, markdown".to_owned());
        }
        if self.formats.iter().enumerate().any(|(at, format)| self.formats[..at].contains(format)) {
            return Err("formats names a value twice; give each value once".to_owned());
        }
        if self.languages.iter().enumerate().any(|(at, language)| self.languages[..at].contains(language)) {
            return Err("languages names one twice; give each once".to_owned());
        }
        if self.engine != TextEngine::Native && self.ocr == Ocr::Never {
            return Err(
                "ocr=never reads no pictures, so that engine has nothing to do; leave out one of the two".to_owned()
            );
        }
        if self.reader() == TextEngine::Textract
            && let Some(language) = self.languages.iter().find(|known| !TEXTRACT_LANGUAGES.contains(&known.code()))
        {
            let allowed = TEXTRACT_LANGUAGES.join(", ");
            return Err(format!("Textract does not read languages={language}, only {allowed}; take engine=native"));
        }
        Ok(())
    }

    fn engine(&self) -> Engine {
        match self.reader() {
            TextEngine::Native => Engine::Native,
            TextEngine::Textract | TextEngine::Auto => Engine::Textract,
        }
    }

    fn allowances(&self) -> Vec<Allowance> {
        match self.reader() {
            TextEngine::Native => Vec::new(),
            TextEngine::Textract | TextEngine::Auto => {
                vec![Allowance { service: Service::PageText, calls: self.max_pages }]
            }
        }
    }

    fn check_format(&self, format: Format) -> Result<(), String> {
        if self.reader() == TextEngine::Textract && format.kind() == MediaKind::Document && format != Format::Pdf {
            return Err(format!(
                "Textract reads PDFs and images, and {} holds its text itself; leave out engine and ocr",
                format.name()
            ));
        }
        Ok(())
    }

    fn weights(&self) -> Vec<&'static str> {
        if self.ocr == Ocr::Never || self.reader() == TextEngine::Textract {
            Vec::new()
        } else {
            READING_WEIGHTS.to_vec()
        }
    }
}

const DOCUMENTS: &[Format] = Format::of_kind(MediaKind::Document);
const IMAGES: &[Format] = Format::of_kind(MediaKind::Image);

/// Documents, and pictures in which text is read.
pub(super) const WITH_TEXT: &[Format] = &{
    let mut all = [DOCUMENTS[0]; DOCUMENTS.len() + IMAGES.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < DOCUMENTS.len() { DOCUMENTS[at] } else { IMAGES[at - DOCUMENTS.len()] };
        at += 1;
    }
    all
};

/// The library and the networks that text in pictures is read by.
pub(super) const READING_WEIGHTS: &[&str] =
    &["onnxruntime", "ocr-detection", "ocr-recognition", "ocr-line-direction", "ocr-page-direction"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_ranges_are_read_written_and_checked() {
        let ranges: PageRanges = "1-5,8,12-".parse().unwrap();
        assert_eq!(ranges.to_string(), "1-5,8,12-");
        let meant: Vec<u32> = (0..15).filter(|page| ranges.contains(*page)).collect();
        assert_eq!(meant, [1, 2, 3, 4, 5, 8, 12, 13, 14]);
        for wrong in ["", "0", "5-1", "3,2", "1-,4", "x", "-3"] {
            assert!(wrong.parse::<PageRanges>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_textract_cannot_read_is_refused_with_what_would() {
        let refused = |text: &str| text.parse::<crate::Operations>().unwrap_err().to_string();
        assert!(refused("text?engine=textract&languages=ja").ends_with("take engine=native"));
        assert!(refused("text?ocr=textract&languages=ja").contains("only en, de, es, fr, it, pt"));
        assert!(refused("text?engine=auto&ocr=never").contains("leave out one of the two"));
        let operations: crate::Operations = "text?engine=textract".parse().unwrap();
        assert!(operations.check_format(Format::Pdf).is_ok() && operations.check_format(Format::Jpeg).is_ok());
        let refused = operations.check_format(Format::Docx).unwrap_err().to_string();
        assert!(refused.contains("docx holds its text itself; leave out engine and ocr"), "{refused}");
        // What a document holds itself needs no engine.
        assert!("text?engine=auto".parse::<crate::Operations>().unwrap().check_format(Format::Docx).is_ok());
    }
}

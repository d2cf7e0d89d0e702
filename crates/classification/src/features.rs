//! Numbers that tell documents of different types apart: thirty for what documents call themselves and what is typical of their text
//! ([`crate::cues`]), the others for their layout, their numbers and their words. Each is between 0 and 1, so that none needs scaling.
//!
//! Only the beginning is looked at: what a document is, it says on its first pages. A document of ten thousand pages takes as long as
//! one of eight.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::LazyLock;

use regex::Regex;
use semantics::document::{Block, BlockKind, Document};

use crate::cues::{self, Zone};
use crate::document_type::DocumentType;
use crate::layout::{Layout, Part};

/// Pages that are looked at.
const MOST_PAGES: u32 = 8;
/// Bytes of text that are looked at.
const MOST_TEXT: usize = 24_000;
/// Blocks from the top among which a document says what it is.
const TITLE_BLOCKS: usize = 8;
/// Bytes of such a block that are looked at.
const TITLE_TEXT: usize = 160;
/// Places of the same cue that are kept.
const MOST_PLACES: usize = 3;

/// The types that have cues: all but the last, which is none of the others.
const WITH_CUES: usize = DocumentType::ALL.len() - 1;

/// What is measured beside the cues.
const MEASURES: [Measure; 46] = [
    Measure::of("pages", "it has many pages", "it has few pages"),
    Measure::of("words-a-page", "its pages are full of words", "its pages have few words"),
    Measure::of("landscape", "its pages are wider than high", "its pages are higher than wide"),
    Measure::of("narrow-page", "its page is long and narrow", "its page is not long and narrow"),
    Measure::of("screen-page", "its pages have the shape of a screen", "its pages do not have the shape of a screen"),
    Measure::of("card", "it has the shape of a card", "it does not have the shape of a card"),
    Measure::of("large-page", "its pages are larger than A3", "its pages are not large"),
    Measure::of("slide", "it is a file of slides", "it is not a file of slides"),
    Measure::of("sheet", "it is a file of sheets", "it is not a file of sheets"),
    Measure::of("message", "it is a file of a message", "it is not a file of a message"),
    Measure::of("chapter", "it is a file of chapters", "it is not a file of chapters"),
    Measure::of("without-places", "its text flows without places", "its text has places"),
    Measure::of("headings", "it has many headings", "it has few headings"),
    Measure::of("numbered-headings", "its headings or clauses are numbered", "its headings are not numbered"),
    Measure::of("list-items", "much of it is lists", "little of it is lists"),
    Measure::of("tables", "much of it is tables", "little of it is tables"),
    Measure::of("code", "there is code in it", "there is no code in it"),
    Measure::of("numbers", "many of its words are numbers", "few of its words are numbers"),
    Measure::of("amounts", "it has many amounts with two decimals", "it has few amounts with two decimals"),
    Measure::of("currencies", "it names currencies often", "it names no currencies"),
    Measure::of("lines-with-amounts", "many of its lines end in an amount", "few of its lines end in an amount"),
    Measure::of("dates", "it has many dates", "it has few dates"),
    Measure::of("date-at-the-top", "there is a date at its top", "there is no date at its top"),
    Measure::of(
        "contacts-at-the-top",
        "there are addresses or telephone numbers at its top",
        "there are no addresses at its top",
    ),
    Measure::of("year-ranges", "it has ranges of years", "it has no ranges of years"),
    Measure::of("words-a-line", "its lines are long", "its lines are short"),
    Measure::of("short-lines", "most of its lines have one to three words", "few of its lines have one to three words"),
    Measure::of(
        "long-paragraphs",
        "most of its text is in long paragraphs",
        "little of its text is in long paragraphs",
    ),
    Measure::of("words-a-sentence", "its sentences are long", "its sentences are short"),
    Measure::of("capitals", "many of its words are in capitals", "few of its words are in capitals"),
    Measure::of("labels", "many of its lines are labels with a colon", "few of its lines are labels"),
    Measure::of("blanks", "there are blanks to be filled in", "there are no blanks to be filled in"),
    Measure::of("boxes", "there are boxes to be ticked", "there are no boxes to be ticked"),
    Measure::of("form-fields", "it has fields of an interactive form", "it has no fields of an interactive form"),
    Measure::of("columns", "its text is in columns", "its text is in one column"),
    Measure::of("citations", "it cites other works", "it cites nothing"),
    Measure::of("captions", "its figures and tables have captions", "it has no captions"),
    Measure::of("mathematics", "there is mathematics in it", "there is no mathematics in it"),
    Measure::of("machine-readable", "there are lines for machines, as in passports", "there are no lines for machines"),
    Measure::of("designators", "there are designators of parts", "there are no designators of parts"),
    Measure::of("short-words", "many of its words have one or two signs", "few of its words have one or two signs"),
    Measure::of("contents", "it has a table of contents", "it has no table of contents"),
    Measure::of("mail-head", "it begins with the head of a message", "it does not begin with the head of a message"),
    Measure::of("salutation", "it begins with a salutation", "it has no salutation"),
    Measure::of("questions", "it asks questions", "it asks no questions"),
    Measure::of("quotes", "it quotes what people say", "it quotes nobody"),
];

/// Numbers of a document.
pub const COUNT: usize = WITH_CUES * 2 + MEASURES.len();

struct Measure {
    name: &'static str,
    high: &'static str,
    low: &'static str,
}

impl Measure {
    const fn of(name: &'static str, high: &'static str, low: &'static str) -> Self {
        Self { name, high, low }
    }
}

/// A cue in the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The number of the block.
    pub block: usize,
    /// Where it is in the block's text.
    pub range: Range<usize>,
}

/// The numbers of a document, and the words that some of them come from.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// [`COUNT`] numbers, each 0 to 1.
    pub values: Vec<f32>,
    /// Where the cues of a feature are.
    pub places: BTreeMap<usize, Vec<Place>>,
    /// Words that were looked at.
    pub words: usize,
}

/// A feature's name, as in the list of coefficients.
pub fn name(feature: usize) -> String {
    if let Some(measure) = feature.checked_sub(WITH_CUES * 2) {
        return MEASURES.get(measure).map_or_else(String::new, |measure| measure.name.to_owned());
    }
    let (kind, zone) = (DocumentType::ALL[feature / 2], if feature.is_multiple_of(2) { "title" } else { "words" });
    format!("{zone}-of-{}", kind.name())
}

/// What a feature says if it is high, or if it is not.
pub fn words(feature: usize, is_high: bool) -> String {
    if let Some(measure) = feature.checked_sub(WITH_CUES * 2) {
        let said = MEASURES.get(measure).map_or("", |measure| if is_high { measure.high } else { measure.low });
        return said.to_owned();
    }
    let kind = DocumentType::ALL[feature / 2].words();
    match (feature.is_multiple_of(2), is_high) {
        (true, true) => format!("it calls itself {kind}"),
        (true, false) => format!("it does not call itself {kind}"),
        (false, true) => format!("it has words that are typical of {kind}"),
        (false, false) => format!("it lacks the words that are typical of {kind}"),
    }
}

/// Patterns that several features count.
struct Patterns {
    amount: Regex,
    currency: Regex,
    date: Regex,
    years: Regex,
    contact: Regex,
    numbered: Regex,
    citation: Regex,
    caption: Regex,
    mathematics: Regex,
    designator: Regex,
    leader: Regex,
    blank: Regex,
    tick: Regex,
    mail: Regex,
    salutation: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).expect("a test compiles it");
    Patterns {
        amount: regex(r"\d[.,]\d{2}(?:[^\d.,%]|[.,]?\s|[.,]?$)"),
        currency: regex(
            r"[$€£¥₹₽]|\b(?:USD|EUR|GBP|CHF|PLN|SEK|NOK|DKK|JPY|CNY|RM|INR|BRL|AUD|CAD|kr|zł|Kč|руб|Rs)\b|円|元",
        ),
        date: regex(
            r"(?i)\b\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d{2}\b|\b(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2}\b|\b\d{1,2}\.? (?:de )?\p{L}{3,10}\.?,? (?:de )?(?:19|20)\d{2}\b|\b\p{L}{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d{2}\b|(?:19|20)\d{2} ?年",
        ),
        years: regex(
            r"(?i)\b(?:19|20)\d{2}\s*[-–—]\s*(?:(?:\p{L}{3,9}\.? )?(?:19|20)?\d{2}\b|present|now|today|current|heute|présent|aujourd|actualidad|presente|oggi|heden|atual|obecnie|nu\b|н\.\s?в|至今|现在|現在)",
        ),
        contact: regex(
            r"[\w.+-]+@[\w-]+\.\w|(?i:https?://|www\.)|\+\d[\d ()/.-]{7,}|\(\d{3}\) ?\d{3}|\b\d{3}[-.]\d{3}[-.]\d{4}\b|(?i:\b(?:tel|phone|fax|mobil|tél|téléphone|telefon|teléfono|telefono)\b)",
        ),
        numbered: regex(
            r"^(?:\d{1,2}\.(?:\d{1,2}\.?)*\s+\p{L}|\d{1,2}(?:\.\d{1,2})+\s|(?i:article|artikel|artículo|articolo|artigo|section|clause|§|chapter|kapitel|chapitre|capítulo|статья|rozdział|paragraf)\s*\d|[IVX]{1,5}\.\s|第\s?[\d一二三四五六七八九十]+\s?[条章節节])",
        ),
        citation: regex(
            r"\[\d{1,3}(?:[,;–-] ?\d{1,3})*\]|\((?:[^()]{0,40}, )?(?:19|20)\d{2}[a-z]?\)|\bet al\b|(?i:\bdoi\b)",
        ),
        caption: regex(
            r"(?m)^(?i:fig(?:ure)?|table|abbildung|abb|tabelle|tab|tableau|figura|tabla|tabella|figuur|рис|таблица|图|表|図)\.? ?\d{1,3}",
        ),
        mathematics: regex(r"[∑∫∂∇≤≥≈∈∀∃∞±√→⇒∝αβγδεθλμσφψωΔΩ]"),
        designator: regex(
            r"^(?:[RCLUQDJPXYTK]\d{1,3}|TP\d+|IC\d+|\d+(?:\.\d+)?[kKMunpµ](?:[FHΩR]|Ohm)?|\d+[RKV]\d*|GPIO\w*|[+-]?\d+(?:\.\d+)?V|GND|VCC|VDD|VSS|SDA|SCL|CLK|RST|[A-Z]{1,4}\d{0,2}_[A-Z0-9_]+)$",
        ),
        leader: regex(r"(?:\. ?){5,}\s*\d{1,4}\s*$|…{2,}\s*\d{1,4}\s*$|\.{5,}"),
        blank: regex(r"_{4,}|(?:\. ?){12,}|…{4,}"),
        tick: regex(r"[☐☑☒□❏❑▢◻]|\[ ?[xX]? ?\]|\( \)"),
        mail: regex(
            r"^(?i:from|to|cc|subject|sent|date|von|an|gesendet|betreff|de|à|objet|envoyé|para|asunto|enviado|da|oggetto|inviato|van|aan|onderwerp|verzonden|от|кому|тема|发件人|收件人|主题|差出人|宛先|件名)\s?[:：]",
        ),
        salutation: regex(
            r"^(?i:dear |to whom it may|sehr geehrte|lieber? \p{L}|guten tag|chère? |madame|monsieur|estimad[oa]|muy señor|querid[oa]|egregi|gentil|spett|car[oa] |geachte|beste |prezad[oa]|szanown|bästa |hej |kære |kjære |уважаем|尊敬的|亲爱的|拝啓)",
        ),
    }
});

/// The share of a whole, or 0.
fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { (part as f32 / whole as f32).min(1.0) }
}

/// Between 0 and 1 by orders of magnitude: 1 from `most` on.
fn magnitude(count: usize, most: usize) -> f32 {
    ((count as f32).ln_1p() / (most as f32).ln_1p()).min(1.0)
}

/// A line of a block, with where it is.
struct Line<'a> {
    text: &'a str,
    left: Option<f32>,
    width: f32,
}

/// The lines of a block, as they are on the page.
fn lines(block: &Block) -> Vec<Line<'_>> {
    if block.words.is_empty() || block.kind == BlockKind::Table {
        return block.text.lines().map(|text| Line { text, left: None, width: 0.0 }).collect();
    }
    let of_line = |words: &[semantics::document::Word]| {
        let (first, last) = (words.first()?, words.last()?);
        let text = block.text.get(first.start as usize..last.end as usize)?;
        Some(Line { text, left: Some(first.bounds[0]), width: last.bounds[2] - first.bounds[0] })
    };
    block.words.chunk_by(|one, other| one.line == other.line).filter_map(of_line).collect()
}

/// The beginning of a text that is at most so many bytes long.
fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

impl Features {
    /// The numbers of the pages from and to which a document reaches.
    pub fn of(document: &Document, layout: &Layout, pages: RangeInclusive<u32>) -> Self {
        let last = (*pages.end()).min(pages.start().saturating_add(MOST_PAGES - 1));
        let from = document.blocks.partition_point(|block| block.page < *pages.start());
        let blocks = document.blocks[from..].iter().take_while(|block| block.page <= last);
        let mut length = 0;
        let blocks: Vec<(usize, &Block)> = (from..)
            .zip(blocks)
            .take_while(|(_, block)| {
                let is_within = length < MOST_TEXT;
                length += block.text.len();
                is_within
            })
            .collect();
        let mut features = Self { values: vec![0.0; COUNT], ..Self::default() };
        features.cues(&blocks);
        let count = (pages.end().saturating_sub(*pages.start()) as usize + 1).max(1);
        features.measures(&blocks, layout, pages, count);
        features
    }

    /// What it calls itself, and the words that are typical of a type.
    fn cues(&mut self, blocks: &[(usize, &Block)]) {
        let mut distinct: BTreeMap<usize, Vec<&'static str>> = BTreeMap::new();
        for (at_top, (number, block)) in blocks.iter().enumerate() {
            let text = beginning(&block.text, MOST_TEXT);
            let words = text.split_whitespace().count();
            let is_heading = matches!(block.kind, BlockKind::Heading(_));
            let is_title = at_top < TITLE_BLOCKS || (is_heading && at_top < TITLE_BLOCKS * 2);
            cues::find(text, |cue, range| {
                let kind = DocumentType::ALL.iter().position(|kind| *kind == cue.kind).unwrap_or_default();
                let feature = match cue.zone {
                    Zone::Title if !is_title || range.start > TITLE_TEXT => return,
                    Zone::Title => kind * 2,
                    Zone::Body => kind * 2 + 1,
                };
                if cue.zone == Zone::Title {
                    // A short block at the top that says little else is a title.
                    let alone = match words {
                        0..=4 => 1.0,
                        5..=9 => 0.7,
                        _ => 0.35,
                    };
                    let high = if at_top <= 3 || is_heading { 1.0 } else { 0.75 };
                    self.values[feature] = self.values[feature].max(alone * high);
                } else {
                    let known = distinct.entry(feature).or_default();
                    if known.contains(&cue.text) {
                        return;
                    }
                    known.push(cue.text);
                }
                let places = self.places.entry(feature).or_default();
                if places.len() < MOST_PLACES * 4 {
                    places.push(Place { block: *number, range });
                }
            });
        }
        for (feature, known) in distinct {
            self.values[feature] = magnitude(known.len(), 16);
        }
    }

    fn measures(&mut self, blocks: &[(usize, &Block)], layout: &Layout, pages: RangeInclusive<u32>, page_count: usize) {
        let mut counts = Counts::default();
        for (at, (_, block)) in blocks.iter().enumerate() {
            counts.block(block, at);
        }
        self.words = counts.words;
        let read_pages = page_count.min(MOST_PAGES as usize);
        let size = layout.sizes.range(pages).next().map(|(_, size)| *size);
        let (width, height) = size.unwrap_or((0.0, 0.0));
        let ratio = if height > 0.0 { width / height } else { 0.0 };
        let is_near = |ratio: f32, to: f32| (ratio / to - 1.0).abs() < 0.03;
        let flag = |is: bool| if is { 1.0 } else { 0.0 };
        let hundreds = |count: usize, most: f32| (count as f32 * 100.0 / counts.words.max(25) as f32 / most).min(1.0);
        let values = [
            magnitude(page_count - 1, 60),
            magnitude(counts.words / read_pages.max(1), 900),
            flag(ratio > 1.05),
            ((1.0 / ratio.max(0.05) - 1.55) / 1.2).clamp(0.0, 1.0) * flag(size.is_some()),
            flag(ratio > 1.2 && (is_near(ratio, 4.0 / 3.0) || is_near(ratio, 16.0 / 9.0) || is_near(ratio, 1.6))),
            flag(page_count <= 2 && (1.3..1.75).contains(&ratio) && counts.words < 150),
            flag(width.max(height) > 1150.0 && width.min(height) > 780.0 && ratio > 1.0),
            flag(layout.part == Part::Slide),
            flag(layout.part == Part::Sheet),
            flag(layout.part == Part::Message),
            flag(layout.part == Part::Chapter),
            flag(size.is_none()),
            hundreds(counts.headings, 4.0),
            (share(counts.numbered, counts.lines) * 4.0).min(1.0),
            share(counts.list_words, counts.words),
            share(counts.table_words, counts.words),
            share(counts.code_words, counts.words).sqrt(),
            share(counts.numbers, counts.words),
            hundreds(counts.amounts, 15.0),
            hundreds(counts.currencies, 8.0),
            share(counts.lines_with_amounts, counts.lines),
            hundreds(counts.dates, 6.0),
            flag(counts.date_at_top),
            magnitude(counts.contacts_at_top, 6),
            hundreds(counts.years, 3.0),
            (counts.words as f32 / counts.lines.max(1) as f32 / 14.0).min(1.0),
            share(counts.short_lines, counts.lines),
            share(counts.long_words, counts.words),
            (counts.words as f32 / counts.sentences.max(1) as f32 / 40.0).min(1.0),
            share(counts.capitals, counts.words),
            share(counts.labels, counts.lines),
            hundreds(counts.blanks, 4.0),
            hundreds(counts.ticks, 3.0),
            magnitude(layout.fields, 40),
            counts.columns(),
            hundreds(counts.citations, 2.0),
            hundreds(counts.captions, 1.0),
            hundreds(counts.mathematics, 4.0),
            flag(counts.machine_lines > 0),
            share(counts.designators, counts.words).sqrt(),
            share(counts.short_words, counts.words),
            magnitude(counts.leaders, 10),
            (counts.mail as f32 / 3.0).min(1.0),
            flag(counts.salutation),
            hundreds(counts.questions, 2.0),
            hundreds(counts.quotes, 2.0),
        ];
        self.values[WITH_CUES * 2..].copy_from_slice(&values);
    }
}

/// What the blocks hold.
#[derive(Default)]
struct Counts {
    words: usize,
    lines: usize,
    headings: usize,
    numbered: usize,
    list_words: usize,
    table_words: usize,
    code_words: usize,
    long_words: usize,
    numbers: usize,
    amounts: usize,
    currencies: usize,
    lines_with_amounts: usize,
    dates: usize,
    date_at_top: bool,
    contacts_at_top: usize,
    years: usize,
    short_lines: usize,
    sentences: usize,
    capitals: usize,
    labels: usize,
    blanks: usize,
    ticks: usize,
    citations: usize,
    captions: usize,
    mathematics: usize,
    machine_lines: usize,
    designators: usize,
    short_words: usize,
    leaders: usize,
    mail: usize,
    salutation: bool,
    questions: usize,
    quotes: usize,
    /// Where long lines of running text begin, with how wide they are.
    starts: Vec<(f32, f32)>,
}

impl Counts {
    fn block(&mut self, block: &Block, number: usize) {
        /// Blocks at the top, where the head of a letter or message is.
        const TOP: usize = 14;
        let patterns = &*PATTERNS;
        let text = beginning(&block.text, MOST_TEXT);
        let mut words = 0;
        for word in text.split_whitespace().filter(|word| *word != "|") {
            words += 1;
            let signs = word.chars().filter(|char| char.is_alphanumeric()).count();
            let is_number = word.bytes().any(|byte| byte.is_ascii_digit()) && !word.chars().any(char::is_alphabetic);
            self.numbers += usize::from(is_number);
            self.short_words += usize::from((1..=2).contains(&signs));
            let letters = word.chars().filter(|char| char.is_alphabetic()).count();
            self.capitals += usize::from(
                letters > 2 && word.chars().all(|char| !char.is_lowercase()) && word.chars().any(char::is_uppercase),
            );
            self.designators += usize::from(patterns.designator.is_match(word.trim_matches([',', ';', '(', ')'])));
        }
        // Scripts without spaces: two signs are about a word.
        words +=
            text.chars().filter(|char| matches!(char, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')).count() / 2;
        self.words += words;
        match block.kind {
            BlockKind::Heading(_) => self.headings += 1,
            BlockKind::ListItem => self.list_words += words,
            BlockKind::Table => self.table_words += words,
            BlockKind::Code => self.code_words += words,
            BlockKind::Paragraph | BlockKind::Furniture | BlockKind::Aside => {
                if words >= 35 {
                    self.long_words += words;
                }
            }
        }
        self.amounts += patterns.amount.find_iter(text).count();
        self.currencies += patterns.currency.find_iter(text).count();
        let dates = patterns.date.find_iter(text).count();
        self.dates += dates;
        self.years += patterns.years.find_iter(text).count();
        self.citations += patterns.citation.find_iter(text).count();
        self.captions += patterns.caption.find_iter(text).count();
        self.mathematics += patterns.mathematics.find_iter(text).count();
        self.blanks += patterns.blank.find_iter(text).count();
        self.ticks += patterns.tick.find_iter(text).count();
        self.questions += text.matches(['?', '？', '؟']).count();
        self.quotes += text.matches(['“', '”', '„', '«', '»', '「']).count() + text.matches('"').count();
        self.sentences += text.matches(['.', '!', '?', '。', '！', '？']).count();
        if number < TOP {
            self.date_at_top |= dates > 0;
            self.contacts_at_top += patterns.contact.find_iter(text).count();
        }
        for line in lines(block) {
            let text = line.text.trim();
            if text.is_empty() {
                continue;
            }
            self.lines += 1;
            let words = text.split_whitespace().filter(|word| *word != "|").count();
            self.short_lines += usize::from(words <= 3);
            self.numbered += usize::from(patterns.numbered.is_match(text));
            self.lines_with_amounts += usize::from(ends_in_amount(text));
            let label = text.find([':', '：']).is_some_and(|at| at > 1 && text[..at].split_whitespace().count() <= 4);
            self.labels += usize::from(label);
            self.leaders += usize::from(patterns.leader.is_match(text));
            self.machine_lines += usize::from(is_for_machines(text));
            if number < TOP {
                self.mail += usize::from(patterns.mail.is_match(text));
            }
            self.salutation |= words <= 14 && patterns.salutation.is_match(text);
            if let Some(left) = line.left.filter(|_| words >= 4) {
                self.starts.push((left, line.width));
            }
        }
    }

    /// The share of the lines of running text that are beside others, in columns.
    fn columns(&self) -> f32 {
        if self.starts.len() < 12 {
            return 0.0;
        }
        let mut lefts: Vec<f32> = self.starts.iter().map(|(left, _)| *left).collect();
        lefts.sort_by(f32::total_cmp);
        // Where most lines begin, and how many begin far right of it, where a line from there would have ended.
        let mut widths: Vec<f32> = self.starts.iter().map(|(_, width)| *width).collect();
        widths.sort_by(f32::total_cmp);
        let usual = widths[widths.len() * 3 / 4];
        let least = lefts[lefts.len() / 20];
        let right = lefts.iter().filter(|left| **left > least + usual * 0.95).count();
        (share(right, lefts.len()) * 2.0).min(1.0)
    }
}

/// Whether a line ends in a number with two decimals, maybe with its currency or a letter of its tax behind it.
fn ends_in_amount(line: &str) -> bool {
    let line = line.trim_end_matches(|char: char| !char.is_ascii_digit());
    let after_point = line.len().checked_sub(3).and_then(|at| line.get(at..));
    after_point.is_some_and(|end| {
        let end = end.as_bytes();
        matches!(end[0], b'.' | b',') && end[1].is_ascii_digit() && end[2].is_ascii_digit()
    }) && line.len() > 3
        && line.as_bytes()[line.len() - 4].is_ascii_digit()
}

/// A line of a passport or an identity card that machines read.
fn is_for_machines(line: &str) -> bool {
    let line: String = line.chars().filter(|char| !char.is_whitespace()).collect();
    let fill = line.matches(['<', '«', '‹']).count();
    line.len() >= 20
        && fill >= 4
        && line.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || "<«‹".contains(char))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(blocks: &[(BlockKind, &str)]) -> Document {
        Document { blocks: blocks.iter().map(|(kind, text)| Block::new(1, *kind, *text)).collect() }
    }

    fn value(features: &Features, wanted: &str) -> f32 {
        let at = (0..COUNT).find(|at| name(*at) == wanted).unwrap_or_else(|| panic!("{wanted} is a feature"));
        features.values[at]
    }

    #[test]
    fn names_are_distinct_and_features_have_words() {
        let names: std::collections::BTreeSet<String> = (0..COUNT).map(name).collect();
        assert_eq!(names.len(), COUNT);
        assert!((0..COUNT).all(|at| !words(at, true).is_empty() && words(at, true) != words(at, false)));
    }

    #[test]
    fn an_invoice_calls_itself_one() {
        let text = [
            (BlockKind::Heading(1), "Rechnung"),
            (BlockKind::Paragraph, "Rechnungsnummer: 4711\nDatum: 12.05.2019"),
            (BlockKind::Table, "Beratung | 2 | 100,00 €\nGesamtbetrag | 238,00 €"),
        ];
        let document = document(&text);
        let features = Features::of(&document, &Layout::default(), 1..=1);
        assert!((value(&features, "title-of-invoice") - 1.0).abs() < f32::EPSILON);
        assert!(value(&features, "words-of-invoice") > 0.3);
        assert!(value(&features, "lines-with-amounts") > 0.3);
        assert!((value(&features, "date-at-the-top") - 1.0).abs() < f32::EPSILON);
        let place = &features.places[&0][0];
        assert_eq!(&document.blocks[place.block].text[place.range.clone()], "Rechnung");
    }

    #[test]
    fn lines_of_a_passport_are_for_machines() {
        assert!(is_for_machines("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"));
        assert!(!is_for_machines("if a < b and c < d: print(a << 2) <<<<<<<<<<"));
        assert!(
            ends_in_amount("Total RM 12.50") && ends_in_amount("Brot 1,20 A") && !ends_in_amount("Version 1.2.34567")
        );
    }

    proptest! {
        #[test]
        fn numbers_are_between_0_and_1(text in "\\PC{0,200}", kind in 0..4_usize, pages in 1..5_u32) {
            let kind = [BlockKind::Paragraph, BlockKind::Table, BlockKind::Heading(2), BlockKind::Code][kind];
            let blocks = (1..=pages).map(|page| Block::new(page, kind, text.clone())).collect();
            let features = Features::of(&Document { blocks }, &Layout::default(), 1..=pages);
            prop_assert_eq!(features.values.len(), COUNT);
            prop_assert!(features.values.iter().all(|value| (0.0..=1.0).contains(value)), "{:?}", features.values);
        }
    }
}

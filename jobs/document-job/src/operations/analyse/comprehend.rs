//! What Amazon Comprehend finds out: names, phrases, sentiment and languages, with the places that everything else in
//! semantics.json has.
//!
//! Each request is billed as 300 characters at least, so that blocks are sent together: as many of one language as a request
//! holds. Sentiment is asked for each chunk, of which a request holds a few.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use catalog::Options as _;
use catalog::Service;
use catalog::operations::Analyse;
use contract::Failure;
use operation::Task;
use operation::ask::{self, LANGUAGES, LONGEST_FEELING, LONGEST_TEXT, NameKind};
use semantics::chunks::Chunk;
use semantics::document::{BlockKind, Document};
use semantics::language::{Languages, described};
use semantics::names::NameType;
use semantics::report::{KeyPhrase, LanguageShare, Name, Sentiment};

use super::{ChunkNumbers, MOST_ENTITIES, MOST_MENTIONS, thousandths};

/// Names and phrases of less confidence are mostly wrong.
const LEAST_CONFIDENCE: f32 = 0.5;
/// Between two blocks of a request.
const BETWEEN: &str = "\n\n";
/// Characters of a text whose language is asked for.
const FEWEST_LETTERS: usize = 20;
/// Languages of a smaller share are not named.
const LEAST_SHARE: f64 = 0.02;

/// What was asked for and found.
#[derive(Default)]
pub(super) struct Told {
    pub(super) names: Option<Vec<Name>>,
    pub(super) phrases: Option<Vec<KeyPhrase>>,
    /// That of the document, and of each chunk.
    pub(super) sentiment: Option<(Option<Sentiment>, Vec<Option<Sentiment>>)>,
    pub(super) languages: Option<Vec<LanguageShare>>,
}

/// Asks what the features need.
pub(super) fn ask(
    options: &Analyse,
    document: &Document,
    languages: &Languages,
    chunks: &[Chunk],
    places: &ChunkNumbers,
    task: &Task,
) -> Result<Told, Failure> {
    let asking = Asking { document, languages, places, task };
    let mut told = Told::default();
    for allowed in options.allowances() {
        match allowed.service {
            Service::Languages => told.languages = Some(asking.languages()?),
            Service::Names => told.names = Some(asking.names()?),
            Service::Phrases => told.phrases = Some(asking.phrases(options.max_phrases.into())?),
            Service::Sentiment => told.sentiment = Some(asking.sentiment(chunks)?),
            other => return Err(Failure::internal(format!("analyse asks nothing of {other:?}"))),
        }
    }
    Ok(told)
}

struct Asking<'a> {
    document: &'a Document,
    languages: &'a Languages,
    places: &'a ChunkNumbers,
    task: &'a Task,
}

/// Parts of blocks that are sent together.
#[derive(Default)]
struct Piece {
    text: String,
    /// Where each part begins in the text, its block, and where it begins in that.
    parts: Vec<(usize, usize, usize)>,
}

impl Piece {
    fn push(&mut self, block: usize, start: usize, text: &str) {
        if !self.text.is_empty() {
            self.text.push_str(BETWEEN);
        }
        self.parts.push((self.text.len(), block, start));
        self.text.push_str(text);
    }

    /// The block of a range of the text and its range there; nothing of what reaches from one block into another.
    fn place(&self, document: &Document, range: Range<usize>) -> Option<(usize, Range<usize>)> {
        let after = self.parts.partition_point(|(at, ..)| *at <= range.start);
        let (at, block, start) = *self.parts.get(after.checked_sub(1)?)?;
        let of_block = range.start - at + start..range.end - at + start;
        let text = &document.blocks.get(block)?.text;
        (text.get(of_block.clone())? == self.text.get(range)?).then_some((block, of_block))
    }
}

impl Asking<'_> {
    /// The text in each language that is known, in pieces that requests hold. Code is left out.
    fn pieces(&self, what: &str) -> Vec<(&'static str, Piece)> {
        let mut pieces: Vec<(&'static str, Piece)> = Vec::new();
        let mut open: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut unknown: BTreeSet<&'static str> = BTreeSet::new();
        for (number, block) in self.document.blocks.iter().enumerate() {
            let detected = self.languages.of_block(number).or(self.languages.main()).unwrap_or("en");
            if block.kind == BlockKind::Code || block.text.trim().is_empty() {
                continue;
            }
            let Some(language) = LANGUAGES.into_iter().find(|known| *known == detected) else {
                unknown.insert(detected);
                continue;
            };
            for (start, part) in parts(&block.text, LONGEST_TEXT) {
                let last = open
                    .get(language)
                    .copied()
                    .filter(|at| pieces[*at].1.text.len() + BETWEEN.len() + part.len() <= LONGEST_TEXT);
                let at = last.unwrap_or_else(|| {
                    pieces.push((language, Piece::default()));
                    open.insert(language, pieces.len() - 1);
                    pieces.len() - 1
                });
                pieces[at].1.push(number, start, part);
            }
        }
        if !unknown.is_empty() {
            let unknown: Vec<&str> = unknown.into_iter().collect();
            let known = LANGUAGES.join(", ");
            self.task.outputs.warn(format!(
                "Comprehend finds {what} in {known}; text in {} was left out (take engine=native)",
                unknown.join(", ")
            ));
        }
        pieces
    }

    fn names(&self) -> Result<Vec<Name>, Failure> {
        let mut numbers: BTreeMap<(NameType, String), usize> = BTreeMap::new();
        let mut found: Vec<Name> = Vec::new();
        for (language, piece) in self.pieces("names") {
            let question = ask::Names { text: piece.text.clone(), language: language.to_owned() };
            for name in self.task.services.ask(&question)?.names {
                let Some(kind) = kind(name.kind).filter(|_| name.confidence >= LEAST_CONFIDENCE) else { continue };
                let Some(place) = piece.place(self.document, name.start..name.end) else { continue };
                let text = piece.text[name.start..name.end].split_whitespace().collect::<Vec<_>>().join(" ");
                let key = (kind, text.to_lowercase());
                let number = numbers.get(&key).copied();
                if number.is_none() && found.len() == MOST_ENTITIES {
                    self.task.outputs.warn(format!(
                        "the document has more than {MOST_ENTITIES} different names; the others are left out"
                    ));
                    continue;
                }
                let number = number.unwrap_or_else(|| {
                    numbers.insert(key, found.len());
                    found.push(Name { kind, text, count: 0, mentions: Vec::new() });
                    found.len() - 1
                });
                found[number].count += 1;
                if found[number].mentions.len() < MOST_MENTIONS {
                    found[number].mentions.push(self.places.mention(self.document, &place));
                }
            }
        }
        Ok(found)
    }

    /// The phrases that are found most often and most surely.
    fn phrases(&self, most: usize) -> Result<Vec<KeyPhrase>, Failure> {
        struct Found {
            text: String,
            weight: f64,
            count: u64,
            first: (usize, Range<usize>),
        }
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        for (language, piece) in self.pieces("phrases") {
            let question = ask::Phrases { text: piece.text.clone(), language: language.to_owned() };
            for phrase in self.task.services.ask(&question)?.phrases {
                let Some(place) = piece.place(self.document, phrase.start..phrase.end) else { continue };
                if phrase.confidence < LEAST_CONFIDENCE {
                    continue;
                }
                let text = piece.text[phrase.start..phrase.end].split_whitespace().collect::<Vec<_>>().join(" ");
                let known =
                    found.entry(text.to_lowercase()).or_insert(Found { text, weight: 0.0, count: 0, first: place });
                known.weight += f64::from(phrase.confidence);
                known.count += 1;
            }
        }
        let mut found: Vec<Found> = found.into_values().collect();
        found.sort_by(|one, other| other.weight.total_cmp(&one.weight).then(one.first.0.cmp(&other.first.0)));
        found.truncate(most);
        let heaviest = found.first().map_or(1.0, |first| first.weight);
        let phrase = |found: Found| KeyPhrase {
            score: thousandths(found.weight / heaviest),
            count: found.count,
            first: self.places.mention(self.document, &found.first),
            text: found.text,
        };
        Ok(found.into_iter().map(phrase).collect())
    }

    /// That of each chunk, and their mean by length.
    fn sentiment(&self, chunks: &[Chunk]) -> Result<(Option<Sentiment>, Vec<Option<Sentiment>>), Failure> {
        let mut of_chunks = Vec::with_capacity(chunks.len());
        let (mut sum, mut tokens) = (0.0, 0.0);
        for chunk in chunks {
            let language = chunk.parts.first().and_then(|(block, _)| self.languages.of_block(*block));
            let language = language.or(self.languages.main()).unwrap_or("en");
            if !LANGUAGES.contains(&language) || chunk.text.trim().is_empty() {
                self.task.outputs.warn(format!(
                    "Comprehend finds sentiment in {}; text in {language} was left out (take engine=native)",
                    LANGUAGES.join(", ")
                ));
                of_chunks.push(None);
                continue;
            }
            let (mut score, mut length) = (0.0, 0.0);
            for (_, part) in parts(&chunk.text, LONGEST_FEELING) {
                let question = ask::Sentiment { text: part.to_owned(), language: language.to_owned() };
                let felt = self.task.services.ask(&question)?;
                score += f64::from(felt.positive - felt.negative) * part.len() as f64;
                length += part.len() as f64;
            }
            let score = score / f64::max(length, 1.0);
            sum += score * chunk.tokens as f64;
            tokens += chunk.tokens as f64;
            of_chunks.push(Some(sentiment(score)));
        }
        Ok(((tokens > 0.0).then(|| sentiment(sum / tokens)), of_chunks))
    }

    /// The languages of all of the text, each request counted by its length.
    fn languages(&self) -> Result<Vec<LanguageShare>, Failure> {
        let mut pieces = vec![String::new()];
        for block in self.document.blocks.iter().filter(|block| block.kind != BlockKind::Code) {
            for (_, part) in parts(&block.text, LONGEST_TEXT) {
                if pieces.last().is_some_and(|piece| piece.len() + 1 + part.len() > LONGEST_TEXT) {
                    pieces.push(String::new());
                }
                let piece = pieces.last_mut().expect("there is one");
                piece.push_str(part);
                piece.push('\n');
            }
        }
        let letters = |text: &str| text.chars().filter(|sign| sign.is_alphabetic()).count();
        let (mut shares, mut all): (BTreeMap<String, f64>, f64) = (BTreeMap::new(), 0.0);
        for piece in pieces.iter().filter(|piece| letters(piece) >= FEWEST_LETTERS) {
            let weight = letters(piece) as f64;
            all += weight;
            for (code, sure) in self.task.services.ask(&ask::Languages { text: piece.clone() })?.languages {
                *shares.entry(code).or_default() += f64::from(sure) * weight;
            }
        }
        let text = pieces.first().map_or("", String::as_str);
        let share = |(code, weight): (String, f64)| {
            let known = described(code.split('-').next().unwrap_or_default(), text);
            let (name, script) = known.map_or((code.as_str(), "Zzzz"), |(name, script)| (name, script));
            let (name, script) = (name.to_owned(), script.to_owned());
            LanguageShare { language: code, name, script, share: thousandths(weight / all) }
        };
        let mut shares: Vec<LanguageShare> = shares.into_iter().map(share).collect();
        shares.retain(|share| share.share >= LEAST_SHARE);
        shares.sort_by(|one, other| other.share.total_cmp(&one.share).then(one.language.cmp(&other.language)));
        Ok(shares)
    }
}

/// What kinds of names here Comprehend's are; others than these it does not tell apart, and so they are not given.
fn kind(kind: NameKind) -> Option<NameType> {
    Some(match kind {
        NameKind::Person => NameType::Person,
        NameKind::Place => NameType::Place,
        NameKind::Organisation => NameType::Organisation,
        NameKind::Product => NameType::Product,
        NameKind::Event => NameType::Event,
        NameKind::Date => NameType::DateInWords,
        NameKind::Quantity => NameType::Quantity,
        NameKind::Work => NameType::Work,
        NameKind::Other => return None,
    })
}

fn sentiment(score: f64) -> Sentiment {
    Sentiment { feeling: semantics::sentiment::feeling(score as f32), score: thousandths(score) }
}

/// A text in parts of so many bytes at most, each with where it begins: cut at spaces where there are some.
fn parts(text: &str, most: usize) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let end = rest.floor_char_boundary(most);
        let end = if rest.len() <= most {
            rest.len()
        } else {
            rest[..end].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(end)
        };
        parts.push((start, &rest[..end]));
        start += end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use semantics::document::Block;

    use super::*;

    #[test]
    fn parts_are_cut_at_spaces_and_nothing_is_lost() {
        let text = "one two three äöü four";
        for most in 4..30 {
            let parts = parts(text, most);
            assert!(parts.iter().all(|(start, part)| part.len() <= most && text[*start..].starts_with(part)), "{most}");
            assert_eq!(parts.iter().map(|(_, part)| *part).collect::<String>(), text);
        }
        assert_eq!(parts(text, 9)[0], (0, "one two"));
    }

    #[test]
    fn a_place_in_a_request_is_a_place_in_its_block() {
        let blocks = ["Ada lives", "in London with Grace"].map(|text| Block::new(1, BlockKind::Paragraph, text));
        let document = Document { blocks: blocks.into() };
        let mut piece = Piece::default();
        piece.push(0, 0, "Ada lives");
        piece.push(1, 3, "London with Grace");
        let place = |name: &str| {
            let start = piece.text.find(name).unwrap();
            piece.place(&document, start..start + name.len())
        };
        assert_eq!(place("Ada"), Some((0, 0..3)));
        assert_eq!(place("Grace"), Some((1, 15..20)));
        assert_eq!(place("lives\n\nLondon"), None);
    }
}

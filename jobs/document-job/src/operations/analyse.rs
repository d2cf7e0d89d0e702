//! `analyse`: what a document is about, as semantics.json.
//!
//! ```text
//! text with places -> languages -> chunks -> embeddings -> sentiment, topics, answers to a question
//!                               -> entities, names, key phrases, summary, fingerprint
//! ```
//!
//! With `engine=comprehend`, names, phrases, sentiment and languages are asked for ([`comprehend`]).
//!
//! The text is that of `text`, in the same reading order; what the parts are and how they are found is the crate `semantics`'s to
//! say. What was not asked for is absent.

mod arrow;
mod comprehend;
mod embeddings;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::Options as _;
use catalog::operations::{Analyse, AnalyseEngine, AnalyseFeature as Feature, EmbeddingFile, Ocr};
use contract::{Failure, Properties};
use operation::{Task, Weights};
use semantics::chunks::{Chunk, chunks};
use semantics::document::{BlockKind, Document};
use semantics::embedding::{Role, cosine, unit};
use semantics::entities::{self, Context, EntityType};
use semantics::fingerprint::fingerprint;
use semantics::language::Languages;
use semantics::names::{NameType, Names};
use semantics::phrases::phrases;
use semantics::report::{
    ChunkPlace, ChunkReport, DocumentFacts, Entity, FingerprintReport, KeyPhrase, LanguageShare, Match, Mention, Name,
    Semantics, Sentiment, SummarySentence, Topic, rounded,
};
use semantics::search::{Index, fused};
use semantics::summary::summary;
use semantics::topics::{TOPICS, topics};
use semantics::words::words;
use serde_json::json;

use crate::embedder::{ENCODER, Embedder};
use crate::gathered::{Gathered, Wanted, gather};
use comprehend::Told;

/// Mentions of an entity whose places are given; all are counted.
const MOST_MENTIONS: usize = 100;
/// Different entities of a document.
const MOST_ENTITIES: usize = 50_000;
/// Phrases and such in the manifest.
const IN_PROPERTIES: usize = 10;

/// Answers to a question.
const MOST_MATCHES: usize = 20;
/// The weights of the network that finds names.
const NAMES: &str = "text-names";

/// Loads the networks of the features before the sandbox closes.
pub fn prepare(options: &Analyse, weights: &Weights) -> Result<(), Failure> {
    if options.needs_embeddings() { inference::prepare(weights, &[ENCODER]) } else { Ok(()) }
}

/// Writes `semantics.json`, and the files of embeddings that are asked for.
pub fn analyse(options: &Analyse, task: &Task) -> Result<Properties, Failure> {
    let wanted = Wanted {
        pages: options.pages.as_ref(),
        max_pages: options.max_pages,
        // Its weights are not among those of the operation.
        ocr: Ocr::Never,
        languages: &[],
        password: options.password.as_ref(),
    };
    let gathered = gather(&wanted.as_text(), task)?;
    gathered.warnings.iter().for_each(|warning| task.outputs.warn(warning));
    let report = report(options, &gathered, task)?;
    let text = serde_json::to_vec(&report)
        .map_err(|error| Failure::internal("failed to write what the document is about as JSON").because(error))?;
    task.outputs.write("semantics.json", "application/json", &text, Properties::new())?;
    task.progress.report(1.0);
    Ok(properties(&report))
}

fn report(options: &Analyse, gathered: &Gathered, task: &Task) -> Result<Semantics, Failure> {
    let wants = |feature| options.features.contains(&feature);
    let document = &gathered.document;
    let languages = Languages::of(document);
    let chunks = chunks(document, options.chunk_tokens.into());
    // Matches and vectors name chunks by their numbers.
    let gives_chunks = wants(Feature::Chunks)
        || wants(Feature::Embeddings)
        || options.query.is_some()
        || !options.embedding_files.is_empty();
    let places = ChunkNumbers::of(document, if gives_chunks { &chunks } else { &[] });
    let told = told(options, document, &languages, &chunks, &places, task)?;
    let meaning = options.needs_embeddings().then(|| Meaning::of(options, &chunks, &languages, task)).transpose()?;
    let names = (wants(Feature::Names) && told.names.is_none())
        .then(|| names_of(document, &languages, &places, task))
        .transpose()?;
    let phrases = (wants(Feature::Phrases) && told.phrases.is_none()).then(|| {
        let report = |phrase: semantics::phrases::Phrase| KeyPhrase {
            score: thousandths(phrase.score),
            count: phrase.count as u64,
            first: places.mention(document, &phrase.first),
            text: phrase.text,
        };
        phrases(document, &languages, options.max_phrases.into()).into_iter().map(report).collect()
    });
    let summary = wants(Feature::Summary).then(|| {
        let report = |sentence: semantics::summary::Sentence| SummarySentence {
            score: thousandths(sentence.score),
            source: places.mention(document, &sentence.source),
            text: sentence.text,
        };
        summary(document, &languages, options.summary_sentences.into()).into_iter().map(report).collect()
    });
    let (sentiment, topics, matches) = meaning.as_ref().map_or((None, None, None), |meaning| {
        let sentiment = wants(Feature::Sentiment).then(|| meaning.sentiment(&chunks)).flatten();
        (sentiment, meaning.topics.clone(), meaning.matches.clone())
    });
    let (told_sentiment, felt) = told.sentiment.map_or((None, None), |(of_all, of_chunks)| (of_all, Some(of_chunks)));
    let sentiment = if felt.is_some() { told_sentiment } else { sentiment };
    let is_embedded = wants(Feature::Embeddings) || !options.embedding_files.is_empty();
    let network = is_embedded.then(|| task.weights.sha256(ENCODER).map(str::to_owned)).transpose()?;
    Ok(Semantics {
        schema_version: 1,
        document: facts(gathered),
        languages: wants(Feature::Languages).then(|| told.languages.unwrap_or_else(|| language_shares(&languages))),
        summary,
        key_phrases: told.phrases.or(phrases),
        entities: wants(Feature::Entities).then(|| entities_of(document, &languages, &places, task)),
        names: told.names.or(names),
        sentiment,
        topics,
        matches,
        embedding_network: network,
        chunks: gives_chunks.then(|| chunk_reports(options, chunks, document, &languages, meaning, felt)),
        fingerprint: wants(Feature::Fingerprint).then(|| fingerprint(document)).flatten().map(|fingerprint| {
            FingerprintReport {
                simhash: format!("{:016x}", fingerprint.simhash),
                minhash: fingerprint.minhash_text(),
                exact: fingerprint.exact,
            }
        }),
    })
}

/// What Comprehend finds out, if it is asked; nothing where this project can do it instead.
fn told(
    options: &Analyse,
    document: &Document,
    languages: &Languages,
    chunks: &[Chunk],
    places: &ChunkNumbers,
    task: &Task,
) -> Result<Told, Failure> {
    if options.allowances().is_empty() {
        return Ok(Told::default());
    }
    let told = comprehend::ask(options, document, languages, chunks, places, task);
    match told {
        Err(failure) if options.engine == AnalyseEngine::Auto => {
            task.outputs.warn(format!("Comprehend was not to be had, and everything was found out here: {failure}"));
            Ok(Told::default())
        }
        told => told,
    }
}

/// What the embeddings of the chunks say.
struct Meaning {
    of_chunks: Vec<Vec<f32>>,
    topics: Option<Vec<Topic>>,
    matches: Option<Vec<Match>>,
}

impl Meaning {
    fn of(options: &Analyse, chunks: &[Chunk], languages: &Languages, task: &Task) -> Result<Self, Failure> {
        let embedder = Embedder::new(&task.weights)?;
        let texts: Vec<String> = chunks.iter().map(Chunk::text_in_context).collect();
        let done = AtomicUsize::new(0);
        let report = || {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            task.progress.report(0.1 + 0.8 * done as f64 / texts.len() as f64);
        };
        let of_chunks = embedder.embed(&texts, Role::Passage, &report)?;
        if options.embedding_files.contains(&EmbeddingFile::Npy) {
            embeddings::write_npy(task, &of_chunks, embedder.width())?;
        }
        if options.embedding_files.contains(&EmbeddingFile::Arrow) {
            embeddings::write_arrow(task, chunks, &of_chunks, embedder.width())?;
        }
        let topics = options.features.contains(&Feature::Topics).then(|| topics_of(&embedder, chunks, &of_chunks));
        let query = options.query.as_deref();
        let language = languages.main().unwrap_or("en");
        let matches = query.map(|query| matches_of(&embedder, query, language, &texts, &of_chunks));
        Ok(Self { topics: topics.transpose()?, matches: matches.transpose()?, of_chunks })
    }

    fn of_chunk(&self, number: usize) -> Option<Sentiment> {
        let score = semantics::sentiment::score(self.of_chunks.get(number)?)?;
        Some(Sentiment { feeling: semantics::sentiment::feeling(score), score: thousandths(score.into()) })
    }

    /// The mean of the chunks by their length; none of a document without text.
    fn sentiment(&self, chunks: &[Chunk]) -> Option<Sentiment> {
        let (mut sum, mut tokens) = (0.0, 0.0);
        for (chunk, embedding) in chunks.iter().zip(&self.of_chunks) {
            sum += f64::from(semantics::sentiment::score(embedding)?) * chunk.tokens as f64;
            tokens += chunk.tokens as f64;
        }
        let score = (tokens > 0.0).then(|| sum / tokens)?;
        Some(Sentiment { feeling: semantics::sentiment::feeling(score as f32), score: thousandths(score) })
    }
}

fn topics_of(embedder: &Embedder, chunks: &[Chunk], of_chunks: &[Vec<f32>]) -> Result<Vec<Topic>, Failure> {
    if chunks.is_empty() {
        return Ok(Vec::new());
    }
    let mut whole = vec![0.0; embedder.width()];
    for (chunk, embedding) in chunks.iter().zip(of_chunks) {
        whole.iter_mut().zip(embedding).for_each(|(sum, number)| *sum += number * chunk.tokens as f32);
    }
    let descriptions = TOPICS.map(|(_, description)| description);
    let of_topics = embedder.embed(&descriptions, Role::Passage, &|| ())?;
    let topic = |(name, lead): (&str, f32)| Topic { name: name.to_owned(), lead: thousandths(lead.into()) };
    Ok(topics(&unit(whole), &of_topics).into_iter().map(topic).collect())
}

fn matches_of(
    embedder: &Embedder,
    query: &str,
    language: &str,
    texts: &[String],
    of_chunks: &[Vec<f32>],
) -> Result<Vec<Match>, Failure> {
    let asked = embedder.embed(&[query], Role::Query, &|| ())?;
    let words = Index::of(texts, language).scores(query);
    let cosines: Vec<f64> =
        of_chunks.iter().map(|chunk| asked.first().map_or(0.0, |asked| f64::from(cosine(asked, chunk)))).collect();
    let scores = fused(&words, &cosines);
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other)));
    let found = |at: usize| Match {
        chunk: at as u32,
        score: thousandths(scores[at]),
        words: thousandths(words[at]),
        cosine: thousandths(cosines[at]),
    };
    Ok(order.into_iter().take(MOST_MATCHES).map(found).collect())
}

/// The names of the English blocks.
fn names_of(
    document: &Document,
    languages: &Languages,
    places: &ChunkNumbers,
    task: &Task,
) -> Result<Vec<Name>, Failure> {
    let finder = Names::read(task.weights.get(NAMES)?)?;
    let mut numbers: BTreeMap<(NameType, String), usize> = BTreeMap::new();
    let mut found: Vec<Name> = Vec::new();
    for (at, block) in document.blocks.iter().enumerate() {
        if languages.of_block(at) != Some("en") || block.kind == BlockKind::Code {
            continue;
        }
        for name in finder.find(&block.text) {
            let text = block.text[name.range.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
            let key = (name.kind, text.to_lowercase());
            let number = numbers.get(&key).copied();
            if number.is_none() && found.len() == MOST_ENTITIES {
                task.outputs.warn(format!(
                    "the document has more than {MOST_ENTITIES} different names; the others are left out"
                ));
                continue;
            }
            let number = number.unwrap_or_else(|| {
                numbers.insert(key, found.len());
                found.push(Name { kind: name.kind, text, count: 0, mentions: Vec::new() });
                found.len() - 1
            });
            let known = &mut found[number];
            known.count += 1;
            if known.mentions.len() < MOST_MENTIONS {
                known.mentions.push(places.mention(document, &(at, name.range)));
            }
        }
    }
    if languages.shares().iter().all(|share| share.code != "en") && !document.blocks.is_empty() {
        task.outputs.warn("names are only found in English text, and the document has none");
    }
    Ok(found)
}

pub(super) fn facts(gathered: &Gathered) -> DocumentFacts {
    let blocks = &gathered.document.blocks;
    let heading = || blocks.iter().find(|block| matches!(block.kind, BlockKind::Heading(_)));
    let title = gathered.metadata.title.clone().filter(|title| !title.trim().is_empty());
    let title = title.or_else(|| heading().map(|block| block.text.split_whitespace().collect::<Vec<_>>().join(" ")));
    DocumentFacts {
        title,
        pages: gathered.pages as u32,
        pages_read: gathered.pages_read as u32,
        words: blocks.iter().map(|block| words(&block.text).count() as u64).sum(),
        ocr_needed: gathered.ocr_needed.clone(),
    }
}

pub(super) fn language_shares(languages: &Languages) -> Vec<LanguageShare> {
    let report = |share: &semantics::language::Share| LanguageShare {
        language: share.code.to_owned(),
        name: share.name.to_owned(),
        script: share.script.to_owned(),
        share: thousandths(share.share),
    };
    languages.shares().iter().map(report).collect()
}

fn chunk_reports(
    options: &Analyse,
    chunks: Vec<Chunk>,
    document: &Document,
    languages: &Languages,
    meaning: Option<Meaning>,
    felt: Option<Vec<Option<Sentiment>>>,
) -> Vec<ChunkReport> {
    let wants = |feature| options.features.contains(&feature);
    let with_language = wants(Feature::Languages);
    let sentiment = |number: usize| {
        meaning.as_ref().filter(|_| wants(Feature::Sentiment)).and_then(|meaning| meaning.of_chunk(number))
    };
    let feelings: Vec<Option<Sentiment>> = felt.unwrap_or_else(|| (0..chunks.len()).map(sentiment).collect());
    let mut embeddings = meaning.filter(|_| wants(Feature::Embeddings)).map(|meaning| meaning.of_chunks.into_iter());
    let report = |(number, (chunk, sentiment)): (u32, (Chunk, Option<Sentiment>))| {
        let places = chunk.places(document).into_iter();
        let places = places.map(|place| ChunkPlace { page: place.page, bounds: place.bounds.map(rounded) }).collect();
        // That of most of its text.
        let mut letters: BTreeMap<&str, usize> = BTreeMap::new();
        for (block, range) in chunk.parts.iter().filter(|_| with_language) {
            if let Some(language) = languages.of_block(*block) {
                *letters.entry(language).or_default() += range.len();
            }
        }
        let language = letters.into_iter().max_by_key(|(_, count)| *count).map(|(language, _)| language.to_owned());
        ChunkReport {
            number,
            headings: chunk.headings,
            text: chunk.text,
            tokens: chunk.tokens as u32,
            language,
            places,
            sentiment,
            embedding: embeddings.as_mut().and_then(Iterator::next).map(|numbers| {
                // The network's own numbers have no more digits than these.
                numbers.into_iter().map(|number| (number * 1e6).round() / 1e6).collect()
            }),
        }
    };
    (0..).zip(chunks.into_iter().zip(feelings)).map(report).collect()
}

fn entities_of(document: &Document, languages: &Languages, places: &ChunkNumbers, task: &Task) -> Vec<Entity> {
    let date_order = entities::date_order(document.blocks.iter().map(|block| block.text.as_str()));
    let mut numbers: BTreeMap<(EntityType, String), usize> = BTreeMap::new();
    let mut found: Vec<Entity> = Vec::new();
    for (at, block) in document.blocks.iter().enumerate() {
        let context = Context { language: languages.of_block(at).or(languages.main()), date_order };
        for entity in entities::find_in(&block.text, context) {
            let key = (entity.kind, entity.value.clone());
            let number = numbers.get(&key).copied();
            if number.is_none() && found.len() == MOST_ENTITIES {
                task.outputs.warn(format!(
                    "the document names more than {MOST_ENTITIES} different things; the others are left out"
                ));
                continue;
            }
            let number = number.unwrap_or_else(|| {
                numbers.insert(key, found.len());
                found.push(Entity {
                    kind: entity.kind,
                    value: entity.value.clone(),
                    text: block.text[entity.range.clone()].to_owned(),
                    alternative: entity.alternative.clone(),
                    label: entity.label.clone(),
                    evidence: entity.evidence,
                    count: 0,
                    mentions: Vec::new(),
                });
                found.len() - 1
            });
            let known = &mut found[number];
            known.count += 1;
            known.evidence = known.evidence.min(entity.evidence);
            if known.label.is_none() {
                known.label = entity.label;
            }
            if known.mentions.len() < MOST_MENTIONS {
                known.mentions.push(places.mention(document, &(at, entity.range)));
            }
        }
    }
    found
}

/// Which chunk a part of a block is in.
struct ChunkNumbers(Vec<Vec<(usize, u32)>>);

impl ChunkNumbers {
    fn of(document: &Document, chunks: &[Chunk]) -> Self {
        let mut numbers = vec![Vec::new(); document.blocks.len()];
        for (number, chunk) in (0..).zip(chunks) {
            for (block, range) in &chunk.parts {
                numbers[*block].push((range.start, number));
            }
        }
        Self(numbers)
    }

    fn mention(&self, document: &Document, (block, range): &(usize, std::ops::Range<usize>)) -> Mention {
        let parts = &self.0[*block];
        let after = parts.partition_point(|(start, _)| *start <= range.start);
        // What begins before the first part is in it as well: only spaces are before it.
        let chunk = parts.get(after.max(1) - 1).map(|(_, number)| *number);
        Mention::of(&document.blocks[*block], range, chunk)
    }
}

/// What of it is in the manifest: enough to sort documents by.
fn properties(report: &Semantics) -> Properties {
    let mut properties = Properties::new();
    let mut insert = |name: &str, value: serde_json::Value| properties.insert(name.to_owned(), value);
    insert("pages", json!(report.document.pages));
    insert("words", json!(report.document.words));
    if let Some(title) = &report.document.title {
        insert("title", json!(title));
    }
    if !report.document.ocr_needed.is_empty() {
        insert("ocrNeeded", json!(report.document.ocr_needed));
    }
    if let Some(languages) = &report.languages {
        insert("languages", json!(languages.iter().map(|share| &share.language).collect::<Vec<_>>()));
    }
    if let Some(phrases) = &report.key_phrases {
        let texts: Vec<&String> = phrases.iter().take(IN_PROPERTIES).map(|phrase| &phrase.text).collect();
        insert("keyPhrases", json!(texts));
    }
    if let Some(entities) = &report.entities {
        insert("entities", json!(entities.len()));
    }
    if let Some(names) = &report.names {
        insert("names", json!(names.len()));
    }
    if let Some(sentiment) = &report.sentiment {
        insert("sentiment", json!(sentiment.feeling));
    }
    if let Some(topics) = &report.topics {
        insert("topics", json!(topics.iter().map(|topic| &topic.name).collect::<Vec<_>>()));
    }
    if let Some(chunks) = &report.chunks {
        insert("chunks", json!(chunks.len()));
    }
    if let Some(fingerprint) = &report.fingerprint {
        insert("simhash", json!(fingerprint.simhash));
    }
    properties
}

/// More digits would say nothing.
fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

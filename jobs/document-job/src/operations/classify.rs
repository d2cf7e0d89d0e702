//! `classify`: what kind of document a document or a picture of one is, as classification.json and classification.md.
//!
//! ```text
//! text with places (of pictures by OCR) -> features, embedding of the beginning -> type, own classes
//!                                       -> languages, topics, personal data
//!                                       -> pages -> the documents of a bundle, each with its type
//! ```
//!
//! What tells types apart is the crate `classification`'s to say.

use std::fmt::Write as _;
use std::io::{Read as _, Seek as _};
use std::ops::RangeInclusive;

use catalog::operations::{Classify, ClassifyFeature as Feature, Meaning};
use catalog::{Format, MediaKind};
use classification::bundle::{self, Page};
use classification::classes::{Classes, Example, MOST_BYTES};
use classification::document_type::DocumentType;
use classification::evidence::{evidence, order};
use classification::features::Features;
use classification::layout::{Layout, Part};
use classification::model::{Decision, Models, models};
use classification::personal::personal_data;
use classification::report::{Candidate, Classification, DecidedBy, OwnClasses, PageReport, PartReport, TypeReport};
use contract::{Failure, Properties};
use operation::{Task, Weights};
use semantics::document::{BlockKind, Document};
use semantics::embedding::Role;
use semantics::language::Languages;
use semantics::report::Topic;
use semantics::topics::{TOPICS, topics};
use serde_json::json;

use crate::embedder::{ENCODER, Embedder, VOCABULARY};
use crate::gathered::{Gathered, Wanted, gather};
use crate::operations::analyse::{facts, language_shares};
use crate::output::PartKind;
use crate::reading;

/// Bytes of the beginning that are embedded: what the network reads at once of most languages.
const EMBEDDED: usize = 1_600;
/// Documents of a bundle whose meaning is asked for; the others are decided by words and layout.
const MOST_MEANINGS: usize = 200;
/// Candidates below this are not worth naming.
const LEAST_CANDIDATE: f32 = 0.01;
/// Fewer words than these say nothing; what a page is then, its layout alone would have to tell.
const LEAST_WORDS: usize = 3;

/// Opens what the options need of networks before the sandbox closes.
pub fn prepare(options: &Classify, weights: &Weights) -> Result<(), Failure> {
    reading::prepare(&wanted(options).as_text(), weights)?;
    if asks_for_meaning(options, weights)? { inference::prepare(weights, &[ENCODER]) } else { Ok(()) }
}

/// Writes `classification.json` and `classification.md`, and `example.json` if the document is an example.
pub fn classify(options: &Classify, task: &Task) -> Result<Properties, Failure> {
    let gathered = gather(&wanted(options).as_text(), task)?;
    gathered.warnings.iter().for_each(|warning| task.outputs.warn(warning));
    let reader = Reader::new(options, &gathered, task)?;
    let report = reader.report()?;
    let text = serde_json::to_vec(&report)
        .map_err(|error| Failure::internal("failed to write what the document is as JSON").because(error))?;
    task.outputs.write("classification.json", "application/json", &text, Properties::new())?;
    task.outputs.write("classification.md", "text/markdown", markdown(&report).as_bytes(), Properties::new())?;
    if let Some(class) = &options.example_of {
        let example = serde_json::to_string(&reader.example(class))
            .map_err(|error| Failure::internal("failed to write an example as JSON").because(error))?;
        task.outputs.write("example.json", "application/json", format!("{example}\n").as_bytes(), Properties::new())?;
    }
    task.progress.report(1.0);
    Ok(properties(&report))
}

fn wanted(options: &Classify) -> Wanted<'_> {
    Wanted {
        pages: options.pages.as_ref(),
        max_pages: options.max_pages,
        ocr: options.ocr,
        languages: &options.languages,
        password: options.password.as_ref(),
    }
}

/// Whether the network is to be used: asked for, and there unless it has to be.
fn asks_for_meaning(options: &Classify, weights: &Weights) -> Result<bool, Failure> {
    if !options.may_need_meaning() {
        return Ok(false);
    }
    let is_needed = options.meaning == Meaning::Always;
    for name in [inference::LIBRARY, ENCODER, VOCABULARY] {
        if is_needed {
            weights.get(name)?;
        } else if !weights.is_installed(name)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A document with what is asked of it.
struct Reader<'a> {
    options: &'a Classify,
    task: &'a Task,
    gathered: &'a Gathered,
    layout: Layout,
    models: &'static Models,
    embedder: Option<Embedder<'a>>,
    /// SHA-256 of the network.
    network: Option<&'a str>,
    features: Features,
    /// What the beginning means.
    embedding: Option<Vec<f32>>,
}

impl<'a> Reader<'a> {
    fn new(options: &'a Classify, gathered: &'a Gathered, task: &'a Task) -> Result<Self, Failure> {
        let embedder = asks_for_meaning(options, &task.weights)?.then(|| Embedder::new(&task.weights)).transpose()?;
        let network = embedder.is_some().then(|| task.weights.sha256(ENCODER)).transpose()?;
        if embedder.is_none() && options.may_need_meaning() {
            task.outputs.warn(
                "words and layout alone decided: the network that reads the meaning of text is not installed; \
                 run scripts/weights onnxruntime text-encoder text-vocabulary",
            );
        }
        let layout = layout(gathered, task.input.format());
        let features = Features::of(&gathered.document, &layout, all(gathered));
        let mut reader =
            Self { options, task, gathered, layout, models: models(), embedder, network, features, embedding: None };
        reader.embedding = reader.embed(all(gathered))?;
        if reader.embedding.is_some() && network.is_some_and(|network| network != reader.models.network) {
            task.outputs.warn(
                "the coefficients belong to another network than the one installed; words and layout alone decided",
            );
        }
        Ok(reader)
    }

    fn wants(&self, feature: Feature) -> bool {
        self.options.features.contains(&feature)
    }

    fn report(&self) -> Result<Classification, Failure> {
        let document = &self.gathered.document;
        let languages = Languages::of(document);
        let split_or_pages = self.options.split || self.wants(Feature::Pages);
        let pages = if split_or_pages { bundle::pages(self.models, document, &self.layout) } else { Vec::new() };
        let personal = self.wants(Feature::PersonalData).then(|| personal_data(document, &languages));
        if personal.as_ref().is_some_and(|(_, there_is_more)| *there_is_more) {
            self.task.outputs.warn("the document holds more personal data than can be listed; the rest is left out");
        }
        Ok(Classification {
            schema_version: 1,
            document: facts(self.gathered),
            classification: self.wants(Feature::Type).then(|| self.type_report()),
            own_classes: self.own_classes()?,
            languages: self.wants(Feature::Languages).then(|| language_shares(&languages)),
            topics: if self.wants(Feature::Topics) { self.topics()? } else { None },
            parts: if self.options.split { Some(self.parts(&pages)?) } else { None },
            pages: self.wants(Feature::Pages).then(|| pages.iter().map(|page| self.page_report(page)).collect()),
            personal_data: personal.map(|(found, _)| found),
        })
    }

    fn example(&self, class: &str) -> Example {
        let embedding = self.network.zip(self.embedding.clone());
        Example::of(class, &self.features.values, embedding)
    }

    /// The meaning of the beginning of these pages, if there is a network and text.
    fn embed(&self, pages: RangeInclusive<u32>) -> Result<Option<Vec<f32>>, Failure> {
        let Some(embedder) = &self.embedder else { return Ok(None) };
        let text = beginning(&self.gathered.document, pages);
        if text.is_empty() {
            return Ok(None);
        }
        Ok(embedder.embed(&[text], Role::Passage, &|| ())?.pop())
    }

    /// What decides: by the meaning only if the coefficients are of the same network.
    fn decide(&self, features: &Features, embedding: Option<&Vec<f32>>) -> (Decision, DecidedBy) {
        let embedding = embedding.filter(|_| self.network == Some(self.models.network.as_str()));
        let by = if embedding.is_some() { DecidedBy::Meaning } else { DecidedBy::Layout };
        (self.models.decide(&features.values, embedding.map(Vec::as_slice)), by)
    }

    /// The type if it is likely enough and there is something to tell it by.
    fn named(&self, features: &Features, kind: usize, probability: f32) -> DocumentType {
        let is_likely = probability >= self.options.min_confidence.share() && features.words >= LEAST_WORDS;
        if is_likely { DocumentType::ALL[kind] } else { DocumentType::Unknown }
    }

    fn type_report(&self) -> TypeReport {
        let (decision, decided_by) = self.decide(&self.features, self.embedding.as_ref());
        let order = order(&decision.probabilities);
        let candidate = |kind: &usize| Candidate {
            kind: DocumentType::ALL[*kind],
            probability: thousandths(decision.probabilities[*kind]),
        };
        let is_likely = |kind: &&usize| decision.probabilities[**kind] >= LEAST_CANDIDATE;
        let model = match decided_by {
            DecidedBy::Meaning => &self.models.meaning,
            DecidedBy::Layout => &self.models.layout,
        };
        TypeReport {
            kind: self.named(&self.features, order[0], decision.probabilities[order[0]]),
            probability: thousandths(decision.probabilities[order[0]]),
            decided_by,
            candidates: order.iter().filter(is_likely).map(candidate).collect(),
            evidence: evidence(model, &self.gathered.document, &self.features, &decision),
        }
    }

    fn own_classes(&self) -> Result<Option<OwnClasses>, Failure> {
        let Some(file) = &self.options.classes else { return Ok(None) };
        let path = operation::companion_path(file)?;
        let mut bytes = Vec::new();
        let mut companion = self.task.input.companion(&path)?;
        companion.rewind()?;
        companion.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Failure::invalid_input(format!("{file} has more than {} MiB of examples", MOST_BYTES >> 20)));
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| Failure::invalid_input(format!("{file} is not a valid text in UTF-8")).because(error))?;
        let classes = Classes::read(&text, file)?;
        if self.network.is_some() && classes.are_of_another_network(self.network) {
            self.task.outputs.warn(format!(
                "examples of {file} were made without a network or with another one; they count by words and layout alone"
            ));
        }
        let embedding = self.network.zip(self.embedding.as_deref());
        Ok(Some(classes.nearest(self.models, &self.features.values, embedding)))
    }

    /// None without the network, which the warning says; empty if nothing leads.
    fn topics(&self) -> Result<Option<Vec<Topic>>, Failure> {
        let Some(embedder) = &self.embedder else { return Ok(None) };
        let Some(embedding) = &self.embedding else { return Ok(Some(Vec::new())) };
        let of_topics = embedder.embed(&TOPICS.map(|(_, description)| description), Role::Passage, &|| ())?;
        let topic = |(name, lead): (&str, f32)| Topic { name: name.to_owned(), lead: thousandths(lead) };
        Ok(Some(topics(embedding, &of_topics).into_iter().map(topic).collect()))
    }

    fn page_report(&self, page: &Page) -> PageReport {
        let kind = order(&page.probabilities)[0];
        let probability = page.probabilities[kind];
        let is_likely = !page.is_blank && probability >= self.options.min_confidence.share();
        PageReport {
            page: page.number,
            kind: if is_likely { DocumentType::ALL[kind] } else { DocumentType::Unknown },
            probability: thousandths(probability),
            begins: thousandths(page.begins),
            is_blank: page.is_blank,
        }
    }

    /// The documents of the file, each decided on by its own pages.
    fn parts(&self, pages: &[Page]) -> Result<Vec<PartReport>, Failure> {
        let document = &self.gathered.document;
        let parts = bundle::parts(pages);
        let part = |(at, (first, last)): (usize, &(u32, u32))| {
            let features = Features::of(document, &self.layout, *first..=*last);
            let embedding = if at < MOST_MEANINGS { self.embed(*first..=*last)? } else { None };
            let (decision, _) = self.decide(&features, embedding.as_ref());
            let kind = order(&decision.probabilities)[0];
            let title = document
                .blocks
                .iter()
                .find(|block| matches!(block.kind, BlockKind::Heading(_)) && (*first..=*last).contains(&block.page));
            Ok(PartReport {
                first_page: *first,
                last_page: *last,
                pages: if first == last { first.to_string() } else { format!("{first}-{last}") },
                kind: self.named(&features, kind, decision.probabilities[kind]),
                probability: thousandths(decision.probabilities[kind]),
                title: title.map(|block| block.text.split_whitespace().collect::<Vec<_>>().join(" ")),
            })
        };
        parts.iter().enumerate().map(part).collect()
    }
}

/// From the first page to the last.
fn all(gathered: &Gathered) -> RangeInclusive<u32> {
    let first = gathered.document.blocks.first().map_or(1, |block| block.page);
    let first = gathered.sizes.keys().next().map_or(first, |page| *page);
    first..=first.saturating_add(gathered.pages.max(1) as u32 - 1)
}

fn layout(gathered: &Gathered, format: Format) -> Layout {
    /// Points of the longer side of A4.
    const USUAL: f32 = 842.0;
    let part = match (gathered.part, format) {
        (_, Format::Eml) => Part::Message,
        (_, Format::Csv) | (PartKind::Sheet, _) => Part::Sheet,
        (PartKind::Slide, _) => Part::Slide,
        (PartKind::Chapter, _) => Part::Chapter,
        (PartKind::Page, _) => Part::Page,
    };
    // Pictures seldom say how large they are to be printed: only their shape counts.
    let size = |(page, (width, height)): (&u32, &(f32, f32))| {
        let scale = if format.kind() == MediaKind::Image { USUAL / width.max(*height).max(1.0) } else { 1.0 };
        (*page, (width * scale, height * scale))
    };
    let sizes = gathered.sizes.iter().map(size).collect();
    Layout { part, sizes, fields: gathered.fields, pages: gathered.pages }
}

/// The first text of these pages, without running heads.
fn beginning(document: &Document, pages: RangeInclusive<u32>) -> String {
    let from = document.blocks.partition_point(|block| block.page < *pages.start());
    let mut text = String::new();
    for block in document.blocks[from..].iter().take_while(|block| block.page <= *pages.end()) {
        if block.flows() {
            text.push_str(&block.text);
            text.push('\n');
        }
        if text.len() >= EMBEDDED {
            text.truncate(text.floor_char_boundary(EMBEDDED));
            break;
        }
    }
    text.trim().to_owned()
}

/// The summary for people.
fn markdown(report: &Classification) -> String {
    let mut text = String::new();
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let title = report.document.title.as_deref().map_or_else(|| "Classification".to_owned(), escaped);
    let _ = writeln!(text, "# {title}\n");
    if let Some(found) = &report.classification {
        let first = found.candidates.first().map_or("none", |candidate| candidate.kind.name());
        let _ = match found.kind {
            DocumentType::Unknown => {
                writeln!(text, "Type: unknown; most likely {first} ({}).\n", percent(found.probability))
            }
            kind => writeln!(text, "Type: {} ({}).\n", kind.name(), percent(found.probability)),
        };
        for evidence in &found.evidence {
            let place =
                evidence.mentions.first().map(|mention| format!(" (page {})", mention.page)).unwrap_or_default();
            let _ = writeln!(text, "- {}{place}", escaped(&evidence.text));
        }
        text.push_str(if found.evidence.is_empty() { "" } else { "\n" });
    }
    if let Some(own) = &report.own_classes {
        let _ = writeln!(text, "Own class: {}.\n", own.class.as_deref().map_or_else(|| "none".to_owned(), escaped));
    }
    if let Some(languages) = report.languages.as_ref().filter(|languages| !languages.is_empty()) {
        let names: Vec<String> = languages
            .iter()
            .map(|share| format!("{} ({}, {})", share.name, share.script, percent(share.share)))
            .collect();
        let _ = writeln!(text, "Languages: {}.\n", names.join(", "));
    }
    if let Some(topics) = report.topics.as_ref().filter(|topics| !topics.is_empty()) {
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        let _ = writeln!(text, "Topics: {}.\n", names.join("; "));
    }
    if let Some(parts) = &report.parts {
        text.push_str("| pages | type | |\n| --- | --- | --- |\n");
        for part in parts {
            let title = part.title.as_deref().map(escaped).unwrap_or_default();
            let _ =
                writeln!(text, "| {} | {} ({}) | {title} |", part.pages, part.kind.name(), percent(part.probability));
        }
        text.push('\n');
    }
    if let Some(personal) = report.personal_data.as_ref().filter(|personal| !personal.is_empty()) {
        let _ = writeln!(text, "Personal data: {} different.", personal.len());
    }
    text
}

/// A text in which nothing is a mark of Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|') {
            escaped.push('\\');
        }
        escaped.push(if char.is_control() { ' ' } else { char });
    }
    escaped
}

/// What of it is in the manifest: enough to sort documents by.
fn properties(report: &Classification) -> Properties {
    let mut properties = Properties::new();
    let mut insert = |name: &str, value: serde_json::Value| properties.insert(name.to_owned(), value);
    insert("pages", json!(report.document.pages));
    insert("words", json!(report.document.words));
    if !report.document.ocr_needed.is_empty() {
        insert("ocrNeeded", json!(report.document.ocr_needed));
    }
    if let Some(found) = &report.classification {
        insert("documentType", json!(found.kind));
        insert("probability", json!(found.probability));
    }
    if let Some(own) = &report.own_classes {
        insert("class", json!(own.class));
    }
    if let Some(languages) = &report.languages {
        insert("languages", json!(languages.iter().map(|share| &share.language).collect::<Vec<_>>()));
    }
    if let Some(topics) = &report.topics {
        insert("topics", json!(topics.iter().map(|topic| &topic.name).collect::<Vec<_>>()));
    }
    if let Some(parts) = &report.parts {
        insert(
            "parts",
            json!(parts.iter().map(|part| json!({"pages": part.pages, "documentType": part.kind})).collect::<Vec<_>>()),
        );
    }
    if let Some(personal) = &report.personal_data {
        insert("personalData", json!(personal.len()));
    }
    properties
}

/// More digits would say nothing.
fn thousandths(number: f32) -> f64 {
    (f64::from(number) * 1000.0).round() / 1000.0
}

//! Documents that are not PDF: Office files, `OpenDocument`, EPUB, HTML, Markdown, messages, tables and plain text. Their
//! text flows, so it has no places.

mod archive;
mod book;
mod cell_formats;
mod delimited;
mod drawing;
mod encoding;
mod mail;
mod markdown;
mod markup;
mod math;
mod notebook;
mod number_format;
mod numbering;
mod old_spreadsheet;
mod open_document;
mod presentation;
mod rtf;
mod spreadsheet;
pub(crate) mod symbol;
mod word;
pub(crate) mod xml;

use catalog::Format;
use catalog::operations::Text;
use contract::Failure;
use operation::Task;

use crate::document::{Metadata, OutlineItem};
use crate::flow::Flow;
use crate::output::{Ending, PartKind, Sink};
use crate::rich::Rich;
use archive::Archive;

/// A sheet, slide, chapter or the whole of a document without such parts.
#[derive(Default)]
pub(crate) struct Section {
    pub(crate) title: Option<String>,
    pub(crate) flows: Vec<Flow>,
    /// A sheet or slide that is not shown.
    pub(crate) is_hidden: bool,
}

/// What a document of any of these formats holds.
#[derive(Default)]
struct Content {
    sections: Vec<Section>,
    part: PartKind,
    metadata: Metadata,
    outline: Vec<OutlineItem>,
    attachments: Vec<String>,
    warnings: Vec<String>,
}

impl Content {
    fn of(flows: Vec<Flow>, metadata: Metadata) -> Self {
        let section = Section { flows, ..Section::default() };
        Self { sections: vec![section], metadata, ..Self::default() }
    }
}

/// Reads the text of a document that is not a PDF.
pub(crate) fn text<S: Sink>(
    options: &Text,
    task: &Task,
    sink: impl FnOnce(PartKind) -> Result<S, Failure>,
) -> Result<S::Done, Failure> {
    let data = task.input.map()?;
    let content = match task.input.format() {
        Format::Text => Content::of(paragraphs(&encoding::text(&data)), Metadata::default()),
        Format::Csv => Content::of(delimited::read(&encoding::text(&data)), Metadata::default()),
        Format::Markdown => of_page(markdown::read(&encoding::text(&data))),
        Format::Html => of_page(markup::read(&encoding::html(&data))),
        Format::Docx => docx(&data)?,
        Format::Xlsx => xlsx(&data)?,
        Format::Pptx => pptx(&data)?,
        Format::Epub => epub(&data)?,
        Format::Xls => workbook(&data, old_spreadsheet::Kind::Xls)?,
        Format::Xlsb => workbook(&data, old_spreadsheet::Kind::Xlsb)?,
        Format::Odt | Format::Ods | Format::Odp => open_document(&data, task.input.format())?,
        Format::Rtf => rtf(&data),
        Format::Eml => {
            let message = mail::read(&data)?;
            Content { attachments: message.attachments, ..Content::of(message.flows, message.metadata) }
        }
        Format::Ipynb => {
            let notebook = notebook::read(&encoding::text(&data))?;
            Content::of(notebook.flows, notebook.metadata)
        }
        other => return Err(Failure::internal(format!("{other:?} came to the document job"))),
    };
    write(options, task, content, sink)
}

fn of_page(page: markup::Page) -> Content {
    let metadata =
        Metadata { title: page.title.clone(), language: page.language, author: page.author, ..Metadata::default() };
    let section = Section { title: page.title, flows: page.flows, is_hidden: false };
    Content { sections: vec![section], metadata, ..Content::default() }
}

/// Word's DOCX.
fn docx(data: &[u8]) -> Result<Content, Failure> {
    let mut archive = Archive::open(data)?;
    let document = word::read(&mut archive)?;
    let metadata = archive.core_properties();
    Ok(Content {
        attachments: document.attachments,
        warnings: archive.warnings,
        ..Content::of(document.flows, metadata)
    })
}

/// PowerPoint's PPTX: a section per slide.
fn pptx(data: &[u8]) -> Result<Content, Failure> {
    let mut archive = Archive::open(data)?;
    let sections = presentation::read(&mut archive)?;
    let metadata = archive.core_properties();
    Ok(Content { sections, part: PartKind::Slide, metadata, warnings: archive.warnings, ..Content::default() })
}

/// Excel's XLSX: a section per sheet.
fn xlsx(data: &[u8]) -> Result<Content, Failure> {
    let mut archive = Archive::open(data)?;
    let sections = spreadsheet::read(&mut archive)?;
    let metadata = archive.core_properties();
    Ok(Content { sections, part: PartKind::Sheet, metadata, warnings: archive.warnings, ..Content::default() })
}

/// EPUB: a section per chapter of the spine.
fn epub(data: &[u8]) -> Result<Content, Failure> {
    let mut archive = Archive::open(data)?;
    let book = book::read(&mut archive)?;
    Ok(Content {
        sections: book.chapters,
        part: PartKind::Chapter,
        metadata: book.metadata,
        outline: book.outline,
        warnings: archive.warnings,
        ..Content::default()
    })
}

fn workbook(data: &[u8], kind: old_spreadsheet::Kind) -> Result<Content, Failure> {
    if kind == old_spreadsheet::Kind::Xlsb {
        Archive::open(data)?.check_size()?;
    }
    let (sections, warnings) = old_spreadsheet::read(data, kind)?;
    Ok(Content { sections, part: PartKind::Sheet, warnings, ..Content::default() })
}

fn open_document(data: &[u8], format: Format) -> Result<Content, Failure> {
    let mut archive = Archive::open(data)?;
    let document = open_document::read(&mut archive)?;
    let part = match format {
        Format::Ods => PartKind::Sheet,
        Format::Odp => PartKind::Slide,
        _ => PartKind::Page,
    };
    let (sections, metadata) = (document.sections, document.metadata);
    Ok(Content { sections, part, metadata, warnings: archive.warnings, ..Content::default() })
}

fn rtf(data: &[u8]) -> Content {
    let text = rtf::read(data);
    let mut content = Content::of(text.flows, text.metadata);
    if text.is_cut {
        content.warnings.push("the RTF is cut off: it ends within a group".to_owned());
    }
    content
}

fn write<S: Sink>(
    options: &Text,
    task: &Task,
    content: Content,
    sink: impl FnOnce(PartKind) -> Result<S, Failure>,
) -> Result<S::Done, Failure> {
    let total = content.sections.len();
    let wanted: Vec<(usize, Section)> = (1..)
        .zip(content.sections)
        .filter(|(number, _)| options.pages.as_ref().is_none_or(|ranges| ranges.contains(*number as u32)))
        .take(options.max_pages as usize)
        .collect();
    if wanted.is_empty() && total > 0 {
        return Err(Failure::invalid_request(format!(
            "none of the pages asked for exists; the document has {total} {}",
            content.part.plural()
        )));
    }
    let mut output = sink(content.part)?;
    let mut warnings = content.warnings;
    let hidden = wanted.iter().filter(|(_, section)| section.is_hidden).count();
    if hidden > 0 {
        warnings.push(format!(
            "{hidden} {} are hidden in the document; their text is given and marked",
            content.part.plural()
        ));
    }
    for (done, (number, section)) in wanted.iter().enumerate() {
        output.section(*number, section)?;
        task.progress.report((done + 1) as f64 / wanted.len() as f64);
    }
    output.finish(&Ending {
        metadata: content.metadata,
        outline: content.outline,
        attachments: content.attachments,
        total,
        warnings,
        ..Ending::default()
    })
}

/// Plain text: blocks between empty lines.
fn paragraphs(text: &str) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut block: Vec<&str> = Vec::new();
    for line in text.split(['\n', '\u{C}']).chain([""]) {
        if !line.trim().is_empty() {
            block.push(line.trim_end());
        } else if !block.is_empty() {
            flows.push(Flow::Lines { text: block.join("\n") });
            block.clear();
        }
    }
    flows
}

/// The text of flows in the room of one cell or note: a line each, the cells of a table within it parted by bars.
fn rich_text(flows: Vec<Flow>) -> Rich {
    let mut text = Rich::default();
    for flow in flows {
        let part = match flow {
            Flow::ListItem { marker: Some(marker), text, .. } => text.with_prefix(&format!("{marker} ")),
            Flow::Heading { text, .. }
            | Flow::Paragraph { text }
            | Flow::ListItem { text, .. }
            | Flow::Note { text, .. }
            | Flow::Aside { text, .. } => text,
            Flow::Code { text } | Flow::Lines { text } => Rich::from(text),
            Flow::Table(table) => {
                let mut rows = Rich::default();
                for (at, row) in table.rows.into_iter().enumerate() {
                    if at > 0 {
                        rows.push_plain('\n');
                    }
                    for (at, cell) in row.into_iter().filter(|cell| !cell.is_blank()).enumerate() {
                        if at > 0 {
                            rows.push(" | ", &crate::rich::Style::default());
                        }
                        rows.append(cell);
                    }
                }
                rows
            }
        };
        if part.is_blank() {
            continue;
        }
        if !text.is_blank() {
            text.push_plain('\n');
        }
        text.append(part);
    }
    text
}

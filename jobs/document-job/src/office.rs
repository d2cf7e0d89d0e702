//! Documents that are not PDF: Office files, EPUB, HTML, Markdown and plain text. Their text flows, so it has no places.

mod archive;
mod markdown;
mod markup;
mod presentation;
mod spreadsheet;
mod word;

use archive::Archive;
use catalog::operations::Text;
use contract::{Failure, Properties};
use operation::Task;

use crate::document::Metadata;
use crate::flow::Flow;
use crate::output::{Ending, Output};

/// A sheet, slide, chapter or the whole of a document without such parts.
pub(crate) struct Section {
    pub(crate) title: Option<String>,
    pub(crate) flows: Vec<Flow>,
}

/// Plain text: blocks between empty lines.
pub(crate) fn plain(options: &Text, task: &Task) -> Result<Properties, Failure> {
    let text = decode(&task.input.map()?);
    let flows = text
        .split("\n\n")
        .map(str::trim_end)
        .filter(|block| !block.trim().is_empty())
        .map(|block| Flow::Paragraph { text: block.trim_start_matches('\n').to_owned() })
        .collect();
    write(options, task, vec![Section { title: None, flows }], Metadata::default(), Vec::new())
}

/// Markdown.
pub(crate) fn markdown(options: &Text, task: &Task) -> Result<Properties, Failure> {
    let text = decode(&task.input.map()?);
    let section = Section { title: None, flows: markdown::flows(&text) };
    write(options, task, vec![section], Metadata::default(), Vec::new())
}

/// HTML.
pub(crate) fn html(options: &Text, task: &Task) -> Result<Properties, Failure> {
    let page = markup::read(&decode_html(&task.input.map()?));
    let metadata =
        Metadata { title: page.title.clone(), language: page.language, author: page.author, ..Metadata::default() };
    write(options, task, vec![Section { title: page.title, flows: page.flows }], metadata, Vec::new())
}

/// Word's DOCX.
pub(crate) fn docx(options: &Text, task: &Task) -> Result<Properties, Failure> {
    let data = task.input.map()?;
    let mut archive = Archive::open(&data)?;
    let flows = word::read(&mut archive)?;
    let metadata = archive.core_properties();
    write(options, task, vec![Section { title: None, flows }], metadata, archive.warnings)
}

/// PowerPoint's PPTX: a section per slide.
pub(crate) fn pptx(options: &Text, task: &Task) -> Result<Properties, Failure> {
    let data = task.input.map()?;
    let mut archive = Archive::open(&data)?;
    let slides = presentation::read(&mut archive)?;
    let metadata = archive.core_properties();
    write(options, task, slides, metadata, archive.warnings)
}

/// Excel's XLSX: a section per sheet.
pub(crate) fn xlsx(options: &Text, task: &Task) -> Result<Properties, Failure> {
    let data = task.input.map()?;
    let mut archive = Archive::open(&data)?;
    archive.check_size()?;
    let metadata = archive.core_properties();
    let (sheets, warnings) = spreadsheet::read(&data)?;
    write(options, task, sheets, metadata, warnings)
}

/// EPUB: a section per chapter of the spine.
pub(crate) fn epub(options: &Text, task: &Task) -> Result<Properties, Failure> {
    let data = task.input.map()?;
    let mut archive = Archive::open(&data)?;
    let (chapters, metadata) = archive.book()?;
    write(options, task, chapters, metadata, archive.warnings)
}

fn write(
    options: &Text,
    task: &Task,
    sections: Vec<Section>,
    metadata: Metadata,
    warnings: Vec<String>,
) -> Result<Properties, Failure> {
    let total = sections.len();
    let wanted: Vec<(usize, Section)> = (1..)
        .zip(sections)
        .filter(|(number, _)| options.pages.as_ref().is_none_or(|ranges| ranges.contains(*number as u32)))
        .take(options.max_pages as usize)
        .collect();
    if wanted.is_empty() && total > 0 {
        return Err(Failure::invalid_request(format!("the document has {total} parts, and none of those asked for")));
    }
    let mut output = Output::create(options, task)?;
    for (done, (number, section)) in wanted.iter().enumerate() {
        output.section(*number, section.title.as_deref(), &section.flows)?;
        task.progress.report((done + 1) as f64 / wanted.len() as f64);
    }
    output.finish(&Ending { metadata, total, warnings, ..Ending::default() })
}

/// Text in UTF-8 or UTF-16, or in what its bytes look like.
fn decode(bytes: &[u8]) -> String {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode(bytes).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.replace("\r\n", "\n");
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(1 << 20)], true);
    let encoding = detector.guess(None, chardetng::Utf8Detection::Allow);
    encoding.decode(bytes).0.replace("\r\n", "\n")
}

/// HTML in the encoding that it declares.
fn decode_html(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let declared = head.split_once("charset=").and_then(|(_, rest)| {
        let label = rest
            .trim_start_matches(['"', '\''])
            .split(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '-' | '_'))
            .next()?;
        encoding_rs::Encoding::for_label(label.as_bytes())
    });
    match declared {
        Some(encoding) if encoding_rs::Encoding::for_bom(bytes).is_none() => encoding.decode(bytes).0.into_owned(),
        _ => decode(bytes),
    }
}

//! PDF.

mod cmap;
mod content;
mod encoding;
mod file;
mod filter;
mod font;
mod font_program;
mod layout;
mod lexer;
mod page_tree;
pub(crate) mod placed_text;
mod recent;
mod scan;
mod script;
pub(crate) mod shape;
mod structure;
pub(crate) mod tags;
mod xfa;

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::operations::{Ocr, Password, Text, TextFormat};
use content::{Resources, Shown};
use contract::{Failure, FailureKind};
use file::{File, OpenError};
use operation::Task;
use page_tree::{Leaf, Page};

use crate::output::{Ending, PartKind, Sink};
use crate::page_text::{Method, PageText};
use crate::reading::Reading;

/// Share of a page's glyphs of which it has to be known what they mean.
const MIN_CONFIDENCE: f32 = 0.5;

/// Fewer pages are done before further threads are.
const MIN_PARALLEL_PAGES: usize = 24;
const MAX_THREADS: usize = 16;
/// Pages that one thread does between two writings, on average.
const PAGES_OF_CHUNK: usize = 8;

/// Reads the text of a PDF.
pub(crate) fn text<S: Sink>(
    options: &Text,
    task: &Task,
    sink: impl FnOnce(PartKind) -> Result<S, Failure>,
) -> Result<S::Done, Failure> {
    let data = task.input.map()?;
    let file =
        File::open(&data, options.password.as_ref().map(Password::reveal)).map_err(|error| failure(&error, options))?;
    let pages = page_tree::pages(&file);
    if pages.is_empty() {
        return Err(Failure::invalid_input("the PDF has no pages: its page tree is missing or broken"));
    }
    let wanted: Vec<usize> = (0..pages.len())
        .filter(|at| options.pages.as_ref().is_none_or(|ranges| ranges.contains(*at as u32 + 1)))
        .take(options.max_pages as usize)
        .collect();
    if wanted.is_empty() {
        return Err(Failure::invalid_request(format!(
            "the document has {} pages, and none of those asked for",
            pages.len()
        )));
    }

    let mut output = sink(PartKind::Page)?;
    let numbers = structure::PageNumbers::of(&pages);
    let destinations = structure::Destinations::of(&file);
    let tree = tags::Structure::of(&file);
    let has_tagged_headings = tree.as_ref().is_some_and(|tree| tree.has_headings);
    let has_flows = options.formats.contains(&TextFormat::Markdown);
    let has_links = has_flows || options.formats.contains(&TextFormat::Json);
    let mut body_size = shape::BodySize::default();
    let mut reader = PictureReader {
        reading: Reading::of(options, task)?,
        file: &file,
        always: options.ocr == Ocr::Always,
        warnings: Vec::new(),
    };
    let mut done = 0;
    let mut write = |text: &PageText| -> Result<(), Failure> {
        let links = if has_links {
            structure::links(&file, &pages[text.number - 1].page(&file), &numbers, &destinations)
        } else {
            Vec::new()
        };
        let flows = if has_flows { shape::flows(text, &links) } else { Vec::new() };
        output.page(text, &flows, &links)?;
        done += 1;
        task.progress.report(f64::from(done) / wanted.len() as f64);
        Ok(())
    };
    // Running heads show on the pages beside a page, so that it is written two pages later.
    let mut near: VecDeque<PageText> = VecDeque::new();
    let mut next = 0;
    arrange_pages(&file, &pages, &wanted, tree.as_ref(), |arranged| {
        let mut text = reader.page(arranged)?;
        let is_tagged = has_tagged_headings && text.method == Method::Digital;
        shape::name_blocks(&mut text, &mut body_size, is_tagged);
        near.push_back(text);
        if near.len() > next + 2 {
            shape::name_furniture(near.make_contiguous(), next);
            write(&near[next])?;
            next += 1;
        }
        // Those before it are still compared.
        if next > 2 {
            near.pop_front();
            next -= 1;
        }
        Ok(())
    })?;
    while next < near.len() {
        shape::name_furniture(near.make_contiguous(), next);
        write(&near[next])?;
        next += 1;
    }
    let mut warnings = Vec::new();
    let mut fields = structure::fields(&file);
    if let Some(form) = xfa::read(&file) {
        fields.extend(form.fields);
        warnings.extend(form.is_dynamic.then(|| {
            "the PDF is a dynamic XFA form, whose pages only Adobe's readers show; the data filled into it is given as fields".to_owned()
        }));
    }
    if file.limit_was_reached() {
        warnings.push("streams of the file decode to more than any document needs and were cut".to_owned());
    }
    if file.was_repaired() {
        warnings.push("the file's table of objects is broken; it was searched for its objects instead".to_owned());
    }
    warnings.extend(reader.warnings);
    output.finish(&Ending {
        metadata: structure::metadata(&file, pages.len()),
        outline: structure::outline(&file, &numbers, &destinations),
        fields,
        attachments: structure::attachments(&file),
        total: pages.len(),
        warnings,
    })
}

/// A page as its content has it, and its pictures.
struct Arranged {
    text: PageText,
    images: Vec<scan::Image>,
}

/// Reads the pictures of pages that hold no text of their own.
struct PictureReader<'a, 'b> {
    file: &'a File<'b>,
    reading: Reading<'a>,
    always: bool,
    warnings: Vec<String>,
}

impl PictureReader<'_, '_> {
    /// The page with the text of its picture, if it is to be read and can be.
    fn page(&mut self, Arranged { text, images }: Arranged) -> Result<PageText, Failure> {
        /// Further ones say nothing new.
        const MOST_WARNINGS: usize = 20;
        let is_wanted =
            text.method == Method::OcrNeeded || (self.always && scan::covers_most(&images, (text.width, text.height)));
        if !is_wanted {
            return Ok(text);
        }
        let reader = match &self.reading {
            Reading::By(reader) => reader,
            Reading::NotAsked => return Ok(text),
            Reading::NotInstalled(reason) => {
                let warning = format!("text in pictures was not read: {reason}");
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
                return Ok(text);
            }
        };
        let picture = match scan::draw(self.file, (text.width, text.height), &images) {
            Ok(picture) => picture,
            Err(reason) => {
                if self.warnings.len() < MOST_WARNINGS {
                    self.warnings.push(format!("the picture of page {} was not read: {reason}", text.number));
                }
                return Ok(text);
            }
        };
        let read = match reader.page(&picture, text.number, (text.width, text.height)) {
            // One page that a service does not take does not take the others with it.
            Err(failure) if failure.kind() == FailureKind::InvalidInput => {
                if self.warnings.len() < MOST_WARNINGS {
                    self.warnings.push(format!("the picture of page {} was not read: {failure}", text.number));
                }
                return Ok(text);
            }
            read => read?,
        };
        // What was guessed is better than nothing.
        let is_better = !read.blocks.is_empty() || text.blocks.is_empty();
        Ok(if is_better { PageText { rotation: text.rotation, notes: text.notes, ..read } } else { text })
    }
}

/// Arranges the wanted pages, many of them on all processors, and hands them over in order.
fn arrange_pages(
    file: &File,
    pages: &[Leaf],
    wanted: &[usize],
    tree: Option<&tags::Structure>,
    mut each: impl FnMut(Arranged) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let show = |at: usize, resources: &mut Resources| {
        let cuts_before = File::cuts_of_this_thread();
        let page = pages[at].page(file);
        let mut shown = content::show_page(file, &page, resources);
        if let Some(tree) = tree {
            tree.resolve(file, &page, &mut shown);
        }
        shown.is_partial |= File::cuts_of_this_thread() > cuts_before;
        let text = PageText { notes: structure::notes(file, &page), ..arrange(&page, at + 1, &shown) };
        let images = scan::images(&shown, page.size());
        Arranged { text, images }
    };
    let threads = match wanted.len() {
        0..MIN_PARALLEL_PAGES => 1,
        _ => operation::processors().min(MAX_THREADS),
    };
    // Each thread has the fonts that it met.
    let mut resources: Vec<Resources> = (0..threads).map(|_| Resources::of(file)).collect();
    if threads == 1 {
        return wanted.iter().try_for_each(|at| each(show(*at, &mut resources[0])));
    }
    for chunk in wanted.chunks(threads * PAGES_OF_CHUNK) {
        let next = AtomicUsize::new(0);
        let arranged: Vec<OnceLock<Arranged>> = chunk.iter().map(|_| OnceLock::new()).collect();
        std::thread::scope(|scope| {
            for resources in &mut resources {
                scope.spawn(|| {
                    while let Some((at, slot)) = {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        chunk.get(place).zip(arranged.get(place))
                    } {
                        let _ = slot.set(show(*at, resources));
                    }
                });
            }
        });
        for text in arranged {
            each(text.into_inner().expect("every page of the chunk was arranged"))?;
        }
    }
    Ok(())
}

fn failure(error: &OpenError, options: &Text) -> Failure {
    Failure::invalid_input(match error {
        OpenError::NotPdf => "not a PDF file".to_owned(),
        OpenError::NoPages => {
            "the PDF is damaged beyond repair: no document catalog with pages is to be found in it".to_owned()
        }
        OpenError::Password if options.password.is_some() => {
            "the PDF is encrypted, and neither the given password nor the empty one opens it".to_owned()
        }
        OpenError::Password => "the PDF is encrypted; give its password with the option password".to_owned(),
        OpenError::Encryption(reason) => format!("the PDF is encrypted in a way that cannot be read: {reason}"),
    })
}

fn arrange(page: &Page, number: usize, shown: &Shown) -> PageText {
    let (width, height) = page.size();
    let blocks = layout::arrange(shown);
    let known = (shown.glyphs.len() - shown.guessed_glyphs.min(shown.glyphs.len())) as f32;
    let all = (shown.glyphs.len() + shown.unknown_glyphs) as f32;
    let confidence = if blocks.is_empty() { 0.0 } else { known / all };
    // Text that is mostly guessed, or mostly missing, is better read from the page's picture.
    let method = if confidence >= MIN_CONFIDENCE {
        Method::Digital
    } else if shown.has_images
        || shown.has_drawings
        || shown.unknown_glyphs > 0
        || shown.is_partial
        || !blocks.is_empty()
    {
        Method::OcrNeeded
    } else {
        Method::Empty
    };
    PageText {
        number,
        width,
        height,
        rotation: page.rotation,
        method,
        confidence,
        is_partial: shown.is_partial,
        blocks,
        notes: Vec::new(),
    }
}

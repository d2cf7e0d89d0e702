//! `recognise`: what an image shows, as recognition.json.
//!
//! A small upright copy of the picture is looked at by networks ([`labels`], [`objects`], [`faces`], [`moderation`]) and by plain
//! measurements ([`quality`]); text is read in a larger one ([`text`]). Each network runs on one thread, and networks run beside each other where there are processors for
//! them, so that the numbers are the same on any machine. What nothing was found of is an empty list; what was not looked for is
//! absent.
//!
//! With `engine=rekognition`, [`rekognition`] asks instead of the networks; quality is measured all the same.

mod annotate;
mod detection;
mod faces;
mod labels;
mod look;
mod moderation;
mod objects;
mod quality;
mod rekognition;
mod text;

use catalog::Options as _;
use catalog::operations::{Feature, Recognise, RecogniseEngine};
use contract::recognition::{ColourShare, Label, Recognition};
use contract::recognition::{ContentType, Embedding, Face, ModerationLabel, Quality, RecognitionEngine, TextLine};
use contract::{Failure, Properties};
use operation::{Task, Weights};
use pixels::decode::{self, Content, Picture, ReadOptions};
use pixels::small_copy::{SmallCopy, small_copy};

use look::Look;

/// The longer side of the copy that is looked at: no network sees more than 416 pixels of it at once.
const SIDE: u32 = 640;
/// The same where parts of the picture are looked at, too.
const SIDE_FOR_PARTS: u32 = 1280;
/// A picture longer than so many times its breadth is looked at in several parts, each about as long.
const LONG: f64 = 2.0;
/// The longest copy.
const MOST_SIDE: u32 = 4096;

/// Loads the networks of the features before the sandbox closes.
pub fn prepare(options: &Recognise, weights: &Weights) -> Result<(), Failure> {
    let names = networks(options);
    if names.is_empty() { Ok(()) } else { inference::prepare(weights, &names) }
}

/// Whether everything is found by networks.
fn is_native(options: &Recognise) -> bool {
    options.engine == RecogniseEngine::Native || options.allowances().is_empty()
}

/// The weights that the options need, without the library.
fn networks(options: &Recognise) -> Vec<&'static str> {
    options.weights().into_iter().filter(|name| *name != inference::LIBRARY).collect()
}

/// Writes `recognition.json`, and `annotated.jpg` if it is asked for.
pub fn recognise(options: &Recognise, task: &Task) -> Result<Properties, Failure> {
    let picture = open(options, task)?;
    picture.warnings.iter().for_each(|warning| task.outputs.warn(warning));
    let frames = picture.frames;
    let size = picture.orientation.turn_size(picture.size);
    let SmallCopy { raster, truncated } = small_copy(picture, side(size, options.effort))?;
    task.progress.report(0.3);
    let look = Look::new(&raster, size);
    let (found, engine) = find(options, &look, task)?;
    let recognition = Recognition {
        schema_version: 1,
        width: size.0,
        height: size.1,
        engine,
        truncated,
        labels: found.labels,
        faces: found.faces,
        text: found.text,
        moderation: found.moderation,
        content_types: found.content_types,
        colours: found.colours,
        quality: found.quality,
        embedding: found.embedding,
    };
    let text = serde_json::to_vec_pretty(&recognition)
        .map_err(|error| Failure::internal("failed to write what was recognised as JSON").because(error))?;
    task.outputs.write("recognition.json", "application/json", &text, Properties::new())?;
    if options.annotated {
        annotate::write(&look, &recognition, task)?;
    }
    task.progress.report(1.0);
    Ok(properties(&recognition, task, frames))
}

/// Opens the picture, an animation at the frame that is asked for.
fn open(options: &Recognise, task: &Task) -> Result<Picture, Failure> {
    let read = ReadOptions {
        first_frame: options.frame == 1,
        allow_truncated: options.allow_truncated,
        page: options.page,
        max_pixels: u64::from(options.max_megapixels) * 1_000_000,
    };
    let mut picture = decode::open(&task.input, &read)?;
    let missing = |frames: u32| {
        Failure::invalid_request(format!("frame={} not found: the picture has {frames} frames", options.frame))
    };
    match &mut picture.content {
        _ if options.frame > picture.frames => return Err(missing(picture.frames)),
        Content::Still(_) => {}
        Content::Animation { frames, .. } => {
            for before in 1..options.frame {
                frames.next()?.ok_or_else(|| missing(before - 1))?;
            }
        }
    }
    Ok(picture)
}

/// What was found, and by whom.
fn find(options: &Recognise, look: &Look, task: &Task) -> Result<(Found, RecognitionEngine), Failure> {
    if !is_native(options) {
        match rekognition::look_for(options, look, task) {
            Ok(found) => return Ok((found, RecognitionEngine { name: "rekognition".to_owned(), version: None })),
            Err(failure) if options.engine == RecogniseEngine::Auto => {
                task.outputs.warn(format!("Rekognition was not to be had, and the networks looked instead: {failure}"));
            }
            Err(failure) => return Err(failure),
        }
    }
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    Ok((look_for(options, look, task)?, RecognitionEngine { name: "native".to_owned(), version }))
}

/// The longer side of the copy: a long picture's parts have to be as detailed as another picture's whole.
fn side((width, height): (u32, u32), effort: u8) -> u32 {
    let usual = if effort < 3 { SIDE } else { SIDE_FOR_PARTS };
    let (long, broad) = (f64::from(width.max(height)), f64::from(width.min(height)));
    let stretch = (long / broad / LONG).max(1.0);
    (f64::from(usual) * stretch).min(f64::from(MOST_SIDE)) as u32
}

/// What was found, by feature.
#[derive(Default)]
struct Found {
    labels: Option<Vec<Label>>,
    faces: Option<Vec<Face>>,
    text: Option<Vec<TextLine>>,
    moderation: Option<Vec<ModerationLabel>>,
    content_types: Option<Vec<ContentType>>,
    colours: Option<Vec<ColourShare>>,
    quality: Option<Quality>,
    embedding: Option<Embedding>,
}

fn look_for(options: &Recognise, look: &Look, task: &Task) -> Result<Found, Failure> {
    let wants = |feature| options.features.contains(&feature);
    let weights = &task.weights;
    let of_the_whole = || -> Result<_, Failure> {
        let classes = (wants(Feature::Labels) || wants(Feature::Similar)).then(|| labels::classify(look, weights));
        let moderation = wants(Feature::Moderation).then(|| moderation::look_for(look, weights, options));
        let faces = wants(Feature::Faces).then(|| faces::look_for(look, weights, options));
        Ok((classes.transpose()?, moderation.transpose()?, faces.transpose()?))
    };
    let of_parts = || wants(Feature::Objects).then(|| objects::look_for(look, weights, options)).transpose();
    let both = wants(Feature::Objects) && options.features.len() > 1 && operation::processors() > 1;
    let (whole, parts) = if both {
        std::thread::scope(|scope| {
            let parts = scope.spawn(of_parts);
            let whole = of_the_whole();
            (whole, parts.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    } else {
        (of_the_whole(), of_parts())
    };
    let ((classes, moderation, faces), objects) = (whole?, parts?);
    let text = wants(Feature::Text).then(|| text::look_for(options, task, weights)).transpose()?;
    let mut found = Found { faces, text, moderation, ..Found::default() };
    if wants(Feature::Labels) || wants(Feature::Objects) {
        let kinds = classes.as_ref().filter(|_| wants(Feature::Labels)).map(|classes| labels::name(classes, options));
        let objects = objects.unwrap_or_default();
        found.labels = Some(labels::merge(kinds.unwrap_or_default(), objects, options));
    }
    if let Some(classes) = classes.filter(|_| wants(Feature::Similar)) {
        let network = weights.sha256(labels::NETWORK)?.to_owned();
        found.embedding = Some(Embedding { network, values: classes.embedding });
    }
    found.measure(options, look);
    Ok(found)
}

impl Found {
    /// What needs no network.
    fn measure(&mut self, options: &Recognise, look: &Look) {
        if options.features.contains(&Feature::Quality) {
            self.quality = Some(quality::measure(look));
            self.content_types = Some(quality::content_types(look));
            self.colours = Some(quality::colours(look));
        }
    }
}

/// What of it is in the manifest: enough to sort pictures by.
fn properties(recognition: &Recognition, task: &Task, frames: u32) -> Properties {
    let mut properties = Properties::new();
    properties.insert("width".to_owned(), recognition.width.into());
    properties.insert("height".to_owned(), recognition.height.into());
    properties.insert("format".to_owned(), task.input.format().name().into());
    properties.insert("frames".to_owned(), frames.into());
    if let Some(labels) = &recognition.labels {
        let names: Vec<&str> = labels.iter().take(10).map(|label| label.name.as_str()).collect();
        properties.insert("labels".to_owned(), names.into());
    }
    if let Some(faces) = &recognition.faces {
        properties.insert("faces".to_owned(), faces.len().into());
    }
    if let Some(text) = &recognition.text {
        properties.insert("words".to_owned(), text.iter().map(|line| line.words.len()).sum::<usize>().into());
    }
    if let Some(kind) = recognition.content_types.as_ref().and_then(|kinds| kinds.first()) {
        properties.insert("contentType".to_owned(), kind.name.as_str().into());
    }
    if recognition.engine.name != "native" {
        properties.insert("engine".to_owned(), recognition.engine.name.as_str().into());
    }
    if recognition.truncated {
        properties.insert("truncated".to_owned(), true.into());
    }
    properties
}

/// A number with three decimals: more would be the processor's, not the picture's.
fn rounded(number: f32) -> f32 {
    if number.is_finite() { (number * 1000.0).round() / 1000.0 } else { 0.0 }
}

//! What Amazon Rekognition sees. It is sent an upright JPEG of this project's own making, whatever the format of the picture:
//! Rekognition itself reads JPEG and PNG only, and turns only the one of them.

use catalog::Options as _;
use catalog::Service;
use catalog::operations::{Feature, Recognise};
use contract::Failure;
use contract::recognition::{Face, Label, TextLine, TextWord};
use operation::Task;
use operation::ask::{self, Jpeg};
use pixels::encode::bounded_jpeg;
use pixels::small_copy::small_copy;

use super::look::Look;
use super::{Found, rounded};

/// The longer side of what is sent; more pixels than these are not looked at more closely.
const SIDE: u32 = 4096;
/// The shorter side, which Rekognition wants at least.
const LEAST_SIDE: u32 = 80;
/// Bytes of a picture that is sent: as many as Rekognition takes in a request.
const MOST_BYTES: usize = 5_242_880;

/// Asks what the features need, each service once.
pub fn look_for(options: &Recognise, look: &Look, task: &Task) -> Result<Found, Failure> {
    let picture = Jpeg(jpeg(options, task)?);
    task.progress.report(0.4);
    let wants = |feature| options.features.contains(&feature);
    let min_confidence = options.min_confidence.share();
    let (width, height) = look.size;
    let place = Place { width: width as f32, height: height as f32 };
    let mut found = Found::default();
    for allowed in options.allowances() {
        match allowed.service {
            Service::Labels => {
                let question = ask::Labels { picture: picture.clone(), min_confidence, max: options.max };
                let labels = task.services.ask(&question)?.labels;
                found.labels = Some(self::labels(labels, options, &place));
            }
            Service::Faces => {
                let faces = task.services.ask(&ask::Faces { picture: picture.clone() })?.faces;
                let sure = faces.into_iter().filter(|face| face.confidence >= min_confidence);
                found.faces = Some(sure.take(options.max.into()).map(|face| place.face(face)).collect());
            }
            Service::Words => {
                let lines = task.services.ask(&ask::Words { picture: picture.clone(), min_confidence })?.lines;
                found.text = Some(lines.into_iter().map(|line| place.line(line)).collect());
            }
            Service::Moderation => {
                let labels = task.services.ask(&ask::Moderation { picture: picture.clone(), min_confidence })?.labels;
                let sure = labels.into_iter().filter(|label| label.confidence >= min_confidence);
                found.moderation = Some(sure.collect());
            }
            other => return Err(Failure::internal(format!("recognise asks nothing of {other:?}"))),
        }
    }
    found.measure(options, look);
    if wants(Feature::Similar) {
        task.outputs.warn("Rekognition makes no embeddings; similar was left out");
    }
    Ok(found)
}

/// Labels and objects come with one answer; who wants only the ones gets no others.
fn labels(labels: Vec<Label>, options: &Recognise, place: &Place) -> Vec<Label> {
    let wants = |feature| options.features.contains(&feature);
    let sure = |mut label: Label| {
        let least = options.min_confidence.share();
        label.instances.retain(|instance| instance.confidence >= least);
        label.instances.truncate(options.max.into());
        label.instances.iter_mut().for_each(|instance| instance.bounds = place.bounds(instance.bounds));
        if !wants(Feature::Objects) {
            label.instances.clear();
        }
        (wants(Feature::Labels) || !label.instances.is_empty()).then_some(label)
    };
    labels.into_iter().filter_map(sure).take(options.max.into()).collect()
}

fn jpeg(options: &Recognise, task: &Task) -> Result<Vec<u8>, Failure> {
    let copy = small_copy(super::open(options, task)?, SIDE)?.raster;
    let (width, height) = (copy.width, copy.height);
    if width.min(height) < LEAST_SIDE {
        return Err(Failure::invalid_input(format!(
            "Rekognition looks at pictures of {LEAST_SIDE} pixels and more to each side (of 4096 to the longer one), and this one has \
             {width} × {height}; take engine=native"
        )));
    }
    bounded_jpeg(&copy, MOST_BYTES)
}

/// From shares of the picture to its pixels.
struct Place {
    width: f32,
    height: f32,
}

impl Place {
    fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [tenths(x * self.width, self.width), tenths(y * self.height, self.height)]
    }

    fn bounds(&self, [left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
        let ([left, top], [right, bottom]) = (self.point([left, top]), self.point([right, bottom]));
        [left, top, right, bottom]
    }

    fn face(&self, face: Face) -> Face {
        let landmarks = face.landmarks.into_iter().map(|(name, point)| (name, self.point(point))).collect();
        Face { bounds: self.bounds(face.bounds), confidence: rounded(face.confidence), landmarks }
    }

    fn line(&self, line: TextLine) -> TextLine {
        let word = |word: TextWord| TextWord {
            bounds: self.bounds(word.bounds),
            corners: word.corners.map(|corner| self.point(corner)),
            confidence: rounded(word.confidence),
            ..word
        };
        TextLine {
            bounds: self.bounds(line.bounds),
            corners: line.corners.map(|corner| self.point(corner)),
            confidence: rounded(line.confidence),
            words: line.words.into_iter().map(word).collect(),
            ..line
        }
    }
}

/// With one decimal, within the picture.
fn tenths(place: f32, length: f32) -> f32 {
    if place.is_finite() { (place * 10.0).round().clamp(0.0, length * 10.0) / 10.0 } else { 0.0 }
}

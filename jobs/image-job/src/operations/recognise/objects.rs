//! Where things are: two detectors with the 80 classes of COCO, whose boxes are fused.

use catalog::operations::{Filter, Recognise};
use contract::Failure;
use contract::recognition::Instance;
use inference::Value;
use operation::Weights;
use pixels::resample::Region;

use super::detection::{Detection, area, fuse, shared, strongest};
use super::look::{Colours, Look, Order, mirrored, numbers};
use super::{LONG, rounded};

/// Names of COCO's classes in their usual order, each with the more general kinds, the nearest first.
#[rustfmt::skip]
pub static CLASSES: [(&str, &[&str]); 80] = [
    ("person", &[]), ("bicycle", &["wheeled vehicle", "vehicle"]), ("car", &["motor vehicle", "wheeled vehicle", "vehicle"]),
    ("motorcycle", &["motor vehicle", "wheeled vehicle", "vehicle"]), ("airplane", &["aircraft", "vehicle"]),
    ("bus", &["public transport", "vehicle"]), ("train", &["public transport", "vehicle"]),
    ("truck", &["motor vehicle", "wheeled vehicle", "vehicle"]), ("boat", &["vehicle"]), ("traffic light", &[]),
    ("fire hydrant", &[]), ("stop sign", &[]), ("parking meter", &[]), ("bench", &["seat", "furniture"]),
    ("bird", &["vertebrate", "animal"]), ("cat", &["feline", "carnivore", "mammal", "vertebrate", "animal"]),
    ("dog", &["canine", "carnivore", "mammal", "vertebrate", "animal"]), ("horse", &["ungulate", "mammal", "vertebrate", "animal"]),
    ("sheep", &["ungulate", "mammal", "vertebrate", "animal"]), ("cow", &["ungulate", "mammal", "vertebrate", "animal"]),
    ("elephant", &["mammal", "vertebrate", "animal"]), ("bear", &["carnivore", "mammal", "vertebrate", "animal"]),
    ("zebra", &["ungulate", "mammal", "vertebrate", "animal"]), ("giraffe", &["ungulate", "mammal", "vertebrate", "animal"]),
    ("backpack", &["bag", "container"]), ("umbrella", &[]), ("handbag", &["bag", "container"]), ("tie", &["garment", "clothing"]),
    ("suitcase", &["container"]), ("frisbee", &["sports equipment", "equipment"]), ("skis", &["sports equipment", "equipment"]),
    ("snowboard", &["sports equipment", "equipment"]), ("sports ball", &["ball", "sports equipment", "equipment"]),
    ("kite", &["toy"]), ("baseball bat", &["sports equipment", "equipment"]), ("baseball glove", &["sports equipment", "equipment"]),
    ("skateboard", &["sports equipment", "equipment"]), ("surfboard", &["sports equipment", "equipment"]),
    ("tennis racket", &["sports equipment", "equipment"]), ("bottle", &["container"]), ("wine glass", &["container"]),
    ("cup", &["container"]), ("fork", &["tableware"]), ("knife", &["tableware"]), ("spoon", &["tableware"]), ("bowl", &["container"]),
    ("banana", &["edible fruit", "food"]), ("apple", &["edible fruit", "food"]), ("sandwich", &["dish", "food"]),
    ("orange", &["edible fruit", "food"]), ("broccoli", &["vegetable", "food"]), ("carrot", &["vegetable", "food"]),
    ("hot dog", &["dish", "food"]), ("pizza", &["dish", "food"]), ("donut", &["baked goods", "food"]), ("cake", &["baked goods", "food"]),
    ("chair", &["seat", "furniture"]), ("couch", &["seat", "furniture"]), ("potted plant", &["plant"]), ("bed", &["furniture"]),
    ("dining table", &["table", "furniture"]), ("toilet", &[]), ("tv", &["electronic equipment", "equipment"]),
    ("laptop", &["computer", "electronic equipment", "equipment"]), ("mouse", &["electronic equipment", "equipment"]),
    ("remote", &["electronic equipment", "equipment"]), ("keyboard", &["electronic equipment", "equipment"]),
    ("cell phone", &["telephone", "electronic equipment", "equipment"]), ("microwave", &["kitchen appliance", "home appliance", "appliance"]),
    ("oven", &["kitchen appliance", "home appliance", "appliance"]), ("toaster", &["kitchen appliance", "home appliance", "appliance"]),
    ("sink", &[]), ("refrigerator", &["home appliance", "appliance"]), ("book", &[]), ("clock", &["timepiece"]), ("vase", &["container"]),
    ("scissors", &["tool"]), ("teddy bear", &["toy"]), ("hair drier", &["home appliance", "appliance"]), ("toothbrush", &[]),
];

/// A detector: boxes in shares of what it sees, and a score for each class.
struct Detector {
    weights: &'static str,
    side: u32,
    colours: Colours,
    /// The least score of a candidate, as its authors' own evaluation takes it.
    least: f32,
}

static DETECTORS: [Detector; 2] = [
    Detector {
        weights: "image-objects",
        side: 300,
        colours: Colours { less: [127.5; 3], over: [127.5; 3], blue_first: false },
        least: 0.02,
    },
    Detector {
        weights: "image-small-objects",
        side: 416,
        colours: Colours { less: [103.53, 116.28, 123.675], over: [57.375, 57.12, 58.395], blue_first: true },
        least: 0.05,
    },
];

/// Above this overlap two boxes of one detector are of one thing.
const SAME: f32 = 0.6;
/// Above this overlap boxes of several detectors are of one thing.
const FUSED: f32 = 0.55;
/// Boxes of one detector that go into the fusion.
const MOST: usize = 100;
/// Parts of a long picture overlap by this share of their length.
const PART_OVERLAP: f64 = 0.25;
const MOST_PARTS: u32 = 8;
/// A box that ends within this share of a part's inner edge is of something that the part shows a piece of.
const EDGE: f64 = 0.02;
/// A piece of which this share lies within something of its class is of that.
const PIECE: f32 = 0.5;

/// A class and where things of it are.
pub struct Objects {
    pub class: usize,
    pub instances: Vec<Instance>,
}

/// Finds things, by class.
pub fn look_for(look: &Look, weights: &Weights, options: &Recognise) -> Result<Vec<Objects>, Failure> {
    let parts = parts(look.copy_size(), options.effort);
    let mut found = Vec::new();
    for detector in &DETECTORS {
        let mirrors: &[bool] = if options.effort > 1 { &[false, true] } else { &[false] };
        for &mirror in mirrors {
            let (mut whole, mut pieces) = (Vec::new(), Vec::new());
            for part in &parts {
                for detection in detect(detector, look, weights, *part, mirror)? {
                    let is_piece = is_cut(&detection, *part, look.copy_size());
                    if is_piece { pieces.push(detection) } else { whole.push(detection) }
                }
            }
            found.push(with_pieces(strongest(whole, SAME, MOST), strongest(pieces, SAME, MOST)));
        }
    }
    let mut objects: Vec<Objects> = Vec::new();
    for Detection { bounds, score, class } in fuse(found, FUSED) {
        if score < options.min_confidence.share() || !score.is_finite() {
            continue;
        }
        let instance = Instance { bounds: look.box_to_picture(bounds), confidence: rounded(score) };
        match objects.iter_mut().find(|objects| objects.class == class) {
            Some(objects) if objects.instances.len() < usize::from(options.max) => objects.instances.push(instance),
            Some(_) => {}
            None => objects.push(Objects { class, instances: vec![instance] }),
        }
    }
    Ok(objects)
}

/// The whole picture, and parts: of a long one so that each is about as long as broad, for much effort its quarters.
fn parts((width, height): (u32, u32), effort: u8) -> Vec<Region> {
    let whole = Region::whole((width, height));
    let mut parts = vec![whole];
    let (long, broad) = (f64::from(width.max(height)), f64::from(width.min(height)));
    if long / broad > LONG {
        let length = broad * 1.5;
        let step = length * (1.0 - PART_OVERLAP);
        let count = (((long - length) / step).ceil() as u32 + 1).min(MOST_PARTS);
        // If there may not be as many, they are longer.
        let length = length.max(long / (f64::from(count - 1) * (1.0 - PART_OVERLAP) + 1.0));
        for at in 0..count {
            let start = (long - length) * f64::from(at) / f64::from(count - 1).max(1.0);
            parts.push(if width > height {
                Region { x: start, width: length, ..whole }
            } else {
                Region { y: start, height: length, ..whole }
            });
        }
    } else if effort > 2 {
        let (part_width, part_height) = (whole.width * 0.6, whole.height * 0.6);
        for (x, y) in [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4)] {
            parts.push(Region { x: whole.width * x, y: whole.height * y, width: part_width, height: part_height });
        }
    }
    parts
}

/// What a detector sees of a part, in pixels of the copy.
fn detect(
    detector: &Detector,
    look: &Look,
    weights: &Weights,
    part: Region,
    mirror: bool,
) -> Result<Vec<Detection>, Failure> {
    let network = inference::network(weights, detector.weights)?;
    let side = detector.side;
    let picture = look.part(part, (side, side), Filter::Bilinear)?;
    let picture = if mirror { mirrored(&picture) } else { picture };
    let side = side as usize;
    let input = Value::new(&[1, 3, side, side], numbers(&picture, &detector.colours, Order::Planes))?;
    let outputs = network.run(&[("input", &input)], &["boxes", "scores"])?;
    let (boxes, scores) = (outputs[0].numbers::<f32>()?, outputs[1].numbers::<f32>()?);
    if boxes.len() / 4 != scores.len() / CLASSES.len() {
        return Err(Failure::internal(format!(
            "the weights {} have other outputs than a detector's",
            detector.weights
        )));
    }
    let mut found = Vec::new();
    for (bounds, scores) in boxes.as_chunks::<4>().0.iter().zip(scores.chunks_exact(CLASSES.len())) {
        for (class, &score) in scores.iter().enumerate().filter(|(_, score)| **score > detector.least) {
            let [left, top, right, bottom] = bounds.map(|edge| edge.clamp(0.0, 1.0));
            let (left, right) = if mirror { (1.0 - right, 1.0 - left) } else { (left, right) };
            if left >= right || top >= bottom {
                continue;
            }
            let across = |edge: f32| part.x as f32 + edge * part.width as f32;
            let down = |edge: f32| part.y as f32 + edge * part.height as f32;
            let bounds = [across(left), down(top), across(right), down(bottom)];
            found.push(Detection { bounds, score, class });
        }
    }
    Ok(strongest(found, SAME, MOST))
}

/// Whether a box ends at an edge of a part that is not the picture's: the rest of the thing may be beyond.
fn is_cut(detection: &Detection, part: Region, (width, height): (u32, u32)) -> bool {
    let [left, top, right, bottom] = detection.bounds.map(f64::from);
    let (end_x, end_y) = (part.x + part.width, part.y + part.height);
    let (near_x, near_y) = (part.width * EDGE, part.height * EDGE);
    left < part.x + near_x && part.x > 0.0
        || top < part.y + near_y && part.y > 0.0
        || right > end_x - near_x && end_x < f64::from(width) - 0.5
        || bottom > end_y - near_y && end_y < f64::from(height) - 0.5
}

/// What was seen whole, and those pieces that are of nothing that was: a piece lies within the whole of its thing.
fn with_pieces(mut found: Vec<Detection>, pieces: Vec<Detection>) -> Vec<Detection> {
    for piece in pieces {
        let is_of = |whole: &Detection| {
            whole.class == piece.class && shared(whole.bounds, piece.bounds) > area(piece.bounds) * PIECE
        };
        if !found.iter().any(is_of) {
            found.push(piece);
        }
    }
    strongest(found, SAME, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_something_that_is_seen_whole_is_left_out() {
        let detection = |left: f32, right: f32| Detection { bounds: [left, 0.0, right, 10.0], score: 0.5, class: 3 };
        let found = with_pieces(vec![detection(0.0, 30.0)], vec![detection(20.0, 30.0), detection(60.0, 70.0)]);
        assert_eq!(found, [detection(0.0, 30.0), detection(60.0, 70.0)]);
        let part = Region { x: 10.0, y: 0.0, width: 20.0, height: 10.0 };
        assert!(is_cut(&detection(10.1, 20.0), part, (100, 10)) && is_cut(&detection(15.0, 29.9), part, (100, 10)));
        assert!(!is_cut(&detection(15.0, 20.0), part, (100, 10)), "the picture's own edges cut nothing");
    }

    #[test]
    fn a_picture_of_usual_shape_is_looked_at_once_and_a_long_one_in_parts_that_cover_it() {
        assert_eq!(parts((640, 480), 1).len(), 1);
        assert_eq!(parts((640, 480), 3).len(), 5);
        for size in [(2000, 400), (400, 2000), (4096, 1), (1, 4096), (4096, 130)] {
            let parts = parts(size, 1);
            assert!(parts.len() <= 1 + MOST_PARTS as usize, "{size:?}: {}", parts.len());
            let covered = |at: f64| {
                parts[1..].iter().any(|part| {
                    if size.0 > size.1 {
                        part.x <= at && at <= part.x + part.width + 1e-6
                    } else {
                        part.y <= at && at <= part.y + part.height + 1e-6
                    }
                })
            };
            let long = size.0.max(size.1);
            assert!((0..=long).all(|at| covered(f64::from(at))), "{size:?}: {parts:?}");
            for part in &parts {
                let end = (part.x + part.width, part.y + part.height);
                assert!(end.0 <= f64::from(size.0) + 1e-6 && end.1 <= f64::from(size.1) + 1e-6, "{size:?}: {part:?}");
            }
        }
    }

    #[test]
    fn classes_are_named_once() {
        let names: std::collections::BTreeSet<&str> = CLASSES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), 80);
    }
}

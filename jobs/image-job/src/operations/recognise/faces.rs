//! Where faces are: the three networks of MTCNN (Zhang, Zhang, Li and Qiao, Joint Face Detection and Alignment using Multi-task
//! Cascaded Convolutional Networks, 2016), with the thresholds of its authors. The first looks for what may be a face at many
//! sizes, the second and the third look closer. Boxes count as the authors' do: edges are pixels, counted from 1.

use std::collections::BTreeMap;

use catalog::operations::{Filter, Recognise};
use contract::Failure;
use contract::recognition::Face;
use inference::Value;
use operation::Weights;
use pixels::raster::{Raster, Samples};
use pixels::resample::{Region, Resampler};

use super::detection::{area, shared};
use super::look::{Colours, Look, Order, numbers};
use super::rounded;

/// The smallest face looked for, pixels of the copy.
const LEAST_FACE: f32 = 20.0;
/// From one size to the next.
const STEP: f32 = 0.709;
/// The first network sees squares of this side, every second pixel.
const CELL: f32 = 12.0;
const STRIDE: f32 = 2.0;
const THRESHOLDS: [f32; 3] = [0.6, 0.7, 0.7];
/// How many candidates the second network looks at: no picture of people has more, and one that is made to is not worked on
/// for ever.
const MOST_CANDIDATES: usize = 500;
const COLOURS: Colours = Colours { less: [127.5; 3], over: [128.0; 3], blue_first: false };
const LANDMARKS: [&str; 5] = ["eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"];

#[derive(Debug, Clone, Copy)]
struct Candidate {
    bounds: [f32; 4],
    score: f32,
    /// How the network would move each edge, in shares of the box.
    shift: [f32; 4],
    points: [[f32; 2]; 5],
}

/// How much two boxes are of one thing.
#[derive(Clone, Copy)]
enum Measure {
    OfBoth,
    OfTheSmaller,
}

/// Finds faces, the surest first.
pub fn look_for(look: &Look, weights: &Weights, options: &Recognise) -> Result<Vec<Face>, Failure> {
    let mut candidates = propose(look, weights)?;
    candidates.truncate(MOST_CANDIDATES);
    if !candidates.is_empty() {
        candidates = refine(look, weights, &candidates)?;
    }
    if !candidates.is_empty() {
        candidates = place(look, weights, &candidates)?;
    }
    let least = options.min_confidence.share();
    let sure = candidates.into_iter().filter(|found| found.score >= least).take(options.max.into());
    let face = |found: Candidate| {
        let [left, top, right, bottom] = found.bounds;
        let landmarks: BTreeMap<String, [f32; 2]> = LANDMARKS
            .iter()
            .zip(found.points)
            .map(|(name, point)| ((*name).to_owned(), look.to_picture(point)))
            .collect();
        Face {
            bounds: look.box_to_picture([left - 1.0, top - 1.0, right, bottom]),
            confidence: rounded(found.score),
            landmarks,
        }
    };
    Ok(sure.map(face).filter(|face| area(face.bounds) > 0.0).collect())
}

/// What may be a face, at all sizes.
fn propose(look: &Look, weights: &Weights) -> Result<Vec<Candidate>, Failure> {
    let network = inference::network(weights, "image-faces-proposals")?;
    let (width, height) = look.copy_size();
    let shorter = width.min(height) as f32;
    let mut all = Vec::new();
    let mut scale = CELL / LEAST_FACE;
    while shorter * scale >= CELL {
        let size = ((width as f32 * scale).ceil() as u32, (height as f32 * scale).ceil() as u32);
        let picture = look.part(Region::whole((width, height)), size, Filter::Bilinear)?;
        let shape = [1, size.0 as usize, size.1 as usize, 3];
        let input = Value::new(&shape, numbers(&picture, &COLOURS, Order::Columns))?;
        let outputs = network.run(&[("input_1", &input)], &["conv2d_4", "softmax"])?;
        let [_, columns, rows, _] = outputs[1].shape()[..] else {
            return Err(Failure::internal("the weights image-faces-proposals have other outputs than a map"));
        };
        let (shifts, scores) = (outputs[0].numbers::<f32>()?, outputs[1].numbers::<f32>()?);
        let mut of_size = Vec::new();
        for (at, (shift, score)) in shifts.as_chunks::<4>().0.iter().zip(scores.as_chunks::<2>().0).enumerate() {
            let score = score[1];
            if at >= columns * rows || score < THRESHOLDS[0] {
                continue;
            }
            let edge = |cell: usize, more: f32| ((STRIDE * cell as f32 + more) / scale).trunc();
            let (x, y) = (at / rows, at % rows);
            let bounds = [edge(x, 1.0), edge(y, 1.0), edge(x, CELL), edge(y, CELL)];
            of_size.push(Candidate { bounds, score, shift: *shift, points: [[0.0; 2]; 5] });
        }
        all.extend(strongest(of_size, 0.5, Measure::OfBoth));
        scale *= STEP;
    }
    let mut candidates = strongest(all, 0.7, Measure::OfBoth);
    for candidate in &mut candidates {
        let [left, top, right, bottom] = candidate.bounds;
        candidate.bounds = shifted(candidate.bounds, candidate.shift, (right - left, bottom - top));
        candidate.bounds = square(candidate.bounds);
    }
    Ok(candidates)
}

/// Leaves out most of what is none.
fn refine(look: &Look, weights: &Weights, candidates: &[Candidate]) -> Result<Vec<Candidate>, Failure> {
    let network = inference::network(weights, "image-faces-refinement")?;
    let input = crops(look, candidates, 24)?;
    let outputs = network.run(&[("input_2", &input)], &["dense_2", "softmax_1"])?;
    let (shifts, scores) = (outputs[0].numbers::<f32>()?, outputs[1].numbers::<f32>()?);
    let judged = candidates.iter().zip(shifts.as_chunks::<4>().0).zip(scores.as_chunks::<2>().0);
    let kept = judged.filter(|(_, score)| score[1] > THRESHOLDS[1]).map(|((candidate, shift), score)| Candidate {
        score: score[1],
        shift: *shift,
        ..*candidate
    });
    let mut kept = strongest(kept.collect(), 0.7, Measure::OfBoth);
    for candidate in &mut kept {
        candidate.bounds = square(shifted(candidate.bounds, candidate.shift, sides(candidate.bounds)));
    }
    Ok(kept)
}

/// Says where eyes, nose and mouth are.
fn place(look: &Look, weights: &Weights, candidates: &[Candidate]) -> Result<Vec<Candidate>, Failure> {
    let network = inference::network(weights, "image-faces-landmarks")?;
    let input = crops(look, candidates, 48)?;
    let outputs = network.run(&[("input_3", &input)], &["dense_5", "dense_6", "softmax_2"])?;
    let (shifts, points) = (outputs[0].numbers::<f32>()?, outputs[1].numbers::<f32>()?);
    let scores = outputs[2].numbers::<f32>()?.as_chunks::<2>().0;
    let judged = candidates.iter().zip(shifts.as_chunks::<4>().0).zip(points.as_chunks::<10>().0).zip(scores);
    let kept = judged.filter(|(_, score)| score[1] > THRESHOLDS[2]).map(|(((candidate, shift), points), score)| {
        let (width, height) = sides(candidate.bounds);
        let [left, top, ..] = candidate.bounds;
        let point = |at: usize| [points[at] * width + left - 1.0, points[at + 5] * height + top - 1.0];
        let bounds = shifted(candidate.bounds, *shift, (width, height));
        Candidate { bounds, score: score[1], shift: *shift, points: [0, 1, 2, 3, 4].map(point) }
    });
    Ok(strongest(kept.collect(), 0.7, Measure::OfTheSmaller))
}

/// The candidates' parts of the copy at a size; black where one leaves the copy.
fn crops(look: &Look, candidates: &[Candidate], side: u32) -> Result<Value, Failure> {
    let mut all = Vec::new();
    for candidate in candidates {
        let crop = cut(&look.raster, candidate.bounds)?;
        let whole = Region::whole((crop.width, crop.height));
        let resampler =
            Resampler::new(crop.format(), (crop.width, crop.height), whole, (side, side), Filter::Bilinear)?;
        all.extend(numbers(&resampler.run(&crop)?, &COLOURS, Order::Columns));
    }
    Value::new(&[candidates.len(), side as usize, side as usize, 3], all)
}

fn cut(copy: &Raster, bounds: [f32; 4]) -> Result<Raster, Failure> {
    let most = 2 * i64::from(copy.width.max(copy.height));
    let [left, top, right, bottom] = bounds.map(|edge| (edge as i64).clamp(-most, most));
    let (width, height) = ((right - left + 1).clamp(1, most), (bottom - top + 1).clamp(1, most));
    let mut crop = Raster::new(width as u32, height as u32, copy.format())?;
    let Samples::Eight(samples) = &mut crop.samples else {
        return Err(Failure::internal("the copy that faces are looked for in has sixteen bits"));
    };
    // Edges count from 1.
    let first = (left - 1).max(0);
    let end = (left - 1 + width).min(copy.width.into());
    if first >= end {
        return Ok(crop);
    }
    for row in 0..height {
        let y = top - 1 + row;
        if !(0..i64::from(copy.height)).contains(&y) {
            continue;
        }
        let from = (y as usize * copy.width as usize + first as usize) * 3;
        let to = (row * width + first - (left - 1)) as usize * 3;
        let length = (end - first) as usize * 3;
        samples[to..to + length].copy_from_slice(&copy.eight()[from..from + length]);
    }
    Ok(crop)
}

fn sides([left, top, right, bottom]: [f32; 4]) -> (f32, f32) {
    (right - left + 1.0, bottom - top + 1.0)
}

fn shifted(bounds: [f32; 4], shift: [f32; 4], (width, height): (f32, f32)) -> [f32; 4] {
    let by = [width, height, width, height];
    std::array::from_fn(|edge| bounds[edge] + shift[edge] * by[edge])
}

/// A square around the same middle, at whole pixels.
fn square([left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
    let (width, height) = (right - left, bottom - top);
    let side = width.max(height);
    let (left, top) = (left + (width - side) / 2.0, top + (height - side) / 2.0);
    [left.trunc(), top.trunc(), (left + side).trunc(), (top + side).trunc()]
}

/// Leaves out what is one thing with something surer.
fn strongest(mut candidates: Vec<Candidate>, most: f32, measure: Measure) -> Vec<Candidate> {
    candidates.retain(|candidate| candidate.bounds.iter().all(|edge| edge.is_finite()));
    candidates.sort_by(|one, other| {
        let place = |edge: usize| one.bounds[edge].total_cmp(&other.bounds[edge]);
        other.score.total_cmp(&one.score).then(place(1)).then(place(0))
    });
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let is_known = |known: &Candidate| {
            let (one, other) = (grown(known.bounds), grown(candidate.bounds));
            let both = shared(one, other);
            let all = match measure {
                Measure::OfBoth => area(one) + area(other) - both,
                Measure::OfTheSmaller => area(one).min(area(other)),
            };
            both > most * all
        };
        if !kept.iter().any(is_known) {
            kept.push(candidate);
        }
    }
    kept
}

/// A box with its last pixels.
fn grown([left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
    [left, top, right + 1.0, bottom + 1.0]
}

#[cfg(test)]
mod tests {
    use pixels::raster::Model;

    use super::*;

    #[test]
    fn a_part_that_leaves_the_picture_is_black_outside() {
        let samples = Samples::Eight(vec![200; 4 * 3 * 3]);
        let copy = Raster { width: 4, height: 3, model: Model::Rgb, alpha: false, samples };
        let crop = cut(&copy, [0.0, -1.0, 3.0, 2.0]).unwrap();
        assert_eq!((crop.width, crop.height), (4, 4));
        let light: Vec<bool> = crop.eight().chunks_exact(3).map(|pixel| pixel == [200; 3]).collect();
        let expected = [[false; 4], [false; 4], [false, true, true, true], [false, true, true, true]].concat();
        assert_eq!(light, expected);
        for bounds in [[900.0, 900.0, 950.0, 950.0], [f32::MAX; 4], [5.0, 5.0, 1.0, 1.0]] {
            assert!(cut(&copy, bounds).unwrap().eight().iter().all(|sample| *sample == 0 || *sample == 200));
        }
    }
}

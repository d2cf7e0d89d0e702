//! Where text is: the probability of each pixel, and rectangles around those that hang together (differentiable binarization:
//! Liao and others, Real-time Scene Text Detection, 2020).

use catalog::operations::Filter;
use contract::Failure;
use inference::Value;
use operation::Weights;
use pixels::raster::{Model, Raster};
use pixels::resample::{Region, Resampler};

use crate::geometry::Rectangle;

pub const NETWORK: &str = "ocr-detection";

/// The network takes lengths that are multiples of this.
const STEP: u32 = 32;
/// The shorter side of the copy that is looked at first. Text of ten points on a page is then some 14 pixels high.
const SIDE: f64 = 960.0;
/// What is smaller is enlarged up to this, but not more than so many times.
const LEAST_SIDE: f64 = 736.0;
const MOST_ENLARGED: f64 = 3.0;
/// Pixels that the network sees at once, across or down; its memory grows with their number.
const TILE: u32 = 1376;
const TILE_BREADTH: u32 = 960;
/// Pixels at the edges of tiles of which the neighbour says what is there.
const OVERLAP: u32 = 64;
/// Pixels of the copy, however large the picture is.
const MOST_PIXELS: f64 = 16e6;
/// If a quarter of the lines is lower than so many pixels of the copy, a larger copy is looked at.
const SMALL_TEXT: f32 = 13.0;
/// The probability from which on a pixel is text, of 255.
const THRESHOLD: u8 = 77;
/// The least mean probability of a rectangle, of 255.
const LEAST_SCORE: f32 = 0.5 * 255.0;
/// Rectangles with a shorter side than this are dirt.
const LEAST_LENGTH: f32 = 3.0;
/// The network draws text slimmer than it is. A rectangle grows by this times its area over its perimeter.
const GROWTH: f32 = 1.6;
/// Rectangles that are looked at.
const MOST_RECTANGLES: usize = 20_000;

/// Rectangles around lines or parts of them, from top to bottom.
pub fn find(picture: &Raster, weights: &Weights) -> Result<Vec<Rectangle>, Failure> {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let (short, area) = (width.min(height), width * height);
    let usual = if short < LEAST_SIDE { (LEAST_SIDE / short).min(MOST_ENLARGED) } else { (SIDE / short).min(1.0) };
    let most = (MOST_PIXELS / area).sqrt();
    let scale = usual.min(most);
    let mut found = find_at(picture, scale, weights)?;
    // Small text is looked for in more detail: where it is seen, and where nothing is, because it may be too small to be.
    let finer = (scale * 2.0).min(1.0).min(most);
    let mut heights: Vec<f32> = found.iter().map(|line| line.height * scale as f32).collect();
    heights.sort_unstable_by(f32::total_cmp);
    let is_small = heights.get(heights.len() / 4).map_or_else(|| !is_even(picture), |height| *height < SMALL_TEXT);
    if is_small && finer > scale * 1.2 {
        found = find_at(picture, finer, weights)?;
    }
    sort(&mut found);
    Ok(found)
}

/// Whether all of a picture is about as light: there is nothing on it.
fn is_even(picture: &Raster) -> bool {
    /// Difference of samples that paper and lighting make.
    const EVEN: u8 = 48;
    let samples = picture.eight();
    let least = samples.iter().min().copied().unwrap_or(0);
    samples.iter().all(|sample| sample - least <= EVEN)
}

/// From top to bottom.
pub fn sort(lines: &mut [Rectangle]) {
    let place = |line: &Rectangle, axis: usize| line.middle[axis];
    lines.sort_by(|one, other| {
        place(one, 1).total_cmp(&place(other, 1)).then(place(one, 0).total_cmp(&place(other, 0)))
    });
}

fn find_at(picture: &Raster, scale: f64, weights: &Weights) -> Result<Vec<Rectangle>, Failure> {
    let length = |length: u32| {
        let steps = (f64::from(length) * scale / f64::from(STEP)).round().max(1.0);
        steps as u32 * STEP
    };
    let source = (picture.width, picture.height);
    let size = (length(picture.width), length(picture.height));
    let copy = Resampler::new(picture.format(), source, Region::whole(source), size, Filter::Bilinear)?.run(picture)?;
    let map = probabilities(&copy, weights)?;
    let back = [picture.width as f32 / size.0 as f32, picture.height as f32 / size.1 as f32];
    Ok(rectangles(&map).into_iter().map(|rectangle| rectangle.scaled(back)).collect())
}

/// The probability of text for each pixel of a picture, of 255.
pub struct Map {
    pub width: usize,
    pub height: usize,
    pub values: Vec<u8>,
}

/// Looks at the picture in tiles.
fn probabilities(copy: &Raster, weights: &Weights) -> Result<Map, Failure> {
    let network = inference::network(weights, NETWORK)?;
    let (width, height) = (copy.width as usize, copy.height as usize);
    let mut map = Map { width, height, values: vec![0; width * height] };
    let (most_across, most_down) = if width > height { (TILE, TILE_BREADTH) } else { (TILE_BREADTH, TILE) };
    for (top, rows) in tiles(copy.height, most_down) {
        for (left, columns) in tiles(copy.width, most_across) {
            let tile = copy.cut(left, top, columns, rows);
            let input = Value::new(&[1, 3, rows as usize, columns as usize], numbers(&tile))?;
            let outputs = network.run(&[("x", &input)], &["fetch_name_0"])?;
            let values = outputs[0].numbers::<f32>()?;
            if values.len() != rows as usize * columns as usize {
                return Err(Failure::internal(format!("the network {NETWORK} gives {:?}", outputs[0].shape())));
            }
            // The middle of the overlap parts neighbours.
            let kept = |start: u32, length: u32, whole: u32| {
                let before = if start == 0 { 0 } else { OVERLAP / 2 };
                let behind = if start + length == whole { 0 } else { OVERLAP / 2 };
                before as usize..(length - behind) as usize
            };
            let across = kept(left, columns, copy.width);
            for row in kept(top, rows, copy.height) {
                let from = &values[row * columns as usize..][across.clone()];
                let to = (top as usize + row) * width + left as usize + across.start;
                for (to, from) in map.values[to..].iter_mut().zip(from) {
                    *to = (from * 255.0).round() as u8;
                }
            }
        }
    }
    Ok(map)
}

/// Starts and lengths of tiles that cover a length with overlap, each no longer than `most`.
fn tiles(length: u32, most: u32) -> Vec<(u32, u32)> {
    if length <= most {
        return vec![(0, length)];
    }
    let count = (length - OVERLAP).div_ceil(most - OVERLAP);
    let each = ((length - OVERLAP).div_ceil(count) + OVERLAP).next_multiple_of(STEP).min(most);
    let start = |at: u32| (at * (each - OVERLAP)).min(length - each);
    (0..count).map(|at| (start(at), each)).collect()
}

/// Planes of blue, green and red, -1 to 1.
fn numbers(tile: &Raster) -> Vec<f32> {
    let pixels = tile.width as usize * tile.height as usize;
    let samples = tile.eight();
    let mut numbers = vec![0.0; 3 * pixels];
    for (channel, plane) in numbers.chunks_exact_mut(pixels).enumerate() {
        let (first, step) = if tile.model == Model::Grey { (0, 1) } else { (2 - channel, 3) };
        for (to, from) in plane.iter_mut().zip(samples[first..].iter().step_by(step)) {
            *to = f32::from(*from) / 127.5 - 1.0;
        }
    }
    numbers
}

/// Rectangles around the pixels that are text and hang together.
pub fn rectangles(map: &Map) -> Vec<Rectangle> {
    // Pixels at which a mean is taken, of all rectangles together: those of a page hardly overlap.
    let mut budget = 8 * map.values.len();
    let mut found = Vec::new();
    for points in outlines(map) {
        let Some(rectangle) = Rectangle::around(&points) else { continue };
        if rectangle.height.min(rectangle.width) < LEAST_LENGTH {
            continue;
        }
        let Some(score) = mean(map, &rectangle, &mut budget) else { break };
        if score < LEAST_SCORE {
            continue;
        }
        let (width, height) = (rectangle.width, rectangle.height);
        let grown = rectangle.grown(width * height * GROWTH / (2.0 * (width + height)));
        if grown.height.min(grown.width) >= LEAST_LENGTH + 2.0 {
            found.push(grown);
        }
    }
    found
}

/// A run of text pixels in a row.
#[derive(Clone, Copy)]
struct Run {
    row: usize,
    start: usize,
    end: usize,
}

/// The ends of the runs of each group of pixels that hang together, the largest groups first.
fn outlines(map: &Map) -> Vec<Vec<[f32; 2]>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut parents: Vec<usize> = Vec::new();
    let mut before = 0..0;
    for row in 0..map.height {
        let first = runs.len();
        push_runs(map, row, &mut runs);
        parents.extend(first..runs.len());
        // Both rows are in order, so that each looks on from where the one before found its last neighbour.
        let mut above = before.start;
        for at in first..runs.len() {
            while above < before.end && runs[above].end < runs[at].start {
                above += 1;
            }
            let mut neighbour = above;
            while neighbour < before.end && runs[neighbour].start <= runs[at].end {
                join(&mut parents, neighbour, at);
                neighbour += 1;
            }
        }
        before = first..runs.len();
    }
    let mut groups: Vec<Vec<[f32; 2]>> = Vec::new();
    let mut places = vec![usize::MAX; runs.len()];
    for (at, run) in runs.iter().enumerate() {
        let root = root(&mut parents, at);
        if places[root] == usize::MAX {
            places[root] = groups.len();
            groups.push(Vec::new());
        }
        let Run { row, start, end } = *run;
        // A pixel that is text makes its right and lower neighbours text, too: lines that touch but for a pixel are one.
        let (left, right) = (start as f32, end as f32);
        let rows = [row as f32, row as f32 + 1.0];
        groups[places[root]].extend(rows.into_iter().flat_map(|row| [[left, row], [right, row]]));
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups.truncate(MOST_RECTANGLES);
    groups
}

fn push_runs(map: &Map, row: usize, runs: &mut Vec<Run>) {
    let values = &map.values[row * map.width..(row + 1) * map.width];
    let mut at = 0;
    while let Some(start) = values[at..].iter().position(|value| *value >= THRESHOLD) {
        let start = at + start;
        let length = values[start..].iter().position(|value| *value < THRESHOLD);
        let end = length.map_or(values.len(), |length| start + length);
        // One pixel apart is together.
        match runs.last_mut() {
            Some(last) if last.row == row && start <= last.end + 1 => last.end = end,
            _ => runs.push(Run { row, start, end }),
        }
        at = end;
    }
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

fn join(parents: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(parents, one), root(parents, other));
    parents[one.max(other)] = one.min(other);
}

/// The mean of the values in a rectangle; none once the budget of pixels is used up.
fn mean(map: &Map, rectangle: &Rectangle, budget: &mut usize) -> Option<f32> {
    let corners = rectangle.corners();
    let range = |axis: usize, length: usize| {
        let places = corners.map(|corner| corner[axis]);
        let least = places.into_iter().fold(f32::MAX, f32::min).floor().clamp(0.0, (length - 1) as f32);
        let most = places.into_iter().fold(f32::MIN, f32::max).ceil().clamp(0.0, (length - 1) as f32);
        (least as usize, most as usize)
    };
    let (top, bottom) = range(1, map.height);
    let (mut sum, mut count) = (0_u64, 0_usize);
    for row in top..=bottom {
        let Some((left, right)) = span(&corners, row as f32, map.width) else { continue };
        let values = &map.values[row * map.width..][left..=right];
        count += values.len();
        if count > *budget {
            return None;
        }
        sum += values.iter().map(|value| u64::from(*value)).sum::<u64>();
    }
    *budget -= count;
    Some(if count == 0 { 0.0 } else { sum as f32 / count as f32 })
}

/// The pixels of a row that lie in a convex shape.
fn span(corners: &[[f32; 2]; 4], row: f32, width: usize) -> Option<(usize, usize)> {
    let (mut left, mut right) = (f32::MAX, f32::MIN);
    for (at, from) in corners.iter().enumerate() {
        let to = corners[(at + 1) % 4];
        let (low, high) = (from[1].min(to[1]), from[1].max(to[1]));
        if row < low || row > high {
            continue;
        }
        let places = if high - low < 1e-6 {
            [from[0], to[0]]
        } else {
            [from[0] + (row - from[1]) / (to[1] - from[1]) * (to[0] - from[0]); 2]
        };
        left = left.min(places[0]).min(places[1]);
        right = right.max(places[0]).max(places[1]);
    }
    let (left, right) = (left.round().max(0.0), right.round().min(width as f32 - 1.0));
    (left <= right).then_some((left as usize, right as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(width: usize, height: usize, is_text: impl Fn(usize, usize) -> bool) -> Map {
        let values = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Map { width, height, values: values.map(|(x, y)| if is_text(x, y) { 250 } else { 0 }).collect() }
    }

    #[test]
    fn each_line_has_a_rectangle_that_is_larger_than_its_pixels() {
        let found = rectangles(&map(200, 60, |x, y| {
            (20..180).contains(&x) && ((10..18).contains(&y) || (40..48).contains(&y))
        }));
        assert_eq!(found.len(), 2, "{found:?}");
        for (rectangle, middle) in found.iter().zip([14.0, 44.0]) {
            assert!(
                (rectangle.middle[1] - middle).abs() < 0.6 && (rectangle.middle[0] - 100.0).abs() < 0.6,
                "{rectangle:?}"
            );
            // 160 × 8 grows by 160 · 8 · 1.6 / 336 on each side.
            assert!((rectangle.width - 172.2).abs() < 0.5 && (rectangle.height - 20.2).abs() < 0.5, "{rectangle:?}");
        }
    }

    #[test]
    fn slanted_lines_keep_their_slant_and_touching_pixels_one_rectangle() {
        let found = rectangles(&map(300, 100, |x, y| {
            let middle = 20.0 + x as f32 * 0.2;
            (10..290).contains(&x) && (y as f32 - middle).abs() < 5.0
        }));
        assert_eq!(found.len(), 1, "{found:?}");
        let slope = found[0].along[1] / found[0].along[0];
        assert!((slope - 0.2).abs() < 0.02, "{slope}");
    }

    #[test]
    fn dirt_is_no_text_and_nothing_has_no_rectangles() {
        assert!(rectangles(&map(50, 50, |x, y| x == 20 && y == 20)).is_empty());
        assert!(rectangles(&map(50, 50, |_, _| false)).is_empty());
        assert_eq!(rectangles(&map(64, 64, |_, _| true)).len(), 1);
    }

    #[test]
    fn tiles_cover_a_length_and_overlap() {
        for length in [32, 960, 992, 1376, 2720, 30_016] {
            for most in [TILE, TILE_BREADTH] {
                let tiles = tiles(length, most);
                assert_eq!(tiles[0].0, 0);
                assert!(
                    tiles.windows(2).all(|pair| pair[1].0 + OVERLAP <= pair[0].0 + pair[0].1),
                    "{length} {tiles:?}"
                );
                let (last, long) = tiles[tiles.len() - 1];
                assert_eq!(last + long, length);
                assert!(
                    tiles.iter().all(|(start, long)| *long <= most && long % STEP == 0 && start % STEP == 0),
                    "{tiles:?}"
                );
            }
        }
    }

    #[test]
    fn a_comb_that_overlaps_itself_ends() {
        // Runs that join late, in rows that alternate.
        let found = rectangles(&map(400, 400, |x, y| x % 3 == 0 || y == 399));
        assert!(found.len() <= 1, "{}", found.len());
    }
}

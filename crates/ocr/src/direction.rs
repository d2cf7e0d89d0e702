//! Which way up a page and its lines are.

use catalog::operations::Filter;
use contract::Failure;
use inference::Value;
use operation::Weights;
use pixels::raster::{Model, Raster};
use pixels::resample::{Region, Resampler};

use crate::geometry::Rectangle;
use crate::strip::Strip;

/// Of four, which way a page has been turned (PP-LCNet, of `PaddleOCR`).
pub const OF_PAGES: &str = "ocr-page-direction";
/// Whether a line is upside down (of `PaddleOCR`).
pub const OF_LINES: &str = "ocr-line-direction";

/// Less probable directions do not count.
const LEAST_OF_PAGES: f32 = 0.8;
const LEAST_OF_LINES: f32 = 0.9;
/// The longest lines that are asked whether a page is upside down: it has one direction, whatever a single one says.
const ASKED: usize = 7;
const LINE_HEIGHT: usize = 48;
const LINE_WIDTH: usize = 192;

/// Clockwise degrees by which a page has to be turned to be upright.
pub fn of_page(picture: &Raster, weights: &Weights) -> Result<u16, Failure> {
    /// The network was trained on the middle of pages whose shorter side is 256.
    const SIDE: u32 = 224;
    const SHARE: f64 = 224.0 / 256.0;
    const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
    let network = inference::network(weights, OF_PAGES)?;
    let source = (picture.width, picture.height);
    let (width, height) = (f64::from(source.0), f64::from(source.1));
    let side = width.min(height) * SHARE;
    let region = Region { x: (width - side) / 2.0, y: (height - side) / 2.0, width: side, height: side };
    let middle = Resampler::new(picture.format(), source, region, (SIDE, SIDE), Filter::Lanczos3)?.run(picture)?;
    let pixels = (SIDE * SIDE) as usize;
    let mut numbers = vec![0.0; 3 * pixels];
    let samples = middle.eight();
    for (channel, plane) in numbers.chunks_exact_mut(pixels).enumerate() {
        // Blue first, and the mean of red with it, as the network was trained.
        let (first, step) = if middle.model == Model::Grey { (0, 1) } else { (2 - channel, 3) };
        for (to, from) in plane.iter_mut().zip(samples[first..].iter().step_by(step)) {
            *to = (f32::from(*from) / 255.0 - MEAN[channel]) / DEVIATION[channel];
        }
    }
    let input = Value::new(&[1, 3, SIDE as usize, SIDE as usize], numbers)?;
    let outputs = network.run(&[("x", &input)], &["fetch_name_0"])?;
    let [upright, quarter, half, three_quarters] = outputs[0].numbers::<f32>()?[..] else {
        return Err(Failure::internal(format!("the network {OF_PAGES} gives {:?}", outputs[0].shape())));
    };
    // The network says by how much the page has been turned clockwise: what is missing makes it upright.
    let turned = [(0, upright), (270, quarter), (180, half), (90, three_quarters)];
    Ok(turned.into_iter().find(|(_, probability)| *probability > LEAST_OF_PAGES).map_or(0, |(degrees, _)| degrees))
}

/// Whether a page whose lines are level is upside down: most of its longest lines say so.
pub fn is_page_upside_down(picture: &Raster, lines: &[Rectangle], weights: &Weights) -> Result<bool, Failure> {
    let mut longest: Vec<&Rectangle> = lines.iter().filter(|line| is_level(line)).collect();
    longest.sort_by(|one, other| other.width.total_cmp(&one.width));
    longest.truncate(ASKED);
    let mut upside_down = 0;
    for line in &longest {
        upside_down += usize::from(is_upside_down(picture, line, weights)?);
    }
    Ok(upside_down * 2 > longest.len())
}

/// Turns those of the lines that run downwards, and are to be read upwards.
pub fn turn_lines(picture: &Raster, lines: &mut [Rectangle], weights: &Weights) -> Result<(), Failure> {
    for line in lines.iter_mut().filter(|line| !is_level(line)) {
        if is_upside_down(picture, line, weights)? {
            *line = line.turned();
        }
    }
    Ok(())
}

fn is_level(line: &Rectangle) -> bool {
    line.along[0].abs() > line.along[1].abs()
}

fn is_upside_down(picture: &Raster, line: &Rectangle, weights: &Weights) -> Result<bool, Failure> {
    let network = inference::network(weights, OF_LINES)?;
    let width = (LINE_HEIGHT as f32 * line.width / line.height.max(1.0)).ceil() as usize;
    let strip = Strip::cut(picture, line, width.clamp(1, LINE_WIDTH), LINE_HEIGHT);
    let input = Value::new(&[1, 3, LINE_HEIGHT, LINE_WIDTH], strip.numbers(0..strip.width, LINE_WIDTH))?;
    let outputs = network.run(&[("x", &input)], &["save_infer_model/scale_0.tmp_1"])?;
    let [_, upside_down] = outputs[0].numbers::<f32>()?[..] else {
        return Err(Failure::internal(format!("the network {OF_LINES} gives {:?}", outputs[0].shape())));
    };
    Ok(upside_down > LEAST_OF_LINES)
}

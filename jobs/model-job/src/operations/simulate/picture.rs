//! Pictures of what was found, drawn by `render`: a clip of a motion, a model in colours with a legend.

use std::fmt::Write as _;

use catalog::operations::Render;
use catalog::operations::image_encoding::ImageFormat;
use catalog::{Format, MediaKind, Operations};
use contract::{Failure, FailureKind, Properties};
use operation::Task;
use pixels::decode::{Content, ReadOptions, open_in_memory};
use pixels::encode::{Attachments, Output, still};
use pixels::raster::{Raster, Row, RowMut};
use scene::document::Document;
use scene::pose::duration;
use serde_json::json;

use super::rounded;
use super::surface::turbo;
use crate::operations::render::clip::{Motion, show};
use crate::operations::render::picture::{encoding, first_view, raster};
use crate::operations::render::{Moments, Studio};

/// Seconds that a clip lasts, at least and at most: what is quicker is shown slower, what is slower is shown quicker.
const SHORTEST: f64 = 2.0;
const LONGEST: f64 = 4.0;
/// Pixels of a picture.
const WIDTH: u32 = 960;
const HEIGHT: u32 = 720;
/// Pixels of the legend at the right of a picture.
const LEGEND: u32 = 220;

/// Writes `simulation.webp`: the document's first animation. `floor` is the node of the floor, at a height of 0; where it stays
/// level, a shadow stands for it, which is quicker to draw. Progress continues from `from`.
pub fn clip(mut document: Document, floor: usize, is_level: bool, task: &Task, from: f64) -> Result<(), Failure> {
    let ground = if is_level { "shadow" } else { "none" };
    let options = options(&format!(
        "render?width=320&height=240&fps=15&effort=draft&background=ffffff&ground={ground}&up=y&elevation=20"
    ));
    if is_level {
        document.nodes[floor].mesh = None;
    }
    let whole = document.animations.first().map_or(0.0, duration);
    let mut studio = Studio::of(&options, document, Moments::Many, &[floor], task)?;
    studio.floor = Some(0.0);
    let seconds = whole.clamp(SHORTEST, LONGEST);
    let speed = if whole > 0.0 { whole / seconds } else { 1.0 };
    show(&studio, &Motion { name: "simulation", whole, seconds, speed }, task, (from, 1.0))?;
    Ok(())
}

/// What colours mean.
pub struct Legend<'a> {
    /// What is shown.
    pub title: &'a str,
    /// The value of the last colour, with its unit; the first colour is 0.
    pub most: f64,
    /// The unit of `most`, to be written with a prefix.
    pub unit: &'a str,
    /// Further lines.
    pub notes: &'a [String],
}

/// Writes a picture of the document, `time` seconds into its first animation, beside a legend. Its colours are lit, so that
/// shapes are seen.
pub fn with_legend(
    mut document: Document,
    time: f64,
    legend: &Legend<'_>,
    name: &str,
    task: &Task,
) -> Result<(), Failure> {
    let text = format!(
        "render?width={}&height={HEIGHT}&effort=standard&background=ffffff&ground=none&up=y&elevation=20&time={time}",
        WIDTH - LEGEND
    );
    let options = options(&text);
    for material in &mut document.materials {
        material.remove("extensions");
    }
    let studio = Studio::of(&options, document, Moments::One, &[], task)?;
    let model = first_view(&studio, &|_| ());
    let side = drawn(&svg(legend))?;
    let mut picture = Vec::with_capacity((WIDTH * HEIGHT * 4) as usize);
    for y in 0..HEIGHT as usize {
        for (raster, width) in [(&model, WIDTH - LEGEND), (&side, LEGEND)] {
            let row = width as usize * 4;
            picture.extend_from_slice(&raster.eight()[y * row..(y + 1) * row]);
        }
    }
    let mut properties = Properties::new();
    properties.insert("from".to_owned(), json!(0.0));
    properties.insert("to".to_owned(), json!(rounded(legend.most)));
    properties.insert("unit".to_owned(), json!(legend.unit));
    properties.insert("width".to_owned(), json!(WIDTH));
    properties.insert("height".to_owned(), json!(HEIGHT));
    let output = Output::create(&task.outputs, name)?;
    let picture = raster(WIDTH, HEIGHT, picture);
    still(output.clone(), &picture, ImageFormat::Png, &encoding(90), &Attachments::default())?;
    output.finish(ImageFormat::Png.content_type(), properties)
}

/// A picture that cannot be drawn is left out with a warning: what was found stands without it.
pub fn or_warning(drawn: Result<(), Failure>, task: &Task) -> Result<(), Failure> {
    match drawn {
        Err(failure) if failure.kind() == FailureKind::InvalidInput => {
            task.outputs.warn(format!("the picture is left out: {failure}"));
            Ok(())
        }
        other => other,
    }
}

/// Options of `render` in the place of a user's.
fn options(text: &str) -> Render {
    let operations = Operations::parse_for(MediaKind::Model, text).expect("the text is right");
    operations.first().options::<Render>().expect("the text asks for a picture").clone()
}

/// A bar of colours with its numbers.
fn svg(legend: &Legend<'_>) -> String {
    const TOP: u32 = 90;
    const BAR: u32 = 480;
    const STEPS: u32 = 96;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{LEGEND}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"17\" fill=\"#222\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
         <text x=\"20\" y=\"50\" font-size=\"19\">{}</text>",
        legend.title
    );
    for step in 0..STEPS {
        let [r, g, b] = turbo(f64::from(STEPS - 1 - step) / f64::from(STEPS - 1)).map(tracer::develop::encoded);
        let (y, height) = (TOP + step * BAR / STEPS, BAR / STEPS + 1);
        let _ = write!(text, "<rect x=\"20\" y=\"{y}\" width=\"34\" height=\"{height}\" fill=\"rgb({r},{g},{b})\"/>");
    }
    for tick in 0..=4_u32 {
        let value = legend.most * f64::from(4 - tick) / 4.0;
        let y = TOP + tick * BAR / 4;
        let more = if tick == 0 { "≥ " } else { "" };
        let _ = write!(
            text,
            "<path d=\"M54 {y}h8\" stroke=\"#222\"/><text x=\"68\" y=\"{}\">{more}{}</text>",
            y + 6,
            with_prefix(value, legend.unit)
        );
    }
    for (at, note) in legend.notes.iter().enumerate() {
        let _ = write!(text, "<text x=\"20\" y=\"{}\" font-size=\"15\">{note}</text>", TOP + BAR + 50 + 24 * at as u32);
    }
    text.push_str("</svg>");
    text
}

/// A value with three digits and the prefix of its size: 12.3 `MPa`.
pub fn with_prefix(value: f64, unit: &str) -> String {
    const PREFIXES: [(f64, &str); 7] =
        [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")];
    if value == 0.0 {
        return format!("0 {unit}");
    }
    let (scale, prefix) = PREFIXES.into_iter().find(|(scale, _)| value.abs() >= *scale).unwrap_or((1e-9, "n"));
    format!("{} {prefix}{unit}", digits(value / scale))
}

/// A number with three digits, or all before its point.
pub fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

fn drawn(svg: &str) -> Result<Raster, Failure> {
    let options = ReadOptions { first_frame: false, allow_truncated: false, page: None, max_pixels: 1 << 24 };
    let picture = open_in_memory(svg.as_bytes().to_vec(), Format::Svg, &options)?;
    let Content::Still(mut rows) = picture.content else {
        return Err(Failure::internal("a legend is not a still picture"));
    };
    let (width, height) = picture.size;
    let mut raster = Raster::new(width, height, picture.format)?;
    let mut row = vec![0; raster.row_length()];
    for y in 0..height {
        rows.read(RowMut::Eight(&mut row))?;
        raster.set_row(y, Row::Eight(&row))?;
    }
    Ok(raster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_prefix() {
        for (value, expected) in
            [(0.0, "0 Pa"), (12_345_678.0, "12.3 MPa"), (999.6, "1000 Pa"), (0.001_5, "1.50 mPa"), (345e9, "345 GPa")]
        {
            assert_eq!(with_prefix(value, "Pa"), expected);
        }
    }
}

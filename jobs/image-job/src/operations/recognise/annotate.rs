//! The picture with what was found drawn in, as `annotated.jpg`.

use std::fmt::Write as _;

use catalog::Format;
use catalog::operations::Filter;
use catalog::operations::image_encoding::{Colour, ImageEncoding, ImageFormat, Metadata, Rgba};
use contract::Failure;
use contract::recognition::Recognition;
use operation::Task;
use pixels::decode::{Content, Picture, ReadOptions, open_in_memory};
use pixels::raster::{Raster, RasterRows, Samples};
use pixels::resample::Region;
use pixels::small_copy::small_copy;

use super::look::Look;
use crate::render::{Layout, Request, Size, render};

/// The longer side of a copy that is smaller than this is brought to it, so that names can be read.
const SIDE: u32 = 960;
const TEXT: f32 = 15.0;
/// The width of a letter, in shares of its height: DejaVu Sans, roughly.
const LETTER: f32 = 0.62;
/// Colours that differ as much as they can for most eyes, the first of Okabe and Ito's (2008).
const COLOURS: [&str; 7] = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];

/// Draws boxes, names and faces, and writes the picture.
pub fn write(look: &Look, recognition: &Recognition, task: &Task) -> Result<(), Failure> {
    let (width, height) = look.copy_size();
    let grown = (SIDE as f32 / width.max(height) as f32).max(1.0);
    let scaled = |length: u32| ((length as f32 * grown).round() as u32).max(1);
    let size = (scaled(width), scaled(height));
    let under = look.part(Region::whole((width, height)), size, Filter::Lanczos3)?;
    let drawing = drawing(recognition, size);
    let read = ReadOptions { first_frame: true, allow_truncated: false, page: None, max_pixels: 64_000_000 };
    let over = small_copy(open_in_memory(drawing.into_bytes(), Format::Svg, &read)?, size.0.max(size.1))?.raster;
    let picture = laid_over(under, &over)?;
    let rows = RasterRows::new(picture);
    let format = pixels::raster::RowSource::format(&rows);
    let request = Request {
        sizes: vec![Size { name: "annotated".to_owned(), layout: Layout::unchanged(size) }],
        formats: vec![ImageFormat::Jpeg],
        filter: Filter::Lanczos3,
        background: Rgba([255; 4]),
        encoding: &ImageEncoding {
            quality: Some(85),
            lossless: false,
            effort: 4,
            progressive: false,
            metadata: Metadata::Strip,
            colour: Colour::Srgb,
            first_frame: true,
            page: None,
            allow_truncated: false,
            max_megapixels: 64,
        },
    };
    render(Picture::new(size, format, Content::Still(Box::new(rows))), &request, task).map(drop)
}

/// Boxes and names as a drawing of that size.
fn drawing(recognition: &Recognition, (width, height): (u32, u32)) -> String {
    let (x_scale, y_scale) = (width as f32 / recognition.width as f32, height as f32 / recognition.height as f32);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"DejaVu Sans\" font-size=\"{TEXT}\">"
    );
    let mut box_of = |[left, top, right, bottom]: [f32; 4], colour: &str, name: &str| {
        let (x, y) = (left * x_scale, top * y_scale);
        let (box_width, box_height) = ((right - left) * x_scale, (bottom - top) * y_scale);
        let _ = write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{box_width:.1}\" height=\"{box_height:.1}\" fill=\"none\" \
             stroke=\"{colour}\" stroke-width=\"3\"/>"
        );
        let text_width = name.chars().count() as f32 * TEXT * LETTER + 6.0;
        // Above the box, or in it at the picture's upper edge; within the picture.
        let text_y = if y >= TEXT + 5.0 { y - TEXT - 5.0 } else { y };
        let text_x = x.min(width as f32 - text_width).max(0.0);
        let _ = write!(
            svg,
            "<rect x=\"{text_x:.1}\" y=\"{text_y:.1}\" width=\"{text_width:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"black\">{}</text>",
            TEXT + 5.0,
            text_x + 3.0,
            text_y + TEXT,
            escaped(name)
        );
    };
    let labels = recognition.labels.iter().flatten().filter(|label| !label.instances.is_empty());
    for (at, label) in labels.enumerate() {
        for instance in &label.instances {
            let name = format!("{} {:.0} %", label.name, instance.confidence * 100.0);
            box_of(instance.bounds, COLOURS[at % COLOURS.len()], &name);
        }
    }
    for face in recognition.faces.iter().flatten() {
        box_of(face.bounds, "#ffffff", &format!("face {:.0} %", face.confidence * 100.0));
    }
    for line in recognition.text.iter().flatten() {
        let points = line.corners.map(|[x, y]| format!("{:.1},{:.1}", x * x_scale, y * y_scale)).join(" ");
        let _ = write!(svg, "<polygon points=\"{points}\" fill=\"none\" stroke=\"#cc79a7\" stroke-width=\"2\"/>");
    }
    for face in recognition.faces.iter().flatten() {
        for [x, y] in face.landmarks.values() {
            let _ = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#ffffff\" stroke=\"#000000\"/>",
                x * x_scale,
                y * y_scale
            );
        }
    }
    svg + "</svg>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A picture with opacity laid over an opaque one of the same size.
fn laid_over(mut under: Raster, over: &Raster) -> Result<Raster, Failure> {
    let is_alike = (over.width, over.height) == (under.width, under.height) && over.alpha;
    let Samples::Eight(samples) = &mut under.samples else {
        return Err(Failure::internal("the picture that is drawn on has sixteen bits"));
    };
    if !is_alike {
        return Err(Failure::internal("the drawing has another size than the picture"));
    }
    for (pixel, drawn) in samples.chunks_exact_mut(3).zip(over.eight().chunks_exact(4)) {
        let opacity = u32::from(drawn[3]);
        for (sample, drawn) in pixel.iter_mut().zip(drawn) {
            *sample = ((u32::from(*sample) * (255 - opacity) + u32::from(*drawn) * opacity + 127) / 255) as u8;
        }
    }
    Ok(under)
}

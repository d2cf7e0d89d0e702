//! Further pictures of what is seen: distances, normals, base colours, positions, what is covered.

use catalog::operations::Pass;
use catalog::operations::image_encoding::ImageFormat;
use contract::{Failure, Properties};
use glam::Vec3A;
use operation::Task;
use pixels::encode::{Attachments, Output, still};
use pixels::raster::{Model, Raster, Samples};
use serde_json::json;
use tracer::camera::Camera;
use tracer::film::{Film, first_surfaces};
use tracer::path::{First, Stage};

use super::{Studio, picture};

/// Writes the passes that were asked for, `render-depth.png` and so on; `suffix` is the view's.
pub fn write(studio: &Studio<'_>, camera: &Camera, film: &Film, suffix: &str, task: &Task) -> Result<(), Failure> {
    let options = studio.options;
    if options.passes.is_empty() {
        return Ok(());
    }
    let depth = studio.depth();
    let stage = Stage { world: &studio.world, look: &studio.look, environment: studio.environment.as_ref(), depth };
    let seen = first_surfaces(&stage, camera, options.width as usize, options.height() as usize);
    let distances = || seen.iter().flatten().map(|first| first.distance);
    let (nearest, furthest) = (distances().fold(f32::INFINITY, f32::min), distances().fold(0.0, f32::max));
    let (low, high) = studio.world.bounds();
    let size = (high - low).max(Vec3A::splat(1e-12));
    for pass in &options.passes {
        let of = |value: &dyn Fn(&First) -> [f32; 3]| -> Vec<[f32; 4]> {
            let pixel = |first: &Option<First>| {
                first.as_ref().map_or([0.0; 4], |first| {
                    let [r, g, b] = value(first);
                    [r, g, b, 1.0]
                })
            };
            seen.iter().map(pixel).collect()
        };
        let mut facts = Properties::new();
        let pixels = match pass {
            Pass::Depth => {
                write_distances(&seen, options.width, options.height(), &format!("render{suffix}-depth.exr"), task)?;
                facts.insert("nearest".to_owned(), json!(nearest));
                facts.insert("furthest".to_owned(), json!(furthest));
                let range = (furthest - nearest).max(1e-12);
                of(&|first| [1.0 - (first.distance - nearest) / range; 3])
            }
            Pass::Normal => of(&|first| (first.normal * 0.5 + Vec3A::splat(0.5)).to_array()),
            Pass::Albedo => of(&|first| first.albedo.to_array().map(curved)),
            Pass::Position => {
                facts.insert("from".to_owned(), json!(low.to_array()));
                facts.insert("to".to_owned(), json!(high.to_array()));
                of(&|first| ((first.position - low) / size).to_array())
            }
            Pass::Mask => {
                // Edges are as smooth as the picture's.
                let pixels = film.colour.iter().map(|colour| [colour[3], colour[3], colour[3], 1.0]);
                pixels.collect()
            }
        };
        let name = format!("render{suffix}-{}.png", pass.name());
        write_sixteen(&pixels, options.width, options.height(), &name, facts, task)?;
    }
    Ok(())
}

fn curved(value: f32) -> f32 {
    let value = value.clamp(0.0, 1.0);
    if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}

fn write_sixteen(
    pixels: &[[f32; 4]],
    width: u32,
    height: u32,
    name: &str,
    mut properties: Properties,
    task: &Task,
) -> Result<(), Failure> {
    let samples = pixels.iter().flatten().map(|value| (value.clamp(0.0, 1.0) * 65535.0 + 0.5) as u16).collect();
    let raster = Raster { width, height, model: Model::Rgb, alpha: true, samples: Samples::Sixteen(samples) };
    let output = Output::create(&task.outputs, name)?;
    still(output.clone(), &raster, ImageFormat::Png, &picture::encoding(90), &Attachments::default())?;
    properties.insert("width".to_owned(), json!(width));
    properties.insert("height".to_owned(), json!(height));
    output.finish(ImageFormat::Png.content_type(), properties)
}

/// Metres as floats, infinite where nothing is: an `OpenEXR` of one channel, a line at a time, without compression. The layout is
/// that of the `OpenEXR` file layout document, version 2.
fn write_distances(seen: &[Option<First>], width: u32, height: u32, name: &str, task: &Task) -> Result<(), Failure> {
    let mut bytes = vec![0x76, 0x2F, 0x31, 0x01, 2, 0, 0, 0];
    let mut attribute = |name: &str, kind: &str, value: &[u8]| {
        for text in [name, kind] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend_from_slice(value);
    };
    let words = |values: &[u32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    // One channel: its name, 2 for 32-bit floats, not perceptually linear, every pixel in both directions.
    let channel = [&b"Z\0"[..], &words(&[2, 0, 1, 1]), &[0]].concat();
    let window = words(&[0, 0, width - 1, height - 1]);
    attribute("channels", "chlist", &channel);
    attribute("compression", "compression", &[0]);
    attribute("dataWindow", "box2i", &window);
    attribute("displayWindow", "box2i", &window);
    attribute("lineOrder", "lineOrder", &[0]);
    attribute("pixelAspectRatio", "float", &1.0_f32.to_le_bytes());
    attribute("screenWindowCenter", "v2f", &words(&[0, 0]));
    attribute("screenWindowWidth", "float", &1.0_f32.to_le_bytes());
    bytes.push(0);
    let row = 8 + 4 * u64::from(width);
    let first = bytes.len() as u64 + 8 * u64::from(height);
    bytes.extend((0..u64::from(height)).flat_map(|line| (first + line * row).to_le_bytes()));
    for (line, pixels) in seen.chunks_exact(width as usize).enumerate() {
        bytes.extend(words(&[line as u32, 4 * width]));
        bytes.extend(pixels.iter().flat_map(|first| first.map_or(f32::INFINITY, |own| own.distance).to_le_bytes()));
    }
    let mut properties = Properties::new();
    properties.insert("width".to_owned(), json!(width));
    properties.insert("height".to_owned(), json!(height));
    task.outputs.write(name, "image/x-exr", &bytes, properties)
}

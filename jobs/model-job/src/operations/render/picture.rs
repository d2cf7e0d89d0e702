//! Stills: one for each view, and all of them on a sheet.

use catalog::operations::image_encoding::{Colour, ImageEncoding, ImageFormat, Metadata};
use catalog::operations::{Background, Clip, Look, Render, StillFormat};
use contract::{Failure, Properties};
use operation::Task;
use pixels::encode::{Attachments, Output, still};
use pixels::placeholder::{Thumbnail, describe};
use pixels::raster::{Model, Raster, Samples};
use serde_json::json;
use tracer::camera::Camera;
use tracer::develop::{decoded, develop};
use tracer::film::{Film, draw};
use tracer::filter::filter;
use tracer::path::Stage;
use tracer::world::World;

use super::report::Report;
use super::{Studio, choose, passes, view};

/// The most pixels of a sheet: views are made smaller to fit.
const MOST_SHEET_PIXELS: u64 = 32 << 20;

/// Draws every view and writes it. Progress goes from `from` to `to`. The properties are those of the first.
pub fn stills(
    studio: &Studio<'_>,
    task: &Task,
    from: f64,
    to: f64,
    report: &mut Report,
) -> Result<Properties, Failure> {
    let options = studio.options;
    let points = view::points_of(studio.world.scene(), &studio.scenery);
    let mut shots: Vec<(String, Camera)> = Vec::new();
    if let Some(asked) = &options.camera {
        let camera = choose::camera(&studio.world.scene().cameras, asked)?;
        shots.push((asked.clone(), view::of_file(camera, options)));
    } else {
        for &own in &options.views {
            shots.push((own.name().to_owned(), view::camera(own, options, &points)));
        }
    }
    drop(points);
    let is_one = shots.len() == 1;
    let share = (to - from) / shots.len() as f64;
    let (mut rasters, mut first) = (Vec::new(), Properties::new());
    for (at, (name, camera)) in shots.iter().enumerate() {
        let start = from + share * at as f64;
        let progress = |done: f64| task.progress.report(start + share * 0.95 * done);
        let (film, pixels) = shoot(studio, &studio.world, camera, (options.width, options.height()), false, &progress);
        let suffix = if is_one { String::new() } else { format!("-{name}") };
        let file = format!("render{suffix}.{}", options.format.image_format().extension());
        let raster = raster(options.width, options.height(), pixels);
        let properties = write(&raster, &file, options, task)?;
        if at == 0 {
            first = properties;
        }
        report.add_picture(&file, name, camera, &film);
        passes::write(studio, camera, &film, &suffix, task)?;
        if options.sheet {
            rasters.push(raster);
        }
    }
    if options.sheet {
        let sheet = sheet(&rasters)?;
        write(&sheet, &format!("sheet.{}", options.format.image_format().extension()), options, task)?;
    }
    Ok(first)
}

/// Draws the first view.
pub fn first_view(studio: &Studio<'_>, progress: &(dyn Fn(f64) + Sync)) -> Raster {
    let options = studio.options;
    let points = view::points_of(studio.world.scene(), &studio.scenery);
    let camera = view::camera(options.views[0], options, &points);
    let size = (options.width, options.height());
    let (_, pixels) = shoot(studio, &studio.world, &camera, size, false, progress);
    raster(size.0, size.1, pixels)
}

/// Draws a picture: red, green, blue and opacity, 8 bits each.
pub fn shoot(
    studio: &Studio<'_>,
    world: &World,
    camera: &Camera,
    (width, height): (u32, u32),
    is_clip: bool,
    progress: &(dyn Fn(f64) + Sync),
) -> (Film, Vec<u8>) {
    let options = studio.options;
    let (settings, levels) = studio.settings(width, height, is_clip);
    let depth = studio.depth();
    let stage = Stage { world, look: &studio.look, environment: studio.environment.as_ref(), depth };
    let mut film = draw(&stage, camera, &settings, progress);
    if levels > 0 {
        filter(&mut film, levels, settings.threads);
    }
    // Normals are numbers, not light.
    let exposure = match options.material {
        Look::Normals => 1.0,
        _ => options.exposure.exp2() as f32 * own_exposure(studio, &film),
    };
    let pixels = develop(&film, studio.tone(), exposure, background(options, is_clip));
    (film, pixels)
}

/// Lamps have the strength of their world, from candles to the sun: where only they shine, the picture is exposed for what is
/// seen. Its brightest tenth is just below white.
///
/// A studio is half a stop darker than its mean radiance of 1 would have it: else white things, as models without colours are,
/// are white all over.
fn own_exposure(studio: &Studio<'_>, film: &Film) -> f32 {
    if studio.environment.is_some() {
        return if studio.options.environment == "studio" { std::f32::consts::FRAC_1_SQRT_2 } else { 1.0 };
    }
    let mut seen: Vec<f32> = film
        .colour
        .iter()
        .filter(|colour| colour[3] > 0.5)
        .map(|colour| (colour[0] * 0.2126 + colour[1] * 0.7152 + colour[2] * 0.0722) / colour[3])
        .filter(|brightness| *brightness > 0.0)
        .collect();
    if seen.is_empty() {
        return 1.0;
    }
    let at = seen.len() * 9 / 10;
    let (_, brightness, _) = seen.select_nth_unstable_by(at, f32::total_cmp);
    0.7 / brightness.max(1e-9)
}

/// What is behind the model, linear. JPEG and MP4 have white in the place of transparency.
fn background(options: &Render, is_clip: bool) -> [f32; 4] {
    let is_movie = is_clip && options.clip == Clip::Mp4;
    let colour = match options.background {
        Background::Environment => [0; 4],
        Background::Colour(colour) => colour.0,
    };
    let [r, g, b, a] = colour;
    if (is_movie || options.format == StillFormat::Jpeg) && a < 255 {
        let opacity = f32::from(a) / 255.0;
        return [decoded(r), decoded(g), decoded(b)]
            .map(|value| value * opacity + 1.0 - opacity)
            .into_iter()
            .chain([1.0])
            .collect::<Vec<f32>>()
            .try_into()
            .unwrap_or([1.0; 4]);
    }
    [decoded(r), decoded(g), decoded(b), f32::from(a) / 255.0]
}

/// A raster of these pixels.
pub fn raster(width: u32, height: u32, pixels: Vec<u8>) -> Raster {
    Raster { width, height, model: Model::Rgb, alpha: true, samples: Samples::Eight(pixels) }
}

/// What is written for a quality; colours are sRGB as they are.
pub fn encoding(quality: u8) -> ImageEncoding {
    ImageEncoding {
        quality: Some(quality),
        lossless: false,
        effort: 4,
        progressive: false,
        metadata: Metadata::Strip,
        colour: Colour::Srgb,
        first_frame: false,
        page: None,
        allow_truncated: false,
        max_megapixels: 4096,
    }
}

/// Writes a picture in the format asked for.
pub fn write(raster: &Raster, name: &str, options: &Render, task: &Task) -> Result<Properties, Failure> {
    let format = options.format.image_format();
    let opaque;
    let written = if format == ImageFormat::Jpeg {
        opaque = without_alpha(raster);
        &opaque
    } else {
        raster
    };
    let output = Output::create(&task.outputs, name)?;
    still(output.clone(), written, format, &encoding(options.quality), &Attachments::default())?;
    let mut properties = Properties::new();
    properties.insert("width".to_owned(), json!(raster.width));
    properties.insert("height".to_owned(), json!(raster.height));
    describe(&Thumbnail::of(raster)?, &mut properties);
    output.finish(format.content_type(), properties.clone())?;
    Ok(properties)
}

fn without_alpha(raster: &Raster) -> Raster {
    let pixels = raster.eight().as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    Raster {
        width: raster.width,
        height: raster.height,
        model: Model::Rgb,
        alpha: false,
        samples: Samples::Eight(pixels),
    }
}

/// Pictures of one size side by side, in as many rows as make it about as high as it is wide.
fn sheet(rasters: &[Raster]) -> Result<Raster, Failure> {
    let Some(first) = rasters.first() else { return Err(Failure::internal("a sheet of no pictures")) };
    let columns = (rasters.len() as f64).sqrt().ceil() as u32;
    let rows = (rasters.len() as u32).div_ceil(columns);
    let mut shrink = 1;
    let pixels = |shrink: u32| {
        u64::from(columns * (first.width / shrink).max(1)) * u64::from(rows * (first.height / shrink).max(1))
    };
    while pixels(shrink) > MOST_SHEET_PIXELS {
        shrink += 1;
    }
    let (width, height) = ((first.width / shrink).max(1), (first.height / shrink).max(1));
    let total = (columns * width, rows * height);
    let mut sheet = vec![0_u8; total.0 as usize * total.1 as usize * 4];
    for (at, raster) in rasters.iter().enumerate() {
        let (left, top) = (at as u32 % columns * width, at as u32 / columns * height);
        let pixels = raster.eight();
        for y in 0..height {
            for x in 0..width {
                let to = ((top + y) * total.0 + left + x) as usize * 4;
                sheet[to..to + 4].copy_from_slice(&mean(pixels, raster.width, (x, y), shrink));
            }
        }
    }
    Ok(raster(total.0, total.1, sheet))
}

/// The mean of a square of pixels, colours by their opacity.
fn mean(pixels: &[u8], width: u32, (x, y): (u32, u32), side: u32) -> [u8; 4] {
    let mut sum = [0_u32; 4];
    for row in y * side..(y + 1) * side {
        for column in x * side..(x + 1) * side {
            let at = (row * width + column) as usize * 4;
            let alpha = u32::from(pixels[at + 3]);
            for channel in 0..3 {
                sum[channel] += u32::from(pixels[at + channel]) * alpha;
            }
            sum[3] += alpha;
        }
    }
    let colour = |channel: usize| (sum[channel] + sum[3] / 2).checked_div(sum[3]).unwrap_or(0) as u8;
    [colour(0), colour(1), colour(2), (sum[3] / (side * side)) as u8]
}

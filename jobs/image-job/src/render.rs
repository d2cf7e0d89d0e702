//! From an opened picture to finished outputs: what `resize` and `convert` have in common.

use std::fmt::Write as _;

use catalog::Format;
use catalog::operations::image_encoding::{Colour, ImageEncoding, ImageFormat, Metadata as MetadataChoice, Rgba};
use catalog::operations::{Filter, Position};
use job::{Failure, Properties, Task};
use serde_json::{Value, json};

use crate::colour::ColourConversion;
use crate::decode::{Content, Frame, FrameSource, Metadata, Picture, Profile};
use crate::encode::{self, Attachments, FrameSink, Output, abilities};
use crate::exif;
use crate::focus;
use crate::orientation::Orientation;
use crate::placeholder;
use crate::raster::{Model, PixelFormat, Raster, Row, RowSource, Samples};
use crate::resample::{Region, Resampler};
use crate::resize::anchor;

/// Everything that is wanted of one input.
pub struct Request<'a> {
    /// The sizes, smallest first.
    pub sizes: Vec<Size>,
    /// The formats that each size is written in.
    pub formats: Vec<ImageFormat>,
    /// The resampling kernel.
    pub filter: Filter,
    /// What padding and flattened transparency look like.
    pub background: Rgba,
    /// How results are written.
    pub encoding: &'a ImageEncoding,
}

/// One size and the name of its outputs without extension.
pub struct Size {
    /// Becomes `<name>.<extension>`.
    pub name: String,
    /// Where the pixels come from.
    pub layout: Layout,
}

/// Where the pixels of a result come from, all as seen upright.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// The part of the input that is resampled,
    pub region: Region,
    /// to this size,
    pub scaled: (u32, u32),
    /// and then cut or padded to this one
    pub size: (u32, u32),
    /// at this position.
    pub position: Option<Position>,
}

impl Layout {
    /// The input as it is.
    pub fn unchanged(size: (u32, u32)) -> Self {
        Self { region: Region::whole(size), scaled: size, size, position: None }
    }
}

/// The format of a result when none is asked for: the input's own where it can be written.
pub fn own_format(input: Format, alpha: bool, still: bool) -> ImageFormat {
    match input {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png | Format::Svg => ImageFormat::Png,
        Format::Webp => ImageFormat::Webp,
        Format::Avif => ImageFormat::Avif,
        Format::Gif => ImageFormat::Gif,
        Format::Tiff => ImageFormat::Tiff,
        _ if alpha || !still => ImageFormat::Png,
        _ => ImageFormat::Jpeg,
    }
}

/// Makes all outputs and says what the input was.
pub fn render(picture: Picture, request: &Request<'_>, task: &Task) -> Result<Properties, Failure> {
    let mut properties = describe(&picture, task.input.format());
    let conversion = ColourConversion::new(picture.format.model, &picture.profile, request.encoding.colour);
    let steps = Steps {
        request,
        orientation: picture.orientation,
        source: picture.size,
        attachments: attachments(picture.metadata, request.encoding, &conversion),
        conversion,
        task,
    };
    let (mut results, sample, truncated) = match picture.content {
        Content::Still(mut rows) => steps.render_still(rows.as_mut())?,
        Content::Animation { mut frames, loops } => steps.render_animation(frames.as_mut(), picture.frames, loops)?,
    };
    placeholder::describe(&sample, &mut properties);
    if truncated {
        properties.insert("truncated".to_owned(), true.into());
    }
    if request.sizes.len() > 1 {
        results.sort_by_key(|result| (result.format as u8, result.width));
        properties.insert("srcset".to_owned(), srcset(&results, &request.formats));
    }
    task.progress.report(1.0);
    Ok(properties)
}

fn describe(picture: &Picture, format: Format) -> Properties {
    let (width, height) = picture.orientation.turn_size(picture.size);
    let mut properties = Properties::new();
    properties.insert("width".to_owned(), width.into());
    properties.insert("height".to_owned(), height.into());
    properties.insert("format".to_owned(), format.name().into());
    properties.insert("frames".to_owned(), picture.frames.into());
    properties.insert("hasAlpha".to_owned(), picture.format.alpha.into());
    properties.insert("orientationApplied".to_owned(), (!picture.orientation.is_upright()).into());
    properties
}

/// What stands beside the pixels of results.
fn attachments(metadata: Metadata, encoding: &ImageEncoding, conversion: &ColourConversion) -> Attachments {
    let metadata = match encoding.metadata {
        MetadataChoice::Keep => {
            let mut metadata = metadata;
            if let Some(exif) = &mut metadata.exif {
                exif::reset_orientation(exif);
            }
            metadata
        }
        MetadataChoice::Strip | MetadataChoice::OrientationAndIcc => Metadata::default(),
    };
    // Without the profile of kept colours they would be wrong, so that only "strip" with converted colours drops it.
    let icc = match (encoding.metadata, encoding.colour) {
        (MetadataChoice::Strip, Colour::Srgb) => None,
        _ => conversion.embedded.clone(),
    };
    Attachments { icc, metadata }
}

/// One file for each format and width, in the words of HTML's `srcset`.
fn srcset(results: &[Written], formats: &[ImageFormat]) -> Value {
    let of_format = |format: ImageFormat| {
        let mut widths = Vec::new();
        let entries: Vec<String> = results
            .iter()
            .filter(|result| result.format == format)
            .filter(|result| {
                !widths.contains(&result.width) && {
                    widths.push(result.width);
                    true
                }
            })
            .map(|result| format!("{} {}w", encode_path(&result.name), result.width))
            .collect();
        json!({ "type": format.content_type(), "srcset": entries.join(", ") })
    };
    formats.iter().map(|format| of_format(*format)).collect()
}

/// A file name as it stands in a URL: `srcset` is divided at spaces and commas.
fn encode_path(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte as char);
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A finished output.
struct Written {
    name: String,
    format: ImageFormat,
    width: u32,
}

struct Steps<'a> {
    request: &'a Request<'a>,
    orientation: Orientation,
    /// Width and height as stored.
    source: (u32, u32),
    attachments: Attachments,
    conversion: ColourConversion,
    task: &'a Task,
}

type Rendered = (Vec<Written>, Raster, bool);

impl Steps<'_> {
    fn render_still(&self, rows: &mut dyn RowSource) -> Result<Rendered, Failure> {
        rows.shrink(self.least_size())?;
        rows.vector_size(self.vector_size());
        let mut pictures = Vec::new();
        self.resample(rows, &mut pictures)?;
        let truncated = rows.truncated();
        let mut written = Vec::new();
        let mut sample = None;
        for (size, picture) in self.request.sizes.iter().zip(pictures) {
            let picture = self.orientation.apply(picture);
            for (at, format) in self.request.formats.iter().enumerate() {
                let finished = self.finish(&picture, &size.layout, *format)?;
                written.push(self.write_still(&finished, &size.name, *format)?);
                if sample.is_none() && at == 0 {
                    sample = Some(to_srgb(&finished)?);
                }
            }
        }
        let sample = sample.ok_or_else(|| Failure::internal("nothing was asked for"))?;
        Ok((written, sample, truncated))
    }

    /// The stored size from which every result can be made without loss: twice what is wanted of each, so that the
    /// kernel decides and not the decoder's scaling; at most the source's own.
    fn least_size(&self) -> (u32, u32) {
        let mut least = (1.0_f64, 1.0_f64);
        let upright = self.orientation.turn_size(self.source);
        for Size { layout, .. } in &self.request.sizes {
            let share = (
                f64::from(layout.scaled.0) / layout.region.width * f64::from(upright.0),
                f64::from(layout.scaled.1) / layout.region.height * f64::from(upright.1),
            );
            // At its own size nothing may be lost.
            let margin = if Layout::unchanged(upright) == *layout { 1.0 } else { 2.0 };
            least = (least.0.max(share.0 * margin), least.1.max(share.1 * margin));
        }
        let least = self.orientation.turn_size((least.0.ceil() as u32, least.1.ceil() as u32));
        (least.0.min(self.source.0), least.1.min(self.source.1))
    }

    /// The size that a drawing is painted at: that of the largest result.
    fn vector_size(&self) -> (u32, u32) {
        let scales = self.request.sizes.iter().map(|Size { layout, .. }| {
            (f64::from(layout.scaled.0) / layout.region.width).max(f64::from(layout.scaled.1) / layout.region.height)
        });
        let scale = scales.fold(0.0, f64::max);
        let pixels = |length: u32| (f64::from(length) * scale).round().clamp(1.0, 65_535.0) as u32;
        (pixels(self.source.0), pixels(self.source.1))
    }

    /// Runs all rows through one resampler for each size.
    fn resample(&self, rows: &mut dyn RowSource, pictures: &mut Vec<Raster>) -> Result<(), Failure> {
        let size = rows.size();
        let format = rows.format();
        let mut resamplers = Vec::new();
        for Size { layout, .. } in &self.request.sizes {
            resamplers.push(self.resampler(format, size, layout)?);
        }
        let mut row = Samples::zeroed(format.depth, size.0 as usize * format.channels())?;
        for y in 0..size.1 {
            rows.read(row.as_row_mut())?;
            for resampler in &mut resamplers {
                resampler.push(row.as_row());
            }
            if y % 64 == 0 {
                self.task.progress.report(0.8 * f64::from(y) / f64::from(size.1));
            }
        }
        pictures.extend(resamplers.into_iter().map(Resampler::finish));
        Ok(())
    }

    /// A resampler from a source of size `size`, which may have been scaled while decoding, in stored orientation.
    fn resampler(&self, format: PixelFormat, size: (u32, u32), layout: &Layout) -> Result<Resampler, Failure> {
        let upright = self.orientation.turn_size(self.source);
        let stored = self.orientation.stored_region(layout.region, upright);
        let scale = (scale(self.source.0, size.0), scale(self.source.1, size.1));
        let mut region = Region {
            x: stored.x * scale.0,
            y: stored.y * scale.1,
            width: stored.width * scale.0,
            height: stored.height * scale.1,
        };
        if stored == Region::whole(self.source) && size == self.source {
            region = Region::whole(size);
        }
        Resampler::new(format, size, region, self.orientation.turn_size(layout.scaled), self.request.filter)
    }

    fn render_animation(&self, frames: &mut dyn FrameSource, count: u32, loops: u32) -> Result<Rendered, Failure> {
        let mut animations = Vec::new();
        for size in &self.request.sizes {
            for &format in &self.request.formats {
                let name = format!("{}.{}", size.name, format.extension());
                let output = Output::create(&self.task.outputs, &name)?;
                let sink = if abilities(format).animation {
                    let (encoding, attachments) = (self.request.encoding, &self.attachments);
                    let frames = (count, loops);
                    Some(encode::animation(output.clone(), size.layout.size, frames, format, encoding, attachments)?)
                } else {
                    None
                };
                animations.push(Animation { name, size, format, output, sink });
            }
        }
        let mut sample = None;
        let mut place = None;
        let mut shown = 0;
        while let Some(frame) = frames.next()? {
            for animation in &mut animations {
                // A format that holds no animation takes the first frame.
                if shown > 0 && animation.sink.is_none() {
                    continue;
                }
                let mut resampler = self.resampler(
                    frame.raster.format(),
                    (frame.raster.width, frame.raster.height),
                    &animation.size.layout,
                )?;
                (0..frame.raster.height).for_each(|y| resampler.push(frame.raster.row(y)));
                let picture = self.orientation.apply(resampler.finish());
                // A cut that follows the picture would jump from frame to frame: the first one decides.
                let picture = self.frame(picture, &animation.size.layout, &mut place)?;
                let finished = self.colours(&picture, animation.format)?;
                if sample.is_none() {
                    sample = Some(to_srgb(&finished)?);
                }
                if let Some(sink) = &mut animation.sink {
                    sink.write(&Frame { raster: finished, milliseconds: frame.milliseconds })?;
                } else {
                    let output = animation.output.clone();
                    encode::still(output, &finished, animation.format, self.request.encoding, &self.attachments)?;
                }
            }
            place = None;
            shown += 1;
            self.task.progress.report(f64::from(shown) / f64::from(count.max(1)));
        }
        let mut written = Vec::new();
        for Animation { name, size, format, output, sink } in animations {
            let frames = if sink.is_some() { shown } else { 1 };
            sink.map_or(Ok(()), FrameSink::finish)?;
            let (width, height) = size.layout.size;
            output.finish(format.content_type(), output_properties(width, height, frames))?;
            written.push(Written { name, format, width });
        }
        let sample = sample.ok_or_else(|| Failure::invalid_input("the animation has no frames"))?;
        Ok((written, sample, frames.truncated()))
    }

    /// Cut, padding and colours for one format.
    fn finish(&self, picture: &Raster, layout: &Layout, format: ImageFormat) -> Result<Raster, Failure> {
        // A JPEG's luma and chroma go back into a JPEG as they are, unless something has to be done to colours.
        if picture.model == Model::YCbCr
            && format == ImageFormat::Jpeg
            && self.conversion.is_none()
            && layout.scaled == layout.size
        {
            return Ok(picture.clone());
        }
        let picture = self.conversion.apply(picture.clone())?;
        let picture = self.frame(picture, layout, &mut None)?;
        Ok(self.colours_of_format(picture, format))
    }

    fn colours(&self, picture: &Raster, format: ImageFormat) -> Result<Raster, Failure> {
        Ok(self.colours_of_format(self.conversion.apply(picture.clone())?, format))
    }

    /// What the format cannot hold is taken away.
    fn colours_of_format(&self, picture: Raster, format: ImageFormat) -> Raster {
        let abilities = abilities(format);
        let picture =
            if picture.alpha && !abilities.alpha { flatten(&picture, self.request.background) } else { picture };
        let picture = if abilities.sixteen { picture } else { picture.into_eight() };
        let grey = abilities.grey && !(picture.alpha && format == ImageFormat::Tiff);
        if picture.model == Model::Grey && !grey { grey_to_rgb(&picture) } else { picture }
    }

    /// Cuts or pads to the final size. Where the cut is found from the picture, it is noted in `place`.
    fn frame(&self, picture: Raster, layout: &Layout, place: &mut Option<(u32, u32)>) -> Result<Raster, Failure> {
        let Some(position) = layout.position.filter(|_| layout.scaled != layout.size) else { return Ok(picture) };
        let (width, height) = layout.size;
        if layout.scaled.0 >= width && layout.scaled.1 >= height {
            let (x, y) = match place {
                Some(place) => *place,
                None => *place.insert(focus::find(&picture, (width, height), position)),
            };
            return Ok(picture.cut(x, y, width, height));
        }
        let (across, down) = anchor(position);
        let x = (f64::from(width - picture.width) * across).round() as u32;
        let y = (f64::from(height - picture.height) * down).round() as u32;
        pad(&picture, (width, height), (x, y), self.request.background)
    }

    fn write_still(&self, picture: &Raster, name: &str, format: ImageFormat) -> Result<Written, Failure> {
        let name = format!("{name}.{}", format.extension());
        let output = Output::create(&self.task.outputs, &name)?;
        encode::still(output.clone(), picture, format, self.request.encoding, &self.attachments)?;
        output.finish(format.content_type(), output_properties(picture.width, picture.height, 1))?;
        Ok(Written { name, format, width: picture.width })
    }
}

/// A small grey or RGB copy of a result, for looking at its colours.
fn to_srgb(picture: &Raster) -> Result<Raster, Failure> {
    let small = placeholder::shrink(picture)?;
    ColourConversion::new(small.model, &Profile::Srgb, Colour::Srgb).apply(small)
}

/// An output of an animation on its way.
struct Animation<'a> {
    name: String,
    size: &'a Size,
    format: ImageFormat,
    output: Output,
    /// None for a format that holds one picture only.
    sink: Option<Box<dyn FrameSink>>,
}

fn scale(from: u32, to: u32) -> f64 {
    if from == to {
        return 1.0;
    }
    // libjpeg scales by a power of two and rounds the size up; the scale itself is exact.
    let exact = [2, 4, 8].into_iter().find(|divisor| from.div_ceil(*divisor) == to);
    exact.map_or(f64::from(to) / f64::from(from), |divisor| 1.0 / f64::from(divisor))
}

fn output_properties(width: u32, height: u32, frames: u32) -> Properties {
    let mut properties = Properties::new();
    properties.insert("width".to_owned(), width.into());
    properties.insert("height".to_owned(), height.into());
    if frames > 1 {
        properties.insert("frames".to_owned(), frames.into());
    }
    properties
}

/// Lays a picture with opacity over a colour.
fn flatten(picture: &Raster, background: Rgba) -> Raster {
    use crate::raster::Sample;
    fn over<T: Sample>(samples: &[T], channels: usize, background: &[f32]) -> Vec<T> {
        let mut result = Vec::with_capacity(samples.len() / channels * (channels - 1));
        for pixel in samples.chunks_exact(channels) {
            let alpha = pixel[channels - 1].to_f32() / T::MAX;
            for (sample, under) in pixel[..channels - 1].iter().zip(background) {
                result.push(T::from_f32(sample.to_f32() * alpha + under * T::MAX * (1.0 - alpha)));
            }
        }
        result
    }
    let channels = picture.format().channels();
    let background = background_of(background, picture.model);
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(over(samples, channels, &background)),
        Samples::Sixteen(samples) => Samples::Sixteen(over(samples, channels, &background)),
    };
    Raster { alpha: false, samples, ..*picture }
}

/// The colour in the samples of a model, 0 to 1.
fn background_of(Rgba([red, green, blue, _]): Rgba, model: Model) -> Vec<f32> {
    let colour = [red, green, blue].map(|sample| f32::from(sample) / 255.0);
    if model == Model::Grey { vec![0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]] } else { colour.to_vec() }
}

/// Puts a grey or RGB picture onto a larger canvas. A background with opacity below 255 makes the result have opacity,
/// one with colour makes a grey picture RGB.
fn pad(picture: &Raster, size: (u32, u32), (x, y): (u32, u32), background: Rgba) -> Result<Raster, Failure> {
    let Rgba([red, green, blue, opacity]) = background;
    let coloured = red != green || green != blue;
    let picture = if picture.model == Model::Grey && coloured { grey_to_rgb(picture) } else { picture.clone() };
    let alpha = picture.alpha || opacity < 255;
    let format = PixelFormat { model: picture.model, alpha, depth: picture.samples.depth() };
    let mut canvas = Raster::new(size.0, size.1, format)?;
    let mut fill: Vec<f32> = background_of(background, picture.model);
    if alpha {
        fill.push(f32::from(opacity) / 255.0);
    }
    let channels = format.channels();
    let stride = canvas.row_length();
    let place = |row: u32| (y + row) as usize * stride + x as usize * channels;
    match &mut canvas.samples {
        Samples::Eight(samples) => {
            fill_with(samples, &fill);
            for row in 0..picture.height {
                let Row::Eight(from) = picture.row(row) else { continue };
                copy_row(from, picture.format().channels(), &mut samples[place(row)..], channels);
            }
        }
        Samples::Sixteen(samples) => {
            fill_with(samples, &fill);
            for row in 0..picture.height {
                let Row::Sixteen(from) = picture.row(row) else { continue };
                copy_row(from, picture.format().channels(), &mut samples[place(row)..], channels);
            }
        }
    }
    Ok(canvas)
}

fn fill_with<T: crate::raster::Sample>(samples: &mut [T], pixel: &[f32]) {
    let pixel: Vec<T> = pixel.iter().map(|value| T::from_f32(value * T::MAX)).collect();
    samples.chunks_exact_mut(pixel.len()).for_each(|to| to.copy_from_slice(&pixel));
}

/// Copies pixels; where the target has opacity and the source has not, they are opaque.
fn copy_row<T: crate::raster::Sample>(from: &[T], from_channels: usize, to: &mut [T], to_channels: usize) {
    for (from, to) in from.chunks_exact(from_channels).zip(to.chunks_exact_mut(to_channels)) {
        to[..from_channels].copy_from_slice(from);
        if to_channels > from_channels {
            to[from_channels] = T::from_f32(T::MAX);
        }
    }
}

fn grey_to_rgb(picture: &Raster) -> Raster {
    fn spread<T: Copy>(samples: &[T], alpha: bool) -> Vec<T> {
        let channels = if alpha { 2 } else { 1 };
        samples
            .chunks_exact(channels)
            .flat_map(|pixel| [pixel[0]; 3].into_iter().chain(pixel[1..].iter().copied()))
            .collect()
    }
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(spread(samples, picture.alpha)),
        Samples::Sixteen(samples) => Samples::Sixteen(spread(samples, picture.alpha)),
    };
    Raster { model: Model::Rgb, samples, ..*picture }
}

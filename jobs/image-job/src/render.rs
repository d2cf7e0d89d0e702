//! From an opened picture to finished outputs: what `resize` and `convert` have in common.

mod planar;

use catalog::Format;
use catalog::operations::image_encoding::{Colour, ImageEncoding, ImageFormat, Metadata as MetadataChoice, Rgba};
use catalog::operations::{Filter, Position};
use contract::{Failure, Properties};
use operation::Task;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use pixels::canvas::{flatten, grey_to_rgb, pad};
use pixels::decode::{Content, Frame, FrameSource, Metadata, Picture, Profile};
use pixels::encode::{self, Attachments, FrameSink, Output, RowSink, abilities, is_written_by_rows, longest_frame};
use pixels::exif::{self, directories::Directories};
use pixels::placeholder::{self, Thumbnail};
use pixels::raster::{Depth, Model, PixelFormat, Raster, RasterBuilder, Row, RowSource, Samples};
use pixels::resample::{Region, Resampler};
use pixels::{colour::ColourConversion, orientation::Orientation, planes::PlaneSizes, xmp};
use serde_json::{Value, json};

use crate::focus::{self, anchor};

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

    /// Whether it is cut or padded after resampling.
    pub fn is_framed(&self) -> bool {
        self.position.is_some() && self.scaled != self.size
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

/// What is said where an animation becomes a format of one picture.
const FRAMES_LEFT_OUT: &str =
    "a format that holds one picture was asked for: the animation's other frames are left out";

/// Makes all outputs and says what the input was.
pub fn render(picture: Picture, request: &Request<'_>, task: &Task) -> Result<Properties, Failure> {
    let mut properties = describe(&picture, task.input.format());
    picture.warnings.iter().for_each(|warning| task.outputs.warn(warning));
    if picture.more_frames && !request.encoding.first_frame {
        task.outputs.warn(FRAMES_LEFT_OUT);
    }
    let conversion = ColourConversion::new(picture.format.model, &picture.profile, Colour::Srgb);
    conversion.warning.iter().for_each(|warning| task.outputs.warn(warning));
    let kept = (request.encoding.colour == Colour::Keep)
        .then(|| ColourConversion::new(picture.format.model, &picture.profile, Colour::Keep))
        .filter(|kept| kept.embedded.is_some());
    let steps = Steps {
        request,
        orientation: picture.orientation,
        source: picture.size,
        metadata: kept_metadata(picture.metadata, request.encoding),
        profile: picture.profile,
        conversion,
        kept,
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
    if picture.pages > 1 {
        properties.insert("pages".to_owned(), picture.pages.into());
    }
    if picture.sequence {
        properties.insert("firstFrameOfSequence".to_owned(), true.into());
    }
    properties.insert("hasAlpha".to_owned(), picture.format.alpha.into());
    properties.insert("orientationApplied".to_owned(), (!picture.orientation.is_upright()).into());
    properties
}

/// What the input says about itself, as far as it is wanted.
fn kept_metadata(mut metadata: Metadata, encoding: &ImageEncoding) -> Metadata {
    match encoding.metadata {
        MetadataChoice::Keep => {
            if let Some(exif) = &mut metadata.exif {
                metadata.density = metadata.density.or_else(|| exif::density(exif));
                exif::reset_orientation(exif);
                exif::remove_thumbnail(exif);
            }
            metadata
        }
        MetadataChoice::Strip | MetadataChoice::OrientationAndIcc => Metadata::default(),
    }
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

/// A file name as it is in a URL: `srcset` is divided at spaces and commas.
fn encode_path(name: &str) -> PercentEncode<'_> {
    const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(name, UNRESERVED)
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
    metadata: Metadata,
    profile: Profile,
    /// To sRGB.
    conversion: ColourConversion,
    /// The input's own colours, where they are to be kept and are not sRGB.
    kept: Option<ColourConversion>,
    task: &'a Task,
}

/// One size on its way into files.
struct Branch<'a> {
    size: &'a Size,
    /// The formats that are written as the rows come.
    streams: Vec<Stream>,
    /// The picture for the others.
    whole: Option<RasterBuilder>,
}

/// A file that is written as the rows come.
struct Stream {
    name: String,
    format: ImageFormat,
    output: Output,
    sink: Box<dyn RowSink>,
    /// The layout of what comes.
    pixels: PixelFormat,
    /// Whether rows are written as they come.
    as_it_comes: bool,
    thumbnail: Option<Thumbnail>,
}

type Rendered = (Vec<Written>, Raster, bool);

impl Steps<'_> {
    /// What becomes of colours in a format: those of the input are kept only where the format holds their profile and pixels
    /// of the kind that it is for.
    fn conversion(&self, format: ImageFormat) -> &ColourConversion {
        let kept = self.kept.as_ref().filter(|kept| {
            let abilities = abilities(format);
            let Rgba([red, green, blue, _]) = self.request.background;
            let is_padded = self.request.sizes.iter().any(|size| size.layout.is_framed());
            let stays_grey = abilities.grey && !(is_padded && (red != green || green != blue));
            abilities.profile && (!kept.is_grey || stays_grey)
        });
        if kept.is_none() && self.kept.is_some() {
            let name = format.extension();
            self.task
                .outputs
                .warn(format!("{name} does not hold the colour profile with these pixels: converted to sRGB"));
        }
        kept.unwrap_or(&self.conversion)
    }

    /// Whether grey stays one sample: not beside a profile of three.
    fn stays_grey(&self, format: ImageFormat) -> bool {
        let conversion = self.conversion(format);
        abilities(format).grey && (conversion.embedded.is_none() || conversion.is_grey)
    }

    /// What stands beside the pixels of a result of that size.
    fn attachments(&self, format: ImageFormat, size: (u32, u32)) -> Attachments {
        let mut metadata = self.metadata.clone();
        for part in encode::left_out(format, &metadata) {
            self.task.outputs.warn(format!("{} does not hold {part}: left out", format.extension()));
        }
        if let Some(exif) = &mut metadata.exif {
            exif::set_size(exif, size);
        }
        if let Some(xmp) = &mut metadata.xmp {
            *xmp = xmp::set_size(xmp, size).into_owned();
        }
        if matches!(format, ImageFormat::Webp | ImageFormat::Avif) && metadata.exif.is_none() {
            metadata.exif = metadata.density.map(|density| Directories::of_density(density).write());
        }
        // Without the profile of kept colours they would be wrong, even where everything else goes.
        Attachments { icc: self.conversion(format).embedded.clone(), metadata }
    }

    fn render_still(&self, rows: &mut dyn RowSource) -> Result<Rendered, Failure> {
        rows.shrink(self.min_size())?;
        rows.vector_size(self.vector_size());
        let mut branches = Vec::new();
        for (at, size) in self.request.sizes.iter().enumerate() {
            branches.push(self.branch(size, rows.format(), at == 0)?);
        }
        match rows.planes() {
            Some(planes) if branches.iter().all(|branch| self.gains_by_planes(branch, planes.sizes())) => {
                self.resample_planes(planes, &mut branches)?;
            }
            _ => self.resample(rows, &mut branches)?,
        }
        let truncated = rows.truncated();
        let mut written = Vec::new();
        let mut sample = None;
        for Branch { size, streams, whole } in branches {
            for Stream { name, format, output, sink, thumbnail, .. } in streams {
                sink.finish()?;
                let (width, height) = size.layout.size;
                output.finish(format.content_type(), output_properties(width, height, 1))?;
                written.push(Written { name, format, width });
                if let Some(thumbnail) = thumbnail {
                    sample = Some(self.to_srgb(thumbnail.finish(), format)?);
                }
            }
            let Some(whole) = whole else { continue };
            let picture = self.orientation.apply(whole.finish());
            for &format in self.request.formats.iter().filter(|format| !self.is_streamed(size, **format)) {
                let finished = self.finish(&picture, &size.layout, format)?;
                written.push(self.write_still(&finished, &size.name, format)?);
                // The first format of the first size, unless it was streamed.
                if sample.is_none() {
                    sample = Some(self.to_srgb(Thumbnail::of(&finished)?, format)?);
                }
            }
        }
        let sample = sample.ok_or_else(|| Failure::internal("nothing was asked for"))?;
        Ok((written, sample, truncated))
    }

    /// Prepares one size; `first` of all is looked at for the placeholder.
    fn branch<'b>(&self, size: &'b Size, pixels: PixelFormat, first: bool) -> Result<Branch<'b>, Failure> {
        let (streamed, others): (Vec<_>, Vec<_>) =
            self.request.formats.iter().copied().partition(|format| self.is_streamed(size, *format));
        let mut streams = Vec::new();
        for format in streamed {
            let name = format!("{}.{}", size.name, format.extension());
            let output = Output::create(&self.task.outputs, &name)?;
            let finished = self.finished_format(pixels, format);
            let sink = encode::rows(
                output.clone(),
                size.layout.size,
                finished,
                format,
                self.request.encoding,
                &self.attachments(format, size.layout.size),
            )?;
            let looked_at = first && self.request.formats.first() == Some(&format);
            let thumbnail = looked_at.then(|| Thumbnail::new(size.layout.size, finished)).transpose()?;
            let as_it_comes = finished == pixels && self.conversion(format).is_none() && self.orientation.is_upright();
            streams.push(Stream { name, format, output, sink, pixels, as_it_comes, thumbnail });
        }
        let scaled = self.orientation.turn_size(size.layout.scaled);
        let whole = (!others.is_empty()).then(|| RasterBuilder::new(scaled, pixels)).transpose()?;
        Ok(Branch { size, streams, whole })
    }

    /// Whether a result is written while the input is read: its rows come in their order and need nothing of each other.
    fn is_streamed(&self, size: &Size, format: ImageFormat) -> bool {
        let framed = size.layout.is_framed();
        is_written_by_rows(format) && self.orientation.keeps_rows() && !framed
    }

    /// The stored size from which every result can be made without loss: twice what is wanted of each, so that the
    /// kernel decides and not the decoder's scaling; at most the source's own.
    fn min_size(&self) -> (u32, u32) {
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
    fn resample(&self, rows: &mut dyn RowSource, branches: &mut [Branch<'_>]) -> Result<(), Failure> {
        let size = rows.size();
        let format = rows.format();
        let mut resamplers = Vec::new();
        for Branch { size: Size { layout, .. }, .. } in branches.iter() {
            resamplers.push(self.resampler(format, size, layout)?);
        }
        let mut row = Samples::zeroed(format.depth, size.0 as usize * format.channels())?;
        for y in 0..size.1 {
            rows.read(row.as_row_mut())?;
            for (resampler, branch) in resamplers.iter_mut().zip(branches.iter_mut()) {
                resampler.push(row.as_row(), &mut |row| self.take_row(branch, row))?;
            }
            if y % 64 == 0 {
                self.task.progress.report(0.8 * f64::from(y) / f64::from(size.1));
            }
        }
        Ok(())
    }

    /// A row of one size, for everything that is made of it.
    fn take_row(&self, branch: &mut Branch<'_>, row: Row<'_>) -> Result<(), Failure> {
        for stream in &mut branch.streams {
            if stream.as_it_comes {
                stream.write(row)?;
            } else {
                // A row is a picture, too.
                let picture = self.orientation.apply(row.to_raster(stream.pixels));
                let finished = self.colours(&picture, stream.format)?;
                stream.write(finished.row(0))?;
            }
        }
        branch.whole.as_mut().map_or(Ok(()), |whole| whole.push(row))
    }

    /// A resampler from a source of size `size`, which may have been scaled while decoding, in stored orientation.
    fn resampler(&self, format: PixelFormat, size: (u32, u32), layout: &Layout) -> Result<Resampler, Failure> {
        let region = self.source_region(size, layout);
        Resampler::new(format, size, region, self.orientation.turn_size(layout.scaled), self.request.filter)
    }

    /// The part of a source of size `size` that is resampled.
    fn source_region(&self, size: (u32, u32), layout: &Layout) -> Region {
        let upright = self.orientation.turn_size(self.source);
        let stored = self.orientation.stored_region(layout.region, upright);
        let scale = (scale(self.source.0, size.0), scale(self.source.1, size.1));
        if stored == Region::whole(self.source) && size == self.source {
            return Region::whole(size);
        }
        Region {
            x: stored.x * scale.0,
            y: stored.y * scale.1,
            width: stored.width * scale.0,
            height: stored.height * scale.1,
        }
    }

    fn render_animation(&self, frames: &mut dyn FrameSource, count: u32, loops: u32) -> Result<Rendered, Failure> {
        let mut animations = Vec::new();
        for size in &self.request.sizes {
            for &format in &self.request.formats {
                let name = format!("{}.{}", size.name, format.extension());
                let output = Output::create(&self.task.outputs, &name)?;
                let sink = if abilities(format).animation {
                    let (encoding, attachments) = (self.request.encoding, self.attachments(format, size.layout.size));
                    let frames = (count, loops);
                    Some(encode::animation(output.clone(), size.layout.size, frames, format, encoding, &attachments)?)
                } else {
                    self.task.outputs.warn(FRAMES_LEFT_OUT);
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
                let resampler = self.resampler(
                    frame.raster.format(),
                    (frame.raster.width, frame.raster.height),
                    &animation.size.layout,
                )?;
                let picture = self.orientation.apply(resampler.run(&frame.raster)?);
                // A cut that follows the picture would jump from frame to frame: the first one decides.
                let picture = self.frame(picture, &animation.size.layout, &mut place)?;
                let finished = self.colours(&picture, animation.format)?;
                if sample.is_none() {
                    sample = Some(self.to_srgb(Thumbnail::of(&finished)?, animation.format)?);
                }
                if let Some(sink) = &mut animation.sink {
                    self.check_time(animation.format, frame.milliseconds);
                    sink.write(&Frame { raster: finished, milliseconds: frame.milliseconds })?;
                } else {
                    let output = animation.output.clone();
                    let attachments = self.attachments(animation.format, animation.size.layout.size);
                    encode::still(output, &finished, animation.format, self.request.encoding, &attachments)?;
                }
            }
            place = None;
            shown += 1;
            self.task.progress.report(f64::from(shown) / f64::from(count.max(1)));
        }
        let sample = sample.ok_or_else(|| Failure::invalid_input("the animation has no frame that can be decoded"))?;
        let mut written = Vec::new();
        for Animation { name, size, format, output, sink } in animations {
            let frames = if sink.is_some() { shown } else { 1 };
            sink.map_or(Ok(()), FrameSink::finish)?;
            let (width, height) = size.layout.size;
            output.finish(format.content_type(), output_properties(width, height, frames))?;
            written.push(Written { name, format, width });
        }
        frames.warnings().into_iter().for_each(|warning| self.task.outputs.warn(warning));
        Ok((written, sample, frames.truncated()))
    }

    /// Says where a frame is shown for a shorter time than it should be.
    fn check_time(&self, format: ImageFormat, milliseconds: u32) {
        if let Some(longest) = longest_frame(format).filter(|longest| milliseconds > *longest) {
            let seconds = f64::from(longest) / 1000.0;
            let name = format.extension();
            self.task
                .outputs
                .warn(format!("a frame is shown for {seconds} seconds, which is the most that {name} holds"));
        }
    }

    /// Cut, padding and colours for one format.
    fn finish(&self, picture: &Raster, layout: &Layout, format: ImageFormat) -> Result<Raster, Failure> {
        if layout.position.is_none() || layout.scaled == layout.size {
            return self.colours(picture, format);
        }
        let picture = self.conversion(format).apply(picture.clone())?;
        let picture = self.frame(picture, layout, &mut None)?;
        Ok(self.colours_of_format(picture, format))
    }

    /// The layout of a result, padding aside.
    fn finished_format(&self, pixels: PixelFormat, format: ImageFormat) -> PixelFormat {
        let abilities = abilities(format);
        let alpha = pixels.alpha && abilities.alpha;
        let grey = self.stays_grey(format);
        let model = match pixels.model {
            // A JPEG's luma and chroma go into a file of luma and chroma as they are, unless colours change.
            Model::YCbCr if abilities.luma_and_chroma && self.conversion(format).is_none() => Model::YCbCr,
            Model::Grey if grey => Model::Grey,
            _ => Model::Rgb,
        };
        PixelFormat { model, alpha, depth: if abilities.sixteen { pixels.depth } else { Depth::Eight } }
    }

    fn colours(&self, picture: &Raster, format: ImageFormat) -> Result<Raster, Failure> {
        if self.conversion(format).is_none() && self.finished_format(picture.format(), format) == picture.format() {
            return Ok(picture.clone());
        }
        Ok(self.colours_of_format(self.conversion(format).apply(picture.clone())?, format))
    }

    /// What the format cannot hold is taken away.
    fn colours_of_format(&self, picture: Raster, format: ImageFormat) -> Raster {
        let abilities = abilities(format);
        let picture =
            if picture.alpha && !abilities.alpha { flatten(&picture, self.request.background) } else { picture };
        let picture = if abilities.sixteen { picture } else { picture.into_eight() };
        let grey = self.stays_grey(format);
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

    /// A small copy of a result in colours that can be looked at.
    fn to_srgb(&self, small: Raster, format: ImageFormat) -> Result<Raster, Failure> {
        let is_kept = self.conversion(format).embedded.is_some();
        let profile = if is_kept { &self.profile } else { &Profile::Srgb };
        ColourConversion::new(small.model, profile, Colour::Srgb).apply(small)
    }

    fn write_still(&self, picture: &Raster, name: &str, format: ImageFormat) -> Result<Written, Failure> {
        let name = format!("{name}.{}", format.extension());
        let output = Output::create(&self.task.outputs, &name)?;
        let attachments = self.attachments(format, (picture.width, picture.height));
        encode::still(output.clone(), picture, format, self.request.encoding, &attachments)?;
        output.finish(format.content_type(), output_properties(picture.width, picture.height, 1))?;
        Ok(Written { name, format, width: picture.width })
    }
}

impl Branch<'_> {
    /// The sizes of luma and chroma, where this goes into one file that stores them apart and needs nothing else.
    fn plane_sizes(&self) -> Option<PlaneSizes> {
        match &self.streams[..] {
            [stream] if stream.as_it_comes && self.whole.is_none() => stream.sink.plane_sizes(),
            _ => None,
        }
    }
}

impl Stream {
    fn write(&mut self, row: Row<'_>) -> Result<(), Failure> {
        self.sink.write(row)?;
        self.thumbnail.as_mut().map_or(Ok(()), |thumbnail| thumbnail.push(row))
    }
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

//! The filters between the decoder and the encoders of all renditions.

use std::fmt::Write as _;

use contract::Failure;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Rational, ffi, filter};

use super::plan::{Plan, Rendition};
use crate::filter_graph::{filter_graph_of_many, pixel_format_number, sink_name};
use crate::tone_map;

/// Deinterlacing, tone mapping, orientation, sizes, pixel format.
pub(crate) struct VideoGraph {
    graph: filter::Graph,
    shape: Shape,
    /// Whether interlaced frames are made whole. Others pass as they are.
    deinterlaces: bool,
}

/// What a graph was made for.
#[derive(PartialEq)]
struct Shape {
    format: ffmpeg_next::format::Pixel,
    size: (u32, u32),
    aspect: (i32, i32),
    range: ffmpeg_next::util::color::Range,
}

impl Shape {
    fn of(frame: &Video) -> Self {
        let aspect = frame.aspect_ratio();
        Self {
            format: frame.format(),
            size: (frame.width(), frame.height()),
            aspect: (aspect.numerator(), aspect.denominator()),
            range: frame.color_range(),
        }
    }
}

impl VideoGraph {
    /// A graph for frames like this one. Where one before was interlaced, others will be.
    pub(crate) fn new(frame: &Video, plan: &Plan, before: Option<&Self>) -> Result<Self, Failure> {
        let deinterlaces = frame.is_interlaced() || before.is_some_and(|before| before.deinterlaces);
        let shape = Shape::of(frame);
        let source = format!(
            "video_size={}x{}:pix_fmt={}:time_base={}/{}:pixel_aspect={}/{}",
            shape.size.0,
            shape.size.1,
            pixel_format_number(frame.format()),
            plan.clock.time_base.numerator(),
            plan.clock.time_base.denominator(),
            shape.aspect.0,
            shape.aspect.1.max(1),
        );
        let spec = spec(plan, shape.size, deinterlaces);
        let graph = filter_graph_of_many("buffer", &source, "buffersink", plan.renditions.len(), &spec)?;
        Ok(Self { graph, shape, deinterlaces })
    }

    pub(crate) fn fits(&self, frame: &Video) -> bool {
        self.shape == Shape::of(frame) && (self.deinterlaces || !frame.is_interlaced())
    }

    /// Takes a reference to the frame; its pixels are not copied.
    pub(crate) fn push(&mut self, frame: &mut Video) -> Result<(), Failure> {
        if tone_map::is_hdr(frame) {
            tone_map::say_what_hdr_means(frame);
        }
        let mut source = self.graph.get("in").expect("named so");
        // SAFETY: a live source and a live frame, of which the source makes a reference of its own.
        match unsafe { ffi::av_buffersrc_write_frame(source.as_mut_ptr(), frame.as_ptr()) } {
            0.. => Ok(()),
            code => Err(failed(code.into())),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.graph.get("in").expect("named so").source().flush().map_err(failed)
    }

    pub(crate) fn pull(&mut self, output: usize) -> Result<Option<Video>, Failure> {
        let mut frame = Video::empty();
        match self.graph.get(&sink_name(output)).expect("named so").sink().frame(&mut frame) {
            Ok(()) => Ok(Some(frame)),
            Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed(error: ffmpeg_next::Error) -> Failure {
    Failure::internal("a frame cannot be filtered").because(error)
}

/// The graph in libavfilter's words.
fn spec(plan: &Plan, size: (u32, u32), deinterlaces: bool) -> String {
    let largest = &plan.renditions[0];
    let orientation = plan.video.orientation;
    let mut steps = Vec::new();
    if deinterlaces {
        // The filter counts time in fields.
        let Rational(numerator, denominator) = plan.clock.time_base;
        steps.push(format!("bwdif=mode=send_frame:parity=auto:deint=interlaced,settb=expr={numerator}/{denominator}"));
    }
    let mut shown = orientation.shown(size);
    if plan.is_tone_mapped {
        // Fewer pixels to map where the result is smaller.
        shown = (largest.width, largest.height);
        let stored = orientation.shown(shown);
        steps.push(tone_map::filters(stored.0, stored.1));
    }
    steps.extend(orientation.filters().map(str::to_owned));
    let name = plan.pixel_format.descriptor().map_or("yuv420p", |descriptor| descriptor.name());
    let sized = |rendition: &Rendition| {
        let is_own = (shown.0 / 2 * 2, shown.1 / 2 * 2) == (rendition.width, rendition.height);
        let size = match (is_own, shown == (rendition.width, rendition.height)) {
            (_, true) => String::new(),
            // An odd line or column is left out rather than all of them resampled.
            (true, false) => format!("crop={}:{}:0:0,", rendition.width, rendition.height),
            (false, false) => format!("scale={}:{},", rendition.width, rendition.height),
        };
        format!("{size}format={name}")
    };
    let before = steps.join(",");
    if let [only] = &plan.renditions[..] {
        let comma = if before.is_empty() { "" } else { "," };
        return format!("[in]{before}{comma}{}[{}]", sized(only), sink_name(0));
    }
    let count = plan.renditions.len();
    let before = if before.is_empty() { "null".to_owned() } else { before };
    let mut text = format!("[in]{before},split={count}");
    for at in 0..count {
        let _ = write!(text, "[s{at}]");
    }
    for (at, rendition) in plan.renditions.iter().enumerate() {
        let _ = write!(text, ";[s{at}]{}[{}]", sized(rendition), sink_name(at));
    }
    text
}

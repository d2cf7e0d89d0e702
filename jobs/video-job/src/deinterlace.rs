//! Pictures whose even and odd lines were taken at different moments, made whole one by one: there is no frame before and
//! none behind to compare with.

use contract::Failure;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{ffi, filter};

use crate::filter_graph::{filter_graph, pixel_format_number};

/// Interpolates the lines of one moment along edges (libavfilter's `estdif`), for frames of one shape.
pub(crate) struct Deinterlacer {
    graph: filter::Graph,
    shape: (Pixel, u32, u32),
}

impl Deinterlacer {
    pub(crate) fn new(frame: &Video) -> Result<Self, Failure> {
        let arguments = format!(
            "video_size={}x{}:pix_fmt={}:time_base=1/1000:pixel_aspect=1/1",
            frame.width(),
            frame.height(),
            pixel_format_number(frame.format()),
        );
        let graph = filter_graph("buffer", &arguments, "buffersink", "estdif=mode=frame:parity=auto:deint=interlaced")?;
        Ok(Self { graph, shape: shape(frame) })
    }

    /// Whether frames like this one are what it was made for.
    pub(crate) fn fits(&self, frame: &Video) -> bool {
        self.shape == shape(frame)
    }

    pub(crate) fn deinterlace(&mut self, frame: &Video) -> Result<Video, Failure> {
        let failed = |error: ffmpeg_next::Error| Failure::internal("a picture cannot be deinterlaced").because(error);
        let mut result = None;
        // The filter gives a frame out when the next one comes: it gets each twice, and the last that it gives is the first
        // of the two.
        for _ in 0..2 {
            let mut source = self.graph.get("in").expect("named so");
            // SAFETY: a live source and a live frame, of which the source makes a reference of its own.
            match unsafe { ffi::av_buffersrc_write_frame(source.as_mut_ptr(), frame.as_ptr()) } {
                0.. => {}
                code => return Err(failed(code.into())),
            }
            loop {
                let mut filtered = Video::empty();
                if self.graph.get("out").expect("named so").sink().frame(&mut filtered).is_err() {
                    break;
                }
                result = Some(filtered);
            }
        }
        let mut result = result.ok_or_else(|| Failure::internal("the deinterlacer gave no picture"))?;
        // SAFETY: both own live AVFrames. The graph was made for square pixels; what the frame has is kept.
        unsafe { (*result.as_mut_ptr()).sample_aspect_ratio = (*frame.as_ptr()).sample_aspect_ratio };
        Ok(result)
    }
}

fn shape(frame: &Video) -> (Pixel, u32, u32) {
    (frame.format(), frame.width(), frame.height())
}

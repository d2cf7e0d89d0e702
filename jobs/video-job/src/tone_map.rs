//! Pictures of high dynamic range (PQ, HLG) as pictures of standard dynamic range (BT.709).

use contract::Failure;
use ffmpeg_next::filter;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::util::color::{Primaries, Space, TransferCharacteristic};

use crate::filter_graph::{filter_graph, pixel_format_number};

/// The filters that do it, at a size: to linear light where 1.0 is diffuse white (203 cd/m², ITU-R BT.2408), to BT.709
/// primaries, highlights rolled off (Hable), and back to eight bits.
pub(crate) fn filters(width: u32, height: u32) -> String {
    format!(
        "zscale=w={width}:h={height}:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
         zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
    )
}

/// Maps frames of one shape.
pub(crate) struct ToneMapper {
    graph: filter::Graph,
    format: Pixel,
    input: (u32, u32),
    output: (u32, u32),
    transfer: TransferCharacteristic,
}

impl ToneMapper {
    pub(crate) fn new(frame: &Video, width: u32, height: u32) -> Result<Self, Failure> {
        let arguments = format!(
            "video_size={}x{}:pix_fmt={}:time_base=1/1000:pixel_aspect=1/1",
            frame.width(),
            frame.height(),
            pixel_format_number(frame.format()),
        );
        let graph = filter_graph("buffer", &arguments, "buffersink", &filters(width, height))?;
        Ok(Self {
            graph,
            format: frame.format(),
            input: (frame.width(), frame.height()),
            output: (width, height),
            transfer: frame.color_transfer_characteristic(),
        })
    }

    /// Whether frames like this one at this size are what it was made for.
    pub(crate) fn fits(&self, frame: &Video, width: u32, height: u32) -> bool {
        self.format == frame.format()
            && self.input == (frame.width(), frame.height())
            && self.output == (width, height)
            && self.transfer == frame.color_transfer_characteristic()
    }

    pub(crate) fn map(&mut self, frame: &Video) -> Result<Video, Failure> {
        let mut frame = frame.clone();
        say_what_hdr_means(&mut frame);
        let failed = |error| Failure::internal("tone mapping failed").because(error);
        self.graph.get("in").expect("named so").source().add(&frame).map_err(failed)?;
        let mut result = Video::empty();
        self.graph.get("out").expect("named so").sink().frame(&mut result).map_err(failed)?;
        Ok(result)
    }
}

/// HDR video is BT.2020 where it does not say otherwise.
pub(crate) fn say_what_hdr_means(frame: &mut Video) {
    if matches!(frame.color_primaries(), Primaries::Unspecified) {
        frame.set_color_primaries(Primaries::BT2020);
    }
    if matches!(frame.color_space(), Space::Unspecified) {
        frame.set_color_space(Space::BT2020NCL);
    }
}

/// Whether the picture has high dynamic range (PQ or HLG).
pub(crate) fn is_hdr(frame: &Video) -> bool {
    matches!(
        frame.color_transfer_characteristic(),
        TransferCharacteristic::SMPTE2084 | TransferCharacteristic::ARIB_STD_B67
    )
}

//! Writes pictures as JPEG or WebP.

use catalog::operations::FrameFormat;
use contract::Failure;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Dictionary, Packet, Rational, codec};

use crate::jpeg;
use crate::picture::{Colours, Picture};

/// Encodes pictures one after the other.
pub(crate) enum StillEncoder {
    Jpeg { quality: u8 },
    Webp(WebpEncoder),
}

/// libwebp through libavcodec, opened for one size.
pub(crate) struct WebpEncoder {
    quality: u8,
    open: Option<(u32, u32, codec::encoder::video::Encoder)>,
    count: i64,
}

impl StillEncoder {
    pub(crate) fn new(format: FrameFormat, quality: u8) -> Self {
        match format {
            FrameFormat::Jpeg => Self::Jpeg { quality },
            FrameFormat::Webp => Self::Webp(WebpEncoder { quality, open: None, count: 0 }),
        }
    }

    /// The colours that pictures must have.
    pub(crate) fn colours(&self) -> Colours {
        match self {
            Self::Jpeg { .. } => Colours::Jpeg,
            Self::Webp(_) => Colours::Webp,
        }
    }

    pub(crate) fn encode(&mut self, picture: &Picture) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Jpeg { quality } => jpeg::encode(picture, *quality),
            Self::Webp(encoder) => {
                encoder.encode(picture).map_err(|error| Failure::internal("WebP encoding failed").because(error))
            }
        }
    }
}

impl WebpEncoder {
    fn encode(&mut self, picture: &Picture) -> Result<Vec<u8>, ffmpeg_next::Error> {
        let size = (picture.width as u32, picture.height as u32);
        if self.open.as_ref().is_none_or(|(width, height, _)| (*width, *height) != size) {
            self.open = Some((size.0, size.1, self.open_encoder(size)?));
        }
        let mut frame = Video::new(Pixel::YUV420P, size.0, size.1);
        for plane in 0..3 {
            let (stride, source) = (frame.stride(plane), picture.stride(plane));
            let length = if plane == 0 { picture.width } else { picture.width.div_ceil(2) };
            let lines = if plane == 0 { picture.height } else { picture.height.div_ceil(2) };
            let target = frame.data_mut(plane);
            for line in 0..lines {
                target[line * stride..line * stride + length]
                    .copy_from_slice(&picture.planes[plane][line * source..line * source + length]);
            }
        }
        frame.set_pts(Some(self.count));
        self.count += 1;
        let (_, _, encoder) = self.open.as_mut().ok_or(ffmpeg_next::Error::Bug)?;
        encoder.send_frame(&frame)?;
        let mut packet = Packet::empty();
        encoder.receive_packet(&mut packet)?;
        Ok(packet.data().unwrap_or_default().to_vec())
    }

    fn open_encoder(&self, (width, height): (u32, u32)) -> Result<codec::encoder::video::Encoder, ffmpeg_next::Error> {
        let codec = codec::encoder::find_by_name("libwebp").ok_or(ffmpeg_next::Error::EncoderNotFound)?;
        let mut encoder = codec::Context::new_with_codec(codec).encoder().video()?;
        encoder.set_width(width);
        encoder.set_height(height);
        encoder.set_format(Pixel::YUV420P);
        encoder.set_time_base(Rational(1, 25));
        let mut options = Dictionary::new();
        options.set("quality", &self.quality.to_string());
        options.set("compression_level", "4");
        encoder.open_with(options)
    }
}

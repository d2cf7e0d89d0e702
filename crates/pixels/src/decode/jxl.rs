//! JPEG XL by jxl-oxide, in Rust.
//!
//! What its colours mean is told by code points where it can be, as in other containers, so that high dynamic range is seen
//! as such. The brightness that a file says for its white (`intensity_target`) is only of use to a display that can show it:
//! white is white, as djxl and browsers have it. The library rolls such pictures off to 255 cd/m² if they are coded by
//! perception (XYB), so these are asked for in absolute light and divided by that brightness here.

use std::io::BufReader;

use contract::Failure;
use jxl_oxide::color::{ColourEncoding, ColourSpace, WhitePoint};
use jxl_oxide::{
    AllocTracker, AuxBoxData, EnumColourEncoding, HdrType, InitializeResult, JxlImage, JxlThreadPool,
    PixelFormat as JxlFormat, RenderingIntent,
};
use operation::Input;

use crate::colour::{pq_light, srgb_code};
use crate::decode::{Content, MOST_METADATA_BYTES, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions};
use crate::orientation::Orientation;
use crate::raster::{Depth, Model, PixelFormat, Raster, RasterRows, RowMut, RowSource, Samples};

/// Opens a JPEG XL: its header is read and its size checked before anything else.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let mut reader = BufReader::with_capacity(1 << 16, input.reader());
    // Frames are decoded as planes of 32-bit numbers, with a few copies on the way.
    let most = usize::try_from(options.max_pixels.saturating_mul(4 * 4 * 4)).unwrap_or(usize::MAX);
    let mut image =
        JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(most)).build_uninit();
    let mut image = loop {
        let mut window = vec![0; 1 << 14];
        let count = std::io::Read::read(&mut reader, &mut window)?;
        if count == 0 {
            return Err(truncated());
        }
        image.feed_bytes(&window[..count]).map_err(failure)?;
        match image.try_init().map_err(failure)? {
            InitializeResult::NeedMoreData(more) => image = more,
            InitializeResult::Initialized(image) => break image,
        }
    };
    let size = (image.width(), image.height());
    options.check_size(size.0, size.1, 1)?;
    if image.image_header().metadata.animation.is_some() && !options.first_frame {
        return Err(Failure::invalid_input("animated JPEG XL is not taken; first-frame takes its first picture"));
    }
    let format = match image.pixel_format() {
        JxlFormat::Gray => (Model::Grey, false),
        JxlFormat::Graya => (Model::Grey, true),
        JxlFormat::Rgb => (Model::Rgb, false),
        JxlFormat::Rgba => (Model::Rgb, true),
        JxlFormat::Cmyk => (Model::Cmyk, false),
        JxlFormat::Cmyka => (Model::Cmyk, true),
    };
    let white = scaled_white(&image);
    if white.is_some() {
        let light = EnumColourEncoding::bt2100_pq(RenderingIntent::Relative);
        let colour_space = if format.0 == Model::Grey { ColourSpace::Grey } else { ColourSpace::Rgb };
        image.request_color_encoding(EnumColourEncoding { colour_space, ..light });
    }
    let depth = if white.is_some() || image.image_header().metadata.bit_depth.bits_per_sample() > 8 {
        Depth::Sixteen
    } else {
        Depth::Eight
    };
    let format = PixelFormat { model: format.0, alpha: format.1, depth };
    let profile = profile(&image, white.is_some());
    let metadata = metadata(&mut reader, &mut image)?;
    let allow_truncated = options.allow_truncated;
    let rows = Rows { reader, image, size, format, white, allow_truncated, truncated: false, decoded: None };
    Ok(Picture {
        size,
        format,
        profile,
        // jxl-oxide hands out pixels that are turned already.
        orientation: Orientation::default(),
        metadata,
        frames: 1,
        sequence: false,
        pages: 1,
        more_frames: false,
        warnings: Vec::new(),
        content: Content::Still(Box::new(rows)),
    })
}

/// The light of white in cd/m², of a picture that is to be divided by it.
fn scaled_white(image: &JxlImage) -> Option<f32> {
    /// Up to here the library changes nothing.
    const USUAL: f32 = 255.0;
    let metadata = &image.image_header().metadata;
    let white = metadata.tone_mapping.intensity_target;
    let is_high = matches!(image.hdr_type(), Some(HdrType::Pq | HdrType::Hlg));
    (metadata.xyb_encoded && white > USUAL && !is_high).then_some(white)
}

/// What the colours mean that the library hands out.
fn profile(image: &JxlImage, is_scaled: bool) -> Profile {
    const BT2020: u8 = 9;
    const DCI_P3: u8 = 11;
    const DISPLAY_P3: u8 = 12;
    const SRGB: u8 = 13;
    if is_scaled {
        return Profile::CodePoints { primaries: BT2020, transfer: SRGB };
    }
    if let ColourEncoding::Enum(encoding) = &image.image_header().metadata.colour_encoding
        && encoding.white_point == WhitePoint::D65
        && let Some([primaries, transfer, ..]) = image.rendered_cicp()
    {
        // The library's number for P3 is that of cinemas, whose white is another.
        let primaries = if primaries == DCI_P3 { DISPLAY_P3 } else { primaries };
        return Profile::CodePoints { primaries, transfer };
    }
    let icc = image.rendered_icc();
    if icc.is_empty() || icc.len() > MOST_PROFILE_BYTES { Profile::Srgb } else { Profile::Icc(icc) }
}

/// EXIF and XMP, which may come behind the picture; pixels are not decoded for them. A file that ends early has what came.
fn metadata(reader: &mut BufReader<operation::InputReader>, image: &mut JxlImage) -> Result<Metadata, Failure> {
    let has_more = |image: &JxlImage| {
        let boxes = image.aux_boxes();
        boxes.first_exif().is_ok_and(|exif| exif.is_decoding()) || boxes.first_xml().is_decoding()
    };
    let mut window = vec![0; 1 << 16];
    while has_more(image) {
        let count = std::io::Read::read(reader, &mut window)?;
        if count == 0 {
            // Tells the boxes that nothing more comes; a file that is cut says so when its pixels are asked for.
            let _ = image.finalize();
            break;
        }
        image.feed_bytes(&window[..count]).map_err(failure)?;
    }
    let boxes = image.aux_boxes();
    let exif = match boxes.first_exif() {
        Ok(AuxBoxData::Data(exif)) => exif.payload().get(exif.tiff_header_offset() as usize..).map(<[u8]>::to_vec),
        _ => None,
    };
    let xmp = match boxes.first_xml() {
        AuxBoxData::Data(xmp) => Some(xmp.to_vec()),
        _ => None,
    };
    let is_small = |bytes: &Vec<u8>| !bytes.is_empty() && bytes.len() <= MOST_METADATA_BYTES;
    Ok(Metadata { exif: exif.filter(is_small), xmp: xmp.filter(is_small), ..Metadata::default() })
}

fn truncated() -> Failure {
    Failure::invalid_input("the JPEG XL is truncated; allow-truncated takes what is there")
}

fn failure(error: Box<dyn std::error::Error + Send + Sync>) -> Failure {
    Failure::invalid_input("the JPEG XL cannot be decoded").because(error)
}

struct Rows {
    reader: BufReader<operation::InputReader>,
    image: JxlImage,
    size: (u32, u32),
    format: PixelFormat,
    /// The light of white in cd/m², of pixels that come as light.
    white: Option<f32>,
    allow_truncated: bool,
    truncated: bool,
    decoded: Option<RasterRows>,
}

impl Rows {
    fn decode(&mut self) -> Result<Raster, Failure> {
        let mut window = vec![0; 1 << 16];
        while self.image.num_loaded_keyframes() == 0 {
            let count = std::io::Read::read(&mut self.reader, &mut window)?;
            if count == 0 {
                break;
            }
            self.image.feed_bytes(&window[..count]).map_err(failure)?;
        }
        let render = if self.image.num_loaded_keyframes() > 0 {
            self.image.render_frame(0).map_err(failure)?
        } else if self.allow_truncated {
            self.truncated = true;
            self.image.render_loading_frame().map_err(failure)?
        } else {
            return Err(truncated());
        };
        let mut stream = render.stream();
        if (stream.width(), stream.height()) != self.size || stream.channels() as usize != self.format.channels() {
            return Err(Failure::invalid_input(
                "the JPEG XL's picture has another size or layout than its header says",
            ));
        }
        let mut raster = Raster::new(self.size.0, self.size.1, self.format)?;
        let channels = self.format.channels();
        let colours = self.format.model.channels();
        match &mut raster.samples {
            Samples::Eight(samples) => {
                stream.write_to_buffer(samples);
                if self.format.model == Model::Cmyk {
                    invert(samples, channels);
                }
            }
            Samples::Sixteen(samples) => {
                stream.write_to_buffer(samples);
                if self.format.model == Model::Cmyk {
                    invert(samples, channels);
                }
                if let Some(white) = self.white {
                    let codes: Vec<u16> = (0..=u16::MAX).map(|sample| relative_code(sample, white)).collect();
                    for pixel in samples.chunks_exact_mut(channels) {
                        pixel[..colours].iter_mut().for_each(|sample| *sample = codes[usize::from(*sample)]);
                    }
                }
            }
        }
        Ok(raster)
    }
}

/// ISO/IEC 18181-1: the highest number of a colour is no ink.
fn invert<T: Copy + std::ops::Not<Output = T>>(samples: &mut [T], channels: usize) {
    for pixel in samples.chunks_exact_mut(channels) {
        pixel[..4].iter_mut().for_each(|sample| *sample = !*sample);
    }
}

/// A code of PQ as one of sRGB's curve, for a white of that light.
fn relative_code(sample: u16, white: f32) -> u16 {
    let light = pq_light(f32::from(sample) / 65_535.0) / white;
    (srgb_code(light.clamp(0.0, 1.0)) * 65_535.0 + 0.5) as u16
}

impl RowSource for Rows {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if self.decoded.is_none() {
            self.decoded = Some(RasterRows::new(self.decode()?));
        }
        self.decoded.as_mut().map_or(Ok(()), |rows| rows.read(row))
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

//! JPEG XL by jxl-oxide, in Rust.
//!
//! What its colours mean is told by code points where it can be, as in other containers, so that high dynamic range is seen
//! as such. The brightness that a file says for its white (`intensity_target`) is only of use to a display that can show it:
//! white is white, as djxl and browsers have it. [`light`] makes the codes of pictures that are coded by perception (XYB).

mod light;

use std::io::BufReader;

use contract::Failure;
use jxl_oxide::color::{ColourEncoding, WhitePoint};
use jxl_oxide::image::AnimationHeader;
use jxl_oxide::{
    AllocTracker, AuxBoxData, InitializeResult, JxlImage, JxlThreadPool, PixelFormat as JxlFormat, Render,
};
use light::Light;
use operation::Input;

use crate::decode::{
    Content, Frame, FrameSource, MOST_METADATA_BYTES, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions,
};
use crate::raster::{
    Depth, Model, PixelFormat, Raster, RasterBuilder, RasterRows, Row, RowMut, RowSource, Sample, Samples,
};

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
    let clock = image.image_header().metadata.animation.as_ref().map(Clock::of);
    let light = Light::of(&image);
    let mut format = match image.pixel_format() {
        JxlFormat::Gray => (Model::Grey, false),
        JxlFormat::Graya => (Model::Grey, true),
        JxlFormat::Rgb => (Model::Rgb, false),
        JxlFormat::Rgba => (Model::Rgb, true),
        JxlFormat::Cmyk => (Model::Cmyk, false),
        JxlFormat::Cmyka => (Model::Cmyk, true),
    };
    if let Some(light) = &light {
        format.0 = if light.is_grey() { Model::Grey } else { Model::Rgb };
        image.request_color_encoding(light.request());
    }
    let depth = if light.is_some() || image.image_header().metadata.bit_depth.bits_per_sample() > 8 {
        Depth::Sixteen
    } else {
        Depth::Eight
    };
    let format = PixelFormat { model: format.0, alpha: format.1, depth };
    let profile = light.as_ref().map_or_else(|| profile(&image), Light::profile);
    let metadata = metadata(&mut reader, &mut image)?;
    let allow_truncated = options.allow_truncated;
    let mut decoder = Decoder { image, size, format, light };
    // jxl-oxide hands out pixels that are turned already.
    let known = |format, content| Picture { profile, metadata, ..Picture::new(size, format, content) };
    let mut is_cut = false;
    if let Some(clock) = clock
        && !options.first_frame
    {
        is_cut = !decoder.feed(&mut reader, JxlImage::is_loading_done)?;
        if is_cut && !allow_truncated {
            return Err(truncated());
        }
        let frames = u32::try_from(decoder.image.num_loaded_keyframes()).unwrap_or(u32::MAX);
        options.check_size(size.0, size.1, frames)?;
        if frames > 1 {
            if format.model == Model::Cmyk {
                return Err(Failure::invalid_input("an animated JPEG XL of inks is not taken"));
            }
            let animation = Animation { decoder, clock, next: 0, frames, truncated: is_cut };
            let content = Content::Animation { frames: Box::new(animation), loops: clock.loops };
            return Ok(Picture { frames, ..known(PixelFormat::RGBA8, content) });
        }
    }
    let is_animated = clock.is_some();
    let rows = Rows { reader, decoder, allow_truncated, truncated: is_cut, decoded: None };
    Ok(Picture { more_frames: is_animated && options.first_frame, ..known(format, Content::Still(Box::new(rows))) })
}

/// How time is counted.
#[derive(Clone, Copy)]
struct Clock {
    milliseconds_per_tick: f64,
    /// How often the animation is shown; 0 is without end.
    loops: u32,
}

impl Clock {
    fn of(header: &AnimationHeader) -> Self {
        let ticks = f64::from(header.tps_numerator.max(1)) / f64::from(header.tps_denominator.max(1));
        Self { milliseconds_per_tick: 1000.0 / ticks, loops: header.num_loops }
    }
}

/// What the colours mean that the library hands out.
fn profile(image: &JxlImage) -> Profile {
    const DCI_P3: u8 = 11;
    const DISPLAY_P3: u8 = 12;
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

/// An image of which frames are asked.
struct Decoder {
    image: JxlImage,
    size: (u32, u32),
    format: PixelFormat,
    /// How pixels become codes that come as light.
    light: Option<Light>,
}

impl Decoder {
    /// Reads on until there is enough; false at the end of the file.
    fn feed(
        &mut self,
        reader: &mut BufReader<operation::InputReader>,
        is_enough: impl Fn(&JxlImage) -> bool,
    ) -> Result<bool, Failure> {
        let mut window = vec![0; 1 << 16];
        while !is_enough(&self.image) {
            let count = std::io::Read::read(reader, &mut window)?;
            if count == 0 {
                return Ok(false);
            }
            self.image.feed_bytes(&window[..count]).map_err(failure)?;
        }
        Ok(true)
    }

    /// A frame that is there, or as much as there is of one that is not whole.
    fn frame(&mut self, number: usize) -> Result<Raster, Failure> {
        let render = if number < self.image.num_loaded_keyframes() {
            self.image.render_frame(number).map_err(failure)?
        } else {
            self.image.render_loading_frame().map_err(failure)?
        };
        if let Some(light) = &self.light {
            return self.coded(light, &render, number);
        }
        let mut stream = render.stream();
        if (stream.width(), stream.height()) != self.size || stream.channels() as usize != self.format.channels() {
            return Err(unlike_its_header());
        }
        let mut raster = Raster::new(self.size.0, self.size.1, self.format)?;
        let channels = self.format.channels();
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
            }
        }
        Ok(raster)
    }

    /// A frame that comes as light, in codes.
    fn coded(&self, light: &Light, render: &Render, number: usize) -> Result<Raster, Failure> {
        let frame = self.image.frame_header(number).ok_or_else(truncated)?;
        let coding = light.coding(frame)?;
        let mut stream = render.stream();
        let (channels, alpha) = (stream.channels() as usize, self.format.alpha);
        let is_known = matches!(channels.checked_sub(usize::from(alpha)), Some(1 | 3));
        if (stream.width(), stream.height()) != self.size || !is_known {
            return Err(unlike_its_header());
        }
        let mut rows = RasterBuilder::new(self.size, self.format)?;
        let mut row = vec![0.0_f32; self.size.0 as usize * channels];
        for _ in 0..self.size.1 {
            stream.write_to_buffer(&mut row);
            let codes = coding.apply(&row, channels, alpha, light.is_grey())?;
            let samples: Vec<u16> = codes.iter().map(|code| u16::from_f32(code * <u16 as Sample>::MAX)).collect();
            rows.push(Row::Sixteen(&samples))?;
        }
        Ok(rows.finish())
    }
}

struct Rows {
    reader: BufReader<operation::InputReader>,
    decoder: Decoder,
    allow_truncated: bool,
    truncated: bool,
    decoded: Option<RasterRows>,
}

impl Rows {
    fn decode(&mut self) -> Result<Raster, Failure> {
        if !self.decoder.feed(&mut self.reader, |image| image.num_loaded_keyframes() > 0)? {
            if !self.allow_truncated {
                return Err(truncated());
            }
            self.truncated = true;
        }
        self.decoder.frame(0)
    }
}

struct Animation {
    decoder: Decoder,
    clock: Clock,
    next: u32,
    frames: u32,
    truncated: bool,
}

impl FrameSource for Animation {
    fn next(&mut self) -> Result<Option<Frame>, Failure> {
        if self.next == self.frames {
            return Ok(None);
        }
        let number = self.next as usize;
        self.next += 1;
        let raster = self.decoder.frame(number)?.into_eight();
        let ticks = self.decoder.image.frame_header(number).map_or(0, |header| header.duration);
        let milliseconds = (f64::from(ticks) * self.clock.milliseconds_per_tick).round() as u32;
        Ok(Some(Frame { raster: with_opacity(&raster), milliseconds }))
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// Eight-bit grey or RGB, as RGB with opacity.
fn with_opacity(picture: &Raster) -> Raster {
    let channels = picture.format().channels();
    let pixels = picture.eight().chunks_exact(channels);
    let samples = pixels.flat_map(|pixel| match *pixel {
        [grey] => [grey, grey, grey, u8::MAX],
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue] => [red, green, blue, u8::MAX],
        [red, green, blue, alpha, ..] => [red, green, blue, alpha],
        [] => [0; 4],
    });
    Raster { model: Model::Rgb, alpha: true, samples: Samples::Eight(samples.collect()), ..*picture }
}

fn unlike_its_header() -> Failure {
    Failure::invalid_input("the JPEG XL's picture has another size or layout than its header says")
}

/// ISO/IEC 18181-1: the highest number of a colour is no ink.
fn invert<T: Copy + std::ops::Not<Output = T>>(samples: &mut [T], channels: usize) {
    for pixel in samples.chunks_exact_mut(channels) {
        pixel[..4].iter_mut().for_each(|sample| *sample = !*sample);
    }
}

impl RowSource for Rows {
    fn size(&self) -> (u32, u32) {
        self.decoder.size
    }

    fn format(&self) -> PixelFormat {
        self.decoder.format
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

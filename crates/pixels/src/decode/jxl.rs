//! JPEG XL by jxl-oxide, in Rust.

use std::io::BufReader;

use contract::Failure;
use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, JxlThreadPool, PixelFormat as JxlFormat};
use operation::Input;

use crate::decode::{Content, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions};
use crate::orientation::Orientation;
use crate::raster::{Depth, Model, PixelFormat, Raster, RasterRows, RowMut, RowSource, Samples};

/// Opens a JPEG XL: its header is read and its size checked before anything else.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let mut reader = BufReader::with_capacity(1 << 16, input.reader());
    // Frames are decoded as planes of 32-bit numbers, with a few copies on the way.
    let most = usize::try_from(options.most_pixels.saturating_mul(4 * 4 * 4)).unwrap_or(usize::MAX);
    let mut image =
        JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(most)).build_uninit();
    let image = loop {
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
    let depth =
        if image.image_header().metadata.bit_depth.bits_per_sample() > 8 { Depth::Sixteen } else { Depth::Eight };
    let format = PixelFormat { model: format.0, alpha: format.1, depth };
    let icc = image.rendered_icc();
    let profile = if icc.is_empty() || icc.len() > MOST_PROFILE_BYTES { Profile::Srgb } else { Profile::Icc(icc) };
    let rows =
        Rows { reader, image, size, format, allow_truncated: options.allow_truncated, truncated: false, decoded: None };
    Ok(Picture {
        size,
        format,
        profile,
        // jxl-oxide hands out pixels that are turned already.
        orientation: Orientation::default(),
        metadata: Metadata::default(),
        frames: 1,
        sequence: false,
        pages: 1,
        more_frames: false,
        warnings: Vec::new(),
        content: Content::Still(Box::new(rows)),
    })
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
        match &mut raster.samples {
            Samples::Eight(samples) => {
                stream.write_to_buffer(samples);
            }
            Samples::Sixteen(samples) => {
                stream.write_to_buffer(samples);
            }
        }
        Ok(raster)
    }
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

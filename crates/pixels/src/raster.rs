//! Pixels in memory, and rows of them on their way through.
#![expect(clippy::inline_always, reason = "conversions of samples are inlined into code for particular processors")]

use contract::Failure;

use crate::planes::PlaneSource;

/// What the samples of a pixel stand for, transparency aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// One sample of lightness.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Full-range BT.601 luma and chroma, as JPEG stores it. Eight bits only.
    YCbCr,
    /// Ink coverage, 0 is paper.
    Cmyk,
}

impl Model {
    /// Samples of a pixel without transparency.
    pub const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

/// Bits of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 0 to 255.
    Eight,
    /// 0 to 65535.
    Sixteen,
}

/// How a pixel is laid out. Samples are interleaved, alpha comes last and is not premultiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelFormat {
    /// What the samples stand for.
    pub model: Model,
    /// Whether a sample of opacity follows them.
    pub alpha: bool,
    /// Bits of a sample.
    pub depth: Depth,
}

impl PixelFormat {
    /// Eight-bit red, green, blue and opacity.
    pub const RGBA8: Self = Self { model: Model::Rgb, alpha: true, depth: Depth::Eight };

    /// Samples of a pixel.
    pub const fn channels(self) -> usize {
        self.model.channels() + self.alpha as usize
    }
}

/// A number that a sample is stored as.
pub trait Sample: Copy + Default + Send + Sync + 'static {
    /// The value of full intensity.
    const MAX: f32;
    /// The sample as a number from 0 to [`Sample::MAX`].
    fn to_f32(self) -> f32;
    /// The nearest sample; values out of range are clamped.
    fn from_f32(value: f32) -> Self;
}

impl Sample for u8 {
    const MAX: f32 = 255.0;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        // The cast saturates.
        (value + 0.5) as Self
    }
}

impl Sample for u16 {
    const MAX: f32 = 65535.0;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        (value + 0.5) as Self
    }
}

/// Samples of either depth.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// Of eight bits.
    Eight(Vec<u8>),
    /// Of sixteen bits.
    Sixteen(Vec<u16>),
}

/// A row of samples.
#[derive(Clone, Copy)]
pub enum Row<'a> {
    /// Of eight bits.
    Eight(&'a [u8]),
    /// Of sixteen bits.
    Sixteen(&'a [u16]),
}

/// A row to be filled.
pub enum RowMut<'a> {
    /// With samples of eight bits.
    Eight(&'a mut [u8]),
    /// With samples of sixteen bits.
    Sixteen(&'a mut [u16]),
}

impl Row<'_> {
    /// A copy as a picture of one row.
    pub fn to_raster(self, format: PixelFormat) -> Raster {
        let samples = match self {
            Row::Eight(samples) => Samples::Eight(samples.to_vec()),
            Row::Sixteen(samples) => Samples::Sixteen(samples.to_vec()),
        };
        let length = match self {
            Row::Eight(samples) => samples.len(),
            Row::Sixteen(samples) => samples.len(),
        };
        let width = (length / format.channels()) as u32;
        Raster { width, height: 1, model: format.model, alpha: format.alpha, samples }
    }
}

impl Samples {
    /// That many samples of nothing.
    pub fn zeroed(depth: Depth, count: usize) -> Result<Self, Failure> {
        fn zeros<T: Sample>(count: usize) -> Result<Vec<T>, Failure> {
            let mut samples = Vec::new();
            samples.try_reserve_exact(count).map_err(|error| {
                Failure::internal(format!("no memory for a picture of {count} samples")).because(error)
            })?;
            samples.resize(count, T::default());
            Ok(samples)
        }
        Ok(match depth {
            Depth::Eight => Self::Eight(zeros(count)?),
            Depth::Sixteen => Self::Sixteen(zeros(count)?),
        })
    }

    /// Bits of a sample.
    pub fn depth(&self) -> Depth {
        match self {
            Self::Eight(_) => Depth::Eight,
            Self::Sixteen(_) => Depth::Sixteen,
        }
    }

    /// All as one row.
    pub fn as_row(&self) -> Row<'_> {
        match self {
            Self::Eight(samples) => Row::Eight(samples),
            Self::Sixteen(samples) => Row::Sixteen(samples),
        }
    }

    /// All as one row to be filled.
    pub fn as_row_mut(&mut self) -> RowMut<'_> {
        match self {
            Self::Eight(samples) => RowMut::Eight(samples),
            Self::Sixteen(samples) => RowMut::Sixteen(samples),
        }
    }
}

/// Rows of pixels from top to bottom, made while they are read.
pub trait RowSource: Send {
    /// Width and height.
    fn size(&self) -> (u32, u32);

    /// The layout of the rows.
    fn format(&self) -> PixelFormat;

    /// Chooses another size if the source can make one cheaply: no less than `least` in both directions. Called at most
    /// once, before the first row.
    fn shrink(&mut self, least: (u32, u32)) -> Result<(), Failure> {
        let _ = least;
        Ok(())
    }

    /// Sets the size of a source that has none of its own, such as a drawing. Called at most once, before the first row.
    fn vector_size(&mut self, size: (u32, u32)) {
        let _ = size;
    }

    /// Luma and chroma apart, of a source that stores them so, chroma with as many or half as many columns and rows. Either
    /// these are read or the rows.
    fn planes(&mut self) -> Option<&mut dyn PlaneSource> {
        None
    }

    /// Fills the next row.
    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure>;

    /// Whether rows had to be made up because the input ends early. Known after the last row.
    fn truncated(&self) -> bool {
        false
    }
}

/// A picture in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What the samples stand for.
    pub model: Model,
    /// Whether a sample of opacity follows them.
    pub alpha: bool,
    /// `width × height × channels` samples.
    pub samples: Samples,
}

impl Raster {
    /// A picture of all zeros.
    pub fn new(width: u32, height: u32, format: PixelFormat) -> Result<Self, Failure> {
        let count = (width as usize)
            .checked_mul(height as usize)
            .and_then(|pixels| pixels.checked_mul(format.channels()))
            .ok_or_else(|| Failure::internal(format!("no memory for {width} × {height} pixels")))?;
        let samples = Samples::zeroed(format.depth, count)?;
        Ok(Self { width, height, model: format.model, alpha: format.alpha, samples })
    }

    /// The layout of the pixels.
    pub fn format(&self) -> PixelFormat {
        PixelFormat { model: self.model, alpha: self.alpha, depth: self.samples.depth() }
    }

    /// Samples of a row.
    pub fn row_length(&self) -> usize {
        self.width as usize * self.format().channels()
    }

    /// One row.
    pub fn row(&self, y: u32) -> Row<'_> {
        let length = self.row_length();
        let start = y as usize * length;
        match &self.samples {
            Samples::Eight(samples) => Row::Eight(&samples[start..start + length]),
            Samples::Sixteen(samples) => Row::Sixteen(&samples[start..start + length]),
        }
    }

    /// Puts samples in the place of a row. They must be as many and as deep.
    pub fn set_row(&mut self, y: u32, row: Row<'_>) -> Result<(), Failure> {
        let length = self.row_length();
        let range = y as usize * length..(y as usize + 1) * length;
        match (&mut self.samples, row) {
            (Samples::Eight(to), Row::Eight(from)) if from.len() == length => to[range].copy_from_slice(from),
            (Samples::Sixteen(to), Row::Sixteen(from)) if from.len() == length => to[range].copy_from_slice(from),
            _ => return Err(Failure::internal("a row does not fit into its picture")),
        }
        Ok(())
    }

    /// The part of that width and height whose upper left corner is at (x, y). It must lie inside.
    #[must_use]
    pub fn cut(&self, x: u32, y: u32, width: u32, height: u32) -> Self {
        fn part<T: Copy>(samples: &[T], length: usize, rows: std::ops::Range<usize>, from: usize, to: usize) -> Vec<T> {
            rows.flat_map(|row| &samples[row * length + from..row * length + to]).copied().collect()
        }
        let channels = self.format().channels();
        let length = self.row_length();
        let rows = y as usize..(y + height) as usize;
        let (from, to) = (x as usize * channels, (x + width) as usize * channels);
        let samples = match &self.samples {
            Samples::Eight(samples) => Samples::Eight(part(samples, length, rows, from, to)),
            Samples::Sixteen(samples) => Samples::Sixteen(part(samples, length, rows, from, to)),
        };
        Self { width, height, model: self.model, alpha: self.alpha, samples }
    }

    /// The same picture with eight bits a sample.
    #[must_use]
    pub fn into_eight(self) -> Self {
        let samples = match self.samples {
            Samples::Eight(samples) => samples,
            // 65535 / 255 = 257, so this rounds to the nearest.
            Samples::Sixteen(samples) => {
                samples.into_iter().map(|sample| ((u32::from(sample) + 128) / 257) as u8).collect()
            }
        };
        Self { samples: Samples::Eight(samples), ..self }
    }

    /// The same picture with sixteen bits a sample.
    #[must_use]
    pub fn into_sixteen(self) -> Self {
        let samples = match self.samples {
            Samples::Eight(samples) => samples.into_iter().map(|sample| u16::from(sample) * 257).collect(),
            Samples::Sixteen(samples) => samples,
        };
        Self { samples: Samples::Sixteen(samples), ..self }
    }

    /// The samples of an eight-bit picture.
    ///
    /// # Panics
    /// When the picture has sixteen bits: callers convert first.
    pub fn eight(&self) -> &[u8] {
        match &self.samples {
            Samples::Eight(samples) => samples,
            Samples::Sixteen(_) => panic!("the picture was to be converted to eight bits before"),
        }
    }
}

/// Collects the rows of a picture.
pub struct RasterBuilder {
    raster: Raster,
    next: u32,
}

impl RasterBuilder {
    /// A picture of that size, with no row yet.
    pub fn new((width, height): (u32, u32), format: PixelFormat) -> Result<Self, Failure> {
        Ok(Self { raster: Raster::new(width, height, format)?, next: 0 })
    }

    /// Takes the next row.
    pub fn push(&mut self, row: Row<'_>) -> Result<(), Failure> {
        self.raster.set_row(self.next, row)?;
        self.next += 1;
        Ok(())
    }

    /// The picture, after the last row.
    pub fn finish(self) -> Raster {
        self.raster
    }
}

/// A picture in memory as a source of rows.
pub struct RasterRows {
    raster: Raster,
    next: u32,
    truncated: bool,
}

impl RasterRows {
    /// From the first row on.
    pub fn new(raster: Raster) -> Self {
        Self::of_truncated(raster, false)
    }

    /// The same of a picture that may be only as much of it as the file held.
    pub fn of_truncated(raster: Raster, truncated: bool) -> Self {
        Self { raster, next: 0, truncated }
    }
}

impl RowSource for RasterRows {
    fn size(&self) -> (u32, u32) {
        (self.raster.width, self.raster.height)
    }

    fn format(&self) -> PixelFormat {
        self.raster.format()
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        match (self.raster.row(self.next), row) {
            (Row::Eight(from), RowMut::Eight(to)) => to.copy_from_slice(from),
            (Row::Sixteen(from), RowMut::Sixteen(to)) => to.copy_from_slice(from),
            _ => return Err(Failure::internal("a row of another depth was asked for")),
        }
        self.next += 1;
        Ok(())
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

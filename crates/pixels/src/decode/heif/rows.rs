//! The rows of a picture of tiles: a row of tiles is decoded when its first row of pixels is asked for.

use std::ops::Range;
use std::sync::Arc;

use contract::Failure;
use memmap2::Mmap;

use super::boxes::{Container, Property};
use super::{Crop, Grid};
use crate::native::{Coding, Planes, decode_av1, decode_hevc};
use crate::raster::{Model, PixelFormat, RowMut, RowSource, Sample};

/// Where tiles come from.
#[derive(Clone)]
pub struct Source {
    /// What the file is called in messages.
    pub name: &'static str,
    /// The file.
    pub file: Arc<Mmap>,
    /// Its boxes.
    pub container: Arc<Container>,
    /// Take what is there of a file that ends early.
    pub allow_truncated: bool,
}

/// What rows look like.
pub struct Layout {
    /// Their layout.
    pub format: PixelFormat,
    /// The part of the picture that they are of.
    pub crop: Crop,
    /// Whether colours are stored multiplied by opacity.
    pub premultiplied: bool,
    /// What the container says about colours, which counts more than what the coded data says.
    pub said: Option<Coding>,
}

/// The rows of a picture and of its opacity.
pub struct Rows {
    source: Source,
    layout: Layout,
    colours: Band,
    alpha: Option<Band>,
    next: u32,
    truncated: bool,
}

/// One row of tiles of a grid.
struct Band {
    grid: Grid,
    /// Which, counted from the top.
    number: Option<u32>,
    /// One for each column; none where the file ends before it.
    tiles: Vec<Option<Planes>>,
}

impl Rows {
    /// From the first row on.
    pub fn new(source: Source, (colours, alpha): (Grid, Option<Grid>), layout: Layout) -> Self {
        let band = |grid| Band { grid, number: None, tiles: Vec::new() };
        Self { source, layout, colours: band(colours), alpha: alpha.map(band), next: 0, truncated: false }
    }

    fn fill<T: Sample>(&mut self, row: &mut [T]) -> Result<(), Failure> {
        let y = self.layout.crop.top + self.next;
        self.next += 1;
        let mut bands = vec![&mut self.colours];
        bands.extend(&mut self.alpha);
        for band in bands {
            self.truncated |= band.decode(y, &self.source)?;
        }
        let Layout { format, crop, said, .. } = &self.layout;
        let channels = format.channels();
        let line = Line { y: y % self.colours.grid.tile_size.1, said: *said, channels };
        self.colours.each_tile(row, crop.left, channels, |tile, columns, to| match (tile, format.model) {
            (Some(tile), Model::Grey) => line.grey(tile, columns, 0, to),
            (Some(tile), Model::YCbCr) => line.luma_and_chroma(tile, columns, to),
            (Some(tile), _) => line.rgb(tile, columns, to),
            // What is missing is black.
            (None, Model::YCbCr) => to.iter_mut().enumerate().for_each(|(at, sample)| {
                *sample = T::from_f32(if at % 3 == 0 { 0.0 } else { 128.0 });
            }),
            (None, _) => to.fill(T::default()),
        });
        if let Some(alpha) = &self.alpha {
            // Opacity is a grey picture of its own.
            let line = Line { y: y % alpha.grid.tile_size.1, said: None, channels };
            alpha.each_tile(row, crop.left, channels, |tile, columns, to| match tile {
                Some(tile) => line.grey(tile, columns, channels - 1, to),
                None => to.chunks_exact_mut(channels).for_each(|pixel| pixel[channels - 1] = T::from_f32(T::MAX)),
            });
            if self.layout.premultiplied {
                divide_by_alpha(row, channels);
            }
        }
        Ok(())
    }
}

impl RowSource for Rows {
    fn size(&self) -> (u32, u32) {
        (self.layout.crop.width, self.layout.crop.height)
    }

    fn format(&self) -> PixelFormat {
        self.layout.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        match row {
            RowMut::Eight(row) => self.fill(row),
            RowMut::Sixteen(row) => self.fill(row),
        }
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

impl Band {
    /// Makes it the row of tiles that row `y` of the picture lies in; whether something of it is missing.
    fn decode(&mut self, y: u32, source: &Source) -> Result<bool, Failure> {
        let number = y / self.grid.tile_size.1;
        if self.number == Some(number) {
            return Ok(false);
        }
        self.number = Some(number);
        self.tiles.clear();
        let mut incomplete = false;
        let start = (number * self.grid.columns) as usize;
        for &id in &self.grid.tiles[start..start + self.grid.columns as usize] {
            let (tile, missing) = decode_tile(source, id, self.grid.tile_size)?;
            self.tiles.push(tile);
            incomplete |= missing;
        }
        Ok(incomplete)
    }

    /// Goes over the parts of a row, which begins at column `left`, with the tiles that they come from (none where the
    /// file ends before it) and the columns of these.
    fn each_tile<T>(
        &self,
        row: &mut [T],
        left: u32,
        channels: usize,
        each: impl Fn(Option<&Planes>, Range<usize>, &mut [T]),
    ) {
        let width = self.grid.tile_size.0;
        let right = left + (row.len() / channels) as u32;
        for (at, tile) in self.tiles.iter().enumerate() {
            let start = at as u32 * width;
            let (from, to) = (left.max(start), right.min(start + width));
            if from < to {
                let part = &mut row[(from - left) as usize * channels..(to - left) as usize * channels];
                each(tile.as_ref(), (from - start) as usize..(to - start) as usize, part);
            }
        }
    }
}

/// A tile of at least that size, and whether something of it is missing.
fn decode_tile(source: &Source, id: u32, size: (u32, u32)) -> Result<(Option<Planes>, bool), Failure> {
    let Source { name, file, container, allow_truncated } = source;
    let damaged = |error: String| Failure::invalid_input(format!("the {name} is damaged: {error}"));
    let data = container.data(file, id, file.len()).map_err(damaged)?;
    if data.truncated && !allow_truncated {
        return Err(Failure::invalid_input(format!("the {name} is truncated; allow-truncated takes what is there")));
    }
    // Coded sizes are multiples of blocks, which are cut off: at most 64 more in each direction.
    let max_pixels = (u64::from(size.0) + 64) * (u64::from(size.1) + 64);
    let decoded = if container.items.get(&id).is_some_and(|item| &item.kind == b"av01") {
        decode_av1(&data.bytes, max_pixels)
    } else {
        decode_units(container, id, &data.bytes, max_pixels, *allow_truncated)
    };
    match decoded {
        Ok(planes) if planes.size().0 >= size.0 && planes.size().1 >= size.1 => Ok((Some(planes), data.truncated)),
        Ok(planes) => {
            let (width, height) = planes.size();
            Err(damaged(format!("a picture has {width} × {height} pixels and not {} × {}", size.0, size.1)))
        }
        Err(_) if data.truncated => Ok((None, true)),
        Err(error) => Err(damaged(error)),
    }
}

fn decode_units(
    container: &Container,
    id: u32,
    mut data: &[u8],
    max_pixels: u64,
    allow_truncated: bool,
) -> Result<Planes, String> {
    let configuration = container.properties(id).find_map(|(property, _)| match property {
        Property::Hevc { units, length_size, .. } => Some((units, *length_size)),
        _ => None,
    });
    let (parameters, length_size) = configuration.ok_or("its HEVC data has no parameters")?;
    let mut units: Vec<&[u8]> = parameters.iter().map(Vec::as_slice).collect();
    while data.len() > length_size {
        let (length, rest) = data.split_at(length_size);
        let length = length.iter().fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
        if length > rest.len() && !allow_truncated {
            return Err("a part of its HEVC data is longer than the whole".to_owned());
        }
        let (unit, after) = rest.split_at(length.min(rest.len()));
        if !unit.is_empty() {
            units.push(unit);
        }
        data = after;
    }
    decode_hevc(units.into_iter(), max_pixels, !allow_truncated)
}

/// How samples become numbers: `(sample - zero) * scale`.
#[derive(Clone, Copy)]
struct Levels {
    luma_zero: f32,
    luma_scale: f32,
    chroma_zero: f32,
    chroma_scale: f32,
}

impl Levels {
    /// ITU-T H.273, 8.3: luma from 0 to 1, chroma from -0.5 to 0.5.
    fn new(depth: u32, full_range: bool) -> Self {
        let step = (1_u32 << (depth - 8)) as f32;
        let most = ((1_u32 << depth) - 1) as f32;
        let chroma_zero = 128.0 * step;
        if full_range {
            return Self { luma_zero: 0.0, luma_scale: 1.0 / most, chroma_zero, chroma_scale: 1.0 / most };
        }
        Self {
            luma_zero: 16.0 * step,
            luma_scale: 1.0 / (219.0 * step),
            chroma_zero,
            chroma_scale: 1.0 / (224.0 * step),
        }
    }
}

/// The weights of red and blue in luma, by ITU-T H.273's matrix coefficients. Unknown ones count as BT.601, as in every
/// other reader.
fn luma_weights(matrix: u8) -> (f32, f32) {
    match matrix {
        1 => (0.2126, 0.0722),
        4 => (0.30, 0.11),
        7 => (0.212, 0.087),
        9 | 10 => (0.2627, 0.0593),
        _ => (0.299, 0.114),
    }
}

/// One row of a tile on its way into pixels.
struct Line {
    /// Counted from the tile's top.
    y: u32,
    /// What the container says about colours.
    said: Option<Coding>,
    /// Samples of a pixel of the result.
    channels: usize,
}

impl Line {
    fn levels(&self, tile: &Planes) -> (Coding, Levels) {
        let coding = self.said.unwrap_or_else(|| tile.coding());
        (coding, Levels::new(tile.depth(), coding.full_range))
    }

    /// Luma into one channel of each pixel.
    fn grey<T: Sample>(&self, tile: &Planes, columns: Range<usize>, channel: usize, to: &mut [T]) {
        let (_, levels) = self.levels(tile);
        let luma = luma(tile, self.y);
        for (to, luma) in to.chunks_exact_mut(self.channels).zip(&luma[columns]) {
            to[channel] = T::from_f32((luma - levels.luma_zero) * levels.luma_scale * T::MAX);
        }
    }

    /// Luma and chroma as they are, for eight bits of full range.
    fn luma_and_chroma<T: Sample>(&self, tile: &Planes, columns: Range<usize>, to: &mut [T]) {
        let luma = luma(tile, self.y);
        let chroma = [1, 2].map(|plane| chroma(tile, plane, self.y));
        for (to, x) in to.chunks_exact_mut(3).zip(columns) {
            to[0] = T::from_f32(luma[x]);
            to[1] = T::from_f32(chroma[0][x]);
            to[2] = T::from_f32(chroma[1][x]);
        }
    }

    fn rgb<T: Sample>(&self, tile: &Planes, columns: Range<usize>, to: &mut [T]) {
        let (coding, levels) = self.levels(tile);
        let luma = luma(tile, self.y);
        let chroma = [1, 2].map(|plane| chroma(tile, plane, self.y));
        let (red, blue) = luma_weights(coding.matrix);
        let green = 1.0 - red - blue;
        let (to_red, to_blue) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
        let (red_to_green, blue_to_green) = (to_red * red / green, to_blue * blue / green);
        for (to, x) in to.chunks_exact_mut(self.channels).zip(columns) {
            let y = (luma[x] - levels.luma_zero) * levels.luma_scale;
            let [b, r] = [chroma[0][x], chroma[1][x]].map(|c| (c - levels.chroma_zero) * levels.chroma_scale);
            let colour = match coding.matrix {
                // The planes are green, blue and red, all with the levels of luma.
                0 => [chroma[1][x], luma[x], chroma[0][x]].map(|c| (c - levels.luma_zero) * levels.luma_scale),
                // YCgCo: chroma is green and orange.
                8 => [y - b + r, y + b, y - b - r],
                _ => [y + to_red * r, y - red_to_green * r - blue_to_green * b, y + to_blue * b],
            };
            for (to, sample) in to.iter_mut().zip(colour) {
                *to = T::from_f32(sample * T::MAX);
            }
        }
    }
}

fn samples(tile: &Planes, plane: usize, y: u32) -> Vec<f32> {
    if tile.depth() == 8 {
        tile.row_of_eight(plane, y).iter().map(|&sample| f32::from(sample)).collect()
    } else {
        tile.row_of_sixteen(plane, y).iter().map(|&sample| f32::from(sample)).collect()
    }
}

fn luma(tile: &Planes, y: u32) -> Vec<f32> {
    samples(tile, 0, y)
}

/// A row of chroma as wide as luma. Where there are fewer samples they lie in the middle of the pixels that they are for,
/// and those between are mixed 3 to 1, as JPEG decoders do.
fn chroma(tile: &Planes, plane: usize, y: u32) -> Vec<f32> {
    let (width, height) = tile.size();
    if tile.is_grey() {
        return vec![Levels::new(tile.depth(), true).chroma_zero; width as usize];
    }
    let (chroma_width, chroma_height) = tile.chroma_size();
    let tall = if chroma_height == height {
        samples(tile, plane, y)
    } else {
        let near = y / 2;
        let far = if y % 2 == 1 { (near + 1).min(chroma_height - 1) } else { near.saturating_sub(1) };
        let mut row = samples(tile, plane, near);
        row.iter_mut().zip(samples(tile, plane, far)).for_each(|(near, far)| *near = 0.75 * *near + 0.25 * far);
        row
    };
    if chroma_width == width {
        return tall;
    }
    let last = tall.len() - 1;
    let mut wide = Vec::with_capacity(tall.len() * 2);
    for (at, &near) in tall.iter().enumerate() {
        wide.push(0.75 * near + 0.25 * tall[at.saturating_sub(1)]);
        wide.push(0.75 * near + 0.25 * tall[(at + 1).min(last)]);
    }
    wide
}

fn divide_by_alpha<T: Sample>(row: &mut [T], channels: usize) {
    for pixel in row.chunks_exact_mut(channels) {
        let alpha = pixel[channels - 1].to_f32() / T::MAX;
        if alpha > 0.0 {
            for sample in &mut pixel[..channels - 1] {
                *sample = T::from_f32(sample.to_f32() / alpha);
            }
        }
    }
}

//! Where to cut and where to pad: a named side, the part of a picture with the most detail, or the one that draws the eye.

use catalog::operations::Position;
use pixels::colour::ycbcr_row_to_rgb;
use pixels::raster::{Model, Raster};

/// The picture is judged in cells of this many pixels.
const CELL: u32 = 8;

/// The share of the free space that lies left of and above the picture.
pub fn anchor(position: Position) -> (f64, f64) {
    match position {
        Position::Centre | Position::Entropy | Position::Attention => (0.5, 0.5),
        Position::Top => (0.5, 0.0),
        Position::RightTop => (1.0, 0.0),
        Position::Right => (1.0, 0.5),
        Position::RightBottom => (1.0, 1.0),
        Position::Bottom => (0.5, 1.0),
        Position::LeftBottom => (0.0, 1.0),
        Position::Left => (0.0, 0.5),
        Position::LeftTop => (0.0, 0.0),
    }
}

/// The upper left corner of the best part of that size.
pub fn find(picture: &Raster, (width, height): (u32, u32), position: Position) -> (u32, u32) {
    let (free_x, free_y) = (picture.width - width, picture.height - height);
    if free_x == 0 && free_y == 0 {
        return (0, 0);
    }
    let pixels = rgb(picture);
    let map = Map::new(&pixels, picture.width, picture.height, position);
    // In steps of cells, from the middle outwards: of equals the most central wins.
    let steps = |free: u32| {
        let mut steps: Vec<u32> = (0..=free).step_by(CELL as usize).chain([free / 2, free]).collect();
        steps.sort_by_key(|step| step.abs_diff(free / 2));
        steps
    };
    let mut best = (-1.0, (free_x / 2, free_y / 2));
    for y in steps(free_y) {
        for x in steps(free_x) {
            let score = map.sum(x, y, width, height);
            // Not by a rounding error of the sums.
            if score > best.0 + score * 1e-9 {
                best = (score, (x, y));
            }
        }
    }
    best.1
}

/// Interest of each cell, summed up from the upper left so that any rectangle takes four look-ups.
struct Map {
    columns: usize,
    rows: usize,
    sums: Vec<f64>,
}

impl Map {
    fn new(pixels: &[[u8; 3]], width: u32, height: u32, position: Position) -> Self {
        let (columns, rows) = (width.div_ceil(CELL) as usize, height.div_ceil(CELL) as usize);
        let mut sums = vec![0.0; (columns + 1) * (rows + 1)];
        for row in 0..rows {
            let mut line = 0.0;
            for column in 0..columns {
                let cell = Cell::new(pixels, width, height, column as u32 * CELL, row as u32 * CELL);
                line += if position == Position::Entropy { cell.entropy() } else { cell.attention() };
                sums[(row + 1) * (columns + 1) + column + 1] = sums[row * (columns + 1) + column + 1] + line;
            }
        }
        Self { columns, rows, sums }
    }

    fn sum(&self, x: u32, y: u32, width: u32, height: u32) -> f64 {
        let (left, top) = ((x / CELL) as usize, (y / CELL) as usize);
        let right = ((x + width).div_ceil(CELL) as usize).min(self.columns);
        let bottom = ((y + height).div_ceil(CELL) as usize).min(self.rows);
        let at = |column: usize, row: usize| self.sums[row * (self.columns + 1) + column];
        at(right, bottom) - at(left, bottom) - at(right, top) + at(left, top)
    }
}

struct Cell<'a> {
    pixels: &'a [[u8; 3]],
    width: usize,
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

impl<'a> Cell<'a> {
    fn new(pixels: &'a [[u8; 3]], width: u32, height: u32, x: u32, y: u32) -> Self {
        let columns = x as usize..(x + CELL).min(width) as usize;
        let rows = y as usize..(y + CELL).min(height) as usize;
        Self { pixels, width: width as usize, columns, rows }
    }

    fn each(&self) -> impl Iterator<Item = (usize, usize, [u8; 3])> + '_ {
        self.rows.clone().flat_map(move |y| self.columns.clone().map(move |x| (x, y, self.pixels[y * self.width + x])))
    }

    /// Shannon's entropy of the lightness in 32 steps, times the pixels.
    fn entropy(&self) -> f64 {
        let mut histogram = [0_u32; 32];
        self.each().for_each(|(_, _, pixel)| histogram[lightness(pixel) as usize / 8] += 1);
        let count = f64::from(histogram.iter().sum::<u32>());
        histogram.iter().filter(|&&bin| bin > 0).map(|&bin| -f64::from(bin) * (f64::from(bin) / count).log2()).sum()
    }

    /// Edges, saturation and the colours of skin, weighed like libvips' and smartcrop's searches do: detail counts most,
    /// skin stands out where it is, saturation helps.
    fn attention(&self) -> f64 {
        let mut score = 0.0;
        for (x, y, pixel) in self.each() {
            let light = lightness(pixel);
            let right = self.pixels.get(y * self.width + (x + 1).min(self.width - 1)).map_or(light, |p| lightness(*p));
            let below = self.pixels.get((y + 1) * self.width + x).map_or(light, |p| lightness(*p));
            let edge = f64::from((light - right).abs() + (light - below).abs()) / 255.0;
            // Very dark and very light areas draw no eye, whatever their hue says.
            let visible = f64::from(light > 25.0 && light < 242.0);
            score += edge + visible * (0.6 * skin(pixel) + 0.15 * saturation(pixel));
        }
        score
    }
}

fn lightness([red, green, blue]: [u8; 3]) -> f32 {
    0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)
}

fn saturation(pixel: [u8; 3]) -> f64 {
    let (most, least) =
        (f64::from(pixel[0].max(pixel[1]).max(pixel[2])), f64::from(pixel[0].min(pixel[1]).min(pixel[2])));
    if most == 0.0 { 0.0 } else { (most - least) / most }
}

/// How near the direction of a colour is to that of skin (0.78, 0.57, 0.44), which differs little between people.
fn skin([red, green, blue]: [u8; 3]) -> f64 {
    let (red, green, blue) = (f64::from(red), f64::from(green), f64::from(blue));
    let length = (red * red + green * green + blue * blue).sqrt();
    if length < 1.0 {
        return 0.0;
    }
    let distance =
        ((red / length - 0.78).powi(2) + (green / length - 0.57).powi(2) + (blue / length - 0.44).powi(2)).sqrt();
    (1.0 - distance / 0.2).max(0.0)
}

/// The colours of a picture; what is transparent is black.
fn rgb(picture: &Raster) -> Vec<[u8; 3]> {
    let channels = picture.format().channels();
    let eight = picture.clone().into_eight();
    let visible = |sample: u8, pixel: &[u8]| {
        if picture.alpha { (u16::from(sample) * u16::from(pixel[channels - 1]) / 255) as u8 } else { sample }
    };
    eight
        .eight()
        .chunks_exact(channels)
        .map(|pixel| match picture.model {
            Model::Grey => [visible(pixel[0], pixel); 3],
            Model::YCbCr => {
                let mut colour = [pixel[0], pixel[1], pixel[2]];
                ycbcr_row_to_rgb(&mut colour);
                colour
            }
            Model::Rgb => [0, 1, 2].map(|channel| visible(pixel[channel], pixel)),
            Model::Cmyk => {
                [0, 1, 2].map(|channel| (u16::from(255 - pixel[channel]) * u16::from(255 - pixel[3]) / 255) as u8)
            }
        })
        .collect()
}

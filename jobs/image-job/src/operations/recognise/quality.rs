//! What can be measured without a network: how the picture was taken, its colours, and what kind of picture it is.

use std::collections::BTreeMap;

use contract::recognition::{ColourShare, ContentType, Quality};
use pixels::placeholder::{DominantColour, dominant_colours};
use pixels::raster::Raster;

use super::look::Look;
use super::rounded;

const COLOURS: usize = 5;
/// Sharpness is looked at in squares of this side,
const BLOCK: usize = 16;
/// of those in which lightness differs by this much at least.
const LEAST_RANGE: f32 = 24.0;

/// Lightness of each pixel, 0 to 255.
fn lightness(picture: &Raster) -> Vec<f32> {
    let of = |pixel: &[u8]| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]);
    picture.eight().chunks_exact(3).map(of).collect()
}

/// How the picture was taken, as far as the copy shows it.
pub fn measure(look: &Look) -> Quality {
    let light = lightness(&look.raster);
    let count = light.len() as f64;
    let mean = light.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let variance = light.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
    let share = |is: fn(f32) -> bool| light.iter().filter(|value| is(**value)).count() as f64 / count;
    Quality {
        brightness: rounded((mean / 255.0) as f32),
        sharpness: rounded(sharpness(&light, look.raster.width as usize)),
        contrast: rounded((variance.sqrt() * 2.0 / 255.0) as f32),
        underexposed: rounded(share(|value| value < 4.0) as f32),
        overexposed: rounded(share(|value| value > 251.0) as f32),
    }
}

/// How abruptly lightness changes at the edges: of each square the greatest difference of neighbours over the contrast; the mean of
/// the squares with at least half of the greatest contrast, because others may show a piece of a broad edge only. An edge from
/// one pixel to the next gives 1, one that takes n pixels about 1 / n.
fn sharpness(light: &[f32], width: usize) -> f32 {
    let height = light.len() / width.max(1);
    let mut edges = Vec::new();
    for top in (1..height.saturating_sub(BLOCK)).step_by(BLOCK) {
        for left in (1..width.saturating_sub(BLOCK)).step_by(BLOCK) {
            let (mut least, mut most, mut change) = (f32::MAX, f32::MIN, 0.0_f32);
            for y in top..top + BLOCK {
                for x in left..left + BLOCK {
                    let at = y * width + x;
                    let value = light[at];
                    least = least.min(value);
                    most = most.max(value);
                    // Not beyond the square, whose contrast it is measured by.
                    let across = if x > left { (light[at - 1] - value).abs() } else { 0.0 };
                    let down = if y > top { (light[at - width] - value).abs() } else { 0.0 };
                    change = change.max(across).max(down);
                }
            }
            edges.push((change, most - least));
        }
    }
    let greatest = edges.iter().map(|(_, range)| *range).fold(0.0, f32::max);
    let clear = edges.iter().filter(|(_, range)| *range >= LEAST_RANGE && *range * 2.0 >= greatest);
    let shares: Vec<f32> = clear.map(|(change, range)| change / range).collect();
    if shares.is_empty() { 0.0 } else { shares.iter().sum::<f32>() / shares.len() as f32 }
}

/// The colours that most of the picture has.
pub fn colours(look: &Look) -> Vec<ColourShare> {
    let share = |DominantColour { rgb: [red, green, blue], share }: DominantColour| ColourShare {
        rgb: format!("#{red:02x}{green:02x}{blue:02x}"),
        share: rounded(share as f32),
    };
    dominant_colours(&look.raster, COLOURS).into_iter().map(share).collect()
}

/// What kinds of pictures are told apart by.
#[derive(Debug)]
struct Traits {
    /// The share of pixels that are as their right and lower neighbours.
    flat: f32,
    /// The share of pixels that have one of the sixteen most frequent colours.
    few_colours: f32,
    /// The share of pixels that are almost white or have the most frequent colour, if that is light and grey.
    paper: f32,
    /// The share of pixels that are dark and grey.
    ink: f32,
    /// The share of pixels with a colour.
    coloured: f32,
    /// The share of strong edges that belong to a straight level or upright line.
    straight: f32,
}

/// What kind of picture it is, the most likely first. Rules, not a network: their errors are in docs/weights.md.
pub fn content_types(look: &Look) -> Vec<ContentType> {
    let traits = traits(&look.raster);
    let rises = |value: f32, middle: f32, breadth: f32| 1.0 / (1.0 + (-(value - middle) / breadth).exp());
    let made = rises(traits.flat.max(traits.few_colours - 0.2), 0.55, 0.05);
    let page = rises(traits.paper, 0.55, 0.06) * rises(traits.ink, 0.012, 0.004) * rises(-traits.coloured, -0.12, 0.03);
    let screen = rises(traits.straight, 0.22, 0.04);
    let kinds = [
        ("photo", (1.0 - made) * (1.0 - page)),
        ("document", page),
        ("screenshot", (1.0 - page) * made * screen),
        ("drawing", (1.0 - page) * made * (1.0 - screen)),
    ];
    let kind = |(name, confidence): (&str, f32)| ContentType { name: name.to_owned(), confidence: rounded(confidence) };
    let mut kinds: Vec<ContentType> = kinds.map(kind).into();
    kinds.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    kinds
}

fn traits(picture: &Raster) -> Traits {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let (pixels, _) = picture.eight().as_chunks::<3>();
    let count = pixels.len() as f32;
    let is_as = |one: [u8; 3], other: [u8; 3]| one.iter().zip(other).all(|(one, other)| one.abs_diff(other) <= 1);
    let most_and_least = |pixel: [u8; 3]| (pixel[0].max(pixel[1]).max(pixel[2]), pixel[0].min(pixel[1]).min(pixel[2]));
    let mut flat = 0.0;
    let mut histogram: BTreeMap<[u8; 3], u32> = BTreeMap::new();
    let (mut paper, mut ink, mut coloured) = (0.0_f32, 0.0, 0.0);
    for (at, pixel) in pixels.iter().enumerate() {
        let (x, y) = (at % width, at / width);
        let right = if x + 1 < width { pixels[at + 1] } else { *pixel };
        let below = if y + 1 < height { pixels[at + width] } else { *pixel };
        flat += f32::from(is_as(*pixel, right) && is_as(*pixel, below));
        *histogram.entry(pixel.map(|sample| sample >> 3)).or_default() += 1;
        let (most, least) = most_and_least(*pixel);
        coloured += f32::from(most - least > 40);
        paper += f32::from(least > 225);
        ink += f32::from(most < 110 && most - least < 40);
    }
    let mut frequent: Vec<([u8; 3], u32)> = histogram.into_iter().collect();
    frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let few: u32 = frequent.iter().take(16).map(|(_, count)| count).sum();
    if let Some((colour, most)) = frequent.first() {
        let (high, low) = most_and_least(*colour);
        if low >= 20 && high - low <= 3 {
            paper = paper.max(*most as f32);
        }
    }
    Traits {
        flat: flat / count,
        few_colours: few as f32 / count,
        paper: paper / count,
        ink: ink / count,
        coloured: coloured / count,
        straight: straight(&lightness(picture), width, height),
    }
}

/// The share of strong edges that belong to a straight line of at least 40 pixels along a row or a column.
fn straight(light: &[f32], width: usize, height: usize) -> f32 {
    const STRONG: f32 = 20.0;
    const LEAST: usize = 40;
    let (mut strong, mut in_lines) = (0_usize, 0_usize);
    let mut count_runs = |length: usize, is_edge: &dyn Fn(usize) -> bool| {
        let mut run = 0;
        for at in 0..=length {
            if at < length && is_edge(at) {
                run += 1;
                continue;
            }
            strong += run;
            if run >= LEAST {
                in_lines += run;
            }
            run = 0;
        }
    };
    for y in 1..height {
        count_runs(width, &|x| (light[y * width + x] - light[(y - 1) * width + x]).abs() > STRONG);
    }
    for x in 1..width {
        count_runs(height, &|y| (light[y * width + x] - light[y * width + x - 1]).abs() > STRONG);
    }
    if strong == 0 { 0.0 } else { in_lines as f32 / strong as f32 }
}

#[cfg(test)]
mod tests {
    use pixels::raster::{Model, Samples};

    use super::*;

    fn look(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Look {
        let samples =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
        let raster = Raster { width, height, model: Model::Rgb, alpha: false, samples: Samples::Eight(samples) };
        Look::new(&raster, (width, height))
    }

    #[test]
    fn a_blurred_edge_is_less_sharp_than_an_abrupt_one() {
        let edge = |breadth: f32| {
            look(200, 200, move |x, _| {
                let value = ((x as f32 - 100.0) / breadth + 0.5).clamp(0.0, 1.0);
                [(value * 200.0) as u8; 3]
            })
        };
        let sharpness: Vec<f32> = [1.0, 4.0, 16.0].map(|breadth| measure(&edge(breadth)).sharpness).into();
        // The edge that is one pixel broad has a pixel in the middle.
        assert!(sharpness[0] > 0.45 && sharpness[1] < 0.3 && sharpness[2] < sharpness[1], "{sharpness:?}");
    }

    #[test]
    fn light_dark_and_flat_pictures_are_measured_as_such() {
        let black = measure(&look(64, 64, |_, _| [0; 3]));
        assert_eq!((black.brightness, black.contrast, black.underexposed, black.sharpness), (0.0, 0.0, 1.0, 0.0));
        let half = measure(&look(64, 64, |x, _| if x < 32 { [0; 3] } else { [255; 3] }));
        assert_eq!((half.brightness, half.contrast, half.underexposed, half.overexposed), (0.5, 1.0, 0.5, 0.5));
        let point = measure(&look(1, 1, |_, _| [255; 3]));
        assert_eq!((point.brightness, point.sharpness), (1.0, 0.0));
    }

    #[test]
    fn kinds_of_pictures_that_nobody_would_confuse_are_told_apart() {
        let kind = |look: &Look| content_types(look)[0].name.clone();
        let noise =
            |x: u32, y: u32| (x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 7) as u8 % 40;
        let photo = look(320, 240, |x, y| [60 + noise(x, y) + (x / 4) as u8, 80 + noise(y, x), 120 - noise(x, x ^ y)]);
        assert_eq!(kind(&photo), "photo");
        // Short dark strokes on white, in lines.
        let page =
            look(
                320,
                400,
                |x, y| if y % 12 < 5 && (x * 7 + y / 12 * 5) % 11 < 4 && x % 9 != 0 { [20; 3] } else { [252; 3] },
            );
        assert_eq!(kind(&page), "document", "{:?}", traits(&page.raster));
        let drawing = look(320, 240, |x, y| {
            let inside = (x as f32 - 160.0).powi(2) + (y as f32 - 120.0).powi(2) < 8000.0;
            if inside { [220, 40, 40] } else { [40, 90, 200] }
        });
        assert_eq!(kind(&drawing), "drawing");
        let screen = look(320, 240, |x, y| match (x / 80 + y / 60) % 3 {
            0 => [40, 44, 52],
            1 => [97, 175, 239],
            _ => [224, 108, 117],
        });
        assert_eq!(kind(&screen), "screenshot");
    }
}

//! Pages whose pictures are read: the pictures that a page draws (scans, mostly one that fills the page, or one in strips or in layers),
//! each at its own resolution, put together as they lie on the page. What else is drawn is not.

mod images;

use catalog::operations::Filter;
use lopdf::ObjectId;
use operation::tolerate_panics;
use pixels::canvas::grey_to_rgb;
use pixels::raster::{Depth, Model, PixelFormat, Raster, Samples};
use pixels::resample::{Region, Resampler};

use super::content::{Matrix, Shown};
use super::file::File;
use images::Picture;

/// Pixels of a page: A4 at 500 dots per inch.
const MOST_PIXELS: f32 = 24e6;
/// Pixels of one picture: it is held whole while it is decoded.
const MOST_IMAGE_PIXELS: u64 = 100_000_000;
/// Pictures of a page; some scanners write a page as strips of a few rows.
pub(super) const MOST_IMAGES: usize = 4000;
/// More dots than these per point (600 per inch) say nothing more about letters.
const FINEST: f32 = 600.0 / 72.0;
/// Pictures that cover less of the page do not say how fine it is.
const LEAST_SHARE: f32 = 0.02;
/// A picture that lies within so much of the page's edges, of its size, fills it.
const EDGE: f32 = 0.01;

/// A picture on a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Image {
    pub(crate) id: ObjectId,
    /// Its own pixels.
    pub(crate) size: (u32, u32),
    /// From the unit square, y upwards, to points of the page as it is shown.
    pub(crate) place: Matrix,
}

impl Image {
    fn sides(&self) -> (f32, f32) {
        let [a, b, c, d, ..] = self.place.0;
        (a.hypot(b), c.hypot(d))
    }

    fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// Left, upper, right and lower edge.
    fn bounds(&self) -> [f32; 4] {
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(x, y)| self.place.apply(x, y));
        corners.into_iter().fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |[left, top, right, bottom], (x, y)| {
            [left.min(x), top.min(y), right.max(x), bottom.max(y)]
        })
    }

    /// Whether it is upright and fills a page.
    fn fills(&self, (width, height): (f32, f32)) -> bool {
        let [a, b, c, d, ..] = self.place.0;
        let [left, top, right, bottom] = self.bounds();
        let near = |one: f32, other: f32, length: f32| (one - other).abs() <= length * EDGE;
        a > 0.0
            && d < 0.0
            && b.abs() <= a * 1e-3
            && c.abs() <= -d * 1e-3
            && near(left, 0.0, width)
            && near(right, width, width)
            && near(top, 0.0, height)
            && near(bottom, height, height)
    }
}

/// The pictures of a page as one; in words why not, if there is none.
pub(super) fn draw(file: &File, size: (f32, f32), shown: &[Image]) -> Result<Raster, &'static str> {
    if shown.is_empty() {
        return Err("it is drawn, and only pictures are read");
    }
    if shown.iter().any(|image| image.pixels() > MOST_IMAGE_PIXELS) {
        return Err("its picture has more pixels than can be held");
    }
    let decode = |image: &Image| tolerate_panics(|| images::decode(file, image.id)).ok_or("a decoder broke down")?;
    if let [image] = shown
        && image.fills(size)
    {
        let picture = decode(image)?;
        if picture.opacity.is_none() {
            return within(picture.colours);
        }
    }
    let scale = scale(size, shown);
    let length = |points: f32| ((points * scale).round() as u32).max(1);
    let format = PixelFormat { model: Model::Rgb, alpha: false, depth: Depth::Eight };
    let mut page = Raster::new(length(size.0), length(size.1), format).map_err(|_| "no memory for the page")?;
    if let Samples::Eight(samples) = &mut page.samples {
        samples.fill(255);
    }
    let mut failed = None;
    let mut drawn = 0;
    for image in shown {
        match decode(image) {
            Ok(picture) => {
                lay(&mut page, &picture, image.place.then(Matrix([scale, 0.0, 0.0, scale, 0.0, 0.0])));
                drawn += 1;
            }
            Err(reason) => failed = Some(reason),
        }
    }
    // A layer that is missing is better than a page that is.
    if drawn == 0 { Err(failed.unwrap_or("it has no pictures")) } else { Ok(page) }
}

/// What of a page's pictures its picture is made of: those that can be seen.
pub(super) fn images(shown: &Shown, (width, height): (f32, f32)) -> Vec<Image> {
    let is_seen = |image: &&Image| {
        let [left, top, right, bottom] = image.bounds();
        left < width && top < height && right > 0.0 && bottom > 0.0 && image.pixels() > 0
    };
    shown.images.iter().filter(is_seen).copied().collect()
}

/// Whether pictures cover half of a page or more: what it holds beside them is then mostly a layer of text over a scan.
pub(super) fn covers_most(images: &[Image], (width, height): (f32, f32)) -> bool {
    let area = |image: &Image| {
        let [left, top, right, bottom] = image.bounds();
        (right.min(width) - left.max(0.0)) * (bottom.min(height) - top.max(0.0))
    };
    images.iter().map(area).sum::<f32>() * 2.0 >= width * height
}

/// The picture, no larger than is read.
fn within(picture: Raster) -> Result<Raster, &'static str> {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let share = (f64::from(MOST_PIXELS) / (width * height)).sqrt();
    if share >= 1.0 {
        return Ok(picture);
    }
    let size = ((width * share).max(1.0) as u32, (height * share).max(1.0) as u32);
    let source = (picture.width, picture.height);
    Resampler::new(picture.format(), source, Region::whole(source), size, Filter::Bilinear)
        .and_then(|resampler| resampler.run(&picture))
        .map_err(|_| "no memory for the page")
}

/// Pixels of a point: those of the finest picture that covers a part of the page, within bounds.
fn scale((width, height): (f32, f32), images: &[Image]) -> f32 {
    let covers = |image: &&Image| {
        let (across, down) = image.sides();
        across * down >= width * height * LEAST_SHARE / images.len() as f32
    };
    let density = |image: &Image| {
        let (across, down) = image.sides();
        (image.size.0 as f32 / across).max(image.size.1 as f32 / down)
    };
    let finest = images.iter().filter(covers).map(density).filter(|density| density.is_finite()).reduce(f32::max);
    let most = (MOST_PIXELS / (width * height)).sqrt();
    finest.unwrap_or(1.0).clamp(1.0, FINEST).min(most)
}

/// Lays a picture over a page: from the unit square, y upwards, to the page's pixels.
fn lay(page: &mut Raster, picture: &Picture, place: Matrix) {
    let [a, b, c, d, e, f] = place.0;
    let area = a * d - b * c;
    if !area.is_finite() || area.abs() < 1e-6 {
        return;
    }
    let colours = if picture.colours.model == Model::Grey { &grey_to_rgb(&picture.colours) } else { &picture.colours };
    let image = Image { id: (0, 0), size: (colours.width, colours.height), place };
    let [left, top, right, bottom] = image.bounds();
    let range = |from: f32, to: f32, length: u32| {
        let from = from.floor().clamp(0.0, length as f32) as u32;
        from..to.ceil().clamp(from as f32, length as f32) as u32
    };
    let (columns, rows) = (range(left, right, page.width), range(top, bottom, page.height));
    let width = page.width as usize;
    let Samples::Eight(samples) = &mut page.samples else { return };
    for y in rows {
        for x in columns.clone() {
            let (x_off, y_off) = (x as f32 + 0.5 - e, y as f32 + 0.5 - f);
            let (u, v) = ((d * x_off - c * y_off) / area, 1.0 - (a * y_off - b * x_off) / area);
            if !(0.0..1.0).contains(&u) || !(0.0..1.0).contains(&v) {
                continue;
            }
            let opacity = picture.opacity.as_ref().map_or(255, |mask| sample(mask, u, v)[0]);
            if opacity == 0 {
                continue;
            }
            let colour = sample(colours, u, v);
            let pixel = &mut samples[(y as usize * width + x as usize) * 3..][..3];
            for (under, over) in pixel.iter_mut().zip(colour) {
                let mixed = u32::from(*under) * u32::from(255 - opacity) + u32::from(*over) * u32::from(opacity);
                *under = ((mixed + 127) / 255) as u8;
            }
        }
    }
}

/// The pixel at a place of the unit square, y downwards.
fn sample(picture: &Raster, u: f32, v: f32) -> &[u8] {
    let at = |place: f32, length: u32| ((place * length as f32) as usize).min(length as usize - 1);
    let channels = picture.format().channels();
    let pixel = at(v, picture.height) * picture.width as usize + at(u, picture.width);
    &picture.eight()[pixel * channels..(pixel + 1) * channels]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(size: (u32, u32), place: [f32; 6]) -> Image {
        Image { id: (1, 0), size, place: Matrix(place) }
    }

    const A4: (f32, f32) = (595.0, 842.0);

    #[test]
    fn a_page_is_as_fine_as_its_scan_within_bounds() {
        let scan = image((2480, 3508), [595.0, 0.0, 0.0, -842.0, 0.0, 842.0]);
        assert!(scan.fills(A4) && covers_most(&[scan], A4));
        assert!((scale(A4, &[scan]) - 300.0 / 72.0).abs() < 0.01);
        let logo = image((2000, 500), [100.0, 0.0, 0.0, -25.0, 40.0, 60.0]);
        assert!(!logo.fills(A4) && !covers_most(&[logo], A4) && (scale(A4, &[scan, logo]) - 300.0 / 72.0).abs() < 0.01);
        let upside_down = image((2480, 3508), [-595.0, 0.0, 0.0, 842.0, 595.0, 0.0]);
        assert!(!upside_down.fills(A4));
        let poster = image((60_000, 60_000), [14_400.0, 0.0, 0.0, -14_400.0, 0.0, 14_400.0]);
        assert!(scale((14_400.0, 14_400.0), &[poster]).powi(2) * 14_400.0 * 14_400.0 < MOST_PIXELS * 1.01);
        assert!(scale(A4, &[image((100, 100), [0.0; 6])]).is_finite());
    }

    #[test]
    fn pictures_lie_where_the_page_puts_them_and_masks_let_through() {
        let grey = |value: u8| Raster {
            width: 2,
            height: 2,
            model: Model::Grey,
            alpha: false,
            samples: Samples::Eight(vec![value; 4]),
        };
        let samples = Samples::Eight(vec![255; 8 * 6 * 3]);
        let mut page = Raster { width: 8, height: 6, model: Model::Rgb, alpha: false, samples };
        lay(&mut page, &Picture { colours: grey(10), opacity: None }, Matrix([2.0, 0.0, 0.0, -3.0, 1.0, 5.0]));
        let at = |page: &Raster, x: usize, y: usize| page.eight()[(y * 8 + x) * 3];
        assert_eq!(
            [at(&page, 0, 2), at(&page, 1, 2), at(&page, 2, 4), at(&page, 3, 2), at(&page, 1, 1)],
            [255, 10, 10, 255, 255]
        );
        // A quarter turn, and a mask whose upper half is open.
        let mut mask = grey(0);
        if let Samples::Eight(samples) = &mut mask.samples {
            samples[..2].fill(255);
        }
        lay(&mut page, &Picture { colours: grey(99), opacity: Some(mask) }, Matrix([4.0, 0.0, 0.0, -4.0, 4.0, 4.0]));
        assert_eq!([at(&page, 5, 1), at(&page, 5, 3)], [99, 255]);
        lay(&mut page, &Picture { colours: grey(0), opacity: None }, Matrix([0.0; 6]));
    }
}

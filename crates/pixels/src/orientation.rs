//! EXIF orientation: how stored pixels have to be turned to be looked at.

use crate::raster::{Raster, Samples};
use crate::resample::Region;

/// The eight orientations of EXIF. Each is a mirroring along the diagonal (or not), followed by mirrorings of the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Rows become columns, before the other two.
    pub transposed: bool,
    /// Left and right change places.
    pub mirrored: bool,
    /// Top and bottom change places.
    pub flipped: bool,
}

impl Orientation {
    /// By the number in the EXIF tag; unknown numbers mean upright.
    pub fn from_exif(number: u16) -> Self {
        let (transposed, mirrored, flipped) = match number {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transposed, mirrored, flipped }
    }

    /// This one, followed by another.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let (mirrored, flipped) =
            if next.transposed { (self.flipped, self.mirrored) } else { (self.mirrored, self.flipped) };
        Self {
            transposed: self.transposed != next.transposed,
            mirrored: mirrored != next.mirrored,
            flipped: flipped != next.flipped,
        }
    }

    /// Whether nothing has to be done.
    pub fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// Whether rows stay rows and keep their order.
    pub fn keeps_rows(self) -> bool {
        !self.transposed && !self.flipped
    }

    /// Width and height after turning; its own inverse.
    pub fn turn_size(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Where a region of the turned picture, whose size is `size`, lies in the stored one.
    pub fn stored_region(self, region: Region, size: (u32, u32)) -> Region {
        let Region { mut x, mut y, width, height } = region;
        if self.mirrored {
            x = f64::from(size.0) - x - width;
        }
        if self.flipped {
            y = f64::from(size.1) - y - height;
        }
        if self.transposed {
            Region { x: y, y: x, width: height, height: width }
        } else {
            Region { x, y, width, height }
        }
    }

    /// Turns a picture.
    pub fn apply(self, raster: Raster) -> Raster {
        if self.is_upright() {
            return raster;
        }
        let (width, height) = self.turn_size((raster.width, raster.height));
        let channels = raster.format().channels();
        let samples = match &raster.samples {
            Samples::Eight(samples) => Samples::Eight(self.turn(samples, channels, (width, height))),
            Samples::Sixteen(samples) => Samples::Sixteen(self.turn(samples, channels, (width, height))),
        };
        Raster { width, height, samples, ..raster }
    }

    fn turn<T: Copy>(self, from: &[T], channels: usize, (width, height): (u32, u32)) -> Vec<T> {
        let (width, height) = (width as usize, height as usize);
        let mut to = Vec::with_capacity(from.len());
        for y in 0..height {
            let y = if self.flipped { height - 1 - y } else { y };
            for x in 0..width {
                let x = if self.mirrored { width - 1 - x } else { x };
                let pixel = if self.transposed { x * height + y } else { y * width + x };
                to.extend_from_slice(&from[pixel * channels..(pixel + 1) * channels]);
            }
        }
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::Model;

    #[test]
    fn each_number_turns_as_exif_says() {
        // Stored: a b c / d e f. The row and column of the stored 0th row and column are what EXIF names.
        let stored = Raster {
            width: 3,
            height: 2,
            model: Model::Grey,
            alpha: false,
            samples: Samples::Eight(b"abcdef".to_vec()),
        };
        let looks: [(u16, &[u8]); 8] = [
            (1, b"abcdef"),
            (2, b"cbafed"),
            (3, b"fedcba"),
            (4, b"defabc"),
            (5, b"adbecf"),
            (6, b"daebfc"),
            (7, b"fcebda"),
            (8, b"cfbead"),
        ];
        for (number, look) in looks {
            let turned = Orientation::from_exif(number).apply(stored.clone());
            assert_eq!(turned.eight(), look, "{number}");
        }
    }

    #[test]
    fn two_after_each_other_are_one() {
        let stored = Raster {
            width: 3,
            height: 2,
            model: Model::Grey,
            alpha: false,
            samples: Samples::Eight(b"abcdef".to_vec()),
        };
        for (first, next) in (1..=8).flat_map(|first| (1..=8).map(move |next| (first, next))) {
            let (first, next) = (Orientation::from_exif(first), Orientation::from_exif(next));
            let one_by_one = next.apply(first.apply(stored.clone()));
            assert_eq!(first.then(next).apply(stored.clone()), one_by_one, "{first:?} {next:?}");
        }
    }

    #[test]
    fn a_region_of_the_turned_picture_is_found_in_the_stored_one() {
        for number in 1..=8 {
            let orientation = Orientation::from_exif(number);
            let stored = Raster {
                width: 3,
                height: 2,
                model: Model::Grey,
                alpha: false,
                samples: Samples::Eight(b"abcdef".to_vec()),
            };
            let turned = orientation.apply(stored.clone());
            for x in 0..turned.width {
                for y in 0..turned.height {
                    let pixel = turned.cut(x, y, 1, 1);
                    let region = Region { x: f64::from(x), y: f64::from(y), width: 1.0, height: 1.0 };
                    let region = orientation.stored_region(region, (turned.width, turned.height));
                    assert_eq!(stored.cut(region.x as u32, region.y as u32, 1, 1).eight(), pixel.eight(), "{number}");
                }
            }
        }
    }
}

//! Rectangles at any angle.

/// Upper left, upper right, lower right and lower left corner.
pub type Quad = [[f32; 2]; 4];

/// A rectangle whose sides have any direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    /// Its middle.
    pub middle: [f32; 2],
    /// The direction in which its text is read, of length 1. Lines follow each other clockwise of it.
    pub along: [f32; 2],
    /// Its length in that direction.
    pub width: f32,
    /// Its length across.
    pub height: f32,
}

impl Rectangle {
    /// The direction from line to line.
    pub fn across(&self) -> [f32; 2] {
        [-self.along[1], self.along[0]]
    }

    /// The point at a place in it, counted from its upper left corner.
    pub fn point(&self, x: f32, y: f32) -> [f32; 2] {
        let (x, y) = (x - self.width / 2.0, y - self.height / 2.0);
        let across = self.across();
        std::array::from_fn(|axis| self.middle[axis] + x * self.along[axis] + y * across[axis])
    }

    /// The corners of a part of it.
    pub fn part(&self, [left, top, right, bottom]: [f32; 4]) -> Quad {
        [self.point(left, top), self.point(right, top), self.point(right, bottom), self.point(left, bottom)]
    }

    /// The corners.
    pub fn corners(&self) -> Quad {
        self.part([0.0, 0.0, self.width, self.height])
    }

    /// Larger by so much on each side.
    pub fn grown(self, by: f32) -> Self {
        Self { width: self.width + 2.0 * by, height: self.height + 2.0 * by, ..self }
    }

    /// Upside down.
    pub fn turned(self) -> Self {
        Self { along: self.along.map(|part| -part), ..self }
    }

    /// In another scale, which may differ across and down.
    pub fn scaled(self, [x, y]: [f32; 2]) -> Self {
        let stretched = |[u, v]: [f32; 2]| (u * x).hypot(v * y);
        let length = stretched(self.along);
        Self {
            middle: [self.middle[0] * x, self.middle[1] * y],
            along: [self.along[0] * x / length, self.along[1] * y / length],
            width: self.width * length,
            height: self.height * stretched(self.across()),
        }
    }

    /// The smallest rectangle around points, read as text is: from left to right, or downwards where it is much higher than
    /// broad. None of no points.
    pub fn around(points: &[[f32; 2]]) -> Option<Self> {
        let hull = hull(points);
        let [first, ..] = hull[..] else { return None };
        let mut best: Option<(f32, Self)> = None;
        for (at, from) in hull.iter().enumerate() {
            let to = hull[(at + 1) % hull.len()];
            let (x, y) = (to[0] - from[0], to[1] - from[1]);
            let length = x.hypot(y);
            let along = if length > 0.0 { [x / length, y / length] } else { [1.0, 0.0] };
            let rectangle = Self { middle: first, along, width: 0.0, height: 0.0 }.fitted(&hull);
            let area = rectangle.width * rectangle.height;
            if best.is_none_or(|(least, _)| area < least) {
                best = Some((area, rectangle));
            }
        }
        best.map(|(_, rectangle)| rectangle.as_text())
    }

    /// Of the same direction, around all of the points.
    fn fitted(self, points: &[[f32; 2]]) -> Self {
        let across = self.across();
        let range = |axis: [f32; 2]| {
            let places = points.iter().map(|[x, y]| x * axis[0] + y * axis[1]);
            places.fold((f32::MAX, f32::MIN), |(least, most), place| (least.min(place), most.max(place)))
        };
        let (left, right) = range(self.along);
        let (top, bottom) = range(across);
        let (x, y) = (f32::midpoint(left, right), f32::midpoint(top, bottom));
        let middle = std::array::from_fn(|axis| x * self.along[axis] + y * across[axis]);
        Self { middle, width: right - left, height: bottom - top, ..self }
    }

    /// The same rectangle with the direction in which text is read in it.
    fn as_text(mut self) -> Self {
        /// A column of one sign is not read downwards.
        const UPRIGHT: f32 = 1.5;
        if self.along[0].abs() < self.along[1].abs() {
            self = self.quarter_turned();
        }
        if self.along[0] < 0.0 {
            self = self.turned();
        }
        if self.height > self.width * UPRIGHT { self.quarter_turned() } else { self }
    }

    fn quarter_turned(self) -> Self {
        Self { along: self.across(), width: self.height, height: self.width, ..self }
    }
}

/// The convex hull, in order (Andrew's monotone chain).
fn hull(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let mut points = points.to_vec();
    points.sort_by(|one, other| one[0].total_cmp(&other[0]).then(one[1].total_cmp(&other[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turn = |a: [f32; 2], b: [f32; 2], c: [f32; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let half = |points: &mut dyn Iterator<Item = [f32; 2]>| {
        let mut chain: Vec<[f32; 2]> = Vec::new();
        for point in points {
            while let [.., before, last] = chain[..]
                && turn(before, last, point) <= 0.0
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut whole = half(&mut points.iter().copied());
    whole.extend(half(&mut points.iter().rev().copied()));
    whole
}

/// The middle one of the angles of lines, clockwise degrees; short ones say nothing.
pub fn skew(lines: &[Rectangle]) -> f32 {
    const LONG: f32 = 4.0;
    let is_level = |line: &&Rectangle| line.width > line.height * LONG && line.along[0].abs() > line.along[1].abs();
    let angle = |line: &Rectangle| {
        let [x, y] = line.along;
        (y / x).atan().to_degrees()
    };
    let mut angles: Vec<f32> = lines.iter().filter(is_level).map(angle).collect();
    angles.sort_unstable_by(f32::total_cmp);
    angles.get(angles.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f32, other: f32) -> bool {
        (one - other).abs() < 0.01
    }

    #[test]
    fn the_smallest_rectangle_follows_the_points() {
        let (sin, cos) = 10_f32.to_radians().sin_cos();
        let turned = |x: f32, y: f32| [50.0 + x * cos - y * sin, 40.0 + x * sin + y * cos];
        let mut points: Vec<_> = (0..=20).flat_map(|x| [turned(x as f32, 0.0), turned(x as f32, 4.0)]).collect();
        points.push(turned(7.0, 2.0));
        let found = Rectangle::around(&points).unwrap();
        assert!(near(found.width, 20.0) && near(found.height, 4.0), "{found:?}");
        assert!(near(found.along[0], cos) && near(found.along[1], sin), "{found:?}");
        let [corner, ..] = found.corners();
        assert!(near(corner[0], 50.0) && near(corner[1], 40.0), "{corner:?}");
        assert!(near(skew(&[found]), 10.0));
    }

    #[test]
    fn what_is_much_higher_than_broad_is_read_downwards() {
        let points = [[0.0, 0.0], [5.0, 0.0], [5.0, 30.0], [0.0, 30.0]];
        let found = Rectangle::around(&points).unwrap();
        assert!(near(found.along[1], 1.0) && near(found.width, 30.0), "{found:?}");
        // Its upper left corner, to who reads it, is the upper right one of the page.
        assert!(near(found.corners()[0][0], 5.0) && near(found.corners()[0][1], 0.0), "{found:?}");
        let square = Rectangle::around(&[[0.0, 0.0], [5.0, 0.0], [5.0, 6.0], [0.0, 6.0]]).unwrap();
        assert!(near(square.along[0], 1.0), "{square:?}");
    }

    #[test]
    fn few_points_and_points_in_a_row_have_a_rectangle() {
        assert!(Rectangle::around(&[]).is_none());
        let one = Rectangle::around(&[[3.0, 4.0]]).unwrap();
        assert_eq!((one.width, one.height), (0.0, 0.0));
        let row = Rectangle::around(&[[0.0, 1.0], [1.0, 1.0], [9.0, 1.0]]).unwrap();
        assert!(near(row.width, 9.0) && near(row.height, 0.0) && near(row.along[0], 1.0), "{row:?}");
    }

    #[test]
    fn a_scale_that_differs_keeps_the_corners() {
        let level = Rectangle { middle: [10.0, 10.0], along: [1.0, 0.0], width: 8.0, height: 2.0 };
        assert_eq!(level.scaled([2.0, 3.0]).corners(), [[12.0, 27.0], [28.0, 27.0], [28.0, 33.0], [12.0, 33.0]]);
    }
}

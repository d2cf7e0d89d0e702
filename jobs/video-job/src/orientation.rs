//! How a stored picture is turned and mirrored to be shown: the eight ways that an upright rectangle has.

/// What is done to a stored picture: mirrored first, then turned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Orientation {
    /// Left and right are exchanged.
    pub is_mirrored: bool,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub rotation: u16,
}

impl Orientation {
    /// Of the matrix of a track (ISO/IEC 14496-12 6.2.2): rows of (a, b, u), (c, d, v), (x, y, w), in 16.16 fixed point, which
    /// take the point (p, q) to (a·p + c·q + x, b·p + d·q + y). Angles between the quarter turns go to the nearest.
    pub(crate) fn of_matrix(matrix: &[i32; 9]) -> Self {
        let [a, b, c, d] = [matrix[0], matrix[1], matrix[3], matrix[4]].map(f64::from);
        let is_mirrored = a * d - b * c < 0.0;
        // Where the picture's left edge points to, mirrored back.
        let (x, y) = if is_mirrored { (-a, -b) } else { (a, b) };
        let quarters = (y.atan2(x) / std::f64::consts::FRAC_PI_2).round().rem_euclid(4.0);
        Self { is_mirrored, rotation: quarters as u16 * 90 }
    }

    /// Whether what is shown is as wide as what is stored is high.
    pub(crate) fn swaps_sides(self) -> bool {
        !self.rotation.is_multiple_of(180)
    }

    /// Width and height as shown.
    pub(crate) fn shown<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.swaps_sides() { (height, width) } else { (width, height) }
    }

    /// The same in libavfilter's words; none where nothing is to be done.
    pub(crate) fn filters(self) -> Option<&'static str> {
        match (self.is_mirrored, self.rotation) {
            (false, 90) => Some("transpose=clock"),
            (false, 180) => Some("hflip,vflip"),
            (false, 270) => Some("transpose=cclock"),
            (false, _) => None,
            (true, 90) => Some("hflip,transpose=clock"),
            (true, 180) => Some("vflip"),
            (true, 270) => Some("hflip,transpose=cclock"),
            (true, _) => Some("hflip"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_turn_and_mirror() {
        let one = 1 << 16;
        for ([a, b, c, d], is_mirrored, rotation) in [
            ([one, 0, 0, one], false, 0),
            // As telephones held upright write it.
            ([0, one, -one, 0], false, 90),
            ([-one, 0, 0, -one], false, 180),
            ([0, -one, one, 0], false, 270),
            ([-one, 0, 0, one], true, 0),
            ([one, 0, 0, -one], true, 180),
            // Transposed: the left edge comes to the top.
            ([0, one, one, 0], true, 270),
            ([0, -one, -one, 0], true, 90),
        ] {
            let orientation = Orientation::of_matrix(&[a, b, 0, c, d, 0, 0, 0, 1 << 30]);
            assert_eq!(orientation, Orientation { is_mirrored, rotation }, "{a} {b} {c} {d}");
        }
    }

    #[test]
    fn a_matrix_of_zeros_and_a_slight_angle_do_nothing() {
        assert_eq!(Orientation::of_matrix(&[0; 9]), Orientation::default());
        assert_eq!(Orientation::of_matrix(&[65_000, 4000, 0, -4000, 65_000, 0, 0, 0, 1 << 30]), Orientation::default());
    }
}

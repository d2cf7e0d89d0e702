//! Pages that Amazon Textract reads: what is sent, and its answer as the networks' own would be.

use contract::Failure;
use ocr::{Line, Quad, Text, Word};
use operation::Services;
use operation::ask::{self, Jpeg, PageLine};
use pixels::encode::bounded_jpeg;
use pixels::raster::Raster;

/// Bytes of a picture that is sent.
const MOST_BYTES: usize = 5_000_000;
/// Shares of a picture's height: lines whose length is less than so many times that say nothing of its direction.
const LONG: f32 = 4.0;

/// Reads a grey or RGB picture of eight bits.
pub(crate) fn read(picture: &Raster, min_confidence: f32, services: &Services) -> Result<Text, Failure> {
    let question = ask::PageText { picture: Jpeg(bounded_jpeg(picture, MOST_BYTES)?) };
    let answer = services.ask(&question)?;
    let size = [picture.width as f32, picture.height as f32];
    let lines: Vec<Line> = answer.lines.into_iter().filter_map(|line| to_line(line, size, min_confidence)).collect();
    let turned = turned(&lines);
    let skew = skew(&lines, turned);
    Ok(Text { turned, skew, lines, is_partial: false })
}

fn to_line(line: PageLine, [width, height]: [f32; 2], min_confidence: f32) -> Option<Line> {
    let place = |corners: Quad| corners.map(|[x, y]| [x * width, y * height]);
    let sure = line.words.into_iter().filter(|word| word.confidence >= min_confidence);
    let words: Vec<Word> =
        sure.map(|word| Word { corners: place(word.corners), confidence: word.confidence, text: word.text }).collect();
    (!words.is_empty()).then(|| Line { words, confidence: line.confidence, corners: place(line.corners) })
}

/// From the first to the second corner: where a line runs to.
fn along(line: &Line) -> [f32; 2] {
    let [from, to, ..] = line.corners;
    [to[0] - from[0], to[1] - from[1]]
}

/// Clockwise degrees by which the page has to be turned to be read: those of most of its text.
fn turned(lines: &[Line]) -> u16 {
    let mut lengths = [0.0_f32; 4];
    for line in lines {
        let [x, y] = along(line);
        let quarter = match (x.abs() >= y.abs(), x >= 0.0, y >= 0.0) {
            (true, true, _) => 0,
            (false, _, false) => 1,
            (true, false, _) => 2,
            (false, _, true) => 3,
        };
        lengths[quarter] += x.hypot(y);
    }
    let most = (1..4).fold(0, |most, quarter| if lengths[quarter] > lengths[most] { quarter } else { most });
    most as u16 * 90
}

/// The middle one of the angles of lines on the page that is turned, clockwise degrees.
fn skew(lines: &[Line], turned: u16) -> f32 {
    let angle = |line: &Line| {
        let [x, y] = along(line);
        let [x, y] = match turned {
            90 => [-y, x],
            180 => [-x, -y],
            270 => [y, -x],
            _ => [x, y],
        };
        let [left, _, right, _] = line.corners;
        let height = (right[0] - left[0]).abs().min((right[1] - left[1]).abs());
        (x > 0.0 && x > y.abs() && x > height * LONG).then(|| (y / x).atan().to_degrees())
    };
    let mut angles: Vec<f32> = lines.iter().filter_map(angle).collect();
    angles.sort_unstable_by(f32::total_cmp);
    angles.get(angles.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 200 × 10 that begins at a point and runs in a direction, clockwise degrees from the right.
    fn line([x, y]: [f32; 2], degrees: f32) -> Line {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let corner = |along: f32, down: f32| [x + along * cos - down * sin, y + along * sin + down * cos];
        let corners = [corner(0.0, 0.0), corner(200.0, 0.0), corner(200.0, 10.0), corner(0.0, 10.0)];
        Line { words: Vec::new(), confidence: 1.0, corners }
    }

    #[test]
    fn pages_on_their_side_and_skewed_ones_are_told_by_where_lines_run_to() {
        // Lines that run upwards are on a page that has to be turned clockwise by a quarter.
        for (degrees, expected) in [(0.0, 0), (-90.0, 90), (180.0, 180), (90.0, 270)] {
            for skewed in [0.0, 3.0, -3.0] {
                let lines: Vec<Line> =
                    (0..9_u8).map(|at| line([500.0, 30.0 * f32::from(at)], degrees + skewed)).collect();
                assert_eq!(turned(&lines), expected, "{degrees} {skewed}");
                assert!(
                    (skew(&lines, expected) - skewed).abs() < 0.01,
                    "{degrees} {skewed}: {}",
                    skew(&lines, expected)
                );
            }
        }
        assert_eq!((turned(&[]), skew(&[], 0)), (0, 0.0));
    }
}

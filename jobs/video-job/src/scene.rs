//! Finds cuts: frames that differ from the one before more than that one did from its own.

use ffmpeg_next::frame::Video;

/// Scores each frame against the one before.
pub(crate) struct SceneDetector {
    threshold: f64,
    previous: Vec<u8>,
    previous_difference: f64,
}

impl SceneDetector {
    /// Takes a score above `threshold`, of 0 to 1, for a cut.
    pub(crate) fn new(threshold: f64) -> Self {
        Self { threshold, previous: Vec::new(), previous_difference: 0.0 }
    }

    /// Whether the frame begins a scene. The first one does.
    pub(crate) fn is_new_scene(&mut self, frame: &Video) -> bool {
        let current = every_second_pixel(frame);
        if current.len() != self.previous.len() {
            self.previous = current;
            self.previous_difference = 0.0;
            return true;
        }
        let score = self.score(&current);
        self.previous = current;
        score > self.threshold
    }

    /// The mean difference of luma in percent of the range, less where the frame before differed as much: motion goes on,
    /// a cut comes once. The measure of libavfilter's `select` and `scdet`.
    fn score(&mut self, current: &[u8]) -> f64 {
        let sum: u64 = self.previous.iter().zip(current).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let difference = sum as f64 * 100.0 / (255.0 * current.len().max(1) as f64);
        let change = (difference - self.previous_difference).abs();
        self.previous_difference = difference;
        (difference.min(change) / 100.0 * SENSITIVITY).clamp(0.0, 1.0)
    }
}

/// Luma differs less than the sum of three colours: scores are to mean what they mean elsewhere.
const SENSITIVITY: f64 = 2.55;

/// Luma at every second pixel of every second line: enough to see a cut. Of more than eight bits, the upper eight.
fn every_second_pixel(frame: &Video) -> Vec<u8> {
    let is_deep = frame.format().descriptor().is_some_and(|descriptor| {
        // SAFETY: descriptors are constants of libavutil.
        unsafe { (*descriptor.as_ptr()).comp[0].depth > 8 }
    });
    let (width, height, stride) = (frame.width() as usize, frame.height() as usize, frame.stride(0));
    let shift = frame.format().descriptor().map_or(0, |descriptor| {
        // SAFETY: as above.
        unsafe { ((*descriptor.as_ptr()).comp[0].depth - 8).max(0) }
    });
    let bytes = frame.data(0);
    let mut pixels = Vec::with_capacity(width.div_ceil(2) * height.div_ceil(2));
    for line in (0..height).step_by(2).map(|y| &bytes[y * stride..]) {
        if is_deep {
            let samples = line[..width * 2].chunks_exact(2).step_by(2);
            pixels.extend(samples.map(|sample| (u16::from_le_bytes([sample[0], sample[1]]) >> shift) as u8));
        } else {
            pixels.extend(line[..width].iter().step_by(2));
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::format::Pixel;

    use super::*;

    fn grey(value: u8) -> Video {
        let mut frame = Video::new(Pixel::YUV420P, 64, 48);
        frame.data_mut(0).fill(value);
        frame
    }

    #[test]
    fn a_cut_is_a_cut_and_a_fade_is_none() {
        let mut detector = SceneDetector::new(0.3);
        let scenes: Vec<bool> = [20, 21, 20, 200, 201, 199].map(|value| detector.is_new_scene(&grey(value))).to_vec();
        assert_eq!(scenes, [true, false, false, true, false, false]);
        let mut detector = SceneDetector::new(0.3);
        let fade = (0..250).step_by(10).filter(|value| detector.is_new_scene(&grey(*value))).count();
        assert_eq!(fade, 1);
    }
}

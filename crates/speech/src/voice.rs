//! Where there is speech: a network's probability for each frame of 32 ms, and the hysteresis that makes spans of them
//! (snakers4/silero-vad `utils_vad.py`, MIT).

use std::ops::Range;

use contract::Failure;

/// Samples of a frame.
pub const FRAME: usize = 512;

/// Seconds of a frame.
pub const FRAME_SECONDS: f64 = FRAME as f64 / crate::SAMPLE_RATE as f64;

/// Speech begins at this probability, and ends below the other one.
const BEGIN: f32 = 0.5;
const END: f32 = 0.35;

/// Frames of silence that end speech: 128 ms.
const SILENCE: usize = 4;

/// Frames of the shortest speech: 256 ms.
const SHORTEST: usize = 8;

/// A network that hears whether somebody speaks.
pub trait Detector {
    /// The probability of speech, 0 to 1, in each of the next frames. Several at once cost less.
    fn probabilities(&mut self, frames: &[[f32; FRAME]]) -> Result<Vec<f32>, Failure>;
}

/// Makes spans of probabilities, one frame after the other.
#[derive(Debug, Default)]
pub struct Spans {
    frame: usize,
    start: Option<usize>,
    /// Frames of silence at the end of the open span.
    silence: usize,
    /// The open span goes on with what was cut off before it, and counts however short it is.
    goes_on: bool,
}

impl Spans {
    /// Takes the probability of the next frame; answers the span that it ends.
    pub fn push(&mut self, probability: f32) -> Option<Range<usize>> {
        let at = self.frame;
        self.frame += 1;
        if probability >= BEGIN {
            self.start.get_or_insert(at);
            self.silence = 0;
        } else if self.start.is_some() && (probability < END || self.silence > 0) {
            // Between the two limits silence goes on, once it has begun.
            self.silence += 1;
            if self.silence >= SILENCE {
                return self.close();
            }
        }
        None
    }

    /// The frame at which the open span began.
    pub fn open(&self) -> Option<usize> {
        self.start
    }

    /// Cuts the open span: it ends before `frame`, where the next one begins.
    pub fn cut(&mut self, frame: usize) -> Option<Range<usize>> {
        let start = self.start.replace(frame)?;
        self.goes_on = true;
        Some(start..frame)
    }

    /// Ends the open span.
    pub fn close(&mut self) -> Option<Range<usize>> {
        let span = self.start.take()?..self.frame - self.silence;
        self.silence = 0;
        let goes_on = std::mem::take(&mut self.goes_on);
        (span.len() >= SHORTEST || goes_on && !span.is_empty()).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(probabilities: &[(f32, usize)]) -> Vec<Range<usize>> {
        let mut spans = Spans::default();
        let frames = probabilities.iter().flat_map(|(value, count)| std::iter::repeat_n(*value, *count));
        let mut result: Vec<_> = frames.filter_map(|value| spans.push(value)).collect();
        result.extend(spans.close());
        result
    }

    #[test]
    fn speech_is_what_is_loud_for_long_enough_and_pauses_within_words_do_not_end_it() {
        assert_eq!(spans(&[(0.1, 10), (0.9, 20), (0.1, 10)]), vec![10..30]);
        assert_eq!(spans(&[(0.9, 20), (0.1, 3), (0.9, 20), (0.1, 4), (0.9, 9)]), [0..43, 47..56]);
        // A click, and what stays between the limits.
        assert!(spans(&[(0.1, 5), (0.9, 5), (0.1, 5)]).is_empty());
        assert_eq!(spans(&[(0.9, 20), (0.4, 30), (0.1, 4)]), vec![0..50]);
        assert_eq!(spans(&[(0.9, 20), (0.1, 1), (0.4, 30)]), vec![0..20]);
        assert!(spans(&[(0.45, 100)]).is_empty());
        assert!(spans(&[]).is_empty());
    }

    #[test]
    fn a_cut_loses_no_frame() {
        let mut open = Spans::default();
        for _ in 0..50 {
            assert_eq!(open.push(0.9), None);
        }
        assert_eq!((open.open(), open.cut(30), open.open()), (Some(0), Some(0..30), Some(30)));
        assert_eq!(open.close(), Some(30..50));
    }
}

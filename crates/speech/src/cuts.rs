//! Where a stretch of audio can be cut in two without cutting a word.

use std::ops::Range;

use crate::voice::FRAME;

/// Below this probability of speech a frame is silence.
const SILENCE: f32 = 0.35;

/// Frames of the shortest silence that is one: 192 ms.
const SHORTEST: usize = 6;

/// Looks at a stretch frame by frame.
#[derive(Debug, Default)]
pub struct Quiet {
    /// For each frame how probable speech is, and how loud it is.
    frames: Vec<(f32, f32)>,
}

impl Quiet {
    /// Takes the next frame, with the probability that somebody speaks in it.
    pub fn push(&mut self, frame: &[f32; FRAME], probability: f32) {
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME as f32;
        self.frames.push((probability, (power + 1e-9).log10()));
    }

    /// The frame to cut in front of: in the middle of the longest silence, of equal ones that nearest to the middle of the stretch;
    /// if nobody pauses, where it is most quiet and least like speech.
    pub fn place(&self) -> usize {
        let middle = self.frames.len() / 2;
        let distance = |place: usize| place.abs_diff(middle);
        let longest = self.silences().max_by_key(|silence| {
            (silence.len(), std::cmp::Reverse(distance(usize::midpoint(silence.start, silence.end))))
        });
        if let Some(silence) = longest.filter(|silence| silence.len() >= SHORTEST) {
            return usize::midpoint(silence.start, silence.end);
        }
        let value = |at: usize| {
            let near = &self.frames[at.saturating_sub(1)..(at + 2).min(self.frames.len())];
            near.iter().map(|(probability, loudness)| probability + loudness).sum::<f32>() / near.len() as f32
        };
        (0..self.frames.len()).min_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap_or(0)
    }

    fn silences(&self) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let is_silent = |at: &usize| self.frames[*at].0 < SILENCE;
            let start = (at..self.frames.len()).find(is_silent)?;
            at = (start..self.frames.len()).find(|at| !is_silent(at)).unwrap_or(self.frames.len());
            Some(start..at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(parts: &[(f32, f32, usize)]) -> usize {
        let mut quiet = Quiet::default();
        for (probability, loudness, count) in parts {
            for _ in 0..*count {
                quiet.push(&[*loudness; FRAME], *probability);
            }
        }
        quiet.place()
    }

    #[test]
    fn the_cut_is_in_the_middle_of_the_longest_silence() {
        assert_eq!(place(&[(0.9, 0.5, 50), (0.1, 0.1, 10), (0.9, 0.5, 40), (0.1, 0.1, 20), (0.9, 0.5, 5)]), 110);
        // Of two that are equal, the one in the middle; all of it may be silence.
        assert_eq!(place(&[(0.1, 0.1, 10), (0.9, 0.5, 40), (0.1, 0.1, 10), (0.9, 0.5, 40)]), 55);
        assert_eq!(place(&[(0.0, 0.0, 100)]), 50);
        assert_eq!(place(&[]), 0);
    }

    #[test]
    fn speech_without_a_pause_is_cut_where_it_is_quiet() {
        let found = place(&[(0.9, 0.5, 50), (0.8, 0.01, 4), (0.9, 0.5, 80)]);
        assert!((50..54).contains(&found), "{found}");
    }
}

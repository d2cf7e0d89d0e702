//! Audio to chunks of at most 30 s with speech in them, cut at silence.
//!
//! A window costs the network the same however much speech is in it, so a chunk takes as many spans of speech as fit. Pauses of
//! up to 2 s stay as they are, because they belong to the way of speaking; of longer ones a little remains on either side. A
//! chunk ends in the longest pause of its second half. Speech without any pause is cut where it is most quiet.
//!
//! What is kept in memory is at most [`MOST_KEPT`] samples, however long the audio is.

use std::collections::VecDeque;
use std::ops::Range;

use crate::voice::{FRAME, FRAME_SECONDS, Spans};
use crate::{SAMPLE_RATE, WINDOW_SECONDS};

/// Frames around speech that are kept, 384 ms: the detector hears soft beginnings and endings late.
const PADDING: usize = 12;

/// Frames of a chunk: 29.98 s.
const LIMIT: usize = WINDOW_SECONDS * SAMPLE_RATE / FRAME;

/// The longest pause that stays whole: 2 s.
const WHOLE_PAUSE: usize = 2 * SAMPLE_RATE / FRAME;

/// A pause that ends a chunk, 8 s: so what is kept in memory is bounded.
const ENDING_PAUSE: usize = 8 * SAMPLE_RATE / FRAME;

/// Frames of the longest span of speech.
const LONGEST_SPAN: usize = LIMIT - 2 * PADDING;

/// The most samples that are kept: spans of a chunk with the longest pauses between them, and an open span.
pub const MOST_KEPT: usize = (LIMIT / (2 * PADDING + 8) + 2) * (ENDING_PAUSE + 2 * PADDING) * FRAME + 2 * LIMIT * FRAME;

/// Speech to be recognised at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// At most 30 s of audio.
    pub samples: Vec<f32>,
    /// The probability of speech in each frame of it.
    pub voice: Vec<f32>,
    /// Spans of speech, seconds of the chunk.
    pub speech: Vec<Range<f64>>,
    /// Which frames of the audio it is made of.
    pieces: Vec<Range<usize>>,
}

impl Chunk {
    /// Seconds of audio.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / SAMPLE_RATE as f64
    }

    /// Seconds of speech after a time of the chunk.
    pub fn speech_after(&self, time: f64) -> f64 {
        self.speech.iter().map(|span| (span.end - span.start.max(time)).max(0.0)).sum()
    }

    /// The mean probability of speech between two times of the chunk.
    pub fn mean_voice(&self, time: &Range<f64>) -> f32 {
        let frame = |seconds: f64| ((seconds / FRAME_SECONDS) as usize).min(self.voice.len().saturating_sub(1));
        let frames = self.voice.get(frame(time.start)..=frame(time.end).max(frame(time.start))).unwrap_or_default();
        frames.iter().sum::<f32>() / frames.len().max(1) as f32
    }

    /// Where the chunk is in the whole audio, seconds.
    pub fn span(&self) -> Range<f64> {
        let first = self.pieces.first().map_or(0, |piece| piece.start);
        let last = self.pieces.last().map_or(0, |piece| piece.end);
        first as f64 * FRAME_SECONDS..last as f64 * FRAME_SECONDS
    }

    /// A stretch of the chunk as a stretch of the whole audio. It stays in the piece in which it begins.
    pub fn time(&self, time: &Range<f64>) -> Range<f64> {
        let mut before = 0.0;
        for (at, piece) in self.pieces.iter().enumerate() {
            let length = piece.len() as f64 * FRAME_SECONDS;
            if time.start < before + length || at + 1 == self.pieces.len() {
                let moved = |seconds: f64| piece.start as f64 * FRAME_SECONDS + (seconds - before).clamp(0.0, length);
                return moved(time.start)..moved(time.end);
            }
            before += length;
        }
        time.clone()
    }
}

/// Makes chunks, frame after frame.
#[derive(Debug, Default)]
pub struct Chunker {
    /// Audio from the frame `first` on.
    samples: VecDeque<f32>,
    voice: VecDeque<f32>,
    first: usize,
    frames: usize,
    detected: Spans,
    /// Spans of the next chunk.
    spans: Vec<Span>,
    /// The end of what has gone into chunks.
    done: usize,
}

/// Speech, in frames of the whole audio.
#[derive(Debug, Clone, PartialEq)]
struct Span {
    frames: Range<usize>,
    /// It was cut at its end: what follows is speech.
    is_cut: bool,
}

impl Chunker {
    /// Takes the next frame, with the probability that somebody speaks in it.
    pub fn push(&mut self, frame: &[f32; FRAME], probability: f32) -> Vec<Chunk> {
        self.samples.extend(frame);
        self.voice.push_back(probability);
        self.frames += 1;
        let mut chunks = Vec::new();
        if let Some(frames) = self.detected.push(probability) {
            self.add(Span { frames, is_cut: false }, &mut chunks);
        }
        if let Some(start) = self.detected.open() {
            if self.frames - start >= LONGEST_SPAN {
                let cut = self.most_quiet(start + LONGEST_SPAN / 2..self.frames - 1);
                if let Some(frames) = self.detected.cut(cut) {
                    self.add(Span { frames, is_cut: true }, &mut chunks);
                }
            }
        } else if self.spans.last().is_some_and(|last| self.frames - last.frames.end >= ENDING_PAUSE) {
            let count = self.spans.len();
            chunks.extend(self.take(count));
        }
        self.forget();
        chunks
    }

    /// The audio is over.
    pub fn finish(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        if let Some(frames) = self.detected.close() {
            self.add(Span { frames, is_cut: false }, &mut chunks);
        }
        let count = self.spans.len();
        chunks.extend(self.take(count));
        chunks
    }

    /// Seconds of audio so far.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 * FRAME_SECONDS
    }

    fn add(&mut self, span: Span, chunks: &mut Vec<Chunk>) {
        self.spans.push(span);
        while self.spans.len() > 1 && self.length(self.spans.len()) > LIMIT {
            let pause = |at: usize| self.spans[at].frames.start - self.spans[at - 1].frames.end;
            let late = (1..self.spans.len()).filter(|at| self.length(*at) >= LIMIT / 2 && self.length(*at) <= LIMIT);
            let at = late.max_by_key(|at| pause(*at)).unwrap_or(self.spans.len() - 1);
            chunks.extend(self.take(at));
        }
    }

    fn length(&self, count: usize) -> usize {
        self.pieces(count).iter().map(Range::len).sum()
    }

    /// The frames of a chunk of the first `count` spans. Its padding goes as far as the middle of the pause to the next span.
    fn pieces(&self, count: usize) -> Vec<Range<usize>> {
        let mut pieces: Vec<Range<usize>> = Vec::new();
        for (at, span) in self.spans[..count].iter().enumerate() {
            let start = span.frames.start.saturating_sub(PADDING).max(self.done);
            let next = self.spans.get(at + 1).map(|next| next.frames.start).or(self.detected.open());
            let middle = next.map_or(self.frames, |next| usize::midpoint(span.frames.end, next.max(span.frames.end)));
            let end = if span.is_cut {
                span.frames.end
            } else {
                (span.frames.end + PADDING).min(middle.max(span.frames.end))
            };
            match pieces.last_mut() {
                Some(last) if start <= last.end || span.frames.start - self.spans[at - 1].frames.end <= WHOLE_PAUSE => {
                    last.end = end;
                }
                _ => pieces.push(start..end),
            }
        }
        pieces
    }

    fn take(&mut self, count: usize) -> Option<Chunk> {
        if count == 0 {
            return None;
        }
        let mut pieces = self.pieces(count);
        let length: usize = pieces.iter().map(Range::len).sum();
        if let Some(last) = pieces.last_mut() {
            // The padding behind the last span has grown since the span came, if little audio had followed by then.
            last.end = last.end.min(self.frames) - length.saturating_sub(LIMIT);
        }
        let (mut samples, mut voice, mut speech) = (Vec::new(), Vec::new(), Vec::new());
        for piece in &pieces {
            let before = voice.len() as f64 - piece.start as f64;
            let within = self.spans[..count].iter().map(|span| &span.frames).filter(|span| piece.contains(&span.start));
            let seconds = |frame: usize| (before + frame as f64) * FRAME_SECONDS;
            speech.extend(within.map(|span| seconds(span.start)..seconds(span.end)));
            let from = piece.start - self.first;
            voice.extend(self.voice.range(from..from + piece.len()));
            samples.extend(self.samples.range(from * FRAME..(from + piece.len()) * FRAME));
        }
        self.spans.drain(..count);
        self.done = pieces.last().map_or(self.done, |last| last.end);
        self.forget();
        Some(Chunk { samples, voice, speech, pieces })
    }

    /// Drops the audio that no chunk will need.
    fn forget(&mut self) {
        let next = self.spans.first().map(|span| span.frames.start).or(self.detected.open()).unwrap_or(self.frames);
        let needed = next.saturating_sub(PADDING).max(self.done).min(self.frames);
        if needed > self.first {
            self.samples.drain(..(needed - self.first) * FRAME);
            self.voice.drain(..needed - self.first);
            self.first = needed;
        }
    }

    /// The quietest frame with the least speech, over its neighbours: between two words, if the speaker does not breathe.
    fn most_quiet(&self, among: Range<usize>) -> usize {
        let loudness = |frame: usize| {
            let at = frame - self.first;
            let power: f32 = self.samples.range(at * FRAME..(at + 1) * FRAME).map(|sample| sample * sample).sum();
            (power / FRAME as f32 + 1e-9).log10() + self.voice[at]
        };
        let smooth = |frame: usize| [frame - 1, frame, frame + 1].map(loudness).iter().sum::<f32>();
        let inner = among.start + 1..among.end - 1;
        inner.min_by(|a, b| smooth(*a).total_cmp(&smooth(*b))).unwrap_or(among.start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Chunks of audio whose frames are speech or not; each sample of a frame has the frame's number.
    fn chunks(frames: impl IntoIterator<Item = bool>) -> (Vec<Chunk>, usize) {
        let mut chunker = Chunker::default();
        let (mut result, mut most) = (Vec::new(), 0);
        for (at, speech) in frames.into_iter().enumerate() {
            result.extend(chunker.push(&[at as f32; FRAME], if speech { 0.95 } else { 0.02 }));
            most = most.max(chunker.samples.len());
        }
        result.extend(chunker.finish());
        (result, most)
    }

    fn audio(parts: &[(bool, f64)]) -> Vec<bool> {
        let frames = |seconds: f64| (seconds / FRAME_SECONDS).round() as usize;
        parts.iter().flat_map(|(speech, seconds)| std::iter::repeat_n(*speech, frames(*seconds))).collect()
    }

    #[test]
    fn audio_without_speech_has_no_chunks_and_keeps_no_memory() {
        let (chunks, most) = chunks(audio(&[(false, 600.0)]));
        assert!(chunks.is_empty());
        assert!(most <= (PADDING + 1) * FRAME);
    }

    #[test]
    fn chunks_take_several_sentences_and_end_in_the_longest_pause() {
        let speech = [(true, 8.0), (false, 0.3), (true, 9.0), (false, 0.9), (true, 9.0), (false, 0.2), (true, 8.0)];
        let (chunks, _) = chunks(audio(&speech));
        assert_eq!(chunks.len(), 2);
        assert!((chunks[0].seconds() - 17.7).abs() < 0.3, "it ends in the pause of 0.9 s: {}", chunks[0].seconds());
        assert_eq!((chunks[0].speech.len(), chunks[1].speech.len()), (2, 2));
    }

    #[test]
    fn long_pauses_are_shortened_and_times_are_those_of_the_audio() {
        let (chunks, _) =
            chunks(audio(&[(false, 3.0), (true, 2.0), (false, 5.0), (true, 2.0), (false, 20.0), (true, 1.0)]));
        assert_eq!(chunks.len(), 2);
        let chunk = &chunks[0];
        assert!((chunk.seconds() - 5.5).abs() < 0.1, "{}", chunk.seconds());
        for (spoken, at) in chunk.speech.iter().zip([3.0, 10.0]) {
            let time = chunk.time(spoken);
            assert!((time.start - at).abs() < 0.05 && (time.end - at - 2.0).abs() < 0.05, "{time:?}");
        }
        // What runs over the seam stays in front of it.
        assert!(chunk.time(&(1.5..4.0)).end < 5.5);
        assert!((chunks[1].span().start - (32.0 - 0.384)).abs() < 0.05);
        assert!(chunk.mean_voice(&chunk.speech[0]) > 0.9 && (chunk.speech_after(0.0) - 4.0).abs() < 0.1);
    }

    #[test]
    fn speech_without_a_pause_is_cut_where_it_is_quiet_and_nothing_is_lost_or_doubled() {
        let mut chunker = Chunker::default();
        let mut all = Vec::new();
        for at in 0..4000_usize {
            // A quiet place every 20 s.
            let loud = if at % 625 == 600 { 0.001 } else { 0.5 };
            let mut frame = [loud; FRAME];
            // Small, so that it is not heard.
            frame[0] = at as f32 / 65536.0;
            all.extend(chunker.push(&frame, 0.95));
        }
        all.extend(chunker.finish());
        let numbers: Vec<usize> = all
            .iter()
            .flat_map(|chunk| chunk.samples.chunks(FRAME).map(|frame| (frame[0] * 65536.0) as usize))
            .collect();
        assert_eq!(numbers, (0..4000).collect::<Vec<_>>());
        assert!(all.iter().all(|chunk| chunk.seconds() <= 30.0));
        let second = (all[1].span().start / FRAME_SECONDS).round() as usize;
        assert!((599..=602).contains(&second), "{second}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_span_of_speech_is_in_one_chunk_in_order(parts in proptest::collection::vec((0.3_f64..45.0, 0.15_f64..12.0), 1..12)) {
            let frames = audio(&parts.iter().flat_map(|(speech, pause)| [(true, *speech), (false, *pause)]).collect::<Vec<_>>());
            let (chunks, most) = chunks(frames.clone());
            prop_assert!(most <= MOST_KEPT);
            let numbers: Vec<usize> = chunks.iter().flat_map(|chunk| chunk.samples.chunks(FRAME).map(|frame| frame[0] as usize)).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "no frame twice");
            for (at, _) in frames.iter().enumerate().filter(|(_, speech)| **speech) {
                prop_assert!(numbers.binary_search(&at).is_ok(), "frame {at} is missing");
            }
            for chunk in &chunks {
                prop_assert!(chunk.samples.len() <= LIMIT * FRAME && chunk.samples.len() == chunk.voice.len() * FRAME);
            }
        }
    }
}

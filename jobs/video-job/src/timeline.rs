//! One clock for streams whose own clock starts again: recordings joined byte by byte, cells of a DVD, encoders that were
//! restarted. MPEG's streams allow such jumps (ISO/IEC 13818-1 2.4.3.5), and players play on without a gap.
//!
//! A stream that jumps is moved to where it would have gone on, and all others of the file by as much when they come to the
//! same place: what belongs together stays together. The limits are those of the ffmpeg program.

use std::collections::BTreeMap;

/// Microseconds that decoding times go back at least where a clock has started again.
const BACK: i64 = 100_000;
/// Microseconds that they go ahead: less is a pause.
const AHEAD: i64 = 10_000_000;

/// Takes the decoding times of a file's packets in their order, and says by how much each is moved.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    streams: BTreeMap<usize, StreamClock>,
    /// By how much the streams are moved since the last jump.
    offset: i64,
    /// The furthest time that any stream has come to.
    newest: Option<i64>,
    jumps: u32,
}

#[derive(Debug, Default)]
struct StreamClock {
    offset: i64,
    /// Where the next packet is expected.
    next: Option<i64>,
    duration: i64,
}

impl Timeline {
    /// The microseconds to add to the times of a packet. Subtitles and data pause as they like: they are not
    /// `continuous`, and follow the others.
    pub(crate) fn correction(&mut self, stream: usize, time: i64, duration: i64, is_continuous: bool) -> i64 {
        if !is_continuous {
            return self.offset;
        }
        let clock =
            self.streams.entry(stream).or_insert_with(|| StreamClock { offset: self.offset, ..Default::default() });
        if let Some(next) = clock.next {
            let moved = time + clock.offset;
            let is_behind = moved - next < -BACK;
            // A stream that pauses while others go on does not jump.
            let is_ahead = moved - next > AHEAD && self.newest.is_none_or(|newest| moved - newest > AHEAD);
            if is_behind || is_ahead {
                // Another stream has come past this place before, or this one is the first.
                let is_known = clock.offset != self.offset && (time + self.offset - next).abs() <= AHEAD;
                if !is_known {
                    self.offset = next - time;
                    self.jumps += 1;
                }
                clock.offset = self.offset;
            }
        }
        let moved = time + clock.offset;
        if duration > 0 {
            clock.duration = duration;
        } else if let Some(next) = clock.next {
            // Without a duration: as far as from the packet before.
            clock.duration = (moved - (next - clock.duration)).clamp(0, 1_000_000);
        }
        clock.next = Some(moved + clock.duration);
        self.newest = self.newest.max(Some(moved));
        clock.offset
    }

    /// How often the clock has jumped.
    pub(crate) fn jumps(&self) -> u32 {
        self.jumps
    }

    /// Reading goes on elsewhere: what was expected is not any more.
    pub(crate) fn forget(&mut self) {
        *self = Self { jumps: self.jumps, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 40_000;

    fn moved(times: &[(usize, i64)]) -> (Vec<i64>, u32) {
        let mut timeline = Timeline::default();
        let moved =
            times.iter().map(|(stream, time)| time + timeline.correction(*stream, *time, FRAME, true)).collect();
        (moved, timeline.jumps())
    }

    #[test]
    fn a_clock_that_starts_again_goes_on() {
        let (times, jumps) = moved(&[(0, 0), (0, 40_000), (0, 80_000), (0, -80_000), (0, -40_000), (0, 0)]);
        assert_eq!((times, jumps), (vec![0, 40_000, 80_000, 120_000, 160_000, 200_000], 1));
        let (times, jumps) = moved(&[(0, 0), (0, 40_000), (0, 5_000_000_000), (0, 5_000_040_000)]);
        assert_eq!((times, jumps), (vec![0, 40_000, 80_000, 120_000], 1));
    }

    #[test]
    fn streams_stay_together_over_a_jump() {
        // The audio's last packets of the old clock come behind the picture's first of the new one.
        let (times, jumps) =
            moved(&[(0, 1_000_000), (1, 1_000_000), (0, 0), (1, 1_040_000), (1, 20_000), (0, 40_000), (1, 60_000)]);
        assert_eq!(jumps, 1);
        assert_eq!(times, [1_000_000, 1_000_000, 1_040_000, 1_040_000, 1_060_000, 1_080_000, 1_100_000]);
    }

    #[test]
    fn pauses_and_small_steps_back_stay() {
        let (times, jumps) = moved(&[(0, 0), (0, 9_000_000), (0, 8_990_000)]);
        assert_eq!((times, jumps), (vec![0, 9_000_000, 8_990_000], 0));
        // A minute without audio, while the picture goes on.
        let mut packets: Vec<_> = (0..1500).map(|number| (0, number * FRAME)).collect();
        packets.insert(0, (1, 0));
        packets.push((1, 60_000_000));
        assert_eq!(moved(&packets).1, 0);
    }

    #[test]
    fn subtitles_follow_and_never_lead() {
        let mut timeline = Timeline::default();
        timeline.correction(0, 100_000_000, FRAME, true);
        assert_eq!(timeline.correction(2, 5_000_000, 0, false), 0);
        assert_eq!(timeline.correction(0, 0, FRAME, true), 100_040_000);
        assert_eq!(timeline.correction(2, 1_000_000, 0, false), 100_040_000);
    }
}

//! When each frame of the result is shown. Every frame keeps its own time, but for what a container's coarse clock did to
//! it; or, where a frame rate is asked for, frames are repeated and left out to fill its moments.

use catalog::operations::{Transcode, VideoCodec};
use ffmpeg_next::Rational;

use super::plan::rescale;
use crate::open::{StreamInfo, seconds};

/// Ticks of a second, at least; finer than any frame rate needs.
const FINEST: i32 = 12_800;
/// Ticks of a second of a clock that rounds frames' times.
const COARSE: i32 = 2000;
/// Rates that can be those of a video. What claims more has no rate.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 1.0..=240.0;

/// The clock of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FrameClock {
    pub time_base: Rational,
    /// Frames per second, exactly where the rate is constant.
    pub rate: Rational,
    /// Ticks of a frame at that rate.
    pub step: i64,
    /// Whether the frames stand at the multiples of the step and nowhere else.
    pub is_constant: bool,
}

impl FrameClock {
    pub(crate) fn new(options: &Transcode, video: &StreamInfo) -> Self {
        // SVT-AV1 sets its key frames by counting, so that segments need a constant rate.
        let counts = options.codec() == VideoCodec::Av1 && options.container == catalog::operations::Container::Hls;
        match options.frame_rate {
            Some(rate) => Self::of(Rational(rate as i32, 1), true),
            None => Self::of(rate_of(video), counts),
        }
    }

    pub(crate) fn of(rate: Rational, is_constant: bool) -> Self {
        let factor = (FINEST + rate.numerator() - 1) / rate.numerator();
        Self {
            time_base: Rational(1, rate.numerator() * factor),
            rate,
            step: i64::from(rate.denominator()) * i64::from(factor),
            is_constant,
        }
    }

    /// The first tick at or after so many seconds.
    pub(crate) fn tick_at(&self, seconds: u32, count: i64) -> i64 {
        i64::from(seconds) * count * i64::from(self.time_base.denominator())
    }
}

fn rate_of(video: &StreamInfo) -> Rational {
    let is_plausible =
        |rate: &Rational| rate.denominator() > 0 && PLAUSIBLE.contains(&seconds(*rate)) && rate.numerator() <= 240_000;
    let candidates = [video.base_rate, video.average_rate];
    let average = seconds(video.average_rate);
    // The base rate is the smallest grid of all times: of a variable rate it may be far off.
    let best =
        candidates.iter().copied().filter(is_plausible).find(|rate| average <= 0.0 || seconds(*rate) < average * 2.5);
    best.or_else(|| candidates.into_iter().find(is_plausible)).unwrap_or(Rational(25, 1))
}

/// A frame at its moment, `repeats` more at those that follow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub frame: T,
    pub tick: i64,
    pub repeats: i64,
}

/// Puts frames at their moments.
pub(crate) struct FrameTimes<T> {
    clock: FrameClock,
    from: Rational,
    /// When the first frame of the video is shown: the grid of the rate begins there.
    origin: i64,
    last: Option<i64>,
    /// At a constant rate: the frame that is shown until the next one comes.
    pending: Option<(T, i64)>,
    /// Frames that came out of order or twice, and were left out.
    pub dropped: u64,
}

impl<T> FrameTimes<T> {
    /// Of frames whose times are in units of `from`, the first of them at `origin`.
    pub(crate) fn new(clock: FrameClock, from: Rational, origin: i64) -> Self {
        Self { clock, from, origin, last: None, pending: None, dropped: 0 }
    }

    /// The next frame, with its time; gives what is settled.
    pub(crate) fn place(&mut self, frame: T, time: i64) -> Option<Placed<T>> {
        if !self.clock.is_constant {
            let tick = self.own_moment(time);
            if self.last.is_some_and(|last| tick <= last) {
                self.dropped += 1;
                return None;
            }
            self.last = Some(tick);
            return Some(Placed { frame, tick, repeats: 0 });
        }
        let slot = self.slot(time);
        match self.pending.take() {
            // Two frames in one moment: the later one stays.
            Some((_, before)) if slot <= before => {
                self.dropped += 1;
                self.pending = Some((frame, before));
                None
            }
            Some((shown, before)) => {
                self.pending = Some((frame, slot));
                self.last = Some(before);
                Some(Placed { frame: shown, tick: before * self.clock.step, repeats: slot - before - 1 })
            }
            None => {
                self.pending = Some((frame, slot));
                None
            }
        }
    }

    /// There are no more frames before `end`, the time at which the last one stops being shown.
    pub(crate) fn finish(&mut self, end: Option<i64>) -> Option<Placed<T>> {
        let (frame, slot) = self.pending.take()?;
        let end = end.map_or(slot + 1, |end| self.slot(end));
        // A last frame that is nearest to the end is not shown any more, unless it is the only one.
        let repeats = if self.last.is_none() { (end - slot - 1).max(0) } else { end - slot - 1 };
        (repeats >= 0).then_some(Placed { frame, tick: slot * self.clock.step, repeats })
    }

    /// When a frame that is shown until this time stops being shown, in ticks.
    pub(crate) fn end(&self, time: i64) -> i64 {
        match self.last {
            Some(last) if self.clock.is_constant => (last + 1) * self.clock.step,
            _ if self.clock.is_constant => self.slot(time) * self.clock.step,
            Some(last) => self.own_moment(time).max(last + 1),
            None => self.own_moment(time),
        }
    }

    /// Which moment of the constant rate a time is nearest to.
    fn slot(&self, time: i64) -> i64 {
        let Rational(numerator, denominator) = self.clock.rate;
        rescale(time, self.from, Rational(denominator, numerator))
    }

    /// A time as it is, or where it was before a clock of, say, milliseconds rounded it: on the grid of the frame rate.
    fn own_moment(&self, time: i64) -> i64 {
        let since = time - self.origin;
        let on_grid = self.slot(since) * self.clock.step;
        // Both this time and the origin were rounded.
        let tolerance = i64::from(self.from.denominator() / self.from.numerator().max(1) <= COARSE);
        let is_on_grid = (rescale(on_grid, self.clock.time_base, self.from) - since).abs() <= tolerance;
        let moment = if is_on_grid { on_grid } else { rescale(since, self.from, self.clock.time_base) };
        moment + rescale(self.origin, self.from, self.clock.time_base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(clock: FrameClock, from: Rational, times: &[i64], end: i64) -> Vec<(i64, i64)> {
        let mut frames = FrameTimes::new(clock, from, times[0]);
        let mut all: Vec<_> = times.iter().filter_map(|time| frames.place((), *time)).collect();
        all.extend(frames.finish(Some(end)));
        all.into_iter().map(|placed| (placed.tick, placed.repeats)).collect()
    }

    #[test]
    fn milliseconds_go_back_to_the_grid_of_their_rate() {
        let clock = FrameClock::of(Rational(24_000, 1001), false);
        assert_eq!((clock.time_base, clock.step), (Rational(1, 24_000), 1001));
        // 23.976 frames per second in Matroska.
        let ticks = placed(clock, Rational(1, 1000), &[0, 42, 83, 125, 167], 209);
        assert_eq!(ticks, [(0, 0), (1001, 0), (2002, 0), (3003, 0), (4004, 0)]);
        // The same, beginning seven milliseconds later than the audio.
        let ticks = placed(clock, Rational(1, 1000), &[7, 49, 90, 132, 174], 216);
        assert_eq!(ticks, [(168, 0), (1169, 0), (2170, 0), (3171, 0), (4172, 0)]);
    }

    #[test]
    fn times_off_the_grid_stay_where_they_are() {
        let clock = FrameClock::of(Rational(25, 1), false);
        assert_eq!(clock.time_base, Rational(1, 12_800));
        let ticks = placed(clock, Rational(1, 90_000), &[0, 3600, 9000, 9000, 8000, 12_345], 20_000);
        assert_eq!(ticks, [(0, 0), (512, 0), (1280, 0), (1756, 0)]);
    }

    #[test]
    fn a_constant_rate_repeats_and_leaves_out() {
        let clock = FrameClock::of(Rational(10, 1), true);
        // At 0.0, 0.1, then a gap until 0.5, then two in one moment.
        let ticks = placed(clock, Rational(1, 1000), &[0, 100, 500, 520, 600], 800);
        assert_eq!(ticks, [(0, 0), (1280, 3), (6400, 0), (7680, 1)]);
        // The last frame is nearest to the end itself.
        assert_eq!(placed(clock, Rational(1, 1000), &[0, 960], 1000), [(0, 9)]);
        assert_eq!(placed(clock, Rational(1, 1000), &[0], 30), [(0, 0)]);
    }
}

//! What is said, as a further track of subtitles beside those of the source.

use std::collections::BTreeMap;

use contract::Failure;
use ffmpeg_next::{Packet, codec};
use speech::captions::Caption;

use super::plan::Plan;
use super::track::Track;
use crate::open::seconds;
use crate::operations::caption::{Spoken, text_track};

/// Captions that are known before anything is encoded, written as reading comes to them: a container keeps in memory what it
/// has of one track and not of the others.
pub(crate) struct CaptionsPath {
    track: Box<dyn Track>,
    codec: codec::Id,
    captions: std::iter::Peekable<std::vec::IntoIter<Caption>>,
    /// Of the streams that are read beside it: the beginning of the file in their own units, and seconds of a unit.
    clocks: BTreeMap<usize, (i64, f64)>,
    end: f64,
}

impl CaptionsPath {
    pub(crate) fn new(
        plan: &Plan,
        Spoken { captions, language }: Spoken,
        codec: codec::Id,
        mut track: Box<dyn Track>,
    ) -> Result<Self, Failure> {
        track.open(&text_track::encoded(codec, language.as_deref(), false)?)?;
        let streams = plan.audio.iter().chain(&plan.subtitles);
        let clock = |base| (plan.start_in(base), seconds(base));
        let clocks = streams.map(|stream| (stream.index, clock(stream.time_base))).collect();
        Ok(Self { track, codec, captions: captions.into_iter().peekable(), clocks, end: 0.0 })
    }

    /// Reading has come to this packet of another track.
    pub(crate) fn beside(&mut self, packet: &Packet) -> Result<(), Failure> {
        match (self.clocks.get(&packet.stream()), packet.dts().or(packet.pts())) {
            (Some((start, base)), Some(time)) => self.write_until((time - start) as f64 * base),
            _ => Ok(()),
        }
    }

    /// Gives no errors, and where the track ends, in seconds.
    pub(crate) fn finish(mut self) -> Result<(u64, f64), Failure> {
        self.write_until(f64::INFINITY)?;
        self.track.close(None)?;
        Ok((0, self.end))
    }

    fn write_until(&mut self, time: f64) -> Result<(), Failure> {
        while let Some(caption) = self.captions.next_if(|caption| caption.start <= time) {
            self.end = self.end.max(caption.end);
            self.track.write(text_track::packet(self.codec, &caption))?;
        }
        Ok(())
    }
}

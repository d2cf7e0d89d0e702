//! Where the packets of one encoded track go: into a file with other tracks, into segments, or into a chunk.

use std::collections::{BTreeSet, VecDeque};

use contract::Failure;
use ffmpeg_next::codec::Parameters;
use ffmpeg_next::{Packet, Rational, codec, ffi};

use crate::open::{Disposition, HdrMetadata, StreamInfo};

/// What a container has to know of an encoded track.
#[derive(Clone)]
pub(crate) struct Encoded {
    pub parameters: Parameters,
    /// Of the packets' times.
    pub time_base: Rational,
    pub frame_rate: Option<Rational>,
    /// The usual duration of a packet; that of the last one, where nothing else says it.
    pub step: i64,
    pub language: Option<String>,
    pub title: Option<String>,
    pub disposition: Disposition,
    pub hdr_metadata: HdrMetadata,
    /// What the container calls the codec; without it as is usual.
    pub tag: Option<u32>,
}

// SAFETY: the parameters were made by this crate, hence have no owner that they count.
unsafe impl Send for Encoded {}

impl Encoded {
    /// Of an open encoder.
    pub(crate) fn of(context: &codec::Context, time_base: Rational) -> Self {
        let mut parameters = Parameters::new();
        // SAFETY: both are live; the parameters are copied out of the context.
        unsafe { ffi::avcodec_parameters_from_context(parameters.as_mut_ptr(), context.as_ptr()) };
        Self::of_parameters(parameters, time_base)
    }

    /// Of what an encoder says of itself.
    pub(crate) fn of_parameters(parameters: Parameters, time_base: Rational) -> Self {
        Self {
            parameters,
            time_base,
            frame_rate: None,
            step: 0,
            language: None,
            title: None,
            disposition: Disposition::default(),
            hdr_metadata: HdrMetadata::default(),
            tag: None,
        }
    }

    /// Of a stream that is copied.
    pub(crate) fn of_stream(stream: &StreamInfo, tag: u32) -> Self {
        let mut parameters = stream.parameters.clone();
        if let Some(aspect) = stream.container_aspect {
            // SAFETY: the parameters are this value's own.
            unsafe { (*parameters.as_mut_ptr()).sample_aspect_ratio = aspect.into() };
        }
        Self {
            frame_rate: Some(stream.average_rate).filter(|rate| rate.numerator() > 0 && rate.denominator() > 0),
            language: stream.language.clone(),
            title: stream.title.clone(),
            disposition: stream.disposition,
            hdr_metadata: stream.hdr_metadata.clone(),
            tag: Some(tag),
            ..Self::of_parameters(parameters, stream.time_base)
        }
    }

    /// The bytes that a decoder needs first.
    pub(crate) fn extradata(&self) -> &[u8] {
        // SAFETY: the parameters are live, and their extradata has extradata_size bytes.
        unsafe {
            let parameters = &*self.parameters.as_ptr();
            match usize::try_from(parameters.extradata_size) {
                Ok(size) if size > 0 => std::slice::from_raw_parts(parameters.extradata, size),
                _ => &[],
            }
        }
    }

    /// Seconds in the track's time base.
    pub(crate) fn ticks(&self, seconds: f64) -> i64 {
        (seconds / crate::open::seconds(self.time_base)).round() as i64
    }
}

/// Takes the packets of one track, in the order of decoding.
pub(crate) trait Track: Send {
    /// Before the first packet.
    fn open(&mut self, encoded: &Encoded) -> Result<(), Failure>;

    /// The next packet, with times in the track's time base.
    fn write(&mut self, packet: Packet) -> Result<(), Failure>;

    /// After the last packet. `end` is when the last frame stops being shown, in seconds, where it is known.
    fn close(&mut self, end: Option<f64>) -> Result<(), Failure>;
}

/// Gives each packet the time for which it is shown, from its presentation time to the next one: encoders do not say it. For
/// files, whose length is that of the packet that ends last. Frames are not stored in the order in which they are shown, so a
/// packet waits until no other can come between it and the next.
#[derive(Default)]
pub(crate) struct ShownDurations {
    held: VecDeque<Packet>,
    /// Presentation times that may be the next of a held packet.
    times: BTreeSet<i64>,
}

impl ShownDurations {
    /// Takes a packet; the ones that are ready come out of [`ShownDurations::ready`].
    pub(crate) fn push(&mut self, packet: Packet) {
        self.times.extend(packet.pts());
        self.held.push_back(packet);
    }

    /// The next packet with its duration.
    pub(crate) fn ready(&mut self) -> Option<Packet> {
        // What comes later is decoded later, and shown no sooner than it is decoded.
        let newest = self.held.back()?.dts()?;
        let next = self.next_of(self.held.front()?)?;
        if newest < next || self.held.len() < 2 {
            return None;
        }
        self.take(Some(next))
    }

    /// After the last packet: the next one, the last of them shown until `end`, or as long as it says itself, or as is
    /// `usual`.
    pub(crate) fn rest(&mut self, end: Option<i64>, usual: i64) -> Option<Packet> {
        let front = self.held.front()?;
        let next = self.next_of(front);
        let mut packet = self.take(next.or(end))?;
        if packet.duration() <= 0 {
            packet.set_duration(usual);
        }
        Some(packet)
    }

    fn next_of(&self, packet: &Packet) -> Option<i64> {
        self.times.range(packet.pts()? + 1..).next().copied()
    }

    fn take(&mut self, next: Option<i64>) -> Option<Packet> {
        let mut packet = self.held.pop_front()?;
        if let (Some(next), Some(time)) = (next, packet.pts())
            && next > time
        {
            packet.set_duration(next - time);
        }
        if let Some(earliest) = self.held.iter().filter_map(Packet::pts).min() {
            self.times = self.times.split_off(&earliest);
        }
        Some(packet)
    }
}

/// Gives each packet the time until the next one is decoded as its duration, which is how fragments measure it: the last packet of a
/// fragment would last wrongly.
#[derive(Default)]
pub(crate) struct DecodedDurations {
    held: Option<Packet>,
    /// The latest presentation time.
    latest: Option<i64>,
}

impl DecodedDurations {
    /// The packet before this one, with its duration.
    pub(crate) fn push(&mut self, packet: Packet) -> Option<Packet> {
        let next = packet.dts();
        self.latest = self.latest.max(packet.pts());
        let mut before = self.held.replace(packet)?;
        if let (Some(next), Some(own)) = (next, before.dts()) {
            before.set_duration((next - own).max(0));
        }
        Some(before)
    }

    /// The last packet: shown until `end` where nothing is shown after it.
    pub(crate) fn finish(&mut self, end: Option<i64>, usual: i64) -> Option<Packet> {
        let mut last = self.held.take()?;
        match (end, last.pts()) {
            (Some(end), Some(time)) if end > time && self.latest == Some(time) => last.set_duration(end - time),
            _ if last.duration() <= 0 => last.set_duration(usual),
            _ => {}
        }
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pts: i64, dts: i64) -> Packet {
        let mut packet = Packet::copy(&[1]);
        packet.set_pts(Some(pts));
        packet.set_dts(Some(dts));
        packet
    }

    /// Frames at 0, 1, 2, 3, then a pause until 10; stored as I, P, B, B, P. The last is shown until 15.
    const STORED: [(i64, i64); 5] = [(0, -2), (3, -1), (1, 0), (2, 1), (10, 2)];

    #[test]
    fn packets_last_until_the_next_one_is_shown() {
        let mut durations = ShownDurations::default();
        let mut all = Vec::new();
        for (pts, dts) in STORED {
            durations.push(packet(pts, dts));
            all.extend(std::iter::from_fn(|| durations.ready()));
        }
        all.extend(std::iter::from_fn(|| durations.rest(Some(15), 1)));
        let shown: Vec<_> = all.iter().map(|packet| (packet.pts().unwrap(), packet.duration())).collect();
        assert_eq!(shown, [(0, 1), (3, 7), (1, 1), (2, 1), (10, 5)]);
    }

    #[test]
    fn in_fragments_they_last_until_the_next_one_is_decoded() {
        let mut durations = DecodedDurations::default();
        let mut all: Vec<_> = STORED.iter().filter_map(|(pts, dts)| durations.push(packet(*pts, *dts))).collect();
        all.extend(durations.finish(Some(15), 1));
        assert_eq!(all.iter().map(Packet::duration).collect::<Vec<_>>(), [1, 1, 1, 1, 5]);
    }
}

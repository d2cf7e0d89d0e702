//! Where the packets of one encoded track go: into a file with other tracks, into segments, or into a chunk.

use contract::Failure;
use ffmpeg_next::codec::Parameters;
use ffmpeg_next::{Packet, Rational, codec, ffi};

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
    pub is_default: bool,
}

// SAFETY: the parameters were made by this crate, hence have no owner that they count.
unsafe impl Send for Encoded {}

impl Encoded {
    /// Of an open encoder.
    pub(crate) fn of(context: &codec::Context, time_base: Rational) -> Self {
        let mut parameters = Parameters::new();
        // SAFETY: both are live; the parameters are copied out of the context.
        unsafe { ffi::avcodec_parameters_from_context(parameters.as_mut_ptr(), context.as_ptr()) };
        Self { parameters, time_base, frame_rate: None, step: 0, language: None, title: None, is_default: true }
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
}

/// Takes the packets of one track, in the order of decoding.
pub(crate) trait Track: Send {
    /// Before the first packet.
    fn open(&mut self, encoded: &Encoded) -> Result<(), Failure>;

    /// The next packet, with times in the track's time base.
    fn write(&mut self, packet: Packet) -> Result<(), Failure>;

    /// After the last packet.
    fn close(&mut self) -> Result<(), Failure>;
}

/// Gives each packet the time until the next one as its duration: encoders do not say it, and the last packet of a
/// fragment would last wrongly.
#[derive(Default)]
pub(crate) struct Durations {
    held: Option<Packet>,
}

impl Durations {
    /// The packet before this one, with its duration.
    pub(crate) fn push(&mut self, packet: Packet) -> Option<Packet> {
        let next = packet.dts();
        let mut before = self.held.replace(packet)?;
        if let (Some(next), Some(own)) = (next, before.dts()) {
            before.set_duration((next - own).max(0));
        }
        Some(before)
    }

    /// The last packet.
    pub(crate) fn finish(&mut self, usual: i64) -> Option<Packet> {
        let mut last = self.held.take()?;
        if last.duration() <= 0 {
            last.set_duration(usual);
        }
        Some(last)
    }
}

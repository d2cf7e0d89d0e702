//! The first of two passes over the audio: how loud each track is, by EBU R 128 (ITU-R BS.1770). The second pass turns it
//! up or down as a whole, so that its dynamics stay, and limits peaks that would not fit.

use std::collections::BTreeMap;

use contract::Failure;
use ffmpeg_next::frame::Audio;
use operation::Task;

use super::audio_path::{AudioDecoder, AudioGraph};
use super::plan::Plan;
use crate::avio::Pattern;
use crate::open::Demuxer;

/// What the meter says of silence.
const SILENCE: f64 = -69.9;

/// What is done with a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gain {
    pub decibels: f64,
    /// The true peak before, in decibels under full scale.
    pub peak: f64,
}

/// The gain of each audio stream, by its index. Silent ones have none.
pub(crate) fn gains(plan: &Plan, task: &Task, target: i8) -> Result<BTreeMap<usize, Gain>, Failure> {
    let mut demuxer = Demuxer::open(&task.input, Pattern::Sequential)?;
    demuxer.find_stream_info()?;
    let indices: Vec<_> = plan.audio.iter().map(|stream| stream.index).collect();
    demuxer.keep_only(&indices);
    let mut meters = BTreeMap::new();
    for stream in &plan.audio {
        meters.insert(
            stream.index,
            Meter { decoder: AudioDecoder::new(stream, plan.start)?, graph: None, reading: None },
        );
    }
    while let Some(packet) = demuxer.read()? {
        if let Some(meter) = meters.get_mut(&packet.stream()) {
            meter.measure(Some(&packet))?;
        }
    }
    let mut gains = BTreeMap::new();
    for (index, mut meter) in meters {
        meter.measure(None)?;
        if let Some((loudness, peak)) = meter.reading.filter(|(loudness, _)| *loudness > SILENCE) {
            gains.insert(index, Gain { decibels: f64::from(target) - loudness, peak });
        }
    }
    Ok(gains)
}

struct Meter {
    decoder: AudioDecoder,
    graph: Option<AudioGraph>,
    /// The integrated loudness in LUFS and the highest true peak in decibels so far.
    reading: Option<(f64, f64)>,
}

impl Meter {
    fn measure(&mut self, packet: Option<&ffmpeg_next::Packet>) -> Result<(), Failure> {
        let time_base = self.decoder.time_base();
        let (graph, reading) = (&mut self.graph, &mut self.reading);
        self.decoder.decode(packet, |frame| {
            // A track that changes its shape is measured again from there on: by far the longer part decides mostly.
            if !graph.as_ref().is_some_and(|graph| graph.fits(&frame, time_base)) {
                *graph = Some(AudioGraph::new(&frame, time_base, "ebur128=peak=true:metadata=1")?);
            }
            let graph = graph.as_mut().expect("just made");
            graph.push(&frame)?;
            while let Some(frame) = graph.pull()? {
                *reading = read(&frame).or(*reading);
            }
            Ok(())
        })
    }
}

fn read(frame: &Audio) -> Option<(f64, f64)> {
    let metadata = frame.metadata();
    let loudness = metadata.get("lavfi.r128.I")?.parse().ok()?;
    let peak: f64 = metadata.get("lavfi.r128.true_peak")?.parse().ok()?;
    Some((loudness, 20.0 * peak.max(1e-6).log10()))
}

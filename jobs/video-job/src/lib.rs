//! The operations on videos: key frames from a fraction of the bytes, transcoding, probing. Works over libav*
//! (FFmpeg), which reads and writes through this crate's own callbacks only.

use std::sync::Once;

use catalog::{MediaKind, Operation, operations::VideoOperation};
use contract::{Failure, Properties};
use ffmpeg_next::ffi;
use operation::{Access, Division, Job, Task};

mod avio;
mod filter_graph;
mod huffman;
mod jpeg;
pub mod layout;
mod open;
mod picture;
mod ranges;
mod scene;
mod sprite;
mod still;
mod tone_map;
mod webvtt;

mod keyframes;
mod probe;
mod transcode;

pub use keyframes::keyframes;
pub use probe::probe;
pub use transcode::transcode;

/// Carries out the operations on videos.
pub struct VideoJob;

impl Job for VideoJob {
    fn kind(&self) -> MediaKind {
        MediaKind::Video
    }

    /// A video is never copied as a whole before it is worked on.
    fn access(&self, _operation: &Operation) -> Access {
        Access::Ranged
    }

    /// Encoders work as long as the video is, and longer.
    fn patience(&self, operation: &Operation) -> u32 {
        match operation {
            Operation::Video(VideoOperation::Transcode(_)) => 4,
            _ => 1,
        }
    }

    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        match operation {
            Operation::Video(VideoOperation::Keyframes(options)) => keyframes(options, task),
            Operation::Video(VideoOperation::Transcode(options)) => transcode(options, task, None),
            Operation::Video(VideoOperation::Probe(options)) => probe(options, task),
            other => Err(Failure::invalid_request(format!("{} is no operation on videos", other.name()))),
        }
    }

    /// The segments of a ladder. Of one file nothing is final before its end: its index comes to the front.
    fn stores_early(&self, operation: &Operation) -> bool {
        matches!(operation, Operation::Video(VideoOperation::Transcode(_)))
    }

    fn process_division(&self, operation: &Operation, division: Division, task: &Task) -> Result<Properties, Failure> {
        match operation {
            Operation::Video(VideoOperation::Transcode(options)) => transcode(options, task, Some(division)),
            other => Err(Failure::invalid_request(format!("{} cannot be divided into parts", other.name()))),
        }
    }

    fn library_versions(&self) -> Vec<(&'static str, String)> {
        let text = |version: u32| format!("{}.{}.{}", version >> 16, version >> 8 & 0xFF, version & 0xFF);
        // SAFETY: functions without arguments that return constants.
        unsafe {
            vec![
                ("libavcodec", text(ffi::avcodec_version())),
                ("libavformat", text(ffi::avformat_version())),
                ("libavfilter", text(ffi::avfilter_version())),
            ]
        }
    }
}

/// Once for the process: no messages on the standard error.
pub(crate) fn initialise() {
    static ONCE: Once = Once::new();
    // SAFETY: sets a number.
    ONCE.call_once(|| unsafe { ffi::av_log_set_level(ffi::AV_LOG_QUIET) });
}

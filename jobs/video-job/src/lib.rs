//! The operations on videos: key frames from a fraction of the bytes, transcoding, probing. Works over libav*
//! (FFmpeg), which reads and writes through this crate's own callbacks only.

use std::sync::Once;

use catalog::MediaKind;
use ffmpeg_next::ffi;
use operation::{Job, OfOptions};

mod avio;
mod deinterlace;
mod filter_graph;
mod huffman;
mod jpeg;
pub mod layout;
mod open;
mod orientation;
mod picture;
mod ranges;
mod scene;
mod sprite;
mod still;
mod timeline;
mod tone_map;
mod webvtt;

mod keyframes;
mod probe;
mod transcode;

pub use keyframes::keyframes;
pub use probe::probe;
pub use transcode::transcode;

/// The operations on videos.
pub const JOB: Job = Job {
    kind: MediaKind::Video,
    processors: &[
        &OfOptions::new(keyframes).with_versions(library_versions),
        &OfOptions::new(|options, task| transcode(options, task, None))
            .with_divisions(|options, division, task| transcode(options, task, Some(division)))
            .with_versions(library_versions),
        &OfOptions::new(probe).with_versions(library_versions),
    ],
};

fn library_versions() -> Vec<(&'static str, String)> {
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

/// Once for the process: no messages on the standard error.
pub(crate) fn initialise() {
    static ONCE: Once = Once::new();
    // SAFETY: sets a number.
    ONCE.call_once(|| unsafe { ffi::av_log_set_level(ffi::AV_LOG_QUIET) });
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_operation_has_one_processor() {
        assert_eq!(super::JOB.check().map_err(|failure| failure.to_string()), Ok(()));
    }
}

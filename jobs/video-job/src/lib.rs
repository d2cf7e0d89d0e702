//! The operations on videos: key frames from a fraction of the bytes, transcoding, captions, probing. Works over libav*
//! (FFmpeg), which reads and writes through this crate's own callbacks only.

use std::sync::Once;

use ffmpeg_next::ffi;

mod animation;
mod avio;
mod deinterlace;
mod filter_graph;
mod huffman;
mod jpeg;
pub mod layout;
mod open;
mod operations;
mod orientation;
mod picture;
mod ranges;
mod scene;
mod sprite;
mod still;
mod timeline;
mod tone_map;
mod webvtt;

pub use operations::{JOB, caption, keyframes, probe, transcode};

/// Once for the process: no messages on the standard error.
pub(crate) fn initialise() {
    static ONCE: Once = Once::new();
    // SAFETY: sets a number.
    ONCE.call_once(|| unsafe { ffi::av_log_set_level(ffi::AV_LOG_QUIET) });
}

//! The operations on videos, each in the file of its name.

pub(crate) mod caption;
mod keyframes;
mod probe;
mod transcode;

use catalog::MediaKind;
use ffmpeg_next::ffi;
use operation::{Job, OfOptions};

pub use caption::caption;
pub use keyframes::keyframes;
pub use probe::probe;
pub use transcode::transcode;

/// The operations on videos.
pub const JOB: Job = Job {
    kind: MediaKind::Video,
    processors: &[
        &OfOptions::new(keyframes).with_versions(library_versions),
        &OfOptions::new(|options, task| transcode(options, task, None))
            .with_shares(|options, share, task| transcode(options, task, Some(share)))
            .with_preparation(transcode::prepare)
            .with_versions(library_versions),
        &OfOptions::new(|options, task| caption(options, task, None))
            .with_shares(|options, share, task| caption(options, task, Some(share)))
            .with_preparation(caption::prepare)
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

#[cfg(test)]
mod tests {
    #[test]
    fn every_operation_has_one_processor() {
        assert_eq!(super::JOB.check().map_err(|failure| failure.to_string()), Ok(()));
    }

    #[test]
    fn options_of_operations_do_not_collide_with_those_of_the_program() {
        runner::command(&[super::JOB]).debug_assert();
    }
}

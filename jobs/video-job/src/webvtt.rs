//! WebVTT thumbnail tracks, as players read them: each cue names a part of a sprite sheet.

use std::fmt::Write as _;

/// One cue of a thumbnail track.
pub(crate) struct Cue {
    /// Seconds.
    pub start: f64,
    pub end: f64,
    /// The sheet's file name.
    pub sheet: String,
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

/// The text of the track.
pub(crate) fn track(cues: &[Cue]) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for Cue { start, end, sheet, x, y, width, height } in cues {
        let _ =
            write!(text, "\n{} --> {}\n{sheet}#xywh={x},{y},{width},{height}\n", timestamp(*start), timestamp(*end));
    }
    text
}

/// `HH:MM:SS.mmm` (WebVTT 4.1).
pub(crate) fn timestamp(seconds: f64) -> String {
    let milliseconds = (seconds.max(0.0) * 1000.0).round() as u64;
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}.{milliseconds:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_name_parts_of_sheets() {
        let cue =
            Cue { start: 3599.9996, end: 3661.25, sheet: "sprite-1.jpg".into(), x: 160, y: 0, width: 160, height: 90 };
        let expected = "WEBVTT\n\n01:00:00.000 --> 01:01:01.250\nsprite-1.jpg#xywh=160,0,160,90\n";
        assert_eq!(track(&[cue]), expected);
    }
}

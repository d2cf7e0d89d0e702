//! Captions as files of subtitles.

use std::fmt::Write as _;

use crate::captions::Caption;

/// WebVTT (W3C).
pub fn vtt(captions: &[Caption]) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for (at, caption) in captions.iter().enumerate() {
        let (start, end) = (timestamp(caption.start, '.'), timestamp(caption.end, '.'));
        let lines: Vec<String> = caption.lines.iter().map(|line| escape(line)).collect();
        let _ = write!(text, "\n{}\n{start} --> {end}\n{}\n", at + 1, lines.join("\n"));
    }
    text
}

/// `SubRip`.
pub fn srt(captions: &[Caption]) -> String {
    let mut text = String::new();
    for (at, caption) in captions.iter().enumerate() {
        let (start, end) = (timestamp(caption.start, ','), timestamp(caption.end, ','));
        // The format has no escape; an arrow would be read as a time.
        let lines = caption.lines.join("\n").replace("-->", "→");
        let _ = write!(text, "{}{}\n{start} --> {end}\n{lines}\n", if at > 0 { "\n" } else { "" }, at + 1);
    }
    text
}

/// `HH:MM:SS.mmm`.
pub fn timestamp(seconds: f64, point: char) -> String {
    let milliseconds = (seconds.max(0.0) * 1000.0).round() as u64;
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}{point}{milliseconds:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Text within a cue of `WebVTT`.
pub fn escape(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captions() -> Vec<Caption> {
        let caption = |start: f64, lines: &[&str]| Caption {
            start,
            end: start + 1.5,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        vec![caption(0.25, &["Tom & Jerry", "<b>a --> b</b>"]), caption(3599.9996, &["later"])]
    }

    #[test]
    fn vtt_has_cues_with_escaped_text() {
        let expected = "WEBVTT\n\n1\n00:00:00.250 --> 00:00:01.750\nTom &amp; Jerry\n&lt;b&gt;a --&gt; b&lt;/b&gt;\n\
                        \n2\n01:00:00.000 --> 01:00:01.500\nlater\n";
        assert_eq!(vtt(&captions()), expected);
        assert_eq!(vtt(&[]), "WEBVTT\n");
    }

    #[test]
    fn srt_has_numbers_and_commas() {
        let expected =
            "1\n00:00:00,250 --> 00:00:01,750\nTom & Jerry\n<b>a → b</b>\n\n2\n01:00:00,000 --> 01:00:01,500\nlater\n";
        assert_eq!(srt(&captions()), expected);
        assert_eq!(srt(&[]), "");
    }
}

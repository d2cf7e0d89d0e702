//! HLS playlists (RFC 8216) and a DASH manifest (ISO/IEC 23009-1) over the same CMAF segments.

use std::fmt::Write as _;

use ffmpeg_next::Rational;

use super::language;
use super::segments::SegmentedTrack;
use crate::open::{Disposition, seconds};

/// Subtitles beside the segments.
pub(crate) struct SubtitleTrack {
    pub folder: String,
    pub language: Option<String>,
    pub title: Option<String>,
    pub disposition: Disposition,
    pub duration: f64,
}

/// Everything that a player chooses from.
pub(crate) struct Presentation {
    /// From the largest to the smallest.
    pub video: Vec<SegmentedTrack>,
    pub audio: Vec<SegmentedTrack>,
    pub subtitles: Vec<SubtitleTrack>,
    /// `SDR`, `PQ` or `HLG`.
    pub video_range: &'static str,
    pub title: Option<String>,
}

impl Presentation {
    /// The master playlist.
    pub(crate) fn master(&self) -> String {
        let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n".to_owned();
        if let Some(title) = &self.title {
            let title = quotable(title);
            let _ = writeln!(text, "#EXT-X-SESSION-DATA:DATA-ID=\"com.apple.hls.title\",VALUE=\"{title}\"");
        }
        let first = self.audio.iter().position(|track| track.disposition.is_default).unwrap_or(0);
        for (at, track) in self.audio.iter().enumerate() {
            let name = name(track.title.as_deref(), track.language.as_deref(), at);
            let _ = write!(text, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"{name}\"");
            write_language(&mut text, track.language.as_deref());
            let chosen = if at == first { "YES" } else { "NO" };
            let _ = writeln!(
                text,
                ",DEFAULT={chosen},AUTOSELECT=YES,CHANNELS=\"{}\",URI=\"{}/index.m3u8\"",
                track.channels.max(1),
                track.folder
            );
        }
        for (at, track) in self.subtitles.iter().enumerate() {
            let name = name(track.title.as_deref(), track.language.as_deref(), at);
            let _ = write!(text, "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subtitles\",NAME=\"{name}\"");
            write_language(&mut text, track.language.as_deref());
            let yes = |is_so| if is_so { "YES" } else { "NO" };
            let _ = writeln!(
                text,
                ",DEFAULT={},AUTOSELECT=YES,FORCED={},URI=\"{}/index.m3u8\"",
                yes(track.disposition.is_default),
                yes(track.disposition.is_forced),
                track.folder
            );
        }
        let audio = self.audio.iter().map(SegmentedTrack::bandwidth);
        let (audio_peak, audio_average) = audio.fold((0, 0), |most, one| (most.0.max(one.0), most.1.max(one.1)));
        for track in &self.video {
            let (peak, average) = track.bandwidth();
            let mut codecs = vec![track.codec.as_str()];
            if let Some(audio) = self.audio.first() {
                codecs.push(&audio.codec);
            }
            let _ = write!(
                text,
                "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",RESOLUTION={}x{},FRAME-RATE={:.3},VIDEO-RANGE={}",
                peak + audio_peak,
                average + audio_average,
                codecs.join(","),
                track.size.0,
                track.size.1,
                track.frame_rate.map_or(0.0, seconds),
                self.video_range
            );
            if !self.audio.is_empty() {
                text += ",AUDIO=\"audio\"";
            }
            if !self.subtitles.is_empty() {
                text += ",SUBTITLES=\"subtitles\"";
            }
            let _ = writeln!(text, "\n{}/index.m3u8", track.folder);
        }
        text
    }

    /// The DASH manifest.
    pub(crate) fn manifest(&self) -> String {
        let duration = self.video.iter().chain(&self.audio).map(SegmentedTrack::duration).fold(0.0, f64::max);
        let longest = longest_segment(self.video.iter().chain(&self.audio));
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
             profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" mediaPresentationDuration=\"PT{duration:.3}S\" \
             minBufferTime=\"PT{longest:.3}S\">\n  <Period id=\"0\" start=\"PT0S\">\n"
        );
        text += "    <AdaptationSet contentType=\"video\" segmentAlignment=\"true\" startWithSAP=\"1\">\n";
        for track in &self.video {
            let _ = writeln!(
                text,
                "      <Representation id=\"{0}\" mimeType=\"video/mp4\" codecs=\"{1}\" bandwidth=\"{2}\" width=\"{3}\" \
                 height=\"{4}\"{5}>",
                track.folder,
                track.codec,
                track.bandwidth().0,
                track.size.0,
                track.size.1,
                track.frame_rate.map_or_else(String::new, frame_rate)
            );
            write_template(&mut text, track);
        }
        text += "    </AdaptationSet>\n";
        for track in &self.audio {
            let language = lang(track.language.as_deref());
            let _ = writeln!(
                text,
                "    <AdaptationSet contentType=\"audio\" segmentAlignment=\"true\" startWithSAP=\"1\"{language}>\n      \
                 <Representation id=\"{0}\" mimeType=\"audio/mp4\" codecs=\"{1}\" bandwidth=\"{2}\" \
                 audioSamplingRate=\"{3}\">\n        <AudioChannelConfiguration \
                 schemeIdUri=\"urn:mpeg:mpegB:cicp:ChannelConfiguration\" value=\"{4}\"/>",
                track.folder,
                track.codec,
                track.bandwidth().0,
                track.time_scale,
                channel_configuration(track.channels)
            );
            write_template(&mut text, track);
            text += "    </AdaptationSet>\n";
        }
        for track in &self.subtitles {
            let role = if track.disposition.is_forced {
                "      <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"forced-subtitle\"/>\n"
            } else {
                ""
            };
            let language = lang(track.language.as_deref());
            let _ = writeln!(
                text,
                "    <AdaptationSet contentType=\"text\"{language}>\n{role}      <Representation id=\"{0}\" mimeType=\"text/vtt\" \
                 bandwidth=\"1000\">\n        <BaseURL>{0}/subtitles.vtt</BaseURL>\n      </Representation>\n    \
                 </AdaptationSet>",
                track.folder
            );
        }
        text += "  </Period>\n</MPD>\n";
        text
    }
}

/// The playlist of one track.
pub(crate) fn media_playlist(track: &SegmentedTrack) -> String {
    let longest = longest_segment([track]).round().max(1.0);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXT-X-MAP:URI=\"init.mp4\"\n"
    );
    for (at, segment) in track.segments.iter().enumerate() {
        let _ = writeln!(text, "#EXTINF:{:.6},\nsegment-{:05}.m4s", track.seconds_of(segment), at + 1);
    }
    text + "#EXT-X-ENDLIST\n"
}

/// The playlist of one WebVTT file.
pub(crate) fn subtitle_playlist(track: &SubtitleTrack) -> String {
    let seconds = track.duration.max(0.001);
    format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXTINF:{seconds:.3},\nsubtitles.vtt\n#EXT-X-ENDLIST\n",
        seconds.ceil()
    )
}

fn longest_segment<'a>(tracks: impl IntoIterator<Item = &'a SegmentedTrack>) -> f64 {
    let durations = tracks.into_iter().flat_map(|track| track.segments.iter().map(|one| track.seconds_of(one)));
    durations.fold(0.0, f64::max)
}

fn write_template(text: &mut String, track: &SegmentedTrack) {
    let _ = writeln!(
        text,
        "        <SegmentTemplate timescale=\"{0}\" initialization=\"{1}/init.mp4\" media=\"{1}/segment-$Number%05d$.m4s\" \
         startNumber=\"1\">\n          <SegmentTimeline>",
        track.time_scale, track.folder
    );
    for segment in &track.segments {
        let _ = writeln!(text, "            <S t=\"{}\" d=\"{}\"/>", segment.start, segment.duration);
    }
    *text += "          </SegmentTimeline>\n        </SegmentTemplate>\n      </Representation>\n";
}

fn write_language(text: &mut String, language: Option<&str>) {
    if let Some(language) = language {
        let _ = write!(text, ",LANGUAGE=\"{}\"", quotable(&language::tag(language)));
    }
}

fn lang(language: Option<&str>) -> String {
    language.map_or_else(String::new, |language| format!(" lang=\"{}\"", escaped(&language::tag(language))))
}

/// A whole number or a fraction (DASH-MPD.xsd, `FrameRateType`).
fn frame_rate(Rational(numerator, denominator): Rational) -> String {
    let rate = if denominator == 1 { numerator.to_string() } else { format!("{numerator}/{denominator}") };
    format!(" frameRate=\"{rate}\"")
}

/// ISO/IEC 23091-3 table 2, for the layouts that are written as AAC.
fn channel_configuration(channels: i32) -> i32 {
    match channels {
        8 => 12,
        channels => channels.max(1),
    }
}

/// What a player shows; each name of a group is there once.
fn name(title: Option<&str>, language: Option<&str>, at: usize) -> String {
    let text = title.or(language).map_or_else(|| "Track".to_owned(), quotable);
    format!("{text} {}", at + 1)
}

/// Within quotes of a playlist neither quotes nor lines may stand (RFC 8216 4.2).
fn quotable(text: &str) -> String {
    text.chars().filter(|character| *character != '"' && !character.is_control()).collect()
}

fn escaped(text: &str) -> String {
    quotable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::segments::Segment;
    use super::*;

    fn track(folder: &str, codec: &str, bytes: u64) -> SegmentedTrack {
        SegmentedTrack {
            folder: folder.to_owned(),
            codec: codec.to_owned(),
            time_scale: 1000,
            segments: vec![
                Segment { start: 0, duration: 6000, bytes },
                Segment { start: 6000, duration: 6000, bytes: bytes * 2 },
                Segment { start: 12_000, duration: 40, bytes: 10_000 },
            ],
            title: Some("Ein \"Ton\"\n".to_owned()),
            channels: 2,
            size: (1280, 720),
            frame_rate: Some(Rational(24_000, 1001)),
            ..SegmentedTrack::default()
        }
    }

    #[test]
    fn a_master_playlist_names_every_rendition_with_what_it_needs() {
        let presentation = Presentation {
            video: vec![track("720p", "avc1.64001f", 750_000)],
            audio: vec![track("audio-1", "mp4a.40.2", 96_000)],
            subtitles: Vec::new(),
            video_range: "SDR",
            title: Some("A \"film\"".to_owned()),
        };
        let master = presentation.master();
        assert!(master.contains("NAME=\"Ein Ton 1\""), "{master}");
        assert!(
            master.contains("BANDWIDTH=2256000,") && master.contains("CODECS=\"avc1.64001f,mp4a.40.2\""),
            "{master}"
        );
        assert!(master.ends_with("AUDIO=\"audio\"\n720p/index.m3u8\n"), "{master}");
        let manifest = presentation.manifest();
        assert!(manifest.contains("<S t=\"6000\" d=\"6000\"/>"), "{manifest}");
        assert!(manifest.contains("frameRate=\"24000/1001\"") && manifest.contains("value=\"2\""), "{manifest}");
        assert!(master.contains("VALUE=\"A film\""), "{master}");
    }

    #[test]
    fn a_media_playlist_says_the_longest_duration_and_ends() {
        let text = media_playlist(&track("720p", "avc1.64001f", 1));
        assert!(text.contains("#EXT-X-TARGETDURATION:6\n") && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
        assert_eq!(text.matches("#EXTINF").count(), 3);
    }
}

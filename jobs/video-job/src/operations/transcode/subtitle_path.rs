//! One track of text subtitles: decoded, and encoded as what the container takes.

use std::ffi::{CStr, CString, c_int};
use std::fmt::Write as _;
use std::ptr;

use contract::Failure;
use ffmpeg_next::codec::Parameters;
use ffmpeg_next::{Packet, Rational, codec, ffi};

use super::plan::{Plan, rescale};
use super::track::{Encoded, Track};
use crate::open::{StreamInfo, seconds};

/// Subtitle times are in these units.
pub(crate) const MILLISECONDS: Rational = Rational(1, 1000);
/// The longest text of one subtitle; libavcodec's own encoders take no more.
const LONGEST: usize = 64 << 10;

/// A decoder and an encoder of subtitles, which have no wrappers that can do both.
pub(crate) struct SubtitlePath {
    decoder: *mut ffi::AVCodecContext,
    encoder: *mut ffi::AVCodecContext,
    track: Box<dyn Track>,
    /// Of formats that show one text at a time.
    merger: Option<Merger>,
    is_webvtt: bool,
    stream_base: Rational,
    start: i64,
    /// The beginning of the cue that was written last, and the latest end, in milliseconds.
    last_begin: i64,
    end: i64,
    damaged: u64,
}

impl SubtitlePath {
    /// `encoder` is the name of libavcodec's encoder: `mov_text` or `webvtt`.
    pub(crate) fn new(
        plan: &Plan,
        stream: &StreamInfo,
        encoder: codec::Id,
        mut track: Box<dyn Track>,
    ) -> Result<Self, Failure> {
        let mut path = Self {
            decoder: ptr::null_mut(),
            encoder: ptr::null_mut(),
            track: Box::new(Nowhere),
            merger: (encoder == codec::Id::MOV_TEXT).then(Merger::default),
            is_webvtt: encoder == codec::Id::WEBVTT,
            stream_base: stream.time_base,
            start: plan.start_in(stream.time_base),
            last_begin: 0,
            end: 0,
            damaged: 0,
        };
        let failed = |what: &str, code: c_int| {
            Failure::invalid_input(format!("subtitles of stream {} cannot be {what}", stream.index))
                .because(ffmpeg_next::Error::from(code))
        };
        // SAFETY: contexts are made, set up and opened here; the path owns them and closes them.
        unsafe {
            let codec = ffi::avcodec_find_decoder(stream.codec.into());
            path.decoder = ffi::avcodec_alloc_context3(codec);
            ffi::avcodec_parameters_to_context(path.decoder, stream.parameters.as_ptr());
            (*path.decoder).pkt_timebase = stream.time_base.into();
            let code = ffi::avcodec_open2(path.decoder, codec, ptr::null_mut());
            if code < 0 {
                return Err(failed("read", code));
            }
            let codec = ffi::avcodec_find_encoder(encoder.into());
            path.encoder = ffi::avcodec_alloc_context3(codec);
            if path.encoder.is_null() {
                return Err(Failure::internal(format!("this libavcodec writes no subtitles as {}", encoder.name())));
            }
            (*path.encoder).time_base = MILLISECONDS.into();
            // The styles, as the encoder wants them: decoders make ASS of everything.
            if !(*path.decoder).subtitle_header.is_null() {
                let size = (*path.decoder).subtitle_header_size;
                (*path.encoder).subtitle_header = ffi::av_mallocz(size as usize + 1).cast();
                if !(*path.encoder).subtitle_header.is_null() {
                    ptr::copy_nonoverlapping(
                        (*path.decoder).subtitle_header,
                        (*path.encoder).subtitle_header,
                        size as usize,
                    );
                    (*path.encoder).subtitle_header_size = size;
                }
            }
            let code = ffi::avcodec_open2(path.encoder, codec, ptr::null_mut());
            if code < 0 {
                return Err(failed("written", code));
            }
        }
        let mut parameters = Parameters::new();
        // SAFETY: both are live; the parameters are copied out of the context.
        unsafe { ffi::avcodec_parameters_from_context(parameters.as_mut_ptr(), path.encoder) };
        let mut encoded = Encoded::of_parameters(parameters, MILLISECONDS);
        encoded.language.clone_from(&stream.language);
        encoded.title.clone_from(&stream.title);
        encoded.disposition = stream.disposition;
        track.open(&encoded)?;
        path.track = track;
        Ok(path)
    }

    pub(crate) fn packet(&mut self, packet: &mut Packet) -> Result<(), Failure> {
        let Some(cue) = self.decode(packet) else { return Ok(()) };
        self.end = self.end.max(cue.end);
        let ready = match &mut self.merger {
            Some(merger) => merger.push(cue),
            None => vec![cue],
        };
        self.write(ready)
    }

    /// There are no more packets. Gives how many could not be read, and where the track ends, in seconds.
    pub(crate) fn finish(mut self) -> Result<(u64, f64), Failure> {
        let rest = self.merger.take().map(Merger::finish).unwrap_or_default();
        self.write(rest)?;
        self.track.close(None)?;
        Ok((self.damaged, self.end as f64 * seconds(MILLISECONDS)))
    }

    /// The cue of a packet; none where it has no text, or is over before the beginning.
    fn decode(&mut self, packet: &mut Packet) -> Option<Cue> {
        use ffmpeg_next::packet::Mut;
        let begin = rescale(packet.pts()? - self.start, self.stream_base, MILLISECONDS);
        let duration = rescale(packet.duration(), self.stream_base, MILLISECONDS);
        // SAFETY: the decoder is open; the subtitle is plain data for which zeros are a value, and is freed here, after the
        // texts of its live rectangles were copied out.
        unsafe {
            let mut subtitle: ffi::AVSubtitle = std::mem::zeroed();
            let mut is_there = 0;
            let code =
                ffi::avcodec_decode_subtitle2(self.decoder, &raw mut subtitle, &raw mut is_there, packet.as_mut_ptr());
            if code < 0 {
                self.damaged += 1;
                return None;
            }
            let delay = i64::from(subtitle.start_display_time);
            let shown = match subtitle.end_display_time {
                0 | u32::MAX => duration,
                end => i64::from(end) - delay,
            };
            let rectangles = if is_there == 0 { 0 } else { subtitle.num_rects as usize };
            let texts = (0..rectangles).filter_map(|at| (*(*subtitle.rects.add(at))).ass.as_ref());
            let dialogues: Vec<Dialogue> =
                texts.filter_map(|text| Dialogue::parse(&CStr::from_ptr(text).to_string_lossy())).collect();
            ffi::avsubtitle_free(&raw mut subtitle);
            let (begin, end) = (begin + delay, begin + delay + shown.max(1));
            (!dialogues.is_empty() && end > 0).then(|| Cue { begin: begin.max(0), end, dialogues })
        }
    }

    fn write(&mut self, cues: Vec<Cue>) -> Result<(), Failure> {
        for cue in cues {
            let Some(bytes) = self.encode(&cue) else {
                self.damaged += 1;
                continue;
            };
            if bytes.is_empty() {
                continue;
            }
            let mut result = Packet::copy(&bytes);
            // Muxers take packets in the order of their times.
            let begin = cue.begin.max(self.last_begin);
            self.last_begin = begin;
            result.set_pts(Some(begin));
            result.set_dts(Some(begin));
            result.set_duration((cue.end - begin).max(1));
            self.track.write(result)?;
        }
        Ok(())
    }

    /// A cue in the encoder's format; none where it does not take it.
    fn encode(&mut self, cue: &Cue) -> Option<Vec<u8>> {
        let line = Dialogue::of_all(&cue.dialogues, self.is_webvtt).to_line();
        let text = CString::new(line.replace('\0', "")).ok()?;
        let mut bytes = vec![0_u8; LONGEST];
        // SAFETY: the encoder is open. The subtitle and its rectangle live here; the encoder only reads them.
        let written = unsafe {
            let mut rectangle: ffi::AVSubtitleRect = std::mem::zeroed();
            rectangle.type_ = ffi::AVSubtitleType::SUBTITLE_ASS;
            rectangle.ass = text.as_ptr().cast_mut();
            let mut rectangles = [&raw mut rectangle];
            let mut subtitle: ffi::AVSubtitle = std::mem::zeroed();
            subtitle.num_rects = 1;
            subtitle.rects = rectangles.as_mut_ptr();
            subtitle.pts = cue.begin * 1000;
            subtitle.end_display_time = u32::try_from(cue.end - cue.begin).unwrap_or(u32::MAX);
            ffi::avcodec_encode_subtitle(self.encoder, bytes.as_mut_ptr(), bytes.len() as c_int, &raw const subtitle)
        };
        bytes.truncate(usize::try_from(written).ok()?);
        Some(bytes)
    }
}

/// Something that is shown for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cue {
    /// Milliseconds.
    begin: i64,
    end: i64,
    dialogues: Vec<Dialogue>,
}

/// A line as libavcodec's decoders give it: `ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,Text`, of ASS.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dialogue {
    /// All before the text, with the last comma.
    head: String,
    /// With its override codes in braces.
    text: String,
}

impl Dialogue {
    /// None where nothing is shown.
    fn parse(line: &str) -> Option<Self> {
        const COMMAS: usize = 8;
        let (at, _) = line.match_indices(',').nth(COMMAS - 1)?;
        let (head, text) = line.split_at(at + 1);
        let text = text.trim_end_matches(['\r', '\n']);
        let is_shown = !without_overrides(text).replace("\\N", "").replace("\\n", "").trim().is_empty();
        is_shown.then(|| Self { head: head.to_owned(), text: text.to_owned() })
    }

    /// One below the other, in one line. WebVTT's special characters are written as such (WebVTT 4.2.1), which libavcodec's
    /// encoder leaves to others.
    fn of_all(dialogues: &[Self], is_webvtt: bool) -> Self {
        let texts: Vec<_> = dialogues
            .iter()
            .map(|dialogue| if is_webvtt { escaped(&dialogue.text) } else { dialogue.text.clone() })
            .collect();
        let head = dialogues.first().map_or_else(String::new, |dialogue| dialogue.head.clone());
        Self { head, text: texts.join("{\\r}\\N") }
    }

    fn to_line(&self) -> String {
        format!("{}{}", self.head, self.text)
    }
}

/// The text between override codes, which stand in braces.
fn without_overrides(text: &str) -> String {
    pieces(text).filter(|(is_code, _)| !is_code).map(|(_, piece)| piece).collect()
}

fn escaped(text: &str) -> String {
    let escaped = |piece: &str| piece.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    pieces(text).map(|(is_code, piece)| if is_code { piece.to_owned() } else { escaped(piece) }).collect()
}

/// Override codes with their braces, and what stands between them, in their order.
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_code = rest.starts_with('{') && rest.contains('}');
        let length = if is_code {
            rest.find('}').map_or(rest.len(), |end| end + 1)
        } else {
            // A brace that is never closed is text; so is one behind a backslash.
            let opening = rest
                .char_indices()
                .skip(1)
                .find(|(at, character)| *character == '{' && !rest[..*at].ends_with('\\') && rest[*at..].contains('}'));
            opening.map_or(rest.len(), |(at, _)| at)
        };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        (!piece.is_empty()).then_some((is_code, piece))
    })
}

/// Makes one sequence of cues that may overlap: whenever one begins or ends, what is shown then becomes a cue. 3GPP timed
/// text (3GPP TS 26.245) shows one sample at a time, and libavformat would move those that begin before another's end.
#[derive(Default)]
struct Merger {
    shown: Vec<Cue>,
    /// Until when everything is settled.
    settled: i64,
}

impl Merger {
    /// Takes the next cue, which begins no sooner than those before it, and gives what is settled by it.
    fn push(&mut self, cue: Cue) -> Vec<Cue> {
        let ready = self.settle(cue.begin);
        self.settled = self.settled.max(cue.begin);
        if cue.end > self.settled {
            self.shown.push(cue);
        }
        ready
    }

    fn finish(mut self) -> Vec<Cue> {
        self.settle(i64::MAX)
    }

    fn settle(&mut self, until: i64) -> Vec<Cue> {
        let mut ready = Vec::new();
        while let Some(end) = self.shown.iter().map(|cue| cue.end).min()
            && self.settled < until
        {
            let end = end.min(until);
            let dialogues = self.shown.iter().flat_map(|cue| cue.dialogues.clone()).collect();
            ready.push(Cue { begin: self.settled, end, dialogues });
            self.settled = end;
            self.shown.retain(|cue| cue.end > end);
        }
        ready
    }
}

// SAFETY: the contexts are owned by this value alone and not bound to a thread.
unsafe impl Send for SubtitlePath {}

impl Drop for SubtitlePath {
    fn drop(&mut self) {
        // SAFETY: both are owned, or null, which is taken, too.
        unsafe {
            ffi::avcodec_free_context(&raw mut self.decoder);
            ffi::avcodec_free_context(&raw mut self.encoder);
        }
    }
}

/// Stands in for a track until there is one.
struct Nowhere;

impl Track for Nowhere {
    fn open(&mut self, _encoded: &Encoded) -> Result<(), Failure> {
        Ok(())
    }

    fn write(&mut self, _packet: Packet) -> Result<(), Failure> {
        Ok(())
    }

    fn close(&mut self, _end: Option<f64>) -> Result<(), Failure> {
        Ok(())
    }
}

/// Subtitles as a WebVTT file (W3C), for playlists.
#[derive(Default)]
pub(crate) struct WebVtt {
    text: String,
    /// The end of the last cue, in seconds.
    pub end: f64,
}

impl WebVtt {
    pub(crate) fn new() -> Self {
        // Where the file's clock stands against that of the segments (RFC 8216 3.5).
        Self { text: "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n".to_owned(), end: 0.0 }
    }

    /// A cue from a packet of libavcodec's `webvtt` encoder, whose payload is the cue's text.
    pub(crate) fn push(&mut self, packet: &Packet) {
        let text = String::from_utf8_lossy(packet.data().unwrap_or_default()).into_owned();
        // An empty line would end the cue, and what follows would be read as another.
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let start = packet.pts().unwrap_or(0).max(0) as f64 * seconds(MILLISECONDS);
        let end = start + packet.duration().max(1) as f64 * seconds(MILLISECONDS);
        if !lines.is_empty() {
            let time = crate::webvtt::timestamp;
            let _ = write!(self.text, "\n{} --> {}\n{}\n", time(start), time(end), lines.join("\n"));
            self.end = self.end.max(end);
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(begin: i64, end: i64, text: &str) -> Cue {
        Cue { begin, end, dialogues: vec![Dialogue { head: "0,0,Default,,0,0,0,,".to_owned(), text: text.to_owned() }] }
    }

    #[test]
    fn overlapping_cues_become_a_sequence_that_shows_the_same() {
        let mut merger = Merger::default();
        let mut ready = Vec::new();
        for next in [cue(0, 5000, "sign"), cue(1000, 2000, "one"), cue(1500, 3000, "two"), cue(6000, 7000, "end")] {
            ready.extend(merger.push(next));
        }
        ready.extend(merger.finish());
        let shown: Vec<_> = ready
            .iter()
            .map(|cue| {
                let texts: Vec<_> = cue.dialogues.iter().map(|dialogue| dialogue.text.as_str()).collect();
                (cue.begin, cue.end, texts.join("+"))
            })
            .collect();
        let expected = [
            (0, 1000, "sign"),
            (1000, 1500, "sign+one"),
            (1500, 2000, "sign+one+two"),
            (2000, 3000, "sign+two"),
            (3000, 5000, "sign"),
            (6000, 7000, "end"),
        ];
        assert_eq!(shown, expected.map(|(begin, end, text)| (begin, end, text.to_owned())));
    }

    #[test]
    fn special_characters_are_escaped_and_codes_are_not() {
        let text = "1 < 2 && {\\i1}3 > 2{\\i0} --> end \\{<\\} {open";
        let expected = "1 &lt; 2 &amp;&amp; {\\i1}3 &gt; 2{\\i0} --&gt; end \\{&lt;\\} {open";
        assert_eq!(escaped(text), expected);
    }

    #[test]
    fn lines_are_split_behind_their_eighth_comma_and_empty_ones_are_none() {
        let line = "3,0,Default,,0,0,0,,Well, then\r\n";
        assert_eq!(Dialogue::parse(line).unwrap().text, "Well, then");
        assert_eq!(Dialogue::parse("3,0,Default,,0,0,0,,{\\an8}\\N "), None);
        let both = Dialogue::of_all(&[cue(0, 1, "a<b").dialogues, cue(0, 1, "c").dialogues].concat(), true);
        assert_eq!(both.to_line(), "0,0,Default,,0,0,0,,a&lt;b{\\r}\\Nc");
    }
}

//! Captions as a track of a container.

use contract::Failure;
use ffmpeg_next::codec::{self, Parameters};
use ffmpeg_next::{Packet, Rational, ffi};
use speech::captions::Caption;

use crate::open::Disposition;
use crate::operations::transcode::{Encoded, language};

/// Times of captions are in these units.
const MILLISECONDS: Rational = Rational(1, 1000);

/// What a container has to know of the track. `code` is the language of the captions.
pub(crate) fn encoded(codec: codec::Id, code: Option<&str>, is_default: bool) -> Result<Encoded, Failure> {
    let mut parameters = Parameters::new();
    // SAFETY: fresh parameters; the extradata is allocated as libavcodec wants it, and freed with them.
    unsafe {
        let parameters = parameters.as_mut_ptr();
        (*parameters).codec_type = ffi::AVMediaType::AVMEDIA_TYPE_SUBTITLE;
        (*parameters).codec_id = codec.into();
        if codec == codec::Id::MOV_TEXT {
            let bytes = ffi::av_mallocz(SAMPLE_ENTRY.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize);
            if bytes.is_null() {
                return Err(Failure::internal("out of memory"));
            }
            std::ptr::copy_nonoverlapping(SAMPLE_ENTRY.as_ptr(), bytes.cast(), SAMPLE_ENTRY.len());
            (*parameters).extradata = bytes.cast();
            (*parameters).extradata_size = SAMPLE_ENTRY.len() as i32;
        }
    }
    let mut encoded = Encoded::of_parameters(parameters, MILLISECONDS);
    encoded.language = code.map(language::long);
    encoded.title = Some("Captions".to_owned());
    encoded.disposition = Disposition::of_captions(is_default);
    Ok(encoded)
}

/// A caption in the form of a codec, with its time in milliseconds.
pub(crate) fn packet(codec: codec::Id, caption: &Caption) -> Packet {
    let lines = caption.lines.join("\n");
    let payload = match codec {
        codec::Id::MOV_TEXT => {
            // A sample is the length of its text and the text; captions have some hundred bytes at most.
            let length = u16::try_from(lines.len()).unwrap_or(u16::MAX);
            [&length.to_be_bytes()[..], &lines.as_bytes()[..usize::from(length)]].concat()
        }
        codec::Id::WEBVTT => speech::subtitles::escape(&lines).into_bytes(),
        _ => lines.into_bytes(),
    };
    let milliseconds = |seconds: f64| (seconds * 1000.0).round() as i64;
    let (start, end) = (milliseconds(caption.start), milliseconds(caption.end));
    let mut packet = Packet::copy(&payload);
    packet.set_pts(Some(start));
    packet.set_dts(Some(start));
    packet.set_duration((end - start).max(1));
    packet
}

/// How 3GPP timed text looks, without its first 8 bytes (3GPP TS 26.245 5.16, as libavcodec's `movtextenc.c` writes it): white
/// on nothing, at the bottom in the middle, 18 points of a font with serifs.
const SAMPLE_ENTRY: &[u8] = b"\x00\x00\x00\x00\x01\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x01\x00\x12\xff\xff\xff\xff\
    \x00\x00\x00\x12ftab\x00\x01\x00\x01\x05Serif";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_box_of_a_sample_entry_has_its_length() {
        let at = SAMPLE_ENTRY.len() - 18;
        assert_eq!(&SAMPLE_ENTRY[at..at + 8], b"\x00\x00\x00\x12ftab");
        assert_eq!(at, 4 + 1 + 1 + 4 + 8 + 12);
    }
}

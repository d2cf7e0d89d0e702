//! Files with ranges, as players and viewers ask for them.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use contract::Failure;
use futures::stream;

/// Bytes of a file in memory at a time.
const PIECE: u64 = 256 << 10;

/// The media types that a browser shows by itself without running anything in them, by the endings of names. Everything else is
/// handed over as bytes to be saved: HTML and SVG above all, which would run as pages of this origin.
const SHOWN: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("m4s", "video/iso.segment"),
    ("m4v", "video/mp4"),
    ("mov", "video/quicktime"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("mpd", "application/dash+xml"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("srt", "text/plain; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/plain; charset=utf-8"),
    ("json", "application/json"),
    ("glb", "model/gltf-binary"),
];

/// Answers with a file, or the range of it that is asked for.
pub(crate) fn answer(path: &Path, headers: &HeaderMap, save: bool) -> Result<Response<Body>, Failure> {
    let file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let shown = SHOWN.iter().find(|(known, _)| *known == ending).map(|(_, media_type)| *media_type);
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, range) = match asked.map(|text| range(text, size)) {
        None | Some(Asked::Other) => (StatusCode::OK, 0..size),
        Some(Asked::Range(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Asked::Beyond) => {
            let answer = Response::builder().status(StatusCode::RANGE_NOT_SATISFIABLE);
            let answer = answer.header(header::CONTENT_RANGE, format!("bytes */{size}")).body(Body::empty());
            return answer.map_err(|error| Failure::internal("an answer").because(error));
        }
    };
    let mut answer = Response::builder()
        .status(status)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_TYPE, shown.unwrap_or("application/octet-stream"))
        .header(header::CONTENT_LENGTH, range.end - range.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let told = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
        answer = answer.header(header::CONTENT_RANGE, told);
    }
    if save || shown.is_none() {
        answer = answer.header(header::CONTENT_DISPOSITION, attachment(path));
    }
    answer.body(body(file, range)).map_err(|error| Failure::internal("an answer").because(error))
}

/// RFC 6266: the name in UTF-8.
fn attachment(path: &Path) -> HeaderValue {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
    HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{name}"))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// These bytes.
    Range(Range<u64>),
    /// Bytes that the file does not have.
    Beyond,
    /// Something that may be answered with the whole file (RFC 9110, section 14.2): several ranges, another unit.
    Other,
}

fn range(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Other;
    };
    let range = match (first.trim(), last.trim()) {
        ("", last) => last.parse().map(|count: u64| size.saturating_sub(count)..size),
        (first, "") => first.parse().map(|first| first..size),
        (first, last) => first.parse().and_then(|first| {
            let last: u64 = last.parse()?;
            Ok(first..last.saturating_add(1).min(size))
        }),
    };
    match range {
        Ok(range) if range.start < range.end => Asked::Range(range),
        Ok(_) => Asked::Beyond,
        Err(_) => Asked::Other,
    }
}

/// A file's bytes, read as they are sent. A file that has become shorter ends the connection.
fn body(file: fs_err::File, range: Range<u64>) -> Body {
    let pieces = stream::try_unfold((file, range, true), async |(file, range, is_first)| {
        if range.is_empty() {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut file = file;
            if is_first {
                file.seek(SeekFrom::Start(range.start))?;
            }
            let length = PIECE.min(range.end - range.start);
            let mut bytes = vec![0; length as usize];
            file.read_exact(&mut bytes)?;
            std::io::Result::Ok((Bytes::from(bytes), (file, range.start + length..range.end, false)))
        });
        Ok::<_, std::io::Error>(Some(read.await.map_err(std::io::Error::other)??))
    });
    Body::from_stream(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        for (text, expected) in [
            ("bytes=0-0", Asked::Range(0..1)),
            ("bytes=10-", Asked::Range(10..100)),
            ("bytes=-10", Asked::Range(90..100)),
            ("bytes=-1000", Asked::Range(0..100)),
            ("bytes=90-1000", Asked::Range(90..100)),
            ("bytes=100-", Asked::Beyond),
            ("bytes=9-8", Asked::Beyond),
            ("bytes=0-1,5-6", Asked::Other),
            ("items=0-1", Asked::Other),
            ("bytes=a-b", Asked::Other),
            ("bytes=0-18446744073709551615", Asked::Range(0..100)),
        ] {
            assert_eq!(range(text, 100), expected, "{text}");
        }
    }

    #[test]
    fn documents_that_could_run_are_saved() {
        let folder = tempfile::tempdir().unwrap();
        for (name, is_shown) in
            [("a.svg", false), ("a.HTML", false), ("a.xml", false), ("a.pdf", false), ("a.PNG", true), ("a.vtt", true)]
        {
            let path = folder.path().join(name);
            fs_err::write(&path, "x").unwrap();
            let answer = answer(&path, &HeaderMap::new(), false).unwrap();
            assert_eq!(answer.headers().get(header::CONTENT_DISPOSITION).is_none(), is_shown, "{name}");
            let media_type = answer.headers()[header::CONTENT_TYPE].to_str().unwrap();
            assert!(
                !media_type.contains("html") && !media_type.contains("xml") && !media_type.contains("svg"),
                "{name}"
            );
        }
    }
}

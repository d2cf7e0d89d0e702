//! What a file is, by its content; by its name and content type only where the content cannot tell.
//!
//! ```
//! use catalog::{detect, Detection, Format};
//!
//! assert_eq!(detect(b"\x89PNG\r\n\x1a\n....", 12, "photo.jpg", None), Detection::Known(Format::Png));
//! ```

use std::borrow::Cow;

use crate::Format;

/// How many leading bytes of an object [`detect`] can make use of.
pub const HEAD_BYTES: usize = 64 * 1024;

/// The result of [`detect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detection {
    /// A format that the pipeline processes.
    Known(Format),
    /// Anything else, with the reason in words. Never a guess.
    Unsupported(String),
}

/// Tells the format of an object from its first bytes (`head`, at most [`HEAD_BYTES`] are looked at), its size in bytes,
/// its name and its content type.
pub fn detect(head: &[u8], size: u64, name: &str, content_type: Option<&str>) -> Detection {
    let head = &head[..head.len().min(HEAD_BYTES)];
    if size == 0 || head.is_empty() {
        return Detection::Unsupported("the object is empty (0 bytes)".to_owned());
    }
    let sniffers: [Sniffer; 15] = [
        signature,
        iso_bmff,
        riff,
        matroska,
        ogg,
        zip,
        compound,
        markup,
        mpeg_ts,
        byte_stream,
        model_without_signature,
        message,
        audio,
        mxf_behind_run_in,
        mpeg_ts_behind_rubbish,
    ];
    if let Some(detection) = sniffers.iter().find_map(|sniff| sniff(head, size, name)) {
        return detection;
    }
    if let Some(at) = find(&head[..head.len().min(1024 + 5)], b"%PDF-")
        && at <= 1024
    {
        return Detection::Known(Format::Pdf);
    }
    if let Some(format) = model_by_hint(head, size, name, content_type) {
        return Detection::Known(format);
    }
    text_by_name(head, name, content_type)
}

/// Looks for some formats in the head, the size and the name; `None` is "not one of mine".
type Sniffer = fn(&[u8], u64, &str) -> Option<Detection>;

/// Formats that begin with bytes of their own.
fn signature(head: &[u8], _size: u64, name: &str) -> Option<Detection> {
    let known = |format| Some(Detection::Known(format));
    match head {
        [0xFF, 0xD8, 0xFF, ..] => known(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => known(Format::Png),
        // A PNG whose signature was damaged on the way (that is what its odd bytes are for): the job says so.
        [_, b'P', b'N', b'G', ..] if find(&head[..head.len().min(24)], b"IHDR").is_some() => known(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => known(Format::Gif),
        [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..] => unsupported("a Canon camera raw file"),
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => known(Format::Tiff),
        [b'B', b'M', ..] if is_bitmap_header(head) => known(Format::Bmp),
        [0xFF, 0x0A, ..] | [0, 0, 0, 0x0C, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => known(Format::Jxl),
        [b'%', b'P', b'D', b'F', b'-', ..] => known(Format::Pdf),
        [b'g', b'l', b'T', b'F', ..] => known(Format::Glb),
        [b'p', b'l', b'y', b'\n' | b'\r', ..] => known(Format::Ply),
        [b'{', b'\\', b'r', b't', b'f', ..] => known(Format::Rtf),
        [b'F', b'L', b'V', 1, ..] => known(Format::Flv),
        [b'f', b'L', b'a', b'C', ..] => known(Format::Flac),
        // The GUID of an ASF header (ASF specification 10.1).
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..] => known(Format::Asf),
        // A pack header, of MPEG-1 (0010…) or MPEG-2 (01…) (ISO/IEC 13818-1 2.5.3.3).
        [0, 0, 1, 0xBA, next, ..] if next & 0xF0 == 0x20 || next & 0xC0 == 0x40 => known(Format::MpegPs),
        [b'D', b'K', b'I', b'F', 0 | 1, 0, ..] => known(Format::Ivf),
        // The header block of a DIF sequence (IEC 61834-2): 525 or 625 lines.
        [0x1F, 7, 0, 0x3F | 0xBF, ..] => known(Format::Dv),
        _ if head.starts_with(&MXF_PARTITION) => known(Format::Mxf),
        [0x1F, 0x8B, ..] if name.to_ascii_lowercase().ends_with(".svgz") => known(Format::Svg),
        [0x1F, 0x8B, ..] => unsupported("gzip-compressed data; upload it uncompressed"),
        _ => None,
    }
}

/// The key of a header partition pack, but for the last bytes that say how far it is written (SMPTE ST 377-1 7.1).
const MXF_PARTITION: [u8; 13] = [0x06, 0x0E, 0x2B, 0x34, 0x02, 0x05, 0x01, 0x01, 0x0D, 0x01, 0x02, 0x01, 0x01];

/// Up to 64 KiB of anything may stand before the header partition (SMPTE ST 377-1 6.5).
fn mxf_behind_run_in(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    find(head, &MXF_PARTITION).map(|_| Detection::Known(Format::Mxf))
}

#[expect(clippy::unnecessary_wraps, reason = "what a sniffer returns")]
fn unsupported(what: &str) -> Option<Detection> {
    Some(Detection::Unsupported(what.to_owned()))
}

/// BM alone is two letters of text: the size of the header behind it must be one that exists.
fn is_bitmap_header(head: &[u8]) -> bool {
    let header_size = head.get(14..18).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    matches!(header_size, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

const AVIF: [&[u8]; 2] = [b"avif", b"avis"];
const HEIC: [&[u8]; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"];

/// Brands of images whatever their coding, and of codings that are not taken (ISO/IEC 23008-12, annex B and on).
const HEIF: [&[u8]; 15] = [
    b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"1pic", b"jpeg", b"jpgs", b"avci", b"avcs", b"j2ki", b"j2is",
    b"vvic", b"vvis", b"unif",
];

/// ISO base media files by brand (ISO/IEC 14496-12 4.3): HEIC and AVIF are images, MP4 and QuickTime are video.
fn iso_bmff(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    let kind = head.get(4..8)?;
    if matches!(kind, b"moov" | b"mdat" | b"wide" | b"pnot") || (matches!(kind, b"free" | b"skip") && head[0] == 0) {
        // QuickTime before 2001 has no ftyp box.
        return Some(Detection::Known(Format::Mov));
    }
    if kind != b"ftyp" {
        return None;
    }
    let box_size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let brands = head.get(8..box_size.clamp(8, head.len()))?;
    let major: &[u8] = brands.get(..4).unwrap_or_default();
    let compatible: Vec<&[u8]> = brands.get(8..).unwrap_or_default().chunks_exact(4).collect();
    let any = |names: &[&[u8]]| names.contains(&major) || compatible.iter().any(|brand| names.contains(brand));

    let format = match major {
        b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " => Format::M4a,
        b"crx " => return unsupported("a Canon camera raw file"),
        b"jp2 " | b"jpx " | b"jpm " => return unsupported("a JPEG 2000 image"),
        b"qt  " => Format::Mov,
        _ if AVIF.contains(&major) => Format::Avif,
        _ if HEIC.contains(&major) => Format::Heic,
        // Beside a list of pictures any brand of images tells; videos with such a list have none of these brands.
        _ if HEIF.contains(&major) || (any(&HEIF) || any(&AVIF) || any(&HEIC)) && next_is_meta(head, box_size) => {
            match () {
                () if any(&AVIF) || find(head, b"av01").is_some() => Format::Avif,
                () if any(&HEIC) || find(head, b"hvc1").is_some() => Format::Heic,
                () => return unsupported("a HEIF image whose coding is neither HEVC nor AV1"),
            }
        }
        _ => Format::Mp4,
    };
    Some(Detection::Known(format))
}

/// Whether the box behind the first is the list of pictures.
fn next_is_meta(head: &[u8], first: usize) -> bool {
    first.checked_add(8).and_then(|end| head.get(first + 4..end)) == Some(b"meta")
}

fn riff(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    if head.get(..4)? != b"RIFF" && head.get(..4)? != b"RF64" {
        return None;
    }
    match head.get(8..12)? {
        b"WEBP" => Some(Detection::Known(Format::Webp)),
        b"AVI " => Some(Detection::Known(Format::Avi)),
        b"WAVE" => Some(Detection::Known(Format::Wav)),
        _ => None,
    }
}

/// Matroska against WebM by the `DocType` element (0x4282) of the EBML header (RFC 8794).
fn matroska(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    if head.get(..4)? != [0x1A, 0x45, 0xDF, 0xA3] {
        return None;
    }
    let header = &head[..head.len().min(256)];
    let at = find(header, &[0x42, 0x82]);
    let doc_type = at.and_then(|at| {
        let length = usize::from(*header.get(at + 2)? & 0x7F);
        header.get(at + 3..at + 3 + length)
    });
    match doc_type {
        Some(name) if name.starts_with(b"webm") => Some(Detection::Known(Format::Webm)),
        Some(name) if name.starts_with(b"matroska") => Some(Detection::Known(Format::Mkv)),
        _ => unsupported("an EBML file that is neither Matroska nor WebM"),
    }
}

/// Office Open XML, `OpenDocument` and EPUB are ZIP archives: told apart by the names in the local file headers, whose case
/// and kind of slash some producers do not heed. Where these do not tell, the name of the file does.
fn zip(head: &[u8], _size: u64, name: &str) -> Option<Detection> {
    if head.get(..4)? != b"PK\x03\x04" {
        return None;
    }
    let mut found: Option<Format> = None;
    let mut rest = head;
    while let Some(at) = find(rest, b"PK\x03\x04") {
        let header = &rest[at..];
        rest = &header[4..];
        let number = |at: usize| header.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
        let (name_length, extra_length) = (number(26), number(28));
        let entry = header.get(30..30 + name_length).unwrap_or_default();
        let entry = String::from_utf8_lossy(entry).replace('\\', "/").to_ascii_lowercase();
        let entry = entry.trim_start_matches('/');
        if entry == "mimetype" {
            let data = header.get(30 + name_length + extra_length..).unwrap_or_default();
            if let Some(format) = by_mimetype(&data[..data.len().min(100)]) {
                return Some(Detection::Known(format));
            }
        }
        // Workbooks that are binary have the same folders as others.
        if entry.starts_with("xl/") && (entry.contains("workbook.bin") || is_binary_sheet(entry)) {
            return Some(Detection::Known(Format::Xlsb));
        }
        let by_entry = [
            ("word/", Format::Docx),
            ("xl/", Format::Xlsx),
            ("ppt/", Format::Pptx),
            ("meta-inf/container.xml", Format::Epub),
        ];
        if found.is_none() {
            found = by_entry.into_iter().find(|(prefix, _)| entry.starts_with(prefix)).map(|(_, format)| format);
        }
        if entry == "index/document.iwa" {
            return unsupported("a Pages, Numbers or Keynote document; export it as PDF or Office file");
        }
    }
    let is_archive = |format: &Format| {
        matches!(
            format,
            Format::Docx
                | Format::Xlsx
                | Format::Pptx
                | Format::Xlsb
                | Format::Epub
                | Format::Odt
                | Format::Ods
                | Format::Odp
        )
    };
    match found.or_else(|| Format::from_name(name).filter(is_archive)) {
        Some(format) => Some(Detection::Known(format)),
        None => unsupported("a ZIP archive that is not an Office, OpenDocument or EPUB document"),
    }
}

fn is_binary_sheet(entry: &str) -> bool {
    entry.strip_prefix("xl/worksheets/").and_then(|sheet| sheet.rsplit_once('.')).is_some_and(|(_, kind)| kind == "bin")
}

/// What an archive says of itself in its first file.
fn by_mimetype(data: &[u8]) -> Option<Format> {
    let data = data.trim_ascii_start();
    if data.starts_with(b"application/epub+zip") {
        return Some(Format::Epub);
    }
    let kind = data.strip_prefix(b"application/vnd.oasis.opendocument.")?;
    [
        (b"text".as_slice(), Format::Odt),
        (b"spreadsheet", Format::Ods),
        (b"presentation", Format::Odp),
        (b"graphics", Format::Odp),
    ]
    .into_iter()
    .find(|(name, _)| kind.starts_with(name))
    .map(|(_, format)| format)
}

/// Compound files ([MS-CFB]) hold the Office formats before 2007, and Office files with a password: told apart by the
/// names of their streams.
fn compound(head: &[u8], _size: u64, name: &str) -> Option<Detection> {
    const ENCRYPTED: &str = "an encrypted Office document; remove its password and upload it again";
    const DOC: &str = "a Word 97\u{2013}2003 document (DOC); save it as DOCX or PDF";
    const PPT: &str = "a PowerPoint 97\u{2013}2003 presentation (PPT); save it as PPTX or PDF";
    const MSG: &str = "an Outlook message (MSG); save it as EML";

    if head.get(..8)? != [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1] {
        return None;
    }
    let has = |stream: &str| {
        let name: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
        find(head, &name).is_some()
    };
    if has("EncryptedPackage") {
        return unsupported(ENCRYPTED);
    }
    if has("WordDocument") {
        return unsupported(DOC);
    }
    if has("PowerPoint Document") {
        return unsupported(PPT);
    }
    if has("__substg1.0_") || has("__properties_version1.0") {
        return unsupported(MSG);
    }
    if has("Workbook") || has("Book\0") {
        return Some(Detection::Known(Format::Xls));
    }
    // The list of streams stands behind the head: the name is what is left.
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match (Format::from_name(name), extension.as_str()) {
        (Some(Format::Xls), _) => Some(Detection::Known(Format::Xls)),
        (Some(Format::Docx | Format::Xlsx | Format::Pptx | Format::Xlsb), _) => unsupported(ENCRYPTED),
        (_, "doc" | "dot") => unsupported(DOC),
        (_, "ppt" | "pps" | "pot") => unsupported(PPT),
        (_, "msg") => unsupported(MSG),
        _ => unsupported(
            "an OLE compound file: an Office 97\u{2013}2003 document or an encrypted one; save it as DOCX, XLSX, PPTX or PDF",
        ),
    }
}

/// A message begins with header fields (RFC 5322, 2.2), some of which every message has.
fn message(head: &[u8], _size: u64, name: &str) -> Option<Detection> {
    const FIELDS: [&str; 9] =
        ["received", "return-path", "from", "to", "subject", "date", "message-id", "mime-version", "delivered-to"];
    let text = String::from_utf8_lossy(&head[..head.len().min(8192)]);
    let is_field = |line: &str| {
        let name = line.split_once(':').map(|(name, _)| name);
        name.filter(|name| !name.is_empty() && name.bytes().all(|byte| (0x21..0x7F).contains(&byte)))
            .map(str::to_ascii_lowercase)
    };
    let mut known = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let field = is_field(line)?;
        if FIELDS.contains(&field.as_str()) && !known.contains(&field) {
            known.push(field);
        }
    }
    // Two of them might be notes of somebody's.
    let is_named = Format::from_name(name) == Some(Format::Eml);
    let is_message = known.len() >= if is_named { 1 } else { 4 };
    is_message.then_some(Detection::Known(Format::Eml))
}

/// SVG and HTML by their root element, glTF by its top-level keys.
fn markup(head: &[u8], size: u64, name: &str) -> Option<Detection> {
    let narrow = utf16_as_ascii(head);
    let head = narrow.as_deref().unwrap_or(head);
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    match text.first()? {
        b'<' => match root_element(text).as_deref() {
            Some("svg") => Some(Detection::Known(Format::Svg)),
            Some("html") => Some(Detection::Known(Format::Html)),
            // The root lies behind what can be seen: the name tells.
            None if size > head.len() as u64 && Format::from_name(name) == Some(Format::Svg) => {
                Some(Detection::Known(Format::Svg))
            }
            Some(_) | None => None,
        },
        b'{' if is_gltf_json(text) => Some(Detection::Known(Format::Gltf)),
        b'{' => is_notebook(text, name).then_some(Detection::Known(Format::Ipynb)),
        _ => None,
    }
}

/// Text of 16-bit units, which begins with the mark of their order, as bytes; what is not ASCII becomes `?`.
fn utf16_as_ascii(head: &[u8]) -> Option<Vec<u8>> {
    let big_endian = match head.get(..2)? {
        [0xFF, 0xFE] => false,
        [0xFE, 0xFF] => true,
        _ => return None,
    };
    let units = head[2..].chunks_exact(2).map(|pair| if big_endian { [pair[1], pair[0]] } else { [pair[0], pair[1]] });
    Some(units.map(|[low, high]| if high == 0 && low.is_ascii() { low } else { b'?' }).collect())
}

/// The local name of the first element, lower case, past declarations, comments and doctypes. `<!doctype html>` counts
/// as `html`, because the element itself may be left out (HTML 13.1.2.4).
fn root_element(mut text: &[u8]) -> Option<String> {
    loop {
        text = text.trim_ascii_start();
        if let Some(rest) = text.strip_prefix(b"<!--") {
            text = &rest[find(rest, b"-->")? + 3..];
        } else if text.starts_with(b"<?") {
            text = &text[find(text, b"?>")? + 2..];
        } else if text.starts_with(b"<!") {
            let declaration = text.get(2..14).unwrap_or_default().to_ascii_lowercase();
            if declaration == b"doctype html" {
                return Some("html".to_owned());
            }
            text = &text[end_of_doctype(text)?..];
        } else {
            let name = text.strip_prefix(b"<")?;
            let end = name.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b":_-".contains(byte))?;
            let name = String::from_utf8_lossy(&name[..end]).to_ascii_lowercase();
            return Some(name.rsplit(':').next().unwrap_or_default().to_owned());
        }
    }
}

/// Where a doctype ends: its internal subset may hold `>` inside brackets.
fn end_of_doctype(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'>' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// glTF 2.0 section 3.3: `asset` is required; one of the other names tells it from any JSON with an `asset`.
fn is_gltf_json(text: &[u8]) -> bool {
    const OTHERS: [&[u8]; 10] = [
        b"accessors",
        b"bufferViews",
        b"buffers",
        b"meshes",
        b"nodes",
        b"scenes",
        b"scene",
        b"materials",
        b"extensionsUsed",
        b"animations",
    ];
    let keys = top_level_keys(text);
    let others = keys.iter().filter(|key| OTHERS.contains(key)).count();
    let has = |key: &[u8]| keys.contains(&key);
    // The asset may stand behind the end of the head in a large file, and so may every key but one: what is in that one tells.
    let asset = has(b"asset");
    (asset && (others >= 1 || keys.len() == 1 && find(text, b"\"version\"").is_some()))
        || (has(b"bufferViews") && has(b"accessors"))
        || (has(b"accessors") && find(text, b"\"componentType\"").is_some())
        || (has(b"bufferViews") && find(text, b"\"byteLength\"").is_some())
        || (has(b"buffers") && find(text, b"\"data:application/").is_some())
}

/// The keys of the outermost object, as far as the text goes.
fn top_level_keys(text: &[u8]) -> Vec<&[u8]> {
    let mut keys = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let start = at + 1;
                at = start;
                while at < text.len() && text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                let end = at.min(text.len());
                let behind = text.get(end + 1..).unwrap_or_default().trim_ascii_start();
                if depth == 1 && behind.first() == Some(&b':') {
                    keys.push(&text[start..end]);
                }
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

/// Ogg by the first packets of its streams, which name their codecs.
fn ogg(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    const AUDIO: [&[u8]; 4] = [b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   "];
    const VIDEO: [&[u8]; 4] = [b"\x80theora", b"OVP80\x01", b"BBCD\0", b"\x01video\0\0\0"];
    if !head.starts_with(b"OggS") {
        return None;
    }
    if VIDEO.iter().any(|name| find(head, name).is_some()) {
        return Some(Detection::Known(Format::Ogv));
    }
    if AUDIO.iter().any(|name| find(head, name).is_some()) {
        return Some(Detection::Known(Format::Ogg));
    }
    unsupported("an Ogg file without video or audio")
}

/// MPEG audio and AAC without a container: two frames one behind the other, behind tags (`ID3v2`) or at the beginning. Of a tag
/// longer than what is looked at, MPEG audio is expected behind it, for which tags were made.
fn audio(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    let mut at = 0;
    while let [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = *head.get(at..)? {
        let length = [a, b, c, d].iter().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7F));
        at += 10 + length + if flags & 0x10 != 0 { 10 } else { 0 };
        if at + 8 > head.len() {
            return Some(Detection::Known(Format::Mp3));
        }
    }
    if head[at..].starts_with(b"fLaC") {
        return Some(Detection::Known(Format::Flac));
    }
    // Encoders leave a few bytes of zero behind a tag.
    if at > 0 {
        at += head[at..].iter().take_while(|byte| **byte == 0).count();
    }
    let (format, length) = audio_frame(head.get(at..)?)?;
    let next = audio_frame(head.get(at + length..)?)?;
    (next.0 == format).then_some(Detection::Known(format))
}

/// The format and the length of a frame of MPEG audio (ISO/IEC 11172-3 2.4.1.3, 13818-3) or of ADTS (ISO/IEC 14496-3 1.A.2).
fn audio_frame(bytes: &[u8]) -> Option<(Format, usize)> {
    const RATES: [usize; 3] = [44_100, 48_000, 32_000];
    // Kilobits a second of MPEG-1's layers I to III and of MPEG-2's layer I, and II and III.
    const BITS: [[usize; 14]; 5] = [
        [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let &[0xFF, b, c, d, e, f, ..] = bytes else { return None };
    if b & 0xF6 == 0xF0 {
        let length = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        return (length >= 7 && c >> 2 & 0xF < 13).then_some((Format::Aac, length));
    }
    let (version, layer, padding) = (b >> 3 & 3, 4 - usize::from(b >> 1 & 3), usize::from(c >> 1 & 1));
    let (bits, rate) = (usize::from(c >> 4), usize::from(c >> 2 & 3));
    if b & 0xE0 != 0xE0 || version == 1 || layer == 4 || !(1..15).contains(&bits) || rate == 3 {
        return None;
    }
    let is_first = version == 3;
    let row = if is_first { layer - 1 } else { 3 + usize::from(layer > 1) };
    let bits = BITS[row][bits - 1] * 1000;
    let rate = RATES[rate]
        >> match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
    let length = match layer {
        1 => (12 * bits / rate + padding) * 4,
        3 if !is_first => 72 * bits / rate + padding,
        _ => 144 * bits / rate + padding,
    };
    Some((Format::Mp3, length))
}

/// Sync bytes at every packet start (ISO/IEC 13818-1 2.4.3.2), at least three of them.
fn mpeg_ts(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    let is_stream = |packet, offset| packet_starts(head, packet, offset).is_some_and(|starts| starts >= 3);
    (is_stream(188, 0) || is_stream(192, 4) || is_stream(204, 0)).then_some(Detection::Known(Format::MpegTs))
}

/// A recording that was cut out of a stream begins within a packet. Receivers look for the next sync byte, and so does this.
fn mpeg_ts_behind_rubbish(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    let is_stream = |packet, offset| packet_starts(head, packet, offset).is_some_and(|starts| starts >= 8);
    let offsets = (1..head.len()).filter(|offset| head[*offset] == 0x47);
    let mut found = offsets.filter(|offset| [188, 192, 204].iter().any(|packet| is_stream(*packet, *offset)));
    found.next().map(|_| Detection::Known(Format::MpegTs))
}

/// How many packets begin with a sync byte and a possible header, of the first sixteen; none if one of them does not.
fn packet_starts(head: &[u8], packet: usize, offset: usize) -> Option<usize> {
    let mut count = 0;
    for at in (offset..head.len()).step_by(packet).take(16) {
        // Neither adaptation field nor payload: reserved (ISO/IEC 13818-1 table 2-5).
        let is_reserved = head.get(at + 3).is_some_and(|flags| flags & 0x30 == 0);
        if head[at] != 0x47 || is_reserved {
            return None;
        }
        count += 1;
    }
    Some(count)
}

/// H.264 and H.265 without a container: start codes, and a parameter set among the first units (ITU-T H.264 and H.265,
/// annex B). What other units may stand before it is known.
fn byte_stream(head: &[u8], _size: u64, _name: &str) -> Option<Detection> {
    if !head.starts_with(&[0, 0, 1]) && !head.starts_with(&[0, 0, 0, 1]) {
        return None;
    }
    let units = head.windows(3).enumerate().filter(|(_, code)| code == b"\0\0\x01");
    for unit in units.take(8).filter_map(|(at, _)| head.get(at + 3..)) {
        match *unit {
            // A sequence parameter set of a profile that there is, behind delimiters and supplemental information.
            [header, profile, ..] if header & 0x9F == 7 && H264_PROFILES.contains(&profile) => {
                return Some(Detection::Known(Format::H264));
            }
            [header, ..] if header & 0x9F == 6 || (header == 9) => {}
            // A video parameter set, and what may stand before it: delimiters and supplemental information.
            [0x40, 1, ..] => return Some(Detection::Known(Format::Hevc)),
            [0x46 | 0x4E, 1, ..] => {}
            _ => return None,
        }
    }
    None
}

/// ITU-T H.264 annex A and G to I.
const H264_PROFILES: [u8; 12] = [44, 66, 77, 83, 86, 88, 100, 110, 118, 122, 128, 244];

/// STL and OBJ have no signature, but a structure that other files do not have.
fn model_without_signature(head: &[u8], size: u64, name: &str) -> Option<Detection> {
    if is_binary_stl(head, size, name) || is_ascii_stl(head) {
        return Some(Detection::Known(Format::Stl));
    }
    is_obj(head).then_some(Detection::Known(Format::Obj))
}

/// 80 bytes of header, the count of triangles, 50 bytes for each. Some writers add bytes at the end: then the name must
/// say STL.
fn is_binary_stl(head: &[u8], size: u64, name: &str) -> bool {
    let Some(count) = head.get(80..84) else { return false };
    let count = u64::from(u32::from_le_bytes([count[0], count[1], count[2], count[3]]));
    let expected = 84 + 50 * count;
    count > 0 && (size == expected || (size > expected && Format::from_name(name) == Some(Format::Stl)))
}

fn is_ascii_stl(head: &[u8]) -> bool {
    let text = past_comments(without_mark(head));
    let lower = text.to_ascii_lowercase();
    let has = |word: &[u8]| find(&lower, word).is_some();
    lower.starts_with(b"solid") && has(b"facet") && (has(b"normal") || has(b"vertex"))
}

/// A text from its first line that is not a comment.
fn past_comments(text: &[u8]) -> &[u8] {
    let mut rest = text.trim_ascii_start();
    while rest.starts_with(b"#") || rest.starts_with(b";") || rest.starts_with(b"//") {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        rest = rest[end..].trim_ascii_start();
    }
    rest
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// Every line begins with a word of the OBJ format and one of them is a vertex with its three numbers.
fn is_obj(head: &[u8]) -> bool {
    let lines = ObjLines::of(head);
    lines.vertices > 0 && lines.others == 0
}

/// How many lines of a text are what.
#[derive(Default)]
struct ObjLines {
    /// `v` with three numbers.
    vertices: usize,
    /// `v` with anything else.
    damaged_vertices: usize,
    /// Other words of the format.
    words: usize,
    /// Anything else.
    others: usize,
}

impl ObjLines {
    fn of(head: &[u8]) -> Self {
        const WORDS: [&str; 35] = [
            "vt",
            "vn",
            "vp",
            "f",
            "fo",
            "l",
            "p",
            "g",
            "o",
            "s",
            "mg",
            "mtllib",
            "usemtl",
            "usemap",
            "maplib",
            "deg",
            "bmat",
            "step",
            "cstype",
            "curv",
            "curv2",
            "surf",
            "parm",
            "trim",
            "hole",
            "scrv",
            "sp",
            "end",
            "con",
            "bevel",
            "c_interp",
            "d_interp",
            "lod",
            "shadow_obj",
            "trace_obj",
        ];
        let text = String::from_utf8_lossy(without_mark(head));
        let mut lines: Vec<&str> = text.split(['\n', '\r']).collect();
        if head.len() == HEAD_BYTES {
            lines.pop();
        }
        let mut counts = Self::default();
        let mut continued = false;
        for line in lines {
            let line = line.trim();
            let is_comment = line.starts_with('#');
            let is_continuation = std::mem::replace(&mut continued, line.ends_with('\\') && !is_comment);
            if line.is_empty() || is_comment || is_continuation {
                continue;
            }
            let mut words = line.split_ascii_whitespace().take_while(|word| !word.starts_with('#'));
            let count = match words.next() {
                Some("v") => {
                    let numbers: Vec<_> = words.collect();
                    let is_vertex = numbers.len() >= 3 && numbers.iter().all(|number| number.parse::<f64>().is_ok());
                    if is_vertex { &mut counts.vertices } else { &mut counts.damaged_vertices }
                }
                Some(word) if WORDS.contains(&word) => &mut counts.words,
                _ => &mut counts.others,
            };
            *count += 1;
        }
        counts
    }
}

/// Formats without a signature, where the name or the content type says which and the content does not speak against it:
/// the first bytes of a large glTF may be one long list, those of an OBJ a comment, and writers of OBJ and STL stray from
/// their formats.
fn model_by_hint(head: &[u8], size: u64, name: &str, content_type: Option<&str>) -> Option<Format> {
    let by_content_type = content_type.and_then(Format::from_content_type);
    let hint = Format::from_name(name).or(by_content_type)?;
    let text = in_utf8(head);
    let is_text = looks_like_text(&text);
    let fits = match hint {
        Format::Gltf => {
            let json = text.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
            is_text && json.is_some_and(|keys| keys.is_empty() || keys.starts_with(b"\"") || keys.starts_with(b"}"))
        }
        Format::Obj => {
            let lines = ObjLines::of(&text);
            // Without a single vertex so far, there is nothing but what may stand in front of them.
            is_text && (lines.vertices > 0 || lines.damaged_vertices + lines.others == 0)
        }
        Format::Stl => {
            let lower = text.to_ascii_lowercase();
            let is_ascii = is_text && find(&lower, b"vertex").is_some() && find(&lower, b"facet").is_some();
            // At least one facet behind the header, whatever the count says.
            is_ascii || (!is_text && size >= 84 + 50)
        }
        _ => false,
    };
    fits.then_some(hint)
}

/// UTF-16 with a byte order mark as UTF-8, any other text as it is without its mark.
fn in_utf8(head: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match head {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return Cow::Borrowed(without_mark(head)),
    };
    let units: Vec<u16> = head[2..].as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
    Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
}

/// A notebook is JSON that lists cells; what version it is of may stand behind the end of the head.
fn is_notebook(text: &[u8], name: &str) -> bool {
    let keys = top_level_keys(text);
    let has = |key: &[u8]| keys.contains(&key);
    (has(b"cells") || has(b"worksheets")) && (has(b"nbformat") || Format::from_name(name) == Some(Format::Ipynb))
}

/// Text has no signature: the bytes must be text, and the name or the content type says which. What neither says anything
/// of is plain text, unless it is data in a format of its own.
fn text_by_name(head: &[u8], name: &str, content_type: Option<&str>) -> Detection {
    let is_text = |format| matches!(format, Format::Text | Format::Markdown | Format::Html | Format::Csv | Format::Eml);
    let by_name = Format::from_name(name);
    let by_type = content_type.and_then(Format::from_content_type);
    let said = by_name.filter(|&format| is_text(format)).or_else(|| by_type.filter(|&format| is_text(format)));
    let is_data = matches!(head.trim_ascii_start().first(), Some(b'<' | b'{' | b'['));
    match said {
        Some(format) if looks_like_text(head) => Detection::Known(format),
        Some(format) => Detection::Unsupported(format!(
            "named as {} but its content is binary and not of a known format",
            format.name()
        )),
        None if by_name.is_none() && by_type.is_none() && !is_data && is_plain_text(head) => {
            Detection::Known(Format::Text)
        }
        None => Detection::Unsupported("its content is not of a format that the pipeline knows".to_owned()),
    }
}

/// UTF-8 without control characters, but for a character that the end of the head cuts.
fn is_plain_text(head: &[u8]) -> bool {
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && head.len() == HEAD_BYTES,
    };
    is_utf8 && looks_like_text(head) && !head.trim_ascii().is_empty()
}

/// No NUL but in UTF-16, and few control characters.
fn looks_like_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) || is_utf16(head) {
        return true;
    }
    let controls = head.iter().filter(|&&byte| byte < 0x20 && !b"\t\n\r\x0C\x1B\x08".contains(&byte)).count();
    !head.contains(&0) && controls * 100 <= head.len()
}

/// UTF-16 without a mark: Latin letters have a zero in every other byte, and no control character in the rest.
fn is_utf16(head: &[u8]) -> bool {
    let head = &head[..head.len().min(4096) & !1];
    let is_text = |other: usize| {
        let letters = head.iter().skip(other).step_by(2);
        letters.clone().all(|byte| *byte >= 0x20 || b"\t\n\r\x0C".contains(byte) || *byte == 0)
            && letters.filter(|byte| **byte == 0).count() * 20 < head.len()
    };
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    head.len() >= 8 && ((zeros(1) * 5 > head.len() * 2 && is_text(0)) || (zeros(0) * 5 > head.len() * 2 && is_text(1)))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_of(head: &[u8], name: &str) -> Option<Format> {
        match detect(head, head.len() as u64, name, None) {
            Detection::Known(format) => Some(format),
            Detection::Unsupported(_) => None,
        }
    }

    #[test]
    fn iso_bmff_is_told_by_brand() {
        let ftyp = |major: &[u8; 4], compatible: &[u8]| {
            let mut head = (16 + compatible.len() as u32).to_be_bytes().to_vec();
            head.extend_from_slice(b"ftyp");
            head.extend_from_slice(major);
            head.extend_from_slice(&[0; 4]);
            head.extend_from_slice(compatible);
            head
        };
        assert_eq!(format_of(&ftyp(b"isom", b"isomiso2avc1mp41"), "a.heic"), Some(Format::Mp4));
        assert_eq!(format_of(&ftyp(b"qt  ", b"qt  "), "a.mp4"), Some(Format::Mov));
        assert_eq!(format_of(&ftyp(b"heic", b"mif1heic"), "a.mp4"), Some(Format::Heic));
        assert_eq!(format_of(&ftyp(b"mif1", b"mif1avifmiaf"), ""), Some(Format::Avif));
        assert_eq!(format_of(&ftyp(b"mif1", b"mif1heic"), ""), Some(Format::Heic));
        assert_eq!(format_of(&ftyp(b"avis", b"msf1"), ""), Some(Format::Avif));
        assert_eq!(format_of(&ftyp(b"M4A ", b"mp42isom"), "a.mp4"), Some(Format::M4a));
        // Images of any brand are never videos.
        assert_eq!(format_of(&ftyp(b"mif2", b"mif1avif"), ""), Some(Format::Avif));
        for major in HEIF {
            assert_eq!(format_of(&ftyp(major.try_into().unwrap(), b"mif1"), "a.mp4"), None);
        }
        let beside = |brand| [ftyp(b"abcd", brand), b"\0\0\0\x10metahvc1\0\0\0\0".to_vec()].concat();
        assert_eq!(format_of(&beside(b"mif1heic"), "a.mp4"), Some(Format::Heic));
        assert_eq!(format_of(&beside(b"isomiso2"), "a.mp4"), Some(Format::Mp4));
    }

    #[test]
    fn names_do_not_overrule_content() {
        assert_eq!(format_of(b"GIF89a\x01\x00\x01\x00", "a b é.x.PDF"), Some(Format::Gif));
        assert_eq!(format_of(b"MZ\x90\x00\x03\x00\x00\x00", "photo.jpg"), None);
        assert_eq!(format_of(b"\x00\x00\x00\x00garbage", "notes.txt"), None);
        assert_eq!(format_of(b"plain words", "notes.TXT"), Some(Format::Text));
        assert_eq!(format_of(b"plain words", "notes"), Some(Format::Text));
        assert_eq!(format_of(b"plain words", "README.1st"), Some(Format::Text));
        assert_eq!(format_of(b"plain words", "photo.jpg"), None);
        assert_eq!(format_of(b"[1, 2]", "numbers"), None);
    }

    #[test]
    fn models_without_a_signature() {
        let mut stl = vec![b' '; 80];
        stl[..5].copy_from_slice(b"solid");
        stl.extend_from_slice(&1_u32.to_le_bytes());
        stl.extend_from_slice(&[0; 50]);
        assert_eq!(format_of(&stl, "x.jpg"), Some(Format::Stl));
        assert_eq!(format_of(b"solid x\n facet normal 0 0 1\n outer loop", ""), Some(Format::Stl));
        assert_eq!(
            format_of(b"# made by hand\nmtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", ""),
            Some(Format::Obj)
        );
        assert_eq!(format_of(b"v is a letter\n", "letter.obj"), None);
        assert_eq!(format_of(br#"{"asset":{"version":"2.0"},"scene":0}"#, "x.txt"), Some(Format::Gltf));
        assert_eq!(format_of(br#"{"asset":"a house","price":3}"#, ""), None);
        assert_eq!(format_of(b"ply\nformat ascii 1.0\n", ""), Some(Format::Ply));
    }

    #[test]
    fn a_large_gltf_is_told_whichever_key_comes_first() {
        let filler = |item: &str, count: usize| vec![item; count].join(",");
        let long = |key: &str, item: &str| format!("{{\"{key}\": [{}", filler(item, HEAD_BYTES / item.len() + 1));
        for (key, item) in [
            ("accessors", r#"{"bufferView":0,"componentType":5126,"count":3,"type":"VEC3"}"#),
            ("bufferViews", r#"{"buffer":0,"byteLength":36}"#),
            ("nodes", r#"{"mesh":0}"#),
            ("images", r#"{"uri":"a.png"}"#),
            ("animations", r#"{"channels":[]}"#),
            ("extras", r#""anything""#),
        ] {
            let head = long(key, item);
            assert_eq!(format_of(head.as_bytes(), "scene.GLTF"), Some(Format::Gltf), "{key}");
            let typed = detect(head.as_bytes(), 1 << 20, "scene", Some("model/gltf+json"));
            assert_eq!(typed, Detection::Known(Format::Gltf), "{key}");
            let is_told_by_content = matches!(key, "accessors" | "bufferViews");
            assert_eq!(format_of(head.as_bytes(), "scene").is_some(), is_told_by_content, "{key}");
        }
        let embedded =
            format!(r#"{{"buffers":[{{"uri":"data:application/octet-stream;base64,{}"#, "A".repeat(HEAD_BYTES));
        assert_eq!(format_of(embedded.as_bytes(), ""), Some(Format::Gltf));
        assert_eq!(format_of(b"not json", "scene.gltf"), None);
    }

    #[test]
    fn models_that_stray_from_their_formats_are_told_by_their_names() {
        let vertices = "v 0 0 0 # first\nv 1 0 0\nv 0 1 0\nf 1 2 3 # only\n";
        assert_eq!(format_of(vertices.as_bytes(), ""), Some(Format::Obj));
        assert_eq!(format_of(format!("\u{feff}{vertices}").as_bytes(), ""), Some(Format::Obj));
        let foreign = format!("vw 1\nt 3\nnewmtl a\nKd 1 0 0\n{vertices}");
        assert_eq!(format_of(foreign.as_bytes(), "a.obj"), Some(Format::Obj));
        assert_eq!(format_of(foreign.as_bytes(), "a.txt"), Some(Format::Text));
        let comment = "# a long comment\n".repeat(HEAD_BYTES / 17 + 1);
        assert_eq!(format_of(comment.as_bytes(), "a.obj"), Some(Format::Obj));
        let utf16: Vec<u8> = format!("\u{feff}{vertices}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(format_of(&utf16, "a.obj"), Some(Format::Obj));
        assert_eq!(format_of(b"a shopping list\n", "a.obj"), None);

        let facet = "FACET NORMAL 0 0 1\nOUTER LOOP\nVERTEX 0 0 0\nVERTEX 1 0 0\nVERTEX 0 1 0\nENDLOOP\nENDFACET\n";
        for (text, name) in [
            (format!("SOLID A\n{facet}"), ""),
            (format!("solid {}\n{facet}", "a".repeat(5000)), ""),
            (format!("# exported\nsolid a\n{facet}"), ""),
            (format!("solid a\n{}", facet.replace("NORMAL 0 0 1", "")), ""),
            (facet.to_owned(), "a.stl"),
        ] {
            assert_eq!(format_of(text.as_bytes(), name), Some(Format::Stl), "{text:.40}");
        }
        for count in [0_u32, 1, 7] {
            let mut stl = vec![0; 80];
            stl.extend_from_slice(&count.to_le_bytes());
            stl.extend_from_slice(&[0; 100]);
            assert_eq!(format_of(&stl, "a.stl"), Some(Format::Stl), "{count}");
        }
    }

    #[test]
    fn documents_and_markup() {
        assert_eq!(format_of(b"\n\nHTTP header junk\n%PDF-1.4\n", "x.png"), Some(Format::Pdf));
        assert_eq!(format_of(b"<?xml version='1.0'?><!-- a > b --><svg:svg xmlns:svg='x'>", ""), Some(Format::Svg));
        assert_eq!(format_of(b"<!DOCTYPE svg [<!ENTITY a '>'>]><svg>", ""), Some(Format::Svg));
        assert_eq!(format_of(b"<!doctype HTML><title>x</title>", "x.svg"), Some(Format::Html));
        assert_eq!(format_of(b"<note></note>", "x.xml"), None);
        let wide: Vec<u8> = "<?xml version='1.0'?><svg/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(format_of(&[&[0xFF, 0xFE][..], &wide].concat(), ""), Some(Format::Svg));
        let behind = [b"<!--", &vec![b'-'; HEAD_BYTES][..], b"--><svg/>"].concat();
        assert_eq!(format_of(&behind, "a.svg"), Some(Format::Svg));
        assert_eq!(format_of(&behind, "a.xml"), None);
        assert_eq!(format_of(b"\x1F\x8B\x08", "a.SVGZ"), Some(Format::Svg));
    }

    fn entry(name: &str, method: u16, extra: &[u8], data: &[u8]) -> Vec<u8> {
        let mut entry = b"PK\x03\x04\x14\0\0\0".to_vec();
        entry.extend_from_slice(&method.to_le_bytes());
        entry.extend_from_slice(&[0; 16]);
        entry.extend_from_slice(&(name.len() as u16).to_le_bytes());
        entry.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        entry.extend_from_slice(name.as_bytes());
        entry.extend_from_slice(extra);
        entry.extend_from_slice(data);
        entry
    }

    #[test]
    fn archives_are_told_by_what_they_hold_and_then_by_their_name() {
        let epub = b"application/epub+zip";
        assert_eq!(format_of(&entry("mimetype", 0, b"extra", epub), "x.zip"), Some(Format::Epub));
        let late = [entry("OEBPS/a.xhtml", 8, b"", b"xx"), entry("META-INF/container.xml", 8, b"", b"yy")].concat();
        assert_eq!(format_of(&late, "x"), Some(Format::Epub));
        assert_eq!(format_of(&entry("mimetype", 8, b"", b"\x4B\x2C"), "book.epub"), Some(Format::Epub));
        assert_eq!(format_of(&entry("Word\\document.xml", 8, b"", b""), "x"), Some(Format::Docx));
        assert_eq!(format_of(&entry("xl/workbook.bin", 8, b"", b""), "x"), Some(Format::Xlsb));
        let odt = b"application/vnd.oasis.opendocument.text";
        assert_eq!(format_of(&entry("mimetype", 0, b"", odt), "x"), Some(Format::Odt));
        assert_eq!(format_of(&entry("anything", 8, b"", b""), "x.jar"), None);
    }

    #[test]
    fn formats_before_2007_are_named() {
        let reason = |stream: &str, name: &str| {
            let mut head = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
            head.extend(stream.encode_utf16().flat_map(u16::to_le_bytes));
            match detect(&head, head.len() as u64, name, None) {
                Detection::Known(format) => format.name().to_owned(),
                Detection::Unsupported(reason) => reason,
            }
        };
        assert!(reason("WordDocument", "x").contains("Word 97"));
        assert!(reason("PowerPoint Document", "x").contains("PowerPoint 97"));
        assert!(reason("EncryptedPackage", "x.docx").contains("encrypted"));
        assert!(reason("", "x.docx").contains("encrypted"));
        assert_eq!(reason("Workbook", "x"), "xls");
    }

    #[test]
    fn messages_notebooks_and_rich_text() {
        assert_eq!(format_of(b"{\\rtf1 x}", "x.doc"), Some(Format::Rtf));
        let message = b"Received: by x\r\n for y\r\nFrom: a@b\r\nTo: c@d\r\nSubject: e\r\n\r\nBody";
        assert_eq!(format_of(message, "x"), Some(Format::Eml));
        assert_eq!(format_of(b"Subject: e\n\nBody", "x.eml"), Some(Format::Eml));
        assert_eq!(format_of(b"From: me\nTo: you\n\nA note", "note.txt"), Some(Format::Text));
        assert_eq!(format_of(br#"{"cells":[],"nbformat":4}"#, "x"), Some(Format::Ipynb));
        assert_eq!(format_of(b"a,b\n1,2", "x.csv"), Some(Format::Csv));
        let utf16: Vec<u8> = "This is text".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(format_of(&utf16, "x.txt"), Some(Format::Text));
    }

    #[test]
    fn video_streams() {
        let mut stream = vec![0xFF; 188 * 4];
        for packet in 0..4 {
            stream[packet * 188] = 0x47;
        }
        assert_eq!(format_of(&stream, ""), Some(Format::MpegTs));
        let ebml = |doc_type: &[u8]| {
            let mut head = vec![0x1A, 0x45, 0xDF, 0xA3, 0x93, 0x42, 0x82, 0x80 | doc_type.len() as u8];
            head.extend_from_slice(doc_type);
            head
        };
        assert_eq!(format_of(&ebml(b"webm"), "a.mkv"), Some(Format::Webm));
        assert_eq!(format_of(&ebml(b"matroska"), "a.webm"), Some(Format::Mkv));
    }

    #[test]
    fn transport_streams_are_found_behind_bytes_that_are_none() {
        let mut stream = vec![0xFF; 188 * 12];
        for packet in 0..12 {
            stream[packet * 188] = 0x47;
        }
        for rubbish in [1, 100, 187, 5000] {
            let cut = [vec![0x47; rubbish], stream.clone()].concat();
            assert_eq!(format_of(&cut, "a.bin"), Some(Format::MpegTs), "{rubbish}");
        }
        // Nothing but sync bytes is no stream: their headers would be reserved ones.
        assert_ne!(format_of(&[0x47; 5000], ""), Some(Format::MpegTs));
        let text = "G, then as many letters as a packet has.".repeat(200);
        assert_ne!(format_of(text.as_bytes(), ""), Some(Format::MpegTs));
    }

    #[test]
    fn video_containers_of_cameras_discs_and_studios() {
        for (head, format) in [
            (&b"FLV\x01\x05\0\0\0\x09"[..], Some(Format::Flv)),
            (&[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, 0xA6], Some(Format::Asf)),
            (&[0, 0, 1, 0xBA, 0x21, 0, 1, 0], Some(Format::MpegPs)),
            (&[0, 0, 1, 0xBA, 0x44, 0, 4, 0], Some(Format::MpegPs)),
            (&[0, 0, 1, 0xBA, 0xFF], None),
            (b"DKIF\0\0\x20\0VP80", Some(Format::Ivf)),
            (&[0x1F, 7, 0, 0xBF, 0x78], Some(Format::Dv)),
            (&[&MXF_PARTITION[..], &[2, 4, 0]].concat(), Some(Format::Mxf)),
            (&[&[0; 300][..], &MXF_PARTITION, &[2, 4, 0]].concat(), Some(Format::Mxf)),
            (b"OggS\0\x02..........................\x80theora\x03", Some(Format::Ogv)),
            (b"OggS\0\x02..........................\x01vorbis", Some(Format::Ogg)),
            (b"OggS\0\x02..........................OpusHead", Some(Format::Ogg)),
            (b"OggS\0\x02..........................fishead\0", None),
            (b"fLaC\0\0\0\x22", Some(Format::Flac)),
            (b"RIFF\x24\0\0\0WAVEfmt ", Some(Format::Wav)),
            // An access unit delimiter, supplemental information, then the parameter set.
            (b"\0\0\0\x01\x09\xF0\0\0\x01\x06\x05\x04\0\0\0\x01\x67\x64\0\x1F", Some(Format::H264)),
            (b"\0\0\x01\x27\x42\xE0\x1E", Some(Format::H264)),
            (b"\0\0\0\x01\x46\x01\x10\0\0\0\x01\x40\x01\x0C", Some(Format::Hevc)),
            (b"\0\0\0\x01\x40\x01\x0C\x01", Some(Format::Hevc)),
            (b"\0\0\x01\0\x01\0\x20\x20", None),
        ] {
            assert_eq!(format_of(head, "a"), format, "{head:02X?}");
        }
    }

    #[test]
    fn empty_objects_are_said_to_be_empty() {
        assert!(
            matches!(detect(b"", 0, "a.jpg", Some("image/jpeg")), Detection::Unsupported(why) if why.contains("empty"))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_head_panics(head in proptest::collection::vec(proptest::num::u8::ANY, 0..300), size: u64, name: String) {
            let _ = detect(&head, size, &name, Some(&name));
        }
    }

    #[test]
    fn audio_without_a_container_is_told_by_two_frames_and_by_tags() {
        // MPEG-1 layer III at 128 kbit/s and 44.1 kHz: 417 bytes a frame.
        let mp3 = [&[0xFF, 0xFB, 0x90, 0x00][..], &[0; 413]].concat().repeat(2);
        assert_eq!(format_of(&mp3, "a"), Some(Format::Mp3));
        assert_eq!(format_of(&mp3[..420], "a.bin"), None, "one frame may be anything");
        // ADTS: 48 kHz, two channels, 200 bytes a frame.
        let aac = [&[0xFF, 0xF1, 0x4C, 0x80, 25, 0x1F, 0xFC][..], &[0; 193]].concat().repeat(2);
        assert_eq!(format_of(&aac, "a"), Some(Format::Aac));
        let tag = [b"ID3\x04\0\0\0\0\0\x0A".as_slice(), &[7; 10]].concat();
        assert_eq!(format_of(&[tag.as_slice(), &mp3].concat(), "a"), Some(Format::Mp3));
        assert_eq!(format_of(&[tag.as_slice(), b"fLaC\0\0\0\x22...."].concat(), "a"), Some(Format::Flac));
        // A tag with a picture is longer than what is looked at.
        assert_eq!(format_of(b"ID3\x03\0\0\0\x7F\0\0..........", "a"), Some(Format::Mp3));
        assert_eq!(format_of(&[&[0xFF, 0xFE][..], &b"h\0i\0".repeat(200)].concat(), "a.txt"), Some(Format::Text));
    }
}

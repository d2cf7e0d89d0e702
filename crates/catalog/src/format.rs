//! The file formats that can be told apart, and the kind each belongs to.

use serde::{Deserialize, Serialize};

use crate::MediaKind;

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident: $kind:ident, $name:literal, $content_type:literal, [$($extension:literal),*];)+) => {
        /// A file format that the pipeline takes as input.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum Format { $($(#[$doc])* $variant,)+ }

        impl Format {
            /// Every format.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The kind of media that the format holds.
            pub const fn kind(self) -> MediaKind {
                match self { $(Self::$variant => MediaKind::$kind,)+ }
            }

            /// The format's one word, as in events and records.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The registered media type.
            pub const fn content_type(self) -> &'static str {
                match self { $(Self::$variant => $content_type,)+ }
            }

            /// Usual file name extensions, lower case, the first the most usual.
            pub const fn extensions(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($extension),*],)+ }
            }
        }
    };
}

formats! {
    /// JPEG, any coding process.
    Jpeg: Image, "jpeg", "image/jpeg", ["jpg", "jpeg", "jpe", "jfif"];
    /// PNG and APNG.
    Png: Image, "png", "image/png", ["png", "apng"];
    /// GIF, still or animated.
    Gif: Image, "gif", "image/gif", ["gif"];
    /// WebP, still or animated.
    Webp: Image, "webp", "image/webp", ["webp"];
    /// AV1 still image or sequence in ISO-BMFF.
    Avif: Image, "avif", "image/avif", ["avif"];
    /// HEVC still image or sequence in ISO-BMFF.
    Heic: Image, "heic", "image/heic", ["heic", "heif", "hif"];
    /// TIFF and BigTIFF.
    Tiff: Image, "tiff", "image/tiff", ["tif", "tiff"];
    /// Windows bitmap.
    Bmp: Image, "bmp", "image/bmp", ["bmp", "dib"];
    /// JPEG XL, bare codestream or container.
    Jxl: Image, "jxl", "image/jxl", ["jxl"];
    /// SVG, uncompressed.
    Svg: Image, "svg", "image/svg+xml", ["svg"];
    /// PDF.
    Pdf: Document, "pdf", "application/pdf", ["pdf"];
    /// Plain text.
    Text: Document, "text", "text/plain", ["txt", "text", "log"];
    /// Comma-separated values, and those parted by semicolons or tabs.
    Csv: Document, "csv", "text/csv", ["csv", "tsv", "tab"];
    /// Markdown.
    Markdown: Document, "markdown", "text/markdown", ["md", "markdown"];
    /// HTML.
    Html: Document, "html", "text/html", ["html", "htm", "xhtml"];
    /// Word (Office Open XML).
    Docx: Document, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ["docx", "docm", "dotx", "dotm"];
    /// Excel (Office Open XML).
    Xlsx: Document, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ["xlsx", "xlsm", "xltx", "xltm"];
    /// PowerPoint (Office Open XML).
    Pptx: Document, "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", ["pptx", "pptm", "ppsx", "potx"];
    /// Excel 97 to 2003.
    Xls: Document, "xls", "application/vnd.ms-excel", ["xls", "xlt"];
    /// Excel, binary in an Office Open XML package.
    Xlsb: Document, "xlsb", "application/vnd.ms-excel.sheet.binary.macroenabled.12", ["xlsb"];
    /// `OpenDocument` text.
    Odt: Document, "odt", "application/vnd.oasis.opendocument.text", ["odt", "ott"];
    /// `OpenDocument` spreadsheet.
    Ods: Document, "ods", "application/vnd.oasis.opendocument.spreadsheet", ["ods", "ots"];
    /// `OpenDocument` presentation, or drawing.
    Odp: Document, "odp", "application/vnd.oasis.opendocument.presentation", ["odp", "otp", "odg"];
    /// Rich Text Format.
    Rtf: Document, "rtf", "application/rtf", ["rtf"];
    /// A message (RFC 5322 and MIME).
    Eml: Document, "eml", "message/rfc822", ["eml", "mht", "mhtml"];
    /// Jupyter notebook.
    Ipynb: Document, "ipynb", "application/x-ipynb+json", ["ipynb"];
    /// EPUB.
    Epub: Document, "epub", "application/epub+zip", ["epub"];
    /// glTF 2.0 binary.
    Glb: Model, "glb", "model/gltf-binary", ["glb"];
    /// glTF 2.0 JSON with buffers and images beside it.
    Gltf: Model, "gltf", "model/gltf+json", ["gltf"];
    /// Wavefront OBJ.
    Obj: Model, "obj", "model/obj", ["obj"];
    /// STL, binary or ASCII.
    Stl: Model, "stl", "model/stl", ["stl"];
    /// Polygon file format.
    Ply: Model, "ply", "model/ply", ["ply"];
    /// MP4 and its relatives (M4V, 3GP, CMAF).
    Mp4: Video, "mp4", "video/mp4", ["mp4", "m4v", "3gp", "3g2"];
    /// QuickTime.
    Mov: Video, "mov", "video/quicktime", ["mov", "qt"];
    /// Matroska.
    Mkv: Video, "mkv", "video/x-matroska", ["mkv"];
    /// WebM.
    Webm: Video, "webm", "video/webm", ["webm"];
    /// MPEG transport stream, 188- or 192-byte packets.
    MpegTs: Video, "mpegts", "video/mp2t", ["ts", "m2ts", "mts"];
    /// AVI.
    Avi: Video, "avi", "video/x-msvideo", ["avi"];
    /// Flash video.
    Flv: Video, "flv", "video/x-flv", ["flv"];
    /// Advanced Systems Format: Windows Media.
    Asf: Video, "asf", "video/x-ms-asf", ["wmv", "asf"];
    /// MPEG program stream, as in DVD's VOB files.
    MpegPs: Video, "mpegps", "video/mpeg", ["mpg", "mpeg", "vob", "m2p"];
    /// Material Exchange Format.
    Mxf: Video, "mxf", "application/mxf", ["mxf"];
    /// Ogg with video.
    Ogv: Video, "ogv", "video/ogg", ["ogv", "ogm"];
    /// H.264 byte stream without a container.
    H264: Video, "h264", "video/h264", ["h264", "264", "avc"];
    /// H.265 byte stream without a container.
    Hevc: Video, "hevc", "video/h265", ["hevc", "h265", "265"];
    /// IVF, as encoders of VP8, VP9 and AV1 write it.
    Ivf: Video, "ivf", "video/x-ivf", ["ivf"];
    /// DV without a container.
    Dv: Video, "dv", "video/dv", ["dv", "dif"];
    /// MPEG audio, layers I to III.
    Mp3: Video, "mp3", "audio/mpeg", ["mp3", "mp2", "mpga"];
    /// MPEG-4 audio.
    M4a: Video, "m4a", "audio/mp4", ["m4a", "m4b"];
    /// AAC without a container (ADTS).
    Aac: Video, "aac", "audio/aac", ["aac"];
    /// WAVE, also RF64.
    Wav: Video, "wav", "audio/wav", ["wav", "wave"];
    /// FLAC.
    Flac: Video, "flac", "audio/flac", ["flac"];
    /// Ogg without video: Opus, Vorbis, FLAC, Speex.
    Ogg: Video, "ogg", "audio/ogg", ["ogg", "oga", "opus", "spx"];
}

impl Format {
    /// The formats of a kind, which stand together in the list.
    pub const fn of_kind(kind: MediaKind) -> &'static [Self] {
        let mut start = 0;
        while Self::ALL[start].kind() as u8 != kind as u8 {
            start += 1;
        }
        let mut end = start;
        while end < Self::ALL.len() && Self::ALL[end].kind() as u8 == kind as u8 {
            end += 1;
        }
        Self::ALL.split_at(end).0.split_at(start).1
    }

    /// The formats with pictures that move: those of the kind video that are not of audio alone.
    pub const fn with_pictures() -> &'static [Self] {
        let all = Self::of_kind(MediaKind::Video);
        let mut end = 0;
        while !all[end].is_sound() {
            end += 1;
        }
        all.split_at(end).0
    }

    /// Pictures that may move: operations on videos take them where they are asked for.
    pub const ANIMATIONS: &'static [Self] = &[Self::Gif, Self::Webp];

    /// Whether a file of this format has audio alone. These formats are the last of the kind video.
    pub const fn is_sound(self) -> bool {
        matches!(self, Self::Mp3 | Self::M4a | Self::Aac | Self::Wav | Self::Flac | Self::Ogg)
    }

    /// Whether a file of this format may name files beside it that belong to it: buffers, textures, materials.
    pub const fn names_companions(self) -> bool {
        matches!(self, Self::Gltf | Self::Obj)
    }

    /// The format whose usual extension the name carries, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        let file = name.rsplit('/').next().unwrap_or(name);
        let (stem, extension) = file.rsplit_once('.')?;
        if stem.is_empty() {
            return None;
        }
        let extension = extension.to_ascii_lowercase();
        Self::ALL.iter().copied().find(|format| format.extensions().contains(&extension.as_str()))
    }

    /// The format of a media type such as `text/markdown; charset=utf-8`.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Self::ALL.iter().copied().find(|format| format.content_type() == essence)
    }
}

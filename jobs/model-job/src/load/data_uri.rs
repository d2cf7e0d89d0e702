//! Where a buffer or an image is: inside the file as a data URI, or beside it.

use std::fs::File;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use contract::Failure;
use memmap2::Mmap;
use operation::Input;
use percent_encoding::percent_decode_str;

/// Padding is often missing in the wild.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes from a URI.
pub enum UriBytes {
    /// Decoded from the URI itself, with the media type it names.
    Inline(Vec<u8>, Option<String>),
    /// A neighbouring file, mapped.
    File(Mmap),
    /// A neighbouring file of no bytes, which cannot be mapped.
    Empty,
}

impl UriBytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline(bytes, _) => bytes,
            Self::File(map) => map,
            Self::Empty => &[],
        }
    }
}

/// Reads what a URI in a model names. Only data URIs and relative paths within the input's folder are followed.
pub fn read(uri: &str, what: &str, input: &Input) -> Result<UriBytes, Failure> {
    if let Some(data) = uri.strip_prefix("data:") {
        let (head, payload) = data
            .split_once(',')
            .ok_or_else(|| Failure::invalid_input(format!("the data URI of {what} has no comma")))?;
        let media_type = head.split(';').next().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        let bytes = if head.ends_with(";base64") {
            let payload: Vec<u8> = percent_decode_str(payload).filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64.decode(payload).map_err(|error| {
                Failure::invalid_input(format!("the data URI of {what} is not base64")).because(error)
            })?
        } else {
            percent_decode_str(payload).collect()
        };
        return Ok(UriBytes::Inline(bytes, media_type));
    }
    let path = percent_decode_str(uri)
        .decode_utf8()
        .map_err(|_| Failure::invalid_input(format!("the URI of {what} is not text")))?;
    let path = path.strip_prefix("./").unwrap_or(&path);
    refuse_outside(path, what)?;
    let file = input.sibling(path).map_err(|failure| failure.context(format!("{what} is in another file")))?;
    map(&file)
}

/// The parent process refuses these as well; here the message can say what named the path.
fn refuse_outside(path: &str, what: &str) -> Result<(), Failure> {
    let refused = if path.contains("://") || path.starts_with("file:") || path.contains(':') {
        "a URL"
    } else if path.starts_with('/') || path.contains('\\') {
        "an absolute path"
    } else if path.split('/').any(|part| part == "..") {
        "a path out of its folder"
    } else if path.is_empty() || path.contains('\0') {
        "no path"
    } else {
        return Ok(());
    };
    let shown: String = path.chars().take(80).collect();
    Err(Failure::invalid_input(format!(
        "{what} is at {shown:?}, {refused}; only files in the model's own folder are read"
    )))
}

fn map(file: &File) -> Result<UriBytes, Failure> {
    if file.metadata()?.len() == 0 {
        return Ok(UriBytes::Empty);
    }
    // SAFETY: the file is the job's own copy (or a sealed descriptor of it) that nobody writes to any more.
    Ok(UriBytes::File(unsafe { Mmap::map(file) }?))
}

//! Where a buffer or an image is: inside the file as a data URI, or beside it.

use std::fs::File;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use contract::{Failure, FailureKind};
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
    /// A companion file, mapped.
    File(Mmap),
    /// A companion file of no bytes, which cannot be mapped.
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

/// Reads what a URI in a model names: what it holds itself, or a file in the input's own folder.
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
    // Some writers put paths in the place of URIs: a percent sign is one then.
    let candidates = candidates(&path).into_iter().chain((path != uri).then(|| uri.to_owned()));
    first_of(candidates, &path, what, input)
}

/// Reads a file that a path of any system names. Only the input's own folder is looked at: of a path that leads elsewhere,
/// such as `C:\Users\me\textures\wood.PNG`, its last parts count.
pub fn read_path(path: &str, what: &str, input: &Input) -> Result<UriBytes, Failure> {
    let decoded = percent_decode_str(path).decode_utf8().ok().filter(|decoded| decoded.as_ref() != path);
    let candidates = candidates(path).into_iter().chain(decoded.map(|decoded| decoded.replace('\\', "/")));
    first_of(candidates, path, what, input)
}

/// The first file that is there. A failure of the store is no reason to look for another one.
fn first_of(
    candidates: impl Iterator<Item = String>,
    path: &str,
    what: &str,
    input: &Input,
) -> Result<UriBytes, Failure> {
    let mut first_failure = refuse_outside(path, what).err();
    for candidate in candidates {
        match input.companion(&candidate) {
            Ok(file) => return map(&file),
            Err(failure) if failure.kind() != FailureKind::InvalidInput => return Err(failure),
            Err(failure) => {
                first_failure.get_or_insert_with(|| failure.context(format!("{what} is in another file")));
            }
        }
    }
    Err(first_failure.unwrap_or_else(|| Failure::invalid_input(format!("{what} is at no path"))))
}

/// Where a file that is named by that path may be, best first: as it is named, by its last two parts, beside the model, and
/// each in the cases of letters that systems which do not tell them apart leave behind.
fn candidates(path: &str) -> Vec<String> {
    let plain = path.replace('\\', "/");
    // What is on the web is not meant to be beside the model.
    if plain.contains("://") && !plain.to_ascii_lowercase().starts_with("file://") {
        return Vec::new();
    }
    let parts: Vec<&str> = plain.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_inside = refuse_outside(&plain, "").is_ok();
    let mut found: Vec<String> = Vec::new();
    let mut add = |candidate: String| {
        let is_path = !candidate.is_empty() && refuse_outside(&candidate, "").is_ok();
        if is_path && !found.contains(&candidate) {
            found.push(candidate);
        }
    };
    let last = |count: usize| parts[parts.len().saturating_sub(count)..].join("/");
    if is_inside {
        add(parts.join("/"));
    }
    add(last(2));
    add(last(1));
    let named = if is_inside { parts.join("/") } else { last(1) };
    for name in [named, last(1)] {
        add(name.to_lowercase());
        if let Some((stem, extension)) = name.rsplit_once('.') {
            add(format!("{stem}.{}", extension.to_lowercase()));
            add(format!("{stem}.{}", extension.to_uppercase()));
        }
    }
    found
}

/// The parent process refuses these as well; here the message can say what named the path.
fn refuse_outside(path: &str, what: &str) -> Result<(), Failure> {
    let path = path.replace('\\', "/");
    let has_drive =
        path.split('/').find(|part| !part.is_empty() && *part != ".").is_some_and(|part| part.contains(':'));
    let refused = if path.contains("://") || path.starts_with("file:") {
        "a URL"
    } else if path.starts_with('/') || has_drive {
        "an absolute path"
    } else if path.split('/').any(|part| part == "..") {
        "a path out of its folder"
    } else if path.is_empty() || path.contains('\0') {
        "not a path"
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

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn paths_of_other_systems_are_looked_for_beside_the_model() {
        assert_eq!(
            candidates("C:\\Users\\me\\textures\\Wood.PNG"),
            ["textures/Wood.PNG", "Wood.PNG", "wood.png", "Wood.png"]
        );
        assert_eq!(candidates("../textures/wood.png")[..2], ["textures/wood.png", "wood.png"]);
        assert_eq!(candidates(".\\maps\\a b.jpg")[..2], ["maps/a b.jpg", "a b.jpg"]);
        assert_eq!(candidates("/etc/passwd"), ["etc/passwd", "passwd"]);
        assert!(candidates("http://example.com/wood.png").is_empty());
        assert!(candidates("").is_empty());
        for path in ["../../x", "a/../../b", "file:///c:/x.png", "..", "//host/share", "C:", "a\0b"] {
            for candidate in candidates(path) {
                assert!(operation::companion_path(&candidate).is_ok(), "{path:?} is looked for at {candidate:?}");
            }
        }
    }
}

//! Where results are delivered: the distribution over S3_OUTPUT, and which of them everybody may read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::environment::Environment;

/// The distribution over S3_OUTPUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its host name.
    pub domain: String,
    /// Patterns of the paths that need no signature, as CloudFront has them: `*` is any text, `?` any one character.
    pub public_paths: Vec<String>,
}

impl Delivery {
    /// What the environment says; `None` if nothing is delivered.
    pub fn read(environment: &Environment) -> Option<Self> {
        let patterns = environment.get("CLOUDFRONT_PUBLIC_PATHS").split(',').map(str::trim);
        Some(Self {
            domain: environment.get_optional("CLOUDFRONT_DOMAIN")?.to_owned(),
            public_paths: patterns.filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect(),
        })
    }

    /// The URL of a result, or of a folder of them, without a signature.
    pub fn url(&self, key: &str) -> String {
        format!("https://{}/{}", self.domain, encoded(key))
    }

    /// Whether a result needs a signed URL or signed cookies. CloudFront compares patterns with the path of a request; of which
    /// form of a character that may be written in two ways its documentation does not say, so both must fit: a signature too many
    /// does no harm.
    pub fn needs_signature(&self, key: &str) -> bool {
        let fits = |pattern: &String| {
            let pattern = pattern.trim_start_matches('/').as_bytes();
            matches(pattern, key.as_bytes()) && matches(pattern, encoded(key).as_bytes())
        };
        !self.public_paths.iter().any(fits)
    }
}

/// What of a key stays itself in a URL's path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A key as the path of a URL.
fn encoded(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// Whether a pattern fits a text, in time that grows with the product of their lengths: on a mismatch only the last `*` takes more.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at + 1, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((after, taken)) = last_star else { return false };
                last_star = Some((after, taken + 1));
                (at, from) = (after, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn needs_signature(paths: &[&str], key: &str) -> bool {
        let public_paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Delivery { domain: "d.cloudfront.net".to_owned(), public_paths }.needs_signature(key)
    }

    #[test]
    fn only_what_a_pattern_fits_is_public() {
        for (path, key, is_public) in [
            ("*", "photos/a b.jpg/resize/photo.webp", true),
            ("*/resize/*", "photos/a.jpg/resize/photo.webp", true),
            ("/*/resize/*", "photos/a.jpg/resize/photo.webp", true),
            ("*/resize/*", "photos/a.jpg/resize-1a2b/photo.webp", false),
            ("*/resize/*", "resize/photo.webp", false),
            ("thumbnails/*", "thumbnails/ä.jpg/resize/photo.webp", true),
            ("thumbnails/?.jpg/*", "thumbnails/a.jpg/resize/photo.webp", true),
            // One character to a person, six to CloudFront.
            ("thumbnails/?.jpg/*", "thumbnails/ä.jpg/resize/photo.webp", false),
            ("*/Resize/*", "a.jpg/resize/photo.webp", false),
        ] {
            assert_eq!(!needs_signature(&[path], key), is_public, "{path} {key}");
        }
        assert!(needs_signature(&[], "a.jpg/manifest.json"));
        assert!(!needs_signature(&["a/*", "b/*"], "b/c.jpg/resize/photo.webp"));
    }

    #[test]
    fn a_url_has_no_character_that_means_something_else_there() {
        let delivery = Delivery { domain: "d.cloudfront.net".to_owned(), public_paths: Vec::new() };
        let url = delivery.url("a b/100%?x=1&*#ä.jpg/resize/photo.webp");
        assert_eq!(url, "https://d.cloudfront.net/a%20b/100%25%3Fx%3D1%26%2A%23%C3%A4.jpg/resize/photo.webp");
    }

    /// The definition of the pattern, too slow for long texts.
    fn matches_by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                matches_by_definition(rest, text) || (!text.is_empty() && matches_by_definition(pattern, &text[1..]))
            }
            (Some((byte, rest)), Some((first, others))) if byte == first || *byte == b'?' => {
                matches_by_definition(rest, others)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_its_definition_fits(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                matches_by_definition(pattern.as_bytes(), text.as_bytes()),
            );
        }
    }
}

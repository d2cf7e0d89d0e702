//! Where objects are: `s3://bucket/key` or a local path.
//!
//! A key is taken literally: spaces, accents, `%`, `#` and `?` stand for themselves and nothing is decoded. The one
//! exception is a last `?versionId=…`, which names a version. A key that itself ends like that is written with an empty
//! version after it (`s3://bucket/odd?versionId=1?versionId=`), so that every location can be written and read back.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::event::Source;
use crate::failure::Failure;

/// S3's limit on the length of a key, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

const VERSION: &str = "?versionId=";

/// An object, or the folder or key prefix that objects go below.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// In S3.
    S3(S3Location),
    /// On the local disk.
    Local(PathBuf),
}

/// An object or a key prefix in S3.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct S3Location {
    bucket: BucketName,
    key: String,
    version_id: Option<String>,
}

/// A name that a bucket can have: 3 to 63 lower-case letters, digits, dots and hyphens. Aliases of access points are such
/// names too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(String);

impl Location {
    /// A location in S3. An empty key is the whole bucket.
    pub fn s3(bucket: &str, key: impl Into<String>, version_id: Option<String>) -> Result<Self, Failure> {
        Ok(Self::S3(S3Location::new(bucket.parse()?, key, version_id)?))
    }

    /// The object that a request or an event names.
    pub fn of_source(source: &Source) -> Result<Self, Failure> {
        match &source.bucket {
            Some(bucket) => Self::s3(bucket, &source.key, source.version_id.clone()),
            None => source.key.parse(),
        }
    }

    /// Where outputs go: `s3://bucket/prefix` or a path; a bare name is a bucket, as `S3_OUTPUT` has it.
    pub fn of_output(text: &str) -> Result<Self, Failure> {
        let is_path = text.contains('/') || text.starts_with('.');
        if is_path { text.parse() } else { Self::s3(text, "", None) }
    }

    /// The object of that relative name below this folder or prefix.
    ///
    /// In S3 the name is appended as it is. On the local disk the result is always below this folder: a part of the name
    /// that the file system reads otherwise (empty, `.`, `..`) has its dots percent-encoded, or is `%` where it is empty.
    #[must_use]
    pub fn join(&self, relative: &str) -> Self {
        match self {
            Self::S3(folder) => Self::S3(S3Location {
                bucket: folder.bucket.clone(),
                key: match folder.key.as_str() {
                    "" => relative.to_owned(),
                    prefix => format!("{}/{relative}", prefix.strip_suffix('/').unwrap_or(prefix)),
                },
                version_id: None,
            }),
            Self::Local(folder) => Self::Local(folder.join(plain_path(relative))),
        }
    }

    /// How an object below this folder or prefix is named in manifests and events: by its whole key in S3, by the path
    /// below this folder on the local disk.
    pub fn key_of(&self, relative: &str) -> String {
        match self.join(relative) {
            Self::S3(object) => object.key,
            Self::Local(_) => plain_path(relative),
        }
    }

    /// An object in the folder (or below the key prefix) of this one. The name must have been checked: see [`Self::join`].
    #[must_use]
    pub fn sibling(&self, relative: &str) -> Self {
        match self {
            Self::S3(object) => {
                let prefix = object.key.rfind('/').map_or("", |end| &object.key[..=end]);
                let key = format!("{prefix}{relative}");
                Self::S3(S3Location { bucket: object.bucket.clone(), key, version_id: None })
            }
            Self::Local(path) => Self::Local(path.parent().unwrap_or(Path::new("")).join(plain_path(relative))),
        }
    }

    /// The last part of the key or path.
    pub fn file_name(&self) -> &str {
        match self {
            Self::S3(object) => object.key.trim_end_matches('/').rsplit('/').next().unwrap_or_default(),
            Self::Local(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or("input"),
        }
    }

    /// The bucket, in S3.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::S3(object) => Some(object.bucket.as_str()),
            Self::Local(_) => None,
        }
    }

    /// The whole key in S3, the path as it was given on the local disk.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Self::S3(object) => Cow::Borrowed(&object.key),
            Self::Local(path) => path.to_string_lossy(),
        }
    }
}

impl S3Location {
    /// A location in S3.
    pub fn new(bucket: BucketName, key: impl Into<String>, version_id: Option<String>) -> Result<Self, Failure> {
        let location = Self { bucket, key: key.into(), version_id };
        if location.key.len() > MAX_KEY_BYTES {
            return Err(location.key_too_long());
        }
        Ok(location)
    }

    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// The key; empty for the whole bucket.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The version asked for, if one is.
    pub fn version_id(&self) -> Option<&str> {
        self.version_id.as_deref()
    }

    /// Fails where this cannot be an object: the whole bucket, or a key that became too long by joining.
    pub fn require_object(&self) -> Result<(), Failure> {
        match self.key.len() {
            0 => Err(Failure::invalid_request(format!(
                "{self} is a bucket; name an object in it: s3://{}/key",
                self.bucket
            ))),
            1..=MAX_KEY_BYTES => Ok(()),
            _ => Err(self.key_too_long()),
        }
    }

    fn key_too_long(&self) -> Failure {
        Failure::invalid_request(format!("the key of {self} has {} bytes; S3 allows {MAX_KEY_BYTES}", self.key.len()))
    }
}

impl BucketName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = Failure;

    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
    fn from_str(name: &str) -> Result<Self, Failure> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let wrong = if !(3..=63).contains(&name.len()) {
            "it must have 3 to 63 characters"
        } else if !name.bytes().all(|byte| is_plain(byte) || byte == b'.' || byte == b'-') {
            "only lower-case letters, digits, dots and hyphens are allowed"
        } else if !name.bytes().next().is_some_and(is_plain) || !name.bytes().last().is_some_and(is_plain) {
            "it must begin and end with a letter or digit"
        } else if name.contains("..") {
            "two dots in a row are not allowed"
        } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
            "it must not look like an IP address"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(Failure::invalid_request(format!("{name:?} is not a valid bucket name: {wrong}")))
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Location {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            let (key, version_id) = split_version(key);
            return Self::s3(bucket, key, version_id.filter(|version| !version.is_empty()).map(str::to_owned));
        }
        if let Some((scheme, _)) = text.split_once("://")
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !scheme.is_empty()
        {
            return Err(Failure::invalid_request(format!(
                "{text:?} is neither s3://bucket/key nor a local path; {scheme}:// is not supported"
            )));
        }
        if text.is_empty() || text.contains('\0') {
            return Err(Failure::invalid_request(format!("{text:?} is neither s3://bucket/key nor a local path")));
        }
        Ok(Self::Local(text.into()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(object) => object.fmt(f),
            Self::Local(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, key, version_id } = self;
        write!(f, "s3://{bucket}/{key}")?;
        match version_id {
            Some(version) => write!(f, "{VERSION}{version}"),
            None if split_version(key).1.is_some() => f.write_str(VERSION),
            None => Ok(()),
        }
    }
}

/// The key before a last `?versionId=…`, and the version.
fn split_version(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(VERSION) {
        Some((key, version)) if version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) => {
            (key, Some(version))
        }
        _ => (text, None),
    }
}

/// A relative name as a path that stays below the folder it is joined to.
fn plain_path(relative: &str) -> String {
    let parts = relative.split('/').map(|part| match part {
        "" => Cow::Borrowed("%"),
        "." | ".." => Cow::Owned(part.replace('.', "%2E")),
        _ => Cow::Owned(part.replace('\0', "%00")),
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Location {
        text.parse().unwrap()
    }

    #[test]
    fn keys_are_taken_literally() {
        for key in ["a b.jpg", "ä/ö.jpg", "50%.png", "a#b", "a?b=c", "%20", "a//b", "/a", "a/", "..", "x?versionId=1 2"]
        {
            let location = parse(&format!("s3://bucket/{key}"));
            assert_eq!(location.key(), key);
            assert_eq!(location.to_string(), format!("s3://bucket/{key}"));
        }
    }

    #[test]
    fn a_version_is_the_last_query_and_a_key_that_ends_like_one_can_be_told() {
        let Location::S3(object) = parse("s3://bucket/a?versionId=x.Y_z-1") else { panic!("in S3") };
        assert_eq!((object.key(), object.version_id()), ("a", Some("x.Y_z-1")));
        let odd = Location::s3("bucket", "a?versionId=1", None).unwrap();
        assert_eq!(odd.to_string(), "s3://bucket/a?versionId=1?versionId=");
        assert_eq!(parse(&odd.to_string()), odd);
    }

    #[test]
    fn names_that_cannot_be_buckets_are_refused_with_the_reason() {
        for (name, reason) in [
            ("ab", "3 to 63"),
            ("Upper", "lower-case"),
            ("under_score", "lower-case"),
            ("-a-", "begin and end"),
            ("a..b", "two dots"),
            ("192.168.0.1", "IP address"),
        ] {
            let failure = format!("s3://{name}/key").parse::<Location>().unwrap_err();
            assert!(failure.to_string().contains(reason), "{failure}");
            assert_eq!(failure.kind(), crate::failure::FailureKind::InvalidRequest);
        }
    }

    #[test]
    fn other_schemes_and_too_long_keys_are_refused() {
        for text in ["https://example.com/a", "gs://bucket/a", "", &format!("s3://bucket/{}", "k".repeat(1025))] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
        assert!(format!("s3://bucket/{}", "k".repeat(1024)).parse::<Location>().is_ok());
        assert_eq!(parse("a:b/c"), Location::Local("a:b/c".into()));
    }

    #[test]
    fn joining_appends_to_a_prefix_with_one_slash() {
        for (folder, whole) in [
            ("s3://bucket", "s3://bucket/a b/c"),
            ("s3://bucket/", "s3://bucket/a b/c"),
            ("s3://bucket/x", "s3://bucket/x/a b/c"),
            ("s3://bucket/x/", "s3://bucket/x/a b/c"),
            ("out", "out/a b/c"),
        ] {
            assert_eq!(parse(folder).join("a b/c").to_string(), whole);
        }
        assert_eq!(parse("s3://bucket/x").key_of("a"), "x/a");
        assert_eq!(parse("/tmp/out").key_of("a"), "a");
    }

    #[test]
    fn file_names_and_siblings() {
        assert_eq!(parse("s3://bucket/x/y.gltf").file_name(), "y.gltf");
        assert_eq!(parse("s3://bucket/x/y/").file_name(), "y");
        assert_eq!(parse("s3://bucket/x/y.gltf").sibling("t/z.bin").to_string(), "s3://bucket/x/t/z.bin");
        assert_eq!(parse("s3://bucket/y.gltf").sibling("z.bin").to_string(), "s3://bucket/z.bin");
        assert_eq!(parse("x/y.gltf").sibling("z.bin").to_string(), "x/z.bin");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(key in "\\PC{0,60}(\\?versionId=[a-z0-9]{0,3}){0,2}", version in "([A-Za-z0-9._-]{1,9})?") {
            let version = Some(version).filter(|version| !version.is_empty());
            let location = Location::s3("bucket", key, version).unwrap();
            prop_assert_eq!(parse(&location.to_string()), location);
        }

        #[test]
        fn a_local_name_never_leaves_its_folder(relative in "[a./\\x00]{0,12}") {
            let Location::Local(path) = Location::Local("/out".into()).join(&relative) else { panic!("local") };
            prop_assert!(path.starts_with("/out") && path != Path::new("/out"), "{}", path.display());
            prop_assert!(path.components().all(|part| part.as_os_str() != ".."));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Location>();
        }
    }
}

//! What becomes of an upload: the one decision that LAMBDA_CLASSIFY and the local pipeline share.

use globset::{GlobBuilder, GlobMatcher};

use crate::grammar::kind_for;
use crate::{Detection, Format, MediaKind, Operation, Operations, Rejection, detect};

/// What is known of an upload before any work is done.
#[derive(Debug, Clone, Default)]
pub struct Upload<'a> {
    /// The object's key, or the file's path below the inbox.
    pub key: &'a str,
    /// Bytes.
    pub size: u64,
    /// The media type that the uploader gave.
    pub content_type: Option<&'a str>,
    /// The first bytes, at most [`crate::HEAD_BYTES`].
    pub head: &'a [u8],
    /// User metadata `processing-option`; in the local pipeline the sidecar file.
    pub metadata_option: Option<&'a str>,
    /// The object tag `processing-option`.
    pub tag_option: Option<&'a str>,
}

/// Where the operations came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionSource {
    /// User metadata (or the sidecar file).
    Metadata,
    /// The object tag.
    Tag,
    /// A rule by key.
    Rule,
    /// The kind's default.
    Default,
}

/// What becomes of an upload.
#[derive(Debug, Clone, PartialEq)]
pub enum Classification {
    /// It is processed.
    Accepted {
        /// Its format by content.
        format: Format,
        /// What is done with it.
        operations: Operations,
        /// Where that was asked for.
        source: OptionSource,
        /// Whether no rule keeps the upload from the fast path.
        may_be_fast: bool,
    },
    /// What was asked for cannot be done.
    Rejected {
        /// The kind, which was told all the same.
        kind: MediaKind,
        /// What is wrong and what would be right.
        reason: Rejection,
    },
    /// No job takes such content.
    Unsupported {
        /// What it is instead, in words.
        reason: String,
    },
    /// A folder marker (`photos/` with no bytes): nothing to do, and nothing wrong.
    FolderMarker,
}

/// Decides by content what an upload is, and by precedence (metadata, tag, rule, default) what is done with it.
pub fn classify(upload: &Upload<'_>, rules: &Rules) -> Classification {
    if upload.key.ends_with('/') && upload.size == 0 {
        return Classification::FolderMarker;
    }
    let format = match detect(upload.head, upload.size, upload.key, upload.content_type) {
        Detection::Known(format) => format,
        Detection::Unsupported(reason) => return Classification::Unsupported { reason },
    };
    let text = [(upload.metadata_option, OptionSource::Metadata), (upload.tag_option, OptionSource::Tag)];
    let text = text.into_iter().find_map(|(text, source)| Some((text?, source)));
    // A picture that moves is worked on as a video if it is asked for.
    let kind = text.map_or(format.kind(), |(text, _)| kind_for(format, text));
    let (operations, source) = match (text, rules.operations_for(upload.key, format)) {
        (Some((text, source)), _) => (Operations::parse_for(kind, text), source),
        (None, Some(operations)) => (Ok(operations), OptionSource::Rule),
        (None, None) => (Ok(Operations::default_for(format)), OptionSource::Default),
    };
    let accepted = operations.and_then(|operations| operations.check_format(format).map(|()| operations));
    match accepted {
        Ok(operations) => {
            let may_be_fast = rules.rule_for(upload.key, format).is_none_or(|rule| rule.may_be_fast);
            Classification::Accepted { format, operations, source, may_be_fast }
        }
        Err(reason) => Classification::Rejected { kind, reason },
    }
}

/// Processing-options by key: the first rule whose glob matches the key and whose kind is the upload's. A rule that names
/// no kind is for what its operations accept: `photos/**` with `resize` leaves a PDF there alone. Formats of other kinds that
/// they accept as well are not meant, unless the glob names them: `clips/**` with `transcode` leaves a GIF alone, and
/// `clips/**/*.gif` does not.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    glob: GlobMatcher,
    kind: Option<MediaKind>,
    /// The format whose extension the glob ends with.
    named: Option<Format>,
    operations: Operations,
    may_be_fast: bool,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule for {glob:?}: {reason}")]
pub struct RulesError {
    glob: String,
    reason: String,
}

impl Rules {
    /// Adds a rule behind those already there. `glob` is matched against the whole key: `*` stays within a folder, `**`
    /// does not, so that `incoming/photos/**` is a prefix rule.
    pub fn add(&mut self, glob: &str, kind: Option<MediaKind>, processing_option: &str) -> Result<(), RulesError> {
        let error = |reason: String| RulesError { glob: glob.to_owned(), reason };
        let matcher = GlobBuilder::new(glob)
            .literal_separator(true)
            .build()
            .map_err(|problem| error(problem.to_string()))?
            .compile_matcher();
        let operations = match kind {
            Some(kind) => Operations::parse_for(kind, processing_option),
            None => processing_option.parse(),
        };
        let operations = operations.map_err(|rejection| error(rejection.to_string()))?;
        self.0.push(Rule { glob: matcher, kind, named: Format::from_name(glob), operations, may_be_fast: true });
        Ok(())
    }

    /// Keeps the uploads of the rule that was added last from the fast path, whoever says what is done with them.
    pub fn without_fast_path(&mut self) {
        if let Some(last) = self.0.last_mut() {
            last.may_be_fast = false;
        }
    }

    /// What the rules that match a key ask for, in their order: whoever compares it sees whether other rules hold.
    pub fn matching(&self, key: &str) -> impl Iterator<Item = (Option<MediaKind>, &Operations)> {
        self.0.iter().filter(move |rule| rule.glob.is_match(key)).map(|rule| (rule.kind, &rule.operations))
    }

    fn operations_for(&self, key: &str, format: Format) -> Option<Operations> {
        let rule = self.rule_for(key, format)?;
        let is_of_kind = |operations: &Operations| operations.iter().all(|each| each.kind_for(format) == format.kind());
        let operations = rule.operations.clone();
        Some(if is_of_kind(&operations) { operations.of_kind(format.kind()) } else { operations })
    }

    fn rule_for(&self, key: &str, format: Format) -> Option<&Rule> {
        let is_for = |rule: &&Rule| {
            if let Some(kind) = rule.kind {
                return kind == format.kind();
            }
            let is_meant =
                |operation: &Operation| operation.kind_for(format) == format.kind() || rule.named == Some(format);
            rule.operations.check_format(format).is_ok() && rule.operations.iter().all(is_meant)
        };
        self.0.iter().find(|rule| rule.glob.is_match(key) && is_for(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    fn upload<'a>(key: &'a str, metadata: Option<&'a str>, tag: Option<&'a str>) -> Upload<'a> {
        Upload { key, size: 1000, head: PNG, metadata_option: metadata, tag_option: tag, ..Upload::default() }
    }

    fn accepted(classification: &Classification) -> (String, OptionSource) {
        match classification {
            Classification::Accepted { operations, source, .. } => (operations.to_string(), *source),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn metadata_goes_before_tag_before_rule_before_default() {
        let mut rules = Rules::default();
        rules.add("photos/**", None, "resize?width=3").unwrap();
        let decide = |metadata, tag, key| accepted(&classify(&upload(key, metadata, tag), &rules));
        let (first, second) = (Some("resize?width=1"), Some("resize?width=2"));
        assert_eq!(decide(first, second, "photos/a/b"), ("resize?width=1".to_owned(), OptionSource::Metadata));
        assert_eq!(decide(None, second, "photos/a/b"), ("resize?width=2".to_owned(), OptionSource::Tag));
        assert_eq!(decide(None, None, "photos/a/b"), ("resize?width=3".to_owned(), OptionSource::Rule));
        assert_eq!(
            decide(None, None, "other/a"),
            ("resize?width=1600&without-enlargement=true&format=webp".to_owned(), OptionSource::Default)
        );
    }

    #[test]
    fn rules_are_for_the_kind_of_their_operations() {
        let mut rules = Rules::default();
        rules.add("inbox/**", None, "analyse").unwrap();
        let (option, source) = accepted(&classify(&upload("inbox/x.pdf", None, None), &rules));
        assert_eq!(
            (option.as_str(), source),
            ("resize?width=1600&without-enlargement=true&format=webp", OptionSource::Default)
        );
        assert!(rules.add("x", None, "resize").is_err());
        assert!(rules.add("x", Some(MediaKind::Video), "resize?width=3").is_err());
        assert!(rules.add("{x", None, "text").is_err());
    }

    #[test]
    fn a_rule_keeps_its_uploads_from_the_fast_path_whoever_says_what_is_done() {
        let mut rules = Rules::default();
        rules.add("slow/**", None, "resize?width=3").unwrap();
        rules.without_fast_path();
        rules.add("**", None, "resize?width=4").unwrap();
        for (key, metadata, expected) in [
            ("slow/a", None, false),
            ("slow/a", Some("convert"), false),
            ("b", None, true),
            ("b", Some("convert"), true),
        ] {
            let Classification::Accepted { may_be_fast, .. } = classify(&upload(key, metadata, None), &rules) else {
                panic!("{key} is accepted")
            };
            assert_eq!(may_be_fast, expected, "{key}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_rejected_and_never_replaced_by_a_default() {
        let classification = classify(&upload("a.png", Some("transcode"), None), &Rules::default());
        assert!(
            matches!(classification, Classification::Rejected { kind: MediaKind::Image, .. }),
            "{classification:?}"
        );
    }

    #[test]
    fn a_picture_that_moves_is_a_video_where_that_is_asked_for() {
        let gif = |key, metadata| Upload { head: b"GIF89a\x08\0\x08\0\0\0\0", ..upload(key, metadata, None) };
        let kind_of = |classification: &Classification| match classification {
            Classification::Accepted { operations, format: Format::Gif, .. } => operations.kind(),
            other => panic!("{other:?}"),
        };
        let none = Rules::default();
        for (option, kind) in [
            (None, MediaKind::Image),
            (Some("resize?width=80"), MediaKind::Image),
            (Some("transcode?container=webm"), MediaKind::Video),
            (Some("transcode container=webm"), MediaKind::Video),
            (Some("probe,keyframes"), MediaKind::Video),
        ] {
            assert_eq!(kind_of(&classify(&gif("a.gif", option), &none)), kind, "{option:?}");
        }
        // One program does what is asked for, and it says what is wrong.
        for (option, kind, says) in [
            ("resize?width=8,transcode", MediaKind::Image, "of kind image"),
            ("transcode,resize?width=8", MediaKind::Video, "of kind video"),
            ("transcode?crf=900", MediaKind::Video, "crf=900"),
            ("caption", MediaKind::Image, "of kind image"),
        ] {
            let Classification::Rejected { kind: found, reason } = classify(&gif("a.gif", Some(option)), &none) else {
                panic!("{option} is rejected")
            };
            assert!(found == kind && reason.to_string().contains(says), "{option}: {found} {reason}");
        }
        let mut rules = Rules::default();
        rules.add("clips/**/*.gif", None, "transcode").unwrap();
        rules.add("clips/**", None, "keyframes").unwrap();
        assert_eq!(accepted(&classify(&gif("clips/b/a.gif", None), &rules)).0, "transcode");
        // A rule for videos is not for every picture.
        assert_eq!(kind_of(&classify(&gif("clips/a", None), &rules)), MediaKind::Image);
    }

    #[test]
    fn folder_markers_are_not_errors_but_empty_files_are_unsupported() {
        let marker = Upload { key: "photos/", ..Upload::default() };
        assert_eq!(classify(&marker, &Rules::default()), Classification::FolderMarker);
        let empty = Upload { key: "photo.jpg", ..Upload::default() };
        assert!(
            matches!(classify(&empty, &Rules::default()), Classification::Unsupported { reason } if reason.contains("empty"))
        );
    }

    #[test]
    fn every_format_has_a_default_that_accepts_it() {
        for format in Format::ALL {
            assert_eq!(Operations::default_for(*format).check_format(*format), Ok(()), "{format:?}");
        }
    }
}

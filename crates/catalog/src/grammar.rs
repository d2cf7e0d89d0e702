//! The text form of a request: `resize?width=800&format=webp,convert?format=avif`.
//!
//! Comma-separated operations, each `name` or `name?key=value&key=value` in URL query encoding. The same text stands in
//! S3 user metadata `processing-option` (or an object tag of that name), in the Batch parameter `processingOption`, in
//! the CLI's `--processing-option` and in the rules of the local pipeline. A list inside a value
//! (`widths=320,640,1280`) uses commas, too: a comma ends a value only where the name of an operation follows it.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::operation::{Declaration, Operation, REDACTED};
use crate::operations::OPERATIONS;
use crate::tag::{tag_spelling, usual_spelling};
use crate::{Format, MediaKind, Rejection};

/// The longest text that is looked at: S3 allows 2 KB of user metadata in all.
const MAX_BYTES: usize = 2048;
/// How many operations one upload may ask for.
const MAX_OPERATIONS: usize = 16;

/// What [`fmt::Display`] leaves as it is in a value. A comma is kept where it cannot be mistaken; an equals sign never
/// can be, as a pair is split at its first.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':').remove(b',').remove(b'=');
const ENCODED_WITH_COMMA: &AsciiSet = &ENCODED.add(b',');

/// One or more operations on one upload, as asked for with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Operations {
    kind: MediaKind,
    first: Operation,
    others: Vec<Operation>,
}

/// [`Operations::iter`].
pub type Iter<'a> = std::iter::Chain<std::iter::Once<&'a Operation>, std::slice::Iter<'a, Operation>>;

impl Operations {
    /// The operations, in the order asked for.
    pub fn iter(&self) -> Iter<'_> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The operation that was asked for first.
    pub fn first(&self) -> &Operation {
        &self.first
    }

    /// The only operation, if no other was asked for.
    pub fn only(&self) -> Option<&Operation> {
        self.others.is_empty().then_some(&self.first)
    }

    /// How many there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "they never are")]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// The same operations on an upload of another kind, of which they accept a format.
    pub(crate) fn of_kind(self, kind: MediaKind) -> Self {
        debug_assert!(self.iter().all(|operation| operation.declaration().accepts_kind(kind)), "{self} of {kind}");
        Self { kind, ..self }
    }

    /// The kind of the upload that they are for.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Whether each of them accepts inputs of a format; the message names the first that does not.
    pub fn check_format(&self, format: Format) -> Result<(), Rejection> {
        self.iter().try_for_each(|operation| operation.check_format(format))
    }

    /// Reads the text form for an upload of a known kind: an operation of another kind is rejected, and the message says
    /// which operations the kind has.
    pub fn parse_for(kind: MediaKind, text: &str) -> Result<Self, Rejection> {
        parse(text, Some(kind))
    }

    /// The same for an upload of a known format, which operations of another kind may accept as well.
    pub fn parse_for_format(format: Format, text: &str) -> Result<Self, Rejection> {
        Self::parse_for(kind_for(format, text), text)
    }

    /// What is done with an upload of a kind when nobody asked for anything.
    pub fn default_of(kind: MediaKind) -> Self {
        Self::parse_for(kind, kind.default_processing_option()).expect("a test parses every default")
    }

    /// The same for an upload of a known format: audio has no pictures, of which [`Self::default_of`] makes something.
    pub fn default_for(format: Format) -> Self {
        const AUDIO: &str = "probe";
        if format.is_sound() {
            return Self::parse_for(format.kind(), AUDIO).expect("a test parses it");
        }
        Self::default_of(format.kind())
    }

    /// One operation alone, on an upload of a kind of which it accepts a format.
    pub fn one(kind: MediaKind, operation: Operation) -> Self {
        Self { kind, first: operation, others: Vec::new() }.of_kind(kind)
    }
}

impl<'a> IntoIterator for &'a Operations {
    type Item = &'a Operation;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromStr for Operations {
    type Err = Rejection;

    /// Reads the text form whatever the kind: it is the first that offers all of the operations.
    fn from_str(text: &str) -> Result<Self, Rejection> {
        parse(text, None)
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operation) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            operation.fmt(f)?;
        }
        Ok(())
    }
}

/// Prints the options that differ from their defaults, in the order of their declaration; secrets are redacted.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.unredacted()))
    }
}

impl Operation {
    /// The text form with its secrets, from which the same operation is read again: for whoever carries it out.
    pub fn unredacted(&self) -> String {
        let mut text = self.name().to_owned();
        for (index, (key, value)) in self.changed_options().iter().enumerate() {
            let may_be_mistaken = value.split(',').skip(1).any(is_operation_name);
            let encoded = if may_be_mistaken { ENCODED_WITH_COMMA } else { ENCODED };
            let separator = if index == 0 { "?" } else { "&" };
            let value = utf8_percent_encode(value, encoded).to_string();
            text.extend([separator, key.as_str(), "=", value.as_str()]);
        }
        text
    }
}

impl Operations {
    /// The text form with its secrets, from which the same operations are read again: for whoever carries them out.
    pub fn unredacted(&self) -> String {
        self.iter().map(Operation::unredacted).collect::<Vec<_>>().join(",")
    }

    /// The text form, secrets redacted, in the alphabet of S3 object tags, which has neither `?` nor `&` nor `,`. S3 takes at
    /// most [`crate::MAX_TAG_CHARACTERS`] of it.
    pub fn to_tag(&self) -> String {
        tag_spelling(&self.iter().map(ToString::to_string).collect::<Vec<_>>())
    }
}

/// A processing-option as it may be published: the values of secret options are replaced by [`REDACTED`]. Also of a text
/// that is not allowed; what is fine stays as it is written.
pub fn redact(text: &str) -> String {
    let text = usual_spelling(text);
    let operations = split_operations(&text).into_iter().map(|operation| {
        let Some((name, query)) = operation.split_once('?') else { return operation.to_owned() };
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if is_secret(key) => format!("{key}={REDACTED}"),
            _ => pair.to_owned(),
        });
        format!("{name}?{}", pairs.collect::<Vec<_>>().join("&"))
    });
    operations.collect::<Vec<_>>().join(",")
}

/// The kind whose program does what a text asks for: by its first operation, the format's own if that is not known.
pub(crate) fn kind_for(format: Format, text: &str) -> MediaKind {
    let text = usual_spelling(text);
    let first = split_operations(&text)[0].trim();
    let name = first.split_once('?').map_or(first, |(name, _)| name);
    Declaration::named(name).map_or(format.kind(), |declaration| declaration.kind_for(format))
}

/// Whether any operation has a secret option of that name; names may be written in any case here, and misspelt ones
/// begin alike.
fn is_secret(key: &str) -> bool {
    let key = percent_decode_str(key).decode_utf8_lossy().trim().to_ascii_lowercase();
    let begins_like = |secret: &str| key.len() >= 3 && secret.starts_with(&key[..key.floor_char_boundary(3)]);
    OPERATIONS.iter().flat_map(|declaration| declaration.secrets).any(|secret| begins_like(secret))
}

fn parse(text: &str, kind: Option<MediaKind>) -> Result<Operations, Rejection> {
    let text = usual_spelling(text);
    let text = text.as_ref();
    if text.starts_with("=?UTF-8?") {
        // What S3 makes of user metadata that is not ASCII (RFC 2047).
        return Err(Rejection::new(
            "the processing-option has characters outside ASCII, which S3 metadata does not take: write them in URL query \
             encoding, such as %C3%BC for ü",
        ));
    }
    // Those that offer every operation so far.
    let mut kinds: Vec<MediaKind> = kind.map_or_else(|| MediaKind::ALL.to_vec(), |kind| vec![kind]);
    if text.is_empty() {
        return Err(Rejection::new(format!("the processing-option is empty; {}", what_is_allowed(&kinds))));
    }
    if text.len() > MAX_BYTES {
        return Err(Rejection::new(format!(
            "the processing-option has {} bytes; at most {MAX_BYTES} are allowed",
            text.len()
        )));
    }
    let mut operations: Vec<Operation> = Vec::new();
    for segment in split_operations(text) {
        let operation = parse_operation(segment.trim(), &mut kinds)?;
        // Secrets apart: such two would write to the same folder.
        if operations.iter().any(|other| other.to_string() == operation.to_string()) {
            return Err(Rejection::new(format!("{}: the same operation is asked for twice", operation.name())));
        }
        operations.push(operation);
        if operations.len() > MAX_OPERATIONS {
            return Err(Rejection::new(format!(
                "more than {MAX_OPERATIONS} operations; split them over several uploads"
            )));
        }
    }
    let first = operations.remove(0);
    Ok(Operations { kind: kinds[0], first, others: operations })
}

/// Reads one operation for an upload of any of these kinds, and leaves of them those that offer it: at least one.
fn parse_operation(segment: &str, kinds: &mut Vec<MediaKind>) -> Result<Operation, Rejection> {
    let (name, query) = segment.split_once('?').map_or((segment, None), |(name, query)| (name, Some(query)));
    let declaration = Declaration::named(name)
        .ok_or_else(|| Rejection::new(format!("unknown operation {:?}; {}", clip(name), what_is_allowed(kinds))))?;
    if !kinds.iter().any(|kind| declaration.accepts_kind(*kind)) {
        let own = either(&declaration.kinds().collect::<Vec<_>>());
        let given = either(kinds);
        return Err(Rejection::new(format!(
            "operation {name:?} is for an upload of kind {own}, and this is of kind {given}; {}",
            what_is_allowed(kinds)
        )));
    }
    kinds.retain(|kind| declaration.accepts_kind(*kind));
    let mut pairs = Vec::new();
    for (key, value) in written_pairs(query.unwrap_or_default()) {
        let shown = if is_secret(key) { REDACTED } else { value };
        pairs.push((decode(name, key, key)?, decode(name, value, shown)?));
    }
    declaration.parse_pairs(&pairs)
}

/// A processing-option in the spelling of S3 object tags, if that differs; `None` for a text that is not allowed, too. For
/// examples, which the tests have checked.
pub fn tag_of(text: &str) -> Option<String> {
    let operations = text.parse::<Operations>().ok()?;
    let tag = tag_spelling(&operations.iter().map(Operation::unredacted).collect::<Vec<_>>());
    (tag != text).then_some(tag)
}

/// A processing-option as a command line has it, for each operation: its name, and its options as `--key value`, quoted for a shell
/// where that is needed. Nothing is checked: for examples, which the tests have checked.
pub fn as_command_lines(text: &str) -> Vec<String> {
    let line = |operation: &str| {
        let (name, query) = operation.split_once('?').unwrap_or((operation, ""));
        let options = written_pairs(query).map(|pair| match pair {
            (key, "true") => format!(" --{key}"),
            (key, value) => {
                let spaced = value.replace('+', " ");
                format!(" --{key} {}", quoted(&percent_decode_str(&spaced).decode_utf8_lossy()))
            }
        });
        name.to_owned() + &options.collect::<String>()
    };
    split_operations(text).into_iter().map(line).collect()
}

/// A word of a shell's command line.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,=@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Keys and values of a query as they are written; a key alone means that it is true.
fn written_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "true")))
}

/// Splits at the commas that an operation's name follows.
fn split_operations(text: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(',') {
        let in_query = text[start..at].contains('?');
        let next = &text[at + 1..];
        let end = next.find([',', '?', '&', '=']).unwrap_or(next.len());
        let starts_query = next[end..].starts_with('?');
        let ends_operation = end == next.len() || next[end..].starts_with(',');
        if !in_query || starts_query || (ends_operation && is_operation_name(next[..end].trim())) {
            segments.push(&text[start..at]);
            start = at + 1;
        }
    }
    segments.push(&text[start..]);
    segments
}

pub(crate) fn is_operation_name(word: &str) -> bool {
    Declaration::named(word).is_some()
}

fn decode(operation: &str, text: &str, shown: &str) -> Result<String, Rejection> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Rejection::new(format!("{operation}: {:?} is not UTF-8 in URL query encoding", clip(shown))))
}

fn what_is_allowed(kinds: &[MediaKind]) -> String {
    let list = |kind: &MediaKind| {
        let names: Vec<_> = Declaration::of_kind(*kind).map(|declaration| declaration.name).collect();
        format!("{kind}: {}", names.join(", "))
    };
    format!("allowed for {}", kinds.iter().map(list).collect::<Vec<_>>().join("; for "))
}

fn either(kinds: &[MediaKind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or ")
}

/// As much of somebody's text as belongs into a message.
fn clip(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(kind: MediaKind, text: &str) -> String {
        Operations::parse_for(kind, text).expect_err(text).to_string()
    }

    #[test]
    fn reads_the_form_of_the_documentation() {
        let operations: Operations = "resize?width=800&format=webp,convert?format=avif".parse().unwrap();
        let names: Vec<_> = operations.iter().map(Operation::name).collect();
        assert_eq!(names, ["resize", "convert"]);
        assert_eq!(operations.to_string(), "resize?width=800&format=webp,convert?format=avif");
    }

    #[test]
    fn lists_use_commas_too() {
        let operations: Operations = "resize?widths=320,640,1280&formats=webp,jpeg,convert?format=png".parse().unwrap();
        assert_eq!(operations.iter().count(), 2);
        assert_eq!(operations.to_string(), "resize?widths=320,640,1280&formats=webp,jpeg,convert?format=png");
    }

    #[test]
    fn rejections_say_what_was_given_and_what_is_allowed() {
        let image = |text| rejection(MediaKind::Image, text);
        let message = image("resise?width=8");
        assert!(
            message.starts_with("unknown operation \"resise\"; allowed for image: text, classify, resize, "),
            "{message}"
        );
        assert!(image("analyse").contains("\"analyse\" is for an upload of kind document, and this is of kind image"));
        assert!(image("resize?widht=8").starts_with("resize: unknown option \"widht\"; allowed: width, height"));
        let message = image("resize?width=0");
        assert!(message.starts_with("resize: width=0 is not allowed") && message.contains("1..="), "{message}");
        let message = image("resize?width=8&format=bmp");
        assert!(message.contains("format=bmp") && message.contains("jpeg") && message.contains("webp"), "{message}");
        assert!(image("resize?width=8&width=9").contains("more than once"));
        assert!(image("  ").contains("empty"));
        assert!(image("convert?format=png,convert?format=png").contains("twice"));
        assert!(image("convert?format=%FF").contains("UTF-8"));
    }

    #[test]
    fn secrets_are_for_the_operation_alone() {
        let text = "text?detail=lines&password=a%26b,x=";
        let operations = Operations::parse_for(MediaKind::Document, text).unwrap();
        assert_eq!(operations.unredacted(), text);
        assert_eq!(operations.to_string(), "text?detail=lines&password=REDACTED");
        let operation = operations.iter().next().unwrap();
        assert_eq!(operation.option_values()["password"], "REDACTED");
        assert!(!format!("{operation:?}").contains("a&b"), "{operation:?}");
        let other = Operations::parse_for(MediaKind::Document, "text?detail=lines&password=other").unwrap();
        assert_eq!(operation.folder(), other.iter().next().unwrap().folder());
        assert!(rejection(MediaKind::Document, "text?password=a,text?password=b").contains("twice"));
        // What was redacted is not taken for the secret.
        assert!(rejection(MediaKind::Document, &operations.to_string()).contains("not kept in records"));
    }

    #[test]
    fn secrets_of_texts_that_are_not_allowed_are_redacted_too() {
        for (text, expected) in [
            ("text?pasword=hunter2&pages=1", "text?pasword=REDACTED&pages=1"),
            ("text?p%61ssword=hunter2", "text?p%61ssword=REDACTED"),
            ("txt?Password=hunter2,text", "txt?Password=REDACTED,text"),
            ("text?pages=1&password=a,b=c&detail=lines", "text?pages=1&password=REDACTED&detail=lines"),
            ("resize?width=8,convert", "resize?width=8,convert"),
        ] {
            assert_eq!(redact(text), expected);
        }
        let message = rejection(MediaKind::Document, "text?password=%FFhunter2");
        assert!(!message.contains("hunter2"), "{message}");
        let message = rejection(MediaKind::Document, "text?password=hunter2&password=hunter3");
        assert!(!message.contains("hunter"), "{message}");
    }

    #[test]
    fn every_secret_is_an_option() {
        for declaration in OPERATIONS {
            for secret in declaration.secrets {
                let command = declaration.command();
                let is_option = command.get_arguments().any(|argument| argument.get_long() == Some(secret));
                assert!(is_option, "{} has no option {secret}", declaration.name);
            }
        }
    }

    #[test]
    fn names_and_their_other_spellings_mean_one_operation() {
        for declaration in OPERATIONS {
            for name in declaration.aliases.iter().chain([&declaration.name]) {
                let meant = |other: &&Declaration| other.name == *name || other.aliases.contains(name);
                assert_eq!(OPERATIONS.iter().filter(meant).count(), 1, "{name}");
            }
        }
    }

    #[test]
    fn american_spellings_are_read_and_british_ones_printed() {
        for (american, british) in [
            ("optimize", "optimise"),
            ("optimize?quantize=false&lods=0.5,optimize", "optimise?lods=0.5&quantise=false,optimise"),
            ("convert?color=keep", "convert?colour=keep"),
            ("resize?width=8&position=center", "resize?width=8"),
            ("resize?width=8,resize?width=9&color=keep", "resize?width=8,resize?width=9&colour=keep"),
        ] {
            let operations: Operations = american.parse().unwrap();
            assert_eq!(operations.to_string(), british);
            assert_eq!(Ok(operations), british.parse());
        }
        let twice = rejection(MediaKind::Image, "convert?colour=keep&color=srgb");
        assert_eq!(twice, "convert: option \"colour\" is given more than once");
        let wrong = rejection(MediaKind::Image, "convert?color=pink");
        assert_eq!(wrong, "convert: colour=pink is not allowed; allowed: srgb, keep");
        for declaration in OPERATIONS {
            declaration.command().debug_assert();
        }
    }

    #[test]
    fn operations_of_different_kinds_do_not_go_together() {
        let rejection = "resize?width=8,transcode".parse::<Operations>().unwrap_err().to_string();
        let expected = "operation \"transcode\" is for an upload of kind video, and this is of kind image; \
                        allowed for image: text, classify, resize, ";
        assert!(rejection.starts_with(expected), "{rejection}");
    }

    #[test]
    fn every_default_is_allowed() {
        for kind in MediaKind::ALL {
            assert!(Operations::default_of(kind).kind() == kind);
        }
    }

    #[test]
    fn examples_are_the_same_as_command_lines() {
        for declaration in OPERATIONS {
            for (example, _) in declaration.examples {
                let operations =
                    declaration.kinds().map(|kind| Operations::parse_for(kind, example).unwrap()).next().unwrap();
                let lines = as_command_lines(example);
                assert_eq!(lines.len(), operations.iter().count(), "{example}");
                for (line, operation) in lines.iter().zip(&operations) {
                    let matches = declaration.command().try_get_matches_from(line.split(' ')).unwrap();
                    assert_eq!(&declaration.from_arg_matches(&matches).unwrap(), operation, "{line}");
                }
            }
        }
    }

    #[test]
    fn a_command_line_has_values_as_they_are_quoted_for_a_shell() {
        assert_eq!(as_command_lines("text?password=a%20b%27c+d&pages=1"), [r"text --password 'a b'\''c d' --pages 1"]);
        assert_eq!(as_command_lines("resize?background=%23fff,probe"), ["resize --background '#fff'", "probe"]);
    }

    #[test]
    fn every_example_is_allowed() {
        for declaration in OPERATIONS {
            assert!(!declaration.examples.is_empty(), "{} has no example", declaration.name);
            for (example, _) in declaration.examples {
                for kind in declaration.kinds() {
                    let operations = Operations::parse_for(kind, example);
                    assert!(operations.is_ok(), "{example}: {}", operations.unwrap_err());
                }
            }
        }
    }

    #[test]
    fn options_of_every_operation_have_help_and_the_same_word_everywhere() {
        for declaration in OPERATIONS {
            let command = declaration.command();
            let operation = declaration.parse_pairs(&[]);
            let printed = operation.as_ref().map(Operation::option_values).unwrap_or_default();
            for argument in command.get_arguments() {
                let long = argument.get_long().expect("options have long names");
                assert!(argument.get_help().is_some(), "{} --{long} has no help", declaration.name);
            }
            for key in printed.keys() {
                let known = command.get_arguments().any(|argument| argument.get_long() == Some(key));
                assert!(known, "{}: serde calls an option {key:?}, clap does not", declaration.name);
            }
        }
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        /// Texts made from the declarations themselves: any operation, any of its options, values that may be allowed.
        fn plausible_text() -> impl Strategy<Value = String> {
            let operation = prop::sample::select(OPERATIONS).prop_flat_map(|declaration| {
                let mut pairs: Vec<String> = declaration.command().get_arguments().flat_map(plausible_pairs).collect();
                pairs.push("no-such-option=1".to_owned());
                prop::collection::vec(prop::sample::select(pairs), 0..3).prop_map(move |pairs| match pairs.as_slice() {
                    [] => declaration.name.to_owned(),
                    pairs => format!("{}?{}", declaration.name, pairs.join("&")),
                })
            });
            prop::collection::vec(operation, 1..3).prop_map(|operations| operations.join(","))
        }

        fn plausible_pairs(option: &clap::Arg) -> Vec<String> {
            let named = option.get_possible_values().into_iter().map(|value| value.get_name().to_owned());
            let others = ["1", "2", "80", "640", "320,640", "true", "false", "%23ff8000", "webp,jpeg", "0.5", "a%2Cb"];
            let key = option.get_long().unwrap_or_default();
            named.chain(others.map(str::to_owned)).map(|value| format!("{key}={value}")).collect()
        }

        proptest! {
            #[test]
            fn printing_and_parsing_again_gives_the_same(text in plausible_text()) {
                if let Ok(operations) = text.parse::<Operations>() {
                    let printed = operations.unredacted();
                    prop_assert_eq!(printed.parse::<Operations>().map_err(|error| error.to_string()), Ok(operations), "{}", printed);
                }
            }

            #[test]
            fn no_text_panics(text: String) {
                let _ = text.parse::<Operations>();
            }

            #[test]
            fn no_text_of_the_grammar_panics(text in "[a-z]{0,3}(resize|convert|text)?[?&=,%+#0-9a-z-]{0,40}") {
                let _ = text.parse::<Operations>();
            }
        }
    }
}

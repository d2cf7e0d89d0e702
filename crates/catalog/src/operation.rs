//! The declaration of an operation, and what is derived from it: the processing-option parser, the CLI subcommand, the
//! rejection message and the reference page.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::operations::{DocumentOperation, ImageOperation, ModelOperation, VideoOperation};
use crate::{MediaKind, Rejection};

/// Stands in manifests, events, records and logs where a request has the value of a secret option.
pub const REDACTED: &str = "REDACTED";

/// The options of one operation. The struct's clap attributes are the only declaration of names, defaults, limits and
/// help; its serde form must use the same words (kebab-case), because the text form is printed from it.
pub trait Options: Args + FromArgMatches + Serialize + Clone + PartialEq + fmt::Debug {
    /// The operation's one word.
    const NAME: &'static str;
    /// One line: what the operation does.
    const ABOUT: &'static str;
    /// Processing-options that people would want to copy, each with what it does.
    const EXAMPLES: &'static [(&'static str, &'static str)];
    /// Options whose values are for the operation alone: they are [`REDACTED`] in everything that is published.
    const SECRETS: &'static [&'static str] = &[];

    /// Checks what one option alone cannot say. The message says what is wrong and what would be right.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What the rest of the program needs to know of an operation without knowing its options' type.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// The operation's one word, such as `resize`.
    pub name: &'static str,
    /// The kind of media it takes.
    pub kind: MediaKind,
    /// One line: what it does.
    pub about: &'static str,
    /// Processing-options to copy, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Options whose values are published as [`REDACTED`].
    pub secrets: &'static [&'static str],
    augment: fn(Command) -> Command,
    from_matches: fn(&ArgMatches) -> Result<Operation, clap::Error>,
}

/// Declares the enum of a kind's operations.
macro_rules! operations_of_kind {
    ($(#[$doc:meta])* $enum:ident, $kind:ident: $($(#[$variant_doc:meta])* $options:ident),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $enum { $($(#[$variant_doc])* $options($options),)+ }

        impl $enum {
            /// Every operation of the kind.
            pub const DECLARATIONS: &'static [crate::operation::Declaration] = &[$(
                crate::operation::Declaration::of::<$options>(
                    crate::MediaKind::$kind,
                    |matches| {
                        let options = <$options as clap::FromArgMatches>::from_arg_matches(matches)?;
                        Ok(crate::Operation::$kind($enum::$options(options)))
                    },
                ),
            )+];

            pub(crate) fn name(&self) -> &'static str {
                match self { $(Self::$options(_) => <$options as crate::operation::Options>::NAME,)+ }
            }

            pub(crate) fn validate(&self) -> Result<(), String> {
                match self { $(Self::$options(options) => crate::operation::Options::validate(options),)+ }
            }

            pub(crate) fn values(&self) -> serde_json::Value {
                match self { $(Self::$options(options) => crate::operation::values(options),)+ }
            }
        }
    };
}
pub(crate) use operations_of_kind;

/// One operation with its options, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// An operation of document-job.
    Document(DocumentOperation),
    /// An operation of image-job.
    Image(ImageOperation),
    /// An operation of model-job.
    Model(ModelOperation),
    /// An operation of video-job.
    Video(VideoOperation),
}

impl Declaration {
    pub(crate) const fn of<O: Options>(
        kind: MediaKind,
        from_matches: fn(&ArgMatches) -> Result<Operation, clap::Error>,
    ) -> Self {
        let augment = |command| <O as Args>::augment_args(command);
        let (name, about, examples, secrets) = (O::NAME, O::ABOUT, O::EXAMPLES, O::SECRETS);
        Self { name, kind, about, examples, secrets, augment, from_matches }
    }

    /// Every operation of a kind.
    pub const fn of_kind(kind: MediaKind) -> &'static [Self] {
        match kind {
            MediaKind::Document => DocumentOperation::DECLARATIONS,
            MediaKind::Image => ImageOperation::DECLARATIONS,
            MediaKind::Model => ModelOperation::DECLARATIONS,
            MediaKind::Video => VideoOperation::DECLARATIONS,
        }
    }

    /// Every operation of every kind.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        MediaKind::ALL.into_iter().flat_map(Self::of_kind)
    }

    /// The operations of that name; more than one kind may have one.
    pub fn named(name: &str) -> impl Iterator<Item = &'static Self> {
        Self::all().filter(move |declaration| declaration.name == name)
    }

    /// The CLI subcommand with the operation's options; the caller adds its own arguments.
    pub fn command(&self) -> Command {
        (self.augment)(Command::new(self.name).about(self.about))
    }

    /// Reads the options that [`Declaration::command`] declared out of parsed arguments, and checks them together.
    pub fn from_arg_matches(&self, matches: &ArgMatches) -> Result<Operation, Rejection> {
        let operation = (self.from_matches)(matches).map_err(|error| self.rejection(&error))?;
        operation.validate().map_err(|reason| Rejection::new(format!("{}: {reason}", self.name)))?;
        Ok(operation)
    }

    /// Reads the options from the pairs of a processing-option.
    pub(crate) fn parse_pairs(&self, pairs: &[(String, String)]) -> Result<Operation, Rejection> {
        let mut command = self.command().no_binary_name(true).disable_help_flag(true);
        let names: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        for (key, value) in pairs {
            if self.secrets.contains(&key.as_str()) && value == REDACTED {
                let message = "is not kept in records, and this request was made from one; ask anew, with its value";
                return Err(Rejection::new(format!("{}: {key} {message}", self.name)));
            }
            if !names.contains(&key.as_str()) {
                let allowed = if names.is_empty() { "it takes no options".to_owned() } else { names.join(", ") };
                return Err(Rejection::new(format!("{}: unknown option {key:?}; allowed: {allowed}", self.name)));
            }
        }
        let arguments = pairs.iter().map(|(key, value)| format!("--{key}={value}"));
        let matches = command.try_get_matches_from_mut(arguments).map_err(|error| self.rejection(&error))?;
        self.from_arg_matches(&matches)
    }

    /// Every option that has a default, with it. Made once: every job asks for it several times.
    fn defaults(&self) -> &'static Map<String, Value> {
        type Made = BTreeMap<(&'static str, &'static str), &'static Map<String, Value>>;
        static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry((self.kind.name(), self.name)).or_insert_with(|| {
            let matches = self.command().no_binary_name(true).get_matches_from(std::iter::empty::<&str>());
            let operation = (self.from_matches)(&matches).expect("no option is required");
            Box::leak(Box::new(operation.options()))
        })
    }

    /// Says what was given and what is allowed, in the words of the processing-option rather than of a command line.
    fn rejection(&self, error: &clap::Error) -> Rejection {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join(", "),
            Some(ContextValue::StyledStrs(texts)) => {
                texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        };
        let argument = text(ContextKind::InvalidArg);
        let option = argument.trim_start_matches('-').split([' ', '=', '[']).next().unwrap_or_default().to_owned();
        let is_secret = self.secrets.contains(&option.as_str());
        let value = if is_secret { REDACTED.to_owned() } else { text(ContextKind::InvalidValue) };
        let message = match error.kind() {
            ErrorKind::ArgumentConflict => format!("option {option:?} is given more than once"),
            ErrorKind::InvalidValue if value.is_empty() => format!("{option} needs a value"),
            ErrorKind::InvalidValue => {
                format!("{option}={value} is not allowed; allowed: {}", text(ContextKind::ValidValue))
            }
            _ => {
                let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                format!("{option}={value} is not allowed: {reason}")
            }
        };
        Rejection::new(format!("{}: {message}", self.name))
    }
}

impl Operation {
    /// The operation's one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Document(operation) => operation.name(),
            Self::Image(operation) => operation.name(),
            Self::Model(operation) => operation.name(),
            Self::Video(operation) => operation.name(),
        }
    }

    /// The kind of media it takes.
    pub const fn kind(&self) -> MediaKind {
        match self {
            Self::Document(_) => MediaKind::Document,
            Self::Image(_) => MediaKind::Image,
            Self::Model(_) => MediaKind::Model,
            Self::Video(_) => MediaKind::Video,
        }
    }

    /// Every option with its value, defaults included, for events and records: secrets are redacted. Options without a
    /// value are left out.
    pub fn options(&self) -> Map<String, Value> {
        let mut options = self.options_with_secrets();
        for secret in self.declaration().secrets {
            if let Some(value) = options.get_mut(*secret) {
                *value = REDACTED.into();
            }
        }
        options
    }

    fn options_with_secrets(&self) -> Map<String, Value> {
        let Value::Object(mut options) = self.values() else { return Map::new() };
        options.retain(|_, value| !value.is_null());
        options
    }

    fn declaration(&self) -> &'static Declaration {
        let declaration = Declaration::of_kind(self.kind()).iter().find(|declaration| declaration.name == self.name());
        declaration.expect("every operation is declared")
    }

    /// The folder of the operation's outputs below the source's key: its name, followed by a short hash of its options
    /// where any differs from its default. The same request gives the same folder, so that a retry overwrites. Of a secret
    /// it only counts that there is one, so that nobody can try out secrets on the hash.
    ///
    /// ```
    /// let operations: catalog::Operations = "convert,resize?width=800".parse().unwrap();
    /// let folders: Vec<_> = operations.iter().map(catalog::Operation::folder).collect();
    /// assert_eq!(folders[0], "convert");
    /// assert!(folders[1].starts_with("resize-") && folders[1].len() == "resize-".len() + 8);
    /// ```
    pub fn folder(&self) -> String {
        let text = self.to_string();
        if text == self.name() {
            return text;
        }
        let digest = Sha256::digest(text.as_bytes());
        let hash = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        format!("{}-{hash:08x}", self.name())
    }

    fn validate(&self) -> Result<(), String> {
        match self {
            Self::Document(operation) => operation.validate(),
            Self::Image(operation) => operation.validate(),
            Self::Model(operation) => operation.validate(),
            Self::Video(operation) => operation.validate(),
        }
    }

    fn values(&self) -> Value {
        match self {
            Self::Document(operation) => operation.values(),
            Self::Image(operation) => operation.values(),
            Self::Model(operation) => operation.values(),
            Self::Video(operation) => operation.values(),
        }
    }

    /// The options that differ from their defaults, as text, in the order of their declaration. Secrets are as they were
    /// given: for the program that does the work, and for nobody else.
    pub fn changed_options(&self) -> Vec<(String, String)> {
        let defaults = self.declaration().defaults();
        self.options_with_secrets()
            .into_iter()
            .filter(|(key, value)| defaults.get(key) != Some(value))
            .map(|(key, value)| (key, text_of(&value)))
            .collect()
    }
}

pub(crate) fn values<O: Serialize>(options: &O) -> Value {
    serde_json::to_value(options).expect("options are numbers, words, truth values and lists of them")
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

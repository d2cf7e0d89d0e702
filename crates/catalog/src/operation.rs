//! The declaration of an operation, and what is derived from it: the processing-option parser, the CLI subcommand, the
//! rejection message and the reference page.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::operations::OPERATIONS;
use crate::profile::Profile;
use crate::{Allowance, Engine, FastPath, Format, MediaKind, Rejection, Resources};

/// Stands in manifests, events, records and logs where a request has the value of a secret option.
pub const REDACTED: &str = "REDACTED";

/// The declaration of one operation and its options. The struct's clap attributes are the only declaration of names,
/// defaults, limits and help; its serde form must use the same words (kebab-case), because the text form is printed from
/// it.
pub trait Options: Args + FromArgMatches + Serialize + Clone + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// The operation's name.
    const NAME: &'static str;
    /// Other spellings of the name that are accepted, and never printed. Those of options and of their values are clap's
    /// `alias`.
    const ALIASES: &'static [&'static str] = &[];
    /// One line: what the operation does.
    const ABOUT: &'static str;
    /// Processing-options that people would want to copy, each with what it does.
    const EXAMPLES: &'static [(&'static str, &'static str)];
    /// Options whose values are for the operation alone: they are [`REDACTED`] in everything that is published.
    const SECRETS: &'static [&'static str] = &[];
    /// What the operation needs and does beside its options.
    const PROFILE: Profile;

    /// Checks what one option alone cannot say. The message says what is wrong and what would be right.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }

    /// The weights of neural networks that these options need, of those that the profile names.
    fn weights(&self) -> Vec<&'static str> {
        Self::PROFILE.weights.to_vec()
    }

    /// The name of weights of a user's own that these options want in the place of the catalog's.
    fn own_weights(&self) -> Option<&str> {
        None
    }

    /// Who does the work with these options, of those that the profile names.
    fn engine(&self) -> Engine {
        Engine::Native
    }

    /// What of managed services the operation may ask with these options, each service once.
    fn allowances(&self) -> Vec<Allowance> {
        Vec::new()
    }

    /// Checks what only some formats can have, of those that the profile accepts. The message says what is wrong and what would
    /// be right.
    fn check_format(&self, format: Format) -> Result<(), String> {
        let _ = format;
        Ok(())
    }

    /// How these options take the fast path, if they do. Asked only if the profile says that some do.
    fn fast_path(&self) -> Option<FastPath> {
        Self::PROFILE.fast_path
    }

    /// How long one processor is expected to work on an input of that many bytes, on the way of AWS Batch; none if nobody can tell
    /// or it takes long. What is short shares a container, however large its input. As on the fast path, unless something is known of
    /// larger inputs and of options that do not take it.
    fn expected(&self, bytes: u64) -> Option<Duration> {
        Self::PROFILE.fast_path?;
        Some(self.fast_path()?.expected(bytes))
    }

    /// How many containers share the work on an object of that many bytes; none if one does it all. Asked only if the
    /// profile says how work is shared.
    fn shards(&self, bytes: u64) -> Option<u32> {
        let _ = bytes;
        None
    }
}

/// An operation as the rest of the program knows it, without its options' type.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// The operation's name, such as `resize`.
    pub name: &'static str,
    /// Other spellings of the name that are accepted.
    pub aliases: &'static [&'static str],
    /// One line: what it does.
    pub about: &'static str,
    /// Processing-options to copy, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Options whose values are published as [`REDACTED`].
    pub secrets: &'static [&'static str],
    /// What it needs and does beside its options.
    pub profile: Profile,
    augment: fn(Command) -> Command,
    from_matches: fn(&ArgMatches) -> Result<Arc<dyn AnyOptions>, clap::Error>,
}

/// [`Options`] of any operation, for an [`Operation`] to hold.
trait AnyOptions: fmt::Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn is_equal(&self, other: &dyn AnyOptions) -> bool;
    fn validate(&self) -> Result<(), String>;
    fn values(&self) -> Value;
    fn shards(&self, bytes: u64) -> Option<u32>;
    fn weights(&self) -> Vec<&'static str>;
    fn own_weights(&self) -> Option<&str>;
    fn engine(&self) -> Engine;
    fn allowances(&self) -> Vec<Allowance>;
    fn check_format(&self, format: Format) -> Result<(), String>;
    fn fast_path(&self) -> Option<FastPath>;
    fn expected(&self, bytes: u64) -> Option<Duration>;
}

impl<O: Options> AnyOptions for O {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is_equal(&self, other: &dyn AnyOptions) -> bool {
        other.as_any().downcast_ref::<O>() == Some(self)
    }

    fn validate(&self) -> Result<(), String> {
        Options::validate(self)
    }

    fn values(&self) -> Value {
        serde_json::to_value(self).expect("options are numbers, words, truth values and lists of them")
    }

    fn shards(&self, bytes: u64) -> Option<u32> {
        Options::shards(self, bytes)
    }

    fn weights(&self) -> Vec<&'static str> {
        Options::weights(self)
    }

    fn own_weights(&self) -> Option<&str> {
        Options::own_weights(self)
    }

    fn engine(&self) -> Engine {
        Options::engine(self)
    }

    fn allowances(&self) -> Vec<Allowance> {
        Options::allowances(self)
    }

    fn check_format(&self, format: Format) -> Result<(), String> {
        Options::check_format(self, format)
    }

    fn fast_path(&self) -> Option<FastPath> {
        Options::fast_path(self)
    }

    fn expected(&self, bytes: u64) -> Option<Duration> {
        Options::expected(self, bytes)
    }
}

/// One operation with its options, checked.
#[derive(Clone)]
pub struct Operation {
    declaration: &'static Declaration,
    options: Arc<dyn AnyOptions>,
}

impl PartialEq for Operation {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.options.is_equal(&*other.options)
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}

impl Declaration {
    /// The declaration that the options' type makes.
    pub(crate) const fn of<O: Options>() -> Self {
        Self {
            name: O::NAME,
            aliases: O::ALIASES,
            about: O::ABOUT,
            examples: O::EXAMPLES,
            secrets: O::SECRETS,
            profile: O::PROFILE,
            augment: |command| <O as Args>::augment_args(command),
            from_matches: |matches| Ok(Arc::new(O::from_arg_matches(matches)?)),
        }
    }

    /// The operations that a kind offers: those that accept any of its formats.
    pub fn of_kind(kind: MediaKind) -> impl Iterator<Item = &'static Self> {
        OPERATIONS.iter().filter(move |declaration| declaration.accepts_kind(kind))
    }

    /// The operation of that name, in any of its spellings.
    pub fn named(name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|declaration| declaration.name == name || declaration.aliases.contains(&name))
    }

    /// Whether it accepts any format of a kind.
    pub fn accepts_kind(&self, kind: MediaKind) -> bool {
        self.profile.accepts.iter().any(|format| format.kind() == kind)
    }

    /// Whether it accepts a format, of its own kinds or of another one.
    pub fn accepts(&self, format: Format) -> bool {
        self.profile.accepts.contains(&format) || self.profile.also_accepts.contains(&format)
    }

    /// The kind whose program works on inputs of a format: the format's own, unless it is accepted as one of another kind.
    pub fn kind_for(&self, format: Format) -> MediaKind {
        let is_guest = self.profile.also_accepts.contains(&format);
        let own = self.profile.accepts.first().filter(|_| is_guest);
        own.map_or(format.kind(), |own| own.kind())
    }

    /// The kinds of which it accepts a format.
    pub fn kinds(&self) -> impl Iterator<Item = MediaKind> {
        MediaKind::ALL.into_iter().filter(|kind| self.accepts_kind(*kind))
    }

    /// The CLI subcommand with the operation's options; the caller adds its own arguments.
    pub fn command(&self) -> Command {
        (self.augment)(Command::new(self.name).aliases(self.aliases).about(self.about))
    }

    /// Reads the options that [`Declaration::command`] declared out of parsed arguments, and checks them together.
    pub fn from_arg_matches(&'static self, matches: &ArgMatches) -> Result<Operation, Rejection> {
        let options = (self.from_matches)(matches).map_err(|error| self.rejection(&error))?;
        options.validate().map_err(|reason| Rejection::new(format!("{}: {reason}", self.name)))?;
        Ok(Operation { declaration: self, options })
    }

    /// Reads the options from the pairs of a processing-option.
    pub(crate) fn parse_pairs(&'static self, pairs: &[(String, String)]) -> Result<Operation, Rejection> {
        let mut command = self.command().no_binary_name(true).disable_help_flag(true);
        let names: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        let aliases: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_all_aliases).flatten().collect();
        for (key, value) in pairs {
            if self.secrets.contains(&key.as_str()) && value == REDACTED {
                let message =
                    "is not kept in records, and this request was made from one; request it again with its value";
                return Err(Rejection::new(format!("{}: {key} {message}", self.name)));
            }
            if !names.contains(&key.as_str()) && !aliases.contains(&key.as_str()) {
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
        static MADE: Mutex<BTreeMap<&'static str, &'static Map<String, Value>>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(self.name).or_insert_with(|| {
            let matches = self.command().no_binary_name(true).get_matches_from(std::iter::empty::<&str>());
            let options = (self.from_matches)(&matches).expect("no option is required");
            Box::leak(Box::new(present(options.values())))
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
    /// What it is.
    pub fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    /// The operation's name.
    pub fn name(&self) -> &'static str {
        self.declaration.name
    }

    /// What it needs and does beside its options.
    pub fn profile(&self) -> &'static Profile {
        &self.declaration.profile
    }

    /// The options, if they are of that type: those of the operation that it declares.
    ///
    /// ```
    /// use catalog::operations::{Convert, Resize};
    /// let operations: catalog::Operations = "resize?width=800".parse().unwrap();
    /// assert_eq!(operations.first().options::<Resize>().unwrap().width, Some(800));
    /// assert!(operations.first().options::<Convert>().is_none());
    /// ```
    pub fn options<O: Options>(&self) -> Option<&O> {
        self.options.as_any().downcast_ref()
    }

    /// Whether it accepts inputs of a format; the message says which it does accept.
    pub fn check_format(&self, format: Format) -> Result<(), Rejection> {
        let (name, given) = (self.name(), format.name());
        if self.declaration.accepts(format) {
            let checked = self.options.check_format(format);
            return checked.map_err(|reason| Rejection::new(format!("{name}: {reason}")));
        }
        let Profile { accepts, also_accepts, .. } = self.profile();
        let names: Vec<_> = accepts.iter().chain(*also_accepts).map(|format| format.name()).collect();
        Err(Rejection::new(format!("{name} does not accept {given}; it accepts {}", names.join(", "))))
    }

    /// The kind whose program works on inputs of a format that the operation accepts.
    pub fn kind_for(&self, format: Format) -> MediaKind {
        self.declaration.kind_for(format)
    }

    /// How many containers share the work on an object of that many bytes; none if one does it all.
    pub fn shards(&self, bytes: u64) -> Option<u32> {
        self.profile().sharding.and_then(|_| self.options.shards(bytes))
    }

    /// How it takes the fast path with these options, if it does.
    pub fn fast_path(&self) -> Option<FastPath> {
        self.profile().fast_path.and_then(|_| self.options.fast_path())
    }

    /// How long one processor is expected to work on an input of that many bytes; none if nobody can tell, it takes long, or a service
    /// does the work.
    pub fn expected(&self, bytes: u64) -> Option<Duration> {
        if self.engine() == Engine::Native { self.options.expected(bytes) } else { None }
    }

    /// The names of the neural networks' weights that it needs with these options.
    pub fn weights(&self) -> Vec<&'static str> {
        self.options.weights()
    }

    /// The name of weights of a user's own that it wants.
    pub fn own_weights(&self) -> Option<&str> {
        self.options.own_weights()
    }

    /// Who does the work with these options.
    pub fn engine(&self) -> Engine {
        self.options.engine()
    }

    /// What a container gets for an object of that many bytes. Who only waits for somebody else needs little.
    pub fn resources(&self, bytes: u64) -> Resources {
        match self.engine() {
            Engine::MediaConvert => Resources { vcpus: 1, memory: 2048 },
            Engine::Native | Engine::Rekognition | Engine::Textract | Engine::Comprehend => {
                self.profile().resources.at(bytes)
            }
        }
    }

    /// What of managed services it may ask with these options, each service once.
    pub fn allowances(&self) -> Vec<Allowance> {
        self.options.allowances()
    }

    /// Every option with its value, defaults included, for events and records: secrets are redacted. Options without a
    /// value are left out.
    pub fn option_values(&self) -> Map<String, Value> {
        let mut options = present(self.options.values());
        for secret in self.declaration.secrets {
            if let Some(value) = options.get_mut(*secret) {
                *value = REDACTED.into();
            }
        }
        options
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

    /// The options that differ from their defaults, as text, in the order of their declaration. Secrets are as they were
    /// given: for the program that does the work, and for nobody else.
    pub fn changed_options(&self) -> Vec<(String, String)> {
        let defaults = self.declaration.defaults();
        present(self.options.values())
            .into_iter()
            .filter(|(key, value)| defaults.get(key) != Some(value))
            .map(|(key, value)| (key, text_of(&value)))
            .collect()
    }
}

/// The options that have a value.
fn present(values: Value) -> Map<String, Value> {
    let Value::Object(mut options) = values else { return Map::new() };
    options.retain(|_, value| !value.is_null());
    options
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

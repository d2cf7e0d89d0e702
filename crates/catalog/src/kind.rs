//! The kinds of media, each with its queue, its job and its container image.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident: $name:ident, $queue:literal, $job:literal, $default:literal;)+) => {
        /// What an upload is. Everything that exists once per kind (queue, crate, image, Terraform's `kinds` map)
        /// follows from this list.
        #[derive(
            Debug,
            Clone,
            Copy,
            PartialEq,
            Eq,
            Hash,
            PartialOrd,
            Ord,
            Serialize,
            Deserialize,
            schemars::JsonSchema,
            clap::ValueEnum,
        )]
        #[serde(rename_all = "lowercase")]
        pub enum MediaKind { $($(#[$doc])* $variant,)+ }

        impl MediaKind {
            /// How many kinds there are.
            pub const COUNT: usize = [$(Self::$variant),+].len();

            /// Every kind, in the order of their names.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),+];

            /// The kind's one word: in events, tables, metrics, tags and Terraform's map.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name),)+ }
            }

            /// The environment variable that holds the URL of the kind's queue.
            pub const fn queue_variable(self) -> &'static str {
                match self { $(Self::$variant => $queue,)+ }
            }

            /// The environment variable that holds the URL of the dead-letter queue behind the kind's queue.
            pub const fn dead_letter_queue_variable(self) -> &'static str {
                match self { $(Self::$variant => concat!($queue, "_DLQ"),)+ }
            }

            /// The crate, the binary, the container image and the Batch job definition of the kind.
            pub const fn job_name(self) -> &'static str {
                match self { $(Self::$variant => $job,)+ }
            }

            /// The processing-option of an upload that nobody gave one.
            pub const fn default_processing_option(self) -> &'static str {
                match self { $(Self::$variant => $default,)+ }
            }
        }

        /// One value for each kind, named so that a forgotten kind does not compile.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct PerKind<T> { $($(#[$doc])* pub $name: T,)+ }

        impl<T> PerKind<T> {
            /// Asks for the value of each kind.
            pub fn from_fn(mut value: impl FnMut(MediaKind) -> T) -> Self {
                Self { $($name: value(MediaKind::$variant),)+ }
            }

            /// Turns each value into another one.
            pub fn map<U>(self, mut turn: impl FnMut(T) -> U) -> PerKind<U> {
                PerKind { $($name: turn(self.$name),)+ }
            }

            /// Turns each value into another one, or answers the first error with its kind.
            pub fn try_map<U, E>(self, mut turn: impl FnMut(T) -> Result<U, E>) -> Result<PerKind<U>, (MediaKind, E)> {
                Ok(PerKind { $($name: turn(self.$name).map_err(|error| (MediaKind::$variant, error))?,)+ })
            }

            /// The kinds with their values, in the order of [`MediaKind::ALL`].
            pub fn iter(&self) -> impl Iterator<Item = (MediaKind, &T)> {
                [$((MediaKind::$variant, &self.$name)),+].into_iter()
            }

            /// The values in the order of [`MediaKind::ALL`].
            pub const fn into_array(self) -> [T; MediaKind::COUNT]
            where
                T: Copy,
            {
                [$(self.$name),+]
            }
        }

        impl<T> Index<MediaKind> for PerKind<T> {
            type Output = T;

            fn index(&self, kind: MediaKind) -> &T {
                match kind { $(MediaKind::$variant => &self.$name,)+ }
            }
        }

        impl<T> IndexMut<MediaKind> for PerKind<T> {
            fn index_mut(&mut self, kind: MediaKind) -> &mut T {
                match kind { $(MediaKind::$variant => &mut self.$name,)+ }
            }
        }
    };
}

kinds! {
    /// PDF, office documents, e-books, HTML and text.
    Document: document, "SQS_DOCUMENT", "document-job", "text";
    /// Raster and vector images.
    Image: image, "SQS_PICTURE", "image-job", "resize?width=1600&without-enlargement=true&format=webp";
    /// 3D models.
    Model: model, "SQS_3D_FILE", "model-job", "optimise,render";
    /// Video containers.
    Video: video, "SQS_VIDEO", "video-job", "keyframes";
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no [`MediaKind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind {0:?}; the kinds are {names}", names = names())]
pub struct UnknownKind(pub String);

fn names() -> String {
    let names = MediaKind::ALL.map(MediaKind::name);
    let (last, others) = names.split_last().expect("there are kinds");
    format!("{} and {last}", others.join(", "))
}

impl FromStr for MediaKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_that_of_its_kind() {
        let names = PerKind::from_fn(MediaKind::name);
        for (kind, name) in names.iter() {
            assert_eq!((kind.name(), names[kind]), (*name, *name));
        }
        assert_eq!(names.into_array(), MediaKind::ALL.map(MediaKind::name));
        let read: PerKind<u8> = serde_json::from_str(r#"{"model": 7}"#).unwrap();
        assert_eq!(read, PerKind { model: 7, ..PerKind::default() });
        assert!(serde_json::from_str::<PerKind<u8>>(r#"{"film": 7}"#).unwrap_err().to_string().contains("film"));
        let odd = |value: u8| if value == 7 { Err("seven") } else { Ok(value) };
        assert_eq!(read.try_map(odd), Err((MediaKind::Model, "seven")));
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_kinds_that_there_are() {
        let error = "film".parse::<MediaKind>().unwrap_err().to_string();
        assert_eq!(error, "unknown kind \"film\"; the kinds are document, image, model and video");
    }
}

//! What an upload of a known kind asks for: text that is read once.

use std::fmt;
use std::sync::OnceLock;

use crate::{MediaKind, Operations, Rejection, redact};

/// A processing-option for an upload of a kind. Its text is read when the operations are first asked for, and kept as it
/// is, so that one which this program cannot read (of a newer release, or from a record without its secrets) gets through
/// it unharmed.
///
/// `Display` and `Debug` redact secrets; [`ProcessingOption::as_str`] has them.
#[derive(Clone)]
pub struct ProcessingOption {
    kind: MediaKind,
    text: String,
    operations: OnceLock<Result<Operations, Rejection>>,
}

impl ProcessingOption {
    /// A text for an upload of a kind.
    pub fn new(kind: MediaKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), operations: OnceLock::new() }
    }

    /// The kind of the upload.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The text with its secrets, for whoever carries it out.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The operations, or why there are none.
    pub fn operations(&self) -> Result<&Operations, Rejection> {
        let read = self.operations.get_or_init(|| Operations::parse_for(self.kind, &self.text));
        read.as_ref().map_err(Clone::clone)
    }
}

impl From<Operations> for ProcessingOption {
    fn from(operations: Operations) -> Self {
        Self { kind: operations.kind(), text: operations.unredacted(), operations: Ok(operations).into() }
    }
}

impl PartialEq for ProcessingOption {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.text) == (other.kind, &other.text)
    }
}

impl Eq for ProcessingOption {}

impl fmt::Display for ProcessingOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.text))
    }
}

impl fmt::Debug for ProcessingOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_in_the_text_and_in_the_operations_and_nowhere_else() {
        let asked = ProcessingOption::new(MediaKind::Document, "text?password=hunter2");
        let operations = asked.operations().unwrap().clone();
        assert_eq!(asked.as_str(), "text?password=hunter2");
        assert_eq!(format!("{asked} {asked:?}"), "text?password=REDACTED document: text?password=REDACTED");
        assert_eq!(ProcessingOption::from(operations), asked);
    }

    #[test]
    fn what_cannot_be_read_says_why_and_stays_as_it_is() {
        let asked = ProcessingOption::new(MediaKind::Image, "sharpen?amount=3");
        assert!(asked.operations().unwrap_err().to_string().starts_with("unknown operation \"sharpen\""));
        assert_eq!(asked.as_str(), "sharpen?amount=3");
    }
}

//! The one taxonomy of errors, one exit code each. Batch retries [`FailureKind::Temporary`] and nothing else.

use std::error::Error;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// What a failure means for whoever has to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailureKind {
    /// The request cannot be carried out as asked: unknown operation, option out of range, no permission.
    InvalidRequest,
    /// The input is damaged, of another kind than asked for, or asks for more than the limits allow.
    InvalidInput,
    /// The input is not there, or no longer in the version asked for.
    InputNotFound,
    /// The program's own fault, a crash or an exceeded limit of the worker included.
    Internal,
    /// Throttling, network, Spot: the same request may succeed later.
    Temporary,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::InvalidRequest, Self::InvalidInput, Self::InputNotFound, Self::Internal, Self::Temporary];

    /// The process exit code: those of sysexits.h where one fits. Terraform's retry strategy reads the same numbers.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::InvalidRequest => 64,
            Self::InvalidInput => 65,
            Self::InputNotFound => 66,
            Self::Internal => 70,
            Self::Temporary => 75,
        }
    }
}

/// A failure: what failed, on which object, and why.
///
/// Decisions are taken on [`Failure::kind`]; the text is for people, the cause is in [`Error::source`].
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure of any kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// See [`FailureKind::InvalidRequest`].
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidRequest, message)
    }

    /// See [`FailureKind::InvalidInput`].
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidInput, message)
    }

    /// See [`FailureKind::InputNotFound`].
    pub fn input_not_found(message: impl Into<String>) -> Self {
        Self::new(FailureKind::InputNotFound, message)
    }

    /// See [`FailureKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal, message)
    }

    /// See [`FailureKind::Temporary`].
    pub fn temporary(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Temporary, message)
    }

    /// Adds the cause. Its text follows the message, after a colon.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says what was being done, in front of the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// What the failure means for whoever has to act on it.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut source = self.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !text.is_empty() {
                write!(f, ": {text}")?;
            }
            source = cause.source();
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}

/// An I/O error of the job's own files: internal, but for a full disk, which another machine may not have.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureKind::Temporary,
            _ => FailureKind::Internal,
        };
        Self::new(kind, "local disk I/O failed").because(error)
    }
}

impl From<catalog::Rejection> for Failure {
    fn from(rejection: catalog::Rejection) -> Self {
        Self::invalid_request(rejection.to_string())
    }
}

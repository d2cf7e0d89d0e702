//! Why a service gave no answer, and what that means: the one table of the managed engines' errors.

use contract::{Failure, FailureKind};

use crate::Api;

/// No answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No request could be made: no credentials, no region.
    Unasked(Failure),
    /// No connection, no answer in time, or one that broke off.
    Unheard(String),
    /// The service refused.
    Refused {
        status: u16,
        /// The name of its exception, without namespace.
        code: String,
        message: String,
    },
}

impl Refusal {
    /// Whether the service was called too fast.
    pub(crate) fn is_throttling(&self) -> bool {
        // https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html has the list of all services.
        let known = ["Throttl", "TooManyRequests", "ThroughputExceeded", "RequestLimitExceeded", "SlowDown"];
        match self {
            Self::Refused { status, code, .. } => {
                *status == 429 || code == "LimitExceededException" || known.iter().any(|known| code.contains(known))
            }
            Self::Unasked(_) | Self::Unheard(_) => false,
        }
    }

    /// Whether the same request may be answered soon.
    pub(crate) fn is_temporary(&self) -> bool {
        self.kind() == FailureKind::Temporary
    }

    fn kind(&self) -> FailureKind {
        let (status, code) = match self {
            Self::Unasked(failure) => return failure.kind(),
            Self::Unheard(_) => return FailureKind::Temporary,
            Self::Refused { status, code, .. } => (*status, code.as_str()),
        };
        match code {
            _ if self.is_throttling() => FailureKind::Temporary,
            "ExpiredTokenException" | "RequestExpired" | "ResourceUnavailableException" => FailureKind::Temporary,
            "UnsupportedDocumentException"
            | "BadDocumentException"
            | "DocumentTooLargeException"
            | "ImageTooLargeException"
            | "InvalidImageFormatException"
            | "UnsupportedLanguageException" => FailureKind::InvalidInput,
            "AccessDeniedException"
            | "AccessDenied"
            | "InvalidS3ObjectException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "OptInRequired"
            | "SubscriptionRequiredException" => FailureKind::InvalidRequest,
            _ if status >= 500 || status == 408 => FailureKind::Temporary,
            _ if status == 401 || status == 403 => FailureKind::InvalidRequest,
            // A request that is wrong in itself is this program's.
            _ => FailureKind::Internal,
        }
    }

    /// What it means to whoever asked.
    pub(crate) fn into_failure(self, api: &Api, action: &str) -> Failure {
        let kind = self.kind();
        let (name, permission) = (api.name, api.name.to_owned() + ":" + action);
        match self {
            Self::Unasked(failure) => failure,
            Self::Unheard(reason) => {
                Failure::temporary(format!("{name} could not be reached for {action}")).because(reason)
            }
            Self::Refused { status, code, message } => {
                let said = match (code.is_empty(), message.is_empty()) {
                    (true, _) => format!("HTTP status {status}"),
                    (false, true) => code.clone(),
                    (false, false) => format!("{code}: {message}"),
                };
                let failed = match kind {
                    FailureKind::Temporary => format!("{name} does not answer {action} now; try again later"),
                    FailureKind::InvalidInput => format!("{name} does not take what {action} was asked about"),
                    FailureKind::InvalidRequest if code.starts_with("AccessDenied") => format!(
                        "no permission: {permission} is needed; allow it to the job's role (in Terraform: \
                         engines = {{ {name} = {{}} }}), or take engine=native"
                    ),
                    FailureKind::InvalidRequest => {
                        format!("{name} refuses {action}; check the credentials and AWS_REGION, or take engine=native")
                    }
                    FailureKind::InputNotFound | FailureKind::Internal => format!("{name} rejected {action}"),
                };
                Failure::new(kind, failed).because(said)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rekognition::REKOGNITION;

    fn refused(status: u16, code: &str) -> Refusal {
        Refusal::Refused { status, code: code.to_owned(), message: "words of AWS".to_owned() }
    }

    #[test]
    fn every_error_has_the_kind_that_says_who_has_to_act() {
        for (status, code, kind) in [
            (400, "ProvisionedThroughputExceededException", FailureKind::Temporary),
            (400, "ThrottlingException", FailureKind::Temporary),
            (400, "LimitExceededException", FailureKind::Temporary),
            (429, "", FailureKind::Temporary),
            (500, "InternalServerError", FailureKind::Temporary),
            (503, "", FailureKind::Temporary),
            (400, "ExpiredTokenException", FailureKind::Temporary),
            (400, "BadDocumentException", FailureKind::InvalidInput),
            (400, "ImageTooLargeException", FailureKind::InvalidInput),
            (400, "UnsupportedLanguageException", FailureKind::InvalidInput),
            (400, "AccessDeniedException", FailureKind::InvalidRequest),
            (400, "UnrecognizedClientException", FailureKind::InvalidRequest),
            (403, "", FailureKind::InvalidRequest),
            (400, "InvalidParameterException", FailureKind::Internal),
            (400, "TextSizeLimitExceededException", FailureKind::Internal),
            (404, "UnknownOperationException", FailureKind::Internal),
        ] {
            let refusal = refused(status, code);
            assert_eq!(refusal.is_temporary(), kind == FailureKind::Temporary, "{code}");
            let failure = refusal.into_failure(&REKOGNITION, "DetectLabels");
            assert_eq!(failure.kind(), kind, "{status} {code}: {failure}");
            let text = failure.to_string();
            assert!(text.contains("DetectLabels") && text.contains("ekognition"), "{text}");
        }
        let failure = refused(400, "AccessDeniedException").into_failure(&REKOGNITION, "DetectLabels");
        let wanted = "no permission: rekognition:DetectLabels is needed; allow it to the job's role (in Terraform: \
                      engines = { rekognition = {} }), or take engine=native: AccessDeniedException: words of AWS";
        assert_eq!(failure.to_string(), wanted);
    }
}

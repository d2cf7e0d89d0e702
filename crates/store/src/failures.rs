//! What the errors of AWS's services mean in the one taxonomy: the one table for jobs, Lambdas and the operator's commands.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use contract::{Failure, FailureKind};

use crate::store::overwritten;

/// What a request was for, which decides what "not found" and "not allowed" mean.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Reading an input.
    Read,
    /// Writing an output.
    Write,
    /// Publishing an event.
    Publish,
    /// A request to DynamoDB, SQS or Batch, whose resources come from the configuration.
    Call,
}

/// The failure that an SDK's error is: `subject` is the object or topic, `permission` the IAM action that is needed.
pub fn failure_of<E>(error: SdkError<E, HttpResponse>, purpose: Purpose, subject: &str, permission: &str) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    match &error {
        SdkError::ServiceError(_) => {}
        SdkError::ConstructionFailure(_) => {
            return Failure::invalid_request(format!("no request could be made for {subject}")).because(error);
        }
        _ => return failure_of_connection(error, subject),
    }
    let said = match (error.message(), status) {
        (Some(message), _) => format!("{code}: {message}"),
        (None, Some(status)) => format!("HTTP status {status} {code}").trim_end().to_owned(),
        (None, None) => code.clone(),
    };
    let status = status.unwrap_or_default();
    let failure = match (code.as_str(), status) {
        ("NoSuchBucket", _) => match purpose {
            Purpose::Write => Failure::invalid_request(format!(
                "failed to write {subject}: bucket not found; create it, or name another output"
            )),
            _ => Failure::input_not_found(format!("{subject} not found: the bucket does not exist")),
        },
        ("InvalidObjectState", _) => Failure::invalid_request(format!(
            "{subject} is archived; restore it (s3:RestoreObject) before it can be read"
        )),
        (
            "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestTimeout"
            | "RequestTimeTooSkewed"
            | "BadDigest"
            | "XAmzContentChecksumMismatch"
            | "InternalServerError"
            | "TransactionConflictException"
            | "TransactionInProgressException"
            | "ReplicatedWriteConflictException",
            _,
        )
        | (_, 429 | 500..) => Failure::temporary(format!("{subject}: AWS cannot answer now; try again later")),
        _ if is_throttling(&code) => Failure::temporary(format!("{subject}: AWS asks to try again later")),
        (
            "InvalidAccessKeyId" | "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException",
            _,
        ) => Failure::invalid_request(format!("{subject}: AWS does not accept the credentials of the environment")),
        ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _) | (_, 301) => {
            Failure::invalid_request(format!("{subject} is in another region than AWS_REGION"))
        }
        (_, 403) => {
            let absent = match purpose {
                Purpose::Read => "; S3 answers the same for a missing object if s3:ListBucket is not allowed",
                Purpose::Write | Purpose::Publish | Purpose::Call => "",
            };
            Failure::invalid_request(format!("no permission: {permission} on {subject} is needed{absent}"))
        }
        (_, 412 | 416) if matches!(purpose, Purpose::Read) => overwritten(subject),
        (
            "NotFound"
            | "NotFoundException"
            | "ResourceNotFoundException"
            | "QueueDoesNotExist"
            | "AWS.SimpleQueueService.NonExistentQueue",
            _,
        )
        | (_, 404) => match purpose {
            Purpose::Read => Failure::input_not_found(format!("{subject} not found")),
            Purpose::Write => Failure::temporary(format!("{subject}: the multipart upload no longer exists")),
            Purpose::Publish => Failure::invalid_request(format!("{subject}: topic not found; check SNS_NOTIF")),
            Purpose::Call => Failure::invalid_request(format!("{subject} not found; check the name and AWS_REGION")),
        },
        _ => Failure::invalid_request(format!("{subject}: AWS refused the request")),
    };
    failure.because(said)
}

/// No answer: no connection, no credentials, or an answer that is none.
fn failure_of_connection<E>(error: SdkError<E, HttpResponse>, subject: &str) -> Failure
where
    E: Error + Send + Sync + 'static,
{
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)) =
            error.downcast_ref()
        {
            return Failure::invalid_request(format!(
                "{subject}: no AWS credentials found; give the task a role, or set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            ));
        }
        cause = error.source();
    }
    Failure::new(FailureKind::Temporary, format!("{subject}: AWS could not be reached")).because(error)
}

fn is_throttling(code: &str) -> bool {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the general list of the SDKs.
    [
        "SlowDown",
        "Throttl",
        "TooManyRequests",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "ThroughputExceeded",
        "OverLimit",
        "PriorRequestNotComplete",
    ]
    .iter()
    .any(|known| code.contains(known))
}

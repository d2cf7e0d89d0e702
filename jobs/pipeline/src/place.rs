//! Where a command looks: an object of the system in AWS, or a file of an outbox on this machine. Names of tables and queues
//! in AWS come from the variables that the Lambdas have, too; `terraform output -raw environment` prints them.

use std::path::PathBuf;

use catalog::MediaKind;
use clap::{Args, ValueHint};
use contract::{Failure, Source};

#[cfg(feature = "aws")]
pub(crate) use aws::Aws;

/// What a command is about, as the command line has it.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArguments {
    /// The upload in AWS, `s3://bucket/key`; or the folder with the results of this machine, followed by FILE
    #[arg(value_name = "OBJECT|OUTBOX", value_hint = ValueHint::AnyPath)]
    target: String,
    /// A file, by its path below the inbox
    file: Option<String>,
}

/// What a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// An object in AWS.
    Object(Source),
    /// A file that came through an outbox on this machine.
    File(PathBuf, String),
}

impl TargetArguments {
    pub(crate) fn parse(&self) -> Result<Target, Failure> {
        match &self.file {
            Some(_) if self.target.starts_with("s3://") => {
                Err(Failure::invalid_request(format!("{} is one object; FILE goes with a folder", self.target)))
            }
            Some(file) => Ok(Target::File(PathBuf::from(&self.target), file.clone())),
            None => object(&self.target).map(Target::Object),
        }
    }

    /// For messages.
    pub(crate) fn name(&self) -> String {
        match &self.file {
            Some(file) => format!("{} {file}", self.target),
            None => self.target.clone(),
        }
    }
}

/// A file by its path below the inbox.
pub(crate) fn file(key: &str) -> Source {
    Source { bucket: None, key: key.to_owned(), version_id: None, etag: None, size: 0 }
}

/// An object by its URL.
pub(crate) fn object(url: &str) -> Result<Source, Failure> {
    let parts = url.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).filter(|(_, key)| !key.is_empty());
    let (bucket, key) = parts.ok_or_else(|| {
        Failure::invalid_request(format!("{url:?} is not an object; write s3://bucket/key, or OUTBOX and FILE"))
    })?;
    Ok(Source { bucket: Some(bucket.to_owned()), ..file(key) })
}

/// An object, or a folder of objects, whose key ends in a slash.
#[cfg(feature = "aws")]
pub(crate) fn object_or_folder(url: &str) -> Result<Source, Failure> {
    let wrong = || Failure::invalid_request(format!("{url:?} is not an object or a folder; write s3://bucket/key"));
    object(url).map_err(|_| wrong())
}

/// The bucket and the prefix of a URL.
#[cfg(any(feature = "aws", test))]
pub(crate) fn prefix(url: &str) -> Result<(String, String), Failure> {
    let rest = url.strip_prefix("s3://").filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let rest = rest.ok_or_else(|| {
        Failure::invalid_request(format!(
            "{url:?} is not a bucket with a prefix; write s3://bucket or s3://bucket/prefix"
        ))
    })?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    Ok((bucket.to_owned(), prefix.to_owned()))
}

/// The failure of a command about AWS in a program that does without.
#[cfg(not(feature = "aws"))]
pub(crate) fn without_aws() -> Failure {
    Failure::invalid_request("this program was built without AWS; build it with: cargo build --release -p pipeline")
}

/// Runs a command's requests.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::from)?;
    runtime.block_on(work)
}

/// That kind, or every kind.
pub(crate) fn each_kind(only: Option<MediaKind>) -> impl Iterator<Item = MediaKind> {
    MediaKind::ALL.into_iter().filter(move |kind| only.is_none_or(|only| only == *kind))
}

#[cfg(feature = "aws")]
mod aws {
    use catalog::{MediaKind, PerKind};
    use contract::{Failure, Location, Source};
    use control::classify::handler::Classifier;
    use control::classify::settings::Settings;
    use control::environment::{Environment, Variable};
    use control::output::handler::Recorder;
    use control_aws::{Clients, SystemClock};
    use store::Store;

    const INPUT: &str = "DYNAMODB_INPUT";
    const OUTPUT: &str = "DYNAMODB_OUTPUT";

    /// The system in AWS that the environment names.
    pub(crate) struct Aws(Clients);

    impl Aws {
        pub(crate) async fn load() -> Result<Self, Failure> {
            Clients::load().await.map(Self)
        }

        pub(crate) fn inputs(&self) -> Result<control_aws::DynamoTable, Failure> {
            Ok(self.0.table(Environment::read(&[required(INPUT)])?.get(INPUT)))
        }

        pub(crate) fn outputs(&self) -> Result<control_aws::DynamoTable, Failure> {
            Ok(self.0.table(Environment::read(&[required(OUTPUT)])?.get(OUTPUT)))
        }

        pub(crate) fn executor(&self) -> control_aws::AwsBatch {
            self.0.executor()
        }

        pub(crate) fn queues(&self) -> control_aws::SqsQueues {
            self.0.queues()
        }

        /// The text of a secret of Secrets Manager.
        pub(crate) async fn secret(&self, arn: &str) -> Result<String, Failure> {
            let client = aws_sdk_secretsmanager::Client::new(self.0.configuration());
            let answer = client.get_secret_value().secret_id(arn).send().await;
            let answer = answer.map_err(|error| {
                store::failure_of(error, store::Purpose::Read, arn, "secretsmanager:GetSecretValue")
            })?;
            answer.secret_string.ok_or_else(|| Failure::invalid_request(format!("{arn} has no text")))
        }

        /// URLs of the kinds' queues.
        pub(crate) fn queue_urls() -> Result<PerKind<String>, Failure> {
            let environment = Environment::read(&MediaKind::ALL.map(|kind| required(kind.queue_variable())))?;
            Ok(PerKind::from_fn(|kind| environment.get(kind.queue_variable()).to_owned()))
        }

        /// URLs of the dead-letter queues.
        pub(crate) fn dead_letter_urls() -> Result<PerKind<String>, Failure> {
            let names = MediaKind::ALL.map(MediaKind::dead_letter_queue_variable);
            let environment = Environment::read(&names.map(required))?;
            Ok(PerKind::from_fn(|kind| environment.get(kind.dead_letter_queue_variable()).to_owned()))
        }

        /// URLs of the queues of undelivered events: those for classify, and those for output.
        pub(crate) fn undelivered_urls() -> Result<[String; 2], Failure> {
            let names = ["SQS_UNDELIVERED_UPLOADS", "SQS_UNDELIVERED_RESULTS"];
            let environment = Environment::read(&names.map(required))?;
            Ok(names.map(|name| environment.get(name).to_owned()))
        }

        /// Output, to do by hand what the function could not.
        pub(crate) async fn recorder(&self) -> Result<Recorder<control_aws::AwsPorts>, Failure> {
            let environment = Environment::read(&control::output::environment::variables())?;
            Ok(Recorder {
                objects: self.0.objects().await?,
                inputs: self.0.table(environment.get(INPUT)),
                outputs: self.0.table(environment.get(OUTPUT)),
                queues: self.0.queues_and_deliveries(&environment),
                notices: self.0.notices_and_ends(&environment).await?,
                executor: self.0.executor(),
                clock: SystemClock,
                settings: control::output::settings::Settings::read(&environment)?,
            })
        }

        /// An object as it is now.
        pub(crate) async fn source(&self, object: Source) -> Result<Source, Failure> {
            let location = Location::of_source(&object)?;
            let version = Store::default().head(&location).await?;
            Ok(Source { version_id: version.version_id, etag: version.etag, size: version.size, ..object })
        }

        /// Classify for objects of a bucket: it takes those of its own, and an operator names the bucket with the object.
        pub(crate) async fn classifier(&self, bucket: &str) -> Result<Classifier<control_aws::AwsPorts>, Failure> {
            let environment = Environment::from_lookup(&control::classify::environment::variables(), |name| {
                if name == "S3_INPUT" { Some(bucket.to_owned()) } else { std::env::var(name).ok() }
            })?;
            Ok(Classifier {
                objects: self.0.objects().await?,
                records: self.0.table(environment.get(INPUT)),
                queues: self.0.queues(),
                notices: self.0.notices(environment.get("SNS_NOTIF")).await?,
                clock: SystemClock,
                settings: Settings::read(&environment)?,
            })
        }
    }

    fn required(name: &'static str) -> Variable {
        Variable::required(name, "of this system; `terraform output -raw environment` prints it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(target: &str, file: Option<&str>) -> Result<Target, Failure> {
        TargetArguments { target: target.to_owned(), file: file.map(str::to_owned) }.parse()
    }

    #[test]
    fn a_prefix_may_be_empty_and_its_bucket_not() {
        let read = |url| prefix(url).map_err(|failure| failure.to_string());
        let pair = |bucket: &str, prefix: &str| Ok((bucket.to_owned(), prefix.to_owned()));
        assert_eq!(read("s3://in/photos/2026"), pair("in", "photos/2026"));
        assert_eq!(read("s3://in"), pair("in", ""));
        assert!(read("in/photos").is_err() && read("s3:///a").is_err());
    }

    #[test]
    fn a_target_is_an_object_or_a_file_of_a_folder() {
        assert!(matches!(parse("s3://in/a/b.jpg", None), Ok(Target::Object(source)) if source.key == "a/b.jpg"));
        assert_eq!(parse("out", Some("a/b.jpg")).unwrap(), Target::File("out".into(), "a/b.jpg".to_owned()));
        for (target, file) in [("out", None), ("s3://in", None), ("s3://in/a", Some("b"))] {
            assert!(parse(target, file).is_err(), "{target} {file:?}");
        }
    }
}

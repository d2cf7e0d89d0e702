//! What is in the place of AWS's clients in a program that is built without them, as `make demo` builds it to be there sooner:
//! whatever needs S3 or SNS fails and says so.

use contract::Failure;

/// Why what needs AWS fails.
pub fn without_aws() -> Failure {
    Failure::invalid_request("this program was built without AWS; `make build` builds one with it")
}

pub(crate) mod aws {
    use contract::Failure;

    use super::without_aws;

    /// A client of S3, of which there is none.
    #[derive(Clone)]
    pub(crate) struct S3(());

    /// The absence of clients.
    #[derive(Clone, Default)]
    pub struct Aws(());

    impl Aws {
        pub(crate) async fn s3(&self) -> Result<&S3, Failure> {
            std::future::ready(Err(without_aws())).await
        }

        pub(crate) async fn sns(&self) -> Result<(), Failure> {
            std::future::ready(Err(without_aws())).await
        }
    }
}

pub(crate) mod s3 {
    use std::fs::File;

    use bytes::Bytes;
    use contract::{Failure, S3Location};
    use operation::Progress;

    use super::aws::S3;
    use super::without_aws;
    use crate::{FetchReport, ObjectVersion, StoreOptions};

    pub(crate) async fn head(_: &S3, _: &S3Location) -> Result<ObjectVersion, Failure> {
        std::future::ready(Err(without_aws())).await
    }

    pub(crate) async fn fetch(
        _: &S3,
        _: &S3Location,
        _: &ObjectVersion,
        _: File,
        _: StoreOptions,
        _: &Progress,
    ) -> Result<FetchReport, Failure> {
        std::future::ready(Err(without_aws())).await
    }

    pub(crate) async fn read_at(
        _: &S3,
        _: &S3Location,
        _: &ObjectVersion,
        _: u64,
        _: u64,
        _: StoreOptions,
    ) -> Result<Bytes, Failure> {
        std::future::ready(Err(without_aws())).await
    }
}

pub(crate) mod multipart {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use contract::{Failure, S3Location};

    use super::aws::S3;
    use super::without_aws;
    use crate::StoreOptions;
    use crate::upload::Answer;

    /// The absence of an upload to S3.
    pub(crate) struct Multipart;

    impl Multipart {
        pub(crate) fn new(
            _: S3,
            _: S3Location,
            _: &str,
            _: &BTreeMap<String, String>,
            _: Option<u64>,
            _: StoreOptions,
        ) -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "as the upload that there is with AWS")]
        pub(crate) fn part_bytes(&self) -> usize {
            1
        }

        pub(crate) async fn write(&mut self, _: Bytes) -> Result<(), Failure> {
            std::future::ready(Err(without_aws())).await
        }

        pub(crate) async fn send_all(&mut self) -> Result<(), Failure> {
            std::future::ready(Err(without_aws())).await
        }

        pub(crate) async fn complete(&mut self, _: &[u8]) -> Result<Answer, Failure> {
            std::future::ready(Err(without_aws())).await
        }

        pub(crate) async fn abort(&mut self) {
            std::future::ready(()).await;
        }
    }
}

pub(crate) mod sns {
    use contract::Failure;

    use super::aws::Aws;

    pub(crate) async fn publish(aws: &Aws, _: &str, _: String, _: &[(&'static str, String)]) -> Result<(), Failure> {
        aws.sns().await
    }
}

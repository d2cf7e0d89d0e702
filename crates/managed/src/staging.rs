//! What a service wrote into S3 for this program to take.

use contract::{Failure, Location};
use store::{Aws, Purpose, failure_of};

/// A folder of a service's results.
pub struct Staging {
    aws: Aws,
    location: Location,
    bucket: String,
    /// Ends with a slash.
    prefix: String,
}

impl Staging {
    /// The folder of that location, which is in S3.
    pub fn new(aws: Aws, location: Location) -> Result<Self, Failure> {
        let bucket = location.bucket().map(str::to_owned).ok_or_else(|| {
            Failure::invalid_request(format!("{location} is not in S3, where a managed engine could write"))
        })?;
        let prefix = format!("{}/", location.key().trim_end_matches('/'));
        Ok(Self { aws, location, bucket, prefix })
    }

    /// The URL of the folder, without a slash at its end.
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix.trim_end_matches('/'))
    }

    /// The location of a file of it.
    pub fn file(&self, name: &str) -> Location {
        self.location.join(name)
    }

    /// The names of its files.
    pub async fn names(&self) -> Result<Vec<String>, Failure> {
        let mut pages =
            self.aws.s3().await?.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure_of(error, Purpose::Read, &self.url(), "s3:ListBucket"))?;
            let keys = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
            names.extend(keys.filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned)));
        }
        Ok(names)
    }
}

//! What is in the place of the client in a program that is built without AWS: every call fails and says so.

pub(crate) mod client {
    use contract::Failure;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;
    use store::{Aws, without_aws};

    use crate::api::Api;

    /// Calls nobody.
    pub struct Client;

    impl Client {
        /// The absence of a client.
        pub fn new(_: Aws, _: &[&'static Api]) -> Result<Self, Failure> {
            Ok(Self)
        }

        /// Fails.
        pub async fn call<A: DeserializeOwned>(
            &self,
            _: &'static Api,
            _: &'static str,
            _: &impl Serialize,
        ) -> Result<A, Failure> {
            std::future::ready(Err(without_aws())).await
        }

        pub(crate) async fn rest<A: DeserializeOwned>(
            &self,
            _: &'static Api,
            _: &'static str,
            _: &'static str,
            _: &str,
            _: Option<&Value>,
        ) -> Result<A, Failure> {
            std::future::ready(Err(without_aws())).await
        }
    }
}

pub(crate) mod staging {
    use contract::{Failure, Location};
    use store::{Aws, without_aws};

    /// The absence of a folder of a service's results.
    pub struct Staging(Location);

    impl Staging {
        /// A folder that no service has written into.
        pub fn new(_: Aws, location: Location) -> Result<Self, Failure> {
            Ok(Self(location))
        }

        /// The URL of the folder.
        pub fn url(&self) -> String {
            self.0.to_string()
        }

        /// The location of a file of it.
        pub fn file(&self, name: &str) -> Location {
            self.0.join(name)
        }

        /// Fails.
        pub async fn names(&self) -> Result<Vec<String>, Failure> {
            std::future::ready(Err(without_aws())).await
        }
    }
}

//! What tells one service from the other.

/// A service.
#[derive(Debug)]
pub struct Api {
    /// In its host's name, in signatures and in permissions.
    pub name: &'static str,
    /// In environment variables: `AWS_ENDPOINT_URL_…`, `…_PER_SECOND`.
    pub variable: &'static str,
    /// In front of an action in `X-Amz-Target`; empty if it speaks REST.
    pub target: &'static str,
    /// The version of its interface.
    pub version: &'static str,
    /// Calls of an action and second, unless the environment says otherwise: less than the smallest quota of any region.
    pub per_second: f64,
}

//! Ids made by hashing.

use sha2::{Digest, Sha256};

/// The id of a request that nobody gave one: the same for the same object and the same operations.
pub fn job_id(source: &str, operations: &str) -> String {
    let digest = Sha256::new().chain_update(source).chain_update([0]).chain_update(operations).finalize();
    hexadecimal(&digest[..8])
}

/// Lower-case hexadecimal.
pub fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(digest.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

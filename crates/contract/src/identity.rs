//! Ids made by hashing.

use sha2::{Digest, Sha256};

/// The id of a request that nobody gave one: the same for the same object and the same operations.
pub fn job_id(source: &str, operations: &str) -> String {
    let digest = Sha256::new().chain_update(source).chain_update([0]).chain_update(operations).finalize();
    hexadecimal(&digest[..8])
}

/// S3's sequencers have 16 to 20 hexadecimal digits. "To compare them, right-pad the shorter value with zeros, and then do a
/// lexicographic comparison" (S3 User Guide, event message structure): they begin with the time, and longer ones go on
/// with what tells events of the same time apart.
pub const SEQUENCER_DIGITS: usize = 24;

/// Whether it is the id of an upload's own job, which has a place in the order of its object's versions.
pub fn is_of_upload(job_id: &str) -> bool {
    let digits = job_id.split('-').next().unwrap_or_default();
    digits.len() >= SEQUENCER_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An upload's place in the order of its object's versions. Empty for a job that an operator asked for.
pub fn sequence(job_id: &str) -> &str {
    if is_of_upload(job_id) { job_id.split('-').next().unwrap_or_default() } else { "" }
}

/// Lower-case hexadecimal.
pub fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(digest.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

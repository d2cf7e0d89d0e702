//! Where the bytes of a worker's input come from, on the side of its parent.

use std::fs::File;
use std::ops::Range;

use contract::Failure;

/// An object that is read in parts, in the parent. A failure ends the worker and is the job's.
pub trait RangeSource: Send + Sync {
    /// At most `length` bytes at `offset`, and at least one: the range begins before the end of the object.
    fn read_at(&self, offset: u64, length: usize) -> Result<bytes::Bytes, Failure>;

    /// Exactly these parts, each within the object, one behind the other.
    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                let part = self.read_at(at, (range.end - at) as usize)?;
                if part.is_empty() {
                    return Err(Failure::internal(format!("the store gave no bytes at {at}")));
                }
                let count = part.len().min((range.end - at) as usize);
                bytes.extend_from_slice(&part[..count]);
                at += count as u64;
            }
        }
        Ok(bytes)
    }

    /// These parts will be asked for next, in the same words: they may be fetched meanwhile.
    fn expect_ranges(&self, ranges: &[Range<u64>]) {
        let _ = ranges;
    }
}

/// The objects beside the input, in the parent.
pub trait SiblingSource: Send + Sync {
    /// Opens one for reading. The path went through [`crate::sibling_path`]; whether links lead out of the folder is for this
    /// to see to.
    fn open(&self, relative: &str) -> Result<File, Failure>;
}

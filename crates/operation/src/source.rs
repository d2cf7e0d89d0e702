//! Where the bytes of a worker's input come from, on the side of its parent.

use std::fs::File;
use std::ops::Range;

use contract::Failure;

use crate::Announcement;

/// An object that is read in parts, in the parent. A failure ends the worker and is the job's.
pub trait RangeSource: Send + Sync {
    /// At most `length` bytes at `offset`, and at least one: the range begins before the end of the object.
    fn read_at(&self, offset: u64, length: usize) -> Result<bytes::Bytes, Failure>;

    /// Exactly these parts, each within the object, one behind the other. What [`RangeSource::announce`] was told under the
    /// same name, and is not among them, is not needed any more.
    fn read_ranges(&self, ranges: &[Range<u64>], announced: Option<Announcement>) -> Result<Vec<u8>, Failure> {
        let _ = announced;
        let mut bytes = Vec::new();
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                let part = self.read_at(at, (range.end - at) as usize)?;
                if part.is_empty() {
                    return Err(Failure::internal(format!("the store returned no bytes at {at}")));
                }
                let count = part.len().min((range.end - at) as usize);
                bytes.extend_from_slice(&part[..count]);
                at += count as u64;
            }
        }
        Ok(bytes)
    }

    /// These parts will be asked for under this name: they may be fetched meanwhile.
    fn announce(&self, name: Announcement, ranges: &[Range<u64>]) {
        let _ = (name, ranges);
    }
}

/// The objects beside the input, in the parent.
pub trait CompanionSource: Send + Sync {
    /// Opens one for reading. The path went through [`crate::companion_path`]; whether links lead out of the folder is for this
    /// to see to.
    fn open(&self, relative: &str) -> Result<File, Failure>;
}

//! The list of a packed job: a JSON line per request in `S3_WORK`. Child `i` of an array of `n` takes the `i`-th of `n`
//! contiguous slices of `ceil(lines / n)` lines; a job that is no array takes all. It is read by [`job::read_list`], as the job reads it.

use std::ops::Range;

use job::JobRequest;

/// Writes a list.
pub fn write(requests: &[JobRequest]) -> Vec<u8> {
    let line = |request| serde_json::to_string(request).expect("a request is plain JSON") + "\n";
    requests.iter().map(line).collect::<String>().into_bytes()
}

/// Which lines a child takes: by the rule of the job that works through them. A child that the array does not have takes
/// none.
pub fn slice(lines: usize, children: usize, child: usize) -> Range<usize> {
    job::slice_of(lines, child, children.max(1)).unwrap_or(lines..lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_belongs_to_exactly_one_child() {
        for lines in 0..40 {
            for children in 1..12 {
                let taken: Vec<usize> = (0..children).flat_map(|child| slice(lines, children, child)).collect();
                assert_eq!(taken, (0..lines).collect::<Vec<_>>(), "{lines} lines, {children} children");
            }
        }
    }
}

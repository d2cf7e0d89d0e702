//! The list of a packed job: a JSON line per request in `S3_WORK`. Child `i` of an array of `n` takes the `i`-th of `n`
//! contiguous slices of `ceil(lines / n)` lines; a job that is no array takes all.

use std::ops::Range;

use crate::event::JobRequest;
use crate::failure::Failure;

/// Writes a list.
pub fn write(requests: &[JobRequest]) -> Vec<u8> {
    let line = |request| serde_json::to_string(request).expect("a request is plain JSON") + "\n";
    requests.iter().map(line).collect::<String>().into_bytes()
}

/// The requests of a list. A line that is none is told with its number and the list's name.
pub fn read_list(text: &[u8], list: &str) -> Result<Vec<JobRequest>, Failure> {
    let lines = text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_slice(line).map_err(|error| {
                Failure::invalid_request(format!("line {} of {list} is not a valid request", number + 1)).because(error)
            })
        })
        .collect()
}

/// The lines of an array child: contiguous slices of equal length, the last ones shorter or empty.
pub fn slice_of(lines: usize, index: usize, size: usize) -> Result<Range<usize>, Failure> {
    if index >= size {
        return Err(Failure::invalid_request(format!("array index {index} is not below the array size {size}")));
    }
    let length = lines.div_ceil(size);
    let start = (index * length).min(lines);
    Ok(start..(start + length).min(lines))
}

/// Which lines a child takes, by the rule of [`slice_of`]. A child that the array does not have takes none.
pub fn slice(lines: usize, children: usize, child: usize) -> Range<usize> {
    slice_of(lines, child, children.max(1)).unwrap_or(lines..lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_slices_of_an_array_are_the_list(lines in 0_usize..5000, size in 1_usize..200) {
            let slices: Vec<_> = (0..size).flat_map(|index| slice_of(lines, index, size).unwrap()).collect();
            proptest::prop_assert_eq!(slices, (0..lines).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_index_outside_the_array_is_refused() {
        assert!(slice_of(10, 3, 3).is_err());
    }
}

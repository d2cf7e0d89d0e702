//! The order in which the blocks of a page are read.

use super::layout::Region;

/// Indices of the regions in reading order.
pub(super) fn order(regions: &[Region]) -> Vec<usize> {
    (0..regions.len()).collect()
}

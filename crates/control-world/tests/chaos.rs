//! The control plane in a world where everything goes wrong that may, with its tables in memory.

use control_world::{chaos, in_memory};

#[test]
fn every_upload_ends_as_it_should_whatever_goes_wrong() {
    chaos::every_upload_ends_as_it_should(in_memory);
}

#[test]
fn without_faults_the_requests_per_upload_are_few() {
    chaos::without_faults_the_requests_per_upload_are_few(in_memory);
}

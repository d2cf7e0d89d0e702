//! Any bytes as a file: the lexer, the cross-reference, its repair, the page tree, filters and what a file says of itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod document;

fuzz_target!(|bytes: &[u8]| document::extract(bytes));

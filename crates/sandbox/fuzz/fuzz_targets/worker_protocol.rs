//! What the parent makes of a worker's bytes, cut at any place: requests or an error, never a panic, and no more memory
//! than arrived.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, piece) = input;
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(piece).max(1)).collect();
    sandbox::decode_requests(&pieces);
});

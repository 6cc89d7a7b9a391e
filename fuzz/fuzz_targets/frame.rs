//! Any bytes as a frame, and as the records of one.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| seglog::fuzz_frame(input));

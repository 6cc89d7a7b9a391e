//! A start on a log with damage from the input.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| seglog::fuzz_recovery(input));

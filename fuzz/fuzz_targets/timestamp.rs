//! `gateway::fuzz::timestamp` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::fuzz::timestamp(data));

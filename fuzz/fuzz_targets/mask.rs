//! libFuzzer's door to the target `mask`; what it does and checks stands in `fuzz/harness`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragchew_fuzz_harness::run("mask", data));

//! libFuzzer's door to the target `replay`; what it does and checks stands in `fuzz/harness`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragchew_fuzz_harness::run("replay", data));

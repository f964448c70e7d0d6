//! Requests to callgrind from inside the program: count from here to there, and write down what was counted. Owns the magic
//! instructions of valgrind's client requests; outside valgrind they do nothing. Source: valgrind.h, callgrind.h.

const CALLGRIND: usize = ((b'C' as usize) << 24) | ((b'T' as usize) << 16);
const RUNNING_ON_VALGRIND: usize = 0x1001;
const ZERO_STATS: usize = CALLGRIND + 1;
const TOGGLE_COLLECT: usize = CALLGRIND + 2;
const DUMP_STATS_AT: usize = CALLGRIND + 3;
const START_INSTRUMENTATION: usize = CALLGRIND + 4;

/// Whether valgrind runs this program.
pub fn is_running() -> bool {
    request(RUNNING_ON_VALGRIND, 0) != 0
}

/// From here on instructions are looked at, and the simulated caches fill.
pub fn start_instrumentation() {
    request(START_INSTRUMENTATION, 0);
}

/// Forgets what was counted.
pub fn zero() {
    request(ZERO_STATS, 0);
}

/// Begins to count, or stops.
pub fn toggle_collect() {
    request(TOGGLE_COLLECT, 0);
}

/// Writes down what was counted, under a name, and begins at zero.
pub fn dump(name: &str) {
    let text = std::ffi::CString::new(name).unwrap_or_default();
    request(DUMP_STATS_AT, text.as_ptr() as usize);
}

#[cfg(target_arch = "x86_64")]
fn request(code: usize, argument: usize) -> usize {
    let arguments = [code, argument, 0, 0, 0, 0];
    let mut result = 0_usize;
    // SAFETY: four rotations by 128 bits in all and an exchange of a register with itself change nothing. Valgrind reads
    // the six words and writes the result.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") arguments.as_ptr(), inout("rdx") result, options(nostack)
        );
    }
    result
}

#[cfg(target_arch = "aarch64")]
fn request(code: usize, argument: usize) -> usize {
    let arguments = [code, argument, 0, 0, 0, 0];
    let mut result = 0_usize;
    // SAFETY: four rotations by 128 bits in all and an or of a register with itself change nothing. Valgrind reads the six
    // words and writes the result.
    unsafe {
        std::arch::asm!(
            "ror x12, x12, #3", "ror x12, x12, #13", "ror x12, x12, #51", "ror x12, x12, #61", "orr x10, x10, x10",
            inout("x3") result, in("x4") arguments.as_ptr(), out("x12") _, options(nostack)
        );
    }
    result
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn request(_: usize, _: usize) -> usize {
    0
}

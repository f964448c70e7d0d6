//! The system calls that no safe crate offers: batched datagrams, clocks, randomness, raw socket options, flags of
//! inherited descriptors. The one room with unsafe code; never decides anything. Source: design §4, recvmmsg(2), sendmmsg(2), cmsg(3), ip(7), ipv6(7).
#![allow(unsafe_code)]
// The widths of C's types differ between C libraries and machines.
#![allow(clippy::unnecessary_cast)]

mod address;
pub(crate) mod batch;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Nanoseconds on `clock`.
pub(crate) fn nanoseconds(clock: libc::clockid_t) -> u64 {
    // SAFETY: a timespec is plain integers, for which zero bytes are valid.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    // SAFETY: `time` is valid for writing. The call cannot fail for the clocks we ask for (Linux 2.6.39); if it did,
    // `time` stays zero.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

/// Has an open descriptor closed in programs that this one starts. A number that is not open is left alone.
pub(crate) fn close_on_exec(number: i32) {
    // SAFETY: F_SETFD takes integers only and touches no memory; that a program that is started later does not get the
    // descriptor takes nothing from whoever owns it here.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
}

/// Fills `buffer` from getrandom(2).
pub(crate) fn fill_random(mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        // SAFETY: the pointer and length are those of a live, writable slice.
        let got = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        match usize::try_from(got) {
            Ok(got) => buffer = buffer.get_mut(got..).unwrap_or_default(),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// setsockopt(2) with an integer.
pub(crate) fn set_option(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: i32) -> io::Result<()> {
    let value: libc::c_int = value;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer and length are those of `value`, which the kernel only reads during the call.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

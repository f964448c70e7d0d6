//! The system's time and randomness, as the core wants them. Owns no state. Source: design §2.

use crate::sys;
use ragchew_core::{Mono, Now, Seed, Wall};
use std::io;

/// This moment: CLOCK_BOOTTIME for timers, so that a suspended machine finds its sessions expired, and CLOCK_REALTIME for
/// stamps.
pub fn now() -> Now {
    Now { mono: Mono(sys::nanoseconds(libc::CLOCK_BOOTTIME)), wall: Wall(sys::nanoseconds(libc::CLOCK_REALTIME)) }
}

/// A fresh key from getrandom(2).
///
/// # Errors
/// When the system has no randomness to give; a server must not start then, because its challenges could be guessed.
pub fn seed() -> io::Result<Seed> {
    let mut key = [0; 32];
    sys::fill_random(&mut key)?;
    Ok(Seed::Key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_run_backwards_and_the_wall_clock_is_the_systems() {
        let first = now();
        let second = now();
        assert!(first.mono.0 > 0 && second.mono >= first.mono);
        let system = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!(system.as_secs().abs_diff(second.wall.0 / 1_000_000_000) <= 5);
    }

    #[test]
    fn two_seeds_differ() {
        let (Seed::Key(one), Seed::Key(two)) = (seed().unwrap(), seed().unwrap()) else { panic!("not keys") };
        assert_ne!(one, two);
        assert_ne!(one, [0; 32]);
    }
}

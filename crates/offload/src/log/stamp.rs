//! Times as people read them, in UTC. Knows the calendar since 1970 and nothing of time zones: lines of servers in
//! different countries can be laid beside each other.

use ragchew_core::time::Wall;
use std::fmt;

/// A moment in UTC; `Display` is `2026-11-21T09:06:16.643Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
    millis: u64,
}

impl From<Wall> for Stamp {
    fn from(wall: Wall) -> Self {
        let millis = wall.0 / 1_000_000;
        let (days, second_of_day) = (millis / 86_400_000, millis / 1_000 % 86_400);
        // Years are counted from March, so that the leap day is the last of its year, in eras of 400 years.
        let from_march = days + 719_468;
        let (era, of_era) = (from_march / 146_097, from_march % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self { year, month, day, second_of_day, millis: millis % 1_000 }
    }
}

impl Stamp {
    fn clock(&self) -> (u64, u64, u64) {
        (self.second_of_day / 3_600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }

    /// The form of Python's logging: `2026-11-21 09:06:16,643`.
    pub fn python(&self) -> String {
        let Self { year, month, day, millis, .. } = self;
        let (hour, minute, second) = self.clock();
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{millis:03}")
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, millis, .. } = self;
        let (hour, minute, second) = self.clock();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> String {
        Stamp::from(Wall(seconds * 1_000_000_000 + 7_000_000)).to_string()
    }

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00.007Z");
        assert_eq!(at(1_795_251_976), "2026-11-21T09:06:16.007Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.007Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.007Z");
        assert_eq!(Stamp::from(Wall(1_795_251_976_643_000_000)).python(), "2026-11-21 09:06:16,643");
    }
}

//! The conversation of the demonstration: who is on which talkgroup and who speaks next. Pure: time and a seed in, key-ups
//! out, so that the same seed gives the same conversation.

use ragchew_core::id::RadioId;
use ragchew_core::time::{Mono, Span};

/// A simulated hotspot and its user. Callsigns beginning with Q are given to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// First name, sent as talker alias.
    pub name: &'static str,
    /// Callsign of the hotspot.
    pub callsign: &'static str,
    /// OPTIONS of the hotspot.
    pub options: &'static str,
    /// Talkgroups on slot 2 on which this user joins in.
    pub talkgroups: &'static [u32],
}

/// Everybody.
pub const PEOPLE: [Person; 12] = [
    Person { name: "Ana", callsign: "Q1ANA", options: "TS2=91,235", talkgroups: &[91, 235] },
    Person { name: "Ben", callsign: "Q2BEN", options: "TS2=91", talkgroups: &[91] },
    Person { name: "Cleo", callsign: "Q3CLEO", options: "TS2=91,2350", talkgroups: &[91, 2350] },
    Person { name: "Dan", callsign: "Q4DAN", options: "TS2=235", talkgroups: &[235] },
    Person { name: "Eva", callsign: "Q5EVA", options: "TS2=235,2350", talkgroups: &[235, 2350] },
    Person { name: "Finn", callsign: "Q6FINN", options: "TS2=235;SINGLE=1", talkgroups: &[235] },
    Person { name: "Gita", callsign: "Q7GITA", options: "TS2=2350:2:8", talkgroups: &[8] },
    Person { name: "Hugo", callsign: "Q8HUGO", options: "TS2=2350", talkgroups: &[2350] },
    Person { name: "Ines", callsign: "Q9INES", options: "TS2=2350,91", talkgroups: &[2350] },
    Person { name: "Jan", callsign: "Q1JAN", options: "TS2=3100", talkgroups: &[3100] },
    Person { name: "Kim", callsign: "Q2KIM", options: "TS2=3100", talkgroups: &[3100] },
    Person { name: "Lou", callsign: "Q3LOU", options: "TS2=3100,91", talkgroups: &[3100, 9990] },
];

/// DMR ID of the hotspot of person `n`, and of the user's radio.
pub fn radio(n: usize) -> RadioId {
    RadioId(2_349_001 + n as u32)
}

/// Somebody presses the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUp {
    /// Index into [`PEOPLE`].
    pub person: usize,
    /// Talkgroup on RF.
    pub tg: u32,
    /// Superframes of 360 ms.
    pub superframes: u32,
}

/// One round table: people who take turns.
#[derive(Clone, Debug)]
struct Table {
    /// Each with the talkgroup number under which he knows this conference.
    seats: &'static [(usize, u32)],
    next_at: Mono,
    last: usize,
}

/// The conversation.
#[derive(Clone, Debug)]
pub struct Script {
    tables: Vec<Table>,
    state: u64,
}

const TABLES: [&[(usize, u32)]; 5] = [
    &[(0, 91), (1, 91), (2, 91), (8, 91)],
    &[(3, 235), (4, 235), (5, 235), (0, 235)],
    &[(6, 8), (7, 2350), (8, 2350), (4, 2350)],
    &[(9, 3100), (10, 3100), (11, 3100)],
    &[(11, 9990)],
];

impl Script {
    /// A conversation that begins at `now`.
    pub fn new(seed: u64, now: Mono) -> Self {
        let mut script = Self { tables: Vec::new(), state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 };
        for (n, seats) in TABLES.into_iter().enumerate() {
            let next_at = now + Span::millis(800 * (n as u64 + 1));
            script.tables.push(Table { seats, next_at, last: 0 });
        }
        script
    }

    /// Who presses the button by `now`; `is_busy` says who is speaking already.
    pub fn due(&mut self, now: Mono, is_busy: impl Fn(usize) -> bool) -> Vec<KeyUp> {
        let mut due = Vec::new();
        for at in 0..self.tables.len() {
            let Some(table) = self.tables.get(at).filter(|table| table.next_at <= now) else { continue };
            let (seats, last) = (table.seats, table.last);
            let turn = if seats.len() > 1 {
                (last + 1 + self.below(seats.len() as u64 - 1) as usize) % seats.len()
            } else {
                0
            };
            let superframes = 4 + self.below(12) as u32;
            // The others wait for the end and a breath; the echo takes as long again to answer.
            let breath = Span::millis(900 + self.below(2_200));
            let (person, tg) = seats.get(turn).copied().unwrap_or_default();
            let speech = Span::millis(360 * u64::from(superframes) + 120);
            let answer = if tg == 9990 { Span(speech.0 + Span::secs(8).0) } else { Span(0) };
            let free = !is_busy(person);
            if free {
                due.push(KeyUp { person, tg, superframes });
            }
            if let Some(table) = self.tables.get_mut(at) {
                table.last = turn;
                let pause = speech.0 + breath.0 + answer.0;
                table.next_at = now + if free { Span(pause) } else { Span::millis(700) };
            }
        }
        due
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) % n.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(seed: u64) -> Vec<(u64, KeyUp)> {
        let mut script = Script::new(seed, Mono(0));
        let mut all = Vec::new();
        for tenth in 0..600 {
            let now = Mono(0) + Span::millis(100 * tenth);
            all.extend(script.due(now, |_| false).into_iter().map(|key_up| (tenth, key_up)));
        }
        all
    }

    #[test]
    fn the_same_seed_gives_the_same_conversation() {
        assert_eq!(minute(7), minute(7));
        assert_ne!(minute(7), minute(8));
    }

    #[test]
    fn every_talkgroup_is_spoken_on_and_nobody_on_one_that_is_not_his() {
        let all = minute(3);
        for tg in [91, 235, 2350, 8, 3100, 9990] {
            assert!(all.iter().any(|(_, key_up)| key_up.tg == tg), "nobody speaks on {tg}");
        }
        for (_, KeyUp { person, tg, .. }) in all {
            let person = PEOPLE[person];
            assert!(
                person.talkgroups.contains(&tg) || person.options.contains(&tg.to_string()),
                "{} {tg}",
                person.name
            );
        }
    }
}

//! OPTIONS, the text in which a client asks for talkgroups and habits. Owns the grammars of FreeDMR, ADN, DMR+ and
//! HBlink4, and their meaning as one value; applies nothing. A bad item voids itself alone. Source: `wire.md` 1.5,
//! `behaviour.md` 1.7 and S-011 to S-034.

use crate::config::{Language, UaTimer, may_be_dialled, may_be_static};
use crate::id::{ConferenceTg, RfTg, Slot};
use crate::limits::MAX_STATIC;
use serde::{Deserialize, Serialize};

/// A talkgroup asked for: on `slot`, `rf_tg` is `conference`; the two numbers differ in HBlink4's form `net:slot:local`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wanted {
    /// Slot on RF.
    pub slot: Slot,
    /// Talkgroup on RF.
    pub rf_tg: RfTg,
    /// Talkgroup of the network.
    pub conference: ConferenceTg,
}

/// What a text asks for; `None` leaves the former value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Static talkgroups of both slots, each once, in the order asked for; at most [`MAX_STATIC`] per slot on RF.
    /// A text without any clears the statics.
    pub statics: Vec<Wanted>,
    /// Default reflector; `Some(None)` is "none".
    pub dial: Option<Option<ConferenceTg>>,
    /// Life of user-activated talkgroups.
    pub ua_timer: Option<UaTimer>,
    /// Single mode.
    pub single: Option<bool>,
    /// Spoken identification.
    pub ident: Option<bool>,
    /// Talkgroup of it; `Some(None)` is all call.
    pub ident_tg: Option<Option<RfTg>>,
    /// Language of announcements.
    pub language: Option<Language>,
    /// The key that this text shows.
    pub key: Option<Vec<u8>>,
    /// Items, or entries of lists, that could not be taken.
    pub voided: u16,
}

impl Options {
    /// Reads the text of an RPTO; never fails.
    pub fn parse(text: &[u8]) -> Self {
        let text = read(text);
        let mut items = Items::default();
        for item in text.split(';').filter(|item| !item.trim().is_empty()) {
            match item.split_once('=') {
                Some((key, value)) => items.take(&key.trim().to_ascii_uppercase(), value.trim()),
                None => items.voided += 1,
            }
        }
        items.into_options()
    }
}

impl Options {
    /// What both ask for, one after the other: the later statics, and what the later text does not name from this one.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            statics: later.statics,
            dial: later.dial.or(self.dial),
            ua_timer: later.ua_timer.or(self.ua_timer),
            single: later.single.or(self.single),
            ident: later.ident.or(self.ident),
            ident_tg: later.ident_tg.or(self.ident_tg),
            language: later.language.or(self.language),
            key: None,
            voided: later.voided,
        }
    }
}

/// The text as the parser sees it: octets that are not ASCII, quotes and NUL are passed over.
pub fn read(text: &[u8]) -> String {
    text.iter().filter(|b| b.is_ascii() && !matches!(b, b'\'' | b'"' | 0)).map(|&b| char::from(b)).collect()
}

/// Whether an item of this key, trimmed and in capitals, means something to the core.
pub fn is_known(key: &str) -> bool {
    Items::default().place(key).is_some()
}

/// Whether the text asks for nothing at all, so that the configuration's values stay.
pub fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|b| matches!(b, b' ' | b';' | 0))
}

/// The items as they stand, before precedence between aliases is settled.
#[derive(Default)]
struct Items<'a> {
    lists: [Option<&'a str>; 2],
    numbered: [[Option<&'a str>; 9]; 2],
    dial: [Option<&'a str>; 3],
    timer: [Option<&'a str>; 3],
    ident: [Option<&'a str>; 2],
    ident_tg: [Option<&'a str>; 3],
    single: Option<&'a str>,
    language: Option<&'a str>,
    key: Option<&'a str>,
    voided: u16,
}

impl<'a> Items<'a> {
    fn take(&mut self, key: &str, value: &'a str) {
        if let Some(place) = self.place(key) {
            *place = Some(value);
        }
    }

    /// Where the value of an item stands.
    fn place(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
        Some(match key {
            "TS1" | "TS1_STATIC" => &mut self.lists[0],
            "TS2" | "TS2_STATIC" => &mut self.lists[1],
            "DIAL" => &mut self.dial[0],
            "DEFAULT_REFLECTOR" => &mut self.dial[1],
            "STARTREF" => &mut self.dial[2],
            "TIMER" => &mut self.timer[0],
            "DEFAULT_UA_TIMER" => &mut self.timer[1],
            "RELINKTIME" => &mut self.timer[2],
            "VOICE" => &mut self.ident[0],
            "IDENT" => &mut self.ident[1],
            "OVERRIDE_IDENT_TG" => &mut self.ident_tg[0],
            "VOICETG" => &mut self.ident_tg[1],
            "IDENTTG" => &mut self.ident_tg[2],
            "SINGLE" => &mut self.single,
            "LANG" => &mut self.language,
            "KEY" => &mut self.key,
            _ => {
                // Type, UserLink, SRC, UNIT, PASS and whatever else is none of ours.
                let (slot, n) = numbered_list(key)?;
                self.numbered.get_mut(slot)?.get_mut(n)?
            }
        })
    }

    fn into_options(self) -> Options {
        let mut options = Options { voided: self.voided, ..Options::default() };
        for slot in Slot::BOTH {
            let numbered = self.numbered[slot.index()];
            // The DMR+ form counts only when its first entry is there, and then in place of the list.
            match numbered[0] {
                Some(_) => numbered.into_iter().flatten().for_each(|list| options.take_list(slot, list)),
                None => self.lists[slot.index()].into_iter().for_each(|list| options.take_list(slot, list)),
            }
        }
        options.dial = last(self.dial).and_then(|value| options.number(value)).and_then(|n| match n {
            0 => Some(None),
            n if may_be_dialled(n) => Some(Some(ConferenceTg(n))),
            _ => options.void(),
        });
        options.ua_timer = last(self.timer)
            .and_then(|value| options.number(value))
            .map(|minutes| UaTimer::from_minutes(u64::from(minutes)));
        options.ident_tg = last(self.ident_tg).and_then(|value| options.number(value)).and_then(|n| match n {
            0 => Some(None),
            n if n < 16_777_215 => Some(Some(RfTg(n))),
            _ => options.void(),
        });
        options.single = self.single.and_then(|value| options.switch(value));
        options.ident = last(self.ident).and_then(|value| options.switch(value));
        options.language = self.language.filter(|v| !v.is_empty()).and_then(|name| match Language::named(name) {
            Some(language) => Some(language),
            None => options.void(),
        });
        options.key = self.key.filter(|key| !key.is_empty()).map(|key| key.as_bytes().to_vec());
        options
    }
}

impl Options {
    fn void<T>(&mut self) -> Option<T> {
        self.voided = self.voided.saturating_add(1);
        None
    }

    fn number(&mut self, value: &str) -> Option<u32> {
        match value {
            "" => None,
            _ => value.parse().ok().or_else(|| self.void()),
        }
    }

    fn switch(&mut self, value: &str) -> Option<bool> {
        match value {
            "" => None,
            "0" => Some(false),
            "1" => Some(true),
            _ => self.void(),
        }
    }

    fn take_list(&mut self, slot: Slot, list: &str) {
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let taken = parse_entry(slot, entry).is_some_and(|wanted| self.want(&wanted));
            if !taken {
                self.voided = self.voided.saturating_add(1);
            }
        }
    }

    /// Adds all of an entry, or nothing of it when a slot would have too many.
    fn want(&mut self, wanted: &[Wanted]) -> bool {
        let known = self.statics.len();
        for &one in wanted {
            let same_line = self.statics.iter().filter(|w| w.slot == one.slot);
            let (mut count, mut twice) = (0, false);
            same_line.for_each(|w| {
                count += 1;
                // One number a conference: what a slot hears twice it hears once.
                twice |= w.rf_tg == one.rf_tg || w.conference == one.conference;
            });
            if twice {
                continue;
            }
            if count >= MAX_STATIC {
                self.statics.truncate(known);
                return false;
            }
            self.statics.push(one);
        }
        true
    }
}

fn last<const N: usize>(values: [Option<&str>; N]) -> Option<&str> {
    values.into_iter().flatten().last()
}

/// `TS1_1` … `TS2_9` as indexes.
fn numbered_list(key: &str) -> Option<(usize, usize)> {
    let (list, number) = key.strip_prefix("TS")?.split_once('_')?;
    let (slot, n) = (list.parse::<usize>().ok()?, number.parse::<usize>().ok()?);
    ((1..=2).contains(&slot) && (1..=9).contains(&n)).then(|| (slot - 1, n - 1))
}

/// `N`, `N-M`, or `net[:slot[:local]]` with `*` for "as it is".
fn parse_entry(slot: Slot, entry: &str) -> Option<Vec<Wanted>> {
    let mut parts = entry.split(':').map(str::trim);
    let net = parts.next()?;
    let slot = match parts.next() {
        None | Some("*") => slot,
        Some("1") => Slot::One,
        Some("2") => Slot::Two,
        Some(_) => return None,
    };
    let local = match parts.next() {
        None | Some("*") => None,
        Some(local) => Some(local.parse::<u32>().ok().filter(|&tg| may_be_local(tg))?),
    };
    if parts.next().is_some() {
        return None;
    }
    let (low, high) = match net.split_once('-') {
        Some((low, high)) => (low.trim().parse::<u32>().ok()?, high.trim().parse::<u32>().ok()?),
        None => (net.parse().ok()?, net.parse().ok()?),
    };
    let count = high.checked_sub(low)? as usize + 1;
    if count > MAX_STATIC || (count > 1 && local.is_some()) {
        return None;
    }
    (low..=high)
        .map(|tg| {
            let wanted = Wanted { slot, rf_tg: RfTg(local.unwrap_or(tg)), conference: ConferenceTg(tg) };
            may_be_static(tg).then_some(wanted)
        })
        .collect()
}

/// Whether a number may stand for another one on RF: not a control or service number.
pub fn may_be_local(tg: u32) -> bool {
    tg > 0 && tg < 16_777_215 && tg != 4_000 && tg != 5_000 && !(9_990..=9_999).contains(&tg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(text: &str) -> [Vec<u32>; 2] {
        let options = Options::parse(text.as_bytes());
        Slot::BOTH.map(|slot| options.statics.iter().filter(|w| w.slot == slot).map(|w| w.conference.0).collect())
    }

    #[test]
    fn the_common_form_is_read_whole() {
        let options = Options::parse(b"TS1=91,92;TS2=2350;SINGLE=1;TIMER=15;VOICE=0;LANG=de_DE;IDENTTG=91;KEY=abc");
        assert_eq!(lists("TS1=91,92;TS2=2350"), [vec![91, 92], vec![2350]]);
        assert_eq!(options.single, Some(true));
        assert_eq!(options.ua_timer, Some(UaTimer::from_minutes(15)));
        assert_eq!(options.ident, Some(false));
        assert_eq!(options.language, Language::named("de_DE"));
        assert_eq!(options.ident_tg, Some(Some(RfTg(91))));
        assert_eq!(options.key.as_deref(), Some(&b"abc"[..]));
        assert_eq!(options.voided, 0);
    }

    #[test]
    fn keys_in_any_case_blanks_quotes_and_trailing_nuls_are_read() {
        assert_eq!(lists("  ts1 = '91' , 92 ;; Ts2=\"2350\";\0\0"), [vec![91, 92], vec![2350]]);
        assert_eq!(Options::parse("TS1=\u{e9}91".as_bytes()).statics.len(), 1);
    }

    #[test]
    fn prohibited_and_malformed_entries_void_themselves_alone() {
        let options = Options::parse(b"TS1=9,4,91,x,9990,9991,16777215,0,-3,92");
        assert_eq!(lists("TS1=9,4,91,x,9990,9991,16777215,0,-3,92"), [vec![91, 92], vec![]]);
        assert_eq!(options.voided, 8);
        let options = Options::parse(b"TIMER=abc;SINGLE=yes;nonsense;a=b=c;TS1=91");
        assert_eq!((options.ua_timer, options.single, options.statics.len()), (None, None, 1));
        assert_eq!(options.voided, 3);
    }

    #[test]
    fn the_dmr_plus_form_needs_its_first_entry_and_then_wins() {
        assert_eq!(lists("TS1_1=91;TS1_2=92;TS1_9=93;TS1=4001"), [vec![91, 92, 93], vec![]]);
        assert_eq!(lists("TS1_2=92;TS2=2350"), [vec![], vec![2350]]);
    }

    #[test]
    fn the_later_alias_wins_and_zero_clears() {
        let options = Options::parse(b"DIAL=91;StartRef=4400;RelinkTime=20;TIMER=5;IDENTTG=0;UserLink=1");
        assert_eq!(options.dial, Some(Some(ConferenceTg(4400))));
        assert_eq!(options.ua_timer, Some(UaTimer::from_minutes(20)));
        assert_eq!(options.ident_tg, Some(None));
        assert_eq!(Options::parse(b"DIAL=0").dial, Some(None));
        assert_eq!(Options::parse(b"DIAL=9").dial, None);
        assert_eq!(Options::parse(b"TIMER=0").ua_timer, Some(UaTimer::from_minutes(0)));
    }

    #[test]
    fn hblink4_entries_move_slots_and_numbers() {
        let options = Options::parse(b"TS1=91:2:32,3100-3102:2,235:*:*");
        let wanted = |slot, rf, conference| Wanted { slot, rf_tg: RfTg(rf), conference: ConferenceTg(conference) };
        assert_eq!(
            options.statics,
            [
                wanted(Slot::Two, 32, 91),
                wanted(Slot::Two, 3100, 3100),
                wanted(Slot::Two, 3101, 3101),
                wanted(Slot::Two, 3102, 3102),
                wanted(Slot::One, 235, 235),
            ]
        );
    }

    #[test]
    fn a_range_that_is_too_large_is_void_as_a_whole() {
        let options = Options::parse(b"TS1=100-163,200;TS2=100-164,235");
        assert_eq!(options.statics.iter().filter(|w| w.slot == Slot::One).count(), MAX_STATIC);
        assert_eq!(options.statics.iter().filter(|w| w.slot == Slot::Two).count(), 1);
        assert_eq!(options.voided, 2);
    }

    #[test]
    fn the_same_talkgroup_twice_counts_once() {
        assert_eq!(lists("TS1=91,91,91;TS2=91"), [vec![91], vec![91]]);
    }
}

//! OPTIONS and what a session's settings are: defaults of the listener, what differs for the client, OPTIONS on top.
//! Source: `behaviour.md` 1.4, 1.7, `wire.md` 1.5.

use crate::setup::Listener;
use ragchew_core::report::SubscriptionSource;

/// A wished talkgroup: slot (0 or 1), number on RF, conference.
pub(crate) type Wish = (usize, u32, u32);

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) statics: Vec<Wish>,
    pub(crate) maps: Vec<Wish>,
    pub(crate) dial: Option<u32>,
    pub(crate) single: bool,
    /// Milliseconds, as is the next.
    pub(crate) ua: u64,
    pub(crate) hang: u64,
}

fn minutes(n: u64) -> u64 {
    60_000 * if n == 0 { 35_791_394 } else { n }
}

impl Settings {
    pub(crate) fn of(listener: &Listener, client: u32) -> Self {
        let own = listener.own(client);
        let slot_2 = own.and_then(|own| own.statics_2.as_ref()).unwrap_or(&listener.statics[1]);
        let statics = listener.statics[0].iter().map(|&tg| (0, tg, tg));
        Self {
            statics: statics.chain(slot_2.iter().map(|&tg| (1, tg, tg))).collect(),
            maps: own.map_or(Vec::new(), |own| own.map.clone()),
            dial: listener.dial,
            single: own.and_then(|own| own.single).unwrap_or(listener.single),
            ua: minutes(listener.ua_minutes),
            hang: listener.hang_ms,
        }
    }

    /// The legs that a session with these settings has, each line and number once: maps, the default reflector, statics.
    pub(crate) fn wanted(&self) -> Vec<(Wish, SubscriptionSource)> {
        let mut wanted: Vec<(Wish, SubscriptionSource)> = Vec::new();
        let maps = self.maps.iter().map(|&wish| (wish, SubscriptionSource::Map));
        let dial = self.dial.map(|conference| ((1, 9, conference), SubscriptionSource::DefaultReflector));
        let statics = self
            .statics
            .iter()
            .map(|&wish| (wish, if wish.1 == wish.2 { SubscriptionSource::Static } else { SubscriptionSource::Map }));
        for (wish, source) in maps.chain(dial).chain(statics) {
            if !wanted.iter().any(|&((slot, rf, _), _)| (slot, rf) == (wish.0, wish.1)) {
                wanted.push((wish, source));
            }
        }
        wanted
    }

    /// Applies a text; how many of its items could not be taken. What it does not name stays, but for the statics.
    pub(crate) fn apply(&mut self, text: &str) -> u16 {
        let items = items(text);
        let mut voided = 0;
        voided += items.iter().filter(|(_, value)| value.is_none()).count() as u16;
        let named = |keys: &[&str]| {
            let of =
                |key: &&str| items.iter().rev().find(|(k, v)| k == key && v.is_some()).and_then(|(_, v)| v.clone());
            keys.iter().find_map(of)
        };
        self.statics = Vec::new();
        for slot in 0..2 {
            let n = slot + 1;
            let numbered: Vec<_> = (1..=9).map(|i| named(&[&format!("TS{n}_{i}")])).collect();
            let lists: Vec<String> = match numbered[0] {
                Some(_) => numbered.into_iter().flatten().collect(),
                // The later of two spellings in the text wins.
                None => last_of(&items, &[&format!("TS{n}"), &format!("TS{n}_STATIC")]).into_iter().collect(),
            };
            for entry in lists.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|e| !e.is_empty()) {
                voided += u16::from(!self.take_entry(slot, entry));
            }
        }
        let mut number = |keys: &[&str], good: &dyn Fn(u32) -> bool| {
            let value = named(keys).filter(|value| !value.is_empty())?;
            let number = value.parse::<u32>().ok().filter(|&n| good(n));
            voided += u16::from(number.is_none());
            number
        };
        let dial = number(&["STARTREF", "DEFAULT_REFLECTOR", "DIAL"], &may_be_dialled);
        self.dial = dial.map_or(self.dial, |n| Some(n).filter(|&n| n > 0));
        let timer = number(&["RELINKTIME", "DEFAULT_UA_TIMER", "TIMER"], &|_| true);
        self.ua = timer.map_or(self.ua, |n| minutes(n.into()));
        number(&["IDENTTG", "VOICETG", "OVERRIDE_IDENT_TG"], &|n| n < 16_777_215);
        let single = number(&["SINGLE"], &|n| n < 2);
        self.single = single.map_or(self.single, |n| n == 1);
        number(&["IDENT", "VOICE"], &|n| n < 2);
        let language = named(&["LANG"]).filter(|value| !value.is_empty());
        voided + u16::from(language.is_some_and(|name| !ragchew_core::config::LANGUAGES.contains(&name.as_str())))
    }

    /// Takes all of an entry or nothing.
    fn take_entry(&mut self, slot: usize, entry: &str) -> bool {
        let Some(wishes) = entry_wishes(slot, entry) else { return false };
        let mut statics = self.statics.clone();
        for wish in wishes {
            let line: Vec<_> = statics.iter().filter(|known| known.0 == wish.0).collect();
            // What a slot hears twice it hears once.
            if line.iter().any(|known| known.1 == wish.1 || known.2 == wish.2) {
                continue;
            }
            if line.len() >= 64 {
                return false;
            }
            statics.push(wish);
        }
        self.statics = statics;
        true
    }
}

/// Keys in capitals, with their values; an item without `=` has none.
fn items(text: &str) -> Vec<(String, Option<String>)> {
    let text: String = text.chars().filter(|c| c.is_ascii() && !['\'', '"', '\0'].contains(c)).collect();
    let items = text.split(';').filter(|item| !item.trim().is_empty());
    let split = |item: &str| match item.split_once('=') {
        Some((key, value)) => (key.trim().to_uppercase(), Some(value.trim().to_owned())),
        None => (String::new(), None),
    };
    items.map(split).collect()
}

fn last_of(items: &[(String, Option<String>)], keys: &[&str]) -> Option<String> {
    items.iter().rev().find(|(key, value)| keys.contains(&key.as_str()) && value.is_some())?.1.clone()
}

/// The KEY that a text shows.
pub(crate) fn key(text: &str) -> Option<String> {
    last_of(&items(text), &["KEY"]).filter(|key| !key.is_empty())
}

fn may_be_static(tg: u32) -> bool {
    !(tg <= 9 || (9_990..=9_999).contains(&tg) || tg >= 16_777_215)
}

fn may_be_dialled(tg: u32) -> bool {
    tg == 0 || tg == 9_990 || (may_be_static(tg) && tg != 4_000 && tg != 5_000 && tg < 1_000_000)
}

/// `N`, `N-M` or `net[:slot[:local]]`.
fn entry_wishes(slot: usize, entry: &str) -> Option<Vec<Wish>> {
    let parts: Vec<&str> = entry.split(':').map(str::trim).collect();
    let slot = match parts.get(1).copied() {
        None | Some("*") => slot,
        Some("1") => 0,
        Some("2") => 1,
        _ => return None,
    };
    let local = match parts.get(2).copied() {
        None | Some("*") => None,
        Some(local) => Some(local.parse::<u32>().ok()?),
    };
    let control = |tg| tg == 0 || tg == 4_000 || tg == 5_000 || (9_990..=9_999).contains(&tg) || tg >= 16_777_215;
    if parts.len() > 3 || local.is_some_and(control) {
        return None;
    }
    let (low, high) = parts[0].split_once('-').unwrap_or((parts[0], parts[0]));
    let (low, high) = (low.trim().parse::<u32>().ok()?, high.trim().parse::<u32>().ok()?);
    if low > high || high - low >= 64 || (low < high && local.is_some()) {
        return None;
    }
    let all: Vec<u32> = (low..=high).collect();
    all.iter().all(|&tg| may_be_static(tg)).then(|| all.iter().map(|&tg| (slot, local.unwrap_or(tg), tg)).collect())
}

//! Talkgroups of the configuration: statics with their ranges, the default reflector, and maps. Owns which numbers may
//! stand where; their meaning is routing's. Source: `behaviour.md` 1.4, 1.9; design §2 rule 8, §8.

use super::keys;
use super::tree::Value;
use super::walker::{Item, Walker, whole};
use ragchew_core::config::{TgMap, may_be_dialled, may_be_static};
use ragchew_core::id::{ConferenceTg, RfTg, Slot};
use ragchew_core::limits::{MAX_MAPS, MAX_STATIC};
use std::collections::{HashMap, HashSet};

/// Largest talkgroup of a map: above lie all call and the numbers of ETSI gateways.
const MAX_TG: u32 = 16_776_415;

/// A list of static talkgroups: numbers and inclusive ranges, in the order of the file.
pub(super) fn statics(w: &mut Walker, item: &Item<'_>) -> Option<Vec<RfTg>> {
    let entries = w.list(item, MAX_STATIC)?;
    let mut seen = HashSet::new();
    let mut talkgroups = Vec::new();
    for entry in &entries {
        let Some((low, high)) = range(w, entry) else { continue };
        if (high - low) as usize >= MAX_STATIC {
            w.error(entry, format!("{low}-{high} names more than {MAX_STATIC} talkgroups"));
            continue;
        }
        if let Some(wrong) = (low..=high).find(|&tg| !may_be_static(tg)) {
            w.error(entry, format!("{wrong} may not be static: 0-9, 9990-9999 and numbers above 16777214 may not"));
            continue;
        }
        for tg in low..=high {
            if seen.insert(tg) {
                talkgroups.push(RfTg(tg));
            } else {
                w.warning(entry, format!("{tg} stands in this list twice"));
            }
        }
    }
    if talkgroups.len() > MAX_STATIC {
        w.error(item, format!("{} talkgroups; at most {MAX_STATIC} may be static on a slot", talkgroups.len()));
    }
    Some(talkgroups)
}

fn range(w: &mut Walker, entry: &Item<'_>) -> Option<(u32, u32)> {
    let Value::Scalar { text, .. } = &entry.node.value else {
        w.unexpected(entry);
        return None;
    };
    let number = |text: &str| whole(text.trim()).and_then(|n| u32::try_from(n).ok());
    let ends = match text.split_once('-') {
        Some((low, high)) => number(low).zip(number(high)).filter(|(low, high)| low <= high),
        None => number(text).map(|tg| (tg, tg)),
    };
    if ends.is_none() {
        let shown: String = text.chars().take(24).flat_map(char::escape_debug).collect();
        w.error(entry, format!("expected a talkgroup or a range such as 2350-2359, found \"{shown}\""));
    }
    ends
}

/// A default reflector; `Some(None)` is "none".
pub(super) fn dial(w: &mut Walker, item: &Item<'_>) -> Option<Option<ConferenceTg>> {
    let tg = w.number32(item, 0..=MAX_TG)?;
    match tg {
        0 => Some(None),
        tg if may_be_dialled(tg) => Some(Some(ConferenceTg(tg))),
        _ => {
            w.unexpected(item);
            None
        }
    }
}

/// Numbers that clients control the server with, or hear it on.
const fn is_control(tg: u32) -> bool {
    matches!(tg, 9 | 4_000 | 5_000 | 9_990..=9_999)
}

/// The talkgroup maps of a client.
pub(super) fn maps(w: &mut Walker, item: &Item<'_>) -> Option<Vec<TgMap>> {
    let entries = w.list(item, MAX_MAPS)?;
    let mut first = HashMap::new();
    let mut maps = Vec::new();
    for entry in &entries {
        let Some(opened) = w.open(entry.node, &entry.path, &keys::MAP) else { continue };
        let slot = opened.get("slot").and_then(|item| w.choice(item, &[("1", Slot::One), ("2", Slot::Two)]));
        let rf_tg = opened.get("rf_tg").and_then(|item| talkgroup(w, item, 1));
        let conference = opened.get("conference_tg").and_then(|item| talkgroup(w, item, 10));
        let (Some(slot), Some(rf_tg), Some(conference)) = (slot, rf_tg, conference) else { continue };
        if let Some(line) = first.insert((slot, rf_tg), entry.at().line) {
            w.error(entry, format!("talkgroup {rf_tg} on slot {slot} is already mapped in line {line}"));
        }
        maps.push(TgMap { slot, rf_tg: RfTg(rf_tg), conference: ConferenceTg(conference) });
    }
    Some(maps)
}

fn talkgroup(w: &mut Walker, item: &Item<'_>, least: u32) -> Option<u32> {
    let tg = w.number32(item, least..=MAX_TG)?;
    if is_control(tg) {
        w.unexpected(item);
        return None;
    }
    Some(tg)
}

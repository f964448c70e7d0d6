//! Tables of sessions, talkgroups, calls and records. Owns their columns. Source.

use crate::ctl::table::{Look, Table};
use crate::words;
use ragchew_core::report::SubscriptionSource;
use ragchew_offload::desk::{
    CallRow, Calls, MemberRow, Records, SessionRecords, SessionRow, Sessions, SubscriptionRow, Talkgroups,
};
use std::io::{self, Write};

/// Green: it is on the air.
const ON_AIR: Option<&str> = Some("32");

pub(super) fn sessions(out: &mut dyn Write, answer: &Sessions, look: &Look) -> io::Result<()> {
    let mut table =
        Table::new(&["CALLSIGN", ">ID", "LISTENER", "ADDRESS", ">FOR", "SLOTS", "SOFTWARE", "TALKGROUPS (* keyed up)"]);
    for row in &answer.rows {
        table.row([
            row.callsign.clone(),
            row.client.to_string(),
            row.listener.clone(),
            row.remote.clone(),
            words::age(words::seconds_between(row.since_ms, look.now_ms)),
            slots(row.slots).to_owned(),
            row.software.clone(),
            subscriptions(row),
        ]);
    }
    table.write(out, look, "nobody is logged in")?;
    more(out, answer.next.is_some())
}

fn slots(said: u8) -> &'static str {
    match said {
        1 => "1",
        2 => "2",
        3 => "1+2",
        4 => "simplex",
        _ => "?",
    }
}

/// `TS1 91 92, TS2 8=2350 235*`: what the radio has and the conference that it means, where they differ.
fn subscriptions(row: &SessionRow) -> String {
    let of = |slot: u8| {
        let there = row.subscriptions.iter().filter(move |it| it.slot == slot);
        let all: Vec<String> = there.map(subscription).collect();
        (!all.is_empty()).then(|| format!("TS{slot} {}", all.join(" ")))
    };
    let slots: Vec<String> = [1, 2].into_iter().filter_map(of).collect();
    let left_out = (row.subscriptions_in_all as usize).saturating_sub(row.subscriptions.len());
    let left_out = if left_out > 0 { format!(" and {left_out} more") } else { String::new() };
    slots.join(", ") + &left_out
}

fn subscription(it: &SubscriptionRow) -> String {
    let conference = if it.rf_tg.0 == it.talkgroup.0 { String::new() } else { format!("={}", it.talkgroup) };
    format!("{}{conference}{}", it.rf_tg, mark(it.source))
}

const fn mark(source: SubscriptionSource) -> &'static str {
    if matches!(source, SubscriptionSource::UserActivated) { "*" } else { "" }
}

/// That there is more than was asked for.
fn more(out: &mut dyn Write, is_more: bool) -> io::Result<()> {
    if is_more { writeln!(out, "and more: --limit says how many are shown") } else { Ok(()) }
}

pub(super) fn talkgroups(out: &mut dyn Write, answer: &Talkgroups, look: &Look) -> io::Result<()> {
    let mut table = Table::new(&[">TALKGROUP", ">CALLS", ">MEMBERS", "WHO (slot, * keyed up)"]);
    for row in &answer.rows {
        let left_out = (row.members_in_all as usize).saturating_sub(row.members.len());
        let left_out = if left_out > 0 { format!(" and {left_out} more") } else { String::new() };
        let members: Vec<String> = row.members.iter().map(member).collect();
        let cells = [
            row.talkgroup.to_string(),
            row.calls_on_air.to_string(),
            row.members_in_all.to_string(),
            members.join(" ") + &left_out,
        ];
        table.coloured(ON_AIR.filter(|_| row.calls_on_air > 0), cells);
    }
    table.write(out, look, "nobody is on a talkgroup")?;
    more(out, answer.next.is_some())
}

fn member(member: &MemberRow) -> String {
    let id = member.client.to_string();
    let name = if member.callsign.is_empty() { &id } else { &member.callsign };
    format!("{name}/{}{}", member.slot, mark(member.source))
}

pub(super) fn calls(out: &mut dyn Write, answer: &Calls, look: &Look) -> io::Result<()> {
    let mut table = Table::new(&["ENDED", ">LENGTH", ">CLIENT", "CALLSIGN", ">RADIO", "TO", ">SLOT", ">LOSS", "END"]);
    for row in &answer.on_air {
        let length = words::length(look.now_ms.saturating_sub(row.started_ms));
        table.coloured(ON_AIR, call("on the air".to_owned(), length, row, String::new(), String::new()));
    }
    for row in &answer.heard {
        let Some(ended) = row.ended else { continue };
        let ago = words::age(words::seconds_between(ended.ended_ms, look.now_ms));
        let lost = loss(ended.frames, ended.lost);
        let cause = words::call_end(ended.cause).to_owned();
        table.row(call(format!("{ago} ago"), words::length(ended.duration_ms), row, lost, cause));
    }
    table.write(out, look, "nobody has spoken since the start")?;
    let left_out = (answer.on_air_in_all as usize).saturating_sub(answer.on_air.len());
    if left_out > 0 { writeln!(out, "and {left_out} more on the air") } else { Ok(()) }
}

fn call(ended: String, length: String, row: &CallRow, loss: String, cause: String) -> [String; 9] {
    let late = if row.late_entry { "joined late" } else { "" };
    let cause = [late, cause.as_str()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
    [
        ended,
        length,
        row.client.to_string(),
        row.callsign.clone(),
        row.source.to_string(),
        words::destination(row.destination, row.rf_tg),
        row.slot.to_string(),
        loss,
        cause,
    ]
}

fn loss(frames: u32, lost: u32) -> String {
    words::loss(frames, lost).map_or_else(|| "-".to_owned(), words::per_mille)
}

pub(super) fn records(out: &mut dyn Write, answer: &Records, look: &Look) -> io::Result<()> {
    let mut table = Table::new(&[
        "STARTED (UTC)",
        ">LENGTH",
        ">CLIENT",
        "CALLSIGN",
        ">RADIO",
        ">TALKGROUP",
        ">SLOT",
        "KIND",
        ">LOSS",
        "END",
    ]);
    for row in &answer.rows {
        let is_over = row.ended_ms.is_some();
        let cells = [
            words::stamp(row.started_ms),
            if is_over { words::length(row.duration_ms) } else { "on the air".to_owned() },
            row.client.to_string(),
            row.callsign.clone(),
            row.source.to_string(),
            row.talkgroup.to_string(),
            row.slot.to_string(),
            row.kind.clone(),
            if is_over { loss(row.frames, row.lost) } else { String::new() },
            row.end_reason.clone(),
        ];
        table.coloured(ON_AIR.filter(|_| !is_over), cells);
    }
    table.write(out, look, "no such call is kept")?;
    more(out, answer.next.is_some())
}

pub(super) fn session_records(out: &mut dyn Write, answer: &SessionRecords, look: &Look) -> io::Result<()> {
    let mut table =
        Table::new(&["CONNECTED (UTC)", ">FOR", ">CLIENT", "CALLSIGN", "LISTENER", "ADDRESS", "SOFTWARE", "END"]);
    for row in &answer.rows {
        let until = row.ended_ms.unwrap_or(look.now_ms);
        let cells = [
            words::stamp(row.connected_ms),
            words::age(words::seconds_between(row.connected_ms, until)),
            row.client.to_string(),
            row.callsign.clone(),
            row.system.clone(),
            row.remote.clone(),
            row.software.clone(),
            if row.ended_ms.is_some() { row.end_reason.clone() } else { "logged in".to_owned() },
        ];
        table.coloured(ON_AIR.filter(|_| row.ended_ms.is_none()), cells);
    }
    table.write(out, look, "no such session is kept")?;
    more(out, answer.next.is_some())
}

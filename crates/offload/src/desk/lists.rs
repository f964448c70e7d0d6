//! Lists that are answered from the hub's picture, a page at a time, so that no answer is larger than a connection holds.
//! Owns the form of the rows; reads, changes nothing. Source.

use super::answers::{
    CallEnded, CallRow, Calls, MemberRow, OptionsRow, SessionRow, Sessions, SubscriptionRow, TalkgroupRow, Talkgroups,
};
use crate::limits::{CALL_ROWS, PAGE_MEMBERS, ROW_MEMBERS, ROW_SUBSCRIPTIONS};
use crate::picture::{Heard, OnAir, Options, Picture, Session, Subscription};
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, SessionNo};
use ragchew_core::report::{CallTag, Destination};
use ragchew_core::time::{Span, Wall};

/// Names of listeners by number.
type Names = [(ListenerId, String)];

fn name(names: &Names, listener: ListenerId) -> String {
    let known = names.iter().find(|(id, _)| *id == listener);
    known.map_or_else(|| format!("#{}", listener.0), |(_, name)| name.clone())
}

fn millis(at: Wall) -> u64 {
    Span(at.0).as_millis()
}

/// To `sessions`.
pub(super) fn sessions(
    picture: &Picture,
    names: &Names,
    limit: usize,
    after: Option<SessionNo>,
    client: Option<ClientId>,
) -> Sessions {
    let mut wanted = picture.sessions(after).filter(|session| client.is_none_or(|client| session.who.client == client));
    let rows: Vec<SessionRow> = wanted.by_ref().take(limit).map(|session| session_row(session, names)).collect();
    let more = wanted.next().is_some();
    let next = rows.last().filter(|_| more).map(|row| row.session.0);
    Sessions { rows, next }
}

fn session_row(session: &Session, names: &Names) -> SessionRow {
    let options = |Options { statics, single, dial, ua_timer, voided }| OptionsRow {
        statics,
        single,
        dial,
        ua_timer_ms: ua_timer.as_millis(),
        voided,
    };
    let subscription = |&Subscription { slot, rf_tg, conference, source }: &Subscription| SubscriptionRow {
        slot: slot.number(),
        rf_tg,
        talkgroup: conference,
        source,
    };
    SessionRow {
        session: session.who.session,
        listener: name(names, session.who.listener),
        client: session.who.client,
        callsign: session.callsign.to_string(),
        remote: session.remote.to_string(),
        rx_hz: session.rx_hz,
        tx_hz: session.tx_hz,
        colour_code: session.colour_code,
        slots: char::from(session.slots).to_digit(10).unwrap_or(0) as u8,
        software: session.software.to_string(),
        package: session.package.to_string(),
        location: session.location.to_string(),
        description: session.description.to_string(),
        options: session.options.map(options),
        since_ms: millis(session.since),
        subscriptions: session.subscriptions().iter().take(ROW_SUBSCRIPTIONS).map(subscription).collect(),
        subscriptions_in_all: session.subscriptions().len() as u32,
    }
}

/// To `talkgroups`.
pub(super) fn talkgroups(picture: &Picture, limit: usize, after: Option<ConferenceTg>) -> Talkgroups {
    let mut rows: Vec<TalkgroupRow> = Vec::new();
    let mut members = 0;
    for (talkgroup, in_all) in picture.conferences(after) {
        if rows.len() >= limit || members >= PAGE_MEMBERS {
            let next = rows.last().map(|row| row.talkgroup.0);
            return Talkgroups { rows, next };
        }
        let row = TalkgroupRow {
            talkgroup,
            members: picture.members(talkgroup).take(ROW_MEMBERS).map(member_row).collect(),
            members_in_all: in_all,
            calls_on_air: calls_to(picture, talkgroup),
        };
        members += row.members.len();
        rows.push(row);
    }
    Talkgroups { rows, next: None }
}

fn calls_to(picture: &Picture, talkgroup: ConferenceTg) -> u32 {
    let there = |on_air: &&OnAir| on_air.call.destination == Destination::Conference(talkgroup);
    picture.on_air().filter(there).count() as u32
}

fn member_row((session, subscription): (&Session, &Subscription)) -> MemberRow {
    MemberRow {
        session: session.who.session,
        client: session.who.client,
        callsign: session.callsign.to_string(),
        slot: subscription.slot.number(),
        rf_tg: subscription.rf_tg,
        source: subscription.source,
    }
}

/// To `calls`.
pub(super) fn calls(picture: &Picture, names: &Names) -> Calls {
    let on_air = picture.on_air().take(CALL_ROWS);
    let on_air = on_air.map(|on_air| call_row(picture, names, &on_air.call, on_air.since, on_air.late_entry, None));
    let heard = picture.heard().map(|heard| {
        let ended = Some(call_ended(heard));
        call_row(picture, names, &heard.call, heard.since, heard.late_entry, ended)
    });
    Calls { on_air: on_air.collect(), on_air_in_all: picture.on_air_count(), heard: heard.collect() }
}

fn call_ended(heard: &Heard) -> CallEnded {
    let [frames, lost, reordered] = heard.frames;
    let (ended_ms, duration_ms) = (millis(heard.ended), heard.duration.as_millis());
    CallEnded { ended_ms, duration_ms, cause: heard.cause, frames, lost, reordered }
}

fn call_row(
    picture: &Picture,
    names: &Names,
    call: &CallTag,
    since: Wall,
    late_entry: bool,
    ended: Option<CallEnded>,
) -> CallRow {
    let callsign = picture.session(call.from.session).map(|session| session.callsign.to_string());
    CallRow {
        call: call.call,
        session: call.from.session,
        listener: name(names, call.from.listener),
        client: call.from.client,
        callsign: callsign.unwrap_or_default(),
        source: call.source,
        slot: call.slot.number(),
        rf_tg: call.rf_tg,
        destination: call.destination,
        stream: call.stream,
        late_entry,
        started_ms: millis(since),
        ended,
    }
}

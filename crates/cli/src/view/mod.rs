//! The live view: what is on the air, as somebody who watches wants to see it. Owns a picture made of report events alone, so
//! that a running server and a demonstration are shown alike; draws nothing itself. Source: design §7 (`demo`, `top`).

#[cfg(feature = "tui")]
pub mod screen;

use crate::limits::HEARD;
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, RadioId, SessionNo, Slot};
use ragchew_core::report::{CallEnd, CallTag, Destination, ReportEvent, What};
use ragchew_core::time::{Span, Wall};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A client that is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its DMR ID.
    pub client: ClientId,
    /// As it calls itself.
    pub callsign: String,
    /// Its address.
    pub remote: String,
}

/// A call on the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnAir {
    /// Who speaks where.
    pub call: CallTag,
    /// Since when.
    pub since: Wall,
}

/// A call that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who spoke where.
    pub call: CallTag,
    /// When it ended.
    pub ended: Wall,
    /// How long it was.
    pub duration: Span,
    /// Why it ended.
    pub cause: CallEnd,
    /// Frames that are missing, in per mille of all.
    pub loss: u32,
}

/// A talkgroup with its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talkgroup {
    /// Which sessions are on it, and on which slot.
    pub members: BTreeSet<(SessionNo, Slot)>,
}

/// The picture.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What is shown above everything.
    pub title: String,
    /// Names of radios that are known.
    pub names: BTreeMap<RadioId, String>,
    /// Clients that are logged in.
    pub sessions: BTreeMap<SessionNo, Session>,
    /// Talkgroups with members.
    pub talkgroups: BTreeMap<ConferenceTg, Talkgroup>,
    /// Calls on the air.
    pub on_air: BTreeMap<CallNo, OnAir>,
    /// Calls that have ended, the newest first.
    pub heard: VecDeque<Heard>,
    /// Refusals by their sentence, with their number and the newest one's subject.
    pub refused: BTreeMap<&'static str, (u64, String)>,
    /// Calls since the start.
    pub calls: u64,
    /// Time of the newest event.
    pub now: Wall,
}

impl View {
    /// Takes an event into the picture.
    pub fn apply(&mut self, event: &ReportEvent) {
        self.now = self.now.max(event.at);
        match event.what {
            What::Connected { who, remote, callsign, .. } => {
                let callsign = callsign.to_string();
                self.sessions.insert(who.session, Session { client: who.client, callsign, remote: remote.to_string() });
            }
            What::Disconnected { who, .. } => {
                self.sessions.remove(&who.session);
                self.talkgroups.retain(|_, talkgroup| {
                    talkgroup.members.retain(|&(session, _)| session != who.session);
                    !talkgroup.members.is_empty()
                });
            }
            What::Subscribed { who, slot, conference, .. } => {
                self.talkgroups.entry(conference).or_default().members.insert((who.session, slot));
            }
            What::Unsubscribed { who, slot, conference, .. } => {
                if let Some(talkgroup) = self.talkgroups.get_mut(&conference) {
                    talkgroup.members.remove(&(who.session, slot));
                    if talkgroup.members.is_empty() {
                        self.talkgroups.remove(&conference);
                    }
                }
            }
            What::CallStarted { call, .. } => {
                self.calls += 1;
                self.on_air.insert(call.call, OnAir { call, since: event.at });
                if let Destination::Nowhere(why) = call.destination {
                    self.refuse(why.text(), format!("{} on TG {}", self.name(call.source), call.rf_tg));
                }
            }
            What::CallEnded { call, cause, duration, frames, lost, .. } => {
                self.on_air.remove(&call.call);
                let loss = (u64::from(lost) * 1_000).checked_div(u64::from(frames) + u64::from(lost)).unwrap_or(0);
                self.heard.push_front(Heard { call, ended: event.at, duration, cause, loss: loss as u32 });
                self.heard.truncate(HEARD);
            }
            What::CallRefused { source, destination, why, .. } => {
                self.refuse(why.text(), format!("{} to {destination}", self.name(source)));
            }
            What::LoginRefused { client, remote, why, .. } => {
                self.refuse(why.text(), format!("{client} at {}", remote.ip()));
            }
            _ => {}
        }
    }

    /// The name of a radio, or its number.
    pub fn name(&self, radio: RadioId) -> String {
        self.names.get(&radio).cloned().unwrap_or_else(|| radio.to_string())
    }

    /// The callsign of a session, or its number.
    pub fn callsign(&self, session: SessionNo) -> String {
        self.sessions.get(&session).map_or_else(|| format!("#{}", session.0), |session| session.callsign.clone())
    }

    /// Who is on the talkgroup of a call, but for the one who brings it.
    pub fn listeners(&self, call: &CallTag) -> Vec<String> {
        let Destination::Conference(conference) = call.destination else { return Vec::new() };
        let members = self.talkgroups.get(&conference).map(|talkgroup| &talkgroup.members);
        let others = members.into_iter().flatten().filter(|(session, _)| *session != call.from.session);
        let sessions: BTreeSet<SessionNo> = others.map(|&(session, _)| session).collect();
        sessions.into_iter().map(|session| self.callsign(session)).collect()
    }

    /// A sentence on a call: where it goes.
    pub fn destination(call: &CallTag) -> String {
        match call.destination {
            Destination::Conference(conference) => format!("TG {conference}"),
            Destination::Echo => "the echo".to_owned(),
            Destination::Nowhere(_) => format!("TG {} (nowhere)", call.rf_tg),
        }
    }

    fn refuse(&mut self, sentence: &'static str, subject: String) {
        let (count, newest) = self.refused.entry(sentence).or_default();
        *count += 1;
        *newest = subject;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::id::{ListenerId, RfTg, StreamId};
    use ragchew_core::refusal::Refusal;
    use ragchew_core::report::{SessionEnd, SessionTag, SubscriptionEnd, SubscriptionSource, Text};

    fn tag(session: u64) -> SessionTag {
        let client = ClientId(2_340_000 + session as u32);
        SessionTag { session: SessionNo(session), listener: ListenerId(0), client }
    }

    fn connected(session: u64, callsign: &[u8; 8]) -> What {
        let remote = ([192, 0, 2, 1], 62_031).into();
        let who = tag(session);
        What::Connected { who, remote, callsign: Text::new(callsign), rx_hz: 0, tx_hz: 0, colour_code: 1, slots: b'3' }
    }

    fn subscribed(session: u64, tg: u32) -> What {
        let (rf_tg, conference) = (RfTg(tg), ConferenceTg(tg));
        What::Subscribed { who: tag(session), slot: Slot::Two, rf_tg, conference, source: SubscriptionSource::Static }
    }

    fn call(session: u64, destination: Destination) -> CallTag {
        let (call, stream, source) = (CallNo(session), StreamId(7), RadioId(2_345_001));
        CallTag { call, from: tag(session), stream, source, slot: Slot::Two, rf_tg: RfTg(91), destination }
    }

    fn view(events: &[What]) -> View {
        let mut view = View::default();
        view.names.insert(RadioId(2_345_001), "Ana".into());
        for (second, what) in events.iter().enumerate() {
            view.apply(&ReportEvent { at: Wall(Span::secs(second as u64).0), retold: false, what: *what });
        }
        view
    }

    #[test]
    fn a_call_is_shown_with_those_who_are_on_its_talkgroup() {
        let on_91 = call(1, Destination::Conference(ConferenceTg(91)));
        let mut events = vec![connected(1, b"Q1ANA\0\0\0"), connected(2, b"Q2BEN   "), connected(3, b"Q3\x1bCAT\0\0")];
        events.extend([subscribed(1, 91), subscribed(2, 91), subscribed(3, 92)]);
        events.push(What::CallStarted { call: on_91, late_entry: false });
        let shown = view(&events);
        assert_eq!(shown.listeners(&on_91), ["Q2BEN"]);
        assert_eq!(shown.on_air.len(), 1);
        assert_eq!(shown.callsign(SessionNo(3)), "Q3CAT");
        assert_eq!((shown.name(on_91.source), shown.name(RadioId(5))), ("Ana".into(), "5".into()));

        let (cause, duration) = (CallEnd::Terminator, Span::secs(3));
        events.push(What::CallEnded { call: on_91, cause, duration, frames: 90, lost: 10, reordered: 0 });
        let shown = view(&events);
        assert!(shown.on_air.is_empty());
        assert_eq!((shown.heard.len(), shown.heard[0].loss, shown.heard[0].duration), (1, 100, duration));
    }

    #[test]
    fn who_leaves_is_gone_from_every_talkgroup() {
        let remote = ([192, 0, 2, 1], 62_031).into();
        let mut events = vec![connected(1, b"Q1ANA   "), subscribed(1, 91), subscribed(1, 92), subscribed(2, 92)];
        events.push(What::Disconnected { who: tag(1), remote, cause: SessionEnd::TimedOut });
        let shown = view(&events);
        assert!(shown.sessions.is_empty());
        assert_eq!(shown.talkgroups.keys().copied().collect::<Vec<_>>(), [ConferenceTg(92)]);
        let (rf_tg, conference) = (RfTg(92), ConferenceTg(92));
        let cause = SubscriptionEnd::Expired;
        events.push(What::Unsubscribed { who: tag(2), slot: Slot::Two, rf_tg, conference, cause });
        assert!(view(&events).talkgroups.is_empty());
    }

    #[test]
    fn refusals_are_counted_by_their_sentence() {
        let remote = ([192, 0, 2, 9], 1).into();
        let refused = |client| {
            let (listener, why) = (ListenerId(0), Refusal::NoChallenge);
            What::LoginRefused { listener, client: ClientId(client), remote, why }
        };
        let nowhere = What::CallStarted { call: call(1, Destination::Nowhere(Refusal::NotRouted)), late_entry: false };
        let shown = view(&[refused(1), refused(2), nowhere]);
        assert_eq!(shown.refused[Refusal::NoChallenge.text()], (2, "2 at 192.0.2.9".to_owned()));
        assert_eq!(shown.refused[Refusal::NotRouted.text()], (1, "Ana on TG 91".to_owned()));
    }

    #[test]
    fn the_picture_does_not_grow_with_the_calls() {
        let one = call(1, Destination::Echo);
        let (cause, duration) = (CallEnd::Timeout, Span::secs(1));
        let ended = What::CallEnded { call: one, cause, duration, frames: 0, lost: 0, reordered: 0 };
        assert_eq!(view(&[ended; 100]).heard.len(), HEARD);
    }
}

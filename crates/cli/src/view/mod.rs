//! The live view: what is on the air, as somebody who watches wants to see it. Owns what refusals and names add to the hub's
//! picture, so that a running server and a demonstration are shown alike; draws nothing itself. Source: design §7 (`demo`,
//! `top`).

pub(crate) mod lines;
#[cfg(feature = "tui")]
pub(crate) mod live;
#[cfg(feature = "tui")]
pub mod screen;

use crate::words;
use ragchew_core::id::{RadioId, SessionNo};
use ragchew_core::report::{CallTag, Destination, What};
use ragchew_core::time::Wall;
use ragchew_offload::picture::{Heard, Picture};
use std::collections::{BTreeMap, BTreeSet};

/// What is shown.
#[derive(Debug, Default)]
pub struct View {
    /// What is shown above everything.
    pub title: String,
    /// What is not as usual, such as a server that does not answer; shown at the foot.
    pub notice: Option<String>,
    /// Names of radios that are known.
    pub names: BTreeMap<RadioId, String>,
    /// Who is there and what is on the air.
    pub picture: Picture,
    /// Refusals by their sentence, with their number and the newest one's subject.
    pub refused: BTreeMap<&'static str, (u64, String)>,
}

impl View {
    /// Takes an event in; `retold`: it is not new, but says once more how things are.
    pub fn apply(&mut self, at: Wall, retold: bool, what: &What) {
        self.picture.apply(at, what);
        match what {
            _ if retold => {}
            What::CallStarted { call, .. } => {
                if let Destination::Nowhere(why) = call.destination {
                    self.refuse(why.text(), format!("{} on TG {}", self.name(call.source), call.rf_tg));
                }
            }
            What::CallRefused { source, destination, why, .. } => {
                self.refuse(why.text(), format!("{} to {destination}", self.name(*source)));
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
    pub fn callsign(&self, number: SessionNo) -> String {
        let session = self.picture.session(number);
        session.map_or_else(|| format!("#{}", number.0), |session| session.callsign.to_string())
    }

    /// Who is on the talkgroup of a call, but for the one who brings it.
    pub fn listeners(&self, call: &CallTag) -> Vec<String> {
        let Destination::Conference(conference) = call.destination else { return Vec::new() };
        let members = self.picture.members(conference).map(|(session, _)| session.who.session);
        let others: BTreeSet<SessionNo> = members.filter(|session| *session != call.from.session).collect();
        others.into_iter().map(|session| self.callsign(session)).collect()
    }

    /// Frames of a call that are missing, in per mille of all.
    pub fn loss(heard: &Heard) -> u64 {
        let [frames, lost, _] = heard.frames;
        words::loss(frames, lost).unwrap_or(0)
    }

    /// A sentence on a call: where it goes.
    pub fn destination(call: &CallTag) -> String {
        words::destination(call.destination, call.rf_tg)
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
    use ragchew_core::id::{CallNo, ClientId, ConferenceTg, ListenerId, RfTg, Slot, StreamId};
    use ragchew_core::refusal::Refusal;
    use ragchew_core::report::{CallEnd, SessionEnd, SessionTag, SubscriptionEnd, SubscriptionSource, Text};
    use ragchew_core::time::Span;

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
            view.apply(Wall(Span::secs(second as u64).0), false, what);
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
        assert_eq!(shown.picture.on_air_count(), 1);
        assert_eq!(shown.callsign(SessionNo(3)), "Q3CAT");
        assert_eq!((shown.name(on_91.source), shown.name(RadioId(5))), ("Ana".into(), "5".into()));

        let (cause, duration) = (CallEnd::Terminator, Span::secs(3));
        events.push(What::CallEnded { call: on_91, cause, duration, frames: 90, lost: 10, reordered: 0 });
        let shown = view(&events);
        assert_eq!(shown.picture.on_air_count(), 0);
        let heard: Vec<_> = shown.picture.heard().map(|heard| (View::loss(heard), heard.duration)).collect();
        assert_eq!(heard, [(100, duration)]);
    }

    #[test]
    fn who_leaves_does_not_listen_any_more() {
        let on_92 = call(3, Destination::Conference(ConferenceTg(92)));
        let remote = ([192, 0, 2, 1], 62_031).into();
        let mut events =
            vec![connected(1, b"Q1ANA   "), connected(2, b"Q2BEN   "), subscribed(1, 92), subscribed(2, 92)];
        assert_eq!(view(&events).listeners(&on_92), ["Q1ANA", "Q2BEN"]);
        events.push(What::Disconnected { who: tag(1), remote, cause: SessionEnd::TimedOut });
        assert_eq!(view(&events).listeners(&on_92), ["Q2BEN"]);
        let (rf_tg, conference) = (RfTg(92), ConferenceTg(92));
        let cause = SubscriptionEnd::Expired;
        events.push(What::Unsubscribed { who: tag(2), slot: Slot::Two, rf_tg, conference, cause });
        assert_eq!(view(&events).listeners(&on_92), [""; 0]);
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
    fn what_is_told_once_more_is_not_refused_once_more() {
        let nowhere = What::CallStarted { call: call(1, Destination::Nowhere(Refusal::NotRouted)), late_entry: false };
        let mut shown = view(&[nowhere]);
        shown.apply(Wall(9), true, &nowhere);
        assert_eq!(shown.refused[Refusal::NotRouted.text()].0, 1);
    }
}

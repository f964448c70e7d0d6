//! What the picture makes of histories, whole and with losses, and that whoever is told it has the same one.

use super::*;
use crate::limits::TOLD_ROWS;
use ragchew_core::id::{ClientId, ListenerId, RadioId, StreamId};
use ragchew_core::report::{Destination, SessionEnd, SubscriptionEnd, SubscriptionSource, Text};

fn tag(session: u64) -> SessionTag {
    let client = ClientId(2_340_000 + session as u32);
    SessionTag { session: SessionNo(session), listener: ListenerId(0), client }
}

fn connected(session: u64) -> What {
    let remote = ([192, 0, 2, 1], session as u16).into();
    let callsign = Text::new(format!("Q{session}").as_bytes());
    What::Connected { who: tag(session), remote, callsign, rx_hz: 1, tx_hz: 2, colour_code: 1, slots: b'3' }
}

fn disconnected(session: u64) -> What {
    let remote = ([192, 0, 2, 1], session as u16).into();
    What::Disconnected { who: tag(session), remote, cause: SessionEnd::Closed }
}

fn subscribed(session: u64, tg: u32) -> What {
    mapped(session, tg, tg)
}

fn mapped(session: u64, rf: u32, tg: u32) -> What {
    let (rf_tg, conference) = (RfTg(rf), ConferenceTg(tg));
    What::Subscribed { who: tag(session), slot: Slot::Two, rf_tg, conference, source: SubscriptionSource::Static }
}

fn unsubscribed(session: u64, tg: u32) -> What {
    let (rf_tg, conference) = (RfTg(tg), ConferenceTg(tg));
    What::Unsubscribed { who: tag(session), slot: Slot::Two, rf_tg, conference, cause: SubscriptionEnd::Expired }
}

fn call(number: u64, session: u64) -> CallTag {
    let destination = Destination::Conference(ConferenceTg(91));
    let (stream, source) = (StreamId(7), RadioId(2_345_001));
    CallTag { call: CallNo(number), from: tag(session), stream, source, slot: Slot::Two, rf_tg: RfTg(91), destination }
}

fn started(number: u64, session: u64) -> What {
    What::CallStarted { call: call(number, session), late_entry: false }
}

fn ended(number: u64, session: u64) -> What {
    let (cause, duration) = (CallEnd::Terminator, Span::secs(2));
    What::CallEnded { call: call(number, session), cause, duration, frames: 30, lost: 3, reordered: 1 }
}

fn apply(picture: &mut Picture, history: &[What]) {
    for what in history {
        picture.apply(Wall(Span::secs(100).0), what);
    }
}

fn picture(history: &[What]) -> Picture {
    let mut picture = Picture::default();
    apply(&mut picture, history);
    picture
}

/// Everything that can be asked for, but for what was heard.
fn shown(picture: &Picture) -> String {
    let sessions: Vec<_> = picture.sessions(None).map(|session| Session { told: 0, ..session.clone() }).collect();
    let conferences: Vec<_> = picture
        .conferences(None)
        .map(|(tg, count)| {
            (
                tg,
                count,
                picture.members(tg).map(|(session, subscription)| (session.who, *subscription)).collect::<Vec<_>>(),
            )
        })
        .collect();
    let on_air: Vec<_> = picture.on_air().map(|on_air| OnAir { told: 0, ..*on_air }).collect();
    format!("{} {sessions:#?} {conferences:#?} {on_air:#?}", picture.session_count())
}

fn numbers(picture: &Picture) -> Vec<u64> {
    picture.sessions(None).map(|session| session.who.session.0).collect()
}

#[test]
fn a_session_takes_its_subscriptions_along() {
    let history = [connected(1), subscribed(1, 91), subscribed(1, 92), connected(2), subscribed(2, 92)];
    let mut picture = picture(&history);
    assert_eq!(picture.conferences(None).collect::<Vec<_>>(), [(ConferenceTg(91), 1), (ConferenceTg(92), 2)]);
    assert_eq!(picture.conferences(Some(ConferenceTg(91))).count(), 1);
    apply(&mut picture, &[disconnected(1)]);
    assert_eq!(numbers(&picture), [2]);
    assert_eq!(picture.conferences(None).collect::<Vec<_>>(), [(ConferenceTg(92), 1)]);
    apply(&mut picture, &[unsubscribed(2, 92), unsubscribed(2, 92)]);
    assert_eq!((picture.conference_count(), picture.member_count()), (0, 0));
}

#[test]
fn a_talkgroup_that_means_another_conference_leaves_the_first() {
    let picture = picture(&[connected(1), mapped(1, 9, 91), mapped(1, 9, 92)]);
    assert_eq!(picture.conferences(None).collect::<Vec<_>>(), [(ConferenceTg(92), 1)]);
    assert_eq!(picture.session(SessionNo(1)).unwrap().subscriptions().len(), 1);
}

#[test]
fn two_talkgroups_of_a_slot_on_one_conference_are_one_member_until_both_are_gone() {
    let mut picture = picture(&[connected(1), mapped(1, 8, 91), mapped(1, 9, 91)]);
    assert_eq!((picture.member_count(), picture.members(ConferenceTg(91)).count()), (1, 2));
    apply(&mut picture, &[unsubscribed(1, 8)]);
    assert_eq!((picture.member_count(), picture.members(ConferenceTg(91)).count()), (1, 1));
    apply(&mut picture, &[unsubscribed(1, 9)]);
    assert_eq!((picture.member_count(), picture.conference_count()), (0, 0));
}

#[test]
fn the_same_login_told_again_is_counted_once_and_keeps_its_begin() {
    let mut picture = picture(&[connected(1)]);
    picture.apply(Wall(Span::secs(200).0), &connected(1));
    assert_eq!(picture.session_count(), 1);
    assert_eq!(picture.session(SessionNo(1)).unwrap().since, Wall(Span::secs(100).0));
}

#[test]
fn a_call_goes_from_the_air_to_those_that_were_heard() {
    let mut picture = picture(&[started(5, 1)]);
    assert_eq!((picture.on_air_count(), picture.calls()), (1, 5));
    picture.apply(Wall(Span::secs(102).0), &ended(5, 1));
    assert_eq!(picture.on_air_count(), 0);
    let heard = picture.heard().next().unwrap();
    assert_eq!(
        (heard.since, heard.cause, heard.frames),
        (Wall(Span::secs(100).0), Some(CallEnd::Terminator), [30, 3, 1])
    );
}

#[test]
fn the_memory_of_calls_does_not_grow() {
    let mut picture = Picture::default();
    for number in 1..=2_000 {
        apply(&mut picture, &[started(number, 1), ended(number, 1)]);
    }
    assert_eq!((picture.heard().count(), picture.on_air_count(), picture.calls()), (HEARD_CALLS, 0, 2_000));
    assert_eq!(picture.heard().next().unwrap().call.call, CallNo(2_000));
}

#[test]
fn what_a_resync_does_not_tell_is_gone() {
    let mut picture = picture(&[connected(1), subscribed(1, 91), connected(2), subscribed(2, 91), started(1, 1)]);
    picture.lost();
    assert!(!picture.is_complete());
    let told = [What::ResyncBegan { epoch: 7 }, What::Retold { who: tag(2) }, connected(2), subscribed(2, 92)];
    apply(&mut picture, &told);
    // Somebody comes while it runs.
    apply(&mut picture, &[connected(3), started(2, 3), What::ResyncEnded { epoch: 7 }]);
    assert!(picture.is_complete());
    assert_eq!(numbers(&picture), [2, 3]);
    assert_eq!(picture.conferences(None).collect::<Vec<_>>(), [(ConferenceTg(92), 1)]);
    assert_eq!(picture.on_air().map(|on_air| on_air.call.call).collect::<Vec<_>>(), [CallNo(2)]);
    assert_eq!(picture.heard().next().unwrap().cause, None);
}

#[test]
fn the_end_of_a_resync_that_lost_something_sweeps_nothing() {
    for (began, loses) in [(7, true), (8, false)] {
        let mut picture = picture(&[connected(1)]);
        picture.lost();
        apply(&mut picture, &[What::ResyncBegan { epoch: began }]);
        if loses {
            picture.lost();
        }
        apply(&mut picture, &[What::ResyncEnded { epoch: 7 }]);
        assert_eq!((numbers(&picture), picture.is_complete()), (vec![1], false));
    }
}

#[test]
fn a_session_whose_begin_was_lost_is_not_shown_until_it_is_told() {
    let mut picture = picture(&[subscribed(1, 91), What::Gone { session: SessionNo(9) }]);
    assert_eq!((picture.session_count(), picture.sessions(None).count()), (0, 0));
    assert_eq!(picture.members(ConferenceTg(91)).count(), 0);
    apply(&mut picture, &[connected(1)]);
    assert_eq!(picture.members(ConferenceTg(91)).count(), 1);
    apply(&mut picture, &[What::Gone { session: SessionNo(1) }]);
    assert_eq!((picture.session_count(), picture.conference_count()), (0, 0));
}

#[test]
fn what_finds_no_room_is_counted_and_leaves_it_incomplete() {
    let mut picture = Picture::default();
    for session in 0..MAX_SESSIONS as u64 {
        apply(&mut picture, &[connected(session)]);
    }
    assert!(picture.is_complete());
    apply(&mut picture, &[connected(1_000_000), connected(5)]);
    assert_eq!((picture.session_count() as usize, picture.overflowed()), (MAX_SESSIONS, 1));
    assert!(!picture.is_complete());
}

/// A generator that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Something that a server could say next; sessions and calls are used once.
fn happens(dice: &mut Dice, alive: &mut Vec<u64>, speaking: &mut Vec<(u64, u64)>, next: &mut u64) -> What {
    let pick = dice.roll(alive.len().max(1) as u64) as usize;
    match (dice.roll(8), alive.get(pick).copied()) {
        (0 | 1, _) | (_, None) => {
            *next += 1;
            alive.push(*next);
            connected(*next)
        }
        (2, Some(session)) if alive.len() > 20 => {
            alive.swap_remove(pick);
            disconnected(session)
        }
        (3, Some(session)) => unsubscribed(session, 90 + dice.roll(4) as u32),
        (4, Some(session)) => {
            *next += 1;
            speaking.push((*next, session));
            started(*next, session)
        }
        (5, _) if !speaking.is_empty() => {
            let (number, session) = speaking.remove(0);
            ended(number, session)
        }
        (6, Some(session)) => {
            let (who, software) = (tag(session), Text::new(b"MMDVM_HS"));
            What::Software { who, software, package: Text::default() }
        }
        (_, Some(session)) => mapped(session, 90 + dice.roll(4) as u32, 90 + dice.roll(6) as u32),
    }
}

#[test]
fn who_is_told_in_pages_while_things_happen_has_the_same_picture_in_the_end() {
    for seed in 0..50 {
        let mut dice = Dice(seed);
        let (mut alive, mut speaking, mut next) = (Vec::new(), Vec::new(), 0);
        let mut hub = Picture::default();
        for _ in 0..400 {
            apply(&mut hub, &[happens(&mut dice, &mut alive, &mut speaking, &mut next)]);
        }
        // The listener knew something once, and half of that is no longer so.
        let mut listener = picture(&[connected(1), subscribed(1, 91), connected(900_000), started(900_001, 900_000)]);
        listener.lost();
        let mut place = Some(Place::start(seed as u32));
        while let Some(from) = place {
            let page = hub.rows(Wall(Span::secs(100).0), from);
            assert!(!page.events.is_empty() && page.events.len() <= TOLD_ROWS);
            page.events.iter().for_each(|(at, what)| listener.apply(*at, what));
            place = page.next;
            for _ in 0..dice.roll(6) {
                let what = happens(&mut dice, &mut alive, &mut speaking, &mut next);
                apply(&mut hub, &[what]);
                apply(&mut listener, &[what]);
            }
        }
        assert!(listener.is_complete());
        assert_eq!(shown(&listener), shown(&hub), "seed {seed}");
    }
}

//! From a call to its recipients: the conference's members, each line's say, and the frames that go out. Costs what the
//! recipients cost. Source: `behaviour.md` 3.6 to 3.9, S-105 to S-119, S-138.

use super::Routing;
use super::call::Route;
use super::station::{Bid, Feed};
use crate::id::Slot;
use crate::refs::{CallRef, ConferenceRef, SessionRef};
use crate::refusal::Refusal;
use crate::turn::Turn;
use crate::wire::hbp::{BurstIndex, DmrdView, FrameKind, TalkerAliasMessage};

/// How a line comes into a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// With this frame.
    Now,
    /// With this frame, after a header of our own.
    AfterHeader,
    /// With a later frame.
    Later,
}

impl Routing {
    /// Sends a frame of a call to whoever may hear it.
    pub(super) fn deliver(
        &mut self,
        turn: &mut Turn<'_>,
        call: CallRef,
        conference: ConferenceRef,
        frame: &DmrdView<'_>,
        first: bool,
    ) {
        let Some(members) = self.subscriptions.conference(conference).map(|c| &c.members) else { return };
        let Some(record) = self.calls.get_mut(call) else { return };
        record.presentation.begin_frame(frame);
        let now = turn.now.mono;
        let feed = Feed::Call(call);
        let mut untouched = None;
        for member in members {
            if member.session == record.session && (!self.policy.self_other_slot || member.slot == record.slot) {
                continue;
            }
            let Some(station) = self.stations.get_mut(member.session) else { continue };
            let (path, client) = (station.info.path, station.info.who.client);
            let (hears, hang_time) = (station.info.hears[member.slot.index()], station.hang_time);
            if !hears {
                turn.shared.refusals.count(Refusal::SlotNotServed);
                continue;
            }
            let line = station.line_mut(member.slot);
            let bid = Bid { feed, rf_tg: member.rf_tg, source: record.tag.source };
            if let Err(why) = line.admits(bid, hang_time, now) {
                // Whoever lost the line to somebody else comes back at the start of a superframe. Another number of this
                // same call on this line is not a loss.
                if line.sent.is_some_and(|sent| sent.rf_tg == member.rf_tg) {
                    line.hang_up(feed);
                }
                turn.shared.refusals.count(why);
                continue;
            }
            let entry = if line.hears(feed) { Entry::Now } else { entry(frame.kind(), first) };
            if entry == Entry::Later {
                turn.shared.refusals.count(Refusal::AwaitsSuperframe);
                continue;
            }
            if entry == Entry::AfterHeader {
                let header = record.presentation.header(turn.effects, frame, member.rf_tg);
                turn.effects.push_voice(path, header, client, member.slot);
            }
            let shared = if member.rf_tg == record.presentation.rf_tg() {
                *untouched.get_or_insert_with(|| turn.effects.push_frame(frame.to_frame()))
            } else {
                record.presentation.mapped(turn.effects, frame, member.rf_tg)
            };
            turn.effects.push_voice(path, shared, client, member.slot);
            line.send(bid, now);
        }
    }

    /// Passes a talker alias (DMRA) on to those who hear the call that it belongs to.
    pub(crate) fn talker_alias(&mut self, turn: &mut Turn<'_>, session: SessionRef, alias: &TalkerAliasMessage) {
        let Some((source, message)) = bare(alias) else { return turn.refuse(Refusal::AliasRefused) };
        let Some(station) = self.stations.get(session) else { return };
        let speaking = Slot::BOTH.into_iter().filter_map(|slot| station.line(slot).speaking).find(|&call| {
            self.calls.get(call).is_some_and(|record| record.tag.source == source && record.alias_left > 0)
        });
        let Some(call) = speaking else { return turn.refuse(Refusal::AliasRefused) };
        let Some(record) = self.calls.get_mut(call) else { return };
        record.alias_left -= 1;
        let Route::Conference(conference) = record.route else { return };
        let Some(members) = self.subscriptions.conference(conference).map(|c| &c.members) else { return };
        for member in members {
            let Some(station) = self.stations.get(member.session) else { continue };
            let line = station.line(member.slot);
            if line.hears(Feed::Call(call)) && line.sent.is_some_and(|sent| sent.rf_tg == member.rf_tg) {
                turn.effects.push_control(station.info.path, &message);
            }
        }
    }
}

/// Everybody who is free when a call begins hears it from its first frame; a header lets in at any time; whoever comes in
/// between begins at burst A (`wire.md` 6, trap 34).
fn entry(kind: FrameKind, first: bool) -> Entry {
    match kind {
        _ if first => Entry::Now,
        FrameKind::VoiceHeader => Entry::Now,
        FrameKind::Voice(BurstIndex::A) => Entry::AfterHeader,
        _ => Entry::Later,
    }
}

/// The form without a client's ID, in which nothing of the way it came remains; what a gateway cut is not passed on.
fn bare(alias: &TalkerAliasMessage) -> Option<(crate::id::RadioId, [u8; 15])> {
    let (source, block, text) = match *alias {
        TalkerAliasMessage::Bare { source, block, text } => (source, block, text),
        TalkerAliasMessage::WithClient { source, block, text, .. } => (source, block, text),
        TalkerAliasMessage::Truncated { .. } => return None,
    };
    let (bytes, len) = TalkerAliasMessage::Bare { source, block, text }.emit();
    let message = bytes.first_chunk().copied()?;
    (len == 15).then_some((source, message))
}

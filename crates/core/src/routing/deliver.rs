//! From a call to its recipients: the conference's members, each line's say, and the frames that go out. Costs what the
//! recipients cost. Source: `behaviour.md` 3.6 to 3.9, S-105 to S-119, S-138.

use super::Routing;
use super::call::{Call, Route};
use super::station::{Bid, Feed, Line};
use crate::id::{ClientId, Slot};
use crate::net::Path;
use crate::refs::{CallRef, ConferenceRef, SessionRef};
use crate::refusal::Refusal;
use crate::turn::Turn;
use crate::wire::hbp::{BurstIndex, DmrdView, FrameKind, TalkerAliasMessage};
use slotmap::SlotMap;

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
        let (speaker, speaking_slot) = (record.session, record.slot);
        let own_tg = (!record.presentation.is_foreign()).then_some(record.tag.rf_tg);
        let (feed, source, now) = (Feed::Call(call), record.tag.source, turn.now.mono);
        let mut untouched = None;
        for member in members {
            if member.session == speaker && (!self.policy.self_other_slot || member.slot == speaking_slot) {
                continue;
            }
            let Some(station) = self.stations.get_mut(member.session) else { continue };
            let (path, client) = (station.info.path, station.info.who.client);
            let (hears, hang_time) = (station.info.hears[member.slot.index()], station.hang_time);
            if !hears {
                turn.refuse(Refusal::SlotNotServed);
                continue;
            }
            let line = station.line_mut(member.slot);
            let bid = Bid { feed, rf_tg: member.rf_tg, source };
            if let Err(why) = line.admits(bid, hang_time, now) {
                // Whoever lost the line to somebody else comes back at the start of a superframe. Another number of this
                // same call on this line is not a loss.
                if line.sent.is_some_and(|sent| sent.rf_tg == member.rf_tg) {
                    line.hang_up(feed);
                }
                turn.refuse(why);
                continue;
            }
            if !line.hears(feed) {
                let entry = entry(frame.kind(), first);
                if entry == Entry::Later {
                    turn.refuse(Refusal::AwaitsSuperframe);
                    continue;
                }
                let receiver = Receiver { path, client, slot: member.slot };
                end_former(&mut self.calls, turn, line, receiver);
                if let (Entry::AfterHeader, Some(record)) = (entry, self.calls.get_mut(call)) {
                    let header = record.presentation.header(turn.effects, frame, member.rf_tg);
                    turn.effects.push_voice(path, header, client, member.slot);
                }
            }
            let shared = if Some(member.rf_tg) == own_tg {
                *untouched.get_or_insert_with(|| turn.effects.push_frame(frame.to_frame()))
            } else {
                let Some(record) = self.calls.get_mut(call) else { return };
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

/// Where a frame goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiver {
    pub(super) path: Path,
    pub(super) client: ClientId,
    pub(super) slot: Slot,
}

/// A line that goes over to another call hears the former one end first: that one fell silent without a terminator.
pub(super) fn end_former(calls: &mut SlotMap<CallRef, Call>, turn: &mut Turn<'_>, line: &mut Line, to: Receiver) {
    let (Some(feed @ Feed::Call(former)), Some(sent)) = (line.feed, line.sent) else { return };
    line.hang_up(feed);
    if let Some(record) = calls.get_mut(former) {
        let seq = record.progress.next_seq();
        let frame = record.presentation.terminator(turn.effects, sent.rf_tg, seq);
        turn.effects.push_voice(to.path, frame, to.client, to.slot);
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

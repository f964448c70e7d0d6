//! The echo on its line: a call that goes into a recording, and its playback, which has to have the line like any call and
//! ends when the user keys up. Source: `behaviour.md` 7.9, S-207, S-208, S-213, S-214.

use super::Routing;
use super::call::Route;
use super::deliver::{Receiver, end_former};
use super::station::{Bid, Feed};
use crate::id::Slot;
use crate::limits::{ECHO_FRAMES_PER_TURN, FRAME_INTERVAL};
use crate::refs::{EchoRef, SessionRef};
use crate::refusal::Refusal;
use crate::report::What;
use crate::turn::{Due, Turn};
use crate::voice::echo::Stage;
use crate::wire::hbp::DmrdView;

impl Routing {
    /// Where a call to the echo goes: into a new recording, unless one is being played to this line or all are taken.
    pub(super) fn open_echo(&mut self, session: SessionRef, frame: &DmrdView<'_>) -> Route {
        let former = self.stations.get(session).and_then(|station| station.line(frame.slot()).echo);
        if let Some(former) = former {
            if self.echoes.get(former).is_some_and(|echo| echo.is_playing()) {
                return Route::Nowhere(Refusal::EchoBusy);
            }
            self.end_echo(former);
        }
        let other = self.stations.get(session).and_then(|station| station.line(frame.slot().other()).echo);
        if other.is_some() {
            // One at a time for each client: there are not enough for everybody's both slots.
            return Route::Nowhere(Refusal::EchoBusy);
        }
        let Some(echo) = self.echoes.open(session, frame) else { return Route::Nowhere(Refusal::EchoBusy) };
        if let Some(station) = self.stations.get_mut(session) {
            station.line_mut(frame.slot()).echo = Some(echo);
        }
        Route::Echo(echo)
    }

    /// Keying up ends the playback of an echo on that line, but for another call to the echo, which has to wait.
    pub(super) fn cancel_echo(&mut self, session: SessionRef, slot: Slot, route: Route) {
        if matches!(route, Route::Echo(_) | Route::Nowhere(Refusal::EchoBusy)) {
            return;
        }
        if let Some(echo) = self.stations.get(session).and_then(|station| station.line(slot).echo) {
            self.end_echo(echo);
        }
    }

    /// The recorded call is over.
    pub(super) fn finish_echo(&mut self, turn: &mut Turn<'_>, reference: EchoRef) {
        let stream = turn.shared.secrets.next_stream();
        let due = self.echoes.get_mut(reference).and_then(|echo| echo.finish(stream, turn.now.mono));
        match due {
            Some(at) => turn.due(at, Due::Echo(reference)),
            None => self.end_echo(reference),
        }
    }

    /// Plays what is due of an echo. A line that is taken makes it wait before it has begun, and skip afterwards.
    pub(crate) fn echo_due(&mut self, turn: &mut Turn<'_>, reference: EchoRef) {
        let now = turn.now.mono;
        let Some(echo) = self.echoes.get_mut(reference) else { return };
        let Some(station) = self.stations.get_mut(echo.session) else { return self.echoes.remove(reference) };
        let (path, who, hang_time) = (station.info.path, station.info.who, station.hang_time);
        let line = station.line_mut(echo.slot);
        let bid = Bid { feed: Feed::Echo(reference), rf_tg: echo.rf_tg, source: echo.source };
        let free = line.admits(bid, hang_time, now);
        if let Stage::Waiting { until } = echo.stage {
            match free {
                Ok(()) => {
                    end_former(&mut self.calls, turn, line, Receiver { path, client: who.client, slot: echo.slot });
                    let frames = echo.begin(now);
                    turn.report(What::EchoStarted { who, slot: echo.slot, rf_tg: echo.rf_tg, frames });
                }
                Err(why) => {
                    turn.refuse(why);
                    if now >= until {
                        return self.end_echo(reference);
                    }
                    return turn.due(now + FRAME_INTERVAL, Due::Echo(reference));
                }
            }
        }
        // After a standstill of the machine not everything that is overdue comes in one turn.
        for _ in 0..ECHO_FRAMES_PER_TURN {
            let Some(frame) = echo.next_frame(now) else { break };
            match free {
                Ok(()) => {
                    let shared = turn.effects.push_frame(frame);
                    turn.effects.push_voice(path, shared, who.client, echo.slot);
                    line.send(bid, now);
                }
                Err(why) => turn.refuse(why),
            }
        }
        match echo.next_due() {
            Some(at) => turn.due(at, Due::Echo(reference)),
            None => self.end_echo(reference),
        }
    }

    /// Ends an echo at whatever stage, and leaves its line.
    pub(super) fn end_echo(&mut self, reference: EchoRef) {
        let Some(echo) = self.echoes.get(reference) else { return };
        if let Some(station) = self.stations.get_mut(echo.session) {
            let line = station.line_mut(echo.slot);
            line.hang_up(Feed::Echo(reference));
            line.echo = line.echo.filter(|&other| other != reference);
        }
        self.echoes.remove(reference);
    }
}

//! A naive server: what `behaviour.md` and `wire.md` ask for, written to be read. Flat lists, linear scans, times in
//! milliseconds; shares no code with the core but the names in which both report. Where the specification leaves latitude
//! it follows what the core's comments say was decided.

mod access;
mod control;
mod echo;
pub(crate) mod frame;
mod legs;
mod options;
mod speech;

use super::setup::Setup;
use frame::Frame;
pub(crate) use options::Settings;
use ragchew_core::id::{CallNo, ClientId, ListenerId, SessionNo};
use ragchew_core::net::Path;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, CallTag, SessionEnd, SessionTag, SubscriptionSource, What};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Something that the server sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    Control(Path, Vec<u8>),
    /// RPTACK with a salt that only the server can choose.
    Challenge(Path, u32),
    Frame(Path, [u8; 55]),
    /// A frame of a playback: its stream is the server's choice, the same for all frames of an echo.
    Playback(Path, [u8; 55], u64),
}

/// Tokens: `burst` of them at once, then one per `per` milliseconds.
#[derive(Clone, Debug, Default)]
struct Bucket(Option<(u64, u64)>);

impl Bucket {
    /// Credit in milliseconds; full when never used.
    fn take(&mut self, burst: u64, per: u64, now: u64) -> bool {
        let full = burst * per;
        let credit = self.0.map_or(full, |(credit, at)| full.min(credit + (now - at)));
        self.0 = Some((if credit >= per { credit - per } else { credit }, now));
        credit >= per
    }
}

/// A transmission through a line: when its last frame passed, which talkgroup, which radio.
#[derive(Clone, Copy, Debug)]
struct Passed {
    at: u64,
    tg: u32,
    source: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Feed {
    Call(u64),
    Echo(u64),
}

/// A slot of a client.
#[derive(Clone, Debug, Default)]
struct Line {
    received: Option<Passed>,
    sent: Option<Passed>,
    feed: Option<Feed>,
    starts: Bucket,
    tells: Bucket,
    /// The last four refusals that were told.
    told: Vec<(u32, Refusal)>,
}

#[derive(Clone, Debug)]
struct Session {
    number: u64,
    listener: u16,
    client: u32,
    path: Path,
    running: bool,
    accepted: [u8; 32],
    heard: u64,
    closing: Option<u64>,
    moved: Option<u64>,
    rptc: Option<Vec<u8>>,
    rpto: Option<Vec<u8>>,
    /// Every text of OPTIONS that was taken.
    asked: Vec<String>,
    key: Option<String>,
    wishes: Bucket,
    settings: Settings,
    hears: [bool; 2],
    lines: [Line; 2],
}

impl Session {
    fn tag(&self) -> SessionTag {
        SessionTag {
            session: SessionNo(self.number),
            listener: ListenerId(self.listener),
            client: ClientId(self.client),
        }
    }

    fn ends(&self) -> u64 {
        self.closing.map_or(self.heard + 60_000, |closing| closing.min(self.heard + 60_000))
    }
}

/// A (client, slot, talkgroup on RF) in a conference.
#[derive(Clone, Debug)]
struct Leg {
    number: u64,
    session: u64,
    slot: usize,
    rf: u32,
    conference: u32,
    source: SubscriptionSource,
    active: bool,
    until: Option<u64>,
    /// When it will be looked at, and its place among all that were ever set: equal times go by that.
    alarm: Option<(u64, u64)>,
    speaking: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Route {
    Conference(u32),
    Echo(u64),
    Nowhere(Refusal),
}

#[derive(Clone, Debug)]
struct Call {
    tag: CallTag,
    number: u64,
    session: u64,
    slot: usize,
    rf: u32,
    source: u32,
    stream: u32,
    /// Under which conference the stream is remembered.
    known_as: u32,
    route: Route,
    leg: Option<u64>,
    joins: Option<u32>,
    started: u64,
    last: u64,
    too_long: bool,
    /// Its terminator passed the rate guard.
    hasty_end: bool,
    progress: speech::Progress,
    look: speech::Look,
    aliases_left: u32,
}

/// A stream that is known, and how it ended.
#[derive(Clone, Debug)]
struct Known {
    origin: (u16, u32, usize),
    ended: Option<Ended>,
}

#[derive(Clone, Debug)]
struct Ended {
    at: u64,
    last_frame: u64,
    soft: bool,
}

/// What can be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Call(u64),
    Echo(u64),
    Leg(u64),
    Memory,
    Session(u64),
    Drain,
}

#[derive(Clone, Debug, Default)]
struct Strangers {
    challenge_client: BTreeMap<(u32, std::net::IpAddr), Bucket>,
    challenge_source: BTreeMap<std::net::IpAddr, Bucket>,
    answer_client: BTreeMap<(u32, std::net::IpAddr), Bucket>,
    answer_source: BTreeMap<std::net::IpAddr, Bucket>,
    naks: BTreeMap<std::net::IpAddr, Bucket>,
    all_naks: Bucket,
    events: Bucket,
    failures: BTreeMap<(u32, std::net::IpAddr), Failures>,
}

/// Wrong answers of a client.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    last: u64,
    ignored_until: u64,
}

/// The naive server.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    setup: Setup,
    now: u64,
    /// Minutes that the server's clock has run when the case begins; challenges change with them.
    began: u64,
    /// In the order of their logins, by which reloads and drains go.
    sessions: Vec<Session>,
    newest_at: BTreeMap<SocketAddr, u64>,
    strangers: Strangers,
    salts: BTreeMap<(u32, u16, String, u64), [u8; 4]>,
    legs: Vec<Leg>,
    /// Active legs of each conference in the order in which they are served; the last takes the place of one that leaves.
    members: BTreeMap<u32, Vec<u64>>,
    calls: Vec<Call>,
    known: BTreeMap<(u32, u32), Known>,
    echoes: Vec<echo::Echo>,
    pub(crate) playback_streams: BTreeMap<u64, u32>,
    drain: Option<Drain>,
    /// An operator wants no new calls and logins.
    last_calls: bool,
    pub(crate) drained: bool,
    pub(crate) made: Made,
    pub(crate) refusals: BTreeMap<&'static str, u64>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) events: Vec<What>,
}

/// How many records were ever made: they get numbers from these.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    pub(crate) sessions: u64,
    pub(crate) calls: u64,
    pub(crate) legs: u64,
    pub(crate) echoes: u64,
    /// Frames that went out for another talkgroup than they came in.
    pub(crate) mapped: u64,
    /// Headers for those who joined late.
    pub(crate) late_joins: u64,
    pub(crate) delivered: u64,
    pub(crate) aliases_shown: u64,
    pub(crate) made_terminators: u64,
    /// Headers and terminators whose LC was put right.
    pub(crate) foreign: u64,
    /// Lines that went over to another call.
    pub(crate) went_over: u64,
    /// MSTCL that were not sent because another session runs there.
    pub(crate) withheld: u64,
    /// Logins that stayed under the takeover interval of the session before.
    pub(crate) intervals_kept: u64,
    /// Paused legs that waited for their user's end, and those that came back because they were keyed.
    pub(crate) waited: u64,
    pub(crate) paused_keyed: u64,
    /// Frames that came too many at once, and terminators that passed the rate guard.
    pub(crate) in_bulk: u64,
    pub(crate) hasty_ends: u64,
    pub(crate) second_echoes: u64,
    /// Refusals that were not told for their number, and begins whose former call took their leg away.
    pub(crate) untold: u64,
    pub(crate) meanings_changed: u64,
    /// Talkgroups that an operator dropped, and calls and logins that came after the last ones.
    pub(crate) unlinked: u64,
    pub(crate) too_late: u64,
    /// Sessions with OPTIONS that a reload kept.
    pub(crate) asked_again: u64,
    alarms: u64,
}

/// What the orderly end does next.
#[derive(Clone, Copy, Debug)]
enum DrainStep {
    EndCalls,
    /// The first, second or third time.
    Tell(u32),
    Close,
    Done,
}

#[derive(Clone, Debug)]
struct Drain {
    step: DrainStep,
    at: u64,
}

impl Model {
    pub(crate) fn new(setup: Setup, began: u64) -> Self {
        Self {
            setup,
            now: 0,
            began,
            sessions: Vec::new(),
            newest_at: BTreeMap::new(),
            strangers: Strangers::default(),
            salts: BTreeMap::new(),
            legs: Vec::new(),
            members: BTreeMap::new(),
            calls: Vec::new(),
            known: BTreeMap::new(),
            echoes: Vec::new(),
            playback_streams: BTreeMap::new(),
            drain: None,
            last_calls: false,
            drained: false,
            made: Made::default(),
            refusals: BTreeMap::new(),
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Forgets what was sent and reported.
    pub(crate) fn clear(&mut self) {
        self.sent.clear();
        self.events.clear();
    }

    fn refuse(&mut self, why: Refusal) {
        *self.refusals.entry(why.name()).or_default() += 1;
    }

    fn control(&mut self, path: Path, opcode: &str, client: u32) {
        self.sent.push(Sent::Control(path, [opcode.as_bytes(), &client.to_be_bytes()].concat()));
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    fn session(&self, number: u64) -> Option<&Session> {
        self.sessions().find(|session| session.number == number)
    }

    fn session_mut(&mut self, number: u64) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.number == number)
    }

    /// The session as one that exists.
    fn s(&self, number: u64) -> &Session {
        self.session(number).unwrap()
    }

    fn s_mut(&mut self, number: u64) -> &mut Session {
        self.session_mut(number).unwrap()
    }

    fn call(&self, number: u64) -> &Call {
        self.calls.iter().find(|call| call.number == number).unwrap()
    }

    fn call_mut(&mut self, number: u64) -> &mut Call {
        self.calls.iter_mut().find(|call| call.number == number).unwrap()
    }

    /// The call of a line's own user, until that has ended.
    fn speaking(&self, session: u64, slot: usize) -> Option<&Call> {
        self.calls.iter().find(|call| call.session == session && call.slot == slot)
    }

    /// Everything that is to happen, with its time.
    fn agenda(&self) -> Vec<(u64, Due)> {
        let mut agenda = Vec::new();
        for session in self.sessions() {
            agenda.push((session.ends(), Due::Session(session.number)));
        }
        for call in &self.calls {
            let silent = call.last + 5_000;
            let at = if call.too_long { silent } else { silent.min(call.started + 180_000) };
            agenda.push((at, Due::Call(call.number)));
        }
        for leg in &self.legs {
            agenda.extend(leg.alarm.map(|(at, _)| (at, Due::Leg(leg.number))));
        }
        for echo in &self.echoes {
            agenda.extend(echo.due().map(|at| (at, Due::Echo(echo.number))));
        }
        let first_end = self.known.values().filter_map(|known| known.ended.as_ref()).map(|ended| ended.at).min();
        agenda.extend(first_end.map(|at| (at + 180_000, Due::Memory)));
        agenda.extend(self.drain.as_ref().filter(|d| !matches!(d.step, DrainStep::Done)).map(|d| (d.at, Due::Drain)));
        agenda
    }

    /// When something happens next.
    pub(crate) fn next(&self) -> Option<u64> {
        self.agenda().into_iter().map(|(at, _)| at).min()
    }

    /// What happens at `now`.
    pub(crate) fn due(&self, now: u64) -> Vec<Due> {
        let mut due: Vec<_> = self.agenda().into_iter().filter(|&(at, _)| at <= now).map(|(_, due)| due).collect();
        let place = |leg| self.legs.iter().find(|l| l.number == leg).and_then(|l| l.alarm);
        due.sort_by_key(|&due| match due {
            Due::Leg(leg) => (Due::Leg(0), place(leg)),
            other => (other, None),
        });
        due
    }

    /// Lets one thing happen, if it still is to.
    pub(crate) fn run(&mut self, now: u64, due: Due) {
        self.now = now;
        if !self.due(now).contains(&due) {
            return;
        }
        match due {
            Due::Session(session) => self.session_is_over(session),
            Due::Call(call) => {
                let silent = self.call(call).last + 5_000 <= now;
                self.finish(call, if silent { CallEnd::Timeout } else { CallEnd::TooLong });
            }
            Due::Leg(leg) => self.leg_is_due(leg),
            Due::Echo(echo) => self.echo_is_due(echo),
            Due::Memory => self.known.retain(|_, known| known.ended.as_ref().is_none_or(|e| e.at + 180_000 > now)),
            Due::Drain => self.drain_step(),
        }
    }

    /// Orderly end, `wire.md` 1.6: nothing is heard any more, the rest comes in steps.
    pub(crate) fn begin_drain(&mut self, now: u64) {
        self.now = now;
        self.drain.get_or_insert(Drain { step: DrainStep::EndCalls, at: now });
    }

    /// Calls end, every client is told three times 20 ms apart, then sessions close. Where there were calls, the first time
    /// is 20 ms after their end, because control overtakes voice.
    fn drain_step(&mut self) {
        let step = self.drain.as_ref().unwrap().step;
        let sessions: Vec<(u64, bool)> = self.sessions().map(|s| (s.number, s.running)).collect();
        let (next, pause) = match step {
            DrainStep::EndCalls => {
                let calls: Vec<u64> = self.calls.iter().map(|call| call.number).collect();
                calls.iter().for_each(|&call| self.finish(call, CallEnd::SessionEnded));
                (DrainStep::Tell(1), if calls.is_empty() { 0 } else { 20 })
            }
            DrainStep::Tell(time) => {
                for (session, _) in sessions.into_iter().filter(|(_, running)| *running) {
                    let (path, client) = (self.s(session).path, self.s(session).client);
                    self.control(path, "MSTCL", client);
                }
                if time < 3 { (DrainStep::Tell(time + 1), 20) } else { (DrainStep::Close, 0) }
            }
            DrainStep::Close => {
                sessions.into_iter().for_each(|(session, _)| self.end(session, SessionEnd::Drained));
                self.drained = true;
                (DrainStep::Done, 0)
            }
            DrainStep::Done => return,
        };
        self.drain = Some(Drain { step: next, at: self.now + pause });
    }

    /// How many records there are, as the core counts them: sessions, subscriptions, conferences, streams, calls, echoes.
    pub(crate) fn sizes(&self) -> [usize; 6] {
        let mut conferences: Vec<u32> = self.legs.iter().map(|leg| leg.conference).collect();
        conferences.extend(self.calls.iter().filter_map(|call| match call.route {
            Route::Conference(conference) => Some(conference),
            _ => None,
        }));
        conferences.sort_unstable();
        conferences.dedup();
        [
            self.sessions().count(),
            self.legs.len(),
            conferences.len(),
            self.known.len(),
            self.calls.len(),
            self.echoes.len(),
        ]
    }

    pub(crate) fn running(&self) -> usize {
        self.sessions().filter(|session| session.running).count()
    }

    fn call_tag(&mut self, frame: &Frame, session: u64, destination: ragchew_core::report::Destination) -> CallTag {
        self.made.calls += 1;
        CallTag {
            call: CallNo(self.made.calls),
            from: self.s(session).tag(),
            stream: ragchew_core::id::StreamId(frame.stream),
            source: ragchew_core::id::RadioId(frame.source),
            slot: ragchew_core::id::Slot::BOTH[frame.slot],
            rf_tg: ragchew_core::id::RfTg(frame.tg),
            destination,
        }
    }
}

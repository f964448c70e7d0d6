//! Routing: who hears whom. Owns stations, subscriptions, calls and the memory of streams; parses and emits no datagrams.
//! It asks subscriptions only, whatever they came from. Source: design §2 rule 8, §3; `behaviour.md` 1 and 3.

pub(crate) mod call;
mod deliver;
mod ending;
mod ingress;
mod membership;
mod memory;
mod operator;
mod playback;
mod presentation;
mod progress;
pub mod rewrite;
pub(crate) mod station;
pub(crate) mod subscription;

use crate::access::settings::Settings;
use crate::carried::at_most;
use crate::config::Policy;
use crate::id::{CallNo, Slot};
use crate::limits::{MAX_CALLS, MAX_SESSIONS};
use crate::net::Path;
use crate::refs::{CallRef, SessionRef};
use crate::report::CallEnd;
use crate::seed::Secrets;
use crate::table::{TableFull, TableKey};
use crate::time::Mono;
use crate::turn::Turn;
use crate::voice::echo::Echoes;
use call::Call;
use memory::StreamMemory;
use serde::{Deserialize, Serialize};
use slotmap::SlotMap;
use station::{Station, StationInfo, Stations};
use subscription::Subscriptions;

/// The routing state of the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Routing {
    policy: Policy,
    #[serde(deserialize_with = "at_most::<_, _, { MAX_SESSIONS + 1 }>")]
    stations: Stations,
    subscriptions: Subscriptions,
    #[serde(deserialize_with = "at_most::<_, _, { MAX_CALLS + 1 }>")]
    calls: SlotMap<CallRef, Call>,
    memory: StreamMemory,
    echoes: Echoes,
    /// Key of the hashes by which repeated frames are recognised.
    frame_key: TableKey,
}

/// How many records the core holds; for tests, counters and the memory of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSizes {
    /// Sessions, those in mid-login included.
    pub sessions: usize,
    /// Subscriptions, suspended ones included.
    pub subscriptions: usize,
    /// Conferences.
    pub conferences: usize,
    /// Streams known, live and ended.
    pub streams: usize,
    /// Calls on the air.
    pub live_calls: usize,
    /// Echoes recording, waiting or playing.
    pub echoes: usize,
    /// Entries in the heap of deadlines.
    pub deadlines: usize,
}

impl Routing {
    pub(crate) fn new(policy: Policy, secrets: &Secrets) -> Self {
        Self {
            policy,
            stations: Stations::new(),
            subscriptions: Subscriptions::new(secrets),
            calls: SlotMap::with_key(),
            memory: StreamMemory::new(secrets),
            echoes: Echoes::default(),
            frame_key: secrets.working_key(b"frames"),
        }
    }

    /// Gives the tables of a snapshot their keys.
    pub(crate) fn settle(&mut self, secrets: &Secrets) -> Result<(), TableFull> {
        self.subscriptions.settle(secrets, self.calls.len())?;
        self.memory.settle(secrets)
    }

    pub(crate) fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// A client runs, or has told anew what it is: its lines keep what is on them.
    pub(crate) fn attach(&mut self, turn: &mut Turn<'_>, session: SessionRef, info: StationInfo, settings: &Settings) {
        match self.stations.get_mut(session) {
            Some(station) => station.info = info,
            None => {
                let station = Station {
                    info,
                    hang_time: settings.hang_time,
                    ua_timer: settings.ua_timer.0,
                    single: settings.single,
                    lines: Default::default(),
                };
                self.stations.insert(session, station);
            }
        }
        self.configure(turn, session, settings);
    }

    /// A client's path has changed on our side.
    pub(crate) fn repath(&mut self, session: SessionRef, path: Path) {
        if let Some(station) = self.stations.get_mut(session) {
            station.info.path = path;
        }
    }

    /// Takes the settings of a running client; what they have in common with the former ones is not touched.
    pub(crate) fn configure(&mut self, turn: &mut Turn<'_>, session: SessionRef, settings: &Settings) {
        let Some(station) = self.stations.get_mut(session) else { return };
        station.hang_time = settings.hang_time;
        station.ua_timer = settings.ua_timer.0;
        station.single = settings.single;
        self.set_statics(turn, session, settings);
    }

    /// A client is gone: its calls end, its subscriptions go with it.
    pub(crate) fn detach(&mut self, turn: &mut Turn<'_>, session: SessionRef) {
        for slot in Slot::BOTH {
            let speaking = self.stations.get(session).and_then(|station| station.line(slot).speaking);
            if let Some(call) = speaking {
                self.finish(turn, call, CallEnd::SessionEnded);
            }
            // A recording that has just ended waits for nobody any more.
            let echo = self.stations.get(session).and_then(|station| station.line(slot).echo);
            if let Some(echo) = echo {
                self.end_echo(echo);
            }
            for subscription in self.subscriptions.of_line(session, slot).to_vec() {
                self.subscriptions.remove(subscription);
            }
        }
        self.subscriptions.forget(session);
        self.stations.remove(session);
    }

    /// Ended streams may be forgotten.
    pub(crate) fn memory_due(&mut self, now: Mono) -> Option<Mono> {
        self.memory.expire(now)
    }

    /// Every call, in the order of their beginnings: a restored table gives places out otherwise.
    pub(crate) fn call_refs(&self) -> Vec<CallRef> {
        let mut calls: Vec<_> = self.calls.iter().map(|(call, record)| (record.tag.call, call)).collect();
        calls.sort_unstable();
        calls.into_iter().map(|(_, call)| call).collect()
    }

    /// The highest number of a call that is in use.
    pub(crate) fn highest_call(&self) -> CallNo {
        self.calls.values().map(|record| record.tag.call).max().unwrap_or_default()
    }

    /// Ends a call because the server stops.
    pub(crate) fn end_call(&mut self, turn: &mut Turn<'_>, call: CallRef) {
        self.finish(turn, call, CallEnd::SessionEnded);
    }

    pub(crate) fn fill_sizes(&self, sizes: &mut TableSizes) {
        (sizes.subscriptions, sizes.conferences) = self.subscriptions.sizes();
        sizes.streams = self.memory.len();
        sizes.live_calls = self.calls.len();
        sizes.echoes = self.echoes.len();
    }
}

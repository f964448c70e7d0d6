//! The stage of the demonstration: a server of its own on 127.0.0.1 and the people who talk on it, each in a thread. Owns their
//! beginning and their end.

use super::hotspot::Hotspot;
use super::script::{PEOPLE, Script, radio};
use crate::Exit;
use crate::view::View;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use ragchew_core::config::{Config, Defaults, Listener, ListenerAcl, Passphrase};
use ragchew_core::id::ListenerId;
use ragchew_core::net::SocketId;
use ragchew_core::report::Numbered;
use ragchew_core::time::Span;
use ragchew_core::{Core, Seed};
use ragchew_transport::{Command, Counters, Handle, Reactor, Settings, SocketSpec, Wiring, bind, clock, record};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Events that may wait for the view.
const EVENT_SLOTS: usize = 4_096;
/// How often the people look at the time: a burst is due every 60 ms.
const PACE: Duration = Duration::from_millis(5);

/// A running demonstration.
pub(super) struct Stage {
    pub(super) events: Receiver<Numbered>,
    address: SocketAddr,
    handle: Handle,
    server: JoinHandle<io::Result<Counters>>,
    people: JoinHandle<()>,
    recorder: Option<JoinHandle<io::Result<()>>>,
    /// Dropped, it sends the people home.
    stop: Sender<()>,
}

impl Stage {
    /// Starts the server and the people.
    ///
    /// # Errors
    /// An exit code and a line that says what is wrong.
    pub(super) fn open(port: u16, seed: u64, record: Option<&Path>) -> Result<Self, (Exit, String)> {
        let failed = |error: io::Error| (Exit::Failed, error.to_string());
        let settings = Settings::default();
        let spec = SocketSpec { id: SocketId(0), address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let bound = bind(spec, &settings).map_err(|error| (Exit::CannotBind, error.to_string()))?;
        let address = bound.local_addr();
        let secret = clock::seed().map_err(failed)?;
        let passphrase = passphrase(&secret);
        let file = record.map(|path| record::create(path).map_err(|error| (path, error))).transpose();
        let file = file.map_err(|(path, error)| {
            (Exit::CannotStart, format!("--record: {} cannot be made: {error}", path.display()))
        })?;
        let now = clock::now();
        let core = Core::new(configuration(&passphrase), secret, now);
        let begin = record::Begin {
            program: format!("ragchew {} demo", env!("CARGO_PKG_VERSION")),
            now,
            snapshot: core.snapshot(),
            sockets: vec![(SocketId(0), address)],
        };
        let taped = file.map(|file| record::recording(file, begin));
        let (events, watched) = bounded(EVENT_SLOTS);
        // Nobody reloads a demonstration: what the reactor would tell is not heard.
        let (notices, _) = bounded(1);
        let (retired, _) = bounded(1);
        let wiring = Wiring { events, bell: None, notices, retired };
        let (mut reactor, handle) = Reactor::new(core, vec![bound], &settings, wiring).map_err(failed)?;
        let hotspots = people(address, &passphrase).map_err(failed)?;
        let recorder = taped.map(|(tape, writer)| {
            reactor.record_to(tape);
            thread::Builder::new().name("recording".into()).spawn(move || writer.run())
        });
        let recorder = recorder.transpose().map_err(failed)?;
        let (stop, stopped) = bounded(0);
        let server = thread::Builder::new().name("server".into()).spawn(move || reactor.run()).map_err(failed)?;
        let talk = move || converse(hotspots, Script::new(seed, clock::now().mono), &stopped);
        let people = thread::Builder::new().name("people".into()).spawn(talk).map_err(failed)?;
        Ok(Self { events: watched, address, handle, server, people, recorder, stop })
    }

    /// The picture before anything has happened.
    pub(super) fn view(&self) -> View {
        let names = PEOPLE.iter().enumerate().map(|(n, person)| (radio(n), person.name.to_owned())).collect();
        View { title: format!("Ragchew demo on {}", self.address), names, ..View::default() }
    }

    /// Sends everybody home and ends the server in order.
    pub(super) fn close(self) -> Exit {
        drop(self.stop);
        let _ = self.people.join();
        let _ = self.handle.send(Command::Drain);
        let served = matches!(self.server.join(), Ok(Ok(_)));
        let recorded = self.recorder.is_none_or(|recorder| match recorder.join() {
            Ok(Err(error)) => {
                let _ = writeln!(io::stderr(), "ragchew: the recording ended early: {error}");
                false
            }
            ended => ended.is_ok(),
        });
        if served && recorded { Exit::Ok } else { Exit::Failed }
    }
}

/// Nobody else on this machine shall join in by chance.
fn passphrase(seed: &Seed) -> Vec<u8> {
    let Seed::Key(key) = seed else { return Vec::new() };
    key.iter().flat_map(|byte| [b'a' + (byte >> 4), b'a' + (byte & 15)]).take(24).collect()
}

fn configuration(passphrase: &[u8]) -> Config {
    let listener = Listener {
        id: ListenerId(0),
        name: "demo".into(),
        sockets: vec![SocketId(0)],
        passphrase: Passphrase::new(passphrase),
        max_clients: 100,
        acl: ListenerAcl::default(),
        defaults: Defaults { hang_time: Span::secs(2), ..Defaults::default() },
        clients: Vec::new(),
    };
    Config { listeners: vec![listener], ..Config::default() }
}

/// The people, and one who has the wrong passphrase.
fn people(server: SocketAddr, passphrase: &[u8]) -> io::Result<Vec<Hotspot>> {
    let now = clock::now().mono;
    let invited = (0..PEOPLE.len()).map(|n| Hotspot::new(n, server, passphrase, now));
    invited.chain([Hotspot::new(PEOPLE.len(), server, b"guessed", now)]).collect()
}

fn converse(mut hotspots: Vec<Hotspot>, mut script: Script, stopped: &Receiver<()>) {
    while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
        let now = clock::now().mono;
        let is_busy = |n: usize| hotspots.get(n).is_some_and(Hotspot::is_speaking);
        for key_up in script.due(now, is_busy) {
            if let Some(hotspot) = hotspots.get_mut(key_up.person) {
                hotspot.key_up(key_up, now);
            }
        }
        hotspots.iter_mut().for_each(|hotspot| hotspot.step(now));
    }
    hotspots.iter().for_each(Hotspot::close);
}

//! A worker as the hub holds it: a child process or a thread behind a socket pair, or a role on the hub's own thread. Owns its
//! start, its end and the messages on their way; decides nothing about when. Source: design §5, `runtime.md` S0-01 to S0-17,
//! S0-23, S1-09.

use super::serve::panic_text;
use super::{
    Answer, Ask, Begin, Broken, FromWorker, Make, Out, PROTOCOL, Placement, Reader, Role, ToWorker, Vitals, Writer,
    serve,
};
use crate::limits::{LINK_FULL, WORKER_READS, WORKER_STACK};
use crate::log::wall;
use crate::supervise::Ending;
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use ragchew_core::{Mono, Now};
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

/// How workers of this program are made.
#[derive(Clone, Copy, Debug)]
pub struct Workshop {
    /// Makes the role of a thread, or of one that shares the hub's.
    pub make: Make,
    /// The word after which this program works as a worker; the role's name follows it.
    pub word: &'static str,
}

/// One incarnation of a worker.
pub(crate) struct Host {
    incarnation: u32,
    link: Link,
}

enum Link {
    Stream {
        stream: UnixStream,
        reader: Reader,
        writer: Writer,
        body: Body,
        open: bool,
        /// The poll tells when the socket takes more.
        watches_room: bool,
    },
    Here(Here),
}

enum Body {
    Process(Child),
    Thread(Option<JoinHandle<i32>>),
}

/// A role on the hub's thread.
struct Here {
    /// None: it could not be made.
    role: Option<Box<dyn Role>>,
    said: Out,
    vitals: Vitals,
    ended: Option<Ending>,
}

impl Host {
    /// Starts a worker and tells it who it is.
    ///
    /// # Errors
    /// The system gives no socket, process or thread.
    pub(crate) fn start(
        placement: Placement,
        begin: Begin,
        workshop: Workshop,
        now: Mono,
        place: (&Registry, Token),
    ) -> io::Result<Self> {
        let incarnation = begin.incarnation;
        if placement == Placement::Single {
            return Ok(Self { incarnation, link: Link::Here(Here::new(&begin, workshop.make, now)) });
        }
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(ours);
        let (registry, token) = place;
        registry.register(&mut stream, token, Interest::READABLE)?;
        let body = match placement {
            Placement::Process => Body::Process(child(&begin, workshop.word, theirs)?),
            _ => {
                let name = format!("worker {}", begin.role);
                let work = move || serve(theirs, workshop.make, |_| {});
                Body::Thread(Some(thread::Builder::new().name(name).stack_size(WORKER_STACK).spawn(work)?))
            }
        };
        let (reader, writer) = (Reader::default(), Writer::default());
        let link = Link::Stream { stream, reader, writer, body, open: true, watches_room: false };
        let mut host = Self { incarnation, link };
        host.send(now, &ToWorker::Begin(begin));
        Ok(host)
    }

    /// Which start of the worker this is.
    pub(crate) fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Number of its process, if it has one of its own.
    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.link {
            Link::Stream { body: Body::Process(child), .. } => Some(child.id()),
            _ => None,
        }
    }

    /// Whether it gets no more events until what it was sent has left.
    pub(crate) fn is_full(&self) -> bool {
        match &self.link {
            Link::Stream { writer, open, .. } => !*open || writer.waiting() >= LINK_FULL,
            Link::Here(here) => here.ended.is_some(),
        }
    }

    /// Says something to it. Never waits: what the socket does not take waits here.
    pub(crate) fn send(&mut self, now: Mono, message: &ToWorker) {
        match &mut self.link {
            Link::Stream { writer, .. } => {
                writer.push(message);
                self.flush();
            }
            Link::Here(here) => here.hear(now, message),
        }
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) {
        if let Link::Stream { stream, writer, open, .. } = &mut self.link {
            if *open && writer.write(stream).is_err() {
                *open = false;
            }
        }
    }

    /// The poll is to tell when the socket takes more, if something waits for that; otherwise every message that the worker
    /// reads would wake the hub.
    pub(crate) fn follow(&mut self, registry: &Registry, token: Token) {
        let Link::Stream { stream, writer, open, watches_room, .. } = &mut self.link else { return };
        let wants = *open && writer.waiting() > 0;
        if wants == *watches_room {
            return;
        }
        let interest = if wants { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        match registry.reregister(stream, token, interest) {
            Ok(()) => *watches_room = wants,
            // One that the poll does not follow would stand still: it is replaced.
            Err(_) => *open = false,
        }
    }

    /// What it has said, and whether there is more than one turn may take; of a worker that says what nobody understands,
    /// nothing more.
    pub(crate) fn hear(&mut self, heard: &mut Vec<(u32, FromWorker)>) -> Result<bool, Ending> {
        match &mut self.link {
            Link::Stream { stream, reader, open, .. } => {
                let mut reads = 0;
                while *open {
                    if reads == WORKER_READS {
                        return Ok(true);
                    }
                    reads += 1;
                    let read = reader.read(stream);
                    while let Some(message) = reader.message().map_err(|_| Ending::Garbage)? {
                        heard.push(message);
                    }
                    match read {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(Broken::Garbage) => return Err(Ending::Garbage),
                        Err(Broken::Closed | Broken::Io(_) | Broken::Outdated) => *open = false,
                    }
                }
            }
            Link::Here(here) => heard.extend(here.said.said.drain(..).map(|said| (self.incarnation, said))),
        }
        Ok(false)
    }

    /// When a role on the hub's thread wants to work next.
    pub(crate) fn next(&self) -> Option<Mono> {
        match &self.link {
            Link::Stream { .. } => None,
            Link::Here(here) => here.role.as_ref()?.next().filter(|_| here.ended.is_none()),
        }
    }

    /// Lets a role on the hub's thread do what is due.
    pub(crate) fn step(&mut self, now: Mono) {
        let due = self.next().is_some_and(|at| at <= now);
        if let (Link::Here(here), true) = (&mut self.link, due) {
            here.work(|role, said| role.step(now, said));
        }
    }

    /// How it ended, once it has; a process is reaped by this.
    pub(crate) fn ended(&mut self) -> Option<Ending> {
        match &mut self.link {
            Link::Stream { body: Body::Process(child), .. } => child.try_wait().ok().flatten().map(ending_of),
            Link::Stream { body: Body::Thread(thread), .. } => {
                let thread = thread.take_if(|thread| thread.is_finished())?;
                Some(
                    thread
                        .join()
                        .map_or(Ending::Panic, |code| if code == 101 { Ending::Panic } else { Ending::Exit(code) }),
                )
            }
            Link::Here(here) => here.ended,
        }
    }

    /// Whether its end of the socket is closed.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(&self.link, Link::Stream { open: false, .. })
    }

    /// Ends it at once. A thread cannot be ended: its socket is closed and it is left behind.
    pub(crate) fn kill(&mut self) {
        match &mut self.link {
            Link::Stream { stream, body, open, .. } => {
                if let Body::Process(child) = body {
                    // The child is not reaped yet, so the number is still its own.
                    if let Some(pid) = Pid::from_raw(child.id() as i32) {
                        let _ = kill_process(pid, Signal::KILL);
                    }
                }
                let _ = stream.shutdown(std::net::Shutdown::Both);
                *open = false;
            }
            Link::Here(here) => here.ended = here.ended.or(Some(Ending::Killed)),
        }
    }

    /// Whether killing it left something behind that goes on by itself.
    pub(crate) fn is_left_behind(&self) -> bool {
        matches!(&self.link, Link::Stream { body: Body::Thread(Some(_)), open: false, .. })
    }

    /// Takes it off the poll.
    pub(crate) fn deregister(&mut self, registry: &Registry) {
        if let Link::Stream { stream, .. } = &mut self.link {
            let _ = registry.deregister(stream);
        }
    }
}

/// Nobody is left to wait for a child of a host that is dropped.
impl Drop for Host {
    fn drop(&mut self) {
        if let Link::Stream { body: Body::Process(child), .. } = &mut self.link {
            if !matches!(child.try_wait(), Ok(Some(_))) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Starts this same program as a worker. It inherits the one socket as its standard input, and nothing else: every other
/// descriptor of ours is closed on exec, the environment is empty, its directory is the root, and a signal that a terminal
/// sends to our group does not reach it.
fn child(begin: &Begin, word: &str, socket: std::os::unix::net::UnixStream) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg0("ragchew")
        .args([word, begin.role.name()])
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.signal(), status.code()) {
        (Some(signal), _) => Ending::Signal(signal),
        (None, Some(101)) => Ending::Panic,
        (None, code) => Ending::Exit(code.unwrap_or(0)),
    }
}

impl Here {
    fn new(begin: &Begin, make: Make, now: Mono) -> Self {
        let now = Now { mono: now, wall: wall() };
        let mut said = Out::default();
        let made = catch_unwind(AssertUnwindSafe(|| make(begin, now)));
        let ended = made.is_err().then_some(Ending::Panic);
        said.said.push(match &made {
            Ok(_) => FromWorker::Ready { protocol: PROTOCOL },
            Err(panic) => FromWorker::Panic(panic_text(panic.as_ref())),
        });
        Self { role: made.ok(), said, vitals: Vitals::default(), ended }
    }

    fn hear(&mut self, now: Mono, message: &ToWorker) {
        match message.clone() {
            ToWorker::Begin(_) => {}
            ToWorker::Names(names) => self.work(|role, _| role.names(&names)),
            ToWorker::Told(told) => {
                self.vitals.taken += told.len() as u64;
                self.work(|role, said| role.take(now, told, said));
            }
            ToWorker::Ask(no, Ask::Vitals) => {
                self.vitals.held = self.role.as_ref().map_or(0, |role| role.held());
                self.said.said.push(FromWorker::Answer(no, Ok(Answer::Vitals(self.vitals))));
            }
            ToWorker::Ask(no, ask) => self.work(|role, said| {
                let answer = role.answer(now, &ask);
                said.said.push(FromWorker::Answer(no, answer));
            }),
            ToWorker::Stop => {
                self.work(|role, said| {
                    role.finish(now, said);
                    said.said.push(FromWorker::Finished);
                });
                self.ended = self.ended.or(Some(Ending::Exit(0)));
            }
        }
    }

    /// One call of the role; a panic ends it, not the hub.
    fn work(&mut self, call: impl FnOnce(&mut dyn Role, &mut Out)) {
        let (Some(role), None) = (self.role.as_deref_mut(), self.ended) else { return };
        self.vitals.turns += 1;
        let said = &mut self.said;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call(role, said))) {
            self.said.said.push(FromWorker::Panic(panic_text(panic.as_ref())));
            self.ended = Some(Ending::Panic);
        }
    }
}

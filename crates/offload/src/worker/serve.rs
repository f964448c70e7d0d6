//! The worker's own loop, the same on a process of its own and on a thread: one stream socket to the hub, one role. Owns the
//! clock of that side and what is measured of it; knows no role by name. Source: design §5, `runtime.md` S0-08, S1-07, S4-05.

use super::{Answer, Ask, Begin, Broken, FromWorker, Out, PROTOCOL, Reader, Role, ToWorker, Vitals, Writer};
use crate::limits::{LONGEST_WORKER_WAIT, MAX_TOLD};
use crate::log::wall;
use ragchew_core::{Mono, Now, Span};
use std::any::Any;
use std::io;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Exit code of a worker that ended as it was asked to.
const ENDED: i32 = 0;
/// Of one whose role panicked; as the runtime's own.
const PANICKED: i32 = 101;
/// Of one whose hub is gone, or says what nobody understands.
const ORPHANED: i32 = 3;

/// Makes the role that a worker is told to have.
pub type Make = fn(&Begin, Now) -> Box<dyn Role>;

/// Works as a child process of the server on its standard input, which is the socket to the hub; the exit code.
///
/// `confine` gives up what the role does not need once it is known what it is.
pub fn serve_child(make: Make, confine: fn(&Begin)) -> i32 {
    match io::Write::flush(&mut io::stdout()).and_then(|()| {
        let stdin = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
        Ok(UnixStream::from(stdin))
    }) {
        Ok(stream) => serve(stream, make, confine),
        Err(_) => ORPHANED,
    }
}

/// Works until the hub says stop or is gone; the exit code.
pub fn serve(stream: UnixStream, make: Make, confine: fn(&Begin)) -> i32 {
    let mut served = Served { stream, reader: Reader::default(), writer: Writer::default(), clock: Clock::new() };
    // The hub is told and the process or thread ends: nothing is used any more that the panic left half-done.
    let ended = catch_unwind(AssertUnwindSafe(|| served.run(make, confine)));
    match ended {
        Ok(Ok(())) => ENDED,
        Ok(Err(_)) => ORPHANED,
        Err(panic) => {
            let _ = served.say(0, &FromWorker::Panic(panic_text(panic.as_ref())));
            PANICKED
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it said nothing".to_owned())
}

/// The clock of a worker, and how much of the time it worked.
struct Clock {
    began: Instant,
    /// Since the last look at its vitals.
    since: Instant,
    idle: Duration,
    turns: u64,
    longest: Duration,
}

impl Clock {
    fn new() -> Self {
        let now = Instant::now();
        Self { began: now, since: now, idle: Duration::ZERO, turns: 0, longest: Duration::ZERO }
    }

    fn now(&self) -> Mono {
        Mono(self.began.elapsed().as_nanos() as u64)
    }

    /// What was measured since the last time.
    fn vitals(&mut self) -> Vitals {
        let passed = self.since.elapsed();
        let busy = passed.saturating_sub(self.idle).as_nanos() * 1_000 / passed.as_nanos().max(1);
        (self.since, self.idle) = (Instant::now(), Duration::ZERO);
        Vitals {
            busy: busy.min(1_000) as u16,
            memory: resident(),
            turns: self.turns,
            longest_turn_us: self.longest.as_micros() as u64,
            ..Vitals::default()
        }
    }
}

/// Bytes of memory that this process has in use; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

struct Served {
    stream: UnixStream,
    reader: Reader,
    writer: Writer,
    clock: Clock,
}

impl Served {
    fn run(&mut self, make: Make, confine: fn(&Begin)) -> Result<(), Broken> {
        self.stream.set_nonblocking(false).map_err(Broken::Io)?;
        let begin = loop {
            match self.hear(None)? {
                Some(ToWorker::Begin(begin)) if begin.protocol == PROTOCOL => break begin,
                Some(_) => return Err(Broken::Garbage),
                None => {}
            }
        };
        confine(&begin);
        let incarnation = begin.incarnation;
        let now = Now { mono: self.clock.now(), wall: wall() };
        let mut role = make(&begin, now);
        // Whoever hears nothing any more may have told us something before, and that is still to be kept: we work on until
        // there is nothing more to read.
        let mut heard_by_hub = self.say(incarnation, &FromWorker::Ready { protocol: PROTOCOL }).is_ok();
        let mut out = Out::default();
        let (mut taken, mut stopped) = (0, false);
        while !stopped {
            let heard = match self.hear(role.next()) {
                Ok(heard) => heard,
                Err(broken) => {
                    role.finish(self.clock.now(), &mut out);
                    return Err(broken);
                }
            };
            let began = Instant::now();
            let now = self.clock.now();
            match heard {
                Some(ToWorker::Told(told)) => {
                    taken += told.len() as u64;
                    role.take(now, told, &mut out);
                }
                Some(ToWorker::Names(names)) => role.names(&names),
                Some(ToWorker::Ask(no, Ask::Vitals)) => {
                    let vitals = Vitals { taken, held: role.held(), ..self.clock.vitals() };
                    out.said.push(FromWorker::Answer(no, Ok(Answer::Vitals(vitals))));
                }
                Some(ToWorker::Ask(no, ask)) => out.said.push(FromWorker::Answer(no, role.answer(now, &ask))),
                Some(ToWorker::Stop) => {
                    role.finish(now, &mut out);
                    out.said.push(FromWorker::Finished);
                    stopped = true;
                }
                Some(ToWorker::Begin(_)) => return Err(Broken::Garbage),
                None => {}
            }
            if !stopped && role.next().is_some_and(|at| at <= self.clock.now()) {
                role.step(self.clock.now(), &mut out);
            }
            let troubled = out.said.iter().any(|said| matches!(said, FromWorker::Trouble { .. }));
            for said in out.said.drain(..).filter(|_| heard_by_hub) {
                self.writer.push(&(incarnation, said));
            }
            heard_by_hub = heard_by_hub && self.writer.write(&mut self.stream).is_ok();
            if troubled && super::confine::is_outdated() {
                return Err(Broken::Outdated);
            }
            self.clock.turns += 1;
            self.clock.longest = self.clock.longest.max(began.elapsed());
        }
        if heard_by_hub { Ok(()) } else { Err(Broken::Closed) }
    }

    /// The next message; none when the time came before it.
    fn hear(&mut self, until: Option<Mono>) -> Result<Option<ToWorker>, Broken> {
        if let Some(message) = self.reader.message()? {
            return Ok(Some(message));
        }
        let now = self.clock.now();
        let wait = until.map_or(LONGEST_WORKER_WAIT, |until| until.since(now).min(LONGEST_WORKER_WAIT));
        let wait = Duration::from_nanos(wait.max(Span::millis(1)).0);
        if until.is_some_and(|until| until <= now) {
            return Ok(None);
        }
        self.stream.set_read_timeout(Some(wait)).map_err(Broken::Io)?;
        let began = Instant::now();
        let read = self.reader.read(&mut self.stream);
        self.clock.idle += began.elapsed();
        read?;
        self.reader.message()
    }

    fn say(&mut self, incarnation: u32, message: &FromWorker) -> Result<(), Broken> {
        self.writer.push(&(incarnation, message.clone()));
        self.writer.write(&mut self.stream)
    }
}

// The hub sends no more events in one message than fit into it.
const _: () = assert!(MAX_TOLD * 512 <= crate::limits::LONGEST_MESSAGE);

//! Twenty people who talk all the time, each to one listener on a talkgroup of their own, at the pace of the air. Owns their
//! sockets and threads, and knows of each frame when it left and when it came.

use super::frames::{Voice, for_receiver};
use super::{Hotspot, Server, until};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) const PASSPHRASE: &[u8] = b"hush-hush-77";
pub(crate) const CALLS: u32 = 20;
const FRAME: Duration = Duration::from_millis(60);
/// Frames that may be on their way, three of each call: as long as a server or listener stands still, nobody talks on. More
/// would come at once afterwards, which is too fast for a call and too much for a socket.
const ON_THEIR_WAY: usize = 3 * CALLS as usize;
const SPEAKER: u32 = 2_350_001;
const LISTENER: u32 = 2_360_001;
const TALKGROUP: u32 = 3_001;

/// The listener part of a configuration in which everybody hears whom he should.
pub(crate) fn listeners(port: u16) -> String {
    let clients = (0..CALLS).map(|n| format!("    {}: {{ ts2: [{}] }}\n", LISTENER + n, TALKGROUP + n));
    let clients: String = clients.collect();
    format!(
        "listeners:\n- name: hotspots\n  bind: '127.0.0.1:{port}'\n  passphrase: hush-hush-77\n  clients:\n{clients}"
    )
}

/// A logged-in hotspot at an address of its own, so that what limits a source does not limit them all.
pub(crate) fn hotspot(port: u16, id: u32) -> Hotspot {
    let source = Ipv4Addr::new(127, 0, 20 + (id / 250 % 200) as u8, 1 + (id % 250) as u8);
    let socket = UdpSocket::bind((source, 0)).unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let hotspot = Hotspot { socket, id: id.to_be_bytes() };
    hotspot.log_in(PASSPHRASE);
    hotspot
}

/// A call as it was sent.
pub(crate) struct Spoken {
    pub(crate) speaker: u32,
    pub(crate) stream: u32,
    length: usize,
    /// When each frame left.
    sent: Vec<Instant>,
}

/// What one listener heard.
struct Heard {
    frames: Vec<(Instant, Vec<u8>)>,
    others: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Flags {
    /// No new calls.
    last_calls: AtomicBool,
    /// Not even another frame.
    silence: AtomicBool,
    /// Listeners may go once nothing comes any more.
    go: AtomicBool,
    heard: AtomicUsize,
}

pub(crate) struct Traffic {
    flags: Arc<Flags>,
    speakers: Vec<Arc<Hotspot>>,
    talk: JoinHandle<Vec<Spoken>>,
    listen: Vec<JoinHandle<Heard>>,
}

/// What came of it all.
pub(crate) struct Told {
    pub(crate) spoken: Vec<Spoken>,
    /// When each frame that arrived had left, and how long it took; in the order of leaving.
    pub(crate) latencies: Vec<(Instant, Duration)>,
    pub(crate) lost: Vec<String>,
    /// MSTCL that each client got.
    pub(crate) closed: Vec<usize>,
}

impl Traffic {
    pub(crate) fn start(server: &Server, port: u16) -> Self {
        // 20, 26 or 32 frames: 1.2 to 1.9 s, never faster than one may begin.
        Self::of_calls(server, port, |tick| 20 + 6 * (tick as usize / 7 % 3))
    }

    /// Calls that go on for as long as anybody wants to look.
    pub(crate) fn endless(server: &Server, port: u16) -> Self {
        Self::of_calls(server, port, |_| 2_000)
    }

    /// Calls of so many frames.
    fn of_calls(server: &Server, port: u16, length: fn(u32) -> usize) -> Self {
        assert!(socket_is_there(server), "no command socket");
        let flags = Arc::new(Flags::default());
        let listeners: Vec<_> = (0..CALLS).map(|n| hotspot(port, LISTENER + n)).collect();
        let speakers: Vec<_> = (0..CALLS).map(|n| Arc::new(hotspot(port, SPEAKER + n))).collect();
        let listen = listeners.into_iter().map(|hotspot| {
            let flags = flags.clone();
            thread::spawn(move || listen(&hotspot, &flags))
        });
        let listen = listen.collect();
        let (of_talk, mouths) = (flags.clone(), speakers.clone());
        let talk = thread::spawn(move || talk(&mouths, &of_talk, length));
        Self { flags, speakers, talk, listen }
    }

    /// Frames that arrived until now.
    pub(crate) fn heard(&self) -> usize {
        self.flags.heard.load(Ordering::Relaxed)
    }

    /// Waits until `frames` more have arrived.
    pub(crate) fn go_on_for(&self, frames: usize) {
        self.have_heard(self.heard() + frames);
    }

    /// Waits until `frames` have arrived in all.
    pub(crate) fn have_heard(&self, frames: usize) {
        until("frames arrive", || self.heard() >= frames);
    }

    /// Everybody ends his call and begins no other.
    pub(crate) fn last_calls(&self) {
        self.flags.last_calls.store(true, Ordering::Relaxed);
    }

    /// The server has ended, and everybody is silent at once; calls stay open.
    pub(crate) fn silence(&self) {
        self.flags.silence.store(true, Ordering::Relaxed);
    }

    /// The end of the last call was sent.
    pub(crate) fn is_over(&self) -> bool {
        self.talk.is_finished()
    }

    /// Waits for the ends of the calls, then for what is still on its way.
    pub(crate) fn finish(self) -> Told {
        let spoken = self.talk.join().unwrap();
        if !self.flags.silence.load(Ordering::Relaxed) {
            let sent = spoken.iter().map(|call| call.sent.len()).sum();
            let end = Instant::now() + super::PATIENCE;
            while self.flags.heard.load(Ordering::Relaxed) < sent && Instant::now() < end {
                thread::park_timeout(Duration::from_millis(5));
            }
        }
        self.flags.go.store(true, Ordering::Relaxed);
        let heard: Vec<_> = self.listen.into_iter().map(|thread| thread.join().unwrap()).collect();
        let mut told = compare(spoken, &heard);
        let closes = |all: &[Vec<u8>]| all.iter().filter(|message| message.starts_with(b"MSTCL")).count();
        told.closed = heard.iter().map(|heard| closes(&heard.others)).collect();
        for speaker in self.speakers {
            let mut all = Vec::new();
            speaker.socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let mut buffer = [0; 512];
            loop {
                match speaker.socket.recv(&mut buffer) {
                    Ok(length) => all.push(buffer[..length].to_vec()),
                    // What was sent to a server that has ended comes first.
                    Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
                    Err(_) => break,
                }
            }
            told.closed.push(closes(&all));
        }
        told
    }
}

fn socket_is_there(server: &Server) -> bool {
    super::control::socket_of(server).exists()
}

/// One frame of one speaker every third millisecond, or later, but never much faster.
fn talk(speakers: &[Arc<Hotspot>], flags: &Flags, length: fn(u32) -> usize) -> Vec<Spoken> {
    let voices: Vec<_> = (0..CALLS).map(|n| Voice::new(SPEAKER + n, TALKGROUP + n)).collect();
    // No two calls of this process have the same stream.
    static TALKS: AtomicU32 = AtomicU32::new(1);
    let base = TALKS.fetch_add(1, Ordering::Relaxed) << 20;
    let mut spoken = Vec::new();
    let mut open: Vec<Option<Spoken>> = (0..CALLS).map(|_| None).collect();
    let (mut due, mut sent) = (Instant::now(), 0);
    for tick in 0.. {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        until("what was sent arrives", || {
            sent < flags.heard.load(Ordering::Relaxed) + ON_THEIR_WAY || flags.silence.load(Ordering::Relaxed)
        });
        // Who was held up for longer than a frame does not catch up.
        due = due.max(Instant::now() - FRAME) + FRAME / CALLS;
        let at = (tick % CALLS) as usize;
        if open[at].is_none() && !flags.last_calls.load(Ordering::Relaxed) {
            let stream = base + tick;
            open[at] = Some(Spoken { speaker: at as u32, stream, length: length(tick), sent: Vec::new() });
        }
        if flags.silence.load(Ordering::Relaxed) {
            break;
        }
        if let Some(call) = &mut open[at] {
            let frame = voices[at].frame(call.sent.len(), call.length, call.stream);
            call.sent.push(Instant::now());
            // A server that has ended refuses it.
            let _ = speakers[at].socket.send(&frame);
            sent += 1;
        }
        if open[at].as_ref().is_some_and(|call| call.sent.len() == call.length) {
            spoken.extend(open[at].take());
        }
        if flags.last_calls.load(Ordering::Relaxed) && open.iter().all(Option::is_none) {
            break;
        }
    }
    spoken.extend(open.into_iter().flatten().filter(|call| !call.sent.is_empty()));
    spoken
}

fn listen(hotspot: &Hotspot, flags: &Flags) -> Heard {
    let mut heard = Heard { frames: Vec::new(), others: Vec::new() };
    let mut buffer = [0; 512];
    let mut pinged = Instant::now();
    hotspot.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    loop {
        if pinged.elapsed() > Duration::from_secs(10) {
            pinged = Instant::now();
            hotspot.send(b"RPTPING", b"");
        }
        match hotspot.socket.recv(&mut buffer) {
            Ok(length) if buffer.starts_with(b"DMRD") => {
                heard.frames.push((Instant::now(), buffer[..length].to_vec()));
                flags.heard.fetch_add(1, Ordering::Relaxed);
            }
            Ok(length) if !buffer.starts_with(b"MSTPONG") => heard.others.push(buffer[..length].to_vec()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if flags.go.load(Ordering::Relaxed) {
                    return heard;
                }
            }
            // What was sent to a server that has ended comes before its last words.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
            Err(_) if flags.go.load(Ordering::Relaxed) => return heard,
            Err(_) => {}
        }
    }
}

/// Holds what arrived against what was sent, byte for byte.
fn compare(spoken: Vec<Spoken>, heard: &[Heard]) -> Told {
    let voices: Vec<_> = (0..CALLS).map(|n| Voice::new(SPEAKER + n, TALKGROUP + n)).collect();
    let (mut latencies, mut lost) = (Vec::new(), Vec::new());
    let arrived: Vec<BTreeMap<&[u8], (Instant, usize)>> = heard.iter().map(by_frame).collect();
    for call in &spoken {
        let at = call.speaker as usize;
        for (place, sent) in call.sent.iter().enumerate() {
            let frame = voices[at].frame(place, call.length, call.stream);
            let wanted = for_receiver(frame, LISTENER + call.speaker);
            match arrived[at].get(&wanted[..]) {
                Some((came, 1)) => latencies.push((*sent, came.saturating_duration_since(*sent))),
                other => lost.push(format!(
                    "frame {place} of {} of stream {:08x} came {} times",
                    call.length,
                    call.stream,
                    other.map_or(0, |(_, times)| *times)
                )),
            }
        }
    }
    latencies.sort_unstable();
    Told { spoken, latencies, lost, closed: Vec::new() }
}

fn by_frame(heard: &Heard) -> BTreeMap<&[u8], (Instant, usize)> {
    let mut all = BTreeMap::new();
    for (came, frame) in &heard.frames {
        all.entry(frame.as_slice()).or_insert((*came, 0)).1 += 1;
    }
    all
}

//! Recordings of a core without sockets: replayed, cut, edited, with gaps, and begun in mid-call.

use super::blocks::{CUSTOM, PACKET};
use super::*;
use crate::limits::{MOST_UNCOMPARED, PROGRAM_NAME};
use ragchew_core::config::{Defaults, Listener, ListenerAcl, Passphrase};
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRefusal, Cursor, RequestId};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::{ClientId, ListenerId, RfTg};
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::wire::hbp::login_hash;
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Seed, Span, Wall};
use std::io::{Read, Seek, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const PASSPHRASE: &[u8] = b"hush-hush-77";

fn config(passphrase: &[u8]) -> Config {
    let listener = Listener {
        id: ListenerId(0),
        name: "hotspots".into(),
        sockets: vec![SocketId(0), SocketId(1)],
        passphrase: Passphrase::new(passphrase),
        max_clients: 200,
        acl: ListenerAcl::default(),
        defaults: Defaults { statics: [Vec::new(), vec![RfTg(91)]], ..Defaults::default() },
        clients: Vec::new(),
    };
    Config { listeners: vec![listener], ..Config::default() }
}

/// A core that is recorded as the reactor does it.
struct Studio {
    core: Core,
    effects: Effects,
    now: Now,
    tape: Option<(Tape, Writer)>,
    file: PathBuf,
}

impl Studio {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("ragchew-record-{}-{number}", std::process::id()));
        let _ = std::fs::remove_file(&file); // Of a process that had this number.
        let now = Now { mono: Mono(7_000_000_000_000), wall: Wall(1_790_000_000_000_000_000) };
        let core = Core::new(config(PASSPHRASE), Seed::Key([5; 32]), now);
        Self { core, effects: Effects::with_capacity(64), now, tape: None, file }
    }

    fn begin(&mut self) {
        self.begin_as("ragchew test");
    }

    fn begin_as(&mut self, program: &str) {
        let sockets =
            vec![(SocketId(0), "0.0.0.0:62031".parse().unwrap()), (SocketId(1), "[::]:62031".parse().unwrap())];
        let begin = Begin { program: program.into(), now: self.now, snapshot: self.core.snapshot(), sockets };
        self.tape = Some(recording(create(&self.file).unwrap(), begin));
    }

    fn path(n: u32) -> Path {
        let v6: SocketAddr = format!("[fe80::{n}%3]:{}", 50_000 + n).parse().unwrap();
        let local6 = LocalIp::V6 { address: [0xfe; 16], interface: 3 };
        match n % 2 {
            0 => Path { socket: SocketId(1), local: local6, remote: v6 },
            _ => Path {
                socket: SocketId(0),
                local: if n == 1 { LocalIp::Unknown } else { LocalIp::V4([192, 0, 2, 254]) },
                remote: SocketAddr::from(([192, 0, 2, n as u8], 50_000)),
            },
        }
    }

    fn hear(&mut self, n: u32, bytes: &[u8]) {
        self.hear_from(Self::path(n), bytes);
    }

    fn hear_from(&mut self, path: Path, bytes: &[u8]) {
        self.core.handle(self.now, Input::Datagram { path, bytes }, &mut self.effects);
        if let Some((tape, _)) = &mut self.tape {
            tape.came(self.now, &path, bytes, self.core.witness());
        }
    }

    /// The last datagram that goes out.
    fn carry_out(&mut self) -> Vec<u8> {
        let mut last = Vec::new();
        for transmit in self.effects.transmits() {
            let mut buffer = [0; FRAME_LEN];
            let length = self.effects.render(transmit, &mut buffer);
            last = buffer[..length].to_vec();
            if let Some((tape, _)) = &mut self.tape {
                tape.sent(self.now, &transmit.path, &last);
            }
        }
        self.effects.clear();
        if let Some((tape, _)) = &mut self.tape {
            tape.turn_ends();
        }
        last
    }

    fn ask(&mut self, n: u32, bytes: &[u8]) -> Vec<u8> {
        self.ask_from(Self::path(n), bytes)
    }

    fn ask_from(&mut self, path: Path, bytes: &[u8]) -> Vec<u8> {
        self.hear_from(path, bytes);
        self.carry_out()
    }

    fn pass(&mut self, span: Span) {
        let until = self.now.mono + span;
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= until) {
            self.step_to(at.max(self.now.mono));
            self.core.handle(self.now, Input::Deadline, &mut self.effects);
            if let Some((tape, _)) = &mut self.tape {
                tape.deadline(self.now);
            }
            self.carry_out();
        }
        self.step_to(until);
    }

    fn step_to(&mut self, mono: Mono) {
        self.now = Now { mono, wall: Wall(self.now.wall.0 + mono.since(self.now.mono).0) };
    }

    fn log_in(&mut self, n: u32, passphrase: &[u8]) {
        self.log_in_from(Self::path(n), n, passphrase);
    }

    fn log_in_from(&mut self, path: Path, n: u32, passphrase: &[u8]) {
        let id = ClientId(2_341_000 + n).to_bytes();
        let challenge = self.ask_from(path, &[b"RPTL", &id[..]].concat());
        let salt = challenge[6..10].try_into().unwrap();
        self.ask_from(path, &[b"RPTK", &id[..], &login_hash(salt, passphrase)].concat());
        let mut described = vec![b' '; 302];
        described[..8].copy_from_slice(&[b"RPTC", &id[..]].concat());
        described[97] = b'3';
        self.ask_from(path, &described);
    }

    /// Frames of a call of client 1 on TG 91 of slot 2.
    fn talk(&mut self, frames: std::ops::Range<u8>) {
        for seq in frames {
            self.ask(1, &burst(seq, 9));
            self.pass(Span::millis(60));
        }
    }

    fn control(&mut self, command: ControlCommand) -> ControlOutcome {
        let request = ControlRequest { id: RequestId(9), command };
        self.core.handle(self.now, Input::Control(request), &mut self.effects);
        if let Some((tape, _)) = &mut self.tape {
            tape.control(self.now, request);
        }
        let outcome = self.effects.replies()[0].outcome;
        self.carry_out();
        outcome
    }

    fn reload(&mut self) {
        let config = config(b"another-one-88");
        if let Some((tape, _)) = &mut self.tape {
            tape.replace(self.now, &config);
        }
        self.core.handle(self.now, Input::Replace(Box::new(config)), &mut self.effects);
        self.carry_out();
    }

    /// Ends the server and the recording; its bytes.
    fn end(&mut self) -> Vec<u8> {
        self.core.handle(self.now, Input::Drain, &mut self.effects);
        self.tape.as_mut().unwrap().0.drain(self.now);
        self.carry_out();
        self.pass(Span::secs(1));
        self.finish()
    }

    fn finish(&mut self) -> Vec<u8> {
        let (tape, writer) = self.tape.take().unwrap();
        drop(tape);
        writer.run().unwrap();
        std::fs::read(&self.file).unwrap()
    }
}

/// A burst of client 1 to TG 91 on slot 2.
fn burst(seq: u8, stream: u8) -> [u8; 55] {
    let mut frame = [0u8; 55];
    frame[..4].copy_from_slice(b"DMRD");
    frame[4] = seq;
    frame[5..8].copy_from_slice(&[0x23, 0xb8, 0x69]);
    frame[8..11].copy_from_slice(&[0, 0, 91]);
    frame[11..15].copy_from_slice(&2_341_001u32.to_be_bytes());
    // Voice burst A with its sync, or B to F.
    frame[15] = 0x80 | if seq % 6 == 0 { 0x10 } else { seq % 6 };
    frame[16..20].copy_from_slice(&[0, 0, 0, stream]);
    frame[20] = seq;
    frame
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// A recording that begins with two clients in mid-call, and holds logins good and bad, OPTIONS, a reload and the end.
fn usual() -> Vec<u8> {
    let mut studio = Studio::new();
    for n in [1, 2] {
        studio.log_in(n, PASSPHRASE);
    }
    studio.talk(0..8);
    studio.begin();
    studio.talk(8..20);
    studio.log_in(3, PASSPHRASE);
    studio.log_in(4, b"wrong-wrong-00");
    let options = [b"RPTO", &2_341_002u32.to_be_bytes()[..], b"TS2=91,92;KEY=sesame-42"].concat();
    studio.ask(2, &options);
    studio.ask(2, &[b"RPTO", &2_341_002u32.to_be_bytes()[..], b"TS2=91;KEY=open-43"].concat());
    studio.reload();
    studio.hear(3, &[b"RPTPING", &2_341_003u32.to_be_bytes()[..]].concat());
    studio.hear(2, &[b"RPTPING", &2_341_002u32.to_be_bytes()[..]].concat());
    studio.carry_out();
    studio.talk(20..24);
    studio.log_in(5, b"another-one-88");
    let resync = ControlCommand::Resync(Cursor::default());
    assert_eq!(studio.control(resync), ControlOutcome::Told(None));
    let kick = ControlCommand::Kick { client: ClientId(2_341_005), listener: None };
    assert_eq!(studio.control(kick), ControlOutcome::Kicked(1));
    studio.pass(Span::secs(6));
    studio.end()
}

fn outcome(bytes: &[u8]) -> Outcome {
    play(bytes, None).outcome
}

fn fault(bytes: &[u8]) -> Fault {
    match outcome(bytes) {
        Outcome::Stopped(stop) => stop.fault,
        other => panic!("{other:?}"),
    }
}

/// Where the blocks of a type begin and end.
fn blocks_of(bytes: &[u8], kind: u32) -> Vec<std::ops::Range<usize>> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let end = at + word(at + 4) as usize;
        if word(at) == kind {
            found.push(at..end);
        }
        at = end;
    }
    found
}

#[test]
fn a_recording_begun_in_mid_call_replays_byte_for_byte_without_a_passphrase() {
    let played = play(usual().as_slice(), None);
    assert_eq!(played.outcome, Outcome::Equal);
    assert!(played.inputs > 30 && played.compared > 30, "{played:?}");
    assert_eq!((played.program.as_str(), played.running), ("ragchew test", 0));
    assert!(played.length > Span::secs(6));
}

#[test]
fn two_clients_at_one_address_on_two_links_stay_two_in_a_snapshot_and_in_a_replay() {
    let mut studio = Studio::new();
    let on_link = |scope| Path { remote: format!("[fe80::1%{scope}]:50000").parse().unwrap(), ..Studio::path(2) };
    let session = |n: u32| ClientId(2_341_000 + n).to_bytes();
    let closing = |n: u32| [b"RPTCL", &session(n)[..]].concat();
    let ping = |n: u32| [b"RPTPING", &session(n)[..]].concat();
    studio.log_in_from(on_link(3), 1, PASSPHRASE);
    studio.begin();
    studio.log_in_from(on_link(4), 2, PASSPHRASE);
    // The first ends, and is a stranger then: no session runs at its address, so it is told.
    assert_eq!(studio.ask_from(on_link(3), &closing(1)), [0; 0]);
    studio.pass(Span::secs(6));
    assert_eq!(studio.ask_from(on_link(3), &ping(1)), [b"MSTNAK", &session(1)[..]].concat());
    assert_eq!(studio.ask_from(on_link(4), &ping(2)), [b"MSTPONG", &session(2)[..]].concat());
    let played = play(studio.finish().as_slice(), None);
    assert_eq!((played.outcome, played.running), (Outcome::Equal, 1));
}

#[test]
fn the_name_of_the_program_holds_nothing_that_a_terminal_obeys() {
    let name = "\u{1b}]0;gotcha\u{7}\u{1b}[2J\u{202e}ragchew ".to_owned() + &"x".repeat(1_000);
    let mut studio = Studio::new();
    studio.begin_as(&name);
    let played = play(studio.end().as_slice(), None);
    assert_eq!(played.outcome, Outcome::Equal);
    assert!(
        played.program.starts_with("]0;gotcha[2Jragchew xxx") && played.program.len() == PROGRAM_NAME,
        "{played:?}"
    );
    let begin = Note::Begin { format: 9, program: name, snapshot_bytes: 1, mono: 0, wall: 0 };
    let (mut blocks, mut file) = (super::blocks::Builder::default(), Vec::new());
    file.extend_from_slice(blocks.section("ragchew"));
    file.extend_from_slice(blocks.custom(&postcard::to_allocvec(&begin).unwrap()));
    let Fault::Format(9, program) = fault(&file) else { panic!() };
    assert_eq!(program, played.program);
}

#[test]
fn what_was_asked_of_the_core_is_asked_again_in_a_replay() {
    let mut studio = Studio::new();
    (1..=3).for_each(|n| studio.log_in(n, PASSPHRASE));
    studio.begin();
    studio.talk(0..8);
    let unlink = ControlCommand::Unlink { client: ClientId(2_341_001), slot: None, rf_tg: None };
    assert_eq!(studio.control(unlink), ControlOutcome::Refused(ControlRefusal::NoSuchTalkgroup));
    assert_eq!(studio.control(ControlCommand::LastCalls(true)), ControlOutcome::LastCalls { calls: 1 });
    studio.talk(8..12);
    // Of the kick, those who hear the call hear its end, and the client is told: the replay has to send it too.
    let kick = ControlCommand::Kick { client: ClientId(2_341_001), listener: Some(ListenerId(0)) };
    assert_eq!(studio.control(kick), ControlOutcome::Kicked(1));
    assert_eq!(studio.ask(1, &[b"RPTL", &2_341_001u32.to_be_bytes()[..]].concat()), [0; 0]);
    let bytes = studio.finish();
    let played = play(bytes.as_slice(), None);
    assert_eq!((played.outcome, played.running), (Outcome::Equal, 2));
    assert_eq!((played.inputs, played.compared), (12 + 3 + 1, 12 * 2 + 2 + 1));
}

#[test]
fn with_the_secrets_answers_are_made_again_and_missing_secrets_are_noticed() {
    let bytes = usual();
    assert_eq!(play(bytes.as_slice(), Some(&config(PASSPHRASE))).outcome, Outcome::Equal);
    let Outcome::Different(difference) = play(bytes.as_slice(), Some(&Config::default())).outcome else { panic!() };
    assert_eq!(difference.answer, Some((ClientId(2_341_003), true)));
    assert!(difference.to_string().contains("the answer of client 2341003 was right when it was recorded"));
}

#[test]
fn a_recording_that_is_cut_anywhere_is_replayed_up_to_there_and_the_place_is_named() {
    let bytes = usual();
    let mut compared = 0;
    for length in (0..bytes.len()).step_by(61) {
        let played = play(&bytes[..length], None);
        let Outcome::Stopped(stop) = played.outcome else { panic!("{length}: {:?}", played.outcome) };
        assert!(matches!(stop.fault, Fault::CutOff | Fault::NoEnd), "{length}: {stop}");
        assert!(stop.offset <= length as u64 && played.compared >= compared, "{length}: {stop}");
        compared = played.compared;
    }
    assert!(compared > 30);
    let last = blocks_of(&bytes, CUSTOM).pop().unwrap();
    assert_eq!(fault(&bytes[..last.start]), Fault::NoEnd);
    assert_eq!(fault(&[&bytes[..], &bytes[last]].concat()), Fault::Edited);
    assert_eq!(fault(&[&bytes[..], b"\0"].concat()), Fault::CutOff);
}

#[test]
fn every_flipped_byte_is_found() {
    let bytes = usual();
    for at in (0..bytes.len()).step_by(13).chain(bytes.len() - 40..bytes.len()) {
        let mut edited = bytes.clone();
        edited[at] ^= 0x04;
        let Outcome::Stopped(stop) = outcome(&edited) else { panic!("byte {at} is not missed") };
        assert!(stop.offset <= at as u64 + 400, "byte {at}: {stop}");
    }
}

#[test]
fn a_block_that_is_left_out_or_moved_is_found() {
    let bytes = usual();
    let packets = blocks_of(&bytes, PACKET);
    let (one, two) = (packets[20].clone(), packets[21].clone());
    let without = [&bytes[..one.start], &bytes[one.end..]].concat();
    assert_eq!(fault(&without), Fault::Edited);
    if one.end == two.start {
        let swapped = [&bytes[..one.start], &bytes[two.clone()], &bytes[one], &bytes[two.end..]].concat();
        assert_eq!(fault(&swapped), Fault::Edited);
    }
}

/// A recording of one ping whose answer is changed, left out or made up by whoever recorded.
fn falsified(falsify: impl FnOnce(&mut Tape, Now, Path)) -> Outcome {
    let mut studio = Studio::new();
    studio.log_in(1, PASSPHRASE);
    studio.begin();
    studio.hear(1, &[b"RPTPING", &2_341_001u32.to_be_bytes()[..]].concat());
    studio.effects.clear();
    let now = studio.now;
    falsify(&mut studio.tape.as_mut().unwrap().0, now, Studio::path(1));
    outcome(&studio.finish())
}

#[test]
fn the_first_difference_is_named() {
    let id = 2_341_001u32.to_be_bytes();
    let pong = [b"MSTPONG", &id[..]].concat();
    assert_eq!(falsified(|tape, now, path| tape.sent(now, &path, &pong)), Outcome::Equal);
    let named = |outcome: Outcome| match outcome {
        Outcome::Different(difference) => difference.to_string(),
        other => panic!("{other:?}"),
    };
    let other = named(falsified(|tape, now, path| tape.sent(now, &path, b"MSTNAK\0\x23\xb8\x69")));
    assert!(
        other.contains("recorded is to 192.0.2.1:50000 from socket 0 4d53544e414b0023b869; this core sends"),
        "{other}"
    );
    assert!(named(falsified(|_, _, _| ())).contains("recorded is nothing; this core sends to 192.0.2.1:50000"));
    let more = named(falsified(|tape, now, path| (0..2).for_each(|_| tape.sent(now, &path, &pong))));
    assert!(more.ends_with("this core sends nothing"), "{more}");
    let elsewhere = Path { remote: "192.0.2.7:1".parse().unwrap(), ..Studio::path(1) };
    assert!(named(falsified(|tape, now, _| tape.sent(now, &elsewhere, &pong))).contains("192.0.2.7:1"));
}

#[test]
fn a_gap_stops_the_replay_by_name() {
    let mut studio = Studio::new();
    studio.begin();
    let ping = [b"RPTPING", &2_341_001u32.to_be_bytes()[..]].concat();
    // Nobody writes yet: the buffers run full.
    for _ in 0..CHUNKS * CHUNK_BYTES / 40 {
        studio.hear(1, &ping);
        studio.pass(Span::millis(1));
        studio.carry_out();
    }
    let bytes = studio.finish();
    assert!(matches!(fault(&bytes), Fault::Gap(records, lost) if records > 0 && lost > 0));
    assert!(outcome(&bytes).eq(&outcome(&bytes)) && play(bytes.as_slice(), None).inputs > 10_000);
}

/// A recording of `frames` frames to 127 listeners of which nothing is said to be sent.
fn unsaid(frames: usize) -> Outcome {
    let mut studio = Studio::new();
    // Each has an IPv4 address, and logins, of its own.
    (0..128).for_each(|n| studio.log_in(2 * n + 1, PASSPHRASE));
    studio.begin();
    for seq in 0..frames {
        studio.hear(1, &burst(seq as u8, 7));
        // Nearly the most that the rate guard lets pass: all of it is one transmission.
        studio.step_to(studio.now.mono + Span::millis(45));
        studio.effects.clear();
    }
    outcome(&studio.finish())
}

#[test]
fn a_recording_that_never_says_what_was_sent_is_stopped_by_name_before_it_fills_the_memory() {
    let most = MOST_UNCOMPARED / 127;
    match unsaid(most + 1) {
        Outcome::Stopped(stop) => {
            assert_eq!(stop.fault, Fault::Uncompared);
            assert!(stop.to_string().contains("more than 395264 datagrams were to be sent here"), "{stop}");
        }
        other => panic!("{other:?}"),
    }
    let Outcome::Different(difference) = unsaid(most) else { panic!("{most} frames are not too many") };
    assert_eq!((difference.recorded.is_none(), difference.sent.is_some()), (true, true));
}

#[test]
fn another_form_is_refused_by_name() {
    let mut blocks = blocks::Builder::default();
    let note = Note::Begin { format: 9, program: "ragchew 7.0".into(), snapshot_bytes: 1, mono: 0, wall: 0 };
    let mut bytes = blocks.section("ragchew 7.0").to_vec();
    bytes.extend_from_slice(blocks.custom(&postcard::to_allocvec(&note).unwrap()));
    assert_eq!(fault(&bytes), Fault::Format(9, "ragchew 7.0".into()));
    assert!(Fault::Format(9, "ragchew 7.0".into()).to_string().starts_with("ragchew 7.0 made it in form 9, and"));
}

#[test]
fn no_secret_is_in_a_recording() {
    let bytes = usual();
    for secret in [PASSPHRASE, b"another-one-88", b"wrong-wrong", b"sesame-42", b"open-43"] {
        assert!(!bytes.windows(secret.len()).any(|found| found == secret), "{}", String::from_utf8_lossy(secret));
    }
    assert!(bytes.windows(17).any(|found| found == b"listener:hotspots"), "what must not be found would be");
}

#[test]
fn the_file_is_its_owners_and_none_is_written_over() {
    use std::os::unix::fs::PermissionsExt;
    let studio = Studio::new();
    let mut file = create(&studio.file).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    file.write_all(b"kept").unwrap();
    assert_eq!(create(&studio.file).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    file.rewind().unwrap();
    let mut text = String::new();
    std::fs::File::open(&studio.file).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "kept");
}

#[test]
fn a_full_disk_ends_the_recording_by_name_and_nothing_else() {
    let mut studio = Studio::new();
    studio.file = "/dev/full".into();
    studio.begin();
    studio.log_in(1, PASSPHRASE);
    let (tape, writer) = studio.tape.take().unwrap();
    assert_eq!(writer.run().unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    studio.file = PathBuf::new();
    drop(tape);
}

#[test]
fn our_own_reader_of_captures_sees_the_datagrams() {
    let bytes = usual();
    let capture = crate::capture::Capture::read(bytes.as_slice());
    assert_eq!((capture.broken, capture.skipped), (None, Default::default()));
    assert_eq!(capture.datagrams.len(), blocks_of(&bytes, PACKET).len());
    let first = &capture.datagrams[0];
    assert_eq!(first.source, "192.0.2.1:50000".parse().unwrap());
    assert!(first.payload.starts_with(b"DMRD") && first.at.0 > 1_790_000_000_000_000_000);
}

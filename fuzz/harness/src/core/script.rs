//! The language of core scripts: a header of two octets, then steps, each an octet that names it and its fields. Any bytes
//! are a script: fields that are missing are 0, numbers are taken modulo what there is. Owns no meaning.

use crate::input::Bytes;

/// Steps of one script at most.
const MOST_STEPS: usize = 256;
/// Octets of a raw datagram at most: more than the server looks at.
const LONGEST: usize = 600;

/// First of the sixteen octets that name a request of an operator; all others are taken modulo 16.
const CONTROL: u8 = 0xC0;

/// What holds for the whole script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Bits of the policy, and which configuration it begins with.
    pub policy: u8,
    /// Whether it runs twice and must give the same both times.
    pub twice: bool,
}

/// How far a login goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// RPTL.
    Ask,
    /// RPTK, to the last challenge.
    Answer,
    /// RPTC.
    Describe,
    /// All three.
    Whole,
}

/// One burst of a logged-in client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Number of the client.
    pub client: u8,
    /// The bits octet as it is sent.
    pub bits: u8,
    /// Number of the talkgroup.
    pub tg: u8,
    /// Number of the stream.
    pub stream: u8,
    /// Sequence number.
    pub seq: u8,
    /// Number of the radio.
    pub source: u8,
    /// Octets of the datagram that are changed, and to what.
    pub edits: Vec<(u8, u8)>,
}

/// A paced call of a logged-in client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Number of the client.
    pub client: u8,
    /// Number of the talkgroup.
    pub tg: u8,
    /// Number of the stream.
    pub stream: u8,
    /// Voice bursts.
    pub bursts: u8,
    /// Bit 0: slot 2; bit 1: no header; bit 2: no terminator; bit 3: 53 octets; bit 4: every fifth frame is lost; bit 5: with
    /// talker alias; bit 6: frames come twice.
    pub flags: u8,
}

/// A request of an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// 0: kick, 1: unlink, 2 and 3: last calls and no more, 4: the first page of everything, 5: the next one, 6: one session,
    /// 7: a page from anywhere.
    pub what: u8,
    /// Number of the client; for pages, of the session.
    pub which: u8,
    /// Modulo 3: both slots, slot 1, slot 2. With the top bit: one talkgroup, or one listener.
    pub more: u8,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Any datagram from an address to a socket.
    Raw(u8, u8, Vec<u8>),
    /// A valid message with edits: address, socket, client, kind, edits as (place, value), change of length.
    Mutated(u8, u8, u8, u8, Vec<(u16, u8)>, i8),
    /// Steps of a login: client, address, socket, how far; with the wrong passphrase if the last is set.
    Login(u8, u8, u8, Login, bool),
    /// A single burst.
    Frame(Frame),
    /// A paced call.
    Call(Call),
    /// So many milliseconds pass.
    Wait(u16),
    /// A long time passes, one of a list; timers come late if the second is set.
    Long(u8, bool),
    /// OPTIONS of a client by number of a list, or with a text of its own.
    Options(u8, Result<u8, Vec<u8>>),
    /// A ping of a client.
    Ping(u8),
    /// RPTCL of a client.
    Close(u8),
    /// Another configuration.
    Reload(u8),
    /// The orderly end.
    Drain,
    /// A block of a talker alias: client, radio, block, layout.
    Alias(u8, u8, u8, u8),
    /// Every client that logged in pings.
    PingAll,
    /// The wall clock steps by so many seconds.
    WallStep(i16),
    /// So many strangers ask for a challenge, each from an address of its own.
    Flood(u8),
    /// An operator asks for something.
    Control(Control),
}

/// A whole script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) header: Header,
    pub(crate) steps: Vec<Step>,
}

impl Script {
    pub(crate) fn read(data: &[u8]) -> Self {
        let mut bytes = Bytes::new(data);
        let header = Header { policy: bytes.byte(), twice: bytes.byte() & 7 == 1 };
        let mut steps = Vec::new();
        while !bytes.is_empty() && steps.len() < MOST_STEPS {
            steps.push(step(&mut bytes));
        }
        Self { header, steps }
    }
}

fn step(bytes: &mut Bytes<'_>) -> Step {
    let step = bytes.byte();
    if (CONTROL..CONTROL + 16).contains(&step) {
        return Step::Control(Control { what: bytes.byte(), which: bytes.byte(), more: bytes.byte() });
    }
    match step % 16 {
        0 => {
            let (address, socket, length) = (bytes.byte(), bytes.byte(), usize::from(bytes.short()));
            Step::Raw(address, socket, bytes.take(length % (LONGEST + 1)).to_vec())
        }
        1 => {
            let (address, socket, client, kind) = (bytes.byte(), bytes.byte(), bytes.byte(), bytes.byte());
            let edits = (0..bytes.byte() % 4).map(|_| (bytes.short(), bytes.byte())).collect();
            Step::Mutated(address, socket, client, kind, edits, bytes.byte() as i8)
        }
        2 => {
            let (client, address, socket, how) = (bytes.byte(), bytes.byte(), bytes.byte(), bytes.byte());
            let login = match how % 4 {
                0 => Login::Whole,
                1 => Login::Ask,
                2 => Login::Answer,
                _ => Login::Describe,
            };
            Step::Login(client, address, socket, login, how & 0x80 != 0)
        }
        3 => {
            let (client, bits, tg, stream) = (bytes.byte(), bytes.byte(), bytes.byte(), bytes.byte());
            let (seq, source) = (bytes.byte(), bytes.byte());
            let edits = (0..bytes.byte() % 3).map(|_| (bytes.byte(), bytes.byte())).collect();
            Step::Frame(Frame { client, bits, tg, stream, seq, source, edits })
        }
        4 => {
            let (client, tg, stream, bursts) = (bytes.byte(), bytes.byte(), bytes.byte(), bytes.byte());
            Step::Call(Call { client, tg, stream, bursts, flags: bytes.byte() })
        }
        5 => Step::Wait(bytes.short()),
        6 => Step::Long(bytes.byte(), bytes.byte() & 1 != 0),
        7 => {
            let (client, which) = (bytes.byte(), bytes.byte());
            let text = if which < 0x80 { Ok(which) } else { Err(bytes.take(usize::from(which & 0x7f)).to_vec()) };
            Step::Options(client, text)
        }
        8 => Step::Ping(bytes.byte()),
        9 => Step::Close(bytes.byte()),
        10 => Step::Reload(bytes.byte()),
        11 => Step::Drain,
        12 => Step::Alias(bytes.byte(), bytes.byte(), bytes.byte(), bytes.byte()),
        13 => Step::PingAll,
        14 => Step::WallStep(bytes.short() as i16),
        _ => Step::Flood(bytes.byte()),
    }
}

/// The bytes of a script.
pub fn encode(header: Header, steps: &[Step]) -> Vec<u8> {
    let mut out = vec![header.policy, u8::from(header.twice)];
    for step in steps {
        write(&mut out, step);
    }
    out
}

fn write(out: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Raw(address, socket, bytes) => {
            out.extend([0, *address, *socket]);
            out.extend((bytes.len() as u16).to_be_bytes());
            out.extend(bytes);
        }
        Step::Mutated(address, socket, client, kind, edits, longer) => {
            out.extend([1, *address, *socket, *client, *kind, edits.len() as u8]);
            for (at, value) in edits {
                out.extend(at.to_be_bytes());
                out.push(*value);
            }
            out.push(*longer as u8);
        }
        Step::Login(client, address, socket, login, wrong) => {
            let how = match login {
                Login::Whole => 0,
                Login::Ask => 1,
                Login::Answer => 2,
                Login::Describe => 3,
            };
            out.extend([2, *client, *address, *socket, how | if *wrong { 0x80 } else { 0 }]);
        }
        Step::Frame(frame) => {
            out.extend([3, frame.client, frame.bits, frame.tg, frame.stream, frame.seq, frame.source]);
            out.push(frame.edits.len() as u8);
            frame.edits.iter().for_each(|&(at, value)| out.extend([at, value]));
        }
        Step::Call(call) => out.extend([4, call.client, call.tg, call.stream, call.bursts, call.flags]),
        Step::Wait(millis) => {
            out.push(5);
            out.extend(millis.to_be_bytes());
        }
        Step::Long(which, late) => out.extend([6, *which, u8::from(*late)]),
        Step::Options(client, Ok(which)) => out.extend([7, *client, *which & 0x7f]),
        Step::Options(client, Err(text)) => {
            let text = &text[..text.len().min(0x7f)];
            out.extend([7, *client, 0x80 | text.len() as u8]);
            out.extend(text);
        }
        Step::Ping(client) => out.extend([8, *client]),
        Step::Close(client) => out.extend([9, *client]),
        Step::Reload(which) => out.extend([10, *which]),
        Step::Drain => out.push(11),
        Step::Alias(client, source, block, layout) => out.extend([12, *client, *source, *block, *layout]),
        Step::PingAll => out.push(13),
        Step::WallStep(seconds) => {
            out.push(14);
            out.extend(seconds.to_be_bytes());
        }
        Step::Flood(strangers) => out.extend([15, *strangers]),
        Step::Control(control) => out.extend([CONTROL, control.what, control.which, control.more]),
    }
}

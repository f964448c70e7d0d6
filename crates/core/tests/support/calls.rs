//! Calls as a hotspot sends them: correctly coded frames at 60 ms, each with vocoder bits of its own. Decides nothing
//! about what becomes of them. Source: `wire.md` 1.7 and 5, `behaviour.md` 11.0.

use super::client::Name;
use super::coding::{Burst, FullLc, full_lc_burst, group_lc, put_fragment};
use super::vectors;
use super::world::World;

/// Milliseconds between two frames.
pub(crate) const FRAME: u64 = 60;

/// A group call to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) tg: u32,
    pub(crate) slot: u8,
    pub(crate) stream: u32,
    /// The radio; without one, the client's own ID.
    pub(crate) source: Option<u32>,
    pub(crate) superframes: usize,
    pub(crate) first_seq: u8,
    /// Service options in the LC.
    pub(crate) options: u8,
    pub(crate) header: bool,
    pub(crate) terminator: bool,
    /// Voice bursts left out at the beginning.
    pub(crate) skip: usize,
    /// Voice bursts left out at the end.
    pub(crate) cut: usize,
    pub(crate) ber_rssi: [u8; 2],
    /// LCs embedded instead of the talkgroup's, by number of the superframe.
    pub(crate) aliases: Vec<Option<[u8; 9]>>,
}

/// A call with a header, `superframes` times A to F, and a terminator.
pub(crate) fn call(tg: u32, slot: u8, stream: u32, superframes: usize) -> Call {
    Call {
        tg,
        slot,
        stream,
        source: None,
        superframes,
        first_seq: 0,
        options: 0,
        header: true,
        terminator: true,
        skip: 0,
        cut: 0,
        ber_rssi: [0, 0],
        aliases: Vec::new(),
    }
}

impl Call {
    pub(crate) fn by(mut self, source: u32) -> Self {
        self.source = Some(source);
        self
    }
    pub(crate) fn without_terminator(mut self) -> Self {
        self.terminator = false;
        self
    }
    /// Without header; the first frame is voice burst `burst` (0 is A).
    pub(crate) fn beginning_with(mut self, burst: usize) -> Self {
        self.header = false;
        self.skip = burst;
        self
    }
    /// Without terminator; the last frame is voice burst `burst` (0 is A) of the last superframe.
    pub(crate) fn ending_with(mut self, burst: usize) -> Self {
        self.terminator = false;
        self.cut = 5 - burst;
        self
    }
    /// Without terminator; `frames` frames in all.
    pub(crate) fn cut_to(mut self, frames: usize) -> Self {
        self.terminator = false;
        self.cut = 6 * self.superframes + usize::from(self.header) - self.skip - frames;
        self
    }
    pub(crate) fn first_seq(mut self, seq: u8) -> Self {
        self.first_seq = seq;
        self
    }
    pub(crate) fn with_options(mut self, options: u8) -> Self {
        self.options = options;
        self
    }
    pub(crate) fn with_ber_rssi(mut self, ber: u8, rssi: u8) -> Self {
        self.ber_rssi = [ber, rssi];
        self
    }
    pub(crate) fn with_aliases(mut self, aliases: Vec<Option<[u8; 9]>>) -> Self {
        self.aliases = aliases;
        self
    }

    /// The frames of this call as the client `id` sends them.
    pub(crate) fn frames(&self, id: u32) -> Vec<Vec<u8>> {
        let source = self.source.unwrap_or(id);
        let lc = group_lc(self.options, self.tg, source);
        let mut bursts = Vec::new();
        if self.header {
            bursts.push((0x21, full_lc_burst(FullLc::Header, lc)));
        }
        for n in self.skip..(6 * self.superframes - self.cut) {
            bursts.push(([0x10, 1, 2, 3, 4, 5][n % 6], self.voice(n, lc)));
        }
        if self.terminator {
            bursts.push((0x22, full_lc_burst(FullLc::Terminator, lc)));
        }
        let frames = bursts.iter().enumerate().map(|(n, (bits, burst))| {
            let seq = self.first_seq.wrapping_add(n as u8);
            dmrd(
                seq,
                source,
                self.tg,
                id,
                bits | if self.slot == 2 { 0x80 } else { 0 },
                self.stream,
                burst,
                self.ber_rssi,
            )
        });
        frames.collect()
    }

    fn voice(&self, n: usize, lc: [u8; 9]) -> Burst {
        let mut burst =
            vectors::burst(["A", "B", "C", "D", "E", "F"].map(|b| format!("dmrd.grp_ts2.{b}"))[n % 6].as_str());
        burst[..4].copy_from_slice(&self.stream.to_be_bytes());
        burst[4..8].copy_from_slice(&(n as u32).to_be_bytes());
        burst[8] = 0x5a;
        if (1..5).contains(&(n % 6)) {
            let embedded = self.aliases.get(n / 6).copied().flatten().unwrap_or(lc);
            put_fragment(&mut burst, n % 6 - 1, embedded);
        }
        burst
    }
}

/// A DMRD frame of 55 bytes.
#[allow(clippy::too_many_arguments)] // The fields of the datagram, in its order.
pub(crate) fn dmrd(
    seq: u8,
    source: u32,
    tg: u32,
    id: u32,
    bits: u8,
    stream: u32,
    burst: &Burst,
    ber_rssi: [u8; 2],
) -> Vec<u8> {
    let mut frame = b"DMRD".to_vec();
    frame.push(seq);
    frame.extend_from_slice(&source.to_be_bytes()[1..]);
    frame.extend_from_slice(&tg.to_be_bytes()[1..]);
    frame.extend_from_slice(&id.to_be_bytes());
    frame.push(bits);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(burst);
    frame.extend_from_slice(&ber_rssi);
    frame
}

/// A call on its way.
#[derive(Clone, Debug)]
pub(crate) struct SentCall {
    pub(crate) call: Call,
    pub(crate) source: u32,
    /// Each frame with the millisecond at which it reaches the server.
    pub(crate) frames: Vec<(u64, Vec<u8>)>,
}

impl SentCall {
    /// When the first frame arrives.
    pub(crate) fn start(&self) -> u64 {
        self.frames[0].0
    }
    /// When the last frame arrives.
    pub(crate) fn end(&self) -> u64 {
        self.frames[self.frames.len() - 1].0
    }
    /// The index of the first burst A that arrives at `time` or later.
    pub(crate) fn next_burst_a(&self, time: u64) -> usize {
        self.frames.iter().position(|(at, frame)| *at >= time && frame[15] & 0x3f == 0x10).unwrap()
    }
}

impl World {
    /// `name` will send `call` from `at` on. Nothing happens before the clock moves.
    pub(crate) fn key(&mut self, name: Name, at: u64, call: Call) -> SentCall {
        self.key_edited(name, at, call, |_| {})
    }

    /// The same; `edit` may change frames and their times first.
    pub(crate) fn key_edited(
        &mut self,
        name: Name,
        at: u64,
        call: Call,
        edit: impl FnOnce(&mut Vec<(u64, Vec<u8>)>),
    ) -> SentCall {
        let client = self.client(name);
        let frames = call.frames(client.id).into_iter().enumerate();
        let mut frames: Vec<_> = frames.map(|(n, frame)| (at + FRAME * n as u64, frame)).collect();
        edit(&mut frames);
        for (at, frame) in &frames {
            self.schedule(*at, client.path, frame.clone());
        }
        SentCall { source: call.source.unwrap_or(client.id), call, frames }
    }

    /// `name` sends `call` now; returns when its last frame has arrived.
    pub(crate) fn call(&mut self, name: Name, call: Call) -> SentCall {
        let sent = self.key(name, self.time(), call);
        self.run_until(sent.end());
        sent
    }
}

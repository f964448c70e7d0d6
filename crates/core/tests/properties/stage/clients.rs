//! The clients' side of the exchange: where they send from, what a login says, the frames of a transmission and what
//! happens to them on their way. Source: `wire.md` 1.2 to 1.7.

use super::{Outcome, PING, Stage};
use crate::actions::{Fault, Stream, Talk};
use crate::coding::{Burst, FullLc, put_fragment, put_full_lc};
use crate::model::frame::{frame_bytes, lc, template};
use ragchew_core::net::{LocalIp, Path, SocketId};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: u32,
    pub(super) path: Path,
    pub(super) salt: [u8; 4],
    pub(super) next_ping: Option<u64>,
    pub(super) stream: u32,
}

/// Where client `who` sends from; 4 and 5 share an address, as behind a proxy.
pub(super) fn path_of(who: usize, away: usize, socket: u16) -> Path {
    let n = if who == 5 { 4 } else { who as u8 };
    let remote = match away {
        0 => SocketAddr::from(([10, 0, 0, n], 62_000)),
        1 => SocketAddr::from(([10, 0, 0, n], 62_001)),
        2 => SocketAddr::from(([10, 0, 1, n], 62_000)),
        // The address of the first client.
        _ => SocketAddr::from(([10, 0, 0, 0], 62_000)),
    };
    Path { socket: SocketId(socket), local: LocalIp::V4([192, 0, 2, 1]), remote }
}

pub(super) fn with_id(opcode: &str, id: u32) -> Vec<u8> {
    [opcode.as_bytes(), &id.to_be_bytes()].concat()
}

pub(super) fn rptc(id: u32, callsign: &str, slots: u8) -> Vec<u8> {
    let tx = if slots == b'0' { "434000000" } else { "439000000" };
    let text = format!(
        "{callsign:<8}434000000{tx}010151.50000-0.120000010{:<20}{:<19}{}{:<124}{:<40}{:<40}",
        "London",
        "Test",
        char::from(slots),
        "https://example.net",
        "20210617",
        "MMDVM"
    );
    [with_id("RPTC", id).as_slice(), text.as_bytes()].concat()
}

impl Stage {
    #[allow(clippy::too_many_arguments)] // The fields of the action.
    pub(super) fn login(
        &mut self,
        who: usize,
        path: Path,
        right: bool,
        steps: usize,
        twice: bool,
        short: bool,
        slots: u8,
        text: &str,
    ) -> Outcome {
        let id = self.clients[who].id;
        let passphrase = self.setup.on_socket(path.socket.0).map_or("", |listener| listener.passphrase_of(id));
        let passphrase = if right { passphrase } else { "wrong" };
        for step in 1..=steps {
            let message = match step {
                1 => with_id("RPTL", id),
                2 => {
                    let hash = Sha256::digest([&self.clients[who].salt, passphrase.as_bytes()].concat());
                    [with_id("RPTK", id).as_slice(), &hash[..]].concat()
                }
                3 if short => rptc(id, "G0ABC", slots)[..97].to_vec(),
                3 => rptc(id, "G0ABC", slots),
                _ => [with_id("RPTO", id), text.to_owned().into_bytes()].concat(),
            };
            for _ in 0..if twice { 2 } else { 1 } {
                self.send(path, message.clone())?;
            }
        }
        if right && steps >= 2 {
            self.clients[who].path = path;
            self.clients[who].next_ping = Some(self.now + PING);
        }
        Ok(())
    }

    pub(super) fn hop(&mut self, who: usize) -> Outcome {
        let socket = self.clients[who].path.socket.0;
        let [usual, other] = [0, 1].map(|away| path_of(who, away, socket));
        // By another address of ours the challenge is another one: this is no repeated answer.
        let again = Path { local: LocalIp::V4([192, 0, 2, 2]), ..other };
        for path in [other, again, usual] {
            self.login(who, path, true, 4, false, false, b'3', "TS2=91")?;
        }
        // The last one came too soon.
        self.clients[who].path = again;
        Ok(())
    }

    pub(super) fn displace(&mut self, who: usize, slot: u8) -> Outcome {
        let steps = [("SINGLE=0", 92, true), ("SINGLE=0;TIMER=3", 91, false), ("SINGLE=1", 92, true)];
        for (text, tg, terminator) in steps {
            let rpto = [with_id("RPTO", self.clients[who].id), text.as_bytes().to_vec()].concat();
            self.send(self.clients[who].path, rpto)?;
            self.talk(&Talk {
                who,
                away: 0,
                slot,
                tg,
                radio: 0,
                stream: Stream::New,
                delay: 0,
                header: true,
                skip: 0,
                bursts: 6,
                terminator,
                first_seq: 0,
                pace: 60,
                head: [0; 3],
                off: [0; 2],
                alias: false,
                length: 55,
                faults: Vec::new(),
            });
            self.wait(1_500)?;
        }
        Ok(())
    }

    /// Puts the frames of a transmission into the queue.
    pub(super) fn talk(&mut self, talk: &Talk) {
        let stream = match talk.stream {
            Stream::New => self.next_stream(),
            Stream::Own => self.clients[talk.who].stream,
            Stream::Others => self.streams,
        };
        self.clients[talk.who].stream = stream;
        let path = self.way(talk.who, talk.away);
        let mut late = 0;
        let mut frames: Vec<(u64, Vec<u8>)> = Vec::new();
        for (n, frame) in self.frames(talk, stream).into_iter().enumerate() {
            let faults: Vec<_> = talk.faults.iter().filter(|(at, _)| *at == n).map(|(_, fault)| *fault).collect();
            late += faults.iter().map(|f| if let Fault::Late(by) = f { *by } else { 0 }).sum::<u64>();
            let lost = |&(at, fault): &(usize, Fault)| matches!(fault, Fault::Lost(m) if (at..at + m).contains(&n));
            if talk.faults.iter().any(lost) {
                continue;
            }
            let at = self.now + talk.delay + late + talk.pace * n as u64;
            frames.push((at, frame.clone()));
            for fault in faults {
                match fault {
                    Fault::Twice => frames.push((at + 1, frame.clone())),
                    Fault::Swapped => frames.last_mut().unwrap().0 = at + talk.pace + 1,
                    _ => {}
                }
            }
        }
        for (at, frame) in frames {
            self.order += 1;
            self.queue.insert((at, self.order), (path, frame));
        }
    }

    pub(super) fn frames(&self, talk: &Talk, stream: u32) -> Vec<Vec<u8>> {
        let id = self.clients[talk.who].id;
        let source = [id, id + 1_000, 1, 16_776_416][talk.radio];
        let own = lc(talk.head, talk.tg, source);
        let said = lc(talk.head, talk.tg + talk.off[0], source + talk.off[1]);
        let mut bursts: Vec<(u8, Burst)> = Vec::new();
        if talk.header {
            let mut burst = template("head");
            put_full_lc(&mut burst, FullLc::Header, said);
            bursts.push((0x21, burst));
        }
        for n in talk.skip..talk.skip + talk.bursts {
            let index = n % 6;
            let mut burst = template(["A", "B", "C", "D", "E", "F"][index]);
            burst[..4].copy_from_slice(&stream.to_be_bytes());
            burst[4..8].copy_from_slice(&(n as u32).to_be_bytes());
            if (1..5).contains(&index) {
                let block = (n / 6 / 2 % 3) as u8;
                let alias = [4 + block, 0, b'M', b'0', block, b'A', b'B', b'C', stream as u8];
                put_fragment(&mut burst, index - 1, if talk.alias && n / 6 % 2 == 1 { alias } else { own });
            }
            bursts.push(([0x10, 1, 2, 3, 4, 5][index], burst));
        }
        if talk.terminator {
            let mut burst = template("term");
            put_full_lc(&mut burst, FullLc::Terminator, said);
            bursts.push((0x22, burst));
        }
        let slot_bit = if talk.slot == 2 { 0x80 } else { 0 };
        let frame = |(n, (bits, burst))| {
            let seq = talk.first_seq.wrapping_add(n as u8);
            let mut bytes = frame_bytes(seq, source, talk.tg, id, bits | slot_bit, stream, &burst, [5, 70]).to_vec();
            bytes.resize(talk.length, 0xaa);
            bytes
        };
        bursts.into_iter().enumerate().map(frame).collect()
    }
}

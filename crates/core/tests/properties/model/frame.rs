//! DMRD as the byte table of `wire.md` 1.7 says it, and the few bits of a burst that the model looks at.

use crate::coding::{Burst, FullLc, bit, put_fragment, put_full_lc};
use crate::vectors;
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Header,
    Privacy,
    Terminator,
    /// 0 is burst A.
    Voice(u8),
    Idle,
    Data,
    Invalid,
}

#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) seq: u8,
    pub(crate) source: u32,
    pub(crate) tg: u32,
    pub(crate) client: u32,
    pub(crate) bits: u8,
    pub(crate) slot: usize,
    pub(crate) unit: bool,
    pub(crate) kind: Kind,
    pub(crate) stream: u32,
    pub(crate) burst: Burst,
    pub(crate) trailer: [u8; 2],
}

pub(crate) fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |n, &byte| n << 8 | u32::from(byte))
}

impl Frame {
    /// Of a datagram of 53, 55 or 71 bytes.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let bits = bytes[15];
        Self {
            seq: bytes[4],
            source: number(&bytes[5..8]),
            tg: number(&bytes[8..11]),
            client: number(&bytes[11..15]),
            bits,
            slot: usize::from(bits >> 7),
            unit: bits & 0x40 != 0,
            kind: kind(bits),
            stream: number(&bytes[16..20]),
            burst: bytes[20..53].try_into().unwrap(),
            trailer: if bytes.len() == 53 { [0, 0] } else { [bytes[53], bytes[54]] },
        }
    }
}

fn kind(bits: u8) -> Kind {
    match (bits >> 4 & 3, bits & 15) {
        (0, n @ 1..=5) => Kind::Voice(n),
        (1, _) => Kind::Voice(0),
        (2, 0) => Kind::Privacy,
        (2, 1) => Kind::Header,
        (2, 2) => Kind::Terminator,
        (2, 9) => Kind::Idle,
        (2, _) => Kind::Data,
        _ => Kind::Invalid,
    }
}

/// Kind as in the bits byte.
pub(crate) fn type_bits(kind: Kind) -> u8 {
    match kind {
        Kind::Header => 0x21,
        Kind::Privacy => 0x20,
        Kind::Terminator => 0x22,
        Kind::Voice(0) => 0x10,
        Kind::Voice(n) => n,
        _ => unreachable!("not recorded and not made"),
    }
}

/// The frame of 55 bytes.
#[allow(clippy::too_many_arguments)] // The fields of the datagram, in its order.
pub(crate) fn frame_bytes(
    seq: u8,
    source: u32,
    tg: u32,
    client: u32,
    bits: u8,
    stream: u32,
    burst: &Burst,
    trailer: [u8; 2],
) -> [u8; 55] {
    let mut bytes = [0; 55];
    bytes[..4].copy_from_slice(b"DMRD");
    bytes[4] = seq;
    bytes[5..8].copy_from_slice(&source.to_be_bytes()[1..]);
    bytes[8..11].copy_from_slice(&tg.to_be_bytes()[1..]);
    bytes[11..15].copy_from_slice(&client.to_be_bytes());
    bytes[15] = bits;
    bytes[16..20].copy_from_slice(&stream.to_be_bytes());
    bytes[20..53].copy_from_slice(burst);
    bytes[53..].copy_from_slice(&trailer);
    bytes
}

/// The LC of a group call.
pub(crate) fn lc(head: [u8; 3], tg: u32, source: u32) -> [u8; 9] {
    let ([_, t0, t1, t2], [_, s0, s1, s2]) = (tg.to_be_bytes(), source.to_be_bytes());
    [head[0], head[1], head[2], t0, t1, t2, s0, s1, s2]
}

/// Bursts of a call, read from the vectors once: header, terminator, A to F.
pub(crate) fn template(name: &str) -> Burst {
    static ALL: OnceLock<Vec<(&'static str, Burst)>> = OnceLock::new();
    let names = ["head", "term", "A", "B", "C", "D", "E", "F"];
    let all = ALL.get_or_init(|| names.map(|n| (n, vectors::burst(&format!("dmrd.grp_ts2.{n}")))).to_vec());
    all.iter().find(|(known, _)| *known == name).unwrap().1
}

/// A header or terminator of `lc`, colour code 1.
pub(crate) fn full_lc_burst(kind: FullLc, lc: [u8; 9]) -> Burst {
    let mut burst = template(if kind == FullLc::Header { "head" } else { "term" });
    put_full_lc(&mut burst, kind, lc);
    burst
}

/// The LC in a header or terminator that is coded without errors, as all of these cases are: row 0 of the BPTC matrix
/// holds 8 bits, each of the next eleven (`wire.md` 5.6).
pub(crate) fn lc_of(burst: &Burst) -> [u8; 9] {
    let sent = |i: usize| bit(burst, if i < 98 { i } else { i + 68 });
    let places = (3..11).map(|c| 1 + c).chain((0..64).map(|n| 1 + 15 * (1 + n / 11) + n % 11));
    let bits: Vec<bool> = places.map(|place| sent(place * 181 % 196)).collect();
    let byte = |n: usize| bits[8 * n..8 * n + 8].iter().fold(0, |b, &one| b << 1 | u8::from(one));
    std::array::from_fn(byte)
}

/// Bits 116–147 of a burst.
pub(crate) fn fragment(burst: &Burst) -> Vec<bool> {
    (116..148).map(|n| bit(burst, n)).collect()
}

/// The LC of four fragments, if they are the coding of one.
pub(crate) fn embedded_lc(fragments: &[Vec<bool>]) -> Option<[u8; 9]> {
    let cell = |row: usize, column: usize| fragments[column / 4][(column % 4) * 8 + row];
    let mut bits = Vec::new();
    for row in 0..7 {
        bits.extend((0..if row < 2 { 11 } else { 10 }).map(|column| cell(row, column)));
    }
    let mut lc = [0; 9];
    for (n, one) in bits.into_iter().enumerate() {
        lc[n / 8] |= u8::from(one) << (7 - n % 8);
    }
    let same = |(n, given): (usize, &Vec<bool>)| {
        let mut burst = [0; 33];
        put_fragment(&mut burst, n, lc);
        fragment(&burst) == *given
    };
    fragments.iter().enumerate().all(same).then_some(lc)
}

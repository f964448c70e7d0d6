//! Link control in bursts, coded bit by bit as the specification's tables say it. Owns an encoder that shares nothing
//! with the core's, so that the two check each other; decodes nothing. Source: `wire.md` 5.5 to 5.7.

use super::vectors;

/// The 33 bytes of a burst.
pub(crate) type Burst = [u8; 33];

/// Bit `n` of `bytes`; bit 0 is the most significant one of byte 0.
pub(crate) fn bit(bytes: &[u8], n: usize) -> bool {
    bytes[n / 8] >> (7 - n % 8) & 1 == 1
}

/// Sets bit `n` of `bytes`.
pub(crate) fn set_bit(bytes: &mut [u8], n: usize, value: bool) {
    let mask = 0x80 >> (n % 8);
    bytes[n / 8] = if value { bytes[n / 8] | mask } else { bytes[n / 8] & !mask };
}

/// The LC of a group call.
pub(crate) fn group_lc(options: u8, tg: u32, source: u32) -> [u8; 9] {
    let ([_, t0, t1, t2], [_, s0, s1, s2]) = (tg.to_be_bytes(), source.to_be_bytes());
    [0, 0, options, t0, t1, t2, s0, s1, s2]
}

/// What the mask on the RS parity tells apart (`wire.md` 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FullLc {
    Header,
    Terminator,
}

/// The header or terminator burst of `lc`: colour code 1, base station sync.
pub(crate) fn full_lc_burst(kind: FullLc, lc: [u8; 9]) -> Burst {
    let mut burst = match kind {
        FullLc::Header => vectors::burst("dmrd.grp_ts2.head"),
        FullLc::Terminator => vectors::burst("dmrd.grp_ts2.term"),
    };
    put_full_lc(&mut burst, kind, lc);
    burst
}

/// Writes `lc` to bits 0–97 and 166–263 of a header or terminator.
pub(crate) fn put_full_lc(burst: &mut Burst, kind: FullLc, lc: [u8; 9]) {
    let mask = if kind == FullLc::Header { 0x96 } else { 0x99 };
    let parity = reed_solomon(lc).map(|byte| byte ^ mask);
    let mut info = [0; 12];
    info[..9].copy_from_slice(&lc);
    info[9..].copy_from_slice(&parity);
    for (i, value) in bptc(&info).into_iter().enumerate() {
        set_bit(burst, if i < 98 { i } else { i + 68 }, value);
    }
}

/// Writes fragment `n` (0–3, for bursts B to E) of the embedded `lc` to bits 116–147.
pub(crate) fn put_fragment(burst: &mut Burst, n: usize, lc: [u8; 9]) {
    let matrix = embedded(lc);
    for i in 0..32 {
        set_bit(burst, 116 + i, matrix[i % 8][4 * n + i / 8]);
    }
}

fn multiply(a: u8, b: u8) -> u8 {
    let mut product = 0u16;
    for i in 0..8 {
        if b >> i & 1 == 1 {
            product ^= u16::from(a) << i;
        }
    }
    for i in (8..15).rev() {
        if product >> i & 1 == 1 {
            product ^= 0x11d << (i - 8);
        }
    }
    product as u8
}

fn reed_solomon(lc: [u8; 9]) -> [u8; 3] {
    let mut rest = [0u8; 3];
    for byte in lc {
        let factor = byte ^ rest[0];
        rest = [rest[1] ^ multiply(factor, 0x0e), rest[2] ^ multiply(factor, 0x38), multiply(factor, 0x40)];
    }
    rest
}

fn parity(d: &[bool], of: &[usize]) -> bool {
    of.iter().fold(false, |sum, &i| sum ^ d[i])
}

const ROW: [&[usize]; 5] = [
    &[0, 1, 2, 3, 5, 7, 8],
    &[1, 2, 3, 4, 6, 8, 9],
    &[2, 3, 4, 5, 7, 9, 10],
    &[0, 1, 2, 4, 6, 7, 10],
    &[0, 2, 5, 6, 8, 9, 10],
];
const COLUMN: [&[usize]; 4] = [&[0, 1, 3, 5, 6], &[0, 1, 2, 4, 6, 7], &[0, 1, 2, 3, 5, 7, 8], &[0, 2, 4, 5, 8]];

fn bptc(info: &[u8; 12]) -> [bool; 196] {
    let mut matrix = [false; 196];
    let at = |row: usize, column: usize| 1 + 15 * row + column;
    let places = (3..11).map(|c| at(0, c)).chain((1..9).flat_map(|r| (0..11).map(move |c| at(r, c))));
    for (n, place) in places.enumerate() {
        matrix[place] = bit(info, n);
    }
    for row in 0..9 {
        let data: Vec<bool> = (0..11).map(|c| matrix[at(row, c)]).collect();
        for (p, of) in ROW.iter().take(4).enumerate() {
            matrix[at(row, 11 + p)] = parity(&data, of);
        }
    }
    for column in 0..15 {
        let data: Vec<bool> = (0..9).map(|r| matrix[at(r, column)]).collect();
        for (p, of) in COLUMN.iter().enumerate() {
            matrix[at(9 + p, column)] = parity(&data, of);
        }
    }
    let mut sent = [false; 196];
    for (i, value) in matrix.into_iter().enumerate() {
        sent[i * 181 % 196] = value;
    }
    sent
}

fn embedded(lc: [u8; 9]) -> [[bool; 16]; 8] {
    let sum = lc.iter().map(|&byte| u32::from(byte)).sum::<u32>() % 31;
    let mut matrix = [[false; 16]; 8];
    let mut bits = (0..72).map(|n| bit(&lc, n));
    for (r, row) in matrix.iter_mut().take(7).enumerate() {
        for cell in row.iter_mut().take(if r < 2 { 11 } else { 10 }) {
            *cell = bits.next().unwrap();
        }
        if r >= 2 {
            row[10] = sum >> (6 - r) & 1 == 1;
        }
        let data = *row;
        for (p, of) in ROW.iter().enumerate() {
            row[11 + p] = parity(&data, of);
        }
    }
    let (rows, last) = matrix.split_at_mut(7);
    for (column, cell) in last[0].iter_mut().enumerate() {
        *cell = rows.iter().fold(false, |sum, row| sum ^ row[column]);
    }
    matrix
}

#[test]
fn the_encoder_of_the_tests_agrees_with_the_vectors() {
    for name in ["sample", "grp_91", "grp_9", "unit", "max", "zero"] {
        for (kind, label) in [(FullLc::Header, "header"), (FullLc::Terminator, "terminator")] {
            let id = format!("fec.fulllc.{name}.{label}");
            assert_eq!(full_lc_burst(kind, vectors::lc(&id)).as_slice(), vectors::hex(&id), "{id}");
        }
    }
    for name in ["sample", "grp_91", "grp_9", "unit", "max", "zero", "trap_bit25", "ta0", "ta1", "ta2", "gps0", "gps1"]
    {
        let id = format!("fec.emblc.{name}");
        let mut fragments = Vec::new();
        for n in 0..4 {
            let mut burst = [0; 33];
            put_fragment(&mut burst, n, vectors::lc(&id));
            fragments
                .extend((0..4).map(|byte| (0..8).fold(0u8, |b, i| b << 1 | u8::from(bit(&burst, 116 + 8 * byte + i)))));
        }
        assert_eq!(fragments, vectors::hex(&id), "{id}");
    }
}

//! Bridge control: what servers of an FBP link tell each other besides frames. Owns the octets and what each code covers,
//! which is less than one would wish (`wire.md` 6, traps 21 and 22). Decides nothing. Source: `wire.md` 3.5.

use core::ops::Range;

use super::mac::{BLAKE_LENGTH, HMAC_LENGTH, LinkKey};
use super::{MAX_DATAGRAM, Malformed, Writer, array_at, part};
use crate::id::{ClientId, ConferenceTg, ServerId, StreamId, id3};

/// What all opcodes of bridge control begin with.
pub const PREFIX: &[u8; 2] = b"BC";
/// BCKA: opcode, HMAC-SHA1 over the opcode.
pub const KEEPALIVE: &[u8; 4] = b"BCKA";
/// BCSQ: opcode, [`TALKGROUP`], [`STREAM`], HMAC-SHA1 over these.
pub const SOURCE_QUENCH: &[u8; 4] = b"BCSQ";
/// BCST: opcode, HMAC-SHA1 over the opcode.
pub const STUN: &[u8; 4] = b"BCST";
/// BCVE: opcode, [`VERSION`], HMAC-SHA1 over the version alone.
pub const VERSION_OFFER: &[u8; 4] = b"BCVE";
/// BCTO, never released: opcode, uid, server, network, version, hops, BLAKE2b-128 over these.
pub const TOPOLOGY: &[u8; 4] = b"BCTO";
/// Talkgroup of BCSQ, id3.
pub const TALKGROUP: Range<usize> = 4..7;
/// Stream of BCSQ.
pub const STREAM: Range<usize> = 7..11;
/// Version of BCVE, one octet.
pub const VERSION: Range<usize> = 4..5;
/// Octets of BCKA and BCST.
pub const BARE_LENGTH: usize = 4 + HMAC_LENGTH;
/// Octets of BCSQ.
pub const SOURCE_QUENCH_LENGTH: usize = STREAM.end + HMAC_LENGTH;
/// Octets of BCVE.
pub const VERSION_LENGTH: usize = VERSION.end + HMAC_LENGTH;
/// Octets of BCTO.
pub const TOPOLOGY_LENGTH: usize = TOPOLOGY_SIGNED + BLAKE_LENGTH;

/// Octets of BCTO before its code.
const TOPOLOGY_SIGNED: usize = 18;

/// A message by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeControl {
    /// BCKA: the link is alive.
    KeepAlive,
    /// BCSQ: do not send this stream on this talkgroup.
    SourceQuench {
        /// The talkgroup.
        talkgroup: ConferenceTg,
        /// The stream.
        stream: StreamId,
    },
    /// BCST: send nothing at all.
    Stun,
    /// BCVE: the highest version that the sender speaks.
    Version(u8),
    /// BCTO: which servers there are; an experiment.
    Topology {
        /// Number of the announcement.
        uid: u32,
        /// Server that announces itself.
        source_server: ServerId,
        /// Server ID of the sender.
        network: ClientId,
        /// Version that it speaks.
        version: u8,
        /// How many servers sent this.
        hops: u8,
    },
}

/// A message whose opcode and length are checked; whose code is not, until [`BridgeControlView::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeControlView<'a> {
    bytes: &'a [u8],
    message: BridgeControl,
}

impl<'a> BridgeControlView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`] without [`PREFIX`] and two more octets, [`Malformed::BridgeControlOpcode`] if these are
    /// not known, [`Malformed::BridgeControlLength`] if the length is not the one of the opcode.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let opcode: &[u8; 4] = array_at(bytes, 0).ok_or(Malformed::UnknownOpcode)?;
        let (length, message) = match opcode {
            KEEPALIVE => (BARE_LENGTH, Some(BridgeControl::KeepAlive)),
            STUN => (BARE_LENGTH, Some(BridgeControl::Stun)),
            SOURCE_QUENCH => (SOURCE_QUENCH_LENGTH, source_quench(bytes)),
            VERSION_OFFER => (VERSION_LENGTH, bytes.get(VERSION.start).copied().map(BridgeControl::Version)),
            TOPOLOGY => (TOPOLOGY_LENGTH, topology(bytes)),
            [b'B', b'C', _, _] => return Err(Malformed::BridgeControlOpcode),
            _ => return Err(Malformed::UnknownOpcode),
        };
        let message = message.filter(|_| bytes.len() == length).ok_or(Malformed::BridgeControlLength)?;
        Ok(Self { bytes, message })
    }

    /// What it says.
    pub const fn message(&self) -> BridgeControl {
        self.message
    }

    /// Whether the code is that of `key`; in constant time. Nothing in BCKA, BCST and BCVE is ever fresh: who saw one can
    /// send it again.
    pub fn verify(&self, key: &LinkKey) -> bool {
        let hmac = |covered| self.bytes.last_chunk().is_some_and(|mac| key.hmac_fits(part(self.bytes, covered), mac));
        match self.message {
            BridgeControl::KeepAlive | BridgeControl::Stun => hmac(0..4),
            BridgeControl::SourceQuench { .. } => hmac(0..STREAM.end),
            BridgeControl::Version(_) => hmac(VERSION),
            BridgeControl::Topology { .. } => {
                let mac = self.bytes.last_chunk();
                mac.is_some_and(|mac| key.blake_fits(part(self.bytes, 0..TOPOLOGY_SIGNED), mac))
            }
        }
    }
}

fn source_quench(bytes: &[u8]) -> Option<BridgeControl> {
    let talkgroup = ConferenceTg(id3(*array_at(bytes, TALKGROUP.start)?));
    array_at(bytes, STREAM.start)
        .map(|stream| BridgeControl::SourceQuench { talkgroup, stream: StreamId::from_bytes(*stream) })
}

fn topology(bytes: &[u8]) -> Option<BridgeControl> {
    let number = |at| array_at(bytes, at).map(|id| u32::from_be_bytes(*id));
    Some(BridgeControl::Topology {
        uid: number(4)?,
        source_server: ServerId(number(8)?),
        network: ClientId(number(12)?),
        version: *bytes.get(16)?,
        hops: *bytes.get(17)?,
    })
}

impl BridgeControl {
    /// Reads a datagram.
    ///
    /// # Errors
    /// Those of [`BridgeControlView::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        BridgeControlView::parse(bytes).map(|view| view.message())
    }

    /// Writes the datagram and gives the part of `buffer` that it takes.
    pub fn emit<'b>(&self, key: &LinkKey, buffer: &'b mut [u8; MAX_DATAGRAM]) -> &'b [u8] {
        let mut head = [0; MAX_DATAGRAM];
        let out = Writer::new(&mut head);
        let signed = match self {
            Self::KeepAlive => out.put(KEEPALIVE),
            Self::SourceQuench { talkgroup, stream } => {
                out.put(SOURCE_QUENCH).put(&talkgroup.to_bytes()).put(&stream.to_bytes())
            }
            Self::Stun => out.put(STUN),
            Self::Version(version) => out.put(VERSION_OFFER).put(&[*version]),
            Self::Topology { uid, source_server, network, version, hops } => out
                .put(TOPOLOGY)
                .put(&uid.to_be_bytes())
                .put(&source_server.0.to_be_bytes())
                .put(&network.to_bytes())
                .put(&[*version, *hops]),
        }
        .finish();
        let out = Writer::new(buffer).put(signed);
        match self {
            Self::Topology { .. } => out.put(&key.blake(signed)),
            Self::Version(version) => out.put(&key.hmac(&[*version])),
            _ => out.put(&key.hmac(signed)),
        }
        .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors::{key_of, of_kind, unhex};
    use proptest::prelude::*;

    #[test]
    fn every_vector_is_verified_and_written_again_to_the_byte() {
        let expected = [
            BridgeControl::KeepAlive,
            BridgeControl::SourceQuench { talkgroup: ConferenceTg(91), stream: StreamId(0x1122_3344) },
            BridgeControl::Stun,
            BridgeControl::Version(5),
            BridgeControl::Topology {
                uid: 0x0102_0304,
                source_server: ServerId(2348),
                network: ClientId(2348),
                version: 6,
                hops: 1,
            },
        ];
        let vectors = of_kind("bridge-control");
        for (vector, expected) in vectors.iter().zip(expected) {
            let view = BridgeControlView::parse(&vector.bytes).unwrap();
            assert_eq!(view.message(), expected, "{}", vector.id);
            assert!(view.verify(&key_of(vector)) && !view.verify(&LinkKey::legacy(b"another")), "{}", vector.id);
            let mut buffer = [0; MAX_DATAGRAM];
            assert_eq!(expected.emit(&key_of(vector), &mut buffer), vector.bytes, "{}", vector.id);
        }
        assert_eq!(vectors.len(), 5);
    }

    #[test]
    fn the_quenches_that_freedmr_answered_are_those_that_we_write() {
        let mut quenches = 0;
        for vector in of_kind("fbp-v5").into_iter().chain(of_kind("fbp-v5-negative")) {
            for reply in vector.entry["replies"].as_array().into_iter().flatten() {
                let quench =
                    BridgeControl::SourceQuench { talkgroup: ConferenceTg(235), stream: StreamId(0xDEAD_BEEF) };
                let mut buffer = [0; MAX_DATAGRAM];
                assert_eq!(quench.emit(&key_of(&vector), &mut buffer), unhex(reply.as_str().unwrap()));
                quenches += 1;
            }
        }
        assert_eq!(quenches, 2);
    }

    #[test]
    fn unknown_opcodes_and_every_wrong_length_have_their_names() {
        assert_eq!(BridgeControl::parse(b"BCXX--------"), Err(Malformed::BridgeControlOpcode));
        assert_eq!(BridgeControl::parse(b"DMRE--------"), Err(Malformed::UnknownOpcode));
        assert_eq!(BridgeControl::parse(b"BC"), Err(Malformed::UnknownOpcode));
        for vector in of_kind("bridge-control") {
            let long = [vector.bytes.as_slice(), &[0]].concat();
            for len in (4..=long.len()).filter(|len| *len != vector.bytes.len()) {
                assert_eq!(BridgeControl::parse(&long[..len]), Err(Malformed::BridgeControlLength), "{}", vector.id);
            }
        }
    }

    fn any_message() -> impl Strategy<Value = BridgeControl> {
        prop_oneof![
            Just(BridgeControl::KeepAlive),
            Just(BridgeControl::Stun),
            any::<u8>().prop_map(BridgeControl::Version),
            (0..1u32 << 24, any::<u32>()).prop_map(|(tg, stream)| BridgeControl::SourceQuench {
                talkgroup: ConferenceTg(tg),
                stream: StreamId(stream)
            }),
            (any::<[u32; 3]>(), any::<[u8; 2]>()).prop_map(|([uid, server, network], [version, hops])| {
                let (source_server, network) = (ServerId(server), ClientId(network));
                BridgeControl::Topology { uid, source_server, network, version, hops }
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_message_survives_emit_and_parse(message in any_message(), passphrase: [u8; 5]) {
            let (key, mut buffer) = (LinkKey::legacy(&passphrase), [0; MAX_DATAGRAM]);
            let bytes = message.emit(&key, &mut buffer);
            prop_assert_eq!(BridgeControl::parse(bytes), Ok(message));
            prop_assert!(BridgeControlView::parse(bytes).unwrap().verify(&key));
        }

        #[test]
        fn any_octets_are_survived(
            opcode in proptest::sample::select(vec!["", "BC", "BCKA", "BCSQ", "BCST", "BCVE", "BCTO"]),
            rest in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let bytes = [opcode.as_bytes(), &rest].concat();
            prop_assert!(!BridgeControlView::parse(&bytes).is_ok_and(|view| view.verify(&LinkKey::legacy(b"x"))));
        }
    }
}

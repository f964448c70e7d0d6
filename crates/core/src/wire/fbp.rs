//! The FreeDMR bridge protocol (FBP), versions 4 and 5, and the retired 2 and 3: a frame with its age, origin and hops.
//! Owns the octets; decides neither freshness nor hops. The layout is told by the length, never by the version octet
//! (`wire.md` 6, trap 19). Source: `wire.md` 3, 3.2, 3.3.

use core::ops::Range;

use super::hbp::dmrd::{self, Dmrd, DmrdView};
use super::mac::{BLAKE_LENGTH, LinkKey};
use super::{MAX_DATAGRAM, Malformed, Writer, array_at, part};
use crate::id::{ClientId, ServerId};
use crate::time::Wall;

/// First four octets of versions 4 and 5.
pub const OPCODE: &[u8; 4] = b"DMRE";
/// First four octets of the retired versions 2 and 3.
pub const RETIRED_OPCODE: &[u8; 4] = b"DMRF";
/// The frame as in HBP with BER and RSSI, but for the opcode; its client's ID is the server ID of the sender.
pub const FRAME: Range<usize> = 0..dmrd::LENGTH;
/// Version, one octet.
pub const VERSION: usize = 55;
/// Nanoseconds since 1970, u64.
pub const TIMESTAMP: Range<usize> = 56..64;
/// Server at which the call entered the network, id4.
pub const SOURCE_SERVER: Range<usize> = 64..68;
/// Version 5: repeater or hotspot at which the call entered, id4; 0 if unknown.
pub const SOURCE_REPEATER: Range<usize> = 68..72;
/// Version 4: hops, one octet.
pub const HOPS_V4: usize = 68;
/// Version 5: hops, one octet.
pub const HOPS_V5: usize = 72;
/// Octets of version 4; BLAKE2b-128 over what lies before the last 16.
pub const LENGTH_V4: usize = HOPS_V4 + 1 + BLAKE_LENGTH;
/// Octets of version 5; BLAKE2b-128 over what lies before the last 16.
pub const LENGTH_V5: usize = HOPS_V5 + 1 + BLAKE_LENGTH;
/// Octets of versions 2 and 3.
pub const RETIRED_LENGTH: usize = 78;

/// Timestamp of versions 2 and 3.
const RETIRED_TIMESTAMP: Range<usize> = 53..61;
/// Hops of versions 2 and 3.
const RETIRED_HOPS: usize = 61;

/// A frame of version 4 or 5 whose opcode, length and version octet agree; whose code is not checked, until
/// [`FbpView::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FbpView<'a> {
    bytes: &'a [u8],
    frame: DmrdView<'a>,
    extra: &'a [u8; SOURCE_SERVER.end - VERSION],
}

impl<'a> FbpView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::FbpLength`] unless 85 or 89 octets; [`Malformed::FbpVersion`] if the
    /// version is not 4 or 5 in the short layout or is below 5 in the long one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(OPCODE) {
            return Err(Malformed::UnknownOpcode);
        }
        let frame = DmrdView::parse_body(part(bytes, FRAME)).ok_or(Malformed::FbpLength)?;
        let extra: &[u8; SOURCE_SERVER.end - VERSION] = array_at(bytes, VERSION).ok_or(Malformed::FbpLength)?;
        let [version, ..] = extra;
        match (bytes.len(), version) {
            (LENGTH_V4, 4 | 5) | (LENGTH_V5, 5..) => Ok(Self { bytes, frame, extra }),
            (LENGTH_V4 | LENGTH_V5, _) => Err(Malformed::FbpVersion),
            _ => Err(Malformed::FbpLength),
        }
    }

    /// The frame with BER and RSSI; `to_frame` gives it the opcode of HBP.
    pub const fn frame(&self) -> DmrdView<'a> {
        self.frame
    }

    /// Server ID of the sender.
    pub const fn network(&self) -> ClientId {
        self.frame.client()
    }

    /// The version octet. Current FreeDMR writes 5 into the layout of version 4, too.
    pub const fn version(&self) -> u8 {
        self.extra[0]
    }

    /// When the sender says that it sent this.
    pub const fn timestamp(&self) -> Wall {
        let [_, a, b, c, d, e, f, g, h, ..] = *self.extra;
        Wall(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Server at which the call entered the network.
    pub const fn source_server(&self) -> ServerId {
        let [.., a, b, c, d] = *self.extra;
        ServerId(u32::from_be_bytes([a, b, c, d]))
    }

    /// Repeater or hotspot at which the call entered, 0 if unknown; `None` in the layout of version 4.
    pub fn source_repeater(&self) -> Option<ClientId> {
        let id = array_at(self.bytes, SOURCE_REPEATER.start).filter(|_| self.bytes.len() == LENGTH_V5);
        id.map(|id| ClientId::from_bytes(*id))
    }

    /// How many servers sent this, the entering one being 1.
    pub fn hops(&self) -> u8 {
        let at = if self.bytes.len() == LENGTH_V5 { HOPS_V5 } else { HOPS_V4 };
        self.bytes.get(at).copied().unwrap_or_default()
    }

    /// Whether the code is that of `key`; in constant time.
    pub fn verify(&self, key: &LinkKey) -> bool {
        verify_tail(self.bytes, self.bytes.len().saturating_sub(BLAKE_LENGTH), key)
    }
}

/// Whether the last 16 octets are the code over the first `covered`.
fn verify_tail(bytes: &[u8], covered: usize, key: &LinkKey) -> bool {
    bytes.last_chunk().is_some_and(|mac| key.blake_fits(part(bytes, 0..covered), mac))
}

/// A frame of version 4 or 5 by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fbp {
    /// The frame; its client's ID is the server ID of the sender.
    pub frame: Dmrd,
    /// The version octet: 4 or 5 in the layout of version 4, 5 or more in that of version 5.
    pub version: u8,
    /// When it was sent.
    pub timestamp: Wall,
    /// Server at which the call entered the network.
    pub source_server: ServerId,
    /// Repeater or hotspot at which the call entered, 0 if unknown; `None` makes the layout that of version 4.
    pub source_repeater: Option<ClientId>,
    /// How many servers sent this, the entering one being 1.
    pub hops: u8,
}

impl Fbp {
    /// Reads a datagram.
    ///
    /// # Errors
    /// Those of [`FbpView::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        FbpView::parse(bytes).map(Self::from)
    }

    /// Writes the datagram and gives the part of `buffer` that it takes. A sender clears the slot bit (`wire.md` 3.4).
    pub fn emit<'b>(&self, key: &LinkKey, buffer: &'b mut [u8; MAX_DATAGRAM]) -> &'b [u8] {
        let mut head = [0; MAX_DATAGRAM];
        let repeater = self.source_repeater.map(ClientId::to_bytes);
        let signed = Writer::new(&mut head)
            .put(OPCODE)
            .put(part(&self.frame.emit(), dmrd::SEQ..FRAME.end))
            .put(&[self.version])
            .put(&self.timestamp.0.to_be_bytes())
            .put(&self.source_server.0.to_be_bytes())
            .put(repeater.as_ref().map_or(&[], |id| id.as_slice()))
            .put(&[self.hops])
            .finish();
        Writer::new(buffer).put(signed).put(&key.blake(signed)).finish()
    }
}

impl From<FbpView<'_>> for Fbp {
    fn from(view: FbpView<'_>) -> Self {
        Self {
            frame: view.frame().into(),
            version: view.version(),
            timestamp: view.timestamp(),
            source_server: view.source_server(),
            source_repeater: view.source_repeater(),
            hops: view.hops(),
        }
    }
}

/// A frame of the retired versions 2 and 3, which only their codes tell apart. To be recognised, never to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetiredView<'a> {
    bytes: &'a [u8; RETIRED_LENGTH],
    frame: DmrdView<'a>,
}

impl<'a> RetiredView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::FbpLength`] unless 78 octets.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(RETIRED_OPCODE) {
            return Err(Malformed::UnknownOpcode);
        }
        let bytes: &[u8; RETIRED_LENGTH] = bytes.try_into().map_err(|_| Malformed::FbpLength)?;
        let frame = DmrdView::parse_body(part(bytes, 0..dmrd::SHORT_LENGTH)).ok_or(Malformed::FbpLength)?;
        Ok(Self { bytes, frame })
    }

    /// The frame; BER and RSSI read 0.
    pub const fn frame(&self) -> DmrdView<'a> {
        self.frame
    }

    /// When the sender says that it sent this.
    pub fn timestamp(&self) -> Wall {
        Wall(array_at(self.bytes, RETIRED_TIMESTAMP.start).map_or(0, |at| u64::from_be_bytes(*at)))
    }

    /// How many servers sent this.
    pub const fn hops(&self) -> u8 {
        self.bytes[RETIRED_HOPS]
    }

    /// 2 or 3, if the code is that of `key`: version 2 covers the timestamp, version 3 the frame alone.
    pub fn verify(&self, key: &LinkKey) -> Option<u8> {
        [(2, RETIRED_TIMESTAMP.end), (3, dmrd::SHORT_LENGTH)]
            .into_iter()
            .find_map(|(version, covered)| verify_tail(self.bytes, covered, key).then_some(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RadioId;
    use crate::wire::vectors::{Vector, any_frame, key_of, of_kind};
    use proptest::prelude::*;

    /// Reads, verifies and writes a frame again.
    fn round(vector: &Vector) -> Fbp {
        let view = FbpView::parse(&vector.bytes).unwrap_or_else(|why| panic!("{}: {why}", vector.id));
        assert!(view.verify(&key_of(vector)), "{}", vector.id);
        assert!(!view.verify(&LinkKey::raw(b"OpenBridgeKey-01").unwrap()), "{}", vector.id);
        let fbp = Fbp::from(view);
        let mut buffer = [0; MAX_DATAGRAM];
        assert_eq!(fbp.emit(&key_of(vector), &mut buffer), vector.bytes, "{}", vector.id);
        assert_eq!(fbp.timestamp.0, vector.entry["timestamp_ns"].as_u64().unwrap(), "{}", vector.id);
        fbp
    }

    #[test]
    fn every_frame_of_version_5_is_verified_and_written_again_to_the_byte() {
        let vectors: Vec<_> = of_kind("fbp-v5").into_iter().chain(of_kind("fbp-v5-negative")).collect();
        let hops: Vec<_> = vectors.iter().map(|vector| round(vector).hops).collect();
        assert_eq!(hops, [1, 9, 10, 1, 1]);
        let head = round(&vectors[0]);
        assert_eq!((head.version, head.source_server), (5, ServerId(2348)));
        assert_eq!(head.source_repeater, Some(ClientId(2_345_678)));
        assert_eq!((head.frame.source, head.frame.ber, head.frame.rssi), (RadioId(2_345_678), 3, 47));
        let view = FbpView::parse(&vectors[0].bytes).unwrap();
        assert_eq!((view.network(), &view.frame().to_frame()[..4]), (ClientId(2348), b"DMRD".as_slice()));
    }

    #[test]
    fn the_layout_of_version_4_is_told_by_its_length_whatever_the_version_octet_says() {
        let (trap, canonical) = (of_kind("fbp-v4-trap"), of_kind("fbp-v4"));
        assert_eq!((trap.len(), canonical.len()), (1, 1));
        for (vector, version) in [(&trap[0], 5), (&canonical[0], 4)] {
            let fbp = round(vector);
            assert_eq!((fbp.version, fbp.hops, fbp.source_repeater), (version, 1, None));
        }
    }

    #[test]
    fn a_forged_version_is_refused_before_anything_else() {
        let vectors = of_kind("fbp-negative");
        for vector in &vectors {
            assert_eq!(FbpView::parse(&vector.bytes), Err(Malformed::FbpVersion), "{}", vector.id);
        }
        assert_eq!(vectors.len(), 1);
    }

    #[test]
    fn retired_versions_are_recognised_and_told_apart_by_their_codes() {
        let (two, three) = (of_kind("fbp-v2"), of_kind("fbp-v3"));
        assert_eq!((two.len(), three.len()), (1, 1));
        for (vector, version) in [(&two[0], 2), (&three[0], 3)] {
            let view = RetiredView::parse(&vector.bytes).unwrap();
            assert_eq!(view.verify(&key_of(vector)), Some(version));
            assert_eq!(view.verify(&LinkKey::legacy(b"another")), None);
            assert_eq!((view.hops(), view.timestamp().0), (1, vector.entry["timestamp_ns"].as_u64().unwrap()));
            assert_eq!(view.frame().source(), RadioId(2_345_678));
            assert_eq!(FbpView::parse(&vector.bytes), Err(Malformed::UnknownOpcode));
        }
    }

    #[test]
    fn the_code_covers_every_octet_before_it() {
        for kind in ["fbp-v4", "fbp-v5"] {
            let vector = &of_kind(kind)[0];
            for at in (4..vector.bytes.len()).filter(|at| *at != VERSION) {
                let mut bytes = vector.bytes.clone();
                bytes[at] ^= 1;
                assert!(!FbpView::parse(&bytes).unwrap().verify(&key_of(vector)), "{kind} {at}");
            }
        }
    }

    #[test]
    fn lengths_and_versions_that_do_not_exist_are_refused() {
        let bytes = [5; 200];
        for opcode in [OPCODE, RETIRED_OPCODE] {
            let bytes = [opcode.as_slice(), &bytes].concat();
            for len in 4..bytes.len() {
                let read = FbpView::parse(&bytes[..len]).map(|_| ()).or_else(|why| match why {
                    Malformed::UnknownOpcode => RetiredView::parse(&bytes[..len]).map(|_| ()),
                    why => Err(why),
                });
                let good = if opcode == OPCODE { vec![LENGTH_V4, LENGTH_V5] } else { vec![RETIRED_LENGTH] };
                assert_eq!(read, if good.contains(&len) { Ok(()) } else { Err(Malformed::FbpLength) }, "{len}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_frame_survives_emit_and_parse(
            frame in any_frame(), (long, version, hops) in (any::<bool>(), any::<u8>(), any::<u8>()),
            (timestamp, server, repeater) in (any::<u64>(), any::<u32>(), any::<u32>()), passphrase: [u8; 9],
        ) {
            let version = if long { version.max(5) } else { 4 + version % 2 };
            let fbp = Fbp {
                frame, version, hops, timestamp: Wall(timestamp), source_server: ServerId(server),
                source_repeater: long.then_some(ClientId(repeater)),
            };
            let (key, mut buffer) = (LinkKey::legacy(&passphrase), [0; MAX_DATAGRAM]);
            let bytes = fbp.emit(&key, &mut buffer);
            prop_assert_eq!(Fbp::parse(bytes), Ok(fbp));
            prop_assert!(FbpView::parse(bytes).unwrap().verify(&key));
        }

        #[test]
        fn any_octets_are_survived(rest in proptest::collection::vec(any::<u8>(), 0..100)) {
            let opcode: [&[u8]; 3] = [b"", OPCODE, RETIRED_OPCODE];
            let bytes = [opcode[rest.len() % 3], &rest].concat();
            let key = LinkKey::legacy(b"x");
            prop_assert!(!FbpView::parse(&bytes).is_ok_and(|view| view.verify(&key)));
            prop_assert!(!RetiredView::parse(&bytes).is_ok_and(|view| view.verify(&key).is_some()));
        }
    }
}

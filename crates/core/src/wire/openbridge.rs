//! OpenBridge, version 1: a DMRD between servers with its code behind it. Owns the 73 octets; knows no link and checks no
//! age, for there is none in it. Source: `wire.md` 3, 3.2.

use core::ops::Range;

use super::hbp::dmrd::{self, Dmrd, DmrdView};
use super::mac::{HMAC_LENGTH, LinkKey};
use super::{Malformed, array_at, part};
use crate::id::ClientId;

/// The frame as in HBP without BER and RSSI; its client's ID is the network ID of the sending server.
pub const FRAME: Range<usize> = 0..dmrd::SHORT_LENGTH;
/// HMAC-SHA1 over [`FRAME`].
pub const MAC: Range<usize> = FRAME.end..FRAME.end + HMAC_LENGTH;
/// Octets of the datagram.
pub const LENGTH: usize = MAC.end;

/// An OpenBridge frame whose length and opcode are checked; whose code is not, until [`OpenBridgeView::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenBridgeView<'a> {
    bytes: &'a [u8; LENGTH],
    frame: DmrdView<'a>,
}

impl<'a> OpenBridgeView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::OpenBridgeLength`] unless 73 octets.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(dmrd::OPCODE) {
            return Err(Malformed::UnknownOpcode);
        }
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| Malformed::OpenBridgeLength)?;
        DmrdView::parse(part(bytes, FRAME)).map(|frame| Self { bytes, frame })
    }

    /// The frame; BER and RSSI read 0.
    pub const fn frame(&self) -> DmrdView<'a> {
        self.frame
    }

    /// Network ID of the sending server.
    pub const fn network(&self) -> ClientId {
        self.frame.client()
    }

    /// Whether the code is that of `key`; in constant time.
    pub fn verify(&self, key: &LinkKey) -> bool {
        array_at(self.bytes, MAC.start).is_some_and(|mac| key.hmac_fits(part(self.bytes, FRAME), mac))
    }
}

/// The datagram of a frame: `frame.client` is the network ID of the sender, slot and IDs go as they are, BER and RSSI stay
/// behind. A sender clears the slot bit (`wire.md` 3.4).
pub fn emit(frame: &Dmrd, key: &LinkKey) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    for (to, from) in bytes.iter_mut().zip(part(&frame.emit(), FRAME)) {
        *to = *from;
    }
    let mac = key.hmac(part(&bytes, FRAME));
    bytes[MAC].copy_from_slice(&mac);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{RadioId, Slot};
    use crate::wire::vectors::{any_frame, key_of, of_kind};
    use proptest::prelude::*;

    #[test]
    fn every_vector_is_verified_and_written_again_to_the_byte() {
        let vectors = of_kind("obp-v1");
        for vector in &vectors {
            let view = OpenBridgeView::parse(&vector.bytes).unwrap();
            assert!(view.verify(&key_of(vector)), "{}", vector.id);
            assert!(!view.verify(&LinkKey::legacy(b"another")), "{}", vector.id);
            assert_eq!(view.network(), ClientId(2348));
            assert_eq!((view.frame().source(), view.frame().destination_raw()), (RadioId(2_345_678), 235));
            assert_eq!(view.frame().slot(), Slot::One);
            assert_eq!(emit(&Dmrd::from(view.frame()), &key_of(vector)).as_slice(), vector.bytes, "{}", vector.id);
        }
        assert_eq!(vectors.len(), 5);
    }

    #[test]
    fn the_code_covers_every_octet_before_it() {
        let vector = &of_kind("obp-v1")[0];
        for at in 4..LENGTH {
            let mut bytes = vector.bytes.clone();
            bytes[at] ^= 1;
            assert!(!OpenBridgeView::parse(&bytes).unwrap().verify(&key_of(vector)), "{at}");
        }
    }

    #[test]
    fn only_73_octets_are_an_openbridge_frame() {
        let bytes = [b"DMRD".as_slice(), &[0; 200]].concat();
        for len in 0..bytes.len() {
            let expected = if len < 4 { Malformed::UnknownOpcode } else { Malformed::OpenBridgeLength };
            let read = OpenBridgeView::parse(&bytes[..len]);
            assert_eq!(read.err(), (len != LENGTH).then_some(expected), "{len}");
        }
        assert_eq!(OpenBridgeView::parse(&[b'X'; LENGTH]), Err(Malformed::UnknownOpcode));
    }

    proptest! {
        #[test]
        fn a_frame_survives_but_for_ber_and_rssi(frame in any_frame(), passphrase: [u8; 7]) {
            let key = LinkKey::legacy(&passphrase);
            let bytes = emit(&frame, &key);
            let view = OpenBridgeView::parse(&bytes).unwrap();
            prop_assert!(view.verify(&key));
            prop_assert_eq!(Dmrd::from(view.frame()), Dmrd { ber: 0, rssi: 0, ..frame });
        }

        #[test]
        fn any_octets_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), keep: bool) {
            if keep && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(dmrd::OPCODE);
            }
            if let Ok(view) = OpenBridgeView::parse(&bytes) {
                prop_assert!(!view.verify(&LinkKey::legacy(b"x")));
            }
        }
    }
}

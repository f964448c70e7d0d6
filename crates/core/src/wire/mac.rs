//! The codes by which links between servers prove who sent a datagram: HMAC-SHA1 and keyed BLAKE2b-128. Owns the rule that
//! makes a key of a passphrase; compares in constant time. Never shows a key. Source: `wire.md` 3 (Key), 3.2, 3.5.

use core::fmt;

use blake2::Blake2bMac;
use blake2::digest::consts::U16;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Octets of an HMAC-SHA1.
pub const HMAC_LENGTH: usize = 20;
/// Octets of a BLAKE2b-128.
pub const BLAKE_LENGTH: usize = 16;
/// Octets to which FreeDMR and HBlink3 pad and cut a passphrase.
pub const LEGACY_LENGTH: usize = 20;
/// Most octets of a key: those that HMAC-SHA1 and BLAKE2b both take as they are.
pub const MAX_LENGTH: usize = 64;

/// The key of a link. `Debug` does not show it.
#[derive(Clone)]
pub struct LinkKey {
    bytes: [u8; MAX_LENGTH],
    len: usize,
}

impl LinkKey {
    /// The rule of FreeDMR and HBlink3: padded with NUL to 20 octets, cut at 20. Padding alone changes a BLAKE2b, cutting
    /// also an HMAC (`wire.md` 6, trap 18).
    pub fn legacy(passphrase: &[u8]) -> Self {
        Self::filled(passphrase, LEGACY_LENGTH, LEGACY_LENGTH)
    }

    /// The rule of HBlink4 and DMRHub: the passphrase as it is. `None` if it is empty or over [`MAX_LENGTH`] octets.
    pub fn raw(passphrase: &[u8]) -> Option<Self> {
        let len = passphrase.len();
        (1..=MAX_LENGTH).contains(&len).then(|| Self::filled(passphrase, len, len))
    }

    fn filled(passphrase: &[u8], take: usize, len: usize) -> Self {
        let mut bytes = [0; MAX_LENGTH];
        for (to, from) in bytes.iter_mut().zip(passphrase.iter().take(take)) {
            *to = *from;
        }
        Self { bytes, len }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// HMAC-SHA1 over `message`.
    pub fn hmac(&self, message: &[u8]) -> [u8; HMAC_LENGTH] {
        // A key of at most 64 octets, the block of SHA-1, is filled up with zeros, which `bytes` already is.
        Hmac::<Sha1>::new((&self.bytes).into()).chain_update(message).finalize().into_bytes().into()
    }

    /// BLAKE2b-128 over `message`, keyed, without salt or personalisation.
    pub fn blake(&self, message: &[u8]) -> [u8; BLAKE_LENGTH] {
        match Blake2bMac::<U16>::new_from_slice(self.as_bytes()) {
            Ok(keyed) => keyed.chain_update(message).finalize().into_bytes().into(),
            // Only for keys over 64 octets, which the constructors do not make.
            Err(_) => [0; BLAKE_LENGTH],
        }
    }

    /// Whether `mac` is the HMAC-SHA1 over `message`; in constant time.
    pub fn hmac_fits(&self, message: &[u8], mac: &[u8; HMAC_LENGTH]) -> bool {
        self.hmac(message).ct_eq(mac).into()
    }

    /// Whether `mac` is the BLAKE2b-128 over `message`; in constant time.
    pub fn blake_fits(&self, message: &[u8], mac: &[u8; BLAKE_LENGTH]) -> bool {
        self.blake(message).ct_eq(mac).into()
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors::bytes_of;

    #[test]
    fn padding_changes_a_blake_and_only_cutting_changes_an_hmac() {
        let frame = bytes_of("fbp-v5", "fbp.v5.head");
        let (legacy, raw) = (LinkKey::legacy(b"OpenBridgeKey-01"), LinkKey::raw(b"OpenBridgeKey-01").unwrap());
        assert_eq!(legacy.hmac(b"BCKA"), raw.hmac(b"BCKA"));
        assert_eq!(legacy.blake(&frame[..73]), frame[73..]);
        // The vector's note names the code under the unpadded key.
        assert_eq!(raw.blake(&frame[..73])[..4], [0x39, 0x48, 0x9c, 0xa0]);
        let (long, cut) = (b"123456789012345678901", b"12345678901234567890");
        assert_eq!(LinkKey::legacy(long).hmac(b"x"), LinkKey::legacy(cut).hmac(b"x"));
        assert_ne!(LinkKey::raw(long).unwrap().hmac(b"x"), LinkKey::legacy(long).hmac(b"x"));
    }

    #[test]
    fn a_code_fits_only_its_message_and_its_key() {
        let key = LinkKey::legacy(b"one");
        let (hmac, blake) = (key.hmac(b"message"), key.blake(b"message"));
        assert!(key.hmac_fits(b"message", &hmac) && key.blake_fits(b"message", &blake));
        assert!(!key.hmac_fits(b"massage", &hmac) && !key.blake_fits(b"massage", &blake));
        let other = LinkKey::legacy(b"two");
        assert!(!other.hmac_fits(b"message", &hmac) && !other.blake_fits(b"message", &blake));
        for bit in 0..160 {
            let mut wrong = hmac;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.hmac_fits(b"message", &wrong));
        }
    }

    #[test]
    fn a_key_is_never_shown_and_has_bounds() {
        assert_eq!(format!("{:?}", LinkKey::legacy(b"hush")), "LinkKey(..)");
        assert!(LinkKey::raw(&[1; MAX_LENGTH]).is_some());
        assert!(LinkKey::raw(&[1; MAX_LENGTH + 1]).is_none() && LinkKey::raw(b"").is_none());
    }
}

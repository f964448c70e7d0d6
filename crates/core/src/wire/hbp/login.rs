//! The answer to a login challenge. Owns the hash; compares nothing and keeps no salt. Source: `wire.md` 1.3.

use sha2::{Digest, Sha256};

/// Octets of a salt.
pub const SALT_LENGTH: usize = 4;
/// Octets of a hash.
pub const HASH_LENGTH: usize = 32;

/// SHA-256 over the salt as sent, then the passphrase without terminator or padding. Compare it in constant time.
pub fn login_hash(salt: [u8; SALT_LENGTH], passphrase: &[u8]) -> [u8; HASH_LENGTH] {
    Sha256::new().chain_update(salt).chain_update(passphrase).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors::of_kind;

    #[test]
    fn hashes_are_those_that_running_masters_accepted() {
        let vectors = of_kind("rptk-hash");
        for vector in &vectors {
            let salt = vector.hex("salt").try_into().unwrap();
            assert_eq!(login_hash(salt, &vector.hex("passphrase_hex")).as_slice(), vector.bytes, "{}", vector.id);
        }
        assert_eq!(vectors.len(), 4);
    }
}

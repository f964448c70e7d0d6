//! The checksums of DMR: CRC-CCITT with the masks of its block kinds, the 5-bit sum of embedded LCs, CRC-8 of short LCs.
//! Knows bytes only. Source: `wire.md` 5.7, 5.10.

/// What a 12-byte control block is; its CRC is masked with it, so that one kind is never read as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// Privacy indicator header.
    PiHeader = 0x6969,
    /// Control signalling block.
    Csbk = 0xA5A5,
    /// Multi-block control header.
    MbcHeader = 0xAAAA,
    /// Data header.
    DataHeader = 0xCCCC,
}

/// CRC-CCITT: polynomial 0x1021, initial value 0, not reflected, complemented.
pub const fn ccitt(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let mut index = 0;
    while index < bytes.len() {
        crc ^= (bytes[index] as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 };
            bit += 1;
        }
        index += 1;
    }
    !crc
}

/// Ten bytes and their masked CRC, big-endian.
pub const fn seal(content: [u8; 10], kind: BlockKind) -> [u8; 12] {
    let [high, low] = (ccitt(&content) ^ kind as u16).to_be_bytes();
    let [a, b, c, d, e, f, g, h, i, j] = content;
    [a, b, c, d, e, f, g, h, i, j, high, low]
}

/// The ten bytes of a block whose CRC matches.
pub fn unseal(block: [u8; 12], kind: BlockKind) -> Option<[u8; 10]> {
    let [a, b, c, d, e, f, g, h, i, j, ..] = block;
    let content = [a, b, c, d, e, f, g, h, i, j];
    (seal(content, kind) == block).then_some(content)
}

/// The 5-bit checksum of an embedded LC: the sum of its bytes modulo 31 (0–30).
pub fn checksum5(lc: &[u8; 9]) -> u8 {
    (lc.iter().map(|&byte| u16::from(byte)).sum::<u16>() % 31) as u8
}

/// CRC-8 of a short LC: polynomial 0x07, initial value 0, over its 28 bits behind four zero bits (MMDVMHost's CRC.cpp).
pub fn crc8(bytes: &[u8; 4]) -> u8 {
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ byte, |c, _| c << 1 ^ if c & 0x80 != 0 { 0x07 } else { 0 }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_check_values_hold() {
        // Check values of CRC-16/GSM (0x1021, initial 0, complemented) and CRC-8/SMBUS for their customary inputs.
        assert_eq!(ccitt(b"123456789"), 0xce3c);
        assert_eq!(crc8(&[0, 0, 0, 1]), 0x07);
        assert_eq!(crc8(b"1234"), 0xc2);
    }

    #[test]
    fn the_five_bit_sum_wraps_at_31() {
        assert_eq!(checksum5(&[31, 0, 0, 0, 0, 0, 0, 0, 0]), 0);
        assert_eq!(checksum5(&[0xff; 9]), (255 * 9 % 31) as u8);
    }

    proptest! {
        #[test]
        fn a_block_is_read_as_its_own_kind_only_and_not_with_a_wrong_bit(content: [u8; 10], bit in 0usize..96) {
            let kinds = [BlockKind::PiHeader, BlockKind::Csbk, BlockKind::MbcHeader, BlockKind::DataHeader];
            for kind in kinds {
                let mut block = seal(content, kind);
                for other in kinds {
                    prop_assert_eq!(unseal(block, other), (kind == other).then_some(content));
                }
                block[bit / 8] ^= 0x80 >> (bit % 8);
                prop_assert_eq!(unseal(block, kind), None);
            }
        }
    }
}

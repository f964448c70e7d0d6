//! Full LC: the LC of headers and terminators, what a stream's rewriting needs computed once, and generated bursts. Never
//! decides whether a burst may be rewritten: only frame type 0 has fragments. Source: `wire.md` 5.6, 5.7, 5.12.

use super::{
    Burst, ColourCode, DataType, Emb, FecError, InfoBits, Lcss, LinkControl, SlotType, SyncPattern, VocoderFrame, bptc,
    embedded_lc, reed_solomon,
};
use serde::{Deserialize, Serialize};

/// Which burst carries the full LC; the parity masks differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LcCarrier {
    /// Voice LC header.
    Header,
    /// Terminator with LC.
    Terminator,
}

impl LcCarrier {
    const fn mask(self) -> u8 {
        match self {
            Self::Header => reed_solomon::HEADER_MASK,
            Self::Terminator => reed_solomon::TERMINATOR_MASK,
        }
    }

    const fn data_type(self) -> DataType {
        match self {
            Self::Header => DataType::VoiceHeader,
            Self::Terminator => DataType::Terminator,
        }
    }
}

/// The information bits of a header or terminator.
pub const fn encode(lc: LinkControl, carrier: LcCarrier) -> InfoBits {
    bptc::encode(reed_solomon::encode(&lc.0, carrier.mask()))
}

/// The LC of a header's or terminator's information bits.
///
/// # Errors
/// [`FecError::Uncorrectable`] beyond BPTC(196,96), [`FecError::Checksum`] if the Reed-Solomon parity disagrees, which it
/// does for the other carrier too. The ids of DMRD stand in then (`wire.md` 5.6).
pub fn decode(info: InfoBits, carrier: LcCarrier) -> Result<LinkControl, FecError> {
    let block = bptc::decode(info)?;
    reed_solomon::check(&block, carrier.mask()).map(LinkControl).ok_or(FecError::Checksum)
}

/// Everything that one LC puts into the bursts of a stream, computed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "LinkControl", into = "LinkControl")]
pub struct FullLcCoding {
    header: InfoBits,
    terminator: InfoBits,
    fragments: [u32; 4],
    lc: LinkControl,
}

impl From<LinkControl> for FullLcCoding {
    fn from(lc: LinkControl) -> Self {
        Self::new(lc)
    }
}

impl From<FullLcCoding> for LinkControl {
    fn from(coding: FullLcCoding) -> Self {
        coding.lc()
    }
}

impl FullLcCoding {
    /// Encodes `lc` for headers, terminators and bursts B–E.
    pub fn new(lc: LinkControl) -> Self {
        Self {
            header: encode(lc, LcCarrier::Header),
            terminator: encode(lc, LcCarrier::Terminator),
            fragments: embedded_lc::encode(lc),
            lc,
        }
    }

    /// The LC that was encoded.
    pub const fn lc(&self) -> LinkControl {
        self.lc
    }

    /// Information bits of a header.
    pub const fn header_info(&self) -> InfoBits {
        self.header
    }

    /// Information bits of a terminator.
    pub const fn terminator_info(&self) -> InfoBits {
        self.terminator
    }

    /// Fragments of bursts B–E.
    pub const fn fragments(&self) -> [u32; 4] {
        self.fragments
    }

    /// Makes the LC of a header this one; burst bits 98–165 (slot type and sync) stay.
    pub fn apply_header(&self, burst: &mut Burst) {
        burst.set_info(self.header);
    }

    /// Makes the LC of a terminator this one; burst bits 98–165 stay.
    pub fn apply_terminator(&self, burst: &mut Burst) {
        burst.set_info(self.terminator);
    }

    /// Puts the fragment of voice burst `index` (1 = B … 4 = E) into burst bits 116–147 and touches nothing else; other
    /// indices leave the burst alone. The caller has seen frame type 0: a data burst has its sync there.
    pub fn apply_embedded(&self, burst: &mut Burst, index: u8) {
        if let Some(&fragment) = self.fragments.get(usize::from(index).wrapping_sub(1)) {
            burst.set_fragment(fragment);
        }
    }
}

/// A voice LC header with base station sync.
pub fn header_burst(lc: LinkControl, colour_code: ColourCode) -> Burst {
    lc_burst(lc, colour_code, LcCarrier::Header)
}

/// A terminator with LC and base station sync.
pub fn terminator_burst(lc: LinkControl, colour_code: ColourCode) -> Burst {
    lc_burst(lc, colour_code, LcCarrier::Terminator)
}

/// Burst `index` (0 = A … 5 = F) of a clear voice superframe: base station sync in A, EMB and the stream's LC in B–E, an
/// empty fragment in F. Indices beyond 5 count as 5.
pub fn voice_burst(frames: &[VocoderFrame; 3], index: u8, coding: &FullLcCoding, colour_code: ColourCode) -> Burst {
    let mut burst = Burst::default();
    burst.set_vocoder_frames(frames);
    if index == 0 {
        burst.set_sync_bits(SyncPattern::BS_VOICE.bits());
    } else {
        let lcss = Lcss::of_voice_burst(index).unwrap_or(Lcss::Single);
        burst.set_emb_bits(Emb { colour_code, privacy: false, lcss }.encode());
        coding.apply_embedded(&mut burst, index);
    }
    burst
}

fn lc_burst(lc: LinkControl, colour_code: ColourCode, carrier: LcCarrier) -> Burst {
    let mut burst = Burst::default();
    burst.set_info(encode(lc, carrier));
    burst.set_slot_type_bits(SlotType { colour_code, data_type: carrier.data_type() }.encode());
    burst.set_sync_bits(SyncPattern::BS_DATA.bits());
    burst
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dmr::{EmbeddedLcAssembler, burst::SILENCE};

    /// One row of `behaviour.md` 12: LC, masked parity of header and terminator, their words (49 hex digits), fragments.
    type Golden = ([u8; 9], [u32; 2], &'static str, &'static str, [u32; 4]);

    const GOLDEN: [Golden; 5] = [
        (
            [0x00, 0x00, 0x00, 0x00, 0x00, 0x5B, 0x23, 0xC1, 0xA9],
            [0x1c_6e93, 0x13_619c],
            "0367098212241bb0547012400d000902e600ec070c18b839e",
            "0308095612941bc8540012e01c403a82900028078c19283ad",
            [0x000a_0f05, 0x0f0c_0300, 0x0912_2e05, 0x1735_2735],
        ),
        (
            [0x00, 0x00, 0x08, 0x00, 0x00, 0x5B, 0x23, 0xC1, 0xA9],
            [0x1d_5c3e, 0x12_5331],
            "036b09c213a419b056a0124014cc0a82d610e2275c183038e",
            "03040916131419c856d012e0058c3902a0102627dc19a03bd",
            [0x000a_0f05, 0x0f0c_0300, 0x0953_0005, 0x565a_095a],
        ),
        (
            [0x00, 0x00, 0x04, 0x00, 0x11, 0x2B, 0x23, 0xC1, 0xA9],
            [0x4d_5165, 0x42_5e6a],
            "038a194003642c803630172497c61e0edf1096367019e03fd",
            "03e5199403d42cf83640178486862d8ea9105236f018703ce",
            [0x0903_0f14, 0x0f0c_0311, 0x0903_7705, 0x1e7d_6f74],
        ),
        (
            [0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x00, 0x13, 0x88],
            [0xc7_32f9, 0xc8_3df6],
            "01d2081003d017103ac025009e002f01f60022009c10400d4",
            "01bd08c4036017683ab025a08f401c818000e6001c11d00e7",
            [0x0303_0a00, 0x0009_0305, 0x0000_1206, 0x0a14_1e11],
        ),
        (
            [0x00, 0x00, 0x20, 0x00, 0x00, 0x09, 0x00, 0x13, 0x88],
            [0xc3_fa77, 0xcc_f578],
            "21f308d2037c17083ee02d6094402a81a42002407411e80d0",
            "219c080603cc17703e902dc085001901d220c640f410780e3",
            [0x0303_0a00, 0x0009_0344, 0x0000_1447, 0x0a53_5917],
        ),
    ];

    fn info(hex: &str) -> InfoBits {
        hex.chars().enumerate().fold(InfoBits::ZERO, |info, (at, digit)| {
            let digit = digit.to_digit(16).unwrap();
            (0..4).filter(|bit| digit >> (3 - bit) & 1 == 1).fold(info, |i, bit| i ^ InfoBits::single(4 * at + bit))
        })
    }

    #[test]
    fn the_golden_rows_hold() {
        for (lc, parities, header, terminator, fragments) in GOLDEN {
            for (mask, parity) in [reed_solomon::HEADER_MASK, reed_solomon::TERMINATOR_MASK].into_iter().zip(parities) {
                assert_eq!(reed_solomon::encode(&lc, mask)[9..], parity.to_be_bytes()[1..], "{lc:02x?}");
            }
            let coding = FullLcCoding::new(LinkControl(lc));
            assert_eq!((coding.header_info(), coding.terminator_info()), (info(header), info(terminator)), "{lc:02x?}");
            assert_eq!(coding.fragments(), fragments, "{lc:02x?}");
            assert_eq!(decode(info(header), LcCarrier::Header), Ok(LinkControl(lc)));
            assert_eq!(decode(info(terminator), LcCarrier::Terminator), Ok(LinkControl(lc)));
        }
    }

    #[test]
    fn noise_is_never_an_lc() {
        for word in crate::dmr::vectors::noise(500) {
            assert!(decode(word, LcCarrier::Header).is_err());
            assert!(decode(word, LcCarrier::Terminator).is_err());
        }
    }

    #[test]
    fn an_index_outside_b_to_e_leaves_the_burst_alone() {
        let coding = FullLcCoding::new(LinkControl([0x55; 9]));
        for index in [0, 5, 6, 255] {
            let mut burst = Burst([0xa5; 33]);
            coding.apply_embedded(&mut burst, index);
            assert_eq!(burst, Burst([0xa5; 33]));
        }
    }

    #[test]
    fn a_generated_superframe_is_read_back() {
        let coding = FullLcCoding::new(LinkControl([0, 0, 0, 0, 0, 9, 0, 0x13, 0x88]));
        let mut assembler = EmbeddedLcAssembler::new();
        let read: Vec<_> = (0..6)
            .filter_map(|index| {
                let burst = voice_burst(&[SILENCE; 3], index, &coding, ColourCode::ONE);
                assert_eq!(burst.vocoder_frames(), [SILENCE; 3]);
                assert_eq!(burst.sync().is_some(), index == 0);
                if index == 0 { None } else { assembler.push_burst(&burst) }
            })
            .collect();
        assert_eq!(read, [coding.lc()]);
    }

    proptest! {
        #[test]
        fn headers_and_terminators_are_read_back_and_never_taken_for_each_other(lc: [u8; 9], colour_code in 0u8..16) {
            let (lc, colour_code) = (LinkControl(lc), ColourCode::new(colour_code).unwrap());
            let header = header_burst(lc, colour_code);
            prop_assert_eq!(decode(header.info(), LcCarrier::Header), Ok(lc));
            prop_assert_eq!(decode(header.info(), LcCarrier::Terminator), Err(FecError::Checksum));
            prop_assert_eq!(header.slot_type(), Ok(SlotType { colour_code, data_type: DataType::VoiceHeader }));
            let terminator = terminator_burst(lc, colour_code);
            prop_assert_eq!(decode(terminator.info(), LcCarrier::Terminator), Ok(lc));
            prop_assert_eq!(decode(terminator.info(), LcCarrier::Header), Err(FecError::Checksum));
            prop_assert_eq!(terminator.sync(), Some(SyncPattern::BS_DATA));
        }

        #[test]
        fn wrong_bits_never_turn_an_lc_into_another(
            lc: [u8; 9], wrong in proptest::sample::subsequence((0..196).collect::<Vec<usize>>(), 4..=30),
        ) {
            let received = wrong.into_iter().fold(encode(LinkControl(lc), LcCarrier::Header), |word, bit| {
                word ^ InfoBits::single(bit)
            });
            prop_assert!(decode(received, LcCarrier::Header).map_or(true, |read| read == LinkControl(lc)));
        }

        #[test]
        fn rewriting_equals_generating_and_keeps_the_middle(from: [u8; 9], to: [u8; 9], middle: u64) {
            let coding = FullLcCoding::new(LinkControl(to));
            let mut burst = header_burst(LinkControl(from), ColourCode::ONE);
            burst.set_sync_bits(middle);
            let slot_type = burst.slot_type_bits();
            coding.apply_terminator(&mut burst);
            prop_assert_eq!(burst.info(), coding.terminator_info());
            coding.apply_header(&mut burst);
            prop_assert_eq!(burst.info(), coding.header_info());
            prop_assert_eq!((burst.slot_type_bits(), burst.sync_bits()), (slot_type, middle & 0xffff_ffff_ffff));
        }
    }
}

//! Targets of the air interface: every decoder on any burst, and the talker alias. What a decoder accepts, its encoder
//! writes so that it decodes to the same again. Source: `wire.md` 5.

use crate::input::Bytes;
use ragchew_core::dmr::crc::{self, BlockKind};
use ragchew_core::dmr::embedded_lc::{self, EmbeddedLcAssembler};
use ragchew_core::dmr::full_lc::{self, FullLcCoding, LcCarrier};
use ragchew_core::dmr::gps_lc::GpsInfo;
use ragchew_core::dmr::talker_alias::{self, AliasFormat, AliasText, TalkerAliasAssembler};
use ragchew_core::dmr::{Burst, LinkControl, bptc, csbk, data_header, emb, short_lc, slot_type, sync, trellis34};

/// Bursts of one call at most: more of them reach nothing new.
const MOST_BURSTS: usize = 32;

/// Any bytes as bursts one after the other; what is left at the end as a short LC.
pub(crate) fn dmr_burst(data: &[u8]) {
    let chunks = data.chunks_exact(Burst::LEN);
    if let Some(coded) = chunks.remainder().first_chunk() {
        short(coded);
    }
    let (mut embedded, mut by_index) = (EmbeddedLcAssembler::new(), EmbeddedLcAssembler::new());
    let mut alias = TalkerAliasAssembler::new();
    let mut fragments = Vec::new();
    for (n, chunk) in chunks.take(MOST_BURSTS).enumerate() {
        let burst = Burst::from_slice(chunk).expect("33 octets are a burst");
        parts(burst);
        words(burst);
        blocks(burst);
        fragments.push(burst.fragment());
        let found = [embedded.push_burst(&burst), by_index.push_indexed(chunk[0] % 8, burst.fragment())];
        for lc in found.into_iter().flatten() {
            link_control(lc, burst, n as u8);
            let _ = alias.push(lc);
        }
        if let Some(four) = fragments.last_chunk::<4>() {
            if let Ok(lc) = embedded_lc::decode(*four) {
                assert_eq!(embedded_lc::decode(embedded_lc::encode(lc)), Ok(lc));
            }
        }
    }
}

/// Every part that is taken out and put back leaves the burst as it was.
fn parts(burst: Burst) {
    let mut same = burst;
    same.set_info(burst.info());
    same.set_slot_type_bits(burst.slot_type_bits());
    same.set_sync_bits(burst.sync_bits());
    assert_eq!(same, burst);
    same.set_emb_bits(burst.emb_bits());
    same.set_fragment(burst.fragment());
    assert_eq!(same, burst);
    same.set_vocoder_frames(&burst.vocoder_frames());
    assert_eq!(same, burst);
}

fn words(burst: Burst) {
    assert_eq!(burst.sync(), sync::SyncPattern::detect(burst.sync_bits()));
    if let Ok(slot) = burst.slot_type() {
        assert_eq!(slot_type::SlotType::decode(slot.encode()), Ok(slot));
    }
    if let Ok(word) = burst.emb() {
        assert_eq!(emb::Emb::decode(word.encode()), Ok(word));
    }
}

fn blocks(burst: Burst) {
    let info = burst.info();
    if let Ok(block) = bptc::decode(info) {
        assert_eq!(bptc::decode(bptc::encode(block)), Ok(block));
        for kind in [BlockKind::PiHeader, BlockKind::Csbk, BlockKind::MbcHeader, BlockKind::DataHeader] {
            if let Some(content) = crc::unseal(block, kind) {
                assert_eq!(crc::seal(content, kind), block);
            }
        }
    }
    for carrier in [LcCarrier::Header, LcCarrier::Terminator] {
        if let Ok(lc) = full_lc::decode(info, carrier) {
            assert_eq!(full_lc::decode(full_lc::encode(lc, carrier), carrier), Ok(lc));
            link_control(lc, burst, burst.0[0]);
        }
    }
    if let Ok(block) = csbk::Csbk::decode(info) {
        assert_eq!(csbk::Csbk::decode(block.encode()), Ok(block));
        let _ = (block.opcode(), block.fid(), block.target(), block.source(), block.last_block(), block.protected());
        let _ = (block.preamble_data_follows(), block.preamble_group(), block.preamble_blocks());
    }
    if let Ok(header) = data_header::DataHeader::decode(info) {
        assert_eq!(data_header::DataHeader::decode(header.encode()), Ok(header));
        let _ = (header.format(), header.sap(), header.pad_octets(), header.blocks_to_follow());
        let moved = header.with_destination([1, 2, 3]);
        assert_eq!((moved.destination(), moved.source()), ([1, 2, 3], header.source()));
    }
    if let Ok(block) = trellis34::decode(info) {
        assert_eq!(trellis34::decode(trellis34::encode(&block)), Ok(block));
    }
}

fn link_control(lc: LinkControl, burst: Burst, index: u8) {
    let moved = lc.with_destination([4, 5, 6]);
    assert_eq!(moved.destination(), [4, 5, 6]);
    let _ = (lc.flco(), lc.is_voice(), lc.group_destination(), lc.unit_destination(), lc.priority());
    if let Some(gps) = GpsInfo::from_lc(lc) {
        assert!(gps.latitude_microdegrees().unsigned_abs() <= 90_000_000);
        assert!(gps.longitude_microdegrees().unsigned_abs() <= 180_000_000);
        assert_eq!(GpsInfo::from_lc(gps.to_lc()), Some(gps));
    }
    let coding = FullLcCoding::new(moved);
    let mut rewritten = burst;
    coding.apply_header(&mut rewritten);
    assert_eq!(full_lc::decode(rewritten.info(), LcCarrier::Header), Ok(moved));
    coding.apply_terminator(&mut rewritten);
    assert_eq!(full_lc::decode(rewritten.info(), LcCarrier::Terminator), Ok(moved));
    coding.apply_embedded(&mut rewritten, index);
}

fn short(coded: &[u8; short_lc::CODED_LEN]) {
    if let Ok(payload) = short_lc::decode_payload(coded) {
        assert_eq!(short_lc::decode_payload(&short_lc::encode_payload(payload)), Ok(payload));
    }
    if let Ok(lc) = short_lc::ShortLc::decode(coded) {
        assert_eq!(short_lc::ShortLc::decode(&lc.encode()), Ok(lc));
    }
}

/// Blocks in any order, and any text in any format.
pub(crate) fn talker_alias(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut assembler = TalkerAliasAssembler::new();
    let blocks = bytes.byte() % 16;
    for _ in 0..blocks {
        let block = bytes.byte();
        if let Some(text) = assembler.push_block(block, bytes.array()) {
            judge(&text);
            assert_eq!(assembler.text(), Some(text), "what was told is what is there");
        }
    }
    let text = String::from_utf8_lossy(bytes.rest()).into_owned();
    for format in [AliasFormat::SevenBit, AliasFormat::Iso8859, AliasFormat::Utf8, AliasFormat::Utf16] {
        let Some(once) = carried(&text, format) else { continue };
        assert_eq!(carried(once.as_str(), format).as_ref(), Some(&once), "{format:?}: the same after another round");
    }
}

fn judge(text: &AliasText) {
    assert!(!text.as_str().is_empty() && text.as_str().len() <= AliasText::CAPACITY);
}

/// What arrives of `text` when it is sent in `format`.
fn carried(text: &str, format: AliasFormat) -> Option<AliasText> {
    let blocks = talker_alias::encode(text, format);
    assert!((1..=4).contains(&talker_alias::blocks_needed(blocks[0])));
    let mut assembler = TalkerAliasAssembler::new();
    let told: Vec<_> = blocks.into_iter().filter_map(|lc| assembler.push(lc)).collect();
    told.iter().for_each(judge);
    assert!(told.len() <= 1, "an alias is told once");
    told.into_iter().next()
}

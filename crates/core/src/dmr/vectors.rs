//! The published vectors of the air interface (`testdata/vectors.json`), every one of a kind and counted, so that none is
//! forgotten. Test code only.

use serde_json::Value;

use super::burst::SILENCE;
use super::crc::{self, BlockKind};
use super::*;
use crate::id::RadioId;

/// Checks every vector of `kind`; there must be exactly `count`.
fn each(kind: &str, count: usize, mut check: impl FnMut(&str, &Value)) {
    let all: Value = serde_json::from_str(include_str!("../../../../testdata/vectors.json")).unwrap();
    let mut checked = 0;
    for vector in all["vectors"].as_array().unwrap().iter().filter(|vector| vector["kind"] == kind) {
        check(vector["id"].as_str().unwrap(), vector);
        checked += 1;
    }
    assert_eq!(checked, count, "vectors of kind {kind}");
}

/// Words of 196 bits without any structure, the same in every run (xorshift).
pub(super) fn noise(count: usize) -> impl Iterator<Item = InfoBits> {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u128::from(state)
    };
    core::iter::repeat_with(move || InfoBits::from_halves(next() << 64 | next(), next() << 64 | next())).take(count)
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    assert!(text.len() % 2 == 0);
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(text: &Value) -> [u8; N] {
    unhex(text).try_into().unwrap()
}

fn burst(vector: &Value) -> Burst {
    Burst::from_slice(&unhex(&vector["hex"])).unwrap()
}

fn lc(vector: &Value) -> LinkControl {
    LinkControl(array(&vector["lc"]))
}

fn fragments(list: &Value) -> [u32; 4] {
    let list: Vec<u32> = list.as_array().unwrap().iter().map(|f| u32::from_be_bytes(array(f))).collect();
    list.try_into().unwrap()
}

fn bits(info: InfoBits) -> String {
    (0..InfoBits::LEN).map(|at| if info.bit(at) == 1 { '1' } else { '0' }).collect()
}

fn slot_type(colour_code: u8, data_type: DataType) -> SlotType {
    SlotType { colour_code: ColourCode::new(colour_code).unwrap(), data_type }
}

/// The numbers in a name such as `cc1_pi0_lcss3`.
fn numbers(name: &str) -> Vec<u8> {
    name.split('_').map(|part| part.trim_start_matches(|c: char| c.is_alphabetic()).parse().unwrap()).collect()
}

#[test]
fn full_lc_vectors_hold() {
    each("fulllc", 12, |id, vector| {
        let (carrier, generated) = match vector["data_type"].as_u64() {
            Some(1) => (LcCarrier::Header, header_burst(lc(vector), ColourCode::ONE)),
            _ => (LcCarrier::Terminator, terminator_burst(lc(vector), ColourCode::ONE)),
        };
        assert_eq!(generated, burst(vector), "{id}");
        assert_eq!(bits(generated.info()), vector["bits196"].as_str().unwrap(), "{id}");
        assert_eq!(full_lc::decode(burst(vector).info(), carrier), Ok(lc(vector)), "{id}");
        assert_eq!(reed_solomon::parity(&lc(vector).0), array(&vector["rs_parity_raw"]), "{id}");
        let block = bptc::decode(burst(vector).info()).unwrap();
        assert_eq!(block[9..], unhex(&vector["rs_parity_masked"]), "{id}");
        assert_eq!(u64::from(burst(vector).slot_type().unwrap().data_type.number()), vector["data_type"], "{id}");
    });
}

#[test]
fn embedded_lc_vectors_hold() {
    each("emblc", 11, |id, vector| {
        let fragments = fragments(&vector["fragments"]);
        assert_eq!(embedded_lc::encode(lc(vector)), fragments, "{id}");
        assert_eq!(embedded_lc::decode(fragments), Ok(lc(vector)), "{id}");
        assert_eq!(u64::from(crc::checksum5(&lc(vector).0)), vector["crc5"], "{id}");
        assert_eq!(fragments.map(u32::to_be_bytes).concat(), unhex(&vector["hex"]), "{id}");
    });
}

#[test]
fn a_fragment_with_the_wrong_bit_25_of_a_known_encoder_is_repaired() {
    each("emblc-trap", 1, |id, vector| {
        let (right, wrong) = (fragments(&vector["fragments"]), fragments(&vector["dmr_utils3_fragments"]));
        assert_ne!(right, wrong, "{id}");
        assert_eq!(embedded_lc::encode(lc(vector)), right, "{id}");
        assert_eq!(embedded_lc::decode(wrong), Ok(lc(vector)), "{id}");
    });
}

#[test]
fn positions_in_the_vectors_are_the_described_ones() {
    let mut seen = Vec::new();
    each("emblc", 11, |id, vector| {
        if let Some(info) = GpsInfo::from_lc(lc(vector)) {
            assert_eq!(info.to_lc(), lc(vector), "{id}");
            seen.push((info.error, info.longitude_microdegrees(), info.latitude_microdegrees()));
        }
    });
    let [(PositionError::Below20m, x0, y0), (PositionError::Below2m, x1, y1)] = seen[..] else { panic!("{seen:?}") };
    for (read, described) in [(x0, -120_000), (y0, 51_500_000), (x1, -58_381_592), (y1, -34_603_722)] {
        assert!(i32::abs(read - described) <= 11, "one unit is 10.7 millionths: {read} {described}");
    }
}

#[test]
fn emb_vectors_hold() {
    each("emb", 1, |_, vector| {
        let values = vector["values"].as_object().unwrap();
        assert_eq!(values.len(), 21);
        for (name, word) in values {
            let [colour_code, privacy, lcss] = numbers(name)[..] else { panic!("{name}") };
            let word = u16::from_be_bytes(array(word));
            let emb = Emb::decode(word).unwrap();
            assert_eq!(emb.encode(), word, "{name}");
            assert_eq!((emb.colour_code.get(), u8::from(emb.privacy), emb.lcss as u8), (colour_code, privacy, lcss));
        }
    });
}

#[test]
fn slot_type_vectors_hold() {
    each("slottype", 1, |_, vector| {
        let values = vector["values"].as_object().unwrap();
        assert_eq!(values.len(), 44);
        for (name, word) in values {
            let [colour_code, data_type] = numbers(name)[..] else { panic!("{name}") };
            let word = u32::from_str_radix(word.as_str().unwrap(), 16).unwrap();
            let expected = slot_type(colour_code, DataType::from_number(data_type).unwrap());
            assert_eq!(expected.encode(), word, "{name}");
            assert_eq!(SlotType::decode(word), Ok(expected), "{name}");
        }
    });
}

/// A burst of base station, colour code 1.
fn data_burst(info: InfoBits, data_type: DataType) -> Burst {
    let mut burst = Burst::default();
    burst.set_info(info);
    burst.set_sync_bits(SyncPattern::BS_DATA.bits());
    burst.set_slot_type_bits(slot_type(1, data_type).encode());
    burst
}

#[test]
fn csbk_vectors_hold() {
    let mut read = Vec::new();
    each("csbk", 2, |id, vector| {
        let csbk = Csbk::decode(burst(vector).info()).unwrap();
        assert_eq!(crc::seal(csbk.0, BlockKind::Csbk), array(&vector["block12"]), "{id}");
        assert_eq!(data_burst(csbk.encode(), DataType::Csbk), burst(vector), "{id}");
        assert_eq!((csbk.opcode(), csbk.fid(), csbk.last_block()), (CsbkOpcode::Preamble, 0, true), "{id}");
        assert_eq!(csbk.source().0, 2_345_678, "{id}");
        assert!(csbk.preamble_data_follows() && !csbk.protected(), "{id}");
        let (group, blocks) = (csbk.preamble_group(), csbk.preamble_blocks());
        assert_eq!(Csbk::preamble(true, group, blocks, csbk.target(), csbk.source()), csbk, "{id}");
        read.push((group, blocks, crate::id::id3(csbk.target())));
    });
    assert_eq!(read, [(false, 8, 0x23e082), (true, 3, 91)]);
}

#[test]
fn data_header_vectors_hold() {
    let mut read = Vec::new();
    each("datahdr", 2, |id, vector| {
        let header = DataHeader::decode(burst(vector).info()).unwrap();
        assert_eq!(crc::seal(header.0, BlockKind::DataHeader), array(&vector["block12"]), "{id}");
        assert_eq!(data_burst(header.encode(), DataType::DataHeader), burst(vector), "{id}");
        assert_eq!((header.group(), header.sap(), header.full_message()), (false, 4, true), "{id}");
        assert_eq!((header.destination(), header.source().0), ([0x23, 0xe0, 0x82], 2_345_678), "{id}");
        read.push((header.format(), header.response_requested(), header.blocks_to_follow()));
        read.push((header.format(), header.resync(), Some(header.send_sequence())));
    });
    let (unconfirmed, confirmed) = (DataFormat::Unconfirmed, DataFormat::Confirmed);
    assert_eq!(read[..2], [(unconfirmed, false, Some(5)), (unconfirmed, false, Some(0))]);
    assert_eq!(read[2..], [(confirmed, true, Some(4)), (confirmed, true, Some(1))]);
}

#[test]
fn trellis_vectors_hold() {
    each("trellis34", 2, |id, vector| {
        let mut expected = Burst::default();
        expected.set_info(trellis34::encode(&array(&vector["payload"])));
        assert_eq!(expected, burst(vector), "{id}");
        assert_eq!(trellis34::decode(burst(vector).info()), Ok(array(&vector["payload"])), "{id}");
    });
}

#[test]
fn bptc_vectors_hold() {
    each("bptc19696", 1, |id, vector| {
        let mut expected = Burst::default();
        expected.set_info(bptc::encode(array(&vector["payload"])));
        assert_eq!(expected, burst(vector), "{id}");
        assert_eq!(bptc::decode(burst(vector).info()), Ok(array(&vector["payload"])), "{id}");
    });
}

#[test]
fn short_lc_vectors_hold() {
    each("shortlc", 1, |id, vector| {
        let payload = unhex(&vector["payload"]).iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
        assert_eq!(short_lc::encode_payload(payload), array(&vector["hex"]), "{id}");
        assert_eq!(short_lc::decode_payload(&array(&vector["hex"])), Ok(payload), "{id}");
    });
}

#[test]
fn sample_bursts_are_read_as_what_they_are() {
    const CALL: LinkControl = LinkControl([0x00, 0x10, 0x20, 0x00, 0x0c, 0x30, 0x2f, 0x9b, 0xe5]);
    // What `wire.md` 2.2 says of the constant payloads.
    let xlx = LinkControl::unit(RadioId(4005), RadioId(2_353_150));
    let coding = FullLcCoding::new(CALL);
    let mut by_lcss = EmbeddedLcAssembler::new();
    let mut assembled = Vec::new();
    each("sample-burst", 13, |id, vector| {
        let burst = burst(vector);
        let header = |burst: Burst| full_lc::decode(burst.info(), LcCarrier::Header);
        let terminator = |burst: Burst| full_lc::decode(burst.info(), LcCarrier::Terminator);
        let mut voice = |index| {
            assembled.extend(by_lcss.push_burst(&burst));
            assert_eq!(voice_burst(&burst.vocoder_frames(), index, &coding, ColourCode::ONE), burst, "{id}");
        };
        match id {
            "sample.dmr_utils3.data_head" => {
                assert_eq!(header(burst), Ok(CALL));
                assert_eq!(vector["mmdvmhost_decode"], "ok 001020000c302f9be5 1 1");
                assert_eq!(burst.slot_type(), Ok(slot_type(1, DataType::VoiceHeader)));
                assert_eq!(burst.sync(), Some(SyncPattern::BS_DATA));
            }
            "sample.dmr_utils3.voice_a" => {
                assert_eq!(burst.sync(), Some(SyncPattern::BS_VOICE));
                assert_eq!(voice_burst(&burst.vocoder_frames(), 0, &coding, ColourCode::ONE), burst, "{id}");
            }
            "sample.dmr_utils3.voice_b" => voice(1),
            "sample.dmr_utils3.voice_c" => voice(2),
            "sample.dmr_utils3.voice_d" => voice(3),
            "sample.dmr_utils3.voice_e" => voice(4),
            "sample.dmr_utils3.voice_f" => voice(5),
            "sample.dmr_utils3.voice_term" => {
                assert_eq!(terminator(burst), Ok(CALL));
                assert_eq!(burst.slot_type(), Ok(slot_type(1, DataType::Terminator)));
            }
            "sample.dmr_utils3.emblc" => {
                let bursts = unhex(&vector["hex"]);
                let mut assembler = EmbeddedLcAssembler::new();
                let bursts = bursts.chunks(33).map(|bytes| Burst::from_slice(bytes).unwrap());
                assert_eq!(bursts.filter_map(|burst| assembler.push_burst(&burst)).collect::<Vec<_>>(), [CALL]);
            }
            "sample.xlx_link_head" => {
                assert_eq!(header(burst), Ok(xlx));
                assert_eq!(burst.slot_type(), Ok(slot_type(3, DataType::VoiceHeader)));
            }
            "sample.xlx_link_term" => {
                assert_eq!(terminator(burst), Ok(xlx));
                assert_eq!(burst.slot_type(), Ok(slot_type(3, DataType::Terminator)));
            }
            "sample.mmdvm_idle" => {
                // A template: the slot type is left for the sender to fill in.
                assert_eq!(burst.slot_type_bits(), 0);
                assert_eq!(burst.sync(), Some(SyncPattern::BS_DATA));
                assert!(bptc::decode(burst.info()).is_ok());
            }
            "sample.mmdvm_silence" => {
                assert_eq!((burst.vocoder_frames(), burst.sync_bits()), ([SILENCE; 3], 0));
            }
            other => panic!("unknown sample {other}"),
        }
    });
    assert_eq!(assembled, [CALL]);
}

#[test]
fn talkgroup_rewrites_give_the_published_bursts() {
    each("lc-rewrite", 5, |id, vector| {
        let coding = FullLcCoding::new(lc(vector));
        let mut rewritten = Burst(array(&vector["input"]));
        match id.rsplit('.').next() {
            Some("head") => coding.apply_header(&mut rewritten),
            Some("term") => coding.apply_terminator(&mut rewritten),
            Some("B") => coding.apply_embedded(&mut rewritten, 1),
            Some("C") => coding.apply_embedded(&mut rewritten, 2),
            Some("E") => coding.apply_embedded(&mut rewritten, 4),
            other => panic!("unknown burst {other:?}"),
        }
        assert_eq!(rewritten, burst(vector), "{id}");
    });
}

#[test]
fn an_embedded_fragment_in_a_csbk_destroys_its_sync_but_not_its_content() {
    each("lc-rewrite-trap", 1, |id, vector| {
        let (intact, spliced) = (Burst(array(&vector["input"])), burst(vector));
        assert_eq!(intact.sync(), Some(SyncPattern::BS_DATA), "{id}");
        assert_eq!(intact.slot_type(), Ok(slot_type(1, DataType::Csbk)), "{id}");
        assert_eq!(spliced.sync(), None, "{id}");
        assert_eq!((spliced.info(), spliced.slot_type_bits()), (intact.info(), intact.slot_type_bits()), "{id}");
        let mut undone = spliced;
        undone.set_fragment(intact.fragment());
        assert_eq!(undone, intact, "{id}");
    });
}

#[test]
fn talker_alias_vectors_hold() {
    each("talker-alias", 3, |id, vector| {
        let format = match vector["format"].as_u64() {
            Some(0) => AliasFormat::SevenBit,
            Some(1) => AliasFormat::Iso8859,
            _ => AliasFormat::Utf8,
        };
        let text = vector["text"].as_str().unwrap();
        let blocks = talker_alias::encode(text, format);
        assert_eq!(blocks.map(|lc| lc.0).concat(), unhex(&vector["hex"]), "{id}");

        let read = |texts: Vec<AliasText>| texts.iter().map(AliasText::to_string).collect::<Vec<_>>();
        let mut assembler = TalkerAliasAssembler::new();
        assert_eq!(read(blocks.iter().filter_map(|&lc| assembler.push(lc)).collect()), [text], "{id}");

        // DMRA: four letters, three of the radio's id, the block number, seven bytes of payload.
        let mut assembler = TalkerAliasAssembler::new();
        let packets = vector["dmra_packets"].as_array().unwrap();
        assert_eq!(packets.len(), 4);
        let pushed = packets.iter().filter_map(|packet| {
            let packet: [u8; 15] = array(packet);
            assembler.push_block(packet[7], packet[8..].try_into().unwrap())
        });
        assert_eq!(read(pushed.collect()), [text], "{id}");
    });
}

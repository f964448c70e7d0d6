//! Whole datagrams against the vectors and against noise.

use super::*;
use crate::id::{ClientId, RadioId, Slot};
use crate::wire::vectors::{bytes_of, of_kind};
use crate::wire::{MAX_DATAGRAM, Malformed};
use proptest::prelude::*;

const CLIENT: ClientId = ClientId(2_345_678);
const KINDS: [&str; 7] = ["hbp", "hbp-reply", "hbp-fields", "hbp-rare", "dmrd", "dmrd-negative", "proxy"];

fn assert_client_round_trip(bytes: &[u8], id: &str) {
    let message = ClientMessage::parse(bytes).unwrap_or_else(|why| panic!("{id}: {why}"));
    let mut buffer = [0; MAX_DATAGRAM];
    assert_eq!(message.emit(&mut buffer), bytes, "{id}");
}

fn assert_server_round_trip(bytes: &[u8], id: &str) {
    let message = ServerMessage::parse(bytes).unwrap_or_else(|why| panic!("{id}: {why}"));
    let mut buffer = [0; MAX_DATAGRAM];
    assert_eq!(message.emit(&mut buffer), bytes, "{id}");
}

#[test]
fn every_message_vector_round_trips_in_its_direction() {
    let (mut from_clients, mut from_servers) = (0, 0);
    for kind in ["hbp", "hbp-fields", "hbp-rare", "proxy"] {
        for vector in of_kind(kind) {
            if ["RPTACK", "MST", "RPTSBKN"].iter().any(|opcode| vector.bytes.starts_with(opcode.as_bytes())) {
                assert_server_round_trip(&vector.bytes, &vector.id);
                from_servers += 1;
            } else {
                assert_client_round_trip(&vector.bytes, &vector.id);
                from_clients += 1;
            }
        }
    }
    assert_eq!((from_clients, from_servers), (16, 7));
}

#[test]
fn every_request_and_reply_of_the_reference_servers_is_legible() {
    let (mut requests, mut replies) = (0, 0);
    for vector in of_kind("hbp-reply") {
        let request = vector.hex("request");
        if request.starts_with(b"DMRD") {
            assert!(matches!(ClientMessage::parse(&request), Ok(ClientMessage::Frame(_))), "{}", vector.id);
        } else {
            assert_client_round_trip(&request, &vector.id);
        }
        requests += 1;
        if !vector.bytes.is_empty() {
            assert_server_round_trip(&vector.bytes, &vector.id);
            replies += 1;
        }
    }
    assert_eq!((requests, replies), (13, 10));
}

#[test]
fn opcodes_are_told_apart_in_the_right_order() {
    let read = |bytes: &[u8]| ClientMessage::parse(bytes).map(|message| message.client());
    assert!(matches!(ClientMessage::parse(b"RPTCL\0\x23\xCA\xCE"), Ok(ClientMessage::Close { client: CLIENT })));
    assert!(matches!(ClientMessage::parse(b"RPTPING\0\x23\xCA\xCE"), Ok(ClientMessage::Ping { client: CLIENT })));
    assert_eq!(read(b"RPTCL\0\x23\xCA\xCE----"), Err(Malformed::CloseLength));
    assert_eq!(read(b"RPTC\0\x23\xCA\xCE"), Err(Malformed::ConfigLength));
    assert_eq!(read(b"RPTPONG\0\x23\xCA\xCE"), Err(Malformed::UnknownOpcode));
    assert_eq!(read(b"RPTL\0\x23\xCA\xCE-"), Err(Malformed::LoginLength));
    assert_eq!(read(b"RPTK\0\x23\xCA\xCE-"), Err(Malformed::AnswerLength));
    assert_eq!(read(b"RPTL\0\x23"), Err(Malformed::TooShort));
    assert_eq!(read(&[b'R'; 513]), Err(Malformed::TooLong));
    assert_eq!(read(b"DMRE\0\0\0\0"), Err(Malformed::UnknownOpcode));
    assert_eq!(ClientMessage::parse(b"DMRP"), Ok(ClientMessage::Local(Local::Ping)));
    assert_eq!(ClientMessage::parse(b"DMRB"), Ok(ClientMessage::Local(Local::Beacon)));
    for trunking in [b"DTCPING\0\x23\xCA\xCE".as_slice(), b"DMRT\0\0\0\0"] {
        assert_eq!(ClientMessage::parse(trunking), Ok(ClientMessage::Trunking(trunking)));
    }
}

#[test]
fn options_lose_their_padding_and_may_be_empty() {
    let text = |bytes: &[u8]| match ClientMessage::parse(bytes) {
        Ok(ClientMessage::Options { client: CLIENT, text }) => text.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(b"RPTO\0\x23\xCA\xCETS2=91;\0\0\0"), b"TS2=91;");
    assert_eq!(text(b"RPTO\0\x23\xCA\xCE"), b"");
    assert_eq!(text(b"RPTO\0\x23\xCA\xCE\0"), b"");
}

#[test]
fn bare_answers_of_xlxd_and_the_proxy_are_legible() {
    for bare in [b"MSTCL".as_slice(), b"RPTACK", b"MSTNAK"] {
        assert_server_round_trip(bare, "bare");
    }
    assert_eq!(ServerMessage::parse(b"MSTCL--"), Err(Malformed::CloseLength));
    assert_eq!(ServerMessage::parse(b"RPTACK-"), Err(Malformed::AckLength));
    assert_eq!(ServerMessage::parse(b"MSTNAK-"), Err(Malformed::NakLength));
    assert_eq!(ServerMessage::parse(b"MSTPONG"), Err(Malformed::PongLength));
    let mut buffer = [0; MAX_DATAGRAM];
    assert_eq!(ServerMessage::challenge([1, 2, 3, 4]).emit(&mut buffer), b"RPTACK\x01\x02\x03\x04");
    assert_eq!(ServerMessage::acknowledge(CLIENT).emit(&mut buffer), b"RPTACK\0\x23\xCA\xCE");
}

#[test]
fn the_three_talker_alias_layouts_are_told_apart_by_length_and_session() {
    let alias = *b"\xAEM0ABC ";
    let (source, block) = (RadioId(2_345_678), 0);
    let expected = [
        ("hbp.dmra_mmdvmhost", TalkerAliasMessage::Bare { source, block, text: alias }),
        ("hbp.dmra_old", TalkerAliasMessage::WithClient { client: CLIENT, source, block, text: alias }),
        (
            "hbp.dmra_gateway_truncated",
            TalkerAliasMessage::Truncated { client: CLIENT, source, block, text: *b"\xAEM0" },
        ),
    ];
    for (id, message) in expected {
        let bytes = bytes_of("hbp-rare", id);
        assert_eq!(TalkerAliasMessage::classify(&bytes, CLIENT), Ok(message), "{id}");
        let (emitted, len) = message.emit();
        assert_eq!(emitted[..len], bytes, "{id}");
    }
    assert_eq!(TalkerAliasMessage::classify(b"DMRA\0\0\x01\x04-------", CLIENT), Err(Malformed::TalkerAliasBlock));
    assert_eq!(TalkerAliasMessage::classify(b"DMRA\0\0\x01\x03", CLIENT), Err(Malformed::TalkerAliasLength));
}

#[test]
fn the_three_gps_layouts_are_told_apart_by_length_and_session() {
    let (source, position) = (RadioId(2_345_678), *b"\x03\xFF\xEA\x89\x49\xF4\x94");
    let bytes = bytes_of("hbp-rare", "hbp.dmrg");
    assert_eq!(GpsMessage::classify(&bytes, CLIENT), Ok(GpsMessage::Bare { source, position }));
    for message in [
        GpsMessage::Bare { source, position },
        GpsMessage::WithClient { client: CLIENT, source, position },
        GpsMessage::Truncated { client: CLIENT, source, position: [3, 255, 234] },
    ] {
        let (bytes, len) = message.emit();
        assert_eq!(GpsMessage::classify(&bytes[..len], CLIENT), Ok(message));
    }
    assert_eq!(GpsMessage::classify(b"DMRG\0\0\x01\x03", CLIENT), Err(Malformed::GpsLength));
}

#[test]
fn a_mobile_position_round_trips_in_steps_of_a_ten_thousandth_degree() {
    let bytes = bytes_of("hbp-rare", "hbp.rptg");
    let position = Position::from(PositionView::parse(&bytes).unwrap());
    assert_eq!(position, Position { client: CLIENT, latitude: Some(51_500_000), longitude: Some(-120_000) });
    assert_eq!(position.emit().as_slice(), bytes);
}

#[test]
fn extensions_are_read_with_binary_and_hexadecimal_ids() {
    let (slot, client) = (Slot::One, CLIENT);
    let interrupt = |form| Ok(ClientMessage::Interrupt(Interrupt { client, form, slot }));
    assert_eq!(ClientMessage::parse(b"RPTINTR\0\x23\xCA\xCE:1"), interrupt(IdForm::Binary));
    assert_eq!(ClientMessage::parse(b"RPTINTR0023cace:1"), interrupt(IdForm::Hex));
    assert_eq!(ClientMessage::parse(b"RPTINTR\0\x23\xCA\xCE:3"), Err(Malformed::SlotText));
    let rssi = Rssi { client, slot, level: b"-120.0" };
    assert_eq!(ClientMessage::parse(b"RPTRSSI0023CACE:1-120.0"), Ok(ClientMessage::Rssi(rssi)));
    assert_eq!(ClientMessage::parse(b"RPTRSSI0023CAXE:1-120.0"), Err(Malformed::HexId));
    for bytes in [b"RPTINTR\0\x23\xCA\xCE:2".as_slice(), b"RPTINTR0023CACE:1", b"RPTRSSI0023CACE:2-99.5"] {
        assert_client_round_trip(bytes, "extension");
    }
    assert_server_round_trip(b"RPTSBKN0023CACE", "hexadecimal beacon");
    assert_eq!(ServerMessage::parse(b"RPTSBKN0023CAC"), Err(Malformed::BeaconLength));
}

/// Reads `bytes` by every parser; what one direction takes must come out of its emit as the same message.
fn survive(bytes: &[u8]) {
    let mut buffer = [0; MAX_DATAGRAM];
    if let Ok(message) = ClientMessage::parse(bytes) {
        assert_eq!(ClientMessage::parse(message.emit(&mut buffer)), Ok(message));
        if let ClientMessage::Config { config, .. } = message {
            // The first round may cost a decimal (`-.123456` becomes `-0.12345`); the second changes nothing.
            let settled = RepeaterConfig::parse(&RepeaterConfig::from(config).emit()).unwrap();
            assert_eq!(RepeaterConfig::parse(&settled.emit()), Ok(settled));
        }
    }
    if let Ok(message) = ServerMessage::parse(bytes) {
        assert_eq!(ServerMessage::parse(message.emit(&mut buffer)), Ok(message));
    }
    for session in [CLIENT, ClientId(0)] {
        if let Ok(message) = TalkerAliasMessage::classify(bytes, session) {
            let (emitted, len) = message.emit();
            assert_eq!(&emitted[..len], bytes);
        }
        if let Ok(message) = GpsMessage::classify(bytes, session) {
            let (emitted, len) = message.emit();
            assert_eq!(&emitted[..len], bytes);
        }
    }
    if let Ok(config) = LocalConfig::parse(bytes) {
        assert_eq!(LocalConfig::parse(&config.emit()), Ok(config));
    }
    if let Ok(view) = PositionView::parse(bytes) {
        let _ = Position::from(view).emit();
    }
}

#[test]
fn every_truncation_of_every_vector_is_survived() {
    let mut cuts = 0;
    for vector in KINDS.iter().flat_map(|kind| of_kind(kind)) {
        let request = if vector.entry["request"].is_string() { vector.hex("request") } else { Vec::new() };
        for bytes in [vector.bytes, request] {
            for len in 0..=bytes.len() {
                survive(&bytes[..len]);
                cuts += 1;
            }
        }
    }
    assert!(cuts > 3_000, "{cuts}");
}

fn opcode() -> impl Strategy<Value = &'static [u8]> {
    let opcodes: [&[u8]; 22] = [
        b"", b"RPTL", b"RPTK", b"RPTC", b"RPTCL", b"RPTO", b"RPTPING", b"DMRD", b"DMRA", b"DMRG", b"RPTG", b"RPTRSSI",
        b"RPTINTR", b"RPTSBKN", b"DMRC", b"DTCPING", b"DMRT", b"PRIN", b"PRBL", b"RPTACK", b"MSTNAK", b"MSTCL",
    ];
    proptest::sample::select(opcodes.to_vec())
}

proptest! {
    #[test]
    fn any_octets_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        survive(&bytes);
    }

    #[test]
    fn any_octets_after_an_opcode_are_survived(
        opcode in opcode(),
        rest in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            proptest::collection::vec(any::<u8>(), 0..600),
        ],
    ) {
        survive(&[opcode, &rest].concat());
    }

    #[test]
    fn any_length_that_an_opcode_has_is_survived(
        opcode in opcode(),
        length in proptest::sample::select(vec![8, 9, 10, 11, 13, 14, 15, 17, 18, 19, 25, 40, 53, 55, 71, 98, 119, 302]),
        mut rest in proptest::collection::vec(any::<u8>(), 302),
    ) {
        rest.truncate(length - opcode.len());
        survive(&[opcode, &rest].concat());
    }
}

//! Every capture in words, against a reviewed file; calls with every fault; and what no capture may do to the decoder.

use super::*;
use ragchew_core::dmr::{
    AliasFormat, Burst, ColourCode, Csbk, DataHeader, DataType, Flco, FullLcCoding, GpsInfo, LinkControl,
    PositionError, SlotType, SyncPattern, header_burst, talker_alias, terminator_burst, trellis34, voice_burst,
};
use ragchew_core::id::{ClientId, RadioId, RfTg, ServerId, Slot, StreamId};
use ragchew_core::time::Wall;
use ragchew_core::wire::MAX_DATAGRAM;
use ragchew_core::wire::bridge_control::BridgeControl;
use ragchew_core::wire::fbp::Fbp;
use ragchew_core::wire::hbp::{BurstIndex, Dmrd, FrameKind};
use ragchew_transport::capture::{Datagram, Fault};
use std::fs;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures");
const PASSPHRASES: [&str; 4] = ["bench-pass", "inner-pass", "obp-secret-1", "obp-secret-5"];
const CLIENT: &str = "192.0.2.7:4000";
const SERVER: &str = "192.0.2.1:62031";

fn lens(words: &[&str]) -> Lens {
    let words = ["ragchew-decode", "x.pcap"].iter().chain(words);
    Lens::new(&DecodeArgs::try_parse_from(words).unwrap())
}

fn checking(detail: Detail) -> Lens {
    let words: Vec<_> = PASSPHRASES.iter().flat_map(|p| ["--passphrase", p]).collect();
    Lens { detail, ..lens(&words) }
}

fn words(capture: &Capture, lens: &Lens) -> String {
    let mut out = Vec::new();
    text::write(&mut out, "capture", &Story::open(capture, lens), false).unwrap();
    String::from_utf8(out).unwrap()
}

fn objects(capture: &Capture, lens: &Lens) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    text::json_lines(&mut out, "capture", &Story::open(capture, lens)).unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn captures() -> Vec<String> {
    let names = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".pcap").map(str::to_owned)).collect();
    names.sort();
    names
}

fn open(name: &str) -> Capture {
    Capture::open(&Path::new(FOLDER).join(format!("{name}.pcap"))).unwrap()
}

/// A capture of what is sent every 60 ms from a client to its server.
fn sent(payloads: impl IntoIterator<Item = Vec<u8>>) -> Capture {
    let datagram = |(n, payload): (usize, Vec<u8>)| Datagram {
        at: Wall(1_700_000_000_000_000_000 + n as u64 * 60_000_000),
        source: CLIENT.parse().unwrap(),
        destination: SERVER.parse().unwrap(),
        payload: payload.into(),
    };
    Capture { datagrams: payloads.into_iter().enumerate().map(datagram).collect(), ..Capture::default() }
}

fn dmrd(seq: u8, kind: FrameKind, burst: Burst) -> Dmrd {
    Dmrd {
        seq,
        source: RadioId(2_345_678),
        destination: 91,
        client: ClientId(2_345_001),
        slot: Slot::Two,
        unit: false,
        kind,
        stream: StreamId(0xABCD),
        burst: burst.0,
        ber: 0,
        rssi: 0,
    }
}

/// Header, one superframe for each LC, terminator.
fn voice(header: LinkControl, embedded: &[LinkControl]) -> Vec<Dmrd> {
    let mut call = vec![dmrd(0, FrameKind::VoiceHeader, header_burst(header, ColourCode::ONE))];
    for lc in embedded {
        let coding = FullLcCoding::new(*lc);
        for index in BurstIndex::ALL {
            let burst = voice_burst(&[[7; 9]; 3], index.index() as u8, &coding, ColourCode::ONE);
            call.push(dmrd(call.len() as u8, FrameKind::Voice(index), burst));
        }
    }
    call.push(dmrd(call.len() as u8, FrameKind::Terminator, terminator_burst(header, ColourCode::ONE)));
    call
}

fn group() -> LinkControl {
    LinkControl::group(RfTg(91), RadioId(2_345_678))
}

fn emitted(call: Vec<Dmrd>) -> Capture {
    sent(call.into_iter().map(|frame| frame.emit().to_vec()))
}

#[test]
fn every_capture_reads_as_its_reviewed_file() {
    let names = captures();
    for name in &names {
        let path = Path::new(FOLDER).join(format!("{name}.decode"));
        let mut out = Vec::new();
        let (capture, lens) = (open(name), checking(Detail::Story));
        let story = Story::open(&capture, &lens);
        text::write(&mut out, &format!("{name}.pcap"), &story, false).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), fs::read_to_string(&path).unwrap(), "{name}");
    }
    assert_eq!(names.len(), 14);
}

#[test]
fn every_call_of_every_capture_is_complete() {
    for name in captures().iter().filter(|name| !name.contains("wrong-password")) {
        let objects = objects(&open(name), &checking(Detail::Calls));
        let calls: Vec<_> = objects.iter().filter(|object| object["event"] == "voice").collect();
        assert_eq!(calls.len(), 2, "{name}");
        for call in calls {
            let counts = (&call["frames"], &call["lost"], &call["superframes"], &call["terminator"]);
            assert_eq!(counts, (&14.into(), &0.into(), &2.into(), &true.into()), "{name}");
            assert_eq!(call["destination"], 3100, "{name}");
            assert_eq!(call["fec"]["embedded"]["read"], 2, "{name}");
        }
    }
}

#[test]
fn no_truncation_of_a_capture_panics_and_its_break_is_named() {
    let mut cuts = 0;
    for name in captures() {
        let bytes = fs::read(Path::new(FOLDER).join(format!("{name}.pcap"))).unwrap();
        for len in (0..bytes.len()).step_by(97) {
            let capture = Capture::read(&bytes[..len]);
            for detail in [Detail::Story, Detail::Messages] {
                let objects = objects(&capture, &checking(detail));
                let broken = capture.broken.as_ref().map(ToString::to_string);
                assert_eq!(objects.last().unwrap()["broken"].as_str(), broken.as_deref());
            }
            let text = words(&capture, &checking(Detail::Calls));
            assert_eq!(text.contains("breaks at"), capture.broken.is_some());
            cuts += usize::from(capture.broken.as_ref().is_some_and(|broken| broken.fault == Fault::CutOff));
        }
    }
    assert!(cuts > 500, "{cuts}");
}

#[test]
fn damage_to_any_datagram_is_survived() {
    for name in captures() {
        let mut capture = open(&name);
        for (n, datagram) in capture.datagrams.iter_mut().enumerate() {
            let (length, seed) = (datagram.payload.len(), n * 7919);
            datagram.payload[seed % length] ^= 1 << (seed % 8);
            if n % 5 == 0 {
                datagram.payload = datagram.payload[..seed % length].into();
            }
        }
        for detail in [Detail::Story, Detail::Messages, Detail::Calls] {
            assert!(objects(&capture, &checking(detail)).len() >= 2, "{name}");
        }
    }
}

#[test]
fn noise_after_every_opcode_is_survived() {
    let opcodes = [
        "", "RPTL", "RPTK", "RPTC", "RPTCL", "RPTO", "RPTPING", "RPTACK", "MSTNAK", "MSTPONG", "MSTCL", "RPTSBKN",
        "RPTG", "RPTRSSI", "RPTINTR", "DMRD", "DMRE", "DMRF", "DMRA", "DMRG", "DMRC", "DMRP", "DMRB", "BCKA", "BCSQ",
        "BCST", "BCVE", "BCTO", "BCXX", "PRIN", "PRBL", "DTC", "EOBP",
    ];
    let lengths = [4, 8, 9, 10, 11, 14, 15, 18, 19, 24, 25, 31, 34, 40, 53, 55, 71, 73, 78, 85, 89, 98, 119, 302, 600];
    let mut state = 1u32;
    let mut noise = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut payloads = Vec::new();
    for (opcode, length) in opcodes.iter().flat_map(|opcode| lengths.map(|length| (opcode, length))) {
        for _ in 0..4 {
            let rest: Vec<u8> = (0..length).map(&mut noise).collect();
            payloads.push([opcode.as_bytes(), &rest].concat()[..length].to_vec());
        }
    }
    let capture = sent(payloads);
    for detail in [Detail::Story, Detail::Messages, Detail::Calls] {
        let text = words(&capture, &Lens { positions: true, ..checking(detail) });
        assert!(
            text.lines().all(|line| line.chars().all(|c| !ragchew_core::shown::is_hidden(c)))
                && text.contains("not understood")
        );
        assert!(objects(&capture, &checking(detail)).len() > 10);
    }
}

#[test]
fn no_passphrase_no_hash_and_no_key_is_ever_shown() {
    let mut answers = 0;
    for name in captures() {
        let capture = open(&name);
        for detail in [Detail::Story, Detail::Messages] {
            let json: String = objects(&capture, &checking(detail)).iter().map(ToString::to_string).collect();
            let all = words(&capture, &checking(detail)) + &json;
            assert!(PASSPHRASES.iter().all(|secret| !all.contains(secret)), "{name}");
            for answer in capture.datagrams.iter().filter(|datagram| datagram.payload.starts_with(b"RPTK")) {
                assert!(!all.contains(&frame::hex(&answer.payload[8..16])), "{name}");
                answers += 1;
            }
        }
    }
    assert!(answers > 20, "{answers}");
    let options = sent([b"RPTO\0\x23\xCA\xCETS2=91;PASS=hush77;KEY=hush77;hush77".to_vec()]);
    for detail in [Detail::Story, Detail::Messages] {
        let all = words(&options, &checking(detail)) + &objects(&options, &checking(detail))[1].to_string();
        assert!(all.contains("TG 91") && all.contains("not shown") && !all.contains("hush77"), "{all}");
    }
}

#[test]
fn loss_late_entry_and_a_missing_terminator_are_flagged() {
    let mut call = voice(group(), &[group(), group()]);
    call.drain(..3);
    call.remove(2);
    call.pop();
    let text = words(&emitted(call), &lens(&[]));
    assert!(text.contains("! 1 frame lost of 10"), "{text}");
    assert!(text.contains("! late entry: begins with voice C"), "{text}");
    assert!(text.contains("! no terminator"), "{text}");
}

#[test]
fn repaired_bits_are_counted_and_a_contradicting_lc_is_flagged() {
    let other = LinkControl::group(RfTg(92), RadioId(2_345_678));
    let mut call = voice(other, &[group()]);
    call[0].burst[3] ^= 0x10;
    let mut bad = Burst(call[2].burst);
    bad.set_fragment(bad.fragment() ^ 1);
    call[2].burst = bad.0;
    let text = words(&emitted(call), &lens(&[]));
    assert!(text.contains("header (1 bit corrected), embedded (1 bit corrected), terminator (sound)"), "{text}");
    assert!(text.contains("! LC says 2345678 to TG 92, the frame 2345678 to TG 91"), "{text}");
}

#[test]
fn alias_options_errors_and_level_are_told_and_the_position_only_when_asked() {
    let emergency = LinkControl([0, 0, 0x84, 0, 0, 91, 0x23, 0xCA, 0xCE]);
    let position = GpsInfo { error: PositionError::Below20m, longitude: -11_185, latitude: 4_800_000 }.to_lc();
    let alias = talker_alias::encode("M0ABC Alice", AliasFormat::Iso8859);
    let mut call = voice(emergency, &[emergency, alias[0], alias[1], position]);
    call.iter_mut().for_each(|frame| (frame.ber, frame.rssi) = (3, 47));
    let capture = emitted(call);
    let text = words(&capture, &lens(&[]));
    for expected in [
        "service options: OVCM, emergency",
        "talker alias: M0ABC Alice",
        "bit errors 2.1 %",
        "RSSI -47 dBm",
        "position sent",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(
        !text.contains("51.49") && words(&capture, &lens(&["--positions"])).contains("51.4984 N, 0.1200 W"),
        "{text}"
    );
}

#[test]
fn a_stream_id_used_again_after_its_end_is_another_call() {
    let again: Vec<_> = voice(group(), &[group()]).into_iter().chain(voice(group(), &[group()])).collect();
    assert_eq!(objects(&emitted(again), &lens(&["--calls"])).last().unwrap()["calls"], 2);
}

fn data_burst(data_type: DataType, info: ragchew_core::dmr::InfoBits) -> Burst {
    let mut burst = Burst::default();
    burst.set_info(info);
    burst.set_slot_type_bits(SlotType { colour_code: ColourCode::ONE, data_type }.encode());
    burst.set_sync_bits(SyncPattern::BS_DATA.bits());
    burst
}

#[test]
fn csbks_header_and_blocks_of_different_streams_are_one_data_call() {
    let csbk = Csbk::preamble(true, true, 4, [0, 0, 91], RadioId(2_345_678));
    // Unconfirmed, group, SAP 4, three blocks to follow, of which two come.
    let header = DataHeader([0x82, 0x40, 0, 0, 91, 0x23, 0xCA, 0xCE, 0x83, 0]);
    let mut frames = vec![
        dmrd(0, FrameKind::Csbk, data_burst(DataType::Csbk, csbk.encode())),
        dmrd(0, FrameKind::DataHeader, data_burst(DataType::DataHeader, header.encode())),
        dmrd(1, FrameKind::Rate34, data_burst(DataType::Rate34, trellis34::encode(b"Hello, everybody.."))),
        dmrd(2, FrameKind::Rate34, data_burst(DataType::Rate34, trellis34::encode(b"Goodbye, everybody"))),
    ];
    frames[0].stream = StreamId(1);
    let capture = emitted(frames);
    let text = words(&capture, &lens(&[]));
    assert!(text.contains("data 2345678 to TG 91, slot 2, 0.18 s, 4 frames, none lost"), "{text}");
    assert!(text.contains("CSBK: preamble, data follow; 1 time"), "{text}");
    assert!(text.contains("header: unconfirmed, SAP 4, 3 blocks"), "{text}");
    assert!(text.contains("! 3 blocks announced, 2 came") && text.contains("2 of rate 3/4 block"), "{text}");
    let hello = frame::hex(b"Hello, everybody..");
    assert!(!text.contains(&hello) && words(&capture, &lens(&["--messages"])).contains(&hello));
}

#[test]
fn links_tell_version_hops_age_and_whether_the_code_is_right() {
    let key = LinkKey::legacy(b"right");
    let fbp = |n: u64, frame: Dmrd| Fbp {
        frame: Dmrd { client: ClientId(2341), slot: Slot::One, ..frame },
        version: 5,
        timestamp: Wall(1_700_000_000_000_000_000 + n * 60_000_000 - 7_000_000),
        source_server: ServerId(2342),
        source_repeater: Some(ClientId(234_001)),
        hops: 3,
    };
    let mut buffer = [0; MAX_DATAGRAM];
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    for (n, frame) in voice(group(), &[group()]).into_iter().enumerate() {
        payloads.push(fbp(n as u64, frame).emit(&key, &mut buffer).to_vec());
    }
    payloads.push(BridgeControl::Stun.emit(&key, &mut buffer).to_vec());
    payloads.push(b"BCXX0123".to_vec());
    let capture = sent(payloads);
    let right = words(&capture, &lens(&["--passphrase", "right"]));
    let route = "FBP version 5 of network 2341, entered at server 2342, repeater 234001, hops 3, age 7.0 ms to 7.0 ms";
    assert!(right.contains(&format!("{route}; codes verified")), "{right}");
    assert!(right.contains("stun: send nothing (BCST), code verified"), "{right}");
    assert!(right.contains("bridge_control_opcode from port 4000 to port 62031: 1 time"), "{right}");
    let wrong = words(&capture, &lens(&["--passphrase", "wrong"]));
    assert!(wrong.contains("! 8 of 8 codes are of none of the passphrases"), "{wrong}");
    assert!(words(&capture, &lens(&[])).contains("; codes not verified"));
}

#[test]
fn only_the_port_that_was_asked_for_is_told() {
    let mut capture = emitted(voice(group(), &[group()]));
    capture.datagrams.push(Datagram {
        source: "192.0.2.8:53".parse().unwrap(),
        payload: (*b"noise...").into(),
        ..capture.datagrams[0].clone()
    });
    assert!(words(&capture, &lens(&[])).contains("unknown_opcode from port 53 to port 62031: 1 time"));
    let only = words(&capture, &lens(&["--port", "4000"]));
    assert!(only.contains("8 datagrams") && !only.contains("port 53"), "{only}");
}

#[test]
fn an_embedded_flco_that_is_no_call_contradicts_nothing() {
    let other = LinkControl::from_payload(Flco::Other(9), [1, 2, 3, 4, 5, 6, 7]);
    let text = words(&emitted(voice(group(), &[other])), &lens(&[]));
    assert!(!text.contains('!'), "{text}");
}

#[test]
fn every_datagram_of_the_vectors_is_told_and_no_place_unless_asked() {
    let file = fs::read_to_string(Path::new(FOLDER).join("../vectors.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    let digit = |text: &str, at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    let bytes = |text: &str| (0..text.len()).step_by(2).map(|at| digit(text, at)).collect::<Vec<u8>>();
    let datagrams = |entry: &serde_json::Value| {
        ["hbp", "dmrd", "obp", "fbp", "bridge", "proxy"]
            .iter()
            .any(|kind| entry["kind"].as_str().unwrap().starts_with(kind))
    };
    let vectors = file["vectors"].as_array().unwrap().iter().filter(|entry| datagrams(entry));
    let capture = sent(vectors.map(|entry| bytes(entry["hex"].as_str().unwrap())));
    for detail in ["--messages", "--calls", "--port=4000"] {
        assert!(!words(&capture, &lens(&[detail])).contains("51.5"), "{detail}");
    }
    let asked = words(&capture, &lens(&["--positions"]));
    let mobile = "position of a mobile station (RPTG): 51.5000 N, 0.1200 W";
    let (config, alias) =
        ("location: London, IO91, 51.5000 N, 0.1200 W, height 10 m", "talker alias of 2345678, block 0 (DMRA)");
    assert!([mobile, config, alias].iter().all(|expected| asked.contains(expected)), "{asked}");
    assert!(asked.contains("version 2 or 3") && asked.contains("OpenBridge version 1 of network 2348"), "{asked}");
}

//! Every capture under testdata/captures is replayed: its client logs in, and everybody is sent what the reviewed golden
//! and the recording say. Source: design §9.
#![allow(clippy::unwrap_used)] // Also in what the tests share.

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::{DataLink, Endianness, pcap::PcapReader};
use ragchew_core::config::Passphrase;
use ragchew_core::id::{ClientId, RadioId, Slot, StreamId};
use ragchew_core::time::{Span, Wall};
use ragchew_core::wire::hbp::{Dmrd, FrameKind};
use ragchew_transport::capture::{Capture, Datagram, Fault, LONGEST_CAPTURE, LONGEST_PAUSE, LONGEST_RECORD};
use ragchew_transport::limits::CAPTURED_REQUESTS;
use ragchew_transport::replay::{
    Difference, FarEnd, Frames, Login, REVIEW, Replay, SceneError, Setup, default_config, first_difference, replay,
};
use std::borrow::Cow;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const WRONG_PASSWORD: &str = "hblink3_mmdvmhost-wrong-password";
const RESTARTED: &str = "adn_adn-peer";
const CAPTURES: [&str; 10] = [
    RESTARTED,
    "adn_dmrgateway",
    "adn_mmdvmhost",
    "hblink3_adn-peer",
    "hblink3_dmrgateway",
    "hblink3_dmrgateway-mqtt",
    "hblink3_hblink3-peer",
    "hblink3_hblink4-outbound",
    "hblink3_mmdvmhost",
    WRONG_PASSWORD,
];
const CALL: u64 = 14;

fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures")).join(file)
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(path(&format!("{name}.pcap"))).unwrap()
}

fn capture(name: &str) -> Capture {
    Capture::open(&path(&format!("{name}.pcap"))).unwrap()
}

/// What `ragchew decode` alone can use: no client logs in.
const WITHOUT_SESSION: [&str; 4] =
    ["dmrgateway_local-side", "fbp5_adn-adn", "obp1_adn-hblink4", "obp1_hblink3-hblink3"];

fn play(name: &str, capture: &Capture) -> Result<Replay, SceneError> {
    let passphrase = if name == RESTARTED { "inner-pass" } else { "bench-pass" };
    let config = default_config(capture, None, Passphrase::new(passphrase.as_bytes()))?;
    replay(capture, &Setup { server: None, config, far_end: FarEnd::default() })
}

fn calls() -> impl Iterator<Item = &'static str> {
    CAPTURES.into_iter().filter(|name| *name != WRONG_PASSWORD)
}

#[test]
fn every_capture_of_the_directory_is_replayed_and_has_a_golden() {
    let mut found: Vec<_> = fs::read_dir(path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    found.sort();
    let mut expected: Vec<_> = CAPTURES.iter().flat_map(|c| [format!("{c}.golden"), format!("{c}.pcap")]).collect();
    expected.extend(CAPTURES.iter().map(|c| format!("{c}.decode")));
    expected.extend(WITHOUT_SESSION.iter().flat_map(|c| [format!("{c}.decode"), format!("{c}.pcap")]));
    expected.push("README.md".to_owned());
    expected.sort();
    assert_eq!(found, expected.iter().map(std::ffi::OsString::from).collect::<Vec<_>>());
}

#[test]
fn every_replay_equals_its_reviewed_golden() {
    for name in CAPTURES {
        let golden = fs::read_to_string(path(&format!("{name}.golden"))).unwrap();
        assert!(!golden.contains(REVIEW), "{name}: a difference has no reason");
        let result = play(name, &capture(name)).unwrap().golden();
        if let Some(difference) = first_difference(&golden, &result) {
            panic!("{name}: {difference}");
        }
    }
}

#[test]
fn every_client_logs_in_and_both_calls_arrive_complete() {
    for name in calls() {
        let result = play(name, &capture(name)).unwrap();
        let [client] = result.clients.as_slice() else { panic!("{name}") };
        assert!(client.running, "{name}");
        assert!(result.far_end.running, "{name}");
        let logins = client.logins.iter().filter(|(_, step)| matches!(step, Login::Running(_))).count();
        assert_eq!(logins, if name == RESTARTED { 2 } else { 1 }, "{name}");
        for (speaker, listener) in [(client, &result.far_end), (&result.far_end, client)] {
            assert_eq!(speaker.said.values().copied().collect::<Vec<_>>(), [CALL], "{name}");
            assert_eq!(listener.heard(), speaker.said, "{name}");
            assert!(listener.frames().all(|frame| Some(frame.client()) == listener.client), "{name}");
        }
    }
}

#[test]
fn nobody_is_sent_anything_who_is_not_in_the_replay_and_nothing_is_refused() {
    for name in CAPTURES {
        let result = play(name, &capture(name)).unwrap();
        assert_eq!(result.elsewhere, [], "{name}");
        assert!(result.far_end.refused.is_empty(), "{name}: {:?}", result.far_end.refused);
        let refused: Vec<_> = result.clients.iter().flat_map(|client| client.refused.clone()).collect();
        let expected: &[(&str, u64)] = if name == WRONG_PASSWORD { &[("no_challenge", 2)] } else { &[] };
        assert_eq!(refused, expected, "{name}");
    }
}

/// Independent of the comparison in the library: the bytes of the file against the bytes that were sent.
#[test]
fn frames_are_the_recorded_ones_but_for_the_receivers_id() {
    for name in calls() {
        let capture = capture(name);
        let result = play(name, &capture).unwrap();
        let client = &result.clients[0];
        let frames = |up: bool, id: ClientId| -> Vec<Vec<u8>> {
            let this_way = |d: &&Datagram| (d.destination == result.server) == up && d.payload.starts_with(b"DMRD");
            let mut frames: Vec<_> = capture.datagrams.iter().filter(this_way).map(|d| d.payload.to_vec()).collect();
            frames.iter_mut().for_each(|frame| frame[11..15].copy_from_slice(&id.to_bytes()));
            frames
        };
        let sent = |party: &ragchew_transport::replay::Party| -> Vec<Vec<u8>> {
            let frames = party.sent.iter().map(|sent| sent.bytes.clone());
            frames.filter(|bytes| bytes.starts_with(b"DMRD")).collect()
        };
        assert_eq!(sent(client), frames(false, client.client.unwrap()), "{name}");
        assert_eq!(sent(&result.far_end), frames(true, ClientId(1)), "{name}");
    }
}

#[test]
fn only_the_ping_after_the_masters_restart_is_answered_otherwise() {
    for name in CAPTURES {
        let differences = play(name, &capture(name)).unwrap().differences;
        if name == RESTARTED {
            let [Difference::Answer { request: "RPTPING", at_ms: 30_000, recorded, sent, .. }] = differences.as_slice()
            else {
                panic!("{differences:?}")
            };
            assert!(recorded.starts_with(b"MSTNAK") && sent.starts_with(b"MSTPONG"));
        } else {
            assert_eq!(differences, [], "{name}");
        }
    }
}

#[test]
fn a_replay_gives_the_same_again() {
    for name in CAPTURES {
        let capture = capture(name);
        assert_eq!(play(name, &capture).unwrap().golden(), play(name, &capture).unwrap().golden(), "{name}");
    }
}

/// A call of the far end: what the recorded server sends to `client` from elsewhere.
fn a_call(server: &Datagram, at: Wall) -> Vec<Datagram> {
    let kinds = [0x21, 0x10, 1, 2, 3, 4, 5, 0x22].map(FrameKind::from_bits);
    let frame = |(seq, kind): (usize, FrameKind)| Datagram {
        at: at + Span::millis(60 * seq as u64),
        source: server.destination,
        destination: server.source,
        payload: Dmrd {
            seq: seq as u8,
            source: RadioId(2_345_200),
            destination: 3_100,
            client: ClientId(2_340_621),
            slot: Slot::Two,
            unit: false,
            kind,
            stream: StreamId(7),
            burst: [0x5A; 33],
            ber: 0,
            rssi: 0,
        }
        .emit()
        .to_vec()
        .into(),
    };
    kinds.into_iter().enumerate().map(frame).collect()
}

fn with_a_call_from_elsewhere(name: &str, after: Span) -> Capture {
    let mut capture = capture(name);
    let login = capture.datagrams[0].clone();
    let at = login.at + after;
    capture.datagrams.extend(a_call(&login, at));
    capture.datagrams.sort_by_key(|datagram| datagram.at);
    capture
}

#[test]
fn a_wrong_passphrase_gets_no_session_and_no_voice_while_others_speak() {
    for after in [Span::millis(100), Span::secs(9), Span::millis(10_015), Span::secs(12)] {
        let capture = with_a_call_from_elsewhere(WRONG_PASSWORD, after);
        let result = play(WRONG_PASSWORD, &capture).unwrap();
        let client = &result.clients[0];
        assert_eq!(result.far_end.said[&StreamId(7)], 8);
        assert!(!client.running);
        assert!(!client.logins.iter().any(|(_, step)| matches!(step, Login::Authenticated | Login::Running(_))));
        assert_eq!(client.frames().count(), 0);
        assert_eq!(client.sent.len(), 4);
        assert!(result.far_end.running && result.far_end.frames().count() == 0 && result.elsewhere.is_empty());
        // What was put into the capture as recorded is missing, and the comparison says so.
        let [Difference::Frames { how: Frames::Missing, count: 8, .. }] = result.differences.as_slice() else {
            panic!("{:?}", result.differences)
        };
    }
}

/// The counter-proof: the same call reaches a client that is logged in.
#[test]
fn the_same_call_reaches_a_client_that_is_logged_in() {
    let name = "hblink3_mmdvmhost";
    let result = play(name, &with_a_call_from_elsewhere(name, Span::secs(1))).unwrap();
    assert_eq!(result.clients[0].heard()[&StreamId(7)], 8);
}

#[test]
fn the_wrong_configuration_is_seen_as_differences() {
    let name = "hblink3_mmdvmhost";
    let capture = capture(name);
    let play = |change: &dyn Fn(&mut ragchew_core::config::Listener)| {
        let mut config = default_config(&capture, None, Passphrase::new(*b"bench-pass")).unwrap();
        change(&mut config.listeners[0]);
        replay(&capture, &Setup { server: None, config, far_end: FarEnd::default() }).unwrap()
    };
    let wrong = play(&|listener| listener.passphrase = Passphrase::new(*b"other"));
    assert!(!wrong.clients[0].running);
    assert!(wrong.differences.iter().any(|d| matches!(d, Difference::Answer { request: "RPTK", .. })));
    let unsubscribed = play(&|listener| listener.defaults.statics = [Vec::new(), Vec::new()]);
    assert_eq!(unsubscribed.clients[0].frames().count(), 0);
    let [Difference::Frames { how: Frames::Missing, count: CALL, first_seq: 0, .. }] =
        unsubscribed.differences.as_slice()
    else {
        panic!("{:?}", unsubscribed.differences)
    };
}

#[test]
fn a_frame_that_the_recorded_server_changed_is_named_by_field() {
    let name = "hblink3_mmdvmhost";
    let mut capture = capture(name);
    // The client's own call comes back to another client, with BER and RSSI zeroed and one burst damaged.
    let server = capture.datagrams[0].destination;
    let other = std::net::SocketAddr::from(([192, 0, 2, 77], 4_000));
    let mut copies = Vec::new();
    for datagram in &mut capture.datagrams {
        if datagram.destination != server || !datagram.payload.starts_with(b"DMRD") {
            let login = datagram.destination == server || datagram.payload.starts_with(b"RPTACK");
            if login && datagram.payload.len() != 11 {
                let mut copy = datagram.clone();
                if copy.destination == server {
                    copy.source = other
                } else {
                    copy.destination = other
                }
                copies.push(copy);
            }
            continue;
        }
        datagram.payload[53..55].copy_from_slice(&[3, 47]);
        let mut copy = datagram.clone();
        (copy.source, copy.destination) = (server, other);
        copy.payload[53..55].copy_from_slice(&[0, 0]);
        copy.payload[30] ^= u8::from(copy.payload[4] == 5);
        copies.push(copy);
    }
    for copy in &mut copies {
        let id = copy.payload.windows(4).position(|id| id == 2_340_121u32.to_be_bytes());
        if let Some(at) = id {
            copy.payload[at..at + 4].copy_from_slice(&2_340_122u32.to_be_bytes());
        }
    }
    capture.datagrams.extend(copies);
    capture.datagrams.sort_by_key(|datagram| datagram.at);
    let result = play(name, &capture).unwrap();
    let [_, listener] = result.clients.as_slice() else { panic!("{:?}", result.clients.len()) };
    assert!(listener.running, "{:?}", listener.logins);
    let mut fields = Vec::new();
    for difference in result.differences.iter() {
        if let Difference::Frames { client: Some(ClientId(2_340_122)), how, count, first_seq, .. } = difference {
            fields.push((*how, *count, *first_seq));
        }
    }
    assert!(fields.contains(&(Frames::Field("burst"), 1, 5)), "{fields:?}");
    assert!(fields.contains(&(Frames::Field("ber"), CALL, 0)), "{fields:?}");
    assert!(fields.contains(&(Frames::Field("rssi"), CALL, 0)), "{fields:?}");
    // The far end heard it as it was said, and says nothing of it.
    assert_eq!(result.far_end.heard().len(), 1);
    assert!(!result.far_end.said.contains_key(result.far_end.heard().keys().next().unwrap()));
}

#[test]
fn a_cut_capture_is_replayed_up_to_the_break_and_the_break_is_named() {
    for name in [RESTARTED, "hblink3_hblink4-outbound"] {
        let bytes = bytes_of(name);
        let whole = capture(name);
        let mut breaks = 0;
        for length in (0..bytes.len()).step_by(97) {
            let cut = Capture::read_for_replay(&bytes[..length]);
            assert_eq!(cut.datagrams, whole.datagrams[..cut.datagrams.len()]);
            let (records, end) = records_in(&bytes, length);
            assert_eq!(cut.datagrams.len() as u64, records.saturating_sub(1), "{name} at {length}");
            match &cut.broken {
                Some(broken) => {
                    breaks += 1;
                    assert_eq!((broken.record, broken.offset, &broken.fault), (records, end, &Fault::CutOff));
                    let told = format!("record {records} at byte {end}: the file ends in the middle of it");
                    assert_eq!(broken.to_string(), told);
                }
                None => assert_eq!(end, length as u64),
            }
            match play(name, &cut) {
                Ok(result) => assert_eq!(result.broken, cut.broken),
                Err(error) => assert_eq!((error, cut.datagrams.len()), (SceneError::NoServer, 0)),
            }
        }
        assert!(breaks > 40, "{name}: {breaks}");
    }
}

/// Records (with the header) that are complete in the first `length` bytes of a pcap, and where the last of them ends.
fn records_in(bytes: &[u8], length: usize) -> (u64, u64) {
    let (mut records, mut end) = (0, 0);
    let mut next = 24;
    while next <= length {
        (records, end) = (records + 1, next);
        let Some(field) = bytes.get(next + 8..next + 12) else { break };
        next += 16 + u32::from_le_bytes(field.try_into().unwrap()) as usize;
    }
    (records, end as u64)
}

#[test]
fn the_replay_of_a_cut_capture_is_the_beginning_of_the_whole_one() {
    let name = "hblink3_mmdvmhost";
    let whole = play(name, &capture(name)).unwrap();
    let bytes = bytes_of(name);
    let half = play(name, &Capture::read_for_replay(&bytes[..bytes.len() / 2])).unwrap();
    let (whole, half) = (&whole.clients[0].sent, &half.clients[0].sent);
    // A call that breaks off is ended by the core; everything before is the same.
    let same = whole.iter().zip(half).take_while(|(a, b)| a == b).count();
    assert!(same >= 12 && same + 1 >= half.len(), "{same} of {}", half.len());
    assert!(half.len() < whole.len());
}

fn as_pcapng(bytes: &[u8], endianness: Endianness, resolution: Option<u8>, units_per_us: u32) -> Vec<u8> {
    let mut reader = PcapReader::new(bytes).unwrap();
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), endianness).unwrap();
    let options = resolution.map(InterfaceDescriptionOption::IfTsResol).into_iter().collect();
    let interface = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 65_535, options };
    writer.write_pcapng_block(interface).unwrap();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        let units = packet.timestamp.as_micros() as u64 * u64::from(units_per_us);
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_nanos(units),
            original_len: packet.orig_len,
            data: Cow::Owned(packet.data.to_vec()),
            options: Vec::new(),
        };
        writer.write_pcapng_block(block).unwrap();
    }
    writer.into_inner()
}

#[test]
fn the_pcapng_form_of_a_capture_gives_the_same_as_its_pcap() {
    for name in CAPTURES {
        let bytes = bytes_of(name);
        let whole = capture(name);
        for (endianness, resolution, units) in
            [(Endianness::Little, None, 1), (Endianness::Big, Some(6), 1), (Endianness::Little, Some(9), 1_000)]
        {
            let read = Capture::read_for_replay(as_pcapng(&bytes, endianness, resolution, units).as_slice());
            assert_eq!(read, whole, "{name} {endianness:?} {resolution:?}");
        }
    }
}

#[test]
fn a_cut_pcapng_names_its_break_and_a_damaged_one_never_panics() {
    let name = "hblink3_dmrgateway";
    let bytes = as_pcapng(&bytes_of(name), Endianness::Little, Some(9), 1_000);
    let whole = capture(name).datagrams;
    for length in (0..bytes.len()).step_by(97) {
        let cut = Capture::read_for_replay(&bytes[..length]);
        assert_eq!(cut.datagrams, whole[..cut.datagrams.len()]);
        assert!(cut.broken.is_none_or(|broken| broken.fault == Fault::CutOff && broken.offset < length.max(1) as u64));
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xFF;
        let read = Capture::read_for_replay(damaged.as_slice());
        assert!(read.datagrams.len() <= whole.len());
        if at % 31 == 0 {
            let _ = play(name, &read);
        }
    }
}

#[test]
fn a_damaged_pcap_never_panics_and_a_record_that_is_too_long_is_not_read() {
    let name = "hblink3_dmrgateway";
    let bytes = bytes_of(name);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xFF;
        let read = Capture::read_for_replay(damaged.as_slice());
        if at % 31 == 0 {
            let _ = play(name, &read);
        }
    }
    let mut long = bytes.clone();
    long[24 + 8..24 + 12].copy_from_slice(&(LONGEST_RECORD as u32).to_le_bytes());
    let broken = Capture::read_for_replay(long.as_slice()).broken.unwrap();
    assert_eq!((broken.record, broken.offset), (1, 24));
    assert_eq!(broken.fault, Fault::TooLong(LONGEST_RECORD as u64 + 16));
}

#[test]
fn other_files_and_a_clock_that_leaps_are_named() {
    assert_eq!(Capture::read_for_replay(&b"not a capture, but a text"[..]).broken.unwrap().fault, Fault::Unknown);
    assert_eq!(Capture::read_for_replay(&[][..]).broken.unwrap().fault, Fault::CutOff);
    let mut bytes = bytes_of("hblink3_dmrgateway");
    let second = 24 + 16 + u32::from_le_bytes(bytes[32..36].try_into().unwrap()) as usize;
    let time = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
    let later = time + (LONGEST_PAUSE.as_millis() / 1_000) as u32 + 2;
    bytes[second..second + 4].copy_from_slice(&later.to_le_bytes());
    let read = Capture::read_for_replay(bytes.as_slice());
    assert_eq!((read.datagrams.len(), read.broken.unwrap().fault), (1, Fault::Pause));
    // Who only reads it is told all of it: a machine without a battery begins in 1970 until it hears the time.
    let (told, whole) = (Capture::read(bytes.as_slice()), Capture::read(bytes_of("hblink3_dmrgateway").as_slice()));
    assert_eq!((told.datagrams.len(), told.broken), (whole.datagrams.len(), None));
}

#[test]
fn a_capture_that_goes_on_for_days_is_cut_off_and_leaves_no_pongs_of_the_far_end() {
    let bytes = bytes_of("hblink3_dmrgateway");
    let end = 24 + 16 + u32::from_le_bytes(bytes[32..36].try_into().unwrap()) as usize;
    let (mut long, login) = (bytes[..24].to_vec(), &bytes[24..end]);
    let start = u32::from_le_bytes(login[..4].try_into().unwrap());
    let day = (LONGEST_PAUSE.as_millis() / 1_000) as u32;
    for n in 0..200 {
        long.extend_from_slice(&(start + n * day).to_le_bytes());
        long.extend_from_slice(&login[4..]);
    }
    assert_eq!(Capture::read(long.as_slice()).datagrams.len(), 200);
    let read = Capture::read_for_replay(long.as_slice());
    let days = (LONGEST_CAPTURE.as_millis() / LONGEST_PAUSE.as_millis()) as usize;
    assert_eq!((read.datagrams.len(), &read.broken.as_ref().unwrap().fault), (days + 1, &Fault::TooLate));
    let far_end = play("", &read).unwrap().far_end;
    assert!(far_end.running);
    assert_eq!(far_end.sent.len(), 3);
}

#[test]
fn of_many_requests_at_once_only_the_last_64_wait_for_an_answer() {
    let unasked = |requests: usize| {
        let mut capture = capture("hblink3_dmrgateway");
        let login = capture.datagrams.iter().position(|one| one.payload.starts_with(b"RPTC")).unwrap();
        let (client, id) = (capture.datagrams[login].clone(), &capture.datagrams[login].payload.clone()[4..8]);
        let said = |up: bool, payload: Vec<u8>| {
            let (from, to) = (client.source, client.destination);
            let (source, destination) = if up { (from, to) } else { (to, from) };
            Datagram { at: capture.datagrams.last().unwrap().at, source, destination, payload: payload.into() }
        };
        let pings = vec![said(true, [b"RPTPING", id].concat()); requests];
        let pongs = vec![said(false, [b"MSTPONG", id].concat()); requests];
        capture.datagrams.extend(pings.into_iter().chain(pongs));
        let differences = play("", &capture).unwrap().differences;
        differences.iter().filter(|difference| difference.to_string().contains("unasked")).count()
    };
    assert_eq!((unasked(CAPTURED_REQUESTS), unasked(CAPTURED_REQUESTS + 3)), (0, 3));
}

#[test]
fn a_capture_with_two_servers_needs_one_named_and_a_far_end_of_its_own() {
    let mut capture = capture("hblink3_dmrgateway");
    let mut other = capture.datagrams[0].clone();
    other.destination.set_port(62_031);
    let servers = vec![capture.datagrams[0].destination, other.destination];
    capture.datagrams.push(other);
    assert_eq!(play("", &capture).unwrap_err(), SceneError::SeveralServers(servers.clone()));
    let config = default_config(&capture, Some(servers[0]), Passphrase::new(*b"bench-pass")).unwrap();
    let setup = Setup { server: Some(servers[0]), config, far_end: FarEnd::default() };
    let result = replay(&capture, &setup).unwrap();
    assert!(result.clients[0].running && result.differences.is_empty());
    let taken = FarEnd { client: ClientId(2_340_101), ..FarEnd::default() };
    assert_eq!(replay(&capture, &Setup { far_end: taken, ..setup }).unwrap_err(), SceneError::FarEndTaken);
    let nobody = "192.0.2.9:1".parse().unwrap();
    assert_eq!(
        default_config(&capture, Some(nobody), Passphrase::default()).unwrap_err(),
        SceneError::SilentServer(nobody)
    );
}

#[test]
fn the_first_line_that_is_not_the_goldens_is_named_and_remarks_do_not_count() {
    let golden = "# a remark\nserver 1\n\n  sent a  # why\n  sent b\n";
    assert_eq!(first_difference(golden, "server 1\n  sent a\n  sent b  # other\n"), None);
    let first = first_difference(golden, "server 1\n  sent a\n  sent c\n").unwrap();
    assert_eq!((first.line, first.golden.as_deref(), first.replay.as_deref()), (5, Some("  sent b"), Some("  sent c")));
    let short = first_difference(golden, "server 1\n  sent a\n").unwrap();
    assert_eq!((short.line, short.replay), (5, None));
    let long = first_difference(golden, "server 1\n  sent a\n  sent b\n  sent d\n").unwrap();
    assert_eq!((long.line, long.golden), (6, None));
}

/// What this thread has computed so far, in nanoseconds; waiting does not count.
fn computed() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// A capture in which so many clients of different addresses ask for a challenge and get one.
fn asking(clients: u32) -> Capture {
    let server = ([127, 0, 0, 1], 62_031).into();
    let mut capture = Capture::default();
    for n in 0..clients {
        let client: SocketAddr = ([10, (n >> 16) as u8, (n >> 8) as u8, n as u8], 62_031).into();
        let at = Wall(1_700_000_000_000_000_000 + u64::from(n) * 1_000_000);
        let mut say = |source, destination, payload: Vec<u8>| {
            capture.datagrams.push(Datagram { at, source, destination, payload: payload.into() });
        };
        let (id, salt) = ((2_000_000 + n).to_be_bytes(), n.to_be_bytes());
        say(client, server, [b"RPTL", &id[..]].concat());
        say(server, client, [b"RPTACK", &salt[..]].concat());
        say(server, client, b"MSTNAKxxxx".to_vec());
    }
    capture
}

#[test]
fn a_client_costs_the_same_in_a_capture_of_few_and_of_many() {
    let cost = |clients| {
        let capture = asking(clients);
        let before = computed();
        let result = play("asking", &capture).unwrap();
        assert_eq!(result.clients.len(), clients as usize);
        (computed() - before) / u64::from(clients)
    };
    let (few, many) = (cost(2_000), cost(16_000));
    println!("{few} ns a client among 2,000, {many} among 16,000");
    assert!(many < 4 * few, "{few} ns a client among 2,000, {many} among 16,000");
}

//! Who takes part in a script: clients, addresses, configurations, and the datagrams that a real client sends.
//! Source: `wire.md` 1.3 to 1.9.

use ragchew_core::access::acl::{Acl, MAX_CLIENT, MAX_ID};
use ragchew_core::config::{
    BusyJoin, ClientOverride, Config, Defaults, FirstCall, Listener, ListenerAcl, MappedAlias, Passphrase, Policy,
    Server, TgMap, UaTimer,
};
use ragchew_core::dmr::{Burst, ColourCode, FullLcCoding, LinkControl, burst, full_lc};
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, RadioId, RfTg, ServerId, Slot};
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::time::Span;
use ragchew_core::wire::hbp::{Dmrd, FrameKind, login_hash};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// IDs of clients; the last three have a passphrase of their own, are a status probe, and are not admitted.
pub(super) const IDS: [u32; 9] =
    [2_341_001, 2_341_002, 2_341_003, 2_341_004, 2_341_005, 2_341_006, OWN, u32::MAX, 1_234_567];
const OWN: u32 = 2_341_099;
/// Talkgroups that mean something, each in its own way.
const TGS: [u32; 16] = [91, 92, 235, 9, 8, 4_000, 5_000, 9_990, 9_991, 2_350, 2_341_001, 16_777_215, 50, 1, 0, 93];
const PASSPHRASE: &[u8] = b"passw0rd";
const OWN_PASSPHRASE: &[u8] = b"its own";

/// Texts of OPTIONS: every item, and what is often wrong with them.
pub(crate) const OPTIONS: [&str; 12] = [
    "TS2=91",
    "TS1=91,92;TS2=235",
    "TS2=91;SINGLE=1;TIMER=1",
    "TS1=10-73;TS2=100-163",
    "DIAL=91;TIMER=0",
    "TS2=2350:2:8,91",
    "DIAL=9990;VOICE=1;LANG=de_DE;VOICETG=5",
    "KEY=abc;TS2=92",
    "TS2_1=91;TS2_2=92;RelinkTime=15;UserLink=1",
    "TS1=91;TS2=91;DIAL=0;TIMER=4294967295",
    ";;  ;",
    "TS2=9,9990,1-99,x;DIAL=4000;LANG=xx",
];

pub(crate) fn id(client: u8) -> u32 {
    IDS[usize::from(client) % IDS.len()]
}

pub(super) fn tg(number: u8) -> u32 {
    TGS[usize::from(number) % TGS.len()]
}

pub(super) fn passphrase(id: u32) -> &'static [u8] {
    if id == OWN { OWN_PASSPHRASE } else { PASSPHRASE }
}

/// The way from one of sixteen addresses to one of four sockets, of which the last belongs to no listener. The top bit
/// of the address chooses the address of ours that is used.
pub(crate) fn path(address: u8, socket: u8) -> Path {
    let n = address % 16;
    let ours = 1 + (address >> 7);
    let (remote, local) = match n {
        // Neighbours behind one address, and hosts of one network.
        0..=3 => (SocketAddr::from(([10, 0, 0, 1], 62_000 + u16::from(n))), LocalIp::V4([192, 0, 2, ours])),
        4..=11 => (SocketAddr::from(([10, 0, 0, n], 62_031)), LocalIp::V4([192, 0, 2, ours])),
        _ => {
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from(n / 14), 0, 0, 0, u16::from(n));
            let local = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, u16::from(ours));
            (SocketAddr::from((ip, 62_031)), LocalIp::V6 { address: local.octets(), interface: 0 })
        }
    };
    Path { socket: SocketId(u16::from(socket % 4)), local, remote }
}

/// A stranger of a flood.
pub(super) fn stranger(n: u8) -> Path {
    let remote = SocketAddr::from((Ipv4Addr::new(172, 16, n / 16, n), 4_000));
    Path { socket: SocketId(u16::from(n % 3)), local: LocalIp::Unknown, remote }
}

/// One of the configurations, under one of the policies.
pub(crate) fn config(variant: u8, policy: u8) -> Config {
    let mut first = listener(1, "hotspots", &[0, 1]);
    let mut second = listener(2, "other", &[2]);
    second.max_clients = 3;
    second.acl.subscriber = Acl::parse("DENY:1,2341003", MAX_ID).expect("a list");
    second.acl.talkgroups = ["PERMIT:ALL", "DENY:92"].map(|text| Acl::parse(text, MAX_ID).expect("a list"));
    match variant % 8 {
        1 => first.acl.register = Acl::parse("DENY:1234567,2341002", MAX_CLIENT).expect("a list"),
        2 => {
            first.defaults.statics[1] = vec![RfTg(91), RfTg(92)];
            first.defaults.single = true;
            first.defaults.ua_timer = UaTimer::from_minutes(1);
        }
        3 => first.max_clients = 1,
        4 => first.sockets = vec![SocketId(0)],
        5 => first.acl.enabled = false,
        6 => first.defaults.dial = Some(ConferenceTg(91)),
        7 => first.clients.clear(),
        _ => {}
    }
    let server = Server { id: Some(ServerId(2_341)), name: "fuzz".into() };
    let listeners = if variant & 0x10 == 0 { vec![first, second] } else { vec![first] };
    Config { server, listeners, policy: self::policy(policy) }
}

fn policy(bits: u8) -> Policy {
    let on = |bit: u8| bits >> bit & 1 == 1;
    Policy {
        first_call: if on(0) { FirstCall::ActivateOnly } else { FirstCall::Pass },
        busy_join: if on(1) { BusyJoin::Contend } else { BusyJoin::Silent },
        tg4000_unlinks: !on(2),
        single_suspends_statics: !on(3),
        late_entry_options: if on(4) { 0x20 } else { 0 },
        mapped_alias: if on(5) { MappedAlias::Drop } else { MappedAlias::Keep },
        self_other_slot: on(6),
    }
}

fn listener(id: u16, name: &str, sockets: &[u16]) -> Listener {
    let register = Acl::parse("DENY:1234567", MAX_CLIENT).expect("a list");
    let own = ClientOverride {
        client: ClientId(OWN),
        passphrase: Some(Passphrase::new(OWN_PASSPHRASE)),
        statics: [None, Some(vec![RfTg(92)])],
        hang_time: Some(Span(0)),
        map: vec![
            TgMap { slot: Slot::Two, rf_tg: RfTg(8), conference: ConferenceTg(91) },
            TgMap { slot: Slot::One, rf_tg: RfTg(50), conference: ConferenceTg(91) },
        ],
        ..ClientOverride::default()
    };
    Listener {
        id: ListenerId(id),
        name: name.into(),
        sockets: sockets.iter().map(|&n| SocketId(n)).collect(),
        passphrase: Passphrase::new(PASSPHRASE),
        max_clients: 6,
        acl: ListenerAcl { register, ..ListenerAcl::default() },
        defaults: Defaults::default(),
        clients: vec![own],
    }
}

/// An opcode, the client's ID, and what follows.
pub(super) fn message(opcode: &str, id: u32, rest: &[u8]) -> Vec<u8> {
    [opcode.as_bytes(), &id.to_be_bytes(), rest].concat()
}

pub(super) fn answer(id: u32, salt: [u8; 4], passphrase: &[u8]) -> Vec<u8> {
    message("RPTK", id, &login_hash(salt, passphrase))
}

pub(super) fn description(id: u32) -> Vec<u8> {
    let (place, what, url, software, hardware) = ("London", "Fuzz", "https://example.net", "20240101", "MMDVM");
    let numbers = "434000000439000000010151.50000-0.120000010";
    let text = format!("{:<8}{numbers}{place:<20}{what:<19}3{url:<124}{software:<40}{hardware:<40}", "G0ABC");
    message("RPTC", id, text.as_bytes())
}

/// How many kinds [`valid`] knows.
pub(crate) const KINDS: u8 = 24;

/// A valid message of a client by number of its kind: every one that a client can send.
pub(crate) fn valid(kind: u8, id: u32, salt: [u8; 4]) -> Vec<u8> {
    let alias = [0x23, 0x89, 0xe9, 0, 0xae, b'M', b'0', b'A', b'B', b'C', b' '];
    match kind % KINDS {
        0 => message("RPTL", id, b""),
        1 => answer(id, salt, passphrase(id)),
        2 => description(id),
        3 => message("RPTCL", id, b""),
        4 => message("RPTO", id, b"TS2=91;TIMER=1\0\0"),
        5 => message("RPTPING", id, b""),
        6 => dmrd(id, 0xA1, 91, 0x1234, 0, id, 55),
        7 => dmrd(id, 0x90, 91, 0x1234, 1, id, 53),
        8 => dmrd(id, 0xE1, 2_341_001, 0x4321, 0, id, 71),
        9 => [&b"DMRA"[..], &alias].concat(),
        10 => message("DMRA", id, &alias),
        11 => message("DMRA", id, &alias[..7]),
        12 => [&b"DMRG"[..], &alias[..10]].concat(),
        13 => message("DMRG", id, &alias[..10]),
        14 => message("RPTG", id, b"51.50000-0.120000"),
        15 => format!("RPTRSSI{id:08x}:2-047").into_bytes(),
        16 => message("RPTINTR", id, b":1"),
        17 => message("DMRC", id, &[b' '; 111]),
        18 => b"DMRP".to_vec(),
        19 => b"DMRB".to_vec(),
        20 => b"DMRT and more".to_vec(),
        21 => b"PRIN192.0.2.10:62031".to_vec(),
        22 => message("PRBL", id, b"1700000000.5"),
        _ => dmrd(id, 0xA3, 91, 0x1234, 1, id, 55),
    }
}

/// A burst of a call, coded as its bits octet says.
pub(crate) fn dmrd(id: u32, bits: u8, tg: u32, stream: u32, seq: u8, source: u32, length: usize) -> Vec<u8> {
    let lc = LinkControl::group(RfTg(tg), RadioId(source));
    let coding = FullLcCoding::new(lc);
    let burst = match FrameKind::from_bits(bits) {
        FrameKind::VoiceHeader => full_lc::header_burst(lc, ColourCode::ONE),
        FrameKind::Terminator => full_lc::terminator_burst(lc, ColourCode::ONE),
        FrameKind::Voice(index) => {
            full_lc::voice_burst(&[burst::SILENCE; 3], index.index() as u8, &coding, ColourCode::ONE)
        }
        _ => Burst([0x55; Burst::LEN]),
    };
    let frame = Dmrd {
        seq,
        source: RadioId(source),
        destination: tg,
        client: ClientId(id),
        slot: if bits & 0x80 == 0 { Slot::One } else { Slot::Two },
        unit: bits & 0x40 != 0,
        kind: FrameKind::from_bits(bits),
        stream: ragchew_core::id::StreamId(stream),
        burst: burst.0,
        ber: 3,
        rssi: 47,
    };
    let mut bytes = frame.emit().to_vec();
    // The octet as it was asked for, with what emitting would normalise.
    bytes[15] = bits;
    bytes.resize(length, 0);
    bytes
}

//! The committed seeds: every vector of `testdata/vectors.json` in the target that reads its kind, texts and files of every
//! grammar, and scripts that bring the core to each kind of message and each state. The same on every machine.

use crate::core::{Call, Control, Frame, Header, Login, Step, encode};
use ragchew_core::dmr::{Burst, burst};
use ragchew_core::report::What;
use ragchew_transport::capture::{Capture, Datagram};
use serde_json::Value;
use std::path::Path;

/// One file of a corpus.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Whose corpus.
    pub target: &'static str,
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One vector: its id, its kind, its bytes, and the whole entry.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Name in the file.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// Its bytes; none where the entry has tables instead.
    pub bytes: Vec<u8>,
    /// Everything that it says.
    pub entry: Value,
}

/// All vectors, in the order of the file.
pub fn vectors() -> Vec<Vector> {
    let file: Value =
        serde_json::from_str(include_str!("../../../testdata/vectors.json")).expect("the vectors are JSON");
    let text = |entry: &Value, member: &str| entry[member].as_str().unwrap_or_default().to_owned();
    let list = file["vectors"].as_array().expect("a list of vectors");
    let vector = |entry: &Value| Vector {
        id: text(entry, "id"),
        kind: text(entry, "kind"),
        bytes: unhex(&text(entry, "hex")),
        entry: entry.clone(),
    };
    list.iter().map(vector).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let even = if text.len() % 2 == 0 { text.to_owned() } else { format!("0{text}") };
    let digits = |at: usize| u8::from_str_radix(&even[at..at + 2], 16).expect("hexadecimal digits");
    (0..even.len()).step_by(2).map(digits).collect()
}

/// The targets to whose corpora a kind of vector belongs; none for a kind that nobody here knows yet.
pub fn homes(kind: &str) -> &'static [&'static str] {
    match kind {
        "hbp" | "proxy" | "hbp-rare" => &["hbp_client", "hbp_server"],
        "hbp-reply" => &["hbp_client", "hbp_server"],
        "rptk-hash" => &["hbp_client"],
        "hbp-fields" => &["rptc"],
        "dmrd" | "dmrd-negative" => &["dmrd"],
        // What servers say among each other is a stranger's noise to this protocol.
        "obp-v1" | "fbp-v5" | "fbp-v5-negative" | "fbp-v4" | "fbp-v4-trap" | "fbp-v3" | "fbp-v2" | "fbp-negative"
        | "bridge-control" => &["links", "hbp_client"],
        "sample-burst" | "fulllc" | "emblc" | "emblc-trap" | "emb" | "slottype" | "csbk" | "datahdr" | "trellis34"
        | "bptc19696" | "shortlc" | "lc-rewrite" | "lc-rewrite-trap" => &["dmr_burst"],
        "talker-alias" => &["talker_alias"],
        _ => &[],
    }
}

/// What of a vector goes into the seed of a target: whole datagrams or bursts.
pub fn content(vector: &Vector) -> Vec<Vec<u8>> {
    let member = |name: &str| unhex(vector.entry[name].as_str().unwrap_or_default());
    let values = || vector.entry["values"].as_object().into_iter().flatten();
    let word = |value: &Value| u32::from_str_radix(value.as_str().unwrap_or_default(), 16).unwrap_or_default();
    match vector.kind.as_str() {
        "hbp-reply" => vec![vector.bytes.clone(), member("request")],
        "rptk-hash" => vec![[&b"RPTK\x00\x23\xca\xce"[..], &vector.bytes].concat()],
        "emblc" | "emblc-trap" => vec![fragments(&vector.bytes)],
        "emb" => vec![values().flat_map(|(_, value)| voice(|burst| burst.set_emb_bits(word(value) as u16))).collect()],
        "slottype" => {
            vec![values().flat_map(|(_, value)| voice(|burst| burst.set_slot_type_bits(word(value)))).collect()]
        }
        "lc-rewrite" | "lc-rewrite-trap" => vec![vector.bytes.clone(), member("input")],
        "talker-alias" => vec![blocks(&vector.bytes)],
        _ => vec![vector.bytes.clone()],
    }
}

/// A voice burst with something set in it.
fn voice(set: impl FnOnce(&mut Burst)) -> [u8; Burst::LEN] {
    let mut burst = Burst([0; Burst::LEN]);
    burst.set_vocoder_frames(&[burst::SILENCE; 3]);
    set(&mut burst);
    burst.0
}

/// Bursts B to E with the fragments of an embedded LC.
fn fragments(coded: &[u8]) -> Vec<u8> {
    let lcss = [0x1391u16, 0x1774, 0x1774, 0x1507];
    let four = coded.chunks_exact(4).zip(lcss).map(|(chunk, emb)| {
        voice(|burst| {
            burst.set_emb_bits(emb);
            burst.set_fragment(chunk.iter().fold(0, |word, octet| word << 8 | u32::from(*octet)));
        })
    });
    four.flatten().collect()
}

/// Four LCs of an alias as the target reads them: their number, then block and payload of each.
fn blocks(lcs: &[u8]) -> Vec<u8> {
    let four = lcs.chunks_exact(9).flat_map(|lc| [&[lc[0] - 4], &lc[2..]].concat());
    [4].into_iter().chain(four).chain(*b"M0ABC J\xc3\xb6rg").collect()
}

/// Every seed of every target.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for vector in vectors() {
        for target in homes(&vector.kind) {
            for (n, bytes) in content(&vector).into_iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
                let name = if n == 0 { vector.id.clone() } else { format!("{}.{n}", vector.id) };
                seeds.push(Seed { target, name, bytes });
            }
        }
        if vector.bytes.starts_with(b"RPTC") && vector.bytes.len() > 90 && vector.kind != "hbp-fields" {
            seeds.push(Seed { target: "rptc", name: vector.id, bytes: vector.bytes });
        }
    }
    seeds.extend(crate::core::valid_messages().map(|(name, bytes)| Seed { target: "hbp_client", name, bytes }));
    seeds.extend(texts());
    seeds.extend(captures());
    let tales = tales();
    let of_hbp = |seed: &&Seed| {
        seed.name.ends_with(".story") && ["real.hb", "real.adn"].iter().any(|begin| seed.name.starts_with(begin))
    };
    seeds.extend(tales.iter().filter(of_hbp).map(|seed| Seed { target: "replay", ..seed.clone() }));
    seeds.extend(tales);
    seeds.extend(words_of_processes());
    let secrets = crate::core::OPTIONS.iter().chain(&[
        " pass word = x ; Key=\"abc'd\";PSWD=;PW",
        "KEY=a=b;KEY=c;key =d",
        "PASS=ab;cd=ef;TS2=91,PASS=x,y;TS02_+3=5;LANG=en_GB",
        "LANG=en_GB\u{b},",
    ]);
    seeds.extend(secrets.enumerate().map(|(n, text)| Seed {
        target: "mask",
        name: format!("options.{n}"),
        bytes: [b"RPTO\0\x23\xb8\x89", text.as_bytes()].concat(),
    }));
    seeds.extend(crate::core::valid_messages().map(|(name, bytes)| Seed { target: "mask", name, bytes }));
    let of = |target| move |(name, bytes)| Seed { target, name, bytes };
    seeds.extend(crate::core::snapshots(&scripts()).into_iter().map(of("snapshot")));
    seeds.extend(crate::recording::seeds().into_iter().map(of("recording")));
    seeds.extend(scripts().into_iter().map(|(name, bytes)| Seed { target: "core", name: name.to_owned(), bytes }));
    seeds
}

fn texts() -> impl Iterator<Item = Seed> {
    let seed = |target, n: usize, text: &str| Seed { target, name: format!("text.{n}"), bytes: text.into() };
    let options = crate::core::OPTIONS.iter().enumerate().map(move |(n, text)| seed("options", n, text));
    let acls = [
        "\0PERMIT:ALL",
        "\x01DENY:1",
        "\0permit : 1000-2000 , 3000,",
        "\x01DENY:ALL,5",
        "\x01PERMIT:16776415-20000000",
        "\0",
        "\0PERMIT",
        "\0DENY:5-1,x",
    ];
    let acls = acls.into_iter().enumerate().map(move |(n, text)| seed("acl", n, text));
    let files = [
        include_str!("../seeds/whole.yaml"),
        "",
        "listeners: []\n",
        "server: { id: 2341, nam: x }\n? [a]\n: b\n",
        "a: &x [1]\nb: *x\n--- \nc\n",
        "t    acl: { register: \"DENY:1\", ts1: PERMIT:1-10 }\nserver: { id: 1 }\n",
        "t    clients: { 2345001: { passphrase: \"", // Ends in the middle of a quoted text.
        "t    clients:\n      2345001: { ts2: [91, 92-95], map: [{ slot: 2, rf_tg: 8, conference_tg: 2350 }] }\n",
        "v[|]",
        "v!!int |",
        "v\"|\"",
        "v'|' # x",
        "v{ file: |}",
        "v>- |",
    ];
    let files = files.into_iter().enumerate().map(move |(n, text)| seed("config_yaml", n, text));
    options.chain(acls).chain(files)
}

/// Conversations for the target that tells them: real ones, and every vector that is a datagram, from a client to a server.
fn tales() -> Vec<Seed> {
    let seed = |name: String, bytes| Seed { target: "decode", name, bytes };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/captures");
    let files = std::fs::read_dir(folder).expect("the captures are there").map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "pcap")).collect();
    files.sort();
    let real = files.iter().flat_map(|file| {
        let capture = Capture::open(file).expect("a capture");
        let first = capture.datagrams[0].source;
        let who = |datagram: &Datagram| if datagram.source == first { 0x10 } else { 0x01 };
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        [("story", crate::decode::STORY), ("messages", crate::decode::MESSAGES)].map(|(how, asked)| {
            let datagrams = capture.datagrams.iter().map(|one| (who(one), &one.payload[..]));
            seed(format!("real.{name}.{how}"), crate::decode::seed(asked, datagrams))
        })
    });
    let datagrams: Vec<_> = vectors()
        .into_iter()
        .filter(|vector| homes(&vector.kind).iter().any(|home| ["hbp_client", "links", "dmrd"].contains(home)))
        .collect();
    let all = (0..crate::decode::WAYS).map(|asked| {
        seed(format!("vectors.{asked}"), crate::decode::seed(asked, datagrams.iter().map(|one| (0x10, &one.bytes[..]))))
    });
    let secret = format!("RPTO\0\u{23}\u{38}\u{39}TS2=91;KEY={0};PASS={0}", crate::PLANTED);
    let secret = seed("secrets".to_owned(), crate::decode::seed(crate::decode::STORY, [(0x10, secret.as_bytes())]));
    real.chain(all).chain([secret]).collect()
}

/// An event of every kind that the core tells.
pub fn core_events() -> Vec<What> {
    crate::core::events(scripts().iter().map(|(_, bytes)| bytes.as_slice()))
}

/// What operators and workers say.
fn words_of_processes() -> Vec<Seed> {
    let commands = [
        r#""status""#,
        r#""sessions","limit":3,"after":7,"client":2341001"#,
        r#""talkgroups","limit":1,"after":91"#,
        r#""worker","worker":"sql","action":"restart""#,
        r#""records","talkgroup":91,"last_heard":true,"source":null,"limit":1"#,
        r#""logs","lines":3,"follow":true"#,
        r#""kick","client":2341001,"listener":"hotspots""#,
        r#""unlink","client":2341001,"slot":2,"talkgroup":91"#,
        r#""reload","dry_run":true"#,
        r#""drain","wait_s":5"#,
        r#""calls""#,
        r#""workers""#,
        r#""perf""#,
        r#""counters""#,
        r#""session_records","client":2341001,"after":9"#,
        r#""watch""#,
        r#""stop""#,
        r#""dance""#,
    ];
    let line = |command: &&str| format!("{{\"id\":1,\"command\":{command}}}\n");
    let piece = |size: u8, text: &str| [&[size], text.as_bytes()].concat();
    let whole: String = commands.iter().map(line).collect();
    let broken =
        "no\n[1]\n{}\n{\"id\":1}\n{\"id\":-1,\"command\":\"stop\"}\n{\"id\":2,\"within_ms\":1,\"command\":\"calls\"}";
    let mut seeds = vec![("all", piece(255, &whole)), ("pieces", piece(7, &whole)), ("broken", piece(30, broken))];
    for (name, bytes) in crate::desk::conversations(&core_events()) {
        seeds.push((name, bytes));
    }
    let target = |name: &str| if name.starts_with("to_") { "worker" } else { "command" };
    seeds.into_iter().map(|(name, bytes)| Seed { target: target(name), name: name.to_owned(), bytes }).collect()
}

/// A capture of every format and link layer with a datagram each.
fn captures() -> Vec<Seed> {
    let ping = b"RPTPING\x00\x23\xca\xce";
    let udp = [&[0xF2, 0x4F, 0xF2, 0x4F, 0, 8 + ping.len() as u8, 0, 0], &ping[..]].concat();
    let v4 =
        [&[0x45, 0, 0, 20 + udp.len() as u8, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], &udp[..]].concat();
    let mut v6 = [&[0x60, 0, 0, 0, 0, udp.len() as u8, 17, 64], &[0; 32][..], &udp].concat();
    (v6[23], v6[39]) = (1, 2);
    let mut fragment = v4.clone();
    fragment[6] = 0x20;
    let ethernet = [&[2; 12][..], &[8, 0], &v4].concat();
    let vlan = [&[2; 12][..], &[0x81, 0, 0, 7, 0x86, 0xdd], &v6].concat();
    let cooked = [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 8, 0], &v4[..]].concat();
    let cooked2 = [&[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0], &v4[..]].concat();
    let loopback = [&[2, 0, 0, 0], &v4[..]].concat();
    let kinds: [(&str, u32, &[&[u8]]); 6] = [
        ("ethernet", 1, &[&ethernet, &vlan, &fragment]),
        ("raw", 101, &[&v4, &v6, &fragment]),
        ("loopback", 0, &[&loopback]),
        ("cooked", 113, &[&cooked]),
        ("cooked2", 276, &[&cooked2]),
        ("unknown_link", 147, &[&v4]),
    ];
    let seed = |name: String, bytes| Seed { target: "capture", name, bytes };
    let mut seeds = Vec::new();
    for (name, link, packets) in kinds {
        seeds.push(seed(format!("pcap.{name}"), pcap(0xA1B2_C3D4, link, packets)));
        seeds.push(seed(format!("pcapng.{name}"), pcapng(link, packets)));
    }
    let mut cut = pcap(0xA1B2_3C4D, 101, &[&v4]);
    cut.truncate(cut.len() - 5);
    seeds.push(seed("pcap.cut_off".to_owned(), cut));
    seeds
}

fn pcap(magic: u32, link: u32, packets: &[&[u8]]) -> Vec<u8> {
    let mut out = [magic, 0x0002_0004, 0, 0, 262_144, link].map(u32::to_be_bytes).concat();
    for (n, packet) in packets.iter().enumerate() {
        let length = packet.len() as u32;
        out.extend([1_700_000_000 + n as u32, 5, length, length].map(u32::to_be_bytes).concat());
        out.extend(*packet);
    }
    out
}

fn pcapng(link: u32, packets: &[&[u8]]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padded = [body, &[0, 0, 0][..(4 - body.len() % 4) % 4]].concat();
        let length = 12 + padded.len() as u32;
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), &padded, &length.to_le_bytes()].concat()
    };
    let section = [0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];
    // Nanoseconds and an offset of one second, then the end of the options.
    let options = [9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let interface = [&(link as u16).to_le_bytes()[..], &[0, 0, 0, 0, 4, 0], &options].concat();
    let mut out = [block(0x0A0D_0D0A, &section), block(1, &interface)].concat();
    for packet in packets {
        let length = (packet.len() as u32).to_le_bytes();
        let body = [&[0; 4][..], &[0xAB, 0xCD, 0x97, 0x17], &[1, 2, 3, 4], &length, &length, packet].concat();
        out.extend(block(6, &body));
    }
    out.extend(block(3, &[4, 0, 0, 0, 1, 2, 3, 4]));
    out
}

fn login(client: u8) -> Step {
    Step::Login(client, client, 0, Login::Whole, false)
}

fn call(client: u8, tg: u8, bursts: u8, flags: u8) -> Step {
    Step::Call(Call { client, tg, stream: client * 16 + tg, bursts, flags })
}

fn frame(client: u8, bits: u8, seq: u8) -> Step {
    Step::Frame(Frame { client, bits, tg: 0, stream: 0x70 + client, seq, source: 0, edits: Vec::new() })
}

fn control(what: u8, which: u8, more: u8) -> Step {
    Step::Control(Control { what, which, more })
}

/// What operators ask for, after two clients have logged in: name and steps.
fn operated() -> Vec<(&'static str, Vec<Step>)> {
    let keyed = [call(0, 2, 3, 1), Step::Wait(6_000), call(0, 1, 3, 0), Step::Wait(6_000)];
    let kicks = [frame(0, 0xA1, 0), frame(0, 0x90, 1), control(0, 0, 0), frame(1, 0xA1, 0), control(0, 0, 0)];
    let again = [login(0), control(0, 0, 0x81), control(0, 1, 0x83), Step::Ping(1), control(0, 5, 0)];
    let unlinks = [control(1, 0, 1), control(1, 0, 0x80 | 2 << 3), control(1, 0, 0), control(1, 5, 0)];
    let last = [frame(0, 0xA1, 0), control(2, 0, 0), frame(0, 0x90, 1), call(1, 2, 3, 1), login(2), Step::Ping(1)];
    let over = [frame(0, 0xA2, 2), control(3, 0, 0), login(2), call(1, 2, 3, 1)];
    let many = [Step::Options(0, Ok(3)), Step::Options(1, Ok(3)), frame(0, 0xA1, 0)];
    let pages = [
        control(4, 0, 7),
        control(5, 0, 0),
        call(1, 2, 3, 1),
        control(5, 0, 0),
        control(1, 1, 0),
        control(5, 0, 0),
        control(0, 0, 0),
        control(5, 0, 0),
        control(5, 0, 0),
        control(6, 1, 0),
        control(6, 2, 2 | 40 << 2),
        control(7, 2, 1),
    ];
    let stops =
        [frame(0, 0xA1, 0), Step::Drain, control(0, 0, 0), control(1, 0, 0), control(2, 0, 0), control(4, 0, 1)];
    vec![
        ("control.kick", [&kicks[..], &again].concat()),
        ("control.unlink", [&keyed[..], &unlinks].concat()),
        ("control.last_calls", [&last[..], &over].concat()),
        ("control.pages", [&many[..], &pages].concat()),
        ("control.while_stopping", stops.to_vec()),
    ]
}

/// Scripts by name; each brings the core somewhere.
pub fn scripts() -> Vec<(&'static str, Vec<u8>)> {
    let usual = Header { policy: 0, twice: true };
    let two = |more: &[Step]| [&[login(0), Step::Options(0, Ok(0)), login(1), Step::Options(1, Ok(0))], more].concat();
    let with = |steps: Vec<Step>| encode(usual, &steps);
    let hear = two(&[call(0, 0, 12, 1), Step::Long(2, false), call(1, 0, 6, 1 | 0x20), Step::Drain, Step::Ping(0)]);
    let mut scripts = vec![
        ("delivery_alias_drain", with(hear)),
        ("echo", with(two(&[call(0, 7, 12, 1), Step::Long(3, false), call(0, 7, 6, 0b101), Step::Long(4, false)]))),
        (
            "mapped",
            with(
                [
                    two(&[login(6), call(0, 0, 13, 1), Step::Long(3, false), call(6, 4, 8, 1)]),
                    vec![Step::Close(6), Step::Long(2, false)],
                ]
                .concat(),
            ),
        ),
        (
            "options_of_every_kind",
            with(two(&(0..12)
                .flat_map(|n| [Step::Options(n % 2, Ok(n)), Step::Long(1, true), call(0, n, 3, 1)])
                .collect::<Vec<_>>())),
        ),
        ("talk_limit", with(two(&[call(0, 0, 60, 0x81), Step::Long(0x80 | 7, false)]))),
        ("losses_and_repeats", with(two(&[call(0, 0, 20, 0x11), call(1, 0, 20, 0x41), call(0, 0, 9, 0b1011)]))),
    ];
    let takeover =
        [Step::Login(0, 9, 1, Login::Whole, false), Step::Login(0, 5, 0, Login::Whole, false), call(0, 0, 3, 1)];
    scripts.push((
        "takeover_in_a_call",
        with(two(&[frame(0, 0xA1, 0), frame(0, 0x90, 1)].into_iter().chain(takeover).collect::<Vec<_>>())),
    ));
    let late = two(&[
        frame(0, 0xA1, 0),
        frame(0, 0x90, 1),
        login(2),
        Step::Options(2, Ok(0)),
        frame(0, 0x81, 2),
        frame(0, 0x90, 3),
        frame(1, 0xA1, 0),
        Step::Wait(60),
        frame(0, 0x60, 4),
        Step::Frame(Frame { client: 0, bits: 0xA1, tg: 5, stream: 3, ..Frame::default() }),
    ]);
    scripts.push(("late_entry_and_contention", with(late)));
    let reloads = (0..8).chain(16..18).flat_map(|n| [Step::Reload(n), Step::Ping(1), call(0, 0, 2, 1)]);
    scripts.push(("reloads", with(two(&reloads.collect::<Vec<_>>()))));
    let strangers = [
        Step::Flood(200),
        Step::Login(2, 2, 0, Login::Answer, false),
        Step::Login(7, 4, 0, Login::Whole, false),
        Step::Login(8, 4, 0, Login::Whole, false),
    ];
    let guesses = (0..8).map(|_| Step::Login(3, 7, 0, Login::Whole, true));
    let wrong = [
        Step::Raw(0, 3, b"RPTPING\0\0\0\0".to_vec()),
        Step::Raw(8, 0, vec![b'x'; 600]),
        Step::Raw(8, 0, b"RPTC\0\0\0\x01".to_vec()),
        Step::WallStep(-500),
        Step::Ping(5),
    ];
    scripts.push(("strangers", with(two(&strangers.into_iter().chain(guesses).chain(wrong).collect::<Vec<_>>()))));
    let kinds: Vec<_> = (0..crate::core::KINDS).map(|kind| Step::Mutated(0, 0x80, 0, kind, Vec::new(), 0)).collect();
    scripts.push(("every_message", with(two(&kinds))));
    let spoofed: Vec<_> = (0..crate::core::KINDS).map(|kind| Step::Mutated(9, 0, 0, kind, Vec::new(), 0)).collect();
    scripts.push(("every_message_spoofed", with(two(&spoofed))));
    let own_slots = [Step::Options(0, Ok(9)), call(0, 0, 6, 1), Step::Options(1, Ok(9)), call(1, 0, 6, 0)];
    scripts.push(("one_talkgroup_on_both_slots", with(two(&own_slots))));
    let mutated: Vec<_> = (0..crate::core::KINDS)
        .flat_map(|kind| {
            [Step::Mutated(9, 0, 0, kind, vec![(4, 9)], -1), Step::Mutated(1, 0x80, 1, kind, vec![(15, 0xff)], 1)]
        })
        .collect();
    scripts.push(("every_message_mutated", with(two(&mutated))));
    let crowd = (0..9).map(login).chain((0..9).map(|n| Step::Login(n, 12 + n, 2, Login::Whole, false)));
    let all_talk = (0..7).map(|n| call(n, 0, 3, 1)).chain([
        Step::PingAll,
        Step::Close(1),
        Step::Long(0x80 | 5, false),
        Step::Long(6, true),
    ]);
    let crowd: Vec<_> = crowd
        .flat_map(|step| [step, Step::Wait(600)])
        .chain((0..7).map(|n| Step::Options(n, Ok(0))))
        .chain(all_talk)
        .collect();
    let policies =
        [("crowd", 0), ("crowd.other_policy", 0x7f), ("crowd.self_other_slot", 0x40), ("crowd.activate_only", 0x03)];
    for (name, policy) in policies {
        scripts.push((name, encode(Header { policy, twice: true }, &crowd)));
    }
    scripts.extend(operated().into_iter().map(|(name, steps)| (name, with(two(&steps)))));
    scripts.extend(
        refusals()
            .into_iter()
            .map(|(name, policy, steps)| (name, encode(Header { policy, twice: false }, &two(&steps)))),
    );
    scripts
}

/// Scripts for refusals that the others do not meet: name, policy, and what follows after two clients have logged in.
fn refusals() -> Vec<(&'static str, u8, Vec<Step>)> {
    let burst = |client, bits, tg, stream, seq| Frame { client, bits, tg, stream, seq, source: 0, edits: Vec::new() };
    let edited = |edits: &[(u8, u8)]| Step::Frame(Frame { edits: edits.to_vec(), ..burst(0, 0xA1, 0, 9, 0) });
    let plain = |client, bits, tg, stream, seq| Step::Frame(burst(client, bits, tg, stream, seq));
    let guess = |n: u8| [Step::Login(3, 7, 0, Login::Whole, true), Step::Long(4, n % 2 == 0)];
    let half = [Step::Login(2, 2, 0, Login::Ask, false), Step::Login(2, 2, 0, Login::Answer, false), Step::Ping(2)];
    let simplex = Step::Mutated(2, 0, 2, 2, vec![(97, b'4')], 0);
    let hears_slot_2 = [Step::Login(2, 2, 0, Login::Ask, false), Step::Login(2, 2, 0, Login::Answer, false), simplex];
    let numbers = vec![
        plain(0, 0xA1, 0, 0, 0),
        plain(0, 0xB0, 0, 8, 0),
        edited(&[(5, 0xff), (6, 0xff)]),
        plain(0, 0xA1, 14, 8, 0),
        plain(0, 0xA9, 0, 8, 0),
        plain(0, 0xA2, 0, 8, 0),
    ];
    let order = vec![
        plain(0, 0xA1, 0, 1, 5),
        plain(0, 0x90, 0, 1, 9),
        plain(0, 0x81, 0, 1, 6),
        plain(0, 0x82, 2, 1, 10),
        plain(1, 0xA1, 0, 1, 0),
        Step::Frame(Frame { source: 4, ..burst(0, 0xA1, 0, 2, 0) }),
    ];
    let fast = (0..60).map(|n| plain(0, if n == 0 { 0xA1 } else { 0x80 | (1 + n % 5) }, 0, 1, n));
    let starts = (0..12).map(|n| plain(0, 0xA1, 0, 20 + n, 0));
    vec![
        ("refused.logins", 0, (0..7).flat_map(guess).collect()),
        ("refused.half_login", 0, half.to_vec()),
        ("refused.options", 0, (0..10).map(|n| Step::Options(0, Ok(n))).collect()),
        ("refused.numbers", 0, numbers),
        ("refused.order", 0, order),
        ("refused.rate", 0, fast.collect()),
        ("refused.starts", 0, starts.collect()),
        ("refused.first_call", 1, vec![call(0, 2, 3, 1), Step::Wait(500), call(0, 2, 3, 1)]),
        ("refused.busy_talkgroup", 0, vec![plain(0, 0xA1, 2, 1, 0), plain(1, 0xA1, 2, 2, 0), plain(0, 0x90, 2, 1, 1)]),
        ("refused.echo", 0, vec![call(0, 7, 30, 1), Step::Long(2, false), call(0, 7, 3, 1)]),
        ("refused.slot", 0, [&hears_slot_2[..], &[Step::Options(2, Ok(1)), call(0, 0, 3, 1)]].concat()),
        ("refused.hang_time", 0, vec![call(1, 1, 3, 1), Step::Wait(900), call(0, 0, 3, 1)]),
    ]
}

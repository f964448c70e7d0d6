//! What may happen in a case, and how likely it is. Owns the strategies; carries nothing out.

use super::setup::{Listener, Own, Setup, policy};
use proptest::prelude::*;
use proptest::sample::select;

/// A whole case.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) setup: Setup,
    pub(crate) opening: Vec<Action>,
    pub(crate) actions: Vec<Action>,
}

/// One thing that happens. `who` counts the clients from 0; `away` is another address than the usual one.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// The login as a hotspot does it, up to `steps` (1 RPTL, 2 RPTK, 3 RPTC, 4 RPTO); `twice` retransmits each.
    Login {
        who: usize,
        away: usize,
        socket: u16,
        right: bool,
        steps: usize,
        twice: bool,
        /// With an RPTC that says too little.
        short: bool,
        slots: u8,
        text: String,
    },
    /// Three logins: from another port, from there again, and from the usual one.
    Hop {
        who: usize,
    },
    /// In single mode, the end of a call takes the talkgroup away that the next call is about to use.
    Displace {
        who: usize,
        slot: u8,
    },
    Ping {
        who: usize,
        away: usize,
        other_local: bool,
    },
    /// RPTCL; without life after it when the client falls silent too.
    Close {
        who: usize,
        away: usize,
        silent: bool,
    },
    /// No more pings.
    Silence {
        who: usize,
    },
    Options {
        who: usize,
        away: usize,
        text: String,
    },
    /// RPTC of a client that may run already.
    Describe {
        who: usize,
        away: usize,
        slots: u8,
        callsign: &'static str,
        short: bool,
    },
    Talk(Talk),
    /// Frames that are no voice for a group: bits byte without the slot.
    Data {
        who: usize,
        slot: u8,
        tg: u32,
        bits: u8,
        zero: u8,
        /// So many of them, each of a stream of its own.
        times: u8,
    },
    Alias {
        who: usize,
        source: usize,
        long: bool,
        block: u8,
    },
    Noise {
        socket: u16,
        what: usize,
    },
    Wait(u64),
    /// Until everything that was begun has been sent, and so long after its last frame.
    Settle(u64),
    Reload(Box<Setup>),
    /// An operator has a client's sessions closed, on one listener or on all.
    Kick {
        who: usize,
        listener: Option<u16>,
    },
    /// An operator drops what a client keyed up.
    Unlink {
        who: usize,
        slot: Option<u8>,
        tg: Option<u32>,
    },
    /// An operator wants no new calls and logins, or wants them again.
    LastCalls(bool),
    /// The core goes into a snapshot and comes out of it.
    Restore,
    Drain,
}

/// A transmission.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) who: usize,
    pub(crate) away: usize,
    pub(crate) slot: u8,
    pub(crate) tg: u32,
    /// Which of the client's radios.
    pub(crate) radio: usize,
    pub(crate) stream: Stream,
    pub(crate) delay: u64,
    pub(crate) header: bool,
    pub(crate) skip: usize,
    pub(crate) bursts: usize,
    pub(crate) terminator: bool,
    pub(crate) first_seq: u8,
    /// Milliseconds from frame to frame.
    pub(crate) pace: u64,
    /// FLCO, feature set, service options in the header.
    pub(crate) head: [u8; 3],
    /// How far the talkgroup and the radio in the LC are from those in DMRD.
    pub(crate) off: [u32; 2],
    pub(crate) alias: bool,
    pub(crate) length: usize,
    pub(crate) faults: Vec<(usize, Fault)>,
}

/// Which stream ID.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stream {
    New,
    /// The client's last one again.
    Own,
    /// The last one of anybody.
    Others,
}

/// What happens to a frame on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It and some after it are lost.
    Lost(usize),
    Twice,
    /// It comes after the next one.
    Swapped,
    /// It and all after it come so much later.
    Late(u64),
}

pub(crate) const CLIENTS: usize = 6;

fn talkgroup() -> impl Strategy<Value = u32> {
    prop_oneof![
        10 => Just(91u32),
        6 => Just(92),
        3 => Just(9),
        2 => Just(4_000),
        1 => Just(5_000),
        4 => Just(9_990),
        2 => select(vec![50u32, 235, 2_350, 8, 32]),
        1 => select(vec![1u32, 3, 5, 6, 7, 777, 9_991, 16_776_416, 16_777_215, 0, 4_400, 93]),
        1 => 100u32..140,
    ]
}

/// Items of OPTIONS.
const ITEMS: &[&str] = &[
    "TS1=91",
    "TS2=91",
    "TS2=91,92",
    "TS2=50-52",
    "TS1=91:2:32",
    "TS2=2350:*:8",
    "TS1=9,4,91",
    "TS2=",
    "TS1_1=91;TS1_2=92",
    "TS1_2=92",
    "DIAL=91",
    "DIAL=9990",
    "StartRef=92",
    "DIAL=0",
    "DIAL=9",
    "TIMER=1",
    "TIMER=2",
    "TIMER=10",
    "RelinkTime=3",
    "TIMER=0",
    "TIMER=x",
    "SINGLE=1",
    "SINGLE=1",
    "SINGLE=0",
    "SINGLE=maybe",
    "VOICE=1",
    "LANG=de_DE",
    "LANG=xx",
    "IDENTTG=91",
    "KEY=abc",
    "KEY=xyz",
    "UserLink=1",
    "a=b=c",
    "junk",
    " ts2 = '92' ",
    "TS2=100-163,91",
    "TS1=9990,92",
    "TS2_STATIC=91",
    "TS2=91:1:92,91",
    "DEFAULT_REFLECTOR=4400",
    "IDENTTG=16777215",
    "VOICE=2",
    "TS1=9:1:2:3,93-91",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::collection::vec(select(ITEMS), 1..4).prop_map(|items| items.join(";")),
        1 => select(vec!["TS2=91", "TS2=91,92;SINGLE=1;TIMER=2", "TS1=91;TS2=91", "DIAL=91", "", " ;", "TS2=91\0\0"])
            .prop_map(str::to_owned),
    ]
}

fn who() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0usize..2, 4 => 0..CLIENTS]
}

fn away() -> impl Strategy<Value = usize> {
    prop_oneof![14 => Just(0usize), 1 => 1usize..4]
}

fn login() -> impl Strategy<Value = Action> {
    let how = (prop_oneof![9 => Just(true), 1 => Just(false)], prop_oneof![1 => 1usize..3, 9 => 3usize..5]);
    let twice = (prop_oneof![8 => Just(false), 1 => Just(true)], proptest::bool::weighted(0.06));
    let socket = prop_oneof![9 => Just(0u16), 1 => Just(1u16)];
    let away = prop_oneof![6 => Just(0usize), 2 => 1usize..4];
    (who(), away, socket, how, twice, slots(), text()).prop_map(
        |(who, away, socket, (right, steps), (twice, short), slots, text)| Action::Login {
            who,
            away,
            socket,
            right,
            steps,
            twice,
            short,
            slots,
            text,
        },
    )
}

fn slots() -> impl Strategy<Value = u8> {
    prop_oneof![10 => Just(b'3'), 1 => select(vec![b'0', b'1', b'2', b'4'])]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => (1usize..5).prop_map(Fault::Lost),
        2 => Just(Fault::Twice),
        2 => Just(Fault::Swapped),
        2 => select(vec![300u64, 360, 361, 940, 999, 1_000, 2_000, 2_001, 3_000, 4_940, 4_999, 5_000, 5_100])
            .prop_map(Fault::Late),
    ]
}

fn talk() -> impl Strategy<Value = Talk> {
    let pace = prop_oneof![14 => Just(60u64), 2 => select(vec![20u64, 30, 40]), 1 => select(vec![5u64, 1, 0])];
    let stream = prop_oneof![8 => Just(Stream::New), 3 => Just(Stream::Own), 1 => Just(Stream::Others)];
    let place = (who(), away(), 1u8..3, talkgroup(), prop_oneof![9 => Just(0usize), 2 => 1usize..4]);
    let delay = prop_oneof![4 => Just(0u64), 3 => 0u64..40, 1 => 0u64..2_000];
    let ends =
        (prop_oneof![6 => Just(true), 1 => Just(false)], 0usize..6, prop_oneof![4 => Just(true), 1 => Just(false)]);
    let bursts = prop_oneof![8 => 0usize..26, 2 => 26usize..60];
    let seq = prop_oneof![2 => Just(0u8), 1 => 240u8.., 1 => any::<u8>()];
    let head = prop_oneof![5 => Just([0u8, 0, 0]), 1 => select(vec![[0u8, 0, 4], [3, 0, 0x20], [0x80, 0x10, 0x80]])];
    let off = prop_oneof![12 => Just([0u32, 0]), 1 => select(vec![[1u32, 0], [0, 1], [1, 1]])];
    let head = (head, off);
    let length = prop_oneof![8 => Just(55usize), 1 => Just(53), 1 => Just(71)];
    let faults = prop_oneof![
        3 => Just(Vec::new()),
        2 => proptest::collection::vec((0usize..30, fault()), 1..4),
    ];
    (place, stream, delay, ends, bursts, seq, pace, head, proptest::bool::weighted(0.25), length, faults).prop_map(
        |(place, stream, delay, ends, bursts, first_seq, pace, head, alias, length, faults)| {
            let ((who, away, slot, tg, radio), (header, skip, terminator), (head, off)) = (place, ends, head);
            let skip = if header { 0 } else { skip };
            Talk {
                who,
                away,
                slot,
                tg,
                radio,
                stream,
                delay,
                header,
                skip,
                bursts,
                terminator,
                first_seq,
                pace,
                head,
                off,
                alias,
                length,
                faults,
            }
        },
    )
}

/// A transmission of more than the talk limit, of few frames far apart.
fn long_talk() -> impl Strategy<Value = Talk> {
    (talk(), select(vec![2_000u64, 3_000, 4_000, 4_500]), 0u64..8).prop_map(|(talk, pace, more)| Talk {
        pace,
        stream: Stream::New,
        bursts: (176_000 / pace + more) as usize,
        faults: Vec::new(),
        alias: false,
        ..talk
    })
}

/// A stall, and all that was kept back comes at once.
fn bulk_talk() -> impl Strategy<Value = Talk> {
    (talk(), 0u64..3, 1usize..4, 2_400u64..4_900).prop_map(|(talk, pace, at, stall)| Talk {
        pace,
        stream: Stream::New,
        bursts: 70,
        faults: vec![(at, Fault::Late(stall))],
        alias: false,
        ..talk
    })
}

fn wait() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => 0u64..400,
        6 => select(vec![1u64, 59, 60, 359, 360, 361, 420, 1_000, 1_940, 2_000, 2_060, 4_640, 4_999, 5_000, 5_060]),
        6 => 400u64..6_000,
        2 => 6_000u64..20_000,
        1 => select(vec![10_000u64, 30_000, 55_000, 60_000, 61_000, 120_000, 180_000, 185_000]),
        1 => 20_000u64..200_000,
    ]
    .prop_map(Action::Wait)
}

fn settle() -> impl Strategy<Value = Action> {
    let after = select(vec![
        0u64, 1, 60, 300, 359, 360, 361, 420, 1_940, 1_999, 2_000, 2_001, 2_060, 2_300, 2_600, 3_500, 4_940, 4_999,
        5_000, 5_001, 5_060, 9_999, 10_000, 12_000, 15_000, 59_999, 60_000, 60_001, 119_999, 120_000, 180_000, 600_000,
        660_000,
    ]);
    prop_oneof![4 => after.prop_map(|after| after.min(15_000)), 1 => Just(0), 1 => 0u64..120_000, 1 => 600_000u64..660_000]
        .prop_map(Action::Settle)
}

fn listener(id: u16) -> impl Strategy<Value = Listener> {
    let lists = (
        prop_oneof![9 => Just("PERMIT:ALL"), 1 => Just("DENY:2341003"), 1 => Just("PERMIT:2341001-2341004")],
        prop_oneof![8 => Just("DENY:1"), 1 => Just("DENY:1,2341002"), 1 => Just("PERMIT:2341000-2349999")],
        prop_oneof![8 => Just("PERMIT:ALL"), 1 => Just("DENY:777,92"), 1 => Just("PERMIT:1-200,9990")],
        prop_oneof![8 => Just("PERMIT:ALL"), 1 => Just("DENY:777,2350"), 1 => Just("PERMIT:9-200,4000")],
    );
    let tgs = || prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![91u32]), 1 => Just(vec![92u32, 91])];
    let habits = (
        tgs(),
        tgs(),
        prop_oneof![4 => Just(None), 1 => select(vec![Some(91u32), Some(9_990), Some(4_400)])],
        proptest::bool::weighted(0.3),
        prop_oneof![3 => Just(10u64), 2 => 1u64..4, 1 => Just(0)],
        prop_oneof![4 => Just(5_000u64), 1 => Just(0), 1 => Just(15_000)],
    );
    let own = prop_oneof![
        2 => Just(Vec::new()),
        2 => Just(vec![Own {
            client: 2_341_002,
            passphrase: Some("secret"),
            statics_2: Some(vec![91]),
            single: Some(false),
            map: vec![(1, 8, 91), (0, 32, 92)],
        }]),
        1 => Just(vec![
            Own { client: 2_341_001, passphrase: None, statics_2: None, single: Some(true), map: vec![(1, 8, 2_350)] },
            Own { client: 2_341_004, passphrase: None, statics_2: Some(vec![]), single: None, map: vec![(1, 9, 91), (1, 32, 91)] },
        ]),
    ];
    let max = prop_oneof![8 => Just(100u32), 1 => Just(2u32)];
    let checks = proptest::bool::weighted(0.85);
    let word = prop_oneof![9 => Just("passw0rd"), 1 => Just("other")];
    (lists, habits, own, max, checks, word).prop_map(
        move |(lists, habits, own, max_clients, checks_speakers, passphrase)| {
            let (register, subscriber, ts1, ts2) = lists;
            let (ts1_static, ts2_static, dial, single, ua_minutes, hang_ms) = habits;
            Listener {
                id,
                socket: id - 1,
                passphrase,
                max_clients,
                checks_speakers,
                register,
                subscriber,
                talkgroups: [ts1, ts2],
                statics: [ts1_static, ts2_static],
                dial,
                single,
                ua_minutes,
                hang_ms,
                own,
            }
        },
    )
}

fn setup() -> impl Strategy<Value = Setup> {
    let rarely = || proptest::bool::weighted(0.15);
    let mostly = || proptest::bool::weighted(0.85);
    let policies =
        (mostly(), mostly(), mostly(), mostly(), prop_oneof![4 => Just(0u8), 1 => Just(0x20)], mostly(), rarely())
            .prop_map(|(first, busy, tg4000, suspends, options, alias, other)| {
                policy(first, busy, tg4000, suspends, options, alias, other)
            });
    (listener(1), listener(2), proptest::bool::weighted(0.9), policies).prop_map(|(one, two, both, policy)| {
        let listeners = if both { vec![one, two] } else { vec![one] };
        Setup { listeners, policy }
    })
}

fn action() -> impl Strategy<Value = Action> {
    let kinds = prop_oneof![
        Just(0x23u8),
        Just(0x26),
        Just(0x27),
        Just(0x28),
        Just(0x29),
        Just(0x2f),
        Just(0x30),
        Just(0x61),
        Just(0x50),
        Just(0x66),
        Just(0x00),
        Just(0x20)
    ];
    prop_oneof![
        40 => talk().prop_map(Action::Talk),
        2 => long_talk().prop_map(Action::Talk),
        1 => bulk_talk().prop_map(Action::Talk),
        1 => who().prop_map(|who| Action::Hop { who }),
        1 => (who(), 1u8..3).prop_map(|(who, slot)| Action::Displace { who, slot }),
        38 => wait(),
        10 => login(),
        5 => (who(), away(), text()).prop_map(|(who, away, text)| Action::Options { who, away, text }),
        3 => (who(), away(), any::<bool>()).prop_map(|(who, away, other_local)| Action::Ping { who, away, other_local }),
        2 => (who(), away(), any::<bool>()).prop_map(|(who, away, silent)| Action::Close { who, away, silent }),
        1 => who().prop_map(|who| Action::Silence { who }),
        2 => (who(), away(), slots(), select(vec!["G0ABC", "M1XYZ"]), proptest::bool::weighted(0.2))
            .prop_map(|(who, away, slots, callsign, short)| Action::Describe { who, away, slots, callsign, short }),
        3 => (who(), 1u8..3, talkgroup(), kinds, prop_oneof![9 => Just(0u8), 2 => 1u8..3], prop_oneof![5 => Just(1u8), 1 => 9u8..15])
            .prop_map(|(who, slot, tg, bits, zero, times)| Action::Data { who, slot, tg, bits, zero, times }),
        3 => (who(), 0usize..2, any::<bool>(), 0u8..5)
            .prop_map(|(who, source, long, block)| Action::Alias { who, source, long, block }),
        1 => (0u16..4, 0usize..6).prop_map(|(socket, what)| Action::Noise { socket, what }),
        2 => setup().prop_map(|setup| Action::Reload(Box::new(setup))),
        24 => settle(),
        1 => (who(), prop_oneof![3 => Just(None), 1 => (1u16..4).prop_map(Some)])
            .prop_map(|(who, listener)| Action::Kick { who, listener }),
        2 => (who(), prop_oneof![2 => Just(None), 1 => (1u8..3).prop_map(Some)], proptest::option::weighted(0.3, talkgroup()))
            .prop_map(|(who, slot, tg)| Action::Unlink { who, slot, tg }),
        1 => proptest::bool::weighted(0.4).prop_map(Action::LastCalls),
        4 => Just(Action::Restore),
    ]
}

/// Clients 0 to 3 log in at first, so that there is somebody to hear.
pub(crate) fn plan(actions: usize) -> impl Strategy<Value = Plan> {
    let wishes = || {
        prop_oneof![
            4 => select(vec!["TS2=91", "TS2=91", "TS2=91,92", "TS1=91,92;TS2=91", "TS2=91:*:8", "SINGLE=1;TS2=91;TIMER=2"])
                .prop_map(str::to_owned),
            2 => text(),
        ]
    };
    let opening = proptest::collection::vec((wishes(), slots()), 2..5).prop_map(|wishes| {
        let login = |(who, (text, slots))| Action::Login {
            who,
            away: 0,
            socket: 0,
            right: true,
            steps: 4,
            twice: false,
            short: false,
            slots,
            text,
        };
        wishes.into_iter().enumerate().map(login).collect()
    });
    let end = prop_oneof![6 => Just(None), 1 => proptest::collection::vec(action(), 0..5).prop_map(Some)];
    let actions = proptest::collection::vec(action(), 1..actions);
    (setup(), opening, actions, end).prop_map(|(setup, opening, mut actions, end)| {
        if let Some(more) = end {
            actions.push(Action::Drain);
            actions.extend(more);
        }
        Plan { setup, opening, actions }
    })
}

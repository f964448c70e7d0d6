//! Lines against real ones of the field (`reporting.md` 8, server-log-sample), and what clients must not do to them.

use super::*;
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{
    CallEnd, CallTag, Destination, SessionEnd, SessionTag, SubscriptionEnd, SubscriptionSource, Text, What,
};
use ragchew_core::time::Span;
use std::net::SocketAddr;

/// 2026-11-21 09:06:16,643
const AT: Wall = Wall(1_795_251_976_643_000_000);
const WHO: SessionTag = SessionTag { session: SessionNo(7), listener: ListenerId(0), client: ClientId(234_123_401) };

fn remote() -> SocketAddr {
    ([127, 0, 0, 1], 34_159).into()
}

fn padded<const N: usize>(text: &str) -> Text<N> {
    Text::new(text.as_bytes())
}

fn names() -> Names {
    let mut names = Names::default();
    names.set_listeners([(ListenerId(0), "SYSTEM-0".to_owned())]);
    for what in [connected("M0TST"), software()] {
        names.learn(&ReportEvent { at: AT, retold: false, what });
    }
    names
}

fn line(what: What, format: Format) -> String {
    render(&ReportEvent { at: AT, retold: false, what }, &names(), format).unwrap_or_default()
}

/// The compat line without level and time, when both are as they should be.
fn compat(what: What) -> String {
    let line = line(what, Format::Compat);
    line.strip_prefix("INFO 2026-11-21 09:06:16,643 ").unwrap_or(&line).to_owned()
}

fn text(what: What) -> String {
    let line = line(what, Format::Text);
    line.strip_prefix("2026-11-21T09:06:16.643Z INFO ").unwrap_or(&line).to_owned()
}

fn connected(callsign: &str) -> What {
    What::Connected {
        who: WHO,
        remote: remote(),
        callsign: padded(callsign),
        rx_hz: 434_000_000,
        tx_hz: 434_000_000,
        colour_code: 1,
        slots: b'3',
    }
}

fn software() -> What {
    What::Software { who: WHO, software: padded("20240101_PS4"), package: padded("MMDVM_MMDVM_HS_Hat") }
}

fn described(description: &str) -> What {
    What::Described {
        who: WHO,
        callsign: padded("M0TST"),
        location: padded("London"),
        description: padded(description),
    }
}

fn call() -> CallTag {
    CallTag {
        call: CallNo(3),
        from: WHO,
        stream: StreamId(1_400_708_363),
        source: RadioId(2_341_234),
        slot: Slot::Two,
        rf_tg: RfTg(235),
        destination: Destination::Conference(ConferenceTg(235)),
    }
}

fn ended(cause: CallEnd) -> What {
    What::CallEnded { call: call(), cause, duration: Span::millis(887), frames: 16, lost: 0, reordered: 0 }
}

fn refused(why: Refusal) -> What {
    What::CallRefused {
        who: WHO,
        stream: StreamId(9),
        source: RadioId(2_341_234),
        slot: Slot::Two,
        destination: 235,
        why,
    }
}

#[test]
fn compat_lines_are_those_of_the_field() {
    let login = What::LoginStarted { listener: ListenerId(0), client: WHO.client, remote: remote() };
    assert_eq!(
        line(login, Format::Compat),
        "INFO 2026-11-21 09:06:16,643 (SYSTEM-0) Repeater Logging in with Radio ID: 234123401, 127.0.0.1:34159"
    );
    assert_eq!(
        compat(What::Authenticated { who: WHO, remote: remote() }),
        "(SYSTEM-0) Peer 234123401 has completed the login exchange successfully"
    );
    assert_eq!(
        compat(described("Hotspot A")),
        "(SYSTEM-0) Peer b'M0TST   ' (234123401) has sent repeater configuration, Package ID: MMDVM_MMDVM_HS_Hat, \
         Software ID: 20240101_PS4, Desc: Hotspot A"
    );
    assert_eq!(
        compat(What::CallStarted { call: call(), late_entry: false }),
        "(SYSTEM-0) *CALL START* STREAM ID: 1400708363 SUB: 2341234 (2341234) PEER: 234123401 (234123401) TGID 235 (235), TS 2"
    );
    assert_eq!(
        compat(ended(CallEnd::Terminator)),
        "(SYSTEM-0) *CALL END*   STREAM ID: 1400708363 SUB: 2341234 (2341234) PEER: 234123401 (234123401) TGID 235 (235), \
         TS 2, Duration: 0.89,  Packet rate: 18.04/s, LOSS: 0.00%"
    );
    assert_eq!(
        compat(ended(CallEnd::Timeout)),
        "(SYSTEM-0) *TIME OUT*  RX STREAM ID: 1400708363 SUB: 2341234 TGID 235, TS 2, Duration: 0.89, LOSS: 0.00%"
    );
}

#[test]
fn compat_lines_keep_the_words_that_operators_grep() {
    let gone = |cause| compat(What::Disconnected { who: WHO, remote: remote(), cause });
    assert_eq!(
        gone(SessionEnd::TimedOut),
        "(SYSTEM-0) Peer b'M0TST   ' (234123401) has timed out and is being removed"
    );
    assert_eq!(gone(SessionEnd::Drained), "(SYSTEM-0) De-Registration sent to Peer: b'M0TST   ' (234123401)");
    assert_eq!(
        compat(refused(Refusal::SubscriberAcl)),
        "(SYSTEM-0) CALL DROPPED WITH STREAM ID 9 FROM SUBSCRIBER 2341234 BY SYSTEM ACL"
    );
    assert_eq!(
        compat(refused(Refusal::TalkgroupAcl)),
        "(SYSTEM-0) CALL DROPPED WITH STREAM ID 9 ON TGID 235 BY SYSTEM TS2 ACL"
    );
    assert!(compat(refused(Refusal::Loop)).contains("*LoopControl*"));
    assert!(compat(refused(Refusal::RateGuard)).contains("*PacketControl*"));
    let (slot, rf_tg, conference) = (Slot::One, RfTg(91), ConferenceTg(91));
    let source = SubscriptionSource::UserActivated;
    assert_eq!(
        compat(What::Subscribed { who: WHO, slot, rf_tg, conference, source }),
        "(ROUTER) Conference Bridge ACTIVE (ON timer running): System: SYSTEM-0 Bridge: 91, TS: 1, TGID: 91, PEER: 234123401"
    );
    let cause = SubscriptionEnd::Expired;
    let expired = compat(What::Unsubscribed { who: WHO, slot, rf_tg, conference, cause });
    assert!(expired.starts_with("(ROUTER) Conference Bridge TIMEOUT"), "{expired}");
}

#[test]
fn text_lines_have_the_same_markers_and_named_fields() {
    assert_eq!(
        line(What::CallStarted { call: call(), late_entry: false }, Format::Text),
        "2026-11-21T09:06:16.643Z INFO (SYSTEM-0) *CALL START* stream=1400708363 sub=2341234 peer=234123401 ts=2 tgid=235 \
         call=3 conference=235 late_entry=false"
    );
    assert_eq!(
        text(ended(CallEnd::Terminator)),
        "(SYSTEM-0) *CALL END* stream=1400708363 sub=2341234 peer=234123401 ts=2 tgid=235 call=3 conference=235 \
         duration=0.89 rate=18.04 loss=0.00 frames=16 lost=0 reordered=0 cause=terminator"
    );
    assert_eq!(
        text(described("Hotspot A")),
        "(SYSTEM-0) Repeater description peer=234123401 session=7 callsign=M0TST location=London description=\"Hotspot A\""
    );
    assert_eq!(
        text(connected("M0TST")),
        "(SYSTEM-0) has sent repeater configuration peer=234123401 session=7 callsign=M0TST remote=127.0.0.1:34159 \
         rx_hz=434000000 tx_hz=434000000 colour_code=1 slots=3"
    );
    let gone = What::Disconnected { who: WHO, remote: remote(), cause: SessionEnd::TimedOut };
    assert!(text(gone).starts_with("(SYSTEM-0) has timed out and is being removed peer=234123401"));
    assert!(text(ended(CallEnd::Timeout)).starts_with("(SYSTEM-0) *TIME OUT* "));
    assert_eq!(text(What::Reloaded { kept: 2, closed: 0 }), "The new configuration is in force kept=2 closed=0");
}

#[test]
fn json_lines_are_one_object_each_with_the_same_fields() {
    let what = ended(CallEnd::Replaced);
    let object: serde_json::Value = serde_json::from_str(&line(what, Format::Json)).unwrap();
    assert_eq!(object["event"], "call_end");
    assert_eq!(object["listener"], "SYSTEM-0");
    assert_eq!(object["time"], "2026-11-21T09:06:16.643Z");
    assert_eq!((&object["duration"], &object["lost"]), (&0.89.into(), &0.into()));
    let said = render_line(AT, Level::Warning, "a \"quoted\" word", Format::Json);
    let object: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&object["level"], &object["text"]), (&"warning".into(), &"a \"quoted\" word".into()));
}

#[test]
fn what_a_client_sends_cannot_forge_or_break_a_line() {
    let evil = "x\nERROR \x1b[2J' \"y";
    let forms = [Format::Text, Format::Compat, Format::Json];
    for (text, format) in [evil, "a\u{202e}\u{ad}\u{2066}b"].iter().flat_map(|&text| forms.map(|format| (text, format)))
    {
        let line = line(described(text), format);
        assert!(!line.chars().any(ragchew_core::shown::is_hidden), "{line:?}");
        assert_eq!(line.lines().count(), 1);
    }
    assert!(line(described(evil), Format::Compat).ends_with(r#"Desc: x\x0aERROR \x1b[2J\' "y"#));
    serde_json::from_str::<serde_json::Value>(&line(described(evil), Format::Json)).unwrap();
    let hidden = What::Described {
        who: WHO,
        callsign: padded("M0TST"),
        location: Text::new(&[0xff; 20]),
        description: padded("a\u{202e}b"),
    };
    let shown = text(hidden);
    assert!(shown.contains("\\u{202e}") && shown.contains('\u{fffd}'), "{shown}");
    assert!(!render_line(AT, Level::Info, "a\nb", Format::Compat).contains('\n'));
}

#[test]
fn names_of_listeners_follow_the_configuration_and_sessions_are_forgotten_at_their_end() {
    let mut names = names();
    names.set_listeners([(ListenerId(1), "club".to_owned())]);
    assert_eq!(names.listener(ListenerId(1)), "club");
    assert_eq!(names.listener(ListenerId(0)), "SYSTEM-0");
    assert_eq!(names.listener(ListenerId(2)), "listener-2");
    names.forget(&ReportEvent {
        at: AT,
        retold: false,
        what: What::Disconnected { who: WHO, remote: remote(), cause: SessionEnd::Closed },
    });
    let event =
        ReportEvent { at: AT, retold: false, what: What::OptionsRefused { who: WHO, why: Refusal::OptionsKey } };
    let line = render(&event, &names, Format::Text).unwrap();
    assert!(!line.contains("M0TST"), "{line}");
}

#[test]
fn every_event_has_a_line_in_text_and_in_json() {
    let (slot, rf_tg, conference) = (Slot::One, RfTg(91), ConferenceTg(91));
    let (listener, client) = (WHO.listener, WHO.client);
    let all = [
        What::LoginStarted { listener, client, remote: remote() },
        What::LoginRefused { listener, client, remote: remote(), why: Refusal::RegisterAcl },
        What::Authenticated { who: WHO, remote: remote() },
        connected("M0TST"),
        software(),
        described("x"),
        What::Options {
            who: WHO,
            statics: [1, 2],
            single: true,
            dial: conference,
            ua_timer: Span::minutes(5),
            voided: 0,
        },
        What::OptionsRefused { who: WHO, why: Refusal::OptionsRate },
        What::Disconnected { who: WHO, remote: remote(), cause: SessionEnd::Removed },
        What::Moved { who: WHO, from: remote(), to: remote() },
        What::Subscribed { who: WHO, slot, rf_tg, conference, source: SubscriptionSource::Map },
        What::Unsubscribed { who: WHO, slot, rf_tg, conference, cause: SubscriptionEnd::Oldest },
        What::CallStarted { call: call(), late_entry: true },
        ended(CallEnd::TooLong),
        refused(Refusal::SlotBusy),
        What::EchoStarted { who: WHO, slot, rf_tg, frames: 17 },
        What::Reloaded { kept: 1, closed: 0 },
    ];
    let mut seen = std::collections::BTreeSet::new();
    for what in all {
        let object: serde_json::Value = serde_json::from_str(&line(what, Format::Json)).unwrap();
        let name = object["event"].as_str().unwrap().to_owned();
        assert_ne!(name, "unknown");
        assert!(seen.insert(name), "{what:?} has the name of another event");
        assert!(line(what, Format::Text).len() > 40);
    }
}

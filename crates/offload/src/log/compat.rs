//! Events as FreeDMR, ADN and HBlink write them: `LEVEL DATE TIME,mmm (SYSTEM) text` with their words and their order of
//! fields, so that scripts that read those logs go on working. Pure. What they have no line for has none here.
//! Source: `reporting.md` 8 and its sample of real lines.

use super::Level;
use super::names::Names;
use super::stamp::Stamp;
use super::words::{CallFigures, refusal_marker, source_name, subscription_end};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, CallTag, ReportEvent, SessionEnd, SessionTag, SubscriptionSource, What};
use ragchew_core::time::Span;
use std::fmt::Write;

/// The scope under which those servers write of the server as a whole.
const GLOBAL: &str = "GLOBAL";
/// The scope of their conference bridges.
const ROUTER: &str = "ROUTER";

pub(super) fn event(event: &ReportEvent, names: &Names) -> Option<String> {
    let (level, scope, text) = session(&event.what, names).or_else(|| call(&event.what, names))?;
    Some(format!("{} {} ({scope}) {text}", level.name(), Stamp::from(event.at).python()))
}

type Said = (Level, String, String);

fn session(what: &What, names: &Names) -> Option<Said> {
    let said = |listener, text| Some((Level::Info, names.listener(listener), text));
    match what {
        What::LoginStarted { listener, client, remote } => {
            said(*listener, format!("Repeater Logging in with Radio ID: {client}, {remote}"))
        }
        What::LoginRefused { listener, client, remote, why } => {
            let text = match why {
                // Spelt as in those servers.
                Refusal::RegisterAcl => {
                    format!("Invalid Login from {remote} Radio ID: {client} Denied by Registation ACL")
                }
                Refusal::NoChallenge => format!("Peer {client} has FAILED the login exchange successfully"),
                _ => format!("Invalid Login from {remote} Radio ID: {client}: {}", why.text()),
            };
            Some((Level::Warning, names.listener(*listener), text))
        }
        What::Authenticated { who, .. } => {
            said(who.listener, format!("Peer {} has completed the login exchange successfully", who.client))
        }
        What::Described { who, description, .. } => {
            let text = names.session(who.session);
            let (package, software) = (plain(text.package.as_bytes()), plain(text.software.as_bytes()));
            let line = format!(
                "{} has sent repeater configuration, Package ID: {package}, Software ID: {software}, Desc: {}",
                peer(names, who),
                plain(description.as_bytes())
            );
            said(who.listener, line)
        }
        What::Options { who, statics, single, dial, ua_timer, .. } => {
            let [ts1, ts2] = statics;
            let minutes = ua_timer.0 / Span::minutes(1).0;
            let line = format!(
                "Peer {} has sent options: {ts1} static on TS1, {ts2} static on TS2, SINGLE={};TIMER={minutes};DIAL={dial};",
                callsign(names, who),
                u8::from(*single)
            );
            said(who.listener, line)
        }
        What::OptionsRefused { who, why } => {
            let line = format!("(OPTIONS) {} not used: {}", peer(names, who), why.text());
            Some((Level::Warning, names.listener(who.listener), line))
        }
        What::Disconnected { who, cause, .. } => said(who.listener, disconnected(names, who, *cause)),
        What::Kicked { who } => said(who.listener, format!("{} is disconnected by an operator", peer(names, who))),
        What::Moved { who, from, to } => said(who.listener, format!("{} moved from {from} to {to}", peer(names, who))),
        _ => None,
    }
}

fn disconnected(names: &Names, who: &SessionTag, cause: SessionEnd) -> String {
    let (callsign, client) = (callsign(names, who), who.client);
    match cause {
        SessionEnd::Closed => format!("Peer is closing down: {callsign} ({client})"),
        SessionEnd::TimedOut => format!("Peer {callsign} ({client}) has timed out and is being removed"),
        SessionEnd::LoggedInAgain => format!("Peer {callsign} ({client}) logged in again and is being removed"),
        SessionEnd::Refused => format!("Peer {callsign} ({client}) sent a configuration that could not be taken"),
        SessionEnd::Removed => format!("Peer {callsign} ({client}) is no longer admitted and is being removed"),
        SessionEnd::Kicked => format!("Peer {callsign} ({client}) was disconnected and is being removed"),
        SessionEnd::Drained => format!("De-Registration sent to Peer: {callsign} ({client})"),
    }
}

fn call(what: &What, names: &Names) -> Option<Said> {
    let said = |scope: String, text| Some((Level::Info, scope, text));
    match what {
        What::CallStarted { call, .. } => {
            said(names.listener(call.from.listener), format!("*CALL START* {}", identity(call)))
        }
        What::CallEnded { call, cause, duration, frames, lost, .. } => {
            said(names.listener(call.from.listener), ended(call, *cause, &CallFigures::new(*duration, *frames, *lost)))
        }
        What::CallRefused { who, stream, source, slot, destination, why } => {
            let line = match why {
                Refusal::SubscriberAcl => {
                    format!("CALL DROPPED WITH STREAM ID {stream} FROM SUBSCRIBER {source} BY SYSTEM ACL")
                }
                Refusal::TalkgroupAcl => {
                    format!("CALL DROPPED WITH STREAM ID {stream} ON TGID {destination} BY SYSTEM TS{slot} ACL")
                }
                why => format!(
                    "{} STREAM ID: {stream} SUB: {source} PEER: {} TGID {destination}, TS {slot}: {}",
                    refusal_marker(*why),
                    who.client,
                    why.text()
                ),
            };
            said(names.listener(who.listener), line)
        }
        What::Subscribed { who, slot, rf_tg, conference, source } => {
            let how = match source {
                SubscriptionSource::UserActivated => "ON timer running",
                other => source_name(*other),
            };
            let system = names.listener(who.listener);
            let line = format!(
                "Conference Bridge ACTIVE ({how}): System: {system} Bridge: {conference}, TS: {slot}, TGID: {rf_tg}, PEER: {}",
                who.client
            );
            said(ROUTER.to_owned(), line)
        }
        What::Unsubscribed { who, slot, rf_tg, conference, cause } => {
            let (cause, marker) = subscription_end(*cause);
            let (system, client) = (names.listener(who.listener), who.client);
            let marker = marker.trim_start_matches("(ROUTER) ");
            let line = format!(
                "{marker} ({cause}): System: {system} Bridge: {conference}, TS: {slot}, TGID: {rf_tg}, PEER: {client}"
            );
            said(ROUTER.to_owned(), line)
        }
        What::EchoStarted { who, slot, rf_tg, frames } => {
            let line = format!("*ECHO START* PEER: {} TGID {rf_tg}, TS {slot}, {frames} frames", who.client);
            said(names.listener(who.listener), line)
        }
        What::Reloaded { kept, closed } => {
            said(GLOBAL.to_owned(), format!("Configuration reloaded: {kept} sessions kept, {closed} closed"))
        }
        _ => None,
    }
}

/// The fields with which every line of a call begins. Those servers write a name before each number in brackets, and the
/// number itself when they know no name.
fn identity(call: &CallTag) -> String {
    let CallTag { stream, source, slot, rf_tg, .. } = call;
    let client = call.from.client;
    format!("STREAM ID: {stream} SUB: {source} ({source}) PEER: {client} ({client}) TGID {rf_tg} ({rf_tg}), TS {slot}")
}

fn ended(call: &CallTag, cause: CallEnd, figures: &CallFigures) -> String {
    let CallFigures { seconds, rate, loss } = figures;
    if cause == CallEnd::Timeout {
        let CallTag { stream, source, rf_tg, slot, .. } = call;
        return format!(
            "*TIME OUT*  RX STREAM ID: {stream} SUB: {source} TGID {rf_tg}, TS {slot}, Duration: {seconds}, LOSS: {loss}%"
        );
    }
    // Two blanks behind the marker and before the rate, as in the lines of old.
    format!("*CALL END*   {}, Duration: {seconds},  Packet rate: {rate}/s, LOSS: {loss}%", identity(call))
}

fn peer(names: &Names, who: &SessionTag) -> String {
    format!("Peer {} ({})", callsign(names, who), who.client)
}

/// A callsign as those servers print it: eight bytes, padded with blanks.
fn callsign(names: &Names, who: &SessionTag) -> String {
    python_bytes(&names.session(who.session).callsign.as_bytes().map(|b| if b == 0 { b' ' } else { b }))
}

/// `b'…'`, with everything but printable ASCII escaped.
fn python_bytes(bytes: &[u8]) -> String {
    format!("b'{}'", escaped(bytes))
}

/// Text of a client without its padding.
fn plain(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    escaped(bytes.get(..end).unwrap_or_default().trim_ascii_end())
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

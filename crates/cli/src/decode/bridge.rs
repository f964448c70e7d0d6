//! Links between servers: what an OpenBridge or FBP frame adds to a burst, and bridge control. Owns the check of codes
//! with the passphrases that were given. Source: `wire.md` 3.

use super::Lens;
use super::entry::{Entry, Wire, json_millis};
use ragchew_core::id::{ClientId, ServerId};
use ragchew_core::time::Wall;
use ragchew_core::wire::bridge_control::{BridgeControl, BridgeControlView};
use ragchew_core::wire::{fbp, mac::LinkKey, openbridge};
use serde_json::{Value, json};

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// No passphrase was given.
    Unverified,
    /// It is that of one of the passphrases.
    Right,
    /// It is that of none.
    Wrong,
}

impl Code {
    fn check(lens: &Lens, fits: impl Fn(&LinkKey) -> bool) -> Self {
        match lens.keys.is_empty() {
            true => Self::Unverified,
            false if lens.keys.iter().any(fits) => Self::Right,
            false => Self::Wrong,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Right => "verified",
            Self::Wrong => "wrong",
        }
    }
}

/// What a link adds to a burst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) protocol: &'static str,
    /// 1 for OpenBridge; of the retired versions only the code tells which.
    pub(super) version: Option<u8>,
    pub(super) network: ClientId,
    pub(super) code: Code,
    pub(super) hops: Option<u8>,
    pub(super) sent: Option<Wall>,
    pub(super) server: Option<ServerId>,
    pub(super) repeater: Option<ClientId>,
}

impl Origin {
    pub(super) fn openbridge(view: &openbridge::OpenBridgeView<'_>, lens: &Lens) -> Self {
        Self {
            protocol: "OpenBridge",
            version: Some(1),
            network: view.network(),
            code: Code::check(lens, |key| view.verify(key)),
            hops: None,
            sent: None,
            server: None,
            repeater: None,
        }
    }

    pub(super) fn fbp(view: &fbp::FbpView<'_>, lens: &Lens) -> Self {
        Self {
            protocol: "FBP",
            version: Some(view.version()),
            network: view.network(),
            code: Code::check(lens, |key| view.verify(key)),
            hops: Some(view.hops()),
            sent: Some(view.timestamp()),
            server: Some(view.source_server()),
            repeater: view.source_repeater().filter(|repeater| repeater.0 != 0),
        }
    }

    pub(super) fn retired(view: &fbp::RetiredView<'_>, lens: &Lens) -> Self {
        Self {
            protocol: "FBP (retired)",
            version: lens.keys.iter().find_map(|key| view.verify(key)),
            network: view.frame().client(),
            code: Code::check(lens, |key| view.verify(key).is_some()),
            hops: Some(view.hops()),
            sent: Some(view.timestamp()),
            server: None,
            repeater: None,
        }
    }

    /// Nanoseconds between the sender's clock and the capture's; negative when the sender's is ahead.
    pub(super) fn age(&self, at: Wall) -> Option<i64> {
        self.sent.map(|sent| i64::try_from(i128::from(at.0) - i128::from(sent.0)).unwrap_or(i64::MAX))
    }

    /// Version, hops and origin, without what changes from frame to frame.
    pub(super) fn route(&self) -> String {
        let mut words = match self.version {
            Some(version) => format!("{} version {version}", self.protocol),
            None => format!("{} version 2 or 3", self.protocol),
        };
        words += &format!(" of network {}", self.network);
        words += &self.server.map_or_else(String::new, |server| format!(", entered at server {server}"));
        words += &self.repeater.map_or_else(String::new, |repeater| format!(", repeater {repeater}"));
        words
    }

    pub(super) fn words(&self, at: Wall, lens: &Lens) -> String {
        let mut words = self.route();
        words += &self.hops.map_or_else(String::new, |hops| format!(", hops {hops}"));
        words += &self.age(at).map_or_else(String::new, |age| format!(", age {}", age_words(age)));
        if lens.keys.is_empty() { words } else { format!("{words}, code {}", self.code.name()) }
    }

    pub(super) fn fields(&self, at: Wall) -> Value {
        json!({
            "protocol": self.protocol,
            "version": self.version,
            "network": self.network.0,
            "mac": self.code.name(),
            "hops": self.hops,
            "age_ms": self.age(at).map(age_json),
            "source_server": self.server.map(|server| server.0),
            "source_repeater": self.repeater.map(|repeater| repeater.0),
        })
    }
}

/// An age in milliseconds with its sign.
pub(super) fn age_words(age: i64) -> String {
    format!("{}{}", if age < 0 { "-" } else { "" }, super::entry::millis(age.unsigned_abs()))
}

/// The same for JSON.
pub(super) fn age_json(age: i64) -> Value {
    match json_millis(age.unsigned_abs()) {
        Value::Number(size) if age < 0 => size.as_f64().map_or(Value::Null, |size| (-size).into()),
        size => size,
    }
}

/// A message of bridge control.
pub(super) fn control(at: Wall, wire: Wire, view: &BridgeControlView<'_>, lens: &Lens) -> Entry {
    let code = Code::check(lens, |key| view.verify(key));
    let (event, words) = match view.message() {
        BridgeControl::KeepAlive => ("keepalive", "keepalive (BCKA)".to_owned()),
        BridgeControl::Stun => ("stun", "stun: send nothing (BCST)".to_owned()),
        BridgeControl::Version(version) => ("version", format!("speaks version {version} (BCVE)")),
        BridgeControl::SourceQuench { talkgroup, stream } => {
            ("source_quench", format!("stop stream {:08x} on TG {talkgroup} (BCSQ)", stream.0))
        }
        BridgeControl::Topology { source_server, hops, version, .. } => (
            "topology",
            format!("topology: server {source_server}, version {version}, hops {hops} (BCTO, never released)"),
        ),
    };
    let words = if lens.keys.is_empty() { words } else { format!("{words}, code {}", code.name()) };
    let entry = Entry::new(at, wire, event, words).with("mac", code.name());
    let entry = entry.flagged((code == Code::Wrong).then_some("code of none of the passphrases"));
    match view.message() {
        BridgeControl::Version(version) => entry.with("version", version),
        BridgeControl::SourceQuench { talkgroup, stream } => {
            entry.with("talkgroup", talkgroup.0).with("stream", format!("{:08x}", stream.0))
        }
        BridgeControl::Topology { source_server, hops, version, .. } => {
            entry.with("source_server", source_server.0).with("hops", hops).with("version", version)
        }
        BridgeControl::KeepAlive | BridgeControl::Stun => entry,
    }
}

/// What the links of a call's frames had in common, and how old the frames were.
#[derive(Clone, Copy, Debug)]
pub(super) struct Journey {
    first: Origin,
    hops: Option<(u8, u8)>,
    ages: Option<(i64, i64)>,
    codes: [u64; 3],
}

impl Journey {
    pub(super) fn new(origin: Origin) -> Self {
        Self { first: origin, hops: None, ages: None, codes: [0; 3] }
    }

    pub(super) fn take(&mut self, origin: Origin, at: Wall) {
        if let Some(hops) = origin.hops {
            let (least, most) = self.hops.unwrap_or((hops, hops));
            self.hops = Some((least.min(hops), most.max(hops)));
        }
        if let Some(age) = origin.age(at) {
            let (least, most) = self.ages.unwrap_or((age, age));
            self.ages = Some((least.min(age), most.max(age)));
        }
        if let Some(count) = self.codes.get_mut(origin.code as usize) {
            *count += 1;
        }
    }

    pub(super) fn finish(self, entry: &mut Entry) {
        let [unverified, right, wrong] = self.codes;
        let mut words = self.first.route();
        if let Some((least, most)) = self.hops {
            words += &if least == most { format!(", hops {least}") } else { format!(", hops {least} to {most}") };
        }
        if let Some((least, most)) = self.ages {
            words += &format!(", age {} to {}", age_words(least), age_words(most));
        }
        words += if unverified > 0 {
            "; codes not verified"
        } else if wrong == 0 {
            "; codes verified"
        } else {
            "; codes wrong"
        };
        entry.details.push(words);
        if wrong > 0 {
            entry.flags.push(format!("{wrong} of {} codes are of none of the passphrases", wrong + right));
        }
        let bridge = json!({
            "protocol": self.first.protocol,
            "version": self.first.version,
            "network": self.first.network.0,
            "mac": { "unverified": unverified, "verified": right, "wrong": wrong },
            "hops": self.hops.map(|(least, most)| [least, most]),
            "age_ms": self.ages.map(|(least, most)| [age_json(least), age_json(most)]),
            "source_server": self.first.server.map(|server| server.0),
            "source_repeater": self.first.repeater.map(|repeater| repeater.0),
        });
        entry.fields.insert("bridge".into(), bridge);
    }
}

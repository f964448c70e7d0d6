//! Which parts of the core's behaviour the cases of a run reached: how many of them, so that a change of the strategies
//! that loses one is noticed. Judges nothing else.

use super::stage::Stage;
use ragchew_core::report::{CallEnd, SessionEnd, SubscriptionEnd, What};
use std::collections::BTreeMap;
use std::fmt;

/// Cases in which something was reached, and how often in all.
#[derive(Default)]
pub(crate) struct Coverage {
    cases: u64,
    reached: BTreeMap<&'static str, (u64, u64)>,
}

/// What a run of many cases has to reach besides.
const RARE: &[&str] = &["echo busy"];
const MANY: u64 = 20_000;

/// What every run has to reach.
const WANTED: &[&str] = &[
    "alias shown in mapped calls",
    "calls delivered",
    "calls joined late",
    "calls mapped",
    "calls replaced",
    "calls timed out",
    "contention",
    "drain",
    "echo on the other slot",
    "echo playback",
    "first call only activates",
    "foreign lc put right",
    "hasty terminators",
    "joining a busy talkgroup",
    "kicked",
    "last calls",
    "late frames",
    "lines that went over",
    "login limits",
    "loops",
    "meanings changed",
    "mstcl withheld",
    "options on new defaults",
    "paused, back after a call",
    "paused, back when keyed",
    "rate guard",
    "refusals untold",
    "reload closes a session",
    "restores",
    "sessions closed",
    "sessions refused",
    "sessions timed out",
    "single mode",
    "slot busy",
    "takeover interval kept",
    "takeover",
    "talk limit",
    "terminators made",
    "tg 4000",
    "too many at once",
    "unlinked by an operator",
    "user-activated expiry",
    "wrong passphrase",
];

impl Coverage {
    /// Adds a case that has passed.
    pub(crate) fn count(&mut self, stage: &Stage) {
        self.cases += 1;
        let events = |wanted: fn(&What) -> bool| stage.seen.iter().filter(|what| wanted(what)).count() as u64;
        let ended = |name, cause: fn(&What) -> bool| (name, events(cause));
        let refused = |name: &str| stage.model.refusals.get(name).copied().unwrap_or(0);
        let contention: u64 = ["target_heard_other", "target_sent_other", "target_talking", "target_sent_another"]
            .into_iter()
            .map(refused)
            .sum();
        let made = &stage.model.made;
        let all = [
            ("calls delivered", made.delivered),
            ("calls joined late", made.late_joins),
            ("calls mapped", made.mapped),
            ("alias shown in mapped calls", made.aliases_shown),
            ("terminators made", made.made_terminators),
            ("foreign lc put right", made.foreign),
            ("lines that went over", made.went_over),
            ("restores", stage.restores),
            ("mstcl withheld", made.withheld),
            ("takeover interval kept", made.intervals_kept),
            ("paused, back after a call", made.waited),
            ("paused, back when keyed", made.paused_keyed),
            ("too many at once", made.in_bulk),
            ("hasty terminators", made.hasty_ends),
            ("echo on the other slot", made.second_echoes),
            ("refusals untold", made.untold),
            ("meanings changed", made.meanings_changed),
            ("options on new defaults", made.asked_again),
            ("unlinked by an operator", made.unlinked),
            ("last calls", made.too_late),
            ended("kicked", |what| matches!(what, What::Kicked { .. })),
            ended("sessions refused", |w| matches!(w, What::Disconnected { cause: SessionEnd::Refused, .. })),
            ("contention", contention),
            ("slot busy", refused("slot_busy")),
            ("loops", refused("loop")),
            ("late frames", refused("late")),
            ("rate guard", refused("rate_guard")),
            ("echo busy", refused("echo_busy")),
            ("login limits", refused("login_rate")),
            ("wrong passphrase", refused("no_challenge")),
            ("first call only activates", refused("first_call")),
            ("joining a busy talkgroup", refused("busy_talkgroup")),
            ("drain", u64::from(stage.model.drained)),
            ended("takeover", |what| matches!(what, What::Moved { .. })),
            ended("echo playback", |what| matches!(what, What::EchoStarted { .. })),
            ended("reload closes a session", |w| matches!(w, What::Disconnected { cause: SessionEnd::Removed, .. })),
            ended("sessions closed", |w| matches!(w, What::Disconnected { cause: SessionEnd::Closed, .. })),
            ended("sessions timed out", |w| matches!(w, What::Disconnected { cause: SessionEnd::TimedOut, .. })),
            ended("user-activated expiry", |w| matches!(w, What::Unsubscribed { cause: SubscriptionEnd::Expired, .. })),
            ended("tg 4000", |w| matches!(w, What::Unsubscribed { cause: SubscriptionEnd::Unlinked, .. })),
            ended("single mode", |w| {
                use SubscriptionEnd::{Displaced, Suspended};
                matches!(w, What::Unsubscribed { cause: Displaced | Suspended, .. })
            }),
            ended("calls replaced", |w| matches!(w, What::CallEnded { cause: CallEnd::Replaced, .. })),
            ended("calls timed out", |w| matches!(w, What::CallEnded { cause: CallEnd::Timeout, .. })),
            ended("talk limit", |w| matches!(w, What::CallEnded { cause: CallEnd::TooLong, .. })),
        ];
        for (name, times) in all {
            let entry = self.reached.entry(name).or_default();
            entry.0 += u64::from(times > 0);
            entry.1 += times;
        }
    }

    /// What no case reached.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let rare = if self.cases < MANY { &[] } else { RARE };
        WANTED
            .iter()
            .chain(rare)
            .copied()
            .filter(|name| self.reached.get(name).is_none_or(|&(cases, _)| cases == 0))
            .collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases; reached in how many of them, and how often:", self.cases)?;
        for (name, (cases, times)) in &self.reached {
            write!(f, "\n  {name:<28} {:>5.1} % {times:>9}", *cases as f64 * 100.0 / self.cases.max(1) as f64)?;
        }
        Ok(())
    }
}

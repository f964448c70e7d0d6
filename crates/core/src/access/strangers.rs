//! What those who are not logged in may cost us: logins, refusals, wrong passphrases. Owns the token buckets; bans nobody.
//! Source: `wire.md` 1.3, S-236.

use crate::id::ClientId;
use crate::limits::{
    FAILED_LOGIN_MEMORY, FAILED_LOGIN_PAUSE, FAILED_LOGINS, LOGIN_PER_CLIENT, LOGIN_PER_SOURCE, NAK_PER_SOURCE,
    NAK_TOTAL, STRANGER_EVENTS, STRANGER_ROWS,
};
use crate::net::SourcePrefix;
use crate::rate::{Bucket, Buckets, Rows};
use crate::seed::Secrets;
use crate::time::Mono;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// The two steps of a login that cost a hash; each is limited for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// RPTL.
    Challenge,
    /// RPTK.
    Answer,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Failures {
    count: u8,
    last: Mono,
    ignored_until: Mono,
}

/// The buckets of one step.
#[derive(Debug, Serialize, Deserialize)]
struct Steps {
    per_source: Buckets,
    per_client: Buckets,
}

/// Limits of strangers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Strangers {
    challenges: Steps,
    answers: Steps,
    naks: Buckets,
    all_naks: Bucket,
    events: Bucket,
    failures: Rows<Failures>,
}

impl Strangers {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let buckets = |name: &[u8], rate| Buckets::new(secrets.working_key(name), rate, STRANGER_ROWS);
        Self {
            challenges: Steps {
                per_source: buckets(b"challenges per source", LOGIN_PER_SOURCE),
                per_client: buckets(b"challenges per client", LOGIN_PER_CLIENT),
            },
            answers: Steps {
                per_source: buckets(b"answers per source", LOGIN_PER_SOURCE),
                per_client: buckets(b"answers per client", LOGIN_PER_CLIENT),
            },
            naks: buckets(b"refusals per source", NAK_PER_SOURCE),
            all_naks: Bucket::default(),
            events: Bucket::default(),
            failures: Rows::new(secrets.working_key(b"failures"), STRANGER_ROWS),
        }
    }

    /// Whether this step of a login may cost a hash.
    pub(crate) fn may(&mut self, step: Step, client: ClientId, remote: SocketAddr, now: Mono) -> bool {
        let steps = match step {
            Step::Challenge => &mut self.challenges,
            Step::Answer => &mut self.answers,
        };
        // The narrower limit first: one client that repeats itself must not use up its neighbours' share.
        steps.per_client.take(&client_and_source(client, remote), now)
            && steps.per_source.take(&SourcePrefix::from(remote).to_bytes(), now)
    }

    /// Whether an MSTNAK may be sent.
    pub(crate) fn may_nak(&mut self, remote: SocketAddr, now: Mono) -> bool {
        self.naks.take(&SourcePrefix::from(remote).to_bytes(), now) && self.all_naks.take(NAK_TOTAL, now)
    }

    /// Whether what a stranger did may be told: a flood of them must not become a flood of events.
    pub(crate) fn may_tell(&mut self, now: Mono) -> bool {
        self.events.take(STRANGER_EVENTS, now)
    }

    /// Notes a wrong passphrase.
    pub(crate) fn failed(&mut self, client: ClientId, remote: SocketAddr, now: Mono) {
        let who = client_and_source(client, remote);
        let Some(failures) = self.failures.entry(&who, |f| f.ignored_until.max(f.last).0) else { return };
        if now.since(failures.last) >= FAILED_LOGIN_MEMORY {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        if failures.count >= FAILED_LOGINS {
            *failures = Failures { count: 0, last: now, ignored_until: now + FAILED_LOGIN_PAUSE };
        }
    }

    /// Notes a right one.
    pub(crate) fn succeeded(&mut self, client: ClientId, remote: SocketAddr) {
        let who = client_and_source(client, remote);
        if let Some(failures) = self.failures.get_mut(&who) {
            *failures = Failures::default();
        }
    }

    /// Whether this client at this address guessed wrong too often a moment ago.
    pub(crate) fn is_ignored(&self, client: ClientId, remote: SocketAddr, now: Mono) -> bool {
        let who = client_and_source(client, remote);
        self.failures.get(&who).is_some_and(|failures| now < failures.ignored_until)
    }
}

fn client_and_source(client: ClientId, remote: SocketAddr) -> [u8; 13] {
    let mut bytes = [0; 13];
    let parts = client.to_bytes().into_iter().chain(SourcePrefix::from(remote).to_bytes());
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn more_failures_than_can_be_counted_are_one_pause() {
        let (client, remote) = (ClientId(1), SocketAddr::from(([192, 0, 2, 1], 1)));
        let mut strangers = Strangers::new(&Secrets::new(Seed::Key([0; 32])));
        strangers.failed(client, remote, Mono(5));
        strangers.failures.get_mut(&client_and_source(client, remote)).unwrap().count = u8::MAX;
        strangers.failed(client, remote, Mono(6));
        assert!(strangers.is_ignored(client, remote, Mono(7)));
    }
}

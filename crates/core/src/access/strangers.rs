//! What those who are not logged in may cost us: logins, refusals, wrong passphrases. Owns the token buckets; bans nobody.
//! Source: `wire.md` 1.3, S-236.

use crate::id::ClientId;
use crate::limits::{
    FAILED_LOGIN_PAUSE, FAILED_LOGINS, LOGIN_PER_CLIENT, LOGIN_PER_SOURCE, NAK_PER_SOURCE, NAK_TOTAL, STRANGER_ROWS,
};
use crate::net::SourcePrefix;
use crate::rate::{Bucket, Buckets, Rows};
use crate::seed::Secrets;
use crate::time::Mono;
use core::net::SocketAddr;

/// The two steps of a login that cost a hash; each is limited for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// RPTL.
    Challenge,
    /// RPTK.
    Answer,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u8,
    ignored_until: Mono,
}

/// Limits of strangers.
#[derive(Debug)]
pub(crate) struct Strangers {
    per_source: Buckets,
    per_client: Buckets,
    naks: Buckets,
    all_naks: Bucket,
    failures: Rows<Failures>,
}

impl Strangers {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let buckets = |name: &[u8], rate| Buckets::new(secrets.table_key(name), rate, STRANGER_ROWS);
        Self {
            per_source: buckets(b"logins per source", LOGIN_PER_SOURCE),
            per_client: buckets(b"logins per client", LOGIN_PER_CLIENT),
            naks: buckets(b"refusals per source", NAK_PER_SOURCE),
            all_naks: Bucket::default(),
            failures: Rows::new(secrets.table_key(b"failures"), STRANGER_ROWS),
        }
    }

    /// Whether this step of a login may cost a hash.
    pub(crate) fn may(&mut self, step: Step, client: ClientId, remote: SocketAddr, now: Mono) -> bool {
        let source = SourcePrefix::from(remote.ip());
        // The narrower limit first: one client that repeats itself must not use up its neighbours' share.
        self.per_client.take(&(step, client, source), now) && self.per_source.take(&(step, source), now)
    }

    /// Whether an MSTNAK may be sent.
    pub(crate) fn may_nak(&mut self, remote: SocketAddr, now: Mono) -> bool {
        self.naks.take(&SourcePrefix::from(remote.ip()), now) && self.all_naks.take(NAK_TOTAL, now)
    }

    /// Notes a wrong passphrase.
    pub(crate) fn failed(&mut self, client: ClientId, remote: SocketAddr, now: Mono) {
        let who = (client, SourcePrefix::from(remote.ip()));
        let Some(failures) = self.failures.entry(&who, |f| f.ignored_until.0 + u64::from(f.count)) else { return };
        failures.count += 1;
        if failures.count >= FAILED_LOGINS {
            *failures = Failures { count: 0, ignored_until: now + FAILED_LOGIN_PAUSE };
        }
    }

    /// Notes a right one.
    pub(crate) fn succeeded(&mut self, client: ClientId, remote: SocketAddr) {
        let who = (client, SourcePrefix::from(remote.ip()));
        if let Some(failures) = self.failures.get_mut(&who) {
            *failures = Failures::default();
        }
    }

    /// Whether this client at this address guessed wrong too often a moment ago.
    pub(crate) fn is_ignored(&self, client: ClientId, remote: SocketAddr, now: Mono) -> bool {
        let who = (client, SourcePrefix::from(remote.ip()));
        self.failures.get(&who).is_some_and(|failures| now < failures.ignored_until)
    }
}

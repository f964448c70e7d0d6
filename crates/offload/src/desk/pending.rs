//! Requests that others have to answer first: who is still to answer, until when, and what was collected. Each is settled
//! exactly once: when everybody has answered, or when its time is over, with the names of those who did not.
//! Owns the table; sends nothing and has no clock. Source: `runtime.md` S4-12, S2-08.

use super::protocol::Complaint;
use super::server::ConnectionRef;
use crate::limits::{CONNECTIONS, OPEN_REQUESTS};
use ragchew_core::{Mono, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Number of an entry; the questions that are sent for it carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Who wants to know, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Over which connection.
    pub to: ConnectionRef,
    /// Number of its request.
    pub id: u64,
    /// How long the answer may take.
    pub within: Span,
}

/// A request that is settled.
#[derive(Debug, PartialEq, Eq)]
pub struct Settled<T> {
    /// Its number in the table, which is not used again.
    pub ticket: Ticket,
    /// Who wants to know.
    pub asker: Asker,
    /// What was collected.
    pub collected: T,
    /// Who did not answer, by name.
    pub missing: Vec<String>,
    /// Its time was over. Otherwise those who are missing have ended.
    pub timed_out: bool,
}

impl<T> Settled<T> {
    /// For a request that is nothing without those who are missing: why there is no answer; none when nobody is.
    pub fn complaint(&self) -> Option<Complaint> {
        if self.missing.is_empty() {
            return None;
        }
        let names = self.missing.join(", ");
        let within = self.asker.within.as_millis();
        Some(if self.timed_out {
            let why = format!("{names} did not answer within {within} ms; `ragchew ctl workers` says how it is");
            Complaint::new("timeout", why)
        } else {
            let why = format!("{names} ended before it answered; `ragchew ctl workers` says why. Ask again");
            Complaint::new("worker_gone", why)
        })
    }
}

/// The table. `T` is what is collected for a request.
#[derive(Debug)]
pub struct Pending<T> {
    rows: BTreeMap<Ticket, Row<T>>,
    last: u64,
}

#[derive(Debug)]
struct Row<T> {
    asker: Asker,
    until: Mono,
    waits_for: BTreeSet<String>,
    missing: BTreeSet<String>,
    collected: T,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), last: 0 }
    }
}

/// Requests that may be pending: those that the desk lets be open, twice: of a connection that left they go on.
const MOST: usize = 2 * CONNECTIONS * OPEN_REQUESTS;

impl<T> Pending<T> {
    /// Adds a request that waits for these.
    ///
    /// # Errors
    /// The table is full, and `collected` comes back.
    pub fn open<N: Into<String>>(
        &mut self,
        now: Mono,
        asker: Asker,
        waits_for: impl IntoIterator<Item = N>,
        collected: T,
    ) -> Result<Ticket, (Complaint, T)> {
        if self.rows.len() >= MOST {
            return Err((Complaint::new("busy", "too many requests wait for an answer; try again"), collected));
        }
        self.last += 1;
        let waits_for = waits_for.into_iter().map(Into::into).collect();
        let row = Row { asker, until: now + asker.within, waits_for, missing: BTreeSet::new(), collected };
        self.rows.insert(Ticket(self.last), row);
        Ok(Ticket(self.last))
    }

    /// Somebody answered: `put` adds it to what was collected. The settled request, when that was the last who was waited
    /// for. An answer to what is settled already, or of somebody who was not asked or has answered, changes nothing.
    pub fn answered(&mut self, ticket: Ticket, by: &str, put: impl FnOnce(&mut T)) -> Option<Settled<T>> {
        let row = self.rows.get_mut(&ticket)?;
        if !row.waits_for.remove(by) {
            return None;
        }
        put(&mut row.collected);
        self.settle_if_done(ticket)
    }

    /// Somebody ended: nobody waits for it any more. The requests that are settled by that.
    pub fn gone(&mut self, who: &str) -> Vec<Settled<T>> {
        let mut waiting = Vec::new();
        for (&ticket, row) in &mut self.rows {
            if row.waits_for.remove(who) {
                row.missing.insert(who.to_owned());
                waiting.push(ticket);
            }
        }
        waiting.into_iter().filter_map(|ticket| self.settle_if_done(ticket)).collect()
    }

    /// Requests that wait for nobody, such as those that were opened so.
    pub fn settled(&mut self) -> Vec<Settled<T>> {
        let done: Vec<Ticket> = self.rows.keys().copied().collect();
        done.into_iter().filter_map(|ticket| self.settle_if_done(ticket)).collect()
    }

    /// When the next request's time is over.
    pub fn next(&self) -> Option<Mono> {
        self.rows.values().map(|row| row.until).min()
    }

    /// Requests whose time is over.
    pub fn expired(&mut self, now: Mono) -> Vec<Settled<T>> {
        let due: Vec<Ticket> =
            self.rows.iter().filter(|(_, row)| row.until <= now).map(|(&ticket, _)| ticket).collect();
        due.into_iter().filter_map(|ticket| self.settle(ticket, true)).collect()
    }

    /// Requests in the table.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn settle_if_done(&mut self, ticket: Ticket) -> Option<Settled<T>> {
        let done = self.rows.get(&ticket)?.waits_for.is_empty();
        if done { self.settle(ticket, false) } else { None }
    }

    fn settle(&mut self, ticket: Ticket, timed_out: bool) -> Option<Settled<T>> {
        let Row { asker, waits_for, mut missing, collected, .. } = self.rows.remove(&ticket)?;
        missing.extend(waits_for);
        Some(Settled { ticket, asker, collected, missing: missing.into_iter().collect(), timed_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::tests::nobody;

    fn asker(id: u64) -> Asker {
        Asker { to: nobody(), id, within: Span::secs(5) }
    }

    const START: Mono = Mono(1_000);

    #[test]
    fn a_request_is_settled_once_when_the_last_has_answered() {
        let mut pending = Pending::default();
        let ticket = pending.open(START, asker(1), ["reactor", "sql"], Vec::new()).unwrap();
        assert_eq!(pending.answered(ticket, "sql", |all| all.push(2)), None);
        assert_eq!(pending.answered(ticket, "sql", |all| all.push(9)), None);
        assert_eq!(pending.answered(ticket, "web", |all| all.push(9)), None);
        let settled = pending.answered(ticket, "reactor", |all| all.push(3)).unwrap();
        assert_eq!((settled.collected.as_slice(), settled.missing.len(), settled.asker.id), (&[2, 3][..], 0, 1));
        assert_eq!(settled.complaint(), None);
        assert_eq!(pending.answered(ticket, "reactor", |_| panic!("settled twice")), None);
        assert!(pending.is_empty() && pending.expired(START + Span::secs(99)).is_empty());
    }

    #[test]
    fn who_does_not_answer_in_time_is_named() {
        let mut pending = Pending::default();
        let ticket = pending.open(START, asker(1), ["reactor", "sql"], ()).unwrap();
        pending.open(START + Span::secs(1), asker(2), ["reactor"], ()).unwrap();
        assert_eq!(pending.next(), Some(START + Span::secs(5)));
        assert!(pending.answered(ticket, "reactor", |()| {}).is_none());
        assert!(pending.expired(Mono(START.0 + Span::secs(5).0 - 1)).is_empty());
        let expired = pending.expired(START + Span::secs(5));
        assert_eq!((expired.len(), &expired[0].missing[..]), (1, &["sql".to_owned()][..]));
        let complaint = expired[0].complaint().unwrap();
        assert_eq!(complaint.code, "timeout");
        assert!(complaint.why.starts_with("sql did not answer within 5000 ms"));
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn who_ends_is_not_waited_for() {
        let mut pending = Pending::default();
        pending.open(START, asker(1), ["sql"], ()).unwrap();
        let both = pending.open(START, asker(2), ["sql", "reactor"], ()).unwrap();
        let settled = pending.gone("sql");
        assert_eq!((settled.len(), settled[0].asker.id), (1, 1));
        assert_eq!(settled[0].complaint().unwrap().code, "worker_gone");
        let settled = pending.answered(both, "reactor", |()| {}).unwrap();
        assert_eq!(settled.missing, ["sql"]);
    }

    #[test]
    fn a_request_that_waits_for_nobody_is_settled_at_once() {
        let mut pending = Pending::default();
        pending.open(START, asker(1), [""; 0], 5).unwrap();
        assert_eq!(pending.settled().pop().unwrap().collected, 5);
        assert!(pending.settled().is_empty());
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let mut pending = Pending::default();
        for id in 0..MOST as u64 {
            pending.open(START, asker(id), ["sql"], ()).unwrap();
        }
        let (complaint, ()) = pending.open(START, asker(0), ["sql"], ()).unwrap_err();
        assert_eq!((complaint.code.as_str(), pending.len()), ("busy", MOST));
        assert_eq!(pending.expired(START + Span::secs(5)).len(), MOST);
    }
}

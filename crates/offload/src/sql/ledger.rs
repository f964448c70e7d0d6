//! From events to rows. Owns what each event changes; every change may be made twice without a difference, since the hub gives
//! again what was not safe. Begins and ends no transaction. Source: design §5, `freedmr2-design.md` 18.7.

use super::words;
use crate::event::{Health, QueueName, Subject, Told};
use crate::log::Names;
use crate::sql::fault::{Fault, Kind};
use ragchew_core::report::{CallTag, Destination, SessionTag, SubscriptionEnd, What};
use ragchew_core::time::Wall;
use rusqlite::{Connection, OptionalExtension, Params, Result, params};

/// Says that a session is still there. An end that was only supposed is taken back.
const TOUCH: &str = "UPDATE client_session SET told_no = ?3,
        ended_at = iif(end_reason = 'lost', NULL, ended_at), end_reason = nullif(end_reason, 'lost')
    WHERE boot_id = ?1 AND session_no = ?2";
const NEW_SESSION: &str =
    "INSERT INTO client_session(boot_id, session_no, server_id, system, client_id, connected_at, told_no)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const CONNECTED: &str =
    "UPDATE client_session SET callsign = ?3, remote = ?4, rx_hz = ?5, tx_hz = ?6, colour_code = ?7,
    slots = ?8, connected_at = min(connected_at, ?9) WHERE boot_id = ?1 AND session_no = ?2";
const SOFTWARE: &str = "UPDATE client_session SET software = ?3, package = ?4 WHERE boot_id = ?1 AND session_no = ?2";
const DESCRIBED: &str = "UPDATE client_session SET callsign = ?3, location = ?4, description = ?5
    WHERE boot_id = ?1 AND session_no = ?2";
const MOVED: &str = "UPDATE client_session SET remote = ?3 WHERE boot_id = ?1 AND session_no = ?2";
const SESSION_ENDED: &str = "UPDATE client_session SET ended_at = ?3, end_reason = ?4
    WHERE boot_id = ?1 AND session_no = ?2 AND ended_at IS NULL";
const SUBSCRIBED: &str =
    "INSERT INTO subscription(session_no, slot, rf_tg, conference_tg, client_id, source, since, told_no)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT(session_no, slot, rf_tg) DO UPDATE SET conference_tg = excluded.conference_tg, source = excluded.source,
        since = iif(paused OR conference_tg <> excluded.conference_tg, excluded.since, since), paused = 0,
        told_no = excluded.told_no";
const PAUSED: &str =
    "UPDATE subscription SET paused = 1, told_no = ?4 WHERE session_no = ?1 AND slot = ?2 AND rf_tg = ?3";
const UNSUBSCRIBED: &str = "DELETE FROM subscription WHERE session_no = ?1 AND slot = ?2 AND rf_tg = ?3";
const UNSUBSCRIBED_ALL: &str = "DELETE FROM subscription WHERE session_no = ?1";
const CALL_STARTED: &str =
    "INSERT INTO call(boot_id, call_no, server_id, session_no, system, client_id, callsign, stream_id,
        src_id, slot, rf_tg, dst_id, kind, refusal, started_at, told_no, start_no, late_entry)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6,
        coalesce((SELECT callsign FROM client_session WHERE boot_id = ?1 AND session_no = ?4), ''),
        ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
    ON CONFLICT(boot_id, call_no) DO UPDATE SET told_no = excluded.told_no,
        ended_at = iif(end_reason = 'lost', NULL, ended_at), end_reason = nullif(end_reason, 'lost')";
const CALL_ENDED: &str = "UPDATE call SET ended_at = ?3, duration_ms = ?4, frames = ?5, lost = ?6, reordered = ?7,
        end_reason = ?8, end_no = ?9, told_no = ?9
    WHERE boot_id = ?1 AND call_no = ?2 AND (ended_at IS NULL OR end_reason = 'lost')";
const CALLS_LOST: &str = "UPDATE call SET ended_at = ?3, end_reason = 'lost'
    WHERE ended_at IS NULL AND boot_id = ?1 AND told_no < ?2";
const SESSIONS_LOST: &str = "UPDATE client_session SET ended_at = ?3, end_reason = 'lost'
    WHERE ended_at IS NULL AND boot_id = ?1 AND told_no < ?2";
const SUBSCRIPTIONS_LOST: &str = "DELETE FROM subscription WHERE told_no < ?1";
const DROPPED: &str =
    "INSERT OR IGNORE INTO event_drop(boot_id, from_seq, count, at, queue) VALUES (?1, ?2, ?3, ?4, ?5)";
const KV_SET: &str = "INSERT INTO kv(key, value) VALUES (?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value";
const KV_GET: &str = "SELECT CAST(value AS INTEGER) FROM kv WHERE key = ?1";
const KV_DROP: &str = "DELETE FROM kv WHERE key = ?1";

/// Everything that is ever said to the tables, to see at once whether a database has them all.
pub(super) const STATEMENTS: [&str; 20] = [
    TOUCH,
    NEW_SESSION,
    CONNECTED,
    SOFTWARE,
    DESCRIBED,
    MOVED,
    SESSION_ENDED,
    SUBSCRIBED,
    PAUSED,
    UNSUBSCRIBED,
    UNSUBSCRIBED_ALL,
    CALL_STARTED,
    CALL_ENDED,
    CALLS_LOST,
    SESSIONS_LOST,
    SUBSCRIPTIONS_LOST,
    DROPPED,
    KV_SET,
    KV_GET,
    KV_DROP,
];

const RESYNC_EPOCH: &str = "resync_epoch";
const RESYNC_NO: &str = "resync_no";

/// Milliseconds since 1970 as they are stored.
pub(super) fn stored_ms(at: Wall) -> i64 {
    stored(at.0 / 1_000_000)
}

/// A number as SQLite stores it; none of ours comes near its end.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number of `kv`.
pub(super) fn kv(connection: &Connection, key: &str) -> Result<Option<i64>> {
    connection.prepare_cached(KV_GET)?.query_row([key], |row| row.get(0)).optional()
}

/// Writes a number of `kv`.
pub(super) fn set_kv(connection: &Connection, key: &str, value: i64) -> Result<()> {
    connection.prepare_cached(KV_SET)?.execute(params![key, value]).map(drop)
}

/// The key of the last number of a boot that is kept.
pub(super) fn safe_key(boot: &str) -> String {
    format!("safe_seq:{boot}")
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Events that changed or confirmed rows, or needed none.
    pub(super) kept: u64,
    /// Events that were kept before.
    pub(super) known: u64,
    /// Events that a table refused for what they hold.
    pub(super) refused: u64,
    /// Numbers that were missing.
    pub(super) missing: u64,
}

/// The tables inside one transaction.
pub(super) struct Ledger<'a> {
    pub(super) tables: &'a Connection,
    pub(super) boot: &'a str,
    pub(super) server: u32,
    /// What the boots before this one used of the numbers of places.
    pub(super) base: i64,
    pub(super) names: &'a Names,
    /// The last number that was taken.
    pub(super) seen: u64,
    pub(super) tally: Tally,
}

impl Ledger<'_> {
    /// Takes an event.
    ///
    /// # Errors
    /// What the whole batch fails of; an event that a table refuses is counted and left out.
    pub(super) fn take(&mut self, told: &Told) -> std::result::Result<(), Fault> {
        if told.seq <= self.seen {
            self.tally.known += 1;
            return Ok(());
        }
        self.note_gap(told)?;
        self.seen = told.seq;
        let Subject::Core(what) = &told.what else {
            self.tally.kept += 1;
            return Ok(());
        };
        match self.enter(told, what).map_err(Fault::from) {
            Ok(()) => self.tally.kept += 1,
            Err(fault) if fault.kind == Kind::Row => self.tally.refused += 1,
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn note_gap(&mut self, told: &Told) -> Result<()> {
        let missing = told.seq - self.seen - 1;
        if missing == 0 {
            return Ok(());
        }
        let queue = match &told.what {
            Subject::Health(Health::EventsLost { queue: QueueName::Reactor, .. }) => Some("reactor"),
            Subject::Health(Health::EventsLost { queue: QueueName::Worker(worker), .. }) => Some(worker.name()),
            _ => None,
        };
        self.run(DROPPED, params![self.boot, stored(self.seen + 1), stored(missing), stored_ms(told.at), queue])?;
        // What was told again may be among the missing: nothing is swept on the word of this resync.
        self.run(KV_DROP, [RESYNC_EPOCH])?;
        self.tally.missing += missing;
        Ok(())
    }

    fn enter(&self, told: &Told, what: &What) -> Result<()> {
        let (at, no) = (stored_ms(told.at), self.base + stored(told.seq));
        match *what {
            What::Connected { .. } | What::Software { .. } | What::Described { .. } | What::Moved { .. } => {
                self.enter_client(what, at, no)
            }
            What::Options { who, .. } => self.touch(who, at, no),
            What::Retold { who } => {
                self.touch(who, at, no)?;
                self.run(UNSUBSCRIBED_ALL, [stored(who.session.0)])
            }
            What::Disconnected { who, remote, cause } => {
                self.touch(who, at, no)?;
                self.run(MOVED, params![self.boot, stored(who.session.0), remote.to_string()])?;
                self.end_session(stored(who.session.0), at, words::session_end(cause))
            }
            What::Gone { session } => self.end_session(stored(session.0), at, words::LOST),
            What::Subscribed { .. } | What::Unsubscribed { .. } => self.enter_subscription(what, at, no),
            What::CallStarted { call, late_entry } => self.start_call(&call, at, no, Some((no, late_entry))),
            What::CallEnded { call, cause, duration, frames, lost, reordered } => {
                let ms = stored(duration.as_millis());
                let (number, cause) = (stored(call.call.0), words::call_end(cause));
                let end = params![self.boot, number, at, ms, frames, lost, reordered, cause, no];
                if self.changed(CALL_ENDED, end)? == 0 {
                    // Its start is missing, or this is not news.
                    self.start_call(&call, at.saturating_sub(ms), no, None)?;
                    self.run(CALL_ENDED, end)?;
                }
                Ok(())
            }
            What::ResyncBegan { epoch } => {
                set_kv(self.tables, RESYNC_EPOCH, i64::from(epoch))?;
                set_kv(self.tables, RESYNC_NO, no)
            }
            What::ResyncEnded { epoch } => self.sweep(i64::from(epoch), at),
            What::LoginStarted { .. }
            | What::LoginRefused { .. }
            | What::Authenticated { .. }
            | What::OptionsRefused { .. }
            | What::CallRefused { .. }
            | What::Kicked { .. }
            | What::EchoStarted { .. }
            | What::Reloaded { .. } => Ok(()),
        }
    }

    fn enter_client(&self, what: &What, at: i64, no: i64) -> Result<()> {
        match *what {
            What::Connected { who, remote, callsign, rx_hz, tx_hz, colour_code, slots } => {
                self.touch(who, at, no)?;
                let (session, remote, callsign) = (stored(who.session.0), remote.to_string(), callsign.to_string());
                self.run(CONNECTED, params![self.boot, session, callsign, remote, rx_hz, tx_hz, colour_code, slots, at])
            }
            What::Software { who, software, package } => {
                self.touch(who, at, no)?;
                let (software, package) = (software.to_string(), package.to_string());
                self.run(SOFTWARE, params![self.boot, stored(who.session.0), software, package])
            }
            What::Described { who, callsign, location, description } => {
                self.touch(who, at, no)?;
                let texts = (callsign.to_string(), location.to_string(), description.to_string());
                self.run(DESCRIBED, params![self.boot, stored(who.session.0), texts.0, texts.1, texts.2])
            }
            What::Moved { who, to, .. } => {
                self.touch(who, at, no)?;
                self.run(MOVED, params![self.boot, stored(who.session.0), to.to_string()])
            }
            _ => Ok(()),
        }
    }

    fn enter_subscription(&self, what: &What, at: i64, no: i64) -> Result<()> {
        match *what {
            What::Subscribed { who, slot, rf_tg, conference, source } => {
                self.touch(who, at, no)?;
                let (session, source) = (stored(who.session.0), words::source(source));
                let place = (slot.number(), rf_tg.0, conference.0);
                self.run(SUBSCRIBED, params![session, place.0, place.1, place.2, who.client.0, source, at, no])
            }
            What::Unsubscribed { who, slot, rf_tg, cause: SubscriptionEnd::Suspended, .. } => {
                self.run(PAUSED, params![stored(who.session.0), slot.number(), rf_tg.0, no])
            }
            What::Unsubscribed { who, slot, rf_tg, .. } => {
                self.run(UNSUBSCRIBED, params![stored(who.session.0), slot.number(), rf_tg.0])
            }
            _ => Ok(()),
        }
    }

    fn touch(&self, who: SessionTag, at: i64, no: i64) -> Result<()> {
        let session = stored(who.session.0);
        if self.changed(TOUCH, params![self.boot, session, no])? == 0 {
            let system = self.names.listener(who.listener);
            self.run(NEW_SESSION, params![self.boot, session, self.server, system, who.client.0, at, no])?;
        }
        Ok(())
    }

    fn end_session(&self, session: i64, at: i64, reason: &str) -> Result<()> {
        self.run(SESSION_ENDED, params![self.boot, session, at, reason])?;
        self.run(UNSUBSCRIBED_ALL, [session])
    }

    fn start_call(&self, call: &CallTag, at: i64, no: i64, start: Option<(i64, bool)>) -> Result<()> {
        let (conference, kind, refusal) = match call.destination {
            Destination::Conference(conference) => (conference.0, "group_voice", None),
            Destination::Echo => (call.rf_tg.0, "echo", None),
            Destination::Nowhere(why) => (call.rf_tg.0, "refused", Some(why.name())),
        };
        self.run(
            CALL_STARTED,
            params![
                self.boot,
                stored(call.call.0),
                self.server,
                stored(call.from.session.0),
                self.names.listener(call.from.listener),
                call.from.client.0,
                call.stream.0,
                call.source.0,
                call.slot.number(),
                call.rf_tg.0,
                conference,
                kind,
                refusal,
                at,
                no,
                start.map(|(no, _)| no),
                start.map(|(_, late_entry)| late_entry),
            ],
        )
    }

    /// What was neither told again nor newly since the resync of this epoch began is gone.
    fn sweep(&self, epoch: i64, at: i64) -> Result<()> {
        let began = kv(self.tables, RESYNC_EPOCH)?;
        if let (true, Some(no)) = (began == Some(epoch), kv(self.tables, RESYNC_NO)?) {
            self.run(CALLS_LOST, params![self.boot, no, at])?;
            self.run(SESSIONS_LOST, params![self.boot, no, at])?;
            self.run(SUBSCRIPTIONS_LOST, [no])?;
        }
        self.run(KV_DROP, [RESYNC_EPOCH])
    }

    fn run(&self, sql: &str, with: impl Params) -> Result<()> {
        self.changed(sql, with).map(drop)
    }

    /// Runs a statement and answers how many rows it changed.
    fn changed(&self, sql: &str, with: impl Params) -> Result<usize> {
        self.tables.prepare_cached(sql)?.execute(with)
    }
}

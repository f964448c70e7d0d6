//! Questions of operators: calls and sessions, the newest first, a page at a time. Owns what is asked of which index; changes
//! nothing. Source: design §5, `reporting.md` 7.1.

use super::fault::Fault;
use super::ledger::stored;
use crate::limits::{SQL_RECORDS, SQL_WALK};
use crate::worker::{CallRecord, Page, RecordQuery, SessionRecord};
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, RadioId};
use rusqlite::{Connection, Row, params_from_iter};
use std::collections::HashSet;

const CALL: &str =
    "call.id, boot_id, call_no, system, client_id, callsign, call.src_id, dst_id, slot, kind, started_at,
    ended_at, duration_ms, frames, lost, coalesce(end_reason, '')";
const SESSION: &str = "id, boot_id, session_no, system, client_id, callsign, remote,
    trim(software || ' ' || package), connected_at, ended_at, coalesce(end_reason, '')";

/// A record with the place that pages go by.
type Placed<T> = (i64, T);

/// Conditions with their values.
struct Where {
    text: String,
    values: Vec<i64>,
}

impl Where {
    fn new(text: &str, value: i64) -> Self {
        Self { text: text.to_owned(), values: vec![value] }
    }

    /// Adds a condition with one `?`, if there is a value for it.
    fn and(&mut self, condition: &str, value: Option<i64>) -> bool {
        if let Some(value) = value {
            self.text = format!("{} AND {condition}", self.text);
            self.values.push(value);
        }
        value.is_some()
    }

    /// Adds what a call must be. One index is used, that of the condition which fewest calls meet; the unary plus keeps the
    /// others from being chosen.
    fn and_call(mut self, query: &RecordQuery) -> Self {
        let source = query.source.map(|source| i64::from(source.0));
        let client = query.client.map(|client| i64::from(client.0));
        let talkgroup = query.talkgroup.map(|talkgroup| i64::from(talkgroup.0));
        let mut is_indexed = self.and("src_id = ?", source);
        is_indexed |= self.and(if is_indexed { "+client_id = ?" } else { "client_id = ?" }, client);
        self.and(if is_indexed { "+dst_id = ?" } else { "dst_id = ?" }, talkgroup);
        self
    }
}

/// Records that are wanted: what is asked for, at most the limit.
fn wanted(query: &RecordQuery) -> usize {
    match usize::try_from(query.limit).unwrap_or(SQL_RECORDS) {
        0 => SQL_RECORDS,
        limit => limit.min(SQL_RECORDS),
    }
}

fn before(query: &RecordQuery) -> i64 {
    query.after.unwrap_or(i64::MAX)
}

/// A page of those that were found: one more than is wanted tells that there is a next one.
fn page<T>(mut found: Vec<Placed<T>>, wanted: usize) -> Page<T> {
    let is_more = found.len() > wanted;
    found.truncate(wanted);
    let next = found.last().map(|&(place, _)| place).filter(|_| is_more);
    Page { rows: found.into_iter().map(|(_, record)| record).collect(), next }
}

fn fetch<T>(
    tables: &Connection,
    sql: &str,
    values: &[i64],
    read: fn(&Row<'_>) -> rusqlite::Result<Placed<T>>,
) -> Result<Vec<Placed<T>>, Fault> {
    let mut statement = tables.prepare_cached(sql)?;
    let found = statement.query_map(params_from_iter(values), read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Calls.
pub(super) fn calls(tables: &Connection, query: &RecordQuery) -> Result<Page<CallRecord>, Fault> {
    let (wanted, before) = (wanted(query), before(query));
    let most = stored(wanted as u64 + 1);
    let is_any = query.client.is_none() && query.talkgroup.is_none() && query.source.is_none();
    let found = if query.last_heard && is_any {
        let sql = format!(
            "SELECT {CALL} FROM heard JOIN call ON call.id = heard.call_id WHERE heard.call_id < ?
             ORDER BY heard.call_id DESC LIMIT ?"
        );
        fetch(tables, &sql, &[before, most], read_call)?
    } else if query.last_heard {
        each_once(tables, query, wanted + 1)?
    } else {
        let mut filter = Where::new("call.id < ?", before).and_call(query);
        filter.values.push(most);
        let sql = format!("SELECT {CALL} FROM call WHERE {} ORDER BY call.id DESC LIMIT ?", filter.text);
        fetch(tables, &sql, &filter.values, read_call)?
    };
    Ok(page(found, wanted))
}

/// The last call of each radio among those of a client or talkgroup. Whoever was met on the way to the page is not met
/// again on it, so it always begins with the newest.
fn each_once(tables: &Connection, query: &RecordQuery, most: usize) -> Result<Vec<Placed<CallRecord>>, Fault> {
    let before = before(query);
    let mut filter = Where::new("1 = ?", 1).and_call(query);
    filter.values.push(stored(SQL_WALK as u64));
    let sql = format!("SELECT call.id, src_id FROM call WHERE {} ORDER BY call.id DESC LIMIT ?", filter.text);
    let mut statement = tables.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&filter.values))?;
    let (mut met, mut places) = (HashSet::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (place, source): (i64, i64) = (row.get(0)?, row.get(1)?);
        if met.insert(source) && place < before {
            places.push(place);
        }
        // There is only one radio to meet if the question names it.
        if places.len() >= most || query.source.is_some() {
            break;
        }
    }
    let mut one = tables.prepare_cached(&format!("SELECT {CALL} FROM call WHERE call.id = ?1"))?;
    let found = places.into_iter().map(|place| one.query_row([place], read_call));
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Sessions. A talkgroup means those that are subscribed to it now.
pub(super) fn sessions(tables: &Connection, query: &RecordQuery) -> Result<Page<SessionRecord>, Fault> {
    let wanted = wanted(query);
    let mut filter = Where::new("id < ?", before(query));
    let is_indexed = filter.and("client_id = ?", query.client.map(|client| i64::from(client.0)));
    let subscribed = "ended_at IS NULL AND +boot_id = (SELECT value FROM kv WHERE key = 'boot_id')
        AND session_no IN (SELECT session_no FROM subscription WHERE conference_tg = ? AND NOT paused)";
    filter.and(subscribed, query.talkgroup.map(|talkgroup| i64::from(talkgroup.0)));
    filter.values.push(stored(wanted as u64 + 1));
    let from = if query.talkgroup.is_some() && !is_indexed {
        "client_session INDEXED BY session_open"
    } else {
        "client_session"
    };
    let sql = format!("SELECT {SESSION} FROM {from} WHERE {} ORDER BY id DESC LIMIT ?", filter.text);
    Ok(page(fetch(tables, &sql, &filter.values, read_session)?, wanted))
}

/// A number as it was before it was stored.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn later(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|at| u64::try_from(at).unwrap_or(0)))
}

fn read_call(row: &Row<'_>) -> rusqlite::Result<Placed<CallRecord>> {
    let record = CallRecord {
        boot_id: row.get(1)?,
        call: CallNo(number(row, 2)?),
        system: row.get(3)?,
        client: ClientId(row.get(4)?),
        callsign: row.get(5)?,
        source: RadioId(row.get(6)?),
        talkgroup: ConferenceTg(row.get(7)?),
        slot: row.get(8)?,
        kind: row.get(9)?,
        started_ms: number(row, 10)?,
        ended_ms: later(row, 11)?,
        duration_ms: number(row, 12)?,
        frames: row.get(13)?,
        lost: row.get(14)?,
        end_reason: row.get(15)?,
    };
    Ok((row.get(0)?, record))
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Placed<SessionRecord>> {
    let record = SessionRecord {
        boot_id: row.get(1)?,
        session: number(row, 2)?,
        system: row.get(3)?,
        client: ClientId(row.get(4)?),
        callsign: row.get(5)?,
        remote: row.get(6)?,
        software: row.get(7)?,
        connected_ms: number(row, 8)?,
        ended_ms: later(row, 9)?,
        end_reason: row.get(10)?,
    };
    Ok((row.get(0)?, record))
}

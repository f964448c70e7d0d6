//! The table of calls, read from the file as any other program would. Owns nothing of it.

use super::traffic::Spoken;
use super::until;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) ended: bool,
    pub(crate) reason: String,
    pub(crate) lost: u32,
}

/// Waits until the worker has made the table.
pub(crate) fn wait_for_table(file: &Path) {
    until("the table is there", || {
        let tables = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
        tables.is_ok_and(|tables| tables.prepare("SELECT stream_id FROM call").is_ok())
    });
}

/// All rows, by stream.
pub(crate) fn calls(file: &Path) -> BTreeMap<u32, Vec<Row>> {
    let tables = Connection::open(file).unwrap();
    let sql = "SELECT stream_id, ended_at IS NOT NULL, coalesce(end_reason, ''), lost FROM call";
    let mut rows = tables.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| {
        Ok((row.get::<_, u32>(0)?, Row { ended: row.get(1)?, reason: row.get(2)?, lost: row.get(3)? }))
    });
    let mut all: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    for row in rows.unwrap() {
        let (stream, row) = row.unwrap();
        all.entry(stream).or_default().push(row);
    }
    all
}

/// The calls that do not stand in the table once, with all of their frames.
pub(crate) fn not_whole(file: &Path, spoken: &[Spoken]) -> Vec<String> {
    let kept = calls(file);
    let rows = spoken.iter().map(|call| (call.stream, kept.get(&call.stream).map_or(&[][..], Vec::as_slice)));
    rows.filter(|(_, rows)| !matches!(rows, [row] if row.reason == "terminator" && row.ended && row.lost == 0))
        .map(|(stream, rows)| format!("stream {stream:08x} stands there as {rows:?}"))
        .collect()
}

//! What scripts and pages of other programs select from, as views over the native tables: names and order of columns are
//! theirs. Owns nothing that is stored but two indexes for `feed`. Source: `reporting.md` 2.1.

use rusqlite::{Connection, Result};

/// Name, body, and what else it needs to be quick.
///
/// Local times are those of whoever reads, as these programs expect. Their thresholds hold too: who spoke for 2 s or less
/// was not heard, and 5 s or less are no contact.
pub(super) const VIEWS: [(&str, &str, &[&str]); 5] = [
    (
        "feed",
        "SELECT start_no AS id, 'GROUP VOICE' AS type, 'START' AS event, 'RX' AS trx, system, stream_id AS streamid,
             client_id AS peerid, src_id AS subid, slot, rf_tg AS dstid, 0.0 AS duration
         FROM call WHERE start_no IS NOT NULL
         UNION ALL SELECT end_no, 'GROUP VOICE', 'END', 'RX', system, stream_id, client_id, src_id, slot, rf_tg,
             round(duration_ms / 1000.0, 2)
         FROM call WHERE end_no IS NOT NULL",
        &["call(start_no)", "call(end_no)"],
    ),
    (
        "last_heard",
        "SELECT datetime(started_at / 1000, 'unixepoch', 'localtime') AS date_time,
             round(duration_ms / 1000.0, 2) AS qso_time, 'GROUP VOICE' AS qso_type, system, dst_id AS tg_num,
             call.src_id AS dmr_id
         FROM heard JOIN call ON call.id = (SELECT c.id FROM call c
             WHERE c.src_id = heard.src_id AND c.duration_ms > 2000 ORDER BY c.id DESC LIMIT 1)",
        &[],
    ),
    (
        "lstheard_log",
        "SELECT id, datetime(started_at / 1000, 'unixepoch', 'localtime') AS date_time,
             round(duration_ms / 1000.0, 2) AS qso_time, 'GROUP VOICE' AS qso_type, system, dst_id AS tg_num,
             src_id AS dmr_id
         FROM call WHERE end_no IS NOT NULL",
        &[],
    ),
    (
        "tg_count",
        "SELECT date('now', 'localtime') AS date, dst_id AS tg_num, count(*) AS qso_count,
             round(sum(duration_ms) / 1000.0, 2) AS qso_time
         FROM call WHERE duration_ms > 5000
             AND started_at >= 1000 * unixepoch('now', 'localtime', 'start of day', 'utc')
         GROUP BY dst_id",
        &[],
    ),
    (
        "user_count",
        "SELECT date('now', 'localtime') AS date, dst_id AS tg_num, src_id AS dmr_id,
             round(sum(duration_ms) / 1000.0, 2) AS qso_time
         FROM call WHERE duration_ms > 5000
             AND started_at >= 1000 * unixepoch('now', 'localtime', 'start of day', 'utc')
         GROUP BY dst_id, src_id",
        &[],
    ),
];

/// Statements that make the views those that are wanted; none if they are. A table of such a name is left alone: it is
/// somebody's.
pub(super) fn changes(connection: &Connection, wanted: &[String]) -> Result<Vec<String>> {
    let mut find = connection.prepare("SELECT type, sql FROM sqlite_schema WHERE name = ?1")?;
    let mut statements = Vec::new();
    for (name, body, indexes) in VIEWS {
        let create = format!("CREATE VIEW {name} AS {body}");
        let found = find.query_map([name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?;
        let found: Option<(String, Option<String>)> = found.last().transpose()?;
        let is_wanted = wanted.iter().any(|wanted| wanted == name);
        match found {
            Some((kind, _)) if kind != "view" => continue,
            Some((_, Some(sql))) if is_wanted && sql == create => continue,
            None if !is_wanted => continue,
            _ => {}
        }
        statements.push(format!("DROP VIEW IF EXISTS {name}"));
        if is_wanted {
            statements.push(create);
        }
        for (number, columns) in indexes.iter().enumerate() {
            statements.push(match is_wanted {
                true => format!("CREATE INDEX IF NOT EXISTS {name}_{number} ON {columns}"),
                false => format!("DROP INDEX IF EXISTS {name}_{number}"),
            });
        }
    }
    Ok(statements)
}

//! Long lists, which the server answers in pages: asks for one after the other and puts them together. Owns the bound on
//! both; changes no row. Source: design §5.

use super::client::Client;
use super::failure::Failure;
use crate::limits::MOST_PAGES;
use ragchew_offload::desk::Command;
use ragchew_offload::limits::{MOST_RECORDS, MOST_ROWS};
use serde_json::Value;

/// Rows of a page, and of all pages together, if this command is answered in pages.
fn sizes(command: &Command) -> Option<(u32, Option<u32>)> {
    match command {
        Command::Sessions { limit, .. } | Command::Talkgroups { limit, .. } => Some((MOST_ROWS, *limit)),
        Command::Records(query) | Command::SessionRecords(query) => Some((MOST_RECORDS, Some(query.limit))),
        _ => None,
    }
}

/// The same command for one page.
fn page(command: &Command, rows: u32, next: Option<i64>) -> Command {
    let mut command = command.clone();
    match &mut command {
        Command::Sessions { limit, after, .. } => {
            (*limit, *after) = (Some(rows), next.and_then(|next| u64::try_from(next).ok()));
        }
        Command::Talkgroups { limit, after } => {
            (*limit, *after) = (Some(rows), next.and_then(|next| u32::try_from(next).ok()));
        }
        Command::Records(query) | Command::SessionRecords(query) => (query.limit, query.after) = (rows, next),
        _ => {}
    }
    command
}

/// The whole answer. What has only one page comes as it is; of more, the rows stand in one answer, and `next` is that of the
/// last page.
///
/// # Errors
/// As [`Client::ask`]; or the pages do not end.
pub(super) fn ask(client: &mut Client, command: &Command, within: Option<u64>) -> Result<Value, Failure> {
    let Some((most, limit)) = sizes(command) else { return client.ask(command.clone(), within) };
    let mut left = limit.unwrap_or(u32::MAX);
    let mut whole = client.ask(page(command, most.min(left), None), within)?;
    for _ in 0..MOST_PAGES {
        left = limit.map_or(u32::MAX, |limit| limit.saturating_sub(rows(&whole)));
        let Some(next) = whole.get("next").and_then(Value::as_i64).filter(|_| left > 0) else { return Ok(whole) };
        let mut more = client.ask(page(command, most.min(left), Some(next)), within)?;
        if more.get("next").and_then(Value::as_i64) == Some(next) {
            break;
        }
        append(&mut whole, &mut more);
    }
    Err(Failure::garbage(client.path(), "a list whose pages do not end"))
}

fn rows(value: &Value) -> u32 {
    value.get("rows").and_then(Value::as_array).map_or(0, |rows| u32::try_from(rows.len()).unwrap_or(u32::MAX))
}

fn append(whole: &mut Value, more: &mut Value) {
    if let (Some(Value::Array(rows)), Some(Value::Array(new))) = (whole.get_mut("rows"), more.get_mut("rows")) {
        rows.append(new);
    }
    if let (Some(next), Some(last)) = (whole.get_mut("next"), more.get_mut("next")) {
        *next = last.take();
    }
}

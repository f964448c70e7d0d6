//! The server itself, its workers and its figures. Owns the sentences about them. Source: `runtime.md` S4-12, S4-34.

use crate::ctl::table::{Look, Table, pairs, warn};
use crate::words::{self, harmless};
use ragchew_offload::desk::{ByClass, Counters, Done, Perf, Queue, ReloadAnswer, Status, WorkerRow, Workers};
use ragchew_offload::supervise::{Ending, State};
use std::io::{self, Write};

pub(super) fn status(out: &mut dyn Write, answer: &Status, look: &Look) -> io::Result<()> {
    let id = if answer.server_id == 0 { "no server ID".to_owned() } else { format!("server ID {}", answer.server_id) };
    let workers: Vec<String> = answer.workers.iter().map(|(state, n)| format!("{n} {}", state.name())).collect();
    let up = words::age(answer.uptime_s);
    let lines = [
        ("server", format!("{}, {id}, Ragchew {}", answer.name, answer.version)),
        ("up", format!("{up}, since {} UTC", words::stamp(answer.started_ms))),
        ("process", format!("{}, boot {}", answer.pid, answer.boot_id)),
        ("clients", answer.sessions.to_string()),
        ("talkgroups", answer.talkgroups.to_string()),
        ("calls", format!("{} on the air, {} since the start", answer.calls_on_air, answer.calls)),
        ("workers", if workers.is_empty() { "none".to_owned() } else { workers.join(", ") }),
        ("events", events(&answer.queue)),
    ];
    pairs(out, look, &lines)?;
    if answer.last_calls {
        warn(out, look, "new calls and logins are refused; the server stops when nobody speaks any more")?;
    }
    if answer.stopping {
        warn(out, look, "the server is stopping")?;
    }
    if !answer.complete {
        warn(out, look, "events were lost; what there is now is being told again, and lists may lack rows until then")?;
    }
    Ok(())
}

fn events(queue: &Queue) -> String {
    let ByClass { sample, state, edge } = queue.refused;
    let refused = match (sample, state, edge) {
        (0, 0, 0) => "nothing refused".to_owned(),
        _ => format!("refused: {sample} samples, {state} states, {edge} edges"),
    };
    format!("{} of {} wait, {} at most; {refused}", queue.depth, queue.capacity, queue.high_water)
}

pub(super) fn workers(out: &mut dyn Write, answer: &Workers, look: &Look) -> io::Result<()> {
    let mut table = Table::new(&[
        "WORKER",
        "STATE",
        ">START",
        "PLACEMENT",
        ">PID",
        ">RESTARTS",
        ">BUSY",
        ">MEMORY",
        ">QUEUE",
        "LAST END",
    ]);
    for row in &answer.rows {
        table.coloured(colour(row.state), worker(row));
    }
    table.write(out, look, "this server has no workers")?;
    for row in &answer.rows {
        if let Some(loss) = &row.loss {
            warn(out, look, &format!("{} is {}: {loss}", row.name, row.state.name()))?;
        }
        if row.state == State::Broken {
            writeln!(out, "  it stays down until: ragchew ctl workers start {}", harmless(&row.name))?;
        }
        if let Some(trouble) = &row.trouble {
            warn(out, look, &format!("{}: {} ({})", row.name, trouble.text, trouble.detail))?;
            writeln!(out, "  {}", harmless(&trouble.cure))?;
        }
    }
    missing(out, &answer.missing, look)
}

const fn colour(state: State) -> Option<&'static str> {
    match state {
        State::Running => Some("32"),
        State::Unhealthy | State::Failed | State::Broken => Some("31"),
        State::Registered | State::Starting | State::Stopping | State::Stopped => None,
    }
}

fn worker(row: &WorkerRow) -> [String; 10] {
    let unknown = || "-".to_owned();
    let memory = row.memory.map_or_else(unknown, words::bytes);
    let limit = if row.memory_limit == 0 { String::new() } else { format!(" of {}", words::bytes(row.memory_limit)) };
    [
        row.name.clone(),
        row.state.name().to_owned(),
        format!("#{}", row.incarnation),
        row.placement.clone(),
        row.pid.map_or_else(unknown, |pid| pid.to_string()),
        row.restarts.to_string(),
        row.busy.map_or_else(unknown, |busy| words::per_mille(busy.into())),
        memory + &limit,
        format!("{}/{}", row.queue.depth, row.queue.capacity),
        row.last_ending.map_or_else(unknown, ending),
    ]
}

fn ending(ending: Ending) -> String {
    match ending {
        Ending::Exit(code) => format!("code {code}"),
        Ending::Signal(signal) => format!("signal {signal}"),
        Ending::Killed => "late, killed".to_owned(),
        Ending::Panic => "panic".to_owned(),
        Ending::NoStart(errno) => format!("no start: {}", io::Error::from_raw_os_error(errno)),
        Ending::Garbage => "not understood".to_owned(),
    }
}

/// Whose part of the answer is missing.
fn missing(out: &mut dyn Write, names: &[String], look: &Look) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    warn(out, look, &format!("no answer in time from: {}", names.join(", ")))
}

pub(super) fn perf(out: &mut dyn Write, answer: &Perf, look: &Look) -> io::Result<()> {
    let mut table = Table::new(&["WHO", ">BUSY", ">TURNS", ">LONGEST TURN", ">QUEUE", ">HIGHEST", ">ROOM"]);
    for row in &answer.rows {
        table.row([
            row.name.clone(),
            words::per_mille(row.busy.into()),
            row.turns.to_string(),
            format!("{}.{:03} ms", row.longest_turn_us / 1_000, row.longest_turn_us % 1_000),
            row.queue_depth.to_string(),
            row.queue_high_water.to_string(),
            row.queue_capacity.to_string(),
        ]);
    }
    table.write(out, look, "nobody answered")?;
    missing(out, &answer.missing, look)
}

pub(super) fn counters(out: &mut dyn Write, answer: &Counters, look: &Look) -> io::Result<()> {
    let mut table = Table::new(&["WHO", "WHAT", ">COUNT"]);
    for (who, counts) in &answer.by {
        for (what, count) in counts {
            table.row([who.clone(), what.clone(), count.to_string()]);
        }
    }
    table.write(out, look, "nobody answered")?;
    missing(out, &answer.missing, look)
}

pub(super) fn reload(out: &mut dyn Write, answer: &ReloadAnswer, look: &Look) -> io::Result<()> {
    for finding in &answer.findings {
        warn(out, look, finding)?;
    }
    let headline = match (answer.dry_run, answer.changes.is_empty()) {
        (true, true) => "nothing would change",
        (true, false) => "would change:",
        (false, true) => "the configuration was read again; nothing differs",
        (false, false) => "the configuration was read again; changed:",
    };
    writeln!(out, "{headline}")?;
    answer.changes.iter().try_for_each(|change| writeln!(out, "  {}", harmless(change)))
}

pub(super) fn done(out: &mut dyn Write, answer: &Done) -> io::Result<()> {
    writeln!(out, "{}", harmless(&answer.what))
}

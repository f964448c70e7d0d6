//! `ragchew check`: the findings, and what would run. Starts nothing and writes no file. Source: design §6, 7.

use super::args::Args;
use super::config::{Finding, Numbers, Plan, Severity, Source};
use super::{Exit, load, source, state, wants_colour, write_findings};
use ragchew_core::config::Passphrase;
use ragchew_offload::log::Format;
use serde_json::{Value, json};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

pub(super) fn check(args: &Args, as_json: bool) -> Exit {
    let source = source(args.config.as_deref());
    // Whether there is a passphrase already does not matter here: checking makes none.
    let checked = load(&source, &mut Numbers::default(), &|| Ok(Passphrase::default()));
    let exit = if checked.is_ok() { Exit::Ok } else { Exit::Configuration };
    let mut out = io::stdout().lock();
    let written = if as_json {
        writeln!(out, "{}", crate::words::json(&report(&source, &checked)))
    } else {
        let colour = wants_colour(&out);
        let state = state::directory(args.state.as_deref());
        write_report(&mut out, &source, &checked, state.as_deref(), colour)
    };
    match written.and_then(|()| out.flush()) {
        // A reader that went away has read what it wanted.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "ragchew check: standard output cannot be written: {error}");
            Exit::Failed
        }
        _ => exit,
    }
}

fn findings(checked: &Result<Plan, Vec<Finding>>) -> &[Finding] {
    match checked {
        Ok(plan) => &plan.warnings,
        Err(findings) => findings,
    }
}

fn count(findings: &[Finding], severity: Severity) -> String {
    let n = findings.iter().filter(|finding| finding.severity == severity).count();
    format!("{n} {}{}", severity.name(), if n == 1 { "" } else { "s" })
}

fn write_report(
    out: &mut impl Write,
    source: &Source,
    checked: &Result<Plan, Vec<Finding>>,
    state: Option<&Path>,
    colour: bool,
) -> io::Result<()> {
    let found = findings(checked);
    write_findings(out, source, found, colour)?;
    let Ok(plan) = checked else {
        let (errors, warnings) = (count(found, Severity::Error), count(found, Severity::Warning));
        return writeln!(out, "{source}: {errors}, {warnings}; this configuration would not start");
    };
    writeln!(out, "{source}: no errors, {}; this would run:", count(found, Severity::Warning))?;
    let id = plan.config.server.id.map_or_else(|| "no server ID".to_owned(), |id| format!("server ID {id}"));
    writeln!(out, "  server {:?}, {id}", plan.config.server.name)?;
    for listener in &plan.config.listeners {
        let own = listener.clients.len();
        writeln!(
            out,
            "  listener {} on {}: at most {} clients, {own} with settings of their own",
            listener.name,
            addresses(plan, listener).join(", "),
            listener.max_clients
        )?;
    }
    if plan.built_in {
        let place = state.map_or_else(|| "the state directory".to_owned(), |dir| dir.display().to_string());
        writeln!(out, "  its passphrase is generated at the first start and kept in {place}")?;
    }
    let file = plan.runtime.log_file.as_ref().map(|path| path.display().to_string());
    writeln!(
        out,
        "  log as {} to {}",
        format_name(plan.runtime.log_format),
        file.as_deref().unwrap_or("standard output")
    )
}

fn addresses(plan: &Plan, listener: &ragchew_core::config::Listener) -> Vec<String> {
    let of = |socket: &&super::config::Socket| listener.sockets.contains(&socket.id);
    plan.sockets.iter().filter(of).map(|socket| socket.address.to_string()).collect()
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Text => "text",
        Format::Compat => "compat",
        Format::Json => "json",
    }
}

fn report(source: &Source, checked: &Result<Plan, Vec<Finding>>) -> Value {
    let found: Vec<_> = findings(checked)
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity.name(),
                "line": finding.at.map(|at| at.line),
                "column": finding.at.map(|at| at.column),
                "key": finding.key,
                "message": finding.message,
            })
        })
        .collect();
    let file = match source {
        Source::File(_) => Some(source.to_string()),
        Source::BuiltIn => None,
    };
    let summary = checked.as_ref().ok().map(|plan| {
        let listeners: Vec<_> = plan
            .config
            .listeners
            .iter()
            .map(|listener| {
                json!({
                    "name": &*listener.name,
                    "bind": addresses(plan, listener),
                    "max_clients": listener.max_clients,
                    "clients": listener.clients.len(),
                })
            })
            .collect();
        json!({
            "server": { "id": plan.config.server.id.map(|id| id.0), "name": &*plan.config.server.name },
            "built_in": plan.built_in,
            "listeners": listeners,
            "log": {
                "format": format_name(plan.runtime.log_format),
                "file": plan.runtime.log_file.as_ref().map(|path| path.display().to_string()),
            },
        })
    });
    json!({ "ok": checked.is_ok(), "file": file, "findings": found, "summary": summary })
}

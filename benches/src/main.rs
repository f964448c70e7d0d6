//! What the server costs, in one table: instructions per packet, and the real binary beside a bare forwarder. Loopback only;
//! every load is bounded in count and time; stops only its own children. Source: design §9.

mod child;
mod flood;
mod instructions;
mod key;
mod load;
mod measure;
mod table;

use instructions::Gate;
use measure::Effort;
use std::path::PathBuf;
use std::process::ExitCode;
use table::Table;

const USAGE: &str = "\
benches/run [--quick] [--json] [--only PART,...]    everything, or parts: instructions throughput cpu latency memory flood
benches/run --gate                                  instruction counts against benches/instructions.json
benches/run --accept                                makes today's instruction counts the expected ones";

/// What was asked for.
struct Wanted {
    effort: Effort,
    json: bool,
    gate: bool,
    accept: bool,
    parts: Vec<String>,
    server: PathBuf,
}

fn wanted() -> Option<Wanted> {
    let mut wanted = Wanted {
        effort: Effort::FULL,
        json: false,
        gate: false,
        accept: false,
        parts: ["instructions", "throughput", "cpu", "latency", "memory", "flood"].map(String::from).to_vec(),
        server: PathBuf::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => wanted.effort = Effort::QUICK,
            "--json" => wanted.json = true,
            "--gate" => wanted.gate = true,
            "--accept" => wanted.accept = true,
            "--only" => wanted.parts = arguments.next()?.split(',').map(String::from).collect(),
            // It is started in a folder of its own.
            "--server" => wanted.server = std::path::absolute(arguments.next()?).ok()?,
            _ => return None,
        }
    }
    Some(wanted)
}

fn main() -> ExitCode {
    let Some(wanted) = wanted() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut table = Table::new(wanted.json);
    match run(&wanted, &mut table) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &Wanted, table: &mut Table) -> Result<bool, String> {
    if wanted.accept {
        instructions::accept(table)?;
        return Ok(table.finish());
    }
    let has = |part: &str| !wanted.gate && wanted.parts.iter().any(|wanted| wanted == part);
    let (binary, effort) = (wanted.server.as_path(), wanted.effort);
    let mut counts = Gate::Passed;
    if wanted.gate || has("instructions") {
        counts = instructions::gate(table)?;
    }
    // The flood's rate is half of what the forwarder drains in the same run.
    let needs_rate = has("throughput") || has("flood");
    let drains = if needs_rate { measure::throughput(binary, effort, table) } else { 0.0 };
    if has("cpu") {
        measure::cpu(binary, effort, table);
    }
    if has("latency") {
        measure::latency(binary, effort, table);
    }
    if has("memory") {
        measure::memory(binary, effort, table);
    }
    if has("flood") {
        measure::flood(binary, effort, drains, table);
    }
    Ok(table.finish() && counts != Gate::Failed)
}

//! What the manual promises is what the program does.
#![allow(clippy::unwrap_used)]

use ragchew_core::refusal::Refusal;
use ragchew_core::wire::Malformed;
use std::collections::BTreeSet;

const OPERATING: &str = include_str!("../../../docs/operating.md");

/// Names in the first column of the tables headed by `reason`.
fn reasons() -> BTreeSet<&'static str> {
    let tables = OPERATING.split("| reason | meaning |").skip(1);
    let rows = tables.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
    rows.filter_map(|row| row.split('`').nth(1)).collect()
}

#[test]
fn every_reason_of_a_refusal_stands_in_the_manual_and_no_other() {
    let refused = Refusal::ALL.iter().map(|why| why.name());
    let malformed = Malformed::ALL.iter().map(|why| why.name());
    assert_eq!(reasons(), refused.chain(malformed).collect());
}

#[test]
fn the_manual_explains_a_reason_in_the_words_of_the_program() {
    for why in Refusal::ALL {
        let row = format!("| `{}` | {} |", why.name(), why.text());
        assert!(OPERATING.contains(&row), "docs/operating.md lacks: {row}");
    }
}

#[test]
fn the_unit_reads_the_passphrase_as_root_and_does_not_repeat_a_start_that_cannot_succeed() {
    let unit = OPERATING.split("```ini").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let lines: BTreeSet<_> = unit.lines().collect();
    assert!(lines.contains("DynamicUser=yes"));
    assert!(lines.contains("LoadCredential=passphrase:/etc/ragchew/passphrase"));
    assert!(OPERATING.contains("passphrase: { file: /run/credentials/ragchew.service/passphrase }"));
    assert!(lines.contains("RestartPreventExitStatus=1 2 3"));
}

#[test]
fn the_page_of_architecture_names_every_thread() {
    let page = include_str!("../../../docs/architecture.md").split("## Threads").nth(1).unwrap();
    let started = [include_str!("../src/run.rs"), include_str!("../../offload/src/log/writer.rs")].concat();
    let names = started.split("Thread::start(\"").skip(1).chain(started.split(".name(\"").skip(1));
    let names: BTreeSet<_> = names.filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.is_superset(&BTreeSet::from(["hub", "keeper", "log"])), "{names:?}");
    for name in names {
        assert!(page.contains(&format!("\n| {name} | ")), "{name} is missing");
    }
}

/// What docs/limits.md should hold.
fn limits_page() -> String {
    let mut page = "# Limits\n\nEverything that could grow, wait or repeat has a limit. This page is made from the code and a test \
                    keeps it so: `RAGCHEW_BLESS=1 cargo test -p ragchew --test docs` writes it anew.\n"
        .to_owned();
    let rooms = [
        ("The core", ragchew_core::limits::limits()),
        ("Sockets, recordings and captures", ragchew_transport::limits::limits()),
        ("The log, the hub, workers and operators", ragchew_offload::limits::limits()),
        ("Configuration, channels, the orderly end and captures in words", ragchew_cli::limits::limits()),
    ];
    for (room, limits) in rooms {
        page += &format!("\n## {room}\n\n| name | value | what for |\n| --- | --- | --- |\n");
        for limit in limits {
            page += &format!("| `{}` | {} | {} |\n", limit.name, limit.value, limit.reason);
        }
    }
    page
}

#[test]
fn the_page_of_limits_says_what_the_code_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.md");
    if std::env::var_os("RAGCHEW_BLESS").is_some() {
        std::fs::write(&path, limits_page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), limits_page(), "run it with RAGCHEW_BLESS=1");
}

/// The command lines of the blocks that show a running server being operated, without the program's name.
fn examples() -> Vec<Vec<&'static str>> {
    let section =
        OPERATING.split("\n## Operating a running server\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let blocks = section.unwrap().split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ "));
    lines.map(|line| line.split(' ').collect()).collect()
}

#[test]
fn every_word_of_ctl_has_an_example_and_every_example_is_a_command_line() {
    use clap::{CommandFactory, Parser};
    let program = ragchew_cli::args::Args::command();
    let ctl = program.find_subcommand("ctl").unwrap();
    let words: BTreeSet<&str> = ctl.get_subcommands().map(clap::Command::get_name).collect();
    let shown: BTreeSet<&str> = examples().iter().filter(|words| words[1] == "ctl").map(|words| words[2]).collect();
    assert_eq!(shown, words);
    for example in examples() {
        assert!(ragchew_cli::args::Args::try_parse_from(&example).is_ok(), "{example:?}");
    }
}

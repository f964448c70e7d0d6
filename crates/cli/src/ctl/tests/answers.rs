//! The words of the command line become the commands of the socket.

use crate::args::{Args, Command as Word};
use clap::Parser;

/// What the socket is asked for these words.
fn asked(words: &str) -> String {
    let words = ["ragchew", "ctl"].into_iter().chain(words.split(' '));
    match Args::try_parse_from(words) {
        Ok(Args { command: Some(Word::Ctl(ctl)), .. }) => serde_json::to_string(&ctl.what.command()).unwrap(),
        Ok(_) => unreachable!(),
        Err(error) => format!("usage: {}", error.exit_code()),
    }
}

#[test]
fn every_word_asks_for_what_it_says() {
    for (words, command) in [
        ("status", r#"{"command":"status"}"#),
        ("sessions --client 2345001", r#"{"command":"sessions","limit":null,"after":null,"client":2345001}"#),
        ("talkgroups --limit 5", r#"{"command":"talkgroups","limit":5,"after":null}"#),
        ("calls", r#"{"command":"calls"}"#),
        ("workers", r#"{"command":"workers"}"#),
        ("workers start sql", r#"{"command":"worker","worker":"sql","action":"start"}"#),
        ("workers stop sql", r#"{"command":"worker","worker":"sql","action":"stop"}"#),
        ("workers restart all", r#"{"command":"worker","worker":"all","action":"restart"}"#),
        ("perf", r#"{"command":"perf"}"#),
        ("counters", r#"{"command":"counters"}"#),
        (
            "records --tg 91 --last-heard",
            r#"{"command":"records","client":null,"talkgroup":91,"source":null,"last_heard":true,"limit":100,"after":null}"#,
        ),
        (
            "session-records --client 1 --limit 7",
            r#"{"command":"session_records","client":1,"talkgroup":null,"source":null,"last_heard":false,"limit":7,"after":null}"#,
        ),
        ("logs", r#"{"command":"logs","lines":null,"follow":false}"#),
        ("logs --follow --lines 0", r#"{"command":"logs","lines":0,"follow":true}"#),
        ("watch", r#"{"command":"watch"}"#),
        ("kick 2345001 --listener hotspots", r#"{"command":"kick","client":2345001,"listener":"hotspots"}"#),
        ("unlink 2345001 --slot 2 --tg 235", r#"{"command":"unlink","client":2345001,"slot":2,"talkgroup":235}"#),
        ("reload --dry-run", r#"{"command":"reload","dry_run":true}"#),
        ("drain --wait 30", r#"{"command":"drain","wait_s":30}"#),
        ("stop --json --within 9 --socket s", r#"{"command":"stop"}"#),
    ] {
        assert_eq!(asked(words), command, "{words}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for words in [
        "",
        "sttaus",
        "kick",
        "kick me",
        "unlink 1 --slot 3",
        "workers rstart sql",
        "sessions --limit 0",
        "status --within 0",
        "status --within 61",
        "logs --lines 1001",
        "drain --wait 86401",
    ] {
        assert_eq!(asked(words), "usage: 2", "{words}");
    }
}

#[test]
fn the_command_line_is_sound() {
    use clap::CommandFactory;
    Args::command().debug_assert();
}

//! The manual against the program: every `ragchew ctl` line of docs/operating.md is run against a real server, in the order of
//! the page, and says what the page shows. Words of the page that differ from run to run (numbers, addresses, ages) are not
//! compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, too.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;
use support::control::{Control, socket_of};
use support::frames::Voice;
use support::{Hotspot, IN_TIME, PATIENCE, Server, free_port};

const PAGE: &str = include_str!("../../../docs/operating.md");

/// A command of the page, and what it shows below it.
struct Example {
    words: Vec<String>,
    shown: Vec<String>,
}

fn examples() -> Vec<Example> {
    let blocks = PAGE.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut examples = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match line.strip_prefix("$ ragchew ") {
            Some(words) => {
                examples.push(Example { words: words.split(' ').map(str::to_owned).collect(), shown: Vec::new() })
            }
            None => {
                examples.last_mut().into_iter().for_each(|example: &mut Example| example.shown.push(line.to_owned()))
            }
        }
    }
    examples.retain(|example| example.words.first().is_some_and(|word| word == "ctl"));
    examples
}

/// The words of a line that are the same in every run.
fn fixed(line: &str) -> Vec<&str> {
    line.split_whitespace().take_while(|word| !word.chars().any(|c| c.is_ascii_digit())).collect()
}

/// A server with the two clients of the page, one of which has keyed up a talkgroup.
fn scene(name: &str) -> (Server, [Hotspot; 2]) {
    let port = free_port();
    let config = format!(
        "server: {{ id: 2341 }}\nlisteners:\n- name: hotspots\n  bind: '127.0.0.1:{port}'\n  passphrase: hush-hush-77\n  \
         defaults: {{ ts2: [91] }}\n"
    );
    let server = Server::start(name, &config);
    server.wait_for("serving");
    // The page's server is set up as the page says: its configuration is not for everybody.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(server.dir.join("ragchew.yaml"), private).unwrap();
    let mut control = Control::open(&server);
    let until = Instant::now() + PATIENCE;
    while control.worker()["state"] != "running" {
        assert!(Instant::now() < until, "the worker does not run");
    }
    let hotspots = [2_345_001, 2_345_002].map(|id| {
        let hotspot = Hotspot::at(port, id);
        hotspot.log_in(b"hush-hush-77");
        hotspot
    });
    let voice = Voice::new(2_345_001, 235);
    for place in 0..8 {
        hotspots[0].socket.send(&voice.frame(place, 8, 77)).unwrap();
    }
    while control.ask(serde_json::json!({"command": "calls"})).unwrap()["heard"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < until, "the call is not told");
    }
    (server, hotspots)
}

fn command(server: &Server, words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ragchew"));
    command.args(words).arg("--socket").arg(socket_of(server)).current_dir(&server.dir).env_remove("NO_COLOR");
    command
}

/// The first lines of a command that goes on, which is then interrupted.
fn interrupted(mut child: Child, lines: usize) -> Vec<String> {
    let shown = BufReader::new(child.stdout.take().unwrap()).lines().take(lines).map(Result::unwrap).collect();
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(sent.success());
    let until = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "an interrupt does not end it");
        std::thread::yield_now();
    }
    shown
}

fn compare(words: &[String], page: &[String], shown: &[String]) {
    let [page, shown] = [page, shown].map(|lines| lines.first().map_or("", String::as_str));
    let wanted = fixed(page);
    let found: Vec<_> = shown.split_whitespace().take(wanted.len()).collect();
    assert_eq!(found, wanted, "{words:?} shows {shown:?} and the page {page:?}");
}

#[test]
fn every_command_of_the_manual_runs_and_shows_what_the_page_shows() {
    let (mut server, mut hotspots) = scene("manual");
    for (number, Example { words, shown }) in examples().iter().enumerate() {
        // They stay, however long the page is.
        hotspots.iter().for_each(|hotspot| hotspot.send(b"RPTPING", b""));
        if shown.iter().any(|line| line == "^C") {
            let child = command(&server, words).stdout(Stdio::piped()).spawn().unwrap();
            compare(words, shown, &interrupted(child, 1));
            continue;
        }
        let until = Instant::now() + PATIENCE;
        let Output { status, stdout, stderr } = loop {
            let output = command(&server, words).output().unwrap();
            // A worker that was just restarted answers in a moment.
            if output.status.success() || Instant::now() > until {
                break output;
            }
            std::thread::yield_now();
        };
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{words:?} ends with {status}: {stderr}");
        let lines: Vec<_> = String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect();
        compare(words, shown, &lines);
        if ["drain", "stop"].iter().any(|end| words.get(1).is_some_and(|word| word == end)) {
            let began = Instant::now();
            assert_eq!(server.end().0, Some(0));
            assert!(began.elapsed() < IN_TIME);
            (server, hotspots) = scene(&format!("manual-{number}"));
        }
    }
    drop(hotspots);
}

#[test]
fn the_manual_shows_every_command() {
    let shown: BTreeSet<_> = examples().into_iter().filter_map(|example| example.words.get(1).cloned()).collect();
    let help = Command::new(env!("CARGO_BIN_EXE_ragchew")).args(["ctl", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: BTreeSet<_> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    assert!(commands.len() >= 15, "{commands:?}");
    assert_eq!(commands.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}

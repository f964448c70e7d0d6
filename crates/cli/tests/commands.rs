//! The real binary on the command line: help, usage, and `check` with its findings, summary and exit codes.
#![allow(clippy::unwrap_used)] // Helpers of tests, too.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ragchew-commands-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn write(&self, text: &str) {
        fs::write(self.0.join("ragchew.yaml"), text).unwrap();
    }

    fn ragchew(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ragchew")).args(args).current_dir(&self.0).output().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

const GOOD: &str = "listeners:\n- { name: a, bind: '127.0.0.1:62031', passphrase: hush-hush-77 }\n";

#[test]
fn help_names_the_commands_the_options_and_the_exit_codes() {
    let here = Scratch::new("help");
    let help = here.ragchew(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["run", "check", "--config <FILE>", "--state <DIR>", "Exit codes:", "SIGHUP", "SIGUSR1", "SIGUSR2"] {
        let found = stdout(&help).contains(word) || stdout(&here.ragchew(&["run", "--help"])).contains(word);
        assert!(found, "{word} is missing");
    }
    assert!(stdout(&here.ragchew(&["check", "--help"])).contains("--json"));
    assert_eq!(here.ragchew(&["chekc"]).status.code(), Some(2));
    assert!(stdout(&here.ragchew(&["--version"])).starts_with("ragchew "));
}

#[test]
fn check_says_what_would_run_and_ends_with_0() {
    let here = Scratch::new("good");
    here.write(GOOD);
    let checked = here.ragchew(&["check"]);
    assert_eq!(checked.status.code(), Some(0));
    let text = stdout(&checked);
    assert!(text.contains("ragchew.yaml: no errors"), "{text}");
    assert!(text.contains("listener a on 127.0.0.1:62031: at most 10000 clients"), "{text}");
    assert!(!text.contains("hush-hush-77") && !text.contains('\x1b'), "{text}");
}

#[test]
fn check_names_all_errors_and_ends_with_1() {
    let here = Scratch::new("bad");
    here.write(&(GOOD.to_owned() + "polcy: {}\nserver: { id: x }\n"));
    let checked = here.ragchew(&["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let text = stdout(&checked);
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("warning")).collect();
    assert_eq!(lines[0], "ragchew.yaml:3:1: polcy: unknown key; did you mean policy?");
    assert_eq!(lines[1], "ragchew.yaml:4:15: server.id: expected a server ID of 4 to 7 digits, found x");
    assert!(text.contains("ragchew.yaml: 2 errors"), "{text}");
}

#[test]
fn check_prints_one_json_object_for_scripts() {
    let here = Scratch::new("json");
    here.write(&GOOD.replace("hush-hush-77", "passw0rd"));
    let checked = here.ragchew(&["check", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(
        (checked.status.code(), &object["ok"], &object["file"]),
        (Some(0), &true.into(), &"ragchew.yaml".into())
    );
    assert_eq!(object["summary"]["listeners"][0]["bind"][0], "127.0.0.1:62031");
    let findings = object["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|f| f["key"] == "listeners[0].passphrase" && f["severity"] == "warning" && f["line"] == 2)
    );

    here.write("listeners: 5\n");
    let checked = here.ragchew(&["check", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((checked.status.code(), &object["ok"], &object["summary"]), (Some(1), &false.into(), &().into()));
    assert_eq!((&object["findings"][0]["line"], &object["findings"][0]["column"]), (&1.into(), &12.into()));
}

#[test]
fn a_check_whose_result_cannot_be_written_does_not_end_with_0() {
    let here = Scratch::new("full");
    here.write(GOOD);
    for words in [&["check"][..], &["check", "--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ragchew"));
        let checked = command.args(words).current_dir(&here.0).stdout(full).output().unwrap();
        assert_eq!(checked.status.code(), Some(5));
        let text = String::from_utf8(checked.stderr).unwrap();
        assert!(text.starts_with("ragchew check: standard output cannot be written: "), "{text}");
    }
}

#[test]
fn a_server_whose_log_takes_nothing_says_so_on_standard_error() {
    let here = Scratch::new("deaf");
    here.write(&GOOD.replace("62031", "0"));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ragchew"));
    let mut server =
        command.args(["--state", "state"]).current_dir(&here.0).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let (tell, told) = channel();
    let lines = BufReader::new(server.stderr.take().unwrap()).lines();
    thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let line = told.recv_timeout(Duration::from_secs(20));
    server.kill().unwrap();
    server.wait().unwrap();
    let line = line.unwrap();
    assert!(line.starts_with("ragchew: the log cannot be written: "), "{line}");
}

#[test]
fn check_without_a_file_describes_the_built_in_default_and_writes_nothing() {
    if Path::new("/etc/ragchew/ragchew.yaml").exists() {
        return;
    }
    let here = Scratch::new("none");
    let checked = here.ragchew(&["check", "--state", "state"]);
    assert_eq!(checked.status.code(), Some(0));
    let text = stdout(&checked);
    assert!(text.contains("built-in default") && text.contains("0.0.0.0:62031") && text.contains("state"), "{text}");
    assert_eq!(fs::read_dir(&here.0).unwrap().count(), 0);
}

#[test]
fn a_file_that_was_named_and_is_not_there_is_an_error() {
    let here = Scratch::new("missing");
    let checked = here.ragchew(&["--config", "other.yaml", "check"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(stdout(&checked).starts_with("other.yaml: the file cannot be read: "));
}

#[test]
fn the_example_of_the_manual_is_accepted() {
    let here = Scratch::new("example");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ragchew.example.yaml");
    let checked = here.ragchew(&["check", "--config", example.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
}

#[test]
fn completions_and_the_manual_page_know_every_command() {
    let here = Scratch::new("shell");
    for shell in ["bash", "zsh", "fish"] {
        let made = here.ragchew(&["completions", shell]);
        assert_eq!(made.status.code(), Some(0));
        for word in ["ctl", "session-records", "dry-run"] {
            assert!(stdout(&made).contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(here.ragchew(&["completions", "cmd"]).status.code(), Some(2));
    let man = here.ragchew(&["man"]);
    assert_eq!(man.status.code(), Some(0));
    for words in [".TH ragchew 1", ".SH \"RAGCHEW CTL UNLINK\"", "\\-\\-dry\\-run", "0  ended in order"] {
        assert!(stdout(&man).contains(words), "{words} is missing in\n{}", stdout(&man));
    }
    assert!(!stdout(&man).contains("WORKER SQL"), "what is internal is in no manual");
}

#[test]
fn ctl_and_top_without_a_server_end_with_3_and_say_where_they_looked() {
    let here = Scratch::new("nobody");
    for words in [&["ctl", "status"][..], &["ctl", "--json", "watch"], &["top"], &["top", "--plain"]] {
        let ended = here.ragchew(&[words, &["--state", "nowhere"]].concat());
        assert_eq!(ended.status.code(), Some(3), "{words:?}");
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains("no server runs here") && said.contains("nowhere/control.sock (is not there)"), "{said}");
        assert!(ended.stdout.is_empty());
    }
    assert_eq!(here.ragchew(&["ctl", "sttaus"]).status.code(), Some(2));
    assert!(stdout(&here.ragchew(&["ctl", "kick", "--help"])).contains("--within"));
    assert!(stdout(&here.ragchew(&["ctl", "--help"])).contains("3  no server was reached"));
}

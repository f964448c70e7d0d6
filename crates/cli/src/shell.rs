//! Completions for shells and the manual page, both made from the words of the command line. Owns nothing of them.
//! Source: design §7.

use crate::Exit;
use crate::args::Args;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::{self, ErrorKind, Write};

/// Writes the completions of a shell to standard output.
pub(crate) fn completions(shell: Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "ragchew", &mut text);
    give("completions", &text)
}

/// Writes the manual page to standard output: the program, then every command.
pub(crate) fn man() -> Exit {
    match page() {
        Ok(text) => give("man", &text),
        Err(error) => failed("man", &error),
    }
}

fn page() -> io::Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    sections(&command, "ragchew", &mut text)?;
    Ok(text)
}

/// A section for every command under this one.
fn sections(command: &clap::Command, path: &str, text: &mut Vec<u8>) -> io::Result<()> {
    for under in command.get_subcommands().filter(|under| under.get_name() != "help" && !under.is_hide_set()) {
        let path = format!("{path} {}", under.get_name());
        writeln!(text, ".SH \"{}\"", path.to_uppercase())?;
        let man = clap_mangen::Man::new(under.clone());
        man.render_synopsis_section(text)?;
        man.render_description_section(text)?;
        man.render_options_section(text)?;
        sections(under, &path, text)?;
    }
    Ok(())
}

fn give(word: &str, text: &[u8]) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => failed(word, &error),
        _ => Exit::Ok,
    }
}

fn failed(word: &str, error: &io::Error) -> Exit {
    let _ = writeln!(io::stderr(), "ragchew {word}: standard output cannot be written: {error}");
    Exit::Failed
}

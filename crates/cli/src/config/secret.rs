//! Passphrases of the configuration: in the file itself, in a file of their own, or in the environment. Never puts a
//! value, nor anything that might be one, into a message. Source: design §6, `reporting.md` 9.

use super::Surroundings;
use super::tree::{Node, Value};
use super::walker::{Item, Walker};
use crate::file::{self, one_line};
use crate::limits::LONGEST_PASSPHRASE;
use ragchew_core::config::Passphrase;
use std::os::unix::fs::MetadataExt;

/// What the field's sample files say; everybody knows it.
const WELL_KNOWN: [&str; 3] = ["passw0rd", "password", "s3cr37w0rd"];

/// Reads a passphrase; an empty one is a warning, since anybody guesses it.
pub(super) fn passphrase(w: &mut Walker, item: &Item<'_>, around: &Surroundings<'_>) -> Option<Passphrase> {
    match &item.node.value {
        Value::Scalar { text, .. } => {
            w.inline_secret.get_or_insert(item.at());
            if text.is_empty() {
                w.warning(item, "empty: any client may log in, whatever it answers");
            } else if WELL_KNOWN.contains(&text.as_str()) {
                w.warning(item, "this passphrase stands in sample configurations and is known to everybody");
            }
            Some(Passphrase::new(text.as_bytes()))
        }
        Value::Map(entries) => match entries.as_slice() {
            [(key, Node { value: Value::Scalar { text, .. }, .. })] if key.text == "file" => {
                from_file(w, item, text, around)
            }
            [(key, Node { value: Value::Scalar { text, .. }, .. })] if key.text == "env" => {
                from_env(w, item, text, around)
            }
            _ => {
                w.unexpected_secret(item);
                None
            }
        },
        Value::Null | Value::List(_) => {
            w.unexpected_secret(item);
            None
        }
    }
}

fn from_file(w: &mut Walker, item: &Item<'_>, name: &str, around: &Surroundings<'_>) -> Option<Passphrase> {
    let path = around.base.join(name);
    // A name alone may be the passphrase itself.
    let shown = if name.contains('/') { path.display().to_string() } else { "that is named here".to_owned() };
    let (mode, bytes) = match file::read(&path, LONGEST_PASSPHRASE) {
        Ok((about, bytes)) => (about.mode(), bytes),
        Err(error) => {
            w.error(item, format!("the passphrase file {shown} cannot be read: {error}"));
            return None;
        }
    };
    let Some(line) = one_line(&bytes) else {
        w.error(
            item,
            format!("expected one line of at most {LONGEST_PASSPHRASE} bytes in the passphrase file {shown}"),
        );
        return None;
    };
    if mode & 0o004 != 0 {
        w.warning(item, format!("the passphrase file {shown} is readable by everyone; chmod 600 it"));
    }
    Some(Passphrase::new(line))
}

fn from_env(w: &mut Walker, item: &Item<'_>, name: &str, around: &Surroundings<'_>) -> Option<Passphrase> {
    match (around.env)(name).filter(|value| !value.is_empty()) {
        Some(value) => Some(Passphrase::new(value.into_bytes())),
        None => {
            // Its name is not shown: it may be the passphrase itself.
            w.error(item, "the environment variable that is named here is not set, is empty or is no UTF-8 text");
            None
        }
    }
}

//! What instruction counts depend on besides our code: compiler, C library, valgrind, machine. Owns the questions to the system
//! and their comparison with a committed key; counts nothing. Source: `docs/performance.md`.

use serde_json::{Map, Value};
use std::env;
use std::process::Command;

/// What stands where the system gave no answer. It equals nothing, not even itself.
const UNKNOWN: &str = "unknown";

/// Under what counts are comparable, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key([(&'static str, String); 4]);

impl Key {
    /// Of this machine, now.
    pub fn here() -> Self {
        Self([
            ("rustc", first_line("rustc", &["-V"])),
            // Copying and comparing bytes are the library's, chosen by it for the processor that valgrind shows.
            ("libc", first_line("getconf", &["GNU_LIBC_VERSION"])),
            ("valgrind", first_line("valgrind", &["--version"])),
            ("machine", env::consts::ARCH.to_owned()),
        ])
    }

    /// As it is committed.
    pub fn to_json(&self) -> Value {
        let fields = self.0.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    /// In what this key is not the `committed` one: each part in words.
    pub fn differences(&self, committed: &Value) -> Vec<String> {
        let other = |(name, value): &&(&str, String)| value == UNKNOWN || committed[*name] != value.as_str();
        let words = |(name, value): &(&str, String)| {
            let was = committed[*name].as_str().unwrap_or(UNKNOWN);
            format!("{name} is {value}, the committed counts are of {was}")
        };
        self.0.iter().filter(other).map(words).collect()
    }
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().map(str::trim).filter(|line| !line.is_empty()).unwrap_or(UNKNOWN).to_owned()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A key whose C library is `libc`.
    pub fn key(libc: &str) -> Key {
        let parts = [("rustc", "rustc 1.95.0"), ("libc", libc), ("valgrind", "valgrind-3.19.0"), ("machine", "x86_64")];
        Key(parts.map(|(name, value)| (name, value.to_owned())))
    }

    #[test]
    fn every_part_of_the_key_counts_and_what_is_unknown_is_another_one() {
        let committed = key("glibc 2.36").to_json();
        assert!(key("glibc 2.36").differences(&committed).is_empty());
        for name in ["rustc", "libc", "valgrind", "machine"] {
            let mut other = committed.clone();
            other[name] = "another one".into();
            let differences = key("glibc 2.36").differences(&other);
            assert!(matches!(differences.as_slice(), [one] if one.starts_with(name)), "{name}: {differences:?}");
            other.as_object_mut().unwrap().remove(name);
            assert_eq!(key("glibc 2.36").differences(&other).len(), 1, "{name}");
        }
        assert_eq!(key(UNKNOWN).differences(&key(UNKNOWN).to_json()).len(), 1);
    }

    #[test]
    fn what_cannot_be_asked_is_unknown() {
        assert_eq!(first_line("no-such-program", &[]), UNKNOWN);
        assert_eq!(first_line("false", &[]), UNKNOWN);
        assert!(first_line("rustc", &["-V"]).starts_with("rustc 1."));
    }
}

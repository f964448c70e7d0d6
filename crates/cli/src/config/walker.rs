//! Walks the spanned tree: opens sections against the key table, reads single values, and notes everything that is wrong
//! instead of stopping at the first. Knows no section by name. Source: design §6.

use super::findings::{Findings, nearest};
use super::keys::{Key, Section};
use super::tree::{Node, Position, Value};
use std::ops::RangeInclusive;

/// Characters of a wrong value that a message repeats.
const SHOWN: usize = 48;

/// Collects what is wrong while the sections are read.
#[derive(Default)]
pub(super) struct Walker {
    pub(super) findings: Findings,
    /// Where the first passphrase stands in the file itself.
    pub(super) inline_secret: Option<Position>,
}

/// A mapping whose keys are all known.
pub(super) struct Opened<'n> {
    entries: Vec<Item<'n>>,
}

/// A value, its full path and what was expected of it.
#[derive(Clone)]
pub(super) struct Item<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
    name: &'static str,
    expects: &'static str,
}

impl<'n> Opened<'n> {
    /// The value of a key, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&Item<'n>> {
        self.entries.iter().find(|item| item.name == name)
    }
}

impl<'n> Item<'n> {
    /// Where the value begins.
    pub(super) fn at(&self) -> Position {
        self.node.at
    }

    /// One entry of this list, of which the same is expected.
    pub(super) fn entry(&self, index: usize, node: &'n Node) -> Self {
        Self { node, path: format!("{}[{index}]", self.path), name: self.name, expects: self.expects }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What stands at a place, in words; a text is cut and its control characters are escaped.
fn found(node: &Node) -> String {
    let Value::Scalar { text, plain } = &node.value else { return shape(node).to_owned() };
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let dots = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    if *plain { format!("{shown}{dots}") } else { format!("the text \"{shown}{dots}\"") }
}

/// As [`found`], without a word of the value: a text in place of a mapping or a list may be a passphrase.
const fn shape(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "nothing",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
        Value::Scalar { .. } => "a text",
    }
}

/// The name in an unknown key: what stands before a colon or an equals sign without a space behind it.
fn name_in(key: &str) -> &str {
    key.split([':', '=']).next().unwrap_or("")
}

/// The path of an unknown key. What does not look like a key may be a passphrase, or the end of one behind a comma, and is
/// not shown.
pub(super) fn path_of_unknown(path: &str, key: &str, value: &Node) -> String {
    let name = name_in(key);
    let looks_like_one = (1..=SHOWN).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let is_set_apart = name.len() < key.len() || value.value != Value::Null;
    join(path, if looks_like_one && is_set_apart { name } else { "…" })
}

impl Walker {
    /// Notes an error about a value.
    pub(super) fn error(&mut self, item: &Item<'_>, message: impl Into<String>) {
        self.findings.error(item.at(), &item.path, message);
    }

    /// Notes a warning about a value.
    pub(super) fn warning(&mut self, item: &Item<'_>, message: impl Into<String>) {
        self.findings.warning(item.at(), &item.path, message);
    }

    /// Notes that the value is not what the key table expects.
    pub(super) fn unexpected(&mut self, item: &Item<'_>) {
        let message = format!("expected {}, found {}", item.expects, found(item.node));
        self.error(item, message);
    }

    /// As [`Self::unexpected`], without a word of the value.
    pub(super) fn unexpected_secret(&mut self, item: &Item<'_>) {
        let message = format!("expected {}", item.expects);
        self.error(item, message);
    }

    /// As [`Self::unexpected`], with the shape of the value alone.
    pub(super) fn unexpected_shape(&mut self, item: &Item<'_>) {
        let message = format!("expected {}, found {}", item.expects, shape(item.node));
        self.error(item, message);
    }

    /// The mapping at `node` as a section: unknown and repeated keys and missing ones are noted.
    pub(super) fn open<'n>(&mut self, node: &'n Node, path: &str, section: &'static Section) -> Option<Opened<'n>> {
        let Value::Map(entries) = &node.value else {
            let names: Vec<_> = section.keys.iter().map(|key| key.name).collect();
            self.findings.error(
                node.at,
                path,
                format!("expected a mapping with the keys {}, found {}", names.join(", "), shape(node)),
            );
            return None;
        };
        let mut opened = Opened { entries: Vec::with_capacity(entries.len()) };
        for (key, value) in entries {
            if self.findings.is_full() {
                self.findings.error(key.at, "", "not looked at");
                return None;
            }
            match section.key(&key.text) {
                None => {
                    let path = path_of_unknown(path, &key.text, value);
                    self.findings.error(key.at, &path, unknown(&key.text, section));
                }
                Some(known) if opened.get(known.name).is_some() => {
                    self.findings.error(key.at, &join(path, known.name), "this key stands here twice");
                }
                Some(&Key { name, expects, .. }) => {
                    opened.entries.push(Item { node: value, path: join(path, name), name, expects });
                }
            }
        }
        for key in section.keys.iter().filter(|key| key.required && opened.get(key.name).is_none()) {
            let path = join(path, key.name);
            self.findings.error(node.at, &path, format!("missing; expected {}", key.expects));
        }
        Some(opened)
    }

    /// The mapping at a key of `parent`, if the key is there.
    pub(super) fn open_at<'n>(
        &mut self,
        parent: Option<&Opened<'n>>,
        name: &str,
        section: &'static Section,
    ) -> Option<Opened<'n>> {
        let item = parent?.get(name)?.clone();
        self.open(item.node, &item.path, section)
    }

    /// A text in or without quotes.
    pub(super) fn text<'n>(&mut self, item: &Item<'n>) -> Option<&'n str> {
        if let Value::Scalar { text, .. } = &item.node.value {
            return Some(text);
        }
        self.unexpected(item);
        None
    }

    /// A text of one line whose length in characters lies in `lengths`.
    pub(super) fn line<'n>(&mut self, item: &Item<'n>, lengths: RangeInclusive<usize>) -> Option<&'n str> {
        let text = self.text(item)?;
        if lengths.contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            return Some(text);
        }
        self.unexpected(item);
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, item: &Item<'_>) -> Option<bool> {
        match &item.node.value {
            Value::Scalar { text, plain: true } if text == "true" => Some(true),
            Value::Scalar { text, plain: true } if text == "false" => Some(false),
            _ => {
                self.unexpected(item);
                None
            }
        }
    }

    /// A whole number in `range`.
    pub(super) fn number(&mut self, item: &Item<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        if let Value::Scalar { text, plain: true } = &item.node.value {
            if let Some(number) = whole(text).filter(|number| range.contains(number)) {
                return Some(number);
            }
        }
        self.unexpected(item);
        None
    }

    /// As [`Self::number`], for numbers of 32 bits.
    pub(super) fn number32(&mut self, item: &Item<'_>, range: RangeInclusive<u32>) -> Option<u32> {
        let number = self.number(item, u64::from(*range.start())..=u64::from(*range.end()))?;
        u32::try_from(number).ok()
    }

    /// A decimal share in `range`, in per mille.
    pub(super) fn per_mille(&mut self, item: &Item<'_>, range: RangeInclusive<u16>) -> Option<u16> {
        if let Value::Scalar { text, plain: true } = &item.node.value {
            if let Some(share) = per_mille(text).filter(|share| range.contains(share)) {
                return Some(share);
            }
        }
        self.unexpected(item);
        None
    }

    /// The mode of a file that is read and written, by its owner at least, and not executed.
    pub(super) fn mode(&mut self, item: &Item<'_>) -> Option<u32> {
        if let Value::Scalar { text, .. } = &item.node.value {
            let digits = text.strip_prefix('0').filter(|digits| digits.len() == 3);
            let mode = digits.filter(|digits| digits.bytes().all(|b| matches!(b, b'0' | b'2' | b'4' | b'6')));
            if let Some(mode) = mode.and_then(|digits| u32::from_str_radix(digits, 8).ok()) {
                if mode & 0o600 == 0o600 {
                    return Some(mode);
                }
            }
        }
        self.unexpected(item);
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, item: &Item<'_>, words: &[(&str, T)]) -> Option<T> {
        if let Value::Scalar { text, .. } = &item.node.value {
            if let Some(&(_, value)) = words.iter().find(|(word, _)| word == text) {
                return Some(value);
            }
        }
        self.unexpected(item);
        None
    }

    /// The entries of a list of at most `most`.
    pub(super) fn list<'n>(&mut self, item: &Item<'n>, most: usize) -> Option<Vec<Item<'n>>> {
        match &item.node.value {
            Value::List(nodes) if nodes.len() <= most => {
                Some(nodes.iter().enumerate().map(|(index, node)| item.entry(index, node)).collect())
            }
            Value::List(nodes) => {
                let message = format!("expected {}, found {} entries", item.expects, nodes.len());
                self.error(item, message);
                None
            }
            _ => {
                self.unexpected_shape(item);
                None
            }
        }
    }
}

/// A decimal number without sign or leading zeros, which readers of YAML understand differently.
pub(super) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// A decimal number with at most three digits behind its point and none missing before it, as thousandths.
fn per_mille(text: &str) -> Option<u16> {
    let (before, behind) = text.split_once('.').unwrap_or((text, "0"));
    let digits = (1..=3).contains(&behind.len()) && behind.bytes().all(|b| b.is_ascii_digit());
    let thousandths = format!("{behind:0<3}").parse::<u64>().ok().filter(|_| digits)?;
    let share = whole(before)?.checked_mul(1_000)?.checked_add(thousandths)?;
    u16::try_from(share).ok()
}

fn unknown(key: &str, section: &Section) -> String {
    let name = name_in(key);
    if name.len() < key.len() && section.key(name).is_some() {
        return "unknown key; a colon and a space belong between a key and its value".to_owned();
    }
    let names = section.keys.iter().map(|key| key.name);
    match nearest(name, names.clone()) {
        Some(meant) => format!("unknown key; did you mean {meant}?"),
        None => format!("unknown key; known here: {}", names.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_in_thousandths_without_rounding() {
        for (text, share) in
            [("0.98", 980), ("0.9", 900), ("0.001", 1), ("0", 0), ("1", 1_000), ("1.0", 1_000), ("65.535", 65_535)]
        {
            assert_eq!(per_mille(text), Some(share), "{text}");
        }
        for text in [
            "",
            ".",
            ".9",
            "1.",
            "0.9800",
            "00.9",
            "-0.9",
            "+0.9",
            "0.+9",
            "0.9 ",
            "0,9",
            "9e-1",
            "0.9.0",
            "65.536",
            "99999999999999999999",
        ] {
            assert_eq!(per_mille(text), None, "{text}");
        }
    }
}

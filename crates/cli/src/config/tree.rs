//! The text of a YAML file as a tree in which every key and value knows its line and column. Keeps duplicate keys and the
//! text of scalars as written; knows nothing of what a key means. Anchors, aliases and tags are refused: a configuration
//! needs none, and an alias could grow without bound. Source: `dependencies.md`, "YAML errors".

use crate::limits::{MAX_BYTES, MAX_DEPTH};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// A place in a file; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl From<&Marker> for Position {
    fn from(marker: &Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

/// A value and where it begins. Without `Debug`: it may hold a passphrase.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) at: Position,
    /// What it is.
    pub(super) value: Value,
}

/// What stands at a place.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// One word, number or text; `plain` when it stands without quotes.
    Scalar {
        /// As written, escapes resolved.
        text: String,
        /// Whether it stands without quotes, so that `true` is not a text.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the file, duplicates included.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Where it begins.
    pub(super) at: Position,
    /// The key.
    pub(super) text: String,
}

/// Why a text is no tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Where.
    pub(super) at: Position,
    /// What was wrong.
    pub(super) what: String,
}

/// Reads the single document of `text`; an empty one is [`Value::Null`].
///
/// # Errors
/// The first thing that is not YAML, or that a configuration does not use.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(SyntaxError {
            at: Position::START,
            what: format!("the file is larger than {} MiB", MAX_BYTES >> 20),
        });
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.take(event, Position::from(&span.start))?,
            Err(error) => {
                return Err(SyntaxError { at: Position::from(error.marker()), what: not_yaml(error.info()) });
            }
        }
    }
    Ok(builder.root.unwrap_or(Node { at: Position::START, value: Value::Null }))
}

/// The parser's words, and what most often stands behind them.
fn not_yaml(info: &str) -> String {
    // What a passphrase without quotes leads to: it begins with a character that means something else, or has one inside.
    const UNQUOTED: [&str; 6] = [
        "unexpected character",
        "unknown anchor",
        "block scalar",
        "misplaced bracket",
        "trailing content",
        "mapping values are not allowed",
    ];
    if info.starts_with("simple key") {
        return "this is not YAML: a key here or in the line before lacks its colon, or the space behind the colon"
            .to_owned();
    }
    let hint = if UNQUOTED.iter().any(|words| info.contains(words)) {
        "; a text with a character that means something in YAML belongs in quotes"
    } else {
        ""
    };
    format!("this is not YAML: {info}{hint}")
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    documents: usize,
    root: Option<Node>,
}

enum Open {
    List(Position, Vec<Node>),
    Map(Position, Vec<(Key, Node)>, Option<Key>),
}

fn refuse<T>(at: Position, what: &str) -> Result<T, SyntaxError> {
    Err(SyntaxError { at, what: what.to_owned() })
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), SyntaxError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    refuse(at, "a second document: a configuration is one document")
                } else {
                    Ok(())
                }
            }
            Event::Alias(_) => refuse(at, "an alias (*name): write the value itself"),
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag)
                if anchor != 0 || tag.is_some() =>
            {
                refuse(
                    at,
                    "an anchor (&name) or a tag (!name): write the plain value; put a text that begins so in quotes",
                )
            }
            Event::Scalar(text, style, ..) => self.scalar(at, text.into_owned(), style == ScalarStyle::Plain),
            Event::SequenceStart(..) => self.deeper(at, Open::List(at, Vec::new())),
            Event::MappingStart(..) => self.deeper(at, Open::Map(at, Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(at, items)) => self.place(Node { at, value: Value::List(items) }),
                Some(Open::Map(at, entries, _)) => self.place(Node { at, value: Value::Map(entries) }),
                None => Ok(()),
            },
        }
    }

    fn deeper(&mut self, at: Position, open: Open) -> Result<(), SyntaxError> {
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            return refuse(at, "a list or a mapping stands where a key is expected");
        }
        if self.open.len() >= MAX_DEPTH {
            return refuse(at, "nested too deeply");
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, at: Position, text: String, plain: bool) -> Result<(), SyntaxError> {
        if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
            *key = Some(Key { at, text });
            return Ok(());
        }
        let null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        self.place(Node { at, value: if null { Value::Null } else { Value::Scalar { text, plain } } })
    }

    fn place(&mut self, node: Node) -> Result<(), SyntaxError> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => return refuse(node.at, "a value without a key"),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(node: &Node) -> &[(Key, Node)] {
        match &node.value {
            Value::Map(entries) => entries,
            _ => panic!("no mapping"),
        }
    }

    #[test]
    fn every_key_and_value_knows_its_place_and_duplicates_stay() {
        let root = parse("a: 1\nlist:\n  - x: 'true'\n    ä: y\na: 2\n").unwrap();
        let keys: Vec<_> =
            map(&root).iter().map(|(k, v)| (k.text.as_str(), k.at.line, k.at.column, v.at.line)).collect();
        assert_eq!(keys, [("a", 1, 1, 1), ("list", 2, 1, 3), ("a", 5, 1, 5)]);
        let Value::List(items) = &map(&root)[1].1.value else { panic!() };
        let inner = map(&items[0]);
        assert!(inner[0].1.value == Value::Scalar { text: "true".into(), plain: false });
        assert_eq!((inner[1].0.at, inner[1].1.at.column), (Position { line: 4, column: 5 }, 8));
    }

    #[test]
    fn what_is_no_single_plain_document_is_refused_with_its_place() {
        let line_of = |text: &str| parse(text).err().map(|e| (e.at.line, e.what));
        assert_eq!(line_of("a: [1, 2\nb: 3\n").unwrap().0, 2);
        assert!(line_of("a: &x 1\n").unwrap().1.contains("anchor"));
        assert!(line_of("a: *x\n").is_some());
        assert!(line_of("a: 1\n---\nb: 2\n").unwrap().1.contains("second document"));
        assert!(line_of("? [a, b]\n: 1\n").unwrap().1.contains("key is expected"));
        assert!(line_of(&format!("a: {}1{}", "[".repeat(40), "]".repeat(40))).unwrap().1.contains("nested"));
        assert!(line_of(&"#".repeat(MAX_BYTES + 1)).unwrap().1.contains("larger"));
    }

    #[test]
    fn a_missing_space_and_missing_quotes_are_named_in_plain_words() {
        let said = |text: &str| parse(text).err().map(|e| e.what).unwrap_or_default();
        let missing = said("- name: a\n  passphrase:hush\n  bind: x\n");
        assert!(missing.contains("in the line before lacks its colon, or the space behind"), "{missing}");
        for value in ["@hush", "*hush", "&hush", "`hush", "%hush", "!hush", "|hush", ">hush", "}hush", "hu: sh"] {
            let text = said(&format!("passphrase: {value}\n"));
            assert!(text.contains("in quotes") && !text.contains("hush"), "{value}: {text}");
        }
    }

    #[test]
    fn an_empty_file_and_an_empty_value_are_nothing() {
        assert!(parse("# nothing\n").unwrap().value == Value::Null);
        assert_eq!(map(&parse("a:\nb: ~\nc: ''\n").unwrap()).iter().filter(|(_, v)| v.value == Value::Null).count(), 2);
    }
}

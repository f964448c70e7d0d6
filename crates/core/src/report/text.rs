//! Text of clients inside events: bytes of a fixed length, padded with NUL, so that an event owns no heap. Owns its form for
//! people; makes nothing of what it says. Source: `wire.md` 1.4, design §5.

use crate::shown::is_hidden;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text of at most `N` bytes as a client sent it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// From the bytes of the wire, padded or not; what lies behind `N` is cut.
    pub fn new(bytes: &[u8]) -> Self {
        let mut text = [0; N];
        let length = bytes.len().min(N);
        if let (Some(to), Some(from)) = (text.get_mut(..length), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        Self(text)
    }

    /// The bytes with their padding.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// Without padding and without what a terminal would obey or what turns text; bytes that are not UTF-8 are shown as Latin-1.
impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(N);
        let bytes = self.0.get(..end).unwrap_or_default().trim_ascii();
        let mut put = |c: char| if is_hidden(c) { Ok(()) } else { fmt::Write::write_char(f, c) };
        match core::str::from_utf8(bytes) {
            Ok(text) => text.chars().try_for_each(&mut put),
            // The last character did not fit.
            Err(cut) if cut.error_len().is_none() && end == N => {
                let whole = bytes.get(..cut.valid_up_to()).and_then(|whole| core::str::from_utf8(whole).ok());
                whole.unwrap_or_default().chars().try_for_each(&mut put)
            }
            Err(_) => bytes.iter().map(|&byte| char::from(byte)).try_for_each(&mut put),
        }
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        let end = self.0.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        serializer.serialize_bytes(self.0.get(..end).unwrap_or_default())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const N: usize>;
        impl<const N: usize> de::Visitor<'_> for Visitor<N> {
            type Value = Text<N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of a client")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<N>, E> {
                // A Latin-1 text may be longer as UTF-8: it is cut between characters.
                let cut = (0..=text.len().min(N)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
                Ok(Text::new(text.as_bytes().get(..cut).unwrap_or_default()))
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Text<N>, E> {
                Ok(Text::new(bytes))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_what_a_terminal_would_obey_are_not_shown() {
        assert_eq!(Text::<8>::new(b"M0TST   ").to_string(), "M0TST");
        assert_eq!(Text::<8>::new(b"Q3\x1bCAT\0\0").to_string(), "Q3CAT");
        assert_eq!(Text::<8>::new(b"K\xf6ln").to_string(), "K\u{f6}ln");
        assert_eq!(Text::<8>::new("Q\u{202e}TAC".as_bytes()).to_string(), "QTAC");
    }

    #[test]
    fn a_text_comes_back_as_it_was_from_bytes_and_readable_from_json() {
        for bytes in [&b"M0TST"[..], b"", b"K\xf6ln\0\0\0\x01", b"12345678"] {
            let text = Text::<8>::new(bytes);
            let bytes = postcard::to_allocvec(&text).unwrap();
            assert_eq!(postcard::from_bytes::<Text<8>>(&bytes).unwrap(), text);
        }
        let text = Text::<8>::new("Kölnäöü".as_bytes());
        assert_eq!(text.to_string(), "Kölnä");
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<Text<8>>(&json).unwrap().to_string(), text.to_string());
    }
}

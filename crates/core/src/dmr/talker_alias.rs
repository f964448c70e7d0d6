//! Talker alias: the talker's text in up to four LCs (FLCO 4–7), in four formats. Owns text coding and the assembly of a
//! stream's blocks; never looks anyone up. Source: `wire.md` 5.8.

use crate::shown::is_hidden;
use core::fmt;
use core::str::from_utf8;

use super::{Flco, LinkControl};

/// Payload of four blocks in bytes.
const PAYLOAD: usize = 28;
/// Text bytes of the 8-bit and 16-bit formats: all but the header byte.
const TEXT: usize = PAYLOAD - 1;
/// Characters of the 7-bit format: 224 bits less seven of header, by seven.
const SEVEN_BIT_MAX: usize = 31;

/// How the text is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AliasFormat {
    /// 7-bit characters, at most 31.
    SevenBit = 0,
    /// ISO 8859-1, at most 27.
    Iso8859 = 1,
    /// UTF-8, at most 27 bytes.
    Utf8 = 2,
    /// UTF-16, big-endian, at most 13 units.
    Utf16 = 3,
}

impl AliasFormat {
    const fn of_header(byte: u8) -> Self {
        match byte >> 6 {
            0 => Self::SevenBit,
            1 => Self::Iso8859,
            2 => Self::Utf8,
            _ => Self::Utf16,
        }
    }

    /// Payload bytes that a text of `length` units touches, header byte included.
    const fn covered(self, length: usize) -> usize {
        match self {
            Self::SevenBit => (7 * (1 + length)).div_ceil(8),
            Self::Iso8859 | Self::Utf8 => 1 + length,
            Self::Utf16 => 1 + 2 * length,
        }
    }

    /// Units that fit into four blocks.
    const fn max_length(self) -> usize {
        match self {
            Self::SevenBit => SEVEN_BIT_MAX,
            Self::Iso8859 | Self::Utf8 => TEXT,
            Self::Utf16 => TEXT / 2,
        }
    }
}

/// The text of an alias: UTF-8 without what people cannot see, on the stack.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AliasText {
    bytes: [u8; Self::CAPACITY],
    len: u8,
}

impl AliasText {
    /// Largest length in bytes: 27 characters of ISO 8859-1, two bytes each.
    pub const CAPACITY: usize = 2 * TEXT;

    const EMPTY: Self = Self { bytes: [0; Self::CAPACITY], len: 0 };

    /// The text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|text| from_utf8(text).ok()).unwrap_or_default()
    }

    /// Appends a character, if it fits and is neither NUL nor anything else that people cannot see.
    fn push(&mut self, character: char) {
        let start = usize::from(self.len);
        let end = start + character.len_utf8();
        if let Some(place) = self.bytes.get_mut(start..end).filter(|_| !is_hidden(character)) {
            character.encode_utf8(place);
            self.len = end as u8;
        }
    }
}

impl FromIterator<char> for AliasText {
    fn from_iter<I: IntoIterator<Item = char>>(characters: I) -> Self {
        let mut text = Self::EMPTY;
        characters.into_iter().for_each(|character| text.push(character));
        text
    }
}

impl fmt::Debug for AliasText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for AliasText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Gathers the alias blocks of one stream, in any order, repeated or with gaps. Create one per stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TalkerAliasAssembler {
    payload: [[u8; 7]; 4],
    have: [bool; 4],
    published: bool,
}

impl TalkerAliasAssembler {
    /// An assembler without blocks.
    pub const fn new() -> Self {
        Self { payload: [[0; 7]; 4], have: [false; 4], published: false }
    }

    /// Forgets all blocks: a new stream begins.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Takes an embedded LC; any that is not a clear, standard alias block is passed over. The text, once, when this
    /// block completed or changed it.
    pub fn push(&mut self, lc: LinkControl) -> Option<AliasText> {
        match lc.flco() {
            Flco::TalkerAlias(block) if lc.is_standard() => self.push_block(block, lc.payload()),
            _ => None,
        }
    }

    /// Takes the payload of block 0–3 (as DMRA carries it); others are passed over.
    pub fn push_block(&mut self, block: u8, payload: [u8; 7]) -> Option<AliasText> {
        let index = usize::from(block);
        let (place, have) = (self.payload.get_mut(index)?, *self.have.get(index)?);
        if !have || *place != payload {
            *place = payload;
            // Another header is another alias: the blocks of the old one do not belong to it.
            if index == 0 && have {
                self.have = [false; 4];
            }
            if let Some(have) = self.have.get_mut(index) {
                *have = true;
            }
            self.published &= index >= blocks_for(self.payload[0][0]);
        }
        if self.published {
            return None;
        }
        let text = self.text()?;
        self.published = true;
        Some(text)
    }

    /// The text, if the consecutive blocks cover it and it is not empty.
    pub fn text(&self) -> Option<AliasText> {
        let blocks = self.have.iter().take_while(|&&have| have).count();
        if blocks == 0 {
            return None;
        }
        let mut payload = [0; PAYLOAD];
        for (place, byte) in payload.iter_mut().zip(self.payload.as_flattened()) {
            *place = *byte;
        }
        if blocks_for(payload[0]) > blocks {
            return None;
        }
        let (format, length) = read_header(payload[0]);
        Some(decode_text(&payload, format, length)).filter(|text| !text.as_str().is_empty())
    }
}

/// The four blocks that carry `text`, as LCs; cut at a character when too long. What the format lacks becomes `?`.
pub fn encode(text: &str, format: AliasFormat) -> [LinkControl; 4] {
    let mut payload = [0; PAYLOAD];
    let length = match format {
        AliasFormat::SevenBit => encode_seven_bit(text, &mut payload),
        AliasFormat::Iso8859 => {
            let latin = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
            let (_, place) = split_header(&mut payload);
            place.iter_mut().zip(latin).map(|(byte, value)| *byte = value).count()
        }
        AliasFormat::Utf8 => {
            let mut length = 0;
            let (_, place) = split_header(&mut payload);
            for character in text.chars() {
                let Some(place) = place.get_mut(length..length + character.len_utf8()) else { break };
                length += character.encode_utf8(place).len();
            }
            length
        }
        AliasFormat::Utf16 => encode_utf16(text, &mut payload),
    };
    let (header, _) = split_header(&mut payload);
    *header |= (format as u8) << 6 | (length as u8) << 1;
    let mut blocks = payload.chunks_exact(7).zip(0..);
    core::array::from_fn(|_| {
        let mut bytes = [0; 7];
        let (chunk, block) = blocks.next().unwrap_or((&[], 0));
        bytes.iter_mut().zip(chunk).for_each(|(place, byte)| *place = *byte);
        LinkControl::from_payload(Flco::TalkerAlias(block), bytes)
    })
}

/// How many of the four blocks a header's text needs, 1–4: the rest need not be sent.
pub fn blocks_needed(header: LinkControl) -> usize {
    let [byte, ..] = header.payload();
    blocks_for(byte)
}

/// Format and length of a header byte, the length not more than four blocks hold.
fn read_header(byte: u8) -> (AliasFormat, usize) {
    let format = AliasFormat::of_header(byte);
    (format, usize::from(byte >> 1 & 31).min(format.max_length()))
}

fn blocks_for(header_byte: u8) -> usize {
    let (format, length) = read_header(header_byte);
    format.covered(length).div_ceil(7).max(1)
}

fn decode_text(payload: &[u8; PAYLOAD], format: AliasFormat, length: usize) -> AliasText {
    let [_, bytes @ ..] = payload;
    match format {
        AliasFormat::SevenBit => (0..length).map(|index| char::from(seven_bits(payload, index))).collect(),
        AliasFormat::Iso8859 => bytes.iter().take(length).map(|&byte| char::from(byte)).collect(),
        AliasFormat::Utf8 => decode_utf8(bytes.get(..length).unwrap_or(bytes)),
        AliasFormat::Utf16 => {
            let units =
                bytes.chunks_exact(2).take(length).map(|pair| pair.iter().fold(0, |u, &b| u << 8 | u16::from(b)));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
    }
}

/// UTF-8, or ISO 8859-1 where it is not valid UTF-8. A character that the end of the fourth block cut is left out.
fn decode_utf8(bytes: &[u8]) -> AliasText {
    let latin = || bytes.iter().map(|&byte| char::from(byte)).collect();
    match from_utf8(bytes) {
        Ok(text) => text.chars().collect(),
        Err(error) if error.error_len().is_none() && bytes.len() == TEXT => {
            let whole = bytes.get(..error.valid_up_to()).and_then(|whole| from_utf8(whole).ok());
            whole.map_or_else(latin, |text| text.chars().collect())
        }
        Err(_) => latin(),
    }
}

/// Character `index` of 7-bit text, which begins in the lowest bit of the header byte.
fn seven_bits(payload: &[u8; PAYLOAD], index: usize) -> u8 {
    let start = 7 * (1 + index);
    let byte = |at: usize| payload.get(at).map_or(0, |&byte| u16::from(byte));
    let pair = byte(start / 8) << 8 | byte(start / 8 + 1);
    (pair >> (9 - start % 8) & 0x7f) as u8
}

fn encode_seven_bit(text: &str, payload: &mut [u8; PAYLOAD]) -> usize {
    let mut length = 0;
    for character in text.chars().take(SEVEN_BIT_MAX) {
        let value = if character.is_ascii() { u32::from(character) as u16 } else { u16::from(b'?') };
        let start = 7 * (1 + length);
        let [high, low] = (value << (9 - start % 8)).to_be_bytes();
        for (place, bits) in payload.iter_mut().skip(start / 8).zip([high, low]) {
            *place |= bits;
        }
        length += 1;
    }
    length
}

fn encode_utf16(text: &str, payload: &mut [u8; PAYLOAD]) -> usize {
    let (_, place) = split_header(payload);
    let mut length = 0;
    for character in text.chars() {
        if length + character.len_utf16() > TEXT / 2 {
            break;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let bytes = unit.to_be_bytes();
            place.iter_mut().skip(2 * length).zip(bytes).for_each(|(place, byte)| *place = byte);
            length += 1;
        }
    }
    length
}

fn split_header(payload: &mut [u8; PAYLOAD]) -> (&mut u8, &mut [u8; TEXT]) {
    let [header, text @ ..] = payload;
    (header, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMATS: [AliasFormat; 4] =
        [AliasFormat::SevenBit, AliasFormat::Iso8859, AliasFormat::Utf8, AliasFormat::Utf16];

    fn read(blocks: &[LinkControl]) -> Vec<String> {
        let mut assembler = TalkerAliasAssembler::new();
        blocks.iter().filter_map(|&lc| assembler.push(lc)).map(|text| text.to_string()).collect()
    }

    /// A header with this format, length and text bytes, and the blocks after it.
    fn blocks(format: u8, length: u8, text: &[u8]) -> [LinkControl; 4] {
        let mut payload = [0; PAYLOAD];
        payload[0] = format << 6 | length << 1;
        payload[1..=text.len()].copy_from_slice(text);
        core::array::from_fn(|i| {
            LinkControl::from_payload(Flco::TalkerAlias(i as u8), payload[7 * i..7 * i + 7].try_into().unwrap())
        })
    }

    #[test]
    fn a_short_alias_is_published_with_its_first_block_and_only_once() {
        let [header, second, ..] = encode("M0ABC", AliasFormat::Utf8);
        assert_eq!(read(&[header, second, header, header]), ["M0ABC"]);
        assert_eq!(blocks_needed(header), 1);
    }

    #[test]
    fn a_missing_block_delays_the_alias_until_it_comes() {
        let [a, b, c, d] = encode("M0ABC John Smith London", AliasFormat::Utf8);
        assert_eq!(read(&[a, b, d, a, b]), Vec::<String>::new());
        assert_eq!(read(&[d, c, b, a]), ["M0ABC John Smith London"]);
        assert_eq!(read(&[a, c, a, b, d]), ["M0ABC John Smith London"]);
        assert_eq!(blocks_needed(a), 4);
    }

    #[test]
    fn another_header_starts_another_alias() {
        let [a, b, ..] = encode("M0ABC Johnny", AliasFormat::Utf8);
        let [x, y, ..] = encode("G4XYZ Marion", AliasFormat::Utf8);
        assert_eq!(read(&[a, b, x]), ["M0ABC Johnny"]);
        assert_eq!(read(&[a, b, x, y]), ["M0ABC Johnny", "G4XYZ Marion"]);
    }

    #[test]
    fn a_changed_block_publishes_the_alias_again() {
        let [a, b, ..] = encode("M0ABC Johnny", AliasFormat::Utf8);
        let [_, y, ..] = encode("M0ABC Marion", AliasFormat::Utf8);
        assert_eq!(read(&[a, b, y]), ["M0ABC Johnny", "M0ABC Marion"]);
    }

    #[test]
    fn control_characters_are_left_out() {
        assert_eq!(read(&blocks(1, 6, b"M0\0A\x07B")), ["M0AB"]);
        assert_eq!(read(&blocks(2, 3, b"\0\0\0")), Vec::<String>::new());
        assert_eq!(read(&blocks(2, 0, b"")), Vec::<String>::new());
    }

    #[test]
    fn invalid_utf8_is_read_as_iso_8859_1() {
        assert_eq!(read(&blocks(2, 4, b"Jos\xe9")), ["José"]);
        assert_eq!(read(&blocks(2, 4, b"\xe9tat")), ["état"]);
    }

    #[test]
    fn a_character_cut_by_the_end_of_the_last_block_is_left_out() {
        let text = b"abcdefghijklmnopqrstuvwxyz\xc3";
        assert_eq!(read(&blocks(2, 27, text)), ["abcdefghijklmnopqrstuvwxyz"]);
        assert_eq!(read(&blocks(2, 31, text)), ["abcdefghijklmnopqrstuvwxyz"]);
    }

    #[test]
    fn a_broken_surrogate_is_replaced() {
        assert_eq!(read(&blocks(3, 2, b"\xd8\x00\x00A")), ["\u{fffd}A"]);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = "ä".repeat(40);
        let lengths = FORMATS.map(|format| read(&encode(&long, format))[0].chars().count());
        assert_eq!(lengths, [31, 27, 13, 13]);
        assert_eq!(read(&encode(&"😀".repeat(9), AliasFormat::Utf16)), ["😀".repeat(6)]);
        assert_eq!(read(&encode("naïve 😀", AliasFormat::SevenBit)), ["na?ve ?"]);
        assert_eq!(read(&encode("naïve 😀", AliasFormat::Iso8859)), ["naïve ?"]);
    }

    #[test]
    fn lcs_of_other_kinds_are_passed_over() {
        let mut assembler = TalkerAliasAssembler::new();
        assert_eq!(assembler.push(LinkControl([0; 9])), None);
        assert_eq!(assembler.push(LinkControl([4, 0x10, 0x82, b'M', 0, 0, 0, 0, 0])), None);
        assert_eq!(assembler.push_block(4, [0x82, b'M', 0, 0, 0, 0, 0]), None);
        assert_eq!(assembler, TalkerAliasAssembler::new());
    }

    proptest! {
        #[test]
        fn every_order_of_blocks_gives_the_text_in_every_format(
            ascii in "[ -~]{1,31}", units in "[\u{21}-\u{7e}\u{a1}-\u{fff}]{1,9}", order in Just([0usize, 1, 2, 3]).prop_shuffle(),
        ) {
            let mut cases = vec![(AliasFormat::SevenBit, ascii.clone())];
            cases.extend([AliasFormat::Iso8859, AliasFormat::Utf8].map(|f| (f, ascii.chars().take(27).collect())));
            cases.extend([AliasFormat::Utf8, AliasFormat::Utf16].map(|f| (f, units.clone())));
            for (format, text) in cases {
                let blocks = encode(&text, format);
                let seen: String = text.chars().filter(|&c| !is_hidden(c)).collect();
                let all = if seen.is_empty() { vec![] } else { vec![seen] };
                prop_assert_eq!(&read(&order.map(|i| blocks[i])), &all);
                prop_assert_eq!(&read(&blocks[..blocks_needed(blocks[0])]), &all);
            }
        }

        #[test]
        fn any_blocks_are_read_without_what_people_cannot_see(lcs in proptest::collection::vec(any::<[u8; 7]>(), 4)) {
            let mut assembler = TalkerAliasAssembler::new();
            for (block, payload) in (0..).zip(lcs) {
                if let Some(text) = assembler.push_block(block, payload) {
                    prop_assert!(!text.as_str().is_empty() && !text.as_str().chars().any(is_hidden));
                }
            }
        }
    }
}

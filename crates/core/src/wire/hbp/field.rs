//! The text fields of configuration and position messages: trimming, base-10 numbers and coordinates in both directions,
//! without floats. Never refuses a text: what is no number reads as absent. Source: `wire.md` 1.4, 1.9.

use core::fmt;

/// Micro-degrees in a degree.
const MICRO: u32 = 1_000_000;
/// Largest latitude in micro-degrees.
pub(crate) const LATITUDE_LIMIT: u32 = 90 * MICRO;
/// Largest longitude in micro-degrees.
pub(crate) const LONGITUDE_LIMIT: u32 = 180 * MICRO;

/// Without the spaces and NULs around it: both are used for padding, on either side (`wire.md` 1.4).
pub(crate) const fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | 0, rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | 0] = text {
        text = rest;
    }
    text
}

/// A text of at most `N` octets in any encoding: left-justified, padded with spaces.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// Trims spaces and NULs and cuts at `N` octets, which may be within a character.
    pub fn new(text: &[u8]) -> Self {
        let text = trim(text);
        let cut = trim(text.get(..N).unwrap_or(text));
        let mut padded = [b' '; N];
        for (to, from) in padded.iter_mut().zip(cut) {
            *to = *from;
        }
        Self(padded)
    }

    /// The text without its padding. Not necessarily UTF-8.
    pub const fn as_bytes(&self) -> &[u8] {
        trim(&self.0)
    }

    /// All `N` octets.
    pub const fn padded(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self([b' '; N])
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A trimmed text of one to nine decimal digits; base 10 whatever it begins with (`wire.md` 6, trap 9).
pub(crate) fn decimal(text: &[u8]) -> Option<u32> {
    let digits = trim(text);
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + u32::from(digit - b'0')),
        _ => None,
    })
}

/// A decimal that fits a smaller type and does not exceed `limit`.
pub(crate) fn decimal_to(text: &[u8], limit: u8) -> Option<u8> {
    u8::try_from(decimal(text)?).ok().filter(|value| *value <= limit)
}

/// A decimal with an optional sign.
pub(crate) fn signed_decimal(text: &[u8]) -> Option<i16> {
    let (negative, digits) = split_sign(trim(text));
    let value = i16::try_from(decimal(digits)?).ok()?;
    Some(if negative { -value } else { value })
}

/// Degrees with at most six decimals (more are cut) as micro-degrees, if not beyond `limit` on either side of zero.
pub(crate) fn micro_degrees(text: &[u8], limit: u32) -> Option<i32> {
    let (negative, digits) = split_sign(trim(text));
    let mut parts = digits.splitn(2, |octet| *octet == b'.');
    let (whole, decimals) = (parts.next()?, parts.next().unwrap_or_default());
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { decimal(whole).filter(|degrees| *degrees <= 180)? };
    let value = whole * MICRO + millionths(decimals)?;
    let value = i32::try_from(value).ok().filter(|_| value <= limit)?;
    Some(if negative { -value } else { value })
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn millionths(decimals: &[u8]) -> Option<u32> {
    let mut value = 0;
    let mut weight = MICRO / 10;
    for digit in decimals {
        if !digit.is_ascii_digit() {
            return None;
        }
        value += u32::from(digit - b'0') * weight;
        weight /= 10;
    }
    Some(value)
}

/// Formats left-justified into `W` octets, padded with spaces and cut without rounding, as snprintf into a field does.
pub(crate) fn print<const W: usize>(text: fmt::Arguments<'_>) -> [u8; W] {
    struct Field<const W: usize> {
        octets: [u8; W],
        len: usize,
    }
    impl<const W: usize> fmt::Write for Field<W> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = self.octets.get_mut(self.len..).unwrap_or_default();
            self.len += room.len().min(text.len());
            for (to, from) in room.iter_mut().zip(text.bytes()) {
                *to = from;
            }
            Ok(())
        }
    }
    let mut field = Field { octets: [b' '; W], len: 0 };
    // Writing into the field itself never fails: what does not fit is cut.
    let _ = fmt::write(&mut field, text);
    field.octets
}

/// `%0Wu`, capped at `W` nines; blank if absent.
pub(crate) fn print_decimal<const W: usize>(value: Option<u32>) -> [u8; W] {
    let nines = (0..W).fold(0u32, |value, _| value.saturating_mul(10).saturating_add(9));
    value.map_or([b' '; W], |value| print(format_args!("{:0W$}", value.min(nines))))
}

/// `%0Wf` cut to `W` octets, capped at `limit`; blank if absent.
pub(crate) fn print_degrees<const W: usize>(micro: Option<i32>, limit: u32) -> [u8; W] {
    let Some(micro) = micro else { return [b' '; W] };
    let size = micro.unsigned_abs().min(limit);
    let sign = if micro < 0 { "-" } else { "" };
    let width = W.saturating_sub(7 + sign.len());
    print(format_args!("{sign}{:0width$}.{:06}", size / MICRO, size % MICRO))
}

/// `%+0W.4f`, capped at `limit`; blank if absent.
pub(crate) fn print_signed_degrees<const W: usize>(micro: Option<i32>, limit: u32) -> [u8; W] {
    let Some(micro) = micro else { return [b' '; W] };
    let size = (micro.unsigned_abs().min(limit) + 50) / 100;
    let sign = if micro < 0 { '-' } else { '+' };
    let width = W.saturating_sub(6);
    print(format_args!("{sign}{:0width$}.{:04}", size / 10_000, size % 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_base_ten_and_anything_else_is_absent() {
        let read = |text: &str| decimal(text.as_bytes());
        assert_eq!(
            [read("08"), read("1\0"), read(" 7 "), read("999999999")].map(Option::unwrap),
            [8, 1, 7, 999_999_999]
        );
        assert_eq!([read(""), read("  "), read("1 2"), read("0x1"), read("-1"), read("1000000000")], [None; 6]);
        assert_eq!(
            [b"-10".as_slice(), b"010", b"+5\0", b"--1"].map(signed_decimal),
            [Some(-10), Some(10), Some(5), None]
        );
        assert_eq!([decimal_to(b"15", 15), decimal_to(b"16", 15)], [Some(15), None]);
    }

    #[test]
    fn degrees_are_exact_to_the_millionth_and_bounded() {
        let read = |text: &str| micro_degrees(text.as_bytes(), LATITUDE_LIMIT);
        assert_eq!(read("51.50000"), Some(51_500_000));
        assert_eq!(read("-34.6037"), Some(-34_603_700));
        assert_eq!(read("+00.0000019 "), Some(1));
        assert_eq!(
            [read("90"), read("90.000000"), read("-.5"), read("7.")].map(Option::unwrap)[2..],
            [-500_000, 7_000_000]
        );
        for not in ["", ".", "-", "90.000001", "91", "1,5", "1e1", "nan", "1.2.3", "999999999", "1.2x"] {
            assert_eq!(read(not), None, "{not}");
        }
    }

    #[test]
    fn degrees_are_printed_as_snprintf_prints_them() {
        let latitude = |micro| String::from_utf8(print_degrees::<8>(Some(micro), LATITUDE_LIMIT).to_vec()).unwrap();
        let longitude = |micro| String::from_utf8(print_degrees::<9>(Some(micro), LONGITUDE_LIMIT).to_vec()).unwrap();
        assert_eq!(
            [0, 51_500_000, -34_603_712, -1_234_567].map(latitude),
            ["0.000000", "51.50000", "-34.6037", "-1.23456"]
        );
        assert_eq!([0, -120_000, 123_456_789].map(longitude), ["00.000000", "-0.120000", "123.45678"]);
        assert_eq!([i32::MIN, i32::MAX].map(longitude), ["-180.0000", "180.00000"]);
        assert_eq!(print_signed_degrees::<9>(Some(-120_000), LONGITUDE_LIMIT), *b"-000.1200");
        assert_eq!(print_signed_degrees::<8>(Some(51_500_050), LATITUDE_LIMIT), *b"+51.5001");
    }

    proptest! {
        #[test]
        fn a_text_is_the_same_after_another_round(octets in proptest::collection::vec(any::<u8>(), 0..30)) {
            let text = Text::<8>::new(&octets);
            prop_assert_eq!(Text::new(text.as_bytes()), text);
            prop_assert_eq!(Text::new(text.padded()), text);
        }

        #[test]
        fn any_octets_are_a_number_or_absent(octets in proptest::collection::vec(any::<u8>(), 0..30)) {
            let read = micro_degrees(&octets, LONGITUDE_LIMIT);
            prop_assert!(read.is_none_or(|micro| micro.unsigned_abs() <= LONGITUDE_LIMIT));
            prop_assert!(decimal(&octets).is_none_or(|value| value <= 999_999_999));
            let _ = signed_decimal(&octets);
        }
    }
}

//! What of a datagram may stand in a recording. Replaces the answer of an RPTK, and in an RPTO everything but what can be no
//! secret: keys that the core knows, with the values that it understands. Nothing is searched for, because a password for
//! self-service is whatever follows `PASS=`, and anybody may misspell. Decides by the beginning of the datagram alone, so that
//! malformed ones are covered too. Source: design §8 (`PASS=` and `KEY=` are never recorded), `wire.md` 1.3, 1.5.

use ragchew_core::access::options;
use ragchew_core::config::Language;

/// Octets before what an RPTK or RPTO says: the opcode and the ID.
const AFTER_ID: usize = 8;

/// Writes what may stand in a recording of the datagram `bytes` into `out`: everything but what may be secret in it. A core
/// does with it what it does with `bytes`, if it is told what the secrets in there were worth.
pub fn mask(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let (head, rest) = bytes.split_at_checked(AFTER_ID).unwrap_or((bytes, &[]));
    match bytes.get(..4) {
        Some(b"RPTK") => {
            out.extend_from_slice(head);
            out.extend(rest.iter().map(|_| b'*'));
        }
        Some(b"RPTO") => {
            out.extend_from_slice(head);
            for (n, item) in rest.split(|&b| b == b';').enumerate() {
                out.extend((n > 0).then_some(b';'));
                mask_item(item, out);
            }
        }
        _ => out.extend_from_slice(bytes),
    }
}

/// Writes something that the parser of OPTIONS takes as it takes `item`, and that is no longer.
fn mask_item(item: &[u8], out: &mut Vec<u8>) {
    let read = options::read(item);
    if read.trim().is_empty() {
        // A text of blanks is no request; one of anything else that is passed over is an empty one.
        out.extend((!options::is_blank(item)).then_some(b'\''));
        return;
    }
    let Some((key, value)) = read.split_once('=') else { return out.push(b'*') };
    let (key, value) = (key.trim().to_ascii_uppercase(), value.trim());
    match key.as_str() {
        "KEY" | "PASS" => {
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
            out.extend((!value.is_empty()).then_some(b'*'));
        }
        known if options::is_known(known) => {
            out.extend_from_slice(known.as_bytes());
            out.push(b'=');
            for (n, entry) in value.split(',').enumerate() {
                out.extend((n > 0).then_some(b','));
                let shown = if is_open(entry.trim()) { entry } else { "*" };
                out.extend_from_slice(shown.as_bytes());
            }
        }
        _ => out.push(b'='),
    }
}

/// Whether a value can be nothing but numbers, or is the name of a language.
fn is_open(entry: &str) -> bool {
    let is_number = |b: u8| b.is_ascii_digit() || b":*-+".contains(&b) || char::from(b).is_whitespace();
    entry.bytes().all(is_number) || Language::named(entry).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ragchew_core::access::options::Options;

    fn masked(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        mask(bytes, &mut out);
        out
    }

    fn options(text: &str) -> String {
        let out = masked(format!("RPTOabcd{text}").as_bytes());
        String::from_utf8(out).unwrap().split_off(AFTER_ID)
    }

    #[test]
    fn answers_are_replaced_and_what_the_core_understands_stays() {
        assert_eq!(masked(b"RPTKabcd0123456789"), b"RPTKabcd**********");
        assert_eq!(masked(b"RPTKab"), b"RPTKab");
        assert_eq!(masked(b"DMRDKEY=abc"), b"DMRDKEY=abc");
        assert_eq!(masked(b""), b"");
        let all = "TS1=91,235-240;TS2=2350:*:9, 91;SINGLE=1;TIMER=10;DIAL=0;VOICE=0;LANG=en_GB;TS1_1=4;TS02_+3=5;";
        assert_eq!(options(all), all);
        assert_eq!(options("ts1 = 91 ; Default_UA_Timer='10'"), "TS1=91;DEFAULT_UA_TIMER=10");
        assert_eq!(options(""), "");
    }

    #[test]
    fn keys_are_replaced_and_no_key_stays_none() {
        assert_eq!(options("TS2=91;KEY=a=b;TIMER=1;"), "TS2=91;KEY=*;TIMER=1;");
        assert_eq!(options("KEY=;KEY= \0\";KEY= x"), "KEY=;KEY=;KEY=*");
        assert_eq!(masked(b"RPTOabcd k'E\xffY\0 =;PASS=\xff"), b"RPTOabcdKEY=;PASS=");
    }

    /// Ways to say a secret that is not to be found in a recording.
    const SAID: [&str; 36] = [
        "PASS=@",
        "pass = @",
        "PASS=ab;@",
        "PASS=ab;@=x",
        "PASS=ab;x=@",
        "PASS=ы;@",
        "PASS=\0;@",
        "PASS==@",
        "P A S S=@",
        "'PA\"SS=@",
        "OPTIONS=PASS=@",
        "TS2=91,PASS=ab,@",
        "TS2=91 PASS=@",
        "TS2=91|PASS=@",
        "TS2=91&PASS=@",
        "TS2=91\nPASS=@",
        "PASS:@",
        "PASS @",
        "PASS%3D@",
        "PASS＝@",
        "TS2=91；PASS=@",
        "PÄSS=@",
        "MYPASS=@",
        "TS2_PASS=@",
        "USERKEY=@",
        "1KEY=@",
        "PSSWD=@",
        "TOKEN=@",
        "TS1=@",
        "LANG=@",
        "LANG=en_GB @",
        "TIMER=10@",
        "=@",
        "@",
        "@=1",
        "KEY=@;TS1=1",
    ];

    #[test]
    fn a_secret_is_in_no_recording_however_it_was_said() {
        for said in SAID {
            let shown = options(&said.replace('@', "hush77"));
            assert!(!shown.contains("hush"), "{said:?} becomes {shown:?}");
        }
        assert_eq!(masked(b"RPTOPASS=hush77"), b"RPTOPASS=");
    }

    proptest! {
        #[test]
        fn a_masked_text_asks_for_the_same_and_is_no_longer(
            parts in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(&SAID[..]),
                    proptest::sample::select(&[";", ",", "=", "TS1=", "TS2_1=91", "91", "10-12", ":*", "KEY=", "\0", "\"", "\t",
                        "SINGLE=1", "DIAL=9", "LANG=es_ES", "é", " "][..]),
                ],
                0..12,
            ),
        ) {
            let text = parts.concat().replace('@', "hush77");
            let bytes = [b"RPTOabcd", text.as_bytes()].concat();
            let out = masked(&bytes);
            prop_assert_eq!(masked(&out), out.clone());
            prop_assert!(out.len() <= bytes.len());
            let (said, shown) = (&bytes[AFTER_ID..], &out[AFTER_ID..]);
            prop_assert_eq!(options::is_blank(said), options::is_blank(shown));
            let said = Options::parse(said);
            let key = said.key.as_ref().map(|_| b"*".to_vec());
            prop_assert_eq!(Options::parse(shown), Options { key, ..said });
            prop_assert!(!shown.windows(4).any(|part| part == b"hush"));
        }
    }
}

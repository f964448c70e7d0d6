//! What of a datagram may stand in a recording. Replaces the answer of an RPTK, and the values of KEY and of whatever
//! looks like a passphrase in an RPTO. Decides by the beginning of the datagram alone, so that malformed ones are covered
//! too. Source: design §8 (`PASS=` and `KEY=` are never recorded), `wire.md` 1.3, 1.5.

/// Octets before what an RPTK or RPTO says: the opcode and the ID.
const AFTER_ID: usize = 8;
/// Beginnings of the names of secrets in OPTIONS, as they are after filtering.
const SECRET_NAMES: [&str; 6] = ["KEY", "PASS", "PSWD", "PWD", "PW", "SECRET"];

/// Writes what may stand in a recording of the datagram `bytes` into `out`: everything but what is secret in it.
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
            mask_options(rest, out);
        }
        _ => out.extend_from_slice(bytes),
    }
}

/// Every octet stays but the values of secrets, each of which becomes one asterisk; what the parser of OPTIONS takes for no
/// value becomes an apostrophe, which it takes for none, too.
fn mask_options(text: &[u8], out: &mut Vec<u8>) {
    for (n, item) in text.split(|&b| b == b';').enumerate() {
        if n > 0 {
            out.push(b';');
        }
        let value = item.iter().position(|&b| b == b'=').map(|at| at + 1);
        match value.filter(|&value| is_secret(item.get(..value).unwrap_or_default())) {
            Some(value) => mask_value(item, value, out),
            None => mask_list(item, out),
        }
    }
}

/// An item that is no secret by its name; in what it lists there may be one, where somebody wrote `,` for `;`.
fn mask_list(item: &[u8], out: &mut Vec<u8>) {
    for (n, entry) in item.split(|&b| b == b',').enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let equals = entry.iter().enumerate().filter(|(_, octet)| **octet == b'=').map(|(at, _)| at + 1);
        let mut from = 0;
        let secret = equals.into_iter().find(|&value| {
            let name = entry.get(from..value).unwrap_or_default();
            from = value;
            is_secret(name)
        });
        match secret {
            Some(value) => mask_value(entry, value, out),
            None => out.extend_from_slice(entry),
        }
    }
}

fn mask_value(item: &[u8], value: usize, out: &mut Vec<u8>) {
    let (name, value) = item.split_at_checked(value).unwrap_or((item, &[]));
    out.extend_from_slice(name);
    let says_something = |&b: &u8| b.is_ascii() && !matches!(b, b'\'' | b'"' | 0) && !char::from(b).is_whitespace();
    match value.iter().any(says_something) {
        true => out.push(b'*'),
        false => out.extend((!value.is_empty()).then_some(b'\'')),
    }
}

/// Whether the core, or anybody, takes this for the name of a secret: what the parser of OPTIONS drops does not hide it.
fn is_secret(name: &[u8]) -> bool {
    let name: String =
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_uppercase())).collect();
    SECRET_NAMES.iter().any(|secret| name.starts_with(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        mask(bytes, &mut out);
        out
    }

    #[test]
    fn answers_and_keys_are_replaced_and_nothing_else_is() {
        assert_eq!(masked(b"RPTKabcd0123456789"), b"RPTKabcd**********");
        assert_eq!(masked(b"RPTKab"), b"RPTKab");
        assert_eq!(masked(b"RPTOabcdTS2=91;KEY=a=b;TIMER=1;"), b"RPTOabcdTS2=91;KEY=*;TIMER=1;");
        assert_eq!(masked(b"RPTOabcd k'E\xffY\0 =;PASSWORD=x"), b"RPTOabcd k'E\xffY\0 =;PASSWORD=*");
        assert_eq!(masked(b"RPTOabcdKEYS"), b"RPTOabcdKEYS");
        assert_eq!(masked(b"RPTOabcdTS2=91,KEY=hush77,92;=PASS=hush77"), b"RPTOabcdTS2=91,KEY=*,92;=PASS=*");
        // No key stays none.
        assert_eq!(masked(b"RPTOabcdKEY=;KEY= \0\"\xff;KEY= x"), b"RPTOabcdKEY=;KEY=';KEY=*");
        assert_eq!(masked(b"DMRDKEY=abc"), b"DMRDKEY=abc");
        assert_eq!(masked(b""), b"");
    }
}

//! Reads base64, in its usual and its URL-safe alphabet, with padding or without.
//!
//! Knows nothing of what is in it.

/// The bytes, if `text` is base64.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6 | value(*digit)?;
        }
        // A group of two digits holds one byte, of three two; one digit holds none.
        let [_, whole @ ..] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        bytes.extend_from_slice(whole.get(..group.len() - 1).filter(|bytes| !bytes.is_empty())?);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[u8]>) {
        assert_eq!(from_base64(text).as_deref(), expected);
    }

    #[test]
    fn base64_is_read_in_both_alphabets_and_with_any_padding() {
        check("", Some(b""));
        check("Zg==", Some(b"f"));
        check("Zg", Some(b"f"));
        check("Zm8=", Some(b"fo"));
        check("Zm9v", Some(b"foo"));
        check("Zm9vYmFy", Some(b"foobar"));
        check("-_-_", Some(b"\xfb\xff\xbf"));
        check("+/+/", Some(b"\xfb\xff\xbf"));
        check("Z", None);
        check("Zm9vY", None);
        check("Zm 9v", None);
        check("Zü==", None);
    }
}

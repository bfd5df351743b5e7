//! Decodes base64 as records contain it: in either alphabet, with or without padding.
//!
//! Knows nothing of the decoded content.

use ::base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Decodes base64 in the standard or the URL-safe alphabet, with or without padding.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    BASE64.decode(digits).ok()
}

/// Takes no padding. The last digit may have unused bits that are set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

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
        check("Zh", Some(b"f"));
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

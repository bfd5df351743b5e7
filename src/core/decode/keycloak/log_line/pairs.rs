//! The pairs of an event in Keycloak's log: `type="LOGIN", realmId="…", …`.
//!
//! Knows nothing of their meaning. Takes time proportional to the length of the text, and stops at the first
//! thing that is not a pair.
//!
//! Since Keycloak 22 all values are in double quotes, and a backslash precedes a quote within a value. So a
//! quote after a backslash never ends a value, which matters because people choose the content of many
//! values. Older versions use single quotes, only around values with a space, and escape nothing. There, a
//! value ends where a key follows.

use std::borrow::Cow;

/// The remaining pairs.
pub(super) struct Pairs<'l> {
    rest: &'l str,
    quotes: Quotes,
}

#[derive(Clone, Copy)]
enum Quotes {
    Double,
    SingleOrNone,
}

impl<'l> Pairs<'l> {
    pub(super) fn of(text: &'l str) -> Self {
        let is_quoted = split_key(text).is_some_and(|(_, value)| value.starts_with('"'));
        Self { rest: text, quotes: if is_quoted { Quotes::Double } else { Quotes::SingleOrNone } }
    }
}

impl<'l> Iterator for Pairs<'l> {
    type Item = (&'l str, Cow<'l, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = split_key(self.rest)?;
        let (value, rest) = match self.quotes {
            Quotes::Double => quoted(rest)?,
            Quotes::SingleOrNone => unmarked(rest),
        };
        self.rest = rest;
        Some((key, value))
    }
}

/// A key and the text after its equals sign.
fn split_key(text: &str) -> Option<(&str, &str)> {
    let is_of_key = |character: char| !character.is_whitespace() && !r#",="'"#.contains(character);
    let end = text.find(|character| !is_of_key(character)).filter(|end| *end > 0)?;
    Some((&text[..end], text[end..].strip_prefix('=')?))
}

/// A value in double quotes, and the pairs after it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let text = text.strip_prefix('"')?;
    let mut quotes = text.match_indices('"').map(|(at, _)| at);
    let end = quotes.find(|at| !text[..*at].ends_with('\\'))?;
    let (value, rest) = (&text[..end], &text[end + 1..]);
    let value = if value.contains('"') { value.replace(r#"\""#, "\"").into() } else { value.into() };
    Some((value, rest.strip_prefix(", ").unwrap_or_default()))
}

/// A value whose end is not marked, and the pairs after it.
fn unmarked(text: &str) -> (Cow<'_, str>, &str) {
    let (text, quote) = text.strip_prefix('\'').map_or((text, ""), |text| (text, "'"));
    for (at, separator) in text.match_indices(", ") {
        let rest = &text[at + separator.len()..];
        if let Some(value) = text[..at].strip_suffix(quote)
            && split_key(rest).is_some()
        {
            return (value.into(), rest);
        }
    }
    (text.strip_suffix(quote).unwrap_or(text).into(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let pairs: Vec<_> = Pairs::of(text).collect();
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, &**value)).collect();
        assert_eq!(pairs, expected, "{text}");
    }

    #[test]
    fn values_in_double_quotes() {
        check(r#"a="b""#, &[("a", "b")]);
        check(r#"a="b", c="d e""#, &[("a", "b"), ("c", "d e")]);
        check(r#"a="", b="null""#, &[("a", ""), ("b", "null")]);
        check(r#"a="x, b=y", c="z""#, &[("a", "x, b=y"), ("c", "z")]);
        check(r#"a="ü😀""#, &[("a", "ü😀")]);
    }

    #[test]
    fn a_marked_quote_ends_no_value() {
        check(r#"a="x\", b=\"y", c="z""#, &[("a", r#"x", b="y"#), ("c", "z")]);
        check(r#"a="\"""#, &[("a", "\"")]);
        check(r#"a="C:\dir", b="c""#, &[("a", r"C:\dir"), ("b", "c")]);
        // A quote after a final backslash looks like an escaped one. Then the rest is not a pair.
        check(r#"a="x\", b="y", c="z""#, &[("a", r#"x", b="#)]);
        check(r#"a="x\", b=", c=d, e="f""#, &[("a", r#"x", b="#), ("c", "d")][..1]);
    }

    #[test]
    fn values_of_older_versions() {
        check("a=b, c=d", &[("a", "b"), ("c", "d")]);
        check("a=b, c='d e', f=g", &[("a", "b"), ("c", "d e"), ("f", "g")]);
        check("a=b,c, d=e", &[("a", "b,c"), ("d", "e")]);
        check("a=b, c, d=e", &[("a", "b, c"), ("d", "e")]);
        check("a='it's here', b=''", &[("a", "it's here"), ("b", "")]);
        check("a='b c", &[("a", "b c")]);
        check("a=, b=null", &[("a", ""), ("b", "null")]);
    }

    #[test]
    fn it_ends_at_what_is_no_pair() {
        check("", &[]);
        check("=", &[]);
        check("a", &[]);
        check(r#"a="b"#, &[]);
        check(r#"a="b"c="d""#, &[("a", "b")]);
        check(r#"a="b", c=d"#, &[("a", "b")]);
        check(r#"a="b", c"#, &[("a", "b")]);
        check(r#"a="b", "#, &[("a", "b")]);
        check("a b=c", &[]);
    }

    #[test]
    fn a_long_text_takes_time_in_proportion_to_its_length() {
        for piece in [r#"a="b", "#, "a=b, ", r#"a="\""#, "a='b, ", ", ", "[", "\"", "a=", "a, "] {
            let text = format!("a={}", piece.repeat(1_000_000));
            assert!(Pairs::of(&text).count() <= 1_000_001);
            assert!(Pairs::of(&piece.repeat(1_000_000)).count() <= 1_000_000);
        }
    }
}

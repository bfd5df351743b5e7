//! CBOR as Smithy's RPC v2 writes it, read strictly: an unknown key, a repeated one or a value of another
//! type is an error. Texts, lists and maps may have an indefinite length.
//!
//! Knows nothing of an operation's fields.

use std::{borrow::Cow, collections::HashSet, convert::Infallible};

use minicbor::{Decoder, Encoder, data::Type, decode};

/// Why a body is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(in crate::tools::emulator) enum Malformed {
    #[error("the body is not CBOR, or a value has another type")]
    Cbor(#[from] decode::Error),
    #[error("a key is unknown or written twice")]
    Key,
    #[error("there is more after the end")]
    Trailing,
}

type Read<T> = Result<T, Malformed>;

/// Reads a body, which is one map.
pub(in crate::tools::emulator) fn body<'a>(
    body: &'a [u8],
    field: impl FnMut(&mut Decoder<'a>, &str) -> Read<bool>,
) -> Read<()> {
    let mut decoder = Decoder::new(body);
    map(&mut decoder, field)?;
    if decoder.position() == body.len() { Ok(()) } else { Err(Malformed::Trailing) }
}

/// Reads a map. `field` reads the value of a key, and says whether it knows the key.
pub(in crate::tools::emulator) fn map<'a>(
    decoder: &mut Decoder<'a>,
    mut field: impl FnMut(&mut Decoder<'a>, &str) -> Read<bool>,
) -> Read<()> {
    let mut keys = HashSet::new();
    let mut left = decoder.map()?;
    while more(decoder, &mut left)? {
        let key = text(decoder)?;
        if !field(decoder, &key)? || !keys.insert(key) {
            return Err(Malformed::Key);
        }
    }
    Ok(())
}

/// Reads a list, whose items `item` reads.
pub(in crate::tools::emulator) fn list<'a, T>(
    decoder: &mut Decoder<'a>,
    mut item: impl FnMut(&mut Decoder<'a>) -> Read<T>,
) -> Read<Vec<T>> {
    let mut items = Vec::new();
    let mut left = decoder.array()?;
    while more(decoder, &mut left)? {
        items.push(item(decoder)?);
    }
    Ok(items)
}

pub(in crate::tools::emulator) fn text<'a>(decoder: &mut Decoder<'a>) -> Read<Cow<'a, str>> {
    if decoder.datatype()? == Type::String {
        return Ok(Cow::Borrowed(decoder.str()?));
    }
    let parts: Result<String, _> = decoder.str_iter()?.collect();
    Ok(Cow::Owned(parts?))
}

/// Reads a point in time, in seconds since 1970.
pub(in crate::tools::emulator) fn timestamp(decoder: &mut Decoder<'_>) -> Read<f64> {
    const EPOCH: u64 = 1;
    if decoder.tag()?.as_u64() != EPOCH {
        return Err(Malformed::Cbor(decode::Error::message("not a point in time")));
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium are exact")]
    match decoder.datatype()? {
        Type::F16 | Type::F32 | Type::F64 => Ok(decoder.f64()?),
        _ => Ok(decoder.i64()? as f64),
    }
}

/// Whether a list or map has another item. `left` is the number of items, if it is known.
fn more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Read<bool> {
    if let Some(left) = left {
        let more = *left > 0;
        *left = left.saturating_sub(1);
        return Ok(more);
    }
    if decoder.datatype()? == Type::Break {
        decoder.skip()?;
        return Ok(false);
    }
    Ok(true)
}

/// Writes a value. A vector takes everything, so writing cannot fail.
pub(in crate::tools::emulator) fn write(
    value: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<Infallible>>,
) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let _ = value(&mut encoder);
    encoder.into_writer()
}

pub(super) fn error(code: &str, message: &str) -> Vec<u8> {
    write(|encoder| encoder.map(2)?.str("__type")?.str(code)?.str("Message")?.str(message)?.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `{"a": text, "l": [text], "t": time}`.
    fn read(bytes: &[u8]) -> Read<(Option<String>, Vec<String>, Option<f64>)> {
        let (mut a, mut l, mut t) = (None, Vec::new(), None);
        body(bytes, |decoder, key| {
            match key {
                "a" => a = Some(text(decoder)?.into_owned()),
                "l" => l = list(decoder, |decoder| Ok(text(decoder)?.into_owned()))?,
                "t" => t = Some(timestamp(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((a, l, t))
    }

    #[track_caller]
    fn check(hex: &str, a: Option<&str>, l: &[&str], t: Option<f64>) {
        let (read_a, read_l, read_t) = read(&hex::decode(hex).unwrap()).unwrap();
        assert_eq!((read_a.as_deref(), read_t), (a, t));
        assert_eq!(read_l, l);
    }

    #[track_caller]
    fn check_wrong(hex: &str) {
        assert!(read(&hex::decode(hex).unwrap()).is_err(), "{hex}");
    }

    #[test]
    fn values_may_have_any_length_and_size() {
        check("a0", None, &[], None);
        check("a16161626869", Some("hi"), &[], None);
        check("bf6161626869ff", Some("hi"), &[], None);
        // A text in two parts, and a list without a length.
        check("bf61617f61686169ff616c9f61786179ffff", Some("hi"), &["x", "y"], None);
        check("a1616c8261786179", None, &["x", "y"], None);
        // Times: an integer, a half, a single and a double.
        check("a16174c101", None, &[], Some(1.0));
        check("a16174c1f93e00", None, &[], Some(1.5));
        check("a16174c1fa3fc00000", None, &[], Some(1.5));
        check("a16174c1fb3ff8000000000000", None, &[], Some(1.5));
    }

    #[test]
    fn nothing_is_skipped_silently() {
        check_wrong("");
        check_wrong("80");
        check_wrong("a1617a01");
        check_wrong("a1617af6");
        check_wrong("a26161617861616179");
        check_wrong("a1616101");
        check_wrong("a1616162686900");
        check_wrong("a161616268");
        check_wrong("a161741a00000001");
        check_wrong("a16174c06131");
        check_wrong("bf6161626869");
    }
}

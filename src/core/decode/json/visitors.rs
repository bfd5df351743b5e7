//! How values are taken from the parser: each into its slot, and what has none skipped.
//!
//! Knows nothing of which keys there are. Only [`Outer`] insists on a type; the other visitors take
//! anything, so that a field of an unexpected type costs no more than its own value.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::core::decode::json::{Keys, Scalar, Slot};

/// The whole value: an object.
pub(super) struct Outer<'s, 'a>(pub(super) &'s mut dyn Keys<'a>);

/// An object within it: anything else is as good as none.
struct Inner<'s, 'a>(&'s mut dyn Keys<'a>);

/// A key, which becomes the slot that it names.
struct Key<'s, 'a>(&'s mut dyn Keys<'a>);

/// A value of any type, which goes where it belongs at once.
struct Any<'s, 'a>(&'s mut Scalar<'a>);

fn fill<'a, A: MapAccess<'a>>(keys: &mut dyn Keys<'a>, mut map: A) -> Result<(), A::Error> {
    while let Some(slot) = map.next_key_seed(Key(keys))? {
        match slot {
            Slot::Unread => {
                map.next_value::<IgnoredAny>()?;
            }
            Slot::Foreign => return Err(A::Error::custom("foreign")),
            Slot::Value(value) => map.next_value_seed(Any(value))?,
            Slot::Object(keys) => map.next_value_seed(Inner(keys))?,
        }
    }
    Ok(())
}

fn skip<'a, A: SeqAccess<'a>>(mut array: A) -> Result<(), A::Error> {
    while array.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'a> DeserializeSeed<'a> for Outer<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Outer<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        fill(self.0, map)
    }
}

impl<'a> DeserializeSeed<'a> for Inner<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        self.0.clear();
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Inner<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        fill(self.0, map)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        // Read as a stream, which never borrows: the text is gone before the event is.
        let mut json = serde_json::Deserializer::from_reader(text.as_bytes());
        if Outer(&mut *self.0).deserialize(&mut json).and_then(|()| json.end()).is_err() {
            self.0.clear();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, array: A) -> Result<(), A::Error> {
        skip(array)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

impl<'s, 'a> DeserializeSeed<'a> for Key<'s, 'a> {
    type Value = Slot<'s, 'a>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'s, 'a> Visitor<'a> for Key<'s, 'a> {
    type Value = Slot<'s, 'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.slot(key))
    }
}

impl<'a> DeserializeSeed<'a> for Any<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Any<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        *self.0 = if matches!(text, "" | "null") { Scalar::Null } else { Scalar::Text(text.into()) };
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.0 =
            if matches!(text, "" | "null") { Scalar::Null } else { Scalar::Text(text.to_owned().into()) };
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        *self.0 = Scalar::Null;
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        *self.0 = Scalar::Integer(number);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        *self.0 = i64::try_from(number).map_or(Scalar::Other, Scalar::Integer);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        *self.0 = Scalar::Float(number);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        *self.0 = Scalar::Other;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, array: A) -> Result<(), A::Error> {
        *self.0 = Scalar::Other;
        skip(array)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        *self.0 = Scalar::Other;
        Ok(())
    }
}

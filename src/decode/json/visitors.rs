//! How values are taken from the parser: each into its slot, and what has none skipped.
//!
//! Knows nothing of which keys there are. Only [`Outer`] insists on a type; the other visitors take
//! anything, so that a field of an unexpected type costs no more than its own value.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::decode::json::{Keys, Scalar, Slot};

/// The whole value: an object.
pub(super) struct Outer<'s, 'a>(pub(super) &'s mut dyn Keys<'a>);

/// An object within it: anything else is as good as none.
struct Inner<'s, 'a>(&'s mut dyn Keys<'a>);

/// A key, which becomes the slot that it names.
struct Key<'s, 'a>(&'s mut dyn Keys<'a>);

/// A value of any type.
struct Any;

fn fill<'a, A: MapAccess<'a>>(keys: &mut dyn Keys<'a>, mut map: A) -> Result<(), A::Error> {
    while let Some(slot) = map.next_key_seed(Key(keys))? {
        match slot {
            Slot::Unread => {
                map.next_value::<IgnoredAny>()?;
            }
            Slot::Value(value) => *value = map.next_value_seed(Any)?,
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

impl<'a> DeserializeSeed<'a> for Any {
    type Value = Scalar<'a>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Any {
    type Value = Scalar<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(if matches!(text, "" | "null") { Scalar::Null } else { Scalar::Text(text.into()) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if matches!(text, "" | "null") { Scalar::Null } else { Scalar::Text(text.to_owned().into()) })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Scalar::Other, Scalar::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, array: A) -> Result<Self::Value, A::Error> {
        skip(array).map(|()| Scalar::Other)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

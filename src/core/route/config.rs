//! The settings of the routes.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IntoDeserializer as _, SeqAccess, Visitor},
};

use crate::core::{
    event::EventType,
    units::{Malformed, text::DestinationName},
};

/// One of `routes`: an event for which all conditions hold goes to each destination of `to`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// The id or the name of the realm (tenant, organisation, user pool).
    #[serde(skip_serializing_if = "OneOrMore::is_unset")]
    pub realm: OneOrMore<Box<str>>,
    /// The identity provider, as identity events name it.
    #[serde(skip_serializing_if = "OneOrMore::is_unset")]
    pub provider: OneOrMore<Box<str>>,
    /// The client for which the session was opened, if known, otherwise the event's own.
    #[serde(skip_serializing_if = "OneOrMore::is_unset")]
    pub client: OneOrMore<Box<str>>,
    /// The topic of the record.
    #[serde(skip_serializing_if = "OneOrMore::is_unset")]
    pub topic: OneOrMore<Box<str>>,
    /// The type of the app event.
    #[serde(skip_serializing_if = "OneOrMore::is_unset")]
    pub event: OneOrMore<EventType>,
    /// The destinations; each must accept the event.
    pub to: OneOrMore<DestinationName>,
}

impl RouteConfig {
    #[must_use]
    pub fn matches_everything(&self) -> bool {
        let Self { realm, provider, client, topic, event, to: _ } = self;
        let texts = [realm, provider, client, topic];
        texts.iter().all(|condition| condition.is_unset()) && event.is_unset()
    }
}

/// `unrouted`: what becomes of an event that no route matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "dead_letter or ignore"))]
pub enum Unrouted {
    DeadLetter,
    Ignore,
}

/// One value, or a list of at least one. Empty only if the key is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMore<T>(Vec<T>);

impl<T> OneOrMore<T> {
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> From<Vec<T>> for OneOrMore<T> {
    fn from(values: Vec<T>) -> Self {
        Self(values)
    }
}

impl<T> Deref for OneOrMore<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Serialize> Serialize for OneOrMore<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            [one] => one.serialize(to),
            all => all.serialize(to),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Either(PhantomData))
    }
}

/// Reads a text or a list. An untagged enum could not report which item is wrong.
struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(text.into_deserializer()).map(|one| OneOrMore(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(item) = items.next_element::<Option<T>>()? {
            // A null stands for an item that was already found to be wrong.
            values.extend(item);
        }
        Ok(OneOrMore(values))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({
            "anyOf": [one, {
                "type": "array",
                "items": one,
                "minItems": 1,
                "uniqueItems": true,
                "x-allowed": "a list of at least one",
            }],
        })
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(from)?;
        let named = Self::ALL.into_iter().find(|one| one.name() == name);
        named.ok_or_else(|| de::Error::custom(Malformed))
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl JsonSchema for EventType {
    fn schema_name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = Self::ALL.map(Self::name);
        json_schema!({ "type": "string", "enum": names, "x-allowed": format!("one of {}", names.join(", ")) })
    }
}

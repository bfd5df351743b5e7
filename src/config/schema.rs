//! The JSON Schema of the configuration, generated from the types of the parts. It answers which keys exist,
//! of what kind a key is, and in words what it allows.
//!
//! There are four keywords of our own: `x-allowed` says in words what is allowed; `x-from` and `x-to` bound a
//! value of the formats `span` and `size`; `x-names` says in words which names the keys of a mapping may
//! have, if they are names of destinations.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::{
    config::{Config, destinations::INHERITED},
    core::{
        map::config::field::Field,
        units::{Size, Span},
    },
    edge::aws::pinpoint::config::PinpointConfig,
};

/// The JSON Schema of the configuration.
#[must_use]
pub fn published() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().into();
    drop_section_defaults(&mut schema);
    drop_inherited_defaults(&mut schema);
    schema
}

/// Removes the defaults of sections, which repeat those of their keys, and the placeholder
/// of the required application.
fn drop_section_defaults(schema: &mut Value) {
    let Some(keys) = schema.as_object_mut() else { return };
    if keys
        .get("default")
        .is_some_and(|default| default.is_object() || default == PinpointConfig::NO_APPLICATION)
    {
        keys.remove("default");
    }
    if let Some(properties) = keys.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(drop_section_defaults);
    }
    if let Some(any) = keys.get_mut("additionalProperties") {
        drop_section_defaults(any);
    }
}

/// Removes the defaults of keys that a destination takes from the top level.
fn drop_inherited_defaults(schema: &mut Value) {
    for section in INHERITED {
        let keys = format!("/properties/destinations/additionalProperties/properties/{section}/properties");
        let keys = schema.pointer_mut(&keys).and_then(Value::as_object_mut);
        for key in keys.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
            key.remove("default");
        }
    }
}

/// The schema of one key.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a>(&'a Value);

impl<'a> Schema<'a> {
    pub(super) const fn new(schema: &'a Value) -> Self {
        Self(schema)
    }

    /// The schema of the key `name` below this one.
    pub(super) fn child(self, name: &str) -> Option<Self> {
        let named = |schema: Self| schema.0.get("properties").and_then(|keys| keys.get(name));
        let any = |schema: Self| schema.0.get("additionalProperties").filter(|any| any.is_object());
        let found = self.alternatives().find_map(|schema| named(schema).or_else(|| any(schema)));
        found.map(Self)
    }

    /// The schema of a list, if a list may be written here.
    pub(super) fn list(self) -> Option<Self> {
        self.alternatives().find(|schema| schema.0.get("items").is_some())
    }

    /// The schema of each item of a list.
    pub(super) fn item(self) -> Option<Self> {
        self.list().and_then(|list| list.0.get("items")).map(Self)
    }

    /// How few items the list may have.
    pub(super) fn fewest_items(self) -> usize {
        let fewest = self.0.get("minItems").and_then(Value::as_u64);
        fewest.and_then(|fewest| usize::try_from(fewest).ok()).unwrap_or(0)
    }

    /// Whether the items of the list must differ.
    pub(super) fn is_set(self) -> bool {
        self.0.get("uniqueItems").is_some_and(|unique| unique == true)
    }

    /// The schema at `path`. A part that is a number is the index of an item.
    pub(super) fn at(self, path: &[String]) -> Option<Self> {
        path.iter().try_fold(self, |schema, part| schema.child(part).or_else(|| schema.item()))
    }

    /// The names of the keys below this one.
    pub(super) fn keys(self) -> impl Iterator<Item = &'a str> {
        let keys = |schema: Self| schema.0.get("properties").and_then(Value::as_object);
        self.alternatives().filter_map(keys).flat_map(|keys| keys.keys().map(String::as_str))
    }

    /// Whether the keys below this one may have any name.
    pub(super) fn has_any_keys(self) -> bool {
        self.alternatives().any(|schema| schema.0.get("additionalProperties").is_some_and(Value::is_object))
    }

    /// Whether the keys below this one are the names of destinations.
    pub(super) fn has_names(self) -> bool {
        self.word("x-names").is_some()
    }

    /// Whether a value of the JSON Schema type `kind` may be written here.
    pub(super) fn takes(self, kind: &str) -> bool {
        let named = |value: &Value| value == kind;
        self.alternatives().any(|schema| match schema.0.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(named),
            Some(one) => named(one),
            None => kind == "string" && schema.0.get("enum").is_some(),
        })
    }

    /// Whether `number` lies within the bounds.
    pub(super) fn admits_number(self, number: f64) -> bool {
        let bound = |name: &str| self.0.get(name).and_then(Value::as_f64);
        number.is_finite()
            && bound("minimum").is_none_or(|least| number >= least)
            && bound("maximum").is_none_or(|most| number <= most)
            && bound("exclusiveMinimum").is_none_or(|below| number > below)
    }

    /// Whether `text` has the format and is within the bounds that the schema states.
    pub(super) fn admits_text(self, text: &str) -> bool {
        // The schema lists `false` beside `off`, and it arrives as a text like all other values.
        let is = |word: Self| word.0 == text || word.0.as_bool().is_some_and(|word| text.parse() == Ok(word));
        let listed = |schema: Self| schema.parts("enum").any(is);
        let format = self.alternatives().find_map(|schema| schema.word("format"));
        let mut words = self.alternatives().filter_map(|schema| schema.word("const")).peekable();
        match format {
            _ if self.alternatives().any(listed) => true,
            _ if words.peek().is_some() => words.any(|word| word == text),
            Some("field") => text.parse::<Field>().is_ok(),
            Some("span") => self.bounds::<Span>(text),
            Some("size") => self.bounds::<Size>(text),
            _ => true,
        }
    }

    /// Whether the name of a field of identity events may be written here.
    pub(super) fn takes_field(self) -> bool {
        self.alternatives().any(|schema| schema.word("format") == Some("field"))
    }

    /// Says in words what is allowed.
    pub(super) fn allowed(self) -> String {
        let kind = match self.word("x-allowed") {
            Some(words) => words.to_owned(),
            None => self.kind(),
        };
        match (self.word("x-from"), self.word("x-to")) {
            (Some(from), Some(to)) => format!("{kind}, from {from} to {to}"),
            _ => kind,
        }
    }

    /// Says in words why a value at `path` is refused. A mapping in a map of names is refused for its name,
    /// because problems in its content are reported further down.
    pub(super) fn refusal(self, path: &[String], is_mapping: bool) -> String {
        let names = path.split_last().and_then(|(_, parent)| self.at(parent)?.word("x-names"));
        match names.filter(|_| is_mapping) {
            Some(names) => format!("must have {names}"),
            None => format!("must be {}", self.at(path).map(Schema::allowed).unwrap_or_default()),
        }
    }

    /// The paths of all keys and sections.
    pub(super) fn paths(self) -> Vec<Vec<String>> {
        let below = |key: &'a str| {
            let paths = self.child(key).map(Self::paths).unwrap_or_default();
            let longer = move |path: Vec<String>| std::iter::once(key.to_owned()).chain(path).collect();
            std::iter::once(vec![key.to_owned()]).chain(paths.into_iter().map(longer))
        };
        self.keys().flat_map(below).collect()
    }

    fn kind(self) -> String {
        let bound = |name: &str| self.0.get(name).and_then(Value::as_f64);
        let number = if self.takes("integer") { "a whole number" } else { "a number" };
        match (bound("minimum"), bound("exclusiveMinimum"), bound("maximum")) {
            (Some(least), _, Some(most)) => format!("{number} from {least} to {most}"),
            (_, Some(below), Some(most)) => format!("{number} over {below} and up to {most}"),
            _ if self.parts("anyOf").next().is_some() => self.either(),
            _ if self.takes("object") => format!("a mapping with the keys {}", self.listed_keys()),
            _ if self.takes("boolean") => "true or false".to_owned(),
            _ if self.takes("array") => "a list".to_owned(),
            _ => "a text".to_owned(),
        }
    }

    fn either(self) -> String {
        let one = |schema: Self| match schema.0.get("enum") {
            Some(_) => schema.words("enum").collect::<Vec<_>>().join(" or "),
            None => schema.allowed(),
        };
        let written = self.parts("anyOf").filter(|schema| schema.word("type") != Some("null"));
        written.map(one).collect::<Vec<_>>().join(", or ")
    }

    /// The names of the keys below this one, joined for a sentence.
    pub(super) fn listed_keys(self) -> String {
        self.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
    }

    fn bounds<T: std::str::FromStr + PartialOrd>(self, text: &str) -> bool {
        let bound = |name: &str| self.word(name).and_then(|word| word.parse::<T>().ok());
        text.parse::<T>().is_ok_and(|value| {
            bound("x-from").is_none_or(|from| value >= from) && bound("x-to").is_none_or(|to| value <= to)
        })
    }

    /// This schema and all its alternatives, recursively.
    fn alternatives(self) -> impl Iterator<Item = Self> {
        let mut all = vec![self];
        let mut next = 0;
        while let Some(schema) = all.get(next).copied() {
            all.extend(schema.parts("anyOf").chain(schema.parts("oneOf")));
            next += 1;
        }
        all.into_iter()
    }

    fn parts(self, name: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.0.get(name).and_then(Value::as_array).into_iter().flatten().map(Self)
    }

    fn words(self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.parts(name).filter_map(|word| word.0.as_str())
    }

    fn word(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

//! Reads a configuration from a tree.
//!
//! The schema says which keys exist and of what kind each is, so that `0123` is a text where a text is
//! expected. The types of the parts decide the rest: a value that a type refuses is removed and reported, and
//! the reading starts again, until all problems are known. A default replaces a wrong value, so that the rest
//! can be checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use serde_path_to_error::Segment;

use crate::{
    config::{
        Config, Purpose,
        destinations::INHERITED,
        environment::nearest,
        file,
        problem::Problems,
        schema::Schema,
        tree::{YamlNode, YamlScalar, YamlValue},
    },
    core::map::config::field::Field,
};

/// Reads the configuration from `tree`.
pub(super) fn read(tree: &YamlNode, schema: Schema<'_>, purpose: Purpose, problems: &mut Problems) -> Config {
    let mut reader = ConfigReader { problems, path: Vec::new() };
    let mut json = reader.value(tree, schema).unwrap_or_else(|| Json::Object(Map::new()));
    decide_dead_letters(&mut json, tree, purpose, problems);
    inherit(&mut json);
    loop {
        let error = match serde_path_to_error::deserialize::<_, Config>(&json) {
            Ok(config) => return config,
            Err(error) => error,
        };
        let path: Vec<_> = error.path().iter().filter_map(key).collect();
        let (taken, was) = take_out(&mut json, &path);
        // If a section lacks a key only because the key was wrong, that has already been reported.
        if !problems.has_below(taken) {
            problems.add(taken, tree.origin_of(taken), schema.refusal(taken, was.is_object()));
        }
        if taken.is_empty() {
            return Config::default();
        }
    }
}

/// Reports a configuration for delivery that does not say what happens to dead letters. Until that is
/// fixed, they are discarded.
fn decide_dead_letters(json: &mut Json, tree: &YamlNode, purpose: Purpose, problems: &mut Problems) {
    let Some(section) = json.as_object_mut().and_then(|root| {
        root.entry("dead_letter").or_insert_with(|| Json::Object(Map::new())).as_object_mut()
    }) else {
        return;
    };
    if !section.contains_key("topic") && section.get("discard") != Some(&Json::Bool(true)) {
        let written = tree.at(&["dead_letter"]);
        if written.is_some() || purpose == Purpose::Delivery {
            problems.add(
                &["dead_letter"],
                written.and_then(|section| section.origin.clone()),
                "needs either `topic` with the name of a topic, or `discard: true`",
            );
        }
        section.insert("discard".to_owned(), Json::Bool(true));
    }
}

/// Completes the sections of each destination from the top level.
fn inherit(json: &mut Json) {
    let top = INHERITED.map(|section| (section, json.get(section).cloned()));
    let named = json.get_mut("destinations").and_then(Json::as_object_mut);
    for destination in named.into_iter().flat_map(Map::values_mut).filter_map(Json::as_object_mut) {
        for (section, top) in &top {
            let own = destination.entry(*section).or_insert_with(|| Json::Object(Map::new()));
            let (Some(own), Some(top)) = (own.as_object_mut(), top.as_ref().and_then(Json::as_object)) else {
                continue;
            };
            for (key, value) in top {
                own.entry(key).or_insert_with(|| value.clone());
            }
        }
    }
}

fn key(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// Removes the value at `path`, or the innermost existing one around it, and returns its path and the value.
/// In a list, null replaces an item, so that the others keep their indices; if the type refuses the null too,
/// the whole list is removed.
fn take_out<'path>(json: &mut Json, path: &'path [String]) -> (&'path [String], Json) {
    let depth = (1..=path.len()).take_while(|depth| at(json, &path[..*depth]).is_some()).last();
    let Some((path, (last, parent))) =
        depth.and_then(|depth| Some((&path[..depth], path[..depth].split_last()?)))
    else {
        return (&[], Json::Null);
    };
    match at(json, parent) {
        Some(Json::Object(entries)) => (path, entries.remove(last).unwrap_or_default()),
        Some(Json::Array(items)) => match last.parse().ok().and_then(|place: usize| items.get_mut(place)) {
            Some(item) if !item.is_null() => (path, item.take()),
            _ => take_out(json, parent),
        },
        _ => (&[], Json::Null),
    }
}

/// The value at `path`.
fn at<'json>(json: &'json mut Json, path: &[String]) -> Option<&'json mut Json> {
    path.iter().try_fold(json, |value, key| match value {
        Json::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        value => value.get_mut(key),
    })
}

struct ConfigReader<'out> {
    problems: &'out mut Problems,
    path: Vec<String>,
}

impl ConfigReader<'_> {
    fn value(&mut self, node: &YamlNode, schema: Schema<'_>) -> Option<Json> {
        match &node.value {
            YamlValue::Mapping(entries) => match file::named(entries) {
                Some(file) if schema.takes("string") && !schema.takes("object") => {
                    self.file(file, node, schema)
                }
                _ if schema.takes("object") => Some(self.mapping(entries, schema)),
                _ => self.refuse(node, schema),
            },
            YamlValue::List(items) => match schema.list().and_then(|list| Some((list, list.item()?))) {
                Some((list, _)) if items.len() < list.fewest_items() => self.refuse(node, schema),
                Some((list, item)) => self.list(items, list, item),
                None => self.refuse(node, schema),
            },
            YamlValue::Scalar(scalar) => scalar_of(scalar, schema).or_else(|| self.refuse(node, schema)),
        }
    }

    fn mapping(&mut self, entries: &BTreeMap<String, YamlNode>, schema: Schema<'_>) -> Json {
        let mut read = Map::new();
        for (name, node) in entries {
            self.path.push(name.clone());
            match schema.child(name) {
                Some(schema) => read.extend(self.value(node, schema).map(|value| (name.clone(), value))),
                None => self.unknown(name, node, schema),
            }
            self.path.pop();
        }
        Json::Object(read)
    }

    fn list(&mut self, items: &[YamlNode], list: Schema<'_>, item: Schema<'_>) -> Option<Json> {
        let mut read = Vec::new();
        for (index, node) in items.iter().enumerate() {
            self.path.push(index.to_string());
            let value = self.value(node, item);
            if list.is_set() && value.as_ref().is_some_and(|value| read.contains(value)) {
                self.problems.add(&self.path, node.origin.clone(), "is already in the list");
            }
            read.extend(value);
            self.path.pop();
        }
        // With one item wrong, the others say too little: a list of topics without one of them is a different
        // list.
        (read.len() == items.len()).then_some(Json::Array(read))
    }

    fn file(&mut self, path: &str, node: &YamlNode, schema: Schema<'_>) -> Option<Json> {
        match file::content(path) {
            Ok(text) if schema.admits_text(&text) => Some(Json::String(text)),
            Ok(_) => self.refuse(node, schema),
            Err(unreadable) => {
                self.problems.add(&self.path, node.origin.clone(), unreadable.to_string());
                None
            }
        }
    }

    fn refuse(&mut self, node: &YamlNode, schema: Schema<'_>) -> Option<Json> {
        let misspelt = match &node.value {
            YamlValue::Scalar(scalar) if schema.takes_field() => nearest_field(&scalar.text),
            _ => None,
        };
        let text = match misspelt {
            Some(nearest) => format!("is not a field of an identity event; did you mean `{nearest}`?"),
            None => format!("must be {}", schema.allowed()),
        };
        self.problems.add(&self.path, node.origin.clone(), text);
        None
    }

    fn unknown(&mut self, name: &str, node: &YamlNode, schema: Schema<'_>) {
        let text = match nearest(name, schema.keys()) {
            Some(nearest) => format!("is an unknown key; did you mean `{nearest}`?"),
            None => format!("is an unknown key; the known keys are {}", schema.listed_keys()),
        };
        self.problems.add(&self.path, node.origin.clone(), text);
    }
}

/// The nearest name of a field. After `person` and `attributes` any name may follow.
fn nearest_field(text: &str) -> Option<&'static str> {
    let beginning = text.split_once('.').and_then(|(beginning, _)| nearest(beginning, OPEN.into_iter()));
    match beginning {
        Some("person") => Some("person.NAME"),
        Some(_) => Some("attributes.NAME"),
        None => nearest(text, Field::names()),
    }
}

/// The prefixes of fields after which any name may follow.
const OPEN: [&str; 2] = ["person", "attributes"];

/// Converts a scalar to the kind that the schema expects.
fn scalar_of(scalar: &YamlScalar, schema: Schema<'_>) -> Option<Json> {
    let text = &*scalar.text;
    if scalar.is_null() {
        // A section whose lines are all commented out is read as null.
        return match (schema.takes("null"), schema.takes("object") && !schema.takes("string")) {
            (true, _) => Some(Json::Null),
            (_, true) => Some(Json::Object(Map::new())),
            _ => None,
        };
    }
    if schema.takes("string") {
        return schema.admits_text(text).then(|| text.into());
    }
    let plain = Some(text).filter(|_| scalar.plain)?;
    let number = || plain.parse::<f64>().ok().filter(|number| schema.admits_number(*number));
    match plain {
        "true" | "false" if schema.takes("boolean") => Some((plain == "true").into()),
        _ if schema.takes("integer") => number().and_then(|_| plain.parse::<u64>().ok()).map(Json::from),
        _ if schema.takes("number") => number().map(Json::from),
        _ => None,
    }
}

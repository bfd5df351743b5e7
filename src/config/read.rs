//! Tree → configuration.
//!
//! Goes by the schema: it says which keys there are and of which kind each is, so that `0123` is a text
//! where a text belongs. What the schema cannot say the parts' types do; a value that one of them refuses is
//! taken out, noted, and the reading repeated, until all problems are known. In place of what is wrong the
//! default stands, so that the rest can be checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use serde_path_to_error::Segment;

use crate::{
    config::{
        Config,
        environment::nearest,
        file,
        problem::Problems,
        schema::Schema,
        tree::{Node, Scalar, Value},
    },
    core::map::config::field::Field,
};

/// Reads the configuration out of `tree`.
pub(super) fn read(tree: &Node, schema: Schema<'_>, problems: &mut Problems) -> Config {
    let mut reader = Reader { problems, path: Vec::new() };
    let mut json = reader.value(tree, schema).unwrap_or_else(|| Json::Object(Map::new()));
    decide_dead_letters(&mut json, tree, problems);
    loop {
        let error = match serde_path_to_error::deserialize::<_, Config>(&json) {
            Ok(config) => return config,
            Err(error) => error,
        };
        let path: Vec<_> = error.path().iter().filter_map(key).collect();
        let taken = take_out(&mut json, &path);
        let allowed = schema.at(taken).map(Schema::allowed).unwrap_or_default();
        // A section that lacks what was wrong in it is not told twice.
        if !problems.has_below(taken) {
            problems.add(taken, tree.origin_of(taken), format!("must be {allowed}"));
        }
        if taken.is_empty() {
            return Config::default();
        }
    }
}

/// What becomes of dead letters must be written down; where it is not, they are discarded until the
/// problem is solved.
fn decide_dead_letters(json: &mut Json, tree: &Node, problems: &mut Problems) {
    let Some(section) = json.as_object_mut().and_then(|root| {
        root.entry("dead_letter").or_insert_with(|| Json::Object(Map::new())).as_object_mut()
    }) else {
        return;
    };
    if !section.contains_key("topic") && section.get("discard") != Some(&Json::Bool(true)) {
        let origin = tree.at(&["dead_letter"]).and_then(|section| section.origin.clone());
        problems.add(
            &["dead_letter"],
            origin,
            "needs either `topic` with the name of a topic, or `discard: true`",
        );
        section.insert("discard".to_owned(), Json::Bool(true));
    }
}

fn key(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// Removes the value at `path`, or the first list on the way there, and says what was removed: nothing,
/// when there is nothing at `path`.
fn take_out<'path>(json: &mut Json, path: &'path [String]) -> &'path [String] {
    let mut value = json;
    for (depth, key) in path.iter().enumerate() {
        let Some(entries) = value.as_object_mut() else { break };
        let last = depth + 1 == path.len();
        if last || entries.get(key).is_none_or(|inner| !inner.is_object()) {
            let removed = entries.remove(key).is_some();
            return if removed { &path[..=depth] } else { &[] };
        }
        let Some(inner) = entries.get_mut(key) else { break };
        value = inner;
    }
    &[]
}

struct Reader<'out> {
    problems: &'out mut Problems,
    path: Vec<String>,
}

impl Reader<'_> {
    fn value(&mut self, node: &Node, schema: Schema<'_>) -> Option<Json> {
        match &node.value {
            Value::Mapping(entries) => match file::named(entries) {
                Some(file) if schema.takes("string") && !schema.takes("object") => {
                    self.file(file, node, schema)
                }
                _ if schema.takes("object") => Some(self.mapping(entries, schema)),
                _ => self.refuse(node, schema),
            },
            Value::List(items) => match schema.item() {
                Some(item) => self.list(items, item),
                None => self.refuse(node, schema),
            },
            Value::Scalar(scalar) => scalar_of(scalar, schema).or_else(|| self.refuse(node, schema)),
        }
    }

    fn mapping(&mut self, entries: &BTreeMap<String, Node>, schema: Schema<'_>) -> Json {
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

    fn list(&mut self, items: &[Node], schema: Schema<'_>) -> Option<Json> {
        let mut read = Vec::new();
        for (index, node) in items.iter().enumerate() {
            self.path.push(index.to_string());
            read.extend(self.value(node, schema));
            self.path.pop();
        }
        // With one item wrong the others say too little: a list of topics without one is another list.
        (read.len() == items.len()).then_some(Json::Array(read))
    }

    fn file(&mut self, path: &str, node: &Node, schema: Schema<'_>) -> Option<Json> {
        match file::content(path) {
            Ok(text) if schema.admits_text(&text) => Some(Json::String(text)),
            Ok(_) => self.refuse(node, schema),
            Err(unreadable) => {
                self.problems.add(&self.path, node.origin.clone(), unreadable.to_string());
                None
            }
        }
    }

    fn refuse(&mut self, node: &Node, schema: Schema<'_>) -> Option<Json> {
        let misspelt = match &node.value {
            Value::Scalar(scalar) if schema.takes_field() => nearest_field(&scalar.text),
            _ => None,
        };
        let text = match misspelt {
            Some(nearest) => format!("is no field of an identity event; did you mean `{nearest}`?"),
            None => format!("must be {}", schema.allowed()),
        };
        self.problems.add(&self.path, node.origin.clone(), text);
        None
    }

    fn unknown(&mut self, name: &str, node: &Node, schema: Schema<'_>) {
        let text = match nearest(name, schema.keys()) {
            Some(nearest) => format!("is an unknown key; did you mean `{nearest}`?"),
            None => format!("is an unknown key; known here are {}", schema.listed_keys()),
        };
        self.problems.add(&self.path, node.origin.clone(), text);
    }
}

/// The nearest name of a field; the end of one that begins with `person` or `attributes` is free.
fn nearest_field(text: &str) -> Option<&'static str> {
    let beginning = text.split_once('.').and_then(|(beginning, _)| nearest(beginning, OPEN.into_iter()));
    match beginning {
        Some("person") => Some("person.NAME"),
        Some(_) => Some("attributes.NAME"),
        None => nearest(text, Field::names()),
    }
}

/// The beginnings of fields whose end is free.
const OPEN: [&str; 2] = ["person", "attributes"];

/// A scalar as the kind that the schema asks for.
fn scalar_of(scalar: &Scalar, schema: Schema<'_>) -> Option<Json> {
    let text = &*scalar.text;
    if scalar.is_null() {
        // A section of which everything is commented out is written as nothing.
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

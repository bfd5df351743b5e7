//! The effective configuration as YAML, which can be read back if nothing in it is masked.
//!
//! Knows nothing of secrets: the parts serialise them masked.

use std::fmt::Write;

use serde_json::Value;

use crate::config::Config;

/// The configuration as YAML, sections in the order of the documentation.
pub(super) fn yaml(config: &Config) -> String {
    let json = serde_json::to_value(config).unwrap_or_default();
    let mut text = String::new();
    let unused = if config.destinations.is_empty() { "destinations" } else { "destination" };
    for section in SECTIONS.into_iter().filter(|section| *section != unused) {
        if let Some(value) = json.get(section) {
            entry(&mut text, 0, section, value);
        }
    }
    text
}

const SECTIONS: [&str; 20] = [
    "source",
    "destination",
    "destinations",
    "quota",
    "quotas",
    "batch",
    "retry",
    "routes",
    "unrouted",
    "sessions",
    "endpoint",
    "event",
    "record",
    "dead_letter",
    "redrive",
    "memory",
    "commit",
    "shutdown",
    "admin",
    "log",
];

fn entry(text: &mut String, depth: usize, key: &str, value: &Value) {
    let indent = "  ".repeat(depth);
    let key = scalar(&Value::from(key));
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            put(text, format_args!("{indent}{key}:\n"));
            entries.iter().for_each(|(key, value)| entry(text, depth + 1, key, value));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            put(text, format_args!("{indent}{key}:\n"));
            for item in items {
                put(text, format_args!("{indent}  - {item}\n"));
            }
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(scalar).collect();
            put(text, format_args!("{indent}{key}: [{}]\n", items.join(", ")));
        }
        value => put(text, format_args!("{indent}{key}: {}\n", scalar(value))),
    }
}

/// A text that cannot be mistaken for anything else is written plain. Everything else is written as JSON,
/// which is YAML too.
fn scalar(value: &Value) -> String {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || "._-/:".contains(letter);
    match value {
        Value::String(text)
            if text.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '/')
                && text.chars().all(legal)
                && !text.ends_with(':')
                && !matches!(&**text, "null" | "true" | "false") =>
        {
            text.clone()
        }
        value => value.to_string(),
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a `String` does not fail.
    let _ = text.write_fmt(line);
}

//! Compares a value with a JSON Schema, as far as our own schemas go.
//!
//! A keyword that is not known here fails the test.

use std::{fs, path::Path};

use serde_json::Value;

/// A schema of `schemas/`.
pub(crate) struct Schema(Value);

impl Schema {
    #[track_caller]
    pub(crate) fn published(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
        Self(serde_json::from_str(&fs::read_to_string(file).expect("the schema")).expect("JSON"))
    }

    #[track_caller]
    pub(crate) fn assert_valid(&self, value: &Value) {
        assert_eq!(fault(&self.0, value, "$"), None, "{value}");
    }
}

/// The first part of a value that the schema does not allow.
fn fault(schema: &Value, value: &Value, path: &str) -> Option<String> {
    let is_wrong = |(keyword, allowed): (&String, &Value)| match keyword.as_str() {
        "type" => !has_type(value, allowed.as_str().expect("one type")),
        "enum" => !allowed.as_array().expect("values").contains(value),
        "const" => value != allowed,
        "required" => {
            let keys = allowed.as_array().expect("keys");
            !keys.iter().all(|key| value.get(key.as_str().expect("a key")).is_some())
        }
        "properties" | "additionalProperties" | "items" | "$schema" | "title" | "description" | "format" => {
            false
        }
        other => panic!("{path}: the keyword {other} is not known"),
    };
    if schema.as_object().expect("a schema").iter().any(is_wrong) {
        return Some(path.to_owned());
    }
    match value {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let named = schema["properties"].get(key).or_else(|| schema.get("additionalProperties"));
            named.and_then(|schema| fault(schema, value, &format!("{path}.{key}")))
        }),
        Value::Array(items) => {
            let schema = schema.get("items")?;
            items.iter().find_map(|item| fault(schema, item, &format!("{path}[]")))
        }
        _ => None,
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not known"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: Option<&str>) {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": { "a": { "type": "integer" }, "b": { "enum": ["x", "y"] } },
            "additionalProperties": { "type": "array", "items": { "type": "string" } },
        });
        assert_eq!(fault(&schema, value, "$").as_deref(), expected);
    }

    #[test]
    fn the_first_fault_is_found() {
        check(&json!({ "a": 1, "b": "y", "c": ["z"] }), None);
        check(&json!({}), Some("$"));
        check(&json!([]), Some("$"));
        check(&json!({ "a": 1.5 }), Some("$.a"));
        check(&json!({ "a": 1, "b": "z" }), Some("$.b"));
        check(&json!({ "a": 1, "c": [null] }), Some("$.c[]"));
    }
}

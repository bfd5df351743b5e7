//! Reads records as the tables do that people have over Pinpoint's event stream in Athena and Glue.
//!
//! Each column has a type of Hive. A column of texts takes a text and nothing else; in a map of texts, the
//! reader turns numbers into texts, and takes nothing nested.

use serde_json::Value;

/// The columns of the reference architecture and of the events database.
const COLUMNS: [(&str, &str); 11] = [
    ("event_type", "string"),
    ("event_timestamp", "bigint"),
    ("arrival_timestamp", "bigint"),
    ("event_version", "string"),
    ("application", "struct<app_id:string,sdk:map<string,string>>"),
    ("client", "struct<client_id:string,cognito_id:string>"),
    ("device", "struct<platform:map<string,string>>"),
    ("session", "map<string,string>"),
    ("attributes", "map<string,string>"),
    ("client_context", "struct<custom:map<string,string>>"),
    ("awsAccountId", "string"),
];

/// The first column that cannot be read. An absent one is read as null.
pub(super) fn misread(record: &Value) -> Option<&'static str> {
    let wrong = |(column, kind): &&(&'static str, &'static str)| {
        record.get(column).is_some_and(|value| !is_read(value, kind))
    };
    let texts = ["attributes"].into_iter().find(|map| !has_only_texts(&record[map]));
    COLUMNS.iter().find(wrong).map(|(column, _)| *column).or(texts)
}

fn is_read(value: &Value, kind: &str) -> bool {
    if let Some(fields) = inner(kind, "struct") {
        let Some(object) = value.as_object() else { return false };
        return split(fields).into_iter().all(|field| {
            let (name, kind) = field.split_once(':').expect("a name and a type");
            object.get(name).is_none_or(|value| is_read(value, kind))
        });
    }
    match kind {
        "string" => value.is_string(),
        "bigint" => value.is_i64(),
        "map<string,string>" => value.as_object().is_some_and(|map| map.values().all(is_scalar)),
        _ => panic!("an unknown type: {kind}"),
    }
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

fn has_only_texts(map: &Value) -> bool {
    map.as_object().is_some_and(|map| map.values().all(Value::is_string))
}

/// What is between the brackets of `name<…>`.
fn inner<'k>(kind: &'k str, name: &str) -> Option<&'k str> {
    kind.strip_prefix(name)?.strip_prefix('<')?.strip_suffix('>')
}

/// Splits at the commas outside of brackets.
fn split(fields: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in fields.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&fields[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&fields[start..]);
    parts
}

#[track_caller]
fn check(record: &str, expected: Option<&str>) {
    assert_eq!(misread(&serde_json::from_str(record).unwrap()), expected);
}

#[test]
fn what_a_table_cannot_read_is_found() {
    check(r#"{"attributes":{}}"#, None);
    check(r#"{"attributes":{},"session":{"start_timestamp":1}}"#, None);
    check(r#"{"attributes":{"a":1}}"#, Some("attributes"));
    check(r#"{"attributes":{"a":null}}"#, Some("attributes"));
    check(r#"{"attributes":{},"event_timestamp":"1"}"#, Some("event_timestamp"));
    check(r#"{"attributes":{},"event_timestamp":1.5}"#, Some("event_timestamp"));
    check(r#"{"attributes":{},"event_version":3.1}"#, Some("event_version"));
    check(r#"{"attributes":{},"application":{"app_id":"a","sdk":{"name":{}}}}"#, Some("application"));
    check(r#"{"attributes":{},"device":{"platform":{"name":["a"]}}}"#, Some("device"));
    check(r#"{"attributes":{},"client_context":{"custom":{"endpoint":{}}}}"#, Some("client_context"));
}

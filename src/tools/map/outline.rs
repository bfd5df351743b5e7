//! Writes a JSON value as an outline for people: one key with its value per line, nested ones indented.
//!
//! Knows nothing of the contents. Control characters are escaped, so that no record can control the terminal.

use serde_json::Value;

/// Adds the entries of an object to `text`, `indent` spaces in.
pub(super) fn outline(text: &mut String, indent: usize, value: &Value) {
    for (key, value) in value.as_object().into_iter().flatten() {
        text.push_str(&" ".repeat(indent));
        plain(text, key);
        match value {
            Value::Object(_) => {
                text.push('\n');
                outline(text, indent + 2, value);
            }
            value => {
                text.push_str(": ");
                scalar(text, value);
                text.push('\n');
            }
        }
    }
}

fn scalar(text: &mut String, value: &Value) {
    match value {
        Value::String(value) => plain(text, value),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                scalar(text, value);
            }
        }
        value => text.push_str(&value.to_string()),
    }
}

fn plain(text: &mut String, value: &str) {
    for letter in value.chars() {
        if letter.is_control() { text.extend(letter.escape_default()) } else { text.push(letter) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_have_a_line_each() {
        let mut text = String::new();
        outline(&mut text, 2, &json!({ "a": { "b": ["x", "y"], "c": 1.5 }, "ü\u{1b}[": "x\ny" }));
        assert_eq!(text, "  a\n    b: x, y\n    c: 1.5\n  ü\\u{1b}[: x\\ny\n");
    }
}

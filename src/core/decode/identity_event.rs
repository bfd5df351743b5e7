//! The public format of this program: documents as described by `schemas/identity-event.json`.
//!
//! Knows nothing of providers. A record is a document, an array of documents, or an object with the array
//! `events`. Unknown fields are ignored, because a later schema may have more. A known field with an invalid
//! value refuses the event, with a message that names the field but not its value: the format is ours, and an
//! error helps a publisher more than a guess. `null`, `""` and `"null"` count as absent. Where a text
//! is expected, a whole number is read as its digits.
//!
//! | `type` | meaning |
//! |---|---|
//! | `sign_in` | a sign-in, with the session that it opened or joined |
//! | `sign_up` | a sign-up |
//! | `sign_in_failed` | a failed sign-in, with its `reason` |
//! | `session_started`, `session_resumed`, `session_paused`, `session_stopped` | a change of a session |
//! | `sessions_stopped` | the end of all sessions of a user |
//! | `activity` | activity in a session |

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{EventResult, EventResults, tree::Node},
    identity::{
        GeoLocation, IdentityEvent, Kind,
        document::VERSION,
        fields::FIELDS,
        reason::{Ignored, Refused},
    },
    time::Timestamp,
};

/// The provider's name as part of endpoint ids, if the event has none.
pub(super) const PROVIDER: &str = "identity-event";

/// Whether the value has the shape of this format. An unknown type that is written as ours are counts as a
/// misspelt one, and is refused as such.
pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    let typed = |node: Node<'_, '_>| is_word(node.get("type").str());
    match (node, node.get("events")) {
        (Node::List(list), _) => list.first().is_some_and(|first| is_version(first) && typed(first)),
        (node, Node::List(list)) if !node.get("type").is_some() => {
            is_version(node) && list.first().is_none_or(typed)
        }
        (node, _) => is_version(node) && typed(node),
    }
}

/// Whether the version is this format's. Some publishers write every number with a fraction.
pub(super) fn is_version(node: Node<'_, '_>) -> bool {
    match node.get("version") {
        Node::Integer(version) => version == i64::from(VERSION),
        Node::Float(version) => (version - f64::from(VERSION)).abs() < f64::EPSILON,
        _ => false,
    }
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    let events = match node {
        Node::List(list) => list,
        node if !node.get("type").is_some() => match node.get("events") {
            Node::List(list) => list,
            _ => return smallvec![item(node)],
        },
        node => return smallvec![item(node)],
    };
    if events.is_empty() {
        return smallvec![Err(Ignored::Empty.into())];
    }
    events.iter().map(item).collect()
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn item<'a>(node: Node<'_, 'a>) -> EventResult<'a> {
    if !node.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    let event = DocumentReader(node).event();
    Ok(event?)
}

/// A value and its name.
type NamedValue<'a, T> = (Cow<'a, str>, T);

/// Reads the fields of an object. Each is passed with the name in the document, including the object's name.
struct DocumentReader<'n, 'a>(Node<'n, 'a>);

impl<'n, 'a> DocumentReader<'n, 'a> {
    fn event(&self) -> Result<IdentityEvent<'a>, Refused> {
        if self.value("version").is_some() && !is_version(self.0) {
            return Err(invalid("version", "1"));
        }
        let provider = self.text("provider")?.unwrap_or(Cow::Borrowed(PROVIDER));
        let mut event = IdentityEvent {
            id: self.text("id")?,
            time: self.time("time")?,
            session_start: self.time("session_start")?,
            device: self.object("device")?.map(|_| Box::default()),
            place: self.object("location")?.map(|_| self.degrees()).transpose()?,
            person: self.person()?,
            attributes: self.attributes()?,
            ..IdentityEvent::new(self.kind()?, provider)
        };
        for (path, slot) in FIELDS.iter().filter_map(|field| Some((field.path, field.slot?))) {
            if let Some(text) = self.text(path)? {
                *slot(&mut event) = Some(text);
            }
        }
        Ok(event)
    }

    fn degrees(&self) -> Result<Box<GeoLocation<'a>>, Refused> {
        let latitude = self.number("location.latitude")?;
        let longitude = self.number("location.longitude")?;
        Ok(Box::new(GeoLocation { latitude, longitude, ..GeoLocation::default() }))
    }

    fn kind(&self) -> Result<Kind, Refused> {
        match self.value("type") {
            Node::Null => Err(Refused::NoType),
            written => Kind::named(written.str()).ok_or(invalid("type", KINDS)),
        }
    }

    fn person(&self) -> Result<Vec<NamedValue<'a, Vec<Cow<'a, str>>>>, Refused> {
        let Some(person) = self.object("person")? else { return Ok(Vec::new()) };
        let text = |node: Node<'_, 'a>| node.id().map_err(|_| invalid("person", TEXTS));
        let mut read = Vec::new();
        for (name, node) in person.0.entries() {
            let values = match node {
                Node::List(list) => list.iter().filter_map(|node| text(node).transpose()).collect(),
                node => text(node).map(|text| text.into_iter().collect::<Vec<_>>()),
            }?;
            if !values.is_empty() {
                read.push((name.written(), values));
            }
        }
        Ok(read)
    }

    fn attributes(&self) -> Result<Vec<NamedValue<'a, Cow<'a, str>>>, Refused> {
        let Some(attributes) = self.object("attributes")? else { return Ok(Vec::new()) };
        let mut read = Vec::new();
        for (name, node) in attributes.0.entries() {
            let value = match node {
                Node::Bool(flag) => Some(flag.to_string().into()),
                Node::Float(number) => Some(number.to_string().into()),
                node => node.id().map_err(|_| invalid("attributes", SCALARS))?,
            };
            if attributes.0.wants_attributes() {
                read.extend(value.map(|value| (name.written(), value)));
            }
        }
        Ok(read)
    }

    fn text(&self, field: &'static str) -> Result<Option<Cow<'a, str>>, Refused> {
        self.value(field).id().map_err(|_| invalid(field, "a text"))
    }

    fn time(&self, field: &'static str) -> Result<Option<Timestamp>, Refused> {
        let node = self.value(field);
        match node.time() {
            None if !is_absent(node) => Err(invalid(field, TIME)),
            time => Ok(time),
        }
    }

    fn number(&self, field: &'static str) -> Result<Option<f64>, Refused> {
        let node = self.value(field);
        match node.number() {
            None if !is_absent(node) => Err(invalid(field, "a number")),
            number => Ok(number),
        }
    }

    fn object(&self, field: &'static str) -> Result<Option<DocumentReader<'n, 'a>>, Refused> {
        match self.value(field) {
            node if is_absent(node) => Ok(None),
            node if node.is_object() => Ok(Some(DocumentReader(node))),
            _ => Err(invalid(field, "an object")),
        }
    }

    fn value(&self, field: &str) -> Node<'n, 'a> {
        field.split('.').fold(self.0, Node::get)
    }
}

const KINDS: &str = "one of sign_in, sign_up, sign_in_failed, session_started, session_resumed, \
                     session_paused, session_stopped, sessions_stopped and activity";

const TIME: &str = "a time in RFC 3339 with an offset, or a number of seconds, milliseconds or microseconds \
                    since 1970";

const TEXTS: &str = "an object whose values are texts or lists of texts";

const SCALARS: &str = "an object whose values are texts, numbers, true or false";

fn invalid(field: &'static str, expected: &'static str) -> Refused {
    Refused::FieldInvalid { field, expected }
}

fn is_absent(node: Node<'_, '_>) -> bool {
    !node.is_stated()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::core::{
        decode::{Wanted, tree::parse},
        identity::{
            document::{Document, schema},
            reason::Unmapped,
        },
    };

    /// A document with all fields.
    fn whole() -> Value {
        json!({
            "version": 1, "type": "sign_in", "provider": "p", "id": "e1", "time": "2026-11-22T21:20:28.244Z",
            "realm": "r", "realm_name": "Shop", "user": "u1", "user_name": "anna", "session": "s1",
            "session_start": "2026-11-22T21:00:00.000Z", "client": "web", "reason": "sso", "ip": "192.0.2.1",
            "user_agent": "Mozilla/5.0",
            "device": {
                "id": "d1", "make": "Apple", "model": "iPhone", "platform": "iOS", "platform_version": "26.1",
                "browser": "Safari", "app_version": "1.2", "locale": "de_CH", "timezone": "Europe/Zurich",
            },
            "location": {
                "city": "Bern", "country": "CH", "region": "BE", "postal_code": "3000", "latitude": 46.9,
                "longitude": 7.4,
            },
            "person": { "email": "anna@example.com", "phone_number": ["+41310000000", "+41310000001"] },
            "attributes": { "method": "password" },
        })
    }

    /// Decodes `value` and writes the events as documents, or the reasons.
    fn read(value: &str) -> Vec<Result<Value, String>> {
        let told = |item: EventResult<'_>| match item {
            Ok(event) => Ok(serde_json::to_value(Document::from(&event)).unwrap()),
            Err(Unmapped::Ignored(reason)) => Err(reason.code().to_string()),
            Err(Unmapped::Refused(reason)) => Err(format!("{}: {reason}", reason.code())),
        };
        let mut tree = parse(value.as_bytes()).unwrap();
        tree.wanted = Wanted { attributes: true };
        decode(tree.root()).into_iter().map(told).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(read(&whole().to_string()), [Ok(whole())]);
    }

    #[test]
    fn the_whole_document_has_all_that_the_schema_lists_and_nothing_else() {
        let listed = |schema: &Value| {
            let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        let written = |value: &Value| {
            let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        let (schema, whole) = (schema(), whole());
        assert_eq!(listed(&schema), written(&whole));
        for name in ["device", "location"] {
            let inner = &schema["properties"][name];
            let inner = inner["anyOf"].get(0).unwrap_or(inner);
            assert_eq!(listed(inner), written(&whole[name]));
        }
    }

    /// Checks a sign-in with `fields`, without the fields that all events have.
    #[track_caller]
    fn check(fields: &str, expected: &Value) {
        let mut read = read(&format!(r#"{{"type":"sign_in",{fields}}}"#)).remove(0).unwrap();
        for name in ["version", "type", "provider"] {
            read.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(&read, expected);
    }

    #[test]
    fn what_is_absent_is_written_in_four_ways() {
        check(
            r#""user":null,"client":"","device":null,"time":"","location":{"latitude":null}"#,
            &json!({ "location": {} }),
        );
        check(
            r#""user":"null","person":{"email":"","phone_number":[null]},"attributes":{"a":null}"#,
            &json!({}),
        );
    }

    #[test]
    fn numbers_are_read_where_texts_belong_and_texts_where_numbers_do() {
        check(r#""user":42"#, &json!({ "user": "42" }));
        check(r#""location":{"latitude":"46.9"}"#, &json!({ "location": { "latitude": 46.9 } }));
        check(
            r#""attributes":{"a":1,"b":1.5,"c":true}"#,
            &json!({ "attributes": { "a": "1", "b": "1.5", "c": "true" } }),
        );
        for time in
            ["1795382428244", "1795382428.244", r#""1795382428244""#, r#""2026-11-22T22:20:28.244+01:00""#]
        {
            check(&format!(r#""time":{time}"#), &json!({ "time": "2026-11-22T21:20:28.244Z" }));
        }
    }

    #[test]
    fn a_version_may_have_a_fraction_of_nothing() {
        check(r#""version":1.0,"user":"u""#, &json!({ "user": "u" }));
        refused(r#""version":1.5"#, "field_invalid: the field `version` must be 1");
    }

    #[test]
    fn what_is_not_known_is_ignored() {
        check(r#""colour":"red","device":{"size":[1]}"#, &json!({ "device": {} }));
    }

    #[track_caller]
    fn refused(fields: &str, expected: &str) {
        let reason = read(&format!(r#"{{"type":"sign_in",{fields}}}"#)).remove(0).unwrap_err();
        assert!(reason.starts_with(expected), "{reason}");
        assert!(!reason.contains("s3cret"), "{reason}");
    }

    #[test]
    fn a_field_that_holds_something_else_is_named() {
        refused(r#""user":["s3cret"]"#, "field_invalid: the field `user` must be a text");
        refused(r#""client":{"s3cret":1}"#, "field_invalid: the field `client` must be a text");
        refused(r#""device":{"make":true}"#, "field_invalid: the field `device.make` must be a text");
        refused(r#""device":"s3cret""#, "field_invalid: the field `device` must be an object");
        refused(r#""time":"s3cret""#, "field_invalid: the field `time` must be a time in RFC 3339");
        refused(r#""time":"2026-11-22T21:20:28""#, "field_invalid: the field `time` must be");
        refused(
            r#""location":{"latitude":"s3cret"}"#,
            "field_invalid: the field `location.latitude` must be a number",
        );
        refused(r#""person":{"s3cret":{}}"#, "field_invalid: the field `person` must be an object whose");
        refused(r#""person":{"email":[["s3cret"]]}"#, "field_invalid: the field `person` must be");
        refused(r#""attributes":{"a":["s3cret"]}"#, "field_invalid: the field `attributes` must be");
        refused(r#""type":"s3cret""#, "field_invalid: the field `type` must be one of sign_in,");
        refused(r#""version":2"#, "field_invalid: the field `version` must be 1");
        refused(r#""version":"1""#, "field_invalid: the field `version` must be 1");
        refused(r#""type":null"#, "no_type: ");
    }

    #[test]
    fn the_kinds_that_are_told_are_all() {
        for kind in Kind::ALL {
            assert!(KINDS.contains(kind.name()), "{}", kind.name());
        }
    }

    #[track_caller]
    fn many(value: &str, expected: &[&str]) {
        let told = |item: Result<Value, String>| match item {
            Ok(event) => event["user"].as_str().unwrap().to_owned(),
            Err(reason) => reason.split(':').next().unwrap().to_owned(),
        };
        assert_eq!(read(value).into_iter().map(told).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_record_may_carry_many() {
        let events = r#"[{"type":"sign_in","user":"a"},{"type":"sign_up","user":"b"},7,{"user":"c"}]"#;
        let expected = ["a", "b", "not_an_event", "no_type"];
        many(events, &expected);
        many(&format!(r#"{{"events":{events}}}"#), &expected);
        many("[]", &["empty"]);
        many(r#"{"events":[]}"#, &["empty"]);
        many(r#"{"type":"sign_in","user":"a","events":[]}"#, &["a"]);
        many("17", &["not_an_event"]);
        many("{}", &["no_type"]);
    }

    #[track_caller]
    fn recognised(value: &str, expected: bool) {
        assert_eq!(recognises(parse(value.as_bytes()).unwrap().root()), expected);
    }

    #[test]
    fn it_is_recognised_by_its_version_and_type() {
        recognised(r#"{"version":1,"type":"sign_in"}"#, true);
        recognised(r#"[{"version":1,"type":"activity"}]"#, true);
        recognised(r#"{"version":1,"events":[{"type":"sign_up"}]}"#, true);
        recognised(r#"{"version":1,"events":[]}"#, true);
        recognised(r#"{"version":1.0,"type":"sign_in"}"#, true);
        recognised(r#"{"version":1,"type":"login"}"#, true);
        recognised(r#"{"version":1.5,"type":"sign_in"}"#, false);
        recognised(r#"{"events":[]}"#, false);
        recognised(r#"{"version":2,"type":"sign_in"}"#, false);
        recognised(r#"{"type":"sign_in"}"#, false);
        recognised(r#"{"version":1,"type":"LOGIN"}"#, false);
        recognised(r#"{"version":"1","type":"sign_in"}"#, false);
        recognised("[]", false);
        recognised("17", false);
    }
}

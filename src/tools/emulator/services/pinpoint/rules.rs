//! The rules that a `PutEvents` call must keep, each with a name and a consequence.
//!
//! Knows nothing of HTTP, quotas and faults. Where Pinpoint's behaviour is documented or was observed, the
//! consequence is Pinpoint's; otherwise it is the stricter choice, because a client that passes here should
//! pass there. Every rule that a call breaks is reported, not only the first.

use std::collections::HashSet;

use serde::Serialize;

use super::wire::{EventsRequest, JsonText, Malformed};

pub(in crate::tools::emulator) use self::user_endpoints::UserEndpoints;
pub(super) use self::{
    endpoint::check_endpoint,
    event::check_event,
    rule::{Consequence, Rule},
};

mod endpoint;
mod event;
mod rule;
mod user_endpoints;

/// A request's body may take 4 MB.
pub(super) const MAX_BODY: usize = 4_000_000;
/// A request may hold 100 events, counted over all of its endpoints.
const MAX_EVENTS: usize = 100;
/// A key of an attribute or a metric may have 50 characters.
const MAX_KEY: usize = 50;
/// Characters that an endpoint's or a user's id must not contain.
const FORBIDDEN_IN_IDS: [char; 3] = ['$', '{', '}'];

/// Checks a request as a whole. Returns the number of its events.
pub(super) fn check_request(request: &EventsRequest<'_>) -> Result<usize, Rule> {
    if request.events_request.is_some() {
        return Err(Rule::Wrapper);
    }
    let endpoints = request.batch_item.as_ref().ok_or(Rule::NoEvents)?;
    distinct(endpoints.iter().map(|(id, _)| id))?;
    let mut events = 0;
    for (_, batch) in endpoints.iter() {
        distinct(batch.events.iter().map(|(id, _)| id))?;
        if batch.events.0.is_empty() {
            return Err(Rule::NoEvents);
        }
        events += batch.events.0.len();
    }
    match events {
        0 => Err(Rule::NoEvents),
        1..=MAX_EVENTS => Ok(events),
        _ => Err(Rule::EventCount),
    }
}

impl From<Malformed> for Rule {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotJson => Self::Json,
            Malformed::NotTheModel => Self::Model,
        }
    }
}

fn distinct<'a>(mut keys: impl ExactSizeIterator<Item = &'a JsonText<'a>>) -> Result<(), Rule> {
    // Most endpoints have one or two events; a set for each would cost more than the rest of the check.
    if keys.len() < 2 {
        return Ok(());
    }
    let mut seen = HashSet::with_capacity(keys.len());
    if keys.all(|key| seen.insert(&**key)) { Ok(()) } else { Err(Rule::RepeatedKey) }
}

fn longer_than(text: &str, characters: usize) -> bool {
    // A text with few bytes has few characters, so most texts need no counting.
    text.len() > characters && text.chars().count() > characters
}

/// Reads `2026-11-22T10:00:00.000Z`, and no other form, as milliseconds since 1970. Pinpoint was observed to
/// refuse an offset instead of the `Z`.
fn timestamp(text: &str) -> Option<i64> {
    let shape = b"0000-00-00T00:00:00.000Z";
    let fits = text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, &shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        });
    let time: jiff::Timestamp = if fits { text.parse().ok()? } else { return None };
    Some(time.as_millisecond())
}

/// The size of `value` as JSON, in bytes.
fn size(value: &impl Serialize) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Fails only if the writer fails, and this one cannot.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"EventType":"_userauth.sign_in","Timestamp":"2026-11-22T10:00:00.000Z"}"#;

    #[track_caller]
    fn check(body: &str, expected: Result<usize, Rule>) {
        let parsed = EventsRequest::parse(body.as_bytes());
        let checked = parsed.map_err(Rule::from).and_then(|request| check_request(&request));
        assert_eq!(checked, expected, "{body:.200}");
    }

    fn batch(events: &[&str]) -> String {
        let events: Vec<_> = events.iter().map(|id| format!("{id:?}:{EVENT}")).collect();
        format!(r#"{{"Endpoint":{{}},"Events":{{{}}}}}"#, events.join(","))
    }

    #[test]
    fn a_request_is_refused_as_a_whole() {
        let one = batch(&["e"]);
        check(&format!(r#"{{"BatchItem":{{"a":{one}}}}}"#), Ok(1));
        check(&format!(r#"{{"BatchItem":{{"a":{one},"b":{one}}}}}"#), Ok(2));
        check(&format!(r#"{{"EventsRequest":{{"BatchItem":{{"a":{one}}}}}}}"#), Err(Rule::Wrapper));
        check(&format!(r#"{{"BatchItem":{{"a":{one},"a":{one}}}}}"#), Err(Rule::RepeatedKey));
        check(&format!(r#"{{"BatchItem":{{"a":{}}}}}"#, batch(&["e", "e"])), Err(Rule::RepeatedKey));
        check(&format!(r#"{{"BatchItem":{{"a":{}}}}}"#, batch(&[])), Err(Rule::NoEvents));
        check(&format!(r#"{{"BatchItem":{{"a":{one},"b":{}}}}}"#, batch(&[])), Err(Rule::NoEvents));
        check(r#"{"BatchItem":{}}"#, Err(Rule::NoEvents));
        check("{}", Err(Rule::NoEvents));
        check("", Err(Rule::Json));
        check("{", Err(Rule::Json));
        check("[]", Err(Rule::Model));
        check(r#"{"batchItem":{}}"#, Err(Rule::Model));
        check(r#"{"BatchItem":{"a":{"Endpoint":{}}}}"#, Err(Rule::Model));
        check(r#"{"BatchItem":{"a":{"Events":{}}}}"#, Err(Rule::Model));
        check(r#"{"BatchItem":{"a":{"Endpoint":{"Adress":"x"},"Events":{}}}}"#, Err(Rule::Model));
        check(r#"{"BatchItem":{"a":{"Endpoint":{"Address":1},"Events":{}}}}"#, Err(Rule::Model));
    }

    #[test]
    fn events_are_counted_over_all_endpoints() {
        let ids: Vec<_> = (0..60).map(|id| id.to_string()).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let (forty, sixty) = (batch(&ids[..40]), batch(&ids));
        check(&format!(r#"{{"BatchItem":{{"a":{forty},"b":{sixty}}}}}"#), Ok(100));
        check(&format!(r#"{{"BatchItem":{{"a":{sixty},"b":{sixty}}}}}"#), Err(Rule::EventCount));
    }

    #[test]
    fn a_timestamp_has_one_form() {
        let check = |text, expected: Option<i64>| assert_eq!(timestamp(text), expected, "{text}");
        check("2026-11-22T10:00:00.000Z", Some(1_795_341_600_000));
        check("1970-01-01T00:00:00.001Z", Some(1));
        for wrong in [
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00.000",
            "2026-11-22T10:00:00.000000",
            "2026-11-22T10:00:00.000+0000",
            "2026-11-22T10:00:00.000z",
            "2026-11-22 10:00:00.000Z",
            "2026-11-31T10:00:00.000Z",
            "2026-11-22T25:00:00.000Z",
            "1795341600000",
            "",
        ] {
            check(wrong, None);
        }
    }
}

//! The rules for an event.

use super::{MAX_KEY, Rule, longer_than, size, timestamp};
use crate::{
    core::event::EventType,
    tools::emulator::services::pinpoint::wire::{Entries, Event, JsonText, Session},
};

/// An event may take 1,000 KB.
const MAX_SIZE: usize = 1_000_000;
/// An event may have 40 attributes and metrics together.
const MAX_KEYS: usize = 40;
/// A value of an event's attribute may have 200 characters.
const MAX_VALUE: usize = 200;
/// An event's type may have 50 characters.
const MAX_TYPE: usize = 50;

/// Calls `broken` for each rule that an event breaks. An event in a small request, of `request_size`
/// bytes, is not measured.
pub(in crate::tools::emulator::services::pinpoint) fn check_event(
    id: &str,
    event: &Event<'_>,
    request_size: usize,
    broken: &mut dyn FnMut(Rule),
) {
    if id.is_empty() {
        broken(Rule::EventId);
    }
    match (&event.event_type, &event.timestamp) {
        (Some(event_type), Some(_)) => check_type(event_type, broken),
        _ => broken(Rule::EventRequired),
    }
    if event.timestamp.as_ref().is_some_and(|text| timestamp(text).is_none()) {
        broken(Rule::EventTimestamp);
    }
    let names = [&event.app_package_name, &event.app_title, &event.app_version_code];
    let sdk = [&event.client_sdk_version, &event.sdk_name];
    if names.into_iter().chain(sdk).flatten().any(|text| text.is_empty()) {
        broken(Rule::EventEmptyText);
    }
    check_keys(event, broken);
    event.session.iter().for_each(|session| check_session(session, broken));
    if request_size > MAX_SIZE && size(event) > MAX_SIZE {
        broken(Rule::EventSize);
    }
}

fn check_type(event_type: &str, broken: &mut dyn FnMut(Rule)) {
    if event_type.is_empty() {
        broken(Rule::EventEmptyText);
    } else if !EventType::ALL.iter().any(|known| known.name() == event_type) {
        broken(Rule::EventTypeKnown);
        if longer_than(event_type, MAX_TYPE) || event_type.contains(['#', ':', '?', '\\', '/']) {
            broken(Rule::EventTypeText);
        }
    }
}

fn check_keys(event: &Event<'_>, broken: &mut dyn FnMut(Rule)) {
    let attributes = || event.attributes.iter().flat_map(Entries::iter);
    let metrics = || event.metrics.iter().flat_map(Entries::iter);
    let keys = || attributes().map(|(key, _)| key).chain(metrics().map(|(key, _)| key));
    if keys().count() > MAX_KEYS {
        broken(Rule::EventKeyCount);
    }
    if keys().any(|key| longer_than(key, MAX_KEY)) {
        broken(Rule::EventKeyLength);
    }
    if keys().chain(attributes().map(|(_, value)| value)).any(|text| text.is_empty()) {
        broken(Rule::EventEmptyText);
    }
    if attributes().any(|(_, value)| longer_than(value, MAX_VALUE)) {
        broken(Rule::EventValueLength);
    }
}

fn check_session(session: &Session<'_>, broken: &mut dyn FnMut(Rule)) {
    let text = |text: &Option<JsonText<'_>>| text.as_ref().is_some_and(|text| !text.is_empty());
    if !text(&session.id) || !text(&session.start_timestamp) {
        return broken(Rule::SessionRequired);
    }
    let times = [&session.start_timestamp, &session.stop_timestamp];
    let times = times.map(|time| time.as_ref().map(|text| timestamp(text)));
    if times.contains(&Some(None)) {
        broken(Rule::EventTimestamp);
    }
    match (times.map(Option::flatten), session.duration) {
        (_, Some(duration)) if i32::try_from(duration).map_or(true, |duration| duration < 0) => {
            broken(Rule::SessionDurationRange);
        }
        // Clocks differ: a session that stops before its start lasts 0 ms.
        ([Some(start), Some(stop)], Some(duration)) if duration != (stop - start).max(0) => {
            broken(Rule::SessionDurationSum);
        }
        _ if session.stop_timestamp.is_some() && session.duration.is_none() => broken(Rule::SessionDuration),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_with_id(id: &str, event: &str, expected: &[Rule]) {
        let size = event.len();
        let event: Event<'_> = serde_json::from_str(event).unwrap();
        let mut found = Vec::new();
        check_event(id, &event, size, &mut |rule| found.push(rule));
        assert_eq!(found, expected);
    }

    /// Checks a correct event to which `more` is added.
    #[track_caller]
    fn check(more: &str, expected: &[Rule]) {
        let event = r#""EventType":"_session.stop","Timestamp":"2026-11-22T10:00:00.000Z""#;
        check_with_id("e", &format!("{{{event}{more}}}"), expected);
    }

    #[test]
    fn an_event_has_an_id_a_type_and_a_time() {
        let time = r#""Timestamp":"2026-11-22T10:00:00.000Z""#;
        check("", &[]);
        check_with_id("", &format!(r#"{{"EventType":"_session.start",{time}}}"#), &[Rule::EventId]);
        check_with_id("e", "{}", &[Rule::EventRequired]);
        check_with_id("e", &format!("{{{time}}}"), &[Rule::EventRequired]);
        check_with_id("e", r#"{"EventType":"_session.start"}"#, &[Rule::EventRequired]);
        check_with_id("e", &format!(r#"{{"EventType":"",{time}}}"#), &[Rule::EventEmptyText]);
        for wrong in ["2026-11-22T10:00:00.000+0000", "2026-11-22T10:00:00.123456", "now", ""] {
            let event = format!(r#"{{"EventType":"_session.start","Timestamp":"{wrong}"}}"#);
            check_with_id("e", &event, &[Rule::EventTimestamp]);
        }
    }

    #[test]
    fn a_type_reaches_the_charts() {
        let check = |name: &str, expected: &[Rule]| {
            let event = format!(r#"{{"EventType":"{name}","Timestamp":"2026-11-22T10:00:00.000Z"}}"#);
            check_with_id("e", &event, expected);
        };
        for event_type in EventType::ALL {
            check(event_type.name(), &[]);
        }
        check("_userauth.signin", &[Rule::EventTypeKnown]);
        check("a/b", &[Rule::EventTypeKnown, Rule::EventTypeText]);
        check(&"t".repeat(51), &[Rule::EventTypeKnown, Rule::EventTypeText]);
    }

    #[test]
    fn attributes_and_metrics_keep_their_limits() {
        check(r#","Attributes":{"a":"v"},"Metrics":{"m":1.5}"#, &[]);
        check(r#","Attributes":{"a":""}"#, &[Rule::EventEmptyText]);
        check(r#","Attributes":{"":"v"}"#, &[Rule::EventEmptyText]);
        check(r#","AppTitle":"""#, &[Rule::EventEmptyText]);
        let value = |n| format!(r#","Attributes":{{"a":"{}"}}"#, "é".repeat(n));
        check(&value(200), &[]);
        check(&value(201), &[Rule::EventValueLength]);
        check(&value(500_000), &[Rule::EventValueLength, Rule::EventSize]);
        let key = |n| format!(r#","Metrics":{{"{}":1}}"#, "é".repeat(n));
        check(&key(50), &[]);
        check(&key(51), &[Rule::EventKeyLength]);
        let keys = |n| {
            let attributes: Vec<_> = (0..n).map(|key| format!(r#""{key}":"v""#)).collect();
            format!(r#","Attributes":{{{}}},"Metrics":{{"m":1}}"#, attributes.join(","))
        };
        check(&keys(39), &[]);
        check(&keys(40), &[Rule::EventKeyCount]);
    }

    #[test]
    fn a_session_is_whole() {
        let check = |session: &str, expected: &[Rule]| {
            check(&format!(r#","Session":{{{}}}"#, session.replace("T1", "2026-11-22T10:00:0")), expected);
        };
        check(r#""Id":"s","StartTimestamp":"T10.000Z""#, &[]);
        check(r#""Id":"s","StartTimestamp":"T10.000Z","StopTimestamp":"T11.500Z","Duration":1500"#, &[]);
        check(r#""Id":"s","StartTimestamp":"T11.000Z","StopTimestamp":"T10.000Z","Duration":0"#, &[]);
        check(r#""Id":"s""#, &[Rule::SessionRequired]);
        check(r#""Id":"","StartTimestamp":"T10.000Z""#, &[Rule::SessionRequired]);
        check(r#""StartTimestamp":"T10.000Z""#, &[Rule::SessionRequired]);
        check(r#""Id":"s","StartTimestamp":"T10Z""#, &[Rule::EventTimestamp]);
        check(r#""Id":"s","StartTimestamp":"T10.000Z","StopTimestamp":"T11.000Z""#, &[Rule::SessionDuration]);
        check(
            r#""Id":"s","StartTimestamp":"T10.000Z","StopTimestamp":"T11.000Z","Duration":1"#,
            &[Rule::SessionDurationSum],
        );
        check(r#""Id":"s","StartTimestamp":"T10.000Z","Duration":-1"#, &[Rule::SessionDurationRange]);
        check(r#""Id":"s","StartTimestamp":"T10.000Z","Duration":2147483648"#, &[Rule::SessionDurationRange]);
    }
}

//! The body of a `PutEvents` request: `{"BatchItem": {endpoint id: {"Endpoint", "Events": {event id: …}}}}`.
//!
//! Written straight into bytes: the SDK's own input types cost as much as the rest of this program together,
//! and derived types written by `serde_json` take twice as long. A test compares the result with the SDK's.
//! Empty texts are left out, because the service refuses them. Knows nothing of HTTP.

use jiff::tz::Offset;

use crate::core::{
    destination::Request,
    event::{AppEvent, Delivery, Endpoint, EndpointId, Session},
    json::{Key, Length, Object, Sink},
    stream_record::endpoint,
    time::Timestamp,
};

/// The bytes of a body that belong to no event.
pub(super) const ENVELOPE: usize = r#"{"BatchItem":{}}"#.len();

/// The estimated size of one event, so that a body rarely outgrows its first allocation.
const USUAL_EVENT: usize = 640;

pub(super) fn write(request: &Request) -> Vec<u8> {
    let events: usize = request.endpoints.iter().map(|batch| batch.events.len()).sum();
    let mut body = Vec::with_capacity(ENVELOPE + events * USUAL_EVENT);
    Object::write(&mut body, |root| {
        root.object("BatchItem", |items| {
            for batch in &request.endpoints {
                let events = batch.events.iter().map(|event| &**event);
                item(items, &batch.endpoint_id, &batch.endpoint, events);
            }
        });
    });
    body
}

/// How many bytes `delivery` adds to a body, including its commas and its endpoint, which takes
/// `endpoint_bytes`. Events that share an endpoint are each counted with it, so that the sum is an upper
/// bound for any combination of them.
pub(super) fn measure(delivery: &Delivery, endpoint_bytes: usize) -> usize {
    let mut length = Length::default();
    // The braces around the one item stand for the two commas, after the endpoint and after the event.
    Object::write(&mut length, |items| {
        item(items, &delivery.endpoint_id, &Endpoint::default(), [&*delivery.event].into_iter());
    });
    length.len() - "{}".len() + endpoint_bytes
}

/// How many bytes an endpoint takes.
pub(super) fn endpoint_bytes(snapshot: &Endpoint) -> usize {
    let mut length = Length::default();
    Object::write(&mut length, |fields| endpoint::fields(fields, snapshot));
    length.len()
}

/// The minimum number of bytes that an attribute adds to an endpoint.
pub(super) fn attribute_bytes(key: &str, values: &[Box<str>]) -> usize {
    let mut length = Length::default();
    Object::write(&mut length, |fields| fields.texts(Key::Any(key), values));
    length.len() - "{}".len()
}

fn item<'e, S: Sink>(
    items: &mut Object<'_, S>,
    id: &EndpointId,
    snapshot: &Endpoint,
    events: impl Iterator<Item = &'e AppEvent>,
) {
    items.object(Key::Any(&id.0), |item| {
        item.object("Endpoint", |fields| endpoint::fields(fields, snapshot));
        item.object("Events", |by_id| {
            for event in events {
                by_id.object(Key::Any(&event.id), |fields| app_event(fields, event));
            }
        });
    });
}

fn app_event<S: Sink>(fields: &mut Object<'_, S>, event: &AppEvent) {
    if let Some(app) = &event.app {
        fields.text_if_any("AppPackageName", app.package_name.as_deref());
        fields.text_if_any("AppTitle", app.title.as_deref());
        fields.text_if_any("AppVersionCode", app.version_code.as_deref());
    }
    fields.object_if_any("Attributes", |attributes| {
        for (key, value) in &event.attributes {
            attributes.text(Key::of(key), value);
        }
    });
    fields.text("EventType", event.event_type.name());
    fields.object_if_any("Metrics", |metrics| {
        // JSON has no other numbers.
        for (key, value) in event.metrics.iter().filter(|(_, value)| value.is_finite()) {
            metrics.formatted(Key::of(key), format_args!("{value:?}"));
        }
    });
    if let Some(its) = &event.session {
        fields.object("Session", |fields| session(fields, its));
    }
    timestamp(fields, "Timestamp", event.timestamp);
}

fn session<S: Sink>(fields: &mut Object<'_, S>, session: &Session) {
    if let Some((_, lasted)) = session.stop {
        fields.formatted("Duration", format_args!("{lasted}"));
    }
    fields.text("Id", &session.id);
    timestamp(fields, "StartTimestamp", session.start);
    if let Some((stop, _)) = session.stop {
        timestamp(fields, "StopTimestamp", stop);
    }
}

/// Writes a time as `2026-11-22T10:00:00.000Z`, the only form that the service takes. A time before the year
/// 0 or after 9999 cannot be written like this and becomes the first or the last one that can.
fn timestamp<S: Sink>(fields: &mut Object<'_, S>, key: &'static str, at: Timestamp) {
    const YEAR_0: i64 = -62_167_219_200_000;
    let at = jiff::Timestamp::from_millisecond(at.0.max(YEAR_0)).unwrap_or(jiff::Timestamp::MAX);
    let at = Offset::UTC.to_datetime(at);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    // Digit by digit, because the library's formatter takes longer than the rest of an event.
    digits(&mut text[0..4], at.year());
    digits(&mut text[5..7], at.month().into());
    digits(&mut text[8..10], at.day().into());
    digits(&mut text[11..13], at.hour().into());
    digits(&mut text[14..16], at.minute().into());
    digits(&mut text[17..19], at.second().into());
    digits(&mut text[20..23], at.millisecond());
    fields.text(key, str::from_utf8(&text).unwrap_or_default());
}

/// Adds a non-negative number to a text of zeros that has at least as many digits.
fn digits(zeros: &mut [u8], mut number: i16) {
    for zero in zeros.iter_mut().rev() {
        *zero += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::core::destination::sample;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn is_never_longer_than_measured(seed: u64) {
            let request = sample::arbitrary(seed, 3);
            prop_assert!(write(&request).len() <= ENVELOPE + measured(&request));
        }

        #[test]
        fn is_hardly_shorter_than_measured(seed: u64) {
            let request = sample::arbitrary(seed, 1);
            let commas = 2 * request.endpoints.len();
            prop_assert!(write(&request).len() + commas >= ENVELOPE + measured(&request));
        }
    }

    #[track_caller]
    fn check_timestamp(milliseconds: i64, expected: &str) {
        let mut bytes = Vec::new();
        Object::write(&mut bytes, |fields| timestamp(fields, "at", Timestamp(milliseconds)));
        assert_eq!(String::from_utf8(bytes).unwrap(), format!(r#"{{"at":"{expected}"}}"#));
    }

    #[test]
    fn timestamps_are_utc_with_milliseconds_and_a_literal_z() {
        check_timestamp(0, "1970-01-01T00:00:00.000Z");
        check_timestamp(1_795_341_600_000, "2026-11-22T10:00:00.000Z");
        check_timestamp(1_709_209_496_789, "2024-02-29T12:24:56.789Z");
        check_timestamp(-1, "1969-12-31T23:59:59.999Z");
        check_timestamp(i64::MIN, "0000-01-01T00:00:00.000Z");
        check_timestamp(i64::MAX, "9999-12-30T22:00:00.999Z");
    }

    fn measured(request: &Request) -> usize {
        let deliveries = request.endpoints.iter().flat_map(|batch| {
            batch.events.iter().map(|event| Delivery {
                origin: None,
                endpoint_id: batch.endpoint_id,
                endpoint: Arc::clone(&batch.endpoint),
                event: Arc::clone(event),
            })
        });
        deliveries.map(|delivery| measure(&delivery, endpoint_bytes(&delivery.endpoint))).sum()
    }
}

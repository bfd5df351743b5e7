//! The body of a `PutEvents` request: `{"BatchItem": {endpoint id: {"Endpoint", "Events": {event id: …}}}}`.
//!
//! Written straight into bytes, because the SDK's own input types cost as much as all the rest of this
//! program; a test compares the two. What Pinpoint would refuse although its model allows it is kept out
//! here: an empty text, impossible coordinates, an offset in a timestamp. Knows nothing of HTTP.

use jiff::tz::Offset;

use super::{
    json::{Key, Length, Object, Sink},
    limits,
};
use crate::core::{
    destination::Request,
    event::{AppEvent, Delivery, Demographic, Endpoint, EndpointId, Location, Session},
    time::Timestamp,
};

/// The bytes of a body that belong to no event.
pub(super) const ENVELOPE: usize = r#"{"BatchItem":{}}"#.len();

/// A guess at what one event takes, so that a body rarely outgrows its first allocation.
const USUAL_EVENT: usize = 640;

/// The body of `request`.
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

/// How many bytes `delivery` takes of a body, with its commas and its endpoint, which takes `endpoint_bytes`.
/// Events that share an endpoint are each counted with it, so that the sum holds for any of them.
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
    Object::write(&mut length, |fields| endpoint(fields, snapshot));
    length.len()
}

/// How many bytes an endpoint takes at least because of an attribute.
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
        item.object("Endpoint", |fields| endpoint(fields, snapshot));
        item.object("Events", |by_id| {
            for event in events {
                by_id.object(Key::Any(&event.id), |fields| app_event(fields, event));
            }
        });
    });
}

fn endpoint<S: Sink>(fields: &mut Object<'_, S>, endpoint: &Endpoint) {
    fields.text_if_any("Address", endpoint.address.as_deref());
    fields.object_if_any("Attributes", |attributes| {
        for (key, values) in &endpoint.attributes {
            attributes.texts(Key::Any(key), values);
        }
    });
    fields.text_if_any("ChannelType", endpoint.channel_type.as_deref());
    if let Some(about) = &endpoint.demographic {
        fields.object_if_any("Demographic", |fields| demographic(fields, about));
    }
    if let Some(place) = &endpoint.location {
        fields.object_if_any("Location", |fields| location(fields, place));
    }
    fields.text_if_any("OptOut", endpoint.opt_out.as_deref());
    fields.object_if_any("User", |user| {
        user.object_if_any("UserAttributes", |attributes| {
            for (key, values) in &endpoint.user_attributes {
                attributes.texts(Key::Any(key), values);
            }
        });
        user.text_if_any("UserId", endpoint.user_id.as_deref());
    });
}

fn demographic<S: Sink>(fields: &mut Object<'_, S>, demographic: &Demographic) {
    fields.text_if_any("AppVersion", demographic.app_version.as_deref());
    fields.text_if_any("Locale", demographic.locale.as_deref());
    fields.text_if_any("Make", demographic.make.as_deref());
    fields.text_if_any("Model", demographic.model.as_deref());
    fields.text_if_any("ModelVersion", demographic.model_version.as_deref());
    fields.text_if_any("Platform", demographic.platform.as_deref());
    fields.text_if_any("PlatformVersion", demographic.platform_version.as_deref());
    fields.text_if_any("Timezone", demographic.timezone.as_deref());
}

fn location<S: Sink>(fields: &mut Object<'_, S>, location: &Location) {
    fields.text_if_any("City", location.city.as_deref());
    fields.text_if_any("Country", location.country.as_deref());
    if let Some((latitude, longitude)) = limits::coordinates(location) {
        fields.formatted("Latitude", format_args!("{latitude:?}"));
        fields.formatted("Longitude", format_args!("{longitude:?}"));
    }
    fields.text_if_any("PostalCode", location.postal_code.as_deref());
    fields.text_if_any("Region", location.region.as_deref());
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
        // JSON has no others.
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

/// Writes a time as `2026-11-22T10:00:00.000Z`, the one form the service takes. What is before the year 0
/// or after the year 9999 has no such form and becomes the first or the last moment that has one.
fn timestamp<S: Sink>(fields: &mut Object<'_, S>, key: &'static str, at: Timestamp) {
    const YEAR_0: i64 = -62_167_219_200_000;
    let at = jiff::Timestamp::from_millisecond(at.0.max(YEAR_0)).unwrap_or(jiff::Timestamp::MAX);
    let at = Offset::UTC.to_datetime(at);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    // Digit by digit: the library's formatter takes longer than all the rest of an event.
    digits(&mut text[0..4], at.year());
    digits(&mut text[5..7], at.month().into());
    digits(&mut text[8..10], at.day().into());
    digits(&mut text[11..13], at.hour().into());
    digits(&mut text[14..16], at.minute().into());
    digits(&mut text[17..19], at.second().into());
    digits(&mut text[20..23], at.millisecond());
    fields.text(key, str::from_utf8(&text).unwrap_or_default());
}

/// Adds a number that is not negative to as many zeros as it has digits, or more.
fn digits(zeros: &mut [u8], mut number: i16) {
    for zero in zeros.iter_mut().rev() {
        *zero += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, HashMap},
        sync::Arc,
    };

    use aws_sdk_pinpoint::{
        Client, Config,
        config::{BehaviorVersion, Credentials, Region},
        types::{
            ChannelType, EndpointDemographic, EndpointLocation, EndpointUser, Event, EventsBatch,
            EventsRequest, PublicEndpoint, Session as TypedSession,
        },
    };
    use aws_smithy_http_client::test_util::capture_request;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{super::sample, *};
    use crate::core::destination::EndpointBatch;

    /// The same, with fewer digits: `serde_json` may read one number that is written in two ways, as `1e-173`
    /// and with its noughts, as two neighbours.
    fn rounded(value: Value) -> Value {
        match value {
            Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                Some(float) => format!("{float:.12e}").into(),
                None => Value::Number(number),
            },
            Value::Array(values) => values.into_iter().map(rounded).collect(),
            Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
            other => other,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn is_what_the_sdk_serialises(seed: u64) {
            let request = sample::arbitrary(seed, 3);
            let body: Value = serde_json::from_slice(&write(&request)).unwrap();
            prop_assert_eq!(rounded(body), rounded(serialised_by_the_sdk(typed(&request))));
        }

        #[test]
        fn is_never_longer_than_measured(seed: u64) {
            let request = sample::arbitrary(seed, 3);
            prop_assert!(write(&request).len() <= ENVELOPE + measured(&request));
        }

        #[test]
        fn an_endpoint_is_never_larger_than_its_size(seed: u64) {
            for batch in sample::arbitrary(seed, 1).endpoints {
                let mut length = Length::default();
                Object::write(&mut length, |fields| endpoint(fields, &batch.endpoint));
                prop_assert!(length.len() <= batch.endpoint.size());
            }
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
                endpoint_id: batch.endpoint_id.clone(),
                endpoint: Arc::clone(&batch.endpoint),
                event: Arc::clone(event),
            })
        });
        deliveries.map(|delivery| measure(&delivery)).sum()
    }

    fn serialised_by_the_sdk(request: EventsRequest) -> Value {
        let (http_client, captured) = capture_request(None);
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("a", "b", None, None, "test"))
            .http_client(http_client)
            .build();
        let client = Client::from_conf(config);
        let sent = client.put_events().application_id("a").events_request(request).send();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(sent).unwrap();
        serde_json::from_slice(captured.expect_request().body().bytes().unwrap()).unwrap()
    }

    fn typed(request: &Request) -> EventsRequest {
        let item = |batch: &EndpointBatch| {
            let events =
                batch.events.iter().map(|event| (event.id.to_string(), typed_event(event))).collect();
            EventsBatch::builder().endpoint(typed_endpoint(&batch.endpoint)).set_events(Some(events)).build()
        };
        let items = request.endpoints.iter().map(|batch| (batch.endpoint_id.0.to_string(), item(batch)));
        EventsRequest::builder().set_batch_item(Some(items.collect())).build()
    }

    fn typed_endpoint(endpoint: &Endpoint) -> PublicEndpoint {
        let user_attributes = lists(&endpoint.user_attributes);
        let user_id = some(endpoint.user_id.as_deref());
        let has_user = user_id.is_some() || user_attributes.is_some();
        let user = EndpointUser::builder().set_user_id(user_id).set_user_attributes(user_attributes).build();
        let demographic = endpoint.demographic.as_deref().map(typed_demographic);
        let location = endpoint.location.as_deref().map(typed_location);
        PublicEndpoint::builder()
            .set_address(some(endpoint.address.as_deref()))
            .set_attributes(lists(&endpoint.attributes))
            .set_channel_type(some(endpoint.channel_type.as_deref()).map(|name| ChannelType::from(&*name)))
            .set_demographic(demographic.filter(|given| *given != EndpointDemographic::builder().build()))
            .set_location(location.filter(|given| *given != EndpointLocation::builder().build()))
            .set_opt_out(some(endpoint.opt_out.as_deref()))
            .set_user(has_user.then_some(user))
            .build()
    }

    fn typed_demographic(demographic: &Demographic) -> EndpointDemographic {
        EndpointDemographic::builder()
            .set_app_version(some(demographic.app_version.as_deref()))
            .set_locale(some(demographic.locale.as_deref()))
            .set_make(some(demographic.make.as_deref()))
            .set_model(some(demographic.model.as_deref()))
            .set_model_version(some(demographic.model_version.as_deref()))
            .set_platform(some(demographic.platform.as_deref()))
            .set_platform_version(some(demographic.platform_version.as_deref()))
            .set_timezone(some(demographic.timezone.as_deref()))
            .build()
    }

    fn typed_location(location: &Location) -> EndpointLocation {
        let pair = location.coordinates.filter(|(latitude, longitude)| {
            (-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude)
        });
        EndpointLocation::builder()
            .set_city(some(location.city.as_deref()))
            .set_country(some(location.country.as_deref()))
            .set_postal_code(some(location.postal_code.as_deref()))
            .set_region(some(location.region.as_deref()))
            .set_latitude(pair.map(|(latitude, _)| latitude))
            .set_longitude(pair.map(|(_, longitude)| longitude))
            .build()
    }

    fn typed_event(event: &AppEvent) -> Event {
        let attributes = event.attributes.iter().filter(|(_, value)| !value.is_empty());
        let attributes: HashMap<_, _> =
            attributes.map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let metrics = event.metrics.iter().filter(|(_, value)| value.is_finite());
        let metrics: HashMap<_, _> = metrics.map(|(key, value)| (key.to_string(), *value)).collect();
        let app = event.app.clone().unwrap_or_default();
        Event::builder()
            .event_type(event.event_type.name())
            .timestamp(iso(event.timestamp))
            .set_app_title(some(app.title.as_deref()))
            .set_app_version_code(some(app.version_code.as_deref()))
            .set_app_package_name(some(app.package_name.as_deref()))
            .set_metrics((!metrics.is_empty()).then_some(metrics))
            .set_attributes((!attributes.is_empty()).then_some(attributes))
            .set_session(event.session.as_ref().map(typed_session))
            .build()
    }

    fn typed_session(session: &Session) -> TypedSession {
        TypedSession::builder()
            .id(&*session.id)
            .start_timestamp(iso(session.start))
            .set_stop_timestamp(session.stop.map(|(stop, _)| iso(stop)))
            .set_duration(session.stop.map(|(_, lasted)| lasted))
            .build()
    }

    fn some(text: Option<&str>) -> Option<String> {
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn lists(attributes: &BTreeMap<Box<str>, Vec<Box<str>>>) -> Option<HashMap<String, Vec<String>>> {
        let texts =
            |values: &[Box<str>]| values.iter().filter_map(|value| some(Some(value))).collect::<Vec<_>>();
        let lists = attributes.iter().map(|(key, values)| (key.to_string(), texts(values)));
        let lists: HashMap<_, _> = lists.filter(|(_, values)| !values.is_empty()).collect();
        (!lists.is_empty()).then_some(lists)
    }

    fn iso(at: Timestamp) -> String {
        let at = jiff::Timestamp::from_millisecond(at.0.max(-62_167_219_200_000));
        at.unwrap_or(jiff::Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }
}

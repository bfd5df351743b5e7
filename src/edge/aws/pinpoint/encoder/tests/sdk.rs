//! Compares the body of a request with what the SDK's own serialiser writes.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_pinpoint::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        ChannelType, EndpointDemographic, EndpointLocation, EndpointUser, Event, EventsBatch, EventsRequest,
        PublicEndpoint, Session as TypedSession,
    },
};
use aws_smithy_http_client::test_util::capture_request;
use proptest::prelude::*;

use super::*;
use crate::core::destination::EndpointBatch;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn equals_what_the_sdk_serialises(seed: u64) {
        let request = sample::arbitrary(seed, 3);
        let body: Value = serde_json::from_slice(&PutEvents.body(&request)).unwrap();
        prop_assert_eq!(rounded(body), rounded(serialised_by_the_sdk(typed(&request))));
    }
}

/// Rounds numbers: `serde_json` may read one number that is written in two ways, as `1e-173` and with all its
/// zeros, as two neighbouring values.
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
        let events = batch.events.iter().map(|event| (event.id.to_string(), typed_event(event))).collect();
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
    let pair = location.latitude.zip(location.longitude).filter(|(latitude, longitude)| {
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
        .set_duration(session.stop.map(|(_, lasted)| lasted.try_into().unwrap()))
        .build()
}

fn some(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn lists(attributes: &BTreeMap<Box<str>, Vec<Box<str>>>) -> Option<HashMap<String, Vec<String>>> {
    let texts = |values: &[Box<str>]| values.iter().filter_map(|value| some(Some(value))).collect::<Vec<_>>();
    let lists = attributes.iter().map(|(key, values)| (key.to_string(), texts(values)));
    let lists: HashMap<_, _> = lists.filter(|(_, values)| !values.is_empty()).collect();
    (!lists.is_empty()).then_some(lists)
}

fn iso(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0.max(-62_167_219_200_000));
    at.unwrap_or(jiff::Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

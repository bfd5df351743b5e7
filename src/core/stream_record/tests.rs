//! Stream records, field by field, against what readers of Pinpoint's event stream know.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use smallvec::smallvec;

use super::{
    config::{AccountId, AppId},
    schema::Record,
    *,
};
use crate::core::{
    destination::{EndpointBatch, Request, sample},
    event::{EventType, Location},
};

mod columns;

fn config() -> RecordConfig {
    RecordConfig {
        app_id: AppId::literal("0123456789abcdef0123456789abcdef"),
        account_id: Some(AccountId::literal("123456789012")),
        client_context: Switch::On,
    }
}

/// An endpoint with every field.
fn whole_endpoint() -> Endpoint {
    let lists = |key: &str, values: &[&str]| {
        [(key.into(), values.iter().map(|value| (*value).into()).collect())].into()
    };
    Endpoint {
        user_id: Some("u-1".into()),
        user_attributes: lists("Plan", &["gold"]),
        address: Some("ada@example.com".into()),
        channel_type: Some("EMAIL".into()),
        attributes: lists("Newsletter", &["weekly", "monthly"]),
        opt_out: Some("NONE".into()),
        demographic: Some(Box::new(Demographic {
            app_version: Some("1.0".into()),
            locale: Some("en-GB".into()),
            make: Some("Apple".into()),
            model: Some("iPhone".into()),
            model_version: Some("X".into()),
            platform: Some("ios".into()),
            platform_version: Some("17.1".into()),
            timezone: Some("Europe/London".into()),
        })),
        location: Some(Box::new(Location {
            city: Some("London".into()),
            country: Some("GB".into()),
            postal_code: Some("SW1A".into()),
            region: Some("England".into()),
            latitude: Some(51.5),
            longitude: Some(-0.125),
        })),
    }
}

/// An event with every field.
fn whole_event() -> AppEvent {
    let attribute = |key: &'static str, value: &str| (key.into(), value.into());
    AppEvent {
        id: "4f1f:session".into(),
        event_type: EventType::SessionStop,
        timestamp: Timestamp(1_795_341_900_000),
        session: Some(Session {
            id: "s-1".into(),
            start: Timestamp(1_795_341_600_000),
            stop: Some((Timestamp(1_795_341_900_000), 300_000)),
        }),
        attributes: smallvec![attribute("event_id", "4f1f:session"), attribute("reason", "logout")],
        metrics: vec![("age".into(), 36.0), ("ratio".into(), 0.5), ("none".into(), f64::NAN)],
        app: Some(Arc::new(App {
            title: Some("Shop".into()),
            version_code: Some("7".into()),
            package_name: Some("com.example.shop".into()),
        })),
    }
}

fn written(config: &RecordConfig, endpoint: &Endpoint, event: &AppEvent) -> Value {
    let endpoint_id = EndpointId::new("aaaabbbbccccddddeeeeffff00001111");
    let record = StreamRecord { config, endpoint_id: &endpoint_id, endpoint, event };
    let mut bytes = Vec::new();
    record.write(Timestamp(1_795_341_901_234), &mut bytes);
    assert!(bytes.len() <= record.max_bytes());
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_record_states_everything_that_is_known() {
    let device = json!({
        "AppVersion": "1.0", "Locale": "en-GB", "Make": "Apple", "Model": "iPhone", "ModelVersion": "X",
        "Platform": "ios", "PlatformVersion": "17.1", "Timezone": "Europe/London",
    });
    let endpoint = json!({
        "Id": "aaaabbbbccccddddeeeeffff00001111",
        "ApplicationId": "0123456789abcdef0123456789abcdef",
        "EndpointStatus": "ACTIVE",
        "Address": "ada@example.com",
        "Attributes": { "Newsletter": ["weekly", "monthly"] },
        "ChannelType": "EMAIL",
        "Demographic": device,
        "Location": {
            "City": "London", "Country": "GB", "Latitude": 51.5, "Longitude": -0.125, "PostalCode": "SW1A",
            "Region": "England",
        },
        "OptOut": "NONE",
        "User": { "UserAttributes": { "Plan": ["gold"] }, "UserId": "u-1" },
    });
    let expected = json!({
        "event_type": "_session.stop",
        "event_timestamp": 1_795_341_900_000_i64,
        "arrival_timestamp": 1_795_341_901_234_i64,
        "event_version": "3.1",
        "application": {
            "app_id": "0123456789abcdef0123456789abcdef",
            "package_name": "com.example.shop",
            "title": "Shop",
            "version_code": "7",
            "sdk": {},
        },
        "client": { "client_id": "aaaabbbbccccddddeeeeffff00001111" },
        "device": {
            "locale": { "code": "en_GB", "language": "en", "country": "GB" },
            "make": "Apple",
            "model": "iPhone",
            "platform": { "name": "ios", "version": "17.1" },
        },
        "session": {
            "session_id": "s-1",
            "start_timestamp": 1_795_341_600_000_i64,
            "stop_timestamp": 1_795_341_900_000_i64,
        },
        "attributes": { "event_id": "4f1f:session", "reason": "logout" },
        "metrics": { "age": 36.0, "ratio": 0.5 },
        "client_context": { "custom": { "endpoint": endpoint.to_string() } },
        "endpoint": endpoint,
        "awsAccountId": "123456789012",
    });
    assert_eq!(written(&config(), &whole_endpoint(), &whole_event()), expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    let event =
        AppEvent { session: None, attributes: smallvec![], metrics: vec![], app: None, ..whole_event() };
    let expected = json!({
        "event_type": "_session.stop",
        "event_timestamp": 1_795_341_900_000_i64,
        "arrival_timestamp": 1_795_341_901_234_i64,
        "event_version": "3.1",
        "application": { "app_id": "pinpoint-sidecar", "sdk": {} },
        "client": { "client_id": "aaaabbbbccccddddeeeeffff00001111" },
        "attributes": {},
        "metrics": {},
        "endpoint": {
            "Id": "aaaabbbbccccddddeeeeffff00001111", "ApplicationId": "pinpoint-sidecar", "EndpointStatus": "ACTIVE",
        },
    });
    assert_eq!(written(&RecordConfig::default(), &Endpoint::default(), &event), expected);
}

/// What AWS documents of app events in the stream: each field with a value of its kind.
const DOCUMENTED: &str = r#"{
    "event_type": "t", "event_timestamp": 1, "arrival_timestamp": 1, "event_version": "t",
    "application": {
        "app_id": "t", "cognito_identity_pool_id": "t", "package_name": "t", "title": "t", "version_name": "t",
        "version_code": "t", "sdk": { "name": "t", "version": "t" }
    },
    "client": { "client_id": "t", "cognito_id": "t" },
    "device": {
        "locale": { "code": "t", "country": "t", "language": "t" }, "make": "t", "model": "t",
        "platform": { "name": "t", "version": "t" }
    },
    "session": { "session_id": "t", "start_timestamp": 1, "stop_timestamp": 1 },
    "attributes": { "*": "t" }, "metrics": { "*": 1 },
    "client_context": { "custom": { "endpoint": "t" } },
    "awsAccountId": "t"
}"#;

/// The endpoint of a record of 2022, which AWS does not document.
const SEEN: &str = r#"{
    "Id": "t", "ApplicationId": "t", "EndpointStatus": "t", "OptOut": "t", "Address": "t", "ChannelType": "t",
    "RequestId": "t", "CohortId": "t", "CreationDate": "t", "EffectiveDate": "t",
    "Location": {
        "City": "t", "Country": "t", "PostalCode": "t", "Region": "t", "Latitude": 1, "Longitude": 1
    },
    "Demographic": {
        "AppVersion": "t", "Locale": "t", "Make": "t", "Model": "t", "ModelVersion": "t", "Platform": "t",
        "PlatformVersion": "t", "Timezone": "t"
    },
    "Attributes": { "*": ["t"] }, "Metrics": { "*": 1 },
    "User": { "UserId": "t", "UserAttributes": { "*": ["t"] } }
}"#;

/// The first field of `value` that `shape` does not have, or has with another kind of value.
fn beyond(shape: &Value, value: &Value, path: &str) -> Option<String> {
    match (shape, value) {
        (Value::Object(known), Value::Object(fields)) => fields.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match known.get(key).or_else(|| known.get("*")) {
                Some(shape) => beyond(shape, value, &path),
                None => Some(path),
            }
        }),
        (Value::Array(known), Value::Array(items)) => {
            items.iter().find_map(|item| beyond(&known[0], item, path))
        }
        (Value::String(_), Value::String(_)) | (Value::Number(_), Value::Number(_)) => None,
        _ => Some(path.to_owned()),
    }
}

#[test]
fn a_record_has_no_field_that_pinpoints_stream_did_not_have() {
    let mut shape: Value = serde_json::from_str(DOCUMENTED).unwrap();
    shape["endpoint"] = serde_json::from_str(SEEN).unwrap();
    let record = written(&config(), &whole_endpoint(), &whole_event());
    assert_eq!(beyond(&shape, &record, ""), None);
    assert_eq!(beyond(&shape, &json!({ "attributes": { "a": null } }), ""), Some(".attributes.a".to_owned()));
    assert_eq!(beyond(&shape, &json!({ "device": { "id": "x" } }), ""), Some(".device.id".to_owned()));
}

/// The records of a request, each with its bytes.
fn records<'r>(config: &'r RecordConfig, request: &'r Request) -> Vec<(StreamRecord<'r>, Vec<u8>)> {
    let mut records = Vec::new();
    for EndpointBatch { endpoint_id, endpoint, events } in &request.endpoints {
        for event in events {
            let record = StreamRecord { config, endpoint_id, endpoint, event };
            let mut bytes = Vec::new();
            record.write(Timestamp(1), &mut bytes);
            records.push((record, bytes));
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_read_back_by_its_schema(seed: u64) {
        for (record, bytes) in records(&config(), &sample::arbitrary(seed, 3)) {
            let read: Record = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(read.event_type.as_str(), record.event.event_type.name());
            prop_assert_eq!(read.event_timestamp, record.event.timestamp.0);
            prop_assert_eq!(read.client.client_id.as_str(), &*record.endpoint_id.0);
            prop_assert_eq!(read.session.is_some(), record.event.session.is_some());
            let again: Value = serde_json::from_str(&read.client_context.unwrap().custom.endpoint).unwrap();
            let whole: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&again, &whole["endpoint"]);
        }
    }

    #[test]
    fn every_record_is_read_by_the_tables(seed: u64) {
        for (_, bytes) in records(&config(), &sample::arbitrary(seed, 3)) {
            prop_assert_eq!(columns::misread(&serde_json::from_slice(&bytes).unwrap()), None);
        }
    }

    #[test]
    fn no_record_is_longer_than_measured(seed: u64) {
        for (record, bytes) in records(&config(), &sample::arbitrary(seed, 3)) {
            prop_assert!(bytes.len() <= record.max_bytes());
        }
    }
}

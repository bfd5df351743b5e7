//! The destination over a scripted service, and its CBOR.

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::http::HttpClient;
use serde_json::Value;

use super::{BusEncoder, EventBridge, EventBridgeConfig};
use crate::{
    core::{
        destination::{Answer, Request, Sender as _},
        stream_record::config::RecordConfig,
        time::Timestamp,
        units::text::DestinationName,
    },
    edge::aws::{
        client::AwsEnvironment,
        scripted::{block_on, made_up, responding_bytes, sdk},
    },
};

/// The ARN of a custom bus.
pub(super) const CUSTOM: &str =
    "arn:aws:events:eu-central-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde";

/// The time at which everything is sent.
pub(super) const NOW: Timestamp = Timestamp(1_795_341_601_234);

/// The answer to `request` if the service responds like this.
pub(super) fn answer(
    bus: &str,
    request: Request,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: impl Into<Vec<u8>>,
) -> Answer {
    let http_client = responding_bytes(status, headers, body.into());
    block_on(eventbridge(&config(bus), http_client, made_up()).send(request))
}

/// The destination over `http_client`, with the credentials of `provider`.
pub(super) fn eventbridge(
    config: &EventBridgeConfig,
    http_client: impl HttpClient + 'static,
    provider: impl ProvideCredentials + 'static,
) -> EventBridge {
    let mut aws = AwsEnvironment::over(sdk(http_client, provider));
    EventBridge::connect(config, encoder(config), || NOW, &mut aws).unwrap()
}

pub(super) fn encoder(config: &EventBridgeConfig) -> BusEncoder {
    BusEncoder::new(config, &DestinationName::literal("bus"), RecordConfig::default())
}

/// The configuration of a bus, with the defaults of all other keys.
pub(super) fn config(bus: &str) -> EventBridgeConfig {
    serde_json::from_value(serde_json::json!({ "bus": bus, "source": "com.example.identity" })).unwrap()
}

/// JSON as CBOR.
pub(super) fn cbor(value: &Value) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encode(value, &mut encoder);
    encoder.into_writer()
}

fn encode(value: &Value, to: &mut minicbor::Encoder<Vec<u8>>) {
    match value {
        Value::Null => to.null(),
        Value::Bool(value) => to.bool(*value),
        Value::Number(number) => to.i64(number.as_i64().unwrap()),
        Value::String(text) => to.str(text),
        Value::Array(items) => {
            to.array(items.len().try_into().unwrap()).unwrap();
            return items.iter().for_each(|item| encode(item, to));
        }
        Value::Object(fields) => {
            to.map(fields.len().try_into().unwrap()).unwrap();
            return fields.iter().for_each(|(name, value)| {
                to.str(name).unwrap();
                encode(value, to);
            });
        }
    }
    .unwrap();
}

/// CBOR as JSON. Timestamps are numbers.
pub(super) fn json(cbor: &[u8]) -> Value {
    decode(&mut minicbor::Decoder::new(cbor))
}

fn decode(from: &mut minicbor::Decoder<'_>) -> Value {
    use minicbor::data::Type;
    match from.datatype().unwrap() {
        Type::Map | Type::MapIndef => {
            let mut fields = serde_json::Map::new();
            let mut left = from.map().unwrap();
            while next(&mut left, from) {
                fields.insert(from.str().unwrap().to_owned(), decode(from));
            }
            Value::Object(fields)
        }
        Type::Array | Type::ArrayIndef => {
            let mut items = Vec::new();
            let mut left = from.array().unwrap();
            while next(&mut left, from) {
                items.push(decode(from));
            }
            Value::Array(items)
        }
        Type::String => from.str().unwrap().into(),
        Type::Tag => {
            assert_eq!(from.tag().unwrap().as_u64(), 1, "a timestamp");
            from.f64().unwrap().into()
        }
        other => panic!("{other}"),
    }
}

/// Whether there is another item in a list whose length is known, or that ends with a break.
fn next(left: &mut Option<u64>, from: &mut minicbor::Decoder<'_>) -> bool {
    match left {
        Some(left) => {
            let is_more = *left > 0;
            *left = left.saturating_sub(1);
            is_more
        }
        None if from.datatype().unwrap() == minicbor::data::Type::Break => {
            from.skip().unwrap();
            false
        }
        None => true,
    }
}

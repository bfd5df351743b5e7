//! The encoder of an EventBridge destination: each event is an entry, whose detail is a stream record.
//!
//! Pure: nothing here names the SDKs or HTTP. What always holds: all events of an endpoint have the same
//! group, and an event that is sent again has the same deduplication id.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash64;

use super::config::EventBridgeConfig;
use crate::core::{
    code::Code,
    destination::{Encoder, FieldCounts, Fitted, Order, Request, RequestLimits},
    event::{Delivery, EndpointId, Refusal},
    json::Object,
    stream_record::{self, StreamRecord, config::RecordConfig},
    time::Timestamp,
    units::text::DestinationName,
};

/// The maximum number of entries in a request to a custom bus.
const CUSTOM_ENTRIES: usize = 100;

/// The maximum number of entries in a request to a classic bus.
const CLASSIC_ENTRIES: usize = 10;

/// The maximum number of bytes of all entries of a request.
const BYTES: usize = 1 << 20;

/// The bytes that the service counts for the time of an entry.
const TIME_BYTES: usize = 14;

/// The bytes of a deduplication id, in hex digits, and of the longest group.
const METADATA_BYTES: usize = 64 + 6;

/// The last millisecond of the year 9999.
const LAST: i64 = 253_402_300_799_999;

/// Encodes the entries of one bus.
#[derive(Clone)]
pub struct BusEncoder {
    config: EventBridgeConfig,
    destination: DestinationName,
    record: RecordConfig,
}

impl BusEncoder {
    /// The encoder of a destination with this name.
    #[must_use]
    pub fn new(config: &EventBridgeConfig, destination: &DestinationName, record: RecordConfig) -> Self {
        Self { config: config.clone(), destination: destination.clone(), record }
    }

    pub(super) fn bus(&self) -> &str {
        &self.config.bus
    }

    pub(super) fn source(&self) -> &str {
        &self.config.source
    }

    pub(super) fn records<'r>(&'r self, request: &'r Request) -> impl Iterator<Item = StreamRecord<'r>> {
        stream_record::of_request(&self.record, request)
    }

    /// The group of an endpoint. Groups are few, because the service expects their number to be bounded.
    pub(super) fn group(&self, endpoint_id: &EndpointId) -> String {
        let hash = XxHash64::oneshot(0, endpoint_id.0.as_bytes());
        (hash % u64::from(self.config.groups())).to_string()
    }

    /// The deduplication id of an event. It contains the destination's name, because several destinations may
    /// deliver to one bus, and the endpoint, because an event id is unique only within one.
    pub(super) fn deduplication_id(&self, record: &StreamRecord<'_>) -> String {
        let mut hash = Sha256::new();
        for part in [&*self.destination, &*record.endpoint_id.0, &*record.event.id] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }

    fn is_custom(&self) -> bool {
        self.config.custom_bus().is_some()
    }
}

/// The time of an event if the service can express it.
pub(super) fn time(record: &StreamRecord<'_>) -> Option<Timestamp> {
    Some(record.event.timestamp).filter(|at| (0..=LAST).contains(&at.0))
}

impl Encoder for BusEncoder {
    fn limits(&self) -> RequestLimits {
        let events = if self.is_custom() { CUSTOM_ENTRIES } else { CLASSIC_ENTRIES };
        RequestLimits { events, bytes: BYTES, overhead: 0 }
    }

    /// A custom bus keeps the order of its entries, but each has a result of its own: one that fails does not
    /// stop later ones.
    fn order(&self) -> Order {
        if self.is_custom() { Order::BetweenRequests } else { Order::WithinRequest }
    }

    fn fields(&self) -> &'static [&'static str] {
        &stream_record::FIELDS
    }

    fn fit(&self, delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal> {
        let Fitted { delivery, bytes } = stream_record::fit(&self.record, delivery, counts);
        let names = self.config.source.len() + delivery.event.event_type.name().len();
        let bytes = bytes + names + TIME_BYTES + if self.is_custom() { METADATA_BYTES } else { 0 };
        if bytes > BYTES {
            let message = "the event is larger than EventBridge takes".to_owned();
            return Err(Refusal { code: Code("event_too_large"), message });
        }
        Ok(Fitted { delivery, bytes })
    }

    /// The body of a request to a classic bus. A custom bus gets the same in CBOR.
    fn body(&self, request: &Request, at: Timestamp) -> Vec<u8> {
        let (mut body, mut detail) = (Vec::new(), Vec::new());
        Object::write(&mut body, |root| {
            root.text_if_any("EventBusArn", self.config.custom_bus());
            root.objects("Entries", self.records(request), |fields, record| {
                detail.clear();
                record.write(at, &mut detail);
                fields.text("Source", self.source());
                fields.text("DetailType", record.event.event_type.name());
                fields.text("Detail", str::from_utf8(&detail).unwrap_or_default());
                if let Some(Timestamp(at)) = time(&record) {
                    fields.formatted("Time", format_args!("{}.{:03}", at / 1000, at % 1000));
                }
                if self.is_custom() {
                    fields.object("SystemMetadata", |fields| {
                        fields.text("EventGroupId", &self.group(record.endpoint_id));
                        fields.text("DeduplicationId", &self.deduplication_id(&record));
                    });
                } else {
                    fields.text("EventBusName", self.bus());
                }
            });
        });
        body
    }

    /// A heading for each entry, whose detail is shown as the JSON that it is.
    fn outline(&self, request: &Request, at: Timestamp) -> Vec<(String, Value)> {
        let heading = format!("event for {}", self.bus());
        let shown = |record: StreamRecord<'_>| {
            let mut entry = json!({
                "Source": self.source(),
                "DetailType": record.event.event_type.name(),
                "Detail": record.value(at),
            });
            if self.is_custom() {
                entry["SystemMetadata"] = json!({
                    "EventGroupId": self.group(record.endpoint_id),
                    "DeduplicationId": self.deduplication_id(&record),
                });
            }
            (heading.clone(), entry)
        };
        self.records(request).map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::scripted, *};
    use crate::core::destination::sample;

    fn named(bus: &str, destination: &'static str) -> BusEncoder {
        let destination = DestinationName::literal(destination);
        BusEncoder::new(&scripted::config(bus), &destination, RecordConfig::default())
    }

    fn encoder(bus: &str) -> BusEncoder {
        named(bus, "bus")
    }

    #[test]
    fn a_request_keeps_the_limits_and_the_order_of_the_bus() {
        let limits = |events| RequestLimits { events, bytes: 1_048_576, overhead: 0 };
        assert_eq!(encoder(scripted::CUSTOM).limits(), limits(100));
        assert_eq!(encoder("default").limits(), limits(10));
        assert_eq!(encoder(scripted::CUSTOM).order(), Order::BetweenRequests);
        assert_eq!(encoder("default").order(), Order::WithinRequest);
    }

    fn ids(encoder: &BusEncoder, endpoint: &str, event: &str) -> (String, String) {
        let request = sample::request(&[(endpoint, &[event])]);
        let record = encoder.records(&request).next().unwrap();
        (encoder.group(record.endpoint_id), encoder.deduplication_id(&record))
    }

    #[test]
    fn an_endpoint_keeps_its_group_and_an_event_its_deduplication_id() {
        let encoder = encoder(scripted::CUSTOM);
        let (group, id) = ids(&encoder, "9d99a6d664ffb18c7bb2661e5ffe0321", "a:sign_in");
        // Both must be the same after an update, or order and deduplication are lost.
        assert_eq!(group, "732");
        assert_eq!(id, "2cdb434b53bf4d6b710b663c0cf5f7819dcaf1ba6af933262c2eb6c82024acee");
        let (same, other) = ids(&encoder, "9d99a6d664ffb18c7bb2661e5ffe0321", "a:session");
        assert!(same == group && other != id);
        assert_ne!(ids(&encoder, "9d99a6d664ffb18c7bb2661e5ffe0322", "a:sign_in").1, id);
        let another = named(scripted::CUSTOM, "another");
        assert_ne!(ids(&another, "9d99a6d664ffb18c7bb2661e5ffe0321", "a:sign_in").1, id);
    }

    #[test]
    fn groups_are_as_many_as_configured() {
        let config = EventBridgeConfig { groups: 7.try_into().ok(), ..scripted::config(scripted::CUSTOM) };
        let encoder = BusEncoder::new(&config, &DestinationName::literal("bus"), RecordConfig::default());
        let groups = (0..1000).map(|number| ids(&encoder, &format!("endpoint {number}"), "a").0);
        let groups: std::collections::BTreeSet<_> = groups.collect();
        assert_eq!(groups.into_iter().collect::<String>(), "0123456");
    }

    /// The bytes of an event whose attribute has a value of this length.
    fn fitted(bus: &str, length: usize) -> Result<usize, Code> {
        let batch = sample::request(&[("e", &["a"])]).endpoints.remove(0);
        let mut event = (*batch.events[0]).clone();
        event.attributes.push(("long".into(), "x".repeat(length).into()));
        let (endpoint_id, endpoint) = (batch.endpoint_id, batch.endpoint);
        let delivery = Delivery { origin: None, endpoint_id, endpoint, event: Arc::new(event) };
        let fitted = encoder(bus).fit(delivery, &mut FieldCounts::default());
        fitted.map(|fitted| fitted.bytes).map_err(|refusal| refusal.code)
    }

    #[test]
    fn an_event_is_refused_if_it_is_larger_than_a_request() {
        for bus in [scripted::CUSTOM, "default"] {
            let rest = BYTES - (fitted(bus, 1).unwrap() - 1);
            assert_eq!(fitted(bus, rest), Ok(BYTES));
            assert_eq!(fitted(bus, rest + 1), Err(Code("event_too_large")));
        }
        assert_eq!(fitted(scripted::CUSTOM, 1).unwrap() - fitted("default", 1).unwrap(), METADATA_BYTES);
    }

    #[test]
    fn a_time_that_the_service_cannot_express_is_left_out() {
        let timed = |at| {
            let mut request = sample::request(&[("e", &["a"])]);
            Arc::make_mut(&mut request.endpoints[0].events[0]).timestamp = Timestamp(at);
            let body: Value =
                serde_json::from_slice(&encoder("default").body(&request, Timestamp(7))).unwrap();
            body["Entries"][0]["Time"].as_f64()
        };
        assert_eq!(timed(1_795_341_600_123), Some(1_795_341_600.123));
        assert_eq!((timed(0), timed(LAST)), (Some(0.0), Some(253_402_300_799.999)));
        assert_eq!((timed(-1), timed(LAST + 1), timed(i64::MIN)), (None, None, None));
    }

    #[test]
    fn the_outline_shows_the_detail_as_json() {
        let outline = encoder(scripted::CUSTOM).outline(&sample::request(&[("e", &["a"])]), Timestamp(7));
        assert_eq!(outline[0].0, format!("event for {}", scripted::CUSTOM));
        assert_eq!(outline[0].1["Detail"]["arrival_timestamp"], 7);
        assert!(outline[0].1["SystemMetadata"]["EventGroupId"].is_string());
        let outline = encoder("default").outline(&sample::request(&[("e", &["a"])]), Timestamp(7));
        assert!(outline[0].1.get("SystemMetadata").is_none());
    }
}

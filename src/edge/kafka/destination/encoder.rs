//! The encoder of a Kafka destination: each event is a stream record of its own.
//!
//! Pure: nothing here names rdkafka. A topic's own limit of the size of a record is not known here: the
//! broker refuses what is larger.

use serde_json::{Value, json};

use crate::core::{
    destination::{Encoder, FieldCounts, Fitted, Order, Request, RequestLimits},
    event::{Delivery, Refusal},
    stream_record::{self, StreamRecord, config::RecordConfig},
    time::Timestamp,
    units::text::TopicName,
};

/// The name of the header that holds the event's id.
pub(super) const EVENT_ID: &str = "event_id";

/// Encodes the records of one topic.
#[derive(Clone)]
pub struct KafkaEncoder {
    topic: TopicName,
    record: RecordConfig,
}

impl KafkaEncoder {
    #[must_use]
    pub fn new(topic: TopicName, record: RecordConfig) -> Self {
        Self { topic, record }
    }
}

impl Encoder for KafkaEncoder {
    /// Kafka has no requests of ours, so the configuration alone limits them.
    fn limits(&self) -> RequestLimits {
        RequestLimits { events: usize::MAX, bytes: usize::MAX, overhead: 0 }
    }

    /// A record that is written again may come after later ones of its request.
    fn order(&self) -> Order {
        Order::BetweenRequests
    }

    fn fields(&self) -> &'static [&'static str] {
        &stream_record::FIELDS
    }

    fn fit(&self, delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal> {
        let Fitted { delivery, bytes } = stream_record::fit(&self.record, delivery, counts);
        let more = delivery.endpoint_id.0.len() + EVENT_ID.len() + delivery.event.id.len();
        Ok(Fitted { delivery, bytes: bytes + more })
    }

    /// The records of a request as JSON. They are sent one by one.
    fn body(&self, request: &Request, at: Timestamp) -> Vec<u8> {
        let records: Vec<_> =
            stream_record::of_request(&self.record, request).map(|record| shown(&record, at)).collect();
        json!({ "topic": self.topic, "records": records }).to_string().into_bytes()
    }

    /// A heading for each record.
    fn outline(&self, request: &Request, at: Timestamp) -> Vec<(String, Value)> {
        let heading = format!("record for {}", self.topic);
        stream_record::of_request(&self.record, request)
            .map(|record| (heading.clone(), shown(&record, at)))
            .collect()
    }
}

fn shown(record: &StreamRecord<'_>, at: Timestamp) -> Value {
    json!({ "key": *record.endpoint_id.0, "headers": { EVENT_ID: *record.event.id }, "value": record.value(at) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::{destination::sample, stream_record::config::AppId};

    fn encoder() -> KafkaEncoder {
        let record = RecordConfig { app_id: AppId::literal("shop"), ..RecordConfig::default() };
        KafkaEncoder::new(TopicName::literal("identity-events"), record)
    }

    #[test]
    fn a_request_is_shown_as_its_records() {
        let request = sample::request(&[("e", &["a", "b"]), ("f", &["c"])]);
        let body: Value = serde_json::from_slice(&encoder().body(&request, Timestamp(7))).unwrap();
        assert_eq!(body["topic"], "identity-events");
        let records = body["records"].as_array().unwrap();
        let ids: Vec<_> = records.iter().map(|one| (&one["key"], &one["headers"]["event_id"])).collect();
        assert_eq!(json!(ids), json!([["e", "a"], ["e", "b"], ["f", "c"]]));
        assert_eq!(records[0]["value"]["application"]["app_id"], "shop");
        assert_eq!(records[0]["value"]["arrival_timestamp"], 7);
        assert_eq!(records[0]["value"]["client"]["client_id"], "e");
        let outline = encoder().outline(&request, Timestamp(7));
        assert_eq!(outline[2], ("record for identity-events".to_owned(), records[2].clone()));
    }

    #[test]
    fn an_event_is_measured_with_its_key_and_header() {
        let batch = sample::request(&[("endpoint", &["event"])]).endpoints.remove(0);
        let (endpoint_id, event) = (batch.endpoint_id, Arc::clone(&batch.events[0]));
        let delivery = Delivery { origin: None, endpoint_id, endpoint: batch.endpoint, event };
        let fitted = encoder().fit(delivery.clone(), &mut FieldCounts::default()).unwrap();
        assert!(fitted.delivery.event == delivery.event);
        let mut bytes = Vec::new();
        let request = sample::request(&[("endpoint", &["event"])]);
        let encoder = encoder();
        stream_record::of_request(&encoder.record, &request)
            .for_each(|record| record.write(Timestamp(i64::MIN), &mut bytes));
        assert_eq!(fitted.bytes, bytes.len() + "endpoint".len() + "event_id".len() + "event".len());
    }
}

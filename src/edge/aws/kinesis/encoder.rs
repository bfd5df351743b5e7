//! The encoder of a Kinesis destination: each event is a stream record in base64, under the key of its
//! endpoint.
//!
//! Pure: nothing here names the SDK or HTTP. The limits count data and keys before base64.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::config::{KinesisConfig, StreamOrder};
use crate::core::{
    code::Code,
    destination::{Encoder, FieldCounts, Fitted, Order, Request, RequestLimits},
    event::{Delivery, Refusal},
    json::Object,
    stream_record::{self, StreamRecord, config::RecordConfig},
    time::Timestamp,
};

/// The maximum number of records in a request.
const RECORDS: usize = 500;

/// The maximum number of bytes of all data and keys of a request. AWS's pages name 10 MiB as well.
const BYTES: usize = 5 << 20;

/// Encodes requests of `PutRecords` for one stream.
#[derive(Clone)]
pub struct PutRecords {
    config: KinesisConfig,
    record: RecordConfig,
}

impl PutRecords {
    #[must_use]
    pub fn new(config: &KinesisConfig, record: RecordConfig) -> Self {
        Self { config: config.clone(), record }
    }

    fn records<'r>(&'r self, request: &'r Request) -> impl Iterator<Item = StreamRecord<'r>> {
        stream_record::of_request(&self.record, request)
    }
}

impl Encoder for PutRecords {
    fn limits(&self) -> RequestLimits {
        RequestLimits { events: RECORDS, bytes: BYTES, overhead: 0 }
    }

    /// The service promises no order within a request: a record that fails does not stop later ones.
    fn order(&self) -> Order {
        match self.config.order {
            StreamOrder::Endpoint => Order::BetweenRequests,
            StreamOrder::None => Order::WithinRequest,
        }
    }

    fn fields(&self) -> &'static [&'static str] {
        &stream_record::FIELDS
    }

    fn fit(&self, delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal> {
        let Fitted { delivery, bytes } = stream_record::fit(&self.record, delivery, counts);
        let bytes = bytes + delivery.endpoint_id.0.len();
        if u64::try_from(bytes).is_ok_and(|bytes| bytes > self.config.max_record.0) {
            let message = "the record is larger than `kinesis.max_record`".to_owned();
            return Err(Refusal { code: Code("event_too_large"), message });
        }
        Ok(Fitted { delivery, bytes })
    }

    fn body(&self, request: &Request, at: Timestamp) -> Vec<u8> {
        let mut body = Vec::new();
        let (mut data, mut text) = (Vec::new(), String::new());
        Object::write(&mut body, |root| {
            match self.config.stream_arn() {
                Some(arn) => root.text("StreamARN", arn),
                None => root.text("StreamName", &self.config.stream),
            }
            root.objects("Records", self.records(request), |fields, record| {
                data.clear();
                text.clear();
                record.write(at, &mut data);
                BASE64_STANDARD.encode_string(&data, &mut text);
                fields.text("Data", &text);
                fields.text("PartitionKey", &record.endpoint_id.0);
            });
        });
        body
    }

    /// A heading for each record, whose data is shown as the JSON that it is.
    fn outline(&self, request: &Request, at: Timestamp) -> Vec<(String, Value)> {
        let heading = format!("record for {}", self.config.stream);
        let shown = |record: StreamRecord<'_>| {
            (heading.clone(), json!({ "PartitionKey": *record.endpoint_id.0, "Data": record.value(at) }))
        };
        self.records(request).map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::scripted, *};
    use crate::core::{destination::sample, units::Size};

    fn delivery(event_id: &str) -> Delivery {
        let batch = sample::request(&[("endpoint", &[event_id])]).endpoints.remove(0);
        let (endpoint_id, event) = (batch.endpoint_id, Arc::clone(&batch.events[0]));
        Delivery { origin: None, endpoint_id, endpoint: batch.endpoint, event }
    }

    #[track_caller]
    fn check_record(bytes_left: i64, is_taken: bool) {
        let whole = PutRecords::new(&scripted::config("identity"), RecordConfig::default());
        let bytes = whole.fit(delivery("a"), &mut FieldCounts::default()).unwrap().bytes;
        let max_record = Size(u64::try_from(bytes).unwrap().checked_add_signed(bytes_left).unwrap());
        let config = KinesisConfig { max_record, ..scripted::config("identity") };
        let encoder = PutRecords::new(&config, RecordConfig::default());
        let fitted = encoder.fit(delivery("a"), &mut FieldCounts::default());
        assert_eq!(
            fitted.map(drop).map_err(|refusal| refusal.code),
            if is_taken { Ok(()) } else { Err(Code("event_too_large")) }
        );
    }

    #[test]
    fn a_record_is_refused_if_it_is_larger_than_the_stream_allows() {
        check_record(0, true);
        check_record(1, true);
        check_record(-1, false);
    }

    #[test]
    fn a_request_keeps_the_limits_of_the_service_and_the_order_of_the_configuration() {
        let encoder = |order| {
            PutRecords::new(&KinesisConfig { order, ..scripted::config("identity") }, RecordConfig::default())
        };
        let limits = RequestLimits { events: 500, bytes: 5_242_880, overhead: 0 };
        assert_eq!(encoder(StreamOrder::Endpoint).limits(), limits);
        assert_eq!(encoder(StreamOrder::Endpoint).order(), Order::BetweenRequests);
        assert_eq!(encoder(StreamOrder::None).order(), Order::WithinRequest);
    }

    #[test]
    fn the_outline_shows_the_data_as_json() {
        let encoder = PutRecords::new(&scripted::config("identity"), RecordConfig::default());
        let outline = encoder.outline(&sample::request(&[("e", &["a"])]), Timestamp(7));
        assert_eq!(outline[0].0, "record for identity");
        assert_eq!(outline[0].1["PartitionKey"], "e");
        assert_eq!(outline[0].1["Data"]["arrival_timestamp"], 7);
    }
}

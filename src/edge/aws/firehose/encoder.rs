//! The encoder of a Firehose destination: each event is a stream record in base64, or several of them share
//! one record of the service.
//!
//! Pure: nothing here names the SDK or HTTP. The limits count data before base64. A record of the service
//! holds events that follow each other in the request.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::config::FirehoseConfig;
use crate::core::{
    code::Code,
    destination::{Encoder, FieldCounts, Fitted, Request, RequestLimits},
    event::{Delivery, Refusal},
    json::Object,
    stream_record::{self, config::RecordConfig},
    time::Timestamp,
};

/// The maximum number of records in a request, and of events in a record that the service takes apart.
const RECORDS: usize = 500;

/// The maximum number of bytes of all data of a request.
const BYTES: usize = 4 << 20;

/// The maximum number of bytes of a record.
const RECORD_BYTES: usize = 1_000_000;

const NEWLINE: usize = "\n".len();

/// Encodes requests of `PutRecordBatch` for one stream.
#[derive(Clone)]
pub struct PutRecordBatch {
    config: FirehoseConfig,
    record: RecordConfig,
}

impl PutRecordBatch {
    #[must_use]
    pub fn new(config: &FirehoseConfig, record: RecordConfig) -> Self {
        Self { config: config.clone(), record }
    }

    /// Writes the body of a request, and returns how many events are in each of its records.
    pub(super) fn write(&self, request: &Request, at: Timestamp) -> (Vec<u8>, Vec<usize>) {
        let records = self.pack(request, at);
        let (mut body, mut text) = (Vec::new(), String::new());
        Object::write(&mut body, |root| {
            root.text("DeliveryStreamName", &self.config.stream);
            root.objects("Records", &records, |fields, record| {
                text.clear();
                BASE64_STANDARD.encode_string(&record.data, &mut text);
                fields.text("Data", &text);
            });
        });
        (body, records.iter().map(|record| record.events).collect())
    }

    /// The records of a request. Events that follow each other share one as long as they fit into it.
    fn pack(&self, request: &Request, at: Timestamp) -> Vec<ServiceRecord> {
        let mut records: Vec<ServiceRecord> = Vec::new();
        for event in stream_record::of_request(&self.record, request) {
            let mut data = Vec::new();
            event.write(at, &mut data);
            if self.config.newline {
                data.push(b'\n');
            }
            match records.last_mut().filter(|last| self.is_room(last, data.len())) {
                Some(last) => last.join(&data),
                None => records.push(ServiceRecord { data, events: 1 }),
            }
        }
        records
    }

    fn is_room(&self, record: &ServiceRecord, bytes: usize) -> bool {
        let bytes = u64::try_from(record.len_with(bytes)).unwrap_or(u64::MAX);
        self.config.pack.is_some_and(|pack| bytes <= pack.0)
    }
}

/// A record as the service counts them.
struct ServiceRecord {
    data: Vec<u8>,
    events: usize,
}

impl ServiceRecord {
    /// How many bytes it has after another event of so many.
    fn len_with(&self, bytes: usize) -> usize {
        let separator = if self.ends_a_line() { 0 } else { NEWLINE };
        self.data.len() + separator + bytes
    }

    fn join(&mut self, event: &[u8]) {
        if !self.ends_a_line() {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(event);
        self.events += 1;
    }

    fn ends_a_line(&self) -> bool {
        self.data.last() == Some(&b'\n')
    }
}

impl Encoder for PutRecordBatch {
    fn limits(&self) -> RequestLimits {
        RequestLimits { events: RECORDS, bytes: BYTES, overhead: 0 }
    }

    fn fields(&self) -> &'static [&'static str] {
        &stream_record::FIELDS
    }

    fn fit(&self, delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal> {
        let Fitted { delivery, bytes } = stream_record::fit(&self.record, delivery, counts);
        let bytes = bytes + NEWLINE;
        if bytes > RECORD_BYTES {
            let message = "the record is larger than Firehose takes".to_owned();
            return Err(Refusal { code: Code("event_too_large"), message });
        }
        Ok(Fitted { delivery, bytes })
    }

    fn body(&self, request: &Request, at: Timestamp) -> Vec<u8> {
        self.write(request, at).0
    }

    /// A heading for each record of the service, whose events are shown as the JSON that they are.
    fn outline(&self, request: &Request, at: Timestamp) -> Vec<(String, Value)> {
        let heading = format!("record for {}", self.config.stream);
        let shown = |record: ServiceRecord| {
            let lines = record.data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let events: Vec<Value> =
                lines.map(|line| serde_json::from_slice(line).unwrap_or_default()).collect();
            (heading.clone(), json!({ "Data": events }))
        };
        self.pack(request, at).into_iter().map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::scripted, *};
    use crate::core::{destination::sample, units::Size};

    fn encoder(pack: Option<usize>, newline: bool) -> PutRecordBatch {
        let pack = pack.map(|bytes| Size(bytes.try_into().unwrap()));
        PutRecordBatch::new(
            &FirehoseConfig { newline, pack, ..scripted::config("lake") },
            RecordConfig::default(),
        )
    }

    /// Checks which of the three events of a request, all of them equally long, are in each record.
    #[track_caller]
    fn check_packed(pack: Option<usize>, newline: bool, expected: &[&[usize]]) {
        let request = sample::request(&[("e", &["a", "b"]), ("f", &["c"])]);
        let encoder = encoder(pack, newline);
        let (body, events) = encoder.write(&request, Timestamp(7));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let records = body["Records"].as_array().unwrap().iter();
        let data: Vec<_> =
            records.map(|record| BASE64_STANDARD.decode(record["Data"].as_str().unwrap()).unwrap()).collect();
        let written = stream_record::of_request(&encoder.record, &request).map(|event| {
            let mut bytes = Vec::new();
            event.write(Timestamp(7), &mut bytes);
            bytes
        });
        let written: Vec<_> = written.collect();
        let joined = |places: &&[usize]| {
            let lines: Vec<_> = places.iter().map(|place| &*written[*place]).collect();
            [lines.join(&b'\n'), if newline { b"\n".to_vec() } else { Vec::new() }].concat()
        };
        assert_eq!(data, expected.iter().map(joined).collect::<Vec<_>>());
        assert_eq!(events, expected.iter().map(|places| places.len()).collect::<Vec<_>>());
    }

    #[test]
    fn events_share_a_record_up_to_its_size() {
        let bytes = encoder(None, true).pack(&sample::request(&[("e", &["a"])]), Timestamp(7))[0].data.len();
        check_packed(None, true, &[&[0], &[1], &[2]]);
        check_packed(None, false, &[&[0], &[1], &[2]]);
        check_packed(Some(2 * bytes - 1), true, &[&[0], &[1], &[2]]);
        check_packed(Some(2 * bytes), true, &[&[0, 1], &[2]]);
        check_packed(Some(3 * bytes), true, &[&[0, 1, 2]]);
        check_packed(Some(3 * bytes - 1), false, &[&[0, 1, 2]]);
        check_packed(Some(3 * bytes - 2), false, &[&[0, 1], &[2]]);
        check_packed(Some(1), true, &[&[0], &[1], &[2]]);
    }

    #[test]
    fn a_request_keeps_the_limits_of_the_service() {
        let limits = RequestLimits { events: 500, bytes: 4_194_304, overhead: 0 };
        assert_eq!(encoder(None, true).limits(), limits);
        assert_eq!(encoder(Some(100_000), true).limits(), limits);
    }

    /// The bytes of an event whose attribute has a value of this length.
    fn fitted(length: usize) -> Result<usize, Code> {
        let batch = sample::request(&[("e", &["a"])]).endpoints.remove(0);
        let mut event = (*batch.events[0]).clone();
        event.attributes.push(("long".into(), "x".repeat(length).into()));
        let (endpoint_id, endpoint) = (batch.endpoint_id, batch.endpoint);
        let delivery = Delivery { origin: None, endpoint_id, endpoint, event: Arc::new(event) };
        let fitted = encoder(None, true).fit(delivery, &mut FieldCounts::default());
        fitted.map(|fitted| fitted.bytes).map_err(|refusal| refusal.code)
    }

    #[test]
    fn an_event_is_refused_if_it_is_larger_than_a_record() {
        let rest = RECORD_BYTES - (fitted(1).unwrap() - 1);
        assert_eq!(fitted(rest), Ok(RECORD_BYTES));
        assert_eq!(fitted(rest + 1), Err(Code("event_too_large")));
    }

    #[test]
    fn the_outline_shows_the_events_of_each_record_as_json() {
        let outline =
            encoder(Some(10_000), true).outline(&sample::request(&[("e", &["a", "b"])]), Timestamp(7));
        assert_eq!(outline.len(), 1);
        assert_eq!(outline[0].0, "record for lake");
        assert_eq!(outline[0].1["Data"][1]["arrival_timestamp"], 7);
    }
}

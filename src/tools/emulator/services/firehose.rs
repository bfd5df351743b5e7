//! Data Firehose: `PutRecordBatch`, and `DescribeDeliveryStream`. JSON 1.1.
//!
//! There is every stream that a call names. A record that breaks a limit makes the whole call fail. A record
//! may hold several events, one after the other: each is an event of its own in the journal.

use std::{collections::BTreeSet, hash::Hash, ops::Range};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use super::{
    Address, Call, Head, Parsed, Served, Service,
    entries::{self, Fault, Spoiled},
};
use crate::tools::emulator::{
    journal::Origin,
    protocol::{
        Problem, Protocol,
        json::{self, JsonText},
    },
    record::{self, EventFields},
    state::ServerState,
};

/// A request may hold 500 records.
const MAX_RECORDS: usize = 500;
/// A record may take 1,000 KiB, before base64.
const MAX_RECORD: usize = 1_024_000;
/// A request may take 4 MiB, before base64.
const MAX_REQUEST: usize = 4 << 20;
const MAX_NAME: usize = 64;

pub(super) static SERVICE: Service = Service {
    name: "firehose",
    signing_name: "firehose",
    address: Address::Target("Firehose_20150804"),
    protocol: Protocol::Json,
    has_quota: false,
    // 4 MiB in base64, with room for the names of fields; and as much again, so that its error names the limit.
    max_body: 12 << 20,
    too_large: Problem::breach(
        "firehose.body_size",
        413,
        "RequestEntityTooLarge",
        "The request is too large.",
    ),
    throttled: Problem::new(503, "ServiceUnavailableException", "Slow down."),
    failed: Problem::new(500, "InternalFailure", "Internal Service Failure"),
    refused: Problem::new(400, "InvalidArgumentException", "The request holds a bad record."),
    read,
};

const SPOILED: Spoiled = Spoiled {
    // Never the result of a record: see `serve`.
    refused: Problem::new(400, "InvalidArgumentException", "The request holds a bad record."),
    throttled: Problem::new(503, "ServiceUnavailableException", "Slow down."),
    failed: Problem::new(500, "InternalFailure", "Internal Service Failure"),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutRecordBatch<'a> {
    #[serde(borrow)]
    delivery_stream_name: Option<JsonText<'a>>,
    #[serde(borrow)]
    records: Option<Vec<Record<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Record<'a> {
    #[serde(borrow)]
    data: Option<JsonText<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DescribeDeliveryStream<'a> {
    #[serde(borrow)]
    delivery_stream_name: Option<JsonText<'a>>,
    #[serde(rename = "Limit")]
    _limit: Option<u32>,
    #[serde(borrow, rename = "ExclusiveStartDestinationId")]
    _start: Option<JsonText<'a>>,
}

fn read<'a>(head: &'a Head, body: &'a [u8]) -> Parsed<'a> {
    match &*head.operation {
        "PutRecordBatch" => {
            let call: PutRecordBatch<'_> = json::read("firehose.model", body)?;
            let stream = stream(call.delivery_stream_name)?;
            Ok(Box::new(PutRecordBatchCall { stream, records: records(call.records.unwrap_or_default())? }))
        }
        "DescribeDeliveryStream" => {
            let call: DescribeDeliveryStream<'_> = json::read("firehose.model", body)?;
            Ok(Box::new(DescribeCall(stream(call.delivery_stream_name)?)))
        }
        _ => Err(SERVICE.unknown_operation()),
    }
}

fn stream(name: Option<JsonText<'_>>) -> Result<JsonText<'_>, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let valid = |name: &JsonText<'_>| (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits);
    name.filter(valid).ok_or_else(|| invalid("firehose.stream", "DeliveryStreamName does not name a stream."))
}

/// Decodes the records, and checks the limits.
fn records(records: Vec<Record<'_>>) -> Result<Vec<Decoded>, Problem> {
    match records.len() {
        0 => return Err(invalid("firehose.no_records", "Records must have at least one member.")),
        1..=MAX_RECORDS => {}
        _ => return Err(invalid("firehose.record_count", "Records must have at most 500 members.")),
    }
    let mut decoded = Vec::with_capacity(records.len());
    let mut size = 0;
    for record in records {
        let data = record.data.ok_or_else(|| invalid("firehose.data", "Data must not be null."))?;
        let data = BASE64_STANDARD.decode(data.as_bytes()).map_err(|_| {
            Problem::breach("firehose.base64", 400, "SerializationException", "Data is not base64.")
        })?;
        if data.len() > MAX_RECORD {
            return Err(invalid("firehose.record_size", "Data must take at most 1024000 bytes."));
        }
        size += data.len();
        decoded.push(Decoded::new(data));
    }
    if size > MAX_REQUEST {
        let message = "Records size exceeds 4 MB limit";
        return Err(Problem::breach("firehose.request_size", 400, "InvalidArgumentException", message));
    }
    Ok(decoded)
}

fn invalid(rule: &'static str, message: &'static str) -> Problem {
    Problem::breach(rule, 400, "ValidationException", message)
}

struct PutRecordBatchCall<'a> {
    stream: JsonText<'a>,
    records: Vec<Decoded>,
}

/// A record as it was before base64.
struct Decoded {
    data: Vec<u8>,
    /// Where its events are: its JSON values, one after the other, or all of it if it is not JSON.
    events: Vec<Range<usize>>,
}

impl Decoded {
    fn new(data: Vec<u8>) -> Self {
        let mut values = serde_json::Deserializer::from_slice(&data).into_iter::<IgnoredAny>();
        let (mut events, mut start) = (Vec::new(), 0);
        while let Some(value) = values.next() {
            if value.is_err() {
                events.clear();
                break;
            }
            events.push(start..values.byte_offset());
            start = values.byte_offset();
        }
        if events.is_empty() {
            events.push(0..data.len());
        }
        Self { data, events }
    }

    fn events(&self) -> impl Iterator<Item = &[u8]> {
        self.events.iter().map(|place| self.data[place.clone()].trim_ascii())
    }

    fn contains(&self, text: &str) -> bool {
        str::from_utf8(&self.data).is_ok_and(|data| data.contains(text))
    }

    /// What a refusal on purpose depends on: the names of its first event, or the data if it has none.
    fn identity(&self) -> impl Hash + use<> {
        let fields = EventFields::read(self.events().next().unwrap_or_default());
        let names = fields.names();
        let rest = if names.event_id.is_empty() { self.data.clone() } else { Vec::new() };
        (names.endpoint_id.to_owned(), names.event_id.to_owned(), rest)
    }

    /// Puts the record. Returns its result, or `None` if a fault leaves the result out.
    fn put(&self, state: &mut ServerState, origin: &Origin) -> Option<Result<String, Problem>> {
        let fault = entries::fault(state, origin, &SPOILED, self.identity(), |text| self.contains(text));
        let answered = match fault {
            Some(Fault::Problem(problem)) => return Some(Err(problem)),
            Some(Fault::Missing { accepted: false }) => return None,
            Some(Fault::Missing { accepted: true }) => false,
            None => true,
        };
        let id = format!("record-{}-{}", origin.request, state.journal.counts.events_accepted);
        for event in self.events() {
            let fields = EventFields::read(event);
            state.journal.accept(origin, fields.names(), || {
                record::event(fields.names(), event, json!({ "record_id": id }))
            });
        }
        answered.then_some(Ok(id))
    }
}

impl Call for PutRecordBatchCall<'_> {
    fn operation(&self) -> &'static str {
        "PutRecordBatch"
    }

    fn destination(&self) -> &str {
        &self.stream
    }

    fn endpoints(&self) -> BTreeSet<String> {
        record::endpoints(self.records.iter().flat_map(Decoded::events))
    }

    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        entries::check_call(state, origin, &SERVICE, |text| self.records.iter().any(|it| it.contains(text)))?;
        for record in &self.records {
            let faults = state.faults.of(origin.call());
            if faults.event_spoils_call(record.identity(), |text| record.contains(text)) {
                return Err(SERVICE.refused.clone());
            }
        }
        state.journal.serve(self.records.iter().map(|record| record.events.len()).sum());
        let (mut results, mut failed, mut accepted) = (Vec::with_capacity(self.records.len()), 0, 0);
        for record in &self.records {
            match record.put(state, origin) {
                None => {}
                Some(Ok(id)) => {
                    accepted += record.events.len() as u64;
                    results.push(json!({ "RecordId": id }));
                }
                Some(Err(problem)) => {
                    failed += 1;
                    state.refuse_entry(origin, &problem);
                    results.push(json!({ "ErrorCode": problem.code, "ErrorMessage": problem.message }));
                }
            }
        }
        let listed = results.len();
        let body = json!({ "FailedPutCount": failed, "Encrypted": false, "RequestResponses": results });
        let answer = SERVICE.protocol.success(json::bytes(&body));
        Ok(Served::listed(answer, listed, self.records.len(), accepted))
    }
}

struct DescribeCall<'a>(JsonText<'a>);

impl Call for DescribeCall<'_> {
    fn operation(&self) -> &'static str {
        "DescribeDeliveryStream"
    }

    fn destination(&self) -> &str {
        &self.0
    }

    fn serve(&self, _: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        let (name, region, account) = (&*self.0, &origin.region, origin.caller.account());
        let body = json!({ "DeliveryStreamDescription": {
            "DeliveryStreamName": name,
            "DeliveryStreamARN": format!("arn:aws:firehose:{region}:{account}:deliverystream/{name}"),
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamType": "DirectPut",
            "VersionId": "1",
            "Destinations": [],
            "HasMoreDestinations": false,
        }});
        Ok(Served { answer: SERVICE.protocol.success(json::bytes(&body)), confirmed: 0 })
    }
}

#[cfg(test)]
mod tests;

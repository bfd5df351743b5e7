//! `PutEvents` of a custom bus, in CBOR: one attempt, and the result of each entry.
//!
//! The SDK serialises the entries: it copies their texts, and escapes nothing. Knows nothing of credentials
//! and retries.

use aws_sdk_eventbridgev2::{
    Client,
    config::Builder,
    error::{BuildError, SdkError},
    operation::put_events::{PutEventsError, PutEventsOutput},
    primitives::DateTime,
    types::{PutEventsRequestEntry, PutEventsResultEntry, PutEventsSystemMetadata, SuccessCode},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use self::code::PUT_EVENTS;
use super::encoder::{self, BusEncoder};
use crate::{
    core::{
        destination::{Answer, Request},
        stream_record::StreamRecord,
        time::Timestamp,
    },
    edge::aws::{
        code::NOT_SENT,
        results::{self, ItemResult},
    },
};

pub(super) mod code;

type SdkResult = Result<PutEventsOutput, SdkError<PutEventsError, HttpResponse>>;

/// Sends a request once.
pub(super) async fn attempt(
    client: &Client,
    credentials: Builder,
    encoder: &BusEncoder,
    request: &Request,
    at: Timestamp,
) -> Answer {
    let entries = encoder.records(request).map(|record| entry(encoder, &record, at));
    let Ok(entries) = entries.collect::<Result<Vec<_>, _>>() else { return Answer::Hold(NOT_SENT) };
    let put_events = client.put_events().event_bus_arn(encoder.bus()).set_entries(Some(entries));
    let customized = put_events.customize().config_override(credentials);
    read(request.events(), customized.send().await)
}

fn entry(
    encoder: &BusEncoder,
    record: &StreamRecord<'_>,
    at: Timestamp,
) -> Result<PutEventsRequestEntry, BuildError> {
    let mut detail = Vec::new();
    record.write(at, &mut detail);
    let metadata = PutEventsSystemMetadata::builder()
        .event_group_id(encoder.group(record.endpoint_id))
        .deduplication_id(encoder.deduplication_id(record));
    PutEventsRequestEntry::builder()
        .source(encoder.source())
        .detail_type(record.event.event_type.name())
        .detail(String::from_utf8(detail).unwrap_or_default())
        .set_time(encoder::time(record).map(|at| DateTime::from_millis(at.0)))
        .system_metadata(metadata.build())
        .build()
}

/// Interprets the SDK's result as the answer to a request of so many entries. The number of failed entries
/// may be absent, so it is not read.
fn read(entries: usize, sent: SdkResult) -> Answer {
    results::read(&PUT_EVENTS, entries, sent, |output| output.entries().iter().map(result).collect())
}

fn result(entry: &PutEventsResultEntry) -> ItemResult<'_> {
    match (entry.error_code(), entry.success_code()) {
        (None, Some(SuccessCode::Deduplicated)) => ItemResult::Deduplicated,
        (None, Some(SuccessCode::Published)) => ItemResult::Accepted,
        (code, _) => ItemResult::new(entry.event_id(), code, entry.error_message()),
    }
}

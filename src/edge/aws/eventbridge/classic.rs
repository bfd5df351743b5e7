//! `PutEvents` of a classic bus, in JSON: one attempt, and the result of each entry.
//!
//! The body is written once, with the details escaped straight into it. Knows nothing of credentials and
//! retries.

use aws_sdk_eventbridge::{
    Client,
    config::Builder,
    error::SdkError,
    operation::put_events::{PutEventsError, PutEventsOutput},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;

use self::code::PUT_EVENTS;
use super::encoder::BusEncoder;
use crate::{
    core::{
        destination::{Answer, Encoder as _, Request},
        time::Timestamp,
    },
    edge::aws::{
        client,
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
    let body = Bytes::from(encoder.body(request, at));
    // The SDK first gets a request without entries, and the real body before it signs.
    let customized = client.put_events().set_entries(Some(Vec::new())).customize();
    let customized = customized.config_override(credentials);
    let sent = customized.mutate_request(move |request| client::put_in(request, &body)).send().await;
    read(request.events(), sent)
}

/// Interprets the SDK's result as the answer to a request of so many entries.
fn read(entries: usize, sent: SdkResult) -> Answer {
    results::read(&PUT_EVENTS, entries, sent, |output| {
        let results = output.entries().iter();
        results.map(|one| ItemResult::new(one.event_id(), one.error_code(), one.error_message())).collect()
    })
}

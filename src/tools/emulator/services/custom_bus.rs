//! A custom event bus, EventBridge's `eventbridgev2`: `PutEvents` and `DescribeEventBus`, in RPC v2 with CBOR.
//!
//! There is every bus that a call names. An entry that breaks a limit makes the whole call fail. An entry
//! whose deduplication id was published within five minutes is not published again.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::json;

use self::{
    published::Earlier,
    wire::{Entry, PutEvents, described_bus},
};
use super::{
    Address, Call, Head, Parsed, Served, Service,
    entries::{self, Fault, Spoiled},
};
use crate::tools::emulator::{
    journal::Origin,
    protocol::{Problem, Protocol, cbor},
    record::{self, EventFields},
    state::ServerState,
};

pub(in crate::tools::emulator) mod published;
mod wire;

pub(super) static SERVICE: Service = Service {
    name: "eventbridgev2",
    signing_name: "events",
    address: Address::Rpc("AWSEventsV2"),
    protocol: Protocol::Cbor,
    has_quota: false,
    // As much again as a request may take, so that its error names the limit.
    max_body: 4 << 20,
    too_large: Problem::breach("eventbridgev2.body_size", 413, "RequestEntityTooLarge", "It is too large."),
    throttled: Problem::new(429, "ThrottlingException", "Rate exceeded."),
    failed: Problem::new(500, "InternalException", "Internal failure."),
    refused: Problem::new(400, INVALID, "The request holds a bad entry."),
    read,
};

const INVALID: &str = "InvalidInputException";

const SPOILED: Spoiled = Spoiled {
    refused: Problem::new(400, INVALID, "The entry is refused."),
    throttled: Problem::new(429, "ThrottlingException", "Rate exceeded."),
    failed: Problem::new(500, "InternalException", "Internal failure."),
};

fn read<'a>(head: &'a Head, body: &'a [u8]) -> Parsed<'a> {
    match &*head.operation {
        "PutEvents" => Ok(Box::new(PutEvents::read(body)?)),
        "DescribeEventBus" => Ok(Box::new(DescribeCall(described_bus(body)?))),
        _ => Err(SERVICE.unknown_operation()),
    }
}

impl PutEvents<'_> {
    /// Publishes an entry. Returns its result, or `None` if a fault leaves the result out.
    fn publish(
        &self,
        entry: &Entry<'_>,
        state: &mut ServerState,
        origin: &Origin,
    ) -> Option<Result<Published, Problem>> {
        let fields = EventFields::read(entry.event.record());
        let names = fields.names();
        let detail = if names.event_id.is_empty() { entry.event.detail.as_deref() } else { None };
        let identity = (names.endpoint_id, names.event_id, detail);
        let fault = entries::fault(state, origin, &SPOILED, identity, |text| entry.contains(text));
        let answered = match fault {
            Some(Fault::Problem(problem)) => return Some(Err(problem)),
            Some(Fault::Missing { accepted: false }) => return None,
            Some(Fault::Missing { accepted: true }) => false,
            None => true,
        };
        let key = entry.deduplication_key(&self.account, self.by_content);
        let (sequence, earlier) = match state.published.publish(key, origin.now) {
            Earlier::None(sequence) => (sequence, false),
            Earlier::Published(sequence) => (sequence, true),
        };
        if earlier {
            state.journal.counts.events_deduplicated += 1;
        } else {
            let more = json!({
                "group": entry.group, "deduplication_id": entry.deduplication_id,
                "sequence_number": sequence_number(sequence),
            });
            state.journal.accept(origin, names, || entry.event.accepted(names, &event_id(sequence), more));
        }
        answered.then_some(Ok(Published { sequence, earlier }))
    }
}

/// The result of an entry.
struct Published {
    sequence: u64,
    /// Whether it was published before.
    earlier: bool,
}

fn event_id(sequence: u64) -> String {
    format!("00000000-0000-4000-8000-{sequence:012x}")
}

fn sequence_number(sequence: u64) -> String {
    format!("1{sequence:019}")
}

impl Call for PutEvents<'_> {
    fn operation(&self) -> &'static str {
        "PutEvents"
    }

    fn destination(&self) -> &str {
        self.bus.as_deref().unwrap_or_default()
    }

    fn endpoints(&self) -> BTreeSet<String> {
        record::endpoints(self.entries().iter().map(|entry| entry.event.record()))
    }

    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        entries::check_call(state, origin, &SERVICE, |text| {
            self.entries().iter().any(|it| it.contains(text))
        })?;
        state.journal.serve(self.entries().len());
        let (mut results, mut failed) = (Vec::with_capacity(self.entries().len()), 0);
        for entry in self.entries() {
            let result = self.publish(entry, state, origin);
            if let Some(Err(problem)) = &result {
                failed += 1;
                state.refuse_entry(origin, problem);
            }
            results.extend(result);
        }
        let published = |result: &Result<Published, _>| result.as_ref().is_ok_and(|result| !result.earlier);
        let accepted = results.iter().filter(|result| published(result)).count() as u64;
        let answer = SERVICE.protocol.success(body(&results, failed));
        Ok(Served::listed(answer, results.len(), self.entries().len(), accepted))
    }
}

/// The body of an answer with these results.
fn body(results: &[Result<Published, Problem>], failed: u32) -> Vec<u8> {
    cbor::write(|encoder| {
        encoder.map(2)?.str("FailedEntryCount")?.u32(failed)?.str("Entries")?.array(results.len() as u64)?;
        for result in results {
            match result {
                Ok(Published { sequence, earlier }) => {
                    let code = if *earlier { "DEDUPLICATED" } else { "PUBLISHED" };
                    encoder.map(3)?.str("EventId")?.str(&event_id(*sequence))?;
                    encoder.str("SequenceNumber")?.str(&sequence_number(*sequence))?;
                    encoder.str("SuccessCode")?.str(code)?;
                }
                Err(problem) => {
                    encoder.map(2)?.str("ErrorCode")?.str(problem.code)?;
                    encoder.str("ErrorMessage")?.str(&problem.message)?;
                }
            }
        }
        encoder.ok()
    })
}

struct DescribeCall<'a>(Cow<'a, str>);

impl Call for DescribeCall<'_> {
    fn operation(&self) -> &'static str {
        "DescribeEventBus"
    }

    fn destination(&self) -> &str {
        &self.0
    }

    fn serve(&self, _: &mut ServerState, _: &Origin) -> Result<Served, Problem> {
        let name = self.0.split('/').nth(1).unwrap_or_default();
        let body = cbor::write(|encoder| {
            encoder.map(3)?.str("EventBusArn")?.str(&self.0)?.str("Name")?.str(name)?;
            encoder.str("State")?.str("ACTIVE")?.ok()
        });
        Ok(Served { answer: SERVICE.protocol.success(body), confirmed: 0 })
    }
}

#[cfg(test)]
mod tests;

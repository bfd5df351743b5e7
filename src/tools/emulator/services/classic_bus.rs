//! A classic event bus, EventBridge's `eventbridge`: `PutEvents` and `DescribeEventBus`, in JSON 1.1.
//!
//! There is every bus that a call names, and each entry names its own. An entry that breaks a limit has an
//! error as its result, unless no entry has a source, a type and a detail.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::{
    Address, Call, Head, Parsed, Served, Service,
    entries::{self, Fault, Spoiled},
    event::{Event, Flaw, MAX_SIZE, is_json_object},
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

/// A request may hold 10 entries.
const MAX_ENTRIES: usize = 10;
/// The bus of an entry that names none.
const DEFAULT_BUS: &str = "default";
const MAX_BUS: usize = 1600;

pub(super) static SERVICE: Service = Service {
    name: "eventbridge",
    signing_name: "events",
    address: Address::Target("AWSEvents"),
    protocol: Protocol::Json,
    has_quota: false,
    // As much again as a request may take, so that its error names the limit.
    max_body: 4 << 20,
    too_large: Problem::breach("eventbridge.body_size", 413, "RequestEntityTooLarge", "It is too large."),
    throttled: Problem::new(400, "ThrottlingException", "Rate exceeded"),
    failed: Problem::new(500, "InternalException", "Internal failure."),
    refused: Problem::new(400, "ValidationException", "The request holds a bad entry."),
    read,
};

const SPOILED: Spoiled = Spoiled {
    refused: Problem::new(400, "InvalidArgument", "The entry is refused."),
    throttled: Problem::new(400, "ThrottlingException", "Rate exceeded"),
    failed: Problem::new(500, "InternalFailure", "Internal failure."),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutEvents<'a> {
    #[serde(borrow)]
    entries: Option<Vec<WireEntry<'a>>>,
    #[serde(borrow, rename = "EndpointId")]
    _endpoint_id: Option<JsonText<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WireEntry<'a> {
    /// In seconds since 1970.
    time: Option<f64>,
    #[serde(borrow)]
    source: Option<JsonText<'a>>,
    #[serde(borrow)]
    resources: Option<Vec<JsonText<'a>>>,
    #[serde(borrow)]
    detail_type: Option<JsonText<'a>>,
    #[serde(borrow)]
    detail: Option<JsonText<'a>>,
    #[serde(borrow)]
    event_bus_name: Option<JsonText<'a>>,
    #[serde(borrow, rename = "TraceHeader")]
    _trace_header: Option<JsonText<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DescribeEventBus<'a> {
    #[serde(borrow)]
    name: Option<JsonText<'a>>,
}

fn read<'a>(head: &'a Head, body: &'a [u8]) -> Parsed<'a> {
    match &*head.operation {
        "PutEvents" => {
            let call: PutEvents<'_> = json::read("eventbridge.model", body)?;
            let entries: Vec<_> = call.entries.unwrap_or_default().into_iter().map(Entry::from).collect();
            check(&entries)?;
            Ok(Box::new(PutEventsCall(entries)))
        }
        "DescribeEventBus" => {
            let call: DescribeEventBus<'_> = json::read("eventbridge.model", body)?;
            let bus = call.name.unwrap_or_else(|| JsonText::borrowed(DEFAULT_BUS));
            if is_bus(&bus) { Ok(Box::new(DescribeCall(bus))) } else { Err(no_bus()) }
        }
        _ => Err(SERVICE.unknown_operation()),
    }
}

/// Checks a call as a whole.
fn check(entries: &[Entry<'_>]) -> Result<(), Problem> {
    match entries.len() {
        0 => return Err(invalid("eventbridge.no_entries", "Entries must have at least one member.")),
        1..=MAX_ENTRIES => {}
        _ => return Err(invalid("eventbridge.entry_count", "Entries must have at most 10 members.")),
    }
    if entries.iter().map(|entry| entry.event.size()).sum::<usize>() > MAX_SIZE {
        let message = "Total size of the entries in the request is over the limit.";
        return Err(invalid("eventbridge.request_size", message));
    }
    if !entries.iter().all(|entry| is_bus(&entry.bus)) {
        return Err(no_bus());
    }
    let complete = |entry: &Entry<'_>| {
        let Event { source, detail_type, detail, .. } = &entry.event;
        source.is_some() && detail_type.is_some() && detail.is_some()
    };
    if !entries.iter().any(complete) {
        return Err(invalid("eventbridge.required", "No entry has a Source, a DetailType and a Detail."));
    }
    Ok(())
}

fn no_bus() -> Problem {
    invalid("eventbridge.bus", "The text is neither the name nor the ARN of an event bus.")
}

fn invalid(rule: &'static str, message: &'static str) -> Problem {
    Problem::breach(rule, 400, "ValidationException", message)
}

struct Entry<'a> {
    event: Event<'a>,
    bus: JsonText<'a>,
}

impl<'a> From<WireEntry<'a>> for Entry<'a> {
    fn from(entry: WireEntry<'a>) -> Self {
        let text = |text: Option<JsonText<'a>>| text.map(JsonText::into_inner);
        let event = Event {
            source: text(entry.source),
            detail_type: text(entry.detail_type),
            detail: text(entry.detail),
            resources: entry.resources.unwrap_or_default().into_iter().map(JsonText::into_inner).collect(),
            time: entry.time,
        };
        Self { event, bus: entry.event_bus_name.unwrap_or_else(|| JsonText::borrowed(DEFAULT_BUS)) }
    }
}

impl Entry<'_> {
    /// What the entry breaks, as its result.
    fn problem(&self) -> Option<Problem> {
        let argument = |rule, message| Some(Problem::breach(rule, 400, "InvalidArgument", message));
        match self.event.flaw(is_json_object) {
            None if self.event.detail.is_some() => None,
            None => {
                argument("eventbridge.detail", "Parameter Detail is not valid. Reason: Detail is required.")
            }
            Some(Flaw::SourceMissing | Flaw::SourceLength) => argument(
                "eventbridge.source",
                "Parameter Source is not valid. Reason: it needs 1 to 256 characters.",
            ),
            Some(Flaw::SourceReserved) => Some(Problem::breach(
                "eventbridge.source_reserved",
                400,
                "NotAuthorizedForSourceException",
                "Not authorized for the source.",
            )),
            Some(Flaw::DetailTypeMissing | Flaw::DetailTypeLength) => argument(
                "eventbridge.detail_type",
                "Parameter DetailType is not valid. Reason: it needs 1 to 128 characters.",
            ),
            Some(Flaw::DetailMalformed) => {
                Some(Problem::breach("eventbridge.detail", 400, "MalformedDetail", "Detail is malformed."))
            }
            Some(Flaw::ResourceLength) => {
                argument("eventbridge.resources", "Parameter Resources is not valid. Reason: it is too long.")
            }
        }
    }

    /// Puts the entry. Returns its result, or `None` if a fault leaves the result out.
    fn put(&self, state: &mut ServerState, origin: &Origin) -> Option<Result<String, Problem>> {
        if let Some(problem) = self.problem() {
            return Some(Err(problem));
        }
        let fields = EventFields::read(self.event.record());
        let names = fields.names();
        let detail = if names.event_id.is_empty() { self.event.record() } else { &[] };
        let identity = (names.endpoint_id, names.event_id, detail);
        let fault = entries::fault(state, origin, &SPOILED, identity, |text| self.event.contains(text));
        let answered = match fault {
            Some(Fault::Problem(problem)) => return Some(Err(problem)),
            Some(Fault::Missing { accepted: false }) => return None,
            Some(Fault::Missing { accepted: true }) => false,
            None => true,
        };
        let id =
            format!("{:08x}-0000-4000-8000-{:012x}", origin.request, state.journal.counts.events_accepted);
        state.journal.accept(origin, names, || self.event.accepted(names, &id, json!({})));
        answered.then_some(Ok(id))
    }
}

struct PutEventsCall<'a>(Vec<Entry<'a>>);

impl Call for PutEventsCall<'_> {
    fn operation(&self) -> &'static str {
        "PutEvents"
    }

    /// The bus of its first entry: its faults are those of the call.
    fn destination(&self) -> &str {
        self.0.first().map_or(DEFAULT_BUS, |entry| &entry.bus)
    }

    fn endpoints(&self) -> BTreeSet<String> {
        record::endpoints(self.0.iter().map(|entry| entry.event.record()))
    }

    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        entries::check_call(state, origin, &SERVICE, |text| self.0.iter().any(|it| it.event.contains(text)))?;
        state.journal.serve(self.0.len());
        let (mut results, mut failed) = (Vec::with_capacity(self.0.len()), 0);
        for entry in &self.0 {
            let origin = origin.to(&entry.bus);
            match entry.put(state, &origin) {
                None => {}
                Some(Ok(id)) => results.push(json!({ "EventId": id })),
                Some(Err(problem)) => {
                    failed += 1;
                    state.refuse_entry(&origin, &problem);
                    results.push(json!({ "ErrorCode": problem.code, "ErrorMessage": problem.message }));
                }
            }
        }
        let (listed, accepted) = (results.len(), (results.len() - failed) as u64);
        let body = json!({ "FailedEntryCount": failed, "Entries": results });
        let answer = SERVICE.protocol.success(json::bytes(&body));
        Ok(Served::listed(answer, listed, self.0.len(), accepted))
    }
}

struct DescribeCall<'a>(JsonText<'a>);

impl Call for DescribeCall<'_> {
    fn operation(&self) -> &'static str {
        "DescribeEventBus"
    }

    fn destination(&self) -> &str {
        &self.0
    }

    fn serve(&self, _: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        let (region, account) = (&origin.region, origin.caller.account());
        let arn = format!("arn:aws:events:{region}:{account}:event-bus/{name}");
        let body = json!({ "Name": name, "Arn": if self.0.contains(':') { &self.0 } else { &*arn } });
        Ok(Served { answer: SERVICE.protocol.success(json::bytes(&body)), confirmed: 0 })
    }
}

/// Whether a text is the name of a bus, or `arn:aws:events:REGION:ACCOUNT:event-bus/NAME`.
fn is_bus(text: &str) -> bool {
    let name = match text.split(':').collect::<Vec<_>>()[..] {
        [name] => Some(name),
        ["arn", partition, "events", region, account, bus]
            if partition.starts_with("aws")
                && region.split('-').count() > 2
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            bus.strip_prefix("event-bus/")
        }
        _ => None,
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.len() <= MAX_BUS && name.is_some_and(|name| !name.is_empty() && name.bytes().all(fits))
}

#[cfg(test)]
mod tests;

//! Pinpoint's `PutEvents`: REST and JSON, with the quota of its account.
//!
//! Each item has a result of its own; some rules and faults make the whole call fail.

use std::collections::BTreeSet;

use hyper::StatusCode;

use self::{
    items::{Items, in_endpoint, in_event},
    rules::{MAX_BODY, Rule, check_request},
    wire::{Entries, EventsRequest, EventsResponse, JsonText},
};
use super::{Address, Call, Head, Parsed, Served, Service, entries};
use crate::tools::emulator::{
    answer::Answer,
    journal::Origin,
    protocol::{Problem, Protocol},
    state::ServerState,
};

mod items;
pub(in crate::tools::emulator) mod rules;
mod wire;

pub(super) static SERVICE: Service = Service {
    name: "pinpoint",
    signing_name: "mobiletargeting",
    address: Address::Application,
    protocol: Protocol::RestJson,
    has_quota: true,
    max_body: MAX_BODY,
    too_large: Problem::breach(
        Rule::BodySize.name(),
        413,
        "PayloadTooLargeException",
        Rule::BodySize.message(),
    ),
    throttled: Problem::new(429, "TooManyRequestsException", "Too many requests."),
    failed: Problem::new(500, "InternalServerErrorException", "Internal server error."),
    refused: Problem::new(400, "BadRequestException", "The request holds a bad item."),
    read,
};

struct PutEvents<'a> {
    application: &'a str,
    request: EventsRequest<'a>,
    size: usize,
}

fn read<'a>(head: &'a Head, body: &'a [u8]) -> Parsed<'a> {
    let request = EventsRequest::parse(body).map_err(|malformed| problem(malformed.into()))?;
    Ok(Box::new(PutEvents { application: &head.application, request, size: body.len() }))
}

/// The answer to a call that breaks a rule as a whole.
fn problem(rule: Rule) -> Problem {
    Problem::breach(rule.name(), 400, "BadRequestException", rule.message())
}

impl Call for PutEvents<'_> {
    fn operation(&self) -> &'static str {
        "PutEvents"
    }

    fn destination(&self) -> &str {
        self.application
    }

    fn endpoints(&self) -> BTreeSet<String> {
        self.request.batch_item.iter().flat_map(Entries::iter).map(|(id, _)| id.to_string()).collect()
    }

    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        let events = check_request(&self.request).map_err(problem)?;
        let batches = || self.request.batch_item.iter().flat_map(Entries::iter);
        entries::check_call(state, origin, &SERVICE, |text| {
            batches().any(|(id, batch)| {
                in_endpoint(text, id, &batch.endpoint)
                    || batch.events.iter().any(|(id, event)| in_event(text, id, event))
            })
        })?;
        state.journal.serve(events);
        let mut items = Items { state, origin, size: self.size };
        let results = batches()
            .filter_map(|(id, batch)| Some((JsonText::borrowed(id), items.serve_endpoint(id, batch)?)));
        let response = EventsResponse { results: Entries(results.collect()) };
        let answer = Answer::json(StatusCode::ACCEPTED, &response);
        Ok(Served { answer, confirmed: response.confirmed() })
    }
}

//! The server's state, and how it handles one request by combining rules, faults and quota.
//!
//! Knows nothing of connections and waits, and reads no clock.

use hyper::StatusCode;

use crate::{
    core::time::Moment,
    tools::emulator::{
        Options,
        answer::{Answer, Reply},
        faults::{After, Armed},
        in_flight::InFlight,
        journal::{Counts, Journal, RequestOrigin},
        limit::Limit,
        rules::{Rule, UserEndpoints, check_request},
        wire::{Entries, EventsRequest, EventsResponse, JsonText},
    },
};

mod items;

pub(super) struct ServerState {
    pub(super) faults: Armed,
    pub(super) limit: Limit,
    pub(super) journal: Journal,
    pub(super) in_flight: InFlight,
    user_endpoints: UserEndpoints,
}

impl ServerState {
    pub(super) fn new(options: Options) -> Self {
        Self {
            faults: Armed::new(options.faults, options.seed, Moment::START),
            limit: Limit::new(options.quota),
            journal: Journal::new(options.keep_events, options.find_duplicates),
            in_flight: InFlight::default(),
            user_endpoints: UserEndpoints::default(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.journal.counts.clone();
        counts.max_per_second = self.limit.max_per_second;
        counts.max_in_flight = self.limit.max_in_flight;
        counts.endpoints_in_two_requests = self.in_flight.shared;
        counts
    }

    /// Forgets counts, events and known endpoints; faults, quota and requests in flight stay.
    pub(super) fn reset(&mut self) {
        self.journal.reset();
        self.limit.reset();
        self.in_flight.shared = 0;
        self.user_endpoints.clear();
    }

    /// Counts a broken rule for which the whole call is refused. Returns the answer.
    pub(super) fn refuse(&mut self, rule: Rule) -> Reply {
        self.count(rule);
        Reply::Answer(match rule {
            Rule::BodySize => Answer::too_large(rule.message()),
            _ => Answer::bad_request(rule.message()),
        })
    }

    pub(super) fn count(&mut self, rule: Rule) {
        *self.journal.counts.violations.entry(rule).or_default() += 1;
    }

    /// Serves a call whose body has `size` bytes.
    pub(super) fn serve(
        &mut self,
        origin: &RequestOrigin,
        request: &EventsRequest<'_>,
        size: usize,
    ) -> Reply {
        let events = match check_request(request) {
            Ok(events) => events,
            Err(rule) => return self.refuse(rule),
        };
        let batches = || request.batch_item.iter().flat_map(Entries::iter);
        let spoiled = batches().find_map(|(id, batch)| self.faults.call(id, &batch.endpoint, &batch.events));
        match spoiled {
            Some(400) => return Reply::Answer(Answer::bad_request("The request holds a bad item.")),
            Some(status) => return Reply::Answer(Answer::of_status(status)),
            None => {}
        }
        self.journal.serve(events);
        let taken = |state: &Self| state.journal.counts.events_accepted + state.journal.counts.events_dropped;
        let before = taken(self);
        let results = batches().filter_map(|(id, batch)| {
            let answer = self.serve_endpoint(origin, id, batch, size)?;
            Some((JsonText::borrowed(id), answer))
        });
        let response = EventsResponse { results: Entries(results.collect()) };
        let spoiled = self.faults.after();
        let confirmed = if spoiled.is_some() { 0 } else { response.confirmed() };
        self.journal.counts.events_unconfirmed += taken(self) - before - confirmed;
        spoil(Answer::json(StatusCode::ACCEPTED, &response), spoiled)
    }
}

/// Spoils a good answer as the fault demands.
fn spoil(answer: Answer, fault: Option<After>) -> Reply {
    Reply::Answer(match fault {
        None => answer,
        Some(After::Closed) => return Reply::Close,
        Some(After::Failed) => Answer::internal_error(),
        Some(After::Broken) => answer.broken(),
        Some(After::Empty) => Answer::json(StatusCode::ACCEPTED, &serde_json::json!({})),
    })
}

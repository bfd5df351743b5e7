//! What the server counts since its start or the last reset.
//!
//! Knows nothing of what is counted. The number of destinations that are counted apart is bounded.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

/// Destinations that are counted apart; any more are counted together.
const MAX_DESTINATIONS: usize = 10_000;
/// The place of those that are not counted apart.
const OTHERS: &str = "others";

/// Counts since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Requests to the services, however they ended.
    pub requests: u64,
    /// Requests that were answered with results, even if the answer was lost on purpose.
    pub requests_served: u64,
    /// Answers by HTTP status.
    pub answers: BTreeMap<u16, u64>,
    /// Requests whose connection was closed on purpose without an answer.
    pub closed: u64,
    /// Requests refused because they were over the quota.
    pub over_quota: u64,
    /// The largest number of requests to one service in one account that arrived within any second.
    pub max_per_second: usize,
    /// The largest number of requests to one service in one account in flight.
    pub max_in_flight: usize,
    /// How often a request had an endpoint in common with another request in flight.
    pub endpoints_in_two_requests: u64,
    /// Events in requests that were served.
    pub events_received: u64,
    /// The largest number of events in a request that was served.
    pub max_events_per_request: usize,
    /// The mean number of events in a request that was served.
    pub events_per_request: f64,
    /// Events accepted, including duplicates.
    pub events_accepted: u64,
    /// Accepted events by type; types that no identity provider sends are `other`.
    pub events_by_type: BTreeMap<&'static str, u64>,
    /// Events accepted again, with the same destination, endpoint and event id.
    pub duplicates: u64,
    /// Events that a custom event bus had taken before, by their deduplication id, and so did not accept.
    pub events_deduplicated: u64,
    /// Events that were accepted without their sender knowing it: the answer was lost, broken or empty, or
    /// left them out. Each will be sent again, and is then a duplicate.
    pub events_unconfirmed: u64,
    /// Events that were reported as accepted but dropped, because a value was too long.
    pub events_dropped: u64,
    /// Pinpoint's event items by their status.
    pub event_answers: BTreeMap<u16, u64>,
    /// Pinpoint's endpoint items by their status.
    pub endpoint_answers: BTreeMap<u16, u64>,
    /// How often each rule was broken.
    pub violations: BTreeMap<&'static str, u64>,
    /// Counts of each destination, such as `kinesis/identity`.
    pub by_destination: BTreeMap<Arc<str>, DestinationCounts>,
}

/// Counts of a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DestinationCounts {
    /// Requests that name it, however they ended.
    pub requests: u64,
    pub events_accepted: u64,
    /// Errors by their code, of requests and of single events.
    pub errors: BTreeMap<String, u64>,
}

impl Counts {
    pub(in crate::tools::emulator) fn destination(&mut self, place: &Arc<str>) -> &mut DestinationCounts {
        let apart = self.by_destination.len() < MAX_DESTINATIONS || self.by_destination.contains_key(place);
        self.by_destination.entry(if apart { Arc::clone(place) } else { OTHERS.into() }).or_default()
    }

    /// Counts an error at a destination.
    pub(in crate::tools::emulator) fn error(&mut self, place: &Arc<str>, code: &str) {
        let errors = &mut self.destination(place).errors;
        if let Some(times) = errors.get_mut(code) {
            *times += 1;
        } else {
            errors.insert(code.to_owned(), 1);
        }
    }

    /// Counts a broken rule.
    pub(in crate::tools::emulator) fn violation(&mut self, rule: &'static str) {
        *self.violations.entry(rule).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_many_destinations_are_counted_together() {
        let mut counts = Counts::default();
        for number in 0..MAX_DESTINATIONS + 2 {
            counts.error(&number.to_string().into(), "Code");
        }
        counts.error(&"0".into(), "Code");
        assert_eq!(counts.by_destination.len(), MAX_DESTINATIONS + 1);
        assert_eq!(counts.by_destination["0"].errors["Code"], 2);
        assert_eq!(counts.by_destination[OTHERS].errors["Code"], 2);
    }
}

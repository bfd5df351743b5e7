//! A journal of what happened: the accepted events, and counts of everything.
//!
//! Knows nothing of HTTP, rules and faults. Its memory is bounded: it keeps a limited number of the newest
//! events, and eight bytes for each event id if it looks for duplicates.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde::Serialize;

use crate::{
    core::event::EventType,
    tools::emulator::{
        rules::Rule,
        wire::{Endpoint, Entries, Event},
    },
};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accepted {
    /// The number of the event, from 1, in the order of acceptance.
    pub sequence: u64,
    /// The number of the request that brought it, from 1.
    pub request: u64,
    pub application: Arc<str>,
    pub endpoint_id: Arc<str>,
    pub event_id: String,
    pub event_type: String,
    /// As written in the request.
    pub timestamp: String,
    pub attributes: BTreeMap<String, String>,
    pub metrics: BTreeMap<String, f64>,
    /// As written in the request.
    pub session: Option<serde_json::Value>,
    /// As written in the request.
    pub endpoint: Arc<serde_json::Value>,
}

/// Counts since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Requests to send events, however they ended.
    pub requests: u64,
    /// Requests that were answered with Results, even if the answer was lost on purpose.
    pub requests_served: u64,
    /// Answers by HTTP status.
    pub answers: BTreeMap<u16, u64>,
    /// Requests whose connection was closed on purpose without an answer.
    pub closed: u64,
    /// Requests refused because they were over the quota.
    pub over_quota: u64,
    /// The largest number of requests that arrived within any second.
    pub max_per_second: usize,
    /// The largest number of requests in flight.
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
    /// Events accepted again, with the same application, endpoint and event id.
    pub duplicates: u64,
    /// Events that were accepted without their sender knowing it: the answer was lost, broken or empty, or
    /// left them out. Each will be sent again, and is then a duplicate.
    pub events_unconfirmed: u64,
    /// Events that were reported as accepted but dropped, because a value was too long.
    pub events_dropped: u64,
    /// Event items by their status.
    pub event_answers: BTreeMap<u16, u64>,
    /// Endpoint items by their status.
    pub endpoint_answers: BTreeMap<u16, u64>,
    /// How often each rule was broken.
    pub violations: BTreeMap<Rule, u64>,
}

/// The request that an event came with.
#[derive(Clone)]
pub(super) struct RequestOrigin {
    pub(super) request: u64,
    pub(super) application: Arc<str>,
}

/// The endpoint of the events that are being accepted.
pub(super) struct Addressee<'a> {
    pub(super) id: &'a str,
    pub(super) endpoint: &'a Endpoint<'a>,
    /// Copies that all its kept events share, made for the first of them.
    kept: Option<(Arc<str>, Arc<serde_json::Value>)>,
}

impl<'a> Addressee<'a> {
    pub(super) fn new(id: &'a str, endpoint: &'a Endpoint<'a>) -> Self {
        Self { id, endpoint, kept: None }
    }
}

pub(super) struct Journal {
    pub(super) counts: Counts,
    keep: usize,
    kept: VecDeque<Arc<Accepted>>,
    /// Hashes of the accepted events' ids, if duplicates are counted. Among a million ids the chance that any
    /// two share a hash is below one in ten million.
    ids: Option<HashSet<u64>>,
    sequence: u64,
    request: u64,
}

impl Journal {
    /// A journal that keeps the newest `keep` events.
    pub(super) fn new(keep: usize, find_duplicates: bool) -> Self {
        let ids = find_duplicates.then(HashSet::new);
        Self { counts: Counts::default(), keep, kept: VecDeque::new(), ids, sequence: 0, request: 0 }
    }

    /// Counts a request that arrives; returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.counts.requests += 1;
        self.request += 1;
        self.request
    }

    /// Counts a request that is served, and its events.
    pub(super) fn serve(&mut self, events: usize) {
        let counts = &mut self.counts;
        counts.requests_served += 1;
        counts.events_received += events as u64;
        counts.max_events_per_request = counts.max_events_per_request.max(events);
        #[expect(clippy::cast_precision_loss, reason = "a mean for people to read")]
        let mean = counts.events_received as f64 / counts.requests_served as f64;
        counts.events_per_request = mean;
    }

    pub(super) fn accept(
        &mut self,
        origin: &RequestOrigin,
        addressee: &mut Addressee<'_>,
        id: &str,
        event: &Event<'_>,
    ) {
        self.sequence += 1;
        self.counts.events_accepted += 1;
        let event_type = event.event_type.as_deref().unwrap_or_default();
        let known = EventType::ALL.into_iter().find(|known| known.name() == event_type);
        *self.counts.events_by_type.entry(known.map_or("other", EventType::name)).or_default() += 1;
        if let Some(ids) = &mut self.ids {
            let mut hasher = DefaultHasher::new();
            (&origin.application, addressee.id, id).hash(&mut hasher);
            self.counts.duplicates += u64::from(!ids.insert(hasher.finish()));
        }
        if self.keep > 0 {
            self.keep_event(origin, addressee, id, event);
        }
    }

    /// The kept events that were accepted after the one with number `since`.
    pub(super) fn events(&self, since: u64) -> Vec<Arc<Accepted>> {
        let first = self.kept.partition_point(|event| event.sequence <= since);
        self.kept.range(first..).cloned().collect()
    }

    /// Forgets everything except the numbers, so that a reader who asks for newer events misses none.
    pub(super) fn reset(&mut self) {
        self.counts = Counts::default();
        self.kept.clear();
        self.ids.iter_mut().for_each(HashSet::clear);
    }

    fn keep_event(
        &mut self,
        origin: &RequestOrigin,
        addressee: &mut Addressee<'_>,
        id: &str,
        event: &Event<'_>,
    ) {
        let (endpoint_id, endpoint) = addressee
            .kept
            .get_or_insert_with(|| (addressee.id.into(), Arc::new(as_written(addressee.endpoint))))
            .clone();
        if self.kept.len() == self.keep {
            self.kept.pop_front();
        }
        let attributes = event.attributes.iter().flat_map(Entries::iter);
        let metrics = event.metrics.iter().flat_map(Entries::iter);
        self.kept.push_back(Arc::new(Accepted {
            sequence: self.sequence,
            request: origin.request,
            application: origin.application.clone(),
            endpoint_id,
            event_id: id.to_owned(),
            event_type: event.event_type.as_deref().unwrap_or_default().to_owned(),
            timestamp: event.timestamp.as_deref().unwrap_or_default().to_owned(),
            attributes: attributes.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            metrics: metrics.map(|(key, value)| (key.to_string(), *value)).collect(),
            session: event.session.as_ref().map(as_written),
            endpoint,
        }));
    }
}

/// The value as JSON. Fields that were left out stay out.
fn as_written(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(journal: &mut Journal, endpoint_id: &str, ids: &[&str]) {
        let event = r#"{"EventType":"_session.start","Timestamp":"2026-11-22T10:00:00.000Z",
            "Attributes":{"a":"v"},"Session":{"Id":"s","StartTimestamp":"2026-11-22T10:00:00.000Z"}}"#;
        let event = serde_json::from_str(event).unwrap();
        let endpoint = serde_json::from_str(r#"{"User":{"UserId":"u"}}"#).unwrap();
        let origin = RequestOrigin { request: 1, application: "app".into() };
        let mut addressee = Addressee::new(endpoint_id, &endpoint);
        for id in ids {
            journal.accept(&origin, &mut addressee, id, &event);
        }
    }

    fn kept(journal: &Journal, since: u64) -> Vec<(u64, String)> {
        journal.events(since).iter().map(|event| (event.sequence, event.event_id.clone())).collect()
    }

    #[test]
    fn the_newest_events_are_kept() {
        let mut journal = Journal::new(2, true);
        accept(&mut journal, "e", &["1", "2", "3"]);
        assert_eq!(kept(&journal, 0), [(2, "2".to_owned()), (3, "3".to_owned())]);
        assert_eq!(kept(&journal, 2), [(3, "3".to_owned())]);
        assert_eq!(kept(&journal, 3), []);
        assert_eq!(journal.counts.events_by_type, BTreeMap::from([("_session.start", 3)]));
    }

    #[test]
    fn an_event_is_kept_as_it_was_written() {
        let mut journal = Journal::new(1, true);
        accept(&mut journal, "e", &["1"]);
        let written = serde_json::to_value(&*journal.events(0)[0]).unwrap();
        let expected = serde_json::json!({
            "sequence": 1, "request": 1, "application": "app", "endpoint_id": "e", "event_id": "1",
            "event_type": "_session.start", "timestamp": "2026-11-22T10:00:00.000Z",
            "attributes": {"a": "v"}, "metrics": {},
            "session": {"Id": "s", "StartTimestamp": "2026-11-22T10:00:00.000Z"},
            "endpoint": {"User": {"UserId": "u"}},
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn a_duplicate_has_the_same_endpoint_and_event_id() {
        let mut journal = Journal::new(0, true);
        accept(&mut journal, "e", &["1", "2"]);
        accept(&mut journal, "f", &["1"]);
        assert_eq!(journal.counts.duplicates, 0);
        accept(&mut journal, "e", &["1", "1"]);
        assert_eq!((journal.counts.duplicates, journal.counts.events_accepted), (2, 5));
        assert_eq!(kept(&journal, 0), []);
        journal.reset();
        accept(&mut journal, "e", &["1"]);
        assert_eq!((journal.counts.duplicates, journal.counts.events_accepted), (0, 1));
    }

    #[test]
    fn duplicates_need_not_be_looked_for() {
        let mut journal = Journal::new(0, false);
        accept(&mut journal, "e", &["1", "1"]);
        assert_eq!(journal.counts.duplicates, 0);
    }
}

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
    core::{
        event::EventType,
        time::{Moment, Timestamp},
    },
    tools::emulator::{credentials::Caller, faults::Scope},
};

pub use self::counts::{Counts, DestinationCounts};

mod counts;

/// An accepted event: one of Pinpoint's, or a record of Pinpoint's event stream. Of any other record only
/// `entry` and `record` are known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Accepted {
    /// The number of the event, from 1, in the order of acceptance.
    pub sequence: u64,
    /// The number of the request that brought it, from 1.
    pub request: u64,
    /// The service, and the destination as the request names it: `kinesis/identity`.
    pub destination: Arc<str>,
    pub endpoint_id: Arc<str>,
    pub event_id: String,
    pub event_type: String,
    /// In the form of Pinpoint's requests.
    pub timestamp: String,
    pub attributes: BTreeMap<String, String>,
    pub metrics: BTreeMap<String, f64>,
    /// As written.
    pub session: Option<serde_json::Value>,
    /// As written.
    pub endpoint: Arc<serde_json::Value>,
    /// What the service was told about the record: its key, its group, its type, ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<serde_json::Value>,
    /// The record as JSON, or in base64 if it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<serde_json::Value>,
}

/// The request that an event came with.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) request: u64,
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    /// As the request names it.
    pub(super) destination: Arc<str>,
    /// The service and the destination.
    pub(super) place: Arc<str>,
    pub(super) caller: Caller,
    /// The region that the request is signed for.
    pub(super) region: String,
    pub(super) now: Moment,
    /// The time of day.
    pub(super) time: Timestamp,
}

impl Origin {
    pub(super) fn call(&self) -> Scope<'_> {
        Scope { service: self.service, operation: self.operation, destination: &self.destination }
    }

    /// The same request, with another of its destinations.
    pub(super) fn to(&self, destination: &str) -> Self {
        let place = place(self.service, destination);
        Self { destination: destination.into(), place, ..self.clone() }
    }
}

/// The name of a destination in the counts; that of the service if the call names none.
pub(super) fn place(service: &str, destination: &str) -> Arc<str> {
    if destination.is_empty() { service.into() } else { format!("{service}/{destination}").into() }
}

/// The names of an event. They are empty if its record is not one of Pinpoint's event stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Names<'a> {
    pub(super) endpoint_id: &'a str,
    pub(super) event_id: &'a str,
    pub(super) event_type: &'a str,
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

    /// Counts an accepted event. `event` is only called if the event is kept; the journal adds where it came
    /// from.
    pub(super) fn accept(&mut self, origin: &Origin, names: Names<'_>, event: impl FnOnce() -> Accepted) {
        self.sequence += 1;
        self.counts.events_accepted += 1;
        self.counts.destination(&origin.place).events_accepted += 1;
        let known = EventType::ALL.into_iter().find(|known| known.name() == names.event_type);
        *self.counts.events_by_type.entry(known.map_or("other", EventType::name)).or_default() += 1;
        if let Some(ids) = &mut self.ids
            && !names.event_id.is_empty()
        {
            let mut hasher = DefaultHasher::new();
            (&origin.place, names.endpoint_id, names.event_id).hash(&mut hasher);
            self.counts.duplicates += u64::from(!ids.insert(hasher.finish()));
        }
        if self.keep == 0 {
            return;
        }
        if self.kept.len() == self.keep {
            self.kept.pop_front();
        }
        let (sequence, request) = (self.sequence, origin.request);
        let destination = Arc::clone(&origin.place);
        self.kept.push_back(Arc::new(Accepted { sequence, request, destination, ..event() }));
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
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// A request to a destination of a service, from the emulator's own account.
    pub(in crate::tools::emulator) fn origin(service: &'static str, destination: &str) -> Origin {
        Origin {
            request: 1,
            service,
            operation: "",
            destination: destination.into(),
            place: place(service, destination),
            caller: Caller::Own,
            region: "eu-west-1".to_owned(),
            now: Moment::START,
            time: Timestamp(1_795_341_600_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(journal: &mut Journal, endpoint_id: &str, ids: &[&str]) {
        for id in ids {
            let names = Names { endpoint_id, event_id: id, event_type: "_session.start" };
            let event = || Accepted { event_id: (*id).to_owned(), ..Accepted::default() };
            journal.accept(&sample::origin("pinpoint", "app"), names, event);
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
        assert_eq!(&*journal.events(0)[0].destination, "pinpoint/app");
    }

    #[test]
    fn a_duplicate_has_the_same_destination_endpoint_and_event_id() {
        let mut journal = Journal::new(0, true);
        accept(&mut journal, "e", &["1", "2"]);
        accept(&mut journal, "f", &["1"]);
        let names = Names { endpoint_id: "e", event_id: "1", event_type: "" };
        journal.accept(&sample::origin("kinesis", "app"), names, Accepted::default);
        assert_eq!(journal.counts.duplicates, 0);
        accept(&mut journal, "e", &["1", "1"]);
        assert_eq!((journal.counts.duplicates, journal.counts.events_accepted), (2, 6));
        assert_eq!(kept(&journal, 0), []);
        journal.reset();
        accept(&mut journal, "e", &["1"]);
        assert_eq!((journal.counts.duplicates, journal.counts.events_accepted), (0, 1));
    }

    #[test]
    fn a_destination_is_counted_under_its_service() {
        assert_eq!(&*place("kinesis", "identity"), "kinesis/identity");
        assert_eq!(&*place("sts", ""), "sts");
    }

    #[test]
    fn events_without_an_id_are_no_duplicates() {
        let mut journal = Journal::new(0, true);
        accept(&mut journal, "", &["", ""]);
        assert_eq!((journal.counts.duplicates, journal.counts.events_accepted), (0, 2));
    }

    #[test]
    fn duplicates_need_not_be_looked_for() {
        let mut journal = Journal::new(0, false);
        accept(&mut journal, "e", &["1", "1"]);
        assert_eq!(journal.counts.duplicates, 0);
    }

    #[test]
    fn events_are_counted_by_destination() {
        let mut journal = Journal::new(0, false);
        let origin = sample::origin("eventbridge", "a");
        for destination in ["a", "b", "b"] {
            journal.accept(&origin.to(destination), Names::default(), Accepted::default);
        }
        let counts = journal.counts.by_destination.iter();
        let counts: Vec<_> = counts.map(|(place, counts)| (&**place, counts.events_accepted)).collect();
        assert_eq!(counts, [("eventbridge/a", 1), ("eventbridge/b", 2)]);
    }
}

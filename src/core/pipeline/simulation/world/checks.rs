//! What must hold after each step.

use std::collections::HashSet;

use super::{
    FETCH, RATE, World,
    content::{number, place, size, tag},
    group::Owned,
    seconds,
};
use crate::core::{
    destination::{EndpointBatch, Request},
    pipeline::{Input, Snapshot},
    source::Commit,
};

impl World {
    pub(super) fn check_commit(&mut self, commit: &Commit) {
        let (ownership, position) = (commit.ownership, commit.position);
        assert!(!self.ended.contains(&ownership), "invariant 2: a commit for a partition that is not owned");
        let Some(owned) = self.owned.get_mut(&ownership) else { panic!("invariant 2: never owned") };
        assert!(Some(position) >= owned.committed, "invariant 2: the position went back");
        owned.committed = Some(position);
        let open = self.logs[owned.log].records.iter().find(|record| !record.open.is_empty());
        assert!(
            open.is_none_or(|open| position <= open.offset),
            "invariant 1: a commit past an unsettled record"
        );
        let log = &self.logs[owned.log];
        for offset in log.named_by(commit) {
            let record = log.records.iter().find(|record| record.offset == offset);
            let open = record.is_none_or(|record| !record.open.is_empty());
            assert!(!open, "invariant 1: a tail names a record that is not settled");
        }
    }

    pub(super) fn check_request(&mut self, request: Request) {
        let events: usize = request.endpoints.iter().map(|batch| batch.events.len()).sum();
        let bytes: usize =
            request.endpoints.iter().flat_map(|batch| &batch.events).map(|event| size(event)).sum();
        assert!((1..=self.settings.max_events).contains(&events), "invariant 5: {events} events");
        assert!(bytes <= self.settings.max_bytes, "invariant 5: {bytes} bytes");
        while self.starts.pop_front_if(|start| self.now.since(*start) >= seconds(1)).is_some() {}
        self.starts.push_back(self.now);
        assert!(self.starts.len() <= 15, "invariant 5: {} requests in a second", self.starts.len());
        assert!(self.flights.len() < 15, "invariant 5: too many in flight");
        for batch in &request.endpoints {
            let flying = |request: &Request| {
                request.endpoints.iter().any(|other| other.endpoint_id == batch.endpoint_id)
            };
            assert!(!self.flights.values().any(flying), "invariant 4: an endpoint is in two requests");
            let ids: HashSet<_> = batch.events.iter().map(|event| &event.id).collect();
            assert_eq!(ids.len(), batch.events.len(), "an event id is twice in an endpoint of a request");
            self.check_order(number(&batch.endpoint_id), batch);
        }
        self.flights.insert(request.id, request);
    }

    /// The events are the oldest of their endpoint that have no verdict, in their order, and come with the
    /// newest snapshot.
    fn check_order(&mut self, endpoint: u64, batch: &EndpointBatch) {
        let lane = self.lanes.get(&endpoint).map(Vec::as_slice).unwrap_or_default();
        let waits = |tag: &&String| !self.refused_alone.contains(*tag);
        let tags: Vec<&str> = batch.events.iter().map(|event| tag(event)).collect();
        for tag in &tags {
            self.check_gate(tag);
            let (log, offset) = place(tag);
            let named = self.owned.values().any(|owned| owned.log == log && owned.named.contains(&offset));
            assert!(!named, "invariant 12: a record that the last commit named as settled is sent again");
        }
        let place = |tag: &str| lane.iter().position(|other| other == tag);
        let places: Vec<Option<usize>> = tags.iter().map(|tag| place(tag)).collect();
        assert!(places.iter().all(Option::is_some), "an event was sent after its verdict");
        assert!(places.is_sorted(), "invariant 4: events out of order");
        let last = places.last().copied().flatten().unwrap_or_default();
        let passed = lane[..last].iter().filter(waits).filter(|tag| !tags.contains(&tag.as_str())).count();
        assert_eq!(passed, 0, "invariant 4: an event was sent before an earlier one of its endpoint");
        if batch.endpoint.user_id.is_some() {
            let newest = self.newest.get(&endpoint).copied();
            let said =
                batch.endpoint.user_attributes.get("version").and_then(|values| values.first()?.parse().ok());
            assert_eq!(said, newest, "invariant 4: an older snapshot of the endpoint");
        }
        for tag in tags {
            let again = self.sent.contains_key(tag);
            self.sent_again += usize::from(again);
            if !again {
                self.sent.insert(tag.to_owned(), self.now);
            }
        }
    }

    pub(super) fn check_counts(&self) {
        let snapshot = self.pipeline.snapshot();
        let records = &snapshot.records;
        let sum = records.accepted
            + records.dead_lettered.values().sum::<u64>()
            + records.ignored.values().sum::<u64>()
            + records.released
            + records.settled_before
            + snapshot.records_outstanding as u64;
        assert_eq!(records.consumed, sum, "invariant 10: the counts do not balance");
        if snapshot.records_outstanding == 0 && self.flights.is_empty() {
            assert_eq!(snapshot.bytes_outstanding, 0, "bytes are outstanding without a record");
            assert_eq!(snapshot.events_outstanding, 0, "events are outstanding without a record");
        }
        let seconds = 5.0 * RATE * snapshot.quota.share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let bound = (seconds.max(1.0) as usize) * self.settings.max_events + FETCH * 3;
        // The share shrinks when partitions are lost, and what is in flight then stays outstanding.
        let shrunk = self.faults.rebalances || snapshot.quota.share < 1.0;
        assert!(shrunk || snapshot.events_outstanding <= bound, "invariant 6: too many events outstanding");
        assert!(
            snapshot.bytes_outstanding <= self.settings.budget + FETCH * 4000,
            "invariant 6: too many bytes outstanding"
        );
        self.check_outstanding(snapshot.records_outstanding);
        self.check_hold(&snapshot);
    }

    /// Invariant 3: whatever was read under an ownership of today and is not settled is outstanding.
    fn check_outstanding(&self, outstanding: usize) {
        let open = self.unsettled();
        assert!(
            open <= outstanding,
            "invariant 3: {open} records are not settled, {outstanding} outstanding"
        );
    }

    /// How many records were read under an ownership of today and are not settled.
    pub(super) fn unsettled(&self) -> usize {
        let read = |owned: &Owned| self.logs[owned.log].records[..owned.next].iter();
        self.owned.values().flat_map(read).filter(|record| !record.open.is_empty()).count()
    }

    /// An event is given up only if others were taken since it was first sent.
    pub(super) fn check_given_up(&self, tag: &str) {
        let sent = self.sent.get(tag).expect("it was sent");
        let taken = self.last_taken.is_some_and(|taken| taken >= *sent);
        assert!(taken, "an event was given up though nothing was taken");
    }

    /// Whatever is answered and however long it takes, nothing is done after the end.
    pub(super) fn check_end(&mut self) {
        self.letters.clear();
        self.commits.clear();
        self.owned.clear();
        self.barrier.clear();
        while !self.flights.is_empty() {
            self.answer();
        }
        self.now = self.now + seconds(3600);
        self.handle(Input::Tick);
        let quiet = self.flights.is_empty() && self.letters.is_empty() && self.commits.is_empty();
        assert!(quiet, "something is done after the end");
    }

    /// No event is sent before the entries of its record, and those of all that was read before it, were
    /// acknowledged.
    fn check_gate(&self, tag: &str) {
        // A tag is the key of the record with the event's place before the ownership.
        let of_it = |key: &str| {
            let (record, ownership) = key.rsplit_once('-').expect("a key of this world");
            let rest = tag.strip_prefix(record).and_then(|rest| rest.strip_prefix('-'));
            rest.is_some_and(|rest| rest.split_once('-').is_some_and(|(_, other)| other == ownership))
        };
        if let Some(gated) = self.barrier.iter().find(|gated| of_it(&gated.key)) {
            assert!(!gated.writing, "an event was sent before its record's entries were acknowledged");
            panic!("an event was sent before the entries of an earlier record were acknowledged");
        }
    }

    /// The table is held while it has refused something that still waits, and no longer.
    fn check_hold(&self, snapshot: &Snapshot) {
        let held = snapshot.holds.iter().any(|hold| hold.cause == "table");
        assert_eq!(held, self.barrier.iter().any(|gated| gated.refused), "a hold of the table");
    }
}

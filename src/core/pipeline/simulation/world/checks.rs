//! The checks of everything that must hold after each step.

use std::collections::HashSet;

use super::{
    FETCH, World,
    content::{LogRecord, number, place, size, tag},
    group::Owned,
    seconds,
    settings::{Settings, Target},
};
use crate::core::{
    destination::{DestinationId, EndpointBatch, Order, Request},
    pipeline::{DestinationStatus, Input, Snapshot, dispatcher::Dispatcher, room::Stalled},
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
        self.check_quota(usize::from(request.destination.0));
        let has_snapshots = Settings::has_snapshots(usize::from(request.destination.0));
        for batches in request.endpoints.chunk_by(|one, other| one.endpoint_id == other.endpoint_id) {
            let endpoint_id = &batches[0].endpoint_id;
            assert!(!has_snapshots || batches.len() == 1, "an endpoint is twice in a request");
            let flying = |other: &Request| {
                other.destination == request.destination
                    && other.endpoints.iter().any(|other| other.endpoint_id == *endpoint_id)
            };
            assert!(!self.flights.values().any(flying), "invariant 4: an endpoint is in two requests");
            let events = || batches.iter().flat_map(|batch| &batch.events);
            let records: HashSet<_> = events().map(|event| place(tag(event))).collect();
            let is_ordered = Settings::order(usize::from(request.destination.0)) == Order::WithinRequest;
            assert!(is_ordered || records.len() == 1, "invariant 4: two records without an order");
            let ids: HashSet<_> = events().map(|event| &event.id).collect();
            assert_eq!(ids.len(), events().count(), "an event id is twice in an endpoint of a request");
            self.check_order(usize::from(request.destination.0), number(endpoint_id), batches);
        }
        self.flights.insert(request.id, request);
    }

    /// Checks the quota when a request to a destination starts.
    fn check_quota(&mut self, destination: usize) {
        let target = self.settings.destinations[destination];
        let domain = self.settings.domains[target.domain];
        let cap = target.cap.unwrap_or(domain.rate);
        let now = self.now;
        let limits =
            [(&mut self.domain_starts[target.domain], domain.rate), (&mut self.starts[destination], cap)];
        for (starts, rate) in limits {
            while starts.pop_front_if(|start| now.since(*start) >= seconds(1)).is_some() {}
            starts.push_back(now);
            assert!(starts.len() <= rate as usize, "invariant 5: {} requests in a second", starts.len());
        }
        let of_domain = self.in_flight(|other| self.settings.destinations[other].domain == target.domain);
        assert!(of_domain < domain.in_flight as usize, "invariant 5: too many in flight");
        self.check_half(destination, target.domain);
    }

    /// Checks that a destination takes no more than half of the requests that its domain may have in flight,
    /// while another destination of the domain has something due. The request is not in flight yet.
    fn check_half(&self, destination: usize, domain: usize) {
        let waits = |(index, (its, dispatcher)): (usize, &(usize, Dispatcher))| {
            let wake = dispatcher.next_wake(self.pipeline.draining);
            index != destination && *its == domain && wake.is_some_and(|at| at <= self.now)
        };
        if self.pipeline.dispatchers.iter().enumerate().any(waits) {
            let most = self.pipeline.domains[domain].quota.in_flight_cap() / 2 + 1;
            let own = self.in_flight(|other| other == destination) + 1;
            assert!(own <= most, "invariant 7: {own} of a domain's requests, and another destination waits");
        }
    }

    fn in_flight(&self, of: impl Fn(usize) -> bool) -> usize {
        self.flights.values().filter(|request| of(usize::from(request.destination.0))).count()
    }

    /// Checks that a destination spills events only after it has been held, or without room, for the
    /// configured time.
    pub(super) fn check_spilling(&mut self, destination: usize) {
        let after = self.settings.destinations[destination].spill.expect("it spills though that is off");
        let blocked = self.blocked[destination].is_some_and(|since| self.now.since(since) >= after);
        assert!(blocked, "a destination spills before its time: {:?}", self.blocked[destination]);
        self.spilling.push(destination);
    }

    /// Notes which destinations are held or block a record.
    fn note_blocked(&mut self, snapshot: &Snapshot) {
        for destination in 0..self.blocked.len() {
            let id = |id: DestinationId| usize::from(id.0) == destination;
            let held = snapshot.destinations[destination].held;
            self.has_held |= held;
            let first = |stalled: &Stalled| {
                stalled.front().is_some_and(|routed| routed.fitted.iter().any(|(other, _)| id(*other)))
            };
            let blocked = held || self.pipeline.stalled.values().any(first);
            let since = self.blocked[destination].unwrap_or(self.now);
            self.blocked[destination] = blocked.then_some(since);
        }
    }

    /// Checks that the events are the oldest of their endpoint without a verdict, in their order, and that
    /// they come with the newest snapshot, or with the data of their own records where there is none.
    fn check_order(&mut self, destination: usize, endpoint: u64, batches: &[EndpointBatch]) {
        let key = (destination, endpoint);
        let lane = self.lanes.get(&key).map(Vec::as_slice).unwrap_or_default();
        let waits = |tag: &&String| !self.refused_alone.contains(&(destination, (*tag).clone()));
        let tags: Vec<&str> =
            batches.iter().flat_map(|batch| &batch.events).map(|event| tag(event)).collect();
        for tag in &tags {
            self.check_gate(tag);
            let (log, offset) = place(tag);
            let named = self.owned.values().any(|owned| owned.log == log && owned.named.contains(&offset));
            assert!(!named, "invariant 12: a record that the last commit named as settled is sent again");
        }
        // Events of other partitions overtake the records that wait for room.
        let mut logs: Vec<Option<usize>> = vec![None];
        if self.has_stalled {
            logs = tags.iter().map(|tag| Some(place(tag).0)).collect();
        }
        for log in logs {
            let is_of = |tag: &&str| log.is_none_or(|log| place(tag).0 == log);
            let lane: Vec<&str> = lane
                .iter()
                .filter(|tag| tags.contains(&tag.as_str()) || waits(tag))
                .map(String::as_str)
                .filter(is_of)
                .collect();
            let sent: Vec<&str> = tags.iter().copied().filter(is_of).collect();
            assert!(sent.iter().all(|tag| lane.contains(tag)), "an event was sent after its verdict");
            assert!(lane.starts_with(&sent), "invariant 4: events of an endpoint out of order");
        }
        // The snapshot is that of ordinary events, of which there may be none.
        let has_bare = lane.iter().any(|tag| self.is_bare(tag));
        for batch in batches {
            self.check_endpoint(batch, (destination, endpoint), has_bare);
        }
        for tag in tags {
            let key = (destination, tag.to_owned());
            self.sent_again += usize::from(self.sent.contains_key(&key));
            self.sent.entry(key).or_insert(self.now);
        }
    }

    /// Checks the endpoint data that events are sent with. `has_bare` means that it may be that of redriven events.
    fn check_endpoint(&self, batch: &EndpointBatch, key: (usize, u64), has_bare: bool) {
        let tags: Vec<&str> = batch.events.iter().map(|event| tag(event)).collect();
        let said = batch.endpoint.user_attributes.get("version");
        let said = said.and_then(|values| values.first()?.parse().ok());
        assert!(
            said.is_none() || tags.iter().all(|tag| !self.is_bare(tag) || said != Some(self.version_of(tag))),
            "a redriven event overwrites its endpoint"
        );
        if batch.endpoint.user_id.is_none() {
            return;
        }
        if !Settings::has_snapshots(key.0) {
            let own = |tag: &str| (!self.is_bare(tag)).then(|| self.version_of(tag));
            assert!(tags.iter().all(|tag| said == own(tag)), "invariant 4: the endpoint of another record");
        } else if !self.has_stalled && !has_bare {
            assert_eq!(said, self.newest.get(&key).copied(), "invariant 4: another snapshot of the endpoint");
        }
    }

    /// Whether an event comes from a redriven record, which states no endpoint.
    fn is_bare(&self, tag: &str) -> bool {
        self.record_of(tag).redriven.is_some()
    }

    /// The version of the endpoint that the record of an event states.
    fn version_of(&self, tag: &str) -> u64 {
        self.record_of(tag).content.events()[0].version
    }

    /// The record of an event.
    fn record_of(&self, tag: &str) -> &LogRecord {
        let (log, offset) = place(tag);
        let records = &self.logs[log].records;
        let index = records.binary_search_by_key(&offset, |record| record.offset).expect("the record exists");
        &records[index]
    }

    pub(super) fn check_counts(&mut self) {
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
            let kept = |destination: &DestinationStatus| destination.events + destination.bytes;
            assert_eq!(
                snapshot.destinations.iter().map(kept).sum::<usize>(),
                0,
                "a destination keeps something"
            );
        }
        let stalled = self.pipeline.ledger.stalled_bytes();
        assert_eq!(stalled > 0, !self.pipeline.stalled.is_empty(), "{stalled} bytes wait for room");
        let of_each = self.pipeline.ledger.partitions().values().map(|partition| partition.stalled_bytes);
        assert_eq!(of_each.sum::<usize>(), stalled, "what waits is that of the partitions");
        self.check_events(&snapshot);
        // An event takes memory once for each destination, and an empty destination admits one record.
        let record = if self.settings.has_several() { 6600 } else { 4000 };
        let spare = if self.settings.has_several() { self.settings.destinations.len() * record } else { 0 };
        let (bytes, bound) = (snapshot.bytes_outstanding, self.settings.budget + FETCH * record + spare);
        assert!(bytes <= bound, "invariant 6: {bytes} bytes outstanding");
        self.note_blocked(&snapshot);
        self.check_outstanding(snapshot.records_outstanding);
        self.check_hold(&snapshot);
    }

    /// Invariant 6: no destination keeps more events than it can send in half of the revocation timeout.
    fn check_events(&self, snapshot: &Snapshot) {
        // The share shrinks when partitions are lost, but the events in flight stay outstanding.
        if self.faults.rebalances || snapshot.quota.share < 1.0 {
            return;
        }
        let rate = |target: &Target| {
            let rate = self.settings.domains[target.domain].rate;
            rate.min(target.cap.unwrap_or(rate)) as usize
        };
        let bound = |target: &Target| 5 * rate(target) * self.settings.max_events + FETCH * 3;
        for (target, destination) in self.settings.destinations.iter().zip(&snapshot.destinations) {
            assert!(destination.events <= bound(target), "invariant 6: too many events outstanding");
        }
        let bound = bound(&self.settings.destinations[0]);
        self.check_domains(snapshot);
        let several = self.settings.has_several();
        assert!(several || snapshot.events_outstanding <= bound, "invariant 6: too many events outstanding");
    }

    /// Invariant 6: the destinations of a domain together keep no more requests than it sends in half of the
    /// revocation timeout, besides one record of each. This counts as if all requests were full.
    fn check_domains(&self, snapshot: &Snapshot) {
        // What a held destination keeps takes nothing from the others, and comes on top when the hold ends. A
        // single destination is bounded with its fetch.
        let is_bounded = self.settings.has_several() && !self.has_held;
        if !is_bounded || snapshot.destinations.iter().any(|destination| destination.held) {
            return;
        }
        for (number, domain) in self.settings.domains.iter().enumerate() {
            let targets = self.settings.destinations.iter().zip(&snapshot.destinations);
            let requests = targets
                .filter(|(target, _)| target.domain == number)
                .map(|(_, destination)| destination.events.div_ceil(self.settings.max_events));
            let (count, requests) = requests.fold((0, 0), |(count, sum), some| (count + 1, sum + some));
            let bound = 5 * domain.rate as usize + 4 * count;
            assert!(requests <= bound, "invariant 6: a domain keeps {requests} requests");
        }
    }

    /// Invariant 3: every record that was read under a current ownership and is not settled is outstanding.
    fn check_outstanding(&self, outstanding: usize) {
        let open = self.unsettled();
        assert!(
            open <= outstanding,
            "invariant 3: {open} records are not settled, {outstanding} outstanding"
        );
    }

    /// The number of records that were read under a current ownership and are not settled.
    pub(super) fn unsettled(&self) -> usize {
        let read = |owned: &Owned| self.logs[owned.log].records[..owned.next].iter();
        self.owned.values().flat_map(read).filter(|record| !record.open.is_empty()).count()
    }

    /// Checks that an event is given up only if others were accepted since it was first sent.
    pub(super) fn check_given_up(&self, destination: usize, tag: &str) {
        let sent = self.sent.get(&(destination, tag.to_owned())).expect("it was sent");
        let taken = self.last_taken[destination].is_some_and(|taken| taken >= *sent);
        assert!(taken, "an event was given up though nothing was taken");
    }

    /// Checks that nothing is done after the end, whatever the answers are and however late they come.
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

    /// Checks that no event is sent before the entries of its record, and of all records read before it, were
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

    /// Checks that the table is held exactly while something that it has refused still waits.
    fn check_hold(&self, snapshot: &Snapshot) {
        let held = snapshot.holds.iter().any(|hold| hold.cause == "table");
        assert_eq!(held, self.barrier.iter().any(|gated| gated.refused), "a hold of the table");
    }
}

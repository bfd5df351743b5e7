//! A snapshot of the pipeline at one moment, for metrics and status.
//!
//! Contains only codes, numbers, and names of topics and destinations.

use std::sync::Arc;

use serde::Serialize;

use crate::core::{
    code::Code,
    pipeline::{Pipeline, RecordCounts, SendCounts, dispatcher::Dispatcher, quota_domain::QuotaStatus},
    record::Ownership,
    time::Moment,
};

/// The state of the pipeline at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub records: RecordCounts,
    pub sends: SendCounts,
    pub records_outstanding: usize,
    /// The bytes of memory that everything outstanding takes.
    pub bytes_outstanding: usize,
    /// The number of events without a verdict.
    pub events_outstanding: usize,
    pub requests_in_flight: usize,
    /// When the oldest outstanding record arrived.
    pub oldest: Option<Moment>,
    pub partitions: Vec<PartitionStatus>,
    /// The first domain's quota.
    pub quota: QuotaStatus,
    /// In the order of their ids.
    pub destinations: Vec<DestinationStatus>,
    /// Settled records above the positions.
    pub settled_above: u64,
    pub holds: Vec<HoldStatus>,
    /// Whether reading is paused, because too much is outstanding or for a drain.
    pub paused: bool,
    pub draining: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    #[serde(skip)]
    pub ownership: Ownership,
    pub topic: Arc<str>,
    pub partition: i32,
    /// The offset before which everything is settled; `None` until the first record is settled.
    pub position: Option<i64>,
    /// The first offset that was read and is not settled.
    #[serde(skip)]
    pub first_unsettled: Option<i64>,
    /// The last position that the broker acknowledged.
    pub committed: Option<i64>,
    /// The offset after the last record that was read.
    pub next_read: Option<i64>,
    /// When the oldest record that is not settled arrived.
    #[serde(skip)]
    pub oldest: Option<Moment>,
    pub revoking: bool,
    /// Settled records above the position.
    #[serde(rename = "settled_above_position")]
    pub settled_above: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DestinationStatus {
    pub name: Arc<str>,
    pub sends: SendCounts,
    /// The number of events without a verdict.
    pub events: usize,
    /// The bytes of memory that its events take.
    pub bytes: usize,
    pub requests_in_flight: usize,
    pub held: bool,
    /// Whether it has no room for another record.
    pub full: bool,
    /// The quota of its domain.
    pub quota: QuotaStatus,
}

/// A hold: its cause, and the object that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldStatus {
    /// One of [`HOLD_CAUSES`].
    pub cause: &'static str,
    pub code: Code,
    /// The destination, if it or one of its events is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Arc<str>>,
    /// The topic, if one topic or partition is held.
    pub topic: Option<Arc<str>>,
    /// The partition, if one is held.
    pub partition: Option<i32>,
    /// `None` for events, because it is not known for them.
    #[serde(skip)]
    pub since: Option<Moment>,
    /// The number of held events; 1 for everything else.
    pub count: usize,
}

/// All causes of holds, so that a metric can also show causes without a hold.
pub const HOLD_CAUSES: [&str; 6] =
    ["destination", "circuit_breaker", "dead_letter", "table", "event", "unreadable"];

impl Pipeline {
    /// Returns the current state of the pipeline.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let partitions: Vec<_> = self.ledger.partitions().keys().map(|id| self.partition(*id)).collect();
        let destinations: Vec<_> = self.dispatchers.iter().map(|it| self.destination(it)).collect();
        let mut sends = SendCounts::default();
        for destination in &destinations {
            sends.add(&destination.sends);
        }
        Snapshot {
            records: self.ledger.counts().clone(),
            sends,
            records_outstanding: self.ledger.outstanding(),
            bytes_outstanding: self.ledger.bytes(),
            events_outstanding: self.events(),
            requests_in_flight: destinations.iter().map(|destination| destination.requests_in_flight).sum(),
            oldest: partitions.iter().filter_map(|partition| partition.as_ref()?.oldest).min(),
            partitions: partitions.into_iter().flatten().collect(),
            quota: self.domains.first().map(|domain| domain.quota.status()).unwrap_or_default(),
            destinations,
            settled_above: self.ledger.settled_above(),
            holds: self.holds(),
            paused: self.paused.everything,
            draining: self.draining,
        }
    }

    fn destination(&self, (domain, dispatcher): &(usize, Dispatcher)) -> DestinationStatus {
        DestinationStatus {
            name: Arc::clone(dispatcher.name()),
            held: dispatcher.hold().is_some(),
            sends: dispatcher.counts().clone(),
            events: dispatcher.events(),
            bytes: dispatcher.bytes(),
            requests_in_flight: dispatcher.in_flight(),
            full: dispatcher.is_full(),
            quota: self.domains[*domain].quota.status(),
        }
    }

    fn partition(&self, ownership: Ownership) -> Option<PartitionStatus> {
        let partition = self.ledger.partitions().get(&ownership)?;
        Some(PartitionStatus {
            ownership,
            topic: Arc::clone(&partition.assignment.topic),
            partition: partition.assignment.partition,
            position: partition.offsets.position(),
            first_unsettled: partition.offsets.first_unsettled(),
            committed: partition.committed,
            next_read: partition.offsets.next_read(),
            oldest: partition.offsets.oldest(),
            revoking: self.revoking.iter().any(|(other, _)| *other == ownership),
            settled_above: partition.settled_above(),
        })
    }

    /// Returns all current holds.
    #[must_use]
    pub fn holds(&self) -> Vec<HoldStatus> {
        let hold = |cause, code| HoldStatus {
            cause,
            code,
            destination: None,
            topic: None,
            partition: None,
            since: None,
            count: 1,
        };
        let dispatchers = || self.dispatchers.iter().map(|(_, dispatcher)| dispatcher);
        let destinations = dispatchers().filter_map(|dispatcher| {
            let (code, since) = dispatcher.hold()?;
            let destination = Some(Arc::clone(dispatcher.name()));
            Some(HoldStatus { destination, since: Some(since), ..hold("destination", code) })
        });
        let circuits = self.circuit_breakers.open().map(|(topic, since)| HoldStatus {
            topic: Some(Arc::clone(topic)),
            since: Some(since),
            ..hold("circuit_breaker", Code("mostly_refused"))
        });
        let of_partition = |id, since, status| {
            let assignment = self.ledger.partitions().get(id).map(|partition| &partition.assignment);
            HoldStatus {
                topic: assignment.map(|assignment| Arc::clone(&assignment.topic)),
                partition: assignment.map(|assignment| assignment.partition),
                since: Some(since),
                ..status
            }
        };
        let partitions = self.dead_letters.held().iter();
        let partitions =
            partitions.map(|(id, held)| of_partition(id, held.since, hold("dead_letter", held.code)));
        let unreadable = self.unreadable.iter();
        let unreadable =
            unreadable.map(|(id, (code, since))| of_partition(id, *since, hold("unreadable", *code)));
        let table = self.barrier.hold();
        let table = table.map(|(code, since)| HoldStatus { since: Some(since), ..hold("table", code) });
        let events = dispatchers().filter(|dispatcher| dispatcher.stuck() > 0).map(|dispatcher| {
            let stuck = hold("event", Code("keeps_failing"));
            let destination = Some(Arc::clone(dispatcher.name()));
            HoldStatus { destination, count: dispatcher.stuck(), ..stuck }
        });
        destinations.chain(circuits).chain(partitions).chain(table).chain(events).chain(unreadable).collect()
    }
}

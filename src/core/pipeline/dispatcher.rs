//! The dispatcher of one destination: it queues events by endpoint, assembles the next request, and applies
//! each answer to the events of its request.
//!
//! Knows nothing of records' settlement, partitions' positions and dead letters: it returns requests, and a
//! verdict for each event. Its quota domain, which other destinations may share, decides when a request may
//! start. What always holds: an event is in exactly one place (a queue, a flight, the quarantine) until its
//! verdict, and an event without a verdict is never forgotten while its ownership lasts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use hashbrown::{HashMap, HashSet};

use crate::core::{
    backoff::Backoff,
    code::Code,
    destination::{DestinationId, Encoder, EndpointBatch, FieldCounts, Fitted, Request, RequestId},
    event::{Delivery, Endpoint, EndpointId, Refusal},
    pipeline::{
        config::BatchConfig, jitter::Jitter, ledger::RecordId, quota_domain::Quota, transition::Transition,
    },
    record::Ownership,
    time::Moment,
};

mod answer;
mod batcher;
mod denial;
mod endpoint_queue;
mod events;
mod failure;
mod flight;
mod hold;
mod judgement;
mod quarantine;
mod refusal;
mod spill;

use batcher::{Batcher, Limits, Readiness};
use denial::Denials;
use endpoint_queue::{Block, Item, Past};
use events::Events;
use flight::{Flight, From};
use hold::{Hold, HoldKind};
use quarantine::{Cause, Next, Part, Quarantine};
use spill::Full;

/// The final result of an event.
pub(super) struct Verdict {
    pub(super) record: RecordId,
    /// The bytes of memory that the event took.
    pub(super) bytes: usize,
    pub(super) fate: Fate,
}

pub(super) enum Fate {
    /// The destination accepted the event.
    Accepted,
    /// The event is refused permanently.
    Refused { event_id: Box<str>, refusal: Refusal },
    /// The event is given up because the destination was blocked for too long. This is no evidence against
    /// its topic.
    Spilled { event_id: Box<str>, refusal: Refusal },
}

/// Counts of events and requests since the process started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendCounts {
    /// Accepted events by type (in the order of `EventType::ALL`).
    pub accepted: [u64; 7],
    /// Events that were sent again, by reason.
    pub retried: BTreeMap<Code, u64>,
    /// Requests by outcome.
    pub requests: BTreeMap<Code, u64>,
    pub requests_throttled: u64,
    pub events_throttled: u64,
    /// Accepted events that the service had taken before.
    pub events_deduplicated: u64,
    pub events_spilled: u64,
    /// Endpoints whose change was refused while their events were accepted, by code.
    pub endpoints_refused: BTreeMap<Code, u64>,
    pub fields: FieldCounts,
}

impl SendCounts {
    /// Adds the counts of another destination.
    pub fn add(&mut self, other: &Self) {
        let add = |sums: &mut BTreeMap<Code, u64>, counts: &BTreeMap<Code, u64>| {
            for (code, count) in counts {
                *sums.entry(*code).or_default() += count;
            }
        };
        for (sum, count) in self.accepted.iter_mut().zip(other.accepted) {
            *sum += count;
        }
        add(&mut self.retried, &other.retried);
        add(&mut self.requests, &other.requests);
        add(&mut self.endpoints_refused, &other.endpoints_refused);
        self.requests_throttled += other.requests_throttled;
        self.events_throttled += other.events_throttled;
        self.events_deduplicated += other.events_deduplicated;
        self.events_spilled += other.events_spilled;
        self.fields.add(&other.fields);
    }
}

pub struct DispatcherConfig {
    /// Its name in the configuration.
    pub name: Arc<str>,
    pub encoder: Box<dyn Encoder>,
    pub batch: BatchConfig,
    pub backoff: Backoff,
    /// How long an event that keeps failing alone is retried before it is refused; `None` means forever.
    pub give_up: Option<Duration>,
    /// How long the destination may be blocked before its events go to the dead letters; `None` means
    /// forever.
    pub spill: Option<Duration>,
    /// The limits of this destination alone, in requests per second and in flight, within those of its
    /// domain.
    pub cap: Option<crate::core::pipeline::config::QuotaConfig>,
}

pub(super) struct Dispatcher {
    id: DestinationId,
    name: Arc<str>,
    encoder: Box<dyn Encoder>,
    /// The maximum number of bytes that the events of a request may take.
    max_bytes: usize,
    batcher: Batcher,
    quarantine: Quarantine,
    pub(super) cap: Option<Quota>,
    backoff: Backoff,
    jitter: Jitter,
    give_up: Option<Duration>,
    spill: Option<Duration>,
    flights: HashMap<RequestId, Flight>,
    hold: Option<Hold>,
    /// The latest start of a request of which an event was accepted or refused.
    last_success: Option<Moment>,
    denials: Denials,
    /// Events that keep failing alone while others succeed, identified by their order.
    stuck: BTreeSet<u64>,
    /// Ownerships that have not ended: their events may be sent.
    live: HashSet<Ownership>,
    next_order: u64,
    events: usize,
    bytes: usize,
    /// Since when there has been no room for a record.
    full: Option<Full>,
    /// Whether the hold has lasted so long that events are spilled.
    spilling: bool,
    verdicts: Vec<Verdict>,
    transitions: Vec<Transition>,
    counts: SendCounts,
}

impl Dispatcher {
    pub(super) fn new(id: DestinationId, config: DispatcherConfig, jitter: Jitter) -> Self {
        let allowed = config.encoder.limits();
        let written = usize::try_from(config.batch.max_bytes.0).unwrap_or(usize::MAX);
        let max_bytes = written.min(allowed.bytes).saturating_sub(allowed.overhead);
        let limits = Limits {
            events: config.batch.max_events.get().min(allowed.events),
            bytes: max_bytes,
            linger: config.batch.linger.0,
            order: config.encoder.order(),
            merge: config.encoder.merge(),
        };
        let fields = FieldCounts::new(config.encoder.fields());
        let counts = SendCounts { fields, ..SendCounts::default() };
        Self {
            id,
            name: config.name,
            encoder: config.encoder,
            max_bytes,
            batcher: Batcher::new(limits),
            quarantine: Quarantine::default(),
            cap: config.cap.map(Quota::cap),
            backoff: config.backoff,
            jitter,
            give_up: config.give_up,
            spill: config.spill,
            flights: HashMap::new(),
            hold: None,
            last_success: None,
            denials: Denials::default(),
            stuck: BTreeSet::new(),
            live: HashSet::new(),
            next_order: 0,
            events: 0,
            bytes: 0,
            full: None,
            spilling: false,
            verdicts: Vec::new(),
            transitions: Vec::new(),
            counts,
        }
    }

    /// Registers an ownership whose events may come from now on.
    pub(super) fn own(&mut self, ownership: Ownership) {
        self.live.insert(ownership);
    }

    /// Fits an event to the limits of this destination.
    ///
    /// # Errors
    /// If the service can never accept the event.
    pub(super) fn fit(&mut self, delivery: Delivery) -> Result<Fitted, Refusal> {
        self.encoder.fit(delivery, &mut self.counts.fields)
    }

    /// The maximum number of bytes that an event may take.
    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Takes over an event until its verdict. The event takes `held_bytes` of memory.
    pub(super) fn accept(
        &mut self,
        now: Moment,
        record: RecordId,
        ownership: Ownership,
        fitted: &Fitted,
        held_bytes: usize,
    ) {
        self.events += 1;
        self.bytes += held_bytes;
        let has_own = self.encoder.merge().is_none();
        let item = Item {
            order: self.next_order,
            record,
            ownership,
            event: Arc::clone(&fitted.delivery.event),
            endpoint: has_own.then(|| Arc::clone(&fitted.delivery.endpoint)),
            bytes: fitted.bytes,
            held_bytes,
            arrived: now,
            past: Past::default(),
        };
        self.next_order += 1;
        self.batcher.push(&fitted.delivery, item);
    }

    /// Gives the events of these ownerships priority over all others from now on.
    pub(super) fn prioritise(&mut self, ownerships: &BTreeSet<Ownership>) {
        self.batcher.prioritise(ownerships);
    }

    /// Forgets the events of ownerships that have ended; those in flight are not sent again.
    pub(super) fn release(&mut self, now: Moment, ownerships: &BTreeSet<Ownership>) {
        self.abandon(ownerships);
        // The rest of a refused request may have waited for the events that are gone now.
        self.close_quarantine(now);
    }

    /// Like [`release`](Self::release), but at the end of the process, when nothing is decided any more.
    pub(super) fn abandon(&mut self, ownerships: &BTreeSet<Ownership>) {
        self.live.retain(|live| !ownerships.contains(live));
        for item in self.batcher.remove(ownerships) {
            self.forget(&item);
        }
        for (endpoint_id, item) in self.quarantine.extract(|item| ownerships.contains(&item.ownership)) {
            self.forget(&item);
            self.batcher.unquarantine(&endpoint_id, 1, Vec::new(), Block::Free);
        }
    }

    /// Returns the next request to send now, if there is one, and counts it as in flight. `flush` means that
    /// no more events will come.
    pub(super) fn next_request(&mut self, now: Moment, id: RequestId, flush: bool) -> Option<Request> {
        if self.next_start(flush)? > now {
            return None;
        }
        let (events, from) = self.next_events(now, flush)?;
        if let Some(hold) = &mut self.hold {
            hold.probe(now, &self.backoff);
        }
        if let Some(cap) = &mut self.cap {
            cap.start(now);
        }
        let runs = events
            .0
            .iter()
            .flat_map(|(id, items)| items.chunk_by(Item::shares_endpoint).map(move |alike| (id, alike)));
        let endpoints = runs.map(|(id, items)| EndpointBatch {
            endpoint_id: *id,
            endpoint: self.endpoint(id, items),
            events: items.iter().map(|item| Arc::clone(&item.event)).collect(),
        });
        let request = Request { id, destination: self.id, endpoints: endpoints.collect() };
        self.flights.insert(id, Flight { sent: events.len(), events, started: now, from });
        Some(request)
    }

    /// The endpoint data to send with these events.
    fn endpoint(&self, id: &EndpointId, items: &[Item]) -> Arc<Endpoint> {
        let without = items.iter().any(|item| item.past.without_snapshot);
        let own = items.first().and_then(|item| item.endpoint.clone()).filter(|_| !without);
        own.unwrap_or_else(|| self.batcher.snapshot(id, without))
    }

    fn next_events(&mut self, now: Moment, flush: bool) -> Option<(Events, From)> {
        if self.hold.is_none()
            && let Some(next) = self.next_quarantined(now)
        {
            return Some(next);
        }
        if let Some(events) = self.batcher.pick(now, self.readiness(flush)) {
            return Some((Events(events), From::Queues));
        }
        // During a hold, other events are tried first: if they are accepted, those in quarantine are at fault.
        let hold = self.hold.as_ref()?;
        let (kind, is_single) = (hold.kind, hold.is_single());
        if is_single && let Some(next) = self.next_single(now, kind).or_else(|| self.next_quarantined(now)) {
            return Some(next);
        }
        if kind == HoldKind::Refused
            && let Some(accused) = self.quarantine.next_accused()
        {
            return Some((Events::one(accused.endpoint_id, accused.item), From::Accused));
        }
        self.next_quarantined(now)
    }

    /// The events of one endpoint of a request that waits in quarantine, to probe with during a hold.
    fn next_single(&mut self, now: Moment, kind: HoldKind) -> Option<(Events, From)> {
        let causes: &[Cause] = match kind {
            HoldKind::SetUp => &[Cause::Failing { halve: false }],
            HoldKind::Refused => &[Cause::Failing { halve: false }, Cause::Refused { proven: false }],
        };
        let part = self.quarantine.next_single(now, causes, &flying(&self.flights))?;
        Some((part.events, From::Whole(part.cause)))
    }

    /// Returns the next part of the quarantine to send. If the part exceeds the limits of a request, because
    /// the snapshots of its endpoints have grown, it is halved; a single event is sent without its snapshot.
    fn next_quarantined(&mut self, now: Moment) -> Option<(Events, From)> {
        if self.quarantine.is_empty() {
            return None;
        }
        let flying = flying(&self.flights);
        loop {
            let (from, part) = match self.quarantine.next(now, &flying)? {
                Next::Half(part) => (From::Half(part.cause), part),
                Next::Whole(part) => (From::Whole(part.cause), part),
            };
            let fits = part.events.len() <= self.batcher.max_events()
                && self.batcher.size(&part.events.0) <= self.max_bytes;
            if fits || part.events.len() == 1 {
                if !fits {
                    part.events.0.iter().for_each(|(id, _)| self.batcher.forget_endpoint(id));
                }
                return Some((part.events, from));
            }
            if let From::Half(_) = from {
                self.quarantine.halve(part);
            } else {
                self.quarantine.admit(Part { cause: Cause::Failing { halve: true }, ..part });
            }
        }
    }

    /// When the next request may be due, if no input comes first.
    pub(super) fn next_wake(&self, flush: bool) -> Option<Moment> {
        let queued = self.batcher.worth_at(self.readiness(flush));
        let quarantined = match &self.hold {
            _ if self.quarantine.is_empty() => None,
            Some(hold) if hold.kind == HoldKind::Refused && self.quarantine.has_accused() => {
                Some(Moment::START)
            }
            _ => self.quarantine.next_wake(&flying(&self.flights)),
        };
        let worth = [queued, quarantined].into_iter().flatten().min()?;
        Some(self.next_start(flush)?.max(worth))
    }

    /// When hold and cap allow the next request to start; `None` if this depends on an input.
    fn next_start(&self, flush: bool) -> Option<Moment> {
        let cap = self.cap.as_ref().map_or(Some(Moment::START), Quota::next_start)?;
        match &self.hold {
            None => Some(cap),
            // Only one probe is in flight at a time, and a drain does not wait for an operator.
            Some(hold) => (!flush && self.flights.is_empty()).then(|| hold.next_probe.max(cap)),
        }
    }

    fn readiness(&self, flush: bool) -> Readiness {
        match &self.hold {
            Some(_) => Readiness::Probe,
            None if flush => Readiness::Now,
            None => Readiness::FullOrDue,
        }
    }

    /// Ends an event with a refusal.
    fn refuse(&mut self, item: &Item, refusal: Refusal) {
        self.end(item, Fate::Refused { event_id: (*item.event.id).into(), refusal });
    }

    /// Ends an event with its verdict.
    fn end(&mut self, item: &Item, fate: Fate) {
        self.forget(item);
        self.verdicts.push(Verdict { record: item.record, bytes: item.memory(), fate });
    }

    /// Removes an event from the counts, because it leaves the dispatcher permanently.
    fn forget(&mut self, item: &Item) {
        self.events -= 1;
        self.bytes -= item.held_bytes;
        self.stuck.remove(&item.order);
    }

    pub(super) fn take_verdicts(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.verdicts)
    }

    pub(super) fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Why this destination is on hold, and since when.
    pub(super) fn hold(&self) -> Option<(Code, Moment)> {
        self.hold.as_ref().map(|hold| (hold.code, hold.since))
    }

    /// The number of events that keep failing alone while others succeed.
    pub(super) fn stuck(&self) -> usize {
        self.stuck.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// The number of events without a verdict.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// The bytes of memory that its events take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn max_batch(&self) -> usize {
        self.batcher.max_events()
    }

    /// The number of requests that its events take, if all but the last are full.
    pub(super) fn least_requests(&self) -> usize {
        self.events.div_ceil(self.max_batch())
    }

    /// Whether progress is possible: a request is in flight, or will be without manual intervention.
    pub(super) fn is_moving(&self) -> bool {
        let sendable = self.batcher.has_sendable() || !self.quarantine.is_empty();
        !self.flights.is_empty() || self.hold.is_none() && sendable
    }

    /// Whether it has an event without a verdict for which `is_it` holds.
    #[cfg(test)]
    pub(super) fn keeps(&self, is_it: impl Fn(&crate::core::event::AppEvent) -> bool) -> bool {
        let waiting = self.batcher.items().chain(self.quarantine.items());
        let flying = self.flights.values().flat_map(|flight| flight.events.iter());
        waiting.chain(flying).any(|item| is_it(&item.event))
    }

    pub(super) fn counts(&self) -> &SendCounts {
        &self.counts
    }
}

/// The endpoints that have events in flight.
fn flying(flights: &HashMap<RequestId, Flight>) -> HashSet<&EndpointId> {
    flights.values().flat_map(|flight| flight.events.endpoints()).collect()
}

//! One destination with its quota domain: its lanes, its pace, its hold, and what each answer means for
//! the events of a request.
//!
//! Knows nothing of records' settlement, partitions' positions and dead letters: it hands out requests and
//! gives back a verdict for each event. What always holds: an event is in exactly one place (a lane, a
//! flight, parked) until its verdict, and an event without a verdict is never forgotten while its
//! ownership lasts.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use crate::core::{
    backoff::Backoff,
    code::Code,
    destination::{DestinationId, Encoder, EndpointBatch, Request, RequestId},
    event::{Endpoint, EndpointId, Refusal},
    pipeline::{
        batcher::{Batcher, Limits, Picked, Readiness},
        config::QuotaConfig,
        endpoint_queue::Item,
        hold::{Hold, HoldKind},
        quota::Quota,
        split::{Parked, Splits},
        transition::Transition,
    },
    record::Ownership,
    time::Moment,
};

mod answer;
mod failure;
mod flight;
mod refusal;

use flight::Flight;

/// What became of an event, for good.
pub(super) enum Verdict {
    /// The destination took it.
    Accepted(Item),
    /// The destination refuses it.
    Refused(Item, Refusal),
}

/// What was counted of events and requests since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendCounts {
    /// Events that were taken, by type (in the order of `EventType::ALL`).
    pub accepted: [u64; 7],
    /// Events that were sent again, by reason.
    pub retried: BTreeMap<Code, u64>,
    /// Requests, by what they came to.
    pub requests: BTreeMap<Code, u64>,
    /// Requests and events that were throttled.
    pub throttled: u64,
    /// Endpoints whose change was refused while their events were taken, by code.
    pub endpoints_refused: BTreeMap<Code, u64>,
}

/// What an dispatcher is made with.
pub(super) struct DispatcherConfig {
    pub(super) limits: Limits,
    pub(super) quota: QuotaConfig,
    pub(super) backoff: Backoff,
    /// After how long an event that alone keeps failing is refused; never, without.
    pub(super) give_up: Option<Duration>,
}

/// One destination with its quota domain.
pub(super) struct Dispatcher {
    batcher: Batcher,
    pub(super) quota: Quota,
    backoff: Backoff,
    give_up: Option<Duration>,
    flights: HashMap<RequestId, Flight>,
    next_request: u64,
    splits: Splits,
    hold: Option<Hold>,
    throttles: u32,
    last_success: Option<Moment>,
    /// Events (by order) that keep failing on their own while others succeed.
    stuck: BTreeSet<u64>,
    /// Ownerships whose events are still ours to send.
    live: HashSet<Ownership>,
    events: usize,
    counts: SendCounts,
}

/// What an input made of an dispatcher has to say to the rest of the pipeline.
#[derive(Default)]
pub(super) struct Outcomes {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) transitions: Vec<Transition>,
}

impl Dispatcher {
    pub(super) fn new(config: DispatcherConfig) -> Self {
        Self {
            batcher: Batcher::new(config.limits),
            quota: Quota::new(config.quota),
            backoff: config.backoff,
            give_up: config.give_up,
            flights: HashMap::new(),
            next_request: 0,
            splits: Splits::default(),
            hold: None,
            throttles: 0,
            last_success: None,
            stuck: BTreeSet::new(),
            live: HashSet::new(),
            events: 0,
            counts: SendCounts::default(),
        }
    }

    /// Events of this ownership may come from now on.
    pub(super) fn own(&mut self, ownership: Ownership) {
        self.live.insert(ownership);
    }

    /// Takes an event over until its verdict.
    pub(super) fn accept(
        &mut self,
        encoder: &dyn Encoder,
        endpoint_id: &EndpointId,
        endpoint: &Arc<Endpoint>,
        item: Item,
    ) {
        self.events += 1;
        self.batcher.push(encoder, endpoint_id, endpoint, item);
    }

    /// The most bytes that an event may take.
    pub(super) fn largest_event(&self) -> usize {
        self.batcher.limits().bytes
    }

    /// Events of this ownership come before all others from now on.
    pub(super) fn prioritise(&mut self, ownership: Ownership) {
        self.batcher.prioritise(ownership);
    }

    /// Forgets the events of an ownership that has ended; what is in flight is not sent again.
    pub(super) fn release(&mut self, now: Moment, ownership: Ownership, transitions: &mut Vec<Transition>) {
        self.abandon(ownership);
        // What is left of a split may have been waiting for the events that went.
        self.close_splits(now, transitions);
    }

    /// The same at the end of all, when nothing is decided any more.
    pub(super) fn abandon(&mut self, ownership: Ownership) {
        self.live.remove(&ownership);
        for mut item in self.batcher.remove(ownership) {
            self.forget(&mut item);
        }
        let of_it = |parked: &Parked| parked.item.ownership == ownership;
        let mut parked = self.splits.remove(of_it);
        if let Some(hold) = &mut self.hold {
            let (gone, stay): (Vec<_>, Vec<_>) = hold.parked.drain(..).partition(of_it);
            hold.parked = stay.into();
            parked.extend(gone);
        }
        for mut parked in parked {
            self.forget(&mut parked.item);
            self.batcher.unpark(&parked.endpoint_id, None);
        }
    }

    /// The next request to send now, if there is one; it is in flight then. `flush`: nothing more comes.
    pub(super) fn next_request(&mut self, now: Moment, flush: bool) -> Option<Request> {
        if self.next_start(flush)? > now {
            return None;
        }
        self.ready_a_probe(now);
        let picked = self.batcher.pick(now, self.readiness(flush))?;
        self.quota.start(now);
        if let Some(hold) = &mut self.hold {
            hold.probe(now, &self.backoff);
        }
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let endpoints = picked.iter().map(batch).collect();
        let flown = picked.into_iter().map(|picked| (picked.endpoint_id, picked.items)).collect();
        self.flights.insert(id, Flight { endpoints: flown, started: now });
        Some(Request { destination: DestinationId::default(), id, endpoints })
    }

    /// When there may be a request to send that there is not now, if nothing happens before.
    pub(super) fn next_wake(&self, flush: bool) -> Option<Moment> {
        let worth = match &self.hold {
            Some(hold) if !hold.parked.is_empty() => Moment::START,
            _ => self.batcher.worth_at(self.readiness(flush))?,
        };
        Some(self.next_start(flush)?.max(worth))
    }

    /// When hold and quota let the next request start; `None` when only an input can tell.
    fn next_start(&self, flush: bool) -> Option<Moment> {
        let quota = self.quota.next_start()?;
        match &self.hold {
            None => Some(quota),
            // One at a time, to see whether it is over; and a drain does not wait for a person.
            Some(hold) => (!flush && self.flights.is_empty()).then(|| hold.next_probe.max(quota)),
        }
    }

    fn readiness(&self, flush: bool) -> Readiness {
        match &self.hold {
            Some(hold) if hold.kind == HoldKind::Refused => Readiness::Probe,
            Some(_) => Readiness::Now,
            None if flush => Readiness::Now,
            None => Readiness::FullOrDue,
        }
    }

    /// During a hold for refusals other events are tried first: their acceptance tells that the parked
    /// ones are at fault. Where there are no others, a parked one is tried again.
    fn ready_a_probe(&mut self, now: Moment) {
        let Some(hold) = &mut self.hold else { return };
        while !self.batcher.has_ready(now)
            && let Some(parked) = hold.parked.pop_front()
        {
            self.batcher.unpark(&parked.endpoint_id, Some(parked.item));
        }
    }

    /// What holds this dispatcher up, if anything does.
    pub(super) fn hold(&self) -> Option<(Code, Moment)> {
        self.hold.as_ref().map(|hold| (hold.code, hold.since))
    }

    /// How many events keep failing on their own while others succeed.
    pub(super) fn stuck(&self) -> usize {
        self.stuck.len()
    }

    /// How many requests are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// How many events have no verdict yet.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Whether anything will come of waiting: a request is in flight, or one will be without a person.
    pub(super) fn is_moving(&self) -> bool {
        !self.flights.is_empty() || self.hold.is_none() && self.batcher.has_sendable()
    }

    /// What was counted.
    pub(super) fn counts(&self) -> &SendCounts {
        &self.counts
    }

    /// Decides the splits of which nothing is left.
    fn close_splits(&mut self, now: Moment, transitions: &mut Vec<Transition>) {
        let closed = self.splits.close();
        for parked in closed.undecided {
            self.batcher.unpark(&parked.endpoint_id, Some(parked.item));
        }
        self.hold_parked(now, closed.unanimous, transitions);
    }

    /// Takes refusals that are not decided into a hold: everything that was sent was refused with one code.
    /// While the set-up is known to be wrong that tells nothing, and they are traced again after it.
    fn hold_parked(&mut self, now: Moment, parked: Vec<Parked>, transitions: &mut Vec<Transition>) {
        let Some(code) = parked.first().map(|parked| parked.refusal.code) else { return };
        if self.hold.as_ref().is_some_and(|hold| hold.kind == HoldKind::SetUp) {
            return self.trace_again(parked);
        }
        self.enter_hold(now, code, HoldKind::Refused, transitions);
        if let Some(hold) = &mut self.hold {
            hold.parked.extend(parked);
        }
    }

    /// Refused events go once more as the one request that they were, and are judged as such.
    fn trace_again(&mut self, parked: Vec<Parked>) {
        let split = self.splits.open(parked.len(), false);
        let cohort = self.splits.cohort(Some(split));
        for mut parked in parked {
            parked.item.past.cohort = Some(cohort);
            self.batcher.unpark(&parked.endpoint_id, Some(parked.item));
        }
    }

    fn enter_hold(&mut self, now: Moment, code: Code, kind: HoldKind, transitions: &mut Vec<Transition>) {
        if let Some(hold) = &mut self.hold {
            hold.code = code;
        } else {
            self.hold = Some(Hold::new(now, code, kind, &self.backoff));
            transitions.push(Transition::Held { code });
        }
    }
}

fn batch(picked: &Picked) -> EndpointBatch {
    EndpointBatch {
        endpoint_id: picked.endpoint_id.clone(),
        endpoint: Arc::clone(&picked.endpoint),
        events: picked.items.iter().map(|item| Arc::clone(&item.event)).collect(),
    }
}

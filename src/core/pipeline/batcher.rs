//! Which events go into the next request of a destination.
//!
//! Up to so many events over many endpoints, by count, bytes or age. The oldest first; an endpoint gives
//! all it has before the next one is opened, so that ten busy endpoints can fill ten requests at once.
//! Events of partitions that are being given up come before all others.
//!
//! Knows nothing of offsets, quota and HTTP. What always holds: an endpoint is in at most one request in
//! flight (invariant 4), and no request is larger than its limits (invariant 5).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use crate::core::{
    destination::Encoder,
    event::{Endpoint, EndpointId},
    pipeline::endpoint_queue::{Block, EndpointQueue, Item, Place, Room},
    record::Ownership,
    time::Moment,
};

/// How many lanes that do not fit are passed over before a request is taken as full enough.
const LOOK_PAST: usize = 16;

/// The limits of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Events in it, at most.
    pub(super) events: usize,
    /// Bytes of its events with their endpoints, at most.
    pub(super) bytes: usize,
    /// How long an event waits for others.
    pub(super) linger: Duration,
}

/// When a request is worth sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// When it is full, or its oldest event has waited long enough.
    FullOrDue,
    /// Now: nothing more will come.
    Now,
    /// Now, with one event alone: to see how it is answered.
    Probe,
}

/// The events of one endpoint that go into a request.
pub(super) struct Picked {
    pub(super) endpoint_id: EndpointId,
    /// What the request says of the endpoint.
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) items: Vec<Item>,
}

/// The place of a lane among those that are free: prioritised ones first, then by age. No two have the same.
///
/// The first is whether it can wait (`false` sorts first).
type Rank = (bool, u64);

/// The lanes of all endpoints with events on their way.
pub(super) struct Batcher {
    limits: Limits,
    lanes: HashMap<EndpointId, EndpointQueue>,
    ready: BTreeMap<Rank, EndpointId>,
    /// When the oldest event of each lane of `ready` has waited long enough, and its order.
    due: BTreeSet<(Moment, u64)>,
    waiting: BTreeSet<(Moment, EndpointId)>,
    /// Free lanes whose front belongs to a cohort.
    cohorts: BTreeMap<u64, BTreeSet<EndpointId>>,
    prioritised: HashSet<Ownership>,
    ready_events: usize,
    ready_bytes: usize,
    /// What is said of an endpoint that was refused.
    nothing: Arc<Endpoint>,
}

impl Batcher {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            ready: BTreeMap::new(),
            due: BTreeSet::new(),
            waiting: BTreeSet::new(),
            cohorts: BTreeMap::new(),
            prioritised: HashSet::new(),
            ready_events: 0,
            ready_bytes: 0,
            nothing: Arc::default(),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Adds a new event behind all others of its endpoint.
    pub(super) fn push(
        &mut self,
        encoder: &dyn Encoder,
        endpoint_id: &EndpointId,
        endpoint: &Arc<Endpoint>,
        item: Item,
    ) {
        let Some(lane) = self.lanes.get_mut(endpoint_id) else {
            let mut lane = EndpointQueue::new(Arc::clone(endpoint));
            lane.push(encoder, item, endpoint);
            self.lanes.insert(endpoint_id.clone(), lane);
            return self.index(endpoint_id);
        };
        // What waited at the barrier may be of a partition that is being given up by now.
        if lane.place.is_some_and(|place| place.patient) && self.prioritised.contains(&item.ownership) {
            self.unindex(endpoint_id);
            if let Some(lane) = self.lanes.get_mut(endpoint_id) {
                lane.push(encoder, item, endpoint);
            }
            return self.index(endpoint_id);
        }
        if lane.place.is_some() {
            self.ready_events += 1;
            self.ready_bytes += item.bytes;
        }
        lane.push(encoder, item, endpoint);
    }

    /// Puts the events of a lane that came back from a request, or none, at its front, and sets what
    /// stands in the way of the lane from now on.
    pub(super) fn put_back(&mut self, endpoint_id: &EndpointId, items: Vec<Item>, block: Block) {
        self.unindex(endpoint_id);
        let Some(lane) = self.lanes.get_mut(endpoint_id) else { return };
        lane.put_back(items);
        lane.block = block;
        if let Block::Until(until) = block {
            lane.again_from = until;
        }
        self.index(endpoint_id);
    }

    /// Holds a lane because one of its events, which is kept elsewhere, was refused and it is not decided
    /// whether that was its fault.
    pub(super) fn park(&mut self, endpoint_id: &EndpointId) {
        self.unindex(endpoint_id);
        if let Some(lane) = self.lanes.get_mut(endpoint_id) {
            lane.undecided += 1;
        }
        self.index(endpoint_id);
    }

    /// Ends one [`park`](Self::park); the event goes back into the lane if it is to be sent again.
    pub(super) fn unpark(&mut self, endpoint_id: &EndpointId, item: Option<Item>) {
        self.unindex(endpoint_id);
        if let Some(lane) = self.lanes.get_mut(endpoint_id) {
            lane.undecided = lane.undecided.saturating_sub(1);
            lane.put_back(item.into_iter().collect());
        }
        self.index(endpoint_id);
    }

    /// Puts the next request together, if there is one worth sending; its lanes are in flight then.
    pub(super) fn pick(&mut self, now: Moment, readiness: Readiness) -> Option<Vec<Picked>> {
        self.wake(now);
        if self.worth_at(readiness)? > now {
            return None;
        }
        let (_, first) = self.ready.first_key_value()?;
        let cohort = self.lanes.get(first).and_then(|lane| lane.place?.cohort);
        let events = if readiness == Readiness::Probe { 1 } else { self.limits.events };
        let room = Room { events, bytes: self.limits.bytes, empty: true };
        Some(match cohort {
            Some(cohort) => self.pick_cohort(cohort, room),
            None => self.pick_oldest(room),
        })
    }

    /// When there is something worth sending, if nothing comes in before; the past when there is now.
    pub(super) fn worth_at(&self, readiness: Readiness) -> Option<Moment> {
        let full = self.ready_events >= self.limits.events || self.ready_bytes >= self.limits.bytes;
        let impatient = self.ready.first_key_value().is_some_and(|((patient, _), _)| !patient);
        if impatient || !self.ready.is_empty() && (full || readiness != Readiness::FullOrDue) {
            return Some(Moment::START);
        }
        let due = self.due.first().map(|(due, _)| *due);
        let waiting = self.waiting.first().map(|(until, _)| *until);
        [due, waiting].into_iter().flatten().min()
    }

    fn pick_oldest(&mut self, mut room: Room) -> Vec<Picked> {
        let mut request = Vec::new();
        let mut passed = 0;
        let mut next = self.ready.first_key_value().map(owned);
        while let Some((rank, endpoint_id)) = next
            && room.events > 0
            && passed < LOOK_PAST
        {
            let in_cohort = self.lanes.get(&endpoint_id).and_then(|lane| lane.place?.cohort).is_some();
            match (!in_cohort).then(|| self.take(&endpoint_id, &mut room)).flatten() {
                Some(picked) => request.push(picked),
                None => passed += 1,
            }
            next = self.ready.range((Bound::Excluded(rank), Bound::Unbounded)).next().map(owned);
        }
        request
    }

    fn pick_cohort(&mut self, cohort: u64, mut room: Room) -> Vec<Picked> {
        let mut request = Vec::new();
        for endpoint_id in self.cohorts.get(&cohort).cloned().unwrap_or_default() {
            request.extend(self.take(&endpoint_id, &mut room));
        }
        request
    }

    /// Takes what a lane has out of it, as far as there is room, and its place from the room.
    fn take(&mut self, endpoint_id: &EndpointId, room: &mut Room) -> Option<Picked> {
        self.unindex(endpoint_id);
        let lane = self.lanes.get_mut(endpoint_id)?;
        let mut items = lane.take(*room);
        if items.is_empty() && room.empty && lane.growth() > 0 {
            // An event that fills a request alone, with what its own record says of the endpoint.
            lane.forget_endpoint();
            items = lane.take(*room);
        }
        let Some(first) = items.first() else {
            self.index(endpoint_id);
            return None;
        };
        let endpoint = if first.past.bare { &self.nothing } else { &lane.snapshot };
        room.bytes = room.bytes.saturating_sub(lane.growth());
        room.fill(&items);
        let picked = Picked { endpoint_id: endpoint_id.clone(), endpoint: Arc::clone(endpoint), items };
        lane.block = Block::InFlight;
        Some(picked)
    }

    /// From now on, events of this ownership come before all others.
    pub(super) fn prioritise(&mut self, ownership: Ownership) {
        self.prioritised.insert(ownership);
        for endpoint_id in self.lanes_of(ownership) {
            self.unindex(&endpoint_id);
            self.index(&endpoint_id);
        }
    }

    /// Removes and returns the waiting events of an ownership that has ended.
    pub(super) fn remove(&mut self, ownership: Ownership) -> Vec<Item> {
        self.prioritised.remove(&ownership);
        let mut removed = Vec::new();
        for endpoint_id in self.lanes_of(ownership) {
            self.unindex(&endpoint_id);
            if let Some(lane) = self.lanes.get_mut(&endpoint_id) {
                removed.extend(lane.remove(ownership));
            }
            self.index(&endpoint_id);
        }
        removed
    }

    fn lanes_of(&self, ownership: Ownership) -> Vec<EndpointId> {
        let of_it = |lane: &EndpointQueue| lane.items().any(|item| item.ownership == ownership);
        self.lanes.iter().filter(|(_, lane)| of_it(lane)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether any lane has events that could be sent now or after a wait.
    pub(super) fn has_sendable(&self) -> bool {
        !self.ready.is_empty() || !self.waiting.is_empty()
    }

    /// Whether any lane has events that could be sent now.
    pub(super) fn has_ready(&mut self, now: Moment) -> bool {
        self.wake(now);
        !self.ready.is_empty()
    }

    /// Frees the lanes whose wait is over.
    fn wake(&mut self, now: Moment) {
        while let Some((until, endpoint_id)) = self.waiting.first().cloned()
            && until <= now
        {
            self.put_back(&endpoint_id, Vec::new(), Block::Free);
        }
    }

    /// Puts a lane where it belongs, or forgets it when it holds nothing and nothing is to come back.
    fn index(&mut self, endpoint_id: &EndpointId) {
        let Some(lane) = self.lanes.get_mut(endpoint_id) else { return };
        let id = || endpoint_id.clone();
        if lane.is_free()
            && let Some(place) = place(lane, &self.prioritised, self.limits.linger)
        {
            lane.place = Some(place);
            self.ready.insert((place.patient, place.order), id());
            self.due.insert((place.due, place.order));
            self.ready_events += lane.len();
            self.ready_bytes += lane.bytes();
            if let Some(cohort) = place.cohort {
                self.cohorts.entry(cohort).or_default().insert(id());
            }
        } else if let Block::Until(until) = lane.block
            && lane.len() > 0
        {
            self.waiting.insert((until, id()));
        } else if lane.len() == 0 && lane.undecided == 0 && lane.block != Block::InFlight {
            self.lanes.remove(endpoint_id);
        }
    }

    /// Takes a lane out of every index, before it changes.
    fn unindex(&mut self, endpoint_id: &EndpointId) {
        let Some(lane) = self.lanes.get_mut(endpoint_id) else { return };
        if let Block::Until(until) = lane.block {
            self.waiting.remove(&(until, endpoint_id.clone()));
        }
        let Some(place) = lane.place.take() else { return };
        self.ready.remove(&(place.patient, place.order));
        self.due.remove(&(place.due, place.order));
        self.ready_events -= lane.len();
        self.ready_bytes -= lane.bytes();
        if let Some(cohort) = place.cohort
            && let Some(lanes) = self.cohorts.get_mut(&cohort)
        {
            lanes.remove(endpoint_id);
            if lanes.is_empty() {
                self.cohorts.remove(&cohort);
            }
        }
    }
}

fn owned((rank, endpoint_id): (&Rank, &EndpointId)) -> (Rank, EndpointId) {
    (*rank, endpoint_id.clone())
}

/// Where a lane stands: by its first event of a partition that is being given up, else by its front.
fn place(lane: &EndpointQueue, prioritised: &HashSet<Ownership>, linger: Duration) -> Option<Place> {
    let head = lane.head()?;
    let pressing = if prioritised.is_empty() {
        None
    } else {
        lane.items().find(|item| prioritised.contains(&item.ownership))
    };
    let cohort = head.past.cohort.map(|cohort| cohort.id);
    let due = if cohort.is_some() { Moment::START } else { head.arrived.max(lane.again_from) + linger };
    Some(Place { patient: pressing.is_none(), order: pressing.unwrap_or(head).order, due, cohort })
}

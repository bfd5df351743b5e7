//! Decides which events go into the next request of a destination.
//!
//! A request is sent when it is full, by count or bytes, or when its oldest event has waited long enough. It
//! takes the oldest events first, and all events of an endpoint before those of the next one, so that ten
//! busy endpoints can fill ten requests at once. Events of partitions that are being revoked come before all
//! others.
//!
//! Knows nothing of offsets, quota and HTTP. What always holds: an endpoint is in at most one request in
//! flight (invariant 4), and no request is larger than its limits (invariant 5).

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use hashbrown::{HashMap, HashSet};

use crate::core::{
    destination::{Merge, Order},
    event::{Delivery, Endpoint, EndpointId},
    pipeline::dispatcher::endpoint_queue::{Block, EndpointQueue, Item, Rank, Room},
    record::Ownership,
    time::Moment,
};

/// The number of queues that do not fit and are skipped before a request counts as full.
const LOOK_PAST: usize = 16;

/// The limits of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The maximum number of events of a request.
    pub(super) events: usize,
    /// The maximum number of bytes of its events with their endpoints.
    pub(super) bytes: usize,
    /// Which events of an endpoint may be in it.
    pub(super) order: Order,
    /// How endpoint data is merged, if events are sent with a snapshot.
    pub(super) merge: Option<Merge>,
    /// How long an event waits for others to share its request.
    pub(super) linger: Duration,
}

/// When a request is worth sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// When it is full, or its oldest event has waited long enough.
    FullOrDue,
    /// Now: nothing more will come.
    Now,
    /// Now, with a single event, to see how it is answered.
    Probe,
}

/// The unique place of a free queue in the order of sending: prioritised queues first, then by age.
///
/// The first part is whether the queue can wait (`false` sorts first).
type Place = (bool, u64);

/// The queues of all endpoints with outstanding events.
pub(super) struct Batcher {
    limits: Limits,
    queues: HashMap<EndpointId, EndpointQueue>,
    ready: BTreeMap<Place, EndpointId>,
    /// When the oldest event of each queue of `ready` has waited long enough, and its order.
    due: BTreeSet<(Moment, u64)>,
    waiting: BTreeSet<(Moment, EndpointId)>,
    prioritised: HashSet<Ownership>,
    ready_events: usize,
    ready_bytes: usize,
    /// The empty snapshot, for an endpoint that was refused.
    nothing: Arc<Endpoint>,
}

impl Batcher {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: HashMap::new(),
            ready: BTreeMap::new(),
            due: BTreeSet::new(),
            waiting: BTreeSet::new(),
            prioritised: HashSet::new(),
            ready_events: 0,
            ready_bytes: 0,
            nothing: Arc::default(),
        }
    }

    /// Adds a new event after all others of its endpoint.
    pub(super) fn push(&mut self, delivery: &Delivery, item: Item) {
        let merge = self.limits.merge;
        let Delivery { endpoint_id, endpoint, .. } = delivery;
        let Some(queue) = self.queues.get_mut(endpoint_id) else {
            let mut queue = EndpointQueue::new(Arc::clone(endpoint));
            queue.push(item, endpoint, merge);
            self.queues.insert(*endpoint_id, queue);
            return self.index(endpoint_id);
        };
        // An event that waited at the barrier may belong to a partition that is being revoked by now.
        if queue.rank.is_some_and(|rank| rank.patient) && self.prioritised.contains(&item.ownership) {
            self.unindex(endpoint_id);
            if let Some(queue) = self.queues.get_mut(endpoint_id) {
                queue.push(item, endpoint, merge);
            }
            return self.index(endpoint_id);
        }
        if queue.rank.is_some() {
            self.ready_events += 1;
            self.ready_bytes += item.bytes;
        }
        queue.push(item, endpoint, merge);
    }

    /// Returns events from a request to the front of their queue, if there are any, and sets the queue's
    /// block.
    pub(super) fn put_back(&mut self, endpoint_id: &EndpointId, items: Vec<Item>, block: Block) {
        self.unindex(endpoint_id);
        let Some(queue) = self.queues.get_mut(endpoint_id) else { return };
        queue.put_back(items);
        queue.block = block;
        if let Block::Until(until) = block {
            queue.again_from = until;
        }
        self.index(endpoint_id);
    }

    /// Closes a queue, because this number of its events, which were in flight, go into quarantine.
    pub(super) fn quarantine(&mut self, endpoint_id: &EndpointId, events: usize) {
        self.unindex(endpoint_id);
        if let Some(queue) = self.queues.get_mut(endpoint_id) {
            queue.quarantined += events;
            queue.block = Block::Free;
        }
        self.index(endpoint_id);
    }

    /// Takes `left` events of a queue out of quarantine. Those in `back` are sent again before later events;
    /// the others have left for good.
    pub(super) fn unquarantine(
        &mut self,
        endpoint_id: &EndpointId,
        left: usize,
        back: Vec<Item>,
        block: Block,
    ) {
        self.unindex(endpoint_id);
        if let Some(queue) = self.queues.get_mut(endpoint_id) {
            queue.quarantined = queue.quarantined.saturating_sub(left);
            queue.put_back(back);
            if let Block::Until(until) = block {
                queue.block = queue.block.later(until);
                queue.again_from = queue.again_from.max(until);
            }
        }
        self.index(endpoint_id);
    }

    /// The maximum number of bytes that these events take in a request, with the current snapshots.
    pub(super) fn size(&self, events: &[(EndpointId, Vec<Item>)]) -> usize {
        let growth = |id: &EndpointId| self.queues.get(id).map_or(0, EndpointQueue::growth);
        let size = |(id, items): &(EndpointId, Vec<Item>)| {
            growth(id) + items.iter().map(|item| item.bytes).sum::<usize>()
        };
        events.iter().map(size).sum()
    }

    /// Drops the snapshot of an endpoint. Later events begin a new one.
    pub(super) fn forget_endpoint(&mut self, endpoint_id: &EndpointId) {
        if let Some(queue) = self.queues.get_mut(endpoint_id) {
            queue.forget_endpoint();
        }
    }

    /// The snapshot of an endpoint for a request. `without` makes it empty.
    pub(super) fn snapshot(&self, endpoint_id: &EndpointId, without: bool) -> Arc<Endpoint> {
        let queue = self.queues.get(endpoint_id).filter(|_| !without);
        Arc::clone(queue.map_or(&self.nothing, |queue| &queue.snapshot))
    }

    /// Assembles the next request, if there is one worth sending. Its queues then count as in flight.
    pub(super) fn pick(&mut self, now: Moment, readiness: Readiness) -> Option<Vec<(EndpointId, Vec<Item>)>> {
        self.wake(now);
        if self.worth_at(readiness)? > now {
            return None;
        }
        let events = if readiness == Readiness::Probe { 1 } else { self.limits.events };
        let room = Room { events, bytes: self.limits.bytes, empty: true };
        Some(self.pick_oldest(room)).filter(|picked| !picked.is_empty())
    }

    /// When a request will be worth sending, if no event comes in first. If one is worth sending now, the
    /// moment is in the past.
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

    fn pick_oldest(&mut self, mut room: Room) -> Vec<(EndpointId, Vec<Item>)> {
        let mut request = Vec::new();
        let mut passed = 0;
        let mut next = self.ready.first_key_value().map(owned);
        while let Some((rank, endpoint_id)) = next
            && room.events > 0
            && passed < LOOK_PAST
        {
            match self.take(&endpoint_id, &mut room) {
                Some(picked) => request.push(picked),
                None => passed += 1,
            }
            next = self.ready.range((Bound::Excluded(rank), Bound::Unbounded)).next().map(owned);
        }
        request
    }

    /// Takes as many events out of a queue as there is room for, and reduces the room.
    fn take(&mut self, endpoint_id: &EndpointId, room: &mut Room) -> Option<(EndpointId, Vec<Item>)> {
        self.unindex(endpoint_id);
        let queue = self.queues.get_mut(endpoint_id)?;
        let mut items = queue.take(*room, self.limits.order);
        if items.is_empty() && room.empty && queue.growth() > 0 {
            // An event that fills a request alone is sent without the grown snapshot.
            queue.forget_endpoint();
            items = queue.take(*room, self.limits.order);
        }
        if items.is_empty() {
            self.index(endpoint_id);
            return None;
        }
        room.bytes = room.bytes.saturating_sub(queue.growth());
        room.fill(items.iter());
        queue.block = Block::InFlight;
        Some((*endpoint_id, items))
    }

    /// Gives the events of these ownerships priority over all others from now on.
    pub(super) fn prioritise(&mut self, ownerships: &BTreeSet<Ownership>) {
        self.prioritised.extend(ownerships);
        for endpoint_id in self.queues_of(ownerships) {
            self.unindex(&endpoint_id);
            self.index(&endpoint_id);
        }
    }

    /// Removes and returns the waiting events of ownerships that have ended.
    pub(super) fn remove(&mut self, ownerships: &BTreeSet<Ownership>) -> Vec<Item> {
        self.prioritised.retain(|prioritised| !ownerships.contains(prioritised));
        let endpoint_ids = self.queues_of(ownerships);
        self.extract(endpoint_ids, |item| ownerships.contains(&item.ownership))
    }

    /// Removes and returns all waiting events for which `gone` holds.
    pub(super) fn remove_all(&mut self, gone: impl Fn(&Item) -> bool) -> Vec<Item> {
        let endpoint_ids = self.queues.keys().copied().collect();
        self.extract(endpoint_ids, gone)
    }

    fn extract(&mut self, endpoint_ids: Vec<EndpointId>, gone: impl Fn(&Item) -> bool) -> Vec<Item> {
        let mut removed = Vec::new();
        for endpoint_id in endpoint_ids {
            self.unindex(&endpoint_id);
            if let Some(queue) = self.queues.get_mut(&endpoint_id) {
                removed.extend(queue.extract(&gone));
            }
            self.index(&endpoint_id);
        }
        removed
    }

    fn queues_of(&self, ownerships: &BTreeSet<Ownership>) -> Vec<EndpointId> {
        let of_them = |queue: &EndpointQueue| queue.items().any(|item| ownerships.contains(&item.ownership));
        self.queues.iter().filter(|(_, queue)| of_them(queue)).map(|(id, _)| *id).collect()
    }

    /// All waiting events.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.queues.values().flat_map(EndpointQueue::items)
    }

    pub(super) fn max_events(&self) -> usize {
        self.limits.events
    }

    /// Whether any queue has events that could be sent now or after a wait.
    pub(super) fn has_sendable(&self) -> bool {
        !self.ready.is_empty() || !self.waiting.is_empty()
    }

    /// Frees the queues whose wait is over.
    fn wake(&mut self, now: Moment) {
        while let Some((until, endpoint_id)) = self.waiting.first().copied()
            && until <= now
        {
            self.put_back(&endpoint_id, Vec::new(), Block::Free);
        }
    }

    /// Puts a queue into the index where it belongs, or forgets it if it is empty and no event will come
    /// back.
    fn index(&mut self, endpoint_id: &EndpointId) {
        let Some(queue) = self.queues.get_mut(endpoint_id) else { return };
        if queue.is_free()
            && let Some(rank) = rank(queue, &self.prioritised, self.limits.linger)
        {
            queue.rank = Some(rank);
            self.ready.insert((rank.patient, rank.order), *endpoint_id);
            self.due.insert((rank.due, rank.order));
            self.ready_events += queue.len();
            self.ready_bytes += queue.bytes();
        } else if let Block::Until(until) = queue.block
            && queue.len() > 0
        {
            self.waiting.insert((until, *endpoint_id));
        } else if queue.is_over() {
            self.queues.remove(endpoint_id);
        }
    }

    /// Removes a queue from every index, before it changes.
    fn unindex(&mut self, endpoint_id: &EndpointId) {
        let Some(queue) = self.queues.get_mut(endpoint_id) else { return };
        if let Block::Until(until) = queue.block {
            self.waiting.remove(&(until, *endpoint_id));
        }
        let Some(rank) = queue.rank.take() else { return };
        self.ready.remove(&(rank.patient, rank.order));
        self.due.remove(&(rank.due, rank.order));
        self.ready_events -= queue.len();
        self.ready_bytes -= queue.bytes();
    }
}

fn owned((rank, endpoint_id): (&Place, &EndpointId)) -> (Place, EndpointId) {
    (*rank, *endpoint_id)
}

/// Ranks a queue by its first event of a partition that is being revoked, or else by its front.
fn rank(queue: &EndpointQueue, prioritised: &HashSet<Ownership>, linger: Duration) -> Option<Rank> {
    let head = queue.head()?;
    let pressing = |item: &&Item| prioritised.contains(&item.ownership);
    let pressing = if prioritised.is_empty() { None } else { queue.items().find(pressing) };
    let due = head.arrived.max(queue.again_from) + linger;
    Some(Rank { patient: pressing.is_none(), order: pressing.unwrap_or(head).order, due })
}

//! One endpoint's events that wait, in the order in which they are to be sent.
//!
//! Knows nothing of other endpoints, quota and time-outs. What always holds: items leave at the front and
//! come back to the front, so an endpoint's events are first sent in the order in which they came in.

use std::{collections::VecDeque, sync::Arc};

use crate::core::{
    destination::Encoder,
    event::{AppEvent, Endpoint},
    pipeline::ledger::RecordId,
    record::Ownership,
    time::Moment,
};

/// How many events a lane mostly holds: those of one record. There may be many lanes, and each would
/// otherwise have room for twice as many.
const USUAL: usize = 2;

/// One event on its way.
#[derive(Clone)]
pub(super) struct Item {
    /// Larger means came in later; unique.
    pub(super) order: u64,
    /// The record it is an obligation of.
    pub(super) record: RecordId,
    /// The ownership of that record.
    pub(super) ownership: Ownership,
    /// The event.
    pub(super) event: Arc<AppEvent>,
    /// How many bytes of a request it takes at most, with its endpoint.
    pub(super) bytes: usize,
    /// When it came in.
    pub(super) arrived: Moment,
    /// What is known from earlier attempts.
    pub(super) past: Past,
}

/// What earlier attempts have taught of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Past {
    /// Requests in a row of which nobody knew whether they were taken.
    pub(super) failures: u32,
    /// How often in a row it was one that was not taken while others of its request were.
    pub(super) alone: u32,
    /// When the last of these failed.
    pub(super) failed: Option<Moment>,
    /// Since when it is known to fail on its own while others are taken.
    pub(super) stuck_since: Option<Moment>,
    /// To be sent with an empty endpoint: its own was refused.
    pub(super) bare: bool,
    /// Refused on its own once, and others were accepted since: the next refusal is final.
    pub(super) convicted: bool,
    /// Goes only into requests of this cohort: it is part of a request that is being split, or watched.
    pub(super) cohort: Option<Cohort>,
}

/// A part of a request that was split, to be sent on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cohort {
    /// Unique among the parts.
    pub(super) id: u64,
    /// The refusal that is being traced; none when the request failed without one.
    pub(super) split: Option<u64>,
}

/// What is still free in the request that is being put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Events.
    pub(super) events: usize,
    /// Bytes.
    pub(super) bytes: usize,
    /// Whether nothing is in the request yet: then a record's events may be cut to fit.
    pub(super) empty: bool,
}

impl Room {
    /// Takes the place of `items` away.
    pub(super) fn fill(&mut self, items: &[Item]) {
        self.events = self.events.saturating_sub(items.len());
        self.bytes = self.bytes.saturating_sub(items.iter().map(|item| item.bytes).sum());
        self.empty = false;
    }
}

/// The events of one endpoint that wait.
pub(super) struct EndpointQueue {
    queue: VecDeque<Item>,
    bytes: usize,
    /// The newest that is known of the endpoint, field by field.
    pub(super) snapshot: Arc<Endpoint>,
    /// How much more than its events were measured with may be stated about the endpoint, in bytes: each was
    /// measured with what its own record states.
    growth: usize,
    /// Why nothing of it may be sent now.
    pub(super) block: Block,
    /// How many of its events were refused while it is not decided whether that was their fault: they are
    /// not in the lane, and what came after them waits.
    pub(super) undecided: usize,
    /// When the wait before its front may be sent again is over, or was.
    pub(super) again_from: Moment,
    /// Where the batcher has put it; none while it cannot be picked.
    pub(super) place: Option<Place>,
}

/// Where a lane that can be picked stands in the batcher's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Holds nothing of a partition that is being given up.
    pub(super) patient: bool,
    /// The order of the item it is placed for.
    pub(super) order: u64,
    /// When it has waited long enough for others to share its request.
    pub(super) due: Moment,
    /// The cohort of its front.
    pub(super) cohort: Option<u64>,
}

/// Why nothing of a lane may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Nothing stands in the way.
    Free,
    /// A request with events of it is in flight.
    InFlight,
    /// Its front waits to be sent again.
    Until(Moment),
}

impl EndpointQueue {
    pub(super) fn new(snapshot: Arc<Endpoint>) -> Self {
        Self {
            queue: VecDeque::with_capacity(USUAL),
            bytes: 0,
            snapshot,
            growth: 0,
            block: Block::Free,
            undecided: 0,
            again_from: Moment::START,
            place: None,
        }
    }

    /// Adds a new event at the back, and what its record states about the endpoint.
    pub(super) fn push(&mut self, encoder: &dyn Encoder, item: Item, endpoint: &Arc<Endpoint>) {
        if !Arc::ptr_eq(&self.snapshot, endpoint) && *self.snapshot != **endpoint {
            self.growth = encoder.merge(&mut self.snapshot, endpoint);
        }
        self.bytes += item.bytes;
        self.queue.push_back(item);
    }

    /// Puts events back where they were: before all that came in later.
    pub(super) fn put_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.bytes += item.bytes;
            let index = self.queue.partition_point(|other| other.order < item.order);
            self.queue.insert(index, item);
        }
    }

    /// Takes what may go into one request together: whole records while there is room, of one cohort,
    /// with or without the endpoint alike, and no event id twice.
    pub(super) fn take(&mut self, mut room: Room) -> Vec<Item> {
        room.bytes = room.bytes.saturating_sub(self.growth());
        let mut taken: Vec<Item> = Vec::new();
        while let Some(unit) = self.next_unit(&taken, room) {
            let from = taken.len();
            taken.extend(self.queue.drain(..unit));
            room.fill(&taken[from..]);
        }
        self.bytes -= taken.iter().map(|item| item.bytes).sum::<usize>();
        taken
    }

    pub(super) fn growth(&self) -> usize {
        self.growth
    }

    /// Says nothing of the endpoint but what comes from now on.
    pub(super) fn forget_endpoint(&mut self) {
        self.snapshot = Arc::default();
        self.growth = 0;
    }

    /// How many items at the front go next: the events of one record, if they fit.
    fn next_unit(&self, taken: &[Item], room: Room) -> Option<usize> {
        let head = self.queue.front()?;
        if taken
            .first()
            .is_some_and(|first| first.past.cohort != head.past.cohort || first.past.bare != head.past.bare)
        {
            return None;
        }
        let alike = |item: &Item| {
            item.record == head.record
                && item.past.cohort == head.past.cohort
                && item.past.bare == head.past.bare
        };
        let (mut length, mut fitting, mut bytes) = (0, 0, 0);
        for item in self.queue.iter().take_while(|item| alike(item)) {
            let same = |other: &Item| other.event.id == item.event.id;
            if taken.iter().any(same) {
                return None;
            }
            // One id twice in a record: the second one goes in a later request. More than fits is cut as well.
            if self.queue.iter().take(length).any(same) || length > room.events {
                break;
            }
            length += 1;
            bytes += item.bytes;
            if length <= room.events && bytes <= room.bytes {
                fitting = length;
            }
        }
        let fits = fitting == length || room.empty;
        (fits && fitting > 0).then_some(fitting)
    }

    /// Whether its front may be sent now. A lane with an undecided refusal waits, unless it has
    /// more of a split: that must be sent, or the split would never be decided.
    pub(super) fn is_free(&self) -> bool {
        let traced = |item: &Item| item.past.cohort.is_some_and(|cohort| cohort.split.is_some());
        let free = self.block == Block::Free && !self.queue.is_empty();
        free && (self.undecided == 0 || self.queue.iter().any(traced))
    }

    /// Removes and returns the waiting events of an ownership.
    pub(super) fn remove(&mut self, ownership: Ownership) -> Vec<Item> {
        let (stay, gone): (Vec<_>, Vec<_>) =
            self.queue.drain(..).partition(|item| item.ownership != ownership);
        self.queue = stay.into();
        self.bytes = self.queue.iter().map(|item| item.bytes).sum();
        gone
    }

    pub(super) fn head(&self) -> Option<&Item> {
        self.queue.front()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.queue.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

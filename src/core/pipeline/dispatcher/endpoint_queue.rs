//! The waiting events of one endpoint, in the order in which they are to be sent.
//!
//! Knows nothing of other endpoints, quota and time-outs. What always holds: items leave at the front and
//! come back to the front, so an endpoint's events are first sent in the order in which they came in.

use std::{collections::VecDeque, sync::Arc};

use crate::core::{
    destination::{Merge, Order},
    event::{AppEvent, Endpoint},
    pipeline::ledger::{HOLDING, RecordId},
    record::Ownership,
    time::Moment,
};

/// The usual number of events in a queue: those of one record. There may be many queues, and each would
/// otherwise allocate space for twice as many events.
const USUAL: usize = 2;

/// An event on its way to the destination.
#[derive(Clone)]
pub(super) struct Item {
    /// A unique number. A larger one means that the event came in later.
    pub(super) order: u64,
    /// The record of which the event is an obligation.
    pub(super) record: RecordId,
    pub(super) ownership: Ownership,
    pub(super) event: Arc<AppEvent>,
    /// The endpoint data of its own record, if it is sent with that and not with a snapshot.
    pub(super) endpoint: Option<Arc<Endpoint>>,
    /// The maximum number of bytes that it takes in a request, with its endpoint.
    pub(super) bytes: usize,
    /// The bytes of memory that it takes, with those of its record that count for its destination.
    pub(super) held_bytes: usize,
    pub(super) arrived: Moment,
    pub(super) past: Past,
}

impl Item {
    /// Whether the two events are sent with the same endpoint data.
    pub(super) fn shares_endpoint(&self, other: &Self) -> bool {
        match (&self.endpoint, &other.endpoint) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
            _ => true,
        }
    }

    /// The bytes of memory that it takes besides its record.
    pub(super) fn memory(&self) -> usize {
        self.bytes + HOLDING
    }
}

/// The findings from earlier attempts to send an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Past {
    /// The number of consecutive requests with an unknown outcome.
    pub(super) failures: u32,
    /// How often in a row it failed alone, while other events were judged.
    pub(super) alone: u32,
    /// How often where it goes took nothing.
    pub(super) later: u32,
    /// When it last failed.
    pub(super) failed: Option<Moment>,
    /// Since when it is known to fail alone while others are accepted.
    pub(super) stuck_since: Option<Moment>,
    /// Whether it must be sent with an empty snapshot of its endpoint, because the snapshot was refused.
    pub(super) without_snapshot: bool,
}

/// The room that is left in the request that is being assembled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) events: usize,
    pub(super) bytes: usize,
    /// Whether the request is still empty: then the events of one record may be split.
    pub(super) empty: bool,
}

impl Room {
    /// Reduces the room by `items`.
    pub(super) fn fill<'i>(&mut self, items: impl ExactSizeIterator<Item = &'i Item>) {
        self.events = self.events.saturating_sub(items.len());
        self.bytes = self.bytes.saturating_sub(items.map(|item| item.bytes).sum());
        self.empty = false;
    }
}

/// The waiting events of one endpoint.
pub(super) struct EndpointQueue {
    items: VecDeque<Item>,
    bytes: usize,
    /// The newest known state of the endpoint, field by field.
    pub(super) snapshot: Arc<Endpoint>,
    /// The bytes that the snapshot takes, once it may be larger than the one that some of the events were
    /// measured with.
    grown: Option<usize>,
    /// Whether something prevents sending from this queue now.
    pub(super) block: Block,
    /// The number of its events in quarantine. Later events wait for them.
    pub(super) quarantined: usize,
    /// When the last retry delay of its front ends, or ended.
    pub(super) again_from: Moment,
    /// Its place in the batcher's order; `None` while no events may be taken from it.
    pub(super) rank: Option<Rank>,
}

/// The place of a queue in the batcher's order, while events may be taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    /// Whether it holds no event of a partition that is being revoked.
    pub(super) patient: bool,
    /// The order of the item that it is ranked by.
    pub(super) order: u64,
    /// When it has waited long enough for others to share its request.
    pub(super) due: Moment,
}

/// Whether something prevents sending from a queue now, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// The queue is not blocked.
    Free,
    /// A request with some of its events is in flight.
    InFlight,
    /// Its front waits for a retry.
    Until(Moment),
}

impl Block {
    /// Extends the block at least until then.
    pub(super) fn later(self, until: Moment) -> Self {
        match self {
            Self::Until(other) => Self::Until(other.max(until)),
            Self::Free | Self::InFlight => Self::Until(until),
        }
    }
}

impl EndpointQueue {
    pub(super) fn new(snapshot: Arc<Endpoint>) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            snapshot,
            grown: None,
            block: Block::Free,
            quarantined: 0,
            again_from: Moment::START,
            rank: None,
        }
    }

    /// Adds a new event at the back, and merges the endpoint data of its record into the snapshot, if there is one.
    pub(super) fn push(&mut self, item: Item, endpoint: &Arc<Endpoint>, merge: Option<Merge>) {
        let is_new = || !Arc::ptr_eq(&self.snapshot, endpoint) && *self.snapshot != **endpoint;
        if let Some(merge) = merge.filter(|_| is_new()) {
            self.grown = Some(merge(&mut self.snapshot, endpoint));
        }
        self.make_space(1);
        self.bytes += item.bytes;
        self.items.push_back(item);
    }

    /// Makes space for these items, if the queue is new or everything was taken from it.
    fn make_space(&mut self, items: usize) {
        if items > 0 && self.items.capacity() == 0 {
            self.items.reserve_exact(items.max(USUAL));
        }
    }

    /// Puts events back where they were: before all events that came in later.
    pub(super) fn put_back(&mut self, items: Vec<Item>) {
        self.make_space(items.len());
        for item in items.into_iter().rev() {
            self.bytes += item.bytes;
            let index = self.items.partition_point(|other| other.order < item.order);
            self.items.insert(index, item);
        }
    }

    /// Takes events that may share a request: whole records while there is room, either all with the snapshot
    /// or all without it, and no event id twice; only one record if the service keeps no order within a
    /// request.
    pub(super) fn take(&mut self, mut room: Room, order: Order) -> Vec<Item> {
        room.bytes = room.bytes.saturating_sub(self.growth());
        let mut count = 0;
        while let Some(unit) = self.next_unit(count, room) {
            room.fill(self.items.range(count..count + unit));
            count += unit;
            if order == Order::BetweenRequests {
                break;
            }
        }
        let taken: Vec<_> = if count == self.items.len() {
            std::mem::take(&mut self.items).into()
        } else {
            self.items.drain(..count).collect()
        };
        self.bytes -= taken.iter().map(|item| item.bytes).sum::<usize>();
        taken
    }

    /// The number of bytes by which the snapshot may exceed the measurements of the events. Each event was
    /// measured with the endpoint data of its own record.
    pub(super) fn growth(&self) -> usize {
        self.grown.unwrap_or_default()
    }

    /// Drops the snapshot. Later events begin a new one.
    pub(super) fn forget_endpoint(&mut self) {
        self.snapshot = Arc::default();
        self.grown = None;
    }

    /// The number of items to take next, after the first `taken`: the events of one record, if they fit.
    fn next_unit(&self, taken: usize, room: Room) -> Option<usize> {
        let (first, head) = (self.items.front()?, self.items.get(taken)?);
        let bare = head.past.without_snapshot;
        if first.past.without_snapshot != bare {
            return None;
        }
        let alike = |item: &Item| item.record == head.record && item.past.without_snapshot == bare;
        let (mut length, mut fitting, mut bytes) = (0, 0, 0);
        for item in self.items.range(taken..).take_while(|item| alike(item)) {
            let same = |other: &Item| other.event.id == item.event.id;
            if self.items.range(..taken).any(same) {
                return None;
            }
            // If a record has an id twice, the second event goes into a later request. So do events that do
            // not fit.
            if self.items.range(taken..taken + length).any(same) || length > room.events {
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

    /// Whether its front may be sent now.
    pub(super) fn is_free(&self) -> bool {
        self.block == Block::Free && self.quarantined == 0 && !self.items.is_empty()
    }

    /// Whether it is empty, and no event will come back to it.
    pub(super) fn is_over(&self) -> bool {
        self.items.is_empty() && self.quarantined == 0 && self.block != Block::InFlight
    }

    /// Removes and returns the waiting events for which `gone` holds.
    pub(super) fn extract(&mut self, is_gone: impl Fn(&Item) -> bool) -> Vec<Item> {
        let (gone, stay): (Vec<_>, Vec<_>) = self.items.drain(..).partition(is_gone);
        self.items = stay.into();
        self.bytes = self.items.iter().map(|item| item.bytes).sum();
        gone
    }

    pub(super) fn head(&self) -> Option<&Item> {
        self.items.front()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

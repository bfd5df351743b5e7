//! The many events of one record, made a portion at a time: all of them at once would take too much memory.
//!
//! Knows nothing of how they are made, and of what makes room for the next portion.

use crate::core::{
    event::{Delivery, Refusal},
    session_table::Entry,
};

/// How many events, or entries of the session table, a portion of the mapping has at most.
pub const PORTION: usize = 1000;

type Parts<T> = Box<dyn Iterator<Item = Vec<T>> + Send>;

/// The events that a record becomes, and the entries that the session table must hold before any of them is
/// sent.
pub struct Portions {
    events: usize,
    bytes: usize,
    entries: Parts<Entry>,
    deliveries: Parts<Delivery>,
    refusal: Option<Refusal>,
}

impl Portions {
    /// Portions of at most `size` events. There are `events` in all, and they take `bytes` until they are
    /// made. A part of the record may be refused beside them.
    #[must_use]
    pub fn new(
        size: usize,
        (events, bytes): (usize, usize),
        entries: impl Iterator<Item = Entry> + Send + 'static,
        deliveries: impl Iterator<Item = Delivery> + Send + 'static,
        refusal: Option<Refusal>,
    ) -> Self {
        Self { events, bytes, entries: parts(entries, size), deliveries: parts(deliveries, size), refusal }
    }

    /// How many events there are in all portions.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// Bytes that the portions take which are not made yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes the next entries.
    pub fn next_entries(&mut self) -> Option<Vec<Entry>> {
        self.entries.next()
    }

    /// Makes the next events, in the order in which they are to be sent.
    pub fn next_deliveries(&mut self) -> Option<Vec<Delivery>> {
        self.deliveries.next()
    }

    /// Takes out the refusal of a part of the record.
    pub fn take_refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }
}

fn parts<T: 'static>(mut all: impl Iterator<Item = T> + Send + 'static, size: usize) -> Parts<T> {
    Box::new(std::iter::from_fn(move || {
        let part: Vec<T> = all.by_ref().take(size).collect();
        (!part.is_empty()).then_some(part)
    }))
}

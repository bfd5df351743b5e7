//! A request in flight, and the events that are in it.
//!
//! Knows nothing of answers.

use crate::core::{event::EndpointId, pipeline::endpoint_queue::Item, time::Moment};

/// A request in flight.
pub(super) struct Flight {
    /// The endpoints in the order of the request, each with its events.
    pub(super) endpoints: Vec<(EndpointId, Vec<Item>)>,
    pub(super) started: Moment,
}

impl Flight {
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.endpoints.iter().flat_map(|(_, items)| items)
    }

    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.endpoints.iter_mut().flat_map(|(_, items)| items)
    }

    pub(super) fn events(&self) -> usize {
        self.endpoints.iter().map(|(_, items)| items.len()).sum()
    }

    /// The split that all events of the request belong to, if they do.
    pub(super) fn split(&self) -> Option<u64> {
        self.items().next()?.past.cohort?.split
    }
}

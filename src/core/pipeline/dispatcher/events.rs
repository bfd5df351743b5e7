//! The events of a request, whether it is in flight or in quarantine.
//!
//! Knows nothing of why they are together.

use crate::core::{event::EndpointId, pipeline::dispatcher::endpoint_queue::Item};

/// The events of a request, endpoint by endpoint. Each endpoint appears once and has at least one event.
#[derive(Default)]
pub(super) struct Events(pub(super) Vec<(EndpointId, Vec<Item>)>);

impl Events {
    pub(super) fn one(endpoint_id: EndpointId, item: Item) -> Self {
        Self(vec![(endpoint_id, vec![item])])
    }

    /// The first event. A request that was halved to its end has no other.
    pub(super) fn into_first(self) -> Option<(EndpointId, Item)> {
        let (endpoint_id, items) = self.0.into_iter().next()?;
        Some((endpoint_id, items.into_iter().next()?))
    }

    /// Groups events by endpoint, each group in the order in which its events came in.
    pub(super) fn gathered(events: impl Iterator<Item = (EndpointId, Item)>) -> Self {
        let mut gathered = Self::default();
        for (id, item) in events {
            match gathered.0.iter_mut().find(|(other, _)| *other == id) {
                Some((_, items)) => items.push(item),
                None => gathered.0.push((id, vec![item])),
            }
        }
        gathered.0.iter_mut().for_each(|(_, items)| items.sort_unstable_by_key(|item| item.order));
        gathered
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.0.iter().flat_map(|(_, items)| items)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.0.iter_mut().flat_map(|(_, items)| items)
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|(_, items)| items.len()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn endpoints(&self) -> impl Iterator<Item = &EndpointId> {
        self.0.iter().map(|(id, _)| id)
    }

    /// Splits the events into two halves, in their order. The first half may be larger by one.
    pub(super) fn halve(self) -> [Self; 2] {
        let half = self.len().div_ceil(2);
        let (mut first, mut second) = (Self::default(), Self::default());
        let mut left = half;
        for (id, mut items) in self.0 {
            let rest = items.split_off(left.min(items.len()));
            left -= items.len();
            first.add(&id, items);
            second.add(&id, rest);
        }
        [first, second]
    }

    fn add(&mut self, id: &EndpointId, items: Vec<Item>) {
        if !items.is_empty() {
            self.0.push((*id, items));
        }
    }

    /// Removes and returns the events of an endpoint.
    pub(super) fn take(&mut self, endpoint_id: &EndpointId) -> Vec<Item> {
        let index = self.0.iter().position(|(id, _)| id == endpoint_id);
        index.map(|index| self.0.remove(index).1).unwrap_or_default()
    }

    /// Moves the events for which `gone` holds to `taken`.
    pub(super) fn extract(&mut self, gone: impl Fn(&Item) -> bool, taken: &mut Vec<(EndpointId, Item)>) {
        for (id, items) in &mut self.0 {
            taken.extend(items.extract_if(.., |item| gone(item)).map(|item| (*id, item)));
        }
        self.0.retain(|(_, items)| !items.is_empty());
    }
}

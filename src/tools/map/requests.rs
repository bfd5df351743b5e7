//! Puts app events together into requests, as full as PutEvents takes them.
//!
//! Knows nothing of records. The pipeline's batches depend on time and quota as well; these show what one
//! may look like.

use std::{mem, sync::Arc};

use crate::{
    core::{
        destination::{DestinationId, EndpointBatch, Request, RequestId},
        event::Delivery,
    },
    edge::aws::pinpoint::{ENVELOPE, measure},
};

/// How many events one request takes.
const MOST_EVENTS: usize = 100;

/// How many bytes one request takes.
const MOST_BYTES: usize = 4_000_000;

/// The request that is being put together.
#[derive(Default)]
pub(super) struct Requests {
    endpoints: Vec<EndpointBatch>,
    events: usize,
    bytes: usize,
}

impl Requests {
    /// Requests with these events, in their order.
    pub(super) fn of(deliveries: &[Delivery]) -> Vec<Request> {
        let mut requests = Self::default();
        let mut full: Vec<_> = deliveries.iter().filter_map(|it| requests.add(it.clone())).collect();
        full.extend(requests.take());
        full
    }

    /// Adds an event; returns the request before it, where it does not fit in.
    pub(super) fn add(&mut self, delivery: Delivery) -> Option<Request> {
        let bytes = measure(&delivery);
        let known = |batch: &EndpointBatch| batch.events.iter().any(|event| event.id == delivery.event.id);
        let same = |batch: &&mut EndpointBatch| batch.endpoint_id == delivery.endpoint_id;
        let full = self.events == MOST_EVENTS
            || ENVELOPE + self.bytes + bytes > MOST_BYTES
            || self.endpoints.iter_mut().find(same).is_some_and(|batch| known(batch));
        let before = if full { self.take() } else { None };
        self.events += 1;
        self.bytes += bytes;
        let Delivery { endpoint_id, endpoint, event, .. } = delivery;
        match self.endpoints.iter_mut().find(|batch| batch.endpoint_id == endpoint_id) {
            Some(batch) => {
                Arc::make_mut(&mut batch.endpoint).update(&endpoint);
                batch.events.push(event);
            }
            None => self.endpoints.push(EndpointBatch { endpoint_id, endpoint, events: vec![event] }),
        }
        before
    }

    /// The request as it is; none where it has no event.
    pub(super) fn take(&mut self) -> Option<Request> {
        let Self { endpoints, events, .. } = mem::take(self);
        (events > 0).then_some(Request { destination: DestinationId::default(), id: RequestId(0), endpoints })
    }
}

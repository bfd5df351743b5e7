//! Combines app events into requests that are as full as their destination allows.
//!
//! Knows nothing of records and of what the destination is. The pipeline's batches also depend on time and
//! quota; these requests show what one may look like.

use std::{mem, sync::Arc};

use smallvec::smallvec;

use crate::core::{
    destination::{DestinationId, Encoder, EndpointBatch, Fitted, Order, Request, RequestId},
    event::Delivery,
};

/// The request that is being filled.
#[derive(Default)]
pub(super) struct Requests {
    endpoints: Vec<EndpointBatch>,
    events: usize,
    bytes: usize,
}

impl Requests {
    /// The requests with these events, in order.
    pub(super) fn of(events: &[Fitted], encoder: &dyn Encoder) -> Vec<Request> {
        let mut requests = Self::default();
        let mut full: Vec<_> = events.iter().filter_map(|it| requests.add(it.clone(), encoder)).collect();
        full.extend(requests.take());
        full
    }

    /// Adds an event. If there is no room for it, returns the request so far and begins another.
    pub(super) fn add(&mut self, event: Fitted, encoder: &dyn Encoder) -> Option<Request> {
        let (Fitted { delivery, bytes }, limits) = (event, encoder.limits());
        let known = |batch: &EndpointBatch| batch.events.iter().any(|event| event.id == delivery.event.id);
        let same = |batch: &&EndpointBatch| batch.endpoint_id == delivery.endpoint_id;
        let apart = |batch: &EndpointBatch| {
            encoder.order() == Order::BetweenRequests && !Arc::ptr_eq(&batch.endpoint, &delivery.endpoint)
        };
        let full = self.events == limits.events
            || limits.overhead + self.bytes + bytes > limits.bytes
            || self.endpoints.iter().filter(same).any(|batch| known(batch) || apart(batch));
        let before = if full { self.take() } else { None };
        self.events += 1;
        self.bytes += bytes;
        let Delivery { endpoint_id, endpoint, event, .. } = delivery;
        let merge = encoder.merge();
        let last = self.endpoints.iter_mut().rfind(|batch| batch.endpoint_id == endpoint_id);
        match last.filter(|batch| merge.is_some() || batch.endpoint == endpoint) {
            Some(batch) => {
                if let Some(merge) = merge.filter(|_| !Arc::ptr_eq(&batch.endpoint, &endpoint)) {
                    self.bytes += merge(&mut batch.endpoint, &endpoint);
                }
                batch.events.push(event);
            }
            None => self.endpoints.push(EndpointBatch { endpoint_id, endpoint, events: smallvec![event] }),
        }
        before
    }

    /// The request so far, if it has an event.
    pub(super) fn take(&mut self) -> Option<Request> {
        let Self { endpoints, events, .. } = mem::take(self);
        (events > 0).then_some(Request { destination: DestinationId::default(), id: RequestId(0), endpoints })
    }
}

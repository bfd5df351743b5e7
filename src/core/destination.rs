//! The edge to where events go: one attempt at one request, and what became of each of its events.
//!
//! Knows nothing of retries and offsets; a destination's own file is the only one that knows its shapes.

use std::{future::Future, sync::Arc, time::Duration};

use crate::core::{
    code::Code,
    event::{AppEvent, Delivery, Endpoint, EndpointId, Refusal},
};

/// Identifies a request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request to send: up to 100 events over many endpoints, each endpoint once.
#[derive(Clone)]
pub struct Request {
    /// The id under which its answer is reported.
    pub id: RequestId,
    /// The endpoints, each with at least one event.
    pub endpoints: Vec<EndpointBatch>,
}

/// The events of one endpoint in a request.
#[derive(Clone)]
pub struct EndpointBatch {
    /// The endpoint's id.
    pub endpoint_id: EndpointId,
    /// The newest that is known of the endpoint; empty when the endpoint was refused before.
    pub endpoint: Arc<Endpoint>,
    /// The events, in order; no id twice.
    pub events: Vec<Arc<AppEvent>>,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The destination spoke of each event.
    Results {
        /// One for each event, in the order of the request (endpoint by endpoint).
        outcomes: Vec<Outcome>,
        /// The codes of endpoints whose change was refused while their events were accepted.
        endpoints_refused: Vec<Code>,
    },
    /// The whole request was refused because of what is in it (400, 413).
    Refused(Refusal),
    /// Throttled: the whole quota domain sends too fast (429).
    Throttled {
        /// How long the answer asks to wait, where it does.
        retry_after: Option<Duration>,
    },
    /// The set-up is wrong, or the answer is not understood: not the events' fault, hold.
    Hold(Code),
    /// Nobody knows whether the events were taken (5xx, time-out, connection error, broken answer).
    Unknown(Code),
    /// The same, and the answer asks to wait (5xx and 408 with a `Retry-After`).
    Unavailable {
        /// How it failed.
        code: Code,
        /// How long the answer asks to wait.
        retry_after: Duration,
    },
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken.
    Accepted,
    /// Not taken, or not mentioned: send it again.
    Again(Code),
    /// Not taken because of throttling: send it again, slower.
    Throttled,
    /// Never valid.
    Refused(Refusal),
    /// Spoiled by its endpoint: once more with an empty endpoint.
    EndpointRefused(Refusal),
}

/// Somewhere that events go.
pub trait Destination: Clone + 'static {
    /// How many bytes of a request `delivery` takes, with what its record says of its endpoint: never less
    /// than it will. What is said of an endpoint never takes more than its [`size`](Endpoint::size).
    fn measure(&self, delivery: &Delivery) -> usize;

    /// Gets ready what sends would otherwise wait for together, to go out together, over the quota. What fails
    /// is tried again by the first send.
    fn prepare(&self) -> impl Future<Output = ()> + Send + 'static {
        async {}
    }

    /// Sends a request once. Never fails: whatever goes wrong is an [`Answer`].
    fn send(&self, request: Request) -> impl Future<Output = Answer> + Send + 'static;
}

//! The seam for destinations: a kind is an encoder, which is pure, and a sender, which makes one attempt.
//!
//! The dispatcher of a destination asks its encoder what a request may hold and what its service takes of an
//! event; the runner hands the request to the sender and reports the answer. Knows nothing of retries and
//! offsets, nor of how any service writes these things down: only the kind's own folder does.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde_json::Value;

use crate::core::{
    code::Code,
    event::{AppEvent, Delivery, Endpoint, EndpointId, Refusal},
};

/// The place of a destination in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId(pub u16);

/// Identifies a request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request to send: up to 100 events over many endpoints, each endpoint once.
#[derive(Clone)]
pub struct Request {
    /// The id under which its answer is reported.
    pub id: RequestId,
    pub destination: DestinationId,
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
    Unknown {
        /// How it failed.
        code: Code,
        /// How long the answer asks to wait, where it does (`Retry-After`).
        retry_after: Option<Duration>,
    },
}

impl Answer {
    /// Nobody knows, and the answer does not ask to wait.
    #[must_use]
    pub fn unknown(code: Code) -> Self {
        Self::Unknown { code, retry_after: None }
    }
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

/// What one request may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Events over all endpoints.
    pub events: usize,
    /// Bytes of the whole body.
    pub bytes: usize,
    /// Bytes of a body that belong to no event.
    pub overhead: usize,
}

/// An event as its destination takes it.
#[derive(Clone)]
pub struct Fitted {
    pub delivery: Delivery,
    /// The most bytes that it takes of a request, with what its record states about the endpoint.
    pub bytes: usize,
}

/// What the limits of a service cost, in values, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldCounts {
    pub shortened: BTreeMap<&'static str, u64>,
    pub left_out: BTreeMap<&'static str, u64>,
}

impl FieldCounts {
    pub fn add(&mut self, other: &Self) {
        let add = |sums: &mut BTreeMap<&'static str, u64>, counts: &BTreeMap<&'static str, u64>| {
            for (field, count) in counts {
                *sums.entry(field).or_default() += count;
            }
        };
        add(&mut self.shortened, &other.shortened);
        add(&mut self.left_out, &other.left_out);
    }

    /// Nothing yet, with an entry for each of `fields`, so that metrics show them from the start.
    #[must_use]
    pub fn new(fields: &[&'static str]) -> Self {
        let zeros: BTreeMap<_, _> = fields.iter().map(|field| (*field, 0)).collect();
        Self { shortened: zeros.clone(), left_out: zeros }
    }

    pub fn shorten(&mut self, field: &'static str) {
        *self.shortened.entry(field).or_default() += 1;
    }

    pub fn leave_out(&mut self, field: &'static str) {
        *self.left_out.entry(field).or_default() += 1;
    }
}

/// The pure side of a destination.
pub trait Encoder {
    /// The most that one request may hold, whatever the configuration allows.
    fn limits(&self) -> RequestLimits;

    /// The fields that [`Encoder::fit`] counts.
    fn fields(&self) -> &'static [&'static str];

    /// Cuts the values that the service would refuse, or leaves them out, and counts them by field. The
    /// event is copied only if something changes and others share it. Fitting an event again changes nothing.
    ///
    /// # Errors
    /// If the service never takes such an event. This concerns no other destination.
    fn fit(&self, delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal>;

    /// Adds what a newer event states about an endpoint to its snapshot, field by field, and returns how many
    /// bytes of a request the snapshot then takes. If it would be too large, only the newer one is kept.
    /// Both have been fitted.
    fn merge(&self, snapshot: &mut Arc<Endpoint>, newer: &Arc<Endpoint>) -> usize;

    /// The body of a request of fitted events.
    fn body(&self, request: &Request) -> Vec<u8>;

    /// A request for people: headings, each with a JSON object.
    fn outline(&self, request: &Request) -> Vec<(String, Value)> {
        vec![("request".to_owned(), serde_json::from_slice(&self.body(request)).unwrap_or_default())]
    }
}

/// An answer that is on its way.
pub type Sending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The impure side of a destination: one attempt at one request.
pub trait Sender {
    /// Prepares what the first requests would all wait for, such as credentials: they would then go out at
    /// the same moment, over the quota. A failure shows in the first answer.
    fn prepare(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }

    /// Sends a request once. Never fails: whatever goes wrong is an [`Answer`].
    fn send(&self, request: Request) -> Sending;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Takes every event whole, as large as the function says.
    pub(crate) struct Whole(pub(crate) fn(&Delivery) -> usize);

    impl Encoder for Whole {
        fn limits(&self) -> RequestLimits {
            RequestLimits { events: usize::MAX, bytes: usize::MAX, overhead: 0 }
        }

        fn fields(&self) -> &'static [&'static str] {
            &[]
        }

        fn fit(&self, delivery: Delivery, _: &mut FieldCounts) -> Result<Fitted, Refusal> {
            let bytes = self.0(&delivery);
            Ok(Fitted { delivery, bytes })
        }

        fn merge(&self, snapshot: &mut Arc<Endpoint>, newer: &Arc<Endpoint>) -> usize {
            let merged = Arc::make_mut(snapshot);
            if newer.user_id.is_some() {
                merged.user_id.clone_from(&newer.user_id);
            }
            merged.attributes.extend(newer.attributes.clone());
            merged.user_attributes.extend(newer.user_attributes.clone());
            merged.attributes.values().flatten().map(|value| value.len()).sum()
        }

        fn body(&self, _: &Request) -> Vec<u8> {
            Vec::new()
        }
    }
}

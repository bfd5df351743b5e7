//! The interface of destinations. Each kind consists of an encoder, which is pure, and a sender, which makes
//! one attempt.
//!
//! The dispatcher of a destination asks its encoder for the limits of a request and for the events that its
//! service accepts. The runner passes the request to the sender and reports the answer. Knows nothing of
//! retries and offsets, nor of any service's format, which only the kind's own folder knows.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde_json::Value;
use smallvec::SmallVec;

use crate::core::{
    code::Code,
    event::{AppEvent, Delivery, Endpoint, EndpointId, Refusal},
    time::Timestamp,
};

#[cfg(test)]
pub(crate) mod sample;

/// The index of a destination in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId(pub u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request to send. It holds events for many endpoints. Each endpoint appears once, or, where each event is
/// sent with the endpoint data of its own record, once for every run of events with equal data.
#[derive(Clone)]
pub struct Request {
    /// The id under which its answer is reported.
    pub id: RequestId,
    pub destination: DestinationId,
    /// The endpoints, each with at least one event.
    pub endpoints: Vec<EndpointBatch>,
}

impl Request {
    /// How many events it holds.
    #[must_use]
    pub fn events(&self) -> usize {
        self.endpoints.iter().map(|batch| batch.events.len()).sum()
    }
}

#[derive(Clone)]
pub struct EndpointBatch {
    pub endpoint_id: EndpointId,
    /// The newest snapshot of the endpoint, or the data of the events' own records; empty if the endpoint was
    /// refused before.
    pub endpoint: Arc<Endpoint>,
    /// The events in order, without duplicate ids.
    pub events: SmallVec<[Arc<AppEvent>; 2]>,
}

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The answer has a result for each event.
    Results {
        /// One outcome for each event, in the order of the request (endpoint by endpoint).
        outcomes: Vec<Outcome>,
        /// The codes of endpoints whose update was refused while their events were accepted.
        endpoints_refused: Vec<Code>,
    },
    /// The whole request was refused because of its content (400, 413).
    Refused(Refusal),
    /// The whole quota domain sends too fast (429).
    Throttled {
        /// The wait that the answer asks for, if any.
        retry_after: Option<Duration>,
    },
    /// The set-up is wrong, or the answer is not understood. The events are not at fault, so no event is ever
    /// refused because of this answer.
    Hold(Code),
    /// Either the set-up is wrong, or a gateway in front of the service blocks this request (403, 404, 422
    /// …). The answers to other requests show which of the two it is.
    Denied(Refusal),
    /// It is not known whether the events were accepted (5xx, time-out, connection error, broken answer).
    Unknown {
        code: Code,
        /// The wait that the answer asks for (`Retry-After`), if any.
        retry_after: Option<Duration>,
    },
}

impl Answer {
    /// Creates an unknown result whose answer does not ask for a wait.
    #[must_use]
    pub fn unknown(code: Code) -> Self {
        Self::Unknown { code, retry_after: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// The event was accepted before: the service recognised it, and took it only once.
    Deduplicated,
    /// The event was not accepted, or the answer does not mention it: send it again.
    Again(Code),
    /// The event was not accepted because of throttling: send it again, more slowly.
    Throttled,
    /// Where the event goes takes nothing at present: its shard is used too fast, or its partition has no leader. The
    /// event is not at fault, however often this happens: send it again, more slowly.
    Later(Code),
    /// The event is invalid and will never be accepted.
    Refused(Refusal),
    /// The event was refused because of its endpoint: send it once more with an empty endpoint.
    EndpointRefused(Refusal),
}

/// The limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// The maximum number of events for all endpoints together.
    pub events: usize,
    /// The maximum size of the whole body.
    pub bytes: usize,
    /// The bytes of a body that belong to no event.
    pub overhead: usize,
}

/// The order of an endpoint's events that a service keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Also within a request, which may hold any of them.
    WithinRequest,
    /// Only between requests. So of an endpoint, a request holds events of one record alone: they share a
    /// moment.
    BetweenRequests,
}

/// An event that was fitted to the limits of its destination.
#[derive(Clone)]
pub struct Fitted {
    pub delivery: Delivery,
    /// The maximum number of bytes that it adds to a request, including the endpoint data of its record.
    pub bytes: usize,
}

/// The numbers of values that were cut or left out because of a service's limits, by field.
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

    /// Zero counts, with an entry for each of `fields`, so that metrics show them from the start.
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

/// Merges newer endpoint data into a snapshot, field by field, and returns how many bytes of a request the
/// snapshot then takes. If it would be too large, only the newer data is kept. Both must have been fitted.
pub type Merge = fn(snapshot: &mut Arc<Endpoint>, newer: &Arc<Endpoint>) -> usize;

/// The pure side of a destination.
pub trait Encoder {
    /// The service's own limits of one request, whatever the configuration allows.
    fn limits(&self) -> RequestLimits;

    /// The order of an endpoint's events that the service keeps.
    fn order(&self) -> Order {
        Order::WithinRequest
    }

    /// The fields that [`Encoder::fit`] counts.
    fn fields(&self) -> &'static [&'static str];

    /// Cuts the values that the service would refuse, or leaves them out, and counts them by field. The event
    /// is copied only if it changes and is shared. Fitting is idempotent.
    ///
    /// # Errors
    /// If the service never accepts such an event. Other destinations are not affected.
    fn fit(&self, delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal>;

    /// How the endpoint data of several records becomes the one snapshot that a request states for all events
    /// of an endpoint. `None` if each event is sent with the endpoint data of its own record.
    fn merge(&self) -> Option<Merge> {
        None
    }

    /// Encodes the body of a request that is sent at this time. Its events must have been fitted. A kind
    /// whose requests have no body shows them as JSON.
    fn body(&self, request: &Request, at: Timestamp) -> Vec<u8>;

    /// Shows a request in a human-readable form: headings, each with a JSON object.
    fn outline(&self, request: &Request, at: Timestamp) -> Vec<(String, Value)> {
        vec![("request".to_owned(), serde_json::from_slice(&self.body(request, at)).unwrap_or_default())]
    }
}

/// An attempt that is in progress.
pub type Sending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The impure side of a destination, which makes one attempt at one request.
pub trait Sender {
    /// Prepares resources that the first requests would otherwise wait for, such as credentials. Without
    /// this, these requests would all start at the same moment and exceed the quota. A failure shows in the
    /// first answer.
    fn prepare(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }

    /// Sends a request once. It never fails: every error is an [`Answer`].
    fn send(&self, request: Request) -> Sending;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Accepts every event unchanged. The function returns the size of an event.
    pub(crate) struct Whole(pub(crate) fn(&Delivery) -> usize);

    /// Like [`Whole`], for a service whose records have an endpoint each, and which keeps this order.
    pub(crate) struct Records(pub(crate) Whole, pub(crate) Order);

    impl Encoder for Records {
        fn limits(&self) -> RequestLimits {
            self.0.limits()
        }

        fn order(&self) -> Order {
            self.1
        }

        fn fields(&self) -> &'static [&'static str] {
            self.0.fields()
        }

        fn fit(&self, delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal> {
            self.0.fit(delivery, counts)
        }

        fn body(&self, request: &Request, at: Timestamp) -> Vec<u8> {
            self.0.body(request, at)
        }
    }

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

        fn merge(&self) -> Option<Merge> {
            Some(|snapshot, newer| {
                let merged = Arc::make_mut(snapshot);
                if newer.user_id.is_some() {
                    merged.user_id.clone_from(&newer.user_id);
                }
                merged.attributes.extend(newer.attributes.clone());
                merged.user_attributes.extend(newer.user_attributes.clone());
                merged.attributes.values().flatten().map(|value| value.len()).sum()
            })
        }

        fn body(&self, _: &Request, _: Timestamp) -> Vec<u8> {
            Vec::new()
        }
    }
}

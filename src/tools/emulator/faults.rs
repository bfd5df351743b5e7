//! Faults on demand, as they are written in Rust and in JSON. They are the same for all services; an answer
//! has the code and the shape of the service that it comes from.
//!
//! Knows nothing of when and how they happen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::units::Span;

pub(super) use self::armed::{After, Armed, Before, Fate, Scope};

mod armed;

/// The faults. Shares range from 0 (never, the default) to 1 (always).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How long each request waits before it is handled.
    pub latency: Option<Span>,
    /// The upper bound of a random extra wait.
    pub latency_jitter: Option<Span>,
    /// The share of requests that are throttled: HTTP 429, or the service's own code.
    pub throttled: f64,
    /// The `Retry-After` of these answers and of answers to requests over the quota, in whole seconds.
    pub retry_after: Option<Span>,
    /// The share of requests answered with HTTP 500 or 503.
    pub failed: f64,
    /// The share of requests whose events are accepted but whose answer is lost: the connection is closed, or
    /// the answer is a 500.
    pub answer_lost: f64,
    /// The share of requests whose events are accepted but whose answer is cut off in the middle.
    pub answer_broken: f64,
    /// The share of requests whose events are accepted but whose answer has no results.
    pub answer_empty: f64,
    /// The share of events answered with 429 or the service's own code for it, drawn anew each time.
    pub events_throttled: f64,
    /// The share of events answered with 500 or the service's own code for it, drawn anew each time.
    pub events_failed: f64,
    /// The share of events answered with 400 or the service's own code for it, chosen by id: the same event
    /// is always refused. Kinesis and Firehose refuse the whole request that holds it.
    pub events_refused: f64,
    /// The share of events that the answer leaves out; half of them are accepted.
    pub events_missing: f64,
    /// The share of endpoints that the answer leaves out, with their events; half of them are accepted. Only
    /// Pinpoint answers for endpoints.
    pub endpoints_missing: f64,
    /// Effects on endpoints and events that contain a text.
    pub matching: Vec<Matching>,
    /// Whether the events of a refused endpoint are accepted. If not, the answer leaves them out.
    pub refused_endpoint_keeps_events: bool,
    /// How long the credentials of a role last, whatever was asked for.
    pub role_lasts: Option<Span>,
    /// The `ExternalId` that a role demands; another, or none, is refused.
    pub role_external_id: Option<String>,
    /// An outage, during which nothing is served.
    pub outage: Option<Outage>,
    /// The faults of some services, operations or destinations instead of these. The first that fits counts.
    pub only: Vec<Only>,
}

/// Faults of the calls that fit all that is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Only {
    /// `pinpoint`, `eventbridge`, `eventbridgev2`, `kinesis`, `firehose` or `sts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// An operation such as `PutRecords`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// An application, bus, stream or role, as the call names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    pub faults: Faults,
}

/// Happens to every request instead of service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    pub how: How,
    /// How long it lasts from when it was set; for ever if absent.
    #[serde(default)]
    pub lasts: Option<Span>,
}

/// What happens instead of service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The connection is closed without an answer.
    Close,
    /// There is never an answer.
    Hang,
    /// Every request is answered with this status, and with an error code if there is one.
    Answer {
        status: u16,
        /// An error code such as `AccessDeniedException`.
        #[serde(default)]
        code: Option<String>,
    },
}

/// An effect on endpoints and events that contain a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// Part of an endpoint's id, a user's id, an event's id or an event attribute's value; for services other
    /// than Pinpoint, part of the event or of its key or group.
    pub text: String,
    pub effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The whole call is answered with HTTP 400.
    RefuseCall,
    /// The whole call is answered with HTTP 500.
    FailCall,
    /// The whole call is answered with this HTTP status and no body, as by a gateway.
    AnswerCall(u16),
    /// The endpoint is answered with 400, unless it is empty (`{}`). Only Pinpoint answers for endpoints.
    RefuseEndpoint,
    /// The event is answered with 400, or as `events_refused`.
    RefuseEvent,
    /// The event is answered with 500, or as `events_failed`.
    FailEvent,
    /// The event is answered with 429, or as `events_throttled`.
    ThrottleEvent,
    /// The event is not accepted, and the answer leaves it out.
    OmitEvent,
}

impl Outage {
    /// Answers everything with 503.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self { how: How::Answer { status: 503, code: None }, lasts: None }
    }

    /// Answers that the caller's role has no right to send events.
    #[must_use]
    pub fn access_denied() -> Self {
        Self::answer(403, "AccessDeniedException")
    }

    /// Answers that the caller's session has expired, which Pinpoint does with 400.
    #[must_use]
    pub fn expired_token() -> Self {
        Self::answer(400, "ExpiredTokenException")
    }

    /// Answers everything with `status` and an error `code`.
    #[must_use]
    pub fn answer(status: u16, code: &str) -> Self {
        Self { how: How::Answer { status, code: Some(code.to_owned()) }, lasts: None }
    }

    /// Limits the outage to a time.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        Self { lasts: Some(Span(time)), ..self }
    }
}

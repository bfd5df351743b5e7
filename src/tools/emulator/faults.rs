//! What goes wrong on purpose, as the one who asks for it says it, in Rust or in JSON.
//!
//! Knows nothing of when and how it happens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::units::Span;

pub(super) use self::armed::{After, Armed, Before, Fate};

mod armed;

/// What is to go wrong; by default nothing. Shares are from 0 (never) to 1 (always).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How long each request waits before it is looked at.
    pub latency: Option<Span>,
    /// How much longer it waits at most, at random.
    pub latency_jitter: Option<Span>,
    /// The share of requests answered with HTTP 429.
    pub throttled: f64,
    /// What those and the ones over the quota are told to wait (`Retry-After`, in whole seconds).
    pub retry_after: Option<Span>,
    /// The share of requests answered with HTTP 500 or 503.
    pub failed: f64,
    /// The share of requests whose events are taken, but whose answer is lost: the connection is closed,
    /// or the answer is a 500.
    pub answer_lost: f64,
    /// The share of requests whose events are taken, but whose answer is broken off in its middle.
    pub answer_broken: f64,
    /// The share of requests whose events are taken, but whose answer holds no results.
    pub answer_empty: f64,
    /// The share of events answered with 429, each time anew.
    pub events_throttled: f64,
    /// The share of events answered with 500, each time anew.
    pub events_failed: f64,
    /// The share of events answered with 400, chosen by their ids: the same event is refused each time.
    pub events_refused: f64,
    /// The share of events that the answer leaves out; half of them are taken.
    pub events_missing: f64,
    /// The share of endpoints that the answer leaves out, with their events; half of them are taken.
    pub endpoints_missing: f64,
    /// What happens to endpoints and events that contain a text.
    pub matching: Vec<Matching>,
    /// Whether an endpoint that is refused takes its events with it (they are missing in the answer);
    /// otherwise they are taken, and the change of the endpoint alone is refused.
    pub refused_endpoint_keeps_events: bool,
    /// Something that happens instead of all service.
    pub outage: Option<Outage>,
}

/// Something that happens to every request instead of all service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// What happens.
    pub how: How,
    /// For how long, from when it was set; until it is changed when left out.
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
    /// Every request is answered with one status, and an error code if there is one.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The error's code, such as `AccessDeniedException`.
        #[serde(default)]
        code: Option<String>,
    },
}

/// What happens to endpoints and events that contain a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// The text: part of an endpoint's id, a user's id, an event's id or an event attribute's value.
    pub text: String,
    /// What happens.
    pub effect: Effect,
}

/// What happens to what contains a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The whole call is answered with HTTP 400.
    RefuseCall,
    /// The whole call is answered with HTTP 500.
    FailCall,
    /// The endpoint is answered with 400, unless nothing is said of it (`{}`).
    RefuseEndpoint,
    /// The event is answered with 400.
    RefuseEvent,
    /// The event is answered with 500.
    FailEvent,
    /// The event is answered with 429.
    ThrottleEvent,
    /// The event is not taken, and the answer leaves it out.
    OmitEvent,
}

impl Outage {
    /// Everything is answered with 503.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self { how: How::Answer { status: 503, code: None }, lasts: None }
    }

    /// The caller's role has no right to send events.
    #[must_use]
    pub fn access_denied() -> Self {
        Self::answer(403, "AccessDeniedException")
    }

    /// The caller's session has expired, which comes as a 400.
    #[must_use]
    pub fn expired_token() -> Self {
        Self::answer(400, "ExpiredTokenException")
    }

    /// Everything is answered with `status` and an error `code`.
    #[must_use]
    pub fn answer(status: u16, code: &str) -> Self {
        Self { how: How::Answer { status, code: Some(code.to_owned()) }, lasts: None }
    }

    /// The same for a time.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        Self { lasts: Some(Span(time)), ..self }
    }
}

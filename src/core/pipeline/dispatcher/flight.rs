//! Requests in flight.
//!
//! Knows nothing of answers.

use crate::core::{
    pipeline::dispatcher::{events::Events, quarantine::Cause},
    time::Moment,
};

/// A request in flight.
pub(super) struct Flight {
    pub(super) events: Events,
    /// How many events the request had; `events` lacks those whose ownership has ended since.
    pub(super) sent: usize,
    pub(super) started: Moment,
    pub(super) from: From,
}

/// Where the events of a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// In the queues of their endpoints.
    Queues,
    /// In quarantine: a part of the request that is being halved.
    Half(Cause),
    /// In quarantine: a whole request that failed before.
    Whole(Cause),
    /// In quarantine: an accused event, as the probe of a hold.
    Accused,
}

//! Requests in flight.
//!
//! Knows nothing of answers.

use crate::core::{
    pipeline::dispatcher::{events::Events, quarantine::Cause},
    time::Moment,
};

pub(super) struct Flight {
    pub(super) events: Events,
    /// The number of events that the request had. `events` lacks those whose ownership has ended since.
    pub(super) sent: usize,
    pub(super) started: Moment,
    pub(super) from: From,
}

/// Where the events of a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// They came from the queues of their endpoints.
    Queues,
    /// They came from quarantine, as a part of the request that is being halved.
    Half(Cause),
    /// They came from quarantine, as a whole request that failed before.
    Whole(Cause),
    /// They came from quarantine: one accused event, as the probe of a hold.
    Accused,
}

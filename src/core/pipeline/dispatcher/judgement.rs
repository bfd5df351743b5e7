//! What follows for one event from its outcome.
//!
//! Knows nothing of how it is decided.

use crate::core::{pipeline::dispatcher::endpoint_queue::Item, time::Moment};

/// The decision about an event after its outcome.
pub(super) enum Judgement {
    /// The event has its verdict.
    Final,
    /// The event returns to the front of its queue, which waits until the given moment, if any.
    Again(Item, Option<Moment>),
}

//! What follows for one event from its outcome.
//!
//! Knows nothing of how it is decided.

use crate::core::{pipeline::dispatcher::endpoint_queue::Item, time::Moment};

/// What follows for an event from its outcome.
pub(super) enum Judgement {
    /// It has its verdict.
    Final,
    /// It returns to the front of its queue, which waits until then.
    Again(Item, Option<Moment>),
}

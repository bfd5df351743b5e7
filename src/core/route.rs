//! Which destinations an app event goes to.
//!
//! Knows nothing of what a destination is.

use crate::core::{
    destination::DestinationId,
    event::{EventType, Origin},
};

/// Where an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'r> {
    /// To these, at least one; each must accept it.
    To(&'r [DestinationId]),
    /// Nowhere, on purpose.
    Ignore,
    /// No route matches, and the configuration wants to see that.
    DeadLetter,
}

/// All routes, in the order of the configuration: the first that matches counts.
#[derive(Debug)]
pub struct Router {
    single: [DestinationId; 1],
}

impl Router {
    /// Everything goes to the one destination.
    #[must_use]
    pub fn to_the_only_one() -> Self {
        Self { single: [DestinationId(0)] }
    }

    /// Whether events must carry their [`Origin`].
    #[must_use]
    pub fn needs_origin(&self) -> bool {
        false
    }

    /// Where an event of a record of `topic` goes.
    #[must_use]
    pub fn route(&self, _topic: &str, _origin: Option<&Origin>, _event_type: EventType) -> Route<'_> {
        Route::To(&self.single)
    }
}

//! What faults make of a call and of its entries, each of which has a result of its own.
//!
//! Knows nothing of what an entry holds and of how a result is written.

use std::hash::Hash;

use crate::tools::emulator::{
    faults::Fate, journal::Origin, protocol::Problem, services::Service, state::ServerState,
};

/// Fails if something in a call makes all of it fail. `contains` says whether a text is in the call.
pub(super) fn check_call(
    state: &mut ServerState,
    origin: &Origin,
    service: &Service,
    contains: impl Fn(&str) -> bool,
) -> Result<(), Problem> {
    match state.faults.of(origin.call()).call(contains) {
        None => Ok(()),
        Some(400) => Err(service.refused.clone()),
        Some(500) => Err(service.failed.clone()),
        // Something in front of the service answers.
        Some(status) => Err(Problem::new(status, "", "")),
    }
}

/// The codes of a service for entries that a fault spoils.
pub(super) struct Spoiled {
    pub(super) refused: Problem,
    pub(super) throttled: Problem,
    pub(super) failed: Problem,
}

/// What a fault makes of an entry.
pub(super) enum Fault {
    /// The result is an error.
    Problem(Problem),
    /// The answer leaves the result out; whether the entry is accepted nevertheless.
    Missing { accepted: bool },
}

/// Draws what a fault makes of an entry that breaks no rule. `identity` decides whether it is refused, and
/// `contains` says whether a text is in it.
pub(super) fn fault(
    state: &mut ServerState,
    origin: &Origin,
    spoiled: &Spoiled,
    identity: impl Hash,
    contains: impl Fn(&str) -> bool,
) -> Option<Fault> {
    let fate = state.faults.of(origin.call()).event(identity, contains)?;
    Some(match fate {
        Fate::Refused => Fault::Problem(spoiled.refused.clone()),
        Fate::Throttled => Fault::Problem(spoiled.throttled.clone()),
        Fate::Failed => Fault::Problem(spoiled.failed.clone()),
        Fate::MissingTaken => Fault::Missing { accepted: true },
        Fate::MissingLost => Fault::Missing { accepted: false },
    })
}

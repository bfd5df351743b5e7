//! From a record's bytes to what happened: the first of the two steps. Each format has a file of its own.
//!
//! Knows nothing of Pinpoint, of endpoints and of what else was read. Any bytes at all give an answer, in
//! time and memory proportional to their length, and never a panic.

use crate::{
    identity::{
        IdentityEvent,
        reason::{Ignored, Unmapped},
    },
    record::Record,
};

mod json;
pub mod keycloak;
mod time;

/// Reads the event that a record holds.
///
/// # Errors
///
/// Says why there is none: the record is of no interest, or it cannot be read.
pub fn decode(record: &Record) -> Result<IdentityEvent<'_>, Unmapped> {
    match record.value.as_deref() {
        None | Some([]) => Err(Ignored::Tombstone.into()),
        Some(value) => keycloak::decode(value),
    }
}

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

mod auth0;
mod authentik;
mod caep;
mod cognito;
mod entra;
mod format;
mod fusionauth;
mod gather;
mod identity_event;
mod json;
pub mod keycloak;
#[cfg(test)]
mod line;
mod mail;
mod okta;
mod ory;
#[cfg(test)]
mod pages;
mod time;
mod tree;
mod wso2;

pub use format::Format;

/// What a record says happened: an event, or why there is none, for each that it carries; at least one.
pub struct Decoded<'a> {
    /// What it was taken for; none when it was not even looked at.
    pub format: Option<Format>,
    /// What it says.
    pub events: Vec<Item<'a>>,
}

/// One event, or why it is none.
pub type Item<'a> = Result<IdentityEvent<'a>, Unmapped>;

/// Reads records, each in the format of its topic.
#[derive(Default)]
pub struct Decoder {}

impl Decoder {
    /// Reads what a record holds.
    #[must_use]
    pub fn decode<'a>(&self, record: &'a Record) -> Decoded<'a> {
        match record.value.as_deref() {
            None | Some([]) => Decoded { format: None, events: vec![Err(Ignored::Tombstone.into())] },
            Some(value) => Decoded { format: Some(Format::Keycloak), events: vec![keycloak::decode(value)] },
        }
    }
}

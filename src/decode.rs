//! From a record's bytes to what happened: the first of the two steps. Each format has a file of its own.
//!
//! Knows nothing of Pinpoint, of endpoints and of what else was read. Any bytes at all give an answer, in
//! time and memory proportional to their length, and never a panic.

use std::collections::BTreeMap;

use self::{
    config::{Choice, FormatsConfig},
    custom::{Filter, NotAFilter},
};
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
pub mod config;
pub mod custom;
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
pub struct Decoder {
    format: Choice,
    formats: BTreeMap<String, Choice>,
    custom: Option<Filter>,
}

impl Decoder {
    /// A reader of records in these formats.
    ///
    /// # Errors
    ///
    /// The filter of the format `custom` is none.
    pub fn new(config: &FormatsConfig) -> Result<Self, NotAFilter> {
        let custom = config.custom.as_deref().map(Filter::compile).transpose()?;
        Ok(Self { format: config.format, formats: config.formats.clone(), custom })
    }

    /// Reads what a record holds.
    #[must_use]
    pub fn decode<'a>(&self, record: &'a Record) -> Decoded<'a> {
        match record.value.as_deref() {
            None | Some([]) => Decoded { format: None, events: vec![Err(Ignored::Tombstone.into())] },
            Some(value) => match self.formats.get(&*record.topic).unwrap_or(&self.format) {
                Choice::Auto | Choice::Named(Format::Keycloak) => {
                    Decoded { format: Some(Format::Keycloak), events: vec![keycloak::decode(value)] }
                }
                Choice::Named(format) => {
                    Decoded { format: Some(*format), events: self.named(*format, value) }
                }
            },
        }
    }

    fn named<'a>(&self, format: Format, value: &'a [u8]) -> Vec<Item<'a>> {
        match (tree::parse(value), format, &self.custom) {
            (Err(reason), ..) => vec![Err(reason.into())],
            (Ok(node), Format::Custom, Some(filter)) => filter.decode(&node),
            (Ok(node), format, _) => format.decode(&node),
        }
    }
}

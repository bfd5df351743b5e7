//! Decodes the bytes of a record into identity events: the first of two steps. Each format has its own file.
//!
//! Knows nothing of Pinpoint, of endpoints and of other records. Any bytes get an answer, in time and memory
//! proportional to their length, and decoding never panics.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use self::{
    config::FormatsConfig,
    custom::{Filter, NotAFilter},
};
use crate::core::{
    identity::{
        IdentityEvent,
        reason::{Ignored, Unmapped},
    },
    record::Record,
};

mod auth0;
mod authentik;
mod auto;
mod base64;
mod bounds;
mod caep;
mod cognito;
pub mod config;
pub mod custom;
mod decimal;
mod entra;
mod envelope;
mod format;
mod fusionauth;
mod gather;
mod identity_event;
pub mod keycloak;
#[cfg(test)]
pub(in crate::core) mod line;
mod mail;
mod ocsf;
mod okta;
mod ory;
#[cfg(test)]
mod pages;
mod scalar;
pub(in crate::core) mod time;
mod tree;
mod wso2;

pub use config::Choice;
pub use format::Format;

use auto::ValueReader;

/// The decoded content of a record.
pub struct Decoded<'a> {
    /// The format that the record was read as; `None` if no format read it.
    pub format: Option<Format>,
    /// Never empty.
    pub events: EventResults<'a>,
}

/// The events of a record. There is nearly always one, and it needs no allocation of its own.
pub type EventResults<'a> = SmallVec<[EventResult<'a>; 1]>;

/// A decoded event, or the reason there is none.
pub type EventResult<'a> = Result<IdentityEvent<'a>, Unmapped>;

/// Parts of a record that are read only on request, because reading them takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Attributes that have no field in an identity event.
    pub attributes: bool,
}

/// Decodes records, each in the format configured for its topic.
#[derive(Default)]
pub struct Decoder {
    format: Choice,
    formats: BTreeMap<String, Choice>,
    custom: Option<Filter>,
    wanted: Wanted,
}

impl Decoder {
    /// # Errors
    ///
    /// If the filter of the format `custom` does not compile.
    pub fn new(config: &FormatsConfig) -> Result<Self, NotAFilter> {
        let custom = config.custom.as_deref().map(Filter::compile).transpose()?;
        let (format, formats) = (config.format, config.formats.clone());
        Ok(Self { format, formats, custom, wanted: Wanted::default() })
    }

    /// Makes the decoder also read the parts that are wanted.
    #[must_use]
    pub fn wanting(self, wanted: Wanted) -> Self {
        Self { wanted, ..self }
    }

    /// The configured format of a topic.
    pub(in crate::core) fn choice(&self, topic: &str) -> Choice {
        *self.formats.get(topic).unwrap_or(&self.format)
    }

    #[must_use]
    pub fn decode<'a>(&self, record: &'a Record) -> Decoded<'a> {
        let choice = self.choice(record.original().topic);
        match record.value.as_deref() {
            None | Some([]) => Decoded { format: None, events: one(Err(Ignored::Tombstone.into())) },
            Some(value) => {
                let reader = ValueReader { choice, filter: self.custom.as_ref(), wanted: self.wanted };
                reader.record(record, value)
            }
        }
    }
}

#[inline]
fn one(item: EventResult<'_>) -> EventResults<'_> {
    SmallVec::from_buf([item])
}

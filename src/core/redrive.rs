//! Redriving: the original records of dead letters are written back, and the running service sends only what
//! is missing of them.
//!
//! The `redrive` command reads letters, groups those of one original record, and writes that record once,
//! with a sealed header that names the original and the events to send. The service opens the header, and
//! what it states only narrows what the configuration says. Knows nothing of Kafka's clients. What always
//! holds: a header that the secret did not seal for this record, as it is, counts for nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::time::Timestamp;

pub mod config;
pub mod filter;
pub mod letter;
pub mod offset_set;
pub mod plan;
pub mod seal;

/// How the names of our own headers begin.
pub const OWN_HEADERS: &str = "pinpoint_sidecar.";

/// The header of a redriven record.
pub const REDRIVE_HEADER: &str = "pinpoint_sidecar.redrive";

/// The header of a receipt: the record beside the dead letters that names the redriven ones.
pub const RECEIPT_HEADER: &str = "pinpoint_sidecar.receipt";

/// What the sealed header of a redriven record states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redriven {
    /// The place and the time of the original record.
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// How often the record has been redriven, this time included.
    pub attempts: u32,
    /// What to send. If it is empty, the record could not be read before, and everything is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub send: Vec<Selection>,
}

/// Some of a record's events, at one destination or at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The name of the destination; `None` stands for each that the routes lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Arc<str>>,
    /// The ids of the events. If it is empty, all events are meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Box<str>>,
}

impl Redriven {
    /// Whether the record was mapped before. The session index has learned from it then.
    #[must_use]
    pub fn was_mapped(&self) -> bool {
        !self.send.is_empty()
    }

    /// Whether an event is to be sent to a destination.
    #[must_use]
    pub fn wants(&self, destination: &str, event: &str) -> bool {
        self.send.is_empty() || self.send.iter().any(|one| one.is_at(destination) && one.includes(event))
    }

    /// Whether an event is to be sent anywhere.
    #[must_use]
    pub fn wants_event(&self, event: &str) -> bool {
        self.send.is_empty() || self.send.iter().any(|one| one.includes(event))
    }

    /// The bytes of memory that it takes, with the copy in which the pipeline ticks off what it has found.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + 2 * self.send.iter().map(Selection::weight).sum::<usize>()
    }
}

impl Selection {
    /// The whole record.
    pub const WHOLE: Self = Self { destination: None, events: Vec::new() };

    /// One event at a destination.
    #[must_use]
    pub fn one(destination: Arc<str>, event: Box<str>) -> Self {
        Self { destination: Some(destination), events: vec![event] }
    }

    /// Whether all of a record is meant, wherever it goes.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.destination.is_none() && self.events.is_empty()
    }

    #[must_use]
    pub fn is_at(&self, destination: &str) -> bool {
        self.destination.as_deref().is_none_or(|named| named == destination)
    }

    #[must_use]
    pub fn includes(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|named| **named == *event)
    }

    /// The bytes of memory that it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let text = |text: &str| text.len() + size_of::<Box<str>>();
        size_of::<Self>() + self.events.iter().map(|event| text(event)).sum::<usize>()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn selection(destination: Option<&str>, events: &[&str]) -> Selection {
        Selection {
            destination: destination.map(Into::into),
            events: events.iter().map(|event| (*event).into()).collect(),
        }
    }

    /// The first attempt at the record at offset 42 of partition 3 of `logins`.
    pub(crate) fn redriven(send: Vec<Selection>) -> Redriven {
        Redriven {
            topic: "logins".into(),
            partition: 3,
            offset: 42,
            timestamp: Some(Timestamp(1_700_000_000_000)),
            attempts: 1,
            send,
        }
    }

    #[track_caller]
    fn check(send: Vec<Selection>, wanted: [bool; 4]) {
        let redriven = redriven(send);
        let pairs =
            [("shop", "e:sign_in"), ("shop", "e:session"), ("lab", "e:sign_in"), ("lab", "e:session")];
        assert_eq!(pairs.map(|(destination, event)| redriven.wants(destination, event)), wanted);
    }

    #[test]
    fn only_the_named_events_are_wanted_at_the_named_destinations() {
        check(vec![], [true; 4]);
        check(vec![Selection::WHOLE], [true; 4]);
        check(vec![selection(Some("shop"), &["e:session"])], [false, true, false, false]);
        check(vec![selection(Some("shop"), &[])], [true, true, false, false]);
        check(vec![selection(None, &["e:sign_in"])], [true, false, true, false]);
        let both = vec![selection(Some("shop"), &["e:session"]), selection(Some("lab"), &["e:sign_in"])];
        check(both, [false, true, true, false]);
        check(vec![selection(Some("gone"), &[])], [false; 4]);
    }
}

//! What can be set of the dead letters.

use crate::core::units::text::TopicName;

/// Where dead letters go; one of the two must be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterConfig {
    /// To this topic.
    Topic(TopicName),
    /// Nowhere: they are counted and dropped.
    Discard,
}

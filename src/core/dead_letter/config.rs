//! The settings of the dead letters.

use crate::core::units::text::TopicName;

/// Where dead letters go. One of the two must be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterConfig {
    /// They are written to this topic.
    Topic(TopicName),
    /// They are counted and dropped.
    Discard,
}

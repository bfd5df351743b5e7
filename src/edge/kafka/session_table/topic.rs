//! The configuration of the table's topic, and the faults of a topic that is configured differently.

use std::time::Duration;

use crate::edge::kafka::topic_settings::TopicSettings;

/// How many partitions the topic is created with. Every replica reads them all, so the number is independent
/// of the topics that are read. Six partitions spread evenly over one, two, three or six brokers, and one
/// sixth is compacted at a time.
pub const PARTITIONS: i32 = 6;

/// How much longer than its session an entry is kept, because clocks differ, and
/// retention deletes whole segments.
const MARGIN: Duration = Duration::from_hours(1);

/// When a segment is closed. An open segment is neither compacted nor deleted, and every replica
/// that starts reads it.
const SEGMENT: Duration = Duration::from_hours(1);

/// A fault of the topic's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicFault {
    /// The topic keeps every version of an entry.
    NotCompacted,
    /// The topic keeps the last version of every entry for ever.
    NeverDeletes,
    /// The topic forgets sessions that are still remembered.
    Forgets,
}

/// The settings with which the topic is created, for sessions that are remembered for `max_age`.
#[must_use]
pub fn settings(max_age: Duration) -> [(&'static str, String); 4] {
    let milliseconds = |span: Duration| span.as_millis().to_string();
    [
        ("cleanup.policy", "compact,delete".to_owned()),
        ("retention.ms", milliseconds(max_age + MARGIN)),
        ("segment.ms", milliseconds(SEGMENT)),
        // Compacts when a tenth of the log is old, because every start reads the whole topic.
        ("min.cleanable.dirty.ratio", "0.1".to_owned()),
    ]
}

/// The faults of a topic with these settings.
#[must_use]
pub fn faults(settings: &TopicSettings, max_age: Duration) -> Vec<TopicFault> {
    let (deletes, retention) = (settings.cleans_up_by("delete"), settings.retention());
    let faults = [
        (!settings.cleans_up_by("compact"), TopicFault::NotCompacted),
        (!deletes || retention.is_none(), TopicFault::NeverDeletes),
        (deletes && retention.is_some_and(|retention| retention < max_age), TopicFault::Forgets),
    ];
    faults.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[track_caller]
    fn check(policy: &str, retention: &str, expected: &[TopicFault]) {
        let settings = [("cleanup.policy", policy), ("retention.ms", retention)];
        assert_eq!(faults(&settings.into_iter().collect(), DAY), expected);
    }

    #[test]
    fn the_faults_of_a_topic_are_found() {
        check("compact,delete", "90000000", &[]);
        check("delete, compact", "86400000", &[]);
        check("compact,delete", "86399999", &[TopicFault::Forgets]);
        check("delete", "90000000", &[TopicFault::NotCompacted]);
        check("delete", "1000", &[TopicFault::NotCompacted, TopicFault::Forgets]);
        check("compact", "604800000", &[TopicFault::NeverDeletes]);
        check("compact", "1000", &[TopicFault::NeverDeletes]);
        check("compact,delete", "-1", &[TopicFault::NeverDeletes]);
        check("", "", &[TopicFault::NotCompacted, TopicFault::NeverDeletes]);
    }

    #[test]
    fn a_created_topic_has_no_faults() {
        for max_age in [Duration::from_mins(1), DAY, 365 * DAY] {
            assert_eq!(faults(&settings(max_age).into_iter().collect(), max_age), []);
        }
    }
}

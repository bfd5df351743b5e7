//! The configuration of the dead-letter topic, and the faults of a topic that is configured differently.
//!
//! A dead letter has the time of its record, which may be days old. If the topic went by that time, its
//! retention could delete the letter minutes after its record was committed. So the topic is created with the
//! time of the broker (`LogAppendTime`).

use std::time::Duration;

use crate::edge::kafka::{topic_creation::NewTopic, topic_settings::TopicSettings};

/// A fault of the topic's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterTopicFault {
    /// Letters with the same key replace each other.
    Compacted,
    /// Letters are deleted sooner than configured.
    DeletesEarly,
    /// Letters of records that were read late are deleted sooner than configured.
    DeletesByRecordTime,
}

/// The topic as it is created, if each letter is to be kept for `retention`.
#[must_use]
pub fn wanted(name: &str, retention: Duration) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        purpose: "dead letters",
        // There are few letters, and one partition keeps their order.
        partitions: 1,
        settings: vec![
            ("cleanup.policy", "delete".to_owned()),
            ("message.timestamp.type", "LogAppendTime".to_owned()),
            ("retention.ms", retention.as_millis().to_string()),
        ],
    }
}

/// The faults of a topic with these settings, if each letter is to be kept for `retention`. The settings of
/// the topics that records are read from say how old a record may be when it becomes a letter.
#[must_use]
pub fn faults(
    letters: &TopicSettings,
    sources: &[TopicSettings],
    retention: Duration,
) -> Vec<DeadLetterTopicFault> {
    let kept = if letters.cleans_up_by("delete") { letters.retention() } else { None };
    let by_broker = letters.get("message.timestamp.type") == Some("LogAppendTime");
    let oldest = sources.iter().map(TopicSettings::retention).reduce(|a, b| Some(a?.max(b?))).flatten();
    // How long the letter of the oldest record is kept.
    let left = kept.map(|kept| oldest.map_or(Duration::ZERO, |oldest| kept.saturating_sub(oldest)));
    let is_short = |time: Option<Duration>| time.is_some_and(|time| time < retention);
    let faults = [
        (letters.cleans_up_by("compact"), DeadLetterTopicFault::Compacted),
        (is_short(kept), DeadLetterTopicFault::DeletesEarly),
        (!by_broker && !is_short(kept) && is_short(left), DeadLetterTopicFault::DeletesByRecordTime),
    ];
    faults.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn settings(policy: &str, time: &str, days: i64) -> TopicSettings {
        let retention = if days < 0 { "-1".to_owned() } else { (days * 86_400_000).to_string() };
        [("cleanup.policy", policy), ("message.timestamp.type", time), ("retention.ms", &retention)]
            .into_iter()
            .collect()
    }

    /// Checks a topic of 14 days, beside sources that keep their records for 7 days and for one.
    #[track_caller]
    fn check(policy: &str, time: &str, days: i64, expected: &[DeadLetterTopicFault]) {
        let sources = [settings("delete", "CreateTime", 7), settings("delete", "CreateTime", 1)];
        assert_eq!(faults(&settings(policy, time, days), &sources, 14 * DAY), expected);
    }

    #[test]
    fn the_faults_of_a_topic_are_found() {
        check("delete", "LogAppendTime", 14, &[]);
        check("delete", "LogAppendTime", 13, &[DeadLetterTopicFault::DeletesEarly]);
        check("delete", "CreateTime", 7, &[DeadLetterTopicFault::DeletesEarly]);
        check("delete", "CreateTime", 20, &[DeadLetterTopicFault::DeletesByRecordTime]);
        check("delete", "CreateTime", 21, &[]);
        check("delete", "CreateTime", -1, &[]);
        check("compact", "CreateTime", 1, &[DeadLetterTopicFault::Compacted]);
        check("compact,delete", "LogAppendTime", 14, &[DeadLetterTopicFault::Compacted]);
    }

    #[test]
    fn a_source_that_keeps_its_records_for_ever_makes_letters_of_any_age() {
        let sources = [settings("delete", "CreateTime", 7), settings("delete", "CreateTime", -1)];
        let letters = settings("delete", "CreateTime", 365);
        assert_eq!(faults(&letters, &sources, DAY), [DeadLetterTopicFault::DeletesByRecordTime]);
    }

    #[test]
    fn a_created_topic_has_no_faults() {
        let sources = [settings("delete", "CreateTime", -1)];
        for retention in [Duration::from_hours(1), 14 * DAY, 365 * DAY] {
            let topic = wanted("letters", retention);
            assert_eq!(faults(&topic.settings.into_iter().collect(), &sources, retention), []);
        }
    }
}

//! The table's topic: how it has to be set, and what is wrong with one that is set otherwise.

use std::{collections::BTreeMap, time::Duration};

/// How many partitions it is made with. A key keeps to its partition, and every replica reads them all, so
/// the number has nothing to do with the topics that are read: six are spread evenly over one, two, three
/// or six brokers, and compact a sixth at a time.
pub const PARTITIONS: i32 = 6;

/// How much longer than sessions are remembered their entries are kept: clocks differ, and retention goes
/// by whole segments.
const MARGIN: Duration = Duration::from_hours(1);

/// After how long a segment is closed: what is in an open one is neither compacted nor deleted, and is read
/// by every replica that starts.
const SEGMENT: Duration = Duration::from_hours(1);

/// What is wrong with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It keeps every version of an entry.
    NotCompacted,
    /// It keeps the last version of an entry for ever.
    NeverDeletes,
    /// It forgets sessions that are remembered.
    Forgets,
}

/// The settings that it is made with, for sessions that are remembered for so long.
#[must_use]
pub fn settings(max_age: Duration) -> [(&'static str, String); 4] {
    let milliseconds = |span: Duration| span.as_millis().to_string();
    [
        ("cleanup.policy", "compact,delete".to_owned()),
        ("retention.ms", milliseconds(max_age + MARGIN)),
        ("segment.ms", milliseconds(SEGMENT)),
        // Compact when a tenth of it is old: it is small, and read whole at every start.
        ("min.cleanable.dirty.ratio", "0.1".to_owned()),
    ]
}

/// What is wrong with a topic that is set so.
#[must_use]
pub fn faults(settings: &BTreeMap<String, String>, max_age: Duration) -> Vec<Fault> {
    let policy = settings.get("cleanup.policy").map_or("", String::as_str);
    let has = |wanted: &str| policy.split(',').any(|one| one.trim() == wanted);
    let retention = settings.get("retention.ms").and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
    // Less than nothing is for ever.
    let forgets = u128::try_from(retention).is_ok_and(|retention| retention < max_age.as_millis());
    let faults = [
        (!has("compact"), Fault::NotCompacted),
        (!has("delete") || retention < 0, Fault::NeverDeletes),
        (has("delete") && forgets, Fault::Forgets),
    ];
    faults.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[track_caller]
    fn check(policy: &str, retention: &str, expected: &[Fault]) {
        let settings = [("cleanup.policy", policy), ("retention.ms", retention)];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(faults(&settings, DAY), expected);
    }

    #[test]
    fn a_topic_that_is_set_otherwise_says_what_is_wrong() {
        check("compact,delete", "90000000", &[]);
        check("delete, compact", "86400000", &[]);
        check("compact,delete", "86399999", &[Fault::Forgets]);
        check("delete", "90000000", &[Fault::NotCompacted]);
        check("delete", "1000", &[Fault::NotCompacted, Fault::Forgets]);
        check("compact", "604800000", &[Fault::NeverDeletes]);
        check("compact", "1000", &[Fault::NeverDeletes]);
        check("compact,delete", "-1", &[Fault::NeverDeletes]);
        check("", "", &[Fault::NotCompacted, Fault::NeverDeletes]);
    }

    #[test]
    fn nothing_is_wrong_with_one_that_is_made() {
        for max_age in [Duration::from_mins(1), DAY, 365 * DAY] {
            let settings = settings(max_age).map(|(name, value)| (name.to_owned(), value)).into();
            assert_eq!(faults(&settings, max_age), []);
        }
    }
}

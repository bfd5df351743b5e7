//! Doubts the format that `auto` recognises in a topic, if most of the topic's records are ignored in it for
//! the lack of a user or of a known type. The records of a right format are rarely ignored so, and those of a
//! wrong one would be ignored unnoticed.
//!
//! Knows nothing of the records. Only recent records count, so that a doubt ends, and begins, with them.

use std::{collections::BTreeMap, sync::Arc};

use crate::core::{decode::Format, identity::reason::Ignored};

/// The minimum number of records from which a format can be doubted.
const FEWEST: u32 = 100;

/// After this many records of a topic, those counted so far count half.
const MANY: u32 = 1_000;

/// A format that was recognised in a topic, but is probably not its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtfulFormat {
    pub topic: Arc<str>,
    pub format: Format,
}

/// The doubts about all topics whose format is not configured.
#[derive(Default)]
pub(super) struct DoubtfulFormats {
    topics: BTreeMap<Arc<str>, Topic>,
    /// The doubts that are not reported yet.
    new: Vec<DoubtfulFormat>,
}

#[derive(Default)]
struct Topic {
    records: u32,
    /// Records without a user or of an unknown type, by the format in which they were read.
    ignored: [u32; Format::ALL.len()],
    /// The last format whose doubt was reported.
    reported: Option<Format>,
}

impl DoubtfulFormats {
    /// Registers a record: the format in which it was read, and why it was ignored, if it was.
    pub(super) fn observe(&mut self, topic: &Arc<str>, format: Option<Format>, ignored: Option<Ignored>) {
        let counts = self.topics.entry(Arc::clone(topic)).or_default();
        let missed = format.filter(|_| matches!(ignored, Some(Ignored::NoUser | Ignored::TypeNotMapped)));
        counts.count(missed);
        if let Some(format) = counts.doubtful().filter(|format| counts.reported != Some(*format)) {
            counts.reported = Some(format);
            self.new.push(DoubtfulFormat { topic: Arc::clone(topic), format });
        }
    }

    /// The doubts that have arisen since the last call; each arises once.
    pub(super) fn take_new(&mut self) -> Vec<DoubtfulFormat> {
        std::mem::take(&mut self.new)
    }

    /// All current doubts, by topic.
    pub(super) fn current(&self) -> Vec<DoubtfulFormat> {
        let doubts = self.topics.iter().filter_map(|(topic, counts)| {
            Some(DoubtfulFormat { topic: Arc::clone(topic), format: counts.doubtful()? })
        });
        doubts.collect()
    }
}

impl Topic {
    fn count(&mut self, missed: Option<Format>) {
        if self.records == MANY {
            self.records /= 2;
            self.ignored.iter_mut().for_each(|count| *count /= 2);
        }
        self.records += 1;
        if let Some(format) = missed {
            self.ignored[format.index()] += 1;
        }
    }

    fn doubtful(&self) -> Option<Format> {
        let is_most = |format: &Format| self.ignored[format.index()] > self.records / 2;
        Format::ALL.into_iter().find(is_most).filter(|_| self.records >= FEWEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: Option<Ignored> = Some(Ignored::NoUser);

    fn format(name: &str) -> Option<Format> {
        Format::named(name)
    }

    /// Registers so many records of a topic, and returns the names of the formats that are newly doubted.
    fn observe(
        doubts: &mut DoubtfulFormats,
        topic: &str,
        records: u32,
        format: Option<Format>,
        ignored: Option<Ignored>,
    ) -> Vec<&'static str> {
        let topic = Arc::from(topic);
        (0..records).for_each(|_| doubts.observe(&topic, format, ignored));
        doubts.take_new().iter().map(|doubt| doubt.format.name()).collect()
    }

    /// Registers `missed` records of Keycloak without a user after `others`, and compares whether the format
    /// is doubted then.
    #[track_caller]
    fn check(others: u32, missed: u32, expected: &[&str]) {
        let mut doubts = DoubtfulFormats::default();
        assert!(observe(&mut doubts, "a", others, format("keycloak"), None).is_empty());
        assert_eq!(observe(&mut doubts, "a", missed, format("keycloak"), MISSED), expected);
        let current: Vec<_> = doubts.current().iter().map(|doubt| doubt.format.name()).collect();
        assert_eq!(current, expected);
    }

    #[test]
    fn a_format_is_doubted_if_it_misses_more_than_half_of_enough_records() {
        check(0, 99, &[]);
        check(0, 100, &["keycloak"]);
        check(50, 50, &[]);
        check(50, 51, &["keycloak"]);
        check(400, 400, &[]);
        check(400, 402, &["keycloak"]);
    }

    #[test]
    fn old_records_count_less_and_less() {
        check(1_000_000, 100, &[]);
        check(1_000_000, 1_000, &["keycloak"]);
    }

    #[test]
    fn only_the_lack_of_a_user_or_of_a_known_type_counts() {
        let suspicious = [Ignored::NoUser, Ignored::TypeNotMapped];
        for reason in Ignored::ALL {
            let new = observe(&mut DoubtfulFormats::default(), "a", 200, format("okta"), Some(reason));
            assert_eq!(!new.is_empty(), suspicious.contains(&reason), "{}", reason.code());
        }
        assert!(observe(&mut DoubtfulFormats::default(), "a", 200, None, MISSED).is_empty());
    }

    #[test]
    fn a_doubt_is_new_once_and_ends_with_the_records() {
        let mut doubts = DoubtfulFormats::default();
        assert_eq!(observe(&mut doubts, "a", 5_000, format("okta"), MISSED), ["okta"]);
        assert_eq!(observe(&mut doubts, "a", 1_000, format("okta"), None), [""; 0]);
        assert_eq!(doubts.current(), []);
        assert_eq!(observe(&mut doubts, "a", 5_000, format("okta"), MISSED), [""; 0]);
        assert_eq!(doubts.current(), [DoubtfulFormat { topic: "a".into(), format: format("okta").unwrap() }]);
    }

    #[test]
    fn topics_and_formats_are_apart() {
        let mut doubts = DoubtfulFormats::default();
        for _ in 0..200 {
            observe(&mut doubts, "both", 1, format("okta"), MISSED);
            observe(&mut doubts, "both", 1, format("entra"), MISSED);
            observe(&mut doubts, "good", 1, format("okta"), None);
        }
        assert_eq!(doubts.current(), []);
        assert_eq!(observe(&mut doubts, "bad", 100, format("okta"), MISSED), ["okta"]);
        assert_eq!(doubts.current().len(), 1);
    }
}

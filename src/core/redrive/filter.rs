//! Decides which letters are redriven, and why others are not.

use std::{collections::BTreeSet, sync::Arc};

use crate::core::{redrive::letter::Letter, time::Timestamp};

/// What the command line asks for, and what the configuration allows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only letters about this destination.
    pub destination: Option<Box<str>>,
    pub reason: Option<Box<str>>,
    /// Only letters of records from this topic.
    pub topic: Option<Box<str>>,
    /// Only letters from this time on.
    pub since: Option<Timestamp>,
    /// Only letters before this time.
    pub until: Option<Timestamp>,
    /// No letters of records that were redriven this often.
    pub max_attempts: Option<u32>,
    /// The names of the destinations in the configuration.
    pub destinations: BTreeSet<Arc<str>>,
    /// The topics that the service reads; `None` if all records are redriven to one of them.
    pub topics: Option<BTreeSet<Arc<str>>>,
}

/// Why a letter is not redriven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skipped {
    /// The options of the command leave it out.
    NotAskedFor,
    /// A receipt names it.
    Redriven,
    /// Its record was redriven as often as allowed.
    TooOften,
    /// The configuration does not have its destination.
    UnknownDestination,
    /// The service does not read the topic that it would be written to.
    UnreadTopic,
    /// It is not a letter, or of a form that this version does not know.
    Unreadable,
    /// As many records as allowed were written before.
    OverLimit,
    /// Its topic deleted it while it was read.
    Expired,
}

impl Skipped {
    /// The reason as people are shown it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotAskedFor => "left out by the options",
            Self::Redriven => "redriven before (--again repeats them)",
            Self::TooOften => "redriven --max-attempts times",
            Self::UnknownDestination => "destination is not in the configuration",
            Self::UnreadTopic => "topic is not in source.topics (see redrive.topic)",
            Self::Unreadable => "not a dead letter of this service",
            Self::OverLimit => "over --limit",
            Self::Expired => "deleted by the topic meanwhile",
        }
    }
}

impl Filter {
    /// Why a letter that lies in its topic since `written` is not redriven.
    ///
    /// # Errors
    /// If it is not redriven.
    pub fn admits(&self, letter: &Letter, written: Option<Timestamp>) -> Result<(), Skipped> {
        let destination = letter.selection.destination.as_ref();
        let is = |asked: &Option<Box<str>>, is: Option<&str>| asked.is_none() || asked.as_deref() == is;
        let is_in_time = written.is_none_or(|written| {
            self.since.is_none_or(|since| written >= since) && self.until.is_none_or(|until| written < until)
        });
        let is_asked_for = is(&self.destination, destination.map(|name| &**name))
            && is(&self.reason, Some(&letter.reason))
            && is(&self.topic, Some(&letter.topic))
            && is_in_time;
        if !is_asked_for {
            Err(Skipped::NotAskedFor)
        } else if destination.is_some_and(|name| !self.destinations.contains(name)) {
            Err(Skipped::UnknownDestination)
        } else if self.topics.as_ref().is_some_and(|topics| !topics.contains(&letter.topic)) {
            Err(Skipped::UnreadTopic)
        } else if self.max_attempts.is_some_and(|most| letter.attempts >= most) {
            Err(Skipped::TooOften)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::redrive::letter::tests::{PLACE, letter, written};

    /// A letter about `shop`, of a record that was redriven twice, written at 1000.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Filter), expected: Result<(), Skipped>) {
        let more = [("destination", "shop"), ("event_id", "e"), ("redriven", "2")];
        let letter = letter(&written(&[], &[&PLACE[..], &more].concat()));
        let mut filter = Filter {
            destinations: [Arc::from("shop"), Arc::from("lab")].into(),
            topics: Some([Arc::from("logins")].into()),
            ..Filter::default()
        };
        change(&mut filter);
        assert_eq!(filter.admits(&letter, Some(Timestamp(1000))), expected);
    }

    #[test]
    fn every_option_leaves_letters_out() {
        check(|_| {}, Ok(()));
        check(|it| it.destination = Some("shop".into()), Ok(()));
        check(|it| it.destination = Some("lab".into()), Err(Skipped::NotAskedFor));
        check(|it| it.reason = Some("spilled".into()), Ok(()));
        check(|it| it.reason = Some("not_json".into()), Err(Skipped::NotAskedFor));
        check(|it| it.topic = Some("logins".into()), Ok(()));
        check(|it| it.topic = Some("others".into()), Err(Skipped::NotAskedFor));
        check(|it| it.since = Some(Timestamp(1000)), Ok(()));
        check(|it| it.since = Some(Timestamp(1001)), Err(Skipped::NotAskedFor));
        check(|it| it.until = Some(Timestamp(1001)), Ok(()));
        check(|it| it.until = Some(Timestamp(1000)), Err(Skipped::NotAskedFor));
        check(|it| it.max_attempts = Some(3), Ok(()));
        check(|it| it.max_attempts = Some(2), Err(Skipped::TooOften));
    }

    #[test]
    fn a_record_that_nothing_would_come_of_is_not_redriven() {
        check(|it| it.destinations = [Arc::from("lab")].into(), Err(Skipped::UnknownDestination));
        check(|it| it.topics = Some(BTreeSet::new()), Err(Skipped::UnreadTopic));
        check(|it| it.topics = None, Ok(()));
    }

    #[test]
    fn a_letter_of_a_whole_record_is_of_no_destination() {
        let whole = letter(&written(&[], &PLACE));
        assert_eq!(Filter::default().admits(&whole, None), Ok(()));
        let filter = Filter { destination: Some("shop".into()), ..Filter::default() };
        assert_eq!(filter.admits(&whole, None), Err(Skipped::NotAskedFor));
    }
}

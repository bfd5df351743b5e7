//! Positions that the log does not hold any more: its oldest records expired, or the topic was deleted
//! and made anew.
//!
//! librdkafka stops reading such a partition and says that there is one, not which, and once: a pause of
//! another partition can take the word away. So all that are owned are compared with their logs, then and
//! whenever a survey finds one that stands still out of range, and all are started again where they belong.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{Consumer as _, RebalanceProtocol},
    error::KafkaResult,
};

use super::{
    lookups::{Question, Range},
    partitions::{Partitions, Place},
    poll::PollLoop,
    rebalance,
};
use crate::core::{code::Code, record::Ownership, source::SourceEvent};

/// How long to wait before the brokers are asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether a position may be out of range.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    is_wanted: bool,
    is_asked: bool,
    not_before: Option<Instant>,
    /// What the last survey found out of range, with the position.
    suspects: BTreeMap<Ownership, i64>,
}

impl Recovery {
    /// Notes that some position is out of range.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Notes which positions a survey found out of range. One that stood there at the survey before does
    /// not move by itself: what was read ahead would have come meanwhile.
    fn suspect(&mut self, found: BTreeMap<Ownership, i64>) {
        self.is_wanted |= found.iter().any(|(ownership, next)| self.suspects.get(ownership) == Some(next));
        self.suspects = found;
    }
}

/// What a position says of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// It is within the log, or nothing was read yet.
    Within,
    /// The log starts so many offsets after it: they expired before they were read.
    Expired(u64),
    /// The log ends before it: this is not the log that was read.
    Another,
}

impl PollLoop {
    /// Looks for positions that stand still out of range. What is paused does so until it is resumed.
    pub(super) fn suspect(&mut self, ranges: &[(Ownership, Range)]) {
        let found =
            ranges.iter().filter_map(|(ownership, range)| stands(&self.partitions, *ownership, range));
        self.recovery.suspect(found.collect());
    }

    /// Asks for the ranges of all logs when a position is out of range and nothing else is going on.
    pub(super) fn ask_ranges(&mut self, now: Instant) {
        let Recovery { is_wanted, is_asked, not_before, .. } = self.recovery;
        if !is_wanted || is_asked || self.rebalance.is_pending() || not_before.is_some_and(|at| now < at) {
            return;
        }
        let places = self.partitions.iter().map(|owned| (owned.place.clone(), owned.next)).collect();
        self.recovery.is_asked = self.lookups.ask(Question::Ranges(places));
        self.recovery.is_wanted = !self.recovery.is_asked;
    }

    /// Puts each position where its log allows it, and starts all partitions again.
    pub(super) fn mend(&mut self, ranges: Result<Vec<Range>, Code>, now: Instant) {
        self.recovery.is_asked = false;
        self.recovery.not_before = Some(now + PAUSE);
        // The group waits for an answer, and what it asks for may be about these partitions.
        let Ok(ranges) = ranges.map_err(|_| ()).and_then(|ranges| self.idle(ranges)) else {
            return self.recovery.want();
        };
        for mut range in ranges {
            if judge(&range) != Finding::Another {
                // What was read ahead has come meanwhile, and is not lost.
                range.next = range.next.max(self.partitions.of(&range.place).and_then(|owned| owned.next));
            }
            match judge(&range) {
                Finding::Within => {}
                Finding::Expired(records) => self.skip(&range, records),
                Finding::Another => self.renew(&range),
            }
        }
        if let Err(error) = self.restart() {
            self.be_refused(&error);
        }
    }

    fn idle<T>(&self, answer: T) -> Result<T, ()> {
        if self.rebalance.is_pending() { Err(()) } else { Ok(answer) }
    }

    fn skip(&mut self, range: &Range, records: u64) {
        let Place { topic, partition } = &range.place;
        let Some(ownership) = self.partitions.jump(&range.place, range.start) else { return };
        tracing::error!(%topic, partition, records, "records expired before they were read");
        self.outbox.push(SourceEvent::LostToRetention { ownership, records });
    }

    fn renew(&mut self, range: &Range) {
        let Place { topic, partition } = &range.place;
        let Some(old) = self.partitions.end(&range.place) else { return };
        tracing::warn!(%topic, partition, "the topic was made anew: it is read from its beginning");
        let assignment = self.partitions.begin(range.place.clone(), Some(range.start));
        // Or else a restart before the first record would go on at the old topic's position.
        self.commits.want([(assignment.ownership, range.start)]);
        self.outbox.push(SourceEvent::Lost(vec![old]));
        self.outbox.push(SourceEvent::Assigned(vec![assignment]));
    }

    /// Takes all partitions away and gives them back at their positions; a seek would not do, because
    /// librdkafka does not read a partition again that it stopped with an error.
    fn restart(&mut self) -> KafkaResult<()> {
        let places: Vec<_> = self.partitions.iter().map(|owned| owned.place.clone()).collect();
        self.resume(&places);
        self.steering.partitions_changed();
        let positions = self.partitions.iter().map(|owned| (&owned.place, owned.next));
        let list = rebalance::starting_list(positions)?;
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                self.consumer.incremental_unassign(&list)?;
                self.consumer.incremental_assign(&list)
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.assign(&list),
        }
    }
}

/// The position, where it is out of range, is read from, and has not moved since the range was asked for.
fn stands(partitions: &Partitions, ownership: Ownership, range: &Range) -> Option<(Ownership, i64)> {
    let owned = partitions.of(&range.place)?;
    let is_still = owned.ownership == ownership && owned.next == range.next && !owned.is_paused();
    (is_still && judge(range) != Finding::Within).then_some((ownership, range.next?))
}

fn judge(range: &Range) -> Finding {
    match range.next {
        Some(next) if next < range.start => Finding::Expired(next.abs_diff(range.start)),
        Some(next) if next > range.end => Finding::Another,
        _ => Finding::Within,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::source::Paused;

    #[track_caller]
    fn check(next: Option<i64>, start: i64, end: i64, expected: Finding) {
        let place = Place { topic: "topic".into(), partition: 0 };
        assert_eq!(judge(&Range { place, next, start, end }), expected);
    }

    #[test]
    fn a_position_outside_its_log_says_why() {
        check(None, 5, 9, Finding::Within);
        check(Some(5), 5, 9, Finding::Within);
        check(Some(9), 5, 9, Finding::Within);
        check(Some(4), 5, 9, Finding::Expired(1));
        check(Some(0), 5, 5, Finding::Expired(5));
        check(Some(10), 5, 9, Finding::Another);
        check(Some(1), 0, 0, Finding::Another);
    }

    #[test]
    fn a_position_that_stands_still_out_of_range_is_found_without_a_word_of_it() {
        let (mut partitions, mut recovery) = (Partitions::default(), Recovery::default());
        let place = Place { topic: "topic".into(), partition: 0 };
        let ownership = partitions.begin(place.clone(), Some(4)).ownership;
        let range = |next| Range { place: place.clone(), next: Some(next), start: 5, end: 9 };
        let survey =
            |partitions: &Partitions, next| stands(partitions, ownership, &range(next)).into_iter().collect();
        recovery.suspect(survey(&partitions, 4));
        assert!(!recovery.is_wanted, "what was read ahead may come yet");
        recovery.suspect(survey(&partitions, 4));
        assert!(recovery.is_wanted);

        let mut recovery = Recovery::default();
        recovery.suspect(survey(&partitions, 4));
        recovery.suspect(survey(&partitions, 3));
        assert!(!recovery.is_wanted, "it has moved");
        partitions.steer(&Paused { everything: true, partitions: Vec::new() });
        recovery.suspect(survey(&partitions, 4));
        recovery.suspect(survey(&partitions, 4));
        assert!(!recovery.is_wanted, "nothing is read of it for now");
    }
}

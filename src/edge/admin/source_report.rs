//! What the source reports about itself, besides records: ends of logs, commits, trouble.
//!
//! Knows nothing of how a source works. It is all for people to look at; no decision depends on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::core::{code::Code, record::Ownership, source::SourceEvent};

/// What the source has reported about itself.
#[derive(Debug, Default)]
pub struct SourceReport {
    /// The offset of the next record to be produced, by ownership.
    ends: BTreeMap<Ownership, i64>,
    missing_topics: BTreeSet<Arc<str>>,
    trouble: Option<Code>,
    commits: CommitCounts,
    lost_to_retention: u64,
    changed_logs: u64,
}

/// The results of commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitCounts {
    /// Acknowledged by the broker.
    pub ok: u64,
    /// Not acknowledged; they are tried again with the next commit.
    pub failed: u64,
}

impl SourceReport {
    /// Takes in an event. Must see every event of the source.
    pub fn observe(&mut self, event: &SourceEvent) {
        match event {
            // Each report lists all known ends, so that ended ownerships are forgotten.
            SourceEvent::Ends(ends) => self.ends = ends.iter().copied().collect(),
            SourceEvent::Committed { result: Ok(()), .. } => self.commits.ok += 1,
            SourceEvent::Committed { result: Err(_), .. } => self.commits.failed += 1,
            SourceEvent::LostToRetention { records, .. } => self.lost_to_retention += records,
            SourceEvent::Truncated { .. } => self.changed_logs += 1,
            SourceEvent::TopicMissing { topic, missing: true } => {
                self.missing_topics.insert(Arc::clone(topic));
            }
            SourceEvent::TopicMissing { topic, missing: false } => {
                self.missing_topics.remove(topic);
            }
            SourceEvent::Connection(trouble) => self.trouble = *trouble,
            SourceEvent::Failed(code) => self.trouble = Some(*code),
            SourceEvent::Assigned(_)
            | SourceEvent::Topics(_)
            | SourceEvent::Records(_)
            | SourceEvent::Passed(_)
            | SourceEvent::Unreadable { .. }
            | SourceEvent::Revoking(_)
            | SourceEvent::Lost(_)
            | SourceEvent::Closed => {}
        }
    }

    /// Takes in that a log does not hold the records that the inherited tail names.
    pub fn found_changed(&mut self) {
        self.changed_logs += 1;
    }

    /// Where the log of a partition ends: the offset of the next record to be produced.
    #[must_use]
    pub fn end(&self, ownership: Ownership) -> Option<i64> {
        self.ends.get(&ownership).copied()
    }

    /// Subscribed topics that do not exist, by name.
    #[must_use]
    pub fn missing_topics(&self) -> &BTreeSet<Arc<str>> {
        &self.missing_topics
    }

    /// What is wrong with the connection to the brokers, if anything is.
    #[must_use]
    pub fn trouble(&self) -> Option<Code> {
        self.trouble
    }

    /// The results of commits.
    #[must_use]
    pub fn commits(&self) -> CommitCounts {
        self.commits
    }

    /// How often a log was found truncated or replaced.
    #[must_use]
    pub fn changed_logs(&self) -> u64 {
        self.changed_logs
    }

    /// The number of offsets that expired before they were read.
    #[must_use]
    pub fn lost_to_retention(&self) -> u64 {
        self.lost_to_retention
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(events: impl IntoIterator<Item = SourceEvent>) -> SourceReport {
        let mut report = SourceReport::default();
        events.into_iter().for_each(|event| report.observe(&event));
        report
    }

    #[test]
    fn ends_are_those_of_the_last_report() {
        let it = report([
            SourceEvent::Ends(vec![(Ownership(1), 10), (Ownership(2), 20)]),
            SourceEvent::Ends(vec![(Ownership(2), 21), (Ownership(3), 30)]),
        ]);
        assert_eq!([1, 2, 3].map(|id| it.end(Ownership(id))), [None, Some(21), Some(30)]);
    }

    #[test]
    fn commits_and_losses_are_counted() {
        let committed =
            |result| SourceEvent::Committed { commits: Vec::new(), result, metadata_dropped: false };
        let lost = |records| SourceEvent::LostToRetention { ownership: Ownership(0), records };
        let failed = committed(Err(Code("request_timed_out")));
        let it = report([committed(Ok(())), failed, lost(3), lost(4), committed(Ok(()))]);
        assert_eq!(it.commits(), CommitCounts { ok: 2, failed: 1 });
        assert_eq!(it.lost_to_retention(), 7);
    }

    #[test]
    fn trouble_remains_until_it_is_over() {
        let topic = |name: &str, missing| SourceEvent::TopicMissing { topic: name.into(), missing };
        let mut it = report([topic("a", true), topic("b", true), topic("a", false)]);
        assert_eq!(it.missing_topics().iter().map(|it| &**it).collect::<Vec<_>>(), ["b"]);
        let down = Code("all_brokers_down");
        it.observe(&SourceEvent::Connection(Some(down)));
        assert_eq!(it.trouble(), Some(down));
        it.observe(&SourceEvent::Connection(None));
        assert_eq!(it.trouble(), None);
        it.observe(&SourceEvent::Failed(Code("fenced")));
        assert_eq!(it.trouble(), Some(Code("fenced")));
    }
}

//! What the session table reports about itself, besides entries: how far it is read, what is wrong, and the
//! results of writes.
//!
//! Knows nothing of how a table works. It is all for people to look at; no decision depends on it.

use std::time::Duration;

use crate::core::{code::Code, session_table::TableEvent, time::Moment, write_outcome::WriteOutcome};

/// What the session table has reported about itself.
#[derive(Clone, Debug, Default)]
pub struct TableReport {
    began: Moment,
    loaded: Option<Moment>,
    /// How far the first reading has come, in offsets of the log.
    progress: (u64, u64),
    entries: u64,
    ignored: u64,
    emptied: u64,
    trouble: Option<Code>,
    writes: WriteCounts,
}

/// The results of writes, counting each attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Acknowledged by the broker.
    pub written: u64,
    /// Not acknowledged; they are tried again.
    pub failed: u64,
    /// Refused until a person acts.
    pub refused: u64,
}

impl TableReport {
    /// The report of a table whose first reading begins now.
    #[must_use]
    pub fn begun(now: Moment) -> Self {
        Self { began: now, ..Self::default() }
    }

    /// Takes in an event. Must see every event of the table.
    pub fn observe(&mut self, now: Moment, event: &TableEvent) {
        match event {
            TableEvent::Entries(entries) => self.entries += entries.len() as u64,
            TableEvent::Ignored(records) => self.ignored += records,
            TableEvent::Emptied => self.emptied += 1,
            TableEvent::Loading { read, of } => self.progress = (*read, *of),
            TableEvent::Loaded => self.loaded = Some(now),
            TableEvent::Written(_, WriteOutcome::Written) => self.writes.written += 1,
            TableEvent::Written(_, WriteOutcome::Again(_)) => self.writes.failed += 1,
            TableEvent::Written(_, WriteOutcome::Refused(_)) => self.writes.refused += 1,
            TableEvent::Connection(trouble) => self.trouble = *trouble,
            TableEvent::Failed(code) => self.trouble = Some(*code),
        }
    }

    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// How long the first reading took, or has taken so far.
    #[must_use]
    pub fn loading_took(&self, now: Moment) -> Duration {
        self.loaded.unwrap_or(now).since(self.began)
    }

    /// How many offsets of the log the first reading has read, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        self.progress
    }

    /// Entries read since the start, including the first reading and our own writes.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Records of the log that are not entries.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// How often its topic was deleted or recreated.
    #[must_use]
    pub fn emptied(&self) -> u64 {
        self.emptied
    }

    /// What is wrong with the connection to the brokers or with the topic, if anything is.
    #[must_use]
    pub fn trouble(&self) -> Option<Code> {
        self.trouble
    }

    #[must_use]
    pub fn writes(&self) -> WriteCounts {
        self.writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::session_table::WriteId;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn events_are_remembered() {
        let mut report = TableReport::begun(at(2));
        report.observe(at(3), &TableEvent::Loading { read: 1, of: 9 });
        report.observe(at(4), &TableEvent::Ignored(2));
        assert_eq!((report.is_loaded(), report.loading_took(at(5))), (false, Duration::from_secs(3)));
        report.observe(at(6), &TableEvent::Loaded);
        assert_eq!((report.is_loaded(), report.loading_took(at(9))), (true, Duration::from_secs(4)));
        assert_eq!((report.progress(), report.ignored()), ((1, 9), 2));
        let outcomes =
            [WriteOutcome::Written, WriteOutcome::Again(Code("a")), WriteOutcome::Refused(Code("b"))];
        for outcome in outcomes {
            report.observe(at(9), &TableEvent::Written(WriteId(1), outcome));
        }
        assert_eq!(report.writes(), WriteCounts { written: 1, failed: 1, refused: 1 });
        report.observe(at(9), &TableEvent::Connection(Some(Code("c"))));
        assert_eq!(report.trouble(), Some(Code("c")));
        report.observe(at(9), &TableEvent::Connection(None));
        assert_eq!(report.trouble(), None);
    }
}

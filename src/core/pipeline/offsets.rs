//! Tracks the offsets of one ownership: the outstanding ones, the position that may be committed, and the
//! settled runs above it.
//!
//! Knows nothing of the content of records. What always holds: the position is never past an unsettled
//! record, no run contains one (invariant 1), and the position never goes back (invariant 2).

use std::{collections::BTreeMap, sync::Arc};

use crate::core::{
    pipeline::tail::{Fingerprint, MAX_RUNS, Run, Tail},
    record::Record,
    time::Moment,
};

mod inherited;

use inherited::{Inherited, Named};

/// How a record that was read relates to its ownership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The record is outstanding from now on.
    New,
    /// The record was read before within this ownership.
    Redelivered,
    /// The inherited tail names the record. `confirmed` is the number of records that count as settled
    /// because of this one: the last record of a run confirms the whole run, and the others confirm nothing.
    SettledBefore { confirmed: u64 },
    /// The inherited tail contradicts this log. The partition must be read again from `position`, under a new
    /// ownership and without a tail.
    Void { position: i64 },
    /// The tail was already found to be void. The next ownership reads the record.
    Stale,
}

/// The offsets of one ownership. Settled offsets take no memory of their own, even if an earlier one stays
/// outstanding for long: there is at most one run for each outstanding offset (invariant 6).
#[derive(Debug, Default)]
pub(super) struct Offsets {
    outstanding: BTreeMap<i64, Outstanding>,
    /// The settled runs above the first outstanding offset, by their first offset: at most one between two
    /// outstanding offsets, and at most one above the last.
    runs: BTreeMap<i64, Run>,
    /// The number of records in `runs`.
    settled_above: u64,
    inherited: Inherited,
    first_read: Option<i64>,
    /// The last offset that was read or passed.
    last_read: Option<i64>,
    void: bool,
}

#[derive(Debug)]
struct Outstanding {
    arrived: Moment,
    record: Arc<Record>,
}

impl Offsets {
    /// The bytes of memory that an outstanding offset takes, with a run of its own.
    pub(super) const PLACE: usize = size_of::<(i64, Outstanding)>() + size_of::<(i64, Run)>();

    /// Begins with the tail of the position at which reading begins.
    pub(super) fn inherit(tail: Tail) -> Self {
        Self { inherited: Inherited::new(tail), ..Self::default() }
    }

    /// Registers a record as outstanding if it is new.
    pub(super) fn read(&mut self, record: &Arc<Record>, arrived: Moment) -> Read {
        let offset = record.offset;
        if self.void {
            return Read::Stale;
        }
        if self.last_read.is_some_and(|last| offset <= last) {
            return Read::Redelivered;
        }
        match self.inherited.read(record) {
            Named::Void => Read::Void { position: self.begin_anew() },
            Named::Not => {
                self.outstanding.insert(offset, Outstanding { arrived, record: Arc::clone(record) });
                self.note(offset, Read::New)
            }
            Named::Tentatively => self.note(offset, Read::SettledBefore { confirmed: 0 }),
            Named::Finally(run) => {
                self.close(run.first, run.last, run.records, || run.fingerprint);
                self.note(offset, Read::SettledBefore { confirmed: run.records })
            }
        }
    }

    /// Registers the end of the log: the offset of the next record to be produced. If the inherited tail
    /// names records beyond it, the log was truncated, and new records at these offsets must not count as
    /// settled. Then this returns the position from which the partition must be read again, as with
    /// [`Read::Void`].
    pub(super) fn log_end(&mut self, end: i64) -> Option<i64> {
        let truncated = self.inherited.runs().any(|run| run.last >= end);
        truncated.then(|| self.begin_anew())
    }

    /// Registers that nothing which can be read is left before `to`: these offsets hold transaction markers,
    /// aborted records or records that expired. If only a part of a run of the inherited tail was read, nothing
    /// shows any more that this is the log that the former owner read. Then this returns the position from which
    /// the partition must be read again, as with [`Read::Void`].
    pub(super) fn pass(&mut self, to: i64) -> Option<i64> {
        if self.void || self.next_read().is_some_and(|next| to <= next) {
            return None;
        }
        if !self.inherited.pass(to) {
            return Some(self.begin_anew());
        }
        // A position that no record has: the skip is committed although the first record is not settled.
        self.first_read.get_or_insert(to - 1);
        self.last_read = Some(to - 1);
        None
    }

    /// Marks a record as settled; returns whether that moved the position.
    pub(super) fn settle(&mut self, offset: i64) -> bool {
        let Some(Outstanding { record, .. }) = self.outstanding.remove(&offset) else { return false };
        self.close(offset, offset, 1, || Fingerprint::of(&record))
    }

    /// The next offset to read: the first one that is not settled. It moves over the gaps that offsets have
    /// (compaction, transactions). `None` until the very first record is settled, or offsets were passed before it.
    pub(super) fn position(&self) -> Option<i64> {
        self.first_open().filter(|position| Some(*position) != self.first_read)
    }

    /// The settled runs above the position: those of this ownership, and the inherited ones that have not
    /// been read past yet. `None` if there are none.
    pub(super) fn tail(&self) -> Option<Tail> {
        let position = self.first_open()?;
        let runs: Vec<_> = self.runs.values().chain(self.inherited.runs()).take(MAX_RUNS).copied().collect();
        if runs.is_empty() {
            return None;
        }
        let at_position = self.outstanding.first_key_value().map(|(_, first)| Fingerprint::of(&first.record));
        Some(Tail { position, at_position, runs })
    }

    /// The number of settled records above the position, including inherited ones.
    pub(super) fn settled_above(&self) -> u64 {
        self.settled_above + self.inherited.runs().map(|run| run.records).sum::<u64>()
    }

    /// The offset after the last record that was read.
    pub(super) fn next_read(&self) -> Option<i64> {
        self.last_read.map(|last| last + 1)
    }

    /// The number of outstanding offsets.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Whether everything that was read is settled.
    pub(super) fn is_settled(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// The first offset that is not settled.
    pub(super) fn first_unsettled(&self) -> Option<i64> {
        self.outstanding.first_key_value().map(|(offset, _)| *offset)
    }

    /// When the oldest record that is not settled arrived.
    pub(super) fn oldest(&self) -> Option<Moment> {
        self.outstanding.first_key_value().map(|(_, first)| first.arrived)
    }

    /// The offset before which everything is settled. A run that is being read is still open.
    fn first_open(&self) -> Option<i64> {
        self.first_unsettled().or(self.inherited.open()).or(self.next_read())
    }

    /// Forgets the inherited tail and the records that were read of its open run. Returns the position from
    /// which the partition must be read again.
    fn begin_anew(&mut self) -> i64 {
        let position = self.first_open().unwrap_or(self.inherited.position());
        self.last_read = self.inherited.open().map(|first| first - 1).or(self.last_read);
        self.inherited = Inherited::default();
        self.void = true;
        position
    }

    fn note(&mut self, offset: i64, read: Read) -> Read {
        self.first_read.get_or_insert(offset);
        self.last_read = Some(offset);
        read
    }

    /// Joins settled records and the adjacent runs into one run. Returns whether the position moves past it,
    /// in which case no run is kept. The fingerprint is that of the last record. It is computed only if there
    /// is no run above to take it from, which is rare in the usual order of settling.
    fn close(
        &mut self,
        first: i64,
        last: i64,
        records: u64,
        fingerprint: impl FnOnce() -> Fingerprint,
    ) -> bool {
        let next = self.outstanding.range(last..).next().map_or(i64::MAX, |(next, _)| *next);
        let above = self.take(last, next);
        let Some(previous) = self.outstanding.range(..first).next_back().map(|(previous, _)| *previous)
        else {
            return true;
        };
        let below = self.take(previous, first);
        let run = Run {
            first: below.map_or(first, |run| run.first),
            last: above.map_or(last, |run| run.last),
            records: records + below.map_or(0, |run| run.records) + above.map_or(0, |run| run.records),
            fingerprint: above.map_or_else(fingerprint, |run| run.fingerprint),
        };
        self.settled_above += run.records;
        self.runs.insert(run.first, run);
        false
    }

    /// Removes and returns the run between two outstanding offsets.
    fn take(&mut self, after: i64, before: i64) -> Option<Run> {
        let first = *self.runs.range(after..before).next()?.0;
        let run = self.runs.remove(&first)?;
        self.settled_above -= run.records;
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::core::record::Ownership;

    fn record(offset: i64) -> Arc<Record> {
        Arc::new(Record {
            ownership: Ownership(0),
            topic: "topic".into(),
            partition: 0,
            offset,
            timestamp: None,
            key: None,
            value: Some(offset.to_string().into_bytes().into()),
            headers: Vec::new(),
            redriven: None,
        })
    }

    fn read(tracker: &mut Offsets, offset: i64) -> bool {
        tracker.read(&record(offset), Moment::START) == Read::New
    }

    /// Reads `offsets`, settles those at the indexes `settled` in that order, and compares the position.
    #[track_caller]
    fn check(offsets: &[i64], settled: &[usize], expected: Option<i64>) {
        let mut tracker = Offsets::default();
        for offset in offsets {
            assert!(read(&mut tracker, *offset));
        }
        for index in settled {
            tracker.settle(offsets[*index]);
        }
        assert_eq!(tracker.position(), expected);
        assert_eq!(tracker.outstanding.len(), offsets.len() - settled.len(), "settled ones are kept");
    }

    #[test]
    fn position_is_the_first_that_is_not_settled() {
        check(&[], &[], None);
        check(&[5, 6, 7], &[], None);
        check(&[5, 6, 7], &[0], Some(6));
        check(&[5, 6, 7], &[1, 2], None);
        check(&[5, 6, 7], &[2, 1, 0], Some(8));
        check(&[5, 9, 20], &[0, 1], Some(20));
        check(&[5, 9, 20], &[0, 1, 2], Some(21));
    }

    #[test]
    fn an_offset_read_before_is_a_redelivery() {
        let mut tracker = Offsets::default();
        for (offset, new) in [(5, true), (5, false), (4, false), (6, true)] {
            assert_eq!(read(&mut tracker, offset), new);
        }
    }

    proptest! {
        /// Compares with a model that keeps every offset: in any order of settling, the position is the first
        /// offset after the longest settled prefix, and it never goes back.
        #[test]
        fn invariant_1_position_is_never_past_an_unsettled_record(
            gaps in vec(1_i64..4, 1..40),
            order in vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
            let mut tracker = Offsets::default();
            for offset in &offsets {
                prop_assert!(read(&mut tracker, *offset));
            }
            let mut settled = BTreeSet::new();
            let mut last = None;
            for index in order {
                let index = index.index(offsets.len());
                let before = tracker.position();
                let moved = tracker.settle(offsets[index]);
                settled.insert(index);
                let prefix = (0..offsets.len()).take_while(|index| settled.contains(index)).count();
                let after_all = offsets[offsets.len() - 1] + 1;
                let expected = (prefix > 0).then(|| *offsets.get(prefix).unwrap_or(&after_all));
                prop_assert_eq!(tracker.position(), expected);
                prop_assert_eq!(tracker.position() != before, moved);
                prop_assert!(tracker.position() >= last);
                last = tracker.position();
            }
        }
    }
}

//! The inherited tail, with which an ownership begins, while its records are being read.
//!
//! What always holds: a run counts as settled as a whole or not at all. Its records are held back until its
//! last one has been read and matches. Until then, the position stays before them.

use std::{collections::VecDeque, sync::Arc};

use crate::core::{
    pipeline::tail::{Fingerprint, Run, Tail},
    record::Record,
};

/// Whether the inherited tail names a record as settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Not,
    /// The record is settled if the last record of its run matches.
    Tentatively,
    /// The record is the last one of this run, and it matches.
    Finally(Run),
    /// The tail contradicts this log.
    Void,
}

/// The rest of an inherited tail, which has not been read past yet.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    position: i64,
    at_position: Option<Fingerprint>,
    /// The runs that have not been read past yet.
    runs: VecDeque<Run>,
    /// The number of records of the first run that were read.
    held: u64,
}

impl Inherited {
    pub(super) fn new(tail: Tail) -> Self {
        let Tail { position, at_position, runs } = tail;
        Self { position, at_position, runs: runs.into(), held: 0 }
    }

    /// Compares the next record with the tail. Records must come in the order of their offsets.
    pub(super) fn read(&mut self, record: &Arc<Record>) -> Named {
        let offset = record.offset;
        if offset < self.position {
            // Reading began elsewhere, so the tail belongs to another position.
            *self = Self::default();
        }
        let agrees = |fingerprint| fingerprint == Fingerprint::of(record);
        if offset == self.position && !self.at_position.is_none_or(agrees) {
            return Named::Void;
        }
        let Some(run) = self.runs.front().filter(|run| run.first <= offset) else { return Named::Not };
        let last = offset == run.last;
        let held = self.held + 1;
        if offset > run.last || held + u64::from(!last) > run.records || (last && !agrees(run.fingerprint)) {
            return Named::Void;
        }
        self.held = held;
        if !last {
            return Named::Tentatively;
        }
        let run = Run { records: self.held, ..*run };
        self.runs.pop_front();
        self.held = 0;
        Named::Finally(run)
    }

    /// Forgets what the tail names before `to`, where nothing will be read any more. Returns whether the rest of the
    /// tail is as good as before: not if the last record of a run is passed of which others were read.
    pub(super) fn pass(&mut self, to: i64) -> bool {
        while let Some(run) = self.runs.front_mut().filter(|run| run.first < to) {
            if self.held > 0 {
                return run.last >= to;
            }
            if run.last >= to {
                run.first = to;
                run.records = run.records.min(run.last.abs_diff(to) + 1);
                return true;
            }
            self.runs.pop_front();
        }
        true
    }

    /// The first offset of the run that has been read in part, if there is one.
    pub(super) fn open(&self) -> Option<i64> {
        self.runs.front().filter(|_| self.held > 0).map(|run| run.first)
    }

    pub(super) fn position(&self) -> i64 {
        self.position
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }
}

//! The tail that an ownership begins with, as it is read over.
//!
//! What always holds: a run is named in whole or not at all. Its records are held until its last one has
//! been read and agrees; until then the position stays before them.

use std::{collections::VecDeque, sync::Arc};

use crate::core::{
    pipeline::tail::{Fingerprint, Run, Tail},
    record::Record,
};

/// What the inherited tail says about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Not,
    /// It is settled if the last record of its run agrees.
    Tentatively,
    /// It is the last record of this run, and agrees.
    Finally(Run),
    /// The tail does not agree with this log.
    Void,
}

/// The rest of an inherited tail.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    position: i64,
    at_position: Option<Fingerprint>,
    /// The runs that are not read over yet.
    runs: VecDeque<Run>,
    /// How many records of the first run were read.
    held: u64,
}

impl Inherited {
    pub(super) fn new(tail: Tail) -> Self {
        let Tail { position, at_position, runs } = tail;
        Self { position, at_position, runs: runs.into(), held: 0 }
    }

    /// Takes in the next record that is read, in the order of offsets.
    pub(super) fn read(&mut self, record: &Arc<Record>) -> Named {
        let offset = record.offset;
        if offset < self.position {
            // Reading began elsewhere: the tail is another position's.
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

    /// Where the run begins that has been read in part.
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

//! The whole service at one moment: what the metrics and the status are made of.
//!
//! Knows nothing of pages and of names of metrics.

use std::time::Duration;

use crate::{
    core::{
        map::MappingCounts,
        pipeline::{PartitionStatus, Snapshot},
        time::Moment,
    },
    edge::admin::{RecentErrors, SourceReport, Stage, TableReport},
};

/// The whole service at one moment. Put together by the owner of all state, so that what is shown of it
/// is true of one moment and balances.
#[derive(Clone, Copy)]
pub struct Overview<'a> {
    /// The moment.
    pub now: Moment,
    /// Where the process is between its start and its end.
    pub stage: Stage,
    /// The pipeline.
    pub snapshot: &'a Snapshot,
    /// What the mapping counted.
    pub mapping: MappingCounts,
    /// What the source said of itself.
    pub source: &'a SourceReport,
    /// What the sessions' table said of itself, where there is one.
    pub table: Option<&'a TableReport>,
    /// The last errors.
    pub errors: &'a RecentErrors,
}

impl Overview<'_> {
    /// How many offsets of a partition are not settled yet, as far as both ends are known: unknown is not
    /// zero. Offsets have gaps, so it can be more than there are records.
    #[must_use]
    pub fn lag(&self, partition: &PartitionStatus) -> Option<u64> {
        let end = self.source.end(partition.ownership)?;
        let position = partition.position.or(partition.first_unsettled)?;
        // The end was looked up some seconds ago, and the position may have passed it.
        Some(u64::try_from(end.saturating_sub(position)).unwrap_or(0))
    }

    /// How long ago `moment` was.
    #[must_use]
    pub fn age(&self, moment: Moment) -> Duration {
        self.now.since(moment)
    }
}

#[cfg(test)]
pub(crate) mod tests;

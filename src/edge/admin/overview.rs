//! The whole service at one moment, from which the metrics and the status are made.
//!
//! Knows nothing of pages and of names of metrics.

use std::time::Duration;

use crate::{
    core::{
        map::{DoubtfulFormat, MappingCounts},
        pipeline::{PartitionStatus, Snapshot},
        time::Moment,
    },
    edge::admin::{RecentErrors, RolesReport, SourceReport, Stage, TableReport},
};

/// The whole service at one moment. The owner of all state puts it together, so that everything shown belongs
/// to one moment and balances.
#[derive(Clone, Copy)]
pub struct Overview<'a> {
    pub now: Moment,
    /// The stage of the process between its start and its end.
    pub stage: Stage,
    pub snapshot: &'a Snapshot,
    /// The counts of the mapping.
    pub mapping: MappingCounts,
    /// The topics whose format was probably recognised wrongly.
    pub doubtful_formats: &'a [DoubtfulFormat],
    /// What the source has reported about itself.
    pub source: &'a SourceReport,
    /// What the session table has reported about itself, if there is one.
    pub table: Option<&'a TableReport>,
    /// The roles that destinations are delivered to with, if there are any.
    pub roles: Option<&'a RolesReport>,
    pub errors: &'a RecentErrors,
}

impl Overview<'_> {
    /// How many offsets of a partition are not settled, if both ends are known; unknown is not zero. Offsets
    /// have gaps, so there may be fewer records.
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

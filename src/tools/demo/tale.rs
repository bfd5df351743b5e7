//! What came of the tenant's story, for the report.

use std::{ops::Range, time::Duration};

use crate::core::code::Code;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tale {
    /// Whether the tenant is refused at all.
    pub(super) planned: bool,
    /// The tenant's records with events, by number, that were produced while its role was refused.
    pub(super) refused: Range<usize>,
    /// Why its destination was held.
    pub(super) code: Option<Code>,
    /// For how long, if it came back.
    pub(super) held: Option<Duration>,
    /// How many events the others got meanwhile.
    pub(super) meanwhile: u64,
    /// How many events of the others were on their way when it was held, or began to spill, and had not arrived
    /// when its role was granted again.
    pub(super) waited: usize,
    /// How many letters and records the redrive counted, if it is done.
    pub(super) redrive: Option<(u64, u64)>,
}

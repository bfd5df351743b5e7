//! A hold stops all sending except probes, until the answer to one of them is understood.
//!
//! Knows nothing of the content of probes.

use crate::core::{backoff::Backoff, code::Code, time::Moment};

/// Why there is a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HoldKind {
    /// The set-up is wrong, or an answer is not understood: nothing is accepted.
    SetUp,
    /// Every single event of a request was refused with the same code, so the events are not at fault.
    Refused,
}

pub(super) struct Hold {
    pub(super) kind: HoldKind,
    pub(super) code: Code,
    pub(super) since: Moment,
    pub(super) next_probe: Moment,
    probes: u32,
}

impl Hold {
    pub(super) fn new(now: Moment, code: Code, kind: HoldKind, backoff: &Backoff) -> Self {
        Self { kind, code, since: now, next_probe: now + backoff.longest(1), probes: 0 }
    }

    /// Whether a request that started at that moment is a probe.
    pub(super) fn is_probe(&self, started: Moment) -> bool {
        started >= self.since
    }

    /// Whether the next probe tries the events of a single endpoint rather than a whole request.
    pub(super) fn is_single(&self) -> bool {
        self.probes.is_multiple_of(2)
    }

    /// Registers the start of a probe, and schedules the next one after a longer delay.
    pub(super) fn probe(&mut self, now: Moment, backoff: &Backoff) {
        self.probes = self.probes.saturating_add(1);
        self.next_probe = now + backoff.longest(self.probes.saturating_add(1));
    }
}

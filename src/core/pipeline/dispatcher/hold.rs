//! A hold: everything is kept and nothing but a probe is sent, until one is understood or a person acts.
//!
//! Knows nothing of what is sent.

use crate::core::{backoff::Backoff, code::Code, time::Moment};

/// Why there is a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HoldKind {
    /// The set-up is wrong, or an answer is not understood.
    SetUp,
    /// Every single event of a request was refused with one code: that is not the events' fault.
    Refused,
}

/// A hold of one destination.
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

    /// A probe starts; the next one is due later than this one was.
    pub(super) fn probe(&mut self, now: Moment, backoff: &Backoff) {
        self.probes = self.probes.saturating_add(1);
        self.next_probe = now + backoff.longest(self.probes.saturating_add(1));
    }
}

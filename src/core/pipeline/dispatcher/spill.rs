//! Spilling: a destination that has been held, or without room, for too long moves its events to the dead
//! letters, from which they can be brought back.
//!
//! Knows nothing of dead letters. During a hold, one event stays: the probe that can end the hold. If
//! possible, it is an event that has been neither refused nor denied yet, because a refused or denied one
//! might itself be at fault.

use crate::core::{
    code::Code,
    event::Refusal,
    pipeline::{
        dispatcher::{
            Dispatcher, Fate,
            endpoint_queue::{Block, Item},
        },
        transition::Transition,
    },
    time::Moment,
};

/// Why a destination admits no records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full {
    since: Moment,
    /// The bytes of the largest record that waits. Smaller ones must not pass it, or it might wait for ever.
    bytes: usize,
}

impl Dispatcher {
    /// Sets whether the destination has no room for a record of this many bytes; `None` means that it has.
    pub(in crate::core::pipeline) fn set_full(&mut self, now: Moment, bytes: Option<usize>) {
        let before = self.full;
        self.full = bytes.map(|bytes| Full {
            since: before.map_or(now, |before| before.since),
            bytes: before.map_or(bytes, |before| before.bytes.max(bytes)),
        });
    }

    /// Replaces the bytes of the largest record that waits; `None` means that none waits.
    pub(in crate::core::pipeline) fn stay_full_for(&mut self, bytes: Option<usize>) {
        self.full = self.full.zip(bytes).map(|(full, bytes)| Full { bytes, ..full });
    }

    /// Whether the destination had no room according to the last [`set_full`](Self::set_full).
    pub(in crate::core::pipeline) fn is_full(&self) -> bool {
        self.full.is_some()
    }

    /// The bytes of the largest record for which it had no room.
    pub(in crate::core::pipeline) fn full_for(&self) -> usize {
        self.full.map_or(0, |full| full.bytes)
    }

    /// When spilling begins, if nothing changes first.
    pub(in crate::core::pipeline) fn spills_at(&self) -> Option<Moment> {
        let held = self.hold.as_ref().map(|hold| hold.since);
        let since = [held, self.full.map(|full| full.since)].into_iter().flatten().min()?;
        Some(since + self.spill?).filter(|_| self.waiting_events() > usize::from(self.hold.is_some()))
    }

    /// Whether it keeps only a probe, because the hold has lasted so long that everything else is spilled.
    pub(in crate::core::pipeline) fn keeps_only_a_probe(&self, now: Moment) -> bool {
        let spills = self.hold.as_ref().zip(self.spill);
        self.waiting_events() <= 1 && spills.is_some_and(|(hold, after)| hold.since + after <= now)
    }

    /// Spills the waiting events. The caller checks that this is due.
    pub(in crate::core::pipeline) fn spill(&mut self, now: Moment) {
        // While a hold goes on, later events are spilled as they come in, which is not reported again.
        if self.hold.is_none() || !self.spilling {
            self.transitions.push(Transition::Spilling { destination: self.id });
        }
        self.spilling = self.hold.is_some();
        let probe = self.hold.as_ref().and_then(|_| self.oldest_probe());
        let goes = |item: &Item| Some(item.order) != probe;
        let mut gone = self.batcher.remove_all(goes);
        for (endpoint_id, item) in self.quarantine.extract(goes) {
            self.batcher.unquarantine(&endpoint_id, 1, Vec::new(), Block::Free);
            gone.push(item);
        }
        for item in gone {
            self.counts.events_spilled += 1;
            let message = "the destination has not taken events for longer than spill.after".to_owned();
            let refusal = Refusal { code: Code("spilled"), message };
            self.end(&item, Fate::Spilled { event_id: (*item.event.id).into(), refusal });
        }
        self.full = None;
        self.close_quarantine(now);
    }

    /// The number of events without a verdict that are not in flight.
    fn waiting_events(&self) -> usize {
        self.events - self.flights.values().map(|flight| flight.events.len()).sum::<usize>()
    }

    /// A queued event may have been denied as well: a probe during a hold comes from the queues.
    fn oldest_probe(&self) -> Option<u64> {
        let queued = self.batcher.items().min_by_key(|item| (item.past.failed.is_some(), item.order));
        queued.or_else(|| self.quarantine.items().min_by_key(|item| item.order)).map(|item| item.order)
    }
}

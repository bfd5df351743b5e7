//! Room for records: all destinations share the memory by dynamic thresholds.
//!
//! Each destination may keep as much as is still free (Choudhury and Hahne, "Dynamic queue length thresholds
//! for shared-memory packet switches", 1998), so one that is held or slow ends up with about half of the
//! memory, and never with all of it. A record whose destination has no room makes only its own partition
//! wait. A single destination has the whole memory, because then the limits of everything outstanding are
//! enough.
//!
//! A partition is paused when its first record waits, but those of its records that are on their way still
//! come, and wait, too. The queues leave room for them. If many partitions of a topic wait, that is not
//! enough, and the whole topic is paused: see [`is_crowded`](Pipeline::is_crowded).
//!
//! Knows nothing of how reading is paused. What always holds: a destination that keeps nothing, or nothing but a
//! few events that fail for ever, or nothing but what is in flight and a probe because it spills, admits a record, or a
//! portion of one whose letters are written.

use std::collections::VecDeque;

use crate::core::{
    destination::DestinationId,
    pipeline::{
        Pipeline,
        backpressure::{ON_THE_WAY, RESUME_AT, exceeds},
        delivery::Routed,
        dispatcher::Dispatcher,
        ledger::HOLDING,
    },
    time::Moment,
};

/// The part of the memory that is left to the records that wait for room, at most: one in so many bytes.
const WAITING: usize = 4;

/// The records of a partition that wait for room, oldest first.
pub(super) type Stalled = VecDeque<Routed>;

impl Pipeline {
    /// Hands the events of a record to their destinations, or makes its partition wait until they have room.
    pub(super) fn admit_or_stall(&mut self, now: Moment, mut routed: Routed) {
        if !self.stalled.contains_key(&routed.ownership) && self.has_room(now, &routed) {
            let Some(waits) = self.admit(now, routed) else { return };
            routed = waits;
        }
        self.ledger.stall(routed.record, routed.bytes);
        self.stalled.entry(routed.ownership).or_default().push_back(routed);
    }

    /// Admits the stalled records for which there is room now. The records of a partition keep their order.
    pub(super) fn unstall(&mut self, now: Moment) {
        // The oldest first, so that none is passed over and over.
        let fronts = self.stalled.iter().filter_map(|(it, stalled)| Some((stalled.front()?.record, *it)));
        let mut oldest: Vec<_> = fronts.collect();
        oldest.sort_unstable();
        for (_, ownership) in oldest {
            let Some(mut stalled) = self.stalled.remove(&ownership) else { continue };
            while let Some(routed) = stalled.pop_front_if(|routed| self.has_room(now, routed)) {
                let record = routed.record;
                self.ledger.unstall(record, routed.bytes);
                let waits = self.admit(now, routed);
                self.fulfil(now, record, 0);
                if let Some(waits) = waits {
                    self.ledger.stall_on(record, waits.bytes);
                    stalled.push_front(waits);
                    break;
                }
            }
            if !stalled.is_empty() {
                self.stalled.insert(ownership, stalled);
            }
        }
        self.forget_full();
    }

    /// Forgets that destinations are full for records that do not wait any more, because they were released.
    fn forget_full(&mut self) {
        let ids = (0..).map(DestinationId).zip(&self.dispatchers);
        let full: Vec<_> = ids.filter(|(_, (_, it))| it.is_full()).map(|(id, _)| id).collect();
        for id in full {
            let fronts = self.stalled.values().filter_map(VecDeque::front);
            let waits = fronts.filter(|routed| routed.fitted.iter().any(|(other, _)| *other == id));
            let largest = waits.map(|routed| size(routed, id) + self.whole_bytes(routed)).max();
            self.dispatcher(id).stay_full_for(largest);
        }
    }

    /// Whether each destination of the record has room for its events.
    pub(super) fn has_room(&mut self, now: Moment, routed: &Routed) -> bool {
        if self.dispatchers.len() == 1 {
            let is_first = !routed.begun || self.events() == 0 && !self.waits_for_letters(routed);
            return is_first || !self.is_full_in_all(1.0);
        }
        let mut ids: Vec<DestinationId> = routed.fitted.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let (waits, whole) = (self.waits_for_letters(routed), self.whole_bytes(routed));
        if ids.is_empty() {
            return !(waits && self.is_full_in_all(1.0));
        }
        let mut room = true;
        for id in ids {
            let bytes = size(routed, id) + whole;
            let full = (waits || !self.is_idle(now, id)) && self.is_full(id, bytes);
            self.dispatcher(id).set_full(now, full.then_some(bytes));
            room &= !full;
        }
        room
    }

    /// Whether this is a later portion of a record that has dead letters which are not acknowledged yet. They
    /// take memory, and no destination shows it.
    fn waits_for_letters(&self, routed: &Routed) -> bool {
        routed.begun && self.dead_letters.has_any_of(routed.record)
    }

    /// Whether a destination admits a record whatever the memory: it keeps nothing but a few events that fail for
    /// ever, or has spilled all but a probe.
    fn is_idle(&self, now: Moment, id: DestinationId) -> bool {
        let (_, dispatcher) = &self.dispatchers[usize::from(id.0)];
        let is_small = dispatcher.bytes() <= self.max_bytes / ON_THE_WAY / self.dispatchers.len();
        let passed_over = if is_small { dispatcher.stuck() } else { 0 };
        dispatcher.events() == passed_over || dispatcher.keeps_only_a_probe(now)
    }

    /// Whether a destination has no room for this many more bytes. A full one has room again only when it is
    /// well below its threshold, because each pause discards prefetched records, and when it has room for the largest
    /// record that waits.
    fn is_full(&self, id: DestinationId, bytes: usize) -> bool {
        let (_, dispatcher) = &self.dispatchers[usize::from(id.0)];
        let part = if dispatcher.is_full() { RESUME_AT } else { 1.0 };
        let free = self.max_bytes.saturating_sub(self.ledger.bytes()).saturating_sub(self.reserve());
        exceeds(dispatcher.bytes() + bytes.max(dispatcher.full_for()), free, part)
            || self.has_too_many_events(id, part)
    }

    /// The bytes of the record itself, which count for each destination of its first events: the record stays
    /// until they are settled, and may be many times larger than they are. Without it, one of several
    /// destinations could keep nearly all of the memory.
    pub(super) fn whole_bytes(&self, routed: &Routed) -> usize {
        let counts = !routed.begun && self.dispatchers.len() > 1;
        self.ledger.record(routed.record).filter(|_| counts).map_or(0, |record| record.weight())
    }

    /// The bytes that the queues leave to the records that come from partitions after their pause.
    fn reserve(&self) -> usize {
        let reading = self.ledger.partitions().len().saturating_sub(self.stalled.len());
        let left = (self.max_bytes / WAITING).saturating_sub(self.ledger.stalled_bytes());
        left.min((self.max_bytes / ON_THE_WAY).saturating_mul(reading))
    }

    /// The bytes of everything that waits for a destination without room, in its queues or before them. A
    /// pause does not reduce them. The bytes of the records in the queues are attributed in proportion.
    pub(super) fn stuck_bytes(&self) -> usize {
        let bytes = |full: bool| {
            let of_them = self.dispatchers.iter().filter(move |(_, dispatcher)| dispatcher.is_full() == full);
            of_them.map(|(_, dispatcher)| dispatcher.bytes()).sum::<usize>()
        };
        let (stalled, full) = (self.ledger.stalled_bytes(), bytes(true));
        let all = full + bytes(false);
        let queued = (self.ledger.bytes() - stalled) as u128 * full as u128 / all.max(1) as u128;
        stalled + usize::try_from(queued).unwrap_or(usize::MAX)
    }

    /// Whether what waits for destinations without room takes more than the part of the memory for queues, or
    /// did so and still takes nearly as much. Then the topics of which much waits are not read at all: each of
    /// their other partitions may bring more of the same, until nothing is left for other topics.
    pub(super) fn is_crowded(&self, was: bool) -> bool {
        let part = if was { RESUME_AT } else { 1.0 };
        let queues = self.max_bytes - self.max_bytes / WAITING;
        !self.stalled.is_empty() && exceeds(self.stuck_bytes(), queues, part)
    }

    /// Spills the events of destinations that have been blocked for too long.
    pub(super) fn spill(&mut self, now: Moment) {
        let is_due =
            |(_, dispatcher): &(usize, Dispatcher)| dispatcher.spills_at().is_some_and(|at| at <= now);
        let ids = (0..).map(DestinationId).zip(&self.dispatchers);
        let due: Vec<_> = ids.filter(|(_, it)| is_due(it)).map(|(id, _)| id).collect();
        for id in due {
            let (domain, dispatcher) = &mut self.dispatchers[usize::from(id.0)];
            dispatcher.spill(now);
            self.domains[*domain].turns.changed(id);
            self.conclude(now, id);
        }
    }

    pub(super) fn next_spill(&self) -> Option<Moment> {
        self.dispatchers.iter().filter_map(|(_, dispatcher)| dispatcher.spills_at()).min()
    }
}

/// The bytes of memory that the events for a destination take.
fn size(routed: &Routed, destination: DestinationId) -> usize {
    let meant = routed.fitted.iter().filter(|(id, _)| *id == destination);
    meant.map(|(_, fitted)| fitted.bytes + HOLDING).sum()
}

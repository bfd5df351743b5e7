//! Whose turn it is among the destinations of a quota domain.
//!
//! Knows nothing of requests. There may be very many destinations, so a destination is asked for the time of its
//! next request only when it has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::core::{destination::DestinationId, time::Moment};

#[derive(Default)]
pub(super) struct Turns {
    /// Those that have events, or had some when they were last asked.
    busy: BTreeSet<DestinationId>,
    /// Those that have changed since they were last asked.
    changed: BTreeSet<DestinationId>,
    /// When each that wants to send wants to.
    wakes: BTreeMap<DestinationId, Moment>,
    /// Those that want to send later, in the order of time.
    later: BTreeSet<(Moment, DestinationId)>,
    /// Those that want to send now.
    due: BTreeSet<DestinationId>,
    /// The destination that sent last.
    last: Option<DestinationId>,
}

impl Turns {
    /// Registers that a destination may want to send at another time than before.
    pub(super) fn changed(&mut self, id: DestinationId) {
        self.changed.insert(id);
        self.busy.insert(id);
    }

    /// Asks those that have changed whether they have events, and when they want to send.
    pub(super) fn ask(&mut self, now: Moment, answer: impl Fn(DestinationId) -> (bool, Option<Moment>)) {
        for id in std::mem::take(&mut self.changed) {
            self.due.remove(&id);
            if let Some(before) = self.wakes.remove(&id) {
                self.later.remove(&(before, id));
            }
            let (is_busy, wake) = answer(id);
            if !is_busy {
                self.busy.remove(&id);
            }
            if let Some(at) = wake.filter(|_| is_busy) {
                self.wakes.insert(id, at);
                self.later.insert((at, id));
            }
        }
        while let Some((at, id)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, id));
            self.due.insert(id);
        }
    }

    /// Those that have events, and maybe others that have changed.
    pub(super) fn busy(&self) -> impl Iterator<Item = DestinationId> {
        self.busy.iter().copied()
    }

    /// Those that want to send now, in round-robin order: the one that has waited longest for its turn comes
    /// first.
    pub(super) fn due(&self) -> impl Iterator<Item = DestinationId> {
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let before = self.last.map_or(Bound::Excluded(DestinationId(0)), Bound::Included);
        self.due.range((after, Bound::Unbounded)).chain(self.due.range((Bound::Unbounded, before))).copied()
    }

    /// Whether more than one wants to send now.
    pub(super) fn is_contested(&self) -> bool {
        self.due.len() > 1
    }

    /// When the next one wants to send. If one wants to now, the moment is in the past.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        if self.due.is_empty() { self.later.first().map(|(at, _)| *at) } else { Some(Moment::START) }
    }

    /// Registers that a destination has sent.
    pub(super) fn sent(&mut self, id: DestinationId) {
        self.last = Some(id);
        self.changed(id);
    }

    /// When a destination wants to send, as far as it was asked.
    #[cfg(test)]
    pub(super) fn wake_of(&self, id: DestinationId) -> Option<Moment> {
        assert!(self.changed.is_empty(), "all have been asked");
        let wake = self.wakes.get(&id).copied();
        let waits = usize::from(wake.is_some_and(|at| self.later.contains(&(at, id))));
        let is_due = usize::from(self.due.contains(&id));
        assert_eq!(waits + is_due, usize::from(wake.is_some()), "{id:?} is either due or waits");
        wake
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: DestinationId = DestinationId(0);
    const B: DestinationId = DestinationId(1);
    const C: DestinationId = DestinationId(2);

    #[test]
    fn those_that_want_to_send_take_turns() {
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        let mut turns = Turns::default();
        let due = |turns: &Turns| turns.due().collect::<Vec<_>>();
        for id in [A, B, C] {
            turns.changed(id);
        }
        turns.ask(at(1), |id| (id != B, Some(at(1 + u64::from(id.0)))));
        assert_eq!(turns.busy().collect::<Vec<_>>(), [A, C]);
        assert_eq!(
            (due(&turns), turns.is_contested(), turns.next_wake()),
            (vec![A], false, Some(Moment::START))
        );
        turns.sent(A);
        turns.ask(at(1), |_| (true, Some(at(2))));
        assert_eq!((due(&turns), turns.next_wake()), (vec![], Some(at(2))));
        turns.ask(at(3), |_| panic!("nothing has changed"));
        assert_eq!((due(&turns), turns.is_contested()), (vec![C, A], true));
        turns.sent(C);
        turns.ask(at(3), |_| (true, None));
        assert_eq!(due(&turns), [A]);
        turns.changed(A);
        turns.ask(at(3), |_| (false, None));
        assert_eq!((turns.next_wake(), turns.busy().collect::<Vec<_>>()), (None, vec![C]));
    }
}

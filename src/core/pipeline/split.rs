//! Refused requests that are being traced to their culprits by halving.
//!
//! A refusal of a request says nothing of any one event. Its halves are sent separately, as cohorts, until
//! single events are refused. Such an event is at fault only if others of the request were not: refused
//! single events are parked until something else of their split is taken, or refused for another reason.
//! An event that leaves without an answer (its partition is gone, or it was given up) says nothing.
//!
//! Knows nothing of lanes and requests.

use std::collections::BTreeMap;

use crate::core::{
    event::{EndpointId, Refusal},
    pipeline::endpoint_queue::{Cohort, Item},
};

/// An event that was refused on its own, while it is not decided whether that was its fault.
#[derive(Clone)]
pub(super) struct Parked {
    pub(super) endpoint_id: EndpointId,
    pub(super) item: Item,
    pub(super) refusal: Refusal,
}

/// All splits that are not decided yet.
#[derive(Default)]
pub(super) struct Splits {
    next: u64,
    open: BTreeMap<u64, Split>,
}

#[derive(Default)]
struct Split {
    /// Events that were neither judged nor parked yet.
    left: usize,
    /// Some left without an answer.
    departed: bool,
    parked: Vec<Parked>,
    /// Something of it was taken, or refused for another reason: each refusal is final.
    proven: bool,
}

/// The refusals of splits of which nothing is left.
#[derive(Default)]
pub(super) struct Closed {
    /// Every single event was refused with one code: that is not the events' fault.
    pub(super) unanimous: Vec<Parked>,
    /// The only one refused of those that were answered: one refusal tells nothing.
    pub(super) undecided: Vec<Parked>,
}

impl Splits {
    /// Begins to trace the refusal of a request of so many events. `proven`: refusals are final from the
    /// start.
    pub(super) fn open(&mut self, events: usize, proven: bool) -> u64 {
        self.next += 1;
        self.open.insert(self.next, Split { left: events, proven, ..Split::default() });
        self.next
    }

    /// A new part of a request, of a split or of none.
    pub(super) fn cohort(&mut self, split: Option<u64>) -> Cohort {
        self.next += 1;
        Cohort { id: self.next, split }
    }

    /// An event was answered, and is not one of those to be judged any more.
    pub(super) fn leave(&mut self, item: &mut Item) {
        if let Some(open) = self.take_out(item) {
            open.left = open.left.saturating_sub(1);
        }
    }

    /// An event goes for good; if it is still to be judged, nobody knows how it would have been.
    pub(super) fn depart(&mut self, item: &mut Item) {
        if let Some(open) = self.take_out(item) {
            open.left = open.left.saturating_sub(1);
            open.departed = true;
        }
    }

    fn take_out(&mut self, item: &mut Item) -> Option<&mut Split> {
        let split = item.past.cohort.take()?.split?;
        self.open.get_mut(&split)
    }

    /// A single event of the split was refused; returns the refusals that are final with that.
    pub(super) fn refuse(&mut self, split: u64, parked: Parked) -> Vec<Parked> {
        let Some(open) = self.open.get_mut(&split) else { return vec![parked] };
        let another = open.parked.first().is_some_and(|first| first.refusal.code != parked.refusal.code);
        open.parked.push(parked);
        if another || open.proven { self.prove(split) } else { Vec::new() }
    }

    /// Something of the split was taken: its refusals so far, which are final, and those to come.
    pub(super) fn prove(&mut self, split: u64) -> Vec<Parked> {
        let Some(open) = self.open.get_mut(&split) else { return Vec::new() };
        open.proven = true;
        std::mem::take(&mut open.parked)
    }

    /// Closes the splits of which nothing is left.
    pub(super) fn close(&mut self) -> Closed {
        let mut closed = Closed::default();
        for (_, split) in self.open.extract_if(.., |_, split| split.left == 0) {
            let undecided = split.departed && split.parked.len() == 1;
            let parked = if undecided { &mut closed.undecided } else { &mut closed.unanimous };
            parked.extend(split.parked);
        }
        closed
    }

    /// Takes the parked events for which `gone` holds.
    pub(super) fn remove(&mut self, gone: impl Fn(&Parked) -> bool) -> Vec<Parked> {
        let parked = self.open.values_mut().map(|split| &mut split.parked);
        parked.flat_map(|parked| parked.extract_if(.., |parked| gone(parked)).collect::<Vec<_>>()).collect()
    }
}

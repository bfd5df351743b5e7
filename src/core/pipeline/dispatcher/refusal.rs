//! A refused request is halved until its culprit stands alone; if there is none, it is the set-up.
//!
//! Knows nothing of why anything is refused. What always holds: an event of a request of several is refused
//! for good only when others of it were not (see [`split`](crate::core::pipeline::split)).

use crate::core::{
    event::Refusal,
    pipeline::{
        dispatcher::{Dispatcher, Flight, Outcomes, Verdict},
        endpoint_queue::Block,
        hold::HoldKind,
        split::Parked,
    },
};

impl Dispatcher {
    /// The whole request was refused for what is in it.
    pub(super) fn refused(&mut self, flight: Flight, refusal: &Refusal, out: &mut Outcomes) {
        match self.hold.as_ref().map(|hold| hold.kind) {
            Some(HoldKind::Refused) if flight.events() == 1 => return self.park_probe(flight, refusal),
            // From before the hold: to trace it now would only waste the quota.
            Some(HoldKind::Refused) => return self.send_again(flight, refusal.code, Block::Free),
            // The caller is known again: what is refused now is the request.
            Some(HoldKind::SetUp) => self.end_hold(flight.started, out),
            None => {}
        }
        if flight.events() > 1 {
            self.count_retries(refusal.code, flight.events() as u64);
            let convicted = flight.items().any(|item| item.past.convicted);
            let split = flight.split().unwrap_or_else(|| self.splits.open(flight.events(), convicted));
            return self.halve(flight, Some(split), Block::Free);
        }
        for (endpoint_id, mut items) in flight.endpoints {
            let Some(mut item) = items.pop() else { continue };
            let split = item.past.cohort.and_then(|cohort| cohort.split);
            if let Some(split) = split.filter(|_| self.live.contains(&item.ownership)) {
                self.splits.leave(&mut item);
                self.batcher.park(&endpoint_id);
                self.put_back(&endpoint_id, Vec::new(), Block::Free);
                let refusal = refusal.clone();
                let guilty = self.splits.refuse(split, Parked { endpoint_id, item, refusal });
                self.convict(guilty, out);
            } else {
                self.put_back(&endpoint_id, Vec::new(), Block::Free);
                self.forget(&mut item);
                out.verdicts.push(Verdict::Refused(item, refusal.clone()));
            }
        }
    }

    /// The probe of a hold for refusals was refused as well: it waits with the others.
    pub(super) fn park_probe(&mut self, flight: Flight, refusal: &Refusal) {
        for (endpoint_id, items) in flight.endpoints {
            for mut item in items {
                if !self.live.contains(&item.ownership) {
                    self.forget(&mut item);
                    continue;
                }
                self.splits.leave(&mut item);
                self.batcher.park(&endpoint_id);
                let parked = Parked { endpoint_id: endpoint_id.clone(), item, refusal: refusal.clone() };
                self.hold.iter_mut().for_each(|hold| hold.parked.push_back(parked.clone()));
            }
            self.put_back(&endpoint_id, Vec::new(), Block::Free);
        }
    }

    pub(super) fn convict(&mut self, guilty: Vec<Parked>, out: &mut Outcomes) {
        for mut parked in guilty {
            self.batcher.unpark(&parked.endpoint_id, None);
            self.forget(&mut parked.item);
            out.verdicts.push(Verdict::Refused(parked.item, parked.refusal));
        }
    }

    /// Sends the two halves of a request separately from now on.
    pub(super) fn halve(&mut self, mut flight: Flight, split: Option<u64>, block: Block) {
        let half = flight.events().div_ceil(2);
        let cohorts = [self.splits.cohort(split), self.splits.cohort(split)];
        for (index, item) in flight.items_mut().enumerate() {
            item.past.cohort = Some(cohorts[usize::from(index >= half)]);
        }
        for (endpoint_id, items) in flight.endpoints {
            self.put_back(&endpoint_id, items, block);
        }
    }
}

//! Halves a refused request in quarantine until its culprit is isolated. If there is no culprit, the set-up
//! is wrong.
//!
//! Knows nothing of why anything is refused. What always holds: an event of a larger request is refused for
//! good only if another event was accepted afterwards, or was refused with a different code.

use crate::core::{
    event::Refusal,
    pipeline::dispatcher::{
        Dispatcher,
        endpoint_queue::Block,
        events::Events,
        flight::{Flight, From},
        hold::HoldKind,
        quarantine::{Accused, Cause, Part},
    },
    time::Moment,
};

impl Dispatcher {
    /// Handles a request that was refused as a whole because of its content.
    pub(super) fn refused(&mut self, flight: Flight, refusal: Refusal) {
        let is_half_of_a_probe = matches!(flight.from, From::Half(_))
            && self.hold.as_ref().is_some_and(|hold| hold.is_probe(flight.started));
        match self.hold.as_ref().map(|hold| hold.kind) {
            // The probe was refused as well, so it waits with the other accused events.
            Some(HoldKind::Refused) if flight.sent == 1 => {
                return self.accuse_probe(flight, &refusal);
            }
            // The request started before the hold. Halving it now would only waste the quota.
            Some(HoldKind::Refused) if !is_half_of_a_probe => {
                return self.send_again(flight, refusal.code, Block::Free);
            }
            // The set-up is right again, so this refusal is about the request. If the first refusal is that
            // of a single event, it proves nothing.
            Some(HoldKind::SetUp) => {
                self.end_hold(flight.started);
                let is_judged = matches!(flight.from, From::Half(Cause::Refused { .. }));
                if flight.sent == 1 && !is_judged && self.events > 1 {
                    return self.halve(flight, &refusal);
                }
            }
            Some(HoldKind::Refused) | None => {}
        }
        if flight.sent > 1 {
            return self.halve(flight, &refusal);
        }
        let Flight { events, from, started, .. } = flight;
        let Some((endpoint_id, item)) = events.into_first() else { return };
        if let From::Half(Cause::Refused { .. }) = from {
            let guilty = self.quarantine.accuse(Accused { endpoint_id, item, refusal }, started);
            return self.convict(guilty);
        }
        self.refuse(&item, refusal);
        self.put_back(&endpoint_id, from, 1, Vec::new(), Block::Free);
    }

    fn halve(&mut self, flight: Flight, refusal: &Refusal) {
        self.count_retries(refusal.code, flight.events.len() as u64);
        let not_before = Moment::START;
        if let From::Half(cause @ Cause::Refused { .. }) = flight.from {
            return self.quarantine.halve(Part { events: flight.events, cause, not_before });
        }
        if let From::Half(_) = flight.from {
            self.quarantine.depart();
        }
        let cause = Cause::Refused { proven: false };
        self.quarantine(flight.from, Part { events: flight.events, cause, not_before });
    }

    fn accuse_probe(&mut self, flight: Flight, refusal: &Refusal) {
        if flight.from == From::Queues {
            flight.events.0.iter().for_each(|(id, items)| self.batcher.quarantine(id, items.len()));
        }
        self.keep_accused(flight, refusal);
    }

    /// Makes these refusals final.
    pub(super) fn convict(&mut self, guilty: Vec<Accused>) {
        for Accused { endpoint_id, item, refusal } in guilty {
            self.refuse(&item, refusal);
            self.batcher.unquarantine(&endpoint_id, 1, Vec::new(), Block::Free);
        }
    }

    /// Decides about a request that was halved, once no part of it is left to send or in flight.
    pub(super) fn close_quarantine(&mut self, now: Moment) {
        if self.flights.values().any(|flight| matches!(flight.from, From::Half(_))) {
            return;
        }
        let closed = self.quarantine.close();
        if let Some(Accused { endpoint_id, item, .. }) = closed.undecided {
            self.batcher.unquarantine(&endpoint_id, 1, vec![item], Block::Free);
        }
        let Some(code) = closed.unanimous.first().map(|accused| accused.refusal.code) else { return };
        if self.hold.as_ref().is_some_and(|hold| hold.kind == HoldKind::SetUp) {
            // While the set-up is wrong, unanimous refusals prove nothing: the events are halved again
            // afterwards.
            let events = closed.unanimous.into_iter().map(|accused| (accused.endpoint_id, accused.item));
            let (events, cause) = (Events::gathered(events), Cause::Refused { proven: false });
            return self.quarantine.admit(Part { events, cause, not_before: Moment::START });
        }
        self.quarantine.keep(closed.unanimous);
        if self.succeeded_since(closed.refused) {
            // Others were accepted after all of them were refused, so the set-up is not at fault.
            return self.quarantine.try_accused();
        }
        self.enter_hold(now, code, HoldKind::Refused);
    }
}

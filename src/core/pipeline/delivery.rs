//! Moves the events of a record into the queues of their destinations, and from there into requests.
//!
//! Knows nothing of the meaning of a destination's answers.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::core::{
    code::Code,
    destination::{Answer, DestinationId, Fitted, Request, RequestId},
    event::{Delivery, Mapped, Portions, Refusal},
    pipeline::{
        Action, Pipeline,
        ledger::{HOLDING, RecordId},
        narrowing::Missing,
        quota_domain::QuotaDomain,
        refusals::Refusals,
    },
    record::Ownership,
    redrive::Selection,
    route::Route,
    time::Moment,
};

/// The code of an event that no route matches.
const UNROUTED: Code = Code("unrouted");

/// A record on its way to its destinations: the events for each of them, and the refusals.
pub(super) struct Routed {
    pub(super) record: RecordId,
    pub(super) ownership: Ownership,
    pub(super) fitted: SmallVec<[(DestinationId, Fitted); 2]>,
    /// The bytes of memory that it takes while it waits for room. Its destinations share the memory of an
    /// event.
    pub(super) bytes: usize,
    refused: Refusals,
    /// The remaining portions. Each follows when there is room for it.
    more: Option<Portions>,
    /// Whether a portion was admitted.
    pub(super) begun: bool,
    /// What the record was redriven for and has not become yet.
    missing: Missing,
}

impl Routed {
    /// Whether there is nothing to admit.
    fn is_empty(&self) -> bool {
        self.fitted.is_empty() && self.refused.is_empty()
    }
}

/// The bytes of memory that the events of a record take before they are routed.
pub(super) fn weight(mapped: &Mapped) -> usize {
    match mapped {
        Mapped::Deliver(deliveries) | Mapped::Partly(deliveries, _) => {
            deliveries.iter().map(|delivery| delivery.text_bytes() + HOLDING).sum()
        }
        Mapped::InPortions(portions) => portions.bytes(),
        Mapped::Ignored(_) | Mapped::Refused(_) => 0,
    }
}

impl Pipeline {
    pub(super) fn deliver(&mut self, now: Moment, record: RecordId, ownership: Ownership, mapped: Mapped) {
        let redriven = self.ledger.record(record).and_then(|record| record.redriven.as_deref());
        let mut missing = Missing::of(redriven);
        let (deliveries, refusal, more) = match mapped {
            // What the record was redriven for was an event once.
            Mapped::Ignored(_) if missing.is_any() => (Vec::new(), None, None),
            Mapped::Ignored(code) => return self.ignore(now, record, code),
            Mapped::Refused(refusal) => (Vec::new(), Some(refusal), None),
            Mapped::Deliver(deliveries) => (deliveries, None, None),
            Mapped::Partly(deliveries, refusal) => (deliveries, Some(refusal), None),
            Mapped::InPortions(mut portions) => {
                // The record is not settled before its last portion is admitted.
                self.ledger.oblige(record, 1, portions.bytes());
                (Vec::new(), portions.take_refusal(), Some(portions))
            }
        };
        let fitted = SmallVec::with_capacity(deliveries.len());
        // The part that cannot be read may be what the record was redriven for, or an event that is not wanted.
        let refusal = missing.take_reason(refusal);
        let refused = refusal.map(|refusal| (refusal, Selection::WHOLE)).into_iter().collect();
        let mut routed = Routed { record, ownership, fitted, bytes: 0, refused, more, begun: false, missing };
        for delivery in &deliveries {
            self.route(delivery, &mut routed);
        }
        if routed.is_empty() {
            let Some(portion) = self.next_portion(now, routed) else { return };
            routed = portion;
        }
        self.admit_or_stall(now, routed);
    }

    /// Routes the next portion of a record that has anything to admit. If there is none, the record is
    /// ignored, unless an earlier portion was admitted.
    fn next_portion(&mut self, now: Moment, mut routed: Routed) -> Option<Routed> {
        while let Some(deliveries) = routed.more.as_mut().and_then(Portions::next_deliveries) {
            for delivery in &deliveries {
                self.route(delivery, &mut routed);
            }
            if !routed.is_empty() {
                return Some(routed);
            }
        }
        for (refusal, selection) in routed.missing.take_refusals() {
            routed.refused.add_all(&refusal, selection);
        }
        if !routed.is_empty() {
            return Some(routed);
        }
        if !routed.begun {
            self.ignore(now, routed.record, UNROUTED);
        } else if let Some(portions) = routed.more {
            self.fulfil(now, routed.record, portions.bytes());
        }
        None
    }

    fn route(&mut self, delivery: &Delivery, routed: &mut Routed) {
        let Some(record) = self.ledger.record(routed.record) else { return };
        let (redriven, id) = (record.redriven.as_deref(), &delivery.event.id);
        if redriven.is_some_and(|redriven| !redriven.wants_event(id)) {
            return;
        }
        let event_type = delivery.event.event_type;
        let topic = record.original().topic;
        let destinations = match self.router.route(topic, delivery.origin.as_deref(), event_type) {
            Route::To(destinations) => destinations,
            Route::Ignore => return routed.missing.found(None, id),
            Route::DeadLetter => {
                routed.missing.found(None, id);
                let refusal = Refusal { code: UNROUTED, message: "no route matches the event".to_owned() };
                return routed.refused.add(refusal, None, (**id).into());
            }
        };
        let bare;
        let delivery = if redriven.is_some() {
            bare = delivery.without_snapshot();
            &bare
        } else {
            delivery
        };
        routed.bytes += delivery.text_bytes() + HOLDING;
        for to in destinations {
            let (_, dispatcher) = &mut self.dispatchers[usize::from(to.0)];
            if let Some(redriven) = redriven {
                if !redriven.wants(dispatcher.name(), id) {
                    continue;
                }
                routed.missing.found(Some(dispatcher.name()), id);
            }
            match dispatcher.fit(delivery.clone()) {
                Ok(fitted) if fitted.bytes > dispatcher.max_bytes() => {
                    let message = "the event is larger than a request may be".to_owned();
                    let refusal = Refusal { code: Code("event_too_large"), message };
                    routed.refused.add(refusal, Some(dispatcher.name()), (**id).into());
                }
                Ok(fitted) => routed.fitted.push((*to, fitted)),
                Err(refusal) => routed.refused.add(refusal, Some(dispatcher.name()), (**id).into()),
            }
        }
    }

    /// Hands the events of a record to their destinations, one portion after the other while there is room.
    /// Returns the portion that must wait, if any. There must be room for the first one.
    pub(super) fn admit(&mut self, now: Moment, mut routed: Routed) -> Option<Routed> {
        loop {
            self.admit_portion(now, &mut routed);
            routed = self.next_portion(now, routed)?;
            if !self.has_room(now, &routed) {
                return Some(routed);
            }
        }
    }

    fn admit_portion(&mut self, now: Moment, routed: &mut Routed) {
        let (record, ownership) = (routed.record, routed.ownership);
        let (whole, mut first) = (self.whole_bytes(routed), BTreeSet::new());
        let (fitted, refused) = (std::mem::take(&mut routed.fitted), std::mem::take(&mut routed.refused));
        (routed.bytes, routed.begun) = (0, true);
        // An event takes about as many bytes in memory as in a request.
        let bytes: usize = fitted.iter().map(|(_, fitted)| fitted.bytes + HOLDING).sum();
        self.ledger.oblige(record, fitted.len() + refused.letters(), bytes + refused.weight());
        for (refusal, selection) in refused {
            self.refuse(now, record, refusal, selection);
        }
        for (id, fitted) in fitted {
            let (domain, dispatcher) = &mut self.dispatchers[usize::from(id.0)];
            let own = if whole > 0 && first.insert(id) { whole } else { 0 };
            let held = fitted.bytes + HOLDING + own;
            dispatcher.accept(now, record, ownership, &fitted, held);
            self.domains[*domain].turns.changed(id);
        }
    }

    fn ignore(&mut self, now: Moment, record: RecordId, code: Code) {
        let is_redriven = self.is_redriven(record);
        if let Some(topic) = self.ledger.ignore(record, code).filter(|_| !is_redriven) {
            self.pass(now, &topic);
        }
    }

    /// Handles the answer to a request.
    pub(super) fn sent(&mut self, now: Moment, destination: DestinationId, id: RequestId, answer: Answer) {
        let Some((domain, dispatcher)) = self.dispatchers.get_mut(usize::from(destination.0)) else { return };
        let domain = &mut self.domains[*domain];
        dispatcher.finish(now, id, answer, domain);
        domain.turns.changed(destination);
        self.conclude(now, destination);
    }

    /// Sends every request that may start now.
    pub(super) fn send(&mut self, now: Moment) {
        for domain in 0..self.domains.len() {
            self.ask(now, domain);
            while let Some(request) = self.next_request(now, domain) {
                self.output.push(Action::Send(request));
                self.ask(now, domain);
            }
            // Those that were due and had nothing to send after all may have changed.
            self.ask(now, domain);
        }
    }

    /// Asks the destinations of a domain that have changed when they want to send.
    fn ask(&mut self, now: Moment, domain: usize) {
        let answer = |id: DestinationId| {
            let dispatcher = &self.dispatchers[usize::from(id.0)].1;
            (dispatcher.events() > 0, dispatcher.next_wake(self.draining))
        };
        self.domains[domain].turns.ask(now, answer);
    }

    /// Has all destinations asked again when they want to send.
    pub(super) fn ask_all(&mut self) {
        for (id, (domain, _)) in (0..).map(DestinationId).zip(&self.dispatchers) {
            self.domains[*domain].turns.changed(id);
        }
    }

    /// Returns the next request of a domain. Destinations with due events take turns, and while another one
    /// waits, none has more than half of the domain's requests in flight.
    fn next_request(&mut self, now: Moment, domain: usize) -> Option<Request> {
        let domain = &mut self.domains[domain];
        if domain.quota.next_start()? > now {
            return None;
        }
        let is_contested = domain.turns.is_contested();
        let most = if is_contested { domain.quota.in_flight_cap().div_ceil(2) } else { usize::MAX };
        let mut unable = Vec::new();
        let request = domain.turns.due().find_map(|id| {
            let dispatcher = &mut self.dispatchers[usize::from(id.0)].1;
            if dispatcher.in_flight() >= most {
                return None;
            }
            let request = dispatcher.next_request(now, RequestId(self.next_request), self.draining);
            if request.is_none() {
                unable.push(id);
            }
            request
        });
        for id in unable {
            domain.turns.changed(id);
        }
        let request = request?;
        self.next_request += 1;
        domain.start(now, request.destination);
        Some(request)
    }

    /// When the next request may start, if no input comes first.
    pub(super) fn next_send(&self) -> Option<Moment> {
        let of_domain =
            |domain: &QuotaDomain| Some(domain.quota.next_start()?.max(domain.turns.next_wake()?));
        self.domains.iter().filter_map(of_domain).min()
    }

    /// Checks that each destination has been asked since it last changed.
    #[cfg(test)]
    pub(super) fn check_turns(&self) {
        for (id, (domain, dispatcher)) in (0..).map(DestinationId).zip(&self.dispatchers) {
            let wake = dispatcher.next_wake(self.draining).filter(|_| dispatcher.events() > 0);
            assert_eq!(self.domains[*domain].turns.wake_of(id), wake, "{id:?} has changed unnoticed");
        }
    }
}

//! Requests that were refused or keep failing, kept as they were until their culprits stand alone.
//!
//! A refusal of a request says nothing about any one event. Such a request is halved, one request at a time,
//! until single events are refused. Such an event is at fault only if others of its request were not: it is
//! *accused* until another event of the request is accepted, or is refused for another reason. If every event
//! is refused with one code, that is not the events' fault. A request that keeps failing, or is denied, is kept
//! whole and sent again, ever later, and halved once other requests succeed.
//!
//! Knows nothing of queues, quota and answers. What always holds: every event that went in is in a waiting
//! request, in a part, accused, or was handed out.

use std::collections::VecDeque;

use crate::core::{
    event::{EndpointId, Refusal},
    pipeline::dispatcher::{endpoint_queue::Item, events::Events},
    time::Moment,
};

/// Why a request is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was refused as a whole. `proven`: others were accepted meanwhile, so its refusals are final.
    Refused { proven: bool },
    /// It keeps failing, or was denied. `halve`: other requests succeed meanwhile.
    Failing { halve: bool },
    /// Its only event keeps failing while others succeed.
    Stuck,
}

/// A request in quarantine, or a part of one.
pub(super) struct Part {
    pub(super) events: Events,
    pub(super) cause: Cause,
    pub(super) not_before: Moment,
}

/// An event that was refused alone, until it is decided whether that was its own fault.
pub(super) struct Accused {
    pub(super) endpoint_id: EndpointId,
    pub(super) item: Item,
    pub(super) refusal: Refusal,
}

/// How a request that was halved ended, if not with a verdict for each event.
#[derive(Default)]
pub(super) struct Closed {
    /// Every event was refused with one code: that is not the events' fault.
    pub(super) unanimous: Vec<Accused>,
    /// The only refused event among those that were answered: one refusal proves nothing.
    pub(super) undecided: Option<Accused>,
}

#[derive(Default)]
pub(super) struct Quarantine {
    /// The request that is being halved.
    trace: Option<Trace>,
    waiting: VecDeque<Part>,
    /// Events that were refused unanimously, during the hold for that; oldest first.
    accused: VecDeque<Accused>,
}

struct Trace {
    /// The parts still to be sent, in the order of the request.
    parts: VecDeque<Part>,
    /// The endpoints of its parts in flight.
    flying: Vec<EndpointId>,
    accused: Vec<Accused>,
    /// Some events left without an answer.
    departed: bool,
    /// An event of it was accepted, or two were refused for different reasons: each refusal is final.
    proven: bool,
}

/// A part to send, and where it comes from.
pub(super) enum Next {
    /// A part of the request that is being halved.
    Half(Part),
    /// A whole request that failed before.
    Whole(Part),
}

impl Quarantine {
    pub(super) fn admit(&mut self, part: Part) {
        if !part.events.is_empty() {
            self.waiting.push_back(part);
        }
    }

    /// A part of the request that is being halved was answered.
    pub(super) fn landed(&mut self, events: &Events) {
        if let Some(trace) = &mut self.trace {
            trace.flying.retain(|flying| !events.0.iter().any(|(id, _)| id == flying));
        }
    }

    /// Takes back a part of the request that is being halved, to be sent again.
    pub(super) fn retry(&mut self, part: Part) {
        let Some(trace) = &mut self.trace else { return self.waiting.push_back(part) };
        if !part.events.is_empty() {
            trace.parts.push_front(part);
        }
    }

    /// Takes back a part, to be sent in two halves.
    pub(super) fn halve(&mut self, part: Part) {
        let Some(trace) = &mut self.trace else { return self.waiting.push_back(part) };
        for half in halves(part).into_iter().rev().filter(|half| !half.events.is_empty()) {
            trace.parts.push_front(half);
        }
    }

    /// Some events of the request that is being halved leave without an answer.
    pub(super) fn depart(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.departed = true;
        }
    }

    /// A single event was refused; returns the events whose refusal is final with that.
    pub(super) fn accuse(&mut self, accused: Accused) -> Vec<Accused> {
        let Some(trace) = &mut self.trace else { return vec![accused] };
        let another = trace.accused.first().is_some_and(|first| first.refusal.code != accused.refusal.code);
        trace.accused.push(accused);
        if another || trace.proven { self.prove() } else { Vec::new() }
    }

    /// An event of the request that is being halved was accepted: all its refusals are final, past and
    /// future.
    pub(super) fn prove(&mut self) -> Vec<Accused> {
        let Some(trace) = &mut self.trace else { return Vec::new() };
        trace.proven = true;
        std::mem::take(&mut trace.accused)
    }

    /// The next part to send now, if there is one; it counts as in flight.
    pub(super) fn next(&mut self, now: Moment) -> Option<Next> {
        self.begin();
        if let Some(trace) = &mut self.trace
            && let Some(part) = trace.next(now)
        {
            trace.flying.extend(part.events.0.iter().map(|(id, _)| id.clone()));
            return Some(Next::Half(part));
        }
        let due = |part: &Part| !part.is_to_be_halved() && part.not_before <= now;
        let index = self.waiting.iter().position(due)?;
        self.waiting.remove(index).map(Next::Whole)
    }

    /// One endpoint's events of a whole request, to see whether they are accepted. The others of the request
    /// wait behind all other requests.
    pub(super) fn next_single(&mut self, now: Moment) -> Option<Part> {
        let is_whole = |part: &Part| part.cause == Cause::Failing { halve: false };
        let index = self.waiting.iter().position(|part| is_whole(part) && part.not_before <= now)?;
        let mut single = self.waiting.remove(index)?;
        let events = Events(single.events.0.split_off(1));
        self.admit(Part { events, ..single });
        Some(single)
    }

    /// When there may be a part to send; a past moment if there is one now.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        let halves = self.trace.iter().flat_map(|trace| trace.sendable().map(|index| &trace.parts[index]));
        let wholes = self.waiting.iter().filter(|part| self.trace.is_none() || !part.is_to_be_halved());
        halves.chain(wholes).map(|part| part.not_before).min()
    }

    /// Begins to halve the next request, if none is being halved.
    fn begin(&mut self) {
        if self.trace.is_some() {
            return;
        }
        let Some(index) = self.waiting.iter().position(Part::is_to_be_halved) else { return };
        let Some(part) = self.waiting.remove(index) else { return };
        let proven = part.cause == Cause::Refused { proven: true };
        // Accused events have been sent alone already: they go together once more, and then in halves. If the
        // other events of a request have left, its refusal says nothing about the one that remains.
        let alone = part.events.len() < 2;
        let parts = if proven || alone { [part].into() } else { halves(part).into() };
        self.trace = Some(Trace { parts, flying: Vec::new(), accused: Vec::new(), departed: alone, proven });
    }

    /// Closes the request that is being halved, if nothing of it is left to send.
    pub(super) fn close(&mut self) -> Closed {
        let done = |trace: &mut Trace| trace.parts.is_empty() && trace.flying.is_empty();
        let Some(mut trace) = self.trace.take_if(done) else { return Closed::default() };
        if trace.departed && trace.accused.len() == 1 {
            return Closed { undecided: trace.accused.pop(), ..Closed::default() };
        }
        Closed { unanimous: trace.accused, undecided: None }
    }

    /// Keeps events that were refused unanimously, during the hold for that.
    pub(super) fn keep(&mut self, accused: impl IntoIterator<Item = Accused>) {
        self.accused.extend(accused);
    }

    /// The accused event that has waited longest, to see whether it is still refused.
    pub(super) fn next_accused(&mut self) -> Option<Accused> {
        self.accused.pop_front()
    }

    pub(super) fn has_accused(&self) -> bool {
        !self.accused.is_empty()
    }

    /// Sends the accused events once more. Others were accepted since, so a refusal is final now.
    pub(super) fn try_accused(&mut self) {
        let accused = self.accused.drain(..).map(|accused| (accused.endpoint_id, accused.item));
        let events = Events::gathered(accused);
        if !events.is_empty() {
            self.waiting.push_front(Part {
                events,
                cause: Cause::Refused { proven: true },
                not_before: Moment::START,
            });
        }
    }

    /// Takes out the requests that wait because they kept failing: other requests succeed again.
    pub(super) fn take_failing(&mut self) -> impl Iterator<Item = Events> {
        let failing = |part: &Part| part.cause == Cause::Failing { halve: false };
        let (failing, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(failing);
        self.waiting = rest.into();
        failing.into_iter().map(|part| part.events)
    }

    /// Takes an endpoint's unsent events out of the request that is being halved, because an earlier event
    /// must be sent again.
    pub(super) fn take_endpoint(&mut self, endpoint_id: &EndpointId) -> Vec<Item> {
        let Some(trace) = &mut self.trace else { return Vec::new() };
        let taken: Vec<_> = trace.parts.iter_mut().flat_map(|part| part.events.take(endpoint_id)).collect();
        trace.parts.retain(|part| !part.events.is_empty());
        trace.departed |= !taken.is_empty();
        taken
    }

    /// Takes out every event for which `gone` holds; those in flight are not here.
    pub(super) fn extract(&mut self, gone: impl Fn(&Item) -> bool) -> Vec<(EndpointId, Item)> {
        let mut taken = Vec::new();
        if let Some(trace) = &mut self.trace {
            let before = taken.len();
            trace.parts.iter_mut().for_each(|part| part.events.extract(&gone, &mut taken));
            trace.parts.retain(|part| !part.events.is_empty());
            extract(&mut trace.accused, &gone, &mut taken);
            trace.departed |= taken.len() > before;
        }
        self.waiting.iter_mut().for_each(|part| part.events.extract(&gone, &mut taken));
        self.waiting.retain(|part| !part.events.is_empty());
        let mut accused = std::mem::take(&mut self.accused).into();
        extract(&mut accused, &gone, &mut taken);
        self.accused = accused.into();
        taken
    }

    /// All events that are here; those in flight are not.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        let parts = self.trace.iter().flat_map(|trace| &trace.parts).chain(&self.waiting);
        let accused = self.trace.iter().flat_map(|trace| &trace.accused).chain(&self.accused);
        parts.flat_map(|part| part.events.iter()).chain(accused.map(|accused| &accused.item))
    }

    /// Whether it has anything to send, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.trace.is_none() && self.waiting.is_empty() && self.accused.is_empty()
    }
}

impl Trace {
    fn next(&mut self, now: Moment) -> Option<Part> {
        let index = self.sendable().find(|index| self.parts[*index].not_before <= now)?;
        self.parts.remove(index)
    }

    /// The indexes of the parts that share no endpoint with an earlier part, or with one in flight.
    fn sendable(&self) -> impl Iterator<Item = usize> {
        (0..self.parts.len()).filter(|index| {
            let events = &self.parts[*index].events;
            let flies = events.0.iter().any(|(id, _)| self.flying.contains(id));
            !flies && !self.parts.iter().take(*index).any(|earlier| earlier.events.shares(events))
        })
    }
}

impl Part {
    fn is_to_be_halved(&self) -> bool {
        matches!(self.cause, Cause::Refused { .. } | Cause::Failing { halve: true })
    }
}

fn halves(part: Part) -> [Part; 2] {
    let Part { events, cause, not_before } = part;
    events.halve().map(|events| Part { events, cause, not_before })
}

fn extract(from: &mut Vec<Accused>, gone: impl Fn(&Item) -> bool, taken: &mut Vec<(EndpointId, Item)>) {
    let accused = from.extract_if(.., |accused| gone(&accused.item));
    taken.extend(accused.map(|accused| (accused.endpoint_id, accused.item)));
}

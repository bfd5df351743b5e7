//! The quarantine keeps requests that were refused or keep failing, until their culprits are isolated.
//!
//! The refusal of a request says nothing about any single event. Such a request is halved, one request at a
//! time, until single events are refused. A refused event is at fault only if others of its request are not:
//! it is *accused* until another event of the request is accepted, or is refused for a different reason. If
//! every event is refused with the same code, the events are not at fault. A request that keeps failing, or
//! is denied, is kept whole and retried with growing delays. It is halved once other requests succeed.
//!
//! Knows nothing of queues, quota and answers. What always holds: every event that was admitted is in a
//! waiting request, is in a part, is accused, or was handed out.

use std::{collections::VecDeque, iter};

use hashbrown::HashSet;

use crate::core::{
    event::{EndpointId, Refusal},
    pipeline::dispatcher::{endpoint_queue::Item, events::Events},
    time::Moment,
};

/// Why a request is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The request was refused as a whole. `proven` means that others were accepted meanwhile, so that its
    /// refusals are final.
    Refused { proven: bool },
    /// The request keeps failing, or was denied. `halve` means that other requests succeed meanwhile.
    Failing { halve: bool },
    /// The only event of the request keeps failing while others succeed.
    Stuck,
}

/// A request in quarantine, or a part of one.
pub(super) struct Part {
    pub(super) events: Events,
    pub(super) cause: Cause,
    pub(super) not_before: Moment,
}

/// An event that was refused alone, until it is decided whether the event is at fault.
pub(super) struct Accused {
    pub(super) endpoint_id: EndpointId,
    pub(super) item: Item,
    pub(super) refusal: Refusal,
}

/// The result of halving a request, for the events that have no verdict.
#[derive(Default)]
pub(super) struct Closed {
    /// All events, if every one was refused with the same code: they are not at fault.
    pub(super) unanimous: Vec<Accused>,
    /// The only refused event, if others left without an answer: a single refusal proves nothing.
    pub(super) undecided: Option<Accused>,
    /// When the last refused request of a single event started.
    pub(super) refused: Moment,
}

#[derive(Default)]
pub(super) struct Quarantine {
    /// The request that is being halved.
    trace: Option<Trace>,
    waiting: VecDeque<Part>,
    /// Events that were refused unanimously, during the resulting hold, oldest first.
    accused: VecDeque<Accused>,
}

struct Trace {
    /// The parts that are still to be sent, in the order of the request.
    parts: VecDeque<Part>,
    accused: Vec<Accused>,
    /// When the last refused request of a single event started.
    refused: Moment,
    /// Whether some events left without an answer.
    departed: bool,
    /// Whether an event of it was accepted, or two were refused for different reasons, so that each refusal
    /// is final.
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

    /// Takes back a part of the request that is being halved, to be sent again.
    pub(super) fn retry(&mut self, part: Part) {
        let Some(trace) = &mut self.trace else { return self.waiting.push_back(part) };
        if !part.events.is_empty() {
            trace.parts.push_front(part);
        }
    }

    /// Takes back a part of the request that is being halved, to be sent in two halves.
    pub(super) fn halve(&mut self, part: Part) {
        let Some(trace) = &mut self.trace else { return self.waiting.push_back(part) };
        for half in halves(part).into_iter().rev().filter(|half| !half.events.is_empty()) {
            trace.parts.push_front(half);
        }
    }

    /// Registers that some events of the request that is being halved leave without an answer.
    pub(super) fn depart(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.departed = true;
        }
    }

    /// Registers the refusal of a single event, whose request started at that moment. Returns the events whose
    /// refusal thereby becomes final.
    pub(super) fn accuse(&mut self, accused: Accused, started: Moment) -> Vec<Accused> {
        let Some(trace) = &mut self.trace else { return vec![accused] };
        trace.refused = trace.refused.max(started);
        let another = trace.accused.first().is_some_and(|first| first.refusal.code != accused.refusal.code);
        trace.accused.push(accused);
        if another || trace.proven { self.prove() } else { Vec::new() }
    }

    /// Makes all refusals of the request that is being halved final, past and future: one of its events was
    /// accepted, or two were refused for different reasons. Returns the events that were refused so far.
    pub(super) fn prove(&mut self) -> Vec<Accused> {
        let Some(trace) = &mut self.trace else { return Vec::new() };
        trace.proven = true;
        std::mem::take(&mut trace.accused)
    }

    /// Returns the next part to send now, if there is one. `flying` are the endpoints that have events in flight.
    pub(super) fn next(&mut self, now: Moment, flying: &HashSet<&EndpointId>) -> Option<Next> {
        self.begin(flying);
        if let Some(trace) = &mut self.trace
            && let Some(part) = trace.next(now, flying)
        {
            return Some(Next::Half(part));
        }
        let due = |part: &Part| !part.is_to_be_halved() && part.not_before <= now;
        let index = self.free(flying, due).next()?;
        self.waiting.remove(index).map(Next::Whole)
    }

    /// The indexes of the wanted among the waiting requests that share no endpoint with an earlier one, with a part
    /// of the request that is being halved, or with anything in flight.
    fn free(
        &self,
        flying: &HashSet<&EndpointId>,
        is_wanted: impl Fn(&Part) -> bool,
    ) -> impl Iterator<Item = usize> {
        free(self.trace.iter().flat_map(|trace| &trace.parts), &self.waiting, flying, is_wanted)
    }

    /// Returns the events of one endpoint of a waiting request with one of these causes, to test whether they are
    /// accepted. The other events of the request wait behind all other requests.
    pub(super) fn next_single(
        &mut self,
        now: Moment,
        causes: &[Cause],
        flying: &HashSet<&EndpointId>,
    ) -> Option<Part> {
        // If several events of an endpoint were refused, they must be halved.
        let is_one = |part: &Part| {
            !part.is_to_be_halved() || part.events.0.first().is_some_and(|(_, items)| items.len() == 1)
        };
        let due = |part: &Part| causes.contains(&part.cause) && part.not_before <= now && is_one(part);
        let index = self.free(flying, due).next()?;
        let mut single = self.waiting.remove(index)?;
        let events = Events(single.events.0.split_off(1));
        self.admit(Part { events, ..single });
        Some(single)
    }

    /// When there may be a part to send. If there is one now, the moment is in the past.
    pub(super) fn next_wake(&self, flying: &HashSet<&EndpointId>) -> Option<Moment> {
        let halves = self
            .trace
            .iter()
            .flat_map(|trace| trace.sendable(flying, |_| true).map(|index| &trace.parts[index]));
        let wholes = self.free(flying, |part| self.trace.is_none() || !part.is_to_be_halved());
        halves.chain(wholes.map(|index| &self.waiting[index])).map(|part| part.not_before).min()
    }

    /// Begins to halve the next request, if none is being halved.
    fn begin(&mut self, flying: &HashSet<&EndpointId>) {
        if self.trace.is_some() {
            return;
        }
        let found = self.free(flying, Part::is_to_be_halved).next();
        let Some(index) = found else { return };
        let Some(part) = self.waiting.remove(index) else { return };
        let proven = part.cause == Cause::Refused { proven: true };
        // Accused events have been sent alone already. They are sent together once more, and then in halves.
        // If the other events of a request have left, its refusal says nothing about the one that remains.
        let alone = part.events.len() < 2;
        let parts = if proven || alone { [part].into() } else { halves(part).into() };
        self.trace =
            Some(Trace { parts, accused: Vec::new(), refused: Moment::START, departed: alone, proven });
    }

    /// Closes the request that is being halved, if no part of it is left to send. None may be in flight.
    pub(super) fn close(&mut self) -> Closed {
        let done = |trace: &mut Trace| trace.parts.is_empty();
        let Some(mut trace) = self.trace.take_if(done) else { return Closed::default() };
        if trace.departed && trace.accused.len() == 1 {
            return Closed { undecided: trace.accused.pop(), ..Closed::default() };
        }
        Closed { unanimous: trace.accused, undecided: None, refused: trace.refused }
    }

    /// Keeps events that were refused unanimously, during the resulting hold.
    pub(super) fn keep(&mut self, accused: impl IntoIterator<Item = Accused>) {
        self.accused.extend(accused);
    }

    /// Takes the accused event that has waited longest, to test whether it is still refused.
    pub(super) fn next_accused(&mut self) -> Option<Accused> {
        self.accused.pop_front()
    }

    pub(super) fn has_accused(&self) -> bool {
        !self.accused.is_empty()
    }

    /// Has the accused events sent once more. Others have been accepted since, so a refusal is final now.
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

    /// Takes the requests that wait because they kept failing, now that other requests succeed again.
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

    /// Removes and returns every event for which `gone` holds. Events in flight are not here.
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

    /// All events in quarantine, except those in flight.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        let parts = self.trace.iter().flat_map(|trace| &trace.parts).chain(&self.waiting);
        let accused = self.trace.iter().flat_map(|trace| &trace.accused).chain(&self.accused);
        parts.flat_map(|part| part.events.iter()).chain(accused.map(|accused| &accused.item))
    }

    /// Whether it has nothing to send, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.trace.is_none() && self.waiting.is_empty() && self.accused.is_empty()
    }
}

impl Trace {
    fn next(&mut self, now: Moment, flying: &HashSet<&EndpointId>) -> Option<Part> {
        let index = self.sendable(flying, |part| part.not_before <= now).next()?;
        self.parts.remove(index)
    }

    /// The indexes of the wanted parts that share no endpoint with an earlier part, or with anything in flight.
    fn sendable(
        &self,
        flying: &HashSet<&EndpointId>,
        is_wanted: impl Fn(&Part) -> bool,
    ) -> impl Iterator<Item = usize> {
        free(iter::empty(), &self.parts, flying, is_wanted)
    }
}

impl Part {
    fn is_to_be_halved(&self) -> bool {
        matches!(self.cause, Cause::Refused { .. } | Cause::Failing { halve: true })
    }
}

/// The indexes of the wanted parts that share no endpoint with an earlier one, with one of `before`, or with anything in
/// flight: an endpoint's events go one after the other.
fn free<'q>(
    before: impl Iterator<Item = &'q Part>,
    parts: &'q VecDeque<Part>,
    flying: &HashSet<&EndpointId>,
    is_wanted: impl Fn(&Part) -> bool,
) -> impl Iterator<Item = usize> {
    let length = parts.iter().rposition(&is_wanted).map_or(0, |last| last + 1);
    // There may be many parts, none of which shares anything, so endpoints are looked up and not compared.
    let mut taken: HashSet<&EndpointId> = HashSet::new();
    if length > 0 {
        taken.extend(before.flat_map(|part| part.events.endpoints()));
    }
    parts.iter().take(length).enumerate().filter_map(move |(index, part)| {
        let is_taken = |id: &EndpointId| flying.contains(id) || taken.contains(id);
        let is_free = is_wanted(part) && !part.events.endpoints().any(is_taken);
        taken.extend(part.events.endpoints());
        is_free.then_some(index)
    })
}

fn halves(part: Part) -> [Part; 2] {
    let Part { events, cause, not_before } = part;
    events.halve().map(|events| Part { events, cause, not_before })
}

fn extract(from: &mut Vec<Accused>, gone: impl Fn(&Item) -> bool, taken: &mut Vec<(EndpointId, Item)>) {
    let accused = from.extract_if(.., |accused| gone(&accused.item));
    taken.extend(accused.map(|accused| (accused.endpoint_id, accused.item)));
}

#[cfg(test)]
mod tests;

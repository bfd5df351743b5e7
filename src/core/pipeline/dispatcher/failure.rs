//! Retries requests and events with an unknown outcome, with growing delays and without end. One that keeps
//! failing while others are accepted is isolated and retried at the slowest pace, or given up if that is
//! configured.
//!
//! Knows nothing of why anything fails.

use std::time::Duration;

use crate::core::{
    code::Code,
    event::{EndpointId, Refusal},
    pipeline::{
        dispatcher::{
            Dispatcher,
            endpoint_queue::{Block, Item},
            events::Events,
            flight::{Flight, From},
            judgement::Judgement,
            quarantine::{Cause, Part},
        },
        transition::Transition,
    },
    time::Moment,
};

/// The number of consecutive failures after which a request goes into quarantine.
pub(super) const PATIENCE: u32 = 5;

/// How a request with an unknown outcome failed.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub(super) code: Code,
    /// The wait that its answer asks for.
    pub(super) asked: Duration,
}

impl Failure {
    pub(super) fn of(code: Code) -> Self {
        Self { code, asked: Duration::ZERO }
    }
}

impl Dispatcher {
    /// Handles a request for which it is unknown whether it was accepted.
    pub(super) fn unknown(&mut self, now: Moment, mut flight: Flight, Failure { code, asked }: Failure) {
        let others_succeed = self.others_succeed(&flight.events);
        for item in flight.events.iter_mut() {
            fail(now, item);
            // The whole request failed, so an event that failed alone before proves nothing any more.
            item.past.alone = 0;
        }
        let failures = flight.events.iter().map(|item| item.past.failures).max().unwrap_or_default();
        let not_before = now + self.backoff.wait(failures, self.jitter.next()).max(asked);
        if failures < PATIENCE || flight.from == From::Accused || flight.events.is_empty() {
            return self.send_again(flight, code, Block::Until(not_before));
        }
        self.count_retries(code, flight.events.len() as u64);
        if others_succeed && flight.events.len() == 1 {
            return self.stick_apart(now, flight, code);
        }
        let Flight { events, from, .. } = flight;
        match from {
            _ if others_succeed => self.quarantine_in_halves(from, events, not_before),
            From::Half(cause) => self.quarantine.retry(Part { events, cause, not_before }),
            // The request stays apart from now on: new events in it would fail with it, and prove nothing.
            From::Queues | From::Whole(_) | From::Accused => {
                self.quarantine(from, Part { events, cause: Cause::Failing { halve: false }, not_before });
            }
        }
    }

    /// Keeps a request apart to be sent in halves, because others succeed.
    pub(super) fn quarantine_in_halves(&mut self, from: From, events: Events, not_before: Moment) {
        match from {
            From::Half(cause) => self.quarantine.halve(Part { events, cause, not_before }),
            From::Queues | From::Whole(_) | From::Accused => {
                self.quarantine(from, Part { events, cause: Cause::Failing { halve: true }, not_before });
            }
        }
    }

    /// Moves a request into quarantine.
    pub(super) fn quarantine(&mut self, from: From, part: Part) {
        for (endpoint_id, items) in &part.events.0 {
            if from == From::Queues {
                self.batcher.quarantine(endpoint_id, items.len());
            } else {
                // The part leaves the request that is being halved. Later events of its endpoints wait in
                // their queues.
                let later = self.quarantine.take_endpoint(endpoint_id);
                self.batcher.unquarantine(endpoint_id, later.len(), later, Block::Free);
            }
        }
        self.quarantine.admit(part);
    }

    /// Handles a request of one event that keeps failing while others succeed: it is retried alone at the
    /// slowest pace.
    fn stick_apart(&mut self, now: Moment, flight: Flight, code: Code) {
        let Some((endpoint_id, item)) = flight.events.into_first() else { return };
        let judgement = self.stick(now, item, code);
        self.go_on_alone(now, &endpoint_id, flight.from, judgement);
    }

    /// Ends the only event of a request, or has it sent alone from now on.
    pub(super) fn go_on_alone(
        &mut self,
        now: Moment,
        endpoint_id: &EndpointId,
        from: From,
        judgement: Judgement,
    ) {
        match judgement {
            Judgement::Final => self.put_back(endpoint_id, from, 1, Vec::new(), Block::Free),
            Judgement::Again(item, until) => {
                if let From::Half(_) = from {
                    self.quarantine.depart();
                }
                let events = Events::one(*endpoint_id, item);
                let not_before = until.unwrap_or(now);
                self.quarantine(from, Part { events, cause: Cause::Stuck, not_before });
            }
        }
    }

    /// Handles an event that failed while the others of its request did not.
    pub(super) fn fail_alone(&mut self, now: Moment, mut item: Item, code: Code) -> Judgement {
        self.count_retries(code, 1);
        fail(now, &mut item);
        // Its request was answered, so earlier failures, such as in an outage, say nothing about the event.
        item.past.failures = 0;
        item.past.alone += 1;
        if item.past.alone >= PATIENCE || item.past.stuck_since.is_some() {
            return self.stick(now, item, code);
        }
        let wait = self.backoff.wait(item.past.alone, self.jitter.next());
        Judgement::Again(item, Some(now + wait))
    }

    /// Retries an event that is not at fault, more and more slowly.
    pub(super) fn try_later(&mut self, now: Moment, mut item: Item, code: Code) -> Judgement {
        self.count_retries(code, 1);
        item.past.failures = 0;
        item.past.later = item.past.later.saturating_add(1);
        let wait = self.backoff.wait(item.past.later, self.jitter.next());
        Judgement::Again(item, Some(now + wait))
    }

    /// Retries an event that keeps failing alone at the slowest pace, or gives it up if that is configured.
    fn stick(&mut self, now: Moment, mut item: Item, code: Code) -> Judgement {
        let stuck_since = *item.past.stuck_since.get_or_insert(now);
        if self.give_up.is_some_and(|limit| now.since(stuck_since) >= limit) {
            let message = format!("given up: kept failing ({code}) while other events were taken");
            self.refuse(&item, Refusal { code: Code("given_up"), message });
            return Judgement::Final;
        }
        self.mark_stuck(&item, code);
        Judgement::Again(item, Some(now + self.backoff.max()))
    }

    /// Shows the event as one that keeps failing from now on.
    pub(super) fn mark_stuck(&mut self, item: &Item, code: Code) {
        if self.stuck.is_empty() {
            self.transitions.push(Transition::EventStuck { destination: self.id, code });
        }
        self.stuck.insert(item.order);
    }

    /// Whether another request has succeeded that started after these events last failed.
    pub(super) fn others_succeed(&self, events: &Events) -> bool {
        let failed = events.iter().filter_map(|item| item.past.failed).max();
        failed.is_some_and(|failed| self.succeeded_since(failed))
    }

    /// Whether a request has succeeded that started at that moment or later.
    pub(super) fn succeeded_since(&self, moment: Moment) -> bool {
        self.last_success.is_some_and(|started| started >= moment)
    }
}

fn fail(now: Moment, item: &mut Item) {
    item.past.failures += 1;
    item.past.failed = Some(now);
}

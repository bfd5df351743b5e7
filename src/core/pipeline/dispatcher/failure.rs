//! A request or an event of which nobody knows whether it was taken goes again, ever later, without end; one
//! that keeps failing while others are taken is found, and goes on at the slowest pace.
//!
//! Knows nothing of why anything fails.

use std::time::Duration;

use crate::core::{
    code::Code,
    event::Refusal,
    pipeline::{
        dispatcher::{
            Dispatcher, Flight, Outcomes, Verdict,
            answer::{Judgement, later},
        },
        endpoint_queue::{Block, Item},
        transition::Transition,
    },
    time::Moment,
};

/// After so many failures in a row, while others succeed, a request is halved to find the culprit.
const PATIENCE: u32 = 5;

/// How a request failed of which nobody knows whether it was taken.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub(super) code: Code,
    /// How long its answer asks to wait.
    pub(super) asked: Duration,
}

impl Failure {
    pub(super) fn of(code: Code) -> Self {
        Self { code, asked: Duration::ZERO }
    }
}

impl Dispatcher {
    /// Nobody knows whether the request was taken.
    pub(super) fn unknown(
        &mut self,
        now: Moment,
        mut flight: Flight,
        Failure { code, asked }: Failure,
        jitter: f64,
        out: &mut Outcomes,
    ) {
        let others_succeed = self.others_succeed(&flight);
        for item in flight.items_mut() {
            fail(now, item);
            // All fails: that an event failed alone before says nothing of it any more.
            item.past.alone = 0;
        }
        let failures = flight.items().map(|item| item.past.failures).max().unwrap_or_default();
        let block = Block::Until(now + self.backoff.wait(failures, jitter).max(asked));
        if failures < PATIENCE {
            return self.send_again(flight, code, block);
        }
        if !others_succeed {
            // Alone from now on: new events in it would fail with it, and tell nothing.
            self.set_apart(&mut flight);
            return self.send_again(flight, code, block);
        }
        if flight.events() > 1 {
            self.count_retries(code, flight.events() as u64);
            let split = flight.split();
            return self.halve(flight, split, block);
        }
        self.count_retries(code, 1);
        for (endpoint_id, items) in flight.endpoints {
            let (mut back, mut block) = (Vec::new(), Block::Free);
            for item in items {
                match self.stick(now, item, code, out) {
                    Judgement::Final(verdict) => out.verdicts.push(verdict),
                    Judgement::Again(item, until) => {
                        block = until.map_or(block, |until| later(block, until));
                        back.push(item);
                    }
                }
            }
            self.put_back(&endpoint_id, back, block);
        }
    }

    /// One event failed while the others of its request did not.
    pub(super) fn fail_alone(
        &mut self,
        now: Moment,
        mut item: Item,
        code: Code,
        jitter: f64,
        out: &mut Outcomes,
    ) -> Judgement {
        fail(now, &mut item);
        // Its request was answered: what failed before, as in an outage, says nothing of it.
        item.past.failures = 0;
        item.past.alone += 1;
        if item.past.alone >= PATIENCE || item.past.stuck_since.is_some() {
            return self.stick(now, item, code, out);
        }
        let wait = self.backoff.wait(item.past.alone, jitter);
        Judgement::Again(item, Some(now + wait))
    }

    /// An event that keeps failing on its own goes on at the slowest pace, or is given up if that is set.
    pub(super) fn stick(&mut self, now: Moment, mut item: Item, code: Code, out: &mut Outcomes) -> Judgement {
        let stuck_since = *item.past.stuck_since.get_or_insert(now);
        if self.give_up.is_some_and(|limit| now.since(stuck_since) >= limit) {
            self.forget(&mut item);
            let message = format!("given up: kept failing ({code}) while other events were taken");
            return Judgement::Final(Verdict::Refused(item, Refusal { code: Code("given_up"), message }));
        }
        if self.stuck.is_empty() {
            out.transitions.push(Transition::EventStuck { code });
        }
        self.stuck.insert(item.order);
        Judgement::Again(item, Some(now + self.backoff.max()))
    }

    /// Keeps the events of a request together, and others out, unless they are a part already.
    pub(super) fn set_apart(&mut self, flight: &mut Flight) {
        let cohort = self.splits.cohort(None);
        for item in flight.items_mut() {
            item.past.cohort.get_or_insert(cohort);
        }
    }

    /// Whether another request succeeded since this one's events failed last.
    pub(super) fn others_succeed(&self, flight: &Flight) -> bool {
        let failed = flight.items().filter_map(|item| item.past.failed).max();
        failed.zip(self.last_success).is_some_and(|(failed, succeeded)| succeeded >= failed)
    }
}

fn fail(now: Moment, item: &mut Item) {
    item.past.failures += 1;
    item.past.failed = Some(now);
}

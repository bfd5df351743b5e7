//! Handles denied requests: either the set-up is wrong, or a gateway blocks one payload. The answers to other
//! requests show which of the two is the case.
//!
//! While nothing else is accepted, the set-up is considered wrong: a hold stops everything except its probes,
//! which try other events than those that were denied. Once others are accepted, a request that is denied
//! again is halved in quarantine until the culprit is isolated. If that event is denied five times, with
//! others accepted in between, it is refused. If the answers are about the caller, it is instead retried at
//! the slowest pace.
//!
//! Knows nothing of statuses. What always holds: no event is refused while nothing else is accepted.

use std::collections::BTreeSet;

use crate::core::{
    code::Code,
    event::Refusal,
    pipeline::dispatcher::{
        Dispatcher,
        endpoint_queue::Block,
        failure::PATIENCE,
        flight::{Flight, From},
        hold::HoldKind,
        judgement::Judgement,
        quarantine::{Cause, Part},
    },
    time::Moment,
};

/// How a request was denied.
pub(super) struct Denial {
    code: Code,
    /// The refusal of an event that is denied alone; `None` if the answer is about the caller.
    refusal: Option<Refusal>,
}

impl Denial {
    pub(super) fn of_the_set_up(code: Code) -> Self {
        Self { code, refusal: None }
    }

    pub(super) fn of_a_request(refusal: Refusal) -> Self {
        Self { code: refusal.code, refusal: Some(refusal) }
    }
}

/// The findings from earlier denials.
#[derive(Default)]
pub(super) struct Denials {
    /// Codes of requests that were denied while others were accepted: a denial with one of them is no reason
    /// for a hold.
    about_requests: BTreeSet<Code>,
    /// The number of denials since the last request that was accepted.
    in_a_row: u32,
}

impl Denials {
    /// Registers an accepted request.
    pub(super) fn end_row(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether a denial is about the request and not about the set-up. `others_succeed` means that others
    /// were accepted since the same events were last denied.
    fn is_about_the_request(&mut self, code: Code, others_succeed: bool) -> bool {
        self.in_a_row += 1;
        if others_succeed {
            self.about_requests.insert(code);
        } else if self.in_a_row >= PATIENCE {
            self.about_requests.clear();
        }
        self.about_requests.contains(&code)
    }
}

impl Dispatcher {
    /// Handles a denied request: the set-up is wrong, or something blocks this request.
    pub(super) fn denied(&mut self, now: Moment, mut flight: Flight, denial: Denial) {
        let code = denial.code;
        let others_succeed = self.others_succeed(&flight.events);
        flight.events.iter_mut().for_each(|item| item.past.failed = Some(now));
        let is_in_doubt = flight.from == From::Accused
            || self.hold.as_ref().is_some_and(|hold| hold.kind == HoldKind::Refused);
        if !is_in_doubt && self.denials.is_about_the_request(code, others_succeed) {
            return self.denied_alone(now, flight, denial, others_succeed);
        }
        // If a later request was accepted, the set-up is right again.
        if is_in_doubt || !self.succeeded_since(flight.started) {
            self.enter_hold(now, code, HoldKind::SetUp);
        }
        if flight.from != From::Queues {
            return self.send_again(flight, code, Block::Free);
        }
        self.count_retries(code, flight.events.len() as u64);
        let cause = Cause::Failing { halve: false };
        self.quarantine(From::Queues, Part { events: flight.events, cause, not_before: now });
    }

    /// Handles a request that is denied while others are accepted: it is halved, and its culprit is sent
    /// alone.
    fn denied_alone(&mut self, now: Moment, flight: Flight, denial: Denial, others_succeed: bool) {
        let Flight { events, from, .. } = flight;
        self.count_retries(denial.code, events.len() as u64);
        if events.len() > 1 {
            return self.quarantine_in_halves(from, events, Moment::START);
        }
        let Some((endpoint_id, mut item)) = events.into_first() else { return };
        item.past.alone += u32::from(others_succeed);
        let judgement = match denial.refusal {
            Some(refusal) if item.past.alone >= PATIENCE => {
                self.refuse(&item, refusal);
                Judgement::Final
            }
            _ => {
                if item.past.alone >= PATIENCE {
                    self.mark_stuck(&item, denial.code);
                }
                let wait = self.backoff.wait(item.past.alone.max(1), self.jitter.next());
                Judgement::Again(item, Some(now + wait))
            }
        };
        self.go_on_alone(now, &endpoint_id, from, judgement);
    }
}

//! Applies each answer to the events of its request. This is the only place with that policy.
//!
//! | answer | action |
//! |---|---|
//! | event accepted | a verdict |
//! | event refused | a verdict |
//! | event refused because of its endpoint's snapshot | sent once more with an empty one, then a verdict |
//! | event failed or not mentioned | retried after a delay |
//! | some events throttled | those are retried after a delay; the quota domain slows down by their share |
//! | nothing accepted, refused or throttled | like an unknown outcome: the answer is about no single event |
//! | request refused | quarantine: halved until the culprit is isolated; hold if all share one code |
//! | request throttled | retried; the whole quota domain slows down |
//! | denied, set-up wrong, answer not understood | hold: only probes are sent; quarantine if others succeed |
//! | outcome unknown | retried after a delay; after five failures in quarantine, halved if others succeed |
//!
//! Knows nothing of statuses and texts, which only the destination's own folder knows.

use std::time::Duration;

use crate::core::{
    code::Code,
    destination::{Answer, Outcome, RequestId},
    event::{EndpointId, Refusal},
    pipeline::{
        dispatcher::{
            Dispatcher, Fate,
            denial::Denial,
            endpoint_queue::{Block, Item},
            failure::Failure,
            flight::{Flight, From},
            hold::{Hold, HoldKind},
            judgement::Judgement,
            quarantine::{Accused, Part},
        },
        quota_domain::QuotaDomain,
        transition::Transition,
    },
    time::Moment,
};

/// The code of an event that the answer does not mention.
const MISSING: Code = Code("missing");
/// The code of a request or an event that was throttled.
const THROTTLED: Code = Code("throttled");

impl Dispatcher {
    /// Handles the answer to a request.
    pub(in crate::core::pipeline) fn finish(
        &mut self,
        now: Moment,
        id: RequestId,
        answer: Answer,
        domain: &mut QuotaDomain,
    ) {
        let Some(mut flight) = self.flights.remove(&id) else { return };
        domain.quota.finish(now, flight.started);
        if let Some(cap) = &mut self.cap {
            cap.finish(now, flight.started);
        }
        *self.counts.requests.entry(label(&answer)).or_default() += 1;
        if !matches!(answer, Answer::Results { .. }) {
            self.drop_dead(&mut flight);
        }
        match answer {
            Answer::Results { outcomes, endpoints_refused } => {
                for code in endpoints_refused {
                    *self.counts.endpoints_refused.entry(code).or_default() += 1;
                }
                self.results(now, flight, outcomes, domain);
            }
            Answer::Refused(refusal) => self.refused(flight, refusal),
            Answer::Throttled { retry_after } => {
                self.counts.requests_throttled += 1;
                self.slow_down(now, flight.started, retry_after, domain);
                self.send_again(flight, THROTTLED, Block::Free);
            }
            Answer::Hold(code) => self.denied(now, flight, Denial::of_the_set_up(code)),
            Answer::Denied(refusal) => self.denied(now, flight, Denial::of_a_request(refusal)),
            Answer::Unknown { code, retry_after } => {
                let asked = retry_after.unwrap_or_default().min(self.backoff.max());
                self.unknown(now, flight, Failure { code, asked });
            }
        }
        self.close_quarantine(now);
    }

    /// Handles an answer that judges each event on its own. An event that it does not mention counts as not
    /// accepted.
    fn results(&mut self, now: Moment, flight: Flight, outcomes: Vec<Outcome>, domain: &mut QuotaDomain) {
        let spoke = |outcome: &Outcome| {
            !matches!(outcome, Outcome::Again(_) | Outcome::Throttled | Outcome::Later(_))
        };
        let spoke = outcomes.iter().any(spoke);
        let is_throttled =
            |outcome: &&Outcome| matches!(outcome, Outcome::Throttled | Outcome::Later(THROTTLED));
        let throttled = outcomes.iter().filter(is_throttled).count();
        if !spoke && throttled == 0 {
            let mut flight = flight;
            self.drop_dead(&mut flight);
            return self.unknown(now, flight, Failure::of(missing(&outcomes)));
        }
        self.counts.events_throttled += throttled as u64;
        if spoke {
            self.succeed(flight.started);
            domain.recover(flight.started);
            domain.throttled_partly(now, flight.started, throttled, outcomes.len());
        } else {
            self.slow_down(now, flight.started, None, domain);
        }
        let mut outcomes = outcomes.into_iter();
        for (endpoint_id, items) in flight.events.0 {
            let (sent, mut back, mut block) = (items.len(), Vec::new(), Block::Free);
            for mut item in items {
                let judgement = match outcomes.next().unwrap_or(Outcome::Again(MISSING)) {
                    // If nothing was accepted or refused, the whole request counts as throttled.
                    Outcome::Throttled if !spoke => {
                        item.past.alone = 0;
                        self.slowed(now, item, THROTTLED, domain)
                    }
                    Outcome::Again(code) | Outcome::Later(code) if !spoke => {
                        self.slowed(now, item, code, domain)
                    }
                    outcome => self.judge(now, item, outcome),
                };
                match judgement {
                    Judgement::Final => {}
                    Judgement::Again(item, until) => {
                        block = until.map_or(block, |until| block.later(until));
                        back.push(item);
                    }
                }
            }
            self.put_back(&endpoint_id, flight.from, sent, back, block);
        }
        match flight.from {
            // Other events of the request were judged on their own, so the accused are at fault.
            From::Half(_) if spoke => {
                let guilty = self.quarantine.prove();
                self.convict(guilty);
            }
            From::Half(_) => self.quarantine.depart(),
            From::Queues | From::Whole(_) | From::Accused => {}
        }
    }

    fn judge(&mut self, now: Moment, mut item: Item, outcome: Outcome) -> Judgement {
        match outcome {
            Outcome::Accepted | Outcome::Deduplicated => {
                self.counts.events_deduplicated += u64::from(outcome == Outcome::Deduplicated);
                self.counts.accepted[item.event.event_type as usize] += 1;
                self.end(&item, Fate::Accepted);
                Judgement::Final
            }
            Outcome::EndpointRefused(refusal) if !item.past.without_snapshot => {
                item.past.without_snapshot = true;
                self.count_retries(refusal.code, 1);
                Judgement::Again(item, None)
            }
            Outcome::Refused(refusal) | Outcome::EndpointRefused(refusal) => {
                self.refuse(&item, refusal);
                Judgement::Final
            }
            // Other events of its request were judged, so this one fails alone.
            Outcome::Throttled => self.fail_alone(now, item, THROTTLED),
            Outcome::Again(code) => self.fail_alone(now, item, code),
            Outcome::Later(code) => self.try_later(now, item, code),
        }
    }

    /// Sends an event again after the backoff of the whole quota domain.
    fn slowed(&mut self, now: Moment, item: Item, code: Code, domain: &QuotaDomain) -> Judgement {
        self.count_retries(code, 1);
        let wait = self.backoff.wait(domain.throttles(), self.jitter.next());
        Judgement::Again(item, Some(now + wait))
    }

    /// Returns the events of a request to where they came from, to be sent again.
    pub(super) fn send_again(&mut self, flight: Flight, code: Code, block: Block) {
        self.count_retries(code, flight.events.len() as u64);
        let not_before = if let Block::Until(until) = block { until } else { Moment::START };
        match flight.from {
            From::Queues => {
                for (endpoint_id, items) in flight.events.0 {
                    self.batcher.put_back(&endpoint_id, items, block);
                }
            }
            From::Half(cause) => self.quarantine.retry(Part { events: flight.events, cause, not_before }),
            From::Whole(cause) => self.quarantine.admit(Part { events: flight.events, cause, not_before }),
            From::Accused => {
                let refusal = Refusal { code, message: String::new() };
                self.keep_accused(flight, &refusal);
            }
        }
    }

    /// Keeps the events of a request as accused events.
    pub(super) fn keep_accused(&mut self, flight: Flight, refusal: &Refusal) {
        for (endpoint_id, items) in flight.events.0 {
            let accused = items.into_iter().map(|item| {
                let (endpoint_id, refusal) = (endpoint_id, refusal.clone());
                Accused { endpoint_id, item, refusal }
            });
            self.quarantine.keep(accused.collect::<Vec<_>>());
        }
    }

    /// Returns an endpoint's events that must be sent again to the front of its queue, except those whose
    /// ownership has ended. The request had `sent` events of the endpoint.
    pub(super) fn put_back(
        &mut self,
        endpoint_id: &EndpointId,
        from: From,
        sent: usize,
        items: Vec<Item>,
        block: Block,
    ) {
        let (mut mine, gone): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| self.live.contains(&item.ownership));
        for item in &gone {
            self.forget(item);
        }
        if from == From::Queues {
            return self.batcher.put_back(endpoint_id, mine, block);
        }
        let mut left = sent;
        if !mine.is_empty() {
            // Later events wait until this one has been sent again.
            let later = self.quarantine.take_endpoint(endpoint_id);
            left += later.len();
            mine.extend(later);
        }
        self.batcher.unquarantine(endpoint_id, left, mine, block);
    }

    /// Removes the events whose ownership has ended from a request. They are not sent again.
    fn drop_dead(&mut self, flight: &mut Flight) {
        let mut dead = Vec::new();
        flight.events.extract(|item| !self.live.contains(&item.ownership), &mut dead);
        if dead.is_empty() {
            return;
        }
        if let From::Half(_) = flight.from {
            self.quarantine.depart();
        }
        for (endpoint_id, item) in dead {
            self.forget(&item);
            let others = flight.events.0.iter().any(|(id, _)| *id == endpoint_id);
            if flight.from != From::Queues {
                self.batcher.unquarantine(&endpoint_id, 1, Vec::new(), Block::Free);
            } else if !others {
                self.batcher.put_back(&endpoint_id, Vec::new(), Block::Free);
            }
        }
    }

    /// Handles the success of a request: an earlier hold ends, and failing requests return to the queues.
    fn succeed(&mut self, started: Moment) {
        self.last_success = self.last_success.max(Some(started));
        self.denials.end_row();
        self.end_hold(started);
        if self.hold.is_some() {
            return;
        }
        for events in self.quarantine.take_failing().collect::<Vec<_>>() {
            for (endpoint_id, items) in events.0 {
                self.batcher.unquarantine(&endpoint_id, items.len(), items, Block::Free);
            }
        }
    }

    pub(super) fn enter_hold(&mut self, now: Moment, code: Code, kind: HoldKind) {
        if let Some(hold) = &mut self.hold {
            hold.code = code;
        } else {
            self.hold = Some(Hold::new(now, code, kind, &self.backoff));
            self.transitions.push(Transition::Held { destination: self.id, code });
        }
    }

    /// Ends an earlier hold, because the answer to a request that started at `started` was understood. The
    /// accused events are sent once more; those that are refused again are at fault, because others were
    /// accepted.
    pub(super) fn end_hold(&mut self, started: Moment) {
        let Some(hold) = self.hold.take_if(|hold| hold.is_probe(started)) else { return };
        self.spilling = false;
        self.quarantine.try_accused();
        self.transitions.push(Transition::Resumed { destination: self.id, code: hold.code });
    }

    fn slow_down(
        &mut self,
        now: Moment,
        started: Moment,
        retry_after: Option<Duration>,
        domain: &mut QuotaDomain,
    ) {
        let asked = retry_after.unwrap_or_default().min(self.backoff.max());
        if domain.throttled(now, started, asked, &self.backoff, self.jitter.next()) {
            self.transitions.push(Transition::Throttled { destination: self.id });
        }
    }

    pub(super) fn count_retries(&mut self, code: Code, events: u64) {
        *self.counts.retried.entry(code).or_default() += events;
    }
}

/// The code of an answer by which no event was accepted, throttled or refused.
fn missing(outcomes: &[Outcome]) -> Code {
    let code = |outcome: &Outcome| if let Outcome::Again(code) = outcome { Some(*code) } else { None };
    outcomes.iter().find_map(code).unwrap_or(MISSING)
}

/// The outcome of a request, as a label.
fn label(answer: &Answer) -> Code {
    match answer {
        Answer::Results { .. } => Code("answered"),
        Answer::Refused(_) => Code("refused"),
        Answer::Throttled { .. } => Code("throttled"),
        Answer::Hold(_) | Answer::Denied(_) => Code("hold"),
        Answer::Unknown { .. } => Code("unknown"),
    }
}

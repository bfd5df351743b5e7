//! What each answer means for the events of a request: the one place with that policy.
//!
//! | answer | what is done |
//! |---|---|
//! | event accepted | a verdict |
//! | event refused | a verdict |
//! | event spoiled by its endpoint | once more with an empty endpoint, then a verdict |
//! | event throttled, failed or not mentioned | again, after a wait |
//! | nothing taken, refused or throttled | as if nobody knows: it says nothing of any one event |
//! | request refused | halved until the culprit stands alone; all refused with one code is a hold |
//! | request throttled | again; the whole quota domain slows down |
//! | set-up wrong, or not understood | hold: nothing but a probe now and then |
//! | nobody knows | again, after a wait; after five failures on its own, and halved if others succeed |
//!
//! Knows nothing of statuses and texts: that is the destination's.

use crate::core::{
    code::Code,
    destination::{Answer, Outcome, RequestId},
    event::EndpointId,
    pipeline::{
        dispatcher::{Dispatcher, Flight, Outcomes, Verdict, failure::Failure},
        endpoint_queue::{Block, Item},
        hold::HoldKind,
        transition::Transition,
    },
    time::Moment,
};

/// The answer does not speak of an event.
const MISSING: Code = Code("missing");
/// A request or an event came too fast.
const THROTTLED: Code = Code("throttled");

/// What one outcome makes of an event.
pub(super) enum Judgement {
    /// It is settled.
    Final(Verdict),
    /// It goes back into its lane, which waits until then.
    Again(Item, Option<Moment>),
}

impl Dispatcher {
    /// A request was answered; `jitter` (0 to 1) is the caller's random number.
    pub(in crate::core::pipeline) fn finish(
        &mut self,
        now: Moment,
        id: RequestId,
        answer: Answer,
        jitter: f64,
    ) -> Outcomes {
        let mut out = Outcomes::default();
        let Some(flight) = self.flights.remove(&id) else { return out };
        self.quota.finish(now, flight.started);
        *self.counts.requests.entry(label(&answer)).or_default() += 1;
        match answer {
            Answer::Results { outcomes, endpoints_refused } => {
                for code in endpoints_refused {
                    *self.counts.endpoints_refused.entry(code).or_default() += 1;
                }
                self.results(now, flight, outcomes, jitter, &mut out);
            }
            Answer::Refused(refusal) => self.refused(flight, &refusal, &mut out),
            Answer::Throttled { retry_after } => {
                self.counts.throttled += 1;
                self.slow_down(now, flight.started, retry_after, jitter, &mut out);
                self.send_again(flight, THROTTLED, Block::Free);
            }
            Answer::Hold(code) => {
                self.enter_hold(now, code, HoldKind::SetUp, &mut out.transitions);
                self.send_again(flight, code, Block::Free);
            }
            Answer::Unknown { code, retry_after } => {
                let asked = retry_after.unwrap_or_default().min(self.backoff.max());
                let failure = Failure { code, asked };
                self.unknown(now, flight, failure, jitter, &mut out);
            }
        }
        self.close_splits(now, &mut out.transitions);
        out
    }

    /// The destination spoke of each event; what it did not mention counts as not taken.
    fn results(
        &mut self,
        now: Moment,
        flight: Flight,
        outcomes: Vec<Outcome>,
        jitter: f64,
        out: &mut Outcomes,
    ) {
        let spoke = |outcome: &Outcome| !matches!(outcome, Outcome::Again(_) | Outcome::Throttled);
        let spoke = outcomes.iter().any(spoke);
        let throttled = outcomes.contains(&Outcome::Throttled);
        if !spoke && !throttled {
            return self.unknown(now, flight, Failure::of(missing(&outcomes)), jitter, out);
        }
        let split = flight.split().filter(|_| spoke);
        if spoke {
            self.last_success = Some(now);
            self.end_hold(flight.started, out);
        }
        if throttled {
            self.slow_down(now, flight.started, None, jitter, out);
        } else if self.quota.knew_slowing(flight.started) {
            self.throttles = 0;
        }
        let mut outcomes = outcomes.into_iter();
        for (endpoint_id, items) in flight.endpoints {
            let (mut back, mut block) = (Vec::new(), Block::Free);
            for mut item in items {
                if spoke {
                    self.splits.leave(&mut item);
                }
                let outcome = outcomes.next().unwrap_or(Outcome::Again(MISSING));
                // Where nothing was taken, what was not is slowed down with the others.
                let judgement = match outcome {
                    Outcome::Again(code) if !spoke => self.slowed(now, item, code, jitter),
                    outcome => self.judge(now, item, outcome, jitter, out),
                };
                match judgement {
                    Judgement::Final(verdict) => out.verdicts.push(verdict),
                    Judgement::Again(item, until) => {
                        block = until.map_or(block, |until| later(block, until));
                        back.push(item);
                    }
                }
            }
            self.put_back(&endpoint_id, back, block);
        }
        // Others of the split were taken or refused for themselves, so the refused ones are at fault.
        let guilty = split.map(|split| self.splits.prove(split)).unwrap_or_default();
        self.convict(guilty, out);
    }

    fn judge(
        &mut self,
        now: Moment,
        mut item: Item,
        outcome: Outcome,
        jitter: f64,
        out: &mut Outcomes,
    ) -> Judgement {
        match outcome {
            Outcome::Accepted => {
                self.counts.accepted[item.event.event_type as usize] += 1;
                self.forget(&mut item);
                Judgement::Final(Verdict::Accepted(item))
            }
            Outcome::EndpointRefused(refusal) if !item.past.bare => {
                item.past.bare = true;
                self.count_retries(refusal.code, 1);
                Judgement::Again(item, None)
            }
            Outcome::Refused(refusal) | Outcome::EndpointRefused(refusal) => {
                self.forget(&mut item);
                Judgement::Final(Verdict::Refused(item, refusal))
            }
            Outcome::Throttled => {
                self.counts.throttled += 1;
                item.past.alone = 0;
                self.slowed(now, item, THROTTLED, jitter)
            }
            Outcome::Again(code) => {
                self.count_retries(code, 1);
                // The others of its request were spoken of: it fails on its own.
                self.fail_alone(now, item, code, jitter, out)
            }
        }
    }

    /// An event goes again when the wait for the whole quota domain is over.
    fn slowed(&mut self, now: Moment, item: Item, code: Code, jitter: f64) -> Judgement {
        self.count_retries(code, 1);
        let wait = self.backoff.wait(self.throttles, jitter);
        Judgement::Again(item, Some(now + wait))
    }

    pub(super) fn send_again(&mut self, flight: Flight, code: Code, block: Block) {
        self.count_retries(code, flight.events() as u64);
        for (endpoint_id, items) in flight.endpoints {
            self.put_back(&endpoint_id, items, block);
        }
    }

    /// Puts events back into their lane, save those whose ownership has ended.
    pub(super) fn put_back(&mut self, endpoint_id: &EndpointId, items: Vec<Item>, block: Block) {
        let (mine, gone): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| self.live.contains(&item.ownership));
        for mut item in gone {
            self.forget(&mut item);
        }
        self.batcher.put_back(endpoint_id, mine, block);
    }

    /// An event leaves for good.
    pub(super) fn forget(&mut self, item: &mut Item) {
        self.events -= 1;
        self.stuck.remove(&item.order);
        self.splits.depart(item);
    }

    /// A request that started at `started` was understood: a hold from before that is over. What a hold for
    /// refusals had parked is sent once more, and is at fault if it is refused again: others were taken.
    pub(super) fn end_hold(&mut self, started: Moment, out: &mut Outcomes) {
        let Some(hold) = self.hold.take_if(|hold| started >= hold.since) else { return };
        for mut parked in hold.parked {
            parked.item.past.convicted = true;
            self.batcher.unpark(&parked.endpoint_id, Some(parked.item));
        }
        out.transitions.push(Transition::Resumed { code: hold.code });
    }

    fn slow_down(
        &mut self,
        now: Moment,
        started: Moment,
        retry_after: Option<std::time::Duration>,
        jitter: f64,
        out: &mut Outcomes,
    ) {
        let asked = retry_after.unwrap_or_default().min(self.backoff.max());
        self.quota.pause(now, asked);
        // Answers to what was in flight by then tell of the same congestion.
        if !self.quota.knew_slowing(started) {
            return;
        }
        self.throttles += 1;
        if self.throttles == 1 {
            out.transitions.push(Transition::Throttled);
        }
        self.quota.slow_down(now);
        self.quota.pause(now, self.backoff.wait(self.throttles, jitter));
    }

    pub(super) fn count_retries(&mut self, code: Code, events: u64) {
        *self.counts.retried.entry(code).or_default() += events;
    }
}

/// Why nothing of an answer was taken, throttled or refused.
fn missing(outcomes: &[Outcome]) -> Code {
    let code = |outcome: &Outcome| if let Outcome::Again(code) = outcome { Some(*code) } else { None };
    outcomes.iter().find_map(code).unwrap_or(MISSING)
}

/// The longer of two waits.
pub(super) fn later(block: Block, until: Moment) -> Block {
    match block {
        Block::Until(other) => Block::Until(other.max(until)),
        Block::Free | Block::InFlight => Block::Until(until),
    }
}

/// What a request came to, as a label.
fn label(answer: &Answer) -> Code {
    match answer {
        Answer::Results { .. } => Code("answered"),
        Answer::Refused(_) => Code("refused"),
        Answer::Throttled { .. } => Code("throttled"),
        Answer::Hold(_) => Code("hold"),
        Answer::Unknown { .. } => Code("unknown"),
    }
}

//! The destinations: their moods, and how they answer.

use std::time::Duration;

use super::{
    World,
    content::{Nature, base, nature, number, obligation, place, tag},
    seconds,
};
use crate::core::{
    code::Code,
    destination::{Answer, Outcome, Request},
    event::Refusal,
    pipeline::Input,
};

/// The current behaviour of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Down,
    WrongRole,
    /// There is nothing by its name.
    Missing,
    Throttling,
    RefusingAll,
    /// Each event is answered, but none is accepted.
    FailingEach,
    /// The answers are slow.
    Slow,
}

impl Mood {
    /// The moods that an ill destination may have until the world heals.
    pub(super) const ILL: [Self; 5] =
        [Self::Down, Self::WrongRole, Self::Throttling, Self::FailingEach, Self::Slow];
}

impl World {
    pub(super) fn answer(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.flights.len());
        let Some(id) = self.flights.keys().nth(index).copied() else { return };
        let is_slow = |request: &Request| self.moods[usize::from(request.destination.0)] == Mood::Slow;
        if self.flights.get(&id).is_some_and(is_slow) && self.rng.u8(..10) > 0 {
            self.now = self.now + Duration::from_millis(self.rng.u64(..300));
            return self.handle(Input::Tick);
        }
        let Some(request) = self.flights.remove(&id) else { return };
        self.now = self.now + Duration::from_millis(self.rng.u64(..80));
        let answer = self.answer_to(&request);
        self.note(&request, &answer);
        self.answering = Some(usize::from(request.destination.0));
        self.handle(Input::SendFinished { destination: request.destination, id, answer });
        self.answering = None;
    }

    pub(super) fn change_mood(&mut self) {
        let moods = [
            Mood::Well,
            Mood::Well,
            Mood::Down,
            Mood::WrongRole,
            Mood::Throttling,
            Mood::RefusingAll,
            Mood::FailingEach,
            Mood::Slow,
        ];
        let destination = self.rng.usize(..self.moods.len());
        if !self.ill.contains(&destination) {
            self.moods[destination] = moods[self.rng.usize(..moods.len())];
        }
        self.table_refuses = self.has_table && self.rng.u8(..3) == 0;
    }

    fn answer_to(&mut self, request: &Request) -> Answer {
        let destination = usize::from(request.destination.0);
        // The message names the destination of the dead letter.
        let refusal = || Refusal { code: Code("bad_request"), message: destination.to_string() };
        let denial = || Answer::Denied(Refusal { code: Code("denied"), message: destination.to_string() });
        match self.moods[destination] {
            Mood::Down => return Answer::unknown(Code("http_503")),
            Mood::WrongRole if self.rng.bool() => return denial(),
            Mood::WrongRole => return Answer::Hold(Code("forbidden")),
            Mood::Missing => return Answer::Hold(Code("ResourceNotFoundException")),
            Mood::Throttling => return Answer::Throttled { retry_after: None },
            Mood::RefusingAll => return Answer::Refused(refusal()),
            Mood::FailingEach => {
                let events = request.endpoints.iter().map(|batch| batch.events.len()).sum();
                let outcomes = vec![Outcome::Again(Code("event_5xx")); events];
                return Answer::Results { outcomes, endpoints_refused: Vec::new() };
            }
            Mood::Well | Mood::Slow => {}
        }
        let natures: Vec<Nature> =
            request.endpoints.iter().flat_map(|batch| &batch.events).map(nature).collect();
        if natures.contains(&Nature::Poison) && !self.lenient {
            return Answer::Refused(refusal());
        }
        if natures.contains(&Nature::Denied) && !self.lenient {
            return denial();
        }
        if self.rng.f64() < self.faults.partial / 2.0 {
            let unclear = [
                Answer::unknown(Code("timeout")),
                Answer::Throttled { retry_after: Some(seconds(2)) },
                Answer::Unknown { code: Code("http_503"), retry_after: Some(seconds(2)) },
            ];
            return unclear[self.rng.usize(..unclear.len())].clone();
        }
        let mut outcomes = Vec::new();
        for batch in &request.endpoints {
            for event in &batch.events {
                let outcome = match nature(event) {
                    _ if self.rng.f64() < self.faults.partial => {
                        [Outcome::Again(Code("missing")), Outcome::Throttled][self.rng.usize(..2)].clone()
                    }
                    Nature::Bad => Outcome::Refused(refusal()),
                    Nature::Spoiled if batch.endpoint.user_id.is_some() => {
                        Outcome::EndpointRefused(refusal())
                    }
                    _ => Outcome::Accepted,
                };
                outcomes.push(outcome);
            }
        }
        Answer::Results { outcomes, endpoints_refused: Vec::new() }
    }

    /// Updates the model of lanes and of settled records with an answer.
    fn note(&mut self, request: &Request, answer: &Answer) {
        let destination = usize::from(request.destination.0);
        let tags = request.endpoints.iter().flat_map(|batch| {
            batch.events.iter().map(move |event| (number(&batch.endpoint_id), tag(event).to_owned()))
        });
        let tags: Vec<(u64, String)> = tags.collect();
        match answer {
            Answer::Results { outcomes, .. } => {
                for ((endpoint, tag), outcome) in tags.iter().zip(outcomes) {
                    match outcome {
                        Outcome::Accepted => {
                            self.last_taken[destination] = Some(self.now);
                            self.leave(destination, *endpoint, tag);
                            self.settle(destination, tag);
                        }
                        Outcome::Refused(_) | Outcome::EndpointRefused(_) => {
                            self.last_taken[destination] = Some(self.now);
                            if matches!(outcome, Outcome::Refused(_)) {
                                self.leave(destination, *endpoint, tag);
                            }
                        }
                        _ => {}
                    }
                }
            }
            Answer::Refused(_) | Answer::Denied(_) if tags.len() == 1 => {
                self.refused_alone.insert((destination, tags[0].1.clone()));
            }
            _ => {}
        }
    }

    pub(super) fn leave(&mut self, destination: usize, endpoint: u64, tag: &str) {
        if let Some(lane) = self.lanes.get_mut(&(destination, endpoint)) {
            lane.retain(|other| other != tag);
        }
    }

    fn settle(&mut self, destination: usize, tag: &str) {
        let (log, offset) = place(tag);
        let records = &mut self.logs[log].records;
        if let Ok(index) = records.binary_search_by_key(&offset, |record| record.offset) {
            records[index].open.remove(&obligation(base(tag), destination));
            let original = records[index].original;
            self.note_taken(destination, log, original, tag);
        }
    }
}

//! The broker's answers to dead letters, commits, and writes to the table.

use std::sync::Arc;

use super::{
    Log, World,
    content::{self, Event, GONE, UNROUTED, WHOLE, WRITE, obligation, owned_tag, place},
};
use crate::core::{
    code::Code,
    dead_letter::{DeadLetter, DeadLetterId},
    event::Refusal,
    pipeline::{Input, dead_letters::weight},
    record::{CommittedPosition, Record},
    redrive::Selection,
    session_table::{Entry, WriteId},
    source::Commit,
    write_outcome::WriteOutcome,
};

/// The events that a destination refused.
fn refused_events(selection: &Selection) -> &[Box<str>] {
    let is_gone = selection.events.first().is_some_and(|id| **id == *GONE);
    if selection.destination.is_none() || is_gone { &[] } else { &selection.events }
}

impl World {
    /// Notes the dead letters that are new, whether they are being written or wait. An event that was given up,
    /// denied or spilled gets its verdict with its letter.
    pub(super) fn note_refusals(&mut self) {
        let new = self.pipeline.dead_letters.since(self.next_letter);
        let new: Vec<_> = new
            .map(|(id, refused)| {
                (id, Arc::clone(&refused.record), refused.refusal.clone(), refused.selection.clone())
            })
            .collect();
        for (id, record, refusal, selection) in new {
            self.next_letter = DeadLetterId(id.0 + 1);
            for event in refused_events(&selection) {
                let destination = self.refused_by(&record, &refusal, event);
                let name = format!("d{destination}");
                assert!(selection.is_at(&name), "a letter names another destination");
                self.letter_of.insert(id, destination);
            }
        }
    }

    /// The destination that refused an event.
    fn refused_by(&mut self, record: &Record, refusal: &Refusal, event: &str) -> usize {
        let event = self.event_of(record, event);
        let tag = owned_tag(&event, record.ownership);
        let destination = match refusal.code.0 {
            "given_up" => {
                let destination = self.answering.expect("an answer gives up");
                self.check_given_up(destination, &tag);
                destination
            }
            "denied" => {
                let destination = refusal.message.parse().expect("the answer names the destination");
                self.check_given_up(destination, &tag);
                destination
            }
            "spilled" => self.who_spills(event.endpoint, &tag),
            _ => refusal.message.parse().expect("the answer names the destination"),
        };
        if matches!(refusal.code.0, "given_up" | "denied" | "spilled") {
            self.leave(destination, event.endpoint, &tag);
        }
        destination
    }

    /// Takes over a dead letter that is to be written.
    pub(super) fn take_letter(&mut self, letter: DeadLetter) {
        self.letters.push_back(letter);
        let weights = self.letters.iter().map(|it| weight(&it.record, &it.refusal, &it.selection));
        let (letters, bytes) = (self.letters.len(), weights.sum::<usize>());
        let bound = self.settings.letter_bytes;
        assert!(letters == 1 || bytes <= bound, "invariant 6: {letters} letters of {bytes} bytes in flight");
    }

    fn event_of(&self, record: &Record, id: &str) -> Event {
        let records = &self.logs[self.log_of(record)].records;
        let index = records.binary_search_by_key(&record.offset, |other| other.offset);
        let events = records[index.expect("the record exists")].content.events();
        events.iter().find(|event| event.id == id).expect("it is the record's").clone()
    }

    /// The destination that spills the event: the first one that had it and does not have it any more.
    fn who_spills(&self, endpoint: u64, tag: &str) -> usize {
        let has = |destination: &usize| {
            let lane = self.lanes.get(&(*destination, endpoint));
            let (_, dispatcher) = &self.pipeline.dispatchers[*destination];
            lane.is_some_and(|lane| lane.iter().any(|other| other == tag))
                && !dispatcher.keeps(|event| content::tag(event) == tag)
        };
        self.spilling
            .iter()
            .copied()
            .find(has)
            .expect("an event was spilled that no spilling destination has")
    }

    /// The log that a record belongs to.
    fn log_of(&self, record: &Record) -> usize {
        let is_its = |log: &Log| log.topic == record.topic && log.partition == record.partition;
        self.logs.iter().position(is_its).expect("the partition exists")
    }

    pub(super) fn acknowledge_letter(&mut self) {
        let Some(letter) = self.letters.pop_front() else { return };
        let outcome = if self.rng.f64() < self.faults.letters {
            [WriteOutcome::Again(Code("timeout")), WriteOutcome::Refused(Code("too_large"))]
                [self.rng.usize(..2)]
        } else {
            WriteOutcome::Written
        };
        if outcome == WriteOutcome::Written {
            self.note_letter(&letter);
            let log = self.log_of(&letter.record);
            let records = &mut self.logs[log].records;
            let index = records.binary_search_by_key(&letter.record.offset, |record| record.offset);
            let record = &mut records[index.expect("the record exists")];
            match refused_events(&letter.selection) {
                [] if letter.refusal.code == Code("unrouted") => {
                    record.open.remove(UNROUTED);
                }
                [] if letter.selection.is_whole() => {
                    record.open.remove(WHOLE);
                }
                [] => {
                    assert!(letter.selection.includes(GONE), "a letter about an event that was not missing");
                    record.open.remove(GONE);
                }
                refused => {
                    for id in refused {
                        let mut events = record.content.events().iter();
                        let event = events.find(|event| *event.id == **id).expect("it is the record's");
                        record.open.remove(&obligation(&event.tag, self.letter_of[&letter.id]));
                    }
                }
            }
        }
        self.handle(Input::DeadLetterFinished(letter.id, outcome));
    }

    pub(super) fn acknowledge_commit(&mut self) {
        let Some(commits) = self.commits.pop_front() else { return };
        let acknowledged = self.rng.f64() >= self.faults.letters;
        if acknowledged {
            commits.iter().cloned().for_each(|commit| self.store(commit));
        }
        // Now and then, the brokers accept the positions without the tails.
        let tails_refused = acknowledged && self.rng.f64() < self.faults.letters / 8.0;
        self.handle(Input::Committed { commits, acknowledged, tails_refused });
    }

    /// The coordinator accepts a commit, unless it comes from a member that has lost the partition.
    pub(super) fn store(&mut self, commit: Commit) {
        let Some(owned) = self.owned.get(&commit.ownership) else { return };
        let log = &mut self.logs[owned.log];
        log.named = log.named_by(&commit);
        log.committed = Some(CommittedPosition { position: commit.position, metadata: commit.metadata });
    }

    /// Takes over a write to the session table.
    pub(super) fn write(&mut self, id: WriteId, entries: &[Entry]) {
        let key = entries.first().expect("there is something to write").key.clone();
        let waiting = self.barrier.iter().find(|gated| gated.key == *key);
        let waiting = waiting.expect("entries are written of a record that does not wait");
        assert!(waiting.writing, "entries are written again after their acknowledgement");
        assert_eq!(waiting.portion, entries.len(), "not all entries are written");
        assert!(self.writes.insert(id, (key, entries.len())).is_none(), "a write is twice on its way");
    }

    /// Ends a random one of the writes in progress, perhaps long after its record was given up.
    pub(super) fn acknowledge_write(&mut self) {
        if self.writes.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.writes.len());
        let Some(id) = self.writes.keys().nth(index).copied() else { return };
        let Some((key, entries)) = self.writes.remove(&id) else { return };
        let outcome = if self.table_refuses {
            WriteOutcome::Refused(Code("unknown_topic"))
        } else if self.rng.f64() < self.faults.table {
            [WriteOutcome::Again(Code("timeout")), WriteOutcome::Refused(Code("too_large"))]
                [self.rng.usize(..2)]
        } else {
            WriteOutcome::Written
        };
        self.note_write(&key, entries, outcome);
        self.handle(Input::EntriesFinished(id, outcome));
    }

    /// Updates the model of the barrier and of settled records with the outcome of a write.
    fn note_write(&mut self, key: &str, entries: usize, outcome: WriteOutcome) {
        let gated = self.barrier.iter_mut().find(|gated| gated.key == key);
        match outcome {
            WriteOutcome::Written => {
                let (log, offset) = place(key);
                let records = &mut self.logs[log].records;
                let mut left = 0;
                if let Some(gated) = gated {
                    gated.entries -= entries;
                    left = gated.entries;
                    (gated.writing, gated.refused) = (left > 0, false);
                }
                if let Ok(index) = records.binary_search_by_key(&offset, |record| record.offset)
                    && left == 0
                {
                    records[index].open.remove(WRITE);
                }
                self.let_through();
            }
            WriteOutcome::Refused(_) => {
                if let Some(gated) = gated {
                    gated.refused = true;
                }
            }
            WriteOutcome::Again(_) => {}
        }
    }
}

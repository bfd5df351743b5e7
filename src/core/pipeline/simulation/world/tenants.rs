//! Schedules of many tenants, each with a destination and a quota domain of its own. A few of them are wrong in
//! different ways, and one is slow. Records have no keys, so that a partition holds every tenant's, or in
//! some schedules every well tenant's.
//!
//! What the wrong ones do not take is spilled, or keeps its partitions waiting. Then it is brought back as
//! `redrive` does it: the letters are read, those of a record are merged, and the record is written back with
//! the names of the events that it lacks. In the end every destination has taken every event that is for it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use fastrand::Rng;

use super::{
    Faults, World,
    content::{LogRecord, base, obligation},
    destination::Mood,
    settings::Settings,
};
use crate::core::{
    dead_letter::DeadLetter,
    record::Record,
    redrive::{
        Redriven,
        letter::tests::{letter, written},
        plan::Plan,
    },
};

/// How the tenants are ill that are not well.
const ILL: [Mood; 4] = [Mood::WrongRole, Mood::Missing, Mood::Throttling, Mood::Slow];

/// What is brought back from the dead letters.
#[derive(Default)]
pub(super) struct Redriving {
    /// The letters in their topic that have not been redriven.
    letters: Vec<Record>,
    /// The events that were taken: the destination, the log and offset of the original record, and the place
    /// of the event in it.
    taken: HashSet<(usize, usize, i64, String)>,
}

impl World {
    /// A world of tenants.
    pub(in super::super) fn tenants(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let faults = Faults { natures: 0.0, ..Faults::any(&mut rng) };
        let settings = Settings::tenants(&mut rng);
        let mut tenants: Vec<usize> = (0..settings.destinations.len()).collect();
        rng.shuffle(&mut tenants);
        let ill: BTreeMap<usize, Mood> = tenants.into_iter().zip(ILL).collect();
        Self::with(rng, faults, settings, ill, Some(Redriving::default()))
    }

    /// A destination for an event. Half of the events are for those that are ill, so that these are full now and
    /// then.
    pub(super) fn destination(&mut self) -> usize {
        let chosen = self.rng.usize(..self.moods.len());
        if self.redriving.is_none() || self.rng.bool() {
            return chosen;
        }
        self.ill.iter().nth(chosen % self.ill.len().max(1)).copied().unwrap_or(chosen)
    }

    /// Notes that a destination has taken an event of the record at this offset.
    pub(super) fn note_taken(&mut self, destination: usize, log: usize, original: i64, tag: &str) {
        let Some(redriving) = &mut self.redriving else { return };
        redriving.taken.insert((destination, log, original, index(base(tag)).to_owned()));
    }

    /// Notes that a letter is in its topic.
    pub(super) fn note_letter(&mut self, letter: &DeadLetter) {
        let Some(redriving) = &mut self.redriving else { return };
        let record = &letter.record;
        let (offset, attempts) = record
            .redriven
            .as_ref()
            .map_or((record.offset, 0), |redriven| (redriven.offset, redriven.attempts));
        let (partition, offset, attempts) =
            (record.partition.to_string(), offset.to_string(), attempts.to_string());
        let mut own = vec![
            ("topic", &*record.topic),
            ("partition", &partition),
            ("offset", &offset),
            ("reason", letter.refusal.code.0),
            ("redriven", &attempts),
        ];
        own.extend(letter.selection.destination.as_deref().map(|name| ("destination", name)));
        own.extend(letter.selection.events.iter().map(|event| ("event_id", &**event)));
        let place = i64::try_from(redriving.letters.len()).expect("a few letters");
        let value = record.value.clone();
        redriving.letters.push(Record { partition: 0, offset: place, value, ..written(&[], &own) });
    }

    /// Brings back what is in the dead letters, until nothing is there.
    pub(super) fn redrive(&mut self) {
        let is_left = |world: &Self| world.redriving.as_ref().is_some_and(|it| !it.letters.is_empty());
        let mut rounds = 0;
        while is_left(self) {
            rounds += 1;
            assert!(rounds < 10, "what is brought back is refused again and again");
            self.write_back();
            self.settle_all();
        }
        self.check_nothing_lost();
    }

    /// Writes the records of the letters back to where they came from.
    pub(super) fn write_back(&mut self) {
        let Some(redriving) = &mut self.redriving else { return };
        let letters = std::mem::take(&mut redriving.letters);
        let mut plan = Plan::default();
        for record in &letters {
            assert!(plan.add(record, &letter(record)), "there is room in a plan");
        }
        for record in &letters {
            let planned = plan.take(record, &letter(record));
            for redriven in planned.into_iter().flat_map(|planned| planned.records) {
                self.write_back_one(redriven);
            }
        }
    }

    fn write_back_one(&mut self, redriven: Redriven) {
        let is_its = |log: &super::Log| log.topic == redriven.topic && log.partition == redriven.partition;
        let log = self.logs.iter().position(is_its).expect("the partition exists");
        let records = &self.logs[log].records;
        let index = records.binary_search_by_key(&redriven.offset, |record| record.offset);
        let original = &records[index.expect("the record exists")];
        let offset = records.last().map_or(0, |record| record.offset + 1);
        self.next_id += 1;
        let content = original.content.again(&format!("{log}-{offset}"), self.next_id, |event| {
            event.to.iter().copied().filter(|to| redriven.wants(&format!("d{to}"), &event.id)).collect()
        });
        let events = content.events().iter();
        let open = events.flat_map(|event| event.to.iter().map(|to| obligation(&event.tag, *to)));
        let record = LogRecord {
            offset,
            open: open.collect(),
            content,
            entries: 0,
            in_portions: self.rng.u8(..6) == 0,
            original: redriven.offset,
            redriven: Some(Arc::new(redriven)),
        };
        assert!(!record.open.is_empty(), "a letter was written about an event that its record does not have");
        self.logs[log].records.push(record);
    }

    fn check_nothing_lost(&self) {
        let Some(redriving) = &self.redriving else { return };
        for (log, records) in self.logs.iter().map(|log| &log.records).enumerate() {
            for record in records.iter().filter(|record| record.redriven.is_none()) {
                for event in record.content.events() {
                    for destination in &event.to {
                        let key = (*destination, log, record.offset, index(&event.tag).to_owned());
                        assert!(redriving.taken.contains(&key), "{} is lost for {destination}", event.tag);
                    }
                }
            }
        }
    }
}

/// The place of an event in its record.
fn index(tag: &str) -> &str {
    tag.rsplit_once('-').map_or(tag, |(_, index)| index)
}

//! Generated records of whole session lives, and what each must become.
//!
//! Knows nothing of brokers and of the service.

use std::collections::{BTreeMap, BTreeSet};

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::demo::generate::{Expected, Generator, GeneratorOptions, Produced, Providers},
};

use crate::support::{client::Message, oracle::Verdict};

/// How many partitions a topic of these scenarios has.
pub(super) const PARTITIONS: i32 = 4;

/// An evening: Sunday, 2026-11-22.
const START: Timestamp = Timestamp(1_795_382_400_000);

/// Records for one topic, spread evenly over its partitions, each with its coordinates.
pub(super) struct Load {
    records: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    message: Message,
    offset: i64,
    expected: Expected,
}

impl Load {
    /// Generates this many records, of which about the share `hostile` (0 to 1) is hostile or repeated.
    pub(super) fn generate(records: usize, hostile: f64) -> Self {
        let users = u32::try_from(records / 8).unwrap();
        let options = GeneratorOptions {
            users,
            records,
            seed: 7,
            hostile,
            start_time: START,
            providers: Providers::Several,
        };
        Self::of(Generator::new(&options))
    }

    fn of(produced: impl IntoIterator<Item = Produced>) -> Self {
        let entry = |(number, produced): (usize, Produced)| {
            let number = i32::try_from(number).unwrap();
            let message = Message {
                partition: Some(number % PARTITIONS),
                offset: None,
                timestamp: Some(produced.timestamp.0),
                key: produced.key,
                value: produced.value,
                headers: Vec::new(),
            };
            Entry { message, offset: i64::from(number / PARTITIONS), expected: produced.expected }
        };
        Self { records: produced.into_iter().enumerate().map(entry).collect() }
    }

    /// The first `records` of these records.
    pub(super) fn first(&self, records: usize) -> Self {
        Self { records: self.records[..records].to_vec() }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn ignored(&self) -> usize {
        self.records.iter().filter(|record| record.expected == Expected::Ignored).count()
    }

    /// The messages of the records with these numbers.
    pub(super) fn messages(&self, numbers: std::ops::Range<usize>) -> Vec<Message> {
        self.records[numbers].iter().map(|record| record.message.clone()).collect()
    }

    /// The ids of the app events of all records, with those of repeated records again.
    pub(super) fn event_ids(&self) -> impl Iterator<Item = &String> {
        self.records.iter().flat_map(Entry::event_ids)
    }

    /// The ids of the app events of the records at or after a partition's position.
    pub(super) fn event_ids_past(&self, positions: &BTreeMap<i32, i64>) -> BTreeSet<String> {
        let past = |record: &&Entry| {
            let position = record.message.partition.and_then(|partition| positions.get(&partition));
            record.offset >= position.copied().unwrap_or(0)
        };
        self.records.iter().filter(past).flat_map(Entry::event_ids).cloned().collect()
    }

    /// The partition and offset of each record that must become a dead letter.
    pub(super) fn dead_letters(&self) -> BTreeSet<String> {
        let letters = self.records.iter().filter(|record| record.expected == Expected::DeadLetter);
        letters.map(|record| coordinates(record.message.partition.unwrap(), record.offset)).collect()
    }

    /// Whether all events arrived.
    pub(super) fn is_complete(&self, arrived: &[String]) -> bool {
        let arrived: BTreeSet<_> = arrived.iter().collect();
        self.event_ids().all(|id| arrived.contains(id))
    }

    /// Asserts that all events arrived and nothing else, each as often as its record was produced.
    #[track_caller]
    pub(super) fn assert_exact(&self, arrived: &[String]) {
        let verdict = Verdict::of(self.event_ids(), arrived);
        verdict.assert_complete();
        let repeats = Verdict::of(self.event_ids(), self.event_ids()).duplicates;
        assert_eq!(verdict.duplicates, repeats, "arrived more often than produced");
    }

    /// Asserts that all events arrived and nothing else, however often.
    #[track_caller]
    pub(super) fn assert_complete(&self, arrived: &[String]) {
        Verdict::of(self.event_ids(), arrived).assert_complete();
    }
}

impl Entry {
    fn event_ids(&self) -> &[String] {
        match &self.expected {
            Expected::Delivered { event_ids } | Expected::Repeated { event_ids } => event_ids,
            Expected::Ignored | Expected::DeadLetter => &[],
        }
    }
}

/// The name of a record in comparisons.
pub(super) fn coordinates(partition: i32, offset: i64) -> String {
    format!("{partition}-{offset}")
}

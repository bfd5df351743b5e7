//! A backlog: the records of a topic, and what processes use until their events have arrived.
//!
//! Knows nothing of what the processes are, nor of where events arrive.

use std::{array, env, time::Duration};

use crate::{
    it::support::{client::Message, kafka::Kafka, wait::eventually},
    load,
    spread::Spread,
    usage::{Usage, memory},
};

pub(crate) const PARTITIONS: i32 = 8;

/// A sign-in becomes itself and the start of a session.
pub(crate) const EVENTS_PER_RECORD: usize = 2;

pub(crate) const USERS: usize = 100_000;

/// Longer than any of this takes.
pub(crate) const DEADLINE: Duration = Duration::from_mins(30);

/// The number of records that was asked for.
pub(crate) fn records() -> usize {
    setting("PINPOINT_SIDECAR_BENCH_RECORDS", 200_000)
}

/// The number of runs that was asked for.
pub(crate) fn runs() -> usize {
    setting("PINPOINT_SIDECAR_BENCH_RUNS", 1).max(1)
}

#[expect(clippy::disallowed_methods, reason = "what a benchmark is asked for")]
fn setting(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Creates a topic with these records.
pub(crate) fn fill(kafka: &Kafka, topic: &str, partitions: i32, records: impl Iterator<Item = Vec<u8>>) {
    kafka.create_topic(topic, partitions, &[]);
    kafka.client.produce(topic, records.map(Message::of));
}

/// This many sign-ins of this many users.
pub(crate) fn sign_ins(records: usize, users: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..records).map(move |number| load::sign_in(number, number % users))
}

/// What a process used during a run through a backlog.
pub(crate) struct Run {
    pub(crate) events_per_second: f64,
    /// Microseconds of processor time per event.
    pub(crate) cost: f64,
    /// KiB resident, at the end and at most.
    memory: (u64, u64),
}

impl Run {
    /// Measures processes from the first tenth of the events of this many records to the last, which leaves out
    /// their start. `arrived` counts the events.
    pub(crate) fn of<const N: usize>(
        records: usize,
        processes: [u32; N],
        arrived: impl Fn() -> u64,
    ) -> [Self; N] {
        let events = (records * EVENTS_PER_RECORD) as u64;
        let reached = |events| {
            let count = || Some(arrived()).filter(|count| *count >= events);
            let arrived = eventually(DEADLINE, "the events arrive", count);
            processes.map(|process| Usage::of(process, arrived))
        };
        let (first, last) = (reached(events / 10), reached(events));
        array::from_fn(|place| {
            let (first, last) = (&first[place], &last[place]);
            Self {
                events_per_second: last.events_per_second(first),
                cost: last.cost(first),
                memory: memory(processes[place]),
            }
        })
    }

    /// How many cores the process used.
    pub(crate) fn cores(&self) -> f64 {
        self.events_per_second * self.cost / 1e6
    }
}

pub(crate) fn report<'a>(name: &str, runs: impl IntoIterator<Item = &'a Run>) {
    let runs: Vec<_> = runs.into_iter().collect();
    let most = |memory: fn(&Run) -> u64| runs.iter().map(|run| memory(run)).max().unwrap_or_default() / 1024;
    println!(
        "{name}: {} thousand events a second, {} µs of processor time per event, {} MiB resident at the end, {} at most",
        Spread::of(runs.iter().map(|run| run.events_per_second / 1e3)),
        Spread::of(runs.iter().map(|run| run.cost)),
        most(|run| run.memory.0),
        most(|run| run.memory.1),
    );
}

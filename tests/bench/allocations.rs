//! Counts the allocations of an event from its record to its settlement; those of the SDKs and of librdkafka
//! are not among them. `cargo bench --bench allocations` takes a second.
//!
//! A benchmark of its own, because counting takes time.

#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::hint::black_box;

use pinpoint_sidecar::{
    core::{
        decode::Decoder,
        event::Mapped,
        map::{Mapper, config::SessionsConfig},
        time::Moment,
    },
    edge::aws::pinpoint::PutEvents,
};

use crate::steps::{FULL, Steps, record};

mod load;
#[allow(dead_code, reason = "other benchmarks use the rest")]
mod steps;

const RECORDS: usize = 10_000;

/// Cycles of the pipeline, of a request each.
const CYCLES: usize = 1_000;

fn main() {
    // `cargo test` runs benchmarks too, to see whether they start.
    if std::env::args().any(|argument| argument == "--bench") {
        let (mapping, pipeline, body) = (mapping(), pipeline(), body());
        println!(
            "allocations an event: {:.2} (decode and map {mapping:.2}, pipeline {pipeline:.2}, body of the request {body:.2})",
            mapping + pipeline + body
        );
    }
}

fn count(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

/// Sign-ins with sessions of their own, which become two events each.
fn mapping() -> f64 {
    let records: Vec<_> = (0..RECORDS).map(|number| record(number, number)).collect();
    let mut mapper = Mapper::new(Decoder::default(), &SessionsConfig::default());
    let mut events = 0;
    let allocations = count(|| {
        for record in &records {
            if let Mapped::Deliver(deliveries) = mapper.map(record, Moment::START).mapped {
                events += deliveries.len() as u64;
            }
        }
    });
    per(allocations, events)
}

fn pipeline() -> f64 {
    let mut steps = Steps::new(10_000, 64);
    let allocations = (0..CYCLES).map(|_| steps.cycle(|run| count(run))).sum();
    per(allocations, (CYCLES * FULL) as u64)
}

fn body() -> f64 {
    let request = steps::request();
    let allocations = count(|| {
        black_box(PutEvents.body(&request));
    });
    per(allocations, FULL as u64)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per(total: u64, events: u64) -> f64 {
    total as f64 / events as f64
}

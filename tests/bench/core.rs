//! The cost of an event in the pure part: decoding and mapping its record, putting it into a request, writing
//! the request, settling and committing it. Also the cost of the metrics page.
//!
//! The figures are for one event (for the commit, one partition), and they should be flat: neither the number
//! of endpoints nor that of partitions should matter. `cargo bench --bench core` takes two minutes.

#![allow(missing_docs, reason = "criterion's macros write functions without a word")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::{fs, hint::black_box, num::NonZeroUsize, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use pinpoint_sidecar::{
    core::{
        decode::{Choice, Decoder, Format, config::FormatsConfig},
        destination::{Encoder as _, FieldCounts},
        map::{Mapper, config::SessionsConfig},
        record::Record,
        time::{Moment, Timestamp},
    },
    edge::{
        admin::{Overview, RecentErrors, SourceReport, Stage, metrics::Metrics},
        aws::pinpoint::PutEvents,
    },
};

use tikv_jemallocator::Jemalloc;

use crate::steps::{Steps, record};

mod load;
#[allow(dead_code, reason = "other benchmarks use the rest")]
mod steps;

/// The allocator of the service.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The endpoints and partitions of the pipeline, of which one varies at a time.
const SIZES: [(usize, usize); 5] =
    [(100, 64), (100_000, 64), (1_000_000, 64), (100_000, 1), (100_000, 1_000)];

/// Records that are read in turn: more than fit into the processor's caches.
const RECORDS: usize = 10_000;

criterion_group! {
    name = core;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = decode_a_record, decode_each_format, map_a_record, pipeline, write_a_request,
        write_the_metrics
}
criterion_main!(core);

fn decode_a_record(criterion: &mut Criterion) {
    let records = records(RECORDS);
    for choice in ["keycloak".parse().unwrap(), Choice::Auto] {
        let decoder = decoder(choice);
        let mut next = records.iter().cycle();
        criterion.bench_function(&format!("decode/record/{choice}"), |bencher| {
            bencher.iter(|| black_box(decoder.decode(next.next().unwrap()).events.len()));
        });
    }
}

/// Decodes the example of each provider's page, both as its own format and as one that must be recognised.
fn decode_each_format(criterion: &mut Criterion) {
    for format in Format::ALL {
        let page = format!("{}/deploy/providers/{}.md", env!("CARGO_MANIFEST_DIR"), format.name());
        let page = fs::read_to_string(page).unwrap();
        let filter = page.split_once("custom: |\n").and_then(|(_, rest)| rest.split("```").next());
        let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let example = Record { value: Some(example.as_bytes().into()), ..record(0, 0) };
        for choice in [Choice::Named(format), Choice::Auto] {
            let custom = filter.map(str::to_owned);
            let config = FormatsConfig { format: choice, custom, ..FormatsConfig::default() };
            let decoder = Decoder::new(&config).ok().unwrap();
            let bytes = example.value.as_ref().map_or(0, |value| value.len());
            criterion.bench_function(
                &format!("decode/{} of {bytes} bytes/{choice}", format.name()),
                |bencher| {
                    bencher.iter(|| black_box(decoder.decode(&example).events.len()));
                },
            );
        }
    }
}

fn decoder(format: Choice) -> Decoder {
    Decoder::new(&FormatsConfig { format, ..FormatsConfig::default() }).ok().unwrap()
}

/// Decodes and maps sign-ins of known sessions. The index has as many sessions as there are endpoints.
fn map_a_record(criterion: &mut Criterion) {
    for endpoints in [100, 100_000, 1_000_000] {
        let max = NonZeroUsize::new(endpoints).unwrap();
        let mut mapper =
            Mapper::new(Decoder::default(), &SessionsConfig { max, ..SessionsConfig::default() });
        let stride = (endpoints / RECORDS).max(1);
        let mut known = Vec::new();
        for number in 0..endpoints {
            let record = record(number, number);
            mapper.map(&record, Moment::START);
            if number % stride == 0 {
                known.push(record);
            }
        }
        let mut next = known.iter().cycle();
        criterion.bench_function(&format!("decode and map/record/{endpoints} sessions"), |bencher| {
            bencher.iter(|| black_box(mapper.map(next.next().unwrap(), Moment::START).mapped));
        });
    }
}

/// Runs a pipeline with an event waiting on each of its endpoints, in steps: a request's worth of events is
/// read, a request is composed and answered, and from time to time all positions are committed.
fn pipeline(criterion: &mut Criterion) {
    for (endpoints, partitions) in SIZES {
        let mut steps = Steps::new(endpoints, partitions);
        let size = format!("{endpoints} endpoints, {partitions} partitions");
        let mut step = |name: &str, measured: fn(&mut Steps, u64) -> Duration| {
            criterion.bench_function(&format!("{name}/{size}"), |bencher| {
                bencher.iter_custom(|iterations| measured(&mut steps, iterations));
            });
        };
        step("read/event", Steps::read);
        step("batch/event", Steps::batch);
        step("settle/event", Steps::settle);
        step("commit/partition", Steps::commit);
    }
}

/// Writes a request of 100 events on 100 endpoints, and fits its events as the pipeline does.
fn write_a_request(criterion: &mut Criterion) {
    let request = steps::request();
    criterion.bench_function("write/request of 100 events", |bencher| {
        bencher.iter(|| black_box(PutEvents.body(&request).len()));
    });
    let deliveries = steps::deliveries(100);
    let mut next = deliveries.iter().cycle();
    criterion.bench_function("fit/event", |bencher| {
        let mut counts = FieldCounts::default();
        bencher.iter(|| {
            let fitted = PutEvents.fit(next.next().unwrap().clone(), &mut counts);
            black_box(fitted.ok().unwrap().bytes)
        });
    });
}

fn write_the_metrics(criterion: &mut Criterion) {
    for partitions in [1, 64, 1_000] {
        let steps = Steps::new(1_000, partitions);
        let metrics = Metrics::new(Timestamp(0)).unwrap();
        let mapping = Mapper::new(Decoder::default(), &SessionsConfig::default()).counts();
        let (source, errors) = (SourceReport::default(), RecentErrors::default());
        criterion.bench_function(&format!("metrics/page/{partitions} partitions"), |bencher| {
            bencher.iter(|| {
                let snapshot = steps.pipeline.snapshot();
                let (now, stage) = (Moment::START, Stage::Running);
                let overview = Overview {
                    now,
                    stage,
                    snapshot: &snapshot,
                    mapping,
                    doubtful_formats: &[],
                    source: &source,
                    table: None,
                    roles: None,
                    errors: &errors,
                };
                black_box(metrics.render(&overview).unwrap().len())
            });
        });
    }
}

fn records(number: usize) -> Vec<Record> {
    (0..number).map(|number| record(number, number)).collect()
}

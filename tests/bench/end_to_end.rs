//! The cost of an event from a real Kafka to a PutEvents server without quota: events per second, processor
//! time and memory of the service as a process, compared with a program that only consumes and sends.
//!
//! `cargo bench --bench end_to_end`; `PINPOINT_SIDECAR_BENCH_RECORDS` sets the number of records in the
//! backlog, 200,000 by default. Each record becomes two events, and each request holds 100. Broker and server
//! run on the same machine, so they share in the events per second but not in the processor time.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its results")]

use std::{
    env,
    process::{Command, ExitCode},
    time::Duration,
};

use pinpoint_sidecar::tools::emulator::Options;
use rdkafka::producer::{BaseProducer, BaseRecord};
use support::{
    client::Message,
    kafka::Kafka,
    process::Process,
    putevents::PutEvents,
    service::{Service, Setup},
    wait,
};
use tempfile::TempDir;

use crate::{
    it::support,
    usage::{Usage, memory},
};

#[path = "../it"]
mod it {
    #[allow(dead_code, unused_imports, reason = "the tests use all of it")]
    pub(crate) mod support;
}
mod load;
mod plain;
mod usage;

const TOPIC: &str = "keycloak-events";
const PARTITIONS: i32 = 8;

/// A sign-in becomes itself and the start of a session.
const EVENTS_PER_RECORD: usize = 2;

const USERS: usize = 100_000;

/// Nobody listens on the port of a service of 1988; other programs on the machine may take a free port.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Longer than any of this takes.
const DEADLINE: Duration = Duration::from_mins(30);

/// How long an outage is watched.
const OUTAGE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["plain", brokers, topic, url] => plain::run(brokers, topic, url),
        // `cargo test` runs benchmarks too, to see whether they start.
        ref others if others.contains(&"--bench") => measure(),
        _ => {}
    }
    ExitCode::SUCCESS
}

fn measure() {
    let kafka = Kafka::start();
    let records = records();
    println!("{records} records of {EVENTS_PER_RECORD} events each, 100 events a request");
    kafka.create_topic(TOPIC, PARTITIONS, &[]);
    let messages = (0..records).map(|number| Message::of(load::sign_in(number, number % USERS)));
    kafka.client.produce(TOPIC, messages);

    let plain = backlog(records, |server| start_plain(&kafka, &server.url));
    report("consume and send alone", &plain);
    let ours =
        backlog(records, |server| Running::Service(setup(&kafka, TOPIC, "backlog", &server.url).start()));
    report("the service", &ours);
    println!(
        "processor time per event, the service to consume and send alone: {:.2}",
        ours.cost / plain.cost
    );

    latency(&kafka);
    outage("outage, unlimited quota", &setup(&kafka, TOPIC, "outage", NOWHERE));
    let usual = setup(&kafka, TOPIC, "outage-usual", NOWHERE);
    outage("outage, usual quota", &usual.with("quota", "{}"));
}

enum Running {
    Plain(Process, #[expect(dead_code, reason = "removed with it")] TempDir),
    Service(Service),
}

impl Running {
    fn id(&self) -> u32 {
        match self {
            Self::Plain(process, _) => process.id(),
            Self::Service(service) => service.id(),
        }
    }
}

/// The results of a run through a backlog.
struct Run {
    events_per_second: f64,
    /// Microseconds of processor time per event.
    cost: f64,
    /// KiB resident, at the end and at most.
    memory: (u64, u64),
}

/// Measures a program from the first tenth of a backlog to its end, which leaves out its start.
fn backlog(records: usize, start: impl FnOnce(&PutEvents) -> Running) -> Run {
    let server = PutEvents::start(Options {
        quota: None,
        keep_events: 0,
        find_duplicates: false,
        ..Options::default()
    });
    let events = (records * EVENTS_PER_RECORD) as u64;
    let running = start(&server);
    let reached = |events| {
        server.wait(DEADLINE, "the events arrive", |counts| counts.events_accepted >= events);
        Usage::of(running.id(), server.control.counts().events_accepted)
    };
    let (first, last) = (reached(events / 10), reached(events));
    let memory = memory(running.id());
    Run { events_per_second: last.events_per_second(&first), cost: last.cost(&first), memory }
}

/// Measures the time from before a sign-in is produced until the server has both of its events, one sign-in
/// after the other.
fn latency(kafka: &Kafka) {
    const SIGN_INS: usize = 300;
    const LINGER: Duration = Duration::from_millis(100);
    let topic = "latency";
    kafka.create_topic(topic, 1, &[]);
    let server = PutEvents::start(Options { quota: None, ..Options::default() });
    let setup = setup(kafka, topic, "latency", &server.url);
    let _service = setup.with("batch.linger", &format!("{}ms", LINGER.as_millis())).start();
    let producer: BaseProducer = kafka.client.config().set("linger.ms", "0").create().expect("a producer");
    let sign_in = |number: usize| {
        let (value, start) = (load::sign_in(number, number), wait::now());
        producer.send(BaseRecord::<(), _>::to(topic).payload(&value)).expect("room in the queue");
        let events = ((number + 1) * EVENTS_PER_RECORD) as u64;
        while server.control.counts().events_accepted < events {
            assert!(start.elapsed() < DEADLINE, "the events arrive");
            producer.poll(Duration::from_millis(1));
        }
        start.elapsed()
    };
    // The first ones meet connections that are still being made.
    let mut took: Vec<_> = (0..SIGN_INS).map(sign_in).skip(SIGN_INS / 10).collect();
    took.sort_unstable();
    let above =
        |hundredth: usize| took[took.len() * hundredth / 100].saturating_sub(LINGER).as_secs_f64() * 1e3;
    println!(
        "latency of a sign-in above the linger of {LINGER:?}: p50 {:.1} ms, p99 {:.1} ms",
        above(50),
        above(99)
    );
}

/// Starts the service without a reachable destination, and watches its memory.
fn outage(name: &str, setup: &Setup) {
    let service = setup.start();
    let mut seconds = Vec::new();
    let start = wait::now();
    let _: Option<()> = wait::answer(OUTAGE, || {
        if start.elapsed().as_secs() > seconds.len() as u64 {
            seconds.push(memory(service.id()).0 / 1024);
        }
        None
    });
    let metrics = service.metrics();
    println!("{name}: MiB resident, second by second: {seconds:?}");
    println!(
        "{name}: {} records, {} MiB outstanding; {} MiB resident at most",
        metrics.count("records_outstanding"),
        metrics.count("bytes_outstanding") >> 20,
        memory(service.id()).1 / 1024,
    );
}

fn report(name: &str, run: &Run) {
    println!(
        "{name}: {:.0} events a second, {:.2} µs of processor time per event, {} MiB resident, {} at most",
        run.events_per_second,
        run.cost,
        run.memory.0 / 1024,
        run.memory.1 / 1024,
    );
}

fn start_plain(kafka: &Kafka, url: &str) -> Running {
    let scratch = TempDir::new().expect("a folder");
    let mut command = Command::new(env::current_exe().expect("the path of this program"));
    command.args(["plain", &kafka.client.bootstrap, TOPIC, url]);
    Running::Plain(Process::start(&mut command, scratch.path()), scratch)
}

/// The service with all the quota that it can use, and its default memory budget.
fn setup(kafka: &Kafka, topic: &str, group: &str, url: &str) -> Setup {
    let brokers = &kafka.client.bootstrap;
    Setup::new(format!(
        "source: {{ brokers: '{brokers}', topics: [{topic}], group: {group}, start: earliest }}\n\
         destination:\n  pinpoint:\n    application: 0123456789abcdef0123456789abcdef\n    \
         region: us-east-1\n    endpoint_url: {url}\n\
         quota: {{ requests_per_second: 100000, in_flight: 16, share: 1 }}\n\
         dead_letter: {{ discard: true }}\n\
         log: {{ format: text, level: warn }}\n"
    ))
}

#[expect(clippy::disallowed_methods, reason = "what a benchmark is asked for")]
fn records() -> usize {
    env::var("PINPOINT_SIDECAR_BENCH_RECORDS")
        .map_or(200_000, |records| records.parse().expect("PINPOINT_SIDECAR_BENCH_RECORDS is a number"))
}

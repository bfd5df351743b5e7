//! The cost of an event from a real Kafka to a PutEvents server without quota: events per second, processor
//! time and memory of the service as a process, compared with a program that only consumes and sends, with the
//! allocator of the system.
//!
//! `cargo bench --bench end_to_end` measures everything, or only the parts that are named: `cost`, `kinds`,
//! `flat`, `latency`, `start`, `memory`. `kinds` sends the same events to each kind of destination.
//! `PINPOINT_SIDECAR_BENCH_RECORDS` sets the number of records in the backlog, 200,000 by default, and
//! `PINPOINT_SIDECAR_BENCH_RUNS` how often `cost` measures both programs in turn, and `kinds` all kinds, once by
//! default. Each record becomes two events, and each request holds 100, unless the kind says otherwise. Broker
//! and server run on the same machine, so they share in the events per second but not in the processor time.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its results")]

use pinpoint_sidecar::tools::emulator::Options;
use rdkafka::producer::{BaseProducer, BaseRecord};
use std::{
    env,
    process::{Command, ExitCode},
    time::Duration,
};
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
    backlog::{DEADLINE, EVENTS_PER_RECORD, PARTITIONS, Run, USERS, fill, report, sign_ins},
    it::support,
    setups::{setup, tenants_setup, unlimited},
    spread::Spread,
    usage::memory,
};

#[path = "../it"]
mod it {
    #[allow(dead_code, unused_imports, reason = "the tests use all of it")]
    pub(crate) mod support;
}
mod backlog;
mod kinds;
mod load;
mod plain;
mod setups;
mod spread;
mod usage;

const TOPIC: &str = "keycloak-events";

/// Nobody listens on the port of a service of 1988; other programs on the machine may take a free port.
const NOWHERE: &str = "http://127.0.0.1:1";

/// How long an outage is watched.
const OUTAGE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["plain", brokers, topic, group, url] => plain::run(brokers, topic, group, url),
        // `cargo test` runs benchmarks too, to see whether they start.
        ref others if others.contains(&"--bench") => measure(others),
        _ => {}
    }
    ExitCode::SUCCESS
}

fn measure(arguments: &[&str]) {
    type Part = fn(&Kafka);
    const PARTS: [(&str, Part); 6] = [
        ("cost", cost),
        ("kinds", kinds::measure),
        ("flat", flat),
        ("latency", latency),
        ("start", cold_start),
        ("memory", outages),
    ];
    let is_named = |name: &str| arguments.contains(&name);
    let is_any_named = PARTS.iter().any(|(name, _)| is_named(name));
    let kafka = Kafka::start();
    for (name, measure) in PARTS {
        if is_named(name) || !is_any_named {
            measure(&kafka);
        }
    }
}

/// Measures a backlog, by the service and by a program that only consumes and sends, in turn.
fn cost(kafka: &Kafka) {
    let (records, runs) = (backlog::records(), backlog::runs());
    println!("{records} records of {EVENTS_PER_RECORD} events each, 100 events a request; {runs} runs");
    fill(kafka, TOPIC, PARTITIONS, sign_ins(records, USERS));
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    for run in 0..runs {
        plain.push(backlog(records, |server| start_plain(kafka, &format!("plain-{run}"), &server.url)));
        let setup = |url: &str| setup(kafka, TOPIC, &format!("backlog-{run}"), url);
        ours.push(backlog(records, |server| Running::Service(setup(&server.url).start())));
    }
    report("consume and send alone", &plain);
    report("the service", &ours);
    let ratios = ours.iter().zip(&plain).map(|(ours, plain)| ours.cost / plain.cost);
    println!("processor time per event, the service to consume and send alone: {}", Spread::of(ratios));
}

/// Measures a backlog in topics of one and of many partitions, of few and of many endpoints, and for one and
/// for many destinations.
fn flat(kafka: &Kafka) {
    let records = backlog::records();
    let measure = |name: &str, records: usize, setup: &dyn Fn(&str) -> Setup| {
        let run = backlog(records, |server| Running::Service(setup(&server.url).start()));
        report(name, [&run]);
    };
    for partitions in [1, 8, 1_000] {
        let topic = format!("of-{partitions}");
        fill(kafka, &topic, partitions, sign_ins(records, USERS));
        measure(&format!("{partitions} partitions"), records, &|url| setup(kafka, &topic, &topic, url));
    }
    for tenants in [1, 10, 1_000] {
        let topic = format!("for-{tenants}");
        let sign_in = |number: usize| load::sign_in_at(number % tenants, number, number % USERS);
        fill(kafka, &topic, PARTITIONS, (0..records).map(sign_in));
        measure(&format!("{tenants} destinations"), records, &|url| {
            tenants_setup(kafka, &topic, tenants, url)
        });
    }
    for users in [1_000, 100_000, 1_000_000] {
        let (topic, records) = (format!("of-{users}-users"), records.max(users));
        fill(kafka, &topic, PARTITIONS, sign_ins(records, users));
        measure(&format!("{users} endpoints"), records, &|url| setup(kafka, &topic, &topic, url));
    }
}

/// Measures the time from the start of the process until it is ready.
fn cold_start(kafka: &Kafka) {
    let topic = "start";
    kafka.create_topic(topic, PARTITIONS, &[]);
    let took = (0..9).map(|run| {
        let setup = setup(kafka, topic, &format!("start-{run}"), NOWHERE);
        let start = wait::now();
        let _service = setup.start();
        start.elapsed().as_secs_f64() * 1e3
    });
    println!("from the start until it is ready, in ms: {}", Spread::of(took));
}

/// Watches the memory of the service without a reachable destination.
fn outages(kafka: &Kafka) {
    let records = backlog::records();
    fill(kafka, "outage", PARTITIONS, sign_ins(records, USERS));
    fill(kafka, "outage-of-1000", 1_000, sign_ins(records, USERS));
    kafka.create_topic("outage-zstd", PARTITIONS, &[("compression.type", "zstd")]);
    kafka.client.produce("outage-zstd", sign_ins(records, USERS).map(Message::of));
    let setup = |topic: &str, group: &str| setup(kafka, topic, group, NOWHERE);
    outage("outage, unlimited quota", &setup("outage", "outage"));
    outage("outage, usual quota", &setup("outage", "outage-usual").with("quota", "{}"));
    outage("outage, 1,000 partitions", &setup("outage-of-1000", "outage-of-1000"));
    outage("outage, zstd", &setup("outage-zstd", "outage-zstd"));
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

/// Measures a program that sends a backlog to a server.
fn backlog(records: usize, start: impl FnOnce(&PutEvents) -> Running) -> Run {
    let server = PutEvents::start(unlimited());
    let running = start(&server);
    let [run] = Run::of(records, [running.id()], || server.control.counts().events_accepted);
    run
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
    let service = setup.with("batch.linger", &format!("{}ms", LINGER.as_millis())).start();
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
    let metrics = service.metrics();
    let answers = |part| metrics.value(&format!("request_duration_seconds_{part}"));
    println!(
        "latency of a sign-in above the linger of {LINGER:?}: p50 {:.1} ms, p99 {:.1} ms; an answer took {:.1} ms",
        above(50),
        above(99),
        answers("sum") / answers("count") * 1e3
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

fn start_plain(kafka: &Kafka, group: &str, url: &str) -> Running {
    let scratch = TempDir::new().expect("a folder");
    let mut command = Command::new(env::current_exe().expect("the path of this program"));
    command.args(["plain", &kafka.client.bootstrap, TOPIC, group, url]);
    Running::Plain(Process::start(&mut command, scratch.path()), scratch)
}

//! A hundred tenants, each with a stream of Kinesis, a role and an account of its own. Records have no keys, so
//! that every partition holds every tenant's.
//!
//! It prints how long the others take with and without the tenants that are wrong, and asserts nothing about it.

use std::{collections::BTreeMap, time::Duration};

use pinpoint_sidecar::{
    core::units::Span,
    tools::emulator::{Faults, Only, Options, Outage},
};

use super::{
    redrive,
    scene::{LONG, SESSION, assert_balanced},
};
use crate::support::{
    client::Message,
    kafka::Kafka,
    oracle::Verdict,
    putevents::PutEvents,
    service::{Service, Setup},
    wait::{eventually, now},
};

const TENANTS: usize = 100;
/// How many records each tenant has.
const RECORDS: usize = 60;
/// No divisor of the number of tenants.
const PARTITIONS: i32 = 7;

const REFUSED: usize = 10;
const MISSING: usize = 20;
/// It has a small quota, so that it is soon without room.
const THROTTLED: usize = 30;
const SLOW: usize = 40;
const WRONG: [usize; 3] = [REFUSED, MISSING, THROTTLED];

/// What the process may take: that of ten destinations, and what each further one may add. In a build that is
/// not optimised, the SDK's requests in flight take several times as much, and so does the program itself.
const MOST: u64 =
    if cfg!(debug_assertions) { 160 << 20 } else { (64 << 20) + (TENANTS as u64 - 10) * (20 << 10) };

struct Town {
    topic: &'static str,
    kafka: &'static Kafka,
    server: PutEvents,
}

impl Town {
    /// A town in which all records are already there.
    #[track_caller]
    fn start(topic: &'static str, faults: Faults) -> Self {
        let kafka = Kafka::shared();
        let server = PutEvents::start(Options { faults, ..Options::default() });
        let town = Self { topic, kafka, server };
        kafka.create_topic(topic, PARTITIONS, &[]);
        kafka.create_topic(&town.letters(), 1, &[]);
        kafka.client.produce(topic, (0..TENANTS * RECORDS).map(message));
        town
    }

    fn letters(&self) -> String {
        format!("{}-dead-letters", self.topic)
    }

    fn setup(&self) -> Setup {
        let tenants = (0..TENANTS).map(|tenant| {
            format!(
                "  t{tenant}: {{ kinesis: {{ stream: t{tenant}, region: eu-west-1, endpoint_url: {}, timeout: 1m, \
                 credentials: {{ role: '{}', external_id: t{tenant}-7f3c }} }}, spill: {{ after: 1s }} }}\n",
                self.server.url,
                role(tenant),
            )
        });
        let routes = (0..TENANTS).map(|tenant| format!("  - {{ client: t{tenant}, to: t{tenant} }}\n"));
        let config = format!(
            "source:
  brokers: {brokers}
  topics: [{topic}]
  group: {topic}
  revoke_timeout: 4s
  properties: {{ session.timeout.ms: {session}, heartbeat.interval.ms: 500 }}
destinations:
{tenants}quotas: [{{ service: kinesis, account: '{account}', region: eu-west-1, requests_per_second: 1, in_flight: 1 }}]
routes:
{routes}unrouted: dead_letter
batch: {{ max_events: 10, linger: 100ms }}
retry: {{ initial: 100ms, max: 1s }}
dead_letter: {{ topic: {letters}, circuit_breaker: off }}
redrive: {{ secret: 0123456789abcdef }}
commit: {{ interval: 500ms }}
log: {{ format: text, level: warn }}
",
            brokers = self.kafka.client.bootstrap,
            topic = self.topic,
            session = SESSION.as_millis(),
            tenants = tenants.collect::<String>(),
            routes = routes.collect::<String>(),
            account = account(THROTTLED),
            letters = self.letters(),
        );
        Setup::new(config).with_sts(&self.server.url)
    }

    /// Waits until these tenants have got everything; returns how long it took.
    #[track_caller]
    fn wait_served(&self, tenants: impl Fn(usize) -> bool) -> Duration {
        let start = now();
        eventually(LONG, "tenants have got everything", || {
            let counts = self.server.control.counts().by_destination;
            let is_served = |tenant: usize| {
                let counts = counts.get(&*format!("kinesis/t{tenant}"));
                counts.is_some_and(|counts| counts.events_accepted >= RECORDS as u64)
            };
            (0..TENANTS).filter(|tenant| tenants(*tenant)).all(is_served).then_some(())
        });
        start.elapsed()
    }

    #[track_caller]
    fn wait_committed(&self) {
        eventually(LONG, "everything is committed", || {
            let client = &self.kafka.client;
            (client.committed(self.topic, self.topic) == client.ends(self.topic)).then_some(())
        });
    }

    /// That these tenants got each of their events once.
    #[track_caller]
    fn assert_exact(&self, tenants: impl Fn(usize) -> bool) {
        let mut arrived: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in self.server.control.events(0) {
            arrived.entry(event.destination.to_string()).or_default().push(event.event_id.clone());
        }
        for tenant in (0..TENANTS).filter(|tenant| tenants(*tenant)) {
            let expected = (0..RECORDS).map(|number| format!("t{tenant}-{number}:sign_up"));
            Verdict::of(expected, arrived[&format!("kinesis/t{tenant}")].clone()).assert_exact();
        }
    }
}

fn account(tenant: usize) -> String {
    format!("{tenant:012}")
}

fn role(tenant: usize) -> String {
    format!("arn:aws:iam::{}:role/identity-events", account(tenant))
}

/// The records of the tenants in turn.
fn message(number: usize) -> Message {
    let (tenant, record) = (number % TENANTS, number / TENANTS);
    let partition = i32::try_from(number).expect("a small number") % PARTITIONS;
    let value = format!(
        r#"{{"id":"t{tenant}-{record}","time":1795382400000,"type":"REGISTER","realmId":"r","clientId":"t{tenant}","userId":"u{record}"}}"#
    );
    Message { partition: Some(partition), ..Message::of(value) }
}

/// Three tenants are wrong in different ways, and one is slow.
fn faults() -> Faults {
    let only = |service: &str, destination: String, faults| Only {
        service: Some(service.to_owned()),
        destination: Some(destination),
        faults,
        ..Only::default()
    };
    let outage = |outage| Faults { outage: Some(outage), ..Faults::default() };
    let stream = |tenant: usize, faults| only("kinesis", format!("t{tenant}"), faults);
    let slow = Faults { latency: Some(Span(Duration::from_secs(2))), ..Faults::default() };
    Faults {
        only: vec![
            only("sts", role(REFUSED), outage(Outage::answer(403, "AccessDenied"))),
            stream(MISSING, outage(Outage::answer(400, "ResourceNotFoundException"))),
            stream(THROTTLED, Faults { throttled: 1.0, ..Faults::default() }),
            stream(SLOW, slow),
        ],
        ..Faults::default()
    }
}

/// How many events of a tenant are in the dead letters.
fn spilled(service: &Service, tenant: usize) -> usize {
    let spilled = format!("destination_events_spilled_total{{destination=\"t{tenant}\"}}");
    usize::try_from(service.metrics().count(&spilled)).expect("a number")
}

pub(super) fn a_few_that_are_wrong_or_slow_keep_nothing_from_the_others() {
    let is_other = |tenant: usize| !WRONG.contains(&tenant) && tenant != SLOW;
    let well = Town::start("real-tenants-well", Faults::default());
    let service = well.setup().start();
    let alone = well.wait_served(is_other);
    well.wait_committed();
    well.assert_exact(is_other);
    assert_eq!(service.stop(), Some(0));

    let town = Town::start("real-tenants", faults());
    let service = town.setup().start();
    let with = town.wait_served(is_other);
    town.wait_served(|tenant| tenant == SLOW);
    // During a hold, one event stays as the probe. Of the throttled ones, some stay as long as there is room.
    eventually(LONG, "the events of the wrong ones are spilled", || {
        let enough = |tenant| spilled(&service, tenant) >= if tenant == THROTTLED { 1 } else { RECORDS - 1 };
        WRONG.into_iter().all(enough).then_some(())
    });
    let peak = service.peak_memory();
    eprintln!("the others: {alone:?} without the wrong ones, {with:?} with them; peak {} KiB", peak >> 10);
    assert!(peak <= MOST, "{} KiB", peak >> 10);
    assert_balanced(&service);

    town.server.control.set_faults(Faults::default());
    town.wait_committed();
    let letters: usize = WRONG.into_iter().map(|tenant| spilled(&service, tenant)).sum();
    let mut left = letters as u64 + 1;
    while left > 0 {
        let [_, matched, written, _] = redrive::run(&town.setup().config, &[]);
        // The one with a small quota may have no room for all of them at once, and spills again.
        assert!(matched == written && written < left, "{matched} letters, {written} records");
        left = written;
        town.wait_committed();
    }
    town.assert_exact(|_| true);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

//! The cost of an event for each kind of destination, beside that of the same event for Pinpoint.
//!
//! Each run measures all kinds, one after the other, so that what slows the machine down for a while shows at
//! several. The processes share the machine: how many cores each of them uses shows which one limits the
//! events per second. The processor time per event is that of the service alone.
//!
//! What the service has read and put into requests before the first tenth arrives is not counted, so a backlog
//! that is not many times as large as what is in flight flatters the kinds with large requests.

use std::{process, time::Duration};

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::{
    backlog::{self, PARTITIONS, Run, USERS, fill, report, sign_ins},
    it::support::{kafka::Kafka, putevents::PutEvents, service::Setup},
    setups::{QUOTA, setup_to, unlimited},
    spread::Spread,
};

const SOURCE: &str = "kinds";

/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// What stands for the region and the address of the server in a section.
const AT: &str = "AT";

/// What stands for the topic that events go to in a section.
const TOPIC: &str = "TOPIC";

struct Kind {
    name: &'static str,
    /// As `quotas` names it.
    service: &'static str,
    /// The section of the destination.
    section: &'static str,
    /// The events in a request, at most, if the service takes so many.
    batch: usize,
}

/// Pinpoint, with which the others are compared, is the first.
const KINDS: [Kind; 10] = [
    Kind {
        name: "pinpoint",
        service: "pinpoint",
        section: "pinpoint: { application: 0123456789abcdef0123456789abcdef, AT }",
        batch: 100,
    },
    Kind { name: "kinesis", service: "kinesis", section: "kinesis: { stream: identity, AT }", batch: 100 },
    Kind {
        name: "kinesis, 500 events a request",
        service: "kinesis",
        section: "kinesis: { stream: identity, AT }",
        batch: 500,
    },
    Kind { name: "firehose", service: "firehose", section: "firehose: { stream: lake, AT }", batch: 100 },
    Kind {
        name: "firehose, 500 events a request",
        service: "firehose",
        section: "firehose: { stream: lake, AT }",
        batch: 500,
    },
    Kind {
        name: "firehose, packed",
        service: "firehose",
        section: "firehose: { stream: lake, pack: 100KiB, AT }",
        batch: 100,
    },
    Kind {
        name: "firehose, packed, 500 events a request",
        service: "firehose",
        section: "firehose: { stream: lake, pack: 100KiB, AT }",
        batch: 500,
    },
    Kind {
        name: "eventbridge",
        service: "eventbridgev2",
        section: "eventbridge: { source: com.example.identity, AT, \
                  bus: 'arn:aws:events:us-east-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde' }",
        batch: 100,
    },
    Kind {
        name: "eventbridge-classic",
        service: "eventbridge",
        section: "eventbridge: { source: com.example.identity, AT, bus: default }",
        batch: 100,
    },
    Kind { name: "kafka", service: "kafka", section: "kafka: { topic: TOPIC }", batch: 100 },
];

/// Measures a backlog with each kind, in turn.
pub(crate) fn measure(kafka: &Kafka) {
    let (records, runs) = (backlog::records(), backlog::runs());
    println!("{records} records to each kind of destination; {runs} runs");
    println!("an emulator that uses a whole core limits the events a second, but not the processor time");
    fill(kafka, SOURCE, PARTITIONS, sign_ins(records, USERS));
    let mut measured = KINDS.map(|kind| (kind, Vec::new()));
    for run in 0..runs {
        for (number, (kind, runs)) in measured.iter_mut().enumerate() {
            runs.push(kind.run(kafka, records, &format!("{SOURCE}-{number}-{run}")));
        }
    }
    let (_, pinpoint) = &measured[0];
    for (kind, runs) in &measured {
        tell(kind.name, runs, pinpoint);
    }
}

/// Prints the figures of a kind, beside those for Pinpoint.
fn tell(name: &str, runs: &[KindRun], pinpoint: &[KindRun]) {
    report(name, runs.iter().map(|run| &run.service));
    let ratios = runs.iter().zip(pinpoint).map(|(run, pinpoint)| run.service.cost / pinpoint.service.cost);
    let cores = |of: fn(&KindRun) -> &Run| Spread::of(runs.iter().map(|run| of(run).cores()));
    println!(
        "{name}: {} of Pinpoint's processor time, {} thousand events a second on one core; \
         cores used: service {}, emulator {}, broker {}",
        Spread::of(ratios),
        Spread::of(runs.iter().map(|run| 1e3 / run.service.cost)),
        cores(|run| &run.service),
        cores(|run| &run.emulator),
        cores(|run| &run.broker),
    );
}

/// What each process used during a run through a backlog.
struct KindRun {
    service: Run,
    /// The process of the benchmark, which does little else.
    emulator: Run,
    broker: Run,
}

impl Kind {
    /// Measures a backlog, which is read as the group `name`.
    fn run(&self, kafka: &Kafka, records: usize, name: &str) -> KindRun {
        let server = PutEvents::start(unlimited());
        let consumer: BaseConsumer = kafka.client.config().create().expect("a consumer");
        if self.is_topic() {
            kafka.create_topic(name, PARTITIONS, &[]);
        }
        let service = self.setup(kafka, name, &server.url).start();
        let arrived = || {
            if self.is_topic() {
                return messages(&consumer, name);
            }
            let counts = server.control.counts();
            assert!(counts.violations.is_empty(), "{counts:?}");
            counts.events_accepted
        };
        let processes = [service.id(), process::id(), kafka.id()];
        let [service, emulator, broker] = Run::of(records, processes, arrived);
        KindRun { service, emulator, broker }
    }

    fn setup(&self, kafka: &Kafka, name: &str, url: &str) -> Setup {
        let region = if self.is_topic() { "" } else { "region: us-east-1, " };
        let at = format!("{region}endpoint_url: '{url}'");
        let section = self.section.replace(AT, &at).replace(TOPIC, name);
        setup_to(&format!("destination: {{ {section} }}\n"), kafka, SOURCE, name)
            .with("quota", "{ share: 1 }")
            .with("quotas", &format!("[{{ service: {}, {region}{QUOTA} }}]", self.service))
            .with("batch.max_events", &self.batch.to_string())
    }

    fn is_topic(&self) -> bool {
        self.service == "kafka"
    }
}

/// How many messages were written to a topic.
fn messages(consumer: &BaseConsumer, topic: &str) -> u64 {
    let end = |partition| {
        let (_, end) = consumer.fetch_watermarks(topic, partition, ANSWER).expect("the end of a partition");
        u64::try_from(end).expect("an offset")
    };
    (0..PARTITIONS).map(end).sum()
}

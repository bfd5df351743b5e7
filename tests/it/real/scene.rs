//! A scenario's stage: a topic and a group of its own, its PutEvents server, and what was produced.
//!
//! Knows for each event id which record it came from, so that a test can say which ids may arrive twice:
//! those of records that were not committed when something was killed, and no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::{
        demo::generate::{Expected, Generator, GeneratorOptions, Produced, Providers},
        emulator::{Faults, Options, Outage, Quota},
    },
};

use crate::support::{
    client::{Client, Message},
    kafka::Kafka,
    oracle::Verdict,
    putevents::PutEvents,
    service::{Service, Setup},
    settled::Settled,
    wait::eventually,
};

/// Longer than any scenario's backlog takes on a loaded machine.
pub(crate) const LONG: Duration = Duration::from_mins(2);

/// How long a member of a group may be silent before the others take its partitions.
pub(crate) const SESSION: Duration = Duration::from_secs(6);

/// A scenario's topic, group, dead letters and PutEvents server.
pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) topic: String,
    pub(crate) put_events: PutEvents,
    partitions: i32,
    generator: Generator,
    produced: Book,
}

/// What was produced, and what must come of it.
#[derive(Default)]
struct Book {
    /// How many records each partition has been given.
    lengths: BTreeMap<i32, i64>,
    /// The record of each event that must be accepted.
    events: BTreeMap<String, Place>,
    /// The records that must be dead letters.
    letters: BTreeSet<Place>,
}

/// Where a record lies: its partition and its offset.
pub(crate) type Place = (i32, i64);

impl Scene {
    /// A stage with a topic of that name, and a PutEvents server with the quota of an account.
    pub(crate) fn new(kafka: &Kafka, topic: &str, partitions: i32) -> Self {
        let scene = Self::before_the_topic(kafka, topic, partitions);
        kafka.create_topic(topic, partitions, &[]);
        scene
    }

    /// A stage whose topic is made later.
    pub(crate) fn before_the_topic(kafka: &Kafka, topic: &str, partitions: i32) -> Self {
        let generator = Generator::new(&GeneratorOptions {
            users: 500,
            records: usize::MAX,
            seed: 1,
            hostile: 0.01,
            start_time: Timestamp(1_795_341_600_000),
            providers: Providers::Keycloak,
        });
        let options = Options { quota: Some(Quota::default()), keep_events: 1_000_000, ..Options::default() };
        let put_events = PutEvents::start(options);
        let produced = Book::default();
        let client = kafka.client.clone();
        let scene = Self { client, topic: topic.to_owned(), put_events, partitions, generator, produced };
        kafka.create_topic(&scene.letters_topic(), 1, &[]);
        scene
    }

    /// The configuration of the service: quick to commit, to notice and to retry.
    pub(crate) fn setup(&self) -> Setup {
        self.setup_for(SESSION)
    }

    /// The configuration of a service that stays in its group for so long without its broker.
    pub(crate) fn setup_for(&self, session: Duration) -> Setup {
        let (brokers, topic, letters) = (&self.client.bootstrap, &self.topic, self.letters_topic());
        let url = &self.put_events.url;
        Setup::new(format!(
            "source:
  brokers: {brokers}
  topics: [{topic}]
  group: {topic}
  revoke_timeout: 4s
  properties:
    session.timeout.ms: \"{session}\"
    heartbeat.interval.ms: \"500\"
    topic.metadata.refresh.interval.ms: \"1000\"
    reconnect.backoff.max.ms: \"500\"
destination:
  pinpoint:
    application: 0123456789abcdef0123456789abcdef
    region: us-east-1
    endpoint_url: {url}
    timeout: 5s
batch: {{ linger: 100ms }}
retry: {{ initial: 100ms, max: 1s }}
dead_letter: {{ topic: {letters} }}
commit: {{ interval: 500ms }}
log: {{ format: text }}
",
            session = session.as_millis(),
        ))
    }

    /// The topic of the dead letters.
    pub(crate) fn letters_topic(&self) -> String {
        format!("{}-dead-letters", self.topic)
    }

    /// Produces that many records of many users' lives, spread over the partitions, with a few that are
    /// hostile. None is repeated: each id stands for one record.
    pub(crate) fn produce(&mut self, records: usize) {
        let once = |produced: &Produced| !matches!(produced.expected, Expected::Repeated { .. });
        let produced: Vec<_> = self.generator.by_ref().filter(once).take(records).collect();
        let messages: Vec<_> = produced.into_iter().map(|produced| self.enter(produced)).collect();
        self.client.produce(&self.topic, messages);
    }

    /// Notes a record as produced, and gives the message to produce to the end of its partition.
    pub(crate) fn enter(&mut self, produced: Produced) -> Message {
        let Produced { key, value, expected, .. } = produced;
        let sum: i64 = self.produced.lengths.values().sum();
        let partition = i32::try_from(sum % i64::from(self.partitions)).expect("a partition's number");
        let place = self.produced.place(partition);
        match expected {
            Expected::Delivered { event_ids } | Expected::Repeated { event_ids } => {
                self.produced.events.extend(event_ids.into_iter().map(|id| (id, place)));
            }
            Expected::DeadLetter => drop(self.produced.letters.insert(place)),
            Expected::Ignored => {}
        }
        Message { partition: Some(partition), key, value, ..Message::default() }
    }

    /// Produces a record of which nothing is expected: a copy of one that was delivered before.
    pub(crate) fn copy(&mut self, message: Message) {
        self.produced.place(message.partition.expect("a partition"));
        self.client.produce(&self.topic, [message]);
    }

    /// The next records that anyone would produce, for a test that produces them in its own way.
    pub(crate) fn records(&mut self, records: usize) -> Vec<Produced> {
        let delivered = |produced: &Produced| matches!(produced.expected, Expected::Delivered { .. });
        self.generator.by_ref().filter(delivered).take(records).collect()
    }

    /// Takes the records at these places for lost or never there: nothing may come of them.
    pub(crate) fn forget(&mut self, gone: impl Fn(Place) -> bool) {
        self.produced.events.retain(|_, place| !gone(*place));
        self.produced.letters.retain(|place| !gone(*place));
    }

    /// The topic was made anew: its offsets begin again.
    pub(crate) fn begin_again(&mut self) {
        self.produced.lengths.clear();
    }

    /// A partition's log was cut off at this offset.
    pub(crate) fn cut(&mut self, partition: i32, end: i64) {
        self.produced.lengths.insert(partition, end);
    }

    /// From now on this goes wrong.
    pub(crate) fn fault(&self, faults: Faults) {
        self.put_events.control.set_faults(faults);
    }

    /// From now on this happens instead of service.
    pub(crate) fn outage(&self, outage: Outage) {
        self.fault(Faults { outage: Some(outage), ..Faults::default() });
    }

    /// From now on nothing goes wrong.
    pub(crate) fn mend(&self) {
        self.fault(Faults::default());
    }

    /// How many events must be accepted in all.
    pub(crate) fn events(&self) -> u64 {
        self.produced.events.len() as u64
    }

    /// Waits until so many different events have been accepted.
    #[track_caller]
    pub(crate) fn wait_accepted(&self, events: u64) {
        let what = format!("{events} events of {} are accepted", self.events());
        self.put_events.wait(LONG, &what, |counts| counts.events_accepted - counts.duplicates >= events);
    }

    /// Waits until everything has arrived and the group has committed the ends of the topic, and compares.
    #[track_caller]
    pub(crate) fn conclude(&self) -> Verdict {
        self.wait_accepted(self.events());
        self.wait_committed();
        let verdict = self.verdict();
        verdict.assert_complete();
        verdict
    }

    /// Waits until the group has committed the ends of the topic.
    #[track_caller]
    pub(crate) fn wait_committed(&self) {
        let ends = self.client.ends(&self.topic);
        let mut last = BTreeMap::new();
        let what = format!("the commits of {} are its ends {ends:?}", self.topic);
        eventually(LONG, &what, || {
            last = self.committed();
            (last == ends).then_some(())
        });
    }

    /// What has arrived, as it compares with what must: events by id, dead letters by their record.
    pub(crate) fn verdict(&self) -> Verdict {
        let letter = |(partition, offset): &Place| format!("letter {partition}-{offset}");
        let letters = self.client.read_all(&self.letters_topic());
        let arrived = letters.iter().map(|message| {
            let header = |name: &str| message.header(&format!("__connect.errors.{name}")).unwrap_or("none");
            format!("letter {}-{}", header("partition"), header("offset"))
        });
        let events = self.put_events.control.events(0);
        let events = events.iter().map(|event| event.event_id.clone());
        let expected = self.produced.events.keys().cloned();
        Verdict::of(expected.chain(self.produced.letters.iter().map(letter)), events.chain(arrived))
    }

    /// What the group has committed, by partition; 0 where it has not.
    pub(crate) fn committed(&self) -> BTreeMap<i32, i64> {
        let mut committed = self.client.committed(&self.topic, &self.topic);
        for partition in 0..self.partitions {
            committed.entry(partition).or_default();
        }
        committed
    }

    /// What the group's commits say is settled, by partition, those in their tails among it.
    pub(crate) fn settled(&self) -> BTreeMap<i32, Settled> {
        let commits = self.client.commits(&self.topic, &self.topic).into_iter();
        commits.map(|(partition, (position, tail))| (partition, Settled::of(position, &tail))).collect()
    }

    /// How many of the events that must be accepted are of records at or past an offset.
    pub(crate) fn events_from(&self, offset: i64) -> u64 {
        self.produced.events.values().filter(|place| place.1 >= offset).count() as u64
    }

    /// How many records were produced to a partition.
    pub(crate) fn length(&self, partition: i32) -> i64 {
        self.produced.lengths.get(&partition).copied().unwrap_or_default()
    }

    /// That nothing arrived twice of what the commits said was settled then (invariant 12).
    #[track_caller]
    pub(crate) fn assert_no_repeat_of(&self, verdict: &Verdict, settled: &BTreeMap<i32, Settled>) {
        for id in verdict.duplicates.keys() {
            let (partition, offset) = self.place_of(id);
            let holds = settled.get(&partition).is_some_and(|settled| settled.holds(offset));
            assert!(!holds, "{id} arrived twice although {offset} of {partition} was committed as settled");
        }
    }

    fn place_of(&self, id: &str) -> Place {
        self.produced.events.get(id).copied().unwrap_or_else(|| letter_place(id))
    }

    /// That nothing arrived twice but what the group had not committed then; gives how much that is.
    #[track_caller]
    pub(crate) fn assert_repeats_only_past(
        &self,
        verdict: &Verdict,
        committed: &BTreeMap<i32, i64>,
    ) -> usize {
        for id in verdict.duplicates.keys() {
            let place = self.place_of(id);
            let position = committed.get(&place.0).copied().unwrap_or_default();
            assert!(place.1 >= position, "{id} arrived twice although {place:?} was committed");
        }
        verdict.repeated()
    }
}

impl Book {
    fn place(&mut self, partition: i32) -> Place {
        let length = self.lengths.entry(partition).or_default();
        *length += 1;
        (partition, *length - 1)
    }
}

/// That what a replica consumed is what became of it (invariant 10), by its own metrics.
#[track_caller]
pub(crate) fn assert_balanced(service: &Service) {
    service.metrics().assert_balanced();
}

/// That a replica lives and is ready, whatever goes on around it.
#[track_caller]
pub(crate) fn assert_well(service: &Service) {
    for path in ["/livez", "/readyz"] {
        let page = service.page(path).expect("the admin pages are served");
        assert_eq!(page.status, 200, "{path}: {}", page.body);
    }
}

/// Waits until a metric of the replica is `least` or more.
#[track_caller]
pub(crate) fn wait_count(service: &Service, metric: &str, least: u64) {
    eventually(LONG, &format!("{metric} is {least}"), || {
        (service.metrics().count(metric) >= least).then_some(())
    });
}

/// Waits until some line of the replica's log holds `text`.
#[track_caller]
pub(crate) fn wait_says(service: &Service, text: &str) {
    eventually(LONG, &format!("the log says: {text}"), || {
        service.log().iter().any(|line| line.contains(text)).then_some(())
    });
}

/// The record of a dead letter's name in a verdict.
fn letter_place(name: &str) -> Place {
    let place = name.strip_prefix("letter ").and_then(|place| place.split_once('-'));
    let (partition, offset) = place.expect("an event or a letter");
    (partition.parse().expect("a number"), offset.parse().expect("a number"))
}

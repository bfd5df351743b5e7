//! The stage of a scenario: an embedded broker, a PutEvents server, and the set-up of the service.
//!
//! The configuration makes everything quick: short lingers, retries and commits. A scenario sets the keys
//! that it is about.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use pinpoint_sidecar::tools::emulator::{Faults, Options, Outage};

use super::load::{Load, PARTITIONS, coordinates};
use crate::support::{
    client::Message,
    mock::MockKafka,
    putevents::PutEvents,
    service::{Metrics, Service, Setup},
    wait::eventually,
};

pub(super) const TOPIC: &str = "keycloak-events";
pub(super) const LETTERS: &str = "dead-letters";
const GROUP: &str = "pinpoint-sidecar";

/// Longer than any single step takes on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(40);

/// A broker, a PutEvents server, and the set-up of a service between them.
pub(super) struct Scene {
    pub(super) kafka: MockKafka,
    pub(super) putevents: PutEvents,
    pub(super) setup: Setup,
}

impl Scene {
    /// A scene without a quota at either end.
    #[track_caller]
    pub(super) fn start() -> Self {
        let scene = Self::with(Options { quota: None, ..Options::default() });
        let quota = "{ requests_per_second: 1000, in_flight: 15 }";
        Self { setup: scene.setup.with("quota", quota), ..scene }
    }

    /// A scene with a PutEvents server of this kind, and the service's default quota.
    #[track_caller]
    pub(super) fn with(options: Options) -> Self {
        let kafka = MockKafka::start();
        kafka.create_topic(TOPIC, PARTITIONS);
        kafka.create_topic(LETTERS, 1);
        let putevents = PutEvents::start(options);
        let setup = Setup::new(config(&kafka.client.bootstrap, &putevents.url));
        Self { kafka, putevents, setup }
    }

    /// Replaces the setting `key`.
    pub(super) fn set(self, key: &str, value: &str) -> Self {
        Self { setup: self.setup.with(key, value), ..self }
    }

    /// Produces the records of a load with these numbers.
    #[track_caller]
    pub(super) fn produce(&self, load: &Load, numbers: Range<usize>) {
        self.kafka.client.produce(TOPIC, load.messages(numbers));
    }

    /// Makes the server use these faults from now on.
    pub(super) fn fault(&self, faults: Faults) {
        self.putevents.control.set_faults(faults);
    }

    /// Replaces the server's service by this outage from now on.
    pub(super) fn outage(&self, outage: Outage) {
        self.fault(Faults { outage: Some(outage), ..Faults::default() });
    }

    /// Removes all faults.
    pub(super) fn mend(&self) {
        self.fault(Faults::default());
    }

    /// Waits until PutEvents has accepted this many events.
    #[track_caller]
    pub(super) fn wait_accepted(&self, events: u64) {
        self.putevents.wait(SOON, "events are accepted", |counts| counts.events_accepted >= events);
    }

    /// Waits until everything that was produced is settled and committed.
    #[track_caller]
    pub(super) fn wait_committed(&self) {
        let mut ends = self.kafka.client.ends(TOPIC);
        // A partition without records has nothing to commit.
        ends.retain(|_, end| *end > 0);
        let committed = || self.kafka.client.committed(GROUP, TOPIC);
        eventually(SOON, "everything is committed", || (committed() == ends).then_some(()));
    }

    /// The committed position of each partition.
    pub(super) fn committed(&self) -> std::collections::BTreeMap<i32, i64> {
        self.kafka.client.committed(GROUP, TOPIC)
    }

    /// The ids of the events that PutEvents accepted, in that order.
    pub(super) fn arrived(&self) -> Vec<String> {
        self.putevents.control.events(0).iter().map(|event| event.event_id.clone()).collect()
    }

    pub(super) fn letters(&self) -> Vec<Message> {
        self.kafka.client.read_all(LETTERS)
    }

    /// The partition and offset of each record that is in the dead letters.
    pub(super) fn dead_lettered(&self) -> BTreeSet<String> {
        let place = |letter: &Message| {
            let number = |name| letter.header(name).unwrap().parse::<i64>().unwrap();
            let partition = i32::try_from(number("__connect.errors.partition")).unwrap();
            coordinates(partition, number("__connect.errors.offset"))
        };
        self.letters().iter().map(place).collect()
    }
}

/// Waits until the metrics are as `enough` demands. Meanwhile they must balance.
#[track_caller]
pub(super) fn wait_metrics(service: &Service, what: &str, enough: impl Fn(&Metrics) -> bool) -> Metrics {
    eventually(SOON, what, || {
        let metrics = service.metrics();
        metrics.assert_balanced();
        enough(&metrics).then_some(metrics)
    })
}

fn config(brokers: &str, endpoint_url: &str) -> String {
    format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {GROUP}
  revoke_timeout: 5s
  properties: {{ session.timeout.ms: 6000, heartbeat.interval.ms: 100, topic.metadata.refresh.interval.ms: 500 }}
destination:
  pinpoint: {{ application: 0123456789abcdef0123456789abcdef, region: us-east-1, endpoint_url: {endpoint_url}, timeout: 2s }}
batch: {{ linger: 50ms }}
retry: {{ initial: 50ms, max: 300ms }}
dead_letter: {{ topic: {LETTERS}, circuit_breaker: off }}
commit: {{ interval: 200ms }}
shutdown: {{ deadline: 8s }}
log: {{ format: text, level: debug }}
"
    )
}

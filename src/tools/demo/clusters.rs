//! The destinations on Kafka: an embedded cluster for each, with its faults, and the events that lie in its topic.
//!
//! Each has a cluster of its own, because an embedded broker refuses the requests of all its clients at once.
//! Knows nothing of the script.

use rdkafka::{
    error::KafkaResult,
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::sync::mpsc::Receiver;

use crate::tools::demo::{
    evidence::Arriving,
    generate::Realm,
    trouble::{Role, Scene, Trouble},
};

/// The partitions of each topic.
pub(super) const PARTITIONS: i32 = 4;
/// More requests than are made during any fault.
const MANY: usize = 10_000;

pub(super) type Cluster = MockCluster<'static, DefaultProducerContext>;

pub(super) struct Clusters {
    /// In the order of the realms.
    by_realm: [Cluster; 2],
    /// The events in both topics.
    arriving: Receiver<Arriving>,
    /// The trouble in effect.
    trouble: Trouble,
}

/// An embedded cluster with the topic of a realm.
///
/// # Errors
/// If it cannot be started.
pub(super) fn cluster(topic: &str) -> KafkaResult<Cluster> {
    let cluster = MockCluster::new(1)?;
    cluster.create_topic(topic, PARTITIONS, 1)?;
    Ok(cluster)
}

impl Clusters {
    pub(super) fn new(by_realm: [Cluster; 2], arriving: Receiver<Arriving>) -> Self {
        Self { by_realm, arriving, trouble: Trouble::default() }
    }

    /// The brokers of each realm.
    pub(super) fn brokers(&self) -> Vec<(Realm, String)> {
        Realm::ALL.into_iter().zip(self.by_realm.iter().map(Cluster::bootstrap_servers)).collect()
    }

    /// The events that were read since the last call.
    pub(super) fn arrived(&mut self) -> Vec<Arriving> {
        std::iter::from_fn(|| self.arriving.try_recv().ok()).collect()
    }

    /// Makes go wrong what is to go wrong from now on.
    pub(super) fn cause(&mut self, trouble: Trouble) {
        if trouble == self.trouble {
            return;
        }
        self.trouble = trouble;
        for realm in Realm::ALL {
            let cluster = &self.by_realm[realm as usize];
            cluster.clear_request_errors(RDKafkaApiKey::Produce);
            if let Some(error) = error(realm, trouble) {
                cluster.request_errors(RDKafkaApiKey::Produce, &vec![error; MANY]);
            }
        }
    }
}

/// How a cluster answers producers, if not as it should.
fn error(realm: Realm, trouble: Trouble) -> Option<RDKafkaRespErr> {
    match trouble {
        Trouble { scene: Some(Scene::Outage), .. } => {
            Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS)
        }
        Trouble { role: Role::Refused, .. } if realm == Realm::Acme => {
            Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        }
        Trouble { .. } => None,
    }
}

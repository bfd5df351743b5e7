//! The topics of the service itself, none of which may be a destination: its events would be read as records,
//! for ever.
//!
//! Topics are the same if their names and their clusters are. One cluster may be reached under many
//! addresses, so its id decides, which only its brokers know.

use std::{sync::Arc, time::Duration};

use rdkafka::{consumer::BaseConsumer, error::KafkaResult};
use thiserror::Error;

use super::config::KafkaConfig;
use crate::{
    core::units::text::TopicName,
    edge::kafka::{
        cluster::{Cluster, Take},
        log::Silent,
        lookups::Lookups,
    },
};

/// How long the brokers may take to report the id of their cluster.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The topics that the service itself reads and writes, all on the source's cluster.
pub struct ServiceTopics {
    pub cluster: Cluster,
    pub topics: Vec<TopicName>,
}

/// Why a topic cannot be a destination.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicConflict {
    #[error("the topic {topic} is one of the service's own, and cannot be a destination")]
    Own { topic: TopicName },
    /// The source has a topic of the same name, and a cluster does not report its id.
    #[error(
        "it cannot be found out whether the topic {topic} is one of the service's own: the brokers do not answer"
    )]
    Unknown { topic: TopicName },
}

impl ServiceTopics {
    /// Whether the topic of a destination is certainly one of these, as far as the configuration shows it.
    #[must_use]
    pub fn contains(&self, destination: &KafkaConfig) -> bool {
        self.has_name_of(destination) && destination.cluster(&self.cluster).brokers == self.cluster.brokers
    }

    /// Asks both clusters for their ids, if the names do not decide. Blocks until they have answered.
    ///
    /// # Errors
    /// If the topic is one of these, or it cannot be found out.
    pub fn check(&self, destination: &KafkaConfig) -> Result<(), TopicConflict> {
        let topic = || destination.topic.clone();
        if self.contains(destination) {
            return Err(TopicConflict::Own { topic: topic() });
        }
        if !self.has_name_of(destination) {
            return Ok(());
        }
        match (cluster_id(&self.cluster), cluster_id(&destination.cluster(&self.cluster))) {
            (Ok(Some(own)), Ok(Some(its))) if own != its => Ok(()),
            (Ok(Some(_)), Ok(Some(_))) => Err(TopicConflict::Own { topic: topic() }),
            _ => Err(TopicConflict::Unknown { topic: topic() }),
        }
    }

    fn has_name_of(&self, destination: &KafkaConfig) -> bool {
        self.topics.contains(&destination.topic)
    }
}

fn cluster_id(cluster: &Cluster) -> KafkaResult<Option<Arc<str>>> {
    let owned = [("allow.auto.create.topics", "false"), ("group.id", "pinpoint-sidecar")];
    let client = cluster.client(&[], Take::Connection, &owned);
    let consumer: BaseConsumer<Silent> = client.create_with_context(Silent)?;
    Ok(Lookups::new(&consumer, TIMEOUT).cluster_id())
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    fn service(brokers: &str) -> ServiceTopics {
        let cluster = Cluster { brokers: brokers.to_owned(), ..Cluster::default() };
        ServiceTopics { cluster, topics: vec![TopicName::literal("logins"), TopicName::literal("letters")] }
    }

    fn destination(topic: &'static str, brokers: Option<&str>) -> KafkaConfig {
        KafkaConfig {
            topic: TopicName::literal(topic),
            brokers: brokers.map(Into::into),
            properties: [("socket.connection.setup.timeout.ms".to_owned(), "1000".to_owned())].into(),
        }
    }

    #[test]
    fn the_configuration_shows_most_conflicts() {
        let service = service("a:1");
        assert!(service.contains(&destination("logins", None)));
        assert!(service.contains(&destination("letters", Some("a:1"))));
        assert!(!service.contains(&destination("letters", Some("b:1"))));
        assert!(!service.contains(&destination("events", None)));
        let own = Err(TopicConflict::Own { topic: TopicName::literal("logins") });
        assert_eq!(service.check(&destination("logins", None)), own);
        assert_eq!(service.check(&destination("events", None)), Ok(()), "nobody is asked");
    }

    #[test]
    fn the_id_of_the_cluster_decides_between_topics_of_one_name() {
        let (one, other) = (MockCluster::new(2).unwrap(), MockCluster::new(1).unwrap());
        let brokers = one.bootstrap_servers();
        let (first, second) = brokers.split_once(',').unwrap();
        let service = service(first);
        let own = Err(TopicConflict::Own { topic: TopicName::literal("letters") });
        assert_eq!(service.check(&destination("letters", Some(second))), own);
        assert_eq!(service.check(&destination("letters", Some(&other.bootstrap_servers()))), Ok(()));
    }
}

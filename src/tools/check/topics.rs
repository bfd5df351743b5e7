//! Looks at the topics of Kafka destinations: whether they exist, and are not the service's own.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Error};

use super::{
    Finding, of,
    questions::{Questions, count},
    trouble::{Trouble, trouble},
};
use crate::{
    config::{
        Config,
        destinations::{DestinationConfig, DestinationKind},
    },
    edge::kafka::destination::{ServiceTopics, TopicConflict, config::KafkaConfig},
};

/// The findings about the topic of each of these destinations that is at Kafka. Blocks until the brokers have answered.
#[must_use]
pub fn destination_topics(config: &Config, destinations: &[DestinationConfig]) -> Vec<Finding> {
    let service = config.service_topics();
    let findings = destinations.iter().filter_map(|destination| match &destination.kind {
        DestinationKind::Kafka(kafka) => {
            let what = of(&format!("destination topic {}", kafka.topic), destination);
            Some(Finding { what, result: look(kafka, &service) })
        }
        _ => None,
    });
    findings.collect()
}

fn look(kafka: &KafkaConfig, service: &ServiceTopics) -> Result<String, Trouble> {
    let questions =
        Questions::elsewhere(&kafka.cluster(&service.cluster)).map_err(|error| explained(&error))?;
    questions.reach().map_err(|error| explained(&error))?;
    let partitions = questions.partitions(&kafka.topic).map_err(|error| explained(&error))?;
    service.check(kafka).map_err(|conflict| conflicting(&conflict))?;
    Ok(count(partitions.len(), "partition"))
}

/// The trouble with a topic that is written and not read.
fn explained(error: &KafkaError) -> Trouble {
    let help = match error.rdkafka_error_code() {
        Some(Error::UnknownTopic | Error::UnknownTopicOrPartition | Error::UnknownPartition) => {
            "create it: the service creates no topics of destinations; until then `run` holds its events"
        }
        Some(Error::TopicAuthorizationFailed | Error::ClusterAuthorizationFailed) => {
            "allow the user to describe and write it"
        }
        _ => {
            "check the destination's `kafka.brokers` and `kafka.properties`; without `brokers` those of the source, \
             too"
        }
    };
    Trouble { help, ..trouble(error) }
}

fn conflicting(conflict: &TopicConflict) -> Trouble {
    let help = match conflict {
        TopicConflict::Own { .. } => {
            "set `kafka.topic` to a topic that the service neither reads nor writes itself"
        }
        TopicConflict::Unknown { .. } => "check `source.brokers`: the source's cluster must be reached, too",
    };
    Trouble { why: conflict.to_string(), help }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::{config::destinations::NamedDestination, core::units::text::TopicName, tools::check::report};

    fn kafka(topic: &'static str, brokers: Option<&str>) -> NamedDestination {
        let (topic, brokers) = (TopicName::literal(topic), brokers.map(Into::into));
        let kafka = KafkaConfig { topic, brokers, properties: [].into() };
        NamedDestination { kafka: Some(kafka), ..NamedDestination::default() }
    }

    #[test]
    fn the_topic_of_each_destination_is_looked_at() {
        let (source, other) = (MockCluster::new(2).unwrap(), MockCluster::new(1).unwrap());
        let (brokers, elsewhere) = (source.bootstrap_servers(), other.bootstrap_servers());
        let (first, second) = brokers.split_once(',').unwrap();
        source.create_topic("events", 3, 1).unwrap();
        source.create_topic("logins", 1, 1).unwrap();
        other.create_topic("logins", 1, 1).unwrap();
        let mut config = Config::default();
        first.clone_into(&mut config.source.brokers);
        config.source.topics = vec![TopicName::literal("logins")];
        let destinations = [
            ("own", kafka("logins", Some(second))),
            ("mirror", kafka("logins", Some(&elsewhere))),
            ("good", kafka("events", None)),
            ("missing", kafka("missing", None)),
        ];
        for (name, destination) in destinations {
            config.destinations.insert(name.parse().unwrap(), destination);
        }
        assert_snapshot!(report(&destination_topics(&config, &config.destinations())));
    }
}

//! Tries what the configuration names, and says what fails and what to do.
//!
//! Reads no record, sends no event, joins no group and changes nothing. Knows nothing of how credentials
//! are found: their outcome is handed in. What Kafka answers is told in our own words.

use std::{fmt, fmt::Write, path::Path, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode,
};

use crate::{
    config::Config,
    core::{code::Code, dead_letter::config::DeadLetterConfig, units::text::TopicName},
    edge::{
        geo::{Database, GeoError},
        kafka::{client::SYSTEM_CERTIFICATES, config::SourceConfig},
    },
};

mod routes;
mod sent;
mod table;

pub use routes::routes;
pub use sent::sent;

/// What came of trying one thing.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub what: String,
    /// How it is, or what is wrong.
    pub result: Result<String, Trouble>,
}

/// What is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub help: &'static str,
}

/// How long each answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tries the brokers and, where they answer, the topics, the group and the dead letters' topic. Blocks for
/// as long as that takes.
#[must_use]
pub fn kafka(config: &Config) -> Vec<Finding> {
    let brokers = "brokers".to_owned();
    let cluster = match Cluster::new(&config.source) {
        Ok(cluster) => cluster,
        Err(error) => return vec![Finding { what: brokers, result: Err(trouble(&error)) }],
    };
    let answer = cluster.brokers();
    let reached = answer.is_ok();
    let mut findings = vec![Finding { what: brokers, result: answer }];
    if reached {
        let topics = &config.source.topics;
        findings.extend(topics.iter().map(|name| finding("topic", name, cluster.topic(name))));
        findings.push(finding("group", &config.source.group, cluster.group(topics)));
        findings.push(match &config.dead_letter.target {
            DeadLetterConfig::Topic(name) => finding("dead letters", name, cluster.topic(name)),
            DeadLetterConfig::Discard => {
                finding("dead letters", "none", Ok("they are counted and dropped".to_owned()))
            }
        });
        let table = config.sessions.table.as_ref();
        findings
            .extend(table.map(|it| finding("sessions' table", &it.topic, table::look(&cluster, it, config))));
    }
    findings
}

/// What the attempt to find AWS credentials says.
#[must_use]
pub fn credentials(outcome: Result<(), Code>) -> Finding {
    let result = outcome.map(|()| "found".to_owned()).map_err(|code| Trouble {
        why: format!("none are found ({code})"),
        help: "give the process a role (on Kubernetes: a service account with one), or set \
               AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it needs mobiletargeting:PutEvents",
    });
    Finding { what: "AWS credentials".to_owned(), result }
}

/// Tries the database of places, where one is asked for.
#[must_use]
pub fn places(config: &Config) -> Option<Finding> {
    let result = match Database::open(Path::new(config.endpoint.database()?)) {
        Ok(_) => Ok("found".to_owned()),
        Err(error) => Err(Trouble {
            why: match error {
                GeoError::Unreadable(ref cause) => format!("{error}: {}", cause.kind()),
                _ => error.to_string(),
            },
            help: "endpoint.location.database must name a MaxMind database file (.mmdb) with cities or countries",
        }),
    };
    Some(Finding { what: "the database of places".to_owned(), result })
}

/// Whether all is as it should be.
#[must_use]
pub fn all_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.result.is_ok())
}

/// The findings for a person, each on a line; what to do about those that fail below them.
#[must_use]
pub fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        // Writing into a `String` does not fail.
        let _ = writeln!(text, "{finding}");
    }
    text
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Ok(how) => write!(f, "ok     {}: {how}", self.what),
            Err(Trouble { why, help }) => write!(f, "FAILS  {}: {why}\n       {help}", self.what),
        }
    }
}

fn finding(kind: &str, name: &str, result: Result<String, Trouble>) -> Finding {
    Finding { what: format!("{kind} {name}"), result }
}

struct Cluster(BaseConsumer<Silent>);

impl Cluster {
    fn new(source: &SourceConfig) -> KafkaResult<Self> {
        let mut client = ClientConfig::new();
        client.set("ssl.ca.location", SYSTEM_CERTIFICATES);
        client.extend(source.properties.iter().map(|(name, value)| (name.clone(), value.clone())));
        client.set("bootstrap.servers", &source.brokers).set("group.id", &source.group);
        client.set("enable.auto.commit", "false").set("allow.auto.create.topics", "false");
        client.set_log_level(RDKafkaLogLevel::Emerg);
        client.create_with_context(Silent).map(Self)
    }

    fn brokers(&self) -> Result<String, Trouble> {
        match self.0.fetch_metadata(None, PATIENCE) {
            Ok(metadata) => Ok(format!("{} in the cluster", count(metadata.brokers().len(), "broker"))),
            Err(error) => Err(trouble(&self.reason().unwrap_or(error))),
        }
    }

    /// Why no broker was reached: the request itself only says that none was, and before it librdkafka
    /// has put aside what the connections failed with.
    fn reason(&self) -> Option<KafkaError> {
        let failures = std::iter::from_fn(|| self.0.poll(Duration::ZERO)).filter_map(Result::err);
        failures.max_by_key(|error| error.rdkafka_error_code().map(telling))
    }

    fn topic(&self, name: &str) -> Result<String, Trouble> {
        let partitions = self.partitions(name).map_err(|error| trouble(&error))?;
        Ok(count(partitions, "partition"))
    }

    /// How many partitions a topic has; that it is not there is an error.
    fn partitions(&self, name: &str) -> KafkaResult<usize> {
        let metadata = self.0.fetch_metadata(Some(name), PATIENCE)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let partitions = topic.map_or(0, |topic| topic.partitions().len());
        let missing = || (partitions == 0).then_some(RDKafkaErrorCode::UnknownTopicOrPartition);
        let error = topic.and_then(rdkafka::metadata::MetadataTopic::error).map(RDKafkaErrorCode::from);
        error.or_else(missing).map_or(Ok(partitions), |error| Err(KafkaError::MetadataFetch(error)))
    }

    fn group(&self, topics: &[TopicName]) -> Result<String, Trouble> {
        let mut positions = TopicPartitionList::new();
        for topic in topics {
            let metadata = self.0.fetch_metadata(Some(topic), PATIENCE).map_err(|error| trouble(&error))?;
            let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
            partitions.for_each(|partition| {
                positions.add_partition(topic, partition.id());
            });
        }
        let committed = self.0.committed_offsets(positions, PATIENCE).map_err(|error| trouble(&error))?;
        let begun =
            committed.elements().iter().filter(|one| matches!(one.offset(), Offset::Offset(_))).count();
        Ok(match begun {
            0 => "no commits yet; it starts where `source.start` says".to_owned(),
            begun => format!("{} with a commit", count(begun, "partition")),
        })
    }
}

/// What librdkafka says meanwhile is not for the one who asked.
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Silent {}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// How much an error tells about why no broker was reached.
fn telling(error: RDKafkaErrorCode) -> u8 {
    match error {
        RDKafkaErrorCode::Authentication
        | RDKafkaErrorCode::SaslAuthenticationFailed
        | RDKafkaErrorCode::UnsupportedSASLMechanism => 3,
        RDKafkaErrorCode::SSL | RDKafkaErrorCode::Resolve => 2,
        RDKafkaErrorCode::BrokerTransportFailure => 1,
        _ => 0,
    }
}

fn trouble(error: &KafkaError) -> Trouble {
    error.rdkafka_error_code().map_or_else(
        || Trouble {
            why: "librdkafka takes the properties one by one, but not together".to_owned(),
            help: PROPERTIES,
        },
        explained,
    )
}

fn explained(error: RDKafkaErrorCode) -> Trouble {
    use RDKafkaErrorCode as Error;
    let (why, help) = match error {
        Error::Resolve => ("the name of a broker is not found", "look at `source.brokers` and at DNS"),
        Error::SSL => (
            "TLS fails",
            "look at `security.protocol` and at the `ssl.` properties in `source.properties`, above all \
             `ssl.ca.location`",
        ),
        Error::Authentication | Error::SaslAuthenticationFailed | Error::UnsupportedSASLMechanism => (
            "the brokers refuse the log-in",
            "look at `security.protocol` and at the `sasl.` properties in `source.properties`",
        ),
        Error::BrokerTransportFailure
        | Error::AllBrokersDown
        | Error::OperationTimedOut
        | Error::RequestTimedOut
        | Error::BrokerNotAvailable => (
            "no broker answers",
            "look at `source.brokers`, at the network and, where the brokers want TLS or a log-in, at \
             `security.protocol` in `source.properties`",
        ),
        Error::UnknownTopic | Error::UnknownTopicOrPartition | Error::UnknownPartition => (
            "it does not exist",
            "create it, or correct its name; `run` waits for a topic that it reads, and holds what cannot be \
             written to the dead letters",
        ),
        Error::TopicAuthorizationFailed => (
            "the brokers do not allow its use",
            "allow the user to describe and read the topics, to describe and write that of the dead letters, and to \
             describe, read and write that of the sessions' table",
        ),
        Error::GroupAuthorizationFailed => {
            ("the brokers do not allow its use", "allow the user to describe and read the group")
        }
        _ => return Trouble { why: format!("Kafka answers with error {}", error as i32), help: PROPERTIES },
    };
    Trouble { why: why.to_owned(), help }
}

const PROPERTIES: &str = "look at the brokers' log and at `source.properties`";

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use rdkafka::mocking::MockCluster;

    use super::*;

    fn config(brokers: &str, topics: &[&str]) -> Config {
        let mut config = Config::default();
        config.source.brokers = brokers.to_owned();
        config.source.topics = topics.iter().map(|name| name.parse().unwrap()).collect();
        config.dead_letter.target = DeadLetterConfig::Topic(TopicName::literal("letters"));
        config
    }

    #[test]
    fn what_is_there_and_what_is_missing_is_said() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("there", 3, 1).unwrap();
        cluster.create_topic("letters", 1, 1).unwrap();
        let findings = kafka(&config(&cluster.bootstrap_servers(), &["there", "missing"]));
        assert_snapshot!(report(&findings));
        assert!(!all_well(&findings));
        let findings = kafka(&config(&cluster.bootstrap_servers(), &["there"]));
        assert!(all_well(&findings), "{}", report(&findings));
    }

    #[test]
    fn brokers_that_do_not_answer_are_said_and_nothing_else_is_tried() {
        let mut config = config("127.0.0.1:1", &["there"]);
        config.source.properties.insert("security.protocol".to_owned(), "plaintext".to_owned());
        assert_snapshot!(report(&kafka(&config)));
    }

    #[test]
    fn credentials_are_found_or_not() {
        assert_eq!(credentials(Ok(())).to_string(), "ok     AWS credentials: found");
        assert_snapshot!(credentials(Err(Code("no_credentials"))));
    }
}

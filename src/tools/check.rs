//! Tries everything that the configuration names, and says what fails and what to do about it.
//!
//! Reads no record, sends no event, joins no group and changes nothing. Knows nothing of how credentials are
//! found: the outcome is passed in.

use std::{fmt, fmt::Write, path::Path, time::Duration};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode,
};

use crate::{
    config::Config,
    core::{code::Code, dead_letter::config::DeadLetterConfig, record::TopicPartition},
    edge::{
        geo::{Database, GeoError},
        kafka::{
            cluster::Take,
            codes,
            consumer::config::SourceConfig,
            log::Silent,
            lookups::{Lookups, TopicState},
        },
    },
};

mod sent;
mod table;

pub use sent::sent;

/// The result of trying one thing.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub result: Result<String, Trouble>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub why: String,
    pub help: &'static str,
}

/// How long the brokers may take to answer one question.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tries the brokers and, if they answer, the topics, the group, the topic of the dead letters and the session
/// table. Blocks until they have answered.
#[must_use]
pub fn kafka(config: &Config) -> Vec<Finding> {
    let brokers = "brokers".to_owned();
    let questions = match Questions::new(&config.source) {
        Ok(questions) => questions,
        Err(error) => return vec![Finding { what: brokers, result: Err(trouble(&error)) }],
    };
    let answer = questions.brokers();
    let reached = answer.is_ok();
    let mut findings = vec![Finding { what: brokers, result: answer }];
    if reached {
        let topics = &config.source.topics;
        findings.extend(topics.iter().map(|name| finding("topic", name, questions.topic(name))));
        findings.push(finding("group", &config.source.group, questions.group(topics)));
        findings.push(match &config.dead_letter.target {
            DeadLetterConfig::Topic(name) => finding("dead letters", name, questions.topic(name)),
            DeadLetterConfig::Discard => {
                finding("dead letters", "none", Ok("they are counted and dropped".to_owned()))
            }
        });
        let table = config.sessions.table.as_ref();
        findings.extend(
            table.map(|it| finding("sessions' table", &it.topic, table::look(&questions, it, config))),
        );
    }
    findings
}

/// The finding about AWS credentials.
#[must_use]
pub fn credentials(outcome: Result<(), Code>) -> Finding {
    let result = outcome.map(|()| "found".to_owned()).map_err(|code| Trouble {
        why: format!("none are found ({code})"),
        help: "give the process a role (on Kubernetes: a service account with one), or set \
               AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it needs mobiletargeting:PutEvents",
    });
    Finding { what: "AWS credentials".to_owned(), result }
}

/// Tries the database of places, if one is configured.
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

#[must_use]
pub fn all_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.result.is_ok())
}

/// The findings as text, each on a line; below a failure, what to do about it.
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

/// Questions to the brokers.
struct Questions(BaseConsumer<Silent>);

impl Questions {
    fn new(source: &SourceConfig) -> KafkaResult<Self> {
        let owned = [
            ("group.id", &*source.group),
            ("enable.auto.commit", "false"),
            ("allow.auto.create.topics", "false"),
        ];
        source.cluster().client(&[], Take::All, &owned).create_with_context(Silent).map(Self)
    }

    fn brokers(&self) -> Result<String, Trouble> {
        match self.0.fetch_metadata(None, TIMEOUT) {
            Ok(metadata) => Ok(format!("{} in the cluster", count(metadata.brokers().len(), "broker"))),
            Err(error) => Err(trouble(&self.reason().unwrap_or(error))),
        }
    }

    /// Why no broker was reached. The request itself only says that none was, but before that librdkafka has
    /// queued the errors of the connections.
    fn reason(&self) -> Option<KafkaError> {
        let errors = std::iter::from_fn(|| self.0.poll(Duration::ZERO)).filter_map(Result::err);
        let explains = |error: &KafkaError| codes::explains_unreachable(error.rdkafka_error_code()?);
        errors.max_by_key(explains)
    }

    fn topic(&self, name: &str) -> Result<String, Trouble> {
        let partitions = self.partitions(name).map_err(|error| trouble(&error))?;
        Ok(count(partitions.len(), "partition"))
    }

    /// The numbers of a topic's partitions. A missing topic is an error.
    fn partitions(&self, name: &str) -> KafkaResult<Vec<i32>> {
        let error = match Lookups::new(&self.0, TIMEOUT).topic(name)? {
            TopicState::Exists { partitions, .. } if !partitions.is_empty() => return Ok(partitions),
            TopicState::Exists { .. } | TopicState::Missing => RDKafkaErrorCode::UnknownTopicOrPartition,
            TopicState::Unknown(error) => error,
        };
        Err(KafkaError::MetadataFetch(error))
    }

    fn group(&self, topics: &[String]) -> Result<String, Trouble> {
        let lookups = Lookups::new(&self.0, TIMEOUT);
        let mut partitions = Vec::new();
        for topic in topics {
            let TopicState::Exists { partitions: numbers, .. } =
                lookups.topic(topic).map_err(|error| trouble(&error))?
            else {
                continue;
            };
            let numbered = |partition| TopicPartition { topic: topic.as_str().into(), partition };
            partitions.extend(numbers.into_iter().map(numbered));
        }
        let committed = lookups.committed(&partitions).map_err(|error| trouble(&error))?;
        Ok(match committed.len() {
            0 => "no commits yet; it starts where `source.start` says".to_owned(),
            committed => format!("{} with a commit", count(committed, "partition")),
        })
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
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
        config.source.topics = topics.iter().map(|name| (*name).to_owned()).collect();
        config.dead_letter.target = DeadLetterConfig::Topic("letters".to_owned());
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

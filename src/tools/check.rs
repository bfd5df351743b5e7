//! Tries everything that the configuration names, and says what fails and what to do about it.
//!
//! Reads no record, sends no event, joins no group and changes nothing. Knows nothing of how credentials are
//! found: the outcome is passed in.

use std::{fmt, fmt::Write, path::Path, pin::Pin};

use self::{questions::Questions, trouble::trouble};
use crate::{
    config::{
        Config,
        destinations::{DestinationConfig, DestinationKind, ONLY},
    },
    core::{code::Code, dead_letter::config::DeadLetterConfig},
    edge::{
        aws::client::AwsEnvironment,
        geo::{Database, GeoError},
    },
};

mod at_aws;
mod buses;
mod delivery_streams;
mod letters;
mod policies;
mod questions;
mod roles;
mod routes;
mod sent;
mod source_topic;
mod streams;
mod table;
mod topics;
mod trouble;

pub use self::{
    at_aws::{Tried, at_aws},
    routes::routes,
    sent::sent,
    topics::destination_topics,
    trouble::Trouble,
};

/// The result of trying one thing.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub result: Result<String, Trouble>,
}

/// An attempt to look at where a destination is delivered to.
type Looking = Pin<Box<dyn Future<Output = Finding> + Send>>;

/// Tries the brokers and, if they answer, the topics, the group, the dead-letter topic and the session table.
/// Blocks until they have answered.
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
        let topics: Vec<_> = config.source.topics.iter().map(ToString::to_string).collect();
        let look = |name: &String| finding("topic", name, source_topic::look(&questions, name, config));
        findings.extend(topics.iter().map(look));
        findings.push(finding("group", &config.source.group, questions.group(&topics)));
        findings.push(match &config.dead_letter.target {
            DeadLetterConfig::Topic(name) => {
                finding("dead letters", name, letters::look(&questions, name, config))
            }
            DeadLetterConfig::Discard => {
                finding("dead letters", "none", Ok("they are counted and dropped".to_owned()))
            }
        });
        let table = config.sessions.table.as_ref();
        findings
            .extend(table.map(|it| finding("session table", &it.topic, table::look(&questions, it, config))));
    }
    findings
}

/// The finding about the AWS credentials of a destination without a role.
fn credentials(destination: &DestinationConfig, outcome: Result<(), Code>) -> Finding {
    let result = outcome.map(|()| "found".to_owned()).map_err(|code| Trouble {
        why: format!("no credentials are found ({code})"),
        help: match destination.kind {
            DestinationKind::Kinesis(_) => {
                "give the process a role (on Kubernetes: a service account with one), or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it needs kinesis:PutRecords"
            }
            DestinationKind::Firehose(_) => {
                "give the process a role (on Kubernetes: a service account with one), or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it needs firehose:PutRecordBatch"
            }
            DestinationKind::EventBridge(_) => {
                "give the process a role (on Kubernetes: a service account with one), or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it needs events:PutEvents"
            }
            DestinationKind::Pinpoint(_) | DestinationKind::Kafka(_) => {
                "give the process a role (on Kubernetes: a service account with one), or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it needs mobiletargeting:PutEvents"
            }
        },
    });
    Finding { what: of("AWS credentials", destination), result }
}

/// The attempt to look at the stream or bus of a destination; `None` if its kind has none at AWS.
fn resource(destination: &DestinationConfig, aws: &mut AwsEnvironment) -> Option<Looking> {
    Some(match &destination.kind {
        DestinationKind::Kinesis(config) => {
            let what = of(&format!("stream {}", config.stream), destination);
            let looking = streams::look(config, aws);
            Box::pin(async move { Finding { what, result: looking.await } })
        }
        DestinationKind::Firehose(config) => {
            let what = of(&format!("Firehose stream {}", config.stream), destination);
            let looking = delivery_streams::look(config, aws);
            Box::pin(async move { Finding { what, result: looking.await } })
        }
        DestinationKind::EventBridge(config) => {
            let what = of(&format!("bus {}", config.bus), destination);
            let looking = buses::look(config, &destination.name, aws);
            Box::pin(async move { Finding { what, result: looking.await } })
        }
        DestinationKind::Pinpoint(_) | DestinationKind::Kafka(_) => return None,
    })
}

/// Tries the location database, if one is configured.
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
    Some(Finding { what: "the location database".to_owned(), result })
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

/// What is tried, with the destination that it belongs to if there are several.
fn of(what: &str, destination: &DestinationConfig) -> String {
    match &*destination.name {
        ONLY => what.to_owned(),
        name => format!("{what} of {name}"),
    }
}

fn finding(kind: &str, name: &str, result: Result<String, Trouble>) -> Finding {
    Finding { what: format!("{kind} {name}"), result }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::core::units::text::TopicName;

    fn config(brokers: &str, topics: &[&str]) -> Config {
        let mut config = Config::default();
        config.source.brokers = brokers.to_owned();
        config.source.topics = topics.iter().map(|name| name.parse().unwrap()).collect();
        config.dead_letter.target = DeadLetterConfig::Topic(TopicName::literal("letters"));
        config
    }

    #[test]
    fn reports_what_exists_and_what_is_missing() {
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
    fn brokers_that_do_not_answer_are_reported_and_nothing_else_is_tried() {
        let mut config = config("127.0.0.1:1", &["there"]);
        config.source.properties.insert("security.protocol".to_owned(), "plaintext".to_owned());
        assert_snapshot!(report(&kafka(&config)));
    }

    #[test]
    fn credentials_are_found_or_not() {
        let only = Config::default().destinations().remove(0);
        let lab = DestinationConfig { name: "lab".parse().unwrap(), ..only.clone() };
        assert_eq!(credentials(&only, Ok(())).to_string(), "ok     AWS credentials: found");
        assert_eq!(credentials(&lab, Ok(())).to_string(), "ok     AWS credentials of lab: found");
        assert_snapshot!(credentials(&only, Err(Code("no_credentials"))));
    }
}

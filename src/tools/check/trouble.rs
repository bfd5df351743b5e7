//! What is wrong with Kafka, and what to do about it, in our own words.

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub why: String,
    pub help: &'static str,
}

pub(super) fn trouble(error: &KafkaError) -> Trouble {
    error.rdkafka_error_code().map_or_else(
        || Trouble {
            why: "librdkafka accepts each property, but not all of them together".to_owned(),
            help: PROPERTIES,
        },
        explained,
    )
}

fn explained(error: RDKafkaErrorCode) -> Trouble {
    use RDKafkaErrorCode as Error;
    let (why, help) = match error {
        Error::Resolve => ("the name of a broker cannot be resolved", "check `source.brokers` and DNS"),
        Error::SSL => (
            "TLS fails",
            "check `security.protocol` and the `ssl.` properties in `source.properties`, above all \
             `ssl.ca.location`",
        ),
        Error::Authentication | Error::SaslAuthenticationFailed | Error::UnsupportedSASLMechanism => (
            "the brokers refuse the log-in",
            "check `security.protocol` and the `sasl.` properties in `source.properties`",
        ),
        Error::BrokerTransportFailure
        | Error::AllBrokersDown
        | Error::OperationTimedOut
        | Error::RequestTimedOut
        | Error::BrokerNotAvailable => (
            "no broker answers",
            "check `source.brokers`, the network and, if the brokers require TLS or a log-in, \
             `security.protocol` in `source.properties`",
        ),
        Error::UnknownTopic | Error::UnknownTopicOrPartition | Error::UnknownPartition => (
            "it does not exist",
            "create it, or correct its name; `run` waits for a topic that it reads, and holds partitions whose \
             dead letters cannot be written",
        ),
        Error::TopicAuthorizationFailed => (
            "the brokers do not allow its use",
            "allow the user to describe and read the topics, to describe and write the dead-letter topic, and to \
             describe, read and write the topic of the session table",
        ),
        Error::GroupAuthorizationFailed => {
            ("the brokers do not allow its use", "allow the user to describe and read the group")
        }
        _ => return Trouble { why: format!("Kafka answers with error {}", error as i32), help: PROPERTIES },
    };
    Trouble { why: why.to_owned(), help }
}

/// What is wrong with a topic, if anything is, and how to mend all of it.
pub(super) fn judged(
    faults: impl IntoIterator<Item = &'static str>,
    help: &'static str,
) -> Result<(), Trouble> {
    let why = faults.into_iter().collect::<Vec<_>>().join("; ");
    if why.is_empty() { Ok(()) } else { Err(Trouble { why, help }) }
}

/// Checks that a judgement mentions these words; none means that nothing is wrong.
#[cfg(test)]
#[track_caller]
pub(super) fn check_judged(judged: Result<(), Trouble>, expected: &[&str]) {
    let why = judged.err().map(|trouble| trouble.why).unwrap_or_default();
    assert_eq!(why.is_empty(), expected.is_empty());
    assert!(expected.iter().all(|word| why.contains(word)), "{why}");
}

pub(super) const PROPERTIES: &str = "check the brokers' log and `source.properties`";

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

pub(super) const PROPERTIES: &str = "look at the brokers' log and at `source.properties`";

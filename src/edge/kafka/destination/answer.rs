//! What the delivery reports of a request mean, by Kafka's error codes.
//!
//! Knows nothing of how records are sent.

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Error};

use crate::{
    core::{
        code::Code,
        destination::{Answer, Outcome},
        event::Refusal,
    },
    edge::kafka::codes,
};

/// The delivery report of a record.
pub(super) type Report = Result<(), KafkaError>;

/// What an error means for its record. Every error that is not listed may pass: the record is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The record will never be taken.
    Refused,
    /// The set-up is wrong: the record is not at fault.
    SetUp,
    Again,
}

/// The errors that do not pass by themselves.
const MEANINGS: &[(Error, Meaning)] = &[
    (Error::InvalidMessageSize, Meaning::Refused),
    (Error::InvalidRecord, Meaning::Refused),
    (Error::MessageBatchTooLarge, Meaning::Refused),
    (Error::MessageSizeTooLarge, Meaning::Refused),
    (Error::Authentication, Meaning::SetUp),
    (Error::ClusterAuthorizationFailed, Meaning::SetUp),
    // The service sets no timestamp, so the topic's settings or a clock are wrong.
    (Error::InvalidTimestamp, Meaning::SetUp),
    (Error::InvalidTopic, Meaning::SetUp),
    (Error::PolicyViolation, Meaning::SetUp),
    (Error::SaslAuthenticationFailed, Meaning::SetUp),
    (Error::TopicAuthorizationFailed, Meaning::SetUp),
    (Error::UnknownPartition, Meaning::SetUp),
    (Error::UnknownTopic, Meaning::SetUp),
    (Error::UnknownTopicOrPartition, Meaning::SetUp),
    (Error::UnsupportedSASLMechanism, Meaning::SetUp),
];

/// The answer to a request whose records have these reports, in its order. As long as a record of it is taken
/// or refused, the others are only sent again: their next request shows whether the set-up is wrong.
pub(super) fn of(reports: &[Report]) -> Answer {
    let errors = || reports.iter().filter_map(|report| report.as_ref().err());
    // A topic may demand a schema that no record has. Then it is not the records that are wrong.
    if let Some(error) = errors().next().filter(|_| reports.iter().all(is_invalid)) {
        return Answer::Denied(refusal(error));
    }
    let is_judged = reports.iter().any(Result::is_ok) || errors().any(|one| meaning(one) == Meaning::Refused);
    if is_judged {
        let outcomes = reports.iter().map(outcome).collect();
        return Answer::Results { outcomes, endpoints_refused: Vec::new() };
    }
    if let Some(error) = errors().find(|error| meaning(error) == Meaning::SetUp) {
        return Answer::Hold(codes::code(error));
    }
    Answer::unknown(errors().next().map_or(Code("missing"), codes::code))
}

fn is_invalid(report: &Report) -> bool {
    report.as_ref().is_err_and(|error| error.rdkafka_error_code() == Some(Error::InvalidRecord))
}

fn refusal(error: &KafkaError) -> Refusal {
    let message = error.rdkafka_error_code().map_or_else(String::new, |error| error.to_string());
    Refusal { code: codes::code(error), message }
}

fn outcome(report: &Report) -> Outcome {
    let Err(error) = report else { return Outcome::Accepted };
    let code = codes::code(error);
    match meaning(error) {
        Meaning::Refused => Outcome::Refused(refusal(error)),
        // Others were taken, so it says something about the record's partition, and nothing about the record.
        Meaning::SetUp | Meaning::Again => Outcome::Later(code),
    }
}

fn meaning(error: &KafkaError) -> Meaning {
    let known = MEANINGS.iter().find(|(known, _)| Some(*known) == error.rdkafka_error_code());
    known.map_or(Meaning::Again, |(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: Error) -> Report {
        Err(KafkaError::MessageProduction(error))
    }

    fn results(outcomes: Vec<Outcome>) -> Answer {
        Answer::Results { outcomes, endpoints_refused: Vec::new() }
    }

    #[track_caller]
    fn check(reports: &[Report], expected: &Answer) {
        assert_eq!(of(reports), *expected);
    }

    /// Checks what an error of the only record of a request means.
    #[track_caller]
    fn check_alone(error: Error, expected: &Answer) {
        check(&[failed(error)], expected);
    }

    #[track_caller]
    fn check_again(error: Error, code: &'static str) {
        check_alone(error, &Answer::unknown(Code(code)));
    }

    #[track_caller]
    fn check_hold(error: Error, code: &'static str) {
        check_alone(error, &Answer::Hold(Code(code)));
    }

    #[track_caller]
    fn check_refused(error: Error, code: &'static str, message: &str) {
        let refusal = Refusal { code: Code(code), message: message.to_owned() };
        check_alone(error, &results(vec![Outcome::Refused(refusal)]));
    }

    #[test]
    fn a_record_that_no_broker_takes_is_refused() {
        check_refused(
            Error::MessageSizeTooLarge,
            "message_size_too_large",
            "MessageSizeTooLarge (Broker: Message size too large)",
        );
        check_refused(
            Error::MessageBatchTooLarge,
            "message_batch_too_large",
            "MessageBatchTooLarge (Broker: Message batch larger than configured server segment size)",
        );
    }

    #[test]
    fn a_topic_that_finds_every_record_invalid_may_be_at_fault_itself() {
        let message = "InvalidRecord (Broker: Broker failed to validate record)";
        let refusal = || Refusal { code: Code("invalid_record"), message: message.to_owned() };
        check_alone(Error::InvalidRecord, &Answer::Denied(refusal()));
        let invalid = || failed(Error::InvalidRecord);
        check(&[invalid(), invalid()], &Answer::Denied(refusal()));
        check(&[invalid(), Ok(())], &results(vec![Outcome::Refused(refusal()), Outcome::Accepted]));
    }

    #[test]
    fn a_wrong_set_up_is_a_hold() {
        check_hold(Error::TopicAuthorizationFailed, "topic_authorization_failed");
        check_hold(Error::ClusterAuthorizationFailed, "cluster_authorization_failed");
        check_hold(Error::UnknownTopic, "unknown_topic_or_partition");
        check_hold(Error::UnknownTopicOrPartition, "unknown_topic_or_partition");
        check_hold(Error::InvalidTimestamp, "invalid_timestamp");
        check_hold(Error::PolicyViolation, "policy_violation");
        check_hold(Error::Authentication, "authentication_failed");
    }

    #[test]
    fn whatever_may_pass_is_sent_again() {
        check_again(Error::MessageTimedOut, "message_timed_out");
        check_again(Error::BrokerTransportFailure, "broker_transport_failure");
        check_again(Error::NotEnoughReplicas, "not_enough_replicas");
        check_again(Error::NotEnoughReplicasAfterAppend, "not_enough_replicas");
        check_again(Error::NotLeaderForPartition, "not_leader_for_partition");
        check_again(Error::LeaderNotAvailable, "leader_not_available");
        check_again(Error::QueueFull, "queue_full");
        check_again(Error::PurgeInflight, "purged");
        check_again(Error::ElectionNotNeeded, "kafka_error");
        check(&[Err(KafkaError::Canceled)], &Answer::unknown(Code("kafka_error")));
    }

    #[test]
    fn each_record_has_its_own_outcome_if_any_is_taken_or_refused() {
        let later = |code| Outcome::Later(Code(code));
        check(
            &[Ok(()), failed(Error::MessageTimedOut), failed(Error::TopicAuthorizationFailed)],
            &results(vec![
                Outcome::Accepted,
                later("message_timed_out"),
                later("topic_authorization_failed"),
            ]),
        );
        let Answer::Results { outcomes, .. } =
            of(&[failed(Error::MessageSizeTooLarge), failed(Error::UnknownTopic)])
        else {
            panic!("no results")
        };
        assert!(matches!(outcomes[..], [Outcome::Refused(_), Outcome::Later(_)]));
        check(
            &[failed(Error::MessageTimedOut), failed(Error::UnknownTopic)],
            &Answer::Hold(Code("unknown_topic_or_partition")),
        );
    }

    #[test]
    fn the_page_says_of_each_error_what_it_does() {
        let page = include_str!("../../../../deploy/guide/destinations/kafka.md");
        for (error, meaning) in MEANINGS {
            let consequence = match meaning {
                Meaning::Refused => "dead letter",
                Meaning::SetUp => "**hold**",
                Meaning::Again => "sent again",
            };
            let code = format!("`{}`", codes::named(*error));
            let row = page.lines().find(|line| line.starts_with('|') && line.contains(&code));
            let row = row.unwrap_or_else(|| panic!("{code} is not explained"));
            assert!(row.contains(consequence), "{code} must be a {consequence}: {row}");
        }
    }
}

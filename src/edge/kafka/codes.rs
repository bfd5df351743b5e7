//! Kafka's and librdkafka's errors as codes of ours, and how to react to each.

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Error};

use crate::core::code::Code;

/// The code of an error: Kafka's own name if the error is expected, otherwise `kafka_error`.
#[must_use]
pub fn code(error: &KafkaError) -> Code {
    error.rdkafka_error_code().map_or(OTHER, named)
}

/// The code of one of Kafka's or librdkafka's error numbers.
#[must_use]
pub fn named(error: Error) -> Code {
    NAMES.iter().find(|(named, _)| *named == error).map_or(OTHER, |(_, name)| Code(name))
}

/// Whether a failed commit may succeed if it is retried at once: the group is rebalancing, its coordinator is
/// moving, or the answer was lost.
#[must_use]
pub fn is_transient(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Error::RebalanceInProgress
                | Error::CoordinatorLoadInProgress
                | Error::CoordinatorNotAvailable
                | Error::NotCoordinator
                | Error::WaitingForCoordinator
                | Error::RequestTimedOut
                | Error::OperationTimedOut
                | Error::BrokerTransportFailure
                // The commit waited in the connection behind our own join of a new generation.
                | Error::IllegalGeneration
        )
    )
}

/// Whether the broker, or librdkafka in its place, will refuse the record until somebody changes the topic,
/// the rights or the record.
#[must_use]
pub fn is_refusal(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Error::MessageSizeTooLarge
                | Error::MessageBatchTooLarge
                | Error::InvalidMessageSize
                | Error::UnknownTopic
                | Error::UnknownTopicOrPartition
                | Error::UnknownPartition
                | Error::InvalidTopic
                | Error::InvalidRecord
                | Error::InvalidTimestamp
                | Error::PolicyViolation
                | Error::TopicAuthorizationFailed
                | Error::ClusterAuthorizationFailed
        )
    )
}

/// Whether a commit failed because the metadata beside a position is too large.
#[must_use]
pub fn is_metadata_too_large(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Error::OffsetMetadataTooLarge | Error::InvalidCommitOffsetSize))
}

/// Whether a broker refuses the log-in.
#[must_use]
pub fn is_refused_login(error: Error) -> bool {
    matches!(error, Error::Authentication | Error::SaslAuthenticationFailed | Error::UnsupportedSASLMechanism)
}

/// Whether an error explains why a broker cannot be reached, and how well: the higher the better.
#[must_use]
pub fn explains_unreachable(error: Error) -> Option<u8> {
    match error {
        _ if is_refused_login(error) => Some(3),
        Error::SSL | Error::Resolve => Some(2),
        Error::BrokerTransportFailure => Some(1),
        _ => None,
    }
}

const OTHER: Code = Code("kafka_error");

const NAMES: &[(Error, &str)] = &[
    (Error::AllBrokersDown, "all_brokers_down"),
    (Error::AssignmentLost, "assignment_lost"),
    (Error::Authentication, "authentication_failed"),
    (Error::AutoOffsetReset, "offset_out_of_range"),
    (Error::BadCompression, "bad_compression"),
    (Error::BadMessage, "bad_message"),
    (Error::BrokerNotAvailable, "broker_not_available"),
    (Error::BrokerTransportFailure, "broker_transport_failure"),
    (Error::ClusterAuthorizationFailed, "cluster_authorization_failed"),
    (Error::CoordinatorLoadInProgress, "coordinator_load_in_progress"),
    (Error::CoordinatorNotAvailable, "coordinator_not_available"),
    (Error::Fatal, "fatal"),
    (Error::Fenced, "fenced"),
    (Error::FencedInstanceId, "fenced_instance_id"),
    (Error::FencedMemberEpoch, "fenced_member_epoch"),
    (Error::GroupAuthorizationFailed, "group_authorization_failed"),
    (Error::GroupMaxSizeReached, "group_max_size_reached"),
    (Error::IllegalGeneration, "illegal_generation"),
    (Error::InconsistentGroupProtocol, "inconsistent_group_protocol"),
    (Error::InvalidCommitOffsetSize, "invalid_commit_offset_size"),
    (Error::InvalidConfig, "invalid_config"),
    (Error::InvalidMessage, "invalid_message"),
    (Error::InvalidMessageSize, "invalid_message_size"),
    (Error::InvalidRecord, "invalid_record"),
    (Error::InvalidReplicationFactor, "invalid_replication_factor"),
    (Error::InvalidSessionTimeout, "invalid_session_timeout"),
    (Error::InvalidTimestamp, "invalid_timestamp"),
    (Error::InvalidTopic, "invalid_topic"),
    (Error::KafkaStorageError, "kafka_storage_error"),
    (Error::LeaderNotAvailable, "leader_not_available"),
    (Error::LogTruncation, "log_truncation"),
    (Error::MessageBatchTooLarge, "message_batch_too_large"),
    (Error::MessageSizeTooLarge, "message_size_too_large"),
    (Error::MessageTimedOut, "message_timed_out"),
    (Error::NetworkException, "network_exception"),
    (Error::NotCoordinator, "not_coordinator"),
    (Error::NotEnoughReplicas, "not_enough_replicas"),
    (Error::NotEnoughReplicasAfterAppend, "not_enough_replicas"),
    (Error::NotLeaderForPartition, "not_leader_for_partition"),
    (Error::OffsetMetadataTooLarge, "offset_metadata_too_large"),
    (Error::OffsetOutOfRange, "offset_out_of_range"),
    (Error::OperationTimedOut, "operation_timed_out"),
    (Error::PolicyViolation, "policy_violation"),
    (Error::PollExceeded, "poll_interval_exceeded"),
    (Error::ProducerFenced, "producer_fenced"),
    (Error::PurgeInflight, "purged"),
    (Error::PurgeQueue, "purged"),
    (Error::QueueFull, "queue_full"),
    (Error::RebalanceInProgress, "rebalance_in_progress"),
    (Error::RequestTimedOut, "request_timed_out"),
    (Error::Resolve, "resolve_failed"),
    (Error::SSL, "ssl_failed"),
    (Error::SaslAuthenticationFailed, "sasl_authentication_failed"),
    (Error::StaleMemberEpoch, "stale_member_epoch"),
    (Error::ThrottlingQuotaExceeded, "throttling_quota_exceeded"),
    (Error::TopicAuthorizationFailed, "topic_authorization_failed"),
    (Error::UnknownMemberId, "unknown_member_id"),
    (Error::UnknownPartition, "unknown_partition"),
    (Error::UnknownTopic, "unknown_topic_or_partition"),
    (Error::UnknownTopicId, "unknown_topic_id"),
    (Error::UnknownTopicOrPartition, "unknown_topic_or_partition"),
    (Error::UnsupportedFeature, "unsupported_feature"),
    (Error::UnsupportedSASLMechanism, "unsupported_sasl_mechanism"),
    (Error::UnsupportedVersion, "unsupported_version"),
    (Error::WaitingForCoordinator, "waiting_for_coordinator"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: Error, expected: &str, may_pass: bool, is_refused: bool) {
        let error = KafkaError::Global(error);
        assert_eq!(
            (code(&error).0, is_transient(&error), is_refusal(&error)),
            (expected, may_pass, is_refused)
        );
    }

    #[test]
    fn errors_have_codes_and_say_whether_to_retry() {
        check(Error::RebalanceInProgress, "rebalance_in_progress", true, false);
        check(Error::WaitingForCoordinator, "waiting_for_coordinator", true, false);
        check(Error::IllegalGeneration, "illegal_generation", true, false);
        check(Error::UnknownMemberId, "unknown_member_id", false, false);
        check(Error::MessageSizeTooLarge, "message_size_too_large", false, true);
        check(Error::UnknownTopic, "unknown_topic_or_partition", false, true);
        check(Error::TopicAuthorizationFailed, "topic_authorization_failed", false, true);
        check(Error::MessageTimedOut, "message_timed_out", false, false);
        check(Error::QueueFull, "queue_full", false, false);
        check(Error::ElectionNotNeeded, "kafka_error", false, false);
    }

    #[test]
    fn an_error_without_a_number_has_the_general_code() {
        assert_eq!(code(&KafkaError::Canceled), OTHER);
        assert_eq!(code(&KafkaError::Global(Error::AllBrokersDown)), Code("all_brokers_down"));
    }
}

//! The metadata of commits, and what happens if it does not fit.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{
    super::{heartbeat::now, *},
    DEADLINE,
    broker::Broker,
    member::{Member, commits_all},
};
use crate::core::{
    record::CommittedPosition,
    source::{Commit, Paused},
};

/// A commit of the first partition, with this metadata.
fn with_metadata(member: &Member, position: i64, metadata: &str) -> Commit {
    Commit { ownership: member.ownership(0), position, metadata: Some(metadata.into()) }
}

fn committed(position: i64, metadata: Option<&str>) -> CommittedPosition {
    CommittedPosition { position, metadata: metadata.map(Box::from) }
}

#[tokio::test]
async fn metadata_is_committed_and_comes_back_with_the_assignment() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..10);
    let mut member = broker.source();
    member.until(|it| it.read.len() == 10).await;
    assert_eq!(
        (member.assigned[0].start, &member.assigned[0].committed),
        (None, &None),
        "nothing is committed"
    );
    for metadata in ["first", "second"] {
        let commits = vec![with_metadata(&member, 4, metadata)];
        member.source.command(SourceCommand::Commit(commits.clone()));
        member.until(|it| it.has_reported(|event| commits_all(event, &commits))).await;
        assert_eq!(
            broker.committed(0),
            Some(committed(4, Some(metadata))),
            "the newest of the same position"
        );
    }
    let last = vec![with_metadata(&member, 6, "last")];
    member.close(last).await;

    let mut member = broker.source();
    member.until(|it| it.read.len() == 4).await;
    let assignment = &member.assigned[0];
    assert_eq!((assignment.start, &assignment.committed), (Some(6), &Some(committed(6, Some("last")))));
    assert!(assignment.cluster.as_ref().is_some_and(|cluster| !cluster.is_empty()));
}

#[tokio::test]
async fn metadata_that_is_not_utf_8_is_ignored() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..5);
    broker.commit_bytes(0, 2, b"\xff\xfe");
    let mut member = broker.source();
    member.until(|it| it.read.len() == 3).await;
    assert_eq!(member.assigned[0].committed, Some(committed(2, None)));
    assert_eq!(member.offsets(0), [2, 3, 4]);
}

#[tokio::test]
async fn metadata_that_is_too_large_is_dropped_and_the_position_is_committed() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..5);
    let mut member = broker.source();
    member.until(|it| it.read.len() == 5).await;
    for (position, refusal) in [
        (2, RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE),
        (4, RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE),
    ] {
        broker.0.request_errors(RDKafkaApiKey::OffsetCommit, &[refusal]);
        member.source.command(SourceCommand::Commit(vec![with_metadata(&member, position, "large")]));
        let expected = [Commit::at(member.ownership(0), position)];
        let is_dropped = |event: &SourceEvent| {
            commits_all(event, &expected)
                && matches!(event, SourceEvent::Committed { metadata_dropped: true, .. })
        };
        member.until(|it| it.has_reported(is_dropped)).await;
        assert_eq!(broker.committed(0), Some(committed(position, None)));
    }
    let failed = |event: &SourceEvent| matches!(event, SourceEvent::Committed { result: Err(_), .. });
    assert!(!member.has_reported(failed));
}

async fn a_rewound_partition_is_read_again(strategy: &str) {
    let broker = Broker::with_partitions(2);
    broker.produce_numbers(2, 0..10);
    let mut config = broker.config();
    config.properties.insert("partition.assignment.strategy".into(), strategy.into());
    let mut member = Member::start(&config);
    member.until(|it| it.read.len() == 20).await;
    let commits = vec![with_metadata(&member, 4, "a tail that does not fit")];
    member.source.command(SourceCommand::Commit(commits.clone()));
    member.until(|it| it.has_reported(|event| commits_all(event, &commits))).await;

    let (old, other) = (member.ownership(0), member.ownership(1));
    let everything = Paused { everything: true, partitions: vec![] };
    member.source.command(SourceCommand::Pause(everything));
    member.source.command(SourceCommand::Rewind(old));
    member.source.command(SourceCommand::Rewind(old));
    member.until(|it| it.assigned.len() == 3).await;
    assert!(member.has_reported(|event| matches!(event, SourceEvent::Lost(lost) if lost == &[old])));
    let assignment = member.assigned[2].clone();
    assert_eq!(
        (assignment.partition, assignment.start, assignment.committed),
        (0, Some(4), Some(committed(4, None)))
    );
    assert!(assignment.cluster.is_some());

    member.source.command(SourceCommand::Pause(Paused::default()));
    member.until(|it| it.read.len() == 26).await;
    assert_eq!(member.offsets(0), (0..10).chain(4..10).collect::<Vec<_>>());
    assert_eq!((member.offsets(1).len(), member.ownership(1)), (10, other), "the other partition is resumed");
    broker.produce_numbers(2, 10..12);
    member.until(|it| it.read.len() == 30).await;
    assert_eq!(member.assigned.len(), 3, "an ownership is rewound once");
}

#[tokio::test]
async fn a_rewound_partition_is_read_again_cooperatively() {
    a_rewound_partition_is_read_again("cooperative-sticky").await;
}

#[tokio::test]
async fn a_rewound_partition_is_read_again_eagerly() {
    a_rewound_partition_is_read_again("range").await;
}

#[tokio::test]
async fn a_partition_that_is_being_revoked_is_released_instead_of_rewound() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..3);
    let mut config = broker.config();
    config.properties.insert("partition.assignment.strategy".into(), "range".into());
    let mut first = Member::start(&config);
    first.until(|it| it.read.len() == 3).await;
    let mut second = Member::start(&config);
    first.until(|it| !it.revoking.is_empty()).await;
    for ownership in std::mem::take(&mut first.revoking) {
        first.owned.remove(&ownership);
        first.source.command(SourceCommand::Rewind(ownership));
    }
    let deadline = now() + DEADLINE;
    while first.owned.len() + second.owned.len() != 1 {
        assert!(now() < deadline, "the group waits in vain");
        first.step().await;
        second.step().await;
    }
}

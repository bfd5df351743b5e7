//! The source against librdkafka's mock broker: a broker inside the process.

use std::time::Duration;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use self::{
    broker::Broker,
    member::{Member, commits_all},
};
use super::{heartbeat::now, *};
use crate::{
    core::{
        source::{Commit, Paused},
        time::Timestamp,
    },
    edge::kafka::consumer::config::Start,
};

mod broker;
mod commit_metadata;
mod member;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);
const TOPIC: &str = "logins";

#[tokio::test]
async fn records_are_read_whole_and_a_restart_goes_on_at_the_commit() {
    let broker = Broker::with_partitions(2);
    broker.produce_numbers(2, 0..10);
    let mut member = broker.source();
    member.until(|it| it.read.len() == 20 && it.total == Some(2)).await;
    let first = &member.read[0];
    assert_eq!((first.topic.as_ref(), first.value.as_deref()), (TOPIC, Some(b"0".as_slice())));
    assert_eq!((first.timestamp, &first.key), (Some(Timestamp(1_000)), &None));
    assert_eq!(member.offsets(1), (0..10).collect::<Vec<_>>());

    let committed = vec![Commit::at(member.ownership(0), 4)];
    member.source.command(SourceCommand::Commit(committed.clone()));
    member.until(|it| it.has_reported(|event| commits_all(event, &committed))).await;
    let last = vec![Commit::at(member.ownership(1), 10)];
    member.close(last).await;
    assert_eq!((broker.position(0), broker.position(1)), (Some(4), Some(10)));

    let mut member = broker.source();
    member.until(|it| it.read.len() == 6).await;
    assert_eq!((member.offsets(0), member.offsets(1)), ((4..10).collect(), vec![]));
    let ends = vec![(member.ownership(0), 10), (member.ownership(1), 10)];
    let reports_ends =
        |event: &SourceEvent| matches!(event, SourceEvent::Ends(reported) if *reported == ends);
    member.until(|it| it.has_reported(reports_ends)).await;
}

#[tokio::test]
async fn the_group_is_joined_by_the_command_to_begin_and_not_before() {
    let broker = Broker::with_partitions(2);
    broker.produce_numbers(2, 0..3);
    let mut waiting = Member::waiting(&broker.config());
    waiting.until(|it| it.total == Some(2)).await;
    let mut other = broker.source();
    other.until(|it| it.read.len() == 6).await;
    assert_eq!((other.owned.len(), waiting.owned.len()), (2, 0), "the group has one member");
    other.close(vec![]).await;
    waiting.source.command(SourceCommand::Begin);
    waiting.until(|it| it.read.len() == 6).await;
    waiting.close(vec![]).await;
    Member::waiting(&broker.config()).close(vec![]).await;
}

async fn nothing_is_delivered_twice(strategy: &str) {
    let broker = Broker::with_partitions(4);
    broker.produce_numbers(4, 0..50);
    let mut config = broker.config();
    config.properties.insert("partition.assignment.strategy".into(), strategy.into());
    let mut first = Member::start(&config);
    first.until(|it| it.read.len() == 200).await;
    // Unlike a real broker, the mock broker may take no commit while a group is rebalancing.
    first.commit().await;

    // The mock broker may give one member everything for a while, in any generation.
    let mut second = Member::start(&config);
    let deadline = now() + DEADLINE;
    while first.owned.len() != 2 || second.owned.len() != 2 {
        assert!(now() < deadline, "no rebalance: {:?} and {:?}", first.owned, second.owned);
        first.step_and_release().await;
        second.step_and_release().await;
    }
    broker.produce_numbers(4, 50..60);
    let deadline = now() + DEADLINE;
    while first.read.len() + second.read.len() < 240 {
        assert!(now() < deadline, "{} and {} were read", first.read.len(), second.read.len());
        first.step_and_release().await;
        second.step_and_release().await;
    }
    for partition in 0..4 {
        let mut offsets = first.offsets(partition);
        offsets.extend(second.offsets(partition));
        assert_eq!(offsets, (0..60).collect::<Vec<_>>(), "partition {partition}");
    }

    let last = second.positions();
    first.commit().await;
    second.close(last).await;
    first.until(|it| it.owned.len() == 4 || !it.revoking.is_empty()).await;
    first.release();
    first.until(|it| it.owned.len() == 4).await;
    broker.produce_numbers(4, 60..61);
    for partition in 0..4 {
        first.until(|it| it.offsets(partition).last() == Some(&60)).await;
    }
    assert_eq!(first.read.iter().filter(|record| record.offset == 60).count(), 4);
}

#[tokio::test]
async fn a_second_member_takes_over_cooperatively() {
    nothing_is_delivered_twice("cooperative-sticky").await;
}

#[tokio::test]
async fn a_second_member_takes_over_eagerly() {
    nothing_is_delivered_twice("range").await;
}

#[tokio::test]
async fn a_member_without_a_partition_takes_over_when_there_is_one() {
    let broker = Broker::with_partitions(1);
    let mut config = broker.config();
    config.properties.insert("partition.assignment.strategy".into(), "range".into());
    let (mut first, mut second) = (Member::start(&config), Member::start(&config));
    let deadline = now() + DEADLINE;
    while first.owned.len() + second.owned.len() != 1 {
        assert!(now() < deadline, "nobody has the partition");
        first.step().await;
        second.step().await;
    }
    let (owner, mut other) = if first.owned.is_empty() { (second, first) } else { (first, second) };
    owner.close(vec![]).await;
    broker.produce_numbers(1, 0..3);
    other.until(|it| it.read.len() == 3).await;
    assert!(!other.has_reported(|event| matches!(event, SourceEvent::Connection(_))));
}

#[tokio::test]
async fn paused_partitions_are_not_read_and_nothing_is_skipped() {
    let broker = Broker::with_partitions(2);
    let mut member = broker.source();
    member.until(|it| it.owned.len() == 2).await;
    let paused = Paused { everything: false, partitions: vec![member.ownership(0)] };
    member.source.command(SourceCommand::Pause(paused));
    broker.produce_numbers(2, 0..1000);
    member.until(|it| it.offsets(1).len() == 1000).await;
    let early = member.offsets(0).len();
    assert!(early < 1000, "the command arrived before the records");
    member.source.command(SourceCommand::Pause(Paused { everything: true, partitions: vec![] }));
    member.source.command(SourceCommand::Pause(Paused::default()));
    member.until(|it| it.offsets(0).len() == 1000).await;
    assert_eq!(member.offsets(0), (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_partition_that_is_assigned_during_a_pause_is_paused() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..10);
    let mut member = broker.source();
    member.source.command(SourceCommand::Pause(Paused { everything: true, partitions: vec![] }));
    // The refresh that reports the ends comes after the assignment, with polls in between.
    member.until(|it| it.has_reported(|event| matches!(event, SourceEvent::Ends(_)))).await;
    assert!(member.read.is_empty());
    member.source.command(SourceCommand::Pause(Paused::default()));
    member.until(|it| it.read.len() == 10).await;
}

#[tokio::test]
async fn a_lost_assignment_is_reported_and_nothing_of_it_is_committed() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..10);
    let mut member = broker.source();
    member.until(|it| it.read.len() == 10).await;
    let old = member.ownership(0);
    broker.0.request_errors(RDKafkaApiKey::Heartbeat, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID]);
    member
        .until(|it| it.has_reported(|event| matches!(event, SourceEvent::Lost(lost) if lost == &[old])))
        .await;
    member.source.command(SourceCommand::Commit(vec![Commit::at(old, 10)]));
    member.until(|it| it.read.len() == 20).await;
    assert_ne!(member.ownership(0), old);
    assert!(!member.has_reported(|event| matches!(event, SourceEvent::Committed { .. })));
    assert_eq!(broker.position(0), None);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_yet_is_waited_for() {
    let broker = Broker::with_partitions(0);
    let mut member = broker.source();
    let is_missing = |member: &Member, expected| {
        member.has_reported(|event| {
            matches!(event, SourceEvent::TopicMissing { topic, missing } if &**topic == TOPIC && *missing == expected)
        })
    };
    member.until(|it| is_missing(it, true)).await;
    broker.0.create_topic(TOPIC, 1, 1).unwrap();
    broker.produce_numbers(1, 0..10);
    member.until(|it| it.read.len() == 10 && is_missing(it, false)).await;
    assert_eq!(member.total, Some(1));
}

#[tokio::test]
async fn records_that_expired_are_counted_and_the_rest_is_read() {
    let broker = Broker::with_partitions(1);
    broker.produce(0, [b"first".to_vec()]);
    let mut member = broker.source();
    member.until(|it| it.read.len() == 1).await;
    let position = member.positions();
    member.close(position).await;

    // The mock broker keeps the last 5 MB of a partition.
    let big = || std::iter::repeat_n(vec![b'x'; 500_000], 20);
    broker.produce(0, big());
    let mut member = broker.source();
    let lost = |member: &Member| {
        member.reported.iter().find_map(|event| match event {
            SourceEvent::LostToRetention { records, .. } => Some(*records),
            _ => None,
        })
    };
    member.until(|it| lost(it).is_some() && it.offsets(0).last() == Some(&20)).await;
    let lost = i64::try_from(lost(&member).unwrap()).unwrap();
    assert!(lost > 0);
    assert_eq!(member.offsets(0), (1 + lost..21).collect::<Vec<_>>());
    assert_eq!(member.owned.len(), 1);
}

#[tokio::test]
async fn an_outage_is_reported_with_its_end() {
    let broker = Broker::with_partitions(1);
    let mut member = broker.source();
    member.until(|it| it.owned.len() == 1).await;
    broker.0.broker_down(-1).unwrap();
    member.until(|it| it.has_reported(|event| matches!(event, SourceEvent::Connection(Some(_))))).await;
    broker.0.broker_up(-1).unwrap();
    member.until(|it| it.has_reported(|event| matches!(event, SourceEvent::Connection(None)))).await;
    broker.produce_numbers(1, 0..3);
    member.until(|it| it.offsets(0).last() == Some(&2)).await;
}

#[tokio::test]
async fn a_close_ends_even_if_no_broker_answers() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..3);
    let mut member = broker.source();
    member.until(|it| it.read.len() == 3).await;
    broker.0.broker_down(-1).unwrap();
    let positions = member.positions();
    let begun = now();
    member.close(positions).await;
    assert!(now() - begun < Duration::from_secs(26), "took {:?}", now() - begun);
}

#[tokio::test]
async fn a_last_commit_is_retried_while_the_group_rebalances() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..3);
    let mut member = broker.source();
    member.until(|it| it.read.len() == 3).await;
    let rebalancing = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS; 2];
    broker.0.request_errors(RDKafkaApiKey::OffsetCommit, &rebalancing);
    let positions = member.positions();
    let member = member.close(positions).await;
    let failed = |event: &SourceEvent| matches!(event, SourceEvent::Committed { result: Err(_), .. });
    assert!(member.has_reported(failed));
    assert_eq!(broker.position(0), Some(3));
}

#[tokio::test]
async fn a_start_at_the_end_is_kept_by_a_commit() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..5);
    let config = SourceConfig { start: Start::Latest, ..broker.config() };
    let mut member = Member::start(&config);
    member
        .until(|it| it.has_reported(|event| matches!(event, SourceEvent::Committed { result: Ok(()), .. })))
        .await;
    assert_eq!(broker.position(0), Some(5));
    member.close(vec![]).await;
    broker.produce_numbers(1, 5..8);
    let mut member = Member::start(&config);
    member.until(|it| it.read.len() == 3).await;
    assert_eq!(member.offsets(0), [5, 6, 7]);
}

#[tokio::test]
async fn the_commit_of_a_start_is_retried_until_it_succeeds() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..5);
    let config = SourceConfig { start: Start::Latest, ..broker.config() };
    // These errors do not make the member rejoin the group and commit the start again.
    let failing = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS; 3];
    broker.0.request_errors(RDKafkaApiKey::OffsetCommit, &failing);
    let mut member = Member::start(&config);
    let failed = |event: &SourceEvent| matches!(event, SourceEvent::Committed { result: Err(_), .. });
    member
        .until(|it| it.has_reported(|event| matches!(event, SourceEvent::Committed { result: Ok(()), .. })))
        .await;
    assert!(member.has_reported(failed));
    assert_eq!(broker.position(0), Some(5));
}

/// Invariant 9.
#[tokio::test]
async fn invariant_9_the_poll_loop_is_not_blocked_while_nobody_listens() {
    let broker = Broker::with_partitions(1);
    broker.produce_numbers(1, 0..20_000);
    let mut member = broker.source();
    let heartbeat = member.source.heartbeat();
    member.until(|it| !it.read.is_empty()).await;
    let (mut last, mut beats, mut gap) = (heartbeat.last(), 0, Duration::ZERO);
    let first = last;
    let deadline = now() + DEADLINE;
    while last.since(first) < Duration::from_secs(4) {
        assert!(now() < deadline);
        let beat = heartbeat.last();
        if beat > last {
            (beats, gap) = (beats + 1, gap.max(beat.since(last)));
            last = beat;
        }
        std::thread::yield_now();
    }
    assert!(beats > 4, "it takes turns all the time: {beats}");
    // The group of these tests removes a member that is silent for this long.
    assert!(gap < Duration::from_secs(6), "blocked for {gap:?}");
    member.until(|it| it.read.len() == 20_000).await;
    assert_eq!(member.offsets(0), (0..20_000).collect::<Vec<_>>());
}

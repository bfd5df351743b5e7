//! The metadata of commits on a real Kafka: the source alone writes it and gets it back.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use pinpoint_sidecar::{
    core::{
        record::{Assignment, CommittedPosition, Ownership},
        source::{Commit, Source as _, SourceCommand, SourceEvent},
    },
    edge::kafka::consumer::{KafkaSource, ReadAhead, config::SourceConfig},
};
use tokio::{runtime, time::timeout};

use super::scene::LONG;
use crate::support::{
    client::Message,
    kafka::Kafka,
    wait::{eventually, now},
};

pub(super) fn metadata_comes_back_after_a_restart_and_a_rebalance() {
    let kafka = Kafka::shared();
    let topic = "real-metadata";
    produce(kafka, topic, 2, 10);
    let mut first = Member::start(kafka, topic);
    first.until("both partitions are read", |it| it.read.len() == 20);
    assert!(first.owned.values().all(|it| it.committed.is_none()), "nothing is committed yet");
    let commits = first.commits([(0, 4, Some("tail of 0")), (1, 6, Some("tail of 1"))]);
    first.send(SourceCommand::Commit(commits.clone()));
    first.until("the commit succeeds", |it| it.committed == [(commits.clone(), Ok(()), false)]);
    let last = first.commits([(0, 4, Some("newer tail of 0"))]);
    first.close(last);

    let mut first = Member::start(kafka, topic);
    first.until("both partitions are read again", |it| it.read.len() == 10);
    assert_eq!(first.committed_of(0), Some(committed(4, Some("newer tail of 0"))));
    assert_eq!(first.committed_of(1), Some(committed(6, Some("tail of 1"))));
    let cluster = first.owned.values().map(|it| it.cluster.clone()).collect::<Vec<_>>();
    assert!(cluster[0].is_some() && cluster[0] == cluster[1], "{cluster:?}");

    let mut second = Member::start(kafka, topic);
    let mut released = BTreeMap::new();
    eventually(LONG, "each has one partition", || {
        first.step();
        second.step();
        for ownership in std::mem::take(&mut first.revoking) {
            let partition = first.owned.remove(&ownership).expect("it is owned").partition;
            let metadata = format!("released tail of {partition}");
            released.insert(partition, metadata.clone());
            let commits = vec![Commit { ownership, position: 8, metadata: Some(metadata.into()) }];
            first.send(SourceCommand::Release { ownerships: vec![ownership], commits });
        }
        (first.owned.len() == 1 && second.owned.len() == 1).then_some(())
    });
    for assignment in second.owned.values() {
        assert_eq!(assignment.committed, Some(committed(8, Some(&released[&assignment.partition]))));
        assert_eq!(assignment.start, Some(8));
    }
}

pub(super) fn a_broker_that_takes_little_metadata_gets_the_positions_without() {
    let kafka = Kafka::start_with(&[("offset.metadata.max.bytes", "100")]);
    let topic = "real-little-metadata";
    produce(&kafka, topic, 2, 10);
    let mut member = Member::start(&kafka, topic);
    member.until("both partitions are read", |it| it.read.len() == 20);
    let small = member.commits([(0, 2, Some("small")), (1, 2, None)]);
    member.send(SourceCommand::Commit(small.clone()));
    member.until("the small commit succeeds", |it| it.committed == [(small.clone(), Ok(()), false)]);
    // The broker takes the position of the other partition; librdkafka returns one error for both.
    let large = "x".repeat(101);
    member.send(SourceCommand::Commit(member.commits([(0, 4, Some(&large)), (1, 4, Some("small"))])));
    let without = member.commits([(0, 4, None), (1, 4, None)]);
    member.until("the large commit succeeds", |it| {
        it.committed.last() == Some(&(without.clone(), Ok(()), true))
    });
    let last = member.commits([(0, 6, Some(&large))]);
    member.close(last);

    let mut member = Member::start(&kafka, topic);
    member.until("both partitions are assigned", |it| it.owned.len() == 2);
    assert_eq!(member.committed_of(0), Some(committed(6, None)));
    assert_eq!(member.committed_of(1), Some(committed(4, None)));
}

fn produce(kafka: &Kafka, topic: &str, partitions: i32, records: usize) {
    kafka.create_topic(topic, partitions, &[]);
    for partition in 0..partitions {
        let message = Message { partition: Some(partition), ..Message::of("a record") };
        kafka.client.produce(topic, std::iter::repeat_n(message, records));
    }
}

fn committed(position: i64, metadata: Option<&str>) -> CommittedPosition {
    CommittedPosition { position, metadata: metadata.map(Box::from) }
}

/// A member of a group: a source and what it has reported.
struct Member {
    source: KafkaSource,
    runtime: runtime::Runtime,
    owned: BTreeMap<Ownership, Assignment>,
    read: Vec<(i32, i64)>,
    revoking: Vec<Ownership>,
    committed: Vec<(Vec<Commit>, Result<(), &'static str>, bool)>,
    is_closed: bool,
}

impl Member {
    fn start(kafka: &Kafka, topic: &str) -> Self {
        let properties = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "500")];
        let config = SourceConfig {
            brokers: kafka.client.bootstrap.clone(),
            topics: vec![topic.parse().expect("a topic's name")],
            group: topic.to_owned(),
            properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..SourceConfig::default()
        };
        let ahead = ReadAhead { bytes: 8 << 20, brokers: NonZeroU32::MIN };
        let mut source = KafkaSource::start(&config, ahead, now()).expect("the source starts");
        source.command(SourceCommand::Begin);
        Self {
            source,
            runtime: runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"),
            owned: BTreeMap::new(),
            read: Vec::new(),
            revoking: Vec::new(),
            committed: Vec::new(),
            is_closed: false,
        }
    }

    fn send(&mut self, command: SourceCommand) {
        self.source.command(command);
    }

    /// Takes in the next event, if one comes soon.
    fn step(&mut self) {
        let next = async { timeout(Duration::from_millis(20), self.source.next()).await };
        match self.runtime.block_on(next) {
            Ok(SourceEvent::Assigned(assignments)) => {
                self.owned.extend(assignments.into_iter().map(|it| (it.ownership, it)));
            }
            Ok(SourceEvent::Records(records)) => {
                self.read.extend(records.iter().map(|record| (record.partition, record.offset)));
            }
            Ok(SourceEvent::Revoking(ownerships)) => self.revoking.extend(ownerships),
            Ok(SourceEvent::Committed { commits, result, metadata_dropped }) => {
                self.committed.push((commits, result.map_err(|code| code.0), metadata_dropped));
            }
            Ok(SourceEvent::Closed) => self.is_closed = true,
            _ => {}
        }
    }

    #[track_caller]
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        eventually(LONG, what, || {
            self.step();
            done(self).then_some(())
        });
    }

    /// Commits of partitions, in the order in which the source reports them.
    fn commits<const N: usize>(&self, commits: [(i32, i64, Option<&str>); N]) -> Vec<Commit> {
        let commit = |(partition, position, metadata): (i32, i64, Option<&str>)| {
            let ownership = self.assignment(partition).ownership;
            Commit { ownership, position, metadata: metadata.map(Box::from) }
        };
        let mut commits = commits.map(commit).to_vec();
        commits.sort_by_key(|commit| commit.ownership);
        commits
    }

    fn assignment(&self, partition: i32) -> &Assignment {
        self.owned.values().find(|it| it.partition == partition).expect("it is owned")
    }

    fn committed_of(&self, partition: i32) -> Option<CommittedPosition> {
        self.assignment(partition).committed.clone()
    }

    #[track_caller]
    fn close(mut self, commits: Vec<Commit>) {
        self.send(SourceCommand::Close(commits));
        self.until("it is closed", |it| it.is_closed);
    }
}

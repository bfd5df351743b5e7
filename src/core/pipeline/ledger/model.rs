//! Tests random lives of one partition against a model of the world: a log with gaps, a group that keeps one
//! commit, owners that read, settle, commit and die, and every change of log and group that can make a tail
//! void.
//!
//! After each step, no unsettled record may be below the position or within a run (invariant 1), no record
//! that the commit named may be handed out as new (invariant 12), and the counts must balance (invariant 10).

use std::collections::HashSet;

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::core::time::Timestamp;
use crate::core::{record::CommittedPosition, source::Commit};

#[derive(Clone, Debug)]
enum Step {
    Append {
        gap: i64,
    },
    /// Offsets at the end of the log that hold nothing to read, such as the marker of a transaction.
    Mark {
        offsets: i64,
    },
    Read {
        records: usize,
    },
    Rewind(Index),
    Settle(Index),
    TakeCommit,
    Acknowledge,
    RefuseCommit,
    RefuseTails,
    Kill,
    Rebalance,
    Compact(Index),
    Truncate(Index),
    MakeAnew {
        keep: bool,
    },
    Reset {
        position: Index,
        keep_text: bool,
    },
    Foreign(String),
    OtherCluster,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (1_i64..4).prop_map(|gap| Step::Append { gap }),
        2 => (1_i64..4).prop_map(|offsets| Step::Mark { offsets }),
        10 => (1_usize..20).prop_map(|records| Step::Read { records }),
        1 => any::<Index>().prop_map(Step::Rewind),
        30 => any::<Index>().prop_map(Step::Settle),
        6 => Just(Step::TakeCommit),
        6 => Just(Step::Acknowledge),
        1 => Just(Step::RefuseCommit),
        1 => Just(Step::RefuseTails),
        3 => Just(Step::Kill),
        2 => Just(Step::Rebalance),
        1 => any::<Index>().prop_map(Step::Compact),
        1 => any::<Index>().prop_map(Step::Truncate),
        1 => any::<bool>().prop_map(|keep| Step::MakeAnew { keep }),
        1 => (any::<Index>(), any::<bool>())
            .prop_map(|(position, keep_text)| Step::Reset { position, keep_text }),
        1 => "\\PC{0,40}".prop_map(Step::Foreign),
        1 => Just(Step::OtherCluster),
    ]
}

/// A record of the log. No two have the same content.
#[derive(Clone, Copy, Debug)]
struct Logged {
    offset: i64,
    content: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "facts of the world, each for itself")]
struct World {
    log: Vec<Logged>,
    next_offset: i64,
    contents: u64,
    /// The contents that were ever settled.
    settled: HashSet<u64>,
    cluster: u64,
    /// The commit of the group. `group_named` has the contents that it names as settled.
    group: Option<(i64, Option<Box<str>>)>,
    group_named: HashSet<u64>,
    /// Whether the log is unchanged since the records that the commit names were read.
    intact: bool,

    ledger: Ledger,
    ownership: Ownership,
    /// Whether the log is unchanged since the records that the ownership's tail names were read.
    sound: bool,
    start: i64,
    next_read: i64,
    /// The contents that this ownership has found or made settled. `named` has those that its commit named.
    settled_here: HashSet<u64>,
    named: HashSet<u64>,
    outstanding: Vec<(RecordId, u64)>,
    in_flight: Option<Vec<Commit>>,
    limited: bool,
    /// Whether anything was settled since the last commit was taken.
    due: bool,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            log: Vec::new(),
            next_offset: 0,
            contents: 0,
            settled: HashSet::new(),
            cluster: 0,
            group: None,
            group_named: HashSet::new(),
            intact: true,
            ledger: Ledger::new(Switch::On),
            ownership: Ownership(0),
            sound: true,
            start: 0,
            next_read: 0,
            settled_here: HashSet::new(),
            named: HashSet::new(),
            outstanding: Vec::new(),
            in_flight: None,
            limited: false,
            due: false,
        };
        for _ in 0..30 {
            world.append(1);
        }
        world.begin();
        world
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append { gap } => self.append(gap),
            Step::Mark { offsets } => self.next_offset += offsets,
            Step::Read { records } => (0..records).for_each(|_| self.read()),
            Step::Rewind(index) => {
                let span = usize::try_from(self.next_read - self.start).expect("it only grows");
                self.next_read -= i64::try_from(index.index(span + 1)).expect("small");
            }
            Step::Settle(index) if !self.outstanding.is_empty() => {
                self.settle(index.index(self.outstanding.len()));
            }
            Step::TakeCommit => self.take_commit(),
            Step::Acknowledge => {
                if let Some(commits) = self.in_flight.take() {
                    self.ledger.committed(&commits, true);
                    self.store(commits);
                }
            }
            Step::RefuseCommit => {
                if let Some(commits) = self.in_flight.take() {
                    self.ledger.committed(&commits, false);
                    assert!(commits.is_empty() || self.ledger.has_moved(), "a refused commit is due again");
                }
            }
            Step::RefuseTails => {
                self.ledger.tails_refused();
                self.limited = true;
            }
            Step::Kill => self.restart(),
            Step::Rebalance => self.rebalance(),
            Step::Compact(index) if !self.log.is_empty() => {
                self.log.remove(index.index(self.log.len()));
                (self.intact, self.sound) = (false, false);
            }
            Step::Settle(_) | Step::Compact(_) => {}
            Step::Truncate(index) => {
                let length = index.index(self.log.len() + 1);
                self.log.truncate(length);
                self.next_offset = self.log.last().map_or(0, |last| last.offset + 1);
                (0..20).for_each(|_| self.append(1));
                self.change_log();
            }
            Step::MakeAnew { keep } => {
                let grown = self.log.len() + 10;
                self.log.clear();
                self.next_offset = 0;
                (0..grown).for_each(|_| self.append(1));
                if !keep {
                    self.group = None;
                    self.group_named.clear();
                }
                self.change_log();
            }
            Step::Reset { position, keep_text } => {
                let to = i64::try_from(position.index(self.log.len() + 1)).expect("small");
                let text = self.group.take().and_then(|(_, text)| text).filter(|_| keep_text);
                self.group = Some((to, text));
                self.group_named.clear();
                self.restart();
            }
            Step::Foreign(text) => {
                self.group = Some((self.group_position(), Some(text.into())));
                self.group_named.clear();
                self.restart();
            }
            Step::OtherCluster => {
                self.cluster += 1;
                self.log.clear();
                self.next_offset = 0;
                (0..40).for_each(|_| self.append(1));
                self.group_named.clear();
                self.change_log();
            }
        }
        self.check();
    }

    fn append(&mut self, gap: i64) {
        self.log.push(Logged { offset: self.next_offset + gap - 1, content: self.contents });
        self.next_offset += gap;
        self.contents += 1;
    }

    fn read(&mut self) {
        let Some(&logged) = self.log.iter().find(|logged| logged.offset >= self.next_read) else {
            return self.read_to_end();
        };
        self.next_read = logged.offset + 1;
        match self.ledger.read(record(self.ownership, logged), Moment::START) {
            Read::New(id) => {
                assert!(!self.named.contains(&logged.content), "invariant 12: it was named in a commit");
                self.ledger.oblige(id, 1, 0);
                self.outstanding.push((id, logged.content));
            }
            Read::Dropped => {}
            Read::SettledBefore => {
                self.settled_here.insert(logged.content);
            }
            Read::Void { position } => self.begin_anew(position),
        }
    }

    /// Reads past the end of the log, where nothing can be read.
    fn read_to_end(&mut self) {
        let (ownership, end) = (self.ownership, self.next_offset);
        match self.ledger.log_end(ownership, end) {
            Some(position) => self.begin_anew(position),
            None if end <= self.next_read => {}
            None => match self.ledger.pass(ownership, end) {
                Some(position) => self.begin_anew(position),
                None => self.next_read = end,
            },
        }
    }

    fn begin_anew(&mut self, position: i64) {
        assert!(!self.sound, "a tail of an unchanged log is void");
        assert!(self.start <= position && position <= self.next_read);
        let next = self.log.iter().find(|logged| logged.offset >= self.next_read).copied();
        if let Some(next) = next {
            let read = self.ledger.read(record(self.ownership, next), Moment::START);
            assert_eq!(read, Read::Dropped, "nothing more is read of it");
        }
        self.check_settled(position);
        let reached = self.ledger.release(&[self.ownership].into());
        let commits = self.ledger.commits(reached);
        self.store(commits);
        self.own(None);
        self.named.clear();
        self.sound = true;
        (self.start, self.next_read) = (position, position);
    }

    fn settle(&mut self, index: usize) {
        let (id, content) = self.outstanding.swap_remove(index);
        self.settled.insert(content);
        self.settled_here.insert(content);
        self.due = true;
        assert!(self.ledger.fulfil(id, 0).is_some());
        assert!(self.ledger.has_moved(), "a changed tail is due");
    }

    fn take_commit(&mut self) {
        let commits = self.ledger.take_moved();
        for commit in &commits {
            self.check_settled(commit.position);
            let named = self.named_by(commit);
            // A tail of another log is passed on until it is read. Then it is found to be void.
            assert!(!self.sound || named.is_subset(&self.settled), "invariant 1: it names too much");
            let above = |logged: &&Logged| logged.offset >= commit.position;
            let known = |content| self.settled_here.contains(content) || self.named.contains(content);
            for Logged { content, .. } in self.log.iter().filter(above) {
                let known = known(content) && self.settled.contains(content);
                assert!(
                    !known || self.limited || named.contains(content),
                    "invariant 12: {content} is unnamed"
                );
            }
        }
        let first_open = self.outstanding.iter().map(|(_, content)| *content).min();
        let any_above = self.settled_here.iter().any(|content| Some(*content) > first_open);
        let unlimited = !self.limited && first_open.is_some();
        if std::mem::take(&mut self.due) && unlimited && any_above {
            assert_eq!(commits.len(), 1, "a tail is committed while nothing before it was ever settled");
        }
        self.in_flight = Some(commits);
    }

    fn rebalance(&mut self) {
        let reached = self.ledger.release(&[self.ownership].into());
        let commits = self.ledger.commits(reached);
        self.store(commits);
        self.begin();
    }

    fn store(&mut self, commits: Vec<Commit>) {
        for commit in commits {
            self.check_settled(commit.position);
            self.group_named = self.named_by(&commit);
            self.group = Some((commit.position, commit.metadata));
            self.intact = self.sound;
        }
    }

    fn named_by(&self, commit: &Commit) -> HashSet<u64> {
        let scope = Scope::new(&self.cluster_id(), &assignment(self.ownership));
        let tail = commit.metadata.as_ref().map(|text| Tail::parse(text, scope, commit.position));
        let runs = tail.map(|tail| tail.expect("it is ours").runs).unwrap_or_default();
        let named = |offset| runs.iter().any(|run| (run.first..=run.last).contains(&offset));
        self.log.iter().filter(|logged| named(logged.offset)).map(|logged| logged.content).collect()
    }

    fn change_log(&mut self) {
        self.intact = false;
        self.restart();
    }

    fn restart(&mut self) {
        self.ledger = Ledger::new(Switch::On);
        self.limited = false;
        self.begin();
    }

    fn begin(&mut self) {
        self.own(self.group.clone());
        self.start = self.group_position();
        self.next_read = self.start;
        self.sound = self.intact || self.group.as_ref().is_none_or(|(_, text)| text.is_none());
        let present: HashSet<u64> = self.log.iter().map(|logged| logged.content).collect();
        self.named = self.group_named.intersection(&present).copied().collect();
    }

    fn own(&mut self, committed: Option<(i64, Option<Box<str>>)>) {
        self.ownership.0 += 1;
        let committed = committed.map(|(position, metadata)| CommittedPosition { position, metadata });
        let cluster = Some(self.cluster_id());
        self.ledger.assign(Assignment { committed, cluster, ..assignment(self.ownership) });
        self.outstanding.clear();
        self.settled_here.clear();
        self.due = false;
        self.in_flight = None;
    }

    fn group_position(&self) -> i64 {
        self.group.as_ref().map_or(0, |(position, _)| *position)
    }

    fn cluster_id(&self) -> Arc<str> {
        self.cluster.to_string().into()
    }

    fn check(&self) {
        let partition = &self.ledger.partitions()[&self.ownership];
        if let Some(position) = partition.offsets.position() {
            self.check_settled(position);
        }
        let RecordCounts { consumed, accepted, settled_before, released, .. } = self.ledger.counts();
        let outstanding = self.ledger.outstanding() as u64;
        assert_eq!(*consumed, accepted + settled_before + released + outstanding, "invariant 10");
        assert_eq!(self.ledger.outstanding(), self.outstanding.len());
    }

    /// Checks invariant 1 for the records that this ownership has to deliver.
    #[track_caller]
    fn check_settled(&self, position: i64) {
        let below = |logged: &&Logged| (self.start..position).contains(&logged.offset);
        let hidden = self.log.iter().filter(below).find(|logged| !self.settled.contains(&logged.content));
        assert!(hidden.is_none(), "invariant 1: {hidden:?} is below {position}");
    }
}

fn assignment(ownership: Ownership) -> Assignment {
    Assignment::new(ownership, "topic".into(), 0)
}

fn record(ownership: Ownership, logged: Logged) -> Record {
    Record {
        ownership,
        topic: "topic".into(),
        partition: 0,
        offset: logged.offset,
        timestamp: Some(Timestamp(0)),
        key: None,
        value: Some(logged.content.to_le_bytes().into()),
        headers: Vec::new(),
        redriven: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn invariant_12_what_was_settled_and_committed_is_not_new_again_and_nothing_is_hidden(
        steps in vec(any_step(), 0..150),
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        // In the end, everything is settled, whatever happened before.
        for _ in 0..20 {
            (0..500).for_each(|_| world.read());
            while !world.outstanding.is_empty() {
                world.settle(0);
                world.check();
            }
        }
        let start = world.start;
        let left = world.log.iter().filter(|logged| logged.offset >= start);
        prop_assert!(left.clone().all(|logged| world.settled.contains(&logged.content)));
        let position = world.ledger.partitions()[&world.ownership].offsets.position();
        prop_assert_eq!(position.unwrap_or(start), world.next_offset.max(start), "nothing is left behind");
    }
}

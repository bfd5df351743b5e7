//! The one task that owns all state. It turns what happened into an [`Input`] for the pipeline and carries
//! out each [`Action`] that the pipeline returns.
//!
//! It decides nothing. Everything that happens goes through one `select!`, whose arms only name it and may be
//! cancelled at any time. Nothing in here blocks.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::runner::report::Reporter,
    core::{
        code::Code,
        dead_letter::{DeadLetterId, DeadLetters},
        destination::{Answer, DestinationId, Request, RequestId, Sender},
        map::Mapper,
        pipeline::{Action, Input, Pipeline, RecordCounts},
        record::Ownership,
        session_table::{Table, TableEvent},
        source::{Source, SourceCommand, SourceEvent},
        time::Moment,
        write_outcome::WriteOutcome,
    },
    edge::{admin::Query, clock::Clock},
};

pub mod report;
mod tabled;

/// The part of the time for a shutdown that is kept for the last commit and for leaving the group.
const CLOSING: Duration = Duration::from_secs(5);

/// How often the runner shows a sign of life if nothing happens.
const BEAT: Duration = Duration::from_secs(10);

/// The outcomes of dead letters, as their writer reports them.
pub type LetterOutcomes = mpsc::Receiver<(DeadLetterId, WriteOutcome)>;

/// The parts that a runner works with.
pub struct Parts<S, L, T> {
    pub clock: Clock,
    pub source: S,
    /// The senders, by destination id.
    pub destinations: Vec<Arc<dyn Sender>>,
    pub letters: L,
    pub written: LetterOutcomes,
    /// The session table, if there is one. All of it is read before the source begins.
    pub table: Option<T>,
    pub mapper: Mapper,
    pub pipeline: Pipeline,
    pub reporter: Reporter,
    pub queries: mpsc::Receiver<Query>,
}

/// When and how a runner is to end.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// Begins the drain when cancelled.
    pub drain: CancellationToken,
    /// How long the drain and the close may take together.
    pub deadline: Duration,
}

/// How a runner ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The final counts of records.
    pub records: RecordCounts,
    /// Records that were given up unsettled. They are delivered again.
    pub unsettled: usize,
    /// Partitions whose last commit was not acknowledged. Records that were settled since the previous
    /// commit are delivered again.
    pub uncommitted: usize,
    /// Why Kafka failed for good, if it did.
    pub failed: Option<Code>,
}

pub struct Runner<S, L, T> {
    parts: Parts<S, L, T>,
    sends: JoinSet<AnsweredRequest>,
    /// Destinations that are being prepared. Nothing is read until they are ready.
    preparing: JoinSet<()>,
    /// Whether the session table has been read, or there is no table.
    is_loaded: bool,
    phase: Phase,
    /// When the shutdown must be over, once it has begun.
    deadline: Option<Moment>,
    unsettled: usize,
    /// The last positions, until they are acknowledged.
    uncommitted: BTreeMap<Ownership, i64>,
    failed: Option<Code>,
    actions: Vec<Action>,
}

struct AnsweredRequest {
    destination: DestinationId,
    id: RequestId,
    started: Moment,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Settling the records that were read, until this time.
    Draining(Moment),
    /// Committing and leaving the group, until this time. The pipeline has ended.
    Closing(Moment),
}

enum Happened {
    Source(SourceEvent),
    Table(TableEvent),
    Prepared,
    Sent(Result<AnsweredRequest, JoinError>),
    Written(DeadLetterId, WriteOutcome),
    Asked(Query),
    Due,
    Drain,
    Deadline,
}

impl<S: Source, L: DeadLetters, T: Table> Runner<S, L, T> {
    /// A runner that has not started yet.
    pub fn new(parts: Parts<S, L, T>) -> Self {
        Self {
            parts,
            sends: JoinSet::new(),
            preparing: JoinSet::new(),
            is_loaded: false,
            phase: Phase::Running,
            deadline: None,
            unsettled: 0,
            uncommitted: BTreeMap::new(),
            failed: None,
            actions: Vec::new(),
        }
    }

    /// Runs until the source is closed after a drain, until the deadline of the drain, or until Kafka
    /// has failed for good.
    pub async fn run(mut self, shutdown: Shutdown) -> Ended {
        self.begin();
        loop {
            let happened = self.next(&shutdown).await;
            let now = self.parts.clock.now();
            self.parts.reporter.beat(now);
            match happened {
                Happened::Source(SourceEvent::Closed) => break,
                Happened::Source(event) => self.source(now, event),
                Happened::Table(event) => self.table(now, event),
                Happened::Prepared => self.read(),
                Happened::Sent(sent) => self.sent(now, sent),
                Happened::Written(id, outcome) => {
                    self.parts.reporter.letter(now, outcome);
                    self.handle(now, Input::DeadLetterFinished(id, outcome));
                }
                Happened::Asked(query) => {
                    let Parts { reporter, pipeline, mapper, .. } = &mut self.parts;
                    reporter.answer(now, query, pipeline, mapper);
                }
                Happened::Due if matches!(self.phase, Phase::Closing(_)) => {}
                Happened::Due => self.handle(now, Input::Tick),
                Happened::Drain => self.drain(now, shutdown.deadline),
                Happened::Deadline if matches!(self.phase, Phase::Closing(_)) => break,
                Happened::Deadline => self.close(now),
            }
            self.parts.reporter.after(now, &self.parts.pipeline);
        }
        // Requests that are still in flight are not awaited, so their events will be sent again.
        self.sends.shutdown().await;
        let records = self.parts.pipeline.snapshot().records;
        let (unsettled, uncommitted) = (self.unsettled, self.uncommitted.len());
        let ended = Ended { records, unsettled, uncommitted, failed: self.failed };
        self.parts.reporter.stopped(&ended);
        ended
    }

    /// Waits for the next event. Every arm may be cancelled without losing anything.
    async fn next(&mut self, shutdown: &Shutdown) -> Happened {
        let Parts { clock, source, table, written, queries, pipeline, .. } = &mut self.parts;
        let beat = clock.now() + BEAT;
        // After the pipeline has given everything up, nothing is due any more.
        let wake = pipeline.next_wake().filter(|_| !matches!(self.phase, Phase::Closing(_)));
        let due = sleep_until(clock.instant(wake.map_or(beat, |wake| wake.min(beat))));
        let deadline = async {
            match self.phase {
                Phase::Running => pending().await,
                Phase::Draining(until) | Phase::Closing(until) => sleep_until(clock.instant(until)).await,
            }
        };
        let tabled = async {
            match table {
                Some(table) => table.next().await,
                None => pending().await,
            }
        };
        select! {
            event = source.next() => Happened::Source(event),
            event = tabled => Happened::Table(event),
            Some(_) = self.preparing.join_next() => Happened::Prepared,
            Some(sent) = self.sends.join_next() => Happened::Sent(sent),
            Some((id, outcome)) = written.recv() => Happened::Written(id, outcome),
            Some(query) = queries.recv() => Happened::Asked(query),
            () = due => Happened::Due,
            () = shutdown.drain.cancelled(), if self.phase == Phase::Running => Happened::Drain,
            () = deadline => Happened::Deadline,
        }
    }

    /// Prepares for the first record: the destinations get ready, and the session table is read.
    fn begin(&mut self) {
        for destination in &self.parts.destinations {
            self.preparing.spawn(destination.prepare());
        }
        if self.parts.table.is_some() {
            return self.parts.reporter.loading(self.parts.clock.now());
        }
        self.parts.reporter.running();
        self.is_loaded = true;
    }

    /// Begins to read records once everything is ready.
    fn read(&mut self) {
        if self.is_loaded && self.preparing.is_empty() && self.phase == Phase::Running {
            self.parts.source.command(SourceCommand::Begin);
        }
    }

    fn table(&mut self, now: Moment, event: TableEvent) {
        self.parts.reporter.table(now, &event);
        match event {
            TableEvent::Entries(entries) => {
                let Parts { mapper, table, .. } = &mut self.parts;
                let joined: Vec<_> = entries.iter().filter_map(|entry| mapper.learn(entry, now)).collect();
                if let Some(table) = table.as_mut().filter(|_| !joined.is_empty()) {
                    table.write(None, joined);
                }
            }
            TableEvent::Loaded => {
                self.is_loaded = true;
                self.read();
            }
            TableEvent::Written(id, outcome) => {
                self.handle(now, Input::EntriesFinished(id, outcome));
            }
            TableEvent::Failed(_) if matches!(self.phase, Phase::Closing(_)) => {}
            TableEvent::Failed(code) => {
                self.failed = Some(code);
                self.close(now);
            }
            TableEvent::Loading { .. }
            | TableEvent::Ignored(_)
            | TableEvent::Emptied
            | TableEvent::Connection(_) => {}
        }
    }

    fn source(&mut self, now: Moment, event: SourceEvent) {
        self.parts.reporter.source(now, &event);
        match event {
            SourceEvent::Records(records) => {
                self.parts.mapper.set_wall_clock(Clock::wall());
                let mapper = &mut self.parts.mapper;
                let records = records.into_iter().map(|mut record| {
                    mapper.unseal(&mut record);
                    let mapping = mapper.map(&record, now);
                    (record, mapping.mapped, mapping.entries)
                });
                let records = records.collect();
                mapper.take_new_doubts().iter().for_each(Reporter::doubtful);
                self.handle(now, Input::Records(records));
            }
            // Everything was already given up, and nothing begins: records of these ownerships are stale.
            SourceEvent::Assigned(_) if matches!(self.phase, Phase::Closing(_)) => {}
            SourceEvent::Assigned(assignments) => self.handle(now, Input::Assigned(assignments)),
            SourceEvent::Topics(topics) => self.handle(now, Input::Topics(topics)),
            SourceEvent::Revoking(ownerships) if matches!(self.phase, Phase::Closing(_)) => {
                // Everything was already given up, together with its position.
                self.parts.source.command(SourceCommand::Release { ownerships, commits: Vec::new() });
            }
            SourceEvent::Revoking(ownerships) => self.handle(now, Input::Revoking(ownerships)),
            SourceEvent::Lost(ownerships) => self.handle(now, Input::Lost(ownerships)),
            SourceEvent::Committed { commits, result, metadata_dropped } => {
                let acknowledged = result.is_ok();
                for commit in commits.iter().filter(|_| acknowledged) {
                    self.uncommitted.retain(|id, last| *id != commit.ownership || *last > commit.position);
                }
                self.handle(now, Input::Committed { commits, acknowledged, tails_refused: metadata_dropped });
            }
            SourceEvent::Ends(ends) => self.handle(now, Input::Ends(ends)),
            SourceEvent::Unreadable { ownership, code } => {
                self.handle(now, Input::Unreadable(ownership, code));
            }
            SourceEvent::Passed(positions) => self.handle(now, Input::Passed(positions)),
            SourceEvent::Failed(code) => {
                self.failed = Some(code);
                self.close(now);
            }
            SourceEvent::LostToRetention { .. }
            | SourceEvent::Truncated { .. }
            | SourceEvent::TopicMissing { .. }
            | SourceEvent::Connection(_)
            | SourceEvent::Closed => {}
        }
    }

    fn sent(&mut self, now: Moment, sent: Result<AnsweredRequest, JoinError>) {
        match sent {
            Ok(AnsweredRequest { destination, id, started, answer }) => {
                self.parts.reporter.answered(now, now.since(started), &answer);
                self.handle(now, Input::SendFinished { destination, id, answer });
            }
            // Nothing cancels a send before the end, so it panicked. That is a bug, and the process ends with
            // it.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    fn handle(&mut self, now: Moment, input: Input) {
        let mut actions = std::mem::take(&mut self.actions);
        self.parts.pipeline.handle(now, input);
        actions.extend(self.parts.pipeline.actions());
        for action in actions.drain(..) {
            self.carry_out(now, action);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, now: Moment, action: Action) {
        match action {
            Action::Send(request) => self.send(now, request),
            Action::WriteDeadLetter(letter) => self.parts.letters.write(letter),
            Action::Commit(commits) => self.parts.source.command(SourceCommand::Commit(commits)),
            Action::Release { ownerships, commits } => {
                self.parts.source.command(SourceCommand::Release { ownerships, commits });
            }
            Action::Rewind(ownership) => self.parts.source.command(SourceCommand::Rewind(ownership)),
            Action::Pause(paused) => self.parts.source.command(SourceCommand::Pause(paused)),
            Action::Transition(transition) => self.parts.reporter.transition(now, &transition),
            Action::WriteEntries(id, entries) => {
                if let Some(table) = &mut self.parts.table {
                    table.write(Some(id), entries);
                }
            }
            Action::Stopped => self.close(now),
        }
    }

    fn send(&mut self, started: Moment, request: Request) {
        let (id, destination) = (request.id, request.destination);
        self.parts.reporter.sending(&request);
        // The pipeline has exactly these destinations: both come from one configuration.
        let sender = &self.parts.destinations[usize::from(destination.0)];
        let answer = sender.send(request);
        self.sends.spawn(async move { AnsweredRequest { destination, id, started, answer: answer.await } });
    }

    fn drain(&mut self, now: Moment, deadline: Duration) {
        self.parts.reporter.draining(&self.parts.pipeline);
        self.deadline = Some(now + deadline);
        self.phase = Phase::Draining(now + deadline.saturating_sub(CLOSING.min(deadline / 4)));
        self.handle(now, Input::Drain);
    }

    /// Gives up unsettled records, commits the positions, and leaves the group.
    fn close(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        let partitions = self.parts.pipeline.snapshot().partitions.into_iter();
        self.uncommitted = partitions
            .filter(|partition| partition.position > partition.committed)
            .filter_map(|partition| Some((partition.ownership, partition.position?)))
            .collect();
        let summary = self.parts.pipeline.finish();
        self.unsettled = summary.unsettled;
        // A drain that ended early leaves its time to the last commit.
        self.phase = Phase::Closing(self.deadline.unwrap_or(now + CLOSING));
        self.parts.source.command(SourceCommand::Close(summary.commits));
    }
}

#[cfg(test)]
mod tests;

//! Reports to people and programs: logs changes of state, and keeps health, metrics and status.
//!
//! Knows nothing of how anything is decided. Only codes, numbers, names from the configuration and our own
//! words are reported, and no text of a record or an answer.

use std::{sync::Arc, time::Duration};

use tracing::{error, info, warn};

use crate::{
    app::runner::{
        Ended,
        tabled::{self, TableLog},
    },
    core::{
        code::Code,
        destination::{Answer, DestinationId, Request},
        map::{DoubtfulFormat, Mapper},
        pipeline::{HoldStatus, Pipeline, Transition},
        session_table::TableEvent,
        source::SourceEvent,
        time::Moment,
        write_outcome::WriteOutcome,
    },
    edge::{
        admin::{
            Health, Overview, Query, RecentErrors, RolesReport, SourceReport, Stage, Status, TableReport,
            metrics::Metrics,
        },
        aws::roles::{RolesSummary, RolesView},
    },
};

/// What is said of a log that lost its end.
const TRUNCATED: &str = "the brokers lost the end of a partition's log: records that nobody read may be lost; see \
                         the brokers' logs, and unclean.leader.election.enable and min.insync.replicas of the topic";

/// What a person can do about records that cannot be read.
const RESTORE: &str = "restore the partition's log from another replica, or give the batch up: stop the service, \
                       and set the group's offset behind it with kafka-consumer-groups --reset-offsets";

/// How often progress is logged while records arrive.
const PROGRESS: Duration = Duration::from_mins(1);

pub struct Reporter {
    health: Arc<Health>,
    metrics: Metrics,
    source: SourceReport,
    /// `None` if sessions are kept in memory alone.
    table: Option<TableReport>,
    table_log: TableLog,
    roles: Option<RolesView>,
    errors: RecentErrors,
    holds: Vec<HoldStatus>,
    progress: LoggedProgress,
    /// The names of the destinations, by id.
    destinations: Vec<String>,
}

#[derive(Default)]
struct LoggedProgress {
    at: Moment,
    consumed: u64,
}

impl Reporter {
    /// A reporter that updates `health` and counts in `metrics`.
    #[must_use]
    pub fn new(health: Arc<Health>, metrics: Metrics, destinations: Vec<String>) -> Self {
        Self {
            health,
            metrics,
            source: SourceReport::default(),
            table: None,
            table_log: TableLog::default(),
            roles: None,
            errors: RecentErrors::default(),
            holds: Vec::new(),
            progress: LoggedProgress::default(),
            destinations,
        }
    }

    /// The reporter, which also shows how the roles of destinations are.
    #[must_use]
    pub fn with_roles(self, roles: Option<RolesView>) -> Self {
        Self { roles, ..self }
    }

    fn name(&self, destination: DestinationId) -> &str {
        self.destinations.get(usize::from(destination.0)).map_or("", String::as_str)
    }

    /// Reports that the runner has started.
    pub(super) fn running(&mut self) {
        self.health.enter(Stage::Running);
    }

    /// Reports that the session table is being read.
    pub(super) fn loading(&mut self, now: Moment) {
        self.health.enter(Stage::Loading);
        info!("reading the session table before any record");
        self.table = Some(TableReport::begun(now));
    }

    /// Reports an event of the session table.
    pub(super) fn table(&mut self, now: Moment, event: &TableEvent) {
        let report = self.table.get_or_insert_with(|| TableReport::begun(now));
        report.observe(now, event);
        self.table_log.log(now, event, report);
        if matches!(event, TableEvent::Loaded) && self.health.stage() == Stage::Loading {
            self.health.enter(Stage::Running);
        }
        if let TableEvent::Connection(Some(code))
        | TableEvent::Failed(code)
        | TableEvent::Written(_, WriteOutcome::Again(code) | WriteOutcome::Refused(code)) = event
        {
            self.errors.note(now, "table", *code);
        }
    }

    pub(super) fn beat(&mut self, now: Moment) {
        self.health.beat(now);
    }

    /// Reports an event of the source.
    pub(super) fn source(&mut self, now: Moment, event: &SourceEvent) {
        self.source.observe(event);
        match event {
            SourceEvent::Assigned(assignments) => {
                info!(partitions = assignments.len(), "partitions assigned");
            }
            SourceEvent::Revoking(ownerships) => info!(partitions = ownerships.len(), "partitions revoked"),
            SourceEvent::Lost(ownerships) => warn!(partitions = ownerships.len(), "partitions lost"),
            SourceEvent::LostToRetention { records, .. } => {
                self.errors.note(now, "source", Code("lost_to_retention"));
                error!(
                    records,
                    "records expired before they were read: they are lost; raise the topic's retention"
                );
            }
            SourceEvent::Truncated { topic, partition } => {
                self.errors.note(now, "source", Code("log_truncated"));
                error!(%topic, partition, "{TRUNCATED}");
            }
            SourceEvent::Committed { result: Err(code), .. } => {
                self.errors.note(now, "commit", *code);
                warn!(%code, "commit failed; it will be retried");
            }
            SourceEvent::TopicMissing { topic, missing: true } => {
                warn!(%topic, "topic does not exist; waiting for it");
            }
            SourceEvent::TopicMissing { topic, missing: false } => info!(%topic, "topic exists"),
            SourceEvent::Connection(Some(code)) => {
                self.errors.note(now, "kafka", *code);
                warn!(%code, "no connection to Kafka; retrying");
            }
            SourceEvent::Connection(None) => info!("connected to Kafka"),
            SourceEvent::Failed(code) => {
                self.errors.note(now, "kafka", *code);
                error!(%code, "Kafka failed for good");
            }
            SourceEvent::Topics(_)
            | SourceEvent::Records(_)
            | SourceEvent::Ends(_)
            | SourceEvent::Passed(_)
            | SourceEvent::Unreadable { .. }
            | SourceEvent::Committed { result: Ok(()), .. }
            | SourceEvent::Closed => {}
        }
    }

    /// Reports a topic whose format was probably recognised wrongly.
    pub(super) fn doubtful(doubt: &DoubtfulFormat) {
        let DoubtfulFormat { topic, format } = doubt;
        warn!(
            %topic,
            format = format.name(),
            "most records of the topic are ignored, in a format that was recognised and not configured: \
             name the right one as `source.format`, or look at the records with `map --topic`"
        );
    }

    /// Counts a request that is being sent.
    pub(super) fn sending(&mut self, request: &Request) {
        self.metrics.observe_request(request.endpoints.iter().map(|batch| batch.events.len()).sum());
    }

    /// Reports the answer to a request.
    pub(super) fn answered(&mut self, now: Moment, took: Duration, answer: &Answer) {
        self.metrics.observe_duration(took);
        match answer {
            Answer::Hold(code) | Answer::Unknown { code, .. } => {
                self.errors.note(now, "destination", *code);
            }
            Answer::Refused(refusal) | Answer::Denied(refusal) => {
                self.errors.note(now, "destination", refusal.code);
            }
            Answer::Results { .. } | Answer::Throttled { .. } => {}
        }
    }

    /// Reports an attempt to write a dead letter.
    pub(super) fn letter(&mut self, now: Moment, outcome: WriteOutcome) {
        self.metrics.observe_letter(outcome);
        if let WriteOutcome::Again(code) | WriteOutcome::Refused(code) = outcome {
            self.errors.note(now, "dead_letter", code);
        }
    }

    pub(super) fn transition(&mut self, now: Moment, transition: &Transition) {
        match transition {
            Transition::Held { destination, code } => {
                self.errors.note(now, "destination", *code);
                let destination = self.name(*destination);
                error!(destination, %code, "destination is on hold: only an occasional probe is sent; fix the set-up");
            }
            Transition::Resumed { destination, code } => {
                info!(destination = self.name(*destination), %code, "hold is over");
            }
            Transition::Throttled { destination } => {
                warn!(destination = self.name(*destination), "destination throttles: sending more slowly");
            }
            Transition::Spilling { destination } => {
                let destination = self.name(*destination);
                error!(
                    destination,
                    "destination has been blocked for too long: its events go to the dead letters"
                );
            }
            Transition::EventStuck { destination, code } => {
                let destination = self.name(*destination);
                error!(destination, %code, "an event keeps failing while others are accepted; it is retried at the slowest pace");
            }
            Transition::CircuitOpened { topic } => {
                error!(%topic, "most records of the topic are refused: the topic is paused; see its dead letters");
            }
            Transition::CircuitClosed { topic } => info!(%topic, "topic is resumed"),
            Transition::TailVoid { topic, partition } => {
                self.source.found_changed();
                let what = "the committed list of settled records does not match the log";
                warn!(%topic, partition, "{what}: the partition is read again from its position");
            }
            Transition::PartitionHeld { topic, partition, code } => {
                error!(
                    %topic, partition, %code,
                    "the broker refuses a dead letter: the partition is on hold; {}", remedy(*code)
                );
            }
            Transition::PartitionResumed { topic, partition } => {
                info!(%topic, partition, "partition is resumed");
            }
            Transition::Unreadable { topic, partition, code } => {
                self.errors.note(now, "source", *code);
                error!(%topic, partition, %code, "the next records cannot be read: the partition is on hold; {RESTORE}");
            }
            Transition::Readable { topic, partition } => {
                info!(%topic, partition, "partition can be read again");
            }
            Transition::TableHeld { code } => {
                error!(%code, "the broker refuses writes to the session table: nothing more is delivered; {}", tabled::remedy_of_hold(*code));
            }
            Transition::TableResumed { code } => info!(%code, "session table can be written again"),
            Transition::ReleasedUnsettled { topic, partition, records } => {
                warn!(%topic, partition, records, "partition given up with unsettled records; they are delivered again");
            }
        }
    }

    /// Updates readiness if the holds have changed, and logs progress from time to time. Called after each input.
    pub(super) fn after(&mut self, now: Moment, pipeline: &Pipeline) {
        let holds = pipeline.holds();
        if holds != self.holds {
            self.health.hold(holds.clone());
            self.holds = holds;
        }
        if now.since(self.progress.at) >= PROGRESS {
            self.progress(now, pipeline);
        }
    }

    /// Reports that the drain begins.
    pub(super) fn draining(&mut self, pipeline: &Pipeline) {
        self.health.enter(Stage::Draining);
        info!(
            records = pipeline.snapshot().records_outstanding,
            "draining: settling the records that were read"
        );
    }

    /// Reports that the runner has ended.
    pub(super) fn stopped(&mut self, ended: &Ended) {
        self.health.enter(Stage::Stopped);
        let Ended { records, unsettled, uncommitted, .. } = ended;
        if *uncommitted > 0 {
            warn!(
                partitions = uncommitted,
                "last commit was not acknowledged: its records are delivered again"
            );
        }
        info!(
            consumed = records.consumed,
            accepted = records.accepted,
            ignored = records.ignored.values().sum::<u64>(),
            dead_lettered = records.dead_lettered.values().sum::<u64>(),
            released = records.released,
            unsettled,
            "stopped"
        );
    }

    /// Answers a question of the admin pages.
    pub(super) fn answer(&mut self, now: Moment, query: Query, pipeline: &Pipeline, mapper: &Mapper) {
        let (snapshot, doubtful_formats) = (pipeline.snapshot(), mapper.doubtful_formats());
        let roles = self.roles.as_ref().and_then(RolesView::summary).map(report);
        let overview = Overview {
            now,
            stage: self.health.stage(),
            snapshot: &snapshot,
            mapping: mapper.counts(),
            doubtful_formats: &doubtful_formats,
            source: &self.source,
            table: self.table.as_ref(),
            roles: roles.as_ref(),
            errors: &self.errors,
        };
        // If whoever asked is gone, the answer is dropped.
        match query {
            Query::Metrics(reply) => match self.metrics.render(&overview) {
                Ok(page) => drop(reply.send(page)),
                Err(error) => error!(%error, "metrics cannot be rendered"),
            },
            Query::Status(reply) => drop(reply.send(Status::new(&overview))),
            Query::Snapshot(reply) => drop(reply.send(Box::new(snapshot))),
        }
    }

    /// Logs progress if records arrive.
    fn progress(&mut self, now: Moment, pipeline: &Pipeline) {
        let snapshot = pipeline.snapshot();
        if snapshot.records.consumed != self.progress.consumed || snapshot.records_outstanding > 0 {
            info!(
                consumed = snapshot.records.consumed,
                outstanding = snapshot.records_outstanding,
                events_accepted = snapshot.sends.accepted.iter().sum::<u64>(),
                holds = snapshot.holds.len(),
                "progress"
            );
        }
        self.progress = LoggedProgress { at: now, consumed: snapshot.records.consumed };
    }
}

fn report(RolesSummary { roles, refused, remaining, failures }: RolesSummary) -> RolesReport {
    RolesReport { roles, refused, remaining, failures }
}

/// What a person can do if the broker refuses a dead letter.
fn remedy(code: Code) -> &'static str {
    match code.0 {
        "unknown_topic_or_partition" | "unknown_topic" | "topic_missing" => "create the dead-letter topic",
        "topic_authorization_failed" => "allow the service to write to the dead-letter topic",
        "cluster_authorization_failed" => {
            "allow the service to write to the dead-letter topic, and IdempotentWrite to brokers before 2.8"
        }
        "message_size_too_large" | "too_large" => "raise max.message.bytes of the dead-letter topic",
        _ => "see the dead-letter topic",
    }
}

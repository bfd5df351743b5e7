//! The counts on the status page, since the start of the process.
//!
//! Knows nothing of how they are counted.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{age, seconds};
use crate::{
    core::{
        code::Code,
        destination::FieldCounts,
        event::EventType,
        map::{DoubtfulFormat, MappingCounts},
        pipeline::{RecordCounts, Snapshot},
    },
    edge::admin::{Overview, RolesReport, TableReport},
};

type Counts = BTreeMap<Code, u64>;

/// Records: consumed = accepted + dead-lettered + ignored + settled before + released + outstanding.
#[derive(Debug, Serialize)]
pub(super) struct RecordsReport {
    #[serde(flatten)]
    counts: RecordCounts,
    outstanding: usize,
    outstanding_bytes: usize,
    oldest_outstanding_age_seconds: Option<f64>,
    lost_to_retention: u64,
    logs_changed: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct EventsReport {
    accepted: BTreeMap<&'static str, u64>,
    retried: Counts,
    outstanding: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct RequestsReport {
    outcomes: Counts,
    in_flight: usize,
    /// Throttled requests and events.
    throttled: u64,
    events_throttled: u64,
    /// Accepted events that the service had taken before.
    events_deduplicated: u64,
    /// Endpoints whose update was refused while their events were accepted.
    endpoints_refused: Counts,
}

/// The session index and the rest of the mapping.
#[derive(Debug, Serialize)]
pub(super) struct SessionsReport {
    remembered: u64,
    evicted_by_number: u64,
    evicted_by_age: u64,
    start_unknown: u64,
    time_fallback: u64,
    fields_shortened: u64,
    fields_left_out: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct TableSummary {
    loaded: bool,
    /// How long the first reading took, or has taken so far.
    loading_seconds: f64,
    /// How many offsets of the log the first reading has read, and how many there were at the start.
    read: u64,
    of: u64,
    /// Entries read since the start, including those that this replica has written.
    entries_read: u64,
    /// Records of the log that are not entries, and entries that this version cannot read.
    ignored: u64,
    unreadable: u64,
    /// What is wrong with the connection to the brokers, or with the topic.
    trouble: Option<Code>,
    writes_written: u64,
    writes_failed: u64,
    writes_refused: u64,
    /// Openings that another replica's earlier one replaced; both were sent.
    openings_replaced: u64,
    closings_replaced: u64,
}

/// The roles that destinations are delivered to with.
#[derive(Debug, Serialize)]
pub(super) struct RolesSummary {
    number: usize,
    /// How many of them AWS STS refuses.
    refused: usize,
    /// How long the credentials of the others can still be used: those of the first to expire.
    remaining_seconds: Option<f64>,
    /// How often AWS STS gave no credentials, by code.
    failures: Counts,
}

#[derive(Debug, Serialize)]
pub(super) struct SourceSummary {
    /// What is wrong with the connection to the brokers.
    trouble: Option<Code>,
    missing_topics: Vec<Arc<str>>,
    doubtful_formats: Vec<DoubtReport>,
    commits_ok: u64,
    commits_failed: u64,
}

/// A topic whose format was recognised, not configured, and is probably another one.
#[derive(Debug, Serialize)]
struct DoubtReport {
    topic: Arc<str>,
    format: &'static str,
}

impl RolesSummary {
    pub(super) fn new(roles: &RolesReport) -> Self {
        Self {
            number: roles.roles,
            refused: roles.refused,
            remaining_seconds: roles.remaining.map(seconds),
            failures: roles.failures.clone(),
        }
    }
}

impl RecordsReport {
    pub(super) fn new(overview: &Overview<'_>) -> Self {
        let snapshot = overview.snapshot;
        Self {
            counts: snapshot.records.clone(),
            outstanding: snapshot.records_outstanding,
            outstanding_bytes: snapshot.bytes_outstanding,
            oldest_outstanding_age_seconds: age(overview, snapshot.oldest),
            lost_to_retention: overview.source.lost_to_retention(),
            logs_changed: overview.source.changed_logs(),
        }
    }
}

impl EventsReport {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        Self {
            accepted: EventType::ALL.map(EventType::name).into_iter().zip(snapshot.sends.accepted).collect(),
            retried: snapshot.sends.retried.clone(),
            outstanding: snapshot.events_outstanding,
        }
    }
}

impl RequestsReport {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        Self {
            outcomes: snapshot.sends.requests.clone(),
            in_flight: snapshot.requests_in_flight,
            throttled: snapshot.sends.requests_throttled,
            events_throttled: snapshot.sends.events_throttled,
            events_deduplicated: snapshot.sends.events_deduplicated,
            endpoints_refused: snapshot.sends.endpoints_refused.clone(),
        }
    }
}

impl SessionsReport {
    pub(super) fn new(counts: &MappingCounts, fields: &FieldCounts) -> Self {
        Self {
            remembered: counts.sessions,
            evicted_by_number: counts.sessions_evicted_by_number,
            evicted_by_age: counts.sessions_evicted_by_age,
            start_unknown: counts.session_start_unknown,
            time_fallback: counts.time_fallback,
            fields_shortened: fields.shortened.values().sum(),
            fields_left_out: fields.left_out.values().sum(),
        }
    }
}

impl TableSummary {
    pub(super) fn new(overview: &Overview<'_>, report: &TableReport) -> Self {
        let ((read, of), writes, counts) = (report.progress(), report.writes(), overview.mapping);
        Self {
            loaded: report.is_loaded(),
            loading_seconds: seconds(report.loading_took(overview.now)),
            read,
            of,
            entries_read: report.entries(),
            ignored: report.ignored(),
            unreadable: counts.entries_unreadable,
            trouble: report.trouble(),
            writes_written: writes.written,
            writes_failed: writes.failed,
            writes_refused: writes.refused,
            openings_replaced: counts.openings_replaced,
            closings_replaced: counts.closings_replaced,
        }
    }
}

impl SourceSummary {
    pub(super) fn new(overview: &Overview<'_>) -> Self {
        let report = overview.source;
        let commits = report.commits();
        Self {
            trouble: report.trouble(),
            missing_topics: report.missing_topics().iter().map(Arc::clone).collect(),
            doubtful_formats: overview.doubtful_formats.iter().map(DoubtReport::new).collect(),
            commits_ok: commits.ok,
            commits_failed: commits.failed,
        }
    }
}

impl DoubtReport {
    fn new(doubt: &DoubtfulFormat) -> Self {
        Self { topic: Arc::clone(&doubt.topic), format: doubt.format.name() }
    }
}

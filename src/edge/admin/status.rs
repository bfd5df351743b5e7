//! The status page: the whole service at one moment, for a person and for scripts.
//!
//! Knows nothing of HTTP. Holds only numbers, codes and names of topics, and no text of a record or an
//! answer. Ages are in seconds; `null` means unknown or not applicable.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    core::{
        code::Code,
        pipeline::{DestinationStatus, HoldStatus, PartitionStatus, QuotaStatus},
        time::Moment,
    },
    edge::admin::{Overview, Stage},
};

mod counts;

use counts::{
    EventsReport, RecordsReport, RequestsReport, RolesSummary, SessionsReport, SourceSummary, TableSummary,
};

/// The whole service at one moment, as it is shown.
#[derive(Debug, Serialize)]
pub struct Status {
    service: &'static str,
    version: &'static str,
    stage: Stage,
    uptime_seconds: f64,
    /// What is held and why, which a person looks for first.
    holds: Vec<HoldReport>,
    /// Whether reading is paused because enough is outstanding, or for a drain.
    intake_paused: bool,
    source: SourceSummary,
    /// This replica's share of the quota.
    quota: QuotaStatus,
    destinations: Vec<DestinationReport>,
    records: RecordsReport,
    events: EventsReport,
    requests: RequestsReport,
    sessions: SessionsReport,
    /// The session table; `null` if sessions are kept in memory alone.
    table: Option<TableSummary>,
    /// The roles that destinations are delivered to with; `null` if there are none.
    roles: Option<RolesSummary>,
    partitions: Vec<PartitionReport>,
    last_errors: Vec<ErrorReport>,
}

/// Something that is held, and for how long.
#[derive(Debug, Serialize)]
struct HoldReport {
    #[serde(flatten)]
    hold: HoldStatus,
    held_for_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct DestinationReport {
    name: Arc<str>,
    held: bool,
    /// Whether it has no room for another record, so that its partitions wait.
    full: bool,
    events_outstanding: usize,
    events_accepted: u64,
    events_spilled: u64,
    requests_in_flight: usize,
    /// The requests per second that its quota domain currently allows.
    requests_per_second: f64,
}

/// A partition that this process owns. Positions are offsets of the next record.
#[derive(Debug, Serialize)]
struct PartitionReport {
    #[serde(flatten)]
    partition: PartitionStatus,
    end: Option<i64>,
    lag: Option<u64>,
    oldest_outstanding_age_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ErrorReport {
    component: &'static str,
    code: Code,
    count: u64,
    first_seconds_ago: f64,
    last_seconds_ago: f64,
}

impl Status {
    #[must_use]
    pub fn new(overview: &Overview<'_>) -> Self {
        let snapshot = overview.snapshot;
        Self {
            service: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            stage: overview.stage,
            uptime_seconds: seconds(overview.now.elapsed()),
            holds: snapshot.holds.iter().map(|hold| HoldReport::new(overview, hold)).collect(),
            intake_paused: snapshot.paused,
            source: SourceSummary::new(overview),
            quota: snapshot.quota,
            destinations: snapshot.destinations.iter().map(DestinationReport::new).collect(),
            records: RecordsReport::new(overview),
            events: EventsReport::new(snapshot),
            requests: RequestsReport::new(snapshot),
            sessions: SessionsReport::new(&overview.mapping, &overview.snapshot.sends.fields),
            table: overview.table.map(|table| TableSummary::new(overview, table)),
            roles: overview.roles.map(RolesSummary::new),
            partitions: partitions(overview),
            last_errors: last_errors(overview),
        }
    }
}

impl DestinationReport {
    fn new(status: &DestinationStatus) -> Self {
        Self {
            name: Arc::clone(&status.name),
            held: status.held,
            full: status.full,
            events_outstanding: status.events,
            events_accepted: status.sends.accepted.iter().sum(),
            events_spilled: status.sends.events_spilled,
            requests_in_flight: status.requests_in_flight,
            requests_per_second: status.quota.requests_per_second,
        }
    }
}

impl HoldReport {
    fn new(overview: &Overview<'_>, hold: &HoldStatus) -> Self {
        Self { hold: hold.clone(), held_for_seconds: age(overview, hold.since) }
    }
}

impl PartitionReport {
    fn new(overview: &Overview<'_>, partition: &PartitionStatus) -> Self {
        Self {
            partition: partition.clone(),
            end: overview.source.end(partition.ownership),
            lag: overview.lag(partition),
            oldest_outstanding_age_seconds: age(overview, partition.oldest),
        }
    }
}

fn partitions(overview: &Overview<'_>) -> Vec<PartitionReport> {
    let mut partitions: Vec<_> = overview.snapshot.partitions.iter().collect();
    partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    partitions.into_iter().map(|partition| PartitionReport::new(overview, partition)).collect()
}

fn last_errors(overview: &Overview<'_>) -> Vec<ErrorReport> {
    let shown = overview.errors.newest_first().map(|error| ErrorReport {
        component: error.component,
        code: error.code,
        count: error.count,
        first_seconds_ago: seconds(overview.age(error.first)),
        last_seconds_ago: seconds(overview.age(error.last)),
    });
    shown.collect()
}

fn age(overview: &Overview<'_>, since: Option<Moment>) -> Option<f64> {
    since.map(|since| seconds(overview.age(since)))
}

/// Seconds, rounded to milliseconds; more digits would be noise to a reader.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use crate::edge::admin::overview::tests::Parts;

    use super::*;

    #[test]
    fn a_person_finds_everything_on_the_page() {
        let page = serde_json::to_string_pretty(&Status::new(&Parts::eventful().overview())).unwrap();
        let version = concat!('"', env!("CARGO_PKG_VERSION"), '"');
        insta::assert_snapshot!("eventful", page.replace(version, "\"[version]\""));
    }

    #[test]
    fn a_fresh_service_has_a_page_too() {
        let status = serde_json::to_value(Status::new(&Parts::fresh().overview())).unwrap();
        assert_eq!(status["holds"], serde_json::json!([]));
        assert_eq!(status["records"]["oldest_outstanding_age_seconds"], serde_json::Value::Null);
        assert_eq!(status["events"]["accepted"]["_session.start"], 0);
    }
}

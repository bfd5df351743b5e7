//! A service that has just started, and one to which everything has happened, for the tests of the pages.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::core::{
    code::Code,
    decode::Format,
    destination::FieldCounts,
    pipeline::{DestinationStatus, HoldStatus, QuotaStatus, RecordCounts, SendCounts},
    record::Ownership,
    session_table::{Entry, TableEvent, WriteId},
    source::SourceEvent,
    write_outcome::WriteOutcome,
};

/// Everything that an [`Overview`] borrows.
pub(crate) struct Parts {
    pub(crate) snapshot: Snapshot,
    mapping: MappingCounts,
    doubtful_formats: Vec<DoubtfulFormat>,
    source: SourceReport,
    table: Option<TableReport>,
    roles: Option<RolesReport>,
    errors: RecentErrors,
}

impl Parts {
    /// A service that has just started.
    pub(crate) fn fresh() -> Self {
        Self {
            snapshot: Snapshot {
                records: RecordCounts::default(),
                sends: SendCounts::default(),
                destinations: Vec::new(),
                records_outstanding: 0,
                bytes_outstanding: 0,
                events_outstanding: 0,
                requests_in_flight: 0,
                oldest: None,
                partitions: Vec::new(),
                quota: QuotaStatus { share: 0.0, speed: 1.0, requests_per_second: 0.0, in_flight_cap: 1 },
                settled_above: 0,
                holds: Vec::new(),
                paused: false,
                draining: false,
            },
            mapping: MappingCounts::default(),
            doubtful_formats: Vec::new(),
            source: SourceReport::default(),
            table: None,
            roles: None,
            errors: RecentErrors::default(),
        }
    }

    /// A service to which everything has happened.
    pub(crate) fn eventful() -> Self {
        let mut parts = Self::fresh();
        let snapshot = &mut parts.snapshot;
        snapshot.records = records();
        snapshot.sends = sends();
        snapshot.sends.fields = fields();
        snapshot.records_outstanding = 30;
        snapshot.bytes_outstanding = 54_321;
        snapshot.events_outstanding = 41;
        snapshot.requests_in_flight = 2;
        snapshot.oldest = Some(at(95_500));
        snapshot.partitions = partitions();
        snapshot.quota =
            QuotaStatus { share: 0.5, speed: 0.75, requests_per_second: 5.625, in_flight_cap: 7 };
        snapshot.settled_above = 17;
        snapshot.destinations = vec![DestinationStatus {
            name: "default".into(),
            sends: sends(),
            events: 41,
            bytes: 54_321,
            requests_in_flight: 2,
            held: true,
            full: false,
            quota: snapshot.quota,
        }];
        snapshot.holds = holds();
        snapshot.paused = true;
        parts.mapping = MappingCounts {
            sessions: 12,
            sessions_evicted_by_number: 3,
            sessions_evicted_by_age: 4,
            session_start_unknown: 5,
            openings_replaced: 8,
            closings_replaced: 9,
            entries_unreadable: 10,
            time_fallback: 6,
            recognised: [900, 0, 30, 20, 0, 0, 0, 0, 0, 0, 0, 4, 0],
            redriven: 11,
            redrives_forged: 2,
            ..MappingCounts::default()
        };
        parts.doubtful_formats =
            vec![DoubtfulFormat { topic: "orders".into(), format: Format::named("keycloak").unwrap() }];
        parts.source = source();
        parts.table = Some(table());
        parts.roles = Some(RolesReport {
            roles: 12,
            refused: 1,
            remaining: Some(Duration::from_mins(40)),
            failures: codes([("role_refused", 7), ("sts_throttled", 2)]),
        });
        parts.errors.note(at(10_000), "destination", Code("connection_failed"));
        parts.errors.note(at(90_000), "dead_letters", Code("message_size_too_large"));
        parts.errors.note(at(99_000), "destination", Code("connection_failed"));
        parts
    }

    /// The service as it is seen after 100 seconds.
    pub(crate) fn overview(&self) -> Overview<'_> {
        Overview {
            now: at(100_000),
            stage: Stage::Running,
            snapshot: &self.snapshot,
            mapping: self.mapping,
            doubtful_formats: &self.doubtful_formats,
            source: &self.source,
            table: self.table.as_ref(),
            roles: self.roles.as_ref(),
            errors: &self.errors,
        }
    }
}

fn at(milliseconds: u64) -> Moment {
    Moment::after_start(Duration::from_millis(milliseconds))
}

fn codes<const N: usize>(counts: [(&'static str, u64); N]) -> BTreeMap<Code, u64> {
    counts.map(|(code, count)| (Code(code), count)).into()
}

/// Counts that balance with 30 outstanding records.
fn records() -> RecordCounts {
    RecordCounts {
        consumed: 1040,
        accepted: 800,
        ignored: codes([("activity", 100), ("tombstone", 10)]),
        dead_lettered: codes([("not_json", 20), ("validation_exception", 5)]),
        settled_before: 40,
        stalled: 6,
        released: 35,
        redelivered: 8,
        stale: 2,
    }
}

fn fields() -> FieldCounts {
    let mut fields = FieldCounts::new(&["Endpoint.Address", "Event.Attributes"]);
    fields.shorten("Event.Attributes");
    fields.shorten("Event.Attributes");
    fields.leave_out("Endpoint.Address");
    fields
}

fn sends() -> SendCounts {
    SendCounts {
        accepted: [500, 10, 20, 400, 300, 0, 50],
        retried: codes([("throttled", 9), ("missing", 1)]),
        requests: codes([("answered", 40), ("throttled", 3), ("unknown", 2)]),
        requests_throttled: 3,
        events_throttled: 9,
        events_deduplicated: 4,
        events_spilled: 0,
        fields: crate::core::destination::FieldCounts::default(),
        endpoints_refused: codes([("bad_request", 1)]),
    }
}

fn partitions() -> Vec<PartitionStatus> {
    let partition = |id, partition| PartitionStatus {
        ownership: Ownership(id),
        topic: "keycloak-events".into(),
        partition,
        position: None,
        first_unsettled: None,
        committed: None,
        next_read: None,
        oldest: None,
        revoking: false,
        settled_above: 0,
    };
    vec![
        PartitionStatus {
            position: Some(120),
            first_unsettled: Some(120),
            committed: Some(110),
            next_read: Some(150),
            oldest: Some(at(95_500)),
            ..partition(7, 0)
        },
        partition(8, 1),
        PartitionStatus { revoking: true, ..partition(9, 2) },
    ]
}

fn holds() -> Vec<HoldStatus> {
    let hold = |cause, code, since, count| HoldStatus {
        cause,
        code: Code(code),
        destination: None,
        topic: None,
        partition: None,
        since,
        count,
    };
    vec![
        hold("destination", "access_denied", Some(at(40_000)), 1),
        HoldStatus {
            topic: Some("keycloak-events".into()),
            partition: Some(2),
            ..hold("dead_letter", "message_size_too_large", Some(at(90_000)), 1)
        },
        hold("event", "keeps_failing", None, 3),
    ]
}

fn source() -> SourceReport {
    let mut source = SourceReport::default();
    let committed = |result| SourceEvent::Committed { commits: Vec::new(), result, metadata_dropped: false };
    for event in [
        SourceEvent::Ends(vec![(Ownership(7), 160), (Ownership(8), 20)]),
        committed(Ok(())),
        committed(Ok(())),
        committed(Err(Code("request_timed_out"))),
        SourceEvent::LostToRetention { ownership: Ownership(8), records: 11 },
        SourceEvent::TopicMissing { topic: "keycloak-admin-events".into(), missing: true },
        SourceEvent::Connection(Some(Code("broker_transport_failure"))),
    ] {
        source.observe(&event);
    }
    source
}

fn table() -> TableReport {
    let mut table = TableReport::begun(at(1000));
    let entry = || Entry { key: "key".into(), value: "value".into() };
    let (again, refused) = (Code("message_timed_out"), Code("topic_authorization_failed"));
    let written = |outcome| TableEvent::Written(WriteId(0), outcome);
    for event in [
        TableEvent::Loading { read: 40, of: 40 },
        TableEvent::Entries(vec![entry(), entry(), entry()]),
        TableEvent::Ignored(1),
        TableEvent::Loaded,
        TableEvent::Emptied,
        written(WriteOutcome::Written),
        written(WriteOutcome::Written),
        written(WriteOutcome::Written),
        written(WriteOutcome::Again(again)),
        written(WriteOutcome::Again(again)),
        written(WriteOutcome::Refused(refused)),
        TableEvent::Connection(Some(Code("broker_transport_failure"))),
    ] {
        table.observe(at(3500), &event);
    }
    table
}

#[track_caller]
fn check_lag(end: Option<i64>, position: Option<i64>, first_unsettled: Option<i64>, expected: Option<u64>) {
    let mut parts = Parts::fresh();
    let ends = end.map(|end| (Ownership(0), end)).into_iter().collect();
    parts.source.observe(&SourceEvent::Ends(ends));
    let partition = PartitionStatus {
        ownership: Ownership(0),
        topic: Arc::from("topic"),
        partition: 0,
        position,
        first_unsettled,
        committed: None,
        next_read: None,
        oldest: None,
        revoking: false,
        settled_above: 0,
    };
    assert_eq!(parts.overview().lag(&partition), expected);
}

#[test]
fn lag_counts_unsettled_offsets_if_both_ends_are_known() {
    check_lag(Some(10), Some(4), Some(7), Some(6));
    check_lag(Some(10), None, Some(7), Some(3));
    check_lag(Some(10), Some(10), None, Some(0));
    check_lag(Some(10), Some(12), None, Some(0));
    check_lag(Some(10), None, None, None);
    check_lag(None, Some(4), Some(7), None);
    check_lag(Some(i64::MIN), Some(i64::MAX), None, Some(0));
}

//! The names of all metrics, their meanings, and where their values come from.
//!
//! The names are a public contract, because dashboards and alerts use them. All begin with
//! `pinpoint_sidecar_`, except those of the process, which have the same names in every Prometheus client.
//! Labels are codes of ours, numbers and names of topics.

use prometheus::{Histogram, HistogramOpts};

use crate::{
    core::{
        event::EventType,
        pipeline::{DestinationStatus, HOLD_CAUSES},
    },
    edge::admin::{
        Overview,
        metrics::{
            Metrics,
            page::{MetricsPage, Samples, by_code, labelled, number},
            process,
        },
    },
};

/// The outcomes of a request.
const OUTCOMES: [&str; 5] = ["answered", "hold", "refused", "throttled", "unknown"];

/// The buckets for the number of events in a request; the fullest has 100.
const EVENTS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 75.0, 99.0, 100.0];

/// The buckets for durations, in seconds; by default a request is given up after 10.
const DURATIONS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

pub(super) fn events_per_request() -> prometheus::Result<Histogram> {
    let help = "Events in a request; the fuller requests are, the more events the quota allows.";
    let options = HistogramOpts::new("pinpoint_sidecar_events_per_request", help);
    Histogram::with_opts(options.buckets(EVENTS.to_vec()))
}

pub(super) fn request_duration() -> prometheus::Result<Histogram> {
    let help = "Time from sending a request to its answer, or to giving it up.";
    let options = HistogramOpts::new("pinpoint_sidecar_request_duration_seconds", help);
    Histogram::with_opts(options.buckets(DURATIONS.to_vec()))
}

/// Writes all families onto a page.
pub(super) struct Families<'a> {
    pub(super) metrics: &'a Metrics,
    pub(super) overview: &'a Overview<'a>,
    pub(super) page: &'a mut MetricsPage,
}

impl Families<'_> {
    pub(super) fn write(mut self) {
        self.records();
        self.outstanding();
        self.destinations();
        self.events();
        self.requests();
        self.quota();
        self.holds();
        self.source();
        self.mapping();
        self.redriven();
        self.table();
        self.roles();
        self.process();
    }

    fn records(&mut self) {
        let (page, counts) = (&mut *self.page, &self.overview.snapshot.records);
        page.counter(
            "pinpoint_sidecar_records_consumed_total",
            "Records read: accepted, dead-lettered, ignored, released and outstanding add up to this.",
            counts.consumed,
        );
        page.counter(
            "pinpoint_sidecar_records_accepted_total",
            "Records whose events were all accepted.",
            counts.accepted,
        );
        page.counters(
            "pinpoint_sidecar_records_dead_lettered_total",
            "Records that are in the dead letters, whole or in part, by the reason of the first refusal.",
            "reason",
            by_code(&[], &counts.dead_lettered),
        );
        page.counters(
            "pinpoint_sidecar_records_ignored_total",
            "Records that deliberately become no event, by reason.",
            "reason",
            by_code(&[], &counts.ignored),
        );
        page.counter(
            "pinpoint_sidecar_records_released_total",
            "Records given up unsettled with their partition; its next owner reads them again.",
            counts.released,
        );
        page.counter(
            "pinpoint_sidecar_records_redelivered_total",
            "Records read again from a partition that is still owned; they are recognised and not consumed again.",
            counts.redelivered,
        );
        page.counter(
            "pinpoint_sidecar_records_stale_total",
            "Records dropped because their partition was already gone; its next owner reads them.",
            counts.stale,
        );
        page.counter(
            "pinpoint_sidecar_records_stalled_total",
            "Records that had to wait, with their partition, for room at a destination.",
            counts.stalled,
        );
        page.counter(
            "pinpoint_sidecar_records_settled_before_total",
            "Records that the partition's former owner had settled, according to its last commit; nothing of them is sent.",
            counts.settled_before,
        );
        page.gauge(
            "pinpoint_sidecar_records_settled_above_position",
            "Settled records above the positions: they wait for an earlier one that is not settled.",
            number(self.overview.snapshot.settled_above),
        );
    }

    fn outstanding(&mut self) {
        let (page, snapshot) = (&mut *self.page, self.overview.snapshot);
        page.gauge(
            "pinpoint_sidecar_records_outstanding",
            "Records that are read but not settled.",
            number(snapshot.records_outstanding as u64),
        );
        page.gauge(
            "pinpoint_sidecar_bytes_outstanding",
            "Memory taken by all records that are read but not settled, with their events.",
            number(snapshot.bytes_outstanding as u64),
        );
        page.gauge(
            "pinpoint_sidecar_events_outstanding",
            "Events that are neither accepted nor refused yet.",
            number(snapshot.events_outstanding as u64),
        );
        let oldest = snapshot.oldest.map(|oldest| self.overview.age(oldest)).unwrap_or_default();
        page.gauge(
            "pinpoint_sidecar_oldest_outstanding_age_seconds",
            "How long ago the oldest unsettled record was read; 0 if there is none.",
            oldest.as_secs_f64(),
        );
        page.gauge(
            "pinpoint_sidecar_intake_paused",
            "1 while nothing is read because enough is outstanding, or for a drain.",
            flag(snapshot.paused),
        );
    }

    /// The only families with the label `destination`.
    fn destinations(&mut self) {
        let (page, destinations) = (&mut *self.page, &self.overview.snapshot.destinations);
        let of_each = |value: fn(&DestinationStatus) -> u64| {
            let sample = |it: &DestinationStatus| ([it.name.to_string()], number(value(it)));
            destinations.iter().map(sample).collect()
        };
        page.counters(
            "pinpoint_sidecar_destination_events_accepted_total",
            "Events that each destination accepted.",
            "destination",
            of_each(|it| it.sends.accepted.iter().sum()),
        );
        page.counters(
            "pinpoint_sidecar_destination_events_spilled_total",
            "Events that went to the dead letters because their destination had been blocked for too long.",
            "destination",
            of_each(|it| it.sends.events_spilled),
        );
        page.gauges(
            "pinpoint_sidecar_destination_events_outstanding",
            "Events of each destination that are neither accepted nor refused yet.",
            ["destination"],
            of_each(|it| it.events as u64),
        );
        page.gauges(
            "pinpoint_sidecar_destination_held",
            "1 while the destination is on hold, see /status.",
            ["destination"],
            of_each(|it| u64::from(it.held)),
        );
        page.gauges(
            "pinpoint_sidecar_destination_full",
            "1 while the destination has no room for another record, and its partitions wait.",
            ["destination"],
            of_each(|it| u64::from(it.full)),
        );
    }

    fn events(&mut self) {
        let (page, counts) = (&mut *self.page, &self.overview.snapshot.sends);
        page.counters(
            "pinpoint_sidecar_events_accepted_total",
            "Accepted events, by type.",
            "type",
            labelled(EventType::ALL.map(EventType::name).into_iter().zip(counts.accepted)),
        );
        page.counters(
            "pinpoint_sidecar_events_retried_total",
            "Events that had to be sent again, by reason.",
            "reason",
            by_code(&[], &counts.retried),
        );
        page.counters(
            "pinpoint_sidecar_endpoints_refused_total",
            "Endpoints whose update was refused while their events were accepted, by code.",
            "code",
            by_code(&[], &counts.endpoints_refused),
        );
        let letters = self.metrics.letters;
        page.counters(
            "pinpoint_sidecar_dead_letters_total",
            "Attempts to write a dead letter, by outcome; a refused one puts its partition on hold.",
            "outcome",
            labelled([
                ("failed", letters.failed),
                ("refused", letters.refused),
                ("written", letters.written),
            ]),
        );
    }

    fn requests(&mut self) {
        let (page, snapshot) = (&mut *self.page, self.overview.snapshot);
        page.counters(
            "pinpoint_sidecar_requests_total",
            "Requests by outcome: answered for each event, refused as a whole, throttled, hold, or unknown.",
            "outcome",
            by_code(&OUTCOMES, &snapshot.sends.requests),
        );
        page.histogram(&self.metrics.events_per_request);
        page.histogram(&self.metrics.request_duration);
        page.gauge(
            "pinpoint_sidecar_requests_in_flight",
            "Requests that are sent but not answered.",
            number(snapshot.requests_in_flight as u64),
        );
        page.counter(
            "pinpoint_sidecar_requests_throttled_total",
            "Requests that the destination throttled.",
            snapshot.sends.requests_throttled,
        );
        page.counter(
            "pinpoint_sidecar_events_throttled_total",
            "Events of answered requests that the destination throttled.",
            snapshot.sends.events_throttled,
        );
        page.counter(
            "pinpoint_sidecar_events_deduplicated_total",
            "Accepted events that the destination recognised, because it had taken them before.",
            snapshot.sends.events_deduplicated,
        );
    }

    fn quota(&mut self) {
        let (page, quota) = (&mut *self.page, self.overview.snapshot.quota);
        page.gauge(
            "pinpoint_sidecar_quota_share",
            "This replica's share of the account's quota, 0 to 1; the shares of all replicas add up to 1.",
            quota.share,
        );
        page.gauge(
            "pinpoint_sidecar_quota_speed",
            "The part of its share that this replica uses, 0 to 1; below 1 after it was throttled.",
            quota.speed,
        );
        page.gauge(
            "pinpoint_sidecar_quota_requests_per_second",
            "Requests that may currently be sent per second.",
            quota.requests_per_second,
        );
        page.gauge(
            "pinpoint_sidecar_quota_requests_in_flight",
            "Requests that may currently be in flight at once.",
            number(quota.in_flight_cap as u64),
        );
    }

    fn holds(&mut self) {
        let holds = &self.overview.snapshot.holds;
        let held =
            |cause| holds.iter().filter(|hold| hold.cause == cause).map(|hold| hold.count as u64).sum();
        self.page.gauges(
            "pinpoint_sidecar_hold",
            "Number of holds, by cause: the destination, topics by the circuit breaker, partitions, events; see /status.",
            ["cause"],
            labelled(HOLD_CAUSES.map(|cause| (cause, held(cause)))),
        );
    }

    fn source(&mut self) {
        let (page, source) = (&mut *self.page, self.overview.source);
        let partitions = &self.overview.snapshot.partitions;
        page.gauge(
            "pinpoint_sidecar_partitions_owned",
            "Partitions that this replica owns, including those that are being given up.",
            number(partitions.len() as u64),
        );
        page.gauges(
            "pinpoint_sidecar_consumer_lag",
            "Offsets of a partition that are not settled; absent while unknown.",
            ["topic", "partition"],
            lags(self.overview),
        );
        let commits = source.commits();
        page.counters(
            "pinpoint_sidecar_commits_total",
            "Commits of positions, by outcome; the next one makes up for a failed one.",
            "outcome",
            labelled([("failed", commits.failed), ("ok", commits.ok)]),
        );
        page.counter(
            "pinpoint_sidecar_records_lost_to_retention_total",
            "Offsets that expired before they were read: at most so many records are irrecoverably lost.",
            source.lost_to_retention(),
        );
        page.counter(
            "pinpoint_sidecar_logs_changed_total",
            "Partitions whose logs were found truncated or replaced: records that nobody read may be lost.",
            source.changed_logs(),
        );
        page.gauge(
            "pinpoint_sidecar_topics_missing",
            "Subscribed topics that do not exist; the service waits for them.",
            number(source.missing_topics().len() as u64),
        );
        page.gauge(
            "pinpoint_sidecar_source_trouble",
            "1 while something is wrong with the connection to the brokers; /status has the code.",
            flag(source.trouble().is_some()),
        );
    }

    fn mapping(&mut self) {
        let (page, counts, fields) =
            (&mut *self.page, self.overview.mapping, &self.overview.snapshot.sends.fields);
        page.counters(
            "pinpoint_sidecar_records_recognised_total",
            "Records by the format in which they were read; those of unknown shape are dead letters.",
            "format",
            labelled(counts.formats()),
        );
        page.gauge(
            "pinpoint_sidecar_sessions",
            "Sessions whose start is remembered, including recently closed ones.",
            number(counts.sessions),
        );
        page.counters(
            "pinpoint_sidecar_sessions_evicted_total",
            "Sessions forgotten before they ended, by cause: too many sessions, or no event for too long.",
            "cause",
            labelled([
                ("age", counts.sessions_evicted_by_age),
                ("number", counts.sessions_evicted_by_number),
            ]),
        );
        page.counter(
            "pinpoint_sidecar_session_start_unknown_total",
            "Stops sent without a duration because the start of their session was not known.",
            counts.session_start_unknown,
        );
        page.counter(
            "pinpoint_sidecar_session_owners_left_out_total",
            "Sessions whose owner is too long to be remembered; their ends are lost unless the event names the user.",
            counts.owners_left_out,
        );
        page.counter(
            "pinpoint_sidecar_time_fallback_total",
            "Records whose event has no readable time, so that the record's timestamp is used.",
            counts.time_fallback,
        );
        page.counters(
            "pinpoint_sidecar_fields_shortened_total",
            "Values cut to the limits of the destination, by field.",
            "field",
            labelled(fields.shortened.iter().map(|(field, count)| (*field, *count))),
        );
        page.counters(
            "pinpoint_sidecar_fields_left_out_total",
            "Values left out because the destination would refuse them, by field.",
            "field",
            labelled(fields.left_out.iter().map(|(field, count)| (*field, *count))),
        );
    }

    fn redriven(&mut self) {
        let (page, counts) = (&mut *self.page, self.overview.mapping);
        page.counter(
            "pinpoint_sidecar_records_redriven_total",
            "Records that `redrive` wrote, of which only the missing events are sent.",
            counts.redriven,
        );
        page.counter(
            "pinpoint_sidecar_redrive_headers_ignored_total",
            "Records that claim to be redriven, but were not sealed with redrive.secret: they are handled like any other.",
            counts.redrives_forged,
        );
    }

    /// Adds nothing if sessions are kept in memory alone.
    fn table(&mut self) {
        let Some(table) = self.overview.table else { return };
        let (page, counts) = (&mut *self.page, self.overview.mapping);
        page.gauge(
            "pinpoint_sidecar_table_loaded",
            "1 once the session table is read to the end that it had at the start; no records are read before.",
            flag(table.is_loaded()),
        );
        page.gauge(
            "pinpoint_sidecar_table_trouble",
            "1 while something is wrong with the session table or the connection to it; /status has the code.",
            flag(table.trouble().is_some()),
        );
        page.counter(
            "pinpoint_sidecar_table_entries_read_total",
            "Entries of the session table that were read, including those that this replica wrote.",
            table.entries(),
        );
        page.counters(
            "pinpoint_sidecar_table_entries_unread_total",
            "Records of the session table that are not entries, and entries that this version cannot read.",
            "cause",
            labelled([("no_entry", table.ignored()), ("unreadable", counts.entries_unreadable)]),
        );
        let writes = table.writes();
        page.counters(
            "pinpoint_sidecar_table_writes_total",
            "Attempts to write a record's entries to the session table, by outcome.",
            "outcome",
            labelled([("failed", writes.failed), ("refused", writes.refused), ("written", writes.written)]),
        );
        page.counter(
            "pinpoint_sidecar_table_emptied_total",
            "Times that the table's topic was deleted or recreated; replicas that start do not get what it held.",
            table.emptied(),
        );
        page.counters(
            "pinpoint_sidecar_table_replaced_total",
            "Openings and closings of sessions that another replica's earlier one replaced; both were sent.",
            "kind",
            labelled([("closing", counts.closings_replaced), ("opening", counts.openings_replaced)]),
        );
    }

    /// Adds nothing if no destination has a role.
    fn roles(&mut self) {
        let Some(roles) = self.overview.roles else { return };
        let remaining = roles.remaining.map(|remaining| ([], remaining.as_secs_f64()));
        self.page.gauges(
            "pinpoint_sidecar_role_credentials_remaining_seconds",
            "How long the credentials of all roles that are not refused can be used: those of the first to expire.",
            [],
            remaining.into_iter().collect(),
        );
        self.page.counters(
            "pinpoint_sidecar_role_failures_total",
            "Requests to AWS STS that gave no credentials of a role, by code.",
            "code",
            by_code(&[], &roles.failures),
        );
    }

    fn process(&mut self) {
        let page = &mut *self.page;
        let version = [env!("CARGO_PKG_VERSION").to_owned()];
        page.gauges(
            "pinpoint_sidecar_build_info",
            "Always 1; the label is the running version.",
            ["version"],
            vec![(version, 1.0)],
        );
        let started = u64::try_from(self.metrics.started.0).unwrap_or(0);
        page.gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970-01-01T00:00:00Z.",
            number(started) / 1000.0,
        );
        let memory = process::resident_memory().map(|bytes| ([], number(bytes)));
        page.gauges(
            "process_resident_memory_bytes",
            "Memory of the process that is in RAM.",
            [],
            memory.into_iter().collect(),
        );
    }
}

fn lags(overview: &Overview<'_>) -> Samples<2> {
    let partitions = overview.snapshot.partitions.iter();
    let lags = partitions.filter_map(|partition| {
        let labels = [partition.topic.to_string(), partition.partition.to_string()];
        Some((labels, number(overview.lag(partition)?)))
    });
    lags.collect()
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

//! Logs the events of the session table.
//!
//! Knows nothing of the content of entries. For each code it says what a person can do.

use std::time::Duration;

use tracing::{error, info, warn};

use crate::{
    core::{code::Code, session_table::TableEvent, time::Moment},
    edge::admin::TableReport,
};

/// How often the progress of the first reading is logged.
const PROGRESS: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct TableLog {
    logged: Option<Moment>,
}

impl TableLog {
    /// Logs an event that the report already contains.
    pub(super) fn log(&mut self, now: Moment, event: &TableEvent, report: &TableReport) {
        let ((read, of), seconds) = (report.progress(), report.loading_took(now).as_secs_f64());
        match event {
            TableEvent::Loading { .. } if self.is_due(now) => {
                info!(read, of, entries = report.entries(), "reading the session table");
            }
            TableEvent::Loaded => {
                info!(
                    seconds,
                    entries = report.entries(),
                    ignored = report.ignored(),
                    "session table is read"
                );
            }
            TableEvent::Connection(Some(code)) => {
                warn!(%code, "session table is unreachable; {}", remedy(*code));
            }
            TableEvent::Connection(None) => info!("session table is reachable"),
            TableEvent::Failed(code) => {
                error!(
                    %code, read, of, seconds, entries = report.entries(),
                    "session table was not read; if it only needs more time, raise sessions.table.load_timeout"
                );
            }
            TableEvent::Emptied => error!(
                "session table was deleted or recreated: only the running replicas know the sessions that began \
                 before; restart none of them until sessions.max_age has passed"
            ),
            TableEvent::Loading { .. }
            | TableEvent::Entries(_)
            | TableEvent::Ignored(_)
            | TableEvent::Written(..) => {}
        }
    }

    fn is_due(&mut self, now: Moment) -> bool {
        let is_due = self.logged.is_none_or(|logged| now.since(logged) >= PROGRESS);
        if is_due {
            self.logged = Some(now);
        }
        is_due
    }
}

/// What a person can do if the table is unreachable.
fn remedy(code: Code) -> &'static str {
    match code.0 {
        "table_topic_missing" => "create its topic, or allow the service to",
        "topic_authorization_failed" => "allow the service to describe and read its topic",
        _ => "trying again",
    }
}

/// What a person can do if the broker refuses writes.
pub(super) fn remedy_of_hold(code: Code) -> &'static str {
    match code.0 {
        "unknown_topic_or_partition" => "create its topic, or allow the service to",
        "topic_authorization_failed" => "allow the service to write to its topic",
        "cluster_authorization_failed" => {
            "allow the service to write to its topic, and IdempotentWrite to brokers before 2.8"
        }
        "message_size_too_large" => "raise max.message.bytes of its topic",
        _ => "see its topic",
    }
}

//! The admin pages: liveness, readiness, metrics and status over HTTP, for a platform's probes, for
//! Prometheus and for people.
//!
//! ```text
//! server ─► pages ─► health                 liveness and readiness, without the runner
//!             └────► queries ─► the runner   metrics and status: the runner's own answer, within a time
//! limit
//! ```
//!
//! Knows nothing of how the pipeline works and of the names of metrics: the runner answers with text and with
//! a [`Status`]. Nothing that a client sends changes anything.

use tokio::sync::oneshot;

use crate::core::pipeline::Snapshot;

pub mod config;
mod errors;
mod health;
pub mod metrics;
pub(crate) mod overview;
mod pages;
mod roles_report;
mod server;
mod source_report;
mod status;
mod table_report;

pub use self::{
    errors::RecentErrors,
    health::{Health, Stage},
    overview::Overview,
    pages::{Clock, Pages},
    roles_report::RolesReport,
    server::serve,
    source_report::SourceReport,
    status::Status,
    table_report::{TableReport, WriteCounts},
};

/// A question that only the owner of all state can answer. If it is dropped, the answer is 503.
#[derive(Debug)]
pub enum Query {
    /// The metrics, in Prometheus' text format.
    Metrics(oneshot::Sender<String>),
    Status(oneshot::Sender<Status>),
    /// The current state of the pipeline. This is not a page; the demo asks for it in the same process.
    Snapshot(oneshot::Sender<Box<Snapshot>>),
}

#[cfg(test)]
mod tests;

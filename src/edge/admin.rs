//! The admin pages: liveness, readiness, metrics and status over HTTP, for a platform's probes, for
//! Prometheus and for a person.
//!
//! ```text
//! server ─► pages ─► health                 liveness and readiness: asked of nobody
//!             └────► queries ─► the runner   metrics and status: the runner's own answer, within a time
//! ```
//!
//! Knows nothing of the pipeline's insides and of what a metric is called: the runner answers with text
//! and with a [`Status`]. Nothing a client sends changes anything.

use tokio::sync::oneshot;

use crate::core::pipeline::Snapshot;

pub mod config;
mod errors;
mod health;
pub mod metrics;
pub(crate) mod overview;
mod pages;
mod server;
mod source_report;
mod status;
mod table_report;

pub use self::{
    errors::RecentErrors,
    health::{Health, Stage},
    overview::Overview,
    pages::{Clock, Pages},
    server::serve,
    source_report::SourceReport,
    status::Status,
    table_report::{TableReport, WriteCounts},
};

/// A question that only the owner of all state can answer. One that is dropped is answered with 503.
#[derive(Debug)]
pub enum Query {
    /// The metrics, in Prometheus' text format.
    Metrics(oneshot::Sender<String>),
    /// The status.
    Status(oneshot::Sender<Status>),
    /// The pipeline as it is; not a page, but asked by the demo in the same process.
    Snapshot(oneshot::Sender<Box<Snapshot>>),
}

#[cfg(test)]
mod tests;

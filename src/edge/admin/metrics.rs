//! The metrics: what the edges count, and the page for Prometheus.
//!
//! Each time the page is requested, it is made from one [`Overview`], so that all its numbers belong to one
//! moment: on every page the consumed records are the sum of those that were accepted, dead-lettered, ignored
//! and released and those that are outstanding (invariant 10). Only histograms and the outcomes of dead
//! letters, which no overview holds, are counted here.
//!
//! Knows nothing of HTTP, and of names, which are all in `edge/admin/metrics/families.rs`.

use std::time::Duration;

use prometheus::Histogram;
use thiserror::Error;

use crate::{
    core::{time::Timestamp, write_outcome::WriteOutcome},
    edge::admin::{
        Overview,
        metrics::{families::Families, page::MetricsPage},
    },
};

mod families;
mod page;
mod process;

/// The counts of the edges, and what is needed to make a page.
#[derive(Debug)]
pub struct Metrics {
    started: Timestamp,
    events_per_request: Histogram,
    request_duration: Histogram,
    letters: LetterCounts,
}

/// Attempts to write a dead letter, by outcome.
#[derive(Clone, Copy, Debug, Default)]
struct LetterCounts {
    written: u64,
    failed: u64,
    refused: u64,
}

/// A bug, because names, labels and buckets do not depend on what happens.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// A histogram cannot be created.
    #[error("a metric cannot be set up")]
    SetUp(#[source] prometheus::Error),
    /// The page cannot be rendered.
    #[error("the metrics cannot be written down")]
    Render(#[source] prometheus::Error),
}

impl Metrics {
    /// The metrics of a process that was `started` at this time.
    ///
    /// # Errors
    ///
    /// Only if a name or the buckets of a histogram are not allowed, which is a bug.
    pub fn new(started: Timestamp) -> Result<Self, MetricsError> {
        Ok(Self {
            started,
            events_per_request: families::events_per_request().map_err(MetricsError::SetUp)?,
            request_duration: families::request_duration().map_err(MetricsError::SetUp)?,
            letters: LetterCounts::default(),
        })
    }

    /// Counts a request with this many events.
    pub fn observe_request(&mut self, events: usize) {
        self.events_per_request.observe(page::number(events as u64));
    }

    /// Counts a request that was answered, or given up, after this time.
    pub fn observe_duration(&mut self, duration: Duration) {
        self.request_duration.observe(duration.as_secs_f64());
    }

    /// Counts an attempt to write a dead letter.
    pub fn observe_letter(&mut self, outcome: WriteOutcome) {
        match outcome {
            WriteOutcome::Written => self.letters.written += 1,
            WriteOutcome::Again(_) => self.letters.failed += 1,
            WriteOutcome::Refused(_) => self.letters.refused += 1,
        }
    }

    /// The page, in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    ///
    /// Only if the metrics are not well-formed, which is a bug.
    pub fn render(&self, overview: &Overview<'_>) -> Result<String, MetricsError> {
        let mut page = MetricsPage::default();
        let families = Families { metrics: self, overview, page: &mut page };
        families.write();
        page.render().map_err(MetricsError::Render)
    }
}

#[cfg(test)]
mod tests;

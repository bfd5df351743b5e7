//! The metrics: what is counted at the edges, and the page for Prometheus.
//!
//! A page is made anew from one [`Overview`] each time it is asked for, so that all its numbers are of one
//! moment: on every page the records that were consumed are those that were accepted, dead-lettered,
//! ignored and released and those that are outstanding (invariant 10). Only what no overview holds,
//! histograms and what became of dead letters, is counted here.
//!
//! Knows nothing of HTTP, and of names: those are all in `edge/admin/metrics/families.rs`.

use std::time::Duration;

use prometheus::Histogram;
use thiserror::Error;

use crate::{
    core::{time::Timestamp, write_outcome::WriteOutcome},
    edge::admin::{
        Overview,
        metrics::{families::Families, page::Page},
    },
};

mod families;
mod page;
mod process;

/// What is counted at the edges, and what it takes to make a page.
#[derive(Debug)]
pub struct Metrics {
    started: Timestamp,
    events_per_request: Histogram,
    request_duration: Histogram,
    letters: LetterCounts,
}

/// Attempts to write a dead letter, by what they came to.
#[derive(Clone, Copy, Debug, Default)]
struct LetterCounts {
    written: u64,
    failed: u64,
    refused: u64,
}

/// A bug: names, labels and buckets do not depend on what happens.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// A histogram cannot be made.
    #[error("a metric cannot be set up")]
    SetUp(#[source] prometheus::Error),
    /// The page cannot be written.
    #[error("the metrics cannot be written down")]
    Render(#[source] prometheus::Error),
}

impl Metrics {
    /// Metrics of a process that was `started` at this time.
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

    /// A request with so many events is sent.
    pub fn observe_request(&mut self, events: usize) {
        self.events_per_request.observe(page::number(events as u64));
    }

    /// A request was answered, or given up, after this time.
    pub fn observe_duration(&mut self, duration: Duration) {
        self.request_duration.observe(duration.as_secs_f64());
    }

    /// An attempt to write a dead letter has ended.
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
        let mut page = Page::default();
        let families = Families { metrics: self, overview, page: &mut page };
        families.write();
        page.render().map_err(MetricsError::Render)
    }
}

#[cfg(test)]
mod tests;

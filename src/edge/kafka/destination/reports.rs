//! Collects the delivery reports of a request: the last one completes it.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use super::answer::Report;
use crate::edge::kafka::producer::Outcomes;

/// What collects the reports of all requests.
pub(super) struct DeliveryReports;

/// The place of a record in its request.
pub(super) struct Place {
    request: Arc<Pending>,
    number: usize,
}

/// A request whose records are on their way.
pub(super) struct Pending {
    /// A lock, because reports come from the runner's thread and from the producer's. It is held only to note
    /// a report.
    progress: Mutex<Progress>,
}

struct Progress {
    /// By the number of the record. One without a report counts as cancelled.
    reports: Vec<Report>,
    left: usize,
    /// `None` when all reports have been handed over.
    complete: Option<oneshot::Sender<Vec<Report>>>,
}

impl Pending {
    /// Begins to collect the reports of so many records, and returns where they arrive when the last is
    /// there. If the producer ends before, nothing arrives.
    pub(super) fn begin(records: usize) -> (Arc<Self>, oneshot::Receiver<Vec<Report>>) {
        let (complete, completed) = oneshot::channel();
        let reports = (0..records).map(|_| Err(KafkaError::Canceled)).collect();
        let progress = Progress { reports, left: records, complete: Some(complete) };
        (Arc::new(Self { progress: Mutex::new(progress) }), completed)
    }

    pub(super) fn place(self: &Arc<Self>, number: usize) -> Place {
        Place { request: Arc::clone(self), number }
    }
}

impl Outcomes for DeliveryReports {
    type Of = Place;

    fn record_ended(&self, Place { request, number }: &Place, result: Result<(), &KafkaError>) {
        let mut progress = request.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(report) = progress.reports.get_mut(*number) else { return };
        *report = result.map_err(Clone::clone);
        progress.left = progress.left.saturating_sub(1);
        if progress.left == 0
            && let Some(complete) = progress.complete.take()
        {
            // If nobody waits any more, the process is ending.
            let _ = complete.send(std::mem::take(&mut progress.reports));
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode as Error;

    use super::*;

    #[test]
    fn a_request_is_complete_with_its_last_report() {
        let (pending, mut completed) = Pending::begin(3);
        let places: Vec<_> = (0..3).map(|number| pending.place(number)).collect();
        DeliveryReports.record_ended(&places[2], Ok(()));
        let failed = KafkaError::MessageProduction(Error::MessageTimedOut);
        DeliveryReports.record_ended(&places[0], Err(&failed));
        assert!(completed.try_recv().is_err());
        DeliveryReports.record_ended(&places[1], Ok(()));
        assert_eq!(completed.try_recv().unwrap(), [Err(failed), Ok(()), Ok(())]);
    }

    #[test]
    fn a_request_whose_records_are_dropped_never_completes() {
        let (pending, mut completed) = Pending::begin(1);
        let place = pending.place(0);
        drop((pending, place));
        assert_eq!(completed.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}

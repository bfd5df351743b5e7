//! The way back of what became of writes, through a bounded channel that nobody waits for.
//!
//! What does not fit waits here. It is bounded by what is being written, each of which has one outcome,
//! and so by the pipeline, which keeps the record of each outstanding until then. Knows nothing of what
//! is written, and where to.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::mpsc::{Sender, error::TrySendError};

/// Outcomes on their way to the runner.
#[derive(Debug)]
pub struct Outcomes<T> {
    channel: Sender<T>,
    /// A lock, because outcomes come from the runner's thread and from the one that serves the
    /// producer; it is held to move values in or out, never longer.
    waiting: Mutex<VecDeque<T>>,
}

impl<T> Outcomes<T> {
    /// Outcomes that go to `channel`.
    #[must_use]
    pub fn new(channel: Sender<T>) -> Self {
        Self { channel, waiting: Mutex::new(VecDeque::new()) }
    }

    /// Reports an outcome; never blocks.
    pub fn report(&self, outcome: T) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(outcome);
        self.flush();
    }

    /// Sends what the channel takes; says whether that was all.
    pub fn flush(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(outcome) = waiting.pop_front() {
            match self.channel.try_send(outcome) {
                Ok(()) => {}
                Err(TrySendError::Full(outcome)) => {
                    waiting.push_front(outcome);
                    return false;
                }
                Err(TrySendError::Closed(_)) => waiting.clear(),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn no_outcome_is_lost_when_the_channel_is_full() {
        let (sender, mut receiver) = mpsc::channel(1);
        let outcomes = Outcomes::new(sender);
        for id in 0..3 {
            outcomes.report(id);
        }
        for id in 0..3 {
            assert!(outcomes.flush() == (id == 2), "outcome {id}");
            assert_eq!(receiver.try_recv().unwrap(), id);
        }
        assert!(outcomes.flush());
        drop(receiver);
        outcomes.report(3);
        assert!(outcomes.flush(), "nothing waits for a listener that is gone");
    }
}

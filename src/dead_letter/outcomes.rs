//! The way back of the dead letters' outcomes, through a bounded channel that nobody waits for.
//!
//! What does not fit waits here. It is bounded by the letters that are being written, each of which has
//! one outcome, and so by the pipeline, which keeps the record of each outstanding until then.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::{LetterId, LetterOutcome};

/// Outcomes on their way to the runner.
#[derive(Debug)]
pub(super) struct Outcomes {
    channel: Sender<(LetterId, LetterOutcome)>,
    /// A lock, because outcomes come from the runner's thread and from the one that serves the
    /// producer; it is held to move values in or out, never longer.
    waiting: Mutex<VecDeque<(LetterId, LetterOutcome)>>,
}

impl Outcomes {
    pub(super) fn new(channel: Sender<(LetterId, LetterOutcome)>) -> Self {
        Self { channel, waiting: Mutex::default() }
    }

    /// Reports an outcome; never blocks.
    pub(super) fn report(&self, id: LetterId, outcome: LetterOutcome) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((id, outcome));
        self.flush();
    }

    /// Sends what the channel takes; says whether that was all.
    pub(super) fn flush(&self) -> bool {
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
            outcomes.report(LetterId(id), LetterOutcome::Written);
        }
        for id in 0..3 {
            assert!(outcomes.flush() == (id == 2), "letter {id}");
            assert_eq!(receiver.try_recv().unwrap().0, LetterId(id));
        }
        assert!(outcomes.flush());
        drop(receiver);
        outcomes.report(LetterId(3), LetterOutcome::Written);
        assert!(outcomes.flush(), "nothing waits for a listener that is gone");
    }
}

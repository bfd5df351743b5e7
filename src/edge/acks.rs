//! Acknowledgements for the runner, sent through a bounded channel without ever waiting for it.
//!
//! Acknowledgements that do not fit wait here. There are never more of them than writes in progress, which
//! the pipeline bounds. Knows nothing of what was written.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::mpsc::{Sender, error::TrySendError};

#[derive(Debug)]
pub struct Acks<T> {
    channel: Sender<T>,
    /// A lock, because acknowledgements come from the runner's thread and from the producer's. It is held to
    /// move values in or out, never longer.
    waiting: Mutex<VecDeque<T>>,
}

impl<T> Acks<T> {
    #[must_use]
    pub fn new(channel: Sender<T>) -> Self {
        Self { channel, waiting: Mutex::new(VecDeque::new()) }
    }

    /// Reports an acknowledgement; never blocks.
    pub fn report(&self, ack: T) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(ack);
        self.flush();
    }

    /// Sends as many as the channel takes. Returns whether none are left.
    pub fn flush(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ack) = waiting.pop_front() {
            match self.channel.try_send(ack) {
                Ok(()) => {}
                Err(TrySendError::Full(ack)) => {
                    waiting.push_front(ack);
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
    fn no_ack_is_lost_when_the_channel_is_full() {
        let (sender, mut receiver) = mpsc::channel(1);
        let acks = Acks::new(sender);
        for id in 0..3 {
            acks.report(id);
        }
        for id in 0..3 {
            assert!(acks.flush() == (id == 2), "ack {id}");
            assert_eq!(receiver.try_recv().unwrap(), id);
        }
        assert!(acks.flush());
        drop(receiver);
        acks.report(3);
        assert!(acks.flush(), "nothing waits for a receiver that is gone");
    }
}

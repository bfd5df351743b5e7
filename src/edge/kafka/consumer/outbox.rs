//! Events for the runner, in order, through a bounded channel.
//!
//! The poll loop never waits for the channel. Events that do not fit stay here, and nothing is read until
//! they are sent, so that at most one batch of records is outside the channel.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::core::source::SourceEvent;

/// How long the channel may be full before the poll loop pauses all partitions, so that it can serve the
/// group without reading. While a backlog is read, the channel is often full for a moment.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Outbox {
    channel: Sender<SourceEvent>,
    waiting: VecDeque<SourceEvent>,
    full_since: Option<Instant>,
    abandoned: bool,
}

impl Outbox {
    pub(super) fn new(channel: Sender<SourceEvent>) -> Self {
        Self { channel, waiting: VecDeque::new(), full_since: None, abandoned: false }
    }

    pub(super) fn push(&mut self, event: SourceEvent) {
        self.waiting.push_back(event);
    }

    /// Sends as many events as the channel takes.
    pub(super) fn flush(&mut self, now: Instant) {
        while let Some(event) = self.waiting.pop_front() {
            match self.channel.try_send(event) {
                Ok(()) => self.full_since = None,
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    self.full_since.get_or_insert(now);
                    return;
                }
                Err(TrySendError::Closed(_)) => {
                    self.abandoned = true;
                    self.waiting.clear();
                }
            }
        }
        self.full_since = None;
    }

    /// Whether an event waits for room in the channel.
    pub(super) fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the channel has been full for so long that reading must pause.
    pub(super) fn is_jammed(&self, now: Instant) -> bool {
        self.full_since.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE)
    }

    /// Whether the receiver is gone.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned || self.channel.is_closed()
    }

    /// Sends all events and then `last`. Waits for room until the receiver is gone.
    pub(super) fn finish(mut self, last: SourceEvent) {
        self.waiting.push_back(last);
        for event in self.waiting {
            if self.channel.blocking_send(event).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::core::record::Ownership;

    #[test]
    fn events_keep_their_order_through_a_full_channel() {
        let (sender, mut receiver) = mpsc::channel(1);
        let (mut outbox, start) = (Outbox::new(sender), super::super::heartbeat::now());
        for number in 0..3 {
            outbox.push(SourceEvent::Lost(vec![Ownership(number)]));
        }
        outbox.flush(start);
        assert!(outbox.is_blocked() && !outbox.is_jammed(start), "one of three fits");
        assert!(outbox.is_jammed(start + PATIENCE));
        for expected in 0..3 {
            let event = receiver.try_recv();
            assert!(
                matches!(&event, Ok(SourceEvent::Lost(lost)) if *lost == [Ownership(expected)]),
                "{event:?}"
            );
            outbox.flush(start + PATIENCE);
        }
        assert!(!outbox.is_blocked() && !outbox.is_jammed(start + 2 * PATIENCE));
    }

    #[test]
    fn nothing_waits_for_a_listener_that_is_gone() {
        let (sender, receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        drop(receiver);
        outbox.push(SourceEvent::Lost(Vec::new()));
        outbox.flush(super::super::heartbeat::now());
        assert!(!outbox.is_blocked() && outbox.is_abandoned());
        outbox.finish(SourceEvent::Closed);
    }
}

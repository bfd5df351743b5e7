//! Drops dead letters, because the configuration says so.

use std::{
    io,
    sync::{Arc, Weak},
    thread::{self, Thread},
    time::Duration,
};

use tokio::sync::mpsc::Sender;

use crate::{
    core::{
        dead_letter::{DeadLetter, DeadLetterId, DeadLetters},
        write_outcome::WriteOutcome,
    },
    edge::acks::Acks,
};

/// How long to wait for room in the channel.
const PAUSE: Duration = Duration::from_millis(5);

/// Drops each dead letter, and reports it as written.
#[derive(Debug)]
pub struct Discard {
    acks: Arc<Acks<(DeadLetterId, WriteOutcome)>>,
    reporter: Thread,
}

impl Discard {
    /// # Errors
    /// If no thread can be started.
    pub fn start(outcomes: Sender<(DeadLetterId, WriteOutcome)>) -> io::Result<Self> {
        let acks = Arc::new(Acks::new(outcomes));
        let ours = Arc::downgrade(&acks);
        let thread = thread::Builder::new().name("dead-letters".into()).spawn(move || report(&ours))?;
        Ok(Self { acks, reporter: thread.thread().clone() })
    }
}

impl DeadLetters for Discard {
    fn write(&mut self, dead_letter: DeadLetter) {
        self.acks.report((dead_letter.id, WriteOutcome::Written));
        self.reporter.unpark();
    }
}

impl Drop for Discard {
    fn drop(&mut self) {
        self.reporter.unpark();
    }
}

/// Reports the acknowledgements that did not fit into the channel, until the writer is dropped.
fn report(acks: &Weak<Acks<(DeadLetterId, WriteOutcome)>>) {
    while let Some(acks) = acks.upgrade() {
        let is_all = acks.flush();
        drop(acks);
        if is_all { thread::park_timeout(Duration::from_secs(1)) } else { thread::park_timeout(PAUSE) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::core::dead_letter::tests::dead_letter;

    #[tokio::test]
    async fn each_dead_letter_is_reported_even_if_nobody_listens_for_a_while() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut dead_letters = Discard::start(sender).unwrap();
        for id in 0..10 {
            dead_letters.write(dead_letter(id));
        }
        for id in 0..10 {
            assert_eq!(receiver.recv().await, Some((DeadLetterId(id), WriteOutcome::Written)));
        }
        drop(dead_letters);
        assert_eq!(receiver.recv().await, None);
    }
}

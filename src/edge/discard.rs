//! Dead letters that go nowhere, because the configuration says so.

use std::{
    io,
    sync::{Arc, Weak},
    thread::{self, Thread},
    time::Duration,
};

use tokio::sync::mpsc::Sender;

use crate::core::{
    dead_letter::{DeadLetter, DeadLetterId, DeadLetters},
    write_outcome::WriteOutcome,
};
use crate::edge::acks::Outcomes;

/// How long to wait for room in the channel.
const PAUSE: Duration = Duration::from_millis(5);

/// Drops each letter, and says that it was written.
#[derive(Debug)]
pub struct Discard {
    outcomes: Arc<Outcomes<(DeadLetterId, WriteOutcome)>>,
    reporter: Thread,
}

impl Discard {
    /// Drops letters from now on, and reports them to `outcomes`.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn start(outcomes: Sender<(DeadLetterId, WriteOutcome)>) -> io::Result<Self> {
        let outcomes = Arc::new(Outcomes::new(outcomes));
        let ours = Arc::downgrade(&outcomes);
        let thread = thread::Builder::new().name("dead-letters".into()).spawn(move || report(&ours))?;
        Ok(Self { outcomes, reporter: thread.thread().clone() })
    }
}

impl DeadLetters for Discard {
    fn write(&mut self, letter: DeadLetter) {
        self.outcomes.report((letter.id, WriteOutcome::Written));
        self.reporter.unpark();
    }
}

impl Drop for Discard {
    fn drop(&mut self) {
        self.reporter.unpark();
    }
}

/// Reports what did not fit into the channel, as long as there are letters to come.
fn report(outcomes: &Weak<Outcomes<(DeadLetterId, WriteOutcome)>>) {
    while let Some(outcomes) = outcomes.upgrade() {
        let is_all = outcomes.flush();
        drop(outcomes);
        if is_all { thread::park_timeout(Duration::from_secs(1)) } else { thread::park_timeout(PAUSE) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::core::dead_letter::tests::letter;

    #[tokio::test]
    async fn each_letter_is_reported_also_when_nobody_listens_for_a_while() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut letters = Discard::start(sender).unwrap();
        for id in 0..10 {
            letters.write(letter(id));
        }
        for id in 0..10 {
            assert_eq!(receiver.recv().await, Some((DeadLetterId(id), WriteOutcome::Written)));
        }
        drop(letters);
        assert_eq!(receiver.recv().await, None);
    }
}
